// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One small scenario for each pairing of docs/memory-ordering.md.
 *
 * Notes: two to four hosts do through the core what the two sides of a row
 * do, under random schedules, and loads may be old. A scenario demands what
 * the last column of its row says must not happen. Free pages of the pool are
 * filled with bytes that mean nothing before, so that content which is not
 * seen yet is not zero by luck.
 */
#include <stdlib.h>

#include "base.h"
#include "dir.h"
#include "epoch.h"
#include "index.h"
#include "inode.h"
#include "pairs.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "world.h"

#define HOSTS		4u
#define RUNS		400u
#define DIRT		0x88	/* as a word: a page far outside */
#define PAGE		4096u

struct pair {
	const char *name;
	void (*setup)(void);
	void (*host[HOSTS])(void *arg);
	void (*verify)(void);		/* after the run */
	u32 runs;			/* times RUNS / 100 */
	u32 sleeps;			/* host 0, for ever, before this step */
};

static struct world w;
static struct log scratch;
static char complaint[300];
static u32 self[HOSTS] = { 0, 1, 2, 3 };

/* What the scenarios keep: made by setup, or of one run. */
static u64 ino, ino2, page_off;
static struct daxfs_a64 flag;
static struct daxfs_region late_rg;	/* a host that joins in the run */
static struct daxfs_cx late_cx;
static struct daxfs_region frozen_rg;
static struct daxfs_cx frozen_cx;
static s64 result[HOSTS];
static u32 wins, ended;

#define WRONG(...) do { \
	if (!complaint[0]) \
		snprintf(complaint, sizeof(complaint), __VA_ARGS__); \
} while (0)

static struct daxfs_cx *cx(u32 host)
{
	return &w.cx[host];
}

/* The number of the host whose function runs. */
static u32 me(const void *arg)
{
	return *(const u32 *)arg;
}

/*
 * Readers look several times in one section: only its beginning has a fence,
 * which tells so much that there is little left that could be old.
 */
static void section(void *arg, void (*fn)(struct daxfs_cx *c, u32 i), u32 nr)
{
	struct daxfs_cx *c = cx(me(arg));
	u32 i;

	for (i = 0; i < nr; i++) {
		if (i % 8 == 0 && daxfs_enter(c))
			WRONG("no section");
		fn(c, i);
		if (i % 8 == 7 || i == nr - 1)
			daxfs_leave(c);
	}
}

static u32 slot_of(u32 host)
{
	return w.rg[host].host;
}

static int all_bytes(const u8 *p, u64 len, u8 value)
{
	while (len--)
		if (*p++ != value)
			return 0;
	return 1;
}

static u64 ino_of(const char *path)
{
	struct daxfs_stat st;

	SETUP(w_lookup(cx(0), path, &st));
	return st.ino;
}

static void dirty_free_pages(void)
{
	const struct daxfs_span *pool = &w.rg[0].area[DAXFS_AREA_POOL];
	u64 i;

	for (i = 0; i < pool->nr; i++) {
		u64 off = pool->off + i * PAGE;

		if (daxfs_page_info(&w.rg[0], off)->raw == DAXFS_I_FREE)
			memset(w.base + off, DIRT, PAGE);
	}
}

static void setup_tree(void)
{
	struct daxfs_cx *a = cx(0), *b = cx(1);

	SETUP(w_mkdir(a, "d1"));
	SETUP(w_mkdir(b, "d2"));
	SETUP(w_mkdir(b, "d2/empty"));
	SETUP(w_create(a, "d1/a"));
	SETUP(w_write(b, "d1/a", 0, 5000, 'a'));
	SETUP(w_create(b, "d1/b"));
	ino = ino_of("d1/a");
	ino2 = ino_of("d1/b");
}

/* ---- after a run ---- */

/* No bucket refers to memory that is not owned. */
static int bucket_owned(struct daxfs_cx *c, void *arg, u64 bucket,
			struct daxfs_cell *cell)
{
	(void)c;
	(void)arg;
	if (DAXFS_KIND(cell->info.raw) != DAXFS_I_OWNED)
		WRONG("bucket %llu refers to freed memory",
		      (unsigned long long)bucket);
	return 0;
}

static void verify_index(void)
{
	SETUP(daxfs_enter(cx(3)));
	SETUP(daxfs_index_walk(cx(3), bucket_owned, NULL));
	daxfs_leave(cx(3));
	scratch.len = 0;
	if (world_check(cx(3), &scratch))
		WRONG("index: %.200s", scratch.text);
}

static void leave_all(void)
{
	int r = world_empty(cx(3));
	u32 i;

	for (i = 0; i < WORLD_HOSTS && !r; i++)
		if (!daxfs_host_check(&w.rg[i]))
			r = daxfs_host_leave(cx(i));
	if (r)
		WRONG("deleting everything: %s", strerror(-r));
}

/* When all is deleted nothing but the root is owned. */
static void verify_memory(void)
{
	static const char want[] = "slots: 1\ninode: 1\n";

	verify_index();
	leave_all();
	scratch.len = 0;
	world_owned(&w, &scratch);
	if (strcmp(scratch.text, want))
		WRONG("owned when all is deleted: %.200s", scratch.text);
}

/* ---- [PUB]: a bucket, and the inode behind it ---- */

static void setup_next_inode(void)
{
	setup_tree();
	SETUP(w_create(cx(0), "d1/p"));
	ino = ino_of("d1/p") + 1;	/* the next that host 0 makes */
}

static void make_n(void *arg)
{
	result[me(arg)] = w_create(cx(0), "d1/n");
}

