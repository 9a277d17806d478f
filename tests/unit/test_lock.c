// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks of files across hosts, through the library.
 *
 * Notes: several hosts in this process open one region. Random locks and
 * unlocks are compared with a map of bytes: who has what type of lock on each.
 * LOCK_SEED=N repeats a random run. A host that dies is a child that is killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#include "api.h"
#include "inode.h"
#include "region.h"

#define HOSTS	3u
#define FDS	3u		/* of each */
#define OWNERS	(HOSTS * FDS)
#define BYTES	40u		/* the last one: up to the end of all files */

struct env {
	char path[64];
	struct daxfs *fs[HOSTS];
	struct daxfs_fd *fd[OWNERS];
};

/* ---- a region and its hosts ---- */

static void must(int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, daxfs_fs_error(r));
}

static void make_region(const char *path)
{
	struct daxfs_geometry g = {
		.region_len = 16u << 20, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.buckets = 512, .root_mode = 0755, .uuid = { 1, 2, 3 },
	};
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	u64 needed;
	void *base;

	assert_true(fd >= 0);
	must(daxfs_plan(&g, &needed));
	assert_int_equal(ftruncate(fd, (off_t)g.region_len), 0);
	base = mmap(NULL, g.region_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(base != MAP_FAILED);
	close(fd);
	must(daxfs_format(&g, base, g.region_len));
	munmap(base, g.region_len);
}

static struct daxfs_fd *open_file(struct daxfs *fs, int flags)
{
	struct daxfs_fd *fd;

	must(daxfs_fd_open(fs, NULL, "/f", flags, 0644, &fd));
	return fd;
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	u32 i;

	assert_non_null(e);
	snprintf(e->path, sizeof(e->path), "/dev/shm/daxfs-test-lock.%d",
		 (int)getpid());
	make_region(e->path);
	for (i = 0; i < HOSTS; i++)
		must(daxfs_fs_open(&e->fs[i], e->path, 0, NULL, 0));
	for (i = 0; i < OWNERS; i++)
		e->fd[i] = open_file(e->fs[i / FDS], O_RDWR | O_CREAT);
	*state = e;
	return 0;
}

/* What the accounting finds; and no page of locks is left. */
static void account(struct daxfs *fs)
{
	struct daxfs_check ck = { .quiet = 1 };
	struct daxfs_cx *cx = daxfs_cx_get(fs->m);
	u64 len = daxfs_check_pool_scratch(cx->rg);
	void *scratch = calloc(1, len);

	assert_non_null(scratch);
	must(daxfs_check_pool(cx, &ck, scratch, len));
	assert_int_equal(ck.sum.page[DAXFS_T_MAP], 0);
	assert_int_equal(ck.sum.leaked, 0);
	free(scratch);
	daxfs_cx_put(fs->m, cx);
}

static int teardown(void **state)
{
	struct env *e = *state;
	u32 i;

	for (i = 0; i < OWNERS; i++)
		daxfs_fd_close(e->fd[i]);
	account(e->fs[0]);
	for (i = 0; i < HOSTS; i++)
		must(daxfs_fs_close(e->fs[i]));
	unlink(e->path);
	free(e);
	return 0;
}

/* Entries of the file's list. */
static u64 entries(struct daxfs *fs, struct daxfs_fd *fd)
{
	struct daxfs_cx *cx = daxfs_cx_get(fs->m);
	struct daxfs_lock_list *l;
	struct daxfs_iref ref;
	u64 nr = 0;

	must(daxfs_enter(cx));
	must(daxfs_iget(cx, fd->held->file.ino, 0, &ref));
	l = daxfs_at(cx->rg, a64_load_relaxed(&ref.in->lock_off), sizeof(*l), 4096);
	if (l)
		nr = a64_load_relaxed(&l->nr);
	must(daxfs_leave(cx));
	daxfs_cx_put(fs->m, cx);
	return nr;
}

static int lock(struct daxfs_fd *fd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };

	return daxfs_fd_lock(fd, &fl);
}

/* ---- ranges against a map of bytes ---- */

struct oracle {
	short type[OWNERS][BYTES];	/* 0 none, F_RDLCK + 1, F_WRLCK + 1 */
};

static int in_the_way(const struct oracle *o, u32 who, short type, u32 from,
		      u32 to)
{
	u32 i, b;

	for (i = 0; i < OWNERS; i++)
		for (b = from; b <= to && i != who; b++)
			if (o->type[i][b] && (type == F_WRLCK ||
					      o->type[i][b] == F_WRLCK + 1))
				return 1;
	return 0;
}

/* Runs of one type: the fewest entries that say the same. */
static u32 runs(const struct oracle *o)
{
	u32 i, b, nr = 0;

	for (i = 0; i < OWNERS; i++)
		for (b = 0; b < BYTES; b++)
			nr += o->type[i][b] &&
			      (!b || o->type[i][b] != o->type[i][b - 1]);
	return nr;
}

static struct flock range_of(short type, u32 from, u32 to)
{
	return (struct flock){ .l_type = type, .l_start = from,
			       .l_len = to == BYTES - 1 ? 0 : to - from + 1 };
}

