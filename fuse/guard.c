// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A process that ends a mount whose server was killed and cannot end.
 *
 * Notes: a notification waits in the kernel for locked pages, and no signal ends
 * that. If the server is killed meanwhile, a page may wait for the answer to
 * a READ that nobody will give: one thread stays, and with it the connection,
 * the mount and all who use it, and other hosts cannot tell that we are gone.
 * Only an abort of the connection helps. So a child of the server's main thread
 * sleeps until that thread dies, which it can at any time. If the whole process
 * has not followed a second later, the child aborts the connection. It holds no
 * descriptor and no memory of the server's, and is told by the kernel alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

#define GRACE_MS	1000	/* the kernel takes a large process apart */
#define TRIES		5

/* The server is asked nothing: it does not serve yet, or not any more. */
static int device_of(const char *mountpoint, dev_t *dev)
{
	struct statx sx;

	if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC, STATX_TYPE, &sx))
		return -errno;
	*dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	return 0;
}

/* As who mounted it may: where the kernel's control files are mounted. */
static int abort_by_file(dev_t dev)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort",
		 minor(dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, "1", 1);
	close(fd);
	return n == 1 ? 0 : -1;
}

/* As root: it aborts first, whether it can be unmounted then or not. */
static void abort_by_unmount(const char *mountpoint, dev_t dev)
{
	dev_t now = 0;

	if (!device_of(mountpoint, &now) && now == dev)
		umount2(mountpoint, MNT_FORCE);
}

static int is_gone(int server, int timeout_ms)
{
	struct pollfd p = { .fd = server, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

/* Its main thread: it may have died before there was a child to tell. */
static int is_zombie(pid_t pid)
{
	char text[256], *end;
	ssize_t n = -1;
	int fd;

	snprintf(text, sizeof(text), "/proc/%ld/stat", (long)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');	/* behind the name: the state */
	return !end || end[1] != ' ' || end[2] == 'Z' || end[2] == 'X';
}

static int guard(pid_t parent, const char *mountpoint, dev_t dev)
{
	int server = (int)syscall(SYS_pidfd_open, parent, 0), sig, i;
	sigset_t set;

	if (server < 0)
		return 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return 1;
	if (getppid() == parent && !is_zombie(parent))
		sigwait(&set, &sig);
	for (i = 0; i < TRIES && !is_gone(server, GRACE_MS); i++)
		if (abort_by_file(dev))
			abort_by_unmount(mountpoint, dev);
	return 0;
}

int daxfs_guard_main(int argc, char **argv)
{
	if (argc != 4)
		return 1;
	prctl(PR_SET_NAME, DAXFS_GUARD_NAME);	/* as programs list it */
	return guard((pid_t)strtol(argv[1], NULL, 10), argv[3],
		     (dev_t)strtoull(argv[2], NULL, 10));
}

/*
 * In the child: cut every tie to the server but the one. It becomes another
 * program, so that it holds no memory of the server's either.
 */
static _Noreturn void become_guard(pid_t parent, const char *mountpoint,
				   dev_t dev)
{
	char name[] = DAXFS_GUARD_NAME, pid[32], device[32];
	char *argv[] = { name, pid, device, strdup(mountpoint), NULL };
	sigset_t set;
	int i;

	snprintf(pid, sizeof(pid), "%ld", (long)parent);
	snprintf(device, sizeof(device), "%llu", (unsigned long long)dev);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	setsid();
	close_range(0, ~0u, 0);
	for (i = 0; i < 3; i++)		/* something harmless */
		if (open("/dev/null", O_RDWR) < 0)
			break;
	execv("/proc/self/exe", argv);
	_exit(127);
}

pid_t daxfs_guard_start(const char *mountpoint)
{
	pid_t parent = getpid(), pid;
	dev_t dev = 0;
	int r = device_of(mountpoint, &dev);

	if (r)
		return r;
	pid = fork();
	if (!pid)
		become_guard(parent, mountpoint, dev);
	return pid < 0 ? -errno : pid;
}

void daxfs_guard_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
