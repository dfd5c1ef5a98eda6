# SPDX-License-Identifier: Apache-2.0
"""What cannot be looked at: the cause and the next step."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from common import Busy, status
from dump import Failed, Skip

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


def checks(score, tool, build):
    score.check("refuse zombie", zombie, tool)
    score.check("refuse gone", gone, tool)
    score.check("refuse kernel thread", kernel_thread, tool)
    score.check("refuse thread", a_thread, tool, build)
    score.check("refuse other user", other_user, tool, build)
    score.check("refuse capability", lacks_capability, tool, build)
    score.check("refuse traced", traced, tool, build)
