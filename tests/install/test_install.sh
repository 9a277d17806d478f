#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `make install`: what lies where, and whether a stranger can build with it.
#
# Notes: installs under DESTDIR in $TMPDIR, never to the system. A program is
# compiled with nothing but what pkg-config says, against the shared and
# against the static library, and reads a file of a region.
set -u
: "${BUILD:?names the folder with the programs}"
here=$(cd "$(dirname "$0")/../.." && pwd) || exit 1

passed=0
failed=0
top=$(mktemp -d "${TMPDIR:-/tmp}/test-install.XXXXXX") || exit 1
shm=$(mktemp -d /dev/shm/test-install.XXXXXX) || exit 1
trap 'rm -rf "$top" "$shm"' EXIT
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
		sed 's/^/  # /' "$top/t.out" | tail -n 20
	fi
}

d=$top/root
mk() { "${MAKE:-make}" -C "$here" --no-print-directory "$@"; }
t "make install" mk install DESTDIR="$d" PREFIX=/usr

has() { # MODE FILE...
	local mode=$1 f
	shift
	for f in "$@"; do
		[ "$(stat -c %a "$d$f")" = "$mode" ] || { echo "$f"; return 1; }
	done
}
t "tools are in bin" has 755 /usr/bin/{daxfs-{inspect,fuse,branch},famfs}
t "makers and checkers are in sbin" has 755 /usr/sbin/{mkdaxfs,fsck.daxfs,mkfs.famfs}
t "the helper is where mount(8) looks" \
	test "$(readlink "$d/sbin/mount.fuse.daxfs")" = /usr/bin/daxfs-fuse
t "so is that of the module" has 755 /sbin/mount.daxfs
t "and what loads the module" has 644 /usr/lib/modprobe.d/daxfs.conf
t "library, headers, pkg-config" has 644 /usr/lib/libdaxfs.a \
	/usr/lib/pkgconfig/libdaxfs.pc /usr/include/daxfs/daxfs.h \
	/usr/include/daxfs/format.h /usr/include/daxfs/ioctl.h
t "those of mxfs" has 644 /usr/lib/libmxfs.a /usr/lib/pkgconfig/libmxfs.pc \
	/usr/include/mxfs/mxfs.h /usr/share/doc/daxfs/mxfsd.conf \
	/usr/lib/systemd/system/mxfsd.service /usr/share/man/man8/{mxfsd,mxfsctl}.8 \
	/usr/share/man/man5/mxfsd.conf.5 /usr/share/man/man3/libmxfs.3
t "and its programs" has 755 /usr/sbin/mxfsd /usr/bin/mxfsctl /usr/lib/libmxfs.so.1
cat >"$top/lock.c" <<'E'
#include <mxfs/mxfs.h>
int main(void)
{
	struct mxfs_conn *c;

	return mxfs_connect(&c, "/nonexistent") < 0 ? 0 : 1;
}
E
for lib in -lmxfs -l:libmxfs.a; do
	for cc in gcc "gcc -x c++ -lstdc++"; do
		command -v "${CXX:-g++}" >/dev/null || [ "$cc" = gcc ] || continue
		# shellcheck disable=SC2086 # words
		t "a program with $lib, by $cc" $cc -Wall -Werror -I"$d/usr/include" \
			"$top/lock.c" -x none -L"$d/usr/lib" $lib -o "$top/lock"
		t "it runs" env LD_LIBRARY_PATH="$d/usr/lib" "$top/lock"
	done
done
t "shared library" has 755 /usr/lib/libdaxfs.so.1
t "a manual page for each command" has 644 /usr/share/man/man8/{mkdaxfs,daxfs-fuse}.8 \
	/usr/share/man/man8/{daxfs-inspect,fsck.daxfs,mount.fuse.daxfs,mount.daxfs}.8 \
	/usr/share/man/man3/libdaxfs.3 /usr/share/man/man1/daxfs-branch.1 \
	/usr/share/man/man1/famfs.1 /usr/share/man/man8/mkfs.famfs.8
t "pkg-config knows the prefix" grep -q '^prefix=/usr$' "$d/usr/lib/pkgconfig/libdaxfs.pc"
t "a private PREFIX stays private" bash -c "
	'${MAKE:-make}' -C '$here' install DESTDIR='$top/other' PREFIX=/opt/x &&
	[ -L '$top/other/opt/x/sbin/mount.fuse.daxfs' ] &&
	[ -x '$top/other/opt/x/sbin/mount.daxfs' ] &&
	[ -f '$top/other/opt/x/lib/modprobe.d/daxfs.conf' ] &&
	[ ! -e '$top/other/sbin' ] && [ ! -e '$top/other/usr' ]"

# ---- the sources of the module, for DKMS ----

