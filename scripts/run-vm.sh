#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Boot a guest under QEMU, run one script in it, and end as the script does.
#
# Notes: docs/testing.md, "Guests", explains. Processors are emulated (TCG); no
# right is needed but to read what the guest reads. The guest's root is the
# host's, read-only; /run, /tmp, /mnt and /dev/shm are its own. Guests that are
# given the same FILE share its memory. The script gets DAXFS_PHYS and
# DAXFS_SIZE, where the region is in its physical memory, and BUILD.
# Exit: the script's status, unless it is one of
#   120  the kernel complained (warning, oops, lockdep, leak), whatever the script said
#   121  the guest ended without a status: a panic, or QEMU was killed
#   124  the time limit       125  no guest could be started, or usage
#
# usage: scripts/run-vm.sh [OPTION...] SCRIPT [ARGUMENT...]
#   --kernel K       6.1 (the default), 6.12, debug (scripts/vm-kernels.sh fetches
#                    them), or a folder like theirs; default: $DAXFS_VM_KERNEL
#   --cpus N         2 by default; 1 is a true one-processor guest with real atomics
#   --icount         count instructions instead of time: one processor, which runs as
#                    fast as they say; string instructions are not told as fast
#   --memory MIB     memory beside the region: 1024, of a debug kernel 2048
#   --reserved FILE  FILE is memory at 0x100000000 that the kernel leaves alone
#   --nvdimm FILE    ... an NVDIMM: /dev/pmem0, or /dev/dax0.0 after ndctl
#   --virtio-pmem FILE   ... the same without ACPI
#   --ivshmem FILE   ... BAR 2 of a PCI device
#   --share DIR      a folder of the host the guest may write to, at /mnt/share
#   --link OURS=THEIRS   a network card whose other end is another guest's: two paths of
#                    sockets, which the other one is given the other way round
#   --append TEXT    more for the kernel's command line
#   --env NAME=TEXT  a variable for the script
#   --limit SECONDS  180 by default
#   --pidfile FILE   gets QEMU's process number: SIGKILL is a crash of the host
#   --console FILE   gets what the kernel printed
#   --allow REGEX    lines of the console that are no complaint
#   --no-leaks       do not ask a debug kernel for leaks at the end
set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit 125
scripts=$top/scripts

say() {
	echo "run-vm.sh: $*" >&2
}

fail() {
	say "$*"
	exit 125
}

# ---- arguments ----

kernel=${DAXFS_VM_KERNEL:-6.1}
cpus=2
accel=tcg,thread=multi
cpu=max,la57=off
memory=
region=
file=
share=
link=
append=
limit=180
pidfile=
console=
allow=
leaks=1
variables=()

number() { # NAME VALUE
	case $2 in
	''|*[!0-9]*|0*) fail "$1 wants a number, not '$2'" ;;
	esac
}

region_is() { # KIND FILE
	[ -z "$region" ] || fail "one region only, $region or $1"
	region=$1
	[ -f "$2" ] || fail "$2: no such file to be a region"
	file=$(realpath "$2")
}

option() { # NAME VALUE
	case $1 in
	--kernel)	kernel=$2 ;;
	--cpus)		number "$@"; cpus=$2 ;;
	--memory)	number "$@"; memory=$2 ;;
	--reserved|--nvdimm|--virtio-pmem|--ivshmem)
			region_is "${1#--}" "$2" ;;
	--share)	share=$(cd "$2" && pwd) || exit 125 ;;
	--link)		link=$2 ;;
	--append)	append+=" $2" ;;
	--env)		variables+=("$2") ;;
	--limit)	number "$@"; limit=$2 ;;
	--pidfile)	pidfile=$2 ;;
	--console)	console=$2 ;;
	--allow)	allow=$2 ;;
	*)		fail "'$1' is no option; the head of scripts/run-vm.sh lists them" ;;
	esac
}

while [ $# -gt 0 ]; do
	case $1 in
	--no-leaks)	leaks=; shift ;;
	--icount)	cpus=1
			accel="tcg,thread=single -icount shift=0,sleep=off"
			cpu+=,-erms,-fsrm; shift ;;
	--)		shift; break ;;
	-*)		[ $# -ge 2 ] || fail "$1 wants a value"
			option "$1" "$2"; shift 2 ;;
	*)		break ;;
	esac
