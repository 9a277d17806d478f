#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A kernel mount in a guest and FUSE mounts of the same region, at one time.
#
# Notes: first by turns with a FUSE server of the host (vm_pair), whose file is
# the guest's reserved memory. A tree that fsstress left is listed and summed on
# both machines. VM_LONG=1: another guest has a server of its own beside the
# kernel's mount, on a devdax device: the tests of two mounts, and rsync, take both
# as directories of one machine. The debug kernel has no NVDIMM, so not that.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
MIB=128

# All that there is, a line for each name: types, modes, owners, sizes, times,
# links, targets, sums, attributes. %b: blocks.
cat >"$SHARE/listed.sh" <<'E'
listed() { # DIR
	(
		cd "$1" || exit
		find . -printf '%p %y %m %U %G %n %s %b %i %T@ %C@ %l\n' | sort
		find . -type f -print0 | sort -z | xargs -0 sha256sum
		find . -print0 | sort -z | xargs -0 getfattr -h -d -m - 2>/dev/null
		stat -f -c '%b %c %l %s' .
	)
}
E

# Programs that take two mounts: their cases with the kernel's mount first, then
# with the other one first.
cat >"$SHARE/two.sh" <<'E'
case_of() { # NAME COMMAND...
	local name=$1
	shift
	if timeout 300 "$@" >/tmp/log 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name (status $?)"
		tail -n 12 /tmp/log | sed 's/^/# /'
	fi
}
two_mounts() { # WHICH A B
	local c
	for c in $(fuse_coherence list); do
		case_of "$1: $c" fuse_coherence "$c" "$2" "$3"
	done
	for c in $(fuse_locks list | grep -vx getlk); do # other hosts' are negative
		case_of "$1: locks: $c" fuse_locks "$c" "$2" "$3"
	done
}
E

tree_is_same() {
	# shellcheck source=/dev/null
	. "$SHARE/listed.sh"
	listed "$WORK/fuse" >"$WORK/here" && cmp "$WORK/here" "$SHARE/there" &&
		[ "$(wc -l <"$WORK/here")" -gt 100 ] && return
	diff "$WORK/here" "$SHARE/there" | head -n 20
	return 1
}

need "a region" region_with_channel r "$MIB"
need "a FUSE mount" mount_region r fuse allow_other
SWAPPED="overwrite sizes wakes attributes extended rename-over"
guest g --reserved "$SHM/r" --env "SWAPPED=$SWAPPED" --limit $((600 * SLOW)) < <(
	mounts_region
	cat <<'E'
. "$SHARE/listed.sh"
vm_pair 0 1 /dev/mem "$CHANNEL" /tmp/m
mkdir /tmp/m/swapped
vm_pair 1 1 /dev/mem $((CHANNEL + 4096)) /tmp/m/swapped $SWAPPED
late_unlock mount:/tmp/m /tmp/m && echo "patience is over"
fsstress -k -R -p 3 -n 300 -s 7 /tmp/m >/tmp/log || cat /tmp/log
cp -a "$TOP/scripts" /tmp/m/
listed /tmp/m >"$SHARE/there"
echo "there is a tree"
until [ -e "$SHARE/go" ]; do sleep 0.1; done
find /tmp/m -mindepth 1 -delete && umount /tmp/m && rmmod daxfs
E
)

# ---- both in one guest ----

LONG=
[ "$VM_LONG" = 0 ] || [ "$KERNEL" = debug ] || LONG=1
if [ -n "$LONG" ]; then
	shm_file pmem 144M
	guest d --nvdimm "$SHM/pmem" --env "MODULE=$(module)" --limit $((900 * SLOW)) <<'E'
PATH=$BUILD:$PATH
. "$SHARE/listed.sh"
. "$SHARE/two.sh"
ndctl create-namespace -f -e namespace0.0 -m devdax --map=mem >/dev/null || exit
modprobe fuse && insmod "$MODULE" && mkdir /tmp/m /tmp/f || exit
mkdaxfs -E -q -f -r /dev/dax0.0 && mount.daxfs /dev/dax0.0 /tmp/m || exit
daxfs-fuse /dev/dax0.0 /tmp/f && mkdir /tmp/m/two || exit
two_mounts "kernel and FUSE" /tmp/m/two /tmp/f/two
two_mounts "FUSE and kernel" /tmp/f/two /tmp/m/two
case_of "fsx" fsx -R -s 7 -n 1500 /tmp/m /tmp/f
case_of "fsstress" fsstress -R -s 7 -p 3 -n 300 /tmp/m /tmp/f
case_of "a tree by random" fsstress -k -R -p 3 -n 200 -s 8 /tmp/f
case_of "a copy of a tree" cp -a "$TOP/scripts" /tmp/m/
listed /tmp/m >/tmp/by-kernel
listed /tmp/f >/tmp/by-fuse
case_of "the same through both" diff /tmp/by-kernel /tmp/by-fuse
rsync -aHAXnc --delete --out-format='would change %n: %i' /tmp/m/ /tmp/f/ >/tmp/rsync 2>&1
case_of "rsync finds no difference" sh -c 'cat /tmp/rsync; test ! -s /tmp/rsync'
case_of "removed through FUSE" find /tmp/f -mindepth 1 -delete
umount /tmp/f && umount /tmp/m && rmmod daxfs && fsck.daxfs -n /dev/dax0.0
E
fi
t "the guest has it mounted" guest_says g '^is mounted'
vm_pair 1 1 "$SHM/r" $((MIB << 20)) "$WORK/fuse" >"$WORK/fuse.out" 2>&1
# shellcheck disable=SC2086 # a list
vm_pair 0 1 "$SHM/r" $(((MIB << 20) + 4096)) "$WORK/fuse/swapped" \
	$SWAPPED >"$WORK/swapped.out" 2>&1
grep -h '^# ' "$WORK/fuse.out"
t "a lock of no kernel is waited for" guest_says g '^patience is over'
t "there is a tree" guest_says g '^there is a tree'
t "its tree is the same here" tree_is_same
touch "$SHARE/go"
t "the guest ends well" guest_ends g
t "what it removed is gone here" only "$WORK/fuse" ""
t "unmounted here" unmount "$WORK/fuse"
count_cases "beside FUSE" g 29
count_cases "FUSE first" swapped 6
t "the region is clean" region_is_clean r
if [ -n "$LONG" ]; then
	t "the guest with both ends well, clean" guest_ends d
	count_cases "one guest" d 50
fi
finish
