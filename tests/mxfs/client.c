// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Clients of the simulated nodes: jobs on a few resources, and their history.
 *
 * Notes: a value block holds a number; each write has a new one. What is read
 * under PR, and what is read and then written under EX or PW, are operations of
 * a register, from the request of the lock to its grant or release. A write
 * whose release got no answer may have happened.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define TAG_KEEPER	(1ull << 62)

static struct mxfs_name name_of(uint32_t res)
{
	struct mxfs_name n = { .len = 5, .byte = "name" };

	n.byte[4] = (uint8_t)('a' + res);
	return n;
}

static uint64_t value_of(const struct mxfs_lvb *lvb)
{
	uint64_t v;

	if (lvb->state != MXFS_LVB_VALID)
		return 0;
	memcpy(&v, lvb->byte, sizeof(v));
	return v;
}

static void later(struct world *w, struct client *c, uint64_t in)
{
	sim_at(w, in, (struct sim_event){ .kind = E_CLIENT, .node = c->node,
		.a = c->nr, .b = c->turn });
}

static void rest(struct world *w, struct client *c)
{
	c->state = C_IDLE;
	c->lkid = c->lkid2 = 0;
	c->op = NULL;
	c->update = 0;
	c->turn++;
	later(w, c, rng_below(&w->rng, 400 * MS));
}

static uint64_t tag_of(const struct client *c)
{
	return (c->turn << 8) + c->nr + 1;
}

/* ---- requests ---- */

static void take(struct world *w, struct node *n, struct client *c, uint32_t res,
		 uint8_t mode)
{
	struct mxfsd_request r = {
		.name = name_of(res), .mode = mode, .owner = c->nr + 1,
		.tag = tag_of(c),
	};

	if (c->job == J_MODES && rng_chance(&w->rng, 20))
		r.flags = MXFS_R_NOQUEUE;
	if (c->job == J_MODES && rng_chance(&w->rng, 20))
		r.flags |= MXFS_R_EXPEDITE;
	if (rng_chance(&w->rng, 15))
		r.timeout_ns = rng_below(&w->rng, SECOND) + 1;
	c->res = res;
	c->mode = mode;
	c->asked = w->now;
	c->state = C_WAIT;
	c->basted = 0;
	c->lkid = mxfsd_dlm_lock(n->dlm, &r, sim_clock(w, n));
}

static void give_value(struct world *w, struct client *c, uint8_t *lvb)
{
	c->put = ++w->value;
	memset(lvb, 0, MXFS_LVB);
	memcpy(lvb, &c->put, sizeof(c->put));
	c->op = lin_add(&w->history[c->res], LIN_UPDATE, c->asked);
	if (!c->op)
		sim_fail(w, "no room in the history");
	c->op->got = c->got;
	c->op->put = c->put;
}

static int has_room(const struct world *w, uint32_t res)
{
	return w->history[res].nr + 20 < LIN_OPS;
}

/* The lease has run out at this very call; what is lost will be told. */
static void expect_lost(struct world *w, const struct node *n, const char *what)
{
	struct mxfsd_state st;

	mxfsd_dlm_state(n->dlm, &st);
	if (st.epoch)
		sim_fail(w, "%s", what);
}

static void convert(struct world *w, struct node *n, struct client *c, uint8_t mode,
		    int write)
{
	struct mxfsd_request r = { .mode = mode, .tag = tag_of(c) };

	if (write) {
		r.flags = MXFS_R_WRITE;
		give_value(w, c, r.lvb);
	}
	if (c->job == J_MODES && rng_chance(&w->rng, 20))
		r.flags |= rng_chance(&w->rng, 50) ? MXFS_R_NOQUEUE : MXFS_R_QUECVT;
	c->state = C_CONVERT;
	c->mode = mode;
	if (mxfsd_dlm_convert(n->dlm, c->lkid, &r, sim_clock(w, n)))
		expect_lost(w, n, "a conversion is refused");
}

