// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Mount a region by the kernel module, through the mount API of Linux 5.2.
 *
 * Notes: that API alone can name a dma-buf, and has a log of its own: what the
 * module says of an error is read from the context and printed. Nothing is
 * attached to the tree before all else has worked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#include "common.h"
#include "kmount.h"

/* ---- the module ---- */

/* Lines of /proc/filesystems: "nodev" or nothing, a tab, the name. */
int kmount_loaded(void)
{
	FILE *f = fopen("/proc/filesystems", "re");
	char line[128];
	int found = 0;

	if (!f)
		return 0;
	while (!found && fgets(line, sizeof(line), f)) {
		char *tab = strrchr(line, '\t');

		found = tab && !strcmp(tab + 1, "daxfs\n");
	}
	fclose(f);
	return found;
}

/* What modprobe has to say it says itself. */
static void run_modprobe(void)
{
	static const char *const path[] = { "/sbin/modprobe", "/usr/sbin/modprobe" };
	pid_t pid;
	size_t i;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		for (i = 0; i < sizeof(path) / sizeof(path[0]); i++)
			execl(path[i], "modprobe", "daxfs", (char *)NULL);
		daxfs_tool_error("cannot run modprobe: %s", strerror(errno));
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int kmount_load(void)
{
	if (kmount_loaded())
		return 0;
	if (geteuid()) {
		daxfs_tool_error("the kernel module of daxfs is not loaded, and "
				 "only root may load it (modprobe daxfs); mount "
				 "-t fuse.daxfs does without it");
		return KMOUNT_FAILED;
	}
	run_modprobe();
	if (kmount_loaded())
		return 0;
	daxfs_tool_error("the kernel module of daxfs is not loaded and cannot "
			 "be; install it for this kernel (make install-dkms), or "
			 "use mount -t fuse.daxfs, which does without it");
	return KMOUNT_FAILED;
}

/* ---- the context ---- */

struct context {
	const struct kmount *km;
	int fd;
	int told;		/* an error was printed from the log */
	int unknown;		/* ... which is that an option is unknown */
};

/* One message a read: "e daxfs: text", also w and i. */
static void read_log(struct context *c, int quiet)
{
	char text[1024];
	ssize_t n;

	c->unknown = 0;
	while ((n = read(c->fd, text, sizeof(text) - 1)) > 0) {
		while (n && text[n - 1] == '\n')
			n--;
		text[n] = 0;
		c->unknown |= text[0] == 'e' &&
			      strstr(text, "nknown parameter") != NULL;
		if (n < 3 || text[1] != ' ' || quiet ||
		    (text[0] == 'i' && !c->km->verbose))
			continue;
		daxfs_tool_error("%skernel: %s", text[0] == 'w' ? "warning: " :
				 "", text + 2);
		c->told |= text[0] == 'e';
	}
}

static const char *hint(int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return "; mounting memory needs root (CAP_SYS_ADMIN)";
	case EUCLEAN:
		return "; the region is damaged: see fsck.daxfs";
	case EUSERS:
		return "; all host slots are in use: see daxfs-inspect hosts";
	case EINVAL:
		return "; is there a region, made by mkdaxfs? See the log of "
		       "the kernel";
	case EROFS:
		return "; mount it read-only: -o ro";
	case EBUSY:
		return "; somebody uses that memory otherwise, or has mounted "
		       "there";
	default:
		return "";
	}
}

static int failed(struct context *c, const char *doing)
{
	int err = errno;

	read_log(c, 0);
	daxfs_tool_error("%s: cannot %s: %s%s", c->km->dir, doing,
			 strerror(err), c->told ? "" : hint(err));
	return KMOUNT_FAILED;
}

static int set_flag(struct context *c, const char *key)
{
	return fsconfig(c->fd, FSCONFIG_SET_FLAG, key, NULL, 0);
}

static int set_string(struct context *c, const char *key, const char *value)
{
	return fsconfig(c->fd, FSCONFIG_SET_STRING, key, value, 0);
}

/* One of the caller's: "key" or "key=value". */
static int set_option(struct context *c, const char *option)
{
	char *key = strdup(option), *value;
	int r, err;

	if (!key)
		return -1;
	value = strchr(key, '=');
	if (value)
		*value++ = 0;
	r = value ? set_string(c, key, value) : set_flag(c, key);
	err = errno;
	free(key);
	errno = err;
	return r;
}

