/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page cache: claiming, filling, reading, pinning and evicting two slots.
 *
 * Proves: [CLM] a page is read from its file once, however many miss it, and is
 * PENDING or VALID in one slot alone. [PCH] a copy that passes the second look is of
 * the page that was asked for. [PIN] while a pin holds, the slot keeps its page. A
 * filler may stop at any step; others get on, and recovery leaves nothing.
 *
 * Protocol: Find: word VALID with the page. Copy: seq, word, bytes, word and seq
 * again. Claim: CAS FREE -> CLAIM; full fence; pins of the slot: none; the other
 * slot: not VALID or PENDING of the page; CLAIM of it there: the lower place stays,
 * the higher is kicked out; CAS CLAIM -> PENDING; seq + 1; full fence; bytes; CAS ->
 * VALID. Evict: CAS VALID -> FREE. Pin: bit; full fence; word still VALID with the
 * page, else bit off. A store to a bit or a CAS is seen at once; without a fence the
 * loads behind it come before it.
 *
 * spin -a cache.pml: two that miss one page, and no eviction
 * -DEVICT: one that reads or (-DPIN) pins page 1, one that fills page 2, one that
 *  fills page 1 again, and one that evicts twice
 * -DCRASH: a filler stops anywhere; it is recovered, another goes on
 * Each of these leaves one measure out and must fail:
 * -DBUG1  claim: no look at the other slot
 * -DBUG2  claim: no fence before the look at the set (the look comes first)
 * -DBUG3  copy: seq is not compared (-DEVICT)
 * -DBUG4  claim: no look at the pins (-DEVICT -DPIN)
 * -DBUG5  pin: no look behind the bit (-DEVICT -DPIN)
 * -DBUG6  pin: no fence behind the bit (-DEVICT -DPIN)
 * -DBUG7  recovery leaves the fill (-DCRASH)
 * -DBUG9  copy: seq is loaded behind the word (-DEVICT)
 * -DBUG8  a fill is taken from who only stands still (-DEVICT)
 */
#define FREE 0
#define CLAIM 1
#define PENDING 2
#define VALID 3
#define WORD(state, who, page) ((state) + ((who) << 2) + ((page) << 5))
#define STATE(w) ((w) & 3)
#define WHO(w) (((w) >> 2) & 7)
#define PAGE(w) ((w) >> 5)
#ifndef TRIES
#define TRIES 3
#endif
#ifdef EVICT
#define SLOTS 1
#else
#define SLOTS 2
#endif

byte word[SLOTS];
byte seq[SLOTS];
byte bytes[SLOTS];		/* page whose bytes lie there */
bit pin[SLOTS];			/* one host pins */
byte reads[3];			/* of each page, from the file */
bit dead;			/* filler 1 has halted and was declared dead */
byte ndone;

#define is_dead(w) (dead && WHO(w) == 1)
#ifdef CRASH
#define step if :: me == 1 && !halted -> halted = 1; goto stop :: skip fi
#else
#define step skip
#endif
#define ok_other(w) (STATE(w) == FREE || PAGE(w) != page || \
		     (STATE(w) == PENDING && is_dead(w)))

/* What the other slot says: 0 the claim stays, 1 it has to go. */
inline look_other() {
	gone = 0;
	if
	:: SLOTS == 1 -> skip
	:: SLOTS == 2 ->
		w = word[SLOTS - 1 - s];
		if
		:: ok_other(w) -> skip
		:: !ok_other(w) && STATE(w) == CLAIM && SLOTS - 1 - s > s ->
			atomic { if :: word[SLOTS - 1 - s] == w -> word[SLOTS - 1 - s] = 0
				:: else -> gone = 1 fi }
		:: !ok_other(w) && STATE(w) == CLAIM && SLOTS - 1 - s < s ->
			gone = 1;
			if :: tries > 1 -> atomic { if :: word[SLOTS - 1 - s] == w ->
				word[SLOTS - 1 - s] = 0 :: else fi } :: else fi
		:: !ok_other(w) && STATE(w) != CLAIM -> gone = 1
		fi
	fi }

