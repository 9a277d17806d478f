// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vm_branch: two kernels that show branches of one region, step by step.
 *
 * Notes: the steps are those of pair.h; DIR is a directory that each side has for
 * itself, and mounts in it. MEMORY is what names the region to mount(2), as
 * phys=ADDR,size=SIZE. ROUNDS: of the race. Exit: 0 all passed, 1 not, 2 usage.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#define PAGE		4096
#define LIMIT_MS	60000.0		/* for what comes by itself: machines stall */
#define BUSY_TRIES	600		/* of what a slow kernel is asked to allow */
#define LOOKS		20		/* whether something changes after all */

static const char *memory;
static int rounds;

/* ---- branches ---- */

static void show(const char *branch)
{
	char options[512];

	snprintf(options, sizeof(options), "%s,branch=%s", memory, branch);
	CHECK(!mkdir(branch, 0777) || errno == EEXIST);
	if (mount("none", branch, "daxfs", 0, options))
		FAIL("mount of %s: %s", branch, strerror(errno));
}

static void hide(const char *branch)
{
	if (umount(branch))
		FAIL("umount of %s: %s", branch, strerror(errno));
	CHECK(!rmdir(branch));
}

static int root_of(const char *mnt)
{
	return pair_open(mnt, O_RDONLY | O_DIRECTORY);
}

/* Its id; ~0: there is none of that name. main is shown. */
static uint64_t find(const char *branch)
{
	struct daxfs_ioc_branch b = { .id = 0 };
	int fd = root_of("main"), r;

	strcpy(b.name, branch);
	r = ioctl(fd, DAXFS_IOC_BRANCH_FIND, &b);
	CHECK(!r || errno == ENOENT);
	close(fd);
	return r ? ~0ull : b.id;
}

/* A child of parent; other hosts are given the time that they need. */
static void make(const char *parent, const char *name)
{
	struct daxfs_ioc_branch b;
	int fd = root_of("main"), i, r = -1;

	for (i = 0; i < BUSY_TRIES && r; i++) {
		b = (struct daxfs_ioc_branch){ .parent = find(parent) };
		strcpy(b.name, name);
		r = ioctl(fd, DAXFS_IOC_BRANCH_CREATE, &b);
		if (r && errno != EBUSY)
			break;
	}
	if (r)
		FAIL("create %s: %s", name, strerror(errno));
	if (i > 1)
		printf("# %s was made at try %d\n", name, i);
	close(fd);
}

static int request(const char *mnt, unsigned int cmd, const char *name)
{
	struct daxfs_ioc_branch_op op = { .id = DAXFS_IOC_BRANCH_SELF };
	int fd = open(mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC), i, r = -1;

	if (fd < 0)
		return -errno;
	strcpy(op.name, name);
	for (i = 0; i < BUSY_TRIES && r; i++) {
		r = ioctl(fd, cmd, &op);
		if (r && errno != EBUSY)
			break;
	}
	r = r ? -errno : 0;
	close(fd);
	return r;
}

static int commit(const char *mnt)
{
	return request(mnt, DAXFS_IOC_BRANCH_COMMIT, "");
}

static void is_absent(const char *path)
{
	struct stat st;

	FAILS(stat(path, &st), ENOENT);
}

static void is_stale(const char *mnt)
{
	struct stat st;
	int fd;

	FAILS(stat(mnt, &st), ESTALE);
	FAILS(fd = open(mnt, O_RDONLY | O_DIRECTORY), ESTALE);
}

static void is_read_only(const char *path)
{
	int fd;

	FAILS(fd = open(path, O_WRONLY | O_CLOEXEC), EROFS);
}

/* ---- pages ---- */

static sigjmp_buf fault;

static void on_fault(int nr)
{
	(void)nr;
	siglongjmp(fault, 1);
}

static volatile uint64_t *map(const char *path, int flags)
{
	struct sigaction sa = { .sa_handler = on_fault };
	int fd = pair_open(path, flags);
	void *at = mmap(NULL, PAGE, flags == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ,
			MAP_SHARED, fd, 0);

	CHECK(at != MAP_FAILED);
	sigaction(SIGBUS, &sa, NULL);
	close(fd);
	return at;
}

static void write_page(const char *path, uint64_t value)
{
	uint64_t page[PAGE / 8] = { value };
	int fd = pair_open(path, O_RDWR | O_CREAT);

	CHECK(write(fd, page, PAGE) == PAGE && !close(fd));
}

static uint64_t read_page(const char *path)
{
	int fd = pair_open(path, O_RDONLY);
	uint64_t v;

	CHECK(pread(fd, &v, 8, 0) == 8 && !close(fd));
	return v;
}

