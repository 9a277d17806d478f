#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# mkfs.famfs and the commands of famfs, on plain files and without a mount.
#
# Notes: options, messages, statuses, what is left when something fails.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 2
D=$SHM/d

# ---- mkfs ----

need "a file system on a sparse file of 4 GiB" fresh d 4G
t "its log and superblock alone take memory" \
	test "$(du -m --apparent-size "$D" | cut -f1)/$(($(du -m "$D" | cut -f1) <= 11))" = 4096/1
t "the uuid of the system is made, 36 characters" grep -Eqx '[0-9a-f-]{36}' owner.uuid
t "not over another one" refuses 1 "already; -f" mkfs.famfs "$D"
t "but with -f" mkfs.famfs -f "$D"
t "a log of 16 MiB" mkfs.famfs -f -l 16M "$D"
t "which has room for more" grep -q "0 of 30840 entries" <(famfs fsck "$D")
t "a log that is no power of two" refuses 1 "power of two" mkfs.famfs -f -l 12M "$D"
t "a log that is too short" refuses 1 "at least 8M" mkfs.famfs -f -l 0x400000 "$D"
t "the refused ones destroyed nothing" famfs fsck "$D"
t "-k destroys it" mkfs.famfs -k "$D"
t "and then there is none" refuses 1 "no famfs file system" famfs fsck "$D"
truncate -s 1M "$SHM/small"
t "a device that is too small" refuses 1 "too few" mkfs.famfs "$SHM/small"
t "no device" refuses 1 "cannot open" mkfs.famfs "$SHM/none"
t "no argument" refuses 2 "name a device" mkfs.famfs
t "an unknown option" refuses 2 "wrong option" mkfs.famfs -x "$D"
t "not a device" refuses 1 "neither a file nor" mkfs.famfs /dev/null

# ---- the frame ----

for c in mount fsck check mkdir creat cp verify flush logplay getmap chkread devadd; do
	t "famfs $c --help" grep -q "^usage: famfs $c" <(famfs $c --help)
	t "famfs $c with nothing" refuses 2 "help" famfs $c
done
t "famfs --help" grep -q "mkfs.famfs makes" <(famfs --help)
t "famfs --version" grep -Eq '^famfs \(daxfs\) [0-9]' <(famfs --version)
t "no command" refuses 2 "name a command" famfs
t "an unknown command" refuses 2 "'rm' is not a command" famfs rm x

# ---- mkdir, creat ----

f() { # COMMAND ARGUMENT...: on the device
	famfs "$1" -d "$D" "${@:2}"
}
need "another file system" fresh d 4G
t "mkdir" f mkdir -m 01777 -u 1000 -g 100 dir
t "mkdir of what is there" refuses 1 "dir: exists already" f mkdir dir
t "mkdir -p of it" f mkdir -p dir
t "mkdir -p of several" f mkdir -p a/b/c x/y
t "mkdir where there is nothing" refuses 1 "no directory 'q'" f mkdir q/r
t "mkdir with a bad mode" refuses 2 "octal" f mkdir -m 8 z
t "mkdir of the root" refuses 1 "exists already" f mkdir /
t "a path with .." refuses 1 "component '..'" f mkdir a/../z
t "a path that is too long" refuses 1 "longer than 79" f mkdir "$(printf 'x%.0s' {1..80})"
t "creat" f creat -s 3000001 -r -S 7 a/f
t "creat of what is there" refuses 1 "exists already" f creat -s 1 a/f
t "creat without a size" refuses 2 "-s SIZE" f creat a/g
t "creat with a bad size" refuses 2 "size '1X'" f creat -s 1X a/g
t "creat where there is nothing" refuses 1 "no directory 'q'" f creat -s 1 q/g
t "creat with a seed of its own" grep -Eqx 'seed [0-9]+' <(f creat -s 0x1000 -r a/r)
t "an empty file" f creat -s 0 a/empty
t "3 strips" f creat -s 30M -S 8 -N 3 a/i3
t "4 strips, small chunks" f creat -s 010000000 -S 9 -N 4 -B 8 -C 64K a/i4
t "more strips than buckets" refuses 1 "buckets" f creat -s 1M -N 4 -B 3 a/i5
t "too many strips" refuses 1 "at most 16" f creat -s 1M -N 17 a/i5
t "a chunk that is none" refuses 1 "multiple of 4096" f creat -s 1M -N 2 -C 1000 a/i5
t "many at once" f creat -M m1,1M,1 -M m2,3M,2 -M m3,12345 -t 3
t "many from standard input" f creat -M - <<<$'s1,1M,11\n\ns2,2M,12'
t "-M with -s" refuses 2 "with -M" f creat -M m4,1M -s 3
t "-M without a size" refuses 2 "comma" f creat -M m4
t "too large" refuses 1 "no space for" f creat -s 5G huge
t "verify" f verify -S 7 -f a/f
t "verify by position" f verify -S 7 a/f
t "verify many" f verify -m a/i3,8 -m a/i4,9 -m m1,1 -m m2,2 -m s1,11 -m s2,12
t "verify of another seed" refuses 1 "byte 0 is not that of seed 6" f verify -S 6 -f a/f
t "verify of nothing" refuses 1 "no such file" f verify -S 6 -f a/none
t "verify of a directory" refuses 1 "not a file" f verify -S 6 -f a
t "verify without a seed" refuses 2 "give -S" f verify -f a/f
t "getmap" grep -q "nextents: 1" <(f getmap a/f)
t "getmap of strips" grep -q "nstrips: 4" <(f getmap a/i4)
t "getmap of a directory" refuses 1 "not a file" f getmap a
t "flush" f flush a/i4
one_byte() {
	printf X | dd of="$D" bs=1 conv=notrunc seek=$(($(f getmap a/f |
		sed -n 's/.*offset: //p') + 2999999)) 2>/dev/null &&
		refuses 1 "byte 2999999" f verify -S 7 -f a/f
}
t "one byte that is wrong is found" one_byte
t "fsck finds nothing" famfs fsck "$D"