static void stat_one(struct daxfs_cx *c, u32 i)
{
	struct daxfs_stat st;
	int r = daxfs_getattr(c, ino, &st);

	(void)i;
	if (r == -ENOENT)
		return;
	if (r || st.mode != (S_IFREG | 0644) || st.nlink != 1 || st.size)
		WRONG("new inode: %d, mode %o, %u links, size %llu", r,
		      st.mode, st.nlink, (unsigned long long)st.size);
}

static void stat_number(void *arg)
{
	section(arg, stat_one, 25);
}

/* ---- [PUB]: attribute records ---- */

static void set_modes(void *arg)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE | DAXFS_SET_UID };
	u32 i;

	for (i = 1; i < 6; i++) {
		sa.mode = 0600 + i;
		sa.uid = i;
		if (daxfs_setattr(cx(me(arg)), ino, &sa, NULL))
			WRONG("setattr fails");
	}
}

static void setup_attr(void)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = 0600 };

	setup_tree();
	SETUP(daxfs_setattr(cx(0), ino, &sa, NULL));
}

static void get_mode(struct daxfs_cx *c, u32 i)
{
	static u32 last[HOSTS];
	u32 *mine = &last[c - w.cx];
	struct daxfs_stat st;
	int r = daxfs_getattr(c, ino, &st);

	if (!i)
		*mine = 0;
	if (r || st.mode != (S_IFREG | 0600) + st.uid || st.uid < *mine)
		WRONG("attributes: %d, mode %o, uid %u after %u", r, st.mode,
		      st.uid, *mine);
	*mine = st.uid;
}

static void get_modes(void *arg)
{
	section(arg, get_mode, 16);
}

/* ---- [PUB]: sets of extended attributes ---- */

/* An object, a page and several in turn: the length tells the number. */
static u64 value_len(u32 i)
{
	static const u64 lens[] = { 100, 1000, 9000 };

	return lens[i % 3] + i;
}

static void set_values(void *arg)
{
	static u8 value[HOSTS][10000];
	u8 *mine = value[me(arg)];
	u32 i;

	for (i = 1; i < 6; i++) {
		memset(mine, (int)('a' + i), sizeof(value[0]));
		if (daxfs_setxattr(cx(me(arg)), ino, "user.v", 6, mine,
				   value_len(i), 0))
			WRONG("setxattr fails");
	}
}

static void setup_values(void)
{
	setup_tree();
	SETUP(daxfs_setxattr(cx(0), ino, "user.v", 6, "a", 1, 0));
}

static void get_value(struct daxfs_cx *c, u32 i)
{
	static u8 value[HOSTS][10000];
	static u32 last[HOSTS];
	u8 *mine = value[c - w.cx];
	s64 n = daxfs_getxattr(c, ino, "user.v", 6, mine, sizeof(value[0])), k;
	u32 nr = n > 0 ? mine[0] - (u32)'a' : 99;

	if (!i)
		last[c - w.cx] = 0;
	for (k = 1; k < n && mine[k] == mine[0]; k++)
		;
	if (n <= 0 || k < n || nr > 5 || nr < last[c - w.cx] ||
	    n != (nr ? (s64)value_len(nr) : 1))
		WRONG("an attribute: %lld bytes, number %u after %u, other at %lld",
		      (long long)n, nr, last[c - w.cx], (long long)k);
	last[c - w.cx] = nr;
}

static void get_values(void *arg)
{
	section(arg, get_value, 12);
}

/* ---- [PUB]: map and pages of a file with holes ---- */

static void setup_sparse(void)
{
	setup_tree();
	SETUP(w_truncate(cx(0), "d1/b", 3ull << 20));
}

static const u64 holes[] = { 2 * PAGE, 600 * PAGE, 3 * PAGE };

static void fill_holes(void *arg)
{
	u32 i;

	for (i = 0; i < 3; i++)
		if (w_write(cx(me(arg)), "d1/b", holes[i], PAGE, 'w') != PAGE)
			WRONG("a write fails");
}

static void read_hole(struct daxfs_cx *c, u32 i)
{
	static u8 buf[HOSTS][PAGE];
	struct daxfs_file f = { .ino = ino2 };
	u8 *p = buf[c - w.cx];
	s64 n = daxfs_read(c, &f, holes[i % 3], p, PAGE);

	/* a read is not one instant: a page may come in between */
	while (n > 0 && (!p[n - 1] || p[n - 1] == 'w'))
		n--;
	if (n)
		WRONG("page of a hole: %lld, %x", (long long)n, *p);
}

static void read_holes(void *arg)
{
	section(arg, read_hole, 16);
}

/* Pages behind the end: the size says what there is. */
static void grow_file(void *arg)
{
	u32 i;

	for (i = 0; i < 3; i++)
		if (w_write(cx(me(arg)), "d1/b", i * PAGE, PAGE, 'w') != PAGE)
			WRONG("a write fails");
}

static void read_grown(void *arg)
{
	static u8 buf[HOSTS][4 * PAGE];
	struct daxfs_file f = { .ino = ino2 };
	u8 *p = buf[me(arg)];
	u32 i;

	for (i = 0; i < 10; i++) {
		s64 n = daxfs_read(cx(me(arg)), &f, 0, p, 4 * PAGE);

		if (n < 0 || n % PAGE || !all_bytes(p, (u64)n, 'w'))
			WRONG("a file that grows: %lld, begins with %x",
			      (long long)n, *p);
	}
}

/* ---- [PUB]: symbolic links ---- */

static void make_link(void *arg)
{
	result[me(arg)] = w_symlink(cx(0), "d1/n", 200);
}

static void read_link(void *arg)
{
	char buf[256];
	u32 i;

	for (i = 0; i < 25; i++) {
		s64 n = daxfs_readlink(cx(me(arg)), ino, buf, sizeof(buf));

		if (n == -ENOENT)
			continue;
		if (n != 200 || memcmp(buf, "to/somewhere/else", 18))
			WRONG("target: %lld, '%.20s'", (long long)n, buf);
	}
}

