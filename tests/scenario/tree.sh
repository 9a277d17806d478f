#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A tree becomes an image and is the same tree when mounted.
#
# Notes: rsync compares content by checksum, times to the nanosecond, modes,
# owners and hard links; what rsync cannot see (size
# on disk of sparse files, types of special files) is compared by find.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

SRC=$WORK/src
M=$WORK/m
ODD=$'odd \n name\t*?[]\\"\'$`;&|<>\xff\xfe \xc3\xa4'

# ---- the made tree ----

make_files() {
	mkdir -p "$SRC/dir/sub" "$SRC/empty" &&
		echo content >"$SRC/file" && : >"$SRC/empty-file" &&
		head -c 4096 /dev/urandom >"$SRC/page" &&
		head -c 4097 /dev/urandom >"$SRC/page+1" &&
		head -c $((5 << 20)) /dev/urandom >"$SRC/dir/large" &&
		head -c $((2 << 20)) /dev/urandom >"$SRC/dir/chunk" &&
		echo odd >"$SRC/$ODD" && mkdir "$SRC/dir/$ODD" &&
		echo odd >"$SRC/dir/$ODD/-rf" &&
		echo long >"$SRC/$(printf 'L%.0s' $(seq 255))" &&
		for i in $(seq 3000); do echo "$i" >"$SRC/dir/sub/$i"; done
}

make_links() {
	ln "$SRC/file" "$SRC/hard1" && ln "$SRC/file" "$SRC/dir/sub/hard2" &&
		ln "$SRC/dir/large" "$SRC/large-too" &&
		ln -s file "$SRC/sym" && ln -s /nowhere/at/all "$SRC/dangling" &&
		ln -s "$(printf 't%.0s' $(seq 4000))" "$SRC/long-target" &&
		ln -s "$ODD" "$SRC/odd-target" &&
		ln "$SRC/sym" "$SRC/hard-link-of-symlink"
}

make_sparse() {
	truncate -s 1G "$SRC/hole" &&
		truncate -s 100M "$SRC/sparse" &&
		printf middle | dd of="$SRC/sparse" bs=1 seek=50000000 \
			conv=notrunc status=none &&
		printf end | dd of="$SRC/sparse" bs=1 seek=$(((100 << 20) - 3)) \
			conv=notrunc status=none
}

make_special() {
	mkfifo "$SRC/fifo" && chmod 4755 "$SRC/file" &&
		chmod 2755 "$SRC/dir" && chmod 1777 "$SRC/empty" &&
		chmod 0 "$SRC/empty-file" || return 1
	if [ "$(id -u)" -eq 0 ]; then
		mknod "$SRC/null" c 1 3 && mknod "$SRC/disk" b 259 300 &&
			chown 1234:5678 "$SRC/page" &&
			chown -h 4321:8765 "$SRC/sym" &&
			chmod 6711 "$SRC/page" || return 1
	fi
}

make_deep() {
	local i

	(cd "$SRC" && for i in $(seq 60); do
		mkdir "level-$i-$(printf 'x%.0s' $(seq 50))" &&
			cd level-"$i"-* || exit 1
	done && echo bottom >file)
}

make_times() {
	touch -h -d '1960-01-02 03:04:05.123456789' "$SRC/page" &&
		touch -d '1901-12-13 20:45:52.000000001' "$SRC/page+1" &&
		touch -d '2100-06-07 08:09:10.999999999' "$SRC/dir/chunk" &&
		touch -h -d '1970-01-01 00:00:00.5' "$SRC/sym" &&
		touch -d '2001-01-01 00:00:00.000000001' "$SRC/dir/sub" &&
		touch -d '1999-12-31 23:59:59.999999999' "$SRC"
}

# Values of each length that is stored in its own way, and lists.
make_attributes() {
	local len

	for len in 1 100 1000 3000; do
		setfattr -n "user.len$len" \
			-v "$(head -c "$len" /dev/zero | tr '\0' v)" \
			"$SRC/dir/sub/$len" || return 1
	done
	setfattr -n user.a -v one "$SRC/dir" && setfattr -n user.b "$SRC/dir" &&
		setfacl -m u:1234:rwx,g:5678:r "$SRC/file" "$SRC/dir/sub" &&
		setfacl -d -m u:4321:rx,o::- "$SRC/dir/sub"
}