# ---- clients ----

t "a client cannot mkdir" refuses 1 "is a client" as other famfs mkdir -d "$D" z
t "nor creat" refuses 1 "is a client" as other famfs creat -d "$D" -s 1 z
t "nor cp" refuses 1 "is a client" as other famfs cp -d "$D" owner.uuid z
t "nor add a device" refuses 1 "is a client" as other famfs devadd "$D" "$SHM/small"
t "but verify" as other famfs verify -d "$D" -m a/i3,8
echo x >bad.uuid
t "a file that is no uuid" refuses 1 "not the uuid" as bad famfs fsck "$D"
t "a place for it that is none" refuses 1 "FAMFS_SYSTEM_UUID" \
	env FAMFS_SYSTEM_UUID=/proc/none/x famfs fsck "$D"

# ---- cp ----

mkdir -p tree/sub/empty && seq 100000 >tree/numbers && : >tree/nothing &&
	head -c 2097152 /dev/urandom >tree/sub/unit && chmod 600 tree/sub/unit
t "cp -r" f cp -r tree /
t "cp -r again: a restart" f cp -r tree /
t "cp -r of one's own under a new name" f cp -r tree again
t "cp -r with strips" f cp -r -N 3 -C 64K -t 2 tree strips
t "cp of a file" f cp tree/numbers a/copy
t "cp of a file into a directory" f cp tree/numbers a
t "cp of several" f cp tree/numbers tree/sub/unit x/y
t "cp of several to a file" refuses 1 "no directory" f cp tree/numbers tree/nothing a/copy
t "cp of a directory without -r" refuses 1 "no -r" f cp tree z
t "cp of nothing" refuses 1 "cannot be read" f cp none z
seq 10 >other
t "cp onto a file of another size" refuses 1 "cannot change its size" f cp other a/copy
t "cp onto a directory as a file" f cp other x
ln -s numbers tree/link && ln -s none tree/broken && mkfifo tree/fifo && ln -s sub tree/dirlink
odd() {
	refuses 1 "tree/fifo: neither a file" f cp -r tree odd &&
		grep -q "tree/dirlink: a link to a directory" "$WORK/.err" &&
		grep -q "tree/broken: cannot be read" "$WORK/.err" &&
		f getmap odd/link >link.map && grep -q "size: 588895" link.map
}
t "cp leaves out what is neither, says so, and copies the rest" odd
long() {
	mkdir -p "long/$(printf 'x%.0s' {1..60})/$(printf 'y%.0s' {1..40})" && seq 3 >long/last
	refuses 1 "longer than 79" f cp -r long / && f getmap long/last >/dev/null
}
t "a path that is too long is named, the rest is copied" long

# ---- logplay ----

play() {
	famfs logplay "$@" --shadow tree1 --daxdev "$D"
}
t "logplay" play
[ "$(id -u)" -eq 0 ] ||
	t "without root owners are not set, and that is said" refuses 0 "by root alone" play
