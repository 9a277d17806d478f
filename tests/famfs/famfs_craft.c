// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Media of famfs with one thing wrong: one case for each rule.
 *
 * Notes: `famfs_craft -l` lists "NAME<tab>what the message must match", `famfs_craft
 * NAME FILE` writes the medium, whose entry 0 is the file "good" and right. For
 * rules.sh.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"

#define UNIT (2 * MIB)
#define FREE (IMAGE_FIRST + 4 * MIB)	/* behind "good" */

static const uint8_t second_uuid[16] = { 0x44, [15] = 0x44 };

/* ---- superblock ---- */

static void sb_version(uint8_t *d)
{
	image_u64(d, 8, 49);
	image_seal_super(d);
}

static void sb_magic(uint8_t *d)
{
	image_u64(d, 0, 0x87b282fe);
}

static void sb_crc(uint8_t *d)
{
	d[50] ^= 1;
}

static void sb_major(uint8_t *d)
{
	image_u32(d, 40, 3);
	image_seal_super(d);
}

static void sb_log_offset(uint8_t *d)
{
	image_u64(d, 16, 0x400000);
	image_seal_super(d);
}

static void sb_log_len(uint8_t *d)
{
	image_u64(d, 24, 9 * MIB);
	image_seal_super(d);
}

static void sb_log_short(uint8_t *d)
{
	image_u64(d, 24, 4 * MIB);
	image_seal_super(d);
}

static void sb_log_beyond(uint8_t *d)
{
	image_u64(d, 24, 64 * MIB);
	image_seal_super(d);
}

static void sb_unit(uint8_t *d)
{
	image_u64(d, 32, 8192);
	image_seal_super(d);
}

static void sb_flags(uint8_t *d)
{
	image_u32(d, 104, 7);
}

static void sb_secondary(uint8_t *d)
{
	image_u32(d, 104, 2);
}

/* ---- log header ---- */

static void log_magic(uint8_t *d)
{
	image_u64(d, IMAGE_LOG, 1);
	image_seal_log(d);
}

static void log_crc(uint8_t *d)
{
	d[IMAGE_LOG + 17] ^= 1;
}

static void log_len(uint8_t *d)
{
	image_u64(d, IMAGE_LOG + 8, 16 * MIB);
	image_seal_log(d);
}

static void log_last(uint8_t *d)
{
	image_u64(d, IMAGE_LOG + 16, 15420);
	image_seal_log(d);
}

static void log_next(uint8_t *d)
{
	image_u64(d, IMAGE_LOG + 40, 15421);
}

/* ---- entries ---- */

static void e_crc(uint8_t *d)
{
	image_dir(d, 1, "dir", 0755);
	image_entry(d, 1)[100] ^= 1;
}

static void e_crc_high(uint8_t *d)
{
	image_dir(d, 1, "dir", 0755);
	image_entry(d, 1)[543] = 1;
}

static void e_seqnum(uint8_t *d)
{
	image_dir(d, 1, "dir", 0755);
	image_seal(image_entry(d, 1), 2);
}

static void e_type(uint8_t *d)
{
	image_dir(d, 1, "dir", 0755);
	image_u32(image_entry(d, 1), 8, 4);
	image_seal(image_entry(d, 1), 1);
}

static void e_delete(uint8_t *d)
{
	image_dir(d, 1, "dir", 0755);
	image_u32(image_entry(d, 1), 8, 2);
	image_seal(image_entry(d, 1), 1);
}

/* ---- paths ---- */

static void p_dotdot(uint8_t *d)
{
	image_file(d, 1, "../outside", 1, FREE, UNIT);
}

static void p_dotdot_in(uint8_t *d)
{
	image_dir(d, 1, "a", 0755);
	image_file(d, 2, "a/../../outside", 1, FREE, UNIT);
}

static void p_dotdot_dir(uint8_t *d)
{
	image_dir(d, 1, "..", 0755);
}

static void p_dot(uint8_t *d)
{
	image_file(d, 1, "./x", 1, FREE, UNIT);
}

static void p_absolute(uint8_t *d)
{
	image_file(d, 1, "/outside", 1, FREE, UNIT);
}

static void p_absolute_dir(uint8_t *d)
{
	image_dir(d, 1, "/outside", 0755);
}

static void p_empty(uint8_t *d)
{
	image_file(d, 1, "", 1, FREE, UNIT);
}

static void p_component(uint8_t *d)
{
	image_dir(d, 1, "a", 0755);
	image_file(d, 2, "a//b", 1, FREE, UNIT);
}

static void p_slash(uint8_t *d)
{
	image_dir(d, 1, "a/", 0755);
}

