/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * famfs: what its parts know of each other.
 *
 * Notes: functions that return int return 0 or a negative errno, and have said
 * on stderr (or in the log of the server) what is wrong unless it says
 * otherwise here. Nothing is safe for several threads but reading what does not
 * change any more. docs/famfs-format.md has the protocol.
 */
#ifndef FAMFS_H
#define FAMFS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "mount_priv.h"

#define FAMFS_UUID_TEXT	37	/* with its NUL */
#define FAMFS_WHY	256	/* room for a sentence */

enum { FAMFS_EXIT_OK, FAMFS_EXIT_FAILED, FAMFS_EXIT_USAGE };

/* ---- util.c ---- */

#define FAMFS_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* One line behind the name of the program, or to the log of a server. */
void famfs_say(const char *fmt, ...) FAMFS_PRINTF(1, 2);
/* From now on lines go to syslog under that name. */
void famfs_say_to_syslog(const char *name);
/* The same, for a caller who gave room for it (FAMFS_WHY bytes). */
int famfs_because(char *why, int err, const char *fmt, ...) FAMFS_PRINTF(3, 4);
/* Decimal, 0x or octal, with an optional K, M, G or T: 0 or -EINVAL; silent. */
int famfs_parse_size(const char *text, u64 *value);
void famfs_uuid_text(const u8 uuid[FAMFS_UUID_LEN], char text[FAMFS_UUID_TEXT]);
/* 36 characters, nothing else: 0 or -EINVAL; silent. */
int famfs_uuid_parse(const char *text, u8 uuid[FAMFS_UUID_LEN]);
/* fn(arg, 0..nr-1) by so many threads; the first error, if any. */
int famfs_parallel(unsigned int threads, u64 nr, int (*fn)(void *arg, u64 i),
		   void *arg);

/* ---- cache.c: memory that is not coherent ---- */

/* Another pair stands for the processor in tests. */
struct famfs_cache {
	void (*flush)(const void *p, size_t len);
	void (*forget)(const void *p, size_t len);
};
extern struct famfs_cache famfs_cache;

/* Our stores to [p, p+len) are in memory when it returns. */
void famfs_flush(const void *p, size_t len);
/* Loads from [p, p+len) that follow come from memory. */
void famfs_forget(const void *p, size_t len);

/* ---- files as log, shadow tree and server see them ---- */

struct famfs_ext {
	u64 device, off, len;
};

struct famfs_map {
	u32 type;		/* FAMFS_SIMPLE, FAMFS_INTERLEAVED */
	u32 nr;			/* of extents or strips */
	u64 chunk;		/* of interleaved ones */
	struct famfs_ext ext[FAMFS_EXTS];
};

struct famfs_file {		/* or a directory, which has path, ids and mode */
	char path[FAMFS_PATH_LEN];
	u64 size;
	u32 flags;
	u32 uid, gid;
	u32 mode;		/* permission bits */
	struct famfs_map map;
};

/* map.c. Bytes that the extents hold. */
u64 famfs_map_capacity(const struct famfs_map *map);
/* Where byte off of the file is: the bytes from there on in one piece, <= len. */
u64 famfs_map_at(const struct famfs_map *map, u64 off, u64 len, u64 *device,
		 u64 *dev_off);

/* ---- entry.c ---- */

struct famfs_rec {		/* an entry, checked by itself */
	u32 type;
	u64 index;
	struct famfs_file f;
	struct {
		u64 size;
		u8 uuid[FAMFS_UUID_LEN];
		u32 index;
	} dev;
};

u64 famfs_crc(const void *p, size_t len);
void famfs_entry_seal(struct famfs_log_entry *e, u64 index);
/* why: what is wrong with it; silent. e is a copy. */
int famfs_entry_decode(const struct famfs_log_entry *e, u64 index,
		       struct famfs_rec *rec, char *why);
/* type FAMFS_LOG_FILE, FAMFS_LOG_MKDIR or FAMFS_LOG_DEVICE. */
void famfs_entry_encode(const struct famfs_rec *rec, struct famfs_log_entry *e);
/* Rules about a path and about a map, by themselves; silent. */
int famfs_path_check(const char *path, size_t room, char *why);
int famfs_file_check(const struct famfs_file *f, char *why);

/* ---- space.c: which units are taken ---- */

struct famfs_run {
	u64 off, end;
};

struct famfs_space {
	struct famfs_run *run;	/* sorted, never touching each other */
	size_t nr, room;
};

