/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A sequential model of names and attributes, written without the core.
 *
 * Notes: inodes and names are small numbers, so that a state is a flat piece
 * of memory that can be copied, compared and hashed. The model is asked
 * whether an operation with the result that was seen is possible in a state.
 * What a call reports together but not of one instant is several operations:
 * a lookup with attributes is LM_LOOKUP, LM_ATTR, LM_SIZE, LM_NLINK and the
 * times. A listing is an LM_DIR, an LM_PARENT, one LM_PRESENT for each name
 * that it has and one LM_ABSENT for each name that it lacks: a name that is
 * there during the whole listing cannot be absent, and comes once, because
 * there must have been an LM_ABSENT between two LM_PRESENT of it.
 *
 * An inode without a link and a holder may be gone or not yet: the first who
 * is told that it does not exist settles that. Errors: where several are true
 * at once each may be returned (as POSIX has it), and lm_first() says which
 * one a host alone gets.
 */
#ifndef DAXFS_TESTS_SIM_LIN_MODEL_H
#define DAXFS_TESTS_SIM_LIN_MODEL_H

#include "port.h"

#define LM_INODES	250u
#define LM_NAMES	8u
#define LM_NONE		255u		/* no inode; no name */
#define LM_DOT		254u		/* names: "." and ".." */
#define LM_DOTDOT	253u
#define LM_ANY		(~0ull)		/* a value that nobody has seen */
#define LM_ROOT		0u

enum lm_type { LM_FREE, LM_FILE, LM_DIRECTORY, LM_SYMLINK };

enum lm_reg { LM_ATIME, LM_MTIME, LM_REGS };

struct lm_inode {
	u8 type;
	u8 gone;		/* somebody was told so */
	u8 holders;		/* a bit per host */
	u8 parent;		/* directories */
	u16 names, subdirs;	/* directories */
	u16 nlink;		/* others; directories: 1 until removed */
	u16 mode;		/* permissions */
	u32 uid;
	u32 size;
	u8 child[LM_NAMES];
	u64 reg[LM_REGS];
};

struct lm {
	u32 nr;			/* inodes 0..nr-1 may be in use */
	u32 strict;		/* unused is gone: a host alone */
	struct lm_inode in[LM_INODES];
};

enum lm_kind {
	LM_LOOKUP,		/* dir, name -> got */
	LM_CREATE,		/* dir, name, ino: the new one, type, mode, uid */
	LM_LINK,		/* ino, dir, name -> value: links, or LM_ANY */
	LM_UNLINK, LM_RMDIR,	/* dir, name */
	LM_RENAME,		/* dir, name, dir2, name2, noreplace or exchange */
	LM_SETATTR,		/* ino, mode and uid, or LM_KEEP */
	LM_SETREG,		/* ino, reg, value */
	LM_OPEN, LM_CLOSE,	/* ino, host */
	LM_APPEND,		/* ino, len -> value: offset, or LM_ANY */
	LM_WRITE,		/* ino, off, len */
	LM_TRUNCATE,		/* ino, len */
	/* never change anything, but that an inode is known to be gone */
	LM_ATTR,		/* ino -> type, mode, uid */
	LM_SIZE, LM_NLINK,	/* ino -> value */
	LM_REG,			/* ino, reg -> value */
	LM_DIR,			/* dir: can be listed */
	LM_PARENT,		/* dir -> got */
	LM_PRESENT,		/* dir, name -> got, type */
	LM_ABSENT,		/* dir, name */
	LM_RELEASE,		/* ino, host: a dead host holds nothing */
	LM_KINDS,
};

#define LM_KEEP		(~0u)

struct lm_op {
	u8 kind;
	u8 host;
	u8 dir, name, dir2, name2;
	u8 ino;			/* LM_NONE: none that the history knows */
	u8 got;
	u8 type;
	u8 reg;
	u8 noreplace, exchange;
	u32 mode, uid;
	u32 off, len;
	u64 value;
	int err;		/* 0 or negative, as it was returned */
};

enum lm_verdict { LM_NO, LM_SAME, LM_CHANGED };

/* An empty file system: the root alone. */
void lm_init(struct lm *m);
/* A further inode with its first name; for the state to begin with. */
void lm_add(struct lm *m, u32 ino, enum lm_type type, u32 dir, u32 name);
/*
 * Can op have that result in that state? If so m becomes the state behind it.
 * open_end: the operation never returned; then "with success, or no effect".
 */
enum lm_verdict lm_step(struct lm *m, const struct lm_op *op, int open_end);
/* The error that a host alone gets, or 0. */
int lm_first(const struct lm *m, const struct lm_op *op);
/*
 * The same for an operation that failed or only reads, and without the state
 * behind it: LM_SAME, LM_NO, or LM_CHANGED if it tells of a gone inode.
 */
enum lm_verdict lm_look(const struct lm *m, const struct lm_op *op);
/* Reads alone, whatever the state is. */
int lm_is_read(const struct lm_op *op);
/* Copies what is in use; from->nr counts inodes that will be made, too. */
void lm_copy(struct lm *to, const struct lm *from);
u64 lm_hash(const struct lm *m);
/* Text of an operation; a static buffer. */
const char *lm_text(const struct lm_op *op);

#endif
