// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs verify, chkread, getmap, flush: commands for every host.
 *
 * Notes: with a mount they read what the mount shows; with -d DEVICE what the
 * device has, without a mount.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../tools/common.h"
#include "famfs.h"

#define PIECE	(1u << 20)

/* ---- a file, through a mount or without one ---- */

struct source {
	const char *name;
	int fd;			/* or -1 */
	struct famfs_fs *fs;
	struct famfs_rec rec;
	u64 size;
};

static int source_mounted(struct source *s)
{
	struct stat st;

	s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st)) {
		famfs_say("%s: cannot open: %s", s->name, strerror(errno));
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		famfs_say("%s: not a file", s->name);
		return -EINVAL;
	}
	s->size = (u64)st.st_size;
	return 0;
}

static int source_stat(struct source *s, const char *path)
{
	int r = famfs_stat(s->fs, path, &s->rec);

	if (!r && s->rec.type != FAMFS_LOG_FILE) {
		famfs_say("%s: not a file", s->name);
		r = -EINVAL;
	}
	s->size = s->rec.f.size;
	return r;
}

/* fs: of -d, replayed; NULL: through the mount. */
static int source_open(struct source *s, struct famfs_fs *fs, const char *name)
{
	*s = (struct source){ .name = name, .fd = -1, .fs = fs };
	return fs ? source_stat(s, name + strspn(name, "/")) : source_mounted(s);
}

static void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
}

static int read_fd(int fd, void *buf, u64 off, u64 len)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf = (char *)buf + n;
		off += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

static int source_read(void *arg, void *buf, u64 off, u64 len)
{
	struct source *s = arg;

	return s->fd >= 0 ? read_fd(s->fd, buf, off, len) :
	       famfs_content_read(s->fs, &s->rec.f, buf, off, len);
}

/* The file system of -d, or nothing. */
static int open_device(const char *device, struct famfs_fs **fs)
{
	int r;

	*fs = NULL;
	if (!device)
		return 0;
	r = famfs_open(fs, device, FAMFS_READ, NULL);
	if (!r)
		r = famfs_replay(*fs);
	if (r) {
		famfs_close(*fs);
		*fs = NULL;
	}
	return r;
}

/* ---- verify ---- */

static const char verify_help[] =
"usage: famfs verify -S SEED [-d DEVICE] -f FILE\n"
"       famfs verify -m FILE,SEED... [-t N] [-d DEVICE]\n"
"\n"
"Compare files with the numbers of a seed ('famfs creat -r').\n"
"  -S, --seed SEED        the seed\n"
"  -f, --filename FILE    the file\n"
"  -m, --multi FILE,SEED  may be given many times\n"
"  -t, --threadct N       threads\n"
"  -d, --daxdev DEVICE    without a mount: FILE counts from the root there\n";

struct check {
	char *name;
	u64 seed;
};

struct verify {
	struct famfs_fs *fs;
	struct check *check;
};

static int verify_one(void *arg, u64 i)
{
	struct verify *v = arg;
	struct check *c = &v->check[i];
	struct source s;
	int r = source_open(&s, v->fs, c->name);

	if (!r)
		r = famfs_content_verify(c->name, s.size, c->seed, source_read, &s);
	source_close(&s);
	return r;
}

static int verify_all(const char *device, struct check *check, int nr,
		      unsigned int threads)
{
	struct verify v = { .check = check };
	int r = open_device(device, &v.fs);
	u32 i;

	/* Found by one thread: then they only look. */
	for (i = 0; v.fs && i < v.fs->devices; i++)
		famfs_device(v.fs, i);
	if (!r)
		r = famfs_parallel(threads, (u64)nr, verify_one, &v);
	famfs_close(v.fs);
	if (!r)
		printf("%d %s as it should be\n", nr, nr == 1 ? "file is" : "files are");
	return r;
}

static struct check multi_check(char *text)
{
	char *comma = strrchr(text, ',');

