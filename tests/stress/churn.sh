#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Files come and go in 64 MiB, at most a hundred at a time: nothing is used up.
#
# Notes: half a million operations by one host and by two; with STRESS_LONG=1
# or STRESS_SECONDS ten million. See stress_churn.c.
set -u
: "${BUILD:?names the folder with the programs}"
nr=500000
[ -z "${STRESS_LONG:-}${STRESS_SECONDS:-}" ] || nr=10000000
status=0
passed=0
failed=0
for hosts in 1 2; do
	out=$("$BUILD/stress_churn" -o "$nr" -n "$hosts") || status=1
	echo "$out" | grep -v ' skipped$'
	passed=$((passed + $(echo "$out" | grep -c '^ok ')))
	failed=$((failed + $(echo "$out" | grep -c '^not ok ')))
done
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed, 0 skipped"
exit "$status"
