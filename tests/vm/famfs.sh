#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# famfs on a devdax device: an owner and a client in two guests with one memory.
#
# Notes: an NVDIMM of the host that the first guest makes a devdax device. The owner
# makes files through a mount and without one, the client looks while the owner is
# there, and is told by files in $SHARE when. Cache lines are flushed and
# forgotten by the instructions that the guests' processors have.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
device=nvdimm
[ "$KERNEL" != debug ] || device=virtio-pmem	# it knows no NVDIMM
shm_file pmem $((96 << 20))	# ndctl wants whole 16 MiB

cat >"$SHARE/begin.sh" <<'E'
PATH=$BUILD:$PATH
export FAMFS_SYSTEM_UUID=/tmp/system.uuid
D=/dev/dax0.0
grep -qw fuse /proc/filesystems || modprobe fuse || exit 1
mkdir /tmp/m || exit 1
t() { # NAME COMMAND...
	if "${@:2}" >/tmp/t 2>&1; then
		echo "ok $1"
	else
		echo "not ok $1"
		sed 's/^/# /' /tmp/t
	fi
}
fails() { # REGEX COMMAND...
	! "${@:2}" >/tmp/f 2>&1 && grep -Eiq -- "$1" /tmp/f
}
wait_for() { # NAME
	for i in $(seq 1200); do
		[ ! -e "/mnt/share/$1" ] || return 0
		sleep 0.1
	done
	return 1
}
E

guest owner "--$device" "$SHM/pmem" -- "$TOP/docs" <<'E'
. /mnt/share/begin.sh
ndctl create-namespace -f -e namespace0.0 -m devdax --map=mem >/dev/null
t "mkfs on a devdax device" mkfs.famfs $D
t "not twice" fails "already; -f" mkfs.famfs $D
t "mkdir" famfs mkdir -d $D dir
t "creat" famfs creat -d $D -s 3000001 -S 1 dir/one
t "strips" famfs creat -d $D -s 5M -S 2 -N 3 -C 64K dir/two
t "verify" famfs verify -d $D -m dir/one,1 -m dir/two,2
t "mount" famfs mount $D /tmp/m
t "cp -r" famfs cp -r "$1/man" /tmp/m
t "it is the same" diff -r "$1/man" /tmp/m/man
t "verify through the mount" famfs verify -m /tmp/m/dir/one,1 -m /tmp/m/dir/two,2
t "chkread" famfs chkread /tmp/m/dir/two
t "check" famfs check /tmp/m
(cd "$1/man" && sha256sum *) >/mnt/share/sums
touch /mnt/share/made
t "the client has looked" wait_for looked
t "one more" famfs creat -s 1M -S 3 /tmp/m/dir/three
t "a write" dd if="$1/design.md" of=/tmp/m/dir/one bs=4096 count=1 conv=notrunc
t "flush" famfs flush /tmp/m/dir/one
touch /mnt/share/changed
t "the client is done" wait_for done
t "fsck" famfs fsck $D
t "unmounted" umount /tmp/m
E
t "the owner comes up" guest_says owner "^ok mount"

guest client "--virtio-pmem" "$SHM/pmem" -- "$TOP/docs" <<'E'
. /mnt/share/begin.sh
t "the owner has made something" wait_for made
t "a client mounts it" famfs mount $D /tmp/m
t "the sums are right" sh -c 'cd /tmp/m/man && sha256sum --quiet -c /mnt/share/sums'
t "the files of numbers, too" famfs verify -m /tmp/m/dir/one,1 -m /tmp/m/dir/two,2
t "it cannot write" fails "Read-only" touch /tmp/m/x
t "nor append" fails "is a client" famfs mkdir -d $D x
touch /mnt/share/looked
t "the owner has changed something" wait_for changed
t "not there yet" test ! -e /tmp/m/dir/three
t "logplay" famfs logplay /tmp/m
t "there it is" famfs verify -m /tmp/m/dir/three,3
t "and what was written" cmp -n 4096 /tmp/m/dir/one "$1/design.md"
t "fsck" famfs fsck $D
touch /mnt/share/done
t "unmounted" umount /tmp/m
E
t "the client ends" guest_ends client
t "the owner ends" guest_ends owner
count_cases owner owner 19
count_cases client client 13
finish
