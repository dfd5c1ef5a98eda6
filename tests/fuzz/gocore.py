#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small Go core for the fault sweep, and where its structures lie.

gocore.py BUILD DIR: writes DIR/core and DIR/ranges by the newest Go on this machine, and DIR/root with the program
without symbols and debug info, which is what heapwalk gets to see. Exit status 3 and a line why when
something for it is missing."""

import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import gobuild  # pylint: disable=wrong-import-position
from dump import Skip, allow_cores, need_gcore, need_kernel_cores  # pylint: disable=wrong-import-position


def make(build, where):
    need_kernel_cores()
    need_gcore()
    if not shutil.which("strip"):
        raise Skip("strip is not installed")
    gos = gobuild.own()
    if not gos:
        raise Skip("there is no go command on this machine")
    program = gos[-1].build(build, "heap", "normal")
    subprocess.run([program, "-out", where, "-small", "2", "-goroutines", "1", "-idle=false"], cwd=where,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=allow_cores, check=False,
                   timeout=60)
    core = next(f for f in where.iterdir() if f.name.startswith("core"))
    core.rename(where / "core")
    done = subprocess.run(
        ["gdb", "--nx", "--batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-x",
         pathlib.Path(__file__).with_name("gdbranges.py"), program, where / "core"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    lines = [line[6:] for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("RANGE ")]
    if not lines:
        sys.exit(f"gdb named no structures: {done.stderr.decode(errors='replace')[-300:]}")
    (where / "ranges").write_text("\n".join(lines) + "\n")
    bare = where / "root" / program.resolve().relative_to("/")
    bare.parent.mkdir(parents=True)
    subprocess.run(["strip", "-o", bare, program], check=True, timeout=60)


def main():
    try:
        make(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    except Skip as e:
        print(e)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
