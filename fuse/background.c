// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A server that goes to the background when its mount answers.
 *
 * Notes: the process that the user started forks before anything is opened,
 * because a host of a region is named by its process. The parent waits for one
 * byte, which says that the mount answers, or for the child's end, and hands
 * signals on. What ends a session is blocked in the child from its first
 * instruction on, so a Ctrl-C at any time finds it clean.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"

static int ready_fd = -1;	/* of the parent that waits, or -1 */

/* ---- the child ---- */

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

int daxfs_background_ready(void (*to_syslog)(void))
{
	int r = 0;

	if (ready_fd < 0)
		return 1;
	setsid();
	to_syslog();
	leave_terminal();
	if (write(ready_fd, "", 1) < 0)
		r = -EPIPE;
	close(ready_fd);
	ready_fd = -1;
	return r;
}

/* ---- the parent ---- */

static pid_t child;

static void pass_signal(int sig)
{
	kill(child, sig);
}

/* The child's end tells more than ours would: wait for it in any case. */
static int wait_child(int fd, int failed)
{
	struct sigaction sa = { .sa_handler = pass_signal };
	char byte;
	ssize_t n;
	int status;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return failed;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	/* Ended by a signal before it served, even if cleanly. */
	return failed;
}

static int complain(const char *name, int failed)
{
	fprintf(stderr, "%s: %s\n", name, strerror(errno));
	return failed;
}

int daxfs_background(const char *name, int failed, void (*block)(void),
		     int (*run)(void *arg), void *arg)
{
	sigset_t before;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return complain(name, failed);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	block();
	child = fork();
	if (child < 0)
		return complain(name, failed);
	if (child) {
		close(fd[1]);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		return wait_child(fd[0], failed);
	}
	close(fd[0]);
	ready_fd = fd[1];
	return run(arg);
}
