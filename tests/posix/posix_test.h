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
#define CHUNK	(2 * MIB)
#define NOBODY	65534

#define NEEDS_ROOT	1u

struct test_case {
	const char *name;
	void (*run)(void);
	unsigned int flags;
	struct test_case *next;
};

void case_register(struct test_case *tc);

/* A case: CASE(name, flags) { statements } */
#define CASE(fn, fl)							\
	static void fn(void);						\
	static struct test_case case_##fn = { #fn, fn, fl, NULL };	\
	static void __attribute__((constructor)) register_##fn(void)	\
	{								\
		case_register(&case_##fn);				\
	}								\
	static void fn(void)

void __attribute__((noreturn, format(printf, 3, 4)))
fail_at(const char *file, int line, const char *fmt, ...);
void __attribute__((noreturn, format(printf, 1, 2)))
skip_case(const char *fmt, ...);

#define FAIL(...)	fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(expr)							\
	do {								\
		if (!(expr))						\
			FAIL("%s is false", #expr);			\
	} while (0)

/* The call succeeds; its value is the value of OK(). */
#define OK(call)							\
	({								\
		__auto_type ok_value_ = (call);				\
		if (ok_value_ < 0)					\
			FAIL("%s: %s", #call, strerror(errno));		\
		ok_value_;						\
	})

/* The call returns -1 and sets errno to err. */
#define FAILS(err, call)						\
	do {								\
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
		long long have_ = (long long)(have);			\
		long long want_ = (long long)(want);			\
		if (have_ != want_)					\
			FAIL("%s is %lld, not %lld (%s)", #have, have_,	\
			     want_, #want);				\
	} while (0)

/* ---- what the command line says ---- */

struct options {
	uint64_t seed;
	long long max_file;	/* largest size of a file; 0: unknown */
	const char *other;	/* the same directory on another mount */
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

/* ---- files ---- */

struct stat stat_of(const char *path);		/* lstat(2) that works */
void make_file(const char *path, const char *text);
void make_tree(const char *path);		/* mkdir, 0777 */
void expect_text(const char *path, const char *text);
int exists(const char *path);
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
