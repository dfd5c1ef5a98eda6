#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a group of goroutines keeps alive: `goroutines --retained` on a core, against what Go's own collector
frees when in the same process that group, and nothing else, has come to its end. And what no root reaches, against
a program that knows what it let go of (godropped.py).

usage: goheld.py BUILD [--matrix | VERSION...]   without: the Go of this machine"""

import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gobuild  # noqa: E402
import godropped  # noqa: E402
import godump  # noqa: E402
import gosuite  # noqa: E402
from dump import Failed, gcore  # noqa: E402
from gotyped import Memory, listed, sole_root  # noqa: E402

# The groups, in the order of their end, and how many sudogs (the record of one wait) only its goroutines hold:
# the runtime keeps those for later. Of a queue that the collector looks into (that of a
# condition) the first and the last are held by it, too.
GROUPS = {"receives": 10, "selects": 20, "sending": 20, "waits": 10 - 2, "deep": 10}


# To 1.12 a deferred call's record lies in the heap, of 48 bytes and the argument; it is kept for later, too.
DEFERS, DEFER_BYTES = {"selects": 10}, 64


class Fixture:
    """The process; step() gives the core before a group ends and the dump after it."""

    def __init__(self, program, folder):
        self.folder = folder
        self.dumps = [folder / f"dump{i}" for i in range(len(GROUPS))]
        self.child = subprocess.Popen([str(program), *map(str, self.dumps)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, cwd=folder)

    def __enter__(self):
        self.expect("ready")
        return self

    def __exit__(self, *unused):
        self.child.send_signal(signal.SIGKILL)
        self.child.communicate()

    def expect(self, word):
        if self.child.stdout.readline().strip() != word:
            raise Failed(f"the fixture did not say {word}")

    def step(self, group):
        core = gcore(self.child.pid, self.folder / "core")
        self.child.stdin.write(f"{group}\n")
        self.child.stdin.flush()
        self.expect("done")
        return core, godump.read(self.dumps[group])


def freed(heapwalk, core, dump):
    """What the roots reached in the core and the collector freed later: {address: size}. A slot that was used
    anew holds other bytes."""
    live = listed(heapwalk, core, "blocks", "--state", "live", "--format", "csv")
    pending = listed(heapwalk, core, "leaks", "--format", "csv", "--pending")
    reached = live.keys() - pending.keys()
    again = {a for a in reached & dump.objects.keys()
             if dump.objects[a].size != live[a]}
    if again:
        raise Failed(f"{len(again)} slots have another size")
    return {a: live[a] for a in reached - dump.objects.keys()}, live


def sudog_size(core, live, g):
    """Bytes of a sudog: of the small objects that begin with the address of a g that waits."""
    memory = Memory(core)
    sizes = {live[a] for a in live
             if live[a] in (96, 112, 128) and int.from_bytes(memory.read(a, 8), "little") == g}
    if len(sizes) != 1:
        raise Failed(f"sudogs have sizes {sizes}")
    return sizes.pop()


def retained(heapwalk, core, function):
    """The one group that is in a function."""
    data = gosuite.ask(heapwalk, "goroutines", str(core), "--retained")
    groups = [g for g in data["groups"] if any(c["function"] == f"main.{function}" for c in g["stack"])]
    if len(groups) != 1 or groups[0]["count"] != 10:
        raise Failed(f"{[g['count'] for g in groups]} goroutines in {function}")
    order = [g["retained"] for g in data["groups"]]
    if order != sorted(order, reverse=True):
        raise Failed("groups are not by what they retain")
    return groups[0]


def only_a_processor_has(heapwalk, core, addr):
    """What a P grew out of meanwhile is freed with the group and is none of its: its list of timers (time.Sleep)."""
    root = sole_root(heapwalk, core, addr)
    return root is not None and root["kind"] == "special" and root["name"].startswith("runtime.p ")


def check_group(heapwalk, fixture, group, minor):
    core, dump = fixture.step(group)
    name, sudogs = list(GROUPS.items())[group]
    gone, live = freed(heapwalk, core, dump)
    found = retained(heapwalk, core, name)
    one = gosuite.ask(heapwalk, "goroutine", str(core), str(found["goroutines"][0]["id"]), "--retained")
    size = sudog_size(core, live, int(one["address"], 16))
    told = found["retained_blocks"], found["retained"]
    defers = DEFERS.get(name, 0) if minor <= 12 else 0
    truth = len(gone) + sudogs + defers, sum(gone.values()) + sudogs * size + defers * DEFER_BYTES
    outgrown = [a for a in gone if gone[a] == truth[1] - told[1] and only_a_processor_has(heapwalk, core, a)]
    if len(outgrown) == 1:
        truth = truth[0] - 1, truth[1] - gone[outgrown[0]]
    if told != truth:
        raise Failed(f"{name}: retains {told[0]} blocks, {told[1]} bytes, not {truth[0]}, {truth[1]}")
    core.unlink()
    if not 0 < one["retained"] < found["retained"]:
        raise Failed(f"{name}: one retains {one['retained']} of {found['retained']}")
    return f"{name}: {told[0]} blocks, {told[1]} bytes{', and one a P grew out of' if outgrown else ''}"


def check(build, go, variant, folder):
    with Fixture(go.build(build, "held", variant), folder) as fixture:
        for group in range(len(GROUPS)):
            yield check_group(build / "heapwalk", fixture, group, go.minor), []
    yield godropped.check(build, go, variant, folder)


def variants(version, args):
    """Without arguments one for each Go, for time."""
    if args:
        return "normal", "stripped"
    own = gobuild.own()
    return ("stripped" if own and own[-1].version == version else "normal",)


if __name__ == "__main__":
    sys.exit(gosuite.run("goheld", sys.argv, variants, check))
