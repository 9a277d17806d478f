#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Everything of `make check`, multiplied: for about so many seconds.
#
# Notes: what gains nothing from being repeated runs once. Each other part gets
# a share of what is left of the time and repeats its programs until that is
# used up, with another seed each time and as much work as should fit; each
# runs at least once, so that it takes some minutes however few seconds are
# given. The seed of all is printed at the beginning, and the seed of each run
# with it; given as an argument it gives the same ones again. Functions, logs
# and last lines are those of run-tests.sh. Exit: 0 nothing failed, 1 something
# did, 2 usage, 130 interrupted.
#
# usage: scripts/check-long.sh [SECONDS [SEED]]
# shellcheck source=/dev/null
# shellcheck disable=SC2154 # root, skipped and others come from there
. "$(dirname "$0")/run-tests.sh"

budget=${1:-3600}
base=${2:-$(date +%s)}
case $budget$base in
*[!0-9]*)
	echo "usage: scripts/check-long.sh [SECONDS [SEED]]" >&2
	exit 2
	;;
esac
began=$(date +%s)
asan=$root/build/asan
tsan=$root/build/tsan
export BUILD=$root/build
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=86
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1
drawn=0

now() {
	date +%s
}

# Another seed each time, sets $seed; tests count on from it, far less than a
# million.
draw() {
	drawn=$((drawn + 1))
	seed=$((base % 1000000000 * 1000000000 + drawn * 1000000))
}

heading() { # NAME SECONDS
	echo "-- $1, about $2 s"
}

# What the share of a part is, of the time that is left when once() is done.
share() { # PERCENT: sets $part
	part=$((left * $1 / 100))
}

# ---- parts ----

once() {
	local g

	heading "once each" 240
	for g in lint arm64 unit unit-asan unit-tsan tools tools-asan install \
		fuzz posix fuse scenario famfs famfs-asan bench demo mutations-long; do
		group "$g"
	done
}

# Work doubles while twice as much would fit; a run is never cut off for it.
simulate() { # SECONDS PROGRAM
	local end=$(($(now) + $1)) runs=1 i=0 start took

	while :; do
		draw
		i=$((i + 1))
		start=$(now)
		SIM_SEED=$seed SIM_RUNS=$runs run "sim-$i/$(basename "$2")" 3600 "$2"
		echo "       SIM_SEED=$seed SIM_RUNS=$runs"
		took=$(($(now) - start))
		[ $(($(now) + took)) -lt "$end" ] || return 0
		[ $(($(now) + 2 * took)) -ge "$end" ] || runs=$((runs * 2))
	done
}

