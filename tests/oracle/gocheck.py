# SPDX-License-Identifier: Apache-2.0
"""What must hold between heapwalk's answers about a Go core and the truth of the process."""

import collections

from dump import Failed
from gotruth import Frame
from heapwalk import check_sums, parse_blocks

# What lateObjects() of the fixture makes, in its order; tiny ones share blocks of 16 bytes.
LATE = [48, 16] * 40 + [0, 0] * 21 + [200 << 10, 73728]
TINY = 16


def late_objects(truth):
    """{slot: size} of what the process made after the heap dump."""
    if not truth.late:
        return {}
    if len(truth.late) != len(LATE):
        raise Failed(f"truth: {len(truth.late)} late objects, not {len(LATE)}")
    found = {}
    for addr, size in zip(truth.late, LATE):
        if size:
            found[addr] = size
        else:
            found[addr & -TINY] = TINY
    for addr in found:
        if addr in truth.dump.objects:
            raise Failed(f"truth: the late object {addr:#x} is in the heap dump, too")
    return found


def go_heap(answer):
    heaps = [h for h in answer["data"]["heaps"] if h["plugin"] == "go"]
    if len(heaps) != 1:
        raise Failed(f"{len(heaps)} Go heaps, not one: {answer['warnings']}")
    return heaps[0]


def check_c_heap(answer, csv, truth):
    """The blocks that the program's C part holds are ptmalloc's, live, as large as asked for."""
    need_complete(answer, "heaps")
    plugins = sorted(h["plugin"] for h in answer["data"]["heaps"])
    if plugins != ["go", "ptmalloc"]:
        raise Failed(f"the heaps are {plugins}")
    blocks = {b.addr: b for b in parse_blocks(csv) if b.heap.startswith("ptmalloc")}
    wanted = [v.split() for k, v in truth.facts.items() if k.startswith("cblock")]
    for addr, size in wanted:
        b = blocks.get(int(addr, 16))
        if not b or b.state != "live" or not int(size) <= b.size < int(size) + 24:
            raise Failed(f"the C block {addr} of {size} bytes is {b}")
    if not wanted:
        raise Failed("truth: no C blocks")
    return f"{len(wanted)} of {len(blocks)} blocks"


def need_complete(answer, what):
    if not answer["complete"]:
        raise Failed(f"{what}: not complete: {answer['warnings']}")


def equal(what, found, wanted):
    if found != wanted:
        raise Failed(f"{what}: {found}, not {wanted} ({found - wanted:+d})")


def show(addresses):
    listed = sorted(addresses)
    return ", ".join(f"{a:#x}" for a in listed[:5]) + (" …" if len(listed) > 5 else "")


def check_objects(csv, truth):
    """Every object of the heap dump by address and size, and the late ones, and nothing else."""
    wanted = {a: o.size for a, o in truth.dump.objects.items()}
    wanted.update(late_objects(truth))
    blocks = [b for b in parse_blocks(csv) if b.heap.startswith("go")]
    found = {b.addr: b.size for b in blocks if b.state == "live"}
    if len(found) != sum(b.state == "live" for b in blocks):
        raise Failed("two live blocks at one address")
    missing, more = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    if missing or more:
        raise Failed(f"{len(missing)} objects missing ({show(missing)}), {len(more)} too many ({show(more)})")
    wrong = [a for a in wanted if wanted[a] != found[a]]
    if wrong:
        raise Failed(f"{len(wrong)} sizes differ: {wrong[0]:#x} is {wanted[wrong[0]]}, not {found[wrong[0]]}")
    check_disjoint(blocks)
    return f"{len(found)} objects, {sum(found.values())} bytes"


def check_disjoint(blocks):
    end = 0
    for b in sorted(blocks, key=lambda b: b.addr):
        if b.addr < end:
            raise Failed(f"the {b.state} block at {b.addr:#x} begins inside another")
        end = b.addr + b.size


def check_ledger(answer, truth):
    """The rows add up; live is HeapAlloc; what was released is HeapReleased."""
    need_complete(answer, "heaps")
    check_sums(answer, "heaps")
    heap, stats, late = go_heap(answer), truth.stats, late_objects(truth)
    rows = heap["bytes"]
    if heap["confidence"] != "exact":
        raise Failed(f"confidence is {heap['confidence']}")
    equal("live", rows["live"], stats["HeapAlloc"] + sum(late.values()))
    equal("live blocks", heap["blocks"]["live"], stats["HeapObjects"] + len(late))
    equal("unknown", rows["unknown"], 0)
    if not late:
        equal("lazy + released", rows["lazy"] + rows["released"], stats["HeapReleased"])
        equal("stacks", rows["stacks"], stats["StackInuse"])
    lazy = truth.minor < 16
    if (rows["lazy"] if not lazy else rows["released"]) != 0:
        raise Failed(f"lazy {rows['lazy']}, released {rows['released']}: 1.{truth.minor} does it the other way")
    return f"mapped {heap['mapped']}"


