#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two guests on one region: what one kernel did the other sees at its next call.
#
# Notes: the cases are those of vm_pair (pair.h); the channel by which the two
# take turns is the memory behind the region. First two guests of two processors,
# then some cases with two of one, whose kernels leave out the lock prefix
# where they may. Then a guest that has locks is killed: they hold until it is evicted.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
SIZE=64

# Those of the memory of the processor, and of both at one time.
ONE="exclusive rmdir-create rename-over rename-across append neighbours stores
	counter counters-in-holes cut counted"

pair() { # NAME CPUS CASE...
	local name=$1 cpus=$2 side
	shift 2

	need "a region" region_with_channel "$name" "$SIZE"
	for side in 0 1; do
		guest "$name-$side" --reserved "$SHM/$name" --cpus "$cpus" \
			-- "$side" "$name" "$@" < <(guest_script)
	done
}

guest_script() {
	mounts_region
	cat <<'E'
side=$1 name=$2
shift 2
vm_pair "$side" 2 /dev/mem "$CHANNEL" /tmp/m "$@" || bad=1
E
	[ "$name" != two ] || cat <<'E'
echo "cases are over"
if [ "$side" -eq 0 ]; then
	fuse_locks hold /tmp/m /tmp/m &
	sleep 1000
fi
touch /tmp/m/locked
until [ -e "$SHARE/held" ]; do sleep 0.1; done
flock -n /tmp/m/locked true && echo "a lock of the other guest does not hold"
echo "waits"
fuse_locks get /tmp/m /tmp/m || bad=1
echo "has them"
find /tmp/m -mindepth 1 -delete
E
	cat <<'E'
cd / && umount /tmp/m && rmmod daxfs && exit "${bad:-0}"
E
}

# shellcheck disable=SC2086 # $ONE is a list
{
	pair two 2
	t "one has all cases" guest_says two-0 '^cases are over'
	t "and the other" guest_says two-1 '^cases are over'
	grep -h '^# ' "$WORK/two-1.out"
	count_cases two two-0 30
	t "one has locks" guest_says two-0 '^held'
	touch "$SHARE/held"
	t "the other waits for them" guest_says two-1 '^waits'
	t "they hold" not grep 'does not hold' "$WORK/two-1.out"
	t "the one is killed" guest_crash two-0
	t "that is seen" guest_ends two-0 121
	t "its locks are there still" not grep '^has them' "$WORK/two-1.out"
	t "it is evicted" evict two two-0
	t "the other has the locks" guest_says two-1 '^has them'
	t "and ends well" guest_ends two-1
	t "the region is clean" region_is_clean two

	pair one 1 $ONE
	t "guests of one processor" guest_ends one-0
	t "and the other" guest_ends one-1
	count_cases one one-0 11
	t "the region is clean there, too" region_is_clean one
}
finish
