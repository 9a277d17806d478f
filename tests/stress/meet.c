/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls that all workers of all mounts make in the same directories.
 *
 * Notes: see meet.h and, for the same through the library, shared.c. Calls
 * that say ESTALE are made again (oracle.h).
 */
#define _GNU_SOURCE
#include "meet.h"
#include "oracle.h"

#include <fcntl.h>
#include <stdarg.h>

#define RECORD_MAX	12000u
#define FILE_LEN	9000u
#define SLICE		700u
#define PATH_LEN	1024

static struct meet *b;
static u32 me;

static void count(u64 *p)
{
	__atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
}

static u64 get(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void put(u64 *p, u64 v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

static void __attribute__((format(printf, 3, 4)))
path_of(char *path, const char *top, const char *fmt, ...)
{
	int n = snprintf(path, PATH_LEN, "%s/", top);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, (size_t)(PATH_LEN - n), fmt, ap);
	va_end(ap);
}

/* 0, the negative errno of a death, or one of two that may be: positive. */
static int may(const char *what, s64 ret, int a, int c)
{
	int err = ret < 0 ? errno : 0;

	if (oracle_is_dead(err))
		return -err;
	if (err && err != a && err != c)
		WRONG("%s: %s", what, strerror(err));
	return err;
}

static int make_file_at(const char *path)
{
	int fd = (int)FRESH(open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
				 0644));

	if (fd >= 0)
		close(fd);
	return fd;
}

/* ---- a name is made once ---- */

static int op_unique(const char *top)
{
	u32 k = (u32)below(MEET_NAMES);
	char path[PATH_LEN];
	int r;

	path_of(path, top, "names/u%u", k);
	if (below(2)) {
		r = may("create", make_file_at(path), EEXIST, 0);
		if (r <= 0)
			count(r ? &b->maybe_made[k] : &b->made[k]);
	} else {
		r = may("unlink", FRESH(unlink(path)), ENOENT, 0);
		if (r <= 0)
			count(r ? &b->maybe_removed[k] : &b->removed[k]);
	}
	return r;
}

/* What is there counts from now on. */
static void verify_unique(const char *top)
{
	u64 k, wrong = 0, doubt = 0;
	char path[PATH_LEN];
	struct stat st;

	for (k = 0; k < MEET_NAMES; k++) {
		s64 there, surely = (s64)(b->made[k] - b->removed[k]);

		path_of(path, top, "names/u%llu", (unsigned long long)k);
		there = !lstat(path, &st);
		wrong += there > surely + (s64)b->maybe_made[k] ||
			 there < surely - (s64)b->maybe_removed[k];
		doubt += b->maybe_made[k] + b->maybe_removed[k];
		b->made[k] = (u64)there;
		b->removed[k] = b->maybe_made[k] = b->maybe_removed[k] = 0;
	}
	if (wrong)
		WRONG("%llu of %u names that all make and remove: counts wrong, "
		      "%llu calls in doubt", (unsigned long long)wrong,
		      MEET_NAMES, (unsigned long long)doubt);
}

/* ---- rmdir against create ---- */

/* What we made in a directory keeps that directory where it is. */
static int create_in(const char *top, u32 k)
{
	char dir[PATH_LEN], path[PATH_LEN];
	struct stat st;
	int r;

	path_of(dir, top, "race/d%u", k);
	path_of(path, top, "race/d%u/f%u", k, me);
	r = may("create", make_file_at(path), ENOENT,
		b->leftover[me] ? EEXIST : 0);
	if (r < 0)
		b->leftover[me] = 1;
	if (r < 0 || r == ENOENT)
		return r;
	count(&b->held[me]);
	r = may("stat of a directory that is not empty", FRESH(stat(dir, &st)),
		0, 0);
	if (!r)
		r = may("unlink in it", FRESH(unlink(path)), 0, 0);
	if (r < 0)
		b->leftover[me] = 1;
	return r;
}

static int op_race(const char *top)
{
	u32 k = (u32)below(3);
	char dir[PATH_LEN];

	path_of(dir, top, "race/d%u", k);
	switch (below(4)) {
	case 0:
		return may("mkdir", FRESH(mkdir(dir, 0755)), EEXIST, 0);
	case 1:
		return may("rmdir", FRESH(rmdir(dir)), ENOENT, ENOTEMPTY);
	default:
		return create_in(top, k);
	}
}

/* ---- a rename is never seen half done ---- */

