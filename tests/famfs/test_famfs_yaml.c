// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Shadow files: the form that is written, to the letter; both forms that are read;
 * what is refused.
 *
 * Notes: the strict parser here knows the keys, their order and the spelling of
 * their values, and nothing else.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <yaml.h>

#include <cmocka.h>

#include "famfs.h"

static const u8 uuid0[16] = { 0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3,
			      0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00 };

static int device_of(void *arg, const u8 uuid[16], u64 *device)
{
	(void)arg;
	*device = uuid[15];
	return memcmp(uuid, uuid0, 15) ? -ENODEV : 0;
}

static int uuid_of(void *arg, u64 device, u8 uuid[16])
{
	(void)arg;
	memcpy(uuid, uuid0, 16);
	uuid[15] = (u8)device;
	return 0;
}

static int read_text(const char *text, struct famfs_file *f, char *why)
{
	return famfs_yaml_read(text, strlen(text), device_of, NULL, f, why);
}

static struct famfs_file sample(void)
{
	struct famfs_file f = { .path = "dir/a file: \"x\" # y\n\xc3\xa4", .size = 3000001,
		.flags = 2, .uid = 1000, .gid = 4294967294u, .mode = 04750,
		.map = { .type = FAMFS_SIMPLE, .nr = 2, .ext = {
			{ 0, 0xa00000, 0x200000 }, { 3, 0x200000, 0x200000 } } } };

	return f;
}

static struct famfs_file sample_inter(void)
{
	struct famfs_file f = sample();

	f.map.type = FAMFS_INTERLEAVED;
	f.map.chunk = 0x10000;
	return f;
}

/* ---- the strict parser ---- */

static yaml_parser_t parser;

static void expect(yaml_event_type_t type, const char *scalar)
{
	yaml_event_t ev;

	assert_true(yaml_parser_parse(&parser, &ev));
	assert_int_equal(ev.type, type);
	if (scalar)
		assert_string_equal((char *)ev.data.scalar.value, scalar);
	yaml_event_delete(&ev);
}

static void expect_pair(const char *key, const char *value)
{
	expect(YAML_SCALAR_EVENT, key);
	expect(YAML_SCALAR_EVENT, value);
}

static void expect_start(const struct famfs_text *text)
{
	assert_true(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text->at, text->len);
	expect(YAML_STREAM_START_EVENT, NULL);
	expect(YAML_DOCUMENT_START_EVENT, NULL);
	expect(YAML_MAPPING_START_EVENT, NULL);
	expect(YAML_SCALAR_EVENT, "file");
	expect(YAML_MAPPING_START_EVENT, NULL);
}

static void expect_end(void)
{
	expect(YAML_MAPPING_END_EVENT, NULL);
	expect(YAML_MAPPING_END_EVENT, NULL);
	expect(YAML_DOCUMENT_END_EVENT, NULL);
	expect(YAML_STREAM_END_EVENT, NULL);
	yaml_parser_delete(&parser);
}

static void expect_head(const struct famfs_file *f, const char *nextents)
{
	expect_pair("path", f->path);
	expect_pair("size", "3000001");
	expect_pair("flags", "2");
	expect_pair("mode", "04750");
	expect_pair("uid", "1000");
	expect_pair("gid", "4294967294");
	expect_pair("nextents", nextents);
}

static void expect_exts(void)
{
	expect(YAML_SCALAR_EVENT, "simple_ext_list");
	expect(YAML_SEQUENCE_START_EVENT, NULL);
	expect(YAML_MAPPING_START_EVENT, NULL);
	expect_pair("devindex", "0");
	expect_pair("offset", "0xa00000");
	expect_pair("length", "0x200000");
	expect(YAML_MAPPING_END_EVENT, NULL);
	expect(YAML_MAPPING_START_EVENT, NULL);
	expect_pair("devindex", "3");
	expect_pair("offset", "0x200000");
	expect_pair("length", "0x200000");
	expect(YAML_MAPPING_END_EVENT, NULL);
	expect(YAML_SEQUENCE_END_EVENT, NULL);
}

