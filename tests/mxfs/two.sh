#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two daemons: with a voting disk one goes on alone, without one neither does.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

NET=127.$((1 + $$ % 250)).$((RANDOM % 250))
address_of() { # N
	echo "$NET.$1:7600"
}
DISK=$WORK/disk
truncate -s 1M "$DISK"
umask 077
openssl rand -hex 32 >"$WORK/ours" || give_up "openssl is missing"
openssl rand -hex 32 >"$WORK/other"

two() { # N SECRET [LINE]
	configure "$1" '1 2' < <(printf 'security = secret\nsecret = %s\n%s\n' "$WORK/$2" "${3-}")
}
alone() { # N
	members "$1" "$1"
}
not_granting() { # N
	ctl "$1" status --json | grep -q '"granting":false'
}

# ---- without a disk ----

for n in 1 2; do
	two $n ours
	start $n
done
need "two without a disk" all_members 1 2
end 2 KILL
t "one of them alone grants nothing" soon not_granting 1
t "also not in time" status_is 75 ctl 1 lock r EX --timeout 0.5
start 2
t "with both it goes on" all_members 1 2
for n in 1 2; do end $n; done

# ---- the disk ----

for n in 1 2; do two $n ours "disk = $DISK"; done
t "a disk that is none is refused" refuses 1 'no voting disk of this cluster' \
	mxfsd -c "$WORK/1/conf" -f
t "it is made once" mxfsd -c "$WORK/1/conf" -v
t "and not twice" refuses 1 'there is something on it' mxfsd -c "$WORK/2/conf" -v
sed 's,^disk = .*,disk = /nonexistent/disk,' "$WORK/1/conf" >"$WORK/wrong.conf"
t "one that is not there" refuses 1 'No such file' mxfsd -c "$WORK/wrong.conf" -f
(cat "$WORK/1/conf"; printf '[peer 3]\naddress = %s.3\n' "$NET") >"$WORK/wrong.conf"
t "three nodes need none" refuses 2 'disk is for two nodes' mxfsd -c "$WORK/wrong.conf" -t
for n in 1 2; do start $n; done
need "two with a disk" all_members 1 2

registers() {
	local n

	rm -f "$WORK/register"
	for n in 1 2; do
		register --late "$WORK/register" "$WORK/$n/socket" reg "$n" >"$WORK/reg.$n" &
		REG[$n]=$!
		STARTED+=($!)
	done
}
counter() {
	od -An -t u8 -j 16 -N 8 "$WORK/register" | tr -d ' '
}
counts() {
	local now

	now=$(counter)
	grew() {
		[ "$(counter)" -ge $((now + 5)) ]
	}
	soon grew
}
sums() {
	local n sum=0

	for n in 1 2; do
		kill "${REG[$n]}" && wait "${REG[$n]}" || return
		cat "$WORK/reg.$n"
		sum=$((sum + $(awk '{ print $2 }' "$WORK/reg.$n")))
	done
	[ "$sum" -eq "$(counter)" ]
}
declare -A REG
registers
t "both count" counts

for n in 1 2; do
	other=$((3 - n))
	end $n KILL
	t "node $n dies: node $other goes on alone" soon alone $other
	t "and counts" counts
	start $n
	t "node $n comes back" all_members 1 2
	kill -STOP "${PIDS[$n]}"
	t "node $n sleeps: node $other goes on alone" soon alone $other
	t "and counts" counts
	kill -CONT "${PIDS[$n]}"
	t "node $n wakes up" all_members 1 2
done

# They do not reach each other, and both reach the disk.
end 2
two 2 other "disk = $DISK"
start 2
t "who does not reach the other has it not" soon alone 1
t "one counts" counts
t "the other one does not grant" status_is 75 ctl 2 lock r EX --timeout 1
t "and says so" not_granting 2
end 2
two 2 ours "disk = $DISK"
start 2
t "with the right secret both are there" all_members 1 2
t "the register is right" sums

# A disk that is ill has no vote: two nodes are enough without it.
truncate -s 8192 "$DISK"
t "a disk without an end is told" soon logs 1 'it has no vote'
t "two of three votes are enough" members 1 1 2
t "a lock" ctl 2 lock r EX --timeout 60 -- true
truncate -s 1M "$DISK"
t "it is there again" soon logs 1 'is there again'
for n in 1 2; do t "an orderly end of node $n" end $n; done
finish
