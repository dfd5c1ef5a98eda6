# SPDX-License-Identifier: Apache-2.0
"""Starts a program, waits until it stands still, and dumps it: by gcore (gdb) while it lives,
then by the kernel, with SIGABRT. All children are killed when the program leaves."""

import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import time

# The one place where time limits of tests are stretched: HW_TEST_SLOW is the factor for a machine
# that is slow as a whole (one of software, tests/vm/run.sh).
SLOW = float(os.environ.get("HW_TEST_SLOW", "1"))


def patience(seconds):
    """How long to wait for what takes so long, at most, on an ordinary machine."""
    return seconds * SLOW


CORE_PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern")


class Skip(Exception):
    """Something this machine does not have; the reason is shown."""


class Failed(Exception):
    """A check did not hold."""


def need_kernel_cores():
    """Kernel cores must land in the working directory of the dying process."""
    pattern = CORE_PATTERN.read_text().strip()
    if pattern.startswith("|") or "/" in pattern or "%" in pattern.replace("%p", ""):
        raise Skip(f"kernel cores do not go to the working directory: core_pattern is '{pattern}'")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0 and os.geteuid() != 0:
        raise Skip("kernel cores are off: the hard limit of core size is 0")


def need_gcore():
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")


def allow_cores():
    """In the child, before exec: the largest core size it may have."""
    hard = resource.RLIM_INFINITY if os.geteuid() == 0 else resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


class Process:
    """A child in a session of its own; use as a context manager."""

    def __init__(self, argv, cwd, env=None, ready=None, timeout=60, user=None, stdin=None):
        """Waits for the line `ready` on its stdout (None: does not wait)."""
        self.cwd = pathlib.Path(cwd)
        if user:
            argv = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *argv]
        with open(self.cwd / "stderr.txt", "ab") as errors:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], cwd=cwd, env={**os.environ, **(env or {})},
                stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True, preexec_fn=allow_cores)
        self.pid = self.popen.pid
        self.lines = []
        try:
            if ready:
                self.wait_for(ready, timeout)
        except BaseException:
            self.kill()
            raise

    def wait_for(self, line, timeout):
        end = time.monotonic() + patience(timeout)
        pending = b""
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.popen.stdout], [], [], left)[0]:
                raise Failed(f"{self.popen.args[0]}: not ready within {timeout} s")
            data = os.read(self.popen.stdout.fileno(), 65536)
            if not data:
                raise Failed(f"{self.popen.args[0]} ended before it was ready: {self.errors()}")
            *whole, pending = (pending + data).split(b"\n")
            for text in whole:
                self.lines.append(text.decode(errors="replace"))
                if self.lines[-1].strip() == line:
                    return

    def errors(self):
        text = (self.cwd / "stderr.txt").read_text(errors="replace").strip()
        return " | ".join(text[-300:].splitlines()) or "nothing on stderr"

    def abort(self, timeout=120):
        """SIGABRT, and the path of the kernel's core."""
        return kernel_core(self.pid, self.cwd, lambda: self.popen.wait(patience(timeout)))

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if self.popen.stdout:
            self.popen.stdout.close()
        self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()


def copy_binaries(pid, root):
    """A tree with the ELF files that a process has mapped and nothing else: as --sysroot, it
    is a machine without debug packages, whatever this one has."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        path = pathlib.Path(line.split(None, 5)[5]) if len(line.split(None, 5)) > 5 else None
        if not path or not path.is_absolute() or not path.is_file():
            continue
        copy = root / path.relative_to("/")
        with open(path, "rb") as file:
            if not copy.exists() and file.read(4) == b"\x7fELF":
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


def gcore(pid, path, timeout=300):
    """gdb's core of a living process, in the place of what is at path. gdb reads no settings and asks no network."""
    need_gcore()
    pathlib.Path(path).unlink(missing_ok=True)
    env = {k: v for k, v in os.environ.items() if k != "DEBUGINFOD_URLS"}
    done = subprocess.run(
        ["gdb", "--nx", "--batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
         "-ex", f"gcore {path}", "-ex", "detach", "-p", str(pid)],
        env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience(timeout), check=False)
    if not os.path.exists(path):
        text = done.stderr.decode(errors="replace").strip()
        if "ptrace" in text and "not permitted" in text:
            raise Skip(f"gdb may not attach: {text[-160:]}")
        raise Failed(f"gcore made no file: {text[-300:]}")
    return pathlib.Path(path)


def kernel_core(pid, cwd, wait=None, timeout=120):
    """Aborts a process and finds the core in its working directory."""
    need_kernel_cores()
    names = [pathlib.Path(cwd) / "core", pathlib.Path(cwd) / f"core.{pid}"]
    for name in names:
        name.unlink(missing_ok=True)
    os.kill(pid, signal.SIGABRT)
    if wait:
        wait()
    else:
        end = time.monotonic() + patience(timeout)
        while os.path.exists(f"/proc/{pid}") and not is_zombie(pid):
            if time.monotonic() > end:
                raise Failed(f"process {pid} did not die of SIGABRT")
            time.sleep(0.02)
    for name in names:
        if name.exists():
            return name
    raise Failed(f"the kernel wrote no core for process {pid} in {cwd}")


def is_zombie(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
