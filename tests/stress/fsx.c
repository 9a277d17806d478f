/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsx: random operations on one file, each compared with a copy in memory.
 *
 * Notes: the file lies in a directory of any file system; with two directories,
 * which are the same one on two mounts, operations go through the two in turn
 * at random, and what one did is looked at through the other. Bytes written are never
 * zero, so that a hole or a lost page shows. Nothing else may touch the file.
 * Two mounts write no mapped pages: daxfs-fuse(8) says why. What a file system
 * refuses with EOPNOTSUPP is found out before, said, and left out; -R makes
 * that a failure. The same seed gives the same operations.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define RING	100u
#define PAGE	4096u
#define CHUNK	(2 * MIB)
#define SIDES	2u

enum kind {
	READ, WRITE, WRITEV, APPEND, TRUNCATE, MAPREAD, MAPWRITE, PUNCH, ZERO,
	ZERO_KEEP, ALLOC, ALLOC_KEEP, COPY, SEEK, FSYNC, REOPEN, EMPTY, KINDS
};

static const struct {
	const char *name;
	u32 weight;
} kinds[KINDS] = {
	[READ]		= { "read", 20 },
	[WRITE]		= { "write", 20 },
	[WRITEV]	= { "writev", 4 },
	[APPEND]	= { "append", 6 },
	[TRUNCATE]	= { "truncate", 8 },
	[MAPREAD]	= { "mapread", 12 },
	[MAPWRITE]	= { "mapwrite", 12 },
	[PUNCH]		= { "punch", 8 },
	[ZERO]		= { "zero", 5 },
	[ZERO_KEEP]	= { "zero_keep", 5 },
	[ALLOC]		= { "alloc", 4 },
	[ALLOC_KEEP]	= { "alloc_keep", 3 },
	[COPY]		= { "copy", 8 },
	[SEEK]		= { "seek", 8 },
	[FSYNC]		= { "fsync", 2 },
	[REOPEN]	= { "reopen", 3 },
	[EMPTY]		= { "empty", 1 },
};

struct op {
	u64 nr;
	enum kind kind;
	u32 side;
	u64 off, len;	/* what is touched; a new size in off */
	u64 from;	/* of a copy */
	u64 before, after;	/* size */
};

static const char *dir[SIDES];
static char path[SIDES][PATH_MAX];
static int fd[SIDES] = { -1, -1 }, append_fd[SIDES] = { -1, -1 };
static u32 sides = 1;
static u64 ops_wanted = 20000, max_len = 5 * MIB + 12345, seed, check_every = 500;
static int verbose, all_required;
static const char *existing;

static u8 *good, *seen;	/* max_len and a page more each */
static u64 size;
static struct op ring[RING], *now;
static u64 nr_ops, done[KINDS];
static u32 off[KINDS];		/* not done: asked for, or refused */

/* ---- what went wrong ---- */

static void print_op(const struct op *o, int touches)
{
	printf("#%c %8llu %s%s", touches ? '*' : ' ', (unsigned long long)o->nr,
	       sides < 2 ? "" : o->side ? "B " : "A ", kinds[o->kind].name);
	printf(" [0x%llx, 0x%llx) of 0x%llx bytes", (unsigned long long)o->off,
	       (unsigned long long)(o->off + o->len),
	       (unsigned long long)o->before);
	if (o->kind == COPY)
		printf(", from 0x%llx on", (unsigned long long)o->from);
	if (o->after != o->before)
		printf(", now 0x%llx", (unsigned long long)o->after);
	putchar('\n');
}

/* Operations that touch [from, to) are marked. */
static void __attribute__((noreturn, format(printf, 3, 4)))
fail(u64 from, u64 to, const char *fmt, ...)
{
	u64 i = nr_ops > RING ? nr_ops - RING : 0;
	va_list ap;

	printf("# operation %llu%s: ", (unsigned long long)nr_ops,
	       sides < 2 || !now ? "" : now->side ? " through B" : " through A");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n# the last operations:\n");
	for (; i < nr_ops; i++) {
		const struct op *o = &ring[i % RING];
		u64 lo = o->before < o->after ? o->before : o->after;
		u64 hi = o->before < o->after ? o->after : o->before;

		print_op(o, (o->off < to && o->off + o->len > from) ||
			 (o->before != o->after && lo < to && hi > from));
	}
	report(0, "fsx: seed %llu, operation %llu", (unsigned long long)seed,
	       (unsigned long long)nr_ops);
	exit(report_total());
}

