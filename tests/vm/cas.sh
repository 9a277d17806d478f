#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two kernels count in one word by compare and swap: no update is lost.
#
# Notes: a kernel that booted on one processor patches the lock prefix out of
# cmpxchg(), in modules too, and then loses updates to other machines. What the
# port uses keeps it. The plain one is shown to be patched and to lose
# updates, so that this test is known to see it; how soon it does depends on how
# the two emulators run, so it gets many tries.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
need "the module is built" build_module module daxfs_cas

# Prints "PHASE HOW TOTAL EXPECTED PREFIX" for each phase, in both guests the same.
cat >"$SHARE/count.sh" <<'E'
n=0
count() { # plain=N nr=N
	insmod "$SHARE/daxfs_cas.ko" phys="$((DAXFS_PHYS))" me="$me" phase="$n" "$@" || exit
	cd /sys/module/daxfs_cas/parameters && read -r total <total &&
		read -r expected <expected && read -r prefix <prefix && read -r plain <plain &&
		cd / && rmmod daxfs_cas || exit
	echo "$n $plain $total $expected $(printf '%#x' "$prefix")"
	n=$((n + 1))
}
E

pair() { # NAME CPUS, and the script
	shm_file "$1" 4M
	cat "$SHARE/count.sh" - >"$WORK/script"
	guest "$1-0" --reserved "$SHM/$1" --cpus "$2" --env me=0 <"$WORK/script"
	guest "$1-1" --reserved "$SHM/$1" --cpus "$2" --env me=1 <"$WORK/script"
}

both_end() { # NAME
	guest_ends "$1-0" && guest_ends "$1-1" && same "$(cat "$WORK/$1-0.out")" \
		"$(cat "$WORK/$1-1.out")"
}

# Each total of that kind is what was added, and the instruction is as said.
exact() { # NAME PLAIN PREFIX
	awk -v plain="$2" -v prefix="$3" '
		{ print }
		$2 == plain && ($3 != $4 || $4 == 0 || $5 != prefix) { bad = 1 }
		$2 == plain { seen = 1 }
		END { exit bad || !seen }' "$WORK/$1-0.out"
}

loses() { # NAME
	awk '{ print } $2 == "Y" && $3 < $4 { lost = 1 } END { exit !lost }' "$WORK/$1-0.out"
}

patched() { # NAME
	awk '{ print } $2 == "Y" { n++; if ($5 == "0xf0") bad = 1 } END { exit bad || !n }' \
		"$WORK/$1-0.out"
}

pair two 2 <<'E'
count nr=500000
count nr=500000 plain=1
E
t "guests of two processors count" both_end two
t "the port loses nothing" exact two N 0xf0
t "nor does cmpxchg() there" exact two Y 0xf0

pair one 1 <<'E'
count nr=500000
while [ "$n" -lt 40 ] && [ "$total" -eq "$expected" ]; do
	count nr=500000 plain=1
done
E
t "guests of one processor count" both_end one
t "the port loses nothing there either" exact one N 0xf0
t "cmpxchg() has no lock prefix there" patched one
if [ "$(nproc)" -gt 1 ]; then
	t "and loses updates" loses one
else
	skip "and loses updates" "emulators take turns on one processor"
fi
finish
