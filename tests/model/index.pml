/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The index while it grows: insert, delete, lookup and migration together.
 *
 * Proves: [PUB] [BUR] one live cell per key; each answer of lookup, EEXIST or
 * ENOENT was true at some instant inside the call; no name is missed while its
 * bucket moves; a retired cell is never followed by a host that entered after
 * the retirement, nor reachable at the end, after recovery finished the dead
 * host's burial.
 *
 * Protocol: cells never move, buckets only refer to them. A key goes into the
 * first tomb of its own hash in its run, else into the first EMPTY. In a table with a successor tombs are GONE and EMPTY is SEALED
 * before a key may enter the successor, and the old run is looked at again
 * after that. Processes: 0 insert, delete (and insert) of K1, 1 insert of K1
 * (and delete, with DEL), 2 migrator of table T0 to T1, 3 lookups of K1 and K2.
 * Each atomic block is one shared access.
 *
 * spin -a -DCRASH index.pml
 * -DCRASH: one process stops for ever at an arbitrary access.
 * -DTHIRD: process 0 inserts once more; -DDEL: process 1 deletes what it finds;
 * -DTWO: a second migration T1 to T2 follows; -DNOLOOK, -DNOP1, -DNOMIG:
 * without process 3, 1, 2; -DBORN: a cell comes to life by a record, which is
 * decided behind its bucket and which others abort if they meet it; -DFIRST: process 0 has inserted K1 and deleted it
 * before, so that there is a tomb; -DTURN: what process 0 inserts once more is
 * K3, another key of the same hash that nobody else inserts, as the number of an
 * inode that follows one that is gone.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  a burial leaves no tomb in the table that cells move to
 * -DBUG2  insert into the new table does not close the old run first
 * -DBUG3  (with TWO) a burial leaves no tomb in the first table
 * -DBUG4  migration leaves tombs that can be used again
 * -DBUG5  insert does not look at the old run again after closing it
 * -DBUG6  insert passes a dead cell of its key without making it a tomb
 * -DBUG7  put() does not look whether its cell died when it meets a tomb
 * -DBUG8  nor when it meets a cell of the same hash, where a tomb may have been
 * -DBUG9  (BORN) migration takes a cell that is about to be born for dead
 * -DBUG10 (TURN) two hosts insert K3: a number is given twice
 */
#define NT 3
#ifndef SZ
#define SZ 5
#endif
#define NC 5			/* cells: 0 = K2, 1.. = K1, with TURN the last = K3 */
#define HASH(k) ((k) != 0)	/* key 0 = K2, 1 = K1, 2 = K3 */
#define EMPTY 0
#define SEALED 1
#define TOMB 2			/* + hash */
#define GONE 4			/* + hash */
#define CELL 16
#define MOVED 32
#define NONE 255
#define LIVE 1
#define DEAD 2
#define BORN_ 3			/* claimed by the record that brings it to life */
byte B[15];			/* NT*SZ */
byte nxt[NT];			/* 0 or next table */
byte root;
byte val[NC];
byte key[NC];
bit retired[NC];
byte waitset[NC];		/* processes inside a section at retirement */
byte insec;
bit pres[3];			/* ghost: key present */
byte sawP[3], sawA[3];		/* ghost: masks of processes */
byte ncrash; byte ndone;
byte burying[4];		/* garbage of the record: cell+1 */
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id < 4 -> ncrash++; goto stopped fi
#else
#define S skip
#endif
#define ME (1<<id)
#ifdef BUG9
#define DEADLIKE BORN_
#else
#define DEADLIKE DEAD
#endif
inline enter() { atomic { insec = insec | ME; } }
inline leave() { atomic { insec = insec & ~ME; c = 0;
	do :: c < NC -> waitset[c] = waitset[c] & ~ME; c++ :: else -> break od; c = 0 } }
inline deref(x) { assert(!(retired[x] && !(waitset[x] & ME) && !(burying[id] == x+1))) }
inline begin(k) { atomic {
	if :: pres[k] -> sawP[k] = sawP[k]|ME; sawA[k] = sawA[k]&~ME
	:: else -> sawA[k] = sawA[k]|ME; sawP[k] = sawP[k]&~ME fi } }