/* 1, 0 or negative. */
static int is_there(const char *top, const char *name)
{
	char path[PATH_LEN];
	struct stat st;
	int r;

	path_of(path, top, "flip/%s", name);
	r = may("lstat", FRESH(lstat(path, &st)), ENOENT, 0);
	return r < 0 ? r : !r;
}

/* Worker 0 alone; where the file is after a death has to be looked up. */
static int op_flip(const char *top)
{
	int at_a = is_there(top, "a"), at_b = is_there(top, "d/b"), r;
	char path_a[PATH_LEN], path_b[PATH_LEN];

	if (at_a < 0 || at_b < 0)
		return at_a < 0 ? at_a : at_b;
	if (at_a == at_b)
		WRONG("the file has %s of its two names", at_a ? "both" : "none");
	path_of(path_a, top, "flip/a");
	path_of(path_b, top, "flip/d/b");
	put(&b->ended, b->begun);
	count(&b->begun);
	r = may("rename", FRESH(at_a ? rename(path_a, path_b) :
				rename(path_b, path_a)), 0, 0);
	if (!r)
		count(&b->ended);
	return r;
}

/* As in shared.c: with at most one rename meanwhile, it is somewhere. */
static int op_look(const char *top)
{
	u64 ended = get(&b->ended);
	int a = is_there(top, "a"), d = is_there(top, "d/b");
	int again = is_there(top, "a");

	if (a < 0 || d < 0 || again < 0)
		return a < 0 ? a : d < 0 ? d : again;
	if (get(&b->begun) - ended > 1)
		return 0;
	count(&b->looks);
	if (a == d && d == again)
		WRONG("during a rename %s name is seen", a ? "each" : "no");
	return 0;
}

/* ---- records at the end of common files ---- */

struct record {
	u32 magic, len, worker, seq, sum;
	u8 byte[];
};

static u8 record_buf[RECORD_MAX] __attribute__((aligned(8)));

static u32 record_sum(const struct record *r)
{
	u32 i, sum = r->len * 31 + r->worker * 7 + r->seq;

	for (i = 0; i < r->len - sizeof(*r); i++)
		sum = sum * 33 + r->byte[i];
	return sum;
}

static void record_fill(struct record *r, u32 seq)
{
	u32 i;

	r->magic = 0x6d656574;
	r->len = (u32)(sizeof(*r) + below(below(6) ? 500 :
					  RECORD_MAX - sizeof(*r)));
	r->worker = me;
	r->seq = seq;
	for (i = 0; i < r->len - sizeof(*r); i++)
		r->byte[i] = (u8)(seq * 13 + i + me);
	r->sum = record_sum(r);
}

