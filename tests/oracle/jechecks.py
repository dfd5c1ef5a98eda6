# SPDX-License-Identifier: Apache-2.0
"""The checks on jemalloc: decoded objects and ledgers against the log and against
malloc_stats_print."""

import collections

import cases
import jecases
from checks import check_order, describe, doubts
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
    check_order(blocks)
    at = {b.addr: b for b in blocks}
    live = {b.addr: b for b in blocks if b.state == "live"}
    missing = truth.keys() - live.keys()
    if missing:
        raise Failed(f"{len(missing)} of {len(truth)} live blocks missing: {describe(missing, at)}")
    wrong = [a for a, (_, usable) in truth.items() if live[a].size != usable]
    if wrong:
        raise Failed(f"{len(wrong)} sizes wrong: {describe(wrong, at)}; the first is really "
                     f"{truth[min(wrong)]}")
    extra = live.keys() - truth.keys()
    found = check_remainder(extra, live, threads, glibc_tcaches)
    called = [a for a in truth if live[a].type in {r.type for r in jecases.RULES}]
    if called:
        raise Failed(f"{len(called)} of the program's own blocks are called jemalloc's: "
                     f"{describe(called, at)}")
    return f"{len(truth)} blocks" + "".join(f" + {n} {name}" for name, n in sorted(found.items()))


def check_remainder(extra, live, threads, glibc_tcaches):
    """What is live and not in the log, by kind; how many there are of each may be."""
    found = collections.Counter()
    for addr in extra:
        block = live[addr]
        if cases.TCACHE.explains(block.size, block.type):
            found[block.type] += 1
            continue
        if block.type not in {r.type for r in jecases.RULES}:
            raise Failed(f"{len(extra)} blocks called live that the log has not; with no listed "
                         f"reason: {describe([addr], live)}")
        found[block.type] += 1
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
    return int(arena["name"].split()[-1])


def differ(what, found, said):
    if found != said:
        raise Failed(f"{what} is {found}, jemalloc says {said} ({found - said:+d})")


def check_arena(ledger, blocks, arena, sampled_ok):
    """One arena's ledger rows and blocks against its own statistics; returns how many small
    allocations were sampled by the profiler."""
    name = f"arena {arena.index}"
    rows = ledger["bytes"] if ledger else collections.Counter()
    for what, row, said in [("retained", "released", arena.retained), ("muzzy", "lazy", arena.muzzy)]:
        differ(f"{name}: {what}", rows[row], said)
    differ(f"{name}: dirty", ledger["releasable"] if ledger else 0, arena.dirty)
    differ(f"{name}: mapped and retained", ledger["mapped"] if ledger else 0,
           arena.mapped + arena.retained)
    counts = collections.Counter(b.size for b in blocks if b.state in ("live", "cached"))
    sampled = collections.Counter()
    for size in sorted(set(counts) | set(arena.bins)):
        if size < LARGE_MIN:
            regions = arena.bins.get(size, (0, 0, 0))[1]
            if counts[size] > regions and sampled_ok:
                sampled[size] = counts[size] - regions
            else:
                differ(f"{name}: regions of {size}", counts[size], regions)
    large = collections.Counter()
    for size, n in counts.items():
        if size >= LARGE_MIN:
            large[size_class(size)] += n
    large[LARGE_MIN] += sampled.total()
    for size in sorted(set(large) | set(arena.lextents)):
        differ(f"{name}: large allocations of {size}", large[size], arena.lextents.get(size, 0))
    differ(f"{name}: allocated",
           sum(s * n for s, n in counts.items() if s < LARGE_MIN) +
           sum((LARGE_MIN - s) * n for s, n in sampled.items()) +
           sum(s * n for s, n in large.items()) - LARGE_MIN * sampled.total(), arena.allocated)
    return sampled.total()


def check_stats(heap, blocks, stats):
    """Every arena of one heap against malloc_stats_print."""
    by_arena = collections.defaultdict(list)
    for b in blocks:
        if b.heap == name_of(heap):
            by_arena[int(b.arena)].append(b)
    ledgers = {arena_number(a): a for a in heap["arenas"]}
    strange = set(ledgers) - set(stats.arenas)
    if [a for a in strange if ledgers[a]["mapped"]]:
        raise Failed(f"arenas {sorted(strange)} have bytes, jemalloc does not know them")
    sampled = 0
    for index, arena in stats.arenas.items():
        sampled += check_arena(ledgers.get(index), by_arena[index], arena, stats.opt["prof"])
    if stats.opt["prof"] and not sampled:
        raise Failed("nothing was sampled by the profiler: the case tests nothing")
    cached = sum(b.size for b in blocks if b.heap == name_of(heap) and b.state == "cached")
    if stats.version >= (5, 3):
        differ("cached bytes", cached, stats.sum("tcache_bytes"))
    return (f"allocated {stats.sum('allocated')}, active {stats.sum('active')}, "
            f"retained {stats.sum('retained')}, cached {cached}" +
            (f", {sampled} sampled" if sampled else ""))
