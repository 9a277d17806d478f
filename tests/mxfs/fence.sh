#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Nothing is granted before who has left is fenced: by an agent, or by hand.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

NET=127.$((1 + $$ % 250)).$((RANDOM % 250))
address_of() { # N
	echo "$NET.$1:7600"
}

cat >"$WORK/agent" <<'E'
#!/bin/sh
# Fences when it may.
echo "$@" >>"${0%/*}/asked"
[ -e "${0%/*}/may" ]
E
chmod 755 "$WORK/agent"

with_fence() { # FENCE
	local n

	for n in 1 2 3; do
		configure $n '1 2 3' < <(printf 'security = none\nfence = %s\n' "$1")
		start $n
	done
	all_members 1 2 3
}

asked_twice() { # REGEX
	[ "$(grep -Ec "$1" "$WORK/asked")" -ge 2 ]
}

unfenced() { # N: as 1 or 2 knows
	ctl 1 members | grep -q "^ *$1 .*to be fenced" ||
		ctl 2 members | grep -q "^ *$1 .*to be fenced"
}

touch "$WORK/may"
need "an agent with words of its own" with_fence "$WORK/agent off --force"
rm "$WORK/may"
end 3 KILL
t "it is asked again while it fails, with node and incarnation" \
	soon asked_twice '^off --force 3 [0-9]+$'
t "that is shown" soon unfenced 3
t "and nothing is granted" status_is 75 ctl 1 lock r EX --timeout 0.5
t "what fails is said" grep -Eq 'fence agent failed' "$WORK/1/log" "$WORK/2/log"
touch "$WORK/may"
t "when it succeeds, all goes on" all_members 1 2
t "and is granted" ctl 2 lock r EX --timeout 60 -- true
for n in 1 2; do end $n; done

t "the same by hand" with_fence manual
end 3 KILL
t "somebody is asked" soon unfenced 3
t "nothing is granted" status_is 75 ctl 2 lock r EX --timeout 0.5
t "another node than that is not fenced" refuses 1 'not waited for' ctl 1 fenced 2
by_hand() {
	ctl 1 fenced 3 2>/dev/null || ctl 2 fenced 3
}
t "it is said to be" by_hand
t "all goes on" all_members 1 2
t "and is granted" ctl 1 lock r EX --timeout 60 -- true
start 3
t "the node comes back" all_members 1 2 3
sed 's/^fence.*/fence = relative/' "$WORK/1/conf" >"$WORK/wrong.conf"
t "no path" refuses 2 'fence = relative: must be' mxfsd -c "$WORK/wrong.conf" -t
finish
