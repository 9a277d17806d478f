// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * libdaxfs: the public API, pins, hosts, and regions that vanish or are bad.
 *
 * Notes: every test makes its own region in a file in /dev/shm and removes it.
 * Nothing waits for time to pass: what another process must have done first
 * comes through a pipe, what a host does once a second is asked for by
 * opening the region again.
 */
#define _GNU_SOURCE	/* O_TMPFILE, AT_EMPTY_PATH, SEEK_DATA */
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#include "mount.h"
#include "region.h"

#define MIB (1024 * 1024ull)

struct env {
	char path[64];
	struct daxfs *fs;
};

/* ---- regions ---- */

static void must(int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, daxfs_fs_error(r));
}

static void *map_new(const char *path, u64 len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	void *base;

	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)len), 0);
	base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(base != MAP_FAILED);
	close(fd);
	return base;
}

static void make_region_as(const char *path, u64 len, int persistent)
{
	struct daxfs_geometry g = {
		.persistent = persistent,
		.region_len = len, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.buckets = 65536, .root_mode = 0755, .label = "unit",
		.uuid = { 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	};
	u64 needed = 0;
	void *base;

	must(daxfs_plan(&g, &needed));
	base = map_new(path, g.region_len);
	must(daxfs_format(&g, base, g.region_len));
	munmap(base, g.region_len);
}

static void make_region(const char *path, u64 len)
{
	make_region_as(path, len, 0);
}

static void region_path(char *path, size_t len)
{
	static int nr;

	snprintf(path, len, "/dev/shm/daxfs-test-lib.%d.%d", (int)getpid(), nr++);
}

static struct daxfs *open_fs(const char *path, unsigned int flags)
{
	struct daxfs *fs;
	char why[256] = "";
	int r = daxfs_fs_open(&fs, path, flags, why, sizeof(why));

	if (r)
		fail_msg("%d: %s", r, why);
	return fs;
}

static int setup_len(void **state, u64 len)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	region_path(e->path, sizeof(e->path));
	make_region(e->path, len);
	e->fs = open_fs(e->path, 0);
	*state = e;
	return 0;
}

static int setup(void **state)
{
	return setup_len(state, 32 * MIB);
}

/* Room for all that threads retire before the first of them is reused. */
static int setup_large(void **state)
{
	return setup_len(state, 128 * MIB);
}

static int teardown(void **state)
{
	struct env *e = *state;
	int r = daxfs_fs_close(e->fs);

	unlink(e->path);
	free(e);
	return r;
}

/* ---- small steps ---- */

static struct daxfs_fd *open_at(struct daxfs *fs, const char *path, int flags)
{
	struct daxfs_fd *fd;

	must(daxfs_fd_open(fs, NULL, path, flags, 0644, &fd));
	return fd;
}

static int open_result(struct daxfs *fs, const char *path, int flags)
{
	struct daxfs_fd *fd;
	int r = daxfs_fd_open(fs, NULL, path, flags, 0644, &fd);

	if (r)
		assert_null(fd);
	else
		daxfs_fd_close(fd);
	return r;
}

static void put_file(struct daxfs *fs, const char *path, const char *text)
{
	struct daxfs_fd *fd = open_at(fs, path, O_WRONLY | O_CREAT | O_TRUNC);

	assert_int_equal(daxfs_fd_pwrite(fd, text, strlen(text), 0), strlen(text));
	daxfs_fd_close(fd);
}

static void check_file(struct daxfs *fs, const char *path, const char *text)
{
	struct daxfs_fd *fd = open_at(fs, path, O_RDONLY);
	char buf[256] = "";

	assert_int_equal(daxfs_fd_pread(fd, buf, sizeof(buf) - 1, 0),
			 strlen(text));
	assert_string_equal(buf, text);
	daxfs_fd_close(fd);
}

static int stat_result(struct daxfs *fs, const char *path, struct stat *st)
{
	struct stat unused;

	return daxfs_fs_stat(fs, NULL, path, st ? st : &unused, 0);
}

static void fill(u8 *buf, size_t len, u32 seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[i] = (u8)(seed >> 24);
	}
}

static void write_pattern(struct daxfs *fs, const char *path, size_t len, u32 seed)
{
	struct daxfs_fd *fd = open_at(fs, path, O_WRONLY | O_CREAT);
	u8 *buf = malloc(len);

	assert_non_null(buf);
	fill(buf, len, seed);
	assert_int_equal(daxfs_fd_pwrite(fd, buf, len, 0), len);
	daxfs_fd_close(fd);
	free(buf);
}

/* ---- opening ---- */

static void refused(const char *path, unsigned int flags, int err, const char *word)
{
	struct daxfs *fs = (struct daxfs *)1;
	char why[256] = "";

	assert_int_equal(daxfs_fs_open(&fs, path, flags, why, sizeof(why)), err);
	assert_null(fs);
	if (!strstr(why, path) || !strstr(why, word))
		fail_msg("'%s' lacks '%s' or '%s'", why, path, word);
}

static void test_open_nothing(void **state)
{
	char path[64];
	int fd;

	(void)state;
	region_path(path, sizeof(path));
	refused(path, 0, -ENOENT, "No such file");
	refused("/dev/shm", 0, -EISDIR, "directory");
	refused("/dev/null", 0, -EINVAL, "neither a file nor");
	refused("phys:12", 0, -EINVAL, "phys:ADDRESS:SIZE");
	refused("phys:4097:1M", 0, -EINVAL, "multiples");
	refused("phys:0x1000:1Q", 0, -EINVAL, "phys:ADDRESS:SIZE");
	refused(path, 1u << 30, -EINVAL, "unknown flags");
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	refused(path, 0, -EINVAL, "too few");
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	refused(path, 0, -EINVAL, "not a daxfs region");
	close(fd);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, 0, -EINVAL, "neither a file nor");
	unlink(path);
}

/* Change len bytes of the superblock; with a right checksum if sum. */
static void spoil(const char *path, size_t off, const void *bytes, size_t len,
		  int sum)
{
	struct daxfs_super sb;
	int fd = open(path, O_RDWR);

	assert_int_equal(pread(fd, &sb, sizeof(sb), 0), sizeof(sb));
	memcpy((u8 *)&sb + off, bytes, len);
	if (sum) {
		sb.crc = 0;
		sb.crc = port_crc32(0, &sb, sizeof(sb));
	}
	assert_int_equal(pwrite(fd, &sb, sizeof(sb), 0), sizeof(sb));
	close(fd);
}

static void spoiled(size_t off, u64 value, size_t len, int sum, int err,
		    const char *word)
{
	char path[64];

	region_path(path, sizeof(path));
	make_region(path, 16 * MIB);
	spoil(path, off, &value, len, sum);
	refused(path, 0, err, word);
	unlink(path);
}

static void test_open_bad(void **state)
{
	char path[64];

	(void)state;
	spoiled(offsetof(struct daxfs_super, magic), 'x', 1, 1, -EINVAL, "magic");
	spoiled(offsetof(struct daxfs_super, version), 77, 4, 1,
		-EPROTONOSUPPORT, "version");
	spoiled(offsetof(struct daxfs_super, label), 'X', 1, 0, -EUCLEAN,
		"checksum");
	spoiled(offsetof(struct daxfs_super, incompat),
		DAXFS_INCOMPAT_OVERLAY | 1ull << 40, 8, 1, -EPROTONOSUPPORT,
		"features");
	spoiled(offsetof(struct daxfs_super, ro_compat), 1ull << 40, 8, 1,
		-EROFS, "read-only");
	spoiled(offsetof(struct daxfs_super, region_len), 1ull << 40, 8, 1,
		-ENODATA, "truncated");
	region_path(path, sizeof(path));
	make_region(path, 16 * MIB);
	assert_int_equal(truncate(path, 8 * MIB), 0);
	refused(path, 0, -ENODATA, "truncated");
	unlink(path);
}

static void test_open_unknown_ro(void **state)
{
	u64 bit = 1ull << 40;
	struct daxfs *fs;
	char path[64];

	(void)state;
	region_path(path, sizeof(path));
	make_region(path, 16 * MIB);
	spoil(path, offsetof(struct daxfs_super, ro_compat), &bit, 8, 1);
	fs = open_fs(path, DAXFS_FS_RDONLY);
	assert_int_equal(daxfs_fs_rdonly(fs), 1);
	assert_int_equal(daxfs_fs_close(fs), 0);
	unlink(path);
}

static void test_open_locked(void **state)
{
	struct env *e = *state;
	int fd = open(e->path, O_RDWR);

	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	must(daxfs_fs_close(e->fs));
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	refused(e->path, 0, -EBUSY, "mkdaxfs");
	close(fd);
	e->fs = open_fs(e->path, 0);
}

static void test_open_exclusive(void **state)
{
	struct env *e = *state;
	struct daxfs_mount *m;
	char why[256] = "";

	assert_int_equal(daxfs_mount_open(&m, e->path, DAXFS_OPEN_EXCLUSIVE,
					  DAXFS_HOST_TOOL, why, sizeof(why)),
			 -EBUSY);
	assert_non_null(strstr(why, "in use"));
	must(daxfs_fs_close(e->fs));
	e->fs = NULL;
	must(daxfs_mount_open(&m, e->path, DAXFS_OPEN_EXCLUSIVE,
			      DAXFS_HOST_TOOL, why, sizeof(why)));
	refused(e->path, 0, -EBUSY, "fsck.daxfs");
	daxfs_mount_close(m);
}

/* A host that keeps its slot but not its lock on the file. */
static void test_open_exclusive_host(void **state)
{
	struct env *e = *state;
	struct daxfs_host_id id;
	struct daxfs_mount *m;
	char why[256] = "";

	must(daxfs_fs_close(e->fs));
	e->fs = NULL;
	must(daxfs_mount_open(&m, e->path, 0, DAXFS_HOST_TOOL, why, sizeof(why)));
	daxfs_host_identify(&id, DAXFS_HOST_TOOL);
	assert_int_equal(id.pid, getpid());
	assert_true(id.start_time && (id.boot_id[0] || id.boot_id[1]));
	/* Leave the slot taken, as another machine's would be. */
	daxfs_mount_region(m)->joined = 0;
	daxfs_mount_close(m);
	assert_int_equal(daxfs_mount_open(&m, e->path, DAXFS_OPEN_EXCLUSIVE,
					  DAXFS_HOST_TOOL, why, sizeof(why)),
			 -EBUSY);
	assert_non_null(strstr(why, "in use by process"));
}

static void test_texts(void **state)
{
	(void)state;
	assert_true(strlen(daxfs_lib_version()) >= 5);
	assert_non_null(strstr(daxfs_fs_error(-EUCLEAN), "fsck.daxfs"));
	assert_non_null(strstr(daxfs_fs_error(-ENOENT), "No such"));
	assert_non_null(strstr(daxfs_fs_error(-EIO), "gone"));
}

static void test_close_busy(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *fd = open_at(e->fs, "f", O_RDWR | O_CREAT);
	struct daxfs_fd *dir = open_at(e->fs, "/", O_RDONLY);
	struct daxfs_list *list;
	struct daxfs_pin *pin;

	must(daxfs_pin_begin(fd, &pin));
	must(daxfs_list_open(dir, 0, &list));
	daxfs_fd_close(dir);
	assert_int_equal(daxfs_fs_close(e->fs), -EBUSY);
	daxfs_fd_close(fd);
	assert_int_equal(daxfs_fs_close(e->fs), -EBUSY);
	daxfs_pin_end(pin);
	assert_int_equal(daxfs_fs_close(e->fs), -EBUSY);
	daxfs_list_close(list);
	must(daxfs_fs_close(e->fs));
	e->fs = NULL;
	assert_int_equal(daxfs_fs_close(NULL), 0);
}

/* ---- names ---- */

