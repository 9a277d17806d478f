// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mkfs.famfs: make a file system on one device or several.
 *
 * Notes: what is mounted here is left alone, -f or not: a server would go on
 * with maps of a file system that is gone.
 */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

#include "../tools/common.h"
#include "famfs.h"

static const char help[] =
"usage: mkfs.famfs [-f] [-k] [-l LOGLEN] DEVICE [SECONDARY...]\n"
"\n"
"Make a famfs file system, whose owner is this host. A device is /dev/daxX.Y or a\n"
"plain file of its size.\n"
"  -f, --force            also if there is one, which is lost\n"
"  -k, --kill             make none: only destroy the one that is there\n"
"  -l, --loglen SIZE      of the log: a power of two, at least 8M (8M)\n"
"Exit status: 0 done, 1 failed, 2 wrong command line.\n";

/* \040 and the like, as /proc/self/mountinfo has them. */
static void decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = 0;
}

static int refuse_mounted(const char *path)
{
	char line[2 * PATH_MAX], source[PATH_MAX], *real = realpath(path, NULL);
	FILE *f = real ? fopen("/proc/self/mountinfo", "re") : NULL;
	int r = 0;

	while (f && !r && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, " - fuse.famfs ");

		if (!at || sscanf(at, " - fuse.famfs %4095s", source) != 1)
			continue;
		decode(source);
		if (!strcmp(source, real)) {
			famfs_say("%s: is mounted; unmount it first", path);
			r = -EBUSY;
		}
	}
	if (f)
		fclose(f);
	free(real);
	return r;
}

static void parse(struct famfs_mkfs *how, int argc, char **argv)
{
	static const struct option option[] = {
		{ "force", 0, NULL, 'f' }, { "kill", 0, NULL, 'k' },
		{ "loglen", 1, NULL, 'l' }, { "help", 0, NULL, 'h' },
		{ "version", 0, NULL, 'V' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fkl:hV", option, NULL)) != -1) {
		switch (c) {
		case 'f':
			how->force = 1;
			break;
		case 'k':
			how->kill = 1;
			break;
		case 'l':
			how->log_len = famfs_arg_size("log length", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			exit(famfs_status(0));
		case 'V':
			daxfs_tool_version();
			exit(famfs_status(0));
		default:
			famfs_usage("wrong option");
		}
	}
	how->path = argv + optind;
	how->nr = argc - optind;
	if (how->nr < 1 || how->nr > (int)FAMFS_DEVICES)
		famfs_usage("name a device, and up to %u secondary ones",
			    FAMFS_DEVICES - 1);
}

int main(int argc, char **argv)
{
	struct famfs_mkfs how = { .log_len = FAMFS_LOG_LEN_MIN };
	int i, r = 0;

	daxfs_tool_init("mkfs.famfs");
	parse(&how, argc, argv);
	for (i = 0; i < how.nr && !r; i++)
		r = refuse_mounted(how.path[i]);
	if (!r)
		r = famfs_mkfs(&how);
	return famfs_status(r);
}
