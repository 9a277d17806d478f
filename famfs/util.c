// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Messages, sizes, uuids, and work for several threads.
 *
 * Notes: famfs_say() may be called by any thread.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <syslog.h>
#include <uuid/uuid.h>

#include "../tools/common.h"
#include "famfs.h"

static int to_syslog;

void famfs_say_to_syslog(const char *name)
{
	openlog(name, LOG_PID, LOG_DAEMON);
	to_syslog = 1;
}

void famfs_say(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (to_syslog)
		syslog(LOG_DAEMON | LOG_NOTICE, "%s", line);
	else
		daxfs_tool_error("%s", line);
}

int famfs_because(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, FAMFS_WHY, fmt, ap);
	va_end(ap);
	return err;
}

int famfs_parse_size(const char *text, u64 *value)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	u64 v;
	unsigned int shift = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno)
		return -EINVAL;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		shift = 10u * (unsigned int)(unit - units + 1);
		end++;
	}
	if (*end || v > UINT64_MAX >> shift)
		return -EINVAL;
	*value = v << shift;
	return 0;
}

void famfs_uuid_text(const u8 uuid[FAMFS_UUID_LEN], char text[FAMFS_UUID_TEXT])
{
	uuid_unparse_lower(uuid, text);
}

int famfs_uuid_parse(const char *text, u8 uuid[FAMFS_UUID_LEN])
{
	return strlen(text) == FAMFS_UUID_TEXT - 1 && !uuid_parse(text, uuid) ?
	       0 : -EINVAL;
}

/* ---- threads ---- */

struct work {
	int (*fn)(void *arg, u64 i);
	void *arg;
	u64 next, nr;
	int err;
};

static void *work(void *arg)
{
	struct work *w = arg;
	int none = 0, r;
	u64 i;

	while ((i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED)) < w->nr) {
		r = w->fn(w->arg, i);
		if (r)
			__atomic_compare_exchange_n(&w->err, &none, r, 0,
						    __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
	return NULL;
}

int famfs_parallel(unsigned int threads, u64 nr, int (*fn)(void *arg, u64 i),
		   void *arg)
{
	struct work w = { .fn = fn, .arg = arg, .nr = nr };
	unsigned int i, started = 0;
	pthread_t *thread = NULL;

	if (threads > nr)
		threads = (unsigned int)nr;
	if (threads > 1)
		thread = calloc(threads - 1, sizeof(*thread));
	/* With fewer threads than asked for it only takes longer. */
	while (thread && started < threads - 1 &&
	       !pthread_create(&thread[started], NULL, work, &w))
		started++;
	work(&w);
	for (i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	free(thread);
	return w.err;
}
