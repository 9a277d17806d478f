/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations that all hosts do in the same directories, and what must hold.
 *
 * Notes: no step depends on who is faster. Either the result is known because
 * the name is ours alone, or every result that a serial order allows is
 * accepted and the invariant is checked on what follows from it.
 */
#include "shared.h"

#include <dirent.h>
#include <sys/mman.h>

struct board *board;

static __thread u32 me;
static __thread u64 my_seq;

static void count(u64 *p)
{
	__atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
}

static u64 get(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

/*
 * With kills, memory waits for hosts that are dead and not recovered yet:
 * ENOSPC may come early. Such a call has had no effect.
 */
static int full(s64 r)
{
	return board->kills && r == -ENOSPC;
}

static int one_of(int r, int a, int b, int c, int d)
{
	return r == 0 || full(r) || r == a || r == b || r == c || r == d;
}

#define ALLOW(r, a, b, c, d)						\
	do {								\
		if (!one_of(r, -(a), -(b), -(c), -(d)))			\
			WRONG("%s: %s", __func__, strerror(-(r)));	\
	} while (0)

/* ---- a name is made once ---- */

static void op_unique(void)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct daxfs_stat st;
	u64 k = below(UNIQUE);
	char name[16];
	int r;

	snprintf(name, sizeof(name), "u%llu", (unsigned long long)k);
	if (below(2)) {
		r = daxfs_create(cx, board->shared, name, len_of(name), &what,
				 &st);
		ALLOW(r, EEXIST, 0, 0, 0);
		if (!r)
			count(&board->created[k]);
	} else {
		r = daxfs_unlink(cx, board->shared, name, len_of(name));
		ALLOW(r, ENOENT, 0, 0, 0);
		if (!r)
			count(&board->removed[k]);
	}
}

static void verify_unique(void)
{
	struct daxfs_stat st;
	char name[16];
	u64 k, wrong = 0;
	int r;

	for (k = 0; k < UNIQUE; k++) {
		snprintf(name, sizeof(name), "u%llu", (unsigned long long)k);
		r = daxfs_lookup(cx, board->shared, name, len_of(name), &st);
		if (board->created[k] - board->removed[k] != (r ? 0 : 1))
			wrong++;
	}
	report(board->kills || !wrong,
	       "names made and removed by all: %llu counts wrong",
	       (unsigned long long)(board->kills ? 0 : wrong));
}

/* ---- links of one inode ---- */

static void op_hub(void)
{
	struct daxfs_stat st;
	char name[24];
	int r, again;

	snprintf(name, sizeof(name), "hub-%u-%u", me, (unsigned int)below(8));
	r = daxfs_link(cx, board->hub, board->shared, name, len_of(name), &st);
	ALLOW(r, EEXIST, 0, 0, 0);
	if (full(r))
		return;
	again = daxfs_lookup(cx, board->shared, name, len_of(name), &st);
	if (again || st.ino != board->hub)
		WRONG("a link of ours is gone: %s", strerror(-again));
	if (below(2))
		MUST(daxfs_unlink(cx, board->shared, name, len_of(name)));
}

/* ---- rmdir against create ---- */

/* What we made in a directory keeps that directory where it is. */
static void create_in(u64 top, const char *dir)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct daxfs_stat st, at;
	char name[16];
	int r;

	if (daxfs_lookup(cx, top, dir, len_of(dir), &at))
		return;
	snprintf(name, sizeof(name), "f%u", me);
	r = daxfs_create(cx, at.ino, name, len_of(name), &what, &st);
	ALLOW(r, ENOENT, board->kills ? EEXIST : 0, 0, 0);
	if (r == -ENOENT || full(r))
		return;
	count(&board->races_won);
	MUST(daxfs_lookup(cx, at.ino, name, len_of(name), &st));
	r = daxfs_lookup(cx, top, dir, len_of(dir), &st);
	if (r || st.ino != at.ino)
		WRONG("a directory that is not empty was removed");
	r = daxfs_getattr(cx, at.ino, &st);
	if (r || st.nlink < 2)
		WRONG("a directory with a file in it has %u links, %s",
		      st.nlink, strerror(-r));
	MUST(daxfs_unlink(cx, at.ino, name, len_of(name)));
}

static void op_race(void)
{
	struct daxfs_new what = { .mode = S_IFDIR | 0755 };
	struct daxfs_stat st;
	char dir[16];
	int r;

	snprintf(dir, sizeof(dir), "d%u", (unsigned int)below(4));
	switch (below(4)) {
	case 0:
		r = daxfs_create(cx, board->race, dir, len_of(dir), &what, &st);
		ALLOW(r, EEXIST, 0, 0, 0);
		break;
	case 1:
		r = daxfs_rmdir(cx, board->race, dir, len_of(dir));
		ALLOW(r, ENOENT, ENOTEMPTY, 0, 0);
		break;
	default:
		create_in(board->race, dir);
	}
}

