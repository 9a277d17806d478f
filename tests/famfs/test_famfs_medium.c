// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What was put together by hand is read, and what is written is what one would
 * put together by hand.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../tools/common.h"
#include "famfs.h"
#include "image.h"

static char dir[] = "/dev/shm/test_famfs.XXXXXX";
static char file[64], second[64], uuid_file[64];
static const u8 second_uuid[16] = { 0x44, [15] = 0x44 };

static u8 *make(const char *path)
{
	FILE *f = fopen(path, "w+");
	u8 *d;

	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), IMAGE_LEN), 0);
	d = mmap(NULL, IMAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	assert_true(d != MAP_FAILED);
	fclose(f);
	return d;
}

static void put_uuid(const char *text)
{
	FILE *f = fopen(uuid_file, "w");

	assert_non_null(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static struct famfs_rec seen[16];
static u32 seen_nr;

static int note(void *arg, const struct famfs_rec *rec)
{
	(void)arg;
	seen[seen_nr++] = *rec;
	return 0;
}

static struct famfs_fs *replayed(const char *path, enum famfs_how how)
{
	struct famfs_fs *fs;

	seen_nr = 0;
	assert_int_equal(famfs_open(&fs, path, how, NULL), 0);
	fs->show = note;
	assert_int_equal(famfs_replay(fs), 0);
	return fs;
}

/* ---- reading ---- */

static void three_extents(u8 *d)
{
	u8 *e = image_entry(d, 2);

	image_file(d, 2, "dir/three", 5 * MIB, IMAGE_FIRST, 2 * MIB);
	image_u32(e, 24, 2);
	image_u32(e, 28, 1000);
	image_u32(e, 32, 100);
	image_u32(e, 36, 04755);
	image_u32(e, 128, 3);
	image_ext(e, 160, 0, IMAGE_FIRST + 8 * MIB, 2 * MIB);
	image_ext(e, 184, 1, 2 * MIB, 2 * MIB);
	image_seal(e, 2);
}

static void reads_all_kinds(void **state)
{
	u8 *d = make(file), *e = make(second);
	struct famfs_fs *fs;

	(void)state;
	image_super(d, 1, image_dev_uuid);
	image_super(e, 2, second_uuid);
	image_log(d);
	image_dir(d, 0, "dir", 01777);
	image_device(d, 1, 64 * MIB, second_uuid, 1);
	three_extents(d);
	image_inter(d, 3, "dir/inter", 7 * MIB, MIB, 4, IMAGE_FIRST + 16 * MIB, 2 * MIB);
	image_count(d, 4);
	put_uuid(IMAGE_SYS_TEXT);
	fs = replayed(file, FAMFS_READ);
	assert_int_equal(fs->role, FAMFS_OWNER);
	assert_int_equal(seen_nr, 4);
	assert_int_equal(seen[0].type, FAMFS_LOG_MKDIR);
	assert_string_equal(seen[0].f.path, "dir");
	assert_int_equal(seen[0].f.mode, 01777);
	assert_int_equal(seen[1].dev.size, 64 * MIB);
	assert_int_equal(seen[1].dev.index, 1);
	assert_memory_equal(seen[1].dev.uuid, second_uuid, 16);
	assert_string_equal(seen[2].f.path, "dir/three");
	assert_int_equal(seen[2].f.size, 5 * MIB);
	assert_int_equal(seen[2].f.flags, FAMFS_ALL_HOSTS_RW);
	assert_int_equal(seen[2].f.uid, 1000);
	assert_int_equal(seen[2].f.gid, 100);
	assert_int_equal(seen[2].f.mode, 04755);
	assert_int_equal(seen[2].f.map.nr, 3);
	assert_int_equal(seen[2].f.map.ext[1].off, IMAGE_FIRST + 8 * MIB);
	assert_int_equal(seen[2].f.map.ext[2].device, 1);
	assert_int_equal(seen[3].f.map.type, FAMFS_INTERLEAVED);
	assert_int_equal(seen[3].f.map.nr, 4);
	assert_int_equal(seen[3].f.map.chunk, MIB);
	assert_int_equal(seen[3].f.map.ext[3].off, IMAGE_FIRST + 22 * MIB);
	assert_non_null(famfs_device(fs, 1));	/* lies beside the first */
	famfs_close(fs);
	put_uuid("00000000-0000-0000-0000-000000000001");
	fs = replayed(file, FAMFS_READ);
	assert_int_equal(fs->role, FAMFS_CLIENT);
	famfs_close(fs);
	munmap(d, IMAGE_LEN);
	munmap(e, IMAGE_LEN);
	unlink(second);
}

/* Units of 4096, which others may have made. */
static void reads_small_units(void **state)
{
	u8 *d = make(file);
	struct famfs_fs *fs;

	(void)state;
	image_super(d, 1, image_dev_uuid);
	image_u64(d, 32, 4096);
	image_seal_super(d);
	image_log(d);
	image_file(d, 0, "small", 5000, IMAGE_FIRST + 4096, 8192);
	image_count(d, 1);
	fs = replayed(file, FAMFS_READ);
	assert_int_equal(seen[0].f.map.ext[0].off, IMAGE_FIRST + 4096);
	famfs_close(fs);
	munmap(d, IMAGE_LEN);
}

static void reads_longest_path(void **state)
{
	u8 *d = make(file);
	char path[80] = "";
	struct famfs_fs *fs;

	(void)state;
	memset(path, 'n', 79);
	image_super(d, 1, image_dev_uuid);
	image_log(d);
	image_file(d, 0, path, 1, IMAGE_FIRST, 2 * MIB);
	image_count(d, 1);
	fs = replayed(file, FAMFS_READ);
	assert_string_equal(seen[0].f.path, path);
	famfs_close(fs);
	munmap(d, IMAGE_LEN);
}

/* ---- writing ---- */

static struct famfs_fs *made(void)
{
	char *path[] = { file };
	struct famfs_mkfs how = { .log_len = 8 * MIB, .force = 1, .path = path, .nr = 1 };
	struct famfs_fs *fs;

	put_uuid(IMAGE_SYS_TEXT);
	assert_int_equal(famfs_mkfs(&how), 0);
	assert_int_equal(famfs_open(&fs, file, FAMFS_LOG, NULL), 0);
	assert_int_equal(famfs_replay(fs), 0);
	return fs;
}

static void append_dir(struct famfs_fs *fs, const char *path, u32 mode)
{
	struct famfs_rec rec = { .type = FAMFS_LOG_MKDIR, .f.mode = mode };

	strcpy(rec.f.path, path);
	assert_int_equal(famfs_append(fs, &rec), 0);
}

static void append_file(struct famfs_fs *fs, const char *path, u64 size, u32 mode,
			const struct famfs_stripes *how)
{
	struct famfs_rec rec = { .type = FAMFS_LOG_FILE };

	strcpy(rec.f.path, path);
	rec.f.size = size;
	rec.f.mode = mode;
	assert_int_equal(famfs_allocate(fs, &rec.f, how), 0);
	assert_int_equal(famfs_append(fs, &rec), 0);
}

/* The uuids are random: they are taken from what was written. */
static void writes_the_same_bytes(void **state)
{
	const struct famfs_stripes simple = { 0 }, inter = { 2, 2, 2 * MIB };
	u8 *d = make(file), *want = calloc(1, IMAGE_LEN);
	struct famfs_fs *fs = made();
	u64 half = 26 * MIB;	/* half of 54 MiB, in whole units */

	(void)state;
	assert_non_null(want);
	append_dir(fs, "dir", 0755);
	append_file(fs, "dir/file", 3 * MIB, 0644, &simple);
	append_file(fs, "dir/inter", 5 * MIB, 0600, &inter);
	famfs_close(fs);
	image_super(want, 1, d + 64);
	memcpy(want + 48, d + 48, 16);
	memset(want + 136, 0, 64);
	strcpy((char *)want + 136, strrchr(file, '/') + 1);
	image_seal_super(want);
	image_log(want);
	image_dir(want, 0, "dir", 0755);
	image_file(want, 1, "dir/file", 3 * MIB, IMAGE_FIRST, 4 * MIB);
	image_inter(want, 2, "dir/inter", 5 * MIB, 2 * MIB, 2, 0, 4 * MIB);
	/* The third entry begins at the first bucket: 2 mod 2. */
	image_ext(image_entry(want, 2), 152, 0, IMAGE_FIRST + 4 * MIB, 4 * MIB);
	image_ext(image_entry(want, 2), 176, 0, IMAGE_FIRST + half, 4 * MIB);
	image_seal(image_entry(want, 2), 2);
	image_count(want, 3);
	assert_memory_equal(d, want, 200);
	assert_memory_equal(d + IMAGE_LOG, want + IMAGE_LOG, 48 + 3 * 544);
	assert_memory_equal(d, want, IMAGE_LEN);
	free(want);
	munmap(d, IMAGE_LEN);
}

/* What a reader would refuse is never appended. */
static void refuses_to_append(void **state)
{
	u8 *d = make(file);
	struct famfs_fs *fs = made();
	struct famfs_rec rec = { .type = FAMFS_LOG_MKDIR, .f.mode = 0755 };

	(void)state;
	append_dir(fs, "dir", 0755);
	strcpy(rec.f.path, "../dir");
	assert_int_not_equal(famfs_append(fs, &rec), 0);
	strcpy(rec.f.path, "no/dir");
	assert_int_not_equal(famfs_append(fs, &rec), 0);
	rec.type = FAMFS_LOG_FILE;
	rec.f.size = 1;
	strcpy(rec.f.path, "file");
	assert_int_not_equal(famfs_append(fs, &rec), 0);
	assert_int_equal(fs->played, 1);
	assert_int_equal(d[IMAGE_LOG + 40], 1);
	famfs_close(fs);
	munmap(d, IMAGE_LEN);
}

/* An append that was cut off between its two stores; and counters that are lost. */
static void goes_on_after_a_cut(void **state)
{
	u8 *d = make(file);
	struct famfs_fs *fs = made();

	(void)state;
	append_dir(fs, "one", 0755);
	famfs_close(fs);
	image_u64(d, IMAGE_LOG + 32, 2);
	fs = replayed(file, FAMFS_READ);
	assert_int_equal(seen_nr, 1);
	famfs_close(fs);
	fs = replayed(file, FAMFS_LOG);
	append_dir(fs, "two", 0755);
	famfs_close(fs);
	assert_int_equal(d[IMAGE_LOG + 32], 2);
	assert_int_equal(d[IMAGE_LOG + 40], 2);
	fs = replayed(file, FAMFS_READ);
	assert_int_equal(seen_nr, 2);
	famfs_close(fs);
	image_u64(d, IMAGE_LOG + 32, 9);
	assert_int_not_equal(famfs_open(&fs, file, FAMFS_LOG, NULL), 0);
	assert_int_equal(famfs_open(&fs, file, FAMFS_READ, NULL), 0);
	famfs_close(fs);
	munmap(d, IMAGE_LEN);
}

/* A file that shrinks under us is an error. */
static void survives_a_short_file(void **state)
{
	u8 *d = make(file);
	struct famfs_fs *fs = made();
	struct famfs_rec rec;
	char buf[16];

	(void)state;
	append_file(fs, "f", 20 * MIB, 0644, &(struct famfs_stripes){ 0 });
	assert_int_equal(famfs_stat(fs, "f", &rec), 0);
	assert_int_equal(truncate(file, 16 * MIB), 0);
	assert_int_equal(famfs_content_read(fs, &rec.f, buf, 0, 16), 0);
	assert_int_equal(famfs_content_read(fs, &rec.f, buf, 10 * MIB, 16), -EIO);
	assert_int_equal(famfs_replay(fs), -EIO);
	famfs_close(fs);
	munmap(d, IMAGE_LEN);
}

static void mkfs_refuses(void **state)
{
	char *path[] = { file, second, file };
	struct famfs_mkfs how = { .log_len = 8 * MIB, .path = path, .nr = 1 };
	u8 *d = make(file), *e = make(second);

	(void)state;
	assert_int_equal(famfs_mkfs(&how), 0);
	assert_int_equal(famfs_mkfs(&how), -EEXIST);
	how.force = 1;
	how.log_len = 9 * MIB;
	assert_int_equal(famfs_mkfs(&how), -EINVAL);
	how.log_len = 4 * MIB;
	assert_int_equal(famfs_mkfs(&how), -EINVAL);
	how.log_len = 64 * MIB;
	assert_int_equal(famfs_mkfs(&how), -ENOSPC);
	how.log_len = 32 * MIB;
	how.nr = 3;
	assert_int_equal(famfs_mkfs(&how), -EINVAL);
	how.nr = 2;
	assert_int_equal(famfs_mkfs(&how), 0);
	assert_int_equal(e[104], 2);
	how.kill = 1;
	assert_int_equal(famfs_mkfs(&how), 0);
	assert_int_equal(*(u64 *)d, 0);
	assert_int_equal(*(u64 *)e, 0);
	munmap(d, IMAGE_LEN);
	munmap(e, IMAGE_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_kinds),
		cmocka_unit_test(reads_small_units),
		cmocka_unit_test(reads_longest_path),
		cmocka_unit_test(writes_the_same_bytes),
		cmocka_unit_test(refuses_to_append),
		cmocka_unit_test(goes_on_after_a_cut),
		cmocka_unit_test(survives_a_short_file),
		cmocka_unit_test(mkfs_refuses),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(file, sizeof(file), "%s/device", dir);
	snprintf(second, sizeof(second), "%s/second", dir);
	snprintf(uuid_file, sizeof(uuid_file), "%s/system", dir);
	setenv("FAMFS_SYSTEM_UUID", uuid_file, 1);
	daxfs_tool_init("test_famfs_medium");
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	unlink(second);
	unlink(uuid_file);
	rmdir(dir);
	return r;
}
