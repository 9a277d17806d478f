#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Memory that the kernel cannot have: every allocation of every operation fails once,
# then some at random.
#
# Notes: for a kernel with fault injection. fail_nth.c sweeps; use_tree is then a task
# whose allocations fail, one in twenty or a row of a hundred, behind so many bytes: a
# fault that never gets a page table is tried for ever. Leaks are what run-vm.sh asks
# the kernel for. Failed vmalloc() tells its stack, so that is no complaint here.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
[ "$KERNEL" = debug ] || give_up "kernel $KERNEL has no fault injection: see check-vm-debug"
SIZE=$((32 << 20))

need "a module for $KERNEL" test -e "$(module)"
need "a region" mkdaxfs -q -E -r "$SHM/range" -s "$SIZE"
guest fails --reserved "$SHM/range" --env MODULE="$(module)" --limit 1500 \
	--allow 'Call Trace|vmalloc error|page allocation failure' <<'E'
PATH=$BUILD:$PATH
cd /tmp && insmod "$MODULE" || exit 1
options=phys=$DAXFS_PHYS,size=$DAXFS_SIZE
debug=/sys/kernel/debug
set_all() { # NAME VALUE: of both kinds of allocations
	echo "$2" >$debug/failslab/$1
	echo "$2" >$debug/fail_page_alloc/$1
}
set_all verbose 0
set_all ignore-gfp-wait N
echo 0 >$debug/fail_page_alloc/min-order
echo N >$debug/fail_page_alloc/ignore-gfp-highmem
# The root is of 9p, which is not for tests of its own to break: programs see another.
root=/tmp/root
mkdir -p $root/proc $root/m
for program in fail_nth use_tree; do
	cp "$BUILD/$program" $root/
	cp -L --parents $(ldd "$BUILD/$program" | grep -o '/[^ ]*') $root/
done
mount --bind /proc $root/proc
fail_nth() { chroot $root /fail_nth "$@"; }

fail_nth /m "$options" || { echo "FAILED"; umount $root/m; }
fsck.daxfs -n "phys:$DAXFS_PHYS:$DAXFS_SIZE" || echo "FAILED: damaged"

# At random, of one task alone.
set_all task-filter Y
mount -i -t daxfs -o "$options,pages" none $root/m || exit 1
for how in "5 1 0 -1" "100 97 0 -1" "100 1 1000 100" "100 1 100000 100" "100 1 3000000 100"; do
	read -r probability interval space times <<<"$how"
	set_all interval "$interval"
	set_all space "$space"
	set_all times "$times"
	set_all probability "$probability"
	chroot $root /use_tree -f -n 8 /m || echo "FAILED: $how"
	set_all probability 0
done
umount $root/m || echo "FAILED to unmount"
fsck.daxfs -n "phys:$DAXFS_PHYS:$DAXFS_SIZE" || echo "FAILED: damaged"
rmmod daxfs || echo "FAILED to unload"
E

swept() {
	grep -E 'FAILED|not ok' "$WORK/fails.out" && return 1
	same "$(grep -Ec '^[0-9]{3,} allocations failed, 0 times a wrong answer' \
		"$WORK/fails.out")" 1
}

t "without memory" guest_ends fails
t "each operation succeeds, or says ENOMEM" swept
t "use_tree ends" same "$(grep -c 'calls,' "$WORK/fails.out")" 5
finish
