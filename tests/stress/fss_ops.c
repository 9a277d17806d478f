/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsstress: random operations in a tree that all processes change.
 *
 * Notes: what an operation does cannot be foretold, but which errors it may
 * give can: each has its list. Names are few, so that processes meet; files
 * and directories take each other's names now and then. Nothing here opens what
 * is not a regular file or a directory for longer than to find that out, and
 * never without O_NONBLOCK. A file that a process has open is there until it
 * closes it: no error but ENOSPC is allowed on those.
 */
#define _GNU_SOURCE
#include "fss.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define HELD	6u
#define NR_DIRS	4u	/* names of one sort; a directory holds them all */
#define NR_FILES 8u
#define DEPTH	3u
#define LONGEST	(256u * 1024)

/* A path, and the directory that it starts at. */
struct place {
	u32 side;
	int at;
	char path[FSS_PATH];
};

static struct {
	int fd;
	u32 side;
} held[HELD], cwd[FSS_SIDES];
static u32 nr_held;
static struct place one, two;	/* of the operation on its way */
static char buf[65536];

/* ---- places ---- */

static size_t add_name(char *to, size_t room, int want_dir)
{
	int dir = below(10) ? want_dir : !want_dir;

	return (size_t)snprintf(to, room, "/%c%llu", dir ? 'd' : 'f',
		(unsigned long long)below(dir ? NR_DIRS : NR_FILES));
}

/* Some are found from a directory that was opened before. */
static void some_place(struct place *p, u32 side, int want_dir)
{
	u64 depth = below(DEPTH);
	size_t len = 0;

	p->side = side;
	p->at = cwd[side].fd > 0 && !below(4) ? cwd[side].fd : AT_FDCWD;
	if (p->at == AT_FDCWD)
		len = (size_t)snprintf(p->path, sizeof(p->path), "%s/shared",
				       fss_top[side]);
	while (depth--)
		len += add_name(p->path + len, sizeof(p->path) - len, 1);
	add_name(p->path + len, sizeof(p->path) - len, want_dir);
	if (p->at != AT_FDCWD)
		memmove(p->path, p->path + 1, strlen(p->path));
}

static struct place *place(int want_dir)
{
	some_place(&one, (u32)below(fss_sides), want_dir);
	return &one;
}

/* Another on the same side: no call takes two of two mounts. */
static struct place *other(int want_dir)
{
	some_place(&two, one.side, want_dir);
	return &two;
}

/* ---- calls on names: 0 or a negative errno ---- */

static int result(s64 r)
{
	return r < 0 ? -errno : 0;
}

static int op_mkdir(void)
{
	struct place *p = place(1);

	return result(mkdirat(p->at, p->path, 0700 + (mode_t)below(64)));
}

static int op_mknod(void)
{
	static const mode_t types[] = { S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR };
	mode_t type = types[below(geteuid() ? 3 : 4)];
	struct place *p = place(0);

	/* A device that no driver has. */
	return result(mknodat(p->at, p->path, type | 0644,
			      makedev(0xfff, (u32)below(1 << 20))));
}

static int op_symlink(void)
{
	char target[32];
	size_t len = 0;
	u64 depth = 1 + below(2);
	struct place *p = place(below(2));

	while (depth--)
		len += add_name(target + len, sizeof(target) - len, below(2));
	return result(symlinkat(target + 1, p->at, p->path));
}

static int op_link(void)
{
	struct place *p = place(0), *q = other(0);

	return result(linkat(p->at, p->path, q->at, q->path,
			     below(4) ? 0 : AT_SYMLINK_FOLLOW));
}

static int op_unlink(void)
{
	struct place *p = place(0);

	return result(unlinkat(p->at, p->path, 0));
}

static int op_rmdir(void)
{
	struct place *p = place(1);

	return result(unlinkat(p->at, p->path, AT_REMOVEDIR));
}

static int do_rename(unsigned int flags)
{
	int dir = !below(3);
	struct place *p = place(dir), *q = other(dir);

	return result(renameat2(p->at, p->path, q->at, q->path, flags));
}

static int op_rename(void)
{
	return do_rename(0);
}

static int op_noreplace(void)
{
	return do_rename(RENAME_NOREPLACE);
}

static int op_exchange(void)
{
	return do_rename(RENAME_EXCHANGE);
}

static int op_whiteout(void)
{
	return do_rename(RENAME_WHITEOUT |
			 (below(3) ? 0u : (unsigned int)RENAME_NOREPLACE));
}

/* ---- calls on attributes ---- */

