// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host wakes up after its eviction, and all that it had belongs to others.
 *
 * Notes: host 0 sleeps after step k of an operation. Host 1 recovers it, a new
 * host takes the slot that it had and works in the context of the same number,
 * the epoch moves on, and the two take every free page and object, before or
 * after they have deleted the tree. Then 0 wakes and goes on to its end and
 * to further calls. The simulator tells when it looks at its own state:
 *   - behind its first look it changes no byte of the region, hints apart;
 *     but for a claim that it takes back;
 *   - before that it may claim or publish one word, or fill a unit and what refers to
 *     it, or move a few buckets of the index (docs/design.md, section 12): those points of
 *     sleep are counted, as "stores that came too late";
 *   - a call in which it looked says ESTALE, and a call that says it was done
 *     gives what it gives without any eviction, to the byte;
 *   - later calls say ESTALE, the new host goes on, leaves, and the accounting
 *     is exact.
 * A third course wakes it when it was recovered and nothing more, and stops it at
 * its first look: what it claimed too late holds nobody up.
 * The short form samples points of sleep; SIM_LONG goes through all. One more
 * test declares a host dead whose slot has another host meanwhile.
 */
#include <stdlib.h>

#include "epoch.h"
#include "record.h"
#include "region.h"
#include "scenario.h"
#include "word.h"

#define POINTS		24u		/* of sleep per operation, short form */
#define PIECE		61440u		/* bytes of a file that fills memory */
#define BUCKETS_MAX	40u		/* 16 in two tables, and counters */
#define UNITS_MAX	3u		/* a page, what is to refer to it, an entry */
#define NAMES_MAX	120u		/* that fill objects, of each length */

enum {
	FILL,			/* take all memory */
	RAZE,			/* delete the tree, then take all memory */
	LEAVE,			/* recover it, nothing more; 0 stops at its look */
	MODES
};

static const char *const mode_name[MODES] = { "", ", razed", ", only recovered" };

struct trial {
	const struct scenario *sc;
	u64 k;
	int mode;		/* what others do meanwhile */
	/* out */
	int slept;
	s64 error;		/* of those who work meanwhile */
	s64 result;		/* of the operation */
	u64 looks_in_op;
	u32 not_stale;
	struct log out;		/* what it read */
};

struct area_of {		/* bytes [from, to) of the region */
	u64 from, to;
};

struct change {
	u64 words, refs, infos, buckets, pages, last_page, last;
};

static struct world world;
static struct sim_host hosts[2];
static struct trial now, plain;		/* the trial; the same without eviction */
static struct log *out;			/* of the operation that runs */
static struct daxfs_region heir_rg;	/* who takes the slot of host 0 */
static struct daxfs_cx heir;
static u8 *at_wake, *at_look;
static int awake;
static u64 looks;
static struct log owned;

/* ---- operations that read ---- */

static s64 read_content(struct daxfs_cx *cx, struct world *w)
{
	static u8 buf[9000];
	struct daxfs_file f;
	s64 n = w_open(cx, "d1/b", &f), i;

	(void)w;
	if (n)
		return n;
	n = daxfs_read(cx, &f, 0, buf, sizeof(buf));
	for (i = 0; i < n; i++)
		if (!i || buf[i] != buf[i - 1])
			log_add(out, "%lld: %c\n", (long long)i, buf[i]);
	return n;
}

static s64 read_stat(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_stat st;
	s64 r = w_lookup(cx, "d1/b", &st);

	(void)w;
	if (!r)
		log_add(out, "%llu %o %u %llu\n", (unsigned long long)st.ino,
			st.mode, st.nlink, (unsigned long long)st.size);
	return r;
}

static int list_one(void *arg, const struct daxfs_dirent *de)
{
	(void)arg;
	log_add(out, "%s %llu %u\n", de->name, (unsigned long long)de->ino,
		de->d_type);
	return 0;
}

static s64 read_names(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_stat st;
	s64 r = w_lookup(cx, "d1", &st);

	(void)w;
	return r ? r : daxfs_readdir(cx, st.ino, 0, list_one, NULL);
}

