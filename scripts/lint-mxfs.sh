#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Prove the lock manager pure by the symbols of its objects.
#
# Notes: takes the folder of the objects of mxfsd/wire and mxfsd/dlm. Allowed
# from outside are memory and mem*(): no clock, no socket, no file, no thread,
# no output. Nothing writable may be in them: all state is in what the caller
# holds. Exit 0 if so, 1 if not, 2 usage.
set -eu

dir=${1:?usage: scripts/lint-mxfs.sh FOLDER-OF-OBJECTS}
set -- "$dir"/wire/*.o "$dir"/dlm/*.o
for object in "$@"; do
	[ -e "$object" ] || {
		echo "lint-mxfs.sh: no objects in $dir: run 'make tests'" >&2
		exit 2
	}
done

passed=0
failed=0
verdict() { # NAME FINDINGS
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok     lock manager $1"
	else
		failed=$((failed + 1))
		echo "FAILED lock manager $1"
		echo "$2" | sed 's/^/  /'
	fi
}

own=$(nm --defined-only --extern-only "$@" | awk 'NF == 3 { print $3 }' | sort -u)
foreign=$(nm -A --undefined-only "$@" | awk '{ print $NF, $1 }' |
	awk -v own="$own" '
	BEGIN { n = split(own, a, "\n"); for (i = 1; i <= n; i++) has[a[i]] = 1 }
	$1 in has { next }
	$1 ~ /^(malloc|calloc|free|mem(cpy|move|set|cmp))$/ { next }
	$1 ~ /^(__popcountdi2|__cpu_model|_GLOBAL_OFFSET_TABLE_)$/ { next }	# of the compiler
	{ sub(/:$/, "", $2); print $2 " calls " $1 "()" }')
verdict "calls nothing but memory" "$foreign"

state=$(nm -A "$@" | awk '$2 ~ /^[bBdDCsSgG]$/ {
	sub(/:.*/, "", $1); print $1 ": " $3 " is state of its own" }')
verdict "keeps no state" "$state"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
