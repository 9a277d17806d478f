#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every handmade bad image, before fsck.daxfs and daxfs-inspect.
#
# Notes: needs $BUILD with make_bad_images, which knows what is wrong with each.
# fsck.daxfs must say it; daxfs-inspect must end by itself, whatever it says.
set -u
: "${BUILD:?names the folder with the programs}"
PATH=$BUILD:$PATH
LC_ALL=C
export LC_ALL

passed=0
failed=0
top=$(mktemp -d "${TMPDIR:-/tmp}/test-bad.XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
trap 'exit 130' INT TERM

bad() { # NAME WHY
	echo "not ok $1: $2"
	sed 's/^/  # /' "$top/out" | head -n 20
	failed=$((failed + 1))
}

fsck_says() { # NAME STATUS TEXT
	local rc
	timeout 60 fsck.daxfs -n "$top/$1.img" >"$top/out" 2>&1
	rc=$?
	if [ $rc -ne "$2" ]; then
		bad "$1" "fsck ends with $rc, not $2"
	elif ! grep -qF -- "$3" "$top/out"; then
		bad "$1" "fsck does not say '$3'"
	else
		passed=$((passed + 1))
	fi
}

inspect_ends() { # NAME COMMAND...
	local rc name=$1
	shift
	timeout 60 daxfs-inspect "$@" -r "$top/$name.img" >"$top/out" 2>&1
	rc=$?
	if [ $rc -gt 2 ]; then
		bad "$name" "daxfs-inspect $1 ends with $rc"
	else
		passed=$((passed + 1))
	fi
}

make_bad_images "$top" >"$top/list" || exit 1
while read -r name errno says; do
	case $name,$errno in
	good,*) fsck_says "$name" 0 "" ;;
	*,0 | *,61 | *,117) fsck_says "$name" 4 "$says" ;; # damaged
	*) fsck_says "$name" 8 "$says" ;;	# another version, or no region
	esac
	inspect_ends "$name" status
	inspect_ends "$name" ls -R -l
done <"$top/list"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