static void p_long(uint8_t *d)
{
	image_file(d, 1, "x", 1, FREE, UNIT);
	memset(image_entry(d, 1) + 40, 'x', 80);
	image_seal(image_entry(d, 1), 1);
}

static void p_long_dir(uint8_t *d)
{
	image_dir(d, 1, "x", 0755);
	memset(image_entry(d, 1) + 28, 'x', 80);
	image_seal(image_entry(d, 1), 1);
}

static void p_utf8(uint8_t *d)
{
	image_file(d, 1, "x\xff", 1, FREE, UNIT);
}

static void p_utf8_long(uint8_t *d)
{
	image_file(d, 1, "\xc0\xaf", 1, FREE, UNIT);
}

static void p_parent(uint8_t *d)
{
	image_file(d, 1, "no/file", 1, FREE, UNIT);
}

static void p_parent_file(uint8_t *d)
{
	image_dir(d, 1, "good/dir", 0755);
}

static void p_twice(uint8_t *d)
{
	image_file(d, 1, "good", 1, FREE, UNIT);
}

static void p_dir_on_file(uint8_t *d)
{
	image_dir(d, 1, "good", 0755);
}

/* ---- files ---- */

static void f_mode(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_u32(image_entry(d, 1), 36, 0100644);
	image_seal(image_entry(d, 1), 1);
}

static void d_mode(uint8_t *d)
{
	image_dir(d, 1, "bad", 040755);
}

static void f_flags(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_u32(image_entry(d, 1), 24, 4);
	image_seal(image_entry(d, 1), 1);
}

static void x_type(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_u32(image_entry(d, 1), 120, 2);
	image_seal(image_entry(d, 1), 1);
}

static void x_count(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_u32(image_entry(d, 1), 128, 17);
	image_seal(image_entry(d, 1), 1);
}

static void x_none(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_u32(image_entry(d, 1), 128, 0);
	image_seal(image_entry(d, 1), 1);
}

static void x_device(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_ext(image_entry(d, 1), 136, 1, FREE, UNIT);
	image_seal(image_entry(d, 1), 1);
}

static void x_zero_len(uint8_t *d)
{
	image_file(d, 1, "bad", 0, FREE, 0);
}

static void x_zero(uint8_t *d)
{
	image_file(d, 1, "bad", 1, 0, UNIT);
}

static void x_log(uint8_t *d)
{
	image_file(d, 1, "bad", 1, IMAGE_LOG, UNIT);
}

static void x_log_end(uint8_t *d)
{
	image_file(d, 1, "bad", 1, IMAGE_FIRST - UNIT, 2 * UNIT);
}

static void x_unaligned(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE + 4096, UNIT);
}

static void x_unaligned_len(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT + 4096);
}

static void x_beyond(uint8_t *d)
{
	image_file(d, 1, "bad", 1, IMAGE_LEN - UNIT, 2 * UNIT);
}

static void x_far(uint8_t *d)
{
	image_file(d, 1, "bad", 1, 1ull << 62, UNIT);
}

static void x_wraps(uint8_t *d)
{
	image_file(d, 1, "bad", 1, 0ull - UNIT, 4 * UNIT);
}

static void x_overlap(uint8_t *d)
{
	image_file(d, 1, "bad", 1, IMAGE_FIRST, UNIT);
}

static void x_overlap_part(uint8_t *d)
{
	image_file(d, 1, "bad", 1, IMAGE_FIRST + UNIT, 2 * UNIT);
}

static void x_overlap_self(uint8_t *d)
{
	image_file(d, 1, "bad", 1, FREE, UNIT);
	image_u32(image_entry(d, 1), 128, 2);
	image_ext(image_entry(d, 1), 160, 0, FREE, UNIT);
	image_seal(image_entry(d, 1), 1);
}

static void f_size(uint8_t *d)
{
	image_file(d, 1, "bad", UNIT + 1, FREE, UNIT);
}

static void f_size_huge(uint8_t *d)
{
	image_file(d, 1, "bad", ~0ull, FREE, UNIT);
}

/* ---- interleaved ---- */

static void i_count(uint8_t *d)
{
	image_inter(d, 1, "bad", 1, UNIT, 2, FREE, UNIT);
	image_u32(image_entry(d, 1), 128, 2);
	image_seal(image_entry(d, 1), 1);
}

static void i_strips(uint8_t *d)
{
	image_inter(d, 1, "bad", 1, UNIT, 17, FREE, UNIT);
}

static void i_none(uint8_t *d)
{
	image_inter(d, 1, "bad", 1, UNIT, 0, FREE, UNIT);
}

static void i_chunk_zero(uint8_t *d)
{
	image_inter(d, 1, "bad", 1, 0, 2, FREE, UNIT);
}

