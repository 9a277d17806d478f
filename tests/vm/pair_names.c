// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names and attributes: what one side did the other sees at its next call.
 *
 * Notes: each side looks before the change, so that it has something to remember
 * wrongly.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ROUNDS	20

static int is_there(const char *name)
{
	struct stat st;

	if (!lstat(name, &st))
		return 1;
	CHECK(errno == ENOENT);
	return 0;
}

static struct stat stat_of(const char *name)
{
	struct stat st;

	if (lstat(name, &st))
		FAIL("%s: %s", name, strerror(errno));
	return st;
}

/* ---- absent, there, absent ---- */

static void absent(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int a = i % 2, b = !a;

		if (pair_on(b))
			CHECK(!is_there("n"));
		if (pair_on(a))
			pair_write_file("n", "new");
		if (pair_on(b))
			pair_reads("n", "new");
		if (pair_on(b))
			CHECK(!unlink("n"));
		if (pair_on(a)) {
			CHECK(!is_there("n"));
			CHECK(open("n", O_RDONLY) < 0 && errno == ENOENT);
		}
	}
}

/* ---- directories, links, moves ---- */

static void tree_round(int a, int b)
{
	if (pair_on(a))
		CHECK(!mkdir("d", 0755));
	if (pair_on(b)) {
		CHECK(S_ISDIR(stat_of("d").st_mode));
		pair_write_file("d/f", "by b");
	}
	if (pair_on(a)) {
		pair_reads("d/f", "by b");
		CHECK(stat_of("d").st_nlink == 2);
	}
	if (pair_on(b))
		CHECK(!mkdir("other", 0755) && !rename("d", "other/e"));
	if (pair_on(a)) {
		CHECK(!is_there("d"));
		pair_reads("other/e/f", "by b");
		CHECK(!symlink("other/e/f", "s") && !link("s", "s2"));
		CHECK(!link("other/e/f", "hard"));
	}
	if (pair_on(b)) {
		pair_reads("s", "by b");
		CHECK(stat_of("s").st_nlink == 2);
		CHECK(stat_of("hard").st_nlink == 2);
		CHECK(stat_of("hard").st_ino == stat_of("other/e/f").st_ino);
		CHECK(!unlink("other/e/f") && !unlink("s"));
	}
	if (pair_on(a)) {
		CHECK(!is_there("other/e/f") && !is_there("s"));
		CHECK(stat_of("hard").st_nlink == 1);
		pair_reads("hard", "by b");
		CHECK(!rmdir("other/e") && !unlink("hard") && !unlink("s2"));
	}
	if (pair_on(b)) {
		CHECK(!is_there("hard") && !is_there("s2") && !is_there("other/e"));
		CHECK(!rmdir("other"));
	}
}

static void tree(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		tree_round(i % 2, !(i % 2));
}

/* A name that leads to another inode: of another type, too. */
static void replaced(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int a = i % 2, b = !a;

		if (pair_on(a))
			pair_write_file("x", "first");
		if (pair_on(b))
			pair_reads("x", "first");
		if (pair_on(a)) {
			pair_write_file("y", "second");
			CHECK(!rename("y", "x"));
		}
		if (pair_on(b)) {
			pair_reads("x", "second");
			CHECK(!is_there("y"));
		}
		if (pair_on(a))
			CHECK(!unlink("x") && !mkdir("x", 0700));
		if (pair_on(b)) {
			CHECK(S_ISDIR(stat_of("x").st_mode));
			pair_write_file("x/in", "in it");
			CHECK(!mkdir("z", 0700));
			CHECK(!renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_EXCHANGE));
		}
		if (pair_on(a)) {
			CHECK(!is_there("x/in"));
			pair_reads("z/in", "in it");
			CHECK(!rmdir("x") && !unlink("z/in") && !rmdir("z"));
		}
	}
}

/*
 * A directory that one side is in is moved, and removed, by the other. Linux
 * knows a directory under one path only: ".." leads to the new place once the
 * directory was met there.
 */
