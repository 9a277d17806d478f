#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# How long does mkdaxfs take from a tree, beside cp -a of the tree to tmpfs?
#
# Notes: rounds alternate who goes first, because the first writer of a round
# pays for fresh memory. The tree is read once before, so both read from the
# page cache. Prints "question,ours,peer,unit,ratio,target,met" (medians);
# $BENCH_COUNT and $BENCH_ROUNDS are as in bench/rounds.h.
# usage: bench/bench_mkdaxfs.sh [--quick] [TREE]
set -eu

rounds=7
tree=
for arg in "$@"; do
	case $arg in
	--quick) rounds=3; tree=${tree:-/usr/include} ;;
	*) tree=$arg ;;
	esac
done
tree=${tree:-/usr/share}
rounds=${BENCH_COUNT:-$rounds}
question="mkdaxfs from a tree / cp -a to tmpfs"
here=$(cd "$(dirname "$0")/.." && pwd)
mkdaxfs=${BUILD:-$here/build}/mkdaxfs
dir=$(mktemp -d /dev/shm/daxfs-bench.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

now() {
	date +%s%N
}

ours() {
	local start

	start=$(now)
	"$mkdaxfs" -q -d "$tree" -o "$dir/image"
	echo $((($(now) - start) / 1000)) >>"$dir/ours"
	rm -f "$dir/image"
}

peer() {
	local start

	start=$(now)
	cp -a "$tree" "$dir/copy"
	echo $((($(now) - start) / 1000)) >>"$dir/peer"
	rm -rf "$dir/copy"
}

median() {
	sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"
}

find "$tree" -type f -exec cat {} + >/dev/null
for ((i = 0; i < rounds; i++)); do
	if ((i % 2)); then
		ours
		peer
	else
		peer
		ours
	fi
done
echo question,ours,peer,unit,ratio,target,met
paste -d ' ' "$dir/ours" "$dir/peer" | awk -v q="$question" '{
	printf "%s,%d,%.1f,%.1f\n", q, NR, $1 / 1000, $2 / 1000
}' >>"${BENCH_ROUNDS:-/dev/null}"
paste -d ' ' "$dir/ours" "$dir/peer" | awk '{ print $1 / $2 }' >"$dir/ratio"
awk -v o="$(median "$dir/ours")" -v p="$(median "$dir/peer")" \
	-v r="$(median "$dir/ratio")" -v q="$question" 'BEGIN {
	printf "%s,%.1f,%.1f,ms,%.3f,<=1.00,%s\n", q, o / 1000, p / 1000, r,
		r <= 1 ? "yes" : "no"
}'
