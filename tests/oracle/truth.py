# SPDX-License-Identifier: Apache-2.0
"""What is true of a fixture: the live set of the shim's log, and what the allocator said of
itself at the moment of the dump (mallinfo2, malloc_info)."""

import re
import subprocess
import xml.etree.ElementTree

from dump import Failed


def read_log(reader, path, busy=False):
    """address -> (requested, usable); also left in live.csv beside the log. busy: threads were
    stopped anywhere."""
    done = subprocess.run([reader, *(["--busy"] if busy else []), path], capture_output=True, timeout=120, check=False)
    if done.returncode:
        raise Failed(f"the allocation log is no oracle: {done.stderr.decode().strip()}")
    early = re.search(rb"early-frees (\d+)", done.stderr)
    if not early or int(early.group(1)):
        raise Failed(f"blocks were freed that the log never saw: {done.stderr.decode().strip()}")
    path.with_name("live.csv").write_bytes(done.stdout)
    live = {}
    for line in done.stdout.split():
        addr, size, usable = line.split(b",")
        live[int(addr, 16)] = (int(size), int(usable))
    return live


class Arena:
    """One <heap> of malloc_info. The sizes are corrected for its quirk: the total of "rest"
    adds up size fields with their flag bits, so it is too large by 1 for each binned chunk
    (its PREV_INUSE is always set); top is counted in it too, but without flags."""

    def __init__(self, heap):
        total = {t.get("type"): t for t in heap.findall("total")}
        fast = total.get("fast")  # Gone in 2.43, with the fastbins.
        self.fast_count = int(fast.get("count")) if fast is not None else 0
        self.fast = int(fast.get("size")) if fast is not None else 0
        self.rest_count = int(total["rest"].get("count"))  # With top.
        self.rest = int(total["rest"].get("size")) - (self.rest_count - 1)
        self.system = int([s for s in heap.findall("system")
                           if s.get("type") == "current"][0].get("size"))

    @property
    def free(self):
        return self.fast + self.rest


class Info:
    """The words of one libc: a line of mallinfo2, then malloc_info's XML."""

    def __init__(self, path, version):
        line, text = path.read_text().split("\n", 1)
        self.mallinfo = {k: int(v) for k, v in (f.split("=") for f in line.split())}
        root = xml.etree.ElementTree.fromstring(text)
        self.arenas = [Arena(h) for h in root.findall("heap")]
        total = {t.get("type"): t for t in root.findall("total")}
        self.mmapped_count = int(total["mmap"].get("count"))
        self.mmapped = int(total["mmap"].get("size"))
        self.check()
        # glibc 2.43, malloc.c, mremap_chunk: adds new_size - size - offset to mmapped_mem, which
        # is CHUNK_HDR_SZ more than the mapping grew by.
        self.mmapped_length = self.mmapped
        if version >= (2, 43):
            self.mmapped_length -= 16 * self.mallinfo["mremaps"]

    def check(self):
        """The two must agree with each other, else the correction above is wrong."""
        m = self.mallinfo
        for what, xml_says, says in [
                ("free bytes", sum(a.free for a in self.arenas), m["fordblks"]),
                ("fastbin bytes", sum(a.fast for a in self.arenas), m["fsmblks"]),
                ("fastbin chunks", sum(a.fast_count for a in self.arenas), m["smblks"]),
                ("free chunks", sum(a.rest_count for a in self.arenas), m["ordblks"]),
                ("arena bytes", sum(a.system for a in self.arenas), m["arena"]),
                ("mmapped bytes", self.mmapped, m["hblkhd"]),
                ("mmapped chunks", self.mmapped_count, m["hblks"])]:
            if xml_says != says:
                raise Failed(f"malloc_info and mallinfo2 disagree: {what} {xml_says} != {says}")
