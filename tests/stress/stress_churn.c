/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_churn: millions of files come and go in a small region, few at a time.
 *
 * Notes: after a thousand operations, and again after all of them, everything
 * is deleted and the pages in use are counted: they must be the same, to the
 * page, besides the buckets of the index, which may not become more than they
 * were made with. What is in use meanwhile is looked at too: retired objects
 * wait in their slab pages until so many are retired that it pays to look
 * (TIDY_MIN in core/pool.c), so that has a bound that does not depend on the
 * number of operations. One host never gets ENOSPC. Of several, one that the
 * scheduler stops inside an operation holds reclamation back (docs/design.md),
 * so an ENOSPC is right while another host shows an epoch behind: the call is
 * made again when that one has moved on, and has to succeed then.
 */
#include "stress.h"

#include <getopt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ALIVE		100u		/* files at a time, over all hosts */
#define BUCKETS		4096u
#define FIRST		1000u		/* operations before the first count */
#define SAMPLE		20000u
#define WAIT_MS		60000u
#define ALONE_MAX	100u		/* looks that find nobody behind */
#define HOSTS_MAX	8u

struct shown {			/* by the hosts, for the parent */
	u64 done, waits, peak, buckets;
};

static u64 operations = 500000, seed;
static u32 hosts = 1, me, alive;
static const char *path;
static struct shown *shown;
static u64 dir, serial;
static u64 ino[ALIVE], number[ALIVE];	/* 0: absent */
static u8 block[16384];

/* ---- one host ---- */

/* Some names are used again, some never. */
static void name_of(char *name, u32 i)
{
	if (i % 2)
		snprintf(name, 40, "again-%u-%u", me, i);
	else
		snprintf(name, 40, "new-%u-%llu", me,
			 (unsigned long long)number[i]);
}

/* Does another host hold the epoch back? */
static int one_is_behind(void)
{
	const struct daxfs_region *rg = daxfs_mount_region(mnt);
	struct daxfs_host_info info;
	u32 i;

	for (i = 0; i < DAXFS_HOSTS && hosts > 1; i++) {
		if (i != rg->host && !daxfs_host_info(rg, i, &info) &&
		    info.oldest_epoch)
			return 1;
	}
	return 0;
}

struct patience {
	u64 since, alone;
};

/* Was that an ENOSPC that another's standstill explains? Then again. */
static int again(s64 r, struct patience *p)
{
	struct timespec ts = { 0, 1000000 };
	int behind;

	if (r != -ENOSPC || hosts == 1)
		return 0;
	if (!p->since)
		p->since = now_ms();
	behind = one_is_behind();
	p->alone += !behind;
	if (now_ms() - p->since > WAIT_MS || p->alone > ALONE_MAX)
		return 0;
	shown[me].waits += (u64)behind;
	nanosleep(&ts, NULL);
	return 1;
}

#define INSIST(call)							\
	({								\
		struct patience p_ = { 0, 0 };				\
		s64 r_;							\
		do							\
			r_ = (call);					\
		while (again(r_, &p_));				\
		MUST(r_);						\
	})

static void op_create(u32 i)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct daxfs_stat st;
	char name[40];

	number[i] = ++serial;
	name_of(name, i);
	INSIST(daxfs_create(cx, dir, name, len_of(name), &what, &st));
	ino[i] = st.ino;
}

static void op_write(u32 i)
{
	u64 off = below(4) ? 0 : below(16) * 4096;
	u64 len = 1 + below(below(4) ? 4096 : sizeof(block));
	struct daxfs_held *h;
	s64 n;

	INSIST(daxfs_hold(mnt, cx, ino[i], &h));
	n = INSIST(daxfs_write(cx, &h->file, off, block, len));
	if (n != (s64)len && hosts == 1)
		WRONG("a write of %llu bytes gave %lld",
		      (unsigned long long)len, (long long)n);
	if (!below(8))
		INSIST(daxfs_truncate(cx, &h->file, below(len)));
	daxfs_unhold(mnt, cx, h);
}

static void op_delete(u32 i)
{
	char name[40];

	name_of(name, i);
	INSIST(daxfs_unlink(cx, dir, name, len_of(name)));
	ino[i] = 0;
}

/* To a name that is free, or over another file. */
static void op_rename(u32 i, u32 k)
{
	char from[40], to[40];

	if (i == k)
		return;
	name_of(from, i);
	if (!ino[k])
		number[k] = ++serial;
	name_of(to, k);
	INSIST(daxfs_rename(cx, dir, from, len_of(from), dir, to, len_of(to),
			    0));
	ino[k] = ino[i];
	ino[i] = 0;
}

