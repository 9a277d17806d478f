#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# mount.daxfs and what else speaks with the kernel module, without the module.
#
# Notes: what the module does is tested in guests (tests/vm). Here: options,
# messages, exit statuses, and which memory is found behind a name. Devices of
# DAX are described by a folder of our own over /sys/dev/char, in a mount
# namespace of our own; that part needs root. -f mounts nothing, -v tells what
# would be. Needs $BUILD.
if [ "$(id -u)" -eq 0 ] && [ -z "${DAXFS_TEST_MOUNT:-}" ]; then
	export DAXFS_TEST_MOUNT=1
	exec unshare --mount --propagation private -- "$0" "$@"
fi
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

dir=$WORK/dir
mkdir "$dir"
phys=phys=0x100000000,size=512M

# ---- usage ----

t "--help" mount.daxfs --help
t "--version" mount.daxfs --version
t "no arguments" refuses 1 "name a source and a directory" mount.daxfs
t "one argument" refuses 1 "name a source and a directory" mount.daxfs none
t "three arguments" refuses 1 "too many" mount.daxfs none "$dir" x -o $phys
t "an option that is none" refuses 1 "wrong option" mount.daxfs none "$dir" -Q
t "a namespace" refuses 1 "nsenter" mount.daxfs none "$dir" -N 1 -o $phys
t "no memory" refuses 1 "which memory" mount.daxfs none "$dir" -f
t "phys without size" refuses 1 "needs size=" mount.daxfs none "$dir" -f -o phys=0
t "phys without a value" refuses 1 "has no value" mount.daxfs none "$dir" -f -o phys=
t "two memories" refuses 1 "exclude each other" \
	mount.daxfs none "$dir" -f -o "$phys,dev=/dev/pmem0"
t "source and option" refuses 1 "both name the memory" \
	mount.daxfs /dev/pmem0 "$dir" -f -o $phys
for o in phys=1,size=4096 phys=0,size=1 phys=x,size=1M phys=0,size=1X phys=0,size=0 \
	phys=-4096,size=1M phys=0xfffffffffffff000,size=1M; do
	t "-o $o" refuses 1 "multiples of 4096" mount.daxfs none "$dir" -f -o $o
done
for r in phys: phys:0 phys:0:100 phys:0:1M:1; do
	t "source $r" refuses 1 "multiples of 4096" mount.daxfs $r "$dir" -f
done
t "a descriptor that is none" refuses 1 "not the number" \
	mount.daxfs none "$dir" -f -o dmabuf=x

# ---- what is no memory ----

: >"$SHM/file"
t "a file" refuses 32 "mount -t fuse.daxfs $SHM/file" mount.daxfs "$SHM/file" "$dir" -f
t "a directory" refuses 32 "a directory; name" mount.daxfs "$SHM" "$dir" -f
t "a device of something else" refuses 32 "not a device of memory" \
	mount.daxfs /dev/null "$dir" -f
t "... by dev=" refuses 32 "not a device of memory" \
	mount.daxfs none "$dir" -f -o dev=/dev/null
t "nothing" refuses 32 "No such file.*/dev/pmemN" mount.daxfs "$SHM/none" "$dir" -f
t "no such directory" refuses 32 "make the directory first" \
	mount.daxfs none "$SHM/none" -f -o $phys
t "a file as directory" refuses 32 "not a directory" \
	mount.daxfs none "$SHM/file" -f -o $phys

# ---- what is told to the kernel ----

tells() { # TEXT ARGUMENT...
	local text=$1
	shift

	mount.daxfs "$@" -f -v >"$WORK/said" || return 1
	grep -qF -- "$text" "$WORK/said" || { cat "$WORK/said"; return 1; }
}
t "a range by options" tells "none on $dir type daxfs (rw,phys=0x100000000,size=536870912)" \
	none "$dir" -o $phys
t "a range by the source, which is shown to nobody" \
	tells "none on $dir type daxfs (rw,phys=0x100000000,size=536870912)" \
	phys:4G:512M "$dir"
t "options of the module" tells ",validate,pages,later=1)" none "$dir" \
	-o "$phys,validate,pages,later=1"
