// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks: one that a side has holds against the other.
 *
 * Notes: kind 0 is flock(2), kind 1 fcntl(2), kind 2 the same of an open file.
 * Waiting is told by the process's system call, not by time.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KINDS	3
#define WAKE_MS	50

static int set_range(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl);
}

static int take(int fd, int kind)
{
	if (!kind)
		return flock(fd, LOCK_EX | LOCK_NB);
	return set_range(fd, kind == 1 ? F_SETLK : F_OFD_SETLK, F_WRLCK, 0, 0);
}

static int wait_for(int fd, int kind)
{
	if (!kind)
		return flock(fd, LOCK_EX);
	return set_range(fd, kind == 1 ? F_SETLKW : F_OFD_SETLKW, F_WRLCK, 0, 0);
}

static int drop(int fd, int kind)
{
	if (!kind)
		return flock(fd, LOCK_UN);
	return set_range(fd, kind == 1 ? F_SETLK : F_OFD_SETLK, F_UNLCK, 0, 0);
}

static int busy(int kind)
{
	return kind ? EAGAIN : EWOULDBLOCK;
}

static int both_open(const char *name)
{
	int fd;

	if (pair_on(0))
		pair_write_file(name, "00000000");
	pair_meet();
	fd = pair_open(name, O_RDWR);
	pair_meet();
	return fd;
}

/* The process sleeps in flock() or fcntl(). */
static void until_it_waits(pid_t pid)
{
	char path[64], line[128];
	int i, nr;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (i = 0; i < 20000; i++) {
		FILE *f = fopen(path, "r");

		nr = -1;
		if (f && fgets(line, sizeof(line), f))
			sscanf(line, "%d", &nr);
		if (f)
			fclose(f);
		if (nr == SYS_flock || nr == SYS_fcntl)
			return;
		pair_nap_ms(2);
	}
	FAIL("process %d does not wait for the lock", (int)pid);
}

/* ---- one has it, another does not ---- */

static void held(void)
{
	int fd = both_open("held"), i, kind;

	for (kind = 0; kind < KINDS; kind++) {
		for (i = 0; i < 10; i++) {
			if (pair_on(i % 2))
				CHECK(!take(fd, kind));
			if (pair_on(!(i % 2)))
				FAILS(take(fd, kind), busy(kind));
			if (pair_on(i % 2))
				CHECK(!drop(fd, kind));
			if (pair_on(!(i % 2)))
				CHECK(!take(fd, kind) && !drop(fd, kind));
		}
	}
	close(fd);
}