/* ---- [PUB], [BUR]: tables that are replaced ---- */

static int make_numbered(struct daxfs_cx *c, const char *dir, u32 i)
{
	char name[32];

	snprintf(name, sizeof(name), "%s/f%u", dir, i);
	return w_create(c, name);
}

static u32 names_made;
static u32 pick[64], pick_nr;	/* names of which something is expected */

/* Those whose bucket of a table of 512 lies in [from, to). */
static void pick_names(u32 from, u32 to)
{
	u64 dir = ino_of("d2");
	char name[32];
	u32 i;

	pick_nr = 0;
	for (i = 0; i < names_made && pick_nr < 64; i++) {
		u32 len = (u32)snprintf(name, sizeof(name), "f%u", i);
		u64 home = hash_home(daxfs_key_dirent(&w.rg[0], dir, name,
						      len).hash) % 512;

		if (home >= from && home < to)
			pick[pick_nr++] = i;
	}
	if (!pick_nr)
		exit(1);
}

/* Names until the index grows, and some more: late in the migration. */
static void fill_index(u32 more)
{
	struct daxfs_index_stat st = { .migrating = 0 };

	setup_tree();
	for (names_made = 0; !st.migrating; names_made++) {
		SETUP(make_numbered(cx(names_made % 2), "d2", names_made));
		SETUP(daxfs_index_stat(cx(0), &st));
	}
	while (more--)
		SETUP(make_numbered(cx(0), "d2", names_made++));
}

/* One create before the index grows. */
static void setup_before_growth(void)
{
	u32 nr;

	fill_index(0);
	nr = names_made - 1;
	world_free(&w);
	world_make(&w, 512);
	setup_tree();
	for (names_made = 0; names_made < nr; names_made++)
		SETUP(make_numbered(cx(names_made % 2), "d2", names_made));
	pick_names(0, 48);	/* they move first */
}

static void setup_growing(void)
{
	fill_index(2);
	pick_names(48, 128);
}

static void setup_grown(void)
{
	fill_index(28);		/* 32 inserts move 512 buckets */
	pick_names(400, 512);	/* they move last */
}

static void add_names(void *arg)
{
	u32 i;

	for (i = 0; i < 4; i++)
		if (make_numbered(cx(me(arg)), "d1", me(arg) * 10 + i))
			WRONG("a create fails");
}

static void find_name(struct daxfs_cx *c, u32 i)
{
	struct daxfs_stat st;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "d2/f%u", pick[i % pick_nr]);
	r = w_lookup(c, name, &st);
	if (r || st.mode != (S_IFREG | 0644))
		WRONG("%s: %s, mode %o", name, strerror(-r), st.mode);
}

static void find_names(void *arg)
{
	section(arg, find_name, 48);
}

static void remove_names(void *arg)
{
	char name[32];
	u32 i;

	for (i = 0; i < 6 && i < pick_nr; i++) {
		snprintf(name, sizeof(name), "d2/f%u", pick[i]);
		if (w_unlink(cx(me(arg)), name))
			WRONG("an unlink fails");
	}
}

/* ---- [PUB]: fsync, then a word by other means ---- */

static void write_and_tell(void *arg)
{
	struct daxfs_file f;
	u8 c = 'w';

	if (w_open(cx(me(arg)), "d1/b", &f) ||
	    daxfs_write(cx(me(arg)), &f, 0, &c, 1) != 1)
		WRONG("the write fails");
	daxfs_fsync(cx(me(arg)), &f);
	a64_store_relaxed(&flag, 1);
	daxfs_close(cx(me(arg)), f.ino);
}

static void hear_and_read(void *arg)
{
	struct daxfs_file f = { .ino = ino2 };
	u32 i;
	u8 c = 0;

	for (i = 0; i < 400 && !a64_load_relaxed(&flag); i++)
		port_pause_ns(100);
	if (i < 400 && (daxfs_read(cx(me(arg)), &f, 0, &c, 1) != 1 || c != 'w'))
		WRONG("what was written before fsync is not there");
}

/* ---- [HST]: identities ---- */

static const struct daxfs_host_id newcomer[2] = {
	{ .kind = DAXFS_HOST_LIB, .pid = 1001, .start_time = 1, .boot_id = { 1, 1 },
	  .name = "1" },
	{ .kind = DAXFS_HOST_FUSE, .pid = 1002, .start_time = 2,
	  .boot_id = { 2, 2 }, .name = "2" },
};

static void open_late(void)
{
	SETUP(daxfs_region_open(&late_rg, w.base, w.len, 1, NULL, 0));
}

static void join_once(void *arg)
{
	(void)arg;
	if (daxfs_host_join(&late_rg, &newcomer[0]))
		WRONG("join fails");
}

static void setup_to_leave(void)
{
	open_late();
	SETUP(daxfs_host_join(&late_rg, &newcomer[0]));
	SETUP(daxfs_cx_init(&late_cx, &late_rg, 0));
	frozen_rg = late_rg;
	frozen_cx = late_cx;
}

static void leave_slot(void *arg)
{
	(void)arg;
	late_rg = frozen_rg;
	late_cx = frozen_cx;
	if (daxfs_host_leave(&late_cx))
		WRONG("leave fails");
}

/* Comes when the slot is free. */
static void join_slot(void *arg)
{
	struct daxfs_host_info info;
	struct daxfs_region rg;
	u32 i;

	(void)arg;
	if (daxfs_region_open(&rg, w.base, w.len, 1, NULL, 0))
		WRONG("open fails");
	for (i = 0; i < 400 && !daxfs_host_info(&rg, WORLD_HOSTS, &info); i++)
		port_pause_ns(100);
	if (daxfs_host_join(&rg, &newcomer[1]))
		WRONG("join fails");
}

