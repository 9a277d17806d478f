#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run the tests of `make check`, one line for each.
#
# Notes: docs/testing.md says what a test program is promised and what it
# promises. Nothing is built here but what a test itself asks make for. The
# last line is "N passed, N failed, N skipped"; a program that ends with such
# a line of its own (or is a cmocka program) has its cases counted. Output goes
# to build/test-logs. Before the last line stands what the logs say was covered
# (scripts/covered.awk). check-long.sh sources this file. Exit: 0 nothing
# failed, 1 something did, 2 usage, 130 interrupted.
#
# usage: scripts/run-tests.sh check | GROUP...
# groups: lint arm64 unit unit-asan sim fuzz model mutations tools tools-asan
#         install posix fuse scenario famfs famfs-asan mxfs mxfs-asan stress tsan
#         vm bench demo; and stress-long sim-long fuzz-long mutations-long unit-tsan
#         programs vm-long vm-6.12 vm-debug
# shellcheck disable=SC2046 # lists of test programs, whose names we give
set -u
cd "$(dirname "$0")/.." || exit 2
shopt -s nullglob

# Debian's /dev/fuse is open to everybody; a machine without udev may have it
# for root alone. The tests that act as a user get one as Debian has it, in a
# mount namespace of ours: nothing outside sees it.
open_fuse() {
	local dev

	dev=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-fuse.XXXXXX") &&
		mount -t tmpfs -o mode=755,size=64k none "$dev" &&
		mknod -m 666 "$dev/fuse" c 10 229 && chmod 666 "$dev/fuse" &&
		mount --bind "$dev/fuse" /dev/fuse
	umount -l "$dev"
	rmdir "$dev"
}

if [ "$(id -u)" -eq 0 ] && [ -c /dev/fuse ] &&
   [ -z "$(find -L /dev/fuse -perm -006)" ]; then
	if [ -z "${DAXFS_TESTS_UNSHARED:-}" ]; then
		export DAXFS_TESTS_UNSHARED=1
		exec unshare --mount --propagation private -- "scripts/$(basename "$0")" "$@"
	fi
	open_fuse || echo "run-tests.sh: could not open /dev/fuse to users" >&2
fi

root=$PWD
make=${MAKE:-make}
logs=$root/build/test-logs
passed=0
failed=0
skipped=0
job=
ran=()	# logs of this run

scratch=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-check.XXXXXX") || exit 2
# Tests that act as another user must be able to get in.
chmod 755 "$scratch"
mkdir -p "$logs"

leftovers() {
	awk -v top="$scratch/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo
}

cleanup() {
	local mnt

	leftovers | tac | while read -r mnt; do
		umount -l "$mnt" 2>/dev/null || fusermount3 -uz "$mnt"
	done
	rm -rf --one-file-system "$scratch"
}
trap cleanup EXIT

interrupted() {
	local jobs
	jobs=$(jobs -rp)

	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$jobs" ] || { kill -TERM $jobs 2>/dev/null; wait; }
	echo "interrupted" >&2
	exit 130
}
trap interrupted INT TERM HUP

# ---- one test ----

# Cases that a log counts itself: "PASSED FAILED SKIPPED", or nothing.
counts() { # LOG
	awk '
	/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {
		gsub(/,/, ""); p = $1; f = $3; s = $5; own = 1
	}
	/^\[ +PASSED +\] [0-9]+ test/ { cp += num($0) }
	/^\[ +FAILED +\] [0-9]+ test/ { cf += num($0) }
	/^\[ +SKIPPED +\] [0-9]+ test/ { cs += num($0) }
	function num(line) {
		sub(/.*\] /, "", line); sub(/ .*/, "", line); return line + 0
	}
	END {
		if (own) print p + 0, f + 0, s + 0
		else if (cp + cf + cs) print cp + 0, cf + 0, cs + 0
	}' "$1"
}