static void __attribute__((noreturn)) failed(const char *call)
{
	fail(now ? now->off : 0, now ? now->off + now->len : 0, "%s: %s", call,
	     strerror(errno));
}

#define OK(call)							\
	({								\
		s64 ok_ = (s64)(call);					\
		if (ok_ < 0)						\
			failed(#call);					\
		ok_;							\
	})

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	fail(now->off, now->off + now->len, "SIGBUS at %p", info->si_addr);
}

/* have is what the file system said is at [at, at + len). */
static void compare(const u8 *have, u64 at, u64 len, const char *how, u32 side)
{
	u64 i, from, to, wrong = 0;

	if (!memcmp(have, good + at, len))
		return;
	for (from = 0; have[from] == good[at + from]; from++)
		;
	for (to = len; have[to - 1] == good[at + to - 1]; to--)
		;
	for (i = from; i < to; i++)
		wrong += have[i] != good[at + i];
	fail(at + from, at + to, "%s%s: %llu bytes of [0x%llx, 0x%llx) differ: "
	     "0x%02x and not 0x%02x, last 0x%02x and not 0x%02x", how,
	     sides < 2 ? "" : side ? " through B" : " through A",
	     (unsigned long long)wrong, (unsigned long long)(at + from),
	     (unsigned long long)(at + to), have[from], good[at + from],
	     have[to - 1], good[at + to - 1]);
}

/* ---- looking ---- */

static void check_size(u32 side)
{
	struct stat st;

	OK(fstat(fd[side], &st));
	if ((u64)st.st_size != size)
		fail(size, size + 1, "size%s is 0x%llx, not 0x%llx",
		     sides < 2 ? "" : side ? " through B" : " through A",
		     (unsigned long long)st.st_size, (unsigned long long)size);
}

/* Reads over the end on purpose: it has to stop there. */
static void read_and_compare(u32 side, u64 at, u64 len)
{
	u64 want = at >= size ? 0 : at + len > size ? size - at : len, got = 0;
	s64 r;

	while (got < len) {
		r = OK(pread(fd[side], seen + got, len - got, (off_t)(at + got)));
		if (!r)
			break;
		got += (u64)r;
	}
	if (got != want)
		fail(at + (got < want ? got : want), at + len, "read 0x%llx of "
		     "0x%llx bytes at 0x%llx", (unsigned long long)got,
		     (unsigned long long)want, (unsigned long long)at);
	compare(seen, at, got, "read", side);
}

static void check_all(void)
{
	u32 side;

	for (side = 0; side < sides; side++) {
		check_size(side);
		read_and_compare(side, 0, max_len);
	}
}

/* What was just done, and a little around it. */
static void check_near(const struct op *o)
{
	u32 side = (u32)below(sides);
	u64 from = o->off > 100 ? o->off - 100 : 0;
	u64 to = o->off + o->len + 100;

	check_size(side);
	if (below(4))
		read_and_compare(side, from, (to < max_len ? to : max_len) - from);
	if (o->after > o->before && !below(4))
		read_and_compare(side, o->before, o->after - o->before);
}

/* ---- choosing ---- */

/* Often near a page or a chunk: there things meet. */
static u64 some_offset(u64 limit)
{
	u64 at = below(limit + 1), unit = below(4) ? PAGE : CHUNK;

	if (below(3)) {
		at = (at + unit / 2) / unit * unit;
		if (below(3))
			at = at + below(9) > 4 ? at + below(9) - 4 : 0;
	}
	return at < limit ? at : limit;
}

