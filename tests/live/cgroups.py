# SPDX-License-Identifier: Apache-2.0
"""Memory cgroups of version 2: which one a process counts in, and the limits above it."""

import json
import subprocess

from common import MIB, State, Unified, can
from dump import Failed, Skip, patience


def large(build, group, **more):
    return State([build / "fixtures" / "states", "large"], preexec_fn=group.enter, **more)


class Inner(Unified):
    """A group below another one, with the memory controller or without."""

    def __init__(self, outer, *controllers):  # pylint: disable=super-init-not-called
        self.mounted = None
        for name in controllers:
            outer.write("cgroup.subtree_control", f"+{name}")
        self.dir = outer.dir / "inner"
        self.dir.mkdir()


def without_controller(tool, build, work):
    """Counted in the first one above that has it; its file says the same as we do."""
    with Unified("memory") as outer, Inner(outer) as inner:
        outer.write("memory.max", 200 * MIB)
        if (inner.dir / "memory.current").exists():
            raise Failed("the inner one has the controller")
        with large(build, inner) as target:
            tool.run("snapshot", target.pid, "-o", work / "inner.snap", "--force")
            usage = int((outer.dir / "memory.current").read_text())
            for where in (target.pid, work / "inner.snap"):
                cgroup = tool.json("summary", where)["data"]["cgroup"]
                if abs(cgroup["usage"] - usage) > MIB or cgroup["limit"] != 200 * MIB:
                    raise Failed(f"{where}: memory.current is {usage}: {cgroup}")
                if [p["pid"] for p in cgroup["processes"]] != [target.pid]:
                    raise Failed(f"{where}: {cgroup['processes']}")


def limits_above(tool, build, work):
    """The least of those that hold; kept by the snapshot."""
    with Unified("memory") as outer, Inner(outer, "memory") as inner:
        outer.write("memory.max", 200 * MIB)
        outer.write("memory.high", 150 * MIB)
        inner.write("memory.high", 180 * MIB)
        with large(build, inner) as target:
            tool.run("snapshot", target.pid, "-o", work / "inner.snap", "--force")
            for where in (target.pid, work / "inner.snap"):
                cgroup = tool.json("summary", where)["data"]["cgroup"]
                if (cgroup["limit"], cgroup["high"]) != (200 * MIB, 150 * MIB):
                    raise Failed(f"{where}: {cgroup}")
            inner.write("memory.max", 100 * MIB)
            if tool.json("summary", target.pid)["data"]["cgroup"]["limit"] != 100 * MIB:
                raise Failed("its own limit is the least, and was not told")


def headroom(tool, build):
    """What heapwalk may take is the least that any shared level, or memory.high, leaves."""
    with Unified("memory") as outer, Inner(outer, "memory") as inner, large(build, inner) as target:
        for limit in ("memory.high", "memory.max"):
            outer.write(limit, int((outer.dir / "memory.current").read_text()) + 16 * MIB)
            code, _, err = tool.call("leaks", target.pid, preexec_fn=inner.enter)
            if code != 3 or "same memory limit" not in err:
                raise Failed(f"{limit}: exit {code}: {err[-300:]}")
            # From outside, no limit is shared.
            if tool.json("leaks", target.pid)["warnings"]:
                raise Failed(f"{limit}: told from outside")
            outer.write(limit, "max")


def other_namespace(tool, build):
    """From a cgroup namespace that does not have the process's cgroup: no figure, not our own."""
    script = 'umount -l "$0" && mount -t cgroup2 none "$0" && exec "$@"'
    with Unified("memory") as theirs, Unified("memory") as ours, large(build, theirs) as target:
        argv = ["unshare", "-C", "-m", "sh", "-c", script, ours.dir.parent, tool.program, "summary",
                str(target.pid), "--json"]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                              preexec_fn=ours.enter, timeout=patience(60))
        if "unshare:" in done.stderr or "mount:" in done.stderr:
            raise Skip(f"no cgroup namespace here: {done.stderr[-100:]}")
        data = json.loads(done.stdout)["data"]
        row = next(r for r in data["reconcile"] if r["label"] == "cgroup")
        if "cgroup" in data or row["bytes"] is not None or "cannot be read" not in row["reason"]:
            raise Failed(f"{data.get('cgroup')}, {row}")


def root_cgroup(tool, build):
    """The root has no figures, and that is said."""
    with Unified("memory") as group, State([build / "fixtures" / "states"]) as target:
        (group.dir.parent / "cgroup.procs").write_text(str(target.pid))
        row = next(r for r in tool.json("summary", target.pid)["data"]["reconcile"]
                   if r["label"] == "cgroup")
        if row["bytes"] is not None or "root cgroup" not in row["reason"]:
            raise Failed(str(row))


def need_memory():
    with Unified("memory"):
        pass


def checks(score, tool, build, work):
    if not can(score, "cgroup", need_memory):
        return
    score.check("cgroup without controller", without_controller, tool, build, work)
    score.check("cgroup limits above", limits_above, tool, build, work)
    score.check("cgroup headroom", headroom, tool, build)
    score.check("cgroup other namespace", other_namespace, tool, build)
    score.check("cgroup root", root_cgroup, tool, build)
