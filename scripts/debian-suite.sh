# SPDX-License-Identifier: Apache-2.0
# Sourced by the fetch scripts: packages of other Debian suites, unpacked and never installed.
#
# They come through apt itself with a configuration of its own, from the mirror this machine is
# already set up with, checked against the machine's own archive keys.
#
#   begin_fetch                     sets mirror; returns 1 when this machine has none
#   open_suite SUITE                reads the suite's package lists
#   download SUITE PACKAGE…         into $tmp/SUITE/debs
#   download_source SUITE PACKAGE   its source files, into the same
#   version_of SUITE PACKAGE        the downloaded package's full version
#   unpack SUITE DIR                all that was downloaded, into a root tree
#
# What fails returns 1 with the reason in $reason.

arch=$(dpkg --print-architecture)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

own_codename() {
	# shellcheck disable=SC1091
	(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
}

# The first URI of the machine's own sources whose suite is this release: the mirror of
# Debian proper, not a third party's, not the security archive.
find_mirror() {
	codename=$(own_codename)
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

begin_fetch() {
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' INT TERM
	mirror=$(find_mirror | head -n 1)
	[ -n "$mirror" ] || { reason="no Debian mirror for this release in /etc/apt/sources.list*"; return 1; }
}

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

open_suite() {
	root=$tmp/$1
	mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial" "$root/debs"
	: >"$root/status"
	echo "deb [signed-by=$keyring] $mirror $1 main" >"$root/sources.list"
	private_apt "$1" apt-get update -q || { reason="apt-get update: $(why "$root")"; return 1; }
}

download() {
	suite=$1
	shift
	for p in "$@"; do
		(cd "$tmp/$suite/debs" && private_apt "$suite" apt-get download -q "$p") ||
			{ reason="$p: $(why "$tmp/$suite")"; return 1; }
	done
}

download_source() {
	sed 's/^deb /deb-src /' "$tmp/$1/sources.list" >"$tmp/$1/deb-src"
	cat "$tmp/$1/deb-src" >>"$tmp/$1/sources.list"
	private_apt "$1" apt-get update -q || { reason="apt-get update: $(why "$tmp/$1")"; return 1; }
	(cd "$tmp/$1/debs" && private_apt "$1" apt-get source -q --download-only "$2") ||
		{ reason="$2: $(why "$tmp/$1")"; return 1; }
}

version_of() {
	dpkg-deb -f "$(ls "$tmp/$1/debs/$2"_*.deb)" Version
}

unpack() {
	rm -rf "$2"
	mkdir -p "$2"
	for deb in "$tmp/$1"/debs/*.deb; do
		dpkg-deb -x "$deb" "$2"
	done
	relink "$2"
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
