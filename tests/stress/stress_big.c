/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_big: files of 16 TiB in a region of 64 MiB, because they are holes.
 *
 * Notes: 16 TiB is the limit, so its last byte can be written and the one
 * behind it cannot. Cutting such a file must not visit its holes one by one.
 */
#include "stress.h"

#define BIG	DAXFS_MAX_FILE

static struct daxfs_held *h;

static u64 size_now(void)
{
	struct daxfs_stat st;

	MUST(daxfs_fgetattr(cx, &h->file, &st));
	return st.size;
}

static int byte_is(u64 off, u8 want)
{
	u8 b = 0xee;

	return daxfs_read(cx, &h->file, off, &b, 1) == 1 && b == want;
}

static void write_ends(void)
{
	report(daxfs_write(cx, &h->file, BIG - 2, "x", 1) == 1 &&
	       size_now() == BIG - 1, "16 TiB minus one byte");
	report(byte_is(BIG - 2, 'x') && byte_is(0, 0) && byte_is(BIG / 2, 0) &&
	       byte_is(BIG - 3, 0), "its end is there, the rest is zeros");
	report(daxfs_write(cx, &h->file, BIG - 1, "yz", 2) == 1 &&
	       size_now() == BIG, "a write over the limit is cut there");
	report(daxfs_write(cx, &h->file, BIG, "z", 1) == -EFBIG &&
	       daxfs_write(cx, &h->file, ~0ull - 5, "z", 1) == -EFBIG &&
	       daxfs_append(cx, &h->file, "z", 1, NULL) == -EFBIG &&
	       daxfs_truncate(cx, &h->file, BIG + 1) == -EFBIG &&
	       size_now() == BIG, "EFBIG beyond, without effect");
}

static void write_between(void)
{
	static const u64 at[] = { 1ull << 21, (1ull << 30) - 1, 1ull << 32,
				  (1ull << 39) + 4095, (1ull << 43) + 1 };
	int good = 1;
	u64 i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		MUST(daxfs_write(cx, &h->file, at[i], "abc", 3));
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		good &= byte_is(at[i], 'a') && byte_is(at[i] + 2, 'c') &&
			byte_is(at[i] + 3, 0) && byte_is(at[i] - 1, 0);
	report(good, "pages far apart");
}

static void cut(u64 free_before)
{
	u64 from = now_ms(), lost;

	MUST(daxfs_truncate(cx, &h->file, 1ull << 40));
	report(byte_is((1ull << 39) + 4095, 'a') && size_now() == 1ull << 40,
	       "cut to 1 TiB");
	MUST(daxfs_truncate(cx, &h->file, BIG));
	report(byte_is((1ull << 43) + 1, 0) && byte_is(BIG - 2, 0),
	       "grown again: what was cut off is zeros");
	MUST(daxfs_truncate(cx, &h->file, 0));
	lost = free_before - pages_free();
	printf("# cut in %llu ms\n", (unsigned long long)(now_ms() - from));
	report(lost < 64, "cut to nothing: %llu pages are not free again",
	       (unsigned long long)lost);
}

int main(void)
{
	u64 free_before;

	host_join(region_make(64 * MIB, 4096));
	free_before = pages_free();
	MUST(daxfs_hold(mnt, cx, make_file(DAXFS_ROOT_INO, "big"), &h));
	write_ends();
	write_between();
	cut(free_before);
	daxfs_unhold(mnt, cx, h);
	check_index();
	host_part();
	region_remove();
	return report_total();
}
