// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hosts work while memory changes by itself: no crash, no hang, no stray step.
 *
 * Notes: property P1 of docs/design.md. All calls of the core, at random, on
 * a region with a base image and an overlay, while words of it become
 * anything at any step, also between two looks at the same word. Each call
 * ends, within CALL_STEPS, with a result or an error that core/README.md
 * lists. The region lies between pages that nobody may touch; `make SAN=asan
 * sim` builds the same under the sanitizers. What the tree then looks like
 * does not matter.
 */
#define _GNU_SOURCE		/* memfd_create() */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "index.h"
#include "world.h"

#define RUNS		2000u
#define CALLS		10u		/* per host and run */
#define CALL_STEPS	60000000ull
#define LISTED_MAX	5000u		/* names, then a listing is ended */
#define INODES		5u
#define PAGE		4096u
#define SCRATCH		4096u

static struct world w;
static struct daxfs_region other_rg[WORLD_HOSTS];
static struct daxfs_cx other_cx[WORLD_HOSTS];
static struct daxfs_file handle[WORLD_HOSTS];
static u8 bytes[WORLD_HOSTS][5 * PAGE];

static struct {
	u64 seed;		/* of the run */
	u32 host, op;		/* at work */
	int lies;		/* hosts that live are said to be dead */
	u64 calls, failed, unclean, changed, longest;
	s64 strange;		/* a result that must not be */
	u32 strange_op, unclean_op;
} now;

/* ---- the region ---- */

static void die(const char *what)
{
	fprintf(stderr, "cannot make the region: %s: %s\n", what,
		strerror(errno));
	exit(1);
}

static const struct daxfs_area *area(const struct daxfs_geometry *g, u32 type)
{
	u32 i = 0;

	while (g->super.area[i].type != type)
		i++;
	return &g->super.area[i];
}

static void put_name(u8 *at, u64 ino, u32 mode, const char *name)
{
	struct daxfs_base_dirent de = { .ino = ino };

	de.d_type = (u8)(mode >> 12);
	de.name_len = (u16)strlen(name);
	memcpy(de.name, name, de.name_len);
	memcpy(at, &de, sizeof(de));
}

/* /f and /d/g are one file, /s has one extent of three pages, /l is a link. */
static void put_base(struct daxfs_geometry *g, u8 *base)
{
	const u64 de = sizeof(struct daxfs_base_dirent);
	const struct daxfs_area *a = area(g, DAXFS_AREA_BASE_META);
	u64 meta = a->off, data = area(g, DAXFS_AREA_BASE_DATA)->off;
	struct daxfs_base_extent ext = { PAGE, PAGE, data + 3 * PAGE, 1, 0 };
	struct daxfs_base_inode in[INODES] = {
		{ .size = 4 * de, .data_off = meta, .mode = S_IFDIR | 0755,
		  .nlink = 3, .parent = 1 },
		{ .size = 9000, .data_off = data, .mode = S_IFREG | 0644,
		  .nlink = 2 },
		{ .size = de, .data_off = meta + 4 * de, .mode = S_IFDIR | 0755,
		  .nlink = 2, .parent = 1 },
		{ .size = 3, .data_off = meta + 2048, .mode = S_IFLNK | 0777,
		  .nlink = 1 },
		{ .size = 3 * PAGE, .data_off = meta + 2560, .nlink = 1,
		  .mode = S_IFREG | 0600, .flags = DAXFS_BASE_SPARSE },
	};
	u32 crc;

	put_name(base + meta, 3, S_IFDIR, "d");
	put_name(base + meta + de, 2, S_IFREG, "f");
	put_name(base + meta + 2 * de, 4, S_IFLNK, "l");
	put_name(base + meta + 3 * de, 5, S_IFREG, "s");
	put_name(base + meta + 4 * de, 2, S_IFREG, "g");
	memcpy(base + meta + 2048, "d/g", 3);
	memcpy(base + meta + 2560, &ext, sizeof(ext));
	memset(base + data, 'f', 9000);
	memset(base + data + 3 * PAGE, 's', PAGE);
	memcpy(base + area(g, DAXFS_AREA_BASE_INODES)->off, in, sizeof(in));
	crc = port_crc32(0, in, sizeof(in));
	g->super.base_crc = port_crc32(crc, base + meta, a->len);
}