verdict() { # NAME RC LOG SECONDS LIMIT
	local name=$1 rc=$2 log=$3 took=$4 limit=$5 p=1 f=0 s=0 why='' own

	own=$(counts "$log")
	if [ -n "$own" ]; then
		read -r p f s <<<"$own"
		why="$p passed"
		[ "$s" -eq 0 ] || why="$why, $s skipped"
		if [ $((p + f + s)) -eq 0 ]; then
			f=1
			why="tested nothing"
		fi
	fi
	if [ "$rc" -eq 77 ] && [ "$f" -eq 0 ]; then
		p=0
		s=$((s > 0 ? s : 1))
		why=$(grep -v '^$' "$log" | tail -n 1)
	elif [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		f=$((f > 0 ? f : 1))
		[ -n "$own" ] || p=0
		why="no end within $limit s"
	elif [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		[ -n "$own" ] || p=0
		why="exit status $rc"
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	if [ "$f" -gt 0 ]; then
		printf 'FAILED %s (%s) %ss\n' "$name" "${why:-$f failed}" "$took"
		echo "  --- of ${log#"$root"/}:"
		grep -A 3 -E '^(not ok|FAILED|\[  FAILED)' "$log" | head -n 40 | sed 's/^/  /'
		echo "  --- its end:"
		tail -n 15 "$log" | sed 's/^/  /'
	elif [ "$p" -eq 0 ]; then
		printf 'skip   %s (%s)\n' "$name" "$why"
	else
		printf 'ok     %s%s %ss\n' "$name" "${why:+ ($why)}" "$took"
		grep -iE '^(skip|ok .*# *skip)' "$log" | sed 's/^/  /'
	fi
}

seconds_since() { # NANOSECONDS
	local tenths=$((($(date +%s%N) - $1) / 100000000))

	echo "$((tenths / 10)).$((tenths % 10))"
}

run() { # NAME SECONDS COMMAND...
	local name=$1 limit=$2 log tmp start rc
	shift 2

	log=$logs/${name//[\/ ]/_}.log
	tmp=$scratch/${name//[\/ ]/_}
	ran+=("$log")
	mkdir "$tmp" && chmod 1777 "$tmp"
	start=$(date +%s%N)
	TMPDIR=$tmp timeout -k 15 "$limit" "$@" </dev/null >"$log" 2>&1 &
	job=$!
	wait "$job"
	rc=$?
	job=
	if [ -n "$(leftovers)" ]; then
		echo "left mounted: $(leftovers)" >>"$log"
		[ "$rc" -ne 0 ] || rc=99
		leftovers | tac | while read -r mnt; do
			umount -l "$mnt" || fusermount3 -uz "$mnt"
		done
	fi
	rm -rf --one-file-system "$tmp"
	verdict "$name" "$rc" "$log" \
		"$(seconds_since "$start")" "$limit"
}

missing() { # NAME WHAT: what should be tested is not there
	failed=$((failed + 1))
	echo "FAILED $1 ($2)"
}

# Each file as a test of the build in $BUILD; none is an error.
each() { # GROUP SECONDS FILE...
	local group=$1 limit=$2 f
	shift 2

	[ $# -gt 0 ] || missing "$group" "no test found"
	for f in "$@"; do
		if [ -x "$f" ]; then
			run "$group/$(basename "$f")" "$limit" "$f"
		else
			missing "$group/$(basename "$f")" "not built, or not executable"
		fi
	done
}

# A program that mounts nothing; what it says and how it ends is left for told().
aside() { # NAME SECONDS PROGRAM
	local id=${1//[\/ ]/_} start rc

	mkdir "$scratch/$id"
	start=$(date +%s%N)
	TMPDIR=$scratch/$id timeout -k 15 "$2" "$3" </dev/null >"$logs/$id.log" 2>&1 &
	# shellcheck disable=SC2064 # this process
	trap "kill -TERM $!" TERM
	wait "$!"
	rc=$?
	rm -rf --one-file-system "${scratch:?}/$id"
	echo "$rc $(seconds_since "$start")" >"$scratch/$id.end"
}

told() { # NAME SECONDS
	local id=${1//[\/ ]/_} rc took

	read -r rc took <"$scratch/$id.end" || { missing "$1" "no end"; return; }
	ran+=("$logs/$id.log")
	verdict "$1" "$rc" "$logs/$id.log" "$took" "$2"
}

# As each(), for programs that run beside each other: one for each processor.
several() { # GROUP SECONDS PROGRAM...
	local group=$1 limit=$2 f
	shift 2

	[ $# -gt 0 ] || missing "$group" "no test found"
	for f in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
			wait -n
		done
		[ ! -x "$f" ] || aside "$group/$(basename "$f")" "$limit" "$f" &
	done
	wait
	for f in "$@"; do
		if [ -x "$f" ]; then
			told "$group/$(basename "$f")" "$limit"
		else
			missing "$group/$(basename "$f")" "not built, or not executable"
		fi
	done
}

programs() { # FOLDER-OF-SOURCES FOLDER-OF-PROGRAMS
	local f

	grep -l '^int main\>' "$1"/*.c 2>/dev/null | while read -r f; do
		echo "$2/$(basename "$f" .c)"
	done
}

famfs_scripts() {
	printf '%s\n' tests/famfs/*.sh | grep -v '/lib\.sh$'
}

mxfs_scripts() {
	printf '%s\n' tests/mxfs/*.sh | grep -v '/lib\.sh$'
}

# Tests that boot guests; what waits for a kernel that checks itself gets longer.
# Left out is what that kernel, or this form, does not have.
guests() { # GROUP KERNEL SECONDS
	local not='/lib\.sh$'

	[ "$2" = debug ] || not+='|/failslab\.sh$'
	[ "$2" != debug ] || not+='|/two_mounts\.sh$'	# it complains of damage
	[ "$1" = vm-long ] || not+='|/newest\.sh$|/split_big\.sh$'
	# shellcheck disable=SC2010 # names that we give
	DAXFS_VM_KERNEL=$2 each "$1" "$3" $(ls tests/vm/*.sh | grep -Ev "$not")
}

# ---- the groups ----

group() {
	local asan=$root/build/asan

	export BUILD=$root/build
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=86
	export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
	case $1 in
	lint)
		run lint/form 60 scripts/lint.sh
		run lint/core 60 scripts/lint-core.sh "$BUILD/freestanding"
		run lint/atomics 60 scripts/lint-atomics.sh
		run lint/mxfs 60 scripts/lint-mxfs.sh "$BUILD/obj/mxfsd"
		;;
	arm64)
		run arm64 300 "$make" --no-print-directory arm64
		;;
	unit)
		each unit 120 $(programs tests/unit "$BUILD")
		each unit 120 "$BUILD"/test_{dlm,wire,daemon,client}
		;;
	unit-asan)
		BUILD=$asan each unit-asan 300 $(programs tests/unit "$asan")
		each unit-asan 300 "$asan"/test_{dlm,wire,daemon,client}
		;;
	sim)
		several sim 600 $(programs tests/sim "$BUILD/sim") "$BUILD/sim_dlm"
		run sim/dlm-asan 300 "$asan/sim_dlm" --runs 200
		run sim/noise-asan 300 "$asan/sim/test_noise" "some noise"
		;;
	fuzz)
		run fuzz/replay 120 "$asan/fuzz/fuzz_region" tests/fuzz/corpus \
			tests/images/found
		run fuzz/flips 120 "$asan/fuzz/fuzz_region" --flips 6000000 --thread \
			tests/fuzz/corpus
		BUILD=$asan each fuzz 120 tests/fuzz/*.sh
		run fuzz/famfs 120 "$asan/famfs_fuzz" -n 10000
		run fuzz/mxfs 120 "$asan/fuzz_mxfs" --inputs 20000
		run fuzz/mxfsd-conf 120 "$asan/fuzz_mxfsd" conf --inputs 50000 \
			packaging/mxfsd.conf tests/mxfs/fuzz/conf
		run fuzz/mxfsd-control 120 "$asan/fuzz_mxfsd" control --inputs 5000 \
			tests/mxfs/fuzz/control
		;;
	fuzz-long)
		run fuzz-long/flips 7200 "$asan/fuzz/fuzz_region" --flips 1000000000 \
			--jobs "$(nproc)" --thread --seed "${FUZZ_SEED:-1}" \
			tests/fuzz/corpus
		run fuzz-long/famfs 3600 "$asan/famfs_fuzz" -n 3000000 -s "${FUZZ_SEED:-1}"
		run fuzz-long/mxfs 7200 "$asan/fuzz_mxfs" --inputs 5000000 \
			--seed "${FUZZ_SEED:-1}"
		run fuzz-long/mxfsd-conf 7200 "$asan/fuzz_mxfsd" conf --inputs 5000000 \
			--seed "${FUZZ_SEED:-1}" packaging/mxfsd.conf tests/mxfs/fuzz/conf
		run fuzz-long/mxfsd-control 7200 "$asan/fuzz_mxfsd" control \
			--inputs 500000 --seed "${FUZZ_SEED:-1}" tests/mxfs/fuzz/control
		;;
	sim-long)
		SIM_LONG=1 several sim-long 3600 $(programs tests/sim "$BUILD/sim")
		run sim-long/dlm 14400 "$BUILD/sim_dlm" --runs 1000000 --jobs "$(nproc)"
		;;
	model)
		each model 500 tests/model/run.sh
		;;
	mutations)
		run mutations 300 scripts/check-mutations.sh --quick
		;;
	mutations-long)
		run mutations-long 3600 scripts/check-mutations.sh
		;;
	tools)
		each tools 180 tests/tools/*.sh
		;;
	tools-asan)
		BUILD=$asan each tools-asan 400 tests/tools/*.sh
		;;
	install)
		each install 120 tests/install/*.sh
		;;
	posix)
		each posix 600 tests/posix/*.sh
		;;
	fuse)
		each fuse 300 tests/fuse/*.sh
		;;
	scenario)
		each scenario 600 tests/scenario/*.sh
		;;
	famfs)
		each famfs 120 $(programs tests/famfs "$BUILD" | grep /test_) \
			$(famfs_scripts)
		;;
	mxfs)
		each mxfs 180 $(mxfs_scripts)
		;;
	mxfs-asan)
		BUILD=$asan each mxfs-asan 240 tests/mxfs/{control,loopback,tls}.sh
		;;
	famfs-asan)
		BUILD=$asan each famfs-asan 200 $(programs tests/famfs "$asan" |
			grep /test_ | grep -v _kill) $(famfs_scripts)
		;;
	programs)
		each programs 1200 tests/programs/*.sh
		;;
	stress)
		each stress 300 tests/stress/*.sh
		run stress/core-asan 120 "$asan/stress_core" -t 5
		run stress/kill-asan 120 "$asan/stress_core" -k -t 5
		;;
	stress-long)
		STRESS_LONG=1 each stress-long 3600 tests/stress/*.sh
		run stress-long/core-8 900 "$BUILD/stress_core" -t 300 -n 8
		run stress-long/kill-asan 900 "$asan/stress_core" -k -t 300
		;;
	tsan)
		TSAN_OPTIONS=halt_on_error=1 run tsan/threads 200 \
			"$root/build/tsan/stress_core" -n 1 -T 4 -t 10
		;;
	unit-tsan)
		export TSAN_OPTIONS=halt_on_error=1
		BUILD=$root/build/tsan each unit-tsan 600 \
			$(programs tests/unit "$root/build/tsan")
		;;
	vm)
		guests vm 6.1 300
		;;
	vm-long)
		VM_LONG=1 guests vm-long 6.1 1800
		;;
	vm-6.12)
		VM_LONG=1 guests vm-6.12 6.12 1800
		;;
	vm-debug)
		guests vm-debug debug 3600
		;;
	bench)
		run bench 400 scripts/bench.sh --quick
		;;
	demo)
		run demo 180 scripts/demo.sh
		run demo-branches 120 scripts/demo-branches.sh
		run demo-famfs 120 scripts/demo-famfs.sh
		run demo-dlm 120 scripts/demo-dlm.sh
		;;
	*)
		echo "run-tests.sh: '$1' is not a group" >&2
		exit 2
		;;
	esac
}

covered() {
	[ ${#ran[@]} -eq 0 ] || awk -f scripts/covered.awk "${ran[@]}"
}

total() { # the last line, and the exit status
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

# Another script that wants the functions above.
[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

[ $# -gt 0 ] || { echo "usage: scripts/run-tests.sh check|GROUP..." >&2; exit 2; }
short="lint arm64 unit unit-asan sim fuzz model mutations tools tools-asan install posix fuse \
scenario famfs famfs-asan mxfs mxfs-asan stress tsan vm bench demo"
for arg in "$@"; do
	case $arg in
	check)
		for g in $short; do group "$g"; done
		;;
	*)
		group "$arg"
		;;
	esac
done
covered
total
