/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dropping an inode: two hosts open and close it, two unlink its two names.
 *
 * Proves: [OPN] an inode is never dropped while an open of it has succeeded
 * and was not closed; it is dropped once no name and no open is left, also if
 * one host stops for ever anywhere and is recovered; it is retired once.
 *
 * Protocol: open sets the host's bit, full fence, loads nlink: count 0 means
 * undo. Close and undo clear the bit, full fence, then look. Unlink takes the
 * count down by its record, full fence, then looks. Look: count 0 and no
 * bits: CAS(nlink, alive -> dropping); the winner retires the inode. Stores
 * wait in a buffer of one (pend) that a fence or the next store empties, so a
 * missing fence is found. A name that is unlinked was there, and only its
 * unlinker takes it, so the count falls by one per unlinker.
 *
 * spin -a -DCRASH drop.pml; each opener opens
 * -DOPENS_EACH=1 times; -DONE: the inode has one name
 * -DCRASH: one host stops for ever anywhere; another recovers it meanwhile.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  open: no fence between bit and nlink
 * -DBUG2  unlink: no fence between count and opens
 * -DBUG3  open refuses dropping inodes only, not those with count 0
 * -DBUG4  close does not look
 * -DBUG5  undo does not look
 * -DBUG6  (with CRASH) the inode is retired by a store: twice
 * -DBUG7  (with CRASH) recovery does not repeat the look of a dead unlinker
 */
#define HOSTS 4
#ifndef OPENS_EACH
#define OPENS_EACH 1
#endif
#ifdef ONE
#define NAMES 1
#else
#define NAMES 2
#endif
byte count = NAMES; bit dropping;	/* nlink */
byte opens;			/* bit per host */
byte pend[HOSTS];		/* store buffer: 0, 1 set bit, 2 clear bit, 3 count - 1 */
bit post[HOSTS];		/* record committed, post steps not done */
bit claim[HOSTS];		/* drop_ino */
byte retired;
bit holds[HOSTS];		/* ghost: open succeeded, not closed */
byte ncrash, dead = 9, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id < HOSTS -> ncrash++; dead = id; goto stopped fi
#else
#define S skip
#endif
#define ME (1 << id)
inline flush(h) { if
	:: pend[h] == 1 -> opens = opens | (1 << h)
	:: pend[h] == 2 -> opens = opens & ~(1 << h)
	:: pend[h] == 3 -> count--
	:: else fi; pend[h] = 0 }
inline store(x) { atomic { S; flush(id); pend[id] = x; if :: x == 3 -> post[id] = 1 :: else fi } }
inline fence() { atomic { S; flush(id) } }
/* loads see the own buffer */
#define COUNT (count - (id < HOSTS && pend[id % HOSTS] == 3 -> 1 : 0))
#define OPENS (id < HOSTS && pend[id % HOSTS] == 1 -> (opens | ME) : \
	(id < HOSTS && pend[id % HOSTS] == 2 -> (opens & ~ME) : opens))
#ifdef BUG6
inline retire() { atomic { S; retired++; assert(retired == 1) } }
#else
inline retire() { atomic { S; retired = 1 } }	/* CAS of the info word */
#endif
inline look() {
	atomic { S; c = COUNT }
	if :: c == 0 ->
		atomic { S; o = OPENS }
		if :: o == 0 ->
			if :: id < HOSTS -> atomic { S; claim[id] = 1 } :: else fi;
			atomic { S; if :: id < HOSTS -> flush(id) :: else fi;
				ok = !dropping; dropping = 1;
				assert(!ok || !(holds[0] || holds[1])) }
			if :: ok -> retire() :: else fi;
			if :: id < HOSTS -> atomic { S; claim[id] = 0 } :: else fi
		:: else fi
	:: else fi }
/* one recoverer: the claim of recovery is a CAS of the host state */
inline recover(h) {
	/* its last store may have come to memory or not */
	atomic { if :: flush(h) :: pend[h] == 3 -> pend[h] = 0; post[h] = 0
		:: pend[h] && pend[h] != 3 -> pend[h] = 0 fi }
	atomic { opens = opens & ~(1 << h); holds[h] = 0 }
	if :: claim[h] ->
		if :: dropping -> retire() :: else fi
	:: else fi;
#ifndef BUG7
	look()
#else
	if :: !post[h] -> look() :: else fi
#endif
}
proctype Opener(byte id) {
	byte c, o, n; bit ok;
	do
	:: n == OPENS_EACH -> break
	:: else -> n++;
		store(1);
#ifndef BUG1
		fence();
#endif
#ifdef BUG3
		atomic { S; ok = !dropping; holds[id] = ok }
#else
		atomic { S; ok = (count > 0); holds[id] = ok }
#endif
		if :: ok ->
			atomic { S; assert(!dropping && !retired) }	/* use */
			atomic { S; holds[id] = 0; flush(id); pend[id] = 2 }
			fence();
#ifndef BUG4
			look()
#endif
		:: else ->
			store(2); fence();
#ifndef BUG5
			look()
#endif
		fi
	od;
stopped: ndone++ }
proctype Unlinker(byte id) {
	byte c, o; bit ok;
	store(3);
#ifndef BUG2
	fence();
#endif
	look();
	atomic { S; flush(id); post[id] = 0 }
stopped: ndone++ }
proctype Memory() {
	do
	:: atomic { ndone < HOSTS && pend[0] -> flush(0) }
	:: atomic { ndone < HOSTS && pend[1] -> flush(1) }
	:: atomic { ndone < HOSTS && pend[2] -> flush(2) }
	:: atomic { ndone < HOSTS && pend[3] -> flush(3) }
	:: ndone == HOSTS -> break
	od }
proctype Recoverer() {
	byte c, o, id = 9; bit ok;
	if
	:: atomic { dead < 9 -> skip }; recover(dead); dead = 10
	:: ndone == HOSTS -> if :: dead < 9 -> recover(dead) :: else fi
	fi;
stopped: ndone++ }
init {
	byte c, o, id = 9; bit ok;
	atomic { run Opener(0); run Opener(1); run Unlinker(2);
		if :: NAMES > 1 -> run Unlinker(3) :: else -> ndone++ fi;
		run Memory(); run Recoverer() }
	ndone == HOSTS + 1;
	atomic { flush(0); flush(1); flush(2); flush(3);
		assert(opens == 0);
		assert(count == 0 -> retired == 1 : retired == 0) }
}
