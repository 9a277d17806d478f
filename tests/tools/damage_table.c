// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What can be wrong in a region: a case for each field of the format.
 *
 * Notes: places are found by reading the good region, by paths of the trees
 * that damage.c makes. A case that is UNSEEN says why there is no wrong value.
 * Fields that this release never reads (spare, reserved, windows) have one case for
 * each kind of reason.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "damage.h"
#include "base.h"
#include "cache.h"
#include "dir.h"
#include "index.h"
#include "map.h"
#include "pool.h"
#include "region.h"
#include "view.h"
#include "word.h"

#define AT(s, f)	__builtin_offsetof(struct s, f)
#define G(f)		AT(daxfs_globals, f)
#define HOST(n, f)	((n) * sizeof(struct daxfs_host_slot) + AT(daxfs_host, f))
#define CTX(n, f)	(sizeof(struct daxfs_host) + AT(daxfs_shared_ctx, f) + \
			 (n) * sizeof(struct daxfs_host_slot))
#define LAYER(f)	AT(daxfs_layer, f)
#define BRANCH(f)	AT(daxfs_branch, f)
#define TABLE(f)	AT(daxfs_table, f)
#define INODE(f)	AT(daxfs_inode, f)
#define CELL(f)		AT(daxfs_cell, f)
#define NAME(f)		AT(daxfs_dirent_cell, f)
#define LOCKS(f)	AT(daxfs_lock_list, f)
#define ATTR(f)		AT(daxfs_attr, f)
#define XATTRS(f)	AT(daxfs_xattrs, f)
#define XATTRS_BYTES	sizeof(struct daxfs_xattrs)
#define OWNED(t, back)	(DAXFS_I_OWNED | (u64)(t) << 3 | ((u64)(back) >> 3) << 15)
#define RETIRED(e)	(DAXFS_I_RETIRED | (u64)(e) << 15)
#define REF_TO(c, seq)	(DAXFS_K_REF | (u64)(c) << 3 | (u64)(seq) << 16)

struct daxfs_region *the_rg;
struct daxfs_cx *the_cx;

void give_up(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "damage: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static u64 area(u32 type, u64 n)
{
	return the_rg->area[type].off + n;
}

static u64 word_at(u64 off)
{
	struct daxfs_a64 *w = daxfs_at(the_rg, off, 8, 8);

	return w ? a64_load_relaxed(w) : 0;
}

/* ---- branches ---- */

const char *show_branch_of(const char *path)
{
	const char *colon = strchr(path, ':');
	char name[64];
	u64 id;

	if (!colon)
		return path;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - path), path);
	if (daxfs_branch_find(the_cx, name, &id))
		give_up("no such branch: %s", name);
	a64_store_relaxed(&the_rg->view, id);
	return colon + 1;
}

static struct daxfs_branch *branch_of(const char *name)
{
	u64 id;

	if (daxfs_branch_find(the_cx, name, &id) || !id)
		give_up("no such branch: %s", name);
	return daxfs_branch_at(the_rg, branch_id_entry(id));
}

/* ---- places ---- */

static u64 super(const char *path, u64 n)
{
	(void)path;
	return n;
}

static u64 globals(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_GLOBALS, n);
}

static u64 hosts(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_HOSTS, n);
}

static u64 layer(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_LAYERS, sizeof(struct daxfs_layer) + n);
}

static u64 branch(const char *path, u64 n)
{
	return daxfs_off(the_rg, branch_of(path)) + n;
}

/* Of an entry that no branch has. */
static u64 free_branch(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_BRANCHES, (the_rg->area[DAXFS_AREA_BRANCHES].nr - 1) *
		    sizeof(struct daxfs_branch) + n);
}

static u64 layer_nr_at(u64 nr, u64 n)
{
	return area(DAXFS_AREA_LAYERS, nr * sizeof(struct daxfs_layer) + n);
}

/* The layer that many below the top of the branch, or of main: "main-1". */
static u64 layer_of(const char *path, u64 n)
{
	const char *minus = strchr(path, '-');
	u64 nr, down = minus ? (u64)(minus[1] - '0') : 0;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", minus ? (int)(minus - path) :
		 (int)strlen(path), path);
	nr = strcmp(name, "main") ? branch_top(a64_load_relaxed(&branch_of(name)->word)) :
	     head_layer(a64_load_relaxed(&daxfs_globals(the_rg)->head.word));
	for (; down; down--)
		nr = layer_below(a64_load_relaxed(&daxfs_layer_at(the_rg,
								  (u32)nr)->below));
	return layer_nr_at(nr, n);
}

