/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records: operations that change several words in one instant.
 *
 * Proves: [REC] at every commit each word has the value that the record
 * expects, so all its words change in one instant; each read returns a value
 * that the word had at some instant inside the read; link counts and numbers
 * of names fit the names; no cycle of directories; rmdir and create do not
 * both win; no reference to a record is left behind, whoever stopped.
 *
 * Protocol: only the owner puts references to its record into words; anybody
 * else may only abort it (CAS of its status) or clean up after the decision.
 * Who copied an entry looks at seq again before he trusts it. A count that has
 * changed is no reason to begin again: its owner makes the entry anew before
 * he claims the word, which is when others may look at it.
 *
 * spin -a -DRENAME -DCRASH names.pml
 * -DRENAME: 0 rename(A, B), 1 unlink(B), 2 lookups, 3 (-DLINK) link
 * -DRMDIR:  0 rmdir(D), 1 create D/X, 2 lookups, 3 (-DTHIRD) unlink D/X
 * -DMOVES:  0 moves directory a below b, 1 moves b below a (a cycle)
 * -DREUSE:  0 changes the same two words twice, 1 changes one of them, 2 reads
 * -DCRASH: 0 or 1 stops for ever at an arbitrary access; 2 and 3 recover it at
 * the same time while the others work (-DONEREC: 2 alone in RENAME).
 * -DTRIES=2: attempts of each operation.
 * Each of these leaves one measure out and must fail:
 * -DBUG2  who finishes a record takes it for committed without a look
 * -DBUG3  (with REUSE) a reader does not compare seq after copying an entry
 * -DBUG4  (with RMDIR) the count of a directory that is dead is made anew, too
 */
#define NW 8
#ifndef TRIES
#define TRIES 2
#endif
#define ACTIVE 1
#define COMMIT 2
#define ABORT 3
#define IDLE 0
#define REF 128			/* ref = REF + p*16 + seq */
#ifdef RENAME
#define A 0
#define Bn 1
#define N1 2
#define N2 3
#define DS 4
#define C 5
#define INV assert(!(G[A]==1 && G[Bn]==1) && (G[A]==1 || G[Bn]==1 || G[N1]==0)); \
	assert(G[N1] == (G[A]==1)+(G[Bn]==1)+(G[C]==1) && G[N2] == (G[A]==2)+(G[Bn]==2)+(G[C]==2)); \
	assert(G[DS] == (G[A]!=0)+(G[Bn]!=0)+(G[C]!=0));
#endif
#ifdef RMDIR
#define D 0
#define DS 1			/* 7 = dead, else number of entries */
#define X 2
#define PS 3
#define INV assert(!(G[DS]==7 && G[X])); assert((G[DS]==7) == (G[D]==0)); assert(G[PS] == (G[D]!=0));
#endif
#ifdef MOVES
#define PA 0			/* parent of a: 0 root, 1 = a, 2 = b */
#define PB 1
#define VER 2			/* dirmove version */
#define INV assert(!(G[PA]==2 && G[PB]==1));
#endif
#ifdef REUSE
#define W0 0
#define W1 1
#define INV assert(G[W0] == (G[W1] & 3));
#endif
/* The word at hand is one that the operation only adds to. */
#ifdef RENAME
#define COUNT (w0 == DS)
#endif
#ifdef RMDIR
#ifdef BUG4
#define COUNT (w0 == DS && id != 0)
#else
#define COUNT (w0 == DS && id != 0 && v != 7)
#endif
#endif
#ifndef COUNT
#define COUNT 0
#endif
byte W[NW]; byte G[NW];
byte st[4];			/* seq*4 + state */
byte ea[16], eo[16], en[16], ne[4];	/* p*4+i */
byte vals[4]; byte rw[4];	/* ghost */
byte ncrash, dead = 9, ndone;
#ifdef CRASH
#define S if :: skip :: ncrash < 1 && id < 2 -> atomic { ncrash++; dead = id }; goto stopped fi
#else
#define S skip
#endif
#define REFOF(p,s) (REF + (p)*16 + (s))
inline see(w) { k = 0; do :: k < 4 -> if :: rw[k] == w+1 -> vals[k] = vals[k] | (1<<G[w]) :: else fi; k++ :: else -> break od; k = 0 }
/* entry of record q for word w, validated: o, n; ok */
inline getent(q, s, w) {
	atomic { S; ok = 0; k = 0;
	do :: k < 4 -> if :: ea[q*4+k] == w+1 -> ok = 1; break :: else -> k++ fi :: else -> break od;
	if :: ok -> o = eo[q*4+k] :: else fi }
	atomic { S; if :: ok -> n = en[q*4+k] :: else fi; k = 0;
#ifdef BUG2
	u = s*4+COMMIT }
#else
	}
