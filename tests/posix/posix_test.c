/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * posix_test: system-call tests for any directory; this file is the frame.
 *
 * Notes: the cases are in the other files of this folder and register
 * themselves. Everything happens in one new directory below the one that is
 * given, and that is removed at the end, also after SIGINT or SIGTERM. Each
 * case has a process group, so nothing of a case outlives it.
 */
#include "posix_test.h"

#include <dirent.h>
#include <ftw.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_FAILED	1
#define EXIT_SOFT	2	/* it went to its end, but not all was right */
#define EXIT_SKIP	77
#define CASE_SECONDS	120	/* far above what a case needs anywhere */

struct options opt = { .seed = 1 };

static struct test_case *cases, **cases_end = &cases;
static const char *case_name = "";
static char root[PATH_MAX];	/* DIR/posix.XXXXXX */
static char other_root[PATH_MAX];
static uint64_t rng;
static volatile sig_atomic_t stopped;
static volatile pid_t running;

void case_register(struct test_case *tc)
{
	*cases_end = tc;
	cases_end = &tc->next;
}

/* ---- ends of a case ---- */

void print_failure(const char *verdict, const char *where, const char *fmt,
		   va_list ap)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, ap);
	printf("%s %s: %s%s\n", verdict, case_name, where, text);
	fflush(stdout);
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	char where[512];
	va_list ap;

	where_of(where, sizeof(where), file, line);
	va_start(ap, fmt);
	print_failure("not ok", where, fmt, ap);
	va_end(ap);
	_exit(EXIT_FAILED);
}

void skip_case(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_failure("skip", "", fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

/* ---- processes ---- */

pid_t child_begin(void)
{
	pid_t pid = fork();

	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (!pid)
		rng ^= (uint64_t)getpid() << 32;
	return pid;
}

void child_end(void)
{
	fflush(stdout);
	_exit(soft_failures ? EXIT_SOFT : 0);
}

/* The child has printed why; -1 if it has not because a signal ended it. */
static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			FAIL("waitpid: %s", strerror(errno));
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void child_reap(pid_t pid)
{
	int status = wait_status(pid);

	if (status < 0)
		FAIL("a child was ended by signal %d (%s)", -status,
		     strsignal(-status));
	if (status == EXIT_SOFT)
		soft_failures++;
	else if (status)
		_exit(status);
}

void children(int nr, void (*fn)(int nr))
{
	pid_t pid[16];
	int i;

	CHECK(nr <= 16);
	for (i = 0; i < nr; i++) {
		pid[i] = child_begin();
		if (!pid[i]) {
			fn(i);
			child_end();
		}
	}
	for (i = 0; i < nr; i++)
		child_reap(pid[i]);
}

int user_begin(void)
{
	pid_t pid = child_begin();
	struct stat st;

	if (pid) {
		child_reap(pid);
		return 0;
	}
	if (geteuid())
		return 1;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		FAIL("cannot become nobody: %s", strerror(errno));
	if (lstat(".", &st) && errno == EACCES)
		skip_case("the mount lets only its owner in: allow_other");
	return 1;
}

void go_other(void)
{
	char path[PATH_MAX + NAME_MAX + 2];

	if (!opt.other)
		return;
	snprintf(path, sizeof(path), "%s/%s", other_root, case_name);
	OK(chdir(path));
}

/* ---- files ---- */

struct stat stat_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		FAIL("lstat %s: %s", path, strerror(errno));
	return st;
}

void make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		FAIL("open %s: %s", path, strerror(errno));
	write_all(fd, text, strlen(text), 0);
	OK(close(fd));
}

void make_tree(const char *path)
{
	OK(mkdir(path, 0777));
	OK(chmod(path, 0777));
}

void expect_text(const char *path, const char *text)
{
	char buf[4096];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		FAIL("open %s: %s", path, strerror(errno));
	n = OK(read(fd, buf, sizeof(buf) - 1));
	buf[n] = 0;
	OK(close(fd));
	if (strcmp(buf, text))
		FAIL("%s holds \"%s\", not \"%s\"", path, buf, text);
}

int exists(const char *path)
{
	struct stat st;

	if (!lstat(path, &st))
		return 1;
	if (errno != ENOENT)
		FAIL("lstat %s: %s", path, strerror(errno));
	return 0;
}

void write_all(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t n;

	while (len) {
		n = pwrite(fd, buf, len, off);
		if (n <= 0)
			FAIL("pwrite %zu at %lld: %zd, %s", len,
			     (long long)off, n, strerror(errno));
		buf = (const char *)buf + n;
		len -= n;
		off += n;
	}
}

