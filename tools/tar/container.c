// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Archives of container images: which layers make the one that is wanted.
 *
 * Notes: "docker save" writes manifest.json, an array with the paths of the
 * layers of each image. An OCI layout has index.json, which leads to
 * manifests by their digests, sometimes through further indexes; what is only
 * attached to an image (signatures, attestations) is not one. An archive that
 * has both, as new versions of docker write, is read by manifest.json.
 */
#define _GNU_SOURCE
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "tar.h"

#define JSON_MAX	(64u << 20)
#define JSON_DEPTH	64
#define INDEX_DEPTH	4u
#define MAX_LABELS	16u
#define MAX_IMAGES	4096u
#define PATH_LEN	256u

struct candidate {
	const char *label[MAX_LABELS];	/* by which it can be named */
	u32 labels;
	json_object *layers;	/* an array of paths, or of descriptors */
};

struct containers {
	const struct tar_archive *a;
	const struct daxfs_tree *t;
	json_object *held;	/* an array of all that was read */
	struct candidate *c;
	u32 nr;
};

/* ---- JSON ---- */

static const char *text_of(json_object *o, const char *key)
{
	json_object *v;

	return json_object_is_type(o, json_type_object) &&
	       json_object_object_get_ex(o, key, &v) &&
	       json_object_is_type(v, json_type_string) ?
	       json_object_get_string(v) : NULL;
}

static json_object *member(json_object *o, const char *key,
			   enum json_type type)
{
	json_object *v;

	return json_object_is_type(o, json_type_object) &&
	       json_object_object_get_ex(o, key, &v) &&
	       json_object_is_type(v, type) ? v : NULL;
}

static int read_file(const struct daxfs_tree_file *f, char *to)
{
	u32 i;

	for (i = 0; i < f->extent_nr; i++) {
		const struct daxfs_tree_extent *e = &f->extent[i];
		u64 at = 0;

		while (at < e->len) {
			ssize_t n = pread(f->fd, to + e->file_off + at,
					  e->len - at, (off_t)(e->from + at));

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return -1;
			at += (u64)n;
		}
	}
	return 0;
}

static json_object *parse(const char *text, size_t len)
{
	json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	json_object *o = NULL;

	if (!tok)
		return NULL;
	o = json_tokener_parse_ex(tok, text, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tok);
	return o;
}

/* NULL: there is no such file, or it is not JSON. Lives as long as cs. */
static json_object *load(struct containers *cs, const char *path)
{
	u32 file = tar_layer_find(cs->t, path);
	const struct daxfs_tree_file *f;
	json_object *o = NULL;
	char *text;

	if (file == DAXFS_TREE_NONE)
		return NULL;
	f = &cs->t->file[file];
	if (!S_ISREG(f->mode) || !f->size || f->size > JSON_MAX)
		return NULL;
	/* With a NUL: a number at the end is complete then. */
	text = calloc(1, f->size + 1);
	if (text && !read_file(f, text))
		o = parse(text, f->size + 1);
	free(text);
	if (o && json_object_array_add(cs->held, o)) {
		json_object_put(o);
		o = NULL;
	}
	return o;
}

/* ---- candidates ---- */

static void add_label(struct candidate *c, const char *label)
{
	u32 i;

	if (!label || !*label || c->labels == MAX_LABELS)
		return;
	for (i = 0; i < c->labels; i++)
		if (!strcmp(c->label[i], label))
			return;
	c->label[c->labels++] = label;
}

static struct candidate *add_candidate(struct containers *cs)
{
	void *p;

	if (cs->nr == MAX_IMAGES) {
		daxfs_tool_error("%s: holds more than %u images; make an "
				 "archive of one", cs->a->name, MAX_IMAGES);
		return NULL;
	}
	p = reallocarray(cs->c, cs->nr + 1, sizeof(*cs->c));
	if (!p) {
		tar_no_memory(cs->a);
		return NULL;
	}
	cs->c = p;
	memset(&cs->c[cs->nr], 0, sizeof(*cs->c));
	return &cs->c[cs->nr++];
}

/* ---- docker save ---- */

static int is_docker(json_object *top)
{
	size_t i, nr;

	if (!json_object_is_type(top, json_type_array))
		return 0;
	nr = json_object_array_length(top);
	for (i = 0; i < nr; i++)
		if (!member(json_object_array_get_idx(top, i), "Layers",
			    json_type_array))
			return 0;
	return nr > 0;
}

