// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Extended attributes and access control lists, through libdaxfs.
 *
 * Notes: every test makes its own region in a file in /dev/shm and removes it; at
 * the end of each everything is accounted for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#include "region.h"

#define MIB	(1024 * 1024ull)
#define ACCESS	"system.posix_acl_access"
#define DEFAULT	"system.posix_acl_default"

struct env {
	char path[64];
	struct daxfs *fs;
};

/* ---- regions ---- */

static void must(s64 r)
{
	if (r < 0)
		fail_msg("%lld: %s", (long long)r, daxfs_fs_error((int)r));
}

static void *map_file(const char *path, int flags, u64 len)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	void *base;

	assert_true(fd >= 0);
	if (flags & O_CREAT)
		assert_int_equal(posix_fallocate(fd, 0, (off_t)len), 0);
	base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(base != MAP_FAILED);
	close(fd);
	return base;
}

static void make_region(const char *path, u64 len)
{
	struct daxfs_geometry g = {
		.region_len = len, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.buckets = 512, .root_mode = 0755, .uuid = { 1, 2, 3 },
	};
	u64 needed = 0;
	void *base;

	must(daxfs_plan(&g, &needed));
	base = map_file(path, O_CREAT | O_EXCL, g.region_len);
	must(daxfs_format(&g, base, g.region_len));
	munmap(base, g.region_len);
}

static struct daxfs *open_fs(const char *path)
{
	char why[256] = "";
	struct daxfs *fs;
	int r = daxfs_fs_open(&fs, path, 0, why, sizeof(why));

	if (r)
		fail_msg("%d: %s", r, why);
	return fs;
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct daxfs_fd *fd;

	assert_non_null(e);
	snprintf(e->path, sizeof(e->path), "/dev/shm/daxfs-test-xattr.%d",
		 (int)getpid());
	make_region(e->path, 16 * MIB);
	e->fs = open_fs(e->path);
	must(daxfs_fd_open(e->fs, NULL, "f", O_CREAT | O_RDWR, 0644, &fd));
	daxfs_fd_close(fd);
	must(daxfs_fs_mkdir(e->fs, NULL, "d", 0755));
	*state = e;
	return 0;
}

static void report(void *arg, const char *where, u64 id, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s %llu: %s\n", where, (unsigned long long)id, what);
}

/* Nobody uses the region: all of it is accounted for. */
static int account(const char *path, struct daxfs_check *ck)
{
	void *base = map_file(path, 0, 16 * MIB), *scratch;
	static struct daxfs_cx cx;
	struct daxfs_region rg;
	u64 len;
	int r;

	must(daxfs_region_open(&rg, base, 16 * MIB, 1, NULL, 0));
	must(daxfs_cx_init(&cx, &rg, 0));
	len = daxfs_check_pool_scratch(&rg);
	scratch = calloc(1, len);
	assert_non_null(scratch);
	*ck = (struct daxfs_check){ .report = report, .quiet = 1 };
	r = daxfs_check_pool(&cx, ck, scratch, len);
	free(scratch);
	munmap(base, 16 * MIB);
	return r;
}

static int teardown(void **state)
{
	struct env *e = *state;
	struct daxfs_check ck;
	int r = daxfs_fs_close(e->fs);

	if (!r)
		r = account(e->path, &ck);
	unlink(e->path);
	free(e);
	return r;
}

/* ---- calls ---- */

static int set_to(struct env *e, const char *path, const char *name,
		  const void *value, size_t len)
{
	return daxfs_fs_setxattr(e->fs, NULL, path, name, value, len, 0,
				 AT_SYMLINK_NOFOLLOW);
}

static ssize_t get(struct env *e, const char *path, const char *name, void *buf,
		   size_t len)
{
	return daxfs_fs_getxattr(e->fs, NULL, path, name, buf, len,
				 AT_SYMLINK_NOFOLLOW);
}

static int drop(struct env *e, const char *path, const char *name)
{
	return daxfs_fs_removexattr(e->fs, NULL, path, name,
				    AT_SYMLINK_NOFOLLOW);
}

