# SPDX-License-Identifier: Apache-2.0
"""Runs heapwalk and takes its answers apart."""

import dataclasses
import json
import os
import pathlib
import subprocess

from dump import Failed, patience

TIMEOUT = 180
ROWS = ["live", "overhead", "cached", "free", "lazy", "released", "stacks", "metadata",
        "untouched", "unknown"]


@dataclasses.dataclass(frozen=True)
class Block:
    addr: int
    size: int
    state: str
    heap: str
    arena: str
    type: str


class Heapwalk:
    """sysroot: from dump.copy_binaries()."""

    def __init__(self, build, sysroot):
        self.program = str(build / "heapwalk")
        self.options = ["--sysroot", str(sysroot)]

    def run(self, *args):
        """stdout of one command that must answer (exit status 0)."""
        argv = [self.program, *[str(a) for a in args], *self.options]
        env = {k: v for k, v in os.environ.items() if k != "DEBUGINFOD_URLS"}
        try:
            done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=patience(TIMEOUT), check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"heapwalk {args[0]}: no answer within {TIMEOUT} s") from None
        if done.returncode:
            raise Failed(f"heapwalk {' '.join(str(a) for a in args)}: exit {done.returncode}: "
                         f"{done.stderr.decode(errors='replace').strip()[-300:]}")
        return done.stdout

    def json(self, *args):
        answer = json.loads(self.run(*args, "--json"))
        if not answer["schema"].startswith("heapwalk.") or not isinstance(answer["complete"], bool):
            raise Failed(f"heapwalk {args[0]} --json: not the agreed envelope")
        return answer

    def csv(self, core, path):
        """Writes `blocks --format csv` to path."""
        pathlib.Path(path).write_bytes(self.run("blocks", core, "--format", "csv"))
        return path


def parse_blocks(path):
    """The blocks of a CSV, in file order."""
    lines = pathlib.Path(path).read_text().split("\n")
    header = "address,size,state,heap,arena,type"
    if lines[0] != header or lines[-1] != "":
        raise Failed(f"blocks csv: header is {lines[0][:80]!r}, or the last line is cut")
    blocks = []
    for line in lines[1:-1]:
        addr, size, state, heap, arena, name = line.split(",", 5)
        blocks.append(Block(int(addr, 16), int(size), state, heap, arena, name))
    return blocks


def check_sums(answer, what):
    """Every heap's rows add up to its mapped bytes, its arenas' to the heap's."""
    heaps = answer["data"]["heaps"]
    for heap in heaps:
        name = f"{what}: {heap['plugin']}"
        if sorted(heap["bytes"]) != sorted(ROWS):
            raise Failed(f"{name}: rows are {sorted(heap['bytes'])}")
        if sum(heap["bytes"].values()) != heap["mapped"]:
            raise Failed(f"{name}: rows add up to {sum(heap['bytes'].values())}, "
                         f"mapped is {heap['mapped']}")
        if heap["releasable"] > heap["bytes"]["free"]:
            raise Failed(f"{name}: releasable {heap['releasable']} > free {heap['bytes']['free']}")
        for arena in heap["arenas"]:
            if sum(arena["bytes"].values()) != arena["mapped"]:
                raise Failed(f"{name}: rows of arena {arena} do not add up")
        for row in ROWS:
            total = sum(a["bytes"][row] for a in heap["arenas"])
            if heap["arenas"] and total != heap["bytes"][row]:
                raise Failed(f"{name}: {row} of the arenas is {total}, of the heap "
                             f"{heap['bytes'][row]}")
    return heaps
