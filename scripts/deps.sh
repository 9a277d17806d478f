#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Install the Debian packages that daxfs needs and that are missing.
#
# Notes: docs/dependencies.md says what each is for, and is the list: its
# table rows "| `package` | group | why |". Groups: build, demo, test, fuzz,
# bench, programs. Nothing is asked; apt-get update runs only when apt knows no
# candidate or the first try fails. Exit: 0 all there, 1 something is missing
# and could not be installed, 2 usage.
set -eu

cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
	echo "usage: scripts/deps.sh GROUP... (build demo test fuzz bench programs)" >&2
	exit 2
fi

packages() {
	for group in "$@"; do
		sed -n "s/^| \`\([a-z0-9.+-]*\)\` | [a-z, ]*\<$group\>.*/\1/p" \
			docs/dependencies.md
	done | sort -u
}

missing() {
	for p in "$@"; do
		state=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null) ||
			state=none
		[ "$state" = installed ] || echo "$p"
	done
}

all=$(packages "$@" | tr '\n' ' ')
if ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: not a Debian system; install what these packages hold: $all" >&2
	exit 0
fi
# shellcheck disable=SC2086 # a list of words
need=$(missing $all | tr '\n' ' ')
[ -n "$need" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: missing packages, and no root to install them; as root:" >&2
		echo "  apt-get install $need" >&2
		exit 1
	fi
	as_root=sudo
	[ -t 0 ] || as_root="sudo -n"
fi

apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=300 "$@" </dev/null
}

echo "installing: $need"
log=$(mktemp "${TMPDIR:-/tmp}/daxfs-deps.XXXXXX")
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2086
if apt install --no-install-recommends $need >"$log" 2>&1; then
	exit 0
fi
# No package lists yet, or old ones.
# shellcheck disable=SC2086
if apt update >"$log" 2>&1 &&
   apt install --no-install-recommends $need >>"$log" 2>&1; then
	exit 0
fi
tail -n 20 "$log" >&2
echo "deps.sh: could not install: $need" >&2
echo "  what apt-get said is above; repair that, or install them yourself" >&2
exit 1