static mode_t mode_of(struct env *e, const char *path)
{
	struct stat st;

	must(daxfs_fs_stat(e->fs, NULL, path, &st, AT_SYMLINK_NOFOLLOW));
	return st.st_mode & 07777;
}

/* ---- values ---- */

static void test_lengths(void **state)
{
	static const size_t lens[] = {
		0, 1, 7, 8, 32, 33, 34, 35, 96, 97, 98, 99, 288, 289, 290, 291,
		4064, 4065, 4066, 4067, 8177, 8178, 8179, 8180, 12000, 65535,
		65536,
	};
	static u8 value[65537], got[65537];
	struct env *e = *state;
	size_t i, k;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (k = 0; k < lens[i]; k++)
			value[k] = (u8)(k * 7 + i);
		must(set_to(e, "f", "user.v", value, lens[i]));
		assert_int_equal(get(e, "f", "user.v", NULL, 0), lens[i]);
		memset(got, 0xff, sizeof(got));
		assert_int_equal(get(e, "f", "user.v", got, sizeof(got)), lens[i]);
		assert_memory_equal(got, value, lens[i]);
		assert_int_equal(got[lens[i]], 0xff);
		if (lens[i] > 1)
			assert_int_equal(get(e, "f", "user.v", got, lens[i] - 1),
					 -ERANGE);
	}
	assert_int_equal(set_to(e, "f", "user.v", value, 65537), -E2BIG);
	must(drop(e, "f", "user.v"));
	assert_int_equal(get(e, "f", "user.v", NULL, 0), -ENODATA);
	assert_int_equal(drop(e, "f", "user.v"), -ENODATA);
}

static void test_flags(void **state)
{
	struct env *e = *state;
	char buf[16];

	assert_int_equal(daxfs_fs_setxattr(e->fs, NULL, "f", "user.a", "x", 1,
					   XATTR_REPLACE, 0), -ENODATA);
	must(daxfs_fs_setxattr(e->fs, NULL, "f", "user.a", "x", 1, XATTR_CREATE, 0));
	assert_int_equal(daxfs_fs_setxattr(e->fs, NULL, "f", "user.a", "y", 1,
					   XATTR_CREATE, 0), -EEXIST);
	must(daxfs_fs_setxattr(e->fs, NULL, "f", "user.a", "zz", 2, XATTR_REPLACE,
			       0));
	assert_int_equal(get(e, "f", "user.a", buf, sizeof(buf)), 2);
	assert_memory_equal(buf, "zz", 2);
	assert_int_equal(daxfs_fs_setxattr(e->fs, NULL, "f", "user.a", "y", 1, 4,
					   0), -EINVAL);
	assert_int_equal(daxfs_fs_setxattr(e->fs, NULL, "f", "user.a", "y", 1, 0,
					   1 << 20), -EINVAL);
}

static void test_names(void **state)
{
	char name[300] = "user.";
	struct env *e = *state;

	memset(name + 5, 'n', 250);
	must(set_to(e, "f", name, "x", 1));
	assert_int_equal(get(e, "f", name, NULL, 0), 1);
	name[255] = 'n';
	assert_int_equal(set_to(e, "f", name, "x", 1), -ERANGE);
	assert_int_equal(get(e, "f", name, NULL, 0), -ERANGE);
	assert_int_equal(set_to(e, "f", "", "x", 1), -ERANGE);
	assert_int_equal(set_to(e, "f", "user.", "x", 1), -EINVAL);
	assert_int_equal(set_to(e, "f", "user", "x", 1), -EOPNOTSUPP);
	assert_int_equal(set_to(e, "f", "system.other", "x", 1), -EOPNOTSUPP);
	assert_int_equal(get(e, "f", "system.other", NULL, 0), -EOPNOTSUPP);
	assert_int_equal(drop(e, "f", "other.x"), -EOPNOTSUPP);
	must(set_to(e, "f", "trusted.a", "x", 1));
	must(set_to(e, "f", "security.a", "x", 1));
	assert_int_equal(set_to(e, "none", "user.a", "x", 1), -ENOENT);
}

