/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots of the host table: join, leave, death, recovery, relay, take-over.
 *
 * Proves: [HST] no slot is taken twice; only who has stopped is declared dead;
 * no recovery is taken from a recoverer that lives; whoever works in a slot
 * has its bit in hosts_used; and once all is quiet no slot is left dead or in
 * recovery, if there is one host to look.
 *
 * Protocol: the state word is {kind, recoverer, incarnation}, changed by CAS.
 * Join: FREE -> JOINING, incarnation + 1, bit set, -> ALIVE. Leave: bit taken
 * away, -> FREE. Mark dead, for the incarnation that was seen with the proof: ALIVE or
 * JOINING -> DEAD. Recover: DEAD, or RECOVERING whose recoverer's slot is
 * DEAD, -> RECOVERING by me; whom it was recovering -> DEAD; bit taken away,
 * -> FREE. Take-over: DEAD -> RECOVERING by itself, bit set, the same work, ->
 * ALIVE. Hosts 0 and 1 work in slots 0 and 1 from the start; 0 leaves, 1
 * recovers who is dead. Host 2 has slot 2 and never stops: it recovers until
 * all is quiet. Host 3 comes and joins, or takes over (-DOVER). Two of 0, 1, 3 may
 * stop anywhere.
 *
 * spin -a hosts.pml; -DOVER
 * Each of these leaves one measure out and must fail:
 * -DBUG1  recovery does not look whether the recoverer is dead
 * -DBUG2  whom a dead recoverer had is not made DEAD again
 * -DBUG3  mark dead does not compare the incarnation
 * -DBUG4  (OVER) a take-over does not set the bit
 * -DBUG5  a joiner does not raise the incarnation
 */
#define NS 3
#define NH 4
#define FREE 0
#define JOINING 1
#define ALIVE 2
#define DEAD 3
#define RECOV 4
#define NONE 7
#ifdef BUG5
#define STEP 0
#else
#define STEP 1
#endif
byte kind[NS], by[NS], inc[NS];
bit used[NS];
byte owner[NS];			/* ghost: who works in it */
byte rec[NS];			/* ghost: who recovers it */
bit crashed[NH];		/* ghost; what the proof of death is about */
byte ncrash, ndone;
#define S if :: skip :: ncrash < 2 && id != 2 -> ncrash++; crashed[id] = 1; goto stopped fi
#define IS(k,b,n) (kind[s] == k && by[s] == b && inc[s] == n)
#define SET(k,b,n) kind[s] = k; by[s] = b; inc[s] = n
#define SAME IS(k, b, n)
inline load() { k = kind[s]; b = by[s]; n = inc[s] }
/* whom the host of slot s was recovering is dead again */
inline release() {
	q = 0;
	do
	:: atomic { q < NS -> S; ok = (q != s && kind[q] == RECOV && by[q] == s); r = inc[q] }
		if :: ok -> atomic { S; if :: kind[q] == RECOV && by[q] == s && inc[q] == r ->
				kind[q] = DEAD; by[q] = 0; rec[q] = NONE :: else fi }
		:: else fi;
		q++
	:: atomic { q == NS -> q = 0; r = 0; ok = 0; break }
	od }
inline slot_free(K, B) {
	atomic { S; used[s] = 0 }
	atomic { S; if :: IS(K, B, n) -> SET(FREE, 0, n); rec[s] = NONE; owner[s] = NONE :: else fi } }
/* slot s, by the host of slot me */
inline recover(me) {
	atomic { S; load(); ok = (k == DEAD || k == RECOV) }
	if
	:: ok && k == RECOV ->
#ifndef BUG1
		atomic { S; ok = (b != me && kind[b] == DEAD) }
#endif
	:: else fi;
	if
	:: ok ->
		atomic { S; ok = SAME;
			if :: ok -> assert(rec[s] == NONE || crashed[rec[s]]);
				assert(owner[s] == NONE || crashed[owner[s]]);
				SET(RECOV, me, n); rec[s] = id; owner[s] = NONE :: else fi }
		if :: ok ->
#ifndef BUG2
			release();
#endif
			slot_free(RECOV, me)
		:: else fi
	:: else fi;
	k = 0; b = 0; n = 0; ok = 0 }
