// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Extended attributes: get, set, list, remove.
 *
 * Notes: an attribute record leads to the whole set of an inode (xset.c). Each
 * change makes another set beside it and another record, and puts the record in
 * place by one CAS; so attributes, mode and owner are always of one instant. A
 * copy of a base inode goes on with the set of the base image until the first
 * change of it.
 *
 * operation   | linearization      | progress  | if the caller stops there
 * get, list   | load of attr_off   | wait-free | -
 * set, remove | CAS of attr_off    | lock-free | a set that nothing leads to, or that
 *             |                    |           | drop_xattr names: recovery's
 *
 * ABA: as attr_off in inode.c; sets are not reused while seen, in a section.
 */
#include "xattr.h"
#include "acl.h"
#include "data.h"
#include "region.h"
#include "view.h"

#define TRIES		100000u
#define CAPABILITY	"security.capability"
#define COPY_LEN	256u

enum space { USER, TRUSTED, SECURITY, ACCESS, DEFAULT };

struct edit {			/* of a set */
	const char *name;	/* entry that is set or goes; NULL: none */
	u32 name_len;
	const void *value;	/* NULL: it goes */
	u64 len;
	int follow;		/* an access list follows the mode */
	u32 mode;
	/* out, from look() */
	int found, has_acl;
	u64 kept;		/* bytes of entries that stay */
	struct daxfs_acl acl;
};

/* ---- names ---- */

struct prefix {
	const char *text;
	u32 len;
	enum space space;
	int whole;		/* the name, not a prefix */
};

#define PREFIX(t, s, w) { t, sizeof(t) - 1, s, w }

static const struct prefix prefixes[] = {
	PREFIX("user.", USER, 0),
	PREFIX("trusted.", TRUSTED, 0),
	PREFIX("security.", SECURITY, 0),
	PREFIX(DAXFS_ACL_ACCESS, ACCESS, 1),
	PREFIX(DAXFS_ACL_DEFAULT, DEFAULT, 1),
};

static int space_of(const char *name, u32 len, enum space *space)
{
	if (!len || len > DAXFS_XATTR_NAME_MAX)
		return -ERANGE;
	if (memchr(name, 0, len))
		return -EINVAL;
	for (u32 i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		const struct prefix *p = &prefixes[i];

		if (len < p->len || memcmp(name, p->text, p->len) ||
		    (p->whole && len != p->len))
			continue;
		*space = p->space;
		return len == p->len && !p->whole ? -EINVAL : 0;
	}
	return -EOPNOTSUPP;
}

/* May an inode of that type have attributes of that kind? */
static int space_allows(enum space space, u32 mode, int removes)
{
	if (space == USER && !S_ISREG(mode) && !S_ISDIR(mode))
		return -EPERM;
	if ((space == ACCESS || space == DEFAULT) && S_ISLNK(mode))
		return -EOPNOTSUPP;
	if (space == DEFAULT && !S_ISDIR(mode) && !removes)
		return -EACCES;
	return 0;
}

static int is_named(const struct daxfs_xentry *e, const char *name, u32 len)
{
	return e->name_len == len && !memcmp(e->name, name, len);
}

static int is_access(const struct daxfs_xentry *e)
{
	return is_named(e, DAXFS_ACL_ACCESS, sizeof(DAXFS_ACL_ACCESS) - 1);
}

/* ---- editing ---- */

/* What there is, and what stays of it. */
static int look(const struct daxfs_xset *set, struct edit *ed)
{
	struct daxfs_xentry e;
	u64 pos = 0;
	int r;

	ed->found = 0;
	ed->has_acl = 0;
	ed->kept = 0;
	while ((r = daxfs_xset_next(set, &pos, &e)) > 0) {
		if (ed->name && is_named(&e, ed->name, ed->name_len)) {
			ed->found = 1;
			continue;
		}
		ed->kept += daxfs_xentry_len(e.name_len, e.value_len);
		if (!ed->follow || !is_access(&e))
			continue;
		ed->has_acl = 1;
		r = daxfs_acl_read(set, &e, &ed->acl);
		if (r)
			break;
	}
	return r;
}