static void test_types(void **state)
{
	struct env *e = *state;

	must(daxfs_fs_symlink(e->fs, "f", NULL, "l"));
	must(daxfs_fs_mknod(e->fs, NULL, "p", S_IFIFO | 0644, 0));
	must(set_to(e, "d", "user.a", "x", 1));
	assert_int_equal(set_to(e, "l", "user.a", "x", 1), -EPERM);
	assert_int_equal(set_to(e, "p", "user.a", "x", 1), -EPERM);
	assert_int_equal(get(e, "p", "user.a", NULL, 0), -ENODATA);
	must(set_to(e, "l", "trusted.a", "link", 4));
	must(set_to(e, "p", "security.a", "x", 1));
	must(daxfs_fs_setxattr(e->fs, NULL, "l", "user.a", "file", 4, 0, 0));
	assert_int_equal(get(e, "f", "user.a", NULL, 0), 4);
	assert_int_equal(get(e, "f", "trusted.a", NULL, 0), -ENODATA);
	must(daxfs_fs_unlink(e->fs, NULL, "l"));
	must(daxfs_fs_unlink(e->fs, NULL, "p"));
	must(daxfs_fs_rmdir(e->fs, NULL, "d"));
}

static void test_list(void **state)
{
	static char names[65536];
	struct env *e = *state;
	struct daxfs_fd *fd;

	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "f", NULL, 0, 0), 0);
	must(daxfs_fd_open(e->fs, NULL, "f", O_RDWR, 0, &fd));
	must(daxfs_fd_setxattr(fd, "user.a", "x", 1, 0));
	must(daxfs_fd_setxattr(fd, "trusted.b", NULL, 0, 0));
	must(daxfs_fd_setxattr(fd, "user.c", "xyz", 3, XATTR_CREATE));
	must(daxfs_fd_setxattr(fd, "user.a", "longer", 6, XATTR_REPLACE));
	assert_int_equal(daxfs_fd_listxattr(fd, NULL, 0), 24);
	assert_int_equal(daxfs_fd_listxattr(fd, names, 23), -ERANGE);
	assert_int_equal(daxfs_fd_listxattr(fd, names, sizeof(names)), 24);
	assert_memory_equal(names, "trusted.b\0user.c\0user.a", 24);
	assert_int_equal(daxfs_fd_getxattr(fd, "trusted.b", names, 5), 0);
	must(daxfs_fd_removexattr(fd, "trusted.b"));
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "f", names, 24, 0), 14);
	/* held, without a name */
	must(daxfs_fs_unlink(e->fs, NULL, "f"));
	must(daxfs_fd_setxattr(fd, "user.d", "xyz", 3, 0));
	assert_int_equal(daxfs_fd_listxattr(fd, NULL, 0), 21);
	daxfs_fd_close(fd);
}

/* As many as there is room for, in one inode; then none. */
static void test_limit(void **state)
{
	static char value[1000], names[65536];
	struct statvfs before, after;
	struct env *e = *state;
	char name[32];
	u32 n;
	int r;

	must(daxfs_fs_statvfs(e->fs, &before));
	for (n = 0; n < 1000; n++) {
		snprintf(name, sizeof(name), "user.%03u", n);
		r = set_to(e, "f", name, value, sizeof(value));
		if (r)
			break;
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, 131072 / 1016);
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "f", names,
					    sizeof(names), 0), n * 9);
	/* what is there can be replaced */
	must(set_to(e, "f", "user.000", "x", 1));
	must(daxfs_fs_chmod(e->fs, NULL, "f", 0600));
	assert_int_equal(get(e, "f", "user.001", NULL, 0), sizeof(value));
	while (n--) {
		snprintf(name, sizeof(name), "user.%03u", n);
		must(drop(e, "f", name));
	}
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "f", NULL, 0, 0), 0);
	must(daxfs_fs_statvfs(e->fs, &after));
	/* slabs for records and for small sets may stay */
	assert_true(after.f_bfree + 4 >= before.f_bfree);
}

