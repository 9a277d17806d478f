#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fio on a kernel mount beside tmpfs, by wall time in a guest: docs/kernel.md's table.
#
# Notes: usage: fio_guest.sh [ROUNDS]. The module is build/kernel/6.1/daxfs.ko, the kernel
# that of build/vm/6.1 ($DAXFS_VM_KERNEL: another). Each round has daxfs, tmpfs and a
# second tmpfs, the control, by turns; a cell is the mean latency of a job of 64 MiB in
# microseconds, then the ratio to tmpfs of the same round: median (least to most).
# Buffers are mapped: with those of fio's threads large pieces took twice the time, which
# separate runs of fio do not show; perhaps an emulated processor has one entry for
# pages that lie 64 MiB apart. Exit 0, 1, 2 usage.
set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
rounds=${1:-5}
kernel=${DAXFS_VM_KERNEL:-6.1}
module=$top/build/kernel/$kernel/daxfs.ko
case $rounds in
''|*[!0-9]*|0*) echo "usage: fio_guest.sh [ROUNDS]" >&2; exit 2 ;;
esac
command -v fio >/dev/null ||
	{ echo "fio_guest.sh: fio is missing: make deps-bench" >&2; exit 1; }
[ -e "$module" ] || { echo "fio_guest.sh: no $module: make guest-modules" >&2; exit 1; }

tmp=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-fio.XXXXXX") || exit 1
region=$(mktemp /dev/shm/daxfs-fio.XXXXXX) || exit 1
trap 'rm -rf "$tmp" "$region"' EXIT
truncate -s 512M "$region"

cat >"$tmp/guest" <<'E'
#!/bin/bash
PATH=$BUILD:$PATH
job() { # NAME RW SIZE FILE OPTION...
	printf '[%s]\nstonewall\nrw=%s\nbs=%s\nfilename=%s\n' "$1" "$2" "$3" "$4"
	shift 4
	printf '%s\n' "$@"
}
jobs() { # DIR
	printf '%s\n' '[global]' ioengine=psync "directory=$1" size=64m fallocate=none \
		invalidate=0 iomem=mmap randseed=7 norandommap=1
	for size in 4k 64k 1m; do job "first write $size" write $size f$size create_on_open=1; done
	for size in 4k 64k 1m; do job "rewrite $size" write $size f$size overwrite=1 loops=2; done
	for size in 4k 64k 1m; do job "read $size" read $size f$size loops=2; done
	job "random read 4k" randread 4k f1m
	job "random write 4k" randwrite 4k f1m overwrite=1
}
insmod "$MODULE" && mkdir -p /tmp/daxfs /tmp/tmpfs /tmp/control &&
	mkdaxfs -E -q -f -p "$DAXFS_PHYS" -s "$DAXFS_SIZE" &&
	mount -i -t daxfs -o "phys=$DAXFS_PHYS,size=$DAXFS_SIZE" none /tmp/daxfs || exit
mount -t tmpfs -o size=300m none /tmp/tmpfs || exit
mount -t tmpfs -o size=300m none /tmp/control || exit
for round in $(seq "$1"); do
	for fs in daxfs tmpfs control; do
		rm -f /tmp/$fs/f*
		jobs /tmp/$fs >/tmp/jobs
		fio --output-format=terse --terse-version=3 /tmp/jobs >/tmp/out || exit
		awk -F ';' -v fs=$fs -v round="$round" '
			{ print $3 ";" fs ";" round ";" ($40 > 0 ? $40 : $81) }' /tmp/out
	done
done
umount /tmp/daxfs && rmmod daxfs
E
export BUILD=$top/build
"$top/scripts/run-vm.sh" --kernel "$kernel" --reserved "$region" --env "MODULE=$module" \
	--limit $((rounds * 300 + 120)) "$tmp/guest" "$rounds" >"$tmp/out" ||
	{ cat "$tmp/out"; exit 1; }

# NAME;FS;ROUND;LATENCY
awk -F ';' '
function median(list,    n, v, i, j, t) {
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	least = v[1]; most = v[n]
	return v[int((n + 1) / 2)]
}
function ratio(list,    m) {
	m = median(list)
	return sprintf("%.2f (%.2f-%.2f)", m, least, most)
}
NF == 4 {
	if (!($1 in seen)) { name[++nr] = $1; seen[$1] = 1 }
	at[$1, $2, $3] = $4
	all[$1, $2] = all[$1, $2] " " $4
	if ($3 > rounds) rounds = $3
}
END {
	print "| job | daxfs | tmpfs | daxfs / tmpfs | control / tmpfs |\n|---|---|---|---|---|"
	for (i = 1; i <= nr; i++) {
		n = name[i]; ours = control = ""
		for (r = 1; r <= rounds; r++) {
			ours = ours " " at[n, "daxfs", r] / at[n, "tmpfs", r]
			control = control " " at[n, "control", r] / at[n, "tmpfs", r]
		}
		printf "| %s | %.1f | %.1f | %s | %s |\n", n, median(all[n, "daxfs"]),
			median(all[n, "tmpfs"]), ratio(ours), ratio(control)
	}
}' "$tmp/out"
