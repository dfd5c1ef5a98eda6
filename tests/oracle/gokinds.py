#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The types of a Go heap equal what the program says of its own blocks: fixtures/go/kinds prints
the address and the type of each, how it reaches some of them, and of many type descriptors what
package reflect has of them. A wrong type is a failure; so is a type that is not known where the
target has it.

usage: gokinds.py BUILD [--matrix | VERSION…]   without: the Go of this machine"""

import bisect
import collections
import csv
import io
import json
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "golden"))
import golden  # noqa: E402
import gosuite  # noqa: E402
from dump import Failed, gcore  # noqa: E402


def run_fixture(program, folder):
    """A core of the program, and the lines it printed."""
    with subprocess.Popen([str(program)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, cwd=folder) as child:
        try:
            lines = []
            for line in child.stdout:
                lines.append(line.rstrip("\n"))
                if lines[-1] == "ready":
                    break
            else:
                raise Failed("the fixture did not get ready")
            core = gcore(child.pid, folder / "core")
        finally:
            child.send_signal(signal.SIGKILL)
    return core, lines


def ask(heapwalk, *args):
    done = subprocess.run([str(heapwalk), *args, "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    answer = json.loads(done.stdout)
    if args[0] != "plugin":
        try:
            golden.validate(args[0], answer)
        except AssertionError as why:
            raise Failed(str(why)) from None
        except golden.Skip:
            pass
    return answer


def compare_descriptors(heapwalk, core, lines):
    """Those of the program's file: package reflect's own are met as types of blocks."""
    answer = ask(heapwalk, "plugin", "go", "types", str(core))["data"]
    found = {int(t["address"], 16): (t["kind"], t["size"], t["name"]) for t in answer["types"]}
    first, last = min(found), max(found)
    want = {}
    for line in lines:
        if line.startswith("type "):
            _, addr, kind, size, name = line.split(" ", 4)
            want[int(addr, 16)] = (kind, int(size), name)
    want = {a: w for a, w in want.items() if first <= a <= last}
    wrong = [f"{a:#x}: {w}, not {found.get(a)}" for a, w in sorted(want.items()) if found.get(a) != w]
    return len(want), wrong


def list_blocks(heapwalk, core):
    done = subprocess.run([str(heapwalk), "blocks", str(core), "--state", "live", "--format", "csv"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise Failed(f"blocks: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return {int(row["address"], 16): (int(row["size"]), row["type"])
            for row in csv.DictReader(io.StringIO(done.stdout)) if row["heap"].startswith("go")}


NAMELESS = {"runtime.hmap", "maps.Map"}


def compare_blocks(heapwalk, core, lines, variant):
    """Values below 16 bytes without pointers share a block, whose type is that of one of them: the
    largest. Those that "hang on" something without a type may be unknown, and are counted."""
    blocks = list_blocks(heapwalk, core)
    starts = sorted(blocks)
    want = collections.defaultdict(list)
    for line in lines:
        if line.startswith("block "):
            _, addr, how, name = line.split(" ", 3)
            at = starts[max(0, bisect.bisect_right(starts, int(addr, 16)) - 1)]
            if at <= int(addr, 16) < at + blocks[at][0]: # Else it is no block: a constant, a zero.
                want[at].append((how, name))
    may_hide = {"part"} | ({"global"} if variant == "stripped" else set())
    wrong, unknown = [], collections.Counter()
    for at, said in sorted(want.items()):
        size, found = blocks[at]
        if found in NAMELESS and all(name.startswith("map[") for _, name in said):
            found = ""  # A map by its structure: of which type it is, nothing says.
        if not found and may_hide.issuperset(how for how, _ in said):
            unknown[said[0][0]] += 1
        elif found not in {name for _, name in said} or (len(said) > 1 and size > 16 and
                                                          len({name for _, name in said}) > 1):
            wrong.append(f"{at:#x}, {size} bytes: '{found}', not {said[:4]}")
    typed = sum(1 for _, name in blocks.values() if name)
    text = ", ".join(f"{count} {how}" for how, count in sorted(unknown.items())) or "none"
    return len(want), wrong, f"not known: {text}; {typed} of all {len(blocks)} blocks have a type"


def compare_paths(heapwalk, core, lines):
    """Every ninth: each is a graph of its own."""
    said = [line.split(" ", 2)[1:] for line in lines if line.startswith("path ")]
    wrong = []
    for addr, want in said[::9]:
        paths = ask(heapwalk, "why", str(core), addr, "--show-strings")["data"]["paths"]
        if want not in {p["expression"] for p in paths}:
            wrong.append(f"{addr}: {[p['expression'] for p in paths]}, not {want}")
        private = ask(heapwalk, "why", str(core), addr)["data"]["paths"]
        if '"' in want and any('"' in (p["expression"] or "") for p in private):
            wrong.append(f"{addr}: shows a key without being asked")
    return len(said[::9]), wrong


# What a stripped program's variables without a name hold that a person still recognises.
NAMELESS_HOLDERS = ("main.cache[", "main.alarm[", "main.halted[", "main.once.", "main.ticker.",
                    "main.ctx.", "main.base.", "main.base[", "main.without.", "main.after[", "main.failed[")


def compare_holders(heapwalk, core, lines, variant):
    """Containers as people see them: those of the program's variables. In a stripped one these have no names,
    and the types of some are not known."""
    wrong, count = [], 0
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind not in ("holder", "inside"):
            continue
        addr, want = rest.split(" ", 1)
        if variant == "stripped":
            if not want.startswith(NAMELESS_HOLDERS) and want != "context.Context":
                continue
            want = re.sub(r"^main\.\w+", "VARIABLE", want)
        paths = ask(heapwalk, "why", str(core), addr, "--show-strings")["data"]["paths"]
        if kind == "inside":
            found = {p["steps"][-1]["inside"] for p in paths}
        else:
            found = {re.sub(r"\[P \d+", "[P #", p["expression"] or "") for p in paths}
            if variant == "stripped":
                found = {re.sub(r"^\.(bss|data)\+0x[0-9a-f]+", "VARIABLE", text) for text in found}
            private = ask(heapwalk, "why", str(core), addr)["data"]["paths"]
            if any(mark in (p["expression"] or "") for mark in ('"', "[-3]", "(-7)") for p in private):
                wrong.append(f"{addr}: shows a key without being asked")
        if want not in found:
            wrong.append(f"{addr}: {sorted(map(str, found))}, not {want}")
        count += 1
    if count < (9 if variant == "stripped" else 28):
        wrong.append(f"only {count} lines about holders")
    return wrong


def compare_alike(heapwalk, core, lines):
    """A name without a path is that of every package's type of the name, one with a path only its own."""
    want = collections.Counter(line.split(" ", 3)[3] for line in lines if line.startswith("block ") and
                               re.fullmatch(r"heapwalk/kinds/(also/)?other\.Alike", line.split(" ", 3)[3]))
    wrong = [] if len(want) == 2 else [f"the fixture has {want}"]
    for asked, names in (("other.Alike", set(want)), *((name, {name}) for name in want)):
        matched = ask(heapwalk, "why", str(core), "--type", asked)["data"]["matched"]
        group = ask(heapwalk, "tree", str(core), "--type", asked)["data"]["group"]
        for found in matched, group:
            if {t["type"]: t["blocks"] for t in found["types"]} != {name: want[name] for name in names}:
                wrong.append(f"--type {asked}: {found}, not {want}")
            if found["blocks"] != sum(want[name] for name in names):
                wrong.append(f"--type {asked}: {found['blocks']} blocks")
    return wrong


