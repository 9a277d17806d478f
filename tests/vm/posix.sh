#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The suite of system calls on kernel mounts: as root, as a user, over an image.
#
# Notes: one guest is root on an empty region; another is a user there, then root
# over a directory of an image. Each has a small mount to fill and a read-only
# one beside it, in one reserved range. Long form: the same on tmpfs in a guest, whose
# result is to be the same.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
SIZE=$((512 << 20))

# In the guest: regions in pieces of the range, at OFFSET and of SIZE in MiB.
cat >"$SHARE/suite.sh" <<'E'
cd /tmp || exit 1
PATH=$BUILD:$PATH
MAY_SKIP='needs (root|Linux)'
insmod "$MODULE" || exit 1

region() { # OFFSET SIZE MKDAXFS-ARGUMENTS
	local at=$((DAXFS_PHYS + ($1 << 20))) size=$2
	shift 2
	mkdaxfs -q -p "$at" -s "${size}M" "$@" || exit 1
}

mount_at() { # OFFSET SIZE DIR [OPTIONS]
	mkdir -p "$3"
	mount -t daxfs -o "phys=$((DAXFS_PHYS + ($1 << 20))),size=${2}M${4:+,$4}" \
		none "$3" || { dmesg | tail -n 5; exit 1; }
}

# Small and read-only mounts.
others() {
	mkdir -p src/dir
	printf text >src/file
	: >src/dir/inside
	ln -s file src/sym
	region 384 24 --empty
	region 408 64 -d src
	mount_at 384 24 small
	mount_at 408 64 ro ro
	chmod 777 small
}

suite() { # DIR PREFIX...
	local dir=$1
	shift
	"$@" "$BUILD/posix_test" -m $((1 << 44)) -f /tmp/small -r /tmp/ro "$dir" \
		>/tmp/log 2>&1 || { grep -v '^ok ' /tmp/log; echo "FAILED in $dir"; }
	grep '^skip' /tmp/log | grep -Ev "$MAY_SKIP" && echo "FAILED: skipped in $dir"
	tail -n 2 /tmp/log
}

as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
end() {
	umount small ro m && rmmod daxfs || echo "FAILED to unload"
}
E

needs_module() {
	[ -e "$(module)" ] || { echo "no $(module): run make guest-modules"; return 1; }
}

all_passed() { # NAME RUNS
	local f=$WORK/$1.out

	grep -E 'FAILED|not ok' "$f" && return 1
	same "$(grep -Ec '^[0-9]+ passed, 0 failed, [0-9]+ skipped$' "$f")" "$2"
}

asserted() { # NAME NUMBER
	local nr
	nr=$(sed -n 's/^\([0-9]*\) assertions,.*/\1/p' "$WORK/$1.out" | sort -n | tail -n 1)
	[ "${nr:-0}" -ge "$2" ]
}

need "a module for $KERNEL" needs_module
shm_file root "$SIZE"
shm_file user "$SIZE"
guest root --reserved "$SHM/root" --limit $((500 * SLOW)) --env MODULE="$(module)" <<'E'
. /mnt/share/suite.sh
others
region 0 384 --empty
mount_at 0 384 m
suite /tmp/m
end
E
guest user --reserved "$SHM/user" --limit $((500 * SLOW)) --env MODULE="$(module)" \
	-- "$VM_LONG" <<'E'
. /mnt/share/suite.sh
others
mkdir -p image/dir
echo base >image/dir/file
chmod 777 image/dir
region 0 384 -d image -O 300M
mount_at 0 384 m
mkdir -m 777 m/user
suite /tmp/m/user "${as_nobody[@]}"
[ "$1" -eq 0 ] || suite /tmp/m/dir
[ "$(cat m/dir/file)" = base ] || echo "FAILED: the image has changed"
end
E
t "as root" guest_ends root
t "every case" all_passed root 1
t "at least 1500 assertions" asserted root 1500
t "as a user, over an image" guest_ends user
t "every case" all_passed user $((VM_LONG ? 2 : 1))
if [ "$VM_LONG" -gt 0 ]; then
	guest tmpfs --limit $((500 * SLOW)) <<'E'
cd /tmp
mkdir m small ro
mount -t tmpfs -o size=256m none m
mount -t tmpfs -o size=8m,nr_inodes=2000 none small
mount -t tmpfs -o size=8m none ro
mkdir -p ro/dir; printf text >ro/file; : >ro/dir/inside; ln -s file ro/sym
mount -o remount,ro ro
"$BUILD/posix_test" -f /tmp/small -r /tmp/ro /tmp/m >/tmp/log 2>&1 ||
	{ grep -v '^ok ' /tmp/log; echo "FAILED on tmpfs"; }
tail -n 2 /tmp/log
E
	t "on tmpfs in such a guest" guest_ends tmpfs
	t "every case there, too" all_passed tmpfs 1
fi
finish