void famfs_space_fini(struct famfs_space *s);
/* -EEXIST: some of it is taken; -ENOMEM. Silent. */
int famfs_space_take(struct famfs_space *s, u64 off, u64 len);
/* Give back what was taken last, in any order; silent. */
void famfs_space_put(struct famfs_space *s, u64 off, u64 len);
/* The first gap of len bytes in [from, end): its offset, or 0. */
u64 famfs_space_find(const struct famfs_space *s, u64 from, u64 end, u64 len);
/* The longest gap in [from, end): its length, 0 if there is none. */
u64 famfs_space_longest(const struct famfs_space *s, u64 from, u64 end, u64 *off);
u64 famfs_space_used(const struct famfs_space *s);

/* ---- names.c: what the log has made ---- */

struct famfs_name {
	char path[FAMFS_PATH_LEN];
	u64 index;		/* of the entry */
	int is_dir;
};

struct famfs_names {
	struct famfs_name *name;
	u32 *bucket;		/* 1 + index into name; 0: free */
	size_t nr, room, buckets;
};

void famfs_names_fini(struct famfs_names *n);
size_t famfs_hash(const char *path);
const struct famfs_name *famfs_names_find(const struct famfs_names *n,
					  const char *path);
int famfs_names_add(struct famfs_names *n, const char *path, int is_dir, u64 index);
/* The path of what path is in: "" for the root. */
void famfs_parent(const char *path, char parent[FAMFS_PATH_LEN]);
/* Is there such a directory ("" is the root)? */
int famfs_names_dir(const struct famfs_names *n, const char *path);

/* ---- device.c ---- */

struct famfs_dev {
	char *path;
	struct daxfs_source src;
	struct daxfs_trap *trap;
	u8 *base;
	u64 len;
	int writable;
	int regular;		/* a plain file stands for the device */
	int lost;		/* its memory is gone; atomic */
};

enum famfs_how {
	FAMFS_READ,		/* mapped for reading */
	FAMFS_WRITE,		/* mapped for writing files */
	FAMFS_LOG,		/* and, under the lock, the log */
};

int famfs_dev_open(struct famfs_dev **dev, const char *path, enum famfs_how how);
void famfs_dev_close(struct famfs_dev *dev);
/* The one resolver: NULL if it is not inside. */
void *famfs_dev_at(const struct famfs_dev *dev, u64 off, u64 len);
/* Wait for the lock of those who write the log; closing ends it. */
int famfs_dev_lock(struct famfs_dev *dev);
/* The same, or -EWOULDBLOCK with a message. */
int famfs_dev_trylock(struct famfs_dev *dev);
/* Memory for that range, so that no store to it fails later; silent. */
int famfs_dev_allocate(struct famfs_dev *dev, u64 off, u64 len);

/* ---- medium.c: the superblock ---- */

struct famfs_mkfs {
	u64 log_len;
	int force, kill;
	char *const *path;	/* the primary first */
	int nr;
};

int famfs_mkfs(const struct famfs_mkfs *how);
/* A superblock of a device that joins a file system; its uuid is found here. */
int famfs_sb_join(struct famfs_dev *dev, const struct famfs_sb *primary,
		  struct famfs_sb *sb);
/* Copy and check. -ENODATA: there is none; why says so; silent. */
int famfs_sb_read(const struct famfs_dev *dev, struct famfs_sb *sb, char *why);
/* Write a superblock that becomes valid with its last store. */
int famfs_sb_write(struct famfs_dev *dev, struct famfs_sb *sb);
/* Where units begin on a device. */
u64 famfs_sb_first(const struct famfs_sb *sb, u64 device);

/* ---- log.c ---- */

struct famfs_log {
	struct famfs_dev *dev;
	u64 off, len;
	u64 capacity;		/* entries */
};

int famfs_log_init(struct famfs_dev *dev, const struct famfs_sb *sb);
int famfs_log_open(struct famfs_log *log, struct famfs_dev *dev,
		   const struct famfs_sb *sb, char *why);
/* How many entries count now; silent. */
int famfs_log_count(const struct famfs_log *log, u64 *nr, char *why);
/* Behind famfs_log_count(): as many, or one more if an append was cut off. */
u64 famfs_log_seqnum(const struct famfs_log *log);
/* A copy of entry i. */
void famfs_log_get(const struct famfs_log *log, u64 i, struct famfs_log_entry *e);
/* By the owner, under the lock, behind nr entries. -ENOSPC: full; silent. */
int famfs_log_append(struct famfs_log *log, u64 nr, struct famfs_log_entry *e);

/* ---- role.c ---- */

enum famfs_role { FAMFS_CLIENT, FAMFS_OWNER };

/* The uuid of this system, made if there is none yet. */
int famfs_system_uuid(u8 uuid[FAMFS_UUID_LEN]);

