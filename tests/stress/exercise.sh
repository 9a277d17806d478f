#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fsx and fsstress: on tmpfs as a check of themselves, on one FUSE mount, on two.
#
# Notes: see fsx.c and fsstress.c. About fifteen seconds; with STRESS_SECONDS=N
# again and again for so long, with STRESS_LONG=1 fifty times. STRESS_SEED=N
# repeats what chance decides. On our mounts nothing may be refused (-R), but
# mappings on direct_io, which an older kernel does not allow. At the end
# fsck.daxfs finds nothing, and no page is left in use by a file.
# shellcheck source=/dev/null disable=SC2086 # $all is an option or nothing
. "$(dirname "$0")/../lib.sh"

A=$WORK/a
B=$WORK/b
rounds=1
[ -z "${STRESS_LONG:-}" ] || rounds=50
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

both() { # REGION [OPTIONS]
	local o=$OPTS${2:+${OPTS:+,}$2}

	mount_region "$1" a "$o" && mount_region "$1" b "$o"
}

apart() {
	unmount "$A" && unmount "$B"
}

one_round() { # SEED
	part fsx $all -s "$1" -n 2500 "$A"
	part fsx $all -s "$1" -n 2500 -l 100000 "$A" "$B"
	part fsx $all -s "$1" -n 1500 "$A" "$B"
	part fsstress $all -s "$1" -n 600 "$A"
	part fsstress $all -s "$1" -n 800 "$A" "$B"
	[ -z "$OPTS" ] ||
		part as_user fsstress -s "$1" -n 300 "$A/user" "$B/user"
}

as_user() { # COMMAND...
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# Another kind of mount each time. Sets $all.
mounts() { # ROUND
	local kinds=('' direct_io max_threads=2)

	all=-R
	[ "${kinds[$1 % 3]}" != direct_io ] || all=
	both r "${kinds[$1 % 3]}"
}

# With one round, or as many as there is time for.
goes_on() { # ROUNDS-DONE
	if [ -n "${STRESS_SECONDS:-}" ]; then
		[ "$1" -eq 0 ] || [ "$SECONDS" -lt "$STRESS_SECONDS" ]
	else
		[ "$1" -lt "$rounds" ]
	fi
}

# tmpfs has no zero range.
mkdir "$SHM/plain"
part fsx -s "$seed" -n 3000 -x zero -x zero_keep "$SHM/plain"
part fsstress -s "$seed" -n 1000 -x zero "$SHM/plain"

need "a region" empty_region r 512M
for ((i = 0; ; i++)); do
	goes_on "$i" || break
	need "two mounts" mounts "$i"
	mkdir "$A/user" && chmod 777 "$A/user"
	one_round $((seed + i))
	rmdir "$B/user"
	need "both unmounted" apart
done
t "clean, and nothing is left in use" gave_back r

# ---- over an image: each change is a change of what lies below ----

# A tree as fsstress leaves it, but for files that each process makes anew; and
# a file with holes.
make_image() {
	local base=$SHM/base

	mkdir "$base" && fsstress -e tree -k -s "$seed" -n 600 -x zero "$base" &&
		rm -r "$base"/tree/own* "$base"/tree/count* &&
		head -c 3000000 /dev/urandom >"$base/file" &&
		fallocate -p -o 100000 -l 300000 "$base/file" &&
		truncate -s 4000001 "$base/file" &&
		mkdaxfs -q -d "$base" -r "$SHM/image" -s 128M
}

find_base() { # MOUNT
	[ "$(find "$1/tree" | wc -l)" -gt 50 ] && cmp "$1/file" "$SHM/base/file"
}

need "an image of a tree" make_image
need "two mounts of it" both image
t "the tree is in it" find_base "$B"
part fsx -R -e file -s "$seed" -n 1500 "$A" "$B"
part fsstress -R -e tree -s "$seed" -n 500 "$A" "$B"
t "both unmounted from it" apart
t "clean after all was changed" clean_region image

need "a small region" empty_region small 4M
need "two mounts of that" both small
part fsstress -f -s "$seed" -n 1000 "$A" "$B"
t "both unmounted from that" apart
t "clean after it was full, and nothing is left in use" gave_back small
finish
