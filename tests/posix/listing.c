/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * getdents and the functions above it: buffers, positions, types, errors.
 *
 * Notes: dirs.c has listings of many names and of changing directories. Here
 * the kernel's call is made itself, with the smallest buffers too.
 */
#include "posix_test.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

static char dents[32 * KIB] __attribute__((aligned(8)));

static int getdents(int fd, size_t len)
{
	return (int)syscall(SYS_getdents64, fd, dents, len);
}

static const struct linux_dirent64 *dirent_at(int off)
{
	return (const void *)(dents + off);
}

static int open_dir(const char *path)
{
	return OK(open(path, O_RDONLY | O_DIRECTORY));
}

static void make_names(const char *dir, int nr)
{
	char path[64];
	int i;

	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s/name-%03d", dir, i);
		make_file(path, "");
	}
}

static int known_name(const char *name)
{
	return !strncmp(name, "name-", 5) ? atoi(name + 5) : -1;
}

/* Count each "name-N" that a listing with this buffer brings. */
static void tally_with(int fd, size_t buffer, int *seen, int *calls)
{
	const struct linux_dirent64 *de;
	int n, off, i;

	for (*calls = 0; (n = OK(getdents(fd, buffer))); (*calls)++) {
		for (off = 0; off < n; off += de->d_reclen) {
			de = dirent_at(off);
			CHECK(de->d_reclen >= 24 && de->d_reclen % 8 == 0);
			i = known_name(de->d_name);
			if (i >= 0)
				seen[i]++;
		}
		EQ(off, n);
	}
}

CASE(getdents_each_buffer, 0)
{
	static const size_t size[] = { 32, 40, 64, 100, 512, 4096, 32768 };
	int seen[50], calls, fd, i;
	size_t k;

	make_tree("d");
	make_names("d", 50);
	for (k = 0; k < COUNT_OF(size); k++) {
		label("buffer of %zu", size[k]);
		memset(seen, 0, sizeof(seen));
		fd = open_dir("d");
		tally_with(fd, size[k], seen, &calls);
		for (i = 0; i < 50; i++)
			EQ(seen[i], 1);
		CHECK(calls > 0);
		WANT_EQ(getdents(fd, size[k]), 0);
		WANT_EQ(lseek(fd, 0, SEEK_SET), 0);
		WANT_EQ(getdents(fd, size[k]) > 0, 1);
		OK(close(fd));
	}
}

CASE(getdents_errors, 0)
{
	int fd;

	make_tree("d");
	make_file("d/a-name-that-does-not-fit-in-what-is-left", "");
	make_file("f", "");
	fd = open_dir("d");
	WANT(EINVAL, getdents(fd, 0));
	WANT(EINVAL, getdents(fd, 1));
	WANT(EINVAL, getdents(fd, 23));
	WANT(EBADF, getdents(-1, 4096));
	WANT(ENOTDIR, getdents(open("f", O_RDONLY), 4096));
	WANT(EBADF, getdents(open("d", O_PATH), 4096));
	WANT(EISDIR, read(fd, dents, 10));
	WANT(EISDIR, pread(fd, dents, 10, 0));
	WANT(EBADF, write(fd, "x", 1));
	WANT(EISDIR, open("d", O_WRONLY));
	WANT(EINVAL, lseek(fd, -1, SEEK_SET));
	WANT(EINVAL, lseek(fd, 0, 77));
	CHECK(getdents(fd, 4096) > 0);
}

