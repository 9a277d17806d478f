// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Messages of a server: stderr while somebody looks, then syslog.
 *
 * Notes: any thread may call daxfs_log(). libfuse's messages go the same way.
 */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "server.h"

static int to_syslog;

static void put(enum fuse_log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void put(enum fuse_log_level level, const char *fmt, va_list ap)
{
	/* fuse_log_level has the numbers of syslog(3). */
	if (to_syslog)
		vsyslog(LOG_DAEMON | (int)level, fmt, ap);
	else
		vfprintf(stderr, fmt, ap);
}

void daxfs_log_init(int foreground)
{
	if (!foreground)
		openlog("daxfs-fuse", LOG_PID, LOG_DAEMON);
	to_syslog = !foreground;
	fuse_set_log_func(put);
}

void daxfs_log(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (to_syslog)
		syslog(LOG_DAEMON | LOG_ERR, "%s", line);
	else
		fprintf(stderr, "daxfs-fuse: %s\n", line);
}
