#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bad input: each is refused with a message and a status, and nothing is lost.
#
# Notes: every tool that opens a region gets every bad region. mkdaxfs leaves
# no file behind when it fails.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

mkdir "$WORK/m" "$WORK/src"
echo content >"$WORK/src/file"

# No mount, and the region as it was.
no_tool_takes() { # REGION REGEX
	local sum

	sum=$(cksum <"$1" 2>/dev/null)
	refuses 32 "$2" daxfs-fuse "$1" "$WORK/m" &&
		! mountpoint -q "$WORK/m" &&
		refuses 1 "$2" daxfs-inspect status -r "$1" &&
		refuses 1 "$2" daxfs-inspect ls -r "$1" / &&
		fsck_refuses "$1" &&
		same "$(cksum <"$1" 2>/dev/null)" "$sum"
}

# fsck says either what is wrong with it (4) or why it cannot look (8).
fsck_refuses() { # REGION
	local rc

	fsck.daxfs -n "$1" >"$WORK/.out" 2>&1
	rc=$?
	[ $((rc & 12)) -ne 0 ] && [ -s "$WORK/.out" ] && return 0
	echo "fsck.daxfs ended with $rc"
	cat "$WORK/.out"
	return 1
}

bad_copy() { # NAME FIELD VALUE
	cp "$SHM/good" "$SHM/$1" && patch_super "$SHM/$1" "$2" "$3"
}

need "a region" mkdaxfs -q -d "$WORK/src" -r "$SHM/good" -s 32M
need "which is good" fsck.daxfs -n "$SHM/good"

# ---- regions ----

not_a_region() {
	head -c 1048576 /dev/urandom >"$SHM/noise" &&
		no_tool_takes "$SHM/noise" 'daxfs'
}

zeros() {
	truncate -s 1M "$SHM/zeros" && no_tool_takes "$SHM/zeros" 'daxfs'
}

too_small() {
	local n

	for n in 0 1 100 1023 4095; do
		head -c "$n" "$SHM/good" >"$SHM/small"
		no_tool_takes "$SHM/small" 'small|short|empty|size|bytes' ||
			return 1
	done
}

truncated() {
	local n

	for n in 4096 65536 $(((32 << 20) - 4096)); do
		head -c "$n" "$SHM/good" >"$SHM/cut"
		no_tool_takes "$SHM/cut" 'truncated|shorter|bytes' || return 1
	done
}

wrong_checksum() {
	cp "$SHM/good" "$SHM/crc" && patch_super -k "$SHM/crc" mode 2 &&
		no_tool_takes "$SHM/crc" 'checksum'
}

other_version() {
	bad_copy version version 2 && no_tool_takes "$SHM/version" 'version'
}

unknown_incompat() {
	bad_copy incompat incompat 0x8000000000000001 &&
		no_tool_takes "$SHM/incompat" 'feature|incompat'
}

# An unknown ro_compat feature: reading is fine, writing is not done.
unknown_ro_compat() {
	bad_copy roc ro_compat 0x100 &&
		refuses 32 'feature|ro_compat|read-only' \
			daxfs-fuse "$SHM/roc" "$WORK/m" &&
		daxfs-fuse "$SHM/roc" "$WORK/m" -o ro &&
		same "$(cat "$WORK/m/file")" content &&
		! touch "$WORK/m/new" 2>/dev/null && unmount "$WORK/m"
}

unknown_compat() {
	bad_copy compat compat 0x100 && mount_region compat m &&
		same "$(cat "$WORK/m/file")" content && unmount "$WORK/m"
}

areas_out_of_bounds() {
	bad_copy areas area_nr 77 && no_tool_takes "$SHM/areas" '.' &&
		bad_copy page page_shift 13 && no_tool_takes "$SHM/page" '.' &&
		bad_copy len region_len 0xfffffffffffff000 &&
		no_tool_takes "$SHM/len" '.' &&
		bad_copy inodes base_inode_nr 0xffffffffffff &&
		no_tool_takes "$SHM/inodes" '.'
}

missing_region() {
	no_tool_takes "$SHM/nothing-here" 'No such file|does not exist'
}

a_directory() {
	refuses 32 'directory|not a' daxfs-fuse "$WORK/src" "$WORK/m" &&
		refuses 1 'directory|not a|neither' daxfs-inspect status -r "$WORK/src"
}

t "not a region" not_a_region
t "zeros" zeros
t "too small" too_small
t "truncated" truncated
t "wrong checksum" wrong_checksum
t "another version" other_version
t "an unknown incompat feature" unknown_incompat
t "an unknown ro_compat feature" unknown_ro_compat
t "an unknown compat feature is no obstacle" unknown_compat
t "areas and sizes that cannot be" areas_out_of_bounds
t "a region that does not exist" missing_region
t "a directory as region" a_directory

