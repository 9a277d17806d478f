#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A full region through FUSE: ENOSPC, deleting works, as much fits again.
#
# Notes: ten rounds on 64 MiB; each must take at least 98 % of the first.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

M=$WORK/m

need "a region" empty_region r 64M
need "a mount" mount_region r m

# Bytes that fit, in files of 1 MiB and then of 4 KiB.
fill() { # DIR
	local i=0

	mkdir -p "$1" || return 1
	while dd if=/dev/zero of="$1/big-$i" bs=1M count=1 \
		status=none 2>"$WORK/full.err"; do
		i=$((i + 1))
		[ "$i" -lt 1000 ] || return 1
	done
	grep -q 'No space left' "$WORK/full.err" || {
		cat "$WORK/full.err" >&2
		return 1
	}
	find "$1" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'
}

still_usable() {
	cmp -n 1048576 "$M/x/big-0" /dev/zero && stat "$M/x/big-1" &&
		rm "$M/x/big-1" &&
		echo "room again" >"$M/y" && same "$(cat "$M/y")" "room again" &&
		mv "$M/y" "$M/x/y" && rm "$M/x/y"
}

a_failed_write_leaves_the_rest() {
	printf 'abc' >"$M/x/keep" || return 0
	same "$(cat "$M/x/keep")" abc
}

ten_rounds() {
	local i n first=

	for i in $(seq 10); do
		n=$(fill "$M/x") || return 1
		: "${first:=$n}"
		echo "round $i: $n bytes"
		[ $((n * 100)) -ge $((first * 98)) ] || return 1
		rm -r "$M/x" || return 1
	done
	# what a user can put there is most of the region
	[ "$first" -ge $((50 << 20)) ]
}

names_until_full() {
	local n

	mkdir "$M/n"
	n=$(cd "$M/n" && i=0 && while (: >"name-$i") 2>/dev/null; do
		i=$((i + 1))
		[ "$i" -lt 20000 ] || break
	done; echo "$i")
	echo "$n names"
	same "$(find "$M/n" -type f | wc -l)" "$n" && rm -r "$M/n" &&
		: >"$M/one-more" && rm "$M/one-more"
}

df_agrees() {
	local avail

	sync "$M"
	avail=$(df --output=avail -B1 "$M" | tail -n 1)
	echo "$avail bytes available"
	[ "$avail" -ge $((50 << 20)) ]
}

t "filled until ENOSPC" fill "$M/x"
t "full: reading, deleting and then writing work" still_usable
t "full: a write that fails leaves the rest" a_failed_write_leaves_the_rest
t "full: delete everything" rm -r "$M/x"
t "ten times full, at least 98 % of the first time" ten_rounds
t "many names" names_until_full
t "df tells that it is free again" df_agrees
t "unmount" unmount "$M"
t "the region is clean" clean_region r
finish
