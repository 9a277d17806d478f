#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Regions and mounts of the module: options and their errors, the tools in a guest,
# static images, the region as a dma-buf.
#
# Notes: the guest sources tests/lib.sh; its cases are this script's. The range has, at
# these MiB: 0 a region of 64 with a base image, 64 one with a damaged base, 80 a static
# image, 96 nothing. The long form has a heap of dma-bufs where the kernel knows one.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
SIZE=$((160 << 20))

tree() {
	mkdir -p "$WORK/tree/dir/sub" && cp -r "$TOP/kernel/daxfs" "$WORK/tree/src" &&
		echo text >"$WORK/tree/dir/file" && ln "$WORK/tree/dir/file" "$WORK/tree/hard" &&
		ln -s dir/file "$WORK/tree/link" && mkfifo "$WORK/tree/fifo" &&
		mknod "$WORK/tree/null" c 1 3 && : >"$WORK/tree/name-to-damage" &&
		head -c 3000000 /dev/urandom >"$WORK/tree/big" &&
		truncate -s 5M "$WORK/tree/sparse" && printf end >>"$WORK/tree/sparse" &&
		chown -h 12:34 "$WORK/tree/link" "$WORK/tree/dir" && chmod 4711 "$WORK/tree/hard" &&
		setfattr -n user.what -v value "$WORK/tree/big" &&
		setfacl -m u:12:rw "$WORK/tree/src/daxfs.h" &&
		touch -d 2001-02-03T04:05:06.789 "$WORK/tree/big" "$WORK/tree/dir"
}

put() { # FILE MIB
	dd if="$1" of="$SHM/range" bs=1M seek="$2" conv=notrunc status=none
}

damaged() {
	local at

	mkdaxfs -q -d "$WORK/tree" -r "$SHM/bad" -s 16M || return 1
	at=$(grep -abo name-to-damage "$SHM/bad" | head -n 1) && at=${at%%:*} &&
		printf / | dd of="$SHM/bad" bs=1 seek="$at" conv=notrunc status=none &&
		put "$SHM/bad" 64 && rm "$SHM/bad"
}

regions() {
	shm_file range "$SIZE" && mkdaxfs -q -d "$WORK/tree" -r "$SHM/one" -s 64M &&
		put "$SHM/one" 0 && rm "$SHM/one" && damaged &&
		mkdaxfs -q -d "$WORK/tree" -o "$WORK/image" && put "$WORK/image" 80 &&
		cp -a "$WORK/tree" "$SHARE/" && stat -c %s "$WORK/image" >"$SHARE/size"
}

need "a module for $KERNEL" test -e "$(module)"
need "a tree" tree
need "regions" regions

guest region --reserved "$SHM/range" --limit $((280 * SLOW)) --env MODULE="$(module)" <<'E'
. "$TOP/tests/lib.sh"
cd "$WORK" || exit 1
export m=$WORK/m
mkdir m m2
at() { printf '%#x' $((DAXFS_PHYS + ($1 << 20))); }
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
not() { ! "$@"; }
insmod "$MODULE" || exit 1
one=phys=$(at 0),size=64M
bad=phys=$(at 64),size=16M
none=phys=$(at 96),size=32M

# By mount.daxfs, which passes on what the kernel says.
wrong() { # REGEX OPTIONS
	refuses 32 "kernel: .*$1" mount.daxfs -s none m -o "$2" && not mountpoint -q m
}
# By the old system call, whose reasons are in the log. No busybox here: mount(8) finds
# no helper in a guest.
logged() { # REGEX OPTIONS [DIR]
	dmesg -C
	! mount -i -t daxfs -o "$2" none "${3:-m}" 2>err && dmesg | grep -E "daxfs: .*$1" && return
	dmesg
	return 1
}

# ---- what is refused ----

