# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A row of a benchmark that is a script.
#
# Notes: sourced; wants $dir, a folder of the script's, and $rounds. $BENCH_ROUNDS is as
# in bench/rounds.h.
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by who sources this

# From files "ours" and "peer", a number a line, of the rounds.
row() { # QUESTION UNIT TARGET: ">=X" or "<=X"
	paste -d , "$dir/ours" "$dir/peer" | awk -F, -v q="$1" \
		'{ printf "%s,%d,%s,%s\n", q, NR, $1, $2 }' >>"${BENCH_ROUNDS:-/dev/null}"
	paste -d , "$dir/ours" "$dir/peer" | awk -F, '{ print $1 / $2 }' | sort -n >"$dir/ratio"
	sort -n -o "$dir/ours" "$dir/ours"
	sort -n -o "$dir/peer" "$dir/peer"
	paste -d , "$dir/ours" "$dir/peer" "$dir/ratio" | sed -n "$(((rounds + 1) / 2))p" |
		awk -F, -v q="$1" -v unit="$2" -v target="$3" '{
			want = substr(target, 3) + 0
			met = target ~ /^>/ ? $3 >= want : $3 <= want
			printf "%s,%.1f,%.1f,%s,%.3f,%s,%s\n", q, $1, $2, unit, $3, target,
				met ? "yes" : "no"
		}'
	rm -f "$dir/ours" "$dir/peer"
}
