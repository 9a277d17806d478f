// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CRC-32C (Castagnoli), as in iSCSI, RFC 3720 12.1.
 *
 * Notes: by the processor's instruction where it has one: a frame has two checksums, and
 * by a table they were half of a daemon's time. The table, four bits at a time, fits into
 * one cache line.
 */
#include <string.h>

#include "wire.h"

static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	while (len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

#ifdef __x86_64__

__attribute__((target("sse4.2")))
static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc, v;

	for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		c = __builtin_ia32_crc32di(c, v);
	}
	for (crc = (uint32_t)c; len; len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}

static int has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#else

#define by_instruction	by_table

static int has_instruction(void)
{
	return 0;
}

#endif

uint32_t mxfs_crc32c(const void *data, size_t len)
{
	return ~(has_instruction() ? by_instruction : by_table)(~0u, data, len);
}

uint32_t mxfs_crc32c_by_table(const void *data, size_t len)
{
	return ~by_table(~0u, data, len);
}
