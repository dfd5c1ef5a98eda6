#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: exit status, help, JSON against the schemas, width,
colour, hostile strings, where output goes. Usage: run.py HEAPWALK

golden.py has what the suites share: cores, the program under test, the protocol."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from golden import (ROOT, Cores, Skip, check, check_harmless, plain, run_tests, validate,
                    validator)

COMMANDS = ["summary", "heaps", "maps", "blocks", "show", "roots", "tree", "why", "refs", "leaks",
            "top", "pins", "threads", "goroutines", "goroutine", "verify", "plugin", "plugins"]
REPORTS = ["arenas", "bins", "tcache", "top", "mmapped", "trim"]


# Help and usage.

def test_version(hw, cores):
    check(re.fullmatch(r"heapwalk \d+\.\d+\.\d+ \(plugin ABI \d+\)\n", hw.text("--version")),
          "unexpected version line")


def test_help(hw, cores):
    overview = hw.text("--help")
    check(overview == hw.text("help"), "help and --help differ")
    for command in COMMANDS:
        check(f"\n  {command}" in overview, f"{command} is not in the overview")
        page = hw.text("help", command)
        check(page == hw.text(command, "--help"), f"{command}: help and --help differ")
        for line in (overview + page).splitlines():
            check(len(line) <= 80, f"{command}: {len(line)} columns: {line}")


def test_usage_errors(hw, cores):
    core = cores.sleep
    hw.fails(2, says="core file")
    hw.fails(2, "help", "nonsense", says="no command")
    hw.fails(2, "sumary", core, says="did you mean 'summary'")
    hw.fails(2, "frobnicate", core, says="no command 'frobnicate'")
    hw.fails(2, "--frobnicate", core)
    hw.fails(2, "maps", says="TARGET")
    hw.fails(2, "maps", core, core, says="too many")
    hw.fails(2, "maps", "--state", "live", core, says="--state")
    hw.fails(2, "blocks", core, "--state", "dead", says="live, cached or free")
    hw.fails(2, "blocks", core, "--min", "4KB", says="no size")
    hw.fails(2, "blocks", core, "--format", "xml", says="csv or ndjson")
    hw.fails(2, "blocks", core, "--json", "--format", "csv")
    hw.fails(2, "show", core, says="ADDRESS")
    for bad in ("zz", "0x", "-1", "0x1g", "1e5", "", "0x10000000000000000"):
        hw.fails(2, "show", "--", core, bad, says="no address")
    hw.fails(2, "maps", core, "--color", "sometimes")
    hw.fails(2, "maps", core, "--width", "7")
    hw.fails(2, "plugin", says="NAME")
    hw.fails(2, "plugin", "ptmaloc", "top", core, says="did you mean 'ptmalloc'")
    hw.fails(2, "plugin", "ptmalloc", "tops", core, says="did you mean 'top'")
    hw.fails(2, "plugin", "ptmalloc", "top", says="core file")
    hw.fails(2, "plugin", "ptmalloc", "top", core, "--format", "pprof", says="no format 'pprof'")
    hw.fails(2, "plugin", "go", "profile", core, "--format", "pdf", says="pprof, folded")
    hw.fails(2, "plugin", "go", "profile", core, "--format", "folded", "--json", says="--json")
    hw.fails(2, "plugin", "go", "--format", "folded", says="of which report")
    hw.fails(2, "goroutine", core, "one", says="number of a goroutine")
    hw.fails(2, "goroutine", core, says="N")


def test_no_goroutines(hw, cores):
    answer = hw.json("goroutines", cores.sleep)
    validate("goroutines", answer)
    check(answer["data"]["total"] == 0 and not answer["data"]["groups"], f"{answer['data']}")
    check("No runtime with goroutines" in hw.text("goroutines", cores.sleep), "no word on it")
    hw.fails(3, "goroutine", cores.sleep, "1", says="no Go runtime")


def test_what_is_not_there_is_not_named(hw, cores):
    for command in ("diff", "export", "report"):
        err = hw.fails(2, command, cores.sleep, "x")
        check("not built" not in err and "not yet" not in err, err)
        check(f"\n  {command} " not in hw.text("help"), f"help names {command}")


