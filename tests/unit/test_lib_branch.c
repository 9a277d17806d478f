// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * libdaxfs: branches, each shown by a handle that is a host of its own.
 *
 * Notes: what the core does is tested in test_branch.c; here it is what the library
 * adds: which handle shows what, how long, and with which error afterwards. Every
 * test makes its own region in /dev/shm and removes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#include "mount.h"

#define MIB (1024 * 1024ull)

struct env {
	char path[64];
	struct daxfs *main;
};

static void must(int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, daxfs_fs_error(r));
}

static void make_region(const char *path, int branching)
{
	struct daxfs_geometry g = {
		.region_len = 64 * MIB, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.branching = branching, .buckets = 4096, .root_mode = 0755,
		.uuid = { 1, 2, 3 },
	};
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	u64 needed = 0;
	void *base;

	assert_true(fd >= 0);
	must(daxfs_plan(&g, &needed));
	assert_int_equal(posix_fallocate(fd, 0, (off_t)g.region_len), 0);
	base = mmap(NULL, g.region_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(base != MAP_FAILED);
	close(fd);
	must(daxfs_format(&g, base, g.region_len));
	munmap(base, g.region_len);
}

static struct daxfs *show(const struct env *e, const char *branch)
{
	struct daxfs *fs;
	char why[256] = "";
	int r = daxfs_fs_open_branch(&fs, e->path, branch, 0, why, sizeof(why));

	if (r)
		fail_msg("%d: %s", r, why);
	return fs;
}

static int setup_as(void **state, int branching)
{
	static int nr;
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	snprintf(e->path, sizeof(e->path), "/dev/shm/daxfs-test-br.%d.%d",
		 (int)getpid(), nr++);
	make_region(e->path, branching);
	e->main = show(e, NULL);
	*state = e;
	return 0;
}

static int setup(void **state)
{
	return setup_as(state, 1);
}

static int setup_plain(void **state)
{
	return setup_as(state, 0);
}

static int teardown(void **state)
{
	struct env *e = *state;
	int r = daxfs_fs_close(e->main);

	unlink(e->path);
	free(e);
	return r;
}

static int put(struct daxfs *fs, const char *path, const char *text)
{
	struct daxfs_fd *fd;
	int r = daxfs_fd_open(fs, NULL, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd);

	if (r)
		return r;
	r = (int)daxfs_fd_pwrite(fd, text, strlen(text), 0);
	daxfs_fd_close(fd);
	return r < 0 ? r : 0;
}

static int get(struct daxfs *fs, const char *path, char *buf, size_t len)
{
	struct daxfs_fd *fd;
	int r = daxfs_fd_open(fs, NULL, path, O_RDONLY, 0, &fd);

	if (r)
		return r;
	memset(buf, 0, len);
	r = (int)daxfs_fd_pread(fd, buf, len - 1, 0);
	daxfs_fd_close(fd);
	return r < 0 ? r : 0;
}

static void check(struct daxfs *fs, const char *path, const char *text)
{
	char buf[64];

	must(get(fs, path, buf, sizeof(buf)));
	assert_string_equal(buf, text);
}

static void absent(struct daxfs *fs, const char *path)
{
	char buf[64];

	assert_int_equal(get(fs, path, buf, sizeof(buf)), -ENOENT);
}

static uint64_t make(const struct env *e, const char *parent, const char *name)
{
	uint64_t up, id;

	must(daxfs_fs_branch_find(e->main, parent, &up));
	must(daxfs_fs_branch_create(e->main, up, name, 0, &id));
	assert_int_not_equal(id, 0);
	return id;
}

static int get_branch(struct daxfs *fs, const char *name, struct daxfs_fs_branch *b)
{
	unsigned int cursor = 0;
	int r;

	while ((r = daxfs_fs_branch_next(fs, &cursor, b)) == 1)
		if (b->state != DAXFS_FS_BRANCH_STALE && !strcmp(b->name, name))
			return 0;
	return r ? r : -ENOENT;
}

/* ---- tests ---- */

static void test_main_is_readonly(void **state)
{
	struct env *e = *state;

	assert_int_equal(daxfs_fs_is_branching(e->main), 1);
	assert_int_equal(daxfs_fs_rdonly(e->main), 1);
	assert_int_equal(daxfs_fs_branch_shown(e->main), 0);
	assert_int_equal(put(e->main, "a", "1"), -EROFS);
	assert_int_equal(daxfs_fs_mkdir(e->main, NULL, "d", 0755), -EROFS);
}

static void test_commit(void **state)
{
	struct env *e = *state;
	uint64_t id = make(e, "main", "one"), other = make(e, "main", "two"), head, now;
	struct daxfs *one = show(e, "one"), *two = show(e, "two");
	char buf[8];

	assert_int_equal(daxfs_fs_branch_shown(one), id);
	assert_int_equal(daxfs_fs_rdonly(one), 0);
	must(put(one, "a", "of one"));
	must(put(two, "a", "of two"));
	absent(e->main, "a");
	must(daxfs_fs_head_id(e->main, &head));
	assert_int_equal(daxfs_fs_branch_commit(one, id, head + 1), -ESTALE);
	must(daxfs_fs_branch_commit(one, id, head));
	must(daxfs_fs_head_id(e->main, &now));
	assert_int_not_equal(now, head);
	check(e->main, "a", "of one");
	check(one, "a", "of one");
	assert_int_equal(daxfs_fs_branch_shown(one), 0);
	assert_int_equal(daxfs_fs_rdonly(one), 1);
	assert_int_equal(put(one, "a", "more"), -EROFS);
	assert_int_equal(get(two, "a", buf, sizeof(buf)), -ESTALE);
	assert_int_equal(put(two, "a", "x"), -ESTALE);
	assert_int_equal(daxfs_fs_branch_commit(two, other, 0), -ESTALE);
	must(daxfs_fs_close(one));
	must(daxfs_fs_close(two));
	check(e->main, "a", "of one");
}

static void test_frozen_parent(void **state)
{
	struct env *e = *state;
	struct daxfs_fs_branch b;
	struct daxfs *up, *down;

	make(e, "main", "up");
	up = show(e, "up");
	must(put(up, "a", "up"));
	make(e, "up", "down");
	down = show(e, "down");
	check(down, "a", "up");
	assert_int_equal(put(up, "b", "x"), -EROFS);
	must(put(down, "a", "down"));
	check(up, "a", "up");
	must(get_branch(e->main, "up", &b));
	assert_int_equal(b.state, DAXFS_FS_BRANCH_FROZEN);
	assert_int_equal(b.children, 1);
	assert_int_equal(b.mounts, 1);
	must(daxfs_fs_close(down));
	assert_int_equal(get_branch(e->main, "down", &b), -ENOENT);
	must(put(up, "b", "x"));
	must(daxfs_fs_close(up));
	assert_int_equal(get_branch(e->main, "up", &b), -ENOENT);
}

static void test_abort(void **state)
{
	struct env *e = *state;
	uint64_t deep;
	struct daxfs *a1, *b;
	char buf[8];

	make(e, "main", "a");
	deep = make(e, "a", "a1");
	make(e, "main", "b");
	a1 = show(e, "a1");
	b = show(e, "b");
	must(put(b, "f", "b"));
	must(daxfs_fs_branch_abort(e->main, deep));
	assert_int_equal(get(a1, "f", buf, sizeof(buf)), -ESTALE);
	check(b, "f", "b");
	assert_int_equal(daxfs_fs_branch_find(e->main, "a", &deep), -ENOENT);
	must(daxfs_fs_close(a1));
	must(daxfs_fs_close(b));
}

static void test_checkpoint(void **state)
{
	struct env *e = *state;
	uint64_t id = make(e, "main", "c");
	struct daxfs *fs = show(e, "c");

	must(put(fs, "f", "1"));
	must(daxfs_fs_branch_checkpoint(fs, id, "p"));
	assert_int_equal(daxfs_fs_branch_checkpoint(fs, id, "p"), -EEXIST);
	must(put(fs, "f", "2"));
	must(daxfs_fs_branch_rollback(fs, id, "p"));
	check(fs, "f", "1");
	assert_int_equal(daxfs_fs_branch_rollback(fs, id, "q"), -ENOENT);
	must(daxfs_fs_close(fs));
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[] = { "", "main", "a/b", "a b", "a\n",
		"0123456789012345678901234567890123456789012345678901234567890123" };
	struct env *e = *state;
	uint64_t id = make(e, "main", "x"), none;
	struct daxfs *fs;
	char why[256] = "";
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(daxfs_fs_branch_create(e->main, 0, bad[i], 0, &none),
				 -EINVAL);
	assert_int_equal(daxfs_fs_branch_create(e->main, 0, "y", 2, &none), -EINVAL);
	assert_int_equal(daxfs_fs_branch_create(e->main, 0, "x", 0, &none), -EEXIST);
	assert_int_equal(daxfs_fs_branch_create(e->main, id + 1, "z", 0, &none), -ESTALE);
	assert_int_equal(daxfs_fs_branch_commit(e->main, 0, 0), -EINVAL);
	assert_int_equal(daxfs_fs_branch_abort(e->main, 0), -EINVAL);
	assert_int_equal(daxfs_fs_open_branch(&fs, e->path, "none", 0, why, sizeof(why)),
			 -ENOENT);
	assert_null(fs);
	assert_non_null(strstr(why, "'none'"));
	must(daxfs_fs_open_branch(&fs, e->path, "x", DAXFS_FS_RDONLY, why, sizeof(why)));
	assert_int_equal(daxfs_fs_branch_abort(fs, id), -EROFS);
	must(daxfs_fs_close(fs));
	assert_int_equal(daxfs_fs_branch_find(e->main, "x", &none), -ENOENT);
}

static void test_keep(void **state)
{
	struct env *e = *state;
	struct daxfs_fs_branch b;
	struct daxfs *fs;
	uint64_t id;

	must(daxfs_fs_branch_create(e->main, 0, "k", DAXFS_FS_BRANCH_KEEP, &id));
	fs = show(e, "k");
	must(put(fs, "f", "kept"));
	must(daxfs_fs_close(fs));
	must(get_branch(e->main, "k", &b));
	assert_int_equal(b.flags, DAXFS_FS_BRANCH_KEEP);
	assert_int_equal(b.mounts, 0);
	fs = show(e, "k");
	check(fs, "f", "kept");
	must(daxfs_fs_close(fs));
}

/* Two show it: the first to go leaves it to the other. */
static void test_last_one(void **state)
{
	struct env *e = *state;
	struct daxfs_fs_branch b;
	struct daxfs *one, *two;

	make(e, "main", "s");
	one = show(e, "s");
	two = show(e, "s");
	must(put(one, "f", "1"));
	check(two, "f", "1");
	must(get_branch(e->main, "s", &b));
	assert_int_equal(b.mounts, 2);
	must(daxfs_fs_close(one));
	check(two, "f", "1");
	must(daxfs_fs_close(two));
	assert_int_equal(get_branch(e->main, "s", &b), -ENOENT);
}

/* Whoever is killed leaves the branch, and what he changed in it. */
static void test_killed(void **state)
{
	struct env *e = *state;
	struct daxfs_fs_branch b;
	struct daxfs *fs;
	int status, ready[2];
	pid_t pid;
	char c;

	make(e, "main", "dead");
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		fs = show(e, "dead");
		if (put(fs, "f", "from the dead") || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fs = show(e, "dead");		/* opening recovers */
	must(get_branch(e->main, "dead", &b));
	assert_int_equal(b.mounts, 1);
	check(fs, "f", "from the dead");
	must(put(fs, "f", "goes on"));
	must(daxfs_fs_branch_commit(fs, b.id, 0));
	check(e->main, "f", "goes on");
	must(daxfs_fs_close(fs));
	close(ready[0]);
	close(ready[1]);
}

static void test_without_branches(void **state)
{
	struct env *e = *state;
	struct daxfs_fs_branch b;
	unsigned int cursor = 0;
	struct daxfs *fs;
	uint64_t id;
	char why[256] = "";

	assert_int_equal(daxfs_fs_is_branching(e->main), 0);
	assert_int_equal(daxfs_fs_rdonly(e->main), 0);
	assert_int_equal(daxfs_fs_branch_next(e->main, &cursor, &b), 0);
	must(daxfs_fs_branch_find(e->main, "main", &id));
	assert_int_equal(daxfs_fs_branch_find(e->main, "x", &id), -ENOENT);
	assert_int_equal(daxfs_fs_head_id(e->main, &id), -EOPNOTSUPP);
	assert_int_equal(daxfs_fs_branch_create(e->main, 0, "x", 0, &id), -EOPNOTSUPP);
	assert_int_equal(daxfs_fs_open_branch(&fs, e->path, "x", 0, why, sizeof(why)),
			 -EOPNOTSUPP);
	assert_non_null(strstr(why, "mkdaxfs -b"));
	must(put(e->main, "f", "1"));
}

/* One more commit to main. */
static int put_and_commit(const struct env *e, u32 nr)
{
	char name[16];
	uint64_t id;
	struct daxfs *fs;
	int r;

	snprintf(name, sizeof(name), "c%u", nr);
	id = make(e, "main", name);
	fs = show(e, name);
	r = put(fs, name, name);
	if (!r)
		r = daxfs_fs_branch_commit(fs, id, 0);
	must(daxfs_fs_close(fs));
	return r;
}

/*
 * What has no name any more when its branch is committed is not in main: who has it
 * open reads it until its layer is merged, and then it is gone; other bytes he never gets.
 */
static void test_unlinked(void **state)
{
	struct env *e = *state;
	uint64_t id = make(e, "main", "b");
	struct daxfs *fs = show(e, "b");
	struct daxfs_fd *fd;
	s64 r = 0;

	must(put(fs, "f", "first"));
	must(daxfs_fd_open(fs, NULL, "f", O_RDONLY, 0, &fd));
	must(daxfs_fs_unlink(fs, NULL, "f"));
	must(daxfs_fs_branch_commit(fs, id, 0));
	for (u32 i = 0; i < 8; i++) {
		char buf[8] = "";
		struct daxfs *other = show(e, NULL);

		r = daxfs_fd_pread(fd, buf, 5, 0);
		if (r >= 0)
			assert_string_equal(buf, "first");
		else
			assert_int_equal(r, -ENOENT);
		must(put_and_commit(e, i));
		must(daxfs_fs_close(other));	/* which merges */
	}
	assert_int_equal(r, -ENOENT);
	daxfs_fd_close(fd);
	assert_int_equal(get(fs, "f", (char[8]){ 0 }, 8), -ENOENT);
	must(daxfs_fs_close(fs));
}

/* ---- deep, and many ---- */

#define DEEP	64u
#define ALIVE	256u
#define AT_ONCE	32u
#define WRITES	40u

struct writer {
	const struct env *e;
	char name[16];
	struct daxfs *fs;
	pthread_t thread;
	int error;
};

static void *write_files(void *arg)
{
	struct writer *w = arg;

	for (u32 i = 0; i < WRITES && !w->error; i++) {
		struct daxfs_fd *fd;
		char path[16];

		snprintf(path, sizeof(path), "w%u", i);
		w->error = daxfs_fd_open(w->fs, NULL, path, O_WRONLY | O_CREAT | O_EXCL,
					 0644, &fd);
		if (w->error)
			break;
		if (daxfs_fd_pwrite(fd, w->name, sizeof(w->name), 0) != sizeof(w->name))
			w->error = -EIO;
		daxfs_fd_close(fd);
	}
	return NULL;
}

/* A chain of branches, each with a file of its own; the id of the last. */
static uint64_t make_deep(const struct env *e)
{
	uint64_t id = 0;

	for (u32 i = 0; i < DEEP; i++) {
		char name[16];
		struct daxfs *fs;

		snprintf(name, sizeof(name), "deep%u", i);
		must(daxfs_fs_branch_create(e->main, id, name, DAXFS_FS_BRANCH_KEEP,
					    &id));
		fs = show(e, name);
		must(put(fs, name, name));
		must(daxfs_fs_close(fs));
	}
	return id;
}

static void check_deep(struct daxfs *fs)
{
	for (u32 i = 0; i < DEEP; i++) {
		char name[16];

		snprintf(name, sizeof(name), "deep%u", i);
		check(fs, name, name);
	}
}

static u32 count_alive(const struct env *e)
{
	struct daxfs_fs_branch b;
	unsigned int cursor = 0;
	u32 nr = 0;

	while (daxfs_fs_branch_next(e->main, &cursor, &b) > 0)
		nr += b.state != DAXFS_FS_BRANCH_STALE;
	return nr;
}

static void check_writer(const struct writer *w, struct daxfs *fs)
{
	char path[16], text[sizeof(w->name) + 1];

	for (u32 i = 0; i < WRITES; i++) {
		snprintf(path, sizeof(path), "w%u", i);
		memset(text, 0, sizeof(text));
		must(get(fs, path, text, sizeof(w->name)));
		assert_string_equal(text, w->name);
	}
}

/* 256 branches, of which one lies on 63 others; 32 of them are written to at once. */
static void test_many(void **state)
{
	static struct writer w[AT_ONCE];
	struct env *e = *state;
	uint64_t id, deepest = make_deep(e);
	char buf[16];

	for (u32 i = DEEP; i < ALIVE; i++) {
		snprintf(buf, sizeof(buf), "wide%u", i);
		must(daxfs_fs_branch_create(e->main, 0, buf, DAXFS_FS_BRANCH_KEEP, &id));
	}
	assert_int_equal(count_alive(e), ALIVE);
	for (u32 i = 0; i < AT_ONCE; i++) {
		memset(&w[i], 0, sizeof(w[i]));
		snprintf(w[i].name, sizeof(w[i].name), i ? "wide%u" : "deep%u",
			 i ? ALIVE - i : DEEP - 1);
		w[i].fs = show(e, w[i].name);
	}
	for (u32 i = 0; i < AT_ONCE; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, write_files, &w[i]), 0);
	for (u32 i = 0; i < AT_ONCE; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	for (u32 i = 0; i < AT_ONCE; i++) {
		must(w[i].error);
		check_writer(&w[i], w[i].fs);
		if (i)
			assert_int_equal(get(w[i].fs, "deep0", buf, sizeof(buf)), -ENOENT);
	}
	check_deep(w[0].fs);
	must(daxfs_fs_branch_commit(e->main, deepest, 0));
	check_deep(e->main);
	check_writer(&w[0], e->main);
	for (u32 i = 1; i < AT_ONCE; i++)
		assert_int_equal(get(w[i].fs, "w0", buf, sizeof(buf)), -ESTALE);
	for (u32 i = 0; i < AT_ONCE; i++)
		must(daxfs_fs_close(w[i].fs));
	assert_int_equal(count_alive(e), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_main_is_readonly),
		TEST(test_commit),
		TEST(test_frozen_parent),
		TEST(test_abort),
		TEST(test_checkpoint),
		TEST(test_bad_arguments),
		TEST(test_keep),
		TEST(test_last_one),
		TEST(test_killed),
		TEST(test_unlinked),
		TEST(test_many),
		cmocka_unit_test_setup_teardown(test_without_branches, setup_plain,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