/* lookup(k): f = found cell or NONE */
inline lookup(k) {
	begin(k); enter();
	atomic { S; t = root; i = 0; f = NONE }
	do
	:: atomic { i == SZ -> S; if :: nxt[t] -> t = nxt[t]; i = 0 :: else -> break fi }
	:: atomic { i < SZ -> S; v = B[t*SZ+i];
		if
		:: v == EMPTY -> break
		:: v == SEALED -> t = nxt[t]; i = 0; v = 0
		:: v >= CELL -> x = v & 15; deref(x); if :: key[x] != k -> i++; v = 0 :: else fi
		:: else -> i++; v = 0
		fi }
		atomic { if :: v -> S; if :: val[x] == LIVE -> f = x; break :: else -> i++ fi :: else fi }
	od;
	atomic { if :: f != NONE -> assert(sawP[k] & ME) :: else -> assert(sawA[k] & ME) fi;
		v = 0; x = 0; t = 0; i = 0 }
}
/* w: what takes the place of the dead cell's (or empty) bucket value v */
inline tomb_for(k) {
	atomic { S; if :: v >= MOVED || nxt[t] -> w = GONE+HASH(k) :: else -> w = TOMB+HASH(k) fi }
}
/* scan(k): res 0 at the run's end (at, held: where the key may go), 1 SEALED, 2 EEXIST */
inline scan(k) {
	i = 0; at = NONE; res = 3;
	do
	:: atomic { res != 3 -> break }
	:: atomic { res == 3 && i == SZ -> res = 0 }
	:: atomic { res == 3 && i < SZ -> S; v = B[t*SZ+i]; c = 0;
		if
		:: v == SEALED -> res = 1
		:: v == EMPTY -> res = 0; if :: at == NONE -> at = i; held = v :: else fi
		:: v == TOMB+HASH(k) -> if :: at == NONE -> at = i; held = v :: else fi; i++
		:: v >= CELL -> x = v & 15; deref(x); if :: key[x] != k -> i++ :: else -> c = 1 fi
		:: else -> i++
		fi }
		if :: c == 1 -> atomic { S; if :: val[x] == LIVE -> res = 2 :: else -> c = 2 fi;
			if :: val[x] == BORN_ -> val[x] = DEAD :: else fi } :: else fi;
#ifdef BUG6
		if :: c == 2 -> i++ :: else fi
#else
		if :: c == 2 -> tomb_for(k); atomic { S; if :: B[t*SZ+i] == v -> B[t*SZ+i] = w :: else fi; w = 0 }
		:: else fi
#endif
	od;
	v = 0; x = 0; i = 0; c = 0
}
/* close(k): the key can enter this table no more */
inline close(k) {
	i = 0;
	do
	:: atomic { i == SZ -> break }
	:: atomic { i < SZ -> S; v = B[t*SZ+i]; w = 0;
		if
		:: v == SEALED -> break
		:: v == EMPTY -> w = SEALED
		:: v == TOMB+HASH(k) -> w = GONE+HASH(k)
		:: else -> i++
		fi }
		if :: w -> atomic { S; if :: B[t*SZ+i] == v -> B[t*SZ+i] = w :: else fi } :: else fi
	od;
	v = 0; w = 0; i = 0
}
/* bury(bc, k): bc is DEAD; nothing that can be followed refers to it, ever */
inline bury(bc, k) {
	atomic { S; t = root; t0 = t; i = 0; w = 0 }
	do
	:: atomic { i < SZ -> S; v = B[t*SZ+i]; c = 0;
		if
		:: v == CELL+bc || v == MOVED+bc -> c = 1
		:: v == SEALED -> i = SZ
		:: v == EMPTY ->
#ifdef BUG1
			i = SZ
#else
#ifdef BUG3
			if :: t == t0 -> i = SZ :: else -> c = 1 fi
#else
			c = 1
#endif
#endif
		:: else -> i++
		fi }
		if :: c -> tomb_for(k); atomic { S; if :: B[t*SZ+i] == v -> B[t*SZ+i] = w; i = SZ :: else fi; w = 0; c = 0 } :: else fi
	:: atomic { i == SZ -> S; if :: nxt[t] -> t = nxt[t]; i = 0 :: else -> break fi }
	od;
	atomic { S; if :: !retired[bc] -> retired[bc] = 1; waitset[bc] = insec & ~ME :: else fi; v = 0; t = 0; i = 0; t0 = 0; c = 0 }
}
/* insert(k, nc): nc = private complete cell; ok */
inline insert(k, nc) {
	begin(k); enter();
	atomic { S; t = root; ok = 2;
#ifdef BORN
		val[nc] = BORN_; burying[id] = nc + 1
#endif
	}
	do
	:: atomic { ok != 2 -> break }
	:: atomic { ok == 2 -> skip }
		scan(k);
		if
		:: res == 2 -> ok = 0
		:: else ->
			atomic { S; if :: res == 0 -> res = (nxt[t] != 0) :: else fi }
			if
			:: res == 1 ->
#ifndef BUG2
				close(k);
#endif
#ifndef BUG5
				scan(k);
#endif
				if :: res == 2 -> ok = 0
				:: else -> atomic { S; assert(nxt[t]); t = nxt[t] } fi
			:: else -> atomic { S; assert(at != NONE);
				if :: B[t*SZ+at] == held -> B[t*SZ+at] = CELL+nc; ok = 1;
#ifndef BORN
					assert(!pres[k]); pres[k] = 1; sawP[k] = 15
#endif
				:: else fi }
#ifdef BORN
				if :: ok == 1 -> atomic { S;	/* commit, or it was aborted */
					if :: val[nc] == BORN_ -> val[nc] = LIVE; burying[id] = 0;
						assert(!pres[k]); pres[k] = 1; sawP[k] = 15
					:: else -> ok = 3 fi }
				:: else fi
#endif
			fi
		fi
	od;
	atomic { if :: ok == 0 -> assert(sawP[k] & ME); val[nc] = DEAD :: else fi; t = 0; res = 0; at = 0; held = 0 }
#ifdef BORN
	if :: ok == 3 -> bury(nc, k) :: else fi;
	atomic { burying[id] = 0 }
#endif
}
inline delete(k) {
	lookup(k);
	if :: f == NONE
	:: else -> atomic { S; ok = 0; burying[id] = f+1 }
		atomic { S; if :: val[f] == LIVE -> val[f] = DEAD; ok = 1;
			assert(pres[k]); pres[k] = 0; sawA[k] = 15 :: else fi }
		if :: ok -> n = f; bury(n, k) :: else fi;
		atomic { S; burying[id] = 0; n = 0; f = 0 }
	fi }
