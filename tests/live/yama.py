# SPDX-License-Identifier: Apache-2.0
"""The levels of yama, set for real: the message, and who may. Level 3 stays until the next boot, so
it is last, and only where the machine is thrown away afterwards (tests/vm/run.sh)."""

import os
import pathlib
import shutil
import tempfile

from common import State, can
from dump import Skip
from refuse import NOBODY, answers, copied, need, said

SCOPE = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")


def need_yama():
    if not SCOPE.exists():
        raise Skip("this kernel has no yama")
    need("setpriv")
    try:
        SCOPE.write_text(SCOPE.read_text())
    except OSError as e:
        raise Skip(f"yama's level stays as it is: {e}") from None


def level(tool, build, number, text):
    """Another process of the same user is refused; root may, but for level 3."""
    before = SCOPE.read_text()
    SCOPE.write_text(str(number))
    try:
        with tempfile.TemporaryDirectory() as work:
            own = copied(tool, work)
            shutil.copy(build / "fixtures" / "states", work)
            with State([*NOBODY, f"{work}/states"]) as target:
                if text:
                    for mode in ("budget", "nostop"):
                        said([*NOBODY, *own, "heaps", target.pid, "--mode", mode], 4, text)
                else:
                    said([*NOBODY, "env", f"TMPDIR={work}", *own, "maps", target.pid], 0, "")
                if number < 3:
                    answers(tool, target.pid)
                else:
                    said([tool.program, "heaps", target.pid], 4, text)
    finally:
        if number < 3:
            SCOPE.write_text(before)


def checks(score, tool, build):
    if not can(score, "yama", need_yama):
        return
    for number, text in ((0, ""), (1, "own children only"), (2, "only with CAP_SYS_PTRACE")):
        score.check(f"yama level {number}", level, tool, build, number, text)


def last(score, tool, build):
    """Where it may be set for good."""
    if "HW_TEST_THROWAWAY" in os.environ and can(score, "yama-last", need_yama):
        score.check("yama level 3", level, tool, build, 3, "until the next boot")