static int op_chmod(void)
{
	struct place *p = place(!below(4));

	return result(fchmodat(p->at, p->path, (mode_t)below(010000), 0));
}

static int op_chown(void)
{
	struct place *p = place(!below(4));
	uid_t uid = geteuid() ? geteuid() : (uid_t)below(4);
	gid_t gid = geteuid() ? getegid() : (gid_t)below(4);

	return result(fchownat(p->at, p->path, uid, gid,
			       below(2) ? AT_SYMLINK_NOFOLLOW : 0));
}

static int op_utimens(void)
{
	struct timespec ts[2] = {
		{ .tv_sec = (time_t)below(1u << 31), .tv_nsec = (long)below(1000000000) },
		{ .tv_sec = (time_t)below(1u << 31), .tv_nsec = (long)below(1000000000) },
	};
	struct place *p = place(!below(4));

	if (!below(4))
		ts[0].tv_nsec = below(2) ? UTIME_OMIT : UTIME_NOW;
	if (!below(4))
		ts[1].tv_nsec = below(2) ? UTIME_OMIT : UTIME_NOW;
	return result(utimensat(p->at, p->path, ts,
				below(2) ? AT_SYMLINK_NOFOLLOW : 0));
}

static int op_stat(void)
{
	struct place *p = place(!below(4));
	struct stat st;

	return result(fstatat(p->at, p->path, &st,
			      below(2) ? AT_SYMLINK_NOFOLLOW : 0));
}

static int op_readlink(void)
{
	struct place *p = place(0);

	return result(readlinkat(p->at, p->path, buf, sizeof(buf)));
}

/* By path: a descriptor would not do for symbolic links and devices. */
static const char *xattr_path(void)
{
	u32 side = (u32)below(fss_sides);

	do {
		some_place(&one, side, !below(3));
	} while (one.at != AT_FDCWD);
	return one.path;
}

static const char *xattr_name(void)
{
	static const char *const names[] = { "user.a", "user.b", "user.name",
		"trusted.a", "trusted.b" };

	return names[below(geteuid() ? 3 : 5)];
}

static int op_setxattr(void)
{
	static const u32 most[] = { 8, 100, 1000, 4000 };
	const char *path = xattr_path();
	int flags[] = { 0, 0, XATTR_CREATE, XATTR_REPLACE };

	memset(buf, 'a' + (int)below(26), 4000);
	return result(lsetxattr(path, xattr_name(), buf,
				below(most[below(4)]), flags[below(4)]));
}

static int op_getxattr(void)
{
	const char *path = xattr_path();

	return result(lgetxattr(path, xattr_name(), buf,
				below(2) ? sizeof(buf) : below(100)));
}

static int op_listxattr(void)
{
	return result(llistxattr(xattr_path(), buf, sizeof(buf)));
}

static int op_removexattr(void)
{
	const char *path = xattr_path();

	return result(lremovexattr(path, xattr_name()));
}

/* ---- calls on content ---- */

/* All that may go wrong with a file that is open. */
static void must(const char *what, s64 r)
{
	if (r >= 0)
		return;
	if (fss_is_excused(errno))
		return;
	WRONG("%s of an open file: %s", what, strerror(errno));
}

