#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The suite of system calls on FUSE mounts: as root, as a user, over an image.
#
# Notes: cases that need root are skipped for the user by design, and those of a
# newer kernel by an older one. They are counted as passed here when no others
# are skipped: root runs the former.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

MAX=$((1 << 44))	# largest file of daxfs
LOG=$WORK/suite.log
NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# Run it; every case passes, and none is skipped but for want of root or of a kernel.
suite() { # USER-PREFIX... -- ARGUMENTS
	local as=()

	while [ "$1" != -- ]; do
		as+=("$1")
		shift
	done
	shift
	${as[@]+"${as[@]}"} "$BUILD/posix_test" -m "$MAX" "$@" \
		>"$LOG" 2>&1
	local rc=$?
	grep -v '^ok ' "$LOG"
	[ "$rc" -eq 0 ] || return 1
	! grep '^skip' "$LOG" | grep -qvE 'needs (root|Linux)'
}

as_root() { # NAME OPTIONS
	mount_region "$1" m "$2" && suite -- "$WORK/m"
	local rc=$?
	unmount "$WORK/m" && return "$rc"
}

# The mount is root's, the caller is not.
as_user_of_roots_mount() {
	mount_region r m allow_other && mkdir "$WORK/m/user" &&
		chmod 777 "$WORK/m/user" &&
		suite "${NOBODY[@]}" -- "$WORK/m/user"
	local rc=$?
	unmount "$WORK/m" && return "$rc"
}

# Region, server and mount are the user's own: root is not needed at all.
as_user_alone() {
	mkdaxfs --empty -q -r "$SHM/u/r" -s 512M &&
		daxfs-fuse "$SHM/u/r" "$WORK/u" && suite -- "$WORK/u"
	local rc=$?
	fusermount3 -u "$WORK/u" && return "$rc"
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
		mkdaxfs -q -d "$WORK/src" -r "$SHM/img" -s 512M -O 400M &&
		mount_region img m allow_other &&
		suite -- "$WORK/m/dir" && only "$WORK/m/dir" file &&
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
	LOG=$SHM/u/log
	trap - EXIT
	as_user_alone
	exit
fi

need "a region" empty_region r 512M
if [ "$(id -u)" -eq 0 ]; then
	t "root" as_root r allow_other
	t "a user on root's mount" as_user_of_roots_mount
	t "over an image" over_an_image
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
