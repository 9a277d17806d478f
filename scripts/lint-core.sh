#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Prove the core freestanding by the symbols of its objects.
#
# Notes: takes the folder of the core's objects, compiled -ffreestanding.
# Allowed from outside: the port (whose port/persist.h calls raw_ and persist_
# functions inline), and mem*() as a C compiler or a kernel has them. Nothing
# writable may be in them: the core keeps no state. Exit 0 if so, 1 if not, 2
# usage.
set -eu

dir=${1:?usage: scripts/lint-core.sh FOLDER-OF-OBJECTS}
set -- "$dir"/*.o
if [ ! -e "$1" ]; then
	echo "lint-core.sh: no objects in $dir: run 'make freestanding'" >&2
	exit 2
fi

passed=0
failed=0
verdict() { # NAME FINDINGS
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok     core $1"
	else
		failed=$((failed + 1))
		echo "FAILED core $1"
		echo "$2" | sed 's/^/  /'
	fi
}

own=$(nm --defined-only --extern-only "$@" | awk 'NF == 3 { print $3 }' | sort -u)
foreign=$(nm -A --undefined-only "$@" | awk '{ print $NF, $1 }' |
	awk -v own="$own" '
	BEGIN { n = split(own, a, "\n"); for (i = 1; i <= n; i++) has[a[i]] = 1 }
	$1 in has || $1 ~ /^(port|raw|persist)_/ { next }
	$1 ~ /^mem(cpy|move|set|cmp|chr)$/ { next }
	{ sub(/.*\//, "", $2); sub(/\.o:.*/, ".c", $2)
	  print "core/" $2 ": calls " $1 "(): not of the core or the port" }')
verdict "calls nothing but the port" "$foreign"

state=$(nm -A "$@" | awk '$2 ~ /^[bBdDCsSgG]$/ {
	sub(/.*\//, "", $1); sub(/\.o:.*/, ".c", $1)
	print "core/" $1 ": " $3 " is state outside the caller'\''s structures" }')
verdict "keeps no state" "$state"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
