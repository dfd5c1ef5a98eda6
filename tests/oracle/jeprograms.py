# SPDX-License-Identifier: Apache-2.0
"""The distribution's own programs on jemalloc: redis-server with a million keys, named with a
zone of its own, and a Rust program with jemalloc inside. The shim's log and malloc_stats_print,
taken by fixtures/jestats.c at the moment of the dump, are the truth as for the fixtures; of redis
also what it says of itself."""

import os
import pathlib
import shutil
import signal
import socket
import struct
import time

import jecases
import jechecks
from checks import check_verify
from dump import Failed, Process, Skip, copy_binaries, need_kernel_cores
from heapwalk import Heapwalk, parse_blocks
from jestats import Stats
from truth import read_log

REDIS = ["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no",
         "--crash-log-enabled", "no", "--enable-debug-command", "yes"]
NAMED_CONF = """options {{
    directory "{work}";
    pid-file none;
    session-keyfile none;
    managed-keys-directory "{work}";
    lock-file none;
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
}};
controls {{ }};
statistics-channels {{ }};
logging {{ category default {{ null; }}; }};
zone "test.example" {{ type primary; file "{work}/zone"; check-names ignore; }};
"""


class Parked:
    """A program that stood still after its jemalloc spoke, and its kernel core."""

    def __init__(self, build, work, name):
        self.build, self.work, self.name = build, work, name
        self.tool = Heapwalk(build, work / "root")

    def park(self, process):
        """SIGUSR2, until jestats.so says that it is done."""
        copy_binaries(process.pid, self.work / "root")
        os.kill(process.pid, signal.SIGUSR2)
        self.wait(process, lambda: (self.work / "stats.done").exists(), "its statistics")

    @staticmethod
    def wait(process, condition, what, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            if process.popen.poll() is not None:
                raise Failed(f"it ended: {process.errors()}")
            if time.monotonic() > end:
                raise Failed(f"{what}: not within {timeout} s")
            time.sleep(0.05)

    def take(self, process):
        self.core = process.abort()
        self.threads = len(list(pathlib.Path(f"/proc/{process.pid}/task").glob("*"))) or 32

    def decode(self):
        self.blocks = parse_blocks(self.tool.csv(self.core, self.work / "blocks.csv"))
        self.heaps = self.tool.json("heaps", self.core)
        self.heap, = [h for h in self.heaps["data"]["heaps"] if h["plugin"] == "jemalloc"]
        log = self.work / "shim.log"
        if not log.exists():
            return f"{len(self.blocks)} blocks"
        truth = read_log(self.build / "tests/shimlog", log)
        log.unlink()
        # A static program's libc allocates from its own malloc, which the log is not about.
        mine = [b for b in self.blocks if b.heap == jechecks.name_of(self.heap)]
        return jechecks.check_live(mine, truth, 64, 0)

    def ledger(self):
        return jechecks.check_counts(self.heaps, self.blocks)

    def said(self):
        stats = Stats(self.work / "stats")
        found = {n: self.tool.json("plugin", "jemalloc", n, self.core)["data"]["heaps"][0]
                 for n in ("extents", "stats", "bins", "tcache")}
        return "; ".join([
            jechecks.check_stats(self.heap, self.blocks, stats, found["extents"]),
            jechecks.check_stats_report(found["stats"], stats),
            jechecks.check_bins_report(found["bins"], stats),
            jechecks.check_tcache_report(found["tcache"], self.blocks,
                                         jechecks.name_of(self.heap))])


def need(program, package):
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not found:
        raise Skip(f"{program} is not installed ({package})")
    return found


class Redis:
    """Commands over its socket, on one connection."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        words = [w.encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        line = self.file.readline()
        if line[:1] == b"-":
            raise Failed(f"redis: {words[0].decode()}: {line.decode().strip()}")
        if line[:1] != b"$":
            return line.decode()
        return self.file.read(int(line[1:]) + 2).decode()

    def memory(self):
        return {k: int(v) for k, v in (line.split(":") for line in self.ask("INFO", "memory")
                                       .split("\r\n") if ":" in line) if v.isdigit()}


def read_core(path, addr, size):
    """Bytes of a core by its program headers: no code of heapwalk's."""
    with open(path, "rb") as file:
        head = file.read(64)
        offset, = struct.unpack_from("<Q", head, 32)
        count, = struct.unpack_from("<H", head, 56)
        for i in range(count):
            file.seek(offset + 56 * i)
            kind, _, at, start, _, length = struct.unpack("<IIQQQQ", file.read(40))
            if kind == 1 and start <= addr and addr + size <= start + length:
                file.seek(at + addr - start)
                return file.read(size)
    raise Failed(f"0x{addr:x} is not in {path}")


def find_own_counts(pid, memory):
    """Where redis keeps struct malloc_stats (zmalloc_used, process_rss, allocator_allocated,
    allocator_active, allocator_resident): what INFO printed."""
    want = struct.pack("<QQQ", memory["allocator_allocated"], memory["allocator_active"],
                       memory["allocator_resident"])
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "rw" not in line.split()[1] or end - start > 4 << 20:
                continue
            mem.seek(start)
            at = mem.read(end - start).find(want)
            if at >= 0:
                return start + at - 16
    return None


class RedisParked(Parked):
    def load(self, process, keys):
        path = self.work / "redis"
        self.wait(process, path.exists, "its socket")
        redis = Redis(path)
        redis.ask("DEBUG", "POPULATE", str(keys), "key", "64")
        for i in range(0, keys // 100, 7):
            redis.ask("DEL", f"key:{i}")
        time.sleep(2.2)  # Idle buffers of the client go, the decay of dirty pages ends.
        for _ in range(100):
            before = redis.memory()
            time.sleep(0.35)
            self.counts_at = find_own_counts(process.pid, before)
            if self.counts_at:
                break
        if not self.counts_at:
            raise Failed("redis' own counts were not found in its memory")
        self.keys = int(redis.ask("DBSIZE")[1:])
        time.sleep(2.2)
        return redis

    def own_words(self):
        """redis' last look at jemalloc before the dump, at most 0.1 s before; it was idle."""
        used, _, allocated, active, resident = struct.unpack(
            "<5Q", read_core(self.core, self.counts_at, 40))
        stats = self.tool.json("plugin", "jemalloc", "stats", self.core)["data"]["heaps"][0]
        b = self.heap["bytes"]
        # jemalloc's own allocations are metadata to us, allocated to jemalloc.
        internal = sum(a["internal_found"] for a in stats["arenas"])
        jechecks.differ("live, cached and internal", b["live"] + b["cached"] + internal, allocated)
        jechecks.differ("active", stats["active"], active)
        # A million keys outweigh what libraries allocate past redis' own counter.
        if self.keys > 900000 and abs(b["live"] - used) > used / 100:
            raise Failed(f"live is {b['live']}, redis' used_memory {used}: more than 1 % apart")
        said = Stats(self.work / "stats")
        jechecks.differ("released", b["released"], said.sum("retained"))
        return f"{self.keys} keys, allocated {allocated}, used {used} of {b['live']} live"


def dump_redis(build, work, keys):
    # One binary under two names; the package of the other one starts a server.
    program = need("redis-check-rdb", "redis-tools")
    need_kernel_cores()
    parked = RedisParked(build, work, f"redis {keys} keys")
    env = {**jecases.program_env(build, work), "MALLOC_CONF": "dirty_decay_ms:300"}
    argv = [program, "--unixsocket", work / "redis", "--dir", work, *REDIS]
    server = work / "redis-server"
    server.symlink_to(program)
    argv[0] = server
    with Process(argv, work, env) as process:
        connection = parked.load(process, keys)
        parked.park(process)
        parked.take(process)
        connection.socket.close()
    return parked


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask_name(port, name):
    query = struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"".join(
        bytes([len(p)]) + p.encode() for p in name.split(".")) + struct.pack(">BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.sendto(query, ("127.0.0.1", port))
        try:
            return s.recv(512)[3] & 15
        except (TimeoutError, ConnectionError):
            return None


def dump_named(build, work, records):
    program = need("named", "bind9")
    need_kernel_cores()
    port = free_port()
    (work / "named.conf").write_text(NAMED_CONF.format(work=work, port=port))
    (work / "zone").write_text("$TTL 60\n@ IN SOA ns hostmaster 1 60 60 60 60\n@ IN NS ns\nns IN A "
                               "127.0.0.1\n" + "".join(
                                   f"h{i} IN A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n"
                                   for i in range(records)))
    parked = Parked(build, work, "named")
    with Process([program, "-f", "-n", "2", "-U", "2", "-c", work / "named.conf"], work,
                 jecases.program_env(build, work)) as process:
        parked.wait(process, lambda: ask_name(port, "h1.test.example") == 0, "an answer")
        for i in range(200):
            ask_name(port, f"h{i * 37 % (records + 50)}.test.example")
        time.sleep(1)
        parked.park(process)
        parked.take(process)
    return parked


def dump_rust(build, work, name):
    program = build / "rust" / name
    reason = build / "rust/reason"
    if not program.exists():
        raise Skip(reason.read_text().strip() if reason.exists() else
                   "fixtures/rust-jemalloc is not built: make check-matrix")
    need_kernel_cores()
    parked = Parked(build, work, name)
    argv = [program] + ([work / "stats"] if name.endswith("stats") else [])
    with Process(argv, work, {"HW_SHIM_LOG": str(work / "shim.log")}, ready="READY") as process:
        copy_binaries(process.pid, work / "root")
        parked.take(process)
    return parked


def run(score, in_directory, build, keep, matrix):
    programs = [("redis", dump_redis, 1000000 if matrix else 100000),
                ("named", dump_named, 20000 if matrix else 3000)]
    if matrix:
        programs += [(n, dump_rust, n) for n in ("rust-jemalloc", "rust-jemalloc-stats")]
    for name, dump, arg in programs:
        in_directory(keep, lambda work, n=name, d=dump, a=arg: run_one(score, build, work, n, d, a))


def run_one(score, build, work, name, dump, arg):
    made = []
    if not score.check(f"{name} dump", lambda: made.append(dump(build, work, arg))):
        return
    parked, = made
    score.check(f"{parked.name} live set", parked.decode)
    if hasattr(parked, "heap"):
        score.check(f"{parked.name} ledger", parked.ledger)
        if (work / "stats").exists():
            score.check(f"{parked.name} statistics", parked.said)
        if isinstance(parked, RedisParked):
            score.check(f"{parked.name} own words", parked.own_words)
    score.check(f"{parked.name} verify", check_verify, parked.tool, parked.core)
