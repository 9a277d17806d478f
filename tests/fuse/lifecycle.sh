#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# How a mount begins, how it ends, and what happens if its memory goes away.
#
# Notes: as root, the part of an ordinary user is played by number 65534 in a
# mount namespace of its own, where /dev/fuse is open to all as on any desktop.
. "$(dirname "$0")/../lib.sh"

M=$WORK/m
R=$SHM/r
mkdir "$M"

hosts() { # how many there are
	daxfs-inspect hosts -r "$R" --json | grep -c '"pid"'
}

server_of() { # REGION: its process
	local dir

	for dir in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$dir/cmdline" |
			grep -q "daxfs-fuse .*$1" && echo "${dir#/proc/}"
	done
}

gone() { # PID; a zombie that nobody reaps has no command line
	local i

	for i in $(seq 200); do
		grep -q . "/proc/$1/cmdline" 2>/dev/null || return 0
		sleep 0.02
	done
	echo "process $1 is still there after $i looks"
	return 1
}

not_mounted() {
	[ -z "$(mounts_below "$WORK")" ] && return 0
	echo "still mounted: $(mounts_below "$WORK")"
	return 1
}

need "a region" empty_region r 128M

# ---- background, foreground ----

background() {
	daxfs-fuse "$R" "$M" || return 1
	findmnt -n "$M" >/dev/null && same "$(hosts)" 1 || return 1
	# Of its own session: field 6 of stat(5), the fourth behind the name in brackets.
	same "$(sed 's/.*) //' "/proc/$(server_of "$R")/stat" | cut -d' ' -f4)" \
		"$(server_of "$R")"
}
background_ends() {
	local pid

	pid=$(server_of "$R")
	unmount "$M" && gone "$pid" && same "$(hosts)" 0
}
t "goes to the background when the mount answers" background
t "ends with the unmount and leaves the region" background_ends

foreground() { # SIGNAL
	local pid i rc

	# A shell's background job ignores INT and QUIT from the start.
	env --default-signal=INT,QUIT daxfs-fuse -f "$R" "$M" &
	pid=$!
	for i in $(seq 200); do
		findmnt -n "$M" >/dev/null && break
		sleep 0.02
	done
	echo "$i" >"$M/x" || return 1
	exec 9<"$M/x"
	kill "-$1" "$pid"
	wait "$pid"
	rc=$?
	exec 9<&-
	same "$rc" 0 && not_mounted && same "$(hosts)" 0
}
for sig in TERM INT HUP QUIT; do
	t "a file is open and $sig comes" foreground "$sig"
done

# A signal at any moment of the start finds it clean.
early_signals() {
	local i pid

	for i in $(seq 0 2 60); do
		daxfs-fuse "$R" "$M" &
		pid=$!
		sleep "0.0$(printf %02d "$i")"
		kill -TERM "$pid" 2>/dev/null
		wait "$pid"
		# Mounted just before: the signal is on its way to the server.
		! findmnt -n "$M" >/dev/null || unmount "$M" 2>/dev/null
		wait_for_servers && not_mounted || return 1
	done
	same "$(hosts)" 0
}
t "a signal while it starts" early_signals

killed() {
	local pid

	daxfs-fuse "$R" "$M" && echo kept >"$M/kept" || return 1
	pid=$(server_of "$R")
	kill -KILL "$pid"
	gone "$pid" || return 1
	refuses 32 "without unmounting.*fusermount3 -u" daxfs-fuse "$R" "$M" ||
		return 1
	unmount "$M" && daxfs-fuse "$R" "$M" || return 1
	same "$(cat "$M/kept")" kept && same "$(hosts)" 1 && unmount "$M" &&
		clean_region r
}
t "killed, unmounted and mounted again" killed

# ---- names of regions; ways to mount ----

odd_name() {
	ln "$R" "$SHM/a,b\\c d" && daxfs-fuse "$SHM/a,b\\c d" "$M" || return 1
	same "$(cat "$M/kept")" kept && unmount "$M"
}
t "a region with a comma, a backslash and a space" odd_name

relative() {
	(cd "$WORK" && daxfs-fuse "$(realpath --relative-to=. "$R")" m) &&
		same "$(cat "$M/kept")" kept &&
		unmount "$M"
}
t "relative paths" relative

direct() {
	daxfs-fuse -o direct_io "$R" "$M" || return 1
	head -c 3M /dev/urandom >"$WORK/random" && cp "$WORK/random" "$M/" &&
		cmp "$WORK/random" "$M/random" && unmount "$M"
}
t "direct_io" direct

