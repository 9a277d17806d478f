/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reuse of retired memory: sections, and pins that outlive their section.
 *
 * Proves: [EPO] a page read inside a section is not used again before the
 * section ends; [MAP] a page that a pin refers to is not used again before the
 * pin ends, also if the host has an older and a newer pin.
 *
 * Protocol: enter: load G, epoch = G, full fence. Leave: epoch = 0. Advance:
 * every epoch is 0 or G: CAS(G, g, g+1). Retire: the slot no longer has the
 * page, full fence, load mapped, load G: RETIRED(e) or RETIRED_MAPPED(e).
 * Reuse: G >= e + 2, and if MAPPED each map_epoch is 0 or > e. Pin, inside a
 * section: set the bit in mapped, map_epoch = G unless a lower one stands
 * there, full fence, then read slots. Unpin: map_epoch = the lowest of the
 * pins left, 0 if none. Stores wait in a buffer (bitmask, drained in any
 * order) that a fence empties.
 *
 * spin -a -DREADER epoch.pml; spin -a -DPINS=1 epoch.pml; -DPINS=2: two pins
 * -DCRASH: the pinning host stops for ever anywhere: its pages stay.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  (READER) enter without a fence
 * -DBUG2  pin: no fence before slots are read
 * -DBUG3  retire loads mapped before the slot is empty (no fence)
 * -DBUG4  reuse does not look at map_epoch
 * -DBUG5  reuse with map_epoch >= e
 * -DBUG6  (PINS=2) unpin of the older pin clears map_epoch
 * -DBUG7  (READER) reuse at G >= e + 1
 */
#define NONE 9
byte G = 2;
byte epoch[2];			/* contexts: 0 reader, 1 pinning host */
byte map_epoch; bit mapped;
byte slot;			/* page in the file: 0, 1, ... */
#define NP 3
byte state[NP];			/* 0 owned, 1 retired, 2 retired mapped, 3 used again */
byte re[NP];
/* buffered stores */
bit b_epoch[2]; byte v_epoch[2];
bit b_map; byte v_map;
bit b_bit;
bit b_slot; byte v_slot;
byte ncrash, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id == 1 -> ncrash++; goto stopped fi
#else
#define S skip
#endif
#define LAST 6			/* bound of G */
#ifndef PINS
#define PINS 0
#endif
#ifdef READER
#define READERS 1
#else
#define READERS 0
#endif
#define ENDS (1 + READERS + (PINS > 0 -> 1 : 0))
inline fence(h) { atomic { S; if :: b_epoch[h] -> epoch[h] = v_epoch[h]; b_epoch[h] = 0 :: else fi;
	if :: h == 1 -> if :: b_map -> map_epoch = v_map; b_map = 0 :: else fi;
		if :: b_bit -> mapped = 1; b_bit = 0 :: else fi
	:: else fi } }
inline enter(h) {
	atomic { S; g = G }
	atomic { S; b_epoch[h] = 1; v_epoch[h] = g }
#ifndef BUG1
	fence(h)
#endif
}
/* a release store: what came before is there first */
inline leave(h) { atomic { S;
	if :: h == 1 -> if :: b_map -> map_epoch = v_map; b_map = 0 :: else fi;
		if :: b_bit -> mapped = 1; b_bit = 0 :: else fi
	:: else fi;
	b_epoch[h] = 0; epoch[h] = 0 } }
proctype Reader() {
	byte g, p, id = 0;
	enter(0);
	p = slot;
	assert(state[p] != 3);
	atomic { assert(state[p] != 3) }
	leave(0);
stopped: ndone++ }
inline pin(q) {
	enter(1);
	atomic { S; b_bit = !mapped }
	atomic { S; g = G }
	atomic { S; if :: !low || g < low -> low = g; b_map = 1; v_map = g :: else fi }
	q = g;
#ifndef BUG2
	fence(1);
#endif
	}
proctype Pinner() {
	byte g, p1, p2, e1, e2, low, id = 1;
	pin(e1);
	atomic { S; p1 = slot; assert(state[p1] != 3) }
	leave(1);
	atomic { S; assert(state[p1] != 3) }
#if PINS > 1
	pin(e2);
	atomic { S; p2 = slot; assert(state[p2] != 3) }
	leave(1);
	/* the older pin ends */
#ifdef BUG6
	atomic { S; map_epoch = 0; low = 0 }
#else
	atomic { S; map_epoch = e2; low = e2 }
#endif
	atomic { S; assert(state[p2] != 3) }
#endif
	atomic { S; map_epoch = 0 }
stopped: ndone++ }
/* truncates twice: page 0 is replaced by 1, 1 by 2 (both retired) */
proctype Writer() {
	byte n, m, e, id = 3;
	do
	:: n == 2 -> break
	:: else ->
		atomic { b_slot = 1; v_slot = n + 1 }
#ifndef BUG3
		atomic { if :: b_slot -> slot = v_slot; b_slot = 0 :: else fi }
#endif
		m = mapped;
		e = G;
		atomic { if :: b_slot -> slot = v_slot; b_slot = 0 :: else fi }
		atomic { state[n] = (m -> 2 : 1); re[n] = e; n++ }
	od;
	ndone++ }
/* advances G and uses pages again */
proctype Reuser() {
	byte g, p, c, id = 4;
	do
	:: ndone == ENDS -> break
	:: G < LAST -> atomic { g = G }
		c = epoch[0];
		if :: c == 0 || c == g ->
			c = epoch[1];
			if :: c == 0 || c == g -> atomic { if :: G == g -> G = g + 1 :: else fi } :: else fi
		:: else fi
	:: atomic { state[0] == 1 || state[0] == 2 -> p = 0 }; goto reuse
	:: atomic { state[1] == 1 || state[1] == 2 -> p = 1 }; goto reuse
	:: goto rest;
reuse:
		g = G;
#ifdef BUG7
		if :: g >= re[p] + 1 ->
#else
		if :: g >= re[p] + 2 ->
#endif
			c = map_epoch;
#ifdef BUG4
			c = 0;
#endif
#ifdef BUG5
			if :: state[p] == 1 || c == 0 || c >= re[p] -> state[p] = 3 :: else fi
#else
			if :: state[p] == 1 || c == 0 || c > re[p] -> state[p] = 3 :: else fi
#endif
		:: else fi;
rest:		p = 0; c = 0; g = 0
	od }
proctype Memory() {
	do
	:: atomic { b_epoch[0] -> epoch[0] = v_epoch[0]; b_epoch[0] = 0 }
	:: atomic { b_epoch[1] -> epoch[1] = v_epoch[1]; b_epoch[1] = 0 }
	:: atomic { b_map -> map_epoch = v_map; b_map = 0 }
	:: atomic { b_bit -> mapped = 1; b_bit = 0 }
	:: atomic { b_slot -> slot = v_slot; b_slot = 0 }
	:: ndone == ENDS -> break
	od }
init { atomic {
	if :: READERS -> run Reader() :: else fi;
	if :: PINS -> run Pinner() :: else fi;
	run Writer(); run Reuser(); run Memory() }
}
