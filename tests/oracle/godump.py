# SPDX-License-Identifier: Apache-2.0
"""Reads what runtime/debug.WriteHeapDump wrote. The format is the Go wiki's page "heapdump15-through-
heapdump17", as runtime/heapdump.go of 1.12 to 1.26 writes it."""

import dataclasses

from dump import Failed

HEADER = b"go1.7 heap dump\n"
(EOF, OBJECT, OTHER_ROOT, TYPE, GOROUTINE, FRAME, PARAMS, FINALIZER, ITAB, THREAD, MEMSTATS,
 QUEUED_FINALIZER, DATA, BSS, DEFER, PANIC, MEMPROF, SAMPLE) = range(18)

# Numbers in a record of each tag that is only skipped.
NUMBERS = {THREAD: 3, ITAB: 2, DEFER: 7, PANIC: 6, SAMPLE: 2, MEMSTATS: 24 + 256 + 1}


@dataclasses.dataclass
class Object:
    size: int
    pointers: tuple  # Offsets of its pointer slots.
    body: memoryview


@dataclasses.dataclass
class Area:
    """A range outside the heap: data, bss or a stack frame."""
    addr: int
    body: memoryview
    pointers: tuple
    name: str = ""


@dataclasses.dataclass
class Goroutine:
    goid: int
    gopc: int
    status: int
    system: bool
    background: bool
    wait_since: int
    wait_reason: str


@dataclasses.dataclass
class Dump:
    objects: dict  # Address: Object.
    areas: list
    frames: list
    goroutines: list
    finalizers: list  # (object, function value, function, type of the argument, type of the pointer)
    roots: list       # (name, address)
    samples: dict     # Object: number of its record in `profile`.
    profile: dict     # Number: (size, allocs, frees, [(function, file, line)])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        data, at, value, shift = self.data, self.at, 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                self.at = at
                return value
            shift += 7

    def bytes(self):
        size = self.number()
        self.at += size
        if self.at > len(self.data):
            raise Failed("heap dump: cut short")
        return self.data[self.at - size:self.at]

    def text(self):
        return bytes(self.bytes()).decode(errors="replace")

    def fields(self):
        """Offsets of pointers, up to the end of the list."""
        found = []
        while True:
            kind = self.number()
            if kind == 0:
                return tuple(found)
            if kind != 1:
                raise Failed(f"heap dump: a field of kind {kind}")
            found.append(self.number())


def read(path):
    """The Dump in a file."""
    with open(path, "rb") as file:
        r = Reader(memoryview(file.read()))
    if bytes(r.data[:len(HEADER)]) != HEADER:
        raise Failed(f"{path}: not a heap dump: {bytes(r.data[:16])!r}")
    r.at = len(HEADER)
    dump = Dump({}, [], [], [], [], [], {}, {})
    while True:
        tag = r.number()
        if tag == EOF:
            if r.at != len(r.data):
                raise Failed(f"{path}: bytes behind the end")
            return dump
        read_record(r, tag, dump)


def read_record(r, tag, dump):
    if tag == OBJECT:
        addr, body = r.number(), r.bytes()
        if addr in dump.objects:
            raise Failed(f"heap dump: two objects at {addr:#x}")
        dump.objects[addr] = Object(len(body), r.fields(), body)
    elif tag in (DATA, BSS):
        addr, body = r.number(), r.bytes()
        dump.areas.append(Area(addr, body, r.fields(), "data" if tag == DATA else "bss"))
    elif tag == FRAME:
        addr, _, _, body = r.number(), r.number(), r.number(), r.bytes()
        _, _, _, name = r.number(), r.number(), r.number(), r.text()
        dump.frames.append(Area(addr, body, r.fields(), name))
    elif tag == GOROUTINE:
        _, _, goid, gopc, status, system, background, since = [r.number() for _ in range(8)]
        reason = r.text()
        dump.goroutines.append(Goroutine(goid, gopc, status, bool(system), bool(background), since, reason))
        for _ in range(4):
            r.number()
    elif tag in (FINALIZER, QUEUED_FINALIZER):
        dump.finalizers.append(tuple(r.number() for _ in range(5)))
    elif tag == OTHER_ROOT:
        name = r.text()
        dump.roots.append((name, r.number()))
    elif tag == TYPE:
        r.number(), r.number(), r.text(), r.number()
    elif tag == PARAMS:
        for _ in range(4):
            r.number()
        r.text(), r.text(), r.number()
    elif tag == MEMPROF:
        number, size, count = r.number(), r.number(), r.number()
        frames = []
        for _ in range(count):
            function, file = r.text(), r.text()
            frames.append((function, file, r.number()))
        allocs, frees = r.number(), r.number()
        dump.profile[number] = (size, allocs, frees, frames)
    elif tag in NUMBERS:
        numbers = [r.number() for _ in range(NUMBERS[tag])]
        if tag == SAMPLE:
            dump.samples[numbers[0]] = numbers[1]
    else:
        raise Failed(f"heap dump: a record of kind {tag} at {r.at:#x}")