bit halted;			/* it made its last step */
/* Miss the page until it is there, or TRIES times in vain. */
proctype Fill(byte me; byte page) {
	byte w, s, tries; bit gone;
again:
	tries++;
	if :: tries > TRIES -> goto out :: else fi;
	/* VALID or PENDING somewhere: nothing to do, or wait: not modelled */
	w = word[0];
	if :: STATE(w) >= PENDING && PAGE(w) == page && !(STATE(w) == PENDING && is_dead(w)) ->
		goto out :: else fi;
	w = word[SLOTS - 1];
	if :: STATE(w) >= PENDING && PAGE(w) == page && !(STATE(w) == PENDING && is_dead(w)) ->
		goto out :: else fi;
	s = 0;
	if :: word[0] == 0 -> s = 0 :: SLOTS == 2 && word[SLOTS - 1] == 0 -> s = SLOTS - 1
#ifdef BUG8
	:: STATE(word[0]) == PENDING && PAGE(word[0]) != page -> atomic { word[0] = 0; s = 0 }
#endif
	:: else -> goto again fi;
#ifdef BUG2
	look_other();
	atomic { if :: word[s] == 0 -> word[s] = WORD(CLAIM, me, page) :: else -> goto again fi };
#else
	atomic { if :: word[s] == 0 -> word[s] = WORD(CLAIM, me, page) :: else -> goto again fi };
#endif
	step;
#ifndef BUG4
	if :: pin[s] -> atomic { if :: word[s] == WORD(CLAIM, me, page) -> word[s] = 0
		:: else fi }; goto again :: else fi;
#endif
#ifdef BUG1
	gone = 0;
#else
#ifndef BUG2
	look_other();
#endif
#endif
	step;
	if :: gone -> atomic { if :: word[s] == WORD(CLAIM, me, page) -> word[s] = 0
		:: else fi }; goto again :: else fi;
	atomic { if :: word[s] == WORD(CLAIM, me, page) -> word[s] = WORD(PENDING, me, page)
		:: else -> goto again fi };
	step;
	seq[s] = seq[s] + 1;
	step;
	reads[page]++;
	bytes[s] = 0;			/* some of them */
	step;
	bytes[s] = page;
	step;
	atomic { if :: word[s] == WORD(PENDING, me, page) -> word[s] = WORD(VALID, 0, page)
		:: else fi };
	goto out;
stop:	/* for ever; whoever knows it declares it dead and recovers it */
	dead = 1;
	s = 0;
	do
	:: s < SLOTS ->
#ifdef BUG7
		skip;
#else
		atomic { if :: WHO(word[s]) == me -> word[s] = 0 :: else fi };
#endif
		s++
	:: else -> break
	od;
out:	ndone++ }

proctype Evict() {
	byte n, w;
	do
	:: n < 2 -> n++;
		w = word[0];
		if :: STATE(w) == VALID -> atomic { if :: word[0] == w -> word[0] = 0 :: else fi }
		:: else fi
	:: n == 2 -> break
	od;
	ndone++ }

/* A copy of page 1: two halves; each is what lies there at that moment. */
proctype Read() {
	byte w, n, a, b;
#ifndef BUG9
	n = seq[0];
#endif
	w = word[0];
	if :: w == WORD(VALID, 0, 1) ->
#ifdef BUG9
		n = seq[0];
#endif
		a = bytes[0];
		b = bytes[0];
#ifdef BUG3
		if :: word[0] == w -> assert(a == 1 && b == 1) :: else fi
#else
		atomic { if :: word[0] == w && seq[0] == n -> assert(a == 1 && b == 1) :: else fi }
#endif
	:: else fi;
	ndone++ }

proctype Pin() {
	byte w, a, b;
#ifdef BUG6
	w = word[0];			/* passes the store of the bit */
	pin[0] = 1;
#else
	pin[0] = 1;
	w = word[0];
#endif
#ifdef BUG5
	if :: true ->
#else
	if :: w == WORD(VALID, 0, 1) ->
#endif
		a = bytes[0];
		b = bytes[0];
		assert(a == 1 && b == 1)
	:: else fi;
	pin[0] = 0;
	ndone++ }

init {
	byte i, nr;
	atomic {
#ifdef EVICT
		word[0] = WORD(VALID, 0, 1); bytes[0] = 1; seq[0] = 1;
		run Fill(2, 2); run Fill(3, 1); run Evict();
#ifdef PIN
		run Pin();
#else
		run Read();
#endif
		nr = 4;
#else
		run Fill(1, 1); run Fill(2, 1); nr = 2;
#endif
	}
	ndone == nr;
	i = 0;
	do
	:: i < SLOTS ->
		assert(STATE(word[i]) != CLAIM && STATE(word[i]) != PENDING);
		assert(STATE(word[i]) != VALID || bytes[i] == PAGE(word[i]));
		i++
	:: else -> break
	od;
#ifndef EVICT
	assert(SLOTS == 1 || word[0] == 0 || word[0] != word[SLOTS - 1] || dead);
	assert(reads[1] <= 1 || dead)
#endif
}
