#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The types of a Go heap equal what the program says of its own blocks: fixtures/go/kinds prints
the address and the type of each, and of many type descriptors what package reflect has of them.

usage: gokinds.py BUILD [--matrix | VERSION…]   without: the Go of this machine"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gobuild  # noqa: E402
from dump import Failed, Skip  # noqa: E402


def run_fixture(program, folder):
    """A core of the program, and the lines it printed."""
    core = folder / "core"
    with subprocess.Popen([str(program)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, cwd=folder) as child:
        try:
            lines = []
            for line in child.stdout:
                lines.append(line.rstrip("\n"))
                if lines[-1] == "ready":
                    break
            else:
                raise Failed("the fixture did not get ready")
            done = subprocess.run(["gcore", "-o", str(folder / "c"), str(child.pid)],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=False)
            part = folder / f"c.{child.pid}"
            if done.returncode or not part.exists():
                raise Failed(f"gcore: {done.stderr.decode(errors='replace')[-300:]}")
            part.rename(core)
        finally:
            child.send_signal(signal.SIGKILL)
    return core, lines


def ask(heapwalk, *args):
    done = subprocess.run([str(heapwalk), *args, "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def compare_descriptors(heapwalk, core, lines):
    """Those of the program's file: package reflect's own are met as types of blocks."""
    answer = ask(heapwalk, "plugin", "go", "types", str(core))["data"]
    found = {int(t["address"], 16): (t["kind"], t["size"], t["name"]) for t in answer["types"]}
    first, last = min(found), max(found)
    want = {}
    for line in lines:
        if line.startswith("type "):
            _, addr, kind, size, name = line.split(" ", 4)
            want[int(addr, 16)] = (kind, int(size), name)
    want = {a: w for a, w in want.items() if first <= a <= last}
    wrong = [f"{a:#x}: {w}, not {found.get(a)}" for a, w in sorted(want.items()) if found.get(a) != w]
    return len(want), wrong


def toolchains(build, args):
    if not args:
        return {go.version: go for go in gobuild.own()} or {"go": "Go is not installed"}
    found = gobuild.matrix(build)
    return found if "--matrix" in args else {v: found[v] for v in args}


def check(build, go, variant):
    if isinstance(go, str):
        raise Skip(go)
    if not shutil.which("gcore"):
        raise Skip("gcore is not installed")
    with tempfile.TemporaryDirectory(prefix="heapwalk-gokinds-") as folder:
        core, lines = run_fixture(go.build(build, "kinds", variant), pathlib.Path(folder))
        if os.environ.get("KEEP"):
            shutil.copytree(folder, os.environ["KEEP"], dirs_exist_ok=True)
        count, wrong = compare_descriptors(build / "heapwalk", core, lines)
    if count < 80:
        raise Failed(f"only {count} type descriptors compared")
    return f"{count} descriptors", wrong


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    passed = failed = skipped = 0
    for version, go in toolchains(build, sys.argv[2:]).items():
        for variant in ("normal", "stripped"):
            try:
                said, wrong = check(build, go, variant)
            except Skip as why:
                skipped += 1
                print(f"skip  {version} {variant}: {why}")
                continue
            except Failed as why:
                said, wrong = str(why), [""]
            print(f"{'not ok' if wrong else 'ok'}  {version} {variant}: {said}")
            for line in wrong[:20]:
                print(f"    {line}")
            passed += not wrong
            failed += bool(wrong)
    print(f"gokinds: {passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
