/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libdaxfs: a daxfs region in the process that uses it, without system calls.
 *
 * Notes:
 *
 * Results. Functions return 0, a count or a size, or a negative errno; errno
 * itself is not touched. daxfs_fs_error() has the text. Besides what is said
 * of a function, each may return
 *   -EUCLEAN  the region holds something that cannot be: run fsck.daxfs,
 *   -ESTALE   this host was evicted (the call that finds out may have had its
 *             effect, later ones have none; what pins hold may be reused), or
 *             this process is a child that fork() made after daxfs_fs_open():
 *             close, open again,
 *   -EIO      the memory behind the region is gone (the file was truncated,
 *             the device went away): close.
 *
 * Threads. Every function may be called by any thread at any time; a handle
 * is closed once, when no other thread uses it any more. Nothing here is safe
 * in a signal handler.
 *
 * Processes. Each daxfs_fs_open() makes the caller a host of the region, until
 * daxfs_fs_close() or the end of the process, however that comes about: other
 * hosts notice and clean up. After fork() the child may not use what its
 * parent opened but for reading through pointers that a pin of the parent
 * keeps; it opens the region itself. Close before exec(): until the process
 * ends, others cannot know that the new program does not use the region.
 *
 * Signals. The first daxfs_fs_open() installs a process-wide handler for
 * SIGBUS, which passes on every signal that is not about one of our regions to
 * the handler that it found. Install yours before, or chain to what you find.
 * Pointers from daxfs_pin_runs() are memory like any other: if the file of the
 * region is truncated, what lies behind its end reads as zeros from then on
 * and the next call returns -EIO.
 *
 * Permissions. None are checked but those of the region itself: who may write
 * to the region may do anything with what is in it. Modes and owners are kept
 * for front ends that do check. Nor does the library do what such a front end
 * owes: set-id bits stay when content or owner change, and reading sets no
 * access time.
 *
 * Paths. A path names something below dir, or below the root of the region if
 * dir is NULL or the path begins with '/'. Symbolic links are followed inside
 * the region, at most 40 of them (-ELOOP). Names have at most 255 bytes
 * (-ENAMETOOLONG), an empty path is -ENOENT. Each function that takes a path
 * may return -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG and, if it changes
 * something, -EROFS and -ENOSPC.
 */
#ifndef DAXFS_DAXFS_H
#define DAXFS_DAXFS_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct daxfs;		/* an open region */
struct daxfs_fd;	/* an open file or directory */
struct daxfs_list;	/* a listing of a directory */
struct daxfs_pin;	/* memory of a file that stays */

/**
 * daxfs_lib_version - version of the library, as "1.2.3"
 *
 * Return: a constant string.
 */
const char *daxfs_lib_version(void);

/* ---- regions ---- */

#define DAXFS_FS_RDONLY		(1u << 0)	/* nothing is changed through us */
#define DAXFS_FS_VALIDATE	(1u << 1)	/* check the base image first */

/**
 * daxfs_fs_open - open a region
 * @fs: the new handle, NULL after an error; daxfs_fs_close() frees it
 * @region: a file, /dev/daxX.Y, /dev/pmemN, phys:ADDRESS:SIZE, or mount:DIR:
 *          what the kernel module has mounted at DIR (needs CAP_SYS_ADMIN)
 * @flags: DAXFS_FS_*
 * @why: gets a sentence about the error, if not NULL; at least 256 bytes
 * @why_len: bytes at @why
 *
 * A region without an overlay opens read-only whatever @flags say. One with an
 * overlay needs write permission even with DAXFS_FS_RDONLY, because each host
 * announces in it what it is looking at.
 *
 * Return: 0; -EINVAL not a region; -EUCLEAN damaged; -EPROTONOSUPPORT of
 * another version; -ENODATA truncated; -EBUSY mkdaxfs or fsck.daxfs has it, or
 * the kernel has the block device; -EACCES; -EUSERS no host slot is free;
 * -ENOMEM; what open(2) and mmap(2) say.
 */
int daxfs_fs_open(struct daxfs **fs, const char *region, unsigned int flags,
		  char *why, size_t why_len);

/**
 * daxfs_fs_open_branch - open a region, to see one of its branches
 * @fs: as for daxfs_fs_open()
 * @region: as for daxfs_fs_open()
 * @branch: name of a branch that there is; NULL or "main": main
 * @flags: DAXFS_FS_*
 * @why: as for daxfs_fs_open()
 * @why_len: bytes at @why
 *
 * See the section about branches below. daxfs_fs_open() shows main.
 *
 * Return: as daxfs_fs_open(); -ENOENT also: no branch of that name; -EOPNOTSUPP
 * the region was made without branches.
 */