/* ---- directories that move into each other ---- */

static u64 mover_place(u64 k)
{
	return k ? board->mover[k - 1] : board->move;
}

/* A few directories that stay, in ever new places: no cycle, none is lost. */
static void op_move(void)
{
	u64 from = mover_place(below(MOVERS + 1));
	u64 to = mover_place(below(MOVERS + 1));
	char name[16];
	int r;

	snprintf(name, sizeof(name), "m%u", (unsigned int)below(MOVERS));
	r = daxfs_rename(cx, from, name, len_of(name), to, name, len_of(name),
			 below(2));
	ALLOW(r, ENOENT, EINVAL, from == to ? EEXIST : 0, 0);
}

/* Whatever the place of a directory is, it can be used. */
static void op_in_mover(void)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	u64 dir = board->mover[below(MOVERS)];
	struct daxfs_stat st;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "f%u", me);
	r = daxfs_create(cx, dir, name, len_of(name), &what, &st);
	ALLOW(r, board->kills ? EEXIST : 0, 0, 0, 0);
	if (!full(r))
		MUST(daxfs_unlink(cx, dir, name, len_of(name)));
}

static u64 count_dirs(u64 dir)
{
	struct list l;
	u64 i, nr = 0;

	MUST(list_dir(dir, &l));
	for (i = 0; i < l.nr; i++)
		nr += l.e[i].d_type == DT_DIR ? 1 + count_dirs(l.e[i].ino) : 0;
	free(l.e);
	return nr;
}

/* ---- a rename is never seen half done ---- */

static int is_there(u64 dir, const char *name)
{
	struct daxfs_stat st;
	int r = daxfs_lookup(cx, dir, name, len_of(name), &st);

	ALLOW(r, ENOENT, 0, 0, 0);
	return !r;
}

/* Process 0 alone; where the file is after a kill has to be looked up. */
static void op_flip(void)
{
	int at_a = is_there(board->flip, "a"), r;

	if (at_a == is_there(board->flip_d, "b"))
		WRONG("the file has %s of its two names", at_a ? "both" : "none");
	__atomic_store_n(&board->ended, board->begun, __ATOMIC_SEQ_CST);
	count(&board->begun);
	if (at_a)
		r = daxfs_rename(cx, board->flip, "a", 1, board->flip_d, "b",
				 1, 0);
	else
		r = daxfs_rename(cx, board->flip_d, "b", 1, board->flip, "a",
				 1, 0);
	ALLOW(r, 0, 0, 0, 0);
	count(&board->ended);
}

/*
 * Look for a, b and a. If at most one rename ran meanwhile, the file cannot
 * have been missing three times, nor have been there three times.
 */
static void op_look(void)
{
	u64 ended = get(&board->ended);
	int a = is_there(board->flip, "a");
	int b = is_there(board->flip_d, "b");
	int again = is_there(board->flip, "a");

	if (get(&board->begun) - ended > 1)
		return;
	count(&board->looks);
	if (a == b && b == again)
		WRONG("during a rename %s name is seen", a ? "each" : "no");
}

/* ---- append ---- */

#define LOG_MAX		(24 * MIB)
#define RECORD_MAX	20000u

struct record {
	u32 magic;
	u32 len;
	u32 proc;
	u32 sum;
	u64 seq;
	u8 byte[];
};

static __thread u8 record_buf[RECORD_MAX] __attribute__((aligned(8)));

static u32 record_sum(const struct record *r)
{
	u32 i, sum = r->len * 31 + r->proc * 7 + (u32)r->seq;

	for (i = 0; i < r->len - sizeof(*r); i++)
		sum = sum * 33 + r->byte[i];
	return sum;
}

static void record_fill(struct record *r, u64 seq)
{
	u32 i;

	r->magic = 0x6461786c;
	r->len = sizeof(*r) + below(below(6) ? 700 : RECORD_MAX - sizeof(*r));
	r->proc = me;
	r->seq = seq;
	for (i = 0; i < r->len - sizeof(*r); i++)
		r->byte[i] = (u8)(seq * 13 + i + me);
	r->sum = record_sum(r);
}

