#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# daxfs-inspect and fsck.daxfs: what they say, of what, and with which status.
#
# Notes: needs $BUILD; the JSON is read by $BUILD/json_get. Regions are in
# /dev/shm, mounts in $TMPDIR; all are removed at the end.
set -u
: "${BUILD:?names the folder with the programs}"
PATH=$BUILD:$PATH
LC_ALL=C
export LC_ALL

passed=0
failed=0
servers=
top=$(mktemp -d "${TMPDIR:-/tmp}/test-inspect.XXXXXX") || exit 1
shm=$(mktemp -d /dev/shm/test-inspect.XXXXXX) || exit 1
mnt=$top/mnt
mkdir "$mnt"

cleanup() {
	local pid

	cd /
	mountpoint -q "$mnt" && { fusermount3 -u "$mnt" || umount -l "$mnt"; }
	for pid in $servers; do
		[ ! -e "/proc/$pid" ] || kill -TERM "$pid"
	done
	rm -rf --one-file-system "$top" "$shm"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

t() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$top/t.out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $name"
	else
		failed=$((failed + 1))
		echo "not ok $name"
		sed 's/^/  # /' "$top/t.out" | head -n 20
	fi
}

# The command ends with that status; its output is in $out and $err.
status() { # STATUS COMMAND...
	local want=$1 rc
	shift
	out=$("$@" 2>"$top/err")
	rc=$?
	err=$(cat "$top/err")
	[ "$rc" -eq "$want" ] && return 0
	echo "status $rc instead of $want: $*"
	echo "$out"
	echo "$err"
	return 1
}

# ... and says that on stderr.
refuses() { # STATUS TEXT COMMAND...
	local want=$1 text=$2
	shift 2
	status "$want" "$@" || return 1
	[[ $err == *"$text"* ]] && return 0
	echo "does not say '$text' but: $err"
	return 1
}

json() { # POINTER: of $out
	json_get "$1" <<<"$out"
}

is() { # POINTER VALUE
	local got
	got=$(json "$1") || return 1
	[ "$got" = "$2" ] && return 0
	echo "$1 is $got instead of $2"
	return 1
}

# ---- usage ----

t "no command" refuses 2 "name a command" daxfs-inspect
t "unknown command" refuses 2 "'frob'" daxfs-inspect frob -r x
t "no region" refuses 2 "name the region" daxfs-inspect status
t "two regions" refuses 2 "one of" daxfs-inspect status -r x -m y
t "-p without -s" refuses 2 "-s" daxfs-inspect status -p 0x1000
t "-s without -p" refuses 2 "-p" daxfs-inspect status -r x -s 1M
t "a size that is none" refuses 2 "not a size" daxfs-inspect status -p 0 -s 1Q
t "an address that is none" refuses 2 "not an address" daxfs-inspect status -p z -s 1M
t "cat without a path" refuses 2 "PATH" daxfs-inspect cat -r x
t "too many arguments" refuses 2 "too many" daxfs-inspect status a b -r x
t "unknown option" refuses 2 "wrong option" daxfs-inspect status --frob
t "-b of something else" refuses 2 "-b belongs to cat" daxfs-inspect status -r x -b y
t "--help" status 0 daxfs-inspect --help
t "--version" status 0 daxfs-inspect --version
t "fsck --help" status 0 fsck.daxfs --help
t "fsck --version" status 0 fsck.daxfs --version
t "fsck without a region" refuses 16 "name one region" fsck.daxfs
t "fsck -n -p" refuses 16 "excludes" fsck.daxfs -n -p x
t "a full standard output" refuses 1 "standard output" \
	bash -c 'daxfs-inspect --help >/dev/full'

# ---- what is no region ----

no=$shm/none
t "no such region" refuses 1 "$no" daxfs-inspect status -r "$no"
t "fsck: no such region" refuses 8 "$no" fsck.daxfs "$no"
head -c 1000000 /dev/zero >"$shm/zeros"
t "not a region" refuses 1 "$shm/zeros" daxfs-inspect status -r "$shm/zeros"
t "fsck: not a region" status 8 fsck.daxfs "$shm/zeros"
: >"$shm/nothing"
t "an empty file" refuses 1 "$shm/nothing" daxfs-inspect status -r "$shm/nothing"
t "no mount there" refuses 1 "no daxfs is mounted" daxfs-inspect status -m /proc
t "no such mountpoint" refuses 1 "$no" daxfs-inspect status -m "$no"

# ---- a static image ----

src=$top/src
mkdir -p "$src/dir/sub" "$src/empty"
echo "some text" >"$src/dir/file-with-a-long-name"
head -c 3000000 /dev/urandom >"$src/dir/sub/big"
ln "$src/dir/sub/big" "$src/hard"
ln -s dir/sub "$src/link"
ln -s /dir/file-with-a-long-name "$src/dir/sub/absolute"
ln -s round "$src/round"
printf 'x' >"$src/$(printf 'odd\377name')"
chmod 4755 "$src/dir/file-with-a-long-name"
touch -d '1969-12-31T23:59:58.5Z' "$src/dir/file-with-a-long-name"
img=$shm/image
uuid=6f9d37b5-6a5e-4c9a-8a1b-2f4c9e3d7a10
t "mkdaxfs, static" status 0 mkdaxfs -q -d "$src" -o "$img" --uuid $uuid --label "a label"

