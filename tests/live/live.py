#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Living processes: the same answer as from their cores, and no harm done.

    live.py BUILD [--long]

--long: 100 attaches in each mode and 100 kills instead of about ten.
Last line: `live: N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
# pylint: disable=wrong-import-position
import gobuild
from dump import Failed, Process, Skip, gcore, need_kernel_cores
from oracle import Score

MODES = ("budget", "stop", "nostop")
MEMCG = pathlib.Path("/sys/fs/cgroup/memory")
MIB = 1 << 20


class Tool:
    def __init__(self, build):
        self.program = build / "heapwalk"
        self.env = {k: v for k, v in os.environ.items() if k != "DEBUGINFOD_URLS"}

    def start(self, *args, **more):
        return subprocess.Popen([self.program, *[str(a) for a in args]], env=self.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def call(self, *args, **more):
        process = self.start(*args, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err.decode(errors="replace").strip()

    def run(self, *args, **more):
        code, out, err = self.call(*args, **more)
        if code:
            raise Failed(f"heapwalk {' '.join(str(a) for a in args)}: exit {code}: {err[-300:]}")
        return out

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))


def need_ptrace():
    """Where a child may not be traced there is nothing to test."""
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and int(scope.read_text()) >= 2 and os.geteuid():
        raise Skip("ptrace of other processes is not allowed here")


def status(pid):
    return dict(line.split(":\t", 1) for line in
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def check_left(pid, before):
    """Nothing of us stays in the target."""
    now = traces(pid)
    if now != before:
        raise Failed(f"before {before}, afterwards {now}")


def traces(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return {
        "tracer": status(pid)["TracerPid"].strip(),
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "children": children.read_text() if children.exists() else "",
    }


class Busy:
    """fixtures/busy: checks itself and tells."""

    def __init__(self, build, *args):
        self.popen = subprocess.Popen([build / "fixtures" / "busy", *args], text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.popen.pid
        if self.popen.stdout.readline() != "READY\n":
            raise Failed("busy: not ready")

    def ask(self):
        """gap_ns, errors, operations, children, signals; begins a new gap."""
        self.popen.stdin.write("\n")
        line = self.popen.stdout.readline()
        if not line:
            raise Failed(f"the target is gone: exit {self.popen.wait(10)}")
        return [int(n) for n in line.split()]

    def works(self):
        """It goes on, without an error."""
        first = self.ask()
        time.sleep(0.02)
        last = self.ask()
        if first[1] or last[1]:
            raise Failed(f"the target found {last[1]} errors in its data")
        end = time.monotonic() + 10
        while last[2] <= first[2]:
            if time.monotonic() > end:
                raise Failed("the target stands still")
            time.sleep(0.05)
            last = self.ask()

    def finish(self):
        self.popen.stdin.close()
        code = self.popen.wait(20)
        if code:
            raise Failed(f"the target ended with {code}")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()


# The same answer from a process and from each kind of its cores.

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
    for key in ("rss", "pss", "swap", "lazy"):
        if abs(there["process"][key] - here["process"][key]) > 64 << 10:
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
                           work / "gdb.snap"], capture_output=True, text=True, timeout=120,
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


def same(tool, build, work, argv, score, name):
    views = {}

    def look():
        need_ptrace()
        need_kernel_cores()
        with Process(argv, work, ready="READY") as process:
            for mode in ("budget", "stop"):
                views[mode] = (tool.run("blocks", process.pid, "--mode", mode, "--max-stop", "20s"),
                               ledgers(tool, process.pid, "--mode", mode, "--max-stop", "20s"))
            for kind, more in SNAPSHOTS.items():
                path = work / f"{kind}.snap"
                tool.run("snapshot", process.pid, "-o", path, "--force", *more)
                if path.stat().st_mode & 0o777 != 0o600:
                    raise Failed(f"{path}: mode {path.stat().st_mode:o}")
                views[kind] = (tool.run("blocks", path), ledgers(tool, path))
            check_kernel_side(tool, process.pid, work / "snapshot.snap")
            files = {"gcore": None, "kernel": None}
            try:
                files["gcore"] = gcore(process.pid, work / "gdb.core")
            except Skip as e:
                views["gcore"] = e
            views["leaks"] = tool.json("leaks", process.pid)["data"]
            files["kernel"] = process.abort()
            for kind, path in files.items():
                if path:
                    views[kind] = (tool.run("blocks", path), ledgers(tool, path))
            views["leaks kernel"] = tool.json("leaks", files["kernel"])["data"]

    def compare(kind):
        if isinstance(views[kind], Skip):
            raise views[kind]
        if views[kind][0].count(b"\n") < 100:
            raise Failed("hardly any block")
        if views[kind][0] != views["kernel"][0]:
            raise Failed("the blocks differ from those of the kernel's core")
        if views[kind][1] != views["kernel"][1]:
            raise Failed("the ledger differs from that of the kernel's core")

    def compare_leaks():
        if views["leaks"]["leaks"] != views["leaks kernel"]["leaks"]:
            raise Failed(f"process {views['leaks']['leaks']}, core {views['leaks kernel']['leaks']}")

    if score.check(f"same {name} look", look):
        for kind in ("budget", "stop", *SNAPSHOTS, "gcore"):
            score.check(f"same {name} {kind}", lambda k=kind: compare(k))
        score.check(f"same {name} leaks", compare_leaks)


def same_go(tool, build, work, score):
    """A Go program at rest: blocks, ledger and goroutines."""
    views = {}

    def view(target, *more):
        stacks = tool.json("goroutines", target, *more)["data"]
        for group in stacks["groups"]:
            group.pop("wait", None)  # Seconds: time goes on.
        return tool.run("blocks", target, *more), stacks

    def look():
        need_ptrace()
        need_kernel_cores()
        gos = gobuild.own()
        if not gos:
            raise Skip("there is no go command here")
        program = gos[0].build(build, "big", "normal")
        with Process([program, "-wait", "-objects", "20000"], work, ready="READY", timeout=120,
                     stdin=subprocess.PIPE) as process:
            time.sleep(0.3)
            for mode in ("budget", "stop"):
                views[mode] = view(process.pid, "--mode", mode, "--max-stop", "20s")
            tool.run("snapshot", process.pid, "-o", work / "go.snap")
            views["snapshot"] = view(work / "go.snap")
            try:
                views["gcore"] = view(gcore(process.pid, work / "go.gdb"))
            except Skip as e:
                views["gcore"] = e

    def compare(kind):
        if isinstance(views[kind], Skip):
            raise views[kind]
        if views[kind][0].count(b"\n") < 20000:
            raise Failed("fewer blocks than objects")
        for i, what in enumerate(("blocks", "goroutines")):
            if views[kind][i] != views["stop"][i]:
                raise Failed(f"the {what} differ from those of stop mode")

    if score.check("same go look", look):
        for kind in ("budget", "snapshot", "gcore"):
            score.check(f"same go {kind}", lambda k=kind: compare(k))


# No harm.

def attach(tool, build, mode, count, *args):
    with Busy(build, *args) as busy:
        before = traces(busy.pid)
        if "--storm" in args:
            del before["children"]
        for i in range(count):
            busy.ask()
            answer = tool.json("heaps" if i % 2 else "leaks", busy.pid, "--mode", mode)
            stopped, gap = answer["target"]["stopped_ns"], busy.ask()[0]
            if mode == "nostop" and (stopped or answer["complete"]):
                raise Failed(f"nostop: stopped {stopped} ns, complete {answer['complete']}")
            if mode != "nostop" and not stopped:
                raise Failed("no stop")
            if mode == "budget" and stopped > 250e6 + 100e6:
                raise Failed(f"stopped {stopped / 1e6:.0f} ms of 250")
            busy.works()
            after = traces(busy.pid)
            after = {k: after[k] for k in before}
            if after["tracer"] != "0" or after["fds"] != before["fds"]:
                raise Failed(f"before {before}, after {after}, gap {gap}")
        busy.finish()


def killed(tool, build, count):
    """heapwalk dies at any moment: the target lives on."""
    with Busy(build, "--mib", "64", "--threads", "1") as busy:
        began = time.monotonic()
        tool.run("leaks", busy.pid)
        whole = time.monotonic() - began
        for _ in range(count):
            process = tool.start("leaks", busy.pid)
            time.sleep(random.random() * whole)
            process.send_signal(random.choice((signal.SIGKILL, signal.SIGINT, signal.SIGTERM)))
            process.communicate(timeout=60)
            time.sleep(0.01)
            if status(busy.pid)["TracerPid"].strip() != "0":
                raise Failed("still traced")
            busy.works()
        busy.finish()


def stopped_target(tool, build):
    """A stopped process stays stopped, and can go on afterwards."""
    with Busy(build) as busy:
        os.kill(busy.pid, signal.SIGSTOP)
        time.sleep(0.1)
        for mode in ("budget", "stop"):
            tool.json("heaps", busy.pid, "--mode", mode)
            time.sleep(0.05)
            state = status(busy.pid)["State"]
            if not state.startswith("T (stopped)"):
                raise Failed(f"its state is now {state}")
        os.kill(busy.pid, signal.SIGCONT)
        busy.works()
        busy.finish()


def coming_and_going(tool, count):
    """Processes that exec and exit under us: an answer or a clear error, never a hang."""
    script = "import os,sys,time; n=int(sys.argv[1]); time.sleep(0.01); " \
             "n and os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], str(n-1), sys.argv[2]])"
    for _ in range(count):
        process = subprocess.Popen([sys.executable, "-c", script, "12", script])
        time.sleep(random.random() * 0.3)
        code, _, err = tool.call("heaps", process.pid)
        ended = process.wait(30)
        if ended:
            raise Failed(f"the target ended with {ended}")
        if code not in (0, 3):
            raise Failed(f"exit {code}: {err[-200:]}")


# What the kernel counts.

def identity(tool, pid, rows):
    """Every level adds up; unexplained is small; heaps are in it."""
    for row in rows:
        parts = [r for r in rows if r["of"] == row["label"]]
        if parts and sum(p["bytes"] for p in parts) != row["bytes"]:
            raise Failed(f"{pid}: the parts of {row['label']} do not add up")
    rss = next(r["bytes"] for r in rows if r["label"] == "RSS")
    for row in rows:
        if row["label"] == "unexplained" and row["of"] and "resident" in row["of"] or row["of"] == "RSS":
            if row["label"] == "unexplained" and abs(row["bytes"]) > max(rss / 100, 2 * MIB):
                raise Failed(f"{row['bytes']} bytes of {row['of']} ({rss}) are unexplained")
    return rss


def rss_identity(tool, argv, work):
    with Process(argv, work, ready="READY") as process:
        answer = tool.json("summary", process.pid)
        rss = identity(tool, process.pid, answer["data"]["reconcile"])
        known = int(status(process.pid)["VmRSS"].split()[0]) * 1024
        if abs(rss - known) > max(known / 50, MIB):
            raise Failed(f"RSS {rss}, the kernel says {known}")
        mapped = sum(m["resident"] for m in tool.json("maps", process.pid)["data"]["mappings"])
        if abs(mapped - rss) > max(rss / 100, 2 * MIB):
            raise Failed(f"mappings have {mapped}, RSS is {rss}")


class Cgroup:
    """A memory cgroup (version 1) of our own."""

    def __init__(self, limit=None):
        own = [line.split(":", 2) for line in
               pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
        path = next((p for _, names, p in own if "memory" in names.split(",")), None)
        if path is None or not MEMCG.is_dir():
            raise Skip("no version 1 memory cgroup here")
        self.dir = MEMCG / path.lstrip("/") / f"heapwalk-{os.getpid()}-{time.monotonic_ns()}"
        try:
            self.dir.mkdir()
        except OSError as e:
            raise Skip(f"no cgroup can be made: {e}") from None
        if limit:
            (self.dir / "memory.limit_in_bytes").write_text(str(limit))

    def enter(self):
        (self.dir / "cgroup.procs").write_text(str(os.getpid()))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for _ in range(100):
            try:
                self.dir.rmdir()
                return
            except OSError:
                time.sleep(0.05)


def page_cache(tool, build, work):
    """A file written by the cgroup is page cache, not memory of the process."""
    with Cgroup() as cgroup:
        popen = subprocess.Popen([build / "fixtures" / "busy"], preexec_fn=cgroup.enter,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            popen.stdout.readline()
            subprocess.run(["dd", "if=/dev/zero", f"of={work / 'cached'}", "bs=1M", "count=48"],
                           preexec_fn=cgroup.enter, stderr=subprocess.DEVNULL, check=True)
            data = tool.json("summary", popen.pid)["data"]
        finally:
            popen.kill()
            popen.wait()
            popen.stdin.close()
            popen.stdout.close()
            (work / "cached").unlink(missing_ok=True)
        top = {r["label"]: r["bytes"] for r in data["reconcile"] if r["of"] == "cgroup"}
        if not 47 * MIB <= top["file"] <= 64 * MIB:
            raise Failed(f"file is {top['file']}")
        if top["anon"] > 32 * MIB or abs(top["unexplained"]) > 4 * MIB:
            raise Failed(f"the cgroup is {top}")
        if data["cgroup"]["without_cache"] > data["cgroup"]["usage"] - 47 * MIB:
            raise Failed(f"without cache: {data['cgroup']}")
        if [p["pid"] for p in data["cgroup"]["processes"]] != [popen.pid]:
            raise Failed(f"processes: {data['cgroup']['processes']}")


def near_limit(tool, build, count):
    """64 MiB from its limit, with heapwalk in the same cgroup: nobody is killed."""
    for _ in range(count):
        with Cgroup(limit=256 * MIB) as cgroup:
            popen = subprocess.Popen([build / "fixtures" / "busy", "--mib", "180"],
                                     preexec_fn=cgroup.enter, text=True, bufsize=1,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                popen.stdout.readline()
                code, out, err = tool.call("heaps", popen.pid, "--json", preexec_fn=cgroup.enter)
                if code:
                    raise Failed(f"heapwalk: exit {code}: {err[-200:]}")
                codes = [w["code"] for w in json.loads(out)["warnings"]]
                if "same-cgroup" not in codes:
                    raise Failed(f"the headroom was not told: {codes}")
                popen.stdin.write("\n")
                if not popen.stdout.readline():
                    raise Failed(f"the target is gone: {popen.wait(10)}")
            finally:
                popen.kill()
                popen.wait()
                popen.stdin.close()
                popen.stdout.close()


# What cannot be looked at.

def refused(tool, pid, code, text, **more):
    got, _, err = tool.call("heaps", pid, **more)
    if got != code or text not in err:
        raise Failed(f"exit {got} (wanted {code}), {text!r} is not in: {err[-300:]}")


def zombie(tool):
    process = subprocess.Popen(["true"])
    time.sleep(0.3)
    refused(tool, process.pid, 3, "is a zombie")
    process.wait()


def gone(tool):
    process = subprocess.Popen(["true"])
    process.wait()
    refused(tool, process.pid, 3, "no such process")


def kernel_thread(tool):
    if not pathlib.Path("/proc/2/comm").exists() or "kthreadd" not in pathlib.Path(
            "/proc/2/comm").read_text():
        raise Skip("kernel threads are not visible here")
    refused(tool, 2, 3, "is a kernel thread")


def a_thread(tool, build):
    with Busy(build) as busy:
        tids = [int(t) for t in os.listdir(f"/proc/{busy.pid}/task")]
        refused(tool, max(tids), 3, f"is a thread of process {busy.pid}")
        busy.finish()


def other_user(tool, build):
    if os.geteuid() or not shutil.which("setpriv"):
        raise Skip("not root, or no setpriv")
    with Busy(build) as busy, tempfile.TemporaryDirectory() as work:
        # A user that could not even reach the build directory gets a copy.
        os.chmod(work, 0o755)
        shutil.copy(tool.program, work)
        done = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all",
             f"{work}/heapwalk", "maps", str(busy.pid), "--plugin-dir", work],
            capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 4 or "owned by uid 0" not in done.stderr:
            raise Failed(f"exit {done.returncode}: {done.stderr[-300:]}")
        busy.finish()


def lacks_capability(tool, build):
    if os.geteuid() or not shutil.which("setpriv"):
        raise Skip("not root, or no setpriv")
    with Busy(build) as busy:
        done = subprocess.run(
            ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all", tool.program, "maps",
             str(busy.pid)], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            raise Skip("root without CAP_SYS_PTRACE may trace root here")
        if done.returncode != 4 or "CAP_SYS_PTRACE" not in done.stderr:
            raise Failed(f"exit {done.returncode}: {done.stderr[-300:]}")
        busy.finish()


def traced(tool, build):
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    with Busy(build) as busy:
        gdb = subprocess.Popen(["gdb", "--nx", "-q", "-iex", "set debuginfod enabled off", "-p",
                                str(busy.pid)], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 30
            while status(busy.pid)["TracerPid"].strip() == "0":
                if time.monotonic() > end:
                    raise Skip("gdb could not attach")
                time.sleep(0.05)
            refused(tool, busy.pid, 4, f"is traced by process {gdb.pid}")
            if not tool.json("maps", busy.pid, "--mode", "nostop")["data"]["mappings"]:
                raise Failed("nostop gave nothing")
        finally:
            gdb.kill()
            gdb.wait()
            gdb.stdin.close()
            os.kill(busy.pid, signal.SIGCONT)  # gdb may have died between its SIGSTOP and its report.
        busy.works()
        busy.finish()


def late(tool, build):
    """A budget that is too small: incomplete, with how much, and the process goes on."""
    with Busy(build, "--mib", "400", "--threads", "1") as busy:
        answer = tool.json("heaps", busy.pid, "--max-stop", "2ms")
        codes = [w["code"] for w in answer["warnings"]]
        if answer["complete"] or "stop-budget" not in codes:
            raise Failed(f"complete {answer['complete']}, {codes}")
        if answer["target"]["stopped_ns"] > 200e6:
            raise Failed(f"stopped {answer['target']['stopped_ns']} ns")
        for mode in ("budget", "stop"):
            # The best of a few: on a busy machine a millisecond may pass before anything is done.
            least = min(late_stop(tool, busy, mode) for _ in range(8))
            if least > 6e6:
                raise Failed(f"--mode {mode} --max-stop 1ms: stopped {least / 1e6:.1f} ms at least")
        busy.works()
        busy.finish()


def late_stop(tool, busy, mode):
    """How long a stop of at most a millisecond was, in ns: nothing is done in so little."""
    answer = tool.json("heaps", busy.pid, "--max-stop", "1ms", "--mode", mode)
    if answer["complete"] or "stop-budget" not in [w["code"] for w in answer["warnings"]]:
        raise Failed(f"--mode {mode} --max-stop 1ms: {answer['warnings'][:2]}")
    return answer["target"]["stopped_ns"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()
    build = args.build.resolve()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    random.seed(int(os.environ.get("HW_SEED", time.time())))
    tool, score = Tool(build), Score()
    count = 100 if args.long else 8
    work = pathlib.Path(tempfile.mkdtemp(prefix="live-"))
    heaps = [build / "fixtures" / "heaps", "--threads", "3", "--blocks", "2000"]
    try:
        same(tool, build, work, heaps, score, "heaps")
        same(tool, build, work, [build / "fixtures" / "leaks"], score, "leaks")
        same_go(tool, build, work, score)
        for mode in MODES:
            score.check(f"harm {mode}", lambda m=mode: attach(tool, build, m, count))
        score.check("harm storm", lambda: attach(tool, build, "budget", count, "--storm"))
        score.check("harm signals", lambda: attach(tool, build, "stop", count, "--signals"))
        score.check("killed", lambda: killed(tool, build, count))
        score.check("stopped target", lambda: stopped_target(tool, build))
        score.check("exec and exit", lambda: coming_and_going(tool, count))
        score.check("late", lambda: late(tool, build))
        score.check("rss heaps", lambda: rss_identity(tool, heaps, work))
        score.check("snapshot in gdb", lambda: opened_by_gdb(tool, build, work))
        score.check("snapshot without content", lambda: no_secrets(tool, build, work))
        score.check("page cache", lambda: page_cache(tool, build, work))
        score.check("near limit", lambda: near_limit(tool, build, 20 if args.long else 2))
        score.check("refuse zombie", lambda: zombie(tool))
        score.check("refuse gone", lambda: gone(tool))
        score.check("refuse kernel thread", lambda: kernel_thread(tool))
        score.check("refuse thread", lambda: a_thread(tool, build))
        score.check("refuse other user", lambda: other_user(tool, build))
        score.check("refuse capability", lambda: lacks_capability(tool, build))
        score.check("refuse traced", lambda: traced(tool, build))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(score.summary("live"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