/* What a row of the table says of a host that is there for good. */
static void look_at_alive(void *arg)
{
	struct daxfs_host_info info;
	u32 i;

	for (i = 0; i < 25; i++)
		if (!daxfs_host_info(&w.rg[me(arg)], WORLD_HOSTS, &info) &&
		    info.state == DAXFS_H_ALIVE &&
		    (info.id.start_time != 1 || info.id.boot_id[1] != 1 ||
		     info.id.kind != DAXFS_HOST_LIB || info.id.name[0] != '1'))
			WRONG("alive: start %llu, boot %llu, name %s",
			      (unsigned long long)info.id.start_time,
			      (unsigned long long)info.id.boot_id[1],
			      info.id.name);
}

/* Never the second host with what the first one was. */
static void look_at_second(void *arg)
{
	struct daxfs_host_info info;
	u32 i;

	for (i = 0; i < 60; i++)
		if (!daxfs_host_info(&w.rg[me(arg)], WORLD_HOSTS, &info) &&
		    info.id.pid == 1002 &&
		    (info.id.start_time == 1 || info.id.boot_id[0] == 1 ||
		     info.id.boot_id[1] == 1))
			WRONG("pid %u as its predecessor", info.id.pid);
}

/* ---- [HST]: who recovers whom ---- */

static void kill_host(u32 host)
{
	SETUP(daxfs_host_mark_dead(&w.rg[0], slot_of(host),
				   w.rg[host].incarnation));
}

/* Who joins takes the slot that is free for the longest time: not one of these. */
static void use_free_slots_last(void)
{
	for (u32 i = 0; i < DAXFS_HOSTS; i++) {
		struct daxfs_host *h = daxfs_host(&w.rg[0], i);

		if (DAXFS_KIND(h->state.raw) == DAXFS_H_FREE)
			h->heartbeat_ns.raw = ~0ull;
	}
}

/* 2 was recovering 3 and died; 0 recovers 2. */
static void setup_relay(void)
{
	struct daxfs_a64 *state = &daxfs_host(&w.rg[0], slot_of(3))->state;

	setup_tree();
	open_late();
	use_free_slots_last();
	kill_host(2);
	kill_host(3);
	state->raw = host_make(DAXFS_H_RECOVERING, slot_of(2),
			       host_pid(state->raw), host_incarnation(state->raw));
}

static void recover_and_return(void *arg)
{
	int r = daxfs_host_recover(cx(me(arg)), slot_of(2));

	if (r || daxfs_host_join(&late_rg, &newcomer[0]) ||
	    daxfs_cx_init(&late_cx, &late_rg, 0)) {
		WRONG("recovering 2 and joining: %d", r);
		return;
	}
	if (late_rg.host != slot_of(2))
		WRONG("the newcomer is in slot %u", late_rg.host);
	ended = 1;
	wins += !daxfs_host_recover(&late_cx, slot_of(3));
	ended = 2;
}

static void try_recover(void *arg)
{
	u32 i;

	while (!ended)		/* told by nobody: it just begins late */
		port_pause_ns(1000);
	for (i = 0; i < 200 && ended == 1; i++)
		wins += !daxfs_host_recover(cx(me(arg)), slot_of(3));
}

static void verify_one_win(void)
{
	if (wins > 1)
		WRONG("%u recovered one host", wins);
}

/* ---- recovery by one who only knows the state word ---- */

static void setup_deaths(void)
{
	setup_tree();
	SETUP(w_open(cx(0), "d1/b", &w.held));
	SETUP(w_unlink(cx(1), "d1/b"));
}

static void work_and_die(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));

	daxfs_close(c, w.held.ino);
	w_create(c, "d1/x");
	w_write(c, "d1/x", 0, 9000, 'x');
	w_append(c, "d1/x", 100, 'y');
	w_rename(c, "d1/x", "d2/x", 0);
	w_mkdir(c, "d1/m");
	w_unlink(c, "d2/x");
	w_rmdir(c, "d1/m");
	w_create(c, "d2/z");
}

/* Has proof that 0 makes no step any more, and says so. */
static void see_death(void *arg)
{
	struct daxfs_host_info info;
	u32 i;

	for (i = 0; i < 3000 && !sim_is_asleep(0); i++)
		port_pause_ns(1000);
	if (!sim_is_asleep(0))
		return;		/* it came to its end */
	sim_learn(0);
	if (daxfs_host_info(&w.rg[me(arg)], slot_of(0), &info) ||
	    daxfs_host_mark_dead(&w.rg[me(arg)], slot_of(0), info.incarnation))
		WRONG("0 cannot be declared dead");
}

static void recover_dead(void *arg)
{
	struct daxfs_host_info info;
	u32 i;
	int r = 0;

	for (i = 0; i < 3000; i++) {
		if (!daxfs_host_info(&w.rg[me(arg)], slot_of(0), &info) &&
		    info.state == DAXFS_H_DEAD)
			break;
		port_pause_ns(1000);
	}
	if (info.state == DAXFS_H_DEAD)
		r = daxfs_host_recover(cx(me(arg)), slot_of(0));
	if (r)
		WRONG("recovery: %s", strerror(-r));
}

static void verify_recovered(void)
{
	struct daxfs_host_info info;

	w.rg[0].joined = 0;	/* it is gone for ever */
	if (!daxfs_host_info(&w.rg[3], slot_of(0), &info)) {
		/* it was not stopped: do that now */
		if (info.state != DAXFS_H_ALIVE)
			WRONG("0 is in state %u", info.state);
		SETUP(daxfs_host_mark_dead(&w.rg[3], slot_of(0),
					   info.incarnation));
		SETUP(daxfs_host_recover(cx(3), slot_of(0)));
	}
	verify_memory();
}

