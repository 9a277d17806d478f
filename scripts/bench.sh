#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run every benchmark beside its peers; print the table and keep the CSV.
#
# Notes: each bench program prints "question,ours,peer,unit,ratio,target,met".
# --quick runs each for about a second: it shows that they work, and its
# numbers mean nothing. Exit 0 if all ran, whatever the numbers; 1 if one
# could not. The CSV is kept in $BUILD/bench.csv (bench-quick.csv).
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$here/build}
export BUILD
quick=
csv=$BUILD/bench.csv
if [ "${1:-}" = --quick ]; then
	quick=--quick
	csv=$BUILD/bench-quick.csv
fi

new=$(mktemp "$csv.XXXXXX")
trap 'rm -f "$new" "$new.one"' EXIT
trap 'exit 130' INT TERM

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
	if ! "$prog" $quick >"$new.one"; then
		echo "bench.sh: $prog failed" >&2
		exit 1
	fi
	grep -v '^question,' "$new.one" >>"$new" || {
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
BEGIN {
	printf "%-44s %10s %10s %-8s %7s %9s %s\n", "question", "ours", "peer",
		"unit", "ratio", "target", "met"
}
NF >= 7 {
	printf "%-44s %10s %10s %-8s %7s %9s %s\n", $1, short($2), short($3), $4,
		short($5), $6, $7
}' "$new"
{
	echo "question,ours,peer,unit,ratio,target,met"
	cat "$new"
} >"$new.one"
mv "$new.one" "$csv"
echo "$(grep -c . "$new") rows, kept in ${csv#"$here"/}"
[ -z "$quick" ] || echo "a quick run: it shows that they run, not how fast"
