#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three daemons on the loopback: locks by mxfsctl, strangers, restarts, reloading.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

# Addresses of our own, so that tests do not meet.
NET=127.$((1 + $$ % 250)).$((RANDOM % 250))
address_of() { # N
	echo "$NET.$1:7600"
}

for n in 1 2 3; do
	configure $n '1 2 3' <<<'security = none'
done

# ---- configuration ----

wrong() { # REGEX SED-COMMAND: what is wrong is said, with status 2
	sed "$2" "$WORK/1/conf" >"$WORK/wrong.conf"
	refuses 2 "$1" mxfsd -c "$WORK/wrong.conf" -t
}

loose() { # MODE
	cp "$WORK/1/conf" "$WORK/loose.conf"
	chmod "$1" "$WORK/loose.conf"
	refuses 2 'writable by nobody else' mxfsd -c "$WORK/loose.conf" -t
}

t "a right configuration" mxfsd -c "$WORK/1/conf" -t
t "an unknown key, by its line" wrong 'conf:5: there is no key colour' '5i colour = red'
t "an unknown section" wrong 'no section \[nod\]' 's/^\[node\]/[nod]/'
t "a key twice" wrong 'id is given twice' 's/^id = 1/id = 1\nid = 1/'
t "no number" wrong 'id = 65: must be' 's/^id = 1/id = 65/'
t "no address" wrong 'address = x: must be' 's/^address = .*/address = x/'
t "a name instead of an address" wrong 'as numbers' 's/^listen = .*/listen = localhost/'
t "no path" wrong 'absolute path' 's/^state = .*/state = here/'
t "this node as a peer" wrong 'this node itself' 's/^\[peer 2\]/[peer 1]/'
t "a lease that is too short" wrong 'at least twice' 's/^lease_ms = .*/lease_ms = 200/'
t "a takeover that is too early" wrong 'at least lease_ms' 's/^lease_ms.*/&\ntakeover_ms = 600/'
t "no security off the loopback" wrong 'for the loopback only' 's/^listen = .*/listen = 10.1.2.3/'
t "a secret that is not there" wrong 'No such file' \
	's,^security = none,security = secret\nsecret = /nonexistent,'
t "a volume without a device" wrong 'needs uuid and device' \
	'$a [volume v]\nuuid = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d'
t "a line that is nothing" wrong 'conf:3: ' '3i nonsense'
t "writable by others" loose 646
t "writable by a group" loose 664
t "no file" refuses 2 'No such file' mxfsd -c "$WORK/none" -t
t "no words" refuses 2 '^usage' mxfsd
t "a state that is there already" refuses 1 'is there already' mxfsd -c "$WORK/1/conf" -i

# ---- three daemons ----

for n in 1 2 3; do start $n; done
need "they become one" all_members 1 2 3
t "each knows the others" [ "$(ctl 1 members --json | grep -c '"connected":true')" = 3 ]
t "as text, too" grep -q '2  member     connected' <(ctl 1 members)
t "a second daemon of a node" refuses 1 'another mxfsd of this node' mxfsd -c "$WORK/1/conf" -f
t "plaintext is said" logs 1 'nothing is encrypted'

# ---- locks ----

hold a 1 r EX
need "a lock" soon held a
t "nobody else gets it at once: 75" status_is 75 ctl 2 lock r EX --noqueue
t "nor in time: 75" status_is 75 ctl 3 lock r PR --timeout 0.2
t "null goes with it" ctl 2 lock r NL -- true
t "who holds it is shown" grep -q 'r .* EX' <(ctl 1 locks)
mxfsctl -s "$WORK/1/socket" watch r >"$WORK/watch" &
STARTED+=($!)
watching() {
	ctl 1 lock r NL -- true && grep -q '^granted .* NL' "$WORK/watch"
}
t "a watch sees what is granted" soon watching
hold b 2 r EX
t "a watch sees who wants it" soon grep -q '^bast .* EX' "$WORK/watch"
t "its holder sees it, too" soon grep -q 'wanted EX' "$WORK/a.out"
t "the other one waits" not held b
t "it is given back" let_go a
t "who waits gets it" soon held b
let_go b

