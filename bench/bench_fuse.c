// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast is daxfs-fuse beside a null server and a passthrough server?
 *
 * Notes: one CSV row per question: question,ours,peer,unit,ratio,target,met.
 * All servers are mounted at once and this process takes turns between ours
 * and the peer, round by round; a cell is the median of the rounds, the ratio
 * that of the rounds' ratios. This process and all servers run on one CPU:
 * across CPUs the time is that of waking each other up. INIT flags, timeouts,
 * threads and mount options are the same on both sides, and so are the requests
 * of each system call: at a close the null server gets a FLUSH, too, which ours
 * needs for the locks of files. --quick runs for about
 * a second: it shows that the program works, its numbers mean nothing.
 *
 * Parameters: an empty region of 256 MiB in /dev/shm; one directory; a file of
 * 64 MiB (4 with --quick) that is read in pieces of 1 MiB: with no page cached,
 * with direct_io, and with all pages cached (then the only request is a
 * getattr).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rounds.h"

#define FUSE_MAGIC	0x65735546
#define PIECE		(1u << 20)
#define MAX_ROUNDS	15
#define START_TRIES	1000	/* of 10 ms */

enum { OURS, OURS_DIRECT, NUL, PASS, PASS_DIRECT, SERVERS };

static const char *const dir_name[SERVERS] = {
	"ours", "ours-direct", "null", "pass", "pass-direct",
};

static char base[] = "/tmp/bench_fuse.XXXXXX";
static char region[] = "/dev/shm/bench_fuse.XXXXXX";
static char source[] = "/dev/shm/bench_fuse_dir.XXXXXX";
static char programs[PATH_MAX];
static pid_t server[SERVERS];
static pid_t owner;
static int have_base, have_region, have_source;
static char *buffer;
static unsigned int pieces = 64;	/* of the file */

/* ---- coming and going ---- */

static void path_of(char *to, int i, const char *name)
{
	snprintf(to, PATH_MAX, "%s/%s/%s", base, dir_name[i], name);
}

static void stop_server(int i)
{
	if (server[i] <= 0)
		return;
	kill(server[i], SIGTERM);
	waitpid(server[i], NULL, 0);
	server[i] = 0;
}

static void clean(void)
{
	char path[PATH_MAX];
	int i;

	if (getpid() != owner)
		return;
	for (i = 0; i < SERVERS; i++)
		stop_server(i);
	for (i = 0; i < SERVERS && have_base; i++) {
		path_of(path, i, "");
		rmdir(path);
	}
	if (have_base)
		rmdir(base);
	if (have_region)
		unlink(region);
	if (!have_source)
		return;
	snprintf(path, sizeof(path), "%s/file", source);
	unlink(path);
	snprintf(path, sizeof(path), "%s/new", source);
	unlink(path);
	rmdir(source);
}

static void on_signal(int sig)
{
	clean();
	_exit(128 + sig);
}