int daxfs_fs_open_branch(struct daxfs **fs, const char *region,
			 const char *branch, unsigned int flags, char *why,
			 size_t why_len);

/**
 * daxfs_fs_open_backing - open a region in split mode, with its backing files
 * @fs: as for daxfs_fs_open()
 * @region: as for daxfs_fs_open()
 * @branch: as for daxfs_fs_open_branch()
 * @backing: path of the backing file; of several, with a colon between two, and
 *           a backslash before each colon or backslash of a path; or NULL: as
 *           daxfs_fs_open_branch()
 * @flags: DAXFS_FS_*
 * @why: as for daxfs_fs_open()
 * @why_len: bytes at @why
 *
 * This process then reads what is not in the page cache itself, and a thread of it
 * reads ahead, and for processes that have opened the region without the files.
 * Those wait for others; if nobody has the files, or nobody gets on, what they
 * read of the base image and is not in the cache is -EIO within five seconds.
 *
 * Return: as daxfs_fs_open_branch(); -EINVAL also: not in split mode, or a file
 * that is not just the one that was made with the region; what open(2) says of it.
 */
int daxfs_fs_open_backing(struct daxfs **fs, const char *region,
			  const char *branch, const char *backing,
			  unsigned int flags, char *why, size_t why_len);

/**
 * daxfs_fs_close - close a region
 * @fs: from daxfs_fs_open(), or NULL
 *
 * If the handle shows a branch, nobody else does, and that has no children and
 * not DAXFS_FS_BRANCH_KEEP, then the branch ends, with all that was changed in it.
 *
 * Return: 0; -EBUSY while files, listings or pins are open: nothing is closed.
 */
int daxfs_fs_close(struct daxfs *fs);

/**
 * daxfs_fs_rdonly - may nothing be changed through this handle?
 * @fs: from daxfs_fs_open()
 *
 * Return: 1, also where main is shown and has branches; or 0.
 */
int daxfs_fs_rdonly(const struct daxfs *fs);

/**
 * daxfs_fs_statvfs - sizes of the region
 * @fs: from daxfs_fs_open()
 * @st: gets them; f_frsize and f_bsize are 4096 bytes
 *
 * Return: 0 or an error.
 */
int daxfs_fs_statvfs(struct daxfs *fs, struct statvfs *st);

/**
 * daxfs_fs_error - what a negative result means
 * @err: negative errno as a function of this library returned it
 *
 * Return: a constant string.
 */
const char *daxfs_fs_error(int err);

/* ---- branches, in regions that mkdaxfs -b has made ---- */

/*
 * In such a region main is read-only. A branch is a copy of main, or of another
 * branch, as that was at the instant of its making; it costs nothing until it is
 * written to. A branch with children is frozen: whatever would change something in
 * it is -EROFS. One branch is committed: with those above it, it becomes main, and
 * all others end; who shows one that has ended gets -ESTALE of every call. Who
 * shows the one that was committed goes on, and sees main; a file that was open and
 * had no name any more is not in main, and is gone (-ENOENT) soon. Branches are of the
 * region: a process that ends without daxfs_fs_close() leaves its branch as it is.
 *
 * Branches are known by ids, which are never used again; 0 is main. What besides
 * is said, functions that take an id return -ESTALE: there is no such branch any
 * more, because it was aborted or another one was committed; -EINVAL: main cannot
 * do that; -EBUSY: others change too much, or a kernel that has files of the branch
 * mapped for writing did not let go within 100 ms: nothing has changed, try again;
 * -EOPNOTSUPP: a region without branches; -EROFS: opened with DAXFS_FS_RDONLY.
 */

#define DAXFS_FS_BRANCH_KEEP	(1u << 0)	/* it stays when its last user closes */

enum daxfs_fs_branch_state {
	DAXFS_FS_BRANCH_LIVE,
	DAXFS_FS_BRANCH_FROZEN,		/* it has children */
	DAXFS_FS_BRANCH_STALE,		/* it has ended, and is about to go */
};

