#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment of the long loops over references, and the progress line.

    interrupt.py BUILD

A heap of many blocks is asked everything about references; SIGINT arrives at random
moments. It must end soon, with status 130, one line, nothing on stdout and no file left. On a
terminal the line shows bytes and the time left, past the first second only, and is wiped.
Last line: `interrupt: N passed, N failed, N skipped`."""

import os
import pathlib
import pty
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

BLOCKS = 400000
TRIES = 4
SOON = 3.0  # Seconds; a loaded machine needs some of them.
# Seconds: the first line comes a second after the start, the next ones 0.1 s apart.
PAST_FIRST, PAST_NEXT = 1.1, 0.12
SLICES = (0.02, 0.01, 0.005, 0.002)
COMMANDS = [["leaks"], ["roots"], ["tree"], ["pins"], ["threads"], ["why", "--size", ">64"],
            ["top", "--by", "size", "--retained"], ["leaks", "--format", "csv", "-o", "out"]]


def make_core(build, where):
    def unlimit():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    subprocess.run([build / "tests/bench/graphs", "b", str(BLOCKS)], cwd=where,
                   preexec_fn=unlimit, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False, timeout=60)
    return next(iter(where.glob("core*")), None)


class Test:
    def __init__(self, build, core, where):
        self.tool, self.core, self.where = str(build / "heapwalk"), str(core), where
        self.files = sorted(os.listdir(where))
        self.passed = self.failed = 0

    def say(self, name, faults):
        self.failed += bool(faults)
        self.passed += not faults
        print(f"not ok {name}: {'; '.join(faults[:4])}" if faults else f"ok {name}", flush=True)

    def start(self, args, **more):
        return subprocess.Popen([self.tool, *args[:1], self.core, *args[1:]], cwd=self.where,
                                env={**os.environ, "TMPDIR": str(self.where)}, **more)

    def interrupt(self, args, delay):
        """What is wrong, and whether the signal came in time."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.start(args, **pipes) as process:
            try:
                out, err = process.communicate(timeout=delay)
                return [], False  # It was done before.
            except subprocess.TimeoutExpired:
                pass
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                return [f"still there 60 s after SIGINT at {delay:.3f} s"], True
            took = time.monotonic() - began
        faults = []
        if process.returncode == 0:  # It was on its way out; the answer is whole.
            return [], False
        if process.returncode != 130 or out or err.count(b"\n") != 1 or b"interrupted" not in err:
            # A signal before main() has the default action: no harm done.
            if process.returncode != -signal.SIGINT or out or err or delay > 0.1:
                faults.append(f"at {delay:.3f} s: exit {process.returncode}, {len(out)} bytes on "
                              f"stdout, says {err[-200:]!r}")
        if took > SOON:
            faults.append(f"at {delay:.3f} s: took {took:.1f} s to end")
        left = set(os.listdir(self.where)) - set(self.files)
        if left:
            faults.append(f"left behind: {left}")
        return faults, True

    def command(self, args, rng):
        began = time.monotonic()
        with self.start(args, stdout=subprocess.DEVNULL) as process:
            process.wait(timeout=120)
        length = time.monotonic() - began
        (self.where / "out").unlink(missing_ok=True)
        faults, hits = [], 0
        for _ in range(TRIES):
            wrong, is_hit = self.interrupt(args, rng.uniform(0.02, length * 0.9))
            faults += wrong
            hits += is_hit
            (self.where / "out").unlink(missing_ok=True)
        if not hits:
            faults.append("no signal came in time")
        self.say(f"SIGINT {' '.join(args)} ({hits} of {TRIES} in time)", faults)

    def on_terminal(self, slice_s):
        """All it wrote to a terminal. It runs for a slice at a time and is stopped in between,
        long enough for the next line to be due: no phase longer than a slice goes unseen."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"})
            os.execv(self.tool, [self.tool, "roots", self.core])
        os.set_blocking(fd, False)
        out, is_first = b"", True
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            try:
                out += os.read(fd, 65536)
            except OSError: # Nothing new, or it is at its end.
                pass
            time.sleep(slice_s)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(PAST_FIRST if is_first else PAST_NEXT)
            os.kill(pid, signal.SIGCONT)
            is_first = False
        try:
            while piece := os.read(fd, 65536):
                out += piece
        except OSError:
            pass
        os.close(fd)
        return out.decode(errors="replace")

    def progress(self):
        with self.start(["roots"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            err = process.communicate(timeout=120)[1]
        faults = [f"no terminal, and yet {err!r}"] if b"\033" in err or b"\r" in err else []
        wanted = {"bytes": r"\[[#.]{10}\] +\d+ %  [0-9.]+ [KMG]iB of [0-9.]+ [KMG]iB",
                  "time left": r"\[[#.]{10}\] .*, \d+ (s|min) left"}
        for slice_s in SLICES:
            *lines, rest = self.on_terminal(slice_s).split("\r\033[K")
            if any(word in rest for word in (" left", "[##", "[..")):
                faults.append(f"the line is not wiped: {rest[:80]!r}")
            wanted = {k: v for k, v in wanted.items()
                      if not any(re.search(v, line) for line in lines)}
            if not wanted:
                break
        faults += [f"no line shows {what}" for what in wanted]
        self.say("progress", faults)


def main():
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    build = pathlib.Path(sys.argv[1]).resolve()
    rng = random.Random(4)
    if not (build / "tests/bench/graphs").exists():
        print("skip  tests/bench/graphs is not built\ninterrupt: 0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="interrupt-") as name:
        where = pathlib.Path(name)
        core = make_core(build, where)
        if not core:
            pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
            print(f"skip  no kernel core here: core_pattern is '{pattern}'\n"
                  "interrupt: 0 passed, 0 failed, 1 skipped")
            return 0
        test = Test(build, core, where)
        for args in COMMANDS:
            test.command(args, rng)
        test.progress()
    print(f"interrupt: {test.passed} passed, {test.failed} failed, 0 skipped")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
