// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel does with mapped memory beside loads and stores, on each kind
 * of mapping of files in a folder.
 *
 * Notes: most of it goes through get_user_pages(), which finds a struct page
 * or has to fail; a wrong kind of page-table entry makes the kernel look at
 * struct pages that are not there. Each use gets a mapping of its own, once
 * fresh and once with entries. What is expected follows from the kind of mapping
 * and from PAGES: whether the memory of the file system has struct pages. A use
 * that breaks the content is told as EILSEQ. Root, in a guest: it changes
 * where core dumps go.
 *
 * usage: map_uses DIR BLOCK-DEVICE PAGES; DIR has the file "base" of 6 MiB, whose
 * page N is full of the byte N % 251 + 1. Exit: 0, 1 something failed, 2 usage.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096u
#define MIB		(1u << 20)
#define READ_AT		(1u * PAGE)	/* what uses look at, ... */
#define WRITE_AT	(3u * PAGE)	/* and change */
#define MARK		"changed"

enum content { SMALL, LARGE, HOLE, BASE, CUT, CONTENTS };
static const char *const content_name[] = { "small", "large", "hole", "base", "cut" };
static const size_t content_len[] = { 16 * PAGE, 6 * MIB, 4 * MIB, 6 * MIB, 4 * MIB };

struct area {			/* a mapping under test */
	enum content content;
	int prot, flags;
	int fd;
	char *p;
	size_t len;
};

static const char *dir;
static int device;		/* opened for direct I/O */
static int have_pages;
static char *buf;		/* of one page, aligned */
static unsigned int passed, failed;

/* ---- what is there ---- */

static int is_private(const struct area *a)
{
	return a->flags & MAP_PRIVATE;
}

static int is_writable(const struct area *a)
{
	return a->prot & PROT_WRITE;
}

/* The byte that page off / PAGE of the file is full of. */
static char byte_of(const struct area *a, size_t off)
{
	return a->content == HOLE ? 0 : (char)(off / PAGE % 251 + 1);
}

/* It is all that byte, or there is what a use has written. */
static int is_right(const struct area *a, const char *page, size_t off)
{
	char want = byte_of(a, off);
	size_t i = memcmp(page, MARK, sizeof(MARK)) ? 0 : sizeof(MARK);

	while (i < PAGE && page[i] == want)
		i++;
	return i == PAGE;
}

static int checked(const struct area *a, const char *page, size_t off)
{
	return is_right(a, page, off) ? 0 : EILSEQ;
}

static int open_content(enum content c)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, content_name[c]);
	fd = open(path, O_RDWR | O_CREAT | (c == CUT ? O_TRUNC : 0), 0600);
	if (fd < 0)
		err(2, "%s", path);
	return fd;
}

/*
 * Most of the region is pages that were replaced before. They come back when nobody is
 * inside an operation for a moment, which on a busy machine has to be waited for.
 */
static void put_page(int fd, size_t off)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	ssize_t n;

	for (int i = 0; i < 10000; i++) {
		n = pwrite(fd, buf, PAGE, (off_t)off);
		if (n == PAGE)
			return;
		if (n >= 0 || errno != ENOSPC)
			break;
		nanosleep(&pause, NULL);
	}
	err(2, "writing a file in %s", dir);
}

static void fill(int fd, size_t len)
{
	for (size_t off = 0; off < len; off += PAGE) {
		memset(buf, (int)(off / PAGE % 251 + 1), PAGE);
		put_page(fd, off);
	}
}

static void make_contents(void)
{
	for (enum content c = 0; c < CONTENTS; c++) {
		int fd = open_content(c);

		if (c == HOLE && ftruncate(fd, (off_t)content_len[c]))
			err(2, "ftruncate");
		if (c == SMALL || c == LARGE)
			fill(fd, content_len[c]);
		close(fd);
	}
}

/* ---- mappings ---- */

/* At a multiple of 2 MiB, where entries of that size are possible. */
static void *place(size_t len)
{
	char *p = mmap(NULL, len + 2 * MIB, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = (char *)(((uintptr_t)p + 2 * MIB - 1) & ~(uintptr_t)(2 * MIB - 1));

	if (p == MAP_FAILED)
		err(2, "mmap");
	munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + 2 * MIB - at));
	return at;
}

