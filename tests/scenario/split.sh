#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Split mode: a host with the backing file and a spawn without, on one cache.
#
# Notes: the tree is larger than the cache. Reads of the backing file are counted,
# and fail where a test says so, by a file system of the test's own (fault_file)
# that the host opens the file through. Nothing depends on how long something
# takes, but that a spawn without a filler gives up in less than ten seconds.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

TREE=$WORK/tree
HOST=$WORK/host
SPAWN=$WORK/spawn
BACK=$WORK/back
DEV=$WORK/dev/file

# ---- the tree, the region, and the file between them ----

make_tree() {
	local i

	mkdir -p "$WORK/tree/d/e" "$WORK/dev" && : >"$WORK/control"
	for i in 1 2 3; do
		head -c $((i * 5000000 + i)) /dev/urandom >"$WORK/tree/d/big$i" ||
			return 1
	done
	for i in $(seq 300); do
		head -c $((i * 37)) /dev/urandom >"$WORK/tree/d/e/small$i" || return 1
	done
	dd if=/dev/urandom of="$WORK/tree/sparse" bs=4096 count=5 seek=700 \
		conv=notrunc status=none && truncate -s 9M "$WORK/tree/sparse"
}

tree_bytes() {
	find "$WORK/tree" -type f -printf '%s\n' |
		awk '{ n += int(($1 + 4095) / 4096) * 4096 } END { print n }'
}

start_dev() {
	fault_file "$BACK" "$WORK/dev" "$WORK/control" "$WORK/count" \
		>"$WORK/dev.log" 2>&1 &
	STARTED+=("$!")
	for _ in $(seq 100); do
		[ -e "$DEV" ] && return 0
		sleep 0.05
	done
	cat "$WORK/dev.log"
	return 1
}

bytes_read() {
	awk '{ print $1; exit }' "$WORK/count"
}

# Eight MiB of cache for some forty of content.
make_region() { # [OPTIONS]
	rm -f "$SHM/r" "$BACK"
	mkdaxfs -q -d "$WORK/tree" -r "$SHM/r" -o "$BACK" -C 2048 -V "$@"
}

pcache() { # KEY
	daxfs-inspect pcache --json -r "$SHM/r" | json_get "/$1"
}

mount_both() {
	mount_region r host "backing=$DEV" && mount_region r spawn
}

unmount_both() {
	unmount "$HOST" && unmount "$SPAWN" && clean_region r
}

need "a tree" make_tree
need "region and backing file" make_region --prewarm none
need "the device" start_dev
need "a host and a spawn" mount_both

# ---- reading ----

both_compare() {
	local pid

	diff -r "$WORK/tree" "$HOST" >"$WORK/diff1" 2>&1 &
	pid=$!
	diff -r "$WORK/tree" "$SPAWN" || return 1
	wait "$pid" || {
		cat "$WORK/diff1"
		return 1
	}
}

again_compare() {
	diff -r "$WORK/tree" "$SPAWN" && diff -r "$WORK/tree" "$HOST"
}

says_split() {
	same "$(daxfs-inspect status --json -r "$SHM/r" | json_get /mode)" split &&
		same "$(pcache slots)" 2048 && same "$(pcache pending)" 0 &&
		[ "$(pcache evictions)" -gt 0 ] && [ "$(pcache hits)" -gt 0 ]
}

counts_agree() {
	local counted read

	read=$(bytes_read)
	counted=$(pcache backing_bytes_read)
	# What the mount looked at to know the file is no page of the cache.
	[ "$counted" -gt 0 ] && [ "$counted" -le "$read" ]
}

t "two mounts compare a tree larger than the cache at once" both_compare
t "and one after the other" again_compare
t "inspect tells of the cache" says_split
t "bytes read are those that the device counts" counts_agree

# ---- one read for all ----

# A cache that holds it all: each page is read once, whoever reads it.
once_for_all() {
	local before after tree

	unmount_both || return 1
	rm -f "$SHM/r" "$BACK"
	mkdaxfs -q -d "$WORK/tree" -r "$SHM/r" -o "$BACK" -C 32768 \
		--prewarm none || return 1
	mount_both || return 1
	before=$(bytes_read)
	both_compare || return 1
	after=$(bytes_read)
	tree=$(tree_bytes)
	echo "$((after - before)) bytes read for a tree of $tree"
	[ $((after - before)) -le $((tree + tree / 100)) ]
}

all_in_cache() {
	local before

	before=$(bytes_read)
	both_compare && same "$(bytes_read)" "$before"
}

t "two at once read each page once" once_for_all
t "what is in the cache is read no more" all_in_cache