sparse() {
	daxfs-fuse "$R" "$M" || return 1
	truncate -s 9M "$WORK/sparse" && cp --sparse=always "$WORK/sparse" "$M/" &&
		printf end | dd of="$M/sparse" bs=1 seek=5000000 conv=notrunc \
			status=none &&
		printf end | dd of="$WORK/sparse" bs=1 seek=5000000 \
			conv=notrunc status=none &&
		unmount "$M" && daxfs-fuse "$R" "$M" &&
		cmp "$WORK/sparse" "$M/sparse" && unmount "$M"
}
t "holes read as zeros" sparse

many_readers() {
	local i pids=() pid

	daxfs-fuse -o max_threads=8 "$R" "$M" || return 1
	for i in $(seq 24); do
		cmp "$WORK/random" "$M/random" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return 1
	done
	unmount "$M"
}
t "more readers than threads" many_readers

# ---- a static image ----

make_static() {
	mkdir "$WORK/tree" "$WORK/tree/d" && echo text >"$WORK/tree/d/f" &&
		ln -s d/f "$WORK/tree/l" && cp "$WORK/random" "$WORK/tree/" &&
		mkdaxfs -q -d "$WORK/tree" -o "$SHM/static"
}
static() {
	daxfs-fuse "$SHM/static" "$M" || return 1
	diff -r "$WORK/tree" "$M" && diff -r "$WORK/tree" "$M" &&
		same "$(readlink "$M/l")" d/f || return 1
	refuses 1 "read-only" touch "$M/new" && [ ! -e "$M/new" ] && unmount "$M"
}
t "make a static image" make_static
t "a static image" static
t "a static image, validated" daxfs-fuse -o validate "$SHM/static" "$M"
t "its unmount" unmount "$M"

# ---- an ordinary user ----

as_user() { # COMMAND...: in a namespace whose /dev/fuse is as udev makes it
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
		return
	fi
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -ec '
		mount -t tmpfs none "$0"
		mknod -m 666 "$0/fuse" c 10 229
		mount --bind "$0/fuse" /dev/fuse
		umount -l "$0"
		exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	' "$WORK/dev" "$@"
}
user_session() {
	daxfs-fuse "$SHM/user" "$WORK/um" || return 1
	echo "mine" >"$WORK/um/x" && same "$(cat "$WORK/um/x")" mine &&
		same "$(stat -c %u "$WORK/um/x")" "$(id -u)" &&
		fusermount3 -u "$WORK/um"
}
user() {
	mkdir -p "$WORK/um" "$WORK/dev" && empty_region user 32M || return 1
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534:65534 "$SHM/user" "$WORK/um"
		daxfs-fuse "$SHM/user" "$M" && chmod 777 "$M" && unmount "$M" ||
			return 1
	fi
	export -f user_session same
	export SHM WORK
	as_user bash -c user_session && wait_for_servers
}
t "an ordinary user" user
user_refused() {
	# A region that he may read only, with an overlay.
	chmod 644 "$SHM/r2" && as_user bash -c "
		PATH=$PATH; daxfs-fuse -o ro '$SHM/r2' '$WORK/um'" 2>"$WORK/err"
	same $? 32 && grep -q "$SHM/r2: write permission is needed" "$WORK/err"
}
if [ "$(id -u)" -eq 0 ]; then
	t "another region" empty_region r2 32M
	t "an ordinary user without permission" user_refused
fi

# ---- the region's file is truncated under the mount ----

cut_to() { # SIZE
	local rc

	rm -f "$SHM/cut"
	empty_region cut 64M && daxfs-fuse "$SHM/cut" "$M" || return 1
	head -c 20M /dev/urandom >"$M/file" && echo small >"$M/small" &&
		unmount "$M" && wait_for_servers && daxfs-fuse "$SHM/cut" "$M" ||
		return 1
	truncate -s "$1" "$SHM/cut"
	# Content that is still all there may be read until the server looks.
	for _ in $(seq 100); do
		timeout 20 cat "$M/file" >/dev/null 2>"$WORK/err"
		rc=$?
		[ "$rc" -eq 0 ] || break
		sleep 0.05
	done
	cat "$WORK/err"
	same "$rc" 1 && grep -q "Input/output error" "$WORK/err" || return 1
	# It stays so, even if the file gets its size back.
	truncate -s 64M "$SHM/cut"
	refuses 1 "input/output error" timeout 20 cat "$M/small" || return 1
	refuses 1 "input/output error" timeout 20 touch "$M/new" || return 1
	unmount "$M" && wait_for_servers
}
t "truncated to nothing" cut_to 0
t "truncated to one page" cut_to 4096
t "truncated in the middle of a page" cut_to 5000001
t "truncated, most is left" cut_to 63M

t "nothing is mounted" not_mounted
t "the region is clean" clean_region r
finish
