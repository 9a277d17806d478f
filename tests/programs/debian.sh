#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A Debian system is installed on one mount, runs from another, and comes back
# out as it went in.
#
# Notes: debootstrap takes the packages from where this machine's apt takes
# them. rsync says whether two trees are equal, dpkg whether a system is whole.
# Needs root, and the network; a few minutes.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

find_debian

A=$WORK/a
B=$WORK/b
OUT=$SHM/out

equal() { # DIR DIR
	local out

	out=$(rsync -aHAXnx --checksum --numeric-ids --delete --itemize-changes \
		"$1/" "$2/") && same "$out" ""
}

copy_out() {
	rsync -aHAXx --numeric-ids "$A/root/" "$OUT/"
}

whole() { # ROOT
	chroot "$1" dpkg --audit && chroot "$1" dpkg --verify
}

use_it() {
	chroot "$B/root" useradd -m -s /bin/sh tester &&
		chroot "$B/root" su tester -c 'echo hello >~/f && cat ~/f' &&
		same "$(cat "$A/root/home/tester/f")" hello &&
		chroot "$A/root" su tester -c 'rm ~/f && ls -A ~' &&
		chroot "$B/root" userdel -r tester && [ ! -e "$A/root/home/tester" ]
}

image() {
	mkdaxfs -q -d "$OUT" -o "$SHM/image" &&
		mount_region image c allow_other,dev,suid && equal "$OUT" "$WORK/c" &&
		chroot "$WORK/c" apt-get --version && unmount "$WORK/c"
}

need "a region" empty_region r 1536M
need "first mount" mount_region r a allow_other,dev,suid
need "second mount" mount_region r b allow_other,dev,suid
need "debootstrap" install_debian "$A/root"
t "apt-get in it" chroot "$A/root" apt-get --version
t "apt-get by the other mount" chroot "$B/root" apt-get --version
t "dpkg finds it whole" whole "$A/root"
t "and so by the other mount" whole "$B/root"
t "rsync copies it out" copy_out
t "no difference" equal "$A/root" "$OUT"
t "none by the other mount" equal "$B/root" "$OUT"
t "a user works in it, on both mounts" use_it
t "an image of it is equal, and runs" image
t "it is removed by the other mount" rm -r "$B/root"
t "unmount one" unmount "$A"
t "unmount the other" unmount "$B"
t "the region is clean" clean_region r
finish
