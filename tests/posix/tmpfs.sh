#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The suite of system calls on tmpfs: the check of the suite itself.
#
# Notes: tmpfs keeps what POSIX says, so a case that fails here is wrong. Root
# mounts one for the suite, a small and a read-only one; without root it is a
# folder in /dev/shm, and the cases that need those mounts are left out.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/suite.inc"

tmpfs() { # NAME OPTIONS
	mkdir "$WORK/$1" && mount -t tmpfs -o "$2" tmpfs "$WORK/$1"
}

mounts() {
	tmpfs m size=256m && tmpfs small size=8m,nr_inodes=2000 && tmpfs ro size=8m &&
		tree_for_read_only "$WORK/ro" &&
		mount -o remount,ro "$WORK/ro" && chmod 777 "$WORK/small"
}

as_user() {
	mkdir "$WORK/m/user" && chmod 777 "$WORK/m/user" &&
		suite "${NOBODY[@]}" -- -r "$WORK/ro" -f "$WORK/small" \
			"$WORK/m/user"
}

as_user_alone() {
	suite -- "$SHM"
}

# Older ones have no user.* attributes, and none has all.
MAY_SKIP="$MAY_SKIP|no .* here|attributes only"
if [ "$(id -u)" -eq 0 ]; then
	need "mounts" mounts
	t "root" suite -- -r "$WORK/ro" -f "$WORK/small" "$WORK/m"
	t "at least 1500 assertions" enough 1500
	t "a user" as_user
else
	MAY_SKIP="$MAY_SKIP|--small|--read-only"
	skip "root's cases" "not root"
	t "a user" as_user_alone
fi
t "at least 1000 assertions without root" enough 1000
finish
