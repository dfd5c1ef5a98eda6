# SPDX-License-Identifier: Apache-2.0
"""What the golden suites share: the program under test, cores, checks, and how tests are run.

Cores are made here, by the kernel where core_pattern allows it, else by gcore. One line a
test: ok, not ok or skip with the reason; the last line counts them."""

import fcntl
import functools
import glob
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = """
import os, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
kept = [bytes(i % 4000) for i in range(20000)]
kept = kept[::3]
os.abort()
"""


class Skip(Exception):
    pass


class Heapwalk:
    def __init__(self, path):
        self.path = str(pathlib.Path(path).resolve())

    def run(self, *args, **more):
        """Raw bytes out and err, in a pipe; UTF-8 locale."""
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LC_ALL")}
        env["LC_ALL"] = more.pop("locale", "C.UTF-8")
        return subprocess.run([self.path, *args], capture_output=True, timeout=120, env=env, **more)

    def text(self, *args, code=0, **more):
        done = self.run(*args, **more)
        check(done.returncode == code, f"{args}: exit {done.returncode}, not {code}: "
              f"{done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def json(self, *args, **more):
        return json.loads(self.text(*args, "--json", **more))

    def fails(self, code, *args, says="", **more):
        """Exit status, nothing on stdout, one `heapwalk: ` line and at most a hint."""
        done = self.run(*args, **more)
        err = done.stderr.decode()
        check(done.returncode == code, f"{args}: exit {done.returncode}, not {code}: {err}")
        check(done.stdout == b"", f"{args}: {done.stdout[:80]} on stdout")
        lines = err.splitlines()
        check(lines and lines[0].startswith("heapwalk: "), f"{args}: says {err!r}")
        check(len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("  hint: ")),
              f"{args}: says {err!r}")
        check(says in err, f"{args}: says {err!r}, not {says!r}")
        return err

    def terminal(self, *args, columns=80, env=None):
        """What it writes to a terminal of that width."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
            os.execv(self.path, [self.path, *args])
        out = b""
        while True:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        os.waitpid(pid, 0)
        os.close(fd)
        return out.decode().replace("\r\n", "\n")


def check(holds, why):
    if not holds:
        raise AssertionError(why)


# Cores.

def allow_cores():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def kernel_core(argv, cwd, executable, stop):
    """Lets it abort, or kills it; None when no core lands in cwd."""
    process = subprocess.Popen(argv, executable=executable, cwd=cwd, preexec_fn=allow_cores,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    if stop:
        time.sleep(0.3)
        process.send_signal(signal.SIGABRT)
    process.wait(60)
    found = glob.glob(glob.escape(str(cwd)) + "/core*")
    return found[0] if found else None


def gcore(argv, cwd, executable):
    if not shutil.which("gcore"):
        raise Skip("no core from the kernel here, and no gcore")
    process = subprocess.Popen(argv, executable=executable, cwd=cwd, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        subprocess.run(["gcore", "-o", f"{cwd}/core", str(process.pid)], capture_output=True,
                       timeout=120)
    finally:
        process.kill()
        process.wait()
    found = glob.glob(glob.escape(str(cwd)) + "/core.*")
    if not found:
        raise Skip("no core from the kernel here, and gcore failed")
    return found[0]


def make_core(directory, argv, executable=None, stop=True):
    directory.mkdir()
    path = kernel_core(argv, directory, executable, stop)
    if path:
        return path
    if not stop:  # It aborts by itself: let it sleep instead, for gcore.
        argv = [a.replace("os.abort()", "import time; time.sleep(60)") for a in argv]
    return gcore(argv, directory, executable)


class Cores:
    """Made on first use, kept for all tests; a failure is kept too."""

    def __init__(self, directory):
        self.directory = directory
        self.made = {}

    def get(self, name, make):
        if name not in self.made:
            try:
                self.made[name] = make()
            except Skip as skip:
                self.made[name] = skip
        if isinstance(self.made[name], Skip):
            raise self.made[name]
        return self.made[name]

    @property
    def python(self):
        return self.get("python", lambda: make_core(
            self.directory / "python", [sys.executable, "-c", PYTHON], stop=False))

    @property
    def sleep(self):
        return self.get("sleep", lambda: make_core(self.directory / "sleep", ["sleep", "60"]))

    @property
    def truncated(self):
        def make():
            path = self.directory / "truncated"
            size = os.path.getsize(self.python)
            with open(self.python, "rb") as core:
                path.write_bytes(core.read(size * 2 // 3))
            return str(path)
        return self.get("truncated", make)

    @property
    def hostile(self):
        """File names, command and arguments that try to reach the terminal."""
        def make():
            home = self.directory / "hostile"
            name = b"ev\x1b[31m\xff\n\x07l\xe2\x80\xae\xc2\x9b2J"
            program = os.path.join(os.fsencode(self.directory), name)
            shutil.copy(shutil.which("sleep"), program)
            core = make_core(home, [b"a\x1b]0;title\x07\xfe", b"60"], executable=program)
            path = os.path.join(os.fsencode(home), b"core\x1b[2J\xff\nx")
            os.rename(core, path)
            return path
        return self.get("hostile", make)


# Checks of many tests.

@functools.cache
def validator(name):
    try:
        import jsonschema
    except ImportError:
        raise Skip("python3-jsonschema is not installed") from None
    schema = json.loads((ROOT / "schemas" / f"{name}.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def validate(name, value):
    for error in validator(name).iter_errors(value):
        where = "/".join(str(p) for p in error.absolute_path)
        raise AssertionError(f"{name}: {where}: {error.message[:200]}")


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def check_harmless(what, data):
    text = data.decode()  # Valid UTF-8, or an exception.
    for c in text:
        n = ord(c)
        bad = (n < 0x20 and c != "\n") or 0x7f <= n < 0xa0 or 0x202a <= n <= 0x202e
        check(not bad, f"{what}: U+{n:04X} got out")


# Running them.

def run_test(name, test, hw, cores):
    label = name[5:].replace("_", "-")
    try:
        test(hw, cores)
        state, line = "ok", f"ok {label}"
    except Skip as skip:
        state, line = "skip", f"skip {label}: {skip}"
    except Exception as error:  # A broken test must not hide the others.
        state, line = "not ok", f"not ok {label}: {type(error).__name__}: {error}"
    print(line.encode("ascii", "backslashreplace").decode()[:1000], flush=True)
    return state


def run_tests(suite, names, cores_class):
    """All test_ functions of a module, by its globals(); sys.argv names the program."""
    if len(sys.argv) != 2:
        sys.exit(names["__doc__"])
    count = {"ok": 0, "not ok": 0, "skip": 0}
    with tempfile.TemporaryDirectory(prefix=f"heapwalk-{suite}-") as directory:
        hw, cores = Heapwalk(sys.argv[1]), cores_class(pathlib.Path(directory))
        for name, test in list(names.items()):
            if name.startswith("test_"):
                count[run_test(name, test, hw, cores)] += 1
    print(f"{suite}: {count['ok']} passed, {count['not ok']} failed, {count['skip']} skipped")
    return 1 if count["not ok"] else 0
