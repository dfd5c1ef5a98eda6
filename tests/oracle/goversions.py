# SPDX-License-Identifier: Apache-2.0
"""Cores that claim to be of another Go than they are: the version string is changed in the core and in the program. What
heapwalk's table does not know, or knows otherwise, must be found by what the target's data and debug info
show, and be said; where no layout fits, there is no answer. The truth is that of the Go that made them."""

import dataclasses
import re
import subprocess

import gocheck
from dump import Failed, need_gcore


@dataclasses.dataclass(frozen=True)
class Claim:
    name: str
    minor: int      # Of the Go that made it, or the newest.
    variant: str
    version: str    # What it claims to be, of the same length.
    code: str       # The warning.
    says: str       # Part of its message.
    breaks: bool = False  # sizeof(mspan) is changed, too: no layout fits.


NEWEST = 0
CLAIMS = [
    Claim("newer", NEWEST, "stripped", "go1.27.8", "go-version-new", "the layout of 1.26 was taken"),
    Claim("newer with debug info", NEWEST, "normal", "go1.27.8", "go-version-new", "debug info has the same"),
    Claim("much newer", 19, "stripped", "go1.27.8", "go-version-new", "the layout of 1.19 was taken"),
    Claim("much newer with debug info", 19, "normal", "go1.27.8", "go-version-new", "the layout of 1.19 was taken"),
    Claim("other than debug info", NEWEST, "normal", "go1.25.8", "go-layout-differs", "that of 1.26 does"),
    Claim("other than its data", 19, "stripped", "go1.20.8", "go-layout-differs", "that of 1.19 does"),
    Claim("no layout fits", NEWEST, "normal", "go1.27.8", "go-heap-not-found", "invariants", breaks=True),
]


def replace(path, old, new):
    """Every place of a file; how many there were."""
    data = path.read_bytes()
    path.write_bytes(data.replace(old, new))
    return data.count(old)


def address_of_size(program):
    """Of mheap_.spanalloc.size, by the program as it was built: heapwalk gets to see it without debug info."""
    need_gcore()
    ask = ["gdb", "--nx", "--batch", "-iex", "set auto-load off", "-ex", "set language c",
           "-ex", "print/x (unsigned long)&'runtime.mheap_'.spanalloc.size", program]
    said = subprocess.run(ask, capture_output=True, text=True, timeout=120, check=False).stdout
    found = re.search(r"= (0x[0-9a-f]+)", said)
    if not found:
        raise Failed(f"gdb: {said[-200:]}")
    return int(found.group(1), 16)


def offset_in(core, addr):
    """Where a core has an address."""
    headers = subprocess.run(["readelf", "-lW", core], capture_output=True, text=True, timeout=60, check=True).stdout
    for line in headers.splitlines():
        words = line.split()
        if words[:1] == ["LOAD"]:
            offset, start, size = int(words[1], 16), int(words[2], 16), int(words[4], 16)
            if start <= addr < start + size:
                return offset + addr - start
    raise Failed(f"{core} does not have {addr:#x}")


def warning_of(answer, claim):
    found = [w for w in answer["warnings"] if w["code"] == claim.code]
    if len(found) != 1 or claim.says not in found[0]["message"]:
        raise Failed(f"no {claim.code} with '{claim.says}': {answer['warnings']}")


def judge(run, claim):
    core, answer = run.cores[0], run.tool.json("heaps", run.cores[0])
    warning_of(answer, claim)
    if claim.breaks:
        if answer["complete"] or any(h["plugin"] == "go" for h in answer["data"]["heaps"]):
            raise Failed("an answer from a layout that does not fit")
        return "no answer"
    heap = gocheck.go_heap(answer)
    if heap["confidence"] == "exact" or not answer["complete"]:
        raise Failed(f"confidence {heap['confidence']}, complete {answer['complete']}")
    gocheck.equal("live", heap["bytes"]["live"], run.truth.stats["HeapAlloc"])
    gocheck.equal("stacks", heap["bytes"]["stacks"], run.truth.stats["StackInuse"])
    return f"{heap['confidence']}, {gocheck.check_objects(run.tool.csv(core, run.work / 'kernel.csv'), run.truth)}"


def claim_it(run, claim):
    """Changes the core of a run, and the program that heapwalk gets to see."""
    old = f"go{run.go.version}".encode()
    if len(old) != len(claim.version):
        raise Failed(f"{old} is not as long as {claim.version}")
    bare = run.work / "root" / run.program.resolve().relative_to("/")
    if not replace(bare, old, claim.version.encode()):
        raise Failed("the program has no version")
    replace(run.cores[0], old, claim.version.encode())
    if claim.breaks:
        at = offset_in(run.cores[0], address_of_size(run.program))
        subprocess.run(["strip", bare], check=True, timeout=60)
        with open(run.cores[0], "r+b") as file:
            file.seek(at)
            size = int.from_bytes(file.read(8), "little")
            file.seek(at)
            file.write((size + 8).to_bytes(8, "little"))
            if not 128 <= size <= 256:
                raise Failed(f"spanalloc.size is {size}")
