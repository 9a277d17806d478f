/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may change modes, owners and times, and what that clears.
 *
 * Notes: tables of callers against changes. Set-id bits go when somebody
 * without privileges changes the owner, writes or truncates; the set-gid bit
 * of a file that its group may not execute means locking, and stays.
 */
#include "posix_test.h"

#include <sys/wait.h>

#define NO_ID	((uid_t)-1)

/* ---- chown ---- */

static const struct chown_row {
	const char *who;
	uid_t uid;		/* of the caller */
	gid_t gid, group;
	uid_t to_uid;		/* the file is USER_A's, of GROUP_A */
	gid_t to_gid;
	int err;
} chown_rows[] = {
	{ "root: all", 0, 0, 0, USER_B, GROUP_B, 0 },
	{ "root: nothing", 0, 0, 0, NO_ID, NO_ID, 0 },
	{ "root: to root", 0, 0, 0, 0, 0, 0 },
	{ "owner: nothing", USER_A, GROUP_A, 0, NO_ID, NO_ID, 0 },
	{ "owner: the same", USER_A, GROUP_A, 0, USER_A, GROUP_A, 0 },
	{ "owner: the same uid", USER_A, GROUP_A, 0, USER_A, NO_ID, 0 },
	{ "owner: own gid", USER_A, GROUP_B, 0, NO_ID, GROUP_B, 0 },
	{ "owner: own group", USER_A, GROUP_A, GROUP_B, NO_ID, GROUP_B, 0 },
	{ "owner: uid, own group", USER_A, GROUP_A, GROUP_B, USER_A, GROUP_B,
	  0 },
	{ "owner: strange group", USER_A, GROUP_A, 0, NO_ID, GROUP_B, EPERM },
	{ "owner: group root", USER_A, GROUP_A, 0, NO_ID, 0, EPERM },
	{ "owner: gives it away", USER_A, GROUP_A, 0, USER_B, NO_ID, EPERM },
	{ "owner: gives to root", USER_A, GROUP_A, 0, 0, NO_ID, EPERM },
	{ "owner: both", USER_A, GROUP_A, 0, USER_B, GROUP_A, EPERM },
	{ "other: takes it", USER_B, GROUP_B, 0, USER_B, NO_ID, EPERM },
	{ "other: its group", USER_B, GROUP_B, 0, NO_ID, GROUP_B, EPERM },
	{ "other: the same", USER_B, GROUP_B, 0, USER_A, GROUP_A, EPERM },
	{ "other: nothing", USER_B, GROUP_B, 0, NO_ID, NO_ID, 0 },
	{ "in the group: group", USER_B, GROUP_A, 0, NO_ID, GROUP_A, EPERM },
	{ "in the group: another", USER_B, GROUP_B, GROUP_A, NO_ID, GROUP_B,
	  EPERM },
};

enum chown_call { CHOWN, LCHOWN, FCHOWN, FCHOWNAT, CHOWN_CALLS };
static const char *const chown_name[] = { "chown", "lchown", "fchown",
	"fchownat AT_EMPTY_PATH" };

static int change_owner(enum chown_call call, const char *path, int fd,
			const struct chown_row *row)
{
	switch (call) {
	case CHOWN:
		return chown(path, row->to_uid, row->to_gid);
	case LCHOWN:
		return lchown(path, row->to_uid, row->to_gid);
	case FCHOWN:
		return fchown(fd, row->to_uid, row->to_gid);
	default:
		return fchownat(fd, "", row->to_uid, row->to_gid,
				AT_EMPTY_PATH);
	}
}

static void chown_try(const struct chown_row *row, enum chown_call call,
		      const char *path, int fd)
{
	uid_t uid = row->to_uid == NO_ID || row->err ? USER_A : row->to_uid;
	gid_t gid = row->to_gid == NO_ID || row->err ? GROUP_A : row->to_gid;
	struct stat st;

	be(0, 0);
	OK(lchown(path, USER_A, GROUP_A));
	if (row->group)
		be_member(row->uid, row->gid, row->group);
	else
		be(row->uid, row->gid);
	WANT(row->err, change_owner(call, path, fd, row));
	be(0, 0);
	st = stat_of(path);
	WANT_EQ(st.st_uid, uid);
	WANT_EQ(st.st_gid, gid);
}