void read_all(int fd, void *buf, size_t len, off_t off)
{
	ssize_t n;

	while (len) {
		n = pread(fd, buf, len, off);
		if (n <= 0)
			FAIL("pread %zu at %lld: %zd, %s", len, (long long)off,
			     n, n ? strerror(errno) : "end of file");
		buf = (char *)buf + n;
		len -= n;
		off += n;
	}
}

void pattern(void *buf, size_t len, off_t off, unsigned int seed)
{
	unsigned char *p = buf;
	uint64_t x;
	size_t i;

	for (i = 0; i < len; i++) {
		x = (uint64_t)(off + i) / 7 * 0x9e3779b97f4a7c15ull + seed;
		p[i] = (x >> 32) | 1;	/* never zero: holes are */
	}
}

static void expect_range(int fd, off_t off, off_t len, int seed)
{
	static unsigned char have[64 * KIB], want[64 * KIB];
	size_t n, i;

	for (; len; off += n, len -= n) {
		n = len < (off_t)sizeof(have) ? (size_t)len : sizeof(have);
		read_all(fd, have, n, off);
		memset(want, 0, n);
		if (seed >= 0)
			pattern(want, n, off, seed);
		for (i = 0; i < n && have[i] == want[i]; i++)
			;
		if (i < n)
			FAIL("byte %lld is %u, not %u", (long long)off +
			     (long long)i, have[i], want[i]);
	}
}

void expect_zero(int fd, off_t off, off_t len)
{
	expect_range(fd, off, len, -1);
}

void expect_pattern(int fd, off_t off, off_t len, unsigned int seed)
{
	expect_range(fd, off, len, seed);
}

void write_pattern(int fd, off_t off, off_t len, unsigned int seed)
{
	static unsigned char buf[1 * MIB];
	size_t n;

	for (; len; off += n, len -= n) {
		n = len < (off_t)sizeof(buf) ? (size_t)len : sizeof(buf);
		pattern(buf, n, off, seed);
		write_all(fd, buf, n, off);
	}
}

uint64_t random64(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dull;
}

void later(void)
{
	struct timespec from, now, nap = { .tv_nsec = 2000000 };

	/* the coarse clock of a file system ticks every 10 ms or faster */
	clock_gettime(CLOCK_REALTIME_COARSE, &from);
	do {
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000000000ll +
		 now.tv_nsec - from.tv_nsec < 12000000);
}

int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *de;
	int n = 0;

	if (!dir)
		FAIL("opendir %s: %s", path, strerror(errno));
	while ((errno = 0, de = readdir(dir))) {
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			n++;
	}
	if (errno)
		FAIL("readdir %s: %s", path, strerror(errno));
	closedir(dir);
	return n;
}

/* ---- running ---- */

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DNR && !chmod(path, 0700))
		return 1;	/* again, now that it can be listed */
	return remove(path) ? -1 : 0;
}

static int remove_tree(const char *path)
{
	int rc, tries = 0;

	do {
		rc = nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
	} while (rc > 0 && ++tries < 100);
	if (rc)
		fprintf(stderr, "posix_test: cannot remove %s: %s\n", path,
			strerror(errno));
	return rc;
}

void wipe(const char *path)
{
	if (exists(path) && remove_tree(path))
		FAIL("%s cannot be removed", path);
}

static void run_in_child(const struct test_case *tc)
{
	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	alarm(CASE_SECONDS);
	umask(022);
	rng = opt.seed * 0x9e3779b97f4a7c15ull + 1;
	if (chdir(root) || mkdir(tc->name, 0777) || chmod(tc->name, 0777) ||
	    chdir(tc->name))
		FAIL("cannot make its directory: %s", strerror(errno));
	tc->run();
	child_end();
}

/* Returns the exit status of the case, or the signal that ended it, negated. */
static int run_case(const struct test_case *tc)
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		perror("posix_test: fork");
		exit(2);
	}
	if (!pid)
		run_in_child(tc);
	setpgid(pid, pid);	/* whoever is first */
	running = pid;
	status = wait_status(pid);
	running = 0;
	kill(-pid, SIGKILL);	/* what the case has left */
	return status;
}

static void on_signal(int nr)
{
	stopped = nr;
	if (running)
		kill(-running, SIGKILL);
}

static int wanted(const char *name, char **list)
{
	if (!*list)
		return 1;
	for (; *list; list++) {
		if (!strcmp(name, *list))
			return 1;
	}
	return 0;
}

struct totals {
	int passed, failed, skipped;
};

static const char *missing_for(const struct test_case *tc)
{
	if ((tc->flags & NEEDS_ROOT) && geteuid())
		return "root";
	if ((tc->flags & NEEDS_READ_ONLY) && !opt.read_only)
		return "--read-only";
	if ((tc->flags & NEEDS_SMALL) && !opt.small)
		return "--small";
	return NULL;
}