static void writes_simple(void **state)
{
	struct famfs_file f = sample();
	struct famfs_text text;

	(void)state;
	assert_int_equal(famfs_yaml_write(&f, NULL, NULL, &text), 0);
	assert_int_equal(strlen(text.at), text.len);
	expect_start(&text);
	expect_head(&f, "2");
	expect_exts();
	expect_end();
	free(text.at);
}

static void writes_striped(void **state)
{
	struct famfs_file f = sample_inter();
	struct famfs_text text;

	(void)state;
	assert_int_equal(famfs_yaml_write(&f, NULL, NULL, &text), 0);
	expect_start(&text);
	expect_head(&f, "1");
	expect(YAML_SCALAR_EVENT, "striped_ext_list");
	expect(YAML_SEQUENCE_START_EVENT, NULL);
	expect(YAML_MAPPING_START_EVENT, NULL);
	expect_pair("nstrips", "2");
	expect_pair("chunk_size", "65536");
	expect_exts();
	expect(YAML_MAPPING_END_EVENT, NULL);
	expect(YAML_SEQUENCE_END_EVENT, NULL);
	expect_end();
	free(text.at);
}

static void comes_back(void **state)
{
	struct famfs_file f[2] = { sample(), sample_inter() }, back;
	struct famfs_text text;
	char why[FAMFS_WHY];
	int i;

	(void)state;
	f[0].mode = f[1].mode = 07777;
	for (i = 0; i < 4; i++) {
		assert_int_equal(famfs_yaml_write(&f[i & 1], i & 2 ? uuid_of : NULL, NULL,
						  &text), 0);
		assert_int_equal(read_text(text.at, &back, why), 0);
		assert_memory_equal(&back, &f[i & 1], sizeof(back));
		free(text.at);
	}
}

/* ---- what others write ---- */

static const char reference[] =
"file:\n"
"  path: /path/to/file\n"
"  owner: 1\n"
"  group: 2\n"
"  permissions: '0755'\n"
"  extents:\n"
"    - device_uuid: '123e4567-e89b-12d3-a456-426614174000'\n"
"      offset: 2097152\n"
"      length: 2097152\n"
"    - device_uuid: '123e4567-e89b-12d3-a456-426614174001'\n"
"      offset: 0x400000\n"
"      length: 8388608\n";

static void reads_reference(void **state)
{
	struct famfs_file f;
	char why[FAMFS_WHY];

	(void)state;
	assert_int_equal(read_text(reference, &f, why), 0);
	assert_string_equal(f.path, "path/to/file");
	assert_int_equal(f.uid, 1);
	assert_int_equal(f.gid, 2);
	assert_int_equal(f.mode, 0755);
	assert_int_equal(f.map.nr, 2);
	assert_int_equal(f.map.ext[1].device, 1);
	assert_int_equal(f.map.ext[1].off, 0x400000);
	assert_int_equal(f.size, 2097152 + 8388608);
}

static void reads_any_order(void **state)
{
	struct famfs_file f;
	char why[FAMFS_WHY];

	(void)state;
	assert_int_equal(read_text("{file: {simple_ext_list: [{length: 0x200000, "
		"offset: 4194304, devindex: 1}], nextents: 1, gid: 0, uid: 0, mode: 644, "
		"flags: 0, size: 0x10, path: x}}", &f, why), 0);
	assert_int_equal(f.size, 16);
	assert_int_equal(f.mode, 0644);
	assert_int_equal(f.map.ext[0].device, 1);
}

/* ---- what is refused ---- */

#define HEAD	"file:\n  path: x\n  size: 1\n  flags: 0\n  mode: 0644\n  uid: 0\n  gid: 0\n"
#define EXT	"  - {devindex: 0, offset: 0x200000, length: 0x200000}\n"
#define GOOD	HEAD "  nextents: 1\n  simple_ext_list:\n" EXT