hold a 1 r PR
hold b 2 r PR
t "two protected reads together" soon held a
t "both of them" soon held b
t "no concurrent write beside them" status_is 75 ctl 3 lock r CW --noqueue
let_go a
let_go b
hold a 1 r CW
hold b 3 r CW
t "two concurrent writes together" soon held a
t "and both of them" soon held b
t "no protected read beside them" status_is 75 ctl 2 lock r PR --noqueue
let_go a
let_go b

hold keep 3 v NL
t "a resource stays while somebody has a lock on it" soon held keep
t "a value block is written under EX" ctl 1 lock v EX --lvb-set c0ffee -- true
t "and read under PR on another node" grep -q '^valid c0ffee0' \
	<(ctl 2 lock v PR -- sh -c 'echo $MXFS_LVB_STATE $MXFS_LVB')
t "a command that fails writes nothing" status_is 9 ctl 1 lock v EX --lvb-set bad0 -- sh -c 'exit 9'
t "it is as it was" grep -q '^valid c0ffee0' \
	<(ctl 2 lock v PR -- sh -c 'echo $MXFS_LVB_STATE $MXFS_LVB')
mxfsctl -s "$WORK/1/socket" lock v EX >"$WORK/dies.out" &
dies=$!
t "a writer" soon grep -q '^granted' "$WORK/dies.out"
kill -KILL $dies
t "who dies leaves no value" grep -q '^lost$' <(ctl 2 lock v PR -- sh -c 'echo $MXFS_LVB_STATE')
let_go keep
t "tokens grow" test "$(ctl 1 lock g EX -- sh -c 'echo $MXFS_TOKEN' | cut -d. -f1)" -ge 1

# ---- bad words ----

t "no mode" refuses 2 'is no mode' ctl 1 lock r XX
t "a name that is too long" refuses 2 '1 to 64 bytes' ctl 1 lock "$(printf 'x%.0s' {1..65})" EX
t "an empty name" refuses 2 '1 to 64 bytes' ctl 1 lock '' EX
t "a value under PR" refuses 2 'under PW or EX' ctl 1 lock r PR --lvb-set 00
t "a value that is no number" refuses 2 'hexadecimal' ctl 1 lock r EX --lvb-set 0g
t "no daemon" refuses 3 'is mxfsd running' mxfsctl -s "$WORK/nobody" status
t "no command" refuses 127 'No such file' ctl 1 lock r EX -- /nonexistent
t "no such question" refuses 2 '^usage' ctl 1 what
t "nobody waits for that fence" refuses 1 'not waited for' ctl 1 fenced 2
t "a number that is too large is no node" refuses 2 'is no node' ctl 1 fenced 4294967297
t "nor is a negative one" refuses 2 'is no node' ctl 1 fenced -- -18446744073709551615

# ---- strangers ----

stranger() { # FROM CLUSTER KIND REGEX: to node 2; the log says REGEX, and the daemon lives on
	timeout 60 stranger "$NET.2" 7600 "$1" 2 "$2" "$3" && soon logs 2 "$4" && members 2 1 2 3
}

OTHER=00000000-0000-4000-8000-000000000001
t "garbage" stranger 1 $CLUSTER garbage 'not an MXFS message'
t "a frame that is too large" stranger 1 $CLUSTER oversized 'a length that the type cannot have'
t "another version" stranger 1 $CLUSTER version 'another major version'
t "no greeting" stranger 1 $CLUSTER order 'does not begin with a greeting'
t "another cluster" stranger 1 $OTHER hello 'node 1 is of another cluster'
t "a node that is not known" stranger 9 $CLUSTER hello 'node 9 is not configured'
t "a node that is to be dialed" stranger 3 $CLUSTER hello 'node 3 is to be dialed'
t "one who says half of it" stranger 1 $CLUSTER slow 'has not said in time'
t "garbage at the control socket" timeout 60 stranger "$WORK/2/socket" 0 0 0 $CLUSTER garbage
t "the daemon lives on" members 2 1 2 3

