# SPDX-License-Identifier: Apache-2.0
"""What a Go fixture wrote of its own heap and goroutines (fixtures/go/heap/main.go)."""

import collections
import dataclasses
import pathlib
import re
import struct

import godump
from dump import Failed

FIELDS = ("Alloc TotalAlloc Sys Lookups Mallocs Frees HeapAlloc HeapSys HeapIdle HeapInuse "
          "HeapReleased HeapObjects StackInuse StackSys MSpanInuse MSpanSys MCacheInuse MCacheSys "
          "BuckHashSys GCSys OtherSys NextGC LastGC PauseTotalNs").split()
CLASSES_AT = 8 * (24 + 512) + 24  # NumGC and NumForcedGC, GCCPUFraction, EnableGC and DebugGC.


def read_memstats(path):
    """{field: value} of a runtime.MemStats, and {size: (mallocs, frees)} as BySize."""
    data = pathlib.Path(path).read_bytes()
    if len(data) != CLASSES_AT + 61 * 24:
        raise Failed(f"{path}: {len(data)} bytes are no runtime.MemStats")
    stats = dict(zip(FIELDS, struct.unpack_from(f"<{len(FIELDS)}Q", data)))
    stats["NumGC"] = struct.unpack_from("<I", data, 8 * (24 + 512))[0]
    stats["BySize"] = {}
    for i in range(1, 61):
        size, _, mallocs, frees = struct.unpack_from("<IIQQ", data, CLASSES_AT + 24 * i)
        stats["BySize"][size] = (mallocs, frees)
    return stats


@dataclasses.dataclass(frozen=True)
class Frame:
    function: str
    file: str
    line: int


@dataclasses.dataclass(frozen=True)
class Goroutine:
    """As runtime.Stack prints it."""
    goid: int
    state: str      # "chan receive", "running", …
    locked: bool
    minutes: int
    frames: tuple
    creator: Frame  # None for the main goroutine.
    parent: int     # 0 where the version does not say.
    elided: bool    # More than runtime.Stack shows.


def parse_function(line):
    """"main.(*T).f(0x1, {0x2, ...})" without its arguments."""
    return line[:line.rindex("(")]


def parse_file(line):
    found = re.fullmatch(r"\t(.*):(\d+)(?: \+0x[0-9a-f]+)?", line)
    if not found:
        raise Failed(f"stacks: no file and line in {line!r}")
    return found.group(1), int(found.group(2))


def parse_goroutine(text):
    lines = text.split("\n")
    head = re.fullmatch(r"goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^\]]*)\]:", lines[0])
    if not head:
        raise Failed(f"stacks: {lines[0]!r} begins no goroutine")
    state, *marks = head.group(2).split(", ")
    minutes = sum(int(m.split()[0]) for m in marks if m.endswith(" minutes"))
    frames, creator, parent, elided = [], None, 0, False
    at = 1
    while at < len(lines):
        line = lines[at]
        if re.match(r"\.\.\..*additional frames elided", line):
            elided, at = True, at + 1
            continue
        created = re.fullmatch(r"created by (.*?)(?: in goroutine (\d+))?", line)
        file, number = parse_file(lines[at + 1])
        if created:
            creator = Frame(created.group(1), file, number)
            parent = int(created.group(2) or 0)
        else:
            frames.append(Frame(parse_function(line), file, number))
        at += 2
    return Goroutine(int(head.group(1)), state, "locked to thread" in marks, minutes, tuple(frames),
                     creator, parent, elided)


def read_stacks(text):
    """Every goroutine of a runtime.Stack(all) text."""
    parts = re.split(r"\n\n+(?=goroutine )", text.strip("\n"))
    return [parse_goroutine(part.rstrip("\n")) for part in parts if part.startswith("goroutine ")]


RECORD_FRAMES = 32


@dataclasses.dataclass(frozen=True)
class Record:
    """One bucket of the memory profile."""
    alloc_bytes: int
    free_bytes: int
    alloc_objects: int
    free_objects: int
    frames: tuple
    is_cut: bool  # As many frames as MemProfileRecord holds.


