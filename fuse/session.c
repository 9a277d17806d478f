// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A FUSE session: mount, serve with many threads, end on a signal.
 *
 * Notes: libfuse 3.14 mounts and dispatches, but its requests and replies pass
 * through two functions of ours. They add INIT flags that libfuse does not hand
 * on (lookups of one directory in parallel, set-id bits dropped by the server,
 * mapping of files that are open for direct_io), they note what it does not hand
 * on of a request (raw.c), they notice when the mount answers, and they answer a
 * read whose memory is gone. A thread of its own waits for signals: handlers on
 * any thread would have to wake the one that waits for the end, which a handler
 * cannot do without a race.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

#define MAX_BACKGROUND	64	/* readahead of several files at once */

/* Newer than the oldest <linux/fuse.h> that we build with: flags2. */
#define INIT2_DIRECT_IO_ALLOW_MMAP	(1u << 4)

static struct daxfs_session *current;

/* ---- what goes over /dev/fuse ---- */

/* Served by one thread before all else. */
static void note_init(const struct fuse_in_header *head, const char *arg,
		      size_t len)
{
	struct fuse_init_in in = { .flags = 0 };

	memcpy(&in, arg, len < sizeof(in) ? len : sizeof(in));
	current->offers = in.flags;
	current->offers2 = in.flags & FUSE_INIT_EXT ? in.flags2 : 0;
	if (!(in.flags & FUSE_SETXATTR_EXT))
		current->can &= ~(unsigned int)DAXFS_RAW_SETXATTR;
	__atomic_store_n(&current->init_unique, head->unique, __ATOMIC_RELAXED);
}

static ssize_t hook_read(int fd, void *buf, size_t len, void *userdata)
{
	ssize_t n = read(fd, buf, len);
	struct fuse_in_header in;

	(void)userdata;
	n = daxfs_raw_note(current->can, buf, n);
	if (n < (ssize_t)sizeof(in))
		return n;
	memcpy(&in, buf, sizeof(in));
	if (in.opcode == FUSE_INIT)
		note_init(&in, (const char *)buf + sizeof(in),
			  (size_t)n - sizeof(in));
	return n;
}

/* With HANDLE_KILLPRIV_V2 (5.12) a write is not preceded by a GETXATTR. */
static void add_flags(struct fuse_init_out *out, int has_flags2)
{
	out->flags |= FUSE_PARALLEL_DIROPS;
	out->flags |= current->offers & FUSE_HANDLE_KILLPRIV_V2;
	if (current->can & DAXFS_RAW_SETXATTR)
		out->flags |= FUSE_SETXATTR_EXT;
	if (has_flags2 && (current->offers2 & INIT2_DIRECT_IO_ALLOW_MMAP)) {
		out->flags |= FUSE_INIT_EXT;
		out->flags2 |= INIT2_DIRECT_IO_ALLOW_MMAP;
	}
}

/* The answer to INIT, with the flags that libfuse keeps to itself. */
static ssize_t write_init(int fd, const struct iovec *iov, int count)
{
	struct fuse_init_out out;
	struct iovec mine[2];
	ssize_t n;

	if (count != 2 || iov[1].iov_len < offsetof(struct fuse_init_out,
						    max_background))
		return writev(fd, iov, count);
	memset(&out, 0, sizeof(out));
	memcpy(&out, iov[1].iov_base, iov[1].iov_len < sizeof(out) ?
	       iov[1].iov_len : sizeof(out));
	add_flags(&out, iov[1].iov_len == sizeof(out));
	mine[0] = iov[0];
	mine[1].iov_base = &out;
	mine[1].iov_len = iov[1].iov_len;
	n = writev(fd, mine, 2);
	if (n >= 0 && current->ready)
		current->ready(current->arg);
	return n;
}

/*
 * Content goes from the region to the kernel without a copy of ours, so the
 * kernel may find its memory gone. It then fails the request with EIO by
 * itself; the error reply is for a kernel that put the request back.
 */
static ssize_t write_fault(int fd, const struct fuse_out_header *head)
{
	struct fuse_out_header err = { .len = sizeof(err), .error = -EIO,
				       .unique = head->unique };

	if (current->fault)
		current->fault(current->arg);
	if (write(fd, &err, sizeof(err)) < 0 && errno != ENOENT)
		return -1;
	return (ssize_t)head->len;
}

