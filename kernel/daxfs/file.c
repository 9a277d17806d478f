// SPDX-License-Identifier: GPL-2.0-only
/*
 * Content of regular files: read, write, space, copies.
 *
 * Notes: there is no page cache. A read copies from the region, a write copies
 * into it, both inside a section; so a fault on the user's memory is not served
 * there: the copy ends early, the section with it, the memory is faulted in, and the
 * call goes on behind what was done. Writes of one kernel to one file are one
 * after the other (i_rwsem), as in other file systems; those of other hosts
 * meet them in the core.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "daxfs.h"

#define RUNS		8u
#define PINS		16u	/* pages that are copied at once */
#define COPY_MAX	(256u << 10)	/* bytes in a section */
#define FAULT_TRIES	16		/* without a byte between them */
#define COPY_TRIES	4		/* the same, till what is written is copied */

void daxfs_note_access(struct daxfs_cx *cx, struct file *file)
{
	const struct vfsmount *mnt = file->f_path.mnt;
	const struct inode *inode = file_inode(file);

	if ((file->f_flags & O_NOATIME) || (mnt->mnt_flags & (MNT_NOATIME | MNT_READONLY)) ||
	    sb_rdonly(inode->i_sb) ||
	    (S_ISDIR(inode->i_mode) && (mnt->mnt_flags & MNT_NODIRATIME)))
		return;
	/* What is wrong with the file the read itself will say. */
	daxfs_accessed(cx, daxfs_file_of(inode), !(mnt->mnt_flags & MNT_RELATIME));
}

/* ---- reading ---- */

struct reading {		/* a read: where it goes, and what it lacks */
	struct daxfs_sbi *sbi;
	struct iov_iter *to;
	size_t whole;		/* bytes that the last section had for it */
	struct daxfs_need need;
};

struct pinned {			/* pages of the cache that lie one behind the other */
	u64 slot[PINS];
	u32 nr;
	u64 off, len;		/* in the region; bytes */
};

static void unpin(struct reading *rd, struct daxfs_cx *cx, const struct pinned *p)
{
	u32 i;

	for (i = 0; i < p->nr; i++)
		daxfs_page_unpin(rd->sbi, cx, p->slot[i]);
}

/* From addr on, as many as there are. -EREMOTE: not even the first. */
static int pin(struct reading *rd, struct daxfs_cx *cx, u64 addr, u64 len,
	       struct pinned *p)
{
	u64 off;
	int r;

	for (p->nr = 0, p->len = 0; p->nr < PINS && p->len < len; p->nr++) {
		u64 at = addr + p->len;

		r = daxfs_page_pin(rd->sbi, cx, at, &p->slot[p->nr], &off);
		if (r)
			return p->nr ? 0 : r;
		if (!p->nr)
			p->off = off;
		if (off != p->off + p->len) {
			daxfs_page_unpin(rd->sbi, cx, p->slot[p->nr]);
			break;
		}
		p->len += min_t(u64, len - p->len, DAXFS_PAGE_SIZE - at % DAXFS_PAGE_SIZE);
	}
	return 0;
}

/* Some of a backing file: *want bytes, of which so many were copied. */
static s64 copy_away(struct reading *rd, struct daxfs_cx *cx, u64 addr, u64 len, u64 *want)
{
	const void *from = daxfs_need_page(&rd->need, addr);
	struct pinned p;
	s64 r;

	*want = min_t(u64, len, DAXFS_PAGE_SIZE - addr % DAXFS_PAGE_SIZE);
	if (from)
		return copy_to_iter(from + addr % DAXFS_PAGE_SIZE, *want, rd->to);
	r = pin(rd, cx, addr, len, &p);
	if (r)
		return r;
	*want = p.len;
	from = daxfs_at(cx->rg, p.off, p.len, 1);
	r = from ? copy_to_iter(from, p.len, rd->to) : -EUCLEAN;
	unpin(rd, cx, &p);
	return r;
}

/* As much as there is; or what is wrong with its first page. */
static s64 copy_away_run(struct reading *rd, struct daxfs_cx *cx,
			 const struct daxfs_run *run)
{
	u64 done = 0, want;

	while (done < run->len) {
		s64 r = copy_away(rd, cx, run->off + done, run->len - done, &want);

		if (r == -EREMOTE)
			cx->miss.len = run->len - done +
				       (run->off + done) % DAXFS_PAGE_SIZE;
		if (r < 0)
			return done ? (s64)done : r;
		done += (u64)r;
		if ((u64)r < want)
			break;
	}
	return (s64)done;
}

