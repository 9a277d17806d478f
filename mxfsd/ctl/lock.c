// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mxfsctl lock: hold a lock while a command runs, or until it is interrupted.
 *
 * Notes: the command must not outlive the lock. If the lock is lost the command gets
 * SIGTERM, and mxfsctl ends with EXIT_LOST whatever the command says; if mxfsctl dies, the
 * kernel sends the command SIGTERM. The lock is given back when the command has ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "mode.h"

struct job {
	struct ctl *c;
	const char *resource;
	int mode, has_lvb;
	struct mxfs_options o;
	uint8_t lvb[MXFS_LVB];
	char **command;		/* NULL: none */
	struct mxfs_lk *lk;
	int lost, signals;
	sigset_t before;
	pid_t pid;
	int ended, status;
};

/* ---- words ---- */

static int hex_value(const char *text, uint8_t lvb[MXFS_LVB])
{
	size_t len = strlen(text);
	unsigned int byte;

	if (!len || len % 2 || len > 2 * MXFS_LVB ||
	    strspn(text, "0123456789abcdefABCDEF") != len) {
		fprintf(stderr, "mxfsctl: --lvb-set: must be 2 to 128 hexadecimal "
				"digits, an even number\n");
		return -1;
	}
	for (size_t i = 0; i < len / 2; i++) {
		sscanf(text + 2 * i, "%2x", &byte);
		lvb[i] = (uint8_t)byte;
	}
	return 0;
}

static int option(struct job *j, int opt)
{
	double seconds;

	switch (opt) {
	case 't':
		if (ctl_seconds(optarg, &seconds))
			return EXIT_USAGE;
		j->o.timeout_ns = (uint64_t)(seconds * 1e9);
		return 0;
	case 'n':
		j->o.flags |= MXFS_NOQUEUE;
		return 0;
	case 'l':
		j->has_lvb = 1;
		return hex_value(optarg, j->lvb) ? EXIT_USAGE : 0;
	case 'j':
		j->c->json = 1;
		return 0;
	default:
		return ctl_usage();
	}
}

static int words(struct job *j, int argc, char **argv)
{
	static const struct option known[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "noqueue", no_argument, NULL, 'n' },
		{ "lvb-set", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 },
	};
	int opt, r = 0;

	while (!r && (opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		r = option(j, opt);
	if (r)
		return r;
	if (argc - optind < 2)
		return ctl_usage();
	j->resource = argv[optind];
	j->mode = ctl_mode(argv[optind + 1]);
	j->command = argc - optind > 2 ? argv + optind + 2 : NULL;
	if (j->mode < 0)
		return EXIT_USAGE;
	if (j->has_lvb && !mxfs_mode_is_writer((uint8_t)j->mode)) {
		fprintf(stderr, "mxfsctl: --lvb-set: the value block is set under PW or EX\n");
		return EXIT_USAGE;
	}
	return 0;
}

/* ---- what is told ---- */

static const char *const state_text[] = { "none", "valid", "lost" };

static void say(const struct job *j)
{
	struct json_object *o;
	struct mxfs_value v;
	struct mxfs_token t;
	char hex[2 * MXFS_LVB + 1] = "";

	mxfs_value(j->lk, &v);
	mxfs_token(j->lk, &t);
	if (v.state == MXFS_VALUE_VALID)
		ctl_hex(v.byte, MXFS_LVB, hex);
	if (!j->c->json) {
		printf("granted %s token %llu.%llu lvb %s %s\n",
		       mxfs_mode_text((uint8_t)j->mode), (unsigned long long)t.epoch,
		       (unsigned long long)t.nr, state_text[v.state], hex);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "mode", json_object_new_string(
		mxfs_mode_text((uint8_t)j->mode)));
	json_object_object_add(o, "epoch", json_object_new_uint64(t.epoch));
	json_object_object_add(o, "token", json_object_new_uint64(t.nr));
	json_object_object_add(o, "lvb_state", json_object_new_string(state_text[v.state]));
	json_object_object_add(o, "lvb_version", json_object_new_uint64(v.version));
	json_object_object_add(o, "lvb", json_object_new_string(hex));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void put_environment(const struct job *j)
{
	struct mxfs_value v;
	struct mxfs_token t;
	char text[2 * MXFS_LVB + 1];

	mxfs_value(j->lk, &v);
	mxfs_token(j->lk, &t);
	snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)t.epoch,
		 (unsigned long long)t.nr);
	setenv("MXFS_TOKEN", text, 1);
	setenv("MXFS_LVB_STATE", state_text[v.state], 1);
	ctl_hex(v.byte, MXFS_LVB, text);
	setenv("MXFS_LVB", v.state == MXFS_VALUE_VALID ? text : "", 1);
}

