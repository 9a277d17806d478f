#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The suite of system calls on FUSE mounts: as root, as a user, over an image.
#
# Notes: each run has a small mount to fill and a read-only one beside it. What
# the suite calls a deviation is explained in docs/posix.md.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/suite.inc"

MAX=$((1 << 44))	# largest file of daxfs
ARGS=(-m "$MAX")

# Mounts beside the one under test: one that is soon full, one that is read-only.
others() { # FOLDER-OF-REGIONS FOLDER-OF-MOUNTS OPTIONS
	mkdir "$2/small" "$2/ro" && tree_for_read_only "$2/tree" &&
		mkdaxfs --empty -q -r "$1/small" -s 24M &&
		mkdaxfs -q -d "$2/tree" -r "$1/ro" -s 64M &&
		daxfs-fuse "$1/small" "$2/small" ${3:+-o "$3"} &&
		daxfs-fuse "$1/ro" "$2/ro" -o "ro${3:+,$3}" || return 1
	ARGS=(-m "$MAX" -f "$2/small" -r "$2/ro")
}

unmount_others() {
	unmount "$WORK/small" && unmount "$WORK/ro"
}

as_root() { # NAME OPTIONS
	mount_region "$1" m "$2" && suite -- "${ARGS[@]}" "$WORK/m"
	local rc=$?
	unmount "$WORK/m" && return "$rc"
}

# The mount is root's, the caller is not.
as_user_of_roots_mount() {
	mount_region r m allow_other && mkdir "$WORK/m/user" &&
		chmod 777 "$WORK/m/user" &&
		chmod 777 "$WORK/small" &&
		suite "${NOBODY[@]}" -- "${ARGS[@]}" "$WORK/m/user"
	local rc=$?
	unmount "$WORK/m" && return "$rc"
}

# Region, server and mount are the user's own: root is not needed at all.
as_user_alone() {
	mkdir "$WORK/u/m" && mkdaxfs --empty -q -r "$SHM/u/r" -s 256M &&
		others "$SHM/u" "$WORK/u" "" &&
		daxfs-fuse "$SHM/u/r" "$WORK/u/m" &&
		suite -- "${ARGS[@]}" "$WORK/u/m"
	local rc=$? m
	for m in m small ro; do
		fusermount3 -u "$WORK/u/$m" || return 1
	done
	return "$rc"
}

# Where /dev/fuse is root's alone (Debian's udev opens it to all), root gives
# the user one in a mount namespace of its own.
root_becomes_user() {
	local give=:

	mkdir "$WORK/u" "$SHM/u" && chown 65534:65534 "$WORK/u" "$SHM/u" ||
		return 1
	if ! "${NOBODY[@]}" test -w /dev/fuse; then
		mknod -m 666 "$WORK/fuse" c 10 229 || return 1
		give="mount --bind $WORK/fuse /dev/fuse"
	fi
	unshare -m sh -c "$give"' && exec "$@"' sh "${NOBODY[@]}" \
		bash "$0" --as-user "$WORK" "$SHM"
}

# A directory of the image: what is changed has to be copied up first.
over_an_image() {
	mkdir -p "$WORK/src/dir" && echo base >"$WORK/src/dir/file" &&
		chmod 777 "$WORK/src/dir" &&
		mkdaxfs -q -d "$WORK/src" -r "$SHM/img" -s 256M -O 240M &&
		mount_region img m allow_other &&
		suite -- "${ARGS[@]}" "$WORK/m/dir" && only "$WORK/m/dir" file &&
		same "$(cat "$WORK/m/dir/file")" base
	local rc=$?
	unmount "$WORK/m" && return "$rc"
}

# Called by root_becomes_user(): the folders are those of the caller, and so is
# the cleaning up.
if [ "${1:-}" = --as-user ]; then
	rmdir "$WORK" "$SHM"
	WORK=$2
	SHM=$3
	# shellcheck disable=SC2034 # suite() writes to it
	LOG=$SHM/u/log
	trap - EXIT
	as_user_alone
	exit
fi

need "a region" empty_region r 256M
if [ "$(id -u)" -eq 0 ]; then
	need "mounts beside it" others "$SHM" "$WORK" allow_other,dev,suid
	t "root" as_root r allow_other,dev,suid
	t "at least 1500 assertions" enough 1500
	t "a user on root's mount" as_user_of_roots_mount
	t "over an image" over_an_image
	t "the mounts beside it go" unmount_others
	t "image region is clean" clean_region img
else
	skip "root's cases" "not root"
fi
if [ "$(id -u)" -eq 0 ]; then
	t "a user's own region and mount" root_becomes_user
else
	mkdir "$WORK/u" "$SHM/u"
	t "a user's own region and mount" as_user_alone
fi
t "the region is clean" clean_region r
t "the user's region is clean" clean_region u/r
finish
