#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Fetch and unpack the kernels that guests boot, into build/vm.
#
# Notes: what is there stays, so only the first run needs the network. Packages
# come from where this machine's apt takes Debian from, by a private
# configuration below build/vm: the system's sources, lists and packages are
# not touched. Each folder build/vm/KERNEL then has
#   image, release               what to boot, and its `uname -r`
#   root/lib/modules/RELEASE     its modules, not compressed
#   kdir                         `make -C build/vm/KERNEL/kdir M=DIR` builds
# Exit: 0 all there, 1 something could not be had, 2 usage, 77 not here (not
# Debian 12 on amd64; `debug` without DAXFS_DEBUG_KERNEL).
#
# usage: scripts/vm-kernels.sh [--have] KERNEL...
#   --have fetch nothing: 1 if it is not there yet
#   6.1    of Debian 12          6.12   of its backports
#   debug  $DAXFS_DEBUG_KERNEL, a folder with bzImage-*-debug and
#          build-*-debug.tar.xz (docs/testing.md says how to make one)
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD/build/vm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	echo "vm-kernels.sh: $*" >&2
}

# ---- a private apt ----

apt_here() { # DIR PROGRAM ARGUMENT...
	local dir=$1 program=$2
	shift 2

	"$program" -q -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

# "URI SUITE" of each source that is Debian's own.
debian_sources() { # [OPTION...]
	# shellcheck disable=SC2016 # apt expands those
	apt-get "$@" indextargets --format \
		'$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
		awk '$3 == "main" && $4 == "Debian" { print $1, $2 }' | sort -u
}

# The same on a machine that has no lists yet: they are fetched to a place of ours.
find_sources() { # DIR
	local list

	list=$(debian_sources)
	if [ -z "$list" ]; then
		apt_here "$1" apt-get update >&2 || return 1
		list=$(debian_sources -o Dir::State::lists="$1/lists")
	fi
	[ -n "$list" ] || { say "apt knows no source of Debian's packages"; return 1; }
	echo "$list"
}

source_lines() { # URI SUITE, on each line of standard input
	local uri suite option=

	[ ! -e "$keyring" ] || option="[signed-by=$keyring] "
	while read -r uri suite; do
		echo "deb $option$uri $suite main"
	done
}

# From what is in use here: all suites for 6.1, the backports beside the first for 6.12.
sources_of() { # KERNEL, and what find_sources said
	case $1 in
	6.1)	source_lines <<<"$2" ;;
	6.12)	awk '$2 == "bookworm" { print $1, "bookworm-backports"; exit }' <<<"$2" |
			source_lines ;;
	esac
}

# ---- packages ----

names() { # DIR: image, headers, and what the headers need
	local dir=$1 image headers

	image=$(apt_here "$dir" apt-cache "${private[@]}" show --no-all-versions \
		linux-image-amd64 |
		sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p')
	[ -n "$image" ] || { say "no package linux-image-amd64 in apt's sources"; return 1; }
	headers=linux-headers-${image#linux-image-}
	echo "$image" "$headers"
	apt_here "$dir" apt-cache "${private[@]}" depends "$headers" |
		sed -n 's/.*Depends: *\(linux-\(headers\|kbuild\)-.*\)/\1/p'
}

download() { # KERNEL DIR
	local kernel=$1 dir=$2 found

	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
	found=$(find_sources "$dir")
	sources_of "$kernel" "$found" >"$dir/sources.list"
	private=(-o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null)
	apt_here "$dir" apt-get "${private[@]}" update
	found=$(names "$dir")
	case $found in
	"linux-image-$kernel."*) ;;
	*)	say "these sources have ${found%% *}, not $kernel: is this Debian 12?"
		return 77 ;;
	esac
	# shellcheck disable=SC2086 # a list of packages
	(cd "$dir/debs" && apt_here "$dir" apt-get "${private[@]}" download $found)
}

# Kinds of devices that no guest has: half a gigabyte.
not_wanted="sound kernel/drivers/gpu kernel/drivers/media kernel/drivers/infiniband
kernel/drivers/net/wireless kernel/drivers/net/ethernet kernel/drivers/staging
kernel/drivers/iio kernel/drivers/hwmon kernel/drivers/usb kernel/drivers/input
kernel/drivers/hid kernel/drivers/mfd kernel/drivers/mtd kernel/sound"

unpack_modules() { # ROOT RELEASE
	local modules=$1/lib/modules/$2 kind

	for kind in $not_wanted; do
		rm -rf "${modules:?}/$kind"
	done
	find "$modules" -name '*.ko.xz' -exec xz -d {} +
	depmod -b "$1" "$2"
}

