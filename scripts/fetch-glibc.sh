#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets the stripped C libraries of the test matrix: unpacked Debian packages, never
# installed. Usage: scripts/fetch-glibc.sh [DIR [SUITE…]]   (default build/glibc, all suites)
#
# Each suite's libc6 (and, for the oldest, what linking against it takes) comes through apt
# itself with a configuration of its own, from the mirror this machine is already set up with,
# checked against the machine's own archive keys. DIR/<version> is then a small root tree:
#   DIR/2.31/…/libc.so.6, DIR/2.31/package (name and version), DIR/suites (suite, version)
# A suite that cannot be had is told on stderr, and in DIR/suites with its reason; exit
# status 1 when none could be had.
set -eu

dir=${1:-build/glibc}
[ $# -gt 0 ] && shift
suites=${*:-bullseye trixie sid forky}
arch=$(dpkg --print-architecture)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# The first URI of the machine's own sources whose suite is this release: the mirror of
# Debian proper, not a third party's, not the security archive.
find_mirror() {
	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] || continue
		awk -v code="$codename" '
			/^URIs:/   { uri = $2 }
			/^Suites:/ { for (i = 2; i <= NF; i++) if ($i == code) found = 1 }
			/^[ \t]*$/ { if (found && uri != "") exit; uri = ""; found = 0 }
			END        { if (found && uri != "") print uri }' "$f"
	done
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		sed 's/\[[^]]*\]//' | awk -v code="$codename" '$1 == "deb" && $3 == code { print $2 }'
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

# With a private state and cache, and no settings of the machine but its proxies.
private_apt() {
	suite=$1
	shift
	root=$tmp/$suite
	"$@" \
		-o Dir::State="$root/state" -o Dir::State::status="$root/status" \
		-o Dir::Cache="$root/cache" -o Dir::Etc::sourcelist="$root/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o APT::Architecture="$arch" \
		-o APT::Architectures="$arch" -o Acquire::Languages=none -o APT::Sandbox::User=root \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
		-o Acquire::Check-Valid-Until=false >>"$root/log" 2>&1
}

# fetch SUITE PACKAGE…: unpacks them under DIR/<glibc version of the first>.
fetch() {
	suite=$1
	shift
	root=$tmp/$suite
	mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial" "$root/debs"
	: >"$root/status"
	echo "deb [signed-by=$keyring] $mirror $suite main" >"$root/sources.list"
	private_apt "$suite" apt-get update -q || { reason="apt-get update: $(why "$root")"; return 1; }
	for p in "$@"; do
		(cd "$root/debs" && private_apt "$suite" apt-get download -q "$p") ||
			{ reason="$p: $(why "$root")"; return 1; }
	done
	deb=$(ls "$root"/debs/"$1"_*.deb)
	full=$(dpkg-deb -f "$deb" Version)
	version=$(echo "$full" | sed 's/^[0-9]*://; s/[-+~].*//')
	rm -rf "$dir/$version"
	mkdir -p "$dir/$version"
	for deb in "$root"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/$version"
	done
	relink "$dir/$version"
	echo "$1 $full from $suite" >"$dir/$version/package"
	reason=
}

# Absolute links (libpthread.so -> /lib/…) would lead out of the tree to this machine's libc.
relink() {
	find "$1" -type l | while read -r link; do
		to=$(readlink "$link")
		case $to in
		/*) [ ! -e "$1$to" ] || ln -sfr "$1$to" "$link" ;;
		esac
	done
}

why() {
	grep -E '^(E|W|Err):' "$1/log" | tail -n 1 | cut -c1-200 || true
}

mirror=$(find_mirror | head -n 1)
if [ -z "$mirror" ]; then
	echo "fetch-glibc: no Debian mirror for this release in /etc/apt/sources.list*" >&2
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
