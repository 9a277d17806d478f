/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * patch_super: change one field of a region's superblock, for bad-input tests.
 *
 * Notes: the checksum is made right again unless -k says to keep it, so that
 * what is refused is the field and not the checksum. The checksum is computed
 * here bit by bit, not by the code that is under test.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <daxfs/format.h>

struct field {
	const char *name;
	size_t off, len;
};

#define FIELD(f) { #f, offsetof(struct daxfs_super, f), \
		   sizeof(((struct daxfs_super *)0)->f) }

static const struct field fields[] = {
	FIELD(version), FIELD(super_len), FIELD(crc), FIELD(page_shift),
	FIELD(compat), FIELD(ro_compat), FIELD(incompat), FIELD(region_len),
	FIELD(mode), FIELD(area_nr), FIELD(base_crc), FIELD(base_inode_nr),
	FIELD(first_ino), FIELD(reserve_nr),
};

static uint32_t crc32_slow(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;
	int bit;

	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static const struct field *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

static int patch(int fd, const struct field *f, uint64_t value, int keep_crc)
{
	struct daxfs_super sb;

	if (pread(fd, &sb, sizeof(sb), 0) != (ssize_t)sizeof(sb))
		return -1;
	memcpy((char *)&sb + f->off, &value, f->len);
	if (!keep_crc) {
		sb.crc = 0;
		sb.crc = crc32_slow((const uint8_t *)&sb, sizeof(sb));
	}
	return pwrite(fd, &sb, sizeof(sb), 0) == (ssize_t)sizeof(sb) ? 0 : -1;
}

int main(int argc, char **argv)
{
	int keep = argc > 1 && !strcmp(argv[1], "-k"), fd;
	const struct field *f;

	argv += keep;
	if (argc - keep != 4 || !(f = find(argv[2]))) {
		fputs("usage: patch_super [-k] REGION FIELD VALUE\n", stderr);
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || patch(fd, f, strtoull(argv[3], NULL, 0), keep)) {
		perror(argv[1]);
		return 1;
	}
	close(fd);
	return 0;
}
