// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One input is a configuration.
 *
 * Notes: a refusal says what is wrong, on one line. What is taken has every value within its
 * bounds; each line of it has had its effect, as a second reader, which is simpler than
 * inih and stricter, finds out; and written down from what was understood it is
 * understood in the same way.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <grp.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "config.h"
#include "dlm.h"
#include "targets.h"

#define MS	1000000u

/* ---- what is taken ---- */

static int is_text(const char *text, size_t size, int path)
{
	size_t len = strnlen(text, size);

	return len < size && (!path || !len || text[0] == '/');
}

static void check_node(const struct conf *c)
{
	fuzz_must(c->node >= 1 && c->node <= MXFS_NODES, "a number of a node");
	fuzz_must(c->voters & mxfs_bit(c->node), "a node is a voter");
	fuzz_must(!c->peer[c->node - 1].len, "a node is no peer of its own");
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		fuzz_must(n == c->node || !c->peer[n - 1].len ==
			  !(c->voters & mxfs_bit(n)), "peers are voters");
	fuzz_must(c->listen.len && !uuid_is_null(c->cluster), "what a node needs");
	fuzz_must(is_text(c->state, sizeof(c->state), 1) &&
		  is_text(c->control, sizeof(c->control), 1) &&
		  is_text(c->disk, sizeof(c->disk), 1) &&
		  is_text(c->certificate, sizeof(c->certificate), 1) &&
		  is_text(c->key, sizeof(c->key), 1) && is_text(c->ca, sizeof(c->ca), 1) &&
		  is_text(c->secret, sizeof(c->secret), 1) &&
		  is_text(c->old_secret, sizeof(c->old_secret), 1) &&
		  is_text(c->log, sizeof(c->log), 0), "paths end, and are absolute");
}

static void check_rules(const struct conf *c)
{
	uint32_t words = 0;

	fuzz_must(c->lease_ns >= 2 * c->renew_ns && c->renew_ns >= 10 * MS &&
		  c->takeover_ns >= MXFSD_TAKEOVER(c->lease_ns) &&
		  c->probe_ns >= 10 * MS, "times fit together");
	fuzz_must(!c->disk[0] || __builtin_popcountll(c->voters) == 2,
		  "a disk is for two nodes");
	if (c->security == CONF_PLAIN)
		fuzz_must(conf_is_loopback(&c->listen), "no keys, no network");
	for (uint32_t n = 0; n < MXFS_NODES; n++)
		fuzz_must(c->security != CONF_PLAIN || !c->peer[n].len ||
			  conf_is_loopback(&c->peer[n]), "no keys, no network");
	while (c->agent[words])
		fuzz_must(words++ < CONF_ARGS, "words of an agent end");
	fuzz_must(!words == (c->fence != CONF_FENCE_AGENT), "an agent has words");
	fuzz_must(!words || c->agent[0][0] == '/', "an agent is a path");
	fuzz_must(c->volumes <= CONF_VOLUMES, "volumes");
	for (uint32_t i = 0; i < c->volumes; i++)
		fuzz_must(c->volume[i].name[0] && c->volume[i].device[0] == '/' &&
			  is_text(c->volume[i].name, sizeof(c->volume[i].name), 0),
			  "a volume has a name and a device");
}

/* ---- each line has an effect ---- */

struct line {
	char section[CONF_LINE + 1];
	const char *name, *value;	/* NULL: this line begins the section */
	char text[CONF_LINE + 1];
};

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

/* What stands behind a blank and a semicolon is a comment. */
static void cut_comment(char *text)
{
	for (size_t i = 1; text[i]; i++)
		if (text[i] == ';' && isspace((unsigned char)text[i - 1])) {
			text[i] = 0;
			break;
		}
}

/* The section, with nothing behind it. */
static void read_section(struct line *l, char *text)
{
	char *close = strchr(text, ']'), *rest;

	fuzz_must(close != NULL, "a section without an end was taken");
	rest = trim(close + 1);
	fuzz_must(!*rest || *rest == ';', "what stands behind a section was taken");
	*close = 0;
	strcpy(l->section, text + 1);
	l->name = l->value = NULL;
}

/* 0: the line is empty, or a comment. */
static int read_line(struct line *l, const char *from, size_t len)
{
	char *text, *equals;

	fuzz_must(len < sizeof(l->text), "a line that is too long was taken");
	memcpy(l->text, from, len);
	l->text[len] = 0;
	text = trim(l->text);
	if (!*text || *text == '#' || *text == ';')
		return 0;
	if (*text == '[') {
		read_section(l, text);
		return 1;
	}
	cut_comment(text);
	equals = text + strcspn(text, "=:");
	fuzz_must(*equals, "a line without a value was taken");
	*equals = 0;
	l->name = trim(text);
	l->value = trim(equals + 1);
	return 1;
}

