/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Locks of a file: lists that never change, one word, hosts that die.
 *
 * Proves: [PUB] [HST] never two hosts that live have locks that exclude each
 * other; who reads a list reads memory that is not used again; a lock of a dead
 * host is in nobody's way, also when its slot has another host; after recovery
 * every page that is owned is the list that lock_off refers to.
 *
 * Protocol: lock_off refers to a page with an entry per lock. Lock: read the
 * list; an entry of a host that is alive and in the way: fail. Else take a page,
 * copy what is alive and add the own entry, note the old page, look whether we
 * are alive, CAS(lock_off, old, new), retire the old one. Unlock: the same without
 * the entry; 0 for an empty list. Death: the state of the slot; then recovery
 * retires the noted page unless lock_off refers to it, and what the dead host owns
 * and nothing refers to; then another host takes the slot, of another
 * incarnation. A page that is retired is not used again before those leave who
 * were in a section (ghost: wait).
 * Hosts 0 and 1; host 2 is the next one in the slot of 0. 3 recovers 0.
 *
 * spin -a -DCRASH lock.pml
 * -DTWICE: hosts 0 and 1 each do it a second time.
 * -DALONE: nobody comes to the slot of 0 afterwards.
 * -DCRASH: host 0 stops for ever anywhere, is recovered, and 2 comes.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  (with CRASH) the old list is not noted
 * -DBUG2  (with CRASH) an entry counts while its slot has any host
 * -DBUG3  lock_off is stored to, not changed by CAS
 * -DBUG4  (with CRASH) recovery retires the noted list without a look at lock_off
 * -DBUG5  a page is used again while somebody is in a section
 * -DBUG6  the old list is retired before the CAS
 * -DBUG7  (with CRASH) one's own section does not keep what one has retired
 */
#ifdef ALONE
#define NOBODY 3		/* who is done when host 0 has not stopped */
#else
#define NOBODY 2
#endif
#define NP 5			/* pages, from 1 */
#define FREE 0
#define OWNED 1
#define RETIRED 2
byte off;			/* lock_off */
byte sh[NP], ex[NP];		/* entries: bit per host */
byte info[NP], by[NP];		/* state, host slot that took it */
byte wait[NP];			/* retired: who was in a section then */
byte note[3];
byte insec;
bit alive[3];			/* the state word of its slot says so */
byte hsh, hex;			/* ghost: who has what */
byte dead, ndone;
#ifdef CRASH
#define S if :: skip :: id == 0 && !dead -> dead = 1; goto stopped fi
#else
#define S skip
#endif
#define SLOT(h) ((h) % 2)
#ifdef BUG2
#define IN_THE_SLOT(h) (alive[h] || ((h) == 0 && alive[2]))
#else
#define IN_THE_SLOT(h) (alive[h])
#endif
#define MINE (1 << id)
#define LIVING ((IN_THE_SLOT(0) -> 1 : 0) | (IN_THE_SLOT(1) -> 2 : 0) | (IN_THE_SLOT(2) -> 4 : 0))
inline enter() { atomic { S; insec = insec | MINE } }
inline leave() { atomic { insec = insec & ~MINE;
	wait[1] = wait[1] & ~MINE; wait[2] = wait[2] & ~MINE;
	wait[3] = wait[3] & ~MINE; wait[4] = wait[4] & ~MINE } }
#ifdef BUG7
#define WAITED_FOR (insec & ~MINE)
#else
#define WAITED_FOR insec
#endif
inline retire(p) { if :: p && info[p] == OWNED -> info[p] = RETIRED; wait[p] = WAITED_FOR :: else fi }
#ifdef BUG5
#define CAN_TAKE(n) (info[n] == FREE || info[n] == RETIRED)
#else
#define CAN_TAKE(n) (info[n] == FREE || (info[n] == RETIRED && !wait[n]))
#endif
/* Waits for others while there is none: ENOLCK is not of interest here. */
inline take() {
	atomic { S; (CAN_TAKE(1) || CAN_TAKE(2) || CAN_TAKE(3) || CAN_TAKE(4));
	if :: CAN_TAKE(1) -> n = 1
	:: !CAN_TAKE(1) && CAN_TAKE(2) -> n = 2
	:: !CAN_TAKE(1) && !CAN_TAKE(2) && CAN_TAKE(3) -> n = 3
	:: else -> n = 4
	fi;
	info[n] = OWNED; by[n] = SLOT(id); sh[n] = 0; ex[n] = 0 } }