static void make_region(void)
{
	struct daxfs_geometry g = {
		.overlay = 1, .mode = DAXFS_MODE_STATIC, .buckets = 512,
		.overlay_len = 1u << 20, .uuid = { 3, 1, 4 },
		.base_inode_nr = INODES, .base_meta_len = PAGE,
		.base_data_len = 4 * PAGE,
	};
	u64 needed = 0;
	u8 *p;

	memset(&w, 0, sizeof(w));
	SETUP(daxfs_plan(&g, &needed));
	w.len = g.region_len;
	w.fd = memfd_create("daxfs-noise", MFD_CLOEXEC);
	if (w.fd < 0 || ftruncate(w.fd, (off_t)w.len))
		die("memfd");
	p = mmap(NULL, w.len + 2 * WORLD_GUARD, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	w.base = mmap(p + WORLD_GUARD, w.len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, w.fd, 0);
	if (w.base == MAP_FAILED)
		die("mmap");
	put_base(&g, w.base);
	SETUP(daxfs_format(&g, w.base, w.len));
}

static void make_hosts(void)
{
	u32 i;

	for (i = 0; i < WORLD_HOSTS; i++) {
		struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = i };

		SETUP(daxfs_region_open(&w.rg[i], w.base, w.len, 1, NULL, 0));
		SETUP(daxfs_host_join(&w.rg[i], &id));
		SETUP(daxfs_cx_init(&w.cx[i], &w.rg[i], 0));
	}
}

/* Names, files of several pages and a map, an index that is being replaced. */
static void make_tree(void)
{
	struct daxfs_cx *a = &w.cx[0], *b = &w.cx[1];
	struct daxfs_index_stat st = { .migrating = 0 };
	char name[32];
	u32 i;

	SETUP(w_mkdir(a, "d1"));
	SETUP(w_mkdir(b, "d1/sub"));
	SETUP(w_mkdir(b, "d2"));
	SETUP(w_create(a, "d1/a"));
	SETUP(w_write(b, "d1/a", 0, 40000, 'a'));
	SETUP(w_create(b, "d1/b"));
	SETUP(w_write(a, "d1/b", 3u << 20, 5000, 'b'));
	SETUP(w_symlink(b, "d1/long", 200));
	SETUP(w_write(a, "f", 0, 10, 'F'));
	for (i = 0; !st.migrating; i++) {
		snprintf(name, sizeof(name), "d2/f%u", i);
		SETUP(w_create(&w.cx[i % 2], name));
		SETUP(daxfs_index_stat(a, &st));
	}
	for (i = 0; i < 40; i += 3) {
		snprintf(name, sizeof(name), "d2/f%u", i);
		SETUP(w_unlink(b, name));
	}
}

/* ---- calls ---- */

struct caller {
	u32 host;
	u64 rng;
	struct daxfs_cx *cx;
};

static const char *const paths[] = {
	"d1", "d2", "d", "d1/sub", "d1/a", "d1/b", "d1/long", "f", "s", "l",
	"d/g", "d1/new", "d2/new", "d2/f1", "d2/f2", "d2/f3", "d1/sub/x",
	"d1/a-name-that-does-not-fit-into-the-smallest-cell",
};

static u64 any(struct caller *c, u64 nr)
{
	return sim_rand(&c->rng) % nr;
}

static const char *path(struct caller *c)
{
	return paths[any(c, sizeof(paths) / sizeof(paths[0]))];
}

