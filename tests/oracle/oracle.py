#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares heapwalk with the truth, block by block.

    oracle.py BUILD [--matrix] [--programs] [--only NAME…] [--keep DIR]

For each fixture heap (cases.py): the decoded live set must equal the shim's log plus a listed
remainder, exactly; the ledger must equal mallinfo2 and malloc_info; the kernel's core and
gdb's of the same process must give the same blocks. --matrix runs the fixture under every C
library that scripts/fetch-glibc.sh unpacked. Last line: `oracle: N passed, N failed, N skipped`.
"""

import argparse
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import cases
import programs
import trim
from checks import check_busy, check_ledger, check_live, check_same, check_verify, own_version
from dump import Failed, Process, Skip, copy_binaries, gcore, need_gcore, need_kernel_cores
from heapwalk import Heapwalk, parse_blocks
from truth import Info, read_log

OWN = "own"  # The machine's libc.


class Score:
    """Counts and prints checks, one line each."""

    def __init__(self):
        self.counts = collections.Counter()

    def check(self, name, function, *args):
        """True when it held. What raises anything but Skip is printed as a failure."""
        try:
            detail = function(*args)
        except Skip as e:
            self.counts["skipped"] += 1
            print(f"skip  {name}: {e}", flush=True)
            return False
        except Failed as e:
            self.counts["failed"] += 1
            print(f"FAIL  {name}: {e}", flush=True)
            return False
        except Exception as e:  # pylint: disable=broad-except
            self.counts["failed"] += 1
            where = traceback.extract_tb(e.__traceback__)[-1]
            print(f"FAIL  {name}: {type(e).__name__}: {e} ({where.filename}:{where.lineno})",
                  flush=True)
            return False
        self.counts["passed"] += 1
        print(f"ok    {name}" + (f": {detail}" if detail else ""), flush=True)
        return True

    def summary(self, name="oracle"):
        c = self.counts
        return f"{name}: {c['passed']} passed, {c['failed']} failed, {c['skipped']} skipped"


class Libc:
    """A C library to run the fixtures under."""

    def __init__(self, name, root=None):
        self.name = name
        self.root = root
        if root:
            self.version = tuple(int(n) for n in name.split("."))
            found = [p for p in (root / "lib/x86_64-linux-gnu", root / "usr/lib/x86_64-linux-gnu")
                     if (p / "libc.so.6").exists()]
            self.libs = found[0]
        else:
            self.version = own_version()

    def argv(self, build, case):
        if case.static:
            return [build / "fixtures/heaps-static"]
        if not self.root:
            return [build / "fixtures/heaps"]
        return [self.libs / "ld-linux-x86-64.so.2", "--library-path", self.libs, "--preload",
                build / "fixtures/shim.so", build / "fixtures/heaps-matrix"]

    def env(self, build, case):
        return {} if case.static or self.root else {"LD_PRELOAD": str(build / "fixtures/shim.so")}


def has_debug_file(root):
    """Whether the debug file of the libc in a tree of binaries is installed (libc6-dbg)."""
    for libc in root.rglob("libc.so.6"):
        notes = subprocess.run(["readelf", "-nW", libc], capture_output=True, text=True,
                               timeout=20, check=False).stdout
        found = re.search(r"Build ID: ([0-9a-f]+)", notes)
        if found:
            name = found.group(1)
            return pathlib.Path(f"/usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug").exists()
    return False


class Run:
    """One case under one libc."""

    def __init__(self, build, libc, case, work):
        self.build, self.libc, self.case, self.work = build, libc, case, work
        self.tool = Heapwalk(build, work / "root")

    def dump(self):
        log, stats = self.work / "shim.log", self.work / "stats"
        argv = [*self.libc.argv(self.build, self.case), *self.case.args.split(), "--stats", stats]
        env = {**self.libc.env(self.build, self.case), **self.case.env, "HW_SHIM_LOG": str(log)}
        self.gdb_core, self.no_gdb = None, None
        need_kernel_cores()
        with Process(argv, self.work, env, ready="READY") as p:
            copy_binaries(p.pid, self.work / "root")
            try:
                need_gcore()
                self.gdb_core = gcore(p.pid, self.work / "gdb.core")
            except Skip as e:
                self.no_gdb = e
            self.core = p.abort()
        self.truth = read_log(self.build / "tests/shimlog", log)
        log.unlink()
        self.infos = [Info(stats, self.libc.version)]
        if self.case.heaps > 1:
            self.infos.append(Info(pathlib.Path(f"{stats}.2"), self.libc.version))

    def decode(self):
        self.csv = self.tool.csv(self.core, self.work / "kernel.csv")
        self.blocks = parse_blocks(self.csv)
        return check_live(self.blocks, self.truth, self.case, self.libc.version)

    def ledger(self):
        return check_ledger(self.tool.json("heaps", self.core), self.blocks, self.infos, self.case)

    def same(self):
        if self.no_gdb:
            raise self.no_gdb
        return check_same(self.tool, self.gdb_core, self.csv, self.work,
                          self.libc.version >= (2, 42))

    def with_debug_files(self):
        """The files of this machine, debug packages included: the same blocks."""
        if not has_debug_file(self.work / "root"):
            raise Skip("the debug file of libc is not installed")
        tool = Heapwalk(self.build, "/")
        found = {h["how"] for h in tool.json("heaps", self.core)["data"]["heaps"]}
        other = tool.csv(self.core, self.work / "debug.csv")
        if other.read_bytes() != self.csv.read_bytes():
            raise Failed(f"with debug files the blocks differ; found by {found}")
        return ", ".join(found)

    def all(self, score):
        name = f"{self.libc.name} {self.case.name}"
        if not score.check(f"{name} dump", self.dump):
            return
        score.check(f"{name} live set", self.decode)
        if hasattr(self, "blocks"):
            score.check(f"{name} ledger", self.ledger)
            score.check(f"{name} gcore", self.same)
            if self.case.debug_files and not self.libc.root:
                score.check(f"{name} debug files", self.with_debug_files)
        score.check(f"{name} verify", check_verify, self.tool, self.core)


def run_busy(build, libc, score, keep):
    """Several dumps at random moments, by the kernel only: gdb's would be another moment."""
    for n in range(cases.BUSY_DUMPS):
        work = pathlib.Path(tempfile.mkdtemp(prefix="oracle-", dir=keep))
        try:
            score.check(f"{libc.name} busy {n + 1}", dump_busy, build, libc, work, n)
        finally:
            if not keep:
                shutil.rmtree(work, ignore_errors=True)


