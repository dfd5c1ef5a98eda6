# SPDX-License-Identifier: Apache-2.0
"""Pages that are swapped out: counted as smaps counts them, not read, and not brought back."""

import os
import pathlib
import re
import subprocess
import time

from common import MIB, State, Unified, can, status
from dump import Failed, Skip, patience


def need_swap():
    if len(pathlib.Path("/proc/swaps").read_text().splitlines()) < 2:
        raise Skip("no swap is on")


def swapped_out(pid):
    """Bytes of the process, and of each mapping that has any, by start."""
    found, start = {}, None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"([0-9a-f]+)-[0-9a-f]+ ", line)
        start = int(head[1], 16) if head else start
        if line.startswith("Swap:") and line.split()[1] != "0":
            found[start] = int(line.split()[1]) * 1024
    return int(status(pid)["VmSwap"].split()[0]) * 1024, found


def settled(pid, least):
    """The pages are written in the background."""
    end = time.monotonic() + patience(10)
    before = None
    while (now := swapped_out(pid)) != before or now[0] < least:
        if time.monotonic() > end:
            raise Skip(f"the kernel swapped out {now[0]} bytes only")
        before = now
        time.sleep(0.3)
    return now


def check_told(tool, where, smaps, *more):
    """summary and maps of a process or snapshot."""
    found = tool.json("summary", where, *more)["data"]["process"]["swap"]
    if found != sum(smaps.values()):
        raise Failed(f"{where} {more}: summary says {found}, smaps {sum(smaps.values())}")
    told = {}
    for mapping in tool.json("maps", where, *more)["data"]["mappings"]:
        start = int(mapping["start"], 16)
        if mapping["swap"]:
            owner = max((s for s in smaps if s <= start), default=None)
            told[owner] = told.get(owner, 0) + mapping["swap"]
    if told != smaps:
        raise Failed(f"{where} {more}: maps says {told}, smaps {smaps}")


def kept(tool, build, work):
    """A heap of which 8 MiB are out, looked at in every way."""
    with State([build / "fixtures" / "states", "swapped"]) as target:
        before = settled(target.pid, 7 * MIB)
        for mode in ("budget", "stop", "nostop"):
            check_told(tool, target.pid, before[1], "--mode", mode)
        for command in ("heaps", "blocks", "leaks", "roots", "top", "threads", "verify"):
            tool.run(command, target.pid)
        for name, more in (("whole", ()), ("packed", ("--compress", "zstd")), ("bare", ("--no-content",))):
            path = work / f"swapped-{name}.snap"
            tool.run("snapshot", target.pid, "-o", path, "--force", *more)
            check_told(tool, path, before[1])
        whole = work / "swapped-whole.snap"
        if os.stat(whole).st_blocks * 512 > 6 * MIB:
            raise Failed(f"the snapshot has {os.stat(whole).st_blocks * 512} bytes")
        # What is not read cannot be known to hold no reference; the ledger needs none of it.
        for where in (target.pid, whole):
            leaks = tool.json("leaks", where)
            if leaks["complete"] or "swapped" not in [w["code"] for w in leaks["warnings"]]:
                raise Failed(f"leaks {where}: {leaks['warnings'][:2]}")
        heaps = [tool.json("heaps", where)["data"]["heaps"] for where in (target.pid, whole)]
        if heaps[0] != heaps[1]:
            raise Failed(f"the process has {heaps[0]}, its snapshot {heaps[1]}")
        after = swapped_out(target.pid)
        if after != before:
            raise Failed(f"{before} before, {after} afterwards")
    return f"{before[0] >> 10} KiB"


