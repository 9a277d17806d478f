#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Guests that work are killed at any moment; another one and a FUSE mount go on.
#
# Notes: the workers are stress_vm's, which knows what each had acknowledged.
# Nobody waits for the dead: those who live compare all that is theirs before
# the eviction and after it, and what the dead left is looked at through the
# FUSE mount, at one of the two times by chance. Victims have one processor or
# two; the next one boots while one works. Three kills; with VM_LONG=1 twenty.
# STRESS_SEED=N repeats what chance decides, but for the moments.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
MIB=256
kills=3
[ "$VM_LONG" = 0 ] || kills=20
seed=${STRESS_SEED:-$(date +%s)}
echo "# crash: seed $seed"
RANDOM=$((seed % 32768))

work() { # COMMAND [SEED FIRST NR]
	local command=$1
	shift
	stress_vm "$command" "$SHM/r" $((MIB << 20)) "$WORK/fuse" "$@"
}

worker_script() {
	mounts_region
	cat <<'E'
until [ -e "$SHARE/go-$GUEST" ]; do sleep 0.1; done
stress_vm work /dev/mem "$CHANNEL" /tmp/m "$@" || exit
cd / && umount /tmp/m && rmmod daxfs
E
}

worker_guest() { # NAME CPUS SEED FIRST NR
	guest "$1" --reserved "$SHM/r" --cpus "$2" --limit $((1500 * SLOW)) \
		-- "${@:3}" < <(worker_script)
}

victim() { # NUMBER
	[ "$1" -ge "$kills" ] || worker_guest "a$1" $((1 + $1 % 2)) $((seed + $1)) 0 3
}

# The locks of the dead are free, too.
locks_are_free() {
	local i

	for i in 0 1; do
		flock -w 60 "$WORK/fuse/counter$i" true || return 1
	done
}

die() { # NUMBER: of a victim
	local name=a$1 early=$((RANDOM % 2)) ms=$((300 + RANDOM % 4000))

	guest_says "$name" '^is mounted' || return 1
	touch "$SHARE/go-$name"
	guest_says "$name" '^workers' || return 1
	victim $(($1 + 1))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	guest_crash "$name" && guest_ends "$name" 121 || return 1
	echo "killed after $ms ms"
	work dead 0 0 3
	if [ "$early" -eq 1 ]; then
		echo "looked at before the eviction"
		work resolve 0 0 3 || return 1
	fi
	work recheck && evict r "$name" || return 1
	[ "$early" -eq 1 ] || work resolve 0 0 3 || return 1
	work recheck && locks_are_free
}

# All of it can be removed, and then no page is content or a map of content.
gave_back() {
	find "$WORK/fuse" -mindepth 1 -delete && unmount "$WORK/fuse" &&
		wait_for_servers && region_is_clean r &&
		not grep -E ' pool: .*, [0-9]+ (data|map)[,0-9]' "$WORK/fsck"
}

need "a region" region_with_channel r "$MIB"
need "a FUSE mount" mount_region r fuse
need "what all share" work make
victim 0
worker_guest b 2 "$seed" 3 3
work work "$seed" 6 2 >"$WORK/fuse.out" 2>&1 &
fuse=$!
STARTED+=("$fuse")
t "the guest that lives begins" guest_says b '^is mounted'
touch "$SHARE/go-b"
for ((i = 0; i < kills && FAILED == 0; i++)); do
	t "kill $((i + 1))" die "$i"
done
t "all that live end when they are asked" work stop
t "so does the guest" guest_ends b
t "and the workers on FUSE" wait "$fuse"
grep -h 'not ok' "$WORK/b.out" "$WORK/fuse.out"
t "what all share is as acknowledged" work verify
grep acknowledged "$WORK/.t" | sed 's/^/# /'
t "clean when all is removed" gave_back
finish