static const struct conf_volume *volume_of(const struct conf *c, const char *name)
{
	for (uint32_t i = 0; i < c->volumes; i++)
		if (!strcmp(c->volume[i].name, name))
			return &c->volume[i];
	return NULL;
}

static const struct conf_address *peer_of(const struct conf *c, const char *id)
{
	uint64_t n = strtoull(id, NULL, 10);

	return n >= 1 && n <= MXFS_NODES && c->peer[n - 1].len ? &c->peer[n - 1] : NULL;
}

static void section_counts(const struct conf *c, const char *section)
{
	if (!strncmp(section, "peer ", 5))
		fuzz_must(peer_of(c, section + 5) != NULL, "a peer was left out");
	else if (!strncmp(section, "volume ", 7))
		fuzz_must(volume_of(c, section + 7) != NULL, "a volume was left out");
	else
		fuzz_must(!strcmp(section, "node") || !strcmp(section, "timing") ||
			  !strcmp(section, "logging"), "an unknown section was taken");
}

/* Where the text of a key is kept as it was given; NULL: of another kind. */
static const char *text_of(const struct conf *c, const char *name)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "listen", c->listen.text }, { "state", c->state },
		{ "control", c->control }, { "disk", c->disk },
		{ "certificate", c->certificate }, { "key", c->key }, { "ca", c->ca },
		{ "secret", c->secret }, { "old_secret", c->old_secret },
		{ "cluster", c->cluster_text }, { "to", c->log },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i].name, name))
			return texts[i].text;
	return NULL;
}

static uint64_t number_of(const struct conf *c, const char *name)
{
	if (!strcmp(name, "id"))
		return c->node;
	if (!strcmp(name, "renew_ms"))
		return c->renew_ns / MS;
	if (!strcmp(name, "lease_ms"))
		return c->lease_ns / MS;
	if (!strcmp(name, "takeover_ms"))
		return c->takeover_ns / MS;
	return !strcmp(name, "probe_ms") ? c->probe_ns / MS : 0;
}

static int choice_is(const struct conf *c, const struct line *l)
{
	static const char *const security[] = { "certificate", "secret", "none" };
	static const char *const level[] = { "error", "warning", "info", "debug" };
	static const char *const fence[] = { "none", "manual" };

	if (!strcmp(l->name, "security"))
		return !strcmp(security[c->security], l->value);
	if (!strcmp(l->name, "level"))
		return !strcmp(level[c->level], l->value);
	if (!strcmp(l->name, "group"))
		return c->has_group;
	if (strcmp(l->name, "fence"))
		return 0;
	if (c->fence != CONF_FENCE_AGENT)
		return !strcmp(fence[c->fence], l->value);
	return !strncmp(c->agent[0], l->value, strlen(c->agent[0]));
}

static void key_counts(const struct conf *c, const struct line *l)
{
	const struct conf_volume *v;
	const char *text;
	uint64_t n = number_of(c, l->name);
	uuid_t uuid;

	if (!strncmp(l->section, "peer ", 5)) {
		fuzz_must(!strcmp(l->value, peer_of(c, l->section + 5)->text),
			  "a peer has another address");
	} else if (!strncmp(l->section, "volume ", 7)) {
		v = volume_of(c, l->section + 7);
		fuzz_must(strcmp(l->name, "uuid") ? !strcmp(l->value, v->device) :
			  !uuid_parse(l->value, uuid) && !uuid_compare(uuid, v->uuid),
			  "a volume is another one");
	} else {
		text = text_of(c, l->name);
		fuzz_must(text ? !strcmp(text, l->value) :
			  n ? strtoull(l->value, NULL, 10) == n : choice_is(c, l),
			  "a key has not had its effect");
	}
}

static void check_lines(const struct conf *c, const char *text)
{
	static struct line l;

	if (!strncmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	l.section[0] = 0;
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (!read_line(&l, text, len))
			continue;
		if (l.name)
			key_counts(c, &l);
		else
			section_counts(c, l.section);
	}
}

/* ---- it can be written down ---- */

struct out {
	char text[65536];
	size_t len;
};

static void put(struct out *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	o->len += (size_t)vsnprintf(o->text + o->len, sizeof(o->text) - o->len, fmt, ap);
	va_end(ap);
	fuzz_must(o->len < sizeof(o->text), "a configuration is written in 64 KiB");
}

static void put_if(struct out *o, const char *name, const char *value)
{
	if (value[0])
		put(o, "%s=%s\n", name, value);
}

