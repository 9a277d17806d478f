// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What every command shares: messages, sizes, progress, cleanup on a signal.
 *
 * Notes: the signal handler touches a static path and a flag, and calls
 * nothing but unlink(), signal() and raise(). The path is complete before the
 * flag is set, and the flag is cleared before the path changes.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

static const char *tool_name = "daxfs";

void daxfs_tool_init(const char *name)
{
	tool_name = name;
}

static void print_error(const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", tool_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void daxfs_tool_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap);
	va_end(ap);
}

_Noreturn void daxfs_tool_usage_error(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help'.\n", tool_name);
	exit(status);
}

void daxfs_tool_version(void)
{
	printf("%s (daxfs) %s\n", tool_name, DAXFS_RELEASE);
}

int daxfs_tool_flush(void)
{
	int bad = ferror(stdout);

	if (fflush(stdout) || bad) {
		daxfs_tool_error("standard output: %s; the report is incomplete",
				 strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- numbers and sizes ---- */

static int parse_number(const char *text, const char **end, uint64_t *value)
{
	unsigned long long v;
	char *e;

	/* strtoull() takes signs and white space; sizes have neither. */
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &e, 10);
	if (errno)
		return -errno;
	*end = e;
	*value = v;
	return 0;
}

int daxfs_tool_parse_u64(const char *text, uint64_t *value)
{
	const char *end;
	int err = parse_number(text, &end, value);

	if (err)
		return err;
	return *end ? -EINVAL : 0;
}

static const char suffixes[] = "KMGTP";

static int suffix_shift(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	at = c ? strchr(suffixes, c) : NULL;
	return at ? 10 * (int)(at - suffixes + 1) : -1;
}

int daxfs_tool_parse_size(const char *text, uint64_t *bytes)
{
	const char *end;
	uint64_t v;
	int shift = 0;
	int err = parse_number(text, &end, &v);

	if (err)
		return err;
	if (*end) {
		shift = suffix_shift(*end);
		if (shift < 0 || end[1])
			return -EINVAL;
	}
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = v << shift;
	return 0;
}

const char *daxfs_tool_size_text(uint64_t bytes, char buf[DAXFS_TOOL_SIZE_TEXT])
{
	double v = (double)bytes;
	int i = -1;

	if (bytes < 1024) {
		snprintf(buf, DAXFS_TOOL_SIZE_TEXT, "%u bytes",
			 (unsigned int)bytes);
		return buf;
	}
	while (v >= 1024 && suffixes[i + 1]) {
		v /= 1024;
		i++;
	}
	snprintf(buf, DAXFS_TOOL_SIZE_TEXT,
		 v == (double)(uint64_t)v ? "%.0f %ciB" : "%.1f %ciB", v,
		 suffixes[i]);
	return buf;
}

const char *daxfs_tool_size_arg(uint64_t bytes, char buf[DAXFS_TOOL_SIZE_TEXT])
{
	const uint64_t mib = 1ull << 20;

	if (bytes < 4 * mib)
		snprintf(buf, DAXFS_TOOL_SIZE_TEXT, "%lluK",
			 (unsigned long long)((bytes + 1023) >> 10));
	else
		snprintf(buf, DAXFS_TOOL_SIZE_TEXT, "%lluM",
			 (unsigned long long)((bytes + mib - 1) >> 20));
	return buf;
}

/* ---- progress ---- */

static int64_t ms_between(const struct timespec *a, const struct timespec *b)
{
	return (int64_t)(b->tv_sec - a->tv_sec) * 1000 +
	       (b->tv_nsec - a->tv_nsec) / 1000000;
}

void daxfs_tool_progress_start(struct daxfs_tool_progress *p, const char *what,
			       int quiet)
{
	p->what = what;
	p->on = !quiet && isatty(STDERR_FILENO);
	p->drawn = 0;
	clock_gettime(CLOCK_MONOTONIC, &p->start);
	p->last = p->start;
}

static void draw(struct daxfs_tool_progress *p, uint64_t done, uint64_t total)
{
	char bar[31];
	unsigned int i, fill;

	if (!total) {
		fprintf(stderr, "\r%s: %llu\033[K", p->what,
			(unsigned long long)done);
		return;
	}
	if (done > total)
		done = total;
	fill = (unsigned int)((double)done / (double)total * 30);
	for (i = 0; i < 30; i++)
		bar[i] = i < fill ? '#' : '.';
	bar[30] = 0;
	fprintf(stderr, "\r%s [%s] %3u%%\033[K", p->what, bar,
		(unsigned int)((double)done / (double)total * 100));
}

void daxfs_tool_progress(struct daxfs_tool_progress *p, uint64_t done,
			 uint64_t total)
{
	struct timespec now;

	if (!p->on)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ms_between(&p->start, &now) < 2000 ||
	    (p->drawn && ms_between(&p->last, &now) < 100))
		return;
	p->last = now;
	p->drawn = 1;
	draw(p, done, total);
	fflush(stderr);
}

void daxfs_tool_progress_end(struct daxfs_tool_progress *p)
{
	if (p->drawn)
		fprintf(stderr, "\r\033[K");
	p->on = 0;
	p->drawn = 0;
}

/* ---- a file that must not stay behind ---- */

static char doomed[4096];
static volatile sig_atomic_t doomed_set;

static void on_signal(int sig)
{
	if (doomed_set)
		unlink(doomed);
	/* The parent is to see which signal it was. */
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_signal(int sig)
{
	struct sigaction sa, old;

	if (sigaction(sig, NULL, &old) || old.sa_handler == SIG_IGN)
		return;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

int daxfs_tool_unlink_on_signal(const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(doomed))
		return -ENAMETOOLONG;
	doomed_set = 0;
	memcpy(doomed, path, len + 1);
	doomed_set = 1;
	catch_signal(SIGINT);
	catch_signal(SIGTERM);
	catch_signal(SIGHUP);
	catch_signal(SIGQUIT);
	return 0;
}

void daxfs_tool_keep(void)
{
	doomed_set = 0;
}

void daxfs_tool_discard(void)
{
	if (doomed_set)
		unlink(doomed);
	doomed_set = 0;
}
