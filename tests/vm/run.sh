#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Living processes under another kernel, Debian's, in qemu: cgroup v2 with the memory controller,
# swap, yama, and on Linux 6.1 no PAGEMAP_SCAN. Nothing of it is installed or left.
#
#   run.sh BUILD [LIVE_ARG…]
#
# The machine's disk is made of this one's programs and libraries, and of BUILD. tests/vm/init runs
# `live.py BUILD LIVE_ARG…` there; its output and exit status are those of this script.
#
#   VM_SUITE    a Debian release whose kernel is fetched (trixie); else the newest in /boot
#   VM_COMMAND  run instead of live.py, in a directory with build/, tests/ and fixtures/
#   VM_ACCEL    of qemu; tcg, a processor of software, is 10 to 20 times as slow as kvm
set -eu

PATH=/usr/sbin:/usr/bin # The distribution's: what it is linked to is in its place there.

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
shift

skip() {
	echo "skip  vm: $1"
	echo "vm: 0 passed, 0 failed, 1 skipped"
	exit 0
}

for program in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static mke2fs:e2fsprogs \
	cpio:cpio xz:xz-utils depmod:kmod python3:python3; do
	command -v "${program%:*}" >/dev/null || skip "${program#*:} is not installed"
done
! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip "busybox is not static: busybox-static is not installed"

work=$(mktemp -d /var/tmp/heapwalk-vm-XXXXXX)
qemu=
trap '[ -z "$qemu" ] || kill $qemu 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
root=$work/root
first=$work/first

top=
if [ -n "${VM_SUITE:-}" ]; then
	top=$work/kernel
	reason=$("$tree/scripts/fetch-kernel.sh" "$VM_SUITE" "$top") || skip "no kernel of $VM_SUITE: $reason"
fi
kernel=
for image in "$top"/boot/vmlinuz-*; do # Ascending: the last one with modules.
	[ ! -e "$top/lib/modules/${image##*/vmlinuz-}/modules.dep" ] || kernel=$image
done
[ -n "$kernel" ] || skip "there is no kernel with modules in /boot: linux-image-cloud-amd64 is not installed"
modules=$top/lib/modules/${kernel##*/vmlinuz-}

# Each file, and all that it is linked to.
with_libraries() {
	for file in "$@"; do
		[ -e "$file" ] || file=$(PATH=$PATH which "$file") || continue
		echo "$file"
		ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true
	done | sort -u
}

# Modules and those that they need, with a list of the order in which they load.
copy_modules() { # DIR NAME…
	to=$1
	shift
	mkdir -p "$to"
	for name in "$@"; do # What is built in has no line.
		sed -n "s|\(.*/\)\?$name\.ko[^:]*:|& |p" "$modules/modules.dep" | head -n 1 |
			awk '{ for (i = NF; i > 0; i--) { sub(/:$/, "", $i); print $i } }'
	done | awk '!seen[$0]++' | while read -r file; do
		cp "$modules/$file" "$to/"
		case $file in *.xz) xz -d "$to/${file##*/}" ;; esac
		file=${file##*/}
		echo "${file%.xz}"
	done >"$to/list"
}

mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/share" "$root/var/tmp" \
	"$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" "$root/root" "$root/etc" "$root/heapwalk/build"
for dir in bin sbin lib lib64; do ln -s usr/$dir "$root/$dir"; done
stdlib=$(python3 -c 'import os; print(os.path.dirname(os.__file__))')
libraries=/usr/lib/$(uname -m)-linux-gnu
with_libraries sh bash python3 gdb setpriv unshare mount umount dd cat echo env true sleep chmod cp rm mkdir mkswap \
	swapon swapoff insmod "$libraries/libjemalloc.so.2" "$libraries/libgcc_s.so.1" \
	"$stdlib"/lib-dynload/*.so "$build/heapwalk" "$build"/plugins/*.so "$build"/fixtures/* |
	grep -v "^$build/" | while read -r file; do
	case $file in /usr/*) to=$root$file ;; *) to=$root/usr$file ;; esac
	mkdir -p "${to%/*}"
	[ -e "$to" ] || cp -L "$file" "$to"
done
mkdir -p "$root$stdlib"
tar -C "$stdlib" --exclude=__pycache__ --exclude=./test --exclude='*.a' -cf - . | tar -C "$root$stdlib" -xf -
[ ! -d /usr/share/gdb ] || cp -r /usr/share/gdb "$root/usr/share/"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
copy_modules "$root/modules" lzo-rle zram
cp -r "$tree/tests" "$tree/fixtures" "$root/heapwalk/"
cp -r "$build/heapwalk" "$build/plugins" "$build/fixtures" "$root/heapwalk/build/"
echo "${VM_COMMAND:-python3 -B tests/live/live.py build $*}" >"$root/heapwalk/command"
cp "$here/init" "$root/init"
truncate -s 2G "$work/disk"
mke2fs -q -t ext4 -E root_owner=0:0 -O ^has_journal -d "$root" "$work/disk"

# What finds the disk.
mkdir -p "$first/bin" "$first/dev" "$first/root"
cp -L "$(command -v busybox)" "$first/bin/busybox"
copy_modules "$first/modules" virtio_pci virtio_blk ext4
cat >"$first/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
while read -r file; do /bin/busybox insmod "/modules/$file"; done </modules/list
until [ -e /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /init
EOF
chmod +x "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet) >"$work/initrd"

: >"$work/out"
qemu-system-x86_64 -accel "${VM_ACCEL:-tcg}" -cpu max -smp 2 -m 1536 -nodefaults -display none -no-reboot \
	-kernel "$kernel" -initrd "$work/initrd" \
	-append "console=ttyS0 quiet panic=-1 sysctl.kernel.core_pattern=core" \
	-serial "file:$work/console" -serial "file:$work/out" \
	-drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" </dev/null &
qemu=$!
tail -n +1 -s 0.2 -f --pid=$qemu "$work/out" | sed -u 's/\r$//; /^exit status /d'
wait $qemu || true
qemu=
status=$(tr -d '\r' <"$work/out" | sed -n 's/^exit status //p')
[ -n "$status" ] || { echo "FAIL  vm: it ended early:"; tail -n 20 "$work/console"; status=1; }
exit $status
