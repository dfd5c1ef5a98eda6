# SPDX-License-Identifier: Apache-2.0
"""The fixture heaps that are compared block by block, and what may be live without being in
the log."""

import dataclasses

# Environment of the distribution's malloc with no tcache: frees go straight to fastbins.
NO_TCACHE = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    args: str
    threads: int = 4          # Parked ones, beside the main thread.
    env: dict = dataclasses.field(default_factory=dict)
    heaps: int = 1            # libc copies.
    static: bool = False
    arenas: int = 0           # Exactly so many in the first heap; 0: as malloc_info says.
    matrix: bool = True       # Also run under the other C libraries.
    debug_files: bool = False  # Once more with libc's debug file, when it is installed.


CASES = [
    Case("threads-4", "--threads 4 --blocks 20000 --mmapped 16 --memalign 24",
         debug_files=True),
    Case("threads-200", "--threads 200 --blocks 1500 --size-max 8000", threads=200),
    Case("exited-threads", "--threads 3 --exited 12 --blocks 4000 --tcache", threads=3),
    Case("fastbins", "--threads 4 --fastbins --tcache"),
    Case("fastbins-no-tcache", "--threads 4 --fastbins", env=NO_TCACHE),
    Case("tcache", "--threads 6 --tcache", threads=6),
    Case("mmapped-memalign", "--threads 2 --blocks 500 --mmapped 120 --memalign 240", threads=2),
    Case("mmap-threshold", "--threads 2 --mmap-threshold 4096 --blocks 3000", threads=2),
    Case("several-heaps", "--threads 2 --grow 200 --blocks 1000", threads=2),
    Case("arena-max", "--threads 12 --arena-max 2 --blocks 2000", threads=12, arenas=2),
    Case("arena-max-env", "--threads 6 --blocks 2000 --tcache", threads=6, arenas=1,
         env={"MALLOC_ARENA_MAX": "1"}),
    Case("trimmed", "--threads 4 --blocks 20000 --fastbins --tcache --trim"),
    Case("brk-fails", "--threads 2 --brk-fail --blocks 20000 --fastbins", threads=2),
    Case("brk-fails-trimmed", "--threads 2 --brk-fail --blocks 20000 --tcache --trim", threads=2),
    Case("foreign-sbrk", "--threads 2 --foreign-sbrk --blocks 8000 --tcache", threads=2),
    Case("no-threads", "--threads 0 --blocks 100", threads=0),
    Case("dlmopen", "--threads 3 --dlmopen --blocks 8000 --mmapped 8 --memalign 8 --tcache "
         "--fastbins", threads=3, heaps=2, debug_files=True),
    Case("dlmopen-brk-fails", "--threads 1 --dlmopen --brk-fail --blocks 12000", threads=1,
         heaps=2),
    Case("static", "--threads 3 --blocks 10000 --mmapped 8 --memalign 16 --tcache --fastbins",
         threads=3, static=True, matrix=False),
    Case("static-trimmed", "--threads 2 --blocks 10000 --trim", threads=2, static=True,
         matrix=False),
]


# Threads in the middle of malloc and free. The shim logs frees before they happen and
# allocations after, so whatever the log calls live is live.
BUSY = Case("busy", "--threads 4 --blocks 3000 --fastbins --busy")
BUSY_DUMPS = 5


@dataclasses.dataclass(frozen=True)
class Rule:
    """One kind of block that is live and rightly not in the log."""
    type: str       # The type heapwalk gives it.
    sizes: tuple    # Usable bytes, exactly one of these.
    reason: str

    def explains(self, size, name):
        return name == self.type and size in self.sizes


# malloc.c takes these from itself, not through malloc(). One for each thread that allocated and
# each libc copy it allocated from; nothing else may be missing from the log, as dtv, TLS,
# stdio and loader blocks come through the shim.
# Each size may be 16 more: _int_malloc does not split off less than MINSIZE.
TCACHE_STRUCTS = (0x240 + 8, 0x280 + 8, 0x2f0 + 8, 0x300 + 8)  # 2.26, 2.30, 2.42, 2.43 threads
TCACHE = Rule("tcache_perthread_struct",
              tuple(s + pad for s in TCACHE_STRUCTS for pad in (0, 16)),
              "the tcache of one thread")


def expected_tcaches(case, version):
    """How many tcache structs a case has: one for each thread, as all of them allocate and
    free. With tcache_count=0 too, until 2.43 (malloc.c, tcache_init) makes none then."""
    if version >= (2, 43) and case.env == NO_TCACHE:
        return 0
    return (1 + case.threads) * case.heaps
