/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A slab page: made, taken from, turned back while others take, used anew.
 *
 * Proves: [SLB] an object is taken only while its page is a slab page, by one
 * at a time, and never by what its memory held in an earlier life; a page is
 * turned back only when nobody has an object in it; nothing stays reserved.
 *
 * Protocol: New: page FREE -> RESERVED, objects zeroed, -> SLAB. Take, in a
 * section: page is SLAB, object FREE -> OWNED. Turn back, in a section: each
 * object FREE or RETIRED -> RESERVED; one is OWNED: those that were reserved ->
 * FREE again; all: page -> RETIRED. It becomes FREE when all sections that ran
 * then are over. Then it may be a page of data, whose bytes look like anything.
 * One host makes slab pages and takes, one takes, one turns back, one uses the page for
 * data in between. When objects may be reused is not modelled here: epoch.pml.
 *
 * spin -a slab.pml; -DTURNS=2 -DUSES=3: that often; -DCRASH: who turns back, or makes, stops for ever anywhere, and is
 * recovered: what it had reserved -> FREE.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  objects are not zeroed
 * -DBUG2  they are zeroed when the page is a slab page already
 * -DBUG3  objects are looked at, not reserved
 * -DBUG4  a page is used again while sections run that know it
 * -DBUG5  objects stay reserved if one of them is in use
 * -DBUG6  (CRASH) recovery leaves objects reserved
 */
#define NO 2
#ifndef TURNS
#define TURNS 1
#endif
#ifndef USES
#define USES 1
#endif
#define FREE 0
#define OWNED 1
#define RETIRED 2
#define RESERVED 3
#define SLAB 4
#define DATA 5
byte page = FREE;
byte obj[NO];			/* the words; while DATA any bytes */
byte had[NO];			/* ghost: owners */
bit mine[NO];			/* taken by the host that may stop */
byte insec, waits;		/* masks of hosts; waits: since the retirement */
byte ncrash, dead = 9, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && (id == 0 || id == 2) -> ncrash++; dead = id; goto stopped fi
#else
#define S skip
#endif
#define ME (1 << id)
inline enter() { atomic { insec = insec | ME } }
inline leave() { atomic { insec = insec & ~ME; waits = waits & ~ME } }
inline take() {
	enter();
	atomic { S; ok = (page == SLAB); i = 0 }
	if :: ok ->
		do
		:: i == NO -> break
		:: i < NO -> atomic { S; ok = (obj[i] == FREE) }
			if :: ok -> atomic { S; ok = (obj[i] == FREE);
					if :: ok -> obj[i] = OWNED; assert(page == SLAB);
						had[i]++; assert(had[i] == 1);
						mine[i] = (id == 0) :: else fi }
			:: else fi;
			if :: ok -> break :: else -> i++ fi
		od
	:: else fi;
	leave();
	if :: ok ->
		atomic { S; assert(page == SLAB && obj[i] == OWNED) }
		atomic { S; obj[i] = RETIRED; had[i]-- }
	:: else fi }
proctype Maker() {
	byte id = 0, n, i; bit ok;
	do
	:: n == 2 -> break
	:: n < 2 ->
		atomic { S; ok = (page == FREE); if :: ok -> page = RESERVED :: else fi }
		if :: ok ->
#ifdef BUG2
			atomic { S; page = SLAB }
#endif
#ifndef BUG1
			atomic { S; obj[0] = FREE }
			atomic { S; obj[1] = FREE }
#endif
#ifndef BUG2
			atomic { S; page = SLAB }
#endif
		:: else fi;
		take();
		n++
	od;
stopped: ndone++ }
proctype Taker() {
	byte id = 1, i; bit ok;
	take(); take();
stopped: ndone++ }
proctype Turner() {
	byte id = 2, i, n, v; bit ok;
	do
	:: n == TURNS -> break
	:: n < TURNS ->
		enter();
		atomic { S; ok = (page == SLAB); i = 0 }
		do
		:: !ok || i == NO -> break
		:: ok && i < NO ->
			atomic { S; v = obj[i]; ok = (v == FREE || v == RETIRED) }
#ifndef BUG3
			if :: ok -> atomic { S; ok = (obj[i] == v); if :: ok -> obj[i] = RESERVED :: else fi }
			:: else fi;
#endif
			if :: ok -> i++ :: else fi
		od;
		if
		:: ok -> atomic { S; page = RETIRED; waits = insec & ~ME }
		:: else ->
#if !defined(BUG5) && !defined(BUG3)
			do
			:: i == 0 -> break
			:: i > 0 -> i--; atomic { S; if :: obj[i] == RESERVED -> obj[i] = FREE :: else fi }
			od
#endif
		fi;
		leave();
		n++
	od;
stopped: ndone++ }
proctype User() {
	byte n; bit ok;
	do
	:: n == USES -> break
	:: n < USES ->
		atomic { ok = (page == RETIRED);
#ifndef BUG4
			ok = ok && !waits;
#endif
			if :: ok -> page = FREE :: else fi }
		atomic { ok = (page == FREE); if :: ok -> page = DATA :: else fi }
		if :: ok ->
			atomic { obj[0] = FREE }
			atomic { obj[1] = OWNED }
			atomic { page = FREE }
		:: else fi;
		n++
	od;
	ndone++ }
proctype Recovery() {
	if
	:: atomic { dead < 9 ->
		if :: page == RESERVED && dead == 0 -> page = FREE :: else fi }
		if :: dead == 2 && page == SLAB ->
#ifndef BUG6
			atomic { if :: obj[0] == RESERVED -> obj[0] = FREE :: else fi }
			atomic { if :: obj[1] == RESERVED -> obj[1] = FREE :: else fi }
#else
			skip
#endif
		:: else fi;
		/* what it owned is not referred to; its section ends last */
		atomic { if :: dead == 0 && page == SLAB && obj[0] == OWNED && mine[0] -> obj[0] = RETIRED; had[0] = 0 :: else fi;
			if :: dead == 0 && page == SLAB && obj[1] == OWNED && mine[1] -> obj[1] = RETIRED; had[1] = 0 :: else fi }
		atomic { insec = insec & ~(1 << dead); waits = waits & ~(1 << dead) }
	:: ndone == 4 && dead == 9
	fi;
	ndone == 4;
	atomic {
		assert(page != SLAB || obj[0] != RESERVED);
		assert(page != SLAB || obj[1] != RESERVED);
		assert(page != SLAB || obj[0] != OWNED || had[0]);
		assert(page != SLAB || obj[1] != OWNED || had[1]) } }
init { atomic { obj[1] = OWNED; run Maker(); run Taker(); run Turner(); run User(); run Recovery() } }
