#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# FUSE mounts of branches: what they show, and what is left of one that has ended.
#
# Notes: fuse_branch.c has the cases of a process on a mount.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

R=$SHM/r
OPTS=
[ "$(id -u)" -ne 0 ] || OPTS=allow_other

mkdir "$WORK/tree" && head -c 4096 /dev/zero >"$WORK/tree/base" &&
	printf base | dd of="$WORK/tree/base" conv=notrunc status=none

branch() { # NAME PARENT: and a mount of it at $WORK/NAME
	mkdir -p "$WORK/$1"
	daxfs-branch create "$1" -p "$2" -r "$R" -m "$WORK/$1" ${OPTS:+-o "$OPTS"}
}

# What fuse_branch does on the mount of a new branch; the region is as before then.
case_of() { # CASE MNT2...
	local name=$1
	shift

	branch "b-$name" main && fuse_branch "$name" "$WORK/b-$name" "$@" &&
		unmount "$WORK/b-$name"
}

need "a region" mkdaxfs -q -b -d "$WORK/tree" -r "$R" -s 64M
need "a mount of main" mount_region r main "$OPTS"

t "main is read-only" refuses 1 "read-only file system" touch "$WORK/main/x"
t "branch=main is main" refuses 1 "read-only file system" \
	bash -c "mkdir '$WORK/m2' && daxfs-fuse '$R' '$WORK/m2' -o branch=main &&
		touch '$WORK/m2/x'"
t "... unmounted" unmount "$WORK/m2"

mkdir "$WORK/none"
t "no such branch" refuses 32 "no branch 'none'.*daxfs-branch list" \
	daxfs-fuse "$R" "$WORK/none" -o branch=none
t "an empty name" refuses 32 "no branch ''" daxfs-fuse "$R" "$WORK/none" -o branch=

odd_name() {
	local name='a,b\c=d'

	daxfs-branch create "$name" -r "$R" -m "$WORK/none" || return 1
	same "$(daxfs-branch status -m "$WORK/none" --json | json_get /name)" "$name" &&
		unmount "$WORK/none"
}
t "a name with comma and backslash" odd_name

# It is not his to end, who could not mount it.
failed_mount() {
	daxfs-branch create left -r "$R" &&
		refuses 1 "unknown option" daxfs-fuse "$R" "$WORK/none" \
			-o branch=left,nonsense &&
		same "$(daxfs-branch status left -r "$R" --json | json_get /state)" \
			orphaned &&
		daxfs-branch abort -r "$R" -b left
}
t "a mount that fails leaves the branch" failed_mount

readonly_mount() {
	branch ro main && mkdir "$WORK/ro2" && echo 1 >"$WORK/ro/f" &&
		daxfs-fuse "$R" "$WORK/ro2" -o ro,branch=ro &&
		same "$(cat "$WORK/ro2/f")" 1 &&
		refuses 1 "read-only" touch "$WORK/ro2/f" &&
		refuses 1 "read-only mount" daxfs-branch commit -m "$WORK/ro2" &&
		unmount "$WORK/ro2" && unmount "$WORK/ro"
}
t "ro,branch=" readonly_mount

ended() { case_of ended >"$WORK/ended.out"; }
elsewhere() { case_of elsewhere "$R" >>"$WORK/ended.out"; }
t "a branch that has ended" ended
t "... by somebody else" elsewhere
sed 's/^/# /' "$WORK/ended.out"		# for who wants to know; no limit of a test
t "a frozen branch" case_of frozen
t "bad requests" case_of bad
t "a thousand branches" case_of many
if [ "$(id -u)" -eq 0 ]; then
	t "who may" case_of rights
else
	skip "who may" "needs root"
fi

rolled_back() {
	branch roll main && mkdir "$WORK/roll2" &&
		daxfs-fuse "$R" "$WORK/roll2" -o branch=roll &&
		fuse_branch rolled_back "$WORK/roll" "$WORK/roll2" &&
		unmount "$WORK/roll2" && unmount "$WORK/roll"
}
t "rolled back behind the kernel's caches" rolled_back
t "a commit" case_of committed "$WORK/main"
t "nothing is left of them" bash -c "
	[ \"\$(daxfs-inspect branches -r '$R' --json | json_get /active)\" = 0 ]"
t "unmounted" unmount "$WORK/main"
t "the region is clean" clean_region r

# ---- deep, and many ----

# b1 to b64 lie on one another, each eighth has a file; b65 to b256 lie on main.
make_many() {
	local i up=main

	mkdaxfs -q -b -E -r "$SHM/many" -s 128M && mkdir "$WORK/deep" || return 1
	for ((i = 1; i <= 64; i++)); do
		daxfs-branch create "b$i" -p "$up" --keep -r "$SHM/many" || return 1
		up=b$i
		((i % 8)) && continue
		daxfs-fuse "$SHM/many" "$WORK/deep" -o "branch=$up" &&
			echo "$i" >"$WORK/deep/f$i" && unmount "$WORK/deep" || return 1
	done
	daxfs-fuse "$SHM/many" "$WORK/deep" && fuse_branch wide "$WORK/deep" &&
		unmount "$WORK/deep" || return 1
	same "$(daxfs-inspect branches -r "$SHM/many" --json | json_get /active)" 256
}

# 32 mounts, each written to by a process at the same time.
write_many() {
	local i
	local -a pid

	for i in 64 {226..256}; do
		mkdir "$WORK/many$i" &&
			daxfs-fuse "$SHM/many" "$WORK/many$i" -o "branch=b$i" || return 1
	done
	for i in 64 {226..256}; do
		cp -a "$WORK/load" "$WORK/many$i/load" &
		pid+=($!)
	done
	for i in "${pid[@]}"; do
		wait "$i" || return 1
	done
	for i in 64 {226..256}; do
		diff -r "$WORK/load" "$WORK/many$i/load" || return 1
		same "$(find "$WORK/many$i" -maxdepth 1 -name 'f*' | wc -l)" \
			$((i == 64 ? 8 : 0)) || return 1
	done
}

# The deepest becomes main, with all that it lies on; the others have ended.
commit_many() {
	local i

	daxfs-branch commit -m "$WORK/many64" &&
		diff -r "$WORK/load" "$WORK/many64/load" || return 1
	for ((i = 8; i <= 64; i += 8)); do
		same "$(cat "$WORK/many64/f$i")" "$i" || return 1
	done
	refuses 2 "stale" ls "$WORK/many256" &&
		same "$(daxfs-inspect branches -r "$SHM/many" --json |
			json_get /active)" 0 || return 1
	for i in 64 {226..256}; do
		unmount "$WORK/many$i" || return 1
	done
}

mkdir "$WORK/load"
for i in {1..30}; do
	head -c $((i * 700)) /dev/urandom >"$WORK/load/$i"
done
t "256 branches, one on 63 others" make_many
t "32 of them written to at once" write_many
t "the deepest becomes main" commit_many
t "that region is clean" clean_region many
finish