/* put(u, y): place cell y in table u */
inline put(u, y) {
	j = 0;
	do
	:: atomic { j == SZ -> break }
	:: atomic { j < SZ -> S; w = B[(u)*SZ+j]; c = 0;
		if
		:: w == SEALED || w == CELL+y || w == MOVED+y -> break
		:: w == EMPTY -> c = 3
		:: w == TOMB+HASH(key[y]) || w == GONE+HASH(key[y]) -> c = 4
#ifndef BUG8
		:: w >= CELL && w != CELL+y && w != MOVED+y && HASH(key[w & 15]) == HASH(key[y]) -> c = 4
#endif
		:: else -> j++
		fi }
		if
		:: c == 3 -> atomic { S; if :: B[(u)*SZ+j] == EMPTY -> B[(u)*SZ+j] = CELL+y; break :: else fi }
#ifdef BUG7
		:: c == 4 -> j++
#else
		:: c == 4 -> atomic { S; if :: val[y] == DEAD -> break :: else -> j++ fi }
#endif
		:: else
		fi
	od;
	atomic { w = 0; j = 0; c = 0 } }
inline migrate(a) {
	atomic { S; if :: !nxt[a] && root == a -> nxt[a] = a+1 :: else fi; i = 0 }
	do
	:: atomic { i == SZ -> break }
	:: atomic { i < SZ -> S; v = B[(a)*SZ+i]; c = 0;
		if
		:: v == EMPTY -> c = 1; w = SEALED
#ifndef BUG4
		:: v == TOMB || v == TOMB+1 -> c = 1; w = v + GONE - TOMB
#endif
		:: v >= CELL && v < MOVED -> x = v & 15; deref(x); c = 2
		:: else -> i++
		fi }
		if
		:: c == 1 -> atomic { S; if :: B[(a)*SZ+i] == v -> B[(a)*SZ+i] = w; i++ :: else fi; w = 0 }
		:: c == 2 -> atomic { S; c = val[x] }
			if :: c == DEAD || c == DEADLIKE -> atomic { S; if :: B[(a)*SZ+i] == v -> B[(a)*SZ+i] = GONE+HASH(key[x]) :: else fi }
			:: else -> put(a+1, x); atomic { S; if :: B[(a)*SZ+i] == v -> B[(a)*SZ+i] = MOVED+x :: else fi }
			fi
		:: else
		fi
	od;
	atomic { S; if :: root == a -> root = a+1 :: else fi; v = 0; x = 0; i = 0; c = 0; w = 0 } }
