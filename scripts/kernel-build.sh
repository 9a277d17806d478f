#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Build daxfs.ko against a kernel's headers, in a folder of its own.
#
# Notes: usage: kernel-build.sh KDIR [KOUT [build|sparse]]. kbuild puts objects
# beside the sources, so it gets a tree of links under KOUT/src; an unchanged
# source is not compiled again. An empty KDIR is the running kernel's headers,
# an empty KOUT is build/kernel/RELEASE. sparse: the same under sparse, and any
# warning fails. No object of the core or the port may have a lock prefix that
# a kernel with one processor would take away: other machines see the same
# memory. Environment: MAKE, V. Exit 0, 1: it does not build, 2: usage.
set -eu
cd "$(dirname "$0")/.."

kdir=${1:-/lib/modules/$(uname -r)/build}
kout=${2:-}
what=${3:-build}
make=${MAKE:-make}
unset MAKE		# its options are for the first make alone

fail() { # WHAT [STATUS]
	echo "kernel-build.sh: $1" >&2
	exit "${2:-1}"
}

case $what in
build | sparse) ;;
*) fail "'$what' is neither build nor sparse" 2 ;;
esac
[ -e "$kdir/Makefile" ] ||
	fail "no kernel headers in $kdir: install linux-headers-$(uname -r),\
 or say 'make kernel KDIR=FOLDER'"
# As uname -r has it; distributions say something else in kernel.release.
release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' \
	"$kdir/include/generated/utsrelease.h" 2>/dev/null || true)
[ -n "$release" ] ||
	fail "$kdir has no include/generated/utsrelease.h:\
 prepare it by 'make modules_prepare' there"
[ -n "$kout" ] || kout=build/kernel/$release
mkdir -p "$kout/src/kernel"
kout=$(cd "$kout" && pwd)
src=$kout/src/kernel/daxfs

for d in core port include lib; do
	ln -sfn "$PWD/$d" "$kout/src/$d"
done
# Links alone: objects of before stay. What is gone from the sources goes.
[ ! -d "$src" ] || find "$src" -type l -delete
cp -rs "$PWD/kernel/daxfs" "$kout/src/kernel/"

kbuild() { # VARIABLE...
	$make -C "$kdir" M="$src" W=1 --no-print-directory "$@" modules
}

log=$kout/$what.log
if [ "$what" = sparse ]; then
	kbuild C=2 CF=-D__CHECK_ENDIAN__ >"$log" 2>&1 || { cat "$log"; exit 1; }
	if grep -E '(warning|error):' "$log"; then
		fail "sparse has findings for $release"
	fi
	echo "ok     sparse $release"
	exit 0
fi
kbuild >"$log" 2>&1 || { cat "$log" >&2; fail "does not build against $release"; }
[ -z "${V:-}" ] || cat "$log"
grep -E -A8 'warning:' "$log" >&2 || true
for o in "$src"/core_*.o "$src"/port_*.o; do
	! readelf -SW "$o" | grep -q '\.smp_locks' ||
		fail "$(basename "$o"): a lock prefix that may be taken away: see port/linux/raw.h"
done
cp "$src/daxfs.ko" "$kout/daxfs.ko"
echo "$kout/daxfs.ko"
