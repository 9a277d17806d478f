#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What do branches cost on FUSE mounts and from the command line?
#
# Notes: prints "question,ours,peer,unit,ratio,target,met" (medians; the ratio of work is
# that of the rounds' ratios, and sides take turns); $BENCH_COUNT and $BENCH_ROUNDS are as
# in bench/rounds.h. The work is: unpack our own sources, compile some of them,
# search them all; in a new region each time. Without branches it is in a directory that
# is writable right away; else in a branch of main, or in one that lies on seven others.
# "at once": as many mounts of branches of one region, with a process writing to each,
# beside as many regions with a mount and a process each.
# usage: bench/bench_branch_mount.sh [--quick]
set -eu

rounds=7
quick=
creates=1000
commands=51
many=32
files=200
objects="name.c pool.c read.c reap.c record.c recover.c space.c write.c xattr.c xset.c"
if [ "${1:-}" = --quick ]; then
	quick=1 rounds=1 creates=20 commands=3 many=4 files=5 objects=use.c
fi
rounds=${BENCH_COUNT:-$rounds}
here=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$here/build}
PATH=$BUILD:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-bench.XXXXXX")
shm=$(mktemp -d /dev/shm/daxfs-bench.XXXXXX)
null=

mounts() { awk -v d="$dir/" 'index($2, d) == 1 { print $2 }' /proc/mounts; }
unmount_all() {
	local m

	for m in $(mounts); do
		fusermount3 -u "$m" 2>/dev/null || fusermount3 -uz "$m"
	done
}
cleanup() {
	trap '' INT TERM
	unmount_all
	[ -z "$null" ] || wait "$null" || :
	rm -rf --one-file-system "$dir" "$shm"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now() { date +%s%N; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# QUESTION OURS PEER UNIT TARGET [RATIO]; at most, or with a target of ">=N" at least
row() {
	awk -v q="$1" -v o="$2" -v p="$3" -v u="$4" -v t="$5" -v r="${6:-}" 'BEGIN {
		least = sub(/^>=/, "", t)
		r = r == "" ? o / p : r
		printf "%s,%.4g,%.4g,%s,%.3f,%s%.2f,%s\n", q, o, p, u, r,
			least ? ">=" : "<=", t,
			(least ? r >= t : r <= t) ? "yes" : "no"
	}'
}

# QUESTION FILE: its lines are "OURS PEER"
rounds_of() {
	awk -v q="$1" '{ printf "%s,%d,%s,%s\n", q, NR, $1, $2 }' "$2" \
		>>"${BENCH_ROUNDS:-/dev/null}"
}
# QUESTION UNIT TARGET FILE
row_of() {
	rounds_of "$1" "$4"
	row "$1" "$(cut -d ' ' -f 1 "$4" | median)" "$(cut -d ' ' -f 2 "$4" | median)" \
		"$2" "$3" "$(awk '{ print $1 / $2 }' "$4" | median)"
}

# ---- an ioctl ----

bench_ioctl() {
	local i

	mkdir "$dir/ours" "$dir/null"
	mkdaxfs -q -b -E -r "$shm/r" -s 256M
	daxfs-fuse "$shm/r" "$dir/ours"
	null_fuse "$dir/null" &
	null=$!
	until mountpoint -q "$dir/null"; do sleep 0.05; done
	for ((i = 0; i < rounds; i++)); do
		branch_ioctl "$dir/ours" "$dir/null" "$creates"
	done >"$dir/pairs"
	awk '{ print $1, $2 + 30 }' "$dir/pairs" >"$dir/ioctl"
	unmount_all
	wait "$null" || :
	null=
	rm "$shm/r"
	row_of "branch create on a mount / null ioctl + 30 us" us 1 "$dir/ioctl"
}

# ---- commands ----

bench_commands() {
	local i t

	mkdir "$dir/m"
	mkdaxfs -q -b -E -r "$shm/r" -s 64M
	for ((i = 0; i < commands; i++)); do
		t=$(now)
		daxfs-branch create "b$i" -p main -r "$shm/r" -m "$dir/m"
		daxfs-branch commit -m "$dir/m"
		echo "$((($(now) - t) / 1000)) 10000" >>"$dir/times"
		fusermount3 -u "$dir/m"
	done
	rm "$shm/r"
	row_of "create -m and commit by command / 10 ms" us 1 "$dir/times"
}

# ---- work ----

sources() {
	tar -C "$here" -cf "$shm/src.tar" core include port/posix port/*.h lib
}

work() { # DIR
	local f t

	t=$(now)
	mkdir "$1/src" && tar -C "$1/src" -xf "$shm/src.tar"
	cd "$1/src"
	for f in $objects; do
		cc -O0 -std=gnu11 -Iinclude -Icore -Iport/posix -c "core/$f" -o "core/${f%.c}.o"
	done
	for f in 1 2 3 4 5; do
		grep -rc daxfs_region . >/dev/null
	done
	cd "$dir"
	echo "$((($(now) - t) / 1000))"
}

flat() {
	mkdaxfs -q -E -r "$shm/r" -s 256M
	daxfs-fuse "$shm/r" "$dir/m"
	work "$dir/m"
	fusermount3 -u "$dir/m"
	rm "$shm/r"
}

# DEPTH: each branch below the last has files of its own.
deep() {
	local i up=main

	mkdaxfs -q -b -E -r "$shm/r" -s 256M
	for ((i = 1; i < $1; i++)); do
		daxfs-branch create "d$i" -p "$up" -r "$shm/r" --keep -m "$dir/m"
		mkdir "$dir/m/d$i"
		touch "$dir/m/d$i"/{1..50}
		fusermount3 -u "$dir/m"
		up=d$i
	done
	daxfs-branch create work -p "$up" -r "$shm/r" -m "$dir/m"
	work "$dir/m"
	fusermount3 -u "$dir/m"
	rm "$shm/r"
}

bench_work() {
	local i a b c

	sources
	for ((i = 0; i < rounds; i++)); do
		if ((i % 2)); then
			a=$(deep 8) b=$(deep 1) c=$(flat)
		else
			c=$(flat) b=$(deep 1) a=$(deep 8)
		fi
		echo "$b $c" >>"$dir/one"
		echo "$a $c" >>"$dir/eight"
	done
	row_of "untar build grep in a branch on a mount / without" us 1.1 "$dir/one"
	row_of "the same at depth 8 on a mount / without" us 1.3 "$dir/eight"
}

# ---- many at once ----

write_all() { # PREFIX
	local i t

	t=$(now)
	for ((i = 0; i < many; i++)); do
		tar -C "$dir/$1$i" -xf "$shm/load.tar" &
		pid[i]=$!
	done
	wait "${pid[@]}"
	echo "$((($(now) - t) / 1000))"
}

in_branches() {
	local i

	mkdaxfs -q -b -E -r "$shm/r" -s "$((many * 32 + 64))M"
	for ((i = 0; i < many; i++)); do
		mkdir -p "$dir/b$i"
		daxfs-branch create "b$i" -p main -r "$shm/r" -m "$dir/b$i"
	done
	write_all b
	unmount_all
	rm "$shm/r"
}

in_regions() {
	local i

	for ((i = 0; i < many; i++)); do
		mkdir -p "$dir/r$i"
		mkdaxfs -q -E -r "$shm/r$i" -s 32M
		daxfs-fuse "$shm/r$i" "$dir/r$i"
	done
	write_all r
	unmount_all
	rm "$shm"/r*
}

bench_many() {
	local i o p
	local -a pid

	mkdir "$dir/load"
	for ((i = 0; i < files; i++)); do
		head -c 20000 /dev/zero >"$dir/load/f$i"
	done
	tar -C "$dir/load" -cf "$shm/load.tar" .
	for ((i = 0; i < rounds; i++)); do
		if ((i % 2)); then
			o=$(in_branches) p=$(in_regions)
		else
			p=$(in_regions) o=$(in_branches)
		fi
		awk -v o="$o" -v p="$p" 'BEGIN { print 1e6 / o, 1e6 / p }' >>"$dir/rates"
	done
	row_of "$many branches written at once on mounts: rate / regions" 1/s ">=0.9" \
		"$dir/rates"
}

echo question,ours,peer,unit,ratio,target,met
bench_ioctl
bench_commands
bench_work
bench_many
