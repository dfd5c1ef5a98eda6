#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `heapwalk leaks` with the truth, block by block and head by head.

    leaks.py BUILD [--threads N] [--repeat N] [--keep DIR]

fixtures/leaks.c leaks known structures in 200 threads whose tcaches are full, and prints them;
what it printed must be what leaked, and nothing else: blocks, bytes, heads, what each head lets
go of, what several keep together. From the kernel's core and from gdb's, with symbols and
stripped. What a head frees is worked out here from the links the fixture printed. Last line:
`leaks: N passed, N failed, N skipped`.
"""

import argparse
import dataclasses
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from dump import Failed, Process, Skip, copy_binaries, gcore, need_kernel_cores
from heapwalk import Heapwalk
from oracle import Score

HEADER = "address,size,heap,arena,type,head"
LISTED = 1000  # Heads that the JSON lists without --limit.


@dataclasses.dataclass
class Leak:
    addr: int
    size: int
    is_head: bool
    links: list
    head: int = 0   # The only head that leads here; 0: several do.
    freed: int = 0  # Of a head.


class Truth:
    """What the fixture printed, and what follows from it."""

    def __init__(self, lines):
        self.leaks = []
        for line in lines:
            words = line.split()
            if words[0] == "LEAK":
                self.leaks.append(Leak(int(words[1], 16), int(words[2]), words[3] == "h", []))
            elif words[0] == "LINK":
                self.leaks[int(words[1])].links.append(self.leaks[int(words[2])])
        self.heads = [leak for leak in self.leaks if leak.is_head]
        self.bytes = sum(leak.size for leak in self.leaks)
        self.add_up()
        self.shared = self.bytes - sum(head.freed for head in self.heads)

    def add_up(self):
        """From every head as far as it leads. The heads must be a smallest set that leads to
        everything: none of them is met from another one."""
        met = {leak.addr: [] for leak in self.leaks}
        for head in self.heads:
            for leak in reach(head):
                met[leak.addr].append(head)
        for leak in self.leaks:
            by = met[leak.addr]
            if not by or (leak.is_head and len(by) > 1):
                raise Failed(f"the fixture's heads are wrong: {len(by)} lead to {leak.addr:#x}")
            if len(by) == 1:
                leak.head = by[0].addr
                by[0].freed += leak.size

    def listed(self):
        heads = sorted(self.heads, key=lambda h: (-h.freed, h.addr))[:LISTED]
        return [(h.addr, h.size, h.freed) for h in heads]


def reach(head):
    seen, todo = {head.addr: head}, [head]
    while todo:
        for leak in todo.pop().links:
            if leak.addr not in seen:
                seen[leak.addr] = leak
                todo.append(leak)
    return seen.values()


def check_totals(tool, core, truth):
    answer = tool.json("leaks", core)
    data = answer["data"]
    if not answer["complete"] or answer["warnings"]:
        raise Failed(f"the answer is not complete: {answer['warnings']}")
    want = {"blocks": len(truth.leaks), "bytes": truth.bytes, "heads": len(truth.heads),
            "shared": truth.shared, "complete": True}
    if data["leaks"] != want:
        raise Failed(f"found {data['leaks']}, leaked {want}")
    found = [(int(h["address"], 16), h["size"], h["freed"]) for h in data["heads"]]
    if found != truth.listed():
        raise Failed(f"the heads differ: {sorted(set(found) ^ set(truth.listed()))[:6]}")
    if sum(g["freed"] for g in data["groups"]) + truth.shared != truth.bytes or \
            sum(g["heads"] for g in data["groups"]) != len(truth.heads):
        raise Failed("the groups do not add up")
    return f"{want['blocks']} blocks, {want['bytes']} bytes, {want['heads']} heads"


def check_list(tool, core, truth):
    lines = tool.run("leaks", core, "--format", "csv").decode().split("\n")
    if lines[0] != HEADER or lines[-1] != "":
        raise Failed(f"csv: header is {lines[0]!r}, or the last line is cut")
    found = []
    for line in lines[1:-1]:
        addr, size, _, _, _, head = line.split(",")
        found.append((int(addr, 16), int(size), int(head, 16) if head else 0))
    want = sorted((leak.addr, leak.size, leak.head) for leak in truth.leaks)
    if found != want:
        few = [(hex(a), s, hex(h)) for a, s, h in sorted(set(want) ^ set(found))[:6]]
        raise Failed(f"{len(set(found) - set(want))} lines too many, {len(set(want) - set(found))} "
                     f"missing: {few}")
    return f"{len(found)} lines"


def strip_copy(root, bare, name):
    """The same tree with the fixture stripped: its build-id stays."""
    shutil.copytree(root, bare)
    for path in bare.rglob(name):
        subprocess.run(["strip", path], check=True, timeout=60)


class Run:
    """One process, its two cores, each looked at with symbols and without."""

    def __init__(self, build, threads, work):
        self.build, self.threads, self.work = build, threads, work
        self.cores = {}

    def dump(self):
        need_kernel_cores()
        with Process([self.build / "fixtures/leaks", self.threads], self.work, ready="READY") as p:
            copy_binaries(p.pid, self.work / "symbols")
            self.truth = Truth(p.lines)
            try:
                self.cores["gcore"] = gcore(p.pid, self.work / "gdb.core")
            except Skip as e:
                self.cores["gcore"] = e
            self.cores["kernel"] = p.abort()
        strip_copy(self.work / "symbols", self.work / "stripped", "leaks")
        return f"{len(self.truth.leaks)} leaked"

    def check(self, score, kind, symbols, what, function):
        def call():
            if isinstance(self.cores[kind], Skip):
                raise self.cores[kind]
            return function(Heapwalk(self.build, self.work / symbols), self.cores[kind], self.truth)
        score.check(f"{self.threads} threads {kind} {symbols} {what}", call)

    def all(self, score):
        if not score.check(f"{self.threads} threads dump", self.dump):
            return
        for kind in ("kernel", "gcore"):
            for symbols in ("symbols", "stripped"):
                self.check(score, kind, symbols, "totals", check_totals)
                self.check(score, kind, symbols, "list", check_list)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=1, help="new processes each time")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores under this directory")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    for _ in range(args.repeat):
        work = pathlib.Path(tempfile.mkdtemp(prefix="leaks-", dir=args.keep))
        try:
            Run(args.build.resolve(), args.threads, work).all(score)
        finally:
            if not args.keep:
                shutil.rmtree(work, ignore_errors=True)
    print(score.summary().replace("oracle:", "leaks:"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
