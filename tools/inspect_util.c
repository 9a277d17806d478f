// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Small things that daxfs-inspect and fsck.daxfs both need.
 *
 * Notes: the state of a host is the host's word in the region, corrected by
 * what this machine knows of its own processes. A missed heartbeat alone
 * makes a host suspect, never dead: it may be stopped and wake up.
 */
#define _GNU_SOURCE	/* asprintf */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include <daxfs/ioctl.h>

#include "inspect.h"

/* Hosts beat once a second; ten misses are worth a word. */
#define SUSPECT_NS	10000000000ull

/* mountinfo writes blank, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
				       (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
}

struct mount_line {
	char *point;
	char *type;
	char *source;
	char *options;		/* of the file system; NULL: none */
};

/* "id parent major:minor root POINT options fields... - TYPE SOURCE OPTIONS" */
static int split_line(char *line, struct mount_line *ml)
{
	char *save = NULL, *word = strtok_r(line, " \n", &save);
	int i;

	for (i = 0; word && i < 4; i++)
		word = strtok_r(NULL, " \n", &save);
	ml->point = word;
	while (word && strcmp(word, "-"))
		word = strtok_r(NULL, " \n", &save);
	ml->type = word ? strtok_r(NULL, " \n", &save) : NULL;
	ml->source = ml->type ? strtok_r(NULL, " \n", &save) : NULL;
	if (!ml->source)
		return -EINVAL;
	ml->options = strtok_r(NULL, " \n", &save);
	unescape(ml->point);
	unescape(ml->source);
	return 0;
}

static int is_below(const char *path, const char *point)
{
	size_t n = strlen(point);

	if (n && point[n - 1] == '/')
		n--;
	return !strncmp(path, point, n) && (!path[n] || path[n] == '/');
}

/* NULL: no memory. */
static char *region_of(const struct mount_line *ml)
{
	char *region;

	if (strcmp(ml->type, "daxfs"))
		return strdup(ml->source);
	/* The source of a kernel mount need not name its memory: ask itself. */
	return asprintf(&region, "mount:%s", ml->point) < 0 ? NULL : region;
}

/*
 * The innermost mount that holds path, the last one of several on one point.
 * Fills region if it is daxfs, clears it if not.
 */
static int search_mounts(FILE *f, const char *path, char **region)
{
	char *line = NULL;
	size_t size = 0, best = 0;
	struct mount_line ml;
	int r = 0;

	while (!r && getline(&line, &size, f) > 0) {
		if (split_line(line, &ml) || !is_below(path, ml.point) ||
		    strlen(ml.point) < best)
			continue;
		best = strlen(ml.point);
		free(*region);
		*region = NULL;
		if (!strcmp(ml.type, "fuse.daxfs") ||
		    !strcmp(ml.type, "daxfs")) {
			*region = region_of(&ml);
			r = *region ? 0 : -ENOMEM;
		}
	}
	free(line);
	return r;
}

char *inspect_mount_options(const char *point)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *options = NULL;
	struct mount_line ml;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (split_line(line, &ml) || strcmp(ml.point, point) || !ml.options)
			continue;
		free(options);		/* the last one lies on top */
		options = strdup(ml.options);
	}
	free(line);
	if (f)
		fclose(f);
	if (!options)
		daxfs_tool_error("%s: cannot find out how it is mounted: %s", point,
				 strerror(errno));
	return options;
}

char *inspect_region_of_mount(const char *mnt)
{
	char *path = realpath(mnt, NULL), *region = NULL;
	FILE *f;
	int r;

	if (!path) {
		daxfs_tool_error("%s: %s; -m takes a mounted daxfs, -r its "
				 "region", mnt, strerror(errno));
		return NULL;
	}
	f = fopen("/proc/self/mountinfo", "re");
	r = f ? search_mounts(f, path, &region) : -errno;
	if (f)
		fclose(f);
	if (r)
		daxfs_tool_error("/proc/self/mountinfo: %s; name the region "
				 "with -r", strerror(-r));
	else if (!region)
		daxfs_tool_error("%s: no daxfs is mounted there; name the "
				 "region with -r", mnt);
	free(path);
	return region;
}

