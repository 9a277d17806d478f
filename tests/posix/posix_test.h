/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The frame of the system-call tests: cases, assertions, small helpers.
 *
 * Notes: each case runs in a process and a fresh directory of its own, which
 * is its working directory, so names are relative and a case may change its
 * umask, limits or identity. An assertion that fails prints one line and ends
 * the case. What is expected comes from POSIX.1-2017 and the Linux manual
 * pages, not from what some file system does.
 */
#ifndef DAXFS_POSIX_TEST_H
#define DAXFS_POSIX_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define KIB	1024ll
#define MIB	(1024 * KIB)
#define TIB	(1024 * 1024 * MIB)
#define PAGE	4096
#define COUNT_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define CHUNK	(2 * MIB)
#define NOBODY	65534

#define NEEDS_ROOT	1u
#define NEEDS_READ_ONLY	2u	/* the option --read-only */
#define NEEDS_SMALL	4u	/* --small */

struct test_case {
	const char *name;
	void (*run)(void);
	unsigned int flags;
	struct test_case *next;
};

void case_register(struct test_case *tc);

/* Of tally.c, for the frame. */
void tally_begin(const char *dir);
void tally_end(void);
void where_of(char *buf, size_t len, const char *file, int line);
void print_failure(const char *verdict, const char *where, const char *fmt,
		   va_list ap);
extern int soft_failures;	/* assertions of this process that WANT() saw fail */

