#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Put one-line faults into copies of the tree: for each a test must fail.
#
# Notes: each file of tests/mutations is a fault (tests/mutations/README.md
# says what its head means). It is applied to a copy of the tree, what its test
# needs is built there, and the test must fail. A build that fails and a fault
# that does not apply are errors; a test that was stopped by its limit has not
# caught anything, unless the fault says that it hangs. The same tests must pass on a copy
# without a fault. Copies share what is built. Prints a line for each fault,
# then "N caught, N survived" and "N passed, N failed, N skipped". Exit: 0 all
# caught, 1 not, 2 usage, 130 interrupted.
#
# usage: scripts/check-mutations.sh [--quick] [-j N] [NAME...]
# --quick: those for `make check` alone. NAME: of a file, without .patch.
set -u
cd "$(dirname "$0")/.." || exit 2
make=${MAKE:-make}
jobs=$(nproc 2>/dev/null || echo 1)
quick=
names=()

usage() {
	echo "usage: scripts/check-mutations.sh [--quick] [-j N] [NAME...]" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 ;;
	-j)
		shift
		jobs=${1:-0}
		[ "$jobs" -gt 0 ] 2>/dev/null || usage
		;;
	-*) usage ;;
	*) names+=("tests/mutations/$1.patch") ;;
	esac
	shift
