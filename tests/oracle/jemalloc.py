#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares heapwalk with the truth on jemalloc's heaps, object by object.

    jemalloc.py BUILD [--matrix] [--only NAME…] [--builds NAME…] [--programs] [--keep DIR]

For each case (jecases.py): the decoded live set must equal the log of the shim that stands
ahead of jemalloc plus a listed remainder, exactly; every arena, bin and large class must equal
malloc_stats_print's words at the moment of the dump after the one explained difference
(jestats.py); the kernel's core and gdb's must give the same objects. --matrix: every case, with
every jemalloc that could be had. Last line: `jemalloc: N passed, N failed, N skipped`.
"""

import argparse
import dataclasses
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import jecases
import jechecks
import jeprograms
import wrong
from checks import check_busy, check_same, check_verify
from dump import Failed, Process, Skip, copy_binaries, gcore, need_gcore, need_kernel_cores
from heapwalk import Heapwalk, parse_blocks
from jestats import Stats
from oracle import Score
from truth import read_log


class Run:
    """One case with one build of jemalloc."""

    def __init__(self, build, je, case, work):
        self.build, self.je, self.case, self.work = build, je, case, work
        self.tool = Heapwalk(build, work / "root")
        self.gdb_core, self.no_gdb = None, None

    def command(self):
        return [*self.je.argv(self.build), *self.case.args.split()]

    def dump(self):
        missing = self.je.missing(self.build)
        if missing:
            raise Skip(missing)
        if self.je.version < self.case.since:
            raise Skip(f"jemalloc {self.je.version} has no {self.case.conf}")
        need_kernel_cores()
        log, stats = self.work / "shim.log", self.work / "stats"
        env = {**self.je.env(self.build), "MALLOC_CONF": self.case.conf,
               "COPY_MALLOC_CONF": self.case.conf, "JE_MALLOC_CONF": self.case.conf,
               "HW_SHIM_LOG": str(log)}
        with Process([*self.command(), "--stats", stats], self.work, env, ready="READY") as p:
            copy_binaries(p.pid, self.work / "root")
            try:
                need_gcore()
                if self.case.gcore:
                    self.gdb_core = gcore(p.pid, self.work / "gdb.core")
            except Skip as e:
                self.no_gdb = e
            tasks = len(list(pathlib.Path(f"/proc/{p.pid}/task").iterdir()))
            self.core = p.abort()
        # The first background thread makes the others, which takes a block for each.
        self.makers = 1 if tasks - 1 - self.case.threads > 1 else 0
        self.truth = read_log(self.build / "tests/shimlog", log)
        log.unlink()
        self.stats = [Stats(path) for path in (stats, pathlib.Path(f"{stats}.2")) if path.exists()]
        if "prof:true" in self.case.conf and not all(s.config["prof"] for s in self.stats):
            raise Skip("this jemalloc was built without --enable-prof")

    def decode(self):
        self.csv = self.tool.csv(self.core, self.work / "kernel.csv")
        self.blocks = parse_blocks(self.csv)
        self.heaps = self.tool.json("heaps", self.core)
        # glibc 2.43's main_arena is there from the start, whoever allocates.
        found = sorted(h["plugin"] for h in self.heaps["data"]["heaps"]
                       if h["plugin"] == "jemalloc" or h["mapped"])
        if found != sorted(self.je.heaps):
            raise Failed(f"heaps found: {found}, there are {sorted(self.je.heaps)}")
        exited = 0
        words = self.case.args.split()
        if "--exited" in words:
            exited = int(words[words.index("--exited") + 1])
        threads = (1 + self.case.threads + exited) * self.je.heaps.count("jemalloc") + 8
        glibc = (1 + self.case.threads + self.makers) * self.je.heaps.count("ptmalloc")
        return jechecks.check_live(self.blocks, self.truth, threads, glibc)

    def ledger(self):
        return jechecks.check_counts(self.heaps, self.blocks)

    def pairs(self):
        """Each heap and the words of its own jemalloc: the one whose bytes they are."""
        heaps = [h for h in self.heaps["data"]["heaps"] if h["plugin"] == "jemalloc"]
        if len(heaps) != len(self.stats):
            raise Failed(f"{len(heaps)} heaps, {len(self.stats)} have spoken")
        heaps.sort(key=lambda h: (h["mapped"], h["bytes"]["live"] + h["bytes"]["cached"]))
        stats = sorted(self.stats, key=lambda s: (s.sum("mapped") + s.sum("retained"),
                                                  s.sum("allocated")))
        return list(zip(heaps, stats))

    def said(self):
        pairs = self.pairs()
        if self.case.muzzy and not any(s.sum("muzzy") for _, s in pairs):
            raise Failed("no muzzy pages: the case tests nothing")
        extents = {e["heap"]: e for e in self.report("extents")["heaps"]}
        return "; ".join(jechecks.check_stats(h, self.blocks, s, extents[h["name"]])
                         for h, s in pairs)

    def reports(self):
        """The plugin's own reports against the same words."""
        found = {name: {h["heap"]: h for h in self.report(name)["heaps"]}
                 for name in ("stats", "bins", "tcache")}
        details = []
        for heap, stats in self.pairs():
            name = heap["name"]
            details += [jechecks.check_stats_report(found["stats"][name], stats),
                        jechecks.check_bins_report(found["bins"][name], stats),
                        jechecks.check_tcache_report(found["tcache"][name], self.blocks,
                                                     jechecks.name_of(heap))]
        return ", ".join(details)

    def report(self, name):
        return self.tool.json("plugin", "jemalloc", name, self.core)["data"]

    def same(self):
        if self.no_gdb:
            raise self.no_gdb
        return check_same(self.tool, self.gdb_core, self.csv, self.work, self.je.root is not None)

    def wrong_layouts(self):
        if not (self.build / "tests/wrong/jemalloc.so").exists():
            raise Skip("the plugin with one table is not built: make check")
        shape = self.report("extents")["heaps"][0]["rtree"]
        # 5.0.0's table is 5.0.1's, too.
        version = "5.0.0" if self.je.version < (5, 1) else ".".join(map(str, self.je.version))
        return wrong.check(self.build, self.core, self.work / "root", version, shape)

    def all(self, score):
        name = f"{self.je.name} {self.case.name}"
        if not score.check(f"{name} dump", self.dump):
            return
        score.check(f"{name} live set", self.decode)
        if hasattr(self, "heaps"):
            score.check(f"{name} ledger", self.ledger)
            score.check(f"{name} statistics", self.said)
            score.check(f"{name} reports", self.reports)
            if self.case.name == "one-arena" and self.je.library:
                score.check(f"{name} wrong layouts", self.wrong_layouts)
            if self.gdb_core or (self.case.gcore and self.no_gdb):
                score.check(f"{name} gcore", self.same)
        score.check(f"{name} verify", check_verify, self.tool, self.core)


