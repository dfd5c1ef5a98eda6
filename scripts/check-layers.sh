#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when a file includes a header of a stage after its own, or a plugin reaches
# past <heapwalk/>. The list of stages, first stage first:
layers="base target memory module heap graph query report command"
rank() {
	i=0
	for l in $layers; do
		[ "$l" = "$1" ] && { echo $i; return; }
		i=$((i + 1))
	done
	echo 99
}
bad=0
for f in $(find src -mindepth 2 -name '*.[ch]'); do
	own=$(rank "$(echo "$f" | cut -d/ -f2)")
	if [ "$own" = 99 ]; then
		echo "$f: not in a stage"
		bad=1
	fi
	for dir in $(sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^/"]*\)[/"].*|\1|p' "$f"); do
		[ "$dir" = heapwalk ] && continue
		if [ "$(rank "$dir")" -gt "$own" ]; then
			echo "$f: must not include \"$dir/\""
			bad=1
		fi
	done
done
for f in $(find plugins -name '*.[ch]'); do
	home=$(dirname "$f")
	for inc in $(sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*|\1|p' "$f"); do
		[ "${inc#heapwalk/}" != "$inc" ] || [ -f "$home/$inc" ] && continue
		echo "$f: a plugin may include only <heapwalk/> and its own files, not \"$inc\""
		bad=1
	done
done
exit $bad
