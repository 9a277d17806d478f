// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-fuse: mount a daxfs region through FUSE.
 *
 * Notes: the server opens, mounts and serves in a child (background.c), which
 * unmounts and leaves the region whenever a signal comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "background.h"
#include "guard.h"
#include "options.h"
#include "server.h"

static struct daxfs_server server = {
	.size_fd = -1,
	.handles_lock = PTHREAD_MUTEX_INITIALIZER,
};

/* ---- the child: from a region to a mount ---- */

static void to_syslog(void)
{
	daxfs_log_init(0);
}

static void ready(void *arg)
{
	(void)arg;
	/* If the parent is gone, nobody wants to know. */
	if (daxfs_background_ready(to_syslog) < 0)
		daxfs_log("nobody waits for this mount");
}

/*
 * Another host declared us dead, and we are not: every call fails with ESTALE
 * now. End as by a signal, which is waited for in one place.
 */
static void evicted(void *arg)
{
	struct daxfs_server *s = arg;

	daxfs_log("%s: this host was evicted: every request fails with ESTALE "
		  "from now on; unmounting", s->region);
	__atomic_store_n(&s->evicted, 1, __ATOMIC_RELEASE);
	kill(getpid(), SIGTERM);
}

static void say(void *arg, const char *text)
{
	const struct daxfs_server *s = arg;

	daxfs_log("%s: %s", s->region, text);
}

static void stopping(void *arg)
{
	daxfs_locks_stop(arg);
	daxfs_notifier_stop(arg);
}

static void fault(void *arg)
{
	struct daxfs_server *s = arg;
	struct daxfs_region *rg = daxfs_mount_region(s->m);

	if (!__atomic_exchange_n(&rg->lost, 1, __ATOMIC_RELAXED))
		daxfs_log("%s: memory of the region is gone (was the file "
			  "truncated?): every access fails from now on; "
			  "unmount it and restore the file", s->region);
}

/* Only a file can shrink: -1 for what is none. */
static int open_size(const char *path)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 || (!fstat(fd, &st) && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	return -1;
}

/* Main of a region with branches is for reading. */
static int is_rdonly(struct daxfs_server *s)
{
	return daxfs_mount_rdonly(s->m) ||
	       (daxfs_is_branching(daxfs_mount_region(s->m)) &&
		(!s->branch || !strcmp(s->branch, "main")));
}

static int open_region(struct daxfs_server *s, const struct daxfs_options *o)
{
	u32 flags = (o->rdonly ? DAXFS_OPEN_RDONLY : 0) |
		    (o->validate ? DAXFS_OPEN_VALIDATE : 0);
	char why[512] = "";

	if (daxfs_mount_open(&s->m, s->region, flags, DAXFS_HOST_FUSE, why,
			     sizeof(why))) {
		fprintf(stderr, "%s: %s\n", o->name, why);
		return DAXFS_EXIT_MOUNT;
	}
	if (daxfs_mount_has(s->m, o->branch, why, sizeof(why))) {
		fprintf(stderr, "%s: %s\n", o->name, why);
		daxfs_mount_close(s->m);
		return DAXFS_EXIT_MOUNT;
	}
	if (o->backing && daxfs_mount_backing(s->m, o->backing, why, sizeof(why))) {
		fprintf(stderr, "%s: %s\n", o->name, why);
		daxfs_mount_close(s->m);
		return DAXFS_EXIT_MOUNT;
	}
	/* From here on no path is looked up, so none keeps the folder in use. */
	if (chdir("/")) {
		perror(o->name);
		daxfs_mount_close(s->m);
		return DAXFS_EXIT_SYSTEM;
	}
	daxfs_mount_on_message(s->m, say, s);
	s->split = daxfs_is_split(daxfs_mount_region(s->m));
	s->branch = o->branch;
	daxfs_mount_on_evict(s->m, evicted, s);
	if (daxfs_is_persistent(daxfs_mount_region(s->m)) &&
	    !daxfs_mount_durable(s->m))
		fprintf(stderr, "%s: warning: %s: not known to be persistent "
			"memory: it has no MAP_SYNC; what is acknowledged lasts "
			"as long as that memory does\n", o->name, s->region);
	s->constant = !daxfs_has_overlay(daxfs_mount_region(s->m));
	s->timeout = s->constant ? 86400.0 : 0.0;
	s->direct_io = o->direct_io;
	s->atime = is_rdonly(s) ? DAXFS_ATIME_OFF : o->atime;
	s->local_locks = o->local_locks || is_rdonly(s);
	s->size_fd = open_size(s->region);
	daxfs_nodes_init(&s->nodes, s->m);
	daxfs_grace_init(&s->grace, s->m);
	return -1;
}

/* "fsname=PATH"; a comma in the path is not the end of the option. */
static void fsname_option(char *to, const char *path)
{
	to = stpcpy(to, "fsname=");
	for (; *path; path++) {
		if (*path == ',' || *path == '\\')
			*to++ = '\\';
		*to++ = *path;
	}
	*to = '\0';
}

static int add_option(struct daxfs_options *o, const char *option)
{
	return fuse_opt_add_arg(&o->args, "-o") ||
	       fuse_opt_add_arg(&o->args, option);
}

static int add_options(struct daxfs_server *s, struct daxfs_options *o)
{
	char *fsname = malloc(2 * strlen(s->region) + sizeof("fsname="));
	int r = -1;

	if (!fsname)
		return -1;
	fsname_option(fsname, s->region);
	if (!add_option(o, "default_permissions,subtype=daxfs") &&
	    !add_option(o, fsname) &&
	    (!is_rdonly(s) || !add_option(o, "ro")))
		r = 0;
	free(fsname);
	return r;
}

