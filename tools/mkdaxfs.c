// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mkdaxfs: make a region, empty, from a directory tree or from tar archives.
 *
 * Notes: options and printing. The tree is read by lib/image*.c, archives by
 * tools/tar, the areas are laid out and the overlay is made by the core, tools/target.c knows
 * where it goes. Nothing appears under the name of the region before all of
 * it is written. Exit status: 0 done, 1 failed, 2 usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "backing_files.h"
#include "common.h"
#include "fuse_mount.h"
#include "image.h"
#include "kmount.h"
#include "mount.h"
#include "prewarm.h"
#include "tar/tar.h"
#include "target.h"

#define EXIT_FAILED	1
#define EXIT_USAGE	2

#define DEFAULT_OVERLAY	(64ull << 20)
#define DEFAULT_BUCKETS	65536ull
#define DEFAULT_SLOTS	65536ull	/* at most, where no size is given */

struct options {
	const char *dir, *region, *mountpoint, *heap, *phys;
	const char **output;	/* an image, or backing files */
	u32 output_nr;
	char phys_region[96];	/* of -p and -s, as -r would have it */
	u64 size, overlay, buckets, slots;	/* 0: not given */
	int split;		/* -o and a region */
	const char *prewarm;
	int empty, validate, quiet, force, json;
	int one_file_system;
	int persistent, branching;
	const char **exclude;
	u32 exclude_nr;
	const char **tar;	/* from the bottom up */
	u32 tar_nr;
	const char *image;
	uuid_t uuid;
	int has_uuid;
	const char *label;
	s64 epoch_ns;
	int has_epoch;
};

struct made {			/* what there is to tell at the end */
	struct daxfs_geometry g;
	struct daxfs_image_totals totals;
	const struct backing_files *backing;	/* of none, but in split mode */
	struct prewarm warm;
};

/* ---- options ---- */

enum {
	OPT_UUID = 256, OPT_LABEL, OPT_EPOCH, OPT_EXCLUDE, OPT_ONE_FS,
	OPT_PERSISTENT, OPT_JSON, OPT_VERSION, OPT_IMAGE, OPT_PREWARM,
};

