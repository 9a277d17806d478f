# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Helpers of the test scripts: regions, mounts, cases, cleaning up.
#
# Notes: sourced by bash scripts, first thing. $BUILD names the folder with the
# programs, $WORK is a folder for trees and mountpoints, $SHM one for regions.
# Both and every mount below $WORK are gone when the script ends, also by a
# signal. A case is `t NAME COMMAND...`: it passes if the command succeeds, and
# shows what the command printed if not. The last line of a script is `finish`.
# shellcheck shell=bash
set -u
: "${BUILD:?names the folder with the programs}"
BUILD=$(cd "$BUILD" && pwd) || exit 2
PATH=$BUILD:$PATH
LC_ALL=C
TZ=UTC
export BUILD PATH LC_ALL TZ
umask 022

PASSED=0
FAILED=0
SKIPPED=0
WORK=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-test.XXXXXX") || exit 2
SHM=$(mktemp -d /dev/shm/daxfs-test.XXXXXX) || exit 2
STARTED=()	# processes to end, by number
chmod 755 "$WORK" "$SHM"

# ---- ending ----

mounts_below() { # DIR: the deepest first
	awk -v top="$1/" 'index($5, top) == 1 { print $5 }' \
		/proc/self/mountinfo | sort -r
}

unmount() { # MOUNTPOINT
	fusermount3 -u "$1" 2>/dev/null || umount "$1"
}

# Servers that have SHM's regions open and do not end by themselves.
servers() {
	local dir

	for dir in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$dir/cmdline" |
			grep -q "daxfs-fuse .*$SHM/" && echo "${dir#/proc/}"
	done
}

wait_for_servers() {
	local i

	for i in $(seq 100); do
		[ -n "$(servers)" ] || return 0
		sleep 0.05
	done
	echo "# servers still there: $(servers) after $i looks" >&2
	return 1
}

clean_up() {
	local mnt pid

	cd /
	for pid in ${STARTED[@]+"${STARTED[@]}"}; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	for mnt in $(mounts_below "$WORK"); do
		unmount "$mnt" || umount -l "$mnt"
	done
	if ! wait_for_servers; then
		for pid in $(servers); do
			kill -KILL "$pid"
		done
	fi
	rm -rf --one-file-system "$WORK" "$SHM"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The test cannot run here.
give_up() { # WHY
	echo "$1"
	exit 77
}

finish() {
	echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" -eq 0 ]
	exit
}

# ---- cases ----

t() { # NAME COMMAND...
	local name=$1
	shift

	if "$@" >"$WORK/.t" 2>&1; then
		PASSED=$((PASSED + 1))
		echo "ok $name"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $name"
		head -n 30 "$WORK/.t" | sed 's/^/# /'
	fi
}

skip() { # NAME WHY
	SKIPPED=$((SKIPPED + 1))
	echo "skip $1: $2"
}

# What follows makes no sense without it: one case, and the end if it fails.
need() { # NAME COMMAND...
	t "$@"
	[ "$FAILED" -eq 0 ] || finish
}

# The command ends with STATUS and says on stderr what matches REGEX.
refuses() { # STATUS REGEX COMMAND...
	local want=$1 regex=$2 rc
	shift 2

	"$@" >"$WORK/.out" 2>"$WORK/.err"
	rc=$?
	if [ "$rc" -ne "$want" ]; then
		echo "status $rc instead of $want: $*"
		cat "$WORK/.out" "$WORK/.err"
		return 1
	fi
	if ! grep -Eiq -- "$regex" "$WORK/.err"; then
		echo "no message like '$regex' from: $*"
		cat "$WORK/.out" "$WORK/.err"
		return 1
	fi
}

# Nothing in DIR but NAMES.
only() { # DIR NAME...
	local dir=$1 have want
	shift

	have=$(find "$dir" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
	want=$(printf '%s\n' "$@" | sed '/^$/d' | sort)
	[ "$have" = "$want" ] && return 0
	echo "$dir holds: $have"
	return 1
}

same() { # A B: two texts
	[ "$1" = "$2" ] && return 0
	printf '"%s"\nis not\n"%s"\n' "$1" "$2"
	return 1
}

# ---- a Debian to work with ----

# Where this machine's apt takes packages from: sets mirror, suite and the proxy.
# The test is skipped where that, root or debootstrap is not there.
find_debian() {
	local program PROXY=

	[ "$(id -u)" -eq 0 ] || give_up "debootstrap needs root"
	for program in debootstrap rsync wget apt-get; do
		command -v "$program" >/dev/null || give_up "$program is missing"
	done
	# shellcheck disable=SC2016 # apt expands those
	read -r mirror suite < <(apt-get indextargets --format \
		'$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$3 == "main" && $2 !~ /-|\// { print $1, $2; exit }')
	[ -n "${mirror:-}" ] || give_up "apt knows no source of packages"
	eval "$(apt-config shell PROXY Acquire::http::Proxy)"
	[ -z "$PROXY" ] || export http_proxy=$PROXY
	wget -q -T 20 -t 2 -O /dev/null "${mirror%/}/dists/$suite/InRelease" ||
		give_up "the source of packages that apt knows cannot be reached"
}

# A minimal system; find_debian comes before.
install_debian() { # DIR
	debootstrap --variant=minbase "$suite" "$1" "$mirror" >"$WORK/log" 2>&1 && return
	tail -n 20 "$WORK/log" | sed "s,${mirror%/},MIRROR,g"
	[ ! -e "$1/debootstrap/debootstrap.log" ] ||
		tail -n 20 "$1/debootstrap/debootstrap.log"
	return 1
}

# ---- regions and mounts ----

empty_region() { # NAME SIZE
	mkdaxfs --empty -q -r "$SHM/$1" -s "$2"
}

mount_region() { # NAME MOUNTPOINT [OPTIONS]
	mkdir -p "$WORK/$2"
	daxfs-fuse "$SHM/$1" "$WORK/$2" ${3:+-o "$3"}
}

# Nobody is left who has the region open, and it is as it should be.
clean_region() { # NAME
	wait_for_servers && fsck.daxfs -n "$SHM/$1"
}