CASE(chown_who_may, NEEDS_ROOT)
{
	size_t i;
	int c, fd, dir;

	fd = OK(open("f", O_RDWR | O_CREAT, 0666));
	make_tree("d");
	dir = OK(open("d", O_RDONLY | O_DIRECTORY));
	for (i = 0; i < COUNT_OF(chown_rows); i++) {
		for (c = CHOWN; c < CHOWN_CALLS; c++) {
			label("%s %s", chown_name[c], chown_rows[i].who);
			chown_try(&chown_rows[i], c, "f", fd);
			label("dir: %s %s", chown_name[c], chown_rows[i].who);
			chown_try(&chown_rows[i], c, "d", dir);
		}
	}
}

CASE(chown_symlink_and_target, NEEDS_ROOT)
{
	make_file("f", "");
	OK(symlink("f", "s"));
	OK(chown("s", USER_A, GROUP_A));
	WANT_EQ(stat_of("f").st_uid, USER_A);
	WANT_EQ(stat_of("s").st_uid, 0);
	OK(lchown("s", USER_B, GROUP_B));
	WANT_EQ(stat_of("s").st_uid, USER_B);
	WANT_EQ(stat_of("s").st_gid, GROUP_B);
	WANT_EQ(stat_of("f").st_uid, USER_A);
	OK(fchownat(AT_FDCWD, "s", USER_A, -1, AT_SYMLINK_NOFOLLOW));
	WANT_EQ(stat_of("s").st_uid, USER_A);
	be(USER_B, GROUP_B);
	WANT(EPERM, lchown("s", USER_B, -1));
	WANT(EPERM, lchown("s", -1, GROUP_B));
	be(USER_A, GROUP_B);
	WANT(0, lchown("s", -1, GROUP_B));
	WANT(EINVAL, fchownat(AT_FDCWD, "f", -1, -1, 0x40000));
	WANT(ENOENT, fchownat(AT_FDCWD, "", -1, -1, 0));
	be(0, 0);
}

/* What is in the file system's word for an owner: all 32 bits but -1. */
CASE(chown_large_ids, NEEDS_ROOT)
{
	static const uid_t id[] = { 1, 65534, 65535, 65536, 100000,
		0x7fffffff, 0x80000000u, 0xfffffffeu };
	size_t i;

	make_file("f", "");
	for (i = 0; i < COUNT_OF(id); i++) {
		label("%u", id[i]);
		WANT(0, chown("f", id[i], id[COUNT_OF(id) - 1 - i]));
		WANT_EQ(stat_of("f").st_uid, id[i]);
		WANT_EQ(stat_of("f").st_gid, id[COUNT_OF(id) - 1 - i]);
	}
}

/* ---- chmod ---- */

CASE(chmod_who_may, NEEDS_ROOT)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0666));

	OK(chown("f", USER_A, GROUP_A));
	be(USER_A, GROUP_B);
	WANT(0, chmod("f", 0604));
	WANT(0, fchmod(fd, 0640));
	WANT(0, fchmodat(AT_FDCWD, "f", 0600, 0));
	be(USER_B, GROUP_A);
	WANT(EPERM, chmod("f", 0777));
	WANT(EPERM, fchmod(fd, 0777));
	WANT(EPERM, fchmodat(AT_FDCWD, "f", 0777, 0));
	WANT(EPERM, chmod("f", 0600));
	be(0, 0);
	WANT_EQ(stat_of("f").st_mode & 07777, 0600);
	WANT(0, chmod("f", 07777));
	WANT_EQ(stat_of("f").st_mode & 07777, 07777);
}

