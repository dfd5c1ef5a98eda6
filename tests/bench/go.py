#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory on a Go heap, as ratios in one run.

go.py BUILD [--millions N] [--roots]: a heap of that many objects (default 20) is dumped by gdb, which
writes the whole address space, zeros and all, and then by the kernel. The floor is mapping the
kernel's core, which has what is resident, and adding up every word. `heaps` on both cores, in turn
with the floor, five times each; best user+sys of each. --roots: `roots`, too, and on one list of half as many
objects, which its root must retain to the byte.

Goals: heaps <= 1 x floor + 0.2 s on either core; anonymous memory <= 64 MiB + 1 byte per object;
roots <= 40 x floor, 40 bytes per object + 8 per reference + 16 MB. Exit 1 when one is missed."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from graph import MB, Best, alternate
from run import check, find_core

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oracle'))
import gobuild  # pylint: disable=wrong-import-position
from dump import Process, gcore  # pylint: disable=wrong-import-position


def dump(program, objects, where):
    """(kernel's core, gdb's core)."""
    with Process([program, '-objects', objects, '-wait'], where, ready='READY', timeout=120,
                 stdin=subprocess.PIPE) as p:
        other = gcore(p.pid, f'{where}/gdb')
        p.popen.stdin.write(b'\n')
        p.popen.stdin.flush()
        p.popen.wait(120)
    return find_core(where), str(other)


def check_heaps(name, best, floor, objects):
    answer = json.loads(best.out)
    assert answer['complete'], answer['warnings']
    live = next(h['blocks']['live'] for h in answer['data']['heaps'] if h['plugin'] == 'go')
    assert live >= objects, f'{live} live objects, not {objects}'
    print(f'  {name}: heaps {best.time:.3f} s, {best.time / live * 1e9:.1f} ns per object, {live} objects')
    ok = check(f'{name}: heaps, seconds', best.time, floor.time + 0.2, 's')
    return check(f'{name}: anonymous memory', best.peak / MB, 64 + live / MB, 'MiB') and ok


def bench(build, go, objects, with_roots, where):
    program = go.build(pathlib.Path(build), 'big', 'normal')
    kernel, gdb = dump(program, objects, where)
    sizes = [(os.path.getsize(f) / MB, os.stat(f).st_blocks / 2048) for f in (kernel, gdb)]
    print(f'go {go.version}, {objects} objects: kernel core {sizes[0][0]:.0f} MiB ({sizes[0][1]:.0f} on disk), '
          f'gdb core {sizes[1][0]:.0f} MiB ({sizes[1][1]:.0f})')
    floor = Best([f'{build}/tests/bench/floor', kernel])
    heaps = [Best([f'{build}/heapwalk', 'heaps', '--json', core]) for core in (kernel, gdb)]
    roots = [Best([f'{build}/heapwalk', 'roots', '--threads', '1', '--json', kernel])] if with_roots else []
    alternate([floor, *heaps])
    print(f'  floor {floor.time:.3f} s')
    ok = check_heaps('kernel core', heaps[0], floor, objects)
    ok &= check_heaps('gdb core', heaps[1], floor, objects)
    for best in roots:
        best.run(True)
        best.run(True)
        edges = 11 * objects // 10  # fixtures/go/big: 11 references among ten objects.
        print(f'  roots {best.time:.2f} s, {best.peak / MB:.0f} MiB, {edges} references')
        ok &= check('roots / floor', best.time / floor.time, 40, 'x')
        ok &= check('roots: anonymous memory', best.peak / MB, (40 * objects + 8 * edges) / MB + 16, 'MiB')
    return ok


def bench_list(build, go, objects, where):
    """The deepest heap there is."""
    program = go.build(pathlib.Path(build), 'big', 'normal')
    with Process([program, '-objects', objects, '-list'], where) as p:
        p.popen.wait(120)
    best = Best([f'{build}/heapwalk', 'roots', '--threads', '1', '--json', find_core(where)])
    best.run(True)
    answer = json.loads(best.out)
    held = [r['retained'] for r in answer['data']['roots'] if r['root']['name'] == 'main.nodes']
    print(f'  list of {objects}: roots {best.time:.2f} s, {best.peak / MB:.0f} MiB')
    assert answer['complete'], answer['warnings']
    assert held == [16 * objects], f'{held}, not {16 * objects}'
    return check('list: anonymous memory', best.peak / MB, 48 * objects / MB + 16, 'MiB')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build', nargs='?', default='build')
    parser.add_argument('--millions', type=float, default=20)
    parser.add_argument('--roots', action='store_true')
    args = parser.parse_args()
    gos = gobuild.own()
    if not gos:
        print('go: skipped, there is no go command on this machine')
        return 0
    with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as where:
        ok = bench(os.path.abspath(args.build), gos[-1], int(args.millions * 1e6), args.roots, where)
    with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as where:
        if args.roots:
            ok &= bench_list(os.path.abspath(args.build), gos[-1], int(args.millions * 5e5), where)
    return 0 if ok else 1


if __name__ == '__main__':
    sys.exit(main())