static void moved_below(void)
{
	int top = pair_open(".", O_RDONLY | O_DIRECTORY), dir = -1;

	if (pair_on(0))
		CHECK(!mkdir("p", 0755) && !mkdir("p/q", 0755) && !mkdir("r", 0755));
	if (pair_on(1)) {
		dir = pair_open("p/q", O_RDONLY | O_DIRECTORY);
		CHECK(!fchdir(dir));
		pair_write_file("before", "1");
	}
	if (pair_on(0))
		CHECK(!rename("p/q", "r/q"));
	if (pair_on(1)) {
		struct stat up;

		pair_write_file("after", "2");
		CHECK(!faccessat(top, "r/q/before", F_OK, 0));
		CHECK(!stat("..", &up));
		pair_value[0] = up.st_ino;
		pair_reads("../q/before", "1");
	}
	if (pair_on(0)) {
		pair_reads("r/q/after", "2");
		CHECK(pair_value[0] == stat_of("r").st_ino);
		CHECK(!unlink("r/q/after") && !unlink("r/q/before"));
		CHECK(!rmdir("r/q"));
	}
	if (pair_on(1)) {
		FAILS(openat(dir, "late", O_CREAT | O_WRONLY, 0644), ENOENT);
		FAILS(mkdir("late", 0755), ENOENT);
		close(dir);
	}
	close(top);
}

/* ---- attributes ---- */

static void same_stat(const char *name, int a, int b)
{
	struct statx sx;

	if (pair_on(a)) {
		CHECK(!statx(AT_FDCWD, name, 0, STATX_ALL, &sx));
		pair_value[0] = sx.stx_mode;
		pair_value[1] = sx.stx_uid;
		pair_value[2] = sx.stx_gid;
		pair_value[3] = sx.stx_size;
		pair_value[4] = sx.stx_nlink;
		pair_value[5] = sx.stx_ino;
		pair_value[6] = (uint64_t)sx.stx_mtime.tv_sec;
		pair_value[7] = sx.stx_mtime.tv_nsec;
		pair_value[8] = (uint64_t)sx.stx_ctime.tv_sec;
		pair_value[9] = sx.stx_ctime.tv_nsec;
		pair_value[10] = (uint64_t)sx.stx_btime.tv_sec;
		pair_value[11] = sx.stx_btime.tv_nsec;
		pair_value[12] = sx.stx_blocks;
	}
	if (pair_on(b)) {
		CHECK(!statx(AT_FDCWD, name, 0, STATX_ALL, &sx));
		CHECK(pair_value[0] == sx.stx_mode);
		CHECK(pair_value[1] == sx.stx_uid && pair_value[2] == sx.stx_gid);
		CHECK(pair_value[3] == sx.stx_size);
		CHECK(pair_value[4] == sx.stx_nlink);
		CHECK(pair_value[5] == sx.stx_ino);
		CHECK(pair_value[6] == (uint64_t)sx.stx_mtime.tv_sec);
		CHECK(pair_value[7] == sx.stx_mtime.tv_nsec);
		CHECK(pair_value[8] == (uint64_t)sx.stx_ctime.tv_sec);
		CHECK(pair_value[9] == sx.stx_ctime.tv_nsec);
		CHECK(pair_value[10] == (uint64_t)sx.stx_btime.tv_sec);
		CHECK(pair_value[11] == sx.stx_btime.tv_nsec);
		CHECK(pair_value[12] == sx.stx_blocks);
	}
}

static void attributes(void)
{
	const struct timespec ts[2] = { { 1000, 1 }, { 981173106, 789 } };
	int i;

	if (pair_on(0))
		pair_write_file("f", "content");
	for (i = 0; i < ROUNDS; i++) {
		int a = i % 2, b = !a;

		same_stat("f", a, b);
		if (pair_on(a))
			CHECK(!chmod("f", 0600) && !chown("f", 7, 8));
		same_stat("f", b, a);
		if (pair_on(b)) {
			CHECK(stat_of("f").st_mode == (S_IFREG | 0600));
			CHECK(stat_of("f").st_uid == 7 && stat_of("f").st_gid == 8);
			CHECK(!utimensat(AT_FDCWD, "f", ts, 0));
		}
		same_stat("f", a, b);
		if (pair_on(a)) {
			CHECK(stat_of("f").st_mtim.tv_sec == ts[1].tv_sec);
			CHECK(stat_of("f").st_atim.tv_sec == ts[0].tv_sec);
			CHECK(!truncate("f", i * 5000));
		}
		if (pair_on(b))
			CHECK(stat_of("f").st_size == i * 5000);
		same_stat("f", b, a);
		if (pair_on(b))
			CHECK(!chmod("f", 0666));
	}
}

