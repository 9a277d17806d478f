#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Regions at physical addresses, through /dev/mem, and on block devices.
#
# Notes: no physical memory is touched. In a mount namespace of its own the
# name /dev/mem leads to a file of $SHM, which is mapped at the same offsets
# as the device would be, and /dev/pmem0 is a loop device. Needs $BUILD and root.
if [ "$(id -u)" -eq 0 ] && [ -z "${DAXFS_TEST_PHYS:-}" ]; then
	export DAXFS_TEST_PHYS=1
	exec unshare --mount --propagation private -- "$0" "$@"
fi
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" -eq 0 ] || give_up "needs root for a mount namespace"

truncate -s 128M "$SHM/memory"
dir=$WORK/dir
mkdir "$WORK/tree" "$WORK/dev" "$dir"
head -c 3000000 /dev/urandom >"$WORK/tree/big"
PATH=$PATH:/usr/sbin:/sbin
# Where it is still in use it goes with its last user.
trap '[ -z "${loop:-}" ] || losetup -d "$WORK/dev/pmem0"; clean_up' EXIT
truncate -s 32M "$SHM/disk"
loop=$(losetup --find --show "$SHM/disk" 2>"$WORK/.loop") || loop=
own_dev() {
	local node

	mount -t tmpfs -o mode=755 none "$WORK/dev" && mkdir "$WORK/dev/shm" || return 1
	for node in null zero full urandom fuse; do
		[ ! -e "/dev/$node" ] || cp -a "/dev/$node" "$WORK/dev/" || return 1
	done
	[ -z "$loop" ] || cp -a "$loop" "$WORK/dev/pmem0" || return 1
	ln -s /proc/self/fd "$WORK/dev/fd"
	ln -s "$SHM/memory" "$WORK/dev/mem"
	mount --rbind /dev/shm "$WORK/dev/shm" && mount --rbind "$WORK/dev" /dev
}
need "a /dev/mem of our own" own_dev

at=0x1000000
reg=phys:$at:32M
inspect() { # COMMAND [ARGUMENT]...
	daxfs-inspect "$@" -p "$at" -s 32M
}
bytes() { # FROM TO: checksum of that part of the memory
	tail -c "+$(($1 + 1))" "$SHM/memory" | head -c $(($2 - $1)) | sha256sum
}

before=$(bytes 0 $((at)))
after=$(bytes $((at + 32 * 1048576)) $((128 * 1048576)))
t "mkdaxfs -p -s" mkdaxfs -V -d "$WORK/tree" -p "$at" -s 32M
t "what is there is not overwritten" refuses 1 "holds something already" \
	mkdaxfs -E -p "$at" -s 32M
t "-f overwrites it" mkdaxfs -q -d "$WORK/tree" -r "$reg" -f
smaller() {
	mkdaxfs -q -d "$WORK/tree" -r "$reg" -s 16M -f &&
		inspect status --json >"$WORK/json" &&
		same "$(json_get /size <"$WORK/json")" 16777216
}
t "-s beside phys:ADDR:SIZE" smaller
t "a range too small" refuses 1 "no space" mkdaxfs -E -r "$reg" -s 64M -f
t "made once more" mkdaxfs -q -d "$WORK/tree" -r "$reg" -f
holds() {
	inspect cat /big | cmp - "$WORK/tree/big" &&
		same "$(daxfs-inspect ls -r "$reg")" big
}
t "daxfs-inspect ls, cat" holds
t "fsck.daxfs" fsck.daxfs -n "$reg"
untouched() {
	same "$(bytes 0 $((at)))" "$before" &&
		same "$(bytes $((at + 32 * 1048576)) $((128 * 1048576)))" "$after"
}
t "nothing beside the range has changed" untouched

grep -q '	daxfs$' /proc/filesystems || no_module=1
if [ -n "${no_module:-}" ] && [ -w /dev/fuse ]; then
	mkdir "$WORK/mnt"
	t "mkdaxfs -m without the module: FUSE" mkdaxfs -q -E -r "$reg" -f -m "$WORK/mnt"
	written() {
		echo "at an address" >"$WORK/mnt/file" &&
			same "$(inspect cat /file)" "at an address" &&
			same "$(daxfs-inspect cat /file -m "$WORK/mnt")" "at an address"
	}
	t "written by the mount, read beside it" written
	t "in use: even -f leaves it" refuses 1 "in use by process [0-9]+ .*host 0" \
		mkdaxfs -E -r "$reg" -f
	t "fsck.daxfs -y leaves it, too" refuses 8 "the region is in use" fsck.daxfs -y "$reg"
	t "unmounted" unmount "$WORK/mnt"
	freed() {
		local i

		for i in $(seq 100); do
			inspect hosts --json >"$WORK/json"
			[ "$(json_get '#/hosts' <"$WORK/json")" = 0 ] && return 0
			sleep 0.05
		done
		echo "a host is left after $i looks"
		return 1
	}
	t "... by its host, too" freed
	t "then -f overwrites it" mkdaxfs -q -E -r "$reg" -f
else
	skip "mkdaxfs -m without the module" "the module is there, or no /dev/fuse"
fi
# ---- a block device: processes or the kernel, never both ----

pmem=/dev/pmem0
if [ -n "$loop" ] && [ -w /dev/fuse ]; then
	mkdir "$WORK/one" "$WORK/two"
	t "mkdaxfs on a pmem device" mkdaxfs -q -E -r "$pmem"
	two_servers() {
		daxfs-fuse "$pmem" "$WORK/one" && daxfs-fuse "$pmem" "$WORK/two" &&
			echo shared >"$WORK/one/file" &&
			same "$(cat "$WORK/two/file")" shared
	}
	t "two FUSE mounts of it" two_servers
	t "a tool beside them" daxfs-inspect ls -r "$pmem" /
	t "the module is kept away" refuses 32 "goes through the page cache" \
		mount.daxfs "$pmem" "$dir" -f
	t "... by dev=, too" refuses 32 "goes through the page cache" \
		mount.daxfs none "$dir" -f -o dev=$pmem
	unmount "$WORK/one" && unmount "$WORK/two"
	free_of_servers() {
		local i

		for i in $(seq 100); do
			mount.daxfs "$pmem" "$dir" -f 2>"$WORK/.err" && return 0
			sleep 0.05
		done
		echo "after $i looks:"
		cat "$WORK/.err"
		return 1
	}
	t "then it may have it" free_of_servers
	# What is mounted is held as the module holds it.
	held() {
		mkfs.ext4 -q -F "$pmem" && mount -t ext4 "$pmem" "$WORK/one" &&
			refuses 1 "has it for itself" daxfs-inspect status -r "$pmem" &&
			refuses 1 "cannot open it" mkdaxfs -E -f -r "$pmem"
	}
	t "what the kernel has is refused" held
	umount "$WORK/one"
else
	skip "a block device" "no loop device or no /dev/fuse: $(cat "$WORK/.loop")"
fi

rm "$WORK/dev/mem"
t "no /dev/mem" refuses 1 "cannot open /dev/mem" mkdaxfs -E -r "$reg" -f
t "daxfs-inspect: no /dev/mem" refuses 1 "/dev/mem: No such file" inspect status
finish