/* Go back to the place behind each entry: what follows is the same again. */
CASE(getdents_positions, 0)
{
	const struct linux_dirent64 *de;
	static char name[64][16];
	static int64_t after[64];
	int fd, n, nr = 0, off, i;

	make_tree("d");
	make_names("d", 40);
	fd = open_dir("d");
	n = OK(getdents(fd, sizeof(dents)));
	for (off = 0; off < n; off += de->d_reclen) {
		de = dirent_at(off);
		strcpy(name[nr], de->d_name);
		after[nr++] = de->d_off;
	}
	EQ(nr, 42);
	for (i = nr - 2; i >= 0; i--) {
		label("behind entry %d", i);
		WANT_EQ(lseek(fd, after[i], SEEK_SET), after[i]);
		n = OK(getdents(fd, sizeof(dents)));
		CHECK(n > 0);
		WANT_EQ(strcmp(dirent_at(0)->d_name, name[i + 1]), 0);
		WANT_EQ(dirent_at(0)->d_off, after[i + 1]);
	}
	label(NULL);
	OK(lseek(fd, after[nr - 1], SEEK_SET));
	WANT_EQ(getdents(fd, sizeof(dents)), 0);
	/* another descriptor understands the same positions */
	OK(close(fd));
	fd = open_dir("d");
	OK(lseek(fd, after[10], SEEK_SET));
	CHECK(getdents(fd, sizeof(dents)) > 0);
	WANT_EQ(strcmp(dirent_at(0)->d_name, name[11]), 0);
}

/* A position stays good when the entry before it and the one behind it go. */
CASE(getdents_position_after_removal, 0)
{
	const struct linux_dirent64 *de;
	static char name[64][16];
	static int64_t after[64];
	int fd, n, nr = 0, off;
	char path[64];

	make_tree("d");
	make_names("d", 30);
	fd = open_dir("d");
	n = OK(getdents(fd, sizeof(dents)));
	for (off = 0; off < n; off += de->d_reclen) {
		de = dirent_at(off);
		strcpy(name[nr], de->d_name);
		after[nr++] = de->d_off;
	}
	EQ(nr, 32);
	snprintf(path, sizeof(path), "d/%s", name[10]);
	OK(unlink(path));
	OK(lseek(fd, after[10], SEEK_SET));
	CHECK(getdents(fd, sizeof(dents)) > 0);
	if (!strcmp(dirent_at(0)->d_name, name[12]) &&
	    deviates(POSITIONS_ARE_COUNTS))
		return;
	WANT_EQ(strcmp(dirent_at(0)->d_name, name[11]), 0);
	snprintf(path, sizeof(path), "d/%s", name[11]);
	OK(unlink(path));
	OK(lseek(fd, after[10], SEEK_SET));
	CHECK(getdents(fd, sizeof(dents)) > 0);
	WANT_EQ(strcmp(dirent_at(0)->d_name, name[12]), 0);
}

/* ---- what an entry says ---- */

static int type_in(const char *dir, const char *name, ino_t *ino)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int type = -1;

	if (!d)
		FAIL("opendir %s: %s", dir, strerror(errno));
	while ((de = readdir(d))) {
		if (!strcmp(de->d_name, name)) {
			type = de->d_type;
			*ino = de->d_ino;
		}
	}
	closedir(d);
	return type;
}

#define ENTRY_IS(name, type)						\
	do {								\
		ino_t ino_ = 0;						\
		WANT_EQ(type_in("d", name, &ino_), type);		\
		WANT_EQ(ino_, stat_of("d/" name).st_ino);		\
	} while (0)

CASE(listing_types, 0)
{
	ino_t ino;

	make_tree("d");
	make_file("d/file", "");
	make_tree("d/dir");
	OK(symlink("dir", "d/symlink"));
	OK(mkfifo("d/fifo", 0600));
	OK(mknod("d/sock", S_IFSOCK | 0600, 0));
	OK(link("d/fifo", "d/hard"));
	ENTRY_IS("file", DT_REG);
	ENTRY_IS("dir", DT_DIR);
	ENTRY_IS("symlink", DT_LNK);
	ENTRY_IS("fifo", DT_FIFO);
	ENTRY_IS("sock", DT_SOCK);
	ENTRY_IS("hard", DT_FIFO);
	ENTRY_IS(".", DT_DIR);
	ENTRY_IS("..", DT_DIR);
	WANT_EQ(type_in("d/dir", "..", &ino), DT_DIR);
	WANT_EQ(ino, stat_of("d").st_ino);
	/* a name that gets another kind */
	OK(rename("d/symlink", "d/file"));
	ENTRY_IS("file", DT_LNK);
	OK(unlink("d/fifo"));
	OK(mkdir("d/fifo", 0700));
	ENTRY_IS("fifo", DT_DIR);
	OK(rename("d/dir", "d/fifo"));
	ENTRY_IS("fifo", DT_DIR);
	if (!geteuid()) {
		OK(mknod("d/char", S_IFCHR | 0600, makedev(1, 3)));
		OK(mknod("d/block", S_IFBLK | 0600, makedev(7, 200)));
		ENTRY_IS("char", DT_CHR);
		ENTRY_IS("block", DT_BLK);
	}
}