static void map(struct area *a)
{
	a->len = content_len[a->content];
	a->fd = open_content(a->content);
	if (a->content == CUT)
		fill(a->fd, 2 * MIB);
	a->p = mmap(place(a->len), a->len, a->prot, a->flags | MAP_FIXED, a->fd, 0);
	if (a->p == MAP_FAILED)
		err(2, "mmap of %s", content_name[a->content]);
}

static void touch(const struct area *a)
{
	(void)*(volatile char *)(a->p + READ_AT);
	if (is_writable(a))
		*(volatile char *)(a->p + WRITE_AT + PAGE - 1) = byte_of(a, WRITE_AT);
}

/* ---- what is expected ---- */

static int always(const struct area *a)
{
	(void)a;
	return 0;
}

/* Reading by the kernel; the zero page has a struct page. */
static int read_wants(const struct area *a)
{
	if (a->content == CUT)
		return EFAULT;
	return have_pages || a->content == HOLE ? 0 : EFAULT;
}

/* A store makes private pages, which are ordinary memory. */
static int write_wants(const struct area *a)
{
	if (!is_writable(a) || a->content == CUT)
		return EFAULT;
	return is_private(a) || have_pages ? 0 : EFAULT;
}

/* Like a debugger, that writes to what is only read, as long as it is private. */
static int force_wants(const struct area *a)
{
	if (a->content == CUT || (!is_private(a) && write_wants(a)))
		return EIO;
	return 0;
}

static int peek_wants(const struct area *a)
{
	return read_wants(a) ? EIO : 0;
}

/* A shared futex needs a page that knows what it is part of, or a private one. */
static int futex_wants(const struct area *a)
{
	return is_private(a) && is_writable(a) && a->content != CUT ? EAGAIN : EFAULT;
}

static int local_futex_wants(const struct area *a)
{
	return a->content == CUT ? EFAULT : EAGAIN;
}

static int copy_wants(const struct area *a)
{
	return a->content == CUT ? EFAULT : 0;
}

/* Of a file that is empty by then nothing comes, so nothing is wrong. */
static int copy_to_wants(const struct area *a)
{
	return a->content != CUT && !is_writable(a) ? EFAULT : 0;
}

static int populate_wants(const struct area *a)
{
	return a->content == CUT ? EFAULT : 0;
}

static int populate_write_wants(const struct area *a)
{
	if (!is_writable(a))
		return EINVAL;
	return a->content == CUT ? EFAULT : 0;
}

static int lock_wants(const struct area *a)
{
	return a->content == CUT ? ENOMEM : 0;
}

/* ---- futexes ---- */

static int futex(void *at, int op)
{
	struct timespec soon = { .tv_nsec = 1000000 };

	return syscall(SYS_futex, at, op, 0x12345678, &soon, NULL, 0) ? errno : 0;
}

static int use_futex(struct area *a)
{
	return futex(a->p + WRITE_AT, FUTEX_WAIT);
}

static int use_futex_private(struct area *a)
{
	return futex(a->p + READ_AT, FUTEX_WAIT_PRIVATE);
}

/* ---- other processes' memory ---- */

static int use_readv(struct area *a)
{
	struct iovec to = { buf, PAGE }, from = { a->p + READ_AT, PAGE };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != PAGE)
		return errno;
	return checked(a, buf, READ_AT);
}

static int wrote(const struct area *a)
{
	return memcmp(a->p + WRITE_AT, MARK, sizeof(MARK)) ? EILSEQ : 0;
}

static int use_writev(struct area *a)
{
	struct iovec from = { (void *)(uintptr_t)MARK, sizeof(MARK) };
	struct iovec to = { a->p + WRITE_AT, sizeof(MARK) };

	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) != sizeof(MARK))
		return errno;
	return wrote(a);
}

static int proc_mem(void)
{
	int fd = open("/proc/self/mem", O_RDWR);

	if (fd < 0)
		err(2, "/proc/self/mem");
	return fd;
}

static int use_peek(struct area *a)
{
	int fd = proc_mem();
	ssize_t n = pread(fd, buf, PAGE, (off_t)(uintptr_t)(a->p + READ_AT));
	int e = errno;

	close(fd);
	return n == PAGE ? checked(a, buf, READ_AT) : e;
}

