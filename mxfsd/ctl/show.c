// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * status, members, resources, locks, volumes; watch; fenced.
 *
 * Notes: tables for people, one JSON document for programs; a watch has one line for each
 * event either way.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "dlm.h"
#include "mode.h"

#define NAME_TEXT	(4 * MXFS_NAME_MAX + 1)

static const char *const queue_text[] = { "granted", "converting", "waiting" };
static const char *const lvb_text[] = { "none", "valid", "lost" };

struct show {
	struct ctl *c;
	struct json_object *list;	/* with --json */
	uint64_t next;
	int more;
};

/* --json and nothing else. */
static int options(struct ctl *c, int argc, char **argv, int words)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt != 'j')
			return ctl_usage();
		c->json = 1;
	}
	return argc - optind == words ? 0 : ctl_usage();
}

/* ---- JSON ---- */

static void put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static void put_flag(struct json_object *o, const char *key, int v)
{
	json_object_object_add(o, key, json_object_new_boolean(v));
}

static void put_name(struct json_object *o, const struct mxfs_name *name)
{
	char text[NAME_TEXT];

	put_text(o, "resource", ctl_name(name, text));
}

static void put_lvb(struct json_object *o, const struct mxfs_lvb *lvb)
{
	char hex[2 * MXFS_LVB + 1];

	put_text(o, "lvb_state", lvb_text[lvb->state]);
	put_number(o, "lvb_version", lvb->version);
	if (lvb->state != MXFS_LVB_VALID)
		return;
	ctl_hex(lvb->byte, MXFS_LVB, hex);
	put_text(o, "lvb", hex);
}

static struct json_object *nodes_of(uint64_t mask)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (mask & mxfs_bit(n))
			json_object_array_add(list, json_object_new_int((int)n));
	return list;
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* ---- status ---- */

static void status_json(const struct mxfs_ctl *m)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "node", m->node);
	put_text(o, "cluster", m->text);
	put_number(o, "incarnation", m->lvb.version);
	put_number(o, "epoch", m->nr);
	put_flag(o, "granting", !!(m->flags & MXFS_CTL_GRANTING));
	json_object_object_add(o, "members", nodes_of(m->mask));
	json_object_object_add(o, "lease_seconds",
			       json_object_new_double((double)m->time / 1e9));
	put_number(o, "locks", m->lkid);
	put_number(o, "resources", m->owner);
	print_json(o);
}

static void status_text(const struct mxfs_ctl *m)
{
	printf("node %u of cluster %s\n", m->node, m->text);
	if (!m->nr) {
		printf("no member of a view: there is no quorum, or it has not been found yet\n");
		return;
	}
	printf("epoch %llu, %s, lease %.1f s, members", (unsigned long long)m->nr,
	       m->flags & MXFS_CTL_GRANTING ? "granting" : "recovering",
	       (double)m->time / 1e9);
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (m->mask & mxfs_bit(n))
			printf(" %u", n);
	printf("\n%llu locks of this node, %llu resources mastered here\n",
	       (unsigned long long)m->lkid, (unsigned long long)m->owner);
}

static void on_status(void *arg, const struct mxfs_ctl *m)
{
	struct show *s = arg;

	if (m->type != MXFS_CTL_STATUS)
		return;
	if (s->c->json)
		status_json(m);
	else
		status_text(m);
}

int ctl_status(struct ctl *c, int argc, char **argv)
{
	struct mxfs_ctl q = { .type = MXFS_CTL_GET_STATUS, .mode = MXFS_NONE,
			      .want = MXFS_NONE };
	struct show s = { .c = c };
	int r = options(c, argc, argv, 0);

	if (!r)
		r = ctl_connect(c);
	if (r)
		return r;
	r = mxfs_ask(c->conn, &q, on_status, &s);
	return r ? ctl_failed(c, r, "status") : 0;
}

/* ---- lists ---- */

