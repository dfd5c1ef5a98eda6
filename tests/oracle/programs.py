# SPDX-License-Identifier: Apache-2.0
"""The distribution's own programs under examination: python3, nginx, postgres, stripped and
without debug files. Where the program is one process, the shim's log is the truth as for the
fixtures; the processes of a postgres cluster are checked for a complete ledger that adds up
and for the same blocks from gdb's and the kernel's core. And `show` on known addresses."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import cases
import checks
from dump import Failed, Process, Skip, copy_binaries, gcore, kernel_core, need_kernel_cores
from heapwalk import Heapwalk, check_sums, parse_blocks
from truth import read_log

PYTHON = "/usr/bin/python3"
PYTHON_SCRIPT = """
import json, os, re, signal, threading
words = {str(i): [i] * (i % 50) for i in range(20000)}
text = json.loads(json.dumps(words))
for i in range(0, 20000, 3):
    del words[str(i)]
blob = [bytes(n * 1000) for n in range(300)]
del blob[::2]
found = re.findall('[0-9]+', ' '.join(words))
started = threading.Semaphore(0)
def work(n):
    keep = [bytearray(n * 100 + i) for i in range(2000)]
    del keep[::3]
    started.release()
    threading.Event().wait()
for n in range(3):
    threading.Thread(target=work, args=(n,), daemon=True).start()
for n in range(3):
    started.acquire()
threading.Event().wait(0.2)
os.write(1, b'READY\\n')
while True:
    signal.pause()
"""

NGINX_CONF = """daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/error.log;
worker_rlimit_core 4g;
working_directory {work};
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {work}/t1;
    proxy_temp_path {work}/t2;
    fastcgi_temp_path {work}/t3;
    uwsgi_temp_path {work}/t4;
    scgi_temp_path {work}/t5;
    gzip on;
    server {{
        listen unix:{work}/web;
        location / {{ root {work}; }}
    }}
}}
"""

QUERIES = """create table t as select g as id, md5(g::text) as v from generate_series(1, 20000) g;
create index on t (v);
select count(*) from t a join t b using (v) where a.id % 7 = 0;
select array_agg(v order by v) is not null from t;
select 'BACKEND ' || pg_backend_pid();
"""


class Dumped:
    """The two cores of one process, and its log when the shim was there."""

    def __init__(self, build, work, name):
        self.build, self.work, self.name = build, work, name
        self.tool = Heapwalk(build, work / "root")
        self.gdb_core, self.core, self.csv = None, None, None

    def take_gcore(self, pid):
        """And the binaries; without gdb only them."""
        copy_binaries(pid, self.work / "root")
        if not shutil.which("gdb"):
            return
        self.gdb_core = gcore(pid, self.work / f"{self.name.replace(' ', '-')}.gdb.core")

    def take_core(self, core):
        self.core = core.rename(self.work / f"{self.name.replace(' ', '-')}.core")

    def ledger(self):
        for core in filter(None, [self.core, self.gdb_core]):
            answer = self.tool.json("heaps", core)
            if not answer["complete"]:
                raise Failed(f"{core.name}: {checks.doubts(answer)}")
            heaps = check_sums(answer, self.name)
            if not heaps:
                raise Failed(f"{core.name}: no heap found")
        return ", ".join(f"{h['plugin']} {h['blocks']['live']} live" for h in heaps)

    def live_set(self, log, threads):
        truth = read_log(self.build / "tests/shimlog", log)
        case = cases.Case(self.name, "", threads=threads)
        blocks = parse_blocks(self.table())
        return checks.check_live(blocks, truth, case, checks.own_version())

    def table(self):
        if not self.csv:
            self.csv = self.tool.csv(self.core, self.work / f"{self.core.name}.csv")
        return self.csv

    def same(self):
        if not self.gdb_core:
            raise Skip("gdb is not installed")
        blocks = parse_blocks(self.table())
        checks.check_order(blocks)
        if not blocks:
            raise Failed("no blocks")
        return checks.check_same(self.tool, self.gdb_core, self.table(), self.work, False)

    def check(self, score, log=None, threads=0):
        name = self.name
        score.check(f"{name} ledger", self.ledger)
        if log:
            score.check(f"{name} live set", self.live_set, log, threads)
        score.check(f"{name} gcore", self.same)
        score.check(f"{name} verify", checks.check_verify, self.tool, self.core)


def shim_env(build, work):
    log = work / "shim.log"
    return log, {"LD_PRELOAD": str(build / "fixtures/shim.so"), "HW_SHIM_LOG": str(log)}


def need(program):
    if not pathlib.Path(program).exists():
        raise Skip(f"{program} is not installed")


def dump_python(build, work, name="python3", env=None):
    need(PYTHON)
    need_kernel_cores()
    log, preload = shim_env(build, work)
    env = {**preload, **(env or {})}
    dumped = Dumped(build, work, name)
    with Process([PYTHON, "-S", "-s", "-c", PYTHON_SCRIPT], work, env, ready="READY") as p:
        dumped.take_gcore(p.pid)
        dumped.take_core(p.abort())
    return dumped, log, 3


def dump_python_malloc(build, work):
    """Without pymalloc's arenas: every object is a block of its own."""
    return dump_python(build, work, "python3-malloc", {"PYTHONMALLOC": "malloc"})


