// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mount.daxfs: what mount(8) runs for "mount -t daxfs".
 *
 * Notes: options and the decision which memory is meant; kmount.c mounts. There
 * is no way back to FUSE: who asks for the module gets it or an error. Exit
 * status as mount(8) has it: 0 mounted, 1 usage, 2 system error, 32 failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "kmount.h"
#include "mount.h"

static const char usage_text[] =
"usage: mount -t daxfs [-o OPTION[,OPTION...]] SOURCE DIR\n"
"       mount.daxfs SOURCE DIR [-fnrsvw] [-o OPTION[,OPTION...]]\n"
"\n"
"Mount a daxfs region by the kernel module. SOURCE is the memory, /dev/daxX.Y,\n"
"/dev/pmemN or phys:ADDR:SIZE; or it is none, and options name the memory.\n"
"\n"
"  -o phys=ADDR,size=SIZE  a range of physical addresses; K, M, G behind SIZE\n"
"     dev=DEVICE           /dev/daxX.Y or /dev/pmemN\n"
"     dmabuf=FD            a dma-buf that the caller has open\n"
"     backing=PATH[:PATH]  backing files of a region in split mode\n"
"     ro                   change nothing\n"
"     branch=NAME          show this branch, not main (regions of mkdaxfs -b)\n"
"     validate             check the whole base image first\n"
"     pages                struct pages for the memory (direct I/O, RDMA into it)\n"
"     remount              change ro, rw and attributes of what is mounted\n"
"     and nosuid, nodev, noexec, noatime, ... of mount(8)\n"
"  -f                      check everything, mount nothing\n"
"  -r, -w                  the same as -o ro, -o rw\n"
"  -s                      leave out options that the module does not know\n"
"  -v                      say what is done\n"
"  -n                      taken, without effect\n"
"  -h, --help              this text\n"
"  -V, --version           the version\n"
"\n"
"Exit status: 0 mounted, 1 usage, 2 system error, 32 cannot mount. A region in a\n"
"file is mounted by: mount -t fuse.daxfs FILE DIR\n";

#define usage_error(...) daxfs_tool_usage_error(KMOUNT_USAGE, __VA_ARGS__)

struct options {
	struct kmount km;
	const char *source;
	char *dir;			/* absolute */
	const char *phys, *size, *dev, *dmabuf;
	int fake, remount;
};

/* ---- options of mount(8) ---- */

#define ATTR_SAFE	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

struct word {
	const char *name;
	uint64_t clear, set;
};

static const struct word words[] = {
	{ "suid",	MOUNT_ATTR_NOSUID, 0 },
	{ "nosuid",	0, MOUNT_ATTR_NOSUID },
	{ "dev",	MOUNT_ATTR_NODEV, 0 },
	{ "nodev",	0, MOUNT_ATTR_NODEV },
	{ "exec",	MOUNT_ATTR_NOEXEC, 0 },
	{ "noexec",	0, MOUNT_ATTR_NOEXEC },
	{ "atime",	MOUNT_ATTR__ATIME, 0 },
	{ "noatime",	MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME },
	{ "relatime",	MOUNT_ATTR__ATIME, 0 },
	{ "norelatime",	MOUNT_ATTR__ATIME, 0 },
	{ "strictatime", MOUNT_ATTR__ATIME, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", MOUNT_ATTR__ATIME, 0 },
	{ "diratime",	MOUNT_ATTR_NODIRATIME, 0 },
	{ "nodiratime",	0, MOUNT_ATTR_NODIRATIME },
	{ "symfollow",	MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "nosymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
	/* What these imply, unless a later option says otherwise. */
	{ "user",	0, ATTR_SAFE | MOUNT_ATTR_NOEXEC },
	{ "users",	0, ATTR_SAFE | MOUNT_ATTR_NOEXEC },
	{ "owner",	0, ATTR_SAFE },
	{ "group",	0, ATTR_SAFE },
	/* For mount(8) and others who read fstab; nothing to the kernel. */
	{ "defaults",	0, 0 },
	{ "auto",	0, 0 },
	{ "noauto",	0, 0 },
	{ "nofail",	0, 0 },
	{ "nouser",	0, 0 },
	{ "noowner",	0, 0 },
	{ "nogroup",	0, 0 },
	{ "_netdev",	0, 0 },
	{ "silent",	0, 0 },
	{ "loud",	0, 0 },
	{ "user=*",	0, ATTR_SAFE | MOUNT_ATTR_NOEXEC },
	{ "helper=*",	0, 0 },
	{ "uhelper=*",	0, 0 },
	{ "comment=*",	0, 0 },
	{ "x-*",	0, 0 },
	{ "X-*",	0, 0 },
};

/* Is it one that every file system has? */
static int take_word(struct kmount *km, const char *option)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (fnmatch(words[i].name, option, 0))
			continue;
		km->attr = (km->attr & ~words[i].clear) | words[i].set;
		return 1;
	}
	return 0;
}

