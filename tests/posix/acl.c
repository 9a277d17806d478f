// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Access control lists: kept, enforced, in step with the mode, inherited.
 *
 * Notes: lists are written in the kernel's binary form, so no library is needed.
 * What is expected is in acl(5) and POSIX.1e draft 17.
 */
#include "posix_test.h"

#include <sys/xattr.h>

#define ACCESS	"system.posix_acl_access"
#define DEFAULT	"system.posix_acl_default"

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

#define OWNER(p)	{ 0x01, p, ~0u }
#define USER(u, p)	{ 0x02, p, u }
#define GROUP(p)	{ 0x04, p, ~0u }
#define GROUP_OF(g, p)	{ 0x08, p, g }
#define MASK(p)		{ 0x10, p, ~0u }
#define OTHER(p)	{ 0x20, p, ~0u }

struct list {
	size_t nr;
	struct entry e[8];
};

#define LIST(...) ((struct list){					\
	sizeof((struct entry[]){ __VA_ARGS__ }) / sizeof(struct entry),	\
	{ __VA_ARGS__ } })

static size_t pack(const struct list *l, unsigned char *to)
{
	const uint32_t version = 2;

	memcpy(to, &version, 4);
	memcpy(to + 4, l->e, l->nr * sizeof(l->e[0]));
	return 4 + l->nr * sizeof(l->e[0]);
}

static int set_list(const char *path, const char *name, struct list l)
{
	unsigned char buf[128];
	size_t len = pack(&l, buf);

	return lsetxattr(path, name, buf, len, 0);
}

static void is_list(const char *path, const char *name, struct list l)
{
	unsigned char want[128], got[128];
	size_t len = pack(&l, want);

	EQ(lgetxattr(path, name, got, sizeof(got)), len);
	if (memcmp(got, want, len))
		FAIL("%s of %s is another list", name, path);
}

static void no_list(const char *path, const char *name)
{
	FAILS(ENODATA, lgetxattr(path, name, NULL, 0));
}

static void is_mode(const char *path, mode_t mode)
{
	struct stat st = stat_of(path);

	if ((st.st_mode & 07777) != mode)
		FAIL("mode of %s is %o, not %o", path, st.st_mode & 07777, mode);
}

/* A file "f" and a directory "d" that can have lists. */
static void need_acl(void)
{
	make_file("f", "text");
	OK(mkdir("d", 0755));
	OK(chmod("f", 0644));
	if (set_list("f", ACCESS, LIST(OWNER(6), USER(5, 4), GROUP(4), MASK(4),
				       OTHER(4)))) {
		EQ(errno, EOPNOTSUPP);
		skip_case("no access control lists here");
	}
	OK(removexattr("f", ACCESS));
	is_mode("f", 0644);
}

CASE(acl_and_mode, 0)
{
	need_acl();
	OK(set_list("f", ACCESS, LIST(OWNER(7), USER(5, 6), GROUP(4),
				      GROUP_OF(9, 7), MASK(6), OTHER(1))));
	is_mode("f", 0761);
	OK(chmod("f", 0640));
	is_list("f", ACCESS, LIST(OWNER(6), USER(5, 6), GROUP(4), GROUP_OF(9, 7),
				  MASK(4), OTHER(0)));
	OK(removexattr("f", ACCESS));
	is_mode("f", 0640);
	no_list("f", ACCESS);
}

CASE(acl_that_a_mode_says, 0)
{
	need_acl();
	OK(set_list("f", ACCESS, LIST(OWNER(7), GROUP(5), OTHER(0))));
	is_mode("f", 0750);
	no_list("f", ACCESS);
	/* a mask makes it another */
	OK(set_list("f", ACCESS, LIST(OWNER(6), GROUP(7), MASK(4), OTHER(0))));
	is_mode("f", 0640);
	is_list("f", ACCESS, LIST(OWNER(6), GROUP(7), MASK(4), OTHER(0)));
	OK(set_list("f", ACCESS, LIST(OWNER(4), GROUP(0), OTHER(0))));
	is_mode("f", 0400);
	no_list("f", ACCESS);
}

CASE(acl_impossible, 0)
{
	unsigned char buf[128] = { 1 };

	need_acl();
	FAILS(EINVAL, set_list("f", ACCESS, LIST(OWNER(7), GROUP(5))));
	FAILS(EINVAL, set_list("f", ACCESS, LIST(OWNER(7), USER(5, 7), GROUP(5),
						 OTHER(0))));
	FAILS(EINVAL, set_list("f", ACCESS, LIST(OWNER(7), OTHER(0), GROUP(5))));
	FAILS(EINVAL, set_list("f", ACCESS, LIST(OWNER(15), GROUP(5), OTHER(0))));
	FAILS(EINVAL, set_list("d", DEFAULT, LIST(OWNER(7), GROUP(5))));
	FAILS(EINVAL, setxattr("f", ACCESS, "xyz", 3, 0));
	FAILS(EOPNOTSUPP, setxattr("f", ACCESS, buf, 28, 0));
	FAILS(EACCES, set_list("f", DEFAULT, LIST(OWNER(7), GROUP(5), OTHER(0))));
	is_mode("f", 0644);
	is_mode("d", 0755);
}