/* ".." of a directory that moved is its new parent, in the listing as well. */
CASE(listing_dotdot_moves, 0)
{
	ino_t ino;

	make_tree("a");
	make_tree("b");
	make_tree("a/d");
	WANT_EQ(type_in("a/d", "..", &ino), DT_DIR);
	WANT_EQ(ino, stat_of("a").st_ino);
	OK(rename("a/d", "b/d"));
	WANT_EQ(type_in("b/d", "..", &ino), DT_DIR);
	WANT_EQ(ino, stat_of("b").st_ino);
	WANT_EQ(stat_of("b/d/..").st_ino, stat_of("b").st_ino);
	WANT_EQ(stat_of("b/d/../..").st_ino, stat_of(".").st_ino);
	OK(chdir("b/d"));
	OK(rename("../d", "../../a/e"));
	WANT_EQ(stat_of("..").st_ino, stat_of("../../a").st_ino);
}

/* A rewound listing is a new one; one going on may show the old state. */
CASE(listing_rewind_and_changes, 0)
{
	struct dirent *de;
	DIR *dir;
	int n;

	make_tree("d");
	make_names("d", 5);
	dir = opendir("d");
	CHECK(dir);
	for (n = 0; readdir(dir); n++)
		;
	WANT_EQ(n, 7);
	make_file("d/late", "");
	OK(unlink("d/name-000"));
	OK(unlink("d/name-001"));
	rewinddir(dir);
	for (n = 0; (de = readdir(dir)); n++) {
		CHECK(strcmp(de->d_name, "name-000"));
		CHECK(strcmp(de->d_name, "name-001"));
	}
	WANT_EQ(n, 6);
	OK(rename("d/late", "d/name-004"));
	rewinddir(dir);
	for (n = 0; readdir(dir); n++)
		;
	WANT_EQ(n, 5);
	seekdir(dir, telldir(dir));
	CHECK(!readdir(dir));
	WANT(0, closedir(dir));
}

CASE(listing_fdopendir, 0)
{
	struct stat st;
	DIR *dir;
	int fd, n;

	make_tree("d");
	make_names("d", 3);
	make_file("f", "");
	fd = open_dir("d");
	dir = fdopendir(fd);
	CHECK(dir);
	WANT_EQ(dirfd(dir), fd);
	WANT(0, fstatat(dirfd(dir), "name-001", &st, 0));
	for (n = 0; readdir(dir); n++)
		;
	WANT_EQ(n, 5);
	WANT(0, closedir(dir));
	WANT(EBADF, fcntl(fd, F_GETFD));
	CHECK(!fdopendir(open("f", O_RDONLY)) && errno == ENOTDIR);
	CHECK(!fdopendir(-1) && errno == EBADF);
}

/* Link counts of directories: one for the name, ".", and each "..". */
CASE(listing_link_counts, 0)
{
	make_tree("d");
	WANT_EQ(stat_of("d").st_nlink, 2);
	make_tree("d/a");
	make_tree("d/b");
	WANT_EQ(stat_of("d").st_nlink, 4);
	make_file("d/f", "");
	OK(symlink("a", "d/s"));
	WANT_EQ(stat_of("d").st_nlink, 4);
	OK(rename("d/a", "d/b"));
	WANT_EQ(stat_of("d").st_nlink, 3);
	OK(rename("d/b", "d/c"));
	WANT_EQ(stat_of("d").st_nlink, 3);
	OK(rename("d/c", "c"));
	WANT_EQ(stat_of("d").st_nlink, 2);
	OK(rmdir("c"));
	WANT_EQ(stat_of(".").st_nlink, 3);
}
