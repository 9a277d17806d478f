/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stress programs share: a region, hosts, walks, reports.
 *
 * Notes: see stress.h. The region's file is removed by the process that made
 * it alone, never by its children.
 */
#include "pool.h"
#include "region.h"
#include "word.h"
#include "stress.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>

struct daxfs_mount *mnt;
__thread struct daxfs_cx *cx;
__thread const char *who = "main";

static char region_path[64];
static pid_t region_owner;
static __thread u64 rng = 1;
static int passed, failed, skipped;

/* ---- reports ---- */

/* Who else is there, for whoever has to find out what happened. */
static void print_hosts(void)
{
	struct daxfs_host_info info;
	struct daxfs_statfs sf;
	u32 i;

	for (i = 0; i < DAXFS_HOSTS; i++) {
		if (daxfs_host_info(daxfs_mount_region(mnt), i, &info))
			continue;
		printf("# slot %u: state %u, process %u%s, epoch %llu\n", i,
		       info.state, info.id.pid,
		       daxfs_host_is_gone(&info) ? " (gone)" : "",
		       (unsigned long long)info.oldest_epoch);
	}
	if (cx && !daxfs_statfs(cx, &sf))
		printf("# %llu of %llu pages free\n",
		       (unsigned long long)sf.pages_free,
		       (unsigned long long)sf.pool_pages);
}

void wrong_at(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("not ok %s: %s:%d: %s\n", who, base ? base + 1 : file, line,
	       text);
	if (mnt)
		print_hosts();
	fflush(stdout);
	if (getpid() == region_owner) {
		failed++;
		region_remove();
		exit(report_total());
	}
	_exit(1);
}

void report(int good, const char *fmt, ...)
{
	va_list ap;

	printf(good ? "ok " : "not ok ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	passed += !!good;
	failed += !good;
}

void report_skip(const char *what, const char *why)
{
	printf("skip %s: %s\n", what, why);
	skipped++;
}

int report_total(void)
{
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	fflush(stdout);
	return failed ? 1 : 0;
}

/* ---- the region ---- */

void region_remove(void)
{
	if (region_path[0] && getpid() == region_owner)
		unlink(region_path);
}

static void on_signal(int nr)
{
	region_remove();	/* async-signal-safe: getpid and unlink */
	signal(nr, SIG_DFL);
	raise(nr);
}

static void region_format(int fd, u64 size, u64 buckets)
{
	struct daxfs_geometry g = {
		.region_len = size, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.buckets = buckets, .root_mode = S_IFDIR | 0755,
		.created_ns = 1, .label = "stress",
	};
	u64 needed = 0;
	void *base;

	g.uuid[0] = 1;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		WRONG("mmap of the region: %s", strerror(errno));
	if (daxfs_plan(&g, &needed))
		WRONG("a region of %llu bytes: plan says %llu are needed",
		      (unsigned long long)size, (unsigned long long)needed);
	MUST(daxfs_format(&g, base, size));
	munmap(base, size);
}

const char *region_make(u64 size, u64 buckets)
{
	int fd, r;

	strcpy(region_path, "/dev/shm/daxfs-stress.XXXXXX");
	fd = mkstemp(region_path);
	if (fd < 0)
		WRONG("cannot make a file in /dev/shm: %s", strerror(errno));
	region_owner = getpid();
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	signal(SIGPIPE, on_signal);
	r = posix_fallocate(fd, 0, size);
	if (r)
		WRONG("%s: no room for %llu MiB: %s", region_path,
		      (unsigned long long)(size / MIB), strerror(r));
	region_format(fd, size, buckets);
	close(fd);
	return region_path;
}

void host_join(const char *path)
{
	char why[512] = "";
	int r = daxfs_mount_open(&mnt, path, 0, DAXFS_HOST_LIB, why,
				 sizeof(why));

	if (r)
		WRONG("cannot join %s: %s: %s", path, strerror(-r), why);
	MUST(daxfs_mount_start(mnt));
	cx = daxfs_cx_get(mnt);
}

void host_part(void)
{
	daxfs_cx_put(mnt, cx);
	daxfs_mount_close(mnt);
	mnt = NULL;
	cx = NULL;
}

/* ---- hosts ---- */

#define HOSTS_MS	60000

static u32 count_hosts(void)
{
	struct daxfs_host_info info;
	u32 i, nr = 0;

	for (i = 0; i < DAXFS_HOSTS; i++)
		nr += !daxfs_host_info(daxfs_mount_region(mnt), i, &info);
	return nr;
}

/*
 * Whom a dead host was recovering is found dead again only when that one has
 * been recovered: the heart comes back to it after a second.
 */
void verify_hosts(void)
{
	struct timespec nap = { 0, 20000000 };
	u64 end = now_ms() + HOSTS_MS;

	while (count_hosts() > 1 && now_ms() < end)
		nanosleep(&nap, NULL);
	if (count_hosts() > 1)
		print_hosts();
	report(count_hosts() == 1, "hosts left in the table besides us: %u",
	       count_hosts() - 1);
}

/* ---- random numbers ---- */

void random_seed(u64 seed)
{
	rng = seed * 0x9e3779b97f4a7c15ull + 0x1234567;
	if (!rng)
		rng = 1;
}

u64 random64(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng * 0x2545f4914f6cdd1dull) >> 8;
}

