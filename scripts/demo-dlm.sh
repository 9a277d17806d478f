#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The lock manager for real: three daemons on the loopback, one of which is killed.
#
# Notes: nodes are three loopback addresses of our own. Leaves no process or file behind.
# Needs no root. Exit: 0 all held, 1 something did not, 130 interrupted.
#
# usage: scripts/demo-dlm.sh
set -u

here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
BUILD=${BUILD:-$here/build}
PATH=$BUILD:$PATH
failed=0
top=
pids=()

say() { printf '\n%s\n' "$*"; }
check() { # WHAT COMMAND...
	if "${@:2}" >/dev/null 2>&1; then
		printf '  ok      %s\n' "$1"
	else
		printf '  FAILED  %s\n' "$1"
		failed=$((failed + 1))
	fi
}
on() { # N WORD...: mxfsctl on node N, shown
	printf '  node %s $ mxfsctl %s\n' "$1" "${*:2}"
	mxfsctl -s "$top/$1/control" "${@:2}" 2>&1 | sed 's/^/           /'
	return "${PIPESTATUS[0]}"
}
quiet() { # N WORD...
	mxfsctl -s "$top/$1/control" "${@:2}"
}
soon() { # COMMAND...
	local i

	for i in $(seq 600); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "  not within $i looks: $*"
	return 1
}
cleanup() {
	local status=$?

	trap '' INT TERM HUP
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
	wait
	[ -z "$top" ] || rm -rf --one-file-system "$top"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

top=$(mktemp -d "${TMPDIR:-/tmp}/demo-dlm.XXXXXX") || exit 1
net=127.$((1 + $$ % 250)).$((RANDOM % 250))

configure() { # N
	mkdir "$top/$1"
	{
		printf '[node]\nid = %s\ncluster = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d\n' "$1"
		printf 'listen = %s.%s\nsecurity = secret\nsecret = %s\n' "$net" "$1" "$top/secret"
		printf 'state = %s\ncontrol = %s\n' "$top/$1/state" "$top/$1/control"
		for p in 1 2 3; do
			[ "$p" = "$1" ] || printf '[peer %s]\naddress = %s.%s\n' "$p" "$net" "$p"
		done
		printf '[timing]\nrenew_ms = 300\nlease_ms = 2000\n'
		printf '[logging]\nto = %s\n' "$top/$1/log"
	} >"$top/$1/conf"
}
start() { # N
	mxfsd -c "$top/$1/conf" -f &
	pids[$1]=$!
}
granting() { # N MEMBER,...
	quiet "$1" status --json | tr -d ' \n' |
		grep -q "\"granting\":true,\"members\":\[$2\]"
}
has() { # N RESOURCE MODE
	quiet "$1" locks | grep -Eq " $2 +$3\$"
}

say "1. Three daemons, which know each other by a secret. No cluster stack."
(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$top/secret")
for n in 1 2 3; do
	configure $n
	mxfsd -c "$top/$n/conf" -i || exit 1
	start $n
done
for n in 1 2 3; do soon granting $n 1,2,3 || exit 1; done
on 1 status
on 2 members

say "2. One holds a lock; another does not get it, waits for it, and gets it."
mxfsctl -s "$top/1/control" lock r EX -- sleep 60 &
holder=$!
soon has 1 r EX
mxfsctl -s "$top/1/control" watch r >"$top/watch" 2>/dev/null &
pids+=($!)
watching() {
	quiet 1 lock r NL -- true && test -s "$top/watch"
}
soon watching || exit 1
on 2 lock r EX --noqueue
check "that is status 75" test $? -eq 75
mxfsctl -s "$top/2/control" lock r EX -- sh -c 'echo "  node 2 has it, token $MXFS_TOKEN"' &
waiter=$!
soon grep -q '^bast .* EX' "$top/watch"
check "who holds it is told that somebody wants it" grep -q '^bast' "$top/watch"
kill $holder
wait $holder
check "it is given back, and the one who waits has it" wait $waiter

say "3. A value block goes with the lock."
mxfsctl -s "$top/3/control" lock v NL >/dev/null 2>&1 &
pids+=($!)
soon has 3 v NL
on 1 lock v EX --lvb-set 68656c6c6f -- true
on 2 lock v PR -- sh -c 'echo "$MXFS_LVB_STATE: $(printf %s "$MXFS_LVB" | cut -c 1-10)"'
check "what node 1 wrote, node 2 reads" \
	quiet 2 lock v PR -- sh -c '[ "${MXFS_LVB#68656c6c6f}" != "$MXFS_LVB" ]'

say "4. A node dies with a lock. The others go on when its lease is over, and not before."
mxfsctl -s "$top/3/control" lock d EX -- sleep 60 2>/dev/null &
pids+=($!)
soon has 3 d EX
mxfsctl -s "$top/1/control" lock mine EX >/dev/null 2>&1 &
pids+=($!)
soon has 1 mine EX
kill -KILL "${pids[3]}" && wait "${pids[3]}" 2>/dev/null
on 2 lock d EX --timeout 60 -- echo "node 2 has what node 3 had"
check "that was granted" test $? -eq 0
check "what a survivor held he holds" bash -c "! mxfsctl -s $top/2/control lock mine PR --noqueue"
on 1 status

say "5. One alone is no majority."
kill -KILL "${pids[2]}" && wait "${pids[2]}" 2>/dev/null
alone() {
	quiet 1 status --json | grep -q '"granting":false'
}
soon alone	# its lease has run out
on 1 lock alone EX --timeout 1
check "it is not granted" test $? -eq 75
start 2
soon granting 1 1,2
on 1 lock alone EX --timeout 60 -- echo "with two of three it is"
say "$(if [ "$failed" -eq 0 ]; then echo "All held."; else echo "$failed FAILED"; fi)"
[ "$failed" -eq 0 ]
exit
