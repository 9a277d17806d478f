// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect: look into a region, mounted or not; evict hosts from it.
 *
 * Notes: options and dispatch; the other files named inspect_*.c do the work.
 * Nothing but evict changes the region. Exit: 0 done, 1 failed, 2 wrong usage.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

static const char usage_text[] =
"usage: daxfs-inspect COMMAND [-r REGION | -m MNT | -p ADDR -s SIZE] [--json]\n"
"\n"
"commands:\n"
"  status             what the region is, how full, who uses it\n"
"  overlay            the index of the writable overlay\n"
"  pcache             the page cache of a region in split mode, and its use\n"
"  branches           the branches as a tree, and who shows them\n"
"  hosts              everyone who has the region in use, and who is stuck\n"
"  evict HOST...      state that hosts were fenced, and recover what they left;\n"
"                     HOST: a number as hosts prints it, or MACHINE:PID\n"
"  ls [-l] [-R] [PATH]  list a directory of the region (default /)\n"
"  cat PATH           write a file of the region to standard output\n"
"\n"
"the region:\n"
"  -r, --region REGION   a file, /dev/daxX.Y, /dev/pmemN, phys:ADDR:SIZE\n"
"  -m, --mountpoint MNT  the region that is mounted at MNT\n"
"  -p, --phys ADDR       physical address, with\n"
"  -s, --size SIZE       its size (suffixes K, M, G, T)\n"
"\n"
"  -j, --json         print JSON (not for cat)\n"
"  -b, --backing FILE cat: the backing file of a region in split mode; several\n"
"                     with a colon between two\n"
"  -l, --long         ls: with mode, links, owner, group, size, time (UTC)\n"
"  -R, --recursive    ls: with everything below\n"
"  -f, --force        evict: also a host that runs on this machine\n"
"  -h, --help         print this\n"
"  -V, --version      print the version\n";

struct command {
	const char *name;
	int (*run)(const struct inspect *in);
	int max_args, min_args;
	int json;
};

static const struct command commands[] = {
	{ "status",	inspect_status,		0, 0, 1 },
	{ "overlay",	inspect_overlay,	0, 0, 1 },
	{ "hosts",	inspect_hosts,		0, 0, 1 },
	{ "ls",		inspect_ls,		1, 0, 1 },
	{ "cat",	inspect_cat,		1, 1, 0 },
	{ "pcache",	inspect_pcache,		0, 0, 1 },
	{ "branches",	inspect_branches,	0, 0, 1 },
	{ "evict",	inspect_evict,		64, 1, 1 },
};

