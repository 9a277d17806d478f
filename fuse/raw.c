// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel asks and libfuse 3.14 does not hand on.
 *
 * Notes: a request is only data here: what is shorter than its kind goes on
 * as it is, and libfuse or the handler refuses it.
 */
#include <linux/fuse.h>
#include <string.h>

#include "raw.h"

#define OP_TMPFILE	51	/* protocol 7.37, Linux 6.1 */
#define OP_STATX	52	/* protocol 7.39, Linux 6.6 */

struct statx_in {		/* begins as struct fuse_getattr_in */
	uint32_t getattr_flags;
	uint32_t reserved;
	uint64_t fh;
	uint32_t sx_flags;
	uint32_t sx_mask;
};

struct setxattr_in {		/* protocol 7.33, Linux 5.13 */
	uint32_t size;
	uint32_t flags;
	uint32_t more_flags;
	uint32_t padding;
};

#define SHORT_SETXATTR_IN	8	/* what libfuse takes: without the latter */
#define SETXATTR_DROP_SGID	1u

_Static_assert(sizeof(struct daxfs_raw_statx_out) == 288, "as the kernel's");
_Static_assert(sizeof(struct statx_in) == 24 &&
	       offsetof(struct statx_in, fh) ==
	       offsetof(struct fuse_getattr_in, fh), "begins as GETATTR does");

static __thread struct daxfs_request request;

const struct daxfs_request *daxfs_request(void)
{
	return &request;
}

/* The argument behind the head, as far as there is one; the rest is zero. */
static void get_arg(void *to, size_t want, const char *buf, size_t len)
{
	size_t have = len - sizeof(struct fuse_in_header);

	memset(to, 0, want);
	memcpy(to, buf + sizeof(struct fuse_in_header),
	       have < want ? have : want);
}

static int drops_ids(uint32_t opcode, const char *buf, size_t len)
{
	struct fuse_setattr_in setattr;
	struct fuse_create_in create;
	struct fuse_write_in write;
	struct fuse_open_in open;

	switch (opcode) {
	case FUSE_WRITE:
		get_arg(&write, sizeof(write), buf, len);
		return !!(write.write_flags & FUSE_WRITE_KILL_SUIDGID);
	case FUSE_SETATTR:
		get_arg(&setattr, sizeof(setattr), buf, len);
		return !!(setattr.valid & FATTR_KILL_SUIDGID);
	case FUSE_OPEN:
		get_arg(&open, sizeof(open), buf, len);
		return !!(open.open_flags & FUSE_OPEN_KILL_SUIDGID);
	case FUSE_CREATE:
		get_arg(&create, sizeof(create), buf, len);
		return !!(create.open_flags & FUSE_OPEN_KILL_SUIDGID);
	default:
		return 0;
	}
}

/* The same bytes are an argument of GETATTR, and more of it. */
static ssize_t from_statx(struct fuse_in_header *head, ssize_t len)
{
	const ssize_t cut = sizeof(struct statx_in) -
			    sizeof(struct fuse_getattr_in);

	if (len < (ssize_t)(sizeof(*head) + sizeof(struct statx_in)))
		return len;
	request.statx = 1;
	head->opcode = FUSE_GETATTR;
	head->len -= (uint32_t)cut;
	return len - cut;
}

/* What follows the flags of ours moves up to those of libfuse. */
static ssize_t from_setxattr(struct fuse_in_header *head, char *buf, ssize_t len)
{
	const size_t cut = sizeof(struct setxattr_in) - SHORT_SETXATTR_IN;
	char *to = buf + sizeof(*head) + SHORT_SETXATTR_IN;
	struct setxattr_in in;

	if (len < (ssize_t)(sizeof(*head) + sizeof(in)))
		return len;
	get_arg(&in, sizeof(in), buf, (size_t)len);
	request.drop_sgid = !!(in.more_flags & SETXATTR_DROP_SGID);
	len -= (ssize_t)cut;
	memmove(to, to + cut, (size_t)(buf + len - to));
	head->len -= (uint32_t)cut;
	return len;
}

ssize_t daxfs_raw_note(unsigned int can, void *buf, ssize_t len)
{
	struct fuse_in_header head;

	memset(&request, 0, sizeof(request));
	if (len < (ssize_t)sizeof(head))
		return len;
	memcpy(&head, buf, sizeof(head));
	request.unique = head.unique;
	if (head.opcode == OP_STATX && (can & DAXFS_RAW_STATX)) {
		len = from_statx(&head, len);
	} else if (head.opcode == OP_TMPFILE && (can & DAXFS_RAW_TMPFILE)) {
		request.tmpfile = 1;
		head.opcode = FUSE_CREATE;
	} else if (head.opcode == FUSE_SETXATTR && (can & DAXFS_RAW_SETXATTR)) {
		len = from_setxattr(&head, buf, len);
	} else {
		request.drop_ids = drops_ids(head.opcode, buf, (size_t)len);
		return len;
	}
	memcpy(buf, &head, sizeof(head));
	return len;
}
