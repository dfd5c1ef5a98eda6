#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A second jemalloc for a process that has one: links a static, position-independent
# libjemalloc into a shared library whose functions all carry a prefix, stripped.
# Usage: scripts/copy-jemalloc.sh ARCHIVE PREFIX OUT
set -eu

archive=$(readlink -f "$1")
prefix=$2
out=$3
names="malloc calloc realloc free memalign valloc aligned_alloc posix_memalign
	malloc_usable_size mallocx rallocx xallocx sallocx dallocx sdallocx nallocx
	mallctl mallctlnametomib mallctlbymib malloc_stats_print
	malloc_conf malloc_conf_2_conf_harder malloc_message"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

(cd "$tmp" && ar x "$archive" && rm -f jemalloc_cpp*) # C++ operators have no prefix.
${CC:-gcc} -r -nostdlib -o "$tmp/all.o" "$tmp"/*.o
{
	echo "{ global:"
	for name in $names; do echo "$prefix$name;"; done
	echo "local: *; };"
} >"$tmp/map"
set --
for name in $names; do
	set -- "$@" --redefine-sym "$name=$prefix$name"
done
objcopy "$@" "$tmp/all.o"
${CC:-gcc} -shared -s -Wl,--version-script="$tmp/map" -o "$out" "$tmp/all.o" -lm -lpthread -lgcc_s
