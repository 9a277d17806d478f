#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two FUSE servers on one region: content that one changed is read by the other.
#
# Notes: the cases are in fuse_coherence.c. They run with the usual number of
# threads and again with the least, where a server that waits for its own
# kernel would hang; a hang is ended and told by timeout.
. "$(dirname "$0")/../lib.sh"

A=$WORK/a
B=$WORK/b

both() { # OPTIONS
	mount_region r a "$1" && mount_region r b "$1"
}

apart() {
	unmount "$A" && unmount "$B" && wait_for_servers
}

cases=$(fuse_coherence list) || exit 2
need "a region" empty_region r 128M
for threads in 64 2; do
	need "two mounts with $threads threads" both "max_threads=$threads"
	for c in $cases; do
		t "$c with $threads threads" timeout 60 \
			fuse_coherence "$c" "$A" "$B"
	done
	need "both unmounted" apart
done
t "the region is clean" clean_region r
finish
