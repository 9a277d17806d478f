// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file as a test wants it: reads that fail, take long, or are counted.
 *
 * usage: fault_file FILE MOUNTPOINT CONTROL COUNT
 *
 * Notes: a FUSE file system with one file, `file', that hands reads on to FILE and
 * keeps nothing of it in any cache; FILE may be another one at each open. Before
 * each read CONTROL is looked at, a line of words: bad=N (page N cannot be read),
 * rate=N (bytes a second, of all reads together). COUNT holds the bytes that were
 * read, as text. Runs in the foreground; prints a line when it is mounted; SIGTERM
 * ends it.
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NODE	2
#define PAGE	4096ll
#define NONE	(-1ll)

static int count_fd;
static const char *file_path, *control_path;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long long counted, free_ns;	/* free_ns: when the device is free */

struct control {
	long long bad, rate;
};

static struct control look(void)
{
	struct control c = { NONE, 0 };
	char text[256] = "", *word, *rest = text;
	int fd = open(control_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return c;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	while ((word = strsep(&rest, " \n"))) {
		if (!strncmp(word, "bad=", 4))
			c.bad = atoll(word + 4);
		if (!strncmp(word, "rate=", 5))
			c.rate = atoll(word + 5);
	}
	return c;
}

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* Count, and wait as long as a device of that rate would take. */
static void account(long long bytes, long long rate)
{
	struct timespec ts;
	char text[32];
	long long at;
	int n;

	pthread_mutex_lock(&lock);
	counted += bytes;
	n = snprintf(text, sizeof(text), "%-20lld\n", counted);
	if (pwrite(count_fd, text, (size_t)n, 0) != n)
		perror("fault_file: count");
	at = now_ns();
	if (free_ns < at)
		free_ns = at;
	free_ns += rate ? bytes * 1000000000ll / rate : 0;
	at = free_ns;
	pthread_mutex_unlock(&lock);
	if (!rate)
		return;
	ts.tv_sec = at / 1000000000ll;
	ts.tv_nsec = at % 1000000000ll;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int stat_of(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	if (ino == NODE) {
		if (stat(file_path, st))
			return errno;
		st->st_ino = NODE;
		return 0;
	}
	st->st_ino = FUSE_ROOT_ID;
	st->st_mode = S_IFDIR | 0755;
	st->st_nlink = 2;
	return ino == FUSE_ROOT_ID ? 0 : ENOENT;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int r = stat_of(ino, &st);

	(void)fi;
	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_attr(req, &st, 0.0);
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct fuse_entry_param e = { .ino = NODE };
	int r = dir != FUSE_ROOT_ID || strcmp(name, "file") ? ENOENT :
		stat_of(NODE, &e.attr);

	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_entry(req, &e);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino != NODE) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	fi->fh = (uint64_t)open(file_path, O_RDONLY | O_CLOEXEC);
	fi->direct_io = 1;
	if ((int)fi->fh < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_open(req, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct control c = look();
	char *buf = malloc(size ? size : 1);
	ssize_t n = buf ? pread((int)fi->fh, buf, size, off) : -1;
	int bad = c.bad != NONE && c.bad * PAGE < off + (off_t)size &&
		  (c.bad + 1) * PAGE > off;

	(void)ino;
	if (n >= 0 && !bad)
		account(n, c.rate);
	if (n < 0 || bad)
		fuse_reply_err(req, EIO);
	else
		fuse_reply_buf(req, buf, (size_t)n);
	free(buf);
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->max_background = 64;
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init, .getattr = op_getattr, .lookup = op_lookup,
	.open = op_open, .read = op_read, .release = op_release,
};

static int serve(const char *mountpoint)
{
	char name[] = "fault_file", o[] = "-o", opt[] = "fsname=fault_file";
	char *argv[] = { name, o, opt, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r = 1;

	if (se && !fuse_set_signal_handlers(se)) {
		if (!fuse_session_mount(se, mountpoint)) {
			printf("mounted\n");
			fflush(stdout);
			r = fuse_session_loop_mt(se, config) < 0;
			fuse_session_unmount(se);
		}
		fuse_remove_signal_handlers(se);
	}
	if (se)
		fuse_session_destroy(se);
	fuse_loop_cfg_destroy(config);
	fuse_opt_free_args(&args);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: fault_file FILE MOUNTPOINT CONTROL COUNT\n");
		return 2;
	}
	file_path = argv[1];
	control_path = argv[3];
	count_fd = open(argv[4], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (count_fd < 0) {
		perror("fault_file");
		return 1;
	}
	return serve(argv[2]);
}