t "make install-dkms" mk install-dkms DESTDIR="$d"
src=$d/usr/src/$(cd "$d/usr/src" && echo daxfs-*)
version() {
	grep -qx "PACKAGE_VERSION=\"${src##*/daxfs-}\"" "$src/dkms.conf" &&
		[ "$("$d/usr/sbin/mkdaxfs" --version)" = "mkdaxfs (daxfs) ${src##*/daxfs-}" ]
}
t "its version is that of the tools" version
t "DKMS can read its configuration" bash -c "
	kernel_source_dir=/none dkms_tree=/none; . '$src/dkms.conf' &&
	[ -f '$src/'\${BUILT_MODULE_LOCATION[0]}/Kbuild ] &&
	[[ 6.1.0-1 =~ \$BUILD_EXCLUSIVE_KERNEL && 6.12.3 =~ \$BUILD_EXCLUSIVE_KERNEL &&
	   7.0.1 =~ \$BUILD_EXCLUSIVE_KERNEL ]] &&
	[[ ! 6.0.9 =~ \$BUILD_EXCLUSIVE_KERNEL && ! 5.15 =~ \$BUILD_EXCLUSIVE_KERNEL ]]"
# What the sources include between quotes lies beside them, or where the flags
# of Kbuild look.
complete() {
	local f inc where found

	for f in "$src"/*/*.[ch] "$src"/*/*/*.[ch]; do
		for inc in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$f"); do
			found=
			for where in "${f%/*}" "$src"/{kernel/daxfs,core,port/linux}; do
				[ ! -f "$where/$inc" ] || found=1
			done
			[ -n "$found" ] || { echo "$f: $inc"; return 1; }
		done
	done
}
t "the sources are complete" complete
again() {
	: >"$src/kernel/daxfs/old.c" && mk install-dkms DESTDIR="$d" &&
		[ ! -e "$src/kernel/daxfs/old.c" ]
}
t "installed again: nothing old stays" again
foreign() {
	rm "$src/dkms.conf" && ! mk install-dkms DESTDIR="$d" && [ -f "$src/core/core.h" ]
}
t "a folder that is none of it stays" foreign

only_ours() { # SYMBOLS
	if grep -vE ' daxfs_(lib|fs|fd|list|pin)_[a-z_]+(@@.*)?$' "$1"; then
		return 1
	fi
	[ "$(wc -l <"$1")" -ge 20 ]
}
nm -D --defined-only "$d/usr/lib/libdaxfs.so.1" | grep -v ' A ' >"$top/shared"
nm --defined-only --extern-only "$d/usr/lib/libdaxfs.a" | grep ' [A-Z] ' >"$top/static"
t "the shared library exports its API and nothing else" only_ours "$top/shared"
t "so does the static one" only_ours "$top/static"

cat >"$top/cat.c" <<'END'
#include <stdio.h>
#include <daxfs/daxfs.h>

int main(int argc, char **argv)
{
	struct daxfs *fs;
	struct daxfs_fd *fd;
	char why[256] = "", buf[64];
	long n = argc;

	if (daxfs_fs_open(&fs, argv[1], DAXFS_FS_RDONLY, why, sizeof(why)))
		return puts(why), 1;
	if (daxfs_fd_open(fs, NULL, argv[2], O_RDONLY, 0, &fd))
		return 2;
	n = daxfs_fd_pread(fd, buf, sizeof(buf), 0);
	if (n < 0)
		return 3;
	fwrite(buf, 1, (size_t)n, stdout);
	daxfs_fd_close(fd);
	return daxfs_fs_close(fs) != 0;
}
END
mkdir "$top/src" && echo "content" >"$top/src/file"
t "an image" "$d/usr/sbin/mkdaxfs" -q -d "$top/src" -o "$shm/image"

pc() {
	PKG_CONFIG_PATH=$d/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$d \
	PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
		pkg-config "$@" libdaxfs
}
links() { # PROGRAM FLAGS...
	local out=$1
	shift
	"${CC:-cc}" -Wall -Wextra -Werror -o "$out" "$top/cat.c" "$@" &&
		[ "$(LD_LIBRARY_PATH=$d/usr/lib "$out" "$shm/image" /file)" = content ]
}
# Word splitting is what pkg-config's answers are for.
# shellcheck disable=SC2046
t "a program with the shared library" links "$top/shared-cat" $(pc --cflags --libs)
# shellcheck disable=SC2046
t "a program with the static library" links "$top/static-cat" $(pc --cflags) \
	"$d/usr/lib/libdaxfs.a" -lz -luuid -luring -pthread
t "the shared one needs libdaxfs.so.1" \
	bash -c "ldd '$top/shared-cat' | grep -q 'libdaxfs\.so\.1'"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