simulator() { # SECONDS
	local program list=()

	heading "simulator" "$1"
	mapfile -t list < <(programs tests/sim "$BUILD/sim"; echo "$BUILD/sim_dlm")
	[ ${#list[@]} -gt 0 ] || missing sim "no test found"
	for program in "${list[@]}"; do
		simulate $(($1 / ${#list[@]})) "$program"
	done
}

# At least five seconds.
seconds_of() { # SECONDS PERCENT
	echo $(($1 * $2 / 100 > 5 ? $1 * $2 / 100 : 5))
}

library() { # SECONDS
	local t

	heading "processes of the library" "$1"
	t=$(seconds_of "$1" 20)
	draw
	run stress-long/core $((t + 400)) "$BUILD/stress_core" -t "$t" -s "$seed"
	draw
	run stress-long/core-8 $((t + 400)) "$BUILD/stress_core" -t "$t" -n 8 -s "$seed"
	draw
	run stress-long/kill $((t + 400)) "$BUILD/stress_core" -k -t "$t" -s "$seed"
	draw
	run stress-long/kill-threads $((t + 400)) "$BUILD/stress_core" -k \
		-n 4 -T 4 -t "$t" -s "$seed"
	draw
	run stress-long/kill-asan $((t + 400)) "$asan/stress_core" -k -t "$t" -s "$seed"
	each stress-long 900 tests/stress/{big,fill,million}.sh
}

servers() { # SECONDS
	heading "FUSE servers killed" "$1"
	draw
	STRESS_SEED=$seed STRESS_SECONDS=$(seconds_of "$1" 48) \
		run stress-long/fuse $(($1 + 900)) tests/stress/fuse.sh
}

exercisers() { # SECONDS
	heading "system calls at random" "$1"
	draw
	STRESS_SEED=$seed STRESS_SECONDS=$1 \
		run stress-long/exercise $(($1 + 900)) tests/stress/exercise.sh
}

# Ten million operations by one host and by two, and on while there is time.
churn() { # SECONDS
	local end=$(($(now) + $1)) i=0 hosts start took

	heading "files that come and go" "$1"
	while :; do
		start=$(now)
		i=$((i + 1))
		for hosts in 1 2; do
			draw
			run "churn-$i/hosts-$hosts" 1800 "$BUILD/stress_churn" \
				-o 10000000 -n "$hosts" -s "$seed"
		done
		took=$(($(now) - start))
		[ $(($(now) + took)) -lt "$end" ] || return 0
	done
}

fuzzing() { # SECONDS
	local program=$asan/fuzz/fuzz_region flips=1000000 start took i
	local end=$(($(now) + $1))

	heading "fuzzing" "$1"
	[ -x "$program" ] || { missing fuzz "$program is not built"; return; }
	for i in 1 2 3 4 5 6; do
		draw
		start=$(now)
		run "fuzz-$i/flips" $(($1 + 900)) "$program" --flips "$flips" \
			--seed "$seed" --jobs "$(nproc)" --thread tests/fuzz/corpus
		took=$(($(now) - start + 1))
		# as many more as fit, and ten times as many at most
		[ $(($(now) + took)) -lt "$end" ] || return 0
		took=$(((end - $(now)) * 9 / 10 / took))
		flips=$((flips * (took < 1 ? 1 : took > 10 ? 10 : took)))
	done
}

# What is not through when its time is over was not proven this time: a skip,
# unless something had failed before.
within() { # SECONDS COMMAND...: for bash -c
	timeout "$1" "${@:2}" >"$TMPDIR/within"
	local rc=$?

	cat "$TMPDIR/within"
	if [ "$rc" -eq 124 ] && ! grep -q '^FAILED' "$TMPDIR/within"; then
		echo "no end within its share, $1 s"
		return 77
	fi
	return "$rc"
}
export -f within

# The long form of each model, from another one on each time.
models() { # SECONDS
	local end=$(($(now) + $1)) list=(tests/model/*.pml) i time name

	heading "models" "$1"
	run model/quick 900 tests/model/run.sh
	for i in "${!list[@]}"; do
		name=$(basename "${list[(i + base) % ${#list[@]}]}" .pml)
		time=$((end - $(now)))
		if [ "$time" -gt 0 ]; then
			run "model-long/$name" $((time + 60)) bash -c 'within "$@"' \
				within "$time" tests/model/run.sh long "$name"
		else
			skipped=$((skipped + 1))
			echo "skip   model-long/$name (no time left for it)"
		fi
	done
}

mutations() { # SECONDS
	heading "mutations" "$1"
	[ -x scripts/check-mutations.sh ] || {
		missing mutations "scripts/check-mutations.sh is not there"
		return
	}
	run mutations $(($1 + 3600)) scripts/check-mutations.sh
}

threads() { # SECONDS
	local t

	heading "ThreadSanitizer" "$1"
	t=$(seconds_of "$1" 45)
	draw
	run tsan/threads $((t + 400)) "$tsan/stress_core" -n 1 -T 4 -t "$t" -s "$seed"
	draw
	run tsan/kill $((t + 400)) "$tsan/stress_core" -k -n 2 -T 3 -t "$t" -s "$seed"
}

echo "check-long: $budget s, seed $base"
once
left=$((budget - ($(now) - began)))
[ "$left" -gt 0 ] || left=0
share 33; simulator "$part"
share 12; library "$part"
share 12; servers "$part"
share 3; exercisers "$part"
share 4; churn "$part"
share 16; fuzzing "$part"
share 8; models "$part"
share 7; mutations "$part"
share 5; threads "$part"
covered
echo "check-long: $(($(now) - began)) s, seed $base"
total
