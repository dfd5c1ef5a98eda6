#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reachability, paths, dominators, retained sizes and leaks of real cores against the slow twin.

    twin.py BUILD [--keep DIR] [--matrix]   --matrix: only Go, of every version

Cores of fixtures and of programs of the distribution are given to tests/naive/twin.c, which
asks the tool's library and works everything out again by removing nodes. Last line:
`twin: N passed, N failed, N skipped`.
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import gosuite
from dump import Failed, Process, Skip, copy_binaries, gcore, need_kernel_cores
from oracle import Score

TIMEOUT = 240
PYTHON = """
import collections, os, sys, time
class Node: pass
head = None
for i in range(1000):
    node = Node()
    node.next, node.items = head, [bytes(i)] * 3
    head = node
index = collections.OrderedDict((i, {"key": i}) for i in range(2000))
ring = []
ring.append(ring)
print("READY", flush=True)
time.sleep(600)
"""


class Program:
    """argv is made from the build directory; READY means that it stands still, a number that
    so many seconds do."""

    def __init__(self, name, argv, ready="READY", gdb=False, kernel=True):
        self.name, self.argv, self.ready, self.gdb, self.kernel = name, argv, ready, gdb, kernel


PROGRAMS = [
    Program("tangle-1", lambda b: [b / "fixtures/tangle", 1], gdb=True),
    Program("tangle-2", lambda b: [b / "fixtures/tangle", 2]),
    Program("tangle-3", lambda b: [b / "fixtures/tangle", 3]),
    Program("leaks", lambda b: [b / "fixtures/leaks", 12]),
    Program("roots", lambda b: [b / "fixtures/roots", b / "fixtures/rootsloaded.so"], gdb=True),
    Program("roots-stripped", lambda b: [b / "fixtures/stripped/roots",
                                         b / "fixtures/stripped/rootsloaded.so"]),
    Program("heaps", lambda b: [b / "fixtures/heaps", "--threads", "3", "--blocks", "500",
                                "--fastbins", "--tcache"]),
    Program("python", lambda b: ["/usr/bin/python3", "-c", PYTHON]),
    Program("sleep", lambda b: ["/bin/sleep", "600"], ready=0.3),
]


def go_programs(build, matrix):
    """A small heap of each Go: that of fixtures/go/held. Its runtime would not let it dump core."""
    def argv(go):
        def built(b):
            if isinstance(go, str):
                raise Skip(go)
            return [go.build(b, "held", "stripped")]
        return built

    for version, go in gosuite.toolchains(build, ["--matrix"] if matrix else []).items():
        yield Program(f"go-{version}", argv(go), ready="ready", gdb=True, kernel=False)


def twin(build, core, sysroot):
    argv = [build / "tests/twin", core, "--plugins", build / "plugins"]
    argv += ["--sysroot", sysroot] if sysroot else []
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=TIMEOUT, check=False)
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode or not lines:
        raise Failed(f"exit {done.returncode}: {' | '.join(lines[:5])} "
                     f"{done.stderr.decode(errors='replace').strip()[-200:]}")
    return lines[-1]


class Run:
    def __init__(self, build, program, work):
        self.build, self.program, self.work = build, program, work
        self.cores = {}

    def dump(self):
        if self.program.kernel:
            need_kernel_cores()
        argv = self.program.argv(self.build)
        if not pathlib.Path(argv[0]).exists():
            raise Skip(f"there is no {argv[0]}")
        waits = isinstance(self.program.ready, str)
        with Process(argv, self.work, ready=self.program.ready if waits else None) as p:
            if not waits:
                time.sleep(self.program.ready)
            if self.program.kernel:
                copy_binaries(p.pid, self.work / "root")
            if self.program.gdb:
                try:
                    self.cores["gcore"] = gcore(p.pid, self.work / "gdb.core")
                except Skip as e:
                    self.cores["gcore"] = e
            if self.program.kernel:
                self.cores["kernel"] = p.abort()

    def check(self, kind):
        if isinstance(self.cores[kind], Skip):
            raise self.cores[kind]
        # A Go binary has no build-id of GNU's: it is taken from where the core says.
        return twin(self.build, self.cores[kind], self.work / "root" if self.program.kernel else None)

    def all(self, score):
        if not score.check(f"{self.program.name} dump", self.dump):
            return
        for kind in self.cores:
            score.check(f"{self.program.name} {kind}", self.check, kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--matrix", action="store_true", help="only Go, of every version")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores under this directory")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    programs = list(go_programs(args.build.resolve(), args.matrix))
    for program in programs if args.matrix else PROGRAMS + programs:
        work = pathlib.Path(tempfile.mkdtemp(prefix="twin-", dir=args.keep))
        try:
            Run(args.build.resolve(), program, work).all(score)
        finally:
            if not args.keep:
                shutil.rmtree(work, ignore_errors=True)
    print(score.summary().replace("oracle:", "twin:"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
