// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: where everything lies, and in which pieces it is
 * read.
 *
 * Notes: offsets are from the start of their area; BASE_DATA begins at a
 * multiple of 2 MiB once it is that long. Metadata: names and targets first,
 * packed, then extents and attributes, which are aligned to 8. Data: what is
 * 2 MiB or longer begins so that 2 MiB of the file are 2 MiB of the region
 * and can be mapped by one entry of a page table; what is shorter begins at a
 * page, in the gaps between the long ones where it fits and behind them
 * otherwise. In split mode there is such a place in each backing file, and each range of
 * content goes to the file that has the least of it so far.
 */
#include <stdlib.h>

#include "image_priv.h"

#define PIECE_LEN (16ull << 20)		/* so that two threads share one file */

struct gap {
	u64 off, end;
};

struct room {			/* of the region, or of one backing file */
	u64 end;		/* of the data so far */
	struct gap *gap;
	u64 gap_nr, gap_room, gap_at;
};

struct layout {
	struct daxfs_image *img;
	struct room *room;
	u32 nr;
};

static u64 round_up(u64 n, u64 to)
{
	return (n + to - 1) & ~(to - 1);
}

/* ---- metadata ---- */

static u64 place_packed(struct daxfs_image *img)
{
	u64 i, off = 0;

	for (i = 0; i < img->node_nr; i++) {
		struct image_node *n = &img->node[i];

		n->body_off = off;
		if (S_ISDIR(n->id.mode))
			off += n->ent_nr * sizeof(struct daxfs_base_dirent);
		else if (S_ISLNK(n->id.mode))
			off += n->target_len;
	}
	return off;
}

static u64 place_aligned(struct daxfs_image *img, u64 off)
{
	u64 i;

	off = round_up(off, 8);
	for (i = 0; i < img->node_nr; i++) {
		struct image_node *n = &img->node[i];

		if (n->flags & DAXFS_BASE_SPARSE) {
			n->body_off = off;
			off += (n->extent_nr ? n->extent_nr : 1) *
			       sizeof(struct daxfs_base_extent);
		}
		n->xattr_off = off;
		off += n->xattr_len;	/* a multiple of 8 */
	}
	return off;
}

/* ---- data ---- */

/* Long: at the end, 2 MiB of the file on 2 MiB of the region. */
static int place_long(struct daxfs_image *img, struct room *l, u64 phase, u64 len,
		      u64 *off)
{
	*off = round_up(l->end, DAXFS_CHUNK_SIZE) + phase;
	if (*off >= l->end + DAXFS_CHUNK_SIZE)
		*off -= DAXFS_CHUNK_SIZE;
	if (*off > l->end) {
		if (image_room(img, (void **)&l->gap, l->gap_nr, &l->gap_room,
			       sizeof(*l->gap), 1))
			return -ENOMEM;
		l->gap[l->gap_nr].off = l->end;
		l->gap[l->gap_nr++].end = *off;
	}
	l->end = round_up(*off + len, DAXFS_PAGE_SIZE);
	return 0;
}

static u64 place_short(struct room *l, u64 len)
{
	u64 need = round_up(len, DAXFS_PAGE_SIZE), off;

	while (l->gap_at < l->gap_nr &&
	       l->gap[l->gap_at].off == l->gap[l->gap_at].end)
		l->gap_at++;
	if (l->gap_at < l->gap_nr) {
		struct gap *g = &l->gap[l->gap_at];

		if (need <= g->end - g->off) {
			off = g->off;
			g->off += need;
			return off;
		}
	}
	off = l->end;
	l->end += need;
	return off;
}

static u32 emptiest(const struct layout *l)
{
	u32 i, best = 0;

	for (i = 1; i < l->nr; i++)
		if (l->room[i].end < l->room[best].end)
			best = i;
	return best;
}

/*
 * Place what belongs to this pass: long ranges or short ones. *off: a backing address,
 * if there are backing files.
 */
static int place(struct layout *l, int longs, u64 file_off, u64 len, u64 *off)
{
	u32 to = emptiest(l);
	int err = 0;

	if ((len >= DAXFS_CHUNK_SIZE) != longs)
		return 0;
	l->img->totals.content += len;
	if (longs)
		err = place_long(l->img, &l->room[to], file_off % DAXFS_CHUNK_SIZE, len,
				 off);
	else
		*off = place_short(&l->room[to], len);
	*off |= (u64)to << DAXFS_BACKING_SHIFT;
	return err;
}

static int place_node(struct layout *l, int longs, struct image_node *n)
{
	int err = 0;
	u64 off;
	u32 i;

	if (!S_ISREG(n->id.mode) || !n->id.size)
		return 0;
	if (!(n->flags & DAXFS_BASE_SPARSE))
		return place(l, longs, 0, n->id.size, &n->body_off);
	for (i = 0; i < n->extent_nr && !err; i++) {
		off = n->extent[i].data_off;
		err = place(l, longs, n->extent[i].file_off, n->extent[i].len,
			    &off);
		n->extent[i].data_off = off;
	}
	return err;
}

static int place_data(struct daxfs_image *img)
{
	u32 nr = img->opt.backing_nr ? img->opt.backing_nr : 1, k;
	struct layout l = { img, calloc(nr, sizeof(*l.room)), nr };
	int longs, err = l.room ? 0 : image_fail_errno(img, -ENOMEM, 0, NULL);
	u64 i;

	for (longs = 1; longs >= 0; longs--)
		for (i = 0; i < img->node_nr && !err; i++)
			err = place_node(&l, longs, &img->node[i]);
	for (k = 0; k < nr && l.room; k++) {
		img->totals.data_len += l.room[k].end;
		img->totals.backing_len[k] = l.room[k].end;
		free(l.room[k].gap);
	}
	free(l.room);
	return err;
}

/* ---- pieces, in the order of the nodes ---- */

static int add_pieces(struct daxfs_image *img, u32 node, u64 from, u64 len,
		      u64 to)
{
	u64 at = 0;

	do {
		u64 n = len - at < PIECE_LEN ? len - at : PIECE_LEN;

		if (image_room(img, (void **)&img->piece, img->piece_nr,
			       &img->piece_room, sizeof(*img->piece), 1))
			return -ENOMEM;
		img->piece[img->piece_nr++] = (struct image_piece){
			.node = node, .len = (u32)n,
			.from = from + at, .to = to + at,
		};
		at += n;
	} while (at < len);
	return 0;
}

static int node_pieces(struct daxfs_image *img, u32 node)
{
	const struct image_node *n = &img->node[node];
	int err = 0;
	u32 i;

	if (S_ISDIR(n->id.mode))
		return 0;
	if (!S_ISREG(n->id.mode) || !n->id.size ||
	    ((n->flags & DAXFS_BASE_SPARSE) && !n->extent_nr))
		return add_pieces(img, node, 0, 0, 0);
	if (!(n->flags & DAXFS_BASE_SPARSE))
		return add_pieces(img, node, n->source ? n->source->from : 0,
				  n->id.size, n->body_off);
	for (i = 0; i < n->extent_nr && !err; i++)
		err = add_pieces(img, node, n->source ? n->source[i].from :
				 n->extent[i].file_off, n->extent[i].len,
				 n->extent[i].data_off);
	return err;
}

int image_layout(struct daxfs_image *img)
{
	u64 i;
	int err = 0;

	/* First the metadata: content of files overwrites their body_off. */
	img->totals.meta_len = place_aligned(img, place_packed(img));
	err = place_data(img);
	for (i = 0; i < img->node_nr && !err; i++)
		err = node_pieces(img, (u32)i);
	return err;
}
