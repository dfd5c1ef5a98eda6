#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `heapwalk leaks` with the truth, block by block and head by head.

    leaks.py BUILD [--threads N] [--repeat N] [--preload LIB] [--keep DIR]

fixtures/leaks.c leaks known structures in 200 threads whose tcaches are full, and prints them;
what it printed must be what leaked, and nothing else: blocks, bytes, heads, what each head lets
go of, what several keep together. From the kernel's core and from gdb's, with symbols and
stripped. What a head frees is worked out here from the links the fixture printed. Last line:
`leaks: N passed, N failed, N skipped`.
"""

import argparse
import dataclasses
import pathlib
import re
import shutil
import signal
import struct
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


def halve_heaps(core, addrs):
    """core, with the second half of every mapping that holds one of addrs not dumped: the new
    file, and where what is gone begins and ends."""
    data = bytearray(core.read_bytes())
    at, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    gone = []
    for header in range(at, at + 56 * count, 56):
        kind, _, offset, start, _, size = struct.unpack_from("<IIQQQQ", data, header)
        if kind != 1 or size < 1 << 16 or not any(start <= a < start + size for a in addrs):
            continue
        kept = size // 2 & ~0xfff
        struct.pack_into("<Q", data, header + 32, kept)
        data[offset + kept:offset + size] = bytes(size - kept)  # A decoy: it must not be read.
        gone.append((start + kept, start + size))
    path = core.with_name("half.core")
    path.write_bytes(data)
    return path, gone


def check_half(tool, core, truth):
    """Half of every heap is gone: at most what is said leaked. What leaked and is still listed
    as live is all said; nothing is called complete or exact; what is missing is named."""
    core, gone = halve_heaps(core, [leak.addr for leak in truth.leaks])
    try:
        answer, text = tool.json("leaks", core), tool.run("leaks", core).decode()
        found = {line.split(",")[0] for line in
                 tool.run("leaks", core, "--format", "csv").decode().split("\n")[1:-1]}
        live = {line.split(",")[0] for line in
                tool.run("blocks", core, "--state", "live").decode().split("\n")}
        approximate = [c for c in ("roots", "tree", "threads")
                       if "approximate" not in tool.run(c, core).decode()]
    finally:
        core.unlink()
    if answer["complete"] or answer["data"]["leaks"]["complete"] or "At most " not in text:
        raise Failed("the answer says it is complete")
    if approximate:
        raise Failed(f"not called approximate: {approximate}")
    held = [leak for leak in truth.leaks if hex(leak.addr) in live]
    missed = [hex(leak.addr) for leak in held if hex(leak.addr) not in found]
    if missed or not held or len(held) == len(truth.leaks):
        raise Failed(f"{len(missed)} of {len(held)} leaks are not said: {missed[:4]}")
    messages = " ".join(w["message"] for w in answer["warnings"])
    messages += " ".join(d["message"] for d in answer["damage"]["items"])
    named = [int(word, 16) for word in re.findall("0x[0-9a-f]+", messages)]
    unnamed = [hex(start) for start, end in gone if not any(start <= a < end for a in named)]
    if unnamed:
        raise Failed(f"{len(unnamed)} of {len(gone)} gaps are not named: {unnamed[:4]}")
    return f"{len(held)} of {len(truth.leaks)} leaks left, {len(found)} said, {len(gone)} gaps"


def strip_copy(root, bare, name):
    """The same tree with the fixture stripped: its build-id stays."""
    shutil.copytree(root, bare)
    for path in bare.rglob(name):
        subprocess.run(["strip", path], check=True, timeout=60)


class Run:
    """One process, its two cores, each looked at with symbols and without."""

    def __init__(self, build, threads, preload, work):
        self.build, self.threads, self.work = build, threads, work
        self.preload = preload
        self.cores = {}

    def dump(self):
        need_kernel_cores()
        if self.preload and not self.preload.exists():
            raise Skip(f"{self.preload} is not installed")
        env = {"LD_PRELOAD": str(self.preload)} if self.preload else {}
        with Process([self.build / "fixtures/leaks", self.threads], self.work, env,
                     ready="READY") as p:
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
        # Not with another malloc: half of jemalloc's heap is half of its tables, too, and what a
        # lost thread cache held then counts as live and may hold leaks.
        if not self.preload:
            self.check(score, "kernel", "symbols", "half", check_half)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=1, help="new processes each time")
    parser.add_argument("--preload", type=pathlib.Path, help="another malloc for the fixture")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores under this directory")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    for _ in range(args.repeat):
        work = pathlib.Path(tempfile.mkdtemp(prefix="leaks-", dir=args.keep))
        try:
            Run(args.build.resolve(), args.threads, args.preload, work).all(score)
        finally:
            if not args.keep:
                shutil.rmtree(work, ignore_errors=True)
    print(score.summary().replace("oracle:", "leaks:"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
