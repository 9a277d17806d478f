#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two FUSE servers on one region: a lock that one gave holds against the other.
#
# Notes: the cases are in fuse_locks.c. They run on a plain directory first, as a
# check of themselves, then on one mount and on two; with the least number of
# threads, too, which those that wait must not use up. A hang is ended and told
# by timeout.
. "$(dirname "$0")/../lib.sh"

A=$WORK/a
B=$WORK/b

both() { # OPTIONS
	mount_region r a "$1" && mount_region r b "$1"
}

apart() {
	unmount "$A" && unmount "$B" && wait_for_servers
}

server_of() { # MOUNTPOINT: its process
	local dir

	for dir in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$dir/cmdline" |
			grep -q "daxfs-fuse .*$1" && echo "${dir#/proc/}"
	done
}

cases=$(fuse_locks list) || exit 2
mkdir "$SHM/plain"
for c in $cases; do
	t "$c on a plain directory" timeout 60 \
		fuse_locks "$c" "$SHM/plain" "$SHM/plain"
done
need "a region" empty_region r 64M
for threads in 64 2; do
	need "two mounts with $threads threads" both "max_threads=$threads"
	for c in $cases; do
		t "$c with $threads threads" timeout 60 fuse_locks "$c" "$A" "$B"
	done
	need "both unmounted" apart
done

# ---- who has the locks is killed, with its server or without ----

holder= # its process

hold() {
	fuse_locks hold "$A" "$A" >"$WORK/held" &
	holder=$!
	STARTED+=("$holder")
	for _ in $(seq 500); do
		[ ! -s "$WORK/held" ] || return 0
		sleep 0.01
	done
	return 1
}

holder_is_killed() {
	hold || return 1
	kill -KILL "$holder"
	timeout 30 fuse_locks get "$B" "$B"
}

server_is_killed() {
	hold || return 1
	timeout 30 fuse_locks get "$B" "$B" >"$WORK/got" &
	STARTED+=("$!")
	sleep 0.1 # that it waits then; if it does not yet, it is as well
	kill -KILL "$(server_of "$A")"
	wait "$!" || return 1
	cat "$WORK/got"
	kill -KILL "$holder"
	unmount "$A"
}

need "two mounts" both ""
t "the holder is killed" holder_is_killed
t "the holder's server is killed" server_is_killed
t "what that server held is given back" unmount "$B"

# ---- mounts that keep locks to themselves ----

apart_from_others() { # OPTIONS
	both "$1" || return 1
	timeout 30 fuse_locks flock "$A" "$A" || return 1
	hold && timeout 30 fuse_locks get "$B" "$B" || return 1
	kill -KILL "$holder"
	apart
}
t "local_locks" apart_from_others local_locks
t "the region is clean" clean_region r
finish