struct daxfs_fs_branch {
	uint64_t id;
	uint64_t parent;		/* id; 0: main */
	uint64_t created_ns;		/* since 1970 */
	enum daxfs_fs_branch_state state;
	unsigned int flags;		/* DAXFS_FS_BRANCH_KEEP */
	unsigned int children;
	unsigned int layers;		/* of its own: 1, and one for each checkpoint */
	unsigned int mounts;		/* hosts that show it */
	char name[64];
};

/**
 * daxfs_fs_is_branching - was the region made for branches?
 * @fs: from daxfs_fs_open()
 *
 * Return: 1 or 0.
 */
int daxfs_fs_is_branching(const struct daxfs *fs);

/**
 * daxfs_fs_head_id - the state of main
 * @fs: from daxfs_fs_open()
 * @head: gets a number that is another one after each commit, and never 0
 *
 * Return: 0; -EOPNOTSUPP; other errors.
 */
int daxfs_fs_head_id(struct daxfs *fs, uint64_t *head);

/**
 * daxfs_fs_branch_next - the branches, one after another
 * @fs: from daxfs_fs_open()
 * @cursor: 0 at first; moved by each call
 * @branch: gets one
 *
 * In no order. What is made or ends meanwhile may come or not.
 *
 * Return: 1; 0 there are no more; or an error.
 */
int daxfs_fs_branch_next(struct daxfs *fs, unsigned int *cursor,
			 struct daxfs_fs_branch *branch);

/**
 * daxfs_fs_branch_find - the branch of that name
 * @fs: from daxfs_fs_open()
 * @name: its name; "main" is 0
 * @id: gets its id
 *
 * Return: 0; -ENOENT; other errors.
 */
int daxfs_fs_branch_find(struct daxfs *fs, const char *name, uint64_t *id);

/**
 * daxfs_fs_branch_shown - the branch that this handle shows
 * @fs: from daxfs_fs_open_branch()
 *
 * Return: its id; 0: main, also after it was committed.
 */
uint64_t daxfs_fs_branch_shown(struct daxfs *fs);

/**
 * daxfs_fs_branch_create - make a branch
 * @fs: from daxfs_fs_open()
 * @parent: id of what it is a copy of; 0: main
 * @name: 1 to 63 bytes without '/', blanks and control characters, not "main"
 * @flags: 0 or DAXFS_FS_BRANCH_KEEP
 * @id: gets the id
 *
 * The parent is frozen from this instant on, if it is not main. Nobody shows the
 * new branch before it is opened; it stays until it is committed, aborted, or
 * left by the last one who shows it.
 *
 * Return: 0; -EEXIST; -EINVAL no name; -ENOSPC no entry of the table or no layer
 * is free; -EMLINK too many layers lie on one another; other errors.
 */
int daxfs_fs_branch_create(struct daxfs *fs, uint64_t parent, const char *name,
			   unsigned int flags, uint64_t *id);

/**
 * daxfs_fs_branch_commit - make the branch, and those above it, main
 * @fs: from daxfs_fs_open()
 * @id: the branch
 * @if_head: 0, or the daxfs_fs_head_id() that main must still have
 *
 * One instant for everybody, whatever was changed. Of several that try at the same
 * time one succeeds. All other branches end, children of this one too.
 *
 * Return: 0; -ESTALE also: main has moved; other errors.
 */
int daxfs_fs_branch_commit(struct daxfs *fs, uint64_t id, uint64_t if_head);

/**
 * daxfs_fs_branch_abort - end a branch
 * @fs: from daxfs_fs_open()
 * @id: the branch
 *
 * The branch above it that is a child of main ends, with all that lies below
 * that. Others of main stay. To give up one that has no children, and go back to
 * its parent, leave it: daxfs_fs_close().
 *
 * Return: 0 or an error.
 */
int daxfs_fs_branch_abort(struct daxfs *fs, uint64_t id);

/**
 * daxfs_fs_branch_checkpoint - remember the branch as it is now
 * @fs: from daxfs_fs_open()
 * @id: the branch
 * @name: of the checkpoint: as that of a branch
 *
 * Return: 0; -EEXIST the branch has one of that name; -EBUSY it has children;
 * -EINVAL no name; -ENOSPC; -EMLINK; other errors.
 */
int daxfs_fs_branch_checkpoint(struct daxfs *fs, uint64_t id, const char *name);

/**
 * daxfs_fs_branch_rollback - let the branch be as it was at a checkpoint
 * @fs: from daxfs_fs_open()
 * @id: the branch
 * @name: of the checkpoint, which stays; later ones go
 *
 * Return: 0; -ENOENT no such checkpoint; -EBUSY it has children; -EINVAL; -ENOSPC;
 * other errors.
 */