static int use_poke(struct area *a)
{
	int fd = proc_mem();
	ssize_t n = pwrite(fd, MARK, sizeof(MARK), (off_t)(uintptr_t)(a->p + WRITE_AT));
	int e = errno;

	close(fd);
	return n == sizeof(MARK) ? wrote(a) : e;
}

/* ---- direct I/O of another device ---- */

static int use_direct_write(struct area *a)
{
	if (pwrite(device, a->p + READ_AT, PAGE, 0) != PAGE)
		return errno;
	if (pread(device, buf, PAGE, 0) != PAGE)
		err(2, "reading the device");
	return checked(a, buf, READ_AT);
}

static int use_direct_read(struct area *a)
{
	memset(buf, byte_of(a, WRITE_AT), PAGE);
	memcpy(buf, MARK, sizeof(MARK));
	if (pwrite(device, buf, PAGE, PAGE) != PAGE)
		err(2, "writing the device");
	if (pread(device, a->p + WRITE_AT, PAGE, PAGE) != PAGE)
		return errno;
	return wrote(a);
}

/* ---- pipes, and ordinary copies ---- */

static int use_vmsplice(struct area *a)
{
	struct iovec from = { a->p + READ_AT, PAGE };
	int fd[2], r = 0;

	if (pipe(fd))
		err(2, "pipe");
	if (vmsplice(fd[1], &from, 1, 0) != PAGE)
		r = errno;
	munmap(a->p, a->len);
	if (!r)
		r = read(fd[0], buf, PAGE) == PAGE ? checked(a, buf, READ_AT) : EIO;
	close(fd[0]);
	close(fd[1]);
	return r;
}

/*
 * To the file that it is a mapping of: what is there anyway. A page of the base
 * image is to stay one, so what is written is behind the first 2 MiB.
 */
static int use_write(struct area *a)
{
	off_t to = READ_AT + (a->content == BASE ? 3 * 251 * PAGE : 0);

	if (pwrite(a->fd, a->p + READ_AT, PAGE, to) != PAGE)
		return errno;
	return checked(a, a->p + READ_AT, READ_AT);
}

static int use_read(struct area *a)
{
	ssize_t n = pread(a->fd, a->p + WRITE_AT, PAGE, READ_AT);

	if (n <= 0)
		return n < 0 ? errno : 0;
	return memcmp(a->p + WRITE_AT, a->p + READ_AT, PAGE) ? EILSEQ : 0;
}

/* ---- changes of the mapping ---- */

/* Where a store goes depends on the kind; where none may go the child is killed. */
static int use_fork(struct area *a)
{
	int status, want, seen;
	pid_t pid = fork();

	if (!pid) {
		memcpy(a->p + WRITE_AT, "a child", 8);
		_exit(memcmp(a->p + WRITE_AT, "a child", 8) ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(2, "fork");
	want = a->content == CUT ? SIGBUS : 0;
	if (!is_writable(a))
		want = SIGSEGV;
	if (status != want)
		return ECHILD;
	if (want)
		return 0;
	seen = !memcmp(a->p + WRITE_AT, "a child", 8);
	return seen == !is_private(a) ? 0 : EILSEQ;
}

static int still_right(const struct area *a)
{
	return a->content == CUT ? 0 : checked(a, a->p + READ_AT, READ_AT);
}

static int use_mremap(struct area *a)
{
	char *to = place(a->len), *p;

	p = mremap(a->p, a->len, a->len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (p == MAP_FAILED)
		return errno;
	a->p = p;
	if (still_right(a))
		return EILSEQ;
	if (mremap(a->p, a->len, 2 * PAGE, 0) == MAP_FAILED)
		return errno;
	a->len = 2 * PAGE;
	return still_right(a);
}

/* A part of what may be one large entry. */
static int use_mprotect(struct area *a)
{
	if (mprotect(a->p + 8 * PAGE, PAGE, PROT_NONE) || still_right(a) ||
	    mprotect(a->p + 8 * PAGE, PAGE, a->prot) ||
	    mprotect(a->p, a->len, PROT_READ) || still_right(a) ||
	    mprotect(a->p, a->len, a->prot))
		return errno ? errno : EILSEQ;
	return still_right(a);
}

static int use_munmap(struct area *a)
{
	if (munmap(a->p + 4 * PAGE, PAGE))
		return errno;
	return still_right(a);
}

static int use_lock(struct area *a)
{
	int r = mlock(a->p, a->len) ? errno : 0;

	if (!r)
		r = still_right(a);
	munlock(a->p, a->len);
	return r;
}

/* ---- advice ---- */

/* Whether it is taken is the kernel's business; the content stays. */
static int use_advice(struct area *a)
{
	static const int advice[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_COLD,
		MADV_PAGEOUT, MADV_FREE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
		MADV_UNMERGEABLE, MADV_HUGEPAGE, 25 /* MADV_COLLAPSE */,
		MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK,
		MADV_KEEPONFORK, MADV_DONTNEED,
	};

	for (size_t i = 0; i < sizeof(advice) / sizeof(*advice); i++) {
		madvise(a->p, a->len, advice[i]);
		if (still_right(a))
			return EILSEQ;
		if (a->content != CUT)
			touch(a);
	}
	return 0;
}

static int use_populate(struct area *a)
{
	return madvise(a->p, a->len, MADV_POPULATE_READ) ? errno : still_right(a);
}

static int use_populate_write(struct area *a)
{
	return madvise(a->p, 16 * PAGE, MADV_POPULATE_WRITE) ? errno : still_right(a);
}

/* ---- what the kernel tells about it ---- */

static void read_proc(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && read(fd, buf, PAGE) > 0)
		;
	close(fd);
}

static void write_proc(const char *name, const char *digit)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || (write(fd, digit, 1) != 1 && errno != EINVAL))
		err(2, "%s", path);
	close(fd);
}