static int mount_region(struct daxfs_server *s, struct daxfs_options *o,
			const char *mountpoint)
{
	int r;

	if (add_options(s, o)) {
		fprintf(stderr, "%s: no memory\n", o->name);
		return DAXFS_EXIT_SYSTEM;
	}
	s->session.max_threads = o->max_threads;
	s->session.can = DAXFS_RAW_STATX | DAXFS_RAW_TMPFILE |
			 DAXFS_RAW_SETXATTR;
	s->session.ready = ready;
	s->session.stopping = stopping;
	s->session.fault = fault;
	s->session.arg = s;
	r = daxfs_session_open(&s->session, &o->args, &daxfs_server_ops, s,
			       mountpoint);
	if (!r)
		return -1;
	fprintf(stderr, "%s: %s: not mounted; the line above says why\n",
		o->name, mountpoint);
	return r == -EINVAL ? DAXFS_EXIT_USAGE : DAXFS_EXIT_MOUNT;
}

/* Without one all works but the end of a server that is killed at a bad time. */
static pid_t start_guard(const char *mountpoint)
{
	pid_t pid = daxfs_guard_start(mountpoint);

	if (pid < 0)
		daxfs_log("%s: no guard process: %s", mountpoint,
			  strerror(-pid));
	return pid;
}

static int start_threads(struct daxfs_server *s, const char *name)
{
	int r = daxfs_mount_start(s->m);

	if (!r)
		r = daxfs_notifier_start(s);
	if (!r && !s->constant && !s->local_locks)
		r = daxfs_locks_start(s);
	if (!r)
		return -1;
	daxfs_mount_crash(s->m);	/* an end by far, but not that of its branch */
	fprintf(stderr, "%s: cannot start a thread: %s\n", name, strerror(-r));
	return DAXFS_EXIT_SYSTEM;
}

/*
 * The last step before it serves: whoever cannot mount has not been there, so the
 * branch does not end with him.
 */
static int show_branch(struct daxfs_server *s, const char *name)
{
	char why[512] = "";

	if (!daxfs_mount_show(s->m, s->branch, why, sizeof(why)))
		return -1;
	fprintf(stderr, "%s: %s\n", name, why);
	return DAXFS_EXIT_MOUNT;
}

/* Everything between fork and exit; the exit status. */
static int run(struct daxfs_server *s, struct daxfs_options *o,
	       const char *mountpoint)
{
	int r = open_region(s, o);
	pid_t guard = 0;

	if (r >= 0)
		return r;
	r = mount_region(s, o, mountpoint);
	if (r < 0) {
		guard = start_guard(mountpoint);
		r = show_branch(s, o->name);
	}
	if (r < 0)
		r = start_threads(s, o->name);
	if (r < 0) {
		r = daxfs_session_serve(&s->session);
		if (r)
			daxfs_log("%s: %s", mountpoint, strerror(-r));
		r = r ? DAXFS_EXIT_SYSTEM : DAXFS_EXIT_OK;
		if (__atomic_load_n(&s->evicted, __ATOMIC_ACQUIRE))
			r = DAXFS_EXIT_EVICTED;
	}
	daxfs_locks_stop(s);
	daxfs_notifier_stop(s);
	daxfs_session_close(&s->session);
	daxfs_grace_fini(&s->grace);
	daxfs_handles_fini(s);
	daxfs_nodes_fini(&s->nodes);
	daxfs_mount_close(s->m);
	daxfs_guard_stop(guard);
	return r;
}

struct job {			/* of the child */
	struct daxfs_options *o;
	const char *mountpoint;
};

static int run_job(void *arg)
{
	const struct job *job = arg;

	return run(&server, job->o, job->mountpoint);
}

/* ---- paths: absolute, because the server has no directory of its own ---- */

static char *absolute_region(const struct daxfs_options *o)
{
	char *path;

	if (!strncmp(o->region, "phys:", 5))
		return strdup(o->region);
	path = realpath(o->region, NULL);
	if (!path)
		fprintf(stderr, "%s: %s: cannot open: %s\n", o->name, o->region,
			strerror(errno));
	return path;
}

static char *absolute_mountpoint(const struct daxfs_options *o)
{
	const char *hint = "";
	struct stat st;
	char *path = realpath(o->mountpoint, NULL);

	if (path && !stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return path;
		errno = ENOTDIR;
	}
	if (errno == ENOENT)
		hint = "; make the directory first";
	else if (errno == ENOTCONN)
		hint = "; a server ended without unmounting: run "
		       "'fusermount3 -u' on it first";
	fprintf(stderr, "%s: %s: cannot mount there: %s%s\n", o->name,
		o->mountpoint, strerror(errno), hint);
	free(path);
	return NULL;
}

static int start(struct daxfs_options *o)
{
	char *mountpoint = absolute_mountpoint(o);
	struct job job = { o, mountpoint };
	int r = DAXFS_EXIT_MOUNT;

	server.region = mountpoint ? absolute_region(o) : NULL;
	if (server.region && o->fake) {
		r = DAXFS_EXIT_OK;
	} else if (server.region && o->foreground) {
		daxfs_session_block();
		daxfs_log_init(1);
		r = run(&server, o, mountpoint);
	} else if (server.region) {
		r = daxfs_background(o->name, DAXFS_EXIT_SYSTEM, daxfs_session_block,
				     run_job, &job);
	}
	free((void *)(uintptr_t)server.region);
	free(mountpoint);
	return r;
}

int main(int argc, char **argv)
{
	struct daxfs_options o;
	int r;

	if (argc && !strcmp(argv[0], DAXFS_GUARD_NAME))
		return daxfs_guard_main(argc, argv);
	r = daxfs_options_parse(&o, argc, argv);
	if (r < 0)
		r = start(&o);
	daxfs_options_free(&o);
	return r;
}
