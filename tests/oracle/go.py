#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares heapwalk with what Go's runtime says of itself, object by object.

    go.py BUILD [--matrix] [--only WORD…] [--keep DIR]

For each toolchain and way to link, fixtures/go/heap fills a heap, writes down runtime.MemStats, every
object of debug.WriteHeapDump, runtime.Stack and the memory profile, and is dumped. Every field,
object, goroutine and bucket must be found equal. Without --matrix: Debian's Go and the machine's
own. --only: cases with one of the words in their name. Last line: `go: N passed, N failed, N skipped`.
"""

import argparse
import collections
import dataclasses
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import goaltered
import gobusy
import gocheck
import gopprof
import goservice
import gosuite
import goversions
import gowaits
from dump import Failed, Process, Skip, allow_cores, gcore, need_gcore, need_kernel_cores
from gotruth import Truth
from heapwalk import Heapwalk
from oracle import Score


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    variant: str
    args: str = ""
    gcore: bool = False  # Dump it by gdb, too.
    crash: bool = False  # By GOTRACEBACK=crash.


EXACT = "-late=false"
CASES = [
    Case("normal", "normal", gcore=True),
    Case("exact", "normal", EXACT),
    Case("stripped", "stripped", EXACT),
    Case("stripped-late", "stripped", "-goroutines 5 -small 20"),
    Case("crash", "stripped", "-how crash", crash=True),
    Case("waits", "stripped", "-waits -goroutines 1 -small 5 -late=false"),
    Case("runnable", "normal", "-runnable -finalizer -idle=false"),
]
PIE = [Case("pie", "pie", EXACT), Case("pie-stripped", "pie-stripped", EXACT)]
CGO = [Case("cgo", "cgo", "-cgo"), Case("cgo-stripped", "cgo-stripped", "-cgo " + EXACT),
       Case("cgo-static-stripped", "cgo-static", "-cgo " + EXACT),
       Case("cshared", "cshared", "-cgo"), Case("cshared-stripped", "cshared-stripped", EXACT),
       Case("nodwarf", "nodwarf", EXACT)]
PIE_MINORS = (12, 19, 26)
CGO_MINORS = (12, 17, 19, 21, 24, 26)


SHORT = {"pie-stripped": 0, "cgo-stripped": 0, "cgo-static-stripped": 20, "cshared-stripped": 20}


def cases_of(go, matrix):
    if not matrix:  # Those that need most: no symbols, no fixed address, another heap beside. Some for new ones only.
        return CASES + [c for c in PIE + CGO if go.minor >= SHORT.get(c.name, 100)]
    return CASES + (PIE if go.minor in PIE_MINORS else []) + (CGO if go.minor in CGO_MINORS else [])


class Run:
    """One case under one toolchain."""

    def __init__(self, build, go, case, work):
        self.build, self.go, self.case, self.work = build, go, case, work
        self.tool = Heapwalk(build, work / "root")
        self.cores = []

    def dump(self):
        need_kernel_cores()
        program = self.go.build(self.build, "heap", self.case.variant)
        argv = [program, "-out", self.work, *self.case.args.split()]
        env = {"GOTRACEBACK": "crash" if self.case.crash else "single"}
        if self.case.variant.startswith("cshared"):
            env["GOLOAD_LIBRARY"] = str(program)
            argv[0] = fixture(self.build, "goload")
            copy_all(argv[0], self.work / "root", True)
        dynamic = self.case.variant.startswith(("cgo", "pie", "cshared")) and self.case.variant != "cgo-static"
        copy_all(program, self.work / "root", dynamic)
        if self.case.gcore:
            self.dump_twice(argv, env)
        else:
            run_to_core(argv, self.work, env)
        self.dumped = time.monotonic_ns()
        self.program = program
        self.cores.append(find_core(self.work))
        self.truth = Truth(self.work)
        return f"{len(self.truth.dump.objects)} objects, {len(self.truth.goroutines)} goroutines"

    def dump_twice(self, argv, env):
        self.no_gdb = None
        with Process([*argv, "-wait"], self.work, env, ready="READY", stdin=subprocess.PIPE) as p:
            try:
                need_gcore()
                self.gdb_core = gcore(p.pid, self.work / "gdb.core")
            except Skip as e:
                self.no_gdb = e
            p.popen.stdin.write(b"\n")
            p.popen.stdin.flush()
            p.popen.wait(60)

    def all(self, score):
        name = f"go {self.go.version} {self.case.name}"
        if not score.check(f"{name} dump", self.dump):
            return
        self.judge(score, name, self.cores[0])
        if self.case.gcore:
            score.check(f"{name} gcore", self.same)
        score.check(f"{name} verify", self.verify)

    def judge(self, score, name, core):
        truth, tool = self.truth, self.tool
        score.check(f"{name} objects", lambda: gocheck.check_objects(
            tool.csv(core, self.work / "kernel.csv"), truth))
        score.check(f"{name} ledger", lambda: gocheck.check_ledger(tool.json("heaps", core), truth))
        for what, check in (("memstats", gocheck.check_memstats), ("classes", gocheck.check_classes),
                            ("profile", gocheck.check_profile)):
            score.check(f"{name} {what}", lambda w=what, c=check: c(self.report(w, core), truth))
        score.check(f"{name} raw profile", lambda: gopprof.check(tool, core, self.work))
        score.check(f"{name} goroutines", lambda: gocheck.check_goroutines(
            tool.json("goroutines", core), truth, extra_runnable(self.case)))
        score.check(f"{name} goroutine report", lambda: gocheck.check_goroutine_report(
            self.report("goroutines", core), tool.json("goroutines", core, "--all")))
        if "-cgo" in self.case.args:
            score.check(f"{name} C heap", lambda: gocheck.check_c_heap(
                tool.json("heaps", core), self.work / "kernel.csv", truth))
        if self.case.name == "exact":
            score.check(f"{name} waits by gdb", lambda: gowaits.check_opinion(
                self.report("goroutines", core), gobusy.second_opinion(self.program, core)))
        if "-waits" in self.case.args:
            score.check(f"{name} waits", lambda: gowaits.check_bounds(
                self.report("goroutines", core), tool.json("goroutines", core), truth, self.dumped))

    def report(self, name, core):
        if name not in self.tool.run("plugin", "go", core).decode():
            raise Skip(f"this build has no 'plugin go {name}'")
        return self.tool.json("plugin", "go", name, core)

    def same(self):
        """gdb's core of the same process: the same blocks, the same ledger, the same goroutines."""
        if self.no_gdb:
            raise self.no_gdb
        other = self.tool.csv(self.gdb_core, self.work / "gdb.csv").read_bytes()
        if other != (self.work / "kernel.csv").read_bytes():
            raise Failed("the blocks differ")
        mine, its = (gocheck.go_heap(self.tool.json("heaps", c)) for c in (self.cores[0], self.gdb_core))
        if (mine["bytes"], mine["blocks"]) != (its["bytes"], its["blocks"]):
            raise Failed(f"{mine['bytes']}, by gdb {its['bytes']}")
        gocheck.check_goroutines(self.tool.json("goroutines", self.gdb_core), self.truth)

    def verify(self):
        answer = self.tool.json("verify", self.cores[0])
        if not answer["complete"] or answer["warnings"]:
            raise Failed(f"{answer['warnings']}")