u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* ---- directories ---- */

static int add_entry(void *arg, const struct daxfs_dirent *de)
{
	struct list *l = arg;
	struct listed *e;

	if (!strcmp(de->name, ".") || !strcmp(de->name, ".."))
		return 0;
	if (l->nr == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->e = realloc(l->e, l->room * sizeof(*l->e));
		if (!l->e)
			WRONG("out of memory");
	}
	e = &l->e[l->nr++];
	e->ino = de->ino;
	e->d_type = de->d_type;
	memcpy(e->name, de->name, de->name_len);
	e->name[de->name_len] = 0;
	return 0;
}

int list_dir(u64 dir, struct list *l)
{
	memset(l, 0, sizeof(*l));
	return daxfs_readdir(cx, dir, 0, add_entry, l);
}

static u64 make_one(u64 dir, const char *name, u32 mode)
{
	struct daxfs_new what = { .mode = mode };
	struct daxfs_stat st;
	int r = daxfs_create(cx, dir, name, len_of(name), &what, &st);

	if (r)
		WRONG("create %s: %s", name, strerror(-r));
	return st.ino;
}

u64 make_dir(u64 dir, const char *name)
{
	return make_one(dir, name, S_IFDIR | 0755);
}

u64 make_file(u64 dir, const char *name)
{
	return make_one(dir, name, S_IFREG | 0644);
}

void empty_dir(u64 dir)
{
	struct list l;
	u64 i;

	MUST(list_dir(dir, &l));
	for (i = 0; i < l.nr; i++) {
		if (l.e[i].d_type == DT_DIR) {
			empty_dir(l.e[i].ino);
			MUST(daxfs_rmdir(cx, dir, l.e[i].name,
					 len_of(l.e[i].name)));
		} else {
			MUST(daxfs_unlink(cx, dir, l.e[i].name,
					  len_of(l.e[i].name)));
		}
	}
	free(l.e);
}

/* ---- walking ---- */

struct link_count {
	u64 ino;
	u32 nlink;
};

static struct link_count *links;
static u64 links_nr, links_room;

static void note_link(const struct daxfs_stat *st)
{
	if (links_nr == links_room) {
		links_room = links_room ? 2 * links_room : 1024;
		links = realloc(links, links_room * sizeof(*links));
		if (!links)
			WRONG("out of memory");
	}
	links[links_nr].ino = st->ino;
	links[links_nr++].nlink = st->nlink;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name,
		      ((const struct listed *)b)->name);
}

static int by_ino(const void *a, const void *b)
{
	u64 x = ((const struct link_count *)a)->ino;
	u64 y = ((const struct link_count *)b)->ino;

	return x < y ? -1 : x > y;
}

static void walk(u64 dir, struct walked *w, int depth);

