/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsstress: many processes change one tree at random, through one mount or two.
 *
 * Notes: each process does three things by turns: anything in a tree where all
 * meet (fss_ops.c: errors are checked), operations on files of its own
 * (fss_own.c: everything is checked), and counting under locks (fss_lock.c).
 * Afterwards the tree is walked through each mount (fss_tree.c) and removed.
 * The same seed gives each process the same operations; how they interleave is
 * the machine's matter.
 */
#define _GNU_SOURCE
#include "fss.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define PROCESSES_MAX	64u

static const char *const features[FSS_FEATURES] = {
	[FSS_EXCHANGE] = "exchange", [FSS_WHITEOUT] = "whiteout",
	[FSS_TMPFILE] = "tmpfile", [FSS_XATTR] = "xattr",
	[FSS_PUNCH] = "punch", [FSS_ZERO] = "zero", [FSS_ALLOC] = "alloc",
};

static char top[FSS_SIDES][FSS_PATH / 2];
static u32 processes = 4;
static u64 ops_wanted = 2000, seed;
static const char *existing;
static int all_required, keep, left_out[FSS_FEATURES];

/* ---- what there is ---- */

static int refused(s64 r)
{
	if (r >= 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL ||
	    errno == EISDIR || (geteuid() && errno == EPERM))
		return 1;
	WRONG("finding out what there is: %s", strerror(errno));
}

static int make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	if (fd < 0)
		WRONG("%s: %s", path, strerror(errno));
	return fd;
}

static void try_names(const char *dir, const char *a, const char *b, int *no)
{
	int fd;

	no[FSS_EXCHANGE] |= refused(renameat2(AT_FDCWD, a, AT_FDCWD, b,
					      RENAME_EXCHANGE));
	no[FSS_WHITEOUT] |= refused(renameat2(AT_FDCWD, a, AT_FDCWD, b,
					      RENAME_WHITEOUT));
	fd = open(dir, O_TMPFILE | O_RDWR, 0600);
	no[FSS_TMPFILE] |= refused(fd);
	if (fd >= 0)
		close(fd);
}

static void try_file(const char *path, int fd, int *no)
{
	const int keep_size = FALLOC_FL_KEEP_SIZE;

	no[FSS_XATTR] |= refused(setxattr(path, "user.a", "x", 1, 0));
	no[FSS_PUNCH] |= refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | keep_size,
					   0, 1));
	no[FSS_ZERO] |= refused(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 1));
	no[FSS_ALLOC] |= refused(fallocate(fd, 0, 0, 1)) ||
			 refused(fallocate(fd, keep_size, 0, 1));
}

static void try_side(u32 side, int *no)
{
	char a[FSS_PATH], b[FSS_PATH];
	int fd;

	snprintf(a, sizeof(a), "%s/a", fss_top[side]);
	snprintf(b, sizeof(b), "%s/b", fss_top[side]);
	fd = make(a);
	try_file(a, fd, no);
	close(fd);
	close(make(b));
	try_names(fss_top[side], a, b, no);
	unlink(a);
	unlink(b);
}

static void say_missing(const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "fsstress %s", what);
	if (all_required)
		report(0, "%s: refused here", name);
	else
		report_skip(name, "refused here");
}

static void find_out(void)
{
	int no[FSS_FEATURES] = { 0 };
	u32 i;

	for (i = 0; i < fss_sides; i++)
		try_side(i, no);
	for (i = 0; i < FSS_FEATURES; i++) {
		fss_has[i] = !no[i] && !left_out[i];
		if (no[i] && !left_out[i])
			say_missing(features[i]);
	}
	fss_lock_begin();
	if (!fss_locks_reach)
		say_missing("locks from one mount to the other");
}

/* ---- processes ---- */

static void work(u32 nr)
{
	static char name[32];
	u64 i;

	snprintf(name, sizeof(name), "process %u", nr);
	who = name;
	random_seed(seed + nr);
	fss_own_begin(nr);
	for (i = 0; i < ops_wanted; i++) {
		fss_any();
		/* Where it gets full nobody knows what came of a call. */
		if (!fss_may_fill && !below(4))
			fss_own_step();
		if (!below(40))
			fss_lock_step();
	}
	fss_own_check();
	fss_any_close();
}

static pid_t start(u32 nr)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		WRONG("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	work(nr);
	_exit(0);
}

