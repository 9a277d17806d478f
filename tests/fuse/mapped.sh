#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A FUSE mount beside a host that has files mapped: see fuse_mapped.c.
. "$(dirname "$0")/../lib.sh"

need "a region" empty_region r 32M
need "a mount" mount_region r mnt
t "stores through mappings are read" fuse_mapped "$SHM/r" "$WORK/mnt"
t "unmounted" unmount "$WORK/mnt"
t "the region is clean" clean_region r
finish