int daxfs_fs_branch_rollback(struct daxfs *fs, uint64_t id, const char *name);

/* ---- names ---- */

/**
 * daxfs_fs_stat - attributes of what a path names
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @st: gets them; st_dev is made of the region's uuid
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Return: 0 or an error.
 */
int daxfs_fs_stat(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		  struct stat *st, int flags);

/**
 * daxfs_fs_mkdir - make a directory
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: its path
 * @mode: permissions; the umask is not applied
 *
 * What is made belongs to the effective user and group that the process had at
 * daxfs_fs_open(), or to the group of the parent directory if that has the
 * set-group-ID bit.
 *
 * Return: 0; -EEXIST; other errors.
 */
int daxfs_fs_mkdir(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   mode_t mode);

/**
 * daxfs_fs_mknod - make a file, FIFO, socket or device
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: its path
 * @mode: type (0 is a regular file) and permissions
 * @dev: the device, if it is one
 *
 * Return: 0; -EEXIST; -EINVAL another type; other errors.
 */
int daxfs_fs_mknod(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   mode_t mode, dev_t dev);

/**
 * daxfs_fs_symlink - make a symbolic link
 * @fs: from daxfs_fs_open()
 * @target: what it says, 1 to 4095 bytes
 * @dir: where a relative path begins, or NULL
 * @path: path of the link
 *
 * Return: 0; -EEXIST; other errors.
 */
int daxfs_fs_symlink(struct daxfs *fs, const char *target,
		     struct daxfs_fd *dir, const char *path);

/**
 * daxfs_fs_readlink - target of a symbolic link
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: path of the link
 * @buf: gets the target, without a NUL, cut off at @len
 * @len: bytes at @buf
 *
 * Return: bytes put into @buf; -EINVAL not a symbolic link; other errors.
 */
ssize_t daxfs_fs_readlink(struct daxfs *fs, struct daxfs_fd *dir,
			  const char *path, char *buf, size_t len);

/**
 * daxfs_fs_link - give a file another name
 * @fs: from daxfs_fs_open()
 * @dir: where the old path begins, or NULL
 * @path: what to link to
 * @new_dir: where the new path begins, or NULL
 * @new_path: the new name
 * @flags: 0 or AT_SYMLINK_FOLLOW, for @path; AT_EMPTY_PATH: @path may be "", and
 *         stands for @dir then, which may be any file: so one that was opened with
 *         O_TMPFILE gets its first name
 *
 * Return: 0; -EEXIST; -EPERM a directory; -EMLINK; -ENOENT also: what has lost
 * its last name, or was opened with O_TMPFILE and O_EXCL; other errors.
 */
int daxfs_fs_link(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		  struct daxfs_fd *new_dir, const char *new_path, int flags);

/**
 * daxfs_fs_unlink - remove a name that is not a directory's
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the name
 *
 * A file whose last name goes lives on while some host has it open.
 *
 * Return: 0; -EISDIR; other errors.
 */
int daxfs_fs_unlink(struct daxfs *fs, struct daxfs_fd *dir, const char *path);

/**
 * daxfs_fs_rmdir - remove an empty directory
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the directory
 *
 * Return: 0; -ENOTEMPTY; -ENOTDIR; -EINVAL for "."; -EBUSY the root; other
 * errors.
 */
int daxfs_fs_rmdir(struct daxfs *fs, struct daxfs_fd *dir, const char *path);

/* As RENAME_NOREPLACE, RENAME_EXCHANGE and RENAME_WHITEOUT of renameat2(2). */
#define DAXFS_FS_NOREPLACE	1u
#define DAXFS_FS_EXCHANGE	2u
#define DAXFS_FS_WHITEOUT	4u

/**
 * daxfs_fs_rename - move a name, replacing what is there
 * @fs: from daxfs_fs_open()
 * @dir: where the old path begins, or NULL
 * @path: the old name
 * @new_dir: where the new path begins, or NULL
 * @new_path: the new name
 * @flags: 0, DAXFS_FS_NOREPLACE: -EEXIST if the new name is there;
 *         DAXFS_FS_EXCHANGE: both are, and each becomes the name of what the
 *         other was; DAXFS_FS_WHITEOUT, with or without NOREPLACE: the old name
 *         stays, as that of a character device 0:0 without permissions
 *
 * Atomic for all hosts: nobody sees neither name, or both, or half an exchange.
 *
 * Return: 0; -EEXIST; -ENOTEMPTY; -EISDIR; -ENOTDIR; -EINVAL a directory into
 * itself, or other flags; other errors.
 */
