#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One file of the host is the same memory in guests, in whichever way they get it.
#
# Notes: reserved memory and ivshmem at one time, by /dev/mem; an NVDIMM that
# one guest makes a devdax device, and virtio-pmem. What the host wrote before
# is there, what the guests write the host sees, and two guests see each other's
# writes while they run. The debug kernel has no ACPI NFIT: virtio-pmem twice.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
SIZE=$((64 << 20))
LAST=$((SIZE - 16))

fresh() { # NAME
	rm -f "$SHM/$1"
	shm_file "$1" "$SIZE"
	shared_bytes put "$SHM/$1" $((4 << 20)) "of the host" &&
		shared_bytes put "$SHM/$1" "$LAST" "the last 16 byte"
}

host_sees() { # NAME OFFSET TEXT
	shared_bytes get "$SHM/$1" "$2" "$3"
}

ends() { # NAME
	guest_ends "$1" && not grep -i error "$WORK/$1.err"
}

# ---- two ways to memory at a physical address ----

need "a file of the host" fresh memory
guest reserved --reserved "$SHM/memory" -- "$LAST" <<'E'
set -e
at() { shared_bytes "$1" /dev/mem $((DAXFS_PHYS + $2)) "$3"; }
PATH=$BUILD:$PATH
at get $((4 << 20)) "of the host"
at get "$1" "the last 16 byte"
at put $((32 << 20)) "ping"
at wait $((33 << 20)) "pong"
echo "$((DAXFS_PHYS)) $DAXFS_SIZE"
E
guest ivshmem --ivshmem "$SHM/memory" -- "$LAST" <<'E'
set -e
at() { shared_bytes "$1" /dev/mem $((DAXFS_PHYS + $2)) "$3"; }
PATH=$BUILD:$PATH
at get $((4 << 20)) "of the host"
at get "$1" "the last 16 byte"
at wait $((32 << 20)) "ping"
at put $((33 << 20)) "pong"
E
t "reserved memory has what the host wrote, and what another guest writes" ends reserved
t "its address and size" says reserved "$((0x100000000)) $SIZE"
t "the memory of a PCI device, too" ends ivshmem
t "the host sees what one wrote" host_sees memory $((32 << 20)) ping
t "and the other" host_sees memory $((33 << 20)) pong

# ---- persistent memory ----

# A devdax device has its own description in the first 2 MiB.
first=nvdimm
[ "$KERNEL" != debug ] || first=virtio-pmem
need "another file" fresh pmem
guest pmem "--$first" "$SHM/pmem" -- "$LAST" <<'E'
set -e
PATH=$BUILD:$PATH
at() { shared_bytes "$1" /dev/dax0.0 $(($2 - (2 << 20))) "$3"; }
shared_bytes get /dev/pmem0 $((4 << 20)) "of the host"
ndctl create-namespace -f -e namespace0.0 -m devdax --map=mem >/dev/null
at get $((4 << 20)) "of the host"
at get "$1" "the last 16 byte"
echo "a devdax device"
at put $((32 << 20)) "ping"
at wait $((33 << 20)) "pong"
E
t "an NVDIMM has what the host wrote, and becomes a devdax device" \
	guest_says pmem "^a devdax device"
guest dax --virtio-pmem "$SHM/pmem" -- "$LAST" <<'E'
set -e
PATH=$BUILD:$PATH
at() { shared_bytes "$1" /dev/dax0.0 $(($2 - (2 << 20))) "$3"; }
at get $((4 << 20)) "of the host"
at get "$1" "the last 16 byte"
at wait $((32 << 20)) "ping"
at put $((33 << 20)) "pong"
E
t "another guest has that from the start, as virtio-pmem" ends dax
t "the first sees what it wrote" ends pmem
t "the host sees what one wrote to devdax" host_sees pmem $((32 << 20)) ping
t "and the other through virtio" host_sees pmem $((33 << 20)) pong
finish