static void run(void)
{
	pid_t pid[PROCESSES_MAX];
	u32 i, bad = 0;
	int status;

	for (i = 0; i < processes; i++)
		pid[i] = start(i);
	for (i = 0; i < processes; i++)
		bad += waitpid(pid[i], &status, 0) != pid[i] || status;
	fss_any_print();
	report(!bad, "fsstress: %u processes, %llu operations each, through %u "
	       "mounts, seed %llu: %u ended wrongly", processes,
	       (unsigned long long)ops_wanted, fss_sides,
	       (unsigned long long)seed, bad);
	printf("# %llu steps on files of their own; %llu times ESTALE, %llu "
	       "times ENOSPC\n", (unsigned long long)fss_board->private_steps,
	       (unsigned long long)fss_board->stale,
	       (unsigned long long)fss_board->full);
}

/* ---- the program ---- */

static int usage(void)
{
	fputs("usage: fsstress [-p PROCESSES] [-n OPERATIONS] [-s SEED] [-x FEATURE]... "
	      "[-e DIR] [-fkR] DIR1 [DIR2]\n"
	      "Processes that change a tree in DIR1 at random.\n"
	      "DIR2: the same directory on another mount.\n"
	      "  -p  processes (default 4)\n"
	      "  -n  operations of each (default 2000)\n"
	      "  -s  seed (default: by the clock; it is printed)\n"
	      "  -x  leave out a feature, as named in messages\n"
	      "  -e  in this directory, where a tree may be, as -k leaves it\n"
	      "  -f  it may get full: ENOSPC is no failure, and no process\n"
	      "      has files of its own\n"
	      "  -k  keep the tree\n"
	      "  -R  what is refused is a failure\n"
	      "Exit status: 0 all is well, 1 something is wrong, 2 not run.\n",
	      stderr);
	return 2;
}

static int leave_out(const char *name)
{
	u32 i;

	for (i = 0; i < FSS_FEATURES; i++) {
		if (strcmp(name, features[i]))
			continue;
		left_out[i] = 1;
		return 0;
	}
	return 2;
}

static int option(int c)
{
	if (c == 'p')
		processes = (u32)strtoul(optarg, NULL, 0);
	else if (c == 'n')
		ops_wanted = strtoull(optarg, NULL, 0);
	else if (c == 's')
		seed = strtoull(optarg, NULL, 0);
	else if (c == 'f')
		fss_may_fill = 1;
	else if (c == 'k')
		keep = 1;
	else if (c == 'R')
		all_required = 1;
	else if (c == 'e')
		existing = optarg;
	else if (c == 'x')
		return leave_out(optarg);
	else
		return 2;
	return 0;
}

static int options(int argc, char **argv)
{
	int c, r = 0;
	u32 i;

	seed = (u64)time(NULL) * 1000 + now_ms() % 1000;
	while ((c = getopt(argc, argv, "p:n:s:x:e:fkR")) >= 0)
		r |= option(c);
	if (r || optind >= argc || argc - optind > (int)FSS_SIDES ||
	    !processes || processes > PROCESSES_MAX)
		return 2;
	fss_sides = (u32)(argc - optind);
	for (i = 0; i < fss_sides; i++) {
		if (strlen(argv[optind + (int)i]) > FSS_PATH / 4)
			return 2;
		fss_top[i] = top[i];
		snprintf(top[i], sizeof(top[i]), "%s/fsstress-%d",
			 argv[optind + (int)i], (int)getpid());
		if (existing)
			snprintf(top[i], sizeof(top[i]), "%s/%.90s",
				 argv[optind + (int)i], existing);
	}
	return 0;
}

static void prepare(void)
{
	char path[FSS_PATH];

	umask(022);
	signal(SIGPIPE, SIG_IGN);
	fss_board = mmap(NULL, sizeof(*fss_board), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fss_board == MAP_FAILED ||
	    (mkdir(fss_top[0], 0755) && !(existing && errno == EEXIST))) {
		perror(fss_top[0]);
		exit(2);
	}
	find_out();
	snprintf(path, sizeof(path), "%s/shared", fss_top[0]);
	if (mkdir(path, 0755) && !(existing && errno == EEXIST))
		WRONG("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	if (options(argc, argv))
		return usage();
	printf("# fsstress: seed %llu\n", (unsigned long long)seed);
	random_seed(seed);
	prepare();
	run();
	fss_lock_check();
	fss_tree_check();
	if (!keep) {
		fss_tree_remove();
		report(!rmdir(fss_top[0]), "fsstress: all of it removed");
	}
	return report_total();
}