static void test_names(void **state)
{
	struct env *e = *state;
	struct stat st, st2;
	char buf[16];

	must(daxfs_fs_mkdir(e->fs, NULL, "d", 01777));
	assert_int_equal(daxfs_fs_mkdir(e->fs, NULL, "d/", 0755), -EEXIST);
	must(daxfs_fs_mkdir(e->fs, NULL, "d/sub/", 0700));
	must(stat_result(e->fs, "d", &st));
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(st.st_uid, geteuid());
	put_file(e->fs, "d/f", "hello");
	must(daxfs_fs_link(e->fs, NULL, "d/f", NULL, "/g", 0));
	assert_int_equal(daxfs_fs_link(e->fs, NULL, "d/f", NULL, "/g", 0), -EEXIST);
	assert_int_equal(daxfs_fs_link(e->fs, NULL, "d", NULL, "/h", 0), -EPERM);
	must(stat_result(e->fs, "g", &st));
	must(stat_result(e->fs, "d/f", &st2));
	assert_int_equal(st.st_ino, st2.st_ino);
	assert_int_equal(st.st_dev, st2.st_dev);
	assert_int_equal(st.st_nlink, 2);
	must(daxfs_fs_symlink(e->fs, "d/f", NULL, "l"));
	assert_int_equal(daxfs_fs_readlink(e->fs, NULL, "l", buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "d/f", 3);
	assert_int_equal(daxfs_fs_readlink(e->fs, NULL, "l", buf, 2), 2);
	assert_int_equal(daxfs_fs_readlink(e->fs, NULL, "g", buf, 2), -EINVAL);
	must(daxfs_fs_stat(e->fs, NULL, "l", &st, AT_SYMLINK_NOFOLLOW));
	assert_true(S_ISLNK(st.st_mode));
	must(daxfs_fs_link(e->fs, NULL, "l", NULL, "lf", AT_SYMLINK_FOLLOW));
	must(daxfs_fs_link(e->fs, NULL, "l", NULL, "ll", 0));
	must(daxfs_fs_stat(e->fs, NULL, "lf", &st, AT_SYMLINK_NOFOLLOW));
	assert_int_equal(st.st_nlink, 3);
	must(daxfs_fs_stat(e->fs, NULL, "ll", &st, AT_SYMLINK_NOFOLLOW));
	assert_true(S_ISLNK(st.st_mode));
}

static void test_remove(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;

	must(daxfs_fs_mkdir(fs, NULL, "d", 0755));
	put_file(fs, "d/f", "x");
	assert_int_equal(daxfs_fs_rmdir(fs, NULL, "d"), -ENOTEMPTY);
	assert_int_equal(daxfs_fs_rmdir(fs, NULL, "d/f"), -ENOTDIR);
	assert_int_equal(daxfs_fs_rmdir(fs, NULL, "/"), -EBUSY);
	assert_int_equal(daxfs_fs_rmdir(fs, NULL, "d/."), -EINVAL);
	assert_int_equal(daxfs_fs_rmdir(fs, NULL, "d/.."), -ENOTEMPTY);
	assert_int_equal(daxfs_fs_unlink(fs, NULL, "d"), -EISDIR);
	assert_int_equal(daxfs_fs_unlink(fs, NULL, "d/"), -EISDIR);
	assert_int_equal(daxfs_fs_unlink(fs, NULL, "d/f/"), -ENOTDIR);
	assert_int_equal(daxfs_fs_unlink(fs, NULL, "d/none"), -ENOENT);
	assert_int_equal(daxfs_fs_unlink(fs, NULL, ""), -ENOENT);
	must(daxfs_fs_unlink(fs, NULL, "d/f"));
	must(daxfs_fs_rmdir(fs, NULL, "d/"));
	assert_int_equal(stat_result(fs, "d", NULL), -ENOENT);
}

static void test_rename(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;

	put_file(fs, "a", "aa");
	put_file(fs, "b", "bb");
	must(daxfs_fs_mkdir(fs, NULL, "d", 0755));
	must(daxfs_fs_mkdir(fs, NULL, "d/e", 0755));
	assert_int_equal(daxfs_fs_rename(fs, NULL, "a", NULL, "b",
					 DAXFS_FS_NOREPLACE), -EEXIST);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "a", NULL, "b", 8), -EINVAL);
	must(daxfs_fs_rename(fs, NULL, "a", NULL, "b", 0));
	assert_int_equal(stat_result(fs, "a", NULL), -ENOENT);
	check_file(fs, "b", "aa");
	must(daxfs_fs_rename(fs, NULL, "b", NULL, "d/c", DAXFS_FS_NOREPLACE));
	check_file(fs, "d/c", "aa");
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d", NULL, "d/e/x", 0), -EINVAL);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/c", NULL, "d/e", 0), -EISDIR);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/e", NULL, "d/c", 0), -ENOTDIR);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/c/", NULL, "x", 0), -ENOTDIR);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/c", NULL, "x/", 0), -ENOTDIR);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/.", NULL, "x", 0), -EBUSY);
	must(daxfs_fs_rename(fs, NULL, "d/e", NULL, "e/", 0));
	must(stat_result(fs, "e", NULL));
}

static u64 ino_of(struct daxfs *fs, const char *path)
{
	struct stat st;

	must(daxfs_fs_stat(fs, NULL, path, &st, AT_SYMLINK_NOFOLLOW));
	return st.st_ino;
}

static void test_exchange(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;
	u64 dir, file;

	put_file(fs, "a", "aa");
	must(daxfs_fs_mkdir(fs, NULL, "d", 0755));
	must(daxfs_fs_mkdir(fs, NULL, "d/e", 0755));
	put_file(fs, "d/e/f", "ff");
	assert_int_equal(daxfs_fs_rename(fs, NULL, "a", NULL, "b",
					 DAXFS_FS_EXCHANGE), -ENOENT);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "b", NULL, "a",
					 DAXFS_FS_EXCHANGE), -ENOENT);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "a", NULL, "d",
			 DAXFS_FS_EXCHANGE | DAXFS_FS_NOREPLACE), -EINVAL);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "a", NULL, "d",
			 DAXFS_FS_EXCHANGE | DAXFS_FS_WHITEOUT), -EINVAL);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d", NULL, "d/e/f",
					 DAXFS_FS_EXCHANGE), -EINVAL);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/e/f", NULL, "d",
					 DAXFS_FS_EXCHANGE), -EINVAL);
	assert_int_equal(daxfs_fs_rename(fs, NULL, "d/", NULL, "a/",
					 DAXFS_FS_EXCHANGE), -ENOTDIR);
	must(daxfs_fs_rename(fs, NULL, "a", NULL, "a", DAXFS_FS_EXCHANGE));
	dir = ino_of(fs, "d/e");
	file = ino_of(fs, "a");
	must(daxfs_fs_rename(fs, NULL, "a", NULL, "d/e/", DAXFS_FS_EXCHANGE));
	assert_int_equal(ino_of(fs, "a"), dir);
	assert_int_equal(ino_of(fs, "d/e"), file);
	assert_int_equal(ino_of(fs, "a/.."), DAXFS_ROOT_INO);
	check_file(fs, "d/e", "aa");
	check_file(fs, "a/f", "ff");
	assert_int_equal(daxfs_fs_rmdir(fs, NULL, "d"), -ENOTEMPTY);
	must(daxfs_fs_unlink(fs, NULL, "d/e"));
	must(daxfs_fs_rmdir(fs, NULL, "d"));
}

static void test_whiteout(void **state)
{
	struct env *e = *state;
	struct stat st;

	put_file(e->fs, "a", "aa");
	put_file(e->fs, "b", "bb");
	assert_int_equal(daxfs_fs_rename(e->fs, NULL, "a", NULL, "b",
			 DAXFS_FS_WHITEOUT | DAXFS_FS_NOREPLACE), -EEXIST);
	must(daxfs_fs_rename(e->fs, NULL, "a", NULL, "b", DAXFS_FS_WHITEOUT));
	check_file(e->fs, "b", "aa");
	must(stat_result(e->fs, "a", &st));
	assert_int_equal(st.st_mode, S_IFCHR);
	assert_int_equal(st.st_rdev, 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_gid, getegid());
	must(daxfs_fs_rename(e->fs, NULL, "b", NULL, "c",
			     DAXFS_FS_WHITEOUT | DAXFS_FS_NOREPLACE));
	check_file(e->fs, "c", "aa");
	must(daxfs_fs_unlink(e->fs, NULL, "a"));
	must(daxfs_fs_unlink(e->fs, NULL, "b"));
	assert_int_equal(stat_result(e->fs, "a", &st), -ENOENT);
}

static int link_fd(struct daxfs *fs, struct daxfs_fd *fd, const char *to)
{
	return daxfs_fs_link(fs, fd, "", NULL, to, AT_EMPTY_PATH);
}

static void test_tmpfile(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;
	struct daxfs_fd *fd;
	struct stat st;

	must(daxfs_fs_mkdir(fs, NULL, "d", 0755));
	must(daxfs_fs_chown(fs, NULL, "d", (uid_t)-1, 77, 0));
	must(daxfs_fs_chmod(fs, NULL, "d", 02755));
	put_file(fs, "f", "x");
	assert_int_equal(daxfs_fd_open(fs, NULL, "d", O_TMPFILE, 0600, &fd),
			 -EINVAL);
	assert_int_equal(daxfs_fd_open(fs, NULL, "d", O_TMPFILE | O_RDWR |
				       O_CREAT, 0600, &fd), -EINVAL);
	assert_int_equal(daxfs_fd_open(fs, NULL, "f", O_TMPFILE | O_RDWR, 0600,
				       &fd), -ENOTDIR);
	assert_int_equal(daxfs_fd_open(fs, NULL, "n", O_TMPFILE | O_RDWR, 0600,
				       &fd), -ENOENT);
	must(daxfs_fd_open(fs, NULL, "d", O_TMPFILE | O_RDWR, 0640, &fd));
	assert_int_equal(daxfs_fd_pwrite(fd, "later", 5, 0), 5);
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_gid, 77);
	assert_int_equal(st.st_size, 5);
	must(daxfs_fs_rmdir(fs, NULL, "d"));	/* it is in no directory */
	assert_int_equal(link_fd(fs, fd, "f"), -EEXIST);
	must(link_fd(fs, fd, "g"));
	must(link_fd(fs, fd, "h"));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_nlink, 2);
	must(daxfs_fs_unlink(fs, NULL, "h"));
	check_file(fs, "g", "later");
	must(daxfs_fs_unlink(fs, NULL, "g"));
	assert_int_equal(link_fd(fs, fd, "g"), -ENOENT);	/* never again */
	daxfs_fd_close(fd);
	must(daxfs_fd_open(fs, NULL, "/", O_TMPFILE | O_WRONLY | O_EXCL, 0600,
			   &fd));
	assert_int_equal(link_fd(fs, fd, "g"), -ENOENT);
	daxfs_fd_close(fd);
}

/* Files without a name come and go, and nothing of them stays. */
static void test_tmpfile_many(void **state)
{
	struct env *e = *state;
	struct statvfs before, after;
	struct daxfs_fd *fd[200];
	u32 i, round;

	must(daxfs_fs_statvfs(e->fs, &before));
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 200; i++) {
			must(daxfs_fd_open(e->fs, NULL, "/", O_TMPFILE | O_RDWR,
					   0600, &fd[i]));
			assert_int_equal(daxfs_fd_pwrite(fd[i], "x", 1, 5000), 1);
		}
		for (i = 0; i < 200; i++)
			daxfs_fd_close(fd[i]);
	}
	must(daxfs_fs_statvfs(e->fs, &after));
	assert_int_equal(after.f_files - after.f_ffree,
			 before.f_files - before.f_ffree);
}

static void test_mknod(void **state)
{
	struct env *e = *state;
	struct stat st;

	must(daxfs_fs_mknod(e->fs, NULL, "p", S_IFIFO | 0600, 0));
	must(daxfs_fs_mknod(e->fs, NULL, "s", S_IFSOCK | 0600, 0));
	must(daxfs_fs_mknod(e->fs, NULL, "r", 0640, 0));
	must(daxfs_fs_mknod(e->fs, NULL, "c", S_IFCHR | 0600, makedev(259, 70000)));
	assert_int_equal(daxfs_fs_mknod(e->fs, NULL, "x", S_IFDIR | 0600, 0), -EINVAL);
	assert_int_equal(daxfs_fs_mknod(e->fs, NULL, "r", 0640, 0), -EEXIST);
	assert_int_equal(daxfs_fs_mknod(e->fs, NULL, "r/", 0640, 0), -EEXIST);
	assert_int_equal(daxfs_fs_mknod(e->fs, NULL, "x/", 0640, 0), -ENOENT);
	must(stat_result(e->fs, "c", &st));
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(major(st.st_rdev), 259);
	assert_int_equal(minor(st.st_rdev), 70000);
	must(stat_result(e->fs, "r", &st));
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(open_result(e->fs, "p", O_RDONLY), -ENXIO);
}