static s64 read_target(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_stat st;
	char buf[DAXFS_TARGET_MAX];
	s64 r = w_lookup(cx, "d1/long", &st);

	(void)w;
	if (!r)
		r = daxfs_readlink(cx, st.ino, buf, sizeof(buf));
	if (r > 0)
		log_add(out, "%.*s\n", (int)strnlen(buf, (size_t)r), buf);
	return r;
}

static const struct {
	const char *name;
	s64 (*op)(struct daxfs_cx *cx, struct world *w);
	s64 result;
} readers[] = {
	{ "read", read_content, 9000 },
	{ "lookup", read_stat, 0 },
	{ "readdir", read_names, 0 },
	{ "readlink", read_target, 200 },
};

#define READERS (sizeof(readers) / sizeof(readers[0]))

/* ---- host 0 ---- */

static void on_look(void)
{
	if (!awake || sim_self() != 0)
		return;
	if (!looks++)
		memcpy(at_look, world.base, world.len);
	if (now.mode == LEAVE)
		sim_stop_after(&hosts[0], 0);
}

static void must_be_stale(s64 r)
{
	now.not_stale += r != -ESTALE;
}

static void do_zombie(void *arg)
{
	struct daxfs_cx *cx = &world.cx[0];

	(void)arg;
	now.result = now.sc->op(cx, &world);
	now.looks_in_op = looks;
	if (!now.slept)
		return;
	must_be_stale(w_create(cx, "zombie"));
	must_be_stale(w_append(cx, "d2/c", 10, 'z'));
	must_be_stale(daxfs_close(cx, DAXFS_ROOT_INO));
	must_be_stale(daxfs_host_leave(cx));
}

/* ---- the others, while it sleeps ---- */

static s64 evict(struct daxfs_cx *cx)
{
	u32 slot = world.rg[0].host;
	s64 r = daxfs_host_mark_dead(cx->rg, slot, world.rg[0].incarnation);

	return r ? r : daxfs_host_recover(cx, slot);
}

/* A new host in that slot. It is made the one that is free for longest. */
static s64 join_heir(u32 slot)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 400 };
	s64 r;

	heir_rg = world.rg[1];
	heir_rg.joined = 0;
	a64_store_relaxed(&daxfs_host(&heir_rg, slot)->heartbeat_ns, 0);
	r = daxfs_host_join(&heir_rg, &id);
	if (!r && heir_rg.host != slot)
		r = -EXDEV;
	return r ? r : daxfs_cx_init(&heir, &heir_rg, 0);
}

/* What of the tree host 0 has had in its hands. Some of it may be gone. */
static void raze(struct daxfs_cx *cx)
{
	static const char *const file[] = { "d1/a", "d1/b", "d1/new", "d1/long",
					    "d1/short", "d2/c", "d2/a" };
	static const char *const dir[] = { "d1/sub", "d1/dir", "d1/new",
					   "d2/empty" };
	u32 i;

	for (i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		w_unlink(cx, file[i]);
	for (i = 0; i < sizeof(dir) / sizeof(dir[0]); i++)
		w_rmdir(cx, dir[i]);
}

/* Every page that is to be had: long files, then what is left. */
static s64 take_pages(struct daxfs_cx *a, struct daxfs_cx *b)
{
	u64 len = PIECE;
	char name[32];
	u32 i = 0;
	s64 r = 0;

	while (len >= DAXFS_PAGE_SIZE && i < 300) {
		struct daxfs_cx *cx = i % 2 ? a : b;

		snprintf(name, sizeof(name), "d2/fill/%u", i++);
		r = w_create(cx, name);
		if (!r)
			r = w_append(cx, name, len, i % 2 ? 'B' : 'D');
		if (r < 0 && r != -ENOSPC)
			return r;
		if (r < 0)
			len /= 4;
	}
	return i < 5 || i == 300 ? -ERANGE : 0;
}

/* Every object of the class that a name of that length needs. */
static s64 take_names(struct daxfs_cx *a, struct daxfs_cx *b, int len)
{
	char name[200];
	s64 r = 0;
	u32 i;

	for (i = 0; i < NAMES_MAX && !r; i++) {
		struct daxfs_cx *cx = i % 2 ? a : b;

		snprintf(name, sizeof(name), "d2/fill/%0*u", len, 1000 + i);
		r = w_link(cx, "d2/fill/0", name);
	}
	return r == -ENOSPC ? 0 : r;
}

/* Every inode and record of attributes. */
static s64 take_inodes(struct daxfs_cx *a, struct daxfs_cx *b)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_UID, .uid = 9 };
	struct daxfs_stat st;
	char name[32];
	s64 r = 0;
	u32 i;

	for (i = 0; i < NAMES_MAX && !r; i++) {
		struct daxfs_cx *cx = i % 2 ? a : b;

		snprintf(name, sizeof(name), "d2/fill/i%u", i);
		r = w_create(cx, name);
		if (!r)
			r = w_lookup(cx, name, &st);
		if (!r)
			r = daxfs_setattr(cx, st.ino, &sa, NULL);
	}
	return r == -ENOSPC ? 0 : r;
}

