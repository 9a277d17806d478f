// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fencing by an agent, or by hand.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fence.h"

extern char **environ;

struct job {
	struct fence *f;
	struct loop_watch watch;	/* of the agent's pidfd */
	struct loop_timer timer;
	uint32_t node;
	uint64_t inc;
	pid_t pid;		/* 0: no agent runs */
	int waiting;
};

struct fence {
	struct loop *loop;
	const struct conf *conf;
	void (*done)(void *arg, uint32_t node, uint64_t inc, int ok);
	void *arg;
	struct job job[MXFS_NODES];
};

static void end(struct job *j, int ok)
{
	j->waiting = !ok;
	if (ok)
		log_info("peer %u, incarnation %llu: fenced", j->node,
			 (unsigned long long)j->inc);
	j->f->done(j->f->arg, j->node, j->inc, ok);
}

static int wait_for(struct job *j)
{
	int status = -1;

	while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
		;
	j->pid = 0;
	return status;
}

static int reap(struct job *j)
{
	loop_unset(j->f->loop, &j->timer);
	loop_del(j->f->loop, &j->watch);
	close(j->watch.fd);
	return wait_for(j);
}

static void ended(void *arg, uint32_t events)
{
	struct job *j = arg;
	int status = reap(j);

	(void)events;
	if (status)
		log_error("peer %u: the fence agent failed (%s %d): nothing is granted "
			  "until it succeeds",
			  j->node, WIFSIGNALED(status) ? "signal" : "status",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	end(j, !status);
}

static void too_long(void *arg)
{
	struct job *j = arg;

	kill(j->pid, SIGKILL);
}

/*
 * Signals are blocked in the daemon, for its signalfd, and SIGPIPE is ignored; not so in
 * an agent.
 */
static int spawn(struct job *j)
{
	char *argv[CONF_ARGS + 3], node[12], inc[24];
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int n, r;

	for (n = 0; j->f->conf->agent[n]; n++)
		argv[n] = j->f->conf->agent[n];
	snprintf(node, sizeof(node), "%u", j->node);
	snprintf(inc, sizeof(inc), "%llu", (unsigned long long)j->inc);
	argv[n++] = node;
	argv[n++] = inc;
	argv[n] = NULL;
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr,
				 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(&j->pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return r;
}

/* An agent that nobody would hear the end of must not run, nor be waited for. */
static void drop_agent(struct job *j, int r)
{
	log_error("peer %u: the fence agent cannot be watched (%s): it is asked again",
		  j->node, strerror(-r));
	if (j->watch.fd >= 0)
		close(j->watch.fd);
	kill(j->pid, SIGKILL);
	wait_for(j);
	end(j, 0);
}

static void run_agent(struct job *j)
{
	int r = spawn(j);

	if (r) {
		j->pid = 0;
		log_error("%s: %s: peer %u is not fenced, and nothing is granted until it is",
			  j->f->conf->agent[0], strerror(r), j->node);
		end(j, 0);
		return;
	}
	j->watch.fd = pidfd_open(j->pid, 0);
	r = j->watch.fd < 0 ? -errno : loop_add(j->f->loop, &j->watch, EPOLLIN);
	if (r) {
		drop_agent(j, r);
		return;
	}
	loop_set(j->f->loop, &j->timer, loop_now() + FENCE_NS);
}

void fence_begin(struct fence *f, uint32_t node, uint64_t inc)
{
	struct job *j = &f->job[node - 1];
	int again = j->waiting && j->inc == inc;

	if (j->pid)
		return;
	j->waiting = 1;
	j->inc = inc;
	if (f->conf->fence == CONF_FENCE_AGENT)
		run_agent(j);
	else if (f->conf->fence == CONF_FENCE_NONE)
		end(j, 1);
	else if (!again)
		log_warn("peer %u, incarnation %llu, must be stopped: when it is for "
			 "certain, say 'mxfsctl fenced %u'",
			 node, (unsigned long long)inc, node);
}

int fence_confirm(struct fence *f, uint32_t node)
{
	struct job *j = node >= 1 && node <= MXFS_NODES ? &f->job[node - 1] : NULL;

	if (!j || !j->waiting || j->pid)
		return -1;
	end(j, 1);
	return 0;
}

uint64_t fence_waiting(const struct fence *f)
{
	uint64_t mask = 0;

	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (f->job[n - 1].waiting)
			mask |= mxfs_bit(n);
	return mask;
}

void fence_reload(struct fence *f, const struct conf *conf)
{
	f->conf = conf;
}

struct fence *fence_new(struct loop *loop, const struct conf *conf,
			void (*done)(void *arg, uint32_t node, uint64_t inc, int ok),
			void *arg)
{
	struct fence *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->loop = loop;
	f->conf = conf;
	f->done = done;
	f->arg = arg;
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		struct job *j = &f->job[n - 1];

		j->f = f;
		j->node = n;
		j->watch = (struct loop_watch){ .fn = ended, .arg = j };
		j->timer = (struct loop_timer){ .fn = too_long, .arg = j };
	}
	return f;
}

void fence_free(struct fence *f)
{
	if (!f)
		return;
	for (uint32_t n = 0; n < MXFS_NODES; n++) {
		if (!f->job[n].pid)
			continue;
		kill(f->job[n].pid, SIGKILL);
		reap(&f->job[n]);
	}
	free(f);
}
