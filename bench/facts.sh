#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Print what was measured, on which machine and how, as Markdown.
#
# Notes: reads DIR/bench.csv; refers to the drawings of bench/plot.sh if they
# are there. Names no host, user or path.
# usage: bench/facts.sh DIR COMMAND
set -euo pipefail

if [ $# -ne 2 ] || [ ! -f "$1/bench.csv" ]; then
	echo "usage: bench/facts.sh DIR COMMAND" >&2
	exit 2
fi
dir=$1
here=$(cd "$(dirname "$0")/.." && pwd)

first() { # COMMAND...: its first line, or a dash
	"$@" 2>/dev/null | sed -n 1p | grep . || echo -
}

fact() { # WHAT VALUE
	printf '| %s | %s |\n' "$1" "$2"
}

huge() {
	sed -n 's/.*\[\(.*\)\].*/\1/p' /sys/kernel/mm/transparent_hugepage/shmem_enabled \
		2>/dev/null | grep . || echo -
}

facts() {
	fact "measured" "$(date -u +%Y-%m-%d)"
	fact "daxfs" "$(first git -C "$here" describe --always --dirty --tags)"
	fact "processors" "$(nproc) of $(first sed -n 's/^model name[^:]*: //p' /proc/cpuinfo)"
	fact "a virtual machine" "$(grep -qw hypervisor /proc/cpuinfo && echo yes || echo no)"
	fact "memory" "$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)"
	fact "kernel" "$(uname -s) $(uname -r | sed 's/-.*//')"
	fact "huge pages of shmem" "$(huge)"
	fact "system" "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
	fact "compiler" "$(first "${CC:-gcc}" --version)"
	fact "C library" "$(first getconf GNU_LIBC_VERSION)"
	fact "libfuse" "$(first pkg-config --modversion fuse3)"
	fact "load before" "${BENCH_LOAD:--}"
	fact "rounds" "$(awk -F, 'NR > 1 && $2 > n[$1] { n[$1] = $2 } END {
		for (q in n) { if (!lo || n[q] < lo) lo = n[q]; if (n[q] > hi) hi = n[q] }
		print lo == hi ? lo : lo " to " hi
	}' "$dir/rounds.csv")"
}

name_of() { # QUESTION
	tr -cs 'A-Za-z0-9\n' '-' <<<"$1" | tr '[:upper:]' '[:lower:]' | sed 's/^-//; s/-$//'
}

rows() {
	tail -n +2 "$dir/bench.csv" | while IFS=, read -r q a b unit ratio target met; do
		[ ! -f "$dir/$(name_of "$q").svg" ] || q="[$q]($(name_of "$q").svg)"
		echo "| $q | $a | $b | $unit | $ratio | $target | $met |"
	done
}

cat <<END
<!-- Made by bench/facts.sh; edit that. -->

# Measured

Each question is answered beside its peer in one run: round by round ours and
the peer take turns, so that a slow moment hits both. Values are medians of the
rounds, the ratio is the median of the rounds' ratios. [bench.csv](bench.csv) has
the medians, [rounds.csv](rounds.csv) each round. What the peers are, and why a
row misses its target, is in [benchmarks.md](../benchmarks.md).

## How to repeat

    git clone ... && cd daxfs
    $2

needs about 5 GiB in /dev/shm, and nothing else that runs meanwhile.
\`make bench-quick\` shows in seconds that everything runs; its numbers mean nothing.

## The machine

| | |
|---|---|
$(facts)

## The answers

| question | daxfs | peer | unit | ratio | target | met |
|---|---|---|---|---|---|---|
$(rows)
END
[ ! -f "$dir/all.svg" ] || printf '\n![all questions](all.svg)\n'