/* ---- [MKF] ---- */

#define RAW_LEN		(4u << 20)

static u8 raw_memory[RAW_LEN] __attribute__((aligned(4096)));
static struct daxfs_geometry geometry;

static void setup_raw(void)
{
	u64 needed;

	memset(&geometry, 0, sizeof(geometry));
	geometry.overlay = 1;
	geometry.mode = DAXFS_MODE_EMPTY;
	geometry.buckets = 512;
	geometry.root_mode = 0755;
	geometry.created_ns = 1;
	SETUP(daxfs_plan(&geometry, &needed));
	if (geometry.region_len > RAW_LEN)
		exit(1);
}

static void format_raw(void *arg)
{
	(void)arg;
	if (daxfs_format(&geometry, raw_memory, geometry.region_len))
		WRONG("format fails");
}

/* Opens it as soon as it can; read-only, so there is no fence of a join. */
static void open_raw(void *arg)
{
	static struct daxfs_cx c;
	struct daxfs_region rg;
	struct daxfs_stat st;
	u32 i;
	int r = -EINVAL;

	(void)arg;
	memset(&c, 0, sizeof(c));
	for (i = 0; i < 1500 && r; i++)
		r = daxfs_region_open(&rg, raw_memory, RAW_LEN, 0, NULL, 0);
	if (r)
		return;
	ended++;
	r = daxfs_cx_init(&c, &rg, 0);
	if (!r)
		r = daxfs_getattr(&c, DAXFS_ROOT_INO, &st);
	if (r || st.mode != (S_IFDIR | 0755))
		WRONG("a region with its magic: %s", strerror(-r));
}

/* ---- [CHG] ---- */

static void change_twice(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));

	if (w_write(c, "d1/a", 2 * PAGE, PAGE, 'b') != PAGE ||
	    w_write(c, "d1/a", 0, 100, 'c') != 100)
		WRONG("a write fails");
}

static void watch_change(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));
	struct daxfs_file f = { .ino = ino };
	struct daxfs_stat st;
	u64 first = 0;
	u8 buf[100];
	u32 i;

	for (i = 0; i < 15; i++) {
		if (daxfs_enter(c) || daxfs_fgetattr(c, &f, &st) ||
		    daxfs_read(c, &f, 0, buf, 100) != 100) {
			WRONG("the file cannot be read");
			return;
		}
		daxfs_leave(c);
		first = first ? first : page_off;
		if (st.change > first && st.size != 3 * PAGE)
			WRONG("changed, and size %llu", (unsigned long long)st.size);
		if (st.change > first + 1 && !all_bytes(buf, 100, 'c'))
			WRONG("changed twice, and old content");
	}
}

static void setup_change(void)
{
	struct daxfs_stat st;

	setup_tree();
	SETUP(daxfs_getattr(cx(0), ino, &st));
	page_off = st.change;
}

/* A write in place that ends in the middle. */
static void write_and_die(void *arg)
{
	struct daxfs_file f = { .ino = ino };
	u8 buf[200];

	memset(buf, 'b', sizeof(buf));
	if (daxfs_write(cx(me(arg)), &f, 0, buf, sizeof(buf)) != sizeof(buf))
		WRONG("the write fails");
	ended = 1;
}

/* Bytes of the write are there: the counter must move, now or by recovery. */
static void recover_writer(struct daxfs_cx *c)
{
	struct daxfs_host_info info;
	struct daxfs_stat st;
	u32 slot = slot_of(0);
	int r = daxfs_host_info(c->rg, slot, &info);

	if (!r)
		r = daxfs_host_mark_dead(c->rg, slot, info.incarnation);
	if (!r)
		r = daxfs_host_recover(c, slot);
	if (!r)
		r = daxfs_getattr(c, ino, &st);
	if (r || st.change == page_off)
		WRONG("bytes of a write that was cut off, and the counter has "
		      "not moved: %s", strerror(-r));
}

static void read_and_recover(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));
	struct daxfs_file f = { .ino = ino };
	u8 buf[200];
	u32 i;

	for (i = 0; i < 300 && !ended; i++) {
		if (daxfs_read(c, &f, 0, buf, 200) != 200)
			WRONG("the file cannot be read");
		if (!all_bytes(buf, 200, 'a') && sim_is_asleep(0)) {
			recover_writer(c);
			return;
		}
		port_pause_ns(100);
	}
}

/* ---- [REC] ---- */

#define BAD_VALUE	(1ull << 20)

static struct daxfs_a64 *word(u32 i)
{
	return (struct daxfs_a64 *)(w.base + page_off) + i;
}

static void setup_words(void)
{
	setup_tree();
	SETUP(daxfs_enter(cx(0)));
	SETUP(daxfs_page_take_zero(cx(0), DAXFS_T_DATA, 0, &page_off));
	daxfs_leave(cx(0));
}

static void give_words(void)
{
	daxfs_page_give(cx(0), page_off);
	verify_memory();
}

/* Records one after the other, each second one is given up at the end. */
static void run_records(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));
	u64 v = 0;
	u32 i;
	int r;

	for (i = 0; i < 8; i++) {
		u64 new = i % 2 ? BAD_VALUE : v + 8;

		daxfs_op_begin(c);
		daxfs_op_add(c, word(i % 3), v, new);
		daxfs_op_activate(c);
		r = daxfs_op_claim(c, 0, 1);
		/* entries may come behind a claim, as in an append */
		daxfs_op_add(c, word((i + 1) % 3), v, new);
		daxfs_op_add(c, word((i + 2) % 3), v, new);
		if (!r)
			r = daxfs_op_claim(c, 1, 3);
		if (i % 2 || r)
			daxfs_op_abort(c);
		else if (!daxfs_op_commit(c))
			v = new;
		daxfs_op_clean(c);
		daxfs_op_end(c);
	}
}

