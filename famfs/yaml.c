// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Shadow files: a file of the log as a YAML document, and back.
 *
 * Notes: docs/famfs-format.md has the two forms. What is read is checked like
 * an entry of the log before anybody sees it. Keys that are not known, or come
 * twice, are errors: a document that is half understood must not be believed.
 */
#include <stdlib.h>
#include <yaml.h>

#include "famfs.h"

/* ---- writing ---- */

struct out {
	yaml_emitter_t e;
	struct famfs_text *text;
	size_t room;
	int bad;
};

static int put_text(void *arg, unsigned char *buf, size_t len)
{
	struct out *o = arg;
	struct famfs_text *t = o->text;

	if (t->len + len + 1 > o->room) {
		size_t room = 2 * (t->len + len + 1);
		char *at = realloc(t->at, room);

		if (!at)
			return 0;
		t->at = at;
		o->room = room;
	}
	memcpy(t->at + t->len, buf, len);
	t->len += len;
	t->at[t->len] = 0;
	return 1;
}

/* init: whether the event could be made. */
static void emit(struct out *o, yaml_event_t *event, int init)
{
	if (!init || o->bad || !yaml_emitter_emit(&o->e, event))
		o->bad = 1;
}

static void put_scalar(struct out *o, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t ev;

	emit(o, &ev, yaml_scalar_event_initialize(&ev, NULL, NULL,
		(const yaml_char_t *)text, -1, 1, 1, style));
}

static void put_key(struct out *o, const char *key)
{
	put_scalar(o, key, YAML_PLAIN_SCALAR_STYLE);
}

static void put_number(struct out *o, const char *key, const char *fmt, u64 value)
	__attribute__((format(printf, 3, 0)));

static void put_number(struct out *o, const char *key, const char *fmt, u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), fmt, (unsigned long long)value);
	put_key(o, key);
	put_scalar(o, text, YAML_PLAIN_SCALAR_STYLE);
}

static void begin_map(struct out *o)
{
	yaml_event_t ev;

	emit(o, &ev, yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1,
							 YAML_BLOCK_MAPPING_STYLE));
}

static void end_map(struct out *o)
{
	yaml_event_t ev;

	emit(o, &ev, yaml_mapping_end_event_initialize(&ev));
}

static void begin_list(struct out *o, const char *key)
{
	yaml_event_t ev;

	put_key(o, key);
	emit(o, &ev, yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1,
							  YAML_BLOCK_SEQUENCE_STYLE));
}

static void end_list(struct out *o)
{
	yaml_event_t ev;

	emit(o, &ev, yaml_sequence_end_event_initialize(&ev));
}

static void put_exts(struct out *o, const struct famfs_map *map)
{
	u32 i;

	begin_list(o, "simple_ext_list");
	for (i = 0; i < map->nr; i++) {
		begin_map(o);
		put_number(o, "devindex", "%llu", map->ext[i].device);
		put_number(o, "offset", "0x%llx", map->ext[i].off);
		put_number(o, "length", "0x%llx", map->ext[i].len);
		end_map(o);
	}
	end_list(o);
}

static void put_file(struct out *o, const struct famfs_file *f)
{
	const struct famfs_map *map = &f->map;
	int inter = map->type == FAMFS_INTERLEAVED;

	put_key(o, "path");
	put_scalar(o, f->path, YAML_ANY_SCALAR_STYLE);
	put_number(o, "size", "%llu", f->size);
	put_number(o, "flags", "%llu", f->flags);
	put_number(o, "mode", "0%llo", f->mode);
	put_number(o, "uid", "%llu", f->uid);
	put_number(o, "gid", "%llu", f->gid);
	put_number(o, "nextents", "%llu", inter ? 1 : map->nr);
	if (!inter) {
		put_exts(o, map);
		return;
	}
	begin_list(o, "striped_ext_list");
	begin_map(o);
	put_number(o, "nstrips", "%llu", map->nr);
	put_number(o, "chunk_size", "%llu", map->chunk);
	put_exts(o, map);
	end_map(o);
	end_list(o);
}

static int put_device(struct out *o, u64 device, famfs_uuid_of uuid_of, void *arg)
{
	u8 uuid[FAMFS_UUID_LEN];
	char text[FAMFS_UUID_TEXT];
	int r = uuid_of(arg, device, uuid);

	if (r)
		return r;
	famfs_uuid_text(uuid, text);
	put_key(o, "device_uuid");
	put_scalar(o, text, YAML_SINGLE_QUOTED_SCALAR_STYLE);
	return 0;
}

