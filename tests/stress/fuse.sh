#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# FUSE servers on one region, killed at random while programs work on them.
#
# Notes: 40 seconds; with STRESS_SECONDS=N so many, with STRESS_LONG=1 a
# thousand kills of two servers and five hundred of four. See stress_fuse.c.
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

if [ -n "${STRESS_LONG:-}" ] && [ -z "${STRESS_SECONDS:-}" ]; then
	t "two servers, a thousand kills" stress two -m 2 -w 3 -k 1000 -q 50
	t "four servers, five hundred kills" stress four -m 4 -w 2 -k 500 -q 50
else
	t "two servers killed at random" \
		stress two -m 2 -w 3 -t "${STRESS_SECONDS:-40}" -q 30
fi
finish
