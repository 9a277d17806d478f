// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Flip bits of a region file: some, or for some time while others use it.
 *
 * Notes: most of a region is zero, and most flips are in words that are not.
 * The same seed flips the same bits of the same file, at rest. Exit: 0, 2 usage.
 *
 * usage: region_flip FILE SEED COUNT [SECONDS]
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_WORDS	512u

static uint64_t *word, words, state;

static uint64_t next(void)
{
	state += 0x9e3779b97f4a7c15ull;
	uint64_t z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;

	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void map(const char *path)
{
	int fd = open(path, O_RDWR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", path);
	words = (uint64_t)st.st_size / 8;
	word = mmap(NULL, words * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (word == MAP_FAILED || !words)
		err(2, "%s: mmap", path);
	close(fd);
}

/*
 * A word with something in it, in nine of ten cases, if there is one in the next
 * page. Seldom one of the superblock, which nothing gets beyond.
 */
static uint64_t choose(void)
{
	uint64_t at = next() % words, i;

	if (at < PAGE_WORDS && next() % 16)
		at = words / 2;
	if (next() % 10 == 0)
		return at;
	for (i = at; i < at + PAGE_WORDS && i < words; i++)
		if (word[i])
			return i;
	return at;
}

static void flip(unsigned long count)
{
	while (count--)
		__atomic_fetch_xor(&word[choose()], 1ull << next() % 64, __ATOMIC_RELAXED);
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	time_t end = time(NULL);
	unsigned long count;

	if (argc < 4 || argc > 5)
		errx(2, "usage: region_flip FILE SEED COUNT [SECONDS]");
	map(argv[1]);
	state = strtoull(argv[2], NULL, 0);
	count = strtoul(argv[3], NULL, 0);
	if (argc == 4) {
		flip(count);
		return 0;
	}
	for (end += atoi(argv[4]); time(NULL) < end; nanosleep(&pause, NULL))
		flip(count);
	return 0;
}