int daxfs_fs_rename(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		    struct daxfs_fd *new_dir, const char *new_path,
		    unsigned int flags);

/**
 * daxfs_fs_chmod - change permissions
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path; a symbolic link is followed
 * @mode: permissions; the type is ignored
 *
 * Return: 0 or an error.
 */
int daxfs_fs_chmod(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   mode_t mode);

/**
 * daxfs_fs_chown - change owner and group
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @uid: owner, or (uid_t)-1 to keep it
 * @gid: group, or (gid_t)-1 to keep it
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Set-ID bits stay as they are: clearing them is for front ends that check
 * permissions. The attribute security.capability of a file goes.
 *
 * Return: 0 or an error.
 */
int daxfs_fs_chown(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   uid_t uid, gid_t gid, int flags);

/**
 * daxfs_fs_utimens - change times
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @times: of access and of modification, with UTIME_NOW and UTIME_OMIT as for
 *         utimensat(2); NULL: both now
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Return: 0; -EINVAL nanoseconds out of range; other errors.
 */
int daxfs_fs_utimens(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		     const struct timespec times[2], int flags);

/**
 * daxfs_fs_getxattr - value of an extended attribute
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @name: with its prefix: "user.", "trusted.", "security.",
 *        "system.posix_acl_access" or "system.posix_acl_default"
 * @value: gets it
 * @size: bytes at @value; 0: only its length is wanted
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Access control lists are in the kernel's binary form, version 2.
 *
 * Return: bytes of the value; -ENODATA no such attribute; -ERANGE it has more
 * than @size, or the name is empty or longer than 255 bytes; -EOPNOTSUPP another
 * prefix; other errors.
 */
ssize_t daxfs_fs_getxattr(struct daxfs *fs, struct daxfs_fd *dir,
			  const char *path, const char *name, void *value,
			  size_t size, int flags);

/**
 * daxfs_fs_setxattr - make or change an extended attribute
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @name: as for daxfs_fs_getxattr()
 * @value: its bytes
 * @size: their number, at most 65536
 * @how: 0, XATTR_CREATE or XATTR_REPLACE of <sys/xattr.h>
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Others see the old value or the new one. An access control list changes the
 * permissions of the file in the same instant, as daxfs_fs_chmod() changes the
 * list.
 * What is made in a directory begins with its default list, and has no more
 * permissions than that and the mode asked for.
 *
 * Return: 0; -EEXIST and -ENODATA by @how; -EPERM "user." on something else than
 * a file or directory; -E2BIG; -ENOSPC, also if all attributes of the file
 * would take more than 128 KiB; -EINVAL no access control list; -EACCES a default
 * list for something else than a directory; other errors.
 */
int daxfs_fs_setxattr(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		      const char *name, const void *value, size_t size, int how,
		      int flags);

/**
 * daxfs_fs_listxattr - names of the extended attributes
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @names: gets them, each with a NUL
 * @size: bytes at @names; 0: only their number is wanted
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Return: bytes of all names; -ERANGE more than @size; -E2BIG more than 65536;
 * other errors.
 */
ssize_t daxfs_fs_listxattr(struct daxfs *fs, struct daxfs_fd *dir,
			   const char *path, char *names, size_t size,
			   int flags);

/**
 * daxfs_fs_removexattr - remove an extended attribute
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @name: as for daxfs_fs_getxattr()
 * @flags: 0 or AT_SYMLINK_NOFOLLOW
 *
 * Return: 0, also for an access control list that is not there; -ENODATA; other
 * errors.
 */
int daxfs_fs_removexattr(struct daxfs *fs, struct daxfs_fd *dir,
			 const char *path, const char *name, int flags);

/* ---- open files ---- */

/**
 * daxfs_fd_open - open a file or directory
 * @fs: from daxfs_fs_open()
 * @dir: where a relative path begins, or NULL
 * @path: the path
 * @flags: O_RDONLY, O_WRONLY or O_RDWR, and of O_CREAT, O_EXCL, O_TRUNC,
 *         O_APPEND (daxfs_fd_pwrite() then appends), O_DIRECTORY, O_NOFOLLOW;
 *         O_CLOEXEC and O_NOCTTY mean nothing here. O_TMPFILE, with O_WRONLY or
 *         O_RDWR: @path is a directory, and what is opened is a new file without a
 *         name, which daxfs_fs_link() with AT_EMPTY_PATH may give one (not with
 *         O_EXCL), and which is gone when it is closed without
 * @mode: permissions of a file that is made; the umask is not applied
 * @fd: the new handle, NULL after an error; daxfs_fd_close() frees it
 *
 * What is open stays readable and writable after its last name is gone.
 *
 * Return: 0; -EEXIST; -EISDIR a directory for writing; -ENXIO a FIFO, socket
 * or device; -EINVAL other flags; -ENOMEM; other errors.
 */