static const struct option long_options[] = {
	{ "region",	required_argument, NULL, 'r' },
	{ "mountpoint",	required_argument, NULL, 'm' },
	{ "phys",	required_argument, NULL, 'p' },
	{ "size",	required_argument, NULL, 's' },
	{ "backing",	required_argument, NULL, 'b' },
	{ "json",	no_argument, NULL, 'j' },
	{ "long",	no_argument, NULL, 'l' },
	{ "recursive",	no_argument, NULL, 'R' },
	{ "force",	no_argument, NULL, 'f' },
	{ "help",	no_argument, NULL, 'h' },
	{ "version",	no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct where {			/* how the region was named */
	const char *region, *mnt, *addr, *size;
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	daxfs_tool_usage_error(INSPECT_USAGE, "'%s' is not a command", name);
}

static char *physical(const struct where *w)
{
	unsigned long long addr;
	uint64_t size;
	char *end, *region = NULL;

	errno = 0;
	addr = strtoull(w->addr, &end, 0);
	if (errno || *end || end == w->addr || *w->addr == '-')
		daxfs_tool_usage_error(INSPECT_USAGE,
				       "-p %s: not an address", w->addr);
	if (!w->size)
		daxfs_tool_usage_error(INSPECT_USAGE, "-p needs -s SIZE");
	if (daxfs_tool_parse_size(w->size, &size))
		daxfs_tool_usage_error(INSPECT_USAGE, "-s %s: not a size",
				       w->size);
	if (asprintf(&region, "phys:0x%llx:%ju", addr, (uintmax_t)size) < 0)
		return NULL;
	return region;
}

/* Allocated; NULL with a message. */
static char *find_region(const struct where *w)
{
	char *region;

	if (!!w->region + !!w->mnt + !!w->addr != 1)
		daxfs_tool_usage_error(INSPECT_USAGE, "name the region: one of "
				       "-r REGION, -m MNT, -p ADDR -s SIZE");
	if (w->size && !w->addr)
		daxfs_tool_usage_error(INSPECT_USAGE, "-s belongs to -p");
	if (w->mnt)
		return inspect_region_of_mount(w->mnt);
	region = w->addr ? physical(w) : strdup(w->region);
	if (!region)
		daxfs_tool_error("out of memory");
	return region;
}

static void parse_options(int argc, char **argv, struct inspect *in,
			  struct where *w)
{
	int c;

	while ((c = getopt_long(argc, argv, "r:m:p:s:b:jlRfhV", long_options,
				NULL)) != -1) {
		switch (c) {
		case 'r':
			w->region = optarg;
			break;
		case 'm':
			w->mnt = optarg;
			break;
		case 'p':
			w->addr = optarg;
			break;
		case 's':
			w->size = optarg;
			break;
		case 'b':
			in->backing = optarg;
			break;
		case 'j':
			in->json = 1;
			break;
		case 'l':
			in->details = 1;
			break;
		case 'R':
			in->recursive = 1;
			break;
		case 'f':
			in->force = 1;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(daxfs_tool_flush() ? INSPECT_FAILED : INSPECT_OK);
		case 'V':
			daxfs_tool_version();
			exit(daxfs_tool_flush() ? INSPECT_FAILED : INSPECT_OK);
		default:
			daxfs_tool_usage_error(INSPECT_USAGE, "wrong option");
		}
	}
}

static void check_usage(const struct command *cmd, const struct inspect *in,
			int args)
{
	if (args < cmd->min_args)
		daxfs_tool_usage_error(INSPECT_USAGE, "%s needs a %s", cmd->name,
				       cmd->run == inspect_evict ? "HOST" : "PATH");
	if (args > cmd->max_args)
		daxfs_tool_usage_error(INSPECT_USAGE, "%s: too many arguments",
				       cmd->name);
	if (in->json && !cmd->json)
		daxfs_tool_usage_error(INSPECT_USAGE, "%s has no --json",
				       cmd->name);
	if ((in->details || in->recursive) && cmd->run != inspect_ls)
		daxfs_tool_usage_error(INSPECT_USAGE, "-l and -R belong to ls");
	if (in->backing && cmd->run != inspect_cat)
		daxfs_tool_usage_error(INSPECT_USAGE, "-b belongs to cat");
	if (in->force && cmd->run != inspect_evict)
		daxfs_tool_usage_error(INSPECT_USAGE, "-f belongs to evict");
}

int main(int argc, char **argv)
{
	struct inspect in = { 0 };
	struct where w = { 0 };
	const struct command *cmd;
	int status;

	daxfs_tool_init("daxfs-inspect");
	parse_options(argc, argv, &in, &w);
	if (optind == argc)
		daxfs_tool_usage_error(INSPECT_USAGE, "name a command");
	cmd = find_command(argv[optind++]);
	check_usage(cmd, &in, argc - optind);
	in.path = optind < argc ? argv[optind] : NULL;
	in.host = argv + optind;
	in.host_nr = argc - optind;
	in.region = find_region(&w);
	if (!in.region)
		return INSPECT_FAILED;
	status = cmd->run(&in);
	free(in.region);
	if (daxfs_tool_flush() && !status)
		status = INSPECT_FAILED;
	return status;
}
