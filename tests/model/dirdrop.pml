/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dropping a directory against a late creator that adds a page of slots.
 *
 * Proves: [DIR] once a directory is dead no page of slots stays behind in it,
 * whoever of the two comes last, and each page is retired once; a create and
 * the rmdir do not both succeed.
 *
 * Protocol: a creator puts its page into the directory's map (CAS 0 -> page),
 * full fence, looks at dirstate: DEAD means it takes the page out again (CAS
 * page -> 0; who succeeds retires the page). rmdir: record sets DEAD, full
 * fence, then walks the map the same way. The name itself is a record on
 * dirstate. Stores wait in a buffer of one that a fence empties.
 *
 * spin -a -DCRASH dirdrop.pml
 * -DCRASH: rmdir stops for ever anywhere; somebody repeats its walk.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  the creator does not look at dirstate again
 * -DBUG2  creator: no fence between page and dirstate
 * -DBUG3  rmdir: no fence between DEAD and the walk
 * -DBUG4  a page is taken out by load and store
 */
#define NP 3
byte map[2];			/* words of the directory's map */
bit decided, is_dead; byte names;	/* dirstate: as records, as loads see it */
byte pend[3];			/* buffered store: 1, 2 map word + 1 of process; 3 DEAD */
byte retired[NP];
byte ncrash, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id == 2 -> ncrash++; goto stopped fi
#else
#define S skip
#endif
/* page of creator p is p + 1 */
inline flush(h) { if
	:: pend[h] == 1 || pend[h] == 2 -> map[pend[h]-1] = h + 1
	:: pend[h] == 3 -> is_dead = 1
	:: else fi; pend[h] = 0 }
inline takeout(w) {		/* a load sees the own buffer; BUG2 leaves it there */
	atomic { S; if :: id < 2 -> flush(id) :: else fi }
	atomic { S; g = map[w] }
	if :: g ->
#ifdef BUG4
		atomic { S; map[w] = 0; retired[g-1]++ }
#else
		atomic { S; if :: map[w] == g -> map[w] = 0; retired[g-1]++ :: else fi }
#endif
	:: else fi }
proctype Creator(byte id) {
	byte g;
	atomic { if :: is_dead -> goto stopped :: else fi }
	/* word id of the map: the two creators add a page each */
	atomic { pend[id] = id + 1 }
#ifndef BUG2
	atomic { flush(id) }
#endif
#ifndef BUG1
	if :: is_dead -> takeout(id); goto stopped :: else fi;
#endif
	/* the record: dirstate +1 and the name. Refused by a dead directory,
	 * it leaves the page to the walk, that must come behind it */
	atomic { flush(id); if :: !decided -> names++ :: else fi }
stopped: ndone++ }
proctype Rmdir() {
	byte g, id = 2;
	/* The record on dirstate: decided for other records at once, but a
	 * plain load may still find the old value. */
	atomic { S; if :: names == 0 -> decided = 1; pend[2] = 3
		:: else -> goto stopped fi }
#ifndef BUG3
	atomic { S; flush(2) }
#endif
	takeout(0); takeout(1);
stopped: ndone++ }
proctype Memory() {
	do
	:: atomic { pend[0] -> flush(0) }
	:: atomic { pend[1] -> flush(1) }
	:: atomic { pend[2] -> flush(2) }
	:: ndone == 3 -> break
	od }
init {
	byte g, id = 9;
	atomic { run Creator(0); run Creator(1); run Rmdir(); run Memory() }
	ndone == 3;
	atomic { flush(2); flush(0); flush(1) }
	if :: ncrash && is_dead -> takeout(0); takeout(1) :: else fi;
	atomic {
		assert(!(is_dead && names));
		assert(!is_dead || (map[0] == 0 && map[1] == 0));
		assert(retired[0] <= 1 && retired[1] <= 1) }
stopped: skip
}
