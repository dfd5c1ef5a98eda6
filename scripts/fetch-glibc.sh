#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets the stripped C libraries of the test matrix: unpacked Debian packages, never
# installed. Usage: scripts/fetch-glibc.sh [DIR [SUITE…]]   (default build/glibc, all suites)
#
# DIR/<version> is a small root tree with each suite's libc6 (and, for the oldest, what linking
# against it takes):
#   DIR/2.31/…/libc.so.6, DIR/2.31/package (name and version), DIR/suites (suite, version)
# A suite that cannot be had is told on stderr, and in DIR/suites with its reason; exit
# status 1 when none could be had.
set -eu
# shellcheck source=scripts/debian-suite.sh
. "$(dirname "$0")/debian-suite.sh"

dir=${1:-build/glibc}
[ $# -gt 0 ] && shift
suites=${*:-bullseye trixie sid forky}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# fetch SUITE PACKAGE…: unpacks them under DIR/<glibc version of the first>.
fetch() {
	open_suite "$1" || return 1
	download "$@" || return 1
	full=$(version_of "$1" "$2")
	version=$(echo "$full" | sed 's/^[0-9]*://; s/[-+~].*//')
	unpack "$1" "$dir/$version"
	echo "$2 $full from $1" >"$dir/$version/package"
}

if ! begin_fetch; then
	echo "fetch-glibc: $reason" >&2
	exit 1
fi

got=0
: >"$tmp/suites"
for suite in $suites; do
	# The newest comes from whichever of the two has 2.43.
	[ "$suite" = forky ] && [ -e "$tmp/has-2.43" ] && continue
	packages=libc6
	# The program of the matrix is linked once, against the oldest: later ones run it too.
	[ "$suite" = bullseye ] && packages="libc6 libc6-dev linux-libc-dev"
	version=
	# shellcheck disable=SC2086
	if fetch "$suite" $packages; then
		echo "$suite: glibc $full in $dir/$version"
		echo "$suite $version" >>"$tmp/suites"
		: >"$tmp/has-$version"
		got=$((got + 1))
	else
		echo "fetch-glibc: $suite: $reason" >&2
		echo "$suite - $reason" >>"$tmp/suites"
	fi
done
cp "$tmp/suites" "$dir/suites"
[ "$got" -gt 0 ]