def dump_busy(build, je, work, n):
    """At a random moment: whatever heapwalk calls complete holds."""
    if je.missing(build):
        raise Skip(je.missing(build))
    need_kernel_cores()
    case, log = jecases.BUSY, work / "shim.log"
    tool = Heapwalk(build, work / "root")
    argv = [*je.argv(build), *case.args.split(), "--seed", str(n + 1)]
    env = {**je.env(build), "HW_SHIM_LOG": str(log)}
    with Process(argv, work, env, ready="READY") as p:
        copy_binaries(p.pid, work / "root")
        time.sleep(0.05 + 0.03 * n)
        core = p.abort()
    truth = read_log(build / "tests/shimlog", log, busy=True)
    blocks = [b for b in parse_blocks(tool.csv(core, work / "kernel.csv"))
              if b.type not in {r.type for r in jecases.RULES}]
    return check_busy(tool.json("heaps", core), blocks, truth, case)


def newer(build, work):
    """A version that heapwalk was not written for, in the layout of one that it was: decoded,
    with that said and with less confidence."""
    own, case = jecases.OWN, next(c for c in jecases.CASES if c.name == "no-threads")
    if own.missing(build):
        raise Skip(own.missing(build))
    library = work / own.library.name
    library.write_bytes(own.library.read_bytes().replace(b"5.3.0-0-g", b"5.9.0-0-g"))
    run = Run(build, dataclasses.replace(own, name="newer", library=library), case, work)
    run.dump()
    detail = run.decode()
    heap, = [h for h in run.heaps["data"]["heaps"] if h["plugin"] == "jemalloc"]
    said = [w["message"] for w in run.heaps["warnings"] if w["code"] == "jemalloc-newer"]
    if heap["confidence"] != "conservative" or heap["version"] != "5.9.0" or len(said) != 1:
        raise Failed(f"{heap['confidence']} {heap['version']}: {said}")
    return f"{detail}, {heap['confidence']}"


def refuse(build, je, work):
    """Before 5: told by name, nothing decoded, and never called complete."""
    if je.missing(build):
        raise Skip(je.missing(build))
    need_kernel_cores()
    tool = Heapwalk(build, work / "root")
    env = {**je.env(build), "HW_SHIM_LOG": str(work / "shim.log")}
    with Process([*je.argv(build), "--threads", "1", "--blocks", "200"], work, env,
                 ready="READY") as p:
        copy_binaries(p.pid, work / "root")
        core = p.abort()
    answer = tool.json("heaps", core)
    heaps = [h for h in answer["data"]["heaps"] if h["plugin"] == "jemalloc"]
    said = [w["message"] for w in answer["warnings"] if w["code"] == "jemalloc-version"]
    if heaps or answer["complete"] or len(said) != 1 or je.name not in said[0]:
        raise Failed(f"complete is {answer['complete']}, {len(heaps)} jemalloc heaps; {said}")
    return said[0]


