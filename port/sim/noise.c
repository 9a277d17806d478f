// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Memory that changes by itself: what a mad or hostile host may store.
 *
 * Notes: changes are of one word or byte at a time, at random steps, three of
 * four to memory that was looked at not long ago, since in the rest of a
 * region most would go unnoticed. The values are those that do harm:
 * flipped bits, what other words hold, small numbers, and words that look
 * like references.
 */
#include "sim.h"
#include "noise.h"

#define RECENT		1024u		/* power of two: words looked at */

int sim_noisy;

static struct {
	u8 *base;
	u64 len;
	u64 rng;
	u64 made;
	u32 at;				/* next of recent[] */
	u64 recent[RECENT];		/* offsets */
} noise;

void sim_noise_range(void *base, u64 len)
{
	noise.base = base;
	noise.len = len & ~7ull;
}

void sim_noise_begin(u32 rate, u64 seed)
{
	sim_noisy = rate && noise.len;
	noise.rng = seed ^ 0x2545f4914f6cdd1dull;
	noise.made = 0;
	noise.at = 0;
	memset(noise.recent, 0, sizeof(noise.recent));
}

u64 sim_noise_made(void)
{
	return noise.made;
}

void sim_noise_seen(const void *p)
{
	u64 off = (u64)((const u8 *)p - noise.base) & ~7ull;

	if ((const u8 *)p >= noise.base && off < noise.len)
		noise.recent[noise.at++ % RECENT] = off;
}

static u64 rnd(void)
{
	return sim_rand(&noise.rng);
}

static u64 any_off(void)
{
	if (rnd() % 4)
		return noise.recent[rnd() % RECENT];
	return rnd() % noise.len & ~7ull;
}

static u64 *word_at(u64 off)
{
	return (u64 *)(noise.base + off);
}

/* An offset in the region, aligned as pages and objects are, and a kind. */
static u64 reference(void)
{
	u64 off = rnd() % noise.len;

	return (off & (rnd() & 1 ? ~0xfffull : ~63ull)) | (rnd() & 15);
}

static u64 any_value(u64 old)
{
	switch (rnd() % 10) {
	case 0:
		return old ^ 1ull << rnd() % 64;
	case 1:
		return old + (rnd() & 1 ? 1 : -1ull) * (1ull << rnd() % 48);
	case 2:
	case 3:
		return *word_at(any_off());
	case 4:
		return rnd() % 32;
	case 5:
		return ~0ull << rnd() % 32;
	case 6:
	case 7:
		return reference();
	case 8:		/* shifted, as in buckets and info words */
		return reference() >> 6 << 3 | (rnd() & 7) | rnd() << 45;
	default:	/* to a record */
		return rnd() % 5 << 16 | rnd() % 256 << 3 | 7;
	}
}

void sim_noise_make(void)
{
	u64 off = any_off();

	if (!noise.len)
		return;
	if (rnd() % 8 == 0)
		noise.base[off + rnd() % 8] = (u8)rnd();
	else
		*word_at(off) = any_value(*word_at(off));
	noise.made++;
}

int sim_noise_now(u32 rate)
{
	return (rnd() & 65535) < rate;
}
