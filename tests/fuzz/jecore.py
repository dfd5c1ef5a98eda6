#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small jemalloc core for the fault sweep, and where its structures lie.

jecore.py BUILD DIR: writes DIR/core and DIR/ranges (label, address and size in hex). Exit status 3
and a line why when something for it is missing.

The places are found from the heap's own addresses: a leaf of the radix tree is what has, at an
object's index, the extent that covers the object."""

import json
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import jecases  # pylint: disable=wrong-import-position
from dump import Process, Skip, need_kernel_cores  # pylint: disable=wrong-import-position

ARGS = ["--threads", "2", "--blocks", "120", "--size-max", "9000", "--large", "6", "--aligned", "8",
        "--tcache", "--fill", "6", "--stack", "64"]
EDATA = 128
PTR = 0xffffffffffff & ~0x3f
EXTENTS, WORDS = 24, 48   # Of what there is much of, some.
# Of 5.3.0 (facts of plugins/jemalloc/layout.c): what a decoder reads of arena_t and base_t.
ARENA = [(0, 64), (10392, 32), (10528, 8), (10648, 24), (78928, 256), (79136, 40)]
BASE = [(0, 8), (160, 8), (3880, 32)]


class Memory:
    """The loaded segments of a core."""

    def __init__(self, path):
        self.data = path.read_bytes()
        offset, = struct.unpack_from("<Q", self.data, 32)
        count, = struct.unpack_from("<H", self.data, 56)
        self.segments = []
        for i in range(count):
            kind, flags, at, start, _, length = struct.unpack_from("<IIQQQQ", self.data,
                                                                   offset + 56 * i)
            if kind == 1 and length:
                self.segments.append((start, start + length, at, flags))

    def words(self, addr, count):
        for start, end, at, _ in self.segments:
            if start <= addr and addr + 8 * count <= end:
                return struct.unpack_from(f"<{count}Q", self.data, at + addr - start)
        return None

    def word(self, addr):
        found = self.words(addr, 1)
        return found[0] if found else 0

    def find_leaf(self, addr):
        """(slot, leaf): where the tree's root points at the leaf for addr."""
        index = addr >> 12 & 0x3ffff
        for start, end, at, flags in self.segments:
            if not flags & 2 or end - start > 16 << 20:
                continue
            for i, word in enumerate(struct.unpack_from(f"<{(end - start) // 8}Q", self.data, at)):
                if not word or word & 63 or word >> 47:
                    continue
                edata = self.word(word + 8 * index) & PTR
                fields = self.words(edata, 3) if edata else None
                if fields and fields[1] & ~4095 <= addr < (fields[1] & ~4095) + (fields[2] & ~4095) \
                        and addr - fields[1] < 1 << 40 and fields[2] < 1 << 40:
                    return start + 8 * i, word
        raise Skip("the radix tree was not found")


def some(items, count):
    return items[::max(1, len(items) // count)][:count]


def tool(build, *args):
    return subprocess.run([build / "heapwalk", *args], capture_output=True, timeout=60,
                          check=True).stdout


def ranges(build, core):
    memory = Memory(core)
    lines = tool(build, "blocks", core, "--format", "csv").decode().split("\n")[1:-1]
    objects = [int(line.split(",")[0], 16) for line in lines if ",jemalloc" in line]
    slot, leaf = memory.find_leaf(objects[len(objects) // 2])
    found = [("rtree.root", slot, 8)]
    used = [(leaf + 8 * i, w) for i, w in enumerate(memory.words(leaf, 1 << 18)) if w & PTR]
    found += [("rtree.leaf", at, 8) for at, _ in some(used, WORDS)]
    # One after a used one: what was never written.
    found += [("rtree.unused", at + 8, 8) for at, _ in some(used, 8) if not memory.word(at + 8)]
    extents = sorted({w & PTR for _, w in used})
    for e in some(extents, EXTENTS):
        found += [("edata", e, 64), ("edata.bitmap", e + 64, 64)]
    data = json.loads(tool(build, "plugin", "jemalloc", "arenas", core, "--json"))["data"]
    for arena in data["arenas"][:3]:
        at = int(arena["address"], 16) if arena["address"] else 0
        if not at:
            continue
        found += [("arena_t", at + o, n) for o, n in ARENA]
        base = memory.word(at + 78936)
        found += [("base_t", base + o, n) for o, n in BASE]
        found += [("base_block_t", memory.word(base + 160), 64)]
    data = json.loads(tool(build, "plugin", "jemalloc", "tcache", core, "--json"))["data"]
    for thread in data["heaps"][0]["threads"]:
        at = int(thread["address"], 16)
        # Not the low bytes of stack_head: one item less on the stack is as good a heap, in which
        # that item is live.
        found += [("tcache", at, 8)] + [("cache_bin_t", at + 8 + 24 * i + 2, 22)
                                        for i in range(0, 73, 2)]
        found += [("tcache_slow", memory.word(at), 232)]
        stacks = [memory.word(at + 8 + 24 * i) for i in range(73)]
        found += [("cache_bin stack", s, 32) for s in some([s for s in stacks if s], 12)]
    return found


def make(build, where):
    if jecases.OWN.missing(build):
        raise Skip(jecases.OWN.missing(build))
    need_kernel_cores()
    env = {"LD_PRELOAD": str(jecases.SYSTEM_LIBRARY), "MALLOC_CONF": "narenas:2,dirty_decay_ms:-1"}
    with Process([build / "fixtures/jeheaps", *ARGS], where, env, ready="READY") as process:
        process.abort().rename(where / "core")
    found = ranges(build, where / "core")
    (where / "ranges").write_text("".join(f"{label.replace(' ', '-')} {at:x} {size:x}\n"
                                          for label, at, size in found))
    return len(found)


def main():
    try:
        make(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    except Skip as e:
        print(e)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
