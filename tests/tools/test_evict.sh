#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hosts that are stopped, stuck or elsewhere: what hosts says, what evict does.
#
# Notes: real processes. $BUILD/evict_host is told what to do through a pipe and
# fakes hosts of another machine. FUSE parts are skipped where nothing mounts.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

ESTALE=-116
region=$SHM/region
machine=$(uname -n)

# ---- hosts that do what they are told: A and B ----

start() { # NAME: sets PID_NAME and SLOT_NAME
	local name=$1

	mkfifo "$WORK/$name.in" "$WORK/$name.out" || return 1
	evict_host "$region" live <"$WORK/$name.in" >"$WORK/$name.out" &
	STARTED+=("$!")
	printf -v "PID_$name" %s "$!"
	eval "exec {IN_$name}>'$WORK/$name.in' {OUT_$name}<'$WORK/$name.out'"
	local out=OUT_$name
	read -r -t 30 "SLOT_$name" <&"${!out}"
}

tell() { # NAME COMMAND...: without waiting for the answer
	local in=IN_$1
	shift

	echo "$*" >&"${!in}"
}

answer() { # NAME
	local out=OUT_$1 line

	read -r -t 60 line <&"${!out}" && echo "$line"
}

says() { # NAME RESULT COMMAND...
	local name=$1 want=$2 got
	shift 2

	tell "$name" "$@"
	got=$(answer "$name") || { echo "$name does not answer: $*"; return 1; }
	same "$got" "$want"
}

stop() { # NAME
	local pid=PID_$1

	tell "$1" end
	wait "${!pid}"
}

# ---- what daxfs-inspect says ----

of_host() { # SLOT KEY: of hosts --json
	local i id

	daxfs-inspect hosts -r "$region" --json >"$WORK/.json" || return 1
	for i in $(seq 0 63); do
		id=$(json_get "/hosts/$i/id" <"$WORK/.json") || return 1
		[ "$id" = "$1" ] || continue
		json_get "/hosts/$i/$2" <"$WORK/.json"
		return
	done
}

shows() { # SLOT KEY VALUE
	same "$(of_host "$1" "$2")" "$3"
}

total() { # KEY: of hosts --json
	daxfs-inspect hosts -r "$region" --json | json_get "/$1"
}

used() {
	daxfs-inspect status -r "$region" --json | json_get /pool/used
}

no_such_host() { # SLOT
	! daxfs-inspect hosts -r "$region" | awk '{ print $1 }' | grep -qx "$1"
}

stopped() { # PID: wait until it is
	local i

	kill -STOP "$1" || return 1
	for i in $(seq 500); do
		grep -q '^State:[[:space:]]*T' "/proc/$1/status" && return 0
		sleep 0.01
	done
	echo "$1 does not stop after $i looks"
	return 1
}

evict() { # ARGUMENT...: its output in $WORK/.evict
	daxfs-inspect evict -r "$region" "$@" >"$WORK/.evict" 2>&1
}

evicts() { # TEXT ARGUMENT...
	local text=$1
	shift

	evict "$@" && grep -q -- "$text" "$WORK/.evict" && return 0
	cat "$WORK/.evict"
	return 1
}

need "a region" empty_region region 128M
need "two hosts" eval "start A && start B"
# shellcheck disable=SC2153 # set by start
a=$SLOT_A b=$SLOT_B

# ---- usage ----

t "evict without a host" refuses 2 "needs a HOST" daxfs-inspect evict -r "$region"
t "a number that nobody has" refuses 1 "no host has that number" \
	daxfs-inspect evict 63 -r "$region"
t "a number beyond the table" refuses 1 "no host has that number" \
	daxfs-inspect evict 64 -r "$region"
t "a name that nobody has" refuses 1 "no such host" \
	daxfs-inspect evict "nowhere:1" -r "$region"
t "-f without evict" refuses 2 "belongs to evict" daxfs-inspect hosts -f -r "$region"
t "a running host is not evicted" refuses 1 "runs on this machine" \
	daxfs-inspect evict "$a" -r "$region"
# shellcheck disable=SC2153 # set by start
t "nor by its name" refuses 1 "runs on this machine" \
	daxfs-inspect evict "$machine:$PID_A" -r "$region"
t "it is alive" shows "$a" state alive
t "and here" shows "$a" here true
t "it works" says A 0 create one

# ---- stuck, pinned, idle ----