/* A pool without room: nothing has changed. */
static void test_full(void **state)
{
	static char value[60000], got[60000];
	struct env *e = *state;
	char name[16];
	u32 n, i;
	int r = 0;

	memset(value, 'v', sizeof(value));
	for (n = 0; !r && n < 1000; n++) {
		struct daxfs_fd *fd;

		snprintf(name, sizeof(name), "f%u", n);
		must(daxfs_fd_open(e->fs, NULL, name, O_CREAT | O_RDWR, 0644, &fd));
		r = daxfs_fd_setxattr(fd, "user.v", value, sizeof(value), 0);
		daxfs_fd_close(fd);
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(n > 100);
	assert_int_equal(get(e, name, "user.v", NULL, 0), -ENODATA);
	for (i = 0; i + 1 < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(get(e, name, "user.v", got, sizeof(got)),
				 sizeof(value));
		assert_memory_equal(got, value, sizeof(value));
		if (i % 2)
			must(drop(e, name, "user.v"));
		else
			must(daxfs_fs_unlink(e->fs, NULL, name));
	}
	must(set_to(e, "f", "user.v", value, sizeof(value)));
}

/* Until the clock that times are taken from has moved on. */
static void tick(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &from);
	do {
		usleep(1000);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec == from.tv_sec && now.tv_nsec == from.tv_nsec);
}

static void test_times(void **state)
{
	const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct stat before, after;
	struct env *e = *state;

	must(daxfs_fs_utimens(e->fs, NULL, "f", past, 0));
	must(daxfs_fs_stat(e->fs, NULL, "f", &before, 0));
	tick();
	must(set_to(e, "f", "user.a", "x", 1));
	must(daxfs_fs_stat(e->fs, NULL, "f", &after, 0));
	assert_int_equal(after.st_mtim.tv_sec, 1);
	assert_true(after.st_ctim.tv_sec > before.st_ctim.tv_sec ||
		    after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
	before = after;
	assert_int_equal(drop(e, "f", "user.b"), -ENODATA);
	must(daxfs_fs_stat(e->fs, NULL, "f", &after, 0));
	assert_memory_equal(&after.st_ctim, &before.st_ctim,
			    sizeof(after.st_ctim));
	tick();
	must(drop(e, "f", "user.a"));
	must(daxfs_fs_stat(e->fs, NULL, "f", &after, 0));
	assert_true(memcmp(&after.st_ctim, &before.st_ctim,
			   sizeof(after.st_ctim)) != 0);
}

static void test_two_hosts(void **state)
{
	static char value[20000], got[20000];
	struct env *e = *state;
	struct env other = { .fs = open_fs(e->path) };

	memset(value, 'a', sizeof(value));
	must(set_to(e, "f", "user.a", value, sizeof(value)));
	must(set_to(&other, "f", "user.b", "other", 5));
	assert_int_equal(get(&other, "f", "user.a", got, sizeof(got)),
			 sizeof(value));
	assert_memory_equal(got, value, sizeof(value));
	must(daxfs_fs_chmod(other.fs, NULL, "f", 0600));
	assert_int_equal(get(e, "f", "user.b", got, sizeof(got)), 5);
	assert_int_equal(get(e, "f", "user.a", got, sizeof(got)), sizeof(value));
	must(drop(&other, "f", "user.a"));
	assert_int_equal(get(e, "f", "user.a", NULL, 0), -ENODATA);
	must(daxfs_fs_unlink(other.fs, NULL, "f"));
	must(daxfs_fs_close(other.fs));
}

static void test_capability(void **state)
{
	struct env *e = *state;

	must(set_to(e, "f", "security.capability", "cap", 3));
	must(set_to(e, "f", "user.a", "x", 1));
	must(daxfs_fs_chmod(e->fs, NULL, "f", 0755));
	assert_int_equal(get(e, "f", "security.capability", NULL, 0), 3);
	must(daxfs_fs_chown(e->fs, NULL, "f", 5, 6, 0));
	assert_int_equal(get(e, "f", "security.capability", NULL, 0), -ENODATA);
	assert_int_equal(get(e, "f", "user.a", NULL, 0), 1);
	must(set_to(e, "f", "security.capability", "cap", 3));
	must(drop(e, "f", "user.a"));
	must(daxfs_fs_chown(e->fs, NULL, "f", (uid_t)-1, 7, 0));
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "f", NULL, 0, 0), 0);
}

