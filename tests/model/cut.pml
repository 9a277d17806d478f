/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Truncation: shrink, grow and a write in place, on one page of two halves.
 *
 * Proves: [CUT] old content (1) is never below the end of the file after a
 * shrink; a write that was acknowledged is there, unless it came before the
 * shrink; no page is lost.
 *
 * Protocol: shrink takes cut to the next version with PURGE, then anyone purges:
 * the last page is replaced by a copy with zeros behind the end, by a record on
 * slot and cut. Nothing grows while PURGE is set. A writer in place reads cut
 * and slot, copies, full fence, and looks at cut again. Process 0 shrinks from
 * 2 to 1, 1 grows from 1 to 2, 2 writes 3 into both halves (needs size 2). The
 * record of two words is one atomic step here; names.pml is about records.
 *
 * spin -a -DCRASH cut.pml
 * -DCRASH: one process stops for ever at an arbitrary access.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  the writer does not look at cut again
 * -DBUG2  purge zeroes in place
 * -DBUG3  the writer does not help a pending purge first
 * -DBUG4  the page is replaced by a CAS of its own
 */
byte size = 2, cut, slot, npg = 1;	/* cut = version*2 + PURGE */
byte lo[8], hi[8]; bit gone[8];
bit shrunk, wdone, wafter; byte ncrash, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 -> ncrash++; goto stopped fi
#else
#define S skip
#endif
inline purge() {		/* c: the cut word seen, with PURGE */
	atomic { S; g = slot }
	atomic { S; if :: cut == c -> ok = 1 :: else -> ok = 0 fi }
	if :: ok ->
#ifdef BUG2
		atomic { S; hi[g] = 0 }
#else
		atomic { npg < 8; n = npg; npg++ }	/* private copy, tail zero */
		atomic { S; lo[n] = lo[g]; hi[n] = 0 }
#ifdef BUG4
		atomic { S; if :: slot == g -> slot = n; gone[g] = 1 :: else fi }
#else				/* record of two words: slot and cut */
		atomic { S; if :: slot == g && cut == c -> slot = n; gone[g] = 1; cut = c-1 :: else fi }
#endif
#endif
#if defined(BUG2) || defined(BUG4)
		atomic { S; if :: cut == c -> cut = c-1 :: else fi }
#endif
	   :: else fi }
proctype P(byte id) {
	byte c, g, n, s; bit ok;
	if
	:: id == 0 ->
		atomic { S; cut = ((cut>>1)+1)*2+1; size = 1; shrunk = 1; c = cut }
		purge()
	:: id == 1 -> do
		:: atomic { S; c = cut; s = size }
		   if :: s == 2 -> break
		   :: s == 1 && (c & 1) -> purge()
		   :: else -> atomic { S; if :: cut == c && size == 1 -> size = 2; assert(hi[slot] != 1); break :: else fi } fi
		od
	:: id == 2 -> do
		:: atomic { S; c = cut }
#ifndef BUG3
		   if :: c & 1 -> purge(); goto next :: else fi;
#endif
		   atomic { S; g = slot }
		   atomic { S; lo[g] = 3 }
		   atomic { S; hi[g] = 3 }
#ifdef BUG1
		   atomic { wdone = 1; wafter = shrunk; break }
#else
		   atomic { S; if :: cut != c -> goto next
			:: cut == c && size == 2 -> wdone = 1; wafter = shrunk; break	/* last look */
			:: else -> size = 2; wdone = 1; wafter = shrunk; break fi }	/* record */
#endif
next:		   skip od
	fi;
stopped: ndone++ }
init { byte c, g, n; bit ok; byte id = 9;
	atomic { lo[0] = 1; hi[0] = 1; run P(0); run P(1); run P(2) }
	ndone == 3;
	atomic { assert(!gone[slot]);
	if :: wdone -> assert(lo[slot] == 3) :: else fi;
	if :: size == 2 && shrunk -> assert(hi[slot] != 1);
		if :: wdone && wafter -> assert(hi[slot] == 3) :: else fi;
		if :: wdone && !wafter -> assert(hi[slot] == 0) :: else fi
	:: else fi } }
