#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A directory of a million files.
#
# Notes: see stress_million.c.
set -u
: "${BUILD:?names the folder with the programs}"
exec "$BUILD/stress_million"