/* ---- paths ---- */

static void test_walk(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;
	char name[300], path[600];
	struct daxfs_fd *dir;
	struct stat st, root;

	must(daxfs_fs_mkdir(fs, NULL, "/a", 0755));
	must(daxfs_fs_mkdir(fs, NULL, "//a///b", 0755));
	put_file(fs, "a/b/f", "deep");
	check_file(fs, "/a/./b/../b//f", "deep");
	check_file(fs, "../../a/b/f", "deep");
	assert_int_equal(stat_result(fs, "a/b/f/", NULL), -ENOTDIR);
	assert_int_equal(stat_result(fs, "a/b/f/x", NULL), -ENOTDIR);
	assert_int_equal(stat_result(fs, "a/none/f", NULL), -ENOENT);
	assert_int_equal(stat_result(fs, "", NULL), -ENOENT);
	must(stat_result(fs, "/", &root));
	assert_int_equal(root.st_ino, 1);
	must(stat_result(fs, "a/../..", &st));
	assert_int_equal(st.st_ino, 1);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(stat_result(fs, name, NULL), -ENAMETOOLONG);
	assert_int_equal(daxfs_fs_mkdir(fs, NULL, name, 0755), -ENAMETOOLONG);
	name[255] = '\0';
	must(daxfs_fs_mkdir(fs, NULL, name, 0755));
	snprintf(path, sizeof(path), "a/../%s/../a/b/f", name);
	check_file(fs, path, "deep");
	dir = open_at(fs, "a", O_RDONLY | O_DIRECTORY);
	must(daxfs_fs_stat(fs, dir, "b/f", &st, 0));
	must(daxfs_fs_stat(fs, dir, "/a/b/f", &st, 0));
	assert_int_equal(daxfs_fs_stat(fs, dir, "a/b/f", &st, 0), -ENOENT);
	must(daxfs_fs_rename(fs, dir, "b", NULL, "moved", 0));
	assert_int_equal(daxfs_fs_stat(fs, dir, "b", &st, 0), -ENOENT);
	must(daxfs_fs_stat(fs, dir, "../moved/f", &st, 0));
	must(daxfs_fs_rmdir(fs, NULL, "a"));
	assert_int_equal(daxfs_fs_mkdir(fs, dir, "x", 0755), -ENOENT);
	daxfs_fd_close(dir);
}

static void test_symlinks(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;
	struct stat st;
	char name[8], target[8];

	must(daxfs_fs_mkdir(fs, NULL, "d", 0755));
	put_file(fs, "d/f", "text");
	must(daxfs_fs_symlink(fs, "/d", NULL, "abs"));
	must(daxfs_fs_symlink(fs, "../d/", NULL, "d/up"));
	check_file(fs, "abs/up/up/f", "text");
	must(daxfs_fs_stat(fs, NULL, "abs", &st, AT_SYMLINK_NOFOLLOW));
	assert_true(S_ISLNK(st.st_mode));
	must(daxfs_fs_stat(fs, NULL, "abs/", &st, AT_SYMLINK_NOFOLLOW));
	assert_true(S_ISDIR(st.st_mode));
	must(daxfs_fs_symlink(fs, "loop", NULL, "loop"));
	assert_int_equal(stat_result(fs, "loop", NULL), -ELOOP);
	assert_int_equal(open_result(fs, "loop", O_RDONLY), -ELOOP);
	must(daxfs_fs_symlink(fs, "d/f", NULL, "0"));
	for (int i = 1; i <= 40; i++) {
		snprintf(name, sizeof(name), "%d", i);
		snprintf(target, sizeof(target), "%d", i - 1);
		must(daxfs_fs_symlink(fs, target, NULL, name));
	}
	check_file(fs, "39", "text");
	assert_int_equal(stat_result(fs, "40", NULL), -ELOOP);
	assert_int_equal(open_result(fs, "abs", O_RDONLY | O_NOFOLLOW), -ELOOP);
	assert_int_equal(daxfs_fs_symlink(fs, "", NULL, "x"), -ENOENT);
	must(daxfs_fs_symlink(fs, "d/new", NULL, "dangling"));
	assert_int_equal(open_result(fs, "dangling", O_RDONLY), -ENOENT);
	assert_int_equal(open_result(fs, "dangling", O_WRONLY | O_CREAT | O_EXCL),
			 -EEXIST);
	put_file(fs, "dangling", "made");
	check_file(fs, "d/new", "made");
}

/* ---- open files ---- */

static void test_open_flags(void **state)
{
	struct env *e = *state;
	struct daxfs *fs = e->fs;
	struct stat st;

	assert_int_equal(open_result(fs, "f", O_RDWR), -ENOENT);
	assert_int_equal(open_result(fs, "f", O_WRONLY | O_CREAT | O_EXCL), 0);
	assert_int_equal(open_result(fs, "f", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(open_result(fs, "f", O_RDONLY | O_CREAT), 0);
	assert_int_equal(open_result(fs, "f", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(open_result(fs, "f/", O_RDONLY), -ENOTDIR);
	assert_int_equal(open_result(fs, "g/", O_RDWR | O_CREAT), -EISDIR);
	assert_int_equal(open_result(fs, "x/g", O_RDWR | O_CREAT), -ENOENT);
	assert_int_equal(open_result(fs, "/", O_RDWR), -EISDIR);
	assert_int_equal(open_result(fs, "/", O_RDONLY | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(open_result(fs, "/", O_RDONLY | O_CREAT), -EISDIR);
	assert_int_equal(open_result(fs, "/", O_RDONLY | O_DIRECTORY), 0);
	assert_int_equal(open_result(fs, "f", O_RDONLY | O_NONBLOCK), -EINVAL);
	assert_int_equal(open_result(fs, "f", O_ACCMODE), -EINVAL);
	put_file(fs, "f", "12345");
	assert_int_equal(open_result(fs, "f", O_RDWR | O_CREAT), 0);
	must(stat_result(fs, "f", &st));
	assert_int_equal(st.st_size, 5);
	assert_int_equal(open_result(fs, "f", O_WRONLY | O_TRUNC), 0);
	must(stat_result(fs, "f", &st));
	assert_int_equal(st.st_size, 0);
}

static void test_read_write(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *fd = open_at(e->fs, "f", O_RDWR | O_CREAT);
	u8 out[20000], in[20000];
	struct stat st;

	fill(out, sizeof(out), 7);
	assert_int_equal(daxfs_fd_pwrite(fd, out, 10, 0), 10);
	assert_int_equal(daxfs_fd_pwrite(fd, out, sizeof(out), 5000), sizeof(out));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_size, 25000);
	assert_int_equal(daxfs_fd_pread(fd, in, sizeof(in), 5000), sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	memset(in, 1, sizeof(in));
	assert_int_equal(daxfs_fd_pread(fd, in, 5000, 0), 5000);
	assert_memory_equal(in, out, 10);
	for (int i = 10; i < 5000; i++)
		assert_int_equal(in[i], 0);
	assert_int_equal(daxfs_fd_pread(fd, in, 100, 24990), 10);
	assert_int_equal(daxfs_fd_pread(fd, in, 100, 25000), 0);
	assert_int_equal(daxfs_fd_pread(fd, in, 100, -1), -EINVAL);
	assert_int_equal(daxfs_fd_pwrite(fd, in, 100, -1), -EINVAL);
	assert_int_equal(daxfs_fd_pwrite(fd, in, 100, 1ll << 44), -EFBIG);
	must(daxfs_fd_truncate(fd, 5001));
	must(daxfs_fd_truncate(fd, 9000));
	assert_int_equal(daxfs_fd_pread(fd, in, 4000, 5000), 4000);
	assert_int_equal(in[0], out[0]);
	for (int i = 1; i < 4000; i++)
		assert_int_equal(in[i], 0);
	assert_int_equal(daxfs_fd_truncate(fd, -1), -EINVAL);
	must(daxfs_fd_sync(fd));
	daxfs_fd_close(fd);
}

static void test_space(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *fd = open_at(e->fs, "f", O_RDWR | O_CREAT);
	u8 out[20000], in[20000];
	struct stat st;

	fill(out, sizeof(out), 3);
	must(daxfs_fd_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100 << 12));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_blocks, 800);
	assert_int_equal(daxfs_fd_pwrite(fd, out, sizeof(out), 0), sizeof(out));
	must(daxfs_fd_fallocate(fd, 0, 0, 50000));
	must(daxfs_fd_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				5000, 10000));
	memset(out + 5000, 0, 10000);
	assert_int_equal(daxfs_fd_pread(fd, in, sizeof(in), 0), sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_size, 50000);
	assert_int_equal(st.st_blocks, 800 - 8);
	assert_int_equal(daxfs_fd_seek(fd, 0, SEEK_HOLE), 8192);
	assert_int_equal(daxfs_fd_seek(fd, 9000, SEEK_DATA), 12288);
	assert_int_equal(daxfs_fd_seek(fd, 12288, SEEK_HOLE), 50000);
	assert_int_equal(daxfs_fd_seek(fd, 50000, SEEK_HOLE), -ENXIO);
	assert_int_equal(daxfs_fd_seek(fd, -1, SEEK_HOLE), -ENXIO);
	assert_int_equal(daxfs_fd_seek(fd, 0, SEEK_SET), -EINVAL);
	must(daxfs_fd_fallocate(fd, FALLOC_FL_ZERO_RANGE, 60000, 1));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_size, 60001);
	assert_int_equal(daxfs_fd_fallocate(fd, 0, 0, 1ll << 40), -ENOSPC);
	assert_int_equal(daxfs_fd_fallocate(fd, 0, 1ll << 44, 1), -EFBIG);
	assert_int_equal(daxfs_fd_fallocate(fd, 0, 0, 0), -EINVAL);
	assert_int_equal(daxfs_fd_fallocate(fd, 0, -1, 1), -EINVAL);
	assert_int_equal(daxfs_fd_fallocate(fd, 8, 0, 4096), -EOPNOTSUPP);
	daxfs_fd_close(fd);
	fd = open_at(e->fs, "f", O_RDONLY);
	assert_int_equal(daxfs_fd_fallocate(fd, 0, 0, 1), -EBADF);
	daxfs_fd_close(fd);
	fd = open_at(e->fs, "/", O_RDONLY);
	assert_int_equal(daxfs_fd_seek(fd, 0, SEEK_DATA), -EISDIR);
	daxfs_fd_close(fd);
}

static void test_copy(void **state)
{
	struct env *e = *state;
	struct daxfs *other = open_fs(e->path, 0);
	struct daxfs_fd *a = open_at(e->fs, "a", O_RDWR | O_CREAT);
	struct daxfs_fd *b = open_at(e->fs, "b", O_RDWR | O_CREAT);
	struct daxfs_fd *log = open_at(e->fs, "b", O_WRONLY | O_APPEND);
	struct daxfs_fd *far = open_at(other, "b", O_RDWR);
	u8 out[20000], in[20000];

	fill(out, sizeof(out), 5);
	assert_int_equal(daxfs_fd_pwrite(a, out, sizeof(out), 0), sizeof(out));
	assert_int_equal(daxfs_fd_copy(a, 100, b, 7000, 30000), 19900);
	assert_int_equal(daxfs_fd_pread(far, in, 19900, 7000), 19900);
	assert_memory_equal(in, out + 100, 19900);
	assert_int_equal(daxfs_fd_seek(b, 0, SEEK_DATA), 4096);
	assert_int_equal(daxfs_fd_copy(a, 20000, b, 0, 10), 0);
	assert_int_equal(daxfs_fd_copy(a, 0, a, 5000, 5001), -EINVAL);
	assert_int_equal(daxfs_fd_copy(a, 0, a, 5000, 5000), 5000);
	assert_int_equal(daxfs_fd_copy(a, 0, log, 0, 1), -EBADF);
	assert_int_equal(daxfs_fd_copy(log, 0, a, 0, 1), -EBADF);
	assert_int_equal(daxfs_fd_copy(a, 0, far, 0, 1), -EXDEV);
	assert_int_equal(daxfs_fd_copy(a, -1, b, 0, 1), -EINVAL);
	assert_int_equal(daxfs_fd_copy(a, 0, b, 1ll << 44, 1), -EFBIG);
	daxfs_fd_close(a);
	daxfs_fd_close(b);
	daxfs_fd_close(log);
	daxfs_fd_close(far);
	must(daxfs_fs_close(other));
}

static void test_modes(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *fd;
	struct daxfs_pin *pin;
	char c = 'c';

	put_file(e->fs, "f", "abc");
	fd = open_at(e->fs, "f", O_RDONLY);
	assert_int_equal(daxfs_fd_pwrite(fd, &c, 1, 0), -EBADF);
	assert_int_equal(daxfs_fd_append(fd, &c, 1, NULL), -EBADF);
	assert_int_equal(daxfs_fd_truncate(fd, 0), -EBADF);
	daxfs_fd_close(fd);
	fd = open_at(e->fs, "f", O_WRONLY);
	assert_int_equal(daxfs_fd_pread(fd, &c, 1, 0), -EBADF);
	assert_int_equal(daxfs_pin_begin(fd, &pin), -EBADF);
	daxfs_fd_close(fd);
	fd = open_at(e->fs, "/", O_RDONLY);
	assert_int_equal(daxfs_fd_pread(fd, &c, 1, 0), -EISDIR);
	assert_int_equal(daxfs_pin_begin(fd, &pin), -EISDIR);
	assert_null(pin);
	daxfs_fd_close(fd);
	daxfs_fd_close(NULL);
	daxfs_pin_end(NULL);
	daxfs_list_close(NULL);
}

static void test_append(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *a = open_at(e->fs, "f", O_WRONLY | O_CREAT | O_APPEND);
	struct daxfs_fd *b = open_at(e->fs, "f", O_RDWR);
	off_t at = -1;

	assert_int_equal(daxfs_fd_pwrite(a, "one ", 4, 99999), 4);
	assert_int_equal(daxfs_fd_append(b, "two ", 4, &at), 4);
	assert_int_equal(at, 4);
	assert_int_equal(daxfs_fd_pwrite(a, "three", 5, 0), 5);
	daxfs_fd_close(a);
	daxfs_fd_close(b);
	check_file(e->fs, "f", "one two three");
}

static void test_unlinked_open(void **state)
{
	struct env *e = *state;
	struct daxfs *other = open_fs(e->path, 0);
	struct daxfs_fd *fd, *again;
	struct stat st;
	char buf[8];

	put_file(e->fs, "f", "stays");
	fd = open_at(e->fs, "f", O_RDWR);
	again = open_at(e->fs, "f", O_RDONLY);
	must(daxfs_fs_unlink(other, NULL, "f"));
	assert_int_equal(stat_result(e->fs, "f", NULL), -ENOENT);
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_nlink, 0);
	daxfs_fd_close(again);
	assert_int_equal(daxfs_fd_pwrite(fd, "S", 1, 0), 1);
	assert_int_equal(daxfs_fd_pread(fd, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "Stays", 5);
	daxfs_fd_close(fd);
	must(daxfs_fs_close(other));
}

static void test_many_open(void **state)
{
	struct env *e = *state;
	enum { NR = 3000 };
	struct daxfs_fd **fd = calloc(NR, sizeof(struct daxfs_fd *));
	char name[16], c;

	assert_non_null(fd);
	for (int i = 0; i < NR; i++) {
		snprintf(name, sizeof(name), "%d", i);
		fd[i] = open_at(e->fs, name, O_RDWR | O_CREAT | O_EXCL);
		c = (char)i;
		assert_int_equal(daxfs_fd_pwrite(fd[i], &c, 1, 0), 1);
		must(daxfs_fs_unlink(e->fs, NULL, name));
	}
	for (int i = 0; i < NR; i++) {
		assert_int_equal(daxfs_fd_pread(fd[i], &c, 1, 0), 1);
		assert_int_equal(c, (char)i);
		daxfs_fd_close(fd[i]);
	}
	free(fd);
}

/* ---- attributes ---- */

static void test_attributes(void **state)
{
	struct env *e = *state;
	struct timespec ts[2] = { { .tv_sec = 1, .tv_nsec = 2 },
				  { .tv_sec = -3, .tv_nsec = 999999999 } };
	struct daxfs_fd *fd = open_at(e->fs, "f", O_RDWR | O_CREAT);
	struct stat st;

	must(daxfs_fs_symlink(e->fs, "f", NULL, "l"));
	must(daxfs_fs_chmod(e->fs, NULL, "l", 04711));
	must(daxfs_fs_chown(e->fs, NULL, "f", 12, (gid_t)-1, 0));
	must(daxfs_fs_chown(e->fs, NULL, "l", (uid_t)-1, 34, 0));
	must(daxfs_fs_chown(e->fs, NULL, "l", 56, 78, AT_SYMLINK_NOFOLLOW));
	must(daxfs_fs_utimens(e->fs, NULL, "f", ts, 0));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_mode, S_IFREG | 04711);
	assert_int_equal(st.st_uid, 12);
	assert_int_equal(st.st_gid, 34);
	assert_int_equal(st.st_atim.tv_sec, 1);
	assert_int_equal(st.st_atim.tv_nsec, 2);
	assert_int_equal(st.st_mtim.tv_sec, -3);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);
	must(daxfs_fs_stat(e->fs, NULL, "l", &st, AT_SYMLINK_NOFOLLOW));
	assert_int_equal(st.st_uid, 56);
	assert_int_equal(st.st_gid, 78);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	must(daxfs_fd_utimens(fd, ts));
	must(daxfs_fd_chmod(fd, S_IFDIR | 0600));
	must(daxfs_fd_chown(fd, 1, 2));
	must(daxfs_fd_stat(fd, &st));
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_atim.tv_sec, 1);
	assert_true(st.st_mtim.tv_sec > 1000000000);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 2);
	ts[0].tv_nsec = 1000000000;
	assert_int_equal(daxfs_fd_utimens(fd, ts), -EINVAL);
	assert_int_equal(daxfs_fs_chown(e->fs, NULL, "no", -1, -1, 0), -ENOENT);
	assert_int_equal(daxfs_fs_chown(e->fs, NULL, "f", -1, -1, 1 << 20), -EINVAL);
	daxfs_fd_close(fd);
}