static void release(struct world *w, struct node *n, struct client *c)
{
	uint8_t lvb[MXFS_LVB];
	int write = c->update && has_room(w, c->res);

	if (write)
		give_value(w, c, lvb);
	c->state = C_RELEASE;
	/* A client that dies says nothing of what it has written. */
	if (!write && rng_chance(&w->rng, 20) ?
	    mxfsd_dlm_abandon(n->dlm, c->lkid, tag_of(c), sim_clock(w, n)) :
	    mxfsd_dlm_unlock(n->dlm, c->lkid, tag_of(c), write ? lvb : NULL,
			     sim_clock(w, n)))
		expect_lost(w, n, "an unlock is refused");
}

/* ---- jobs ---- */

static void start_job(struct world *w, struct node *n, struct client *c)
{
	uint32_t res = (uint32_t)rng_below(&w->rng, w->resources);
	uint8_t mode = rng_chance(&w->rng, 50) ? MXFS_EX : MXFS_PW;

	c->job = (enum client_job)rng_below(&w->rng, JOBS);
	c->steps = (uint32_t)rng_below(&w->rng, 4);
	c->res2 = (uint32_t)rng_below(&w->rng, w->resources);
	if (c->job == J_READ || c->job == J_UPGRADE)
		mode = MXFS_PR;
	else if (c->job == J_CONVERT)
		mode = MXFS_NL;
	else if (c->job == J_MODES)
		mode = (uint8_t)rng_below(&w->rng, MXFS_MODES);
	take(w, n, c, res, mode);
}

static void note_read(struct world *w, struct client *c, uint64_t got)
{
	struct lin_op *op = lin_add(&w->history[c->res], LIN_READ, c->asked);

	if (!op)
		sim_fail(w, "no room in the history");
	op->got = got;
	op->resp = w->now;
}

/* It has been granted: what next, and when. */
static void hold(struct world *w, struct client *c, const struct mxfsd_action *a)
{
	c->state = C_HOLD;
	c->got = value_of(&a->lvb);
	c->version = a->lvb.version;
	c->granted = w->now;
	if (mxfs_mode_bars_writers(a->mode))
		check_block(w, c->res, &a->lvb);
	c->update = mxfs_mode_is_writer(a->mode);
	if (a->mode == MXFS_PR && has_room(w, c->res))
		note_read(w, c, c->got);
	if (c->job != J_CACHE || c->basted)
		later(w, c, rng_below(&w->rng, 150 * MS));
}

static void held_long_enough(struct world *w, struct node *n, struct client *c)
{
	uint8_t up = rng_chance(&w->rng, 50) ? MXFS_EX : MXFS_PW;

	c->turn++;
	if (c->job == J_CONVERT && c->steps) {
		c->steps--;
		if (!c->update)
			c->asked = w->now;
		convert(w, n, c, c->update ? MXFS_NL : up,
			c->update && has_room(w, c->res));
		c->update = 0;
	} else if (c->job == J_UPGRADE && c->steps) {
		c->steps = 0;
		c->asked = w->now;
		convert(w, n, c, MXFS_EX, 0);
	} else if (c->job == J_TWO && !c->lkid2 && c->res2 != c->res) {
		c->lkid2 = c->lkid;
		take(w, n, c, c->res2, MXFS_EX);
	} else if (c->job == J_MODES && c->steps) {
		c->steps--;
		c->asked = w->now;
		convert(w, n, c, (uint8_t)rng_below(&w->rng, MXFS_MODES), 0);
	} else {
		release(w, n, c);
	}
}

static int is_resumed(const struct node *n)
{
	struct mxfsd_state st;

	if (!n->up)
		return 0;
	mxfsd_dlm_state(n->dlm, &st);
	return st.resumed;
}

static int wanted(const struct world *w, uint32_t res)
{
	for (uint32_t n = 1; n <= w->nodes; n++)
		for (uint32_t k = 0; k < CLIENTS && is_resumed(&w->node[n]); k++) {
			const struct client *c = &w->node[n].client[k];

			if (c->res == res && (c->state == C_WAIT ||
					      c->state == C_CONVERT))
				return 1;
		}
	return 0;
}