/* The caller keeps the set-gid bit only if it is in the file's group. */
CASE(chmod_setgid_by_group, NEEDS_ROOT)
{
	static const struct {
		const char *who;
		gid_t gid, group;
		int keeps;
	} rows[] = {
		{ "gid is the file's", GROUP_A, 0, 1 },
		{ "a group is the file's", GROUP_B, GROUP_A, 1 },
		{ "no group is", GROUP_B, 0, 0 },
	};
	size_t i;

	make_file("f", "");
	make_tree("d");
	OK(chown("f", USER_A, GROUP_A));
	OK(chown("d", USER_A, GROUP_A));
	for (i = 0; i < COUNT_OF(rows); i++) {
		label("%s", rows[i].who);
		be_member(USER_A, rows[i].gid, rows[i].group);
		WANT(0, chmod("f", 02755));
		WANT_EQ(stat_of("f").st_mode & 07777,
			rows[i].keeps ? 02755 : 0755);
		WANT(0, chmod("f", 02644));
		WANT_EQ(stat_of("f").st_mode & 07777,
			rows[i].keeps ? 02644 : 0644);
		WANT(0, chmod("d", 02775));
		WANT_EQ(stat_of("d").st_mode & 07777,
			rows[i].keeps ? 02775 : 0775);
		WANT(0, chmod("f", 04755));
		WANT_EQ(stat_of("f").st_mode & 07777, 04755);
		WANT(0, chmod("f", 01644));
		WANT_EQ(stat_of("f").st_mode & 07777, 01644);
	}
	be(0, 0);
}

