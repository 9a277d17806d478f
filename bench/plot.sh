#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Draw what make bench measured: an SVG for each question, and one of all.
#
# Notes: reads DIR/bench.csv (question,ours,peer,unit,ratio,target,met) and
# DIR/rounds.csv (question,round,ours,peer), writes DIR/NAME.svg, where NAME is
# the question with dashes, and DIR/all.svg. Needs gnuplot. Drawings of
# questions that are not asked any more are removed.
# usage: bench/plot.sh DIR
set -euo pipefail

if [ $# -ne 1 ] || [ ! -f "$1/bench.csv" ] || [ ! -f "$1/rounds.csv" ]; then
	echo "usage: bench/plot.sh DIR (with bench.csv and rounds.csv)" >&2
	exit 2
fi
cd "$1"
command -v gnuplot >/dev/null || {
	echo "plot.sh: gnuplot is missing: run 'scripts/deps.sh bench'" >&2
	exit 1
}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-plot.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

name_of() { # QUESTION
	tr -cs 'A-Za-z0-9\n' '-' <<<"$1" | tr '[:upper:]' '[:lower:]' | sed 's/^-//; s/-$//'
}

style='set terminal svg size 640,380 noenhanced font "sans,12" background "white"
set border 3
set tics nomirror out
set grid ytics lc rgb "#dddddd"
set datafile separator ","
ours = "#1f5fa8"
peer = "#c2571a"'

short() { # NUMBER
	awk -v n="$1" 'BEGIN { printf((n >= 10000 ? "%.0f" : "%.4g"), n) }'
}

one() { # QUESTION OURS PEER UNIT RATIO TARGET MET
	local name

	name=$(name_of "$1")
	awk -F, -v q="$1" '$1 == q { print $2 "," $3 "," $4 }' rounds.csv >"$tmp/data"
	[ -s "$tmp/data" ] || {
		echo "plot.sh: rounds.csv has no round of: $1" >&2
		return 1
	}
	gnuplot <<-GNUPLOT
		$style
		set output "$name.svg"
		set title "$1\nratio $5, target $6: $7"
		set xlabel "round"
		set ylabel "$4"
		set xtics 1
		set yrange [0:*]
		set xrange [0.5:$(wc -l <"$tmp/data") + 0.5]
		set bmargin 6
		set key at screen 0.5, 0.05 center horizontal samplen 2
		plot $2 with lines dt 2 lc rgb ours notitle, \
		     $3 with lines dt 2 lc rgb peer notitle, \
		     "$tmp/data" using 1:2 with linespoints pt 7 lc rgb ours \
			title "daxfs, median $(short "$2")", \
		     "$tmp/data" using 1:3 with linespoints pt 5 lc rgb peer \
			title "peer, median $(short "$3")"
	GNUPLOT
	echo "$name.svg" >>"$tmp/drawn"
}

# Ratio over target: better is to the right, whatever the kind of target.
all() {
	local rows

	awk -F, 'NR > 1 {
		t = $6
		sub(/^[<>]=/, "", t)
		r = $6 ~ /^</ ? t / $5 : $5 / t
		q = $1
		gsub(/"/, "", q)
		printf "%d,%.4f,\"%s\"\n", NR - 1, r, q
	}' bench.csv | tac >"$tmp/all"
	rows=$(wc -l <"$tmp/all")
	gnuplot <<-GNUPLOT
		$style
		set terminal svg size 900,$((80 + 24 * rows)) noenhanced font "sans,12" \
			background "white"
		set output "all.svg"
		set title "answer / target (met from 1 on)"
		set logscale x 2
		set xrange [0.25:8]
		set yrange [0:$((rows + 1))]
		set grid xtics lc rgb "#dddddd"
		set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb "#888888" lw 2
		set style fill solid 0.8
		plot "$tmp/all" using (1):(\$0 + 1):(1):(\$2 > 8 ? 8 : \$2):(\$0 + 0.7): \
			(\$0 + 1.3):ytic(3) with boxxyerror lc rgb ours notitle
	GNUPLOT
	echo all.svg >>"$tmp/drawn"
}

n=0
while IFS=, read -r question a b unit ratio target met; do
	[ "$met" = yes ] && met="met" || met="not met"
	one "$question" "$a" "$b" "$unit" "$ratio" "$target" "$met"
	n=$((n + 1))
done < <(tail -n +2 bench.csv)
[ "$n" -gt 0 ] || {
	echo "plot.sh: bench.csv has no rows" >&2
	exit 1
}
all
for f in *.svg; do
	grep -qxF "$f" "$tmp/drawn" || rm "$f"
done
