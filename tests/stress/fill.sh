#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A region of 64 MiB, ten times full and empty, of each kind of file.
#
# Notes: see stress_fill.c.
set -u
: "${BUILD:?names the folder with the programs}"
exec "$BUILD/stress_fill"