def fixture(build, name):
    """A C fixture, never one with sanitizers."""
    if build.name == "asan":
        build = build.parent
    path = build / "fixtures" / name
    if not path.exists():
        raise Skip(f"{path} is not built: make fixtures")
    return path


def extra_runnable(case):
    """Goroutines that the fixture makes after runtime.Stack: {function: how many}, all runnable."""
    return {"main.neverRuns": 5} if "-runnable" in case.args else {}


def copy_all(program, root, dynamic):
    """The program, and the libraries that it is linked to, as a tree for --sysroot."""
    files = [program.resolve()]
    if dynamic:
        files.append(pathlib.Path("/lib64/ld-linux-x86-64.so.2").resolve())
        text = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=20, check=False).stdout
        files += [pathlib.Path(w).resolve() for line in text.splitlines() for w in line.split() if w.startswith("/")]
    for file in files:
        copy = root / file.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copyfile(file, copy)


def run_to_core(argv, work, env, timeout=60):
    with open(work / "stderr.txt", "ab") as errors:
        subprocess.run([str(a) for a in argv], cwd=work, env={"PATH": "/usr/bin:/bin", **env},
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                       timeout=timeout, preexec_fn=allow_cores, check=False)


def find_core(work):
    cores = [f for f in work.iterdir() if f.name == "core" or f.name.startswith("core.")]
    if len(cores) != 1:
        text = (work / "stderr.txt").read_text(errors="replace").strip()
        raise Failed(f"no core: {text[:300] or 'nothing on stderr'}")
    return cores[0]