# Those that the heap itself determines: recomputed, and equal.
RECOMPUTED = ["HeapAlloc", "HeapObjects", "HeapInuse", "HeapIdle", "HeapReleased", "HeapSys", "StackInuse",
              "MSpanInuse", "MCacheInuse"]


def check_memstats(answer, truth):
    need_complete(answer, "memstats")
    fields = {f["name"]: f for f in answer["data"]["fields"]}
    late = late_objects(truth)
    shift = {"HeapAlloc": sum(late.values()), "HeapObjects": len(late)}
    names = list(shift) if late else RECOMPUTED
    wrong = []
    for name in names:
        wanted = truth.stats[name] + shift.get(name, 0)
        if name not in fields:
            wrong.append(f"{name} is not there")
        elif fields[name]["value"] != wanted:
            wrong.append(f"{name} {fields[name]['value']}, not {wanted}")
        elif fields[name].get("agrees") is False:
            wrong.append(f"{name}: flagged, the counter says {fields[name]['counter']}")
    if not late:
        # The rest is the runtime's counter, as it is.
        for name in ("Sys", "StackSys", "MSpanSys", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys", "NextGC",
                     "NumGC", "TotalAlloc", "Mallocs", "Frees", "LastGC"):
            f = fields.get(name)
            # As text where it could be beyond 2^53.
            if f and f["counter"] is not None and int(f["counter"]) != truth.stats[name]:
                wrong.append(f"counter {name} {f['counter']}, not {truth.stats[name]}")
    if wrong:
        raise Failed("; ".join(wrong))
    return f"{len(names)} fields"


def check_classes(answer, truth):
    """Live objects for each class."""
    need_complete(answer, "classes")
    wanted = collections.Counter(o.size for o in truth.dump.objects.values())
    wanted.update(late_objects(truth).values())
    found = collections.Counter()
    large = 0
    for row in answer["data"]["classes"]:
        if row["size"]:
            found[row["size"]] += row["objects"]
        else:
            large += row["objects"]
    # 32 KiB is a class, and the size of the smallest large span.
    small = {size: n for size, n in wanted.items() if size < 32768}
    for size in small:
        if found[size] != small[size]:
            raise Failed(f"class {size}: {found[size]} objects, not {small[size]}")
    equal("objects of all classes", sum(found.values()) + large, sum(wanted.values()))
    return f"{len(small)} classes"


def is_shown(f):
    """Whether a frame counts: runtime.Stack hides the runtime's own and wrappers, by rules that
    differ with the version (runtime/traceback.go, showfuncinfo), so both sides pass through here."""
    if f.file == "<autogenerated>":
        return False
    if f.function.startswith("runtime."):
        return f.function[len("runtime."):][:1].isupper() or f.function == "runtime.gopanic"
    return "." in f.function or f.function == "panic"


def frames_of(stack):
    return tuple(Frame(f["function"], f["file"], f["line"]) for f in stack)


def visible(frames):
    """The frames that count, with runtime.Stack's name for gopanic."""
    return tuple(Frame("panic", f.file, f.line) if f.function == "runtime.gopanic" else f
                 for f in frames if is_shown(f))


def key_of(state, frames, creator):
    return (state, frames, creator)


def group_key(group):
    """A group of heapwalk's as key_of()."""
    c = group["created_by"]
    creator = Frame(c["function"], c["file"], c["line"]) if c else None
    if creator and not is_shown(creator):
        creator = None  # The runtime's own.
    return key_of(group["state"], visible(frames_of(group["stack"])), creator)


def check_crash(tool, core, before):
    """A core by GOTRACEBACK=crash of a process that had these figures shortly before, the collector off."""
    answer = tool.json("heaps", core)
    need_complete(answer, "heaps")
    check_sums(answer, "heaps")
    live = go_heap(answer)["bytes"]["live"]
    if not before["HeapAlloc"] <= live <= before["HeapAlloc"] + (8 << 20):
        raise Failed(f"live is {live}, HeapAlloc was {before['HeapAlloc']}")
    return f"live {live}"


