// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rendezvous placing of resources.
 *
 * Notes: pure. The bytes of the name are hashed, no structure with holes.
 */
#include <string.h>

#include "place.h"

static uint64_t rotate(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t word(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void sip_word(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_round(v);
	sip_round(v);
	v[0] ^= w;
}

uint64_t mxfsd_hash(const uint8_t key[16], const void *data, size_t len)
{
	uint64_t k0 = word(key, 8), k1 = word(key + 8, 8);
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	};
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		sip_word(v, word(p + i, 8));
	sip_word(v, word(p + i, len - i) | (uint64_t)len << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

uint32_t mxfsd_place(uint64_t hash, uint64_t members)
{
	uint64_t best = 0, draw;
	uint32_t node, at = 0;

	while (members) {
		node = (uint32_t)__builtin_ctzll(members) + 1;
		members &= members - 1;
		draw = mix(hash ^ mix(node * 0x9e3779b97f4a7c15));
		if (!at || draw > best) {
			best = draw;
			at = node;
		}
	}
	return at;
}
