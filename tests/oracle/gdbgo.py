# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb (gdb -batch -x gdbgo.py): the runtime's own counters and every span of a Go core, by
DWARF names alone and the slow way. Prints one JSON object. A second opinion for cores that were
taken while the collector ran, when the process could not write down its own truth."""

import json
import struct

import gdb

MARK, TERMINATION = 1, 2  # runtime.gcphase.
IN_USE, MANUAL = 1, 2


def number(value):
    """An integer, whatever atomic struct it is wrapped in."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        names = [f.name for f in value.type.strip_typedefs().fields()]
        value = value[next(n for n in ("value", "s", "u") if n in names)]
    return int(value)


def variable(name):
    return gdb.parse_and_eval(f"'runtime.{name}'")


def has(value, name):
    return any(f.name == name for f in value.type.strip_typedefs().fields())


def read(addr, size):
    return bytes(gdb.selected_inferior().read_memory(addr, size))


class Spans:
    """Reads mspans by the offsets that DWARF gives."""

    def __init__(self):
        self.type = gdb.lookup_type("runtime.mspan")
        self.at = {f.name: f.bitpos // 8 for f in self.type.fields()}
        self.size = {f.name: f.type.sizeof for f in self.type.fields()}
        # Green Tea's mark bits, inside the span.
        self.inline = 0
        try:
            self.inline = gdb.lookup_type("runtime.spanInlineMarkBits").sizeof
        except gdb.error:
            pass

    def field(self, data, name):
        return int.from_bytes(data[self.at[name]:self.at[name] + self.size[name]], "little")

    def bits(self, addr, count):
        return int.from_bytes(read(addr, (count + 7) // 8), "little") & ((1 << count) - 1)

    def span(self, addr):
        data = read(addr, self.type.sizeof)
        return {name: self.field(data, name) for name in
                ("startAddr", "npages", "freeindex", "nelems", "allocCount", "elemsize", "state",
                 "sweepgen", "allocBits", "gcmarkBits", "spanclass")}


def walk(h):
    spans, total = Spans(), {}
    sweepgen = int(h["sweepgen"])
    array, count = int(h["allspans"]["array"]), int(h["allspans"]["len"])
    pointers = struct.unpack(f"<{count}Q", read(array, 8 * count))
    names = ["in_use", "alloc", "objects", "by_bits", "slots_by_bits", "stacks", "manual", "unswept_spans",
             "unswept_bytes", "unswept_objects"]
    total = dict.fromkeys(names, 0)
    for pointer in pointers:
        s = spans.span(pointer)
        if s["state"] == MANUAL:
            total["stacks" if s["elemsize"] else "manual"] += s["npages"] * 8192
        if s["state"] != IN_USE:
            continue
        total["in_use"] += s["npages"] * 8192
        total["alloc"] += s["allocCount"] * s["elemsize"]
        total["objects"] += s["allocCount"]
        n, free = s["nelems"], min(s["freeindex"], s["nelems"])
        bits = spans.bits(s["allocBits"], n) | ((1 << free) - 1)
        slots = bin(bits).count("1")
        total["by_bits"] += slots * s["elemsize"]
        total["slots_by_bits"] += slots
        # +1: cached before the sweep began, and swept when its P gives it back (mheap.go, mspan.sweepgen).
        if s["sweepgen"] in (sweepgen - 2, sweepgen + 1):
            marked = spans.bits(s["gcmarkBits"], n)
            if spans.inline and 16 <= s["elemsize"] <= 512:
                marked |= inline_marks(spans, s, n)
            dead = bin(bits & ~marked).count("1")
            total["unswept_spans"] += 1
            total["unswept_bytes"] += dead * s["elemsize"]
            total["unswept_objects"] += dead
    return total


def inline_marks(spans, s, count):
    end = s["startAddr"] + s["npages"] * 8192
    marks = read(end - spans.inline + 64, 63)  # scans[63], owned, marks[63], class.
    return int.from_bytes(marks, "little") & ((1 << count) - 1)


def cached():
    """Bytes and objects handed out of the spans that mcaches hold, since they took them."""
    total = 0
    try:
        allp = variable("allp")
        for i in range(int(allp["len"])):
            cache = (allp["array"] + i).dereference()["mcache"]
            if int(cache) == 0:
                continue
            spans = cache["alloc"]
            for j in range(spans.type.range()[1] + 1):
                s = spans[j]
                if int(s) and has(s.dereference(), "allocCountBeforeCache") and int(s["elemsize"]):
                    total += (int(s["allocCount"]) - int(s["allocCountBeforeCache"])) * int(s["elemsize"])
    except gdb.error:
        return None
    return total


def controller():
    """HeapAlloc and HeapInuse as the runtime counts them, where it does."""
    c = variable("gcController")
    result = {}
    if has(c, "totalAlloc"):
        result["counted"] = number(c["totalAlloc"]) - number(c["totalFree"]) + cached()
        result["heap_in_use"] = number(c["heapInUse"])
        result["heap_released"] = number(c["heapReleased"])
        result["heap_free"] = number(c["heapFree"])
    else:
        m = variable("memstats")
        result["heap_in_use"] = number(m["heap_inuse"])
        result["heap_released"] = number(m["heap_released"])
    return result


WAITING = (3, 4)  # _Gsyscall, _Gwaiting.
SCAN = 0x1000


def pointers(value):
    array, count = int(value["array"]), int(value["len"])
    return struct.unpack(f"<{count}Q", read(array, 8 * count))


def waits():
    """{goroutine: waitsince} of those that wait, and the times that the runtime wrote down."""
    g, p, found = gdb.lookup_type("runtime.g").pointer(), gdb.lookup_type("runtime.p").pointer(), {}
    for addr in pointers(variable("allgs")):
        item = gdb.Value(addr).cast(g)
        if number(item["atomicstatus"]) & ~SCAN in WAITING:
            found[number(item["goid"])] = int(item["waitsince"])
    times = [number(variable("sched")["lastpoll"]), int(variable("memstats")["last_gc_nanotime"]),
             int(variable("work")["tEnd"])]
    times += [int(gdb.Value(addr).cast(p)["sysmontick"]["schedwhen"]) for addr in pointers(variable("allp"))]
    m = variable("memstats")
    gcs, latest = int(m["numgc"]), int(m["last_gc_unix"])
    ends = [int(m["pause_end"][i % 256]) - latest + times[1] for i in range(max(0, gcs - 256), gcs)]
    return {"since": found, "times": sorted((t for t in times if t), reverse=True),
            "ends": ends, "started": int(variable("work")["tstart"])}


def threads():
    """The runtime functions that threads are inside of, innermost first."""
    found = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        try:
            frame, names = gdb.newest_frame(), []
            while frame and len(names) < 24:
                names.append(frame.name() or "?")
                frame = frame.older()
        except gdb.error:
            pass
        found.append(names)
    return found


gdb.execute("set pagination off")
answer = {"phase": int(variable("gcphase")), "sweepgen": int(variable("mheap_")["sweepgen"]),
          **walk(variable("mheap_")), **controller(), "threads": threads(), "waits": waits()}
print("JSON " + json.dumps(answer))