int daxfs_fd_open(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		  int flags, mode_t mode, struct daxfs_fd **fd);

/**
 * daxfs_fd_close - close a file
 * @fd: from daxfs_fd_open(), or NULL; its listings and pins stay open
 */
void daxfs_fd_close(struct daxfs_fd *fd);

/**
 * daxfs_fd_stat - attributes of an open file
 * @fd: from daxfs_fd_open()
 * @st: gets them
 *
 * Return: 0 or an error.
 */
int daxfs_fd_stat(struct daxfs_fd *fd, struct stat *st);

/**
 * daxfs_fd_pread - read
 * @fd: open for reading
 * @buf: gets the bytes
 * @len: how many
 * @off: where, in bytes
 *
 * Return: bytes read, less than @len at the end of the file only; -EBADF not
 * open for reading; -EISDIR; -EINVAL a negative offset; other errors.
 */
ssize_t daxfs_fd_pread(struct daxfs_fd *fd, void *buf, size_t len, off_t off);

/**
 * daxfs_fd_pwrite - write
 * @fd: open for writing
 * @buf: the bytes
 * @len: how many
 * @off: where, in bytes; ignored after O_APPEND
 *
 * Return: bytes written, less than @len if space ran out on the way; -ENOSPC
 * none was; -EFBIG beyond 16 TiB; -EBADF not open for writing; -EINVAL a
 * negative offset; other errors.
 */
ssize_t daxfs_fd_pwrite(struct daxfs_fd *fd, const void *buf, size_t len,
			off_t off);

/**
 * daxfs_fd_append - write at the end of the file, atomically for all hosts
 * @fd: open for writing
 * @buf: the bytes
 * @len: how many; up to 512 KiB land whole and together or not at all
 * @at: gets the offset of the first, if not NULL
 *
 * Return: as daxfs_fd_pwrite().
 */
ssize_t daxfs_fd_append(struct daxfs_fd *fd, const void *buf, size_t len,
			off_t *at);

/**
 * daxfs_fd_truncate - set the size
 * @fd: open for writing
 * @size: bytes; what is added reads as zeros
 *
 * Return: 0; -EFBIG; -EBADF; -EINVAL negative; other errors.
 */
int daxfs_fd_truncate(struct daxfs_fd *fd, off_t size);

/**
 * daxfs_fd_fallocate - allocate space of a file, or give it back
 * @fd: open for writing
 * @mode: as for fallocate(2): 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE with
 *        or without FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE with it
 * @off: where, in bytes
 * @len: how many
 *
 * What is allocated reads as zeros where nothing was, and is written without
 * more memory, but for appends. Behind the end of the file it goes when the
 * file is truncated, or when a host dies that was writing to it. Holes are made
 * in a full region, too. A long range is done in pieces; if others take what
 * was left meanwhile, -ENOSPC may come when some of it is allocated.
 *
 * Return: 0; -ENOSPC; -EOPNOTSUPP another mode; -EFBIG; -EBADF; -EINVAL @off
 * negative or @len not positive; other errors.
 */
int daxfs_fd_fallocate(struct daxfs_fd *fd, int mode, off_t off, off_t len);

/**
 * daxfs_fd_seek - find data or a hole
 * @fd: from daxfs_fd_open()
 * @off: where to begin
 * @whence: SEEK_DATA or SEEK_HOLE, as for lseek(2)
 *
 * What is allocated is data, written or not.
 *
 * Return: the first such offset that is not below @off, the size of the file
 * if no hole comes before; -ENXIO @off is at the end or behind it, or only
 * holes follow; -EISDIR; -EINVAL another @whence; other errors.
 */
off_t daxfs_fd_seek(struct daxfs_fd *fd, off_t off, int whence);

