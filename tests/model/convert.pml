/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One resource of the lock manager: modes, conversions, three queues.
 *
 * Proves (docs/dlm-protocol.md): I1 granted modes are compatible, where a
 * converter counts with what it holds; I2 the first in line cannot be granted;
 * I4 no converter waits for one behind it, so that no circle of converters
 * exists; for all sequences of requests of three clients, cancels included.
 *
 * Protocol: as in mxfsd/dlm/res.c, at one master: lock, convert, unlock, cancel, and
 * service of the queues after each.
 *
 * Each of these leaves one measure out and must fail:
 * -DBUG1  a conversion is queued without a look at who would wait for whom
 * -DBUG2  only two that exclude each other mutually are seen as a deadlock
 * -DBUG3  a conversion to a lower number is granted without a look
 * -DBUG4  a converter does not count with what it holds
 * -DBUG5  only new requests are served
 */
#define N 3
#define NL 0
#define CR 1
#define CW 2
#define PR 3
#define PW 4
#define EX 5
#define NONE 7
#define FIT(a, b) (a == NONE || b == NONE || a == NL || b == NL || \
	(a == CR && b != EX) || (b == CR && a != EX) || \
	(a == CW && b == CW) || (a == PR && b == PR))
/* Everybody who fits a fits b. */
#define RELEASE(a, b) (a == b || a == EX || b == NL || (a == PW && b != EX) || \
	(b == CR && (a == CW || a == PR)))

byte g[N] = NONE;		/* held */
byte r[N] = NONE;		/* wanted */
byte cq[N], cn, wq[N], wn;	/* who converts, who waits, in order */
byte i, j, k;
bit ok, some;

inline in_cq(c) { some = 0; j = 0;
	do :: j < cn -> some = some || cq[j] == c; j++ :: else -> break od; j = 0 }
inline fits(c, m) { ok = 1; i = 0;
	do
	:: i < N ->
#ifdef BUG4
		in_cq(i); if :: i != c && !some && !FIT(g[i], m) -> ok = 0 :: else fi;
#else
		if :: i != c && !FIT(g[i], m) -> ok = 0 :: else fi;
#endif
		i++
	:: else -> break
	od; i = 0; some = 0 }
/* c leaves a queue of n, if it is in it. */
#define OUT(q, n, c) i = 0; \
	do :: i < n && q[i] != c -> i++ :: else -> break od; \
	if :: i < n -> n--; \
		do :: i < n -> q[i] = q[i + 1]; i++ :: else -> break od; q[n] = 0 \
	:: else fi; i = 0
inline grant(c) { g[c] = r[c]; r[c] = NONE }
inline serve() {
	do
#ifndef BUG5
	:: cn > 0 -> fits(cq[0], r[cq[0]]);
		if :: ok -> grant(cq[0]); k = cq[0]; OUT(cq, cn, k) :: else -> break fi
#endif
	:: cn == 0 && wn > 0 -> fits(wq[0], r[wq[0]]);
		if :: ok -> grant(wq[0]); k = wq[0]; OUT(wq, wn, k) :: else -> break fi
	:: else -> break
	od; k = 0 }
/* Would c wait behind somebody who waits for it? */
inline circle(c, m) { some = 0; j = 0;
#ifndef BUG1
	do
	:: j < cn ->
#ifdef BUG2
		some = some || (!FIT(g[c], r[cq[j]]) && !FIT(g[cq[j]], m));
#else
		some = some || !FIT(g[c], r[cq[j]]);
#endif
		j++
	:: else -> break
	od;
#endif
	j = 0 }
inline lock(c, m) { r[c] = m; fits(c, m);
	if :: ok && cn == 0 && wn == 0 -> grant(c)
	:: else -> wq[wn] = c; wn++ fi }
inline convert(c, m) { fits(c, m);
#ifdef BUG3
	if :: m <= g[c] -> ok = 1 :: else fi;
#else
	assert(!RELEASE(g[c], m) || ok);
#endif
	if
	:: ok -> g[c] = m
	:: else -> circle(c, m);
		if :: some -> skip		/* denied: it keeps what it has */
		:: else -> r[c] = m; cq[cn] = c; cn++ fi
	fi; some = 0 }
inline cancel(c) { OUT(cq, cn, c); OUT(wq, wn, c); r[c] = NONE }
inline check() { i = 0;
	do
	:: i < N -> j = 0;
		do :: j < i -> assert(FIT(g[i], g[j])); j++ :: else -> break od; i++
	:: else -> break
	od; i = 0;
	do
	:: i < cn -> j = 0;
		do :: j < i -> assert(FIT(g[cq[i]], r[cq[j]])); j++
		:: else -> break od; i++
	:: else -> break
	od; i = 0; j = 0;
	if :: cn > 0 -> fits(cq[0], r[cq[0]]); assert(!ok)
	:: cn == 0 && wn > 0 -> fits(wq[0], r[wq[0]]); assert(!ok)
	:: else fi; ok = 0 }

active proctype clients() { byte c, m;
	do
	:: atomic {
		if :: c = 0 :: c = 1 :: c = 2 fi;
		if
		:: r[c] != NONE -> cancel(c)
		:: r[c] == NONE && g[c] != NONE -> g[c] = NONE
		:: r[c] == NONE ->
			if :: m = NL :: m = CR :: m = CW :: m = PR :: m = PW :: m = EX fi;
			if :: g[c] == NONE -> lock(c, m) :: else -> convert(c, m) fi
		fi;
		serve(); check(); c = 0; m = 0 }
	od }
