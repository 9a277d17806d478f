#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The tools and the library on damaged region files: they end by themselves.
#
# Notes: $BUILD is a sanitizer's build; $BUILD/fuzz/fuzz_region makes the files, from
# seeds FIRST on (FUZZ_SEED, default 1), FILES of them (FUZZ_FILES, default 40). Each
# third is cut short as well. What a program says of them is not looked at: only that
# its exit status is one of its own, not that of a sanitizer, a signal or a time limit.
# A file that is truncated under a running library or server: tests/unit/test_lib.c,
# tests/fuse/lifecycle.sh.
set -u
: "${BUILD:?names the folder with the programs}"
BUILD=$(cd "$BUILD" && pwd) || exit 2
PATH=$BUILD:$PATH
LC_ALL=C
export LC_ALL

first=${FUZZ_SEED:-1}
files=${FUZZ_FILES:-40}
passed=0
failed=0
top=$(mktemp -d /dev/shm/daxfs-damaged.XXXXXX) || exit 1
trap 'rm -rf "$top"' EXIT
trap 'exit 130' INT TERM

ends() { # MOST COMMAND...
	local most=$1 rc
	shift
	timeout 120 "$@" >"$top/out" 2>&1 </dev/null
	rc=$?
	if [ "$rc" -le "$most" ] && ! grep -q 'runtime error' "$top/out"; then
		passed=$((passed + 1))
		return
	fi
	echo "not ok seed $seed: $* ends with $rc"
	sed 's/^/  # /' "$top/out" | head -n 30
	failed=$((failed + 1))
}

for ((seed = first; seed < first + files; seed++)); do
	r=$top/r
	"$BUILD/fuzz/fuzz_region" --image "$r" --seed "$seed" || exit 1
	if [ $((seed % 3)) -eq 0 ]; then
		size=$(stat -c %s "$r")
		truncate -s $((size * (seed % 7) / 7 + seed % 4096)) "$r"
	fi
	ends 15 fsck.daxfs -n "$r"
	ends 2 daxfs-inspect status -r "$r"
	ends 2 daxfs-inspect overlay -j -r "$r"
	ends 2 daxfs-inspect hosts -r "$r"
	ends 2 daxfs-inspect ls -R -l -r "$r"
	ends 1 lib_walk -r "$r"
	ends 1 lib_walk "$r"
	ends 15 fsck.daxfs -y "$r"
	ends 15 fsck.daxfs -n --json "$r"
	rm -f "$r"
done

echo "$files files"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
