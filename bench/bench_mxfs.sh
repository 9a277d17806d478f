#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# How fast are locks: two daemons on the loopback, beside raw frames over TCP?
#
# Notes: all on one CPU, so that a wake-up on another one is no part of it. A lock of
# another node takes a frame to and fro over TCP between the daemons, and another one over
# a local socket between daemon and program; the peer of a row is TCP alone, and a row of
# its own says what TCP and the local socket take together. Locks are counted with their
# unlocks. Rows without a peer are compared with what is asked for. Prints
# "question,ours,peer,unit,ratio,target,met" (medians); $BENCH_COUNT as in bench/rounds.h.
# usage: bench/bench_mxfs.sh [--quick]
set -eu

rounds=7
seconds=1
if [ "${1:-}" = --quick ]; then
	rounds=2
	seconds=0.1
fi
rounds=${BENCH_COUNT:-$rounds}
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=/dev/null
. "$here/bench/row.sh"
PATH=${BUILD:-$here/build}:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-bench.XXXXXX")
pids=()
net=127.$((1 + $$ % 250)).$((RANDOM % 250))

clean() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

daemon() { # N OTHER
	{
		printf '[node]\nid = %s\ncluster = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d\n' "$1"
		printf 'listen = %s.%s\nsecurity = none\n' "$net" "$1"
		printf 'state = %s\ncontrol = %s\n' "$dir/state$1" "$dir/socket$1"
		printf '[peer %s]\naddress = %s.%s\n' "$2" "$net" "$2"
		printf '[logging]\nto = %s\n' "$dir/log$1"
	} >"$dir/conf$1"
	mxfsd -c "$dir/conf$1" -i
	taskset -c 0 mxfsd -c "$dir/conf$1" -f &
	pids+=($!)
}

granting() { # N
	mxfsctl -s "$dir/socket$1" status 2>/dev/null | grep -q granting
}

ops() { # WORD...: sets rate and p50
	read -r rate p50 < <(taskset -c 0 mxfs_ops "$@" "$seconds")
}

daemon 1 2
daemon 2 1
for i in $(seq 600); do
	! granting 1 || ! granting 2 || break
	[ "$i" -lt 600 ] || { echo "bench_mxfs.sh: no view" >&2; exit 1; }
	sleep 0.05
done

for _ in $(seq "$rounds"); do
	ops cached "$dir/socket1"
	echo "$rate" >>"$dir/ours"
	echo 10000000 >>"$dir/peer"
done
row "locks: cached in the client (10 M/s asked for)" 1/s '>=1'

for _ in $(seq "$rounds"); do
	ops remote "$dir/socket1" 1
	echo "$p50" >>"$dir/ours"
	echo "$p50" >>"$dir/both"
	ops tcp 1
	echo "$p50" >>"$dir/peer"
	local_p50=$p50
	ops unix 1
	awk -v a="$local_p50" -v b="$p50" 'BEGIN { print a + b }' >>"$dir/hops"
done
row "locks of another node: p50 / TCP to and fro" us '<=1.35'
mv "$dir/both" "$dir/ours"
mv "$dir/hops" "$dir/peer"
row "locks of another node: p50 / TCP and local socket" us '<=1.35'

for depth in 64 256; do
	for _ in $(seq "$rounds"); do
		ops remote "$dir/socket1" "$depth"
		echo "$rate" >>"$dir/ours"
		ops tcp "$depth"
		echo "$rate" >>"$dir/peer"
	done
	row "locks of another node: $depth at once / TCP frames" 1/s \
		"$([ "$depth" -eq 64 ] && echo '>=0.66' || echo '>=0.36')"
done

for _ in $(seq "$rounds"); do
	ops handover "$dir/socket1" "$dir/socket2"
	echo "$p50" >>"$dir/ours"
	ops tcp 1
	echo "$p50" >>"$dir/peer"
done
row "locks: EX from node to node / TCP to and fro" us '<=2.5'
