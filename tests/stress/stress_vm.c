/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_vm: workers on several machines that share a region, some of which die.
 *
 * Notes: like stress_fuse, but a command each for what its parent does there,
 * because workers are on machines that are killed whole: tests/vm/crash.sh
 * gives them. The board is memory that all machines have and that outlives them,
 * behind the region. A worker does random calls in a directory of its own
 * (oracle.c), where all meet (meet.c), and on a page that is changed under a lock.
 * The dead are looked at through a mount that lives. Exit: 0 all is well,
 * 1 something is wrong, 2 not run.
 */
#define _GNU_SOURCE
#include "meet.h"
#include "oracle.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#define WORKERS		8u
#define BOARD_MAX	(14 * MIB)
#define STUCK_MS	120000u
#define MAGIC		0x64617866	/* of a mount by a kernel */

struct board {
	u32 stop, recheck;
	u32 alive[WORKERS], checked[WORKERS];
	u64 ops[WORKERS];
	u64 stale, locked, halves;
	struct meet meet;
	struct oracle oracle[WORKERS];
};
_Static_assert(sizeof(struct board) <= BOARD_MAX, "the board's memory");

static struct board *board;
static const char *top;

static u32 get(const u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void put(u32 *p, u32 v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

static void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void path_in(char *to, const char *name, u32 w)
{
	snprintf(to, 512, "%s/%s%u", top, name, w);
}

/* ---- a page that is changed under a lock ---- */

struct page {
	u64 first, second;	/* the same, but while the holder of the lock is at it */
};

/* The one who died with the lock had come so far. */
static void mend(volatile struct page *p)
{
	if (p->first == p->second)
		return;
	if (p->first != p->second + 1)
		WRONG("%llu and %llu under the lock", (unsigned long long)p->first,
		      (unsigned long long)p->second);
	p->second++;
	__atomic_fetch_add(&board->halves, 1, __ATOMIC_SEQ_CST);
}

static void add_mapped(int fd)
{
	volatile struct page *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		WRONG("mmap: %s", strerror(errno));
	mend(p);
	p->first++;
	p->second++;
	munmap((void *)p, 4096);
}

static void add_written(int fd)
{
	struct page p = { 0, 0 };

	if (pread(fd, &p, sizeof(p), 0) != sizeof(p))
		WRONG("read: %s", strerror(errno));
	mend(&p);
	p.first++;
	p.second++;
	if (pwrite(fd, &p, sizeof(p), 0) != sizeof(p))
		WRONG("write: %s", strerror(errno));
}

/* A lock may be that of a dead machine: nobody waits for it. */
static void lock_step(void)
{
	struct statfs sf;
	char path[512];
	int fd;

	path_in(path, "counter", (u32)below(2));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &sf))
		WRONG("%s: %s", path, strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB)) {
		if (sf.f_type == MAGIC && below(2))
			add_mapped(fd);
		else
			add_written(fd);
		__atomic_fetch_add(&board->locked, 1, __ATOMIC_SEQ_CST);
	} else if (errno != EWOULDBLOCK) {
		WRONG("flock: %s", strerror(errno));
	}
	close(fd);
}

/* ---- workers ---- */

static int check_if_asked(u32 w, const char *own)
{
	u32 asked = get(&board->recheck);
	int r = 0;

	if (asked != get(&board->checked[w])) {
		r = oracle_check(&board->oracle[w], own);
		put(&board->checked[w], asked);
	}
	return r;
}

static void work(u32 w)
{
	struct oracle *o = &board->oracle[w];
	char own[512];
	int r;

	path_in(own, "own", w);
	r = meet_start(&board->meet, w, top);
	while (!r && !get(&board->stop)) {
		r = check_if_asked(w, own);
		if (!r && !below(16))
			lock_step();
		if (!r)
			r = below(3) ? oracle_step(o, own) : meet_step(top);
		__atomic_fetch_add(&board->ops[w], 1, __ATOMIC_RELAXED);
	}
	oracle_close(o);
	if (!r)
		r = oracle_check(o, own);
	if (r)
		WRONG("%s", strerror(-r));
	put(&board->alive[w], 0);
}