state() {
	(cd tree1 && find . -printf '%p %m %U %G %s %i %T@\n' | sort)
}
twice() {
	state >before && play >said && state >after && cmp before after &&
		grep -q "; 0 new or changed" said
}
t "twice gives the same tree, and touches nothing" twice
owner="1000 100"
[ "$(id -u)" -eq 0 ] || owner="$(id -u) $(id -g)"	# said, see below
t "directories have their attributes" test "$(stat -c '%a %u %g' tree1/dir)" = "1777 $owner"
t "files are YAML" grep -qx "  mode: 0600" tree1/tree/sub/unit
t "dry run" grep -q "log entries" <(famfs logplay -n -d "$D")
t "each shadow file read back" famfs logplay -s -n -d "$D"
client_tree() {
	as other famfs logplay --shadow tree2 -d "$D" && grep -qx "  mode: 0400" tree2/tree/sub/unit
}
t "a client's files are for reading" client_tree
t "-c: on the owner, too" play -c
t "which changed the tree" grep -qx "  mode: 0400" tree1/tree/sub/unit
t "the other form" famfs logplay -s --yaml=reference -S tree3 -d "$D"
t "has uuids" grep -q "device_uuid: '........-....-" tree3/tree/numbers
t "an unknown form" refuses 2 "wrong option" famfs logplay --yaml=x -S tree3 -d "$D"
broken() {
	play && echo rubbish >tree1/tree/numbers && rm tree1/m1 && play >said &&
		grep -q "; 2 new or changed" said && grep -q "path: m1" tree1/m1
}
t "what is wrong in the tree is put right" broken
t "a tree that cannot be made" refuses 1 "cannot make" famfs logplay -S none/x -d "$D"

# ---- several devices ----

d2() {
	rm -f "$SHM"/p "$SHM"/s1 "$SHM"/s2
	truncate -s 32M "$SHM/p" "$SHM/s1" "$SHM/s2" && mkfs.famfs "$SHM/p" "$SHM/s1"
}
need "a primary and a secondary device" d2
D=$SHM/p
t "a file that is larger than what one has" f creat -s 40M -S 1 over
t "goes over both" test "$(f getmap over | grep -c devindex)" = 2
t "devadd" famfs devadd "$D" "$SHM/s2"
t "devadd again" refuses 1 "is device 2 of it already" famfs devadd "$D" "$SHM/s2"
t "devadd of another file system" refuses 1 "already; -f" famfs devadd "$D" "$SHM/d"
t "no room for three strips" refuses 1 "no space" f creat -s 3M -N 3 -B 1 strips
t "strips where there is room" f creat -s 3M -S 2 -N 2 -C 4096 -B 1 strips
on_devices() {
	[ "$(f getmap strips | sed -n 's/.*devindex: //p' | sort -u | wc -l)" -gt 1 ]
}
t "which are not all on one" on_devices
t "both are right" f verify -m over,1 -m strips,2
t "fsck" famfs fsck "$D"
t "a secondary device is no file system" refuses 1 "secondary" famfs fsck "$SHM/s1"
mv "$SHM/s1" "$WORK/away"
t "a missing device is named" refuses 1 "device 1 with the uuid .* is not here" famfs fsck "$D"
t "its files cannot be read" refuses 1 "cannot be reached" f verify -m over,1
t "others can be made and read" f creat -s 1M -S 3 third
t "and are right" f verify -m third,3
uuid=$(dd if="$WORK/away" bs=1 skip=64 count=16 2>/dev/null | od -An -tx1 | tr -d ' \n' |
	sed -E 's/(.{8})(.{4})(.{4})(.{4})/\1-\2-\3-\4-/')
printf '# where it is\nrubbish\n%s %s\n' "$uuid" "$WORK/away" >map
t "a map file says where it is" env FAMFS_DEVMAP=map famfs verify -d "$D" -m over,1
t "and of a wrong line that it is one" refuses 0 "'rubbish' is no line" \
	env FAMFS_DEVMAP=map famfs fsck "$D"

# ---- two commands at once ----

at_once() {
	local i pids=() rc=0

	fresh e 1G || return
	for i in 1 2 3 4; do
		for j in 1 2 3 4 5 6 7 8; do echo "w$i.$j,100000,$i$j"; done |
			famfs creat -d "$SHM/e" -M - &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || rc=1; done
	famfs fsck "$SHM/e" | grep "32 files" || return
	for i in 1 2 3 4; do
		for j in 1 2 3 4 5 6 7 8; do
			famfs verify -d "$SHM/e" -S "$i$j" "w$i.$j" || rc=1
		done
	done
	return $rc
}
t "four commands at once: all that they make is there" at_once

# ---- standard output that is full ----

t "a report that gets lost is an error" refuses 1 "standard output" \
	sh -c "famfs fsck '$SHM/e' >/dev/full"
finish
