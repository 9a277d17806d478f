/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Runs operations on the core, notes what they return, and has it checked.
 *
 * Notes: a test says what each host does in steps that name inodes by the
 * numbers of the setup, or "the last that this host got". What was called and
 * what came back is kept as calls, with the order of their beginnings and
 * ends; behind a run they become the events of lin_check.h. All runs in one
 * thread, so one counter orders beginnings and ends of all hosts.
 */
#ifndef DAXFS_TESTS_SIM_LIN_RUN_H
#define DAXFS_TESTS_SIM_LIN_RUN_H

#include "lin_check.h"
#include "world.h"

#define LIN_CALLS	512u
#define LIN_STEPS	64u	/* of one host */
#define LIN_LAST	200u	/* instead of an inode: the last that was got */
#define LIN_LISTED	4096u	/* names in all listings of a run */
#define LIN_OPEN	8u	/* files that a host holds at once */

enum lin_kind {
	LIN_LOOKUP, LIN_CREATE, LIN_MKDIR, LIN_SYMLINK, LIN_LINK, LIN_UNLINK,
	LIN_RMDIR, LIN_RENAME, LIN_NOREPLACE, LIN_EXCHANGE, LIN_READDIR, /* names */
	LIN_GETATTR, LIN_SETATTR, LIN_SETTIMES,			/* inodes */
	LIN_OPEN_FILE, LIN_CLOSE_FILE, LIN_APPEND, LIN_WRITE, LIN_TRUNCATE,
	LIN_RECOVER,		/* ino: host that stopped */
	LIN_KINDS,
};

struct lin_step {
	u8 kind;
	u8 dir, name, dir2, name2;
	u8 ino;
	u32 off, len;
	u32 mode, uid;		/* of what is made or set */
	u64 time;
};

struct lin_program {
	u32 hosts;
	u32 nr[WORLD_HOSTS];
	struct lin_step step[WORLD_HOSTS][LIN_STEPS];
};

extern struct world lin_world;
extern const char *const lin_names[LM_NAMES];

struct lin_call {
	u8 kind, host;
	u8 name, name2;
	u64 inv, resp;		/* resp LIN_NEVER: the host stopped in it */
	u64 dir, dir2, ino;	/* as the core has them */
	struct lin_step arg;
	s64 r;
	u64 at;			/* append */
	u32 list, listed;	/* names in lin_listing */
	struct daxfs_stat st;
};

struct lin_listing {
	u64 ino;
	u8 name, type;		/* LM_NONE: a name that nobody has made */
};

struct lin_trace {		/* what happened in a run */
	u32 nr, listed;
	struct lin_call call[LIN_CALLS];
	struct lin_listing listing[LIN_LISTED];
};

struct lin_start {		/* what the setup has made */
	struct lm m;
	u64 ino[LM_INODES];	/* as the core has them */
};

extern struct lin_trace lin_trace;
extern struct lin_start lin_start;

/* The calls as events; in lin_history.c. -1 after FAIL(). */
int lin_expand(const struct lin_start *start, const struct lin_trace *t,
	       struct lin_history *h);
const char *lin_call_text(const struct lin_call *c);

/* ---- the setup; each exits if it fails ---- */

void lin_setup(void);		/* a new world */
/* So many names in a directory of their own, "fill"; 0: not even that. */
void lin_setup_fill(u64 nr);
/* Returns the number of the new inode. */
u32 lin_setup_add(enum lm_type type, u32 dir, u32 name);
void lin_setup_link(u32 ino, u32 dir, u32 name);
/* The host holds it; names may be taken away again. */
void lin_setup_open(u32 host, u32 ino);
void lin_setup_unlink(u32 dir, u32 name);
void lin_setup_size(u32 ino, u32 len);
void lin_setup_end(void);
/* Names until the index begins to grow. */
u64 lin_fill_max(void);

/* ---- a run ---- */

struct lin_crash {
	int host;		/* -1: none */
	u64 after;		/* steps */
};

/*
 * Run p under the schedule, look at everything, check. 0, or -1 after FAIL().
 * account: when all is deleted nothing else may be owned.
 */
int lin_run(const struct lin_program *p, const struct sim_schedule *s,
	    const struct lin_crash *crash, int account);
/* One host alone: each error is the one that the model says. */
int lin_run_alone(const struct lin_program *p, u32 host);

struct lin_sum {
	u64 runs, calls, events, parts, nodes;
	u64 open_ends;		/* calls of hosts that stopped */
	u64 longest;			/* search, in nodes */
	u64 old_loads;
};
extern struct lin_sum lin_sum;
/* Did any host wait in the last run? */
int lin_paused(void);
/* The step of the last run from which on one host was alone. */
u64 lin_alone_from(void);
/* Text of a step; a static buffer. */
const char *lin_step_text(const struct lin_step *st);

#endif
