/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text in shared memory, by mmap: of a file, /dev/mem or a device of memory.
 *
 * Notes: used on the host and in guests that share a file with it. What is
 * mapped are whole units of 2 MiB, as a devdax device wants it. Exit: 0 done,
 * 1 the text is not there (or came not in time), 2 usage, 3 no such memory.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define UNIT ((uint64_t)2 << 20)

static char *map(const char *path, uint64_t off, size_t len)
{
	uint64_t start = off & ~(UNIT - 1);
	uint64_t end = (off + len + UNIT - 1) & ~(UNIT - 1);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *mem;

	if (fd < 0)
		err(3, "%s", path);
	mem = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)start);
	if (mem == MAP_FAILED)
		err(3, "%s: cannot map %ju bytes at %#jx", path,
		    (uintmax_t)(end - start), (uintmax_t)start);
	close(fd);
	return mem + (off - start);
}

/* Also the compiler must look anew each time. */
static int is_there(const char *mem, const char *text, size_t len)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return memcmp(mem, text, len) == 0;
}

static int wait_for(const char *mem, const char *text, size_t len, long seconds)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	long i;

	for (i = 0; i < seconds * 100; i++) {
		if (is_there(mem, text, len))
			return 0;
		nanosleep(&pause, NULL);
	}
	warnx("'%s' did not come within %ld s", text, seconds);
	return 1;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (end == text || *end)
		errx(2, "'%s' is no number", text);
	return value;
}

int main(int argc, char **argv)
{
	size_t len;
	char *mem;

	if (argc < 5 || argc > 6)
		errx(2, "usage: shared_bytes put|get|wait FILE OFFSET TEXT [SECONDS]");
	len = strlen(argv[4]);
	mem = map(argv[2], number(argv[3]), len);
	if (strcmp(argv[1], "put") == 0) {
		memcpy(mem, argv[4], len);
		return 0;
	}
	if (strcmp(argv[1], "wait") == 0)
		return wait_for(mem, argv[4], len,
				argc == 6 ? (long)number(argv[5]) : 60);
	if (strcmp(argv[1], "get") != 0)
		errx(2, "put, get or wait, not '%s'", argv[1]);
	if (is_there(mem, argv[4], len))
		return 0;
	warnx("%s: '%.*s' at %s instead of '%s'", argv[2], (int)len, mem,
	      argv[3], argv[4]);
	return 1;
}