static s64 take_all(struct daxfs_cx *a, struct daxfs_cx *b)
{
	s64 r = w_mkdir(b, "d2/fill");
	u32 i;

	for (i = 0; i < 4; i++)
		daxfs_epoch_advance(a);
	if (!r)
		r = take_pages(a, b);
	if (!r)
		r = take_inodes(a, b);
	if (!r)
		r = take_names(a, b, 100);
	if (!r)
		r = take_names(a, b, 30);
	return r ? r : take_names(a, b, 4);
}

static void do_others(void *arg)
{
	struct daxfs_cx *cx = &world.cx[1];

	(void)arg;
	now.slept = sim_is_asleep(0);
	if (!now.slept)
		return;
	now.error = evict(cx);
	if (now.error)
		return;
	if (now.mode == RAZE)
		raze(cx);
	if (now.mode != LEAVE)
		now.error = join_heir(world.rg[0].host);
	if (now.mode != LEAVE && !now.error)
		now.error = take_all(cx, &heir);
	memcpy(at_wake, world.base, world.len);
	awake = 1;
	sim_wake(0);
}

/* ---- what 0 has changed ---- */

static struct area_of area_of(enum daxfs_area_type type)
{
	const struct daxfs_span *a = &world.rg[0].area[type];

	return (struct area_of){ a->off, a->off + a->len };
}

static int inside(u64 off, struct area_of a)
{
	return off >= a.from && off < a.to;
}

/* What anybody may change rightly: hints, and the epoch by a look at all. */
static int is_hint(u64 off)
{
	struct daxfs_globals *gl = daxfs_globals(&world.rg[0]);

	return inside(off, area_of(DAXFS_AREA_CHUNK_HINT)) ||
	       off == daxfs_off(&world.rg[0], &gl->starving.word) ||
	       off == daxfs_off(&world.rg[0], &gl->epoch.word);
}

/* The slot of host 0 and its contexts: stores of its own, before it looks. */
static int is_own(u64 off)
{
	const struct daxfs_region *rg = &world.rg[0];
	u64 slot = daxfs_off(rg, daxfs_host(rg, rg->host));
	u64 cx = daxfs_off(rg, daxfs_shared_ctx(rg, rg->host * DAXFS_CTXS));

	return inside(off, (struct area_of){ slot, slot +
		      sizeof(struct daxfs_host) }) ||
	       inside(off, (struct area_of){ cx, cx + DAXFS_CTXS *
		      sizeof(struct daxfs_shared_ctx) });
}

static int is_own_ref(u64 v)
{
	return is_ref(v) && ref_cx(v) / DAXFS_CTXS == world.rg[0].host;
}

/* Does it lie in a table of the index? */
static int is_table(u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(&world.rg[0],
						 off & ~(DAXFS_PAGE_SIZE - 1));

	return info && DAXFS_KIND(info->raw) == DAXFS_I_OWNED &&
	       (info_type(info->raw) == DAXFS_T_TABLE ||
		info_type(info->raw) == DAXFS_T_SEGMENT);
}

static void count_word(struct change *c, u64 off, u64 v)
{
	u64 page = off & ~(DAXFS_PAGE_SIZE - 1);

	c->last = off;
	if (is_table(off)) {
		c->words++;
		c->buckets++;
		return;
	}
	c->words++;
	c->infos += v != DAXFS_I_FREE &&	/* it may be reused by anybody */
		    inside(off, area_of(DAXFS_AREA_PAGE_INFO));
	c->pages += page != c->last_page;
	c->last_page = page;
	c->refs += is_own_ref(v) && inside(off, area_of(DAXFS_AREA_POOL));
}

