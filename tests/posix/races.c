/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Several processes at once, on one mount or (option -2) on two.
 *
 * Notes: every second process works through the other mount. None of the
 * cases depends on who is how fast: they count winners, or look for a state
 * that must never be seen. Rounds are numbered, so a process that is ahead
 * does not disturb the next round.
 */
#include "posix_test.h"

#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define WORKERS	4

/* Counters that all processes of a case share. */
struct board {
	long won[4096];
	long at_round;
	long arrived;
	long stop;
	long begun, ended;	/* renames */
};

static struct board *board;

static void board_make(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(board != MAP_FAILED);
}

static long get(const long *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void add(long *p)
{
	__atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
}

/* All workers meet, so that they start a round together. */
static void meet(int workers)
{
	long round = get(&board->at_round);

	if (__atomic_add_fetch(&board->arrived, 1, __ATOMIC_SEQ_CST) ==
	    workers) {
		__atomic_store_n(&board->arrived, 0, __ATOMIC_SEQ_CST);
		add(&board->at_round);
		return;
	}
	while (get(&board->at_round) == round)
		sched_yield();
}

static void side(int nr)
{
	if (nr % 2)
		go_other();
}

/* ---- exactly one winner ---- */

#define ROUNDS	200

static void excl_worker(int nr)
{
	char name[32];
	int r, fd;

	side(nr);
	for (r = 0; r < ROUNDS; r++) {
		snprintf(name, sizeof(name), "f%d", r);
		meet(WORKERS);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0) {
			EQ(errno, EEXIST);
			continue;
		}
		add(&board->won[r]);
		OK(close(fd));
	}
}

static void expect_one_winner_each(void)
{
	int r;

	for (r = 0; r < ROUNDS; r++) {
		if (board->won[r] != 1)
			FAIL("round %d had %ld winners", r, board->won[r]);
	}
}

CASE(race_create_excl, 0)
{
	board_make();
	children(WORKERS, excl_worker);
	expect_one_winner_each();
	EQ(count_entries("."), ROUNDS);
}

static void mkdir_worker(int nr)
{
	char name[32];
	int r;

	side(nr);
	for (r = 0; r < ROUNDS; r++) {
		snprintf(name, sizeof(name), "d%d", r);
		meet(WORKERS);
		if (mkdir(name, 0700))
			EQ(errno, EEXIST);
		else
			add(&board->won[r]);
	}
}

CASE(race_mkdir, 0)
{
	board_make();
	children(WORKERS, mkdir_worker);
	expect_one_winner_each();
	EQ(stat_of(".").st_nlink, 2 + ROUNDS);
}

static void unlink_worker(int nr)
{
	char name[32];
	int r;

	side(nr);
	for (r = 0; r < ROUNDS; r++) {
		snprintf(name, sizeof(name), "f%d", r);
		meet(WORKERS);
		if (unlink(name))
			EQ(errno, ENOENT);
		else
			add(&board->won[r]);
	}
}

CASE(race_unlink, 0)
{
	char name[32];
	int r;

	board_make();
	for (r = 0; r < ROUNDS; r++) {
		snprintf(name, sizeof(name), "f%d", r);
		make_file(name, "");
	}
	children(WORKERS, unlink_worker);
	expect_one_winner_each();
	EQ(count_entries("."), 0);
}

static void link_worker(int nr)
{
	char name[32];
	int r;

	side(nr);
	for (r = 0; r < ROUNDS; r++) {
		snprintf(name, sizeof(name), "l%d-%d", nr, r);
		OK(link("f", name));
		if (r % 3 == 0)
			OK(unlink(name));
	}
}

CASE(race_link_count, 0)
{
	board_make();
	make_file("f", "x");
	children(WORKERS, link_worker);
	EQ(stat_of("f").st_nlink, 1 + WORKERS * (ROUNDS - (ROUNDS + 2) / 3));
	EQ(count_entries("."), stat_of("f").st_nlink);
}

static void noreplace_worker(int nr)
{
	char from[32], to[32];
	int r;

	side(nr);
	for (r = 0; r < ROUNDS; r++) {
		snprintf(from, sizeof(from), "from%d-%d", nr, r);
		snprintf(to, sizeof(to), "to%d", r);
		make_file(from, from);
		meet(WORKERS);
		if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
			EQ(errno, EEXIST);
		else
			add(&board->won[r]);
	}
}