/* ---- access control lists ---- */

struct entry {
	u16 tag, perm;
	u32 id;
};

#define OWNER(p)	{ 0x01, p, ~0u }
#define USER(u, p)	{ 0x02, p, u }
#define GROUP(p)	{ 0x04, p, ~0u }
#define OTHERS_OF(g, p)	{ 0x08, p, g }
#define MASK(p)		{ 0x10, p, ~0u }
#define OTHER(p)	{ 0x20, p, ~0u }

struct list {
	u32 nr;
	struct entry e[8];
};

static size_t pack(const struct list *l, u8 *to)
{
	u32 version = 2;

	memcpy(to, &version, 4);
	memcpy(to + 4, l->e, l->nr * sizeof(l->e[0]));
	return 4 + l->nr * sizeof(l->e[0]);
}

static int set_list(struct env *e, const char *path, const char *name,
		    const struct list *l)
{
	u8 buf[128];
	size_t len = pack(l, buf);

	return set_to(e, path, name, buf, len);
}

static void is_list(struct env *e, const char *path, const char *name,
		    const struct list *l)
{
	u8 want[128], got[128];
	size_t len = pack(l, want);

	assert_int_equal(get(e, path, name, got, sizeof(got)), len);
	assert_memory_equal(got, want, len);
}

static const struct list full = { 6, { OWNER(7), USER(5, 6), GROUP(4),
				       OTHERS_OF(9, 7), MASK(6), OTHER(1) } };

static void test_access(void **state)
{
	static const struct list plain = { 3, { OWNER(7), GROUP(5), OTHER(0) } };
	struct env *e = *state;
	struct list l = full;

	must(daxfs_fs_chmod(e->fs, NULL, "f", 06600));
	must(set_list(e, "f", ACCESS, &full));
	assert_int_equal(mode_of(e, "f"), 06761);
	is_list(e, "f", ACCESS, &full);
	must(daxfs_fs_chmod(e->fs, NULL, "f", 0640));
	l.e[0].perm = 6;
	l.e[4].perm = 4;
	l.e[5].perm = 0;
	is_list(e, "f", ACCESS, &l);
	/* what it says of others and the mask goes with the mode */
	must(set_to(e, "f", "user.a", "x", 1));
	must(daxfs_fs_chmod(e->fs, NULL, "f", 04777));
	assert_int_equal(mode_of(e, "f"), 04777);
	l.e[0].perm = l.e[4].perm = l.e[5].perm = 7;
	is_list(e, "f", ACCESS, &l);
	assert_int_equal(get(e, "f", "user.a", NULL, 0), 1);
	/* one that the mode says as well is not stored */
	must(set_list(e, "f", ACCESS, &plain));
	assert_int_equal(mode_of(e, "f"), 04750);
	assert_int_equal(get(e, "f", ACCESS, NULL, 0), -ENODATA);
	must(set_list(e, "d", ACCESS, &plain));
	assert_int_equal(mode_of(e, "d"), 0750);
	/* removing leaves the mode */
	must(set_list(e, "f", ACCESS, &full));
	must(drop(e, "f", ACCESS));
	assert_int_equal(mode_of(e, "f"), 04761);
	must(drop(e, "f", ACCESS));
}