static void member(struct show *s, const struct mxfs_ctl *m)
{
	int is = !!(m->flags & MXFS_CTL_MEMBER_OF), up = !!(m->flags & MXFS_CTL_UP);
	struct json_object *o;

	if (!s->list) {
		printf("%4u  %-9s  %-12s  %s%s\n", m->node, is ? "member" : "out",
		       m->flags & MXFS_CTL_SELF ? "this node" :
		       up ? "connected" : "no session", m->text,
		       m->flags & MXFS_CTL_UNFENCED ? "  to be fenced" : "");
		return;
	}
	o = json_object_new_object();
	put_number(o, "node", m->node);
	put_text(o, "address", m->text);
	put_flag(o, "self", !!(m->flags & MXFS_CTL_SELF));
	put_flag(o, "member", is);
	put_flag(o, "connected", up);
	put_flag(o, "unfenced", !!(m->flags & MXFS_CTL_UNFENCED));
	put_number(o, "incarnation", m->nr);
	put_number(o, "queued", m->mask);
	json_object_array_add(s->list, o);
}

static void resource(struct show *s, const struct mxfs_ctl *m)
{
	char name[NAME_TEXT];
	struct json_object *o;

	if (!s->list) {
		printf("%-32s  %-10s  %4u  %s", ctl_name(&m->name, name),
		       queue_text[m->queue % 3], m->node, mxfs_mode_text(m->mode));
		printf(m->want == MXFS_NONE ? "\n" : " -> %s\n", mxfs_mode_text(m->want));
		return;
	}
	o = json_object_new_object();
	put_name(o, &m->name);
	put_text(o, "queue", queue_text[m->queue % 3]);
	put_number(o, "node", m->node);
	put_number(o, "lock", m->lkid);
	put_text(o, "held", mxfs_mode_text(m->mode));
	put_text(o, "wanted", mxfs_mode_text(m->want));
	put_lvb(o, &m->lvb);
	json_object_array_add(s->list, o);
}

static void held(struct show *s, const struct mxfs_ctl *m)
{
	char name[NAME_TEXT];
	struct json_object *o;

	if (!s->list) {
		printf("%10llu  %-32s  %s", (unsigned long long)m->lkid,
		       ctl_name(&m->name, name), mxfs_mode_text(m->mode));
		printf(m->want == MXFS_NONE ? "\n" : " -> %s\n", mxfs_mode_text(m->want));
		return;
	}
	o = json_object_new_object();
	put_number(o, "lock", m->lkid);
	put_name(o, &m->name);
	put_text(o, "held", mxfs_mode_text(m->mode));
	put_text(o, "wanted", mxfs_mode_text(m->want));
	put_number(o, "master", m->node);
	put_lvb(o, &m->lvb);
	json_object_array_add(s->list, o);
}

static void volume(struct show *s, const struct mxfs_ctl *m)
{
	char name[NAME_TEXT];
	struct json_object *o;

	if (!s->list) {
		printf("%-32s  %s\n", ctl_name(&m->name, name), m->text);
		return;
	}
	o = json_object_new_object();
	put_text(o, "name", ctl_name(&m->name, name));
	put_text(o, "uuid", m->text);
	json_object_array_add(s->list, o);
}

static void on_item(void *arg, const struct mxfs_ctl *m)
{
	struct show *s = arg;

	if (m->type == MXFS_CTL_MEMBER)
		member(s, m);
	else if (m->type == MXFS_CTL_RESOURCE)
		resource(s, m);
	else if (m->type == MXFS_CTL_HELD)
		held(s, m);
	else if (m->type == MXFS_CTL_VOLUME)
		volume(s, m);
	else if (m->type == MXFS_CTL_END)
		s->more = !!(m->flags & MXFS_CTL_MORE);
	s->next = m->type == MXFS_CTL_END ? m->nr : s->next;
}

static int list(struct ctl *c, int argc, char **argv, uint16_t type, const char *head)
{
	struct mxfs_ctl q = { .type = type, .mode = MXFS_NONE, .want = MXFS_NONE };
	struct show s = { .c = c, .more = 1 };
	int r = options(c, argc, argv, 0);

	if (!r)
		r = ctl_connect(c);
	if (r)
		return r;
	if (c->json)
		s.list = json_object_new_array();
	else
		puts(head);
	while (s.more && !r) {
		s.more = 0;
		q.nr = s.next;
		r = mxfs_ask(c->conn, &q, on_item, &s);
	}
	if (s.list)
		print_json(s.list);
	return r ? ctl_failed(c, r, argv[0]) : 0;
}

