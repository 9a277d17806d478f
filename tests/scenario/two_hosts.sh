#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two FUSE servers on one region: each sees what the other did, at once.
#
# Notes: A and B are mounts by processes that share nothing but the region.
# Nothing here waits for the other side: what is not seen at the next call is
# a failure.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

A=$WORK/a
B=$WORK/b
OPTS=
[ "$(id -u)" -ne 0 ] || OPTS=allow_other

need "a region" empty_region r 512M
need "first mount" mount_region r a "$OPTS"
need "second mount" mount_region r b "$OPTS"

# ---- 10 000 files on one while the other lists ----

create_while_listing() {
	local i lists=0 seen=0 n pid

	mkdir "$A/many"
	(cd "$A/many" && for i in $(seq 10000); do
		: >"file-$i" || exit 1
	done) &
	pid=$!
	STARTED+=("$pid")
	while kill -0 "$pid" 2>/dev/null; do
		n=$(find "$B/many" -mindepth 1 -printf . | wc -c)
		[ "$n" -ge "$seen" ] || {
			echo "listed $n files after $seen had been there"
			return 1
		}
		seen=$n
		lists=$((lists + 1))
	done
	wait "$pid" || return 1
	echo "listed $lists times"
	[ "$lists" -gt 0 ]
}

lists_are_equal() {
	ls -1a "$A/many" >"$WORK/la"
	ls -1a "$B/many" >"$WORK/lb"
	same "$(wc -l <"$WORK/la")" 10002 && cmp "$WORK/la" "$WORK/lb"
}

attributes_are_equal() {
	stat -c '%n %i %f %h %u %g %s %y %z' "$A"/many/file-1* |
		sed "s,$A,," >"$WORK/sa"
	stat -c '%n %i %f %h %u %g %s %y %z' "$B"/many/file-1* |
		sed "s,$B,," >"$WORK/sb"
	[ -s "$WORK/sa" ] && cmp "$WORK/sa" "$WORK/sb"
}

remove_on_other() {
	rm -r "$B/many" && [ ! -e "$A/many" ]
}

t "10000 files made on one while the other lists" create_while_listing
t "both list the same" lists_are_equal
t "both see the same attributes" attributes_are_equal
t "removed on the other" remove_on_other

# ---- echo x >> f ----

append_in_turn() {
	local i text=

	: >"$A/f"
	for i in $(seq 200); do
		echo "$i" >>"$A/f"
		text+="$i"$'\n'
		same "$(cat "$B/f")" "${text%$'\n'}" || return 1
		echo "x$i" >>"$B/f"
		text+="x$i"$'\n'
		same "$(cat "$A/f")" "${text%$'\n'}" || return 1
	done
}

overwrite_same_size() {
	local i

	for i in $(seq 100 299); do
		echo "$i" >"$A/g"
		same "$(cat "$B/g")" "$i" || return 1
		echo "-$i" | dd of="$B/g" conv=notrunc status=none
		same "$(cat "$A/g")" "-$i" || return 1
	done
}

# Size and mtime as they were: caches that trust them would be stale.
overwrite_same_mtime() {
	local i

	echo 000 >"$A/h"
	touch -d '2001-02-03 04:05:06.789' "$A/h" "$WORK/ref"
	for i in $(seq 100 299); do
		cat "$B/h" >"$WORK/.dump"
		echo "$i" | dd of="$A/h" conv=notrunc status=none
		touch -r "$WORK/ref" "$A/h"
		same "$(cat "$B/h")" "$i" || return 1
	done
}

truncate_is_seen() {
	local i

	for i in $(seq 1 100); do
		truncate -s "$((i * 1000))" "$A/t"
		same "$(stat -c %s "$B/t")" "$((i * 1000))" || return 1
		truncate -s "$i" "$B/t"
		same "$(stat -c %s "$A/t")" "$i" || return 1
	done
}

