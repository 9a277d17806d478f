# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Helpers of the tests that boot guests, beside those of tests/lib.sh.
#
# Notes: sourced first thing, instead of ../lib.sh. $KERNEL names the kernel
# under test ($DAXFS_VM_KERNEL). A guest is known by a name: its script comes
# from standard input, and $WORK/NAME.out, .err, .console and .rc are what it
# printed, what run-vm.sh said, what the kernel printed, and how it ended. Any
# complaint of a guest's kernel makes its status 120, so it is a failure. $SHARE
# is the guests' /mnt/share. Guests that still run are ended with the script.
# shellcheck shell=bash
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 2
KERNEL=${DAXFS_VM_KERNEL:-6.1}
KDIR=$TOP/build/vm/$KERNEL/kdir
SHARE=$WORK/share
export DAXFS_VM_KERNEL=$KERNEL
VM_LONG=${VM_LONG:-0}
mkdir "$SHARE"

# What waiting is multiplied by: a kernel that checks itself is slow. Limits are there
# to end what hangs, and no more: a machine that does much else is slow, too.
SLOW=1
[ "$KERNEL" != debug ] || SLOW=4

# Not here, if the machine is none that scripts/vm-kernels.sh serves.
need_guests() {
	local said rc=0

	said=$("$TOP/scripts/vm-kernels.sh" --have "$KERNEL" 2>&1) || rc=$?
	[ "$rc" -ne 77 ] || give_up "$(grep '^vm-kernels' <<<"$said" | head -n 1)"
	need "kernel $KERNEL is there" same "$rc $said" "0 "
}

# ---- regions ----

shm_file() { # NAME SIZE: one that is no region yet
	truncate -s "$2" "$SHM/$1"
}

# An empty region, and 16 MiB of zeros behind it: by that memory programs on
# several hosts can tell each other what the region is not to be asked for.
region_with_channel() { # NAME MIB
	rm -f "$SHM/$1"
	mkdaxfs --empty -q -r "$SHM/$1" -s "$2M" && truncate -s $(($2 + 16))M "$SHM/$1"
}

# Begin a guest's script: the module, the region at /tmp/m, and CHANNEL, which is
# an offset in /dev/mem.
mounts_region() { # [OPTIONS]
	cat <<E
PATH=\$BUILD:\$PATH
CHANNEL=\$((DAXFS_PHYS + DAXFS_SIZE - (16 << 20)))
echo "\$GUEST" >/proc/sys/kernel/hostname
insmod "$(module)" && mkdir /tmp/m || exit
mount -t daxfs -o "phys=\$DAXFS_PHYS,size=\$((DAXFS_SIZE - (16 << 20)))${1:+,$1}" \
	none /tmp/m || exit
echo "is mounted"
E
}

# The guest is dead, and that is said: what it had in the region is given back.
evict() { # NAME GUEST
	daxfs-inspect evict -r "$SHM/$1" "$2:0"
}

# Nobody has it in use, and it is as it should be.
region_is_clean() { # NAME
	fsck.daxfs -n "$SHM/$1" >"$WORK/fsck" 2>&1 && return
	cat "$WORK/fsck"
	return 1
}

# ---- guests ----

# Starts one. Options are run-vm.sh's; the script comes from standard input.
guest() { # NAME [OPTION...] [-- ARGUMENT...]
	local name=$1 options=()
	shift

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	{ echo '#!/bin/bash'; cat; } >"$WORK/$name.sh"
	rm -f "$WORK/$name".{pid,rc,console}
	: >"$WORK/$name.out"
	"$TOP/scripts/run-vm.sh" --kernel "$KERNEL" --share "$SHARE" \
		--env "GUEST=$name" \
		--limit $((600 * SLOW)) --pidfile "$WORK/$name.pid" \
		--console "$WORK/$name.console" ${options[@]+"${options[@]}"} \
		"$WORK/$name.sh" "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" &
	GUEST[$name]=$!
	STARTED+=("$!")
}
declare -A GUEST