static void test_statvfs(void **state)
{
	struct env *e = *state;
	struct statvfs before, after;

	must(daxfs_fs_statvfs(e->fs, &before));
	assert_int_equal(before.f_frsize, 4096);
	assert_int_equal(before.f_namemax, 255);
	assert_true(before.f_blocks > 1000 && before.f_bfree <= before.f_blocks);
	assert_true(before.f_bavail <= before.f_bfree);
	write_pattern(e->fs, "f", 4 * MIB, 1);
	must(daxfs_fs_statvfs(e->fs, &after));
	assert_true(before.f_bfree - after.f_bfree >= 1024);
	assert_int_equal(before.f_blocks, after.f_blocks);
}

/* ---- listing ---- */

static int list_all(struct daxfs *fs, const char *path, u64 cookie, u8 *seen, int nr)
{
	struct daxfs_fd *dir = open_at(fs, path, O_RDONLY);
	struct daxfs_list_entry entry;
	struct daxfs_list *list;
	int r, found = 0;

	must(daxfs_list_open(dir, cookie, &list));
	daxfs_fd_close(dir);
	while ((r = daxfs_list_next(list, &entry)) > 0) {
		int i = atoi(entry.name);

		assert_int_equal(strlen(entry.name), entry.name_len);
		if (entry.name[0] == '.') {
			assert_int_equal(entry.type, DT_DIR);
			continue;
		}
		assert_int_equal(entry.type, DT_REG);
		assert_in_range(i, 0, nr - 1);
		seen[i]++;
		found++;
	}
	must(r);
	daxfs_list_close(list);
	return found;
}

static void test_list(void **state)
{
	struct env *e = *state;
	enum { NR = 2000 };
	struct daxfs_list_entry entry;
	struct daxfs_list *list;
	struct daxfs_fd *dir;
	u8 seen[NR] = { 0 };
	u64 cookie = 0;
	char name[32];
	int n = 0;

	must(daxfs_fs_mkdir(e->fs, NULL, "d", 0755));
	for (int i = 0; i < NR; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		must(daxfs_fs_mknod(e->fs, NULL, name, 0600, 0));
	}
	assert_int_equal(list_all(e->fs, "d", 0, seen, NR), NR);
	for (int i = 0; i < NR; i++)
		assert_int_equal(seen[i], 1);
	/* Half of it, then the rest from the cookie. */
	memset(seen, 0, sizeof(seen));
	dir = open_at(e->fs, "d", O_RDONLY);
	must(daxfs_list_open(dir, 0, &list));
	while (n < NR / 2 && daxfs_list_next(list, &entry) == 1) {
		cookie = entry.cookie;
		if (entry.name[0] == '.')
			continue;
		seen[atoi(entry.name)]++;
		n++;
	}
	daxfs_list_close(list);
	list_all(e->fs, "d", cookie, seen, NR);
	for (int i = 0; i < NR; i++)
		assert_int_equal(seen[i], 1);
	daxfs_fd_close(dir);
	dir = open_at(e->fs, "d/0", O_RDONLY);
	assert_int_equal(daxfs_list_open(dir, 0, &list), -ENOTDIR);
	daxfs_fd_close(dir);
}

/* Delete what is listed while it is listed: what stays comes once. */
static void test_list_delete(void **state)
{
	struct env *e = *state;
	enum { NR = 1000 };
	struct daxfs_list_entry entry;
	struct daxfs_list *list;
	struct daxfs_fd *dir;
	u8 seen[NR] = { 0 };
	char name[32];

	must(daxfs_fs_mkdir(e->fs, NULL, "d", 0755));
	dir = open_at(e->fs, "d", O_RDONLY);
	for (int i = 0; i < NR; i++) {
		snprintf(name, sizeof(name), "%d", i);
		must(daxfs_fs_mknod(e->fs, dir, name, 0600, 0));
	}
	must(daxfs_list_open(dir, 0, &list));
	for (int i = 0; i < NR; i += 2) {
		snprintf(name, sizeof(name), "%d", i);
		must(daxfs_fs_unlink(e->fs, dir, name));
		if (daxfs_list_next(list, &entry) == 1 && entry.name[0] != '.')
			seen[atoi(entry.name)]++;
	}
	while (daxfs_list_next(list, &entry) == 1)
		if (entry.name[0] != '.')
			seen[atoi(entry.name)]++;
	for (int i = 1; i < NR; i += 2)
		assert_int_equal(seen[i], 1);
	daxfs_list_close(list);
	memset(seen, 0, sizeof(seen));
	assert_int_equal(list_all(e->fs, "d", 0, seen, NR), NR / 2);
	daxfs_fd_close(dir);
}

/* ---- runs and pins ---- */

/* All runs of the file into buf, checking that they leave no gap. */
static size_t gather(struct daxfs_pin *pin, u8 *buf, size_t len, unsigned int nr)
{
	struct daxfs_pin_run run[64];
	u64 off = 0;
	int n;

	while ((n = daxfs_pin_runs(pin, off, len - off, run, nr)) > 0) {
		for (int i = 0; i < n; i++) {
			assert_int_equal(run[i].off, off);
			assert_true(run[i].len && off + run[i].len <= len);
			if (run[i].ptr)
				memcpy(buf + off, run[i].ptr, run[i].len);
			else
				memset(buf + off, 0, run[i].len);
			off += run[i].len;
		}
	}
	must(n);
	return off;
}

