#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hold every source file to the rules of the house that a script can hold.
#
# Notes: each finding is "FILE:LINE: what"; lint.awk looks, this counts by
# rule. Prints one line per rule and "N passed, N failed, N skipped" at the
# end. Exit 0: nothing found; 1: something found. -v shows the notes too.
set -eu
cd "$(dirname "$0")/.."

rules="spdx columns blanks functions ifdef raw resolver core-includes core-words paths"
verbose=
[ "${1:-}" = -v ] && verbose=1

out=$(mktemp "${TMPDIR:-/tmp}/daxfs-lint.XXXXXX")
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM

find . \( -path ./.git -o -path ./build \) -prune -o -type f \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.awk' -o -name '*.pml' \
	-o -name '*.map' -o -name '*.in' -o -name '*.inc' -o -name '*.[1-8]' \
	-o -name '*.md' -o -name Makefile -o -path ./.ci/run \) -print |
	sort | xargs awk -f scripts/lint.awk >"$out"

if [ -n "$verbose" ]; then
	sed -n 's/^note\t\.\//note: /p' "$out"
fi

passed=0
failed=0
for rule in $rules; do
	n=$(grep -c "^$rule	" "$out" || true)
	if [ "$n" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok     lint $rule"
	else
		failed=$((failed + 1))
		echo "FAILED lint $rule ($n)"
		sed -n "s/^$rule	\.\//  /p" "$out"
	fi
done
long=$(grep -c '^note	' "$out" || true)
[ "$long" -eq 0 ] ||
	echo "note: $long functions of more than 50 lines (scripts/lint.sh -v lists them)"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