/* Could the value be stored? */
static int store(volatile uint64_t *at, uint64_t v)
{
	if (sigsetjmp(fault, 1))
		return 0;
	*at = v;
	return 1;
}

/* Store rising values until one cannot be; that one. */
static uint64_t store_on(volatile uint64_t *at, volatile uint64_t *v)
{
	if (sigsetjmp(fault, 1))
		return *v;
	for (;;)
		*at = ++*v;
}

static void dies(const volatile uint64_t *at)
{
	double end = pair_now_ms() + LIMIT_MS;
	volatile uint64_t sink = 0;

	if (sigsetjmp(fault, 1))
		return;
	while (pair_now_ms() < end)
		sink += *at;
	FAIL("no SIGBUS");
}

static void becomes(const volatile uint64_t *at, uint64_t v)
{
	double end = pair_now_ms() + LIMIT_MS;

	while (*at != v)
		if (pair_now_ms() > end)
			FAIL("%llu instead of %llu", (unsigned long long)*at,
			     (unsigned long long)v);
}

/* The other side, or a child, has said that number. */
static void wait_value(int i, uint64_t v)
{
	double end = pair_now_ms() + LIMIT_MS * 4;

	while (pair_value[i] < v) {
		if (pair_now_ms() > end)
			FAIL("value %d stays %llu", i, (unsigned long long)pair_value[i]);
		pair_nap_ms(1);
	}
}

static void forget_values(void)
{
	int i;

	if (pair_on(0))
		for (i = 0; i < PAIR_VALUES; i++)
			pair_value[i] = 0;
	pair_meet();
}

/* ---- cases ---- */

static int is_new(const char *path)
{
	struct stat st;
	int r = stat(path, &st);

	CHECK(!r || errno == ENOENT);
	return !r;
}

/* main is old or new as a whole, and the branch is what it becomes. */
static void observe(void)
{
	double end = pair_now_ms() + LIMIT_MS;
	int f = 0, g, i;

	for (i = 0; !f && pair_now_ms() < end; i++) {
		f = is_new(i % 2 ? "main/f" : "main/g");
		g = is_new(i % 2 ? "main/g" : "main/f");
		if (f && !g)
			FAIL("half of a commit");
		pair_reads("spec1a/f", "two");
		pair_value[0] = 1;
	}
	CHECK(f);
	pair_value[7] = 1;
	is_stale("spec2");
	pair_reads("main/f", "two");
}

static void is_tree(void)
{
	pair_reads("spec1/f", "one");
	pair_reads("spec1a/f", "two");
	pair_reads("spec1a/g", "more");
	pair_reads("spec2/f", "other");
	is_absent("main/f");
	is_absent("spec1/g");
	is_absent("spec2/g");
	is_read_only("spec1/f");
}

static void make_tree(void)
{
	make("main", "spec1");
	show("spec1");
	pair_write_file("spec1/f", "one");
	make("spec1", "spec1a");
	show("spec1a");
	pair_write_file("spec1a/f", "two");
	pair_write_file("spec1a/g", "more");
	make("main", "spec2");
	show("spec2");
	pair_write_file("spec2/f", "other");
}

static void read_until_fault(const char *path, int value)
{
	const volatile uint64_t *at = map(path, O_RDONLY);
	double since;

	pair_value[value] = *at;
	while (pair_value[value + 1] == 0)
		pair_nap_ms(1);
	since = pair_now_ms();
	dies(at);
	printf("# SIGBUS within %.0f ms of the end of a branch\n", pair_now_ms() - since);
	fflush(stdout);
	_exit(0);
}

static void watch_commit(void)
{
	pid_t reader, observer;

	reader = pair_fork();
	if (!reader)
		read_until_fault("spec2/f", 6);
	observer = pair_fork();
	if (!observer) {
		observe();
		_exit(0);
	}
	wait_value(0, 1);
	wait_value(6, 1);
	pair_meet();
	if (pair_on(0))
		FAIL("this is side 1");
	pair_ends_well(observer);
	pair_ends_well(reader);
}

/* The tree of four: one is committed, the others end. */
static void tree(void)
{
	forget_values();
	show("main");
	if (pair_on(0))
		make_tree();
	if (pair_on(1)) {
		show("spec1");
		show("spec1a");
		show("spec2");
		is_tree();
	}
	if (pair_on(0))
		is_tree();
	pair_meet();
	if (pair_me) {
		watch_commit();
	} else {
		pair_meet();
		if (pair_on(0))
			CHECK(!commit("spec1a"));
	}
	pair_meet();
	pair_reads("main/f", "two");
	pair_reads("spec1a/f", "two");
	is_read_only("spec1a/f");
	is_stale("spec1");
	is_stale("spec2");
	hide("spec1");
	hide("spec1a");
	hide("spec2");
	pair_meet();
	CHECK(find("spec1") == ~0ull && find("spec2") == ~0ull);
	hide("main");
}

