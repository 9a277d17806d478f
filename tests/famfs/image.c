// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs media put together byte by byte.
 */
#include <string.h>

#include "image.h"

const uint8_t image_fs_uuid[16] = { 0x11, [15] = 0x11 };
const uint8_t image_dev_uuid[16] = { 0x22, [15] = 0x22 };
const uint8_t image_sys_uuid[16] = { 0x33, [15] = 0x33 };

/* CRC-32 of IEEE 802.3, bit by bit. */
uint64_t image_crc(const void *p, size_t len)
{
	const uint8_t *at = p;
	uint32_t crc = 0xffffffff;
	int bit;

	for (; len; len--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return crc ^ 0xffffffff;
}

void image_u32(uint8_t *at, size_t off, uint32_t v)
{
	int i;

	for (i = 0; i < 4; i++)
		at[off + (size_t)i] = (uint8_t)(v >> 8 * i);
}

void image_u64(uint8_t *at, size_t off, uint64_t v)
{
	image_u32(at, off, (uint32_t)v);
	image_u32(at, off + 4, (uint32_t)(v >> 32));
}

void image_seal_super(uint8_t *dev)
{
	image_u64(dev, 96, image_crc(dev, 96));
}

void image_super(uint8_t *dev, uint32_t flags, const uint8_t dev_uuid[16])
{
	image_u64(dev, 0, 0x87b282ff);
	image_u64(dev, 8, 48);
	image_u64(dev, 16, 0x200000);
	image_u64(dev, 24, IMAGE_LOG_LEN);
	image_u64(dev, 32, 0x200000);
	image_u32(dev, 40, 2);
	image_u32(dev, 44, 2);
	memcpy(dev + 48, image_fs_uuid, 16);
	memcpy(dev + 64, dev_uuid, 16);
	memcpy(dev + 80, image_sys_uuid, 16);
	image_u32(dev, 104, flags);
	image_u64(dev, 112, IMAGE_LEN);
	memcpy(dev + 120, dev_uuid, 16);
	memcpy(dev + 136, "by hand", 8);
	image_seal_super(dev);
}

void image_seal_log(uint8_t *dev)
{
	image_u64(dev, IMAGE_LOG + 24, image_crc(dev + IMAGE_LOG, 24));
}

void image_log(uint8_t *dev)
{
	image_u64(dev, IMAGE_LOG, 0x0badcafef00d);
	image_u64(dev, IMAGE_LOG + 8, IMAGE_LOG_LEN);
	image_u64(dev, IMAGE_LOG + 16, (IMAGE_LOG_LEN - 48) / 544 - 1);
	image_seal_log(dev);
}

void image_count(uint8_t *dev, uint64_t nr)
{
	image_u64(dev, IMAGE_LOG + 32, nr);
	image_u64(dev, IMAGE_LOG + 40, nr);
}

uint8_t *image_entry(uint8_t *dev, uint64_t i)
{
	return dev + IMAGE_LOG + 48 + 544 * i;
}

void image_seal(uint8_t *entry, uint64_t seqnum)
{
	image_u64(entry, 0, seqnum);
	image_u64(entry, 536, image_crc(entry, 536));
}

void image_dir(uint8_t *dev, uint64_t i, const char *path, uint32_t mode)
{
	uint8_t *e = image_entry(dev, i);

	image_u32(e, 8, 1);
	image_u32(e, 24, mode);
	memcpy(e + 28, path, strlen(path));
	image_seal(e, i);
}

void image_ext(uint8_t *entry, size_t at, uint64_t device, uint64_t off, uint64_t len)
{
	image_u64(entry, at, device);
	image_u64(entry, at + 8, off);
	image_u64(entry, at + 16, len);
}

void image_file(uint8_t *dev, uint64_t i, const char *path, uint64_t size, uint64_t off,
		uint64_t len)
{
	uint8_t *e = image_entry(dev, i);

	image_u32(e, 8, 0);
	image_u64(e, 16, size);
	image_u32(e, 36, 0644);
	memcpy(e + 40, path, strlen(path));
	image_u32(e, 120, 0);
	image_u32(e, 128, 1);
	image_ext(e, 136, 0, off, len);
	image_seal(e, i);
}

void image_inter(uint8_t *dev, uint64_t i, const char *path, uint64_t size, uint64_t chunk,
		 uint64_t strips, uint64_t off, uint64_t len)
{
	uint8_t *e = image_entry(dev, i);
	uint64_t n;

	image_u32(e, 8, 0);
	image_u64(e, 16, size);
	image_u32(e, 36, 0600);
	memcpy(e + 40, path, strlen(path));
	image_u32(e, 120, 1);
	image_u32(e, 128, 1);
	image_u64(e, 136, strips);
	image_u64(e, 144, chunk);
	for (n = 0; n < strips && n < 16; n++)
		image_ext(e, 152 + 24 * n, 0, off + n * len, len);
	image_seal(e, i);
}

void image_device(uint8_t *dev, uint64_t i, uint64_t size, const uint8_t uuid[16],
		  uint32_t index)
{
	uint8_t *e = image_entry(dev, i);

	image_u32(e, 8, 3);
	image_u64(e, 16, size);
	memcpy(e + 24, uuid, 16);
	image_u32(e, 40, index);
	image_seal(e, i);
}