static void write_node(struct out *o, const struct conf *c)
{
	static const char *const security[] = { "certificate", "secret", "none" };
	const struct group *g = c->has_group ? getgrgid(c->group) : NULL;

	put(o, "[node]\nid=%u\ncluster=%s\nlisten=%s\nsecurity=%s\n", c->node,
	    c->cluster_text, c->listen.text, security[c->security]);
	put_if(o, "state", c->state);
	put_if(o, "control", c->control);
	put_if(o, "disk", c->disk);
	put_if(o, "certificate", c->certificate);
	put_if(o, "key", c->key);
	put_if(o, "ca", c->ca);
	put_if(o, "secret", c->secret);
	put_if(o, "old_secret", c->old_secret);
	if (g)
		put(o, "group=%s\n", g->gr_name);
	if (c->fence != CONF_FENCE_AGENT)
		put(o, "fence=%s\n", c->fence == CONF_FENCE_NONE ? "none" : "manual");
	else
		put(o, "fence=");
	for (uint32_t i = 0; c->agent[i]; i++)
		put(o, "%s%s", c->agent[i], c->agent[i + 1] ? " " : "\n");
}

static void write_rest(struct out *o, const struct conf *c)
{
	static const char *const level[] = { "error", "warning", "info", "debug" };
	char uuid[37];

	put(o, "[timing]\nrenew_ms=%" PRIu64 "\nlease_ms=%" PRIu64 "\nprobe_ms=%" PRIu64
	    "\n", c->renew_ns / MS, c->lease_ns / MS, c->probe_ns / MS);
	if (c->takeover_ns != MXFSD_TAKEOVER(c->lease_ns))
		put(o, "takeover_ms=%" PRIu64 "\n", c->takeover_ns / MS);
	put(o, "[logging]\nlevel=%s\nto=%s\n", level[c->level], c->log);
	for (uint32_t n = 0; n < MXFS_NODES; n++)
		if (c->peer[n].len)
			put(o, "[peer %u]\naddress=%s\n", n + 1, c->peer[n].text);
	for (uint32_t i = 0; i < c->volumes; i++) {
		uuid_unparse(c->volume[i].uuid, uuid);
		put(o, "[volume %s]\nuuid=%s\ndevice=%s\n", c->volume[i].name, uuid,
		    c->volume[i].device);
	}
}

static void write_conf(struct out *o, const struct conf *c)
{
	o->len = 0;
	write_node(o, c);
	write_rest(o, c);
}

static int same_address(const struct conf_address *a, const struct conf_address *b)
{
	return a->len == b->len && !memcmp(&a->sa, &b->sa, sizeof(a->sa));
}

static void check_again(const struct conf *c)
{
	static struct out first, second;
	struct conf *again;
	char err[400] = "";

	write_conf(&first, c);
	if (conf_parse(first.text, "again", &again, err, sizeof(err))) {
		fprintf(stderr, "%s\n%s", err, first.text);
		fuzz_must(0, "what was understood is refused when it is written down");
	}
	write_conf(&second, again);
	fuzz_must(first.len == second.len && !memcmp(first.text, second.text, first.len),
		  "what is written down is understood in another way");
	fuzz_must(same_address(&c->listen, &again->listen) && c->voters == again->voters &&
		  !memcmp(c->cluster, again->cluster, 16) && c->group == again->group,
		  "an address, the cluster or a group is another one");
	for (uint32_t n = 0; n < MXFS_NODES; n++)
		fuzz_must(same_address(&c->peer[n], &again->peer[n]),
			  "a peer's address is another one");
	conf_free(again);
}

/* ---- */

static void check_refusal(const struct conf *c, const char *err, size_t size)
{
	fuzz_must(!c, "a refusal has no result");
	fuzz_must(strnlen(err, size) < size && !strncmp(err, "conf:", 5) && err[6] &&
		  !strchr(err, '\n'), "a refusal is a line that says what is wrong");
}

int fuzz_conf(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), err[400] = "";
	struct conf *c;

	fuzz_must(text != NULL, "no memory");
	memcpy(text, data, size);
	text[size] = 0;		/* with zeros in it: what conf_load() refuses ends there */
	fuzz_sums.inputs++;
	if (conf_parse(text, "conf", &c, err, sizeof(err))) {
		fuzz_sums.refused++;
		check_refusal(c, err, sizeof(err));
	} else {
		fuzz_sums.taken++;
		check_node(c);
		check_rules(c);
		check_lines(c, text);
		check_again(c);
		conf_free(c);
	}
	free(text);
	return 0;
}