/* Is what is mounted at point that host? */
static int is_mount_of(const char *point, const struct daxfs_region *rg,
		       const struct daxfs_host_info *info)
{
	struct daxfs_ioc_status st;
	int fd = open(point, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0)
		return 0;
	memset(&st, 0, sizeof(st));
	r = ioctl(fd, DAXFS_IOC_STATUS, &st);
	close(fd);
	return !r && st.host == info->slot &&
	       st.incarnation == info->incarnation &&
	       !(st.flags & DAXFS_IOC_ST_EVICTED) &&
	       !memcmp(st.uuid, rg->super.uuid, sizeof(st.uuid));
}

char *inspect_kernel_mount(const struct daxfs_region *rg,
			   const struct daxfs_host_info *info)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *point = NULL;
	struct mount_line ml;
	size_t size = 0;

	if (!f)
		return NULL;
	while (!point && getline(&line, &size, f) > 0) {
		if (!split_line(line, &ml) && !strcmp(ml.type, "daxfs") &&
		    is_mount_of(ml.point, rg, info))
			point = strdup(ml.point);
	}
	free(line);
	fclose(f);
	return point;
}

const char *inspect_host_state(const struct daxfs_host_info *info)
{
	enum daxfs_host_place place = daxfs_host_place(info);

	switch (info->state) {
	case DAXFS_H_JOINING:
		return place == DAXFS_HOST_GONE ? "gone" : "joining";
	case DAXFS_H_DEAD:
		return "dead";
	case DAXFS_H_RECOVERING:
		/* It left, or had come into a dead host's slot, and did not end it. */
		return info->recoverer == info->slot && place == DAXFS_HOST_GONE ?
		       "gone" : "recovering";
	default:
		break;
	}
	/*
	 * A process of this machine says more than its heartbeat. A kernel has
	 * none: of this one, too, the heart says whether the mount is well.
	 */
	if (place == DAXFS_HOST_GONE)
		return "gone";
	if (place == DAXFS_HOST_STOPPED)
		return "stopped";
	return (place == DAXFS_HOST_ELSEWHERE || !info->id.pid) &&
	       port_now_ns() > info->heartbeat_ns + SUSPECT_NS ?
	       "suspect" : "alive";
}

void inspect_pid_text(const struct daxfs_host_info *info, char *buf, size_t len)
{
	if (info->id.pid)
		snprintf(buf, len, "%u", info->id.pid);
	else
		snprintf(buf, len, "-");
}

void inspect_iso_time(u64 ns, char *buf, size_t len)
{
	time_t t = (time_t)(ns / 1000000000ull);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, len, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, len, "?");
}

const char *inspect_host_kind(u32 kind)
{
	switch (kind) {
	case DAXFS_HOST_TOOL:
		return "tool";
	case DAXFS_HOST_LIB:
		return "library";
	case DAXFS_HOST_FUSE:
		return "fuse";
	case DAXFS_HOST_KERNEL:
		return "kernel";
	default:
		return "unknown";
	}
}

int inspect_next_host(const struct daxfs_region *rg, u32 *slot,
		      struct daxfs_host_info *info)
{
	while (daxfs_has_overlay(rg) && *slot < DAXFS_HOSTS) {
		if (!daxfs_host_info(rg, (*slot)++, info))
			return 0;
	}
	return -ENOENT;
}

void inspect_printable(char *to, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len && from[i]; i++) {
		unsigned char c = (unsigned char)from[i];

		to[i] = c < ' ' || c == 127 ? '?' : from[i];
	}
	to[i] = 0;
}

/* Length of the UTF-8 sequence at s, 0 if it is not one. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	static const u32 least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;
	u32 c;

	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

int inspect_is_utf8(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n;

	for (; len; u += n, len -= n) {
		n = utf8_len(u, len);
		if (!n)
			return 0;
	}
	return 1;
}

struct json_object *inspect_json_bytes(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	char buf[3 * (DAXFS_TARGET_MAX + 1)];
	size_t n, at = 0;

	while (len && at + 4 < sizeof(buf)) {
		n = utf8_len(u, len);
		memcpy(buf + at, n ? (const char *)u : "\xef\xbf\xbd", n ? n : 3);
		at += n ? n : 3;
		n = n ? n : 1;
		u += n;
		len -= n;
	}
	return json_object_new_string_len(buf, (int)at);
}

struct json_object *inspect_json_uuid(const u8 uuid[16])
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(uuid, text);
	return json_object_new_string(text);
}

void inspect_json_print(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