static void test_runs(void **state)
{
	struct env *e = *state;
	size_t size = 3 * MIB + 123;
	u8 *want = calloc(1, size), *got = malloc(size + 4096);
	struct daxfs_fd *fd = open_at(e->fs, "f", O_RDWR | O_CREAT);
	struct daxfs_pin_run run[4];
	struct daxfs_pin *pin;
	int holes = 0;

	fill(want, 10000, 3);
	fill(want + MIB, 2 * MIB + 123, 4);
	assert_int_equal(daxfs_fd_pwrite(fd, want, 10000, 0), 10000);
	assert_int_equal(daxfs_fd_pwrite(fd, want + MIB, 2 * MIB + 123, MIB),
			 2 * MIB + 123);
	must(daxfs_pin_begin(fd, &pin));
	assert_int_equal(gather(pin, got, size + 4096, 64), size);
	assert_memory_equal(got, want, size);
	assert_int_equal(gather(pin, got, size + 4096, 1), size);
	assert_memory_equal(got, want, size);
	assert_int_equal(daxfs_pin_runs(pin, 5000, 100, run, 4), 1);
	assert_int_equal(run[0].off, 5000);
	assert_int_equal(run[0].len, 100);
	assert_memory_equal(run[0].ptr, want + 5000, 100);
	assert_int_equal(daxfs_pin_runs(pin, 500000, UINT64_MAX, run, 1), 1);
	assert_null(run[0].ptr);
	holes += run[0].len >= 4096;
	assert_int_equal(holes, 1);
	assert_int_equal(daxfs_pin_runs(pin, size, 100, run, 4), 0);
	assert_int_equal(daxfs_pin_runs(pin, 0, 100, run, 0), 0);
	assert_int_equal(daxfs_pin_runs(pin, 0, 0, run, 4), 0);
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	free(want);
	free(got);
}

/* Use every page that can be had, four times; how many the last time. */
static u64 churn(struct daxfs *fs)
{
	u8 *buf = malloc(MIB);
	off_t off = 0;

	assert_non_null(buf);
	memset(buf, 0xee, MIB);
	for (int round = 0; round < 4; round++) {
		struct daxfs_fd *fd = open_at(fs, "churn", O_RDWR | O_CREAT);
		ssize_t n;

		off = 0;
		while ((n = daxfs_fd_pwrite(fd, buf, MIB, off)) > 0)
			off += n;
		assert_int_equal(n, -ENOSPC);
		daxfs_fd_close(fd);
		must(daxfs_fs_unlink(fs, NULL, "churn"));
	}
	free(buf);
	return (u64)off / 4096;
}

/* But for pages of names and maps, which stay for the next ones. */
static void free_again(u64 before, u64 after)
{
	if (after + 64 < before)
		fail_msg("%llu pages could be had, now %llu",
			 (unsigned long long)before, (unsigned long long)after);
}

struct snapshot {
	struct daxfs_pin_run run[600];
	int nr;
	u8 *bytes;
	u64 len;
};

static void take_snapshot(struct daxfs_pin *pin, struct snapshot *s, u64 len)
{
	u64 at = 0;

	s->nr = daxfs_pin_runs(pin, 0, len, s->run, 600);
	must(s->nr);
	s->bytes = malloc(len);
	s->len = len;
	for (int i = 0; i < s->nr; i++) {
		assert_non_null(s->run[i].ptr);
		memcpy(s->bytes + at, s->run[i].ptr, s->run[i].len);
		at += s->run[i].len;
	}
	assert_int_equal(at, len);
}

static void check_snapshot(struct snapshot *s)
{
	u64 at = 0;

	for (int i = 0; i < s->nr; i++) {
		assert_memory_equal(s->run[i].ptr, s->bytes + at, s->run[i].len);
		at += s->run[i].len;
	}
	free(s->bytes);
}

enum way { TRUNCATE, UNLINK, REPLACE };

static void take_away(struct daxfs *fs, enum way way)
{
	struct daxfs_fd *fd;

	switch (way) {
	case TRUNCATE:
		fd = open_at(fs, "f", O_RDWR);
		must(daxfs_fd_truncate(fd, 0));
		daxfs_fd_close(fd);
		write_pattern(fs, "f", 2 * MIB, 99);
		break;
	case UNLINK:
		must(daxfs_fs_unlink(fs, NULL, "f"));
		break;
	case REPLACE:
		write_pattern(fs, "new", 2 * MIB, 98);
		must(daxfs_fs_rename(fs, NULL, "new", NULL, "f", 0));
		break;
	}
}

static void pin_across(struct env *e, enum way way)
{
	struct daxfs *other = open_fs(e->path, 0);
	u64 before = churn(other);
	struct snapshot s;
	struct daxfs_fd *fd;
	struct daxfs_pin *pin;

	write_pattern(e->fs, "f", 2 * MIB, 42);
	fd = open_at(e->fs, "f", O_RDONLY);
	must(daxfs_pin_begin(fd, &pin));
	take_snapshot(pin, &s, 2 * MIB);
	daxfs_fd_close(fd);
	take_away(other, way);
	assert_true(churn(other) + 512 <= before);
	churn(e->fs);
	check_snapshot(&s);
	daxfs_pin_end(pin);
	if (way != UNLINK)
		must(daxfs_fs_unlink(other, NULL, "f"));
	free_again(before, churn(other));
	must(daxfs_fs_close(other));
}

static void test_pin_truncate(void **state)
{
	pin_across(*state, TRUNCATE);
}

static void test_pin_unlink(void **state)
{
	pin_across(*state, UNLINK);
}

static void test_pin_replace(void **state)
{
	pin_across(*state, REPLACE);
}

/* A younger pin must not shorten the life of an older one, nor its end. */
static void test_pin_overlap(void **state)
{
	struct env *e = *state;
	struct daxfs *other = open_fs(e->path, 0);
	struct daxfs_pin *a, *b, *b2;
	struct daxfs_fd *f, *g;
	struct snapshot s;

	write_pattern(e->fs, "f", 2 * MIB, 42);
	write_pattern(e->fs, "g", 4096, 43);
	f = open_at(e->fs, "f", O_RDONLY);
	g = open_at(e->fs, "g", O_RDONLY);
	must(daxfs_pin_begin(f, &a));
	must(daxfs_pin_begin(f, &b));
	take_snapshot(a, &s, 2 * MIB);
	churn(other);
	must(daxfs_pin_begin(g, &b2));
	take_away(other, TRUNCATE);
	daxfs_pin_end(b);
	daxfs_pin_end(b2);
	churn(other);
	check_snapshot(&s);
	daxfs_pin_end(a);
	daxfs_fd_close(f);
	daxfs_fd_close(g);
	must(daxfs_fs_close(other));
}

/* Overwriting in place shows through the pointers. */
static void test_pin_overwrite(void **state)
{
	struct env *e = *state;
	struct daxfs *other = open_fs(e->path, 0);
	struct daxfs_pin_run run;
	struct daxfs_fd *fd, *w;
	struct daxfs_pin *pin;

	write_pattern(e->fs, "f", 8192, 1);
	fd = open_at(e->fs, "f", O_RDONLY);
	must(daxfs_pin_begin(fd, &pin));
	assert_int_equal(daxfs_pin_runs(pin, 4096, 4096, &run, 1), 1);
	w = open_at(other, "f", O_RDWR);
	assert_int_equal(daxfs_fd_pwrite(w, "new bytes", 9, 5000), 9);
	assert_memory_equal((const char *)run.ptr + 904, "new bytes", 9);
	daxfs_fd_close(w);
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	must(daxfs_fs_close(other));
}

/* ---- hosts ---- */

static int hosts_alive(const char *path)
{
	struct daxfs_host_info info;
	struct daxfs_mount *m;
	char why[256];
	int n = 0;

	must(daxfs_mount_open(&m, path, DAXFS_OPEN_NOHOST, DAXFS_HOST_TOOL, why,
			      sizeof(why)));
	for (u32 i = 0; i < DAXFS_HOSTS; i++)
		n += !daxfs_host_info(daxfs_mount_region(m), i, &info) &&
		     info.state != DAXFS_H_FREE;
	daxfs_mount_close(m);
	return n;
}

static void test_two_mounts(void **state)
{
	struct env *e = *state;
	struct daxfs *other = open_fs(e->path, 0);
	struct daxfs *reader = open_fs(e->path, DAXFS_FS_RDONLY);
	struct daxfs_fd *a, *b;
	char buf[8] = "";

	assert_int_equal(hosts_alive(e->path), 3);
	put_file(e->fs, "f", "first");
	check_file(other, "f", "first");
	check_file(reader, "f", "first");
	a = open_at(e->fs, "f", O_RDWR);
	b = open_at(other, "f", O_RDWR | O_APPEND);
	assert_int_equal(daxfs_fd_pwrite(a, "FIRST", 5, 0), 5);
	assert_int_equal(daxfs_fd_pread(b, buf, 5, 0), 5);
	assert_string_equal(buf, "FIRST");
	assert_int_equal(daxfs_fd_pwrite(b, "!", 1, 0), 1);
	assert_int_equal(daxfs_fd_pread(a, buf, 8, 0), 6);
	must(daxfs_fs_rename(other, NULL, "f", NULL, "g", 0));
	assert_int_equal(stat_result(e->fs, "f", NULL), -ENOENT);
	check_file(e->fs, "g", "FIRST!");
	assert_int_equal(daxfs_fs_unlink(reader, NULL, "g"), -EROFS);
	assert_int_equal(daxfs_fs_mkdir(reader, NULL, "d", 0755), -EROFS);
	assert_int_equal(daxfs_fs_rmdir(reader, NULL, "/"), -EROFS);
	assert_int_equal(open_result(reader, "g", O_RDWR), -EROFS);
	assert_int_equal(open_result(reader, "h", O_RDONLY | O_CREAT), -EROFS);
	daxfs_fd_close(a);
	daxfs_fd_close(b);
	must(daxfs_fs_close(other));
	must(daxfs_fs_close(reader));
	assert_int_equal(hosts_alive(e->path), 1);
}

static int wait_status(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void check_status(int status)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("child ended with status 0x%x", status);
}

static void wait_ok(pid_t pid)
{
	check_status(wait_status(pid));
}

/*
 * Children are this program again, in a role: a fork() of a process with
 * threads may do little else than exec. In there is no cmocka: an exit status
 * says which step failed.
 */
#define STEP(ok) do { if (!(ok)) _exit(__LINE__ % 200 + 1); } while (0)

static pid_t spawn(const char *role, const char *path, int arg)
{
	pid_t pid = fork();
	char text[16];

	assert_true(pid >= 0);
	if (pid)
		return pid;
	/* A test that fails leaves nobody behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(text, sizeof(text), "%d", arg);
	execl("/proc/self/exe", "test_lib", "--child", role, path, text, NULL);
	_exit(255);
}

static void child_host(const char *path, int ready)
{
	struct daxfs *fs;
	struct daxfs_fd *fd;
	char name[16];

	STEP(!daxfs_fs_open(&fs, path, 0, NULL, 0));
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		STEP(!daxfs_fd_open(fs, NULL, name, O_RDWR | O_CREAT | O_EXCL,
				    0644, &fd));
		STEP(daxfs_fd_pwrite(fd, name, strlen(name), 0) ==
		     (ssize_t)strlen(name));
		daxfs_fd_close(fd);
	}
	STEP(write(ready, "x", 1) == 1);
	STEP(!daxfs_fs_close(fs));
	_exit(0);
}

static void test_two_processes(void **state)
{
	struct env *e = *state;
	char name[16], c;
	int p[2];
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = spawn("host", e->path, p[1]);
	close(p[1]);	/* so that a child that dies is not waited for */
	assert_int_equal(read(p[0], &c, 1), 1);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		check_file(e->fs, name, name);
	}
	wait_ok(pid);
	assert_int_equal(hosts_alive(e->path), 1);
	close(p[0]);
}

/* Killed while it holds an unlinked file, a pin and a section's worth of work. */
static void child_to_kill(const char *path, int ready)
{
	struct daxfs *fs;
	struct daxfs_fd *fd;
	struct daxfs_pin *pin;
	char buf[4096] = "";

	STEP(!daxfs_fs_open(&fs, path, 0, NULL, 0));
	STEP(!daxfs_fd_open(fs, NULL, "k", O_RDWR | O_CREAT, 0644, &fd));
	for (int i = 0; i < 512; i++)
		STEP(daxfs_fd_pwrite(fd, buf, 4096, i * 4096) == 4096);
	STEP(!daxfs_pin_begin(fd, &pin));
	STEP(!daxfs_fs_unlink(fs, NULL, "k"));
	STEP(write(ready, "x", 1) == 1);
	for (;;)
		pause();
}

static void test_killed_host(void **state)
{
	struct env *e = *state;
	u64 before = churn(e->fs);
	struct daxfs *fs;
	char c;
	int p[2];
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = spawn("to-kill", e->path, p[1]);
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	assert_int_equal(hosts_alive(e->path), 2);
	kill(pid, SIGKILL);
	/* Not yet waited for: a zombie stores nothing and counts as gone. */
	while (waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT))
		;
	fs = open_fs(e->path, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(hosts_alive(e->path), 2);	/* fs and e->fs */
	free_again(before, churn(fs));
	must(daxfs_fs_close(fs));
	close(p[0]);
}