t "others work" says B 0 churn 500
t "an idle host is not stuck" shows "$a" stuck false
t "nobody is stuck" eval '[ "$(total stuck)" = 0 ]'
t "it enters a section" says A 0 enter
t "others still work" says B 0 churn 500
t "it is stuck" shows "$a" stuck true
t "the other is not" shows "$b" stuck false
t "memory waits for it" eval '[ "$(total waiting_bytes)" -gt 0 ]'
t "the list says stuck" eval 'daxfs-inspect hosts -r "$region" | grep -q "stuck at -1"'
t "it leaves the section" says A 0 leave
t "others work on" says B 0 churn 500
t "it is not stuck any more" shows "$a" stuck false
t "it pins a file" says A 0 pin one
t "the pin shows" shows "$a" pins true
t "the other has none" shows "$b" pins false

# ---- stopped, evicted, continued ----

tell A enter && answer A >/dev/null
need "the host stops" stopped "$PID_A"
t "others work beside it" says B 0 churn 500
t "it is stopped" shows "$a" state stopped
t "and stuck" shows "$a" stuck true
t "a stopped host is not evicted" refuses 1 "only stopped" \
	daxfs-inspect evict "$a" -r "$region"
t "it is still there" shows "$a" state stopped
t "with --force it is" evicts "evicted, and what it left is recovered" --force "$a"
t "it is gone" no_such_host "$a"
t "it is not evicted twice" refuses 1 "no host has that number" \
	daxfs-inspect evict "$a" -r "$region"
t "nobody is stuck then" eval 'says B 0 churn 500 && [ "$(total stuck)" = 0 ]'
kill -CONT "$PID_A"
t "it finds out when it leaves" says A $ESTALE leave
t "its calls say ESTALE" says A $ESTALE create two
t "all of them" says A $ESTALE unlink one
t "the tree is not changed by it" \
	same "$(daxfs-inspect ls -r "$region" /)" "one"
t "it ends as usual" stop A
t "and its slot stays free" no_such_host "$a"

# ---- a host of another machine ----

# shellcheck disable=SC2034 # of the evals below
before=$(used)
fake=$(evict_host "$region" fake far.example 4711)
t "it is suspect" shows "$fake" state suspect
t "and elsewhere" shows "$fake" here false
t "it holds memory" eval '[ "$(used)" -ge $((before + 1048576)) ]'
sleep 1.5	# the others have looked for dead hosts once at least
t "nobody recovers it by himself" shows "$fake" state suspect
t "evicted by its name" evicts "evicted, and what it left is recovered" far.example:4711
t "it is gone, too" no_such_host "$fake"
t "its memory is back" eval '[ "$(used)" -lt $((before + 262144)) ]'

json_of_evict() {
	fake=$(evict_host "$region" fake far.example 4712) || return 1
	daxfs-inspect evict -r "$region" --json "$fake" >"$WORK/.json" &&
		same "$(json_get /hosts/0/result <"$WORK/.json")" evicted &&
		same "$(json_get /hosts/0/recovered <"$WORK/.json")" true &&
		same "$(json_get /hosts/0/pid <"$WORK/.json")" 4712 &&
		same "$(json_get /hosts/0/machine <"$WORK/.json")" far.example
}
t "evict --json" json_of_evict

several() {
	local x y

	x=$(evict_host "$region" fake far.example 1) &&
		y=$(evict_host "$region" fake far.example 2) || return 1
	evict "$x" 63 "far.example:2"
	same "$?" 1 && same "$(grep -c recovered "$WORK/.evict")" 2 &&
		no_such_host "$x" && no_such_host "$y"
}
t "several, one of them unknown" several

ambiguous() {
	evict_host "$region" fake far.example 3 >"$WORK/.x" &&
		evict_host "$region" fake far.example 3 >"$WORK/.y" || return 1
	refuses 1 "2 hosts are called that" \
		daxfs-inspect evict far.example:3 -r "$region" &&
		evict "$(cat "$WORK/.x")" "$(cat "$WORK/.y")"
}
t "a name that two have" ambiguous

# One of them does it; the other says that somebody else did.
at_once() {
	local i pid rc

	for i in $(seq 10); do
		fake=$(evict_host "$region" fake far.example "$i") || return 1
		daxfs-inspect evict -r "$region" "$fake" >"$WORK/.1" 2>&1 &
		pid=$!
		daxfs-inspect evict -r "$region" "$fake" >"$WORK/.2" 2>&1
		rc=$?
		wait "$pid" || rc=$((rc + $?))
		if [ "$(cat "$WORK/.1" "$WORK/.2" | grep -c ": evicted")" -ne 1 ] ||
			! grep -Eq "another|before|no host has" "$WORK/.1" "$WORK/.2" ||
			! no_such_host "$fake"; then
			echo "round $i, statuses $rc:"
			cat "$WORK/.1" "$WORK/.2"
			return 1
		fi
	done
}
t "two evictions at once" at_once

