# SPDX-License-Identifier: Apache-2.0
"""Go cores taken at any instant: while the collector marks, while it sweeps, while threads are inside the
allocator. The process cannot write down its truth then, so gdb and DWARF (gdbgo.py) give a second
opinion. What must hold: an answer that says it is complete equals it to the byte."""

import json
import pathlib
import random
import subprocess
import time

import gocheck
from dump import Failed, Process, kernel_core, need_gcore, need_kernel_cores
from heapwalk import Heapwalk, check_sums

SCRIPT = pathlib.Path(__file__).with_name("gdbgo.py")
MARK = 1

# Inside these a thread may have taken a span and not counted it yet, or the other way round; the scavenger marks
# pages allocated while it gives them back.
IN_BETWEEN = ("runtime.(*pageAlloc).", "runtime.(*pageCache).", "runtime.(*mheap).", "runtime.(*mcache).", "runtime.(*mcentral).", "runtime.(*sweepLocked).sweep",
              "runtime.(*mspan).sweep")

# The first that a thread does: its stack is as untouched as one that was not dumped.
NEW_THREAD = ("runtime.clone", "runtime.mstart", "runtime.mstart0")

# What heapwalk may say then.
IN_FLIGHT = {"go-pages-lost", "go-counters-disagree", "go-in-flux", "go-heap-locked", "go-sweeping"}


def second_opinion(program, core):
    done = subprocess.run(
        ["gdb", "--nx", "--batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
         "-x", SCRIPT, program, core], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("JSON "):
            return json.loads(line[5:])
    raise Failed(f"gdb: {done.stderr.decode(errors='replace').strip()[-300:]}")


def in_between(opinion):
    """The allocator functions that threads are inside of."""
    return sorted({f for names in opinion["threads"] for f in names if f.startswith(IN_BETWEEN)})


def judge(tool, core, opinion):
    """heaps and memstats against the second opinion."""
    answer = tool.json("heaps", core)
    check_sums(answer, "heaps")
    heap = gocheck.go_heap(answer)
    between = in_between(opinion)
    if not answer["complete"] or heap["confidence"] != "exact":
        codes = {w["code"] for w in answer["warnings"]}
        if codes == {"stack-not-dumped"} and any(names[0] in NEW_THREAD for names in opinion["threads"] if names):
            return "not complete: a thread has not used its stack yet"
        if not between or not codes <= IN_FLIGHT:
            raise Failed(f"not complete, while threads are in {between}: {answer['warnings']}")
        return f"not complete: {between[0]}"
    gocheck.equal("stacks", heap["bytes"]["stacks"], opinion["stacks"])
    # A thread on its way through mallocgc has taken a slot and not counted it: both accounts are of this instant.
    if (heap["bytes"]["live"], heap["blocks"]["live"]) not in (
            (opinion["alloc"], opinion["objects"]), (opinion["by_bits"], opinion["slots_by_bits"])):
        raise Failed(f"live {heap['bytes']['live']} in {heap['blocks']['live']}, by count {opinion['alloc']} in "
                     f"{opinion['objects']}, by bits {opinion['by_bits']} in {opinion['slots_by_bits']}")
    gocheck.equal("unswept", heap["unswept"], opinion["unswept_bytes"])
    fields = {f["name"]: f for f in tool.json("plugin", "go", "memstats", core)["data"]["fields"]}
    gocheck.equal("HeapInuse", fields["HeapInuse"]["value"], opinion["in_use"])
    if fields["HeapAlloc"]["value"] not in (opinion["alloc"], opinion["by_bits"]):
        raise Failed(f"HeapAlloc {fields['HeapAlloc']['value']}, not {opinion['alloc']}")
    # The runtime's own totals: equal, or a thread is between two of its steps.
    differ = [k for k, mine in (("counted", opinion["alloc"]), ("heap_in_use", opinion["in_use"]))
              if opinion.get(k, mine) != mine]
    if differ and not between:
        raise Failed(f"{differ} disagree and no thread is inside the allocator")
    state = "mark" if opinion["phase"] == MARK else "sweep" if opinion["unswept_spans"] else "between cycles"
    return f"{state}, live {opinion['alloc']}, unswept {opinion['unswept_bytes']}" + \
        (f", {differ} while in {between[0]}" if differ else "")


def dump_busy(build, go, work, seed, found):
    need_kernel_cores()
    need_gcore()
    program = go.build(build, "busy", "normal")
    tool = Heapwalk(build, work / "root")
    copy = work / "root" / program.resolve().relative_to("/")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(program.read_bytes())
    args = ["-release"] if seed % 3 == 2 else []
    with Process([program, *args], work, ready="READY") as p:
        time.sleep(random.Random(seed).random() / 4)
        core = kernel_core(p.pid, work, lambda: p.popen.wait(60))
    opinion = second_opinion(program, core)
    found["mark" if opinion["phase"] == MARK else "sweep" if opinion["unswept_spans"] else "off"] += 1
    return judge(tool, core, opinion)


MARK_TRIES = range(100, 112)


def need_mark(found, dump):
    """One of the dumps was taken during mark; if not, more are, until one is."""
    for seed in MARK_TRIES:
        if found["mark"]:
            break
        dump(seed)
    if not found["mark"]:
        raise Failed(f"none of {sum(found.values())} cores was taken while the collector marked")
    return f"{found['mark']} of {sum(found.values())} cores"


def dump_sweep(build, go, work, find_core, run_to_core):
    """At the start of a sweep, which the fixture waits for itself."""
    need_kernel_cores()
    need_gcore()
    program = go.build(build, "busy", "normal")
    tool = Heapwalk(build, work / "root")
    copy = work / "root" / program.resolve().relative_to("/")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(program.read_bytes())
    run_to_core([program, "-sweep", "-live", "12"], work, {})
    core = find_core(work)
    opinion = second_opinion(program, core)
    if not opinion["unswept_objects"]:
        raise Failed("the core is not of a sweep")
    return judge(tool, core, opinion)
