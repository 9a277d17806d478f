// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs mkdir, famfs creat: what the owner makes from nothing.
 *
 * Notes: all paths of one command are in one file system: that of the first.
 */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>

#include "../tools/common.h"
#include "famfs.h"

/* ---- mkdir ---- */

static const char mkdir_help[] =
"usage: famfs mkdir [-p] [-m MODE] [-u UID] [-g GID] [-v] [-d DEVICE] DIR...\n"
"\n"
"Make directories. Only on the owner.\n"
"  -p, --parents       those above, too; no error if it is there\n"
"  -m, --mode MODE     permission bits, octal (0777 without the umask)\n"
"  -u, --uid UID       owner, a number (the caller)\n"
"  -g, --gid GID       group, a number\n"
"  -v, --verbose       say what is made\n"
"  -d, --daxdev DEVICE without a mount: DIR counts from the root there\n";

static u32 dir_mode(const struct famfs_new *how)
{
	mode_t mask = umask(0);

	umask(mask);
	return how->has_mode ? how->mode : 0777 & ~(u32)mask;
}

static int is_same(const struct famfs_target *a, const struct famfs_target *b,
		   const char *path)
{
	if (!strcmp(a->device, b->device))
		return 0;
	famfs_say("%s: in another file system than what was named before", path);
	return -EXDEV;
}

/* Resolve all of them before anything is made. */
static int resolve(struct famfs_target *t, const char *device, char **path, int nr)
{
	int i, r = 0;

	for (i = 0; i < nr && !r; i++) {
		r = famfs_target(&t[i], device, path[i]);
		if (!r)
			r = is_same(&t[0], &t[i], path[i]);
	}
	return r;
}

static void free_targets(struct famfs_target *t, int nr)
{
	int i;

	for (i = 0; t && i < nr; i++)
		famfs_target_free(&t[i]);
	free(t);
}

static int make_dirs(const struct famfs_target *t, int nr, const struct famfs_new *how,
		     int parents)
{
	struct famfs_shadow shadow;
	struct famfs_fs *fs;
	int i, r = famfs_target_open(&t[0], FAMFS_LOG, &fs, &shadow), first = r;

	for (i = 0; !r && i < nr; i++) {
		int one = famfs_make_dir(fs, t[i].path, how, dir_mode(how), parents);

		if (!first)
			first = one;
	}
	if (!r)
		famfs_target_close(fs, &shadow);
	return first;
}

