// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs logplay, fsck, check, devadd: the log as a whole.
 *
 * Notes: all but devadd only read the device, on any host.
 */
#define _GNU_SOURCE
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "../tools/common.h"
#include "famfs.h"

/* A mount is named by a directory, a device by itself. */
static int device_or_mount(struct famfs_target *t, const char *path)
{
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return famfs_target(t, NULL, path);
	return famfs_target(t, path, "");
}

static int open_target(const struct famfs_target *t, struct famfs_fs **fs)
{
	return famfs_open(fs, t->device, FAMFS_READ,
			  t->devmap && *t->devmap ? t->devmap : NULL);
}

/* ---- logplay ---- */

static const char logplay_help[] =
"usage: famfs logplay [OPTION...] MOUNT\n"
"       famfs logplay [OPTION...] --shadow DIR --daxdev DEVICE\n"
"\n"
"Play the log into a shadow tree: that of a mount, which shows what is new at once,\n"
"or any directory.\n"
"  -S, --shadow DIR       a directory, made if it is missing\n"
"  -d, --daxdev DEVICE    the primary device\n"
"  -n, --dryrun           change nothing, only say what is in the log\n"
"  -c, --client           files are for reading even on the owner\n"
"  -s, --shadowtest       read each shadow file back and compare\n"
"      --yaml=FORM        'log' (what other tools read) or 'reference'\n";

struct logplay {
	const char *shadow, *device;
	int dry, client, test, reference;
};

static int play(const struct logplay *l, const struct famfs_target *t)
{
	struct famfs_shadow shadow = { .root = -1, .dir = -1 };
	struct famfs_fs *fs;
	int r = open_target(t, &fs);

	if (!r)
		r = famfs_shadow_open(&shadow, fs, l->dry ? NULL :
				      l->shadow ? l->shadow : t->shadow);
	if (!r) {
		shadow.read_only = l->client || t->read_only ||
				   fs->role == FAMFS_CLIENT;
		shadow.reference = l->reference;
		shadow.verify = l->test;
		fs->show = famfs_shadow_show;
		fs->show_arg = &shadow;
		r = famfs_replay(fs);
		printf("%s: %llu log entries: %llu files, %llu directories; %llu new or "
		       "changed\n", t->device, (unsigned long long)fs->played,
		       (unsigned long long)shadow.files,
		       (unsigned long long)shadow.dirs,
		       (unsigned long long)shadow.made);
	}
	famfs_target_close(fs, &shadow);
	return r;
}

static int logplay_option(struct logplay *l, int c)
{
	switch (c) {
	case 'S':
		l->shadow = optarg;
		break;
	case 'd':
		l->device = optarg;
		break;
	case 'n':
		l->dry = 1;
		break;
	case 'c':
		l->client = 1;
		break;
	case 's':
		l->test = 1;
		break;
	case 'y':
		l->reference = !strcmp(optarg, "reference");
		return l->reference || !strcmp(optarg, "log");
	default:
		return 0;
	}
	return 1;
}