crowd() { # more than may be unknown at a time
	local i pids=()

	for i in $(seq 40); do
		timeout 60 stranger "$NET.2" 7600 1 2 $CLUSTER mute &
		pids+=($!)
	done
	wait "${pids[@]}"
	logs 2 '32 others have not said yet' && members 2 1 2 3
}
t "a crowd" crowd

# ---- reloading ----

reload() { # N SED-COMMAND REGEX
	sed -i "$2" "$WORK/$1/conf"
	kill -HUP "${PIDS[$1]}"
	soon logs "$1" "$3"
}
t "the log goes elsewhere" reload 3 's,^to = .*,to = '"$WORK"'/3/log2,' 'node 3'
t "and goes on there" soon grep -q 'read again' "$WORK/3/log2"
t "what cannot change is refused" reload 1 's/^lease_ms = .*/lease_ms = 900/' \
	'nothing is changed: \[timing\]'
t "what is wrong is refused" reload 1 's/^lease_ms = .*/lease_ms = what/' \
	'nothing is changed: .*lease_ms'
sed -i 's/^lease_ms = .*/lease_ms = 2500/' "$WORK/1/conf"
t "all go on" all_members 1 2 3

# ---- ends ----

mxfsctl -s "$WORK/3/socket" lock k EX -- sleep 60 &
job=$!
has_lock() { # N RESOURCE
	ctl "$1" locks | grep -q " $2 .*EX"
}
t "a client of a node that dies" soon has_lock 3 k
mxfsctl -s "$WORK/1/socket" lock w EX >"$WORK/w.out" &
STARTED+=($!)
t "a lock of another node" soon grep -q '^granted' "$WORK/w.out"
end 3 KILL
t "its client is told: status 4, and the command is ended" status_is 4 wait $job
t "the others go on without it" all_members 1 2
t "and keep their locks" status_is 75 ctl 2 lock w EX --noqueue
t "what it had is free" ctl 1 lock k EX --timeout 60 -- true
start 3
t "it comes back" all_members 1 2 3
t "an orderly end" end 2
t "leaves no socket" not test -e "$WORK/2/socket"
t "and the others" all_members 1 3
start 2
t "until it is back" all_members 1 2 3

damage() { # the state is not what it was
	cp "$WORK/2/state" "$WORK/state"
	printf x | dd of="$WORK/2/state" bs=1 seek=50 conv=notrunc status=none
	refuses 1 'damaged' mxfsd -c "$WORK/2/conf" -f && cp "$WORK/state" "$WORK/2/state"
}
end 2
t "a damaged state is refused" damage
mv "$WORK/2/state" "$WORK/state"
t "none is refused, too" refuses 1 "mxfsd -i" mxfsd -c "$WORK/2/conf" -f
cp "$WORK/1/state" "$WORK/2/state"
t "so is another node's" refuses 1 'another node or cluster' mxfsd -c "$WORK/2/conf" -f
cp "$WORK/state" "$WORK/2/state"
start 2
t "the right one is not" all_members 1 2 3

# ---- in the background ----

end 1
t "it goes to the background when it is ready" mxfsd -c "$WORK/1/conf"
t "and answers" soon ctl 1 status
background=$(pgrep -f "^mxfsd -c $WORK/1/conf\$|/mxfsd -c $WORK/1/conf\$" | head -n 1)
t "it ends when told to" kill "${background:-0}"
gone() { # PID
	[ ! -e "/proc/$1" ]
}
t "for good" soon gone "${background:-0}"
finish
