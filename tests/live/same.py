# SPDX-License-Identifier: Apache-2.0
"""The same answer from a process and from each kind of its cores."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

from accounts import identity
from common import Busy, JEMALLOC, need_ptrace, status
from dump import Failed, Process, Skip, gcore, need_kernel_cores, patience
import gobuild

def ledgers(tool, target, *more):
    answer = tool.json("heaps", target, *more)
    if not answer["complete"]:
        raise Failed(f"heaps {target} {more}: incomplete: {answer['warnings'][:2]}")
    return answer["data"]["heaps"]


SNAPSHOTS = {"snapshot": (), "packed": ("--compress", "zstd"), "bare": ("--no-content",)}


def check_kernel_side(tool, pid, path):
    """A snapshot reconciles as the process does."""
    there = tool.json("summary", pid, "--mode", "stop")["data"] # All of it, however slow the machine.
    here = tool.json("summary", path)["data"]
    # The kernel may make a huge page of a few small ones, or none, at any time.
    slack = (64 << 10) + there["process"]["huge"] + here["process"]["huge"]
    for key in ("rss", "swap", "lazy"):
        if abs(there["process"][key] - here["process"][key]) > slack:
            raise Failed(f"{key}: {there['process']} and {here['process']}")
    labels = [[r["label"] for r in d["reconcile"]] for d in (there, here)]
    if labels[0] != labels[1]:
        raise Failed(f"levels {labels}")
    identity(tool, pid, here["reconcile"])


def opened_by_gdb(tool, build, work):
    """gdb sees the same threads and their stacks."""
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    with Busy(build) as busy:
        tool.run("snapshot", busy.pid, "-o", work / "gdb.snap")
        threads = tool.json("maps", work / "gdb.snap")["target"]["threads"]
        busy.works()
        busy.finish()
    done = subprocess.run(["gdb", "--nx", "--batch", "-iex", "set debuginfod enabled off",
                           "-ex", "thread apply all bt", build / "fixtures" / "busy",
                           work / "gdb.snap"], capture_output=True, text=True, timeout=patience(120),
                          check=False)
    found = done.stdout.count("LWP")
    if found < threads or "main (" not in done.stdout:
        raise Failed(f"{threads} threads, gdb shows {found}: {done.stdout[-300:]}")


def no_secrets(tool, build, work):
    """--no-content: what the blocks said is not in the file."""
    secret = b"the password is swordfish"
    code = "import sys,time; x=[bytes(%r)+str(i).encode() for i in range(5000)]; " \
           "print('READY',flush=True); time.sleep(60)" % (list(secret),)
    with Process([sys.executable, "-c", code], work, ready="READY",
                 env={"PYTHONMALLOC": "malloc"}) as process:
        for name, more in (("whole.snap", ()), ("none.snap", ("--no-content",))):
            tool.run("snapshot", process.pid, "-o", work / name, *more)
        whole = (work / "whole.snap").read_bytes().count(secret)
        none = (work / "none.snap").read_bytes().count(secret)
        same_ledger = ledgers(tool, work / "whole.snap") == ledgers(tool, work / "none.snap")
    if whole < 5000 or none:
        raise Failed(f"{whole} of 5000 in the whole snapshot, {none} without content")
    if not same_ledger:
        raise Failed("the ledger differs without content")
    code, _, err = tool.call("snapshot", os.getpid(), "-o", work / "none.snap")
    if code != 2 or "--force" not in err:
        raise Failed(f"overwriting: exit {code}, {err}")


def left_nothing(pid, before):
    """A program at rest has the same mappings, threads and files as before."""
    now = at_rest(pid)
    for key in now:
        if now[key] != before[key]:
            raise Failed(f"{key} before: {before[key]}, afterwards: {now[key]}")


def at_rest(pid):
    proc = pathlib.Path(f"/proc/{pid}")
    return {
        "maps": (proc / "maps").read_text(),
        "threads": sorted(os.listdir(proc / "task")),
        "files": sorted(os.readlink(f) for f in (proc / "fd").iterdir()),
        "children": (proc / f"task/{pid}/children").read_text(),
        "tracer": status(pid)["TracerPid"],
    }


# What a channel or map is called when nothing that was read says of what.
GENERIC = {b"runtime.hchan": (b"chan ", b"<-chan ", b"chan<- "), b"runtime.hmap": b"map["}


def without_types(lines, others):
    """others, without the types that lines lack: contents tell them, where they were read."""
    def lacks(line, other):
        start, kind = line[:-1].rsplit(b",", 1)
        there = other[len(start) + 1:].lstrip(b'"')
        return other.startswith(start + b",") and (
            not kind or (kind in GENERIC and there.startswith(GENERIC[kind])))
    pairs = zip(lines.splitlines(True), others.splitlines(True), strict=True)
    return b"".join(line if lacks(line, other) else other for line, other in pairs)


def goroutines(tool, target, *more):
    stacks = tool.json("goroutines", target, *more)["data"]
    for group in stacks["groups"]:
        group.pop("wait", None)  # Seconds: time goes on.
    return stacks


class Same:
    """One program at rest, seen in every way."""

    def __init__(self, tool, argv, work, env=None, plugin="ptmalloc"):
        self.tool, self.argv, self.work, self.env, self.plugin = tool, argv, work, env, plugin
        self.views, self.leaks = {}, {}

    def view(self, target, *more):
        seen = {"blocks": self.tool.run("blocks", target, *more),
                "ledger": ledgers(self.tool, target, *more)}
        if self.plugin == "go":
            seen["goroutines"] = goroutines(self.tool, target, *more)
        if self.plugin not in [h["plugin"] for h in seen["ledger"]]:
            raise Failed(f"{target}: there is no heap of {self.plugin}")
        return seen

    def look(self):
        need_ptrace()
        need_kernel_cores()
        with Process(self.argv, self.work, self.env, ready="READY", timeout=120,
                     stdin=subprocess.PIPE) as process:
            time.sleep(0.5)
            before = at_rest(process.pid)
            for mode in ("budget", "stop"):
                self.views[mode] = self.view(process.pid, "--mode", mode, "--max-stop", "20s")
            for kind, more in SNAPSHOTS.items():
                path = self.work / f"{kind}.snap"
                self.tool.run("snapshot", process.pid, "-o", path, "--force", *more)
                if path.stat().st_mode & 0o777 != 0o600:
                    raise Failed(f"{path}: mode {path.stat().st_mode:o}")
                self.views[kind] = self.view(path)
            check_kernel_side(self.tool, process.pid, self.work / "snapshot.snap")
            self.leaks["process"] = self.tool.json("leaks", process.pid)["data"]
            left_nothing(process.pid, before)
            files = {"gcore": None, "kernel": None}
            try:
                files["gcore"] = gcore(process.pid, self.work / "gdb.core")
            except Skip as e:
                self.views["gcore"] = e
            files["kernel"] = process.abort()
            for kind, path in files.items():
                if path:
                    self.views[kind] = self.view(path)
            self.leaks["kernel"] = self.tool.json("leaks", files["kernel"])["data"]
            for path in files.values():
                if path:
                    path.unlink()

    def compare(self, kind):
        if isinstance(self.views[kind], Skip):
            raise self.views[kind]
        count = self.views[kind]["blocks"].count(b"\n")
        if count < 1000:
            raise Failed(f"only {count} blocks")
        for what, kernel in self.views["kernel"].items():
            here = self.views[kind][what]
            if what == "blocks" and kind in ("budget", "bare"):
                kernel = without_types(here, kernel)
            if here != kernel:
                raise Failed(f"the {what} differ from those of the kernel's core")
        return f"{count} blocks"

    def compare_leaks(self):
        for key in ("leaks", "pending"):
            if self.leaks["process"].get(key) != self.leaks["kernel"].get(key):
                raise Failed(f"process {self.leaks['process'][key]}, core {self.leaks['kernel'][key]}")


def same(score, name, tool, argv, work, **more):
    one = Same(tool, argv, work, **more)
    if score.check(f"same {name} look", one.look):
        for kind in ("budget", "stop", *SNAPSHOTS, "gcore"):
            score.check(f"same {name} {kind}", lambda k=kind: one.compare(k))
        score.check(f"same {name} leaks", one.compare_leaks)


def same_jemalloc(score, tool, build, work):
    if not JEMALLOC.exists():
        score.check("same jemalloc", lambda: missing("libjemalloc2 is not installed"))
        return
    same(score, "jemalloc", tool, [build / "fixtures" / "jeheaps", "--threads", "3", "--blocks", "2000"],
         work, env={"LD_PRELOAD": str(JEMALLOC)}, plugin="jemalloc")


def same_go(score, tool, build, work):
    gos = gobuild.own()
    if not gos:
        score.check("same go", lambda: missing("there is no go command here"))
    for go in gos:
        same(score, f"go {go.version}", tool,
             [go.build(build, "heap", "normal"), "-wait", "-late=false"], work, plugin="go")


def missing(reason):
    raise Skip(reason)
