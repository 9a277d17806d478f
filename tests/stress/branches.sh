#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Rival commits of two processes, and SIGKILL of one that commits.
#
# Notes: with STRESS_LONG=1 as many rounds as the design asks for, and more.
set -u
: "${BUILD:?names the folder with the programs}"
rivals=1000 kills=500
[ -z "${STRESS_LONG:-}" ] || rivals=20000 kills=10000
exec "$BUILD/stress_branch" "$rivals" "$kills"
