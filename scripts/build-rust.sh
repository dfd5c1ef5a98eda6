#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds fixtures/rust-jemalloc: static, stripped, twice: jemalloc without statistics, as the crate
# builds it by default, and with them.
# Usage: scripts/build-rust.sh BUILD  ->  BUILD/rust/rust-jemalloc, rust-jemalloc-stats
# When it cannot (no cargo, no crates), BUILD/rust/reason says why and the exit status is 0: the
# test tells the skip.
set -eu

build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
out=$build/rust
mkdir -p "$out"
rm -f "$out"/rust-jemalloc* "$out/reason"
if ! command -v cargo >/dev/null; then
	[ -x "$HOME/.cargo/bin/cargo" ] || { echo "cargo is not installed" >"$out/reason"; exit 0; }
	PATH=$HOME/.cargo/bin:$PATH
fi
${CC:-gcc} -O2 -std=gnu11 -ffreestanding -fno-stack-protector -c -o "$out/shimlog.o" fixtures/shimlog.c
export RUSTFLAGS="-C target-feature=+crt-static -C link-arg=$out/shimlog.o"
for name in rust-jemalloc rust-jemalloc-stats; do
	set --
	[ $name = rust-jemalloc ] || set -- --features stats
	if ! cargo build -q --release --manifest-path fixtures/rust-jemalloc/Cargo.toml \
		--target-dir "$out/target" --target x86_64-unknown-linux-gnu "$@" >"$out/log" 2>&1 </dev/null; then
		echo "cargo build: $(grep -m1 -E '^error' "$out/log" | cut -c1-150)" >"$out/reason"
		exit 0
	fi
	cp "$out/target/x86_64-unknown-linux-gnu/release/rust-jemalloc" "$out/$name"
done