static void op_append(void)
{
	static __thread u8 back[RECORD_MAX];
	struct record *r = (struct record *)record_buf;
	u32 k = below(LOGS);
	struct daxfs_stat st;
	struct daxfs_held *h;
	u64 at = 0;
	s64 n;

	MUST(daxfs_getattr(cx, board->log[k], &st));
	if (st.size > LOG_MAX)
		return;
	record_fill(r, ++my_seq);
	MUST(daxfs_hold(mnt, cx, board->log[k], &h));
	n = daxfs_append(cx, &h->file, r, r->len, &at);
	if (full(n)) {
		daxfs_unhold(mnt, cx, h);
		return;
	}
	if (n != r->len)
		WRONG("an append of %u bytes gave %lld", r->len, (long long)n);
	count(&board->appended[me][k]);
	if (daxfs_read(cx, &h->file, at, back, r->len) != r->len ||
	    memcmp(back, r, r->len))
		WRONG("a record at %llu reads back differently",
		      (unsigned long long)at);
	daxfs_unhold(mnt, cx, h);
}

static u64 verify_record(const struct record *r, u64 left, u64 *last, u64 *nr)
{
	if (left < sizeof(*r) || r->magic != 0x6461786c ||
	    r->len < sizeof(*r) || r->len > left ||
	    r->len > RECORD_MAX || r->proc >= PROCS_MAX ||
	    r->sum != record_sum(r))
		return 0;
	if (r->seq <= last[r->proc])
		return 0;
	last[r->proc] = r->seq;
	nr[r->proc]++;
	return r->len;
}

static void verify_log(u32 k)
{
	u64 last[PROCS_MAX] = { 0 }, nr[PROCS_MAX] = { 0 }, off, len, bad = 0;
	struct daxfs_held *h;
	struct daxfs_stat st;
	u8 *all;
	u32 p;

	MUST(daxfs_getattr(cx, board->log[k], &st));
	MUST(daxfs_hold(mnt, cx, board->log[k], &h));
	all = calloc(1, st.size + 8);
	if (!all || daxfs_read(cx, &h->file, 0, all, st.size) != (s64)st.size)
		WRONG("cannot read the log");
	daxfs_unhold(mnt, cx, h);
	for (off = 0; off < st.size; off += len) {
		u64 left = st.size - off;

		/* a copy, because records do not lie aligned */
		memcpy(record_buf, all + off,
		       left < RECORD_MAX ? left : RECORD_MAX);
		len = verify_record((struct record *)record_buf, left, last,
				    nr);
		if (!len)
			break;
	}
	for (p = 0; p < board->procs; p++)
		bad += !board->kills && nr[p] != board->appended[p][k];
	report(off == st.size && !bad, "log %u: %llu bytes, whole records up "
	       "to %llu, %llu counts wrong", k, (unsigned long long)st.size,
	       (unsigned long long)off, (unsigned long long)bad);
	free(all);
}

/* ---- each a slice of one file: neighbours share pages ---- */

#define SLICE	1000u

static void op_slice(void)
{
	u64 off = (u64)me * SLICE + 7, i;
	u8 out[SLICE], in[SLICE];
	struct daxfs_held *h;
	s64 n;

	for (i = 0; i < SLICE; i++)
		out[i] = (u8)(my_seq + i) | 1;
	my_seq++;
	MUST(daxfs_hold(mnt, cx, board->slices, &h));
	n = daxfs_write(cx, &h->file, off, out, SLICE);
	if (n != SLICE && !board->kills)
		WRONG("a write of %u bytes gave %lld", SLICE, (long long)n);
	if (n == SLICE && (daxfs_read(cx, &h->file, off, in, SLICE) != SLICE ||
			   memcmp(in, out, SLICE)))
		WRONG("what nobody else writes has changed");
	daxfs_unhold(mnt, cx, h);
}

/* ---- files replaced by rename: readers always get a whole one ---- */

#define TMP_LEN	20000u

static void tmp_fill(u8 *b, u32 proc, u64 seq)
{
	u32 i;

	memcpy(b, &seq, 8);
	for (i = 8; i < TMP_LEN; i++)
		b[i] = (u8)(seq * 7 + proc * 31 + i / 5);
}

/* A new file of ours, whole or -ENOSPC. */
static int tmp_make(const char *name)
{
	static __thread u8 b[TMP_LEN];
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct daxfs_held *h;
	struct daxfs_stat st;
	s64 n;
	int r;

	r = daxfs_create(cx, board->shared, name, len_of(name), &what, &st);
	if (r == -EEXIST && board->kills) {
		MUST(daxfs_unlink(cx, board->shared, name, len_of(name)));
		r = daxfs_create(cx, board->shared, name, len_of(name), &what,
				 &st);
	}
	ALLOW(r, 0, 0, 0, 0);
	if (r)
		return r;
	tmp_fill(b, me, ++my_seq);
	MUST(daxfs_hold(mnt, cx, st.ino, &h));
	n = daxfs_write(cx, &h->file, 0, b, TMP_LEN);
	if (n != TMP_LEN && !board->kills)
		WRONG("a write of %u bytes gave %lld", TMP_LEN, (long long)n);
	daxfs_unhold(mnt, cx, h);
	return n == TMP_LEN ? 0 : -ENOSPC;
}