CASE(chmod_kinds_and_flags, 0)
{
	int fd;

	make_file("f", "");
	make_tree("d");
	OK(mkfifo("p", 0600));
	OK(mknod("sock", S_IFSOCK | 0600, 0));
	OK(symlink("f", "s"));
	WANT(0, chmod("p", 0642));
	WANT_EQ(stat_of("p").st_mode, S_IFIFO | 0642);
	WANT(0, chmod("sock", 0713));
	WANT_EQ(stat_of("sock").st_mode, S_IFSOCK | 0713);
	WANT(0, chmod("s", 0611));
	WANT_EQ(stat_of("f").st_mode, S_IFREG | 0611);
	WANT(0, chmod("d", 0711));
	WANT_EQ(stat_of("d").st_mode, S_IFDIR | 0711);
	/* bits of the type do not come from the caller */
	WANT(0, chmod("f", S_IFDIR | 0600));
	WANT_EQ(stat_of("f").st_mode, S_IFREG | 0600);
	WANT(EOPNOTSUPP, fchmodat(AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
	WANT(EINVAL, fchmodat(AT_FDCWD, "f", 0600, 0x40000));
	fd = OK(open("f", O_PATH));
	WANT(EBADF, fchmod(fd, 0600));
	WANT(EBADF, fchown(fd, -1, -1));
	fd = OK(open("f", O_RDONLY));
	WANT(0, fchmod(fd, 0640));
	WANT_EQ(stat_of("f").st_mode, S_IFREG | 0640);
}

/* ---- set-id bits ---- */

enum clearing { BY_WRITE, BY_TRUNCATE, BY_FTRUNCATE, BY_OPEN_TRUNC, BY_CHOWN,
		BY_APPEND, CLEARINGS };
static const char *const clearing_name[] = { "write", "truncate", "ftruncate",
	"O_TRUNC", "chown to own group", "append" };

static void clear_by(enum clearing how)
{
	int fd = OK(open("f", how == BY_APPEND ? O_RDWR | O_APPEND : O_RDWR));

	if (how == BY_WRITE || how == BY_APPEND)
		EQ(write(fd, "x", 1), 1);
	else if (how == BY_TRUNCATE)
		OK(truncate("f", 1));
	else if (how == BY_FTRUNCATE)
		OK(ftruncate(fd, 1));
	else if (how == BY_OPEN_TRUNC)
		OK(close(OK(open("f", O_WRONLY | O_TRUNC))));
	else
		OK(chown("f", -1, GROUP_B));
	OK(close(fd));
}

/* Before, after a change by a user who is not in the group, and by root. */
static const struct {
	mode_t before, user, root;
} setid_rows[] = {
	{ 04777, 0777, 04777 },
	{ 02777, 0777, 02777 },
	{ 06777, 0777, 06777 },
	{ 04766, 0766, 04766 },
	{ 01777, 01777, 01777 },
	{ 07777, 01777, 07777 },
};

CASE(setid_cleared_by_users, NEEDS_ROOT)
{
	size_t i;
	int how;

	make_file("f", "text");
	for (i = 0; i < COUNT_OF(setid_rows); i++) {
		for (how = BY_WRITE; how < CLEARINGS; how++) {
			label("%s of 0%o", clearing_name[how],
			      setid_rows[i].before);
			OK(chown("f", USER_A, GROUP_A));
			OK(chmod("f", setid_rows[i].before));
			be_member(USER_A, GROUP_A, GROUP_B);
			clear_by(how);
			be(0, 0);
			WANT_EQ(stat_of("f").st_mode & 07777,
				setid_rows[i].user);
		}
	}
}

CASE(setid_kept_for_root, NEEDS_ROOT)
{
	size_t i;
	int how;

	make_file("f", "text");
	for (i = 0; i < COUNT_OF(setid_rows); i++) {
		for (how = BY_WRITE; how < CLEARINGS; how++) {
			if (how == BY_CHOWN)
				continue;
			label("%s of 0%o by root", clearing_name[how],
			      setid_rows[i].before);
			OK(chmod("f", setid_rows[i].before));
			clear_by(how);
			WANT_EQ(stat_of("f").st_mode & 07777,
				setid_rows[i].root);
		}
	}
}

/* chown by root clears them too, of files; directories keep theirs. */
CASE(setid_and_chown_by_root, NEEDS_ROOT)
{
	size_t i;

	make_file("f", "");
	make_tree("d");
	for (i = 0; i < COUNT_OF(setid_rows); i++) {
		label("0%o", setid_rows[i].before);
		OK(chmod("f", setid_rows[i].before));
		WANT(0, chown("f", USER_A, GROUP_A));
		WANT_EQ(stat_of("f").st_mode & 07777, setid_rows[i].user);
		OK(chmod("f", setid_rows[i].before));
		WANT(0, chown("f", -1, GROUP_B));
		WANT_EQ(stat_of("f").st_mode & 07777, setid_rows[i].user);
		OK(chmod("d", setid_rows[i].before));
		WANT(0, chown("d", USER_A, GROUP_A));
		WANT_EQ(stat_of("d").st_mode & 07777, setid_rows[i].before);
	}
	label(NULL);
	/* set-gid without execution by the group: mandatory locking, stays */
	OK(chmod("f", 02745));
	WANT(0, chown("f", USER_B, GROUP_A));
	WANT_EQ(stat_of("f").st_mode & 07777, 02745);
}

/* ---- set-gid directories, and the mode of what is made ---- */

CASE(setgid_directory_inherits, NEEDS_ROOT)
{
	struct stat st;

	OK(mkdir("d", 0777));
	OK(chown("d", USER_B, GROUP_B));
	OK(chmod("d", 02777));
	umask(0);
	be(USER_A, GROUP_A);
	OK(mkdir("d/sub", 0750));
	OK(close(OK(open("d/f", O_RDWR | O_CREAT, 0640))));
	OK(close(OK(open("d/gx", O_RDWR | O_CREAT, 02755))));
	OK(mkfifo("d/p", 0600));
	OK(mknod("d/n", S_IFREG | 0604, 0));
	OK(mknod("d/sock", S_IFSOCK | 0604, 0));
	OK(symlink("x", "d/s"));
	OK(mkdir("d/sub/deeper", 0700));
	be(0, 0);
	st = stat_of("d/sub");
	WANT_EQ(st.st_gid, GROUP_B);
	WANT_EQ(st.st_uid, USER_A);
	WANT_EQ(st.st_mode & 07777, 02750);
	WANT_EQ(stat_of("d/f").st_gid, GROUP_B);
	WANT_EQ(stat_of("d/f").st_mode & 07777, 0640);
	WANT_EQ(stat_of("d/gx").st_gid, GROUP_B);
	/* not in that group: no set-gid program of it */
	WANT_EQ(stat_of("d/gx").st_mode & 07777, 0755);
	WANT_EQ(stat_of("d/p").st_gid, GROUP_B);
	WANT_EQ(stat_of("d/n").st_gid, GROUP_B);
	WANT_EQ(stat_of("d/sock").st_gid, GROUP_B);
	WANT_EQ(stat_of("d/s").st_gid, GROUP_B);
	WANT_EQ(stat_of("d/sub/deeper").st_gid, GROUP_B);
	WANT_EQ(stat_of("d/sub/deeper").st_mode & 07777, 02700);
}

CASE(setgid_directory_and_names_that_move, NEEDS_ROOT)
{
	OK(mkdir("d", 0777));
	OK(chown("d", -1, GROUP_B));
	OK(chmod("d", 02777));
	make_file("f", "");
	make_tree("sub");
	OK(rename("f", "d/f"));
	OK(rename("sub", "d/sub"));
	make_file("g", "");
	OK(link("g", "d/g"));
	WANT_EQ(stat_of("d/f").st_gid, 0);
	WANT_EQ(stat_of("d/sub").st_gid, 0);
	WANT_EQ(stat_of("d/sub").st_mode & 07777, 0777);
	WANT_EQ(stat_of("d/g").st_gid, 0);
	OK(chmod("d", 0777));
	make_file("d/h", "");
	WANT_EQ(stat_of("d/h").st_gid, 0);
}

CASE(umask_each_bit, 0)
{
	char name[32];
	int bit;

	for (bit = 0; bit < 9; bit++) {
		label("umask 0%o", 1 << bit);
		umask(1 << bit);
		snprintf(name, sizeof(name), "f%d", bit);
		OK(close(OK(open(name, O_RDWR | O_CREAT, 0777))));
		WANT_EQ(stat_of(name).st_mode & 07777, 0777 & ~(1 << bit));
		snprintf(name, sizeof(name), "d%d", bit);
		OK(mkdir(name, 0777));
		WANT_EQ(stat_of(name).st_mode & 07777, 0777 & ~(1 << bit));
		snprintf(name, sizeof(name), "p%d", bit);
		OK(mkfifo(name, 0777));
		WANT_EQ(stat_of(name).st_mode & 07777, 0777 & ~(1 << bit));
		snprintf(name, sizeof(name), "n%d", bit);
		OK(mknod(name, S_IFREG | 0777, 0));
		WANT_EQ(stat_of(name).st_mode & 07777, 0777 & ~(1 << bit));
		/* it is about new names alone */
		OK(chmod(name, 0777));
		WANT_EQ(stat_of(name).st_mode & 07777, 0777);
	}
	umask(022);
}

CASE(mode_of_new_files, 0)
{
	umask(0);
	OK(close(OK(open("sticky", O_RDWR | O_CREAT, 01644))));
	WANT_EQ(stat_of("sticky").st_mode & 07777, 01644);
	OK(close(OK(open("suid", O_RDWR | O_CREAT, 04755))));
	WANT_EQ(stat_of("suid").st_mode & 07777, 04755);
	OK(mkdir("dir", 01777));
	WANT_EQ(stat_of("dir").st_mode & 07777, 01777);
	OK(mkdir("gdir", 02777));
	/* mkdir takes the permissions and the sticky bit alone */
	WANT_EQ(stat_of("gdir").st_mode & 05777, 0777);
	OK(close(OK(creat("none", 0))));
	WANT_EQ(stat_of("none").st_mode & 07777, 0);
}

/* ---- times ---- */

enum stamping { SET, NOW, BOTH_OMIT, NOW_SET, SET_OMIT, NOW_OMIT, NULL_NOW,
		STAMPINGS };
static const char *const stamping_name[] = { "times", "NOW NOW", "OMIT OMIT",
	"NOW time", "time OMIT", "NOW OMIT", "NULL" };
static const struct timespec stamp[STAMPINGS][2] = {
	[SET] = { { 100, 1 }, { 200, 2 } },
	[NOW] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } },
	[BOTH_OMIT] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } },
	[NOW_SET] = { { 0, UTIME_NOW }, { 200, 2 } },
	[SET_OMIT] = { { 100, 1 }, { 0, UTIME_OMIT } },
	[NOW_OMIT] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } },
};

