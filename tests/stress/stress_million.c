/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_million: a directory of a million files is made, listed, searched
 * and removed.
 *
 * Notes: times are printed, not judged: how fast is a matter of bench/. What
 * is judged is that each name comes once, is found, and costs no more memory
 * than was promised, and that all of it comes back.
 */
#include "stress.h"

static u64 million = 1000000;
static u64 dir;
static u8 *seen;

static void name_of(char *name, size_t len, u64 i)
{
	snprintf(name, len, "file-%07llu", (unsigned long long)i);
}

static u64 took(const char *what, u64 from)
{
	u64 now = now_ms();

	printf("# %s: %llu ms\n", what, (unsigned long long)(now - from));
	return now_ms();
}

static void create_all(void)
{
	char name[32];
	u64 i;

	for (i = 0; i < million; i++) {
		name_of(name, sizeof(name), i);
		make_file(dir, name);
	}
}

static int mark(void *arg, const struct daxfs_dirent *de)
{
	u64 *nr = arg, i;

	if (de->name[0] == '.')
		return 0;
	i = strtoull(de->name + 5, NULL, 10);
	if (i >= million || seen[i]++)
		WRONG("%s is listed twice or never was made", de->name);
	(*nr)++;
	return 0;
}

static void list_all(void)
{
	u64 nr = 0;

	memset(seen, 0, million);
	MUST(daxfs_readdir(cx, dir, 0, mark, &nr));
	report(nr == million, "listed: %llu of %llu",
	       (unsigned long long)nr, (unsigned long long)million);
}

static void lookup_all(void)
{
	struct daxfs_stat st;
	char name[32];
	u64 i, bad = 0;

	for (i = 0; i < million; i++) {
		name_of(name, sizeof(name), i);
		bad += !!daxfs_lookup(cx, dir, name, len_of(name), &st);
		name[0] = 'F';
		bad += daxfs_lookup(cx, dir, name, len_of(name), &st) !=
		       -ENOENT;
	}
	report(!bad, "looked up: %llu answers wrong", (unsigned long long)bad);
}

/* Every second one first, so that a directory with gaps is listed too. */
static void remove_half(u64 from)
{
	char name[32];
	u64 i;

	for (i = from; i < million; i += 2) {
		name_of(name, sizeof(name), i);
		MUST(daxfs_unlink(cx, dir, name, len_of(name)));
	}
}

static void verify_half(void)
{
	u64 nr = 0;

	memset(seen, 0, million);
	MUST(daxfs_readdir(cx, dir, 0, mark, &nr));
	report(nr == million / 2, "half of them removed: %llu are listed",
	       (unsigned long long)nr);
}

static void verify_memory(u64 before)
{
	u64 now = pages_free(), used = before - now;

	report(used * 4096 <= million * 512, "%llu bytes per empty file",
	       (unsigned long long)(used * 4096 / million));
}

static void run(void)
{
	u64 avail = pages_avail(), before = pages_free(), t = now_ms(), lost;

	create_all();
	t = took("create", t);
	list_all();
	t = took("list", t);
	lookup_all();
	took("look up, twice as many", t);
	verify_memory(before);
	t = now_ms();
	remove_half(0);
	verify_half();
	remove_half(1);
	took("remove", t);
	MUST(daxfs_rmdir(cx, DAXFS_ROOT_INO, "big", 3));
	lost = pages_usable();
	lost = lost < avail ? avail - lost : 0;
	/* the index has grown for a million names and does not shrink; the
	 * maps of the one file take a page in 512 */
	report(lost * 4096 <= million * 64 + avail * 8,
	       "removed: %llu of %llu pages cannot be used again",
	       (unsigned long long)lost, (unsigned long long)avail);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		million = strtoull(argv[1], NULL, 0);
	if (argc > 2 || million < 2) {
		fputs("usage: stress_million [NUMBER]\n", stderr);
		return 2;
	}
	seen = calloc(1, million);
	if (!seen)
		WRONG("out of memory");
	host_join(region_make((64 + million * 800 / MIB) * MIB, 4096));
	dir = make_dir(DAXFS_ROOT_INO, "big");
	run();
	check_index();
	check_pool();
	host_part();
	region_remove();
	free(seen);
	return report_total();
}
