#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The main job for real: one region, two hosts, and what each sees of the other.
#
# Notes: makes an image of a directory tree that is on this machine, mounts the
# region twice through FUSE (two servers, two hosts), changes it on either side
# and looks at it on the other. Leaves no mount, process or file behind unless
# KEEP=1. Needs no root. Two demos may run at the same time.
# Exit: 0 all held, 1 something did not, 2 usage, 130 interrupted.
#
# usage: scripts/demo.sh [DIRECTORY]
set -u
shopt -s nullglob

here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=scripts/demo-lib.sh
. "$here/scripts/demo-lib.sh"
least=5000			# files that the tree must have
most_mib=400			# of the trees that we choose ourselves
overlay_mib=64

# ---- cleaning up ----

unmount() {
	mountpoint -q "$1" || return 0
	fusermount3 -u "$1" 2>/dev/null || umount "$1" 2>/dev/null ||
		fusermount3 -uz "$1" 2>/dev/null || umount -l "$1"
}

# The servers end by themselves after the unmount: wait for that, by number.
wait_for_servers() {
	local pid tries

	for pid in $servers; do
		tries=100
		while [ -e "/proc/$pid" ] && [ $tries -gt 0 ]; do
			sleep 0.05
			tries=$((tries - 1))
		done
		[ ! -e "/proc/$pid" ] || kill -TERM "$pid" 2>/dev/null
	done
}
servers=