static void shared(void)
{
	int fd = both_open("shared");

	pair_meet();
	CHECK(!flock(fd, LOCK_SH | LOCK_NB));
	pair_meet();
	FAILS(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(!flock(fd, LOCK_SH));	/* a try to change it may have lost it */
	pair_meet();
	if (pair_on(0))
		CHECK(!flock(fd, LOCK_UN));
	if (pair_on(1))
		CHECK(!flock(fd, LOCK_EX | LOCK_NB));
	if (pair_on(0))
		FAILS(flock(fd, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	if (pair_on(1))
		CHECK(!close(fd));
	if (pair_on(0))		/* a FUSE server learns of the close a moment after */
		CHECK(!flock(fd, LOCK_EX) && !close(fd));
}

static void ranges(void)
{
	int fd = both_open("ranges");
	struct flock fl = { .l_type = F_RDLCK };

	if (pair_on(0)) {
		CHECK(!set_range(fd, F_SETLK, F_WRLCK, 10, 10));
		CHECK(!set_range(fd, F_SETLK, F_RDLCK, 100, 0));
	}
	if (pair_on(1)) {
		FAILS(set_range(fd, F_SETLK, F_RDLCK, 19, 1), EAGAIN);
		FAILS(set_range(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
		FAILS(set_range(fd, F_SETLK, F_WRLCK, 1 << 30, 1), EAGAIN);
		CHECK(!set_range(fd, F_SETLK, F_RDLCK, 1 << 30, 1));
		CHECK(!set_range(fd, F_SETLK, F_WRLCK, 0, 10));
		CHECK(!set_range(fd, F_SETLK, F_WRLCK, 20, 80));
		CHECK(!fcntl(fd, F_GETLK, &fl));
		CHECK(fl.l_type == F_WRLCK && fl.l_start == 10 && fl.l_len == 10);
	}
	if (pair_on(0)) {
		FAILS(set_range(fd, F_SETLK, F_WRLCK, 9, 2), EAGAIN);
		CHECK(!set_range(fd, F_SETLK, F_UNLCK, 12, 4));
	}
	if (pair_on(1)) {
		CHECK(!set_range(fd, F_SETLK, F_WRLCK, 12, 4));
		FAILS(set_range(fd, F_SETLK, F_WRLCK, 11, 1), EAGAIN);
		FAILS(set_range(fd, F_SETLK, F_WRLCK, 16, 1), EAGAIN);
		CHECK(!close(fd));
	}
	if (pair_on(0))
		CHECK(!set_range(fd, F_SETLKW, F_WRLCK, 0, 0) && !close(fd));
}

/* They end with their process. */
static void process_ends(void)
{
	int kind, fd = both_open("process"), ready[2];
	pid_t pid = 0;
	char byte;

	for (kind = 0; kind < KINDS; kind++) {
		if (pair_on(0)) {
			CHECK(!pipe(ready));
			pid = pair_fork();
			if (!pid) {
				CHECK(!take(pair_open("process", O_RDWR), kind));
				CHECK(write(ready[1], "", 1) == 1);
				for (;;)
					pause();
			}
			CHECK(read(ready[0], &byte, 1) == 1);
			close(ready[0]);
			close(ready[1]);
		}
		if (pair_on(1))
			FAILS(take(fd, kind), busy(kind));
		if (pair_on(0))
			CHECK(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
		if (pair_on(1))
			CHECK(!wait_for(fd, kind) && !drop(fd, kind));
	}
	close(fd);
}

/* ---- waiting ---- */

/* A child of side 1 that waits; its word is the time that it got the lock. */
static pid_t waiter(int kind, int *from)
{
	double when;
	int to[2];
	pid_t pid;

	CHECK(!pipe(to));
	pid = pair_fork();
	if (!pid) {
		int r = wait_for(pair_open("waits", O_RDWR), kind) ? errno : 0;

		when = pair_now_ms();
		CHECK(write(to[1], &when, sizeof(when)) == sizeof(when));
		_exit(r);
	}
	close(to[1]);
	*from = to[0];
	until_it_waits(pid);
	return pid;
}

/*
 * Two machines have no clock in common: from when side 1 sees that the step of
 * the unlock is over.
 */
static double wakes_once(int fd, int kind)
{
	double freed = 0, when = 0;
	pid_t pid = 0;
	int from = -1;

	if (pair_on(0))
		CHECK(!wait_for(fd, kind));
	if (pair_on(1))
		pid = waiter(kind, &from);
	if (pair_on(0))
		CHECK(!drop(fd, kind));
	if (pair_on(1)) {
		freed = pair_now_ms();
		CHECK(read(from, &when, sizeof(when)) == sizeof(when));
		close(from);
		pair_ends_well(pid);
	}
	return when > freed ? when - freed : 0;
}

static void wakes(void)
{
	int fd = both_open("waits"), kind, try, i, good;
	double took[9];

	for (kind = 0; kind < KINDS; kind++) {
		for (good = try = 0; !good; try++) {
			for (i = 0; i < 9; i++)
				took[i] = wakes_once(fd, kind);
			if (pair_on(1))
				pair_value[0] = (uint64_t)pair_is_quick(took, 9, WAKE_MS,
						try, "a lock that is free is taken");
			pair_meet();
			good = (int)pair_value[0];
		}
	}
	close(fd);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void interrupted_once(int fd, int kind)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int from, status;
	pid_t pid;

	if (pair_on(0))
		CHECK(!take(fd, kind));
	if (pair_on(1)) {
		sigaction(SIGUSR1, &sa, NULL);
		pid = waiter(kind, &from);
		while (!waitpid(pid, &status, WNOHANG)) {	/* it may not sleep yet */
			kill(pid, SIGUSR1);
			pair_nap_ms(5);
		}
		if (!WIFEXITED(status) || WEXITSTATUS(status) != EINTR)
			FAIL("a signal came: status %x", status);
		close(from);
		pid = waiter(kind, &from);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		close(from);
	}
	/* Neither has left anything. */
	if (pair_on(0))
		CHECK(!drop(fd, kind));
	if (pair_on(1))
		CHECK(!take(fd, kind) && !drop(fd, kind));
}

static void interrupted(void)
{
	int fd = both_open("waits"), kind;

	for (kind = 0; kind < KINDS; kind++)
		interrupted_once(fd, kind);
	close(fd);
}

/* Both wait for each other all the time: a number that each adds to. */
static void counted(void)
{
	int fd = both_open("counted"), i, kind;
	unsigned int v;
	char text[16];

	for (kind = 0; kind < KINDS; kind++) {
		for (i = 0; i < 100; i++) {
			CHECK(!wait_for(fd, kind));
			CHECK(pread(fd, text, 8, 0) == 8);
			text[8] = '\0';
			v = (unsigned int)strtoul(text, NULL, 10) + 1;
			snprintf(text, sizeof(text), "%08u", v);
			CHECK(pwrite(fd, text, 8, 0) == 8);
			CHECK(!drop(fd, kind));
		}
		pair_meet();
	}
	snprintf(text, sizeof(text), "%08d", 200 * KINDS);
	pair_reads("counted", text);
	close(fd);
}

const struct pair_case pair_lock_cases[] = {
	{ "held", held, 0 },
	{ "shared", shared, 0 },
	{ "ranges", ranges, 0 },
	{ "process-ends", process_ends, 0 },
	{ "wakes", wakes, 0 },
	{ "interrupted", interrupted, 0 },
	{ "counted", counted, 0 },
	{ NULL, NULL, 0 },
};