static void op_publish(void)
{
	char w[16], t[16];
	int r;

	snprintf(w, sizeof(w), "w%u", me);
	snprintf(t, sizeof(t), "t%u", me);
	if (tmp_make(w))
		return;
	r = daxfs_rename(cx, board->shared, w, len_of(w), board->shared, t,
			 len_of(t), 0);
	ALLOW(r, 0, 0, 0, 0);
	if (!r)
		__atomic_store_n(&board->published[me], 1, __ATOMIC_SEQ_CST);
}

static void op_consume(void)
{
	static __thread u8 have[TMP_LEN + 1], want[TMP_LEN];
	u32 p = below(board->procs);
	u64 there = get(&board->published[p]), seq;
	struct daxfs_held *h;
	struct daxfs_stat st;
	char t[16];
	int r;

	snprintf(t, sizeof(t), "t%u", p);
	r = daxfs_lookup(cx, board->shared, t, len_of(t), &st);
	ALLOW(r, there ? 0 : ENOENT, 0, 0, 0);
	if (r || daxfs_hold(mnt, cx, st.ino, &h))
		return;		/* replaced between the two calls */
	r = (int)MUST(daxfs_read(cx, &h->file, 0, have, TMP_LEN + 1));
	memcpy(&seq, have, 8);
	tmp_fill(want, p, seq);
	if (r != (int)TMP_LEN || memcmp(have, want, TMP_LEN))
		WRONG("a replaced file of %u reads %d bytes, not whole", p, r);
	daxfs_unhold(mnt, cx, h);
}

/* ---- listing ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name,
		      ((const struct listed *)b)->name);
}

/* Names that stay are listed once; "hub" and "slices" stay. */
static void op_list(void)
{
	int hub = 0, slices = 0;
	struct list l;
	u64 i;

	MUST(list_dir(board->shared, &l));
	qsort(l.e, l.nr, sizeof(*l.e), by_name);
	for (i = 0; i < l.nr; i++) {
		hub += !strcmp(l.e[i].name, "hub") && l.e[i].ino == board->hub;
		slices += !strcmp(l.e[i].name, "slices");
	}
	if (hub != 1 || slices != 1)
		WRONG("a name that stays is listed %d and %d times", hub,
		      slices);
	free(l.e);
}

/* ---- calls ---- */

void board_make(u32 procs, int kills)
{
	u64 root = DAXFS_ROOT_INO;
	char name[16];
	u32 i;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		WRONG("out of memory");
	board->procs = procs;
	board->kills = !!kills;
	board->own = make_dir(root, "own");
	board->shared = make_dir(root, "shared");
	board->race = make_dir(root, "race");
	board->move = make_dir(root, "move");
	for (i = 0; i < MOVERS; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		board->mover[i] = make_dir(board->move, name);
	}
	board->flip = make_dir(root, "flip");
	board->flip_d = make_dir(board->flip, "d");
	make_file(board->flip, "a");
	board->hub = make_file(board->shared, "hub");
	board->slices = make_file(board->shared, "slices");
	for (i = 0; i < LOGS; i++) {
		snprintf(name, sizeof(name), "log%u", i);
		board->log[i] = make_file(root, name);
	}
}

/* Sequence numbers go on after a restart: the clock has moved on. */
void shared_init(u32 nr)
{
	me = nr;
	my_seq = now_ms() << 20;
}

void shared_step(void)
{
	switch (below(16)) {
	case 0: case 1:
		op_unique();
		break;
	case 2:
		op_hub();
		break;
	case 3: case 4: case 5:
		op_race();
		break;
	case 6:
		op_move();
		break;
	case 7:
		op_in_mover();
		break;
	case 8:
		op_append();
		break;
	case 9:
		op_slice();
		break;
	case 10:
		op_publish();
		break;
	case 11: case 12:
		op_consume();
		break;
	case 13:
		if (!below(8))
			op_list();
		break;
	default:
		if (!me)
			op_flip();
		else
			op_look();
	}
}

void shared_verify(void)
{
	u32 i;

	verify_unique();
	for (i = 0; i < LOGS; i++)
		verify_log(i);
	report(board->procs == 1 || board->looks > 0,
	       "renames watched: %llu times",
	       (unsigned long long)board->looks);
	report(board->races_won > 0, "create against rmdir: %llu created",
	       (unsigned long long)board->races_won);
	report(count_dirs(board->move) == MOVERS, "moved directories: %llu of "
	       "%u are there", (unsigned long long)count_dirs(board->move),
	       MOVERS);
	report(is_there(board->flip, "a") != is_there(board->flip_d, "b"),
	       "the renamed file has one of its two names");
}
