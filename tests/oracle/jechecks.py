# SPDX-License-Identifier: Apache-2.0
"""The checks on jemalloc: decoded objects and ledgers against the log and against
malloc_stats_print."""

import collections

import cases
import jecases
from checks import check_logged, describe, doubts
from dump import Failed
from heapwalk import check_sums

LARGE_MIN = 16384   # SC_LARGE_MINCLASS; sampled small allocations are counted as this.


def size_class(size):
    """The class that holds size: 4 to each doubling."""
    if size <= 64:
        return next(c for c in (8, 16, 32, 48, 64) if size <= c)
    step = 1 << ((size - 1).bit_length() - 3)
    return (size + step - 1) // step * step


def check_live(blocks, truth, threads, glibc_tcaches):
    """The live set is the log's plus the listed remainder. threads: that ever ran, in all."""
    at, live, extra = check_logged(blocks, truth)
    found = check_remainder(extra, live, threads, glibc_tcaches)
    called = [a for a in truth if live[a].type in {r.type for r in jecases.RULES}]
    if called:
        raise Failed(f"{len(called)} of the program's own blocks are called jemalloc's: "
                     f"{describe(called, at)}")
    return f"{len(truth)} blocks" + "".join(f" + {n} {name}" for name, n in sorted(found.items()))


def check_remainder(extra, live, threads, glibc_tcaches):
    """What is live and not in the log, by kind; how many there are of each may be."""
    found = collections.Counter()
    names = {r.type for r in jecases.RULES}
    unnamed = [a for a in extra if live[a].type not in names and
               not cases.TCACHE.explains(live[a].size, live[a].type)]
    if unnamed:
        raise Failed(f"{len(unnamed)} blocks called live that the log has not, with no listed "
                     f"reason: {describe(unnamed, live, 6)}")
    for addr in extra:
        found[live[addr].type] += 1
    if found[cases.TCACHE.type] != glibc_tcaches:
        raise Failed(f"{found[cases.TCACHE.type]} ptmalloc tcaches, expected {glibc_tcaches}")
    for rule in jecases.RULES:
        most = rule.per_thread * threads if rule.per_thread else rule.most
        if found[rule.type] > most:
            raise Failed(f"{found[rule.type]} times '{rule.type}' ({rule.reason}), at most {most}")
    return {name: n for name, n in found.items() if n}


def check_counts(answer, blocks):
    """The ledger says of every heap what `blocks` lists."""
    if not answer["complete"]:
        raise Failed(doubts(answer))
    internal = {r.type for r in jecases.RULES}
    for heap in check_sums(answer, "heaps"):
        mine = [b for b in blocks if b.heap == name_of(heap)]
        states = collections.Counter(), collections.Counter()
        for b in mine:
            if not (heap["plugin"] == "jemalloc" and b.type in internal):
                states[0][b.state] += 1
                states[1][b.state] += b.size
        for state in ("live", "cached", "free"):
            if states[0][state] != heap["blocks"][state]:
                raise Failed(f"{name_of(heap)}: {heap['blocks'][state]} {state} blocks, listed are "
                             f"{states[0][state]}")
            if state != "free" and states[1][state] != heap["bytes"][state]:
                raise Failed(f"{name_of(heap)}: {heap['bytes'][state]} {state} bytes, listed are "
                             f"{states[1][state]}")
        if heap["bytes"]["unknown"]:
            raise Failed(f"{name_of(heap)}: {heap['bytes']['unknown']} bytes are unknown")


def name_of(heap):
    return heap.get("heap") or f"{heap['plugin']}:{heap['name']}"


def arena_number(arena):
    """None: page slabs without extents, of no arena that could be told."""
    last = arena["name"].split()[-1]
    return int(last) if last.isdigit() else None


def differ(what, found, said):
    if found != said:
        raise Failed(f"{what} is {found}, jemalloc says {said} ({found - said:+d})")


def check_pages(name, ledger, arena):
    """What is free in whole pages, and what is mapped."""
    rows = ledger["bytes"] if ledger else collections.Counter()
    differ(f"{name}: retained", rows["released"], arena.retained)
    differ(f"{name}: mapped and retained", ledger["mapped"] if ledger else 0,
           arena.mapped + arena.retained)


