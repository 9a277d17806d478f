#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# run-vm.sh: what a guest's script gets and prints, and how each end is told.
#
# Notes: the kernel's complaints are written to its log by the scripts. Two
# guests run at a time.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests

# ---- one that does all of it, one that panics ----

guest all --env "WORD=two words" --allow "WARNING: expected" -- first "a 'second" <<'E'
echo "script: $# $1 $2 $WORD"
echo "root $(id -u), $(nproc) processors"
echo "<4>WARNING: expected" >/dev/kmsg
touch "$TOP/in-a-guest" 2>/dev/null && echo "the host's root can be written"
cp "$TOP/Makefile" "$SHARE/copy"
mkdir /tmp/{a,b,c,d} && mount -t overlay \
	-o lowerdir=/tmp/a,upperdir=/tmp/b,workdir=/tmp/c none /tmp/d && echo "overlay is mounted"
for i in $(seq 20000); do echo "line $i"; done
echo "this is stderr" >&2
exit 7
E
guest panic <<'E'
echo "before the end"
sleep 0.5
if [ -e /proc/sysrq-trigger ]; then
	echo c >/proc/sysrq-trigger
else	# a kernel without it panics when memory is out
	echo 2 >/proc/sys/vm/panic_on_oom
	tail /dev/zero
fi
echo "behind the end"
E

lines_are_whole() {
	seq -f 'line %.0f' 20000 | cmp - <(grep '^line' "$WORK/all.out")
}

t "the script's status" guest_ends all 7
t "its arguments and variables" says all "script: 2 first a 'second two words"
t "it is root on two processors" says all "root 0, 2 processors"
t "20000 lines come whole" lines_are_whole
t "stderr comes, too" says all "this is stderr"
t "a shared folder is the host's" cmp "$TOP/Makefile" "$SHARE/copy"
t "the host's root is read-only" not grep written "$WORK/all.out"
t "the kernel finds its modules by itself" says all "overlay is mounted"
t "a panic is status 121" guest_ends panic 121
t "what was said before it" says panic "before the end"
t "its console is shown" grep -Eq "console: .*(sysrq|panic)" "$WORK/panic.err"
t "nothing comes behind it" not grep -q behind "$WORK/panic.out"

# ---- other ends ----

guest warns <<<'echo "<4>WARNING: CPU: 0 PID: 1 at here" >/dev/kmsg'
guest killed <<<'echo ready; sleep 1000'

t "a line is waited for" guest_says killed '^ready$'
t "a guest is killed" guest_crash killed
t "that is status 121" guest_ends killed 121
t "a complaint of the kernel is status 120" guest_ends warns 120
t "and it is shown" grep -q "console: .*at here" "$WORK/warns.err"

guest late --limit 3 <<<'sleep 1000'
t "the time limit is status 124" guest_ends late 124
t "a guest that ended says nothing more" not guest_says late never 5

# ---- what cannot be started ----

vm() { # REGEX OPTION...
	local regex=$1
	shift

	refuses 125 "$regex" "$TOP/scripts/run-vm.sh" "$@"
}
ok=$WORK/ok.sh
echo "exit 0" >"$ok"
shm_file odd 3000000
shm_file three 6M
odd=$SHM/odd
three=$SHM/three

t "no script" vm "no script"
t "a script that is not there" vm "no such script" "$WORK/none.sh"
t "an unknown option" vm "no option" --what 1 "$ok"
t "an option without a value" vm "wants a value" --cpus
t "a number that is none" vm "wants a number" --cpus two "$ok"
t "an unknown kernel" vm "no kernel in" --kernel 2.4 "$ok"
t "no file to be a region" vm "no such file" --reserved "$SHM/none" "$ok"
t "an odd size" vm "multiple of 2 MiB" --nvdimm "$odd" "$ok"
t "no power of two" vm "power of 2" --ivshmem "$three" "$ok"
t "two regions" vm "one region only" --nvdimm "$three" --reserved "$three" "$ok"
t "a kernel to fetch that is not known" refuses 2 "not a kernel" \
	"$TOP/scripts/vm-kernels.sh" 2.4
finish