/* A lock that is said to be in the way: another has it, and it is. */
static void check_found(const struct oracle *o, u32 who, short type, u32 from,
			u32 to, const struct flock *fl)
{
	u32 start = (u32)fl->l_start, i;
	u32 end = fl->l_len ? start + (u32)fl->l_len - 1 : BYTES - 1;
	u32 b = start > from ? start : from;

	assert_true(start <= to && end >= from && end < BYTES);
	assert_true(type == F_WRLCK || fl->l_type == F_WRLCK);
	assert_int_equal(fl->l_pid, getpid());
	for (i = 0; i < OWNERS; i++)
		if (i != who && o->type[i][b] == fl->l_type + 1)
			return;
	fail_msg("nobody has the lock that is in the way");
}

static u64 next_number(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 20;
}

static void one_step(struct env *e, struct oracle *o, u64 *seed)
{
	static const short types[] = { F_RDLCK, F_RDLCK, F_WRLCK, F_UNLCK };
	u32 who = (u32)next_number(seed) % OWNERS;
	u32 a = (u32)next_number(seed) % BYTES, b = (u32)next_number(seed) % BYTES;
	u32 from = a < b ? a : b, to = a < b ? b : a, i;
	short type = types[next_number(seed) % 4];
	struct flock fl = range_of(type, from, to);
	int way = type != F_UNLCK && in_the_way(o, who, type, from, to);

	if (type != F_UNLCK) {
		struct flock seen = fl;

		must(daxfs_fd_lock_test(e->fd[who], &seen));
		assert_int_equal(seen.l_type != F_UNLCK, way);
		if (way)
			check_found(o, who, type, from, to, &seen);
	}
	assert_int_equal(daxfs_fd_lock(e->fd[who], &fl), way ? -EAGAIN : 0);
	for (i = from; i <= to && !way; i++)
		o->type[who][i] = type == F_UNLCK ? 0 : (short)(type + 1);
	assert_int_equal(entries(e->fs[0], e->fd[0]), runs(o));
}

static void test_oracle(void **state)
{
	const char *text = getenv("LOCK_SEED");
	u64 seed = text ? strtoull(text, NULL, 10) : (u64)time(NULL) | 1;
	struct env *e = *state;
	struct oracle o;
	u32 i;

	printf("LOCK_SEED=%llu\n", (unsigned long long)seed);
	memset(&o, 0, sizeof(o));
	for (i = 0; i < 20000; i++)
		one_step(e, &o, &seed);
}

/* ---- single facts ---- */

static void test_flock(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *a = e->fd[0], *b = e->fd[FDS], *c = e->fd[2 * FDS];

	must(daxfs_fd_flock(a, LOCK_SH));
	must(daxfs_fd_flock(b, LOCK_SH | LOCK_NB));
	assert_int_equal(daxfs_fd_flock(c, LOCK_EX), -EAGAIN);
	assert_int_equal(daxfs_fd_flock(a, LOCK_EX), -EAGAIN);
	assert_int_equal(daxfs_fd_flock(c, LOCK_EX), -EAGAIN);	/* a kept its */
	must(daxfs_fd_flock(b, LOCK_UN));
	must(daxfs_fd_flock(a, LOCK_EX));
	must(daxfs_fd_flock(a, LOCK_EX));
	assert_int_equal(entries(e->fs[0], a), 1);
	assert_int_equal(daxfs_fd_flock(c, LOCK_SH), -EAGAIN);
	must(daxfs_fd_flock(a, LOCK_SH));
	must(daxfs_fd_flock(c, LOCK_SH));
	assert_int_equal(daxfs_fd_flock(a, 0), -EINVAL);
	assert_int_equal(daxfs_fd_flock(a, LOCK_SH | LOCK_EX), -EINVAL);
	must(daxfs_fd_flock(a, LOCK_UN));
	must(daxfs_fd_flock(a, LOCK_UN));
	must(daxfs_fd_flock(c, LOCK_UN));
	assert_int_equal(entries(e->fs[0], a), 0);
}

static void test_kinds_apart(void **state)
{
	struct env *e = *state;

	must(daxfs_fd_flock(e->fd[0], LOCK_EX));
	must(lock(e->fd[FDS], F_WRLCK, 0, 0));
	assert_int_equal(entries(e->fs[0], e->fd[0]), 2);
	assert_int_equal(lock(e->fd[0], F_RDLCK, 5, 1), -EAGAIN);
	assert_int_equal(daxfs_fd_flock(e->fd[FDS], LOCK_SH), -EAGAIN);
}

static void test_close_unlocks(void **state)
{
	struct env *e = *state;

	must(daxfs_fd_flock(e->fd[0], LOCK_EX));
	must(lock(e->fd[0], F_WRLCK, 0, 0));
	daxfs_fd_close(e->fd[0]);
	must(daxfs_fd_flock(e->fd[FDS], LOCK_EX));
	must(lock(e->fd[FDS], F_WRLCK, 0, 0));
	e->fd[0] = open_file(e->fs[0], O_RDWR);
	assert_int_equal(daxfs_fd_flock(e->fd[0], LOCK_EX), -EAGAIN);
}

