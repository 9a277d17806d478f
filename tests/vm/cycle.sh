#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Load the module, mount, use it in every way, unmount, unload: many times.
#
# Notes: a debug kernel does so a hundred times, and is asked for leaks at the end
# (run-vm.sh). Some rounds mount twice, with struct pages, lazily unmount what is
# still in use, or keep a dma-buf longer than the mount.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
SIZE=$((64 << 20))
ROUNDS=4
[ "$VM_LONG" -eq 0 ] || ROUNDS=30
[ "$KERNEL" != debug ] || ROUNDS=100

tree() {
	mkdir "$WORK/tree" && cp -r "$TOP/kernel/daxfs" "$WORK/tree/src" &&
		ln -s src/dir.c "$WORK/tree/link" &&
		mkdaxfs -q -d "$WORK/tree" -r "$SHM/range" -s "$SIZE"
}

need "a module for $KERNEL" test -e "$(module)"
need "a region" tree
guest cycle --reserved "$SHM/range" --env MODULE="$(module)" --limit $((ROUNDS * 30 + 120)) \
	-- "$ROUNDS" <<'E'
PATH=$BUILD:$PATH
cd /tmp && mkdir m m2 || exit 1
options=phys=$DAXFS_PHYS,size=$DAXFS_SIZE
fail() { echo "FAILED: $*"; exit 1; }
at_first() { mount -i -t daxfs -o "$options$1" none m || fail "mount in round $i"; }
for i in $(seq "$1"); do
	insmod "$MODULE" || fail insmod
	case $((i % 4)) in
	0)	at_first ,pages ;;
	1)	at_first ,validate
		mount -i -t daxfs -o "$options" none m2 || fail "second mount" ;;
	*)	at_first ;;
	esac
	[ "$i" -ne 1 ] || cmp m/src/dir.c "$TOP/kernel/daxfs/dir.c" || fail content
	mkdir "m/round-$i" && use_tree -n 2 "m/round-$i" >/dev/null || fail use_tree
	! rmmod daxfs 2>/dev/null || fail "unloaded while it is mounted"
	case $((i % 4)) in
	1)	umount m2 || fail "second umount" ;;
	2)	exec 5<m/src/dir.c 6>m/gone 7<m
		rm m/gone
		umount -l m || fail "lazy umount"
		echo text >&6 && cmp /dev/fd/5 /dev/null 2>/dev/null
		exec 5<&- 6>&- 7<&- ;;
	3)	region_fd hold m umount m || fail "a dma-buf beyond umount" ;;
	esac
	! mountpoint -q m || umount m || fail umount
	for try in $(seq 100); do	# what was unmounted lazily
		rmmod daxfs 2>/dev/null && break
		sleep 0.1
	done
	! grep -q '^daxfs ' /proc/modules || fail "unload, $try times tried"
	! grep daxfs /proc/slabinfo || fail "a cache is left"
	! grep daxfs /proc/vmallocinfo || fail "a mapping is left"
	[ $((i % 10)) -ne 0 ] || echo "round $i is over"
done
fsck.daxfs -n "phys:$DAXFS_PHYS:$DAXFS_SIZE" || fail fsck
echo "$i rounds"
E
t "$ROUNDS rounds" guest_ends cycle
t "to the last" says cycle "$ROUNDS rounds"
finish
