/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsstress: files of one process, which knows what has to be in them.
 *
 * Notes: nobody else changes anything in this directory, so each call has one
 * right answer, whichever mount it goes through: what was done through
 * one is looked at through the other. Bytes written are never zero.
 */
#define _GNU_SOURCE
#include "fss.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define NAMES	12u
#define FILES	10u
#define LONGEST	40000u

struct file {
	u32 nlink;		/* 0: there is none */
	mode_t mode;
	u64 size;
	u32 value;		/* of its extended attribute; 0: none */
	u8 data[LONGEST];
};

static struct file file[FILES];
static struct file *name[NAMES];
static char path[2][FSS_PATH];	/* of the operation on its way */
static u8 buf[LONGEST + 100];
static u32 process;

#define MUST_OK(call)							\
	({								\
		s64 ok_ = (s64)(call);					\
		if (ok_ < 0)						\
			WRONG("%s: %s (%s, %s)", #call, strerror(errno), \
			      path[0], path[1]);			\
		ok_;							\
	})

static const char *path_of(u32 which, u32 i)
{
	snprintf(path[which], FSS_PATH, "%s/own%u/%c%u",
		 fss_top[below(fss_sides)], process, 'a' + i % 3, i);
	return path[which];
}

/* Two names of a call are of one mount. */
static void two_paths(u32 from, u32 to)
{
	const char *top = fss_top[below(fss_sides)];

	snprintf(path[0], FSS_PATH, "%s/own%u/%c%u", top, process,
		 'a' + from % 3, from);
	snprintf(path[1], FSS_PATH, "%s/own%u/%c%u", top, process,
		 'a' + to % 3, to);
}

static struct file *free_file(void)
{
	u32 i;

	for (i = 0; i < FILES; i++)
		if (!file[i].nlink)
			return &file[i];
	return NULL;
}

static int open_name(u32 i, int flags)
{
	return (int)MUST_OK(open(path_of(0, i), flags | O_RDWR, 0600));
}

/* ---- looking ---- */

static void check_content(const struct file *f, int fd)
{
	s64 n = MUST_OK(pread(fd, buf, sizeof(buf), 0));
	u64 i;

	if ((u64)n != f->size)
		WRONG("%s: read %lld of %llu bytes", path[0], (long long)n,
		      (unsigned long long)f->size);
	for (i = 0; i < f->size; i++)
		if (buf[i] != f->data[i])
			WRONG("%s: byte %llu is 0x%02x, not 0x%02x", path[0],
			      (unsigned long long)i, buf[i], f->data[i]);
}

static void check_value(const struct file *f, int fd)
{
	u32 value = 0;
	s64 n;

	if (!fss_has[FSS_XATTR])
		return;
	n = fgetxattr(fd, "user.value", &value, sizeof(value));
	if (n < 0 && errno != ENODATA)
		WRONG("%s: getxattr: %s", path[0], strerror(errno));
	if (value != f->value)
		WRONG("%s: user.value is %u, not %u", path[0], value, f->value);
}

static void check_name(u32 i)
{
	const struct file *f = name[i];
	struct stat st;
	int fd;

	if (!f) {
		if (!lstat(path_of(0, i), &st) || errno != ENOENT)
			WRONG("%s is there", path[0]);
		return;
	}
	fd = open_name(i, 0);
	MUST_OK(fstat(fd, &st));
	if (st.st_nlink != f->nlink || (u64)st.st_size != f->size ||
	    (st.st_mode & 07777) != f->mode)
		WRONG("%s: %u links, %llu bytes, mode 0%o; not %u, %llu, 0%o",
		      path[0], (u32)st.st_nlink, (unsigned long long)st.st_size,
		      st.st_mode & 07777, f->nlink, (unsigned long long)f->size,
		      f->mode);
	check_content(f, fd);
	check_value(f, fd);
	close(fd);
}

