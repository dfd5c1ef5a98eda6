#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets the Go toolchains of the test matrix. Usage: scripts/fetch-go.sh [DIR [VERSION…]]
# (default build/go, all versions)
#
# Each is the module golang.org/toolchain, through the ordinary client of the Go on this machine
# (1.21 or newer, or Debian's), into the shared module cache: about 250 MB a version, fetched
# once. DIR/toolchains then has a line for each: version and GOROOT, or version, `-` and why
# not. Exit status 1 when none could be had.
set -eu

dir=${1:-build/go}
[ $# -gt 0 ] && shift
versions=${*:-1.12.17 1.13.15 1.14.15 1.15.15 1.16.15 1.17.13 1.18.10 1.19.13 1.20.14 1.21.13 1.22.12
	1.23.12 1.24.11 1.25.5 1.26.8}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
list=$dir/toolchains
[ -e "$list" ] || : >"$list"

# The newest Go that is on the machine.
find_go() {
	best= best_minor=0
	for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go /usr/lib/go-*/bin/go; do
		[ -x "$go" ] || continue
		minor=$(GOTOOLCHAIN=local "$go" version 2>/dev/null | sed -n 's/.*go1\.\([0-9]*\).*/\1/p')
		[ "${minor:-0}" -le "$best_minor" ] || best=$go best_minor=$minor
	done
	echo "$best"
}

go=$(find_go)
if [ -z "$go" ]; then
	echo "fetch-go: no go command on this machine" >&2
	exit 1
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

# Prints the directory of one version's module.
download() {
	(cd "$tmp" && GOTOOLCHAIN=local GOFLAGS=-modcacherw GO111MODULE=on \
		"$go" mod download -json "golang.org/toolchain@v0.0.1-go$1.linux-amd64") >"$tmp/json" 2>"$tmp/log" || return 1
	sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$tmp/json"
}

got=0
for version in $versions; do
	# Newlines in the list of versions are as good as blanks.
	root=$(awk -v v="$version" '$1 == v { print $2 }' "$list")
	if [ -n "$root" ] && [ -x "$root/bin/go" ]; then
		got=$((got + 1))
		continue
	fi
	grep -v "^$version " "$list" >"$tmp/list" || true
	if root=$(download "$version") && [ -n "$root" ]; then
		# Modules carry no mode bits.
		chmod +x "$root"/bin/* "$root"/pkg/tool/linux_amd64/*
		echo "go $version in $root"
		echo "$version $root" >>"$tmp/list"
		got=$((got + 1))
	else
		why=$(tail -n 1 "$tmp/log" "$tmp/json" 2>/dev/null | grep -o 'Error.*\|go: .*' | head -n 1 | cut -c1-160)
		echo "fetch-go: $version: ${why:-the download failed}" >&2
		echo "$version - ${why:-the download failed}" >>"$tmp/list"
	fi
	sort -V "$tmp/list" >"$list"
done
[ "$got" -gt 0 ]