static void step(void)
{
	u32 i = (u32)below(alive), k = (u32)below(alive);

	if (!ino[i]) {
		op_create(i);
		return;
	}
	switch (below(4)) {
	case 0:
		op_delete(i);
		break;
	case 1:
		op_rename(i, k);
		break;
	default:
		op_write(i);
	}
}

static void sample(void)
{
	struct daxfs_index_stat is;
	u64 pages = pages_owned();

	MUST(daxfs_index_stat(cx, &is));
	if (pages > shown[me].peak)
		shown[me].peak = pages;
	if (is.buckets > shown[me].buckets)
		shown[me].buckets = is.buckets;
}

static void churn(u64 nr)
{
	char name[16];
	u64 i;

	snprintf(name, sizeof(name), "host-%u", me);
	dir = make_dir(DAXFS_ROOT_INO, name);
	alive = ALIVE / hosts;
	for (i = 0; i < nr; i++) {
		step();
		if (i % SAMPLE == SAMPLE / 2)
			sample();
	}
	shown[me].done += nr;
}

/* ---- the parent ---- */

static pid_t start(u32 nr, u64 its_operations, u64 its_seed)
{
	static char name[16];
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	me = nr;
	snprintf(name, sizeof(name), "host %u", nr);
	who = name;
	random_seed(its_seed);
	host_join(path);
	churn(its_operations);
	host_part();
	_exit(0);
}

/* So many operations by all hosts together; then all is deleted. */
static u64 round_of(u64 nr, u64 its_seed)
{
	pid_t pid[HOSTS_MAX];
	int status, bad = 0;
	u64 used, index;
	u32 i;

	for (i = 0; i < hosts; i++)
		pid[i] = start(i, nr / hosts, its_seed + i);
	for (i = 0; i < hosts; i++) {
		if (pid[i] < 0 || waitpid(pid[i], &status, 0) != pid[i])
			status = 1;
		bad += !!status;
	}
	if (bad)
		WRONG("%d of %u hosts failed, seed %llu", bad, hosts,
		      (unsigned long long)seed);
	host_join(path);
	check_index();
	check_pool();
	empty_dir(DAXFS_ROOT_INO);
	pages_usable();
	pages_free();
	used = pages_besides_index(&index);
	host_part();
	return used;
}

static void verify(u64 first, u64 last)
{
	u64 done = 0, waits = 0, peak = 0, buckets = 0;
	u32 i;

	for (i = 0; i < hosts; i++) {
		done += shown[i].done;
		waits += shown[i].waits;
		peak = shown[i].peak > peak ? shown[i].peak : peak;
		buckets = shown[i].buckets > buckets ? shown[i].buckets :
			  buckets;
	}
	report(done >= operations - hosts, "%llu operations by %u hosts, "
	       "%llu waits for one that stood still, seed %llu",
	       (unsigned long long)done, hosts, (unsigned long long)waits,
	       (unsigned long long)seed);
	report(first == last, "all deleted: %llu pages in use after the first "
	       "%u operations, %llu at the end", (unsigned long long)first,
	       FIRST, (unsigned long long)last);
	report(buckets && buckets <= BUCKETS, "index: at most %llu buckets, "
	       "made with %u", (unsigned long long)buckets, BUCKETS);
	/* content and maps of the living, half of the region for the rest */
	report(peak && peak <= 64 * MIB / 4096 / 2, "at most %llu of %llu "
	       "pages in use at a time", (unsigned long long)peak,
	       (unsigned long long)(64 * MIB / 4096));
}

static int options(int argc, char **argv)
{
	int c;

	seed = (u64)time(NULL) * 1000 + now_ms() % 1000;
	while ((c = getopt(argc, argv, "o:n:s:")) >= 0) {
		if (c == 'o')
			operations = strtoull(optarg, NULL, 0);
		else if (c == 'n')
			hosts = (u32)strtoul(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	return optind < argc || !hosts || hosts > HOSTS_MAX ||
	       operations < 100 * FIRST ? 2 : 0;
}

int main(int argc, char **argv)
{
	u64 first, last;

	if (options(argc, argv)) {
		fprintf(stderr, "usage: stress_churn [-o OPERATIONS] "
			"[-n HOSTS] [-s SEED]\n");
		return 2;
	}
	printf("# stress_churn: seed %llu\n", (unsigned long long)seed);
	shown = mmap(NULL, HOSTS_MAX * sizeof(*shown), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shown == MAP_FAILED)
		WRONG("out of memory");
	path = region_make(64 * MIB, BUCKETS);
	memset(block, 0x77, sizeof(block));
	first = round_of(FIRST, seed);
	last = round_of(operations - FIRST, seed + 1000);
	verify(first, last);
	region_remove();
	return report_total();
}