static s64 copy_run(struct reading *rd, struct daxfs_cx *cx, const struct daxfs_run *run)
{
	const void *from;

	if (run->away)
		return copy_away_run(rd, cx, run);
	if (!run->off)
		return iov_iter_zero(run->len, rd->to);
	from = daxfs_at(cx->rg, run->off, run->len, 1);
	return from ? copy_to_iter(from, run->len, rd->to) : 0;
}

/* Inside a section: as much as goes without a fault, and without waiting. */
static s64 copy_runs(struct reading *rd, struct daxfs_cx *cx, struct daxfs_file *f,
		     u64 off, size_t len)
{
	struct daxfs_run run[RUNS];
	size_t done = 0;
	s64 n = 0;
	int i, nr = daxfs_runs(cx, f, off, len, run, RUNS);

	rd->whole = 0;
	for (i = 0; i < nr; i++)
		rd->whole += run[i].len;
	pagefault_disable();
	for (i = 0; i < nr; i++) {
		n = copy_run(rd, cx, &run[i]);
		done += (size_t)max_t(s64, n, 0);
		if (n < (s64)run[i].len)
			break;
	}
	pagefault_enable();
	if (nr < 0)
		return nr;
	return done ? (s64)done : min_t(s64, n, 0);
}

static s64 read_some(struct reading *rd, struct daxfs_cx *cx, struct file *file, u64 off,
		     bool first)
{
	struct daxfs_file *f = daxfs_file_of(file_inode(file));
	size_t len = min_t(size_t, iov_iter_count(rd->to), COPY_MAX);
	s64 r = daxfs_enter(cx);
	int left;

	if (r)
		return r;
	r = copy_runs(rd, cx, f, off, len);
	if (first)
		daxfs_note_access(cx, file);
	left = daxfs_leave(cx);
	if (!left)
		return r;
	if (r > 0)	/* it may have been somebody else's memory */
		iov_iter_revert(rd->to, (size_t)r);
	return left;
}

/* Make what comes next accessible, a page of it at most. false: it is not. */
static bool fault_in_to(const struct iov_iter *to, size_t len)
{
	len = min_t(size_t, len, PAGE_SIZE);
	return fault_in_iov_iter_writeable(to, len) < len;
}

/* ---- reading ahead, of files that are read in order ---- */

#define AHEAD_MIN	(128u << 10)	/* bytes */
#define AHEAD_MAX	(2u << 20)

static u64 ahead_max(const struct daxfs_sbi *sbi)
{
	return min_t(u64, sbi->rg.area[DAXFS_AREA_PCACHE_DATA].len / 16, AHEAD_MAX);
}

/* Is all of it in the cache? A guess: pages come and go in order. */
static bool is_cached(struct daxfs_cx *cx, const struct daxfs_run *run)
{
	u32 host;

	return daxfs_cache_state(cx, run->off, &host) == DAXFS_CACHE_VALID &&
	       daxfs_cache_state(cx, run->off + run->len - 1, &host) == DAXFS_CACHE_VALID;
}

static void order_ahead(struct daxfs_sbi *sbi, struct file *file, u64 from, u64 len)
{
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct daxfs_run run[RUNS];
	int i, nr = daxfs_runs(cx, daxfs_file_of(file_inode(file)), from, len, run, RUNS);

	for (i = 0; i < nr; i++)
		run[i].away = run[i].away && !is_cached(cx, &run[i]);
	daxfs_end(sbi, cx, 0);
	/* What is away never changes; what is ordered in vain is only read in vain. */
	for (i = 0; i < nr; i++)
		if (run[i].away)
			daxfs_fill_ahead(sbi, run[i].off, run[i].len);
}

/*
 * The next section of a read begins, at pos. Hints, all of it, in what the kernel has for its
 * own reading ahead: prev_pos, where the last read ended; size, the window (pages);
 * start, up to where it is ordered (pages).
 */
