/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_fill: a region is filled until ENOSPC, emptied, and filled again.
 *
 * Notes: each round must hold at least 98 % of the first one. Small files,
 * large files, a mix, and names alone are filled in turn. ENOSPC comes before
 * any effect: what was made before it is all there, and delete works when
 * nothing is left.
 */
#include "stress.h"

#include <getopt.h>

#define PER_DIR	1000

static u64 rounds = 10;
static u64 size_mib = 64;
static u8 block[256 * 1024];

struct filled {
	u64 files;
	u64 bytes;
};

/* Bytes written before space ran out; content tells the file it is of. */
static u64 write_some(u64 ino, u64 len, int *full)
{
	struct daxfs_held *h;
	u64 done = 0, n;
	s64 r;
	int e = daxfs_hold(mnt, cx, ino, &h);

	if (e == -ENOSPC) {
		*full = 1;
		return 0;
	}
	MUST(e);
	memset(block, (int)(ino % 255) + 1, sizeof(block));
	while (done < len && !*full) {
		n = len - done < sizeof(block) ? len - done : sizeof(block);
		r = daxfs_write(cx, &h->file, done, block, n);
		if (r < 0 && r != -ENOSPC)
			WRONG("write: %s", strerror((int)-r));
		*full = r < (s64)n;
		done += r > 0 ? r : 0;
	}
	daxfs_unhold(mnt, cx, h);
	return done;
}

/* One more file of len bytes in dir; returns 0 when the region is full. */
static int fill_one(u64 dir, u64 nr, u64 len, struct filled *f)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct daxfs_stat st;
	int full = 0, r;
	char name[32];

	snprintf(name, sizeof(name), "file-%llu", (unsigned long long)nr);
	r = daxfs_create(cx, dir, name, len_of(name), &what, &st);
	if (r == -ENOSPC)
		return 0;
	MUST(r);
	f->files++;
	f->bytes += write_some(st.ino, len, &full);
	return !full;
}

static u64 len_of_file(const char *kind, u64 nr)
{
	static const u64 mix[] = { 0, 100, 4096, 5000, 70000, 1 << 20 };

	switch (kind[0]) {
	case 'n':			/* names */
		return 0;
	case 's':			/* small */
		return 1 + nr % 8000;
	case 'l':			/* large */
		return 9 * MIB + 12345;
	}
	return mix[nr % 6];
}

static u64 dir_for(u64 nr, u64 dir, int *full)
{
	struct daxfs_new what = { .mode = S_IFDIR | 0755 };
	struct daxfs_stat st;
	char name[32];
	int r;

	if (nr % PER_DIR)
		return dir;
	snprintf(name, sizeof(name), "dir-%llu", (unsigned long long)nr);
	r = daxfs_create(cx, DAXFS_ROOT_INO, name, len_of(name), &what, &st);
	*full = r == -ENOSPC;
	if (*full)
		return 0;
	MUST(r);
	return st.ino;
}

static struct filled fill(const char *kind)
{
	struct filled f = { 0 };
	u64 nr, dir = 0;
	int full = 0;

	for (nr = 0; nr < 10000000; nr++) {
		dir = dir_for(nr, dir, &full);
		if (full || !fill_one(dir, nr, len_of_file(kind, nr), &f))
			return f;
	}
	WRONG("a region of %llu MiB does not get full",
	      (unsigned long long)size_mib);
}

static void verify_block(u64 ino, const u8 *b, u64 len)
{
	u64 i;

	for (i = 0; i < len; i++) {
		if (b[i] != ino % 255 + 1)
			WRONG("inode %llu holds a byte of another",
			      (unsigned long long)ino);
	}
}

static void verify_file(u64 ino, struct filled *f)
{
	struct daxfs_held *h;
	u64 off = 0;
	s64 n;

	MUST(daxfs_hold(mnt, cx, ino, &h));
	f->files++;
	for (;;) {
		n = MUST(daxfs_read(cx, &h->file, off, block, sizeof(block)));
		if (!n)
			break;
		verify_block(ino, block, n);
		f->bytes += n;
		off += n;
	}
	daxfs_unhold(mnt, cx, h);
}

/* What is there is what was acknowledged. */
static void verify(const struct filled *want)
{
	struct filled have = { 0 };
	struct list top, l;
	u64 i, k;

	MUST(list_dir(DAXFS_ROOT_INO, &top));
	for (i = 0; i < top.nr; i++) {
		MUST(list_dir(top.e[i].ino, &l));
		for (k = 0; k < l.nr; k++)
			verify_file(l.e[k].ino, &have);
		free(l.e);
	}
	free(top.e);
	if (have.files != want->files || have.bytes != want->bytes)
		WRONG("full: %llu files and %llu bytes were written, %llu and "
		      "%llu are there", (unsigned long long)want->files,
		      (unsigned long long)want->bytes,
		      (unsigned long long)have.files,
		      (unsigned long long)have.bytes);
}

static int enough(u64 have, u64 first)
{
	return have * 100 >= first * 98;
}

static void fill_rounds(const char *kind, u64 times)
{
	struct filled first = { 0 }, f, least = { ~0ull, ~0ull };
	u64 i;

	for (i = 0; i < times; i++) {
		f = fill(kind);
		verify(&f);
		if (!i)
			first = f;
		if (f.files < least.files)
			least.files = f.files;
		if (f.bytes < least.bytes)
			least.bytes = f.bytes;
		empty_dir(DAXFS_ROOT_INO);
	}
	report(first.files && enough(least.files, first.files) &&
	       enough(least.bytes, first.bytes),
	       "%llu times full of %s: first %llu files, %llu bytes; least "
	       "%llu files, %llu bytes", (unsigned long long)times, kind,
	       (unsigned long long)first.files,
	       (unsigned long long)first.bytes,
	       (unsigned long long)least.files,
	       (unsigned long long)least.bytes);
}

/* What fits, measured by content, is most of the region. */
static void verify_use(void)
{
	struct filled f = fill("large");
	u64 want = size_mib * MIB * 9 / 10;

	report(f.bytes >= want, "%llu bytes of content fit into %llu MiB",
	       (unsigned long long)f.bytes, (unsigned long long)size_mib);
	empty_dir(DAXFS_ROOT_INO);
}

int main(int argc, char **argv)
{
	const char *path;
	int c;

	while ((c = getopt(argc, argv, "r:m:")) >= 0) {
		if (c == 'r') {
			rounds = strtoull(optarg, NULL, 0);
		} else if (c == 'm') {
			size_mib = strtoull(optarg, NULL, 0);
		} else {
			fputs("usage: stress_fill [-r ROUNDS] [-m MIB]\n",
			      stderr);
			return 2;
		}
	}
	path = region_make(size_mib * MIB, 4096);
	host_join(path);
	verify_use();
	fill_rounds("large", rounds);
	fill_rounds("small files", rounds);
	fill_rounds("mixed files", rounds);
	fill_rounds("names", rounds);
	fill_rounds("large", rounds);
	check_index();
	check_pool();
	host_part();
	region_remove();
	return report_total();
}