static u64 some_length(u64 room)
{
	static const u64 most[] = { 16, 512, PAGE, 3 * PAGE, 65536, 65536,
				    300000, CHUNK + PAGE };
	u64 len = 1 + below(most[below(8)]);

	if (!below(4))
		len = (len + PAGE - 1) / PAGE * PAGE;
	return len < room ? len : room;
}

/* At least one byte below max_len. Half of them inside the file. */
static void some_range(struct op *o)
{
	u64 limit = size && below(2) ? size - 1 : max_len - 1;

	if (!below(16))
		limit = size < max_len ? size : max_len - 1;
	o->off = some_offset(limit);
	o->len = some_length(max_len - o->off);
}

static enum kind some_kind(void)
{
	u32 all = 0, k;
	u64 n;

	for (k = 0; k < KINDS; k++)
		all += off[k] ? 0 : kinds[k].weight;
	n = below(all);
	for (k = 0; k < KINDS; k++) {
		u32 weight = off[k] ? 0 : kinds[k].weight;

		if (n < weight)
			break;
		n -= weight;
	}
	return (enum kind)k;
}

/* ---- the copy in memory ---- */

static void good_size(u64 to)
{
	if (to < size)
		memset(good + to, 0, size - to);
	size = to;
}

static void good_bytes(u64 at, u64 len)
{
	u64 i, x = random64();

	for (i = 0; i < len; i++)
		good[at + i] = (u8)(1 + ((x >> (i % 8 * 8)) + i / 8) % 255);
	if (at + len > size)
		size = at + len;
}

/* ---- the operations ---- */

static void do_read(struct op *o)
{
	some_range(o);
	read_and_compare(o->side, o->off, o->len);
}

static void all_written(s64 r, u64 len)
{
	if ((u64)r != len)
		fail(now->off, now->off + now->len, "wrote 0x%llx of 0x%llx bytes",
		     (unsigned long long)r, (unsigned long long)len);
}

static void do_write(struct op *o)
{
	some_range(o);
	good_bytes(o->off, o->len);
	all_written(OK(pwrite(fd[o->side], good + o->off, o->len,
			      (off_t)o->off)), o->len);
}

static void do_writev(struct op *o)
{
	struct iovec iov[5];
	u64 at, n;
	int i;

	some_range(o);
	good_bytes(o->off, o->len);
	for (at = o->off, i = 0; i < 5; i++, at += n) {
		n = i == 4 ? o->off + o->len - at :
		    below(o->off + o->len - at + 1);
		iov[i].iov_base = good + at;
		iov[i].iov_len = n;
	}
	all_written(OK(pwritev(fd[o->side], iov, 5, (off_t)o->off)), o->len);
}

static void do_append(struct op *o)
{
	o->off = size;
	o->len = some_length(max_len - size);
	if (!o->len)
		return;
	good_bytes(o->off, o->len);
	all_written(OK(write(append_fd[o->side], good + o->off, o->len)), o->len);
}

static void do_truncate(struct op *o)
{
	o->off = some_offset(max_len);
	good_size(o->off);
	if (below(4))
		OK(ftruncate(fd[o->side], (off_t)o->off));
	else
		OK(truncate(path[o->side], (off_t)o->off));
}

static u8 *map(struct op *o, int prot, u64 *lead)
{
	u8 *at;

	*lead = o->off % PAGE;
	at = mmap(NULL, o->len + *lead, prot, MAP_SHARED, fd[o->side],
		  (off_t)(o->off - *lead));
	if (at == MAP_FAILED)
		failed("mmap");
	return at;
}

/* Bytes of the last page behind the end of the file are zero. */
static void check_tail(const u8 *end, u64 at)
{
	u64 i;

	for (i = 0; (at + i) % PAGE; i++)
		if (end[i])
			fail(at, at + PAGE, "0x%02x in a mapped page, 0x%llx "
			     "bytes behind the end", end[i],
			     (unsigned long long)i);
}

/*
 * Pages that are mapped follow the other mount when this one looks at the
 * attributes, so it does.
 */