static void read_ahead(const struct reading *rd, struct file *file, loff_t pos)
{
	u64 end = (u64)pos + min_t(size_t, iov_iter_count(rd->to), COPY_MAX);
	struct file_ra_state *ra = &file->f_ra;
	u64 from, window;
	bool in_order = !pos || pos == ra->prev_pos;

	ra->prev_pos = (loff_t)end;
	if (!in_order || !pos) {
		ra->size = 0;
		ra->start = 0;
	}
	if (!in_order || end >= (u64)i_size_read(file_inode(file)))
		return;
	window = ra->size ? (u64)ra->size << (PAGE_SHIFT + 1) : AHEAD_MIN;
	window = min(window, ahead_max(rd->sbi));
	ra->size = (unsigned int)(window >> PAGE_SHIFT);
	from = max_t(u64, (u64)ra->start << PAGE_SHIFT, end);
	if (from >= end + window || end + window - from < window / 2)
		return;		/* enough is on its way */
	ra->start = (pgoff_t)((end + window) >> PAGE_SHIFT);
	order_ahead(rd->sbi, file, from, end + window - from);
}

/* ---- a read ---- */

/* As much of the file as there is from pos on, and *pos behind it. */
static ssize_t read_all(struct reading *rd, struct file *file, loff_t *pos)
{
	ssize_t done = 0;
	int stuck = 0;
	s64 r = 1;

	while (iov_iter_count(rd->to) && stuck < FAULT_TRIES) {
		struct daxfs_cx *cx;

		if (rd->sbi->filler && r > 0)
			read_ahead(rd, file, *pos);
		cx = daxfs_begin_needing(rd->sbi, &rd->need);
		r = read_some(rd, cx, file, (u64)*pos, !done && !stuck);
		r = daxfs_end_needing(rd->sbi, cx, r, &rd->need);
		if (r == -EREMOTE && daxfs_bring(rd->sbi, &rd->need, &r))
			continue;
		if (r < 0 || !rd->whole)
			break;
		*pos += r;
		done += r;
		if (r)
			memset(&rd->need.rounds, 0, sizeof(rd->need.rounds));
		stuck = r ? 0 : stuck + 1;
		if (r == (s64)rd->whole)
			continue;
		rd->whole -= (size_t)r;
		r = -EFAULT;
		if (!fault_in_to(rd->to, rd->whole))
			break;
	}
	return done ? done : (ssize_t)min_t(s64, r, 0);
}

static ssize_t daxfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct reading rd = { .sbi = daxfs_sbi_of(file_inode(iocb->ki_filp)), .to = to };
	ssize_t r = read_all(&rd, iocb->ki_filp, &iocb->ki_pos);

	daxfs_need_end(&rd.need);
	return r;
}

/* ---- writing ---- */

struct from_iter {
	struct daxfs_from from;
	const struct iov_iter *iter;	/* stays where it is */
};

static int copy_from_user_iter(const struct daxfs_from *from, u64 off, void *to,
			       u64 len)
{
	struct iov_iter it = *container_of(from, struct from_iter, from)->iter;
	size_t n;

	iov_iter_advance(&it, off);
	pagefault_disable();
	n = copy_from_iter(to, len, &it);
	pagefault_enable();
	return n == len ? 0 : -EFAULT;
}

/* One call of the core: at pos, or at the end, which *pos then says. */
static s64 write_some(struct inode *inode, struct iov_iter *from, loff_t *pos,
		      size_t len, bool append)
{
	struct from_iter src = { { copy_from_user_iter }, from };
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_file *f = daxfs_file_of(inode);
	struct daxfs_need need = {};
	u64 at = (u64)*pos;
	struct daxfs_cx *cx;
	s64 r;

	do {
		/* What is stored beside it is in what is copied. */
		daxfs_hold_faults(inode, append ? 0 : at, append ? 0 : len);
		cx = daxfs_begin_needing(sbi, &need);
		if (append)
			r = daxfs_append_from(cx, f, &src.from, len, &at);
		else
			r = daxfs_write_from(cx, f, at, &src.from, len);
		r = daxfs_end_needing(sbi, cx, r, &need);
		daxfs_let_faults(inode);
	} while (daxfs_bring(sbi, &need, &r));
	if (r > 0) {
		iov_iter_advance(from, (size_t)r);
		*pos = (loff_t)at + r;
		daxfs_zap(inode, at, (u64)r, false);
	}
	return r;
}

/*
 * Make what comes next accessible: how much of it is. A record that is appended is
 * whole or not at all, so all of it has to be.
 */