static pid_t start(u32 w, u64 seed)
{
	static char name[32];
	pid_t pid;

	put(&board->checked[w], get(&board->recheck));
	put(&board->alive[w], 1);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		WRONG("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(name, sizeof(name), "worker %u", w);
	who = name;
	random_seed(seed + 7919 * w);
	work(w);
	fflush(stdout);
	_exit(0);
}

static int run(u64 seed, u32 first, u32 nr)
{
	int status, bad = 0;
	u32 i;

	for (i = 0; i < nr; i++)
		start(first + i, seed);
	printf("workers %u to %u begin, seed %llu\n", first, first + nr - 1,
	       (unsigned long long)seed);
	fflush(stdout);
	while (wait(&status) > 0)
		bad |= status;
	return !!bad;
}

/* ---- the others ---- */

static int make(void)
{
	static const char zero[4096];
	char path[512];
	u32 i;
	int fd;

	meet_make(&board->meet, WORKERS, top);
	for (i = 0; i < WORKERS; i++) {
		path_in(path, "own", i);
		oracle_init(&board->oracle[i]);
		if (mkdir(path, 0755))
			WRONG("%s: %s", path, strerror(errno));
	}
	for (i = 0; i < 2; i++) {
		path_in(path, "counter", i);
		fd = open(path, O_CREAT | O_RDWR, 0644);
		if (fd < 0 || write(fd, zero, sizeof(zero)) != sizeof(zero))
			WRONG("%s: %s", path, strerror(errno));
		close(fd);
	}
	return 0;
}

/* Until each who lives has seen the word; -1: one does not come. */
static int until(const u32 *what, u32 want)
{
	u64 end = now_ms() + STUCK_MS;
	u32 w;

	for (w = 0; w < WORKERS; w++) {
		while (get(&board->alive[w]) && get(&what[w]) != want) {
			if (now_ms() > end) {
				printf("not ok worker %u does not get on, %llu calls\n",
				       w, (unsigned long long)board->ops[w]);
				return 1;
			}
			nap_ms(5);
		}
	}
	return 0;
}

/* All who live compare what is theirs. */
static int recheck(void)
{
	u32 asked = get(&board->recheck) + 1;

	put(&board->recheck, asked);
	return until(board->checked, asked);
}

static int stop(void)
{
	put(&board->stop, 1);
	return until(board->alive, 0);
}

/* The workers' machine is: nobody waits for them. */
static int dead(u32 first, u32 nr)
{
	u32 w;

	for (w = first; w < first + nr; w++)
		put(&board->alive[w], 0);
	return 0;
}

static int resolve(u32 first, u32 nr)
{
	char own[512];
	u32 w;
	int r;

	for (w = first; w < first + nr; w++) {
		board->oracle[w].in_doubt += board->oracle[w].pending == 1;
		path_in(own, "own", w);
		r = oracle_resolve(&board->oracle[w], own);
		if (r)
			WRONG("%s: %s", own, strerror(-r));
		meet_died(&board->meet, w);
	}
	return 0;
}

static int verify(void)
{
	u64 ops = 0, acked = 0, doubt = 0, came = 0;
	u32 w;

	meet_verify(&board->meet, top);
	for (w = 0; w < WORKERS; w++) {
		ops += board->ops[w];
		acked += board->oracle[w].acked;
		doubt += board->oracle[w].in_doubt;
		came += board->oracle[w].came_true;
	}
	printf("%llu calls; %llu changes acknowledged, %llu in doubt, of which %llu came true; %llu records; %llu times under a lock, %llu of them cut off; %llu times ESTALE\n",
	       (unsigned long long)ops, (unsigned long long)acked,
	       (unsigned long long)doubt, (unsigned long long)came,
	       (unsigned long long)board->meet.records,
	       (unsigned long long)board->locked,
	       (unsigned long long)board->halves, (unsigned long long)board->stale);
	return !acked || !board->meet.records || !board->locked;
}

/* ---- the program ---- */

static int usage(void)
{
	fputs("usage: stress_vm COMMAND BOARD OFFSET DIR [SEED FIRST NR]\n"
	      "  make     what is shared, in the empty directory DIR\n"
	      "  work     as workers FIRST and so on, until stop; SEED, FIRST, NR\n"
	      "  recheck  those who live compare all that is theirs\n"
	      "  dead     the machine of these workers is; 0, FIRST, NR\n"
	      "  resolve  look at what the dead left; 0, FIRST, NR\n"
	      "  stop     all of them\n"
	      "  verify   nobody works: what all share\n", stderr);
	return 2;
}

static int map_board(const char *path, u64 off)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *mem;

	if (fd < 0)
		return -1;
	mem = mmap(NULL, BOARD_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)off);
	close(fd);
	if (mem == MAP_FAILED)
		return -1;
	board = mem;
	oracle_stale = &board->stale;
	return 0;
}

static int with_workers(const char *command, char **arg)
{
	u64 seed = strtoull(arg[0], NULL, 0);
	u32 first = (u32)strtoul(arg[1], NULL, 0);
	u32 nr = (u32)strtoul(arg[2], NULL, 0);

	if (!nr || first + nr > WORKERS)
		return usage();
	if (!strcmp(command, "work"))
		return run(seed, first, nr);
	if (!strcmp(command, "dead"))
		return dead(first, nr);
	return strcmp(command, "resolve") ? usage() : resolve(first, nr);
}

int main(int argc, char **argv)
{
	if (argc != 5 && argc != 8)
		return usage();
	who = argv[1];
	top = argv[4];
	umask(022);
	if (map_board(argv[2], strtoull(argv[3], NULL, 0))) {
		perror(argv[2]);
		return 2;
	}
	if (argc == 8)
		return with_workers(argv[1], argv + 5);
	if (!strcmp(argv[1], "make"))
		return make();
	if (!strcmp(argv[1], "recheck"))
		return recheck();
	if (!strcmp(argv[1], "stop"))
		return stop();
	return strcmp(argv[1], "verify") ? usage() : verify();
}