int famfs_cmd_logplay(int argc, char **argv)
{
	static const struct option option[] = {
		{ "shadow", 1, NULL, 'S' }, { "daxdev", 1, NULL, 'd' },
		{ "dryrun", 0, NULL, 'n' }, { "client", 0, NULL, 'c' },
		{ "shadowtest", 0, NULL, 's' }, { "yaml", 1, NULL, 'y' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct logplay l = { .shadow = NULL };
	struct famfs_target t;
	int c, r;

	while ((c = getopt_long(argc, argv, "S:d:ncsh", option, NULL)) != -1) {
		if (c == 'h')
			return fputs(logplay_help, stdout), famfs_status(0);
		if (!logplay_option(&l, c))
			return famfs_usage("wrong option");
	}
	if (l.device ? argc != optind || (!l.shadow && !l.dry) :
		       argc != optind + 1 || l.shadow)
		return famfs_usage("name a mount, or --shadow DIR and --daxdev DEVICE");
	r = l.device ? famfs_target(&t, l.device, "") :
	    famfs_target(&t, NULL, argv[optind]);
	if (!r)
		r = play(&l, &t);
	famfs_target_free(&t);
	return famfs_status(r);
}

/* ---- fsck ---- */

static const char fsck_help[] =
"usage: famfs fsck DEVICE|MOUNT\n"
"\n"
"Check superblock and log, and say what is in them. Changes nothing. The status is\n"
"1 if anything is wrong.\n";

struct count {
	u64 files, dirs, inter, bytes;
};

static int count(void *arg, const struct famfs_rec *rec)
{
	struct count *c = arg;

	c->files += rec->type == FAMFS_LOG_FILE;
	c->dirs += rec->type == FAMFS_LOG_MKDIR;
	c->inter += rec->f.map.type == FAMFS_INTERLEAVED;
	c->bytes += rec->f.size;
	return 0;
}

static void say_state(const struct famfs_fs *fs, const struct count *c)
{
	char text[FAMFS_UUID_TEXT], total[DAXFS_TOOL_SIZE_TEXT], used[DAXFS_TOOL_SIZE_TEXT];
	u64 all, taken;

	famfs_space_sum(fs, &all, &taken);
	famfs_uuid_text(fs->sb.fs_uuid, text);
	printf("file system %s, format %u.%u, units of %llu bytes\n", text,
	       fs->sb.omf_major, fs->sb.omf_minor,
	       (unsigned long long)fs->sb.alloc_unit);
	famfs_uuid_text(fs->sb.sys_uuid, text);
	printf("owner       %s%s\n", text, fs->role == FAMFS_OWNER ? ", this host" : "");
	printf("log         %llu of %llu entries: %llu files (%llu interleaved), "
	       "%llu directories\n", (unsigned long long)fs->played,
	       (unsigned long long)fs->log.capacity, (unsigned long long)c->files,
	       (unsigned long long)c->inter, (unsigned long long)c->dirs);
	printf("space       %s of %s in use, on %u %s\n",
	       daxfs_tool_size_text(taken, used), daxfs_tool_size_text(all, total),
	       fs->devices, fs->devices == 1 ? "device" : "devices");
}

static int check_seqnum(const struct famfs_fs *fs)
{
	u64 seqnum = famfs_log_seqnum(&fs->log);

	if (seqnum == fs->played)
		return 0;
	if (seqnum == fs->played + 1) {
		printf("an append was cut off; the next one of the owner mends that\n");
		return 0;
	}
	famfs_say("the next sequence number is %llu, and there are %llu entries",
		  (unsigned long long)seqnum, (unsigned long long)fs->played);
	return -EUCLEAN;
}

static int check_devices(struct famfs_fs *fs)
{
	int r = 0;
	u32 i;

	for (i = 0; i < fs->devices; i++)
		if (!famfs_device(fs, i))
			r = -ENODEV;
	return r;
}

int famfs_cmd_fsck(int argc, char **argv)
{
	static const struct option option[] = {
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct count c = { 0, 0, 0, 0 };
	struct famfs_target t;
	struct famfs_fs *fs = NULL;
	int opt = getopt_long(argc, argv, "h", option, NULL), r;

	if (opt == 'h')
		return fputs(fsck_help, stdout), famfs_status(0);
	if (opt != -1 || optind + 1 != argc)
		return famfs_usage("name a device or a mount");
	r = device_or_mount(&t, argv[optind]);
	if (!r)
		r = open_target(&t, &fs);
	if (!r) {
		fs->show = count;
		fs->show_arg = &c;
		r = famfs_replay(fs);
		say_state(fs, &c);
		if (!r)
			r = check_seqnum(fs);
		if (!r)
			r = check_devices(fs);
		printf("%s\n", r ? "NOT as it should be" : "clean");
	}
	famfs_close(fs);
	famfs_target_free(&t);
	return famfs_status(r);
}

/* ---- check ---- */

static const char check_help[] =
"usage: famfs check MOUNT\n"
"\n"
"Compare what a mount shows with the log: each file and directory is there with its\n"
"size and map, and nothing else is.\n";

struct check {
	const char *mount;
	struct famfs_fs *fs;
	u64 bad, files, dirs;
};

static struct check checking;	/* nftw() hands no argument on */

static void complain(struct check *c, const char *path, const char *what)
{
	famfs_say("%s: %s", path, what);
	c->bad++;
}

static int check_map(struct check *c, const struct famfs_rec *rec, const char *path)
{
	struct famfs_file f;
	char text[16384], why[FAMFS_WHY];
	ssize_t n = getxattr(path, FAMFS_XATTR "map", text, sizeof(text));

	if (n < 0 || famfs_yaml_read(text, (size_t)n, famfs_slot_of_uuid, c->fs, &f, why))
		return -EINVAL;
	return memcmp(&f.map, &rec->f.map, sizeof(f.map)) ? -EINVAL : 0;
}

static int check_entry(void *arg, const struct famfs_rec *rec)
{
	struct check *c = arg;
	char path[PATH_MAX];
	struct stat st;

	if (rec->type == FAMFS_LOG_DEVICE)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", c->mount, rec->f.path);
	if (lstat(path, &st)) {
		complain(c, path, errno == ENOENT ? "in the log, but not in the mount; "
			 "'famfs logplay' shows it" : strerror(errno));
	} else if (rec->type == FAMFS_LOG_MKDIR) {
		c->dirs++;
		if (!S_ISDIR(st.st_mode))
			complain(c, path, "should be a directory");
	} else {
		c->files++;
		if (!S_ISREG(st.st_mode) || (u64)st.st_size != rec->f.size)
			complain(c, path, "has another type or size than in the log");
		else if (check_map(c, rec, path))
			complain(c, path, "has another map than in the log");
	}
	return 0;
}

static int check_shown(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *inside = path + strlen(checking.mount);

	(void)st;
	(void)at;
	inside += strspn(inside, "/");
	if (type == FTW_DNR || type == FTW_NS)
		complain(&checking, path, "cannot be read");
	else if (*inside && !famfs_names_find(&checking.fs->names, inside))
		complain(&checking, path, "in the mount, but not in the log");
	return 0;
}

static int check_mount(const struct famfs_target *t, const char *mount)
{
	int r = open_target(t, &checking.fs);

	if (!r) {
		checking.mount = mount;
		checking.fs->show = check_entry;
		checking.fs->show_arg = &checking;
		r = famfs_replay(checking.fs);
	}
	if (!r && nftw(mount, check_shown, 16, FTW_PHYS | FTW_MOUNT)) {
		famfs_say("%s: %s", mount, strerror(errno));
		r = -EIO;
	}
	famfs_close(checking.fs);
	if (!r && !checking.bad)
		printf("%s: %llu files, %llu directories as in the log\n", mount,
		       (unsigned long long)checking.files,
		       (unsigned long long)checking.dirs);
	return r ? r : checking.bad ? -EUCLEAN : 0;
}

int famfs_cmd_check(int argc, char **argv)
{
	static const struct option option[] = {
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct famfs_target t;
	int opt = getopt_long(argc, argv, "h", option, NULL), r;

	if (opt == 'h')
		return fputs(check_help, stdout), famfs_status(0);
	if (opt != -1 || optind + 1 != argc)
		return famfs_usage("name a mount");
	r = famfs_target(&t, NULL, argv[optind]);
	if (!r && *t.path) {
		famfs_say("%s: not the root of a mount", argv[optind]);
		r = -EINVAL;
	}
	if (!r)
		r = check_mount(&t, argv[optind]);
	famfs_target_free(&t);
	return famfs_status(r);
}

/* ---- devadd ---- */

static const char devadd_help[] =
"usage: famfs devadd [-f] DEVICE|MOUNT NEWDEVICE\n"
"\n"
"Add a device to a file system. Only on the owner.\n"
"  -f, --force            also if it has a famfs file system, which is lost\n";

static int refuse_used(const struct famfs_fs *fs, const struct famfs_dev *dev, int force)
{
	struct famfs_sb sb;
	char why[FAMFS_WHY];
	u32 i;

	for (i = 0; i < fs->devices; i++)
		if (fs->slot[i].dev && !strcmp(fs->slot[i].dev->path, dev->path)) {
			famfs_say("%s: is device %u of it already", dev->path, i);
			return -EEXIST;
		}
	if (force || famfs_sb_read(dev, &sb, why) == -ENODATA)
		return 0;
	famfs_say("%s: there is a famfs file system already; -f takes it", dev->path);
	return -EEXIST;
}

static int add(struct famfs_fs *fs, const char *path, int force)
{
	struct famfs_rec rec = { .type = FAMFS_LOG_DEVICE };
	struct famfs_dev *dev;
	struct famfs_sb sb;
	int r = famfs_replay(fs);

	if (r)
		return r;
	check_devices(fs);	/* so that one of its own is known */
	r = famfs_dev_open(&dev, path, FAMFS_WRITE);
	if (r)
		return r;
	r = refuse_used(fs, dev, force);
	if (!r)
		r = famfs_room(fs, 0);
	if (!r && fs->devices == FAMFS_DEVICES) {
		famfs_say("%s: %u devices are the most", path, FAMFS_DEVICES);
		r = -ENOSPC;
	}
	if (!r)
		r = famfs_sb_join(dev, &fs->sb, &sb);
	if (!r) {
		rec.dev.size = dev->len / fs->sb.alloc_unit * fs->sb.alloc_unit;
		rec.dev.index = fs->devices;
		memcpy(rec.dev.uuid, sb.dev_uuid, FAMFS_UUID_LEN);
		r = famfs_append(fs, &rec);
	}
	famfs_dev_close(dev);
	return r;
}

int famfs_cmd_devadd(int argc, char **argv)
{
	static const struct option option[] = {
		{ "force", 0, NULL, 'f' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct famfs_target t;
	struct famfs_fs *fs = NULL;
	int opt, force = 0, r;

	while ((opt = getopt_long(argc, argv, "fh", option, NULL)) != -1) {
		if (opt == 'h')
			return fputs(devadd_help, stdout), famfs_status(0);
		if (opt != 'f')
			return famfs_usage("wrong option");
		force = 1;
	}
	if (optind + 2 != argc)
		return famfs_usage("name a file system and a new device");
	r = device_or_mount(&t, argv[optind]);
	if (!r)
		r = famfs_open(&fs, t.device, FAMFS_LOG,
			       t.devmap && *t.devmap ? t.devmap : NULL);
	if (!r)
		r = add(fs, argv[optind + 1], force);
	famfs_close(fs);
	famfs_target_free(&t);
	return famfs_status(r);
}
