#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A persistent region on an NVDIMM, mounted by the module: the machine loses its power and
# is started again.
#
# Notes: the first guest is killed while it has files open, locked and removed. A guest
# of another name leaves it alone; one of the same name and machine id is that machine
# after its start, whose first mount recovers what was before. What a processor had in its
# caches QEMU does not lose: that is for the simulator.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
device=nvdimm
[ "$KERNEL" != debug ] || device=virtio-pmem	# it knows no NVDIMM

cat >"$SHARE/begin.sh" <<'E'
PATH=$BUILD:$PATH
echo "$1" >/proc/sys/kernel/hostname
insmod "$MODULE" && mkdir /tmp/m || exit 1
hosts() { daxfs-inspect hosts --json -m /tmp/m | json_get '#/hosts'; }
E

machine() { # NAME HOSTNAME
	guest "$1" "--$device" "$SHM/pmem" --env MODULE="$(module)" -- "$2"
}

need "a module for $KERNEL" test -e "$(module)"
shm_file pmem $((80 << 20))	# ndctl wants whole 16 MiB
need "some text" cp "$TOP/LICENSES/GPL-2.0-only.txt" "$SHARE/text"

machine first box <<'E'
. "$SHARE/begin.sh"
ndctl create-namespace -f -e namespace0.0 -m devdax --map=mem >/dev/null
mkdaxfs -E -q --persistent -r /dev/dax0.0 && mount.daxfs /dev/dax0.0 /tmp/m || exit
cp "$SHARE/text" /tmp/m/text && mkdir /tmp/m/dir && echo old >/tmp/m/dir/name || exit
mv /tmp/m/dir/name /tmp/m/renamed && cp "$SHARE/text" /tmp/m/gone || exit
exec 5<>/tmp/m/gone 6<>/tmp/m/locked
flock 6 && rm /tmp/m/gone && sync -f /tmp/m && echo "is written"
sleep 1000
E
t "it is written" guest_says first "^is written"
t "the power is lost" guest_crash first
t "that is seen" guest_ends first 121

machine other "another" <<'E'
. "$SHARE/begin.sh"
mount.daxfs /dev/dax0.0 /tmp/m || exit
sleep 3		# more than a beat
echo "$(hosts) hosts"
flock -n /tmp/m/locked true && echo "the lock does not hold"
umount /tmp/m && rmmod daxfs
E
t "another machine" guest_ends other
t "does not judge it" says other "2 hosts"
t "so its lock holds" not says other "the lock does not hold"

machine again box <<'E'
. "$SHARE/begin.sh"
mount.daxfs /dev/dax0.0 /tmp/m || exit
for i in $(seq 300); do [ "$(hosts)" -ne 1 ] || break; sleep 0.1; done
echo "$(hosts) hosts"
cmp /tmp/m/text "$SHARE/text" && [ "$(cat /tmp/m/renamed)" = old ] || exit
[ "$(ls /tmp/m /tmp/m/dir | tr '\n' ' ')" = "/tmp/m: dir locked renamed text  /tmp/m/dir: " ] ||
	{ ls -lR /tmp/m; exit 1; }
flock -n /tmp/m/locked true && echo new >/tmp/m/text && rm /tmp/m/text || exit
find /tmp/m -mindepth 1 -delete && umount /tmp/m && rmmod daxfs || exit
fsck.daxfs -n /dev/dax0.0
E
t "the machine after its start" guest_ends again
t "has recovered what was before" says again "1 hosts"
t "clean, and nothing is left in use" not grep -E ' pool: .*, [0-9]+ (data|map)[,0-9]' \
	"$WORK/again.out"
t "which was looked at" grep -q ' pool: ' "$WORK/again.out"
finish