/* Errors for: the owner, one who may write, one who may not. */
static const int stamp_errors[STAMPINGS][3] = {
	[SET] = { 0, EPERM, EPERM },
	[NOW] = { 0, 0, EACCES },
	[BOTH_OMIT] = { 0, 0, 0 },
	[NOW_SET] = { 0, EPERM, EPERM },
	[SET_OMIT] = { 0, EPERM, EPERM },
	[NOW_OMIT] = { 0, EPERM, EPERM },
	[NULL_NOW] = { 0, 0, EACCES },
};

CASE(utimens_who_may, NEEDS_ROOT)
{
	int s, fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	OK(chown("f", USER_A, GROUP_A));
	OK(chmod("f", 0620));
	for (s = SET; s < STAMPINGS; s++) {
		const struct timespec *ts = s == NULL_NOW ? NULL : stamp[s];
		const int *err = stamp_errors[s];

		label("%s", stamping_name[s]);
		be(USER_A, GROUP_B);
		WANT(err[0], utimensat(AT_FDCWD, "f", ts, 0));
		WANT(err[0], futimens(fd, ts));
		be(USER_B, GROUP_A);
		WANT(err[1], utimensat(AT_FDCWD, "f", ts, 0));
		WANT(err[1], futimens(fd, ts));
		be(USER_B, GROUP_B);
		WANT(err[2], utimensat(AT_FDCWD, "f", ts, 0));
		WANT(err[2], futimens(fd, ts));
		be(0, 0);
		WANT(0, utimensat(AT_FDCWD, "f", ts, 0));
	}
}