# ---- mountpoints ----

no_mountpoint() {
	refuses 32 'nowhere.*(No such file|not exist)' \
		daxfs-fuse "$SHM/good" "$WORK/nowhere" &&
		refuses 32 'directory' daxfs-fuse "$SHM/good" "$WORK/src/file"
}

no_mountpoint_for_mkdaxfs() {
	refuses 1 'nowhere' mkdaxfs -q --empty -r "$SHM/m1" -s 16M \
		-m "$WORK/nowhere" && [ ! -e "$SHM/m1" ]
}

t "a mountpoint that does not exist" no_mountpoint
t "mkdaxfs -m with such a mountpoint" no_mountpoint_for_mkdaxfs

# ---- no space ----

# A small file system of the test's own, so that nobody else runs out.
no_space() {
	mkdir "$WORK/small" && mount -t tmpfs -o size=8M none "$WORK/small" &&
		refuses 1 'space' mkdaxfs -q --empty -r "$WORK/small/r" -s 64M &&
		only "$WORK/small" &&
		refuses 1 'space' mkdaxfs -q -d "$WORK/src" \
			-r "$WORK/small/r" -s 64M && only "$WORK/small" &&
		mkdaxfs -q --empty -r "$WORK/small/r" -s 7M &&
		refuses 1 'space' mkdaxfs -q -f --empty -r "$WORK/small/r" \
			-s 64M && fsck.daxfs -n "$WORK/small/r" &&
		only "$WORK/small" r && umount "$WORK/small"
}

region_too_small_for_tree() {
	head -c $((20 << 20)) /dev/urandom >"$WORK/src/large"
	refuses 1 'needs?|small' mkdaxfs -q -d "$WORK/src" -r "$SHM/tiny" \
		-s 10M && [ ! -e "$SHM/tiny" ]
	local rc=$?
	rm "$WORK/src/large"
	return "$rc"
}

if [ "$(id -u)" -eq 0 ]; then
	t "no space for the region" no_space
else
	skip "no space for the region" "needs root for a tmpfs"
fi
t "a size that the tree does not fit" region_too_small_for_tree

# ---- the source ----

no_source() {
	refuses 1 'missing' mkdaxfs -q -d "$WORK/missing" -r "$SHM/s1" -s 16M &&
		refuses 1 'file' mkdaxfs -q -d "$WORK/src/file" -r "$SHM/s1" \
			-s 16M && [ ! -e "$SHM/s1" ]
}

unreadable_source() {
	mkdir -p "$WORK/secret" && echo x >"$WORK/secret/f" &&
		chmod 000 "$WORK/secret/f" && chmod 755 "$WORK/secret" &&
		mkdir -p "$SHM/u" && chmod 777 "$SHM/u" || return 1
	if [ "$(id -u)" -eq 0 ]; then
		refuses 1 'secret/f' setpriv --reuid 65534 --regid 65534 \
			--clear-groups "$BUILD/mkdaxfs" -q -d "$WORK/secret" \
			-r "$SHM/u/r" -s 16M
	else
		refuses 1 'secret/f' mkdaxfs -q -d "$WORK/secret" \
			-r "$SHM/u/r" -s 16M
	fi && only "$SHM/u"
}

# Grows, shrinks, changes and vanishes as long as mkdaxfs reads: either it
# got a state that was there, or it says which file would not hold still.
changing_source() {
	local pid i rc said=0 made=0

	mkdir "$WORK/live"
	head -c $((40 << 20)) /dev/zero >"$WORK/live/f"
	(while :; do
		truncate -s 1M "$WORK/live/f"
		truncate -s 40M "$WORK/live/f"
		: >"$WORK/live/g$RANDOM"
		rm -f "$WORK"/live/g*
	done) &
	pid=$!
	STARTED+=("$pid")
	for i in $(seq 20); do
		rm -f "$SHM/live"
		mkdaxfs -q -d "$WORK/live" -r "$SHM/live" -s 128M \
			2>"$WORK/.err"
		rc=$?
		if [ "$rc" -eq 0 ]; then
			fsck.daxfs -n "$SHM/live" >/dev/null || return 1
			made=$((made + 1))
		elif [ "$rc" -eq 1 ]; then
			grep -q 'live/[fg]' "$WORK/.err" || return 1
			[ ! -e "$SHM/live" ] || return 1
			said=$((said + 1))
		else
			cat "$WORK/.err"
			return 1
		fi
	done
	kill "$pid" && wait "$pid" 2>/dev/null
	echo "made $made times, refused $said times"
	[ "$said" -gt 0 ]
}

