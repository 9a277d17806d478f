// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Content: what one side wrote the other reads at its next call.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE	4096
#define ROUNDS	30

static void put(int fd, off_t at, const void *buf, size_t len)
{
	CHECK(pwrite(fd, buf, len, at) == (ssize_t)len);
}

static uint64_t get_number(int fd, off_t at)
{
	uint64_t v = 0;

	CHECK(pread(fd, &v, sizeof(v), at) == sizeof(v));
	return v;
}

/* ---- by turns ---- */

/* Same size, mtime as before, the file open all the time. */
static void overwrite(void)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { 1000000, 0 } };
	char page[PAGE] = "";
	uint64_t i;
	int fd;

	if (pair_on(0)) {
		fd = pair_open("f", O_CREAT | O_RDWR);
		for (i = 0; i < 4; i++)
			put(fd, (off_t)i * PAGE, page, PAGE);
		close(fd);
	}
	pair_meet();
	fd = pair_open("f", O_RDWR);
	for (i = 1; i < ROUNDS * 4; i++) {
		if (pair_on(i % 2)) {
			put(fd, PAGE + 8, &i, sizeof(i));
			CHECK(!futimens(fd, ts));
		}
		if (pair_on(!(i % 2)))
			CHECK(get_number(fd, PAGE + 8) == i);
	}
	close(fd);
}

/* Sizes: by append, truncate, O_TRUNC, write behind the end, fallocate. */
static void size_is(int fd, off_t size)
{
	struct stat st, by_name;

	CHECK(!fstat(fd, &st) && !stat("f", &by_name));
	if (st.st_size != size || by_name.st_size != size)
		FAIL("%lld and %lld bytes, and not %lld", (long long)st.st_size,
		     (long long)by_name.st_size, (long long)size);
	CHECK(lseek(fd, 0, SEEK_END) == size);
}

static void sizes_round(int fd, int a, int b, off_t i)
{
	char have[64];
	int other;

	if (pair_on(a))
		CHECK(!ftruncate(fd, i * 1000));
	if (pair_on(b)) {
		size_is(fd, i * 1000);
		other = pair_open("f", O_WRONLY | O_APPEND);
		CHECK(write(other, "end", 3) == 3 && !close(other));
	}
	if (pair_on(a)) {
		size_is(fd, i * 1000 + 3);
		CHECK(pread(fd, have, sizeof(have), i * 1000) == 3);
		CHECK(!memcmp(have, "end", 3));
		put(fd, i * 2000, "far", 3);
	}
	if (pair_on(b)) {
		size_is(fd, i * 2000 + 3);
		CHECK(!posix_fallocate(fd, i * 3000, 100));
	}
	if (pair_on(a)) {
		size_is(fd, i * 3000 + 100);
		CHECK(pread(fd, have, sizeof(have), i * 2000) == sizeof(have));
		CHECK(!memcmp(have, "far", 4));
		other = pair_open("f", O_WRONLY | O_TRUNC);
		CHECK(write(other, "x", 1) == 1 && !close(other));
	}
	if (pair_on(b)) {
		size_is(fd, 1);
		CHECK(pread(fd, have, sizeof(have), 0) == 1 && have[0] == 'x');
	}
}

static void sizes(void)
{
	int fd, i;

	if (pair_on(0))
		pair_write_file("f", "");
	pair_meet();
	fd = pair_open("f", O_RDWR);
	for (i = 1; i < ROUNDS; i++)
		sizes_round(fd, i % 2, !(i % 2), i);
	close(fd);
}

/* ---- both at once ---- */

#define RECORDS	2000
#define RECORD	22

static void count_records(void)
{
	int next[2] = { 0, 0 }, i, who, nr;
	FILE *f = fopen("log", "r");
	char line[64];

	CHECK(f);
	for (i = 0; fgets(line, sizeof(line), f); i++) {
		if (strlen(line) != RECORD ||
		    sscanf(line, "%d:%d:", &who, &nr) != 2 || who < 0 || who > 1)
			FAIL("line %d is broken: %s", i, line);
		if (nr != next[who]++)
			FAIL("line %d: record %d of %d is out of order", i, nr, who);
	}
	fclose(f);
	CHECK(i == 2 * RECORDS);
}

