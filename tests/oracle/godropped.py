# SPDX-License-Identifier: Apache-2.0
"""What no root reaches any more: a program that knows by address and bytes what it let go of while its collector
was off (fixtures/go/dropped), before and after. Between both nothing else becomes garbage.

pending     grows by these objects and no others, of these sizes
top         by type: (unreached) has those of the pending blocks whose type nothing says, and a type that is said is
            the right one; by module: (unreached) is all that is pending; the groups add up
pins        what only lost objects see does not count, and no lost buffer is listed
goroutines  a group retains less by what its goroutines let go of, to the byte"""

import collections
import csv
import io
import json
import signal
import subprocess

from dump import Failed, gcore

DROPS = 10  # Goroutines in main.drops.
LEAST = {"gone": 200, "local": DROPS, "stack": 2 * DROPS, "kept": 4}


class Object:
    def __init__(self, words):
        self.what, addr, *numbers = words.split(" ", 5)
        self.size, self.before, self.after = map(int, numbers[:3])
        self.addr, self.types = int(addr, 16), {"", *numbers[3].split("|")}


class Fixture:
    """The process; cores by core() before and after drop()."""

    def __init__(self, program, folder):
        self.folder = folder
        self.child = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      cwd=folder)

    def __enter__(self):
        self.objects = [Object(line) for line in self.until("warm")]
        self.step("ready")
        return self

    def __exit__(self, *unused):
        self.child.send_signal(signal.SIGKILL)
        self.child.communicate()

    def until(self, word):
        for line in self.child.stdout:
            if line.strip() == word:
                return
            yield line.strip()
        raise Failed(f"the fixture did not say {word}")

    def step(self, word):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        if list(self.until(word)):
            raise Failed(f"the fixture said more than {word}")

    def core(self):
        return gcore(self.child.pid, self.folder / "core")


