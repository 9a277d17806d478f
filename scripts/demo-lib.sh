# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # variables are for who reads this in
# What the demonstrations share: where programs are, and how they tell what they see.
#
# Notes: read in by `.`; $here is the top of the tree.
BUILD=${BUILD:-$here/build}
PATH=$BUILD:$PATH

top=
shm=
failed=0

say() { printf '\n%s\n' "$*"; }
ok() { printf '  ok      %s\n' "$*"; }
bad() {
	printf '  FAILED  %s\n' "$*"
	failed=$((failed + 1))
}
die() {
	echo "$(basename "$0" .sh): $*" >&2
	exit 1
}
