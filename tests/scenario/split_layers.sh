#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Split mode with branches, with persistence, and with damaged slots.
#
# Notes: the cache is a quarter of the tree, so that every comparison evicts. A damaged
# slot is no loss: what it held is in the backing file. The words that are written over
# slots are all ones, random, and plausible ones: VALID with the page of another slot.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

BACK=$WORK/back

make_tree() {
	local i

	mkdir -p "$WORK/tree/d"
	head -c 4000001 /dev/urandom >"$WORK/tree/big"
	for i in $(seq 50); do
		head -c $((i * 777)) /dev/urandom >"$WORK/tree/d/f$i" || return 1
	done
}

make_region() { # OPTIONS...
	rm -f "$SHM/r" "$BACK"
	mkdaxfs -q -d "$WORK/tree" -r "$SHM/r" -o "$BACK" -C 256 -O 32M "$@"
}

# ---- branches ----

branch_begin() {
	make_region -b && mount_region r host "backing=$BACK" &&
		mkdir -p "$WORK/b" &&
		daxfs-branch create work -p main -r "$SHM/r" -m "$WORK/b" --keep
}

# The branch is of a host that has not the file: the other one serves it.
branch_shows() {
	diff -r "$WORK/tree" "$WORK/b"
}

branch_change() {
	cp -r "$WORK/tree" "$WORK/want" &&
		for m in "$WORK/b" "$WORK/want"; do
			printf XYZ | dd of="$m/big" bs=1 seek=1000000 conv=notrunc \
				status=none && truncate -s 100 "$m/d/f9" &&
				rm "$m/d/f1" && cp "$m/d/f50" "$m/new" || return 1
		done
	diff -r "$WORK/want" "$WORK/b" && diff -r "$WORK/tree" "$WORK/host"
}

branch_diff() {
	daxfs-branch diff -m "$WORK/b" >"$WORK/diff" || return 1
	cat "$WORK/diff"
	grep -q 'big$' "$WORK/diff" && grep -q 'd/f9$' "$WORK/diff" &&
		grep -q 'd/f1$' "$WORK/diff" && grep -q 'new$' "$WORK/diff" &&
		! grep -q 'd/f2$' "$WORK/diff"
}

branch_commit() {
	daxfs-branch commit -m "$WORK/b" && diff -r "$WORK/want" "$WORK/host"
}

branch_end() {
	unmount "$WORK/b"
	unmount "$WORK/host" && clean_region r
}

need "a tree" make_tree
need "a region with branches, and a branch" branch_begin
t "the branch shows the tree" branch_shows
t "changes show in the branch alone" branch_change
t "diff names them and nothing else" branch_diff
t "committed, main shows them" branch_commit
t "unmounted, and clean" branch_end

# ---- persistence ----

keep_begin() {
	make_region --persistent 2>"$WORK/err" &&
		mount_region r host "backing=$BACK" 2>"$WORK/err" &&
		echo more >>"$WORK/host/big" && rm "$WORK/host/d/f3" &&
		diff "$WORK/tree/d/f4" "$WORK/host/d/f4" && unmount "$WORK/host" &&
		clean_region r
}

# As another machine finds it: a copy of the file. What is in the cache is used.
keep_found() {
	cp "$SHM/r" "$SHM/s" && rm "$SHM/r" && mv "$SHM/s" "$SHM/r" &&
		rm -rf "$WORK/want" && cp -r "$WORK/tree" "$WORK/want" &&
		echo more >>"$WORK/want/big" && rm "$WORK/want/d/f3" &&
		mount_region r host "backing=$BACK" 2>"$WORK/err" &&
		diff -r "$WORK/want" "$WORK/host" && unmount "$WORK/host" &&
		clean_region r
}

t "written to a persistent region" keep_begin
t "a copy of it shows the same" keep_found

# ---- damaged slots ----

# Where PCACHE_SLOTS (area type 11) begins, by the superblock.
slots_off() {
	od -An -v -t u8 -w32 -j 256 -N 640 "$SHM/r" |
		awk '$1 % 4294967296 == 11 { print $2 }'
}

damage() { # COMMAND that writes 256 slots of 16 bytes
	make_region && "$@" |
		dd of="$SHM/r" bs=4096 seek=$(($(slots_off) / 4096)) count=1 \
			iflag=fullblock conv=notrunc status=none
}

ones() { head -c 4096 /dev/zero | tr '\0' '\377'; }
noise() { head -c 4096 /dev/urandom; }
# Each slot has the word of the one 16 places on, which is in another set.
shifted() {
	dd if="$SHM/r" bs=4096 skip=$(($(slots_off) / 4096)) count=1 status=none \
		>"$WORK/slots"
	tail -c +257 "$WORK/slots" && head -c 256 "$WORK/slots"
}

reads_anyway() { # HOW
	damage "$1" && mount_region r host "backing=$BACK" || return 1
	diff -r "$WORK/tree" "$WORK/host" && unmount "$WORK/host" && wait_for_servers
}

fsck_mends() { # HOW
	damage "$1" || return 1
	fsck.daxfs -n "$SHM/r" >"$WORK/fsck" 2>&1
	same "$?" 4 && grep -q pcache "$WORK/fsck" || return 1
	fsck.daxfs -y "$SHM/r" >"$WORK/fsck" 2>&1
	same "$?" 1 && fsck.daxfs -n "$SHM/r" &&
		mount_region r host "backing=$BACK" &&
		diff -r "$WORK/tree" "$WORK/host" && unmount "$WORK/host" &&
		clean_region r
}

for how in ones noise shifted; do
	t "slots damaged ($how): the tree is read all the same" reads_anyway "$how"
	t "slots damaged ($how): fsck finds and mends it" fsck_mends "$how"
done

finish