def promoted(size, stats):
    """What jemalloc's own words count for a small allocation that the profiler sampled, in the
    smallest large class; 0: nothing. Up to 5.3.0 every one is an extent of that class. 5.3.1 takes
    as many whole pages as the size needs, and where these are less than the smallest large class
    it counts them in no figure (arena_large_malloc_stats_update(), arena.c: nmalloc of a bin,
    which has no slab for it)."""
    if stats.version < (5, 3, 1) or size_class((size + 4095) // 4096 * 4096) >= LARGE_MIN:
        return LARGE_MIN
    return 0


def check_arena(ledger, blocks, arena, stats):
    """One arena's ledger rows and blocks against its own statistics; returns how many small
    allocations were sampled by the profiler."""
    name = f"arena {arena.index}"
    rows = ledger["bytes"] if ledger else collections.Counter()
    hpa = stats.opt.get("hpa", False)
    if not hpa:
        check_pages(name, ledger, arena)
    differ(f"{name}: muzzy", rows["lazy"], arena.muzzy)
    if not hpa or stats.version < (5, 3, 1):
        differ(f"{name}: dirty", ledger["releasable"] if ledger else 0, arena.dirty)
    counts = collections.Counter(b.size for b in blocks if b.state in ("live", "cached"))
    sampled = collections.Counter()
    for size in sorted(set(counts) | set(arena.bins)):
        if size < LARGE_MIN:
            regions = arena.bins.get(size, (0, 0, 0))[1]
            if counts[size] > regions and stats.opt.get("prof", False):
                sampled[size] = counts[size] - regions
            else:
                differ(f"{name}: regions of {size}", counts[size], regions)
    large = collections.Counter()
    for size, n in counts.items():
        if size >= LARGE_MIN:
            large[size_class(size)] += n
    large[LARGE_MIN] += sum(n for s, n in sampled.items() if promoted(s, stats))
    for size in sorted(set(large) | set(arena.lextents)):
        differ(f"{name}: large allocations of {size}", large[size], arena.lextents.get(size, 0))
    # 5.3.1 counts what may be used (opt.disable_large_size_classes), before it is the class.
    differ(f"{name}: allocated", sum(s * n for s, n in counts.items()) +
           sum((promoted(s, stats) - s) * n for s, n in sampled.items()), arena.allocated)
    return sampled.total()


def check_hpa(heap, ledgers, stats, extents):
    """Page slabs in all arenas together: an empty one's arena is not in the core."""
    slabs = [a.pageslabs for a in stats.arenas.values()]
    count, active, dirty = (sum(getattr(s, w) for s in slabs) for w in ("count", "active", "dirty"))
    if not count:
        raise Failed("no page slabs: the case tests nothing")
    differ("page slabs", extents["pageslabs"], count)
    differ("active in page slabs", extents["pageslab_active"], active)
    differ("dirty in page slabs", extents["pageslab_dirty"], dirty)
    if stats.version >= (5, 3, 1):  # pa_extra.c: page slabs' dirty pages are among the dirty.
        differ("dirty", heap["releasable"] + dirty, stats.sum("dirty"))
    kinds = {k["kind"]: k["bytes"] for k in extents["kinds"]}
    differ("small extent cache", kinds.get("sec", 0), stats.sum("sec"))
    # What is mapped and belongs to no page slab yet is no figure of jemalloc's.
    eden = ledgers[None]["bytes"]["untouched"] if None in ledgers else 0
    differ("mapped", heap["mapped"] - eden,
           stats.sum("mapped") + stats.sum("retained") + (count * 2 << 20))
    differ("released", heap["bytes"]["released"],
           stats.sum("retained") + (count * 2 << 20) - active - dirty)
    return f", {count} page slabs"


def misses_large(stats):
    """5.1 and 5.2 are wrong about tcache_bytes: they look for large bins behind the large bins
    (arena_stats_merge(), arena.c: bins_large[] from NBINS on), where nothing is ever cached."""
    return (5, 1) <= stats.version < (5, 3)


def check_stats(heap, blocks, stats, extents):
    """Every arena of one heap against malloc_stats_print."""
    by_arena = collections.defaultdict(list)
    for b in blocks:
        if b.heap == name_of(heap):
            by_arena[int(b.arena)].append(b)
    ledgers = {arena_number(a): a for a in heap["arenas"]}
    hpa = stats.opt.get("hpa", False)
    strange = set(ledgers) - set(stats.arenas) - ({None} if hpa else set())
    if [a for a in strange if ledgers[a]["mapped"]]:
        raise Failed(f"arenas {sorted(strange)} have bytes, jemalloc does not know them")
    sampled = 0
    for index, arena in stats.arenas.items():
        sampled += check_arena(ledgers.get(index), by_arena[index], arena, stats)
    pages = check_hpa(heap, ledgers, stats, extents) if hpa else ""
    if stats.opt.get("prof", False) and not sampled:
        raise Failed("nothing was sampled by the profiler: the case tests nothing")
    sizes = [b.size for b in blocks if b.heap == name_of(heap) and b.state == "cached"]
    cached = sum(sizes)
    if misses_large(stats):
        sizes = [s for s in sizes if s < LARGE_MIN]
    differ("cached bytes that it counts", sum(sizes), stats.sum("tcache_bytes"))
    return (f"allocated {stats.sum('allocated')}, active {stats.sum('active')}, "
            f"retained {stats.sum('retained')}, cached {cached}{pages}" +
            (f", {sampled} sampled" if sampled else ""))


STAT_NAMES = ("allocated", "active", "dirty", "muzzy", "mapped", "retained", "resident", "base",
              "internal")


def check_stats_report(report, stats):
    """`plugin jemalloc stats`: the names users know, of every arena and in all."""
    arenas = {a["arena"]: a for a in report["arenas"] if a["arena"] is not None}
    for index, said in stats.arenas.items():
        if index not in arenas:
            raise Failed(f"arena {index} is not in the report")
        for name in STAT_NAMES:
            if name in ("dirty", "resident") and stats.version >= (5, 3, 1) and stats.opt.get("hpa", False):
                continue  # Compared in all: an empty page slab's arena is not known.
            differ(f"arena {index}: {name}", arenas[index][name], getattr(said, name))
        if not misses_large(stats):
            differ(f"arena {index}: tcache_bytes", arenas[index]["tcache_bytes"],
                   said.tcache_bytes)
    for name in STAT_NAMES[:-2]:
        differ(name, report[name], stats.sum(name))
    differ("metadata", report["metadata"], stats.sum("base") + stats.sum("internal"))
    if report["version"].split("-")[0] not in stats.text_version:
        raise Failed(f"version is called {report['version']}, it is {stats.text_version}")
    return f"{len(stats.arenas)} arenas, metadata {report['metadata']}"


def check_bins_report(report, stats):
    """`plugin jemalloc bins`: every bin and large class of every arena."""
    arenas = {a["arena"]: a for a in report["arenas"]}
    rows = 0
    for index, said in stats.arenas.items():
        mine = arenas.get(index, {"bins": [], "large": []})
        bins = {b["size"]: b for b in mine["bins"]}
        if set(bins) != set(said.bins):
            raise Failed(f"arena {index}: bins {sorted(set(bins) ^ set(said.bins))} are only in one")
        for size, (slabs, regions, nonfull) in said.bins.items():
            b, what = bins[size], f"arena {index}: bin {size}:"
            differ(f"{what} slabs", b["slabs"], slabs)
            differ(f"{what} regions in use", b["live"] + b["cached"] + b["internal"], regions)
            # jemalloc leaves out the slab it takes from at the moment, of which there is at most
            # one for each shard (one), and which may be full.
            if nonfull is not None and not 0 <= b["nonfull"] - nonfull <= 1:
                differ(f"{what} partly used slabs", b["nonfull"], nonfull)
            rows += 1
        large = collections.Counter()
        for e in mine["large"]:
            size = e["size"] if e["size"] >= LARGE_MIN else promoted(e["size"], stats)
            large[size] += e["live"] + e["cached"] + e["internal"]
        del large[0]
        for size in sorted(set(large) | set(said.lextents)):
            differ(f"arena {index}: large class {size}", large[size], said.lextents.get(size, 0))
            rows += 1
    return f"{rows} bins and large classes"


def check_tcache_report(report, blocks, heap):
    """`plugin jemalloc tcache`: the threads' blocks are those of `blocks`."""
    cached = [b for b in blocks if b.heap == heap and b.state == "cached"]
    differ("cached blocks", report["blocks"], len(cached))
    differ("cached bytes", report["bytes"], sum(b.size for b in cached))
    differ("cached blocks of the threads", sum(t["blocks"] for t in report["threads"]), len(cached))
    differ("cached bytes by size", sum(s["bytes"] for s in report["sizes"]), report["bytes"])
    return f"{len(cached)} blocks in {len(report['threads'])} tcaches"