static void walk_entry(u64 dir, const struct listed *e, struct walked *w,
		       int depth)
{
	struct daxfs_stat st;
	int r = daxfs_lookup(cx, dir, e->name, len_of(e->name), &st);

	w->names++;
	if (r)
		WRONG("%s is listed in %llu and its lookup says: %s", e->name,
		      (unsigned long long)dir, strerror(-r));
	if (st.ino != e->ino || st.mode >> 12 != e->d_type)
		WRONG("%s is listed as inode %llu type %u, found as %llu "
		      "mode %o", e->name, (unsigned long long)e->ino,
		      e->d_type, (unsigned long long)st.ino, st.mode);
	if (S_ISDIR(st.mode))
		walk(st.ino, w, depth + 1);
	else
		note_link(&st);
}

static void walk(u64 dir, struct walked *w, int depth)
{
	struct daxfs_stat st;
	struct list l;
	u32 subdirs = 0;
	u64 i;

	if (depth > 1000)
		WRONG("directories nest without end");
	w->dirs++;
	MUST(list_dir(dir, &l));
	if (l.nr)
		qsort(l.e, l.nr, sizeof(*l.e), by_name);
	for (i = 0; i < l.nr; i++) {
		if (i && !strcmp(l.e[i].name, l.e[i - 1].name))
			WRONG("%s is listed twice", l.e[i].name);
		subdirs += l.e[i].d_type == DT_DIR;
		walk_entry(dir, &l.e[i], w, depth);
	}
	free(l.e);
	MUST(daxfs_getattr(cx, dir, &st));
	if (st.nlink != 2 + subdirs)
		WRONG("directory %llu has %u links and %u subdirectories",
		      (unsigned long long)dir, st.nlink, subdirs);
}

void walk_verify(struct walked *w)
{
	u64 i, k;

	memset(w, 0, sizeof(*w));
	links_nr = 0;
	walk(DAXFS_ROOT_INO, w, 0);
	if (links_nr)
		qsort(links, links_nr, sizeof(*links), by_ino);
	for (i = 0; i < links_nr; i = k) {
		for (k = i; k < links_nr && links[k].ino == links[i].ino; k++)
			;
		w->files++;
		if (links[i].nlink != k - i)
			WRONG("inode %llu has %u links and %llu names",
			      (unsigned long long)links[i].ino,
			      links[i].nlink, (unsigned long long)(k - i));
	}
}

static void print_problem(void *arg, const char *where, u64 id,
			  const char *what)
{
	(void)arg;
	printf("# %s %llu: %s\n", where, (unsigned long long)id, what);
}

void check_index(void)
{
	struct daxfs_check ck = { .report = print_problem };
	int r = daxfs_check_index(cx, &ck);

	report(!r && !ck.problems, "fsck of the index: %llu cells, %llu "
	       "problems%s%s", (unsigned long long)ck.cells,
	       (unsigned long long)ck.problems, r ? ", " : "",
	       r ? strerror(-r) : "");
}

/* fsck's accounting, of a region that only this process uses, and at rest. */
void check_pool(void)
{
	struct daxfs_check ck = { .report = print_problem, .quiet = 1 };
	u64 len = daxfs_check_pool_scratch(daxfs_mount_region(mnt));
	const struct daxfs_pool_sum *sum = &ck.sum;
	u64 all = 0, i;
	void *scratch = calloc(1, len);
	int r;

	if (!scratch)
		WRONG("no memory for the accounting");
	r = daxfs_check_pool(cx, &ck, scratch, len);
	free(scratch);
	for (i = 0; i < DAXFS_UNIT_TYPES; i++)
		all += sum->page[i];
	all += sum->free + sum->retired + sum->reserved + sum->leaked + sum->bad;
	report(!r && !ck.problems && all == sum->pages && all, "accounting: "
	       "%llu pages, %llu free, %llu retired, %llu leaked, %llu "
	       "problems%s%s", (unsigned long long)all,
	       (unsigned long long)sum->free, (unsigned long long)sum->retired,
	       (unsigned long long)sum->leaked, (unsigned long long)ck.problems,
	       r ? ", " : "", r ? strerror(-r) : "");
}

/*
 * Retired memory becomes free when the epoch has moved on and somebody looks:
 * a few operations do that. Stops when nothing more comes back.
 */
