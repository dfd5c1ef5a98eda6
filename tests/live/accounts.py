# SPDX-License-Identifier: Apache-2.0
"""What the kernel counts, and where it goes."""

import json
import subprocess

from common import Cgroup, MIB, status
from dump import Failed, Process

def identity(tool, pid, rows):
    """Every level adds up; unexplained is small; heaps are in it."""
    for row in rows:
        parts = [r for r in rows if r["of"] == row["label"]]
        if parts and sum(p["bytes"] for p in parts) != row["bytes"]:
            raise Failed(f"{pid}: the parts of {row['label']} do not add up")
    rss = next(r["bytes"] for r in rows if r["label"] == "RSS")
    for row in rows:
        if row["label"] == "unexplained" and row["of"] and "resident" in row["of"] or row["of"] == "RSS":
            if row["label"] == "unexplained" and abs(row["bytes"]) > max(rss / 100, 2 * MIB):
                raise Failed(f"{row['bytes']} bytes of {row['of']} ({rss}) are unexplained")
    return rss


def rss_identity(tool, argv, work):
    with Process(argv, work, ready="READY") as process:
        answer = tool.json("summary", process.pid)
        rss = identity(tool, process.pid, answer["data"]["reconcile"])
        known = int(status(process.pid)["VmRSS"].split()[0]) * 1024
        if abs(rss - known) > max(known / 50, MIB):
            raise Failed(f"RSS {rss}, the kernel says {known}")
        mapped = sum(m["resident"] for m in tool.json("maps", process.pid)["data"]["mappings"])
        if abs(mapped - rss) > max(rss / 100, 2 * MIB):
            raise Failed(f"mappings have {mapped}, RSS is {rss}")


def page_cache(tool, build, work):
    """A file written by the cgroup is page cache, not memory of the process."""
    with Cgroup() as cgroup:
        popen = subprocess.Popen([build / "fixtures" / "busy"], preexec_fn=cgroup.enter,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            popen.stdout.readline()
            subprocess.run(["dd", "if=/dev/zero", f"of={work / 'cached'}", "bs=1M", "count=48"],
                           preexec_fn=cgroup.enter, stderr=subprocess.DEVNULL, check=True)
            data = tool.json("summary", popen.pid)["data"]
        finally:
            popen.kill()
            popen.wait()
            popen.stdin.close()
            popen.stdout.close()
            (work / "cached").unlink(missing_ok=True)
        top = {r["label"]: r["bytes"] for r in data["reconcile"] if r["of"] == "cgroup"}
        if not 47 * MIB <= top["file"] <= 64 * MIB:
            raise Failed(f"file is {top['file']}")
        if top["anon"] > 32 * MIB or abs(top["unexplained"]) > 4 * MIB:
            raise Failed(f"the cgroup is {top}")
        if data["cgroup"]["without_cache"] > data["cgroup"]["usage"] - 47 * MIB:
            raise Failed(f"without cache: {data['cgroup']}")
        if [p["pid"] for p in data["cgroup"]["processes"]] != [popen.pid]:
            raise Failed(f"processes: {data['cgroup']['processes']}")


def near_limit(tool, build, count):
    """64 MiB from its limit, with heapwalk in the same cgroup: nobody is killed."""
    for _ in range(count):
        with Cgroup(limit=256 * MIB) as cgroup:
            popen = subprocess.Popen([build / "fixtures" / "busy", "--mib", "180"],
                                     preexec_fn=cgroup.enter, text=True, bufsize=1,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                popen.stdout.readline()
                code, out, err = tool.call("heaps", popen.pid, "--json", preexec_fn=cgroup.enter)
                if code:
                    raise Failed(f"heapwalk: exit {code}: {err[-200:]}")
                codes = [w["code"] for w in json.loads(out)["warnings"]]
                if "same-cgroup" not in codes:
                    raise Failed(f"the headroom was not told: {codes}")
                popen.stdin.write("\n")
                if not popen.stdout.readline():
                    raise Failed(f"the target is gone: {popen.wait(10)}")
            finally:
                popen.kill()
                popen.wait()
                popen.stdin.close()
                popen.stdout.close()


def checks(score, tool, build, work, count):
    heaps = [build / "fixtures" / "heaps", "--threads", "3", "--blocks", "2000"]
    score.check("account heaps", rss_identity, tool, heaps, work)
    score.check("account page cache", page_cache, tool, build, work)
    score.check("account near limit", near_limit, tool, build, count)
