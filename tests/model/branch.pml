/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Branches: two commits, a write and a name operation in flight.
 *
 * Proves: [FRZ] one commit wins; once it is decided the content and the names
 * of the new main never change; a write or name operation that answered "done"
 * in a layer is in main if that layer won; nobody waits for who stopped.
 *
 * Protocol: a commit claims the layer word, full fence, aborts undecided records
 * of the layer, replaces pages of announced windows by copies, claims the head,
 * decides. A writer announces its window, resolves its page, then looks at the
 * layer word, copies, and looks again. Layers: 0 main, 1 and 2 branches of it.
 * Processes: 0 commit(1), 1 commit(2), 2 writes one page into layer 1 (two
 * stores), 3 a name operation in layer 1, 4 watches the head and rolls back a
 * committer that it finds stopped. head and layer words may hold a reference to
 * a commit record.
 *
 * spin -a -DNW=0 branch.pml
 * -DSAME: both commit layer 1. -DNW=n: looks of the watcher.
 * -DCRASH: one process stops for ever at an arbitrary access.
 * Each of these leaves one measure out and must fail:
 * -DBUG1  no scan of announced windows
 * -DBUG2  the writer does not look again
 * -DBUG3  the writer resolves its page after the look at the layer word
 * -DBUG4  (with SAME) the copy is put in by a CAS, not as an entry of the record
 */
#define REF 8			/* ref = REF + p */
#define ACT 1
#define COM 2
#define ABO 3
#ifndef NW
#define NW 2
#endif
byte head, lw[3];		/* lw: 0 live, 1 frozen */
byte st[2];			/* commit records */
byte slot = 1;			/* page map slot in layer 1: page number */
byte pg[8];			/* page content, low and high half: 0..3 */
byte npg = 2;
byte old[2], nw[2];		/* slot entries of the commit records */
bit win_on; bit wdone; bit werr;
byte nst; bit nval; bit ndoneok;	/* name record state, name value */
bit decided; byte snap; bit snapn; byte winner;
byte ncrash, done;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 -> ncrash++; goto stopped fi
#else
#define S skip
#endif
/* finish or roll back the record found in a word */
#define RESOLVED(p,o,n) (st[p] == COM -> n : o)
inline abort(p) { atomic { if :: st[p] == ACT -> st[p] = ABO :: else fi } }
inline cleanl(l, p) { atomic { if :: lw[l] == REF+p && st[p] != ACT -> lw[l] = RESOLVED(p, 0, 1) :: else fi } }
inline cleanh(p) { atomic { if :: head == REF+p && st[p] != ACT -> head = RESOLVED(p, 0, p+1) :: else fi } }
#define PAGE(x) (slot < REF -> slot : (st[slot-REF] == COM -> nw[slot-REF] : old[slot-REF]))
inline cleans(p) { atomic { if :: slot == REF+p && st[p] != ACT -> slot = RESOLVED(p, old[p], nw[p]) :: else fi } }
inline logical() { snap = pg[PAGE(0)]; snapn = nval }
proctype Commit(byte id) {	/* commits layer id+1 */
	byte l, v, p;
#ifdef SAME
	l = 1;
#else
	l = id+1;
#endif
	atomic { S; st[id] = ACT }
	/* 1. claim the layer word: from here no new write starts */
	do
	:: atomic { S; v = lw[l]; if :: v == 0 -> lw[l] = REF+id; break :: v == 1 -> goto fail :: else fi }
		atomic { S; p = v-REF; abort(p) }
		atomic { S; cleanl(l, p) }
	od;
	/* 2. abort undecided name operations of this layer */
	if :: l == 1 ->
		atomic { S; if :: nst == ACT -> nst = ABO :: else fi }
	/* 3. detach announced windows: their page is replaced by a copy */
#ifndef BUG1
		atomic { S; v = win_on }
		if :: v ->
			do
			:: atomic { S; p = slot; if :: p < REF -> break :: else -> p = p-REF fi }
				abort(p); cleans(p)
			od;
			atomic { S; pg[npg] = pg[p]; old[id] = p; nw[id] = npg; npg++ }
#ifdef BUG4
			atomic { S; if :: slot == p -> slot = nw[id] :: else fi }
#else
			atomic { S; if :: slot == p -> slot = REF+id :: else -> goto fail fi }
#endif
		:: else fi
#endif
	:: else fi;
	/* 4. claim the head */
	do
	:: atomic { S; v = head; if :: head == 0 -> head = REF+id; break
		:: head > 0 && head < REF -> break :: else fi }
		atomic { S; p = v-REF; abort(p) }
		atomic { S; cleanh(p) }
	od;
	if :: v -> goto fail :: else fi;
	/* 5. decide */
	atomic { S; if :: st[id] == ACT -> st[id] = COM; assert(!decided); decided = 1; winner = l; logical()
		:: else fi }
fail:	atomic { S; if :: st[id] == ACT -> st[id] = ABO :: else fi }
	atomic { S; cleanh(id) }
	atomic { S; cleans(id) }
	atomic { S; cleanl(l, id) }
stopped: done++
}
inline livel() {		/* layer 1 live? v: 0 yes */
	do
	:: atomic { S; v = lw[1]; h = head;	/* the two loads are independent: see below */
		if :: v < REF -> break :: else fi }
		/* bounded wait, then roll the owner back */
		atomic { S; p = v-REF; abort(p) }
		atomic { S; cleanl(1, p) }
	od }
proctype Write() {		/* byte 3 as two half stores */
	byte v, h, p, g; byte id = 2;
again:	atomic { S; win_on = 1 }
#ifndef BUG3
	do			/* resolve the page before the layer check */
	:: atomic { S; g = slot; if :: g < REF -> break :: else -> g = g-REF fi }
		abort(g); cleans(g)
	od;
#endif
	livel();
	if :: v -> werr = 1; atomic { win_on = 0; goto stopped } :: else fi;
#ifdef BUG3
	atomic { S; g = PAGE(0) }
#endif
	atomic { S; pg[g] = pg[g] | 1 }
	atomic { S; pg[g] = pg[g] | 2 }
#ifndef BUG2
	livel();
	if :: v -> werr = 1; atomic { win_on = 0; goto stopped } :: else fi;
	atomic { S; if :: PAGE(0) != g -> goto again :: else fi }
#endif
	atomic { S; wdone = 1; assert(!(decided && winner == 1) || pg[PAGE(0)] == 3) }
	win_on = 0;
stopped: done++
}
proctype Name() {
	byte v, h, p; byte id = 3;
again:	atomic { S; nst = ACT }
	livel();
	if :: v -> goto stopped :: else fi;
	atomic { S; if :: nst == ACT -> nst = COM; nval = 1; ndoneok = 1 :: else -> goto again fi }
stopped: done++
}
proctype Watch() {
	byte v, h, p, n; byte id = 4;
	do
	:: n < NW -> n++; if
		:: atomic { decided -> assert((pg[PAGE(0)] == snap && nval == snapn) || winner != 1) }
		:: atomic { v = head; if :: v >= REF && st[v-REF] == COM -> cleanh(v-REF) :: else fi }
		:: livel()
		fi
	:: else -> break
	od;
stopped: done++
}
init { atomic { run Commit(0); run Commit(1); run Write(); run Name(); run Watch() }
	done == 5;
	atomic {
	if :: decided && winner == 1 -> assert(pg[PAGE(0)] == snap && nval == snapn);
		assert(!wdone || pg[PAGE(0)] == 3)
	:: else fi;
	assert(!(st[0] == COM && st[1] == COM)) }
}
