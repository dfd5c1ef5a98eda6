#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the jemallocs of the matrix that no package has: 5.3.0 from Debian's source package with
# --with-jemalloc-prefix=je_, and 5.1.0, 5.0.1 and 4.5.0 from the sources inside the crates
# jemalloc-sys 0.1.8, 0.1.5 and 0.1.4.
# Usage: scripts/build-jemalloc.sh [DIR]   (default build/jemalloc/own)
#
#   DIR/<version>/libjemalloc.so.2       stripped
#   DIR/je-5.3.0/libjemalloc.so.2        its functions carry je_
#   DIR/je-5.3.0/libtwo.so               with Debian's libjemalloc_pic.a beside it: two in one
#   DIR/built                            name, and - and the reason for what could not be built
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/debian-suite.sh
. "$here/debian-suite.sh"

dir=${1:-build/jemalloc/own}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
archive=/usr/lib/x86_64-linux-gnu/libjemalloc_pic.a
PATH=$PATH:$HOME/.cargo/bin

# make_library SOURCES NAME CONFIGURE-ARG…: DIR/NAME/libjemalloc.so.2
make_library() {
	sources=$1 name=$2
	shift 2
	(cd "$sources" && sh ./configure --disable-cxx CFLAGS="-O1 -fvisibility=hidden" "$@" &&
		make -j"$(nproc)" lib/libjemalloc.so.2 lib/libjemalloc_pic.a) >"$tmp/log" 2>&1 ||
		{ reason="$name: $(grep -m1 -i error "$tmp/log" | cut -c1-150)"; return 1; }
	mkdir -p "$dir/$name"
	strip -o "$dir/$name/libjemalloc.so.2" "$sources/lib/libjemalloc.so.2"
}

prefixed() {
	[ -n "$mirror" ] || return 1
	suite=$(own_codename)
	open_suite "$suite" && download_source "$suite" jemalloc || return 1
	mkdir "$tmp/source"
	tar -xf "$tmp/$suite"/debs/jemalloc_*.orig.tar.* -C "$tmp/source" --strip-components 1 ||
		{ reason="$1: no source archive"; return 1; }
	make_library "$tmp/source" "$1" --with-jemalloc-prefix=je_ --with-private-namespace=own_ || return 1
	[ -e "$archive" ] || return 0
	${CC:-gcc} -shared -s -o "$dir/$1/libtwo.so" -Wl,--whole-archive "$archive" \
		"$tmp/source/lib/libjemalloc_pic.a" -Wl,--no-whole-archive -lm -lpthread -lstdc++ ||
		{ reason="$1: libtwo.so could not be linked"; return 1; }
}

# crate NAME CRATE-VERSION COMMIT: the crate keeps jemalloc's sources; some of them its VERSION.
crate() {
	command -v cargo >/dev/null || { reason="cargo is not installed"; return 1; }
	crate=$tmp/$2
	mkdir -p "$crate/src"
	: >"$crate/src/lib.rs"
	printf '[package]\nname = "x"\nversion = "0.0.0"\n[dependencies]\njemalloc-sys = "=%s"\n' "$2" \
		>"$crate/Cargo.toml"
	cargo vendor -q --manifest-path "$crate/Cargo.toml" "$crate/vendor" >"$tmp/log" 2>&1 </dev/null ||
		{ reason="cargo vendor: $(grep -m1 '^error' "$tmp/log" | cut -c1-150)"; return 1; }
	sources=$crate/vendor/jemalloc-sys/jemalloc
	[ ! -e "$sources/../configure/configure" ] || cp "$sources/../configure/configure" "$sources"
	echo "$1-0-g$3" >"$sources/VERSION"
	make_library "$sources" "$1"
}

build() { # NAME FUNCTION ARG…
	name=$1
	shift
	if "$@"; then
		echo "$name" >>"$tmp/built"
	else
		echo "build-jemalloc: $reason" >&2
		echo "$name - $reason" >>"$tmp/built"
	fi
}

begin_fetch || mirror=
: >"$tmp/built"
build 5.1.0 crate 5.1.0 0.1.8 61efbda7098de6fe64c362d309824864308c36d4
build 5.0.1 crate 5.0.1 0.1.5 896ed3a8b3f41998d4fb4d625d30ac63ef2d51fb
build 4.5.0 crate 4.5.0 0.1.4 04380e79f1e2428bd0ad000bbc6e3d2dfc6b66a5
build je-5.3.0 prefixed je-5.3.0
cp "$tmp/built" "$dir/built"
