#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Random work on kernel mounts, in two guests at one time; then all is accounted for.
#
# Notes: each guest has the region mounted twice, which is two hosts. Each runs
# fsx and fsstress on one mount and on both, in a directory of its own; then the
# workers of stress_vm of both guests meet in the same directories and know what
# each has done. At the end all is removed, and no page is left in use by a file.
# VM_LONG=1: many times as much. STRESS_SEED=N repeats what chance decides.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
MIB=256
TIMES=1
[ "$VM_LONG" = 0 ] || TIMES=12
seed=${STRESS_SEED:-$(date +%s)}
echo "# stress: seed $seed"

script() {
	mounts_region
	cat <<'E'
mkdir /tmp/m2 "/tmp/m/$GUEST" && mount -t daxfs \
	-o "phys=$DAXFS_PHYS,size=$((DAXFS_SIZE - (16 << 20)))" none /tmp/m2 || exit
A=/tmp/m/$GUEST B=/tmp/m2/$GUEST
for i in $(seq "$TIMES"); do
	s=$((SEED + 100 * i + ${GUEST#g}))
	fsx -R -s "$s" -n 2000 "$A"
	fsx -R -s "$s" -n 2000 -l 100000 "$A" "$B"
	fsx -R -s "$s" -n 1500 "$B" "$A"
	fsstress -R -s "$s" -p 3 -n 400 "$A"
	fsstress -R -s "$s" -n 400 "$A" "$B"
done
[ "$GUEST" != g0 ] || {
	mkdir /tmp/m2/meet && stress_vm make /dev/mem "$CHANNEL" /tmp/m2/meet
	touch "$SHARE/made"
}
until [ -e "$SHARE/made" ]; do sleep 0.1; done
stress_vm work /dev/mem "$CHANNEL" /tmp/m/meet "$SEED" $((4 * ${GUEST#g})) 2 &
stress_vm work /dev/mem "$CHANNEL" /tmp/m2/meet "$SEED" $((4 * ${GUEST#g} + 2)) 2 &
wait -n && wait -n || echo "not ok the workers"
[ "$GUEST" != g1 ] || {
	stress_vm verify /dev/mem "$CHANNEL" /tmp/m2/meet && echo "ok the workers of all"
	find /tmp/m -mindepth 1 -delete && echo "ok all is removed"
}
umount /tmp/m2 && umount /tmp/m && rmmod daxfs
E
}

board() { # COMMAND
	stress_vm "$1" "$SHM/r" $((MIB << 20)) /
}

goes_on() {
	local i

	for i in $(seq $((10 * TIMES))); do
		sleep 1
		[ $((i % 5)) -ne 0 ] || board recheck || return 1
	done
	board stop
}

# No content, no map of content, and nothing lost.
gave_back() {
	region_is_clean r && grep ' pool: ' "$WORK/fsck" &&
		not grep -E ' pool: .*, [0-9]+ (data|map)[,0-9]' "$WORK/fsck"
}

need "a region" region_with_channel r "$MIB"
for g in g0 g1; do
	guest "$g" --reserved "$SHM/r" --env "SEED=$seed" --env "TIMES=$TIMES" \
		--limit $(((240 + 150 * TIMES) * SLOW)) < <(script)
done
t "one has worked alone" guest_says g0 '^workers 0 to' $((120 * TIMES))
t "and the other" guest_says g1 '^workers 4 to' $((120 * TIMES))
t "they meet" goes_on
t "one ends" guest_ends g0
t "and the other, last" guest_ends g1
grep -h acknowledged "$WORK/g1.out" | sed 's/^/# /'
count_cases g0 g0 $((12 * TIMES))
count_cases g1 g1 $((12 * TIMES + 2))
t "clean, and nothing is left in use" gave_back
finish