/* It may come too late. */
static void impatient(struct world *w, struct node *n, struct client *c)
{
	if (rng_chance(&w->rng, 60)) {
		mxfsd_dlm_cancel(n->dlm, c->lkid, sim_clock(w, n));
		return;
	}
	c->turn++;
	c->op = NULL;
	c->update = 0;
	release(w, n, c);
}

void client_turn(struct world *w, struct node *n, struct client *c)
{
	switch (c->state) {
	case C_IDLE:
		if (w->draining)
			break;
		start_job(w, n, c);
		if (rng_chance(&w->rng, 10))
			later(w, c, rng_below(&w->rng, 300 * MS));
		break;
	case C_HOLD:
		held_long_enough(w, n, c);
		break;
	case C_WAIT:
	case C_CONVERT:
		impatient(w, n, c);
		break;
	case C_RELEASE:
		break;
	}
}

/* ---- answers ---- */

/* Of the second of two: the first is left to be given back. */
static void first_of_two(struct world *w, struct client *c)
{
	c->lkid = c->lkid2;
	c->lkid2 = 0;
	c->job = J_READ;
	c->update = 0;
	c->steps = 0;
	c->turn++;
	c->state = C_HOLD;
	later(w, c, rng_below(&w->rng, 50 * MS));
}

static void released(struct world *w, struct client *c)
{
	if (c->op)
		c->op->resp = w->now;
	c->op = NULL;
	if (c->lkid2)
		first_of_two(w, c);
	else
		rest(w, c);
}

static void failed(struct world *w, struct client *c, const struct mxfsd_action *a)
{
	if (a->status == MXFS_S_DEADLOCK)
		w->deadlocks++;
	if (c->state == C_CONVERT) {
		c->state = C_HOLD;
		c->steps = 0;
		c->update = 0;
		later(w, c, rng_below(&w->rng, 100 * MS));
	} else if (c->lkid2) {
		first_of_two(w, c);
	} else {
		rest(w, c);
	}
}

static void answered(struct world *w, struct client *c, const struct mxfsd_action *a)
{
	if (a->status) {
		failed(w, c, a);
	} else if (c->state == C_RELEASE) {
		released(w, c);
	} else {
		if (c->op)
			c->op->resp = w->now;
		c->op = NULL;
		if (a->mode == MXFS_EX)
			check_token(w, c->res, a->mask, a->nr);
		hold(w, c, a);
	}
}

/* Nothing of it was under way: it has not released, nor written. */
static void note_lost(struct world *w, const struct client *c)
{
	if (c->state == C_HOLD && c->update)
		check_writer_lost(w, c->res, c->version, c->granted);
}

static void lost(struct world *w, struct node *n, uint64_t lkid)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client *c = &n->client[i];

		if (c->lkid == lkid) {
			note_lost(w, c);
			rest(w, c);
		} else if (c->lkid2 == lkid) {
			c->lkid2 = 0;	/* the other one may be newer */
		}
	}
}

static void basted(struct world *w, struct node *n, uint64_t lkid)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client *c = &n->client[i];

		if (c->lkid != lkid || c->basted)
			continue;
		c->basted = 1;
		if (c->state == C_HOLD && c->job == J_CACHE)
			later(w, c, rng_below(&w->rng, 20 * MS));
	}
}

static void take_keepers(struct world *w, struct node *n)
{
	struct mxfsd_request r = { .mode = MXFS_NL, .flags = MXFS_R_EXPEDITE };

	for (uint32_t i = 0; i < w->resources; i++) {
		r.name = name_of(i);
		r.tag = TAG_KEEPER + i;
		n->keeper[i] = mxfsd_dlm_lock(n->dlm, &r, sim_clock(w, n));
	}
}

