#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `pins` says of buffers whose views are known to the byte (fixtures/go/pins).

    gopins.py BUILD [--matrix]

Every buffer seen through views only must be listed with its exact visible bytes, the whole ones and
the copy must not, and nothing else of the program's own may be. Last line: `gopins: N passed, …`."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import gobuild
import gocheck
from dump import Failed, Skip, allow_cores, need_kernel_cores
from go import copy_all, find_core
from heapwalk import Heapwalk
from oracle import Score

PAGE = 8192


def slot(size):
    """Of a large object: whole pages."""
    return -(-size // PAGE) * PAGE


def dump(build, go, variant, work):
    """The core, and [(name, address, size, visible)]."""
    need_kernel_cores()
    program = go.build(build, "pins", variant)
    copy_all(program, work / "root", False)
    done = subprocess.run([program], cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          preexec_fn=allow_cores, timeout=60, check=False)
    views = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    (work / "stderr.txt").write_text(done.stderr)
    return find_core(work), [(n, int(a, 16), slot(int(s)), int(v)) for n, a, s, v in views]


def check(build, go, variant, work):
    core, views = dump(build, go, variant, work)
    answer = Heapwalk(build, work / "root").json("pins", core)
    gocheck.need_complete(answer, "pins")
    found = {int(p["address"], 16): p for p in answer["data"]["pins"]}
    wrong = []
    for name, addr, size, visible in views:
        pin = found.pop(addr, None)
        if visible in (size, size - size % PAGE):
            if pin:
                wrong.append(f"{name}: is seen whole, and listed")
        elif not pin:
            wrong.append(f"{name} at {addr:#x} is not listed")
        elif (pin["size"], pin["visible"], pin["wasted"]) != (size, visible, size - visible):
            wrong.append(f"{name}: visible {pin['visible']} of {pin['size']}, not {visible} of {size}")
    if found:
        wrong.append(f"{len(found)} more: {gocheck.show(found)}")
    if wrong:
        raise Failed("; ".join(wrong))
    return f"{len(views)} buffers"


def not_there(reason):
    raise Skip(reason)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--matrix", action="store_true")
    args = parser.parse_args()
    build = args.build.resolve()
    score = Score()
    gos = gobuild.matrix(build) if args.matrix else {go.version: go for go in gobuild.own()} or {
        "": "there is no go command on this machine"}
    for version, go in gos.items():
        for variant in ("normal", "stripped"):
            if isinstance(go, str):
                score.check(f"go {version} pins {variant}", not_there, go)
                continue
            work = pathlib.Path(tempfile.mkdtemp(prefix="gopins-"))
            try:
                score.check(f"go {version} pins {variant}", check, build, go, variant, work)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    print(score.summary("gopins"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
