#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What does the page cache of split mode cost, and what does it save?
#
# Notes: prints "question,ours,peer,unit,ratio,target,met" (medians; the ratio is that of
# the rounds' ratios); $BENCH_COUNT and $BENCH_ROUNDS are as in bench/rounds.h. Hits are
# of the library, beside a static image, by cache_hits. The device of cold reads is
# fault_file, a file system that hands on what it reads at a rate that all its readers
# share, keeps nothing and counts bytes; each cold read has a new region, and mounts of
# FUSE. "Alone" is twice: a region that is cold, and one host, for each of two.
# usage: bench/bench_split.sh [--quick]
set -eu

rounds=7
mib=64
reads=200000
rate=$((100 << 20))
if [ "${1:-}" = --quick ]; then
	rounds=1 mib=4 reads=2000 rate=$((20 << 20))
fi
rounds=${BENCH_COUNT:-$rounds}
here=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$here/build}
PATH=$BUILD:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-bench.XXXXXX")
shm=$(mktemp -d /dev/shm/daxfs-bench.XXXXXX)
device=

mounts() { awk -v d="$dir/" 'index($2, d) == 1 { print $2 }' /proc/mounts; }
# Hosts first, and then the device, which they have open.
unmount_hosts() {
	local m

	for m in $(mounts | grep -v '/dev$'); do
		fusermount3 -u "$m" 2>/dev/null || fusermount3 -uz "$m"
	done
}
cleanup() {
	trap '' INT TERM
	unmount_hosts
	[ -z "$device" ] || { kill "$device" && wait "$device" || :; }
	rm -rf --one-file-system "$dir" "$shm"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now() { date +%s%N; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# QUESTION UNIT TARGET FILE, whose lines are "OURS PEER"; at most, or at least: ">=N"
row_of() {
	awk -v q="$1" '{ printf "%s,%d,%s,%s\n", q, NR, $1, $2 }' "$4" \
		>>"${BENCH_ROUNDS:-/dev/null}"
	awk -v q="$1" -v u="$2" -v t="$3" -v o="$(cut -d ' ' -f 1 "$4" | median)" \
		-v p="$(cut -d ' ' -f 2 "$4" | median)" \
		-v r="$(awk '{ print $1 / $2 }' "$4" | median)" 'BEGIN {
		least = sub(/^>=/, "", t)
		printf "%s,%.4g,%.4g,%s,%.3f,%s%.2f,%s\n", q, o, p, u, r,
			least ? ">=" : "<=", t,
			(least ? r >= t : r <= t) ? "yes" : "no"
	}'
}

# ---- hits ----

bench_hits() {
	mkdaxfs -q -d "$dir/tree" -o "$shm/static"
	mkdaxfs -q -d "$dir/tree" -r "$shm/warm" -o "$dir/warm" -C $((mib * 512))
	cache_hits "$shm/static" "$shm/warm" big "$reads" "$rounds" >"$dir/hits"
	awk '$1 == "CALL" { print $2, $3 }' "$dir/hits" >"$dir/call"
	awk '$1 == "PIN" { print $2, $3 }' "$dir/hits" >"$dir/pin"
	rm "$shm/static" "$shm/warm" "$dir/warm"
	row_of "page cache: 4 KiB hit per call / static image" ns 1.5 "$dir/call"
	row_of "page cache: 4 KiB hit in a pin / static image" ns 1.3 "$dir/pin"
}

# ---- cold ----

start_device() {
	mkdir "$dir/dev" "$dir/a" "$dir/b"
	echo "rate=$rate" >"$dir/control"
	: >"$dir/back"
	fault_file "$dir/back" "$dir/dev" "$dir/control" "$dir/count" >"$dir/log" &
	device=$!
	until mountpoint -q "$dir/dev"; do
		kill -0 "$device"
		sleep 0.05
	done
}

bytes_read() { awk '{ print $1; exit }' "$dir/count"; }

# A region with nothing in its cache, seen by so many hosts.
cold() { # MOUNTS...
	local m

	unmount_hosts
	rm -f "$shm/r" "$dir/back"
	mkdaxfs -q -d "$dir/tree" -r "$shm/r" -o "$dir/back" -C $((mib * 512)) \
		--prewarm none
	for m in "$@"; do
		daxfs-fuse "$shm/r" "$dir/$m" -o "backing=$dir/dev/file"
	done
}

read_all() { find "$dir/$1" -type f -print0 | sort -z | xargs -0 cat >/dev/null; }

ms_since() { echo $((($(now) - $1) / 1000000 + 1)); }

# MiB/s of 1 MiB reads
rate_of() { # FILE BYTES
	local t

	t=$(now)
	dd if="$1" of=/dev/null bs=1M count=$(($2 >> 20)) status=none
	awk -v b="$2" -v ns=$(($(now) - t)) 'BEGIN { print b / 1048576 / ns * 1e9 }'
}

bench_sequential() {
	local i ours

	for ((i = 0; i < rounds; i++)); do
		cold a
		ours=$(rate_of "$dir/a/big" $((mib << 20)))
		echo "$ours $(rate_of "$dir/dev/file" $((mib << 20)))"
	done >"$dir/sequential"
	row_of "page cache: cold 1 MiB reads in order / the device" MiB/s ">=0.9" \
		"$dir/sequential"
}

alone() {
	local t

	cold a
	t=$(now)
	read_all a
	ms_since "$t"
}

together() {
	local t pid

	cold a b
	bytes_read >"$dir/before"
	t=$(now)
	read_all a &
	pid=$!
	read_all b
	wait "$pid"
	ms_since "$t"
}

bench_two() {
	local i t

	for ((i = 0; i < rounds; i++)); do
		t=$(together)
		echo "$(($(bytes_read) - $(cat "$dir/before"))) $bytes" >>"$dir/once"
		echo "$t $(($(alone) + $(alone)))" >>"$dir/two"
	done
	row_of "page cache: read by two cold hosts / the tree" bytes 1.01 "$dir/once"
	row_of "page cache: two cold hosts at once / one and then the other" ms 0.6 \
		"$dir/two"
}

# ---- memory ----

used() { daxfs-inspect status --json -r "$shm/r" | json_get /pool/used; }

# What hosts take of the region, all having read it all. A single one is the peer,
# and each of the seven others may have 1 MiB.
bench_memory() {
	local i one

	echo "rate=0" >"$dir/control"
	cold a
	read_all a
	one=$(used)
	for i in 1 2 3 4 5 6 7; do
		mkdir -p "$dir/h$i"
		daxfs-fuse "$shm/r" "$dir/h$i" -o "backing=$dir/dev/file"
		read_all "h$i"
	done
	echo "$(used) $((one + (7 << 20)))" >"$dir/memory"
	row_of "page cache: region memory of 8 hosts / of one and 7 MiB" bytes 1 \
		"$dir/memory"
}

mkdir "$dir/tree"
head -c $((mib << 20)) /dev/urandom >"$dir/tree/big"
bench_hits
mkdir "$dir/tree/small"
for ((i = 1; i <= 100; i++)); do
	head -c $((i * 997)) /dev/urandom >"$dir/tree/small/$i"
done
bytes=$(find "$dir/tree" -type f -printf '%s\n' |
	awk '{ n += int(($1 + 4095) / 4096) * 4096 } END { printf "%d", n }')
start_device
bench_sequential
bench_two
bench_memory