guest_runs() { # NAME
	kill -0 "${GUEST[$1]}" 2>/dev/null
}

# Waits until it has printed a line that matches.
guest_says() { # NAME REGEX [SECONDS]
	local i

	for i in $(seq $((${3:-300} * SLOW * 10))); do
		! grep -Eq -- "$2" "$WORK/$1.out" || return 0
		guest_runs "$1" || break
		sleep 0.1
	done
	! grep -Eq -- "$2" "$WORK/$1.out" || return 0
	echo "guest $1 did not say '$2' within $i looks; it said:"
	tail -n 20 "$WORK/$1.out" "$WORK/$1.err"
	return 1
}

# The host dies, now.
guest_crash() { # NAME
	[ -s "$WORK/$1.pid" ] || { echo "guest $1 has no process"; return 1; }
	kill -KILL "$(cat "$WORK/$1.pid")"
}

# Waits for the end; it is to be STATUS.
guest_ends() { # NAME [STATUS]
	local want=${2:-0} rc=0

	wait "${GUEST[$1]}" || rc=$?
	[ "$rc" -ne "$want" ] || return 0
	echo "guest $1 ended with $rc instead of $want"
	grep -A 25 'kernel complained' "$WORK/$1.err"
	tail -n 20 "$WORK/$1.out"
	tail -n 40 "$WORK/$1.err"
	return 1
}

# One guest, from its start to its end, which is to be success.
in_guest() { # NAME [OPTION...] [-- ARGUMENT...]
	guest "$@" && guest_ends "$1"
}

# ---- modules ----

# daxfs.ko for the kernel under test: made by `make guest-modules`.
module() {
	echo "$TOP/build/kernel/$KERNEL/daxfs.ko"
}

# A module from sources in tests/vm, for the kernel under test, to $SHARE.
build_module() { # FOLDER NAME
	mkdir -p "$WORK/modules" && cp -r "$TOP/tests/vm/$1" "$WORK/modules/" &&
		make -s -C "$KDIR" M="$WORK/modules/$1" TOP="$TOP" modules &&
		cp "$WORK/modules/$1/$2.ko" "$SHARE/"
}

# ---- cases ----

not() { # COMMAND...
	! "$@"
}

# Cases that a guest has counted itself, at least LEAST of them: lines "ok NAME"
# and "not ok NAME" of what it printed, and "#" with what explains them.
count_cases() { # WHAT NAME LEAST
	local ok bad

	grep -E '^(ok|not ok|#) ' "$WORK/$2.out" | sed -E "s/^(not )?ok /&$1: /"
	ok=$(grep -c '^ok ' "$WORK/$2.out")
	bad=$(grep -c '^not ok ' "$WORK/$2.out")
	PASSED=$((PASSED + ok))
	FAILED=$((FAILED + bad))
	[ $((ok + bad)) -ge "$3" ] || t "$1: at least $3 cases" false
}

# It sources tests/lib.sh: its cases, LEAST of them, count as ours.
cases_of() { # NAME LEAST
	local f=$WORK/$1.out passed failed skipped

	guest_ends "$1" >"$WORK/.end" 2>&1 || cat "$WORK/.end"
	grep -E '^(ok|not ok|skip|#) ' "$f"
	passed=$(grep -c '^ok ' "$f")
	failed=$(grep -c '^not ok ' "$f")
	skipped=$(grep -c '^skip ' "$f")
	PASSED=$((PASSED + passed))
	FAILED=$((FAILED + failed))
	SKIPPED=$((SKIPPED + skipped))
	t "guest $1 ends well" grep -qx "$passed passed, 0 failed, $skipped skipped" "$f"
	t "its kernel, too" not test -s "$WORK/.end"
	t "at least $2 cases" test "$passed" -ge "$2"
}

# It printed that line.
says() { # NAME LINE
	grep -qxF -- "$2" "$WORK/$1.out" && return 0
	echo "guest $1 has no line '$2':"
	head -n 20 "$WORK/$1.out"
	return 1
}