static const struct option long_options[] = {
	{ "directory", required_argument, NULL, 'd' },
	{ "tar", required_argument, NULL, 't' },
	{ "output", required_argument, NULL, 'o' },
	{ "region", required_argument, NULL, 'r' },
	{ "heap", required_argument, NULL, 'H' },
	{ "phys", required_argument, NULL, 'p' },
	{ "mountpoint", required_argument, NULL, 'm' },
	{ "size", required_argument, NULL, 's' },
	{ "overlay", required_argument, NULL, 'O' },
	{ "buckets", required_argument, NULL, 'B' },
	{ "pcache-slots", required_argument, NULL, 'C' },
	{ "empty", no_argument, NULL, 'E' },
	{ "branching", no_argument, NULL, 'b' },
	{ "validate", no_argument, NULL, 'V' },
	{ "uuid", required_argument, NULL, OPT_UUID },
	{ "label", required_argument, NULL, OPT_LABEL },
	{ "source-date-epoch", required_argument, NULL, OPT_EPOCH },
	{ "exclude", required_argument, NULL, OPT_EXCLUDE },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "one-file-system", no_argument, NULL, OPT_ONE_FS },
	{ "prewarm", required_argument, NULL, OPT_PREWARM },
	{ "persistent", no_argument, NULL, OPT_PERSISTENT },
	{ "quiet", no_argument, NULL, 'q' },
	{ "force", no_argument, NULL, 'f' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help_text[] =
"Usage: mkdaxfs -d DIR -o IMAGE [OPTION]...\n"
"       mkdaxfs -d DIR -r REGION [-s SIZE] [-O SIZE] [OPTION]...\n"
"       mkdaxfs -d DIR -r REGION -o BACKING [-C N] [OPTION]...\n"
"       mkdaxfs -t TAR... {-o IMAGE | -r REGION ...} [OPTION]...\n"
"       mkdaxfs --empty -r REGION [-s SIZE] [OPTION]...\n"
"       mkdaxfs {-d DIR | -t TAR | -E} -p ADDR -s SIZE [OPTION]...\n"
"       mkdaxfs {-d DIR | -t TAR | -E} -H HEAP -m DIR [OPTION]...\n"
"Make a daxfs region: a read-only image of a tree, the same with room to\n"
"write, or an empty one. In split mode (-o and -r) the content of files goes to\n"
"a backing file, and the region has a cache of it.\n"
"\n"
"  -d, --directory DIR      source tree\n"
"  -t, --tar FILE           source is a tar archive (plain, gzip, zstd, xz), or\n"
"                           one of docker save or OCI; - for standard input;\n"
"                           several are layers, from the bottom to the top\n"
"      --image NAME         which image of an archive that holds several\n"
"  -E, --empty              no source tree\n"
"  -o, --output FILE        write an image without room to write; with -r or -p\n"
"                           the backing file of the region, or several of them\n"
"  -r, --region REGION      write a region: a file, /dev/daxX.Y, /dev/pmemN or\n"
"                           phys:ADDR:SIZE\n"
"  -p, --phys ADDR          the same as -r phys:ADDR:SIZE, with -s SIZE\n"
"  -H, --heap HEAP          write a region to a dma-buf of /dev/dma_heap/NAME,\n"
"                           which lives as long as the mount of -m\n"
"  -s, --size SIZE          of the region; otherwise computed and printed\n"
"  -O, --overlay SIZE       room to write (default: the rest of -s, or 64M)\n"
"  -b, --branching          main is read-only, and writing happens in branches\n"
"                           that are made by daxfs-branch\n"
"  -B, --buckets N          initial index buckets, power of two (65536)\n"
"  -C, --pcache-slots N     pages in the cache, power of two (the rest of -s, or\n"
"                           room for all content up to 65536)\n"
"      --prewarm HOW        fill the cache: 'auto' (all content, or the smallest\n"
"                           files first), 'none', or a file of paths (auto)\n"
"  -m, --mountpoint DIR     mount it when done: a file by daxfs-fuse, memory by\n"
"                           the kernel module if that is loaded, else also so\n"
"  -V, --validate           check what was written\n"
"  -f, --force              overwrite an existing file or region\n"
"  -q, --quiet              print errors only\n"
"      --json               print the summary as JSON\n"
"      --uuid UUID          otherwise a random one\n"
"      --label NAME         at most 63 bytes\n"
"      --source-date-epoch SEC\n"
"                           no time stamp after that, and that as the time of\n"
"                           creation (default: $SOURCE_DATE_EPOCH)\n"
"      --exclude GLOB       leave out what matches; may be repeated\n"
"      --one-file-system    do not enter other file systems\n"
"      --persistent         what is acknowledged survives a loss of power, if\n"
"                           the memory does\n"
"  -h, --help               print this\n"
"      --version            print the version\n"
"\n"
"SIZE is a number of bytes or ends in K, M, G, T or P. Exit status: 0 done,\n"
"1 failed, 2 wrong usage. See mkdaxfs(8).\n";

#define usage_error(...) daxfs_tool_usage_error(EXIT_USAGE, __VA_ARGS__)

static u64 size_option(const char *option, const char *arg)
{
	u64 bytes;

	if (daxfs_tool_parse_size(arg, &bytes) || !bytes ||
	    bytes > DAXFS_MAX_REGION)
		usage_error("%s: %s: not a size from 1 byte to 256T; write a "
			    "number that may end in K, M, G or T", option, arg);
	return bytes;
}

static u64 buckets_option(const char *arg)
{
	u64 n;

	if (daxfs_tool_parse_u64(arg, &n) || !n || (n & (n - 1)) ||
	    n > 1ull << DAXFS_TABLE_MAX_SHIFT)
		usage_error("-B: %s: not a power of two from 1 to 2^%u", arg,
			    DAXFS_TABLE_MAX_SHIFT);
	/* A table has at least one segment. */
	return n < 1ull << DAXFS_TABLE_MIN_SHIFT ?
	       1ull << DAXFS_TABLE_MIN_SHIFT : n;
}

static void epoch_option(struct options *o, const char *option, const char *arg)
{
	u64 sec;

	if (daxfs_tool_parse_u64(arg, &sec) || sec > INT64_MAX / 1000000000)
		usage_error("%s: %s: not a number of seconds since 1970",
			    option, arg);
	o->epoch_ns = (s64)sec * 1000000000;
	o->has_epoch = 1;
}

static void label_option(struct options *o, const char *arg)
{
	if (strlen(arg) > 63)
		usage_error("--label: %zu bytes; at most 63 fit", strlen(arg));
	o->label = arg;
}

static void uuid_option(struct options *o, const char *arg)
{
	if (uuid_parse(arg, o->uuid))
		usage_error("--uuid: %s: not a UUID; write it as uuidgen "
			    "prints it", arg);
	o->has_uuid = 1;
}

static void list_option(const char ***list, u32 *nr, const char *arg)
{
	const char **p = reallocarray(*list, *nr + 1, sizeof(*p));

	if (!p) {
		daxfs_tool_error("not enough memory for the options");
		exit(EXIT_FAILED);
	}
	*list = p;
	p[(*nr)++] = arg;
}

static u64 slots_option(const char *arg)
{
	u64 n;

	if (daxfs_tool_parse_u64(arg, &n) || n < DAXFS_CACHE_MIN || (n & (n - 1)) ||
	    n > DAXFS_MAX_REGION / DAXFS_PAGE_SIZE)
		usage_error("-C: %s: not a power of two from %u on", arg,
			    DAXFS_CACHE_MIN);
	return n;
}

static void take_rare_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'B':
		o->buckets = buckets_option(arg);
		break;
	case 'b':
		o->branching = 1;
		break;
	case 'H':
		o->heap = arg;
		break;
	case 'p':
		o->phys = arg;
		break;
	case OPT_UUID:
		uuid_option(o, arg);
		break;
	case OPT_LABEL:
		label_option(o, arg);
		break;
	case OPT_EPOCH:
		epoch_option(o, "--source-date-epoch", arg);
		break;
	case OPT_EXCLUDE:
		list_option(&o->exclude, &o->exclude_nr, arg);
		break;
	case OPT_IMAGE:
		o->image = arg;
		break;
	case OPT_ONE_FS:
		o->one_file_system = 1;
		break;
	case OPT_PREWARM:
		o->prewarm = arg;
		break;
	case OPT_PERSISTENT:
		o->persistent = 1;
		break;
	case OPT_JSON:
		o->json = 1;
		break;
	case OPT_VERSION:
		daxfs_tool_version();
		exit(daxfs_tool_flush() ? EXIT_FAILED : 0);
	default:
		usage_error("unknown option");
	}
}