def dump_busy(build, libc, work, n):
    need_kernel_cores()
    tool = Heapwalk(build, work / "root")
    log = work / "shim.log"
    argv = [*libc.argv(build, cases.BUSY), *cases.BUSY.args.split(), "--seed", str(n)]
    env = {**libc.env(build, cases.BUSY), "HW_SHIM_LOG": str(log)}
    with Process(argv, work, env, ready="READY") as p:
        copy_binaries(p.pid, work / "root")
        time.sleep(0.05 + 0.03 * n)
        core = p.abort()
    truth = read_log(build / "tests/shimlog", log, busy=True)
    blocks = parse_blocks(tool.csv(core, work / "kernel.csv"))
    return check_busy(tool.json("heaps", core), blocks, truth, cases.BUSY)


def run_trims(build, libc, only, score, keep):
    for case in trim.CASES:
        if (libc.root and not case.matrix) or (only and case.name not in only):
            continue
        work = pathlib.Path(tempfile.mkdtemp(prefix="oracle-", dir=keep))
        tool = Heapwalk(build, work / "root")
        argv = [*libc.argv(build, case), *case.args.split(), "--trim-later"]
        env = {**libc.env(build, case), **case.env}
        try:
            score.check(f"{libc.name} {case.name}", trim.check, tool, argv, env, work,
                        libc.version)
        finally:
            if not keep:
                shutil.rmtree(work, ignore_errors=True)


def matrix(build):
    """The unpacked C libraries, and a reason for each that could not be had."""
    wanted = {"2.31", "2.41", "2.43"}
    listed = build / "glibc/suites"
    if not listed.exists():
        raise SystemExit(f"{listed} is missing: run make check-matrix")
    libcs = [Libc(OWN)]
    for line in listed.read_text().splitlines():
        suite, version, *reason = line.split(" ", 2)
        if version == "-":
            print(f"      {suite}: {' '.join(reason)}")
        else:
            libcs.append(Libc(version, build / "glibc" / version))
            wanted.discard(version)
    return libcs, sorted(wanted)


def not_available(version):
    raise Skip(f"no suite of the mirror offers glibc {version}")


def run_cases(build, libcs, only, score, keep):
    for libc in libcs:
        for case in cases.CASES:
            if (libc.root and not case.matrix) or (only and case.name not in only):
                continue
            work = pathlib.Path(tempfile.mkdtemp(prefix="oracle-", dir=keep))
            try:
                Run(build, libc, case, work).all(score)
            finally:
                if not keep:
                    shutil.rmtree(work, ignore_errors=True)
        if not only or cases.BUSY.name in only:
            run_busy(build, libc, score, keep)
        run_trims(build, libc, only, score, keep)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--matrix", action="store_true", help="under every C library of the matrix")
    parser.add_argument("--programs", action="store_true", help="only the distribution's programs")
    parser.add_argument("--only", nargs="*", help="only these cases")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores and tables under this directory")
    args = parser.parse_args()
    build = args.build.resolve()
    keep = args.keep.resolve() if args.keep else None
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    libcs, absent = matrix(build) if args.matrix else ([Libc(OWN)], [])
    if not args.programs:
        run_cases(build, libcs, args.only, score, keep)
    for version in absent:
        score.check(f"{version}", not_available, version)
    if not args.matrix:
        programs.run(build, args.only, score, keep)
    print(score.summary())
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