static void count_case(const struct test_case *tc, struct totals *t)
{
	char path[PATH_MAX + NAME_MAX + 2];
	int status;

	case_name = tc->name;
	if (missing_for(tc)) {
		printf("skip %s: needs %s\n", tc->name, missing_for(tc));
		t->skipped++;
		return;
	}
	fflush(stdout);
	status = run_case(tc);
	if (stopped)
		return;
	if (status < 0)
		printf("not ok %s: ended by signal %d (%s)%s\n", tc->name,
		       -status, strsignal(-status),
		       -status == SIGALRM ? ", it took too long" : "");
	else if (!status)
		printf("ok %s\n", tc->name);
	t->passed += !status;
	t->skipped += status == EXIT_SKIP;
	t->failed += status && status != EXIT_SKIP;
	snprintf(path, sizeof(path), "%s/%s", root, tc->name);
	if (remove_tree(path)) {
		printf("not ok %s: its directory cannot be removed\n",
		       tc->name);
		t->failed++;
	}
	fflush(stdout);
}

static int run_all(char **list)
{
	struct totals t = { 0 };
	struct test_case *tc;

	for (tc = cases; tc && !stopped; tc = tc->next) {
		if (wanted(tc->name, list))
			count_case(tc, &t);
	}
	if (remove_tree(root))
		t.failed++;
	if (stopped)
		return 128 + stopped;
	if (*list && !t.passed && !t.failed && !t.skipped) {
		fprintf(stderr, "posix_test: no such case: %s (see -l)\n",
			*list);
		return 2;
	}
	tally_end();
	printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed,
	       t.skipped);
	return t.failed ? 1 : 0;
}

static void usage(FILE *to)
{
	fputs("usage: posix_test [options] DIR [CASE...]\n"
	      "Runs system-call tests in a new directory below DIR.\n"
	      "  -2, --other DIR     DIR on another mount, for the races\n"
	      "  -m, --max-file N    largest size of a file there, bytes\n"
	      "  -r, --read-only DIR a read-only mount of the kind, with a "
	      "file in it\n"
	      "  -f, --small DIR     one that a few MiB fill\n"
	      "  -s, --seed N        of the random cases (default 1)\n"
	      "  -l, --list          names of the cases\n"
	      "Exit status: 0 all passed, 1 a case failed, 2 not run.\n", to);
}

static void list_cases(void)
{
	struct test_case *tc;

	for (tc = cases; tc; tc = tc->next)
		puts(tc->name);
}

static int make_root(const char *dir)
{
	if (!realpath(dir, root) || strlen(root) > PATH_MAX - 64 ||
	    !strcat(root, "/posix.XXXXXX") || !mkdtemp(root) ||
	    chmod(root, 0755)) {
		fprintf(stderr, "posix_test: cannot make a directory in %s: "
			"%s\n", dir, strerror(errno));
		return -1;
	}
	if (!opt.other)
		return 0;
	if (!realpath(opt.other, other_root) ||
	    strlen(other_root) > PATH_MAX - 64) {
		fprintf(stderr, "posix_test: %s: %s\n", opt.other,
			strerror(errno));
		return -1;
	}
	strcat(other_root, strrchr(root, '/'));
	if (access(other_root, F_OK)) {
		fprintf(stderr, "posix_test: %s is not the directory %s on "
			"another mount\n", opt.other, dir);
		rmdir(root);
		return -1;
	}
	return 0;
}

static const struct option long_options[] = {
	{ "other", required_argument, NULL, '2' },
	{ "max-file", required_argument, NULL, 'm' },
	{ "read-only", required_argument, NULL, 'r' },
	{ "small", required_argument, NULL, 'f' },
	{ "seed", required_argument, NULL, 's' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int c;

	while ((c = getopt_long(argc, argv, "2:m:r:f:s:lh", long_options,
				NULL)) >= 0) {
		if (c == '2') {
			opt.other = optarg;
		} else if (c == 'm') {
			opt.max_file = strtoll(optarg, NULL, 0);
		} else if (c == 'r') {
			opt.read_only = realpath(optarg, NULL);
		} else if (c == 'f') {
			opt.small = realpath(optarg, NULL);
		} else if (c == 's') {
			opt.seed = strtoull(optarg, NULL, 0);
		} else if (c == 'l') {
			list_cases();
			return 0;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (optind >= argc) {
		usage(stderr);
		return 2;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (make_root(argv[optind]))
		return 2;
	tally_begin(root);
	return run_all(argv + optind + 1);
}
