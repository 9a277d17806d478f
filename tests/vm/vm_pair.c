// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vm_pair: two hosts with a mount of one region each, step by step.
 *
 * Notes: see pair.h. The same arguments on both sides, but SIDE and DIR. CHANNEL
 * is memory that both have, at OFFSET, zeros at first and used once. KERNELS is
 * how many sides, side 0 first, are mounts by a kernel that knows no other memory
 * than the region's; the others are FUSE mounts. Exit: 0 all passed, 1 not, 2 usage.
 */
#include "pair.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct pair_case *const tables[] = {
	pair_name_cases, pair_stale_cases, pair_data_cases, pair_map_cases,
	pair_lock_cases,
};

static int is_wanted(const struct pair_case *c, int kernels, int argc, char **argv)
{
	int i;

	if (c->kernels > kernels)
		return 0;
	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], c->name))
			return 1;
	}
	return !argc;
}

int main(int argc, char **argv)
{
	const struct pair_case *c;
	int failed = 0;
	size_t i;

	argc--;
	argv++;
	if (argc < 5 || (strcmp(argv[0], "0") && strcmp(argv[0], "1"))) {
		fprintf(stderr,
			"usage: vm_pair 0|1 KERNELS CHANNEL OFFSET DIR [CASE...]\n");
		return 2;
	}
	umask(0);
	if (pair_begin(atoi(argv[0]), argv[2], strtoull(argv[3], NULL, 0))) {
		perror(argv[2]);
		return 2;
	}
	if (chdir(argv[4])) {
		perror(argv[4]);
		return 2;
	}
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (c = tables[i]; c->name; c++)
			if (is_wanted(c, atoi(argv[1]), argc - 5, argv + 5))
				failed |= pair_run(c);
	return failed;
}