CASE(race_rename_noreplace, 0)
{
	board_make();
	children(WORKERS, noreplace_worker);
	expect_one_winner_each();
	EQ(count_entries("."), WORKERS * ROUNDS);
}

/* rmdir of an empty directory against a create in it: one of them. */
static void rmdir_create_worker(int nr)
{
	char dir[32], name[64];
	int r, fd;

	side(nr);
	for (r = 0; r < ROUNDS; r++) {
		snprintf(dir, sizeof(dir), "d%d", r);
		snprintf(name, sizeof(name), "d%d/f%d", r, nr);
		if (!nr)
			OK(mkdir(dir, 0700));
		meet(2);
		if (!nr) {
			if (rmdir(dir))
				CHECK(errno == ENOTEMPTY || errno == EEXIST);
			else
				add(&board->won[r]);
		} else {
			fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
			if (fd < 0)
				EQ(errno, ENOENT);
			else
				add(&board->won[r]);
		}
		meet(2);
	}
}

CASE(race_rmdir_create, 0)
{
	board_make();
	children(2, rmdir_create_worker);
	expect_one_winner_each();
	EQ(count_entries("."), stat_of(".").st_nlink - 2);
}

/* ---- a rename is never seen half done ---- */

#define FLIPS	3000
#define LOOKS	1000	/* of each observer */

static void replace(void)
{
	char name[32];
	int i;

	for (i = 0; i < FLIPS; i++) {
		snprintf(name, sizeof(name), "new%d", i);
		make_file(name, "complete");
		OK(rename(name, "target"));
	}
	add(&board->stop);
}

/* A name that is replaced again and again is always there, and whole. */
static void replace_worker(int nr)
{
	long looks = 0;

	side(nr);
	if (!nr) {
		replace();
		return;
	}
	while (!get(&board->stop) || looks < 10) {
		expect_text("target", "complete");
		CHECK(stat_of("target").st_nlink <= 1);
		looks++;
	}
}

CASE(race_replace_always_there, 0)
{
	board_make();
	make_file("target", "complete");
	children(3, replace_worker);
	EQ(count_entries("."), 1);
}

/* The nap is about as long as a look: few looks meet more than one rename. */
static void flip_one(const char *from, const char *to)
{
	struct timespec nap = { .tv_nsec = 100000 };

	add(&board->begun);
	OK(rename(from, to));
	add(&board->ended);
	nanosleep(&nap, NULL);
}

static void flip(void)
{
	while (get(&board->stop) < 2) {
		flip_one("a", "d/b");
		flip_one("d/b", "a");
	}
}

/*
 * Look for a, b and a. If at most one rename ran meanwhile, the file cannot
 * have been missing three times, nor have been there three times. Returns 1
 * if so few ran that it says something.
 */
static int look(void)
{
	long ended = get(&board->ended);
	int a = exists("a"), b = exists("d/b"), again = exists("a");

	if (get(&board->begun) - ended > 1)
		return 0;
	if (a == b && b == again)
		FAIL("during a rename %s name is seen", a ? "each" : "no");
	return 1;
}

static void flip_worker(int nr)
{
	int looks = 0;

	side(nr);
	if (!nr) {
		flip();
		return;
	}
	while (looks < LOOKS)
		looks += look();
	add(&board->stop);
}

CASE(race_rename_to_and_fro, 0)
{
	board_make();
	make_tree("d");
	make_file("a", "x");
	children(3, flip_worker);
	expect_text("a", "x");
	EQ(stat_of("a").st_nlink, 1);
	EQ(count_entries("d"), 0);
}

/* The name that links point away from and back is never a broken one. */
static void two_links_worker(int nr)
{
	long looks = 0;
	int i;

	side(nr);
	if (!nr) {
		for (i = 0; i < FLIPS; i++) {
			OK(link("x", "y"));
			OK(unlink("x"));
			OK(rename("y", "x"));
		}
		add(&board->stop);
		return;
	}
	while (!get(&board->stop) || looks < 10) {
		int fd = open("x", O_RDONLY);

		if (fd >= 0)
			OK(close(fd));
		else
			EQ(errno, ENOENT);
		looks++;
	}
}

