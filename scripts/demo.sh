#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make demo: dumps a small service whose cache was filled and mostly dropped (fixtures/demo.c),
# and looks at it. The core stays in BUILD/demo/core. Usage: scripts/demo.sh [BUILD]
set -euo pipefail

build=$(cd "${1:-build}" && pwd)
dir=$build/demo
mkdir -p "$dir"
rm -f "$dir"/core*

ulimit -S -c unlimited 2>/dev/null || ulimit -S -c "$(ulimit -H -c)"
cd "$dir"
mkfifo ready.$$
"$build/fixtures/demo" >ready.$$ &
pid=$!
trap 'kill -KILL $pid 2>/dev/null || true; rm -f "$dir/ready.$$"' EXIT
read -r -t 60 _ <ready.$$ || { echo "demo: the demo service did not start" >&2; exit 1; }
rm -f ready.$$

pattern=$(cat /proc/sys/kernel/core_pattern)
if [ "$pattern" = core ] && [ "$(ulimit -S -c)" != 0 ]; then
	how="the kernel (SIGABRT)"
	kill -ABRT $pid
	wait $pid 2>/dev/null || true
	[ -e core ] || mv core.$pid core
elif command -v gdb >/dev/null; then
	how="gdb's gcore; kernel cores go to '$pattern' here"
	gdb --nx --batch -iex "set debuginfod enabled off" -p $pid -ex "gcore core" >gdb.log 2>&1
	[ -e core ] || { tail -n 3 gdb.log >&2; exit 1; }
else
	echo "demo: kernel cores go to '$pattern', and there is no gdb to make one" >&2
	exit 1
fi

cd - >/dev/null
core=$dir/core
case $core in "$PWD"/*) core=${core#"$PWD"/} ;; esac
tool=$build/heapwalk
case $tool in "$PWD"/*) tool=${tool#"$PWD"/} ;; esac

echo "A service filled a cache of 60,000 sessions and dropped all but a few hundred; of every"
echo "third one a small record stayed."
echo "Its core, written by $how, is $core."
show() {
	echo
	echo "\$ $*"
	"$@"
}
show "$tool" summary "$core"
show "$tool" plugin ptmalloc trim "$core"
echo
echo "Go on with: $tool heaps $core · $tool maps $core · $tool plugin ptmalloc"