/* It has taken back what it stored too late: a claim, or a reservation. */
static int is_taken_back(u64 off, u64 old, u64 v)
{
	return is_own_ref(old) || !memcmp(at_wake + off, &v, 8) ||
	       (v == DAXFS_I_FREE && DAXFS_KIND(old) == DAXFS_I_RESERVED &&
		info_host(old) == world.rg[0].host);
}

/* after: behind the first look; then its own words count, too. */
static struct change changes(const u8 *from, const u8 *to, int after)
{
	struct change c = { 0 };
	u64 off, i;

	for (off = 0; off < world.len; off += DAXFS_PAGE_SIZE) {
		if (!memcmp(from + off, to + off, DAXFS_PAGE_SIZE))
			continue;
		for (i = off; i < off + DAXFS_PAGE_SIZE; i += 8) {
			u64 v, old;

			memcpy(&v, to + i, 8);
			memcpy(&old, from + i, 8);
			if (v != old && !is_hint(i) &&
			    (after ? !is_taken_back(i, old, v) : !is_own(i)))
				count_word(&c, i, v);
		}
	}
	return c;
}

/* ---- one trial ---- */

/* Where a word lies, for messages. */
static const char *where(u64 off)
{
	static char text[80];
	const struct daxfs_region *rg = &world.rg[0];
	u64 cx = daxfs_off(rg, daxfs_shared_ctx(rg, rg->host * DAXFS_CTXS));
	u32 i;

	if (off >= cx && is_own(off)) {
		snprintf(text, sizeof(text), "context, word %llu",
			 (unsigned long long)(off - cx) / 8);
		return text;
	}
	for (i = 0; i < DAXFS_AREA_TYPES; i++)
		if (inside(off, area_of(i)))
			break;
	snprintf(text, sizeof(text), "area %u, byte %llx", i,
		 (unsigned long long)off);
	return text;
}

static int said(const char *what, u64 nr)
{
	return FAIL("%s, k %llu%s: %s (%lld)", now.sc->name,
		    (unsigned long long)now.k, mode_name[now.mode],
		    what, (long long)nr);
}

/* 1: it was over before step k. */
static int run_trial(const struct scenario *sc, u64 k, int mode)
{
	struct sim_schedule s = { .policy = SIM_POINTS,
				  .max_steps = WORLD_MAX_STEPS };
	int r;

	world_reset(&world);
	now.sc = sc;
	now.k = k;
	now.mode = mode;
	now.slept = awake = 0;
	now.error = now.looks_in_op = now.not_stale = 0;
	now.out.len = 0;
	looks = 0;
	out = &now.out;
	sim_watch(&daxfs_host(&world.rg[0], world.rg[0].host)->state, on_look);
	sim_host_init(&hosts[0], do_zombie, NULL);
	sim_host_init(&hosts[1], do_others, NULL);
	sim_sleep_after(&hosts[0], k);
	r = sim_run(hosts, 2, &s);
	sim_watch(NULL, NULL);
	awake = 0;
	if (r)
		return said("the run does not end", 0);
	if (!now.slept)
		return 1;
	return now.error ? said("the others", (u64)now.error) : 0;
}

/* Operations whose result does not tell of an eviction: nobody sees it. */
static int cannot_tell(const struct scenario *sc)
{
	return !strcmp(sc->name, "reclaim") ||
	       !strncmp(sc->name, "pin, ", 5);
}

static int result_is_right(void)
{
	if (now.not_stale)
		return said("later calls that do not say ESTALE", now.not_stale);
	if (now.result == -ESTALE || cannot_tell(now.sc))
		return 0;
	if (now.looks_in_op)
		return said("it looked, but says", (u64)now.result);
	if (now.result != plain.result)
		return said("it did not look, and says", (u64)now.result);
	if (!log_same(&now.out, &plain.out))
		return said(log_diff(&now.out, &plain.out), 0);
	return 0;
}

static int said_at(const char *what, const struct change *c)
{
	char text[160];

	snprintf(text, sizeof(text), "%s, the last in %s", what, where(c->last));
	return said(text, c->words);
}