def compare_tree(heapwalk, core):
    """Elements are a container's children in text; JSON has the parts, and says of what."""
    args = ["tree", str(core), "--min", "1", "--limit", "100000", "--depth", "1"]
    done = subprocess.run([str(heapwalk), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=600, check=False)
    wrong = [f"tree: exit {done.returncode}"] if done.returncode else []
    for root, holds in ((r"main\.cache in \S+ \(sync\.Map\)", "40 x main.leaf"),
                        (r"main\.recent in \S+ \(container/list\.List\)", "9 x main.leaf")):
        if not re.search(rf"global {root}\n(?: {{2,}}.*\n)*?.* {{2}}{re.escape(holds)}, largest 0x", done.stdout):
            wrong.append(f"tree: no {holds} in {root}")
    if re.search(r"(0x[0-9a-f]+|\d x) (sync\.entry|list\.Element)", done.stdout):
        wrong.append("tree: parts of containers are shown")
    holders = collections.Counter(n["holder"] for n in ask(heapwalk, *args[:-1], "2")["data"]["nodes"])
    for name, least in (("sync.Map", 1), ("list.List", 9), ("map[string]*main.wide", 1)):
        if holders[name] < least:
            wrong.append(f"tree: {holders[name]} parts of {name}")
    return wrong


def written(text):
    """Bytes as `show` writes them; those of the fixture are ASCII."""
    return "".join("\\" + chr(b) if b in b'"\\' else chr(b) if 32 <= b < 127 else f"\\x{b:02x}"
                   for b in text[:256])


def found_fields(show, addr):
    """Like the fixture's lines, by name; offsets from the value, where the block has a header before
    it. Functions have no address there."""
    found = {}
    before = int(addr, 16) - int(show["block"]["address"], 16)
    for f in show["block"]["fields"]:
        if f["kind"] == "more":
            continue
        value = f["value"]
        if f["kind"] == "interface":
            value = f["target_type"] and f["target_type"].replace(" ", "")
        elif f["kind"] in ("slice", "map", "chan", "pointer"):
            value = f["address"]
        found[f["name"] or "-"] = [
            str(f["offset"] - before), str(f["size"]), f["kind"], value or "-",
            *(str(-1 if f[key] is None else f[key]) for key in ("length", "capacity")), f["type"]]
    return found


def compare_fields(heapwalk, core, lines):
    """Of every third block: each is a run that works out all types."""
    want, texts = collections.defaultdict(dict), collections.defaultdict(dict)
    for line in lines:
        if line.startswith("field "):
            _, addr, name, rest = line.split(" ", 3)
            want[addr][name] = rest.split(" ", 6)
        elif line.startswith("text "):
            _, addr, name, text = line.split(" ")
            texts[addr][name] = written(bytes.fromhex(text))
    wrong = []
    chosen = sorted(want, key=lambda addr: (-len(want[addr]), int(addr, 16)))[::3]
    for addr in chosen:
        show = ask(heapwalk, "show", str(core), addr)["data"]
        if not show["block"]:  # A value of no size: no block.
            continue
        found = found_fields(show, addr)
        wrong += [f"{addr} {name}: {found.get(name)}, not {f}" for name, f in want[addr].items()
                  if found.get(name) != f]
        if set(found) - set(want[addr]):
            wrong.append(f"{addr}: no such fields: {sorted(set(found) - set(want[addr]))[:4]}")
        if any(f["text"] is not None for f in show["block"]["fields"]):
            wrong.append(f"{addr}: shows a string without being asked")
        if texts[addr]:
            show = ask(heapwalk, "show", str(core), addr, "--show-strings")["data"]
            told = {f["name"] or "-": f["text"] for f in show["block"]["fields"] if f["text"] is not None}
            if told != texts[addr]:
                wrong.append(f"{addr}: {told}, not {texts[addr]}")
    if len(chosen) < 8:
        wrong.append(f"only {len(chosen)} blocks with fields")
    return sum(len(want[addr]) for addr in chosen), wrong


def check(build, go, variant, folder):
    core, lines = run_fixture(go.build(build, "kinds", variant), folder)
    count, wrong = compare_descriptors(build / "heapwalk", core, lines)
    blocks, more, said = compare_blocks(build / "heapwalk", core, lines, variant)
    wrong += more
    fields, more = compare_fields(build / "heapwalk", core, lines)
    wrong += more + compare_holders(build / "heapwalk", core, lines, variant)
    wrong += compare_alike(build / "heapwalk", core, lines)
    paths = 0
    if variant == "normal":
        paths, more = compare_paths(build / "heapwalk", core, lines)
        wrong += more + compare_tree(build / "heapwalk", core)
    if count < 80 or blocks < 300:
        raise Failed(f"only {count} type descriptors and {blocks} blocks compared")
    yield f"{count} descriptors, {blocks} blocks, {paths} paths, {fields} fields; {said}", wrong


if __name__ == "__main__":
    sys.exit(gosuite.run("gokinds", sys.argv, gosuite.both, check))