static void i_chunk_odd(uint8_t *d)
{
	image_inter(d, 1, "bad", 1, 4095, 2, FREE, UNIT);
}

static void i_size(uint8_t *d)
{
	image_inter(d, 1, "bad", 2 * UNIT + 1, UNIT, 2, FREE, UNIT);
}

/* Two chunks of 1.5 MiB do not go into 2 MiB: 0.5 MiB of each are not used. */
static void i_size_rest(uint8_t *d)
{
	image_inter(d, 1, "bad", 2 * UNIT, 3 * MIB / 2, 2, FREE, UNIT);
}

static void i_overlap(uint8_t *d)
{
	image_inter(d, 1, "bad", 1, UNIT, 3, IMAGE_FIRST, UNIT);
}

/* ---- devices ---- */

static void v_index(uint8_t *d)
{
	image_device(d, 1, 64 * MIB, second_uuid, 2);
}

static void v_zero(uint8_t *d)
{
	image_device(d, 1, 64 * MIB, second_uuid, 0);
}

static void v_same(uint8_t *d)
{
	image_device(d, 1, 64 * MIB, image_dev_uuid, 1);
}

static void v_twice(uint8_t *d)
{
	image_device(d, 1, 64 * MIB, second_uuid, 1);
	image_device(d, 2, 64 * MIB, second_uuid, 2);
}

static void v_size(uint8_t *d)
{
	image_device(d, 1, ~0ull, second_uuid, 1);
}

static void v_beyond(uint8_t *d)
{
	image_device(d, 1, 64 * MIB, second_uuid, 1);
	image_file(d, 2, "bad", 1, 64 * MIB, UNIT);
	image_ext(image_entry(d, 2), 136, 1, 64 * MIB, UNIT);
	image_seal(image_entry(d, 2), 2);
}

