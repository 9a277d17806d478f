/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From one epoch of the lock manager to the next: freeze, assert, barrier, resume.
 *
 * Proves (docs/dlm-protocol.md): I1 one holder of EX at most, of which I6 (messages
 * of another epoch have no effect) and I7 (nothing is granted before all have
 * asserted) are parts; and the new master never hears of two holders.
 *
 * Protocol: three members, one resource, mode EX. Epochs are committed at any
 * time, each adopts when it likes (also past one); the master is another one in each
 * epoch. Adopting empties what a master knows. When all have adopted, each says
 * to the master whether it holds, then asks or gives back again; when all have said
 * so, the master grants. What is given back counts as given back from the request on. All
 * messages are under way for any time; from one node they arrive in order.
 *
 * -DLAST=2: two epochs, else three.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  the master grants when it has itself asserted
 * -DBUG2  a grant is taken from an earlier epoch
 * -DBUG3  what is given back counts as held until the answer
 * -DBUG4  the master goes on with what it knew
 */
#define N 3
#ifndef LAST
#define LAST 3			/* epochs */
#endif
#define MASTER(e) ((e) % 2)
#define NOBODY 9
#define ALL 7
mtype = { NOTHING, LOCKING, UNLOCKING };
byte committed = 1;
byte ep[N] = 1;
bit asserted[N] = 1, hold[N];
mtype op[N] = NOTHING;
/* Under way, with their epoch; 0: none. */
byte m_assert[N], m_lock[N], m_unlock[N], m_grant[N], m_done[N];
bit m_hold[N];			/* what the assertion says */
/* Of masters: */
byte owner[2] = NOBODY, waits[2], said[2] = ALL;
bit resumed[2] = 1;

#define ALL_AT(e) (ep[0] == e && ep[1] == e && ep[2] == e)
inline ask(n) {
	if :: op[n] == LOCKING -> m_lock[n] = ep[n]; m_unlock[n] = 0
	:: op[n] == UNLOCKING -> m_unlock[n] = ep[n]; m_lock[n] = 0
	:: else fi }
inline serve(m, k) {
	if
	:: resumed[m] && owner[m] == NOBODY && waits[m] ->
		if :: waits[m] & 1 -> k = 0 :: waits[m] & 2 -> k = 1
		:: waits[m] & 4 -> k = 2 fi;
		waits[m] = waits[m] & ~(1 << k);
		owner[m] = k; m_grant[k] = ep[m]; k = 0
	:: else
	fi }
inline adopt(n) {
	ep[n] = committed; asserted[n] = 0;
	if
	:: n < 2 -> said[n] = 0; resumed[n] = 0; waits[n] = 0;
#ifndef BUG4
		owner[n] = NOBODY
#endif
	:: else
	fi }
inline go(n) {
	asserted[n] = 1; m_assert[n] = ep[n];
#ifdef BUG3
	m_hold[n] = hold[n] || op[n] == UNLOCKING;
#else
	m_hold[n] = hold[n];
#endif
	ask(n) }
inline hear(n, m) {
	if
	:: ep[m] == m_assert[n] ->
		if :: m_hold[n] -> assert(owner[m] == NOBODY || owner[m] == n);
			owner[m] = n
		:: else fi;
		said[m] = said[m] | (1 << n)
	:: else
	fi; m_assert[n] = 0; m_hold[n] = 0 }

proctype node(byte n) { byte m, k;
	do
	:: atomic { ep[n] < committed -> adopt(n) }
	:: atomic { !asserted[n] && ALL_AT(ep[n]) -> go(n) }
	/* its client */
	:: atomic { op[n] == NOTHING && !hold[n] -> op[n] = LOCKING;
		if :: asserted[n] -> ask(n) :: else fi }
	:: atomic { op[n] == NOTHING && hold[n] -> op[n] = UNLOCKING; hold[n] = 0;
		if :: asserted[n] -> ask(n) :: else fi }
	/* what it hears */
	:: atomic { m_grant[n] ->
#ifdef BUG2
		if :: op[n] == LOCKING -> hold[n] = 1; op[n] = NOTHING :: else fi;
#else
		if :: op[n] == LOCKING && m_grant[n] == ep[n] ->
			hold[n] = 1; op[n] = NOTHING
		:: else fi;
#endif
		m_grant[n] = 0;
		assert(hold[0] + hold[1] + hold[2] <= 1) }
	:: atomic { m_done[n] ->
		if :: op[n] == UNLOCKING && m_done[n] == ep[n] -> op[n] = NOTHING
		:: else fi; m_done[n] = 0 }
	/* what the masters hear of it */
	:: atomic { m_assert[n] -> m = MASTER(m_assert[n]); hear(n, m); m = 0 }
	:: atomic { m_lock[n] && !m_assert[n] -> m = MASTER(m_lock[n]);
		if :: ep[m] == m_lock[n] -> waits[m] = waits[m] | (1 << n); serve(m, k)
		:: else fi; m_lock[n] = 0; m = 0 }
	:: atomic { m_unlock[n] && !m_assert[n] -> m = MASTER(m_unlock[n]);
		if
		:: ep[m] == m_unlock[n] -> m_done[n] = ep[m];
			if :: owner[m] == n -> owner[m] = NOBODY :: else fi;
			waits[m] = waits[m] & ~(1 << n); serve(m, k)
		:: else
		fi; m_unlock[n] = 0; m = 0 }
	/* as master */
#ifdef BUG1
	:: atomic { n < 2 && MASTER(ep[n]) == n && !resumed[n] && asserted[n] &&
		(said[n] & (1 << n)) ->
#else
	:: atomic { n < 2 && MASTER(ep[n]) == n && !resumed[n] && said[n] == ALL ->
#endif
		resumed[n] = 1; serve(n, k) }
	od }

init { atomic { run node(0); run node(1); run node(2) };
	do :: atomic { committed < LAST -> committed++ } :: else -> break od }