# ---- kernels: they have no process ----

says_of_kernel() { # SLOT: the line of hosts
	daxfs-inspect hosts -r "$region" | awk -v s="$1" '$1 == s { print $2, $3, $4 }'
}
far_kernel() {
	fake=$(evict_host "$region" fake far.example 0) || return 1
	same "$(says_of_kernel "$fake")" "kernel - suspect" || return 1
	shows "$fake" here false || return 1
	same "$(daxfs-inspect evict -r "$region" far.example:0)" \
		"host $fake (the kernel of far.example): evicted, and what it left is recovered"
}
t "the kernel of another machine" far_kernel
own_kernel() {
	fake=$(evict_host "$region" fake-kernel) || return 1
	same "$(says_of_kernel "$fake")" "kernel - suspect" && shows "$fake" here true &&
		refuses 1 "this machine's kernel has it mounted" \
			daxfs-inspect evict -r "$region" "$fake" &&
		shows "$fake" state suspect &&
		daxfs-inspect evict --force -r "$region" "$fake" && no_such_host "$fake"
}
t "the kernel of this machine is to unmount" own_kernel

full_table() {
	local i

	for i in $(seq 63); do
		evict_host "$region" fake far.example "$i" || return 1
	done >"$WORK/.slots"
	refuses 1 "slots" daxfs-inspect ls -r "$region" / || return 1
	evicts recovered far.example:40 || return 1
	same "$(daxfs-inspect ls -r "$region" /)" "one" || return 1
	for i in $(seq 63); do
		[ "$i" -eq 40 ] || echo "far.example:$i"
	done | xargs daxfs-inspect evict -r "$region" >"$WORK/.evict"
}
t "a full table of hosts" full_table
t "the other host works on" says B 0 churn 10
t "it ends" stop B
t "the region is clean" clean_region region

# ---- FUSE ----

if [ ! -e /dev/fuse ] || ! command -v fusermount3 >/dev/null; then
	skip "a server that is evicted" "no FUSE here"
	finish
fi

server_of() { # MOUNTPOINT
	local dir

	for dir in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$dir/cmdline" |
			grep -q "daxfs-fuse .*$WORK/$1 " && echo "${dir#/proc/}"
	done
}

gone() { # MOUNTPOINT PID
	local i

	for i in $(seq 600); do
		[ -e "/proc/$2" ] || break
		sleep 0.05
	done
	if mountpoint -q "$WORK/$1"; then
		echo "still mounted after $i looks"
		return 1
	fi
}

mkdir "$WORK/one" "$WORK/two"
need "a second region" empty_region fuse 16M
region=$SHM/fuse
daxfs-fuse -f "$region" "$WORK/one" >"$WORK/server.out" 2>&1 &
server=$!
STARTED+=("$server")
for i in $(seq 200); do
	mountpoint -q "$WORK/one" && break
	sleep 0.05
done
need "a mount" mountpoint -q "$WORK/one"
need "another mount" mount_region fuse two
echo hello >"$WORK/one/file"
# In a process of its own: each one that has the file open asks the server when
# it ends, and waits for it while it is stopped.
sleep 1000 3<"$WORK/one/file" &
holder=$!
STARTED+=("$holder")
slot=$(daxfs-inspect hosts -r "$region" | awk -v p="$server" '$3 == p { print $1 }')
need "the server stops" stopped "$server"
t "the server is shown as stopped" shows "$slot" state stopped
t "evicting it through the other mount" \
	eval 'daxfs-inspect evict --force -m "$WORK/two" "$slot" >"$WORK/.evict" 2>&1'
t "the other mount works" eval \
	'same "$(cat "$WORK/two/file")" hello && echo more >>"$WORK/two/file"'
kill -CONT "$server"
t "it unmounts by itself" gone one "$server"
wait "$server"
t "its exit status says so" same "$?" 3
t "and it says why" grep -q "this host was evicted" "$WORK/server.out"
kill "$holder"
wait "$holder"
t "the other mount is as it was" same "$(cat "$WORK/two/file")" "hello
more"
t "the other unmounts" unmount "$WORK/two"
t "the region of the mounts is clean" clean_region fuse
finish