t "System RAM" wrong "this kernel uses that range" phys=0x1000000,size=64M
t "a range that is RAM at its end" wrong "this kernel uses that range" phys=0,size=1G
t "... in the log" logged "this kernel uses that range" phys=0x1000000,size=64M
t "an address without a size" logged "needs size=" phys=0x100000000
t "an address between pages" logged "multiples of 4096" phys=0x100000001,size=64M
t "a size between pages" logged "multiples of 4096" phys=0x100000000,size=5000
t "a range round the end" logged "needs size=" phys=0xfffffffffffff000,size=1G
t "a number that is none" logged "write a number" phys=far,size=64M
t "a suffix that is none" logged "write a number" phys=0x100000000,size=64Q
t "beyond all addresses" wrong "beyond all addresses" phys=0x10000000000000,size=64M
t "nothing is there" wrong "not a daxfs|no daxfs" phys=0x200000000,size=64M
t "not daxfs" wrong "not a daxfs|no daxfs" "$none"
t "too small" wrong "truncated" "phys=$(at 0),size=4K"
t "cut off" wrong "truncated" "phys=$(at 0),size=32M"
t "no memory" logged "name one memory" ro
t "two memories" logged "name one memory" "$one,dev=/dev/pmem0"
t "a device that is not there" logged "no block device" dev=/dev/pmem7
t "a device that is no block device" logged "no block device" dev=/dev/null
modprobe loop 2>/dev/null
truncate -s 1M disk && loop=$(losetup --show -f disk)
t "a device without direct access" logged "no direct access" "dev=$loop"
losetup -d "$loop"
t "pages of a device" logged "for phys= alone" "dev=$loop,pages"
t "pages of a range between 2 MiB" wrong "multiples of" "phys=$(printf '%#x' \
	$((DAXFS_PHYS + 4096))),size=64M,pages"
t "a descriptor that is no dma-buf" wrong "no dma-buf" dmabuf=0
t "an unknown option" logged "Unknown parameter 'colour'" "$one,colour=red"
t "backing=, of a region that is not split" logged "not in split mode" "$one,backing=/x"
t "a branch of a region without" logged "made it without -b" "$one,branch=x"
t "a user" not nobody mount -i -t daxfs -o "$one" none m
t "root of a user namespace" not nobody unshare -Urm mount -i -t daxfs -o "$one" none m
t "no address in the log" not sh -c 'dmesg | grep -i 0x10000'
t "nothing is mounted" not grep -q daxfs /proc/mounts

# ---- what is mounted ----

mounts() { mount -i -t daxfs -o "$1" none "${2:-m}"; }
t "a region" mounts "$one"
t "root sees its address" grep -q "daxfs rw,.*phys=$(at 0),size=67108864" /proc/mounts
shown() {
	nobody cat /proc/mounts /proc/self/mountinfo /proc/self/mountstats >seen
	grep ' daxfs rw,.*size=' seen && not grep -E 'phys=|0x10000' seen
}
t "a user sees the mount without it" shown
equal() { # DIR
	diff -r --no-dereference --exclude=fifo --exclude=null "$SHARE/tree" "$1" &&
		rsync -aHXin --delete "$SHARE/tree/" "$1/" >diffs &&
		not grep -v '^\.d\.\.t' diffs && getfacl -n "$1/src/daxfs.h" | grep -qx user:12:rw-
}
t "the base image is the tree" equal m
t "its type" same "$(stat -f -c %t m)" 64617866
blocks() { stat -f -c '%S %b %f %a %c %d %l' m; }
counts() {
	local size total free avail inodes ifree name was

	blocks >blocks && read -r size total free avail inodes ifree name <blocks
	same "$size $name" "4096 255" && [ "$total" -gt 10000 ] && [ "$total" -le 16384 ] &&
		[ "$free" -le "$total" ] && [ "$avail" -le "$free" ] &&
		[ "$ifree" -lt "$inodes" ] || return 1
	was=$avail
	head -c 1M /dev/zero >m/some && blocks >blocks && read -r _ _ _ avail _ <blocks
	[ $((was - avail)) -ge 256 ] && [ $((was - avail)) -le 320 ]
}
t "statfs" counts
t "df" df m
t "a second mount of it" mounts "$one" m2
t "one sees what the other writes" sh -c 'echo hello >m/said && [ "$(cat m2/said)" = hello ]'
t "a mount of what is mounted there is busy" refuses 32 "." umount -i m/../m/dir
t "two hosts" same "$(daxfs-inspect hosts --json -m m | json_get '#/hosts')" 2
t "they are kernels" same "$(daxfs-inspect hosts --json -m m2 | json_get /hosts/1/kind)" kernel
t "daxfs-inspect ls, cat" same "$(daxfs-inspect cat /said -m m)" hello
t "daxfs-inspect status" daxfs-inspect status -m m
t "fsck.daxfs of a mount" fsck.daxfs -n mount:m
t "fsck.daxfs of a range" fsck.daxfs -n "phys:$(at 0):64M"
t "mkdaxfs does not touch it" refuses 1 "in use" mkdaxfs -E -f -q -p "$(at 0)" -s 64M
t "a host of here is not evicted" refuses 1 "." daxfs-inspect evict 1 -m m
t "the second goes" umount m2

