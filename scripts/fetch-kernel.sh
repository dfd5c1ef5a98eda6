#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel of a Debian release, with its modules, unpacked and not installed.
#
#   scripts/fetch-kernel.sh SUITE DIR
#
# DIR: boot/vmlinuz-VERSION, lib/modules/VERSION with its modules.dep. Exit status 1 when that
# cannot be had; the reason is printed.
set -u

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/debian-suite.sh"

fetch() { # SUITE DIR
	begin_fetch && open_suite "$1" || return 1
	private_apt "$1" apt-cache depends linux-image-cloud-amd64
	package=$(sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' "$tmp/$1/log" | tail -n 1)
	[ -n "$package" ] || { reason="no linux-image-cloud-amd64"; return 1; }
	download "$1" "$package" && unpack "$1" "$2" || return 1
	[ -e "$2/lib" ] || ln -s usr/lib "$2/lib"
	/usr/sbin/depmod -b "$2" "${package#linux-image-}" || { reason="depmod fails"; return 1; }
}

fetch "$1" "$2" || { echo "$reason"; exit 1; }
