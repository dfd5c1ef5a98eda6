# SPDX-License-Identifier: Apache-2.0
"""How long goroutines have waited. No core says what the clock was, nor when a goroutine blocked, so heapwalk tells
`at least`, by what the runtime wrote down of its collections, and `about`, as the runtime's own traceback does.
Compared with what gdb and DWARF read of each goroutine, to the nanosecond, and with the clock that a
fixture read around what it did."""

from dump import Failed

MINUTE = 60 * 10**9
SECOND = 10**9


def wait_of(since, now, opinion):
    """(at least, about): the goroutine blocked before the end of the collection that followed the one whose mark
    termination began at `since` (runtime/mgcmark.go, markroot; mgc.go, gcMark)."""
    ends = opinion["ends"]
    if since >= opinion["started"]:
        found = now
    else:
        after = [end for end in ends if end > since]
        found = after[1] if len(after) > 1 and after[0] - since <= SECOND else ends[-1]
    return max(0, now - found), max(0, now - since)


def check_opinion(report, opinion):
    """The plugin's list against gdb's, every goroutine."""
    opinion = opinion["waits"]
    times = opinion["times"]
    now = next((a for a, b in zip(times, times[1:]) if a - b <= MINUTE), 0)
    if not now:
        raise Failed(f"the runtime wrote down no time: {times}")
    wanted = {int(goid): wait_of(since, now, opinion) for goid, since in opinion["since"].items() if since}
    found = {g["id"]: (g["wait_ns"], g["wait_about_ns"]) for g in report["data"]["goroutines"]
             if g["wait_ns"] is not None}
    if found != wanted:
        goid = next(g for g in wanted.keys() | found.keys() if wanted.get(g) != found.get(g))
        raise Failed(f"goroutine {goid} waits {found.get(goid)} ns, not {wanted.get(goid)}")
    if not wanted:
        raise Failed("no goroutine waits")
    return f"{len(found)} waiting goroutines, the longest {max(wanted.values())}"


def one(report, function):
    found = [g for g in report["data"]["goroutines"] if g["function"] == function]
    if len(found) != 1 or found[0]["wait_ns"] is None:
        raise Failed(f"{function}: {found}")
    return found[0]


def check_bounds(report, groups, truth, dumped):
    """Both goroutines against the clock of the fixture. dumped: the clock after the core was written. At
    least: no more than since they were made, no less than between the collection that found them and the last one.
    About: never less than at least, and no more than since the collection before that one began."""
    clock = [int(truth.facts[f"wait{i}"]) for i in range(7)]
    for function, made, found, before in (("main.earlyWait", clock[1], clock[3], clock[0]),
                                          ("main.lateWait", clock[4], clock[6], clock[2])):
        g = one(report, function)
        least, about = g["wait_ns"], g["wait_about_ns"]
        if not clock[5] - found <= least <= dumped - made:
            raise Failed(f"{function}: at least {least} ns is not from {clock[5] - found} to {dumped - made}")
        if not least <= about <= dumped - before:
            raise Failed(f"{function}: about {about} ns is not from {least} to {dumped - before}")
        group = next(x for x in groups["data"]["groups"] if g["id"] in [m["id"] for m in x["goroutines"]])
        if (group["wait"]["seconds"], group["wait"]["seconds_about"]) != (least // SECOND, about // SECOND):
            raise Failed(f"goroutine {g['id']}: {group['wait']}, listed with {least} and {about} ns")
    early, late = one(report, "main.earlyWait"), one(report, "main.lateWait")
    if early["wait_ns"] - late["wait_ns"] < SECOND:
        raise Failed(f"earlyWait waited a second longer: {early['wait_ns']}, {late['wait_ns']} ns")
    return f"at least {early['wait_ns'] / 1e9:.3f} s and {late['wait_ns'] / 1e9:.3f} s"