u64 pages_free(void)
{
	struct daxfs_statfs sf;
	u64 best = 0, i, same = 0;

	for (i = 0; i < 200 && same < 20; i++) {
		make_file(DAXFS_ROOT_INO, "epoch-mover");
		MUST(daxfs_unlink(cx, DAXFS_ROOT_INO, "epoch-mover", 11));
		MUST(daxfs_statfs(cx, &sf));
		same = sf.pages_free > best ? 0 : same + 1;
		if (sf.pages_free > best)
			best = sf.pages_free;
	}
	return best;
}

static int is_used(u64 info)
{
	return DAXFS_KIND(info) == DAXFS_I_OWNED ||
	       DAXFS_KIND(info) == DAXFS_I_RESERVED;
}

/* A page of objects: does it hold one? */
static int holds_objects(const struct daxfs_region *rg, u64 off, u64 info)
{
	enum daxfs_class class = daxfs_slab_class(info);
	struct daxfs_a64 *first;
	u32 i, nr = 0;

	if (class == DAXFS_NO_CLASS)
		return 1;
	for (i = 0; i < daxfs_class_nr(class); i++) {
		first = daxfs_at(rg, off + (u64)i * daxfs_class_size(class), 8,
				 8);
		nr += (u32)is_used(a64_load_relaxed(first));
	}
	return nr > 0;
}

static u64 count_pages(int live)
{
	const struct daxfs_region *rg = daxfs_mount_region(mnt);
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 off, v, nr = 0;

	for (off = pool->off; off < pool->off + pool->len; off += 4096) {
		v = a64_load_relaxed(daxfs_page_info(rg, off));
		nr += (u64)(is_used(v) && (!live || holds_objects(rg, off, v)));
	}
	return nr;
}

void print_live_pages(void)
{
	const struct daxfs_region *rg = daxfs_mount_region(mnt);
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 off, v;
	u32 lines = 0;

	for (off = pool->off; off < pool->off + pool->len; off += 4096) {
		v = a64_load_relaxed(daxfs_page_info(rg, off));
		if (!is_used(v) || !holds_objects(rg, off, v) || lines++ >= 40)
			continue;
		printf("# page %#llx is in use: info %#llx, type %u, host %u, "
		       "referred to by %#llx\n", (unsigned long long)off,
		       (unsigned long long)v, info_type(v), info_host(v),
		       (unsigned long long)info_back(v));
	}
}

u64 pages_owned(void)
{
	return count_pages(0);
}

u64 pages_live(void)
{
	return count_pages(1);
}

/* Insertions move a table on that is being replaced. */
static u64 index_buckets(void)
{
	struct daxfs_index_stat is;
	u64 i;

	for (i = 0; i < 10000; i++) {
		MUST(daxfs_index_stat(cx, &is));
		if (!is.migrating)
			return is.buckets;
		make_file(DAXFS_ROOT_INO, "index-mover");
		MUST(daxfs_unlink(cx, DAXFS_ROOT_INO, "index-mover", 11));
	}
	WRONG("a table of the index is being replaced and never is");
}

u64 pages_besides_index(u64 *index)
{
	*index = (index_buckets() * 8 + 4095) / 4096;
	return pages_live() - *index;
}

u64 pages_avail(void)
{
	struct daxfs_statfs sf;

	MUST(daxfs_statfs(cx, &sf));
	return sf.pages_avail;
}

u64 pages_usable(void)
{
	static u8 block[1 << 20];
	struct daxfs_held *h;
	u64 off = 0;
	s64 r;

	memset(block, 0x55, sizeof(block));
	MUST(daxfs_hold(mnt, cx, make_file(DAXFS_ROOT_INO, "all"), &h));
	while ((r = daxfs_write(cx, &h->file, off, block, sizeof(block))) > 0)
		off += r;
	if (r != -ENOSPC)
		WRONG("write: %s", strerror((int)-r));
	daxfs_unhold(mnt, cx, h);
	MUST(daxfs_unlink(cx, DAXFS_ROOT_INO, "all", 3));
	return off / 4096;
}
