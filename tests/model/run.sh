#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Check the models of the protocols with spin, the right and the wrong ones.
#
# Notes: each line of the tables is a model with flags. "ok" and "big" must be
# explored without an error; "bug" leaves one measure out, and spin must find
# the failure: a model that cannot fail proves nothing. SIM_LONG=1 (or the
# argument "long") adds what takes minutes and some GiB of memory. Ends with
# "N passed, N failed, N skipped". Exit: 0 all as expected, 1 not, 2 usage or
# spin is missing, 130 interrupted.
#
# usage: tests/model/run.sh [long] [MODEL]
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 2

quick='
ok  index   -DNOLOOK
ok  index   -DCRASH -DNOP1
bug index   -DBUG1
bug index   -DBUG2
bug index   -DTHIRD -DFIRST -DNOLOOK -DBUG4
bug index   -DFIRST -DBUG5
bug index   -DTHIRD -DDEL -DNOMIG -DBUG6
bug index   -DTHIRD -DFIRST -DNOLOOK -DBUG7
bug index   -DNOLOOK -DBUG8
ok  index   -DTURN -DNOP1 -DNOLOOK -DCRASH
bug index   -DTURN -DNOP1 -DNOLOOK -DBUG4
bug index   -DTURN -DNOP1 -DNOLOOK -DBUG8
bug index   -DTURN -DNOP1 -DNOLOOK -DBUG10
ok  index   -DBORN -DNOLOOK -DNOP1
bug index   -DBORN -DNOLOOK -DNOP1 -DBUG9
big names   -DRENAME -DCRASH -DONEREC -DTRIES=1
ok  names   -DRMDIR -DTRIES=1
ok  names   -DMOVES -DTRIES=1
big names   -DREUSE
bug names   -DRENAME -DCRASH -DBUG2
bug names   -DREUSE -DBUG3
bug names   -DRMDIR -DTRIES=1 -DBUG4
ok  cut     -DCRASH
bug cut     -DBUG1
bug cut     -DBUG2
bug cut     -DBUG3
bug cut     -DBUG4
ok  drop
ok  drop    -DONE -DCRASH
bug drop    -DBUG1
bug drop    -DBUG2
bug drop    -DBUG3
bug drop    -DBUG4
bug drop    -DBUG5
bug drop    -DCRASH -DBUG6
bug drop    -DCRASH -DBUG7
ok  tmpfile -DCRASH -DTRIES=2
ok  tmpfile -DTWO
bug tmpfile -DBUG1
bug tmpfile -DBUG2
bug tmpfile -DCRASH -DBUG3
ok  slots   -DCRASH
bug slots   -DBUG1
bug slots   -DBUG2
bug slots   -DCRASH -DBUG3
bug slots   -DCRASH -DBUG4
ok  dirdrop -DCRASH
bug dirdrop -DBUG1
bug dirdrop -DBUG2
bug dirdrop -DBUG3
bug dirdrop -DBUG4
ok  epoch   -DREADER
ok  epoch   -DPINS=1
bug epoch   -DREADER -DBUG1
bug epoch   -DPINS=1 -DBUG2
bug epoch   -DPINS=1 -DBUG3
bug epoch   -DPINS=1 -DBUG4
bug epoch   -DPINS=1 -DBUG5
bug epoch   -DPINS=2 -DBUG6
bug epoch   -DREADER -DBUG7
ok  change
bug change  -DBUG2
ok  hints
bug hints   -DBUG8
ok  hosts   -DOVER
bug hosts   -DOVER -DBUG4
big slab
bug slab    -DBUG3
ok  lock    -DTWICE
big lock    -DCRASH -DALONE
bug lock    -DCRASH -DALONE -DBUG1
bug lock    -DCRASH -DBUG2
bug lock    -DTWICE -DBUG3
bug lock    -DCRASH -DALONE -DBUG4
bug lock    -DTWICE -DBUG5
bug lock    -DTWICE -DBUG6
bug lock    -DCRASH -DALONE -DBUG7
ok  stores  -DCRASH
bug stores  -DBUG1
bug stores  -DBUG2
bug stores  -DBUG3
bug stores  -DCRASH -DBUG4
bug stores  -DCRASH -DBUG5
ok  convert
bug convert -DBUG1
bug convert -DBUG2
bug convert -DBUG3
bug convert -DBUG4
bug convert -DBUG5
big barrier -DLAST=2
bug barrier -DBUG1
bug barrier -DBUG2
bug barrier -DBUG3
bug barrier -DBUG4
ok  vote
bug vote    -DBUG1
bug vote    -DBUG2
bug vote    -DBUG3
bug vote    -DBUG4
bug vote    -DBUG5
ok  tiebreak
bug tiebreak -DBUG1
bug tiebreak -DBUG2
bug tiebreak -DBUG3
bug tiebreak -DBUG4
bug tiebreak -DBUG5
ok  fence
bug fence   -DBUG1
bug fence   -DBUG2
ok  cache
ok  cache   -DCRASH
big cache   -DEVICT
bug cache   -DBUG1
bug cache   -DBUG2
bug cache   -DEVICT -DBUG3
bug cache   -DEVICT -DPIN -DBUG4
bug cache   -DEVICT -DPIN -DBUG5
bug cache   -DEVICT -DPIN -DBUG6
bug cache   -DCRASH -DBUG7
bug cache   -DEVICT -DBUG8
bug cache   -DEVICT -DBUG9
'
slow='
big cache   -DEVICT -DPIN
big barrier
big lock    -DCRASH
bug change  -DBUG1
bug change  -DBUG3
bug change  -DBUG4
bug hints   -DBUG1
bug hints   -DBUG2
bug hints   -DBUG3
bug hints   -DBUG4
bug hints   -DBUG5
bug hints   -DBUG6
bug hints   -DTWO -DBUG7
big hints   -DTWO
ok  hosts
bug hosts   -DBUG1
bug hosts   -DBUG2
bug hosts   -DBUG3
bug hosts   -DBUG5
bug slab    -DBUG1
bug slab    -DBUG2
bug slab    -DBUG4
bug slab    -DBUG5
bug slab    -DCRASH -DBUG6
big slab    -DCRASH
big slab    -DTURNS=2 -DUSES=3
bug index   -DTWO -DBUG3
big index   -DTURN -DNOP1
big index   -DFIRST -DNOLOOK
big index   -DCRASH -DNOLOOK -DTHIRD
big index   -DCRASH -DNOLOOK -DTWO
big index   -DBORN -DNOLOOK
big index   -DBORN -DNOP1 -DCRASH
big names   -DRENAME
big names   -DRENAME -DCRASH -DONEREC
big names   -DRMDIR -DCRASH -DTRIES=1
big names   -DMOVES -DCRASH -DTRIES=1
big names   -DRMDIR -DCRASH
big names   -DMOVES -DCRASH
big drop    -DONE -DCRASH -DOPENS_EACH=2
big drop    -DOPENS_EACH=2
big drop    -DCRASH
big tmpfile -DTWO -DTRIES=2
big tmpfile -DTWO -DCRASH
big epoch   -DPINS=1 -DCRASH
big epoch   -DPINS=2
big branch  -DNW=0
bug branch  -DBUG1
bug branch  -DBUG2
bug branch  -DBUG3
bug branch  -DSAME -DBUG4
big branch  -DCRASH -DNW=0
'

