// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host dies between taking a page for a table and zeroing it, and the page
 * was a table before: recovery must not take its old words for its pages.
 *
 * Notes: the page holds what the root has, so its directory names segments that
 * are in use. A second case names no segment but the page of a file.
 */
#include "pool.h"
#include "region.h"
#include "word.h"
#include "world.h"

static struct world world;

/* The offset of a page of the pool that belongs to a file. */
static u64 file_page(const struct daxfs_region *rg)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];

	for (u64 i = 0; i < pool->nr; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);
		u64 v = a64_load_relaxed(daxfs_page_info(rg, off));

		if (DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_DATA)
			return off;
	}
	return 0;
}

/* Host 0 takes a page for the root's successor, and stops. */
static int take_page(struct daxfs_table **page)
{
	struct daxfs_region *rg = &world.rg[0];
	u64 at = a64_load_relaxed(&daxfs_first_layer(rg)->root_off), off;
	struct daxfs_table *root = daxfs_at(rg, at, DAXFS_PAGE_SIZE,
					    DAXFS_PAGE_SIZE);

	if (!root || daxfs_page_take(&world.cx[0], DAXFS_T_TABLE,
				     daxfs_off(rg, &root->next), 0, &off))
		return -1;
	*page = daxfs_at(rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
	memcpy(*page, root, DAXFS_PAGE_SIZE);
	return 0;
}

static int recover(void)
{
	int r = daxfs_host_mark_dead(&world.rg[1], world.rg[0].host,
				     world.rg[0].incarnation);

	return r ? r : daxfs_host_recover(&world.cx[1], world.rg[0].host);
}

static int test_stale(const void *arg)
{
	struct daxfs_table *page;
	struct daxfs_stat st;
	int r = 0;

	world_make(&world, 512);
	w_create(&world.cx[1], "f");
	w_write(&world.cx[1], "f", 0, 4096, 'x');
	if (take_page(&page))
		r = FAIL("no page for a table");
	else if (arg)
		a64_store_relaxed(&page->dir[0], file_page(&world.rg[0]));
	if (!r && recover())
		r = FAIL("the host is not recovered");
	if (!r && (w_lookup(&world.cx[2], "f", &st) || world_account(&world.cx[2])))
		r = FAIL("recovery has given back what is in use");
	world_free(&world);
	return r;
}

int main(int argc, char **argv)
{
	static const struct test test[] = {
		{ "a table's page names segments of another", test_stale, NULL },
		{ "a table's page names a page of a file", test_stale, "" },
	};

	return harness_main(argc, argv, test, sizeof(test) / sizeof(test[0]));
}