t "echo x >> f on either is read by the other" append_in_turn
t "an overwrite of the same size is read" overwrite_same_size
t "an overwrite that keeps size and mtime is read" overwrite_same_mtime
t "truncate is seen" truncate_is_seen

# ---- names ----

names_are_seen() {
	local i

	for i in $(seq 100); do
		mkdir "$A/d$i" && [ -d "$B/d$i" ] &&
			echo "in $i" >"$B/d$i/f" &&
			same "$(cat "$A/d$i/f")" "in $i" &&
			mv "$B/d$i" "$B/e$i" && [ ! -e "$A/d$i" ] &&
			same "$(cat "$A/e$i/f")" "in $i" &&
			ln -s "e$i" "$A/s$i" &&
			same "$(readlink "$B/s$i")" "e$i" &&
			ln "$A/e$i/f" "$A/hard$i" &&
			same "$(stat -c %h "$B/hard$i")" 2 &&
			rm -r "$B/e$i" "$B/s$i" && [ ! -e "$A/e$i" ] &&
			same "$(stat -c %h "$A/hard$i")" 1 &&
			chmod 600 "$B/hard$i" &&
			same "$(stat -c %a "$A/hard$i")" 600 &&
			rm "$A/hard$i" && [ ! -e "$B/hard$i" ] || return 1
	done
}

# A negative answer is not remembered either.
absent_then_there() {
	local i

	for i in $(seq 200); do
		[ ! -e "$B/n$i" ] && : >"$A/n$i" && [ -e "$B/n$i" ] &&
			rm "$A/n$i" && [ ! -e "$B/n$i" ] || return 1
	done
}

t "names, links and modes are seen" names_are_seen
t "a name that was absent is seen" absent_then_there

# ---- a rename is never seen half done ----

rename_over() {
	local pid i looks=0

	echo 0 >"$A/target"
	(for i in $(seq 2000); do
		echo "$i" >"$A/new" && mv "$A/new" "$A/target" || exit 1
	done) &
	pid=$!
	STARTED+=("$pid")
	while kill -0 "$pid" 2>/dev/null; do
		if ! read -r i <"$B/target" || [ -z "$i" ]; then
			echo "the name was absent or empty"
			return 1
		fi
		looks=$((looks + 1))
	done
	wait "$pid" && echo "$looks looks" && [ "$looks" -gt 0 ]
}

races() {
	mkdir "$A/races" && chmod 777 "$A/races"
	# shellcheck disable=SC2046 # a list of case names
	posix_test -2 "$B/races" "$A/races" \
		$(posix_test -l | grep '^race_') >"$WORK/races.log" || {
		grep -v '^ok ' "$WORK/races.log"
		return 1
	}
	tail -n 1 "$WORK/races.log"
}

t "a name that is replaced is always there, and whole" rename_over
t "races between the two mounts" races

# ---- one goes ----

survives_unmount() {
	echo kept >"$A/kept" && unmount "$A" &&
		same "$(cat "$B/kept")" kept && echo more >>"$B/kept" &&
		mount_region r a "$OPTS" &&
		same "$(cat "$A/kept")" $'kept\nmore'
}

server_of() { # MOUNTPOINT
	local pid

	for pid in $(servers); do
		tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$1" &&
			echo "$pid"
	done
}

survives_kill() {
	local i

	for i in $(seq 5); do
		kill -KILL "$(server_of "$A")"
		fusermount3 -u -z "$A" 2>/dev/null || umount -l "$A"
		echo "$i" >"$B/after-$i" && mkdir "$B/dir-$i" &&
			mv "$B/after-$i" "$B/dir-$i/f" &&
			mount_region r a "$OPTS" &&
			same "$(cat "$A/dir-$i/f")" "$i" || return 1
	done
}

t "one unmounts, the other goes on" survives_unmount
t "one is killed, the other goes on" survives_kill
t "unmount one" unmount "$A"
t "unmount the other" unmount "$B"
t "the region is clean" clean_region r
finish
