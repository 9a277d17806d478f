#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fsx and fsstress: on tmpfs as a check of themselves, on one FUSE mount, on two.
#
# Notes: see fsx.c and fsstress.c. About fifteen seconds; with STRESS_LONG=1 some
# fifty times the operations, and a region that gets full. STRESS_SEED=N repeats
# what chance decides. At the end fsck.daxfs finds nothing, and no page is left
# in use by a file.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

A=$WORK/a
B=$WORK/b
times=1
[ -z "${STRESS_LONG:-}" ] || times=50
seed=${STRESS_SEED:-$(date +%s)}
OPTS=
[ "$(id -u)" -ne 0 ] || OPTS=allow_other

# Its cases are ours. A program that ends otherwise has failed.
part() { # COMMAND...
	local rc counts

	echo "# $*" | sed "s,$WORK,,g; s,$SHM,,g"
	"$@" >"$WORK/log" 2>&1
	rc=$?
	grep -vE '^[0-9]+ passed, ' "$WORK/log"
	counts=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' \
		"$WORK/log" | tail -n 1)
	# shellcheck disable=SC2086 # three numbers
	set -- ${counts:-0 0 0}
	PASSED=$((PASSED + $1))
	FAILED=$((FAILED + $2))
	SKIPPED=$((SKIPPED + $3))
	if [ "$rc" -ne 0 ] && [ "$2" -eq 0 ]; then
		FAILED=$((FAILED + 1))
		echo "not ok exit status $rc"
	fi
}

# Everything was removed: no content, no map, and nothing lost.
gave_back() { # REGION
	clean_region "$1" >"$WORK/fsck" || { cat "$WORK/fsck"; return 1; }
	grep -q ' pool: ' "$WORK/fsck" &&
		! grep -E ' pool: .*, [0-9]+ (data|map)[,0-9]' "$WORK/fsck"
}

both() { # REGION
	mount_region "$1" a "$OPTS" && mount_region "$1" b "$OPTS"
}

apart() {
	unmount "$A" && unmount "$B"
}

# tmpfs has no zero range.
mkdir "$SHM/plain"
part fsx -s "$seed" -n $((3000 * times)) -x zero -x zero_keep "$SHM/plain"
part fsstress -s "$seed" -n $((1000 * times)) -x zero "$SHM/plain"

need "a region" empty_region r 512M
need "two mounts" both r
part fsx -s "$seed" -n $((2500 * times)) "$A"
part fsx -s "$seed" -n $((2500 * times)) -l 100000 "$A" "$B"
part fsx -s "$seed" -n $((1500 * times)) "$A" "$B"
part fsstress -s "$seed" -n $((600 * times)) "$A"
part fsstress -s "$seed" -n $((800 * times)) "$A" "$B"
t "both unmounted" apart
t "clean, and nothing is left in use" gave_back r

if [ -n "${STRESS_LONG:-}" ]; then
	need "a small region" empty_region small 16M
	need "two mounts of it" both small
	part fsstress -f -s "$seed" -n $((400 * times)) "$A" "$B"
	t "both unmounted from it" apart
	t "clean after it was full" gave_back small
fi
finish
