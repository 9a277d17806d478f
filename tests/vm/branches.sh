#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Branches on kernel mounts: of two guests, beside a FUSE mount, and a guest that dies.
#
# Notes: first both guests go through the cases of vm_branch.c by turns. Then one has
# the cases of fuse_branch.c that hold for any mount, and daxfs-branch with every
# command. Then the other one commits again and again, and is killed at any moment; and
# a branch is shown by a guest and by a FUSE mount of the host. What requests cost
# is measured in a guest whose clock counts instructions. VM_LONG=1: 1000 rounds of two
# rivals, and commits of up to 100000 files.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
MIB=192
rounds=12 files="1 100"
if [ "$VM_LONG" != 0 ]; then
	rounds=1000 files="1 1000 100000"
	[ "$KERNEL" != debug ] || rounds=100
fi

branches_region() { # NAME
	mkdaxfs -b --empty -q -r "$SHM/$1" -s "${MIB}M" &&
		truncate -s "$((MIB + 16))M" "$SHM/$1"
}

begins() {
	cat <<E
PATH=\$BUILD:\$PATH
CHANNEL=\$((DAXFS_PHYS + DAXFS_SIZE - (16 << 20)))
MEMORY=phys=\$DAXFS_PHYS,size=\$((DAXFS_SIZE - (16 << 20)))
echo "\$GUEST" >/proc/sys/kernel/hostname
insmod "$(module)" && mkdir /tmp/w /tmp/m /tmp/k /tmp/k2 || exit
E
}

pairs() { # SIDE
	echo "vm_branch $1 /dev/mem \$CHANNEL /tmp/w \$MEMORY $rounds || exit"
	cat <<'E'
echo "pairs are over"
mount -t daxfs -o "$MEMORY" none /tmp/m || exit
E
}

# What holds for every mount, and all commands.
one_guest() {
	cat <<'E'
case_of() { # NAME COMMAND...
	local name=$1
	shift
	if (set -x; "$@") >/tmp/log 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 12 /tmp/log | sed 's/^/# /'
	fi
}
new() { # NAME [PARENT DIR]
	daxfs-branch create "$1" -p "${2:-main}" --from /tmp/m -m "${3:-/tmp/k}"
}
on_mount() { # CASE [MNT2]
	new "k-$1" || return
	if [ "$1" = rolled_back ]; then
		mount -t daxfs -o "$MEMORY,branch=k-$1" none /tmp/k2 || return
	fi
	fuse_branch "$1" /tmp/k "${@:2}" && umount /tmp/k
}
base() {
	daxfs-branch exec --from /tmp/m --commit-on-success -- sh -c '
		head -c 4096 /dev/zero >base &&
		printf base | dd of=base conv=notrunc status=none'
}
case_of "a file is committed by exec" base
case_of "any mount: a branch that has ended" on_mount ended
case_of "any mount: a commit" on_mount committed /tmp/m
case_of "any mount: rolled back behind copies of names" on_mount rolled_back /tmp/k2
umount /tmp/k2
case_of "any mount: bad requests" on_mount bad
case_of "any mount: a thousand branches" on_mount many
main_is_read_only() {
	! touch /tmp/m/x 2>/tmp/said && grep -q "Read-only" /tmp/said &&
		! mount -o remount,rw /tmp/m && grep -q " /tmp/m daxfs ro," /proc/mounts
}
case_of "main is read-only" main_is_read_only
no_such_branch() {
	! mount -t daxfs -o "$MEMORY,branch=none" none /tmp/k2 &&
		dmesg | grep -q "no branch 'none'"
}
case_of "no such branch" no_such_branch
option_is_shown() {
	new shown && grep -q " /tmp/k daxfs rw,.*branch=shown" /proc/mounts && umount /tmp/k
}
case_of "its branch is shown" option_is_shown
nobody() {
	setpriv --reuid 65534 --clear-groups "$@"
}
rights() {
	new rights && chmod 777 /tmp/k && nobody daxfs-branch list -m /tmp/k &&
		! nobody daxfs-branch checkpoint x -m /tmp/k &&
		! nobody daxfs-branch abort -m /tmp/k &&
		daxfs-branch checkpoint x -m /tmp/k && umount /tmp/k
}
case_of "who may" rights
verbs() {
	new v1 && mkdir /tmp/k/d && echo 1 >/tmp/k/d/f || return
	daxfs-branch status -m /tmp/k | grep -q 'state *live' || return
	daxfs-branch checkpoint p -m /tmp/k && rm -r /tmp/k/d && echo 2 >/tmp/k/made || return
	daxfs-branch diff -m /tmp/k | grep -qx 'created   made' || return
	daxfs-branch rollback p -m /tmp/k && [ -e /tmp/k/d ] && [ ! -e /tmp/k/made ] || return
	daxfs-branch diff -m /tmp/k | grep -qx 'created   d/f' || return
	new v2 v1 /tmp/k2 && echo 2 >/tmp/k2/d/f && ! touch /tmp/k/x || return
	daxfs-branch list -m /tmp/m | grep -q '^    v2 *live' || return
	daxfs-branch commit -m /tmp/k2 && [ "$(cat /tmp/m/d/f)" = 2 ] || return
	umount /tmp/k2 && umount /tmp/k && new v3 && daxfs-branch abort -m /tmp/k || return
	! ls /tmp/k && umount /tmp/k
}
case_of "every command" verbs
lost() {
	daxfs-branch exec --from /tmp/m --commit-on-success -- sh -c '
		daxfs-branch exec --from /tmp/m --commit-on-success -- touch first &&
		touch second'
	[ $? -ne 0 ] && [ -e /tmp/m/first ] && [ ! -e /tmp/m/second ]
}
case_of "exec: lost against another one" lost
given_up() {
	! daxfs-branch exec --name x --from /tmp/m --commit-on-success -- \
		sh -c 'touch x; false' && [ ! -e /tmp/m/x ] &&
		! daxfs-branch list -m /tmp/m | grep -w x
}
case_of "exec: given up" given_up
by_mkdaxfs() {
	mkdaxfs -b -E -q -f -r "phys:$CHANNEL:16M" -m /tmp/k2 &&
		daxfs-branch create n --from /tmp/k2 -m /tmp/k && echo 1 >/tmp/k/f &&
		daxfs-branch commit -m /tmp/k && [ "$(cat /tmp/k2/f)" = 1 ] &&
		umount /tmp/k && umount /tmp/k2
}
case_of "made and mounted by mkdaxfs" by_mkdaxfs
echo "one guest is over"
E
}

