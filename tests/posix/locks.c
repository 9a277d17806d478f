/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Advisory locks: flock(2), fcntl(2) by process and by open file, lockf(3).
 *
 * Notes: which bytes are locked is told by a child that asks for each of them
 * with F_GETLK. Who has to be asleep in a lock is looked for in /proc. A flock
 * that ends by close() may do so a moment after: what comes next waits for it.
 */
#include "posix_test.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define BYTES	40

/* ---- small steps ---- */

static int set(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET,
			    .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl);
}

static int lock(int fd, short type, off_t start, off_t len)
{
	return set(fd, F_SETLK, type, start, len);
}

static int ofd_lock(int fd, short type, off_t start, off_t len)
{
	return set(fd, F_OFD_SETLK, type, start, len);
}

static int open_file(const char *path)
{
	return OK(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

static char type_at(int fd, off_t at)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = at, .l_len = 1 };

	OK(fcntl(fd, F_GETLK, &fl));
	if (fl.l_type == F_UNLCK)
		return '.';
	CHECK(fl.l_start <= at && (!fl.l_len || fl.l_start + fl.l_len > at));
	return fl.l_type == F_WRLCK ? 'w' : 'r';
}

/* What another process sees of the first bytes of f, a letter for each. */
static void expect_locks(const char *path, const char *want)
{
	char have[BYTES + 1] = "";
	pid_t pid = child_begin();
	size_t i;
	int fd;

	if (!pid) {
		fd = OK(open(path, O_RDWR));
		for (i = 0; want[i]; i++)
			have[i] = type_at(fd, (off_t)i);
		if (strcmp(have, want))
			FAIL("locks are %s, not %s", have, want);
		child_end();
	}
	child_reap(pid);
}

static void until_it_sleeps(pid_t pid)
{
	struct timespec ts = { .tv_nsec = 2000000 };
	char path[64], line[64];
	int i, nr;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (i = 0; i < 10000; i++) {
		FILE *f = fopen(path, "r");

		nr = -1;
		if (f && fgets(line, sizeof(line), f))
			sscanf(line, "%d", &nr);
		if (f)
			fclose(f);
		if (nr == SYS_flock || nr == SYS_fcntl)
			return;
		nanosleep(&ts, NULL);
	}
	FAIL("process %d does not wait for a lock", (int)pid);
}

/* ---- flock ---- */

