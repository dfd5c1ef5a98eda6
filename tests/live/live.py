#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Living processes: the same answer as from their cores, and no harm done.

    live.py BUILD [--long] [--only NAME...]

--long: 100 attaches in each mode and 100 kills instead of a few. --only: checks whose names
begin with one of these words (same, harm, …). Last line: `live: N passed, N failed, N skipped`.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import common  # First: it finds the modules of tests/oracle.
import accounts
import asks
import cgroups
import harm
import moment
import refuse
import same
import shapes
import stuck
import swap
import yama
from oracle import Score


def all_checks(score, tool, build, work, is_long):
    """Groups of checks, by name."""
    count = 100 if is_long else 6
    heaps = [build / "fixtures" / "heaps", "--threads", "3", "--blocks", "2000"]
    yield "same", lambda: (
        same.same(score, "heaps", tool, heaps, work),
        same.same_jemalloc(score, tool, build, work), same.same_go(score, tool, build, work))
    yield "same-leaks", lambda: same.same(
        score, "leaks", tool, [build / "fixtures" / "leaks"], work)
    yield "asks", lambda: asks.checks(score, tool, build, work)
    yield "moment", lambda: moment.checks(score, tool, build, work, 50 if is_long else 4)
    yield "harm", lambda: harm.checks(score, tool, build, count)
    yield "stuck", lambda: stuck.checks(score, tool, build, count)
    yield "snapshot", lambda: (
        score.check("snapshot in gdb", same.opened_by_gdb, tool, build, work),
        score.check("snapshot without content", same.no_secrets, tool, build, work))
    yield "account", lambda: accounts.checks(score, tool, build, work, 20 if is_long else 2)
    yield "cgroup", lambda: cgroups.checks(score, tool, build, work)
    yield "swap", lambda: swap.checks(score, tool, build, work)
    yield "refuse", lambda: refuse.checks(score, tool, build)
    yield "shape", lambda: shapes.checks(score, tool, build, work)
    yield "yama", lambda: yama.checks(score, tool, build)
    yield "yama-last", lambda: yama.last(score, tool, build)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    build = args.build.resolve()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    random.seed(int(os.environ.get("HW_SEED", time.time())))
    tool, score = common.Tool(build), Score()
    work = pathlib.Path(tempfile.mkdtemp(prefix="live-"))
    try:
        for name, run in all_checks(score, tool, build, work, args.long):
            if not args.only or any(word.split()[0] == name for word in args.only):
                run()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(score.summary("live"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
