#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands that say who holds what, as a user meets them: known holders by name, JSON
against the schemas, totals that agree, what is not known said so. Usage: graph.py HEAPWALK

The program examined is holders.c; see golden.py for the protocol."""

import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

from golden import (Cores, Skip, check, check_harmless, make_core, plain, run_tests,
                    validate)

HERE = pathlib.Path(__file__).resolve().parent
GRAPH = ["roots", "tree", "leaks", "top", "pins", "threads"]


class Holders(Cores):
    """The known heap with and without symbols, and other programs."""

    def build(self, name, *flags):
        cc = shutil.which("gcc") or shutil.which("cc")
        if not cc:
            raise Skip("there is no C compiler")
        program = self.directory / name
        subprocess.run([cc, "-O2", *flags, "-o", program, HERE / "holders.c", "-lpthread"],
                       check=True)
        return program

    def dump(self, name, *flags):
        program = self.build(name, *flags)
        shell = f'exec "{program}" > "{self.directory}/{name}.out"'
        core = make_core(self.directory / f"{name}.dir", ["sh", "-c", shell], stop=False)
        lines = (self.directory / f"{name}.out").read_text().split("\n")
        return core, dict(line.split() for line in lines if line)

    @property
    def known(self):
        return self.get("known", lambda: self.dump("known", "-g"))

    @property
    def stripped(self):
        return self.get("stripped", lambda: self.dump("stripped", "-s"))

    @property
    def bare(self):
        """A sysroot of the two programs and their libraries, without debug files of these."""
        def make():
            root = self.directory / "bare"
            for core in (self.known[0], self.stripped[0]):
                program = pathlib.Path(core).parent.with_suffix("")
                done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
                for path in (str(program), *re.findall(r"/\S+", done.stdout)):
                    copy = root / path[1:]
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, copy)
            return str(root)
        return self.get("bare", make)

    @property
    def half(self):
        """The second half of the main heap is gone, as if it had not been dumped: the core,
        and where what is missing begins and ends."""
        def make():
            core = bytearray(pathlib.Path(self.known[0]).read_bytes())
            at, header = next((at, h) for at, h in load_headers(core)
                              if h[3] <= int(self.known[1]["cache"], 16) < h[3] + h[6])
            kept = header[5] // 2 & ~0xfff
            gone, end = header[2] + kept, header[2] + header[5]
            for other, h in load_headers(core):
                if h[2] >= end:
                    struct.pack_into("<Q", core, other + 8, h[2] - (end - gone))
            struct.pack_into("<Q", core, at + 32, kept)
            del core[gone:end]
            path = self.directory / "half"
            path.write_bytes(core)
            return str(path), header[3] + kept, header[3] + header[6]
        return self.get("half", make)

    def cut(self, name, keep):
        def make():
            path = self.directory / name
            path.write_bytes(pathlib.Path(self.known[0]).read_bytes()[:keep])
            return str(path)
        return self.get(name, make)

    @property
    def short(self):
        """The last mappings are gone: the main thread's stack."""
        return self.cut("short", os.path.getsize(self.known[0]) - (140 << 10))

    @property
    def third(self):
        """Most is gone, libraries and with them the heap's own structures too."""
        return self.cut("third", os.path.getsize(self.known[0]) // 3)


def load_headers(core):
    """Where in the file each PT_LOAD header stands, and its fields: type, flags, offset,
    vaddr, paddr, filesz, memsz, align."""
    start, count = struct.unpack_from("<Q", core, 32)[0], struct.unpack_from("<H", core, 56)[0]
    for at in range(start, start + 56 * count, 56):
        header = struct.unpack_from("<IIQQQQQQ", core, at)
        if header[0] == 1:
            yield at, header


def ask(hw, command, core, *args):
    answer = hw.json(command, core, *args)
    validate(command, answer)
    return answer["data"]


def requests(core, at):
    """Every form of every command."""
    yield from ((command, core) for command in GRAPH)
    for by in ("size", "type", "module", "arena"):
        yield "top", core, "--by", by, "--retained"
    yield "tree", core, "--type", "Widget"
    for name in ("cache", "end", "shared", "head", "freed", "cached"):
        for command in ("tree", "why", "refs"):
            yield command, core, at[name]
    for command in ("tree", "why", "refs"):
        yield command, core, "0x10"
    yield "why", core, "--type", "Widget"
    yield "why", core, "--size", ">4KiB"
    yield "pins", core, "--min", "1"
    yield "leaks", core, "--no-anon-roots"


def all_requests(cores):
    """Those of every core. The debug files of libraries, where this machine has them, take nine tenths of the time
    of a request: the first core only is looked at with them."""
    at = cores.known[1]
    yield from requests(*cores.known)
    for core, at in (cores.stripped, (cores.short, at), (cores.third, at), (cores.half[0], at)):
        for args in requests(core, at):
            yield *args, "--sysroot", cores.bare


def by_name(rows, name):
    found = [row for row in rows if row["root"]["name"] == name]
    check(len(found) == 1, f"{len(found)} roots are called {name}")
    return found[0]


# Known holders.

def test_roots(hw, cores):
    data = ask(hw, "roots", cores.known[0])
    for name, blocks, least, kind in (("cache", 101, 101 * 8, "global"), ("list", 300, 300000, "global"),
                                      ("view", 1, 10000, "global")):
        row = by_name(data["roots"], name)
        check(row["blocks"] == blocks and row["retained"] >= least, f"{name}: {row}")
        check(row["root"]["kind"] == kind and row["root"]["module"] == "known", f"{row}")
        check((row["root"]["file"] or "").endswith("holders.c"), f"{row}")
    for name in ("left", "right"):
        check(by_name(data["roots"], name)["retained"] == 0, f"{name} holds a block alone")
    check(data["shared"]["blocks"] >= 1 and data["shared"]["bytes"] >= 5000, data["shared"])
    own = [row for row in data["roots"] if row["root"]["name"] == "own" and row["retained"]]
    check(len(own) == 3 and len({row["root"]["thread"] for row in own}) == 3, f"{own}")
    check(all(row["root"]["kind"] == "tls" and row["retained"] >= 3000 for row in own), f"{own}")


def test_totals_agree(hw, cores):
    for core in (cores.known[0], cores.stripped[0], cores.python):
        data = ask(hw, "roots", core)
        total = sum(row["retained"] for row in data["roots"]) + data["shared"]["bytes"]
        check(total == data["reached"]["bytes"], f"{total} of {data['reached']}")
        blocks = sum(row["blocks"] for row in data["roots"]) + data["shared"]["blocks"]
        check(blocks == data["reached"]["blocks"], f"{blocks} of {data['reached']}")
        retained = [row["retained"] for row in data["roots"]]
        check(retained == sorted(retained, reverse=True), "not by retained")
        leaks = ask(hw, "leaks", core)
        check(leaks["leaks"]["bytes"] + data["reached"]["bytes"] <= leaks["live"]["bytes"], "too much")
        tree = ask(hw, "tree", core, "--min", "0", "--depth", "0")
        top = sum(n["retained"] for n in tree["nodes"]) + tree["hidden_retained"]
        check(top == data["reached"]["bytes"], f"the tree's first level has {top}")
        for by in ("size", "type", "module", "arena"):
            groups = ask(hw, "top", core, "--by", by, "--retained")
            check(sum(g["bytes"] for g in groups["groups"]) == leaks["live"]["bytes"], by)
            check(sum(g["blocks"] for g in groups["groups"]) == leaks["live"]["blocks"], by)
            check(all(g["retained_min"] <= data["reached"]["bytes"] for g in groups["groups"]), by)


def test_leaks(hw, cores):
    for core, at in (cores.known, cores.stripped):
        data = ask(hw, "leaks", core)
        usable = {name: ask(hw, "refs", core, at[name])["block"]["size"]
                  for name in ("ring", "head", "child")}
        want = 2 * usable["ring"] + usable["head"] + usable["child"]
        check(data["leaks"] == {"blocks": 4, "bytes": want, "heads": 2, "shared": 0,
                                "complete": True}, f"{data['leaks']}, not {want}")
        check(data["pending"] is None, "pending")
        heads = {h["address"]: h["freed"] for h in data["heads"]}
        check(heads == {at["ring"]: 2 * usable["ring"], at["head"]: usable["head"] + usable["child"]},
              f"{heads}")
        check(sum(g["freed"] for g in data["groups"]) == want, "groups")
    check("At most" not in hw.text("leaks", cores.known[0]), "at most in a complete answer")


def test_leak_list(hw, cores):
    """Every leaked block, one line each, with the head that lets go of it."""
    core, at = cores.known
    sizes = {n: ask(hw, "refs", core, at[n])["block"]["size"] for n in ("ring", "head", "child")}
    lines = hw.text("leaks", core, "--format", "csv").splitlines()
    check(lines[0] == "address,size,heap,arena,type,head", lines[0])
    rows = {row[0]: row for row in (line.split(",") for line in lines[1:])}
    check(len(rows) == 4 == len(lines) - 1, f"{lines}")
    for name, head in (("ring", "ring"), ("head", "head"), ("child", "head")):
        check(rows[at[name]][1:] == [str(sizes[name]), "ptmalloc:libc.so.6", "0", "", at[head]],
              f"{name}: {rows[at[name]]}")
    check([int(a, 16) for a in rows] == sorted(int(a, 16) for a in rows), "not by address")
    objects = [json.loads(line) for line in hw.text("leaks", core, "--format", "ndjson").splitlines()]
    for row, o in zip(rows.values(), objects):
        same = [o["address"], str(o["size"]), o["heap"], str(o["arena"]), o["type"], o["head"]]
        check(same == row, f"{o} is not {row}")
    hw.fails(2, "leaks", core, "--format", "xml", says="csv or ndjson")
    hw.fails(2, "leaks", core, "--format", "csv", "--json", says="--json")
    hw.fails(2, "leaks", core, "--format", "csv", "--limit", "1", says="--limit")
    check(hw.run("leaks", cores.half[0], "--format", "csv", "--strict").returncode == 6, "--strict")


def test_why(hw, cores):
    core, at = cores.known
    data = ask(hw, "why", core, at["widget"])
    check(data["state"] == "reached" and len(data["paths"]) == 1, f"{data}")
    steps = data["paths"][0]["steps"]
    check([s["kind"] for s in steps] == ["root", "block", "block"], f"{steps}")
    check(steps[0]["name"] == "cache" and steps[1]["address"] == at["cache"], f"{steps}")
    check(steps[1]["offset"] == 99 * 8 and steps[2]["type"] == "Widget", f"{steps}")
    check(data["search"]["complete"] is True, f"{data['search']}")
    shared = ask(hw, "why", core, at["shared"])
    names = {p["steps"][0]["name"] for p in shared["paths"]}
    check(names == {"left", "right"}, f"{names}")
    one = ask(hw, "why", core, at["shared"], "--limit", "1")
    check(len(one["paths"]) == 1 and one["search"]["complete"] is False, f"{one['search']}")
    check("cut short" in hw.text("why", core, at["shared"], "--limit", "1"), "not said in text")


def test_why_long(hw, cores):
    core, at = cores.known
    path = ask(hw, "why", core, at["end"])["paths"][0]
    check(path["length"] == 301 and len(path["steps"]) + path["omitted"] == 301, f"{path['length']}")
    check(path["steps"][0]["name"] == "list" and path["steps"][-1]["address"] == at["end"], "ends")
    check(path == ask(hw, "why", core, at["end"], "--limit", "1")["paths"][0], "another path")


def test_why_many(hw, cores):
    core, at = cores.known
    data = ask(hw, "why", core, "--type", "Widget")
    check(data["matched"]["blocks"] == 101 == data["matched"]["reached_blocks"], f"{data['matched']}")
    cache = next(p for p in data["paths"] if p["steps"][0]["name"] == "cache")
    check(cache["blocks"] == 100 and cache["shared"] == 2, f"{cache}")
    check(ask(hw, "why", core, "--type", "_ZTV6Widget")["matched"] == data["matched"], "mangled")
    large = ask(hw, "why", core, "--size", ">=10000")
    check(large["paths"][0]["steps"][0]["name"] == "view", f"{large['paths'][0]}")
    check(ask(hw, "why", core, "--size", ">1GiB")["paths"] == [], "paths to nothing")


def test_what_has_no_holder(hw, cores):
    core, at = cores.known
    for name, state, words in (("head", "unreached", "Unreachable"), ("freed", "free", "freed"),
                               ("cached", "cached", "freed")):
        for command in ("why", "tree", "refs"):
            data = ask(hw, command, core, at[name])
            check(data["state"] == state, f"{name}: {data['state']}")
            check(words in hw.text(command, core, at[name]), f"{command} {name} is not explained")
        check(ask(hw, "why", core, at[name])["paths"] == [], f"{name} has a path")
    check(ask(hw, "why", core, "0x10")["state"] == "unmapped", "0x10")
    header = hex(int(at["cache"], 16) - 1)
    check(ask(hw, "why", core, header)["state"] == "none", "a header is a block")
    # glibc's cache of the first thread is the first block of its heap.
    first = hw.text("blocks", core, "--state", "live").splitlines()[1].split(",")[0]
    for command in ("why", "tree", "refs"):
        data = ask(hw, command, core, first)
        check(data["state"] == "internal", f"the first block: {data['state']}")
        check("allocator's own" in hw.text(command, core, first), f"{command} {first} is not explained")


def test_refs(hw, cores):
    core, at = cores.known
    data = ask(hw, "refs", core, at["cache"])
    check(data["in_count"] == 1 and data["in"][0]["root"]["name"] == "cache", f"{data['in']}")
    check(data["out_count"] == 100 == len(data["out"]), f"{data['out_count']}")
    check(sorted(r["offset"] for r in data["out"]) == [8 * i for i in range(100)], "offsets")
    back = ask(hw, "refs", core, at["widget"])
    check([(r["address"], r["offset"]) for r in back["in"]] == [(at["cache"], 792)], f"{back['in']}")
    inside = ask(hw, "refs", core, hex(int(at["cache"], 16) + 100))
    check(inside["block"]["offset"] == 100 and inside["in"] == data["in"], "inside a block")
    ring = ask(hw, "refs", core, at["ring"])
    check(len(ring["in"]) == 1 == len(ring["out"]) and ring["in"][0]["kind"] == "block", f"{ring}")


def test_tree(hw, cores):
    core, at = cores.known
    data = ask(hw, "tree", core, at["cache"], "--min", "0", "--depth", "1")
    first, rest = data["nodes"][0], data["nodes"][1:]
    check(first["address"] == at["cache"] and first["children"] == 100 == len(rest), f"{first}")
    check(first["retained"] == first["shallow"] + sum(n["retained"] for n in rest), "a sum")
    check([n["address"] for n in rest] == sorted((n["address"] for n in rest),
                                                 key=lambda a: int(a, 16)), "order")
    few = ask(hw, "tree", core, at["cache"], "--min", "0", "--limit", "10")
    check(few["nodes"][0]["hidden"] == 90 and len(few["nodes"]) == 11, "--limit")
    group = ask(hw, "tree", core, "--type", "Widget")["group"]
    check(group["blocks"] == 101 and group["retained"] == group["shallow"], f"{group}")
    deep = ask(hw, "tree", core, "--min", "0", "--depth", "1000")
    check(max(n["depth"] for n in deep["nodes"]) >= 300, "the list is not that deep")


def test_top(hw, cores):
    core, _ = cores.known
    types = {g["key"]: g for g in ask(hw, "top", core, "--by", "type")["groups"]}
    check(types["Widget"]["blocks"] == 101, f"{types['Widget']}")
    modules = {g["key"]: g for g in ask(hw, "top", core, "--by", "module")["groups"]}
    check(modules["known"]["blocks"] >= 400, f"{modules}")
    check(modules["(unreached)"]["bytes"] >= 2 * 240, f"{modules}")
    for group in ask(hw, "top", core)["groups"]:
        check(group["size_min"] <= group["size_max"] == int(group["key"]), f"{group}")
        check(group["size_min"] * group["blocks"] <= group["bytes"]
              <= group["size_max"] * group["blocks"], f"{group}")


def test_pins(hw, cores):
    for core, at in (cores.known, cores.stripped):
        data = ask(hw, "pins", core)
        check([p["address"] for p in data["pins"]] == [at["pin"]], f"{data['pins']}")
        pin = data["pins"][0]
        check(pin["visible"] is None and pin["wasted"] is None and pin["kind"] == "interior", f"{pin}")
        check(pin["views"] == 1 and pin["first_into"] == 5000 == pin["last_into"], f"{pin}")
        check(data["totals"]["wasted"] == 0 and data["totals"]["blocks"] == 1, f"{data['totals']}")
        check(data["excused"] == 2, f"{data['excused']} excused, not a cookie and a vtable")
        check(ask(hw, "pins", core, "--min", "10KiB")["pins"] == [], "--min")
    check(ask(hw, "pins", cores.known[0])["pins"][0]["path"]["steps"][0]["name"] == "view", "path")


def test_threads(hw, cores):
    data = ask(hw, "threads", cores.known[0])
    check(data["total"] == 4 and len(data["groups"]) == 2, f"{data['total']}")
    group = next(g for g in data["groups"] if g["count"] == 3)
    check(any(f["function"] == "wait_here" for f in group["stack"]), f"{group['stack']}")
    check(group["retained"] >= 3 * 3000 and group["state"] is None, f"{group['retained']}")
    check(len({t["tid"] for t in group["threads"]}) == 3 and group["stack_bytes"] > 0, f"{group}")
    main = next(g for g in data["groups"] if g["count"] == 1)
    names = [f["function"] for f in main["stack"]]
    check("abort" in names and "main" in names, f"{names}")


# What holds for every core.

def test_schemas(hw, cores):
    for args in all_requests(cores):
        validate(args[0], hw.json(*args))
    for command in GRAPH:
        validate(command, hw.json(command, cores.python))


def test_same_for_any_threads(hw, cores):
    for args in requests(*cores.known):
        args = (*args, "--sysroot", cores.bare)
        one = hw.text(*args, "--json", "--threads", "1")
        check(one == hw.text(*args, "--json", "--threads", "4"), f"{args}: depends on --threads")


def test_incomplete(hw, cores):
    for core in (cores.short, cores.third, cores.half[0]):
        answer = hw.json("leaks", core)
        check(answer["complete"] is False and answer["data"]["leaks"]["complete"] is False,
              "complete")
        text = hw.text("leaks", core)
        check("At most " in text and "Incomplete: " in text, text)
        check("approximate" in hw.text("roots", core), "roots are not called approximate")
        check("approximate" in hw.text("tree", core), "the tree is not called approximate")
        check("approximate" in hw.text("threads", core), "threads are not called approximate")
        check("approximate" in hw.text("top", core, "--retained"), "top is not approximate")
        for pin in ask(hw, "pins", core, "--min", "1")["pins"]:
            check(pin["confidence"] == "guessed", f"{pin}")
        why = hw.run("why", core, cores.known[1]["head"]).stdout.decode()
        check("Unreachable" not in why, why)
        for command in GRAPH:
            check(hw.run(command, core, "--strict").returncode == 6, f"{command} --strict")
    check(ask(hw, "leaks", cores.short)["leaks"]["blocks"] >= 4, "less leaked than before")


def test_half_a_heap(hw, cores):
    """What is missing is named and in no row but unknown; nothing is made up."""
    core, start, end = cores.half
    answer = hw.json("leaks", core)
    validate("leaks", answer)
    messages = [w["message"] for w in answer["warnings"]]
    check(any(hex(start) in m for m in messages), f"{start:#x} is not named: {messages}")
    check(any(str(end - start) in m for m in messages), f"{end - start} bytes: {messages}")
    whole = ask(hw, "leaks", cores.known[0])
    check(answer["data"]["live"]["blocks"] <= whole["live"]["blocks"], "more blocks than before")
    unknown = sum(h["bytes"]["unknown"] for h in hw.json("heaps", core)["data"]["heaps"])
    # The last block read may reach over the edge.
    rows = [row.split(",") for row in hw.text("blocks", core).splitlines()[1:]]
    behind = max([start] + [int(row[0], 16) + int(row[1]) - 8 for row in rows
                            if int(row[0], 16) <= start < int(row[0], 16) + int(row[1])])
    check(unknown == end - behind, f"{unknown} bytes are unknown, {end - behind} are missing")
    lines = hw.text("blocks", core, "--state", "live").splitlines()[1:]
    check(set(lines) <= set(hw.text("blocks", cores.known[0], "--state", "live").splitlines()),
          "blocks that the whole core does not have")
    for command in GRAPH:
        check(hw.json(command, core)["complete"] is False, f"{command} is complete")
    why = ask(hw, "why", core, cores.known[1]["cache"])
    check(why["state"] in ("none", "reached"), f"{why['state']}")



def test_text(hw, cores):
    """Lines fit; and bytes of blocks stay out: nothing the program printed into its buffers."""
    for args in all_requests(cores):
        for columns in (80, 60):
            for line in plain(hw.terminal(*args, "-q", columns=columns)).splitlines():
                check(len(line) <= columns, f"{args}: {len(line)} of {columns}: {line}")
        out = hw.run(*args).stdout
        check(b"\x1b" not in out and out.count(b"\n") < 2000, f"{args}")
        check(b"cached 0x" not in out, f"{args}: what is in a block")
        check_harmless(f"{args}", out)


def test_limits(hw, cores):
    core, _ = cores.known
    check(len(ask(hw, "roots", core, "--limit", "3")["roots"]) == 3, "roots")
    check(len(ask(hw, "leaks", core, "--limit", "1")["groups"]) == 1, "leaks")
    check(len(ask(hw, "top", core, "--limit", "2")["groups"]) == 2, "top")
    check("--limit shows more" in hw.text("top", core, "--limit", "2"), "not said")


def test_usage(hw, cores):
    core, at = cores.known
    hw.fails(2, "why", core, says="needs an ADDRESS")
    hw.fails(2, "why", core, at["cache"], "--type", "x", says="not both")
    hw.fails(2, "why", core, "--size", "1MiB", says="compares with nothing")
    hw.fails(2, "why", core, "--size", ">1MB", says="no size")
    hw.fails(2, "why", core, "zz", says="no address")
    hw.fails(2, "why", core, "--type", "", says="empty")
    hw.fails(2, "tree", core, at["cache"], "--type", "x", says="not both")
    hw.fails(2, "tree", core, "--depth", "x", says="--depth")
    hw.fails(2, "top", core, "--by", "colour", says="size, type, module or arena")
    hw.fails(2, "refs", core, says="ADDRESS")
    hw.fails(2, "roots", core, "--limit", "0", says="--limit")
    hw.fails(2, "leaks", core, "--threads", "0", says="--threads")
    hw.fails(2, "pins", core, "--min", "x", says="no size")


def test_python(hw, cores):
    """A program that is not ours: nothing leaks, objects are held."""
    data = ask(hw, "leaks", cores.python)
    check(data["leaks"]["bytes"] * 20 < data["live"]["bytes"], f"{data['leaks']}")
    check(re.search("PyThread|futex|sem", hw.text("threads", cores.python)), "no stack")


if __name__ == "__main__":
    sys.exit(run_tests("golden-graph", globals(), Holders))