static void read_pagemap(const struct area *a)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);

	for (size_t i = 0; i < a->len / PAGE; i += PAGE / 8)
		if (pread(fd, buf, PAGE, (off_t)((uintptr_t)a->p / PAGE + i) * 8) <= 0)
			break;
	close(fd);
}

static int use_looks(struct area *a)
{
	unsigned char seen[6 * MIB / PAGE];
	void *page[2] = { a->p + READ_AT, a->p + WRITE_AT };
	unsigned long node = 1;
	int status[2];

	read_proc("smaps");
	read_proc("smaps_rollup");
	read_proc("numa_maps");
	read_pagemap(a);
	mincore(a->p, a->len, seen);
	syscall(SYS_move_pages, 0, 2, page, NULL, status, 0);
	syscall(SYS_mbind, a->p, a->len, 2 /* MPOL_BIND */, &node, 2, 3 /* and move */);
	msync(a->p, a->len, MS_SYNC);
	for (const char *what = "14"; *what; what++)	/* referenced, soft-dirty */
		write_proc("clear_refs", what);
	return still_right(a);
}

/* With all that is mapped in it. */
static int use_core_dump(struct area *a)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = open("/proc/self/coredump_filter", O_WRONLY);

		if (fd < 0 || write(fd, "0x1ff", 5) != 5 || setrlimit(RLIMIT_CORE, &all))
			_exit(1);
		abort();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(2, "fork");
	unlink("/tmp/core");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !WCOREDUMP(status))
		return ECHILD;
	return still_right(a);
}

/* ---- all of them ---- */

static const struct use {
	const char *name;
	int (*run)(struct area *a);
	int (*wants)(const struct area *a);
} uses[] = {
	{ "futex", use_futex, futex_wants },
	{ "futex of a process", use_futex_private, local_futex_wants },
	{ "process_vm_readv", use_readv, read_wants },
	{ "process_vm_writev", use_writev, write_wants },
	{ "/proc/self/mem read", use_peek, peek_wants },
	{ "/proc/self/mem write", use_poke, force_wants },
	{ "direct write from it", use_direct_write, read_wants },
	{ "direct read to it", use_direct_read, write_wants },
	{ "vmsplice", use_vmsplice, read_wants },
	{ "write to its own file", use_write, copy_wants },
	{ "read from its own file", use_read, copy_to_wants },
	{ "fork", use_fork, always },
	{ "mremap", use_mremap, always },
	{ "mprotect", use_mprotect, always },
	{ "munmap of a part", use_munmap, always },
	{ "mlock", use_lock, lock_wants },
	{ "advice", use_advice, always },
	{ "MADV_POPULATE_READ", use_populate, populate_wants },
	{ "MADV_POPULATE_WRITE", use_populate_write, populate_write_wants },
	{ "what /proc tells", use_looks, always },
	{ "a core dump", use_core_dump, always },
};

