// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A try for a flock that does not wait, while another host is about to give it back.
 *
 * Notes: for a server of FUSE a lock ends a little after close(2), so the kernel gives
 * such a host some milliseconds. This program is the other host, by the library, which
 * is no kernel either. A process tries in the kernel's mount; when it sleeps in flock(2)
 * its try has found the lock, and only then it is given back. If that comes too
 * late on a busy machine it is done again: without the patience of the kernel nobody
 * ever sleeps, so one that gets the lock is proof. Exit: 0, 1 nobody did, 2 usage.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#define ROUNDS	500

static void must(int r, const char *what)
{
	if (r < 0)
		errx(2, "%s: %s", what, daxfs_fs_error(r));
}

/* 0: it has got the lock. 1: at once it was told that another has it. */
static pid_t start_try(int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (!pid)
		_exit(!flock(fd, LOCK_EX | LOCK_NB) ? 0 : errno == EWOULDBLOCK ? 1 : 2);
	return pid;
}

static int sleeps_in_flock(pid_t pid)
{
	char path[64], line[128];
	int nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		sscanf(line, "%d", &nr);
	if (f)
		fclose(f);
	return nr == SYS_flock;
}

/* Is the lock got by who had found it taken? */
static int round_of(struct daxfs_fd *ours, int theirs)
{
	int status, seen = 0;
	pid_t pid;

	must(daxfs_fd_flock(ours, LOCK_EX), "the lock of this host");
	pid = start_try(theirs);
	while (!seen) {
		seen = sleeps_in_flock(pid);
		if (!seen && waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	must(daxfs_fd_flock(ours, LOCK_UN), "giving it back");
	if (seen && waitpid(pid, &status, 0) != pid)
		err(2, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		errx(2, "a try ended with status %x", (unsigned int)status);
	if (!WEXITSTATUS(status) && flock(theirs, LOCK_UN))
		err(2, "the lock that was got");
	return seen && !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct daxfs_fd *ours;
	struct daxfs *fs;
	char path[4096];
	int i, theirs;

	if (argc != 3) {
		fprintf(stderr, "usage: late_unlock REGION DIR: it is mounted there\n");
		return 2;
	}
	must(daxfs_fs_open(&fs, argv[1], 0, NULL, 0), argv[1]);
	must(daxfs_fd_open(fs, NULL, "/late", O_CREAT | O_RDWR, 0644, &ours), "a file");
	snprintf(path, sizeof(path), "%s/late", argv[2]);
	theirs = open(path, O_RDWR);
	if (theirs < 0)
		err(2, "%s", path);
	for (i = 0; i < ROUNDS && !round_of(ours, theirs); i++)
		;
	daxfs_fd_close(ours);
	daxfs_fs_close(fs);
	unlink(path);
	printf("# a lock that is given back late: in round %d of at most %d\n", i + 1, ROUNDS);
	return i == ROUNDS;
}