static void take_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'd':
		o->dir = arg;
		break;
	case 't':
		list_option(&o->tar, &o->tar_nr, arg);
		break;
	case 'o':
		list_option(&o->output, &o->output_nr, arg);
		break;
	case 'r':
		o->region = arg;
		break;
	case 'm':
		o->mountpoint = arg;
		break;
	case 's':
		o->size = size_option("-s", arg);
		break;
	case 'O':
		o->overlay = size_option("-O", arg);
		break;
	case 'C':
		o->slots = slots_option(arg);
		break;
	case 'E':
		o->empty = 1;
		break;
	case 'V':
		o->validate = 1;
		break;
	case 'q':
		o->quiet = 1;
		break;
	case 'f':
		o->force = 1;
		break;
	case 'h':
		fputs(help_text, stdout);
		exit(daxfs_tool_flush() ? EXIT_FAILED : 0);
	case '?':		/* getopt_long() has said what */
		fprintf(stderr, "Try 'mkdaxfs --help'.\n");
		exit(EXIT_USAGE);
	default:
		take_rare_option(o, c, arg);
	}
}

static void check_source(const struct options *o)
{
	u32 i, nr = 0;

	if (o->empty && o->dir)
		usage_error("-d and --empty exclude each other");
	if (o->tar_nr && (o->dir || o->empty))
		usage_error("-t and %s exclude each other; give one source",
			    o->dir ? "-d" : "--empty");
	if (!o->empty && !o->dir && !o->tar_nr)
		usage_error("no source: give -d DIR, -t TAR, or --empty");
	if (o->tar_nr && o->one_file_system)
		usage_error("--one-file-system means nothing for -t; leave it "
			    "out");
	if (o->image && !o->tar_nr)
		usage_error("--image names an image in an archive; give -t");
	for (i = 0; i < o->tar_nr; i++)
		nr += !strcmp(o->tar[i], "-");
	if (nr > 1)
		usage_error("standard input can be read once; give one -t -");
}

/* -p ADDR -s SIZE: all of it, written as a region. */
static void phys_option(struct options *o)
{
	u64 addr, len;

	if (!o->size)
		usage_error("-p needs -s SIZE: how much memory is it?");
	snprintf(o->phys_region, sizeof(o->phys_region), "phys:%s:%llu", o->phys,
		 (unsigned long long)o->size);
	if (daxfs_source_phys(o->phys_region, &addr, &len))
		usage_error("-p %s -s %llu: not a range of physical memory; both "
			    "are multiples of 4096", o->phys,
			    (unsigned long long)o->size);
	o->region = o->phys_region;
}

