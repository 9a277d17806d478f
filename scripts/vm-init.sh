#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The first process of a guest: mounts the host's root, runs one script there.
#
# Notes: busybox runs this, from the initramfs that run-vm.sh makes: as /init,
# and after switch_root once more as `vm-init.sh second`. ttyS0 is the
# kernel's console, ttyS1 the script's output, ttyS2 takes its status. Whatever
# ends this process without a status is a panic, and so told to the host.
# What run-vm.sh has to say is in vm/settings: shell variables.
# shellcheck shell=dash disable=SC1091,SC2034
set -u
PATH=/bin:/sbin:/usr/bin:/usr/sbin

complain() { # TEXT: the host looks for such lines on the console
	echo "<0>daxfs-vm: $*" >/dev/kmsg
}

# ---- in the initramfs ----

load_modules() {
	local module

	for module in /modules/*.ko; do
		[ ! -e "$module" ] || insmod "$module" || complain "insmod $module"
	done
}

# Folders that the file systems mounted below would hide are moved over them.
hide_all_but() { # DIR...
	local dir place n=0

	for dir in "$@"; do
		n=$((n + 1))
		mkdir -p "/keep/$n"
		mount --bind "/host$dir" "/keep/$n" || complain "no folder $dir"
	done
	for place in /run /tmp /mnt; do
		mount -t tmpfs -o mode=755 none "/host$place"
	done
	chmod 1777 /host/tmp
	n=0
	for dir in "$@"; do
		n=$((n + 1))
		mkdir -p "/host$dir"
		mount --move "/keep/$n" "/host$dir"
	done
}

first() {
	mount -t proc none /proc
	mount -t sysfs none /sys
	mount -t devtmpfs none /dev
	. /vm/settings
	load_modules
	mount -t 9p -o "ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose" host /host ||
		complain "no root from the host"
	eval "hide_all_but $KEEP"
	mkdir -p /dev/shm /dev/pts /host/run/vm /host/mnt/share
	mount -t tmpfs -o mode=1777 none /dev/shm
	mount -t devpts none /dev/pts
	cp /bin/busybox /vm/* /host/run/vm/
	[ -z "$SHARE" ] || mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,cache=none" \
		share /host/mnt/share || complain "no folder shared with the host"
	for dir in proc sys dev; do
		mount --move "/$dir" "/host/$dir"
	done
	exec switch_root /host /run/vm/busybox sh /run/vm/vm-init.sh second
}

# ---- on the host's root ----

# Where the region is in this guest's physical memory: DAXFS_PHYS, DAXFS_SIZE.
find_region() {
	local dev start end driver=nfit

	[ "$REGION" = nvdimm ] || driver=virtio_pmem
	case $REGION in
	ivshmem)
		for dev in /sys/bus/pci/devices/*; do
			[ "$(cat "$dev/vendor" "$dev/device")" = "0x1af4
0x1110" ] || continue
			read -r start end <<-EOF
			$(sed -n 3p "$dev/resource")
			EOF
			DAXFS_PHYS=$start
			echo 1 >"$dev/enable"
		done
		;;
	nvdimm|virtio-pmem)
		[ -z "$MODULES" ] || /sbin/modprobe -a "$driver" nd_pmem device_dax dax_pmem ||
			complain "modules of pmem"
		DAXFS_PHYS=$(cat /sys/bus/nd/devices/region0/resource)
		;;
	esac
	export DAXFS_PHYS DAXFS_SIZE
}

# Leaks that the kernel knows of, where it looks for any (a debug kernel).
leaks() {
	local file=/sys/kernel/debug/kmemleak

	[ -e "$file" ] || return 0
	echo scan >"$file"
	sleep 5
	echo scan >"$file"
	[ -z "$(cat "$file")" ] && return 0
	complain "kmemleak found a leak"
	head -c 20000 "$file" >/dev/kmsg
}

# Modules are where the kernel was unpacked, for modprobe and for the kernel.
find_modules() {
	[ -n "$MODULES" ] || return 0
	MODPROBE_OPTIONS="-d $MODULES"
	export MODPROBE_OPTIONS
	printf '#!/bin/sh\nexec /sbin/modprobe -d "%s" "$@"\n' "$MODULES" >/run/vm/modprobe
	chmod 755 /run/vm/modprobe
	echo /run/vm/modprobe >/proc/sys/kernel/modprobe
}

second() {
	local status

	. /run/vm/settings
	mount -t debugfs none /sys/kernel/debug 2>/dev/null
	ifconfig lo 127.0.0.1 up
	find_modules
	find_region
	stty -F /dev/ttyS1 raw -echo
	stty -F /dev/ttyS2 raw -echo
	cd /tmp || complain "no /tmp"
	HOME=/tmp TMPDIR=/tmp setsid /bin/bash /run/vm/environment \
		</dev/null >/dev/ttyS1 2>&1
	status=$?
	[ -z "$LEAKS" ] || leaks
	sync
	echo "$status" >/dev/ttyS2
	poweroff -f
}

case ${1:-} in
second)	second ;;
*)	first ;;
esac