static void do_mapread(struct op *o)
{
	u64 lead;
	u8 *at;

	check_size(o->side);
	if (!size)
		return;
	o->off = some_offset(size - 1);
	o->len = some_length(size - o->off);
	at = map(o, PROT_READ, &lead);
	compare(at + lead, o->off, o->len, "mapped", o->side);
	if (o->off + o->len == size)
		check_tail(at + lead + o->len, size);
	OK(munmap(at, o->len + lead));
}

static void do_mapwrite(struct op *o)
{
	u64 lead;
	u8 *at;

	some_range(o);
	if (o->off + o->len > size)
		OK(ftruncate(fd[o->side], (off_t)(o->off + o->len)));
	at = map(o, PROT_READ | PROT_WRITE, &lead);
	good_bytes(o->off, o->len);
	memcpy(at + lead, good + o->off, o->len);
	if (!below(2))
		OK(msync(at, o->len + lead, below(2) ? MS_SYNC : MS_ASYNC));
	if (o->off + o->len == size)
		check_tail(at + lead + o->len, size);
	OK(munmap(at, o->len + lead));
}

static void space(struct op *o, int mode)
{
	some_range(o);
	OK(fallocate(fd[o->side], mode, (off_t)o->off, (off_t)o->len));
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(good + o->off, 0, o->len);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && o->off + o->len > size)
		size = o->off + o->len;
}

/*
 * Inside one file; the two ranges do not meet. The kernel compares the range
 * with the size that it knows, so this mount has to look first, as cp does.
 */
static void do_copy(struct op *o)
{
	off_t from, to;
	u64 left;
	s64 r;

	check_size(o->side);
	if (!size)
		return;
	o->from = some_offset(size - 1);
	o->len = some_length(size - o->from);
	o->off = some_offset(max_len - o->len);
	if (o->off < o->from + o->len && o->from < o->off + o->len)
		o->len = o->off < o->from ? o->from - o->off : o->off - o->from;
	from = (off_t)o->from;
	to = (off_t)o->off;
	for (left = o->len; left; left -= (u64)r) {
		r = OK(copy_file_range(fd[o->side], &from, fd[o->side], &to,
				       left, 0));
		if (!r)
			fail(o->off, o->off + o->len, "copied nothing of 0x%llx "
			     "bytes", (unsigned long long)left);
	}
	memcpy(good + o->off, good + o->from, o->len);
	if (o->off + o->len > size)
		size = o->off + o->len;
}

static int is_zero(u64 from, u64 to)
{
	for (; from < to; from++)
		if (good[from])
			return 0;
	return 1;
}