static void check_place(struct options *o)
{
	int nr = !!o->region + !!o->phys + !!o->heap;

	if (nr > 1)
		usage_error("-r, -p and -H exclude each other; give one place");
	o->split = o->output && nr;
	if (!o->output && !nr)
		usage_error("nowhere to write: give -o FILE or -r REGION");
	if (o->heap && !o->mountpoint)
		usage_error("-H needs -m DIR: the memory is gone when nobody "
			    "has it mounted");
	if (o->phys)
		phys_option(o);
}

static void check_split(const struct options *o)
{
	if (!o->split && o->output_nr > 1)
		usage_error("-o is given twice: one image is made at a time; with -r, "
			    "these are backing files");
	if (o->output_nr > DAXFS_BACKING_FILES)
		usage_error("-o: at most %u backing files", DAXFS_BACKING_FILES);
	if (!o->split && o->slots)
		usage_error("-C: only a region in split mode has a page cache; "
			    "give -o BACKING and -r REGION");
	if (!o->split && o->prewarm)
		usage_error("--prewarm: only a region in split mode has a page "
			    "cache; give -o BACKING and -r REGION");
	if (o->split && o->empty)
		usage_error("--empty has no content for the backing file of -o; "
			    "leave one of them out");
}

/* An image that is not written to. */
static void check_image(const struct options *o)
{
	if (o->output && o->empty)
		usage_error("--empty with -o makes an image of nothing that "
			    "cannot be written; give -r");
	if (o->output && (o->overlay || o->buckets))
		usage_error("an image (-o) has no room to write, so %s means "
			    "nothing; give -r instead",
			    o->overlay ? "-O" : "-B");
	if (o->output && o->persistent)
		usage_error("an image (-o) is not written to, so --persistent "
			    "means nothing; give -r instead");
	if (o->output && o->branching)
		usage_error("an image (-o) has no room for branches, so -b "
			    "means nothing; give -r instead");
}

/* Which options make sense together. */
static void check_options(struct options *o)
{
	check_source(o);
	check_place(o);
	check_split(o);
	if (!o->split)
		check_image(o);
	if (!o->prewarm)
		o->prewarm = "auto";
	if (o->persistent && o->heap)
		usage_error("a heap's memory is never persistent; leave out "
			    "--persistent");
}

static void parse_options(struct options *o, int argc, char **argv)
{
	const char *env = getenv("SOURCE_DATE_EPOCH");
	int c;

	while ((c = getopt_long(argc, argv, "d:t:o:r:H:p:m:s:O:B:C:EbVqfh",
				long_options, NULL)) != -1)
		take_option(o, c, optarg);
	if (optind < argc)
		usage_error("%s: one argument too many", argv[optind]);
	check_options(o);
	if (!o->has_epoch && env && *env)
		epoch_option(o, "SOURCE_DATE_EPOCH", env);
	if (!o->has_uuid)
		uuid_generate(o->uuid);
}

/* ---- the source tree ---- */

struct bar {
	struct daxfs_tool_progress p;
	const char *what;
	int quiet;
};

static void on_progress(void *arg, const char *what, u64 done, u64 total)
{
	struct bar *bar = arg;

	if (bar->what != what) {
		struct timespec start = bar->p.start;

		/* One clock for both: two seconds of the whole. */
		daxfs_tool_progress_end(&bar->p);
		daxfs_tool_progress_start(&bar->p, what, bar->quiet);
		if (bar->what)
			bar->p.start = start;
		bar->what = what;
	}
	daxfs_tool_progress(&bar->p, done, total);
}

static int image_failed(struct daxfs_image *image, struct bar *bar)
{
	daxfs_tool_progress_end(&bar->p);
	daxfs_tool_error("%s", image ? daxfs_image_error(image) :
			 "not enough memory");
	return -1;
}

static int scan(const struct options *o, struct bar *bar,
		struct daxfs_image **image)
{
	struct daxfs_image_options io = {
		.backing_nr = o->split ? o->output_nr : 0,
		.dir = o->dir,
		.exclude = o->exclude,
		.exclude_nr = o->exclude_nr,
		.one_file_system = o->one_file_system,
		.clamp = o->has_epoch,
		.clamp_ns = o->epoch_ns,
		.progress = on_progress,
		.progress_arg = bar,
	};

	if (daxfs_image_scan(image, &io))
		return image_failed(*image, bar);
	return 0;
}

/* Read the archives; *src must stay until the image is written. */
static int unpack(const struct options *o, struct bar *bar,
		  struct tar_source **src, struct daxfs_image **image)
{
	struct daxfs_image_options io = {
		.backing_nr = o->split ? o->output_nr : 0,
		.dir = o->tar[0],
		.exclude = o->exclude,
		.exclude_nr = o->exclude_nr,
		.clamp = o->has_epoch,
		.clamp_ns = o->epoch_ns,
		.progress = on_progress,
		.progress_arg = bar,
	};
	const struct daxfs_tree *tree;
	u32 i;