static ssize_t hook_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fuse_out_header head;
	ssize_t n;

	(void)userdata;
	if (count < 1 || iov[0].iov_len != sizeof(head))
		return writev(fd, iov, count);
	memcpy(&head, iov[0].iov_base, sizeof(head));
	if (head.unique && head.unique ==
	    __atomic_load_n(&current->init_unique, __ATOMIC_RELAXED)) {
		__atomic_store_n(&current->init_unique, 0, __ATOMIC_RELAXED);
		return head.error ? writev(fd, iov, count) :
				    write_init(fd, iov, count);
	}
	n = writev(fd, iov, count);
	if (n < 0 && errno == EFAULT && head.unique)
		return write_fault(fd, &head);
	return n;
}

void daxfs_session_reply(struct daxfs_session *s, uint64_t unique,
			 const void *arg, size_t len)
{
	struct fuse_out_header head = { .unique = unique };
	struct iovec iov[2] = { { &head, sizeof(head) },
				{ (void *)(uintptr_t)arg, len } };

	/* Who asked may be gone (ENOENT), or the mount: nobody is to be told. */
	head.len = (uint32_t)(sizeof(head) + len);
	if (hook_writev(fuse_session_fd(s->se), iov, 2, NULL) < 0)
		return;
}

void daxfs_session_want(struct fuse_conn_info *conn)
{
	const unsigned int want = FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
		FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
		FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_PARALLEL_DIROPS;

	conn->want |= conn->capable & want;
	conn->want &= ~(unsigned int)FUSE_CAP_WRITEBACK_CACHE;
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND * 3 / 4;
	/* max_write is 1 MiB by default, and reads are of up to as much. */
}

int daxfs_session_open(struct daxfs_session *s, struct fuse_args *args,
		       const struct fuse_lowlevel_ops *ops, void *userdata,
		       const char *mountpoint)
{
	static const struct fuse_custom_io io = { .writev = hook_writev,
						  .read = hook_read };

	current = s;
	s->se = fuse_session_new(args, ops, sizeof(*ops), userdata);
	if (!s->se)
		return -EINVAL;
	if (fuse_session_mount(s->se, mountpoint)) {
		fuse_session_destroy(s->se);
		s->se = NULL;
		return -EIO;
	}
	/* The descriptor is the one that mounting gave. */
	if (fuse_session_custom_io(s->se, &io, fuse_session_fd(s->se))) {
		daxfs_session_close(s);
		return -EIO;
	}
	return 0;
}

/* ---- signals ---- */

static void wake(int sig)
{
	(void)sig;
}

/* What the caller ignores stays ignored (nohup), but for SIGTERM. */
static void ending_signals(sigset_t *set)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGQUIT };
	struct sigaction sa;
	size_t i;

	sigemptyset(set);
	sigaddset(set, SIGTERM);
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (!sigaction(ending[i], NULL, &sa) && sa.sa_handler != SIG_IGN)
			sigaddset(set, ending[i]);
}

void daxfs_session_block(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	ending_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

/* fuse_session_loop_mt() sleeps on a semaphore: a signal alone ends that. */
static void end_loop(struct daxfs_session *s)
{
	struct timespec t = { .tv_nsec = 10 * 1000 * 1000 };

	fuse_session_exit(s->se);
	while (!__atomic_load_n(&s->done, __ATOMIC_ACQUIRE)) {
		pthread_kill(s->main_thread, SIGUSR2);
		nanosleep(&t, NULL);
	}
}

static void *wait_signal(void *arg)
{
	struct daxfs_session *s = arg;
	sigset_t set;
	int sig;

	ending_signals(&set);
	while (sigwait(&set, &sig))
		;
	if (__atomic_load_n(&s->done, __ATOMIC_ACQUIRE))
		return NULL;
	if (s->stopping)
		s->stopping(s->arg);
	end_loop(s);
	return NULL;
}

static int serve(struct daxfs_session *s)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, s->max_threads);
	fuse_loop_cfg_set_idle_threads(config, s->max_threads);
	r = fuse_session_loop_mt(s->se, config);
	fuse_loop_cfg_destroy(config);
	return r < 0 ? r : 0;
}

int daxfs_session_serve(struct daxfs_session *s)
{
	struct sigaction sa = { .sa_handler = wake };
	int r;

	sigaction(SIGUSR2, &sa, NULL);
	s->main_thread = pthread_self();
	r = pthread_create(&s->signal_thread, NULL, wait_signal, s);
	if (r)
		return -r;
	r = serve(s);
	__atomic_store_n(&s->done, 1, __ATOMIC_RELEASE);
	pthread_kill(s->signal_thread, SIGTERM);
	pthread_join(s->signal_thread, NULL);
	return r;
}

void daxfs_session_close(struct daxfs_session *s)
{
	if (!s->se)
		return;
	fuse_session_unmount(s->se);
	fuse_session_destroy(s->se);
	s->se = NULL;
}
