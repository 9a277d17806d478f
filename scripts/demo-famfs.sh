#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# famfs for real: an owner makes files on shared memory, two clients check them.
#
# Notes: three hosts are three system uuids on one machine; the shared memory is a
# sparse file in /dev/shm. Each has a mount of its own. Leaves no mount, process or
# file behind unless KEEP=1. Needs no root. Exit: 0 all held, 1 something did not,
# 130 interrupted.
#
# usage: scripts/demo-famfs.sh
set -u

here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
BUILD=${BUILD:-$here/build}
PATH=$BUILD:$PATH
failed=0
top=
shm=

say() { printf '\n%s\n' "$*"; }
show() { # COMMAND...: what is run, and run it
	printf '  $ %s\n' "$*"
	"$@"
}
check() { # WHAT COMMAND...
	if "${@:2}" >/dev/null 2>&1; then
		printf '  ok      %s\n' "$1"
	else
		printf '  FAILED  %s\n' "$1"
		failed=$((failed + 1))
	fi
}

unmount() {
	mountpoint -q "$1" || return 0
	fusermount3 -u "$1" 2>/dev/null || umount "$1" 2>/dev/null ||
		fusermount3 -uz "$1" 2>/dev/null || umount -l "$1"
}

cleanup() {
	local status=$?

	trap '' INT TERM HUP
	cd /
	[ -n "$top" ] || exit "$status"
	if [ -n "${KEEP:-}" ] && [ "$status" -eq 0 ]; then
		say "kept (KEEP is set): device $device, mounted at $top/{owner,one,two}"
		echo "  commands of the owner: export FAMFS_SYSTEM_UUID=$top/owner.uuid"
		exit 0
	fi
	for m in owner one two; do unmount "$top/$m"; done
	rm -rf --one-file-system "$shm"
	# The servers remove their shadow trees before they end.
	for _ in $(seq 100); do
		[ -n "$(ls -A "$top/tmp" 2>/dev/null)" ] || break
		sleep 0.05
	done
	rm -rf --one-file-system "$top"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

top=$(mktemp -d "${TMPDIR:-/tmp}/demo-famfs.XXXXXX") || exit 1
shm=$(mktemp -d /dev/shm/demo-famfs.XXXXXX) || exit 1
device=$shm/memory
mkdir "$top"/{owner,one,two,tmp}
export TMPDIR=$top/tmp

as() { # HOST COMMAND...
	FAMFS_SYSTEM_UUID=$top/$1.uuid "${@:2}"
}

sums() { # DIR
	(cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2)
}

same() { # DIR1 DIR2
	[ "$(sums "$1")" = "$(sums "$2")" ]
}

# ---- the owner ----

say "1. Memory of 4 GiB (a file with holes stands for /dev/dax0.0), and an owner."
truncate -s 4G "$device"
as owner show mkfs.famfs "$device" || exit 1
as owner show famfs mount "$device" "$top/owner" || exit 1

say "2. He copies real files, and makes one that lies on four parts of the memory by turns."
as owner show famfs mkdir "$top/owner/data" || exit 1
as owner show famfs cp -r "$here/docs" "$top/owner/data" || exit 1
as owner show famfs creat -s 100M -r -S 42 -N 4 "$top/owner/data/numbers" || exit 1
check "the copies are the originals" diff -r "$here/docs" "$top/owner/data/docs"

# ---- clients ----

say "3. Two other hosts mount the same memory: they replay the log."
for host in one two; do
	as "$host" show famfs mount "$device" "$top/$host" || exit 1
	check "$host sees every file with the right checksum" same "$top/owner" "$top/$host"
	check "$host verifies the 100 MiB of numbers" \
		as "$host" famfs verify -S 42 -f "$top/$host/data/numbers"
	check "$host cannot write" bash -c "! touch '$top/$host/data/numbers'"
	check "$host cannot make files" bash -c "! FAMFS_SYSTEM_UUID='$top/$host.uuid' \
		famfs creat -s 1M '$top/$host/mine'"
done

# ---- live ----

say "4. The owner makes one more; it is there as soon as a client plays the log."
as owner show famfs creat -s 10M -S 43 "$top/owner/data/more" || exit 1
check "it is not there yet" test ! -e "$top/one/data/more"
as one show famfs logplay "$top/one" || exit 1
check "now it is, and right" as one famfs verify -S 43 -f "$top/one/data/more"

say "5. What the memory holds."
as one show famfs fsck "$device" || failed=$((failed + 1))
say "$(if [ "$failed" -eq 0 ]; then echo "All held."; else echo "$failed FAILED"; fi)"
[ "$failed" -eq 0 ]
exit
