#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A kernel mount in a guest and FUSE mounts of the same region, at one time.
#
# Notes: first by turns with a FUSE server of the host (vm_pair), whose file is
# the guest's reserved memory. A tree that fsstress left is listed and summed on
# both machines. Then a server in the guest, beside the kernel's mount: the
# tests of two mounts and rsync, which take both as directories of one machine.
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
		stat -f -c '%b %c %l %s %t' .
	)
}
E

# Cases of programs that take two mounts, and how their words are counted.
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
	for c in $(fuse_locks list); do
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
guest g --reserved "$SHM/r" --limit $((600 * SLOW)) < <(
	mounts_region
	cat <<'E'
. "$SHARE/listed.sh"
. "$SHARE/two.sh"
vm_pair 0 1 /dev/mem "$CHANNEL" /tmp/m
vm_pair 1 1 /dev/mem $((CHANNEL + 4096)) /tmp/m overwrite sizes wakes attributes extended
case_of "a tree by random" fsstress -k -R -p 3 -n 300 -s 7 /tmp/m
cp -a "$TOP/scripts" /tmp/m/
listed /tmp/m >"$SHARE/there"
echo "there is a tree"
until [ -e "$SHARE/go" ]; do sleep 0.1; done
modprobe fuse
mkdir /tmp/f && daxfs-fuse "phys:$DAXFS_PHYS:$((DAXFS_SIZE - (16 << 20)))" /tmp/f || exit
diff <(listed /tmp/m) <(listed /tmp/f) && echo "ok the same through both"
rsync -aHAXnc --delete --out-format='rsync would change %n: %i' /tmp/m/ /tmp/f/ \
	>/tmp/log 2>&1 || echo "rsync failed" >>/tmp/log
if [ -s /tmp/log ]; then cat /tmp/log; else echo "ok rsync finds no difference"; fi
mkdir /tmp/m/two
two_mounts "kernel and FUSE" /tmp/m/two /tmp/f/two
two_mounts "FUSE and kernel" /tmp/f/two /tmp/m/two
case_of "fsx" fsx -R -s 7 -n 1500 /tmp/m /tmp/f
case_of "fsstress" fsstress -R -s 7 -n 300 /tmp/m /tmp/f
case_of "removed through FUSE" find /tmp/f -mindepth 1 -delete
umount /tmp/f && umount /tmp/m && rmmod daxfs
E
)
t "the guest has it mounted" guest_says g '^is mounted' 120
vm_pair 1 1 "$SHM/r" $((MIB << 20)) "$WORK/fuse" >"$WORK/fuse.out" 2>&1
vm_pair 0 1 "$SHM/r" $(((MIB << 20) + 4096)) "$WORK/fuse" \
	overwrite sizes wakes attributes extended >"$WORK/swapped.out" 2>&1
grep -h '^# ' "$WORK/fuse.out"
t "there is a tree" guest_says g '^there is a tree' 300
t "its tree is the same here" tree_is_same
t "unmounted here" unmount "$WORK/fuse"
touch "$SHARE/go"
t "the guest ends well" guest_ends g
count_cases "beside FUSE" g 60
count_cases "FUSE first" swapped 5
t "the region is clean" region_is_clean r
finish