/**
 * daxfs_fd_copy - copy bytes inside the region
 * @from: open for reading
 * @off: where to begin in @from
 * @to: open for writing without O_APPEND; may be of the same file
 * @to_off: where they go
 * @len: how many
 *
 * Holes become holes. The two never share memory.
 *
 * Return: bytes copied, less than @len after 16 MiB of data, at the end of
 * @from (0 there), or if space ran out; -EINVAL the ranges overlap in one
 * file; -EXDEV handles of two daxfs_fs_open(); -EBADF; -EFBIG; other errors.
 */
ssize_t daxfs_fd_copy(struct daxfs_fd *from, off_t off, struct daxfs_fd *to,
		      off_t to_off, size_t len);

/**
 * daxfs_fd_sync - everything written so far is in the region
 * @fd: from daxfs_fd_open()
 *
 * Other hosts see what a write acknowledged without this.
 *
 * Return: 0 or an error.
 */
int daxfs_fd_sync(struct daxfs_fd *fd);

/**
 * daxfs_fd_chmod - change permissions of an open file
 * @fd: from daxfs_fd_open()
 * @mode: as for daxfs_fs_chmod()
 *
 * Return: 0 or an error.
 */
int daxfs_fd_chmod(struct daxfs_fd *fd, mode_t mode);

/**
 * daxfs_fd_chown - change owner and group of an open file
 * @fd: from daxfs_fd_open()
 * @uid: as for daxfs_fs_chown()
 * @gid: as for daxfs_fs_chown()
 *
 * Return: 0 or an error.
 */
int daxfs_fd_chown(struct daxfs_fd *fd, uid_t uid, gid_t gid);

/**
 * daxfs_fd_utimens - change times of an open file
 * @fd: from daxfs_fd_open()
 * @times: as for daxfs_fs_utimens()
 *
 * Return: 0 or an error.
 */
int daxfs_fd_utimens(struct daxfs_fd *fd, const struct timespec times[2]);

/* ---- locks ---- */

/**
 * daxfs_fd_flock - lock a whole file, or give the lock back, without waiting
 * @fd: from daxfs_fd_open(); the lock belongs to this handle, whichever thread
 *      took it, and ends with it, or with the process, however that ends
 * @operation: LOCK_SH, LOCK_EX or LOCK_UN of flock(2); LOCK_NB is implied
 *
 * Holds against all hosts: also flock(2) on a FUSE mount of the region. Another
 * type replaces the one that the handle has, in one instant; if that cannot be,
 * the one that it has stays. Who wants to wait asks again after a while.
 *
 * Return: 0; -EAGAIN somebody has a lock that is in its way; -EINVAL; -EROFS;
 * -ENOLCK no memory, or 2044 locks on this file; other errors.
 */
int daxfs_fd_flock(struct daxfs_fd *fd, int operation);

/**
 * daxfs_fd_lock - lock bytes of a file, or give them back, without waiting
 * @fd: as for daxfs_fd_flock(); locks of both kinds do not see each other
 * @lock: l_type F_RDLCK (of what is open for reading), F_WRLCK (for writing) or
 *        F_UNLCK; l_whence SEEK_SET; l_start, l_len as in fcntl(2), 0: to the
 *        end of all files
 *
 * As F_OFD_SETLK of fcntl(2); it holds against fcntl(2) on FUSE mounts, too. A
 * handle has one type of lock for each byte, the one that it took last.
 *
 * Return: 0; -EAGAIN somebody has a lock that is in its way; -EBADF; -EINVAL;
 * -EOVERFLOW; -EROFS; -ENOLCK; other errors.
 */
int daxfs_fd_lock(struct daxfs_fd *fd, const struct flock *lock);

/**
 * daxfs_fd_lock_test - is there a lock in the way of one?
 * @fd: as for daxfs_fd_lock()
 * @lock: what would be taken; gets l_type F_UNLCK if nothing is in its way, else
 *        a lock that is, with the process that it says it is of, in l_pid
 *
 * Return: 0; -EBADF; -EINVAL; -EOVERFLOW; other errors.
 */
int daxfs_fd_lock_test(struct daxfs_fd *fd, struct flock *lock);

/**
 * daxfs_fd_getxattr - value of an extended attribute of an open file
 * @fd: from daxfs_fd_open()
 * @name: as for daxfs_fs_getxattr(), as all that follows
 * @value: gets it
 * @size: bytes at @value
 *
 * Return: as daxfs_fs_getxattr().
 */
ssize_t daxfs_fd_getxattr(struct daxfs_fd *fd, const char *name, void *value,
			  size_t size);