static void test_no_lists(void **state)
{
	static const struct list bad[] = {
		{ 0, { OWNER(7) } },
		{ 2, { OWNER(7), GROUP(5) } },
		{ 3, { OWNER(7), OTHER(5), GROUP(0) } },
		{ 3, { OWNER(8), GROUP(5), OTHER(0) } },
		{ 4, { OWNER(7), USER(5, 6), GROUP(4), OTHER(0) } },
		{ 4, { OWNER(7), GROUP(4), OTHERS_OF(3, 3), OTHER(0) } },
		{ 5, { OWNER(7), GROUP(4), USER(5, 6), MASK(7), OTHER(0) } },
		{ 4, { OWNER(7), OWNER(7), GROUP(4), OTHER(0) } },
		{ 4, { OWNER(7), GROUP(4), OTHER(0), OTHER(0) } },
		{ 4, { OWNER(7), GROUP(4), { 0x40, 7, 0 }, OTHER(0) } },
		{ 5, { OWNER(7), GROUP(4), MASK(1), MASK(1), OTHER(0) } },
	};
	struct env *e = *state;
	u8 buf[128];
	size_t len, i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(set_list(e, "d", ACCESS, &bad[i]), -EINVAL);
		assert_int_equal(set_list(e, "d", DEFAULT, &bad[i]), -EINVAL);
	}
	len = pack(&full, buf);
	for (i = 1; i < 8; i++)
		assert_int_equal(set_to(e, "f", ACCESS, buf, len - i), -EINVAL);
	assert_int_equal(set_to(e, "f", ACCESS, buf, 0), -EINVAL);
	buf[0] = 1;
	assert_int_equal(set_to(e, "f", ACCESS, buf, len), -EINVAL);
	assert_int_equal(mode_of(e, "f"), 0644);
	assert_int_equal(set_list(e, "f", DEFAULT, &full), -EACCES);
	must(daxfs_fs_symlink(e->fs, "f", NULL, "l"));
	assert_int_equal(set_list(e, "l", ACCESS, &full), -EOPNOTSUPP);
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "f", NULL, 0, 0), 0);
}

static void create(struct env *e, const char *path, mode_t mode)
{
	struct daxfs_fd *fd;

	must(daxfs_fd_open(e->fs, NULL, path, O_CREAT | O_EXCL | O_RDWR, mode, &fd));
	daxfs_fd_close(fd);
}

static void test_inherit(void **state)
{
	static const struct list plain = { 3, { OWNER(7), GROUP(5), OTHER(4) } };
	struct env *e = *state;
	struct list l = full;

	must(set_to(e, "d", "user.a", "not inherited", 13));
	must(set_list(e, "d", DEFAULT, &full));
	assert_int_equal(mode_of(e, "d"), 0755);
	create(e, "d/f", 0644);
	assert_int_equal(mode_of(e, "d/f"), 0640);
	l.e[0].perm = 6;
	l.e[4].perm = 4;
	l.e[5].perm = 0;
	is_list(e, "d/f", ACCESS, &l);
	assert_int_equal(get(e, "d/f", DEFAULT, NULL, 0), -ENODATA);
	assert_int_equal(get(e, "d/f", "user.a", NULL, 0), -ENODATA);
	must(daxfs_fs_mkdir(e->fs, NULL, "d/s", 0775));
	assert_int_equal(mode_of(e, "d/s"), 0761);
	is_list(e, "d/s", ACCESS, &full);
	is_list(e, "d/s", DEFAULT, &full);
	must(daxfs_fs_mknod(e->fs, NULL, "d/s/p", S_IFIFO | 0600, 0));
	assert_int_equal(mode_of(e, "d/s/p"), 0600);
	must(daxfs_fs_symlink(e->fs, "x", NULL, "d/l"));
	assert_int_equal(mode_of(e, "d/l"), 0777);
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "d/l", NULL, 0,
					    AT_SYMLINK_NOFOLLOW), 0);
	/* one that a mode can say: directories hand it on, nothing else */
	must(set_list(e, "d", DEFAULT, &plain));
	create(e, "d/g", 0666);
	assert_int_equal(mode_of(e, "d/g"), 0644);
	assert_int_equal(daxfs_fs_listxattr(e->fs, NULL, "d/g", NULL, 0, 0), 0);
	must(daxfs_fs_mkdir(e->fs, NULL, "d/t", 0700));
	assert_int_equal(mode_of(e, "d/t"), 0700);
	assert_int_equal(get(e, "d/t", ACCESS, NULL, 0), -ENODATA);
	is_list(e, "d/t", DEFAULT, &plain);
	must(drop(e, "d", DEFAULT));
	must(drop(e, "d", DEFAULT));
	create(e, "d/h", 0666);
	assert_int_equal(mode_of(e, "d/h"), 0666);
}

