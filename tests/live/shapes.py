# SPDX-License-Identifier: Apache-2.0
"""Processes of unusual shape are answered like any other."""

import json
import os
import pathlib
import subprocess
import sys
import time

from common import MIB, State, memory_group, status
from dump import Failed, Skip, patience


def states(build, *args):
    return [build / "fixtures" / "states", *args]


def mappings(tool, build, work):
    """Nothing takes the square of the mappings' number: minutes, while it stands still."""
    with State(states(build, "mappings")) as target:
        tool.run("snapshot", target.pid, "-o", work / "mappings.snap")
        for where in (target.pid, work / "mappings.snap"):
            data = tool.json("summary", where, *(("--mode", "stop") if where == target.pid else ()))
            if data["data"]["mapped"] < 30000 * 4096 or not data["complete"]:
                raise Failed(f"{where}: {data['warnings'][:2]}")


SHARED = """
import mmap, os, time
m = mmap.mmap(-1, 9 << 20)  # Shared, 8 MiB of it used.
for at in range(0, 8 << 20, 4096):
    m[at:at + 8] = b"ABCDEFGH"
if os.fork():
    time.sleep(1000)
m[0]
print(os.getpid(), flush=True)
time.sleep(1000)
"""


def elsewhere(tool, work):
    """What a parent has put into shared memory is not read through a child that has not used it,
    and is not taken for zeros."""
    parent = subprocess.Popen([sys.executable, "-c", SHARED], stdout=subprocess.PIPE,
                              start_new_session=True)
    try:
        child = int(parent.stdout.readline())
        before = status(child)["RssShmem"]
        used = 8 * 1024 - int(before.split()[0])
        tool.run("snapshot", child, "-o", work / "shared.snap")
        for where in (child, work / "shared.snap"):
            answer = tool.json("leaks", where)
            told = [w["message"] for w in answer["warnings"] if w["code"] == "shared-elsewhere"]
            if answer["complete"] or not told or f"{used / 1024:.2f} MiB" not in told[0]:
                raise Failed(f"{where}: {used} KiB are elsewhere: {answer['warnings'][:2]}")
        if not tool.json("leaks", parent.pid)["complete"]:
            raise Failed("the parent has all of it, and is not complete")
        if status(child)["RssShmem"] != before:
            raise Failed(f"{before} before, {status(child)['RssShmem']} afterwards")
    finally:
        os.killpg(parent.pid, 9)
        parent.wait()
        parent.stdout.close()


def headless(tool, build, work):
    """The first thread has ended: a zombie by its number, and yet all memory is there."""
    with State(states(build, "headless")) as target:
        end = time.monotonic() + patience(10)
        while not status(target.pid)["State"].startswith("Z"):
            if time.monotonic() > end:
                raise Failed(f"its first thread is {status(target.pid)['State']}")
            time.sleep(0.01)
        tool.run("snapshot", target.pid, "-o", work / "headless.snap")
        for where in (target.pid, work / "headless.snap"):
            answer = tool.json("summary", where)
            if answer["target"]["pid"] != target.pid or answer["target"]["threads"] != 1:
                raise Failed(str(answer["target"]))
            if answer["data"]["heaps"][0]["blocks"]["live"] < 2000:
                raise Failed(f"{where}: {answer['data']['heaps']}")
        rows = {r["label"]: r["bytes"] for r in answer["data"]["reconcile"]}
        if "cgroup" in rows and not rows.get("anon of this process"):
            raise Failed(f"it is not among the processes of its cgroup: {rows}")


def names(tool, build):
    """A name of several lines is still one process; no name reaches the terminal as it is."""
    code = "import ctypes,time; ctypes.CDLL(None).prctl(15, b'a\\nb\\x1b[31m'); " \
           "print('READY', flush=True); time.sleep(600)"
    with State([sys.executable, "-c", code]) as target:
        answer = tool.json("summary", target.pid)
        if answer["damage"]["count"]:
            raise Failed(str(answer["damage"]))
        for process in answer["data"].get("cgroup", {"processes": []})["processes"]:
            if process["pid"] == target.pid and process["command"] != "a\nb\x1b[31m":
                raise Failed(str(process))
        done = subprocess.run([tool.program, "summary", str(target.pid)], env=tool.env,
                              capture_output=True, check=True)
        if b"\x1b" in done.stdout + done.stderr:
            raise Failed("an escape reached the terminal")


def huge_tables(tool, build):
    """Pages of hugetlbfs are in no RSS: told apart, and nothing is unexplained."""
    pool = pathlib.Path("/proc/sys/vm/nr_hugepages")
    if os.geteuid() or not pool.exists():
        raise Skip("not root, or no hugetlbfs")
    before = pool.read_text()
    pool.write_text(str(int(before) + 4))
    try:
        target = State(states(build, "hugetlb"))
    finally:
        pool.write_text(before)
    with target:
        data = tool.json("summary", target.pid)["data"]
    rows = [(r["of"], r["label"], r["bytes"]) for r in data["reconcile"]]
    if data["process"]["hugetlb"] != 4 << 20 or \
            ("RSS", "hugetlb, not in RSS", -(4 << 20)) not in rows:
        raise Failed(f"{data['process']} {rows}")
    if ("RSS", "unexplained", 0) not in rows:
        raise Failed(f"RSS: {rows}")