#ifdef BUG3
	atomic { S; u = st[q] }
#else
	atomic { S; u = st[q]; if :: (u>>2) != s -> ok = 0 :: else fi }
#endif
#endif
	}
inline read(w) {		/* -> r */
	atomic { rw[id] = w+1; vals[id] = 1<<G[w] }
	do
	:: atomic { S; v = W[w];
	   if :: v < REF -> r = v; break
	   :: else -> q = (v & 127)>>4; s = v & 15 fi }
	   getent(q, s, w);
	   atomic { if :: ok -> if :: (u&3) == COMMIT -> r = n :: else -> r = o fi; break :: else fi }
	od;
	atomic { assert(vals[id] & (1<<r)); rw[id] = 0; vals[id] = 0; v = 0; q = 0; s = 0; o = 0; n = 0; u = 0; ok = 0 } }
inline resolve(w) {		/* v = ref seen in w */
	atomic { S; q = (v & 127)>>4; s = v & 15; if :: st[q] == s*4+ACTIVE -> st[q] = s*4+ABORT :: else fi }
	getent(q, s, w);
	atomic { S; if :: ok && W[w] == v -> if :: (u&3) == COMMIT -> W[w] = n :: else -> W[w] = o fi :: else fi;
		 v = 0; q = 0; s = 0; o = 0; n = 0; u = 0; ok = 0 } }
inline ent(ew, ev, ex) { ea[id*4+i] = ew+1; eo[id*4+i] = ev; en[id*4+i] = ex; i++ }
inline opbegin() {
	atomic { S; seq++; st[id] = seq*4+IDLE }
	i = 0; }
/* entries are filled, i of them; result: win */
inline opdo() {
	atomic { ne[id] = i; do :: i < 4 -> ea[id*4+i] = 0; i++ :: else -> break od; i = 0; win = 1 }
	atomic { S; st[id] = seq*4+ACTIVE }
	do
	:: atomic { i < ne[id] && win -> S; w0 = ea[id*4+i]-1;
		v = W[w0]; if :: v == eo[id*4+i] -> W[w0] = REFOF(id, seq); i++; v = 255
			:: v != eo[id*4+i] && v < REF && !COUNT -> win = 0; v = 255 :: else fi }
		if :: v == 255
		:: v >= REF && v != 255 -> resolve(w0)
		:: v < REF -> atomic { S; en[id*4+i] = v + en[id*4+i] - eo[id*4+i] }
			atomic { S; eo[id*4+i] = v; v = 0 }
		fi
	:: atomic { !(i < ne[id] && win) -> break }
	od;
	atomic { S; if :: st[id] == seq*4+ACTIVE -> if
		:: win -> st[id] = seq*4+COMMIT; i = 0;
			do :: i < ne[id] -> w0 = ea[id*4+i]-1; assert(G[w0] == eo[id*4+i]);
				G[w0] = en[id*4+i]; see(w0); i++ :: else -> break od;
			INV
		:: else -> st[id] = seq*4+ABORT fi
	   :: else -> win = 0 fi; i = 0 }
	do
	:: atomic { i < ne[id] -> w0 = ea[id*4+i]-1; S;
		if :: W[w0] == REFOF(id, seq) -> if :: win -> W[w0] = en[id*4+i] :: else -> W[w0] = eo[id*4+i] fi :: else fi; i++ }
	:: atomic { i >= ne[id] -> break }
	od;
	atomic { i = 0; w0 = 0; v = 0 } }
/* anyone, any number at once, once the owner is known to be dead */
inline recover() {
	if :: dead < 4 -> u2 = dead;
		atomic { if :: (st[u2]&3) == ACTIVE -> st[u2] = (st[u2]&252)+ABORT :: else fi }
		j = 0;
		do :: j < 4 -> if :: (st[u2]&3) >= COMMIT && ea[u2*4+j] -> w0 = ea[u2*4+j]-1;
			v = W[w0]; if :: v == REFOF(u2, st[u2]>>2) -> resolve(w0) :: else fi :: else fi; j++
		:: else -> break od
	:: else fi }
