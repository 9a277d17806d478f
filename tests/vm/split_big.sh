#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A tree of more than 2 GiB through a cache of 256 MiB, by six hosts at one time.
#
# Notes: two kernels in guests, two FUSE mounts and libdaxfs twice, of each one with the
# backing file and one without, compare all of it with the source. Then nothing of it
# may be pinned or on its way, and the region clean. How much of the backing file was
# read, and how many pages were evicted, is printed.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
TREE=$SHARE/tree
BACK=$SHARE/back

random() { # SEED BYTES: the same for the same seed
	openssl enc -aes-128-ctr -K "$(printf %032x "$1")" -iv 0 -in /dev/zero 2>/dev/null |
		head -c "$2"
}

make_tree() {
	local i

	mkdir -p "$TREE/large" "$TREE/middle" "$TREE/small" || return
	for i in 1 2 3; do
		random "$i" $((i * 310000000 + i)) >"$TREE/large/$i" || return
	done
	for i in $(seq 40); do
		random $((100 + i)) $((i * 400000 + i)) >"$TREE/middle/$i" || return
	done
	for i in $(seq 500); do
		random $((1000 + i)) $((i * 97)) >"$TREE/small/$i" || return
	done
	[ "$(du -sb "$TREE" | cut -f 1)" -ge $((2 << 30)) ]
}

make_region() {
	mkdaxfs -q -d "$TREE" -r "$SHM/r" -s 512M -o "$BACK" -C 65536 --prewarm none
}

pcache() { # KEY
	daxfs-inspect pcache --json -r "$SHM/r" | json_get "/$1"
}

kernel_compares() { # NAME [OPTIONS]
	guest "$1" --reserved "$SHM/r" --limit 3000 --env MODULE="$(module)" \
		--env "OPTIONS=${2:-}" <<'E'
echo "$GUEST" >/proc/sys/kernel/hostname
insmod "$MODULE" && mkdir /tmp/m || exit
PATH=$BUILD:$PATH
mount.daxfs -o "phys=$DAXFS_PHYS,size=$DAXFS_SIZE${OPTIONS:+,$OPTIONS}" none /tmp/m || exit
echo "is mounted"
diff -r "$SHARE/tree" /tmp/m && echo "the same"
umount /tmp/m && rmmod daxfs
E
}

by_library() { # [OPTIONS]
	local f

	for f in large/1 large/2 middle/40 middle/39 small/500; do
		daxfs-inspect cat -r "$SHM/r" "$@" "$f" | cmp - "$TREE/$f" || return
	done
}

need "a tree of 2 GiB" make_tree
need "region and backing file" make_region
sum=$(sha256sum <"$BACK")
kernel_compares with "backing=/mnt/share/back"
need "a kernel with the file" guest_says with '^is mounted'
kernel_compares without
need "a FUSE mount with it" mount_region r host "backing=$BACK"
need "one without" mount_region r spawn
need "a kernel without" guest_says without '^is mounted'

beside() { # NAME COMMAND...
	local name=$1
	shift
	"$@" >"$WORK/$name.log" 2>&1 &
	BESIDE[$name]=$!
}
declare -A BESIDE
ends() { # NAME
	wait "${BESIDE[$1]}" || { head -n 20 "$WORK/$1.log"; return 1; }
}

begun=$SECONDS
beside host diff -r "$TREE" "$WORK/host"
beside spawn diff -r "$TREE" "$WORK/spawn"
beside library by_library -b "$BACK"
t "a FUSE mount with the file" ends host
t "one without" ends spawn
t "libdaxfs" ends library
for g in with without; do
	t "the kernel $g the file ends" guest_ends $g
	t "it found the same" says $g "the same"
done
echo "# six at once: $((SECONDS - begun)) s; $(pcache backing_bytes_read) bytes read for" \
	"a tree of $(du -sb "$TREE" | cut -f 1), $(pcache evictions) pages evicted"
t "pages were evicted" test "$(pcache evictions)" -gt 65536
t "none is pinned" same "$(pcache pinned)" 0
t "none is on its way" same "$(pcache pending)" 0
t "unmounted" eval 'unmount "$WORK/host" && unmount "$WORK/spawn"'
t "the backing file is what it was" same "$(sha256sum <"$BACK")" "$sum"
t "clean" region_is_clean r
finish