	if (tar_source_new(src, o->image))
		return -1;
	for (i = 0; i < o->tar_nr; i++)
		if (tar_source_add(*src, o->tar[i]))
			return -1;
	if (tar_source_tree(*src, &tree))
		return -1;
	if (daxfs_image_from_tree(image, tree, &io))
		return image_failed(*image, bar);
	return 0;
}

/* ---- the region ---- */

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static void set_sizes(struct daxfs_geometry *g, const struct options *o,
		      const struct daxfs_target *t)
{
	g->region_len = o->size & ~(DAXFS_PAGE_SIZE - 1);
	g->buckets = o->buckets ? o->buckets : DEFAULT_BUCKETS;
	g->overlay = !o->output || o->split;
	g->persistent = o->persistent;
	g->branching = o->branching;
	if (!g->overlay)
		return;
	g->overlay_len = o->overlay ? o->overlay : o->split ? DEFAULT_OVERLAY : 0;
	if (o->size)
		return;
	if (t->device && !t->heap && (o->split || !o->overlay))
		g->region_len = t->device_len & ~(DAXFS_PAGE_SIZE - 1);
	if (o->split || o->overlay)
		return;
	if (t->device && !t->heap)
		g->region_len = t->device_len & ~(DAXFS_PAGE_SIZE - 1);
	else
		g->overlay_len = DEFAULT_OVERLAY;
}

/* As many slots as there is room for, or as there are pages. */
static u64 default_slots(const struct daxfs_geometry *g)
{
	u64 pages = (g->base_data_len + DAXFS_PAGE_SIZE - 1) / DAXFS_PAGE_SIZE;
	u64 n = DAXFS_CACHE_MIN, needed;

	if (!g->region_len) {
		while (n < pages && n < DEFAULT_SLOTS)
			n *= 2;
		return n;
	}
	for (n = DAXFS_MAX_REGION / DAXFS_PAGE_SIZE; n > DAXFS_CACHE_MIN; n /= 2) {
		struct daxfs_geometry try = *g;

		try.cache_slots = n;
		if (!daxfs_plan(&try, &needed))
			break;
	}
	return n;
}

static int plan(struct daxfs_geometry *g, const struct options *o,
		const struct daxfs_target *t, const struct daxfs_image *image)
{
	char text[DAXFS_TOOL_SIZE_TEXT];
	u64 needed = 0;
	int err;

	memset(g, 0, sizeof(*g));
	if (image)
		daxfs_image_geometry(image, g);
	g->mode = o->empty ? DAXFS_MODE_EMPTY : o->split ? DAXFS_MODE_SPLIT :
		  DAXFS_MODE_STATIC;
	g->backing_nr = o->split ? o->output_nr : 0;
	set_sizes(g, o, t);
	memcpy(g->uuid, o->uuid, sizeof(g->uuid));
	if (o->label)
		memcpy(g->label, o->label, strlen(o->label));
	g->created_ns = o->has_epoch ? (u64)o->epoch_ns : now_ns();
	g->root_mode = S_IFDIR | 0755;
	g->root_uid = getuid();
	g->root_gid = getgid();
	if (o->split)
		g->cache_slots = o->slots ? o->slots : default_slots(g);
	err = daxfs_plan(g, &needed);
	if (err == -ENOSPC)
		daxfs_tool_error("%s: too small for what goes in: needs %llu "
				 "bytes; give at least -s %s", t->arg,
				 (unsigned long long)needed,
				 daxfs_tool_size_arg(needed, text));
	else if (err)
		daxfs_tool_error("%s: no region can be laid out like this: %s; "
				 "choose other sizes", t->arg, strerror(-err));
	return err;
}

/* As the stores of the core: not left to the cache of the processor. */
static void clear(u8 *at, u64 len, int persistent)
{
	memset(at, 0, len);
	if (!persistent)
		return;
	port_set_persistent();
	port_keep(at, len);
}

/* A device holds what it held. Free pages of the pool may. */
static void clear_device(const struct daxfs_target *t,
			 const struct daxfs_geometry *g)
{
	u64 pool = 0, pool_end = 0;
	u32 i;

	for (i = 0; i < g->super.area_nr; i++) {
		if (g->super.area[i].type != DAXFS_AREA_POOL)
			continue;
		pool = g->super.area[i].off;
		pool_end = pool + g->super.area[i].len;
	}
	clear(t->base, pool ? pool : t->len, g->persistent);
	if (pool)
		clear(t->base + pool_end, t->len - pool_end, g->persistent);
}

