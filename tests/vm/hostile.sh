#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Damaged regions, mounted by the module and used in every way: errors come, and the
# kernel stays well.
#
# Notes: the images of tests/images, those that tests/fuzz found or makes at random, and
# a good region with some bits flipped: all of them pieces of one range, walked and
# changed by use_tree. Then one whose bits the host flips while the guest works.
# HOSTILE_SEED (1) chooses what is random; each image's name has its seed. Any
# complaint of the kernel, or no end, is a failure.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
[ "$KERNEL" != debug ] || VM_LONG=1
SEED=${HOSTILE_SEED:-1}
RANDOM_NR=$((VM_LONG ? 40 : 8))
SECONDS_OF_FLIPS=$((VM_LONG ? 60 * SLOW : 10))
PIECE=$((4 << 20))
LIMIT=$((VM_LONG ? 1700 : 280))

echo "seed $SEED"
mkdir "$WORK/images"

handmade() {
	make_bad_images "$WORK/images" >/dev/null
}

found() {
	local f

	for f in "$TOP"/tests/images/found/[!R]*; do
		"$BUILD/asan/fuzz/fuzz_region" --image "$WORK/images/${f##*/}" "$f" || return 1
	done
}

at_random() {
	local i

	for ((i = SEED; i < SEED + RANDOM_NR; i++)); do
		"$BUILD/asan/fuzz/fuzz_region" --image "$WORK/images/fuzz-$i" \
			--seed "$i" || return 1
	done
}

good() {
	mkdir "$WORK/tree" && cp -r "$TOP/kernel/daxfs" "$WORK/tree/src" &&
		ln -s src/dir.c "$WORK/tree/link" && mkfifo "$WORK/tree/fifo" &&
		setfattr -n user.what -v value "$WORK/tree/src" &&
		mkdaxfs -q -d "$WORK/tree" -B 512 -r "$SHM/good" -s "$PIECE"
}

# Changed by the library first, so that there is something in its overlay.
flipped() {
	local i

	lib_walk "$SHM/good" || return 1
	for ((i = SEED; i < SEED + RANDOM_NR; i++)); do
		cp "$SHM/good" "$WORK/images/flipped-$i" &&
			region_flip "$WORK/images/flipped-$i" "$i" $((1 << i % 10)) || return 1
	done
}

# All in a row, in pieces; the guest is told their names.
round_up() { # NUMBER TO
	echo $((($1 + $2 - 1) / $2 * $2))
}

range() {
	local f end

	shm_file range 2M
	for f in "$WORK"/images/*; do
		truncate -s "$(round_up "$(stat -c %s "$f")" 4096)" "$f"
		end=$(stat -c %s "$SHM/range")
		echo "$((end >> 20)) $(stat -c %s "$f") ${f##*/}" >>"$SHARE/list"
		dd if="$f" of="$SHM/range" bs=1M oflag=append conv=notrunc status=none
		end=$(stat -c %s "$SHM/range")
		truncate -s "$(round_up "$end" $((2 << 20)))" "$SHM/range"
	done
	rm -r "$WORK/images"
}

need "a module for $KERNEL" test -e "$(module)"
t "handmade images" handmade
t "images that were found" found
t "images at random" at_random
need "a good region" good
t "the same with bits flipped" flipped
need "all in one range" range

guest hostile --reserved "$SHM/range" --env MODULE="$(module)" --limit "$LIMIT" \
	-- "$VM_LONG" <<'E'
PATH=$BUILD:$PATH
cd /tmp && mkdir m && insmod "$MODULE" || exit 1
mounted=0
refused=0
nr=0
while read -r mib size name; do
	for options in ro validate pages noatime; do
		# Each way with every image in the long form, else one for each.
		nr=$((nr + 1))
		[ "$1" -gt 0 ] || [ $((nr % 5)) -eq 0 ] || continue
		[ "$options" != pages ] || size=$(((size + 2097151) / 2097152 * 2097152))
		if mount -i -t daxfs -o "phys=$((DAXFS_PHYS + (mib << 20))),size=$size,$options" \
			none m 2>/dev/null; then
			mounted=$((mounted + 1))
			echo "$name ($options)" >/dev/kmsg
			[ "$options" != ro ] || use_tree -r m >/dev/null || echo "FAILED: $name $?"
			[ "$options" = ro ] || use_tree m >/dev/null || echo "FAILED: $name $?"
			umount m || { echo "FAILED to unmount $name"; exit 1; }
		else
			refused=$((refused + 1))
		fi
	done
done <"$SHARE/list"
rmmod daxfs || echo "FAILED to unload"
echo "$mounted mounted, $refused refused"
E

# While this one runs the host changes the memory. What the mount does may fail, but ends.
live() { # SEED
	guest live --reserved "$SHM/good" --env MODULE="$(module)" --limit "$LIMIT" \
		-- $((VM_LONG ? 20 : 4)) <<'E'
PATH=$BUILD:$PATH
cd /tmp && mkdir m && insmod "$MODULE" || exit 1
mounts() { mount -i -t daxfs -o phys=$DAXFS_PHYS,size=$DAXFS_SIZE none m 2>/dev/null; }
for i in $(seq "$1"); do
	if ! mounts; then	# a word of the superblock was hit
		# Whom it says to be in use by is not to be believed, either.
		shared_bytes put /dev/mem $DAXFS_PHYS "no region" || exit 1
		mkdaxfs -q -d "$TOP/kernel" -f -B 512 -p $DAXFS_PHYS -s $DAXFS_SIZE
		mounts || continue
	fi
	echo "mounted"
	use_tree -n 4 m
	umount m || echo "FAILED to unmount"
done
rmmod daxfs || echo "FAILED to unload"
echo end
E
	guest_says live mounted || return 1
	region_flip "$SHM/good" "$1" 3 "$SECONDS_OF_FLIPS"
	guest_ends live
}

said_no_failure() { # NAME LINE-REGEX
	grep FAILED "$WORK/$1.out" && return 1
	grep -Ex -- "$2" "$WORK/$1.out"
}

t "damaged regions" guest_ends hostile
t "each was refused, or used and unmounted" said_no_failure hostile \
	"[0-9]{2,} mounted, [0-9]+ refused"
t "memory that changes" live "$SEED"
t "it was mounted, used and unmounted" said_no_failure live end
t "more than once" test "$(grep -c '^mounted' "$WORK/live.out")" -gt 1
tail -n 1 "$WORK/hostile.out"
finish