static size_t fault_in_from(const struct iov_iter *from, size_t len, bool append)
{
	size_t left = fault_in_iov_iter_readable(from, len);

	return append && left ? 0 : len - left;
}

/*
 * By memory of ours: the caller's shows the file itself, and each try takes its
 * entries away.
 */
static s64 write_copied(struct inode *inode, struct iov_iter *from, loff_t *pos,
			size_t len, bool append)
{
	struct kvec vec = { .iov_base = kvmalloc(len, GFP_KERNEL) };
	struct iov_iter it;
	s64 r = -EFAULT;

	if (!vec.iov_base)
		return -ENOMEM;
	vec.iov_len = copy_from_iter(vec.iov_base, len, from);
	iov_iter_kvec(&it, WRITE, &vec, 1, vec.iov_len);
	if (vec.iov_len == len || (vec.iov_len && !append))
		r = write_some(inode, &it, pos, vec.iov_len, append);
	iov_iter_revert(from, vec.iov_len - (size_t)max_t(s64, r, 0));
	kvfree(vec.iov_base);
	return r;
}

static ssize_t write_all(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool append = iocb->ki_flags & IOCB_APPEND;
	ssize_t done = 0;
	int stuck = 0;
	s64 r = 0;

	while (iov_iter_count(from) && stuck < FAULT_TRIES) {
		size_t len = min_t(size_t, iov_iter_count(from), DAXFS_APPEND_MAX);

		if (stuck)
			len = fault_in_from(from, len, append);
		if (!len)
			break;		/* r is -EFAULT */
		if (stuck < COPY_TRIES)
			r = write_some(inode, from, &iocb->ki_pos, len, append);
		else
			r = write_copied(inode, from, &iocb->ki_pos, len, append);
		stuck = r == -EFAULT ? stuck + 1 : 0;
		if (stuck)
			continue;
		if (r <= 0)
			break;
		done += r;
		if (fatal_signal_pending(current))
			break;
	}
	return done ? done : (ssize_t)r;
}

/*
 * Set-id bits and capabilities go before content changes. Where there were none
 * there are none as long as nobody changes rights: others by the version, this
 * kernel under the lock of the inode, which the caller has.
 */
static int before_change(struct inode *inode)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	u64 v = daxfs_version(sbi);
	struct daxfs_cx *cx;
	s64 r;

	if (v && ii->plain == v)
		return 0;
	cx = daxfs_begin(sbi);
	r = daxfs_end(sbi, cx, daxfs_drop_rights(cx, inode));
	/* Whoever may keep set-id bits has dropped none: they may be there. */
	if (!r && !ns_capable_noaudit(&init_user_ns, CAP_FSETID))
		ii->plain = v;
	else if (!r && !daxfs_reload(inode) && !(inode->i_mode & (S_ISUID | S_ISGID)))
		ii->plain = v;
	return (int)r;
}

static ssize_t daxfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t r = 0;

	inode_lock(inode);
	if (iocb->ki_flags & IOCB_APPEND)
		r = daxfs_reload(inode);	/* limits are compared with the end */
	if (!r)
		r = generic_write_checks(iocb, from);
	if (r > 0) {
		r = before_change(inode);
		if (!r)
			r = write_all(iocb, from);
	}
	if (r > 0 && iocb->ki_pos > i_size_read(inode))
		i_size_write(inode, iocb->ki_pos);
	inode_unlock(inode);
	return r > 0 ? generic_write_sync(iocb, r) : r;
}

static int daxfs_fsync_op(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx;
	int r = daxfs_mapped_stored(inode);

	if (!r)
		r = daxfs_check(sbi);
	if (r)
		return r;
	cx = daxfs_begin(sbi);
	return (int)daxfs_end(sbi, cx, daxfs_fsync(cx, daxfs_file_of(inode)));
}

/* ---- space ---- */