static u64 any_ino(struct caller *c)
{
	struct daxfs_stat st;

	if (any(c, 2) || w_lookup(c->cx, path(c), &st))
		return any(c, 300);
	return st.ino;
}

static u64 any_size(struct caller *c)
{
	static const u64 sizes[] = { 0, 1, 100, PAGE, 9000, 3 * PAGE, 40000,
				     3u << 20, 1ull << 33, DAXFS_MAX_FILE };

	return sizes[any(c, 10)];
}

static s64 c_lookup(struct caller *c)
{
	struct daxfs_stat st;

	return w_lookup(c->cx, path(c), &st);
}

static s64 c_getattr(struct caller *c)
{
	struct daxfs_stat st;

	return daxfs_getattr(c->cx, any_ino(c), &st);
}

static int count_name(void *arg, const struct daxfs_dirent *de)
{
	u32 *nr = arg;

	if (de->name_len > DAXFS_NAME_MAX || de->name[de->name_len])
		now.strange = de->name_len + 1;
	return ++*nr == LISTED_MAX;
}

static s64 c_readdir(struct caller *c)
{
	u32 nr = 0;

	return daxfs_readdir(c->cx, any(c, 2) ? any_ino(c) : DAXFS_ROOT_INO,
			     any(c, 4) ? 0 : any(c, 600), count_name, &nr);
}

static s64 c_create(struct caller *c)
{
	return w_create(c->cx, path(c));
}

static s64 c_mkdir(struct caller *c)
{
	return w_mkdir(c->cx, path(c));
}

static s64 c_symlink(struct caller *c)
{
	return w_symlink(c->cx, path(c), any(c, 2) ? 20 : 2000);
}

static s64 c_link(struct caller *c)
{
	return w_link(c->cx, path(c), path(c));
}

static s64 c_unlink(struct caller *c)
{
	return w_unlink(c->cx, path(c));
}

static s64 c_rmdir(struct caller *c)
{
	return w_rmdir(c->cx, path(c));
}

static s64 c_rename(struct caller *c)
{
	return w_rename(c->cx, path(c), path(c), (u32)any(c, 2));
}

static s64 c_read(struct caller *c)
{
	struct daxfs_file f;
	s64 r = w_open(c->cx, path(c), &f), e;

	if (r)
		return r;
	r = daxfs_read(c->cx, &f, any_size(c), bytes[c->host], any(c, 5 * PAGE));
	e = daxfs_close(c->cx, f.ino);
	return r < 0 ? r : e;
}

static s64 c_write(struct caller *c)
{
	return w_write(c->cx, path(c), any_size(c), any(c, 20000), 'w');
}

static s64 c_append(struct caller *c)
{
	return w_append(c->cx, path(c), any(c, 20000), 'p');
}

static s64 c_truncate(struct caller *c)
{
	return w_truncate(c->cx, path(c), any_size(c));
}

static s64 c_space(struct caller *c)
{
	static const u32 modes[] = {
		0, DAXFS_KEEP_SIZE, DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE,
		DAXFS_ZERO_RANGE, DAXFS_ZERO_RANGE | DAXFS_KEEP_SIZE,
		DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE,
	};

	return w_fallocate(c->cx, path(c), modes[any(c, 6)], any_size(c),
			   any_size(c));
}

static s64 c_copy(struct caller *c)
{
	return w_copy(c->cx, path(c), any_size(c), path(c), any_size(c),
		      any(c, 2) ? any(c, 20000) : any_size(c));
}

static s64 c_seek(struct caller *c)
{
	return w_seek(c->cx, path(c), any_size(c), (int)any(c, 2));
}