int ctl_members(struct ctl *c, int argc, char **argv)
{
	return list(c, argc, argv, MXFS_CTL_GET_MEMBERS,
		    "NODE  STATE      SESSION       ADDRESS");
}

int ctl_resources(struct ctl *c, int argc, char **argv)
{
	return list(c, argc, argv, MXFS_CTL_GET_RESOURCES,
		    "RESOURCE                          QUEUE       NODE  MODE");
}

int ctl_locks(struct ctl *c, int argc, char **argv)
{
	return list(c, argc, argv, MXFS_CTL_GET_LOCKS,
		    "      LOCK  RESOURCE                          MODE");
}

int ctl_volumes(struct ctl *c, int argc, char **argv)
{
	return list(c, argc, argv, MXFS_CTL_GET_VOLUMES,
		    "VOLUME                            UUID");
}

/* ---- watch ---- */

static void on_event(void *arg, const struct mxfs_ctl *m)
{
	static const char *const text[] = { "granted", "denied", "bast", "released",
					    "lost", "view" };
	struct ctl *c = arg;
	struct json_object *o;

	if (!c->json) {
		printf("%-8s", text[m->queue]);
		if (m->queue == MXFS_EV_VIEW)
			printf("  epoch %llu\n", (unsigned long long)m->nr);
		else
			printf("  lock %llu  %s\n", (unsigned long long)m->lkid,
			       mxfs_mode_text(m->mode));
		return;
	}
	o = json_object_new_object();
	put_text(o, "event", text[m->queue]);
	if (m->queue == MXFS_EV_VIEW) {
		put_number(o, "epoch", m->nr);
		json_object_object_add(o, "members", nodes_of(m->mask));
	} else {
		put_number(o, "lock", m->lkid);
		put_text(o, "mode", mxfs_mode_text(m->mode));
		put_text(o, "status", mxfs_ctl_status_text(m->status));
	}
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

/* Of the locks of this node. Until it is interrupted. */
int ctl_watch(struct ctl *c, int argc, char **argv)
{
	int r = options(c, argc, argv, 1);

	if (!r)
		r = ctl_connect(c);
	if (r)
		return r;
	setvbuf(stdout, NULL, _IOLBF, 0);
	r = mxfs_watch(c->conn, argv[optind], strlen(argv[optind]), on_event, c);
	if (r == -EINVAL) {
		fprintf(stderr, "mxfsctl: a resource's name has 1 to 64 bytes\n");
		return EXIT_USAGE;
	}
	while (!r) {
		r = mxfs_wait(c->conn, -1);
		if (!r)
			r = mxfs_dispatch(c->conn);
	}
	return ctl_failed(c, r, "watch");
}

/* ---- fenced ---- */

int ctl_fenced(struct ctl *c, int argc, char **argv)
{
	struct mxfs_ctl q = { .type = MXFS_CTL_FENCED, .mode = MXFS_NONE,
			      .want = MXFS_NONE };
	int r = options(c, argc, argv, 1);
	unsigned long node;
	char *end;

	if (r)
		return r;
	node = strtoul(argv[optind], &end, 10);
	if (*argv[optind] == '-' || *end || node < 1 || node > MXFS_NODES) {
		fprintf(stderr, "mxfsctl: %s is no node: 1 to 64\n", argv[optind]);
		return EXIT_USAGE;
	}
	q.node = (uint32_t)node;
	r = ctl_connect(c);
	if (r)
		return r;
	r = mxfs_ask(c->conn, &q, NULL, NULL);
	if (r == -EPERM)
		fprintf(stderr, "mxfsctl: node %u is not waited for, or you are not root\n",
			q.node);
	return r == -EPERM ? EXIT_FAILED : r ? ctl_failed(c, r, "fenced") : 0;
}