static int add_docker(struct containers *cs, json_object *top)
{
	size_t i, j, nr = json_object_array_length(top);

	for (i = 0; i < nr; i++) {
		json_object *o = json_object_array_get_idx(top, i);
		json_object *tags = member(o, "RepoTags", json_type_array);
		struct candidate *c = add_candidate(cs);

		if (!c)
			return -1;
		c->layers = member(o, "Layers", json_type_array);
		for (j = 0; tags && j < json_object_array_length(tags); j++)
			add_label(c, json_object_get_string(
				  json_object_array_get_idx(tags, j)));
		add_label(c, text_of(o, "Config"));
	}
	return 0;
}

/* ---- OCI ---- */

/* "blobs/ALGORITHM/HASH" of "ALGORITHM:HASH"; -1: it is not a digest. */
static int blob_path(const char *digest, char path[PATH_LEN])
{
	const char *colon = digest ? strchr(digest, ':') : NULL;

	if (!colon || strchr(digest, '/') || strstr(digest, "..") ||
	    snprintf(path, PATH_LEN, "blobs/%.*s/%s", (int)(colon - digest),
		     digest, colon + 1) >= (int)PATH_LEN)
		return -1;
	return 0;
}

static void add_platform(struct containers *cs, struct candidate *c,
			 json_object *desc)
{
	json_object *p = member(desc, "platform", json_type_object), *o;
	const char *os = text_of(p, "os"), *arch = text_of(p, "architecture");
	const char *variant = text_of(p, "variant");
	char text[PATH_LEN];

	if (!os || !arch)
		return;
	snprintf(text, sizeof(text), "%s/%s%s%s", os, arch, variant ? "/" : "",
		 variant ? variant : "");
	o = json_object_new_string(text);
	if (o && !json_object_array_add(cs->held, o))
		add_label(c, json_object_get_string(o));
}

static void add_names(struct candidate *c, json_object *desc)
{
	json_object *notes = member(desc, "annotations", json_type_object);

	add_label(c, text_of(notes, "io.containerd.image.name"));
	add_label(c, text_of(notes, "org.opencontainers.image.ref.name"));
}

static struct candidate *with_digest(struct containers *cs, const char *digest)
{
	u32 i, j;

	for (i = 0; i < cs->nr; i++)
		for (j = 0; j < cs->c[i].labels; j++)
			if (!strcmp(cs->c[i].label[j], digest))
				return &cs->c[i];
	return NULL;
}

static int add_index(struct containers *cs, json_object *index,
		     json_object *parent, u32 depth);

/* What the descriptor desc, in an index that parent describes, leads to. */
static int add_described(struct containers *cs, json_object *desc,
			 json_object *parent, u32 depth)
{
	const char *digest = text_of(desc, "digest");
	struct candidate *c;
	char path[PATH_LEN];
	json_object *o;

	/* Something about an image. */
	if (text_of(member(desc, "annotations", json_type_object),
		    "vnd.docker.reference.type"))
		return 0;
	o = blob_path(digest, path) ? NULL : load(cs, path);
	if (!o) {
		daxfs_tool_error("%s: its index names %s, which is not in it, "
				 "or damaged; get it anew", cs->a->name,
				 digest ? digest : "nothing");
		return -1;
	}
	if (member(o, "manifests", json_type_array))
		return add_index(cs, o, desc, depth + 1);
	if (!member(o, "layers", json_type_array))
		return 0;
	c = with_digest(cs, digest);
	if (!c)
		c = add_candidate(cs);
	if (!c)
		return -1;
	c->layers = member(o, "layers", json_type_array);
	add_names(c, desc);
	add_names(c, parent);
	add_platform(cs, c, desc);
	add_label(c, digest);
	return 0;
}

static int add_index(struct containers *cs, json_object *index,
		     json_object *parent, u32 depth)
{
	json_object *m = member(index, "manifests", json_type_array);
	size_t i;
	int err = 0;

	if (depth > INDEX_DEPTH) {
		daxfs_tool_error("%s: its indexes are nested too deeply; get "
				 "it anew", cs->a->name);
		return -1;
	}
	for (i = 0; !err && m && i < json_object_array_length(m); i++)
		err = add_described(cs, json_object_array_get_idx(m, i),
				    parent, depth);
	return err;
}

/* ---- choosing ---- */

static int has_label(const struct candidate *c, const char *want)
{
	u32 i;

	for (i = 0; i < c->labels; i++)
		if (!strcmp(c->label[i], want))
			return 1;
	return 0;
}

static void list_images(const struct containers *cs)
{
	u32 i, j;

	for (i = 0; i < cs->nr; i++) {
		fprintf(stderr, "  ");
		for (j = 0; j < cs->c[i].labels; j++)
			fprintf(stderr, "%s%s", j ? ", " : "",
				cs->c[i].label[j]);
		fprintf(stderr, "\n");
	}
}

