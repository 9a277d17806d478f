/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random operations in a directory of one's own, against a model in memory.
 *
 * Notes: a node of the model is an inode; a directory has one slot per name
 * that is ever used in it. Content is kept for a window of a file (what lies
 * below it is a hole), and the window of some files lies over the boundary of
 * a 2 MiB chunk. Names have lengths around the sizes of directory cells.
 */
#include "model.h"

#include <dirent.h>

#define NAMES	12
#define DIRS	10
#define HELD	4
#define WINDOW	(64u * 1024)
#define FAR	(2 * MIB - WINDOW / 2)

struct node {
	u32 mode;
	u32 nlink;		/* files: names */
	u64 ino;
	u64 size;
	u64 base;		/* offset of the window */
	u8 *data;		/* WINDOW bytes, zero beyond size */
	u32 holders;		/* by held[] */
	u32 subdirs;
	struct node *parent;
	struct node *child[NAMES];
};

static __thread struct node root;
static __thread struct node *dirs[DIRS];
static __thread u32 dirs_nr;

struct open_file {
	struct node *n;
	struct daxfs_held *h;
};

static __thread struct open_file held[HELD];
static __thread char names[NAMES][DAXFS_NAME_MAX + 1];
static __thread u8 buf[WINDOW];
static __thread int may_be_full;

/* ---- nodes ---- */

static void name_init(void)
{
	static const u32 len[NAMES] = { 1, 3, 8, 14, 15, 16, 17, 78, 79, 80,
					200, 255 };
	u32 i;

	for (i = 0; i < NAMES; i++) {
		memset(names[i], 'a' + (int)i, len[i]);
		names[i][len[i]] = 0;
	}
}

static void node_put(struct node *n)
{
	if (n->nlink || n->holders)
		return;
	free(n->data);
	free(n);
}

static void dir_forget(struct node *n)
{
	u32 i;

	for (i = 0; dirs[i] != n; i++)
		;
	dirs[i] = dirs[--dirs_nr];
	free(n);
}

static struct node *node_new(struct node *dir, u32 i, u32 mode, u64 ino)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		WRONG("out of memory");
	n->mode = mode;
	n->ino = ino;
	n->nlink = 1;
	n->parent = dir;
	dir->child[i] = n;
	if (S_ISDIR(mode)) {
		dirs[dirs_nr++] = n;
		dir->subdirs++;
	} else if (S_ISREG(mode)) {
		n->data = calloc(1, WINDOW);
		if (!n->data)
			WRONG("out of memory");
		n->base = below(4) ? 0 : FAR;
	}
	return n;
}

static int dir_is_empty(const struct node *n)
{
	u32 i;

	for (i = 0; i < NAMES; i++) {
		if (n->child[i])
			return 0;
	}
	return 1;
}

static int is_inside(const struct node *n, const struct node *of)
{
	for (; n; n = n->parent) {
		if (n == of)
			return 1;
	}
	return 0;
}

/* ENOSPC that may come early; such a call has had no effect. */
static int full(s64 r)
{
	return may_be_full && r == -ENOSPC;
}

static void expect(const char *op, s64 have, s64 want)
{
	if (have != want)
		WRONG("%s gave %lld, not %lld", op, (long long)have,
		      (long long)want);
}

/* ---- names ---- */

static void op_create(struct node *dir, u32 i)
{
	static const u32 modes[] = { S_IFREG | 0644, S_IFREG | 0600,
				     S_IFDIR | 0755, S_IFLNK | 0777 };
	struct daxfs_new what = { .mode = modes[below(4)] };
	struct daxfs_stat st;
	char target[300];
	int r;

	if (S_ISDIR(what.mode) && dirs_nr == DIRS)
		what.mode = S_IFREG | 0644;
	if (S_ISLNK(what.mode)) {
		what.target_len = 1 + below(sizeof(target));
		memset(target, names[i][0], what.target_len);
		what.target = target;
	}
	r = daxfs_create(cx, dir->ino, names[i], len_of(names[i]), &what, &st);
	if (full(r))
		return;
	expect("create", r, dir->child[i] ? -EEXIST : 0);
	if (r)
		return;
	expect("mode of a new file", st.mode, what.mode);
	node_new(dir, i, what.mode, st.ino);
	if (S_ISLNK(what.mode))
		dir->child[i]->size = what.target_len;
}