static void test_errors(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *rd = open_file(e->fs[0], O_RDONLY);
	struct daxfs_fd *wr = open_file(e->fs[0], O_WRONLY);
	struct flock fl = { .l_type = F_UNLCK };

	assert_int_equal(lock(rd, F_WRLCK, 0, 1), -EBADF);
	assert_int_equal(lock(wr, F_RDLCK, 0, 1), -EBADF);
	assert_int_equal(lock(rd, 77, 0, 1), -EINVAL);
	assert_int_equal(lock(rd, F_RDLCK, -1, 1), -EINVAL);
	assert_int_equal(lock(rd, F_RDLCK, 3, -4), -EINVAL);
	assert_int_equal(lock(rd, F_RDLCK, INT64_MAX, 2), -EOVERFLOW);
	must(lock(rd, F_RDLCK, INT64_MAX, 1));
	must(lock(rd, F_RDLCK, 4, -4));
	assert_int_equal(lock(wr, F_WRLCK, 3, 1), -EAGAIN);
	must(lock(wr, F_WRLCK, 4, 1));
	assert_int_equal(daxfs_fd_lock_test(rd, &fl), -EINVAL);
	fl = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_END };
	assert_int_equal(daxfs_fd_lock(rd, &fl), -EINVAL);
	daxfs_fd_close(rd);
	daxfs_fd_close(wr);
}

/* Each second byte, so that nothing joins; and the pages behind the first. */
static void test_many(void **state)
{
	struct env *e = *state;
	off_t i;

	for (i = 0; i < DAXFS_LOCK_MAX; i++)
		must(lock(e->fd[i % OWNERS], F_WRLCK, 2 * i, 1));
	assert_int_equal(lock(e->fd[0], F_WRLCK, 2 * i, 1), -ENOLCK);
	for (i = 0; i < DAXFS_LOCK_MAX; i++)
		assert_int_equal(lock(e->fd[(i + 1) % OWNERS], F_RDLCK, 2 * i, 1),
				 -EAGAIN);
	for (i = 0; i < DAXFS_LOCK_MAX; i += 2)
		must(lock(e->fd[i % OWNERS], F_UNLCK, 2 * i, 1));
	assert_int_equal(entries(e->fs[0], e->fd[0]), DAXFS_LOCK_MAX / 2);
	for (i = 1; i < DAXFS_LOCK_MAX; i += 2)
		assert_int_equal(lock(e->fd[(i + 1) % OWNERS], F_RDLCK, 2 * i, 1),
				 -EAGAIN);
	for (i = 0; i < OWNERS; i++)
		must(lock(e->fd[i], F_UNLCK, 0, 0));
	assert_int_equal(entries(e->fs[0], e->fd[0]), 0);
}

/* A file without a name and its locks go together. */
static void test_unlinked(void **state)
{
	struct env *e = *state;
	off_t i;

	must(daxfs_fs_unlink(e->fs[0], NULL, "/f"));
	for (i = 0; i < 300; i++)
		must(lock(e->fd[0], F_WRLCK, 2 * i, 1));
	assert_int_equal(lock(e->fd[FDS], F_RDLCK, 0, 1), -EAGAIN);
	for (i = 0; i < OWNERS; i++)
		daxfs_fd_close(e->fd[i]);
	account(e->fs[0]);
	for (i = 0; i < OWNERS; i++)
		e->fd[i] = open_file(e->fs[i / FDS], O_RDWR | O_CREAT);
	must(lock(e->fd[FDS], F_WRLCK, 0, 0));
}

/* ---- a host that dies ---- */

static void die_with_locks(const char *path, int ready)
{
	struct daxfs *fs;
	struct daxfs_fd *fd;
	off_t i;

	if (daxfs_fs_open(&fs, path, 0, NULL, 0) ||
	    daxfs_fd_open(fs, NULL, "/f", O_RDWR, 0, &fd) ||
	    daxfs_fd_flock(fd, LOCK_EX))
		_exit(1);
	for (i = 0; i < 500; i++)
		if (lock(fd, F_WRLCK, 2 * i, 1))
			_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void test_death(void **state)
{
	struct env *e = *state;
	struct daxfs *late;
	int fd[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		die_with_locks(e->path, fd[1]);
	assert_int_equal(read(fd[0], &byte, 1), 1);
	assert_int_equal(daxfs_fd_flock(e->fd[0], LOCK_SH), -EAGAIN);
	assert_int_equal(lock(e->fd[0], F_RDLCK, 998, 1), -EAGAIN);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	/* Opening looks for the dead; another one may be at it. */
	must(daxfs_fs_open(&late, e->path, 0, NULL, 0));
	must(daxfs_fd_flock(e->fd[0], LOCK_EX));
	must(lock(e->fd[0], F_WRLCK, 0, 0));
	assert_int_equal(entries(e->fs[0], e->fd[0]), 2);
	must(daxfs_fs_close(late));
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_oracle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_unlocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlinked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
