// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs mount: play the log into a shadow tree, and serve that.
 *
 * Notes: a child plays, mounts and serves (../fuse/background.c). A shadow tree
 * that nobody named is made for the mount and removed with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "../fuse/background.h"
#include "../tools/common.h"
#include "fuse_map.h"

#define THREADS		64u

static const char help[] =
"usage: famfs mount [-f] [-S DIR] [-o OPTION[,OPTION...]] DEVICE MOUNTPOINT\n"
"\n"
"Mount a file system and serve it from the background. A client's mount is for\n"
"reading. 'fusermount3 -u MOUNTPOINT' or umount(8) ends it.\n"
"  -f, --foreground       stay in the foreground; messages go to stderr\n"
"  -S, --shadow DIR       keep the shadow tree there (else in a private folder)\n"
"  -o ro                  nobody writes\n"
"     rw                  on a client: files that all hosts may write can be written\n"
"     raw                 show the shadow files themselves\n"
"     direct_io           keep no pages in the kernel's cache\n"
"     noncoherent         forget cache lines before reads, flush them after writes\n"
"     coherent            do not, though it is a DAX device\n"
"     devmap=FILE         lines 'UUID PATH': where other devices are\n"
"     allow_other         let other users in\n"
"     and noexec, nosuid, nodev, ... of mount(8)\n";

struct options {
	struct fuse_args args;		/* for libfuse */
	const char *shadow;
	int foreground, ro, rw, coherent, noncoherent;
};

static struct famfs_server server = {
	.shadow_fd = -1,
	.fs_lock = PTHREAD_MUTEX_INITIALIZER,
	.node_lock = PTHREAD_MUTEX_INITIALIZER,
};

/* ---- the child ---- */

static void fuse_log_line(enum fuse_log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void fuse_log_line(enum fuse_log_level level, const char *fmt, va_list ap)
{
	vsyslog(LOG_DAEMON | (int)level, fmt, ap);
}

static void to_syslog(void)
{
	famfs_say_to_syslog("famfs");
	fuse_set_log_func(fuse_log_line);
}

static void ready(void *arg)
{
	struct famfs_server *s = arg;

	if (daxfs_background_ready(to_syslog) < 0)
		famfs_say("nobody waits for this mount");
	famfs_filemap_say(&s->session);
}

static void fault(void *arg)
{
	struct famfs_server *s = arg;

	famfs_say("%s: memory cannot be read (was the file truncated, or is the machine "
		  "full?)", s->device);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path) ? -1 : 0;
}

/* Directories may be without our own right to write: root needs none. */
static void remove_tree(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
		famfs_say("%s: cannot be removed: %s", path, strerror(errno));
}

static int make_shadow(struct famfs_server *s, const struct options *o)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	if (o->shadow) {
		if (mkdir(o->shadow, 0755) && errno != EEXIST) {
			famfs_say("%s: %s", o->shadow, strerror(errno));
			return -errno;
		}
		s->shadow = realpath(o->shadow, NULL);
		return s->shadow ? 0 : -errno;
	}
	if (!tmp || !*tmp)
		tmp = access("/dev/shm", W_OK | X_OK) ? "/tmp" : "/dev/shm";
	snprintf(path, sizeof(path), "%s/famfs-shadow.XXXXXX", tmp);
	/* Its mode is that of the mount's root. */
	if (!mkdtemp(path) || chmod(path, 0755)) {
		famfs_say("%s: %s", path, strerror(errno));
		return -errno;
	}
	s->shadow = realpath(path, NULL);
	return s->shadow ? 0 : -ENOMEM;
}

static int play(struct famfs_server *s)
{
	struct famfs_shadow shadow;
	int r = famfs_shadow_open(&shadow, s->fs, s->shadow);

	shadow.read_only = s->client;
	s->fs->show = famfs_shadow_show;
	s->fs->show_arg = &shadow;
	if (!r)
		r = famfs_replay(s->fs);
	s->fs->show = NULL;
	famfs_shadow_close(&shadow);
	return r;
}

/* Mapped for reading, and again for writing only where somebody may write. */
static int open_device(struct famfs_server *s, const struct options *o)
{
	const char *devmap = *s->devmap ? s->devmap : NULL;
	int r = famfs_open(&s->fs, s->device, FAMFS_READ, devmap);

	if (r)
		return r;
	s->client = s->fs->role == FAMFS_CLIENT;
	s->rdonly = o->ro || (s->client && !o->rw);
	if (s->rdonly)
		return 0;
	famfs_close(s->fs);
	return famfs_open(&s->fs, s->device, FAMFS_WRITE, devmap);
}

static int open_fs(struct famfs_server *s, const struct options *o)
{
	struct famfs_dev *dev;
	int r = open_device(s, o);

	if (r)
		return r;
	dev = famfs_device(s->fs, 0);
	s->noncoherent = o->noncoherent || (!dev->regular && !o->coherent);
	r = play(s);
	if (r)
		return r;
	s->shadow_fd = open(s->shadow, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->shadow_fd < 0) {
		famfs_say("%s: %s", s->shadow, strerror(errno));
		return -errno;
	}
	return famfs_nodes_init(s);
}