t "ro" tells "(ro," none "$dir" -o "$phys,ro"
t "-r" tells "(ro," none "$dir" -o $phys -r
t "rw after ro" tells "(rw," none "$dir" -o "$phys,ro,rw"
t "no attributes" tells "attributes 0x0" none "$dir" -o "$phys,defaults,noauto,x-a=b,nofail"
t "nosuid, nodev, noexec" tells "attributes 0xe" none "$dir" -o "$phys,nosuid,nodev,noexec"
t "noatime" tells "attributes 0x10" none "$dir" -o "$phys,strictatime,noatime"
t "strictatime" tells "attributes 0x20" none "$dir" -o "$phys,noatime,strictatime"
t "relatime" tells "attributes 0x0" none "$dir" -o "$phys,strictatime,relatime"
t "nodiratime, nosymfollow" tells "attributes 0x200080" none "$dir" \
	-o "$phys,nodiratime,nosymfollow"
t "what user implies" tells "attributes 0xe" none "$dir" -o "$phys,user"
t "... and what takes that back" tells "attributes 0x6" none "$dir" -o "$phys,user,exec"
t "a relative directory" bash -c "cd '$WORK' && mount.daxfs none dir -fv -o $phys |
	grep -qF 'none on $dir type'"
t "a dma-buf" tells "dma-buf on $dir type daxfs (rw,dmabuf=7)" none "$dir" -o dmabuf=7

# ---- device DAX ----

if [ "$(id -u)" -eq 0 ]; then
	sys=$WORK/sys
	dax=$WORK/dax0.0
	own_sysfs() {
		mkdir "$sys" && mount -t tmpfs none "$sys" &&
			mkdir -p "$sys/1:3/mapping0" "$sys/bus/dax" &&
			ln -s ../bus/dax "$sys/1:3/subsystem" &&
			echo 0x240000000 >"$sys/1:3/resource" &&
			echo 1073741824 >"$sys/1:3/size" &&
			mount --bind "$sys" /sys/dev/char && mknod "$dax" c 1 3
	}
	need "a DAX device as sysfs describes it" own_sysfs
	t "its range" tells \
		"$dax on $dir type daxfs (rw,phys=0x240000000,size=1073741824)" "$dax" "$dir"
	t "... by dev=" tells "(rw,phys=0x240000000,size=1073741824)" none "$dir" -o "dev=$dax"
	t "dev= that says the same" tells "(rw,phys=0x240000000," "$dax" "$dir" -o "dev=$dax"
	t "less of it" tells "(rw,phys=0x240000000,size=536870912)" "$dax" "$dir" -o size=512M
	t "more than it has" refuses 32 "has 1073741824 bytes" \
		mount.daxfs "$dax" "$dir" -f -o size=2G
	t "while mkdaxfs writes it" refuses 32 "is writing it" \
		flock -x "$dax" mount.daxfs "$dax" "$dir" -f
	mkdir "$sys/1:3/mapping1"
	t "two ranges" refuses 32 "several ranges" mount.daxfs "$dax" "$dir" -f
	rmdir "$sys/1:3/mapping1"
	echo 0x0 >"$sys/1:3/resource"
	t "an address that is hidden" refuses 32 "no address" mount.daxfs "$dax" "$dir" -f
	rm "$sys/1:3/resource"
	t "no address" refuses 32 "does not say where" mount.daxfs "$dax" "$dir" -f
	rm "$sys/1:3/subsystem"
	t "not of the kind" refuses 32 "not a device of memory" mount.daxfs "$dax" "$dir" -f
	umount /sys/dev/char
else
	skip "device DAX" "needs root to describe one"
fi

# ---- without the module ----

if grep -q '	daxfs$' /proc/filesystems || modinfo daxfs >/dev/null 2>&1; then
	skip "a kernel without the module" "it has it"
else
	t "no module" refuses 32 "fuse.daxfs, which does without" \
		mount.daxfs none "$dir" -o $phys
	t "mkdaxfs -H: no module" refuses 1 "kernel module of daxfs is not loaded" \
		mkdaxfs -E -H /dev/null -m "$dir"
	t "nothing is mounted" test -z "$(mounts_below "$dir")"
fi
t "a remount of what is no mount" refuses 32 "not a mount of the kernel module" \
	mount.daxfs none "$dir" -o remount,ro
t "daxfs-inspect: mount: of something else" refuses 1 "not a mount of the kernel module" \
	daxfs-inspect status -r "mount:$SHM"
t "fsck.daxfs: mount: of nothing" refuses 8 "No such file" fsck.daxfs "mount:$SHM/none"
finish