proctype P(byte id) {
	byte v, q, s, o, n, u, r, i, k, w0, seq, a, b, c, d, tries, u2, j; bit ok, win;
	if
#ifdef RENAME
	:: id == 0 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(A); a = r; read(Bn); b = r;
		   if :: b -> read(DS); c = r; read(1+b); d = r; opbegin(); atomic { ent(A,a,0); ent(Bn,b,a);
				if :: b == 2 -> ent(N2,d,d-1) :: else -> ent(N1,d,d-1) fi; ent(DS,c,c-1) }
		   :: else -> opbegin(); atomic { ent(A,a,0); ent(Bn,0,a) } fi;
		   opdo(); if :: win -> break :: else fi od
	:: id == 1 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(Bn); b = r; if :: b == 0 -> break :: else fi;
		   read(DS); c = r; read(1+b); d = r; if :: d == 0 || c == 0 -> goto again1 :: else fi; opbegin();
		   atomic { ent(Bn,b,0); if :: b == 2 -> ent(N2,d,d-1) :: else -> ent(N1,d,d-1) fi; ent(DS,c,c-1) }
		   opdo(); if :: win -> break :: else fi;
again1:		   skip od
	:: id == 2 -> read(A); a = r; read(Bn); b = r; read(A);
		assert(!(a == 0 && r == 1)); recover()
	:: id == 3 ->
#ifdef LINK
		read(N2); d = r; read(DS); c = r; if :: d -> opbegin(); atomic { ent(N2,d,d+1); ent(DS,c,c+1); ent(C,0,2) }; opdo() :: else fi;
#endif
#ifndef ONEREC
		recover()
#else
		skip
#endif
#endif
#ifdef RMDIR
	:: id == 0 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(DS); if :: r -> break :: else fi;
			opbegin(); atomic { ent(D,5,0); ent(DS,0,7); ent(PS,1,0) }; opdo(); if :: win -> break :: else fi od
	:: id == 1 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(DS); if :: r == 7 -> break :: else fi; c = r;
			opbegin(); atomic { ent(X,0,6); ent(DS,c,c+1) }; opdo(); if :: win -> break :: else fi od
	:: id == 2 -> read(D); a = r; read(X); assert(!(a == 0 && r)); recover()
	:: id == 3 ->
#ifdef THIRD
		do
		:: tries == TRIES -> break
		:: else -> tries++; read(X); if :: r == 0 -> break :: else fi; read(DS); c = r; if :: c == 0 || c == 7 -> goto again3 :: else fi;
			opbegin(); atomic { ent(X,6,0); ent(DS,c,c-1) }; opdo(); if :: win -> break :: else fi;
again3:			skip od;
#endif
		recover()
#endif
#ifdef REUSE
	:: id == 0 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(W0); a = r; read(W1); b = r; opbegin();
			atomic { ent(W0,a,a+1); ent(W1,b,b+1) }; opdo() od
	:: id == 1 -> do
		:: tries == 1 -> break
		:: else -> tries++; read(W1); b = r; opbegin(); atomic { ent(W1,b,b+4) }; opdo(); if :: win -> break :: else fi od
	:: id == 2 -> read(W0); read(W1); recover()
	:: id == 3 -> recover()
#endif
#ifdef MOVES
	:: id == 0 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(VER); c = r; read(PB); if :: r == 1 -> break :: else fi;
			opbegin(); atomic { ent(PA,0,2); ent(VER,c,c+1) }; opdo(); if :: win -> break :: else fi od
	:: id == 1 -> do
		:: tries == TRIES -> break
		:: else -> tries++; read(VER); c = r; read(PA); if :: r == 2 -> break :: else fi;
			opbegin(); atomic { ent(PB,0,1); ent(VER,c,c+1) }; opdo(); if :: win -> break :: else fi od
	:: id == 2 -> read(PA); read(PB); recover()
	:: id == 3 -> recover()
#endif
	fi;
stopped: ndone++
}
init { byte id = 9, k, v, q, s, o, n, u, w0, u2, j; bit ok;
	atomic {
#ifdef RENAME
	W[A] = 1; W[Bn] = 2; W[N1] = 1; W[N2] = 1; W[DS] = 2;
#endif
#ifdef RMDIR
	W[D] = 5; W[PS] = 1;
#endif
	k = 0; do :: k < NW -> G[k] = W[k]; k++ :: else -> break od;
	run P(0); run P(1); run P(2); run P(3) }
	ndone == 4; recover();
stopped:
	atomic { k = 0; do :: k < NW -> assert(W[k] == G[k]); k++ :: else -> break od }
}