static s64 c_lock(struct caller *c)
{
	struct daxfs_lock want = { .type = (u32)any(c, 3), .kind = DAXFS_RANGE,
				   .owner = any(c, 2), .start = any(c, 30) }, found;
	struct daxfs_file f;
	s64 r = w_open(c->cx, path(c), &f), e;

	if (r)
		return r;
	want.end = want.start + any(c, 30);
	r = daxfs_lock(c->cx, &f, &want, &found);
	if (r == -EAGAIN)
		r = daxfs_lock_test(c->cx, &f, &want, &found);
	e = daxfs_close(c->cx, f.ino);
	return r ? r : e;
}

static s64 c_setattr(struct caller *c)
{
	struct daxfs_setattr sa = { .set = (u32)any(c, 64), .mode = 0600 };
	struct daxfs_stat st;

	return daxfs_setattr(c->cx, any_ino(c), &sa, any(c, 2) ? &st : NULL);
}

static s64 c_readlink(struct caller *c)
{
	struct daxfs_stat st;
	s64 r = w_lookup(c->cx, any(c, 2) ? "d1/long" : path(c), &st);

	return r ? r : daxfs_readlink(c->cx, st.ino, (char *)bytes[c->host],
				      sizeof(bytes[0]));
}

/* A handle that stays open while everything goes on. */
static s64 c_handle(struct caller *c)
{
	struct daxfs_file *f = &handle[c->host];
	struct daxfs_stat st;
	u64 ino;

	/* Other calls of the host close it, too: a lie about holders. */
	if (!now.lies)
		return c_read(c);
	if (!f->ino)
		return w_open(c->cx, path(c), f);
	switch (any(c, 5)) {
	case 0:
		return daxfs_fgetattr(c->cx, f, &st);
	case 1:
		return daxfs_read(c->cx, f, any(c, PAGE), bytes[c->host], PAGE);
	case 2:
		return daxfs_write(c->cx, f, any(c, PAGE), bytes[c->host], PAGE);
	case 3:
		return daxfs_fsync(c->cx, f);
	default:
		ino = f->ino;
		f->ino = 0;
		return daxfs_close(c->cx, ino);
	}
}

static s64 c_map(struct caller *c)
{
	struct daxfs_run run[8];
	struct daxfs_file f;
	u64 epoch;
	s64 r = w_open(c->cx, path(c), &f), i;

	if (!r)
		r = daxfs_map_begin(c->cx, &f, &epoch);
	if (r)
		return r;
	daxfs_map_epoch(c->cx->rg, epoch);
	r = daxfs_runs(c->cx, &f, any_size(c), 1u << 16, run, 8);
	for (i = 0; i < r; i++)		/* what is handed out can be read */
		if (run[i].off && !daxfs_at(c->cx->rg, run[i].off, run[i].len, 1))
			now.strange = 1;
	daxfs_map_epoch(c->cx->rg, 0);
	daxfs_map_end(c->cx, &f);
	return r < 0 ? r : daxfs_close(c->cx, f.ino);
}

static s64 c_figures(struct caller *c)
{
	struct daxfs_index_stat is;
	struct daxfs_statfs fs;
	s64 r = daxfs_statfs(c->cx, &fs);

	if (fs.pages_free > fs.pages || fs.pages_avail > fs.pages_free)
		now.strange = 2;
	return r ? r : daxfs_index_stat(c->cx, &is);
}

static s64 c_check_index(struct caller *c)
{
	struct daxfs_check ck = { .problems = 0 };

	return daxfs_check_index(c->cx, &ck);
}

static s64 c_check_base(struct caller *c)
{
	static u8 scratch[WORLD_HOSTS][SCRATCH];
	struct daxfs_check ck = { .problems = 0 };

	if (daxfs_check_base_scratch(c->cx->rg) > SCRATCH)
		return -E2BIG;
	memset(scratch[c->host], 0, SCRATCH);
	return daxfs_check_base(c->cx->rg, &ck, scratch[c->host]);
}

static s64 c_compact(struct caller *c)
{
	daxfs_index_compact(c->cx);
	return 0;
}