done
[ ${#names[@]} -gt 0 ] || names=(tests/mutations/*.patch)
for file in "${names[@]}"; do
	[ -e "$file" ] || {
		echo "check-mutations.sh: $file does not exist" >&2
		exit 2
	}
done
command -v patch >/dev/null || {
	echo "check-mutations.sh: 'patch' is not installed: run 'make deps'" >&2
	exit 2
}

field() { # FILE NAME: what the head says
	sed -n "/^--- /q; s/^$2: *//p" "$1"
}

if [ -n "$quick" ]; then
	all=("${names[@]}")
	names=()
	for file in "${all[@]}"; do
		[ -z "$(field "$file" Quick)" ] || names+=("$file")
	done
fi
[ ${#names[@]} -gt 0 ] || {
	echo "check-mutations.sh: no fault is chosen" >&2
	exit 2
}

top=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-mutations.XXXXXX") || exit 2
trap 'rm -rf "$top"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM HUP
mkdir "$top/out" "$top/tmp"

# ---- what runs in a copy ----

# What has to be made for a command: its program, and what the head names.
targets() { # FILE
	local program

	program=$(field "$1" Fails | awk '{ print $1; exit }')
	case $program in
	build/*) echo "$program" ;;
	esac
	field "$1" Needs
}

build() { # FOLDER TARGET...
	local folder=$1
	shift

	# Not a job of the make that called us: its flags are not ours. What
	# a fault leaves unused is no matter.
	(cd "$folder" && MAKEFLAGS='' "$make" -s --no-print-directory -j"$each" WARN=-w \
		"$@") >>"$folder.log" 2>&1
}

# The command in a copy. Status as timeout(1) gives it.
execute() { # FOLDER COMMAND SECONDS
	local rc

	mkdir -p "$folder.tmp"
	# Time of the processor, so that a busy machine does not matter.
	(cd "$1" && ulimit -t "$3" && BUILD=$1/build TMPDIR=$folder.tmp \
		timeout -k 5 $(($3 * 20)) bash -c "exec $2") </dev/null >>"$1.log" 2>&1
	rc=$?
	rm -rf "$folder.tmp"
	return "$rc"
}

# Tests of the simulator draw interleavings and cuts: those that the first
# seed gives may miss a fault that a few more show.
try() { # FOLDER COMMAND SECONDS
	local runs rc

	for runs in 1 4 16; do
		SIM_SEED=$runs SIM_RUNS=$runs execute "$1" "$2" "$3"
		rc=$?
		case $rc/$2 in
		0/build/sim/*) ;;
		*) return "$rc" ;;
		esac
	done
	return "$rc"
}

limit_of() { # FILE
	local seconds

	seconds=$(field "$1" Limit)
	echo "${seconds:-120}"
}

# Said at once: several run beside each other.
result() { # WORD FILE TEXT
	local name text
	name=$(basename "$2" .patch)
	text="$1 $name $3"

	[ "$1" = caught ] || [ "$1" = passed ] ||
		text+=$'\n'$(tail -n 15 "$folder.log" | sed 's/^/  /')
	[ "$1" = passed ] || printf '%s\n' "$text"
	echo "$1" >"$top/out/$name"
}

# One fault in a copy of its own.
mutation() { # FILE
	local file=$1 folder command limit needs rc
	folder=$top/tmp/$(basename "$file" .patch)

	command=$(field "$file" Fails)
	limit=$(limit_of "$file")
	cp -a "$top/base" "$folder" && : >"$folder.log"
	readarray -t needs < <(targets "$file" | tr ' ' '\n')
	if ! patch -d "$folder" -p1 --fuzz=0 --no-backup-if-mismatch \
		<"$file" >>"$folder.log" 2>&1; then
		result error "$file" "does not apply"
	elif ! build "$folder" "${needs[@]}"; then
		result error "$file" "does not build"
	else
		try "$folder" "$command" "$limit"
		rc=$?
		verdict "$file" "$rc" "$command" "$limit"
	fi
	rm -rf "$folder" "$folder.log"
}

verdict() { # FILE STATUS COMMAND SECONDS
	local shows

	shows=$(field "$1" Shows)
	case $2 in
	0) result survived "$1" "($3 passes)" ;;
	77) result error "$1" "($3 was skipped)" ;;
	126 | 127) result error "$1" "($3 cannot be executed)" ;;
	124 | 137 | 152)
		if [ -n "$(field "$1" Hangs)" ]; then
			result caught "$1" "by $3 (no end within $4 s)"
		else
			result survived "$1" "($3: no end within $4 s)"
		fi
		;;
	*)
		if [ -z "$shows" ] || grep -qE -- "$shows" "$folder.log"; then
			result caught "$1" "by $3"
		else
			result survived "$1" "($3 fails, but not with '$shows')"
		fi
		;;
	esac
}

# ---- the copy without a fault ----

base() {
	local folder=$top/base needs dir

	mkdir "$folder" && : >"$folder.log"
	tar --exclude=./.git --exclude=./build -cf - . | tar -C "$folder" -xf - || exit 2
	# What is built already, without the programs of other groups.
	for dir in build/obj build/sim; do
		[ ! -d "$dir" ] || { mkdir -p "$folder/build" && cp -a "$dir" "$folder/build/"; } ||
			exit 2
	done
	each=$jobs
	readarray -t needs < <(for file in "${names[@]}"; do targets "$file"; done |
		tr ' ' '\n' | sort -u)
	if ! build "$folder" "${needs[@]}"; then
		echo "check-mutations.sh: the tree does not build:" >&2
		tail -n 15 "$folder.log" >&2
		exit 1
	fi
	rm "$folder.log"
}

# Each command must pass as long as nothing is wrong.
innocent() { # FILE COMMAND NUMBER
	local folder=$top/tmp/base.$3

	cp -a "$top/base" "$folder" && : >"$folder.log"
	if execute "$folder" "$2" "$(limit_of "$1")"; then
		result passed "without-fault-$3" ""
	else
		result error "without-fault-$3" "('$2' fails without a fault, too)"
	fi
	rm -rf "$folder" "$folder.log"
}

# ---- all ----

running=0
spawn() { # FUNCTION ARGUMENT...
	if [ "$running" -ge "$jobs" ]; then
		wait -n
		running=$((running - 1))
	fi
	"$@" &
	running=$((running + 1))
}

count() { # WORD
	cat "$top"/out/* | grep -c "^$1\$"
}

for file in "${names[@]}"; do
	if [ -z "$(field "$file" Fault)" ] || [ -z "$(field "$file" Fails)" ]; then
		echo "check-mutations.sh: $file says no fault, or no test" >&2
		exit 2
	fi
done
base
each=1
declare -A seen=()
for file in "${names[@]}"; do
	command=$(field "$file" Fails)
	spawn mutation "$file"
	[ -z "${seen[$command]:-}" ] || continue
	seen[$command]=1
	spawn innocent "$file" "$command" "${#seen[@]}"
done
wait
caught=$(count caught)
survived=$(count survived)
bad=$(count error)
lost=$((${#names[@]} + ${#seen[@]} - caught - survived - bad - $(count passed)))
[ "$lost" -eq 0 ] || echo "check-mutations.sh: $lost ended without a result"
echo "$caught caught, $survived survived"
echo "$caught passed, $((survived + bad + lost)) failed, 0 skipped"
[ $((survived + bad + lost)) -eq 0 ]
