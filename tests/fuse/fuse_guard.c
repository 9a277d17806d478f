// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuse_guard MOUNTPOINT: a server is killed while it cannot end.
 *
 * Notes: a small server never answers a READ, and has the kernel drop the page
 * that waits for it, which no signal interrupts. Then it is killed. With a guard
 * (fuse/guard.c, as daxfs-fuse has it) the reader gets an error and the server
 * is gone. Exit 0: so it was; 1: not; 77: nobody here may abort a connection.
 * Without a guard (second argument "none") the reader must hang until this
 * program has aborted the connection: the test shows then that it is needed.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fuse/guard.c"

#define END_MS	20000	/* far above what the guard takes */

static struct {
	int reading;		/* a READ waits */
	pid_t notifier;		/* thread that drops its page */
} *shared;

static struct fuse_session *session;

static _Noreturn void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* ---- the server ---- */

static const struct stat file = { .st_ino = 2, .st_mode = S_IFREG | 0444,
				  .st_nlink = 1, .st_size = 4096 };
static const struct stat dir = { .st_ino = 1, .st_mode = S_IFDIR | 0755,
				 .st_nlink = 2 };

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = 2, .attr = file };

	(void)parent;
	if (strcmp(name, "file"))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)fi;
	fuse_reply_attr(req, ino == 2 ? &file : &dir, 0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_open(req, fi);
}

/* Never answered. */
static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	(void)req;
	(void)ino;
	(void)size;
	(void)off;
	(void)fi;
	__atomic_store_n(&shared->reading, 1, __ATOMIC_RELEASE);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = op_lookup, .getattr = op_getattr, .open = op_open,
	.read = op_read,
};

static void *drop_page(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&shared->reading, __ATOMIC_ACQUIRE))
		usleep(1000);
	__atomic_store_n(&shared->notifier, gettid(), __ATOMIC_RELEASE);
	fuse_lowlevel_notify_inval_inode(session, 2, 0, 0);
	return NULL;
}

static void serve(const char *mountpoint, int guarded)
{
	char *argv[] = { (char *)"fuse_guard", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	pthread_t thread;

	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_session_mount(session, mountpoint))
		_exit(1);
	if (guarded && daxfs_guard_start(mountpoint) < 0)
		_exit(1);
	pthread_create(&thread, NULL, drop_page, NULL);
	fuse_session_loop_mt(session, config);
	_exit(1);	/* it is killed before */
}

/* ---- the tester ---- */

static int thread_sleeps_for_good(pid_t server, pid_t thread)
{
	char path[64], text[256], *state;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", server, thread);
	f = fopen(path, "r");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	state = strrchr(text, ')');
	return state && state[2] == 'D';
}

static void wait_for_lock(pid_t server)
{
	pid_t thread;
	int i;

	for (i = 0; i < END_MS; i++) {
		thread = __atomic_load_n(&shared->notifier, __ATOMIC_ACQUIRE);
		if (thread && thread_sleeps_for_good(server, thread))
			return;
		usleep(1000);
	}
	die("the notification did not wait for the page");
}

static pid_t start_reader(const char *mountpoint)
{
	char path[4096], byte;
	pid_t pid = fork();
	int fd, i;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/file", mountpoint);
	for (i = 0; i < END_MS; i++) {
		fd = open(path, O_RDONLY);
		if (fd >= 0)
			_exit(read(fd, &byte, 1) < 0 ? 0 : 1);
		usleep(1000);
	}
	_exit(2);
}

/* Its status, or -1 if it has not ended in time. */
static int status_of(pid_t pid, int ms)
{
	int status;

	for (; ms > 0; ms--) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(1000);
	}
	return -1;
}

int main(int argc, char **argv)
{
	int guarded = argc < 3, rc = 1, status;
	pid_t server, reader;
	dev_t dev;

	if (argc && !strcmp(argv[0], DAXFS_GUARD_NAME))
		return daxfs_guard_main(argc, argv);
	if (argc < 2)
		return 2;
	if (geteuid() && access("/sys/fs/fuse/connections/.", W_OK))
		return 77;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	server = fork();
	if (!server)
		serve(argv[1], guarded);
	reader = start_reader(argv[1]);
	wait_for_lock(server);
	if (device_of(argv[1], &dev))
		die("statx");
	kill(server, SIGKILL);
	status = status_of(reader, guarded ? END_MS : 3000);
	if (guarded ? status == 0 && status_of(server, END_MS) >= 0 :
		      status == -1)
		rc = 0;
	else
		printf("the reader's status is %d\n", status);
	if (abort_by_file(dev))
		abort_by_unmount(argv[1], dev);
	if (status == -1)
		status_of(reader, END_MS);
	umount2(argv[1], MNT_DETACH);
	return rc;
}