/* What `below` holds of who lies on that layer. */
static u64 layer_of_top(const char *path, u64 n)
{
	u64 off = layer_of(path, n) - area(DAXFS_AREA_LAYERS, 0);

	return layer_below_make((u32)(off / sizeof(struct daxfs_layer)));
}

static u64 index_of(const char *path, u64 n)
{
	return word_at(layer_of(path, n + LAYER(root_off)));
}

/* The one that nobody uses, or that has ended. */
static u64 layer_in_state(u64 state, u64 n)
{
	for (u32 i = 1; i < the_rg->area[DAXFS_AREA_LAYERS].nr; i++)
		if (layer_state(a64_load_relaxed(&daxfs_layer_at(the_rg, i)->word)) ==
		    state)
			return layer_nr_at(i, n);
	give_up("no layer is in state %llu", (unsigned long long)state);
}

static u64 unused_layer(const char *path, u64 n)
{
	(void)path;
	return layer_in_state(DAXFS_L_NONE, n);
}

static u64 ended_layer(const char *path, u64 n)
{
	(void)path;
	return layer_in_state(DAXFS_L_DROPPED, n);
}

static u64 base_opens(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_BASE_OPENS, n * 8);
}

static u64 base_inodes(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_BASE_INODES, n);
}

static u64 base_meta(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_BASE_META, n);
}

static u64 chunk_hint(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_CHUNK_HINT, n * 8);
}

/* "0": the root table, "1": the one behind it. */
static u64 table(const char *path, u64 n)
{
	u64 off = word_at(layer(NULL, LAYER(root_off)));

	for (u32 i = 0; i < (u32)(path[0] - '0'); i++)
		off = word_at(off + TABLE(next));
	return off + n;
}

/* "0C": a bucket of that kind in that table; n more are skipped. */
static u64 bucket(const char *path, u64 n)
{
	static const char kinds[] = "ECMTSG";
	u64 off = table(path, 0);

	for (u64 i = 0; i < daxfs_table_size(the_rg, off); i++) {
		struct daxfs_a64 *b = daxfs_table_bucket(the_rg, off, i);
		u64 v = a64_load_relaxed(b);

		if (kinds[DAXFS_KIND(v)] == path[1] && !n--)
			return daxfs_off(the_rg, b);
	}
	return 0;
}

static u64 ino_of(const char *path, u64 *parent, const char **last)
{
	struct daxfs_stat st = { .ino = DAXFS_ROOT_INO };
	const char *slash;

	path = show_branch_of(path);
	*parent = DAXFS_ROOT_INO;
	*last = "";
	while (*path) {
		u32 len;

		slash = strchr(path, '/');
		len = slash ? (u32)(slash - path) : (u32)strlen(path);
		*parent = st.ino;
		*last = path;
		if (daxfs_lookup(the_cx, st.ino, path, len, &st))
			give_up("no such file: %s", path);
		path += len + (slash != NULL);
	}
	return st.ino;
}

static u64 inode(const char *path, u64 n)
{
	struct daxfs_iref ref;
	const char *last;
	u64 parent;
	u64 ino = ino_of(path, &parent, &last);
	int r = daxfs_enter(the_cx);

	if (!r)
		r = daxfs_view_look(the_cx);
	if (!r)
		r = daxfs_iget(the_cx, ino, 0, &ref);
	daxfs_leave(the_cx);
	if (r || !ref.off)
		give_up("no inode: %s", path);
	return ref.off + n;
}

/* In the first layer from the top that has it. */
static int find_cell(const struct daxfs_key *k, u64 *off, u64 *v)
{
	int r = -ENOENT;

	if (daxfs_enter(the_cx) || daxfs_view_look(the_cx))
		give_up("cannot look");
	for (u32 i = 0; i < the_cx->view.nr && r; i++)
		r = daxfs_index_find_in(the_cx, the_cx->view.layer[i], k, off, v);
	daxfs_leave(the_cx);
	return r;
}

static u64 name(const char *path, u64 n)
{
	struct daxfs_key k;
	const char *last;
	u64 parent, off, v;

	ino_of(path, &parent, &last);
	k = daxfs_key_dirent(the_rg, parent, last, (u32)strlen(last));
	if (find_cell(&k, &off, &v))
		give_up("no name: %s", path);
	return off + n;
}

