#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A PostgreSQL cluster on a mount: pgbench, a crash, and the other mount goes on.
#
# Notes: one server at a time, as PostgreSQL demands; it is stopped on one mount
# and started on the other. After SIGKILL it recovers from its log. Sums over
# pgbench's tables, pg_amcheck and checksums of pages are the judges. Its
# programs refuse to run as root, so root becomes nobody.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

for dir in /usr/lib/postgresql/*/bin; do
	PATH=$dir:$PATH
done
for program in initdb pg_ctl psql pgbench pg_amcheck pg_checksums; do
	command -v "$program" >/dev/null || {
		echo "$program is missing (package postgresql)"
		exit 77
	}
done

A=$WORK/a
B=$WORK/b
as=()
OPTS=
if [ "$(id -u)" -eq 0 ]; then
	as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	OPTS=allow_other
fi
export HOME=/nonexistent PGHOST PGDATABASE=postgres PGUSER=tester

# Everything of PostgreSQL runs in a folder that its user may enter.
pg() { # COMMAND...
	(cd / && "${as[@]}" "$@" </dev/null)
}

# No port: the socket lies beside the data, on the mount. A path of a socket is
# short, so a link leads there.
start() { # MOUNT
	PGHOST=$SHM/s
	ln -sfn "$1/run" "$PGHOST"
	pg pg_ctl -s -w -t 120 -D "$1/data" -l "$1/run/log" \
		-o "-c listen_addresses='' -k $PGHOST" start && return
	tail -n 20 "$1/run/log"
	return 1
}

stop() { # MOUNT MODE
	pg pg_ctl -s -w -t 120 -D "$1/data" -m "$2" stop
}

make_cluster() {
	mkdir "$A/data" "$A/run" && chmod 700 "$A/data" && chmod 777 "$A/run" ||
		return 1
	[ -z "$OPTS" ] || chown -R 65534:65534 "$A/data" "$A/run" || return 1
	pg initdb -D "$A/data" -U tester --data-checksums --no-instructions \
		--locale=C -E UTF8
}

fill() {
	pg pgbench -q -i -s 3
}

bench() { # TRANSACTIONS
	pg pgbench -n -c 4 -j 2 -t "$1" && in_order
}

sum() { # TABLE COLUMN
	pg psql -qAt -c "SELECT coalesce(sum($2), 0) FROM $1"
}

in_order() {
	local n

	n=$(sum pgbench_history delta) && [ -n "$n" ] &&
		same "$(sum pgbench_accounts abalance)" "$n" &&
		same "$(sum pgbench_tellers tbalance)" "$n" &&
		same "$(sum pgbench_branches bbalance)" "$n" &&
		pg psql -qAt -c 'CREATE EXTENSION IF NOT EXISTS amcheck' &&
		pg pg_amcheck --heapallindexed
}

# In the middle of its work; the transactions that pgbench was told of count.
crash() {
	local pid before after

	before=$(pg psql -qAt -c 'SELECT count(*) FROM pgbench_history') || return 1
	pg pgbench -n -c 4 -j 2 -t 100000 -l --log-prefix="$A/run/tx" \
		>"$WORK/bench.log" 2>&1 &
	pid=$!
	STARTED+=("$pid")
	while [ "$(pg psql -qAt -c 'SELECT count(*) FROM pgbench_history')" -lt \
		$((before + 200)) ]; do
		kill -0 "$pid" || return 1
	done
	stop "$A" immediate
	wait "$pid"
	start "$B" || return 1
	after=$(pg psql -qAt -c 'SELECT count(*) FROM pgbench_history') || return 1
	echo "$before before, $after after, $(cat "$A"/run/tx.* | wc -l) told"
	[ "$after" -ge $((before + $(cat "$A"/run/tx.* | wc -l))) ] && in_order
}

need "a region" empty_region r 1G
need "first mount" mount_region r a "$OPTS"
need "second mount" mount_region r b "$OPTS"
need "initdb" make_cluster
need "the server starts" start "$A"
t "pgbench fills it" fill
t "pgbench, and the sums are right" bench 300
t "the server stops" stop "$A" fast
t "it starts on the other mount" start "$B"
t "the sums are right there" in_order
t "pgbench there" bench 200
t "the server stops there" stop "$B" fast
t "it starts on the first again" start "$A"
t "stopped at once; the other mount recovers what was told" crash
t "the server stops at the end" stop "$B" fast
t "its checksums are right" pg pg_checksums -c -D "$A/data"
t "all is removed" rm -r "$A/data" "$A/run"
t "unmount one" unmount "$A"
t "unmount the other" unmount "$B"
t "the region is clean" clean_region r
finish
