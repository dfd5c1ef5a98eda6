#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of `heaps`, as ratios in one run.

run.py BUILD [MILLIONS...]: for each size a heap of that many blocks is made and dumped by
the kernel; then the floor (map the file, add up every word) and `heaps --json` run in
turn, five times each; best user+sys of each. Anonymous memory is sampled from
/proc/PID/status while heapwalk runs. Last, one process with 200 threads, dumped by
gcore and by the kernel: best of five of `heaps` on each.

A redis of about 1 GiB: heaps, which reads only jemalloc's metadata, <= floor + 0.2 s.

Goals: heaps <= 4 x floor; anonymous <= 64 MiB + 4 bytes per block; gcore <= 1.2 x kernel.
Exit 1 when one is missed."""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

RUNS = 5


def dump_by_kernel(argv, where):
    """Runs argv until it aborts in directory `where`; returns the core's path."""
    def unlimit():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    subprocess.run(argv, cwd=where, preexec_fn=unlimit, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    return find_core(where)


def find_core(where):
    cores = [f for f in os.listdir(where) if f == 'core' or f.startswith('core.')]
    if not cores:
        sys.exit('no kernel core here: /proc/sys/kernel/core_pattern is '
                 + open('/proc/sys/kernel/core_pattern').read().strip())
    return os.path.join(where, cores[0])


def timed(argv):
    """(user+sys seconds, peak anonymous bytes, stdout) of one run."""
    peak = 0
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL)
        done = threading.Event()

        def sample():
            nonlocal peak
            while not done.wait(0.002):
                try:
                    for line in open(f'/proc/{p.pid}/status'):
                        if line.startswith('RssAnon:'):
                            peak = max(peak, int(line.split()[1]) * 1024)
                except OSError:
                    return
        t = threading.Thread(target=sample)
        t.start()
        _, status, usage = os.wait4(p.pid, 0)
        done.set()
        t.join()
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode:
            sys.exit(f'{argv}: exit {p.returncode}')
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, peak, out.read()


def alternate(a, b):
    """Best times of a and b in turn; peak memory and output of b."""
    best_a = best_b = float('inf')
    peak = 0
    for i in range(RUNS + 1):
        ta, _, _ = timed(a)
        tb, mem, out = timed(b)
        peak = max(peak, mem)
        if i:  # The first round warms the page cache.
            best_a, best_b = min(best_a, ta), min(best_b, tb)
    return best_a, best_b, peak, out


def check(name, value, goal, unit):
    ok = value <= goal
    print(f'  {"ok  " if ok else "MISS"} {name}: {value:.2f} {unit} (goal {goal:.2f})')
    return ok


def bench_size(build, millions, where):
    blocks = int(millions * 1e6)
    core = dump_by_kernel([f'{build}/tests/bench/bigheap', str(blocks)], where)
    size = os.path.getsize(core)
    print(f'{millions:g} million blocks, core of {size / 2**20:.0f} MiB')
    floor, heaps, peak, out = alternate([f'{build}/tests/bench/floor', core],
                                        [f'{build}/heapwalk', 'heaps', '--json', core])
    answer = json.loads(out)
    assert answer['complete'], answer['warnings']
    counted = sum(sum(h['blocks'].values()) for h in answer['data']['heaps'])
    print(f'  floor {floor:.3f} s, heaps {heaps:.3f} s, {heaps / counted * 1e9:.0f} ns per block, '
          f'{counted} blocks')
    os.unlink(core)
    ok = check('heaps / floor', heaps / floor, 4, 'x')
    return check('anonymous memory', peak / 2**20, 64 + 4 * counted / 2**20, 'MiB') and ok


def bench_gcore(build, where):
    if not shutil.which('gcore'):
        print('gcore: skipped, gdb is not installed')
        return True

    def unlimit():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    p = subprocess.Popen([f'{build}/fixtures/heaps', '--threads', '200'], cwd=where,
                         stdout=subprocess.PIPE, preexec_fn=unlimit)
    try:
        p.stdout.readline()
        gcore = os.path.join(where, 'gcore')
        subprocess.run(['gcore', '-o', gcore, str(p.pid)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        gcore += f'.{p.pid}'
    finally:
        p.send_signal(signal.SIGABRT)
        p.wait()
    kernel = find_core(where)
    sizes = [os.path.getsize(gcore), os.stat(kernel).st_blocks * 512]
    tk, tg, _, _ = alternate([f'{build}/heapwalk', 'heaps', '--json', kernel],
                             [f'{build}/heapwalk', 'heaps', '--json', gcore])
    print(f'200 threads: gcore file {sizes[0] / 2**20:.0f} MiB, kernel core holds '
          f'{sizes[1] / 2**20:.0f} MiB; heaps {tg:.3f} s and {tk:.3f} s')
    return check('gcore / kernel', tg / tk, 1.2, 'x')


def bench_redis(build, where):
    """jemalloc: a redis of about 1 GiB. `heaps` reads its metadata only."""
    program = shutil.which('redis-check-rdb')
    if not program:
        print('redis: skipped, redis-tools is not installed')
        return True

    def unlimit():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    server, path = os.path.join(where, 'redis-server'), os.path.join(where, 'redis')
    os.symlink(program, server)  # One binary, two names.
    p = subprocess.Popen([server, '--port', '0', '--unixsocket', path, '--save', '', '--dir', where,
                          '--crash-log-enabled', 'no', '--enable-debug-command', 'yes'],
                         cwd=where, stdout=subprocess.DEVNULL, preexec_fn=unlimit)
    try:
        for _ in range(200):
            if os.path.exists(path):
                break
            time.sleep(0.05)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b'DEBUG POPULATE 4500000 key 100\r\n')
            s.recv(100)
            time.sleep(1)
    finally:
        p.send_signal(signal.SIGABRT)
        p.wait()
    core = find_core(where)
    floor, heaps, peak, out = alternate([f'{build}/tests/bench/floor', core],
                                        [f'{build}/heapwalk', 'heaps', '--json', core])
    answer = json.loads(out)
    assert answer['complete'], answer['warnings']
    counted = sum(sum(h['blocks'].values()) for h in answer['data']['heaps'])
    print(f'redis, core of {os.path.getsize(core) / 2**20:.0f} MiB, {counted} blocks: floor '
          f'{floor:.3f} s, heaps {heaps:.3f} s, anonymous {peak / 2**20:.0f} MiB')
    os.unlink(core)
    return check('heaps on jemalloc', heaps, floor + 0.2, 's')


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
    sizes = [float(a) for a in sys.argv[2:]] or [1, 10]
    ok = True
    for millions in sizes:
        with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as where:
            ok = bench_size(build, millions, where) and ok
    with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as where:
        ok = bench_gcore(build, where) and ok
    with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as where:
        ok = bench_redis(build, where) and ok
    sys.exit(0 if ok else 1)


if __name__ == '__main__':
    main()