CASE(acl_of_links, 0)
{
	need_acl();
	OK(symlink("f", "l"));
	FAILS(EOPNOTSUPP, set_list("l", ACCESS, LIST(OWNER(7), USER(5, 7), GROUP(5),
						     MASK(7), OTHER(0))));
	OK(link("f", "g"));
	OK(set_list("g", ACCESS, LIST(OWNER(6), USER(5, 4), GROUP(0), MASK(4),
				      OTHER(0))));
	is_mode("f", 0640);
}

CASE(acl_user, NEEDS_ROOT)
{
	need_acl();
	OK(set_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 4), GROUP(0),
				      MASK(7), OTHER(0))));
	AS_USER {
		OK(close(OK(open("f", O_RDONLY))));
		FAILS(EACCES, open("f", O_WRONLY));
		OK(access("f", R_OK));
		FAILS(EACCES, access("f", X_OK));
	}
	OK(set_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 6), GROUP(0),
				      MASK(4), OTHER(6))));
	AS_USER {	/* the mask takes away, and others' rights do not count */
		OK(close(OK(open("f", O_RDONLY))));
		FAILS(EACCES, open("f", O_WRONLY));
	}
	OK(chmod("f", 0666));
	AS_USER
		OK(close(OK(open("f", O_RDWR))));
	OK(chmod("f", 0600));
	AS_USER
		FAILS(EACCES, open("f", O_RDONLY));
	OK(set_list("f", ACCESS, LIST(OWNER(6), USER(5, 0), GROUP(0), MASK(7),
				      OTHER(4))));
	AS_USER
		OK(close(OK(open("f", O_RDONLY))));
	OK(set_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 0), GROUP(4),
				      MASK(4), OTHER(4))));
	AS_USER
		FAILS(EACCES, open("f", O_RDONLY));
}

CASE(acl_group, NEEDS_ROOT)
{
	need_acl();
	OK(set_list("f", ACCESS, LIST(OWNER(6), GROUP(0), GROUP_OF(NOBODY, 6),
				      MASK(6), OTHER(0))));
	AS_USER
		OK(close(OK(open("f", O_RDWR))));
	OK(set_list("f", ACCESS, LIST(OWNER(6), GROUP(0), GROUP_OF(NOBODY, 2),
				      MASK(6), OTHER(7))));
	AS_USER {
		FAILS(EACCES, open("f", O_RDONLY));
		OK(close(OK(open("f", O_WRONLY))));
	}
}

CASE(acl_directory, NEEDS_ROOT)
{
	need_acl();
	make_file("d/in", "inside");
	OK(chmod("d/in", 0644));
	OK(set_list("d", ACCESS, LIST(OWNER(7), USER(NOBODY, 1), GROUP(0),
				      MASK(7), OTHER(0))));
	AS_USER {
		expect_text("d/in", "inside");
		FAILS(EACCES, open("d", O_RDONLY));
		FAILS(EACCES, creat("d/new", 0600));
	}
	OK(set_list("d", ACCESS, LIST(OWNER(7), USER(NOBODY, 7), GROUP(0),
				      MASK(7), OTHER(0))));
	AS_USER {
		EQ(count_entries("d"), 1);
		OK(close(OK(creat("d/new", 0600))));
		OK(unlink("d/in"));
	}
	OK(removexattr("d", ACCESS));
	OK(chmod("d", 0700));
	AS_USER
		FAILS(EACCES, access("d/new", F_OK));
}

/* Only the owner sets lists. */
CASE(acl_who_sets, NEEDS_ROOT)
{
	need_acl();
	OK(chmod("f", 0666));
	OK(set_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 6), GROUP(6),
				      MASK(6), OTHER(6))));
	AS_USER {
		FAILS(EPERM, set_list("f", ACCESS, LIST(OWNER(7), GROUP(7),
							OTHER(7))));
		FAILS(EPERM, removexattr("f", ACCESS));
		is_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 6), GROUP(6),
					  MASK(6), OTHER(6)));
	}
	OK(chown("f", NOBODY, 5));
	AS_USER
		OK(set_list("f", ACCESS, LIST(OWNER(7), USER(4, 7), GROUP(7),
					      MASK(7), OTHER(7))));
	is_mode("f", 0777);
}