static long daxfs_fallocate_op(struct file *file, int mode, loff_t off, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_need need = {};
	struct daxfs_cx *cx;
	s64 r = 0;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	inode_lock(inode);
	if (!(mode & FALLOC_FL_KEEP_SIZE)) {
		r = daxfs_reload(inode);
		if (!r && off + len > i_size_read(inode))
			r = inode_newsize_ok(inode, off + len);
	}
	if (!r)
		r = before_change(inode);
	if (!r) {
		do {
			cx = daxfs_begin_needing(sbi, &need);
			r = daxfs_fallocate(cx, daxfs_file_of(inode), (u32)mode, (u64)off,
					    (u64)len);
			r = daxfs_end_needing(sbi, cx, r, &need);
		} while (daxfs_bring(sbi, &need, &r));
		/* Also what failed half-way has replaced pages. */
		daxfs_zap(inode, (u64)off, (u64)len, mode & ~FALLOC_FL_KEEP_SIZE);
	}
	inode_unlock(inode);
	return (long)r;
}

static loff_t seek_data(struct file *file, loff_t off, bool hole)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx;
	s64 r;

	if (off < 0)
		return -ENXIO;
	cx = daxfs_begin(sbi);
	r = daxfs_seek(cx, daxfs_file_of(inode), (u64)off, hole);
	r = daxfs_end(sbi, cx, r);
	return r < 0 ? r : vfs_setpos(file, r, inode->i_sb->s_maxbytes);
}

static loff_t daxfs_llseek(struct file *file, loff_t off, int whence)
{
	struct inode *inode = file_inode(file);
	int r;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return seek_data(file, off, whence == SEEK_HOLE);
	if (whence == SEEK_END) {
		r = daxfs_reload(inode);
		if (r)
			return r;
	}
	return generic_file_llseek_size(file, off, whence, inode->i_sb->s_maxbytes,
					i_size_read(inode));
}

/* ---- copies inside the region ---- */

static ssize_t daxfs_copy_op(struct file *in, loff_t off, struct file *out,
			     loff_t to_off, size_t len, unsigned int flags)
{
	struct inode *from = file_inode(in), *to = file_inode(out);
	struct daxfs_sbi *sbi = daxfs_sbi_of(to);
	struct daxfs_need need = {};
	struct daxfs_cx *cx;
	s64 r;

	if (from->i_sb != to->i_sb)
		return -EXDEV;		/* the VFS copies by its own means */
	inode_lock(to);
	r = before_change(to);
	if (!r) {
		do {
			daxfs_hold_faults(to, (u64)to_off, len);
			cx = daxfs_begin_needing(sbi, &need);
			r = daxfs_copy_range(cx, daxfs_file_of(from), (u64)off,
					     daxfs_file_of(to), (u64)to_off, len);
			if (r > 0)
				daxfs_note_access(cx, in);
			r = daxfs_end_needing(sbi, cx, r, &need);
			daxfs_let_faults(to);
		} while (daxfs_bring(sbi, &need, &r));
	}
	if (r > 0) {
		daxfs_zap(to, (u64)to_off, (u64)r, false);
		if (to_off + r > i_size_read(to))
			i_size_write(to, to_off + r);
	}
	inode_unlock(to);
	return (ssize_t)r;
}

/* ---- opening ---- */

static int daxfs_file_open(struct inode *inode, struct file *file)
{
	int r = generic_file_open(inode, file);

	if (r)
		return r;
	file->f_mode |= FMODE_CAN_ODIRECT;	/* nothing else is done anyway */
	r = daxfs_check_open(file);
	if (!r)
		r = daxfs_hold(inode);
	if (r == -ESTALE && (file->f_mode & FMODE_CREATED))
		r = daxfs_hold_lost(file);
	return r;
}

static int daxfs_file_release(struct inode *inode, struct file *file)
{
	daxfs_unhold(inode);
	return 0;
}

const struct file_operations daxfs_file_fops = {
	.open			= daxfs_file_open,
	.release		= daxfs_file_release,
	.llseek			= daxfs_llseek,
	.read_iter		= daxfs_read_iter,
	.write_iter		= daxfs_write_iter,
	.mmap			= daxfs_mmap,
	.get_unmapped_area	= thp_get_unmapped_area,
	.fsync			= daxfs_fsync_op,
	.flock			= daxfs_flock_op,
	.lock			= daxfs_lock_op,
	.setlease		= daxfs_no_leases,	/* others would not know of it */
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.fallocate		= daxfs_fallocate_op,
	.copy_file_range	= daxfs_copy_op,
	.unlocked_ioctl		= daxfs_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
};

const struct address_space_operations daxfs_aops = {
	.dirty_folio	= noop_dirty_folio,
};