/* there is proof that who works in slot s, as seen, has stopped */
inline declare() {
	atomic { S; load(); r = n;
		ok = ((k == ALIVE || k == JOINING || (k == RECOV && b == s)) &&
		      owner[s] != NONE && crashed[owner[s]]) }
	if :: ok ->
		atomic { S; load();
#ifdef BUG3
			r = n;
#endif
			ok = (n == r && (k == ALIVE || k == JOINING || (k == RECOV && b == s))) }
		if :: ok -> atomic { S; if :: SAME -> assert(owner[s] == NONE || crashed[owner[s]]);
				SET(DEAD, 0, n); if :: rec[s] == owner[s] -> rec[s] = NONE :: else fi
				:: else fi }
		:: else fi
	:: else fi;
	k = 0; b = 0; n = 0; ok = 0; r = 0 }
inline look_after_all(me) {
	s = 0;
	do
	:: s < NS -> if :: s != me -> declare(); recover(me) :: else fi; s++
	:: else -> s = 0; break
	od }
inline join() {
	atomic { S; load(); ok = (k == FREE) }
	if :: ok -> atomic { S; ok = SAME; if :: ok -> assert(owner[s] == NONE);
			SET(JOINING, 0, n + STEP); owner[s] = id :: else fi; n = n + STEP }
	:: else fi;
	if :: ok ->
		atomic { S; used[s] = 1 }
		atomic { S; ok = IS(JOINING, 0, n); if :: ok -> SET(ALIVE, 0, n) :: else fi }
	:: else fi }
inline take_over() {
	atomic { S; load(); ok = (k == DEAD) }
	if :: ok -> atomic { S; ok = SAME; if :: ok -> assert(owner[s] == NONE || crashed[owner[s]]);
			SET(RECOV, s, n + 1); owner[s] = id; rec[s] = id :: else fi; n++ }
	:: else fi;
	if :: ok ->
#ifndef BUG4
		atomic { S; used[s] = 1 }
#endif
		release();
		atomic { S; ok = IS(RECOV, s, n); if :: ok -> SET(ALIVE, 0, n); rec[s] = NONE :: else fi }
	:: else fi }
proctype Leaver() {
	byte id = 0, s, k, b, n;
	atomic { S; load() }
	slot_free(ALIVE, 0);
stopped: ndone++ }
proctype Recoverer() {
	byte id = 1, s, k, b, n, q, r; bit ok;
	look_after_all(1);
stopped: ndone++ }
proctype Comer() {
	byte id = 3, s, k, b, n, q, r; bit ok;
	do
	:: s == 2 -> break
	:: s < 2 ->
#ifdef OVER
		take_over();
#else
		join();
#endif
		if :: ok -> atomic { S; assert(used[s] && owner[s] == id) }; break :: else -> s++ fi
	od;
stopped: ndone++ }
proctype Keeper() {
	byte id = 2, s, k, b, n, q, r; bit ok;
	look_after_all(2);
	ndone == 3;
	look_after_all(2); look_after_all(2);
	atomic {
		assert(kind[0] == FREE || kind[0] == ALIVE);
		assert(kind[1] == FREE || kind[1] == ALIVE);
		assert(kind[0] != ALIVE || (owner[0] != NONE && !crashed[owner[0]]));
		assert(kind[1] != ALIVE || (owner[1] != NONE && !crashed[owner[1]])) }
stopped: skip }
init { atomic {
	kind[0] = ALIVE; kind[1] = ALIVE; kind[2] = ALIVE;
	used[0] = 1; used[1] = 1; used[2] = 1;
	owner[0] = 0; owner[1] = 1; owner[2] = 2;
	rec[0] = NONE; rec[1] = NONE; rec[2] = NONE;
	run Leaver(); run Recoverer(); run Comer(); run Keeper() } }