def reclaimed(tool, build, work):
    """A process of which its cgroup gave up all it could, module data and stacks included."""
    with Unified("memory") as group:
        if not (group.dir / "memory.reclaim").exists():
            raise Skip("no memory.reclaim here")
        with State([build / "fixtures" / "states", "large"], preexec_fn=group.enter) as target:
            try:
                group.write("memory.reclaim", 64 * MIB)
            except OSError:
                pass  # It was less than that.
            before = settled(target.pid, 8 * MIB)
            path = work / "reclaimed.snap"
            tool.run("snapshot", target.pid, "-o", path, "--force")
            answers = [tool.json("summary", *where) for where in (
                (target.pid, "--mode", "stop"), (path,), (target.pid, "--mode", "nostop"))]
            # A thread that goes on brings back a page: the kernel writes to its rseq area.
            now = swapped_out(target.pid)
            lost = {start: size - now[1].get(start, 0) for start, size in before[1].items()
                    if size != now[1].get(start)}
            if sum(lost.values()) > 4096 or now[1].keys() - before[1].keys():
                raise Failed(f"{lost} of {before} came back")
            least = sum(before[1].values()) - 4096
            for answer in answers:
                if answer["complete"] or "swapped" not in [w["code"] for w in answer["warnings"]]:
                    raise Failed(f"{answer['warnings'][:2]}")
                swap = answer["data"]["process"]["swap"]
                if not least <= swap <= least + 4096:
                    raise Failed(f"summary says {swap}, smaps {before}, then {now}")
            figure = int((group.dir / "memory.swap.current").read_text())
            cgroup = answers[0]["data"]["cgroup"]["swap"]
            if abs(cgroup - figure) > 64 * 4096 or cgroup < least:
                raise Failed(f"memory.swap.current is {figure}, told was {cgroup}")
    return f"{before[0] >> 10} KiB"


SHARED = """
import mmap, os, time
m = mmap.mmap(-1, 8 << 20)
for at in range(0, len(m), 4096):
    m[at:at + 4096] = os.urandom(4096)
m.madvise(21)  # MADV_PAGEOUT
print("READY", flush=True)
time.sleep(1000)
"""


def shared(tool, work):
    """Shared memory that is out: in no page table, and counted all the same."""
    with State(["python3", "-c", SHARED]) as target:
        end = time.monotonic() + patience(10)
        while sum((before := swapped_out(target.pid)[1]).values()) < 7 * MIB:
            if time.monotonic() > end:
                raise Skip(f"the kernel swapped out {before} only")
            time.sleep(0.3)
        time.sleep(1)
        before = swapped_out(target.pid)[1]
        path = work / "swapped-shared.snap"
        tool.run("snapshot", target.pid, "-o", path)
        for where in (target.pid, path):
            check_told(tool, where, before)
            leaks = tool.json("leaks", where)
            if leaks["complete"] or "shared-elsewhere" not in [w["code"] for w in leaks["warnings"]]:
                raise Failed(f"{where}: {leaks['warnings'][:2]}")
        if swapped_out(target.pid)[1] != before:
            raise Failed(f"{before} before, {swapped_out(target.pid)[1]} afterwards")
    return f"{sum(before.values()) >> 10} KiB"


CACHED = """
import mmap, os, sys
m = mmap.mmap(-1, 24 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, len(m), 4096):
    m[at:at + 4096] = os.urandom(4096)
m.madvise(21)  # MADV_PAGEOUT
sum(m[::4096])
print("READY", flush=True)
sys.stdin.read()
import time
time.sleep(1000)
"""


def swap_cache(tool, work):
    """What was read back keeps its copy on the disk: it is memory of the process, not page cache.
    Swap on a file: of zram the kernel keeps no copy."""
    area = work / "swap"
    with open(area, "wb") as file:
        file.write(b"\0" * (64 * MIB))
    area.chmod(0o600)
    for argv in (["mkswap", area], ["swapon", "-p", "1000", area]):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f"{argv[0]}: {done.stderr.strip()[-100:]}")
    try:
        with Unified("memory") as group, \
                State(["python3", "-c", CACHED], preexec_fn=group.enter) as target:
            stat = dict(line.split() for line in (group.dir / "memory.stat").read_text().splitlines())
            if int(stat["swapcached"]) < 16 * MIB:
                raise Skip(f"the kernel kept {stat['swapcached']} bytes of it only")
            data = tool.json("summary", target.pid)["data"]
            rows = {r["label"]: r["bytes"] for r in data["reconcile"] if r["of"] == "cgroup"}
            if abs(data["cgroup"]["swap_cache"] - int(stat["swapcached"])) > MIB:
                raise Failed(f"swap_cache is {data['cgroup']['swap_cache']}, not {stat['swapcached']}")
            if rows["file"] > 12 * MIB or rows["anon"] < 24 * MIB or abs(rows["unexplained"]) > 4 * MIB:
                raise Failed(f"{rows}; {stat}")
    finally:
        subprocess.run(["swapoff", area], check=False)
        area.unlink()
    return f"{int(stat['swapcached']) >> 10} KiB"


def checks(score, tool, build, work):
    if not can(score, "swap", need_swap):
        return
    score.check("swap kept", kept, tool, build, work)
    score.check("swap reclaimed", reclaimed, tool, build, work)
    score.check("swap shared", shared, tool, work)
    score.check("swap cache", swap_cache, tool, work)