static void show_all(const char *const *name, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		show(name[i]);
}

static void hide_all(const char *const *name, size_t nr)
{
	while (nr--)
		hide(name[nr]);
}

/* A line ends as a whole; another one goes on. */
static void aborted(void)
{
	static const char *const all[] = { "a1", "a1x", "a2" };

	show("main");
	if (pair_on(0)) {
		make("main", "a1");
		make("a1", "a1x");
		make("main", "a2");
	}
	pair_meet();
	show_all(all, 3);
	if (pair_on(1))
		pair_write_file("a1x/f", "x");
	if (pair_on(0))
		CHECK(!request("a1x", DAXFS_IOC_BRANCH_ABORT, ""));
	pair_meet();
	is_stale("a1");
	is_stale("a1x");
	if (pair_on(1))
		pair_write_file("a2/f", "goes on");
	pair_meet();
	pair_reads("a2/f", "goes on");
	pair_meet();
	hide_all(all, 3);
	hide("main");
}

/* The last mount of a child goes: one step back. */
static void backtrack(void)
{
	int i;

	show("main");
	if (pair_on(0)) {
		make("main", "p");
		show("p");
		pair_write_file("p/f", "1");
		make("p", "c");
	}
	pair_meet();
	show("c");
	if (pair_me)
		show("p");
	pair_meet();
	for (i = 0; i < 2; i++) {
		if (!pair_on(i))
			continue;
		is_read_only("p/f");
		hide("c");
	}
	if (pair_on(0)) {
		CHECK(find("c") == ~0ull);
		pair_write_file("p/f", "2");
	}
	if (pair_on(1)) {
		pair_reads("p/f", "2");
		pair_write_file("p/f", "3");
	}
	if (pair_on(0))
		pair_reads("p/f", "3");
	pair_meet();
	hide("p");
	pair_meet();
	CHECK(find("p") == ~0ull);
	hide("main");
}

/* Stores through a mapping: twice until that is not possible any more. */
static void storer(void)
{
	volatile uint64_t *at = map("s/f", O_RDWR);
	volatile uint64_t v = 1;
	int i;

	for (i = 0; i < 2; i++) {
		uint64_t failed = store_on(at, &v);

		pair_value[1 + i] = failed;	/* the last one that is there is less */
		while (!i && !store(at, failed))
			pair_nap_ms(1);
		if (!i)
			pair_value[3] = failed;
	}
	_exit(0);
}

static void stays(const char *path, uint64_t v)
{
	int i;

	for (i = 0; i < LOOKS; i++, pair_nap_ms(10))
		if (read_page(path) != v)
			FAIL("%s is %llu, and was %llu", path,
			     (unsigned long long)read_page(path), (unsigned long long)v);
}

/* What one kernel stores another one freezes. */
static void freeze_it(void)
{
	const volatile uint64_t *at = map("s/f", O_RDONLY);
	uint64_t v;

	while (*at < 1000)
		pair_nap_ms(1);
	make("s", "snap");
	show("snap");
	v = read_page("snap/f");
	stays("snap/f", v);
	wait_value(1, 1);
	if (pair_value[1] != v + 1)
		FAIL("%llu could not be stored, and %llu is there",
		     (unsigned long long)pair_value[1], (unsigned long long)v);
	is_read_only("s/f");
	CHECK(read_page("s/f") == v && !pair_value[3]);
	hide("snap");
	wait_value(3, 1);	/* it is one step back, and goes on */
	while (*at < v + 1000)
		pair_nap_ms(1);
	CHECK(!commit("s"));
	v = read_page("main/f");
	stays("main/f", v);
	wait_value(2, 1);
	CHECK(pair_value[2] == v + 1 && read_page("s/f") == v);
	munmap((void *)(uintptr_t)at, PAGE);
}

static void stores(void)
{
	pid_t child = 0;

	forget_values();
	show("main");
	if (pair_on(0)) {
		make("main", "s");
		show("s");
		write_page("s/f", 1);
		child = pair_fork();
		if (!child)
			storer();
	}
	if (pair_on(1)) {
		show("s");
		freeze_it();
	}
	if (pair_on(0))
		pair_ends_well(child);
	pair_meet();
	hide("s");
	hide("main");
}

