#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A persistent region: made, shown, used through FUSE, found whole.
#
# Notes: what a loss of power leaves is tested by tests/sim/test_power.c; here
# the memory is a tmpfs, so that the accesses work on a real processor is all
# that is shown, and that everybody is told that this memory is not persistent.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

make_it() {
	refuses 0 'not known to be persistent' \
		mkdaxfs --empty --persistent -r "$SHM/p" -s 64M &&
		grep -q 'overlay: .*, persistent' "$WORK/.out"
}

show_it() {
	daxfs-inspect status -r "$SHM/p" | grep -q '^power .*no MAP_SYNC' &&
		daxfs-inspect status -r "$SHM/p" --json >"$WORK/json" &&
		grep -q '"persistent": *true' "$WORK/json" &&
		grep -q '"memory_persistent": *false' "$WORK/json"
}

ordinary() {
	empty_region q 16M && ! daxfs-inspect status -r "$SHM/q" | grep '^power' &&
		daxfs-inspect status -r "$SHM/q" --json |
		grep -q '"persistent": *false'
}

with_a_base() {
	mkdir -p "$WORK/tree/sub" && head -c 100000 /dev/urandom >"$WORK/tree/sub/f" &&
		mkdaxfs -q -d "$WORK/tree" --persistent -r "$SHM/b" -s 32M &&
		mount_region b b 2>/dev/null && cmp "$WORK/tree/sub/f" "$WORK/b/sub/f" &&
		echo more >>"$WORK/b/sub/f" && rm "$WORK/b/sub/f" &&
		unmount "$WORK/b" && clean_region b
}

mount_it() {
	mkdir -p "$WORK/m"
	refuses 0 'not known to be persistent' daxfs-fuse "$SHM/p" "$WORK/m"
}

use_it() {
	local i

	for i in $(seq 100); do
		mkdir "$WORK/m/$i" && echo "$i" >"$WORK/m/$i/f" &&
			ln "$WORK/m/$i/f" "$WORK/m/$i/g" &&
			mv "$WORK/m/$i/f" "$WORK/m/f$i" || return 1
	done
	dd if=/dev/urandom of="$WORK/m/big" bs=70000 count=50 conv=fsync \
		status=none && cp "$WORK/m/big" "$WORK/big" &&
		truncate -s 100000 "$WORK/m/big" "$WORK/big" &&
		rm -r "$WORK/m/7"
}

find_it() {
	unmount "$WORK/m" && clean_region p && mount_region p m 2>/dev/null &&
		cmp "$WORK/big" "$WORK/m/big" && same "$(cat "$WORK/m/f42")" 42 &&
		same "$(find "$WORK/m" -type f | wc -l)" 200 &&
		unmount "$WORK/m" && clean_region p
}

t "an image cannot be persistent" refuses 2 'means nothing' \
	mkdaxfs -d "$WORK" -o "$SHM/i" --persistent
t "made, with a warning" make_it
t "status shows it" show_it
t "an ordinary region is not" ordinary
if [ -w /dev/fuse ]; then
	t "with a base image" with_a_base
	t "mounted, with a warning" mount_it
	t "used" use_it
	t "everything is there again" find_it
else
	skip "with a base image, mounted, used, there again" "may not open /dev/fuse"
fi
finish
