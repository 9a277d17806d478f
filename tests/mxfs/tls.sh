#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Who may be a peer: keys of a secret, their rotation, certificates; and who may not.
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

command -v openssl >/dev/null || give_up "openssl is missing"
NET=127.$((1 + $$ % 250)).$((RANDOM % 250))
address_of() { # N
	echo "$NET.$1:7600"
}
umask 077
cd "$WORK" || exit

# ---- a secret of the cluster ----

for s in old new other; do openssl rand -hex 32 >secret.$s; done
with_secret() { # N LINE...
	configure "$1" '1 2 3' < <(printf 'security = secret\n'; printf '%s\n' "${@:2}")
}
again() { # N: with its new configuration
	end "$1" && start "$1"
}

for n in 1 2 3; do
	with_secret $n "secret = $WORK/secret.old"
	start $n
done
need "a secret makes a cluster" all_members 1 2 3
t "a lock over it" ctl 1 lock r EX -- true

with_secret 3 "secret = $WORK/secret.other"
again 3
t "another secret does not get in" soon logs 1 'TLS: '
t "and is told apart" soon logs 3 'another secret, cluster or node|TLS: '
t "the others go on" all_members 1 2
t "it is alone" status_is 75 ctl 3 lock r EX --timeout 0.3
with_secret 3 "secret = $WORK/secret.old"
again 3
t "with the right one it does" all_members 1 2 3

# New keys come node by node; at no time is anybody out for good.
for n in 1 2 3; do
	with_secret $n "secret = $WORK/secret.new" "old_secret = $WORK/secret.old"
	kill -HUP "${PIDS[$n]}"
	t "node $n takes a second secret while it runs" soon logs $n 'read again'
	again $n
	t "and all are there, by old keys and new ones" all_members 1 2 3
done
for n in 1 2 3; do
	with_secret $n "secret = $WORK/secret.new"
	again $n
	t "node $n forgets the old one" all_members 1 2 3
done
chmod 644 secret.new
t "a secret that others can read" refuses 2 'root alone can read' mxfsd -c 1/conf -t
chmod 600 secret.new
echo short >secret.short
with_secret 1 "secret = $WORK/secret.short"
t "a secret that is too short" refuses 2 'must have 32 to 4096 bytes' mxfsd -c 1/conf -t
t "TLS 1.2 is refused" not timeout 20 openssl s_client -connect "$NET.2:7600" -tls1_2 </dev/null
t "so is who shows no key" not timeout 20 openssl s_client -connect "$NET.2:7600" -tls1_3 \
	-verify_return_error </dev/null
t "and said" soon logs 2 'refused: TLS: '
t "plaintext, too" timeout 20 stranger "$NET.2" 7600 1 2 $CLUSTER hello
t "and all go on" all_members 1 2 3
for n in 1 2 3; do end $n; done

# ---- certificates ----

authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>>ssl.log
}
certificate() { # NAME AUTHORITY SAN
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
		-keyout "$1.key" -out "$1.req" 2>>ssl.log &&
		openssl x509 -req -in "$1.req" -CA "$2.pem" -CAkey "$2.key" -days 30 \
			-extfile <(echo "subjectAltName=$3") -out "$1.pem" 2>>ssl.log
}
with_certificate() { # N CERTIFICATE
	configure "$1" '1 2 3' <<-E
	security = certificate
	certificate = $WORK/$2.pem
	key = $WORK/$2.key
	ca = $WORK/${3:-ours}.pem
	E
}

authority ours
authority theirs
for n in 1 2 3; do certificate node$n ours "URI:mxfs:$CLUSTER/$n"; done
certificate alien theirs "URI:mxfs:$CLUSTER/3"
certificate nobody ours "DNS:example.org"
certificate elsewhere ours "URI:mxfs:00000000-0000-4000-8000-000000000001/3"
for n in 1 2 3; do
	with_certificate $n node$n
	start $n
done
need "certificates make a cluster" all_members 1 2 3
t "a lock over them" ctl 3 lock r EX -- true

client_is() { # CERTIFICATE REGEX: node 2 sends it away
	: >2/log
	timeout 20 openssl s_client -connect "$NET.2:7600" -tls1_3 -cert "$1.pem" -key "$1.key" \
		-CAfile ours.pem </dev/null >/dev/null 2>&1
	soon logs 2 "$2"
}
t "a certificate of another authority" client_is alien 'refused: TLS: its certificate: '
t "one that names no node" client_is nobody 'names no node of this cluster'
t "one that names one of another cluster" client_is elsewhere 'names no node of this cluster'
t "one of a node that is to be dialed" client_is node3 'node 3 is to be dialed'
client_without() {
	: >2/log
	timeout 20 openssl s_client -connect "$NET.2:7600" -tls1_3 </dev/null >/dev/null 2>&1
	soon logs 2 'refused: TLS: '
}
t "none" client_without
with_certificate 3 node2
t "the certificate of another node" refuses 2 'must name this node by the URI' mxfsd -c 3/conf -t
with_certificate 3 alien theirs
again 3
t "a node of another authority does not get in" soon logs 1 'peer 3: TLS: its certificate'
t "the others go on" all_members 1 2
with_certificate 3 node3
again 3
t "all are there" all_members 1 2 3

# An address leads to a node; who it is says its certificate.
sed -i "s/$NET\.2:/$NET.x:/; s/$NET\.3:/$NET.2:/; s/$NET\.x:/$NET.3:/" 1/conf
again 1
t "another node at a peer's address is no peer" soon logs 1 \
	'peer 2: refused: node 3 is at its address'
t "the others go on" all_members 2 3
with_certificate 1 node1
again 1
t "all are there again" all_members 1 2 3
finish
