// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Mappings of one file on both sides.
 *
 * Notes: two kernels map the same memory, so a store is seen by the next load
 * of the other side, and compare and swap counts exactly. What one side takes
 * out of a file the other may see for a moment; then it is gone for it, too, and
 * only after that may the memory belong to another file.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE	4096
#define PAGES	64
#define LOST_MS	200		/* till a page that was cut off is gone */

static sigjmp_buf fault;

static void on_fault(int nr)
{
	(void)nr;
	siglongjmp(fault, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_handler = on_fault };

	sigaction(SIGBUS, &sa, NULL);
}

/* The byte there, or -1 if there is none. */
static int look(const volatile char *at)
{
	if (sigsetjmp(fault, 1))
		return -1;
	return (unsigned char)*at;
}

static char *map(int fd, int prot, size_t pages)
{
	char *mem = mmap(NULL, pages * PAGE, prot, MAP_SHARED, fd, 0);

	CHECK(mem != MAP_FAILED);
	return mem;
}

/* A file of so many pages without content, open on both sides. */
static int both_open(const char *name, size_t pages)
{
	int fd;

	if (pair_on(0)) {
		fd = pair_open(name, O_CREAT | O_RDWR);
		CHECK(!ftruncate(fd, (off_t)(pages * PAGE)) && !close(fd));
	}
	pair_meet();
	fd = pair_open(name, O_RDWR);
	pair_meet();
	return fd;
}

/* ---- stores ---- */

static void stores(void)
{
	int fd = both_open("stores", 4);
	volatile uint64_t *mem = (void *)map(fd, PROT_READ | PROT_WRITE, 4);
	uint64_t i, v;

	for (i = 1; i < 200; i++) {
		volatile uint64_t *at = mem + i * 67 % 2048;

		if (pair_on(i % 2))
			*at = i;
		if (pair_on(!(i % 2))) {
			CHECK(*at == i);
			CHECK(pread(fd, &v, 8, (char *)at - (char *)mem) == 8);
			CHECK(v == i);
		}
	}
	munmap((void *)mem, 4 * PAGE);
	close(fd);
}

/*
 * A store on one side, through a mapping, and a read(2) on the other, where the file
 * is opened when it is mapped: what a FUSE mount had open before shows stores later.
 */
static void stored_read(void)
{
	int fd = both_open("stored", 4);
	uint64_t i, v, at;
	char *mem = NULL;

	if (pair_on(0))
		mem = map(fd, PROT_READ | PROT_WRITE, 4);
	if (pair_on(1)) {
		close(fd);
		fd = pair_open("stored", O_RDWR);
	}
	for (i = 1; i < 100; i++) {
		at = i * 67 % 2048 * 8;
		if (pair_on(0))
			*(volatile uint64_t *)(mem + at) = i;
		if (pair_on(1)) {
			CHECK(pread(fd, &v, 8, (off_t)at) == 8);
			if (v != i)
				FAIL("store %u reads as %u", (unsigned int)i,
				     (unsigned int)v);
			v = i + 1000;
			CHECK(pwrite(fd, &v, 8, (off_t)(at ^ 8)) == 8);
		}
		/* In place, or in a new page, which the keeper then finds. */
		if (pair_on(0)) {
			double end = pair_now_ms() + 10000;

			while (*(volatile uint64_t *)(mem + (at ^ 8)) != i + 1000 &&
			       pair_now_ms() < end)
				pair_nap_ms(1);
			CHECK(*(volatile uint64_t *)(mem + (at ^ 8)) == i + 1000);
		}
	}
	if (mem)
		munmap(mem, 4 * PAGE);
	close(fd);
}

/* ---- counting ---- */

#define ADDS	500000u

static void add(volatile uint64_t *at, uint64_t nr)
{
	uint64_t v;

	while (nr--) {
		v = *at;
		while (!__atomic_compare_exchange_n(at, &v, v + 1, 0,
						    __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST))
			;
	}
}

static void counter(void)
{
	int fd = both_open("counter", 1);
	volatile uint64_t *mem = (void *)map(fd, PROT_READ | PROT_WRITE, 1);

	pair_meet();
	add(mem, ADDS);
	pair_meet();
	if (*mem != 2 * ADDS)
		FAIL("%llu instead of %u", (unsigned long long)*mem, 2 * ADDS);
	munmap((void *)mem, PAGE);
	close(fd);
}

/* Both meet in pages that are not there: each gets one page, for both. */
static void counters_in_holes(void)
{
	int fd = both_open("holes", PAGES);
	char *mem = map(fd, PROT_READ | PROT_WRITE, PAGES);
	uint64_t i, v;

	for (i = 0; i < PAGES; i++) {
		if (i % 4 == 1)		/* a page of zeros is there to be replaced */
			look(mem + i * PAGE);
		pair_meet();
		add((void *)(mem + i * PAGE + 24), 2000);
	}
	pair_meet();
	for (i = 0; i < PAGES; i++) {
		v = *(volatile uint64_t *)(mem + i * PAGE + 24);
		if (v != 4000)
			FAIL("page %d: %llu instead of 4000", (int)i,
			     (unsigned long long)v);
		CHECK(pread(fd, &v, 8, (off_t)(i * PAGE + 24)) == 8 && v == 4000);
	}
	munmap(mem, PAGES * PAGE);
	close(fd);
}

/* ---- taking away ---- */

