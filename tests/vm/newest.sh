#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The module compiles against the newest kernel that Debian has, without a warning.
#
# Notes: such a kernel wants a newer compiler than this machine's, so packages of
# Debian unstable are unpacked to a folder, with nothing configured, and the build
# runs there by chroot. Packages come from where apt takes Debian from, by a private
# configuration. Long form only, with one kernel: it downloads 200 MB.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

[ "$VM_LONG" -gt 0 ] || give_up "uses the network: VM_LONG=1"
[ "$KERNEL" = 6.1 ] || give_up "compiles the same whatever kernel guests have"
[ "$(id -u)" -eq 0 ] || give_up "chroot needs root"
command -v apt-get >/dev/null || give_up "no apt here"
ROOT=$WORK/root
PACKAGES=(bash coreutils findutils sed grep mawk make gcc binutils perl python3-minimal
	linux-headers-amd64)

# shellcheck disable=SC2016 # apt expands those
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(ORIGIN)' \
	'Created-By: Packages' | awk '$2 == "main" && $3 == "Debian" { print $1; exit }')
[ -n "$mirror" ] || give_up "apt knows no source of Debian's packages"

private_apt() { # ARGUMENT...
	apt-get -q -y -o Dir="$WORK/apt" -o Dir::State::status="$WORK/apt/status" \
		-o Dir::Etc::trustedparts=/etc/apt/trusted.gpg.d \
		-o Dir::Etc::parts=/etc/apt/apt.conf.d \
		-o APT::Sandbox::User=root -o APT::Install-Recommends=no \
		-o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

fetch() {
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg

	mkdir -p "$WORK"/apt/{etc/apt,var/lib/apt/lists/partial,var/cache/apt/archives/partial} &&
		: >"$WORK/apt/status" &&
		echo "deb [signed-by=$keys] $mirror sid main" >"$WORK/apt/etc/apt/sources.list" &&
		private_apt update && private_apt install --download-only "${PACKAGES[@]}"
}

unpack() {
	local deb dir

	mkdir -p "$ROOT"/{usr,dev,proc,src,tmp} || return 1
	for dir in bin sbin lib lib64; do
		mkdir -p "$ROOT/usr/$dir" && ln -s "usr/$dir" "$ROOT/$dir" || return 1
	done
	for deb in "$WORK"/apt/var/cache/apt/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$ROOT" ||
			return 1
	done
	rm -r "$WORK/apt"
	[ -e "$ROOT/bin/sh" ] || ln -s bash "$ROOT/bin/sh"
	ln -s mawk "$ROOT/bin/awk"
	mknod -m 666 "$ROOT/dev/null" c 1 3
}

sources() {
	cp -a "$TOP"/{Makefile,core,include,lib,port,kernel,scripts} "$ROOT/src/"
}

# With /proc, which objtool wants, for as long as it runs.
in_root() { # COMMAND...
	# shellcheck disable=SC2016 # that shell expands them
	unshare --mount --propagation private -- sh -c 'mount --rbind /proc "$0/proc" &&
		exec env -i PATH=/usr/bin:/usr/sbin LC_ALL=C chroot "$0" "$@"' "$ROOT" "$@"
}

builds() { # DIR-OF-HEADERS
	in_root sh -c "cd /src && scripts/kernel-build.sh $1 /tmp/out" >"$WORK/log" 2>&1 ||
		{ grep -E -A4 'error|warning' "$WORK/log" || tail -n 30 "$WORK/log"; return 1; }
	grep -A4 'warning:' "$WORK/log"
	! grep -q 'warning:' "$WORK/log" && [ -e "$ROOT/tmp/out/daxfs.ko" ]
}

need "packages of Debian unstable" fetch
need "they are unpacked" unpack
need "sources" sources
headers=$(cd "$ROOT" && echo usr/src/linux-headers-*-amd64)
t "headers of one kernel" test -e "$ROOT/$headers/Makefile"
rm -f "$ROOT/$headers/vmlinux"	# which is for BTF alone, and wants pahole
t "compiles against ${headers##*/}" builds "/$headers"
finish