# ---- writing ----

sum_before=$(sha256sum <"$BACK")

writes_stay_here() {
	echo more >>"$SPAWN/d/big1" &&
		printf XYZ | dd of="$SPAWN/d/big2" bs=1 seek=5000 conv=notrunc \
			status=none &&
		truncate -s 12345 "$HOST/d/big3" &&
		fallocate -p -o 100 -l 8000 "$HOST/d/e/small300" &&
		cp "$SPAWN/d/e/small299" "$SPAWN/new" && rm "$SPAWN/d/e/small1"
}

writes_show() {
	cp "$WORK/tree/d/big1" "$WORK/x1" && echo more >>"$WORK/x1" &&
		cp "$WORK/tree/d/big2" "$WORK/x2" &&
		printf XYZ | dd of="$WORK/x2" bs=1 seek=5000 conv=notrunc \
			status=none &&
		cp "$WORK/tree/d/big3" "$WORK/x3" && truncate -s 12345 "$WORK/x3" &&
		cp "$WORK/tree/d/e/small300" "$WORK/x4" &&
		fallocate -p -o 100 -l 8000 "$WORK/x4" &&
		cmp "$WORK/x1" "$HOST/d/big1" && cmp "$WORK/x2" "$HOST/d/big2" &&
		cmp "$WORK/x3" "$SPAWN/d/big3" &&
		cmp "$WORK/x4" "$SPAWN/d/e/small300" &&
		cmp "$WORK/tree/d/e/small299" "$HOST/new" &&
		[ ! -e "$HOST/d/e/small1" ]
}

sum_same() {
	same "$(sha256sum <"$BACK")" "$sum_before"
}

t "writes through both mounts" writes_stay_here
t "the other one sees them" writes_show
t "the backing file is what it was" sum_same
t "unmounted, and clean" unmount_both

# ---- pages that cannot be read ----

bad_page() {
	make_region --prewarm none && mount_both || return 1
	# Page 3 of the first long file, which begins the content.
	echo "bad=$1" >"$WORK/control"
	dd if="$HOST/d/big3" of="$WORK/y" bs=4096 conv=noerror,sync \
		2>"$WORK/y.err"
	echo "bad=-1" >"$WORK/control"
	cmp "$WORK/y" "$WORK/tree/d/big3" >"$WORK/y.cmp" 2>&1
	grep -c 'Input/output error' "$WORK/y.err" >"$WORK/y.nr"
	cat "$WORK/y.err" "$WORK/y.cmp"
	same "$(cat "$WORK/y.nr")" 1
}

# Of all the pages only the bad one is missing.
one_page_missing() {
	cmp -l "$WORK/y" "$WORK/tree/d/big3" | awk '
		{ p[int(($1 - 1) / 4096)] = 1 }
		END { for (i in p) n++; exit n != 1 }'
}

tried_again() {
	cmp "$HOST/d/big3" "$WORK/tree/d/big3" &&
		cmp "$SPAWN/d/big3" "$WORK/tree/d/big3"
}

bad_for_spawn() {
	echo "bad=$1" >"$WORK/control"
	! dd if="$SPAWN/d/big1" of=/dev/null bs=1M 2>"$WORK/z.err" || return 1
	echo "bad=-1" >"$WORK/control"
	grep -q 'Input/output error' "$WORK/z.err" &&
		cmp "$SPAWN/d/big1" "$WORK/tree/d/big1"
}

page3=$(backing_page "$BACK" "$WORK/tree/d/big3" 100)
page1=$(backing_page "$BACK" "$WORK/tree/d/big1" 50)
t "a page that cannot be read" bad_page "$page3"
t "the others are" one_page_missing
t "the next access tries again" tried_again
t "unmounted, and clean" unmount_both
need "a cold region" make_region --prewarm none
need "both again" mount_both
t "a spawn is told, and tries again" bad_for_spawn "$page1"

# ---- the only filler is killed ----

server_of() { # MOUNTPOINT: its number
	pgrep -f "daxfs-fuse .*$1( |\$)"
}

kill_filler() {
	local pid begun

	pid=$(server_of "$HOST") || return
	dd if="$SPAWN/d/big2" of=/dev/null bs=1M status=none &
	kill -KILL "$pid"
	wait "$!"
	begun=$SECONDS
	! cat "$SPAWN"/d/big? >/dev/null 2>"$WORK/k.err" || return 1
	grep -q 'Input/output error' "$WORK/k.err" || return 1
	[ $((SECONDS - begun)) -le 5 ]
}