static void test_all_hosts(void **state)
{
	struct env *e = *state;
	struct daxfs *fs[DAXFS_HOSTS];
	u32 i;

	fs[0] = e->fs;
	for (i = 1; i < DAXFS_HOSTS; i++)
		fs[i] = open_fs(e->path, 0);
	refused(e->path, 0, -EUSERS, "host slots");
	for (i = 1; i < DAXFS_HOSTS; i++)
		must(daxfs_fs_close(fs[i]));
	must(daxfs_fs_close(open_fs(e->path, 0)));
}

static void child_many(const char *path, int nr)
{
	struct daxfs *fs;

	for (int i = 0; i < nr; i++)
		STEP(!daxfs_fs_open(&fs, path, 0, NULL, 0));
	_exit(0);
}

/* A whole job is killed: whoever comes next gives all its slots back. */
static void many_hosts_dead(struct env *e, int nr)
{
	must(daxfs_fs_close(e->fs));
	e->fs = NULL;
	wait_ok(spawn("many", e->path, nr));
	e->fs = open_fs(e->path, 0);
	assert_int_equal(hosts_alive(e->path), 1);
}

static void test_many_hosts_dead(void **state)
{
	many_hosts_dead(*state, DAXFS_HOSTS - 1);
}

/* Not even a slot to do it from is free. */
static void test_all_hosts_dead(void **state)
{
	many_hosts_dead(*state, DAXFS_HOSTS);
}

/* The index is replaced again and again under both writers. */
static void child_writer(const char *path, int me)
{
	struct daxfs_fd *dir, *fd;
	struct daxfs *fs;
	char name[16];

	STEP(!daxfs_fs_open(&fs, path, 0, NULL, 0));
	snprintf(name, sizeof(name), "dir%d", me);
	STEP(!daxfs_fs_mkdir(fs, NULL, name, 0755));
	STEP(!daxfs_fd_open(fs, NULL, name, O_RDONLY, 0, &dir));
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "%d", i % 64);
		STEP(!daxfs_fd_open(fs, dir, name, O_WRONLY | O_CREAT | O_EXCL,
				    0644, &fd));
		daxfs_fd_close(fd);
		STEP(!daxfs_fs_unlink(fs, dir, name));
	}
	daxfs_fd_close(dir);
	STEP(!daxfs_fs_close(fs));
	_exit(0);
}

static void test_two_writers(void **state)
{
	struct env *e = *state;
	pid_t pid[2];

	for (int i = 0; i < 2; i++)
		pid[i] = spawn("writer", e->path, i);
	wait_ok(pid[0]);
	wait_ok(pid[1]);
}

static void test_fork(void **state)
{
	struct env *e = *state;
	struct daxfs_fd *fd;
	struct daxfs_pin *pin;
	struct daxfs_pin_run run;
	pid_t pid;

	put_file(e->fs, "f", "before");
	fd = open_at(e->fs, "f", O_RDWR);
	must(daxfs_pin_begin(fd, &pin));
	assert_int_equal(daxfs_pin_runs(pin, 0, 10, &run, 1), 1);
	pid = fork();
	if (!pid) {
		char c;

		STEP(!memcmp(run.ptr, "before", 6));
		STEP(daxfs_fd_pread(fd, &c, 1, 0) == -ESTALE);
		STEP(daxfs_fs_mkdir(e->fs, NULL, "x", 0755) == -ESTALE);
		daxfs_pin_end(pin);
		daxfs_fd_close(fd);
		STEP(!daxfs_fs_close(e->fs));
		_exit(0);
	}
	wait_ok(pid);
	assert_int_equal(daxfs_fd_pwrite(fd, "B", 1, 0), 1);
	assert_memory_equal(run.ptr, "Before", 6);
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	assert_int_equal(hosts_alive(e->path), 1);
}

#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

/* The child opens the region itself, as a host of its own. */
static void test_fork_open(void **state)
{
	struct env *e = *state;
	pid_t pid;

	if (UNDER_TSAN) {
		print_message("ThreadSanitizer knows no threads after fork()\n");
		skip();
	}
	pid = fork();
	if (!pid) {
		struct daxfs *own;

		STEP(!daxfs_fs_open(&own, e->path, 0, NULL, 0));
		STEP(!daxfs_fs_mkdir(own, NULL, "child", 0755));
		STEP(!daxfs_fs_close(e->fs));
		STEP(!daxfs_fs_mkdir(own, NULL, "child2", 0755));
		STEP(!daxfs_fs_close(own));
		_exit(0);
	}
	wait_ok(pid);
	must(stat_result(e->fs, "child", NULL));
	must(stat_result(e->fs, "child2", NULL));
	assert_int_equal(hosts_alive(e->path), 1);
}

/* As daemon() does: open, fork, the parent ends, the child goes on. */
static void child_daemon(const char *path, int to_us)
{
	struct daxfs_new what = { .mode = S_IFREG | 0600 };
	int to_child = to_us + 1;	/* by test_daemon() */
	struct daxfs_mount *m;
	struct daxfs_held *held;
	struct daxfs_stat st;
	struct daxfs_cx *cx;
	char why[256], c;

	STEP(!daxfs_mount_open(&m, path, 0, DAXFS_HOST_FUSE, why, sizeof(why)));
	if (fork())
		_exit(0);
	STEP(!daxfs_mount_start(m));
	STEP(read(to_child, &c, 1) == 1);	/* the parent is gone */
	cx = daxfs_cx_get(m);
	STEP(!daxfs_create(cx, DAXFS_ROOT_INO, "daemon", 6, &what, &st));
	STEP(!daxfs_hold(m, cx, st.ino, &held));
	daxfs_unhold(m, cx, held);
	daxfs_cx_put(m, cx);
	STEP(write(to_us, "x", 1) == 1);
	STEP(read(to_child, &c, 1) == 1);
	daxfs_mount_close(m);
	STEP(write(to_us, "x", 1) == 1);
	_exit(0);
}

static void test_daemon(void **state)
{
	enum { TO_US = 100, TO_CHILD };
	struct env *e = *state;
	int to_child[2], to_us[2];
	char c;

	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_us), 0);
	assert_int_equal(dup2(to_us[1], TO_US), TO_US);
	assert_int_equal(dup2(to_child[0], TO_CHILD), TO_CHILD);
	close(to_us[1]);
	close(to_child[0]);
	wait_ok(spawn("daemon", e->path, TO_US));
	close(TO_US);
	close(TO_CHILD);
	assert_int_equal(write(to_child[1], "x", 1), 1);
	assert_int_equal(read(to_us[0], &c, 1), 1);
	/* Whoever looks for dead hosts now finds the daemon alive. */
	must(daxfs_fs_close(open_fs(e->path, 0)));
	assert_int_equal(hosts_alive(e->path), 2);
	must(stat_result(e->fs, "daemon", NULL));
	assert_int_equal(write(to_child[1], "x", 1), 1);
	assert_int_equal(read(to_us[0], &c, 1), 1);
	assert_int_equal(hosts_alive(e->path), 1);
	close(to_us[0]);
	close(to_child[1]);
}

static void test_is_gone(void **state)
{
	struct daxfs_host_info info = { .state = DAXFS_H_ALIVE };
	pid_t pid;

	(void)state;
	daxfs_host_identify(&info.id, DAXFS_HOST_LIB);
	assert_int_equal(daxfs_host_is_gone(&info), 0);
	info.id.start_time++;
	assert_int_equal(daxfs_host_is_gone(&info), 1);
	info.id.boot_id[0] ^= 1;	/* another machine: not for us to say */
	assert_int_equal(daxfs_host_is_gone(&info), 0);
	daxfs_host_identify(&info.id, DAXFS_HOST_LIB);
	pid = fork();
	if (!pid)
		_exit(0);
	info.id.pid = (u32)pid;
	info.id.start_time = 0;		/* unknown */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(daxfs_host_is_gone(&info), 1);
}

/* A kernel has no process whose end could be seen. */
static void test_kernel_is_never_gone(void **state)
{
	struct daxfs_host_info info = { .state = DAXFS_H_ALIVE };

	(void)state;
	daxfs_host_identify(&info.id, DAXFS_HOST_KERNEL);
	info.id.pid = 0;
	info.id.start_time = 1;
	assert_int_equal(daxfs_host_place(&info), DAXFS_HOST_HERE);
	info.id.boot_id[1] ^= 1;
	assert_int_equal(daxfs_host_place(&info), DAXFS_HOST_ELSEWHERE);
}

/* Join a host that was on this machine before it was started last. */
static void join_of_former_boot(const char *path, u32 name_differs)
{
	struct daxfs_host_id id;
	struct daxfs_region rg;
	struct stat st;
	void *base;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0 && !fstat(fd, &st));
	base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	assert_true(base != MAP_FAILED);
	must(daxfs_region_open(&rg, base, (u64)st.st_size, 1, NULL, 0));
	daxfs_host_identify(&id, DAXFS_HOST_LIB);
	id.boot_id[0] ^= 1;
	id.name[0] ^= (char)name_differs;
	must(daxfs_host_join(&rg, &id));
	a64_store_volatile(&daxfs_host(&rg, rg.host)->heartbeat_ns, 1);
	munmap(base, (size_t)st.st_size);
	close(fd);
}

/* What lost its power is dead: by itself in a persistent region alone. */
static void test_power_was_lost(void **state)
{
	struct daxfs_host_id us;
	char path[64];
	int told;

	(void)state;
	daxfs_host_identify(&us, DAXFS_HOST_LIB);
	told = us.machine_id[0] || us.machine_id[1];
	for (int persistent = 0; persistent < 2; persistent++) {
		region_path(path, sizeof(path));
		make_region_as(path, 32 * MIB, persistent);
		join_of_former_boot(path, 0);
		assert_int_equal(hosts_alive(path), 1);
		must(daxfs_fs_close(open_fs(path, 0)));
		assert_int_equal(hosts_alive(path), !(persistent && told));
		join_of_former_boot(path, 1);	/* perhaps another machine */
		must(daxfs_fs_close(open_fs(path, 0)));
		assert_int_equal(hosts_alive(path), 1 + !(persistent && told));
		unlink(path);
	}
}

static void test_lost_power(void **state)
{
	struct daxfs_host_info info = { .state = DAXFS_H_ALIVE };
	struct daxfs_host_id us;

	(void)state;
	daxfs_host_identify(&us, DAXFS_HOST_LIB);
	us.machine_id[0] = 1;
	us.boot_id[0] = 5;
	info.id = us;
	assert_int_equal(daxfs_host_lost_power(&info, &us), 0);
	info.id.boot_id[0] = 6;
	assert_int_equal(daxfs_host_lost_power(&info, &us), 1);
	info.heartbeat_ns = port_now_ns();	/* a copy of us, elsewhere */
	assert_int_equal(daxfs_host_lost_power(&info, &us), 0);
	info.heartbeat_ns = 0;
	info.state = DAXFS_H_JOINING;	/* its identity may not be complete */
	assert_int_equal(daxfs_host_lost_power(&info, &us), 0);
	info.state = DAXFS_H_ALIVE;
	info.id.machine_id[1] ^= 1;
	assert_int_equal(daxfs_host_lost_power(&info, &us), 0);
	info.id = us;
	info.id.boot_id[0] = 6;
	info.id.machine_id[0] = info.id.machine_id[1] = 0;
	us.machine_id[0] = us.machine_id[1] = 0;	/* nobody knows */
	assert_int_equal(daxfs_host_lost_power(&info, &us), 0);
}

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct daxfs *fs;
	int nr;
	int r;
};

/* 0, or why not all of it was written. */
static int put(struct daxfs_fd *fd, const char *bytes, size_t len)
{
	ssize_t n = daxfs_fd_pwrite(fd, bytes, len, 0);

	return n < 0 ? (int)n : (size_t)n == len ? 0 : -EPROTO;
}

