# SPDX-License-Identifier: Apache-2.0
"""The checks: decoded blocks and ledgers against the truth."""

import collections
import os
import re

import cases
from dump import Failed
from heapwalk import check_sums


def own_version():
    return tuple(int(n) for n in re.findall(r"\d+", os.confstr("CS_GNU_LIBC_VERSION"))[:2])


def doubts(answer):
    """Why an answer is not complete: warnings that are always there come last."""
    texts = [f"{w['code']}: {w['message']}" for w in answer["warnings"]
             if w["code"] != "shared-not-dumped"]
    damage = answer.get("damage", {"count": 0, "items": []})
    texts += [f"{d['address']}: {d['message']}" for d in damage["items"][:3]]
    return f"complete is false ({damage['count']} damaged places): {'; '.join(texts)}"


def describe(addrs, blocks_at, limit=3):
    """A few of the addresses, with what heapwalk says of each."""
    shown = []
    for addr in sorted(addrs)[:limit]:
        b = blocks_at.get(addr)
        shown.append(f"0x{addr:x}" + (f" ({b.state}, {b.size}, {b.heap} arena {b.arena} {b.type})"
                                      if b else " (no block)"))
    return ", ".join(shown)


def check_order(blocks):
    """Ascending within each heap, and no two blocks overlap anywhere."""
    last = {}
    for b in blocks:
        if last.get(b.heap, -1) >= b.addr:
            raise Failed(f"blocks of {b.heap} are not ascending at 0x{b.addr:x}")
        last[b.heap] = b.addr
    end = 0
    for b in sorted(blocks, key=lambda b: b.addr):
        if b.addr < end:
            raise Failed(f"blocks overlap at 0x{b.addr:x}")
        end = b.addr + b.size


def check_logged(blocks, truth):
    """Every block of the log is live, with its size. Returns all blocks and the live ones by address, and
    the addresses of those live ones that the log does not have."""
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
    return at, live, live.keys() - truth.keys()


def check_live(blocks, truth, case, version):
    """The live set is the log's plus the listed remainder."""
    at, live, extra = check_logged(blocks, truth)
    unexplained = [a for a in extra if not cases.TCACHE.explains(live[a].size, live[a].type)]
    if unexplained:
        raise Failed(f"{len(unexplained)} blocks called live that are not: "
                     f"{describe(unexplained, at)}")
    expected = cases.expected_tcaches(case, version)
    if len(extra) != expected:
        raise Failed(f"{len(extra)} tcache structs, expected {expected}")
    return f"{len(truth)} blocks + {len(extra)} {cases.TCACHE.type}"


def check_busy(answer, blocks, truth, case):
    """A heap caught at work: whatever heapwalk says, it says it of blocks that do not overlap,
    in a ledger that adds up; and when it calls the answer complete, no live block is missing and
    nothing is called live but what is live or under way in one of the threads."""
    check_order(blocks)
    check_sums(answer, "heaps")
    if not answer["complete"]:
        return doubts(answer)
    at = {b.addr: b for b in blocks}
    live = {b.addr: b for b in blocks if b.state == "live"}
    missing = truth.keys() - live.keys()
    if missing:
        raise Failed(f"called complete, but {len(missing)} of {len(truth)} live blocks missing: "
                     f"{describe(missing, at)}")
    wrong = [a for a, (_, usable) in truth.items() if live[a].size < usable]
    if wrong:
        raise Failed(f"called complete, but {len(wrong)} sizes wrong: {describe(wrong, at)}")
    extra = [a for a in live.keys() - truth.keys()
             if not cases.TCACHE.explains(live[a].size, live[a].type)]
    # A thread inside realloc may hold two: the old block, logged as gone before the call, and
    # the new one, logged after it.
    if len(extra) > 2 * case.threads:
        raise Failed(f"called complete, but {len(extra)} blocks are called live that are not: "
                     f"{describe(extra, at)}")
    return f"{len(truth)} blocks, {len(extra)} under way"


