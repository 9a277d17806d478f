// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Branches: what the mount shows, whether it still may, and the ioctls about them.
 *
 * Notes: the core answers each request by the branch as it is at that time, so the
 * kernel is wrong in its caches alone. Names and attributes it does not keep. Of
 * pages node.c knows when they are of other layers; here is what that cannot see:
 * a branch that ended, whose mapped pages must go without another coming, and one
 * that was frozen, whose stores through mappings must not stay in pages alone. The
 * thread of notify.c looks at both (daxfs_branch_tick()).
 *
 * Before a request of this mount freezes its branch, what its processes have stored
 * through mappings is written back, so that the snapshot has it. That too is for the
 * thread of notify.c, because it waits for WRITEs; without writers nothing waits.
 */
#include <stdlib.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#include "branch_ioc.h"
#include "server.h"

static u64 shown(struct daxfs_server *s)
{
	return a64_load_relaxed(&daxfs_mount_region(s->m)->view);
}

static int has_branches(struct daxfs_server *s)
{
	return daxfs_is_branching(daxfs_mount_region(s->m));
}

/* ---- what may be done ---- */

int daxfs_branch_check(struct daxfs_server *s, struct daxfs_cx *cx)
{
	struct daxfs_stat st;

	return has_branches(s) ? daxfs_getattr(cx, DAXFS_ROOT_INO, &st) : 0;
}

int daxfs_branch_writable(struct daxfs_server *s, struct daxfs_cx *cx)
{
	struct daxfs_branch_info info;
	u64 id = shown(s);
	int r;

	if (!has_branches(s))
		return 0;
	if (!id)
		return -EROFS;
	r = daxfs_branch_info_of(cx, id, &info);
	if (r)
		return r == -ESTALE && !daxfs_branch_shown(cx) ? -EROFS : r;
	return info.state == DAXFS_BRANCH_FROZEN ? -EROFS : 0;
}

/* ---- the kernel's pages ---- */

/* As in notify.c: an inode that the kernel does not know has no pages. */
static void drop_all(struct daxfs_server *s, int writers)
{
	u32 nr, i;
	u64 *ino = daxfs_node_numbers(&s->nodes, writers, &nr);

	for (i = 0; ino && i < nr; i++)
		fuse_lowlevel_notify_inval_inode(s->session.se, ino[i], 0, 0);
	if (!ino)
		daxfs_log("%s: no memory to drop pages of a branch", s->region);
	free(ino);
}

static int has_ended(struct daxfs_server *s, struct daxfs_cx *cx)
{
	struct daxfs_stat st;

	return daxfs_getattr(cx, DAXFS_ROOT_INO, &st) == -ESTALE &&
	       !daxfs_host_check(daxfs_mount_region(s->m));
}

void daxfs_branch_tick(struct daxfs_server *s)
{
	struct daxfs_cx *cx;
	int ended, frozen;

	if (!has_branches(s))
		return;
	cx = daxfs_begin(s);
	ended = has_ended(s, cx);
	frozen = !ended && shown(s) && daxfs_branch_writable(s, cx) == -EROFS;
	daxfs_end(s, cx, 0);
	if (ended && !s->branch_ended)
		drop_all(s, 0);
	else if (frozen && !s->branch_frozen)
		drop_all(s, 1);
	s->branch_ended = ended;
	s->branch_frozen = frozen;
}

/* ---- ioctls ---- */

struct ioc {
	struct daxfs_server *s;
	fuse_req_t req;
	unsigned int cmd;
	struct daxfs_ioc_branch b;
	struct daxfs_ioc_branch_op op;
};

static u64 id_of(struct daxfs_server *s, u64 id)
{
	return id == DAXFS_IOC_BRANCH_SELF ? shown(s) : id;
}

static void answer(struct ioc *c)
{
	struct daxfs_server *s = c->s;
	struct daxfs_cx *cx = daxfs_begin(s);
	int out = _IOC_DIR(c->cmd) & _IOC_READ;
	s64 r = daxfs_branch_ioc(cx, c->cmd, out ? (void *)&c->b : (void *)&c->op);

	r = daxfs_end(s, cx, r);
	c->b.pid = (u32)getpid();
	if (r)
		daxfs_reply_status(c->req, r);
	else
		fuse_reply_ioctl(c->req, 0, out ? &c->b : NULL, out ? sizeof(c->b) : 0);
}

/* By the thread that may wait for WRITEs. */
static void answer_late(struct daxfs_server *s, void *arg, int stopping)
{
	if (!stopping)
		drop_all(s, 1);
	answer(arg);
	free(arg);
}

/* Does it end what may be written to what this mount shows? */
static int freezes(const struct ioc *c)
{
	u64 id = c->cmd == DAXFS_IOC_BRANCH_CREATE ? id_of(c->s, c->b.parent) :
		 c->cmd == DAXFS_IOC_BRANCH_COMMIT ||
		 c->cmd == DAXFS_IOC_BRANCH_CHECKPOINT ? id_of(c->s, c->op.id) : 0;

	return id && id == shown(c->s) &&
	       __atomic_load_n(&c->s->nodes.writers, __ATOMIC_RELAXED);
}

static int allowed(const struct ioc *c)
{
	uid_t uid = fuse_req_ctx(c->req)->uid;

	switch (c->cmd) {
	case DAXFS_IOC_BRANCH_INFO:
	case DAXFS_IOC_BRANCH_LIST:
	case DAXFS_IOC_BRANCH_FIND:
		return 0;
	default:
		if (uid && uid != geteuid())
			return -EPERM;
		return daxfs_mount_rdonly(c->s->m) ? -EROFS : 0;
	}
}

void daxfs_branch_ioctl(fuse_req_t req, unsigned int cmd, const void *in,
			size_t in_len)
{
	struct ioc c = { .s = daxfs_server_of(req), .req = req, .cmd = cmd }, *late;
	int r = has_branches(c.s) ? allowed(&c) : -EOPNOTSUPP;

	if (in_len != _IOC_SIZE(cmd))
		r = -EINVAL;
	if (r) {
		daxfs_reply_status(req, r);
		return;
	}
	if (_IOC_DIR(cmd) & _IOC_READ)
		memcpy(&c.b, in, sizeof(c.b));
	else
		memcpy(&c.op, in, sizeof(c.op));
	late = freezes(&c) ? malloc(sizeof(*late)) : NULL;
	if (late) {
		*late = c;
		daxfs_notifier_call(c.s, answer_late, late);
	} else {
		answer(&c);
	}
}
