/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every command shares: messages, sizes, progress, cleanup on a signal.
 *
 * Notes: for the tools alone, not for the library. Messages go to stderr as
 * "tool: FILE: what is wrong; what to do". Not safe for several threads but
 * for daxfs_tool_progress(), which one thread at a time may call.
 */
#ifndef DAXFS_TOOLS_COMMON_H
#define DAXFS_TOOLS_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifndef DAXFS_RELEASE
#define DAXFS_RELEASE "0.1.0"
#endif

#define DAXFS_TOOL_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* First thing in main(): the name that messages begin with. */
void daxfs_tool_init(const char *name);

/* One line on stderr behind the name of the tool. */
void daxfs_tool_error(const char *fmt, ...) DAXFS_TOOL_PRINTF(1, 2);
/* The same, then where help is; ends the process with status. */
_Noreturn void daxfs_tool_usage_error(int status, const char *fmt, ...)
	DAXFS_TOOL_PRINTF(2, 3);
/* "NAME (daxfs) RELEASE" on stdout. */
void daxfs_tool_version(void);
/* Flush stdout: 0, or -1 with a message if what was printed got lost. */
int daxfs_tool_flush(void);

/*
 * A size with an optional suffix K, M, G, T or P (powers of 1024, either
 * case). 0, -EINVAL (not a size) or -ERANGE (more than 64 bits).
 */
int daxfs_tool_parse_size(const char *text, uint64_t *bytes);
/* A decimal number and nothing else. 0, -EINVAL or -ERANGE. */
int daxfs_tool_parse_u64(const char *text, uint64_t *value);

#define DAXFS_TOOL_SIZE_TEXT 32

/* "1.5 GiB", in buf; exact where that is short: "512 bytes". */
const char *daxfs_tool_size_text(uint64_t bytes,
				 char buf[DAXFS_TOOL_SIZE_TEXT]);
/* As a -s argument that is not less: "1501M" or "4096". */
const char *daxfs_tool_size_arg(uint64_t bytes,
				char buf[DAXFS_TOOL_SIZE_TEXT]);

/* ---- progress: a bar on a terminal, from two seconds on ---- */

struct daxfs_tool_progress {
	const char *what;
	int on;			/* stderr is a terminal and not -q */
	int drawn;
	struct timespec start, last;
};

void daxfs_tool_progress_start(struct daxfs_tool_progress *p, const char *what,
			       int quiet);
/* total 0: not known, done is shown as a count. */
void daxfs_tool_progress(struct daxfs_tool_progress *p, uint64_t done,
			 uint64_t total);
/* Takes the bar away. Call it before anything else is printed. */
void daxfs_tool_progress_end(struct daxfs_tool_progress *p);

/* ---- a file that must not stay behind ---- */

/*
 * Until daxfs_tool_keep(), path is unlinked when SIGINT, SIGTERM, SIGHUP or
 * SIGQUIT end the process, and by daxfs_tool_discard(). One path at a time.
 * Ignored signals stay ignored. -ENAMETOOLONG beyond 4095 bytes.
 */
int daxfs_tool_unlink_on_signal(const char *path);
void daxfs_tool_keep(void);
void daxfs_tool_discard(void);

#endif
