#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A lock of another node and its unlock: mxfsd beside the kernel's dlm, in two guests.
#
# Notes: both guests have both, one emulated processor and a network card, whose other end
# is the other guest's. The dlm gets no cluster stack: its nodes are in configfs, and what a
# daemon would answer about the lockspace the script answers. The second guest is the master
# of all names: of the dlm because it was the first to have a lock on each, of mxfsd's by
# choice of the names. Nobody else wants them. mxfsd has TLS between its daemons, as it must
# outside of the loopback, the dlm has nothing of the kind; rows without TLS have addresses of
# the loopback's network on the card. "TCP" is 64 bytes to and fro twice, as often as a
# lock and its unlock cross the wire. Rounds have all of them by turns. The processors of
# guests compete with whatever runs beside them, which the fastest tenth of a round (p10)
# shows least of. Prints
# "question,ours,peer,unit,ratio,target,met" (medians); $BENCH_COUNT as in bench/rounds.h.
# Exit 77, and why, where guests are not to be had. $DAXFS_VM_KERNEL: 6.1 or another.
# usage: bench/bench_dlm_kernel.sh [--quick]
set -eu

rounds=15
seconds=1
if [ "${1:-}" = --quick ]; then
	rounds=2
	seconds=0.2
fi
rounds=${BENCH_COUNT:-$rounds}
here=$(cd "$(dirname "$0")/.." && pwd)
kernel=${DAXFS_VM_KERNEL:-6.1}
export BUILD=${BUILD:-$here/build}
# shellcheck source=/dev/null
. "$here/bench/row.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-bench.XXXXXX")
pids=()
# shellcheck disable=SC2317 # by the trap
clean() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

skip() { # WHY
	echo "bench_dlm_kernel.sh: $1" >&2
	exit 77
}

said=$("$here/scripts/vm-kernels.sh" --have "$kernel" 2>&1) ||
	skip "no guest with kernel $kernel: $(head -n 1 <<<"$said")"
find "$here/build/vm/$kernel/root" -name 'dlm.ko*' 2>/dev/null | grep -q . ||
	skip "kernel $kernel has no dlm.ko"

cat >"$dir/guest" <<'E'
#!/bin/bash
# Arguments: node, rounds, seconds.
set -u
node=$1 other=$((3 - $1)) rounds=$2 seconds=$3 space=bench
PATH=$BUILD:$PATH

fail() {	# the other guest need not wait for this one
	echo "failed: $*"
	dmesg | tail -n 15
	touch "$SHARE/over"
	exit 1
}

soon() { # COMMAND...
	local i

	for i in $(seq 600); do
		"$@" >/tmp/soon 2>&1 && return 0
		[ ! -e "$SHARE/over" ] || break
		sleep 0.1
	done
	cat /tmp/soon
	fail "not within $i looks: $*"
}

# Two networks on one card: one of them the loopback's, which the kernel would not send out.
network() {
	modprobe virtio_net && ip link set eth0 up || fail network
	echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
	ip route del local 127.0.0.0/8 dev lo table local
	ip addr add 127.7.0."$node"/24 dev eth0 && ip addr add 10.77.0."$node"/24 dev eth0 ||
		fail addresses
}