def test_no_heap(hw, cores):
    """Where no heap was found there is nothing to say of leaks, least of all that there are none."""
    empty = cores.directory / "no-plugins"
    empty.mkdir()
    answer = hw.json("leaks", cores.sleep, "--plugin-dir", str(empty))
    check([w["code"] for w in answer["warnings"]] == ["no-heap-found"], f"{answer['warnings']}")
    check(not answer["complete"], "complete without a heap")
    text = hw.text("leaks", cores.sleep, "--plugin-dir", str(empty))
    check("No heap was found" in text and "No leaks" not in text, text)


def test_compressed_cores(hw, cores):
    """The same answer from a packed core, whatever packed it; nothing is left behind."""
    spool = cores.directory / "spool"
    spool.mkdir()
    plain_answer = hw.json("heaps", cores.sleep)
    missing = []
    for tool, suffix in (("gzip", "gz"), ("zstd", "zst"), ("xz", "xz"), ("lz4", "lz4"),
                         ("bzip2", "bz2")):
        if not shutil.which(tool):
            missing.append(tool)
            continue
        packed = cores.directory / f"packed.{suffix}"
        with open(packed, "wb") as out:
            subprocess.run([tool, "-1", "-c", cores.sleep], stdout=out, check=True)
        answer = hw.json("heaps", str(packed), "--spool-dir", str(spool))
        check(answer["complete"] == plain_answer["complete"], f"{suffix}: complete differs")
        check(answer["data"] == plain_answer["data"], f"{suffix}: other data")
        check(answer["target"]["path"] == str(packed), f"{suffix}: {answer['target']}")
        size = packed.stat().st_size
        with open(packed, "r+b") as cut:
            cut.truncate(size // 2)
        run = hw.run("heaps", str(packed), "--json")
        if run.returncode == 0:
            check(not json.loads(run.stdout)["complete"], f"{suffix}: half a file is complete")
        else:
            check(run.returncode in (3, 5), f"{suffix}: half a file: status {run.returncode}")
        packed.unlink()
        check(not list(spool.iterdir()), f"{suffix}: left in the spool: {list(spool.iterdir())}")
    if missing:
        raise Skip(f"{', '.join(missing)} not installed")


def test_target_errors(hw, cores):
    directory = cores.directory
    (directory / "text").write_text("not a core\n")
    (directory / "empty").write_bytes(b"")
    os.mkfifo(directory / "fifo")
    hw.fails(3, "maps", str(directory / "missing"))
    hw.fails(3, str(directory / "missing"))
    hw.fails(3, "maps", str(directory))
    hw.fails(3, "maps", str(directory / "fifo"))
    for name in ("text", "empty"):
        done = hw.run("maps", str(directory / name))
        check(done.returncode in (3, 5), f"{name}: exit {done.returncode}")
    hw.fails(5, "maps", sys.executable)
    hw.fails(3, "maps", cores.sleep, "--plugin-dir", str(directory / "missing"))


def test_permission(hw, cores):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    secret = cores.directory / "secret"
    secret.write_bytes(b"")
    secret.chmod(0o600)
    cores.directory.chmod(0o755)
    try:
        hw.fails(4, "maps", str(secret), preexec_fn=lambda: os.setuid(65534), cwd="/")
    except PermissionError:
        raise Skip("another user cannot run this heapwalk") from None


# Answers.

def heap_address(hw, core):
    lines = hw.text("blocks", core, "--state", "live").splitlines()
    return lines[len(lines) // 2].split(",")[0]


def interesting_addresses(hw, core):
    """One in a mapping of each owner; in a truncated core some have no bytes."""
    first = {m["owner"]: m["start"] for m in hw.json("maps", core)["data"]["mappings"]}
    return first.values()


def test_json_schemas(hw, cores):
    for core in (cores.python, cores.sleep, cores.truncated):
        for command in ("summary", "heaps", "maps", "verify"):
            answer = hw.json(command, core)
            validate(command, answer)
            check(answer["target"]["path"] == core, "another path")
        if core != cores.truncated:
            validate("show", hw.json("show", core, heap_address(hw, core)))
        for address in ("0x10", str(1 << 47), *interesting_addresses(hw, core)):
            validate("show", hw.json("show", core, address))
            validate("show", hw.json("show", core, address, "--show-strings"))
    validate("plugins", hw.json("plugins"))
    validate("plugins", hw.json("plugin", "ptmalloc"))


def test_json_plugin_reports(hw, cores):
    for report in REPORTS:
        answer = hw.json("plugin", "ptmalloc", report, cores.python)
        validate(f"plugin-ptmalloc-{report}", answer)


def test_json_ndjson(hw, cores):
    lines = hw.text("blocks", cores.sleep, "--format", "ndjson").splitlines()
    check(len(lines) > 5, f"only {len(lines)} blocks")
    schema = validator("blocks")
    for line in lines[:2000]:
        schema.validate(json.loads(line))
    check(lines == hw.text("blocks", cores.sleep, "--json").splitlines(), "--json is not ndjson")


def test_envelope(hw, cores):
    answer = hw.json(cores.python)
    check(answer["schema"] == "heapwalk.summary/1", "a bare target is not summary")
    check(answer["data"]["findings"] == [], "findings")
    check(answer["target"]["command"].startswith("python"), answer["target"]["command"])
    check(answer["target"]["threads"] == 2 == answer["data"]["threads"], "threads")
    check(answer["complete"] is True, f"incomplete: {answer['warnings']} {answer['damage']}")


def test_levels_add_up(hw, cores):
    for core in (cores.python, cores.sleep, cores.truncated):
        data = hw.json("summary", core)["data"]
        rows = data["reconcile"]
        total = {row["label"]: row["bytes"] for row in rows if row["label"] != "unexplained"}
        levels = {row["of"] for row in rows if row["of"] and row["bytes"] is not None}
        for level in levels:
            parts = [row for row in rows if row["of"] == level]
            check(sum(row["bytes"] for row in parts) == total[level], f"{level} does not add up")
            rest = [row for row in parts if row["label"] == "unexplained"]
            check(len(rest) == 1, f"{level}: {len(rest)} rows are unexplained")
        check({"address space", "heap mappings"} <= levels, f"levels: {levels}")
        owned = sum(owner["bytes"] for owner in data["owners"])
        check(total["address space"] == data["mapped"] == owned, "the owners do not add up")
        for heap in data["heaps"]:
            label = f"{heap['plugin']}:{heap['name']}"
            check(label in levels and total[label] == heap["mapped"], f"no level for {label}")
            for part in [heap, *heap["arenas"]]:
                check(sum(part["bytes"].values()) == part["mapped"], f"{label} does not add up")
            check(sum(a["mapped"] for a in heap["arenas"]) == heap["mapped"], f"{label}: arenas")


def test_what_stands_out(hw, cores):
    """A heap is said to keep free memory if it is a tenth of what it uses, and of any weight in all."""
    said = set()
    for core in (cores.python, cores.sleep):
        heaps = hw.json("heaps", core)["data"]["heaps"]
        used = [h["mapped"] - h["bytes"]["untouched"] for h in heaps]
        floor = max(256 << 10, sum(used) // 100)
        wanted = {f"{free * 100 / of:.0f} % of what {heap['plugin']}:{heap['name']}"
                  for heap, of in zip(heaps, used)
                  if (free := heap["bytes"]["free"]) >= max(floor, of / 10)}
        text = " ".join(hw.text("summary", core).split())
        found = set(re.findall(r"(\d+ % of what \S+) has touched is free but retained", text))
        check(found == wanted, f"{core}: {found} instead of {wanted}")
        said |= found
    check(said, "nothing stands out anywhere")


def test_blocks_match_the_ledger(hw, cores):
    for core in (cores.python, cores.sleep):
        count, size = {}, {}
        lines = hw.text("blocks", core).splitlines()
        check(lines[0] == "address,size,state,heap,arena,type", lines[0])
        last = {}
        for line in lines[1:]:
            address, usable, state, heap, arena, _ = line.split(",")
            check(re.fullmatch("0x[1-9a-f][0-9a-f]*", address), address)
            check(int(address, 16) >= last.get(heap, 0), f"{address} is out of order")
            last[heap] = int(address, 16) + int(usable)
            count[heap, state] = count.get((heap, state), 0) + 1
            size[heap, state] = size.get((heap, state), 0) + int(usable)
        for heap in hw.json("heaps", core)["data"]["heaps"]:
            label = f"{heap['plugin']}:{heap['name']}"
            for state in ("live", "cached", "free"):
                found = count.get((label, state), 0)
                check(heap["blocks"][state] == found, f"{label}: {found} {state} blocks")
            for state in ("live", "cached"):
                found = size.get((label, state), 0)
                check(heap["bytes"][state] == found, f"{label}: {found} {state} bytes")


def test_blocks_filters(hw, cores):
    rows = [line.split(",") for line in hw.text("blocks", cores.python).splitlines()[1:]]
    for state in ("live", "cached", "free"):
        got = hw.text("blocks", cores.python, "--state", state, "--min", "1k").splitlines()[1:]
        want = [",".join(r) for r in rows if r[2] == state and int(r[1]) >= 1024]
        check(got == want, f"--state {state} --min 1k: {len(got)} rows, not {len(want)}")


def test_show_finds_the_block(hw, cores):
    rows = [line.split(",") for line in hw.text("blocks", cores.python).splitlines()[1:]]
    for row in rows[:: max(1, len(rows) // 8)]:
        for inside in (0, int(row[1]) // 2, int(row[1]) - 1):
            data = hw.json("show", cores.python, hex(int(row[0], 16) + inside))["data"]
            block = data["block"]
            check(block and block["address"] == row[0] and block["offset"] == inside,
                  f"{row[0]}+{inside}: {block}")
            same = [str(block[key]) for key in ("size", "state", "heap", "arena")]
            check(same == row[1:5], f"{row}: {block}")
    before = int(rows[0][0], 16) - 1
    data = hw.json("show", cores.python, str(before))["data"]
    check(data["block"] is None, "a header is a block")


def test_show_keeps_contents_private(hw, cores):
    maps = hw.json("maps", cores.sleep)["data"]["mappings"]
    stack = next(m for m in maps if m["owner"] == "stack")
    address = hex(int(stack["end"], 16) - 64)  # Environment strings.
    shown = hw.json("show", cores.sleep, address)["data"]["words"]
    check(shown and all("text" not in w for w in shown), "text without --show-strings")
    for word in shown:
        if word["value"]:
            value = int(word["value"], 16)
            check(any(int(m["start"], 16) <= value < int(m["end"], 16) for m in maps),
                  f"{word['value']} is no address")
    strings = hw.json("show", cores.sleep, address, "--show-strings")["data"]["words"]
    check(any("sleep" in (w["text"] or "") or w["text"].strip(".") for w in strings), "no text")


def test_maps_are_disjoint(hw, cores):
    maps = hw.json("maps", cores.python)["data"]["mappings"]
    for a, b in zip(maps, maps[1:]):
        check(int(a["end"], 16) <= int(b["start"], 16), f"{a['start']} overlaps {b['start']}")
    check(any(m["owner"] == "heap" for m in maps), "no heap")
    check(any(m["name"] and "libc" in m["name"] for m in maps), "no libc")


def test_incomplete_and_strict(hw, cores):
    answer = hw.json("summary", cores.truncated)
    check(answer["complete"] is False and answer["target"]["truncated"], "truncated is complete")
    check("truncated" in [w["code"] for w in answer["warnings"]], f"{answer['warnings']}")
    done = hw.run("summary", cores.truncated)
    check(done.returncode == 0 and b"Incomplete: " in done.stdout, "no line on completeness")
    check(b"heapwalk: warning: " in done.stderr, "no warning on stderr")
    check(hw.run("summary", cores.truncated, "-q").stderr == b"", "--quiet is not quiet")
    check(hw.run("summary", cores.truncated, "--json").stderr == b"", "warnings beside JSON")
    for command in ("summary", "blocks", "verify"):
        strict = hw.run(command, cores.truncated, "--strict")
        check(strict.returncode == 6, f"{command} --strict: exit {strict.returncode}")
        usual = hw.run(command, cores.truncated)
        check(strict.stdout == usual.stdout, f"{command} --strict has another answer")
    check("Complete: " in hw.text("summary", cores.python, "--strict"), "not complete")


def test_verify(hw, cores):
    check(hw.text("verify", cores.python).endswith("no damage found\n"), "damage in a sound heap")


# How it looks.

def views(hw, core):
    yield (core,)
    for command in ("summary", "heaps", "maps", "verify"):
        yield command, core
    yield "maps", "--summary", core
    yield "show", core, heap_address(hw, core)
    yield "show", core, "--show-strings", heap_address(hw, core)
    for report in REPORTS:
        yield "plugin", "ptmalloc", report, core
    yield ("plugins",)
    yield "plugin", "ptmalloc"


def test_terminal_width(hw, cores):
    for args in views(hw, cores.python):
        for columns in (80, 60, 132):
            for line in plain(hw.terminal(*args, columns=columns)).splitlines():
                check(len(line) <= columns, f"{args}: {len(line)} of {columns} columns: {line}")


def test_no_escapes_in_a_pipe(hw, cores):
    for args in views(hw, cores.python):
        check(b"\x1b" not in hw.run(*args).stdout, f"{args}: escape sequences in a pipe")
    check("\x1b[" in hw.text(cores.sleep, "--color", "always"), "--color=always has no colour")


def test_colour_rules(hw, cores):
    core = cores.sleep
    check("\x1b[" in hw.terminal(core), "no colour on a terminal")
    check("\x1b" not in hw.terminal(core, "--color=never"), "--color=never")
    check("\x1b" not in hw.terminal(core, env={"NO_COLOR": "1"}), "NO_COLOR")
    check("\x1b" not in hw.terminal(core, env={"TERM": "dumb"}), "TERM=dumb")


def test_pipes_keep_the_data(hw, cores):
    names = [m["name"] for m in hw.json("maps", cores.python)["data"]["mappings"] if m["name"]]
    text = hw.text("maps", cores.python)
    for name in names:
        check(name in text, f"{name} is cut in a pipe")


def test_bytes(hw, cores):
    data = hw.json("heaps", cores.python)["data"]["heaps"][0]
    text = hw.text("heaps", cores.python, "--bytes")
    check(str(data["mapped"]) in text and "iB" not in text, "--bytes has units or separators")


def test_ascii_locale(hw, cores):
    for args in views(hw, cores.python):
        out = hw.run(*args, locale="C").stdout
        check(max(out) < 0x80, f"{args}: not ASCII in the C locale")


# What must never get out.

def test_hostile_strings(hw, cores):
    core = cores.hostile
    for form in ((), ("--json",)):
        for command in ("summary", "heaps", "maps", "verify"):
            done = hw.run(command, core, *form)
            check(done.returncode == 0, f"{command}: exit {done.returncode}: {done.stderr}")
            check_harmless(command, done.stdout)
            check_harmless(command, done.stderr)
            if form:
                validate(command, json.loads(done.stdout))
        done = hw.run("show", core, *form, heap_address_raw(hw, core), "--show-strings")
        check_harmless("show", done.stdout)
    for format_name in ("csv", "ndjson"):
        check_harmless(format_name, hw.run("blocks", core, "--format", format_name).stdout)
    check(b"ev" in hw.run("maps", core).stdout, "the hostile name is not shown at all")


def heap_address_raw(hw, core):
    lines = hw.run("blocks", core, "--state", "live").stdout.decode().splitlines()
    return lines[1].split(",")[0]


def test_hostile_arguments(hw, cores):
    bad = b"no\x1b[2Jsuch\xff\nfile"
    for args in ((bad,), ("maps", bad), (bad, "x"), ("show", cores.sleep, "0x\x1b[2J"),
                 ("plugin", bad), ("maps", cores.sleep, "--color", "\x1b[2J"),
                 ("maps", cores.sleep, "-o", cores.directory / "no\x1bsuch" / "file")):
        done = hw.run(*args)
        check(done.returncode in (2, 3), f"{args}: exit {done.returncode}")
        check_harmless(f"{args}", done.stderr)


# Where output goes.

def test_output_file(hw, cores):
    path = cores.directory / "answer.json"
    hw.text("heaps", cores.sleep, "--json", "-o", str(path))
    check(path.stat().st_mode & 0o777 == 0o600, f"mode {path.stat().st_mode & 0o777:o}")
    first = path.read_bytes()
    check(json.loads(first)["schema"] == "heapwalk.heaps/1", "another answer")
    hw.fails(2, "maps", cores.sleep, "--output", str(path), says="--force")
    check(path.read_bytes() == first, "overwritten")
    path.chmod(0o644)
    hw.text("maps", cores.sleep, "--output", str(path), "--force")
    check(path.read_bytes() != first, "--force does not replace")
    check(path.stat().st_mode & 0o777 == 0o600, "a replaced file is not private")
    lines = hw.text("maps", cores.sleep, "--json", "-o", "-", cwd=cores.directory)
    check(lines == hw.text("maps", cores.sleep, "--json"), "-o - is not stdout")
    check(not (cores.directory / "-").exists(), "a file called -")


def test_no_half_files(hw, cores):
    path = cores.directory / "half"
    hw.fails(3, "maps", str(cores.directory / "missing"), "-o", str(path))
    check(not path.exists(), "a failed answer leaves a file")
    hw.fails(2, "maps", cores.sleep, "-o", str(cores.directory / "no" / "such"))
    link = cores.directory / "link"
    link.symlink_to(path)
    hw.fails(2, "maps", cores.sleep, "-o", str(link))
    check(not path.exists(), "written through a link")
    check(not list(cores.directory.glob("half.*")), "temporary files are left")


def test_full_disk(hw, cores):
    for args in (("maps", cores.sleep), ("blocks", cores.python), ("--help",), ("--version",),
                 ("summary", cores.sleep, "--json")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([hw.path, *args], stdout=full, stderr=subprocess.PIPE,
                                  timeout=120)
        check(done.returncode == 7, f"{args}: exit {done.returncode}")
        check(b"No space left" in done.stderr, f"{args}: {done.stderr}")
    hw.fails(7, "maps", cores.sleep, "-o", "/dev/full", "--force", says="No space left")
    check(os.path.exists("/dev/full"), "/dev/full is gone")


def test_reader_goes_away(hw, cores):
    core = cores.python
    for args in (("blocks", core), ("maps", core), ("maps", core, "--json")):
        process = subprocess.Popen([hw.path, *args], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
        check(process.wait(120) == 0, f"{args}: exit {process.returncode}")
        check(err == b"", f"{args}: {err}")


def test_closed_descriptors(hw, cores):
    done = subprocess.run([hw.path, "maps", cores.sleep], stderr=subprocess.PIPE, timeout=120,
                          preexec_fn=lambda: os.close(1))
    check(done.returncode == 7 and b"cannot write" in done.stderr, f"stdout closed: {done}")
    before = os.path.getsize(cores.sleep)
    for fds in ((0,), (2,), (0, 2)):
        done = subprocess.run([hw.path, "maps", cores.sleep], stdout=subprocess.PIPE, timeout=120,
                              preexec_fn=lambda fds=fds: [os.close(fd) for fd in fds])
        check(done.returncode == 0 and done.stdout, f"{fds} closed: exit {done.returncode}")
    check(os.path.getsize(cores.sleep) == before, "the core was written to")


def test_file_named_like_a_command(hw, cores):
    shutil.copy(cores.sleep, cores.directory / "heaps")
    shutil.copy(cores.sleep, cores.directory / "-core")
    check("pid" in hw.text("./heaps", cwd=cores.directory), "./heaps is no target")
    hw.fails(2, "heaps", cwd=cores.directory, says="TARGET")
    check("pid" in hw.text("--", "-core", cwd=cores.directory), "-- is not understood")
    check("pid" in hw.text("maps", "-q", "--", "-core", cwd=cores.directory), "-- after an option")


def test_options_anywhere(hw, cores):
    one = hw.text("maps", cores.sleep, "--json")
    check(one == hw.text("--json", "maps", cores.sleep) == hw.text("maps", "--json", cores.sleep),
          "options depend on their place")
    check(one == hw.text("--sysroot", "/", "maps", cores.sleep, "--json"), "--sysroot /")


def test_interrupt(hw, cores):
    """A pipe nobody reads fills up; then SIGINT."""
    process = subprocess.Popen([hw.path, "blocks", cores.python], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    check(process.returncode == 130, f"exit {process.returncode}: {err}")
    check(b"interrupted" in err and err.count(b"\n") == 1, f"{err}")


def test_man_page(hw, cores):
    page = (ROOT / "man" / "heapwalk.1").read_text()
    text = page.replace("\\-", "-")
    for command in COMMANDS:
        check(re.search(rf"\b{command}\b", text), f"{command} is not in the manual")
        for option in re.findall(r"--[a-z][a-z-]+", hw.text("help", command)):
            check(option in text, f"{option} is not in the manual")
    if not shutil.which("man"):
        raise Skip("man is not installed")
    done = subprocess.run(["man", "--warnings", "-l", str(ROOT / "man" / "heapwalk.1")],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    check(done.stderr == b"", f"{done.stderr.decode()}")


if __name__ == "__main__":
    sys.exit(run_tests("golden", globals(), Cores))
