# SPDX-License-Identifier: Apache-2.0
"""Where a function of a Go program without symbols begins, by its own table for tracebacks (runtime/symtab.go,
pcHeader; Go 1.18 and later). Not for position independent programs."""

import pathlib
import struct

from dump import Failed

MAGICS = (0xFFFFFFF0, 0xFFFFFFF1)


def sections(data):
    """{name: (address, bytes)} of a 64-bit ELF file."""
    at, size, count, names = struct.unpack_from("<Q10xHHH", data, 40)
    rows = [struct.unpack_from("<IIQQQQ", data, at + i * size) for i in range(count)]
    text = rows[names][4]
    return {data[text + r[0]:data.index(b"\0", text + r[0])].decode(): (r[3], data[r[4]:r[4] + r[5]]) for r in rows}


def find(program, function):
    """The address of a function."""
    found = sections(pathlib.Path(program).read_bytes())
    table, text = found[".gopclntab"][1], found[".text"][0]
    magic, count = struct.unpack_from("<I4xQ", table, 0)
    start, names, functions = struct.unpack_from("<QQ24xQ", table, 24)
    if magic not in MAGICS:
        raise Failed(f"{program}: pclntab {magic:#x} is not read here")
    wanted = function.encode() + b"\0"
    for i in range(count):
        entry, offset = struct.unpack_from("<II", table, functions + 8 * i)
        name = names + struct.unpack_from("<I", table, functions + offset + 4)[0]
        if table.startswith(wanted, name):
            return (start or text) + entry
    raise Failed(f"{program} has no function {function}")
