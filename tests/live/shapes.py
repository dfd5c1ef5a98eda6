# SPDX-License-Identifier: Apache-2.0
"""Processes of unusual shape are answered like any other."""

import subprocess
import sys
import time

from common import State, status
from dump import Failed


def states(build, *args):
    return [build / "fixtures" / "states", *args]


def mappings(tool, build, work):
    """Nothing takes the square of the mappings' number: minutes, while it stands still."""
    with State(states(build, "mappings")) as target:
        tool.run("snapshot", target.pid, "-o", work / "mappings.snap")
        for where in (target.pid, work / "mappings.snap"):
            data = tool.json("summary", where, *(("--mode", "stop") if where == target.pid else ()))
            if data["data"]["mapped"] < 30000 * 4096 or not data["complete"]:
                raise Failed(f"{where}: {data['warnings'][:2]}")


def headless(tool, build, work):
    """The first thread has ended: a zombie by its number, and yet all memory is there."""
    with State(states(build, "headless")) as target:
        end = time.monotonic() + 10
        while not status(target.pid)["State"].startswith("Z"):
            if time.monotonic() > end:
                raise Failed(f"its first thread is {status(target.pid)['State']}")
            time.sleep(0.01)
        tool.run("snapshot", target.pid, "-o", work / "headless.snap")
        for where in (target.pid, work / "headless.snap"):
            answer = tool.json("summary", where)
            if answer["target"]["pid"] != target.pid or answer["target"]["threads"] != 1:
                raise Failed(str(answer["target"]))
            if answer["data"]["heaps"][0]["blocks"]["live"] < 2000:
                raise Failed(f"{where}: {answer['data']['heaps']}")
        rows = {r["label"]: r["bytes"] for r in answer["data"]["reconcile"]}
        if "cgroup" in rows and not rows.get("anon of this process"):
            raise Failed(f"it is not among the processes of its cgroup: {rows}")


def names(tool, build):
    """A name of several lines is still one process; no name reaches the terminal as it is."""
    code = "import ctypes,time; ctypes.CDLL(None).prctl(15, b'a\\nb\\x1b[31m'); " \
           "print('READY', flush=True); time.sleep(600)"
    with State([sys.executable, "-c", code]) as target:
        answer = tool.json("summary", target.pid)
        if answer["damage"]["count"]:
            raise Failed(str(answer["damage"]))
        for process in answer["data"].get("cgroup", {"processes": []})["processes"]:
            if process["pid"] == target.pid and process["command"] != "a\nb\x1b[31m":
                raise Failed(str(process))
        done = subprocess.run([tool.program, "summary", str(target.pid)], env=tool.env,
                              capture_output=True, check=True)
        if b"\x1b" in done.stdout + done.stderr:
            raise Failed("an escape reached the terminal")


def checks(score, tool, build, work):
    score.check("shape many mappings", mappings, tool, build, work)
    score.check("shape without a first thread", headless, tool, build, work)
    score.check("shape of a name", names, tool, build)
