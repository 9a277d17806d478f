// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where a page of a file lies in a backing file.
 *
 * usage: backing_page BACKING FILE PAGE
 *
 * Notes: looks for the bytes of that page at each page of BACKING, and prints the
 * number of the first that has them. Exit: 0 found, 1 not, 2 usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096

int main(int argc, char **argv)
{
	char want[PAGE], have[PAGE];
	FILE *backing = argc == 4 ? fopen(argv[1], "re") : NULL;
	FILE *file = argc == 4 ? fopen(argv[2], "re") : NULL;
	long i;

	if (argc != 4)
		return 2;
	if (!backing || !file || fseek(file, atol(argv[3]) * PAGE, SEEK_SET) ||
	    fread(want, PAGE, 1, file) != 1)
		return 1;
	for (i = 0; fread(have, PAGE, 1, backing) == 1; i++) {
		if (memcmp(want, have, PAGE))
			continue;
		printf("%ld\n", i);
		return 0;
	}
	return 1;
}
