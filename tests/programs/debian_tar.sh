#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A whole Debian from its tar archive: the same in every attribute as the
# archive extracted, and alive when mounted.
#
# Notes: a minimal system by debootstrap, with attributes that such a system
# lacks. The image of its archive is compared with that of the extracted tree,
# byte by byte, and the mount with the tree. Needs root, and the network; a few
# minutes.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

TAR=$WORK/debian.tar
X=$WORK/x
M=$WORK/m
GNU="tar --xattrs --xattrs-include=* --acls --numeric-owner"
UUID=12345678-1234-4234-8234-123456789abc

archive() {
	setfacl -m g:4:r-x -d -m g:4:r-x "$WORK/root/var/log" &&
		setfattr -n user.made -v here "$WORK/root/etc/hostname" &&
		setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 \
			"$WORK/root/bin/true" &&
		truncate -s 1G "$WORK/root/var/hole" &&
		$GNU -C "$WORK/root" -S --format=pax -cf "$TAR" . &&
		rm -rf --one-file-system "$WORK/root"
}

extract() {
	mkdir "$X" && $GNU -C "$X" -xpf "$TAR"
}

same_image() {
	mkdaxfs -q -V -t "$TAR" -o "$SHM/a" --uuid "$UUID" --source-date-epoch 4000000000 &&
		mkdaxfs -q -d "$X" -o "$SHM/b" --uuid "$UUID" \
			--source-date-epoch 4000000000 &&
		cmp "$SHM/a" "$SHM/b" && rm "$SHM/b"
}

listing() { # DIR
	(cd "$1" && find . -printf '%p|%y|%m|%U|%G|%n|%l|%T@' \
		\( -type d -printf '\0' -o -printf '|%s\0' \) | sort -z)
}

same_listing() {
	listing "$X" >"$WORK/list-x" && listing "$M" >"$WORK/list-m" &&
		[ "$(tr -cd '\0' <"$WORK/list-x" | wc -c)" -gt 1000 ] &&
		cmp "$WORK/list-x" "$WORK/list-m"
}

same_devices() {
	same "$(cd "$X" && find . -type b,c -exec stat -c '%n %t %T' {} + | sort)" \
		"$(cd "$M" && find . -type b,c -exec stat -c '%n %t %T' {} + | sort)"
}

no_difference() {
	local out

	out=$(rsync -aHAXnc --modify-window=-1 --delete --itemize-changes \
		--devices --specials "$X/" "$M/") && same "$out" ""
}

attributes() { # DIR
	(cd "$1" && getfattr -R -P -h -d -m - -e hex . && getfacl -R -P -n -p .) |
		LC_ALL=C awk -v RS= '{ print $0 "\n" }' | sort
}

same_attributes() {
	attributes "$X" >"$WORK/attr-x" && attributes "$M" >"$WORK/attr-m" &&
		[ -s "$WORK/attr-x" ] && cmp "$WORK/attr-x" "$WORK/attr-m"
}

packages() {
	local nr

	nr=$(chroot "$M" /usr/bin/dpkg-query -W | wc -l) && [ "$nr" -gt 20 ] &&
		same "$nr" "$(grep -c '^Package:' "$M/var/lib/dpkg/status")"
}

changed_inside() {
	chroot "$M" /bin/sh -c 'useradd -m guest && cd ~guest && echo hello >x &&
		chown guest x && su guest -c "cat x"'
}

piped() {
	zstd -qc "$TAR" | mkdaxfs -q -t - -o "$SHM/c" --uuid "$UUID" \
		--source-date-epoch 4000000000 && cmp "$SHM/a" "$SHM/c"
}

find_debian
need "debootstrap" install_debian "$WORK/root"
need "an archive of it" archive
need "extract it" extract
need "the image is that of the extracted tree" same_image
need "a region" mkdaxfs -q -r "$SHM/r" -O 128M -t "$TAR"
need "mount" mount_region r m "allow_other,suid,dev"
t "find finds no difference" same_listing
t "the same devices" same_devices
t "rsync finds no difference" no_difference
t "the same extended attributes and ACLs" same_attributes
t "its own dpkg reads it" packages
t "it can be worked in" changed_inside
t "unmount" unmount "$M"
t "clean" clean_region r
t "compressed, from a pipe" piped
finish
