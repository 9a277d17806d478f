/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One owner of a volume: why a lease alone is not enough, and a fence is.
 *
 * Proves: no write of an owner lands after one of a later owner, though a write
 * may be under way for any time and a node may sleep at any place.
 *
 * Protocol: ownership passes by epochs. The new owner takes the key of all
 * others off the device before its first write; the device refuses a write
 * whose key it does not have.
 *
 * -DBUG1  the new owner relies on the lease of the former one being over
 * -DBUG2  it fences after its first write
 */
#define N 2
#define LAST 4			/* epochs */
byte epoch;			/* of the last grant of ownership */
byte mine[N];			/* epoch that the node owns, as it believes */
byte key[N];			/* epoch that the device takes writes of */
byte sent[N];			/* a write under way */
byte landed;			/* the highest epoch of a write that has */
bit fenced[N];

active [N] proctype node() { byte n = _pid;
	do
	:: atomic { !mine[n] && !sent[n] && epoch < LAST ->
		epoch++; mine[n] = epoch; key[n] = epoch; fenced[n] = 0 }
	:: atomic { mine[n] && !fenced[n] -> key[1 - n] = 0; fenced[n] = 1 }
#if defined(BUG1) || defined(BUG2)
	:: atomic { mine[n] && !sent[n] -> sent[n] = mine[n] }
#else
	:: atomic { mine[n] && fenced[n] && !sent[n] -> sent[n] = mine[n] }
#endif
	:: atomic { sent[n] ->
#ifndef BUG1
		if :: key[n] != sent[n] -> skip		/* refused */
		:: else ->
#endif
			assert(sent[n] >= landed); landed = sent[n]
#ifndef BUG1
		fi
#endif
		; sent[n] = 0 }
	:: atomic { mine[n] && mine[n] < epoch -> mine[n] = 0 }	/* it wakes up */
	:: atomic { epoch == LAST && !mine[n] && !sent[n] -> break }
	od }
