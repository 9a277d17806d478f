#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Make the seeds of the control socket anew: what mxfsctl and libmxfs really ask for.
#
# Notes: wants root and the programs of $BUILD (build). Each seed is a file in FOLDER, by
# default tests/mxfs/fuzz/control; what is there besides is left alone.
# usage: tests/mxfs/fuzz/seeds.sh [FOLDER]
here=$(cd "$(dirname "$0")" && pwd) || exit 1
export BUILD=${BUILD:-$here/../../../build}
# shellcheck source=/dev/null
. "$here/../lib.sh"
to=${1:-$here/control}
mkdir -p "$to" || exit 1
address_of() { # N
	echo "127.77.77.$1:7600"
}

# With a daemon of its own, so that locks have the numbers that they have in a replay.
seed() { # NAME COMMAND...: the socket is $SOCKET
	local recorder

	rm -rf "${WORK:?}/1"
	configure 1 1 <<<'security = none'
	start 1
	soon ctl 1 status --json || exit 1
	soon members 1 1 || exit 1
	SOCKET=$WORK/recorded
	record "$WORK/1/socket" "$SOCKET" "$to/$1" &
	recorder=$!
	soon test -S "$SOCKET" || exit 1
	"${@:2}" >"$WORK/said" 2>&1
	kill $recorder && wait $recorder || exit 1
	end 1
	echo "$1: $(stat -c %s "$to/$1") bytes"
}

one() { # ARGUMENT...
	mxfsctl -s "$SOCKET" "$@"
}

looks() {
	one status; one members; one resources; one locks; one volumes --json
}

waits() { # the second one waits for the first, for a while
	one lock a EX -- sleep 2 &
	soon grep -q . <(one locks)
	one lock a PR --timeout 0.2 -- true
	one lock a PR --noqueue -- true
	one lock a PR -- true
	wait $!
}

watches() {
	one watch a &
	local watcher=$!
	sleep 0.3
	one lock a PW -- true
	kill $watcher
	wait $watcher
}

several() { # of libmxfs, and its end without a word
	holder "$SOCKET" 4 &
	local holder=$!
	soon grep -q held "$WORK/said"
	kill -KILL $holder
	wait $holder
}

seed looks looks
for mode in NL CR CW PR PW EX; do
	seed "lock-$mode" one lock a $mode -- true
done
seed value one lock b EX --lvb-set 00ff -- true
seed fenced one fenced 2
seed waits waits
seed watches watches
seed several several
# Caches of locks: conversions, cancels, notices; both have the same daemon.
for n in 1 2 3; do
	seed "cache-$n" timeout 60 test_cache_mxfs "$WORK/recorded" "$WORK/recorded" $n
done