static void read_words(void *arg)
{
	struct daxfs_region *rg = &w.rg[me(arg)];
	u64 last = 0, v;
	u32 i;
	int r;

	for (i = 0; i < 40; i++) {
		r = daxfs_word_read(rg, word(i % 3), &v);
		if (r || v < last || v >= BAD_VALUE)
			WRONG("read %d, %llu after %llu", r,
			      (unsigned long long)v, (unsigned long long)last);
		last = v;
	}
}

/* Meets claims, and ends them. */
static void settle_words(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));
	u64 last = 0, v;
	u32 i;
	int r;

	for (i = 0; i < 10; i++) {
		r = daxfs_word_settle(c, word(i % 3), &v);
		if (r || v < last || v >= BAD_VALUE)
			WRONG("settled %d, %llu after %llu", r,
			      (unsigned long long)v, (unsigned long long)last);
		last = v;
	}
}

/* ---- [EPO] ---- */

static u64 unit;

/* A page of ones, and a word that refers to it. */
static void setup_unit(void)
{
	setup_words();
	SETUP(daxfs_enter(cx(1)));
	SETUP(daxfs_page_take(cx(1), DAXFS_T_DATA, page_off, 0, &unit));
	daxfs_leave(cx(1));
	memset(w.base + unit, 1, PAGE);
	word(0)->raw = unit;
	open_late();
}

static void look_in_sections(struct daxfs_cx *c)
{
	u8 buf[64];
	u32 i, k;

	for (i = 0; i < 4; i++) {
		u64 off;

		if (daxfs_enter(c)) {
			WRONG("no section");
			return;
		}
		off = a64_load_acquire(word(0));
		for (k = 0; off && k < 12; k++) {
			port_copy_from(buf, w.base + off, sizeof(buf));
			if (!all_bytes(buf, sizeof(buf), 1))
				WRONG("memory is reused under a reader: %x", *buf);
		}
		daxfs_leave(c);
	}
}

static void use_unit(void *arg)
{
	look_in_sections(cx(me(arg)));
}

static void join_and_use_unit(void *arg)
{
	(void)arg;
	if (daxfs_host_join(&late_rg, &newcomer[0]) ||
	    daxfs_cx_init(&late_cx, &late_rg, 0))
		WRONG("join fails");
	look_in_sections(&late_cx);
}

static void use_up(struct daxfs_cx *c)
{
	u64 off;

	if (!daxfs_page_take(c, DAXFS_T_DATA, page_off, unit, &off)) {
		port_zero(w.base + off, 64);
		daxfs_page_give(c, off);
	}
}

/* Somebody else who moves the epoch. */
static void advance_only(void *arg)
{
	u32 i;

	for (i = 0; i < 12; i++)
		daxfs_epoch_advance(cx(me(arg)));
}

static void retire_and_reuse(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));
	u64 g;
	u32 i;

	if (daxfs_enter(c))
		WRONG("no section");
	for (i = 0; i < 20; i++)
		a64_load_relaxed(word(1));	/* others go on */
	a64_cas(word(0), unit, 0);
	g = daxfs_retire_epoch(c);
	daxfs_page_retire(c, unit, g, 0);
	daxfs_leave(c);
	for (i = 0; i < 12; i++) {
		daxfs_epoch_advance(c);
		if (daxfs_enter(c))
			WRONG("no section");
		daxfs_collect(c);
		use_up(c);
		daxfs_leave(c);
	}
}

/* ---- [MAP] ---- */

static void setup_pin(void)
{
	setup_tree();
	SETUP(w_open(cx(0), "d1/a", &w.held));
}

static void pin_and_look(void *arg)
{
	struct daxfs_file f = { .ino = ino };
	struct daxfs_run run[2];
	u8 buf[64];
	u64 e;
	u32 k;
	int n;

	(void)arg;
	if (daxfs_map_begin(cx(0), &f, &e))
		WRONG("no pin");
	daxfs_map_epoch(&w.rg[0], e);
	n = daxfs_runs(cx(0), &f, PAGE, PAGE, run, 2);
	for (k = 0; n > 0 && run[0].off && k < 3000 && !ended; k++) {
		port_copy_from(buf, w.base + run[0].off, sizeof(buf));
		if (!all_bytes(buf, sizeof(buf), 'a'))
			WRONG("memory is reused under a pin: %x", *buf);
	}
	daxfs_map_epoch(&w.rg[0], 0);
	daxfs_map_end(cx(0), &f);
}

/* What has left the file is used for another as soon as it may be. */
static void reuse(struct daxfs_cx *c)
{
	u32 i;

	for (i = 0; i < 5; i++) {
		daxfs_epoch_advance(c);
		if (daxfs_enter(c))
			WRONG("no section");
		daxfs_collect(c);
		daxfs_leave(c);
	}
	if (w_write(c, "d1/b", 0, 3 * PAGE, 'z') != 3 * PAGE)
		WRONG("the write fails");
	ended = 1;
}

/* An append puts a copy in the place of the last page. */
static void replace_and_reuse(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));

	if (w_append(c, "d1/a", 10, 'b') != 10)
		WRONG("the append fails");
	reuse(c);
}

static void punch_and_reuse(void *arg)
{
	struct daxfs_cx *c = cx(me(arg));

	if (w_fallocate(c, "d1/a", DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE, 0,
			2 * PAGE))
		WRONG("the punch fails");
	reuse(c);
}

