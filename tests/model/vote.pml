/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Votes and leases: one view per epoch, and nobody left out before its time.
 *
 * Proves (docs/dlm-protocol.md): I6 no epoch is decided for two views; and when a
 * view without node 2 is decided, the lease of node 2 is over. Three voters; the
 * proposers are 0 and 1, and both want a view of 0 and 1 in the same epoch.
 *
 * Protocol: a voter promises to 2, and forgets that when it restarts. It votes when
 * the promise is over (time passes as a step that ends promise and lease together, the
 * lease no later), and after a restart when any promise that it may have forgotten is.
 * A vote is durable before it is told; who has voted in an epoch votes for no other
 * view in it. 2 has its lease while it and one more have promised.
 *
 * Each of these leaves one measure out and must fail:
 * -DBUG1  the vote is not durable
 * -DBUG2  a voter that has restarted does not wait
 * -DBUG3  a voter does not wait for its own promise
 * -DBUG4  one vote is enough
 * -DBUG5  who has voted promises again
 */
#define V 2			/* voters beside 2, who never votes for this */
bit promised[V];		/* as the voter remembers */
bit lent[V];			/* ghost: 2 counts on it */
bit waiting[V];			/* restarted: not yet time to vote */
byte told[V];			/* whom it has told "yes": 1 + proposer */
byte disk[V];			/* durable */
byte memory[V];
byte yes[2];			/* votes that a proposer has */
bit decided[2];
byte restarts;

#ifdef BUG4
#define ENOUGH 1
#else
#define ENOUGH 2
#endif
inline decide(p) {
	if
	:: yes[p] == 3 || (ENOUGH == 1 && yes[p]) -> decided[p] = 1;
		assert(!decided[1 - p]);
		assert(!lent[0] && !lent[1])
	:: else
	fi }

active [V] proctype voter() { byte v = _pid; byte p;
	do
#ifdef BUG5
	:: atomic { !promised[v] -> promised[v] = 1; lent[v] = 1 }
#else
	:: atomic { memory[v] == 0 -> promised[v] = 1; lent[v] = 1 }
#endif
	:: atomic { promised[v] || waiting[v] ->	/* takeover_ns pass */
		promised[v] = 0; waiting[v] = 0; lent[v] = 0 }
	:: atomic { lent[v] -> lent[v] = 0 }		/* the lease is shorter */
	:: atomic {
#ifndef BUG3
		!promised[v] &&
#endif
#ifndef BUG2
		!waiting[v] &&
#endif
		memory[v] == 0 ->
		if :: p = 0 :: p = 1 fi; memory[v] = p + 1; p = 0 }
	:: atomic { memory[v] && disk[v] != memory[v] -> disk[v] = memory[v] }
#ifdef BUG1
	:: atomic { memory[v] && !told[v] -> told[v] = memory[v] }
#else
	:: atomic { memory[v] && disk[v] == memory[v] && !told[v] -> told[v] = memory[v] }
#endif
	:: atomic { told[v] -> p = told[v] - 1; yes[p] = yes[p] | (1 << v); told[v] = 0;
		decide(p); p = 0 }
	:: atomic { restarts < 2 -> restarts++;
		memory[v] = disk[v]; promised[v] = 0; waiting[v] = 1 }
	od }