static s64 c_hosts(struct caller *c)
{
	struct daxfs_host_info info;
	u32 i, nr = 0;

	for (i = 0; i <= DAXFS_HOSTS; i++)
		nr += !daxfs_host_info(c->cx->rg, i, &info);
	daxfs_host_beat(c->cx->rg);
	return daxfs_host_check(c->cx->rg);
}

static s64 c_recover(struct caller *c)
{
	u32 slot = (u32)any(c, 6);
	struct daxfs_host_info info;
	s64 r = daxfs_host_info(c->cx->rg, slot, &info);

	/* A lie, mostly; without noise nobody lies, and nothing is unclean. */
	if (!r && any(c, 2) && now.lies)
		r = daxfs_host_mark_dead(c->cx->rg, slot, info.incarnation);
	return r && r != -ESTALE ? r : daxfs_host_recover(c->cx, slot);
}

/* A further host of this thread, for a while. */
static s64 c_join(struct caller *c)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_LIB, .pid = 9 };
	struct daxfs_region *rg = &other_rg[c->host];
	struct daxfs_cx *cx = &other_cx[c->host];
	char why[200];
	s64 r = daxfs_region_open(rg, w.base, w.len, any(c, 4) != 0, why,
				  sizeof(why));

	if (r || !rg->writable)
		return r;
	if (any(c, 2)) {
		r = daxfs_host_join(rg, &id);
		if (!r)
			r = daxfs_cx_init(cx, rg, (u32)any(c, 3));
	} else {
		r = daxfs_host_take_over(rg, cx, &id, (u32)any(c, 6));
	}
	if (r)
		return r;
	r = w_create(cx, path(c));
	if (!r)
		r = w_write(cx, path(c), any_size(c), any(c, 9000), 'j');
	if (!any(c, 3))
		return r;		/* it vanishes */
	return daxfs_host_leave(cx);
}

static const struct {
	const char *name;
	s64 (*fn)(struct caller *c);
} calls[] = {
	{ "lookup", c_lookup }, { "getattr", c_getattr }, { "readdir", c_readdir },
	{ "create", c_create }, { "mkdir", c_mkdir }, { "symlink", c_symlink },
	{ "link", c_link }, { "unlink", c_unlink }, { "rmdir", c_rmdir },
	{ "rename", c_rename }, { "read", c_read }, { "write", c_write },
	{ "append", c_append }, { "truncate", c_truncate },
	{ "space", c_space }, { "copy", c_copy }, { "seek", c_seek },
	{ "lock", c_lock }, { "setattr", c_setattr }, { "readlink", c_readlink },
	{ "handle", c_handle }, { "map", c_map }, { "figures", c_figures },
	{ "check_index", c_check_index }, { "check_base", c_check_base },
	{ "compact", c_compact }, { "hosts", c_hosts }, { "recover", c_recover },
	{ "join", c_join },
};

#define CALL_NR		(sizeof(calls) / sizeof(calls[0]))