proctype P(byte id) {
	byte t, i, v, x, f, c, n, w, j, t0, at, held, res; byte ok;
	if
	:: id == 0 ->
		insert(1, 1); leave();
		delete(1); leave();
#ifdef TURN
		insert(2, 4); leave()
#else
#ifdef THIRD
		insert(1, 4); leave()
#endif
#endif
	:: id == 1 ->
#ifdef BUG10
		insert(2, 3); leave();
#endif
#ifndef NOP1
		insert(1, 2); leave();
#ifdef DEL
		delete(1); leave();
#endif
#endif
#ifdef TWO
		enter(); migrate(0); leave()
#endif
	:: id == 2 ->
#ifndef NOMIG
		enter(); migrate(0); leave();
#endif
#ifdef TWO
		enter(); migrate(1); leave()
#endif
	:: id == 3 -> lookup(1); leave(); lookup(0); assert(f == 0); leave();
#ifdef TURN
		lookup(2); leave()
#endif
	fi;
stopped: ndone++
}
init { byte k, m, cnt; byte id = 7, t, i, v, t0, n, w, c;
	atomic { key[0] = 0; val[0] = LIVE; k = 1;
		do :: k < NC -> key[k] = 1; val[k] = LIVE; k++ :: else -> break od;
		B[0] = CELL+0; pres[0] = 1; insec = 0;
#ifdef TURN
		key[4] = 2;
#endif
#ifdef BUG10
		key[3] = 2;
#endif
#ifdef FIRST
		B[1] = TOMB+1; val[3] = DEAD; retired[3] = 1;
#endif
		run P(0); run P(1); run P(2);
#ifndef NOLOOK
		run P(3)
#else
		ndone++
#endif
	}
	ndone == 4;
	/* recovery of the dead host: finish its burial; then walk what is reachable */
	m = 0;
	do :: m < 4 ->
		/* its record is undecided: aborted */
		if :: burying[m] && val[burying[m]-1] == BORN_ -> val[burying[m]-1] = DEAD :: else fi;
		if :: burying[m] && val[burying[m]-1] == DEAD ->
			n = burying[m]-1; bury(n, 1) :: else fi; m++
	:: else -> break od;
	atomic { cnt = 0; t = root; n = 0;
		m = 0;	/* live cells that can be reached: as many as there should be */
		do
		:: i = 0;
		   do :: i < SZ -> v = B[t*SZ+i];
			if :: v >= CELL -> assert(!retired[v & 15]) :: else fi;
			if :: v >= CELL && val[v & 15] == LIVE && key[v & 15] && !(m & (1<<(v & 15))) -> cnt++; m = m | (1<<(v & 15)) :: else fi;
			i++ :: else -> break od;
		   if :: nxt[t] -> t = nxt[t] :: else -> break fi
		od;
		assert(cnt == pres[1] + pres[2]) }
stopped: skip
}