/* Of somebody without rights: a walk that finds nothing new must see them, too. */
static void as_user(const char *file, int error)
{
	int fd;

	CHECK(!seteuid(65534));
	fd = open(file, O_RDONLY);
	CHECK(!seteuid(0));
	if (error ? fd >= 0 || errno != error : fd < 0)
		FAIL("open gave %d, %s", fd, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void rights(void)
{
	int i;

	if (pair_on(0)) {
		CHECK(!mkdir("d", 0755));
		pair_write_file("d/f", "x");
	}
	for (i = 0; i < ROUNDS; i++) {
		int a = i % 2, b = !a;

		if (pair_on(b))
			as_user("d/f", 0);
		if (pair_on(a))
			CHECK(!chmod("d", 0700));
		if (pair_on(b))
			as_user("d/f", EACCES);
		if (pair_on(a))
			CHECK(!chmod("d", 0755) && !chmod("d/f", 0600));
		if (pair_on(b))
			as_user("d/f", EACCES);
		if (pair_on(a))
			CHECK(!chown("d/f", 65534, 0));
		if (pair_on(b))
			as_user("d/f", 0);
		if (pair_on(a))
			CHECK(!chown("d/f", 0, 0) && !chmod("d/f", 0644));
	}
}

/* user::rw-, user:65534:---, group::r--, mask::r--, other::r-- as the kernel has it. */
static const unsigned char acl[] = {
	2, 0, 0, 0,
	1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	2, 0, 0, 0, 0xfe, 0xff, 0, 0,
	4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	32, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
};
#define ACL	"system.posix_acl_access"

static void xattr_is(const char *file, const char *text)
{
	char have[256];
	ssize_t n = getxattr(file, "user.x", have, sizeof(have));

	if (n != (ssize_t)strlen(text) || memcmp(have, text, strlen(text)))
		FAIL("user.x has %zd bytes: %s", n, strerror(errno));
}

static void extended(void)
{
	unsigned char have[256];
	char text[32];
	int i;

	if (pair_on(0))
		pair_write_file("f", "x");
	for (i = 0; i < ROUNDS; i++) {
		int a = i % 2, b = !a;

		snprintf(text, sizeof(text), "value %*d", i % 7, i);
		if (pair_on(a))
			CHECK(!setxattr("f", "user.x", text, strlen(text), 0));
		if (pair_on(b)) {
			xattr_is("f", text);
			CHECK(!removexattr("f", "user.x"));
		}
		if (pair_on(a)) {
			FAILS(getxattr("f", "user.x", have, sizeof(have)), ENODATA);
			as_user("f", 0);
		}
		if (pair_on(b))
			CHECK(!setxattr("f", ACL, acl, sizeof(acl), 0));
		if (pair_on(a)) {
			CHECK(getxattr("f", ACL, have, sizeof(have)) == sizeof(acl));
			CHECK(!memcmp(have, acl, sizeof(acl)));
			as_user("f", EACCES);
			CHECK(!removexattr("f", ACL));
		}
		if (pair_on(b))
			as_user("f", 0);
	}
}

/* ---- listings ---- */

#define MANY	1500

static void list_is(const char *dir, int step)
{
	static char seen[MANY];
	struct dirent *de;
	DIR *d = opendir(dir);
	int i, n = 0;

	CHECK(d);
	memset(seen, 0, sizeof(seen));
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		i = atoi(de->d_name + 1);
		CHECK(i >= 0 && i < MANY && !seen[i]++);
		n++;
	}
	closedir(d);
	for (i = 0; i < MANY; i += step)
		CHECK(seen[i]);
	CHECK(n == (MANY + step - 1) / step);
}

static void name_nr(char *name, int i)
{
	snprintf(name, 32, "many/f%d", i);
}

static void make_many(void)
{
	char name[32];
	int i;

	CHECK(!mkdir("many", 0755));
	for (i = 0; i < MANY; i++) {
		name_nr(name, i);
		close(pair_open(name, O_CREAT | O_EXCL | O_WRONLY));
	}
}

static int count(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Names that stay are in each listing while others come. */
static void listing(void)
{
	char name[32];
	int i, n, before = 0, lists = 0;

	pair_value[0] = 0;
	pair_meet();
	if (pair_me) {
		make_many();
		pair_value[0] = 1;
	} else {
		for (; !pair_value[0] || !lists; lists++) {
			n = count("many");
			if (n < before)
				FAIL("%d names after %d", n, before);
			before = n;
		}
		printf("# listed %d times\n", lists);
	}
	pair_meet();
	if (pair_on(0))
		list_is("many", 1);
	for (i = 0; pair_me == 0 && i < MANY; i++) {
		name_nr(name, i);
		if (i % 2)
			CHECK(!unlink(name));
	}
	if (pair_on(1))
		list_is("many", 2);
	if (pair_on(0))
		list_is("many", 2);
}

/* ---- both at once ---- */

#define CONTESTED	200

/* Each name is made by one, whatever it is; and taken away by one. */
static void exclusive(void)
{
	uint64_t won = 0, took = 0;
	char name[32];
	int i, r = -1;

	pair_meet();
	for (i = 0; i < CONTESTED; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		if (i % 3 == 0)
			r = mkdir(name, 0755);
		else if (i % 3 == 1)
			r = symlink("x", name);
		else if ((r = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644)) >= 0)
			r = close(r);
		CHECK(!r || errno == EEXIST);
		won += !r;
	}
	pair_value[pair_me] = won;
	pair_meet();
	CHECK(pair_value[0] + pair_value[1] == CONTESTED);
	for (i = 0; i < CONTESTED; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		r = i % 3 ? unlink(name) : rmdir(name);
		CHECK(!r || errno == ENOENT);
		took += !r;
	}
	pair_value[2 + pair_me] = took;
	pair_meet();
	CHECK(pair_value[2] + pair_value[3] == CONTESTED);
	if (!pair_me)
		printf("# %u and %u of %d won, %u and %u taken\n",
		       (unsigned int)pair_value[0], (unsigned int)pair_value[1],
		       CONTESTED, (unsigned int)pair_value[2],
		       (unsigned int)pair_value[3]);
}

/* Once, and open: side 1 removes it as soon as it is there. */
static void make_and_open(void)
{
	struct stat st;
	int fd = open("u", O_CREAT | O_EXCL | O_RDWR, 0640);

	if (fd < 0) {
		CHECK(errno == EEXIST);
		return;
	}
	pair_value[1]++;
	CHECK(write(fd, "x", 1) == 1 && !fstat(fd, &st));
	CHECK(st.st_size == 1 && st.st_nlink <= 1 && st.st_mode == (S_IFREG | 0640));
	CHECK(!close(fd));
}

/* Each that was told to be made is removed, told once, too. */
static void made_removed(void)
{
	int i;

	pair_value[0] = pair_value[1] = pair_value[2] = 0;
	pair_meet();
	if (pair_me) {
		while (!pair_value[0]) {
			if (!unlink("u"))
				pair_value[2]++;
			else
				CHECK(errno == ENOENT);
		}
		pair_value[2] += !unlink("u");
	} else {
		for (i = 0; i < 1500; i++)
			make_and_open();
		pair_value[0] = 1;
	}
	pair_meet();
	if (pair_value[1] != pair_value[2])
		FAIL("%u made, %u removed", (unsigned int)pair_value[1],
		     (unsigned int)pair_value[2]);
}

/*
 * What was made in a directory keeps it where it is. ESTALE: it was removed twice
 * while the name was walked.
 */
static int make_in(void)
{
	int fd = open("d/f", O_CREAT | O_EXCL | O_WRONLY, 0644);

	if (fd < 0) {
		CHECK(errno == ENOENT || errno == ESTALE);
		return 0;
	}
	close(fd);
	if (access("d/f", F_OK) || access("d", F_OK))
		FAIL("a directory that is not empty was removed: %s", strerror(errno));
	CHECK(!unlink("d/f"));
	return 1;
}

static void rmdir_create(void)
{
	uint64_t made = 0;
	int i;

	pair_value[0] = 0;
	pair_meet();
	if (pair_me) {
		for (i = 0; !pair_value[0]; i++)
			made += (uint64_t)make_in();
		printf("# %d tries made %llu files\n", i, (unsigned long long)made);
	} else {
		for (i = 0; i < 400; i++) {
			CHECK(!mkdir("d", 0755) || errno == EEXIST);
			CHECK(!rmdir("d") || errno == ENOTEMPTY);
		}
		pair_value[0] = 1;
	}
	pair_meet();
}

/* FUSE cannot do better: ESTALE if it was replaced twice while the name was walked. */
static int is_fuse(void)
{
	struct statfs fs;

	CHECK(!statfs(".", &fs));
	return fs.f_type == FUSE_SUPER_MAGIC;
}

/* A name that is replaced again and again is always there, and whole. */
static void rename_over(void)
{
	int fd, looks, stale = 0, stale_max = is_fuse() ? 1000 : 0;
	struct stat st;
	char have[32];
	uint64_t i;
	ssize_t n;

	if (pair_on(0))
		pair_write_file("target", "0000");
	pair_value[0] = 0;
	pair_meet();
	if (pair_me) {
		for (looks = 0; !pair_value[0]; looks++) {
			fd = open("target", O_RDONLY);
			if (fd < 0 && errno == ESTALE && stale++ < stale_max)
				continue;
			CHECK(fd >= 0);
			if (stat("target", &st))
				CHECK(errno == ESTALE && stale++ < stale_max);
			n = read(fd, have, sizeof(have));
			if (n != 4)
				FAIL("read gave %zd: %s", n, strerror(errno));
			close(fd);
		}
		printf("# %d looks, %d of them stale\n", looks, stale);
	} else {
		for (i = 0; i < 400; i++) {
			snprintf(have, sizeof(have), "%04u", (unsigned int)i);
			pair_write_file("new", have);
			CHECK(!rename("new", "target"));
		}
		pair_value[0] = 1;
	}
	pair_meet();
}

/* Two directories that each side moves into the other's: no circle, none lost. */
static void rename_across(void)
{
	int i, moved = 0;

	if (pair_on(0))
		CHECK(!mkdir("a", 0755) && !mkdir("b", 0755));
	pair_meet();
	for (i = 0; i < 300; i++) {
		int r = pair_me ? rename("a", "b/a") : rename("b", "a/b");

		CHECK(!r || errno == ENOENT || errno == EINVAL);
		moved += !r;
		r = pair_me ? rename("b/a", "a") : rename("a/b", "b");
		CHECK(!r || errno == ENOENT || errno == EEXIST || errno == ENOTEMPTY);
	}
	pair_meet();
	printf("# side %d moved %d times\n", pair_me, moved);
	if (pair_on(0))
		CHECK(is_there("a") + is_there("b") + is_there("a/b") +
		      is_there("b/a") == 2);
}

/* What is free may just be given back: then it is asked again. */
static void space(void)
{
	struct statvfs sv;
	int i;

	pair_value[4] = 0;
	pair_meet();
	for (i = 0; i < 50 && !pair_value[4]; i++) {
		pair_nap_ms(i * 10);
		if (pair_on(0)) {
			CHECK(!statvfs(".", &sv));
			pair_value[0] = sv.f_blocks * sv.f_frsize;
			pair_value[1] = sv.f_bfree * sv.f_frsize;
			pair_value[2] = sv.f_files;
			pair_value[3] = sv.f_ffree;
		}
		if (pair_on(1)) {
			CHECK(!statvfs(".", &sv));
			CHECK(pair_value[0] == sv.f_blocks * sv.f_frsize);
			pair_value[4] = pair_value[1] == sv.f_bfree * sv.f_frsize &&
					pair_value[2] == sv.f_files &&
					pair_value[3] == sv.f_ffree;
		}
		pair_meet();
	}
	CHECK(pair_value[4]);
}

const struct pair_case pair_name_cases[] = {
	{ "absent", absent, 0 },
	{ "tree", tree, 0 },
	{ "replaced", replaced, 0 },
	{ "moved-below", moved_below, 0 },
	{ "attributes", attributes, 0 },
	{ "rights", rights, 0 },
	{ "extended", extended, 0 },
	{ "listing", listing, 0 },
	{ "exclusive", exclusive, 0 },
	{ "made-removed", made_removed, 1 },
	{ "rmdir-create", rmdir_create, 0 },
	{ "rename-over", rename_over, 0 },
	{ "rename-across", rename_across, 0 },
	{ "space", space, 0 },
	{ NULL, NULL, 0 },
};