static int op_append(const char *top)
{
	struct record *r = (struct record *)record_buf;
	u32 k = (u32)below(MEET_LOGS), seq = b->seq[me][k];
	char path[PATH_LEN];
	int fd, e;
	s64 ret;

	if (seq == MEET_SEQS)
		return 0;
	path_of(path, top, "log%u", k);
	fd = (int)FRESH(open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
	e = may("open of a log", fd, 0, 0);
	if (e)
		return e;
	record_fill(r, seq);
	b->record[me][k][seq] = MEET_IN_DOUBT;
	b->seq[me][k] = seq + 1;
	ret = write(fd, r, r->len);
	e = may("append", ret, 0, 0);
	if (!e && ret != r->len)
		WRONG("an append of %u bytes gave %lld", r->len, (long long)ret);
	if (!e) {
		b->record[me][k][seq] = MEET_ACKED;
		count(&b->records);
	}
	close(fd);
	return e;
}

/* The record at the front of all; its length, 0 if it is none. */
static u32 next_record(u32 k, const u8 *all, u64 left, s64 *last)
{
	struct record *r = (struct record *)record_buf;
	u8 *state;

	memcpy(r, all, left < RECORD_MAX ? left : RECORD_MAX);
	if (left < sizeof(*r) || r->magic != 0x6d656574 ||
	    r->len < sizeof(*r) || r->len > left || r->len > RECORD_MAX ||
	    r->worker >= b->workers || r->seq >= b->seq[r->worker][k] ||
	    (s64)r->seq <= last[r->worker] || r->sum != record_sum(r))
		return 0;
	last[r->worker] = r->seq;
	state = &b->record[r->worker][k][r->seq];
	*state = MEET_UNUSED;	/* found */
	return r->len;
}

static void verify_log(u32 k, const char *top)
{
	s64 last[MEET_WORKERS];
	char path[PATH_LEN];
	struct stat st;
	u64 off, lost = 0;
	u32 len, w, seq;
	u8 *all;
	int fd;

	path_of(path, top, "log%u", k);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		WRONG("%s: %s", path, strerror(errno));
	all = malloc((u64)st.st_size + 1);
	if (!all || read(fd, all, (size_t)st.st_size) != st.st_size)
		WRONG("%s cannot be read: %s", path, strerror(errno));
	memset(last, 0xff, sizeof(last));
	for (off = 0; off < (u64)st.st_size; off += len) {
		len = next_record(k, all + off, (u64)st.st_size - off, last);
		if (!len)
			WRONG("%s: no whole record of anybody at %llu of %llu",
			      path, (unsigned long long)off,
			      (unsigned long long)st.st_size);
	}
	for (w = 0; w < b->workers; w++) {
		for (seq = 0; seq < b->seq[w][k]; seq++)
			lost += b->record[w][k][seq] == MEET_ACKED;
		b->seq[w][k] = 0;
	}
	if (lost)
		WRONG("%s: %llu acknowledged records are lost", path,
		      (unsigned long long)lost);
	if (ftruncate(fd, 0))
		WRONG("%s: truncate: %s", path, strerror(errno));
	close(fd);
	free(all);
}

/* ---- each a slice of one file: neighbours share pages ---- */

static u8 slice_byte(u32 w, u64 seq, u32 i)
{
	return seq ? (u8)(seq * 7 + w * 31 + i / 3) | 1 : 0;
}

/* Each byte is the acknowledged one, or of the write that was begun. */
static void compare_slice(u32 w, const u8 *have)
{
	u32 i;

	for (i = 0; i < SLICE; i++) {
		if (have[i] != slice_byte(w, b->slice[w], i) &&
		    have[i] != slice_byte(w, b->slice_intent[w], i))
			WRONG("byte %u of the slice of worker %u is %u", i, w,
			      have[i]);
	}
}

static int op_slice(const char *top)
{
	u64 seq = b->slice_intent[me] + 1;
	char path[PATH_LEN];
	u8 out[SLICE], in[SLICE];
	u32 i;
	int fd, r;
	s64 ret;

	path_of(path, top, "slices");
	fd = open(path, O_RDWR | O_CLOEXEC);
	r = may("open", fd, 0, 0);
	if (r)
		return r;
	for (i = 0; i < SLICE; i++)
		out[i] = slice_byte(me, seq, i);
	put(&b->slice_intent[me], seq);
	ret = pwrite(fd, out, SLICE, (off_t)(me * SLICE + 7));
	r = may("write", ret, 0, 0);
	if (!r && ret != SLICE)
		r = -ECONNABORTED;	/* cut in two, and died between */
	if (!r) {
		put(&b->slice[me], seq);
		r = may("read", oracle_read(fd, in, SLICE, me * SLICE + 7),
			0, 0);
		if (!r)
			compare_slice(me, in);
	}
	close(fd);
	return r;
}

/* Read in, and written anew so that each byte is of one write. */
static int settle_slice(const char *top)
{
	u8 in[SLICE] = { 0 };
	char path[PATH_LEN];
	int fd, r;

	path_of(path, top, "slices");
	fd = open(path, O_RDWR | O_CLOEXEC);
	r = may("open", fd, 0, 0);
	if (r)
		return r;
	r = may("read", oracle_read(fd, in, SLICE, me * SLICE + 7), 0, 0);
	close(fd);
	if (r)
		return r;
	compare_slice(me, in);
	return b->slice[me] == b->slice_intent[me] ? 0 : op_slice(top);
}

static void verify_slices(const char *top)
{
	u8 in[MEET_WORKERS * SLICE + 7] = { 0 };
	char path[PATH_LEN];
	int fd;
	u32 w;

	path_of(path, top, "slices");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, in, sizeof(in)) < 0)
		WRONG("%s: %s", path, strerror(errno));
	close(fd);
	for (w = 0; w < b->workers; w++)
		compare_slice(w, in + 7 + w * SLICE);
}

/* ---- files replaced by rename ---- */

static void file_fill(u8 *to, u32 w, u64 seq)
{
	u32 i;

	memcpy(to, &seq, 8);
	for (i = 8; i < FILE_LEN; i++)
		to[i] = (u8)(seq * 7 + w * 31 + i / 5);
}

