/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hints of the pool: "this chunk looked full" and "nothing was found".
 *
 * Proves: [HNT] when all is quiet no chunk with a free page is said to be full,
 * and "nothing was found" does not stand while there is something to find. So no
 * allocation fails too early for good.
 *
 * Protocol: Free: the page becomes free (the store waits in a buffer), full
 * fence, load the hint: FULL: CAS to 0; load starving: a search goes on or
 * found nothing: CAS to the next number, nothing set; if that fails once
 * more, from what it found. Mark: all pages looked at
 * and none free: CAS of the hint to FULL, full fence, the pages again: one is
 * free: CAS to 0. Search: starving: CAS to the next number, LOOK; full fence;
 * look at all; nothing: CAS from that very value to NONE. Without a fence
 * the loads behind a CAS come before it.
 *
 * spin -a hints.pml; -DTWO: two search at once
 * Each of these leaves one measure out and must fail:
 * -DBUG1  free: no fence behind the page
 * -DBUG2  mark: no second look
 * -DBUG3  mark: no fence before the second look
 * -DBUG4  search: no fence before the look
 * -DBUG5  "nothing found" by a store, not by a CAS
 * -DBUG6  free leaves a search that goes on alone
 * -DBUG7  searches are not numbered
 * -DBUG8  free does not try again when a search has just found nothing
 */
#define NP 2
bit page[NP];			/* 1: free */
bit hint;			/* FULL */
byte starving;			/* number * 4 + 1 LOOK, 2 NONE */
bit p_page[NP];			/* buffered */
byte ndone;
#ifdef BUG8
#define TRIES 1
#else
#define TRIES 2
#endif
#ifdef TWO
#define ENDS 5
#define SEARCHES 1
#else
#define ENDS 4
#define SEARCHES 2
#endif
#ifdef BUG7
#define NEXT(v) 0
#else
#define NEXT(v) (((v) | 3) + 1)
#endif
inline drain_page(p) { if :: p_page[p] -> page[p] = 1; p_page[p] = 0 :: else fi }
proctype Free(byte p) {
	byte v, w, n; bit h;
	atomic { p_page[p] = 1 }
#ifndef BUG1
	atomic { drain_page(p) }
#endif
	h = hint;
	if :: h -> atomic { drain_page(p); hint = 0 } :: else fi;
	v = starving;
	do
#ifdef BUG6
	:: n < TRIES && (v & 3) == 2 ->
#else
	:: n < TRIES && (v & 3) ->
#endif
		atomic { drain_page(p); w = starving; n++;
			if :: w == v -> starving = NEXT(v); n = TRIES :: else -> v = w fi }
	:: else -> break
	od;
	atomic { drain_page(p); ndone++ } }
inline look() { a = page[0]; b = page[1] }
proctype Mark() {
	bit a, b;
	look();
	if :: !a && !b ->
#ifdef BUG3
		look(); hint = 1;
#else
		hint = 1;
#ifndef BUG2
		look();
#endif
#endif
		if :: a || b -> hint = 0 :: else fi
	:: else fi;
	ndone++ }
inline announce() { atomic { if :: starving == v -> starving = mine :: else fi } }
proctype Search() {
	byte v, mine, n; bit a, b;
	do
	:: n >= SEARCHES -> break
	:: n < SEARCHES ->
		v = starving;
		if :: (v & 3) == 2 -> n = 2
		:: else ->
			mine = NEXT(v) | 1;
#ifdef BUG4
			look(); announce();
#else
			announce(); look();
#endif
			if :: !a && !b ->
#ifdef BUG5
				starving = mine + 1
#else
				atomic { if :: starving == mine -> starving = mine + 1 :: else fi }
#endif
			:: else fi;
			n++
		fi
	od;
	ndone++ }
proctype Memory() {
	do
	:: atomic { p_page[0] -> drain_page(0) }
	:: atomic { p_page[1] -> drain_page(1) }
	:: ndone == ENDS -> break
	od }
init { atomic { run Free(0); run Free(1); run Mark(); run Search();
#ifdef TWO
	run Search();
#endif
	run Memory() }
	ndone == ENDS;
	assert(!(hint && (page[0] || page[1])));
	assert(!((starving & 3) == 2 && (page[0] || page[1]))) }
