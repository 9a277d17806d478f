#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A file of 16 TiB.
#
# Notes: see stress_big.c.
set -u
: "${BUILD:?names the folder with the programs}"
exec "$BUILD/stress_big"
