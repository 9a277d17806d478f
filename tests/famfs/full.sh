#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A full log, a full device, a full machine: an error, no ghost, nothing lost.
#
# Notes: the log of 8 MiB has room for 15 420 entries.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 2
D=$SHM/d

need "a file system of 40 GiB with holes" fresh d 40G
t "something before" famfs creat -d "$D" -s 5M -S 5 before
t "15 418 files in one command" famfs creat -d "$D" -M - < <(seq 15418 | sed 's/.*/n&,1M/')
t "the last entry" famfs creat -d "$D" -s 1M -S 6 last
t "the next file" refuses 1 "log is full: it has room for 15420" \
	famfs creat -d "$D" -s 1M -r -S 1 ghost
t "the next directory" refuses 1 "log is full" famfs mkdir -d "$D" ghost
t "a copy" refuses 1 "log is full" famfs cp -d "$D" "$FAMFS_SYSTEM_UUID" ghost
t "there is no ghost" refuses 1 "no such file" famfs getmap -d "$D" ghost
t "fsck" grep -q "15420 of 15420 entries: 15420 files" <(famfs fsck "$D")
t "what was before is right" famfs verify -d "$D" -m before,5 -m last,6
played() {
	famfs logplay -S tree -d "$D" && [ "$(find tree -type f | wc -l)" = 15420 ] &&
		[ ! -e tree/ghost ]
}
t "it is played, without a ghost" played
shown() {
	mounted owner m "$D" || return
	refuses 1 "log is full" famfs creat -s 1M m/ghost && [ ! -e m/ghost ] &&
		[ "$(find m -type f | wc -l)" = 15420 ] && famfs verify -m m/before,5
}
t "and mounted, without a ghost" shown
t "unmounted" unmounted "$WORK/m"

need "a small file system" fresh d 64M
t "most of it" famfs creat -d "$D" -s 50M -S 3 most
t "too large for the rest" refuses 1 "no space for 10485760 bytes: 4194304 of" \
	famfs creat -d "$D" -s 10M -r ghost
t "several, of which the third is too large" refuses 1 "no space" \
	famfs creat -d "$D" -M a,1M,1 -M b,1M,2 -M ghost,1M,3 -M ghost2,1M,4
t "those before it are there" famfs verify -d "$D" -m most,3 -m a,1 -m b,2
t "strips" refuses 1 "no space" famfs creat -d "$D" -s 1M -N 2 ghost
t "no ghost" grep -q "3 files" <(famfs fsck "$D")
t "all of it is used" grep -q "54.0 MiB of 54.0 MiB\|54 MiB of 54 MiB" <(famfs fsck "$D")

# The file has holes, and the machine no memory for them.
no_memory() {
	mkdir -p tiny && mount -t tmpfs -o size=24m none tiny || return
	truncate -s 100M tiny/d && mkfs.famfs tiny/d &&
		famfs creat -d tiny/d -s 5M -S 1 before &&
		refuses 1 "No space left" famfs creat -d tiny/d -s 20M -S 2 ghost &&
		refuses 1 "no such file" famfs getmap -d tiny/d ghost &&
		famfs verify -d tiny/d -m before,1 && famfs fsck tiny/d
}
no_memory_mounted() {
	famfs creat -d tiny/d -s 20M hole && mounted owner m tiny/d || return
	refuses 1 "No space left" dd if=/dev/zero of=m/hole bs=1M conv=notrunc || return
	famfs verify -m m/before,1
}
if [ "$(id -u)" -eq 0 ]; then
	t "a machine that is full: an error before there is an entry" no_memory
	t "a write to a mount there: ENOSPC, and nothing else is lost" no_memory_mounted
	t "unmounted" unmounted "$WORK/m"
else
	skip "a machine that is full" "mounting a small tmpfs needs root"
fi
finish
