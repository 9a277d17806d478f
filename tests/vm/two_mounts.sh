#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One XFS mounted twice loses what was fsynced, though one operation runs at a time.
#
# Notes: a negative test: what docs/mxfs.md says must not be done is done, in a
# guest, on an image of its own, and must fail. Two loop devices over one image
# are two mounts, with caches and a log position each. One writes files to its own
# directory, then the other one to its own, each file with fsync; the second
# unmounts, the first dies (its image is copied as it is). The same with a second
# mount that begins after the death of the first must lose nothing. What XFS says of the
# damage is no complaint.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
for program in mkfs.xfs losetup cmp; do
	command -v "$program" >/dev/null || give_up "$program is missing"
done
DAMAGE='XFS|Call Trace|WARNING: CPU|cut here'

guest turns --limit 240 --allow "$DAMAGE" -- 10 <<'E'
set -u
modprobe loop
modprobe xfs || exit 3
cd /tmp && mkdir A B C

# A file whose content says whose and which it is.
content() { # NODE NR
	yes "node $1, file $2" | head -c 16384
}

# Acknowledged: fsync has succeeded.
write() { # NODE
	local i

	for i in $(seq "$files"); do
		content "$1" "$i" | dd of="$1/of-$1/f$i" bs=16k conv=fsync iflag=fullblock \
			status=none && acknowledged="$acknowledged $1/$i"
	done
}

attach() { # IMAGE MOUNTPOINT
	mount -t xfs -o nouuid "$(losetup --show -f "$1")" "$2"
}

begin() { # IMAGE
	truncate -s 320M "$1"
	mkfs.xfs -q -f "$1" && attach "$1" A && mkdir A/of-A A/of-B && umount A || exit 4
	acknowledged=
}

# By a mount of its own, as at the next start of the machine.
look() { # IMAGE LABEL
	local ok=0 bad=0 f

	if attach "$1" C; then
		for f in $acknowledged; do
			if content "${f%/*}" "${f#*/}" | cmp -s - "C/of-${f%/*}/f${f#*/}"; then
				ok=$((ok + 1))
			else
				bad=$((bad + 1))
			fi
		done
		umount C
	else
		bad=$(wc -w <<<"$acknowledged")
	fi
	echo "$2: $(wc -w <<<"$acknowledged") acknowledged, $ok there, $bad not"
}

files=$1
begin one
attach one A || exit 5
write A
cp --sparse=always one after	# A dies
attach after B || exit 6
write B
umount B
look after "one after the other"
umount A
rm one after

begin one
attach one A && attach one B || exit 7
write A
write B
umount B
cp --sparse=always one after	# A dies
look after "both at a time"
exit 0
E

lost_some() {
	grep -E '^both at a time: [0-9]+ acknowledged, [0-9]+ there, [1-9][0-9]* not$' \
		"$WORK/turns.out"
}

need "a guest writes to one image in two ways" guest_ends turns 0
t "one mount after the other: all is there" \
	says turns "one after the other: 20 acknowledged, 20 there, 0 not"
t "both at a time: some of it is not" lost_some
sed -n 's/^both at a time:/# &/p' "$WORK/turns.out"
finish