t "status" status 0 daxfs-inspect status -r "$img"
static_json() {
	status 0 daxfs-inspect status -r "$img" --json &&
		is /version 1 && is /uuid $uuid && is /label "a label" &&
		is /mode static && is /branching false && is /overlay false &&
		is /size "$(stat -c %s "$img")" &&
		is /base/inodes "$(find "$src" -printf '%i\n' | sort -u | wc -l)" &&
		is /pool/total 0 && is /pool/used 0 && is /pool/free 0 &&
		is '#/hosts' 0 && is /branches/active 0 &&
		[ "$(json /base/bytes)" -ge 3000000 ]
}
t "status --json of an image" static_json
t "no overlay" refuses 1 "without an overlay" daxfs-inspect overlay -r "$img"
t "no hosts" refuses 1 "without an overlay" daxfs-inspect hosts -r "$img"

ls_matches() {
	status 0 daxfs-inspect ls -R -r "$img" || return 1
	# shellcheck disable=SC2012 # ls is what it is compared with
	diff <(echo "$out") <(cd "$src" && ls -A -R . | sed 's#^\./\(.*:\)$#/\1#; s#^\.:$#/:#')
}
t "ls -R lists what ls -R lists" ls_matches
ls_json() {
	status 0 daxfs-inspect ls -R --json -r "$img" /dir &&
		is '#' 4 && is /0/path /dir/file-with-a-long-name &&
		is /0/type file && is /0/mode 4755 && is /0/size 10 &&
		is /0/mtime_ns -1500000000 && is /1/type directory &&
		is /2/path /dir/sub/absolute && is /2/type symlink &&
		is /2/target /dir/file-with-a-long-name && is /3/nlink 2 &&
		is /3/uid "$(id -u)"
}
t "ls -R --json" ls_json
odd_json() {
	status 0 daxfs-inspect ls --json -r "$img" || return 1
	[[ $(json '') == *'odd�name'* && $(json '') == *'"path_is_exact": false'* ]]
}
t "ls --json of a name that is not UTF-8" odd_json
long_ls() {
	status 0 daxfs-inspect ls -l -r "$img" /dir/file-with-a-long-name &&
		[[ $out == "-rwsr-xr-x "*" 10 1969-12-31 23:59:58 /dir/file-with-a-long-name" ]]
}
t "ls -l of a file" long_ls
t "ls of what is not there" refuses 1 "/dir/nothing" daxfs-inspect ls -r "$img" /dir/nothing
t "ls beneath a file" refuses 1 "Not a directory" \
	daxfs-inspect ls -r "$img" /dir/file-with-a-long-name/x
t "ls -l and cat do not go together" refuses 2 "belong to ls" daxfs-inspect cat -l -r "$img" /x
cat_is() { # PATH FILE
	daxfs-inspect cat -r "$img" "$1" | cmp - "$2"
}
t "cat" cat_is /dir/sub/big "$src/dir/sub/big"
t "cat through links" cat_is link/absolute "$src/dir/file-with-a-long-name"
t "cat with dots" cat_is /empty/../dir/./sub//big "$src/hard"
t "cat of a directory" refuses 1 "Is a directory" daxfs-inspect cat -r "$img" /dir
t "cat of a link to itself" refuses 1 "symbolic links" daxfs-inspect cat -r "$img" /round
closed_pipe() {
	daxfs-inspect cat -r "$img" /dir/sub/big 2>"$top/err" | head -c 1 >/dev/null
	[ ! -s "$top/err" ] || cat "$top/err"
	[ ! -s "$top/err" ]
}
t "cat into a closed pipe is quiet" closed_pipe
t "fsck of an image" status 0 fsck.daxfs -n "$img"
fsck_json() {
	status 0 fsck.daxfs --json "$img" && is /status 0 && is /clean true &&
		is /problems 0 && is '#/findings' 0 &&
		is /base/inodes "$(find "$src" -printf '%i\n' | sort -u | wc -l)"
}
t "fsck --json of an image" fsck_json

# ---- damage ----