int famfs_cmd_mkdir(int argc, char **argv)
{
	static const struct option option[] = {
		{ "parents", 0, NULL, 'p' }, { "mode", 1, NULL, 'm' },
		{ "uid", 1, NULL, 'u' }, { "gid", 1, NULL, 'g' },
		{ "verbose", 0, NULL, 'v' }, { "daxdev", 1, NULL, 'd' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	const char *device = NULL;
	struct famfs_target *t;
	struct famfs_new how;
	int parents = 0, c, nr, r;

	famfs_new_init(&how);
	while ((c = getopt_long(argc, argv, "pm:u:g:vd:h", option, NULL)) != -1) {
		if (c == 'h')
			return fputs(mkdir_help, stdout), famfs_status(0);
		if (c == 'p')
			parents = 1;
		else if (c == 'd')
			device = optarg;
		else if (!famfs_arg_new(&how, c, optarg))
			return famfs_usage("wrong option");
	}
	nr = argc - optind;
	if (nr < 1)
		return famfs_usage("name a directory");
	t = calloc((size_t)nr, sizeof(*t));
	r = t ? resolve(t, device, argv + optind, nr) : -ENOMEM;
	if (!r)
		r = make_dirs(t, nr, &how, parents);
	free_targets(t, nr);
	return famfs_status(r);
}

/* ---- creat ---- */

static const char creat_help[] =
"usage: famfs creat -s SIZE [-r] [-S SEED] [OPTION...] FILE\n"
"       famfs creat -M FILE,SIZE[,SEED]... [OPTION...]\n"
"       famfs creat -M - [OPTION...]          (such lines from standard input)\n"
"\n"
"Make files of a fixed size. Only on the owner. Without a seed a file has what the\n"
"memory held before.\n"
"  -s, --size SIZE        bytes; K, M, G or T behind it, 0x or 0 before it\n"
"  -r, --randomize        fill it with numbers\n"
"  -S, --seed SEED        those of this seed (else of a random one, which is printed)\n"
"  -M, --multi FILE,SIZE[,SEED]   may be given many times\n"
"  -m, --mode MODE        permission bits, octal (0666 without the umask)\n"
"  -u, --uid UID          owner, a number (the caller)\n"
"  -g, --gid GID          group, a number\n"
"  -t, --threadct N       threads that fill\n"
"  -N, --nstrips N        interleaved: so many strips\n"
"  -B, --nbuckets N       of so many equal parts of each device (as many as strips)\n"
"  -C, --chunksize SIZE   by turns of so many bytes (2M)\n"
"  -W, --all-hosts-write  clients may write it, too\n"
"  -v, --verbose          say what is made\n"
"  -d, --daxdev DEVICE    without a mount: FILE counts from the root there\n";

struct creat {
	struct famfs_new how;
	const char *device;
	u64 size, seed;
	int has_size, random, has_seed, from_stdin;
	char **multi;
	int multis;
};

struct making {
	struct famfs_target first;	/* where all of them are */
	struct famfs_target dir;	/* of the last one */
	char *dir_name;			/* as it was given */
	struct famfs_fs *fs;
	struct famfs_shadow shadow;
	struct famfs_batch *batch;
};

/* What the server says of a directory holds for all that are named in it. */
static int find_dir(struct making *m, const struct creat *c, const char *name, size_t len)
{
	int r;

	if (m->dir_name && strlen(m->dir_name) == len && !memcmp(m->dir_name, name, len))
		return 0;
	famfs_target_free(&m->dir);
	free(m->dir_name);
	m->dir_name = strndup(name, len);
	if (!m->dir_name)
		return -ENOMEM;
	r = famfs_target(&m->dir, c->device, len ? m->dir_name : *name == '/' ? "/" :
			 c->device ? "" : ".");
	return r ? r : is_same(&m->first, &m->dir, name);
}

static int make_one(struct making *m, const struct creat *c, const char *name, u64 size,
		    const u64 *seed)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	char path[PATH_MAX], why[FAMFS_WHY];
	int r = find_dir(m, c, name, slash ? (size_t)(slash - name) : 0);

	if (r)
		return r;
	snprintf(path, sizeof(path), "%s%s%s", m->dir.path, *m->dir.path ? "/" : "", last);
	r = famfs_path_check(path, strlen(path) + 1, why);
	if (r)
		famfs_say("%s: %s", name, why);
	return r ? r : famfs_batch_numbers(m->batch, path, size, seed);
}

static int make_multi(struct making *m, const struct creat *c, char *text)
{
	u64 number[2];
	int nr = famfs_arg_multi(text, number);

	return make_one(m, c, text, number[0], nr == 2 ? &number[1] : NULL);
}

static int make_from_stdin(struct making *m, const struct creat *c, char *line)
{
	int r = 0;

	do {
		line[strcspn(line, "\n")] = 0;
		if (*line)
			r = make_multi(m, c, line);
	} while (!r && fgets(line, BUFSIZ, stdin));
	return r;
}

static int make_all(struct making *m, const struct creat *c, const char *path, char *line)
{
	int i, r = 0;

	if (path)
		return make_one(m, c, path, c->size, c->random ? &c->seed : NULL);
	for (i = 0; !r && i < c->multis; i++)
		r = make_multi(m, c, c->multi[i]);
	return r || !c->from_stdin ? r : make_from_stdin(m, c, line);
}

/* Where the first one is: all of them are there. */
static int find_first(struct making *m, const struct creat *c, const char *path,
		      const char *line)
{
	const char *text = path ? path : c->multis ? c->multi[0] : line;
	char *first = path ? strdup(path) : strndup(text, strcspn(text, ","));
	int r = first ? famfs_target(&m->first, c->device, first) : -ENOMEM;

	free(first);
	return r;
}

static int creat_files(const struct creat *c, const char *path)
{
	struct making m = { .dir_name = NULL };
	char line[BUFSIZ] = "";
	int r, end;

	if (c->from_stdin && !fgets(line, sizeof(line), stdin))
		return famfs_usage("no line on standard input");
	r = find_first(&m, c, path, line);
	if (!r)
		r = famfs_target_open(&m.first, FAMFS_LOG, &m.fs, &m.shadow);
	if (!r) {
		m.batch = famfs_batch_new(m.fs, &c->how);
		r = m.batch ? make_all(&m, c, path, line) : -ENOMEM;
		end = famfs_batch_end(m.batch);
		r = r ? r : end;
		famfs_target_close(m.fs, &m.shadow);
	}
	famfs_target_free(&m.first);
	famfs_target_free(&m.dir);
	free(m.dir_name);
	return r;
}

static int creat_option(struct creat *c, int opt)
{
	switch (opt) {
	case 's':
		c->has_size = 1;
		c->size = famfs_arg_size("size", optarg);
		break;
	case 'S':
		c->has_seed = 1;
		c->seed = famfs_arg_number("seed", optarg);
		c->random = 1;
		break;
	case 'r':
		c->random = 1;
		break;
	case 'd':
		c->device = optarg;
		break;
	case 'W':
		c->how.flags = FAMFS_ALL_HOSTS_RW;
		break;
	case 'M':
		if (!strcmp(optarg, "-"))
			c->from_stdin = 1;
		else
			c->multi[c->multis++] = optarg;
		break;
	default:
		return famfs_arg_new(&c->how, opt, optarg);
	}
	return 1;
}

static void choose_seed(struct creat *c)
{
	if (!c->random || c->has_seed)
		return;
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		famfs_usage("no random numbers: give a seed with -S");
	printf("seed %llu\n", (unsigned long long)c->seed);
}

static int creat_run(struct creat *c, int argc, char **argv)
{
	int many = c->multis || c->from_stdin;
	const char *path = many ? NULL : argv[optind];

	if (many ? argc != optind || c->has_size || c->random : argc != optind + 1)
		return famfs_usage(many ? "with -M: no -s, -r, -S and no other file" :
				   "name one file");
	if (!many && !c->has_size)
		return famfs_usage("-s SIZE is missing");
	if (c->how.stripes.strips && !c->how.stripes.buckets)
		c->how.stripes.buckets = c->how.stripes.strips;
	choose_seed(c);
	return famfs_status(creat_files(c, path));
}

int famfs_cmd_creat(int argc, char **argv)
{
	static const struct option option[] = {
		{ "size", 1, NULL, 's' }, { "randomize", 0, NULL, 'r' },
		{ "seed", 1, NULL, 'S' }, { "mode", 1, NULL, 'm' },
		{ "uid", 1, NULL, 'u' }, { "gid", 1, NULL, 'g' },
		{ "multi", 1, NULL, 'M' }, { "threadct", 1, NULL, 't' },
		{ "nstrips", 1, NULL, 'N' }, { "nbuckets", 1, NULL, 'B' },
		{ "chunksize", 1, NULL, 'C' }, { "all-hosts-write", 0, NULL, 'W' },
		{ "verbose", 0, NULL, 'v' }, { "daxdev", 1, NULL, 'd' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct creat c = { .device = NULL };
	int opt, status;

	famfs_new_init(&c.how);
	c.multi = calloc((size_t)argc, sizeof(*c.multi));
	if (!c.multi)
		return famfs_status(-ENOMEM);
	while ((opt = getopt_long(argc, argv, "s:rS:m:u:g:M:t:N:B:C:Wvd:h", option,
				  NULL)) != -1) {
		if (opt == 'h') {
			free(c.multi);
			return fputs(creat_help, stdout), famfs_status(0);
		}
		if (!creat_option(&c, opt))
			famfs_usage("wrong option");
	}
	status = creat_run(&c, argc, argv);
	free(c.multi);
	return status;
}
