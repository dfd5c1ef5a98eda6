# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb: where the structures of a Go heap lie, for the fault sweep. One line each: label,
address and size in hex. Of what there is much of, some."""

import struct

import gdb

SPANS = 24
GOROUTINES = 6
ENDED = 3
DEAD = 6


def read(addr, size):
    return bytes(gdb.selected_inferior().read_memory(addr, size))


def put(label, addr, size):
    if addr and size:
        print(f"RANGE {label} {addr:x} {size:x}")


def pointers(slice_value):
    array, count = int(slice_value["array"]), int(slice_value["len"])
    return [p for p in struct.unpack(f"<{count}Q", read(array, 8 * count)) if p]


def of_type(name, addr):
    return gdb.Value(addr).cast(gdb.lookup_type(name).pointer()).dereference()


def some(items, count):
    return items[::max(1, len(items) // count)][:count]


def put_spans(h):
    size = gdb.lookup_type("runtime.mspan").sizeof
    for addr in some(pointers(h["allspans"]), SPANS):
        s = of_type("runtime.mspan", addr)
        put("mspan", addr, size)
        bits = (int(s["nelems"]) + 7) // 8
        put("allocBits", int(s["allocBits"]), min(bits, 128))
        put("gcmarkBits", int(s["gcmarkBits"]), min(bits, 16))


def put_mheap(h):
    addr = int(h.address)
    fields = {f.name: (f.bitpos // 8, f.type.sizeof) for f in h.type.fields()}
    for name, (offset, size) in fields.items():
        # central and the page summaries are large and all alike.
        put(f"mheap.{name}", addr + offset, min(size, 256))


def put_arena(h):
    first = pointers(h["allArenas"]) if any(f.name == "allArenas" for f in h.type.fields()) else []
    l1 = h["arenas"]
    base = int(l1[0]) if l1.type.code == gdb.TYPE_CODE_ARRAY else int(l1)
    for index in first[:2]:
        slot = base + 8 * (index % (1 << 22))
        put("arenas", slot, 8)
        arena = struct.unpack("<Q", read(slot, 8))[0]
        fields = {f.name: f.bitpos // 8 for f in gdb.lookup_type("runtime.heapArena").fields()}
        put("heapArena.spans", arena + fields["spans"], 256)


def put_pages(h):
    """The page bits of the first chunk in use."""
    try:
        ranges = h["pages"]["inUse"]["ranges"]
        base = int(ranges["array"].dereference()["base"]["a"])
    except gdb.error:
        return
    chunk = (base + (1 << 47)) >> 22
    l2 = int(h["pages"]["chunks"][chunk >> 13])
    put("pallocData", l2 + 128 * (chunk & 8191), 256)


def is_dead(addr):
    status = of_type("runtime.g", addr)["atomicstatus"]
    while status.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        status = status["value"]
    return int(status) == DEAD


def put_goroutines():
    """Some that live, and some that have ended; and their places in the list."""
    size = gdb.lookup_type("runtime.g").sizeof
    allgs = gdb.parse_and_eval("'runtime.allgs'")
    every = pointers(allgs)
    dead = [addr for addr in every if is_dead(addr)]
    live = [addr for addr in every if addr not in dead]
    for addr in some(live, GOROUTINES) + dead[:ENDED]:
        put("g", addr, size)
    put("allgs[]", int(allgs["array"]), 8 * min(4, len(every)))


def put_caches():
    allp = gdb.parse_and_eval("'runtime.allp'")
    for p in pointers(allp)[:1]:
        cache = int(of_type("runtime.p", p)["mcache"])
        put("mcache", cache, 512)
        put("p", p, 128)


gdb.execute("set pagination off")
heap = gdb.parse_and_eval("'runtime.mheap_'")
put_mheap(heap)
put_spans(heap)
put_arena(heap)
put_pages(heap)
put_goroutines()
put_caches()
for name in ("allgs", "allp", "allm", "memstats", "gcController", "firstmoduledata"):
    value = gdb.parse_and_eval(f"'runtime.{name}'")
    put(name, int(value.address), min(value.type.sizeof, 400))
