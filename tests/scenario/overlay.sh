#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A static mount as the lower layer of overlayfs, and as the root of containers.
#
# Notes: the layer above is a tmpfs, then a mount of a region, which another host
# looks at. What is changed goes there; the image stays as it was, for the
# containers beside it too. Needs root, for overlayfs.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

[ "$(id -u)" -eq 0 ] || {
	echo "overlayfs needs root"
	exit 77
}
for program in bwrap getfattr rsync unshare; do
	command -v "$program" >/dev/null || {
		echo "$program is missing (docs/dependencies.md)"
		exit 77
	}
done
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || {
	echo "this kernel has no overlayfs"
	exit 77
}

LOW=$WORK/low
ONE=
TWO=$WORK/two/root

# ---- a root file system: some programs, and the libraries that they need ----

add_program() { # NAME
	local path lib

	path=$(command -v "$1") || return 1
	mkdir -p "$WORK/tree/bin" && cp -L "$path" "$WORK/tree/bin/$1" || return 1
	ldd "$path" | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$WORK/tree${lib%/*}" && cp -L "$lib" "$WORK/tree$lib" ||
			return 1
	done
}

make_tree() {
	local p

	for p in sh ls cat cp mv rm mkdir ln chmod chown stat grep; do
		add_program "$p" || return 1
	done
	cd "$WORK/tree" && mkdir etc data data/deep empty tmp &&
		echo "from the image" >etc/motd &&
		seq 100000 >data/numbers && ln data/numbers data/same &&
		ln -s ../etc/motd data/link && echo deep >data/deep/file &&
		chmod 1777 tmp && chmod 600 data/deep/file &&
		chown 1234:5678 data/deep/file &&
		touch -d '2001-02-03 04:05:06.789' etc/motd && cd / || return 1
	for p in 1 2 3 4 5; do
		echo "$p" >"$WORK/tree/data/f$p"
	done
}

overlay() { # NAME
	mount -t overlay -o \
		"lowerdir=$LOW,upperdir=$WORK/$1/up,workdir=$WORK/$1/work" \
		none "$WORK/$1/root"
}

stack() { # NAME: on what is mounted at $WORK/NAME
	mkdir "$WORK/$1/up" "$WORK/$1/work" "$WORK/$1/root" &&
		touch -r "$LOW" "$WORK/$1/up" && overlay "$1"
}

on_tmpfs() { # NAME
	mkdir "$WORK/$1" && mount -t tmpfs -o size=64m none "$WORK/$1" &&
		stack "$1"
}

on_region() { # NAME
	empty_region r 128M && mount_region r "$1" dev && mount_region r other &&
		stack "$1"
}

unstack() { # NAME
	umount "$WORK/$1/root" && unmount "$WORK/$1"
}

equal() { # DIR DIR
	local out

	out=$(rsync -aHXn --checksum --delete --itemize-changes "$1/" "$2/") &&
		same "$out" ""
}

# ---- changes above ----

copy_up() {
	echo more >>"$ONE/etc/motd" &&
		same "$(cat "$ONE/etc/motd")" $'from the image\nmore' &&
		same "$(cat "$LOW/etc/motd")" "from the image" &&
		echo x | dd of="$ONE/data/numbers" conv=notrunc status=none &&
		same "$(wc -l <"$ONE/data/numbers")" 100000 &&
		same "$(head -n 1 "$ONE/data/numbers")" x &&
		same "$(head -n 1 "$LOW/data/numbers")" 1 &&
		chmod 640 "$ONE/data/deep/file" &&
		same "$(stat -c %a:%u:%g "$ONE/data/deep/file")" 640:1234:5678 &&
		same "$(stat -c %a "$LOW/data/deep/file")" 600
}

whiteouts() { # NAME
	rm "$ONE/data/f1" && [ ! -e "$ONE/data/f1" ] &&
		same "$(stat -c '%F %t:%T' "$WORK/$1/up/data/f1")" \
			"character special file 0:0" &&
		echo again >"$ONE/data/f1" && same "$(cat "$ONE/data/f1")" again &&
		rm -r "$ONE/data/deep" && mkdir "$ONE/data/deep" &&
		only "$ONE/data/deep" && same "$(cat "$LOW/data/f1")" 1 &&
		[ -e "$LOW/data/deep/file" ]
}

renames() {
	mv "$ONE/data/f2" "$ONE/moved" && same "$(cat "$ONE/moved")" 2 &&
		[ ! -e "$ONE/data/f2" ] &&
		mv "$ONE/data/f3" "$ONE/data/f4" &&
		same "$(cat "$ONE/data/f4")" 3 &&
		mv "$ONE/empty" "$ONE/still-empty" && [ ! -e "$ONE/empty" ] &&
		mkdir "$ONE/new" && mv "$ONE/new" "$ONE/tmp/new" &&
		same "$(cat "$LOW/data/f4")" 4
}

listed() {
	only "$ONE/data" deep f1 f4 f5 link numbers same &&
		same "$(readlink "$ONE/data/link")" ../etc/motd
}

remounted() { # NAME
	umount "$ONE" && overlay "$1" && listed &&
		same "$(cat "$ONE/data/f1")" again && same "$(cat "$ONE/moved")" 2
}

changes() { # NAME
	ONE=$WORK/$1/root
	t "everything is there on $1" equal "$WORK/tree" "$ONE"
	t "copied up" copy_up
	t "removed: whiteouts, opaque directories" whiteouts "$1"
	t "renamed" renames
	t "listed" listed
	t "the same after a new mount" remounted "$1"
	t "random operations on a file" fsx -n 1000 -s 1 -x zero -x zero_keep "$ONE"
}

# What overlayfs left in the region, as another host finds it.
other_host() {
	local up=$WORK/other/up

	same "$(stat -c '%F %t:%T' "$up/data/f2")" \
		"character special file 0:0" &&
		same "$(getfattr --only-values -n trusted.overlay.opaque \
			"$up/data/deep")" y &&
		same "$(cat "$up/moved")" 2
}

# ---- a root ----

in_root() { # DIR SCRIPT
	unshare --mount --pid --fork --uts --ipc chroot "$1" /bin/sh -c "$2"
}

container() {
	# shellcheck disable=SC2016 # $$ is for the shell inside
	same "$(in_root "$TWO" 'echo $$; cat /etc/motd; mkdir /made &&
		cp /data/f5 /made/copy && mv /made/copy /made/f && cat /made/f &&
		rm /data/f5 && ls /data && grep -c . /data/numbers')" \
		$'1\nfrom the image\n5\ndeep\nf1\nf2\nf3\nf4\nlink\nnumbers\nsame\n100000'
}

# Without a layer above: nothing can be changed, and all can be run.
read_only_root() {
	same "$(in_root "$LOW" 'cat /data/f1; echo x >/data/f1 || echo no' \
		2>/dev/null)" $'1\nno'
}

bubble() {
	same "$(bwrap --bind "$TWO" / --proc /proc --dev /dev --unshare-all \
		/bin/sh -c 'cat /etc/motd; echo x >/in-bubble; cat /in-bubble')" \
		$'from the image\nx'
}

side_by_side() {
	[ ! -e "$WORK/one/root/made" ] && [ ! -e "$TWO/moved" ] &&
		same "$(cat "$TWO/etc/motd")" "from the image" &&
		same "$(cat "$TWO/data/f1")" 1
}

need "a tree" make_tree
need "an image" mkdaxfs -q -d "$WORK/tree" -o "$SHM/image"
need "a mount" mount_region image low
need "a tmpfs on it" on_tmpfs one
need "another" on_tmpfs two
need "a region on it" on_region daxfs
changes one
changes daxfs
t "another host sees what overlayfs made" other_host
t "a container on the other" container
t "a container on the image itself" read_only_root
t "bubblewrap" bubble
t "neither sees the other's changes" side_by_side
t "the image is as it was" equal "$WORK/tree" "$LOW"
t "unmounted" unstack one
t "the other as well" unstack two
t "and that on the region" unstack daxfs
t "and the other host" unmount "$WORK/other"
t "the image, too" unmount "$LOW"
t "the image is clean" clean_region image
t "the region is clean" clean_region r
finish