static int add_option(struct options *o, const char *option)
{
	return fuse_opt_add_arg(&o->args, "-o") || fuse_opt_add_arg(&o->args, option);
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

static int mount_it(struct famfs_server *s, struct options *o, const char *mountpoint)
{
	char fsname[2 * PATH_MAX];

	fsname_option(fsname, s->device);
	if (add_option(o, "default_permissions,subtype=famfs") || add_option(o, fsname) ||
	    ((s->rdonly || s->as_shadow) && add_option(o, "ro")))
		return -ENOMEM;
	s->session.max_threads = THREADS;
	s->session.ready = ready;
	s->session.fault = fault;
	s->session.arg = s;
	return daxfs_session_open(&s->session, &o->args, &famfs_server_ops, s, mountpoint);
}

static int run(struct famfs_server *s, struct options *o, const char *mountpoint)
{
	int r = make_shadow(s, o);

	if (!r)
		r = open_fs(s, o);
	if (!r)
		r = mount_it(s, o, mountpoint);
	if (r) {
		famfs_say("%s: not mounted: %s", mountpoint, strerror(-r));
	} else {
		r = daxfs_session_serve(&s->session);
		if (r)
			famfs_say("%s: %s", mountpoint, strerror(-r));
	}
	daxfs_session_close(&s->session);
	famfs_nodes_fini(s);
	if (s->shadow_fd >= 0)
		close(s->shadow_fd);
	famfs_close(s->fs);
	if (!o->shadow && s->shadow)
		remove_tree(s->shadow);
	return r ? FAMFS_EXIT_FAILED : FAMFS_EXIT_OK;
}

struct job {			/* of the child */
	struct options *o;
	const char *mountpoint;
};

static int run_job(void *arg)
{
	const struct job *job = arg;

	return run(&server, job->o, job->mountpoint);
}

/* ---- the command line ---- */

static void one_option(struct options *o, char *option)
{
	if (!strcmp(option, "ro"))
		o->ro = 1;
	else if (!strcmp(option, "rw"))
		o->rw = 1;
	else if (!strcmp(option, "raw"))
		server.as_shadow = 1;
	else if (!strcmp(option, "direct_io"))
		server.direct_io = 1;
	else if (!strcmp(option, "noncoherent"))
		o->noncoherent = 1;
	else if (!strcmp(option, "coherent"))
		o->coherent = 1;
	else if (!strncmp(option, "devmap=", 7))
		server.devmap = realpath(option + 7, NULL);
	else if (add_option(o, option))
		famfs_usage("no memory");
	if (!strncmp(option, "devmap=", 7) && !server.devmap)
		famfs_usage("%s: %s", option, strerror(errno));
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option option[] = {
		{ "foreground", 0, NULL, 'f' }, { "shadow", 1, NULL, 'S' },
		{ "options", 1, NULL, 'o' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char *one, *rest;
	int c;

	while ((c = getopt_long(argc, argv, "fS:o:h", option, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->foreground = 1;
			break;
		case 'S':
			o->shadow = optarg;
			break;
		case 'o':
			for (one = strtok_r(optarg, ",", &rest); one;
			     one = strtok_r(NULL, ",", &rest))
				one_option(o, one);
			break;
		case 'h':
			fputs(help, stdout);
			exit(famfs_status(0));
		default:
			famfs_usage("wrong option");
		}
	}
	if (optind + 2 != argc || (o->ro && o->rw))
		famfs_usage("name a device and a mountpoint; not both of ro and rw");
}

static char *mountpoint_of(const char *path)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (real && !stat(real, &st)) {
		if (S_ISDIR(st.st_mode))
			return real;
		errno = ENOTDIR;
	}
	famfs_say("%s: cannot mount there: %s%s", path, strerror(errno),
		  errno == ENOENT ? "; make the directory first" : "");
	free(real);
	return NULL;
}

/* Paths are absolute from here on: the server has no directory of its own. */
static int start(struct options *o, const char *device, const char *path)
{
	char *mountpoint = mountpoint_of(path);
	struct job job = { o, mountpoint };
	int r = FAMFS_EXIT_FAILED;

	server.device = !mountpoint ? NULL : strncmp(device, "phys:", 5) ?
			realpath(device, NULL) : strdup(device);
	if (mountpoint && !server.device)
		famfs_say("%s: cannot open: %s", device, strerror(errno));
	if (server.device && o->foreground) {
		daxfs_session_block();
		r = run(&server, o, mountpoint);
	} else if (server.device) {
		r = daxfs_background("famfs", FAMFS_EXIT_FAILED, daxfs_session_block,
				     run_job, &job);
	}
	free(mountpoint);
	return r;
}

int famfs_cmd_mount(int argc, char **argv)
{
	struct options o = { .args = FUSE_ARGS_INIT(0, NULL) };
	int r;

	if (fuse_opt_add_arg(&o.args, "famfs"))
		return famfs_status(-ENOMEM);
	parse(&o, argc, argv);
	if (!server.devmap)
		server.devmap = strdup("");
	r = start(&o, argv[optind], argv[optind + 1]);
	fuse_opt_free_args(&o.args);
	free(server.device);
	free(server.shadow);
	free(server.devmap);
	return r;
}