static void use_space(int fd)
{
	static const struct {
		enum fss_feature feature;
		int mode;
	} modes[] = {
		{ FSS_ALLOC, 0 },
		{ FSS_ALLOC, FALLOC_FL_KEEP_SIZE },
		{ FSS_PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
		{ FSS_ZERO, FALLOC_FL_ZERO_RANGE },
	};
	u64 i = below(4);

	if (fss_has[modes[i].feature])
		must("fallocate", fallocate(fd, modes[i].mode,
					    (off_t)below(LONGEST),
					    (off_t)(1 + below(50000))));
}

/* Nobody waits, and a lock goes with its descriptor. */
static void use_locks(int fd)
{
	struct flock fl = { .l_type = below(2) ? F_WRLCK : F_RDLCK,
			    .l_start = (off_t)below(1000),
			    .l_len = (off_t)below(1000) };
	int r;

	r = below(2) ? flock(fd, LOCK_NB | (below(2) ? LOCK_EX : LOCK_SH)) :
	    fcntl(fd, F_SETLK, &fl);
	if (r < 0 && errno != EAGAIN && errno != EACCES)
		must("lock", r);
	fl.l_type = F_UNLCK;
	must("unlock", below(2) ? flock(fd, LOCK_UN) : fcntl(fd, F_SETLK, &fl));
}

static void use_file(int fd)
{
	off_t off = (off_t)below(LONGEST);
	struct stat st;
	u64 len = below(below(4) ? 5000 : sizeof(buf));

	switch (below(9)) {
	case 0:
	case 1:
		memset(buf, 1 + (int)below(255), len);
		return must("write", pwrite(fd, buf, len, off));
	case 2:
	case 3: return must("read", pread(fd, buf, sizeof(buf), off));
	case 4: return must("truncate", ftruncate(fd, off));
	case 5: return must("stat", fstat(fd, &st));
	case 6: return must("fsync", below(2) ? fsync(fd) : fdatasync(fd));
	case 7: return use_locks(fd);
	default: return use_space(fd);
	}
}

/* It may be gone for fstat(), because no server hears that it is open. */
static int is_fifo(int fd)
{
	return lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE;
}

/* A regular file, or -1 and errno 0 if it is something else. */
static int only_file(int fd)
{
	struct stat st;

	if (fd < 0)
		return fd;
	if (!is_fifo(fd)) {
		must("stat", fstat(fd, &st));
		if (S_ISREG(st.st_mode))
			return fd;
	}
	close(fd);
	errno = 0;
	return -1;
}

static int open_file(int flags)
{
	struct place *p = place(0);

	return only_file(openat(p->at, p->path, flags | O_NONBLOCK,
				0600 + (mode_t)below(64)));
}

static int op_create(void)
{
	int flags[] = { O_CREAT, O_CREAT | O_EXCL, O_CREAT | O_TRUNC,
			O_CREAT | O_APPEND };
	int fd = open_file(O_RDWR | flags[below(4)]);

	if (fd < 0)
		return -errno;
	use_file(fd);
	close(fd);
	return 0;
}

static int op_data(void)
{
	int fd = open_file(O_RDWR | (below(4) ? 0 : O_NOFOLLOW));
	u64 i;

	if (fd < 0)
		return -errno;
	for (i = below(4); i < 4; i++)
		use_file(fd);
	close(fd);
	return 0;
}

static int op_truncate(void)
{
	u32 side = (u32)below(fss_sides);

	do {
		some_place(&one, side, 0);
	} while (one.at != AT_FDCWD);
	return result(truncate(one.path, (off_t)below(LONGEST)));
}

static int op_tmpfile(void)
{
	struct place *p = place(1);
	char path[32];
	int fd, r = 0;

	fd = openat(p->at, p->path, O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		return -errno;
	use_file(fd);
	if (below(2)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		p = other(0);
		r = result(linkat(AT_FDCWD, path, p->at, p->path,
				  AT_SYMLINK_FOLLOW));
	}
	close(fd);
	return r;
}

/* ---- what stays open ---- */

static int op_hold(void)
{
	int fd = open_file(O_RDWR);

	if (fd < 0)
		return -errno;
	if (nr_held == HELD) {
		u64 i = below(HELD);

		close(held[i].fd);
		held[i] = held[--nr_held];
	}
	held[nr_held].side = one.side;
	held[nr_held++].fd = fd;
	return 0;
}

static int op_held(void)
{
	if (nr_held)
		use_file(held[below(nr_held)].fd);
	return 0;
}

static int op_cwd(void)
{
	struct place *p = place(1);
	int fd = openat(p->at, p->path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return -errno;
	if (cwd[p->side].fd > 0)
		close(cwd[p->side].fd);
	cwd[p->side].fd = fd;
	return 0;
}

static int op_readdir(void)
{
	struct place *p = place(1);
	int fd = openat(p->at, p->path, O_RDONLY | O_DIRECTORY);
	struct dirent *de;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir)
		WRONG("fdopendir: %s", strerror(errno));
	while ((errno = 0, de = readdir(dir)))
		if (!de->d_name[0] || strchr(de->d_name, '/'))
			WRONG("the name '%s' in %s", de->d_name, p->path);
	fd = -errno;
	closedir(dir);
	return fd;
}

/* ---- what there is, and what each may answer ---- */

/* EACCES: a symbolic link of another owner in a sticky directory. */
#define WALK	ENOENT, ENOTDIR, ELOOP, EACCES
#define MAY(...) (const int []){ __VA_ARGS__, 0 }

static const struct operation {
	const char *name;
	u32 weight;
	int feature;		/* which it needs, or -1 */
	int (*run)(void);
	const int *may;
} ops[] = {
	{ "create", 22, -1, op_create, MAY(WALK, EEXIST, EISDIR, ENXIO) },
	{ "data", 14, -1, op_data, MAY(WALK, EISDIR, ENXIO) },
	{ "truncate", 4, -1, op_truncate, MAY(WALK, EISDIR, EINVAL) },
	{ "mkdir", 14, -1, op_mkdir, MAY(WALK, EEXIST) },
	{ "mknod", 3, -1, op_mknod, MAY(WALK, EEXIST) },
	{ "symlink", 4, -1, op_symlink, MAY(WALK, EEXIST) },
	{ "link", 7, -1, op_link, MAY(WALK, EEXIST, EPERM) },
	{ "unlink", 9, -1, op_unlink, MAY(WALK, EISDIR) },
	{ "rmdir", 5, -1, op_rmdir, MAY(WALK, ENOTEMPTY) },
	{ "rename", 8, -1, op_rename,
	  MAY(WALK, ENOTEMPTY, EISDIR, EINVAL) },
	{ "noreplace", 3, -1, op_noreplace, MAY(WALK, EEXIST, EINVAL) },
	{ "exchange", 4, FSS_EXCHANGE, op_exchange, MAY(WALK, EINVAL) },
	{ "whiteout", 3, FSS_WHITEOUT, op_whiteout,
	  MAY(WALK, EEXIST, ENOTEMPTY, EISDIR, EINVAL) },
	{ "chmod", 4, -1, op_chmod, MAY(WALK) },
	{ "chown", 4, -1, op_chown, MAY(WALK) },
	{ "utimens", 4, -1, op_utimens, MAY(WALK) },
	{ "stat", 6, -1, op_stat, MAY(WALK) },
	{ "readlink", 3, -1, op_readlink, MAY(WALK, EINVAL) },
	{ "readdir", 6, -1, op_readdir, MAY(WALK) },
	{ "tmpfile", 4, FSS_TMPFILE, op_tmpfile, MAY(WALK, EEXIST) },
	{ "setxattr", 5, FSS_XATTR, op_setxattr,
	  MAY(WALK, EEXIST, ENODATA, EPERM) },
	{ "getxattr", 3, FSS_XATTR, op_getxattr, MAY(WALK, ENODATA, ERANGE, EPERM) },
	{ "listxattr", 2, FSS_XATTR, op_listxattr, MAY(WALK) },
	{ "removexattr", 2, FSS_XATTR, op_removexattr, MAY(WALK, ENODATA, EPERM) },
	{ "hold", 5, -1, op_hold, MAY(WALK, EISDIR, ENXIO) },
	{ "held", 10, -1, op_held, MAY(WALK) },
	{ "cwd", 3, -1, op_cwd, MAY(WALK) },
};

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))
_Static_assert(NR_OPS <= FSS_OPS, "the board has a place for each");

