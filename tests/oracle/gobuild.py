# SPDX-License-Identifier: Apache-2.0
"""The Go toolchains of the test matrix, and the Go fixtures built with them: each once, on
demand, under BUILD/go."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess

import goaltered
from dump import Failed, Skip

MATRIX = ["1.12.17", "1.13.15", "1.14.15", "1.15.15", "1.16.15", "1.17.13", "1.18.10", "1.19.13",
          "1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.11", "1.25.5", "1.26.8"]
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures/go"

# Flags of the go command for each way to link.
VARIANTS = {
    "normal": [],
    "stripped": ["-ldflags", "-s -w"],
    "nodwarf": ["-ldflags", "-w"],
    "pie": ["-buildmode", "pie"],
    "pie-stripped": ["-buildmode", "pie", "-ldflags", "-s -w"],
    "cgo": [],
    "cgo-stripped": ["-ldflags", "-s -w"],
    "cgo-static": ["-ldflags", "-s -w -linkmode external -extldflags -static"],
    "cshared": ["-buildmode", "c-shared"],
    "cshared-stripped": ["-buildmode", "c-shared", "-ldflags", "-s -w"],
    "arenas": [],
    "altered": [],  # With another runtime: goaltered.py.
    "altered-stripped": ["-ldflags", "-s -w"],
}


def plain(build):
    """A build with sanitizers (BUILD/asan) takes the toolchains and programs of the plain one."""
    return build.parent if build.name == "asan" else build


@dataclasses.dataclass(frozen=True)
class Go:
    """One toolchain."""
    version: str  # "1.19.8": what it says itself.
    root: pathlib.Path

    @property
    def minor(self):
        return int(self.version.split(".")[1])

    def env(self, build, cgo):
        """The environment: nothing of the user's settings, no network."""
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("GO", "CGO_", "CC", "CFLAGS", "LDFLAGS"))}
        gopath = build / "go/path"
        link = gopath / "src/heapwalk"
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.resolve() != FIXTURES.resolve():  # Also one in a copied build directory.
            link.unlink(missing_ok=True)
            try:
                link.symlink_to(FIXTURES)
            except FileExistsError:
                pass
        env.update(GOROOT=str(self.root), GOTOOLCHAIN="local", GOENV="off", GO111MODULE="off",
                   GOFLAGS="", GOPATH=str(gopath), GOPROXY="off", GOCACHE=str(build / "go/cache"),
                   CGO_ENABLED="1" if cgo else "0", GOTELEMETRY="off")
        return env

    def build(self, build, fixture, variant="normal"):
        """The path of a fixture's program, built when it is missing or older than its source."""
        build = plain(build)
        source = FIXTURES / fixture
        target = build / "go" / self.version / f"{fixture}-{variant}"
        newest = max(f.stat().st_mtime for f in source.iterdir())
        if target.exists() and target.stat().st_mtime >= newest:
            return target
        cgo = variant.startswith(("cgo", "cshared"))
        if cgo and not shutil.which("gcc"):
            raise Skip("gcc is not installed")
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = VARIANTS[variant]
        if variant.startswith("altered"):
            flags = [*flags, "-overlay", str(goaltered.overlay(self, target.parent / "altered"))]
        part = target.with_name(f"{target.name}.{os.getpid()}")
        done = subprocess.run(
            ["nice", "-n", "5", str(self.root / "bin/go"), "build", "-p", "2", *flags,
             "-o", str(part), f"heapwalk/{fixture}"],
            env={**self.env(build, cgo), **({"GOEXPERIMENT": "arenas"} if variant == "arenas" else {})}, cwd=build, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=600, check=False)
        if done.returncode:
            raise Failed(f"go {self.version} build of {fixture} ({variant}): "
                         f"{done.stderr.decode(errors='replace').strip()[-400:]}")
        part.rename(target)
        return target


def ask(go):
    """The toolchain behind a go command; None when it does not run."""
    env = {**{k: v for k, v in os.environ.items() if k != "GOROOT"}, "GOTOOLCHAIN": "local", "GOENV": "off"}
    try:
        text = subprocess.run([str(go), "version"], env=env, capture_output=True, text=True,
                              timeout=60, check=False).stdout
        root = subprocess.run([str(go), "env", "GOROOT"], env=env, capture_output=True, text=True,
                              timeout=60, check=False).stdout.strip()
    except OSError:
        return None
    found = re.search(r"go version go(1\.\d+(?:\.\d+)?)", text)
    return Go(found.group(1), pathlib.Path(root)) if found and root else None


def own():
    """Debian's Go and the machine's, oldest first, each version once."""
    names = sorted(pathlib.Path("/usr/lib").glob("go-*/bin/go"))
    names += [pathlib.Path(p) for p in (shutil.which("go"), "/usr/local/go/bin/go") if p]
    found = {}
    for name in names:
        go = ask(name) if name.exists() else None
        if go:
            found.setdefault(go.version, go)
    return sorted(found.values(), key=lambda g: g.minor)


def matrix(build):
    """{version: Go, or the reason why it is not there}, from what scripts/fetch-go.sh left."""
    listed = plain(build) / "go/toolchains"
    if not listed.exists():
        raise Failed(f"{listed} is missing: run make check-matrix")
    found = {v: "scripts/fetch-go.sh did not try it" for v in MATRIX}
    for line in listed.read_text().splitlines():
        version, root, *reason = line.split(" ", 2)
        found[version] = " ".join(reason) if root == "-" else Go(version, pathlib.Path(root))
    return found
