// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The builder of base images: what it stores, and what it refuses.
 *
 * Notes: each test makes a tree of its own in a temporary folder, builds an
 * image of it into a file and reads that with the core. A tree that changes
 * between the scan and the writing stands for one that changes meanwhile:
 * the builder compares at the same places.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base.h"
#include "image.h"

#define KIB 1024ull
#define MIB (1024 * KIB)

struct env {
	char top[256];		/* the tree is top/tree */
	int dir;		/* of the tree */
	struct daxfs_image *image;
	struct daxfs_image_options opt;
	struct daxfs_geometry g;
	int fd;
	u8 *base;
	struct daxfs_region rg;
};

/* ---- a tree ---- */

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	const char *tmp = getenv("TMPDIR");

	if (!e)
		return -1;
	snprintf(e->top, sizeof(e->top) - 16, "%s/test-image.XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(e->top) || chdir(e->top) || mkdir("tree", 0755))
		return -1;
	e->dir = open("tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e->opt.dir = "tree";
	e->opt.threads = 2;
	e->fd = -1;
	*state = e;
	return e->dir < 0 ? -1 : 0;
}

/* Deeper than PATH_MAX, so by descriptors. */
static void remove_all(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct dirent *d;
	DIR *dir;

	if (fd < 0) {
		unlinkat(at, name, 0);
		return;
	}
	dir = fdopendir(fd);
	while (dir && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			remove_all(fd, d->d_name);
	closedir(dir);
	unlinkat(at, name, AT_REMOVEDIR);
}

static void drop_image(struct env *e)
{
	daxfs_image_free(e->image);
	e->image = NULL;
	if (e->base)
		munmap(e->base, e->g.region_len);
	e->base = NULL;
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static int teardown(void **state)
{
	struct env *e = *state;

	drop_image(e);
	close(e->dir);
	if (chdir("/"))
		return -1;
	remove_all(AT_FDCWD, e->top);
	free(e);
	return 0;
}

static void fill(struct env *e, const char *name, u64 from, u64 len, u32 seed)
{
	int fd = openat(e->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	u8 buf[64 * KIB];
	u64 i, n;

	assert_true(fd >= 0);
	for (; len; from += n, len -= n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		for (i = 0; i < n; i++)
			buf[i] = (u8)(((from + i) * 2654435761u + seed) >> 7);
		assert_int_equal(pwrite(fd, buf, n, (off_t)from), n);
	}
	close(fd);
}

static void make_file(struct env *e, const char *name, u64 len)
{
	fill(e, name, 0, len, (u32)len);
}

static void set_length(struct env *e, const char *name, u64 len)
{
	int fd = openat(e->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

static void make_dir(struct env *e, const char *name)
{
	assert_int_equal(mkdirat(e->dir, name, 0755), 0);
}

static void make_names(struct env *e)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = 0;
	make_file(e, name, 10);
	make_file(e, "\xff\xfe not UTF-8", 1);
	make_file(e, "a b\n\t\"c", 2);
	make_file(e, "-", 3);
	make_file(e, "...", 4);
	make_file(e, "ab", 5);
	make_file(e, "a", 6);
	make_file(e, "abc", 7);
}

static void make_kinds(struct env *e)
{
	char target[4096];

	make_dir(e, "kinds");
	assert_int_equal(symlinkat("../a", e->dir, "kinds/link"), 0);
	memset(target, 't', 4095);
	target[4095] = 0;
	assert_int_equal(symlinkat(target, e->dir, "kinds/long"), 0);
	assert_int_equal(mknodat(e->dir, "kinds/fifo", S_IFIFO | 0600, 0), 0);
	assert_int_equal(mknodat(e->dir, "kinds/sock", S_IFSOCK | 0611, 0), 0);
	if (!geteuid()) {
		assert_int_equal(mknodat(e->dir, "kinds/null", S_IFCHR | 0666,
					 makedev(1, 3)), 0);
		assert_int_equal(mknodat(e->dir, "kinds/big", S_IFBLK | 0600,
					 makedev(0xabc, 0x12345)), 0);
	}
}

static void make_modes(struct env *e)
{
	static const mode_t modes[] = { 0, 0400, 04755, 02755, 01777, 07777 };
	struct timespec ts[2] = { { 5, 5 }, { -3, 999999999 } };
	char name[32];
	u32 i;

	make_dir(e, "modes");
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(name, sizeof(name), "modes/%04o", modes[i]);
		make_file(e, name, i);
		if (geteuid() == 0)
			assert_int_equal(fchownat(e->dir, name, 1000 + i,
						  ~0u - 1 - i, 0), 0);
		/* Without root, what may not be read cannot be stored. */
		assert_int_equal(fchmodat(e->dir, name, geteuid() ?
					  modes[i] | 0400 : modes[i], 0), 0);
	}
	assert_int_equal(utimensat(e->dir, "modes/0000", ts, 0), 0);
}

static void make_links(struct env *e)
{
	make_dir(e, "links");
	make_dir(e, "links/sub");
	make_file(e, "links/one", 5000);
	assert_int_equal(linkat(e->dir, "links/one", e->dir, "links/two", 0),
			 0);
	assert_int_equal(linkat(e->dir, "links/one", e->dir, "links/sub/three",
				0), 0);
	assert_int_equal(symlinkat("x", e->dir, "links/s1"), 0);
	assert_int_equal(linkat(e->dir, "links/s1", e->dir, "links/s2", 0), 0);
}

static void make_sizes(struct env *e)
{
	static const u64 sizes[] = {
		0, 1, 4095, 4096, 4097, 100000, 2 * MIB - 1, 2 * MIB,
		2 * MIB + 1, 17 * MIB + 3,
	};
	char name[32];
	u32 i;

	make_dir(e, "sizes");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "sizes/%llu",
			 (unsigned long long)sizes[i]);
		make_file(e, name, sizes[i]);
	}
}

static void make_sparse(struct env *e)
{
	make_dir(e, "sparse");
	set_length(e, "sparse/hole", 10 * MIB + 5);
	set_length(e, "sparse/tail", 40 * MIB);
	fill(e, "sparse/tail", 0, 100, 1);
	set_length(e, "sparse/islands", 64 * MIB + 17);
	fill(e, "sparse/islands", 1 * MIB + 100, 5000, 2);
	fill(e, "sparse/islands", 5 * MIB + 64 * KIB, 4 * MIB, 3);
	fill(e, "sparse/islands", 64 * MIB, 17, 4);
	set_length(e, "sparse/huge", 1ull << 40);
	fill(e, "sparse/huge", 1ull << 39, 1, 5);
}

static void make_deep(struct env *e)
{
	char name[51];
	int at = dup(e->dir), next, i;

	memset(name, 'd', 50);
	name[50] = 0;
	for (i = 0; i < 120; i++) {
		assert_int_equal(mkdirat(at, name, 0755), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	next = openat(at, "bottom", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(next, "deep", 4), 4);
	close(next);
	close(at);
}

static void make_wide(struct env *e)
{
	char name[32];
	u32 i;

	make_dir(e, "wide");
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "wide/%u", i * 7919 % 3000);
		make_file(e, name, i % 50);
	}
}

static void make_tree(struct env *e)
{
	make_names(e);
	make_kinds(e);
	make_modes(e);
	make_links(e);
	make_sizes(e);
	make_sparse(e);
	make_deep(e);
	make_wide(e);
}

/* ---- an image ---- */

static void scan(struct env *e)
{
	if (daxfs_image_scan(&e->image, &e->opt))
		fail_msg("scan: %s", daxfs_image_error(e->image));
}

static void make_region(struct env *e)
{
	u64 needed;

	memset(&e->g, 0, sizeof(e->g));
	daxfs_image_geometry(e->image, &e->g);
	e->g.mode = DAXFS_MODE_STATIC;
	e->g.buckets = 512;
	memcpy(e->g.uuid, "0123456789abcdef", 16);
	e->g.created_ns = 1;
	assert_int_equal(daxfs_plan(&e->g, &needed), 0);
	e->fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(e->fd >= 0);
	assert_int_equal(ftruncate(e->fd, (off_t)e->g.region_len), 0);
	e->base = mmap(NULL, e->g.region_len, PROT_READ | PROT_WRITE,
		       MAP_SHARED, e->fd, 0);
	assert_true(e->base != MAP_FAILED);
}

static void print_finding(void *arg, const char *where, u64 id,
			  const char *what)
{
	(void)arg;
	print_error("%s %llu: %s\n", where, (unsigned long long)id, what);
}

static void check(struct env *e)
{
	struct daxfs_check ck = { .report = print_finding };
	void *scratch = calloc(1, daxfs_check_base_scratch(&e->rg));
	int err = daxfs_check_base(&e->rg, &ck, scratch);

	free(scratch);
	assert_int_equal(err, 0);
	assert_int_equal(ck.inodes, e->g.base_inode_nr);
}

static void build(struct env *e)
{
	char why[256];

	scan(e);
	make_region(e);
	if (daxfs_image_write(e->image, e->base, &e->fd, &e->g.super))
		fail_msg("write: %s", daxfs_image_error(e->image));
	assert_int_equal(daxfs_format(&e->g, e->base, e->g.region_len), 0);
	if (daxfs_region_open(&e->rg, e->base, e->g.region_len, 0, why,
			      sizeof(why)))
		fail_msg("open: %s", why);
	check(e);
}

/* Inode of a path in the image; fails the test if it is not there. */
static u64 find(struct env *e, const char *path, struct daxfs_base_inode *in)
{
	u64 ino = DAXFS_ROOT_INO;
	size_t len;

	assert_int_equal(daxfs_base_inode(&e->rg, ino, in), 0);
	for (; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (daxfs_base_lookup(&e->rg, in, path, (u32)len, &ino, NULL,
				      NULL))
			fail_msg("%s is not in the image", path);
		assert_int_equal(daxfs_base_inode(&e->rg, ino, in), 0);
	}
	return ino;
}

static int has(struct env *e, const char *name)
{
	struct daxfs_base_inode in;

	assert_int_equal(daxfs_base_inode(&e->rg, DAXFS_ROOT_INO, &in), 0);
	return !daxfs_base_lookup(&e->rg, &in, name, (u32)strlen(name), NULL,
				  NULL, NULL);
}

/* ---- tree and image hold the same ---- */

static void same_bytes(struct env *e, const struct daxfs_base_inode *in, int fd)
{
	static u8 want[MIB];
	struct daxfs_run run;
	u64 off, at;
	off_t data;

	for (off = 0; off < in->size; off += run.len) {
		/* A hole of the image may be skipped where the file has one. */
		data = lseek(fd, (off_t)off, SEEK_DATA);
		assert_int_equal(daxfs_base_run(&e->rg, in, off, sizeof(want),
						&run), 0);
		if (!run.off && (data < 0 || (u64)data >= off + run.len)) {
			assert_int_equal(daxfs_base_run(&e->rg, in, off,
					 data < 0 ? in->size : (u64)data - off,
					 &run), 0);
			continue;
		}
		assert_true(run.len);
		assert_int_equal(pread(fd, want, run.len, (off_t)off), run.len);
		if (run.off)
			assert_memory_equal(want, e->base + run.off, run.len);
		for (at = 0; !run.off && at < run.len; at++)
			assert_int_equal(want[at], 0);
	}
}

static void same_content(struct env *e, const struct daxfs_base_inode *in,
			 int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	same_bytes(e, in, fd);
	close(fd);
}

static void same_target(struct env *e, const struct daxfs_base_inode *in,
			int dir, const char *name)
{
	char want[5000], got[5000];
	ssize_t len = readlinkat(dir, name, want, sizeof(want));

	assert_int_equal(daxfs_base_target(&e->rg, in, got, sizeof(got)), len);
	assert_memory_equal(want, got, len);
}

static u32 encoded(dev_t d)
{
	return (minor(d) & 0xff) | major(d) << 8 | (minor(d) & ~0xffu) << 12;
}

static void same_attributes(const struct daxfs_base_inode *in,
			    const struct stat *st)
{
	assert_int_equal(in->mode, st->st_mode);
	assert_int_equal(in->uid, st->st_uid);
	assert_int_equal(in->gid, st->st_gid);
	assert_int_equal(in->mtime_ns, (s64)st->st_mtim.tv_sec * 1000000000 +
			 st->st_mtim.tv_nsec);
	if (!S_ISDIR(st->st_mode)) {
		assert_int_equal(in->nlink, st->st_nlink);
		assert_int_equal(in->size, st->st_size);
	}
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		assert_int_equal(in->rdev, encoded(st->st_rdev));
}

static void same_dir(struct env *e, const struct daxfs_base_inode *in, int fd);

static void same_entry(struct env *e, const struct daxfs_base_inode *parent,
		       int dir, const char *name, u32 *subdirs)
{
	struct daxfs_base_inode in;
	struct stat st;
	u64 ino;
	u32 type;
	int fd;

	if (daxfs_base_lookup(&e->rg, parent, name, (u32)strlen(name), &ino,
			      &type, NULL))
		fail_msg("%s is missing", name);
	assert_int_equal(daxfs_base_inode(&e->rg, ino, &in), 0);
	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(type, IFTODT(st.st_mode));
	same_attributes(&in, &st);
	if (S_ISREG(st.st_mode))
		same_content(e, &in, dir, name);
	if (S_ISLNK(st.st_mode))
		same_target(e, &in, dir, name);
	if (!S_ISDIR(st.st_mode))
		return;
	++*subdirs;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	same_dir(e, &in, fd);
}

/* Consumes fd. */
static void same_dir(struct env *e, const struct daxfs_base_inode *in, int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	u32 subdirs = 0;
	u64 nr = 0;

	assert_non_null(dir);
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		same_entry(e, in, fd, d->d_name, &subdirs);
		nr++;
	}
	closedir(dir);
	assert_int_equal(daxfs_base_dir_nr(in), nr);
	assert_int_equal(in->nlink, 2 + subdirs);
}

static void same_tree(struct env *e)
{
	struct daxfs_base_inode root;
	struct stat st;

	assert_int_equal(daxfs_base_inode(&e->rg, DAXFS_ROOT_INO, &root), 0);
	assert_int_equal(fstat(e->dir, &st), 0);
	same_attributes(&root, &st);
	same_dir(e, &root, openat(e->dir, ".", O_RDONLY | O_DIRECTORY));
}

/* ---- what is stored ---- */

static void everything_is_kept(void **state)
{
	struct env *e = *state;
	struct daxfs_image_totals n;

	make_tree(e);
	build(e);
	same_tree(e);
	daxfs_image_totals(e->image, &n);
	assert_int_equal(n.hard_links, 3);
	assert_int_equal(n.symlinks, 3);
}

static void one_thread_does_it_too(void **state)
{
	struct env *e = *state;

	make_sizes(e);
	make_wide(e);
	e->opt.threads = 1;
	build(e);
	same_tree(e);
}

/* A device is not written to through a descriptor. */
static void a_mapping_is_enough(void **state)
{
	struct env *e = *state;

	make_sizes(e);
	make_sparse(e);
	scan(e);
	make_region(e);
	assert_int_equal(daxfs_image_write(e->image, e->base, NULL, &e->g.super),
			 0);
	assert_int_equal(daxfs_format(&e->g, e->base, e->g.region_len), 0);
	assert_int_equal(daxfs_region_open(&e->rg, e->base, e->g.region_len, 0,
					   NULL, 0), 0);
	check(e);
	same_tree(e);
}

static void an_empty_tree_is_an_image(void **state)
{
	struct env *e = *state;
	struct daxfs_base_inode in;

	build(e);
	assert_int_equal(find(e, "", &in), DAXFS_ROOT_INO);
	assert_int_equal(daxfs_base_dir_nr(&in), 0);
	assert_int_equal(in.nlink, 2);
	same_tree(e);
}

static void hard_links_share_an_inode(void **state)
{
	struct env *e = *state;
	struct daxfs_base_inode in;
	u64 ino;

	make_links(e);
	build(e);
	ino = find(e, "links/one", &in);
	assert_int_equal(in.nlink, 3);
	assert_int_equal(find(e, "links/two", &in), ino);
	assert_int_equal(find(e, "links/sub/three", &in), ino);
	assert_int_equal(find(e, "links/s1", &in), find(e, "links/s2", &in));
}

/* Links from outside the tree do not count. */
static void only_names_in_the_tree_count(void **state)
{
	struct env *e = *state;
	struct daxfs_base_inode in;

	make_file(e, "f", 1);
	assert_int_equal(linkat(e->dir, "f", AT_FDCWD, "outside", 0), 0);
	build(e);
	find(e, "f", &in);
	assert_int_equal(in.nlink, 1);
}

static void large_files_are_aligned(void **state)
{
	struct env *e = *state;
	struct daxfs_base_inode in;
	struct daxfs_run run;

	make_sizes(e);
	make_sparse(e);
	build(e);
	find(e, "sizes/2097152", &in);
	assert_int_equal(in.data_off % (2 * MIB), 0);
	find(e, "sizes/17825795", &in);
	assert_int_equal(in.data_off % (2 * MIB), 0);
	find(e, "sizes/100000", &in);
	assert_int_equal(in.data_off % 4096, 0);
	/* 2 MiB of the file on 2 MiB of the region. */
	find(e, "sparse/islands", &in);
	assert_int_equal(daxfs_base_run(&e->rg, &in, 6 * MIB, 1, &run), 0);
	assert_int_equal((run.off - run.file_off) % (2 * MIB), 0);
}

static void padding_is_zero(void **state)
{
	struct env *e = *state;
	struct daxfs_base_inode in;
	u64 i;

	make_sizes(e);
	build(e);
	find(e, "sizes/4097", &in);
	for (i = 4097; i < 8192; i++)
		assert_int_equal(e->base[in.data_off + i], 0);
}

static void sparse_files_stay_small(void **state)
{
	struct env *e = *state;
	struct daxfs_base_inode in;

	make_sparse(e);
	build(e);
	find(e, "sparse/huge", &in);
	assert_true(in.flags & DAXFS_BASE_SPARSE);
	assert_int_equal(in.size, 1ull << 40);
	assert_true(e->g.region_len < 16 * MIB);
}

static void attributes_are_stored(void **state)
{
	struct env *e = *state;
	const char *name = geteuid() ? "user.daxfs" : "trusted.daxfs";
	struct daxfs_base_inode in;
	struct daxfs_base_xattr x;
	const u8 *at;

	make_file(e, "f", 1);
	if (setxattr("tree/f", name, "val\0ue", 6, 0)) {
		assert_int_equal(errno, EOPNOTSUPP);
		skip();
	}
	build(e);
	find(e, "f", &in);
	assert_true(in.xattr_len >= sizeof(x));
	at = e->base + in.xattr_off;
	memcpy(&x, at, sizeof(x));
	assert_int_equal(x.name_len, strlen(name));
	assert_int_equal(x.value_len, 6);
	assert_memory_equal(at + sizeof(x), name, x.name_len);
	assert_memory_equal(at + sizeof(x) + x.name_len, "val\0ue", 6);
}

static void times_are_clamped(void **state)
{
	struct env *e = *state;
	struct timespec old[2] = { { 100, 0 }, { 100, 7 } };
	struct daxfs_base_inode in;

	make_file(e, "old", 1);
	make_file(e, "new", 1);
	assert_int_equal(utimensat(e->dir, "old", old, 0), 0);
	e->opt.clamp = 1;
	e->opt.clamp_ns = 1000 * 1000000000ll;
	build(e);
	find(e, "old", &in);
	assert_int_equal(in.mtime_ns, 100 * 1000000000ll + 7);
	find(e, "new", &in);
	assert_int_equal(in.mtime_ns, e->opt.clamp_ns);
}

static void the_same_tree_gives_the_same_bytes(void **state)
{
	struct env *e = *state;
	u64 len;
	u8 *first;

	make_tree(e);
	build(e);
	len = e->g.region_len;
	first = malloc(len);
	assert_non_null(first);
	memcpy(first, e->base, len);
	drop_image(e);
	e->opt.threads = 3;
	build(e);
	assert_int_equal(e->g.region_len, len);
	assert_memory_equal(first, e->base, len);
	free(first);
}

static void exclusion(void **state)
{
	static const char *const patterns[] = { "*.o", "sub/b", "/top", "sub/*/x" };
	struct env *e = *state;
	struct daxfs_base_inode in;

	make_dir(e, "sub");
	make_dir(e, "sub/d");
	make_dir(e, "deep");
	make_dir(e, "deep/sub");
	make_dir(e, "top");
	make_file(e, "top/gone", 1);
	make_file(e, "a.o", 1);
	make_file(e, "sub/c.o", 1);
	make_file(e, "sub/b", 1);
	make_file(e, "sub/d/x", 1);
	make_file(e, "sub/d/top", 1);
	make_file(e, "deep/sub/b", 1);
	e->opt.exclude = patterns;
	e->opt.exclude_nr = 4;
	build(e);
	assert_false(has(e, "a.o"));
	assert_false(has(e, "top"));
	find(e, "sub", &in);
	assert_int_equal(daxfs_base_dir_nr(&in), 1);	/* d */
	find(e, "sub/d", &in);
	assert_int_equal(daxfs_base_dir_nr(&in), 1);	/* top */
	find(e, "deep/sub/b", &in);
}

/* ---- what is refused ---- */

static void make_victims(struct env *e)
{
	make_dir(e, "dir");
	make_file(e, "dir/file", 10000);
	make_file(e, "dir/empty", 0);
	make_file(e, "dir/other", 10000);
	assert_int_equal(symlinkat("x", e->dir, "dir/link"), 0);
	scan(e);
	make_region(e);
	/* ctime has the resolution of a tick: a change must be seen. */
	usleep(20000);
}

static void refused(struct env *e, const char *path, const char *what)
{
	int err = daxfs_image_write(e->image, e->base, &e->fd, &e->g.super);
	const char *text = daxfs_image_error(e->image);

	assert_int_equal(err, -ESTALE);
	if (strncmp(text, path, strlen(path)) || text[strlen(path)] != ':')
		fail_msg("\"%s\" does not name %s", text, path);
	if (!strstr(text, what))
		fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static void a_file_that_shrinks(void **state)
{
	struct env *e = *state;

	make_victims(e);
	set_length(e, "dir/file", 5000);
	refused(e, "tree/dir/file", "changed");
}

static void a_file_that_grows(void **state)
{
	struct env *e = *state;

	make_victims(e);
	set_length(e, "dir/file", 50000);
	refused(e, "tree/dir/file", "changed");
}

static void an_empty_file_that_grows(void **state)
{
	struct env *e = *state;

	make_victims(e);
	set_length(e, "dir/empty", 1);
	refused(e, "tree/dir/empty", "changed");
}

static void a_file_that_is_written_to(void **state)
{
	struct env *e = *state;

	make_victims(e);
	fill(e, "dir/file", 5000, 1, 77);
	refused(e, "tree/dir/file", "changed");
}

/* Written to, and the time set back: ctime tells. */
static void a_change_that_is_hidden(void **state)
{
	struct env *e = *state;
	struct timespec ts[2];
	struct stat st;

	make_victims(e);
	assert_int_equal(fstatat(e->dir, "dir/file", &st, 0), 0);
	fill(e, "dir/file", 5000, 1, 77);
	ts[0] = st.st_atim;
	ts[1] = st.st_mtim;
	assert_int_equal(utimensat(e->dir, "dir/file", ts, 0), 0);
	refused(e, "tree/dir/file", "changed");
}

static void a_file_that_vanishes(void **state)
{
	struct env *e = *state;

	make_victims(e);
	assert_int_equal(unlinkat(e->dir, "dir/file", 0), 0);
	refused(e, "tree/dir/file", "vanished");
}

static void a_file_that_becomes_a_fifo(void **state)
{
	struct env *e = *state;

	make_victims(e);
	assert_int_equal(unlinkat(e->dir, "dir/file", 0), 0);
	assert_int_equal(mknodat(e->dir, "dir/file", S_IFIFO | 0644, 0), 0);
	refused(e, "tree/dir/file", "changed");
}

static void a_file_that_becomes_a_link(void **state)
{
	struct env *e = *state;

	make_victims(e);
	assert_int_equal(unlinkat(e->dir, "dir/file", 0), 0);
	assert_int_equal(symlinkat("other", e->dir, "dir/file"), 0);
	refused(e, "tree/dir/file", "changed");
}

static void a_link_that_changes(void **state)
{
	struct env *e = *state;

	make_victims(e);
	assert_int_equal(unlinkat(e->dir, "dir/link", 0), 0);
	assert_int_equal(symlinkat("y", e->dir, "dir/link"), 0);
	refused(e, "tree/dir/link", "changed");
}

static void a_directory_that_is_exchanged(void **state)
{
	struct env *e = *state;

	make_victims(e);
	assert_int_equal(renameat(e->dir, "dir", e->dir, "away"), 0);
	assert_int_equal(symlinkat("away", e->dir, "dir"), 0);
	refused(e, "tree/dir", "changed");
}

static void a_name_that_comes(void **state)
{
	struct env *e = *state;

	make_victims(e);
	make_file(e, "dir/new", 1);
	refused(e, "tree/dir", "changed");
}

static void a_tree_that_is_not_there(void **state)
{
	struct env *e = *state;

	e->opt.dir = "nowhere";
	assert_int_equal(daxfs_image_scan(&e->image, &e->opt), -ENOENT);
	assert_non_null(strstr(daxfs_image_error(e->image), "nowhere: "));
	drop_image(e);
	make_file(e, "file", 1);
	e->opt.dir = "tree/file";
	assert_int_equal(daxfs_image_scan(&e->image, &e->opt), -ENOTDIR);
}

static void a_file_that_is_too_large(void **state)
{
	struct env *e = *state;

	/* Not every file system can have one to refuse. */
	make_file(e, "large", 0);
	if (truncate("tree/large", (off_t)((1ull << 44) + 1))) {
		assert_int_equal(errno, EFBIG);
		assert_int_equal(truncate("tree/large",
					  (off_t)((1ull << 44) - 4096)), 0);
		scan(e);
		return;
	}
	assert_int_equal(daxfs_image_scan(&e->image, &e->opt), -EFBIG);
	assert_non_null(strstr(daxfs_image_error(e->image), "tree/large: "));
}

static void a_time_that_does_not_fit(void **state)
{
	struct env *e = *state;
	struct timespec ts[2] = { { 0, 0 }, { 10000000000ll, 0 } };
	struct stat st;

	make_file(e, "f", 0);
	assert_int_equal(utimensat(e->dir, "f", ts, 0), 0);
	assert_int_equal(fstatat(e->dir, "f", &st, 0), 0);
	if (st.st_mtim.tv_sec != ts[1].tv_sec) {
		scan(e);	/* the file system has cut it to what fits */
		return;
	}
	assert_int_equal(daxfs_image_scan(&e->image, &e->opt), -EOVERFLOW);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_kept),
		TEST(one_thread_does_it_too),
		TEST(a_mapping_is_enough),
		TEST(an_empty_tree_is_an_image),
		TEST(hard_links_share_an_inode),
		TEST(only_names_in_the_tree_count),
		TEST(large_files_are_aligned),
		TEST(padding_is_zero),
		TEST(sparse_files_stay_small),
		TEST(attributes_are_stored),
		TEST(times_are_clamped),
		TEST(the_same_tree_gives_the_same_bytes),
		TEST(exclusion),
		TEST(a_file_that_shrinks),
		TEST(a_file_that_grows),
		TEST(an_empty_file_that_grows),
		TEST(a_file_that_is_written_to),
		TEST(a_change_that_is_hidden),
		TEST(a_file_that_vanishes),
		TEST(a_file_that_becomes_a_fifo),
		TEST(a_file_that_becomes_a_link),
		TEST(a_link_that_changes),
		TEST(a_directory_that_is_exchanged),
		TEST(a_name_that_comes),
		TEST(a_tree_that_is_not_there),
		TEST(a_file_that_is_too_large),
		TEST(a_time_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
