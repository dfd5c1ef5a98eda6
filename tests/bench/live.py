#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a process stands still: heapwalk's stop mode against gcore's whole run, and the
budget mode on heaps whose metadata is small.

    live.py BUILD [MIB...]        default: 1024 4096

Medians of three; the judged ones with `ok` or `SLOW`; exit status 1 after a SLOW. gap is the
longest pause that the target itself felt. The floor is what the kernel takes to hand out the
memory of a process that stands still, into a small buffer for each processor: a stop that
reads everything cannot be shorter. LIVE_PREFIX: words put before heapwalk, gdb and the floor
(`chrt -r 1`, where others use the machine).
"""

import glob
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import gobuild  # pylint: disable=wrong-import-position
from dump import Process  # pylint: disable=wrong-import-position

PREFIX = os.environ.get("LIVE_PREFIX", "").split()
RUNS = 3
ENV = {k: v for k, v in os.environ.items() if k != "DEBUGINFOD_URLS"}


class Busy:
    def __init__(self, build, mib, preload=None):
        env = {**ENV, **({"LD_PRELOAD": preload} if preload else {})}
        self.popen = subprocess.Popen(
            [build / "fixtures" / "busy", "--mib", str(mib), "--threads", "1"], env=env,
            text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.popen.pid
        assert self.popen.stdout.readline() == "READY\n"

    def gap(self):
        self.popen.stdin.write("\n")
        gap, errors = self.popen.stdout.readline().split()[:2]
        if int(errors):
            raise SystemExit(f"the target found {errors} errors")
        return int(gap) / 1e6

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.popen.kill()
        self.popen.wait()


def heapwalk(build, busy, *args):
    """Stop and gap in ms, and the answer."""
    busy.gap()
    done = subprocess.run([*PREFIX, build / "heapwalk", args[0], str(busy.pid), "--json",
                           *args[1:]], env=ENV, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    return answer["target"]["stopped_ns"] / 1e6, busy.gap(), answer


def gcore(busy, path):
    """gdb stops it from its first to its last step: the gap is what the target felt."""
    busy.gap()
    subprocess.run([*PREFIX, "gdb", "--nx", "--batch", "-iex", "set debuginfod enabled off", "-ex",
                    f"gcore {path}", "-ex", "detach", "-p", str(busy.pid)], env=ENV,
                   capture_output=True, check=True)
    pathlib.Path(path).unlink()
    return busy.gap()


def floor(build, busy):
    done = subprocess.run([*PREFIX, build / "tests" / "bench" / "readfloor", str(busy.pid)],
                          capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def stops(build, busy, judge, mib):
    """Stop mode, gcore and the floor, in turn."""
    seen = {"stop": [], "beyond": [], "gcore": [], "floor": []}
    for _ in range(RUNS):
        stop, gap, _ = heapwalk(build, busy, "leaks", "--mode", "stop")
        seen["stop"].append(stop)
        seen["beyond"].append(gap - stop)
        seen["floor"].append(floor(build, busy))
        if shutil.which("gdb"):
            with tempfile.TemporaryDirectory(dir="/var/tmp") as work:
                seen["gcore"].append(gcore(busy, f"{work}/core"))
    stop, beyond, least = (statistics.median(seen[k]) for k in ("stop", "beyond", "floor"))
    judge(f"{mib} MiB: gap {beyond:.0f} ms more than the {stop:.0f} ms printed (at most 20)",
          beyond <= 20)
    if seen["gcore"]:
        dump = statistics.median(seen["gcore"])
        judge(f"{mib} MiB: stop mode {stop:.0f} ms, gcore {dump:.0f} ms: {stop / dump:.3f} (at "
              f"most 0.1; the floor is {least:.0f} ms: {least / dump:.3f})", stop <= dump / 10)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    sizes = [int(a) for a in sys.argv[2:]] or [1024, 4096]
    slow = 0

    def judge(what, ok):
        nonlocal slow
        slow += not ok
        print(f"{'ok  ' if ok else 'SLOW'}  {what}", flush=True)

    for mib in sizes:
        with Busy(build, mib) as busy:
            stops(build, busy, judge, mib)
            stop, gap, answer = heapwalk(build, busy, "heaps")
            print(f"      {mib} MiB: ptmalloc heaps, budget: {stop:.0f} ms, gap {gap:.0f} ms, "
                  f"complete {answer['complete']}", flush=True)
    for library in glob.glob("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"):
        with Busy(build, max(sizes), library) as busy:
            stop, gap, answer = heapwalk(build, busy, "heaps")
            judge(f"{max(sizes)} MiB: jemalloc heaps {stop:.0f} ms, gap {gap:.0f} ms, complete "
                  f"{answer['complete']} (within 250 ms)", stop <= 250 and answer["complete"])
    for go in gobuild.own()[:1]:
        # About 45 bytes of heap for an object.
        argv = [go.build(build, "big", "normal"), "-wait", "-objects", str(max(sizes) * 23000)]
        with tempfile.TemporaryDirectory() as work:
            with Process(argv, work, ready="READY", timeout=600, stdin=subprocess.PIPE) as process:
                done = subprocess.run([*PREFIX, build / "heapwalk", "heaps", str(process.pid),
                                       "--json"], env=ENV, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        stop = answer["target"]["stopped_ns"] / 1e6
        mapped = sum(h["bytes"]["live"] for h in answer["data"]["heaps"]) >> 20
        judge(f"{mapped} MiB live: Go {go.version} heaps {stop:.0f} ms, complete "
              f"{answer['complete']} (within 250 ms)", stop <= 250 and answer["complete"])
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