static void print_finding(void *arg, const char *where, u64 id,
			  const char *what)
{
	daxfs_tool_error("%s: %s %llu: %s", (const char *)arg, where,
			 (unsigned long long)id, what);
}

/* Check what is in memory now, as a host would find it. */
static int validate(const struct daxfs_target *t)
{
	struct daxfs_check ck = { .report = print_finding,
				  .arg = (void *)(uintptr_t)t->arg };
	struct daxfs_region rg;
	char why[256];
	void *scratch;
	int err = daxfs_region_open(&rg, t->base, t->len, 0, why, sizeof(why));

	if (err) {
		daxfs_tool_error("%s: what was written is not valid: %s; this "
				 "is a defect of daxfs or of the memory, please "
				 "report it", t->arg, why);
		return -1;
	}
	scratch = calloc(1, daxfs_check_base_scratch(&rg) + 1);
	if (!scratch) {
		daxfs_tool_error("%s: not enough memory to check it; leave out "
				 "-V and use fsck.daxfs later", t->arg);
		return -1;
	}
	err = daxfs_check_base(&rg, &ck, scratch);
	free(scratch);
	if (err)
		daxfs_tool_error("%s: what was written is not valid; this is a "
				 "defect of daxfs or of the memory, please "
				 "report it", t->arg);
	return err;
}

static int format(const struct daxfs_target *t, struct daxfs_geometry *g)
{
	int err = daxfs_format(g, t->base, t->len);

	if (err)
		daxfs_tool_error("%s: cannot format it: %s; choose a larger -s "
				 "or a smaller -B", t->arg, strerror(-err));
	return err;
}

/* ---- writing ---- */

static int warm_cache(const struct options *o, struct daxfs_target *t,
		      struct backing_files *b, struct made *m)
{
	m->warm = (struct prewarm){ .region = t->arg, .how = o->prewarm,
				    .fd = b->fd };
	return daxfs_prewarm(&m->warm, t->base, t->len);
}

/* What content is written to, if not to the mapping. */
static const int *fds_of(const struct daxfs_target *t, const struct backing_files *b)
{
	return b->nr ? b->fd : t->device ? NULL : &t->fd;
}

/* b: in split mode, else of no files. */
static int write_region(const struct options *o, struct daxfs_target *t,
			struct backing_files *b, struct made *m,
			struct daxfs_image *image, struct tar_source *src,
			struct bar *bar)
{
	struct daxfs_geometry *g = &m->g;

	if (daxfs_target_create(t, g->region_len) ||
	    backing_files_create(b, g->uuid, m->totals.backing_len))
		return -1;
	if (g->persistent && !t->durable && !o->quiet)
		fprintf(stderr, "mkdaxfs: warning: %s: not known to be "
			"persistent memory: it has no MAP_SYNC; what is "
			"acknowledged lasts as long as that memory does\n",
			t->arg);
	if (t->device)
		clear_device(t, g);
	if (image && daxfs_image_write(image, t->base, fds_of(t, b), &g->super))
		return image_failed(image, bar);
	if (src && tar_source_unchanged(src))
		return -1;
	if (backing_files_note(b, g, t->base))
		return -1;
	if (format(t, g) || (o->validate && validate(t)))
		return -1;
	if (o->split && (warm_cache(o, t, b, m) || backing_files_commit(b)))
		return -1;
	return daxfs_target_commit(t);
}

/* ---- the summary ---- */

static u64 pool_bytes(const struct daxfs_geometry *g)
{
	u32 i;

	for (i = 0; i < g->super.area_nr; i++)
		if (g->super.area[i].type == DAXFS_AREA_POOL)
			return g->super.area[i].len;
	return 0;
}

static const char *mode_text(u32 mode)
{
	return mode == DAXFS_MODE_EMPTY ? "empty" :
	       mode == DAXFS_MODE_SPLIT ? "split" : "static";
}

static void print_backing(const struct made *m)
{
	const struct backing_files *b = m->backing;
	char size[DAXFS_TOOL_SIZE_TEXT];
	u32 i;

	for (i = 0; i < b->nr; i++)
		printf("  backing file: %s, %s\n", b->target[i].arg,
		       daxfs_tool_size_text(b->len[i], size));
	if (b->nr)
		printf("  cache: %llu pages, %llu filled\n",
		       (unsigned long long)m->warm.slots,
		       (unsigned long long)m->warm.pages);
}