/* 1: a store came too late, as far as section 12 allows it. */
static int changes_are_right(void)
{
	struct change c;

	if (!looks)
		memcpy(at_look, world.base, world.len);
	c = changes(at_look, world.base, 1);

	if (!looks && now.mode != LEAVE)
		return said("it never looks", 0);
	if (c.words)
		return said_at("words changed after its first look", &c);
	c = changes(at_wake, at_look, 0);
	if (c.refs > 1)
		return said("words claimed before its first look", c.refs);
	if (c.infos > 1)
		return said("info words changed before its first look", c.infos);
	if (c.buckets > BUCKETS_MAX)
		return said("buckets changed before its first look", c.buckets);
	if (c.pages > UNITS_MAX)
		return said_at("words changed before its first look", &c);
	return memcmp(at_wake, at_look, world.len) != 0;
}

static s64 account(struct daxfs_cx *cx)
{
	struct daxfs_check ck = { .quiet = 1 };
	u64 len = daxfs_check_pool_scratch(cx->rg);
	void *scratch = calloc(1, len);
	s64 r = scratch ? daxfs_check_pool(cx, &ck, scratch, len) : -ENOMEM;

	free(scratch);
	return r;
}

static void do_end(void *arg)
{
	struct daxfs_cx *cx = &world.cx[2];
	s64 *r = arg;
	u32 i;

	*r = w_unlink(&heir, "d2/fill/1");
	if (!*r)
		*r = w_append(&heir, "d2/fill/0", 100, 'D') == 100 ? 0 : -EBADMSG;
	if (!*r)
		*r = daxfs_host_leave(&heir);
	if (!*r)
		*r = account(cx);
	if (!*r)
		*r = world_empty(cx);
	if (world.other.ino && !*r)
		*r = daxfs_close(&world.cx[3], world.other.ino);
	for (i = 1; i < WORLD_HOSTS && !*r; i++)
		if (i != 2)
			*r = daxfs_host_leave(&world.cx[i]);
	if (!*r)
		*r = daxfs_host_leave(cx);
}

/* Everything goes on, and when all is deleted nothing is owned. */
static int end_is_right(void)
{
	struct sim_host h;
	s64 r = 0;

	sim_host_init(&h, do_end, &r);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return said("the end does not end", 0);
	if (r)
		return said("at the end", (u64)r);
	owned.len = 0;
	world_owned(&world, &owned);
	log_add(&owned, "%c", 0);
	if (strcmp(owned.text, world.when_empty))
		return said(owned.text, owned.len);
	return 0;
}

/* The name is gone, or not that of a file any more. */
static int no_file(s64 r)
{
	return r == -ENOENT || r == -EISDIR || r == -EINVAL;
}

/* A word that was claimed too late holds nobody up, wherever its entry is. */
static void do_go_on(void *arg)
{
	struct daxfs_cx *cx = &world.cx[2];
	s64 *r = arg;

	*r = w_write(cx, "d1/a", 0, 60000, 'W');
	if (*r >= 0 || no_file(*r))
		*r = w_write(cx, "d1/b", 0, 60000, 'W');
}

static int goes_on(void)
{
	struct sim_host h;
	s64 r = 0;

	sim_host_init(&h, do_go_on, &r);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return said("a write does not end", 0);
	return r < 0 && !no_file(r) ? said("a write behind it", (u64)r) : 0;
}

/* 1: a store came too late. */
static int trial(const struct scenario *sc, u64 k, int mode)
{
	int r = run_trial(sc, k, mode), late;

	if (r)
		return r < 0 ? r : 0;
	late = changes_are_right();
	if (late < 0 || (now.mode != LEAVE && result_is_right()))
		return -1;
	if (now.mode == LEAVE)
		return goes_on() ? -1 : late;
	return late ? 1 : end_is_right();
}

/* ---- tests ---- */

static u64 stride(u64 steps)
{
	u64 s = getenv("SIM_LONG") ? 1 : steps / POINTS;

	return s ? s : 1;
}