/* ---- fs.c: a file system in use ---- */

#define FAMFS_DEVICES	64u

struct famfs_slot {		/* one device of the file system */
	struct famfs_dev *dev;	/* NULL: not found here */
	u64 size;
	u8 uuid[FAMFS_UUID_LEN];
	int sought;
	struct famfs_space space;
};

struct famfs_fs {
	struct famfs_sb sb;
	struct famfs_log log;
	enum famfs_role role;
	enum famfs_how how;
	char *devmap;		/* file, or NULL */
	u64 played;		/* entries */
	u32 devices;
	struct famfs_slot slot[FAMFS_DEVICES];
	struct famfs_names names;
	/* told of each entry, after it was checked; NULL: nobody */
	int (*show)(void *arg, const struct famfs_rec *rec);
	void *show_arg;
};

int famfs_open(struct famfs_fs **fs, const char *path, enum famfs_how how,
	       const char *devmap);
/* The same on memory that is mapped already; keeps dev also if it fails. */
int famfs_open_dev(struct famfs_fs **fs, struct famfs_dev *dev, enum famfs_how how);
void famfs_close(struct famfs_fs *fs);
/* Play what is new in the log. */
int famfs_replay(struct famfs_fs *fs);
/* -EPERM unless this host is the owner. */
int famfs_need_owner(const struct famfs_fs *fs);
/* The device of that index, looked for at its first use; NULL: not here. */
struct famfs_dev *famfs_device(struct famfs_fs *fs, u64 index);
/* Would this map be right here, overlaps apart? Silent. */
int famfs_map_check(const struct famfs_fs *fs, const struct famfs_map *map, char *why);
/* The entry of a path that is there. */
int famfs_stat(const struct famfs_fs *fs, const char *path, struct famfs_rec *rec);
/* -ENOSPC: the log has no room for one more entry behind so many. */
int famfs_room(const struct famfs_fs *fs, u64 pending);
/* Append, then show. */
int famfs_append(struct famfs_fs *fs, struct famfs_rec *rec);

/* ---- alloc.c ---- */

struct famfs_stripes {		/* 0 strips: a simple file */
	u64 strips, buckets, chunk;
};

/*
 * Take extents for f->size. -ENOSPC after a message. What is not used after all
 * goes back by famfs_unallocate().
 */
int famfs_allocate(struct famfs_fs *fs, struct famfs_file *f,
		   const struct famfs_stripes *how);
void famfs_unallocate(struct famfs_fs *fs, const struct famfs_file *f);
/* Of all devices, in bytes. */
void famfs_space_sum(const struct famfs_fs *fs, u64 *total, u64 *used);

/* ---- content.c ---- */

/* Fill the file with the numbers of a seed, and flush. */
int famfs_content_fill(struct famfs_fs *fs, const struct famfs_file *f, u64 seed);
/* From a descriptor of f->size bytes, and flush. */
int famfs_content_copy(struct famfs_fs *fs, const struct famfs_file *f, int fd,
		       const char *name);
/* Like pread(2) from the device; after famfs_forget(). */
int famfs_content_read(struct famfs_fs *fs, const struct famfs_file *f, void *buf,
		       u64 off, u64 len);
/* Flush and forget all of it. */
int famfs_content_flush(struct famfs_fs *fs, const struct famfs_file *f);
/* Are these bytes those of the seed? read() gives them. 1 no, with a message. */
int famfs_content_verify(const char *name, u64 size, u64 seed,
			 int (*read)(void *arg, void *buf, u64 off, u64 len),
			 void *arg);

/* ---- yaml.c ---- */

struct famfs_text {
	char *at;		/* with a NUL behind it; free() */
	size_t len;
};

typedef int (*famfs_uuid_of)(void *arg, u64 device, u8 uuid[FAMFS_UUID_LEN]);
typedef int (*famfs_device_of)(void *arg, const u8 uuid[FAMFS_UUID_LEN], u64 *device);

/* uuid_of: NULL for the first form; silent but for want of memory. */
int famfs_yaml_write(const struct famfs_file *f, famfs_uuid_of uuid_of, void *arg,
		     struct famfs_text *to);
/* Either form, checked by famfs_file_check(); silent, why says it. */
int famfs_yaml_read(const char *text, size_t len, famfs_device_of device_of,
		    void *arg, struct famfs_file *f, char *why);

/* ---- shadow.c ---- */

#define FAMFS_SHADOW_TMP ".famfs-new."	/* names that are no files yet */

