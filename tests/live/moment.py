# SPDX-License-Identifier: Apache-2.0
"""Of one moment: what fixtures/moment keeps true at every moment is true in every copy of it."""

import mmap
import struct

from common import State
from dump import Failed

TABLE, PAGE, FAST, SLOW, PAGES, SLOTS = 0x100000000000, 4096, 512, 8192, 2048, 256
BUSY = (1 << 64) - 1


class Core:
    """Memory of an ELF core."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.loads = []
        offset, = struct.unpack_from("<Q", self.bytes, 32)
        for i in range(struct.unpack_from("<H", self.bytes, 56)[0]):
            kind, _, at, addr, _, size, full, _ = struct.unpack_from("<IIQQQQQQ", self.bytes,
                                                                     offset + i * 56)
            if kind == 1:
                self.loads.append((addr, addr + full, at, size))

    def words(self, addr, count):
        """count words; a piece that no segment has is an error."""
        out = b""
        while len(out) < count * 8:
            here = addr + len(out)
            start, end, at, size = next((s for s in self.loads if s[0] <= here < s[1]),
                                        (0, 0, 0, 0))
            if not end:
                raise Failed(f"0x{here:x} is not in the snapshot")
            want = min(end - here, count * 8 - len(out))
            have = self.bytes[at + here - start:at + min(size, here - start + want)]
            out += have.ljust(want, b"\0")
        return struct.unpack(f"<{count}Q", out)

    def word(self, addr):
        return self.words(addr, 1)[0]

    def pages(self, addr, pages):
        """The first and the last word of each page."""
        words = self.words(addr, pages * PAGE // 8)
        return words[::PAGE // 8], words[PAGE // 8 - 1::PAGE // 8]


def wave(core, name, addr, pages):
    first, last = core.pages(addr, pages)
    if any(a < b for a, b in zip(first, first[1:])) or first[0] - first[-1] > 1:
        steps = [(i, a, b) for i, (a, b) in enumerate(zip(first, first[1:])) if a != b]
        raise Failed(f"{name}: pages of several moments: {steps[:5]}")
    behind = [i for i in range(pages) if first[i] != last[i]]
    if len(behind) > 1 or any(first[i] != last[i] + 1 for i in behind):
        raise Failed(f"{name}: inside of pages: {[(i, first[i], last[i]) for i in behind[:5]]}")
    if behind and behind[0] + 1 < pages and first[behind[0] + 1] == first[behind[0]]:
        raise Failed(f"{name}: page {behind[0]} is behind page {behind[0] + 1}")
    return first[0]


def come_and_go(core, addr):
    state = core.words(TABLE + 24, PAGES)
    here = 0
    for i, (number, *found) in enumerate(zip(state, *core.pages(addr, PAGES))):
        if number != BUSY and found != [number, number]:
            raise Failed(f"page {i} is to have {number}, has {found}")
        here += number != 0
    if state.count(BUSY) > 1:
        raise Failed(f"{state.count(BUSY)} pages are busy")
    return here


def mappings(core):
    table = core.words(TABLE + 24 + PAGES * 8, SLOTS * 4)
    busy = 0
    for slot in range(SLOTS):
        is_busy, addr, pages, seed = table[slot * 4:slot * 4 + 4]
        busy += is_busy
        for i in range(0 if is_busy or not addr else pages):
            if core.word(addr + i * PAGE) != (seed + i) & BUSY:
                raise Failed(f"slot {slot}, page {i} of {pages} at 0x{addr:x}: "
                             f"{core.word(addr + i * PAGE):x}, not {(seed + i) & BUSY:x}")
    if busy > 1:
        raise Failed(f"{busy} slots are busy")


def snapshots(tool, build, work, count):
    """Every rule, in snapshots."""
    path, seen = work / "moment.snap", set()
    with State([build / "fixtures" / "moment"]) as target:
        for _ in range(count):
            tool.run("snapshot", target.pid, "-o", path, "--force")
            core = Core(path)
            fast, slow, pages = core.words(TABLE, 3)
            seen.add((wave(core, "fast", fast, FAST), wave(core, "slow", slow, SLOW),
                      come_and_go(core, pages)))
            mappings(core)
    path.unlink()
    if len(seen) < count:
        raise Failed(f"{count} snapshots, {len(seen)} moments")
    return f"{count} snapshots"


def ledgers(tool, build, mode, count):
    """As many live blocks as ever, or one less, in the middle of free() and malloc()."""
    counts, flux = set(), 0
    with State([build / "fixtures" / "moment"]) as target:
        for _ in range(count):
            answer = tool.json("heaps", target.pid, "--mode", mode, "--max-stop", "5s")
            if not answer["complete"]:
                if any(w["code"] == "arena-locked" for w in answer["warnings"]):
                    flux += 1
                    continue
                raise Failed(f"incomplete: {answer['warnings'][:2]}")
            counts.add(answer["data"]["heaps"][0]["blocks"]["live"])
    if not counts or max(counts) - min(counts) > 1:
        raise Failed(f"live blocks: {sorted(counts)}, {flux} times in flux")
    return f"{sorted(counts)} blocks, {flux} of {count} times in flux"


def checks(score, tool, build, work, count):
    score.check("moment snapshots", snapshots, tool, build, work, count)
    for mode in ("budget", "stop"):
        score.check(f"moment ledger {mode}", ledgers, tool, build, mode, count)
