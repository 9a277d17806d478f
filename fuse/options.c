// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The command line of daxfs-fuse and of mount.fuse.daxfs.
 *
 * Notes: options that are not ours go to libfuse, which knows those of the
 * kernel and refuses the rest by name. Those that /etc/fstab has for other
 * readers are dropped.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#ifndef DAXFS_RELEASE
#define DAXFS_RELEASE "0.1.0"
#endif

#define THREADS_DEFAULT	64u
#define THREADS_MIN	2u	/* a READ may be needed while one waits */
#define THREADS_MAX	1024u

static const char help[] =
"usage: daxfs-fuse REGION MOUNTPOINT [-f] [-o OPTION[,OPTION...]]\n"
"       mount -t fuse.daxfs REGION MOUNTPOINT [-o OPTION[,OPTION...]]\n"
"\n"
"Mount the daxfs region REGION (a file, /dev/daxX.Y, /dev/pmemN or\n"
"phys:ADDR:SIZE) at MOUNTPOINT and serve it from the background.\n"
"`fusermount3 -u MOUNTPOINT' or umount(8) ends it.\n"
"\n"
"  -f, --foreground    stay in the foreground; messages go to stderr\n"
"  -r, --read-only     the same as -o ro\n"
"  -o OPTION,...       ro               change nothing\n"
"                      branch=NAME      show that branch, not main\n"
"                      backing=FILE     the file of a region in split mode\n"
"                      validate         check the whole base image first\n"
"                      direct_io        keep no pages in the kernel's cache\n"
"                      local_locks      locks hold in this mount alone\n"
"                      max_threads=N    threads that serve (64)\n"
"                      allow_other      let other users in\n"
"                      noatime          reading sets no access times\n"
"                      strictatime      each read does; else as relatime\n"
"                      and noexec, nosuid, nodev, ... of mount(8)\n"
"  -h, --help          this text\n"
"  -V, --version       the version\n"
"\n"
"Exit status: 0 mounted, 1 usage, 2 system error, 32 cannot mount.\n";

static int usage_error(const struct daxfs_options *o)
{
	fprintf(stderr, "Try '%s --help'.\n", o->name);
	return DAXFS_EXIT_USAGE;
}

/* For mount(8), systemd and others who read fstab; nothing to a server. */
static int is_for_others(const char *option)
{
	static const char *const pattern[] = {
		"defaults", "auto", "noauto", "nofail", "user", "users",
		"nouser", "owner", "group", "_netdev", "default_permissions",
		"x-*", "X-*", "comment=*",
	};
	size_t i;

	for (i = 0; i < sizeof(pattern) / sizeof(pattern[0]); i++)
		if (!fnmatch(pattern[i], option, 0))
			return 1;
	return 0;
}

static int set_threads(struct daxfs_options *o, const char *option)
{
	const char *text = strchr(option, '=') + 1;
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < THREADS_MIN ||
	    n > THREADS_MAX) {
		fprintf(stderr, "%s: option '%s': give a number from %u to %u\n",
			o->name, option, THREADS_MIN, THREADS_MAX);
		return usage_error(o);
	}
	o->max_threads = (unsigned int)n;
	return -1;
}

static int pass_on(struct daxfs_options *o, const char *option)
{
	if (!fuse_opt_add_arg(&o->args, "-o") &&
	    !fuse_opt_add_arg(&o->args, option))
		return -1;
	fprintf(stderr, "%s: no memory\n", o->name);
	return DAXFS_EXIT_SYSTEM;
}

