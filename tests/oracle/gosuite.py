# SPDX-License-Identifier: Apache-2.0
"""The suites that build a Go fixture with several toolchains and ask heapwalk about cores of it.

usage of each: SUITE.py BUILD [--matrix | VERSION...]   without: the Gos of this machine"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import gobuild
from dump import Failed, Skip

WRONG_SHOWN = 20


def toolchains(build, args):
    """{version: Go, or the reason why it is not there}; args: --matrix, or versions of the matrix, or nothing."""
    if not args:
        return {go.version: go for go in gobuild.own()} or {"go": "Go is not installed"}
    found = gobuild.matrix(build)
    return found if "--matrix" in args else {v: found[v] for v in args}


def ask(heapwalk, *args):
    """The data of a complete answer."""
    done = subprocess.run([str(heapwalk), *args, "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=600, check=False)
    if done.returncode:
        raise Failed(f"{args[0]}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    answer = json.loads(done.stdout)
    if not answer["complete"]:
        raise Failed(f"{args[0]}: not complete: {answer['warnings']}")
    return answer["data"]


def both(version, args):
    """The ways to link of most suites; for run()."""
    return "normal", "stripped"


def examine(build, go, variant, check):
    """What check() yields, in a folder of its own. KEEP: where its files stay."""
    if isinstance(go, str):
        raise Skip(go)
    with tempfile.TemporaryDirectory(prefix="heapwalk-go-") as folder:
        try:
            yield from check(build, go, variant, pathlib.Path(folder))
        finally:
            if os.environ.get("KEEP"):
                shutil.copytree(folder, os.environ["KEEP"], dirs_exist_ok=True)


def run(suite, argv, variants, check):
    """The exit status. variants(version, args): the ways to link. check(build, go, variant, folder) yields pairs
    of a line and what is wrong, a list; it may raise Failed or Skip."""
    build, args = pathlib.Path(argv[1]).resolve(), argv[2:]
    passed = failed = skipped = 0
    for version, go in toolchains(build, args).items():
        for variant in variants(version, args):
            try:
                for line, wrong in examine(build, go, variant, check):
                    print(f"{'not ok' if wrong else 'ok'}  {version} {variant}: {line}")
                    for what in wrong[:WRONG_SHOWN]:
                        print(f"    {what}")
                    passed += not wrong
                    failed += bool(wrong)
            except Skip as why:
                skipped += 1
                print(f"skip  {version} {variant}: {why}")
            except Failed as why:
                failed += 1
                print(f"not ok  {version} {variant}: {why}")
            sys.stdout.flush()
    print(f"{suite}: {passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0
