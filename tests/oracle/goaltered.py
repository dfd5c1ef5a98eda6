# SPDX-License-Identifier: Apache-2.0
"""A Go that no table has: the newest one, with members added to structs of its runtime, as a later release
might. With debug info all must be found by the offsets that it has, and be said to be conservative;
without, there must be no answer instead of a wrong one."""

import dataclasses
import json

import gocheck
from dump import Failed

# File of src/runtime: [(text that is there once, what takes its place)].
EDITS = {
    "runtime2.go": [("\tgoid         uint64\n", "\tgoid         uint64\n\tpadded       [2]uintptr\n")],
    "mheap.go": [("\tnpages    uintptr // number of pages in span\n",
                  "\tnpages    uintptr // number of pages in span\n\tpadded    uintptr\n"),
                 ("\tallspans []*mspan", "\tpadded [3]uintptr\n\tallspans []*mspan")],
}


def overlay(go, where):
    """The file for go build -overlay."""
    replaced = {}
    where.mkdir(parents=True, exist_ok=True)
    for name, edits in EDITS.items():
        source = go.root / "src/runtime" / name
        text = source.read_text()
        for old, new in edits:
            if text.count(old) != 1:
                raise Failed(f"{source} has {old.strip()!r} {text.count(old)} times: change EDITS")
            text = text.replace(old, new)
        (where / name).write_text(text)
        replaced[str(source)] = str(where / name)
    (where / "overlay.json").write_text(json.dumps({"Replace": replaced}))
    return where / "overlay.json"


def check_heap(run):
    answer = run.tool.json("heaps", run.cores[0])
    heap = gocheck.go_heap(answer)
    codes = [w["code"] for w in answer["warnings"]]
    if heap["confidence"] != "conservative" or not answer["complete"] or codes != ["go-layout-differs"]:
        raise Failed(f"confidence {heap['confidence']}, complete {answer['complete']}, {codes}")
    for mine, its in (("live", "HeapAlloc"), ("stacks", "StackInuse")):
        gocheck.equal(mine, heap["bytes"][mine], run.truth.stats[its])
    return f"live {heap['bytes']['live']}"


def check_refused(run):
    answer = run.tool.json("heaps", run.cores[0])
    if answer["complete"] or any(h["plugin"] == "go" for h in answer["data"]["heaps"]):
        raise Failed("an answer from a layout that does not fit")
    if "go-heap-not-found" not in [w["code"] for w in answer["warnings"]]:
        raise Failed(f"{answer['warnings']}")


def check_all(new_run, case, score):
    """new_run: go.Run of a case in a new directory; case: go.Case."""
    run = new_run(dataclasses.replace(case, name="altered", variant="altered"))
    name = f"go {run.go.version} altered"
    if score.check(f"{name} dump", run.dump):
        core = run.cores[0]
        score.check(f"{name} heap", check_heap, run)
        score.check(f"{name} objects", lambda: gocheck.check_objects(
            run.tool.csv(core, run.work / "kernel.csv"), run.truth))
        score.check(f"{name} memstats", lambda: gocheck.check_memstats(run.report("memstats", core), run.truth))
        score.check(f"{name} goroutines", lambda: gocheck.check_goroutines(
            run.tool.json("goroutines", core), run.truth, {}))
    run = new_run(dataclasses.replace(case, name="altered-stripped", variant="altered-stripped"))
    if score.check(f"{name} stripped dump", run.dump):
        score.check(f"{name} stripped", check_refused, run)