static const char *name_of(int e)
{
	return e ? strerrorname_np(e) : "success";
}

static void result(const struct area *a, int touched, const char *name, int have,
		   int want)
{
	/* Which of the two the kernel says of such entries depends on the way. */
	if (!have_pages && want == EFAULT && have == EEXIST)
		have = EFAULT;
	if (have == want) {
		passed++;
		return;
	}
	failed++;
	printf("not ok %s %s %s%s: %s: %s, not %s\n", content_name[a->content],
	       is_private(a) ? "private" : "shared",
	       is_writable(a) ? "writable" : "read-only", touched ? ", touched" : "",
	       name, name_of(have), name_of(want));
}

static void restore(const struct area *a)
{
	memset(buf, byte_of(a, WRITE_AT), PAGE);
	if (!is_private(a) && is_writable(a) && a->content != CUT &&
	    a->content != HOLE && pwrite(a->fd, buf, PAGE, WRITE_AT) != PAGE)
		err(2, "pwrite");
	if (a->content == HOLE &&
	    fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)content_len[HOLE]))
		err(2, "fallocate");
}

static void try_one(struct area a, const struct use *use, int touched)
{
	int have;

	map(&a);
	if (touched)
		touch(&a);
	if (a.content == CUT && ftruncate(a.fd, 0))
		err(2, "ftruncate");
	errno = 0;
	have = use->run(&a);
	result(&a, touched, use->name, have, use->wants(&a));
	munmap(a.p, content_len[a.content]);
	restore(&a);
	close(a.fd);
}

static void try_all(struct area a)
{
	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++)
		for (int touched = 0; touched < 2; touched++)
			try_one(a, &uses[i], touched);
}

/* ---- pages that are in use when they leave their file ---- */

/* All the room there is, in small files. */
static void fill_up(void)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/filling", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(buf, 0xee, PAGE);
	while (fd >= 0 && write(fd, buf, PAGE) == PAGE)
		;
	close(fd);
	unlink(path);
}

/* A pipe has a page of a file that is removed: it keeps what it had. */
static void try_pinned(void)
{
	struct area a = { .content = CUT, .prot = PROT_READ, .flags = MAP_SHARED };
	struct iovec from;
	int fd[2], have = 0;

	map(&a);
	from = (struct iovec){ a.p + READ_AT, PAGE };
	if (pipe(fd) || vmsplice(fd[1], &from, 1, 0) != PAGE)
		err(2, "vmsplice");
	munmap(a.p, a.len);
	if (ftruncate(a.fd, 0))
		err(2, "ftruncate");
	close(a.fd);
	for (int i = 0; i < 3; i++) {
		usleep(300000);		/* a few looks of the keeper */
		fill_up();
	}
	if (read(fd[0], buf, PAGE) != PAGE || !is_right(&a, buf, READ_AT))
		have = EILSEQ;
	result(&a, 1, "a page in a pipe when the file is full of others", have, 0);
	close(fd[0]);
	close(fd[1]);
}

static void arguments(char **argv)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY);

	dir = argv[1];
	device = open(argv[2], O_RDWR | O_DIRECT);
	if (device < 0)
		err(2, "%s", argv[2]);
	have_pages = atoi(argv[3]);
	if (fd < 0 || write(fd, "/tmp/core", 9) != 9)
		err(2, "core_pattern");
	close(fd);
	buf = aligned_alloc(PAGE, PAGE);
	if (!buf)
		err(2, "memory");
}

int main(int argc, char **argv)
{
	static const int prot[] = { PROT_READ, PROT_READ | PROT_WRITE };
	/* Stores to shared ones come last: they change what the files consist of. */
	static const int flags[] = { MAP_PRIVATE, MAP_SHARED };

	if (argc != 4)
		errx(2, "usage: map_uses DIR BLOCK-DEVICE PAGES");
	arguments(argv);
	make_contents();
	for (int i = 0; i < CONTENTS * 4; i++)
		try_all((struct area){ .content = (enum content)(i / 4),
			.prot = prot[i & 1], .flags = flags[i >> 1 & 1] });
	if (have_pages)
		try_pinned();
	printf("%u uses of mappings as expected, %u not\n", passed, failed);
	return failed != 0;
}
