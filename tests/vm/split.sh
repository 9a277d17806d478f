#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Split mode on kernel mounts: a guest and a FUSE mount of the host on one cache.
#
# Notes: the tree is larger than the cache. First the guest has the backing file and the
# FUSE mount is served by it, then the other way round, and then the filler is killed.
# Files are read through mappings, too, which keep pages in the cache and give them
# back. The guest goes through its stages by words that both sides write. VM_LONG=1:
# what maps.sh does with mappings, too.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
TREE=$SHARE/tree
BACK=$SHARE/back
SPAWN=$WORK/spawn
HOST=$WORK/host

# ---- what both sides say to each other ----

cat >"$SHARE/stage.sh" <<'E'
say() { echo "$*"; }
heard() { # WORD: the host has written it
	local i

	for i in $(seq 3000); do
		[ ! -e "$SHARE/say.$1" ] || return 0
		sleep 0.1
	done
	say "the host did not say $1"
	exit 9
}
case_of() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >/tmp/log 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 12 /tmp/log | sed 's/^/# /'
	fi
}
pcache() { daxfs-inspect pcache --json -m "$1" | json_get "/$2"; }
region() { echo "phys=$DAXFS_PHYS,size=$DAXFS_SIZE${1:+,$1}"; }
E

tell() { # WORD
	: >"$SHARE/say.$1"
}

# ---- the tree ----

make_tree() {
	local i

	mkdir -p "$TREE/d" &&
		perl -e 'print chr($_ % 251 + 1) x 4096 for 0 .. 1535' >"$TREE/base" || return
	for i in 1 2; do
		head -c $((i * 3000000 + i)) /dev/urandom >"$TREE/big$i" || return
	done
	for i in $(seq 40); do
		head -c $((i * 331)) /dev/urandom >"$TREE/d/small$i" || return
	done
	head -c 1000000 /dev/urandom >"$TREE/bad" &&
		dd if=/dev/urandom of="$TREE/sparse" bs=4096 count=5 seek=70 \
			conv=notrunc status=none && truncate -s 1M "$TREE/sparse"
}

# Four MiB of cache for seventeen of content.
make_region() { # NAME [OPTIONS]
	local name=$1
	shift
	rm -f "$SHM/$name" "$BACK"
	mkdaxfs -q -d "$TREE" -r "$SHM/$name" -s 96M -o "$BACK" -C 1024 --prewarm none "$@"
}

need "a tree" make_tree
need "region and backing file" make_region r
sum=$(sha256sum <"$BACK")
cp -p "$BACK" "$SHARE/copy" && touch "$SHARE/copy"

LONG=
[ "$VM_LONG" = 0 ] || LONG=1
guest g --reserved "$SHM/r" --limit $((900 * SLOW)) --env MODULE="$(module)" \
	--env "LONG=$LONG" <<'E'
PATH=$BUILD:$PATH
. "$SHARE/stage.sh"
echo guest >/proc/sys/kernel/hostname
cd /tmp && mkdir m dev && modprobe fuse
insmod "$MODULE" || exit

refused() { # REGEX OPTIONS
	! mount.daxfs -o "$(region "$2")" none m 2>/tmp/why || { umount m; return 1; }
	cat /tmp/why
	grep -Eq "$1" /tmp/why
}
case_of "another's file" refused 'not a backing file' "backing=$SHARE/tree/base"
case_of "a file that is not there" refused 'cannot open' "backing=$SHARE/none"
case_of "a folder" refused 'not a file' "backing=$SHARE/tree"
case_of "a modified copy" refused 'modified' "backing=$SHARE/copy"
case_of "twice" refused 'given twice' "backing=$SHARE/back:$SHARE/back"

# ---- with the file ----

# The file by way of a file system that counts reads, and fails them.
: >control
fault_file "$SHARE/back" dev control count >fault.log 2>&1 &
for i in $(seq 100); do [ ! -e dev/file ] || break; sleep 0.1; done
mount.daxfs -o "$(region backing=/tmp/dev/file)" none m || exit
say "is mounted"
heard both
case_of "the whole tree, beside a spawn" diff -r "$SHARE/tree" m
say "has compared"
case_of "through mappings, which pin slots" map_compare m/big1 "$SHARE/tree/big1" \
	"daxfs-inspect pcache --json -m m >pins"
pinned=$(json_get /pinned <pins)
case_of "half of them at most" test "$pinned" -gt 100 -a "$pinned" -le 512
case_of "and give them back" test "$(pcache m pinned)" -eq 0
case_of "two files mapped at once" map_compare m/big1 "$SHARE/tree/big1" \
	"cmp m/big2 $SHARE/tree/big2 && map_compare m/bad $SHARE/tree/bad"
# Each of them keeps half of the cache, which is too much for both.
mkdir m2 m3 && mount.daxfs -o "$(region "backing=$SHARE/back")" none m2 &&
	mount.daxfs -o "$(region)" none m3 || exit
case_of "mappings of two mounts leave room for a spawn" \
	map_compare m/big2 "$SHARE/tree/big2" \
	"map_compare m2/big2 $SHARE/tree/big2 'cmp m3/bad $SHARE/tree/bad'"
