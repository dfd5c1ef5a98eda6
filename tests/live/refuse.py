# SPDX-License-Identifier: Apache-2.0
"""What cannot be looked at: the cause and the next step."""

import ctypes
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from common import Busy, Group, State, Unified, status
from dump import Failed, Skip, patience


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


def locked(tool, build):
    """An arena that stays locked is in flux; the other one is exact."""
    with State([build / "fixtures" / "states", "locked"]) as target:
        answers = [tool.json("heaps", target.pid, "--mode", mode) for mode in ("budget", "stop")]
    for answer in answers:
        if [w["code"] for w in answer["warnings"]] != ["arena-locked"] or answer["complete"]:
            raise Failed(f"complete {answer['complete']}, {answer['warnings']}")
        heap = answer["data"]["heaps"][0]
        seen = [(a["name"], a["in_flux"], a["confidence"]) for a in heap["arenas"]]
        if seen != [("main arena", True, "conservative"), ("arena 1", False, "exact")]:
            raise Failed(str(seen))
        if heap["confidence"] != "conservative":
            raise Failed(f"the heap is {heap['confidence']}")


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
            capture_output=True, text=True, timeout=patience(60), check=False)
        if done.returncode != 4 or "owned by uid 0" not in done.stderr:
            raise Failed(f"exit {done.returncode}: {done.stderr[-300:]}")
        busy.finish()


def lacks_capability(tool, build):
    if os.geteuid() or not shutil.which("setpriv"):
        raise Skip("not root, or no setpriv")
    with Busy(build) as busy:
        done = subprocess.run(
            ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all", tool.program, "maps",
             str(busy.pid)], capture_output=True, text=True, timeout=patience(60), check=False)
        if done.returncode == 0:
            raise Skip("root without CAP_SYS_PTRACE may trace root here")
        if done.returncode != 4 or "CAP_SYS_PTRACE" not in done.stderr:
            raise Failed(f"exit {done.returncode}: {done.stderr[-300:]}")
        busy.finish()


def more_capabilities(tool, build):
    """Of the same user, but with a capability that heapwalk lacks."""
    need("setpriv")
    with tempfile.TemporaryDirectory() as work:
        own = copied(tool, work)
        shutil.copy(build / "fixtures" / "states", work)
        more = ["setpriv", *NOBODY[1:-1], "--inh-caps", "-all,+net_raw", "--ambient-caps",
                "-all,+net_raw", f"{work}/states"]
        with State(more) as target:
            said([*NOBODY, *own, "maps", target.pid], 4, "has capabilities that heapwalk lacks (0x2000 ")


def traced(tool, build):
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    with Busy(build) as busy:
        gdb = subprocess.Popen(["gdb", "--nx", "-q", "-iex", "set debuginfod enabled off", "-p",
                                str(busy.pid)], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + patience(30)
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


def states(build, *args):
    return [build / "fixtures" / "states", *args]


def answers(tool, pid, *more):
    """A complete answer with blocks, in both modes that stop."""
    for mode in ("budget", "stop"):
        answer = tool.json("heaps", pid, "--mode", mode, "--max-stop", "5s", *more)
        if not answer["complete"] or answer["data"]["heaps"][0]["blocks"]["live"] < 2000:
            raise Failed(f"{mode}: {answer['warnings'][:2]}")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    if os.geteuid():
        raise Skip("not root")


def copied(tool, work):
    """heapwalk where another user can run it."""
    os.chmod(work, 0o755)
    shutil.copy(tool.program, work)
    return [f"{work}/heapwalk", "--plugin-dir", work]


NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]


def said(argv, code, text):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=patience(60),
                          check=False)
    if done.returncode != code or text not in done.stderr:
        raise Failed(f"exit {done.returncode} (wanted {code}), {text!r} is not in: {done.stderr[-300:]}")


def undumpable(tool, build):
    need("setpriv")
    with tempfile.TemporaryDirectory() as work:
        own = copied(tool, work)
        shutil.copy(build / "fixtures" / "states", work)
        with State([*NOBODY, f"{work}/states", "undumpable"]) as target:
            said([*NOBODY, *own, "maps", target.pid], 4, "is not dumpable")
            answers(tool, target.pid)  # Root may.


def uninterruptible(tool, build):
    with State(states(build, "vfork")) as target:
        refused(tool, target.pid, 3, "is in uninterruptible sleep")
        if tool.json("maps", target.pid, "--mode", "nostop")["target"]["stopped_ns"]:
            raise Failed("nostop stopped it")
        if status(target.pid)["TracerPid"].strip() != "0":
            raise Failed("it is still traced")


def frozen(tool, build):
    with Group(pathlib.Path("/sys/fs/cgroup/freezer"), "version 1 freezer") as group, \
            State(states(build)) as target:
        group.write("cgroup.procs", target.pid)
        group.write("freezer.state", "FROZEN")
        try:
            time.sleep(0.2)
            refused(tool, target.pid, 3, "is frozen by its cgroup")
            answer = tool.json("heaps", target.pid, "--mode", "nostop")
            if answer["data"]["heaps"][0]["blocks"]["live"] < 2000:
                raise Failed("nostop gave no blocks")
        finally:
            group.write("freezer.state", "THAWED")
        answers(tool, target.pid)


def filtered_target(tool, build):
    """Nothing is done in the target's name that its filter could kill it for."""
    with State(states(build, "seccomp")) as target:
        if status(target.pid)["Seccomp"].strip() != "2":
            raise Skip("no seccomp filters here")
        answers(tool, target.pid)
        tool.run("leaks", target.pid)
        if target.popen.poll() is not None:
            raise Failed(f"the target is gone: {target.popen.returncode}")