/* The name goes; what it referred to goes with its last name. */
static void drop_name(struct node *dir, u32 i)
{
	struct node *n = dir->child[i];

	dir->child[i] = NULL;
	n->nlink--;
	if (S_ISDIR(n->mode)) {
		dir->subdirs--;
		dir_forget(n);
	} else {
		node_put(n);
	}
}

static void op_unlink(struct node *dir, u32 i)
{
	struct node *n = dir->child[i];
	int r = daxfs_unlink(cx, dir->ino, names[i], len_of(names[i]));

	expect("unlink", r, !n ? -ENOENT : S_ISDIR(n->mode) ? -EISDIR : 0);
	if (!r)
		drop_name(dir, i);
}

static void op_rmdir(struct node *dir, u32 i)
{
	struct node *n = dir->child[i];
	int r = daxfs_rmdir(cx, dir->ino, names[i], len_of(names[i]));

	expect("rmdir", r, !n ? -ENOENT : !S_ISDIR(n->mode) ? -ENOTDIR :
	       !dir_is_empty(n) ? -ENOTEMPTY : 0);
	if (!r)
		drop_name(dir, i);
}

static void op_link(struct node *from, u32 i, struct node *to, u32 k)
{
	struct node *n = from->child[i];
	struct daxfs_stat st;
	int r;

	if (!n)
		return;
	r = daxfs_link(cx, n->ino, to->ino, names[k], len_of(names[k]), &st);
	if (full(r) || (S_ISDIR(n->mode) && to->child[k] && r == -EEXIST))
		return;		/* both errors apply */
	expect("link", r, S_ISDIR(n->mode) ? -EPERM :
	       to->child[k] ? -EEXIST : 0);
	if (r)
		return;
	to->child[k] = n;
	n->nlink++;
	expect("links after link", st.nlink, n->nlink);
}

/* Is r one of the errors that apply? With none of them it has to be 0. */
static int rename_allows(const struct node *from, const struct node *n,
			 const struct node *to, const struct node *over,
			 u32 flags, int r)
{
	int bad = 0, hit = 0;

#define APPLIES(cond, err) \
	do { if (cond) { bad = 1; hit |= r == -(err); } } while (0)
	APPLIES(!n, ENOENT);
	APPLIES(!over && flags == DAXFS_RENAME_EXCHANGE, ENOENT);
	if (bad)
		return hit;
	APPLIES(S_ISDIR(n->mode) && is_inside(to, n), EINVAL);
	if (flags == DAXFS_RENAME_EXCHANGE) {
		APPLIES(S_ISDIR(over->mode) && is_inside(from, over), EINVAL);
		return n == over ? r == 0 : bad ? hit : r == 0;
	}
	APPLIES(over && (flags & DAXFS_RENAME_NOREPLACE), EEXIST);
	if (over && over != n) {
		APPLIES(S_ISDIR(over->mode) && is_inside(from, over), ENOTEMPTY);
		APPLIES(S_ISDIR(over->mode) && !S_ISDIR(n->mode), EISDIR);
		APPLIES(!S_ISDIR(over->mode) && S_ISDIR(n->mode), ENOTDIR);
		APPLIES(S_ISDIR(over->mode) && !dir_is_empty(over), ENOTEMPTY);
	}
#undef APPLIES
	return bad ? hit : r == 0;
}

/* n has another name, which is in dir. */
static void put_name(struct node *dir, u32 i, struct node *n)
{
	dir->child[i] = n;
	if (S_ISDIR(n->mode)) {
		dir->subdirs++;
		n->parent = dir;
	}
}

static void op_rename(struct node *from, u32 i, struct node *to, u32 k)
{
	static const u32 some[] = { 0, 0, 0, DAXFS_RENAME_NOREPLACE,
				    DAXFS_RENAME_EXCHANGE };
	struct node *n = from->child[i], *over = to->child[k];
	u32 flags = some[below(5)];
	int r = daxfs_rename(cx, from->ino, names[i], len_of(names[i]),
			     to->ino, names[k], len_of(names[k]), flags);

	if (full(r))
		return;
	if (!rename_allows(from, n, to, over, flags, r))
		WRONG("rename of %s over %s, flags %u, gave %d",
		      !n ? "nothing" : S_ISDIR(n->mode) ? "a directory" :
		      "a file", !over ? "nothing" : over == n ? "itself" :
		      S_ISDIR(over->mode) ? "a directory" : "a file", flags, r);
	if (r || n == over)
		return;
	from->subdirs -= S_ISDIR(n->mode) != 0;
	from->child[i] = NULL;
	if (flags == DAXFS_RENAME_EXCHANGE) {
		to->subdirs -= S_ISDIR(over->mode) != 0;
		put_name(from, i, over);
	} else if (over) {
		drop_name(to, k);
	}
	put_name(to, k, n);
}

