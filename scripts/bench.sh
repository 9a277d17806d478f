#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run every benchmark beside its peers; print the table, keep CSV and drawings.
#
# Notes: each bench program prints "question,ours,peer,unit,ratio,target,met",
# and appends its rounds to the file $BENCH_ROUNDS. --quick runs each for about a
# second: it shows that they work, and its numbers mean nothing. --rounds N:
# that many rounds instead of the usual number. A program that cannot run here
# says why and ends with 77. Exit 0 if all others ran, whatever the numbers; 1 if
# one could not. bench.csv, rounds.csv, README.md and, where gnuplot is, an SVG for
# each question go to the folder of --out ($BUILD/bench, or bench-quick).
# usage: scripts/bench.sh [--quick] [--rounds N] [--out DIR]
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$here/build}
export BUILD
quick=
out=
command="make bench"

usage() {
	echo "usage: scripts/bench.sh [--quick] [--rounds N] [--out DIR]" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--quick)
		quick=--quick
		command="make bench-quick"
		;;
	--rounds)
		case ${2:-} in
		'' | *[!0-9]*) usage ;;
		esac
		BENCH_COUNT=$2
		export BENCH_COUNT
		command="make bench ROUNDS=$2"
		shift
		;;
	--out)
		out=${2:?--out: names a folder}
		shift
		;;
	*) usage ;;
	esac
	shift
done
out=${out:-$BUILD/bench${quick:+-quick}}
BENCH_LOAD=$(cut -d ' ' -f 1-3 /proc/loadavg)
export BENCH_LOAD

mkdir -p "$out"
new=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-bench.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
BENCH_ROUNDS=$new/rounds.csv
export BENCH_ROUNDS
echo "question,round,ours,peer" >"$BENCH_ROUNDS"
echo "question,ours,peer,unit,ratio,target,met" >"$new/bench.csv"

found=0
for src in "$here"/bench/bench_*.c "$here"/bench/bench_*.sh; do
	[ -e "$src" ] || continue
	case $src in
	*.c)
		grep -q '^int main\>' "$src" || continue
		prog=$BUILD/$(basename "$src" .c)
		;;
	*)
		prog=$src
		;;
	esac
	found=$((found + 1))
	# shellcheck disable=SC2086 # an option or nothing
	rc=0
	"$prog" $quick >"$new/one" || rc=$?
	[ "$rc" -ne 77 ] || continue	# it has said why it cannot be run here
	if [ "$rc" -ne 0 ]; then
		echo "bench.sh: $prog failed" >&2
		exit 1
	fi
	grep -v '^question,' "$new/one" >>"$new/bench.csv" || {
		echo "bench.sh: $prog measured nothing" >&2
		exit 1
	}
done
if [ "$found" -eq 0 ]; then
	echo "bench.sh: no benchmark in bench/" >&2
	exit 1
fi

awk -F, '
function short(x) { return x ~ /^[0-9.eE+-]+$/ ? sprintf("%.4g", x) : x }
NF >= 7 {
	printf "%-44s %10s %10s %-8s %7s %9s %s\n", $1, short($2), short($3), $4,
		short($5), $6, $7
}' "$new/bench.csv"
mv "$new/bench.csv" "$new/rounds.csv" "$out/"
if command -v gnuplot >/dev/null; then
	"$here/bench/plot.sh" "$out"
else
	echo "no drawings: gnuplot is missing (scripts/deps.sh bench)"
fi
"$here/bench/facts.sh" "$out" "$command" >"$new/README.md"
mv "$new/README.md" "$out/"
echo "$(tail -n +2 "$out/bench.csv" | grep -c .) rows, kept in ${out#"$here"/}"
[ -z "$quick" ] || echo "a quick run: it shows that they run, not how fast"