usage() {
	echo "usage: tests/model/run.sh [long] [MODEL]" >&2
	exit 2
}

long=${SIM_LONG:-}
only=
for arg in "$@"; do
	case $arg in
	long) long=1 ;;
	-*) usage ;;
	*)
		[ -z "$only" ] && [ -e "$here/$arg.pml" ] || usage
		only=$arg
		;;
	esac
done
for tool in spin "${CC:-gcc}"; do
	command -v "$tool" >/dev/null || {
		echo "run.sh: '$tool' is not installed: run 'make deps'" >&2
		exit 2
	}
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-model.XXXXXX") || exit 2
child=
trap 'rm -rf "$dir"' EXIT
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM HUP

# Output of spin, compiler and verifier is in $dir/log. 0: it ran. Optimizing
# the verifier takes longer than it saves but for big ones.
explore() { # EXPECTED MODEL FLAGS...
	local optimize=-O0 model=$2

	[ "$1" != big ] || optimize=-O1
	shift 2

	rm -f pan* log
	spin -a "$@" "$here/$model.pml" >log 2>&1 || return 1
	"${CC:-gcc}" "$optimize" -w -DSAFETY -DCOLLAPSE -DMEMLIM=8000 -o pan pan.c \
		>>log 2>&1 || return 1
	timeout "$limit" ./pan -m100000 -n -E >>log 2>&1 &
	child=$!
	wait "$child"
	local rc=$?
	child=
	[ "$rc" -ne 124 ] || echo "not finished after $limit s" >>log
	return "$rc"
}

complete() {
	grep -q 'errors: 0$' log &&
		! grep -qE 'max search depth too small|out of memory|Search not completed' log
}

states() {
	awk '/states, stored/ { print $1; exit }' log
}

check() { # EXPECTED MODEL FLAGS...
	local expected=$1 what
	shift

	what="$*"
	if ! explore "$expected" "$@"; then
		:
	elif [ "$expected" != bug ] && complete; then
		echo "ok     $what: no error in $(states) states"
		passed=$((passed + 1))
		return
	elif [ "$expected" = bug ] && grep -q 'assertion violated' log; then
		echo "ok     $what: fails, as it must"
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	if [ "$expected" != bug ]; then
		echo "FAILED $what: not proven"
	else
		echo "FAILED $what: spin does not find what goes wrong"
	fi
	sed 's/^/  /' log | tail -n 15
}

cd "$dir" || exit 2
limit=120
tables=$quick
if [ -n "$long" ]; then
	limit=1800
	tables=$quick$slow
fi
passed=0
failed=0
while read -r expected model flags; do
	[ -n "$expected" ] || continue
	[ -z "$only" ] || [ "$only" = "$model" ] || continue
	# shellcheck disable=SC2086 # a list of flags
	check "$expected" "$model" $flags
done <<<"$tables"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
