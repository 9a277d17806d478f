#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Put the sources of daxfs.ko where DKMS builds modules from.
#
# Notes: called by `make install-dkms` with DESTDIR, SRCDIR (/usr/src), RELEASE
# and INSTALL set. The folder is made anew, so that nothing of an older build of
# the same version stays. Without DESTDIR, as root and where dkms is installed,
# the module is built and installed at once, for the running kernel; with
# DESTDIR nothing but files are made.
set -eu
cd "$(dirname "$0")/.."

name=daxfs-$RELEASE
dir=$DESTDIR$SRCDIR/$name

# A folder of that name that is something else stays.
if [ -e "$dir" ] && [ ! -e "$dir/dkms.conf" ]; then
	echo "install-dkms.sh: $dir is there and has no dkms.conf: move it away" >&2
	exit 1
fi
rm -rf "$dir"
for d in core port port/linux include/daxfs kernel/daxfs; do
	mkdir -p "$dir/$d"
	for f in "$d"/*.[ch] "$d"/Kbuild; do
		[ ! -f "$f" ] || $INSTALL -m 644 "$f" "$dir/$d/"
	done
done
# What the module has of the library.
mkdir -p "$dir/lib"
$INSTALL -m 644 lib/branch_ioc.[ch] "$dir/lib/"
mkdir -p "$dir/LICENSES"
$INSTALL -m 644 LICENSES/* "$dir/LICENSES/"
sed "s|@VERSION@|$RELEASE|g" packaging/dkms.conf.in >"$dir/dkms.conf"
chmod 644 "$dir/dkms.conf"
echo "  $dir"

[ -z "$DESTDIR" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v dkms >/dev/null; then
	echo "install-dkms.sh: now, as root and with the package dkms:" \
		"dkms install daxfs/$RELEASE" >&2
	exit 0
fi
# One that is known already was made from other sources.
[ -z "$(dkms status "daxfs/$RELEASE")" ] || dkms remove "daxfs/$RELEASE" --all
dkms install "daxfs/$RELEASE"
