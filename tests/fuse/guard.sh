#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A server that is killed while the kernel cannot let it end: the mount ends.
#
# Notes: fuse_guard.c brings a server into that state, with the guard that
# daxfs-fuse has, and without one to show that it is needed.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

M=$WORK/m
mkdir "$M"

guarded() { # [none]
	timeout 60 fuse_guard "$M" ${1:+"$1"}
}

guard_of() { # PID: its child of that name
	grep -l "^daxfs-guard$" /proc/[0-9]*/comm 2>/dev/null |
		while IFS=/ read -r _ _ pid _; do
			grep -q "^PPid:[[:space:]]*$1$" "/proc/$pid/status" &&
				echo "$pid"
		done
}

# It comes and goes with the server, however that ends.
comes_and_goes() { # COMMAND: how to end process $server
	local guard i

	daxfs-fuse "$SHM/r" "$M" || return 1
	server=$(servers)
	guard=$(guard_of "$server")
	if [ -z "$guard" ]; then
		echo "server $server has no guard"
		return 1
	fi
	"$@" || return 1
	for i in $(seq 200); do
		[ -e "/proc/$guard/exe" ] || return 0
		sleep 0.02
	done
	echo "the guard is still there after $i looks"
	return 1
}

by_unmount() {
	unmount "$M"
}
by_signal() {
	kill "$server"
}
by_kill() {
	kill -KILL "$server" && wait_for_servers && unmount "$M"
}

if [ "$(id -u)" -eq 0 ] || [ -w /sys/fs/fuse/connections/. ]; then
	t "killed while it drops a page" guarded
	t "the same without a guard hangs" guarded none
else
	skip "killed while it drops a page" "nobody here may abort it"
fi
need "a region" empty_region r 16M
t "the guard goes after an unmount" comes_and_goes by_unmount
t "the guard goes after SIGTERM" comes_and_goes by_signal
t "the guard goes after SIGKILL" comes_and_goes by_kill
finish
