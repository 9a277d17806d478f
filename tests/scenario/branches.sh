#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Branches as an agent uses them: attempts side by side and inside one another, one
# is kept; servers that are killed; commands that race.
#
# Notes: the tree is main, spec1 with its child spec1a, and spec2, each on a mount of
# its own. Nothing here waits for time to pass but for the death of a process.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

R=$SHM/r
M=$WORK/main
S1=$WORK/spec1
S1A=$WORK/spec1a
S2=$WORK/spec2
FILES=20

mkdir "$WORK/tree"
for i in $(seq $FILES); do
	echo old >"$WORK/tree/f$i"
done

branch() { # NAME PARENT
	mkdir -p "$WORK/$1"
	daxfs-branch create "$1" -p "$2" -r "$R" -m "$WORK/$1"
}

names() { # of the branches that there are
	daxfs-branch list -r "$R" | awk 'NR > 2 { print $1 }' | tr '\n' ' '
}

state() { # NAME
	daxfs-branch status "$1" -r "$R" --json | json_get /state
}

# Its guard begins as a copy of it.
server_of() { # MOUNTPOINT
	local pid

	for pid in $(servers | sort -n); do
		tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$1" && echo "$pid" && return
	done
}

need "a region" mkdaxfs -q -b -d "$WORK/tree" -r "$R" -s 128M
need "main" mount_region r main

# ---- a tree of attempts ----

isolated() {
	branch spec1 main && branch spec2 main || return 1
	echo spec1 >"$S1/f1" && rm "$S1/f2" && mkdir "$S1/dir" &&
		echo deep >"$S1/dir/x" && mv "$S1/f3" "$S1/dir/moved" || return 1
	echo spec2 >"$S2/f1" && [ -e "$S2/f2" ] && [ ! -e "$S2/dir" ] &&
		same "$(cat "$M/f1")" old && same "$(cat "$S1/f1")" spec1 &&
		same "$(cat "$S2/f1")" spec2 && [ ! -e "$M/dir" ]
}

nested() {
	branch spec1a spec1 && same "$(cat "$S1A/dir/moved")" old &&
		[ ! -e "$S1A/f2" ] && refuses 1 "read-only" touch "$S1/x" &&
		same "$(state spec1)" frozen || return 1
	rm -r "$S1A/dir" && echo back >"$S1A/f2" && [ -e "$S1/dir/x" ] &&
		same "$(names)" "spec1 spec1a spec2 "
}

# Once one file is the new one, so is each that is read after it.
observe() {
	local i looks=0 text new

	while [ ! -e "$WORK/done" ]; do
		new=
		for i in $(seq $FILES); do
			read -r text <"$M/f$i" || return 1
			[ "$text" != new ] || new=1
			[ -z "$new" ] || [ "$text" = new ] || {
				echo "f$i is $text after a new one"
				return 1
			}
		done
		looks=$((looks + 1))
		[ -z "$new" ] || [ $looks -lt 2 ] || : >"$WORK/seen"
	done
	[ "$looks" -gt 0 ] && [ -e "$WORK/seen" ]
}

one_instant() {
	local i pid rc tries=1000

	for i in $(seq $FILES); do
		echo new >"$S1A/f$i"
	done
	observe >"$WORK/observer" 2>&1 &
	pid=$!
	STARTED+=("$pid")
	daxfs-branch commit -m "$S1A"
	rc=$?
	while [ ! -e "$WORK/seen" ] && kill -0 "$pid" && [ $((tries--)) -gt 0 ]; do
		sleep 0.02
	done
	: >"$WORK/done"
	wait "$pid" || rc=1
	cat "$WORK/observer"
	return $rc
}

committed() {
	[ ! -e "$M/dir" ] && same "$(cat "$M/f2")" new && same "$(cat "$S1A/f2")" new &&
		refuses 1 "read-only" touch "$S1A/x" && same "$(names)" ""
}

lost() {
	refuses 1 "stale file handle" cat "$S2/f1" &&
		refuses 1 "stale file handle" touch "$S2/x" &&
		refuses 2 "stale file handle" ls "$S2" &&
		refuses 1 "stale file handle" cat "$S1/f1" &&
		refuses 3 "has ended" daxfs-branch commit -m "$S2"
}

t "attempts do not see each other" isolated
t "one inside another" nested
t "a commit is one instant" one_instant
t "... of the whole chain" committed
t "... and the end of all others" lost
t "unmount spec1" unmount "$S1"
t "unmount spec1a" unmount "$S1A"
t "unmount spec2" unmount "$S2"

# ---- one step back ----

steps_back() {
	branch spec1 main && echo 1 >"$S1/step" && branch spec1a spec1 &&
		echo 2 >"$S1A/step" && refuses 1 "read-only" touch "$S1/x" &&
		unmount "$S1A" && wait_gone spec1a && same "$(cat "$S1/step")" 1 &&
		echo 3 >"$S1/step" && same "$(names)" "spec1 "
}

