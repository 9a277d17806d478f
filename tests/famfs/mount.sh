#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# An owner and two clients, each with a mount of its own, on one plain file.
#
# Notes: hosts are told apart by their system uuid. The tree that is copied is the
# documentation of the checkout.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 2
D=$SHM/d
tree=$TOP/docs

need "a file system of 4 GiB" fresh d 4G
need "the owner mounts it" mounted owner o "$D"
t "it is a mount" grep -q "$WORK/o .*fuse.famfs" /proc/self/mountinfo
t "mkdir" famfs mkdir -p o/dir/sub
t "cp -r of a real tree" famfs cp -r "$tree" o/
t "it is the same" diff -r "$tree" o/docs
t "creat with 3 strips" famfs creat -s 30M -S 3 -N 3 o/dir/i3
t "creat with 4 strips" famfs creat -s 30000001 -S 4 -N 4 -C 64K o/dir/i4
t "verify through the mount" famfs verify -m o/dir/i3,3 -m o/dir/i4,4 -t 2
t "chkread" famfs chkread o/dir/i4
t "getmap" grep -q "chunk_size: 65536" <(famfs getmap o/dir/i4)
t "the map as an attribute" grep -q "nstrips: 3" \
	<(getfattr --only-values -n user.famfs.map o/dir/i3)
t "check" famfs check o
t "fsck by the mount" famfs fsck o
t "df" test "$(df -B1M --output=size o | tail -n 1)" -eq 4086

# ---- clients ----

need "two clients mount it" mounted one c1 "$D"
need "the second" mounted two c2 "$D" -o direct_io
t "one has the same sums" same_sums o c1
t "the other has them, too" same_sums o c2
t "the same names, modes and sizes" test "$(cd o && find . -printf '%p %s %y\n' | sort)" = \
	"$(cd c1 && find . -printf '%p %s %y\n' | sort)"
t "a client's mount is for reading" grep -q "$WORK/c1 ro," /proc/self/mountinfo
t "it cannot write" refuses 1 "Read-only" dd if=/dev/zero of=c1/dir/i3 bs=1 count=1 conv=notrunc
t "nor make" refuses 1 "Read-only" touch c2/new
t "nor by a command" refuses 1 "is a client" as one famfs creat -s 1 c1/new
t "nor through another mount's directory" refuses 1 "is a client" as one famfs mkdir o/new

# ---- live ----

t "the owner makes something" famfs creat -s 5M -S 5 o/dir/sub/late
t "his mount shows it at once" famfs verify -m o/dir/sub/late,5
t "a client's does not" test ! -e c1/dir/sub/late
t "the client plays the log" as one famfs logplay c1
t "and it is there" as one famfs verify -m c1/dir/sub/late,5
t "still not for the other" test ! -e c2/dir/sub/late
t "until he plays, too" as two famfs logplay "$WORK/c2/dir/"
t "check on a client" as two famfs check c2
t "a listing that is open shows it" grep -q late <(ls c2/dir/sub)

# ---- writing ----

t "the owner writes" dd if="$tree/design.md" of=o/dir/i3 bs=4K count=2 seek=3 conv=notrunc
seen() { # MOUNT
	cmp -n 8192 "$1/dir/i3" "$tree/design.md" 12288 0
}
t "and reads it" seen o
t "a client that opens it reads it" seen c1
t "also with direct_io" seen c2
t "by the device, too" as one famfs chkread c1/dir/i3
t "a mapping that is stored to" shared_bytes put o/dir/i4 4096 "through a mapping"
t "flush" famfs flush o/dir/i4
t "is seen by others" grep -q "through a mapping" \
	<(tail -c +4097 c1/dir/i4 | head -c 17)
t "cp again puts the content right" famfs cp -r "$tree" o/
past_end() {
	local size

	size=$(stat -c %s o/dir/i4)
	refuses 1 "not permitted" dd if=/dev/zero of=o/dir/i4 bs=1 count=1 seek="$size" \
		conv=notrunc && [ "$(stat -c %s o/dir/i4)" = "$size" ]
}
t "a write behind the end" past_end
t "an append" refuses 1 "not permitted" bash -c 'echo x >>o/dir/i4'
t "a truncate" refuses 1 "not permitted" truncate -s 1 o/dir/i4
t "an open that truncates" refuses 2 "not permitted" sh -c ': >o/dir/i4'
t "a new file" refuses 1 "not permitted" touch o/new
t "a new directory" refuses 1 "not permitted" mkdir o/new
t "unlink" refuses 1 "not permitted" rm -f o/dir/i4
t "rmdir" refuses 1 "not permitted" rmdir o/dir/sub
t "rename" refuses 1 "not permitted" mv o/dir/i4 o/dir/i5
t "link" refuses 1 "not permitted" ln o/dir/i4 o/dir/i5
t "symlink" refuses 1 "not permitted" ln -s i4 o/dir/i5
t "chmod" refuses 1 "not permitted" chmod 600 o/dir/i4
t "xattr" refuses 1 "not permitted" setfattr -n user.x -v 1 o/dir/i4
t "flock" flock -n o/dir/i4 true
locked() {
	exec 9<o/dir/i4 && flock -n 9 && not flock -n o/dir/i4 true
	local rc=$?
	exec 9<&-
	return $rc
}
t "which holds" locked
t "none of that did anything" famfs check o