/* Stores beside requests of the same mount; each side for itself. */
static void own(void)
{
	const char *name = pair_me ? "own1" : "own0", *kid = pair_me ? "kid1" : "kid0";
	char path[32];
	volatile uint64_t *at;

	show("main");
	make("main", name);
	show(name);
	snprintf(path, sizeof(path), "%s/f", name);
	write_page(path, 1);
	at = map(path, O_RDWR);
	CHECK(store(at, 2));
	CHECK(!request(name, DAXFS_IOC_BRANCH_CHECKPOINT, "c"));
	CHECK(store(at, 3) && read_page(path) == 3);
	CHECK(!request(name, DAXFS_IOC_BRANCH_ROLLBACK, "c"));
	CHECK(read_page(path) == 2);
	becomes(at, 2);
	CHECK(store(at, 4) && read_page(path) == 4);
	make(name, kid);
	CHECK(!store(at, 5) && *at == 4 && read_page(path) == 4);
	show(kid);
	hide(kid);
	CHECK(store(at, 6) && read_page(path) == 6);
	CHECK(!request(name, DAXFS_IOC_BRANCH_ABORT, ""));
	dies(at);
	munmap((void *)(uintptr_t)at, PAGE);
	hide(name);
	pair_meet();
	hide("main");
}

/* A page that write(2) replaces keeps what is stored beside it. */
static void write_beside(void)
{
	static char two[2 * PAGE];
	volatile uint64_t *at;
	uint64_t i, v;
	int fd;

	show("main");
	if (pair_on(0)) {
		make("main", "w");
		show("w");
		write_page("w/f", 0);
		at = map("w/f", O_RDWR);
		fd = pair_open("w/f", O_RDWR);
		for (i = 1; i < 200; i++) {
			CHECK(store(at, i));
			CHECK(pwrite(fd, &i, 8, 64) == 8);
			CHECK(store(at + 1, i) && at[8] == i);
			CHECK(pread(fd, &v, 8, 8) == 8 && v == i);
			CHECK(pread(fd, &v, 8, 0) == 8 && v == i);
		}
		/* What is written may lie in the mapping itself, even right there. */
		CHECK(pwrite(fd, (void *)(uintptr_t)at, PAGE, 0) == PAGE);
		CHECK(pwrite(fd, (void *)(uintptr_t)at, PAGE, PAGE) == PAGE);
		CHECK(pread(fd, two, sizeof(two), 0) == sizeof(two));
		CHECK(!memcmp(two, two + PAGE, PAGE));
		close(fd);
		munmap((void *)(uintptr_t)at, PAGE);
		hide("w");
	}
	pair_meet();
	hide("main");
}

/* Both commit what both have made of one main: one of them wins, each time. */
static void rivals(void)
{
	char mine[32], text[32];
	int i, r;

	show("main");
	for (i = 1; i <= rounds; i++) {
		snprintf(mine, sizeof(mine), "r%d-%d", i, pair_me);
		snprintf(text, sizeof(text), "round %d, side %d", i, pair_me);
		make("main", mine);
		show(mine);
		chdir(mine);
		pair_write_file("a", text);
		pair_write_file("b", text);
		chdir("..");
		pair_meet();
		r = commit(mine);
		CHECK(!r || r == -ESTALE);
		pair_value[4 + pair_me] = (uint64_t)!r;
		pair_meet();
		CHECK(pair_value[4] + pair_value[5] == 1);
		snprintf(text, sizeof(text), "round %d, side %d", i, !pair_value[4]);
		pair_reads("main/a", text);
		pair_reads("main/b", text);
		hide(mine);
	}
	pair_meet();
	hide("main");
}

static const struct pair_case cases[] = {
	{ "tree", tree, 2 },
	{ "aborted", aborted, 2 },
	{ "backtrack", backtrack, 2 },
	{ "stores", stores, 2 },
	{ "own", own, 2 },
	{ "write-beside", write_beside, 2 },
	{ "rivals", rivals, 2 },
};

int main(int argc, char **argv)
{
	int failed = 0;
	size_t i;

	if (argc != 7 || (strcmp(argv[1], "0") && strcmp(argv[1], "1"))) {
		fprintf(stderr, "usage: vm_branch 0|1 CHANNEL OFFSET DIR MEMORY ROUNDS\n");
		return 2;
	}
	memory = argv[5];
	rounds = atoi(argv[6]);
	pair_apart = 1;
	if (pair_begin(atoi(argv[1]), argv[2], strtoull(argv[3], NULL, 0)) ||
	    chdir(argv[4])) {
		perror("vm_branch");
		return 2;
	}
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		failed |= pair_run(&cases[i]);
	return failed;
}
