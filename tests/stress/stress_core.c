/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_core: many hosts on one region, random operations, with or without
 * kills.
 *
 * Notes: each process is a host of its own, each of its threads (-T) a context.
 * Half of its operations are in a
 * directory of its own against a model, the others where all meet. The parent
 * touches the region only before they start and after they end. With -k it
 * kills one of them every few milliseconds and starts it anew; the others
 * have to go on. At the end the tree, the index and the counters must agree,
 * and when everything is deleted the memory must have come back.
 */
#include "model.h"
#include "shared.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define STUCK_MS	120000

static const char *path;
static u64 seed;
static u64 seconds = 10;
static u32 procs = 4;
static u32 threads = 1;		/* of each process */
static int kills;
static pid_t pid[PROCS_MAX];
static u64 started;		/* processes, over all */

/* ---- one host ---- */

static u64 own_dir(u32 nr)
{
	struct daxfs_stat st;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "p%u", nr);
	r = daxfs_lookup(cx, board->own, name, len_of(name), &st);
	if (r == -ENOENT)
		WRONG("the directory of this host is gone");
	MUST(r);
	empty_dir(st.ino);	/* of the one that was killed */
	return st.ino;
}

static void make_own_dirs(void)
{
	char name[16];
	u32 i;

	for (i = 0; i < procs * threads; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		make_dir(board->own, name);
	}
}

/* Worker nr, with the context of this thread. */
static void work(u32 nr, u64 its_seed)
{
	static __thread char name[32];

	snprintf(name, sizeof(name), "worker %u", nr);
	who = name;
	random_seed(its_seed);
	model_init(own_dir(nr), kills);
	shared_init(nr);
	while (!__atomic_load_n(&board->stop, __ATOMIC_RELAXED)) {
		if (below(2))
			model_step();
		else
			shared_step();
		__atomic_fetch_add(&board->ops[nr], 1, __ATOMIC_RELAXED);
	}
	model_finish();
}

struct job {
	pthread_t id;
	u32 nr;
	u64 seed;
};

static void *thread(void *arg)
{
	struct job *job = arg;

	cx = daxfs_cx_get(mnt);
	work(job->nr, job->seed);
	daxfs_cx_put(mnt, cx);
	return NULL;
}

/* All threads but the first, which this one becomes. */
static void start_threads(struct job *job, u32 nr, u64 its_seed)
{
	u32 i;

	for (i = 1; i < threads; i++) {
		job[i].nr = nr * threads + i;
		job[i].seed = its_seed + i * 7919;
		if (pthread_create(&job[i].id, NULL, thread, &job[i]))
			WRONG("cannot start a thread");
	}
}

static void __attribute__((noreturn)) process(u32 nr, u64 its_seed)
{
	struct job job[PROCS_MAX];
	u32 i;

	who = "process";
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	host_join(path);
	start_threads(job, nr, its_seed);
	work(nr * threads, its_seed);
	for (i = 1; i < threads; i++)
		pthread_join(job[i].id, NULL);
	host_part();
	exit(0);	/* ThreadSanitizer speaks up in here */
}

static void start(u32 nr)
{
	u64 its_seed = seed + 1000003 * ++started;
	pid_t parent = getpid();

	fflush(stdout);
	pid[nr] = fork();
	if (pid[nr] < 0)
		WRONG("fork: %s", strerror(errno));
	if (pid[nr])
		return;
	/* none stays when the parent is ended by whatever signal */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	process(nr, its_seed);
}

/* ---- the parent ---- */