def in_directory(keep, function, *args):
    work = pathlib.Path(tempfile.mkdtemp(prefix="jemalloc-", dir=keep))
    try:
        return function(work, *args)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def matrix(build):
    """The libraries that scripts/fetch-jemalloc.sh unpacked, and what could not be had."""
    listed, builds, absent = build / "jemalloc/suites", [], []
    if not listed.exists():
        raise SystemExit(f"{listed} is missing: run make check-matrix")
    for line in listed.read_text().splitlines():
        suite, version, *reason = line.split(" ", 2)
        if version == "-":
            absent.append((suite, " ".join(reason)))
            continue
        root = build / "jemalloc" / version
        library = root / "usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
        number = tuple(int(n) for n in version.split("-")[0].split("."))
        # Under its own C library where that is at least as new as what the fixture was linked to.
        own = (root / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2").exists()
        builds.append(jecases.Build(version, number, library=library, root=root if own else None))
    return builds, absent


def own_builds(build):
    """The libraries of scripts/build-jemalloc.sh, by name, and what could not be had."""
    listed, builds, absent = build / jecases.OWN_BUILDS / "built", {}, []
    if not listed.exists():
        raise SystemExit(f"{listed} is missing: run make check-matrix")
    for line in listed.read_text().splitlines():
        name, *reason = line.split(" - ", 1)
        if reason:
            absent.append((f"jemalloc {name}", reason[0]))
            continue
        number = tuple(int(n) for n in name.split("-")[-1].split("."))
        library = build / jecases.OWN_BUILDS / name / "libjemalloc.so.2"
        builds[name] = jecases.Build(name, number, library=library)
    return builds, absent


def not_available(reason):
    raise Skip(reason)


def run_build(build, je, chosen, score, keep):
    for case in chosen:
        if "static" in je.program and not case.static:
            continue
        in_directory(keep, lambda work, c=case: Run(build, je, c, work).all(score))


def plan(build, args):
    """(jemalloc, cases) to run, and what cannot be."""
    quick = [c for c in jecases.CASES if c.quick]
    if args.only:
        quick = [c for c in jecases.CASES if c.name in args.only]
    everything = quick if args.only else jecases.CASES
    some = quick if args.only else [c for c in jecases.CASES if c.name in ("default", "one-arena")]
    if not args.matrix:
        return [(jecases.OWN, quick), (jecases.STATIC, some[:1]), (jecases.BESIDE, some[:1]),
                (jecases.TWICE, some[:1])], []
    builds, absent = matrix(build)
    own, missing = own_builds(build)
    several = [jecases.STATIC, jecases.BESIDE, jecases.TWICE]
    if own.pop(jecases.PREFIX_NAME, None):
        several += [jecases.PREFIX, jecases.two_in_one(build)]
    return ([(b, everything) for b in (jecases.OWN, *builds, *own.values())] +
            [(b, quick) for b in several]), absent + missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--matrix", action="store_true", help="every case with every jemalloc")
    parser.add_argument("--only", nargs="*", help="only these cases")
    parser.add_argument("--builds", nargs="*", help="only these builds of jemalloc")
    parser.add_argument("--programs", action="store_true", help="only the programs")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores under this directory")
    args = parser.parse_args()
    build = args.build.resolve()
    keep = args.keep.resolve() if args.keep else None
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    if not (build / "plugins/jemalloc.so").exists():
        score.check("jemalloc", not_available, "this build has no jemalloc plugin")
        print(score.summary().replace("oracle:", "jemalloc:"))
        return 0
    planned, absent = plan(build, args)
    for je, chosen in planned:
        if args.programs or args.builds and je.name not in args.builds:
            continue
        if je.version < (5,):
            score.check(f"{je.name} refused", in_directory, keep,
                        lambda work, j=je: refuse(build, j, work))
            continue
        run_build(build, je, chosen, score, keep)
        if not args.only or jecases.BUSY.name in args.only:
            for n in range(jecases.BUSY_DUMPS if je is jecases.OWN or args.matrix else 1):
                score.check(f"{je.name} busy {n + 1}", in_directory, keep,
                            lambda work, j=je, i=n: dump_busy(build, j, work, i))
    if not args.only and not args.builds or args.programs:
        jeprograms.run(score, in_directory, build, keep, args.matrix)
    if not args.only and not args.builds and not args.programs:
        score.check("newer version", in_directory, keep, lambda work: newer(build, work))
    for suite, reason in absent:
        score.check(suite, not_available, reason)
    print(score.summary().replace("oracle:", "jemalloc:"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