static int copy_bytes(struct daxfs_xmake *m, const struct daxfs_xset *set,
		      u64 pos, u64 len)
{
	u8 buf[COPY_LEN];

	while (len) {
		u64 n = len < sizeof(buf) ? len : sizeof(buf);
		int r = daxfs_xset_read(set, pos, buf, n);

		if (!r)
			r = daxfs_xmake_put(m, buf, n);
		if (r)
			return r;
		pos += n;
		len -= n;
	}
	return 0;
}

static int copy_entry(struct daxfs_xmake *m, const struct daxfs_xset *set,
		      const struct daxfs_xentry *e, const struct edit *ed)
{
	int r = daxfs_xmake_name(m, e->name, e->name_len, e->value_len);

	if (r)
		return r;
	if (ed->follow && is_access(e))
		return daxfs_acl_put(m, set, e, &ed->acl, ed->mode);
	r = copy_bytes(m, set, e->value, e->value_len);
	return r ? r : daxfs_xmake_pad(m);
}

static int fill(struct daxfs_xmake *m, const struct daxfs_xset *set,
		const struct edit *ed)
{
	struct daxfs_xentry e;
	u64 pos = 0;
	int r;

	while ((r = daxfs_xset_next(set, &pos, &e)) > 0) {
		if (ed->name && is_named(&e, ed->name, ed->name_len))
			continue;
		r = copy_entry(m, set, &e, ed);
		if (r)
			return r;
	}
	if (!r && ed->value) {
		r = daxfs_xmake_name(m, ed->name, ed->name_len, ed->len);
		if (!r)
			r = daxfs_xmake_put(m, ed->value, ed->len);
		if (!r)
			r = daxfs_xmake_pad(m);
	}
	return r ? r : daxfs_xmake_end(m);
}

/* The set that comes of it, into at. */
static int make(struct daxfs_cx *cx, struct daxfs_inode *in,
		const struct daxfs_xset *set, const struct edit *ed,
		struct daxfs_attr *at)
{
	struct daxfs_xmake m;
	u64 len = ed->kept;
	int r;

	if (ed->value)
		len += daxfs_xentry_len(ed->name_len, ed->len);
	at->flags |= DAXFS_ATTR_XATTRS;
	at->xattr_off = 0;
	if (!len)
		return 0;
	r = daxfs_xmake_begin(cx, &in->attr_off, len, &m);
	if (r)
		return r;
	r = fill(&m, set, ed);
	if (r)
		daxfs_xset_give(cx, &in->attr_off, m.off);
	else
		at->xattr_off = m.off;
	return r;
}

int daxfs_xattr_follow(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		       const struct daxfs_attr *old, struct daxfs_attr *at,
		       int owner)
{
	struct edit ed = { .mode = at->mode };
	struct daxfs_xset set;
	int r;

	ed.follow = (at->mode & 0777) != (old->mode & 0777);
	if (owner && !S_ISDIR(at->mode)) {
		ed.name = CAPABILITY;
		ed.name_len = sizeof(CAPABILITY) - 1;
	}
	if (!ed.follow && !ed.name)
		return 0;
	r = daxfs_xset_of(cx, ref, old, &set);
	if (!r && set.len)
		r = look(&set, &ed);
	if (r || (!ed.found && !ed.has_acl))
		return r;
	return make(cx, ref->in, &set, &ed, at);
}

/* ---- what is asked for ---- */

struct xattr_arg {
	u64 ino;
	const char *name;
	u32 len;
	u8 *buf;		/* get, list: put here, if size */
	u64 size;
	const void *value;	/* set; NULL: remove */
	u64 value_len;
	u32 flags;
	int trusted;		/* list: these, too */
	enum space space;
	struct daxfs_acl acl;	/* of a value that is one */
	int changed;
	s64 result;
};

/* The record; of a base inode without a copy what it would be. */
static int record_of(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		     struct daxfs_attr *at, u64 *off)
{
	if (ref->in)
		return daxfs_attr(cx, ref->in, at, off);
	memset(at, 0, sizeof(*at));
	at->mode = ref->base.mode;
	*off = 0;
	return 0;
}