/* *value becomes text, without the backslashes that take a meaning away. */
static int set_text(struct daxfs_options *o, char **value, const char *text)
{
	char *to;

	free(*value);
	to = *value = strdup(text);
	for (; to && *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	if (to)
		*to = 0;
	if (*value)
		return -1;
	fprintf(stderr, "%s: no memory\n", o->name);
	return DAXFS_EXIT_SYSTEM;
}

/* Paths, and what backslashes mean in them is for daxfs_mount_backing() to say. */
static int set_backing(struct daxfs_options *o, const char *paths)
{
	free(o->backing);
	o->backing = strdup(paths);
	if (o->backing)
		return -1;
	fprintf(stderr, "%s: no memory\n", o->name);
	return DAXFS_EXIT_SYSTEM;
}

/* The kernel leaves it to us; it need not know but of the first. */
static int set_atime(struct daxfs_options *o, const char *option)
{
	if (!strcmp(option, "noatime")) {
		o->atime = DAXFS_ATIME_OFF;
		return pass_on(o, option);
	}
	o->atime = strcmp(option, "strictatime") ? DAXFS_ATIME_RELATIVE :
		   DAXFS_ATIME_STRICT;
	return -1;
}

static int one_option(struct daxfs_options *o, const char *option)
{
	if (!*option || is_for_others(option))
		return -1;
	if (!strncmp(option, "backing=", 8))
		return set_backing(o, option + 8);
	if (!strncmp(option, "branch=", 7))
		return set_text(o, &o->branch, option + 7);
	if (!strncmp(option, "max_threads=", 12))
		return set_threads(o, option);
	if (!strcmp(option, "noatime") || !strcmp(option, "relatime") ||
	    !strcmp(option, "strictatime"))
		return set_atime(o, option);
	if (!strcmp(option, "validate"))
		o->validate = 1;
	else if (!strcmp(option, "direct_io"))
		o->direct_io = 1;
	else if (!strcmp(option, "local_locks"))
		o->local_locks = 1;
	else if (!strcmp(option, "ro"))
		o->rdonly = 1;
	else if (!strcmp(option, "rw"))
		o->rdonly = 0;
	else
		return pass_on(o, option);
	return -1;
}

/* Up to the next comma; a backslash takes the meaning of what follows, as in libfuse. */
static char *next_option(char **list)
{
	char *option = *list, *p = option;

	if (!p)
		return NULL;
	while (*p && *p != ',')
		p += *p == '\\' && p[1] ? 2 : 1;
	*list = *p ? p + 1 : NULL;
	*p = 0;
	return option;
}

static int option_list(struct daxfs_options *o, char *list)
{
	char *option;
	int r = -1;

	while (r < 0 && (option = next_option(&list)))
		r = one_option(o, option);
	return r;
}

static int one_flag(struct daxfs_options *o, int c)
{
	switch (c) {
	case 'f':
		*(o->helper ? &o->fake : &o->foreground) = 1;
		return -1;
	case 'r':
		o->rdonly = 1;
		return -1;
	case 'w':
		o->rdonly = 0;
		return -1;
	case 'o':
		return option_list(o, optarg);
	case 'h':
		fputs(help, stdout);
		return DAXFS_EXIT_OK;
	case 'V':
		printf("%s (daxfs) %s\n", o->name, DAXFS_RELEASE);
		return DAXFS_EXIT_OK;
	case 's':
	case 'n':
	case 'v':
	case 't':
		if (o->helper)
			return -1;	/* mount(8) may give them */
		/* fall through */
	default:
		return usage_error(o);
	}
}

static int flags(struct daxfs_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "read-only", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *shorts = o->helper ? "fo:rwhVsnvt:" : "fo:rwhV";
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) >= 0)
		r = one_flag(o, c);
	return r;
}

static int operands(struct daxfs_options *o, int argc, char **argv)
{
	if (argc - optind != 2) {
		fprintf(stderr, "%s: %s\n", o->name, argc - optind < 2 ?
			"name a region and a mountpoint" :
			"too many arguments; one region and one mountpoint");
		return usage_error(o);
	}
	o->region = argv[optind];
	o->mountpoint = argv[optind + 1];
	return -1;
}

int daxfs_options_parse(struct daxfs_options *o, int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	int r;

	memset(o, 0, sizeof(*o));
	o->name = slash ? slash + 1 : argc ? argv[0] : "daxfs-fuse";
	o->helper = !strncmp(o->name, "mount.", 6);
	o->max_threads = THREADS_DEFAULT;
	if (fuse_opt_add_arg(&o->args, o->name)) {
		fprintf(stderr, "%s: no memory\n", o->name);
		return DAXFS_EXIT_SYSTEM;
	}
	r = flags(o, argc, argv);
	return r < 0 ? operands(o, argc, argv) : r;
}

void daxfs_options_free(struct daxfs_options *o)
{
	fuse_opt_free_args(&o->args);
	free(o->branch);
	free(o->backing);
}
