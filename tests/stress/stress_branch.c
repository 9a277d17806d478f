// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes that commit rival branches, and processes that are killed while they do.
 *
 * Notes: a region in shared memory, the core alone, each process a host.
 *   rivals: two processes commit each its branch at the same time: exactly one wins,
 *     and main is what the winner had;
 *   kills: a process makes a branch, writes the number of the round into all of its
 *     files, commits, and begins again, until SIGKILL hits it somewhere. Then main is
 *     what one of its commits left as a whole; a branch that was there before can be
 *     mounted and written to if nothing was committed; the accounting finds nothing.
 * The seed is printed. usage: stress_branch RIVALS KILLS [SEED]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

#define REGION		(24u << 20)
#define FILES		8u
#define WON		0
#define LOST		3
#define FAILED		1

struct shared {			/* beside the region */
	volatile u32 ready, go;
	volatile u32 slot, incarnation;	/* of the host that will be killed */
	volatile u32 committed;		/* rounds that it knows of */
};

static void *base;
static struct shared *sh;
static struct daxfs_region rg;
static struct daxfs_cx cx;
static u64 seed;

static void fail_at(int line, const char *what, s64 r)
{
	fprintf(stderr, "stress_branch: line %d: %s: %s (seed %llu)\n", line, what,
		r < 0 ? strerror((int)-r) : "is wrong", (unsigned long long)seed);
	_exit(FAILED);
}

#define MUST(call) do { \
	s64 r_ = (call); \
	if (r_ < 0) \
		fail_at(__LINE__, #call, r_); \
} while (0)
#define CHECK(what) do { \
	if (!(what)) \
		fail_at(__LINE__, #what, 0); \
} while (0)

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static void join(void)
{
	const struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = (u32)getpid() };

	MUST(daxfs_region_open(&rg, base, REGION, 1, NULL, 0));
	MUST(daxfs_host_join(&rg, &id));
	MUST(daxfs_cx_init(&cx, &rg, 0));
}

static void *map(u64 len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		fail_at(__LINE__, "mmap", -errno);
	return p;
}

static void make_region(void)
{
	struct daxfs_geometry g = {
		.region_len = REGION, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.branching = 1, .buckets = 512, .root_mode = 0755, .uuid = { 1 },
	};
	u64 needed;

	base = map(REGION);
	sh = map(4096);
	MUST(daxfs_plan(&g, &needed));
	MUST(daxfs_format(&g, base, REGION));
}

/* ---- files ---- */

static u64 file_of(u32 i)
{
	const struct daxfs_new what = { .mode = S_IFREG | 0644 };
	char name[4] = { 'f', (char)('0' + i), 0 };
	struct daxfs_stat st;
	int r = daxfs_create(&cx, DAXFS_ROOT_INO, name, 2, &what, &st);

	if (r != -EEXIST)
		MUST(r);
	return st.ino;
}

static void put(u32 i, u32 value)
{
	struct daxfs_file f;
	u64 ino = file_of(i);

	MUST(daxfs_open(&cx, ino, 0, &f));
	CHECK(daxfs_write(&cx, &f, 4000, &value, sizeof(value)) == sizeof(value));
	MUST(daxfs_close(&cx, ino));
}

/* What main says; 0: it has no such file. */
static u32 get(u32 i)
{
	char name[4] = { 'f', (char)('0' + i), 0 };
	struct daxfs_stat st;
	struct daxfs_file f;
	u32 value = 0;
	int r = daxfs_lookup(&cx, DAXFS_ROOT_INO, name, 2, &st);

	if (r == -ENOENT)
		return 0;
	MUST(r);
	MUST(daxfs_open(&cx, st.ino, 0, &f));
	CHECK(daxfs_read(&cx, &f, 4000, &value, sizeof(value)) == sizeof(value));
	MUST(daxfs_close(&cx, st.ino));
	return value;
}

static void tidy(void)
{
	int r = 1;

	for (u32 i = 0; i < 200 && r > 0; i++) {
		r = daxfs_tidy(&cx);
		MUST(r);
	}
}

static void say(void *arg, const char *where, u64 id, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s %llu: %s\n", where, (unsigned long long)id, what);
}

/* Every page and object of the region; nobody is at work. */
static void account(void)
{
	struct daxfs_check ck = { .quiet = 1, .report = say };
	u64 len = daxfs_check_pool_scratch(&rg);
	void *scratch = calloc(1, len);

	CHECK(scratch);
	MUST(daxfs_check_pool(&cx, &ck, scratch, len));
	CHECK(!ck.problems && !ck.sum.leaked);
	free(scratch);
}

/* ---- rivals ---- */

static void rival(u32 i, u64 id, u32 round)
{
	int r;

	join();
	MUST(daxfs_branch_mount(&cx, id));
	put(i, round);
	__atomic_add_fetch(&sh->ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&sh->go, __ATOMIC_SEQ_CST))
		;
	r = daxfs_branch_commit(&cx, id, 0);
	if (r && r != -ESTALE)
		fail_at(__LINE__, "commit", r);
	MUST(daxfs_branch_leave(&cx));
	MUST(daxfs_host_leave(&cx));
	_exit(r ? LOST : WON);
}