/* The value of option if it is "KEY=value". */
static const char *value_of(const char *option, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(option, key, n) && option[n] == '=' ? option + n + 1 :
	       NULL;
}

/* Is it one of those that name the memory? */
static int take_memory(struct options *o, const char *option)
{
	const struct {
		const char *key, **to;
	} memory[] = {
		{ "phys", &o->phys }, { "size", &o->size },
		{ "dev", &o->dev }, { "dmabuf", &o->dmabuf },
	};
	size_t i;

	for (i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		const char *value = value_of(option, memory[i].key);

		if (!value)
			continue;
		if (!*value)
			usage_error("option '%s': has no value", option);
		*memory[i].to = value;
		return 1;
	}
	return 0;
}

static void pass_on(struct kmount *km, const char *option)
{
	const char **p = reallocarray(km->option, km->option_nr + 1, sizeof(*p));

	if (!p) {
		daxfs_tool_error("out of memory");
		exit(KMOUNT_SYSTEM);
	}
	km->option = p;
	p[km->option_nr++] = option;
}

static void one_option(struct options *o, const char *option)
{
	if (!*option)
		return;
	if (!strcmp(option, "ro"))
		o->km.rdonly = 1;
	else if (!strcmp(option, "rw"))
		o->km.rdonly = 0;
	else if (!strcmp(option, "remount"))
		o->remount = 1;
	/* "dev" is a word, "dev=" names a device. */
	else if (!take_memory(o, option) && !take_word(&o->km, option))
		pass_on(&o->km, option);
}

/* Up to a comma that has no backslash before it; the module takes that away. */
static char *next_option(char **list)
{
	char *option = *list, *at = option;

	if (!option)
		return NULL;
	while (*at && *at != ',')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	*list = *at ? at + 1 : NULL;
	*at = '\0';
	return option;
}

static void option_list(struct options *o, char *list)
{
	char *option;

	while ((option = next_option(&list)))
		one_option(o, option);
}