inline read_list() {
	atomic { S; v = off; }
	atomic { S; s = 0; x = 0; ok = 1;
		if :: v -> if :: v == off -> assert(info[v] == OWNED) :: else fi;
			s = sh[v]; x = ex[v];
			/* a list that was replaced is retired, not used again */
			ok = (v == off || info[v] == RETIRED || info[v] == OWNED)
		:: else fi } }
inline note_old() {
#ifndef BUG1
	atomic { S; note[id] = v }
#else
	skip
#endif
}
inline swap(new) {		/* gs, gx: what we have then */
	note_old();
#ifdef BUG6
	atomic { S; retire(v) }
#endif
	atomic { S; ok = alive[id] };	/* the look */
	if :: ok ->
		atomic { S;
#ifdef BUG3
			off = new; ok = 1;
#else
			if :: off == v -> off = new; ok = 1 :: else -> ok = 0 fi;
#endif
			if :: ok && alive[id] ->
				hsh = (hsh & ~MINE) | gs; hex = (hex & ~MINE) | gx;
				assert(!hex || ((hsh | hex) == hex &&
				       (hex == 1 || hex == 2 || hex == 4)))
			:: else fi }
	:: else fi;
	if :: ok -> atomic { S; retire(v) }
	:: !ok && new -> atomic { S; info[new] = FREE }
	:: else fi;
	atomic { S; note[id] = 0 } }
inline lock(want_ex) {
	tries = 0; got = 0;
	enter();
	do :: !got && tries < 2 ->
		read_list();
		/* entries whose host is alive now; one look at each */
		atomic { S; s = s & LIVING; x = x & LIVING; s = s & ~MINE; x = x & ~MINE }
		if :: x || (want_ex && s) -> break
		:: else ->
			take();
			atomic { S; gs = 0; gx = 0;
				if :: want_ex -> gx = MINE :: else -> gs = MINE fi;
				sh[n] = s | gs; ex[n] = x | gx; p = n }
			swap(p);
			got = ok; tries++
		fi
	:: else -> break od;
	leave() }
inline unlock() {
	ok = 0;
	enter();
	/* the ghost first: the holder does nothing under it any more */
	atomic { S; hsh = hsh & ~MINE; hex = hex & ~MINE }
	do :: !ok && alive[id] ->
		read_list();
		atomic { S; s = s & LIVING & ~MINE; x = x & LIVING & ~MINE; p = 0 }
		if :: s || x -> take(); p = n;
			atomic { S; sh[p] = s; ex[p] = x }
		:: else fi;
		gs = 0; gx = 0;
		swap(p)
	:: else -> break od;
	leave() }
inline use_it() {
	if :: got -> unlock() :: else fi }
inline recover() {
	/* whoever knows that it stores no more */
	atomic { alive[0] = 0; hsh = hsh & ~1; hex = hex & ~1 }
#ifdef BUG4
	atomic { retire(note[0]) }
#else
	atomic { if :: note[0] && off != note[0] -> retire(note[0]) :: else fi }
#endif
	k = 1;
	do :: k < NP ->
		atomic { if :: info[k] == OWNED && by[k] == 0 && off != k -> retire(k) :: else fi; k++ }
	:: else -> break od;
	atomic { note[0] = 0; insec = insec & ~1; wait[1] = wait[1] & ~1;
		wait[2] = wait[2] & ~1; wait[3] = wait[3] & ~1; wait[4] = wait[4] & ~1;
		k = 0 }
	alive[2] = 1 }
proctype P(byte id) {
	byte v, n, s, x, p, gs, gx, tries, k; bit ok, got;
	if
	:: id == 0 -> lock(0); use_it()
#ifdef TWICE
		; lock(1); use_it()
#endif
	:: id == 1 -> if :: lock(0) :: lock(1) fi; use_it()
#ifdef TWICE
		; lock(1); use_it()
#endif
#ifndef ALONE
	:: id == 2 -> (alive[2] || ndone >= 3);
		if :: alive[2] -> lock(1); use_it() :: else fi
#else
	:: id == 2 -> skip
#endif
	:: id == 3 -> (dead || ndone >= NOBODY);
		if :: dead -> recover() :: else fi
	fi;
stopped: ndone++ }
init {
	byte id = 1, v, n, s, x, p, gs, gx, tries; bit ok, got;
	atomic { alive[0] = 1; alive[1] = 1;
		run P(0); run P(1); run P(2); run P(3) }
	ndone == 4;
	atomic {
		n = 1;
		do :: n < NP -> assert(info[n] != OWNED || n == off); n++
		:: else -> break od;
		assert(!off || info[off] == OWNED) }
	/* What nobody has can be had. */
	lock(1);
	assert(got);
stopped: skip
}
