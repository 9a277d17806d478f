// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cache_hits STATIC SPLIT FILE READS ROUNDS: what a hit of the page cache costs.
 *
 * Notes: STATIC is a region with FILE in it, SPLIT one in split mode whose cache holds
 * all of FILE. Both are read at the same random pages, of 4 KiB each, in slices of 500
 * reads that take turns; what a round says is the median of its slices, so that losing the
 * processor in some of them does not count. Prints a line for each round, nanoseconds for
 * a read: "CALL OURS PEER", by daxfs_fd_pread(); "PIN OURS PEER", by memcpy() from where
 * daxfs_pin_runs() has said the pages are; "RUNS OURS PEER", asking it for each page again.
 * A first pass of each, which brings pages and page tables in, is not measured.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <daxfs/daxfs.h>

#define PAGE		4096u
#define SLICE		500	/* reads */
#define SLICES_MAX	10000

struct side {
	struct daxfs_fd *fd;
	struct daxfs_pin *pin;
	const unsigned char **page;	/* where each is */
};

typedef void (*reader)(const struct side *s, off_t off);

static uint64_t pages;
static unsigned char buf[PAGE];

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "cache_hits: %s: %s\n", what, why);
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static off_t random_page(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (off_t)(*seed % pages * PAGE);
}

static void read_call(const struct side *s, off_t off)
{
	if (daxfs_fd_pread(s->fd, buf, PAGE, off) != PAGE)
		die("daxfs_fd_pread", "not a whole page");
}

static void copy_page(const unsigned char *from)
{
	memcpy(buf, from, PAGE);
	__asm__ volatile("" : : "r"(buf) : "memory");	/* it was wanted */
}

static const unsigned char *find(const struct side *s, off_t off)
{
	struct daxfs_pin_run run;

	if (daxfs_pin_runs(s->pin, (uint64_t)off, PAGE, &run, 1) != 1 ||
	    !run.ptr || run.len != PAGE)
		die("daxfs_pin_runs", "not a whole page");
	return run.ptr;
}

static void read_runs(const struct side *s, off_t off)
{
	copy_page(find(s, off));
}

static void read_pin(const struct side *s, off_t off)
{
	copy_page(s->page[(uint64_t)off / PAGE]);
}

static double slice(const struct side *s, reader one, uint64_t seed)
{
	double begun = now_ns();

	for (int i = 0; i < SLICE; i++)
		one(s, random_page(&seed));
	return (now_ns() - begun) / SLICE;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int nr)
{
	qsort(v, (size_t)nr, sizeof(*v), by_value);
	return v[nr / 2];
}

static void round_of(const char *name, const struct side *ours, const struct side *peer,
		     reader one, int slices)
{
	static uint64_t seed = 88172645463325252ull;
	static double a[SLICES_MAX], b[SLICES_MAX];

	for (int i = 0; i < slices; i++) {
		random_page(&seed);
		a[i] = slice(ours, one, seed);
		b[i] = slice(peer, one, seed);
	}
	printf("%s %.1f %.1f\n", name, median(a, slices), median(b, slices));
}

static void rounds_of(const char *name, const struct side *ours, const struct side *peer,
		      reader one, int slices, int rounds)
{
	for (uint64_t i = 0; i < pages; i++) {
		one(ours, (off_t)(i * PAGE));
		one(peer, (off_t)(i * PAGE));
	}
	for (int i = 0; i < rounds; i++)
		round_of(name, ours, peer, one, slices);
}

static void find_pages(struct side *s)
{
	s->page = calloc(pages, sizeof(*s->page));
	if (!s->page)
		die("pages", "no memory");
	for (uint64_t i = 0; i < pages; i++)
		s->page[i] = find(s, (off_t)(i * PAGE));
}

static void open_side(struct side *s, const char *region, const char *file)
{
	struct daxfs *fs;
	char why[256];
	int r;

	if (daxfs_fs_open(&fs, region, DAXFS_FS_RDONLY, why, sizeof(why)))
		die(region, why);
	r = daxfs_fd_open(fs, NULL, file, O_RDONLY, 0, &s->fd);
	if (!r)
		r = daxfs_pin_begin(s->fd, &s->pin);
	if (r)
		die(file, daxfs_fs_error(r));
}

int main(int argc, char **argv)
{
	int slices = argc == 6 ? atoi(argv[4]) / SLICE : 0;
	struct side ours, peer;
	struct stat st;

	if (slices < 1 || slices > SLICES_MAX) {
		fprintf(stderr, "usage: cache_hits STATIC SPLIT FILE READS ROUNDS\n");
		return 2;
	}
	open_side(&peer, argv[1], argv[3]);
	open_side(&ours, argv[2], argv[3]);
	if (daxfs_fd_stat(peer.fd, &st) || st.st_size < (off_t)PAGE)
		die(argv[3], "too short");
	pages = (uint64_t)st.st_size / PAGE;
	rounds_of("CALL", &ours, &peer, read_call, slices, atoi(argv[5]));
	find_pages(&ours);
	find_pages(&peer);
	rounds_of("PIN", &ours, &peer, read_pin, slices, atoi(argv[5]));
	rounds_of("RUNS", &ours, &peer, read_runs, slices, atoi(argv[5]));
	return 0;	/* all that is open ends with the process */
}