/* The cell that hides a name of the base image: "DIRECTORY|NAME". */
static u64 whiteout(const char *path, u64 n)
{
	struct daxfs_key k;
	const char *last, *bar = strchr(path, '|');
	char dir[64] = "";
	u64 parent, off, v, ino;

	memcpy(dir, path, (size_t)(bar - path));
	ino = ino_of(dir, &parent, &last);
	k = daxfs_key_dirent(the_rg, ino, bar + 1, (u32)strlen(bar + 1));
	if (find_cell(&k, &off, &v))
		give_up("no name: %s", path);
	return off + n;
}

/* The overlay inode of the base inode with the number n of the path. */
static u64 gone_inode(const char *path, u64 n)
{
	u64 off, v;

	for (u64 ino = 1; ino <= the_rg->super.base_inode_nr; ino++) {
		struct daxfs_key k = daxfs_key_inode(the_rg, ino);

		if (!daxfs_index_find(the_cx, &k, &off, &v) &&
		    value_state(v) == DAXFS_V_WHITEOUT)
			return off + n;
	}
	give_up("no inode was removed: %s", path);
}

/* The copy that hides a removed inode in the top layer of the branch. */
static u64 inode_gone(const char *path, u64 n)
{
	u64 off, v;

	show_branch_of(path);
	for (u64 i = 1; i < 1000000; i++) {
		struct daxfs_key k = daxfs_key_inode(the_rg, i);

		if (!find_cell(&k, &off, &v) && value_state(v) == DAXFS_V_WHITEOUT)
			return off + n;
	}
	give_up("no inode was removed: %s", path);
}

static u64 attr(const char *path, u64 n)
{
	return word_at(inode(path, INODE(attr_off))) + n;
}

/* The head of the extended attributes. */
static u64 xattrs(const char *path, u64 n)
{
	return word_at(attr(path, ATTR(xattr_off))) + n;
}

/* The word that names page n of the content. */
static u64 page_word(const char *path, u64 n)
{
	struct daxfs_inode *in = daxfs_at(the_rg, inode(path, 0), sizeof(*in), 64);
	struct daxfs_a64 *word;

	if (daxfs_map_word(the_cx, in, n, 0, &word) || !word)
		give_up("no page %llu: %s", (unsigned long long)n, path);
	return daxfs_off(the_rg, word);
}

static u64 page(const char *path, u64 n)
{
	return pslot_off(word_at(page_word(path, n)));
}

static u64 content(const char *path, u64 n)
{
	return page(path, n / DAXFS_PAGE_SIZE) + n % DAXFS_PAGE_SIZE;
}

/* Word n of the top node of the map. */
static u64 map_word(const char *path, u64 n)
{
	return pslot_off(word_at(inode(path, INODE(map)))) + n * 8;
}

static u64 slot(const char *path, u64 n)
{
	struct daxfs_inode *in;
	struct daxfs_a64 *word;
	struct daxfs_iref ref;
	const char *last;
	u64 parent;

	ino_of(path, &parent, &last);
	if (daxfs_iget(the_cx, parent, 0, &ref))
		give_up("no directory: %s", path);
	in = ref.in;
	if (daxfs_slot_word(the_cx, in, word_at(name(path, NAME(dslot))) + n, 0, &word))
		give_up("no slot: %s", path);
	return daxfs_off(the_rg, word);
}

/* ---- info words of pages ---- */

static u64 info(u64 off)
{
	struct daxfs_a64 *w = daxfs_page_info(the_rg, off & ~(DAXFS_PAGE_SIZE - 1));

	return w ? daxfs_off(the_rg, w) : 0;
}

static u64 info_page(const char *path, u64 n)
{
	return info(page(path, n));
}

static u64 info_inode(const char *path, u64 n)
{
	return info(inode(path, n));
}

static u64 info_name(const char *path, u64 n)
{
	return info(name(path, n));
}

static u64 info_attr(const char *path, u64 n)
{
	return info(attr(path, n));
}

static u64 info_xattrs(const char *path, u64 n)
{
	return info(xattrs(path, n));
}

/* Of the page that word n of the head names. */
static u64 info_further(const char *path, u64 n)
{
	return info(word_at(xattrs(path, XATTRS_BYTES + n * 8)));
}

static u64 info_map(const char *path, u64 n)
{
	return info(map_word(path, n));
}

static u64 lock_list(const char *path, u64 n)
{
	return word_at(inode(path, INODE(lock_off))) + n;
}

static u64 info_locks(const char *path, u64 n)
{
	return info(lock_list(path, n));
}

static u64 info_table(const char *path, u64 n)
{
	return info(table(path, n));
}

static u64 info_segment(const char *path, u64 n)
{
	return info(word_at(table(path, TABLE(dir[n]))));
}