static int put_reference(struct out *o, const struct famfs_file *f,
			 famfs_uuid_of uuid_of, void *arg)
{
	char text[FAMFS_PATH_LEN + 8];
	int r = 0;
	u32 i;

	snprintf(text, sizeof(text), "/%s", f->path);
	put_key(o, "path");
	put_scalar(o, text, YAML_ANY_SCALAR_STYLE);
	put_number(o, "size", "%llu", f->size);
	put_number(o, "flags", "%llu", f->flags);
	put_number(o, "owner", "%llu", f->uid);
	put_number(o, "group", "%llu", f->gid);
	snprintf(text, sizeof(text), "0%o", f->mode);
	put_key(o, "permissions");
	put_scalar(o, text, YAML_SINGLE_QUOTED_SCALAR_STYLE);
	begin_list(o, "extents");
	for (i = 0; i < f->map.nr && !r; i++) {
		begin_map(o);
		r = put_device(o, f->map.ext[i].device, uuid_of, arg);
		put_number(o, "offset", "%llu", f->map.ext[i].off);
		put_number(o, "length", "%llu", f->map.ext[i].len);
		end_map(o);
	}
	end_list(o);
	return r;
}

static int put_document(struct out *o, const struct famfs_file *f,
			famfs_uuid_of uuid_of, void *arg)
{
	yaml_event_t ev;
	int r = 0;

	emit(o, &ev, yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING));
	emit(o, &ev, yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 0));
	begin_map(o);
	put_key(o, "file");
	begin_map(o);
	if (uuid_of && f->map.type == FAMFS_SIMPLE)
		r = put_reference(o, f, uuid_of, arg);
	else
		put_file(o, f);
	end_map(o);
	end_map(o);
	emit(o, &ev, yaml_document_end_event_initialize(&ev, 1));
	emit(o, &ev, yaml_stream_end_event_initialize(&ev));
	return r;
}

int famfs_yaml_write(const struct famfs_file *f, famfs_uuid_of uuid_of, void *arg,
		     struct famfs_text *to)
{
	struct out o = { .text = to };
	int r = -ENOMEM;

	*to = (struct famfs_text){ NULL, 0 };
	if (yaml_emitter_initialize(&o.e)) {
		yaml_emitter_set_output(&o.e, put_text, &o);
		yaml_emitter_set_width(&o.e, -1);
		yaml_emitter_set_unicode(&o.e, 1);
		r = put_document(&o, f, uuid_of, arg);
		if (!r && o.bad)
			r = -ENOMEM;
		yaml_emitter_delete(&o.e);
	}
	if (r) {
		famfs_say("%s: cannot write its map: %s", f->path, strerror(-r));
		free(to->at);
		to->at = NULL;
	}
	return r;
}

/* ---- reading ---- */

struct in {
	yaml_document_t doc;
	famfs_device_of device_of;
	void *arg;
	struct famfs_file *f;
	u64 nextents;
	int has_size, reference;
	char *why;
};

struct key {
	const char *name;
	int (*read)(struct in *in, yaml_node_t *value);
	int needed;
};

static const char *text_of(yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE ||
	    strlen((char *)node->data.scalar.value) != node->data.scalar.length)
		return NULL;
	return (char *)node->data.scalar.value;
}

static int number(struct in *in, yaml_node_t *node, const char *key, int base, u64 most,
		  u64 *value)
{
	const char *text = text_of(node);
	char *end;

	errno = 0;
	if (text && *text >= '0' && *text <= '9') {
		*value = strtoull(text, &end, base);
		if (!*end && !errno && *value <= most)
			return 0;
	}
	return famfs_because(in->why, -EINVAL, "'%s' is not a number that may be there",
			     key);
}

static int number32(struct in *in, yaml_node_t *node, const char *key, int base, u32 *to)
{
	u64 v = 0;
	int r = number(in, node, key, base, UINT32_MAX, &v);

	*to = (u32)v;
	return r;
}

/* The values of a mapping by a table of keys; each once, none unknown. */
static int read_map(struct in *in, yaml_node_t *node, const struct key *key, size_t nr,
		    const char *what)
{
	yaml_node_pair_t *p;
	unsigned int seen = 0;
	size_t i;
	int r;

	if (!node || node->type != YAML_MAPPING_NODE)
		return famfs_because(in->why, -EINVAL, "%s is not a mapping", what);
	for (p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
		const char *name = text_of(yaml_document_get_node(&in->doc, p->key));

		for (i = 0; i < nr && (!name || strcmp(name, key[i].name)); i++)
			;
		if (i == nr || seen & 1u << i)
			return famfs_because(in->why, -EINVAL, "%s has %s key '%.40s'",
					     what, i == nr ? "an unknown" : "twice the",
					     name ? name : "");
		seen |= 1u << i;
		r = key[i].read(in, yaml_document_get_node(&in->doc, p->value));
		if (r)
			return r;
	}
	for (i = 0; i < nr; i++)
		if (key[i].needed && !(seen & 1u << i))
			return famfs_because(in->why, -EINVAL, "%s has no key '%s'",
					     what, key[i].name);
	return 0;
}