/**
 * daxfs_fd_setxattr - make or change an extended attribute of an open file
 * @fd: from daxfs_fd_open()
 * @name: as for daxfs_fs_setxattr(), as all that follows
 * @value: its bytes
 * @size: their number
 * @how: 0, XATTR_CREATE or XATTR_REPLACE
 *
 * Return: as daxfs_fs_setxattr().
 */
int daxfs_fd_setxattr(struct daxfs_fd *fd, const char *name, const void *value,
		      size_t size, int how);

/**
 * daxfs_fd_listxattr - names of the extended attributes of an open file
 * @fd: from daxfs_fd_open()
 * @names: as for daxfs_fs_listxattr()
 * @size: bytes at @names
 *
 * Return: as daxfs_fs_listxattr().
 */
ssize_t daxfs_fd_listxattr(struct daxfs_fd *fd, char *names, size_t size);

/**
 * daxfs_fd_removexattr - remove an extended attribute of an open file
 * @fd: from daxfs_fd_open()
 * @name: as for daxfs_fs_removexattr()
 *
 * Return: as daxfs_fs_removexattr().
 */
int daxfs_fd_removexattr(struct daxfs_fd *fd, const char *name);

/* ---- directories ---- */

struct daxfs_list_entry {
	uint64_t ino;
	uint64_t cookie;	/* of the entry behind this one */
	unsigned int type;	/* DT_* of readdir(3) */
	unsigned int name_len;	/* bytes */
	const char *name;	/* NUL-terminated; until the next call */
};

/**
 * daxfs_list_open - list a directory
 * @dir: the directory; may be closed before the listing
 * @cookie: 0 for the beginning, or of an entry, to go on behind it
 * @list: the new handle, NULL after an error; daxfs_list_close() frees it
 *
 * A listing belongs to one thread at a time.
 *
 * Return: 0; -ENOTDIR; -ENOMEM; other errors.
 */
int daxfs_list_open(struct daxfs_fd *dir, uint64_t cookie,
		    struct daxfs_list **list);

/**
 * daxfs_list_next - the next entry
 * @list: from daxfs_list_open()
 * @entry: gets it; "." and ".." come too
 *
 * Names that exist during the whole listing come exactly once, whatever others
 * create and delete meanwhile.
 *
 * Return: 1; 0 at the end; or an error.
 */
int daxfs_list_next(struct daxfs_list *list, struct daxfs_list_entry *entry);

/**
 * daxfs_list_close - end a listing
 * @list: from daxfs_list_open(), or NULL
 */
void daxfs_list_close(struct daxfs_list *list);

/* ---- content without a copy ---- */

struct daxfs_pin_run {
	const void *ptr;	/* in the region; NULL: a hole, reads as zeros */
	uint64_t len;		/* bytes */
	uint64_t off;		/* of the first in the file */
};

/**
 * daxfs_pin_begin - keep the memory of a file from being reused
 * @fd: open for reading
 * @pin: the new handle, NULL after an error; daxfs_pin_end() frees it
 *
 * Everything that daxfs_pin_runs() hands out under this pin stays valid memory
 * with this file's content until daxfs_pin_end(), even if any host truncates,
 * overwrites or deletes the file meanwhile. Writes in place by other hosts are
 * seen through the pointers; pages that have left the file keep what they
 * held. Memory that leaves a pinned file is free again only after the pin, so
 * a pin for ever under a file that is rewritten for ever fills the region.
 *
 * Return: 0; -EISDIR; -EBADF not open for reading; -ENOMEM; other errors.
 */
int daxfs_pin_begin(struct daxfs_fd *fd, struct daxfs_pin **pin);

/**
 * daxfs_pin_runs - the content as it is now, as runs of memory
 * @pin: from daxfs_pin_begin()
 * @off: first byte wanted
 * @len: how many
 * @run: gets the runs, in the order of the file, without gaps
 * @nr: of entries at @run
 *
 * Call it again with the end of the last run to get more. What is not aligned
 * in the file is not aligned in memory.
 *
 * Return: number of runs, 0 at the end of the file; or an error.
 */
int daxfs_pin_runs(struct daxfs_pin *pin, uint64_t off, uint64_t len,
		   struct daxfs_pin_run *run, unsigned int nr);

/**
 * daxfs_pin_end - let go; pointers from this pin are invalid from now on
 * @pin: from daxfs_pin_begin(), or NULL
 */
void daxfs_pin_end(struct daxfs_pin *pin);

#ifdef __cplusplus
}
#endif

#endif
