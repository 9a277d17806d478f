#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Mapped files under everything that the kernel does with mappings, on each kind of
# memory: a physical range without and with struct pages, pmem, devdax, a dma-buf.
#
# Notes: map_uses.c has the uses and what is expected of each. Entries of 2 MiB are
# counted, so that it is known that they were met. The device for direct I/O is a loop
# device. Devdax and dma-buf are in the long form alone.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
[ "$KERNEL" != debug ] || VM_LONG=1
SIZE=$((64 << 20))
HUGE="4 KiB each"	# kernels before 6.5 clear larger ones, see compat.h
[ "$KERNEL" != 6.12 ] || HUGE="2 MiB at once"

tree() { # with a file whose page N is full of N % 251 + 1
	mkdir "$WORK/tree" && perl -e 'print chr($_ % 251 + 1) x 4096 for 0 .. 1535' \
		>"$WORK/tree/base"
}

region() { # NAME
	mkdaxfs -q -d "$WORK/tree" -r "$SHM/$1" -s "$SIZE"
}

# In the guest.
cat >"$SHARE/maps.sh" <<'E'
cd /tmp || exit 1
PATH=$BUILD:$PATH
modprobe loop 2>/dev/null
truncate -s 1M disk
mkdir m
loop=$(losetup --direct-io=off --show -f disk) && insmod "$MODULE" || exit 1

# Counts what puts entries of 2 MiB into page tables.
trace=/sys/kernel/debug/tracing
echo 'vmf_insert_pfn_pmd*' >$trace/set_ftrace_filter
echo function >$trace/current_tracer

uses() { # WHAT PAGES: of what is mounted at m
	: >$trace/trace
	map_uses m "$loop" "$2" || echo "FAILED on $1"
	if grep -q vmf_insert_pfn_pmd $trace/trace; then
		echo "$1: 2 MiB at once"
	else
		echo "$1: 4 KiB each"
	fi
	umount m || echo "FAILED to unmount $1"
}

end() {
	losetup -d "$loop"
	rmmod daxfs || echo "FAILED to unload"
}
E

all_right() { # NAME RUNS
	local f=$WORK/$1.out

	guest_ends "$1" || return 1
	grep -E 'FAILED|not ok' "$f" && return 1
	same "$(grep -Ec '^[0-9]{3,} uses of mappings as expected, 0 not$' "$f")" "$2"
}

clean() { # NAME
	fsck.daxfs -n "$SHM/$1"
}

need "a tree" tree
need "a module for $KERNEL" test -e "$(module)"
need "regions" region phys
need "and another" region pmem

guest phys --reserved "$SHM/phys" --env MODULE="$(module)" --limit $((250 * SLOW)) <<'E'
. /mnt/share/maps.sh
mount -t daxfs -o phys=$DAXFS_PHYS,size=$DAXFS_SIZE none m && uses phys 0
mount -t daxfs -o phys=$DAXFS_PHYS,size=$DAXFS_SIZE,pages none m && uses pages 1
end
E
guest pmem --virtio-pmem "$SHM/pmem" --env MODULE="$(module)" --limit $((250 * SLOW)) <<'E'
. /mnt/share/maps.sh
mount -t daxfs -o dev=/dev/pmem0 none m && uses pmem 1
end
E
t "a physical range, without and with struct pages" all_right phys 2
t "entries of 4 KiB without struct pages" says phys "phys: 4 KiB each"
t "of $HUGE with them" says phys "pages: $HUGE"
t "pmem" all_right pmem 1
t "entries of $HUGE there" says pmem "pmem: $HUGE"
t "the range is clean afterwards" clean phys
t "so is pmem" clean pmem

if [ "$VM_LONG" -gt 0 ]; then
	shm_file dax $((SIZE + (16 << 20)))	# ndctl wants whole 16 MiB
	cp "$WORK/tree/base" "$SHARE/"
	device=nvdimm
	[ "$KERNEL" != debug ] || device=virtio-pmem	# it knows no NVDIMM
	guest dax "--$device" "$SHM/dax" --env MODULE="$(module)" --limit $((250 * SLOW)) <<'E'
. /mnt/share/maps.sh
ndctl create-namespace -f -e namespace0.0 -m devdax --map=mem >/dev/null
mkdir tree
cp "$SHARE/base" tree/
mkdaxfs -q -d tree -r /dev/dax0.0 || exit 1
mount.daxfs /dev/dax0.0 m && uses devdax 0
fsck.daxfs -n /dev/dax0.0 || echo "FAILED: damaged"
end
E
	t "devdax" all_right dax 1
	t "with entries of 4 KiB" says dax "devdax: 4 KiB each"
fi
if [ "$VM_LONG" -gt 0 ] && [ "$KERNEL" != 6.1 ]; then # which has no heaps
	cp "$WORK/tree/base" "$SHARE/"
	guest buf --env MODULE="$(module)" --limit $((250 * SLOW)) <<'E'
. /mnt/share/maps.sh
mkdir tree
cp "$SHARE/base" tree/
mkdaxfs -q -d tree -H /dev/dma_heap/system -s 64M -m m && uses dma-buf 0
end
E
	t "a dma-buf" all_right buf 1
	t "which has entries of 4 KiB" says buf "dma-buf: 4 KiB each"
else
	skip "a dma-buf" "the kernel has no heaps of them, or the short form"
fi
finish