/* Content, fsync, rename: what editors do. */
static int op_publish(const char *top)
{
	static u8 out[FILE_LEN];
	u64 seq = b->intent[me] + 1;
	char path[PATH_LEN], target[PATH_LEN];
	int fd, r;

	path_of(path, top, "names/w%u", me);
	path_of(target, top, "names/t%u", me);
	fd = (int)FRESH(open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC,
			     0644));
	r = may("open of a new file", fd, 0, 0);
	if (r)
		return r;
	file_fill(out, me, seq);
	r = may("write", write(fd, out, FILE_LEN), 0, 0);
	if (!r)
		r = may("fsync", fsync(fd), 0, 0);
	close(fd);
	if (r)
		return r;
	put(&b->intent[me], seq);
	r = may("rename", FRESH(rename(path, target)), 0, 0);
	if (!r)
		put(&b->published[me], seq);
	return r;
}

/* Whole, and of a time between our look at the board and now. */
static void compare_file(u32 w, const u8 *have, s64 len, u64 least)
{
	static u8 want[FILE_LEN];
	u64 seq;

	if (len != FILE_LEN)
		WRONG("a replaced file of %u reads %lld bytes", w,
		      (long long)len);
	memcpy(&seq, have, 8);
	file_fill(want, w, seq);
	if (memcmp(have, want, FILE_LEN))
		WRONG("a replaced file of %u is not whole", w);
	if (seq < least || seq > get(&b->intent[w]))
		WRONG("a replaced file of %u is number %llu; %llu was "
		      "acknowledged, %llu begun", w, (unsigned long long)seq,
		      (unsigned long long)least,
		      (unsigned long long)get(&b->intent[w]));
}

static int consume(const char *top, u32 w)
{
	static u8 have[FILE_LEN + 1];
	u64 least = get(&b->published[w]);
	char path[PATH_LEN];
	s64 len;
	int fd, r;

	path_of(path, top, "names/t%u", w);
	fd = (int)FRESH(open(path, O_RDONLY | O_CLOEXEC));
	r = may("open of a replaced file", fd, least ? 0 : ENOENT, 0);
	if (r)
		return r;
	len = oracle_read(fd, have, sizeof(have), 0);
	r = may("read of a replaced file", len, 0, 0);
	close(fd);
	if (!r)
		compare_file(w, have, len, least);
	return r;
}

/* ---- calls ---- */

void meet_make(struct meet *board, u32 workers, const char *top)
{
	static const char *const dirs[] = { "names", "race", "flip", "flip/d" };
	static const char *const files[] = { "flip/a", "slices", "log0", "log1" };
	char path[PATH_LEN];
	u32 i;

	b = board;
	b->workers = workers;
	for (i = 0; i < 4; i++) {
		path_of(path, top, "%s", dirs[i]);
		if (mkdir(path, 0755))
			WRONG("%s: %s", path, strerror(errno));
	}
	for (i = 0; i < 4; i++) {
		path_of(path, top, "%s", files[i]);
		if (make_file_at(path) < 0)
			WRONG("%s: %s", path, strerror(errno));
	}
}

int meet_start(struct meet *board, u32 nr, const char *top)
{
	b = board;
	me = nr;
	return settle_slice(top);
}

/* Of one call it is not known whether it came true, nor which one it was. */
void meet_died(struct meet *board, u32 nr)
{
	u32 k;

	for (k = 0; k < MEET_NAMES; k++) {
		board->maybe_made[k]++;
		board->maybe_removed[k]++;
	}
	board->leftover[nr] = 1;
}

int meet_step(const char *top)
{
	int r;

	switch (below(12)) {
	case 0: case 1:
		r = op_unique(top);
		break;
	case 2: case 3:
		r = op_race(top);
		break;
	case 4: case 5:
		r = me ? op_look(top) : op_flip(top);
		break;
	case 6: case 7:
		r = op_append(top);
		break;
	case 8:
		r = op_slice(top);
		break;
	case 9:
		r = op_publish(top);
		break;
	default:
		r = consume(top, (u32)below(b->workers));
	}
	return r < 0 ? r : 0;
}

void meet_verify(struct meet *board, const char *top)
{
	u32 i;

	b = board;
	verify_unique(top);
	for (i = 0; i < MEET_LOGS; i++)
		verify_log(i, top);
	verify_slices(top);
	for (i = 0; i < b->workers; i++) {
		if (consume(top, i) < 0)
			WRONG("the server of %s has died", top);
	}
	if (is_there(top, "a") == is_there(top, "d/b"))
		WRONG("the renamed file does not have one of its two names");
}