/* Fill all there is: what was given back and may be used again is used. */
static int fill(void)
{
	static char buf[1 << 16];
	int fd = pair_open("fill", O_CREAT | O_TRUNC | O_WRONLY);

	memset(buf, 'Z', sizeof(buf));
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	CHECK(errno == ENOSPC);
	return fd;
}

/*
 * All pages until each is gone: as it was, or a fault, nothing else. Ms since
 * the call began.
 */
static double until_gone(const volatile char *mem, int letter)
{
	double start = pair_now_ms(), end = start + 30000;
	int i, c, left = PAGES;

	while (left && pair_now_ms() < end) {
		for (i = left = 0; i < PAGES; i++) {
			c = look(mem + i * PAGE + 100);
			if (c >= 0 && c != letter)
				FAIL("page %d has %#x of another file", i,
				     (unsigned int)c);
			left += c >= 0;
		}
	}
	if (left)
		FAIL("%d pages are still there", left);
	return pair_now_ms() - start;
}

static void write_letters(int fd, int letter)
{
	static char buf[PAGES * PAGE];

	memset(buf, letter, sizeof(buf));
	CHECK(pwrite(fd, buf, sizeof(buf), 0) == sizeof(buf));
}

/* The other side's keeper is what is measured: begun before the step is over. */
static double cut_off(const char *mem, int fd, int i, int store)
{
	int letter = 'a' + i % 20;
	double took = 0;

	if (pair_on(1))
		write_letters(fd, letter);
	if (pair_on(0)) {
		int k;

		for (k = 0; k < PAGES; k++) {
			double end = pair_now_ms() + 10000;

			while (look(mem + k * PAGE + 100) != letter &&
			       pair_now_ms() < end)
				pair_nap_ms(1);
			CHECK(look(mem + k * PAGE + 100) == letter);
			if (store)
				((volatile char *)mem)[k * PAGE + 100] = (char)letter;
		}
	}
	if (pair_on(1)) {
		if (i % 2)
			CHECK(!truncate("cut", 0));
		else
			close(pair_open("cut", O_WRONLY | O_TRUNC));
	}
	pair_meet();
	if (!pair_me)
		took = until_gone(mem, letter);
	else
		close(fill());
	pair_meet();
	if (pair_on(1))
		CHECK(!unlink("fill"));
	pair_meet();
	pair_room();
	return took;
}

static void cut(void)
{
	int fd = both_open("cut", PAGES), i, try, nr = 8, good = 0;
	char *mem = map(fd, PROT_READ | PROT_WRITE, PAGES);
	double took[8];

	catch_faults();
	for (try = 0; !good; try++) {
		for (i = 0; i < nr; i++)
			took[i] = cut_off(mem, fd, i, i % 4 < 2);
		if (pair_on(0))
			pair_value[0] = (uint64_t)pair_is_quick(took, nr, LOST_MS, try,
						"pages that were cut off are gone");
		pair_meet();
		good = (int)pair_value[0];
	}
	munmap(mem, PAGES * PAGE);
	close(fd);
}

/* A hole is punched: zeros then, at once or soon, and never another's bytes. */
static void punched(void)
{
	int fd = both_open("punch", PAGES), i, k, c;
	char *mem = map(fd, PROT_READ | PROT_WRITE, PAGES);
	double end;

	catch_faults();
	for (i = 0; i < 4; i++) {
		if (pair_on(1))
			write_letters(fd, 'p');
		if (pair_on(0))
			for (k = 0; k < PAGES; k++)
				look(mem + k * PAGE);
		if (pair_on(1))
			CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE |
					 FALLOC_FL_KEEP_SIZE, 0, PAGES * PAGE));
		pair_meet();
		end = pair_now_ms() + 30000;
		for (k = 0; !pair_me && k < PAGES; ) {
			c = look(mem + k * PAGE + 100);
			if (c == 0)
				k++;
			else if (c != 'p' || pair_now_ms() > end)
				FAIL("page %d has %#x", k, (unsigned int)c);
		}
		if (pair_me)
			close(fill());
		pair_meet();
		if (pair_on(1))
			CHECK(!unlink("fill"));
		pair_meet();
		pair_room();
	}
	munmap(mem, PAGES * PAGE);
	close(fd);
}

/* The name goes, the mapping has it until it goes. */
static void mapped_unlinked(void)
{
	int fd = both_open("unlinked", PAGES), k;
	char *mem = NULL;

	catch_faults();
	if (pair_on(0)) {
		write_letters(fd, 'm');
		mem = map(fd, PROT_READ | PROT_WRITE, PAGES);
		CHECK(look(mem) == 'm');
	}
	close(fd);
	if (pair_on(1)) {
		CHECK(!unlink("unlinked"));
		close(fill());
	}
	if (pair_on(0)) {
		for (k = 0; k < PAGES; k++)
			CHECK(look(mem + k * PAGE + 5) == 'm');
		mem[77] = 'n';
		CHECK(look(mem + 77) == 'n');
		munmap(mem, PAGES * PAGE);
	}
	if (pair_on(1))
		CHECK(!unlink("fill"));
	pair_meet();
	pair_room();
}

const struct pair_case pair_map_cases[] = {
	{ "stores", stores, 2 },
	{ "stored-read", stored_read, 1 },
	{ "counter", counter, 2 },
	{ "counters-in-holes", counters_in_holes, 2 },
	{ "cut", cut, 2 },
	{ "punched", punched, 2 },
	{ "mapped-unlinked", mapped_unlinked, 0 },
	{ NULL, NULL, 0 },
};
