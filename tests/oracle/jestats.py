# SPDX-License-Identifier: Apache-2.0
"""What jemalloc says of itself: malloc_stats_print's JSON, and the one difference between the
moment it counts and the moment of the dump."""

import json

# The printer (since 5.3; 5.2.1 has none) allocates a buffer of 64 KiB for its own output, from
# arena 0, before it counts, and frees it when it is done. Its extent has a page more.
BUFFER, BUFFER_EXTENT = 65536, 65536 + 4096


class PageSlabs:
    """Those of the huge page allocator (5.3): they are in no other figure but active."""

    def __init__(self, said, page):
        kinds = [said[k] for k in ("full_slabs", "empty_slabs") if k in said]
        kinds += said.get("nonfull_slabs", [])
        self.count = sum(k["npageslabs_huge"] + k["npageslabs_nonhuge"] for k in kinds)
        self.active = page * sum(k["nactive_huge"] + k["nactive_nonhuge"] for k in kinds)
        # Huge ones are counted by what their bitmap says, too, but all of it is resident.
        self.dirty = page * sum(k.get("ndirty_huge", 0) + k["ndirty_nonhuge"] for k in kinds)
        self.bytes = self.count * 2 << 20


class Arena:
    """One arena at the moment of the dump."""

    def __init__(self, index, said, sizes, large_sizes, page):
        self.index = index
        self.small = said["small"]["allocated"]
        self.large = said["large"]["allocated"]
        self.allocated = self.small + self.large
        self.active = said["pactive"] * page
        self.dirty = said["pdirty"] * page
        self.muzzy = said["pmuzzy"] * page
        self.retained = said["retained"]
        self.mapped = said["mapped"]
        self.resident = said["resident"]
        self.base = said["base"]
        self.internal = said["internal"]
        self.tcache_bytes = said["tcache_bytes" if "tcache_bytes" in said else "tcache"]  # 5.0
        self.sec = said.get("sec_bytes", said.get("hpa_shard", {}).get("sec_bytes", 0))
        self.pageslabs = PageSlabs(said.get("hpa_shard", {}), page)
        self.bins = {}   # size -> (slabs, regions allocated, slabs neither full nor current)
        for size, b in zip(sizes, said["bins"]):
            if b["curslabs"] or b["curregs"]:
                self.bins[size] = (b["curslabs"], b["curregs"], b.get("nonfull_slabs"))
        self.lextents = {}   # size -> allocations
        for size, e in zip(large_sizes, said["lextents"]):
            if e["curlextents"]:
                self.lextents[size] = e["curlextents"]

    def without_buffer(self, keeps_dirty, retains, counts_pageslabs):
        """The printer's buffer is freed. A dirty_decay_ms of 0 purges at once and wholly, past
        muzzy (arena.c, arena_decay_impl: all is fully_decay); but not the dirty pages of page
        slabs, which 5.3.1 counts among the dirty ones (pa_shard_ndirty(), pa_extra.c)."""
        self.large -= BUFFER
        self.allocated -= BUFFER
        self.internal -= BUFFER
        self.active -= BUFFER_EXTENT
        self.lextents[BUFFER] -= 1
        if not self.lextents[BUFFER]:
            del self.lextents[BUFFER]
        if keeps_dirty:
            self.dirty += BUFFER_EXTENT
            return
        stays = self.pageslabs.dirty if counts_pageslabs else 0
        purged = BUFFER_EXTENT + self.dirty - stays  # All other that is dirty, with it.
        self.mapped -= purged
        self.resident -= purged
        self.dirty = stays
        if retains:
            self.retained += purged


class Stats:
    def __init__(self, path):
        said = json.loads(path.read_text())["jemalloc"]
        self.text_version = said["version"]
        self.version = tuple(int(n) for n in self.text_version.split("-")[0].split("."))
        self.opt = said["opt"]
        self.config = said["config"]
        shape = said["arenas"]
        self.page = shape["page"]
        sizes = [b["size"] for b in shape["bin"]]
        large = [e["size"] for e in shape["lextent"]]
        self.arenas = {int(k): Arena(int(k), v, sizes, large, self.page)
                       for k, v in said["stats.arenas"].items() if k.isdigit()}
        self.total = said["stats"]
        self.check()
        if self.version >= (5, 3):
            self.arenas[0].without_buffer(self.opt["dirty_decay_ms"] != 0, self.opt["retain"],
                                          self.version >= (5, 3, 1))

    def sum(self, what):
        return sum(getattr(a, what) for a in self.arenas.values())

    def check(self):
        """Its totals are the sums of its arenas, or this reader is wrong."""
        for what in ("allocated", "active", "mapped", "retained", "resident"):
            if self.sum(what) != self.total[what]:
                raise ValueError(f"stats: {what} is {self.total[what]}, of the arenas "
                                 f"{self.sum(what)}")
        if self.sum("base") + self.sum("internal") != self.total["metadata"]:
            raise ValueError("stats: metadata is not base and internal")