CASE(race_link_unlink_rename, 0)
{
	board_make();
	make_file("x", "content");
	children(3, two_links_worker);
	EQ(stat_of("x").st_nlink, 1);
	EQ(count_entries("."), 1);
	expect_text("x", "content");
}

/*
 * Two directories that move into each other: no cycle, nothing lost. A kernel
 * that finds a directory of another mount in a new place while it renames
 * itself says ESTALE or ELOOP (see d_splice_alias()), and has done nothing.
 */
static int is_moving(int nr)
{
	return opt.other && (nr == ESTALE || nr == ELOOP);
}

static int rename_again(const char *from, const char *to)
{
	int r, tries = 0;

	do {
		r = rename(from, to);
	} while (r && is_moving(errno) && ++tries < 100);
	return r;
}

static int exists_again(const char *path)
{
	struct stat st;
	int r, tries = 0;

	do {
		r = lstat(path, &st);
	} while (r && is_moving(errno) && ++tries < 100);
	if (r && errno != ENOENT)
		FAIL("lstat %s: %s", path, strerror(errno));
	return !r;
}

static void cycle_worker(int nr)
{
	int i;

	side(nr);
	for (i = 0; i < 300; i++) {
		meet(2);
		if (rename(nr ? "p" : "q", nr ? "q/p" : "p/q") &&
		    errno != ENOENT && errno != EINVAL && !is_moving(errno))
			FAIL("rename into each other: %s", strerror(errno));
		meet(2);
		if (!nr) {
			if (!exists_again("q"))
				OK(rename_again("p/q", "q"));
			if (!exists_again("p"))
				OK(rename_again("q/p", "p"));
		}
	}
}

CASE(race_directory_cycle, 0)
{
	board_make();
	make_tree("p");
	make_tree("q");
	children(2, cycle_worker);
	EQ(count_entries("."), 2);
	EQ(stat_of(".").st_nlink, 4);
	EQ(count_entries("p") + count_entries("q"), 0);
}

/* ---- append ---- */

#define RECORD	100
#define RECORDS	400

static void append_worker(int nr)
{
	char rec[RECORD];
	int fd, i;

	side(nr);
	fd = OK(open("log", O_WRONLY | O_APPEND));
	for (i = 0; i < RECORDS; i++) {
		memset(rec, 'A' + nr, sizeof(rec));
		snprintf(rec, sizeof(rec), "%c%06d", 'A' + nr, i);
		rec[7] = 'A' + nr;
		rec[RECORD - 1] = '\n';
		EQ(write(fd, rec, RECORD), RECORD);
	}
}

CASE(race_append, 0)
{
	int next[WORKERS] = { 0 }, fd, i, k, nr;
	char rec[RECORD];

	make_file("log", "");
	children(WORKERS, append_worker);
	EQ(stat_of("log").st_size, WORKERS * RECORDS * RECORD);
	fd = OK(open("log", O_RDONLY));
	for (i = 0; i < WORKERS * RECORDS; i++) {
		read_all(fd, rec, RECORD, i * RECORD);
		nr = rec[0] - 'A';
		CHECK(nr >= 0 && nr < WORKERS);
		EQ(atoi(rec + 1), next[nr]);
		next[nr]++;
		for (k = 7; k < RECORD - 1; k++)
			EQ(rec[k], 'A' + nr);
		EQ(rec[RECORD - 1], '\n');
	}
}

/* ---- one writes, the other sees it at its next call ---- */

static void ping_worker(int nr)
{
	char buf[32], want[32];
	int i, fd;

	side(nr);
	fd = OK(open("f", O_RDWR));
	for (i = 0; i < ROUNDS; i++) {
		snprintf(want, sizeof(want), "round %08d", i);
		if (i % 2 == nr)
			write_all(fd, want, 14, i % 3 * PAGE);
		meet(2);
		read_all(fd, buf, 14, i % 3 * PAGE);
		EQ(memcmp(buf, want, 14), 0);
		meet(2);
	}
}

CASE(race_write_is_seen, 0)
{
	board_make();
	make_file("f", "");
	children(2, ping_worker);
}

