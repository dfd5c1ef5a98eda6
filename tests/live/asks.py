# SPDX-License-Identifier: Apache-2.0
"""What is asked about single blocks, of a living process: what the program knows of itself, and
what its core says, taken by gdb while it stands still."""

import subprocess

import gobuild
import gopins
import roots
from common import need_ptrace, status
from dump import Failed, Process, Skip, gcore


def difference(one, other, where="data"):
    """The first one, or None."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs = [(f"{where}.{key}", one[key], other[key]) for key in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(one, other))]
    else:
        return None if one == other else f"{where}: {str(one)[:150]}, in the core {str(other)[:150]}"
    return next(filter(None, (difference(a, b, at) for at, a, b in pairs)), None)


class Asked:
    """One program, asked while it stands still; its core answers later."""

    def __init__(self, tool, work, argv):
        self.tool, self.work, self.argv = tool, work, argv
        self.answers, self.process, self.core = {}, None, None

    def ask(self, command, *words):
        """The data; complete."""
        answer = self.tool.json(command, self.process.pid, *words)
        if not answer["complete"]:
            raise Failed(f"{command} {words}: {answer['warnings'][:2]}")
        if answer["target"]["kind"] != "process" or not answer["target"]["stopped_ns"]:
            raise Failed(f"{command} {words}: {answer['target']}")
        self.answers[(command, *words)] = answer["data"]
        return answer["data"]

    def json(self, command, _, *words):
        """As a tool's: for checks that were made for cores."""
        return {"data": self.ask(command, *words), "complete": True, "warnings": []}

    def compare(self):
        """Everything that was asked, of the core; nothing was left in the process."""
        if status(self.process.pid)["TracerPid"].strip() != "0":
            raise Failed("it is still traced")
        self.core = gcore(self.process.pid, self.work / "asked.core")
        for (command, *words), data in self.answers.items():
            answer = self.tool.json(command, self.core, *words)
            if not answer["complete"]:
                raise Failed(f"{command} {words}: the core is not complete: {answer['warnings'][:2]}")
            found = difference(data, answer["data"])
            if found:
                raise Failed(f"{command} {' '.join(words)}: {found}")
        self.core.unlink()
        return f"{len(self.answers)} answers"

    def __enter__(self):
        need_ptrace()
        self.process = Process(self.argv, self.work, ready="READY", stdin=subprocess.PIPE)
        return self

    def __exit__(self, *unused):
        self.process.kill()


def check_live(asked, addr, size):
    """show of a live block."""
    block = asked.ask("show", hex(addr))["block"]
    found = block and (int(block["address"], 16), block["size"], block["state"], block["offset"])
    if found != (addr, size, "live", 0):
        raise Failed(f"show 0x{addr:x}: {found}, not {size} bytes")


def check_block(asked, addr, size, into):
    """show and refs of a live block, that somebody holds at into."""
    check_live(asked, addr, size)
    refs = asked.ask("refs", hex(addr))
    if refs["in_count"] != len(refs["in"]) or into not in [r["into"] for r in refs["in"]]:
        raise Failed(f"refs 0x{addr:x}: {refs['in']}")
    return refs["in"]


# One of a kind: where the kernel, the process and its threads each have to be right.
HELD = ("static", "interior", "anon", "tls-thread", "loaded-tls", "specific", "local-member", "handler",
        "register")


def planted(asked):
    """fixtures/roots: blocks by their holders, in why, refs and roots."""
    plants = roots.parse(asked.process.lines)
    listed = asked.ask("roots")["roots"]
    for name in HELD:
        plant, want = plants[name], roots.WANTED[name]
        roots.check_holder(asked, None, plant, False)
        holders = check_block(asked, plant.addr, plant.size, want.into)
        if not plant.slot:
            continue
        if plant.slot not in [int(r["address"], 16) + (r["offset"] or 0) for r in holders]:
            raise Failed(f"{name}: 0x{plant.slot:x} is not in {holders}")
        here = [r for r in listed if r["root"]["kind"] == want.kind and
                0 <= plant.slot - int(r["root"]["address"], 16) < r["shallow"]]
        if len(here) != 1 or not here[0]["root"]["name"].startswith(want.name) or \
                here[0]["retained"] < plant.size:
            raise Failed(f"{name}: roots has {here}")
    roots.check_leaks(asked, None, plants)
    roots.check_pins(asked, None, plants)
    return f"{len(HELD)} blocks"


# Buffers of fixtures/go/pins that one global holds.
GLOBALS = {"substring": "main.substring", "middle": "main.middle", "subslice": "main.subslice"}


def viewed(asked):
    """fixtures/go/pins: what is seen of every buffer, and by whom."""
    lines = [line.split("\t") for line in asked.process.lines if "\t" in line]
    gopins.check_listed(asked.ask("pins"), lines, "normal")
    listed = {r["root"]["name"]: r for r in asked.ask("roots")["roots"]}
    for name, addr, asked_size, _ in lines:
        if name not in GLOBALS:
            continue
        size = gopins.slot(int(asked_size))
        addr = int(addr, 16)
        refs = asked.ask("refs", hex(addr))["in"]
        if [r["root"]["name"] for r in refs if r["root"]] != [GLOBALS[name]]:
            raise Failed(f"{name}: held by {refs}")
        check_block(asked, addr, size, refs[0]["into"])
        why = asked.ask("why", hex(addr))
        if why["matched"]["bytes"] != size or \
                [p["steps"][0]["name"] for p in why["paths"]] != [GLOBALS[name]]:
            raise Failed(f"{name}: why says {why['paths']}")
        if listed[GLOBALS[name]]["retained"] != size:
            raise Failed(f"{name}: {listed[GLOBALS[name]]}")
    live = [b for b in asked.tool.run("blocks", asked.process.pid).decode().splitlines()[1:]
            if ",live," in b]
    for block in live[::len(live) // 5]:
        addr, size = block.split(",")[:2]
        check_live(asked, int(addr, 16), int(size))
    return f"{len(lines)} buffers"


def one(score, name, tool, work, argv, check):
    def ask():
        with Asked(tool, work, argv()) as asked:
            told = check(asked)
            return f"{told}, {asked.compare()} as the core"
    score.check(f"asks {name}", ask)


def go_pins(build):
    gos = gobuild.own()
    if not gos:
        raise Skip("there is no go command here")
    return [gos[-1].build(build, "pins", "normal"), "-lists", "-wait"]


def checks(score, tool, build, work):
    one(score, "C", tool, work,
        lambda: [build / "fixtures" / "roots", build / "fixtures" / "rootsloaded.so"], planted)
    one(score, "Go", tool, work, lambda: go_pins(build), viewed)