/* A page in that state: n is the kind. */
static u64 info_kind(const char *path, u64 n)
{
	const struct daxfs_span *pool = &the_rg->area[DAXFS_AREA_POOL];

	(void)path;
	for (u64 i = pool->nr / 2; i < pool->nr; i++) {
		u64 off = info(pool->off + i * DAXFS_PAGE_SIZE);

		if (DAXFS_KIND(word_at(off)) == n)
			return off;
	}
	return 0;
}

/* A free object in the page of a name. */
static u64 free_object(const char *path, u64 n)
{
	u64 page_off = name(path, 0) & ~(DAXFS_PAGE_SIZE - 1);

	for (u64 off = page_off; off < page_off + DAXFS_PAGE_SIZE; off += 64)
		if (DAXFS_KIND(word_at(off)) == DAXFS_I_FREE ||
		    DAXFS_KIND(word_at(off)) == DAXFS_I_RETIRED)
			return off + n;
	return 0;
}

/* An inode that is free, in some page of inodes. */
static u64 free_inode(const char *path, u64 n)
{
	const struct daxfs_span *pool = &the_rg->area[DAXFS_AREA_POOL];

	(void)path;
	for (u64 i = 0; i < pool->nr; i++) {
		u64 page_off = pool->off + i * DAXFS_PAGE_SIZE;

		if (daxfs_slab_class(word_at(info(page_off))) != DAXFS_CLASS256)
			continue;
		for (u64 off = page_off; off < page_off + DAXFS_PAGE_SIZE; off += 256)
			if (DAXFS_KIND(word_at(off)) != DAXFS_I_OWNED)
				return off + n;
	}
	return 0;
}

/* ---- values: where they are, or what they are ---- */

static u64 word_of_dir(const char *path, u64 n)
{
	return word_at(table(path, TABLE(dir[n])));
}

static u64 word_of_bucket(const char *path, u64 n)
{
	return word_at(bucket(path, n));
}

static u64 name_value(const char *path, u64 n)
{
	return word_at(name(path, n));
}

static u64 inode_value(const char *path, u64 n)
{
	return word_at(inode(path, n));
}

static u64 page_word_value(const char *path, u64 n)
{
	return word_at(page_word(path, n));
}

static u64 map_word_value(const char *path, u64 n)
{
	return word_at(map_word(path, n));
}

static u64 segment_of(const char *path, u64 n)
{
	return word_of_dir(path, n);
}

static u64 name_page(const char *path, u64 n)
{
	return name(path, n) & ~(DAXFS_PAGE_SIZE - 1);
}

static u64 inode_page(const char *path, u64 n)
{
	return inode(path, n) & ~(DAXFS_PAGE_SIZE - 1);
}

static u64 slab_as_page(const char *path, u64 n)
{
	return DAXFS_P_PAGE << 3 | (inode(path, n) & ~(DAXFS_PAGE_SIZE - 1));
}

/* ---- the page cache ---- */

/* The slot that holds the page of a backing file that the file begins with. */
static u64 slot_of(const char *path)
{
	const char *last;
	u64 parent;
	struct daxfs_file f = { .ino = ino_of(path, &parent, &last) };
	struct daxfs_run run;

	if (daxfs_runs(the_cx, &f, 0, 1, &run, 1) != 1 || !run.away)
		give_up("not in a backing file: %s", path);
	for (u64 i = 0; i < daxfs_cache_slot_nr(the_rg); i++) {
		u64 v = a64_load_relaxed(&daxfs_cache_slot_at(the_rg, i)->word);

		if (DAXFS_KIND(v) == DAXFS_C_VALID && cslot_addr(v) == run.off)
			return i;
	}
	give_up("not in the cache: %s", path);
}

static u64 cache_slot(const char *path, u64 n)
{
	return area(DAXFS_AREA_PCACHE_SLOTS,
		    slot_of(path) * sizeof(struct daxfs_pcache_slot) + n);
}

static u64 cache_pins(const char *path, u64 n)
{
	return area(DAXFS_AREA_PCACHE_PINS, slot_of(path) * 8 + n);
}

static u64 cache_asks(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_PCACHE_ASKS, n * 8);
}

static u64 backing(const char *path, u64 n)
{
	(void)path;
	return area(DAXFS_AREA_BACKING, n);
}

/* ---- the cases ---- */

const struct damage damages[] = {
#include "damage_cases.inc"
};

const u32 damages_nr = sizeof(damages) / sizeof(damages[0]);