/* ---- content ---- */

static struct node *some_file(void)
{
	struct node *n;
	u32 tries;

	for (tries = 0; tries < 20; tries++) {
		n = dirs[below(dirs_nr)]->child[below(NAMES)];
		if (n && S_ISREG(n->mode))
			return n;
	}
	return NULL;
}

static void clear_beyond_size(struct node *n)
{
	u64 keep = n->size > n->base ? n->size - n->base : 0;

	memset(n->data + keep, 0, WINDOW - keep);
}

static void node_wrote(struct node *n, u64 at, u64 len)
{
	memcpy(n->data + at, buf, len);
	if (n->base + at + len > n->size)
		n->size = n->base + at + len;
}

static u64 some_bytes(u64 max)
{
	u64 len = 1 + below(below(4) ? 600 : 20000), i;
	u8 c = 1 + below(255);

	if (len > max)
		len = max;
	for (i = 0; i < len; i++)
		buf[i] = c + (u8)(i / 3) ? c + (u8)(i / 3) : 1;
	return len;
}

static void op_write(struct node *n, struct daxfs_file *f)
{
	u64 at = below(WINDOW), len = some_bytes(WINDOW - at);
	s64 r = daxfs_write(cx, f, n->base + at, buf, len);

	if (full(r))
		return;
	if (may_be_full && r > 0)
		len = r;	/* space ran out on the way */
	expect("write", r, len);
	node_wrote(n, at, len);
}

static void op_append(struct node *n, struct daxfs_file *f)
{
	u64 where = ~0ull, len;
	s64 r;

	if (n->size < n->base || n->size >= n->base + WINDOW)
		return;
	len = some_bytes(n->base + WINDOW - n->size);
	r = daxfs_append(cx, f, buf, len, &where);
	if (full(r))
		return;
	expect("append", r, len);
	expect("place of the append", where, n->size);
	node_wrote(n, n->size - n->base, len);
}

static void op_truncate(struct node *n, struct daxfs_file *f)
{
	u64 size = below(8) ? n->base + below(WINDOW + 1) : below(n->base + 1);

	int r = daxfs_truncate(cx, f, size);

	if (full(r))
		return;
	expect("truncate", r, 0);
	n->size = size;
	clear_beyond_size(n);
}

static void compare(struct node *n, u64 off, u64 len)
{
	u64 i;

	for (i = 0; i < len; i++) {
		u8 want = off + i < n->base ? 0 : n->data[off + i - n->base];

		if (buf[i] != want)
			WRONG("inode %llu, size %llu: byte %llu is %u, not %u",
			      (unsigned long long)n->ino,
			      (unsigned long long)n->size,
			      (unsigned long long)(off + i), buf[i], want);
	}
}

static void read_range(struct node *n, struct daxfs_file *f, u64 off, u64 len)
{
	u64 want = off >= n->size ? 0 : n->size - off;

	if (want > len)
		want = len;
	memset(buf, 0xee, len);
	expect("read", daxfs_read(cx, f, off, buf, len), want);
	compare(n, off, want);
}

static void op_read(struct node *n, struct daxfs_file *f)
{
	u64 off = below(n->base + WINDOW);

	if (n->base && below(2))
		off = n->base - below(5000);
	read_range(n, f, off, 1 + below(WINDOW - 1));
}

static void check_attr(const struct node *n)
{
	u32 nlink = S_ISDIR(n->mode) ? 2 + n->subdirs : n->nlink;
	struct daxfs_stat st;

	expect("getattr", daxfs_getattr(cx, n->ino, &st), 0);
	expect("mode", st.mode, n->mode);
	expect("links", st.nlink, nlink);
	if (!S_ISDIR(n->mode))
		expect("size", st.size, n->size);
}

static void on_content(struct node *n, struct daxfs_file *f)
{
	switch (below(6)) {
	case 0: case 1:
		op_write(n, f);
		break;
	case 2:
		op_append(n, f);
		break;
	case 3:
		op_truncate(n, f);
		break;
	default:
		op_read(n, f);
	}
}

