#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Each ordered access of the core names its partner by a tag, as [PUB].
#
# Notes: an ordered access is an acquire load, a release store or a fence: they
# are written for the sake of a partner. A CAS is ordered in any case, so one
# without a tag is only counted. The tag stands on the line of the access, on
# the line below, or in the eight lines above. Each tag has at least two sites
# and is defined in docs/memory-ordering.md; what is defined there is used. A
# tag may wait for its other side if that file says "its other side comes with".
# Exit 0 if so, else 1. -v lists the CASes without a tag.
set -eu
cd "$(dirname "$0")/.."

doc=docs/memory-ordering.md
if [ ! -e "$doc" ]; then
	echo "$doc:1: is missing: it defines the tags" >&2
	exit 1
fi
out=$(mktemp "${TMPDIR:-/tmp}/daxfs-lint.XXXXXX")
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM

awk '
function tags_of(line,    t) {
	while (match(line, /\[[A-Z][A-Z][A-Z]\]/)) {
		t = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (FILENAME == doc) {
			if (line ~ /its other side comes with/) waits[t] = 1
			if (!(t in defined)) defined[t] = FILENAME ":" FNR
		} else {
			uses[t]++
			if (!(t in first)) first[t] = FILENAME ":" FNR
			last_tag = FNR
		}
	}
}
function settle() {
	if (pending && last_tag < pending - 8)
		print pending_kind "\t" where ": an ordered access without a tag"
	pending = 0
}
FNR == 1 { settle(); last_tag = -99 }
{
	tags_of($0)
	if (pending && FNR > pending)
		settle()
}
FILENAME != doc && \
/(a64_((load_acquire|store_release)(_volatile)?|cas|or|and)|_fence(_after_rmw|_before_rmw)?)\(/ {
	pending = FNR
	pending_kind = /a64_(cas|or|and)\(/ ? "cas" : "untagged"
	where = FILENAME ":" FNR
}
END {
	settle()
	for (t in uses) {
		if (!(t in defined))
			print "undefined\t" first[t] ": " t " is not defined in " doc
		if (uses[t] < 2 && !(t in waits))
			print "lonely\t" first[t] ": " t " has one side only"
	}
	for (t in defined)
		if (!(t in uses))
			print "unused\t" defined[t] ": " t " is used nowhere in core/"
}' doc="$doc" "$doc" core/*.[ch] | sort >"$out"

passed=0
failed=0
for rule in untagged undefined lonely unused; do
	if grep -q "^$rule	" "$out"; then
		failed=$((failed + 1))
		echo "FAILED atomics $rule ($(grep -c "^$rule	" "$out"))"
		sed -n "s/^$rule	/  /p" "$out"
	else
		passed=$((passed + 1))
		echo "ok     atomics $rule"
	fi
done
n=$(grep -c '^cas	' "$out" || true)
[ "$n" -eq 0 ] || echo "note: $n compare-and-swaps without a tag"
[ "${1:-}" != -v ] || sed -n 's/^cas	/  /p' "$out"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