static int read_list(struct in *in, yaml_node_t *node, const char *what, size_t most,
		     int (*read)(struct in *in, yaml_node_t *item))
{
	yaml_node_item_t *i;
	size_t nr = 0;
	int r = 0;

	if (!node || node->type != YAML_SEQUENCE_NODE)
		return famfs_because(in->why, -EINVAL, "'%s' is not a list", what);
	for (i = node->data.sequence.items.start;
	     i < node->data.sequence.items.top && !r; i++) {
		if (++nr > most)
			return famfs_because(in->why, -EINVAL, "'%s' has more than "
					     "%zu items", what, most);
		r = read(in, yaml_document_get_node(&in->doc, *i));
	}
	return r;
}

/* ---- extents ---- */

static struct famfs_ext *ext(struct in *in)
{
	return &in->f->map.ext[in->f->map.nr];
}

static int read_devindex(struct in *in, yaml_node_t *v)
{
	return number(in, v, "devindex", 0, UINT32_MAX, &ext(in)->device);
}

static int read_offset(struct in *in, yaml_node_t *v)
{
	return number(in, v, "offset", 0, UINT64_MAX, &ext(in)->off);
}

static int read_length(struct in *in, yaml_node_t *v)
{
	return number(in, v, "length", 0, UINT64_MAX, &ext(in)->len);
}

static int read_device_uuid(struct in *in, yaml_node_t *v)
{
	const char *text = text_of(v);
	u8 uuid[FAMFS_UUID_LEN];

	if (!text || famfs_uuid_parse(text, uuid))
		return famfs_because(in->why, -EINVAL, "'device_uuid' is not a uuid");
	if (!in->device_of || in->device_of(in->arg, uuid, &ext(in)->device))
		return famfs_because(in->why, -ENODEV, "device %s is not one of this "
				     "file system", text);
	return 0;
}

static const struct key simple_key[] = {
	{ "devindex", read_devindex, 1 }, { "offset", read_offset, 1 },
	{ "length", read_length, 1 },
};

static const struct key uuid_key[] = {
	{ "device_uuid", read_device_uuid, 1 }, { "offset", read_offset, 1 },
	{ "length", read_length, 1 },
};

static int read_simple_ext(struct in *in, yaml_node_t *node)
{
	int r = read_map(in, node, simple_key, 3, "an extent");

	in->f->map.nr++;
	return r;
}

static int read_uuid_ext(struct in *in, yaml_node_t *node)
{
	int r = read_map(in, node, uuid_key, 3, "an extent");

	in->f->map.nr++;
	return r;
}

/* One list of extents is enough for a file. */
static int begin_exts(struct in *in)
{
	if (!in->f->map.nr)
		return 0;
	return famfs_because(in->why, -EINVAL, "there are two lists of extents");
}

static int read_simple_list(struct in *in, yaml_node_t *v)
{
	int r = begin_exts(in);

	return r ? r : read_list(in, v, "simple_ext_list", FAMFS_EXTS, read_simple_ext);
}

static int read_nstrips(struct in *in, yaml_node_t *v)
{
	return number(in, v, "nstrips", 0, FAMFS_EXTS, &in->nextents);
}

static int read_chunk(struct in *in, yaml_node_t *v)
{
	return number(in, v, "chunk_size", 0, INT64_MAX, &in->f->map.chunk);
}

static const struct key striped_key[] = {
	{ "nstrips", read_nstrips, 1 }, { "chunk_size", read_chunk, 1 },
	{ "simple_ext_list", read_simple_list, 1 },
};

static int read_striped(struct in *in, yaml_node_t *node)
{
	u64 nextents = in->nextents;
	int r;

	in->f->map.type = FAMFS_INTERLEAVED;
	r = read_map(in, node, striped_key, 3, "a striped extent");
	if (!r && (!in->nextents || in->f->map.nr != in->nextents))
		r = famfs_because(in->why, -EINVAL, "'nstrips' is %llu, the list has %u",
				  (unsigned long long)in->nextents, in->f->map.nr);
	in->nextents = nextents;
	return r;
}