static void close_pinned(void)
{
	SETUP(daxfs_close(cx(0), w.held.ino));
	verify_memory();
}

/* ---- [OPN] ---- */

static void hold_and_read(void *arg)
{
	static u8 buf[HOSTS][5000];
	struct daxfs_cx *c = cx(me(arg));
	struct daxfs_file f;
	u8 *p = buf[me(arg)];
	u32 i;
	int r;

	for (i = 0; i < 3; i++) {
		r = daxfs_open(c, ino, 0, &f);
		if (r == -ENOENT)
			continue;
		if (r || daxfs_read(c, &f, 0, p, 5000) != 5000 ||
		    !all_bytes(p, 5000, 'a'))
			WRONG("a file that is open: %s, %x", strerror(-r), *p);
		if (!r && daxfs_close(c, ino))
			WRONG("close fails");
	}
}

static void unlink_a(void *arg)
{
	if (w_unlink(cx(me(arg)), "d1/a"))
		WRONG("unlink fails");
}

/* ---- [SLT] ---- */

static void create_in_empty(void *arg)
{
	result[me(arg)] = w_create(cx(me(arg)), "d2/empty/x");
}

static void rmdir_empty(void *arg)
{
	result[me(arg)] = w_rmdir(cx(me(arg)), "d2/empty");
}

static void verify_slots(void)
{
	if ((result[0] == 0) == (result[1] == 0))
		WRONG("create %lld, rmdir %lld", (long long)result[0],
		      (long long)result[1]);
	verify_memory();
}

/* Goes on to the end beside a host that stopped in the directory. */
static void rmdir_and_see_death(void *arg)
{
	rmdir_empty(arg);
	see_death(arg);
}

/* ---- [CUT] ---- */

static void overwrite_tail(void *arg)
{
	result[me(arg)] = w_write(cx(me(arg)), "d1/a", PAGE, 900, 'b');
}

static void append_some(void *arg)
{
	result[me(arg)] = w_append(cx(me(arg)), "d1/a", 10, 'c');
}

static void cut_tail(void *arg)
{
	result[me(arg)] = w_truncate(cx(me(arg)), "d1/a", PAGE + 904);
	if (!result[me(arg)])
		result[me(arg)] = w_truncate(cx(me(arg)), "d1/a", PAGE + 950);
}

/* Behind what is written: the page is copied all the same. */
static void punch_tail(void *arg)
{
	result[me(arg)] = w_fallocate(cx(me(arg)), "d1/a", DAXFS_PUNCH_HOLE |
				      DAXFS_KEEP_SIZE, PAGE + 900, 4);
}

static void verify_tail(void)
{
	struct daxfs_file f = { .ino = ino };
	u8 buf[900];

	if (result[0] != 900 || result[1] < 0 ||
	    daxfs_read(cx(3), &f, PAGE, buf, 900) != 900)
		WRONG("write %lld, the other %lld", (long long)result[0],
		      (long long)result[1]);
	else if (!all_bytes(buf, 900, 'b'))
		WRONG("acknowledged bytes are missing");
}

/* ---- [HNT] ---- */

/* Not a page is free, but what truncating d1/b gives back. */
static void setup_full(void)
{
	setup_tree();
	SETUP(w_create(cx(2), "d2/rest"));
	SETUP(w_write(cx(2), "d1/b", 0, 2 * PAGE, 'x'));
	while (w_append(cx(2), "d2/rest", 64 * PAGE / 4, 'x') > 0)
		;
	while (w_append(cx(2), "d2/rest", PAGE, 'x') > 0)
		;
}

static void give_back(void *arg)
{
	sim_listen();
	if (w_truncate(cx(me(arg)), "d1/b", 0))
		WRONG("truncate fails");
	ended = 1;
	sim_tell();
}

/* Whoever begins after memory came back finds it. */
static void take_room(void *arg)
{
	u32 i, was = 0;
	s64 r = -ENOSPC;

	for (i = 0; i < 4 && r < 0 && !was; i++) {
		was = ended;
		sim_listen();
		r = w_write(cx(me(arg)), "d1/a", 2 * PAGE, PAGE, 'y');
		sim_tell();
		if (r < 0 && (was || r != -ENOSPC))
			WRONG("a write with room: %s", strerror((int)-r));
	}
}

/* ---- all ---- */