no_difference() { # SOURCE MOUNT
	local out

	out=$(rsync -aHAXnc --modify-window=-1 --delete --itemize-changes \
		--devices --specials "$1/" "$2/") || return 1
	same "$out" ""
}

listing() { # DIR
	(cd "$1" && find . -printf '%p|%y|%m|%U|%G|%n|%l|%T@' \
		\( -type d -printf '\0' -o -printf '|%s\0' \) | sort -z)
}

same_listing() { # A B
	listing "$1" >"$WORK/list-a" && listing "$2" >"$WORK/list-b" &&
		[ -s "$WORK/list-a" ] && cmp "$WORK/list-a" "$WORK/list-b"
}

# All of it, with the lists, as people's tools tell it, in an order of its own.
attributes() { # DIR
	(cd "$1" && getfattr -R -P -h -d -m - -e hex . && getfacl -R -P -n -p .) |
		awk '/^# file: / { f = $0 } NF { print f "|" $0 }' | sort
}

same_attributes() { # A B
	attributes "$1" >"$WORK/attr-a" && attributes "$2" >"$WORK/attr-b" &&
		grep -q user.len3000 "$WORK/attr-a" &&
		grep -q default:user:4321 "$WORK/attr-a" || return 1
	cmp "$WORK/attr-a" "$WORK/attr-b"
}

# What is written to a mount by cp and tar is what they read.
copies_keep_attributes() {
	cp -a "$SRC/dir" "$M/copy" && mkdir "$M/tar" &&
		tar --xattrs --xattrs-include='*' --acls -C "$SRC/dir" -cf - . |
		tar --xattrs --xattrs-include='*' --acls -C "$M/tar" -xpf - &&
		same_attributes "$SRC/dir" "$M/copy" &&
		same_attributes "$SRC/dir" "$M/tar"
	local rc=$?
	rm -rf "$M/copy" "$M/tar" && touch -r "$SRC" "$M" && return "$rc"
}

hard_links_are_kept() {
	same "$(stat -c %i "$M/file")" "$(stat -c %i "$M/dir/sub/hard2")" &&
		same "$(stat -c %h "$M/file")" 3 &&
		same "$(stat -c %i "$M/dir/large")" "$(stat -c %i "$M/large-too")"
}

holes_are_kept() {
	local kib

	kib=$(du -k "$M/sparse" | cut -f 1)
	echo "sparse: $kib KiB"
	[ "$kib" -le 5120 ] || return 1
	kib=$(du -k "$M/hole" | cut -f 1)
	echo "hole: $kib KiB"
	[ "$kib" -le 64 ]
}

devices_are_kept() {
	same "$(stat -c '%F %t:%T' "$M/null")" 'character special file 1:3' &&
		same "$(stat -c '%F %t:%T' "$M/disk")" 'block special file 103:12c'
}

need "a tree: files" make_files
need "a tree: links" make_links
need "a tree: sparse files" make_sparse
need "a tree: special files and modes" make_special
need "a tree: deep" make_deep
attrs=1
if setfattr -n user.probe -v x "$SRC/file" 2>/dev/null &&
	setfacl -m u:1:r "$SRC/empty" 2>/dev/null; then
	setfattr -x user.probe "$SRC/file"
	setfacl -b "$SRC/empty"
	need "a tree: extended attributes" make_attributes
else
	skip "a tree: extended attributes" "$WORK has none"
	attrs=
fi
need "a tree: times" make_times

# ---- with an overlay ----

need "region with overlay" mkdaxfs -q -V -d "$SRC" -r "$SHM/r" -s 256M -O 128M
need "mount" mount_region r m
t "rsync finds no difference" no_difference "$SRC" "$M"
t "find finds no difference" same_listing "$SRC" "$M"
[ -z "$attrs" ] || t "getfattr and getfacl find no difference" \
	same_attributes "$SRC" "$M"
[ -z "$attrs" ] || t "copies keep attributes" copies_keep_attributes
t "hard links are one file" hard_links_are_kept
t "holes are holes" holes_are_kept
[ "$(id -u)" -ne 0 ] || t "device numbers" devices_are_kept

