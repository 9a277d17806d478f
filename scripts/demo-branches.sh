#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Five attempts at one failing test, each in a branch; the first that passes is kept.
#
# Notes: makes a small C project whose test fails, a region for branches from it, and
# runs five changes of it at the same time, each by `daxfs-branch exec`. Two of them are
# right. docs/branches.md goes through it step by step. Leaves no mount, process or
# file behind unless KEEP=1. Needs no root, but a C compiler.
# Exit: 0 all held, 1 something did not, 2 usage, 130 interrupted.
#
# usage: scripts/demo-branches.sh
set -u

here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=scripts/demo-lib.sh
. "$here/scripts/demo-lib.sh"

check() { # WHAT COMMAND...
	local what=$1
	shift

	if "$@"; then ok "$what"; else bad "$what"; fi
}

cleanup() {
	local status=$?

	trap '' INT TERM HUP
	cd /
	[ -n "$top" ] || exit "$status"
	if [ -n "${KEEP:-}" ] && [ "$status" -eq 0 ]; then
		say "kept (KEEP is set): region $region, main mounted at $main"
		echo "  to end it: fusermount3 -u $main; rm -rf $top $shm"
		exit 0
	fi
	# shellcheck disable=SC2046 # numbers
	[ -z "$(jobs -rp)" ] || { kill $(jobs -rp) 2>/dev/null; wait; }
	if mountpoint -q "$main"; then
		fusermount3 -u "$main" 2>/dev/null || fusermount3 -uz "$main"
	fi
	rm -rf --one-file-system "$top" "$shm"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- a project ----

project() { # DIR
	mkdir -p "$1" && cd "$1" || return 1
	cat >median.c <<'END'
#include "median.h"

static void sort(int *v, int n)
{
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && v[k - 1] > v[k]; k--) {
			int t = v[k];

			v[k] = v[k - 1];
			v[k - 1] = t;
		}
}

/* Of an even number of values: the mean of the two in the middle. */
double median(int *v, int n)
{
	sort(v, n);
	return v[n / 2];
}
END
	cat >median.h <<'END'
double median(int *v, int n);
END
	cat >test.c <<'END'
#include <stdio.h>
#include "median.h"

static int failed;

static void is(double have, double want)
{
	if (have == want)
		return;
	printf("median is %g instead of %g\n", have, want);
	failed = 1;
}

int main(void)
{
	int one[] = { 7 }, odd[] = { 9, 1, 5 }, even[] = { 4, 1, 2, 9 };

	is(median(one, 1), 7);
	is(median(odd, 3), 5);
	is(median(even, 4), 3);
	return failed;
}
END
	cat >Makefile <<'END'
CFLAGS = -O2 -Wall -Werror

check: median-test
	./median-test

median-test: test.o median.o
	$(CC) -o $@ $^

test.o median.o: median.h
END
	cd - >/dev/null || return 1
}

# What each of the five does to the line that is wrong, and how long it thinks. None
# begins before all have their branch.
line='return v\[n / 2\];'
change=(
	'' 	# they are numbered from 1
	'return v[(n + 1) / 2];'
	'return (v[(n - 1) / 2] + v[n / 2]) / 2.0;'
	'return (v[n / 2 - 1] + v[n / 2]) / 2.0;'
	'return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2.0;'
	'return (v[(n - 1) / 2] + v[n / 2]) / two;'
)
think=(0 0 0.6 0.2 1.2 0.1)

attempt() { # NUMBER
	local log=$top/attempt-$1.log rc

	TMPDIR=$top daxfs-branch exec --name "attempt-$1" -p main --from "$main" \
		--commit-on-success -- sh -c "
		while [ ! -e '$top/go' ]; do sleep 0.02; done
		sleep ${think[$1]}
		sed -i 's|$line|${change[$1]}|' median.c && make -s check" \
		>"$log" 2>&1
	rc=$?
	echo "$rc" >"$top/attempt-$1.rc"
	case $rc in
	0) printf '  attempt %s: passed, and was committed\n' "$1" ;;
	1) printf '  attempt %s: failed: %s\n' "$1" "$(grep -m 1 -E 'median is|error:' "$log")" ;;
	3) printf '  attempt %s: lost, another one was committed first\n' "$1" ;;
	*) printf '  attempt %s: exit status %s\n' "$1" "$rc" ;;
	esac
}

exit_of() { cat "$top/attempt-$1.rc"; }
branches() { daxfs-inspect branches -r "$region" --json | grep -c '"name"'; }

# ---- the demo ----

[ $# -eq 0 ] || { echo "usage: scripts/demo-branches.sh" >&2; exit 2; }
for tool in mkdaxfs daxfs-fuse daxfs-branch daxfs-inspect; do
	[ -x "$BUILD/$tool" ] || die "$BUILD/$tool is not built: run 'make'"
done
command -v cc >/dev/null || die "no C compiler: install gcc"
{ [ -r /dev/fuse ] && [ -w /dev/fuse ]; } || die "/dev/fuse is not open to you:" \
	"as root, chmod 666 /dev/fuse (as Debian has it), or run this as root"

top=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-demo.XXXXXX") || die "no temporary folder"
shm=$(mktemp -d /dev/shm/daxfs-demo.XXXXXX 2>/dev/null) ||
	shm=$(mktemp -d "$top/region.XXXXXX")
main=$top/main
region=$shm/region
mkdir "$main"

say "1. A project whose test fails"
project "$top/project" || die "cannot write in $top"
if make -s -C "$top/project" check >"$top/log" 2>&1; then
	bad "its test should fail"
else
	ok "make check: $(grep -m 1 median "$top/log")"
fi
rm -f "$top"/project/*.o "$top"/project/median-test

say "2. A region for branches, and main, which is read-only"
echo "  \$ mkdaxfs -b -d project -r $region -s 64M"
mkdaxfs -q -b -d "$top/project" -r "$region" -s 64M || die "mkdaxfs failed"
echo "  \$ daxfs-fuse $region $main"
daxfs-fuse "$region" "$main" || die "daxfs-fuse did not mount $main"
check "main cannot be written to" bash -c "! touch '$main/x' 2>/dev/null"

say "3. Five attempts at the same time, each in a branch of its own"
echo "  \$ daxfs-branch exec -p main --from $main --commit-on-success -- \\"
echo "        sh -c 'sed -i s/this/that/ median.c && make check'"
for i in 1 2 3 4 5; do
	attempt $i &
done
for ((tries = 0; tries < 600 && $(branches) < 5; tries++)); do
	sleep 0.05
done
daxfs-branch list -r "$region" | sed 's/^/  /'
: >"$top/go"
wait

say "4. One is kept"
winner=0
lost=0
for i in 1 2 3 4 5; do
	case $(exit_of $i) in
	0) winner=$i ;;
	*) lost=$((lost + 1)) ;;
	esac
done
check "one passed first, and is main now" test $lost -eq 4
check "it is one of the two that are right" test $winner -eq 2 -o $winner -eq 4
check "the other of them came too late" test "$(exit_of $((6 - winner)))" -eq 3
check "main has the change of attempt $winner" \
	grep -qF "${change[$winner]}" "$main/median.c"
check "... and its test program" "$main/median-test"
check "no branch is left" test "$(branches)" -eq 0
echo "  \$ diff project/median.c $main/median.c"
diff "$top/project/median.c" "$main/median.c" | sed 's/^/  /'

if [ "$failed" -ne 0 ]; then
	say "$failed of the checks above did not hold"
	exit 1
fi
say "all held"