def wait_for_socket(path, process, timeout=30):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(str(path))
                return
            except OSError:
                if process.popen.poll() is not None:
                    raise Failed(f"it ended at once: {process.errors()}") from None
                time.sleep(0.05)
    raise Failed(f"no socket within {timeout} s: {process.errors()}")


def request(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(path))
        s.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                  b"Connection: close\r\n\r\n")
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    if not data.startswith(b"HTTP/1.1 200"):
        raise Failed(f"nginx answered {data[:60]!r}")


def dump_nginx(build, work):
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not program:
        raise Skip("nginx is not installed")
    need_kernel_cores()
    (work / "page.html").write_text("<p>words</p>" * 5000)
    (work / "nginx.conf").write_text(NGINX_CONF.format(work=work))
    log, env = shim_env(build, work)
    dumped = Dumped(build, work, "nginx")
    with Process([program, "-p", work, "-c", work / "nginx.conf"], work, env) as p:
        wait_for_socket(work / "web", p)
        for _ in range(20):
            request(work / "web")
        dumped.take_gcore(p.pid)
        dumped.take_core(p.abort())
    return dumped, log, 0


def find_postgres():
    for home in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (home / "postgres").exists() and (home / "initdb").exists():
            return home
    raise Skip("postgresql is not installed")


def postgres_user():
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
            return name
        except KeyError:
            continue
    raise Skip("root cannot run postgres, and there is no user to run it as")