umount m2 m3 || exit
case_of "stores through a mapping stay here" map_compare -w m/big1 "$SHARE/tree/big1"
case_of "the mount tells its file" grep -q ' /tmp/m .*backing=/tmp/dev/file' /proc/mounts
writes() {
	echo more >>m/big2 && truncate -s 12345 m/sparse && rm m/d/small1 &&
		printf XYZ | dd of=m/d/small40 bs=1 seek=5000 conv=notrunc status=none &&
		fallocate -p -o 100 -l 8000 m/d/small39 && cp m/d/small2 m/new
}
case_of "writes" writes
say "has written"
heard read

# Of a file that is not in the cache any more.
bad_page() {
	local page

	page=$(backing_page "$SHARE/back" "$SHARE/tree/bad" 100) && cat m/base m/base >/dev/null
	echo "bad=$page" >control
	dd if=m/bad of=y bs=4096 conv=noerror,sync 2>y.err
	echo "bad=-1" >control
	cat y.err
	[ "$(grep -c 'Input/output error' y.err)" -eq 1 ] &&
		cmp -l y "$SHARE/tree/bad" 2>/dev/null | awk '
			{ p[int(($1 - 1) / 4096)] = 1 }
			END { for (i in p) n++; exit !(n == 1 && p[100]) }'
}
case_of "a page that cannot be read, and no other" bad_page
case_of "the next access tries again" cmp m/bad "$SHARE/tree/bad"

# ---- what the kernel does with mapped memory ----

uses() {
	modprobe loop 2>/dev/null
	truncate -s 1M disk
	loop=$(losetup --direct-io=off --show -f disk)
	case_of "futex, process_vm_readv, direct I/O, fork on mappings" map_uses m "$loop" 0
	umount m && mount.daxfs -o "$(region pages,backing=/tmp/dev/file)" none m || exit
	case_of "the same with struct pages" map_uses m "$loop" 1
	losetup -d "$loop"
}
[ -z "$LONG" ] || uses
umount m || exit
say "has the file no more"

# ---- without it ----

heard serve
mount.daxfs -o "$(region)" none m || exit
case_of "a spawn is served" cmp m/bad "$SHARE/tree/bad"
case_of "through mappings, too" map_compare m/bad "$SHARE/tree/bad"
say "reads"
begun=$SECONDS
while cat m/bad m/big2 >/dev/null 2>err; do [ $((SECONDS - begun)) -lt 300 ] || break; done
cat err
case_of "the only filler is killed: EIO" grep -q 'Input/output error' err
mapped_fails() {
	map_compare m/base "$SHARE/tree/base"
	[ $? -eq 135 ]
}
case_of "and SIGBUS for who has it mapped" mapped_fails
case_of "with a reason in the log" sh -c 'dmesg | grep -q "no host that has the file"'
say "fails"
heard again
case_of "another filler serves" cmp m/bad "$SHARE/tree/bad"
umount m && umount dev && rmmod daxfs
E

# ---- the host's side ----

sees_writes() {
	cp "$TREE/big2" "$WORK/x1" && echo more >>"$WORK/x1" &&
		cp "$TREE/sparse" "$WORK/x2" && truncate -s 12345 "$WORK/x2" &&
		cp "$TREE/d/small40" "$WORK/x3" &&
		printf XYZ | dd of="$WORK/x3" bs=1 seek=5000 conv=notrunc status=none &&
		cp "$TREE/d/small39" "$WORK/x4" && fallocate -p -o 100 -l 8000 "$WORK/x4" &&
		cmp "$WORK/x1" "$SPAWN/big2" && cmp "$WORK/x2" "$SPAWN/sparse" &&
		cmp "$WORK/x3" "$SPAWN/d/small40" && cmp "$WORK/x4" "$SPAWN/d/small39" &&
		cmp "$TREE/d/small2" "$SPAWN/new" && [ ! -e "$SPAWN/d/small1" ]
}

a_byte_of_each_sixteenth_page() {
	cmp -l "$SPAWN/big1" "$TREE/big1" |
		awk '($1 - 1) % 65536 || $2 != 132 { exit 1 } END { exit !NR }'
}

kill_filler() {
	local pid

	pid=$(pgrep -f "daxfs-fuse .*$HOST( |\$)") && kill -KILL "$pid" && umount -l "$HOST"
}

t "the guest has it mounted" guest_says g '^is mounted'
need "a spawn here" mount_region r spawn
tell both
t "the spawn compares the tree, served by the guest" diff -r "$TREE" "$SPAWN"
t "the guest has written" guest_says g '^has written'
t "that is seen here" sees_writes
t "what was stored through a mapping, too" a_byte_of_each_sixteenth_page
t "unmounted" unmount "$SPAWN"
tell read
t "the guest has the file no more" guest_says g '^has the file no more'
need "a filler here" mount_region r host "backing=$BACK"
tell serve
t "the guest is served" guest_says g '^reads'
t "its filler is killed" kill_filler
t "the guest is told" guest_says g '^fails'
need "another filler" mount_region r host "backing=$BACK"
tell again
t "the guest ends well" guest_ends g
count_cases guest g 22
t "unmounted here" unmount "$HOST"
t "the backing file is what it was" same "$(sha256sum <"$BACK")" "$sum"
t "clean" region_is_clean r
finish