static void grow_worker(int nr)
{
	int i, fd;
	struct stat st;

	side(nr);
	fd = OK(open("f", O_RDWR));
	for (i = 1; i < ROUNDS; i++) {
		if (i % 2 == nr)
			OK(i % 5 ? ftruncate(fd, i * 1000) :
			   (int)pwrite(fd, "x", 1, i * 1000 - 1));
		meet(2);
		OK(fstat(fd, &st));
		EQ(st.st_size, i * 1000);
		EQ(stat_of("f").st_size, i * 1000);
		EQ(lseek(fd, 0, SEEK_END), i * 1000);
		meet(2);
	}
}

CASE(race_size_is_seen, 0)
{
	board_make();
	make_file("f", "");
	children(2, grow_worker);
}

static void names_worker(int nr)
{
	char name[32], to[32];
	int i;

	side(nr);
	for (i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(to, sizeof(to), "m%d", i);
		CHECK(!exists(name));
		meet(2);
		if (i % 2 == nr)
			make_file(name, "x");
		meet(2);
		CHECK(exists(name));
		meet(2);
		if (i % 2 != nr)
			OK(rename(name, to));
		meet(2);
		CHECK(!exists(name) && exists(to));
		meet(2);
		if (i % 2 == nr)
			OK(unlink(to));
		meet(2);
		CHECK(!exists(to));
		EQ(count_entries("."), 0);
	}
}

CASE(race_names_are_seen, 0)
{
	board_make();
	children(2, names_worker);
}

static void attrs_worker(int nr)
{
	int i;

	side(nr);
	for (i = 0; i < ROUNDS; i++) {
		if (i % 2 == nr)
			OK(chmod("f", 0600 + i % 64));
		meet(2);
		EQ(stat_of("f").st_mode & 07777, 0600 + i % 64);
		meet(2);
	}
}

CASE(race_attributes_are_seen, 0)
{
	board_make();
	make_file("f", "x");
	children(2, attrs_worker);
}

/* Content changes, size and mtime stay as they were: still seen. */
static void same_mtime_worker(int nr)
{
	struct timespec set[2] = { { 100, 0 }, { 200, 0 } };
	char c;
	int i, fd;

	side(nr);
	fd = OK(open("f", O_RDWR));
	for (i = 0; i < ROUNDS; i++) {
		c = 'a' + i % 26;
		if (i % 2 == nr) {
			write_all(fd, &c, 1, 0);
			OK(futimens(fd, set));
		}
		meet(2);
		EQ(pread(fd, &c, 1, 0), 1);
		EQ(c, 'a' + i % 26);
		meet(2);
	}
}

CASE(race_same_mtime_is_seen, 0)
{
	board_make();
	make_file("f", "0123456789");
	children(2, same_mtime_worker);
}

/* Make and remove names in one directory while another lists it. */
static void churn_worker(int nr)
{
	char name[32];
	int i;

	side(nr);
	if (nr == 0) {
		for (i = 0; i < 20; i++)
			CHECK(count_entries(".") >= 300);
		add(&board->stop);
		return;
	}
	for (i = 0; !get(&board->stop); i++) {
		snprintf(name, sizeof(name), "churn%d-%d", nr, i % 50);
		make_file(name, "");
		OK(unlink(name));
	}
}

CASE(race_list_while_changing, 0)
{
	char name[32];
	int i;

	board_make();
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "stay%d", i);
		make_file(name, "");
	}
	children(WORKERS, churn_worker);
	EQ(count_entries("."), 300);
}

/* A file open on one side stays whole when the other removes its name. */
static void unlinked_worker(int nr)
{
	char name[32], buf[16];
	struct stat st;
	int i, fd;

	side(nr);
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		if (!nr)
			make_file(name, "still here");
		meet(2);
		fd = OK(open(name, O_RDWR));
		meet(2);
		if (nr)
			OK(unlink(name));
		meet(2);
		EQ(pread(fd, buf, 16, 0), 10);
		EQ(memcmp(buf, "still here", 10), 0);
		OK(fstat(fd, &st));
		EQ(st.st_nlink, 0);
		meet(2);
		write_all(fd, "x", 1, 5000 + nr);
		meet(2);
		OK(fstat(fd, &st));
		EQ(st.st_size, 5002);
		meet(2);
		OK(close(fd));
	}
}

CASE(race_unlinked_but_open, 0)
{
	board_make();
	children(2, unlinked_worker);
	EQ(count_entries("."), 0);
}
