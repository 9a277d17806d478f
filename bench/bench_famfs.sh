#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# How fast is famfs: making files, replaying the log, reading through its server?
#
# Notes: rows without a peer are compared with what is asked for, a number in the
# name of the question. Reads take turns with the passthrough server of this
# folder on the same bytes in tmpfs; servers and dd run on one CPU, no page is cached before a
# read. Prints "question,ours,peer,unit,ratio,target,met" (medians); $BENCH_COUNT
# and $BENCH_ROUNDS are as in bench/rounds.h.
# usage: bench/bench_famfs.sh [--quick]
set -eu

rounds=7
mib=256
files=10000
if [ "${1:-}" = --quick ]; then
	rounds=3
	mib=16
	files=1000
fi
rounds=${BENCH_COUNT:-$rounds}
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=/dev/null
. "$here/bench/row.sh"
build=${BUILD:-$here/build}
PATH=$build:$PATH
dir=$(mktemp -d /dev/shm/daxfs-bench.XXXXXX)
export FAMFS_SYSTEM_UUID=$dir/uuid TMPDIR=$dir
mounts=()
pids=()

clean() {
	local m

	for m in ${mounts[@]+"${mounts[@]}"}; do
		fusermount3 -u "$m" 2>/dev/null || umount "$m" || umount -l "$m"
	done
	for m in ${pids[@]+"${pids[@]}"}; do
		wait "$m" || true
	done
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT

us() { # COMMAND...: microseconds
	local start

	start=$(date +%s%N)
	"$@" >/dev/null
	echo $((($(date +%s%N) - start) / 1000))
}

fresh() { # SIZE
	rm -f "$dir/d"
	truncate -s "$1" "$dir/d"
}

# ---- against a number ----

mkfs_time() {
	fresh 16G
	echo "$(us mkfs.famfs "$dir/d") 1000" | awk '{ print $1 / $2 }' >>"$dir/ours"
	echo 200 >>"$dir/peer"
}

list() {
	seq "$files" | sed 's/.*/f&,1M/'
}

creat_rate() {
	fresh 40G
	mkfs.famfs "$dir/d"
	echo "$files $(us famfs creat -d "$dir/d" -M - <"$dir/list")" |
		awk '{ print $1 / $2 * 1000000 }' >>"$dir/ours"
	echo 20000 >>"$dir/peer"
}

cp_rate() {
	fresh 40G
	mkfs.famfs "$dir/d"
	echo "$files $(us famfs cp -r -d "$dir/d" "$dir/small" /)" |
		awk '{ print $1 / $2 * 1000000 }' >>"$dir/ours"
	echo 20000 >>"$dir/peer"
}

play_time() {
	rm -rf "$dir/tree"
	echo "$(us famfs logplay -S "$dir/tree" -d "$dir/d") 1000" |
		awk '{ print $1 / $2 }' >>"$dir/ours"
	echo 1000 >>"$dir/peer"
}

repeat() { # FUNCTION
	local i

	for ((i = 0; i < rounds; i++)); do
		"$1"
	done
}

# ---- reads, beside the passthrough server ----

read_rate() { # FILE ours|peer
	echo "$mib $(us taskset -c 0 dd if="$1" of=/dev/null bs=1M status=none \
		iflag=nocache)" | awk '{ print $1 / $2 * 1000000 }' >>"$dir/$2"
}

mount_both() { # [direct]
	mkdir -p "$dir/m" "$dir/p"
	taskset -c 0 famfs mount ${1:+-o direct_io} "$dir/d" "$dir/m"
	mounts+=("$dir/m")
	taskset -c 0 passthrough_fuse ${1:+-d} "$dir/source" "$dir/p" &
	pids+=($!)
	while ! mountpoint -q "$dir/p"; do
		kill -0 "${pids[-1]}" || exit 1
		sleep 0.01
	done
	mounts+=("$dir/p")
}

unmount_both() {
	local m

	for m in "${mounts[@]}"; do
		fusermount3 -u "$m" 2>/dev/null || umount "$m"
	done
	wait "${pids[@]}"
	mounts=()
	pids=()
}

reads() { # QUESTION [direct]
	local i

	mount_both "${2:-}"
	read_rate "$dir/m/f" ours	# once, so that both have seen memory
	read_rate "$dir/p/f" peer
	rm "$dir/ours" "$dir/peer"
	for ((i = 0; i < rounds; i++)); do
		if ((i % 2)); then
			read_rate "$dir/m/f" ours
			read_rate "$dir/p/f" peer
		else
			read_rate "$dir/p/f" peer
			read_rate "$dir/m/f" ours
		fi
	done
	unmount_both
	row "$1" MiB/s ">=0.90"
}

list >"$dir/list"
mkdir "$dir/small" "$dir/source"
(cd "$dir/small" && seq "$files" | split -l 1 -a 4 -)
echo question,ours,peer,unit,ratio,target,met
repeat mkfs_time
row "famfs mkfs of 16 GiB / 200 ms" ms "<=1.00"
repeat creat_rate
row "famfs creat --multi / 20000 entries per s" entries/s ">=1.00"
repeat cp_rate
row "famfs cp -r / 20000 entries per s" entries/s ">=1.00"
fresh 40G
mkfs.famfs "$dir/d"
seq 15420 | sed 's/.*/f&,1M/' | famfs creat -d "$dir/d" -M -
repeat play_time
row "famfs logplay of a full log / 1 s" ms "<=1.00"
fresh 1G
mkfs.famfs "$dir/d"
famfs creat -d "$dir/d" -s "${mib}M" -S 1 f
head -c "${mib}M" /dev/urandom >"$dir/source/f"
reads "famfs read 1 MiB direct_io / passthrough" direct
reads "famfs read 1 MiB cold / passthrough"
