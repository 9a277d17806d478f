/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file without a name: its first link against the last close.
 *
 * Proves: the file is never dropped while it has a name; it is dropped once
 * neither name nor holder is left, also if a link had claimed the count and was
 * aborted, or one host stops for ever anywhere and is recovered; once.
 *
 * Protocol: the count is one word: never named, named, was named, dropping, or
 * a reference to the record of a link. A link takes it from never named to
 * named by its record; anybody may abort that until it is committed. Who closes
 * or unlinks last looks: no name and no holder: he settles the word, looks at
 * the count again, and CASes what he settled to dropping. If that fails he looks
 * from the beginning. drop.pml has the fences; here each step is one instant.
 *
 * 0 closes; 1 (and 2, -DTWO) links, and may unlink then; 3 aborts records that
 * it meets elsewhere, as who wants the same name does.
 * spin -a -DCRASH tmpfile.pml; -DTRIES=1: attempts of each link
 * -DCRASH: one host stops for ever anywhere; another recovers it meanwhile.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  no second look behind the settled word
 * -DBUG2  who fails at the CAS gives up
 * -DBUG3  (with CRASH) recovery does not look at the file
 */
#ifndef TRIES
#define TRIES 1
#endif
#define HOSTS 4
#define NEVER 0			/* never named */
#define NAMED 1
#define WAS 2			/* had a name */
#define DROP 3
#define REF 4			/* + host */
#define IDLE 0
#define ACTIVE 1
#define COMMIT 2
#define ABORT 3
byte w = NEVER;			/* nlink */
bit held = 1;			/* opens */
byte st[HOSTS];			/* records */
byte retired;
bit named;			/* ghost: the link is committed, the unlink not */
byte ncrash, dead = 9, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id < HOSTS -> ncrash++; dead = id; goto stopped fi
#else
#define S skip
#endif
/* what the word means: of a reference what its record says */
#define MEANS(x) (x < REF -> x : (st[(x) & 3] == COMMIT -> NAMED : NEVER))
inline abort(h) { atomic { S; if :: st[h] == ACTIVE -> st[h] = ABORT :: else fi } }
inline settle() {		/* v: not a reference */
	do
	:: atomic { S; v = w }
	   if
	   :: v < REF -> break
	   :: else -> abort(v & 3);
		atomic { S; if :: w == v && st[v & 3] >= COMMIT -> w = MEANS(v) :: else fi; v = 0 }
	   fi
	od }
inline look() {
	do
	:: atomic { S; c = MEANS(w) }
	   if :: c == NAMED || c == DROP -> break :: else fi;
	   settle();
#ifndef BUG1
	   atomic { S; c = MEANS(w) }
	   if :: c == NAMED -> break :: else fi;
#endif
	   if :: v == DROP -> break :: else fi;
	   atomic { S; ok = !held }
	   if :: !ok -> break :: else fi;
	   atomic { S; ok = (w == v);
		if :: ok -> assert(!named); w = DROP; retired++; assert(retired == 1) :: else fi }
	   if :: ok -> break :: else fi
#ifdef BUG2
	   ; break
#endif
	od;
	atomic { v = 0; c = 0; ok = 0 } }
proctype Closer(byte id) {
	byte v, c; bit ok;
	atomic { S; held = 0 }
	look();
stopped: atomic { v = 0; c = 0; ok = 0; ndone++ } }
proctype Linker(byte id) {
	byte v, c, n; bit ok;
	do
	:: n == TRIES -> break
	:: else -> n++;
		settle();
		if :: v != NEVER -> v = 0; break :: else fi;
		atomic { S; st[id] = ACTIVE }
		atomic { S; ok = (w == NEVER); if :: ok -> w = REF + id :: else fi }
		if
		:: ok -> atomic { S; ok = (st[id] == ACTIVE);
			if :: ok -> st[id] = COMMIT; named = 1 :: else fi }
		:: else -> atomic { S; if :: st[id] == ACTIVE -> st[id] = ABORT :: else fi }
		fi;
		atomic { S; if :: w == REF + id -> w = MEANS(w) :: else fi }
		atomic { S; st[id] = IDLE }
		if :: ok -> break :: else fi
	od;
	if
	:: ok ->
		if
		:: skip			/* keeps it */
		:: atomic { S; if :: w == NAMED -> w = WAS; named = 0 :: else -> assert(0) fi }
		   look()
		fi
	:: else
	fi;
stopped: atomic { v = 0; c = 0; ok = 0; n = 0; ndone++ } }
/* wants words that the links have claimed, too */
proctype Other(byte id) {
	if :: abort(1) :: abort(2) :: skip fi;
stopped: ndone++ }
proctype Recoverer() {
	byte v, c, id = 9; bit ok;
	if
	:: atomic { dead < 9 -> skip }
		abort(dead);
		atomic { if :: w == REF + dead -> w = MEANS(w) :: else fi }
		st[dead] = IDLE;
		if :: dead == 0 -> held = 0 :: else fi;
#ifndef BUG3
		look()
#endif
	:: ndone == HOSTS && dead == 9
	fi;
stopped: ndone++ }
init {
	atomic { run Closer(0); run Linker(1); run Other(3);
#ifdef TWO
		run Linker(2);
#else
		ndone++;
#endif
		run Recoverer() }
	ndone == HOSTS + 1;
	assert(w < REF);
	assert(named == (w == NAMED));
	assert(named -> !retired : retired == 1)
}
