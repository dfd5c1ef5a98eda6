#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of `leaks` and `roots`, as ratios in one run.

graph.py BUILD [SHAPE=MILLIONS...]: for each shape of graphs.c a heap is made and dumped by
the kernel; then the floor (map the file, add up every word), `leaks` and `roots` run in
turn, five times each; best user+sys of each. Shape c is measured against a dependent random
walk over as many nodes, in turn too. Anonymous memory is sampled while heapwalk runs. Last,
wall time of `leaks` with one thread and with two, in turn, and in it that of the edge scan
alone, as HEAPWALK_TIMES has it.

`graph.py BUILD linear` does shape a at 1, 3, 10 and 20 million; a block may take no more than
half as long again in any of them as in the one before.

HW_GRAPH_TOOL names a program to measure instead of heapwalk; it is called the same way.
Exit 1 when a goal is missed."""
import json
import os
import subprocess
import sys
import tempfile
import time

from run import check, dump_by_kernel, timed

RUNS = 5
# (leaks, roots), times the floor, or for c the random walk.
GOALS = {'a': (8, 18), 'b': (20, 180), 'c': (4, 11), 'd': (8, 18), 'e': (8, 18)}
DEFAULT = ['a=20', 'b=10', 'c=10', 'd=10', 'e=2']
MB = 1 << 20


class Best:
    """The least time and the most memory of several runs of one command."""

    def __init__(self, argv, reads_time=False):
        self.argv, self.reads_time = argv, reads_time
        self.time, self.peak, self.wall = float('inf'), 0, float('inf')
        self.out = b''

    def run(self, counts):
        began = time.monotonic()
        spent, peak, self.out = timed(self.argv)
        if self.reads_time:  # The walk's own time, without what sets it up.
            spent = float(self.out.split()[0])
        self.peak = max(self.peak, peak)
        if counts:
            self.time = min(self.time, spent)
            self.wall = min(self.wall, time.monotonic() - began)


def alternate(commands):
    for i in range(RUNS + 1):
        for command in commands:
            command.run(i > 0)  # The first round warms the page cache.


def tool(build):
    return os.environ.get('HW_GRAPH_TOOL', f'{build}/heapwalk')


def live_blocks(build, core):
    """(live blocks, bytes of the heaps) as `heaps` counts them."""
    _, _, out = timed([f'{build}/heapwalk', 'heaps', '--json', core])
    heaps = json.loads(out)['data']['heaps']
    return sum(h['blocks']['live'] for h in heaps), sum(h['mapped'] for h in heaps)


def edges_of(out):
    """References between blocks, when the answer says; else None."""
    try:
        return json.loads(out)['data'].get('edges')
    except (ValueError, KeyError, AttributeError):
        return None


def check_memory(name, best, blocks, mapped, per_block, per_edge, edges):
    goal = per_block * blocks + per_edge * edges + mapped * 32 / 1000 + 16 * MB
    return check(f'{name}: anonymous memory', best.peak / MB, goal / MB, 'MiB')


# References of each shape, for one block, when the answer does not say.
EDGES = {'a': 1.3, 'b': 3, 'c': 1, 'd': 2, 'e': 1}


def bench_shape(build, shape, millions, where):
    blocks = int(millions * 1e6)
    core = dump_by_kernel([f'{build}/tests/bench/graphs', shape, str(blocks)], where)
    size = os.path.getsize(core)
    live, mapped = live_blocks(build, core)
    floor = Best([f'{build}/tests/bench/floor', core])
    walk = Best([f'{build}/tests/bench/graphs', 'w', str(blocks)], reads_time=True)
    leaks = Best([tool(build), 'leaks', '--threads', '1', '--json', core])
    roots = Best([tool(build), 'roots', '--threads', '1', '--json', core])
    commands = [floor, leaks, roots] + ([walk] if shape == 'c' else [])
    alternate(commands)
    base, named = (walk, 'walk') if shape == 'c' else (floor, 'floor')
    edges = edges_of(leaks.out) or EDGES[shape] * live
    print(f'({shape}) {live} live blocks, core of {size / MB:.0f} MiB: {named} {base.time:.3f} s, '
          f'leaks {leaks.time:.3f} s ({leaks.time / live * 1e9:.0f} ns per block), roots '
          f'{roots.time:.3f} s ({roots.time / live * 1e9:.0f} ns per block)')
    ok = check(f'leaks / {named}', leaks.time / base.time, GOALS[shape][0], 'x')
    ok &= check(f'roots / {named}', roots.time / base.time, GOALS[shape][1], 'x')
    ok &= check_memory('leaks', leaks, live, mapped, 16, 4, edges)
    ok &= check_memory('roots', roots, live, mapped, 40, 8, edges)
    if shape == 'a' and os.cpu_count() > 1:
        ok &= bench_threads(build, core)
        ok &= bench_edges(build, core)
    return ok, leaks.time / live * 1e9, roots.time / live * 1e9


PHASE = 'heapwalk: time: following references: '


def edge_scan(build, core, threads):
    """Wall seconds of the phase that reads the references."""
    done = subprocess.run([tool(build), 'leaks', '--threads', str(threads), '--json', core],
                          env={**os.environ, 'HEAPWALK_TIMES': '1'}, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=True, text=True)
    return next(float(line[len(PHASE):].split()[0]) for line in done.stderr.splitlines()
                if line.startswith(PHASE))


def bench_edges(build, core):
    best = {1: float('inf'), 2: float('inf')}
    for _ in range(RUNS):
        for threads in best:
            best[threads] = min(best[threads], edge_scan(build, core, threads))
    print(f'  edge scan: {best[1]:.3f} s with one thread, {best[2]:.3f} s with two (wall)')
    return check('edge scan, two threads / one', best[2] / best[1], 1 / 1.6, 'x')


def bench_threads(build, core):
    one = Best([tool(build), 'leaks', '--threads', '1', '--json', core])
    two = Best([tool(build), 'leaks', '--threads', '2', '--json', core])
    alternate([one, two])
    assert one.out == two.out, 'the answer depends on the number of threads'
    gain = one.wall / two.wall
    print(f'  leaks: {one.wall:.3f} s with one thread, {two.wall:.3f} s with two (wall)')
    return check('wall time, two threads / one', 1 / gain, 1 / 1.25, 'x')


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
    wanted = sys.argv[2:] or DEFAULT
    is_linear = wanted == ['linear']
    before = None
    if is_linear:
        wanted = ['a=1', 'a=3', 'a=10', 'a=20']
    ok = True
    for item in wanted:
        shape, millions = item.split('=')
        with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as where:
            fine, *each = bench_shape(build, shape, float(millions), where)
            ok = ok and fine
        if is_linear and before:
            for name, ns, was in zip(('leaks', 'roots'), each, before):
                ok &= check(f'{name}: ns per block / that of the size before', ns / was, 1.5, 'x')
        before = each
    sys.exit(0 if ok else 1)


if __name__ == '__main__':
    main()