/* A case: CASE(name, flags) { statements } */
#define CASE(fn, fl)							\
	static void fn(void);						\
	static struct test_case case_##fn = { #fn, fn, fl, NULL };	\
	static void __attribute__((constructor)) register_##fn(void)	\
	{								\
		case_register(&case_##fn);				\
	}								\
	static void fn(void)

/* The row of a table that the assertions to come are about; NULL: none. */
void __attribute__((format(printf, 1, 2))) label(const char *fmt, ...);
extern unsigned int label_nr;

void __attribute__((noreturn, format(printf, 3, 4)))
fail_at(const char *file, int line, const char *fmt, ...);
void __attribute__((noreturn, format(printf, 1, 2)))
skip_case(const char *fmt, ...);

#define FAIL(...)	fail_at(__FILE__, __LINE__, __VA_ARGS__)

/*
 * Assertions are counted by what they mean: one at one line of the source and
 * under one label counts once, however often it is run.
 */
void count_assertion(const char *file, int line, int success);
#define COUNT(success)							\
	do {								\
		static unsigned int counted_;				\
		if (counted_ != label_nr) {				\
			counted_ = label_nr;				\
			count_assertion(__FILE__, __LINE__, success);	\
		}							\
	} while (0)

#define CHECK(expr)							\
	do {								\
		COUNT(0);						\
		if (!(expr))						\
			FAIL("%s is false", #expr);			\
	} while (0)

/* The call succeeds; its value is the value of OK(). */
#define OK(call)							\
	({								\
		COUNT(1);						\
		__auto_type ok_value_ = (call);				\
		if (ok_value_ < 0)					\
			FAIL("%s: %s", #call, strerror(errno));		\
		ok_value_;						\
	})

/* The call returns -1 and sets errno to err. */
#define FAILS(err, call)						\
	do {								\
		COUNT(0);						\
		errno = 0;						\
		long long fails_value_ = (call);			\
		if (fails_value_ != -1)					\
			FAIL("%s returned %lld, not -1 and %s", #call,	\
			     fails_value_, #err);			\
		if (errno != (err))					\
			FAIL("%s: %s, not %s", #call, strerror(errno),	\
			     #err);					\
	} while (0)

/* As FAILS() where the standard allows two errors. */
#define FAILS2(err, err2, call)						\
	do {								\
		COUNT(0);						\
		errno = 0;						\
		long long fails_value_ = (call);			\
		if (fails_value_ != -1 ||				\
		    (errno != (err) && errno != (err2)))		\
			FAIL("%s returned %lld, %s, not -1 and %s or %s", \
			     #call, fails_value_, strerror(errno),	\
			     #err, #err2);				\
	} while (0)

#define EQ(have, want)							\
	do {								\
		COUNT(0);						\
		long long have_ = (long long)(have);			\
		long long want_ = (long long)(want);			\
		if (have_ != want_)					\
			FAIL("%s is %lld, not %lld (%s)", #have, have_,	\
			     want_, #want);				\
	} while (0)

/*
 * As FAILS(), and 0 for a call that succeeds, but the case goes on: for tables
 * whose rows do not depend on each other. True if it is as it should be.
 */
#define WANT(err, call)							\
	({								\
		COUNT((err) == 0);						\
		errno = 0;						\
		long long want_value_ = (long long)(call);		\
		want_at(__FILE__, __LINE__, #call, want_value_, errno,	\
			err, err);					\
	})

/* Two errors are allowed; 0 in place of one: it may succeed as well. */
#define WANT2(err, err2, call)						\
	({								\
		COUNT(0);						\
		errno = 0;						\
		long long want_value_ = (long long)(call);		\
		want_at(__FILE__, __LINE__, #call, want_value_, errno,	\
			err, err2);					\
	})

#define WANT_EQ(have, want)						\
	({								\
		COUNT(0);						\
		want_eq_at(__FILE__, __LINE__, #have, (long long)(have), \
			   (long long)(want));				\
	})

/*
 * As WANT(), where the file system is known to differ: there err2 passes too,
 * and is printed and counted as a deviation (table in tally.c).
 */
#define WANT_OR(deviation, err2, err, call)				\
	({								\
		COUNT((err) == 0);						\
		errno = 0;						\
		long long want_value_ = (long long)(call);		\
		int want_errno_ = want_value_ < 0 ? errno : 0;		\
		want_errno_ == (err2) && (err2) != (err) &&		\
			deviates(deviation) ? 0 :			\
		want_at(__FILE__, __LINE__, #call, want_value_,		\
			want_errno_, err, err);				\
	})

int want_at(const char *file, int line, const char *call, long long value,
	    int error, int err, int err2);
int want_eq_at(const char *file, int line, const char *what, long long have,
	       long long want);

enum deviation {
	HELD_BY_OPEN_ALONE,
	POSITIONS_ARE_COUNTS,
	DEVIATIONS_END
};

/* Is it one of this file system? Then it is noted that it showed. */
int deviates(enum deviation d);

/* ---- what the command line says ---- */

struct options {
	uint64_t seed;
	long long max_file;	/* largest size of a file; 0: unknown */
	const char *other;	/* the same directory on another mount */
	const char *read_only;	/* a read-only mount of the same kind */
	const char *small;	/* one with a few MiB of room */
};

extern struct options opt;

/* Go to the same directory on the other mount, if there is one. */
void go_other(void);

/* ---- processes ---- */

/* Fork; the child gets 0 and ends with child_end(). */
pid_t child_begin(void);
void __attribute__((noreturn)) child_end(void);
/* Wait for it; its failure is ours. */
void child_reap(pid_t pid);
/* Start nr children that run fn(0), fn(1), ... and wait for all. */
void children(int nr, void (*fn)(int nr));

int user_begin(void);

/* The block runs in a child without privileges; root becomes nobody. */
#define AS_USER for (int as_user_ = user_begin(); as_user_; child_end())

/*
 * Root goes on with the rights of a user, in this process; 0 is root again.
 * Real ids stay: access(2) wants a process of its own.
 */
void be(uid_t uid, gid_t gid);
void be_member(uid_t uid, gid_t gid, gid_t group);	/* and of this one */

/* Users and groups that own nothing. */
#define USER_A	10001
#define USER_B	10002
#define GROUP_A	20001
#define GROUP_B	20002

/* ---- files ---- */

struct stat stat_of(const char *path);		/* lstat(2) that works */
void make_file(const char *path, const char *text);
void make_tree(const char *path);		/* mkdir, 0777 */
void expect_text(const char *path, const char *text);
int exists(const char *path);
void wipe(const char *path);			/* with what is in it */
void write_all(int fd, const void *buf, size_t len, off_t off);
void read_all(int fd, void *buf, size_t len, off_t off);
/* [off, off+len) reads as zeros. */
void expect_zero(int fd, off_t off, off_t len);
/* Bytes that tell their offset and seed. */
void pattern(void *buf, size_t len, off_t off, unsigned int seed);
void write_pattern(int fd, off_t off, off_t len, unsigned int seed);
void expect_pattern(int fd, off_t off, off_t len, unsigned int seed);
uint64_t random64(void);
/* Wait until time stamps taken now differ from those taken before. */
void later(void);
/* A directory's entries without "." and "..". */
int count_entries(const char *path);

#endif