wait_gone() { # NAME: its server has ended
	local i

	for i in $(seq 200); do
		daxfs-branch status "$1" -r "$R" >/dev/null 2>&1 || return 0
		sleep 0.02
	done
	echo "$1 is still there after $i looks"
	return 1
}

parent_first() {
	branch spec1a spec1 && unmount "$S1" && wait_for_state spec1 &&
		same "$(names)" "spec1 spec1a " && unmount "$S1A" &&
		wait_gone spec1a && same "$(state spec1)" orphaned &&
		mount_region r spec1 branch=spec1 && same "$(cat "$S1/step")" 3 &&
		unmount "$S1" && wait_gone spec1
}

# Nobody shows it any more.
wait_for_state() { # NAME
	local i

	for i in $(seq 200); do
		[ "$(daxfs-branch status "$1" -r "$R" --json | json_get '#/mounts')" != 0 ] ||
			return 0
		sleep 0.02
	done
	return 1
}

abort_one() {
	branch spec1 main && branch spec1a spec1 && branch spec2 main &&
		echo kept >"$S2/f1" && daxfs-branch abort -m "$S1A" &&
		refuses 1 "stale" cat "$S1/f1" && refuses 1 "stale" cat "$S1A/f1" &&
		same "$(cat "$S2/f1")" kept && echo more >>"$S2/f1" &&
		same "$(names)" "spec2 "
	unmount "$S1"
	unmount "$S1A"
	unmount "$S2" && wait_gone spec2
}

t "unmount of a leaf is one step back" steps_back
t "a parent is unmounted first" parent_first
t "abort of one leaves the others" abort_one

# ---- killed ----

survives_kill() {
	local i

	branch k main || return 1
	for i in $(seq 5); do
		echo "$i" >>"$WORK/k/log" && mkdir "$WORK/k/d$i" || return 1
		kill -KILL "$(server_of "$WORK/k")"
		fusermount3 -u -z "$WORK/k" 2>/dev/null || umount -l "$WORK/k"
		mount_region r k branch=k && same "$(wc -l <"$WORK/k/log")" "$i" ||
			return 1
	done
	daxfs-branch commit -m "$WORK/k" && same "$(wc -l <"$M/log")" 5 &&
		[ -d "$M/d5" ] && unmount "$WORK/k"
}

is_orphaned() {
	branch o main && echo 1 >"$WORK/o/f" || return 1
	kill -KILL "$(server_of "$WORK/o")"
	fusermount3 -u -z "$WORK/o" 2>/dev/null || umount -l "$WORK/o"
	# Whoever joins next finds that the host is gone.
	wait_for_state o && same "$(state o)" orphaned &&
		daxfs-branch commit -r "$R" -b o && same "$(cat "$M/f")" 1
}

t "a branch survives its servers" survives_kill
t "... as an orphan that can be committed" is_orphaned

# ---- races ----

# Some at once, each with its own number of tries: one wins, the others are lost.
race() {
	local i pids=() won=0 lost=0 rc

	for i in $(seq 6); do
		TMPDIR=$WORK daxfs-branch exec -r "$R" --commit-on-success -- \
			sh -c "echo $i >winner && while [ ! -e '$WORK/go' ]; do
				sleep 0.02; done" 2>/dev/null &
		pids+=($!)
	done
	STARTED+=("${pids[@]}")
	while [ "$(daxfs-inspect branches -r "$R" --json | json_get /active)" -lt 6 ]; do
		sleep 0.02
	done
	: >"$WORK/go"
	for i in "${pids[@]}"; do
		wait "$i"
		rc=$?
		case $rc in
		0) won=$((won + 1)) ;;
		3) lost=$((lost + 1)) ;;
		*) echo "status $rc" ;;
		esac
	done
	rm "$WORK/go"
	echo "$won won, $lost lost"
	[ $won -eq 1 ] && [ $lost -eq 5 ] && same "$(names)" "" &&
		[ "$(cat "$M/winner")" -ge 1 ]
}

series() {
	local i

	for i in $(seq 40); do
		TMPDIR=$WORK daxfs-branch exec --from "$M" --commit-on-success -- \
			sh -c "echo $i >>series" || return 1
	done
	same "$(tail -n 1 "$M/series")" 40 && same "$(wc -l <"$M/series")" 40
}

deep() {
	local i parent=main

	for i in $(seq 64); do
		daxfs-branch create "d$i" -p "$parent" -r "$R" || return 1
		parent=d$i
	done
	mkdir -p "$WORK/deep" && daxfs-fuse "$R" "$WORK/deep" -o branch=d64 &&
		same "$(cat "$WORK/deep/f1")" new && echo deep >"$WORK/deep/f1" &&
		daxfs-branch commit -m "$WORK/deep" && same "$(cat "$M/f1")" deep &&
		unmount "$WORK/deep"
}

t "six race, one wins" race
t "a series of commits" series
t "64 inside one another" deep
t "unmount main" unmount "$M"
t "the region is clean" clean_region r
t "no branch is left" same "$(names)" ""
t "main has what won" same "$(daxfs-inspect cat -r "$R" /f1)" deep
finish
