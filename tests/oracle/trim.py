# SPDX-License-Identifier: Apache-2.0
"""What `plugin ptmalloc trim` says malloc_trim(0) would return, against what it returns: the
process is dumped, every page of its heaps is made resident, malloc_trim(0) runs in it, and
the pages that are gone are counted."""

import errno
import os
import pathlib
import signal
import struct

import cases
from checks import doubts
from dump import Failed, Process, copy_binaries, gcore, need_gcore

PAGE = 4096
PRESENT = 3 << 62  # /proc/PID/pagemap: present or swapped.

CASES = [
    cases.Case("trim threads", "--threads 4 --blocks 20000"),
    cases.Case("trim fastbins", "--threads 3 --fastbins --tcache --blocks 8000", threads=3),
    cases.Case("trim no-tcache", "--threads 2 --fastbins --blocks 8000", threads=2,
               env=cases.NO_TCACHE),
    cases.Case("trim several-heaps", "--threads 2 --grow 150 --blocks 1000", threads=2),
    cases.Case("trim no-threads", "--threads 0 --blocks 20000", threads=0),
    cases.Case("trim brk-fails", "--threads 1 --brk-fail --blocks 10000", threads=1),
    cases.Case("trim foreign-sbrk", "--threads 1 --foreign-sbrk --blocks 4000", threads=1),
    cases.Case("trim static", "--threads 2 --blocks 8000", threads=2, static=True, matrix=False),
]


def writable_maps(pid):
    """The private writable anonymous mappings, where heaps are."""
    found = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, perms, _, _, inode, *name = line.split(None, 5)
        if perms.startswith("rw") and perms[3] == "p" and inode == "0" \
                and not (name and name[0].startswith("[stack")):
            found.append(tuple(int(n, 16) for n in span.split("-")))
    return found


def make_resident(pid, maps):
    """Writes the first byte of each page back: the page is there afterwards, unchanged.
    glibc 2.42 and later have guard pages (MADV_GUARD_INSTALL) inside of stacks' mappings."""
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
        for start, end in maps:
            for at in range(start, end, PAGE):
                try:
                    os.pwrite(mem.fileno(), os.pread(mem.fileno(), 1, at), at)
                except OSError as e:
                    if e.errno != errno.EIO:
                        raise


def resident_pages(pid, maps):
    pages = set()
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for start, end in maps:
            data = b""
            while len(data) < (end - start) // PAGE * 8:
                part = os.pread(pagemap.fileno(), (end - start) // PAGE * 8 - len(data),
                                start // PAGE * 8 + len(data))
                if not part:  # Behind the end of the address space: not there.
                    break
                data += part
            for i, (entry,) in enumerate(struct.iter_unpack("<Q", data)):
                if entry & PRESENT:
                    pages.add(start + i * PAGE)
    return pages


def check(tool, argv, env, work, version):
    """From 2.42 gdb writes threads' TLS as zeros: the answer says it is not complete then, and
    must be right all the same."""
    need_gcore()
    with Process(argv, work, env, ready="READY") as p:
        copy_binaries(p.pid, work / "root")
        core = gcore(p.pid, work / "gdb.core")
        maps = writable_maps(p.pid)
        make_resident(p.pid, maps)
        before = resident_pages(p.pid, maps)
        os.kill(p.pid, signal.SIGUSR1)
        p.wait_for("TRIMMED", 60)
        gone = before - resident_pages(p.pid, maps)
    answer = tool.json("plugin", "ptmalloc", "trim", core)
    arenas = answer["data"]["arenas"]
    said = sum(a["releasable"] for a in arenas)
    codes = {w["code"] for w in answer["warnings"]}
    if not answer["complete"] and not (version >= (2, 42) and "tls-not-dumped" in codes):
        raise Failed(doubts(answer))
    if said != len(gone) * PAGE:
        raise Failed(f"releasable is {said}, malloc_trim returned {len(gone) * PAGE}; by arena "
                     f"{[a['releasable'] for a in arenas]}")
    ledger = sum(h["releasable"] for h in tool.json("heaps", core)["data"]["heaps"])
    if ledger != said:
        raise Failed(f"trim says {said}, the ledger's releasable is {ledger}")
    return f"{len(gone)} pages"
