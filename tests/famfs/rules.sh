#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Each rule of docs/famfs-format.md, broken by a medium made by hand.
#
# Notes: for each: a clear message, status 1, from logplay and from fsck; what
# came before is shown; nothing outside the shadow tree is touched, whatever
# the log or a link in the tree says. famfs_craft.c has the cases.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

export FAMFS_SYSTEM_UUID=$WORK/system
mkdir "$WORK/around"

# What is around the shadow tree stays as it is; in it is "good" or nothing.
untouched() { # NAME
	local have

	have=$(cd "$WORK/around" && find . -path ./shadow/a -prune -o -print | sort | tr '\n' ' ')
	case $1/$have in
	sb-*/". ./shadow " | log-*/". ./shadow " | */". ./shadow ./shadow/good ") return 0 ;;
	sb-*/". " | log-*/". ") return 0 ;;
	esac
	echo "after $1: $have"
	return 1
}

# What is made twice is seen where "nothing from it on" is said.
broken() { # NAME REGEX
	local rc

	rm -rf "$WORK/around/shadow"
	famfs_craft "$1" "$SHM/medium" || return
	refuses 1 "$2" famfs logplay --shadow "$WORK/around/shadow" --daxdev "$SHM/medium" ||
		return
	untouched "$1" || return
	refuses 1 "$2" famfs fsck "$SHM/medium" || return
	refuses 1 "$2" famfs logplay -n --daxdev "$SHM/medium" || return
	mkdir -p "$WORK/mnt"
	refuses 1 "$2" famfs mount "$SHM/medium" "$WORK/mnt"
	rc=$?
	[ -z "$(mounts_below "$WORK")" ] || { echo "it is mounted"; return 1; }
	return "$rc"
}

n=0
while IFS=$'\t' read -r name regex; do
	[ "$name" != none ] || continue
	n=$((n + 1))
	t "$name: refused" broken "$name" "$regex"
done < <(famfs_craft -l)
t "more than 60 rules" test "$n" -gt 60

good() {
	rm -rf "$WORK/around/shadow"
	famfs_craft none "$SHM/medium" && famfs fsck "$SHM/medium" &&
		famfs logplay --shadow "$WORK/around/shadow" --daxdev "$SHM/medium" &&
		untouched none && [ -f "$WORK/around/shadow/good" ]
}
t "the same medium with nothing wrong is played" good

# ---- a shadow tree with links in it ----

link_file() {
	rm -rf "$WORK/around/shadow" && mkdir "$WORK/around/shadow" &&
		echo mine >"$WORK/victim" && ln -s "$WORK/victim" "$WORK/around/shadow/good" &&
		famfs_craft none "$SHM/medium" || return
	famfs logplay --shadow "$WORK/around/shadow" --daxdev "$SHM/medium" || return
	[ "$(cat "$WORK/victim")" = mine ] && [ ! -L "$WORK/around/shadow/good" ]
}
t "a link in place of a shadow file is replaced, not followed" link_file

link_dir() {
	rm -rf "$WORK/around/shadow" "$WORK/elsewhere"
	mkdir "$WORK/around/shadow" "$WORK/elsewhere"
	ln -s "$WORK/elsewhere" "$WORK/around/shadow/d"
	truncate -s 64M "$SHM/mine" && mkfs.famfs -f "$SHM/mine" &&
		famfs creat -d "$SHM/mine" -s 1 a && famfs mkdir -d "$SHM/mine" d &&
		famfs creat -d "$SHM/mine" -s 1 d/f || return
	refuses 1 "cannot be shown" famfs logplay --shadow "$WORK/around/shadow" \
		--daxdev "$SHM/mine" || return
	[ -z "$(ls -A "$WORK/elsewhere")" ]
}
t "a link in place of a directory is an error, and nothing is written behind it" link_dir
finish