static void on_bast(struct mxfs_lk *lk, int wanted, void *arg)
{
	struct job *j = arg;

	(void)lk;
	if (wanted >= 0) {
		if (!j->command && !j->c->json)
			printf("wanted %s\n", mxfs_mode_text((uint8_t)wanted));
		fflush(stdout);
		return;
	}
	j->lost = 1;
	fprintf(stderr, "mxfsctl: the lock on %s is lost%s\n", j->resource,
		j->pid ? ": the command is told to end" : "");
	if (j->pid)
		kill(j->pid, SIGTERM);
}

/* ---- the command ---- */

/* Signals are blocked here; they are as they were in the command. */
static int start(struct job *j)
{
	put_environment(j);
	j->pid = fork();
	if (j->pid < 0) {
		j->pid = 0;
		perror("mxfsctl: fork");
		return EXIT_FAILED;
	}
	if (j->pid)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &j->before, NULL);
	execvp(j->command[0], j->command);
	fprintf(stderr, "mxfsctl: %s: %s\n", j->command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void on_signal(struct job *j)
{
	struct signalfd_siginfo s;
	int status;

	while (read(j->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo != SIGCHLD) {
			if (j->pid)
				kill(j->pid, (int)s.ssi_signo);
			else
				j->ended = 1;
		} else if (j->pid && waitpid(j->pid, &status, WNOHANG) == j->pid) {
			j->ended = 1;
			j->status = WIFEXITED(status) ? WEXITSTATUS(status) :
				128 + WTERMSIG(status);
		}
	}
}

static void hold(struct job *j)
{
	struct pollfd p[2] = { { .fd = mxfs_fd(j->c->conn) },
			       { .fd = j->signals, .events = POLLIN } };

	while (!j->ended && !(j->lost && !j->pid)) {
		/* A lost connection is readable for ever. */
		p[0].fd = j->lost ? -1 : mxfs_fd(j->c->conn);
		p[0].events = mxfs_poll_events(j->c->conn);
		if (!j->lost)
			mxfs_dispatch(j->c->conn);
		if (j->lost && !j->pid)
			break;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		on_signal(j);
	}
}

static void take_signals(struct job *j)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &j->before);
	j->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int with_lock(struct job *j)
{
	int r = 0;

	mxfs_on_bast(j->lk, on_bast, j);
	take_signals(j);
	if (j->command)
		r = start(j);
	else
		say(j);
	fflush(stdout);
	if (!r)
		hold(j);
	if (j->lost)
		return EXIT_LOST;
	/* A command that failed has not said what the value is. */
	if (mxfs_unlock(j->lk, j->has_lvb && !r && !j->status ? j->lvb : NULL))
		return EXIT_LOST;
	return r ? r : j->status;
}

int ctl_lock(struct ctl *c, int argc, char **argv)
{
	struct job j = { .c = c };
	int r = words(&j, argc, argv);

	if (!r)
		r = ctl_connect(c);
	if (r)
		return r;
	r = mxfs_lock(c->conn, j.resource, strlen(j.resource), j.mode, &j.o, &j.lk);
	if (r == -EINVAL) {
		fprintf(stderr, "mxfsctl: a resource's name has 1 to 64 bytes\n");
		return EXIT_USAGE;
	}
	return r ? ctl_failed(c, r, j.resource) : with_lock(&j);
}