/* A keeper that was lost is taken again. */
static int keeper_gone(struct world *w, struct node *n, uint64_t lkid)
{
	struct mxfsd_request r = { .mode = MXFS_NL, .flags = MXFS_R_EXPEDITE };

	for (uint32_t i = 0; i < w->resources; i++) {
		if (n->keeper[i] != lkid)
			continue;
		r.name = name_of(i);
		r.tag = TAG_KEEPER + i;
		n->keeper[i] = mxfsd_dlm_lock(n->dlm, &r, sim_clock(w, n));
		return 1;
	}
	return 0;
}

void client_action(struct world *w, struct node *n, const struct mxfsd_action *a)
{
	struct client *c;

	if (a->kind == MXFSD_BAST) {
		basted(w, n, a->lkid);
		return;
	}
	if (a->status == MXFS_S_LOST || a->kind == MXFSD_LOST) {
		if (keeper_gone(w, n, a->lkid))
			return;
	}
	if (a->kind == MXFSD_LOST || a->status == MXFS_S_LOST) {
		lost(w, n, a->lkid);
		return;
	}
	if (a->tag & TAG_KEEPER)
		return;
	c = &n->client[(a->tag & 0xff) - 1];
	if (a->tag == tag_of(c))
		answered(w, c, a);
}

/* ---- life ---- */

void client_begin(struct world *w, struct node *n)
{
	take_keepers(w, n);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client *c = &n->client[i];
		uint64_t turn = c->turn;

		memset(c, 0, sizeof(*c));
		c->node = n->id;
		c->nr = i;
		c->turn = turn;
		rest(w, c);
	}
}

void client_gone(struct world *w, struct node *n)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		note_lost(w, &n->client[i]);
		n->client[i].state = C_IDLE;
		n->client[i].turn++;
	}
}

static int node_is_idle(const struct world *w, const struct node *n)
{
	for (uint32_t k = 0; k < CLIENTS; k++) {
		const struct client *c = &n->client[k];

		/* Nobody wants what is cached: that may stay. */
		if (c->state != C_IDLE &&
		    !(c->job == J_CACHE && c->state == C_HOLD && !wanted(w, c->res)))
			return 0;
	}
	return 1;
}

/* Who cannot be a member for ever waits for ever; a majority must not. */
int client_all_idle(const struct world *w)
{
	uint32_t members = w->disk;

	for (uint32_t i = 1; i <= w->nodes; i++) {
		const struct node *n = &w->node[i];

		if (!is_resumed(n) && w->cut)
			continue;
		members++;
		if (!is_resumed(n) || !node_is_idle(w, n))
			return 0;
	}
	return members > (w->nodes + (uint32_t)w->disk) / 2;
}

static void print_lock(void *arg, const struct mxfsd_lock_info *l)
{
	const uint32_t *node = arg;

	printf("  node %u lock %llu of %.5s: %s, wants %s, op %d\n", *node,
	       (unsigned long long)l->lkid, (const char *)l->name->byte,
	       mxfs_mode_text(l->gr), mxfs_mode_text(l->rq), l->op);
}

static void print_entry(void *arg, const struct mxfsd_entry_info *e)
{
	const uint32_t *node = arg;

	printf("  master %u, %.5s queue %d: node %u lock %llu: %s, wants %s\n",
	       *node, (const char *)e->name->byte, e->queue, e->node,
	       (unsigned long long)e->lkid, mxfs_mode_text(e->gr),
	       mxfs_mode_text(e->rq));
}

void client_print(const struct world *w)
{
	for (uint32_t i = 1; i <= w->nodes; i++) {
		const struct node *n = &w->node[i];

		for (uint32_t k = 0; k < CLIENTS; k++)
			printf("  node %u client %u: state %d, job %d, lock %llu\n", i,
			       k, n->client[k].state, n->client[k].job,
			       (unsigned long long)n->client[k].lkid);
		if (!n->up)
			continue;
		mxfsd_dlm_each_lock(n->dlm, print_lock, &i);
		mxfsd_dlm_each_entry(n->dlm, print_entry, &i);
	}
}
