#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Many hosts, random operations, no kills.
#
# Notes: with STRESS_LONG=1 ten minutes; otherwise ten seconds.
set -u
: "${BUILD:?names the folder with the programs}"
seconds=10
[ -z "${STRESS_LONG:-}" ] || seconds=600
exec "$BUILD/stress_core" -n 4 -t "$seconds"
