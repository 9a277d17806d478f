#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a kernel complains of makes its guest a failure: faults on purpose.
#
# Notes: a warning and an oops with each kernel; what only a kernel that checks
# itself sees, with that one. Lockdep tells the first fault of locking and then
# stops, and KASAN the first bad access, so each gets a guest of its own.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

need_guests
need "the module is built" build_module faults daxfs_faults

commits() { # FAULT [OPTION...]
	guest "$@" -- "$1" <<'E'
insmod "$SHARE/daxfs_faults.ko" what="$1" && rmmod daxfs_faults && echo "done"
E
}

# The guest's script succeeded, and all the same it failed: because of TEXT.
noticed() { # FAULT TEXT
	guest_ends "$1" 120 && says "$1" "done" && grep -q -- "$2" "$WORK/$1.console"
}

commits warn --no-leaks
commits oops --no-leaks
t "a warning" noticed warn "daxfs_faults: on purpose"
t "an oops ends the guest" guest_ends oops 121
t "and is told" grep -q "console: .*daxfs_faults" "$WORK/oops.err"

if [ "$KERNEL" = debug ]; then
	commits leak
	commits beyond --no-leaks
	t "memory that nobody can reach any more" noticed leak "kmemleak found a leak"
	t "a byte behind what was allocated" noticed beyond "KASAN: slab-out-of-bounds"
	commits order --no-leaks
	commits sleep --no-leaks
	t "locks in two orders" noticed order "possible circular locking"
	t "sleep while a spinlock is held" noticed sleep "sleeping function called"
	commits undefined --no-leaks
	t "undefined behaviour" noticed undefined "UBSAN: shift-out-of-bounds"
fi
finish
