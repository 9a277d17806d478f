#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Clients that ask for anything, or for much; a cache of locks on two nodes.
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
t "much is asked at once" questions "$WORK/1/socket"
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
# ---- more locks than messages may be under way ----

MANY=15000
holder "$WORK/1/socket" $MANY >"$WORK/holder" &
holder=$!
STARTED+=($holder)
t "many locks at once" soon grep -q held "$WORK/holder"
end 3 KILL
t "who is left recovers with all of them" all_members 1 2
t "none is lost" [ "$(ctl 1 locks | grep -c ' many/.* PW')" = $MANY ]
t "and new ones are granted" ctl 2 lock new EX --timeout 60 -- true
views() {
	grep -c 'recovering$' "$WORK/1/log"
}
before=$(views)
kill -KILL $holder
t "their client dies" soon nothing_held 1
t "all are free" ctl 2 lock many/0 EX --timeout 60 -- true
t "that costs no epoch" [ "$(views)" = "$before" ]
start 3
t "all are back" all_members 1 2 3
for n in 1 2 3; do t "an orderly end of node $n" end $n; done
finish