static void rivals(u32 rounds)
{
	for (u32 round = 1; round <= rounds; round++) {
		u32 before[2] = { get(0), get(1) }, won[2];
		u64 id[2];
		pid_t pid[2];

		sh->ready = sh->go = 0;
		for (u32 i = 0; i < 2; i++)
			MUST(daxfs_branch_create(&cx, 0, i ? "one" : "other", 0, &id[i]));
		for (u32 i = 0; i < 2; i++) {
			pid[i] = fork();
			CHECK(pid[i] >= 0);
			if (!pid[i])
				rival(i, id[i], round);
		}
		while (__atomic_load_n(&sh->ready, __ATOMIC_SEQ_CST) < 2)
			CHECK(!waitpid(-1, NULL, WNOHANG));
		__atomic_store_n(&sh->go, 1, __ATOMIC_SEQ_CST);
		for (u32 i = 0; i < 2; i++) {
			int status;

			CHECK(waitpid(pid[i], &status, 0) == pid[i]);
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) != FAILED);
			won[i] = WEXITSTATUS(status) == WON;
		}
		CHECK(won[0] + won[1] == 1);
		CHECK(get(0) == (won[0] ? round : before[0]));
		CHECK(get(1) == (won[1] ? round : before[1]));
		tidy();
	}
}

/* ---- kills ---- */

static void commit_for_ever(u32 from)
{
	join();
	sh->slot = rg.host;
	sh->incarnation = rg.incarnation;
	__atomic_store_n(&sh->ready, 1, __ATOMIC_SEQ_CST);
	for (u32 round = from; ; round++) {
		u64 id;

		MUST(daxfs_branch_create(&cx, 0, "work", 0, &id));
		MUST(daxfs_branch_mount(&cx, id));
		for (u32 i = 0; i < FILES; i++)
			put(i, round);
		MUST(daxfs_branch_commit(&cx, id, 0));
		sh->committed = round;
		MUST(daxfs_branch_leave(&cx));
		MUST(daxfs_tidy(&cx));
	}
}

/* The branch that was made before: it is what it was, or main has moved. */
static void look_at_old(u64 id, u32 before, u32 now)
{
	int r = daxfs_branch_mount(&cx, id);

	if (r == -ESTALE) {
		CHECK(now != before);
		return;
	}
	MUST(r);
	CHECK(now == before);
	put(0, 12345);
	CHECK(get(0) == 12345);
	MUST(daxfs_branch_leave(&cx));
}

/* What is left of the killed one's branch is mounted again, and ends. */
static void look_at_left(void)
{
	u64 id;
	int r = daxfs_branch_find(&cx, "work", &id);

	if (r == -ENOENT)
		return;
	MUST(r);
	MUST(daxfs_branch_mount(&cx, id));
	put(1, 54321);
	CHECK(get(1) == 54321);
	MUST(daxfs_branch_leave(&cx));
}

static void kill_one(u32 round, u64 before_id, u32 before)
{
	struct timespec t = { 0, (long)rnd(3000) * 1000 };
	u32 now;
	pid_t pid;

	sh->ready = 0;
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		commit_for_ever(round);
	while (!__atomic_load_n(&sh->ready, __ATOMIC_SEQ_CST))
		CHECK(!waitpid(pid, NULL, WNOHANG));
	nanosleep(&t, NULL);
	CHECK(!waitpid(pid, NULL, WNOHANG));
	CHECK(!kill(pid, SIGKILL));
	CHECK(waitpid(pid, NULL, 0) == pid);
	MUST(daxfs_host_mark_dead(&rg, sh->slot, sh->incarnation));
	MUST(daxfs_host_recover(&cx, sh->slot));
	now = get(0);
	for (u32 i = 1; i < FILES; i++)
		CHECK(get(i) == now);
	/* What it knows of is there; the last one it may not have known. */
	CHECK(now == sh->committed || now == sh->committed + 1 || now == before);
	CHECK(now >= sh->committed);
	look_at_old(before_id, before, now);
	look_at_left();
}

static void kills(u32 rounds)
{
	sh->committed = 0;
	for (u32 k = 0; k < rounds; k++) {
		u32 before = get(0);
		u64 id;

		if (sh->committed < before)
			sh->committed = before;
		MUST(daxfs_branch_create(&cx, 0, "before", 0, &id));
		kill_one(before + 1, id, before);
		tidy();
		account();
	}
}

/* main has all files, with nothing in them yet. */
static void begin(void)
{
	u64 id;

	MUST(daxfs_branch_create(&cx, 0, "begin", 0, &id));
	MUST(daxfs_branch_mount(&cx, id));
	for (u32 i = 0; i < FILES; i++)
		put(i, 1000000);
	MUST(daxfs_branch_commit(&cx, id, 0));
	MUST(daxfs_branch_leave(&cx));
}

int main(int argc, char **argv)
{
	u32 nr[2];

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: stress_branch RIVALS KILLS [SEED]\n");
		return 2;
	}
	nr[0] = (u32)atoi(argv[1]);
	nr[1] = (u32)atoi(argv[2]);
	seed = argc == 4 ? strtoull(argv[3], NULL, 0) : (u64)time(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_region();
	join();
	rivals(nr[0]);
	account();
	printf("ok     %u rounds of two commits\n", nr[0]);
	begin();
	kills(nr[1]);
	printf("ok     %u kills of who commits\n", nr[1]);
	printf("seed %llu\n2 passed, 0 failed, 0 skipped\n", (unsigned long long)seed);
	return 0;
}