def match_heaps(answer, infos):
    """The heap that each libc's words are about: the one with its free bytes."""
    heaps = [h for h in answer["data"]["heaps"] if h["plugin"] == "ptmalloc"]
    free = sorted(h["bytes"]["free"] for h in heaps)
    said = sorted(i.mallinfo["fordblks"] for i in infos)
    if free != said:
        raise Failed(f"free is {free}, fordblks {said}")
    return [next(h for h in heaps if h["bytes"]["free"] == i.mallinfo["fordblks"]) for i in infos]


def is_mmapped(arena):
    """The entry among a heap's arenas that stands for mmapped chunks."""
    return arena["name"].startswith("mmapped")


def check_mmapped(heaps, infos):
    """In all heaps together: mmapped chunks do not tell which copy of libc made them."""
    entries = [a for h in heaps for a in h["arenas"] if is_mmapped(a)]
    has = sum(a["blocks"]["live"] for a in entries), sum(a["mapped"] for a in entries)
    said = sum(i.mmapped_count for i in infos), sum(i.mmapped_length for i in infos)
    if has != said:
        raise Failed(f"mmapped (chunks, bytes) {has}, malloc_info says {said}")


def check_info(heap, info, case, first):
    """One heap against what its libc said."""
    m = info.mallinfo
    arenas = [a for a in heap["arenas"] if not is_mmapped(a)]
    if heap["blocks"]["free"] != m["ordblks"] + m["smblks"]:
        raise Failed(f"{heap['blocks']['free']} free blocks, ordblks + smblks is "
                     f"{m['ordblks'] + m['smblks']}")
    if sorted(a["bytes"]["free"] for a in arenas) != sorted(a.free for a in info.arenas):
        raise Failed("free bytes by arena differ from malloc_info")
    if first and case.arenas and len(arenas) != case.arenas:
        raise Failed(f"{len(arenas)} arenas, expected {case.arenas}")
    if heap["bytes"]["released"]:
        raise Failed("ptmalloc has no released bytes")


def check_ledger(answer, blocks, infos, case):
    """The ledger adds up, agrees with the blocks, and with the libc's own words."""
    if not answer["complete"]:
        raise Failed(doubts(answer))
    check_sums(answer, "heaps")
    by_heap = collections.defaultdict(lambda: collections.Counter())
    for b in blocks:
        by_heap[b.heap][b.state] += 1
        by_heap[b.heap][b.state + "-bytes"] += b.size
    heaps = match_heaps(answer, infos)
    listed = sorted((c["live"], c["cached"], c["free"], c["live-bytes"], c["cached-bytes"])
                    for c in by_heap.values())
    told = sorted((h["blocks"]["live"], h["blocks"]["cached"], h["blocks"]["free"],
                   h["bytes"]["live"], h["bytes"]["cached"]) for h in heaps)
    if listed != told:
        raise Failed(f"heaps says (counts and bytes) {told}, blocks lists {listed}")
    for i, (heap, info) in enumerate(zip(heaps, infos)):
        check_info(heap, info, case, i == 0)
    check_mmapped(heaps, infos)
    return "fordblks " + ", ".join(str(i.mallinfo["fordblks"]) for i in infos)


def check_same(tool, gdb_core, kernel_csv, work, zeroed_tls_possible):
    """The gcore file gives the kernel core's blocks, byte for byte; where gdb writes threads'
    TLS as zeros, the answer may instead say so."""
    other = tool.csv(gdb_core, work / "gcore.csv")
    if other.read_bytes() == kernel_csv.read_bytes():
        return "same blocks"
    answer = tool.json("heaps", gdb_core)
    codes = {w["code"] for w in answer["warnings"]}
    if zeroed_tls_possible and not answer["complete"] and "tls-not-dumped" in codes:
        return "gdb wrote TLS as zeros, and heapwalk says so"
    mine, theirs = (set(p.read_text().split("\n")) for p in (kernel_csv, other))
    raise Failed(f"{len(mine ^ theirs)} lines differ: only kernel {sorted(mine - theirs)[:2]}, "
                 f"only gcore {sorted(theirs - mine)[:2]}")


def check_verify(tool, core):
    answer = tool.json("verify", core)
    if not answer["complete"]:
        raise Failed(f"damage found in a sound heap: {doubts(answer)}")