static void op_content(struct node *n)
{
	struct daxfs_held *h;

	if (!n)
		return;
	expect("open", daxfs_hold(mnt, cx, n->ino, &h), 0);
	on_content(n, &h->file);
	check_attr(n);
	daxfs_unhold(mnt, cx, h);
}

/* Keep a file open for a while; it may lose its names meanwhile. */
static void op_held(void)
{
	struct open_file *o = &held[below(HELD)];

	if (!o->n) {
		o->n = some_file();
		if (!o->n)
			return;
		expect("open", daxfs_hold(mnt, cx, o->n->ino, &o->h), 0);
		o->n->holders++;
	} else if (below(4)) {
		on_content(o->n, &o->h->file);
		check_attr(o->n);
	} else {
		daxfs_unhold(mnt, cx, o->h);
		o->n->holders--;
		node_put(o->n);
		o->n = NULL;
	}
}

/* ---- comparing ---- */

static void check_name(struct node *dir, u32 i)
{
	struct node *n = dir->child[i];
	struct daxfs_stat st;
	int r = daxfs_lookup(cx, dir->ino, names[i], len_of(names[i]), &st);

	expect("lookup", r, n ? 0 : -ENOENT);
	if (!n)
		return;
	expect("inode number", st.ino, n->ino);
	check_attr(n);
}

static void check_link_target(struct node *n, u32 i)
{
	(void)i;
	expect("readlink", daxfs_readlink(cx, n->ino, (char *)buf, WINDOW),
	       n->size);
}

static void check_list(struct node *dir)
{
	u32 i, want = 0, seen = 0;
	struct list l;
	u64 k;

	MUST(list_dir(dir->ino, &l));
	for (i = 0; i < NAMES; i++) {
		if (!dir->child[i])
			continue;
		want++;
		for (k = 0; k < l.nr; k++)
			seen += !strcmp(l.e[k].name, names[i]) &&
				l.e[k].ino == dir->child[i]->ino;
	}
	if (seen != want || l.nr != want)
		WRONG("a directory of %u names lists %llu, %u of them right",
		      want, (unsigned long long)l.nr, seen);
	free(l.e);
}

static void check_all(void)
{
	struct daxfs_held *h;
	struct node *n;
	u32 d, i;

	for (d = 0; d < dirs_nr; d++) {
		check_list(dirs[d]);
		for (i = 0; i < NAMES; i++) {
			check_name(dirs[d], i);
			n = dirs[d]->child[i];
			if (n && S_ISLNK(n->mode))
				check_link_target(n, i);
			if (!n || !S_ISREG(n->mode))
				continue;
			expect("open", daxfs_hold(mnt, cx, n->ino, &h), 0);
			read_range(n, &h->file, n->base, WINDOW);
			daxfs_unhold(mnt, cx, h);
		}
	}
}

/* ---- the three calls ---- */

void model_init(u64 dir, int early)
{
	may_be_full = early;
	name_init();
	memset(&root, 0, sizeof(root));
	root.mode = S_IFDIR | 0755;
	root.nlink = 1;
	root.ino = dir;
	dirs[0] = &root;
	dirs_nr = 1;
}

void model_step(void)
{
	struct node *d = dirs[below(dirs_nr)], *e = dirs[below(dirs_nr)];
	u32 i = below(NAMES), k = below(NAMES);

	switch (below(16)) {
	case 0: case 1: case 2:
		op_create(d, i);
		break;
	case 3:
		op_unlink(d, i);
		break;
	case 4:
		op_rmdir(d, i);
		break;
	case 5:
		op_link(d, i, e, k);
		break;
	case 6: case 7:
		op_rename(d, i, e, k);
		break;
	case 8:
		check_name(d, i);
		break;
	case 9:
		check_list(d);
		break;
	case 10: case 11:
		op_held();
		break;
	default:
		op_content(some_file());
	}
	if (!below(2000))
		check_all();
}

void model_finish(void)
{
	u32 i;

	check_all();
	for (i = 0; i < HELD; i++) {
		if (!held[i].n)
			continue;
		read_range(held[i].n, &held[i].h->file, held[i].n->base,
			   WINDOW);
		daxfs_unhold(mnt, cx, held[i].h);
	}
}