done
[ $# -ge 1 ] || fail "no script to run; the head of scripts/run-vm.sh tells the usage"
[ -f "$1" ] || fail "$1: no such script"
script=$(realpath "$1")
shift

# ---- what is booted ----

case $kernel in
*/*)	boot=$kernel ;;
*)	boot=$top/build/vm/$kernel ;;
esac
[ -e "$boot/image" ] && [ -e "$boot/release" ] ||
	fail "no kernel in $boot: scripts/vm-kernels.sh $kernel fetches those it knows"
boot=$(cd "$boot" && pwd)
read -r release <"$boot/release"
modules=$boot/root
[ -d "$modules/lib/modules/$release" ] || modules=
for program in qemu-system-x86_64 busybox cpio; do
	command -v "$program" >/dev/null || fail "$program is missing (make deps)"
done
if [ -z "$memory" ]; then
	memory=1024
	[ ! -e "$boot/build" ] || memory=2048
fi
[ "$memory" -le 2048 ] || fail "--memory: at most 2048"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-vm.XXXXXX") || exit 125
qemu=
# shellcheck disable=SC2317 # by the trap
clean_up() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null
	wait
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- the initramfs ----

# Modules that mount the host's root, each after what it needs.
module_files() {
	[ -z "$modules" ] || awk -F '[: ]+' '
	{
		name = $1
		sub(/.*\//, "", name); sub(/\.ko$/, "", name); gsub(/-/, "_", name)
		path[name] = $1
		file[$1] = $0
	}
	function load(f,    i, n, need) {
		if (f in done)
			return
		done[f] = 1
		n = split(file[f], need, /[: ]+/)
		for (i = n; i > 1; i--)
			if (need[i] != "")
				load(need[i])
		print f
	}
	END {
		load(path["virtio_pci"]); load(path["9pnet_virtio"]); load(path["9p"])
	}' "$modules/lib/modules/$release/modules.dep"
}

# Folders that must be seen although /run, /tmp and /mnt are the guest's own.
kept() {
	local dir

	for dir in "$top" "$boot" "${BUILD:-$top}"; do
		case $dir/ in
		/run/*|/tmp/*|/mnt/*) printf '%q ' "$dir" ;;
		esac
	done
}

settings() {
	printf '%s=%q\n' REGION "$region" SHARE "$share" LEAKS "$leaks" \
		MODULES "$modules" DAXFS_SIZE "$size" DAXFS_PHYS "$phys" KEEP "$(kept)"
}

# What /bin/bash runs in the guest.
environment() { # SCRIPT-ARGUMENT...
	local variable

	printf 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n'
	for variable in "BUILD=${BUILD:-$top/build}" "TOP=$top" "SHARE=/mnt/share" \
		${variables[@]+"${variables[@]}"}; do
		printf 'export %q\n' "$variable"
	done
	printf 'exec /run/vm/script'
	[ $# -eq 0 ] || printf ' %q' "$@"
	echo
}

initramfs() { # SCRIPT-ARGUMENT...
	local root=$tmp/root module applet n=100

	mkdir -p "$root"/{bin,dev,proc,sys,modules,keep,host,vm}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in sh mount mkdir insmod cp chmod switch_root; do
		ln -s busybox "$root/bin/$applet"
	done
	for module in $(module_files); do
		n=$((n + 1))
		cp "$modules/lib/modules/$release/$module" "$root/modules/$n-${module##*/}"
	done
	cp "$scripts/vm-init.sh" "$root/init"
	cp "$scripts/vm-init.sh" "$root/vm/"
	cp "$script" "$root/vm/script"
	settings >"$root/vm/settings"
	environment "$@" >"$root/vm/environment"
	chmod 755 "$root/init" "$root/vm"/*
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$tmp/initramfs"
}

# ---- the machine ----

# Frames are datagrams: what is sent before the other guest is there is lost, as on a
# wire. The card's address comes from the path.
add_link() { # OURS THEIRS
	local sum ours=local.type=unix,local.path=${1//,/,,}
	local theirs=remote.type=unix,remote.path=${2//,/,,}

	sum=$(cksum <<<"$1" | cut -d ' ' -f 1)
	sum=$(printf %08x "$sum" | sed 's/../:&/g')
	args+=(-netdev "dgram,id=link,$ours,$theirs"
		-device "virtio-net-pci,netdev=link,romfile=,mac=52:54$sum")
}

# The region is a file that guests share; which device it is differs. Without
# five levels of page tables: KASAN errs when an interrupt comes while the
# kernel finds out whether it has them.
machine() {
	local total=$memory mib=$((size / 1048576))
	local shm="memory-backend-file,id=shm,mem-path=${file//,/,,},size=$size,share=on"

	# shellcheck disable=SC2054 # commas of QEMU
	args=(-machine q35 -m "$memory")
	# shellcheck disable=SC2054
	case $region in
	reserved)
		args=(-machine "q35,max-ram-below-4g=${memory}M" -m "$((total + mib))"
			-object "memory-backend-ram,id=m0,size=${memory}M" -object "$shm"
			-numa node,nodeid=0,memdev=m0 -numa node,nodeid=1,memdev=shm)
		cmdline+=" memmap=${mib}M\$$phys"
		;;
	nvdimm)
		args=(-machine q35,nvdimm=on -m "$memory,slots=2,maxmem=$((total + mib + 1024))M"
			-object "$shm,align=2M" -device nvdimm,memdev=shm)
		;;
	virtio-pmem)
		args=(-machine q35 -m "$memory,slots=2,maxmem=$((total + mib + 1024))M"
			-object "$shm" -device virtio-pmem-pci,memdev=shm)
		;;
	ivshmem)
		args+=(-object "$shm" -device ivshmem-plain,memdev=shm)
		;;
	esac
	# shellcheck disable=SC2206 # an option more, or none
	args+=(-accel $accel -cpu "$cpu" -nodefaults -no-user-config
		-display none -no-reboot -nic none -smp "$smp" -kernel "$boot/image"
		-initrd "$tmp/initramfs" -append "$cmdline$append" -pidfile "$tmp/pid"
		-virtfs local,path=/,security_model=none,readonly=on,mount_tag=host,multidevs=remap
		-serial "file:$tmp/console" -serial "file:$tmp/out" -serial "file:$tmp/status")
	[ -z "$link" ] || add_link "${link%%=*}" "${link#*=}"
	[ -z "$share" ] ||
		args+=(-virtfs "local,path=${share//,/,,},security_model=none,mount_tag=share")
}

check_region() {
	size=0
	phys=
	[ -n "$region" ] || return
	size=$(stat -c %s "$file")
	[ "$size" -gt 0 ] && [ $((size % 2097152)) -eq 0 ] ||
		fail "$file: a region's size must be a multiple of 2 MiB, and is $size"
	[ "$region" != ivshmem ] || [ $((size & (size - 1))) -eq 0 ] ||
		fail "$file: for --ivshmem the size must be a power of 2, and is $size"
	[ "$region" != reserved ] || phys=0x100000000
}

# QEMU emulates even a locked instruction without an atomic one where it knows
# that there will be one processor: two guests would lose updates.
smp=$cpus
[ "$cpus" -ne 1 ] || smp=1,maxcpus=2
# The timer works; whether it does a busy host keeps the kernel from seeing.
cmdline="console=ttyS0 loglevel=5 panic=-1 oops=panic no_timer_check rdinit=/init"
check_region
machine
initramfs "$@" || fail "could not make the initramfs"
: >"$tmp/out"

timeout -k 5 "$limit" qemu-system-x86_64 "${args[@]}" </dev/null 2>"$tmp/errors" &
qemu=$!
tail -s 0.1 --pid="$qemu" -c +1 -f "$tmp/out" &
for _ in $(seq 100); do
	[ ! -s "$tmp/pid" ] || break
	kill -0 "$qemu" 2>/dev/null || break
	sleep 0.02
done
[ -z "$pidfile" ] || cp "$tmp/pid" "$pidfile" 2>/dev/null
wait "$qemu"
rc=$?
qemu=
wait
[ -z "$console" ] || cp "$tmp/console" "$console"

# ---- the end ----

complaints='cut here|WARNING: |BUG: |kernel BUG|Oops|Kernel panic|general protection|'
complaints+='Call Trace|KASAN|UBSAN|ODEBUG|INFO: (task|possible|suspicious|trying|inconsistent)|'
complaints+='detected (expedited )?stall|soft lockup|refcount_t|Bad page|bad p[gu4m]d |'
complaints+='Unable to handle|daxfs-vm: '

complained() {
	grep -vE -- "${allow:-^$}" "$tmp/console" | grep -E "$complaints"
}

shown() {
	tr -d '\r' | sed 's/^/  console: /' >&2
}

if [ "$rc" -eq 124 ]; then
	say "no end within $limit s"
	tail -n 20 "$tmp/console" | shown
	exit 124
fi
if [ ! -s "$tmp/console" ] && [ -s "$tmp/errors" ]; then
	cat "$tmp/errors" >&2
	fail "QEMU did not start"
fi
status=$(tr -d '\r\n' <"$tmp/status")
if [ -z "$status" ]; then
	say "the guest ended without a status (a panic, or QEMU was killed: it ended with $rc)"
	tail -n 40 "$tmp/console" | shown
	exit 121
fi
first=$(complained | head -n 1)
if [ -n "$first" ]; then
	say "the guest's kernel complained (the script's status was $status)"
	grep -F -B 12 -A 60 -m 1 -e "$first" "$tmp/console" | shown
	exit 120
fi
exit "$status"
