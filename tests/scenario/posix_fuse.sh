#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The suite of system calls on FUSE mounts: as root, as a user, over an image.
#
# Notes: cases that need root are skipped for the user by design and counted
# as passed here when they are the only ones skipped: root runs them.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

MAX=$((1 << 44))	# largest file of daxfs
NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# Run it; every case passes, and none is skipped but for want of root.
suite() { # USER-PREFIX... -- ARGUMENTS
	local as=()

	while [ "$1" != -- ]; do
		as+=("$1")
		shift
	done
	shift
	${as[@]+"${as[@]}"} "$BUILD/posix_test" -m "$MAX" "$@" \
		>"$WORK/suite.log" 2>&1
	local rc=$?
	grep -v '^ok ' "$WORK/suite.log"
	[ "$rc" -eq 0 ] || return 1
	! grep '^skip' "$WORK/suite.log" | grep -qv 'needs root'
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
	local me=("${NOBODY[@]}")

	[ "$(id -u)" -eq 0 ] || me=()
	mkdir "$WORK/u" "$SHM/u"
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534:65534 "$WORK/u" "$SHM/u"
	fi
	${me[@]+"${me[@]}"} mkdaxfs --empty -q -r "$SHM/u/r" -s 512M &&
		${me[@]+"${me[@]}"} daxfs-fuse "$SHM/u/r" "$WORK/u" &&
		suite ${me[@]+"${me[@]}"} -- "$WORK/u"
	local rc=$?
	${me[@]+"${me[@]}"} fusermount3 -u "$WORK/u" && return "$rc"
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

need "a region" empty_region r 512M
if [ "$(id -u)" -eq 0 ]; then
	t "root" as_root r allow_other
	t "a user on root's mount" as_user_of_roots_mount
	t "over an image" over_an_image
	t "image region is clean" clean_region img
else
	skip "root's cases" "not root"
fi
t "a user's own region and mount" as_user_alone
t "the region is clean" clean_region r
t "the user's region is clean" clean_region u/r
finish