static void nap_ms(u64 ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void kill_all(void)
{
	u32 i;

	for (i = 0; i < procs; i++) {
		if (pid[i] > 0)
			kill(pid[i], SIGKILL);
	}
	for (i = 0; i < procs; i++) {
		if (pid[i] > 0)
			waitpid(pid[i], NULL, 0);
		pid[i] = 0;
	}
}

static void give_up(const char *what, u32 nr, int status)
{
	kill_all();
	WRONG("host %u %s, %s %d (seed %llu)", nr, what,
	      WIFSIGNALED(status) ? "signal" : "status",
	      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	      (unsigned long long)seed);
}

/* Has one ended that was not told to? */
static void look_after(void)
{
	int status;
	u32 i;

	for (i = 0; i < procs; i++) {
		if (waitpid(pid[i], &status, WNOHANG) == pid[i]) {
			pid[i] = 0;
			give_up("ended early", i, status);
		}
	}
}

/* Each process that is not killed meanwhile gets on. */
static void look_for_stuck(void)
{
	static u64 last[PROCS_MAX], since[PROCS_MAX];
	u64 now = now_ms(), ops;
	u32 i;

	for (i = 0; i < procs * threads; i++) {
		ops = __atomic_load_n(&board->ops[i], __ATOMIC_RELAXED);
		if (ops != last[i] || !since[i]) {
			last[i] = ops;
			since[i] = now;
		} else if (now - since[i] > STUCK_MS) {
			give_up("does not get on", i / threads, 0);
		}
	}
}

static u64 kill_one(void)
{
	u32 i = below(procs);
	int status;

	kill(pid[i], SIGKILL);
	waitpid(pid[i], &status, 0);
	if (WIFEXITED(status)) {
		pid[i] = 0;
		give_up("ended early", i, status);
	}
	start(i);
	return 1;
}

static void finish_all(void)
{
	u64 end = now_ms() + STUCK_MS;
	int status, left = procs;
	u32 i;

	__atomic_store_n(&board->stop, 1, __ATOMIC_RELAXED);
	while (left) {
		for (i = 0; i < procs; i++) {
			if (!pid[i] || waitpid(pid[i], &status, WNOHANG) <= 0)
				continue;
			pid[i] = 0;
			left--;
			if (status)
				give_up("failed at its end", i, status);
		}
		if (now_ms() > end)
			give_up("or another does not end", 0, 0);
		nap_ms(5);
	}
}

static u64 all_ops(void)
{
	u64 ops = 0;
	u32 i;

	for (i = 0; i < procs * threads; i++)
		ops += __atomic_load_n(&board->ops[i], __ATOMIC_RELAXED);
	return ops;
}

/* Most kills wait until somebody got on: also on a slow machine some work. */
static int may_kill(void)
{
	static u64 last;
	u64 ops = all_ops();

	if (!kills || (ops < last + 20 && below(16)))
		return 0;
	last = ops;
	return 1;
}

static void run(void)
{
	u64 end = now_ms() + seconds * 1000, killed = 0, ops;
	u32 i;

	for (i = 0; i < procs; i++)
		start(i);
	while (now_ms() < end) {
		nap_ms(kills ? 1 + below(40) : 20);
		look_after();
		look_for_stuck();
		if (may_kill())
			killed += kill_one();
	}
	finish_all();
	ops = all_ops();
	report(ops > 0, "%u hosts of %u threads, %llu operations, %llu killed, "
	       "seed %llu", procs, threads, (unsigned long long)ops, (unsigned long long)killed,
	       (unsigned long long)seed);
}

/* ---- before and after ---- */

static void verify_tree(void)
{
	struct walked w;

	walk_verify(&w);
	report(1, "tree: %llu directories, %llu files, %llu names",
	       (unsigned long long)w.dirs, (unsigned long long)w.files,
	       (unsigned long long)w.names);
}

/*
 * Memory of dead hosts, of files and of directories comes back; what remains
 * taken belongs to the index, which does not shrink.
 */
static void verify_empty(u64 avail, u64 free_before)
{
	struct daxfs_index_stat is;
	struct daxfs_statfs sf;
	u64 now, lost;

	empty_dir(DAXFS_ROOT_INO);
	MUST(daxfs_statfs(cx, &sf));
	MUST(daxfs_index_stat(cx, &is));
	report(is.dirents == 0 && is.inodes <= 1, "all deleted: %llu names, "
	       "%llu inodes in the index", (unsigned long long)is.dirents,
	       (unsigned long long)is.inodes);
	now = pages_free();
	lost = now < free_before ? free_before - now : 0;
	/* slab pages without objects are found when they are needed */
	report(lost <= sf.pool_pages / 10, "all deleted: %llu of %llu pages "
	       "are not said to be free again", (unsigned long long)lost,
	       (unsigned long long)sf.pool_pages);
	now = pages_usable();
	lost = now < avail ? avail - now : 0;
	report(lost <= sf.pool_pages / 50, "all deleted: %llu of %llu pages "
	       "cannot be used again", (unsigned long long)lost,
	       (unsigned long long)sf.pool_pages);
}

static void usage(FILE *to)
{
	fputs("usage: stress_core [-k] [-s SEED] [-t SECONDS] [-n PROCESSES] [-T THREADS]\n"
	      "Random operations by many hosts on one region in /dev/shm.\n"
	      "  -k  kill hosts at random and start them anew\n"
	      "  -s  seed (default: by the clock; it is printed)\n"
	      "  -t  seconds (default 10)\n"
	      "  -n  hosts at a time (default 4)\n"
	      "  -T  threads of each (default 1); 16 in all\n"
	      "Exit status: 0 all is well, 1 something is wrong, 2 not run.\n",
	      to);
}

static int options(int argc, char **argv)
{
	int c;

	seed = (u64)time(NULL) * 1000 + now_ms() % 1000;
	while ((c = getopt(argc, argv, "ks:t:n:T:h")) >= 0) {
		if (c == 'k')
			kills = 1;
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			seconds = strtoull(optarg, NULL, 0);
		else if (c == 'n')
			procs = strtoul(optarg, NULL, 0);
		else if (c == 'T')
			threads = strtoul(optarg, NULL, 0);
		else
			return c == 'h' ? 0 : 2;
	}
	return optind < argc || !procs || !threads || procs > PROCS_MAX ||
	       threads > PROCS_MAX || procs * threads > PROCS_MAX ? 2 : -1;
}

int main(int argc, char **argv)
{
	int status = options(argc, argv);
	u64 avail, free_before;

	if (status >= 0) {
		usage(status ? stderr : stdout);
		return status;
	}
	printf("# stress_core: seed %llu\n", (unsigned long long)seed);
	random_seed(seed);
	path = region_make(512 * MIB, 4096);
	host_join(path);
	free_before = pages_free();
	avail = pages_avail();
	board_make(procs * threads, kills);
	make_own_dirs();
	host_part();
	run();
	host_join(path);
	verify_hosts();
	verify_tree();
	shared_verify();
	check_index();
	check_pool();
	verify_empty(avail, free_before);
	check_index();
	check_pool();
	host_part();
	region_remove();
	return report_total();
}