# They name each other by where they would be installed. vmlinux is only for
# BTF, which wants a program more.
repair_headers() { # DIR WHERE-IT-WILL-BE
	sed -i "s,^include .*/usr/src/,include $2/root/usr/src/," "$1/kdir/Makefile"
	rm -f "$1/kdir/vmlinux"
}

number_at() { # FILE OFFSET BYTES
	od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# The kernel out of its self-extracting file (Documentation/x86/boot.rst): a
# guest that need not unpack it boots in half the time.
extract() { # VMLINUZ
	local setup start length magic unpack

	setup=$(number_at "$1" $((0x1f1)) 1)
	start=$(((setup + 1) * 512 + $(number_at "$1" $((0x248)) 4)))
	# The last four bytes are the length of what comes out.
	length=$(($(number_at "$1" $((0x24c)) 4) - 4))
	magic=$(od -An -t x4 -j "$start" -N 4 "$1" | tr -d ' ')
	case $magic in
	587a37fd)	unpack=xz ;;
	fd2fb528)	unpack=zstd ;;
	*)		say "$1: compressed in a way that is not known"; return 1 ;;
	esac
	tail -c +$((start + 1)) "$1" | head -c "$length" | "$unpack" -dc
}

unpack() { # DIR
	local dir=$1 root=$1/root deb release

	for deb in "$dir"/debs/*.deb; do
		dpkg -x "$deb" "$root"
	done
	release=$(basename "$root"/boot/vmlinuz-*)
	release=${release#vmlinuz-}
	unpack_modules "$root" "$release"
	extract "$root/boot/vmlinuz-$release" >"$dir/image"
	ln -s "root/usr/src/linux-headers-$release" "$dir/kdir"
	echo "$release" >"$dir/release"
	rm -rf "$dir/debs" "$dir/lists" "$dir/cache" "$dir/sources.list"
}

distribution() { # KERNEL DIR
	here
	download "$@" >"$2.log" 2>&1
	unpack "$2" >>"$2.log" 2>&1
}

here() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null ||
	   [ "$(dpkg --print-architecture)" != amd64 ]; then
		say "kernels are fetched on Debian for amd64 alone: no guests here"
		return 77
	fi
}

debug() { # KERNEL DIR
	local dir=$2 from=${DAXFS_DEBUG_KERNEL:-} image

	[ -n "$from" ] || { say "DAXFS_DEBUG_KERNEL names no folder: no debug kernel"; return 77; }
	image=$(find "$(cd "$from" && pwd)" -maxdepth 1 -name 'bzImage-*-debug' | head -n 1)
	[ -n "$image" ] || { say "$from: no bzImage-*-debug there"; return 1; }
	tar -xJf "${image%/*}/build-${image##*/bzImage-}.tar.xz" -C "$dir"
	ln -s "$image" "$dir/image"
	ln -s build "$dir/kdir"
	cat "$dir/build/include/config/kernel.release" >"$dir/release"
}

# The folder is right as it is, unless the checkout was moved.
have() { # DIR
	[ -e "$1/image" ] && [ -e "$1/release" ] || return 1
	[ ! -d "$1/root" ] || grep -qF "include $1/root/" "$1/kdir/Makefile" ||
		repair_headers "$1" "$1"
}

# Made aside, so that a folder of that name is whole. Not beside || or if:
# the shell would not end at the first failure then.
one() { # KERNEL
	local dir=$top/$1 new=$top/.$1.$$ make=distribution rc=0

	! have "$dir" || return 0
	[ "$1" != debug ] || make=debug
	if [ -n "$only_look" ] && [ "$1" != debug ]; then
		here || return
		say "kernel $1 was not fetched yet: run 'scripts/vm-kernels.sh $1', or 'make deps'"
		return 1
	fi
	rm -rf "$dir"
	mkdir -p "$new"
	echo "fetching kernel $1 for guests"
	"$make" "$1" "$new" &
	wait "$!" || rc=$?
	if [ "$rc" -ne 0 ]; then
		[ ! -e "$new.log" ] || tail -n 15 "$new.log" >&2
		say "could not get kernel $1"
		rm -rf "$new" "$new.log"
		return "$rc"
	fi
	[ "$1" = debug ] || repair_headers "$new" "$dir"
	rm -f "$new.log"
	mv -T "$new" "$dir"
}

only_look=
if [ "${1:-}" = --have ]; then
	only_look=1
	shift
fi
[ $# -gt 0 ] || { echo "usage: scripts/vm-kernels.sh [--have] 6.1|6.12|debug..." >&2; exit 2; }
for kernel in "$@"; do
	case $kernel in
	6.1|6.12|debug) ;;
	*)	say "'$kernel' is not a kernel it knows (6.1, 6.12, debug)"; exit 2 ;;
	esac
done
for kernel in "$@"; do
	one "$kernel" || exit
done
