# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Helpers of the tests of mxfsd, beside those of tests/lib.sh.
#
# Notes: sourced first thing, instead of ../lib.sh. Node N has its configuration, state,
# socket and log in $WORK/N. A daemon that `start` began is ended when the script ends.
# Leases are short, so that deaths are noticed soon; nothing is expected within a
# time: `soon` looks again and again, for so long that only a hang fails.
# shellcheck shell=bash
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

[ "$(id -u)" -eq 0 ] || give_up "mxfsd wants a configuration of root's"
CLUSTER=6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d
PIDS=()

# address_of N is the script's. More lines for [node] come from stdin.
configure() { # N NODES [TIMING-LINE...]
	local n=$1 p

	mkdir -p "$WORK/$n"
	{
		printf '[node]\nid = %s\ncluster = %s\nlisten = %s\n' "$n" "$CLUSTER" \
			"$(address_of "$n")"
		printf 'state = %s\ncontrol = %s\n' "$WORK/$n/state" "$WORK/$n/socket"
		cat
		for p in $2; do
			[ "$p" = "$n" ] || printf '[peer %s]\naddress = %s\n' "$p" \
				"$(address_of "$p")"
		done
		printf '[timing]\nrenew_ms = 300\nlease_ms = 2500\nprobe_ms = 400\n'
		printf '[logging]\nlevel = debug\nto = %s\n' "$WORK/$n/log"
	} >"$WORK/$n/conf"
	[ -e "$WORK/$n/state" ] || mxfsd -c "$WORK/$n/conf" -i
}

# Words that run a command where node N is: the script may say otherwise.
place_of() { # N
	PLACE=()
}

# No function is between: $! is the daemon.
start() { # N
	place_of "$1"
	${PLACE[@]+"${PLACE[@]}"} mxfsd -c "$WORK/$1/conf" -f &
	PIDS[$1]=$!
	STARTED+=($!)
}

end() { # N [SIGNAL]
	kill "-${2:-TERM}" "${PIDS[$1]}" && wait "${PIDS[$1]}"
	[ $? -eq $([ "${2:-TERM}" = TERM ] && echo 0 || echo 137) ]
}

ctl() { # N ARGUMENT...
	mxfsctl -s "$WORK/$1/socket" "${@:2}"
}

soon() { # COMMAND...
	local i

	for i in $(seq 600); do
		"$@" >"$WORK/.soon" 2>&1 && return 0
		sleep 0.05
	done
	echo "not within $i looks: $*"
	cat "$WORK/.soon"
	return 1
}

members() { # N MEMBER...: it grants, with these
	local want

	want=$(printf '%s' "${*:2}" | tr ' ' ,)
	ctl "$1" status --json | tr -d ' \n' | grep -q "\"granting\":true,\"members\":\[$want\]"
}

all_members() { # N...
	local n

	for n in "$@"; do
		soon members "$n" "$@" || return
	done
}

logs() { # N REGEX
	grep -Eq -- "$2" "$WORK/$1/log"
}

not() { # COMMAND...
	! "$@"
}

status_is() { # STATUS COMMAND...
	local rc

	"${@:2}"
	rc=$?
	[ "$rc" -eq "$1" ] || { echo "status $rc instead of $1: ${*:2}"; return 1; }
}

# A lock that is held until `let_go`. TAG names it; its output is in $WORK/TAG.out.
hold() { # TAG N RESOURCE MODE [OPTION...]
	mxfsctl -s "$WORK/$2/socket" lock "${@:3}" >"$WORK/$1.out" 2>"$WORK/$1.err" &
	eval "HOLD_$1=\$!"
	STARTED+=($!)
}

held() { # TAG
	grep -q '^granted' "$WORK/$1.out"
}

let_go() { # TAG: its exit status
	local pid

	eval "pid=\$HOLD_$1"
	kill "$pid"
	wait "$pid"
}
