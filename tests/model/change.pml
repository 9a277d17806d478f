/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The change counter of a file: two writers, and a reader that keeps content.
 *
 * Proves: [CHG] content that was kept under a number is the content of the
 * file as long as the counter shows that number and nobody writes.
 *
 * Protocol: a writer stores content (which waits in a buffer), then raises the
 * counter by CAS, whose release empties the buffer; it tries again if another
 * was faster. A reader loads the counter (acquire), then the content, and
 * keeps both.
 *
 * spin -a change.pml
 * Each of these leaves one measure out and must fail:
 * -DBUG1  the reader loads the content first
 * -DBUG2  the counter is raised before the content
 * -DBUG3  the counter is raised by a load and a store
 * -DBUG4  the counter is raised by a store that is no release
 */
byte content, change;
byte pend[2];			/* buffered content + 1 */
byte kept, kept_at, ndone;
bit has;
inline flush() { if :: pend[id] -> content = pend[id] - 1; pend[id] = 0 :: else fi }
inline raise() {
	atomic { v = change }
#ifdef BUG3
	atomic { flush(); change = v + 1 }
#else
#ifdef BUG4
	atomic { change = v + 1 }
#else
	do
	:: atomic { flush(); if :: change == v -> change = v + 1; break :: else -> v = change fi }
	od
#endif
#endif
}
proctype Writer(byte id) {
	byte v;
#ifdef BUG2
	raise();
#endif
	atomic { pend[id] = id + 2 }
#ifndef BUG2
	raise();
#endif
	atomic { flush(); ndone++ } }
proctype Memory() {
	byte id;
	do
	:: atomic { pend[0] -> id = 0; flush() }
	:: atomic { pend[1] -> id = 1; flush() }
	:: ndone == 2 -> break
	od }
proctype Reader() {
	byte c, t, i;
	do
	:: i == 2 -> break
	:: i < 2 ->
#ifdef BUG1
		t = content; c = change;
#else
		c = change; t = content;
#endif
		atomic { kept = t; kept_at = c; has = 1; i++ }
	od;
	ndone == 2;
	assert(kept_at != change || kept == content) }
init { atomic { run Writer(0); run Writer(1); run Memory(); run Reader() } }
