/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two nodes and a disk that has the third vote.
 *
 * Proves (docs/dlm-protocol.md, 6): one node at most goes on alone, and not while
 * the other one has a lease from the disk.
 *
 * Protocol: to renew, write the own count, then read the other's claim: if there is
 * none, the lease is from before the write. To claim: read the other's count, wait until a
 * lease from that count would be over, read it again, write the claim, read the count and
 * the other's claim: if nothing has moved, the other is out. Every access to the disk
 * is a step; a node may sleep between any two.
 *
 * Each of these leaves one measure out and must fail:
 * -DBUG1  a renewal reads the claim before it writes the count
 * -DBUG2  the count is not read again after the claim is written
 * -DBUG3  the wait is left out
 * -DBUG4  the other's claim is not looked at before going on alone
 * -DBUG5  nor when renewing
 */
#define MOST 3			/* renewals of each */
byte count[2];			/* on the disk */
bit claim[2];
byte lease[2];			/* the count that it is from; 0: none */
byte over[2];			/* leases from that count or before are over */
bit alone[2];

inline go_on_alone(n) {
	alone[n] = 1;
	assert(!alone[1 - n] && !lease[1 - n]) }

proctype node(byte n) { byte seen, mine; bit c;
	do
	:: count[n] < MOST && !alone[n] ->	/* renew */
#ifdef BUG1
		c = claim[1 - n]; mine = count[n]; count[n] = mine + 1;
#else
		mine = count[n]; count[n] = mine + 1; c = claim[1 - n];
#endif
#ifdef BUG5
		c = 0;
#endif
		atomic { if :: c -> lease[n] = 0; break
			:: !c && count[n] > over[n] -> lease[n] = count[n];
				assert(!alone[1 - n])
			:: else fi; c = 0; mine = 0 }
	:: !claim[n] ->				/* the other one is not heard */
		seen = count[1 - n];
#ifndef BUG3
		/* Time passes, for all: leases from that count or before end. */
		atomic { if :: seen > over[1 - n] -> over[1 - n] = seen :: else fi;
			if :: lease[1 - n] <= seen -> lease[1 - n] = 0 :: else fi };
		if :: count[1 - n] != seen -> goto moved :: else fi;
#endif
		atomic { lease[n] = 0; claim[n] = 1 };
#ifndef BUG2
		if :: count[1 - n] != seen -> goto moved :: else fi;
#endif
#ifndef BUG4
		if :: claim[1 - n] -> goto moved :: else fi;
#endif
		atomic { go_on_alone(n) };
moved:		seen = 0;
		if :: alone[n] || claim[n] -> break :: else fi
	:: atomic { lease[n] -> lease[n] = 0 }	/* it runs out */
	od }

init { atomic { run node(0); run node(1) } }
