// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a path in a mount to the device and the shadow tree behind it.
 *
 * Notes: the server answers extended attributes of each file and directory:
 * where the device is, where the shadow tree, and the path inside. A path that
 * does not exist yet is asked for by its nearest directory that does. What the
 * answers name is opened and written to with the rights of who asks. So they are
 * believed only of mounts of root's or one's own: anybody may mount a server that
 * answers what he likes.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "famfs.h"

/* NULL with errno if it has none; free(). */
static char *get(const char *path, const char *name)
{
	char text[PATH_MAX + 1];
	ssize_t n = getxattr(path, name, text, PATH_MAX);

	if (n < 0)
		return NULL;
	text[n] = 0;
	return strdup(text);
}

static int cannot(const char *path, int err)
{
	famfs_say("%s: %s", path, err == ENODATA || err == EOPNOTSUPP ?
		  "not in a mount of famfs; mount it first, or say where with -d DEVICE" :
		  strerror(err));
	return -err;
}

/* The last component of copy goes in front of rest. */
static void move_last(char *copy, char rest[PATH_MAX])
{
	char *slash = strrchr(copy, '/'), longer[2 * PATH_MAX];
	const char *last = slash ? slash + 1 : copy;

	snprintf(longer, sizeof(longer), "%s%s%s", last, *rest ? "/" : "", rest);
	snprintf(rest, PATH_MAX, "%.*s", PATH_MAX - 1, longer);
	*(slash ? slash : copy) = 0;
}

static int set_path(struct famfs_target *t, const char *dir, const char *rest,
		    const char *shown)
{
	char why[FAMFS_WHY];
	char path[PATH_MAX];
	size_t len;
	int r;

	snprintf(path, sizeof(path), "%s%s%s", dir, *dir && *rest ? "/" : "", rest);
	len = strlen(path);
	while (len && path[len - 1] == '/')
		path[--len] = 0;
	r = *path ? famfs_path_check(path, len + 1, why) : 0;
	if (r)
		famfs_say("%s: %s", shown, why);
	else
		memcpy(t->path, path, len + 1);
	return r;
}

/* Who mounted a device: the kernel's word, not the server's. */
static int is_mount_of(const char *line, dev_t dev, const char *path, int *trusted)
{
	static const char type[] = " - fuse.famfs ";
	const char *source = strstr(line, type), *options, *id;
	unsigned int ma, mi;
	long user;

	if (!source || sscanf(line, "%*u %*u %u:%u", &ma, &mi) != 2 ||
	    dev != makedev(ma, mi))
		return 0;
	/* The name of the source is his, the options behind it are the kernel's. */
	options = strchr(source + strlen(type), ' ');
	id = options ? strstr(options, ",user_id=") : NULL;
	user = id ? strtol(id + strlen(",user_id="), NULL, 10) : -1;
	*trusted = !user || user == (long)geteuid();
	if (!*trusted)
		famfs_say("%s: a mount of the user %ld, who may let it say anything: "
			  "work there as that user", path, user);
	return 1;
}

static int check_mount(const char *path, const char *shown)
{
	char line[4 * PATH_MAX];
	int found = 0, trusted = 0;
	struct stat st;
	FILE *f;

	if (stat(path, &st))
		return cannot(shown, errno);
	f = fopen("/proc/self/mountinfo", "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = is_mount_of(line, st.st_dev, shown, &trusted);
	if (f)
		fclose(f);
	if (!found)
		return cannot(shown, ENODATA);
	return trusted ? 0 : -EPERM;
}

static int ask(struct famfs_target *t, const char *path, const char *rest,
	       const char *shown)
{
	char *inside = get(path, FAMFS_XATTR "path");
	char *role = get(path, FAMFS_XATTR "role");
	int r;

	t->shadow = get(path, FAMFS_XATTR "shadow");
	t->devmap = get(path, FAMFS_XATTR "devmap");
	if (!inside || !role || !t->shadow || !t->devmap)
		r = cannot(shown, errno);
	else
		r = set_path(t, inside, rest, shown);
	if (role)
		t->read_only = !strcmp(role, "client");
	free(inside);
	free(role);
	return r;
}

/* The longest part of the path that exists and answers. */
static int find(struct famfs_target *t, char *copy, const char *shown)
{
	char rest[PATH_MAX] = "";
	const char *here;
	int r;

	for (;;) {
		here = *copy ? copy : *shown == '/' ? "/" : ".";
		t->device = get(here, FAMFS_XATTR "device");
		if (t->device)
			break;
		if (errno != ENOENT || !*copy)
			return cannot(shown, errno);
		move_last(copy, rest);
	}
	r = check_mount(here, shown);
	return r ? r : ask(t, here, rest, shown);
}

int famfs_target(struct famfs_target *t, const char *device, const char *path)
{
	char *copy;
	size_t len;
	int r;

	memset(t, 0, sizeof(*t));
	if (device) {
		t->device = strdup(device);
		return t->device ? set_path(t, "", path + strspn(path, "/"), path) :
		       -ENOMEM;
	}
	if (strlen(path) >= PATH_MAX)
		return cannot(path, ENAMETOOLONG);
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (len = strlen(copy); len > 1 && copy[len - 1] == '/';)
		copy[--len] = 0;
	r = find(t, copy, path);
	free(copy);
	return r;
}

void famfs_target_free(struct famfs_target *t)
{
	free(t->device);
	free(t->shadow);
	free(t->devmap);
	memset(t, 0, sizeof(*t));
}

int famfs_target_open(const struct famfs_target *t, enum famfs_how how,
		      struct famfs_fs **fs, struct famfs_shadow *shadow)
{
	int r = famfs_open(fs, t->device, how,
			   t->devmap && *t->devmap ? t->devmap : NULL);

	if (r)
		return r;
	r = famfs_shadow_open(shadow, *fs, how == FAMFS_LOG ? t->shadow : NULL);
	if (!r)
		r = famfs_replay(*fs);
	if (r) {
		famfs_target_close(*fs, shadow);
		*fs = NULL;
		return r;
	}
	/* What was there before is shown already: else by `famfs logplay'. */
	if (shadow->root >= 0) {
		(*fs)->show = famfs_shadow_show;
		(*fs)->show_arg = shadow;
	}
	return 0;
}

void famfs_target_close(struct famfs_fs *fs, struct famfs_shadow *shadow)
{
	famfs_shadow_close(shadow);
	famfs_close(fs);
}
