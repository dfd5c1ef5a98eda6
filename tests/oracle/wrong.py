# SPDX-License-Identifier: Apache-2.0
"""Wrong layouts score nothing: every core is given the tables of every other version, one at a
time, by a plugin that has only those (wronglayout.c), and none may be accepted.

Some pairs cannot be told apart by what is in their extents: 5.1 and 5.2 put the same bits at the
same places (5.2 only added some), and so do 5.3.0 and 5.3.1. There the extents, and with them
slabs and large allocations, are decoded rightly by the other's table; what must be refused is the
other's arena_t, and the answer must say that it is not complete."""

import json
import os
import subprocess

from checks import doubts
from dump import Failed
from heapwalk import check_sums


class Wrong:
    def __init__(self, build, sysroot):
        self.directory = build / "tests/wrong"
        self.argv = [build / "heapwalk", "heaps", "--json", "--plugin-dir", self.directory,
                     "--sysroot", sysroot]

    def ask(self, core, **env):
        env = {**os.environ, **{f"HW_JE_{k.upper()}": v for k, v in env.items()}}
        return subprocess.run([*self.argv, core], env=env, capture_output=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)

    def tables(self, core):
        """version -> its extent table."""
        lines = self.ask(core, list="1").stderr.decode().split("\n")
        return {line.split()[0]: line.split("extents of ")[1] for line in lines
                if " extents of " in line}

    def answer(self, core, **env):
        done = self.ask(core, **env)
        if done.returncode:
            raise Failed(f"{env}: exit {done.returncode}: {done.stderr.decode()[-200:]}")
        answer = json.loads(done.stdout)
        return answer, [h for h in check_sums(answer, str(env)) if h["plugin"] == "jemalloc"]


def told(heaps):
    """Bytes that an answer calls anything but unknown and metadata."""
    return sum(h["mapped"] - h["bytes"]["unknown"] - h["bytes"]["metadata"] -
               h["bytes"]["untouched"] for h in heaps)


def check(build, core, sysroot, version, shape):
    """version: the table that is right."""
    wrong = Wrong(build, sysroot)
    tables = wrong.tables(core)
    if version not in tables or len(tables) < 4:
        raise Failed(f"the plugin has no table for {version}: {sorted(tables)}")
    answer, heaps = wrong.answer(core, version=version, shape=shape)
    if not answer["complete"] or not told(heaps):
        raise Failed(f"the right table gives no complete answer: {doubts(answer)}")
    tried = []
    for other in sorted(set(tables) - {version}):
        answer, found = wrong.answer(core, version=other)
        same = tables[other] == tables[version]
        refuse(other, answer, found, same)
        tried.append(other + (" (same extents)" if same else ""))
    other = "57-bit" if shape == "48-bit" else "48-bit"
    answer, found = wrong.answer(core, version=version, shape=other)
    refuse(f"{other} tree", answer, found, False)
    return f"{version} refuses {', '.join(tried)}, {other} tree"


def refuse(name, answer, heaps, same_extents):
    if answer["complete"]:
        raise Failed(f"the table of {name} is accepted: complete, "
                     f"{[h['how'] for h in heaps] or 'and no heap found'}")
    if not same_extents and told(heaps):
        raise Failed(f"the table of {name} gives {told(heaps)} bytes a meaning: "
                     f"{[h['how'] for h in heaps]}")
    if same_extents and any(f"arena_t of {name}" in h["how"] for h in heaps):
        raise Failed(f"arena_t of {name} is accepted: {[h['how'] for h in heaps]}")