# Who knows that nobody serves him is told at once.
fails_at_once() {
	local begun=$SECONDS i

	for i in 1 2 3 4 5 6 7 8; do
		! cat "$SPAWN"/d/big? >/dev/null 2>&1 || return 1
	done
	[ $((SECONDS - begun)) -lt 10 ]
}

# What is in the region needs no filler.
still_there() {
	echo new >"$SPAWN/after" && same "$(cat "$SPAWN/after")" new &&
		[ "$(find "$SPAWN/d/e" -type f | wc -l)" -eq 300 ]
}

served_again() {
	umount -l "$HOST"
	mount_region r host "backing=$DEV" && diff -r "$WORK/tree/d" "$SPAWN/d" &&
		same "$(pcache pending)" 0 && same "$(pcache pinned)" 0
}

# With another host that has the file nobody who reads notices.
one_of_two_is_killed() {
	local i pid

	for i in 1 2 3; do
		mount_region r second "backing=$BACK" || return
		diff -r "$WORK/tree/d" "$SPAWN/d" >"$WORK/two.$i" 2>&1 &
		pid=$(server_of "$WORK/second") && kill -KILL "$pid" || return
		wait $! || { cat "$WORK/two.$i"; return 1; }
		umount -l "$WORK/second"
	done
	# The kernel's own copies of what has been read are not to help the next ones.
	unmount "$SPAWN" && mount_region r spawn
}

t "one of two fillers is killed: nobody notices" one_of_two_is_killed
t "the only filler is killed: EIO, soon" kill_filler
t "the next ones do not wait as long" fails_at_once
t "what needs no filler goes on" still_there
t "another filler serves" served_again
t "unmounted, and clean" unmount_both

# ---- a wrong backing file ----

refused() { # REGEX FILE
	mkdir -p "$HOST"
	refuses 32 "$1" daxfs-fuse "$SHM/r" "$HOST" -o "backing=$2"
}

another_region() {
	mkdaxfs -q -d "$WORK/tree/d/e" -r "$SHM/other" -o "$WORK/other" &&
		refused 'another region' "$WORK/other"
}

changed() { # HOW...
	cp -p "$BACK" "$WORK/changed" && "$@" "$WORK/changed" >/dev/null
}

touched() {
	changed touch && refused 'modified' "$WORK/changed"
}

shorter() {
	changed truncate -s -4096 && touch -r "$BACK" "$WORK/changed" &&
		refused 'shorter' "$WORK/changed"
}

other_bytes() {
	changed true && printf X | dd of="$WORK/changed" bs=1 conv=notrunc \
		seek=$(($(stat -c %s "$BACK") - 1)) status=none &&
		touch -r "$BACK" "$WORK/changed" &&
		refused 'checksum' "$WORK/changed"
}

a_copy() {
	changed true && mount_region r host "backing=$WORK/changed" &&
		cmp "$HOST/d/big1" "$WORK/tree/d/big1" && unmount "$HOST"
}

odd_path() {
	cp -p "$BACK" "$WORK/an:odd,na\\me" &&
		mount_region r host "backing=$WORK/an\\:odd\\,na\\\\me" &&
		cmp "$HOST/d/big1" "$WORK/tree/d/big1" && unmount "$HOST"
}

colon_parts() {
	refused 'No such file' "$WORK/an:odd\\,na\\\\me"
}

t "of another region" another_region
t "modified" touched
t "shorter" shorter
t "with other bytes" other_bytes
t "not there" refused 'No such file' "$WORK/nowhere"
t "no backing file" refused 'not a backing file' "$WORK/tree/d/big1"
t "a directory" refused 'not a file' "$WORK/tree"
t "twice" refused 'given twice' "$BACK:$BACK"
t "of a region without" refuses 32 'not in split mode' \
	sh -c 'mkdaxfs -q --empty -r "$1/e" && daxfs-fuse "$1/e" "$2" -o backing="$3"' \
	sh "$SHM" "$HOST" "$BACK"
t "an exact copy is as good" a_copy
t "at a path with a colon, a comma and a backslash" odd_path
t "a colon without a backslash parts paths" colon_parts

# ---- before the first mount ----

warm_all() {
	rm -f "$SHM/r" "$BACK"
	mkdaxfs --json -d "$WORK/tree" -r "$SHM/r" -o "$BACK" -C 32768 \
		>"$WORK/.json" || return 1
	mount_region r spawn && diff -r "$WORK/tree" "$SPAWN" && unmount "$SPAWN"
}

