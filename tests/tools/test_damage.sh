#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fsck.daxfs on regions in which one word is wrong, each in its turn; and on
# some in which several words anywhere are.
#
# Notes: the work is in damage.c, the cases in damage_cases.inc. With
# STRESS_LONG=1 two thousand of the second kind, else forty; SEED chooses them.
set -u
: "${BUILD:?names the folder with the programs}"
runs=40
[ -z "${STRESS_LONG:-}" ] || runs=2000
exec "$BUILD/damage" "-r$runs" "-s${SEED:-1}"
