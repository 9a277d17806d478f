#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# daxfs-branch diff says what a comparison of the two whole trees finds.
#
# Notes: a random walk of creating, writing, deleting, renaming and chmod in a branch, in
# turns with comparisons: by paths and by what stat and cksum say of each. The seed is
# printed; SEED gives one. A renamed file that was changed as well is a rename and a
# change; by paths it is one that goes and one that comes.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

R=$SHM/r
A=$WORK/main
B=$WORK/branch
SEED=${SEED:-$$}
RANDOM=$SEED
ROUNDS=4 STEPS=60

mkdir -p "$WORK"/tree/{d1,d2,d3}
for i in $(seq 30); do
	echo "old $i" >"$WORK/tree/d$((i % 3 + 1))/f$i"
done

facts() { # DIR: of each path what it is
	(cd "$1" && find . -mindepth 1 -printf '%P\n' | sort | while read -r path; do
		if [ -d "$path" ]; then
			stat -c '%n %A' "$path"
		else
			echo "$(stat -c '%n %A %y' "$path") $(cksum <"$path")"
		fi
	done)
}

paths() { # FILE of facts
	cut -d' ' -f1 "$1" | sort
}

# What the two trees differ in, as "gone PATH", "new PATH", "changed PATH".
by_trees() {
	facts "$A" >"$WORK/a" && facts "$B" >"$WORK/b" || return 1
	comm -23 <(paths "$WORK/a") <(paths "$WORK/b") | sed 's/^/gone /'
	comm -13 <(paths "$WORK/a") <(paths "$WORK/b") | sed 's/^/new /'
	comm -13 <(sort "$WORK/a") <(sort "$WORK/b") | cut -d' ' -f1 | sort |
		comm -12 - <(paths "$WORK/a") | sed 's/^/changed /'
}

by_diff() {
	daxfs-branch diff -m "$B" | while read -r what path arrow to; do
		case $what in
		created) echo "new $path" ;;
		deleted) echo "gone $path" ;;
		renamed)
			[ "$arrow" = "->" ] || return 1
			echo "gone $path"
			# One that was there before is covered.
			[ -e "$A/$to" ] && echo "changed $to" || echo "new $to"
			;;
		replaced) echo "changed $path" ;;
		modified | metadata)
			[ -e "$A/$path" ] && echo "changed $path"
			;;
		esac
	done
}

agree() {
	same "$(by_diff | sort -u)" "$(by_trees | sort -u)"
}

any_file() {
	find "$B" -type f | sort | sed -n "$((RANDOM % $(find "$B" -type f | wc -l) + 1))p"
}

any_dir() {
	find "$B" -mindepth 1 -type d | sort |
		sed -n "$((RANDOM % $(find "$B" -mindepth 1 -type d | wc -l) + 1))p"
}

step() {
	local file dir

	file=$(any_file) dir=$(any_dir)
	case $((RANDOM % 8)) in
	0 | 1) echo "new $RANDOM" >"$dir/n$RANDOM" ;;
	2) echo "more $RANDOM" >>"$file" ;;
	3) echo "$RANDOM" >"$file" ;;
	4) rm "$file" && echo "again $RANDOM" >"$dir/r$RANDOM" ;;
	5) mv "$file" "$dir/m$RANDOM" ;;
	6) chmod "$((RANDOM % 2 ? 600 : 755))" "$file" ;;
	7) mkdir -p "$dir/s$((RANDOM % 3))" ;;
	esac
}

walk() {
	local i

	for i in $(seq "$STEPS"); do
		step || return 1
	done
	agree
}

echo "seed $SEED"
need "a region" mkdaxfs -q -b -d "$WORK/tree" -r "$R" -s 64M
need "main" mount_region r main
mkdir "$B"
need "a branch" daxfs-branch create b -p main -r "$R" -m "$B"
t "nothing was changed" same "$(daxfs-branch diff -m "$B")" ""
for i in $(seq "$ROUNDS"); do
	t "$((i * STEPS)) steps" walk
done
t "by name, with main" same "$(daxfs-branch diff b main -r "$R")" "$(daxfs-branch diff -m "$B")"
t "as JSON" daxfs-branch diff b -r "$R" --json
t "a branch that there is not" refuses 1 "none of that name" \
	daxfs-branch diff frob -r "$R"
t "three names" refuses 2 "too many" daxfs-branch diff a b c -r "$R"
t "a region alone" refuses 2 "needs the NAME" daxfs-branch diff -r "$R"
finish
