#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# daxfs-fuse and mount.fuse.daxfs given what cannot be mounted, or mounted on.
#
# Notes: each refusal has its message, its documented status, and leaves no
# mount, no server and no host behind.
. "$(dirname "$0")/../lib.sh"

M=$WORK/m
R=$SHM/r
mkdir "$M"

nothing_left() {
	wait_for_servers || return 1
	[ -z "$(mounts_below "$WORK")" ] || {
		echo "still mounted: $(mounts_below "$WORK")"
		return 1
	}
	fsck.daxfs -n "$R"
}

# Write TEXT at OFFSET of a copy of the region.
patched() { # NAME OFFSET TEXT
	cp "$R" "$SHM/$1" && printf '%s' "$3" |
		dd of="$SHM/$1" bs=1 seek="$2" conv=notrunc status=none
}

need "a region" empty_region r 64M

# ---- arguments ----

helps() { # PROGRAM
	"$1" --help | grep -q 'usage: daxfs-fuse REGION MOUNTPOINT' &&
		"$1" --version | grep -q 'daxfs.* [0-9]'
}

t "help and version" helps daxfs-fuse
t "no argument" refuses 1 "name a region" daxfs-fuse
t "one argument" refuses 1 "name a region" daxfs-fuse "$R"
t "three arguments" refuses 1 "too many" daxfs-fuse "$R" "$M" "$M"
t "unknown flag" refuses 1 "try .*--help" daxfs-fuse -Q "$R" "$M"
t "unknown option" refuses 1 "unknown option" daxfs-fuse -o nonsense "$R" "$M"
t "backing" refuses 32 "not in split mode" \
	daxfs-fuse -o backing=/x "$R" "$M"
t "branch of a region without" refuses 32 "no branch 'b'.*mkdaxfs -b" \
	daxfs-fuse -o ro,branch=b "$R" "$M"
t "no number of threads" refuses 1 "number from" \
	daxfs-fuse -o max_threads=x "$R" "$M"
t "one thread" refuses 1 "number from" daxfs-fuse -o max_threads=1 "$R" "$M"

# ---- the mountpoint ----

: >"$WORK/file"
t "mountpoint does not exist" refuses 32 "$WORK/no.*no such file.*make" \
	daxfs-fuse "$R" "$WORK/no"
t "mountpoint is a file" refuses 32 "$WORK/file.*not a directory" \
	daxfs-fuse "$R" "$WORK/file"
t "nothing was left" nothing_left

# ---- the region ----

t "region does not exist" refuses 32 "$SHM/no.*no such file" \
	daxfs-fuse "$SHM/no" "$M"
t "region is a directory" refuses 32 "$SHM: " daxfs-fuse "$SHM" "$M"
t "region is a terminal" refuses 32 "/dev/null: " daxfs-fuse /dev/null "$M"
: >"$SHM/empty"
t "region is an empty file" refuses 32 "$SHM/empty: .*too few" \
	daxfs-fuse "$SHM/empty" "$M"
head -c 1M /dev/zero >"$SHM/zeros"
t "region is not daxfs" refuses 32 "$SHM/zeros: .*daxfs" \
	daxfs-fuse "$SHM/zeros" "$M"
cp "$R" "$SHM/cut" && truncate -s 32M "$SHM/cut"
t "region is truncated" refuses 32 "$SHM/cut: .*(truncated|short|bytes)" \
	daxfs-fuse "$SHM/cut" "$M"
patched version 8 '~'
t "another version" refuses 32 "$SHM/version: .*version" \
	daxfs-fuse "$SHM/version" "$M"
patched sum 80 'x'
t "wrong checksum" refuses 32 "$SHM/sum: .*checksum" daxfs-fuse "$SHM/sum" "$M"
t "address without a size" refuses 32 "phys:ADDRESS:SIZE" \
	daxfs-fuse phys:4096 "$M"

busy() {
	local fd rc=1

	exec {fd}<"$R"
	flock -x "$fd" &&
		refuses 32 "$R: .*(writing it|in use)" daxfs-fuse "$R" "$M"
	rc=$?
	exec {fd}<&-
	return "$rc"
}
t "region is being written" busy
t "nothing was left" nothing_left

# ---- the helper of mount(8) ----

H=$BUILD/mount.fuse.daxfs
t "helper: help" helps "$H"
t "helper: fake" "$H" "$R" "$M" -sfnv -o rw,noauto
t "helper: fake mounted nothing" nothing_left
t "helper: bad mountpoint" refuses 32 "not a directory" "$H" "$R" "$WORK/file" \
	-o rw
t "helper: mounts" "$H" "$R" "$M" -o rw,defaults,nofail,x-systemd.automount
type_is() {
	same "$(findmnt -no FSTYPE,SOURCE "$M" | tr -s ' ')" "fuse.daxfs $R"
}
t "helper: type and source" type_is
t "helper: writes" sh -c "echo hello >'$M/x'"
t "unmount" unmount "$M"
t "helper: read-only" "$H" "$R" "$M" -r
t "read-only is" refuses 1 "read-only" touch "$M/y"
t "unmount again" unmount "$M"
t "nothing was left" nothing_left
finish
