#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Attributes that a FUSE mount tells: of its root, of the whole, of an image.
#
# Notes: what also holds on other file systems is in tests/posix.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

M=$WORK/m
OLD='2001-02-03 04:05:06.789'

atime() { # PATH
	stat -c %.X "$1"
}

numbers_of_dots() { # DIR PARENT
	same "$(stat -c %i "$1/." "$1/..")" "$(stat -c %i "$1" "$2")"
}

dots_after_moves() {
	same "$(stat -c %i "$M" "$M/.")" "1
1" && mkdir -p "$M/a/b/c" "$M/x/y" && numbers_of_dots "$M/a/b/c" "$M/a/b" &&
		mv "$M/a/b" "$M/x/y" && numbers_of_dots "$M/x/y/b" "$M/x/y" &&
		numbers_of_dots "$M/x/y/b/c" "$M/x/y/b" &&
		mv "$M/x/y/b/c" "$M/" && numbers_of_dots "$M/c" "$M" &&
		rm -r "$M/a" "$M/x" "$M/c"
}

links_of_directories() {
	same "$(stat -c %h "$M")" 2 && mkdir -p "$M/a/b" "$M/a/c" "$M/d" &&
		same "$(stat -c %h "$M" "$M/a" "$M/d")" "4
4
2" && mv "$M/a/b" "$M/d/" && same "$(stat -c %h "$M/a" "$M/d")" "3
3" && touch "$M/a/file" && same "$(stat -c %h "$M/a")" 3 &&
		rm -r "$M/a" "$M/d" && same "$(stat -c %h "$M")" 2
}

inodes_used() {
	df --output=iused "$M" | tail -n 1 | tr -d ' '
}

figures_of_the_whole() {
	local before used

	before=$(df --output=avail -k "$M" | tail -n 1)
	same "$(inodes_used)" 1 && touch "$M"/{1,2,3,4,5} && mkdir "$M/d" &&
		same "$(inodes_used)" 7 &&
		dd if=/dev/zero of="$M/1" bs=1M count=8 status=none &&
		used=$((before - $(df --output=avail -k "$M" | tail -n 1))) &&
		[ "$used" -ge 8192 ] && [ "$used" -le 8704 ] &&
		same "$(du -k "$M/1" | cut -f 1)" 8192 &&
		rm -r "$M"/[1-5] "$M/d" && same "$(inodes_used)" 1
}

# ---- access times by option ----

moved() { # A B
	if [ "$1" = "$2" ]; then echo no; else echo yes; fi
}

access_moves() { # OPTIONS FIRST SECOND: does the first, the second reading?
	local a b c

	mount_region r m "$1" && echo text >"$M/f" && a=$(atime "$M/f") &&
		sleep 0.02 && cat "$M/f" && b=$(atime "$M/f") && sleep 0.02 &&
		dd if="$M/f" iflag=direct of=/dev/null bs=4096 status=none &&
		c=$(atime "$M/f") && rm "$M/f" && unmount "$M" &&
		same "$(moved "$a" "$b") $(moved "$b" "$c")" "$2 $3"
}

read_only_stores_nothing() {
	mount_region r m && echo text >"$M/f" && touch -d "$OLD" "$M/f" &&
		unmount "$M" && wait_for_servers && mount_region r m ro &&
		cat "$M/f" && ls "$M" &&
		same "$(stat -c %.3X "$M/f")" "$(date -d "$OLD" +%s.%3N)" &&
		unmount "$M"
}

# Reading an image takes no memory: its times stay as they are.
image_is_read() {
	mkdir -p "$WORK/src/d" && echo base >"$WORK/src/d/file" &&
		ln -s file "$WORK/src/d/link" &&
		touch -d "$OLD" "$WORK/src/d/file" "$WORK/src/d" &&
		mkdaxfs -q -d "$WORK/src" -r "$SHM/img" -s 32M -O 16M &&
		mount_region img m && before=$(df --output=used -k "$M") &&
		same "$(cat "$M/d/file" "$M/d/link" && ls "$M/d" &&
			readlink "$M/d/link")" "base
base
file
link
file" && same "$(stat -c %.3X "$M/d/file" "$M/d")" \
			"$(date -d "$OLD" +%s.%3N
			date -d "$OLD" +%s.%3N)" &&
		same "$(df --output=used -k "$M")" "$before"
}

# Once it was changed it has a time of its own.
image_is_changed() {
	same "$(inodes_used)" 4 && chmod 600 "$M/d/file" && cat "$M/d/file" &&
		[ "$(stat -c %X "$M/d/file")" -gt "$(date -d "$OLD" +%s)" ] &&
		rm "$M/d/file" && same "$(inodes_used)" 3 && touch "$M/new" &&
		same "$(inodes_used)" 4 && unmount "$M"
}

need "a region" empty_region r 64M
need "a mount" mount_region r m
t "numbers of dots after moves" dots_after_moves
t "link counts of directories" links_of_directories
t "figures of the whole" figures_of_the_whole
need "unmounted" unmount "$M"
t "access time, relatime" access_moves "" yes no
t "access time, relatime by name" access_moves relatime yes no
t "access time, strictatime" access_moves strictatime yes yes
t "access time, noatime" access_moves noatime no no
t "read-only stores nothing" read_only_stores_nothing
need "an image is read" image_is_read
t "an image is changed" image_is_changed
t "the region is clean" clean_region r
t "the image region is clean" clean_region img
finish
