# SPDX-License-Identifier: Apache-2.0
"""A real Go service of the distribution: Debian's etcd, stripped and linked with cgo. It tells its own
go_memstats_*, go_goroutines and goroutine stacks over loopback. Asked before and after each dump,
with the collector off: what did not move between the two must be found equal, what only grows
must lie between them. The metric go_goroutines changes with what serves it, so it is dumped where it is made."""

import base64
import collections
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

import gocheck
import gofunc
from dump import Failed, Process, Skip, copy_binaries, gcore, need_gcore, need_kernel_cores
from gotruth import read_stacks
from heapwalk import Heapwalk, check_sums

KEYS = 300
TRIES = 3
FIELDS = {"heap_alloc_bytes": "HeapAlloc", "heap_objects": None, "heap_inuse_bytes": "HeapInuse",
          "heap_idle_bytes": "HeapIdle", "heap_sys_bytes": "HeapSys", "heap_released_bytes": "HeapReleased",
          "stack_inuse_bytes": "StackInuse", "mspan_inuse_bytes": "MSpanInuse",
          "mcache_inuse_bytes": "MCacheInuse"}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def get(url, data=None, timeout=10):
    request = urllib.request.Request(url, data=data, headers={"Connection": "close"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as answer:
        return answer.read().decode(errors="replace")


class Etcd:
    def __init__(self, work):
        client, peer = free_ports(2)
        self.url = f"http://127.0.0.1:{client}"
        peer = f"http://127.0.0.1:{peer}"
        argv = [shutil.which("etcd"), "--data-dir", work / "data", "--listen-client-urls", self.url,
                "--advertise-client-urls", self.url, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", "--enable-pprof"]
        env = {"GOGC": "off", "GOTRACEBACK": "crash", "ETCD_UNSUPPORTED_ARCH": os.uname().machine}
        self.process = Process(argv, work, env)

    def wait(self):
        for _ in range(150):
            try:
                if '"true"' in get(f"{self.url}/health"):
                    return
            except OSError:
                pass
            if self.process.popen.poll() is not None:
                break
            time.sleep(0.1)
        raise Failed(f"etcd did not start: {self.process.errors()}")

    def load(self):
        for i in range(KEYS):
            key, value = (base64.b64encode(t.encode()).decode() for t in (f"key {i}", "value " * (i % 50)))
            get(f"{self.url}/v3/kv/put", json.dumps({"key": key, "value": value}).encode())

    def metrics(self):
        text = get(f"{self.url}/metrics")
        found = dict(re.findall(r"^go_memstats_(\w+) (\S+)$", text, re.M))
        stats = {name: int(float(found[metric])) for metric, name in FIELDS.items() if name}
        stats["HeapObjects"] = int(float(found["heap_objects"]))
        return stats

    def memstats(self):
        """runtime.ReadMemStats, by the service's pprof page. The metrics of HeapAlloc and HeapObjects come from
        runtime/metrics, which leaves out what processors have not flushed; these do not."""
        text = get(f"{self.url}/debug/pprof/heap?debug=1")
        stats = {n: int(v) for n, v in re.findall(r"^# (\w+) = (\d+)$", text, re.M)}
        for name in ("Stack", "MSpan", "MCache"):
            stats[f"{name}Inuse"] = int(re.search(rf"^# {name} = (\d+) / \d+$", text, re.M).group(1))
        return {name: stats[name] for name in gocheck.RECOMPUTED}

    def stacks(self):
        """Of every goroutine but the two that serve this question."""
        groups = collections.Counter()
        for g in read_stacks(get(f"{self.url}/debug/pprof/goroutine?debug=2")):
            names = {f.function for f in g.frames}
            if g.state == "running" or "net/http.(*connReader).backgroundRead" in names:
                continue
            groups[gocheck.key_of(g.state, gocheck.visible(g.frames), g.creator)] += 1
        return groups


def quiet(etcd):
    """Waits until two looks at the goroutines are equal: the same goroutines at the same places."""
    before = etcd.stacks()
    for _ in range(30):
        time.sleep(0.2)
        after = etcd.stacks()
        if before == after:
            return after
        before = after
    raise Failed("the service does not come to rest")


def check_numbers(tool, core, metrics, before, after, later):
    answer = tool.json("heaps", core)
    gocheck.need_complete(answer, "heaps")
    check_sums(answer, "heaps")
    heap = gocheck.go_heap(answer)
    fields = {f["name"]: f for f in tool.json("plugin", "go", "memstats", core)["data"]["fields"]}
    same, equal = [], []
    for name in gocheck.RECOMPUTED:
        value = fields[name]["value"]
        low, high = sorted((before[name], after[name]))
        if not low <= value <= high:
            raise Failed(f"{name}: {value} (the counter says {fields[name]['counter']}) is not between "
                         f"{before[name]} and {after[name]}")
        if low == high:
            same.append(name)
        # The metrics were read before; what they lag behind only makes HeapAlloc and HeapObjects less. Of
        # the others those that did not move since.
        if name in metrics and name in ("HeapAlloc", "HeapObjects") and metrics[name] > value:
            raise Failed(f"{name}: {value}, the metric said {metrics[name]} before")
        if name in same and metrics.get(name) == later.get(name) is not None:
            equal.append(name)
            if name not in ("HeapAlloc", "HeapObjects"):
                gocheck.equal(f"metric of {name}", metrics[name], value)
    gocheck.equal("live", heap["bytes"]["live"], fields["HeapAlloc"]["value"])
    if "ptmalloc" not in {h["plugin"] for h in answer["data"]["heaps"]}:
        raise Failed("the C heap does not stand beside Go's")
    return f"{', '.join(same)} equal, the others between; metrics {', '.join(equal)}"


def check_stacks(tool, core, wanted):
    answer = tool.json("goroutines", core)
    gocheck.need_complete(answer, "goroutines")
    found = collections.Counter()
    for group in answer["data"]["groups"]:
        if not group["system"]:
            found[gocheck.group_key(group)] += group["count"]
    if wanted != found:
        missing, more = wanted - found, found - wanted
        raise Failed(f"{sum(missing.values())} missing: {next(iter(missing), None)}; "
                     f"{sum(more.values())} too many: {next(iter(more), None)}")
    return f"{sum(found.values())} goroutines"


def check_stacks_at_rest(tool, etcd, core, wanted):
    """Timers go off now and then: a goroutine caught on its way is another stack, not an error. The stacks
    before and after were equal; so must those of one dump in three be."""
    for attempt in range(TRIES):
        try:
            return check_stacks(tool, core, wanted)
        except Failed:
            if attempt == TRIES - 1:
                raise
        wanted = quiet(etcd)
        core.unlink()
        gcore(etcd.process.pid, core)
    return None


# It calls runtime.NumGoroutine first of all, inlined.
COLLECT = "github.com/prometheus/client_golang/prometheus.(*goCollector).Collect"
STEPS = 400  # Instructions: more than it takes, on one thread, with the others standing still.


def dump_in_collect(etcd, core):
    """A core of the instant at which the metric go_goroutines is made, and its value."""
    addr = gofunc.find(shutil.which("etcd"), COLLECT)
    script = ["handle SIGURG nostop noprint pass", f"break *{addr:#x}", "echo STANDS\\n", "continue",
              f"gcore {core}", "delete", "set scheduler-locking on", f"stepi {STEPS}", "detach"]
    argv = ["gdb", "--nx", "--batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
            "-p", str(etcd.process.pid)]
    text = []
    asks = threading.Thread(target=lambda: text.append(get(f"{etcd.url}/metrics", timeout=120)))
    with subprocess.Popen(argv + [word for line in script for word in ("-ex", line)], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as gdb:
        said = []
        for line in gdb.stdout:
            said.append(line)
            if line == "STANDS\n":
                asks.start()
    asks.join()
    if not core.exists() or not text:
        raise Failed(f"gdb: {''.join(said)[-300:]}")
    return int(re.search(r"^go_goroutines (\d+)$", text[0], re.M).group(1))


def check_metric(tool, etcd, core):
    metric = dump_in_collect(etcd, core)
    answer = tool.json("goroutines", core)
    gocheck.need_complete(answer, "goroutines")
    gocheck.equal("go_goroutines", answer["data"]["total"] - answer["data"]["system"], metric)
    if not any(c["function"] == COLLECT for g in answer["data"]["groups"] for c in g["stack"]):
        raise Failed("no goroutine collects metrics")
    core.unlink()
    return f"{metric}, those that serve the metric among them"


def dump_service(build, score, work):
    if not shutil.which("etcd"):
        raise Skip("etcd-server is not installed")
    need_gcore()
    need_kernel_cores()
    etcd = Etcd(work)
    with etcd.process as p:
        etcd.wait()
        etcd.load()
        tool = Heapwalk(build, work / "root")
        copy_binaries(p.pid, work / "root")
        wanted = quiet(etcd)
        metrics, before = etcd.metrics(), etcd.memstats()
        core = gcore(p.pid, work / "gdb.core")
        after, later = etcd.memstats(), etcd.metrics()
        score.check("etcd memstats", check_numbers, tool, core, metrics, before, after, later)
        score.check("etcd goroutines", check_stacks_at_rest, tool, etcd, core, wanted)
        score.check("etcd go_goroutines", check_metric, tool, etcd, work / "metric.core")
        before = etcd.memstats()
        crash = p.abort()
        score.check("etcd crash core", lambda: gocheck.check_crash(tool, crash, before))
