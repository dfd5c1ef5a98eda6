#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Go heap and a C heap in one graph: C blocks that only Go objects hold, Go objects that C memory points at
and that are pinned, and a C block that nothing holds.

usage: gocgo.py BUILD"""

import pathlib
import re
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gobuild  # noqa: E402
import gosuite  # noqa: E402
from dump import Failed, Process, Skip, gcore  # noqa: E402
from oracle import Score  # noqa: E402


class Mixed:
    def __init__(self, build, program, folder):
        self.build = build
        with Process([program], folder, ready="ready") as p:
            self.places = dict(re.findall(r"(\w+) (0x[0-9a-f]+)", "\n".join(p.lines)))
            self.core = gcore(p.pid, folder / "core")

    def ask(self, command, *args):
        return gosuite.ask(self.build / "heapwalk", command, self.core, *args)

    def heaps(self):
        found = sorted(h["plugin"] for h in self.ask("heaps")["heaps"])
        if found != ["go", "ptmalloc"]:
            raise Failed(f"heaps {found}")

    def roots_of(self, what):
        paths = self.ask("why", self.places[what])["paths"]
        return {p["steps"][0]["root"]["name"] for p in paths}

    def held_by(self, what, names):
        found = self.roots_of(what)
        if not found or not found <= names:
            raise Failed(f"{what} is held by {found}, not by {names}")

    def lost(self):
        """The one C block that nothing holds."""
        leaks = self.ask("leaks")
        sizes = [g["size"] for g in leaks["groups"]]
        if leaks["leaks"]["blocks"] != 1 or sizes != [904]:
            raise Failed(f"{leaks['leaks']} leaked, of sizes {sizes}")

    def retained(self):
        """main.held has the two C blocks on its account: 5,000 and 700 bytes at least."""
        rows = [r for r in self.ask("roots", "--limit", "100000")["roots"] if r["root"]["name"] == "main.held"]
        if len(rows) != 1 or not 5700 <= rows[0]["retained"] < 6000:
            raise Failed(f"main.held: {rows}")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    score = Score()
    new = [go for go in gobuild.own() if go.minor >= 21][-1:]
    with tempfile.TemporaryDirectory(prefix="heapwalk-gocgo-") as folder:
        made = []

        def make():
            if not new:
                raise Skip("no Go that has runtime.Pinner")
            made.append(Mixed(build, new[0].build(build, "mixed", "cgo"), pathlib.Path(folder)))

        if score.check("core", make):
            mixed = made[0]
            score.check("heaps", mixed.heaps)
            score.check("C held by Go", mixed.held_by, "box", {"main.held"})
            score.check("C held by C held by Go", mixed.held_by, "inner", {"main.held"})
            pins = {"main.pinner", "object with a finalizer", "in_c"}
            score.check("Go held by C", mixed.held_by, "pinned", pins)
            score.check("Go held by Go held by C", mixed.held_by, "next", pins)
            score.check("what main.held retains", mixed.retained)
            score.check("leaks", mixed.lost)
    print(score.summary().replace("oracle:", "gocgo:"))
    return 1 if score.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
