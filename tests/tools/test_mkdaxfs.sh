#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# mkdaxfs: its options, what it says and with which status, what it leaves.
#
# Notes: needs $BUILD; the JSON is read by $BUILD/json_get. What an image holds
# is compared byte by byte in tests/unit/test_image.c. Regions are in /dev/shm,
# trees and mounts in $TMPDIR; all are removed at the end.
set -u
: "${BUILD:?names the folder with the programs}"
PATH=$BUILD:$PATH
LC_ALL=C
export LC_ALL
unset SOURCE_DATE_EPOCH

passed=0
failed=0
skipped=0
out=
err=
top=$(mktemp -d "${TMPDIR:-/tmp}/test-mkdaxfs.XXXXXX") || exit 1
shm=$(mktemp -d /dev/shm/test-mkdaxfs.XXXXXX) || exit 1
mnt=$top/mnt
mkdir "$mnt"

cleanup() {
	cd /
	mountpoint -q "$mnt" && { fusermount3 -u "$mnt" || umount -l "$mnt"; }
	mountpoint -q "$top/tree/other" && umount "$top/tree/other"
	mountpoint -q "$top/small" && umount "$top/small"
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

skip() { # NAME REASON
	skipped=$((skipped + 1))
	echo "skip $1: $2"
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

# ... says that on stderr, and leaves nothing new in $shm.
refuses() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 before after
	shift 2
	before=$(ls -lA --full-time "$shm")
	status "$want" "$@" || return 1
	after=$(ls -lA --full-time "$shm")
	if [ "$before" != "$after" ]; then
		echo "left something behind: $after"
		return 1
	fi
	[[ $err == *"$text"* ]] && return 0
	echo "does not say '$text' but: $err"
	return 1
}

is() { # POINTER VALUE: of the JSON in $out
	local got
	got=$(json_get "$1" <<<"$out") || return 1
	[ "$got" = "$2" ] && return 0
	echo "$1 is $got instead of $2"
	return 1
}

tree=$top/tree
mkdir -p "$tree/dir/sub"
echo "some text" >"$tree/dir/file"
head -c 3000000 /dev/urandom >"$tree/dir/sub/big"
ln "$tree/dir/file" "$tree/hard"
ln -s dir/sub "$tree/link"
mkfifo "$tree/fifo"
img=$shm/image
reg=$shm/region
uuid=6f9d37b5-6a5e-4c9a-8a1b-2f4c9e3d7a10

# ---- usage ----

t "no arguments" refuses 2 "no source" mkdaxfs
t "nowhere to write" refuses 2 "nowhere to write" mkdaxfs -d "$tree"
t "-d and --empty" refuses 2 "exclude each other" mkdaxfs -d "$tree" -E -r "$reg"
t "two outputs" refuses 2 "given twice" mkdaxfs -d "$tree" -o "$img" -o "$img.other"
t "split mode of nothing" refuses 2 "no content" mkdaxfs --empty -r "$reg" -o "$img"
t "split mode, one file for both" refuses 1 "same file" mkdaxfs -d "$tree" -r "$reg" -o "$reg"
t "split mode in no heap" refuses 1 "not a dma-buf heap" \
	mkdaxfs -d "$tree" -H "$tree/hard" -m "$mnt" -o "$img"
t "split mode, too small" refuses 1 "too small" mkdaxfs -d "$tree" -r "$reg" -o "$img" -s 4M -C 1024
t "--empty with -o" refuses 2 "--empty with -o" mkdaxfs -E -o "$img"
t "-O with -o" refuses 2 "-O means nothing" mkdaxfs -d "$tree" -o "$img" -O 1M
t "-B with -o" refuses 2 "-B means nothing" mkdaxfs -d "$tree" -o "$img" -B 512
t "-b with -o" refuses 2 "-b means nothing" mkdaxfs -d "$tree" -o "$img" -b
t "-C without split mode" refuses 2 "split mode" mkdaxfs -C 64 -d "$tree" -r "$reg"
t "-C 8" refuses 2 "power of two" mkdaxfs -C 8 -d "$tree" -r "$reg" -o "$img"
t "-C 100" refuses 2 "power of two" mkdaxfs -C 100 -d "$tree" -r "$reg" -o "$img"
t "--prewarm without split mode" refuses 2 "split mode" \
	mkdaxfs --prewarm none -d "$tree" -r "$reg"
t "-r and -p" refuses 2 "exclude each other" mkdaxfs -E -r "$reg" -p 0 -s 1M
t "-r and -H" refuses 2 "exclude each other" mkdaxfs -E -r "$reg" -H x -m "$mnt"
t "-p without -s" refuses 2 "-p needs -s" mkdaxfs -E -p 0x1000
for p in z -4096 100 0x1000x 0xfffffffffffff000; do
	t "-p $p" refuses 2 "not a range of physical memory" mkdaxfs -E -p "$p" -s 1M
done
for r in phys: phys:0 phys:0:0 phys:1:4096 phys:0:1 phys:0:1M: phys:x:1M; do
	t "-r $r" refuses 1 "not a range of physical memory" mkdaxfs -E -r $r
done
t "-H without -m" refuses 2 "-H needs -m" mkdaxfs -E -H /dev/dma_heap/system -s 1M
t "-H that is no heap" refuses 1 "not a dma-buf heap" mkdaxfs -E -H "$tree/hard" -m "$mnt"
t "-H that is nothing" refuses 1 "/dev/dma_heap" mkdaxfs -E -H "$shm/none" -m "$mnt"
t "-H and --persistent" refuses 2 "never persistent" \
	mkdaxfs -E -H /dev/dma_heap/system -m "$mnt" --persistent
t "unknown option" refuses 2 "frob" mkdaxfs --frob
t "one argument too many" refuses 2 "too many" mkdaxfs -E -r "$reg" x
for s in 0 -1 x 1X 1MM 1.5G "" 18446744073709551616 20000000T 257T; do
	t "-s '$s'" refuses 2 "not a size" mkdaxfs -E -r "$reg" -s "$s"
done
for b in 0 3 1000 -8 8x 68719476736; do
	t "-B $b" refuses 2 "power of two" mkdaxfs -E -r "$reg" -B $b
done
t "--uuid that is none" refuses 2 "not a UUID" mkdaxfs -E -r "$reg" --uuid 12
long=$(printf '%064d' 0)
t "--label of 64 bytes" refuses 2 "at most 63" mkdaxfs -E -r "$reg" --label "$long"
t "--label of 63 bytes" status 0 mkdaxfs -q -E -r "$shm/l" --label "${long:1}"
t "--source-date-epoch" refuses 2 "seconds" mkdaxfs -E -r "$reg" --source-date-epoch x
t "SOURCE_DATE_EPOCH" refuses 2 "SOURCE_DATE_EPOCH" \
	env SOURCE_DATE_EPOCH=-1 mkdaxfs -E -r "$reg"
t "--help" status 0 mkdaxfs --help
t "--version" status 0 mkdaxfs --version
t "a full standard output" refuses 1 "standard output" \
	bash -c 'mkdaxfs --help >/dev/full'

# ---- source and place ----

t "no such tree" refuses 1 "$top/none: No such file" mkdaxfs -d "$top/none" -o "$img"
t "a tree that is a file" refuses 1 "Not a directory" \
	mkdaxfs -d "$tree/dir/file" -o "$img"
t "no such folder" refuses 1 "no such directory" mkdaxfs -d "$tree" -o "$shm/x/y"
t "a folder as target" refuses 1 "is a directory" mkdaxfs -d "$tree" -o "$shm" -f
t "a FIFO as target" refuses 1 "neither a file" mkdaxfs -d "$tree" -o "$tree/fifo" -f
t "a device that is no memory" refuses 1 "not a device of memory" \
	mkdaxfs -E -r /dev/null -f
t "no such mountpoint" refuses 1 "$top/none" mkdaxfs -E -r "$reg" -m "$top/none"
t "a mountpoint that is a file" refuses 1 "not a directory" \
	mkdaxfs -E -r "$reg" -m "$tree/hard"
# Files of sysfs are shorter than stat says: they "change" each time.
t "a source that changes" refuses 1 "/sys/kernel/" \
	mkdaxfs -d /sys/kernel --exclude '*/*' -o "$img"
denied() {
	chmod 0 "$tree/dir/sub/big"
	refuses 1 "$tree/dir/sub/big: cannot read: Permission denied" \
		mkdaxfs -d "$tree" -o "$img"
}
if [ "$(id -u)" -ne 0 ]; then
	t "a file that may not be read" denied
	chmod 644 "$tree/dir/sub/big"
else
	nobody() {
		chmod 755 "$top"
		chmod 1777 "$shm"
		refuses 1 "$tree/dir/sub/big: cannot read: Permission denied" \
			setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$BUILD/mkdaxfs" -d "$tree" -o "$img"
	}
	chmod 600 "$tree/dir/sub/big"
	t "a file that may not be read" nobody
	chmod 644 "$tree/dir/sub/big"
fi

# ---- an image ----

t "an image" status 0 mkdaxfs -d "$tree" -o "$img" -V
t "says how large it is" grep -q "$(stat -c %s "$img") bytes" <<<"$out"
t "has no space in it" test "$(stat -c %s "$img")" -lt 12000000
t "is allocated" test $(($(stat -c %b "$img") * 512)) -ge "$(stat -c %s "$img")"
t "exists" refuses 1 "use -f" mkdaxfs -d "$tree" -o "$img"
t "-f" status 0 mkdaxfs -d "$tree" -o "$img" -f
quiet() {
	status 0 mkdaxfs -q -d "$tree" -o "$img" -f && [ -z "$out$err" ]
}
t "-q" quiet
summary() {
	status 0 mkdaxfs --json -d "$tree" -o "$img" -f --uuid $uuid --label l &&
		is /region "$img" && is /uuid $uuid && is /label l &&
		is /mode static && is /size "$(stat -c %s "$img")" &&
		is /base/inodes 7 && is /base/files 2 && is /base/directories 3 &&
		is /base/symlinks 1 && is /base/specials 1 &&
		is /base/hard_links 1 && is /base/bytes 3000010 && is /pool 0
}
t "--json" summary
same() {
	mkdaxfs -q -d "$tree" -o "$shm/a" --uuid $uuid --source-date-epoch 1000 &&
		SOURCE_DATE_EPOCH=1000 mkdaxfs -q -d "$tree" -o "$shm/b" --uuid $uuid &&
		cmp "$shm/a" "$shm/b" && rm "$shm/a" "$shm/b"
}
t "the same tree, the same bytes" same
same_region() {
	for f in a b; do
		mkdaxfs -q -d "$tree" -r "$shm/$f" -s 64M --uuid $uuid \
			--source-date-epoch 1000 || return 1
	done
	cmp "$shm/a" "$shm/b" && rm "$shm/a" "$shm/b"
}
t "the same region, the same bytes" same_region
excluded() {
	status 0 mkdaxfs --json -d "$tree" -o "$img" -f --exclude 'f*' --exclude /dir/sub &&
		is /base/inodes 4 && is /base/files 1
}
t "--exclude" excluded
within() {
	(cd "$tree" && status 0 mkdaxfs -q -d . -o ./own.img && rm own.img)
}
t "an image inside its own tree" within
if [ "$(id -u)" -eq 0 ]; then
	one_fs() {
		mkdir "$tree/other" && mount -t tmpfs none "$tree/other" &&
			touch "$tree/other/file" &&
			status 0 mkdaxfs --json -d "$tree" -o "$img" -f --one-file-system &&
			is /base/inodes 8 &&
			status 0 mkdaxfs --json -d "$tree" -o "$img" -f &&
			is /base/inodes 9
	}
	t "--one-file-system" one_fs
	umount "$tree/other" && rmdir "$tree/other"
else
	skip "--one-file-system" "needs root for a second file system"
fi

# ---- what is overwritten ----

echo precious >"$shm/file"
t "a file of somebody" refuses 1 "use -f" mkdaxfs -E -r "$shm/file"
t "... is whole" grep -q precious "$shm/file"
t "a region in use" refuses 1 "is in use" \
	flock -s "$img" mkdaxfs -d "$tree" -o "$img" -f
ln -s "$shm/file" "$top/to-file"
through_link() {
	status 0 mkdaxfs -q -E -r "$top/to-file" -s 64M -f && [ -L "$top/to-file" ] &&
		[ "$(stat -c %s "$shm/file")" = 67108864 ]
}
t "through a symbolic link" through_link
ln -s "$shm/nothing" "$top/dangling"
t "a link to nothing" refuses 1 "link to nothing" mkdaxfs -q -E -r "$top/dangling" -s 64M

# ---- regions ----

sizes() { # SIZE-OF-FILE OPTION...
	local want=$1
	shift
	rm -f "$reg"
	status 0 mkdaxfs --json -V -r "$reg" "$@" || return 1
	is /size "$(stat -c %s "$reg")" || return 1
	[ "$want" = - ] || is /size "$want"
}
pool_at_least() { # BYTES
	[ "$(json_get /pool <<<"$out")" -ge "$1" ] && return 0
	echo "pool is $(json_get /pool <<<"$out") instead of at least $1"
	return 1
}
t "--empty -s" sizes 67108864 -E -s 64M
t "--empty" sizes - -E
t "... has an overlay of 64M" pool_at_least 67108864
t "--empty -O" sizes - -E -O 128M
t "... has an overlay of 128M" pool_at_least 134217728
t "-d" sizes - -d "$tree"
t "... has an overlay of 64M" pool_at_least 67108864
t "-d -s" sizes 209715200 -d "$tree" -s 200M
t "... has the rest as overlay" pool_at_least 150000000
t "-d -s -O" sizes 209715200 -d "$tree" -s 200M -O 32M
t "... has an overlay of 32M" pool_at_least 33554432
branching() { # OPTION...
	sizes - -b "$@" && is /branching true &&
		out=$(daxfs-inspect status --json -r "$reg") && is /branching true
}
t "--empty -b" branching -E -s 64M
t "-d -b" branching -d "$tree"
t "-t -b" branching -t <(tar -C "$tree" -c .)
t "without -b" bash -c "mkdaxfs -q -f -E -r '$reg' -s 64M &&
	[ \"\$(daxfs-inspect status --json -r '$reg' | json_get /branching)\" = false ]"
t "-B 1" sizes - -E -s 64M -B 1
t "-B 131072" sizes - -E -s 64M -B 131072
rm -f "$reg"
t "too small" refuses 1 "too small" mkdaxfs -d "$tree" -r "$reg" -s 1M
t "... for the overlay" refuses 1 "too small" mkdaxfs -d "$tree" -r "$reg" -s 40M -O 40M
hint_works() { # what the message proposes is enough
	local size
	status 1 mkdaxfs -d "$tree" -r "$reg" -s 1M || return 1
	size=${err##*-s }
	status 0 mkdaxfs -q -d "$tree" -r "$reg" -s "$size"
}
t "... and says what is enough" hint_works
rm -f "$reg"

# ---- no space ----

t "no space" refuses 1 "no space: needs 250 TiB" mkdaxfs -E -r "$reg" -s 250T
limited() {
	bash -c 'ulimit -f 1000; exec mkdaxfs -E -r "$1" -s 64M' - "$reg"
}
t "a limit on the size of files" refuses 1 "File too large" limited
if [ "$(id -u)" -eq 0 ]; then
	small() {
		mkdir "$top/small" && mount -t tmpfs -o size=32M none "$top/small" &&
			refuses 1 "no space" mkdaxfs -E -r "$top/small/r" -s 64M &&
			[ -z "$(ls -A "$top/small")" ] &&
			status 0 mkdaxfs -q -E -r "$top/small/r" -s 20M &&
			refuses 1 "no space" mkdaxfs -E -r "$top/small/r" -s 20M -f &&
			[ "$(ls -A "$top/small")" = r ]
	}
	t "a small file system" small
	mountpoint -q "$top/small" && umount "$top/small"
else
	skip "a small file system" "needs root to make one"
fi

# ---- signals ----

# Whenever it comes: the region is there as a whole, or nothing is.
# A region that is there was finished before the signal came.
interrupted() { # SIGNAL SECONDS
	local rc good=0
	timeout -s "$1" "$2" mkdaxfs -q -d /usr/include -r "$reg" -s 400M
	rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 124 ] || return 1
	if [ -e "$reg" ]; then
		[ "$(stat -c %s "$reg")" = 419430400 ] &&
			fsck.daxfs -n "$reg" >/dev/null || good=1
		rm "$reg"
	elif [ $rc -eq 0 ]; then
		good=1
	fi
	[ $good -eq 0 ] && [ -z "$(find "$shm" -name '*region*')" ]
}
for s in 0.005 0.02 0.05 0.1 0.2 0.4; do
	t "SIGINT after $s s" interrupted INT $s
	t "SIGTERM after $s s" interrupted TERM $s
done

# ---- mounting ----

mounted() {
	status 0 mkdaxfs -q -d "$tree" -r "$reg" -m "$mnt" &&
		mountpoint -q "$mnt" && cmp "$tree/dir/sub/big" "$mnt/dir/sub/big" &&
		status 1 mkdaxfs -E -r "$reg" -f && [[ $err == *"is in use"* ]]
}
# FUSE has no O_TMPFILE: the new file has a temporary name there.
named() {
	status 0 mkdaxfs -q -V -d "$tree" -o "$mnt/image" &&
		status 0 mkdaxfs -q -V -d "$tree" -o "$mnt/image" -f &&
		status 0 fsck.daxfs -n "$mnt/image" &&
		status 1 mkdaxfs -q -d /sys/kernel --exclude '*/*' -o "$mnt/other" &&
		status 1 mkdaxfs -q -E -r "$mnt/other" -s 1G &&
		timeout -s INT 0.1 mkdaxfs -q -f -d /usr/include -o "$mnt/image"
	rm "$mnt/image"
	diff <(ls -A "$tree") <(ls -A "$mnt")
}
unmounted() {
	fusermount3 -u "$mnt" || umount "$mnt"
}
if [ -w /dev/fuse ]; then
	t "-m" mounted
	t "a place without O_TMPFILE" named
	t "... is unmounted" unmounted
else
	skip "-m" "may not open /dev/fuse"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
