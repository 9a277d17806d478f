#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# mkdaxfs -t: archives of GNU tar and odd ones, layers, container images,
# archives that are damaged.
#
# Notes: an image made of an archive is compared, byte by byte, with one made
# of the tree that the archive says (-d), so every attribute that an image has
# is compared; that -d keeps what a tree has is the matter of
# tests/unit/test_image.c. Mutated archives: SEED chooses them, MUTATIONS says
# how many (150).
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

unset SOURCE_DATE_EPOCH
export TMPDIR=$WORK
SAME="--uuid 6f9d37b5-6a5e-4c9a-8a1b-2f4c9e3d7a10 --source-date-epoch 5000000000"
SRC=$WORK/src
GNU="tar --xattrs --xattrs-include=* --acls --numeric-owner --warning=no-timestamp"
ROOT=$([ "$(id -u)" -eq 0 ] && echo 1)

make_image() { # NAME OPTION...
	local name=$1
	shift

	# shellcheck disable=SC2086 # a list of options
	mkdaxfs -q -V -f $SAME -o "$SHM/$name" "$@"
}

# The archives say what is in the tree DIR.
says() { # DIR OPTION...
	local dir=$1
	shift

	make_image have "$@" && make_image want -d "$dir" &&
		cmp "$SHM/have" "$SHM/want"
}