def dump_postgres(build, work):
    """A backend in the middle of a session, and the postmaster."""
    home, user = find_postgres(), postgres_user()
    need_kernel_cores()
    data = work / "data"
    if user:
        entry = pwd.getpwnam(user)
        os.chown(work, entry.pw_uid, entry.pw_gid)
    become = ["setpriv", "--reuid", user, "--regid", entry.pw_gid, "--clear-groups"] if user else []
    become = [str(word) for word in become]
    made = subprocess.run([*become, home / "initdb", "-D", data, "--no-sync", "-A", "trust",
                           "-U", "tester", "--locale=C", "-E", "UTF8"], cwd=work,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    if made.returncode:
        raise Failed(f"initdb: {made.stderr.decode(errors='replace')[-200:]}")
    server = [*become, home / "postgres", "-D", data, "-k", work, "-c", "listen_addresses=",
              "-c", "fsync=off", "-c", "shared_buffers=8MB", "-c", "autovacuum=off",
              "-c", "max_connections=10", "-c", "logging_collector=off"]
    backend, master = Dumped(build, work, "postgres backend"), Dumped(build, work, "postmaster")
    with Process(server, work) as p:
        wait_for_socket(work / ".s.PGSQL.5432", p)
        psql = [home / "psql", "-X", "-q", "-At", "-h", work, "-U", "tester", "-d", "postgres"]
        with Process(psql, work, stdin=subprocess.PIPE) as client:
            pid = run_queries(client)
            dump_cluster(p, pid, data, backend, master)
    return backend, master


def run_queries(client):
    client.popen.stdin.write(QUERIES.encode())
    client.popen.stdin.flush()
    end = time.monotonic() + 60
    text = b""
    while b"BACKEND" not in text or not text.endswith(b"\n"):
        if time.monotonic() > end or client.popen.poll() is not None:
            raise Failed(f"psql: {client.errors()}")
        os.set_blocking(client.popen.stdout.fileno(), False)
        text += client.popen.stdout.read() or b""
        time.sleep(0.02)
    time.sleep(0.3)  # The backend goes back to waiting for its client.
    return int(text.split(b"BACKEND")[1].split()[0])


def dump_cluster(server, pid, data, backend, master):
    """The postmaster stays stopped from its gcore on, as it acts on its backend's death."""
    backend.take_gcore(pid)
    os.kill(server.pid, signal.SIGSTOP)
    master.take_gcore(server.pid)
    os.kill(server.pid, signal.SIGSTOP)
    backend.take_core(kernel_core(pid, data))
    # Of the signals that wait for it, the kernel delivers the lowest number first: SIGABRT
    # comes before the SIGCHLD of the backend.
    os.kill(server.pid, signal.SIGABRT)
    os.kill(server.pid, signal.SIGCONT)
    server.popen.wait(60)
    names = [n for n in (data / "core", data / f"core.{server.pid}") if n.exists()]
    if not names:
        raise Failed("the kernel wrote no core of the postmaster")
    master.take_core(names[0])


def check_show(build, work):
    """Every address of fixtures/known.c is what that program says it is."""
    need_kernel_cores()
    tool = Heapwalk(build, work / "root")
    with Process([build / "fixtures/known"], work, ready="READY") as p:
        copy_binaries(p.pid, work / "root")
        lines = [line.split() for line in p.lines if line != "READY"]
        core = p.abort()
    for name, addr, kind, *block in lines:
        data = tool.json("show", core, addr)["data"]
        shown, mapping = data.get("block"), data.get("mapping")
        if block:
            want = (kind, int(block[0], 16))
            got = (shown or {}).get("state"), int((shown or {}).get("address", "0"), 16)
            if want != got or (kind == "live" and shown["size"] != int(block[1])):
                raise Failed(f"{name} {addr}: {data}, it is {kind} in {block}")
        elif shown:
            raise Failed(f"{name} {addr}: called a block: {shown}, it is none ({kind})")
        elif kind != "hole" and (mapping or {}).get("owner") != kind:
            raise Failed(f"{name} {addr}: {data}, it is in {kind}")
    return f"{len(lines)} addresses"


def run_one(build, name, dump, score, keep):
    work = pathlib.Path(tempfile.mkdtemp(prefix="oracle-", dir=keep))
    made = []
    try:
        if dump is check_show:
            score.check("show", check_show, build, work)
        elif score.check(f"{name} dump", lambda: made.append(dump(build, work))):
            if dump is dump_postgres:
                for part in made[0]:
                    part.check(score)
            else:
                dumped, log, threads = made[0]
                dumped.check(score, log, threads)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def run(build, only, score, keep):
    for name, dump in [("show", check_show), ("python3", dump_python),
                       ("python3-malloc", dump_python_malloc), ("nginx", dump_nginx),
                       ("postgres", dump_postgres)]:
        if not only or name in only:
            run_one(build, name, dump, score, keep)