static int set_options(struct context *c)
{
	uint32_t i;

	for (i = 0; i < c->km->option_nr; i++) {
		const char *option = c->km->option[i];
		int err;

		if (!set_option(c, option))
			continue;
		err = errno;
		read_log(c, c->km->sloppy);
		if (c->km->sloppy && c->unknown) {
			if (c->km->verbose)
				printf("%s: left out: %s\n", c->km->dir, option);
			continue;
		}
		daxfs_tool_error("%s: option '%s': %s; see mount.daxfs(8)",
				 c->km->dir, option, strerror(err));
		return KMOUNT_FAILED;
	}
	return 0;
}

static int set_source(struct context *c)
{
	const struct kmount_source *s = &c->km->source;

	if (set_string(c, "source", s->name) ||
	    (s->phys[0] && set_string(c, "phys", s->phys)) ||
	    (s->size[0] && set_string(c, "size", s->size)) ||
	    (s->dev && set_string(c, "dev", s->dev)))
		return failed(c, "name the memory to the kernel");
	if (s->dmabuf >= 0 &&
	    fsconfig(c->fd, FSCONFIG_SET_FD, "dmabuf", NULL, s->dmabuf))
		return failed(c, "name the dma-buf to the kernel");
	return 0;
}

static int attach(struct context *c)
{
	uint64_t attr = c->km->attr |
			(c->km->rdonly ? MOUNT_ATTR_RDONLY : 0);
	int mnt, r;

	if (fsconfig(c->fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return failed(c, "mount it");
	read_log(c, 0);
	mnt = fsmount(c->fd, FSMOUNT_CLOEXEC, (unsigned int)attr);
	if (mnt < 0)
		return failed(c, "mount it");
	r = move_mount(mnt, "", AT_FDCWD, c->km->dir, MOVE_MOUNT_F_EMPTY_PATH) ?
	    failed(c, "mount it there") : 0;
	close(mnt);
	return r;
}

static int build(struct context *c)
{
	int r = set_source(c);

	if (!r && c->km->rdonly && set_flag(c, "ro"))
		r = failed(c, "make it read-only");
	if (!r)
		r = set_options(c);
	return r ? r : attach(c);
}

int kmount_mount(const struct kmount *km)
{
	struct context c = { .km = km };
	int r = kmount_load();

	if (r)
		return r;
	c.fd = fsopen("daxfs", FSOPEN_CLOEXEC);
	if (c.fd < 0)
		return failed(&c, "open the file system");
	r = build(&c);
	close(c.fd);
	return r;
}

/* ---- remount ---- */

/* mount(8) asks whatever lies there: change no other file system. */
static int is_ours(const struct kmount *km)
{
	struct daxfs_ioc_status st;
	int fd = open(km->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -1 : ioctl(fd, DAXFS_IOC_STATUS, &st);

	if (r)
		daxfs_tool_error("%s: cannot remount: %s; not a mount of the "
				 "kernel module of daxfs", km->dir,
				 strerror(errno));
	if (fd >= 0)
		close(fd);
	return !r;
}

int kmount_remount(const struct kmount *km)
{
	struct context c = { .km = km };
	struct mount_attr attr = {
		.attr_set = km->attr | (km->rdonly ? MOUNT_ATTR_RDONLY : 0),
		.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			    MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME |
			    MOUNT_ATTR_NOSYMFOLLOW,
	};
	int r = 0;

	if (!is_ours(km))
		return KMOUNT_FAILED;
	/* What is set need not be cleared, but for the times: one of several. */
	attr.attr_clr &= ~(attr.attr_set & ~(uint64_t)MOUNT_ATTR__ATIME);
	c.fd = fspick(AT_FDCWD, km->dir, FSPICK_CLOEXEC);
	if (c.fd < 0)
		return failed(&c, "find the mount");
	if (set_flag(&c, km->rdonly ? "ro" : "rw"))
		r = failed(&c, "change it");
	if (!r)
		r = set_options(&c);
	if (!r && fsconfig(c.fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
		r = failed(&c, "change it");
	if (!r && mount_setattr(AT_FDCWD, km->dir, 0, &attr, sizeof(attr)))
		r = failed(&c, "change its attributes");
	close(c.fd);
	return r;
}