/* The table of core/README.md. */
static int is_listed(s64 r)
{
	static const int listed[] = {
		EINVAL, ENOTDIR, EISDIR, ENAMETOOLONG, ENOENT, EEXIST, ENOTEMPTY,
		EFBIG, EMLINK, EPERM, EUCLEAN, EPROTONOSUPPORT, ENODATA, EROFS,
		ENOSPC, EUSERS, EBUSY, ESTALE, EIO, ENXIO, ENODEV, EOPNOTSUPP,
		ENOLCK,
	};
	u32 i;

	for (i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		if (r == -listed[i])
			return 1;
	return r >= 0;
}

static struct sim_host host[WORLD_HOSTS];

static void work(void *arg)
{
	struct caller *c = arg;
	u32 i;

	for (i = 0; i < CALLS; i++) {
		u32 op = (u32)any(c, CALL_NR);
		u64 steps = host[c->host].steps;
		s64 r;

		now.host = c->host;
		now.op = op;
		r = calls[op].fn(c);
		now.calls++;
		now.failed += r < 0;
		if (r == -EUCLEAN && !now.unclean++)
			now.unclean_op = op;
		steps = host[c->host].steps - steps;
		if (steps > now.longest)
			now.longest = steps;
		if (!is_listed(r))
			now.strange = r;
		if (now.strange && !now.strange_op)
			now.strange_op = op + 1;
	}
}

/* ---- runs ---- */

/* Said by hand: nothing else works any more. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	char text[200];
	ssize_t n;

	(void)context;
	n = snprintf(text, sizeof(text), "FAIL signal %d at region %+lld in %s of "
		     "host %u or beside it, SIM_SEED=%llu\n", sig,
		     (long long)((u8 *)info->si_addr - w.base),
		     calls[now.op].name, now.host, (unsigned long long)now.seed);
	n = write(1, text, (size_t)n);
	_exit(n < 0 ? 2 : 1);
}

static void catch_faults(void)
{
	static u8 stack[64 << 10];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
}

struct how {
	u32 noise;		/* as in struct sim_schedule */
	u32 stale;
	u32 quantum;
};

static int run_once(const struct how *how, u64 seed)
{
	struct sim_schedule s = {
		.policy = SIM_RANDOM, .seed = seed, .quantum = how->quantum,
		.stall = 64, .noise = how->noise, .stale = how->stale,
		.max_steps = CALL_STEPS,
	};
	struct caller c[WORLD_HOSTS];
	u32 i;

	world_reset(&w);
	memset(handle, 0, sizeof(handle));
	now.seed = seed;
	now.lies = how->noise != 0;
	now.strange = now.strange_op = 0;
	for (i = 0; i < WORLD_HOSTS; i++) {
		c[i] = (struct caller){ i, seed * 31 + i, &w.cx[i] };
		sim_host_init(&host[i], work, &c[i]);
	}
	if (sim_run(host, WORLD_HOSTS, &s))
		return FAIL("SIM_SEED=%llu: %s of host %u, or one beside it, does "
			    "not end", (unsigned long long)seed,
			    calls[now.op].name, now.host);
	now.changed += sim_noise_made();
	if (now.unclean && !how->noise)
		return FAIL("SIM_SEED=%llu: %s ends with -EUCLEAN, without noise",
			    (unsigned long long)seed,
			    calls[now.unclean_op].name);
	if (now.strange)
		return FAIL("SIM_SEED=%llu: %s ends with %lld",
			    (unsigned long long)seed,
			    calls[now.strange_op - 1].name, (long long)now.strange);
	return 0;
}

static int test_noise(const void *arg)
{
	u64 runs = harness_runs(RUNS), i;
	int r = 0;

	memset(&now, 0, sizeof(now));
	make_region();
	make_hosts();
	make_tree();
	world_freeze(&w);
	sim_noise_range(w.base, w.len);
	for (i = 0; i < runs && !r; i++)
		r = run_once(arg, harness_seed() + i);
	sim_noise_range(NULL, 0);
	world_free(&w);
	harness_covered(now.calls, "calls");
	harness_covered(now.failed, "of them failed");
	harness_covered(now.changed, "changes");
	harness_covered(now.longest, "steps the longest call");
	return r;
}

int main(int argc, char **argv)
{
	static const struct how none = { 0, 0, 16 }, few = { 20, 0, 16 },
		some = { 200, 0, 8 }, many = { 3000, 0, 32 },
		stale = { 300, 96, 8 };
	static const struct test test[] = {
		{ "no noise", test_noise, &none },
		{ "little noise", test_noise, &few },
		{ "some noise", test_noise, &some },
		{ "much noise", test_noise, &many },
		{ "noise, and old loads", test_noise, &stale },
	};

	catch_faults();
	return harness_main(argc, argv, test, sizeof(test) / sizeof(test[0]));
}