say_node() { # N
	local comm=$config/comms/$1

	mkdir "$comm" "$config/spaces/$space/nodes/$1" &&
		echo "$1" >"$comm/nodeid" &&
		{ [ "$1" != "$node" ] || echo 1 >"$comm/local"; } &&
		{ printf '\2\0\0\0\12\115\0'; printf '\'"$1"; head -c 120 /dev/zero; } |
			dd of="$comm/addr" bs=128 iflag=fullblock status=none &&
		echo "$1" >"$config/spaces/$space/nodes/$1/nodeid" || fail "node $1 of the dlm"
}

# What the kernel asks of a daemon about a new lockspace, it is told here.
join_dlm() {
	local config=/sys/kernel/config/dlm/cluster ls=/sys/kernel/dlm/$space joiner

	modprobe dlm || fail "modprobe dlm"
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config ||
		fail configfs
	mkdir "$config" && echo bench >"$config/cluster_name" &&
		mkdir -p "$config/spaces/$space/nodes" || fail "the dlm's configuration"
	say_node 1
	say_node 2
	exec 7</dev/dlm-monitor || fail "no /dev/dlm-monitor"
	mxfs_kernel join $space &
	joiner=$!
	soon test -e $ls/event_done
	echo 7 >$ls/id && echo 1 >$ls/control && echo 0 >$ls/event_done ||
		fail "starting the lockspace"
	wait $joiner || fail "joining the lockspace"
	soon test -c /dev/dlm_$space
}

daemon() { # KIND NET SECURITY-LINE...
	local d=/tmp/$1

	mkdir "$d" && (umask 077 && echo 0123456789abcdef0123456789abcdef >/tmp/secret)
	{
		printf '[node]\nid = %s\ncluster = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d\n' "$node"
		printf 'listen = %s.%s:%s\nstate = %s\ncontrol = %s\n' "$2" "$node" \
			"$3" "$d/state" "$d/socket"
		printf '%s\n' "${@:4}"
		printf '[peer %s]\naddress = %s.%s:%s\n' $other "$2" $other "$3"
		# A guest that does not get its processor for seconds keeps its locks.
		printf '[timing]\nrenew_ms = 2000\nlease_ms = 60000\n'
		printf '[logging]\nto = %s\n' "$d/log"
	} >"$d/conf"
	chmod 600 "$d/conf"
	mxfsd -c "$d/conf" -i && { mxfsd -c "$d/conf" -f & } || fail "mxfsd, $1"
}

grants() { # KIND
	mxfsctl -s "/tmp/$1/socket" status --json | tr -d ' \n' |
		grep -q '"granting":true,"members":\[1,2\]'
}

network
join_dlm
daemon plain 127.7.0 7601 'security = none'
daemon tls 10.77.0 7600 'security = secret' 'secret = /tmp/secret'
soon grants plain
soon grants tls
if [ "$node" = 2 ]; then
	mxfs_kernel echo 10.77.0.2 &
	mxfs_kernel hold $space >/tmp/held &
	soon grep -q holds /tmp/held
	touch "$SHARE/ready"
	while [ ! -e "$SHARE/over" ]; do sleep 1; done
	exit 0
fi
soon test -e "$SHARE/ready"
for round in $(seq "$rounds"); do
	kinds="tcp dlm plain tls"
	[ $((round % 2)) = 1 ] || kinds="tls plain dlm tcp"
	for kind in $kinds; do
		case $kind in
		tcp)	answer=$(mxfs_kernel pair tcp 10.77.0.2 "$seconds") ;;
		dlm)	answer=$(mxfs_kernel pair dlm $space "$seconds") ;;
		*)	answer=$(mxfs_kernel pair mxfs "/tmp/$kind/socket" "$seconds") ;;
		esac || fail "$kind"
		read -r _ tenth median pairs <<<"$answer"
		echo "round $round $kind $tenth $median $pairs"
	done
done
touch "$SHARE/over"
E

start() { # NODE OTHER
	"$here/scripts/run-vm.sh" --kernel "$kernel" --cpus 1 --share "$dir/share" \
		--link "$dir/wire$1=$dir/wire$2" \
		--limit $((300 + rounds * 60)) "$dir/guest" "$1" "$rounds" "$seconds" \
		>"$dir/out$1" 2>"$dir/err$1" &
	pids+=($!)
}

mkdir "$dir/share"
start 2 1
start 1 2
for pid in "${pids[@]}"; do
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -ne 0 ] || continue
	[ "$rc" -ne 125 ] || skip "no guest: $(tail -n 1 "$dir"/err?)"
	tail -n 20 "$dir"/out? "$dir"/err? >&2
	exit 1
done
pids=()

times() { # KIND COLUMN: of each round
	awk -v kind="$1" -v column="$2" '$1 == "round" && $3 == kind { print $column }' \
		"$dir/out1"
}

pair="EX lock and unlock of another node"
compare() { # OURS PEER TARGET QUESTION
	times "$1" 4 >"$dir/ours"
	times "$2" 4 >"$dir/peer"
	row "$pair: $4 (p10)" us "$3"
	times "$1" 5 >"$dir/ours"
	times "$2" 5 >"$dir/peer"
	row "$pair: $4 (p50)" us "$3"
}

compare plain dlm '<=1' "mxfsd without TLS / the kernel's dlm"
compare tls dlm '<=1' "mxfsd with TLS / the kernel's dlm"
compare plain tcp '<=1.35' "mxfsd without TLS / TCP"
# That the wire is the faster one is no question but a check of the measurement.
compare dlm tcp '>=1' "the kernel's dlm / TCP"
