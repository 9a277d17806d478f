// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Maps of random files against tables filled byte by byte; the space of a device
 * against an array.
 *
 * Notes: FAMFS_SEED chooses other files; the seed is printed. Units are small
 * here, the arithmetic is the same.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "famfs.h"

#define RUNS	2000
#define MOST	4096u		/* bytes of a file */

static u64 seed;

static u64 draw(u64 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

/* ---- maps ---- */

struct place {
	u64 device, off;
};

static struct place table[MOST];

/* A byte after the other, as the definition says: round by round, strip by strip. */
static u64 fill_interleaved(const struct famfs_map *map)
{
	u64 round, at, nr = 0;
	u32 i;

	for (round = 0;; round++)
		for (i = 0; i < map->nr; i++) {
			u32 n;

			/* All strips have the round, or it is not used. */
			for (n = 0; n < map->nr; n++)
				if ((round + 1) * map->chunk > map->ext[n].len)
					return nr;
			for (at = 0; at < map->chunk && nr < MOST; at++)
				table[nr++] = (struct place){ map->ext[i].device,
					map->ext[i].off + round * map->chunk + at };
			if (nr == MOST)
				return nr;
		}
}

static u64 fill_simple(const struct famfs_map *map)
{
	u64 at, nr = 0;
	u32 i;

	for (i = 0; i < map->nr; i++)
		for (at = 0; at < map->ext[i].len; at++)
			table[nr++] = (struct place){ map->ext[i].device,
						      map->ext[i].off + at };
	return nr;
}

static void random_map(struct famfs_map *map, u32 type)
{
	u32 i;

	memset(map, 0, sizeof(*map));
	map->type = type;
	map->nr = (u32)draw(FAMFS_EXTS) + 1;
	map->chunk = draw(40) + 1;
	for (i = 0; i < map->nr; i++)
		map->ext[i] = (struct famfs_ext){ draw(3), draw(1u << 20) + 1,
						  draw(MOST / FAMFS_EXTS) + 1 };
}

static void compare(const struct famfs_map *map, u64 nr)
{
	u64 off, len, device, dev_off, i, n;

	for (off = 0; off < nr; off++) {
		len = draw(nr - off) + 1;
		n = famfs_map_at(map, off, len, &device, &dev_off);
		assert_in_range(n, 1, len);
		for (i = 0; i < n; i++) {
			assert_int_equal(table[off + i].device, device);
			assert_int_equal(table[off + i].off, dev_off + i);
		}
		/* It is as long as it can be: the next byte lies elsewhere. */
		if (n < len && map->type == FAMFS_SIMPLE)
			assert_true(table[off + n].device != device ||
				    table[off + n].off != dev_off + n ||
				    map->nr > 1);
	}
	assert_int_equal(famfs_map_at(map, nr, 1, &device, &dev_off), 0);
}

static void maps(void **state)
{
	struct famfs_map map;
	u64 nr;
	int i;

	(void)state;
	for (i = 0; i < RUNS / 4; i++) {
		random_map(&map, i & 1 ? FAMFS_INTERLEAVED : FAMFS_SIMPLE);
		nr = i & 1 ? fill_interleaved(&map) : fill_simple(&map);
		assert_int_equal(famfs_map_capacity(&map), nr);
		compare(&map, nr);
	}
}

/* No byte of a device belongs to two bytes of a file. */
static void nothing_twice(void **state)
{
	static u8 used[FAMFS_EXTS * MOST];
	struct famfs_map map;
	u64 off, device, dev_off, nr;
	int i;
	u32 n;

	(void)state;
	for (i = 0; i < RUNS / 4; i++) {
		random_map(&map, FAMFS_INTERLEAVED);
		for (n = 0; n < map.nr; n++) {
			map.ext[n].device = 0;
			map.ext[n].off = n * MOST;
		}
		memset(used, 0, sizeof(used));
		nr = famfs_map_capacity(&map);
		for (off = 0; off < nr; off++) {
			assert_int_not_equal(famfs_map_at(&map, off, 1, &device,
							  &dev_off), 0);
			assert_int_equal(used[dev_off]++, 0);
		}
	}
}

/* ---- space ---- */

#define UNITS	200u

static u8 taken[UNITS];

static int is_free(u64 off, u64 len)
{
	u64 i;

	for (i = off; i < off + len; i++)
		if (taken[i])
			return 0;
	return 1;
}

static void set(u64 off, u64 len, u8 v)
{
	memset(taken + off, v, len);
}

static u64 first_gap(u64 from, u64 end, u64 len)
{
	for (; from + len <= end; from++)
		if (is_free(from, len))
			return from;
	return 0;
}

static u64 longest_gap(u64 from, u64 end)
{
	u64 len, best = 0;

	for (; from < end; from++)
		for (len = 1; from + len <= end && is_free(from, len); len++)
			best = len > best ? len : best;
	return best;
}

static void compare_space(const struct famfs_space *s)
{
	u64 from = draw(UNITS - 1) + 1, end = from + draw(UNITS - from) + 1;
	u64 len = draw(20) + 1, off = 0, sum = 0, i;

	assert_int_equal(famfs_space_find(s, from, end, len), first_gap(from, end, len));
	assert_int_equal(famfs_space_longest(s, from, end, &off), longest_gap(from, end));
	for (i = 0; i < UNITS; i++)
		sum += taken[i];
	assert_int_equal(famfs_space_used(s), sum);
	for (i = 1; i < s->nr; i++)
		assert_true(s->run[i - 1].end < s->run[i].off);
}

static void space(void **state)
{
	struct famfs_space s = { .run = NULL };
	struct famfs_run mine[RUNS];
	size_t nr = 0, i;
	int run;

	(void)state;
	memset(taken, 0, sizeof(taken));
	for (run = 0; run < 20 * RUNS; run++) {
		u64 len = draw(9) + 1, off = draw(UNITS - len) + 1;

		if (draw(3) || !nr) {
			assert_int_equal(famfs_space_take(&s, off, len),
					 is_free(off, len) ? 0 : -EEXIST);
			if (is_free(off, len)) {
				set(off, len, 1);
				mine[nr++] = (struct famfs_run){ off, off + len };
			}
		} else {
			i = draw(nr);
			famfs_space_put(&s, mine[i].off, mine[i].end - mine[i].off);
			set(mine[i].off, mine[i].end - mine[i].off, 0);
			mine[i] = mine[--nr];
		}
		compare_space(&s);
	}
	famfs_space_fini(&s);
}

/* ---- numbers: known answers of the generator's definition ---- */

static u64 mix(u64 *x)
{
	u64 z = *x += 0x9e3779b97f4a7c15ull;

	z ^= z >> 30;
	z *= 0xbf58476d1ce4e5b9ull;
	z ^= z >> 27;
	z *= 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static u8 buffer[40];

static int give(void *arg, void *buf, u64 off, u64 len)
{
	(void)arg;
	memcpy(buf, buffer + off, len);
	return 0;
}

/* splitmix64 of seed 0 begins with this number, which everybody knows. */
static void numbers(void **state)
{
	u64 x = 0, a, b, i, n;

	(void)state;
	assert_true(mix(&x) == 0xe220a8397b1dcdafull);
	x = 42;
	a = mix(&x);
	b = mix(&x);
	for (i = 0; i < sizeof(buffer) / 4; i++) {
		u32 word = (u32)(a + b);

		memcpy(buffer + 4 * i, &word, 4);
		b ^= a;
		a = (a << 24 | a >> 40) ^ b ^ b << 16;
		b = b << 37 | b >> 27;
	}
	for (n = 1; n <= sizeof(buffer); n++)
		assert_int_equal(famfs_content_verify("numbers", n, 42, give, NULL), 0);
	buffer[17] ^= 4;
	assert_int_equal(famfs_content_verify("numbers", 17, 42, give, NULL), 0);
	assert_int_equal(famfs_content_verify("numbers", 18, 42, give, NULL), 1);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		u64 value;
	} good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "0x10", 16 }, { "010", 8 }, { "2K", 2048 },
		{ "3m", 3 << 20 }, { "4G", 4ull << 30 }, { "0x10M", 16 << 20 },
		{ "1T", 1ull << 40 }, { "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "K", "1KB", "1 K", "08", "0x", "1e3",
		"18446744073709551616", "16777216T",
	};
	u64 v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(famfs_parse_size(good[i].text, &v), 0);
		assert_true(v == good[i].value);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(famfs_parse_size(bad[i], &v), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps),
		cmocka_unit_test(nothing_twice),
		cmocka_unit_test(space),
		cmocka_unit_test(numbers),
		cmocka_unit_test(sizes),
	};
	const char *text = getenv("FAMFS_SEED");

	seed = text ? strtoull(text, NULL, 0) : 1;
	printf("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
