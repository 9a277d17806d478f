#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# SQLite: with a rollback journal from two mounts at once, in WAL mode from one.
#
# Notes: WAL keeps an index in shared memory that is mapped from a file, so its
# processes have to use one mount (daxfs-fuse(8)). integrity_check, and counts
# that must come out, are the judges. A writer that is killed leaves a hot
# journal, which the other mount plays back.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

command -v sqlite3 >/dev/null || {
	echo "sqlite3 is missing"
	exit 77
}

A=$WORK/a
B=$WORK/b
ROUNDS=60
DB=bank.db

sql() { # DATABASE STATEMENT
	sqlite3 -batch -bail -cmd '.timeout 60000' "$1" "$2"
}

make_bank() { # DATABASE JOURNAL
	same "$(sql "$1" "PRAGMA journal_mode=$2;")" "$2" &&
		sql "$1" "CREATE TABLE account(id INTEGER PRIMARY KEY, amount INTEGER);
		CREATE TABLE entry(who TEXT, nr INTEGER, note BLOB, UNIQUE(who, nr));
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50)
		INSERT INTO account SELECT i, 1000 FROM n;"
}

# Takes from one account what it gives to another, many times.
work() { # DATABASE WHO
	local i

	for i in $(seq "$ROUNDS"); do
		sql "$1" "BEGIN IMMEDIATE;
		UPDATE account SET amount = amount - $i WHERE id = 1 + $i % 50;
		UPDATE account SET amount = amount + $i WHERE id = 1 + ($i * 7 + 3) % 50;
		INSERT INTO entry VALUES('$2', $i, randomblob(1000));
		COMMIT;" || return 1
	done
}

two_at_once() { # DATABASE1 DATABASE2
	local pid rc=0

	work "$1" one &
	pid=$!
	STARTED+=("$pid")
	work "$2" two || rc=1
	wait "$pid" && [ "$rc" -eq 0 ]
}

consistent() { # DATABASE ENTRIES
	same "$(sql "$1" 'PRAGMA integrity_check;')" ok &&
		same "$(sql "$1" 'SELECT count(*) FROM entry;')" "$2" &&
		same "$(sql "$1" 'SELECT sum(amount) FROM account;')" 50000
}

both_consistent() { # NAME ENTRIES
	consistent "$A/$1" "$2" && consistent "$B/$1" "$2"
}

# A process with an open transaction has come so far.
said() { # FILE WORD
	local i

	for i in $(seq 6000); do
		grep -q "$2" "$1" && return 0
		sleep 0.01
	done
	echo "no '$2' in $1 after $i looks"
	return 1
}

# Somebody who holds the database keeps the other mount out.
locks_reach() {
	local rc

	mkfifo "$WORK/ask" && sql "$A/lock.db" 'CREATE TABLE t(x);' || return 2
	sqlite3 -batch "$A/lock.db" <"$WORK/ask" >"$WORK/answer" &
	STARTED+=("$!")
	exec 4>"$WORK/ask"
	echo "BEGIN EXCLUSIVE; SELECT 'mine';" >&4
	said "$WORK/answer" mine || return 2
	sqlite3 -batch -bail "$B/lock.db" 'BEGIN EXCLUSIVE; COMMIT;' 2>"$WORK/why"
	rc=$?
	exec 4>&-
	wait "${STARTED[-1]}"
	[ "$rc" -ne 0 ] && grep -q locked "$WORK/why"
}

# The journal is there, and pages of the database are overwritten already.
killed_inside() {
	local pid

	mkfifo "$WORK/feed" || return 1
	sqlite3 -batch "$A/$DB" <"$WORK/feed" >"$WORK/fed" 2>&1 &
	pid=$!
	STARTED+=("$pid")
	exec 4>"$WORK/feed"
	echo "PRAGMA cache_size=5; BEGIN IMMEDIATE;
		UPDATE account SET amount = 0;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500)
		INSERT INTO entry SELECT 'lost', i, randomblob(1000) FROM n;
		SELECT 'inside';" >&4
	said "$WORK/fed" inside || return 1
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	exec 4>&-
	[ -s "$A/$DB-journal" ] && consistent "$B/$DB" "$1" &&
		[ ! -s "$B/$DB-journal" ] && consistent "$A/$DB" "$1"
}

need "a region" empty_region r 256M
need "first mount" mount_region r a
need "second mount" mount_region r b

need "a database" make_bank "$A/$DB" delete
t "two processes of one mount" two_at_once "$A/$DB" "$A/$DB"
t "both mounts find it in order" both_consistent "$DB" $((2 * ROUNDS))
t "a writer is killed, the other mount plays back" killed_inside $((2 * ROUNDS))
t "who holds it keeps the other mount out" locks_reach
need "another database" make_bank "$A/two.db" delete
t "two mounts at once" two_at_once "$A/two.db" "$B/two.db"
t "both find it in order" both_consistent two.db $((2 * ROUNDS))
need "a database in WAL mode" make_bank "$A/wal.db" wal
t "two processes of one mount in WAL mode" two_at_once "$A/wal.db" "$A/wal.db"
t "it is in order" consistent "$A/wal.db" $((2 * ROUNDS))
t "closed, it is in order for the other mount" \
	consistent "$B/wal.db" $((2 * ROUNDS))
t "unmount one" unmount "$A"
t "unmount the other" unmount "$B"
t "the region is clean" clean_region r
finish