warm_list() {
	rm -f "$SHM/r" "$BACK"
	printf 'd/e\n/d/big1\n' >"$WORK/list"
	mkdaxfs -q -d "$WORK/tree" -r "$SHM/r" -o "$BACK" -C 8192 \
		--prewarm "$WORK/list" && mount_region r spawn &&
		diff -r "$WORK/tree/d/e" "$SPAWN/d/e" &&
		cmp "$WORK/tree/d/big1" "$SPAWN/d/big1" && unmount "$SPAWN"
}

wrong_list() {
	echo no/such >"$WORK/list"
	rm -f "$SHM/r" "$BACK"
	refuses 1 'no/such' mkdaxfs -q -d "$WORK/tree" -r "$SHM/r" -o "$BACK" \
		--prewarm "$WORK/list" && [ ! -e "$SHM/r" ] && [ ! -e "$BACK" ]
}

by_inspect() {
	make_region --prewarm none &&
		daxfs-inspect cat -r "$SHM/r" -b "$BACK" d/big2 |
		cmp - "$WORK/tree/d/big2"
}

same_bytes() {
	local i

	for i in 1 2; do
		mkdaxfs -q -d "$WORK/tree" -r "$SHM/s$i" -o "$WORK/s$i" \
			--uuid 01234567-89ab-cdef-0123-456789abcdef \
			--source-date-epoch 1700000000 -C 8192 || return 1
	done
	cmp "$SHM/s1" "$SHM/s2" && cmp "$WORK/s1" "$WORK/s2"
}

# Content is spread over them, each is needed, and each is known for what it is.
three_files() {
	local i

	rm -f "$SHM/r" "$WORK"/b[123]
	mkdaxfs -q -d "$TREE" -r "$SHM/r" -o "$WORK/b1" -o "$WORK/b2" -o "$WORK/b3" \
		-C 2048 --prewarm "$1" || return 1
	for i in 1 2 3; do
		[ "$(stat -c %s "$WORK/b$i")" -gt 5000000 ] || return 1
	done
	mount_region r host "backing=$WORK/b3:$WORK/b1:$WORK/b2" &&
		mount_region r spawn && diff -r "$TREE" "$SPAWN" && diff -r "$TREE" "$HOST" &&
		unmount_both
}

two_of_three() {
	refused 'has 3 backing files, and 2' "$WORK/b1:$WORK/b2"
}

one_is_shorter() {
	cp -p "$WORK/b2" "$WORK/changed" && truncate -s -4096 "$WORK/changed" &&
		touch -r "$WORK/b2" "$WORK/changed" &&
		refused 'shorter' "$WORK/b1:$WORK/changed:$WORK/b3"
}

one_of_them_is_bad() {
	mkdir -p "$WORK/dev2" && : >"$WORK/control2"
	fault_file "$WORK/b2" "$WORK/dev2" "$WORK/control2" "$WORK/count2" >/dev/null 2>&1 &
	STARTED+=("$!")
	for _ in $(seq 100); do [ ! -e "$WORK/dev2/file" ] || break; sleep 0.05; done
	mount_region r host "backing=$WORK/b1:$WORK/dev2/file:$WORK/b3" || return 1
	echo "bad=$(backing_page "$WORK/b2" "$TREE/$1" 100)" >"$WORK/control2"
	! cat "$HOST/$1" >/dev/null 2>&1 || return 1
	find "$TREE" -type f ! -path "*/$1" -printf '%P\n' | while read -r f; do
		cmp "$TREE/$f" "$HOST/$f" || echo wrong
	done | grep -q wrong && return 1
	echo "bad=-1" >"$WORK/control2"
	cmp "$TREE/$1" "$HOST/$1" && unmount "$HOST" && clean_region r
}

in_second() { # the long file that the second one has
	local f

	for f in d/big1 d/big2 d/big3; do
		! backing_page "$WORK/b2" "$TREE/$f" 100 >/dev/null || echo "$f"
	done | head -n 1
}


t "three backing files" three_files none
t "three, and pages in the cache from the beginning" three_files auto
t "two of them are not enough" two_of_three
t "one of them is shorter" one_is_shorter
t "a page of one that cannot be read" one_of_them_is_bad "$(in_second)"
t "twice the same" refuses 1 'the same|in use' \
	mkdaxfs -q -f -d "$WORK/tree" -r "$SHM/r" -o "$WORK/b1" -o "$WORK/b1"

t "mkdaxfs fills the cache: no filler is needed" warm_all
t "by a list of paths" warm_list
t "a path that is not there" wrong_list
t "inspect reads by the backing file" by_inspect
t "the same tree gives the same bytes" same_bytes

finish
