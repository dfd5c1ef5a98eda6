# SPDX-License-Identifier: Apache-2.0
"""No harm: the target goes on, whatever heapwalk does or is done to."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

from common import Busy, MODES, status, traces
from dump import Failed, Skip, patience
import gobuild


def go_load(build):
    gos = gobuild.own()
    if not gos:
        raise Skip("there is no go command here")
    return gos[-1].build(build, "load", "normal")


BUDGET, SLACK = 250e6, 20e6


def on_time(mode, answer, gap, theirs):
    """A stop within the budget, and no longer for the target than told; what heapwalk itself waited
    for a processor, or a thread that had to stop did, is the machine's."""
    stopped, waited = answer["target"]["stopped_ns"], answer["target"]["waited_ns"]
    if mode == "budget" and stopped > BUDGET + waited + theirs + SLACK:
        raise Failed(f"stopped {stopped / 1e6:.0f} ms, {waited / 1e6:.0f} of them without a processor")
    if mode == "nostop" and (stopped or answer["complete"]):
        raise Failed(f"nostop: stopped {stopped} ns, complete {answer['complete']}")
    if mode != "nostop" and not stopped:
        raise Failed("no stop")
    return gap - stopped


def queued(pid):
    """How long each thread has waited for a processor, in ns."""
    waits = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            waits[task.name] = int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError):
            pass  # It has ended.
    return waits


def attach(tool, build, mode, count, *args, program=None):
    with Busy(build, *args, program=program) as busy:
        while busy.ask()[3] < 3:  # What it opens for its first children stays open.
            time.sleep(0.05)
        before, stops, beyond = traces(busy.pid), [], []
        for i in range(count):
            time.sleep(0.05)
            busy.ask()
            first = queued(busy.pid)
            answer = tool.json("heaps" if i % 2 else "leaks", busy.pid, "--mode", mode)
            gap = busy.ask()[0]
            stops.append(answer["target"]["stopped_ns"])
            # The target waits for a processor, too.
            waits = [w - first.get(tid, w) for tid, w in queued(busy.pid).items()]
            theirs = max(waits, default=0)
            beyond.append(on_time(mode, answer, gap, theirs) - theirs)
            busy.works()
            end = time.monotonic() + patience(5)
            while (after := traces(busy.pid))["fds"] > before["fds"] or after["tracer"] != "0":
                if after["tracer"] != "0" or time.monotonic() > end:
                    raise Failed(f"before {before}, after {after}, gap {gap}")
                time.sleep(0.01)
        busy.finish()
    # Half of them at least: a gap may be the machine's any time.
    if mode != "nostop" and sorted(beyond)[(count - 1) // 2] > SLACK:
        raise Failed(f"the target's gaps were {[int(b / 1e6) for b in sorted(beyond)]} ms longer "
                     "than the stops and its own waits for a processor")
    return f"{count} times, {max(stops) / 1e6:.0f} ms at most"


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
            process.communicate(timeout=patience(60))
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
        ended = process.wait(patience(120))
        if ended:
            raise Failed(f"the target ended with {ended}")
        if code not in (0, 3):
            raise Failed(f"exit {code}: {err[-200:]}")


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


def checks(score, tool, build, count):
    for mode in MODES:
        score.check(f"harm {mode}", attach, tool, build, mode, count)
        score.check(f"harm {mode} go",
                    lambda m=mode: attach(tool, build, m, count, program=go_load(build)))
    score.check("harm storm", attach, tool, build, "budget", count, "--storm")
    score.check("harm storm, stop", attach, tool, build, "stop", count, "--storm")
    score.check("harm signals", attach, tool, build, "stop", count, "--signals")
    score.check("harm killed", killed, tool, build, count)
    score.check("harm stopped target", stopped_target, tool, build)
    score.check("harm exec and exit", coming_and_going, tool, count)
    score.check("harm late", late, tool, build)