def is_wanted(name, only):
    return not only or any(word in name for word in only)


def run_cases(build, go, matrix, only, score, keep):
    for case in cases_of(go, matrix):
        if not is_wanted(f"{go.version} {case.name}", only):
            continue
        work = pathlib.Path(tempfile.mkdtemp(prefix="go-", dir=keep))
        try:
            Run(build, go, case, work).all(score)
        finally:
            if not keep:
                shutil.rmtree(work, ignore_errors=True)


BUSY_DUMPS = 2
BUSY_DUMPS_MATRIX = 3


def run_claims(build, gos, only, score, keep):
    """Cores that claim to be of a Go that they are not."""
    for claim in goversions.CLAIMS:
        name = f"go claims {claim.name}"
        go = [g for g in gos if not claim.minor or g.minor == claim.minor][-1:]
        if not is_wanted(name, only):
            continue
        if not go:
            score.check(name, not_there, f"there is no Go 1.{claim.minor} on this machine")
            continue

        def one(work, go=go[0], claim=claim):
            run = Run(build, go, Case(claim.name, claim.variant, EXACT), work)
            run.dump()
            goversions.claim_it(run, claim)
            return goversions.judge(run, claim)
        score.check(name, in_directory, keep, one)


def run_altered(build, gos, only, score, keep):
    """Builds a standard library of its own: a minute."""
    with tempfile.TemporaryDirectory(prefix="go-", dir=keep) as work:
        def new_run(case, go=gos[0] if gos else None):
            where = pathlib.Path(work, case.name)
            where.mkdir()
            return Run(build, go, case, where)
        if gos and is_wanted(f"go {gos[0].version} altered", only):
            goaltered.check_all(new_run, Case("altered", "altered", EXACT), score)


def in_directory(keep, function, *args):
    work = pathlib.Path(tempfile.mkdtemp(prefix="go-", dir=keep))
    try:
        return function(work, *args)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def run_busy(build, go, matrix, score, keep):
    """At random instants, one of them while the collector marks, and once as a sweep begins."""
    found = collections.Counter()
    for n in range(BUSY_DUMPS_MATRIX if matrix else BUSY_DUMPS):
        score.check(f"go {go.version} busy {n + 1}", in_directory, keep,
                    lambda work, n=n: gobusy.dump_busy(build, go, work, n, found))
    score.check(f"go {go.version} mark", lambda: gobusy.need_mark(
        found, lambda n: in_directory(keep, lambda work: gobusy.dump_busy(build, go, work, n, found))))
    score.check(f"go {go.version} sweep", in_directory, keep,
                lambda work: gobusy.dump_sweep(build, go, work, find_core, run_to_core))


def not_there(reason):
    raise Skip(reason)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--matrix", action="store_true", help="every toolchain of scripts/fetch-go.sh")
    parser.add_argument("--only", nargs="*", help="only cases with one of these words in their name")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores and tables under this directory")
    args = parser.parse_args()
    build = args.build.resolve()
    keep = args.keep.resolve() if args.keep else None
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    gos = gosuite.toolchains(build, ["--matrix"] if args.matrix else [])
    there = [go for go in gos.values() if not isinstance(go, str)]
    for version, go in gos.items():
        if isinstance(go, str):
            score.check(f"go {version}", not_there, go)
        else:
            run_cases(build, go, args.matrix, args.only, score, keep)
            if is_wanted(f"{go.version} busy", args.only):
                run_busy(build, go, args.matrix, score, keep)
    if args.matrix:
        run_altered(build, there[-1:], args.only, score, keep)
    else:
        run_claims(build, there, args.only, score, keep)
    if not args.matrix and is_wanted("etcd", args.only):
        score.check("etcd dump", in_directory, keep, lambda work: goservice.dump_service(build, score, work))
    print(score.summary("go"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