# ---- mkfs under a mount ----

t "mkfs of what is mounted" refuses 1 "is mounted" mkfs.famfs -f "$D"
t "all are unmounted" unmounted "$WORK/c1"
t "the second" unmounted "$WORK/c2"
t "the owner's" unmounted "$WORK/o"
t "nothing stays of their shadow trees" test -z "$(ls -A "$TMPDIR")"

# ---- options ----

t "raw" mounted owner r "$D" -o raw
t "shows shadow files" grep -qx "  nextents: 1" r/dir/i3
t "for reading" refuses 1 "Read-only" touch r/x
t "unmounted" unmounted "$WORK/r"
log_line() {
	local pid

	mkdir -p f
	famfs mount -f "$D" f 2>f.log &
	pid=$!
	STARTED+=("$pid")
	for i in $(seq 100); do
		[ ! -e f/dir ] || break
		sleep 0.05
	done
	touch f/x 2>/dev/null
	touch f/y 2>/dev/null
	unmount f && wait "$pid" && cat f.log &&
		[ "$(grep -c 'file maps in the kernel' f.log)" = 1 ] &&
		[ "$(grep -c "'famfs creat'" f.log)" = 1 ]
}
t "the log says which way is active, and what to do instead, once" log_line
t "ro" mounted owner q "$D" -o ro
t "the owner cannot write either" refuses 1 "Read-only" \
	dd if=/dev/zero of=q/dir/i3 count=1 conv=notrunc
t "unmounted" unmounted "$WORK/q"
t "a shadow tree of one's own" mounted owner q "$D" -S "$WORK/keep"
t "is a folder with YAML" grep -q "path: dir/i3" keep/dir/i3
by_hand() {
	sed -e 's|path: .*|path: dir/other|' keep/dir/i4 >keep/dir/other
	cat >keep/dir/reference <<-E
	file:
	  path: /dir/reference
	  owner: $(id -u)
	  group: $(id -g)
	  permissions: '0640'
	  extents:
	    - device_uuid: '$(dd if="$D" bs=1 skip=64 count=16 2>/dev/null | od -An -tx1 |
		tr -d ' \n' | sed -E 's/(.{8})(.{4})(.{4})(.{4})/\1-\2-\3-\4-/')'
	      offset: $(sed -n 's/.*offset: //p' keep/dir/sub/late)
	      length: 6291456
	E
	cmp q/dir/other q/dir/i4 && cmp -n 5242880 q/dir/reference q/dir/sub/late &&
		[ "$(stat -c '%s %a' q/dir/reference)" = "6291456 640" ]
}
t "both forms are served" by_hand
t "check finds them, as they are not in the log" refuses 1 "not in the log" famfs check q
bad_text() {
	sed -e 's/offset: .*/offset: 0x7fffffe00000/' keep/dir/sub/late >keep/dir/bad1
	sed -e 's/devindex: 0/devindex: 3/' keep/dir/sub/late >keep/dir/bad2
	echo "file: [" >keep/dir/bad3
	ln -s /etc/passwd keep/dir/bad4
	for i in 1 2 3 4; do
		refuses 1 "Input/output error" cat "q/dir/bad$i" || return
	done
	famfs verify -m q/dir/sub/late,5
}
t "a shadow file that is wrong gives EIO, and no more" bad_text
t "unmounted" unmounted "$WORK/q"
t "the folder stays" test -f keep/dir/i3
t "noncoherent" mounted one n "$D" -o noncoherent
t "reads the same" as one famfs verify -m n/dir/sub/late,5
t "unmounted" unmounted "$WORK/n"

# ---- who may write ----

t "a file that all hosts may write" famfs creat -d "$D" -s 1M -S 1 -W dir/all
t "a client mounts it to write" mounted one w "$D" -o rw
t "that file it may write" dd if="$tree/design.md" of=w/dir/all bs=4K count=1 conv=notrunc
t "others not" refuses 1 "Read-only|Permission" \
	dd if=/dev/zero of=w/dir/i3 bs=1 count=1 conv=notrunc
