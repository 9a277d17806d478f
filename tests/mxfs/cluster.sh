#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three daemons in network namespaces: deaths, partitions, pauses; a register on all.
#
# Notes: a switch of our own, in a namespace of its own; node N is 10.77.0.N. What is cut
# is dropped by nftables in the node's namespace. tests/mxfs/register.c says what the
# register counts. Addresses, names and filters are seen by nobody else.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

for program in ip nft; do
	command -v $program >/dev/null || give_up "$program is missing"
done
NS=mxfs-$$

address_of() { # N
	echo "10.77.0.$1"
}

place_of() { # N
	PLACE=(ip netns exec "$NS-$1")
}

in_node() { # N COMMAND...
	place_of "$1"
	"${PLACE[@]}" "${@:2}"
}

network() {
	local n

	ip netns add "$NS-0" && ip -n "$NS-0" link add br0 type bridge &&
		ip -n "$NS-0" link set br0 up || return
	for n in 1 2 3; do
		ip netns add "$NS-$n" &&
			ip -n "$NS-$n" link add eth0 type veth peer name "port$n" netns "$NS-0" &&
			ip -n "$NS-0" link set "port$n" master br0 up &&
			ip -n "$NS-$n" addr add "10.77.0.$n/24" dev eth0 &&
			ip -n "$NS-$n" link set eth0 up && ip -n "$NS-$n" link set lo up ||
			return
		in_node "$n" nft -f - <<-'E' || return
		table inet cut {
			set from { type ipv4_addr; }
			chain in { type filter hook input priority 0; ip saddr @from drop; }
		}
		E
	done
}

no_network() {
	local n

	for n in 0 1 2 3; do ip netns del "$NS-$n" 2>/dev/null; done
}
trap 'clean_up; no_network' EXIT

deaf() { # N PEER...: N hears nothing of them
	local n=$1 p

	for p in "${@:2}"; do
		in_node "$n" nft add element inet cut from "{ 10.77.0.$p }" || return
	done
}

heal() {
	local n

	for n in 1 2 3; do in_node "$n" nft flush set inet cut from || return; done
}

isolated() { # N PEER PEER
	deaf "$1" "$2" "$3" && deaf "$2" "$1" && deaf "$3" "$1"
}

network >"$WORK/net.log" 2>&1 ||
	give_up "no namespaces, veth or nftables here: $(tail -n 1 "$WORK/net.log")"
(umask 077 && head -c 32 /dev/urandom | base64 >"$WORK/secret")
for n in 1 2 3; do
	configure $n '1 2 3' <<-E
	security = secret
	secret = $WORK/secret
	E
	start $n
done
need "they become one" all_members 1 2 3

# ---- the register ----

declare -A REG
registers() { # [--late]: a client on each node
	local n

	rm -f "$WORK/register"
	for n in 1 2 3; do
		register "$@" "$WORK/register" "$WORK/$n/socket" reg "$n" >"$WORK/reg.$n" &
		REG[$n]=$!
		STARTED+=($!)
	done
}

counter() {
	od -An -t u8 -j 16 -N 8 "$WORK/register" | tr -d ' '
}

counts() { # it grows by at least ten
	local now

	now=$(counter)
	grew() {
		[ "$(counter)" -ge $((now + 10)) ]
	}
	soon grew
}

sums() { # all that was counted is there, and nobody was inside beside somebody
	local n sum=0 last

	for n in 1 2 3; do
		kill "${REG[$n]}" && wait "${REG[$n]}" || return
		cat "$WORK/reg.$n"
		last=$(awk '{ print $2 }' "$WORK/reg.$n")
		[ "$last" -gt 0 ] || return
		sum=$((sum + last))
	done
	[ "$sum" -eq "$(counter)" ] && [ "$(od -An -t u8 -j 32 -N 8 "$WORK/register")" -eq 0 ]
}

registers
t "all clients get their turns" counts

# ---- deaths ----

master_of() { # RESOURCE: as one that holds it knows
	local m

	hold m 1 "$1" NL
	soon held m >/dev/null
	m=$(ctl 1 locks --json | tr -d ' \n' |
		grep -o "\"resource\":\"$1\",[^}]*\"master\":[0-9]*" |
		grep -o '[0-9]*$' | head -n 1)
	let_go m
	echo "$m"
}

dies() { # N SURVIVOR SURVIVOR
	end "$1" KILL
	all_members "$2" "$3" && counts || return
	start "$1"
	all_members 1 2 3 && counts
}

survivors_of() { # N
	case $1 in
	1) echo 2 3 ;;
	2) echo 1 3 ;;
	3) echo 1 2 ;;
	esac
}

m=$(master_of reg)
t "the master of the register is known" test "${m:-0}" -ge 1
read -r a b <<<"$(survivors_of "${m:-1}")"
hold kept "$a" other EX
t "a survivor's lock" soon held kept
end "$m" KILL
t "without the master, the others go on" all_members "$a" "$b"
t "and count" counts
t "a survivor keeps its lock" status_is 75 ctl "$b" lock other EX --noqueue
let_go kept
start "$m"
t "it comes back" all_members 1 2 3
for n in 1 2 3; do
	# shellcheck disable=SC2046 # two numbers
	t "node $n dies and comes back" dies $n $(survivors_of $n)
done

# ---- partitions ----

not_granting() { # N
	ctl "$1" status --json | grep -q '"granting":false'
}

cut_off() { # N SURVIVOR SURVIVOR
	isolated "$@" || return
	soon not_granting "$1" && all_members "$2" "$3" && counts || return
	status_is 75 ctl "$1" lock "alone-$1" EX --timeout 0.3 || return
	heal && all_members 1 2 3 && counts
}

# One that hears nothing of another ends with a view in which all hear each other.
some_two() { # A B C
	members "$1" "$1" "$3" || members "$2" "$2" "$3" || members "$1" 1 2 3
}

one_way() { # DEAF SPEAKER THIRD
	deaf "$1" "$2" || return
	soon some_two $(printf '%s\n' "$1" "$2" "$3") && counts || return
	heal && all_members 1 2 3 && counts
}

for n in 1 2 3; do
	# shellcheck disable=SC2046
	t "node $n alone grants nothing, the others go on" cut_off $n $(survivors_of $n)
done
t "one direction is lost" one_way 1 2 3
t "and another one" one_way 3 1 2
t "nobody was inside beside somebody" sums

# ---- pauses ----

registers --late
t "all clients get their turns again" counts

sleeps() { # N SURVIVOR SURVIVOR: for longer than its lease
	kill -STOP "${PIDS[$1]}" || return
	if ! { all_members "$2" "$3" && counts; }; then
		kill -CONT "${PIDS[$1]}"
		return 1
	fi
	kill -CONT "${PIDS[$1]}"
	all_members 1 2 3 && counts
}

for n in 1 2 3; do
	# shellcheck disable=SC2046
	t "node $n sleeps and wakes up" sleeps $n $(survivors_of $n)
done
t "the storage has refused who was late" sums
for n in 1 2 3; do
	t "an orderly end of node $n" end $n
done
finish
