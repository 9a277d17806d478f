// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Run daxfs-fuse, the one of the same build or installation, and end its mounts.
 *
 * Notes: the server goes on in the background as a process of nobody, so its end is
 * waited for by a pidfd that was opened while it was certainly there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "fuse_mount.h"

#define END_MS	10000	/* a server takes a large mapping apart */

/* Become dir/SUB/daxfs-fuse if there is one. */
static void try_fuse(const char *dir, const char *sub, char **argv)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%sdaxfs-fuse", dir, sub) <
	    (int)sizeof(path) && !access(path, X_OK))
		execv(path, argv);
}

void fuse_mount_exec(char **argv)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0) {
		self[len] = 0;
		dirname(self);
		try_fuse(self, "", argv);
		try_fuse(self, "../bin/", argv);
	}
	execvp("daxfs-fuse", argv);
}

/* The exit status of the child, -1 if it has none. */
static int wait_child(pid_t pid)
{
	int status;

	if (pid < 0) {
		daxfs_tool_error("cannot start a process: %s", strerror(errno));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "branch=NAME" with what daxfs-fuse would take for more than a name, and more. */
static char *options(const char *branch, const char *option)
{
	char *text = malloc(2 * strlen(branch) + (option ? strlen(option) : 0) + 16);
	char *to;

	if (!text)
		return NULL;
	to = stpcpy(text, "branch=");
	for (; *branch; branch++) {
		if (*branch == ',' || *branch == '\\')
			*to++ = '\\';
		*to++ = *branch;
	}
	*to = 0;
	if (option)
		strcpy(stpcpy(to, ","), option);
	return text;
}

int fuse_mount_branch(const char *region, const char *mountpoint,
		      const char *branch, const char *option)
{
	char *text = options(branch, option), name[] = "daxfs-fuse", o[] = "-o";
	char *argv[] = { name, (char *)(uintptr_t)region,
			 (char *)(uintptr_t)mountpoint, o, text, NULL };
	int status;
	pid_t pid;

	if (!text) {
		daxfs_tool_error("out of memory");
		return -1;
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		fuse_mount_exec(argv);
		daxfs_tool_error("cannot run daxfs-fuse: %s; install it",
				 strerror(errno));
		_exit(127);
	}
	status = wait_child(pid);
	free(text);
	return status ? -1 : 0;
}

static int run_fusermount(const char *mountpoint, int lazy)
{
	const char *flags = lazy ? "-uz" : "-u";
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		/* Busy is no error the first time. */
		if (!lazy && !freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("fusermount3", "fusermount3", flags, "--", mountpoint,
		       (char *)NULL);
		_exit(127);
	}
	return wait_child(pid);
}

/* root can spare the process. */
static int unmount(const char *mountpoint, int lazy)
{
	if (!geteuid())
		return umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
	return run_fusermount(mountpoint, lazy);
}

int fuse_unmount(const char *mountpoint, pid_t server)
{
	int fd = server > 0 ? (int)syscall(SYS_pidfd_open, server, 0) : -1;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r = unmount(mountpoint, 0);

	if (!r && fd >= 0 && poll(&p, 1, END_MS) != 1)
		daxfs_tool_error("%s: unmounted, but its server (process %ld) "
				 "still runs", mountpoint, (long)server);
	if (fd >= 0)
		close(fd);
	if (!r)
		return 0;
	if (!unmount(mountpoint, 1)) {
		daxfs_tool_error("%s: is in use; it is unmounted when that ends",
				 mountpoint);
		return 0;
	}
	daxfs_tool_error("%s: cannot unmount it: %s", mountpoint, strerror(errno));
	return -1;
}