static u32 weight_of(u32 i)
{
	return ops[i].feature < 0 || fss_has[ops[i].feature] ? ops[i].weight : 0;
}

static u32 some_op(void)
{
	u32 all = 0, i;
	u64 n;

	for (i = 0; i < NR_OPS; i++)
		all += weight_of(i);
	n = below(all);
	for (i = 0; n >= weight_of(i); i++)
		n -= weight_of(i);
	return i;
}

static void check_error(const struct operation *op, int err)
{
	const int *may;

	for (may = op->may; *may; may++)
		if (*may == err)
			return;
	/* The reasons are in daxfs-fuse(8); a mount alone knows none. */
	if (err == ESTALE && fss_sides > 1) {
		fss_count(&fss_board->stale);
		return;
	}
	if (fss_is_excused(err))
		return;
	WRONG("%s %s %s: %s", op->name, one.path, two.path, strerror(err));
}

void fss_any(void)
{
	u32 i = some_op();
	int r;

	two.path[0] = '\0';
	r = ops[i].run();
	fss_count(&fss_board->done[i]);
	if (r)
		check_error(&ops[i], -r);
	else
		fss_count(&fss_board->good[i]);
}

void fss_any_close(void)
{
	u32 i;

	for (i = 0; i < nr_held; i++)
		close(held[i].fd);
	for (i = 0; i < FSS_SIDES; i++)
		if (cwd[i].fd > 0)
			close(cwd[i].fd);
}

void fss_any_print(void)
{
	u32 i;

	printf("#");
	for (i = 0; i < NR_OPS; i++)
		if (fss_board->done[i])
			printf(" %s %llu/%llu", ops[i].name,
			       (unsigned long long)fss_board->good[i],
			       (unsigned long long)fss_board->done[i]);
	printf("\n");
}
