// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs: one program for all commands but mkfs.famfs.
 */
#include "../tools/common.h"
#include "famfs.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} command[] = {
	{ "mount", famfs_cmd_mount, "mount a file system" },
	{ "fsck", famfs_cmd_fsck, "check superblock and log" },
	{ "check", famfs_cmd_check, "compare a mount with the log" },
	{ "mkdir", famfs_cmd_mkdir, "make directories" },
	{ "creat", famfs_cmd_creat, "make files" },
	{ "cp", famfs_cmd_cp, "copy files and trees into it" },
	{ "verify", famfs_cmd_verify, "compare files with the numbers of a seed" },
	{ "flush", famfs_cmd_flush, "write a file back to memory, and forget it" },
	{ "logplay", famfs_cmd_logplay, "play the log: to a mount or a directory" },
	{ "getmap", famfs_cmd_getmap, "print the extents of a file" },
	{ "chkread", famfs_cmd_chkread, "compare the ways to read a file" },
	{ "devadd", famfs_cmd_devadd, "add a device" },
};

#define COMMANDS (sizeof(command) / sizeof(command[0]))

static int help(void)
{
	size_t i;

	printf("usage: famfs COMMAND [ARGUMENT...]\n\n"
	       "Files in memory that hosts share, made by one of them.\n\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s %s\n", command[i].name, command[i].what);
	printf("\n'famfs COMMAND --help' says more. mkfs.famfs makes a file system.\n"
	       "Exit status: 0 done, 1 something failed, 2 wrong command line.\n");
	return famfs_status(0);
}

int main(int argc, char **argv)
{
	static char name[64];
	size_t i;

	daxfs_tool_init("famfs");
	if (argc < 2)
		return famfs_usage("name a command");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		daxfs_tool_version();
		return famfs_status(0);
	}
	for (i = 0; i < COMMANDS && strcmp(argv[1], command[i].name); i++)
		;
	if (i == COMMANDS)
		return famfs_usage("'%s' is not a command", argv[1]);
	snprintf(name, sizeof(name), "famfs %s", command[i].name);
	daxfs_tool_init(name);
	argv[1] = name;		/* getopt() speaks of it */
	return command[i].run(argc - 1, argv + 1);
}
