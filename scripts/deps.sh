#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Debian packages that heapwalk takes, and which of them this machine lacks.
#
#   scripts/deps.sh list [SET]            the packages
#   scripts/deps.sh [SET]                 says what is missing; exit status 1 when anything is
#   scripts/deps.sh install [SET]         as root: installs what is missing; else prints how
#   scripts/deps.sh --soft [SET]          install what can be; fails only for a build package
#
# SET: build, demo (build and a debugger), check (all that the tests use; the default).
set -eu

build="gcc make libc6-dev pkg-config libelf-dev libdw-dev libglib2.0-dev zlib1g-dev
       libarchive-dev"
demo="$build gdb"
# The tests without any of the last line tell so and skip what needs it.
check="$build check python3
       gdb python3-jsonschema procps nginx-light postgresql golang-go etcd-server zstd lz4 xz-utils libjemalloc2
       libjemalloc-dev redis-tools bind9"

mode=missing
case ${1:-} in
list | install) mode=$1; shift ;;
--soft) mode=soft; shift ;;
esac
case ${1:-check} in
build) packages=$build ;;
demo) packages=$demo ;;
check) packages=$check ;;
*) echo "usage: scripts/deps.sh [list|install|--soft] [build|demo|check]" >&2; exit 2 ;;
esac

find_missing() {
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
			echo "$p"
	done
}

if [ $mode = list ]; then
	printf '%s\n' $packages
	exit 0
fi
if ! command -v dpkg-query >/dev/null; then
	echo "deps: not a Debian system; wanted:" $packages >&2
	[ $mode = missing ] && exit 1
	exit 0
fi
missing=$(find_missing $packages | tr '\n' ' ')
[ -n "$missing" ] || exit 0

if [ $mode = missing ]; then
	echo "missing: $missing"
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	echo "deps: installing $missing"
	export DEBIAN_FRONTEND=noninteractive
	export RUNLEVEL=1 # To invoke-rc.d: start no server that comes with a package.
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	if { apt-get install -y -q --no-install-recommends $missing ||
	     { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }; } >"$log" 2>&1 </dev/null; then
		exit 0
	fi
	tail -n 5 "$log" >&2
	# What can be had by itself.
	if [ $mode = soft ]; then
		for p in $missing; do
			apt-get install -y -q --no-install-recommends "$p" >"$log" 2>&1 </dev/null ||
				echo "deps: $p cannot be installed: what needs it is skipped" >&2
		done
	fi
else
	echo "deps: missing packages. Install them with" >&2
	echo "    sudo apt-get install $missing" >&2
fi
[ $mode = soft ] || exit 1
hard=$(find_missing $build | tr '\n' ' ')
[ -z "$hard" ] || exit 1