def read_profile(path):
    """The sampling rate and the records."""
    rate, records, frames = 0, [], []
    for line in pathlib.Path(path).read_text().splitlines():
        kind, *words = line.split("\t")
        if kind == "rate":
            rate = int(words[0])
        elif kind == "record":
            frames = []
            records.append([*(int(w) for w in words), frames, 0])
        elif kind == "pc":
            records[-1][5] += 1
        elif kind == "frame":
            frames.append(Frame(words[0], words[1], int(words[2])))
    return rate, [Record(*r[:4], tuple(r[4]), r[5] == RECORD_FRAMES) for r in records]


PAGE = 8192
SMALL_SCAN = 512  # Spans of these classes are one page, and keep their pointer bits at its end.


def drop_phantoms(dump, minor, by_size):
    """From 1.22 on WriteHeapDump takes the end of a span, where its pointer bits (and in 1.26 the
    mark bits) lie, for objects. Drops them: they are in pages with objects that have pointers, or,
    where a page has nothing else, in a class of which BySize knows none that could be real. Returns
    how many they were."""
    if minor < 22:
        return 0
    tails, scan, other, phantoms = collections.defaultdict(list), set(), set(), []
    for addr, o in dump.objects.items():
        if o.size > SMALL_SCAN:
            continue
        marks = 128 if minor >= 26 and o.size >= 16 else 0  # Without pointers, too.
        page = addr // PAGE
        if addr % PAGE + o.size > PAGE - marks:
            phantoms.append(addr)
        elif addr % PAGE + o.size > PAGE - marks - PAGE // 64:
            tails[page].append(addr)
        elif o.pointers:
            scan.add(page)
        else:
            other.add(page)
    phantoms += [a for page in tails if page in scan for a in tails[page]]
    excess = collections.Counter(o.size for o in dump.objects.values())
    excess.subtract(dump.objects[a].size for a in phantoms)
    excess.subtract({size: mallocs - frees for size, (mallocs, frees) in by_size.items()})
    alone = [a for page in tails if page not in scan and page not in other for a in tails[page]]
    sizes = collections.Counter(dump.objects[a].size for a in alone)
    phantoms += [a for a in alone if excess[dump.objects[a].size] == sizes[dump.objects[a].size]]
    for addr in phantoms:
        del dump.objects[addr]
    return len(phantoms)


class Truth:
    """The directory of one run."""

    def __init__(self, work):
        self.facts = dict(line.split("\t", 1) for line in (work / "facts.txt").read_text().splitlines())
        self.version = self.facts["version"].split()[0][2:]
        self.minor = int(self.version.split(".")[1])
        self.stats = read_memstats(work / "memstats")
        self.dump = godump.read(work / "heapdump")
        self.phantoms = drop_phantoms(self.dump, self.minor, self.stats["BySize"])
        self.goroutines = read_stacks((work / "stacks").read_text())
        late = (work / "late").read_bytes()
        self.late = list(struct.unpack(f"<{len(late) // 8}Q", late))
        self.rate, self.profile = read_profile(work / "profile.txt")
        self.check()

    def check(self):
        """The two accounts of the runtime itself agree: else the truth is not worth comparing."""
        count, size = len(self.dump.objects), sum(o.size for o in self.dump.objects.values())
        if (size, count) != (self.stats["HeapAlloc"], self.stats["HeapObjects"]):
            raise Failed(f"truth: the heap dump has {count} objects of {size} bytes, MemStats "
                         f"{self.stats['HeapObjects']} of {self.stats['HeapAlloc']}")
        classes = collections.Counter(o.size for o in self.dump.objects.values())
        for size, (mallocs, frees) in self.stats["BySize"].items():
            if classes[size] != mallocs - frees:
                raise Failed(f"truth: {classes[size]} objects of class {size}, BySize has {mallocs - frees}")
