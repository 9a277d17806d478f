// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The daemon's log.
 *
 * Notes: what strangers send is never part of a format, and control characters
 * of it do not get into a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static int to_syslog, fd = STDERR_FILENO;
static enum log_level most = LOG_L_INFO;

int log_to(const char *where, enum log_level least)
{
	int file = STDERR_FILENO;

	if (strcmp(where, "stderr") && strcmp(where, "syslog")) {
		file = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
			    O_NOFOLLOW, 0640);
		if (file < 0)
			return -errno;
	}
	if (fd != STDERR_FILENO)
		close(fd);
	fd = file;
	to_syslog = !strcmp(where, "syslog");
	if (to_syslog)
		openlog("mxfsd", LOG_PID, LOG_DAEMON);
	most = least;
	return 0;
}

static size_t stamp(char *line, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t len;

	if (fd == STDERR_FILENO)
		return (size_t)snprintf(line, size, "mxfsd: ");
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	len = strftime(line, size, "%FT%T", &tm);
	return len + (size_t)snprintf(line + len, size - len, ".%03ldZ ",
				      ts.tv_nsec / 1000000);
}

static void printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

void log_say(enum log_level level, const char *fmt, ...)
{
	static const char *const name[] = { "error", "warning", "info", "debug" };
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	char text[480], line[560];
	va_list ap;
	int len;

	if (level > most)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printable(text);
	if (to_syslog) {
		syslog(priority[level], "%s", text);
		return;
	}
	len = (int)stamp(line, sizeof(line));
	len += snprintf(line + len, sizeof(line) - (size_t)len, "%s: %s\n",
			name[level], text);
	/* Nothing can be done about a log that can't be written. */
	if (write(fd, line, (size_t)len) < 0)
		return;
}
