#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the holder of a block for every kind of root, by name.

    roots.py BUILD [--preload MALLOC] [--keep DIR]

fixtures/roots.c plants the blocks and says where; `heapwalk why` must name what holds each
one, `heapwalk leaks` must list those that nothing holds and no other, `heapwalk pins` those that a
pointer into them alone holds. With debug info and stripped; from the kernel's core and from
gdb's. --preload: on another malloc, jemalloc's. Last line: `roots: N passed, N failed, …`.
"""

import argparse
import dataclasses
import pathlib
import shutil
import signal
import sys
import tempfile

from dump import Failed, Process, Skip, copy_binaries, gcore, need_kernel_cores
from heapwalk import Heapwalk
from oracle import Score


@dataclasses.dataclass(frozen=True)
class Want:
    """A holder. name and bare: of the root with and without symbols (beginnings)."""
    kind: str
    name: str
    bare: str
    module: str = "roots"
    function: str = None  # With symbols.
    frame: int = None     # At least.
    into: int = 0


LINKED, LOADED = "librootslinked.so", "rootsloaded.so"
WANTED = {
    "global": Want("global", "root_global", ".bss"),
    "static": Want("global", "root_static", ".bss"),
    "function-static": Want("global", "function_static", ".bss"),
    "array": Want("global", "root_array", ".bss"),
    "interior": Want("global", "interior", ".bss", into=500),
    "anon": Want("heap-external", "[anon 0x", "[anon 0x", module=None),
    "shared": Want("heap-external", "/dev/zero", "/dev/zero", module=None),
    "tls": Want("tls", "root_tls", "TLS"),
    "tls-static": Want("tls", "root_tls_static", "TLS"),
    "tls-thread": Want("tls", "root_tls", "TLS"),
    "linked-global": Want("global", "linked_global", "linked_global", module=LINKED),
    "linked-static": Want("global", "linked_static", ".bss", module=LINKED),
    "linked-tls": Want("tls", "linked_tls", "linked_tls", module=LINKED),
    "linked-tls-static": Want("tls", "linked_tls_static", "TLS", module=LINKED),
    "loaded-global": Want("global", "loaded_global", "loaded_global", module=LOADED),
    "loaded-static": Want("global", "loaded_static", ".bss", module=LOADED),
    "loaded-tls": Want("tls", "loaded_tls", "loaded_tls", module=LOADED),
    "loaded-tls-static": Want("tls", "loaded_tls_static", "TLS", module=LOADED),
    "specific": Want("tls", "struct pthread", "struct pthread", module=None),
    "result": Want("tls", "struct pthread (ended, not joined)",
                   "struct pthread (ended, not joined)", module=None),
    "local": Want("local", "held_local", "[rsp+0x", function="frame_holder", frame=5),
    "local-member": Want("local", "held_struct", "[rsp+0x", function="frame_holder", frame=5),
    "interrupted": Want("local", "interrupted_local", "[rsp+0x", function="interrupted", frame=5),
    "handler": Want("local", "handler_local", "[rsp+0x", function="handle", frame=2),
    "register": Want("register", "rbx", "rbx", function="register_thread", frame=0),
}
LEAKED = {"leak-cycle", "leak-cycle-other", "leak-dead-stack", "leak-stale"}


@dataclasses.dataclass(frozen=True)
class Plant:
    name: str
    addr: int
    size: int
    slot: int
    tid: int


def parse(lines):
    plants = {}
    for line in lines:
        words = line.split()
        if len(words) == 5:
            slot = 0 if words[3] == "(nil)" else int(words[3], 16)
            plants[words[0]] = Plant(words[0], int(words[1], 16), int(words[2]), slot, int(words[4]))
    missing = (set(WANTED) | LEAKED) ^ set(plants)
    if missing:
        raise Failed(f"the fixture and this script do not agree on {sorted(missing)}")
    return plants


def root_of(path):
    """The holder's own description, and the word's place in it."""
    first = path["steps"][0]
    if first["kind"] != "root":
        raise Failed(f"a path begins with {first['kind']}")
    return first["root"], first


def fits(want, plant, path, bare):
    root, step = root_of(path)
    kind = "stack" if bare and want.kind == "local" else want.kind
    name = want.bare if bare else want.name
    function = None if bare else want.function
    return (len(path["steps"]) == 2 and root["kind"] == kind and
            (root["name"] == name or (kind in ("heap-external", "stack") and root["name"].startswith(name))) and
            root["module"] == want.module and (not function or root["function"] == function) and
            (want.frame is None or root["frame"] >= want.frame) and
            (not plant.tid or root["thread"] == plant.tid) and step["into"] == want.into and
            (not plant.slot or int(root["address"], 16) + step["offset"] == plant.slot) and
            (bare or not root["type"] or "*" in root["type"] or "{" in root["type"]))


def check_holder(tool, core, plant, bare):
    want = WANTED[plant.name]
    data = tool.json("why", core, hex(plant.addr))["data"]
    if not data["search"]["complete"]:
        raise Failed("the search was cut short")
    if data["matched"]["blocks"] != 1 or data["matched"]["bytes"] != plant.size:
        raise Failed(f"matched is {data['matched']}, the block has {plant.size} bytes")
    for path in data["paths"]:
        if fits(want, plant, path, bare):
            root, _ = root_of(path)
            where = root["function"] or root["module"] or ""
            return f"{root['kind']} {root['name']}" + (f" in {where}" if where else "")
    found = [root_of(p) for p in data["paths"]]
    raise Failed(f"wanted {want}, slot {plant.slot:#x}, thread {plant.tid}; found {found}")


def check_leaks(tool, core, plants):
    answer = tool.json("leaks", core)
    data = answer["data"]
    wanted = {p.addr: p for p in plants.values() if p.name in LEAKED}
    size = sum(p.size for p in wanted.values())
    if not answer["complete"]:
        raise Failed(f"the answer is not complete: {answer['warnings']}")
    if (data["leaks"]["blocks"], data["leaks"]["bytes"]) != (len(wanted), size):
        raise Failed(f"wanted {len(wanted)} blocks of {size} bytes, found {data['leaks']}, "
                     f"heads {data['heads']}")
    heads = {int(h["address"], 16): h["freed"] for h in data["heads"]}
    cycle = plants["leak-cycle"], plants["leak-cycle-other"]
    expected = {a: p.size for a, p in wanted.items() if p not in cycle}
    expected[min(p.addr for p in cycle)] = sum(p.size for p in cycle)
    if heads != expected:
        raise Failed(f"heads are {heads}, wanted {expected}")
    return f"{len(wanted)} blocks, {len(heads)} heads"


def check_pins(tool, core, plants):
    """Of what was planted, only what a pointer into it alone holds; what libc allocated for its
    threads is there, too."""
    answer = tool.json("pins", core, "--min=1")
    at = {p.addr: p for p in plants.values()}
    found = {at[int(p["address"], 16)].name: p for p in answer["data"]["pins"]
             if int(p["address"], 16) in at}
    wanted = {name for name, w in WANTED.items() if w.into}
    if not answer["complete"] or set(found) != wanted:
        raise Failed(f"wanted {sorted(wanted)}, found {sorted(found)}, {answer['warnings']}")
    for name, pin in found.items():
        places = [(h["kind"], int(h["address"], 16), h["into"]) for h in pin["holders"]]
        if pin["size"] != plants[name].size or \
                places != [("root", plants[name].slot, WANTED[name].into)]:
            raise Failed(f"{name}: {pin['size']} bytes held by {places}")
    return f"{len(found)} of {len(answer['data']['pins'])}"


class Run:
    """One process, its two cores."""

    def __init__(self, build, bare, work, preload):
        self.preload = preload
        self.dir = build / "fixtures" / ("stripped" if bare else "")
        self.tool = Heapwalk(build, work / "root")
        self.bare, self.work = bare, work
        self.cores = {}

    def dump(self):
        need_kernel_cores()
        if self.preload and not self.preload.exists():
            raise Skip(f"{self.preload} is not installed")
        argv = [self.dir / "roots", self.dir / "rootsloaded.so"]
        env = {"LD_PRELOAD": str(self.preload)} if self.preload else None
        with Process(argv, self.work, env, ready="READY") as p:
            copy_binaries(p.pid, self.work / "root")
            self.plants = parse(p.lines)
            try:
                self.cores["gcore"] = gcore(p.pid, self.work / "gdb.core")
            except Skip as e:
                self.cores["gcore"] = e
            self.cores["kernel"] = p.abort()

    def check(self, score, name, kind, function, *args):
        """gcore may be missing: then every check of it is a skip with its reason."""
        def call():
            if isinstance(self.cores[kind], Skip):
                raise self.cores[kind]
            return function(self.tool, self.cores[kind], *args)
        score.check(f"{name} {kind}", call)

    def all(self, score, name):
        if not score.check(f"{name} dump", self.dump):
            return
        for kind in ("kernel", "gcore"):
            for plant in self.plants.values():
                if plant.name in WANTED:
                    self.check(score, f"{name} {plant.name}", kind, check_holder, plant, self.bare)
            self.check(score, f"{name} leaks", kind, check_leaks, self.plants)
            self.check(score, f"{name} pins", kind, check_pins, self.plants)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--preload", type=pathlib.Path, help="another malloc to run with")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cores under this directory")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    for name in ("symbols", "stripped"):
        work = pathlib.Path(tempfile.mkdtemp(prefix="roots-", dir=args.keep))
        try:
            Run(args.build.resolve(), name == "stripped", work, args.preload).all(score, name)
        finally:
            if not args.keep:
                shutil.rmtree(work, ignore_errors=True)
    print(score.summary().replace("oracle:", "roots:"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
