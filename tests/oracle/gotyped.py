#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the roots of a Go heap reach equals what Go's own collector keeps, by address: a core of a
process whose goroutines are all parked and whose collector is off, and then, in the same process,
runtime.GC twice and debug.WriteHeapDump.

usage: gotyped.py BUILD [--matrix | VERSION...]   without: the Go of this machine"""

import csv
import io
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import godump  # noqa: E402
import gosuite  # noqa: E402
from dump import Failed, gcore  # noqa: E402


def run_fixture(program, folder):
    """A core at the moment all is parked, the heap dump of what two collections kept, and how many threads
    the process has started between them."""
    dump = folder / "heapdump"
    with subprocess.Popen([str(program), str(dump)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, cwd=folder) as child:
        try:
            if child.stdout.readline().strip() != "ready":
                raise Failed("the fixture did not get ready")
            core = gcore(child.pid, folder / "core")
            threads = set(os.listdir(f"/proc/{child.pid}/task"))
            child.stdin.write("go\n")
            child.stdin.flush()
            if not child.stdout.readline().startswith("done"):
                raise Failed("the fixture did not collect")
            started = len(set(os.listdir(f"/proc/{child.pid}/task")) - threads)
        finally:
            child.send_signal(signal.SIGKILL)
    return core, godump.read(dump), started


def listed(heapwalk, core, *args):
    done = subprocess.run([str(heapwalk), *args[:1], str(core), *args[1:]], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise Failed(f"{args[0]}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return {int(row["address"], 16): int(row["size"])
            for row in csv.DictReader(io.StringIO(done.stdout)) if row["heap"].startswith("go")}


class Memory:
    """The bytes of a core, by address."""

    def __init__(self, core):
        self.file = open(core, "rb")
        head = self.file.read(64)
        offset, count = struct.unpack_from("<Q", head, 32)[0], struct.unpack_from("<H", head, 56)[0]
        self.file.seek(offset)
        headers = self.file.read(56 * count)
        self.loads = [(h[3], h[5], h[2]) for h in struct.iter_unpack("<IIQQQQQQ", headers) if h[0] == 1]

    def read(self, addr, size):
        for start, length, offset in self.loads:
            if start <= addr and addr + size <= start + length:
                self.file.seek(offset + addr - start)
                return self.file.read(size)
        return b""


# Slots of the garbage that the first collection freed and that are used anew before the dump: a waiting
# goroutine's sudog, a runtime table; of the collector's workers, one a processor, which its first cycle may
# start, the g and what it holds; of a thread its m, two g's and what they hold.
ANEW, ANEW_WORKER, ANEW_THREAD = 4, 2, 8


def compare(heapwalk, core, dump, started):
    """A slot that was used anew holds other bytes than in the core. From 1.22 on WriteHeapDump also lists the pointer bits at the end of small spans: what was not
    live in the core is left out."""
    answer = json.loads(subprocess.run([str(heapwalk), "leaks", str(core), "--json"], stdin=subprocess.DEVNULL,
                                       capture_output=True, text=True, timeout=600, check=True).stdout)
    if not answer["complete"] or answer["damage"]["count"]:
        raise Failed(f"not complete: {answer['warnings']} {answer['damage']}")
    live = listed(heapwalk, core, "blocks", "--state", "live", "--format", "csv")
    pending = listed(heapwalk, core, "leaks", "--format", "csv", "--pending")
    reached = live.keys() - pending.keys()
    kept = dump.objects.keys() & live.keys()
    memory = Memory(core)
    new = {a for a in kept - reached
           if memory.read(a, dump.objects[a].size) != bytes(dump.objects[a].body)}
    if len(new) > ANEW + os.cpu_count() * ANEW_WORKER + started * ANEW_THREAD:
        raise Failed(f"{len(new)} slots look used anew, {started} threads were started: "
                     f"{sorted(dump.objects[a].size for a in new)}")
    return live, reached, kept - new, kept - new - reached, reached - kept


def variants(version, args):
    """User arenas came with 1.20; their standard library is one of its own, so only where asked for versions."""
    has_arenas = args and int(version.split(".")[1]) >= 20
    return ("normal", "stripped", "arenas") if has_arenas else ("normal", "stripped")


def describe(what, which, live):
    sizes = {}
    for a in which:
        sizes.setdefault(live[a], []).append(a)
    for size, at in sorted(sizes.items())[:12]:
        yield f"{what}: {len(at)} of {size} bytes, first {min(at):#x}"


def sole_root(heapwalk, core, addr):
    """The one root that holds a block, as `why` gives it; None: several do, or the search was cut short."""
    answer = json.loads(subprocess.run([str(heapwalk), "why", str(core), f"{addr:#x}", "--json"],
                                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
                                       check=True).stdout)["data"]
    roots = [path["steps"][0]["root"] for path in answer["paths"]]
    return roots[0] if answer["search"]["complete"] and len(roots) == 1 else None


def only_a_worker_has(heapwalk, core, addr):
    """A worker of the collector's that has lost its P ends with the next cycle (to 1.15, runtime/mgc.go,
    gcBgMarkWorker), and only its frame had what it parks with."""
    root = sole_root(heapwalk, core, addr)
    return root is not None and root["function"] == "runtime.gcBgMarkWorker"


def check(build, go, variant, folder):
    core, dump, started = run_fixture(go.build(build, "typed", variant), folder)
    live, reached, kept, missing, more = compare(build / "heapwalk", core, dump, started)
    ended = set()
    if len(more) <= os.cpu_count():
        ended = {a for a in more if only_a_worker_has(build / "heapwalk", core, a)}
    more -= ended
    wrong = [*describe("missing", missing, live), *describe("more", more, live)]
    if more:
        done = subprocess.run([str(build / "heapwalk"), "why", str(core), f"{min(more):#x}"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=600, check=False)
        wrong += done.stdout.splitlines()[2:]
    yield (f"{len(live)} live, {len(reached)} reached, {len(kept)} kept by the collector, {len(missing)} missing, "
           f"{len(more)} more, {len(ended)} of workers that ended", wrong)


if __name__ == "__main__":
    sys.exit(gosuite.run("gotyped", sys.argv, variants, check))
