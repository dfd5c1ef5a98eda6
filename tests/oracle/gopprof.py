# SPDX-License-Identifier: Apache-2.0
"""The raw outputs of `heapwalk plugin go profile`: read back and compared with its JSON."""

import collections
import gzip
import stat

from dump import Failed

NAMES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]
KEYS = ["alloc_objects_scaled", "alloc_bytes_scaled", "inuse_objects_scaled", "inuse_bytes_scaled"]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of each field of a protobuf message; bytes for what has a length."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            if at + size > len(data):
                raise Failed("pprof: a field ends behind its message")
            value, at = data[at:at + size], at + size
        else:
            raise Failed(f"pprof: wire type {key & 7}")
        yield key >> 3, value


def packed(data):
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return tuple(values)


def read_pprof(path):
    """{(values, functions innermost first): samples}, and the names of the values."""
    message = collections.defaultdict(list)
    for number, value in fields(gzip.decompress(path.read_bytes())):
        message[number].append(value)
    strings = [s.decode() for s in message[6]]
    if strings[0] != "":
        raise Failed("pprof: the first string is not empty")
    functions = {f[1]: strings[f[2]] for f in map(dict, map(fields, message[5]))}
    locations = {}
    for location in message[4]:
        parts = dict(fields(location))
        locations[parts[1]] = functions[dict(fields(parts[4]))[1]]
    names = [strings[dict(fields(t))[1]] for t in message[1]]
    samples = collections.Counter()
    for sample in message[2]:
        parts = dict(fields(sample))
        samples[packed(parts[2]), tuple(locations[i] for i in packed(parts[1]))] += 1
    return samples, names


def hidden(function):
    return function.startswith(("runtime.", "internal/runtime/"))


def shown(stack):
    """Without the runtime's functions at the inner end, unless there is nothing else."""
    names = [f["function"] for f in stack]
    first = next((i for i, name in enumerate(names) if not hidden(name)), 0)
    return tuple(names[first:])


def check(tool, core, work):
    records = tool.json("plugin", "go", "profile", core)["data"]["records"]
    wanted = collections.Counter((tuple(r[k] for k in KEYS), shown(r["stack"])) for r in records)
    path = work / "profile.pb.gz"
    tool.run("plugin", "go", "profile", core, "--format", "pprof", "-o", path)
    found, names = read_pprof(path)
    if names != NAMES:
        raise Failed(f"pprof: sample types {names}")
    if found != wanted:
        raise Failed(f"pprof: {next(iter(found - wanted), None)}, not {next(iter(wanted - found), None)}")
    if stat.S_IMODE(path.stat().st_mode) != 0o600:
        raise Failed(f"pprof: mode {path.stat().st_mode:o}")
    path.unlink()
    lines = collections.Counter()
    for line in tool.run("plugin", "go", "profile", core, "--format", "folded").decode().splitlines():
        stack, size = line.rsplit(" ", 1)
        lines[tuple(reversed(stack.split(";")))] += int(size)
    sums = collections.Counter()
    for (values, stack), count in wanted.items():
        if values[3]:
            sums[stack] += values[3] * count
    if lines != sums:
        raise Failed(f"folded: {next(iter(lines - sums), None)}, not {next(iter(sums - lines), None)}")
    return f"{sum(found.values())} samples"
