#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A whole Debian from its tar archive: the same in every attribute as the
# archive extracted, and alive when mounted.
#
# Notes: the archive is what DAXFS_DEBIAN names, or with
# DAXFS_DEBIAN=debootstrap (make check-long says so) that of a minimal system
# that debootstrap gets from the network. Without it, without root or without
# the network this is skipped. Extended attributes and ACLs are compared in the image, and
# on the mount if that shows them.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

give_up() { # WHY
	echo "$1"
	exit 77
}

TAR=$WORK/debian.tar
X=$WORK/x
M=$WORK/m
GNU="tar --xattrs --xattrs-include=* --acls --numeric-owner"
UUID=12345678-1234-4234-8234-123456789abc

bootstrap() {
	command -v debootstrap >/dev/null || give_up "debootstrap is not installed"
	debootstrap --variant=minbase stable "$WORK/root" >"$WORK/log" 2>&1 ||
		give_up "debootstrap failed: $(tail -n 1 "$WORK/log")"
	# What a minimal system has none of.
	setfacl -m g:4:r-x -d -m g:4:r-x "$WORK/root/var/log" &&
		setfattr -n user.made -v here "$WORK/root/etc/hostname" &&
		setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 \
			"$WORK/root/bin/true" &&
		truncate -s 1G "$WORK/root/var/hole" &&
		$GNU -C "$WORK/root" -S --format=pax -cf "$TAR" . &&
		rm -rf --one-file-system "$WORK/root"
}

[ "$(id -u)" -eq 0 ] || give_up "needs root: the files have many owners"
case ${DAXFS_DEBIAN:-} in
'') give_up "DAXFS_DEBIAN=debootstrap or DAXFS_DEBIAN=FILE makes it run" ;;
debootstrap) need "debootstrap" bootstrap ;;
*) TAR=$DAXFS_DEBIAN ;;
esac

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

	out=$(rsync -aHnc --modify-window=-1 --delete --itemize-changes \
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
	chroot "$M" /bin/sh -c 'useradd -m guest && echo hello >/home/guest/x &&
		chown guest /home/guest/x && su guest -c "cat /home/guest/x"'
}

piped() {
	zstd -qc "$TAR" | mkdaxfs -q -t - -o "$SHM/c" --uuid "$UUID" \
		--source-date-epoch 4000000000 && cmp "$SHM/a" "$SHM/c"
}

need "extract it" extract
need "the image is that of the extracted tree" same_image
need "a region" mkdaxfs -q -r "$SHM/r" -O 128M -t "$TAR"
need "mount" mount_region r m "allow_other,suid,dev"
t "find finds no difference" same_listing
t "the same devices" same_devices
t "rsync finds no difference" no_difference
if getfattr -n user.made "$M/etc/hostname" >/dev/null 2>&1; then
	t "the same extended attributes and ACLs" same_attributes
else
	skip "extended attributes on the mount" "it shows none, or the archive has none"
fi
t "its own dpkg reads it" packages
t "it can be worked in" changed_inside
t "unmount" unmount "$M"
t "clean" clean_region r
t "compressed, from a pipe" piped
finish