static void one_flag(struct options *o, int c)
{
	switch (c) {
	case 'f':
		o->fake = 1;
		break;
	case 's':
		o->km.sloppy = 1;
		break;
	case 'v':
		o->km.verbose = 1;
		break;
	case 'r':
		o->km.rdonly = 1;
		break;
	case 'w':
		o->km.rdonly = 0;
		break;
	case 'o':
		option_list(o, optarg);
		break;
	case 'n':
	case 't':
		break;		/* mount(8) may give them */
	case 'N':
		usage_error("-N: not known here; enter the namespace first "
			    "(nsenter --mount)");
	case 'h':
		fputs(usage_text, stdout);
		exit(daxfs_tool_flush() ? KMOUNT_SYSTEM : 0);
	case 'V':
		daxfs_tool_version();
		exit(daxfs_tool_flush() ? KMOUNT_SYSTEM : 0);
	default:
		usage_error("wrong option");
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fsnvrwo:t:N:hV", longs, NULL)) != -1)
		one_flag(o, c);
	if (argc - optind != 2)
		usage_error(argc - optind < 2 ? "name a source and a directory" :
			    "too many arguments; one source and one directory");
	o->source = argv[optind];
	o->km.dir = argv[optind + 1];
}

/* ---- the memory ---- */

/* A region by its name; what SOURCE is called is then for people alone. */
static int set_region(struct options *o, const char *region)
{
	return kmount_source_set(&o->km.source, region, o->km.rdonly);
}

static int set_phys(struct options *o)
{
	char region[128];

	if (!o->size)
		usage_error("phys= needs size=: how much memory is it?");
	snprintf(region, sizeof(region), "phys:%s:%s", o->phys, o->size);
	return set_region(o, region);
}

static int set_dmabuf(struct options *o)
{
	uint64_t fd;

	if (daxfs_tool_parse_u64(o->dmabuf, &fd) || fd > INT_MAX)
		usage_error("dmabuf=%s: not the number of a descriptor; mkdaxfs "
			    "-H makes such a region and mounts it", o->dmabuf);
	o->km.source.dmabuf = (int)fd;
	o->km.source.name = strdup("dma-buf");
	return o->km.source.name ? 0 : KMOUNT_SYSTEM;
}

/* size= beside a device: no more than that, which its kind may check. */
static int limit_size(struct options *o)
{
	struct kmount_source *s = &o->km.source;
	uint64_t size = 0;

	if (!o->size || o->phys)
		return 0;
	if (daxfs_tool_parse_size(o->size, &size) || size % DAXFS_PAGE_SIZE ||
	    !size)
		usage_error("size=%s: not a size in whole pages of 4096 bytes",
			    o->size);
	if (s->size[0] && size > strtoull(s->size, NULL, 10)) {
		daxfs_tool_error("%s: size=%s: it has %s bytes", s->name,
				 o->size, s->size);
		return KMOUNT_FAILED;
	}
	snprintf(s->size, sizeof(s->size), "%ju", (uintmax_t)size);
	return 0;
}

static int set_memory(struct options *o)
{
	int named = !!o->phys + !!o->dev + !!o->dmabuf;
	int r;

	if (named > 1)
		usage_error("phys=, dev= and dmabuf= exclude each other; name "
			    "the memory once");
	if (named && (*o->source == '/' || !strncmp(o->source, "phys:", 5)) &&
	    (!o->dev || strcmp(o->dev, o->source)))
		usage_error("%s and an option both name the memory; write none "
			    "as the source, or leave out the option", o->source);
	if (!named && (!strcmp(o->source, "none") || !strcmp(o->source, "daxfs")))
		usage_error("%s: which memory? Give -o phys=ADDR,size=SIZE or -o "
			    "dev=DEVICE, or name it as the source", o->source);
	if (o->phys)
		r = set_phys(o);
	else if (o->dmabuf)
		r = set_dmabuf(o);
	else
		r = set_region(o, o->dev ? o->dev : o->source);
	return r ? r : limit_size(o);
}

/* ---- all of it ---- */

static int check_dir(struct options *o)
{
	struct stat st;

	o->dir = realpath(o->km.dir, NULL);
	if (!o->dir || stat(o->dir, &st)) {
		daxfs_tool_error("%s: cannot mount there: %s%s", o->km.dir,
				 strerror(errno), errno == ENOENT ?
				 "; make the directory first" : "");
		return KMOUNT_FAILED;
	}
	if (!S_ISDIR(st.st_mode)) {
		daxfs_tool_error("%s: cannot mount there: not a directory; name "
				 "one", o->km.dir);
		return KMOUNT_FAILED;
	}
	o->km.dir = o->dir;
	return 0;
}

static void say(const struct options *o)
{
	const struct kmount_source *s = &o->km.source;
	uint32_t i;

	printf("%s on %s type daxfs (%s", o->remount ? o->source : s->name,
	       o->km.dir, o->km.rdonly ? "ro" : "rw");
	if (s->phys[0])
		printf(",phys=%s", s->phys);
	if (s->size[0])
		printf(",size=%s", s->size);
	if (s->dev)
		printf(",dev=%s", s->dev);
	if (s->dmabuf >= 0)
		printf(",dmabuf=%d", s->dmabuf);
	for (i = 0; i < o->km.option_nr; i++)
		printf(",%s", o->km.option[i]);
	printf("), attributes 0x%jx\n", (uintmax_t)o->km.attr);
}

static int run(struct options *o)
{
	int r = check_dir(o);

	/* The memory of what is mounted stays what it is: fstab repeats it. */
	if (!r && !o->remount)
		r = set_memory(o);
	if (!r && o->km.verbose)
		say(o);
	if (r || o->fake)
		return r;
	return o->remount ? kmount_remount(&o->km) : kmount_mount(&o->km);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int r;

	daxfs_tool_init("mount.daxfs");
	kmount_source_init(&o.km.source);
	parse(&o, argc, argv);
	r = run(&o);
	kmount_source_fini(&o.km.source);
	free(o.km.option);
	free(o.dir);
	if (daxfs_tool_flush() && !r)
		r = KMOUNT_SYSTEM;
	return r;
}