interrupted_mkdaxfs() {
	local pid i

	head -c $((200 << 20)) /dev/zero >"$WORK/src/huge"
	mkdir "$SHM/int"
	for i in 0.01 0.03 0.05 0.1; do
		setsid mkdaxfs -q -d "$WORK/src" -r "$SHM/int/r" -s 512M &
		pid=$!
		sleep "$i"
		kill -INT "$pid" 2>/dev/null
		if wait "$pid"; then
			fsck.daxfs -n "$SHM/int/r" && rm "$SHM/int/r" || return 1
		else
			only "$SHM/int" || return 1
		fi
	done
	rm "$WORK/src/huge"
}

t "a source that is missing or no directory" no_source
t "a source that may not be read" unreadable_source
t "a source that changes while it is read" changing_source
t "mkdaxfs interrupted leaves nothing" interrupted_mkdaxfs

# ---- a region that is there already or in use ----

exists_already() {
	local sum

	sum=$(cksum <"$SHM/good")
	refuses 1 'exists|-f' mkdaxfs -q --empty -r "$SHM/good" -s 16M &&
		refuses 1 'exists|-f' mkdaxfs -q -d "$WORK/src" -o "$SHM/good" &&
		same "$(cksum <"$SHM/good")" "$sum"
}

in_use() {
	mount_region good m && echo here >"$WORK/m/new" &&
		refuses 1 'in use|busy|held' mkdaxfs -q -f --empty \
			-r "$SHM/good" -s 16M &&
		same "$(cat "$WORK/m/new")" here && unmount "$WORK/m" &&
		wait_for_servers && fsck.daxfs -n "$SHM/good" &&
		mkdaxfs -q -f --empty -r "$SHM/good" -s 16M
}

held_by_another() {
	empty_region held 16M || return 1
	(exec 9<>"$SHM/held" && flock -x 9 && : >"$WORK/locked" &&
		exec sleep 60) &
	local pid=$! rc i
	STARTED+=("$pid")
	for i in $(seq 200); do
		[ ! -e "$WORK/locked" ] || break
		sleep 0.05
	done
	refuses 32 'in use|held|busy|lock' daxfs-fuse "$SHM/held" "$WORK/m" &&
		! mountpoint -q "$WORK/m"
	rc=$?
	kill "$pid" && wait "$pid" 2>/dev/null
	return "$rc"
}

t "a region that exists is kept without -f" exists_already
t "a region in use is kept with -f" in_use
t "a region that somebody holds for another purpose" held_by_another

# ---- memory that goes away under a server ----

lost_memory() {
	empty_region lost 32M && mount_region lost m &&
		head -c 8M /dev/zero >"$WORK/m/f" && truncate -s 4096 "$SHM/lost" &&
		! cat "$WORK/m/f" >/dev/null 2>"$WORK/.err" &&
		! touch "$WORK/m/new" 2>>"$WORK/.err" &&
		grep -Eq 'Input/output error|Structure needs cleaning' "$WORK/.err"
	local rc=$?
	[ -n "$(servers)" ] || {
		echo "the server is gone"
		rc=1
	}
	unmount "$WORK/m" || umount -l "$WORK/m"
	return "$rc"
}

t "a region truncated under a server gives EIO" lost_memory

# ---- names ----

long_name() {
	local name

	name=$(printf 'n%.0s' $(seq 256))
	empty_region names 16M && mount_region names m &&
		refuses 1 'too long' touch "$WORK/m/$name" &&
		touch "$WORK/m/${name#n}" && only "$WORK/m" "${name#n}" &&
		unmount "$WORK/m"
}

t "a name over 255 bytes" long_name

# ---- usage ----

usage() {
	refuses 2 'usage|try|--help' mkdaxfs --no-such-option &&
		refuses 2 '.' mkdaxfs -r "$SHM/u1" -s nonsense --empty &&
		refuses 2 '.' mkdaxfs --empty -d "$WORK/src" -r "$SHM/u1" &&
		refuses 2 '.' mkdaxfs --empty &&
		refuses 1 'usage|try|--help' daxfs-fuse --no-such-option &&
		refuses 1 '.' daxfs-fuse "$SHM/good" && [ ! -e "$SHM/u1" ]
}

no_cache() { # nothing lies elsewhere that it would be for
	refuses 2 'split mode' mkdaxfs --empty -r "$SHM/u2" -s 16M -C 1024 &&
		[ ! -e "$SHM/u2" ]
}

one_place() { # -r, -p and -H each name one
	refuses 2 "exclude each other" mkdaxfs --empty -r "$SHM/u2" -s 16M -H /dev/x &&
		refuses 2 "exclude each other" mkdaxfs --empty -r "$SHM/u2" -s 16M -p 0x1000 &&
		[ ! -e "$SHM/u2" ]
}

t "wrong usage" usage
t "two places for a region" one_place
t "a page cache without a backing file" no_cache
finish
