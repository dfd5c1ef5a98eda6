# SPDX-License-Identifier: Apache-2.0
"""What the tests of living processes share: heapwalk, programs under load, cgroups."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
# pylint: disable=wrong-import-position
from dump import Failed, Skip, patience

MODES = ("budget", "stop", "nostop")
MEMCG = pathlib.Path("/sys/fs/cgroup/memory")
MIB = 1 << 20
JEMALLOC = pathlib.Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")


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
        out, err = process.communicate(timeout=patience(120))
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


def traces(pid):
    """What somebody who looked might have left. fds: the least of a few looks, as a program may
    have some open for a moment."""
    return {
        "tracer": status(pid)["TracerPid"].strip(),
        "fds": min(len(os.listdir(f"/proc/{pid}/fd")) for _ in range(20)),
    }


class Busy:
    """fixtures/busy, or fixtures/go/load: checks itself and tells."""

    def __init__(self, build, *args, program=None, **more):
        self.popen = subprocess.Popen([program or build / "fixtures" / "busy", *args], text=True,
                                      bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      **more)
        self.pid = self.popen.pid
        if self.popen.stdout.readline() != "READY\n":
            raise Failed("busy: not ready")

    def ask(self):
        """gap_ns, errors, operations, children, signals; begins a new gap."""
        self.popen.stdin.write("\n")
        line = self.popen.stdout.readline()
        if not line:
            raise Failed(f"the target is gone: exit {self.popen.wait(patience(10))}")
        return [int(n) for n in line.split()]

    def works(self):
        """It goes on, without an error."""
        first = self.ask()
        time.sleep(0.02)
        last = self.ask()
        if first[1] or last[1]:
            raise Failed(f"the target found {last[1]} errors in its data")
        end = time.monotonic() + patience(10)
        while last[2] <= first[2]:
            if time.monotonic() > end:
                raise Failed("the target stands still")
            time.sleep(0.05)
            last = self.ask()

    def finish(self):
        """It ends by itself, content."""
        self.popen.stdin.close()
        code = self.popen.wait(patience(20))
        if code:
            raise Failed(f"the target ended with {code}")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()


class State:
    """fixtures/states in one of its states."""

    def __init__(self, argv, **more):
        self.popen = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, start_new_session=True, **more)
        self.pid = self.popen.pid
        if self.popen.stdout.readline() != b"READY\n":
            self.__exit__()
            raise Skip(f"{argv} did not come up here")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.popen.stdout.close()


class Group:
    """A cgroup of our own below top; None, or one where none can be made: skipped."""

    def __init__(self, top, what):
        if top is None or not top.is_dir():
            raise Skip(f"no {what} here")
        self.dir = top / f"heapwalk-{os.getpid()}-{time.monotonic_ns()}"
        try:
            self.dir.mkdir()
        except OSError as e:
            raise Skip(f"no cgroup can be made: {e}") from None

    def write(self, name, text):
        (self.dir / name).write_text(str(text))

    def enter(self):
        self.write("cgroup.procs", os.getpid())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for _ in range(100):
            try:
                self.dir.rmdir()
                return
            except OSError:
                time.sleep(0.05)


class Unified(Group):
    """A cgroup of version 2, with controllers; mounts it where it is not."""

    def __init__(self, *controllers):
        self.mounted = None
        top = next((pathlib.Path(line.split()[1]) for line in
                    pathlib.Path("/proc/mounts").read_text().splitlines()
                    if line.split()[2] == "cgroup2"), None)
        if not top:
            self.mounted = top = pathlib.Path(tempfile.mkdtemp(prefix="cgroup2-"))
            done = subprocess.run(["mount", "-t", "cgroup2", "none", top], capture_output=True,
                                  text=True, check=False)
            if done.returncode:
                top.rmdir()
                raise Skip(f"cgroup v2 cannot be mounted: {done.stderr.strip()[-100:]}")
        try:
            have = (top / "cgroup.controllers").read_text().split()
            for name in controllers:
                if name not in have:
                    raise Skip(f"{name} is not a controller of cgroup v2 here: it has {have}")
                (top / "cgroup.subtree_control").write_text(f"+{name}")
            super().__init__(top, "cgroup v2")
        except (OSError, Skip) as e:
            self.unmount()
            raise e if isinstance(e, Skip) else Skip(f"cgroup v2: {e}")

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", self.mounted], check=False)
            self.mounted.rmdir()

    def __exit__(self, *unused):
        super().__exit__()
        self.unmount()


class Version1(Group):
    """A memory cgroup of version 1."""

    def __init__(self, path, limit):
        super().__init__(MEMCG / path.lstrip("/"), "version 1 memory cgroup")
        if limit:
            self.write("memory.limit_in_bytes", limit)


class Version2(Unified):
    """A memory cgroup of version 2. At its limit nothing is swapped out: somebody is killed, and
    the rest of it, too."""

    def __init__(self, limit):
        super().__init__("memory")
        if limit:
            self.write("memory.max", limit)
            self.write("memory.oom.group", 1)
            if (self.dir / "memory.swap.max").exists():
                self.write("memory.swap.max", 0)


def memory_group(limit=None):
    """A memory cgroup of the version that this machine has."""
    own = [line.split(":", 2) for line in
           pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    path = next((p for _, names, p in own if "memory" in names.split(",")), None)
    return Version1(path, limit) if path else Version2(limit)


def can(score, name, need):
    """Whether a group of checks has what it needs; if not it is one that is skipped."""
    try:
        need()
        return True
    except Skip as e:
        reason = e

    def skip():
        raise reason
    return score.check(name, skip)