CASE(utimens_arguments, 0)
{
	struct timespec ts[2] = { { 1, 1000000000 }, { 1, 0 } };
	const struct timespec *volatile bad = (const struct timespec *)1;
	int fd;

	make_file("f", "");
	OK(symlink("f", "s"));
	WANT(EINVAL, utimensat(AT_FDCWD, "f", ts, 0));
	ts[0].tv_nsec = -1;
	WANT(EINVAL, utimensat(AT_FDCWD, "f", ts, 0));
	ts[0].tv_nsec = 5;
	ts[1].tv_nsec = 1000000001;
	WANT(EINVAL, utimensat(AT_FDCWD, "f", ts, 0));
	ts[1].tv_nsec = 0;
	WANT(EINVAL, utimensat(AT_FDCWD, "f", ts, 0x40000));
	WANT(EFAULT, utimensat(AT_FDCWD, "f", bad, 0));
	WANT(EBADF, futimens(-1, ts));
	fd = OK(open("f", O_PATH));
	WANT(EBADF, futimens(fd, ts));
	fd = OK(open("f", O_RDONLY));
	WANT(0, futimens(fd, ts));
	WANT_EQ(stat_of("f").st_mtim.tv_sec, 1);
	WANT(0, utimensat(AT_FDCWD, "s", ts, AT_SYMLINK_NOFOLLOW));
	WANT_EQ(stat_of("s").st_mtim.tv_sec, 1);
	/* tv_sec says nothing beside UTIME_NOW and UTIME_OMIT */
	ts[0] = (struct timespec){ 12345, UTIME_OMIT };
	ts[1] = (struct timespec){ 12345, UTIME_NOW };
	WANT(0, utimensat(AT_FDCWD, "f", ts, 0));
	WANT_EQ(stat_of("f").st_atim.tv_sec, 1);
	CHECK(stat_of("f").st_mtim.tv_sec > 1000000000);
}