	if (!comma || comma == text)
		famfs_usage("'%s': give a name, a comma and a seed", text);
	*comma = 0;
	return (struct check){ text, famfs_arg_number("seed", comma + 1) };
}

int famfs_cmd_verify(int argc, char **argv)
{
	static const struct option option[] = {
		{ "seed", 1, NULL, 'S' }, { "filename", 1, NULL, 'f' },
		{ "multi", 1, NULL, 'm' }, { "threadct", 1, NULL, 't' },
		{ "daxdev", 1, NULL, 'd' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct check *check = calloc((size_t)argc, sizeof(*check)), one = { NULL, 0 };
	const char *device = NULL;
	struct famfs_new how;
	int c, nr = 0, has_seed = 0, r;

	famfs_new_init(&how);
	while (check && (c = getopt_long(argc, argv, "S:f:m:t:d:h", option, NULL)) != -1) {
		if (c == 'h') {
			free(check);
			return fputs(verify_help, stdout), famfs_status(0);
		}
		if (c == 'S') {
			has_seed = 1;
			one.seed = famfs_arg_number("seed", optarg);
		} else if (c == 'f') {
			one.name = optarg;
		} else if (c == 'm') {
			check[nr++] = multi_check(optarg);
		} else if (c == 'd') {
			device = optarg;
		} else if (c != 't' || !famfs_arg_new(&how, c, optarg)) {
			famfs_usage("wrong option");
		}
	}
	if (!one.name && optind < argc)
		one.name = argv[optind++];
	if (optind != argc || !one.name != !has_seed || (!nr && !one.name))
		famfs_usage("give -S SEED -f FILE, or -m FILE,SEED");
	if (check && one.name)
		check[nr++] = one;
	r = check ? verify_all(device, check, nr, how.threads) : -ENOMEM;
	free(check);
	return famfs_status(r);
}

/* ---- one file: chkread, getmap, flush ---- */

struct one {
	const char *device, *name;
};

static struct one one_file(int argc, char **argv, const char *help, const char *what)
{
	static const struct option option[] = {
		{ "daxdev", 1, NULL, 'd' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct one one = { NULL, NULL };
	int c;

	while ((c = getopt_long(argc, argv, "d:h", option, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			exit(famfs_status(0));
		}
		if (c != 'd')
			famfs_usage("wrong option");
		one.device = optarg;
	}
	if (optind + 1 != argc)
		famfs_usage("name %s", what);
	one.name = argv[optind];
	return one;
}

static const char chkread_help[] =
"usage: famfs chkread FILE\n"
"\n"
"Compare what read(2), a mapping and the device itself show of a file in a mount.\n";

/* Open what the log says of a path of a mount. */
static int open_target(const struct one *one, enum famfs_how how, struct famfs_fs **fs,
		       struct famfs_shadow *shadow, struct famfs_rec *rec)
{
	struct famfs_target t;
	int r = famfs_target(&t, one->device, one->name);

	*fs = NULL;
	if (!r)
		r = famfs_target_open(&t, how, fs, shadow);
	if (!r)
		r = famfs_stat(*fs, t.path, rec);
	if (!r && rec->type != FAMFS_LOG_FILE) {
		famfs_say("%s: not a file", one->name);
		r = -EINVAL;
	}
	famfs_target_free(&t);
	return r;
}

static int differ(const char *name, const char *what, u64 off)
{
	famfs_say("%s: %s differ within the MiB from byte %llu on", name, what,
		  (unsigned long long)off);
	return -EIO;
}

static int compare(struct source *s, struct famfs_fs *fs, const struct famfs_rec *rec,
		   const u8 *mapped)
{
	u8 *buf = malloc(PIECE), *raw = malloc(PIECE);
	int r = buf && raw ? 0 : -ENOMEM;
	u64 off, len;

	for (off = 0; off < s->size && !r; off += len) {
		len = s->size - off < PIECE ? s->size - off : PIECE;
		r = read_fd(s->fd, buf, off, len);
		if (!r)
			r = famfs_content_read(fs, &rec->f, raw, off, len);
		if (r)
			famfs_say("%s: %s", s->name, strerror(-r));
		else if (memcmp(buf, mapped + off, len))
			r = differ(s->name, "read(2) and a mapping", off);
		else if (memcmp(buf, raw, len))
			r = differ(s->name, "read(2) and the device", off);
	}
	free(buf);
	free(raw);
	return r;
}

static int chkread(struct source *s, const struct one *one)
{
	struct famfs_shadow shadow = { .root = -1, .dir = -1 };
	struct famfs_rec rec;
	struct famfs_fs *fs;
	int r = open_target(one, FAMFS_READ, &fs, &shadow, &rec);
	void *at;

	if (!r && rec.f.size != s->size) {
		famfs_say("%s: %llu bytes; the log says %llu", s->name,
			  (unsigned long long)s->size,
			  (unsigned long long)rec.f.size);
		r = -EIO;
	}
	if (!r && s->size) {
		at = mmap(NULL, s->size, PROT_READ, MAP_SHARED, s->fd, 0);
		r = at == MAP_FAILED ? -errno : compare(s, fs, &rec, at);
		if (at != MAP_FAILED)
			munmap(at, s->size);
		else
			famfs_say("%s: cannot be mapped: %s", s->name, strerror(-r));
	}
	famfs_target_close(fs, &shadow);
	return r;
}

int famfs_cmd_chkread(int argc, char **argv)
{
	struct one one = one_file(argc, argv, chkread_help, "a file");
	struct source s;
	int r;

	if (one.device)
		return famfs_usage("chkread is about a file in a mount");
	r = source_open(&s, NULL, one.name);
	if (!r)
		r = chkread(&s, &one);
	source_close(&s);
	if (!r)
		printf("%s: %llu bytes, the same in each way\n", one.name,
		       (unsigned long long)s.size);
	return famfs_status(r);
}

static const char getmap_help[] =
"usage: famfs getmap [-d DEVICE] FILE\n"
"\n"
"Print which extents a file has, as its shadow file says it.\n"
"  -d, --daxdev DEVICE    without a mount: FILE counts from the root there\n";

int famfs_cmd_getmap(int argc, char **argv)
{
	struct one one = one_file(argc, argv, getmap_help, "a file");
	struct famfs_shadow shadow = { .root = -1, .dir = -1 };
	struct famfs_text text = { NULL, 0 };
	struct famfs_rec rec;
	struct famfs_fs *fs;
	int r = open_target(&one, FAMFS_READ, &fs, &shadow, &rec);

	if (!r)
		r = famfs_yaml_write(&rec.f, NULL, NULL, &text);
	if (!r)
		fputs(text.at, stdout);
	free(text.at);
	famfs_target_close(fs, &shadow);
	return famfs_status(r);
}

static const char flush_help[] =
"usage: famfs flush [-d DEVICE] FILE\n"
"\n"
"Write what the processor has of a file back to memory, and forget it: before\n"
"another host reads what a program stored through a mapping here, and before a\n"
"program reads here what another host stored.\n"
"  -d, --daxdev DEVICE    without a mount: FILE counts from the root there\n";

/* What the kernel has of it goes to the server first. */
static int write_back(const struct one *one)
{
	int fd, r = 0;

	if (one->device)
		return 0;
	fd = open(one->name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd)) {
		r = -errno;
		famfs_say("%s: %s", one->name, strerror(errno));
	} else {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int famfs_cmd_flush(int argc, char **argv)
{
	struct one one = one_file(argc, argv, flush_help, "a file");
	struct famfs_shadow shadow = { .root = -1, .dir = -1 };
	struct famfs_rec rec;
	struct famfs_fs *fs = NULL;
	int r = write_back(&one);

	if (!r)
		r = open_target(&one, FAMFS_READ, &fs, &shadow, &rec);
	if (!r)
		r = famfs_content_flush(fs, &rec.f);
	famfs_target_close(fs, &shadow);
	return famfs_status(r);
}