static void print_text(const struct daxfs_target *t, const struct made *m)
{
	char size[DAXFS_TOOL_SIZE_TEXT], base[DAXFS_TOOL_SIZE_TEXT];
	char pool[DAXFS_TOOL_SIZE_TEXT];
	const struct daxfs_image_totals *n = &m->totals;

	printf("%s: %s region of %llu bytes (%s)\n", t->arg,
	       mode_text(m->g.mode), (unsigned long long)m->g.region_len,
	       daxfs_tool_size_text(m->g.region_len, size));
	if (n->inodes)
		printf("  base: %llu files, %llu directories, %llu symbolic "
		       "links, %llu others, %s\n", (unsigned long long)n->files,
		       (unsigned long long)n->dirs,
		       (unsigned long long)n->symlinks,
		       (unsigned long long)n->specials,
		       daxfs_tool_size_text(n->content, base));
	print_backing(m);
	if (m->g.overlay)
		printf("  overlay: %s%s%s\n",
		       daxfs_tool_size_text(pool_bytes(&m->g), pool),
		       m->g.persistent ? ", persistent" : "",
		       m->g.branching ? ", written to in branches" : "");
	else
		printf("  read-only\n");
}

static json_object *json_u64(u64 n)
{
	return json_object_new_int64((int64_t)n);
}

static json_object *base_json(const struct daxfs_image_totals *n)
{
	json_object *base = json_object_new_object();

	json_object_object_add(base, "inodes", json_u64(n->inodes));
	json_object_object_add(base, "bytes", json_u64(n->content));
	json_object_object_add(base, "files", json_u64(n->files));
	json_object_object_add(base, "directories", json_u64(n->dirs));
	json_object_object_add(base, "symlinks", json_u64(n->symlinks));
	json_object_object_add(base, "specials", json_u64(n->specials));
	json_object_object_add(base, "hard_links", json_u64(n->hard_links));
	json_object_object_add(base, "xattrs", json_u64(n->xattrs));
	return base;
}

static void split_json(json_object *top, const struct made *m)
{
	json_object *cache = json_object_new_object();
	json_object *files = json_object_new_array();
	u32 i;

	for (i = 0; i < m->backing->nr; i++) {
		json_object *file = json_object_new_object();

		json_object_object_add(file, "path", json_object_new_string(
				       m->backing->target[i].arg));
		json_object_object_add(file, "bytes", json_u64(m->backing->len[i]));
		json_object_array_add(files, file);
	}
	json_object_object_add(cache, "slots", json_u64(m->warm.slots));
	json_object_object_add(cache, "filled", json_u64(m->warm.pages));
	json_object_object_add(top, "backing", files);
	json_object_object_add(top, "pcache", cache);
}

