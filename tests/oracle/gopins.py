#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `pins` says of buffers whose views are known to the byte (fixtures/go/pins).

usage: gopins.py BUILD [--matrix | VERSION...]   without: the Gos of this machine

views    every buffer seen through views only is listed with its exact visible bytes, kind and slack, the
         whole ones and the copy are not, and nothing else is. Where debug info names the variables, what they
         see is exact. Stripped, no word beside a bare pointer says how much it sees: of those visible is null.
         What maps, channels and pools are made of is whole. What is guessed is added up apart.
         Objects in a user arena cannot be told apart: its chunks are no pins (built with arenas, 1.20 and later).
holders  buffers in maps, sync.Map, sync.Pool, channels, lists, contexts, timers, closures and on stacks:
         each by its holder (stripped: each holder has roots of its own) and by the function that made it.

Last line: `gopins: N passed, …`."""

import pathlib
import subprocess
import sys

import gocheck
import gosuite
from dump import Failed, Skip, allow_cores, need_kernel_cores
from go import copy_all, find_core
from heapwalk import Heapwalk

PAGE = 8192
# Kind, and slack by the buffer's size.
KINDS = {
    "substring": ("string", lambda size: 0),
    "middle": ("string", lambda size: 0),
    "map values": ("string", lambda size: 0),
    "interface": ("string", lambda size: 0),
    "closure": ("string", lambda size: 0),
    "strings.Builder": ("slice-cap", lambda size: size - 10),
    "subslice": ("slice", lambda size: size - 200),
    "three-index": ("slice", lambda size: 10),
    "first bytes": ("slice-cap", lambda size: size - 8),
    "overlapping": ("slice", lambda size: size - 2600),
    "unsafe.String": ("string", lambda size: 0),
    "json.RawMessage": ("slice", lambda size: size - 4007),
    "bytes.Buffer": ("slice-cap", lambda size: size - 9),
    "interior field": ("interior", lambda size: 0),
    "interior struct": ("interior", lambda size: 0),
    "elements": ("interior", lambda size: 0),
    "captured string": ("string", lambda size: 0),
    "captured slice": ("slice", lambda size: 10),
    "string by reference": ("string", lambda size: 0),
    "slice by reference": ("slice", lambda size: size - 70),
    "inlined here": ("string", lambda size: 0),
    "inlined there": ("string", lambda size: 0),
    "nested closure": ("string", lambda size: 0),
    "receiver's string": ("string", lambda size: 0),
    "receiver's slice": ("slice", lambda size: size - 8),
    "large closure": ("string", lambda size: 0),
}
IN_ARENAS = {"from an arena": ("string", lambda size: 0)}
BARE = {"interior field", "interior struct", "elements"}
# Types that follow from others' are conservative.
BY_REFERENCE = {"string by reference", "slice by reference"}
INFERRED = {"map values", "elements"} | BY_REFERENCE
# The code that makes them says what they captured, in a stripped program too.
BY_CODE = {"closure", "captured string", "captured slice", "inlined here", "inlined there", "nested closure",
           "receiver's string", "receiver's slice", "large closure"}
# Nothing in a stripped program tells it from a string's length.
LENGTH_LIKE = {"beside a number"}
WHOLE = 5
PER_HOLDER = 20
HOLDERS = 11


def slot(size):
    """Of a large object: whole pages."""
    return -(-size // PAGE) * PAGE


def run(build, go, variant, work, *words):
    """The core, and the lines with tabs."""
    need_kernel_cores()
    program = go.build(build, "pins", variant)
    copy_all(program, work / "root", False)
    done = subprocess.run([program, *words], cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          preexec_fn=allow_cores, timeout=60, check=False)
    (work / "stderr.txt").write_text(done.stderr)
    return find_core(work), [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]


def ask(build, core, work, *words):
    answer = Heapwalk(build, work / "root").json("pins", core, *words)
    gocheck.need_complete(answer, "pins")
    return answer["data"]


def compare(name, pin, size, visible, variant):
    """What is wrong with a listed pin; "" for nothing."""
    is_known = name not in BARE or variant != "stripped"
    kind, slack = {**KINDS, **IN_ARENAS}[name]
    if name in IN_ARENAS and pin["confidence"] != "guessed":
        return f"{name}: {pin['confidence']}, though nothing says what an arena holds"
    if (variant != "stripped" or name in BY_CODE) and name not in INFERRED | set(IN_ARENAS) and pin["confidence"] != "exact":
        return f"{name}: {pin['confidence']}"
    if name in BY_REFERENCE and pin["confidence"] != "conservative":
        return f"{name}: {pin['confidence']}"
    wanted = (size, visible, size - visible, kind, slack(size)) if is_known else (size, None, None, kind, None)
    found = tuple(pin[k] for k in ("size", "visible", "wasted", "kind", "slack"))
    return "" if found == wanted else f"{name}: {found}, not {wanted}"


def check_views(build, go, variant, work):
    # Nothing in a stripped program tells whose slices these lists are: they would be guesses.
    core, lines = run(build, go, variant, work, *([] if variant == "stripped" else ["-lists"]))
    return check_listed(ask(build, core, work), lines, variant)


def check_listed(data, lines, variant):
    """pins' data against the program's lines."""
    found = {int(p["address"], 16): p for p in data["pins"]}
    wrong = []
    for name, addr, asked, seen in lines:
        size, visible = slot(int(asked)), int(seen)
        pin = found.pop(int(addr, 16), None)
        if name in LENGTH_LIKE and variant == "stripped":
            wrong += [] if not pin or pin["confidence"] == "guessed" else [f"{name}: {pin['confidence']}"]
        elif visible == size:
            wrong += [f"{name}: is seen whole, and listed"] if pin else []
        elif not pin:
            wrong.append(f"{name} at {addr} is not listed")
        else:
            wrong.append(compare(name, pin, size, visible, variant))
    wrong = [w for w in wrong if w]
    if found:
        wrong.append(f"{len(found)} more: {gocheck.show(found)}")
    if len(lines) != len(KINDS) + WHOLE + (len(IN_ARENAS) if variant == "arenas" else 0):
        wrong.append(f"{len(lines)} buffers")
    if wrong:
        raise Failed("; ".join(wrong))
    check_totals(data)
    return f"{len(lines)} buffers, wasted {data['totals']['wasted']}"


def check_totals(data):
    known = [p for p in data["pins"] if p["visible"] is not None]
    guessed = [p for p in known if p["confidence"] == "guessed"]
    wanted = {"blocks": len(data["pins"]), "known": len(known), "size": sum(p["size"] for p in data["pins"]),
              **{k: sum(p[k] for p in known) for k in ("visible", "wasted", "slack")},
              "guessed": {"blocks": len(guessed), **{k: sum(p[k] for p in guessed)
                                                     for k in ("size", "visible", "wasted")}}}
    if data["totals"] != wanted:
        raise Failed(f"totals: {data['totals']}, not {wanted}")


def name_of(pin):
    """Of the root: its variable, or the function it is a local of."""
    root = pin["path"]["steps"][0]["root"]
    return root["function"] or root["name"]


def check_holders(build, go, variant, work):
    core, lines = run(build, go, variant, work, "-holders")
    data = ask(build, core, work, "--by", "holder")
    found = {int(p["address"], 16): p for p in data["pins"]}
    roots, hidden = {}, 0
    for holder, site, addr, asked, seen in lines:
        pin = found.pop(int(addr, 16), None)
        if not pin:
            raise Failed(f"{holder}: {addr} is not listed")
        visible = int(seen)
        if holder == "main.waitWith" and pin["visible"] is None:
            visible, hidden = None, hidden + 1  # Only debug info has its type.
        if (pin["size"], pin["visible"]) != (int(asked), visible):
            raise Failed(f"{holder}: visible {pin['visible']} of {pin['size']}, not {visible} of {asked}")
        if site not in [c["function"] for c in pin["site"] or []]:
            raise Failed(f"{holder}: made by {pin['site']}, not {site}")
        roots.setdefault(holder, []).append(name_of(pin))
    if found:
        raise Failed(f"{len(found)} more: {gocheck.show(found)}")
    if len(roots) != HOLDERS or any(len(r) != PER_HOLDER for r in roots.values()):
        raise Failed(f"{ {h: len(r) for h, r in roots.items()} } buffers")
    check_names(roots, variant)
    check_totals(data)
    check_groups(data, {h: set(r) for h, r in roots.items()})
    sites = ask(build, core, work, "--by", "site")["groups"]
    if sorted(g["blocks"] for g in sites) != [PER_HOLDER] * HOLDERS:
        raise Failed(f"by site: {[g['blocks'] for g in sites]}")
    # The compiler of 1.16 gives this parameter of main.waitWith an empty location.
    has_location = variant != "stripped" and not go.version.startswith("1.16.")
    if hidden != (0 if has_location else PER_HOLDER):
        raise Failed(f"lengths of {hidden} strings on stacks are not known")
    return f"{len(lines)} buffers of {len(roots)} holders, {hidden} without a length"


def check_names(roots, variant):
    if variant != "stripped":
        # The runtime's own list leads to a timer sooner than the program's does.
        called = {"main.timers": "timers main.fillTimers.func1 (AfterFunc)"}
        wrong = {h: set(r) for h, r in roots.items() if set(r) != {called.get(h, h)}}
        if wrong:
            raise Failed(f"holders by name: {wrong}")
    names = [n for r in roots.values() for n in set(r)]
    if len(names) != len(set(names)):
        raise Failed(f"two holders have one root: {names}")
    # A list has two ends; each is a word of the variable.
    many = {h: set(r) for h, r in roots.items() if len(set(r)) > (2 if h == "main.entries" else 1)}
    if many:
        raise Failed(f"several roots for one holder: {many}")


def check_groups(data, roots):
    """The groups add up to the pins of their holder."""
    blocks = {}
    for group in data["groups"]:
        name = group["root"]["function"] or group["root"]["name"]
        blocks[name] = blocks.get(name, 0) + group["blocks"]
        if group["visible"] + group["wasted"] != group["size"] and group["known"]:
            raise Failed(f"{name}: {group}")
    for holder, names in roots.items():
        if sum(blocks[n] for n in names) != PER_HOLDER:
            raise Failed(f"{holder}: groups of {[blocks[n] for n in names]}")


CHECKS = {"views": check_views, "holders": check_holders}


def variants(version, args):
    minor = int(version.split(".")[1]) if "." in version else 0
    return ("normal", "stripped", "arenas") if minor >= 20 else gosuite.both(version, args)


def check(build, go, variant, folder):
    """One case is looked at though another fails."""
    for name, case in CHECKS.items():
        if variant == "arenas" and name != "views":
            continue
        (folder / name).mkdir()
        try:
            yield f"{name}: {case(build, go, variant, folder / name)}", []
        except Failed as why:
            yield name, [str(why)]


if __name__ == "__main__":
    sys.exit(gosuite.run("gopins", sys.argv, variants, check))