static _Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	fputs("bench_fuse: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static pid_t spawn(char *const argv[])
{
	char path[PATH_MAX + 32];
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/%s", programs, argv[0]);
	execv(path, argv);
	fprintf(stderr, "bench_fuse: %s: %s\n", path, strerror(errno));
	_exit(127);
}

static void start_server(int i, char *const argv[])
{
	struct timespec t = { .tv_nsec = 10 * 1000 * 1000 };
	char path[PATH_MAX];
	struct statfs fs;
	int n;

	server[i] = spawn(argv);
	path_of(path, i, "");
	for (n = 0; n < START_TRIES; n++) {
		if (!statfs(path, &fs) && fs.f_type == FUSE_MAGIC)
			return;
		if (waitpid(server[i], NULL, WNOHANG) == server[i]) {
			server[i] = 0;
			break;
		}
		nanosleep(&t, NULL);
	}
	die("%s did not mount %s", argv[0], path);
}

static void make_region(void)
{
	char *const argv[] = { "mkdaxfs", "-q", "-f", "--empty", "-r", region,
			       "-s", "256M", NULL };
	int fd = mkstemp(region), status;

	if (fd < 0)
		die("%s: %s", region, strerror(errno));
	have_region = 1;
	close(fd);
	if (waitpid(spawn(argv), &status, 0) < 0 || status)
		die("mkdaxfs could not make %s", region);
}

static void make_dirs(void)
{
	char path[PATH_MAX];
	int i;

	if (!mkdtemp(base))
		die("%s: %s", base, strerror(errno));
	have_base = 1;
	for (i = 0; i < SERVERS; i++) {
		path_of(path, i, "");
		if (mkdir(path, 0700))
			die("%s: %s", path, strerror(errno));
	}
	if (!mkdtemp(source))
		die("%s: %s", source, strerror(errno));
	have_source = 1;
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	unsigned int i;

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	for (i = 0; i < pieces; i++) {
		memset(buffer, (int)i + 1, PIECE);
		if (write(fd, buffer, PIECE) != PIECE)
			die("%s: cannot write: %s", path, strerror(errno));
	}
	close(fd);
}

static void start_all(void)
{
	char mnt[SERVERS][PATH_MAX], file[PATH_MAX];
	int i;

	for (i = 0; i < SERVERS; i++)
		path_of(mnt[i], i, "");
	start_server(OURS, (char *[]){ "daxfs-fuse", "-f", region, mnt[OURS],
				       NULL });
	start_server(OURS_DIRECT, (char *[]){ "daxfs-fuse", "-f", "-o",
		"direct_io", region, mnt[OURS_DIRECT], NULL });
	start_server(NUL, (char *[]){ "null_fuse", mnt[NUL], NULL });
	start_server(PASS, (char *[]){ "passthrough_fuse", source, mnt[PASS],
				       NULL });
	start_server(PASS_DIRECT, (char *[]){ "passthrough_fuse", "-d", source,
		mnt[PASS_DIRECT], NULL });
	path_of(file, OURS, "file");
	make_file(file);
	snprintf(file, sizeof(file), "%s/file", source);
	make_file(file);
}

/* ---- what is measured: one step, 0 or -1 ---- */

struct side {
	char file[PATH_MAX], fresh[PATH_MAX];
	int fd;
	unsigned int piece;
};

static int step_lookup(struct side *s)
{
	int fd = open(s->file, O_PATH | O_NOFOLLOW);

	return fd < 0 ? -1 : close(fd);
}

static int step_getattr(struct side *s)
{
	struct stat st;

	return fstat(s->fd, &st);
}

static int step_open(struct side *s)
{
	int fd = open(s->file, O_RDONLY);

	return fd < 0 ? -1 : close(fd);
}

static int step_create(struct side *s)
{
	int fd = open(s->fresh, O_CREAT | O_EXCL | O_WRONLY, 0600);

	return fd < 0 || close(fd) ? -1 : unlink(s->fresh);
}

static int step_read(struct side *s)
{
	off_t at = (off_t)(s->piece++ % pieces) * PIECE;

	return pread(s->fd, buffer, PIECE, at) == PIECE ? 0 : -1;
}

/* One pass over the file, after which the kernel has all of it. */
static int step_cold(struct side *s)
{
	if (s->piece % pieces == 0 &&
	    posix_fadvise(s->fd, 0, 0, POSIX_FADV_DONTNEED))
		return -1;
	return step_read(s);
}

static const struct question {
	const char *text;
	int (*step)(struct side *s);
	int ours, peer;
	const char *unit;
	double target;
	int passes;		/* whole passes over the file */
} questions[] = {
	{ "FUSE lookup / null server", step_lookup, OURS, NUL, "1/s", 0.8,
	  0 },
	{ "FUSE getattr / null server", step_getattr, OURS, NUL, "1/s", 0.8,
	  0 },
	{ "FUSE open / null server", step_open, OURS, NUL, "1/s", 0.8, 0 },
	{ "FUSE create+unlink / null server", step_create, OURS, NUL, "1/s",
	  0.8, 0 },
	{ "FUSE 1 MiB read cold / passthrough", step_cold, OURS, PASS,
	  "MiB/s", 0.9, 1 },
	{ "FUSE 1 MiB read direct_io / passthrough", step_read, OURS_DIRECT,
	  PASS_DIRECT, "MiB/s", 0.9, 1 },
	{ "FUSE 1 MiB read warm / null server", step_read, OURS, NUL,
	  "MiB/s", 0.9, 1 },
};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void side_open(struct side *s, int i)
{
	path_of(s->file, i, "file");
	path_of(s->fresh, i, "new");
	s->piece = 0;
	s->fd = open(s->file, O_RDONLY);
	if (s->fd < 0)
		die("%s: %s", s->file, strerror(errno));
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Steps per second, for at least that time. */
static double rate(const struct question *q, struct side *s, double time)
{
	unsigned int i, at_once = q->passes ? pieces : 16;
	double start = seconds(), t;
	unsigned long n = 0;

	do {
		for (i = 0; i < at_once; i++)
			if (q->step(s))
				die("%s: %s: %s", q->text, s->file,
				    strerror(errno));
		n += at_once;
		t = seconds() - start;
	} while (t < time);
	return (double)n / t;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void answer(const struct question *q, int rounds, double time)
{
	double ours[MAX_ROUNDS], peer[MAX_ROUNDS], ratio[MAX_ROUNDS], r;
	struct side a, b;
	int i;

	side_open(&a, q->ours);
	side_open(&b, q->peer);
	for (i = 0; i < rounds; i++) {
		/* Who comes first alternates. */
		if (i % 2)
			peer[i] = rate(q, &b, time);
		ours[i] = rate(q, &a, time);
		if (!(i % 2))
			peer[i] = rate(q, &b, time);
		ratio[i] = ours[i] / peer[i];
		bench_round(q->text, i, ours[i], peer[i]);
	}
	close(a.fd);
	close(b.fd);
	r = median(ratio, rounds);
	printf("%s,%.4g,%.4g,%s,%.3f,>=%.2f,%s\n", q->text,
	       median(ours, rounds), median(peer, rounds), q->unit, r,
	       q->target, r >= q->target ? "yes" : "no");
	fflush(stdout);
}

/* The servers inherit it. */
static void pin(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on one CPU: %s", strerror(errno));
}

static void find_programs(void)
{
	ssize_t n = readlink("/proc/self/exe", programs, sizeof(programs) - 1);

	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	programs[n] = '\0';
	*strrchr(programs, '/') = '\0';
}

int main(int argc, char **argv)
{
	int quick = argc == 2 && !strcmp(argv[1], "--quick");
	struct sigaction sa = { .sa_handler = on_signal };
	size_t i;

	if (argc > 1 && !quick) {
		fprintf(stderr, "usage: bench_fuse [--quick]\n");
		return 1;
	}
	owner = getpid();
	buffer = aligned_alloc(4096, PIECE);
	if (!buffer)
		die("no memory");
	atexit(clean);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGPIPE, &sa, NULL);	/* nobody reads the rows */
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	find_programs();
	pin();
	if (quick)
		pieces = 4;
	make_region();
	make_dirs();
	start_all();
	puts("question,ours,peer,unit,ratio,target,met");
	for (i = 0; i < QUESTIONS; i++)
		answer(&questions[i], bench_count(quick ? 5 : 9, MAX_ROUNDS),
		       quick ? 0.002 : 0.2);
	return 0;
}