static void check_list(u32 side)
{
	u32 want = 0, have = 0, i;
	char dir[FSS_PATH];
	struct dirent *de;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/own%u", fss_top[side], process);
	d = opendir(dir);
	if (!d)
		WRONG("%s: %s", dir, strerror(errno));
	while ((errno = 0, de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		i = (u32)strtoul(de->d_name + 1, NULL, 10);
		if (i >= NAMES || have & 1u << i)
			WRONG("%s lists %s, or twice", dir, de->d_name);
		have |= 1u << i;
	}
	if (errno)
		WRONG("readdir %s: %s", dir, strerror(errno));
	closedir(d);
	for (i = 0; i < NAMES; i++)
		want |= name[i] ? 1u << i : 0;
	if (have != want)
		WRONG("%s lists 0x%x, not 0x%x", dir, have, want);
}

/* ---- changing ---- */

static void drop(u32 i)
{
	if (name[i])
		name[i]->nlink--;
	name[i] = NULL;
}

static void born(struct file *f, u32 i)
{
	memset(f, 0, sizeof(*f));
	f->nlink = 1;
	f->mode = 0600;
	name[i] = f;
}

static void do_create(u32 i)
{
	struct file *f = free_file();

	if (name[i] || !f)
		return;
	close(open_name(i, O_CREAT | O_EXCL));
	born(f, i);
}

static void do_tmpfile(u32 i)
{
	struct file *f = free_file();
	const char *top = fss_top[below(fss_sides)];
	char proc[32];
	int fd;

	if (name[i] || !f || !fss_has[FSS_TMPFILE])
		return;
	snprintf(path[0], FSS_PATH, "%s/own%u", top, process);
	snprintf(path[1], FSS_PATH, "%s/own%u/%c%u", top, process,
		 'a' + i % 3, i);
	fd = (int)MUST_OK(open(path[0], O_TMPFILE | O_RDWR, 0600));
	MUST_OK(pwrite(fd, "x", 1, 9));
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	MUST_OK(linkat(AT_FDCWD, proc, AT_FDCWD, path[1], AT_SYMLINK_FOLLOW));
	close(fd);
	born(f, i);
	f->size = 10;
	f->data[9] = 'x';
}

static void do_write(u32 i)
{
	struct file *f = name[i];
	u64 off = below(LONGEST), len = 1 + below(below(2) ? 6000 : LONGEST), k;
	u8 x = (u8)random64();
	int append = !below(4), fd;

	if (!f)
		return;
	if (append)
		off = f->size;
	if (len > LONGEST - off)
		len = LONGEST - off;
	for (k = 0; k < len; k++)
		f->data[off + k] = (u8)(1 + (x + k) % 255);
	fd = open_name(i, append ? O_APPEND : 0);
	if (MUST_OK(pwrite(fd, f->data + off, len, (off_t)off)) != (s64)len)
		WRONG("%s: a short write", path[0]);
	close(fd);
	if (off + len > f->size)
		f->size = off + len;
}

static void cut(struct file *f, u64 size)
{
	if (size < f->size)
		memset(f->data + size, 0, f->size - size);
	f->size = size;
}

static void do_truncate(u32 i)
{
	u64 size = below(LONGEST + 1);

	if (!name[i])
		return;
	if (below(3)) {
		MUST_OK(truncate(path_of(0, i), (off_t)size));
	} else {
		close(open_name(i, O_TRUNC));
		size = 0;
	}
	cut(name[i], size);
}

static void do_punch(u32 i)
{
	u64 off = below(LONGEST), len = 1 + below(LONGEST - off);
	int fd;

	if (!name[i] || !fss_has[FSS_PUNCH])
		return;
	fd = open_name(i, 0);
	MUST_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)off, (off_t)len));
	close(fd);
	memset(name[i]->data + off, 0, len);
}

static void do_chmod(u32 i)
{
	mode_t mode = 0600 | (mode_t)below(0200);

	if (!name[i])
		return;
	MUST_OK(chmod(path_of(0, i), mode));
	name[i]->mode = mode;
}

static void do_value(u32 i)
{
	u32 value = (u32)below(4);
	const char *p = path_of(0, i);

	if (!name[i] || !fss_has[FSS_XATTR])
		return;
	if (value)
		MUST_OK(setxattr(p, "user.value", &value, sizeof(value), 0));
	else if (name[i]->value)
		MUST_OK(removexattr(p, "user.value"));
	name[i]->value = value;
}

static void do_link(u32 i)
{
	u32 to = (u32)below(NAMES);

	two_paths(i, to);
	if (!name[i])
		return;
	if (name[to]) {
		if (!link(path[0], path[1]) || errno != EEXIST)
			WRONG("link %s %s: no EEXIST", path[0], path[1]);
		return;
	}
	MUST_OK(link(path[0], path[1]));
	name[to] = name[i];
	name[i]->nlink++;
}

static void do_unlink(u32 i)
{
	if (!name[i])
		return;
	MUST_OK(unlink(path_of(0, i)));
	drop(i);
}

static void do_rename(u32 i)
{
	u32 to = (u32)below(NAMES);

	two_paths(i, to);
	if (!name[i])
		return;
	MUST_OK(rename(path[0], path[1]));
	if (name[i] == name[to])
		return;		/* both names stay */
	drop(to);
	name[to] = name[i];
	name[i] = NULL;
}

static void do_exchange(u32 i)
{
	u32 to = (u32)below(NAMES);
	struct file *f = name[i];

	two_paths(i, to);
	if (!fss_has[FSS_EXCHANGE])
		return;
	if (!f || !name[to]) {
		if (!renameat2(AT_FDCWD, path[0], AT_FDCWD, path[1],
			       RENAME_EXCHANGE) || errno != ENOENT)
			WRONG("exchange %s %s: no ENOENT", path[0], path[1]);
		return;
	}
	MUST_OK(renameat2(AT_FDCWD, path[0], AT_FDCWD, path[1], RENAME_EXCHANGE));
	name[i] = name[to];
	name[to] = f;
}

/* A file that is replaced or removed while it is open keeps its content. */
static void do_orphan(u32 i)
{
	struct file *f = name[i];
	int fd;

	if (!f || f->nlink > 1)
		return;
	fd = open_name(i, 0);
	MUST_OK(unlink(path_of(0, i)));
	check_content(f, fd);
	close(fd);
	drop(i);
}

void fss_own_step(void)
{
	static void (*const steps[])(u32) = {
		do_create, do_create, do_write, do_write, do_write, do_truncate,
		do_punch, do_chmod, do_value, do_link, do_unlink, do_rename,
		do_rename, do_exchange, do_tmpfile, do_orphan,
	};
	u32 i = (u32)below(NAMES);

	steps[below(sizeof(steps) / sizeof(steps[0]))](i);
	check_name(i);
	check_name((u32)below(NAMES));
	if (!below(8))
		check_list((u32)below(fss_sides));
	fss_count(&fss_board->private_steps);
}

void fss_own_begin(u32 nr)
{
	process = nr;
	snprintf(path[0], FSS_PATH, "%s/own%u", fss_top[0], nr);
	MUST_OK(mkdir(path[0], 0755));
}

void fss_own_check(void)
{
	u32 side, i;

	for (side = 0; side < fss_sides; side++) {
		check_list(side);
		for (i = 0; i < NAMES; i++)
			check_name(i);
	}
}