/* Somebody outside the group of the file takes set-group-ID away. */
CASE(acl_set_group_id, NEEDS_ROOT)
{
	need_acl();
	OK(chown("f", NOBODY, 5));
	OK(chmod("f", 02755));
	OK(set_list("f", ACCESS, LIST(OWNER(7), USER(4, 5), GROUP(5), MASK(5),
				      OTHER(5))));
	is_mode("f", 02755);
	AS_USER
		OK(set_list("f", ACCESS, LIST(OWNER(7), USER(4, 7), GROUP(5),
					      MASK(7), OTHER(5))));
	is_mode("f", 0775);
	OK(chown("f", NOBODY, NOBODY));
	OK(chmod("f", 02755));
	AS_USER
		OK(set_list("f", ACCESS, LIST(OWNER(7), USER(4, 7), GROUP(5),
					      MASK(7), OTHER(5))));
	is_mode("f", 02775);
}

CASE(acl_inherited, 0)
{
	need_acl();
	umask(077);
	OK(set_list("d", DEFAULT, LIST(OWNER(7), USER(5, 6), GROUP(5), MASK(6),
				       OTHER(1))));
	is_mode("d", 0755);
	no_list("d", ACCESS);
	OK(close(OK(open("d/f", O_CREAT | O_WRONLY, 0664))));
	is_mode("d/f", 0660);
	is_list("d/f", ACCESS, LIST(OWNER(6), USER(5, 6), GROUP(5), MASK(6),
				    OTHER(0)));
	no_list("d/f", DEFAULT);
	OK(mkdir("d/s", 0755));
	is_mode("d/s", 0741);
	is_list("d/s", ACCESS, LIST(OWNER(7), USER(5, 6), GROUP(5), MASK(4),
				    OTHER(1)));
	is_list("d/s", DEFAULT, LIST(OWNER(7), USER(5, 6), GROUP(5), MASK(6),
				     OTHER(1)));
	OK(mkfifo("d/s/p", 0666));
	is_mode("d/s/p", 0660);
	OK(symlink("x", "d/l"));
	is_mode("d/l", 0777);
	/* what comes from elsewhere is as it was */
	OK(rename("f", "d/g"));
	is_mode("d/g", 0644);
	no_list("d/g", ACCESS);
	OK(link("d/g", "d/h"));
	no_list("d/h", ACCESS);
}

CASE(acl_inherited_mode, 0)
{
	need_acl();
	umask(077);
	OK(set_list("d", DEFAULT, LIST(OWNER(7), GROUP(5), OTHER(5))));
	OK(close(OK(open("d/f", O_CREAT | O_WRONLY, 0666))));
	is_mode("d/f", 0644);
	no_list("d/f", ACCESS);
	OK(mkdir("d/s", 0777));
	is_mode("d/s", 0755);
	is_list("d/s", DEFAULT, LIST(OWNER(7), GROUP(5), OTHER(5)));
	OK(removexattr("d", DEFAULT));
	no_list("d", DEFAULT);
	OK(close(OK(open("d/g", O_CREAT | O_WRONLY, 0666))));
	is_mode("d/g", 0600);
	OK(mkdir("d/t", 0777));
	is_mode("d/t", 0700);
}

CASE(acl_inherited_without_a_name, 0)
{
	struct stat st;
	int fd;

	need_acl();
	OK(set_list("d", DEFAULT, LIST(OWNER(7), USER(5, 6), GROUP(5), MASK(6),
				       OTHER(1))));
	fd = open("d", O_TMPFILE | O_RDWR, 0640);
	if (fd < 0) {
		CHECK(errno == EOPNOTSUPP || errno == EISDIR);
		skip_case("no O_TMPFILE here");
	}
	OK(fstat(fd, &st));
	EQ(st.st_mode & 07777, 0640);
	EQ(fgetxattr(fd, ACCESS, NULL, 0), 4 + 5 * 8);
	OK(close(fd));
}

CASE(acl_set_by_one_used_by_other, NEEDS_ROOT)
{
	need_acl();
	OK(chmod("f", 0600));
	AS_USER {
		go_other();
		FAILS(EACCES, open("f", O_RDONLY));
	}
	OK(set_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 4), GROUP(0),
				      MASK(4), OTHER(0))));
	AS_USER {
		go_other();
		OK(close(OK(open("f", O_RDONLY))));
		is_list("f", ACCESS, LIST(OWNER(6), USER(NOBODY, 4), GROUP(0),
					  MASK(4), OTHER(0)));
	}
	OK(chmod("f", 0600));
	AS_USER {
		go_other();
		FAILS(EACCES, open("f", O_RDONLY));
	}
	OK(set_list("d", DEFAULT, LIST(OWNER(7), USER(5, 6), GROUP(5), MASK(6),
				       OTHER(1))));
	go_other();
	OK(close(OK(open("d/f", O_CREAT | O_WRONLY, 0660))));
	is_list("d/f", ACCESS, LIST(OWNER(6), USER(5, 6), GROUP(5), MASK(6),
				    OTHER(0)));
}