# mkdaxfs refuses, with status and message, and leaves nothing.
rejects() { # STATUS REGEX OPTION...
	local status=$1 regex=$2
	shift 2

	rm -f "$SHM"/*
	echo precious >"$SHM/old"
	refuses "$status" "$regex" mkdaxfs -o "$SHM/new" "$@" &&
		refuses "$status" "$regex" mkdaxfs -f -o "$SHM/old" "$@" &&
		only "$SHM" old && same "$(cat "$SHM/old")" precious &&
		only "$WORK/spool"
}

# ---- a tree with everything ----

make_tree() {
	local odd=$'odd \n name\t*?[]\\"\'$`;&|<>\xff\xfe \xc3\xa4' i

	mkdir -p "$SRC/dir/sub" "$SRC/empty" && echo content >"$SRC/file" &&
		: >"$SRC/nothing" && head -c 4097 /dev/urandom >"$SRC/page+1" &&
		head -c $((3 << 20)) /dev/urandom >"$SRC/dir/large" &&
		echo odd >"$SRC/$odd" && ln -s "$odd" "$SRC/odd-target" &&
		echo decomposed >"$SRC/"$'e\xcc\x81' && echo composed >"$SRC/"$'\xc3\xa9' &&
		echo long >"$SRC/$(printf 'L%.0s' $(seq 255))" &&
		ln "$SRC/file" "$SRC/dir/hard" && ln -s file "$SRC/sym" &&
		ln "$SRC/sym" "$SRC/hard-link-of-symlink" &&
		ln -s "$(printf 't%.0s' $(seq 4000))" "$SRC/long-target" &&
		mkfifo "$SRC/fifo" && truncate -s 64M "$SRC/hole" &&
		truncate -s 10M "$SRC/sparse" &&
		printf middle | dd of="$SRC/sparse" bs=1 seek=5000000 conv=notrunc status=none &&
		printf end | dd of="$SRC/sparse" bs=1 seek=$(((10 << 20) - 3)) \
			conv=notrunc status=none || return 1
	(cd "$SRC" && for i in $(seq 60); do
		mkdir "level-$i-$(printf 'x%.0s' $(seq 50))" && cd level-"$i"-* || exit 1
	done && echo bottom >file)
}

make_attributes() {
	chmod 4755 "$SRC/file" && chmod 2750 "$SRC/dir" && chmod 1777 "$SRC/empty" &&
		setfattr -n user.text -v value "$SRC/file" &&
		setfattr -n user.bytes -v 0x000aff3d00250a "$SRC/file" &&
		setfattr -n user.empty "$SRC/dir/sub" &&
		setfacl -m u:1234:rw,g:5678:r,u:77:--- "$SRC/page+1" &&
		setfacl -m m::r "$SRC/dir/large" &&
		setfacl -d -m u:1234:rwx,g:20:r "$SRC/dir" || return 1
	[ -z "$ROOT" ] || {
		mknod "$SRC/null" c 1 3 && mknod "$SRC/disk" b 259 300 &&
			chown 3000000000:4000000000 "$SRC/nothing" &&
			chown -h 123:456 "$SRC/sym" &&
			setfattr -n trusted.x -v y "$SRC/empty" || return 1
	}
	touch -d '1960-01-02 03:04:05.123456789' "$SRC/page+1" &&
		touch -d '1901-12-13 20:45:52.000000001' "$SRC/nothing" &&
		touch -h -d '1970-01-01 00:00:00.5' "$SRC/sym" &&
		touch -d '2100-06-07 08:09:10.999999999' "$SRC/dir/large" &&
		touch -d '2001-01-01 00:00:00.000000001' "$SRC/dir/sub" &&
		touch -d '1999-12-31 23:59:59.999999999' "$SRC"
}

mkdir "$WORK/spool" "$WORK/l"
need "a tree" make_tree
need "attributes" make_attributes
$GNU -C "$SRC" -S --format=pax -cf "$WORK/all.tar" . || exit 2

round() { # TAR-OPTION...
	# shellcheck disable=SC2086 # options
	$GNU -C "$SRC" "$@" -S -cf "$WORK/t.tar" . && says "$SRC" -t "$WORK/t.tar"
}
t "pax, as GNU tar writes it" says "$SRC" -t "$WORK/all.tar"
t "holes as pax 0.1 has them" round --format=pax --sparse-version=0.1
t "holes as pax 0.0 has them" round --format=pax --sparse-version=0.0
for z in gzip zstd xz; do
	$z -kc "$WORK/all.tar" >"$WORK/all.$z" || exit 2
	t "$z" says "$SRC" -t "$WORK/all.$z"
done
piped() { # SUFFIX
	# shellcheck disable=SC2002 # from a pipe
	cat "$WORK/all.$1" | says "$SRC" -t -
}
for z in tar gzip zstd xz; do
	t "$z from a pipe" piped "$z"
done
members() {
	head -c 1000000 "$WORK/all.tar" | gzip >"$WORK/two.gz" &&
		tail -c +1000001 "$WORK/all.tar" | gzip >>"$WORK/two.gz" &&
		head -c 5000 /dev/zero >>"$WORK/two.gz" &&
		says "$SRC" -t "$WORK/two.gz"
}
t "gzip of two members and zeros" members
from_utf8() {
	LC_ALL=C.UTF-8 says "$SRC" -t "$WORK/all.tar"
}
t "in another locale" from_utf8
no_holes() {
	cp -a --sparse=never "$SRC/sparse" "$WORK/l/" && rm -f "$WORK/l.tar" &&
		touch -d @1000000000 "$WORK/l" &&
		$GNU -C "$WORK/l" -cf "$WORK/l.tar" . &&
		says "$WORK/l" -t "$WORK/l.tar"
}
t "a large file without holes" no_holes
gnu_format() { # what it holds: no ns, no attributes
	mkdir "$WORK/gnu" && tar -C "$SRC" -S --format=gnu --numeric-owner \
		-cf "$WORK/g.tar" . && $GNU -C "$WORK/gnu" -xpf "$WORK/g.tar" &&
		says "$WORK/gnu" -t "$WORK/g.tar"
}
t "the format of GNU" gnu_format
names_to_root() { # "/x" and "//x/./y"
	tar -C "$SRC" -P --transform 's,^\./,//./,' --format=pax -S --xattrs --acls \
		--xattrs-include='*' --numeric-owner -cf "$WORK/abs.tar" . &&
		says "$SRC" -t "$WORK/abs.tar"
}
t "absolute names" names_to_root
twice() {
	make_image a -t "$WORK/all.tar" && make_image b -t "$WORK/all.tar" &&
		cmp "$SHM/a" "$SHM/b"
}
t "the same archive, the same bytes" twice
clamped() {
	local o="--uuid 6f9d37b5-6a5e-4c9a-8a1b-2f4c9e3d7a10 --source-date-epoch 1000"
	# shellcheck disable=SC2086 # options
	mkdaxfs -q $o -f -o "$SHM/a" -t "$WORK/all.tar" &&
		mkdaxfs -q $o -f -o "$SHM/b" -d "$SRC" && cmp "$SHM/a" "$SHM/b"
}
t "--source-date-epoch" clamped
excluded() {
	make_image a -t "$WORK/all.tar" --exclude 'l*' --exclude /dir/sub &&
		make_image b -d "$SRC" --exclude 'l*' --exclude /dir/sub &&
		cmp "$SHM/a" "$SHM/b"
}
t "--exclude" excluded
region() {
	local f
	for f in a b; do rm -f "$SHM/$f"; done
	# shellcheck disable=SC2086 # options
	mkdaxfs -q $SAME -r "$SHM/a" -s 96M -O 16M -B 512 -t "$WORK/all.tar" &&
		mkdaxfs -q $SAME -r "$SHM/b" -s 96M -O 16M -B 512 -d "$SRC" &&
		cmp "$SHM/a" "$SHM/b" && fsck.daxfs -n "$SHM/a"
	f=$?
	rm -f "$SHM/a" "$SHM/b"
	return $f
}
t "-r -s -O -B" region
counted() {
	mkdaxfs --json -f -o "$SHM/a" -t "$WORK/all.tar" >"$WORK/json" &&
		same "$(json_get /base/hard_links <"$WORK/json")" 2 &&
		same "$(json_get /base/xattrs <"$WORK/json")" "$((ROOT + 5))"
}
t "--json" counted

# ---- mounted ----

mounted() {
	mkdir -p "$WORK/m" && mkdaxfs -q -r "$SHM/r" -s 96M -t - -m "$WORK/m" \
		<"$WORK/all.gzip" &&
		same "$(rsync -aHAXnc --modify-window=-1 --delete -i --devices \
			--specials "$SRC/" "$WORK/m/")" ""
}
if [ -w /dev/fuse ]; then
	t "-m" mounted
	t "... unmounted" unmount "$WORK/m"
	t "... clean" clean_region r
	rm -f "$SHM/r"
else
	skip "-m" "may not open /dev/fuse"
fi

# ---- odd entries ----

# A tree that owners and times of tar_odd's entries are given to.
settle() { # DIR
	[ -z "$ROOT" ] || chown -hR 0:0 "$1"
	find "$1" -depth -exec touch -h -d @1000000000 {} +
}

odd() { # LIST-OF-ENTRIES COMMANDS-THAT-MAKE-THE-TREE
	rm -rf "$WORK/o" && mkdir "$WORK/o" &&
		(umask 022 && cd "$WORK/o" && chmod 755 . && eval "$2") && settle "$WORK/o" &&
		printf '%s\nend\n' "$1" | tar_odd make >"$WORK/odd.tar" &&
		says "$WORK/o" -t "$WORK/odd.tar"
}

if [ -n "$ROOT" ]; then
	t "missing parents" odd 'entry 0 a/b/c - x' \
		'mkdir -p a/b; printf x >a/b/c'
	t "the last of a name counts" odd 'entry 0 a - one
entry 0 a - three
set mode 755
entry 5 d/
entry 0 d/x
set mode 700
entry 5 d' 'printf three >a; mkdir -m 700 d; install -m 755 /dev/null d/x'
	t "a directory after what is in it" odd 'entry 0 d/x
set mode 710
entry 5 d' 'mkdir -m 710 d; : >d/x'
	t "a file over a directory" odd 'entry 0 d/x/y - old
entry 0 d - new' 'printf new >d'
	t "a directory over a file" odd 'entry 0 d - old
set mode 755
entry 5 d/
set mode 644
entry 0 d/x - new' 'mkdir d; printf new >d/x'
	t "a directory over a link" odd 'entry 2 d e
set mode 755
entry 5 e
entry 5 d
entry 5 d/f' 'mkdir -p d/f e'
	t "through links" odd 'set mode 755
entry 5 usr/bin
entry 2 bin usr/bin
entry 2 abs /bin
entry 2 up usr/bin/../../../bin
set mode 644
entry 0 bin/a - a
entry 0 abs/b - b
entry 0 up/c - c' 'mkdir -p usr/bin; cd usr/bin; printf a >a; printf b >b
printf c >c; cd ../..; ln -s usr/bin bin; ln -s /bin abs
ln -s usr/bin/../../../bin up'
	t "hard links of all kinds" odd 'entry 0 f - x
entry 1 g f
entry 1 ./h /g
entry 2 s f
entry 1 t s
entry 6 p
entry 1 q p
entry 1 f f' 'printf x >f; ln f g; ln f h; ln -s f s; ln s t; mkfifo p; chmod 644 p
ln p q'
	t "a link outlives its first name" odd 'entry 0 f - x
entry 1 g f
entry 0 f - y' 'printf x >g; printf y >f'
	t "names and types of old programs" odd 'set mode 755
entry \x00 d/
set mode 644
entry \x00 f - x
entry 7 g - y' 'mkdir d; printf x >f; printf y >g'
	t "large numbers and long names by pax" odd "pax path $(printf 'n%.0s' $(seq 255))
pax uid 0
entry 0 x
pax mtime 1000000000.000
pax linkpath $(printf 't%.0s' $(seq 4095))
entry 2 y x" "ln -s $(printf 't%.0s' $(seq 4095)) y; : >$(printf 'n%.0s' $(seq 255))"
	t "devices" odd 'set major 8
set minor 2047
entry 3 c
entry 4 b' 'mknod -m 644 c c 8 2047; mknod -m 644 b b 8 2047'
	t "attributes by libarchive's keys" odd 'pax LIBARCHIVE.xattr.user.a%20b AAEC
entry 0 f' ': >f; setfattr -n "user.a b" -v 0x000102 f'
	t "of two attributes the last" odd 'pax SCHILY.xattr.user.x one
pax SCHILY.xattr.user.x two
entry 0 f' ': >f; setfattr -n user.x -v two f'
	t "an ACL that is the mode" odd 'pax SCHILY.acl.access user::rw-,group::r--,other::r--
entry 0 f' ': >f'
	t "an ACL with a number behind the name" odd \
		'pax SCHILY.acl.access user::rw-,user:n:r-x:4711,group::r--,mask::r-x,other::---
set mode 650
entry 0 f' ': >f; chmod 640 f; setfacl -m u:4711:rx f'
	t "an ACL with a name" odd \
		'pax SCHILY.acl.access user::rw-,group::r--,group:daemon:rw-,mask::rw-,other::---
set mode 660
entry 0 f' ': >f; chmod 640 f; setfacl -m g:daemon:rw f'
	nothing() {
		echo end | tar_odd make >"$WORK/odd.tar" && rm -r "$WORK/o" &&
			mkdir -m 755 "$WORK/o" && touch -d @0 "$WORK/o" &&
			says "$WORK/o" -t "$WORK/odd.tar"
	}
	t "no entries" nothing
else
	skip "odd entries" "need root: their owner is root"
fi

bad() { # NAME REGEX LIST-OF-ENTRIES
	printf '%s\nend\n' "$3" | tar_odd make >"$WORK/odd.tar"
	TMPDIR=$WORK/spool t "$1" rejects 1 "$2" -t "$WORK/odd.tar"
}

bad "a name of 256 bytes" 'nnn: a name is longer than 255' \
	"pax path a/$(printf 'n%.0s' $(seq 256))
entry 0 x"
bad "a parent of 256 bytes" '/x: a name is longer than 255' \
	"pax path $(printf 'n%.0s' $(seq 256))/x
entry 0 x"
bad ".." 'a/\.\./b: names with \.\.' 'entry 0 a/../b'
bad "a hard link to nothing" 'g: is a hard link to f,' 'entry 1 g f'
bad "a hard link to a directory" 'g: is a hard link to d,' 'entry 5 d
entry 1 g d'
bad "a hard link that leads out" 'g: is a hard link to \.\./f,' 'entry 0 f
entry 1 g ../f'
bad "below a file" 'f/x: something on the way' 'entry 0 f
entry 0 f/x'
bad "links in circles" 'a/x: something on the way' 'entry 2 a b
entry 2 b a
entry 0 a/x'
bad "a root that is a file" 'is the root' 'entry 0 ./.'
bad "a link to nowhere" 'l: the target of the symbolic link' 'entry 2 l'
bad "a target of 4096 bytes" 'l: the target of the symbolic link' \
	"pax linkpath $(printf 't%.0s' $(seq 4096))
entry 2 l x"
bad "a large owner" 'f: its owner is 4294967295' 'pax uid 4294967295
entry 0 f'
bad "a file of 17 TiB" 'f: is larger than 16 TiB' 'pax GNU.sparse.major 1
pax GNU.sparse.minor 0
pax GNU.sparse.realsize 18691697672192
entry 0 f - 0\x0a'"$(printf '\\x00%.0s' $(seq 510))"
bad "a time that does not fit" 'f: its modification time' \
	'entry 5 .
pax mtime 99999999999
entry 0 f'
bad "an ACL without a mask" 'f: its ACL lacks' \
	'pax SCHILY.acl.access user::rw-,user:5:r--:5,group::r--,other::r--
entry 0 f'
bad "an ACL of a stranger" 'f: its ACL names "nobody-here"' \
	'pax SCHILY.acl.access user::rw-,user:nobody-here:r--,group::r--,mask::r--,other::r--
entry 0 f'
bad "content that is not there" 'cannot be read' 'claim 0 f 100000'
bad "an extended header that is none" 'cannot be read' 'entry x PaxHeaders - 999999
entry 0 f'

# ---- layers ----

layers() { # TREE-COMMANDS LIST...
	local make=$1 nr=0 list args=()
	shift

	rm -rf "$WORK/o" && mkdir "$WORK/o" &&
		(umask 022 && cd "$WORK/o" && eval "$make") && settle "$WORK/o" || return 1
	for list in "$@"; do
		nr=$((nr + 1))
		printf '%s\nend\n' "$list" | tar_odd make >"$WORK/layer$nr.tar" || return 1
		args+=(-t "$WORK/layer$nr.tar")
	done
	says "$WORK/o" "${args[@]}"
}
LOWER='entry 0 a - a
entry 0 d/b - b
entry 0 d/e/c - c
entry 0 z - z'
TREE='printf a >a; mkdir -p d/e; printf b >d/b; printf c >d/e/c; printf z >z'
if [ -n "$ROOT" ]; then
	t "layers: more" layers "$TREE; printf y >y" "$LOWER" 'entry 0 y - y'
	t "layers: a file over a file" layers "$TREE; printf new >a" "$LOWER" 'entry 0 a - new'
	t "layers: a whiteout of a file" layers "$TREE; rm a" "$LOWER" 'entry 0 .wh.a'
	t "layers: a whiteout of a tree" layers "$TREE; rm -r d" "$LOWER" 'entry 0 .wh.d'
	t "layers: a whiteout of nothing" layers "$TREE" "$LOWER" 'entry 0 n/.wh.x
entry 0 .wh.nothing'
	t "layers: a whiteout after what is new" layers "$TREE; rm -r d/*; printf n >d/n" \
		"$LOWER" 'entry 0 d/n - n
entry 0 .wh.d'
	t "layers: a whiteout before what is new" layers "$TREE; printf n >a" \
		"$LOWER" 'entry 0 .wh.a
entry 0 a - n'
	t "layers: whiteouts hide lower layers alone" layers "$TREE; printf n >a" \
		"$LOWER" 'entry 0 a - n
entry 0 .wh.a'
	t "layers: opaque" layers "$TREE; rm -r d/*; printf n >d/n" \
		"$LOWER" 'entry 0 d/n - n
entry 0 d/.wh..wh..opq'
	t "layers: opaque first" layers "$TREE; rm -r d/*; printf n >d/n" \
		"$LOWER" 'entry 0 d/.wh..wh..opq
entry 0 d/n - n'
	t "layers: opaque, and new below" layers "$TREE; rm -r d/*; mkdir d/e; printf n >d/e/n" \
		"$LOWER" 'entry 0 d/e/n - n
entry 0 d/.wh..wh..opq'
	t "layers: an opaque root" layers "printf n >n" "$LOWER" 'entry 0 .wh..wh..opq
entry 0 n - n'
	t "layers: what aufs keeps" layers "$TREE" "$LOWER" 'entry 0 .wh..wh.aufs
entry 0 .wh..wh.plnk/1.2 - x'
	t "layers: a hard link to a lower one" layers "$TREE; ln a d/l" "$LOWER" 'entry 1 d/l a'
	t "layers: ... of which the name goes" layers "$TREE; mv a d/l" "$LOWER" 'entry 1 d/l a
entry 0 .wh.a'
	t "layers: a file over a tree" layers "$TREE; rm -r d; printf d >d" "$LOWER" 'entry 0 d - d'
	t "layers: a tree over a file" layers "$TREE; rm a; mkdir a; printf n >a/n" \
		"$LOWER" 'entry 0 a/n - n'
	t "layers: three" layers "$TREE; rm a; printf n >d/b" "$LOWER" 'entry 0 .wh.z
entry 0 d/b - m' 'entry 0 z - z
entry 0 .wh.a
entry 0 d/b - n'
	t "layers: attributes of the uppermost" layers "$TREE; chmod 700 d" "$LOWER" 'set mode 700
entry 5 d'
	t "layers: through a lower link" layers "$TREE; ln -s d l; printf n >d/n" \
		"$LOWER
entry 2 l d" 'entry 0 l/n - n'
fi

# ---- container images ----

blob() { # FILE: into the layout; prints the digest
	local sum

	sum=$(sha256sum <"$1")
	sum=${sum%% *}
	mkdir -p "$OCI/blobs/sha256" && cp "$1" "$OCI/blobs/sha256/$sum" || return 1
	echo "sha256:$sum"
}

descriptor() { # FILE TYPE MORE
	printf '{"mediaType":"application/vnd.oci.image.%s","digest":"%s","size":%s%s}' \
		"$2" "$(blob "$1")" "$(stat -c %s "$1")" "$3"
}

manifest() { # LAYER...: a file with the manifest
	local f sep=''

	{
		printf '{"schemaVersion":2,"config":{},"layers":['
		for f; do
			printf '%s' "$sep"
			descriptor "$f" layer.v1.tar+gzip ''
			sep=,
		done
		printf ']}'
	} >"$WORK/manifest"
	echo "$WORK/manifest"
}

named() { # NAME: the annotation
	printf ',"annotations":{"org.opencontainers.image.ref.name":"%s"}' "$1"
}

pack_oci() { # DESCRIPTOR[,DESCRIPTOR]
	printf '{"imageLayoutVersion":"1.0.0"}' >"$OCI/oci-layout" &&
		printf '{"schemaVersion":2,"manifests":[%s]}' "$1" >"$OCI/index.json" &&
		tar -C "$OCI" -cf "$WORK/oci.tar" blobs index.json oci-layout
}

make_layers() {
	rm -rf "$WORK/one" "$WORK/two" "$WORK/both"
	mkdir -p "$WORK/one/etc" "$WORK/two/etc" "$WORK/both/etc"
	echo 1 >"$WORK/one/etc/gone"
	echo 2 >"$WORK/one/etc/kept"
	: >"$WORK/two/etc/.wh.gone"
	echo 3 >"$WORK/two/new"
	cp "$WORK/one/etc/kept" "$WORK/both/etc/"
	cp "$WORK/two/new" "$WORK/both/"
	settle "$WORK/one" && settle "$WORK/two" && settle "$WORK/both"
	$GNU -C "$WORK/one" -cf "$WORK/one.tar" . &&
		$GNU -C "$WORK/two" -cf "$WORK/two.tar" . &&
		gzip -nkf "$WORK/one.tar" && gzip -nkf "$WORK/two.tar" &&
		zstd -qkf "$WORK/two.tar"
}
t "layers of images" make_layers

OCI=$WORK/oci
oci_one() {
	pack_oci "$(descriptor "$(manifest "$WORK/one.tar.gz" "$WORK/two.tar.zst")" \
		manifest.v1+json '')" && says "$WORK/both" -t "$WORK/oci.tar"
}
t "OCI layout" oci_one
oci_pipe() { gzip -c "$WORK/oci.tar" | says "$WORK/both" -t -; }
t "OCI layout, compressed, from a pipe" oci_pipe
oci_over() {
	mkdir -p "$WORK/more" && cp -a "$WORK/both/." "$WORK/more" &&
		echo more >"$WORK/more/more" && settle "$WORK/more" &&
		tar -C "$WORK/more" -cf "$WORK/more.tar" more &&
		says "$WORK/more" -t "$WORK/oci.tar" -t "$WORK/more.tar"
}
t "OCI layout, and a layer over it" oci_over
oci_nested() { # an index with two platforms and an attestation
	local a b c index=$WORK/index

	a=$(descriptor "$(manifest "$WORK/one.tar")" manifest.v1+json \
		',"platform":{"os":"linux","architecture":"arm64","variant":"v8"}')
	b=$(descriptor "$(manifest "$WORK/one.tar.gz" "$WORK/two.tar")" manifest.v1+json \
		',"platform":{"os":"linux","architecture":"amd64"}')
	c=$(descriptor "$(manifest)" manifest.v1+json \
		',"annotations":{"vnd.docker.reference.type":"attestation-manifest"}')
	printf '{"manifests":[%s,%s,%s]}' "$a" "$b" "$c" >"$index"
	pack_oci "$(descriptor "$index" index.v1+json "$(named tag)")" &&
		says "$WORK/both" -t "$WORK/oci.tar" --image linux/amd64 &&
		says "$WORK/one" -t "$WORK/oci.tar" --image linux/arm64/v8
}
t "OCI layout of two platforms" oci_nested
TMPDIR=$WORK/spool t "... one has to be chosen" rejects 1 '  tag, linux/amd64' -t "$WORK/oci.tar"
TMPDIR=$WORK/spool t "... a name of both" rejects 1 'holds 2 images called tag' \
	-t "$WORK/oci.tar" --image tag
TMPDIR=$WORK/spool t "... a name of none" rejects 1 'no image nix' \
	-t "$WORK/oci.tar" --image nix
lacks_blob() {
	tar -C "$OCI" -cf "$WORK/oci.tar" --exclude "*$(sha256sum <"$WORK/two.tar" |
		cut -c 1-64)" blobs index.json oci-layout &&
		TMPDIR=$WORK/spool rejects 1 'layer sha256:.* is not in' \
			-t "$WORK/oci.tar" --image linux/amd64
}
t "OCI layout without a layer" lacks_blob
short_blob() {
	truncate -s -512 "$OCI/blobs/sha256/$(sha256sum <"$WORK/two.tar" | cut -c 1-64)"
	tar -C "$OCI" -cf "$WORK/oci.tar" blobs index.json oci-layout &&
		TMPDIR=$WORK/spool rejects 1 'its length is not' \
			-t "$WORK/oci.tar" --image linux/amd64
}
t "OCI layout with a layer cut off" short_blob
no_image() {
	rm -r "$OCI" && mkdir -p "$OCI/blobs" && pack_oci '' &&
		TMPDIR=$WORK/spool rejects 1 'without an image' -t "$WORK/oci.tar"
}
t "OCI layout of nothing" no_image

DOCKER=$WORK/docker
pack_docker() { # MANIFEST
	printf '%s' "$1" >"$DOCKER/manifest.json" && tar -C "$DOCKER" -cf "$WORK/docker.tar" .
}
docker_one() {
	mkdir -p "$DOCKER/aa" "$DOCKER/bb" "$DOCKER/cc" &&
		cp "$WORK/one.tar" "$DOCKER/aa/layer.tar" &&
		cp "$WORK/two.tar" "$DOCKER/bb/layer.tar" &&
		ln -s ../bb/layer.tar "$DOCKER/cc/layer.tar" && echo '{}' >"$DOCKER/x.json" &&
		pack_docker '[{"Config":"x.json","RepoTags":["a:1","b:2"],
"Layers":["aa/layer.tar","bb/layer.tar","cc/layer.tar"]}]' &&
		says "$WORK/both" -t "$WORK/docker.tar" &&
		says "$WORK/both" -t "$WORK/docker.tar" --image b:2
}
t "docker save" docker_one
docker_two() {
	pack_docker '[{"Config":"x.json","RepoTags":["a:1"],"Layers":["aa/layer.tar"]},
{"Config":"y.json","RepoTags":null,"Layers":["aa/layer.tar","bb/layer.tar"]}]' &&
		says "$WORK/one" -t "$WORK/docker.tar" --image a:1 &&
		says "$WORK/both" -t - --image y.json <"$WORK/docker.tar"
}
docker_stdin() { # says() reads it once only
	make_image have -t - --image y.json <"$WORK/docker.tar" &&
		make_image want -d "$WORK/both" && cmp "$SHM/have" "$SHM/want"
}
t "docker save of two images" docker_two
t "... from standard input" docker_stdin
TMPDIR=$WORK/spool t "... one has to be chosen" rejects 1 '^  y.json' -t "$WORK/docker.tar"
not_docker() {
	rm -rf "$WORK/plain" && mkdir "$WORK/plain" &&
		echo '{"a":1}' >"$WORK/plain/manifest.json" &&
		echo no >"$WORK/plain/oci-layout" && settle "$WORK/plain" &&
		tar -C "$WORK/plain" --format=pax --numeric-owner -cf "$WORK/p.tar" . &&
		says "$WORK/plain" -t "$WORK/p.tar"
}
t "what only looks like one" not_docker
TMPDIR=$WORK/spool t "--image of a plain archive" rejects 1 'no archive holds images' \
	-t "$WORK/p.tar" --image x
broken_json() {
	pack_docker '[{"Layers":["aa/layer.tar","zz/layer.tar"]}]' &&
		TMPDIR=$WORK/spool rejects 1 'layer zz/layer.tar: it is not in' \
			-t "$WORK/docker.tar"
}
t "docker save without a layer" broken_json

# ---- usage ----

t "-t and -d" rejects 2 '-t and -d exclude' -t "$WORK/all.tar" -d "$SRC"
t "-t and --empty" rejects 2 '-t and --empty exclude' -t "$WORK/all.tar" -E
t "--image without -t" rejects 2 'give -t' -d "$SRC" --image x
t "standard input twice" rejects 2 'read once' -t - -t -
t "--one-file-system" rejects 2 'means nothing' -t "$WORK/all.tar" --one-file-system
t "no such archive" rejects 1 'none: cannot be read: No such file' -t "$WORK/none"
t "a directory" rejects 1 'Is a directory' -t "$SRC"
TMPDIR=$WORK/none t "no place for temporary files" rejects 1 'name another folder in TMPDIR' \
	-t "$WORK/all.tar"

# ---- damage ----

cut_short() { # FILE BYTES
	head -c "$2" "$1" >"$WORK/bad" &&
		TMPDIR=$WORK/spool rejects 1 'cannot be read' -t "$WORK/bad"
}
changed() { # FILE OFFSET
	cp "$1" "$WORK/bad" && printf 'XXXX' | dd of="$WORK/bad" bs=1 seek="$2" \
		conv=notrunc status=none &&
		TMPDIR=$WORK/spool rejects 1 'cannot be read' -t "$WORK/bad"
}
for z in gzip zstd xz; do
	len=$(stat -c %s "$WORK/all.$z")
	for n in 10 1000 $((len / 2)) $((len - 1)); do
		t "$z, $n bytes of it" cut_short "$WORK/all.$z" "$n"
	done
	t "$z, changed in the middle" changed "$WORK/all.$z" $((len / 2))
	t "$z, changed at the end" changed "$WORK/all.$z" $((len - 8))
done
for n in 0 1 511 513 100000; do
	t "plain, $n bytes of it" cut_short "$WORK/all.tar" "$n"
done
gzip_of_nothing() {
	gzip </dev/null >"$WORK/bad" && TMPDIR=$WORK/spool rejects 1 'cannot be read' -t "$WORK/bad"
}
t "gzip of nothing" gzip_of_nothing
garbage() {
	head -c 100000 /dev/urandom >"$WORK/bad" &&
		TMPDIR=$WORK/spool rejects 1 'cannot be read' -t "$WORK/bad"
}
t "garbage" garbage
garbage_behind() {
	cp "$WORK/all.gzip" "$WORK/bad" && echo garbage >>"$WORK/bad" &&
		TMPDIR=$WORK/spool rejects 1 'not gzip follows' -t "$WORK/bad"
}
t "garbage behind gzip" garbage_behind

# Content of a plain archive stays there until the image is written; the layer
# over it, in a pipe, says when the first was read.
changes_meanwhile() { # COMMAND...
	cp "$WORK/all.tar" "$WORK/t.tar" && rm -f "$WORK/pipe" "$SHM"/* && mkfifo "$WORK/pipe" ||
		return 1
	mkdaxfs -q -o "$SHM/new" -t "$WORK/t.tar" -t "$WORK/pipe" 2>"$WORK/.said" &
	STARTED+=($!)
	exec 7>"$WORK/pipe"	# it has come to the second archive
	"$@"
	cat "$WORK/all.tar" >&7
	exec 7>&-
	wait "${STARTED[-1]}"
	same "$?" 1 && grep -q 't.tar.* changed while it was read' "$WORK/.said" && only "$SHM"
}
other_bytes() {
	printf X | dd of="$WORK/t.tar" bs=1 seek=1000000 conv=notrunc status=none
}
t "an archive that becomes longer" changes_meanwhile truncate -s +1 "$WORK/t.tar"
t "an archive that becomes shorter" changes_meanwhile truncate -s 1000 "$WORK/t.tar"
t "an archive of other bytes" changes_meanwhile other_bytes
unchanged() {
	cp "$WORK/all.tar" "$WORK/t.tar" &&
		says "$SRC" -t "$WORK/t.tar" -t "$WORK/all.tar"
}
t "the same without a change" unchanged

# Each is an image that passes its check, or an error: nothing else.
mutations() { # ARCHIVE SEED NR
	local seed rc images=0

	rm -f "$SHM"/*
	for seed in $(seq "$2" $(($2 + $3 - 1))); do
		tar_odd mutate "$seed" "$1" >"$WORK/bad" || return 1
		TMPDIR=$WORK/spool mkdaxfs -q -V -o "$SHM/new" -t "$WORK/bad" \
			>"$WORK/.mutated" 2>&1
		rc=$?
		[ "$rc" -ne 0 ] || images=$((images + 1))
		if [ "$rc" -gt 1 ] || { [ "$rc" -eq 1 ] && [ -e "$SHM/new" ]; } ||
			grep -q defect "$WORK/.mutated"; then
			echo "tar_odd mutate $seed: status $rc"
			tail -n 20 "$WORK/.mutated"
			return 1
		fi
		rm -f "$SHM/new"
	done
	echo "$images images"
}
small_archive() {
	mkdir "$WORK/small" && cp -a "$SRC/file" "$SRC/sparse" "$SRC/sym" "$SRC/page+1" \
		"$SRC/dir/sub" "$SRC/odd-target" "$WORK/small" && ln "$WORK/small/file" \
		"$WORK/small/hard" && setfacl -d -m u:1:r "$WORK/small/sub" &&
		$GNU -C "$WORK/small" -S --format=pax -cf "$WORK/small.tar" .
}
t "a small archive" small_archive
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "# SEED=$SEED"
t "mutated archives" mutations "$WORK/small.tar" "$SEED" "${MUTATIONS:-150}"
pack_docker '[{"Config":"x.json","RepoTags":["a:1"],"Layers":["aa/layer.tar","bb/layer.tar"]}]'
t "mutated container images" mutations "$WORK/docker.tar" "$SEED" \
	$((${MUTATIONS:-150} / 3))
finish