/* A file system may call zeros data, and may not call data a hole. */
static void do_seek(struct op *o)
{
	off_t data, hole;

	o->off = some_offset(size + 1);
	data = lseek(fd[o->side], (off_t)o->off, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		failed("SEEK_DATA");
	if (data >= 0 && ((u64)data < o->off || (u64)data >= size))
		fail(o->off, size, "SEEK_DATA from 0x%llx gives 0x%llx",
		     (unsigned long long)o->off, (unsigned long long)data);
	if (!is_zero(o->off, data < 0 ? size : (u64)data))
		fail(o->off, size, "SEEK_DATA passes over data to 0x%llx",
		     (unsigned long long)data);
	hole = lseek(fd[o->side], (off_t)o->off, SEEK_HOLE);
	if ((hole < 0) != (o->off >= size) || (hole < 0 && errno != ENXIO))
		failed("SEEK_HOLE");
	if (hole >= 0 && ((u64)hole < o->off || (u64)hole > size ||
			  !is_zero((u64)hole, (u64)hole + 1)))
		fail(o->off, size, "SEEK_HOLE gives 0x%llx",
		     (unsigned long long)hole);
}

static void open_side(u32 side, int flags)
{
	fd[side] = (int)OK(open(path[side], O_RDWR | flags, 0644));
	append_fd[side] = (int)OK(open(path[side], O_WRONLY | O_APPEND));
}

static void reopen(struct op *o, int flags)
{
	OK(close(fd[o->side]));
	OK(close(append_fd[o->side]));
	open_side(o->side, flags);
	if (flags & O_TRUNC)
		good_size(0);
}

static void do_fsync(struct op *o)
{
	if (below(2))
		OK(fsync(fd[o->side]));
	else
		OK(fdatasync(fd[o->side]));
}

static void do_kind(struct op *o)
{
	switch (o->kind) {
	case READ: return do_read(o);
	case WRITE: return do_write(o);
	case WRITEV: return do_writev(o);
	case APPEND: return do_append(o);
	case TRUNCATE: return do_truncate(o);
	case MAPREAD: return do_mapread(o);
	case MAPWRITE: return do_mapwrite(o);
	case PUNCH: return space(o, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	case ZERO: return space(o, FALLOC_FL_ZERO_RANGE);
	case ZERO_KEEP:
		return space(o, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	case ALLOC: return space(o, 0);
	case ALLOC_KEEP: return space(o, FALLOC_FL_KEEP_SIZE);
	case COPY: return do_copy(o);
	case SEEK: return do_seek(o);
	case FSYNC: return do_fsync(o);
	case REOPEN: return reopen(o, 0);
	case EMPTY: return reopen(o, O_TRUNC);
	case KINDS: break;
	}
}

static void one_operation(void)
{
	struct op *o = &ring[nr_ops % RING];

	memset(o, 0, sizeof(*o));
	o->nr = ++nr_ops;
	o->kind = some_kind();
	o->side = (u32)below(sides);
	o->before = o->after = size;
	now = o;
	do_kind(o);
	o->after = size;
	done[o->kind]++;
	if (verbose)
		print_op(o, 0);
	check_near(o);
	if (nr_ops % check_every == 0)
		check_all();
}

/* ---- what there is ---- */

static int refused(int r)
{
	if (r >= 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EXDEV ||
	    errno == ENODEV)
		return 1;
	failed("finding out what there is");
}

static void try_kinds(u32 side, int *is_refused)
{
	static const struct {
		enum kind kind;
		int mode;
	} modes[] = {
		{ PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
		{ ZERO, FALLOC_FL_ZERO_RANGE },
		{ ZERO_KEEP, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE },
		{ ALLOC, 0 }, { ALLOC_KEEP, FALLOC_FL_KEEP_SIZE },
	};
	off_t from = 0, to = PAGE;
	void *map;
	u32 i;

	OK(pwrite(fd[side], "x", 1, 0));
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd[side], 0);
	is_refused[MAPREAD] |= refused(map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		is_refused[MAPWRITE] = 1;
	else
		OK(munmap(map, PAGE));
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		is_refused[modes[i].kind] |= refused(fallocate(fd[side],
			modes[i].mode, 0, PAGE));
	is_refused[COPY] |= refused((int)copy_file_range(fd[side], &from,
							 fd[side], &to, 1, 0));
	OK(ftruncate(fd[side], 0));
}

/* A kernel that does not ask the server answers from the size that it knows. */
static int seek_is_local(void)
{
	OK(pwrite(fd[0], "x", 1, 0));
	OK(lseek(fd[1], 0, SEEK_DATA));
	OK(ftruncate(fd[0], 0));
	return lseek(fd[1], 0, SEEK_DATA) >= 0;
}

static void find_out(void)
{
	int is_refused[KINDS] = { 0 };
	char what[32];
	u32 side, k;

	for (side = 0; side < sides; side++)
		try_kinds(side, is_refused);
	is_refused[SEEK] = sides > 1 && seek_is_local();
	for (k = 0; k < KINDS; k++) {
		if (!is_refused[k] || off[k])
			continue;
		off[k] = 1;
		snprintf(what, sizeof(what), "fsx %s", kinds[k].name);
		if (all_required)
			report(0, "%s: refused here", what);
		else
			report_skip(what, "refused here");
	}
}

/* ---- the program ---- */

static int usage(void)
{
	fputs("usage: fsx [-n OPERATIONS] [-s SEED] [-l LENGTH] [-c OPERATIONS] "
	      "[-x KIND]... [-e FILE] [-R] [-v] DIR1 [DIR2]\n"
	      "Random operations on a file in DIR1, compared with memory.\n"
	      "DIR2: the same directory on another mount.\n"
	      "  -n  operations (default 20000)\n"
	      "  -s  seed (default: by the clock; it is printed)\n"
	      "  -l  the longest that the file gets (default about 5 MiB)\n"
	      "  -c  compare the whole file after so many (default 500)\n"
	      "  -x  leave out a kind, as named in messages\n"
	      "  -e  work on this file, which is there and is kept\n"
	      "  -R  what is refused is a failure\n"
	      "  -v  print each operation\n"
	      "Exit status: 0 all is well, 1 something is wrong, 2 not run.\n",
	      stderr);
	return 2;
}

static int leave_out(const char *name)
{
	u32 k;

	for (k = 0; k < KINDS; k++) {
		if (strcmp(name, kinds[k].name))
			continue;
		off[k] = 1;
		return 0;
	}
	return 2;
}

static int option(int c)
{
	if (c == 'n')
		ops_wanted = strtoull(optarg, NULL, 0);
	else if (c == 's')
		seed = strtoull(optarg, NULL, 0);
	else if (c == 'l')
		max_len = strtoull(optarg, NULL, 0);
	else if (c == 'c')
		check_every = strtoull(optarg, NULL, 0);
	else if (c == 'e')
		existing = optarg;
	else if (c == 'R')
		all_required = 1;
	else if (c == 'v')
		verbose = 1;
	else if (c == 'x')
		return leave_out(optarg);
	else
		return 2;
	return 0;
}

static int options(int argc, char **argv)
{
	int c, r = 0;

	seed = (u64)time(NULL) * 1000 + now_ms() % 1000;
	while ((c = getopt(argc, argv, "n:s:l:c:x:e:Rv")) >= 0)
		r |= option(c);
	if (r || optind >= argc || argc - optind > (int)SIDES || !max_len ||
	    max_len > 1ull << 32 || !check_every)
		return 2;
	sides = (u32)(argc - optind);
	dir[0] = argv[optind];
	dir[1] = argv[optind + sides - 1];
	if (sides > 1)
		off[MAPWRITE] = 1;
	return 0;
}

static void prepare(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	u32 i;

	sigaction(SIGBUS, &sa, NULL);
	good = calloc(1, max_len + PAGE);
	seen = calloc(1, max_len + PAGE);
	if (!good || !seen) {
		perror("fsx");
		exit(2);
	}
	for (i = 0; i < sides; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/fsx-%d", dir[i],
			 (int)getpid());
		open_side(i, i ? 0 : O_CREAT | O_EXCL);
	}
}

static void close_all(void)
{
	u32 i;

	for (i = 0; i < sides; i++) {
		OK(close(fd[i]));
		OK(close(append_fd[i]));
	}
}

/* What is in it is taken from the first side; the second has to agree. */
static void take_existing(void)
{
	struct stat st;
	u32 i;

	close_all();
	OK(unlink(path[0]));
	for (i = 0; i < sides; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", dir[i], existing);
		open_side(i, 0);
	}
	OK(fstat(fd[0], &st));
	if ((u64)st.st_size > max_len)
		fail(0, 0, "%s is too long: -l", path[0]);
	size = (u64)st.st_size;
	if ((u64)OK(pread(fd[0], good, size, 0)) != size)
		fail(0, size, "%s could not be read at once", path[0]);
	check_all();
}

static void say_what_was_done(void)
{
	u32 k;

	printf("#");
	for (k = 0; k < KINDS; k++)
		if (done[k])
			printf(" %s %llu", kinds[k].name,
			       (unsigned long long)done[k]);
	printf("\n");
	report(1, "fsx: %llu operations through %u mounts, seed %llu",
	       (unsigned long long)nr_ops, sides, (unsigned long long)seed);
}

int main(int argc, char **argv)
{
	if (options(argc, argv))
		return usage();
	printf("# fsx: seed %llu\n", (unsigned long long)seed);
	random_seed(seed);
	prepare();
	find_out();
	if (existing)
		take_existing();
	while (nr_ops < ops_wanted)
		one_operation();
	check_all();
	close_all();
	if (!existing)
		OK(unlink(path[0]));
	say_what_was_done();
	return report_total();
}