CASE(flock_shared_and_exclusive, 0)
{
	int a = open_file("f"), b = open_file("f"), c = open_file("f");

	OK(flock(a, LOCK_SH | LOCK_NB));
	OK(flock(b, LOCK_SH | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(c, LOCK_EX | LOCK_NB));
	OK(flock(c, LOCK_SH | LOCK_NB));
	OK(flock(a, LOCK_UN));
	OK(flock(b, LOCK_UN));
	OK(flock(c, LOCK_EX | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(a, LOCK_SH | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(b, LOCK_EX | LOCK_NB));
	OK(flock(c, LOCK_EX | LOCK_NB));
	OK(flock(c, LOCK_UN));
	OK(flock(c, LOCK_UN));
	OK(flock(a, LOCK_EX | LOCK_NB));
}

CASE(flock_is_of_the_open_file, 0)
{
	int a = open_file("f"), b = open_file("f"), d = OK(dup(a));

	OK(flock(a, LOCK_EX));
	OK(flock(d, LOCK_EX | LOCK_NB));
	OK(close(a));
	FAILS(EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
	OK(flock(d, LOCK_UN));
	OK(flock(b, LOCK_EX | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(d, LOCK_EX | LOCK_NB));
}

CASE(flock_down_and_up, 0)
{
	int a = open_file("f"), b = open_file("f");

	OK(flock(a, LOCK_EX));
	OK(flock(a, LOCK_SH | LOCK_NB));
	OK(flock(b, LOCK_SH | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(a, LOCK_EX | LOCK_NB));
	OK(flock(b, LOCK_UN));
	OK(flock(a, LOCK_EX | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
}

CASE(flock_any_mode, 0)
{
	int r, w;

	make_file("f", "x");
	r = OK(open("f", O_RDONLY));
	w = OK(open("f", O_WRONLY));
	OK(flock(r, LOCK_EX | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(w, LOCK_SH | LOCK_NB));
	OK(flock(r, LOCK_UN));
	OK(flock(w, LOCK_SH | LOCK_NB));
	OK(flock(r, LOCK_SH | LOCK_NB));
}

CASE(flock_errors, 0)
{
	int a = open_file("f");
	int path = OK(open("f", O_PATH));

	FAILS(EINVAL, flock(a, 0));
	FAILS(EBADF, flock(path, LOCK_SH));
	OK(close(a));
	FAILS(EBADF, flock(a, LOCK_SH));
}

CASE(flock_of_a_directory, 0)
{
	int a, b;

	make_tree("d");
	a = OK(open("d", O_RDONLY | O_DIRECTORY));
	b = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(flock(a, LOCK_EX | LOCK_NB));
	FAILS(EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
	OK(flock(a, LOCK_UN));
	OK(flock(b, LOCK_EX | LOCK_NB));
}

CASE(flock_goes_with_the_last_close, 0)
{
	int a = open_file("f"), b = open_file("f"), go[2];
	char byte;
	pid_t pid;

	OK(pipe(go));
	OK(flock(a, LOCK_EX));
	pid = child_begin();
	if (!pid) {
		close(go[1]);
		EQ(read(go[0], &byte, 1), 1);
		child_end();
	}
	OK(close(a));
	FAILS(EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
	EQ(write(go[1], "", 1), 1);
	child_reap(pid);
	OK(flock(b, LOCK_EX));
}

CASE(flock_and_fcntl_are_apart, 0)
{
	int a = open_file("f");
	pid_t pid;

	OK(flock(a, LOCK_EX));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		OK(lock(b, F_WRLCK, 0, 0));
		FAILS(EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
		child_end();
	}
	child_reap(pid);
	expect_locks("f", "....");
}

static void wait_for_flock(int fd, int from, int to)
{
	pid_t pid;

	OK(flock(fd, from));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		OK(flock(b, to));
		child_end();
	}
	until_it_sleeps(pid);
	OK(flock(fd, LOCK_UN));
	child_reap(pid);
}

CASE(flock_waits, 0)
{
	int a = open_file("f");

	wait_for_flock(a, LOCK_EX, LOCK_EX);
	wait_for_flock(a, LOCK_EX, LOCK_SH);
	wait_for_flock(a, LOCK_SH, LOCK_EX);
}

/* ---- fcntl: ranges of a process ---- */

CASE(ranges_need_the_mode, 0)
{
	int r, w;

	make_file("f", "x");
	r = OK(open("f", O_RDONLY));
	w = OK(open("f", O_WRONLY));
	FAILS(EBADF, lock(r, F_WRLCK, 0, 1));
	FAILS(EBADF, lock(w, F_RDLCK, 0, 1));
	OK(lock(r, F_RDLCK, 0, 1));
	OK(lock(w, F_WRLCK, 1, 1));
	OK(lock(r, F_UNLCK, 1, 1));
	FAILS(EINVAL, lock(r, 77, 0, 1));
	expect_locks("f", "r.");
}

CASE(ranges_of_one_process_never_meet, 0)
{
	int a = open_file("f"), b = open_file("f");

	OK(lock(a, F_WRLCK, 0, 10));
	OK(lock(b, F_WRLCK, 5, 10));
	OK(lock(b, F_RDLCK, 0, 3));
	expect_locks("f", "rrrwwwwwwwwwwww..");
	OK(lock(a, F_UNLCK, 0, 0));
	expect_locks("f", ".................");
}

CASE(ranges_shared_and_exclusive, 0)
{
	int a = open_file("f");
	pid_t pid;

	OK(lock(a, F_RDLCK, 0, 10));
	OK(lock(a, F_WRLCK, 20, 10));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		OK(lock(b, F_RDLCK, 5, 10));
		FAILS2(EAGAIN, EACCES, lock(b, F_WRLCK, 9, 1));
		FAILS2(EAGAIN, EACCES, lock(b, F_RDLCK, 10, 11));
		OK(lock(b, F_WRLCK, 10, 10));
		FAILS2(EAGAIN, EACCES, lock(b, F_WRLCK, 0, 0));
		FAILS2(EAGAIN, EACCES, lock(b, F_RDLCK, 29, 0));
		OK(lock(b, F_WRLCK, 30, 0));
		child_end();
	}
	child_reap(pid);
	OK(lock(a, F_WRLCK, 0, 0));
}

CASE(ranges_split_and_join, 0)
{
	int a = open_file("f");

	OK(lock(a, F_WRLCK, 0, 20));
	OK(lock(a, F_UNLCK, 5, 5));
	expect_locks("f", "wwwww.....wwwwwwwwww.");
	OK(lock(a, F_RDLCK, 3, 9));
	expect_locks("f", "wwwrrrrrrrrrwwwwwwww.");
	OK(lock(a, F_UNLCK, 11, 2));
	expect_locks("f", "wwwrrrrrrrr..wwwwwww.");
	OK(lock(a, F_WRLCK, 2, 12));
	expect_locks("f", "wwwwwwwwwwwwwwwwwwww.");
	OK(lock(a, F_RDLCK, 0, 0));
	expect_locks("f", "rrrrrrrrrrrrrrrrrrrrr");
	OK(lock(a, F_UNLCK, 0, 1));
	expect_locks("f", ".rrrrrrrrrrrrrrrrrrrr");
	OK(lock(a, F_UNLCK, 18, 0));
	expect_locks("f", ".rrrrrrrrrrrrrrrrr...");
	OK(lock(a, F_UNLCK, 0, 0));
	expect_locks("f", ".....................");
}

CASE(ranges_where_they_begin, 0)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = -2,
			    .l_len = 4 };
	int a;

	make_file("f", "0123456789");
	a = open_file("f");
	EQ(lseek(a, 5, SEEK_SET), 5);
	OK(fcntl(a, F_SETLK, &fl));
	expect_locks("f", "...wwww.....");
	fl = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -1,
			     .l_len = 2 };
	OK(fcntl(a, F_SETLK, &fl));
	expect_locks("f", "...wwww..rr.");
	fl = (struct flock){ .l_type = F_WRLCK, .l_start = 2, .l_len = -2 };
	OK(fcntl(a, F_SETLK, &fl));
	expect_locks("f", "ww.wwww..rr.");
	fl = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR,
			     .l_start = -6, .l_len = 1 };
	FAILS(EINVAL, fcntl(a, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_WRLCK, .l_start = 1, .l_len = -2 };
	FAILS(EINVAL, fcntl(a, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_WRLCK, .l_whence = 9 };
	FAILS(EINVAL, fcntl(a, F_SETLK, &fl));
	FAILS(EOVERFLOW, lock(a, F_WRLCK, INT64_MAX, 2));
	OK(lock(a, F_WRLCK, INT64_MAX, 1));
}

CASE(getlk_tells_who, 0)
{
	struct flock fl;
	int a = open_file("f");
	pid_t parent = getpid(), pid;

	OK(lock(a, F_WRLCK, 10, 5));
	OK(lock(a, F_RDLCK, 100, 0));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		fl = (struct flock){ .l_type = F_RDLCK, .l_start = 12, .l_len = 1 };
		OK(fcntl(b, F_GETLK, &fl));
		EQ(fl.l_type, F_WRLCK);
		EQ(fl.l_whence, SEEK_SET);
		EQ(fl.l_start, 10);
		EQ(fl.l_len, 5);
		EQ(fl.l_pid, parent);
		fl = (struct flock){ .l_type = F_WRLCK, .l_start = 1000 };
		OK(fcntl(b, F_GETLK, &fl));
		EQ(fl.l_type, F_RDLCK);
		EQ(fl.l_start, 100);
		EQ(fl.l_len, 0);
		EQ(fl.l_pid, parent);
		fl = (struct flock){ .l_type = F_RDLCK, .l_start = 1000,
				     .l_len = 7 };
		OK(fcntl(b, F_GETLK, &fl));
		EQ(fl.l_type, F_UNLCK);
		EQ(fl.l_start, 1000);
		EQ(fl.l_len, 7);
		child_end();
	}
	child_reap(pid);
	/* One's own are in nobody's way. */
	fl = (struct flock){ .l_type = F_WRLCK };
	OK(fcntl(a, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
}

CASE(ranges_end_with_any_close, 0)
{
	int a = open_file("f"), b = open_file("f");

	OK(lock(a, F_WRLCK, 0, 5));
	OK(lock(b, F_WRLCK, 5, 5));
	expect_locks("f", "wwwwwwwwww.");
	OK(close(b));
	expect_locks("f", "...........");
	OK(lock(a, F_WRLCK, 0, 5));
	OK(close(OK(dup(a))));
	expect_locks("f", "...........");
}

CASE(ranges_are_not_inherited, 0)
{
	int a = open_file("f");
	pid_t pid;

	OK(lock(a, F_WRLCK, 0, 5));
	pid = child_begin();
	if (!pid) {
		FAILS2(EAGAIN, EACCES, lock(a, F_RDLCK, 0, 1));
		OK(lock(a, F_WRLCK, 5, 5));
		OK(lock(a, F_UNLCK, 0, 0));
		OK(close(a));
		child_end();
	}
	child_reap(pid);
	expect_locks("f", "wwwww......");
}

CASE(ranges_end_with_the_process, 0)
{
	int a = open_file("f"), ready[2], status;
	char byte;
	pid_t pid;

	OK(pipe(ready));
	pid = child_begin();
	if (!pid) {
		OK(lock(open_file("f"), F_WRLCK, 0, 5));
		EQ(write(ready[1], "", 1), 1);
		for (;;)
			pause();
	}
	EQ(read(ready[0], &byte, 1), 1);
	FAILS2(EAGAIN, EACCES, lock(a, F_RDLCK, 0, 1));
	OK(kill(pid, SIGKILL));
	EQ(waitpid(pid, &status, 0), pid);
	OK(set(a, F_SETLKW, F_WRLCK, 0, 5));
}

CASE(ranges_follow_the_file, 0)
{
	int a = open_file("f");

	OK(lock(a, F_WRLCK, 0, 5));
	OK(link("f", "g"));
	expect_locks("g", "wwwww.");
	OK(rename("f", "h"));
	expect_locks("h", "wwwww.");
	OK(ftruncate(a, 100));
	OK(ftruncate(a, 0));
	expect_locks("g", "wwwww.");
	OK(unlink("h"));
	make_file("h", "another");
	expect_locks("h", "......");
	expect_locks("g", "wwwww.");
}

CASE(ranges_of_a_file_without_a_name, 0)
{
	int a = open_file("f"), b = OK(dup(a));
	pid_t pid;

	OK(unlink("f"));
	OK(lock(a, F_WRLCK, 0, 5));
	pid = child_begin();
	if (!pid) {
		FAILS2(EAGAIN, EACCES, lock(b, F_WRLCK, 4, 1));
		OK(lock(b, F_WRLCK, 5, 1));
		child_end();
	}
	child_reap(pid);
}

CASE(ranges_far_behind_the_end, 0)
{
	int a = open_file("f");
	pid_t pid;

	OK(lock(a, F_WRLCK, 5 * TIB, 3));
	OK(lock(a, F_RDLCK, INT64_MAX - 1, 0));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		EQ(type_at(b, 5 * TIB - 1), '.');
		EQ(type_at(b, 5 * TIB), 'w');
		EQ(type_at(b, 5 * TIB + 2), 'w');
		EQ(type_at(b, 5 * TIB + 3), '.');
		EQ(type_at(b, INT64_MAX - 2), '.');
		EQ(type_at(b, INT64_MAX - 1), 'r');
		child_end();
	}
	child_reap(pid);
	EQ(stat_of("f").st_size, 0);
}

CASE(a_thousand_ranges, 0)
{
	int a = open_file("f");
	pid_t pid;
	off_t i;

	for (i = 0; i < 1000; i++)
		OK(lock(a, i % 3 ? F_WRLCK : F_RDLCK, 2 * i, 1));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		for (i = 0; i < 2000; i += 7)
			EQ(type_at(b, i), i % 2 ? '.' : i / 2 % 3 ? 'w' : 'r');
		FAILS2(EAGAIN, EACCES, lock(b, F_RDLCK, 0, 2000));
		child_end();
	}
	child_reap(pid);
	OK(lock(a, F_WRLCK, 0, 2000));
	OK(lock(a, F_UNLCK, 0, 0));
	expect_locks("f", "....");
}

/* Random locks of this process, and what another sees of them. */
CASE(ranges_at_random, 0)
{
	static const short type[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	static const char letter[] = "rw.";
	char map[BYTES + 1];
	int a = open_file("f"), i;

	memset(map, '.', BYTES);
	map[BYTES] = 0;
	for (i = 0; i < 300; i++) {
		uint64_t r = random64();
		int from = (int)(r % BYTES), to = (int)(r / 64 % BYTES);
		int t = (int)(r / 8192 % 3);

		if (to < from)
			continue;
		OK(lock(a, type[t], from, to - from + 1));
		memset(map + from, letter[t], (size_t)(to - from + 1));
		if (i % 10 == 0)
			expect_locks("f", map);
	}
	expect_locks("f", map);
}

CASE(ranges_wait, 0)
{
	int a = open_file("f");
	pid_t pid;

	OK(lock(a, F_WRLCK, 0, 10));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		OK(set(b, F_SETLKW, F_WRLCK, 5, 1));
		OK(set(b, F_SETLKW, F_RDLCK, 20, 1));
		child_end();
	}
	until_it_sleeps(pid);
	OK(lock(a, F_UNLCK, 0, 5));
	OK(lock(a, F_UNLCK, 5, 1));
	child_reap(pid);
	/* Also when it becomes shared. */
	OK(lock(a, F_WRLCK, 0, 10));
	pid = child_begin();
	if (!pid) {
		OK(set(open_file("f"), F_SETLKW, F_RDLCK, 0, 0));
		child_end();
	}
	until_it_sleeps(pid);
	OK(lock(a, F_RDLCK, 0, 10));
	child_reap(pid);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void expect_interrupted(int (*call)(int fd))
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct timespec ts = { .tv_nsec = 5000000 };
	int status;
	pid_t pid;

	pid = child_begin();
	if (!pid) {
		OK(sigaction(SIGUSR1, &sa, NULL));
		FAILS(EINTR, call(open_file("f")));
		child_end();
	}
	until_it_sleeps(pid);
	/* Again and again: /proc may have shown it a moment too early. */
	while (!waitpid(pid, &status, WNOHANG)) {
		kill(pid, SIGUSR1);
		nanosleep(&ts, NULL);
	}
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static int wait_for_range(int fd)
{
	return set(fd, F_SETLKW, F_RDLCK, 0, 1);
}

static int wait_for_file(int fd)
{
	return flock(fd, LOCK_SH);
}

CASE(a_signal_ends_the_wait, 0)
{
	int a = open_file("f");

	OK(lock(a, F_WRLCK, 0, 0));
	OK(flock(a, LOCK_EX));
	expect_interrupted(wait_for_range);
	expect_interrupted(wait_for_file);
	expect_locks("f", "wwww");
	OK(lock(a, F_UNLCK, 0, 0));
	expect_locks("f", "....");
}

CASE(ranges_in_a_circle, 0)
{
	int a = open_file("f"), mine, *his;
	pid_t pid;

	his = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		   -1, 0);
	CHECK(his != MAP_FAILED);
	OK(lock(a, F_WRLCK, 0, 1));
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		OK(lock(b, F_WRLCK, 1, 1));
		*his = set(b, F_SETLKW, F_WRLCK, 0, 1) ? errno : 0;
		child_end();
	}
	until_it_sleeps(pid);
	mine = set(a, F_SETLKW, F_WRLCK, 1, 1) ? errno : 0;
	OK(lock(a, F_UNLCK, 0, 0));
	child_reap(pid);
	CHECK((mine == EDEADLK && !*his) || (*his == EDEADLK && !mine));
}

/* ---- ranges of an open file ---- */

CASE(ofd_ranges_meet_in_one_process, 0)
{
	int a = open_file("f"), b = open_file("f"), d = OK(dup(a));

	OK(ofd_lock(a, F_WRLCK, 0, 5));
	OK(ofd_lock(d, F_RDLCK, 0, 2));
	FAILS(EAGAIN, ofd_lock(b, F_WRLCK, 1, 1));
	OK(ofd_lock(b, F_RDLCK, 0, 2));
	FAILS(EAGAIN, ofd_lock(b, F_RDLCK, 2, 1));
	OK(ofd_lock(d, F_UNLCK, 0, 0));
	OK(ofd_lock(b, F_WRLCK, 0, 0));
}

CASE(ofd_ranges_meet_those_of_processes, 0)
{
	int a = open_file("f"), b = open_file("f");

	OK(lock(a, F_WRLCK, 0, 5));
	FAILS(EAGAIN, ofd_lock(a, F_RDLCK, 0, 1));
	FAILS(EAGAIN, ofd_lock(b, F_RDLCK, 0, 1));
	OK(ofd_lock(b, F_RDLCK, 5, 5));
	FAILS2(EAGAIN, EACCES, lock(a, F_WRLCK, 9, 1));
	OK(lock(a, F_RDLCK, 9, 1));
}

CASE(ofd_ranges_end_with_the_open_file, 0)
{
	int a = open_file("f"), b = open_file("f"), c = open_file("f");
	int d = OK(dup(a));

	OK(ofd_lock(a, F_WRLCK, 0, 5));
	OK(close(c));
	OK(close(a));
	FAILS(EAGAIN, ofd_lock(b, F_RDLCK, 0, 1));
	OK(close(d));
	OK(set(b, F_OFD_SETLKW, F_WRLCK, 0, 5));
}

CASE(ofd_ranges_are_inherited, 0)
{
	int a = open_file("f"), b = open_file("f");
	pid_t pid;

	OK(ofd_lock(a, F_WRLCK, 0, 5));
	pid = child_begin();
	if (!pid) {
		OK(ofd_lock(a, F_WRLCK, 0, 6));
		FAILS(EAGAIN, ofd_lock(b, F_RDLCK, 5, 1));
		OK(ofd_lock(a, F_UNLCK, 0, 1));
		child_end();
	}
	child_reap(pid);
	FAILS(EAGAIN, ofd_lock(b, F_RDLCK, 5, 1));
	OK(ofd_lock(b, F_RDLCK, 0, 1));
}

CASE(ofd_getlk, 0)
{
	struct flock fl = { .l_type = F_RDLCK, .l_start = 3, .l_len = 1 };
	int a = open_file("f"), b = open_file("f");

	OK(ofd_lock(a, F_WRLCK, 2, 5));
	OK(fcntl(b, F_OFD_GETLK, &fl));
	EQ(fl.l_type, F_WRLCK);
	EQ(fl.l_start, 2);
	EQ(fl.l_len, 5);
	fl = (struct flock){ .l_type = F_RDLCK, .l_start = 3, .l_len = 1 };
	OK(fcntl(a, F_OFD_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	fl = (struct flock){ .l_type = F_WRLCK, .l_pid = 1 };
	FAILS(EINVAL, fcntl(b, F_OFD_SETLK, &fl));
}

/* ---- lockf(3) ---- */

CASE(lockf_from_the_offset_on, 0)
{
	int a;
	pid_t pid;

	make_file("f", "0123456789");
	a = open_file("f");
	EQ(lseek(a, 4, SEEK_SET), 4);
	OK(lockf(a, F_LOCK, 3));
	expect_locks("f", "....www....");
	pid = child_begin();
	if (!pid) {
		int b = open_file("f");

		FAILS2(EACCES, EAGAIN, lockf(b, F_TEST, 5));
		OK(lockf(b, F_TEST, 4));
		FAILS2(EACCES, EAGAIN, lockf(b, F_TLOCK, 0));
		OK(lockf(b, F_TLOCK, 4));
		child_end();
	}
	child_reap(pid);
	OK(lockf(a, F_TEST, 0));
	OK(lockf(a, F_ULOCK, 1));
	expect_locks("f", ".....ww....");
}

/* ---- many processes, one number ---- */

#define ADDERS	6
#define ADDS	40

static void add(int nr)
{
	uint64_t v;
	int fd, i;

	if (nr % 2)
		go_other();
	fd = OK(open("n", O_RDWR));
	for (i = 0; i < ADDS; i++) {
		if (nr < ADDERS / 2)
			OK(set(fd, F_SETLKW, F_WRLCK, 0, 8));
		else
			OK(set(fd, F_OFD_SETLKW, F_WRLCK, 0, 8));
		read_all(fd, &v, sizeof(v), 0);
		v++;
		write_all(fd, &v, sizeof(v), 0);
		if (nr < ADDERS / 2)
			OK(lock(fd, F_UNLCK, 0, 8));
		else
			OK(ofd_lock(fd, F_UNLCK, 0, 8));
	}
}

CASE(race_locks_by_range, 0)
{
	uint64_t v = 0;
	int fd = open_file("n");

	write_all(fd, &v, sizeof(v), 0);
	children(ADDERS, add);
	read_all(fd, &v, sizeof(v), 0);
	EQ(v, ADDERS * ADDS);
}

static void add_alone(int nr)
{
	uint64_t v;
	int fd, i;

	if (nr % 2)
		go_other();
	for (i = 0; i < ADDS; i++) {
		fd = OK(open("n", O_RDWR));
		OK(flock(fd, LOCK_EX));
		read_all(fd, &v, sizeof(v), 0);
		v++;
		write_all(fd, &v, sizeof(v), 0);
		OK(close(fd));
	}
}

CASE(race_locks_by_file, 0)
{
	uint64_t v = 0;
	int fd = open_file("n");

	write_all(fd, &v, sizeof(v), 0);
	children(ADDERS, add_alone);
	read_all(fd, &v, sizeof(v), 0);
	EQ(v, ADDERS * ADDS);
}