def counted(tool, build):
    """There are as many mappings as the kernel lists; those in one row are the kernel's own, with its figures."""
    with State(states(build)) as target:
        lines = pathlib.Path(f"/proc/{target.pid}/maps").read_text().splitlines()
        ranges = {tuple(f"0x{int(at, 16):x}" for at in line.split()[0].split("-")) for line in lines}
        for mode in ("budget", "stop", "nostop"):
            data = tool.json("maps", target.pid, "--mode", mode)["data"]
            if sum(t["mappings"] for t in data["owners"]) != len(lines):
                raise Failed(f"{mode}: {len(lines)} in /proc, {data['owners']}")
            whole = [m for m in data["mappings"] if (m["start"], m["end"]) in ranges]
            parts = [m for m in data["mappings"] if m not in whole]
            if any(m["dirty"] is None or m["pss"] is None for m in whole):
                raise Failed(f"{mode}: a whole mapping without the kernel's figures")
            if any(m["owner"] not in ("heap", "anon", "stack") for m in parts):
                raise Failed(f"{mode}: in pieces: {parts}")


def sparse(tool, build, work):
    """Terabytes of address space: what a snapshot without contents costs is what there is."""
    with State(states(build, "sparse")) as target:
        done = tool.json("snapshot", target.pid, "--no-content", "-o", work / "sparse.snap")
        live = tool.json("heaps", target.pid)["data"]["heaps"][0]["blocks"]["live"]
        if tool.json("heaps", work / "sparse.snap")["data"]["heaps"][0]["blocks"]["live"] != live:
            raise Failed("the snapshot has other blocks")
    if done["data"]["undropped"] < 32 * 4096:
        raise Failed(f"that no heap explains: {done['data']}")


def advised(tool, build, work):
    """madvise() inside of a block splits its mapping: it is one block all the same."""
    with State(states(build, "huge")) as target:
        tool.run("snapshot", target.pid, "-o", work / "advised.snap")
        for where in (target.pid, work / "advised.snap"):
            answer = tool.json("heaps", where, *(("--mode", "stop") if where == target.pid else ()))
            heap = answer["data"]["heaps"][0]
            if not answer["complete"] or heap["confidence"] != "exact":
                raise Failed(f"{where}: {answer['warnings'][:2]}, {heap['confidence']}")
            found = tool.run("blocks", where, "--min", "8MiB", "-q").decode().splitlines()[1:]
            if len(found) != 1:
                raise Failed(f"{where}: blocks of 8 MiB: {found}")


def killed(tool, build, work):
    """Nothing is left of a snapshot that was killed half way, and the process goes on."""
    name = work / "killed.snap"
    try:
        os.close(os.open(work, os.O_TMPFILE | os.O_WRONLY))
    except OSError as e:
        raise Skip(f"no files without a name in {work}: {e}") from None
    with State(states(build, "large")) as target:
        for tenths in range(1, 6):
            process = tool.start("snapshot", target.pid, "-o", name)
            time.sleep(tenths / 20)
            process.kill()
            process.communicate()
            if process.returncode == 0:
                name.unlink()
            if list(work.glob("killed.snap*")):
                raise Failed(f"killed after {tenths / 20} s: {list(work.glob('killed.snap*'))}")
            if status(target.pid)["TracerPid"].strip() != "0":
                raise Failed("it is still traced")


def no_room(tool, build):
    """What a tenth of the headroom has no room for is missing, and nobody's damage."""
    with memory_group(64 * MIB) as cgroup:
        with State(states(build, "many"), preexec_fn=cgroup.enter) as target:
            for mode in ("budget", "nostop"):
                code, out, err = tool.call("heaps", target.pid, "--json", "--mode", mode,
                                           "--max-stop", "5s", preexec_fn=cgroup.enter)
                if code:
                    raise Failed(f"exit {code}: {err[-200:]}")
                answer = json.loads(out)
                codes = [w["code"] for w in answer["warnings"]]
                if answer["complete"] or "spool-full" not in codes:
                    raise Failed(f"{mode}: {codes}")
                if mode == "budget" and (answer["damage"]["count"] or
                                         not answer["data"]["heaps"][0]["bytes"]["unknown"]):
                    raise Failed(f"{answer['damage']} {answer['data']['heaps'][0]['bytes']}")


def stop_time(tool, build):
    """For how long it stood still is told by every command, on stderr where stdout has lines."""
    with State(states(build)) as target:
        block = tool.run("blocks", target.pid, "-q").decode().splitlines()[1].split(",")[0]
        for args in (("show", block), ("blocks",), ("leaks", "--format", "csv")):
            done = subprocess.run([tool.program, args[0], str(target.pid), *args[1:]],
                                  env=tool.env, capture_output=True, text=True, check=True)
            text = done.stdout if args[0] == "show" else done.stderr
            if f"process {target.pid}: states, 1 thread, stopped " not in text:
                raise Failed(f"{args}: {text[:200]}")


def checks(score, tool, build, work):
    score.check("shape many mappings", mappings, tool, build, work)
    score.check("shape of shared memory", elsewhere, tool, work)
    score.check("shape without a first thread", headless, tool, build, work)
    score.check("shape of a name", names, tool, build)
    score.check("shape hugetlb", huge_tables, tool, build)
    score.check("shape of its mappings", counted, tool, build)
    score.check("shape sparse", sparse, tool, build, work)
    score.check("shape of advised blocks", advised, tool, build, work)
    score.check("shape of a killed snapshot", killed, tool, build, work)
    score.check("shape of no room", no_room, tool, build)
    score.check("shape of a stop", stop_time, tool, build)