static const struct pair pairs[] = {
	{ "[PUB] a number and its inode", setup_next_inode,
	  { make_n, stat_number, stat_number }, verify_memory, .runs = 100 },
	{ "[PUB] a symbolic link and its target", setup_next_inode,
	  { make_link, read_link, read_link }, verify_memory, .runs = 100 },
	{ "[PUB] attributes", setup_attr,
	  { set_modes, get_modes, get_modes }, verify_memory, .runs = 100 },
	{ "[PUB] extended attributes", setup_values,
	  { set_values, get_values, get_values }, verify_memory, .runs = 100 },
	{ "[PUB] pages in holes", setup_sparse,
	  { fill_holes, read_holes, read_holes }, verify_memory, .runs = 100 },
	{ "[PUB] pages behind the end", setup_tree,
	  { grow_file, read_grown, read_grown }, verify_memory, .runs = 100 },
	{ "[PUB] fsync and other means", setup_tree,
	  { write_and_tell, hear_and_read }, verify_memory, .runs = 200 },
	{ "[PUB] a table that is new", setup_before_growth,
	  { add_names, find_names, add_names }, verify_memory, .runs = 100 },
	{ "[PUB] a table that is given up", setup_grown,
	  { add_names, find_names, add_names, find_names }, verify_memory, .runs = 300 },
	{ "[BUR] names that go as a table comes", setup_before_growth,
	  { remove_names, add_names, add_names }, verify_memory, .runs = 800 },
	{ "[BUR] names that go while the index grows", setup_growing,
	  { remove_names, add_names, add_names }, verify_memory, .runs = 100 },
	{ "[HST] a host that is there", open_late,
	  { join_once, look_at_alive, look_at_alive }, NULL, .runs = 200 },
	{ "[HST] two hosts in one slot", setup_to_leave,
	  { leave_slot, join_slot, look_at_second, look_at_second }, NULL, .runs = 200 },
	{ "[HST] a recoverer that died, and one that lives", setup_relay,
	  { recover_and_return, try_recover }, verify_one_win, .runs = 50 },
	{ "[HST] [REC] recovery by a third", setup_deaths,
	  { work_and_die, see_death, recover_dead }, verify_recovered, .runs = 100,
	  .sleeps = 4000 },
	{ "[MKF] a region that is being made", setup_raw,
	  { format_raw, open_raw }, NULL, .runs = 50 },
	{ "[CHG] size and content behind the counter", setup_change,
	  { change_twice, watch_change, watch_change }, verify_memory, .runs = 200 },
	{ "[CHG] a write that is cut off", setup_change,
	  { write_and_die, read_and_recover }, NULL, .runs = 600, .sleeps = 150 },
	{ "[REC] records one after the other", setup_words,
	  { run_records, read_words, read_words }, give_words, .runs = 300 },
	{ "[REC] records that others end", setup_words,
	  { run_records, settle_words, read_words }, give_words, .runs = 100 },
	{ "[EPO] a reader and a page that goes", setup_unit,
	  { use_unit, retire_and_reuse, advance_only }, NULL, .runs = 600 },
	{ "[EPO] a reader that has just come", setup_unit,
	  { join_and_use_unit, retire_and_reuse, advance_only }, NULL, .runs = 600 },
	{ "[MAP] a pin and a page that goes", setup_pin,
	  { pin_and_look, replace_and_reuse }, close_pinned, .runs = 300 },
	{ "[MAP] a pin and a page that is punched", setup_pin,
	  { pin_and_look, punch_and_reuse }, close_pinned, .runs = 300 },
	{ "[OPN] open and unlink", setup_tree,
	  { hold_and_read, unlink_a, hold_and_read }, verify_memory, .runs = 200 },
	{ "[SLT] create and rmdir", setup_tree,
	  { create_in_empty, rmdir_empty }, verify_slots, .runs = 300 },
	{ "[SLT] create that is cut off, and rmdir", setup_tree,
	  { create_in_empty, rmdir_and_see_death, recover_dead },
	  verify_recovered, .runs = 600, .sleeps = 130 },
	{ "[CUT] write in place and append", setup_tree,
	  { overwrite_tail, append_some }, verify_tail, .runs = 300 },
	{ "[CUT] write in place and truncate", setup_tree,
	  { overwrite_tail, cut_tail }, verify_tail, .runs = 200 },
	{ "[CUT] write in place and punch", setup_tree,
	  { overwrite_tail, punch_tail }, verify_tail, .runs = 300 },
	{ "[HNT] memory that comes back to a full pool", setup_full,
	  { give_back, take_room, take_room }, NULL, .runs = 50 },
};

static void begin_run(void)
{
	world_reset(&w);
	flag.raw = 0;
	wins = ended = 0;
	complaint[0] = 0;
	memset(result, 0, sizeof(result));
	memset(raw_memory, 0, geometry.region_len);
	late_rg.joined = 0;
}

static int run_pair(const struct pair *p, u64 seed)
{
	u64 rng = seed;
	struct sim_schedule s = {
		.policy = SIM_RANDOM, .seed = seed,
		.quantum = 1u << sim_rand(&rng) % 7,
		.stall = sim_rand(&rng) & 1 ? 128 : 0,
		.stale = 64u + 32u * (u32)(sim_rand(&rng) % 6),
		.max_steps = WORLD_MAX_STEPS,
	};
	struct sim_host host[HOSTS];
	u32 nr;

	begin_run();
	for (nr = 0; nr < HOSTS && p->host[nr]; nr++)
		sim_host_init(&host[nr], p->host[nr], &self[nr]);
	if (p->sleeps)
		sim_sleep_after(&host[0], sim_rand(&rng) % p->sleeps);
	if (sim_run(host, nr, &s))
		return FAIL("seed %llu: does not end", (unsigned long long)seed);
	if (!complaint[0] && p->verify)
		p->verify();
	if (complaint[0])
		return FAIL("seed %llu (quantum %u, stall %u, stale %u): %s",
			    (unsigned long long)seed, s.quantum, s.stall, s.stale,
			    complaint);
	return 0;
}

static int test_pair(const void *arg)
{
	const struct pair *p = arg;
	u64 runs = harness_runs(RUNS * p->runs / 100), i, old = 0;
	int r = 0;

	memset(&geometry, 0, sizeof(geometry));
	world_make(&w, 512);
	p->setup();
	dirty_free_pages();
	world_freeze(&w);
	for (i = 0; i < runs && !r; i++) {
		r = run_pair(p, harness_seed() + i);
		old += sim_old_loads();
	}
	world_free(&w);
	harness_covered(i, "runs");
	harness_covered(old, "old loads");
	return r;
}

u32 pair_tests(struct test *test)
{
	enum { NR = sizeof(pairs) / sizeof(pairs[0]) };
	u32 i;

	_Static_assert(NR <= PAIR_TESTS, "room for all pairs");
	for (i = 0; i < NR; i++)
		test[i] = (struct test){ pairs[i].name, test_pair, &pairs[i] };
	return NR;
}