struct famfs_shadow {
	int root;		/* descriptor; -1: look only */
	int read_only;		/* a client's: nobody may write but by flag */
	int reference;		/* the second form */
	int verify;		/* read back what was written */
	struct famfs_fs *fs;
	char dir_path[FAMFS_PATH_LEN];	/* of dir */
	int dir;		/* descriptor of the last directory, or -1 */
	u64 files, dirs, made;	/* seen; changed */
	int warned;		/* that owners cannot be set */
};

/* A descriptor or a negative errno: nothing outside root, through no link. */
int famfs_open_beneath(int root, const char *path, int flags);
int famfs_shadow_open(struct famfs_shadow *s, struct famfs_fs *fs, const char *dir);
void famfs_shadow_close(struct famfs_shadow *s);
int famfs_shadow_show(void *shadow, const struct famfs_rec *rec);
int famfs_uuid_of_slot(void *fs, u64 device, u8 uuid[FAMFS_UUID_LEN]);
int famfs_slot_of_uuid(void *fs, const u8 uuid[FAMFS_UUID_LEN], u64 *device);

/* ---- target.c: which file system a path of a command means ---- */

#define FAMFS_XATTR	"user.famfs."	/* device, shadow, devmap, path, role, map */

struct famfs_target {
	char *device, *shadow, *devmap;
	int read_only;		/* of the shadow tree */
	char path[FAMFS_PATH_LEN];	/* inside; "" is the root */
};

/*
 * device NULL: path is in a mount, whether it exists or not. Else path counts
 * from the root of the file system there.
 */
int famfs_target(struct famfs_target *t, const char *device, const char *path);
void famfs_target_free(struct famfs_target *t);
/* Open what it names, replay, and show what is appended in its shadow tree. */
int famfs_target_open(const struct famfs_target *t, enum famfs_how how,
		      struct famfs_fs **fs, struct famfs_shadow *shadow);
/* Of famfs_target_open(), whether it succeeded or not, if they were set before. */
void famfs_target_close(struct famfs_fs *fs, struct famfs_shadow *shadow);

/* ---- make.c: new files and directories, by the owner ---- */

struct famfs_new {		/* what a command says of all that it makes */
	int has_mode, has_uid, has_gid;
	u32 mode, uid, gid;
	u32 flags;
	struct famfs_stripes stripes;
	unsigned int threads;
	int verbose;
};

struct famfs_batch;		/* files whose content is under way */

struct famfs_batch *famfs_batch_new(struct famfs_fs *fs, const struct famfs_new *how);
/* As many as are there and could be made are made; the first error. */
int famfs_batch_end(struct famfs_batch *b);
/* Numbers from *seed, or whatever the memory holds if NULL. */
int famfs_batch_numbers(struct famfs_batch *b, const char *path, u64 size,
			const u64 *seed);
/*
 * The content of a descriptor, which is closed; an existing file of that size
 * is overwritten. st: its attributes; name: for messages.
 */
int famfs_batch_copy(struct famfs_batch *b, const char *path, int fd,
		     const struct stat *st, const char *name);
/* parents: what is missing above, too, and no error if it is there. */
int famfs_make_dir(struct famfs_fs *fs, const char *path, const struct famfs_new *how,
		   u32 mode, int parents);

/* ---- options.c ---- */

/* Each ends the process with a message if text is none. */
u64 famfs_arg_size(const char *what, const char *text);
u64 famfs_arg_number(const char *what, const char *text);
u32 famfs_arg_mode(const char *text);
/* 1 if c is an option of what is made (-m -u -g -N -B -C -t -v): taken. */
int famfs_arg_new(struct famfs_new *how, int c, const char *text);
void famfs_new_init(struct famfs_new *how);
/* "NAME,NUMBER[,NUMBER]": cuts text; returns how many numbers. */
int famfs_arg_multi(char *text, u64 number[2]);

/* ---- commands: an exit status ---- */

int famfs_cmd_mkdir(int argc, char **argv);
int famfs_cmd_creat(int argc, char **argv);
int famfs_cmd_cp(int argc, char **argv);
int famfs_cmd_verify(int argc, char **argv);
int famfs_cmd_flush(int argc, char **argv);
int famfs_cmd_logplay(int argc, char **argv);
int famfs_cmd_getmap(int argc, char **argv);
int famfs_cmd_chkread(int argc, char **argv);
int famfs_cmd_devadd(int argc, char **argv);
int famfs_cmd_fsck(int argc, char **argv);
int famfs_cmd_check(int argc, char **argv);
int famfs_cmd_mount(int argc, char **argv);
/* Say where help is: the status for a wrong command line. */
int famfs_usage(const char *fmt, ...) FAMFS_PRINTF(1, 2);
int famfs_status(int r);

#endif
