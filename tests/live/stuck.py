# SPDX-License-Identifier: Apache-2.0
"""A thread that does not stop: the others do not stand still for it."""

import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

from common import Busy, status
from dump import Failed
from harm import BUDGET, SLACK, queued


class Watch:
    """The longest time, in ns, that a thread of a process was seen to be held by a tracer."""

    def __init__(self, pid):
        self.tasks = pathlib.Path(f"/proc/{pid}/task")
        self.longest, self.is_over = 0, False
        self.thread = threading.Thread(target=self.run)

    def held(self):
        for stat in self.tasks.glob("*/stat"):
            try:
                if stat.read_text().rsplit(")", 1)[1].split()[0] == "t":
                    yield stat.parent.name
            except OSError:
                pass  # It has ended.

    def run(self):
        since = {}
        while not self.is_over:
            now = time.monotonic_ns()
            since = {tid: since.get(tid, now) for tid in self.held()}
            self.longest = max([self.longest, *(now - began for began in since.values())])
            time.sleep(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.is_over = True
        self.thread.join()


class Burners:
    """The machine is busy: as many loops as `each` for every processor."""

    def __init__(self, each):
        self.all = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                    for _ in range(each * os.cpu_count())]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for process in self.all:
            process.kill()
            process.wait()


def look(tool, busy, mode):
    """Exit status, answer or error, and how much longer than the budget a thread was held, or felt
    to be, beside what it waited for a processor itself."""
    busy.ask()
    first = queued(busy.pid)
    with Watch(busy.pid) as watch:
        code, out, err = tool.call("heaps", busy.pid, "--mode", mode, "--json", "--max-stop", "250ms")
    gap = busy.ask()[0]
    waits = [w - first.get(tid, w) for tid, w in queued(busy.pid).items()]
    if list(Watch(busy.pid).held()) or status(busy.pid)["TracerPid"].strip() != "0":
        raise Failed("still traced")
    busy.works()
    return code, out if not code else err, gap - BUDGET - max(waits, default=0), watch.longest - BUDGET


def short_children(tool, build, count):
    """A thread is in vfork() nearly all the time, for longer than anybody may be held."""
    beyond = []
    with Busy(build, "--threads", "1", "--vfork", "400") as busy:
        for i in range(count):
            code, text, gap, held = look(tool, busy, "stop" if i % 2 else "budget")
            if code:
                raise Failed(f"exit {code}: {text[-300:]}")
            if not json.loads(text)["complete"]:
                raise Failed(f"incomplete: {json.loads(text)['warnings'][:2]}")
            beyond.append(max(gap, held))
        busy.finish()
    if max(beyond) > SLACK:
        raise Failed(f"held {[int(b / 1e6) for b in beyond]} ms longer than the budget")
    return f"{count} times"


def long_child(tool, build):
    """It does not end: that is said, and the others were not held for it."""
    with Busy(build, "--threads", "1", "--vfork", "100000") as busy:
        for mode in ("budget", "stop"):
            began = time.monotonic()
            code, text, gap, held = look(tool, busy, mode)
            if time.monotonic() - began > 10:
                raise Failed(f"{mode}: {time.monotonic() - began:.1f} s")
            said = re.search(r"thread (\d+) of process \d+ \(busy\) is in uninterruptible sleep "
                             r"\(state D, in (\S+)\)", text if code else "")
            if code != 3 or not said:
                raise Failed(f"{mode}: exit {code}: {text[-300:]}")
            task = pathlib.Path(f"/proc/{busy.pid}/task/{said[1]}")
            if ") D " not in (task / "stat").read_text():
                raise Failed(f"{mode}: thread {said[1]} is another one")
            where = (task / "wchan").read_text()
            if where not in ("", "0", said[2]):
                raise Failed(f"{mode}: in {where}, said {said[2]}")
            # A part of the budget: after that it is clear that it will not stop soon.
            if max(gap, held) + BUDGET > BUDGET / 2:
                raise Failed(f"{mode}: held {max(gap, held) / 1e6 + 250:.0f} ms")
        busy.finish()


def no_processor(tool, build, count):
    """A thread that could run, but gets no processor."""
    seen, beyond = [], []
    with Busy(build, "--threads", "1", "--idle") as busy, Burners(2):
        for i in range(count):
            code, text, _, held = look(tool, busy, "stop" if i % 2 else "budget")
            if code not in (0, 3) or (code and "did not stop" not in text):
                raise Failed(f"exit {code}: {text[-300:]}")
            seen.append(code)
            # What heapwalk itself waits for a processor is the machine's.
            beyond.append(held - (0 if code else json.loads(text)["target"]["waited_ns"]))
    if max(beyond) > SLACK:
        raise Failed(f"held {[int(b / 1e6) for b in beyond]} ms longer than the budget")
    return f"{seen.count(0)} answers of {count}"


def storm(tool, build, count):
    """Threads come and go while others use the processors."""
    beyond, complete = [], 0
    with Busy(build, "--storm", "--threads", "1") as busy, Burners(2):
        for i in range(count):
            code, text, _, held = look(tool, busy, "stop" if i % 2 else "budget")
            if code:
                raise Failed(f"exit {code}: {text[-300:]}")
            answer = json.loads(text)
            complete += answer["complete"]
            beyond.append(held - answer["target"]["waited_ns"])
        busy.finish()
    if sorted(beyond)[(count - 1) // 2] > SLACK:
        raise Failed(f"held {[int(b / 1e6) for b in sorted(beyond)]} ms longer than the budget")
    return f"{complete} complete of {count}"


def checks(score, tool, build, count):
    score.check("stuck in vfork, for a while", short_children, tool, build, count)
    score.check("stuck in vfork", long_child, tool, build)
    score.check("stuck without a processor", no_processor, tool, build, count + 4)
    score.check("stuck in a storm", storm, tool, build, count)