static int work_once(struct worker *w, struct daxfs_fd *shared, int i)
{
	struct daxfs_fd *fd;
	char name[32] = "";
	int r;

	snprintf(name, sizeof(name), "t%d-%d", w->nr, i);
	r = daxfs_fd_open(w->fs, NULL, name, O_RDWR | O_CREAT | O_EXCL, 0644, &fd);
	if (r)
		return r;
	r = put(fd, name, sizeof(name));
	daxfs_fd_close(fd);
	if (!r)
		r = put(shared, "x", 1);
	if (!r && i % 2)
		r = daxfs_fs_unlink(w->fs, NULL, name);
	return r;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct daxfs_fd *shared;

	w->r = daxfs_fd_open(w->fs, NULL, "shared", O_RDWR | O_APPEND, 0, &shared);
	for (int i = 0; i < 100 && !w->r; i++)
		w->r = work_once(w, shared, i);
	daxfs_fd_close(shared);
	return NULL;
}

/* More threads than contexts. */
static void test_threads(void **state)
{
	struct env *e = *state;
	enum { NR = 48 };
	struct worker w[NR];
	struct stat st;

	put_file(e->fs, "shared", "");
	for (int i = 0; i < NR; i++) {
		w[i] = (struct worker){ .fs = e->fs, .nr = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < NR; i++) {
		pthread_join(w[i].thread, NULL);
		must(w[i].r);
	}
	must(stat_result(e->fs, "shared", &st));
	assert_int_equal(st.st_size, NR * 100);
	must(stat_result(e->fs, "t0-0", NULL));
	assert_int_equal(stat_result(e->fs, "t47-99", NULL), -ENOENT);
}

struct remover {
	struct daxfs *fs;
	int over, removed, r;
};

static void *remove_for_ever(void *arg)
{
	struct remover *w = arg;
	int last;

	do {
		last = __atomic_load_n(&w->over, __ATOMIC_SEQ_CST);
		w->r = daxfs_fs_unlink(w->fs, NULL, "f");
		w->removed += !w->r;
		if (w->r)
			sched_yield();	/* for who makes it */
	} while ((!w->r || w->r == -ENOENT) && !last);
	return NULL;
}

/*
 * What open makes it makes once, and the caller has it, whoever removes the
 * name, also in the moment before the file is held.
 */
static void test_made_removed(void **state)
{
	struct env *e = *state;
	struct remover w = { .fs = e->fs };
	struct daxfs_fd *fd;
	pthread_t thread;
	int made = 0, r;
	char got[2];

	assert_int_equal(pthread_create(&thread, NULL, remove_for_ever, &w), 0);
	while (made < 20000) {
		r = daxfs_fd_open(e->fs, NULL, "f",
				  O_RDWR | O_CREAT | O_EXCL, 0644, &fd);
		if (r == -EEXIST) {
			sched_yield();	/* for who removes it */
			continue;
		}
		must(r);
		made++;
		assert_int_equal(daxfs_fd_pwrite(fd, "ab", 2, 0), 2);
		assert_int_equal(daxfs_fd_pread(fd, got, 2, 0), 2);
		assert_memory_equal(got, "ab", 2);
		daxfs_fd_close(fd);
	}
	__atomic_store_n(&w.over, 1, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	assert_true(!w.r || w.r == -ENOENT);
	assert_int_equal(made, w.removed);
}

static void *borrow(void *arg)
{
	struct daxfs_mount *m = arg;

	daxfs_cx_put(m, daxfs_cx_get(m));	/* waits: all are taken */
	return NULL;
}

static void test_contexts(void **state)
{
	struct env *e = *state;
	struct daxfs_cx *cx[DAXFS_CTXS];
	struct daxfs_mount *m;
	pthread_t thread;
	char why[256];

	must(daxfs_mount_open(&m, e->path, 0, DAXFS_HOST_LIB, why, sizeof(why)));
	for (u32 i = 0; i < DAXFS_CTXS; i++) {
		cx[i] = daxfs_cx_get(m);
		for (u32 j = 0; j < i; j++)
			assert_ptr_not_equal(cx[i], cx[j]);
	}
	assert_int_equal(pthread_create(&thread, NULL, borrow, m), 0);
	usleep(1000);	/* likelier that it waits; right if it does not */
	daxfs_cx_put(m, cx[7]);
	pthread_join(thread, NULL);
	cx[7] = daxfs_cx_get(m);
	for (u32 i = 0; i < DAXFS_CTXS; i++)
		daxfs_cx_put(m, cx[i]);
	daxfs_mount_close(m);
}

/* ---- memory that goes away ---- */

static void child_vanish(const char *path, int left)
{
	struct daxfs *fs;
	struct daxfs_fd *fd;
	struct daxfs_pin *pin;
	struct daxfs_pin_run run;
	struct daxfs_list *list;
	struct statvfs vfs;
	struct stat st;
	struct daxfs_fd *dir, *none;
	char buf[4096];
	u64 sum = 0;

	STEP(!daxfs_fs_open(&fs, path, 0, NULL, 0));
	STEP(!daxfs_fd_open(fs, NULL, "f", O_RDWR, 0, &fd));
	STEP(!daxfs_fd_open(fs, NULL, "/", O_RDONLY, 0, &dir));
	STEP(!daxfs_pin_begin(fd, &pin));
	STEP(daxfs_pin_runs(pin, 0, 65536, &run, 1) == 1 && run.ptr);
	STEP(!truncate(path, left));
	for (u64 i = 0; i < run.len; i++)
		sum += ((const u8 *)run.ptr)[i];
	STEP(!sum);
	STEP(daxfs_fd_pread(fd, buf, 4096, 0) == -EIO);
	STEP(daxfs_fd_pwrite(fd, buf, 4096, 0) == -EIO);
	STEP(daxfs_fd_append(fd, buf, 4096, NULL) == -EIO);
	STEP(daxfs_fd_truncate(fd, 1) == -EIO);
	STEP(daxfs_fd_stat(fd, &st) == -EIO);
	STEP(daxfs_fs_stat(fs, NULL, "f", &st, 0) == -EIO);
	STEP(daxfs_fs_mkdir(fs, NULL, "x", 0755) == -EIO);
	STEP(daxfs_fs_unlink(fs, NULL, "f") == -EIO);
	STEP(daxfs_fs_statvfs(fs, &vfs) == -EIO);
	STEP(daxfs_fd_open(fs, NULL, "f", O_RDONLY, 0, &none) == -EIO && !none);
	STEP(daxfs_list_open(dir, 0, &list) == -EIO);
	STEP(daxfs_pin_runs(pin, 0, 65536, &run, 1) == -EIO);
	daxfs_pin_end(pin);
	daxfs_fd_close(dir);
	daxfs_fd_close(fd);
	STEP(!daxfs_fs_close(fs));
	_exit(0);
}

/* In a child: cmocka has its own idea of SIGBUS. */
static void truncated(const char *role, int arg)
{
	struct daxfs *fs;
	char path[64];
	int status;

	region_path(path, sizeof(path));
	make_region(path, 16 * MIB);
	fs = open_fs(path, 0);
	write_pattern(fs, "f", MIB, 5);
	must(daxfs_fs_close(fs));
	status = wait_status(spawn(role, path, arg));
	unlink(path);
	check_status(status);
}

static void test_truncated_to_nothing(void **state)
{
	(void)state;
	truncated("vanish", 0);
}

static void test_truncated_to_super(void **state)
{
	(void)state;
	truncated("vanish", 4096);
}

/* The first call after it finds out by itself, whatever call that is. */
static void child_first_call(const char *path, int call)
{
	struct daxfs *fs;
	struct daxfs_fd *fd, *none;
	struct stat st;
	char buf[4096] = "";
	s64 r = 0;

	STEP(!daxfs_fs_open(&fs, path, 0, NULL, 0));
	STEP(!daxfs_fd_open(fs, NULL, "f", O_RDWR, 0, &fd));
	STEP(!truncate(path, 0));
	switch (call) {
	case 0:
		r = daxfs_fd_pread(fd, buf, 4096, 0);
		break;
	case 1:
		r = daxfs_fd_pwrite(fd, buf, 4096, 4096);
		break;
	case 2:
		r = daxfs_fs_stat(fs, NULL, "f", &st, 0);
		break;
	case 3:
		r = daxfs_fs_mkdir(fs, NULL, "x", 0755);
		break;
	case 4:
		r = daxfs_fd_open(fs, NULL, "new", O_RDWR | O_CREAT, 0644, &none);
		break;
	case 5:
		r = daxfs_fd_append(fd, buf, 4096, NULL);
		break;
	case 6:
		r = daxfs_fs_rename(fs, NULL, "f", NULL, "g", 0);
		break;
	}
	STEP(r == -EIO);
	daxfs_fd_close(fd);
	STEP(!daxfs_fs_close(fs));
	_exit(0);
}

static void test_truncated_first_call(void **state)
{
	(void)state;
	for (int call = 0; call < 7; call++)
		truncated("first-call", call);
}

/*
 * The zero pages are there, and who put them there gets no further until
 * another thread has looked: this mmap() is the one that sigbus.c calls.
 */
static struct {
	int armed;		/* for the next mapping at a fixed address */
	int hit;
	sem_t mapped;		/* posted then, or when the touch is over */
	sem_t looked;
} between;

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = (void *)syscall(SYS_mmap, at, len, prot, flags, fd, off);

	if ((flags & MAP_FIXED) &&
	    __atomic_exchange_n(&between.armed, 0, __ATOMIC_SEQ_CST)) {
		between.hit = 1;
		sem_post(&between.mapped);
		while (sem_wait(&between.looked))
			;
	}
	return p;
}

static void *touch(void *at)
{
	(void)*(volatile u8 *)at;
	sem_post(&between.mapped);
	return NULL;
}

static void child_between(const char *path, int arg)
{
	struct daxfs_mount *m;
	pthread_t thread;
	volatile u8 *base;

	(void)arg;
	STEP(!sem_init(&between.mapped, 0, 0) && !sem_init(&between.looked, 0, 0));
	STEP(!daxfs_mount_open(&m, path, DAXFS_OPEN_NOHOST, DAXFS_HOST_TOOL,
			       NULL, 0));
	base = daxfs_mount_region(m)->base;
	STEP(*base && !daxfs_mount_result(m, 0));
	STEP(!truncate(path, 0));
	__atomic_store_n(&between.armed, 1, __ATOMIC_SEQ_CST);
	STEP(!pthread_create(&thread, NULL, touch, (void *)base));
	while (sem_wait(&between.mapped))
		;
	STEP(between.hit && !*base);
	STEP(daxfs_mount_result(m, 0) == -EIO);
	STEP(!sem_post(&between.looked) && !pthread_join(thread, NULL));
	daxfs_mount_close(m);
	_exit(0);
}

/* Whoever has seen zeros for what was there knows that they are none. */
static void test_truncated_between(void **state)
{
	(void)state;
	truncated("between", 0);
}

static sigjmp_buf jump;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

/* Memory that is no region's, whose second page is gone. */
static volatile char *foreign_memory(const char *region)
{
	struct daxfs *fs;
	char path[64];
	void *p;
	int fd;

	region_path(path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	STEP(fd >= 0 && !unlink(path) && !ftruncate(fd, 8192));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	STEP(p != MAP_FAILED);
	STEP(!daxfs_fs_open(&fs, region, 0, NULL, 0));
	STEP(!ftruncate(fd, 0));
	return (volatile char *)p + 4096;
}

static void child_foreign(const char *path, int with_handler)
{
	volatile char *p;

	signal(SIGBUS, with_handler ? on_bus : SIG_DFL);
	p = foreign_memory(path);
	if (!sigsetjmp(jump, 1)) {
		(void)*p;
		_exit(1);	/* not reached */
	}
	_exit(0);
}

/* A SIGBUS that is not ours goes to the program's own handler. */
static void test_foreign_sigbus(void **state)
{
	struct env *e = *state;

	wait_ok(spawn("foreign", e->path, 1));
}

/* ... and without one it ends the process, as it would without us. */
static void test_foreign_sigbus_default(void **state)
{
	struct env *e = *state;
	int status = wait_status(spawn("foreign", e->path, 0));

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* ---- a region without an overlay ---- */

static const char base_text[] = "content of the base image";

/* By hand: a root directory with one file in it. */
static void fill_base(struct daxfs_super *sb, u8 *base)
{
	struct daxfs_base_inode *ino = NULL;
	struct daxfs_base_dirent *de = NULL;
	u64 data = 0, meta = 0, inodes_len = 0, meta_len = 0;

	for (u32 i = 0; i < sb->area_nr; i++) {
		const struct daxfs_area *a = &sb->area[i];

		if (a->type == DAXFS_AREA_BASE_INODES) {
			ino = (void *)(base + a->off);
			inodes_len = a->len;
		} else if (a->type == DAXFS_AREA_BASE_META) {
			meta = a->off;
			meta_len = a->len;
			de = (void *)(base + a->off);
		} else if (a->type == DAXFS_AREA_BASE_DATA) {
			data = a->off;
		}
	}
	assert_true(ino && de && data);
	ino[0] = (struct daxfs_base_inode){ .size = sizeof(*de), .data_off = meta,
		.mode = S_IFDIR | 0755, .nlink = 2, .parent = 1 };
	ino[1] = (struct daxfs_base_inode){ .size = sizeof(base_text),
		.data_off = data, .mode = S_IFREG | 0444, .nlink = 1 };
	de->ino = 2;
	de->d_type = DT_REG;
	de->name_len = 1;
	de->name[0] = 'f';
	memcpy(base + data, base_text, sizeof(base_text));
	sb->base_crc = port_crc32(port_crc32(0, ino, inodes_len), base + meta,
				  meta_len);
}

/* len: of a region with an overlay; 0: an image without. */
static void make_static(const char *path, u64 len)
{
	struct daxfs_geometry g = {
		.mode = DAXFS_MODE_STATIC, .buckets = 512, .base_inode_nr = 2,
		.region_len = len, .overlay = !!len, .uuid = { 7, 7, 7 },
		.base_meta_len = sizeof(struct daxfs_base_dirent),
		.base_data_len = 4096,
	};
	u64 needed;
	u8 *base;

	must(daxfs_plan(&g, &needed));
	base = map_new(path, g.region_len);
	fill_base(&g.super, base);
	must(daxfs_format(&g, base, g.region_len));
	munmap(base, g.region_len);
}

static void test_static(void **state)
{
	struct daxfs_pin_run run;
	struct daxfs_pin *pin;
	struct daxfs_fd *fd;
	struct daxfs *fs;
	struct stat st;
	char path[64];

	(void)state;
	region_path(path, sizeof(path));
	make_static(path, 0);
	chmod(path, 0444);
	fs = open_fs(path, DAXFS_FS_VALIDATE);
	assert_int_equal(daxfs_fs_rdonly(fs), 1);
	must(stat_result(fs, "f", &st));
	assert_int_equal(st.st_size, sizeof(base_text));
	fd = open_at(fs, "f", O_RDONLY);
	must(daxfs_pin_begin(fd, &pin));
	assert_int_equal(daxfs_pin_runs(pin, 0, 4096, &run, 1), 1);
	assert_int_equal(run.len, sizeof(base_text));
	assert_string_equal(run.ptr, base_text);
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	assert_int_equal(daxfs_fs_unlink(fs, NULL, "f"), -EROFS);
	assert_int_equal(open_result(fs, "f", O_RDWR), -EROFS);
	must(daxfs_fs_close(fs));
	unlink(path);
}

/*
 * A pin on a file that is in the base image alone finds no inode to be noted on.
 * Another host copies the file up and replaces its pages twice over: what the
 * pin shows, of the base and of the first copy, stays.
 */
static void test_pin_base(void **state)
{
	struct daxfs *fs, *other;
	struct daxfs_pin_run run;
	struct daxfs_pin *pin;
	struct daxfs_fd *fd;
	struct snapshot s;
	char path[64];

	(void)state;
	region_path(path, sizeof(path));
	make_static(path, 32 * MIB);
	fs = open_fs(path, 0);
	other = open_fs(path, 0);
	fd = open_at(fs, "f", O_RDONLY);
	must(daxfs_pin_begin(fd, &pin));
	assert_int_equal(daxfs_pin_runs(pin, 0, 4096, &run, 1), 1);
	assert_string_equal(run.ptr, base_text);
	daxfs_fd_close(fd);
	write_pattern(other, "f", MIB, 5);
	take_snapshot(pin, &s, MIB);
	take_away(other, TRUNCATE);
	churn(other);
	churn(fs);
	check_snapshot(&s);
	assert_string_equal(run.ptr, base_text);
	take_snapshot(pin, &s, 2 * MIB);
	take_away(other, UNLINK);
	churn(other);
	churn(fs);
	check_snapshot(&s);
	daxfs_pin_end(pin);
	must(daxfs_fs_close(other));
	must(daxfs_fs_close(fs));
	unlink(path);
}

static int is_mapped_elsewhere(struct daxfs_mount *m, u64 ino)
{
	struct daxfs_cx *cx = daxfs_cx_get(m);
	struct daxfs_file f = { .ino = ino };
	int r = daxfs_mapped_elsewhere(cx, &f);

	daxfs_cx_put(m, cx);
	return r;
}

/* One's own pins are not those of others; what ends is forgotten. */
static void test_mapped_elsewhere(void **state)
{
	struct env *e = *state;
	struct daxfs_mount *m;
	struct daxfs_pin *a, *b;
	struct daxfs_fd *fd;
	struct stat st;
	u64 ino;

	must(daxfs_mount_open(&m, e->path, 0, DAXFS_HOST_TOOL, NULL, 0));
	write_pattern(e->fs, "f", 4096, 1);
	must(stat_result(e->fs, "f", &st));
	ino = st.st_ino;
	fd = open_at(e->fs, "f", O_RDWR);
	assert_int_equal(is_mapped_elsewhere(m, ino), 0);
	must(daxfs_pin_begin(fd, &a));
	must(daxfs_pin_begin(fd, &b));
	assert_int_equal(is_mapped_elsewhere(m, ino), 1);
	daxfs_pin_end(a);
	assert_int_equal(is_mapped_elsewhere(m, ino), 1);
	daxfs_pin_end(b);
	assert_int_equal(is_mapped_elsewhere(m, ino), 0);
	assert_int_equal(is_mapped_elsewhere(m, ino + 1000), -ENOENT);
	daxfs_fd_close(fd);
	daxfs_mount_close(m);
}

/* The bit of the host that asks says nothing of others. */
static void test_mapped_here(void **state)
{
	struct env *e = *state;
	struct daxfs_mount *m;
	struct daxfs_file f;
	struct daxfs_cx *cx;
	struct stat st;
	u64 epoch;

	must(daxfs_mount_open(&m, e->path, 0, DAXFS_HOST_TOOL, NULL, 0));
	write_pattern(e->fs, "f", 4096, 1);
	must(stat_result(e->fs, "f", &st));
	cx = daxfs_cx_get(m);
	must(daxfs_open(cx, st.st_ino, 0, &f));
	must(daxfs_map_begin(cx, &f, &epoch));
	assert_int_equal(daxfs_mapped_elsewhere(cx, &f), 0);
	daxfs_map_end(cx, &f);
	must(daxfs_close(cx, st.st_ino));
	daxfs_cx_put(m, cx);
	daxfs_mount_close(m);
}

static void test_static_damaged(void **state)
{
	struct daxfs *fs;
	char path[64];
	int fd;

	(void)state;
	region_path(path, sizeof(path));
	make_static(path, 0);
	fs = open_fs(path, DAXFS_FS_VALIDATE);
	must(daxfs_fs_close(fs));
	fd = open(path, O_RDWR);
	/* The mode of inode 2, found behind the superblock. */
	assert_int_equal(pwrite(fd, "\xff\xff", 2, 4096 + 64 + 24), 2);
	close(fd);
	refused(path, DAXFS_FS_VALIDATE, -EUCLEAN, "damaged");
	unlink(path);
}

/* Who may read the file but not write to it, not being root. */
static void child_reader(const char *with, int unused)
{
	struct daxfs *fs;
	char why[256] = "", without[72];

	(void)unused;
	snprintf(without, sizeof(without), "%s.static", with);

	if (!geteuid())
		STEP(!setuid(65534));
	STEP(daxfs_fs_open(&fs, with, DAXFS_FS_RDONLY, why, sizeof(why)) ==
	     -EACCES);
	STEP(strstr(why, "write permission is needed even for reading"));
	STEP(!daxfs_fs_open(&fs, without, 0, why, sizeof(why)));
	STEP(!daxfs_fs_close(fs));
	_exit(0);
}

static void test_no_write_permission(void **state)
{
	struct env *e = *state;
	char path[72];
	int status;

	snprintf(path, sizeof(path), "%s.static", e->path);
	make_static(path, 0);
	chmod(path, 0444);
	chmod(e->path, 0444);
	status = wait_status(spawn("reader", e->path, 0));
	unlink(path);
	check_status(status);
}

#define REGION_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct {
	const char *name;
	void (*run)(const char *path, int arg);
} roles[] = {
	{ "host", child_host },
	{ "to-kill", child_to_kill },
	{ "many", child_many },
	{ "writer", child_writer },
	{ "daemon", child_daemon },
	{ "vanish", child_vanish },
	{ "first-call", child_first_call },
	{ "between", child_between },
	{ "foreign", child_foreign },
	{ "reader", child_reader },
};

static int be_child(const char *role, const char *path, int arg)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		if (!strcmp(roles[i].name, role))
			roles[i].run(path, arg);	/* ends with _exit() */
	return 254;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_open_nothing),
	cmocka_unit_test(test_open_bad),
	cmocka_unit_test(test_open_unknown_ro),
	REGION_TEST(test_open_locked),
	REGION_TEST(test_open_exclusive),
	REGION_TEST(test_open_exclusive_host),
	cmocka_unit_test(test_texts),
	REGION_TEST(test_close_busy),
	REGION_TEST(test_names),
	REGION_TEST(test_remove),
	REGION_TEST(test_rename),
	REGION_TEST(test_exchange),
	REGION_TEST(test_whiteout),
	REGION_TEST(test_tmpfile),
	REGION_TEST(test_tmpfile_many),
	REGION_TEST(test_mknod),
	REGION_TEST(test_walk),
	REGION_TEST(test_symlinks),
	REGION_TEST(test_open_flags),
	REGION_TEST(test_read_write),
	REGION_TEST(test_space),
	REGION_TEST(test_copy),
	REGION_TEST(test_modes),
	REGION_TEST(test_append),
	REGION_TEST(test_unlinked_open),
	REGION_TEST(test_many_open),
	REGION_TEST(test_attributes),
	REGION_TEST(test_statvfs),
	REGION_TEST(test_list),
	REGION_TEST(test_list_delete),
	REGION_TEST(test_runs),
	REGION_TEST(test_pin_truncate),
	REGION_TEST(test_pin_unlink),
	REGION_TEST(test_pin_replace),
	REGION_TEST(test_pin_overlap),
	REGION_TEST(test_pin_overwrite),
	REGION_TEST(test_mapped_elsewhere),
	REGION_TEST(test_mapped_here),
	REGION_TEST(test_two_mounts),
	REGION_TEST(test_two_processes),
	REGION_TEST(test_killed_host),
	REGION_TEST(test_all_hosts),
	REGION_TEST(test_many_hosts_dead),
	REGION_TEST(test_all_hosts_dead),
	cmocka_unit_test_setup_teardown(test_two_writers, setup_large,
					teardown),
	REGION_TEST(test_fork),
	REGION_TEST(test_fork_open),
	REGION_TEST(test_daemon),
	cmocka_unit_test(test_is_gone),
	cmocka_unit_test(test_kernel_is_never_gone),
	cmocka_unit_test(test_lost_power),
	cmocka_unit_test(test_power_was_lost),
	cmocka_unit_test_setup_teardown(test_threads, setup_large,
					teardown),
	REGION_TEST(test_made_removed),
	REGION_TEST(test_contexts),
	cmocka_unit_test(test_truncated_to_nothing),
	cmocka_unit_test(test_truncated_to_super),
	cmocka_unit_test(test_truncated_first_call),
	cmocka_unit_test(test_truncated_between),
	REGION_TEST(test_foreign_sigbus),
	REGION_TEST(test_foreign_sigbus_default),
	cmocka_unit_test(test_static),
	cmocka_unit_test(test_pin_base),
	cmocka_unit_test(test_static_damaged),
	REGION_TEST(test_no_write_permission),
};

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "--child"))
		return be_child(argv[2], argv[3], atoi(argv[4]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
