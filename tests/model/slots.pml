/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Directory slots: names come and go, listings go on, slots are used again.
 *
 * Proves: [SLT] a name that lookup found and that nobody removes is listed by
 * every listing that begins afterwards; a listing never follows a slot to
 * memory that may be used again; a slot never loses a name that is alive;
 * after recovery no slot refers to a dead cell.
 *
 * Protocol: create CASes the slot 0 -> cell, then the bucket, then commits
 * (value LIVE). Delete: value DEAD, CAS(slot, cell -> 0), tomb, retire. A
 * create that fails takes the same way from DEAD on. Readers are in a section:
 * what is retired meanwhile is not used again before they leave (ghost wait).
 * Cell 1 is name x, cell 2 name y; both want slot 0 first, then slot 1.
 *
 * spin -a -DCRASH slots.pml
 * -DCRASH: one host stops for ever anywhere; two others recover it at once.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  create: bucket and commit before the slot
 * -DBUG2  delete retires the cell before it leaves the slot
 * -DBUG3  the slot is emptied by a store, not a CAS
 * -DBUG4  (with CRASH) recovery does not empty the slot of an aborted create
 */
#define NC 3
#define NONE 0
#define LIVE 1
#define DEAD 2
byte slot[2];			/* cell or 0 */
bit bucket[NC];			/* refers to cell */
byte val[NC];
byte at[NC];			/* dslot of the cell: slot + 1 */
bit retired[NC]; byte waiting[NC];
byte insec;
byte work[2];			/* record of host 0, 1: its cell, undone or to be killed */
bit sure[NC];			/* ghost: alive, and nobody began to remove it */
byte ncrash, dead = 9, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id < 2 -> ncrash++; dead = id; goto stopped fi
#else
#define S skip
#endif
#define ME (1 << id)
inline enter() { atomic { S; insec = insec | ME } }
inline leave() { atomic { S; insec = insec & ~ME; waiting[1] = waiting[1] & ~ME; waiting[2] = waiting[2] & ~ME } }
inline use(c) { assert(!retired[c] || (waiting[c] & ME)) }
inline retire(c) { atomic { S; if :: !retired[c] -> retired[c] = 1; waiting[c] = insec & ~ME :: else fi } }
inline clear(c) {		/* the slot that the cell says, if it is still there */
	atomic { S; n = at[c] }
	if :: n ->
#ifdef BUG3
		atomic { S; t = slot[n-1] }
		if :: t == c -> atomic { S; slot[n-1] = 0 } :: else fi
#else
		atomic { S; if :: slot[n-1] == c -> slot[n-1] = 0 :: else fi }
#endif
	:: else fi }
inline bury(c) {
#ifdef BUG2
	retire(c); clear(c)
#else
	clear(c)
#endif
	atomic { S; bucket[c] = 0 }
	retire(c) }
inline take_slot(c) {
	n = 0;
	do :: n < 2 -> atomic { S; at[c] = n + 1 }
		atomic { S; if :: slot[n] == 0 -> slot[n] = c; n = 9 :: else -> n++ fi }
	:: else -> break od;
	assert(n == 9) }
inline create(c) {
	atomic { S; work[id] = c }
#ifdef BUG1
	atomic { S; bucket[c] = 1 }
	atomic { S; val[c] = LIVE; sure[c] = 1 }
	take_slot(c);
#else
	take_slot(c);
	atomic { S; bucket[c] = 1 }
	atomic { S; val[c] = LIVE; sure[c] = 1 }
#endif
	atomic { S; work[id] = 0 } }
inline remove(c) {
	atomic { S; work[id] = c; sure[c] = 0 }
	atomic { S; val[c] = DEAD }
	bury(c);
	atomic { S; work[id] = 0 } }
/* the listing: every cell met must be memory; c found earlier must be in it */
inline list(c) {
	i = 0; m = 0; f = sure[c] && looked;
	do :: i < 2 -> atomic { S; t = slot[i] }
		if :: t -> atomic { S; use(t); if :: val[t] == LIVE && t == c -> m = 1 :: else fi } :: else fi;
		i++
	:: else -> break od;
	atomic { assert(!f || !sure[c] || m); i = 0; m = 0; t = 0; f = 0 } }
inline look(c) { atomic { S; looked = 0; if :: bucket[c] -> use(c); if :: val[c] == LIVE && sure[c] -> looked = 1 :: else fi :: else fi } }
inline recover() {
	if :: dead < 2 -> w = work[dead];
		if :: w && val[w] != LIVE ->
			atomic { val[w] = DEAD; sure[w] = 0 }
#ifdef BUG4
			bucket[w] = 0
#else
			enter(); clear(w); atomic { bucket[w] = 0 }
			retire(w); leave()
#endif
		:: else fi
	:: else fi }
proctype P(byte id) {
	byte n, t, i, w; bit looked, m, f;
	if
	:: id == 0 -> enter(); create(1); leave(); enter(); remove(1); leave()
	:: id == 1 -> enter(); create(2); leave()
	:: id == 2 -> enter(); look(1); list(1); leave(); enter(); look(2); list(2); leave(); recover()
	:: id == 3 -> recover()
	fi;
stopped: ndone++ }
init {
	byte id = 9, w, n, t;
	atomic { run P(0); run P(1); run P(2); run P(3) }
	ndone == 4;
	recover();
	atomic {
		assert(!slot[0] || val[slot[0]] == LIVE);
		assert(!slot[1] || val[slot[1]] == LIVE);
		assert(!(slot[0] == slot[1] && slot[0]));
		assert(val[2] != LIVE || slot[0] == 2 || slot[1] == 2);
		assert(val[1] != LIVE || slot[0] == 1 || slot[1] == 1) }
stopped: skip
}