damage() { # FILE OFFSET: another byte there
	printf '\252' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
cp "$img" "$shm/bad"
damage "$shm/bad" "$(grep -abo file-with-a-long-name "$shm/bad" | head -n 1 | cut -d: -f1)"
bad_base() {
	status 4 fsck.daxfs --json "$shm/bad" && is /clean false && is /findings/0/where base
}
t "fsck finds a changed name" bad_base
t "... and says so in words" status 4 fsck.daxfs -n "$shm/bad"
cp "$img" "$shm/bad"
damage "$shm/bad" 80
t "fsck finds a changed superblock" refuses 4 "$shm/bad" fsck.daxfs "$shm/bad"
bad_super() {
	status 4 fsck.daxfs --json "$shm/bad" && is /findings/0/where super
}
t "... in JSON too" bad_super
t "status of a changed superblock" refuses 1 "$shm/bad" daxfs-inspect status -r "$shm/bad"
cp "$img" "$shm/bad"
truncate -s -1M "$shm/bad"
t "fsck finds a short region" refuses 4 "$shm/bad" fsck.daxfs "$shm/bad"
t "status of a short region" refuses 1 "$shm/bad" daxfs-inspect status -r "$shm/bad"

# ---- an overlay, and hosts ----

reg=$shm/region
t "mkdaxfs, empty" status 0 mkdaxfs -q --empty -r "$reg" -s 64M
t "pcache of a region without" refuses 1 "not in split mode" daxfs-inspect pcache -r "$reg"
empty_json() {
	status 0 daxfs-inspect status -r "$reg" --json &&
		is /mode empty && is /overlay true && is /size 67108864 &&
		is /base/inodes 0 && is '#/hosts' 0 &&
		[ $(($(json /pool/used) + $(json /pool/free))) -eq "$(json /pool/total)" ] &&
		[ "$(json /pool/total)" -gt 60000000 ]
}
t "status --json of an empty region" empty_json
overlay_json() {
	local k
	status 0 daxfs-inspect overlay -r "$reg" --json || return 1
	for k in /buckets /used /load /entries/dirents /entries/inodes \
		/entries/whiteouts /probe/mean /probe/max; do
		json $k >/dev/null || return 1
	done
	[ "$(json /buckets)" -ge 512 ]
}
t "overlay --json" overlay_json
t "overlay" status 0 daxfs-inspect overlay -r "$reg"
none_json() {
	status 0 daxfs-inspect hosts -r "$reg" --json && is '#/hosts' 0
}
t "hosts --json of nobody" none_json
t "fsck of an empty region" status 0 fsck.daxfs "$reg"

t "mount it" status 0 daxfs-fuse "$reg" "$mnt"
alive() {
	status 0 daxfs-inspect hosts -m "$mnt" --json && is '#/hosts' 1 &&
		is /hosts/0/kind fuse && is /hosts/0/state alive &&
		[ -e "/proc/$(json /hosts/0/pid)" ] &&
		is /hosts/0/machine "$(hostname | cut -c1-63)"
}
t "hosts of a mount" alive
out=$(daxfs-inspect hosts -m "$mnt" --json)
servers=$(json /hosts/0/pid)
mkdir "$mnt/d" && echo "through the mount" >"$mnt/d/f" && ln -s d "$mnt/l"
reads_mount() {
	[ "$(daxfs-inspect cat -m "$mnt/d" /l/f)" = "through the mount" ] &&
		[ "$(daxfs-inspect ls -r "$reg" /d)" = f ]
}
t "cat and ls see what the mount wrote" reads_mount
counts_mount() {
	status 0 daxfs-inspect overlay -m "$mnt" --json &&
		is /entries/dirents 3 && [ "$(json /entries/inodes)" -ge 3 ]
}
t "overlay counts it" counts_mount
alone_again() {
	status 0 daxfs-inspect hosts -m "$mnt" --json && is '#/hosts' 1
}
t "the tool has left the host table" alone_again
t "fsck of a region in use" status 0 fsck.daxfs -n "$reg"

if [ -n "$servers" ]; then
	kill -KILL "$servers"
	while [ -e "/proc/$servers" ]; do sleep 0.02; done
	fusermount3 -u "$mnt" 2>/dev/null || umount -l "$mnt"
fi
gone() {
	status 0 daxfs-inspect hosts -r "$reg" --json && is /hosts/0/state gone
}
t "a killed server is gone" gone
gone_fsck() {
	status 4 fsck.daxfs -n --json "$reg" && is /findings/0/where host &&
		is /hosts/gone 1
}
t "fsck -n finds it and leaves it" gone_fsck
recovers() {
	status 1 fsck.daxfs -p --json "$reg" && is /hosts/recovered 1 &&
		is /hosts/gone 0 && is /status 1
}
t "fsck -p recovers it" recovers
t "then it is clean" status 0 fsck.daxfs -n "$reg"
survives() {
	[ "$(daxfs-inspect cat -r "$reg" /d/f)" = "through the mount" ]
}
t "what it wrote is there" survives

if [ "$(id -u)" -eq 0 ] && id nobody >/dev/null 2>&1; then
	chmod 755 "$shm" && chmod 644 "$reg"
	chmod 755 "$top"
	cp "$BUILD/daxfs-inspect" "$top/daxfs-inspect"
	as_nobody() {
		status 0 setpriv --reuid=nobody --regid=nogroup --clear-groups \
			"$top/daxfs-inspect" cat -r "$reg" /d/f &&
			[ "$out" = "through the mount" ] &&
			[[ $err == *"not writable"* ]]
	}
	t "who may only read is told what that means" as_nobody
fi

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