static void print_json(const struct daxfs_target *t, const struct made *m)
{
	json_object *top = json_object_new_object();
	char uuid[UUID_STR_LEN];

	uuid_unparse_lower(m->g.uuid, uuid);
	json_object_object_add(top, "region", json_object_new_string(t->arg));
	json_object_object_add(top, "version",
			       json_object_new_int(DAXFS_VERSION));
	json_object_object_add(top, "uuid", json_object_new_string(uuid));
	json_object_object_add(top, "label",
			       json_object_new_string(m->g.label));
	json_object_object_add(top, "mode", json_object_new_string(
			       mode_text(m->g.mode)));
	json_object_object_add(top, "size", json_u64(m->g.region_len));
	json_object_object_add(top, "persistent",
			       json_object_new_boolean(m->g.persistent));
	json_object_object_add(top, "branching",
			       json_object_new_boolean(m->g.branching));
	json_object_object_add(top, "base", base_json(&m->totals));
	json_object_object_add(top, "pool", json_u64(pool_bytes(&m->g)));
	if (m->backing->nr)
		split_json(top, m);
	printf("%s\n", json_object_to_json_string_ext(top,
	       JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
}

static int print_summary(const struct options *o, const struct daxfs_target *t,
			 const struct made *m)
{
	if (o->json)
		print_json(t, m);
	else if (!o->quiet)
		print_text(t, m);
	return daxfs_tool_flush();
}

/* ---- mounting ---- */

static int check_mountpoint(const char *dir)
{
	struct stat st;

	if (stat(dir, &st)) {
		daxfs_tool_error("%s: cannot mount there: %s; make the "
				 "directory first", dir, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		daxfs_tool_error("%s: cannot mount there: not a directory; "
				 "name one", dir);
		return -1;
	}
	return 0;
}

/* The server of the same build if there is one, else that of PATH. */
static int mount_fuse(const char *region, const char *mountpoint, char *option)
{
	char name[] = "daxfs-fuse", dash_o[] = "-o";
	char *argv[] = { name, (char *)(uintptr_t)region,
			 (char *)(uintptr_t)mountpoint, option ? dash_o : NULL,
			 option, NULL };

	signal(SIGXFSZ, SIG_DFL);
	fuse_mount_exec(argv);
	daxfs_tool_error("%s: made, but not mounted: cannot run daxfs-fuse: "
			 "%s; install it, then run: daxfs-fuse %s %s", region,
			 strerror(errno), region, mountpoint);
	return EXIT_FAILED;
}

/* dmabuf: the region itself, or -1: it has a name. */
static int mount_kernel(const char *region, const char *mountpoint, int dmabuf,
			const char *option)
{
	struct kmount km = { .dir = mountpoint, .option = &option,
			     .option_nr = option != NULL };
	int r = 0;

	kmount_source_init(&km.source);
	km.source.dmabuf = dmabuf;
	if (dmabuf >= 0)
		km.source.name = strdup("dma-buf");
	else
		r = kmount_source_set(&km.source, region, 0);
	if (!r)
		r = km.source.name ? kmount_mount(&km) : -1;
	kmount_source_fini(&km.source);
	if (r)
		daxfs_tool_error("%s: made, but not mounted%s", region,
				 dmabuf < 0 ? "; mount -t daxfs mounts it" :
				 ", so it is gone again");
	return r ? EXIT_FAILED : 0;
}

/* heap: the dma-buf, or -1. memory: no file, so the module can have it. */
static int mount_it(const struct options *o, const char *region, int memory, int heap)
{
	char *option = o->split ? backing_files_option(o->output, o->output_nr) : NULL;
	int r;

	if (o->split && !option) {
		daxfs_tool_error("%s: made, but not mounted: out of memory", region);
		return EXIT_FAILED;
	}
	if (heap >= 0 || (memory && kmount_loaded()))
		r = mount_kernel(region, o->mountpoint, heap, option);
	else
		r = mount_fuse(region, o->mountpoint, option);
	free(option);
	return r;
}

/* ---- all of it ---- */

static int make(const struct options *o, struct daxfs_target *t,
		struct backing_files *b)
{
	struct bar bar = { .quiet = o->quiet };
	struct daxfs_image *image = NULL;
	struct tar_source *src = NULL;
	struct made m = { .backing = b };
	int err = 0;

	if (o->dir)
		err = scan(o, &bar, &image);
	else if (o->tar_nr)
		err = unpack(o, &bar, &src, &image);
	if (!err)
		err = plan(&m.g, o, t, image);
	if (!err && image)
		daxfs_image_totals(image, &m.totals);
	if (!err)
		err = write_region(o, t, b, &m, image, src, &bar);
	daxfs_tool_progress_end(&bar.p);
	if (!err && image)
		daxfs_image_totals(image, &m.totals);
	daxfs_image_free(image);
	tar_source_free(src);
	return err ? err : print_summary(o, t, &m);
}

static int open_target(const struct options *o, struct daxfs_target *t,
		       const char *where)
{
	if (!o->heap)
		return daxfs_target_open(t, where, o->force);
	/* Before all the work: nothing but the module can keep its memory. */
	return daxfs_target_heap(t, where) || kmount_load() ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct daxfs_target t = { .fd = -1, .old_fd = -1 };
	struct backing_files b = { 0 };
	int err, memory, heap = -1;
	const char *where;

	daxfs_tool_init("mkdaxfs");
	signal(SIGXFSZ, SIG_IGN);	/* a limit is an error with a message */
	parse_options(&o, argc, argv);
	where = o.heap ? o.heap : o.region ? o.region : o.output[0];
	if (o.mountpoint && check_mountpoint(o.mountpoint))
		return EXIT_FAILED;
	err = open_target(&o, &t, where);
	if (!err && o.split)
		err = backing_files_open(&b, o.output, o.output_nr, &t, o.force);
	if (!err)
		err = make(&o, &t, &b);
	memory = t.device;
	if (!err && t.heap)
		heap = daxfs_target_take(&t);
	daxfs_target_close(&t);
	backing_files_close(&b);
	if (!err && o.mountpoint)
		err = mount_it(&o, where, memory, heap);
	free(o.exclude);
	free(o.tar);
	free(o.output);
	return err ? EXIT_FAILED : 0;
}