# The same branch here and on the host.
beside() {
	cat <<'E'
until [ -e "$SHARE/killed" ]; do sleep 0.1; done
both() {
	new both && echo kernel >/tmp/k/k && echo "both is there" >&3 || return
	until [ -e "$SHARE/written" ]; do sleep 0.1; done
	[ "$(cat /tmp/k/h)" = host ] && echo more >>/tmp/k/h && echo "h has more" >&3 || return
	until [ -e "$SHARE/committed" ]; do sleep 0.1; done
	[ "$(cat /tmp/m/h)" = "$(printf 'host\nmore')" ] && [ "$(cat /tmp/m/k)" = kernel ] &&
		! touch /tmp/k/k && umount /tmp/k
}
case_of "beside a FUSE mount of its branch" both 3>&1
umount /tmp/m && rmmod daxfs && echo "is over"
E
}

commits_for_ever() {
	cat <<'E'
until [ -e "$SHARE/alone" ]; do sleep 0.1; done
for ((i = 1; ; i++)); do
	daxfs-branch exec --from /tmp/m --commit-on-success -- \
		sh -c "echo $i >x; head -c 50000 /dev/zero >z; echo $i >y" && echo "commit $i"
done
E
}

need "a region" branches_region r
guest g0 --reserved "$SHM/r" --limit $((900 * SLOW)) < <(begins; pairs 0; one_guest; beside)
guest g1 --reserved "$SHM/r" --limit $((900 * SLOW)) < <(begins; pairs 1; commits_for_ever)

t "all cases of two guests" guest_says g0 '^pairs are over' 600
t "all cases of one" guest_says g0 '^one guest is over' 300
grep -h '^# ' "$WORK/g1.out"
touch "$SHARE/alone"		# a commit ends what others are at
t "one commits again and again" guest_says g1 '^commit [3-9]' 120
sleep "0.$((RANDOM % 10))"
t "it is killed" guest_crash g1
t "that is seen" guest_ends g1 121

# Whoever lives goes on before it is said that the dead one is.
goes_on() {
	mkdir -p "$WORK/main" && mount_region r main &&
		cmp "$WORK/main/x" "$WORK/main/y" && [ -s "$WORK/main/x" ] &&
		daxfs-branch exec -r "$SHM/r" --commit-on-success -- touch after &&
		[ -e "$WORK/main/after" ] && unmount "$WORK/main"
}

# What it had not committed is orphaned, and ends as any other.
orphans() {
	local name

	for name in $(daxfs-branch list -r "$SHM/r" | awk '$2 == "orphaned" { print $1 }'); do
		echo "orphaned: $name"
		daxfs-branch abort -r "$SHM/r" -b "$name" || return 1
	done
}

# Each mount of it was a host.
evict_all() { # GUEST
	local slot nr=0

	for slot in $(daxfs-inspect hosts -r "$SHM/r" | awk -v name="$1" '
		{ for (i = 2; i <= NF; i++) if ($i == name) print $1 }'); do
		daxfs-inspect evict -r "$SHM/r" "$slot" || return 1
		nr=$((nr + 1))
	done
	[ "$nr" -ge 1 ]
}
t "it is evicted" evict_all g1
t "main is of one commit, and goes on" goes_on
t "its branch ends" orphans
touch "$SHARE/killed"

beside_fuse() {
	guest_says g0 '^both is there' 300 || return 1
	mkdir -p "$WORK/f" && mount_region r f branch=both &&
		same "$(cat "$WORK/f/k")" kernel && echo host >"$WORK/f/h" || return 1
	touch "$SHARE/written"
	guest_says g0 '^h has more' &&
		same "$(cat "$WORK/f/h")" "$(printf 'host\nmore')" &&
		daxfs-branch commit -m "$WORK/f" || return 1
	touch "$SHARE/committed"
}
t "beside FUSE" beside_fuse
t "the guest ends well" guest_ends g0
t "to its end" says g0 "is over"
t "unmounted" unmount "$WORK/f"
count_cases branches g0 22
wait_for_servers
t "the region is clean" region_is_clean r

# ---- what it costs; of a kernel that checks itself nobody wants to know ----

[ "$KERNEL" != debug ] || finish
need "another region" branches_region t
guest t --icount --reserved "$SHM/t" --limit $((900 * SLOW)) < <(
	begins
	echo "branch_time /tmp/w \"\$MEMORY\" $files && rmmod daxfs"
)
t "it is measured" guest_ends t
t "all of it" grep -q '^largest / smallest' "$WORK/t.out"
sed 's/^/# /' "$WORK/t.out"
finish