def deny_ptrace():
    """In a child, before exec: ptrace() says EPERM, as a container's filter does."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("HBBI", *i) for i in (
        (0x20, 0, 0, 0), (0x15, 0, 1, 101), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
        os._exit(99)


def frozen_v2(tool, build):
    """Version 2 freezes threads where they can be traced: they are read, and stay frozen."""
    with Unified() as group, State(states(build)) as target:
        group.write("cgroup.procs", target.pid)
        group.write("cgroup.freeze", 1)
        try:
            time.sleep(0.2)
            answers(tool, target.pid)
            if "frozen 1" not in (group.dir / "cgroup.events").read_text():
                raise Failed("it is not frozen any more")
            if status(target.pid)["TracerPid"].strip() != "0":
                raise Failed("it is still traced")
        finally:
            group.write("cgroup.freeze", 0)
        answers(tool, target.pid)
        (group.dir.parent / "cgroup.procs").write_text(str(target.pid))


def filtered(tool, build):
    """heapwalk itself under a filter that refuses ptrace()."""
    with State(states(build)) as target:
        code, _, err = tool.call("heaps", target.pid, preexec_fn=deny_ptrace)
        if code == 99:
            raise Skip("no seccomp filters here")
        if code != 4 or "seccomp filter" not in err:
            raise Failed(f"exit {code}: {err[-300:]}")


def yama(tool, build):
    """Each level of ptrace_scope: a made-up file where the kernel has none, and a refusal."""
    need("setpriv", "unshare", "mount")
    for scope, text in ((1, "own children only"), (2, "only with CAP_SYS_PTRACE"),
                        (3, "until the next boot")):
        with tempfile.TemporaryDirectory() as work:
            own = copied(tool, work)
            shutil.copy(build / "fixtures" / "states", work)
            with State([*NOBODY, f"{work}/states"]) as target:
                script = "mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama && " \
                         f"echo {scope} > /proc/sys/kernel/yama/ptrace_scope && exec \"$@\""
                done = subprocess.run(
                    ["unshare", "-m", "sh", "-c", script, "sh", *NOBODY, *own, "maps", str(target.pid)],
                    capture_output=True, text=True, timeout=patience(60), check=False,
                    preexec_fn=deny_ptrace)
                if "mount:" in done.stderr or "unshare:" in done.stderr:
                    raise Skip(f"no mount namespace here: {done.stderr[-100:]}")
                if done.returncode != 4 or text not in done.stderr:
                    raise Failed(f"level {scope}: exit {done.returncode}: {done.stderr[-300:]}")


def user_namespace(tool, build):
    need("unshare")
    with State(["unshare", "-Ur", *states(build)]) as target:
        answers(tool, target.pid)  # Root outside may.
    with State(states(build)) as target:
        done = subprocess.run(["unshare", "-Ur", tool.program, "maps", str(target.pid)],
                              capture_output=True, text=True, timeout=patience(60), check=False)
        if "unshare:" in done.stderr:
            raise Skip(f"no user namespaces here: {done.stderr[-100:]}")
        if done.returncode != 4 or "in another user namespace" not in done.stderr:
            raise Failed(f"exit {done.returncode}: {done.stderr[-300:]}")


def pid_namespace(tool, build):
    """From outside by the number outside; the other number is no process, and that is said."""
    need("unshare")
    with State(["unshare", "-pf", "--mount-proc", "--kill-child", *states(build)]) as outer:
        inner = pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        answers(tool, int(inner[0]))
        if status(int(inner[0]))["NSpid"].split()[-1] != "1":
            raise Failed("no pid namespace was made")
        said(["unshare", "-pf", "--mount-proc", "--kill-child", tool.program, "maps", inner[0]], 3,
             "NSpid")


def tiny_32bit():
    """An ELF of 32 bits that prints READY and sleeps: write(1, …), then pause() for ever."""
    code = bytes.fromhex("b804000000bb01000000b9") + struct.pack("<I", 0x8048000 + 84 + 40) + \
        bytes.fromhex("ba06000000cd80" "b81d000000cd80" "ebf7")
    body = code.ljust(40, b"\x90") + b"READY\n"
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIIIIIHHHHHH", 2, 3, 1, 0x8048000 + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return header + struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0x8048000, 84 + len(body),
                                84 + len(body), 5, 4096) + body


def short_process(tool):
    with tempfile.TemporaryDirectory() as work:
        program = pathlib.Path(work) / "tiny"
        program.write_bytes(tiny_32bit())
        program.chmod(0o755)
        try:
            target = State([program])
        except OSError as e:
            raise Skip(f"the kernel runs no 32-bit programs: {e}") from None
        with target:
            refused(tool, target.pid, 5, "is a 32-bit process")


def checks(score, tool, build):
    score.check("refuse nothing, arena locked", locked, tool, build)
    score.check("refuse zombie", zombie, tool)
    score.check("refuse gone", gone, tool)
    score.check("refuse kernel thread", kernel_thread, tool)
    score.check("refuse thread", a_thread, tool, build)
    score.check("refuse other user", other_user, tool, build)
    score.check("refuse capability", lacks_capability, tool, build)
    score.check("refuse more capabilities", more_capabilities, tool, build)
    score.check("refuse traced", traced, tool, build)
    score.check("refuse undumpable", undumpable, tool, build)
    score.check("refuse uninterruptible", uninterruptible, tool, build)
    score.check("refuse frozen", frozen, tool, build)
    score.check("refuse nothing, frozen by cgroup v2", frozen_v2, tool, build)
    score.check("refuse filtered", filtered, tool, build)
    score.check("refuse yama", yama, tool, build)
    score.check("refuse user namespace", user_namespace, tool, build)
    score.check("refuse pid namespace", pid_namespace, tool, build)
    score.check("refuse 32-bit", short_process, tool)
    score.check("filtered target", filtered_target, tool, build)