static const struct {
	const char *text, *message;
} bad[] = {
	{ "", "not a mapping" },
	{ "file", "not a mapping" },
	{ "- file", "not a mapping" },
	{ "\tfile: x", "not YAML" },
	{ "file: [", "not YAML" },
	{ "file: {}", "no key 'path'" },
	{ "other: {}", "unknown key 'other'" },
	{ GOOD "  more: 1\n", "unknown key 'more'" },
	{ GOOD "  size: 2\n", "twice the key 'size'" },
	{ "file: {path: ../x}", "component '..'" },
	{ "file: {path: //x}", "absolute" },
	{ "file: {path: \"x\\0y\"}", "not a text" },
	{ "file: {path: []}", "not a text" },
	{ "file: {size: -1}", "'size' is not a number" },
	{ "file: {size: 0x8000000000000000}", "'size' is not a number" },
	{ "file: {size: 99999999999999999999}", "'size' is not a number" },
	{ "file: {size: 1 2}", "'size' is not a number" },
	{ "file: {mode: 0899}", "'mode' is not a number" },
	{ "file: {uid: 4294967296}", "'uid' is not a number" },
	{ "file: {nextents: 17}", "'nextents' is not a number" },
	{ "file: {simple_ext_list: 1}", "not a list" },
	{ HEAD "  nextents: 2\n  simple_ext_list:\n" EXT, "'nextents' is 2" },
	{ HEAD "  nextents: 0\n", "1 bytes are more" },
	{ GOOD "  striped_ext_list:\n  - nstrips: 1\n    chunk_size: 4096\n"
	  "    simple_ext_list:\n    " EXT, "two lists" },
	{ HEAD "  nextents: 1\n  simple_ext_list:\n  - {devindex: 0, offset: 1}\n",
	  "no key 'length'" },
	{ HEAD "  nextents: 1\n  simple_ext_list:\n  - {devindex: 0, offset: 0, "
	  "length: 4096}\n", "at offset 0" },
	{ HEAD "  nextents: 1\n  simple_ext_list:\n  - {devindex: 0, offset: "
	  "0xfffffffffffff000, length: 0x2000}\n", "ends behind its beginning" },
	{ HEAD "  nextents: 1\n  simple_ext_list:\n" EXT EXT EXT EXT EXT EXT EXT EXT EXT
	  EXT EXT EXT EXT EXT EXT EXT EXT, "more than 16 items" },
	{ HEAD "  nextents: 1\n  striped_ext_list:\n  - nstrips: 2\n    chunk_size: 4096\n"
	  "    simple_ext_list:\n    - {devindex: 0, offset: 0x200000, length: 4096}\n",
	  "'nstrips' is 2" },
	{ HEAD "  nextents: 1\n  striped_ext_list:\n  - nstrips: 0\n    chunk_size: 4096\n"
	  "    simple_ext_list: []\n", "'nstrips' is 0" },
	{ HEAD "  nextents: 1\n  striped_ext_list:\n  - nstrips: 1\n    chunk_size: 100\n"
	  "    simple_ext_list:\n    - {devindex: 0, offset: 0x200000, length: 4096}\n",
	  "not a multiple of 4096" },
	{ "file: {path: x, owner: 0, group: 0, permissions: '0644', extents: [{device_uuid: "
	  "x, offset: 4096, length: 4096}]}", "not a uuid" },
	{ "file: {path: x, owner: 0, group: 0, permissions: '0644', extents: [{device_uuid: "
	  "00000000-0000-0000-0000-000000000000, offset: 4096, length: 4096}]}",
	  "not one of this file system" },
	{ "file: {path: x, owner: 0, permissions: '0644', extents: []}", "no key 'group'" },
};

static void refuses(void **state)
{
	struct famfs_file f;
	char why[FAMFS_WHY];
	size_t i;

	(void)state;
	assert_int_equal(read_text(GOOD, &f, why), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = 0;
		if (!read_text(bad[i].text, &f, why) || !strstr(why, bad[i].message))
			fail_msg("case %zu: '%s' instead of '%s'", i, why, bad[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_simple),
		cmocka_unit_test(writes_striped),
		cmocka_unit_test(comes_back),
		cmocka_unit_test(reads_reference),
		cmocka_unit_test(reads_any_order),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
