#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Many hosts, random operations, SIGKILL at random moments.
#
# Notes: with STRESS_LONG=1 ten minutes; otherwise fifteen seconds.
set -u
: "${BUILD:?names the folder with the programs}"
seconds=15
[ -z "${STRESS_LONG:-}" ] || seconds=600
exec "$BUILD/stress_core" -k -n 4 -t "$seconds"
