/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of vm_pair share: steps by turns, and failing.
 *
 * Notes: two processes on two hosts run the same cases, each with its own mount
 * of one region as working directory. They take turns by a channel: memory that
 * both have, which is no part of the region. A case is written down once, for
 * both; pair_on(SIDE) begins a step, and is true on that side, where it returns
 * when all steps before it are done. Whatever a step did must be seen by the next one.
 */
#ifndef DAXFS_VM_PAIR_H
#define DAXFS_VM_PAIR_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define PAIR_VALUES	16

struct pair_case {
	const char *name;
	void (*fn)(void);
	/*
	 * Sides that have to be kernels, the first ones: what is stored through a
	 * mapping of a FUSE mount comes later, and what is mapped there goes later.
	 */
	int kernels;
};

extern const struct pair_case pair_name_cases[], pair_data_cases[];
extern const struct pair_case pair_map_cases[], pair_lock_cases[];
extern const struct pair_case pair_stale_cases[];

extern int pair_me;		/* 0 or 1 */
extern int pair_apart;		/* each side has a working directory of its own */
/* Numbers that one side tells the other. */
extern volatile uint64_t *pair_value;

/* Whoever calls it first waits for the other. 0, or -1: no such memory. */
int pair_begin(int side, const char *channel, uint64_t off);
/* One case of a name, in a directory of its own; 0: passed on both sides. */
int pair_run(const struct pair_case *c);

int pair_on(int side);
/* Both go on from here at one time. */
void pair_meet(void);

void __attribute__((noreturn, format(printf, 3, 4)))
pair_fail(const char *file, int line, const char *fmt, ...);
#define FAIL(...) pair_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			FAIL("%s: %s", #cond, strerror(errno));		\
	} while (0)
/* The call fails with that error. */
#define FAILS(call, error)						\
	do {								\
		if ((call) != -1)					\
			FAIL("%s succeeded", #call);			\
		if (errno != (error))					\
			FAIL("%s: %s", #call, strerror(errno));		\
	} while (0)

/* ---- small things ---- */

double pair_now_ms(void);
void pair_nap_ms(long ms);
/*
 * The middle one of nr times is what one expects to be below limit. They are
 * measured on machines that do something else, too, so it is said, not judged,
 * as long as one more try may be had: true: it is within, or tries are over.
 */
int pair_is_quick(double *ms, int nr, double limit, int try, const char *what);
#define PAIR_TRIES	6

/*
 * What the other side has given back is there for this one when hosts have
 * passed by it (docs/design.md, section 7): waits for that.
 */
void pair_room(void);
void pair_write_file(const char *name, const char *text);
/* The file reads so. */
void pair_reads(const char *name, const char *text);
int pair_open(const char *name, int flags);
/* In a child process, which ends with 0 if all is well. */
pid_t pair_fork(void);
void pair_ends_well(pid_t pid);

#endif
