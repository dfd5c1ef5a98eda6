#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets the stripped jemalloc libraries of the test matrix: unpacked Debian packages, never
# installed. Usage: scripts/fetch-jemalloc.sh [DIR [SUITE…]]
# (default build/jemalloc, all suites)
#
# DIR/<package version> is a small root tree with the suite's libjemalloc2, the C++ runtime that
# it links to and the libc6 to run it under:
#   DIR/5.2.1-3/usr/lib/x86_64-linux-gnu/libjemalloc.so.2, DIR/suites (suite, version)
# A suite that cannot be had is told on stderr, and in DIR/suites with its reason; exit
# status 1 when none could be had.
set -eu
# shellcheck source=scripts/debian-suite.sh
. "$(dirname "$0")/debian-suite.sh"

dir=${1:-build/jemalloc}
[ $# -gt 0 ] && shift
# bullseye 5.2.1; bookworm 5.3.0; trixie 5.3.0 built for 57-bit addresses; sid 5.3.1.
suites=${*:-bullseye bookworm trixie sid}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

fetch() {
	open_suite "$1" || return 1
	download "$1" libjemalloc2 libstdc++6 libgcc-s1 libc6 || return 1
	version=$(version_of "$1" libjemalloc2)
	unpack "$1" "$dir/$version"
	rm -rf "$dir/$version"/usr/share "$dir/$version"/usr/lib/*/gconv
}

if ! begin_fetch; then
	echo "fetch-jemalloc: $reason" >&2
	exit 1
fi

got=0
: >"$tmp/suites"
for suite in $suites; do
	if fetch "$suite"; then
		echo "$suite: jemalloc $version in $dir/$version"
		echo "$suite $version" >>"$tmp/suites"
		got=$((got + 1))
	else
		echo "fetch-jemalloc: $suite: $reason" >&2
		echo "$suite - $reason" >>"$tmp/suites"
	fi
done
cp "$tmp/suites" "$dir/suites"
[ "$got" -gt 0 ]
