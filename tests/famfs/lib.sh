# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Helpers of the tests of famfs, beside those of tests/lib.sh.
#
# Notes: sourced first thing, instead of ../lib.sh. The hosts of a test are system
# uuids: the owner's is the default, `as HOST COMMAND...` is for others. Mounts
# that `mounted` made are gone when the script ends.
# shellcheck shell=bash
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 2
export FAMFS_SYSTEM_UUID=$WORK/owner.uuid
export TMPDIR=$WORK/tmp
mkdir "$TMPDIR"

as() { # HOST COMMAND...
	FAMFS_SYSTEM_UUID=$WORK/$1.uuid "${@:2}"
}

# A new file system on a plain file with holes.
fresh() { # NAME SIZE [OPTION...]
	rm -f "$SHM/$1"
	truncate -s "$2" "$SHM/$1" && mkfs.famfs "${@:3}" "$SHM/$1"
}

mounted() { # HOST MOUNTPOINT DEVICE [OPTION...]
	mkdir -p "$2"
	as "$1" famfs mount "${@:4}" "$3" "$(realpath "$2")"
}

# Its server has gone, and its private shadow tree with it.
unmounted() { # MOUNTPOINT
	local i

	unmount "$1" || return
	for i in $(seq 100); do
		pgrep -f "famfs mount .*$1\$" >/dev/null || return 0
		sleep 0.05
	done
	echo "the server of $1 is still there after $i looks"
	return 1
}

sums() { # TREE
	(cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2)
}

same_sums() { # TREE1 TREE2
	[ "$(sums "$1")" = "$(sums "$2")" ] && [ -n "$(sums "$1")" ]
}

not() { # COMMAND...
	! "$@"
}