def check_members(group, truth):
    """The ids of a group are those of goroutines with its state and creator."""
    if group["goroutines_omitted"] + len(group["goroutines"]) != group["count"]:
        raise Failed(f"a group of {group['count']} lists {len(group['goroutines'])}")
    for member in group["goroutines"]:
        g = truth.get(member["id"])
        if not g or g.state != group["state"] or g.locked != group["locked"]:
            raise Failed(f"goroutine {member['id']} is {g}, not {group['state']}, locked {group['locked']}")
        if g.parent and group["created_by"]["goroutine"] != g.parent:
            raise Failed(f"goroutine {g.goid}: created by {group['created_by']}, not in {g.parent}")


RUNNING = ("running", "syscall", "runnable")  # What the main goroutine does at the dump.


def check_goroutine_report(report, answer):
    """The plugin's own list against the core's groups, which the truth has judged: every id, its
    state, and the stacks' bytes."""
    need_complete(report, "goroutines report")
    mine, groups = report["data"], answer["data"]
    for key in ("total", "system"):
        equal(key, mine[key], groups[key])
    listed = collections.Counter((g["id"], g["state"], g["system"]) for g in mine["goroutines"])
    grouped = collections.Counter((m["id"], g["state"], g["system"])
                                  for g in groups["groups"] for m in g["goroutines"])
    if listed != grouped:
        raise Failed(f"listed only {listed - grouped}, grouped only {grouped - listed}")
    equal("stack bytes", mine["stack_bytes"], sum(g["stack_bytes"] for g in groups["groups"]))
    for g in mine["goroutines"]:
        if not g["function"]:
            raise Failed(f"goroutine {g['id']} stands nowhere")


def check_goroutines(answer, truth, more=None):
    """more: {function: count} of runnable ones that are not in the truth. Groups of equal stacks, their states, functions and lines; the main goroutine, which has moved
    on since, by its outermost frame."""
    need_complete(answer, "goroutines")
    data = answer["data"]
    wanted, found = collections.Counter(), collections.Counter()
    ids = {}
    main = truth.goroutines[0].goid  # runtime.Stack begins with the one that calls it.
    for g in truth.goroutines:
        if g.goid != main:
            wanted[key_of(g.state, visible(g.frames), g.creator)] += 1
            ids[g.goid] = g
    mains, more = 0, dict(more or {})
    total = len(truth.goroutines) + sum(more.values())
    for group in data["groups"]:
        if group["system"]:
            continue
        state, frames, creator = group_key(group)
        if [m["id"] for m in group["goroutines"]] == [main]:
            mains += 1
            if state not in RUNNING or "main.main" not in [f.function for f in frames] or creator:
                raise Failed(f"the main goroutine: {state}, {frames}, created by {creator}")
        elif frames and frames[-1].function in more and state == "runnable":
            more[frames[-1].function] -= group["count"]
        else:
            found[key_of(state, frames, creator)] += group["count"]
            check_members(group, ids)
    equal("main goroutines", mains, 1)
    equal("total - system", data["total"] - data["system"], total)
    if any(more.values()):
        raise Failed(f"runnable: too few or too many of {more}")
    if wanted != found:
        missing, more = wanted - found, found - wanted
        raise Failed(f"{sum(missing.values())} missing: {next(iter(missing), None)}; "
                     f"{sum(more.values())} too many: {next(iter(more), None)}")
    return f"{len(truth.goroutines)} goroutines in {len(wanted) + 1} groups"


def check_profile(answer, truth):
    """The buckets, as runtime.MemProfile gave them."""
    need_complete(answer, "profile")
    equal("rate", answer["data"]["rate"], truth.rate)
    wanted, found = collections.Counter(), collections.Counter()
    for r in truth.profile:
        if r.alloc_objects or r.free_objects:  # Others have counts that no cycle published yet.
            wanted[(r.alloc_bytes, r.free_bytes, r.alloc_objects, r.free_objects, r.frames)] += 1
    cut = {r.frames for r in truth.profile if r.is_cut}
    lengths = {len(frames) for frames in cut}
    for r in answer["data"]["records"]:
        numbers = tuple(r[k] for k in ("alloc_bytes", "free_bytes", "alloc_objects", "free_objects"))
        frames = frames_of(r["stack"])
        frames = next((frames[:n] for n in lengths if frames[:n] in cut), frames)
        if any(numbers):
            found[(*numbers, frames)] += 1
    if wanted != found:
        missing, more = wanted - found, found - wanted
        raise Failed(f"{sum(missing.values())} missing: {next(iter(missing), None)}; "
                     f"{sum(more.values())} too many: {next(iter(more), None)}")
    return f"{len(wanted)} buckets"