static void append(void)
{
	char text[RECORD + 1];
	int fd, i;

	if (pair_on(0))
		pair_write_file("log", "");
	pair_meet();
	fd = pair_open("log", O_WRONLY | O_APPEND);
	for (i = 0; i < RECORDS; i++) {
		snprintf(text, sizeof(text), "%d:%06d:............\n", pair_me, i);
		CHECK(write(fd, text, RECORD) == RECORD);
	}
	close(fd);
	pair_meet();
	count_records();
}

/* Neighbours in one page, in a hole first, then in place: no write is lost. */
static void neighbours(void)
{
	uint64_t i, own = (uint64_t)pair_me * 8;
	int fd;

	if (pair_on(0)) {
		fd = pair_open("slices", O_CREAT | O_RDWR);
		CHECK(!ftruncate(fd, 200 * PAGE) && !close(fd));
	}
	pair_meet();
	fd = pair_open("slices", O_RDWR);
	for (i = 0; i < 3000; i++) {
		off_t at = (off_t)(i % 200 * PAGE + own);
		uint64_t v = i + 1;

		put(fd, at, &v, sizeof(v));
		if (get_number(fd, at) != v)
			FAIL("round %llu: %llu", (unsigned long long)i,
			     (unsigned long long)get_number(fd, at));
	}
	pair_meet();
	for (i = 2800; i < 3000; i++)
		CHECK(get_number(fd, (off_t)(i % 200 * PAGE + 8 - own)) == i + 1);
	close(fd);
}

/* ---- without a name ---- */

/* Memory that was given back comes back soon, if everything is filled. */
static void fill_and_empty(void)
{
	static char buf[1 << 16];
	int fd = pair_open("fill", O_CREAT | O_TRUNC | O_WRONLY);

	memset(buf, 'Z', sizeof(buf));
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	CHECK(errno == ENOSPC);
	CHECK(!close(fd) && !unlink("fill"));
}

static void unlinked(void)
{
	char text[3 * PAGE], have[3 * PAGE];
	struct stat st, now;
	int fd = -1;

	memset(text, 'u', sizeof(text));
	if (pair_on(0)) {
		fd = pair_open("gone", O_CREAT | O_RDWR);
		put(fd, 0, text, sizeof(text));
	}
	if (pair_on(1)) {
		CHECK(!unlink("gone"));
		pair_write_file("gone", "another");
		fill_and_empty();
	}
	if (pair_on(0)) {
		pair_room();
		CHECK(pread(fd, have, sizeof(have), 0) == sizeof(have));
		CHECK(!memcmp(have, text, sizeof(text)));
		CHECK(!fstat(fd, &st) && !st.st_nlink);
		CHECK(!stat("gone", &now) && now.st_ino != st.st_ino);
		put(fd, sizeof(text), text, sizeof(text));
		CHECK(!fstat(fd, &st) && st.st_size == 2 * sizeof(text));
	}
	if (pair_on(1))
		fill_and_empty();
	if (pair_on(0)) {
		pair_room();
		CHECK(pread(fd, have, sizeof(have), sizeof(text)) == sizeof(have));
		CHECK(!memcmp(have, text, sizeof(text)));
		CHECK(!close(fd));
		pair_reads("gone", "another");
	}
}

/* The same by a rename over it, and by both: the last holder ends it. */
static void replaced_open(void)
{
	char have[16] = "";
	int fd;

	if (pair_on(0))
		pair_write_file("old", "old text");
	pair_meet();
	fd = pair_open("old", O_RDWR);
	pair_meet();
	if (pair_on(1)) {
		pair_write_file("new", "new text");
		CHECK(!rename("new", "old"));
		CHECK(!close(fd));
		fill_and_empty();
	}
	if (pair_on(0)) {
		CHECK(pread(fd, have, sizeof(have), 0) == 8);
		CHECK(!strcmp(have, "old text"));
		CHECK(!close(fd));
		pair_reads("old", "new text");
	}
	pair_meet();
	pair_room();
}

const struct pair_case pair_data_cases[] = {
	{ "overwrite", overwrite, 0 },
	{ "sizes", sizes, 0 },
	{ "append", append, 0 },
	{ "neighbours", neighbours, 0 },
	{ "unlinked", unlinked, 0 },
	{ "replaced-open", replaced_open, 0 },
	{ NULL, NULL, 0 },
};