class State:
    """What heapwalk says of a core."""

    def __init__(self, heapwalk, core):
        self.heapwalk, self.core = heapwalk, core
        self.live = {int(r["address"], 16): (int(r["size"]), r["type"])
                     for r in self.rows("blocks", "--state", "live") if r["heap"].startswith("go")}
        self.pending = {int(r["address"], 16): int(r["size"]) for r in self.rows("leaks", "--pending")}
        self.told = self.ask("leaks")["pending"]
        self.types = self.ask("top", "--by", "type", "--retained")
        self.modules = self.ask("top", "--by", "module")
        self.pins = {int(p["address"], 16): p for p in self.ask("pins")["pins"]}
        groups = [g for g in self.ask("goroutines", "--retained")["groups"]
                  if any(c["function"] == "main.drops" for c in g["stack"])]
        if [g["count"] for g in groups] != [DROPS]:
            raise Failed(f"{[g['count'] for g in groups]} goroutines in main.drops")
        self.group = groups[0]

    def run(self, *args):
        done = subprocess.run([str(self.heapwalk), args[0], str(self.core), *args[1:]], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise Failed(f"{args[0]}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def rows(self, *args):
        return csv.DictReader(io.StringIO(self.run(*args, "--format", "csv")))

    def ask(self, *args):
        answer = json.loads(self.run(*args, "--json"))
        if not answer["complete"]:
            raise Failed(f"{args[0]}: not complete: {answer['warnings']}")
        return answer["data"]

    def row(self, groups, key):
        rows = [g for g in groups["groups"] if g["key"] == key]
        if len(rows) > 1:
            raise Failed(f"{len(rows)} rows of {key}")
        return (rows[0]["blocks"], rows[0]["bytes"]) if rows else (0, 0)


def tally(sizes):
    sizes = list(sizes)
    return len(sizes), sum(sizes)


def compare_pending(before, after, lost):
    """lost: {address: size}."""
    grown = {a: size for a, size in after.pending.items() if a not in before.pending}
    if grown != lost:
        wrong = {hex(a) for a in grown.keys() ^ lost.keys()} or {hex(a) for a in lost if grown[a] != lost[a]}
        yield f"pending grew by {tally(grown.values())}, not {tally(lost.values())}: {sorted(wrong)[:8]}"
    if before.pending.keys() - after.pending.keys():
        yield f"{len(before.pending.keys() - after.pending.keys())} blocks are reached again"


def compare_groups(state, objects):
    """The types by what `blocks` says: that of a listed object must be its own."""
    for o in objects:
        size, found = state.live.get(o.addr, (0, ""))
        if size != o.size or found not in o.types:
            yield f"{o.addr:#x}: {size} bytes of '{found}', not {o.size} of {o.types}"
    if tally(state.pending.values()) != (state.told["blocks"], state.told["bytes"]):
        yield f"pending: listed {tally(state.pending.values())}, told {state.told}"
    nameless = tally(size for a, size in state.pending.items() if not state.live[a][1])
    if state.row(state.types, "(unreached)") != nameless:
        yield f"by type: {state.row(state.types, '(unreached)')} are unreached, not {nameless}"
    if state.row(state.modules, "(unreached)") != tally(state.pending.values()):
        yield f"by module: {state.row(state.modules, '(unreached)')} are unreached, not {tally(state.pending.values())}"
    named = collections.defaultdict(list)
    for size, name in state.live.values():
        if name:
            named[name].append(size)
    rows = {g["key"]: (g["blocks"], g["bytes"]) for g in state.types["groups"]
            if g["key"] not in ("(unreached)", None)}
    if rows != {name: tally(sizes) for name, sizes in named.items()}:
        yield "by type: the groups are not what the blocks say"
    for groups in (state.types, state.modules):
        if (groups["blocks"], groups["bytes"]) != tuple(map(sum, zip(*((g["blocks"], g["bytes"])
                                                                      for g in groups["groups"])))):
            yield f"by {groups['by']}: the groups do not add up"
    if any(g["key"] == "(unreached)" and g["retained_min"] for g in state.types["groups"]):
        yield "by type: what no root reaches retains something"


def compare_pins(state, objects, which):
    """Of the listed buffers alone those that are seen in part, and as much of them; which: "before" or "after"."""
    for o in objects:
        visible, pin = getattr(o, which), state.pins.get(o.addr)
        if not 0 < visible < o.size:
            if pin:
                yield f"{which}: {o.addr:#x} is listed, {visible} of {o.size} is seen"
        elif not pin or (pin["size"], pin["visible"]) != (o.size, visible):
            yield f"{which}: {o.addr:#x}: visible {pin and pin['visible']}, not {visible} of {o.size}"


def compare_group(before, after, local):
    less = (before.group["retained_blocks"] - after.group["retained_blocks"],
            before.group["retained"] - after.group["retained"])
    if less != tally(o.size for o in local):
        yield f"goroutines: retain {less} less, not {tally(o.size for o in local)}"


def check(build, go, variant, folder):
    """The line and what is wrong."""
    with Fixture(go.build(build, "dropped", variant), folder) as fixture:
        before = State(build / "heapwalk", fixture.core())
        before.core.unlink()
        fixture.step("dropped")
        after = State(build / "heapwalk", fixture.core())
        objects = fixture.objects
    counts = collections.Counter(o.what for o in objects)
    wrong = [f"only {counts[w]} of '{w}'" for w, least in LEAST.items() if counts[w] < least]
    local = [o for o in objects if o.what == "local"]
    lost = {o.addr: o.size for o in objects if o.what in ("gone", "local")}
    wrong += compare_pending(before, after, lost)
    for state, which in ((before, "before"), (after, "after")):
        wrong += compare_groups(state, objects)
        wrong += compare_pins(state, objects, which)
    wrong += compare_group(before, after, local)
    blocks, size = after.row(after.types, "(unreached)")
    return f"dropped: {len(lost)} blocks, {sum(lost.values())} bytes; {blocks} in {size} bytes of no type", wrong
