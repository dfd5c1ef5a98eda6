#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holders have names that a person recognises: timers, what variables point at, containers, pools, against a
program that knows what each of its holders keeps; and pools keep what Go's own collector then frees.

usage: gonames.py BUILD [--matrix | VERSION...]   without: the Go of this machine"""

import itertools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gosuite  # noqa: E402
from dump import Failed  # noqa: E402
from gotyped import Memory, listed, run_fixture  # noqa: E402

# runtime/sizeclasses.go, of those that matter here; larger ones are whole pages.
CLASSES = [5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480,
           21760, 24576, 27264, 28672, 32768]
# A holder keeps its bags, their heads and itself: no more than so many bytes beside the bags' own.
BESIDE = 8192

# name: (type, bags, bytes of each). What only debug info names comes first.
VARIABLES = {
    "main.pages": ("main.lru", 5, 5000),
    "main.table": ("[]main.row", 1, 20000),
    "main.nested.in": ("main.inner", 1, 22000),
    "main.chain.in": ("main.inner", 1, 25000),
    "main.cache": ("sync.Map", 5, 7000),
    "main.byName": ("map[string]*main.bag", 5, 9000),
    "main.byRune": ("map[int32]main.bag", 1, 9500),
    "main.queue": ("chan *main.bag", 5, 10000),
    "main.hooks": ("[]func() int", 5, 11000),
    "main.pool": ("sync.Pool", 3, 45000),
    "main.victims": ("sync.Pool", 7, 40000),
}
TIMERS = {"timers main.startTimers.func1 (AfterFunc)": 30, "timers (time.Ticker)": 2, "timers (time.Timer)": 1,
          "timers (time.Sleep)": 1}


# Of main.waits(), which waits. Debug info has no place for the slice: what it holds is in "locals".
LOCALS = {"arg": ("*main.bag", 1, 60000), "local": ("*main.bag", 1, 50000), "text": ("string", 1, 70000),
          "any": ("interface {}", 1, 65000)}


def class_of(size):
    return next((c for c in CLASSES if c >= size), (size + 8191) // 8192 * 8192)


def expect(row, what, bags, size):
    least = bags * class_of(size)
    if not least <= row["retained"] < least + BESIDE:
        raise Failed(f"{what} retains {row['retained']} bytes, its bags are {least}")


def check_timers(roots):
    for name, count in TIMERS.items():
        rows = [r for r in roots if r["root"]["name"] == name]
        if len(rows) != 1 or rows[0]["root"]["kind"] != "special" or rows[0]["references"] != count:
            raise Failed(f"{name}: {[(r['root']['kind'], r['references']) for r in rows]}")
        words = f"{count} timer{'' if count == 1 else 's'}"
        if not rows[0]["root"]["note"].startswith(words):
            raise Failed(f"{name}: {rows[0]['root']['note']}")
    expect(next(r for r in roots if r["root"]["name"] == list(TIMERS)[0]), "timers", 30, 30000)
    if [r for r in roots if r["root"]["name"] in ("runtime.allp", "runtime.timers") and r["retained"] > BESIDE]:
        raise Failed("the runtime's own variables hold what timers do")


def check_variables(roots, minor):
    for name, (kind, bags, size) in VARIABLES.items():
        if name == "main.victims" and minor < 13:
            continue
        rows = [r for r in roots if r["root"]["name"] == name and r["root"]["kind"] == "global"]
        if len(rows) != 1:
            raise Failed(f"{len(rows)} roots are called {name}")
        if rows[0]["root"]["type"] != kind:
            raise Failed(f"{name} is {rows[0]['root']['type']}")
        expect(rows[0], name, bags, size)


def check_locals(roots, has_names, minor):
    rows = [r for r in roots if r["root"]["function"] == "main.waits"]
    names = sorted(r["root"]["name"] for r in rows)
    # To 1.16 the compiler keeps what the interface holds in a place of its own.
    named = [name for name in LOCALS if has_names and (name != "any" or minor >= 17)]
    if names != sorted([*named, "locals"]):
        raise Failed(f"main.waits() has {names}")
    for row in rows:
        name = row["root"]["name"]
        if name in LOCALS:
            if row["root"]["type"] != LOCALS[name][0] or row["root"]["kind"] != "goroutine":
                raise Failed(f"{name} is a {row['root']['kind']}, {row['root']['type']}")
            expect(row, name, *LOCALS[name][1:])
    # main() reads: syscall.Read and another are inlined there.
    held = {r["root"]["type"] for r in roots if r["root"]["function"] == "internal/poll.(*FD).Read" and
            r["root"]["name"] == "fd"}
    if has_names and held != {"*internal/poll.FD"}:
        raise Failed(f"fd of internal/poll.(*FD).Read is {held}")


def check_types(roots, minor):
    """Without names: by what they hold there is one root of each type that can be known."""
    known = {"main.queue", "main.cache", "main.byName", "main.pool"}  # No code reads byRune.
    known |= {"main.victims"} if minor >= 13 else set()
    for name in known:
        kind, bags, size = VARIABLES[name]
        least = bags * class_of(size)
        rows = [r for r in roots if r["root"]["type"] == kind and least <= r["retained"] < least + BESIDE]
        if len(rows) != 1 or not rows[0]["root"]["name"].startswith((".bss+", ".data+")):
            raise Failed(f"{len(rows)} roots are a {kind} that holds {least} bytes")
    told = {r["root"]["type"] for r in roots if r["root"]["kind"] == "global" and r["root"]["type"] and
            r["root"]["type"].startswith(("chan *main", "map[string]*main", "map[int32]main"))}
    if not told <= {kind for kind, *unused in VARIABLES.values()}:
        raise Failed(f"types that no variable has: {told}")


def check_pools(heapwalk, core, dump, minor):
    """Two collections free what waits in pools, and nothing else that was reached. A small slot of theirs may have
    been used anew before the dump: it holds other bytes."""
    pools = gosuite.ask(heapwalk, "leaks", str(core))["pools"]
    live = listed(heapwalk, core, "blocks", "--state", "live", "--format", "csv")
    pending = listed(heapwalk, core, "leaks", "--format", "csv", "--pending")
    reached = live.keys() - pending.keys()
    gone = reached - dump.objects.keys()
    memory = Memory(core)
    again = [live[a] for a in reached & dump.objects.keys()
             if live[a] <= 128 and memory.read(a, live[a]) != bytes(dump.objects[a].body)[:live[a]]]
    blocks = pools["blocks"] - len(gone)
    freed = sum(live[a] for a in gone)
    sums = {sum(sizes) for sizes in itertools.combinations(again, blocks)} if 0 <= blocks <= 2 else set()
    if pools["bytes"] - freed not in sums:
        raise Failed(f"pools hold {pools}, {len(gone)} blocks of {freed} bytes were freed")
    victims = 7 * class_of(40000) if minor >= 13 else pools["bytes"]
    if not victims <= pools["victim_bytes"] < victims + BESIDE:
        raise Failed(f"pools hold {pools}, the victims are {victims}")
    return pools


def check(build, go, variant, folder):
    heapwalk, minor = build / "heapwalk", go.minor
    core, dump, _ = run_fixture(go.build(build, "names", variant), folder)
    roots = gosuite.ask(heapwalk, "roots", str(core), "--limit", "100000")["roots"]
    check_timers(roots)
    check_locals(roots, variant == "normal", minor)
    if variant == "normal":
        check_variables(roots, minor)
    else:
        check_types(roots, minor)
    pools = check_pools(heapwalk, core, dump, minor)
    yield f"{len(roots)} roots, {pools['blocks']} blocks in pools", []


if __name__ == "__main__":
    sys.exit(gosuite.run("gonames", sys.argv, gosuite.both, check))