# ---- changed on the mount, the source changed likewise ----

change() { # DIR
	(cd "$1" && echo more >>file && rm hard1 &&
		printf X | dd of=dir/large bs=1 seek=3000000 conv=notrunc \
			status=none &&
		truncate -s 100 page+1 && rm -r empty && mkdir empty &&
		mv dir/sub moved && mv moved/17 dir/ && rm moved/1[0-9]* &&
		ln moved/20 dir/twenty && ln -s new-target new-sym &&
		chmod 640 page && mkdir -p new/a/b && echo new >new/a/b/c &&
		mv "$ODD" plain && echo over >over && mv over dir/chunk &&
		rm fifo && mkfifo fifo2)
}

# Only what a change does to times differs: those are set alike.
same_after_changes() {
	change "$SRC" && change "$M" && (cd "$SRC" &&
		find . -depth -print0 |
		xargs -0 touch -h -d '2020-02-02 02:02:02.2') && (cd "$M" &&
		find . -depth -print0 |
		xargs -0 touch -h -d '2020-02-02 02:02:02.2') &&
		no_difference "$SRC" "$M" && same_listing "$SRC" "$M"
}

t "changes on the mount are as changes of the source" same_after_changes
t "unmount" unmount "$M"
t "the region is clean" clean_region r
need "mount again" mount_region r m
t "everything is still there" no_difference "$SRC" "$M"
t "unmount again" unmount "$M"

# ---- without an overlay: an image ----

refuses_writing() {
	! touch "$M/new" 2>"$WORK/.err" && grep -q 'Read-only' "$WORK/.err" &&
		! rm -f "$M/file" 2>/dev/null && [ -e "$M/file" ]
}

need "image" mkdaxfs -q -d "$SRC" -o "$SHM/image"
need "mount the image" mount_region image m
t "image: rsync finds no difference" no_difference "$SRC" "$M"
[ -z "$attrs" ] || t "image: getfattr and getfacl find no difference" \
	same_attributes "$SRC" "$M"
t "image: writing is refused" refuses_writing
t "image: unmount" unmount "$M"
t "image: clean" clean_region image

# ---- the same tree gives the same bytes ----

UUID=12345678-1234-4234-8234-123456789abc

identical_images() {
	mkdaxfs -q -d "$SRC" -o "$SHM/i1" --uuid "$UUID" \
		--source-date-epoch 1600000000 &&
		cp -a "$SRC" "$WORK/copy" &&
		mkdaxfs -q -d "$SRC" -o "$SHM/i2" --uuid "$UUID" \
			--source-date-epoch 1600000000 &&
		mkdaxfs -q -d "$WORK/copy" -o "$SHM/i3" --uuid "$UUID" \
			--source-date-epoch 1600000000 &&
		cmp "$SHM/i1" "$SHM/i2" && cmp "$SHM/i1" "$SHM/i3"
}

identical_regions() {
	mkdaxfs -q -d "$SRC" -r "$SHM/r1" -s 200M --uuid "$UUID" \
		--source-date-epoch 1600000000 &&
		SOURCE_DATE_EPOCH=1600000000 mkdaxfs -q -d "$SRC" \
			-r "$SHM/r2" -s 200M --uuid "$UUID" &&
		cmp "$SHM/r1" "$SHM/r2"
}

times_are_clamped() {
	mount_region i1 m && same "$(find "$M" -newermt @1600000000 | wc -l)" 0
	local rc=$?
	unmount "$M" && return "$rc"
}

other_uuid_differs() {
	mkdaxfs -q -d "$SRC" -o "$SHM/i4" --source-date-epoch 1600000000 &&
		! cmp -s "$SHM/i1" "$SHM/i4"
}

t "the same tree and its copy give identical images" identical_images
t "identical regions, epoch from the environment" identical_regions
t "no time after the epoch" times_are_clamped
t "without --uuid images differ" other_uuid_differs

# ---- a system's own tree ----

real_tree() {
	mkdaxfs -q -d /usr/include -r "$SHM/usr" -s 512M &&
		mount_region usr own && no_difference /usr/include "$WORK/own"
	local rc=$?
	unmount "$WORK/own" && return "$rc"
}

t "/usr/include" real_tree
finish