static int open_set(struct daxfs_cx *cx, u64 ino, struct daxfs_xset *set)
{
	struct daxfs_iref ref;
	struct daxfs_attr at;
	u64 off;
	int r = daxfs_iget(cx, ino, 0, &ref);

	if (!r)
		r = record_of(cx, &ref, &at, &off);
	return r ? r : daxfs_xset_of(cx, &ref, &at, set);
}

/* ---- get ---- */

static int get_fn(struct daxfs_cx *cx, void *p)
{
	struct xattr_arg *a = p;
	struct daxfs_xset set;
	struct daxfs_xentry e;
	int r = open_set(cx, a->ino, &set);

	if (!r)
		r = daxfs_xset_find(&set, a->name, a->len, &e);
	if (r)
		return r;
	a->result = e.value_len;
	if (!a->size)
		return 0;
	return a->size < e.value_len ? -ERANGE :
	       daxfs_xset_read(&set, e.value, a->buf, e.value_len);
}

s64 daxfs_getxattr(struct daxfs_cx *cx, u64 ino, const char *name, u32 len,
		   void *buf, u64 size)
{
	struct xattr_arg a = { .ino = ino, .name = name, .len = len, .buf = buf,
			       .size = size };
	int named = space_of(name, len, &a.space), r;

	if (named && named != -EOPNOTSUPP)
		return named;
	r = daxfs_section(cx, get_fn, &a);
	if (r == -ENODATA && named)
		return named;	/* none that could be there */
	return r ? r : a.result;
}

/* ---- list ---- */

static int is_hidden(const struct xattr_arg *a, const struct daxfs_xentry *e)
{
	static const char text[] = "trusted.";

	return !a->trusted && e->name_len >= sizeof(text) - 1 &&
	       !memcmp(e->name, text, sizeof(text) - 1);
}

static int list_fn(struct daxfs_cx *cx, void *p)
{
	struct xattr_arg *a = p;
	struct daxfs_xset set;
	struct daxfs_xentry e;
	u64 pos = 0;
	int r = open_set(cx, a->ino, &set);

	a->result = 0;
	if (r)
		return r;
	while ((r = daxfs_xset_next(&set, &pos, &e)) > 0) {
		u64 at = (u64)a->result, n = e.name_len + 1;

		if (is_hidden(a, &e))
			continue;
		a->result += (s64)n;
		if (a->size && at + n > a->size)
			return -ERANGE;
		if (a->size)
			memcpy(a->buf + at, e.name, n);
	}
	return r;
}

s64 daxfs_listxattr(struct daxfs_cx *cx, u64 ino, void *buf, u64 size,
		    int trusted)
{
	struct xattr_arg a = { .ino = ino, .buf = buf, .size = size,
			       .trusted = trusted };
	int r = daxfs_section(cx, list_fn, &a);

	if (!r && a.result > DAXFS_XATTR_LIST_MAX)
		r = -E2BIG;
	return r ? r : a.result;
}

/* ---- set and remove ---- */

/* What an access list says is the mode's as well. */
static void apply_acl(const struct xattr_arg *a, struct edit *ed,
		      struct daxfs_attr *at)
{
	if (a->space != ACCESS || !a->value)
		return;
	at->mode = daxfs_acl_mode(&a->acl, at->mode);
	if (a->flags & DAXFS_XATTR_KILL_SGID)
		at->mode &= ~(u32)S_ISGID;
	if (!a->acl.extended)
		ed->value = NULL;	/* the mode says all of it */
}

static int flags_allow(const struct xattr_arg *a, const struct edit *ed)
{
	if (a->space == ACCESS || a->space == DEFAULT)
		return 0;	/* as in other file systems */
	if (!a->value)
		return ed->found ? 0 : -ENODATA;
	if (a->flags & DAXFS_XATTR_CREATE && ed->found)
		return -EEXIST;
	return a->flags & DAXFS_XATTR_REPLACE && !ed->found ? -ENODATA : 0;
}

/* One try. -EAGAIN: look again. */
static int change_once(struct daxfs_cx *cx, struct xattr_arg *a,
		       struct daxfs_iref *ref)
{
	struct edit ed = { .name = a->name, .name_len = a->len,
			   .value = a->value, .len = a->value_len };
	struct daxfs_attr old, at;
	struct daxfs_xset set;
	u64 off;
	int r = record_of(cx, ref, &old, &off);