t "it is on the device" cmp -n 4096 w/dir/all "$tree/design.md"
t "unmounted" unmounted "$WORK/w"

# ---- a device that is missing ----

two() {
	truncate -s 32M "$SHM/p" "$SHM/s" && mkfs.famfs "$SHM/p" "$SHM/s" &&
		famfs creat -d "$SHM/p" -s 12M -S 1 here &&
		famfs creat -d "$SHM/p" -s 18M -S 2 there
}
t "two devices" two
t "mounted" mounted owner v "$SHM/p"
t "both files are there" famfs verify -m v/here,1 -m v/there,2
t "unmounted" unmounted "$WORK/v"
mv "$SHM/s" "$WORK/elsewhere"
t "mounted without the second" mounted owner v "$SHM/p"
t "the file of the first is there" famfs verify -m v/here,1
t "the other gives EIO" refuses 1 "Input/output error" cat v/there
t "unmounted" unmounted "$WORK/v"
uuid=$(dd if="$WORK/elsewhere" bs=1 skip=64 count=16 2>/dev/null | od -An -tx1 | tr -d ' \n' |
	sed -E 's/(.{8})(.{4})(.{4})(.{4})/\1-\2-\3-\4-/')
echo "$uuid $WORK/elsewhere" >map
t "mounted with a map of devices" mounted owner v "$SHM/p" -o devmap=map
t "both are there" famfs verify -m v/here,1 -m v/there,2
t "commands find it by the mount" famfs flush v/there
t "unmounted" unmounted "$WORK/v"

# ---- what cannot be mounted ----

mkdir -p z
t "no device" refuses 1 "cannot open" famfs mount "$SHM/none" z
t "no directory" refuses 1 "make the directory" famfs mount "$D" z/none
t "an unknown option" refuses 1 "unknown option|not mounted" famfs mount -o nosuch "$D" z
t "not a mount" refuses 1 "not in a mount of famfs" famfs mkdir z/x
t "a path that is nowhere" refuses 1 "not in a mount of famfs" famfs creat -s 1 z/x/y
t "logplay of no mount" refuses 1 "not in a mount" famfs logplay z

# ---- mounts of others ----

# He could have it name any device and any folder of root's. What /etc/fuse.conf may
# forbid to users is done with the rights to mount, and to open /dev/fuse.
of_another() {
	local name='u,user_id=0,'	# which the kernel does not say of it

	fresh "$name" 64M && chmod 666 "$SHM/$name" && mkdir -p "$WORK/user/m" &&
		chmod 777 "$WORK/user" && chown 65534:65534 "$WORK/user/m" || return
	FAMFS_SYSTEM_UUID=$WORK/user/uuid TMPDIR=$WORK/user setpriv --reuid 65534 \
		--regid 65534 --clear-groups --inh-caps +sys_admin,+dac_override \
		--ambient-caps +sys_admin,+dac_override \
		famfs mount -o allow_other "$SHM/$name" "$WORK/user/m" || return
	refuses 1 "a mount of the user 65534" famfs logplay "$WORK/user/m" &&
		refuses 1 "a mount of the user 65534" famfs mkdir "$WORK/user/m/x"
}
if [ "$(id -u)" -ne 0 ]; then
	skip "a mount of another user" "needs root"
else
	t "a mount of another user is not believed" of_another
	t "unmounted" unmounted "$WORK/user/m"
fi

# ---- SIGKILL of commands ----

# How long a command lives is chance; what it leaves must be whole.
killed() {
	local i pid n seeds

	fresh k 4G || return
	mounted owner k "$SHM/k" || return
	for i in $(seq 20); do
		seq 200 | sed "s/.*/k\/r$i.&,300000,&/" >list
		famfs creat -M - <list &
		pid=$!
		sleep "0.0$((RANDOM % 9))"
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		famfs fsck "$SHM/k" >said || { cat said; return 1; }
	done
	famfs mkdir k/after && famfs logplay k && famfs check k || return
	n=$(find k -name 'r*' | wc -l)
	echo "$n files of 20 commands that were killed"
	seeds=$(cd k && for f in r*; do echo "-m k/$f,${f##*.}"; done)
	# shellcheck disable=SC2086
	[ "$n" -eq 0 ] || famfs verify $seeds
}
t "commands that are killed leave whole files" killed
t "unmounted" unmounted "$WORK/k"
t "a server that is killed" mounted owner s "$D"
pid=$(pgrep -f "famfs mount $D $WORK/s\$" | head -n 1)
dead() {
	[ -n "$pid" ] && kill -KILL "$pid" && sleep 0.2
	not ls s >/dev/null 2>&1 && umount s && famfs fsck "$D"
}
t "leaves the file system as it is" dead
finish