# ---- read-only ----

t "remounted read-only" mount.daxfs none m -o remount,ro
t "it is" refuses 1 "Read-only" touch m/new
t "its dma-buf is, too" sh -c 'region_fd check m | grep ", ro"'
t "remounted for writing" mount.daxfs none m -o remount,rw
t "it is" touch m/new
t "an unknown option of a remount" refuses 32 "." mount.daxfs none m -o remount,colour=red
t "umount" umount m
t "mounted read-only" mounts "$one,ro"
t "it is" refuses 1 "Read-only" touch m/new2
t "what was written is there" same "$(cat m/said)" hello
t "umount" umount m

# ---- the region as a dma-buf ----

t "validate" mounts "$one,validate"
t "it is shown" grep -q 'daxfs rw,.*validate' /proc/mounts
t "the dma-buf is the region" sh -c 'region_fd check m | grep ", rw, exported"'
chmod 755 m
t "not for a user" sh -c 'setpriv --reuid 65534 --clear-groups region_fd get m; [ $? = 10 ]'
t "nor for root without the right" sh -c 'setpriv --bounding-set -sys_admin \
	--inh-caps -sys_admin region_fd get m; [ $? = 10 ]'
t "nor in a user namespace" sh -c 'unshare -Ur region_fd get m; [ $? = 10 ]'
t "it keeps the memory beyond umount" region_fd hold m umount m
t "with struct pages" mounts "$one,pages"
t "it is the region" region_fd check m
t "but once" logged "has struct pages already" "$one,pages" m2
t "another without" mounts "$one" m2
t "umount" umount m2
t "and keeps them" region_fd hold m umount m
t "damage that validate finds" wrong "base image is damaged" "$bad,validate"
t "... without it: mounted" mounts "$bad"
t "what is right is read" cmp "$SHARE/tree/big" m/big
ls -lR m >/dev/null 2>&1
t "umount" umount m

# ---- a static image ----

read -r bytes <"$SHARE/size"
static=phys=$(at 80),size=$(((bytes + 4095) / 4096 * 4096))
t "a static image" mounts "$static"
t "it is read-only" grep -q 'daxfs ro' /proc/mounts
t "it is the tree" equal m
t "not written to" refuses 1 "Read-only" touch m/new
t "nor remounted for it" refuses 32 "without an overlay" mount.daxfs none m -o remount,rw
t "its dma-buf" sh -c 'region_fd check m | grep "host -1.*ro"'
t "umount" umount m

# ---- the tools ----

# A source on the root: reads of the shared folder do not go straight into /dev/mem.
t "mkdaxfs makes and mounts" mkdaxfs -q -d "$TOP/kernel" -p "$(at 96)" -s 32M -m "$m"
t "by the module" grep -q " $m daxfs " /proc/mounts
t "it is the tree" diff -r "$TOP/kernel" m
t "in use" refuses 1 "in use" mkdaxfs -E -q -f -p "$(at 96)" -s 32M -m "$WORK/m2"
t "umount" umount m
t "split mode, too" mkdaxfs -q -f -d "$TOP/kernel" -p "$(at 96)" -s 32M -O 8M -C 256 \
	-o "$WORK/an,odd:name" -m "$m"
t "by the module" grep -q " $m daxfs .*backing=" /proc/mounts
t "it is the tree" diff -r "$TOP/kernel" m
t "umount" umount m
t "mount.daxfs: a range as source" mount.daxfs "phys:$(at 96):32M" "$m" -o noatime,nosuid
t "its options" grep -q "^none $m daxfs rw,nosuid,noatime" /proc/mounts
t "umount" umount m
if [ -e /dev/dma_heap/system ]; then
	t "a dma-buf" mkdaxfs -q -d "$TOP/kernel" -H /dev/dma_heap/system -s 32M -m "$m"
	t "it is the tree" diff -r "$TOP/kernel" m
	t "written to" cp -r "$SHARE/tree/src" m/copy
	t "its dma-buf" region_fd check m
	t "fsck.daxfs" fsck.daxfs -n mount:m
	t "its memory stays for who has it" region_fd hold m umount m
else
	skip "a dma-buf" "the kernel has no heaps of them"
fi
for r in "phys:$(at 0):64M" "phys:$(at 96):32M"; do
	t "clean: $r" fsck.daxfs -n "$r"
done
t "no complaint of the module" not sh -c 'dmesg | grep -E "daxfs: none: |daxfs: .*stays"'
t "unloaded" rmmod daxfs
finish
E
cases_of region 85
finish
