#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# FUSE servers on one region, killed at random while programs work on them.
#
# Notes: two servers, for 40 seconds. With STRESS_LONG=1 a thousand kills of two
# and five hundred of four; with STRESS_SECONDS=N so many seconds of each.
# STRESS_SEED=N repeats what chance decides. See stress_fuse.c.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

stress() { # NAME ARGUMENT...
	local name=$1
	shift

	mkdir "$WORK/$name" && empty_region "$name" 256M || return 1
	stress_fuse "$@" "$SHM/$name" "$WORK/$name" >"$WORK/$name.log" 2>&1
	local rc=$?
	cat "$WORK/$name.log" >&3
	rm -f "$SHM/$name"
	return "$rc"
}
exec 3>&1

seed=${STRESS_SEED:+-s $STRESS_SEED}
seconds=${STRESS_SECONDS:-}

# shellcheck disable=SC2086 # $seed is two words or none
if [ -n "$seconds" ]; then
	t "two servers" stress two -m 2 -w 3 -t "$seconds" $seed
	t "four servers" stress four -m 4 -w 2 -t "$seconds" $seed
elif [ -n "${STRESS_LONG:-}" ]; then
	t "two servers, a thousand kills" stress two -m 2 -w 3 -k 1000 -q 50 $seed
	t "four servers, five hundred kills" \
		stress four -m 4 -w 2 -k 500 -q 50 $seed
else
	t "two servers" stress two -m 2 -w 3 -t 40 -q 30 $seed
fi
finish
