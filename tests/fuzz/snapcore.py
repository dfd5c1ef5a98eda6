#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small snapshot for the fault sweep.

snapcore.py BUILD DIR: writes DIR/core. Exit status 3 and a line why when that is not possible."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
from dump import Failed, Process  # pylint: disable=wrong-import-position

ARGS = ["--threads", "2", "--blocks", "60", "--stack", "64", "--size-max", "12000", "--fastbins"]


def main():
    build, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    if build.name == "asan" and (build.parent / "heapwalk").exists():
        tool = build.parent / "heapwalk"  # A tracer is no place for a sanitizer.
    else:
        tool = build / "heapwalk"
    try:
        with Process([build / "fixtures" / "heaps", *ARGS], work, ready="READY") as process:
            done = subprocess.run([tool, "snapshot", str(process.pid), "-o", work / "core"],
                                  capture_output=True, text=True, timeout=120, check=False)
    except Failed as e:
        print(e)
        return 3
    if done.returncode:
        print(f"no snapshot: {done.stderr.strip()}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
