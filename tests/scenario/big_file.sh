#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A file of 16 TiB minus one byte through FUSE, in a region of 64 MiB.
#
# Notes: the file is a hole but for a few bytes. 16 TiB is the limit.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

F=$WORK/m/big
END=$(((1 << 44) - 1))	# its size

put() { # OFFSET TEXT
	printf '%s' "$2" | dd of="$F" bs=1M seek="$1" oflag=seek_bytes \
		conv=notrunc status=none
}

got() { # OFFSET LENGTH
	dd if="$F" bs=1M skip="$1" count="$2" status=none \
		iflag=skip_bytes,count_bytes
}

write_the_end() {
	put $((END - 3)) end && same "$(stat -c %s "$F")" "$END" &&
		same "$(got $((END - 3)) 100)" end
}

write_the_middle() {
	put $((1 << 43)) middle && same "$(got $((1 << 43)) 6)" middle &&
		same "$(got $(((1 << 43) - 4)) 4 | od -An -tx1)" " 00 00 00 00" &&
		same "$(stat -c %s "$F")" "$END"
}

beyond_the_limit() {
	put "$END" l && same "$(stat -c %s "$F")" $((END + 1)) &&
		refuses 1 'too large' truncate -s $((END + 2)) "$F" &&
		same "$(stat -c %s "$F")" $((END + 1)) &&
		! put $((END + 1)) x 2>"$WORK/.err" &&
		grep -q 'File too large' "$WORK/.err" &&
		same "$(stat -c %s "$F")" $((END + 1))
}

takes_little() {
	local kib

	kib=$(du -k "$F" | cut -f 1)
	echo "$kib KiB"
	[ "$kib" -le 1024 ]
}

cut_and_regrow() {
	truncate -s 1G "$F" && truncate -s "$END" "$F" &&
		same "$(got $((END - 3)) 3 | od -An -tx1)" " 00 00 00" &&
		rm "$F"
}

need "a region" empty_region r 64M
need "a mount" mount_region r m
t "16 TiB minus one byte: written at its end and read back" write_the_end
t "written in the middle" write_the_middle
t "the limit is 16 TiB" beyond_the_limit
t "holes take no memory" takes_little
t "cut, grown again, removed" cut_and_regrow
t "unmount" unmount "$WORK/m"
t "the region is clean" clean_region r
finish
