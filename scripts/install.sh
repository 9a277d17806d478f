#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Put what was built where `make install` was told.
#
# Notes: called by the Makefile with DESTDIR, BINDIR, SBINDIR, LIBDIR,
# INCLUDEDIR, MANDIR, MOUNTDIR, MODPROBEDIR, DOCDIR, UNITDIR, BUILD, SOVERSION and INSTALL set.
# Existing files are replaced, nothing else is touched. The kernel module is not
# installed here: see install-dkms.sh.
set -eu
cd "$(dirname "$0")/.."

put() { # MODE DIRECTORY FILE...
	mode=$1
	dir=$DESTDIR$2
	shift 2
	mkdir -p "$dir"
	for f in "$@"; do
		[ -e "$f" ] || { echo "install.sh: $f is missing: run 'make'" >&2; exit 1; }
		# One by one: a program in use is replaced, not written into.
		$INSTALL -m "$mode" "$f" "$dir/"
		echo "  $dir/$(basename "$f")"
	done
}

link() { # TARGET NAME
	mkdir -p "$(dirname "$DESTDIR$2")"
	ln -sfn "$1" "$DESTDIR$2"
	echo "  $DESTDIR$2 -> $1"
}

for src in tools/*.c famfs/*.c; do
	grep -q '^int main\>' "$src" || continue
	name=$(basename "$src" .c)
	case $name in
	mkdaxfs | mkfs.* | fsck.*) put 755 "$SBINDIR" "$BUILD/$name" ;;
	mount.*) put 755 "$MOUNTDIR" "$BUILD/$name" ;;
	*) put 755 "$BINDIR" "$BUILD/$name" ;;
	esac
done
put 755 "$BINDIR" "$BUILD/daxfs-fuse"
link "$BINDIR/daxfs-fuse" "$MOUNTDIR/mount.fuse.daxfs"

put 755 "$SBINDIR" "$BUILD/mxfsd"
put 755 "$BINDIR" "$BUILD/mxfsctl"

for lib in libdaxfs libmxfs; do
	put 644 "$LIBDIR" "$BUILD/$lib.a"
	put 755 "$LIBDIR" "$BUILD/$lib.so.$SOVERSION"
	link "$lib.so.$SOVERSION" "$LIBDIR/$lib.so"
	put 644 "$LIBDIR/pkgconfig" "$BUILD/$lib.pc"
done
put 644 "$INCLUDEDIR/daxfs" include/daxfs/format.h include/daxfs/daxfs.h \
	include/daxfs/ioctl.h
put 644 "$INCLUDEDIR/mxfs" mxfsd/client/mxfs.h
put 644 "$DOCDIR" packaging/mxfsd.conf
put 644 "$UNITDIR" packaging/mxfsd.service
put 644 "$MODPROBEDIR" packaging/modprobe.d/daxfs.conf

for page in docs/man/*.[1-9]; do
	put 644 "$MANDIR/man${page##*.}" "$page"
done

# The loader's cache is the running system's alone.
if [ -z "$DESTDIR" ] && [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then
	ldconfig
fi
