// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Is a file what it should be when it is read through mappings?
 *
 * Notes: by several threads, each page in an order of its own, so that of a file
 * whose content is brought in page by page many are wanted at once, and all again and
 * again. Then through a private mapping that is stored to, which must leave the file as
 * it is. -w: through a shared one, too, which changes a byte of each 16th page; SOURCE
 * is then what the file was, and stays. COMMAND is run by the shell while all of it is
 * mapped and has been read. Exit: 0, 1 it is not, or COMMAND failed, 2 usage.
 *
 * usage: map_compare [-w] FILE SOURCE [COMMAND]
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE		4096u
#define THREADS		4u
#define STEP		16u	/* pages between those that are stored to */
#define MARK		0x5a

static const char *source;	/* what FILE should be */
static size_t len, pages;

static void *map(const char *path, int flags, int prot)
{
	int fd = open(path, prot & PROT_WRITE && flags & MAP_SHARED ? O_RDWR : O_RDONLY);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	if (source && (size_t)st.st_size != len)
		errx(1, "%s: has %zu bytes, not %zu", path, (size_t)st.st_size, len);
	len = (size_t)st.st_size;
	pages = (len + PAGE - 1) / PAGE;
	p = mmap(NULL, len, prot, flags, fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s: mmap", path);
	close(fd);
	return p;
}

static size_t bytes_of(size_t page)
{
	return page + 1 < pages ? PAGE : len - page * PAGE;
}

/* ---- reading ---- */

struct reader {
	pthread_t thread;
	const char *p;
	size_t first, step;	/* order: first, first + step, ... */
	size_t wrong;
};

static void *read_pages(void *arg)
{
	struct reader *rd = arg;

	for (size_t i = 0, n = rd->first; i < pages; i++, n = (n + rd->step) % pages)
		if (memcmp(rd->p + n * PAGE, source + n * PAGE, bytes_of(n)))
			rd->wrong++;
	return NULL;
}

/* A step that meets each page: it has no divisor in common with their number. */
static size_t step_from(size_t step)
{
	for (size_t a = pages, b = step % pages, c; b || a != 1; ) {
		if (!b) {
			a = pages;
			b = ++step % pages;
			continue;
		}
		c = a % b;
		a = b;
		b = c;
	}
	return step;
}

static void compare(const char *p)
{
	struct reader rd[THREADS];
	size_t wrong = 0;

	for (size_t i = 0; i < THREADS; i++) {
		rd[i] = (struct reader){ .p = p, .first = i * pages / THREADS,
					 .step = pages < 2 ? 1 : step_from(i * 37 + 1) };
		if (pthread_create(&rd[i].thread, NULL, read_pages, &rd[i]))
			errx(1, "no thread");
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(rd[i].thread, NULL);
		wrong += rd[i].wrong;
	}
	if (wrong)
		errx(1, "%zu of %zu pages read differ", wrong, THREADS * pages);
}

/* ---- storing ---- */

static void store(char *p)
{
	for (size_t i = 0; i < pages; i += STEP)
		p[i * PAGE] = MARK;
	for (size_t i = 0; i < pages; i++) {
		size_t own = i % STEP == 0;

		if (memcmp(p + i * PAGE + own, source + i * PAGE + own,
			   bytes_of(i) - own) || (own && p[i * PAGE] != MARK))
			errx(1, "page %zu differs after stores", i);
	}
}

int main(int argc, char **argv)
{
	int write = argc > 1 && !strcmp(argv[1], "-w");
	char *p;

	argv += write;
	argc -= write;
	if (argc < 3 || argc > 4)
		errx(2, "usage: map_compare [-w] FILE SOURCE [COMMAND]");
	source = map(argv[2], MAP_PRIVATE, PROT_READ);
	p = map(argv[1], MAP_SHARED, PROT_READ);
	compare(p);
	if (argc == 4 && system(argv[3]))
		errx(1, "%s: failed", argv[3]);
	store(map(argv[1], MAP_PRIVATE, PROT_READ | PROT_WRITE));
	compare(p);
	if (write)
		store(map(argv[1], MAP_SHARED, PROT_READ | PROT_WRITE));
	return 0;
}