	if (!r)
		r = space_allows(a->space, old.mode, !a->value);
	if (!r)
		r = daxfs_xset_of(cx, ref, &old, &set);
	if (!r)
		r = look(&set, &ed);
	if (!r)
		r = flags_allow(a, &ed);
	if (r || (!ed.found && !ed.value))
		return r;
	r = daxfs_view_writable(cx);
	if (r)
		return r;
	if (!ref->own) {
		r = daxfs_copy_up(cx, ref);
		return r ? r : -EAGAIN;
	}
	at = old;
	apply_acl(a, &ed, &at);
	if (ed.found || ed.value)
		r = make(cx, ref->in, &set, &ed, &at);
	if (!r)
		r = daxfs_attr_replace(cx, ref->in, off, &old, &at);
	a->changed = !r;
	return r;
}

static int change_fn(struct daxfs_cx *cx, void *p)
{
	struct xattr_arg *a = p;
	struct daxfs_iref ref;
	int r = daxfs_iget(cx, a->ino, 0, &ref);

	if (r)
		return r;
	r = -EAGAIN;
	for (u32 i = 0; i < TRIES && r == -EAGAIN; i++)
		r = change_once(cx, a, &ref);
	if (a->changed)
		daxfs_touch(cx, ref.in, DAXFS_TOUCH_CTIME);
	return r == -EAGAIN ? -EBUSY : r;	/* others are always faster */
}

/* Names and values that can be. */
static int check_arg(struct xattr_arg *a)
{
	int r = space_of(a->name, a->len, &a->space);

	if (r || !a->value)
		return r;
	if (a->value_len > DAXFS_XATTR_VALUE_MAX)
		return -E2BIG;
	if (a->flags & ~(DAXFS_XATTR_CREATE | DAXFS_XATTR_REPLACE |
			 DAXFS_XATTR_KILL_SGID))
		return -EINVAL;
	if (a->space != ACCESS && a->space != DEFAULT)
		return 0;
	return daxfs_acl_parse(a->value, a->value_len, &a->acl);
}

int daxfs_setxattr(struct daxfs_cx *cx, u64 ino, const char *name, u32 len,
		   const void *value, u64 size, u32 flags)
{
	struct xattr_arg a = { .ino = ino, .name = name, .len = len,
			       .value = value ? value : "", .value_len = size,
			       .flags = flags };
	int r = check_arg(&a);

	if (r)
		return r;
	return cx->sh ? daxfs_section(cx, change_fn, &a) : -EROFS;
}

int daxfs_removexattr(struct daxfs_cx *cx, u64 ino, const char *name, u32 len)
{
	struct xattr_arg a = { .ino = ino, .name = name, .len = len };
	int r = check_arg(&a);

	if (r)
		return r;
	cx->full = cx->sh != NULL;	/* it gives memory back */
	r = cx->sh ? daxfs_section(cx, change_fn, &a) : -EROFS;
	cx->full = 0;
	return r;
}

/* ---- what a change of content takes away ---- */

static int drop_caps_fn(struct daxfs_cx *cx, void *p)
{
	struct xattr_arg a = { .name = CAPABILITY, .space = SECURITY,
			       .len = sizeof(CAPABILITY) - 1 };
	struct daxfs_xentry e;
	struct daxfs_iref ref;
	struct daxfs_xset set;
	struct daxfs_attr at;
	u64 off;
	int r = daxfs_file_ref(cx, p, &ref);

	if (!r)
		r = record_of(cx, &ref, &at, &off);
	if (!r)
		r = daxfs_xset_of(cx, &ref, &at, &set);
	if (r || !set.len)
		return r;
	r = daxfs_xset_find(&set, a.name, a.len, &e);
	if (!r) {
		a.ino = ref.ino;
		r = change_fn(cx, &a);
	}
	return r == -ENODATA ? 0 : r;	/* another was faster */
}

int daxfs_drop_caps(struct daxfs_cx *cx, struct daxfs_file *f)
{
	return cx->sh ? daxfs_section(cx, drop_caps_fn, f) : -EROFS;
}