static int test_scenario(const void *arg)
{
	const struct scenario *sc = arg;
	u64 k, steps, step, seed = harness_seed() * 1000003, nr = 0;
	u32 late = 0;
	int r = 0;

	world_make(&world, sc->buckets);
	sc->setup(&world);
	world_freeze(&world);
	at_wake = malloc(world.len);
	at_look = malloc(world.len);
	if (!at_wake || !at_look)
		return FAIL("no memory");
	if (run_trial(sc, SIM_NEVER, FILL) != 1 || now.result != sc->result)
		r = FAIL("without any eviction: %lld", (long long)now.result);
	plain = now;
	steps = sim_steps(0);
	step = stride(steps);
	for (k = 0; k < steps; k += step) {
		u64 at = k + (step > 1 ? sim_rand(&seed) % step : 0);
		int mode;

		for (mode = 0; mode < MODES && at < steps; mode++) {
			int e = step > 1 && mode != (int)(nr % MODES) ? 0 :
				trial(sc, at, mode);

			if (e < 0)
				r = -1;
			late += e > 0;
		}
		nr++;
	}
	free(at_wake);
	free(at_look);
	world_free(&world);
	harness_covered(nr, "points of sleep");
	if (late)
		harness_covered(late, "stores that came too late");
	return r;
}

/* ---- declared dead too late ---- */

static struct race {
	u32 slot, incarnation;
	int asleep;
	s64 said, error;
} race;

static void do_declare(void *arg)
{
	(void)arg;
	race.said = daxfs_host_mark_dead(&world.rg[1], race.slot,
					 race.incarnation);
}

/* The host leaves, and another takes its slot, while 0 is about to say so. */
static void do_replace(void *arg)
{
	(void)arg;
	race.asleep = sim_is_asleep(0);
	if (!race.asleep)
		return;
	race.error = daxfs_host_leave(&world.cx[0]);
	if (!race.error)
		race.error = join_heir(race.slot);
	if (!race.error)
		race.error = w_create(&heir, "heir");
	sim_wake(0);
}

static int race_at(u64 k)
{
	struct sim_schedule s = { .policy = SIM_POINTS,
				  .max_steps = WORLD_MAX_STEPS };

	world_reset(&world);
	race = (struct race){ .slot = world.rg[0].host,
				    .incarnation = world.rg[0].incarnation };
	sim_host_init(&hosts[0], do_declare, NULL);
	sim_host_init(&hosts[1], do_replace, NULL);
	sim_sleep_after(&hosts[0], k);
	if (sim_run(hosts, 2, &s))
		return FAIL("k %llu: no end", (unsigned long long)k);
	if (!race.asleep)
		return 1;
	if (race.error)
		return FAIL("k %llu: the others: %lld", (unsigned long long)k,
			    (long long)race.error);
	if (race.said != -ESTALE)
		return FAIL("k %llu: declared: %lld", (unsigned long long)k,
			    (long long)race.said);
	if (daxfs_host_check(&heir_rg) || w_create(&heir, "again"))
		return FAIL("k %llu: the new host is dead",
			    (unsigned long long)k);
	return 0;
}

static int test_declared_late(const void *arg)
{
	u64 k = 0;
	int r;

	(void)arg;
	world_make(&world, 512);
	world_freeze(&world);
	do
		r = race_at(k++);
	while (!r);
	world_free(&world);
	harness_covered(k - 1, "points of sleep");
	if (r < 0)
		return r;
	return k < 3 ? FAIL("it has %llu steps", (unsigned long long)k - 1) : 0;
}

int main(int argc, char **argv)
{
	static struct scenario own[READERS];
	static struct test test[SCENARIOS_MAX + READERS + 1];
	u32 i, n = 0;

	test[n++] = (struct test){ "declared dead too late", test_declared_late,
				   NULL };
	for (i = 0; i < READERS; i++) {
		own[i] = scenarios[0];
		own[i].name = readers[i].name;
		own[i].op = readers[i].op;
		own[i].result = readers[i].result;
		test[n++] = (struct test){ own[i].name, test_scenario, &own[i] };
	}
	for (i = 0; i < scenario_nr; i++)
		if (!scenarios[i].crash_only ||
		    strstr(scenarios[i].name, "index smaller"))
			test[n++] = (struct test){ scenarios[i].name,
						   test_scenario, &scenarios[i] };
	return harness_main(argc, argv, test, n);
}
