# SPDX-License-Identifier: Apache-2.0
"""What the kernel counts, and where it goes."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from common import Group, JEMALLOC, MEMCG, MIB, State, Unified, memory_group, status
from dump import Failed, Process, Skip, patience
import gobuild


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


def rss_identity(tool, process):
    """The whole of RSS goes to its owners, and that of each heap to its rows."""
    answer = tool.json("summary", process.pid, "--mode", "stop")
    rss = identity(tool, process.pid, answer["data"]["reconcile"])
    known = int(status(process.pid)["VmRSS"].split()[0]) * 1024
    if abs(rss - known) > max(known / 50, MIB):
        raise Failed(f"RSS {rss}, the kernel says {known}")
    mapped = sum(m["resident"] for m in tool.json("maps", process.pid)["data"]["mappings"])
    if abs(mapped - rss) > max(rss / 100, 2 * MIB):
        raise Failed(f"mappings have {mapped}, RSS is {rss}")
    return f"{rss >> 10} KiB"


PYTHON = "x = [str(i) * 5 for i in range(300000)]; y = [bytes(5000) for i in range(3000)]; " \
         "print('READY', flush=True); import time; time.sleep(100)"


def programs(build):
    """name: argv, environment."""
    fixtures = build / "fixtures"
    yield "heaps", [fixtures / "heaps", "--threads", "3", "--blocks", "2000"], {}
    yield "huge pages", [fixtures / "states", "huge"], {}
    yield "lazy", [fixtures / "states", "lazy"], {}
    yield "python", [sys.executable, "-c", PYTHON], {}
    if JEMALLOC.exists():
        yield "jemalloc", [fixtures / "jeheaps", "--threads", "3", "--blocks", "2000"], {
            "LD_PRELOAD": str(JEMALLOC)}
    for go in gobuild.own():
        yield f"go {go.version}", [go.build(build, "heap", "normal"), "-wait", "-late=false"], {}


def redis(tool, work):
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    socket = work / "redis.sock"
    with Process(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                  "--appendonly", "no"], work) as process:
        script = "for i = 1, 100000 do redis.call('set', 'key' .. i, string.rep('x', i % 200)) end"
        for _ in range(100):
            done = subprocess.run(["redis-cli", "-s", socket, "eval", script, "0"],
                                  capture_output=True, check=False)
            if done.returncode == 0 and not done.stderr:
                break
            time.sleep(0.1)
        else:
            raise Failed("redis does not answer")
        return rss_identity(tool, process)


def lazy(tool, build, work):
    """What was given back with MADV_FREE is told, by the process and by its snapshot."""
    with Process([build / "fixtures" / "states", "lazy"], work, ready="READY") as process:
        tool.run("snapshot", process.pid, "-o", work / "lazy.snap", "--force")
        for where in (process.pid, work / "lazy.snap"):
            found = tool.json("summary", where)["data"]["process"]["lazy"]
            if found != 8 * MIB:
                raise Failed(f"{where}: {found} bytes are lazy, not 8 MiB")
            mappings = [m for m in tool.json("maps", where)["data"]["mappings"] if m["lazy"]]
            if sum(m["lazy"] for m in mappings) != 8 * MIB:
                raise Failed(f"{where}: {mappings}")
            if os.geteuid():
                continue  # Which pages is told to root only.
            more = ("--mode", "stop") if where == process.pid else ()
            rows = {r["label"]: r["bytes"]
                    for r in tool.json("summary", where, *more)["data"]["reconcile"]
                    if r["of"] == "ptmalloc:libc.so.6 resident"}
            if rows["lazy"] != 8 * MIB or rows["live"] > 3 * MIB:
                raise Failed(f"{where}: {rows}")


def huge_waste(tool, build, work):
    """Pages of huge pages that were never written to; null when nobody looked."""
    with Process([build / "fixtures" / "states", "huge"], work, ready="READY") as process:
        for name, more in (("huge.snap", ()), ("bare.snap", ("--no-content",))):
            tool.run("snapshot", process.pid, "-o", work / name, "--force", *more)
        seen = [tool.json("summary", where, *more)["data"]["process"] for where, more in (
            (process.pid, ("--mode", "stop")), (work / "huge.snap", ()), (work / "bare.snap", ()))]
    if seen[0]["huge"] != 8 * MIB:
        raise Skip(f"no huge pages here: {seen[0]['huge']} bytes")
    if [s["huge_waste"] for s in seen] != [7 * MIB, 7 * MIB, None]:
        raise Failed(f"{[s['huge_waste'] for s in seen]}, not 7 MiB twice and null")


def several(tool, build):
    """Every process of a cgroup is listed, and the anonymous memory is theirs."""
    with memory_group() as cgroup:
        many = [State([build / "fixtures" / "states", "large"], preexec_fn=cgroup.enter)
                for _ in range(3)]
        try:
            data = tool.json("summary", many[0].pid, "--mode", "stop")["data"]
        finally:
            for state in many:
                state.__exit__()
        listed = [p["pid"] for p in data["cgroup"]["processes"]]
        if sorted(listed) != sorted(s.pid for s in many):
            raise Failed(f"{listed} are listed of {[s.pid for s in many]}")
        anon = {r["label"]: r["bytes"] for r in data["reconcile"] if r["of"] == "anon"}
        if anon["anon of other processes"] < 16 * MIB or abs(anon["unexplained"]) > 2 * MIB:
            raise Failed(f"anon is {anon}")


def page_cache(tool, build, work):
    """A file written by the cgroup is page cache, not memory of the process."""
    with memory_group() as cgroup:
        popen = subprocess.Popen([build / "fixtures" / "states"], preexec_fn=cgroup.enter,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            popen.stdout.readline()
            subprocess.run(["dd", "if=/dev/zero", f"of={work / 'cached'}", "bs=1M", "count=48"],
                           preexec_fn=cgroup.enter, stderr=subprocess.DEVNULL, check=True)
            data = tool.json("summary", popen.pid, "--mode", "stop")["data"]
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


# What cgroup v2 prints, in bytes; slab and the like are parts of kernel.
V2_STAT = {"anon": 12 * MIB, "file": 50 * MIB, "kernel": 3 * MIB, "kernel_stack": MIB // 2, "pagetables": MIB,
           "slab": MIB, "sock": MIB // 4, "shmem": 2 * MIB, "file_mapped": 6 * MIB,
           "inactive_file": 40 * MIB, "active_file": 8 * MIB, "workingset_refault_anon": 77777}
V2 = {"memory.current": str(66 * MIB), "memory.max": "max", "memory.swap.current": str(MIB),
      "memory.stat": "".join(f"{key} {value}\\n" for key, value in V2_STAT.items()),
      "memory.events": "low 0\\nhigh 0\\nmax 0\\noom 0\\noom_kill 0\\n"}


def version_2(tool, build):
    """cgroup v2. Where its memory controller is version 1's, a directory of it gets files made up
    here, for heapwalk alone (a mount namespace)."""
    top = next((pathlib.Path(line.split()[1]) for line in
                pathlib.Path("/proc/mounts").read_text().splitlines()
                if line.split()[2] == "cgroup2"), None)
    if os.geteuid() or not shutil.which("unshare"):
        raise Skip("not root, or no unshare")
    with Group(top, "cgroup v2") as group, \
            State([build / "fixtures" / "states", "large"]) as target:
        group.write("cgroup.procs", target.pid)
        script = f"umount -l {MEMCG}; mount -t tmpfs none {group.dir} || exit 99; cd {group.dir}; " \
                 f"echo {target.pid} > cgroup.procs; " + "".join(
                     f"printf '{text}' > {name}; " for name, text in V2.items()) + \
                 'exec "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", tool.program, "summary", str(target.pid),
             "--json"], capture_output=True, text=True, timeout=patience(60), check=False)
        if done.returncode == 99:
            raise Skip(f"no mount namespace here: {done.stderr[-100:]}")
        data = json.loads(done.stdout)["data"]
        identity(tool, target.pid, data["reconcile"])
    rows = {r["label"]: r["bytes"] for r in data["reconcile"] if r["of"] == "cgroup"}
    wanted = {"anon": 12 * MIB, "file": 48 * MIB, "shmem": 2 * MIB, "kernel": 3 * MIB, "sock": MIB // 4,
              "unexplained": 66 * MIB - 65 * MIB - MIB // 4}
    if rows != wanted:
        raise Failed(f"{rows}, not {wanted}")
    cgroup = data["cgroup"]
    if (cgroup["version"], cgroup["usage"], cgroup["limit"], cgroup["working_set"]) != (
            2, 66 * MIB, None, 26 * MIB):
        raise Failed(str(cgroup))


def version_2_kernel(tool, build, work):
    """cgroup v2 as the kernel itself prints it: a process of 8 MiB, a written file of 48 MiB."""
    with Unified("memory") as group:
        group.write("memory.max", 256 * MIB)
        enter = group.enter
        with State([build / "fixtures" / "states", "large"], preexec_fn=enter) as target:
            subprocess.run(["dd", "if=/dev/zero", f"of={work / 'cached'}", "bs=1M", "count=48"],
                           preexec_fn=enter, stderr=subprocess.DEVNULL, check=True)
            data = tool.json("summary", target.pid, "--mode", "stop")["data"]
            usage = int((group.dir / "memory.current").read_text())
            (work / "cached").unlink()
        cgroup = data["cgroup"]
        rows = {r["label"]: r["bytes"] for r in data["reconcile"] if r["of"] == "cgroup"}
        if (cgroup["version"], cgroup["limit"]) != (2, 256 * MIB):
            raise Failed(str(cgroup))
        # Counted for each processor, and added up now and then.
        if abs(cgroup["usage"] - usage) > 4 * MIB or abs(rows["unexplained"]) > 4 * MIB:
            raise Failed(f"memory.current is {usage}; {cgroup}, {rows}")
        if not 47 * MIB <= rows["file"] <= 64 * MIB or not 8 * MIB <= rows["anon"] <= 32 * MIB:
            raise Failed(f"the cgroup is {rows}")
        if [p["pid"] for p in cgroup["processes"]] != [target.pid]:
            raise Failed(f"processes: {cgroup['processes']}")
        identity(tool, target.pid, data["reconcile"])


def near_limit(tool, build, count):
    """64 MiB from its limit, with heapwalk in the same cgroup: nobody is killed."""
    for _ in range(count):
        with memory_group(256 * MIB) as cgroup:
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
                    raise Failed(f"the target is gone: {popen.wait(patience(10))}")
            finally:
                popen.kill()
                popen.wait()
                popen.stdin.close()
                popen.stdout.close()


def checks(score, tool, build, work, count):
    def account(argv, env):
        with Process(argv, work, env, ready="READY", stdin=subprocess.PIPE) as process:
            return rss_identity(tool, process)

    for name, argv, env in programs(build):
        score.check(f"account {name}", account, argv, env)
    score.check("account redis", redis, tool, work)
    score.check("account lazy pages", lazy, tool, build, work)
    score.check("account huge pages' waste", huge_waste, tool, build, work)
    score.check("account page cache", page_cache, tool, build, work)
    score.check("account cgroup v2", version_2, tool, build)
    score.check("account cgroup v2, the kernel's", version_2_kernel, tool, build, work)
    score.check("account several processes", several, tool, build)
    score.check("account near limit", near_limit, tool, build, count)
