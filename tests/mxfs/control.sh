#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Clients that ask for anything; a cache of locks on two nodes.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

NET=127.$((1 + $$ % 250)).$((RANDOM % 250))
address_of() { # N
	echo "$NET.$1:7600"
}
for n in 1 2 3; do
	configure $n '1 2 3' <<<'security = none'
	start $n
done
need "three daemons" all_members 1 2 3
seed=${SEED:-$RANDOM}
t "right frames at random, seed $seed" fuzz_control "$WORK/1/socket" "$seed" 300
t "the daemon goes on" members 1 1 2 3
nothing_held() { # N
	[ "$(ctl "$1" locks | wc -l)" = 1 ]
}
t "nothing is left behind" soon nothing_held 1
t "caches of two nodes agree, seed $seed" test_cache_mxfs "$WORK/1/socket" "$WORK/2/socket" \
	"$seed"
kill -STOP "${PIDS[2]}"
t "all go on without one" all_members 1 3
kill -CONT "${PIDS[2]}"
t "and with it" all_members 1 2 3
for n in 1 2 3; do t "an orderly end of node $n" end $n; done
finish
