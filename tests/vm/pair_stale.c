// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A name that is replaced again and again, by the other side, while a kernel opens it.
 *
 * Notes: between the lookup and the open of it a program is stopped by fanotify(7).
 * The event is not read, which would open the file, too: that it is there is enough,
 * and who listens lets the program go by ending. Each time it is another listener, of
 * the inode that is there by then. A kernel without fanotify does not have this case.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WAIT_MS	240000
#define ROUNDS	50

/* Who opens what the name leads to now has to wait. -1: not in this kernel. */
static int stop_at(const char *name)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);

	if (fd < 0) {
		CHECK(errno == ENOSYS);
		return -1;
	}
	CHECK(!fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, name));
	return fd;
}

static void until_stopped(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (poll(&p, 1, WAIT_MS) != 1)
		FAIL("nobody opens it");
}

static pid_t opener(const char *name, int listener, char text)
{
	pid_t pid = pair_fork();
	char have;
	int fd;

	if (pid)
		return pid;
	close(listener);
	fd = pair_open(name, O_RDONLY);
	CHECK(read(fd, &have, 1) == 1);
	if (have != text)
		FAIL("it reads '%c' instead of '%c'", have, text);
	_exit(0);
}

static void replace(const char *name, const char *text)
{
	pair_write_file("new", text);
	CHECK(!rename("new", name));
}

static void look_at(const char *name)
{
	struct stat st;

	CHECK(!stat(name, &st) && !stat(name, &st));
}

static uint64_t inodes(void)
{
	struct statvfs sv;

	CHECK(!statvfs(".", &sv));
	return sv.f_files - sv.f_ffree;
}

/*
 * What was replaced is gone, though no host had to forget it. 1: as many as there were;
 * 0: fewer, for what earlier cases had removed has gone meanwhile.
 */
static int until_inodes(uint64_t nr)
{
	double end = pair_now_ms() + WAIT_MS;
	uint64_t now;

	while ((now = inodes()) > nr) {
		if (pair_now_ms() > end)
			FAIL("%llu inodes instead of %llu", (unsigned long long)now,
			     (unsigned long long)nr);
		pair_nap_ms(20);
	}
	return now == nr;
}

/* Stopped twice, and twice it is gone when the open goes on: the VFS looks no third time. */
static void replace_twice(void)
{
	int first = -1, second = -1;
	pid_t pid = 0;

	if (pair_on(1))
		replace("x", "0");
	if (pair_on(0)) {
		look_at("x");
		pair_value[1] = inodes();
		first = stop_at("x");
		pair_value[0] = first >= 0;
		if (first < 0)
			printf("# no fanotify: not tested\n");
	}
	pair_meet();
	if (!pair_value[0])
		return;
	if (pair_on(0)) {
		pid = opener("x", first, '1');
		until_stopped(first);
	}
	if (pair_on(1))
		replace("x", "1");
	if (pair_on(0)) {
		look_at("x");
		second = stop_at("x");
		close(first);
		until_stopped(second);
	}
	if (pair_on(1))
		replace("x", "2");
	if (pair_on(0)) {
		close(second);
		pair_ends_well(pid);
		pair_reads("x", "2");
		pair_value[2] = (uint64_t)until_inodes(pair_value[1]);
	}
	pair_meet();
}

/* Until nothing else has gone meanwhile: then as many inodes are there as before. */
static void replaced_twice(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		replace_twice();
		if (!pair_value[0] || pair_value[2])
			return;
	}
	FAIL("something else goes in each of %d rounds", ROUNDS);
}

const struct pair_case pair_stale_cases[] = {
	{ "replaced-twice", replaced_twice, 1 },
	{ NULL, NULL, 0 },
};