cleanup() {
	local status=$?

	trap '' INT TERM HUP
	[ -n "$top" ] || exit "$status"
	if [ -n "${KEEP:-}" ] && [ "$status" -eq 0 ] && [ "$failed" -eq 0 ]; then
		say "kept (KEEP is set):"
		echo "  region $region, mounted at $a and $b"
		echo "  to end it: fusermount3 -u $a; fusermount3 -u $b; rm -rf $top $shm"
		exit 0
	fi
	cd /
	unmount "$a"
	unmount "$b"
	wait_for_servers
	rm -rf --one-file-system "$top"
	rm -rf --one-file-system "$shm"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- which tree, and where to put the region ----

files_in() { find "$1" -xdev -type f 2>/dev/null | head -n 200000 | wc -l; }
mib_of() { du -smx "$1" 2>/dev/null | cut -f1; }
free_mib() { df -Pm "$1" | awk 'NR == 2 { print $4 }'; }
readable() {
	[ "$(id -u)" -eq 0 ] ||
		[ -z "$(find "$1" -xdev ! -type l \( ! -readable -o -type d ! -executable \) \
			-print -quit 2>/dev/null)" ]
}

# Room for pages of small files, for inodes and names: generous.
region_mib() { # TREE
	echo $(($(mib_of "$1") + $(find "$1" -xdev 2>/dev/null | wc -l) / 500 + overlay_mib + 32))
}

choose_tree() {
	local dir n

	for dir in /usr/share/doc /usr/include /usr/share/man /usr/lib/python3 \
		/usr/share /usr/lib /usr; do
		[ -d "$dir" ] || continue
		[ "$(mib_of "$dir")" -le "$most_mib" ] || continue
		n=$(files_in "$dir")
		[ "$n" -ge "$least" ] && readable "$dir" && tree=$dir && return
	done
	make_tree
}

# A machine so small that none of them will do: take one, and add to it.
make_tree() {
	local i dir=/usr/share/common-licenses n

	tree=$top/tree
	for i in /usr/share/doc /usr/include; do
		[ -d "$i" ] && [ "$(mib_of "$i")" -le "$most_mib" ] && readable "$i" && dir=$i
	done
	cp -a "$dir" "$tree" || die "cannot copy $dir to $tree"
	n=$(files_in "$tree")
	mkdir -p "$tree"/more/{0..9}{0..9} || die "cannot write in $tree"
	for ((i = 0; n + i <= least; i++)); do
		printf 'file %d\n%*s\n' "$i" $((i % 4000)) x \
			>"$tree/more/$((i / 10 % 10))$((i % 10))/file-$i"
	done
}

# Root may write anywhere; others write in what they own only, also here.
own_tree() {
	[ "$(id -u)" -eq 0 ] && return
	[ -O "$tree" ] && [ -w "$tree" ] && return
	cp -a "$tree" "$top/own" || die "cannot copy $tree to $top"
	chmod u+rwx "$top/own"
	echo "  copied first: only its owner may write in $tree, on daxfs too"
	tree=$top/own
}

place_region() {
	local need=$1 free

	shm=$(mktemp -d /dev/shm/daxfs-demo.XXXXXX 2>/dev/null)
	free=0
	[ -z "$shm" ] || free=$(free_mib "$shm")
	if [ "$free" -lt $((need + 16)) ]; then
		[ -z "$shm" ] || rmdir "$shm"
		shm=$(mktemp -d "$top/region.XXXXXX")
		echo "  /dev/shm has $free MiB free, $need are needed: the region" \
			"goes to $top, a file on a disk"
		free=$(free_mib "$shm")
		[ "$free" -ge $((need + 16)) ] ||
			die "no room for $need MiB in /dev/shm or in $top:" \
				"free some, or set TMPDIR"
	fi
	region=$shm/region
}

# ---- the two hosts ----

start() { # MOUNTPOINT
	daxfs-fuse "$region" "$1" || die "daxfs-fuse did not mount $1"
	mountpoint -q "$1" || die "daxfs-fuse returned, but $1 is not mounted"
}

pids_of_hosts() {
	daxfs-inspect hosts -r "$region" | awk '$2 == "fuse" { print $3 }'
}

# No difference at all: content, names, owners, times, links, xattrs.
same_tree() { # SOURCE MOUNT OPTION...
	local source=$1 mnt=$2 diff
	shift 2

	if command -v rsync >/dev/null; then
		diff=$(rsync -aHAXnc --modify-window=-1 --delete --itemize-changes \
			"$@" "$source/" "$mnt/" 2>&1)
	else
		diff=$(diff -r --no-dereference "$source" "$mnt" 2>&1)
	fi
	[ -z "$diff" ] && return 0
	echo "$diff" | head -n 10 | sed 's/^/          /'
	return 1
}

check() { # WHAT COMMAND...
	local what=$1
	shift

	if "$@"; then ok "$what"; else bad "$what"; fi
}

equals() { [ "$(cat "$1" 2>&1)" = "$2" ]; }
gone() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
lists_same() { diff <(ls -a "$1") <(ls -a "$2") >/dev/null; }

write_and_read() {
	local w i

	w=$(cd "$b" && mktemp -d daxfs-demo.XXXXXX) || die "cannot write on $b"
	echo "hello from the first host" >"$a/$w/note"
	check "written on the first, read on the second" \
		equals "$b/$w/note" "hello from the first host"
	echo "and an answer" >>"$b/$w/note"
	check "appended on the second, read on the first" \
		equals "$a/$w/note" $'hello from the first host\nand an answer'
	mkdir "$a/$w/dir" && mv "$b/$w/note" "$b/$w/dir/letter"
	check "directory made on the first, file renamed into it on the second" \
		equals "$a/$w/dir/letter" $'hello from the first host\nand an answer'
	check "... and the old name is gone on the first" gone "$a/$w/note"
	for ((i = 0; i < 500; i++)); do : >"$a/$w/a$i"; done &
	for ((i = 0; i < 500; i++)); do : >"$b/$w/b$i"; done
	wait $!
	check "500 files made on each at the same time: both list the same" \
		lists_same "$a/$w" "$b/$w"
	check "... all 1000 of them" \
		test "$(find "$a/$w" -maxdepth 1 -type f | wc -l)" -eq 1000
	ln "$a/$w/dir/letter" "$a/$w/second-name" && rm "$b/$w/dir/letter"
	check "a second name made on the first outlives the first name" \
		equals "$b/$w/second-name" $'hello from the first host\nand an answer'
	rm -rf "${b:?}/$w"
	check "deleted on the second, gone on the first" gone "$a/$w"
}

change_base() {
	local file

	file=$(cd "$tree" && find . -xdev -type f -perm -200 -size +0 \
		-size -64k -print -quit)
	[ -n "$file" ] || return
	cp -p "$a/$file" "$top/saved"
	echo "changed" >>"$a/$file"
	check "a file of the image changed on the first, seen on the second" \
		test "$(tail -n 1 "$b/$file")" = changed
	cmp -s "$tree/$file" "$top/saved" || bad "the source must not change"
	cat "$top/saved" >"$b/$file" && touch -r "$top/saved" "$b/$file"
}

# ---- the demo ----

[ $# -le 1 ] || { echo "usage: scripts/demo.sh [DIRECTORY]" >&2; exit 2; }
for tool in mkdaxfs daxfs-fuse daxfs-inspect fsck.daxfs; do
	[ -x "$BUILD/$tool" ] || die "$BUILD/$tool is not built: run 'make'"
done
[ -c /dev/fuse ] || die "/dev/fuse is missing: load the fuse module (modprobe fuse)," \
	"or give the container that device"
{ [ -r /dev/fuse ] && [ -w /dev/fuse ]; } || die "/dev/fuse is not open to you:" \
	"as root, chmod 666 /dev/fuse (as Debian has it), or run this as root"

top=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-demo.XXXXXX") || die "no temporary folder"
a=$top/first
b=$top/second
mkdir "$a" "$b"

say "1. An image from a directory tree"
if [ $# -eq 1 ]; then
	tree=$(realpath -e "$1") || die "$1: no such directory"
	[ -d "$tree" ] || die "$1: not a directory"
else
	choose_tree
fi
echo "  $tree: $(files_in "$tree") files, $(mib_of "$tree") MiB"
own_tree
size=$(region_mib "$tree")
place_region "$size"
echo "  \$ mkdaxfs -d $tree -r $region -s ${size}M -O ${overlay_mib}M"
mkdaxfs -q -d "$tree" -r "$region" -s "${size}M" -O "${overlay_mib}M" ||
	die "mkdaxfs failed"
ok "image and a writable overlay of $overlay_mib MiB in one region"

say "2. Two hosts mount it"
echo "  \$ daxfs-fuse $region $a"
start "$a"
echo "  \$ daxfs-fuse $region $b"
start "$b"
servers=$(pids_of_hosts)
check "two servers, two hosts" test "$(echo "$servers" | wc -w)" -eq 2
check "the first shows the tree as the source has it" same_tree "$tree" "$a"
check "so does the second" same_tree "$tree" "$b"

say "3. What one does, the other sees at its next call"
write_and_read
change_base
check "at the end both show the source again" same_tree "$tree" "$b" --omit-dir-times

say "4. What daxfs-inspect says"
echo "  \$ daxfs-inspect status -m $b"
daxfs-inspect status -m "$b" | sed 's/^/  /'
[ "${PIPESTATUS[0]}" -eq 0 ] || bad "daxfs-inspect status"
echo "  \$ fsck.daxfs -n $region"
fsck.daxfs -n "$region" | sed 's/^/  /'
check "the region is clean" test "${PIPESTATUS[0]}" -eq 0

if [ "$failed" -ne 0 ]; then
	say "$failed of the checks above did not hold"
	exit 1
fi
say "all held"