/* A list of thousands of entries, that a mode and children follow. */
static void test_long_list(void **state)
{
	static u8 buf[65536], got[65536];
	const u32 nr = 8000;
	struct env *e = *state;
	struct entry one = OWNER(7);
	u32 version = 2, i, at = 4;

	memcpy(buf, &version, 4);
	memcpy(buf + at, &one, 8);
	for (i = 0; i < nr; i++) {
		one = (struct entry)USER(i, i % 8);
		memcpy(buf + (at += 8), &one, 8);
	}
	one = (struct entry)GROUP(5);
	memcpy(buf + (at += 8), &one, 8);
	one = (struct entry)MASK(7);
	memcpy(buf + (at += 8), &one, 8);
	one = (struct entry)OTHER(0);
	memcpy(buf + (at += 8), &one, 8);
	at += 8;
	must(set_to(e, "d", DEFAULT, buf, at));
	create(e, "d/f", 0640);
	assert_int_equal(mode_of(e, "d/f"), 0640);
	assert_int_equal(get(e, "d/f", ACCESS, got, sizeof(got)), at);
	buf[4 + 2] = 6;
	buf[at - 16 + 2] = 4;
	assert_memory_equal(got, buf, at);
	must(daxfs_fs_chmod(e->fs, NULL, "d/f", 0751));
	assert_int_equal(get(e, "d/f", ACCESS, got, sizeof(got)), at);
	buf[4 + 2] = 7;
	buf[at - 16 + 2] = 5;
	buf[at - 8 + 2] = 1;
	assert_memory_equal(got, buf, at);
}

/* A region that shows damage is known by the check. */
static void test_check(void **state)
{
	struct env *e = *state;
	struct daxfs_check ck;

	must(set_to(e, "f", "user.a", "x", 1));
	must(set_to(e, "d", "user.a", e->path, 30));
	must(set_list(e, "d", DEFAULT, &full));
	create(e, "d/x", 0600);
	/* with the sets that they have */
	must(daxfs_fs_chmod(e->fs, NULL, "f", 0600));
	must(daxfs_fs_chown(e->fs, NULL, "d", 3, 4, 0));
	must(daxfs_fs_close(e->fs));
	assert_int_equal(account(e->path, &ck), 0);
	assert_int_equal(ck.sum.object[DAXFS_T_XATTR], 3);
	assert_int_equal(ck.sum.page[DAXFS_T_XATTR], 0);
	e->fs = open_fs(e->path);
	must(set_to(e, "f", "user.b", e, sizeof(*e)));
	{
		static char value[9000];

		must(set_to(e, "f", "user.b", value, sizeof(value)));
	}
	must(daxfs_fs_close(e->fs));
	assert_int_equal(account(e->path, &ck), 0);
	assert_int_equal(ck.sum.object[DAXFS_T_XATTR], 2);
	assert_int_equal(ck.sum.page[DAXFS_T_XATTR], 4);
	e->fs = open_fs(e->path);
}

#define REGION_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct CMUnitTest tests[] = {
	REGION_TEST(test_lengths),
	REGION_TEST(test_flags),
	REGION_TEST(test_names),
	REGION_TEST(test_types),
	REGION_TEST(test_list),
	REGION_TEST(test_limit),
	REGION_TEST(test_full),
	REGION_TEST(test_times),
	REGION_TEST(test_two_hosts),
	REGION_TEST(test_capability),
	REGION_TEST(test_access),
	REGION_TEST(test_no_lists),
	REGION_TEST(test_inherit),
	REGION_TEST(test_long_list),
	REGION_TEST(test_check),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
