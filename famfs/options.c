// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Arguments that several commands have.
 *
 * Notes: what is wrong ends the process with a message and status 2; nothing
 * has been opened by then.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "../tools/common.h"
#include "famfs.h"

#define CHUNK		(2u << 20)
#define THREADS_MOST	256u

int famfs_usage(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	daxfs_tool_usage_error(FAMFS_EXIT_USAGE, "%s", line);
}

int famfs_status(int r)
{
	if (daxfs_tool_flush())
		r = -EIO;
	return r ? FAMFS_EXIT_FAILED : FAMFS_EXIT_OK;
}

u64 famfs_arg_size(const char *what, const char *text)
{
	u64 v;

	if (famfs_parse_size(text, &v))
		famfs_usage("%s '%s': give a number, with K, M, G or T behind it, "
			    "0x or 0 before it", what, text);
	return v;
}

u64 famfs_arg_number(const char *what, const char *text)
{
	char *end;
	u64 v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno)
		famfs_usage("%s '%s': give a number", what, text);
	return v;
}

static u32 arg_id(const char *what, const char *text)
{
	u64 v = famfs_arg_number(what, text);

	if (v >= UINT32_MAX)
		famfs_usage("%s '%s': too large", what, text);
	return (u32)v;
}

u32 famfs_arg_mode(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || v > 07777)
		famfs_usage("mode '%s': give an octal number up to 7777", text);
	return (u32)v;
}

void famfs_new_init(struct famfs_new *how)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*how = (struct famfs_new){ .threads = cpus > 8 ? 8 : (unsigned int)cpus,
				   .stripes.chunk = CHUNK };
}

static int arg_stripes(struct famfs_stripes *s, int c, const char *text)
{
	switch (c) {
	case 'N':
		s->strips = famfs_arg_number("strips", text);
		break;
	case 'B':
		s->buckets = famfs_arg_number("buckets", text);
		break;
	case 'C':
		s->chunk = famfs_arg_size("chunk", text);
		break;
	default:
		return 0;
	}
	return 1;
}

static unsigned int arg_threads(const char *text)
{
	u64 v = famfs_arg_number("threads", text);

	if (!v || v > THREADS_MOST)
		famfs_usage("threads '%s': give a number from 1 to %u", text,
			    THREADS_MOST);
	return (unsigned int)v;
}

int famfs_arg_new(struct famfs_new *how, int c, const char *text)
{
	switch (c) {
	case 'm':
		how->has_mode = 1;
		how->mode = famfs_arg_mode(text);
		return 1;
	case 'u':
		how->has_uid = 1;
		how->uid = arg_id("uid", text);
		return 1;
	case 'g':
		how->has_gid = 1;
		how->gid = arg_id("gid", text);
		return 1;
	case 't':
		how->threads = arg_threads(text);
		return 1;
	case 'v':
		how->verbose = 1;
		return 1;
	}
	return arg_stripes(&how->stripes, c, text);
}

int famfs_arg_multi(char *text, u64 number[2])
{
	char *comma = strchr(text, ','), *second;
	int nr = 1;

	if (!comma || comma == text)
		famfs_usage("'%s': give a name, a comma and a number", text);
	*comma++ = 0;
	second = strchr(comma, ',');
	if (second) {
		*second++ = 0;
		number[1] = famfs_arg_number("seed", second);
		nr = 2;
	}
	number[0] = famfs_arg_size("size", comma);
	return nr;
}