static int read_striped_list(struct in *in, yaml_node_t *v)
{
	return read_list(in, v, "striped_ext_list", 1, read_striped);
}

static int read_uuid_list(struct in *in, yaml_node_t *v)
{
	in->reference = 1;
	return read_list(in, v, "extents", FAMFS_EXTS, read_uuid_ext);
}

/* ---- files ---- */

static int read_path(struct in *in, yaml_node_t *v)
{
	const char *text = text_of(v);
	int r;

	if (!text)
		return famfs_because(in->why, -EINVAL, "'path' is not a text");
	text += *text == '/';	/* the second form counts from the mount */
	r = famfs_path_check(text, strlen(text) + 1, in->why);
	if (!r)
		memcpy(in->f->path, text, strlen(text) + 1);
	return r;
}

static int read_size(struct in *in, yaml_node_t *v)
{
	in->has_size = 1;
	return number(in, v, "size", 0, INT64_MAX, &in->f->size);
}

static int read_flags(struct in *in, yaml_node_t *v)
{
	return number32(in, v, "flags", 0, &in->f->flags);
}

static int read_mode(struct in *in, yaml_node_t *v)
{
	return number32(in, v, "mode", 8, &in->f->mode);
}

static int read_uid(struct in *in, yaml_node_t *v)
{
	return number32(in, v, "uid", 0, &in->f->uid);
}

static int read_gid(struct in *in, yaml_node_t *v)
{
	return number32(in, v, "gid", 0, &in->f->gid);
}

static int read_nextents(struct in *in, yaml_node_t *v)
{
	return number(in, v, "nextents", 0, FAMFS_EXTS, &in->nextents);
}

static const struct key file_key[] = {
	{ "path", read_path, 1 }, { "size", read_size, 1 }, { "flags", read_flags, 1 },
	{ "mode", read_mode, 1 }, { "uid", read_uid, 1 }, { "gid", read_gid, 1 },
	{ "nextents", read_nextents, 1 }, { "simple_ext_list", read_simple_list, 0 },
	{ "striped_ext_list", read_striped_list, 0 },
};

static const struct key reference_key[] = {
	{ "path", read_path, 1 }, { "owner", read_uid, 1 }, { "group", read_gid, 1 },
	{ "permissions", read_mode, 1 }, { "extents", read_uuid_list, 1 },
	{ "size", read_size, 0 }, { "flags", read_flags, 0 },
};

/* The second form is the one that has 'extents'. */
static int is_reference(struct in *in, yaml_node_t *node)
{
	yaml_node_pair_t *p;

	if (!node || node->type != YAML_MAPPING_NODE)
		return 0;
	for (p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
		const char *name = text_of(yaml_document_get_node(&in->doc, p->key));

		if (name && !strcmp(name, "extents"))
			return 1;
	}
	return 0;
}

static int read_file(struct in *in, yaml_node_t *node)
{
	u32 nr;
	int r;

	if (is_reference(in, node)) {
		r = read_map(in, node, reference_key, 7, "'file'");
		if (!r && !in->has_size)
			in->f->size = famfs_map_capacity(&in->f->map);
		return r;
	}
	r = read_map(in, node, file_key, 9, "'file'");
	nr = in->f->map.type == FAMFS_INTERLEAVED ? 1 : in->f->map.nr;
	if (!r && in->nextents != nr)
		r = famfs_because(in->why, -EINVAL, "'nextents' is %llu, the list has %u",
				  (unsigned long long)in->nextents, nr);
	return r;
}

static const struct key root_key[] = { { "file", read_file, 1 } };

static int read_document(struct in *in)
{
	int r = read_map(in, yaml_document_get_root_node(&in->doc), root_key, 1,
			 "the document");

	return r ? r : famfs_file_check(in->f, in->why);
}

int famfs_yaml_read(const char *text, size_t len, famfs_device_of device_of,
		    void *arg, struct famfs_file *f, char *why)
{
	struct in in = { .device_of = device_of, .arg = arg, .f = f, .why = why };
	yaml_parser_t parser;
	int r;

	memset(f, 0, sizeof(*f));
	if (!yaml_parser_initialize(&parser))
		return famfs_because(why, -ENOMEM, "%s", strerror(ENOMEM));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &in.doc)) {
		r = read_document(&in);
		yaml_document_delete(&in.doc);
	} else {
		r = famfs_because(why, -EINVAL, "line %zu is not YAML: %s",
				  parser.problem_mark.line + 1,
				  parser.problem ? parser.problem : "no document");
	}
	yaml_parser_delete(&parser);
	return r;
}
