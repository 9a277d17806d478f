/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stores through mappings beside who freezes the layer.
 *
 * Proves: [STO] once a freeze is decided nothing is stored to the layer; a freezer,
 * or a storer, that stops for ever keeps nobody waiting for ever.
 *
 * Protocol: a storer says that it stores, full fence, looks at the layer word: a
 * claim on it is ended as any other, and if it is frozen the storer takes back what
 * it said. Else it makes an entry, through which stores come at any time, until
 * it takes the entry away and then says so. A freezer claims the layer word, full
 * fence, looks who stores: if somebody does, it gives up, leaves a request, waits
 * for the end of it or not, and begins again; else it decides. Storers that see a
 * request end, and wait until it is gone, or take it away.
 * Processes: 0 and 1 freeze, 2 stores. Loads and stores are in order; what a fence
 * prevents is the wrong order of BUG1 and BUG3.
 *
 * -DCRASH: one process stops for ever at an arbitrary access; that a storer has
 * stopped for ever becomes known some time later.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  the storer looks at the layer before it says that it stores
 * -DBUG2  it says that it is over, then takes the entry away
 * -DBUG3  the freezer looks who stores before it claims the layer
 * -DBUG4  (with CRASH) a request is waited for without end
 * -DBUG5  (with CRASH) who is known to be dead is waited for, too
 */
#define REF 8			/* ref = REF + p */
#define ACT 1
#define COM 2
#define ABO 3
#define TURNS 2			/* of each */
byte lw;			/* the layer: 0 live, 1 frozen, or a reference */
byte st[2];			/* records of the freezers */
bit says;			/* the storer stores */
bit entry;			/* and can, indeed */
byte request;			/* 0, or 1 + who asks */
byte mem, snap;
bit frozen;			/* decided */
bit stopped_storer, dead;	/* it has stopped; and that is known */
byte ncrash, done;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 -> ncrash++; goto stopped fi
#else
#define S skip
#endif
#ifdef BUG5
#define STORES says
#else
#define STORES (says && !dead)
#endif
inline end_claim(p) {
	atomic { if :: st[p] == ACT -> st[p] = ABO :: else fi }
	atomic { if :: lw == REF+p && st[p] != ACT -> lw = (st[p] == COM -> 1 : 0) :: else fi }
}
proctype Freeze(byte id) {
	byte v, n, s;
again:	n++;
	if :: n > TURNS -> goto out :: else fi;
	atomic { S; st[id] = ACT }
#ifdef BUG3
	atomic { S; s = STORES }
#endif
	do
	:: atomic { S; v = lw; if :: v == 0 -> lw = REF+id; break :: v == 1 -> break :: else fi }
		end_claim(v-REF)
	od;
	if :: v == 1 -> goto out :: else fi;	/* somebody else has done it */
#ifndef BUG3
	atomic { S; s = STORES }
#endif
	if
	:: s -> end_claim(id);
		atomic { S; if :: !request -> request = 1+id :: else fi }
#ifdef BUG5
		atomic { S; !says }	/* there is no other end of waiting */
#else
		if :: atomic { !STORES -> skip } :: skip fi	/* waited long enough */
#endif
		goto again
	:: else
	fi;
	atomic { S; if :: st[id] == ACT -> st[id] = COM; assert(!frozen); frozen = 1; snap = mem
		:: else -> v = 9 fi }
	if :: v == 9 -> end_claim(id); goto again :: else fi;
out:	end_claim(id);
	atomic { S; if :: request == 1+id -> request = 0 :: else fi }
stopped: done++
}
inline store() { atomic { S; assert(!frozen); mem++ } }
proctype Store() {
	byte v, n;
again:	n++;
	if :: n > TURNS -> goto out :: else fi;
	/* somebody asks: waited for, but not for ever */
#ifdef BUG4
	atomic { S; !request }
#else
	if :: atomic { !request -> skip } :: atomic { request -> request = 0 } fi;
#endif
#ifndef BUG1
	atomic { S; says = 1 }
#endif
	do
	:: atomic { S; v = lw; if :: v < REF -> break :: else fi }
		end_claim(v-REF)
	od;
	if :: v == 1 -> goto over :: else fi;
#ifdef BUG1
	atomic { S; says = 1 }
#endif
	atomic { S; entry = 1 }
	do
	:: mem < 3 -> store()
	:: break	/* it is asked, or has no more to store */
	od;
#ifdef BUG2
	atomic { S; says = 0 }
	if :: mem < 3 -> store() :: else fi;
	atomic { S; entry = 0 }
#else
	atomic { S; entry = 0 }
	atomic { S; says = 0 }
#endif
	goto again;
over:	atomic { S; says = 0 }
out:	done++; goto end;
stopped: stopped_storer = 1; done++;
	/* it executes no more store, and that is found out */
	dead = 1;
end:	skip
}
init { atomic { run Freeze(0); run Freeze(1); run Store() }
	if :: done == 3 :: timeout -> assert(0) fi;	/* somebody waits for ever */
	atomic { assert(!frozen || mem == snap); assert(!(st[0] == COM && st[1] == COM)) }
}