static const struct candidate *choose(const struct containers *cs,
				      const char *want)
{
	const struct candidate *found = NULL;
	u32 i, nr = 0;

	for (i = 0; i < cs->nr; i++) {
		if (want && !has_label(&cs->c[i], want))
			continue;
		found = &cs->c[i];
		nr++;
	}
	if (nr == 1)
		return found;
	if (!cs->nr)
		daxfs_tool_error("%s: an archive of container images without "
				 "an image; make it anew", cs->a->name);
	else if (!nr)
		daxfs_tool_error("%s: has no image %s; name one of these with "
				 "--image:", cs->a->name, want);
	else
		daxfs_tool_error("%s: holds %u images%s%s; name one of them "
				 "with --image:", cs->a->name, nr,
				 want ? " called " : "", want ? want : "");
	list_images(cs);
	return NULL;
}

/* ---- layers ---- */

static int layer_error(const struct containers *cs, const char *name,
		       const char *what)
{
	daxfs_tool_error("%s: layer %s: %s; get it anew", cs->a->name,
			 name ? name : "without a name", what);
	return -1;
}

static int is_layer(const struct daxfs_tree *t, u32 file)
{
	return file != DAXFS_TREE_NONE && S_ISREG(t->file[file].mode);
}

/* A path, or the descriptor of a blob. */
static int find_layer(const struct containers *cs, json_object *o, u32 *file)
{
	const char *name = text_of(o, "digest");
	const char *type = text_of(o, "mediaType");
	char path[PATH_LEN];
	json_object *size;

	if (json_object_is_type(o, json_type_string)) {
		name = json_object_get_string(o);
		*file = tar_layer_find(cs->t, name);
		return is_layer(cs->t, *file) ? 0 :
		       layer_error(cs, name, "it is not in the archive");
	}
	if (type && !strstr(type, "tar"))
		return layer_error(cs, name, "it is not a tar archive");
	if (blob_path(name, path))
		return layer_error(cs, name, "this is not a digest");
	*file = tar_layer_find(cs->t, path);
	if (!is_layer(cs->t, *file))
		return layer_error(cs, name, "it is not in the archive");
	size = member(o, "size", json_type_int);
	if (size && (u64)json_object_get_int64(size) !=
		    cs->t->file[*file].size)
		return layer_error(cs, name, "its length is not that of the "
				   "manifest");
	return 0;
}

static int find_layers(const struct containers *cs, const struct candidate *c,
		       struct tar_image *image)
{
	size_t i, nr = json_object_array_length(c->layers);

	image->layer = calloc(nr + 1, sizeof(*image->layer));
	if (!image->layer)
		return tar_no_memory(cs->a);
	for (i = 0; i < nr; i++) {
		json_object *o = json_object_array_get_idx(c->layers, i);

		if (find_layer(cs, o, &image->layer[i]))
			return -1;
	}
	image->nr = (u32)nr;
	return 0;
}

/* ---- all of it ---- */

static int names_file(const struct tar_entry *e, const char *name)
{
	const char *p = e->path;

	while (p[0] == '.' && p[1] == '/')
		p += 2;
	return !strcmp(p, name) && (e->link || S_ISREG(e->file.mode));
}

int tar_is_container(const struct tar_archive *a)
{
	int layout = 0, index = 0;
	u64 i;

	for (i = 0; i < a->nr; i++) {
		if (names_file(&a->entry[i], "manifest.json"))
			return 1;
		layout |= names_file(&a->entry[i], "oci-layout");
		index |= names_file(&a->entry[i], "index.json");
	}
	return layout && index;
}

/* 0, -1, or 1: no images. */
static int collect(struct containers *cs)
{
	json_object *top = load(cs, "manifest.json");

	if (is_docker(top))
		return add_docker(cs, top);
	if (!text_of(load(cs, "oci-layout"), "imageLayoutVersion"))
		return 1;
	top = load(cs, "index.json");
	return member(top, "manifests", json_type_array) ?
	       add_index(cs, top, NULL, 0) : 1;
}

int tar_container_pick(const struct tar_archive *a, const struct daxfs_tree *t,
		       const char *want, struct tar_image *image)
{
	struct containers cs = { .a = a, .t = t };
	const struct candidate *c;
	int r;

	cs.held = json_object_new_array();
	if (!cs.held)
		return tar_no_memory(a);
	r = collect(&cs);
	if (!r) {
		c = choose(&cs, want);
		r = c ? find_layers(&cs, c, image) : -1;
	}
	json_object_put(cs.held);
	free(cs.c);
	return r;
}