static const struct {
	const char *name;
	void (*make)(uint8_t *d);
	const char *message;
} cases[] = {
	{ "sb-magic", sb_magic, "no famfs file system" },
	{ "sb-version", sb_version, "superblock of version 49" },
	{ "sb-crc", sb_crc, "checksum of the superblock" },
	{ "sb-major", sb_major, "format 3" },
	{ "sb-log-offset", sb_log_offset, "log at 4194304" },
	{ "sb-log-len", sb_log_len, "log of 9437184 bytes" },
	{ "sb-log-short", sb_log_short, "log of 4194304 bytes" },
	{ "sb-log-beyond", sb_log_beyond, "ends behind the device" },
	{ "sb-unit", sb_unit, "units of 8192" },
	{ "sb-flags", sb_flags, "neither primary nor secondary" },
	{ "sb-secondary", sb_secondary, "a secondary device" },
	{ "log-magic", log_magic, "no magic number" },
	{ "log-crc", log_crc, "checksum of the log's header" },
	{ "log-len", log_len, "header says 16777216 bytes" },
	{ "log-last", log_last, "last index of 15420" },
	{ "log-next", log_next, "says 15421 entries" },
	{ "entry-crc", e_crc, "entry 1: its checksum" },
	{ "entry-crc-high", e_crc_high, "entry 1: its checksum" },
	{ "entry-seqnum", e_seqnum, "entry 1: its sequence number is 2" },
	{ "entry-type", e_type, "entry 1: its type 4" },
	{ "entry-delete", e_delete, "entry 1: it deletes" },
	{ "path-dotdot", p_dotdot, "entry 1: .*component '\\.\\.'" },
	{ "path-dotdot-inside", p_dotdot_in, "entry 2: .*component '\\.\\.'" },
	{ "path-dotdot-dir", p_dotdot_dir, "entry 1: .*component '\\.\\.'" },
	{ "path-dot", p_dot, "entry 1: .*component '\\.'" },
	{ "path-absolute", p_absolute, "entry 1: .*'/outside' is absolute" },
	{ "path-absolute-dir", p_absolute_dir, "entry 1: .*'/outside' is absolute" },
	{ "path-empty", p_empty, "entry 1: its path is empty" },
	{ "path-component", p_component, "entry 2: .*empty component" },
	{ "path-slash", p_slash, "entry 1: .*empty component" },
	{ "path-long", p_long, "entry 1: .*longer than 79" },
	{ "path-long-dir", p_long_dir, "entry 1: .*longer than 79" },
	{ "path-utf8", p_utf8, "entry 1: .*not UTF-8" },
	{ "path-utf8-long", p_utf8_long, "entry 1: .*not UTF-8" },
	{ "path-parent", p_parent, "entry 1: no entry before makes the directory" },
	{ "path-parent-file", p_parent_file, "entry 1: no entry before makes" },
	{ "path-twice", p_twice, "entry 1: 'good' is made twice" },
	{ "path-dir-on-file", p_dir_on_file, "entry 1: 'good' is made twice" },
	{ "file-mode", f_mode, "entry 1: mode 0100644" },
	{ "dir-mode", d_mode, "entry 1: mode 040755" },
	{ "file-flags", f_flags, "entry 1: flags 0x4" },
	{ "ext-type", x_type, "entry 1: extents of type 2" },
	{ "ext-count", x_count, "entry 1: 17 extents are more than 16" },
	{ "ext-none", x_none, "entry 1: 1 bytes are more than its extents" },
	{ "ext-device", x_device, "entry 1: extent 0 is on device 1" },
	{ "ext-empty", x_zero_len, "entry 1: extent 0 is empty" },
	{ "ext-zero", x_zero, "entry 1: extent 0 is at offset 0" },
	{ "ext-in-log", x_log, "entry 1: extent 0 lies in superblock or log" },
	{ "ext-in-log-end", x_log_end, "entry 1: extent 0 lies in superblock or log" },
	{ "ext-unaligned", x_unaligned, "entry 1: extent 0 is not in whole units" },
	{ "ext-unaligned-len", x_unaligned_len, "entry 1: extent 0 is not in whole units" },
	{ "ext-beyond", x_beyond, "entry 1: extent 0 ends behind device 0" },
	{ "ext-far", x_far, "entry 1: extent 0 ends behind device 0" },
	{ "ext-wraps", x_wraps, "entry 1: extent 0 ends behind its beginning" },
	{ "ext-overlap", x_overlap, "entry 1: extent 0 overlaps" },
	{ "ext-overlap-part", x_overlap_part, "entry 1: extent 0 overlaps" },
	{ "ext-overlap-self", x_overlap_self, "entry 1: extent 1 overlaps" },
	{ "file-size", f_size, "entry 1: 2097153 bytes are more than" },
	{ "file-size-huge", f_size_huge, "entry 1: 18446744073709551615 bytes are more" },
	{ "inter-count", i_count, "entry 1: 2 interleaved extents" },
	{ "inter-strips", i_strips, "entry 1: 17 strips are more than 16" },
	{ "inter-none", i_none, "entry 1: 1 bytes are more than" },
	{ "inter-chunk-zero", i_chunk_zero, "entry 1: a chunk of 0 bytes" },
	{ "inter-chunk-odd", i_chunk_odd, "entry 1: a chunk of 4095 bytes" },
	{ "inter-size", i_size, "entry 1: 4194305 bytes are more than" },
	{ "inter-size-rest", i_size_rest, "entry 1: 4194304 bytes are more than" },
	{ "inter-overlap", i_overlap, "entry 1: extent 0 overlaps" },
	{ "device-index", v_index, "entry 1: it adds device 2; the next is 1" },
	{ "device-zero", v_zero, "entry 1: it adds device 0; the next is 1" },
	{ "device-primary", v_same, "entry 1: it adds a device that is device 0" },
	{ "device-twice", v_twice, "entry 2: it adds a device that is device 1" },
	{ "device-size", v_size, "entry 1: a device of 18446744073709551615" },
	{ "device-beyond", v_beyond, "entry 2: extent 0 ends behind device 1" },
	{ "none", NULL, "" },
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* Two units for "good", so that there is a middle to overlap. */
static void assemble(uint8_t *d, size_t i)
{
	uint64_t nr;

	image_super(d, 1, image_dev_uuid);
	image_log(d);
	image_file(d, 0, "good", 3 * MIB, IMAGE_FIRST, 2 * UNIT);
	image_count(d, 1);
	if (cases[i].make)
		cases[i].make(d);
	for (nr = 1; image_entry(d, nr)[536]; nr++)
		;
	if (nr > 1)
		image_count(d, nr);
}

static int make(const char *name, const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0644);
	uint8_t *d;
	size_t i;

	for (i = 0; i < CASES && strcmp(name, cases[i].name); i++)
		;
	if (i == CASES || fd < 0 || ftruncate(fd, IMAGE_LEN))
		return 1;
	d = mmap(NULL, IMAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (d == MAP_FAILED)
		return 1;
	assemble(d, i);
	return munmap(d, IMAGE_LEN) != 0;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc == 3)
		return make(argv[1], argv[2]);
	if (argc != 2 || strcmp(argv[1], "-l")) {
		fprintf(stderr, "usage: famfs_craft -l | NAME FILE\n");
		return 2;
	}
	for (i = 0; i < CASES; i++)
		printf("%s\t%s\n", cases[i].name, cases[i].message);
	return 0;
}
