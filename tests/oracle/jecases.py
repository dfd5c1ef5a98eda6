# SPDX-License-Identifier: Apache-2.0
"""The jemalloc fixture heaps that are compared object by object, the builds of jemalloc that
they run with, and what may be live without being in the log."""

import dataclasses
import pathlib

# As ld.so finds it.
SYSTEM_LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
# Debian builds jemalloc with initial-exec TLS; libraries that come by dlopen need room for theirs.
LATE_TLS = {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384"}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    args: str
    conf: str = ""            # MALLOC_CONF
    threads: int = 4          # Parked ones, beside the main thread.
    quick: bool = False       # In make check.
    since: tuple = (5, 0)     # The jemalloc that has the option.
    gcore: bool = False       # gdb's core, too.
    static: bool = True
    muzzy: bool = False       # There must be muzzy pages.


FULL = ("--threads 4 --exited 3 --blocks 4000 --large 60 --huge 3 --aligned 120 --tcache")

CASES = [
    Case("default", FULL + " --arenas 2", quick=True, gcore=True),
    Case("many-threads", "--threads 60 --blocks 800 --tcache --fill 40", threads=60),
    Case("exited-threads", "--threads 3 --exited 20 --blocks 2000 --tcache", threads=3),
    Case("no-threads", "--threads 0 --blocks 200", threads=0, quick=True),
    Case("one-arena", FULL, conf="narenas:1", quick=True),
    Case("no-tcache", FULL, conf="tcache:false"),
    Case("dirty-now", FULL, conf="dirty_decay_ms:0"),
    Case("dirty-kept", FULL, conf="dirty_decay_ms:-1,muzzy_decay_ms:-1"),
    Case("muzzy", FULL + " --churn 400", conf="narenas:1,dirty_decay_ms:80,muzzy_decay_ms:-1",
         quick=True, muzzy=True),
    Case("percpu", FULL, conf="percpu_arena:percpu"),
    Case("percpu-dirty-now", FULL, conf="percpu_arena:phycpu,dirty_decay_ms:0"),
    # Not static: unwinding out of the first malloc crashes there.
    Case("prof", FULL, conf="prof:true,lg_prof_sample:14", quick=True, static=False),
    Case("prof-dense", FULL, conf="prof:true,lg_prof_sample:9", static=False),
    Case("hpa", FULL, conf="hpa:true", since=(5, 3), quick=True),
    Case("hpa-no-sec", FULL, conf="hpa:true,hpa_sec_nshards:0", since=(5, 3)),
    Case("hpa-dirty-now", FULL, conf="hpa:true,dirty_decay_ms:0,narenas:2", since=(5, 3)),
    Case("no-retain", FULL, conf="retain:false"),
    Case("explicit-arenas", "--threads 2 --blocks 500 --arenas 40", threads=2, quick=True),
    Case("background", FULL + " --settle 700",
         conf="background_thread:true,dirty_decay_ms:0,muzzy_decay_ms:0", quick=True),
    Case("tcache-max", FULL, conf="lg_tcache_max:18"),
    Case("small-tcache", FULL, conf="lg_tcache_max:12"),
    Case("junk", FULL, conf="junk:true"),
    Case("thp-metadata", FULL, conf="metadata_thp:always"),
]

# Threads in the middle of malloc and free.
BUSY = Case("busy", "--threads 4 --blocks 3000 --busy")
BUSY_DUMPS = 4


@dataclasses.dataclass(frozen=True)
class Rule:
    """One kind of allocation that jemalloc makes for itself: live, and rightly not in the log."""
    type: str           # The type heapwalk gives it.
    per_thread: int     # At most so many of each thread that ever ran; 0: see most.
    most: int = 0
    reason: str = ""


RULES = [
    # 5.2.1: tcache_t's bins' stacks; 5.3: the stacks and cache_bin_t's of tcache_create_explicit.
    Rule("tcache stack", 1, reason="the arrays of one thread's tcache"),
    Rule("tcache_t", 1, reason="one thread's tcache outside its thread-local data (before 5.2)"),
    Rule("arenas tdata", 1, reason="a thread's decay tickers (5.2 and before)"),
    Rule("prof_tdata_t", 1, reason="a thread's data of the profiler"),
    Rule("prof_gctx_t", 0, most=1 << 20, reason="one backtrace of the profiler"),
    Rule("prof_tctx_t", 0, most=1 << 20, reason="one thread's counters of a backtrace"),
    Rule("prof table", 0, most=1 << 10, reason="the profiler's hash tables of backtraces"),
]


@dataclasses.dataclass(frozen=True)
class Build:
    """A jemalloc, and how the fixture runs with it."""
    name: str
    version: tuple
    program: str = "fixtures/jeheaps"
    library: pathlib.Path | None = None   # Preloaded behind the shim.
    root: pathlib.Path | None = None      # A tree with a C library of its own to run under.
    copy: str = ""                        # A second one, loaded by the fixture,
    prefix: str = "copy_"                 # whose functions carry this.
    own: bool = False                     # The program's malloc, which is libc's, is used, too.
    heaps: tuple = ("jemalloc",)          # Plugins of the heaps there must be.

    def argv(self, build):
        argv = [build / self.program]
        if self.copy:
            argv += ["--lib", build / self.copy, "--prefix", self.prefix]
        if self.own:
            argv += ["--own"]
        if self.root:
            libs = self.root / "usr/lib/x86_64-linux-gnu"
            argv = [libs / "ld-linux-x86-64.so.2", "--library-path", libs, "--preload",
                    f"{build / 'fixtures/shimnext.so'}:{self.library}", *argv]
        return argv

    def env(self, build):
        env = dict(LATE_TLS) if self.copy else {}
        if self.library and not self.root:
            env["LD_PRELOAD"] = f"{build / 'fixtures/shimnext.so'} {self.library}"
        elif not self.library and self.program == "fixtures/jeheaps":
            env["LD_PRELOAD"] = str(build / "fixtures/shim.so")
        return env

    def missing(self, build):
        """What is not there, or None."""
        for path in (self.library, build / self.program, build / self.copy):
            if path and not path.exists():
                return f"{path.name} is not there: libjemalloc2 and libjemalloc-dev are needed"
        return None


OWN = Build("own", (5, 3, 0), library=SYSTEM_LIBRARY)
# For programs of the distribution that link to jemalloc: the shim, and who asks it for statistics.
def program_env(build, work):
    return {"LD_PRELOAD": f"{build / 'fixtures/shimnext.so'} {build / 'fixtures/jestats.so'}",
            "HW_SHIM_LOG": str(work / "shim.log"), "HW_JE_STATS": str(work / "stats")}


STATIC = Build("static", (5, 3, 0), program="fixtures/jeheaps-static")
# A prefix, in the same process with glibc's malloc.
BESIDE = Build("beside-ptmalloc", (5, 3, 0), copy="fixtures/libjecopy.so", own=True,
               heaps=("jemalloc", "ptmalloc"))
# jemalloc's own --with-jemalloc-prefix, by scripts/build-jemalloc.sh; alone beside glibc's malloc,
# and in one library with a jemalloc that is malloc.
OWN_BUILDS = "jemalloc/own"
PREFIX_NAME = "je-5.3.0"
PREFIX = Build(PREFIX_NAME, (5, 3, 0), copy=f"{OWN_BUILDS}/{PREFIX_NAME}/libjemalloc.so.2",
               prefix="je_", own=True, heaps=("jemalloc", "ptmalloc"))
TWICE = Build("two-copies", (5, 3, 0), library=SYSTEM_LIBRARY, copy="fixtures/libjecopy.so",
              heaps=("jemalloc", "jemalloc"))


def two_in_one(build):
    library = f"{OWN_BUILDS}/{PREFIX_NAME}/libtwo.so"
    return Build("two-in-one-library", (5, 3, 0), library=build / library, copy=library,
                 prefix="je_", heaps=("jemalloc", "jemalloc"))
