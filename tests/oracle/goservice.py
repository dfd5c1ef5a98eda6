# SPDX-License-Identifier: Apache-2.0
"""A real Go service of the distribution: Debian's etcd, stripped and linked with cgo. It tells its own
go_memstats_*, go_goroutines and goroutine stacks over loopback. To ask is to change them, so it is dumped while it answers,
at the instant that it takes the number, and every number must be found equal. Stacks are asked before, at rest."""

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

    @staticmethod
    def parse_metrics(text):
        found = dict(re.findall(r"^go_memstats_(\w+) (\S+)$", text, re.M))
        stats = {name: int(float(found[metric])) for metric, name in FIELDS.items() if name}
        stats["HeapObjects"] = int(float(found["heap_objects"]))
        return stats

    def memstats(self):
        """runtime.ReadMemStats, by the service's pprof page. The metrics of HeapAlloc and HeapObjects come from
        runtime/metrics, which leaves out what processors have not flushed; these do not."""
        return self.parse_memstats(get(f"{self.url}/debug/pprof/heap?debug=1"))

    @staticmethod
    def parse_memstats(text):
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
    """Waits until two looks at the goroutines are equal: the same goroutines at the same places, and none
    about to run."""
    before = etcd.stacks()
    for _ in range(30):
        time.sleep(0.2)
        after = etcd.stacks()
        if before == after and not any(state == "runnable" for state, _, _ in after):
            return after
        before = after
    raise Failed("the service does not come to rest")


def check_heaps(tool, core):
    """Both allocators of a program linked with cgo, each wholly decoded."""
    answer = tool.json("heaps", core)
    gocheck.need_complete(answer, "heaps")
    check_sums(answer, "heaps")
    plugins = sorted(h["plugin"] for h in answer["data"]["heaps"])
    if plugins != ["go", "ptmalloc"]:
        raise Failed(f"the heaps are {plugins}")
    return f"mapped {', '.join(str(h['mapped']) for h in answer['data']['heaps'])}"


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
# Alone, with the others standing still, that thread goes on for so many instructions: more than it takes.
COUNTED = ["stepi 400"]
# What go_memstats_* are made from: all of it in one go, until it returns.
READ_METRICS = "runtime/metrics.runtime_readMetrics"
RETURN = ["tbreak *(*(unsigned long *)$sp)", "continue"]
# The first that runtime.ReadMemStats does with the world stopped; it counts when this returns.
READ_MEMSTATS = "runtime.flushallmcaches"


def dump_at(etcd, function, before, after, page, core):
    """A core of the instant at which a function was called, and the page that it was called for. before, after: what
    gdb does between the call and the core, and behind it."""
    addr = gofunc.find(shutil.which("etcd"), function)
    script = ["handle SIGURG nostop noprint pass", "set language c", f"break *{addr:#x}", "echo STANDS\\n", "continue",
              "delete", "set scheduler-locking on", *before, f"gcore {core}", *after, "detach"]
    argv = ["gdb", "--nx", "--batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
            "-p", str(etcd.process.pid)]
    text = []
    asks = threading.Thread(target=lambda: text.append(get(f"{etcd.url}{page}", timeout=120)))
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
    return text[0]


def check_metric(tool, etcd, core):
    text = dump_at(etcd, COLLECT, [], COUNTED, "/metrics", core)
    metric = int(re.search(r"^go_goroutines (\d+)$", text, re.M).group(1))
    answer = tool.json("goroutines", core)
    gocheck.need_complete(answer, "goroutines")
    gocheck.equal("go_goroutines", answer["data"]["total"] - answer["data"]["system"], metric)
    if not any(c["function"] == COLLECT for g in answer["data"]["groups"] for c in g["stack"]):
        raise Failed("no goroutine collects metrics")
    core.unlink()
    return f"{metric}, those that serve the metric among them"


def equal_memstats(tool, core, said, lags):
    """Every field. lags: what lies in spans of processors and was not added to the totals yet is missing in what
    was said, and nothing else is."""
    answer = tool.json("plugin", "go", "memstats", core)
    gocheck.need_complete(answer, "memstats")
    fields = {f["name"]: f for f in answer["data"]["fields"]}
    lag = {"HeapAlloc": answer["data"]["unflushed_bytes"], "HeapObjects": answer["data"]["unflushed_objects"]}
    for name in gocheck.RECOMPUTED:
        gocheck.equal(name, fields[name]["value"] - (lag.get(name, 0) if lags else 0), said[name])
        if fields[name]["agrees"] is not True:
            raise Failed(f"{name}: {fields[name]}")
    core.unlink()
    return f"{len(gocheck.RECOMPUTED)} fields equal" + (f", {lag} not in the metrics" if lags else "")


def check_metrics(tool, etcd, core):
    said = etcd.parse_metrics(dump_at(etcd, READ_METRICS, [], RETURN, "/metrics", core))
    return equal_memstats(tool, core, said, lags=True)


def check_memstats(tool, etcd, core):
    said = etcd.parse_memstats(dump_at(etcd, READ_MEMSTATS, RETURN, [], "/debug/pprof/heap?debug=1", core))
    return equal_memstats(tool, core, said, lags=False)


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
        core = gcore(p.pid, work / "gdb.core")
        score.check("etcd heaps", check_heaps, tool, core)
        score.check("etcd goroutines", check_stacks_at_rest, tool, etcd, core, wanted)
        score.check("etcd go_goroutines", check_metric, tool, etcd, work / "metric.core")
        score.check("etcd go_memstats", check_metrics, tool, etcd, work / "metric.core")
        score.check("etcd ReadMemStats", check_memstats, tool, etcd, work / "metric.core")
        before = etcd.memstats()
        crash = p.abort()
        score.check("etcd crash core", lambda: gocheck.check_crash(tool, crash, before))
