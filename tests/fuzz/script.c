// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Operations on a region that may be anything, and what must hold of each.
 *
 * Notes: whatever the bytes are, a call ends within a number of accesses in
 * proportion to the region, waits no longer than it may, leaves its section,
 * returns an error that its contract knows, and hands out nothing that lies
 * outside. Three contexts of two hosts take turns.
 */
#include <stdio.h>

#include "fuzz.h"
#include "index.h"
#include "pool.h"

#define CONTEXTS	3u
#define FILES		6u
#define INOS		64u
#define WORK		48u	/* accesses per word of the region, of one call */
#define WAIT_NS		6000000000ull
#define NODES		400u	/* of one walk */

struct state {
	struct daxfs_region rg[2];
	struct daxfs_cx cx[CONTEXTS];
	int alive[2];
	struct {		/* in one piece: the port knows its place */
		struct daxfs_file file[FILES];
	} held;
	int open[FILES];
	u64 ino[INOS];		/* numbers that were met, to work on */
	u32 ino_nr;
	u32 nodes;
	struct daxfs_cx *now;
	int meanwhile;		/* somebody else changes the region */
};

static struct state s;
static u8 buf[300 * 1024];
static u8 scratch[1u << 20];

/* Old inputs mean what they meant. */
static int with_xattrs(void)
{
	extern enum fuzz_golden fuzz_golden_now;

	return fuzz_golden_now >= FUZZ_XATTR;
}

static int with_layers(void)
{
	extern enum fuzz_golden fuzz_golden_now;

	return fuzz_golden_now == FUZZ_LAYERS;
}

static int with_cache(void)
{
	extern enum fuzz_golden fuzz_golden_now;

	return fuzz_golden_now == FUZZ_SPLIT;
}

/* ---- what must hold of each call ---- */

static u64 limit(void)
{
	return (fuzz_mem.len / 8 + 4096) * WORK;
}

static void begin(struct daxfs_cx *cx)
{
	s.now = cx;
	fuzz_stats.calls++;
	fuzz_call_begin(limit());
}

static int is_known(s64 r)
{
	switch (-r) {
	case EINVAL: case ENOTDIR: case EISDIR: case ENAMETOOLONG: case ENOENT:
	case EEXIST: case ENOTEMPTY: case EFBIG: case EMLINK: case EPERM:
	case EUCLEAN: case EPROTONOSUPPORT: case ENODATA: case EROFS:
	case ENOSPC: case EUSERS: case EBUSY: case ESTALE: case ENXIO: case ENOLCK:
	case ENODEV: case EOPNOTSUPP: case ERANGE: case E2BIG: case EACCES:
		return 1;
	case EREMOTE:
		return with_cache();
	}
	return 0;
}

static s64 done(const char *what, s64 r, u64 most)
{
	u64 steps = fuzz_call_steps();

	if (steps > fuzz_stats.most_steps) {
		fuzz_stats.most_steps = steps;
		fuzz_stats.most_call = what;
	}
	if (fuzz_mem.waited > fuzz_stats.most_waited)
		fuzz_stats.most_waited = fuzz_mem.waited;
	if (fuzz_mem.waited > WAIT_NS && !s.meanwhile)
		fuzz_fail("%s waited %llu ms", what,
			  (unsigned long long)fuzz_mem.waited / 1000000);
	fuzz_call_begin(~0ull);
	if (r < 0 && !is_known(r))
		fuzz_fail("%s returned %lld", what, (long long)r);
	if (r > (s64)most)
		fuzz_fail("%s returned %lld, more than %llu", what, (long long)r,
			  (unsigned long long)most);
	if (s.now->depth)
		fuzz_fail("%s did not leave its section", what);
	return r;
}

#define CALL(cx_, most, what, call) \
	(begin(cx_), done(what, call, most))

/* ---- walking ---- */

struct seen {
	u64 dir, nr;
	u64 sub[16];
	u32 sub_nr;
};

static int on_entry(void *arg, const struct daxfs_dirent *de)
{
	struct seen *seen = arg;

	if (!de->name_len || de->name_len > DAXFS_NAME_MAX ||
	    de->name[de->name_len] || strlen(de->name) != de->name_len ||
	    strchr(de->name, '/'))
		fuzz_fail("a listing has a name that is none");
	if (de->name[0] == '.' && (de->name_len == 1 ||
	    (de->name_len == 2 && de->name[1] == '.')))
		return 0;
	if (s.ino_nr < INOS)
		s.ino[s.ino_nr++] = de->ino;
	else
		s.ino[(de->ino * 7 + seen->nr) % INOS] = de->ino;
	if (seen->sub_nr < 16)
		seen->sub[seen->sub_nr++] = de->ino;
	return ++seen->nr > 5000;
}

static void look_at_runs(struct daxfs_cx *cx, struct daxfs_file *f, u64 off)
{
	struct daxfs_run run[8];
	s64 nr = CALL(cx, 8, "runs", daxfs_runs(cx, f, off, 100000, run, 8));

	for (s64 i = 0; i < nr; i++)
		if (run[i].off && !run[i].away && (run[i].off > fuzz_mem.len ||
				   run[i].len > fuzz_mem.len - run[i].off))
			fuzz_fail("a run outside the region");
}

static void read_some(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, u64 len)
{
	CALL(cx, len, "read", daxfs_read(cx, f, off, buf, len));
}

/* Names as a list has them: each is looked up. */
static void look_at_xattrs(struct daxfs_cx *cx, u64 ino)
{
	static char list[DAXFS_XATTR_LIST_MAX];
	s64 len = CALL(cx, sizeof(list), "listxattr",
		       daxfs_listxattr(cx, ino, list, sizeof(list), 1));
	u32 looks = 8;

	if (len > 0 && list[len - 1])
		fuzz_fail("a list of attributes has no end");
	for (char *p = list; p < list + len && looks--; p += strlen(p) + 1) {
		if (!*p || strlen(p) > DAXFS_XATTR_NAME_MAX)
			fuzz_fail("an attribute has a name that is none");
		CALL(cx, DAXFS_XATTR_VALUE_MAX, "getxattr",
		     daxfs_getxattr(cx, ino, p, (u32)strlen(p), buf, sizeof(buf)));
	}
}

static void look_at(struct daxfs_cx *cx, u64 ino)
{
	struct daxfs_file *f = &s.held.file[FILES - 1];
	struct daxfs_stat st;

	if (CALL(cx, 0, "getattr", daxfs_getattr(cx, ino, &st)))
		return;
	if (with_xattrs())
		look_at_xattrs(cx, ino);
	if (S_ISLNK(st.mode)) {
		s64 n = CALL(cx, 100, "readlink",
			     daxfs_readlink(cx, ino, (char *)buf, 100));
		(void)n;
	}
	if (!S_ISREG(st.mode) || CALL(cx, 0, "open", daxfs_open(cx, ino, 1, f)))
		return;
	look_at_runs(cx, f, 0);
	read_some(cx, f, 0, 70000);
	if (st.size > 70000)
		read_some(cx, f, st.size - 3000, 8000);
}

static void walk(struct daxfs_cx *cx, u64 dir, u32 depth)
{
	struct seen seen = { .dir = dir };

	if (depth > 6 || s.nodes++ > NODES)
		return;
	CALL(cx, 0, "readdir", daxfs_readdir(cx, dir, 0, on_entry, &seen));
	for (u32 i = 0; i < seen.sub_nr; i++) {
		struct daxfs_stat st;

		if (!CALL(cx, 0, "getattr", daxfs_getattr(cx, seen.sub[i], &st)) &&
		    S_ISDIR(st.mode))
			walk(cx, seen.sub[i], depth + 1);
		else
			look_at(cx, seen.sub[i]);
	}
}

/* ---- the checks ---- */

static void on_finding(void *arg, const char *where, u64 id, const char *what)
{
	(void)arg;
	(void)id;
	if (!where || !what)
		fuzz_fail("a finding without words");
}

static void check(struct daxfs_cx *cx, int base)
{
	struct daxfs_check ck = { .report = on_finding };
	u64 len = daxfs_check_base_scratch(cx->rg);

	if (base && len <= sizeof(scratch)) {
		memset(scratch, 0, len);
		CALL(cx, 0, "check_base", daxfs_check_base(cx->rg, &ck, scratch));
	}
	CALL(cx, 0, "check_index", daxfs_check_index(cx, &ck));
	CALL(cx, 0, "check_cache", daxfs_check_cache(cx->rg, &ck));
}

/* The accounting, and repair as a sole host: its contract is a region at rest. */
static void account(struct daxfs_cx *cx, int repair)
{
	struct daxfs_check ck = { .report = on_finding, .quiet = 1,
				  .repair = repair };

	for (u32 i = 0; i < 4; i++) {
		u64 fixed = ck.fixed, len = daxfs_check_pool_scratch(cx->rg);
		s64 r;

		if (!len || len > sizeof(scratch))
			return;
		memset(scratch, 0, len);
		begin(cx);
		r = daxfs_check_pool(cx, &ck, scratch, len);
		done("check_pool", r == -ERANGE ? 0 : r, 0);
		if (ck.fixed == fixed)
			return;
	}
}

static void figures(struct daxfs_cx *cx)
{
	struct daxfs_statfs st;
	struct daxfs_index_stat ix;

	CALL(cx, 0, "statfs", daxfs_statfs(cx, &st));
	if (st.pages_free > st.pages || st.pages_avail > st.pages_free)
		fuzz_fail("statfs has more free pages than pages");
	CALL(cx, 0, "index_stat", daxfs_index_stat(cx, &ix));
}

static void list_hosts(struct daxfs_cx *cx)
{
	struct daxfs_host_info info;

	if (!daxfs_has_overlay(cx->rg))
		return;
	begin(cx);
	for (u32 i = 0; i <= DAXFS_HOSTS; i++)
		if (!daxfs_host_info(cx->rg, i, &info) &&
		    strnlen(info.id.name, 64) > 63)
			fuzz_fail("the name of a host has no end");
	done("host_info", 0, 0);
}

/* ---- operations ---- */

static u64 dir_of(u32 n)
{
	extern enum fuzz_golden fuzz_golden_now;
	const struct fuzz_image *im = &fuzz_image[fuzz_golden_now];

	if (n & 128 && s.ino_nr)
		return s.ino[n % s.ino_nr];
	return im->dir[n % im->dir_nr];
}

static u64 ino_of(u32 n)
{
	return s.ino_nr ? s.ino[n % s.ino_nr] : n;
}

static u32 name_of(u32 n, char *name)
{
	static const char *const names[] = {
		"a", "d", "l", "s", "z", "file", "sub", "deep", "link", "holes",
		"sym", "held", "renamed", ".", "..", "deeper",
	};

	if (n < 32)
		return (u32)sprintf(name, "%s", names[n % 16]);
	if (n < 64)
		return (u32)sprintf(name, "n%u", n - 32);
	if (n < 72) {
		memset(name, 'x', 255);
		return n & 1 ? 200 : n & 2 ? 40 : 255;
	}
	return (u32)sprintf(name, "%s%u", n & 1 ? "many" : "new", n >> 1);
}

/* A file without a name, in a handle that is free. */
static void op_tmpfile(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_new what = { .mode = S_IFREG | 0600 };
	struct daxfs_stat st = { .ino = 0 };
	u32 i = a[2] % (FILES - 1);

	if (s.open[i])
		return;
	s.open[i] = !CALL(cx, 0, "tmpfile",
			  daxfs_tmpfile(cx, dir_of(a[1]), &what, a[3] & 1, &st,
					&s.held.file[i]));
	if (s.open[i] && s.ino_nr < INOS)
		s.ino[s.ino_nr++] = st.ino;
}

static void op_create(struct daxfs_cx *cx, const u8 *a)
{
	static const u32 types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR };
	struct daxfs_new what = { .mode = types[a[3] & 3] | 0644,
				  .target = (const char *)buf,
				  .target_len = a[3] & 4 ? 20 : 1000 };
	struct daxfs_stat st = { .ino = 0 };
	char name[256];
	u32 len = name_of(a[2], name);

	if (a[3] >= 192) {
		op_tmpfile(cx, a);
		return;
	}
	if (!CALL(cx, 0, "create", daxfs_create(cx, dir_of(a[1]), name, len, &what,
						&st)) && s.ino_nr < INOS)
		s.ino[s.ino_nr++] = st.ino;
}

static void op_remove(struct daxfs_cx *cx, const u8 *a)
{
	char name[256];
	u32 len = name_of(a[2], name);

	if (a[3] & 1)
		CALL(cx, 0, "rmdir", daxfs_rmdir(cx, dir_of(a[1]), name, len));
	else
		CALL(cx, 0, "unlink", daxfs_unlink(cx, dir_of(a[1]), name, len));
}

static void op_rename(struct daxfs_cx *cx, const u8 *a)
{
	static const u32 flags[] = { 0, DAXFS_RENAME_NOREPLACE,
				     DAXFS_RENAME_EXCHANGE,
				     DAXFS_RENAME_WHITEOUT };
	char from[256], to[256];
	u32 len = name_of(a[2], from), len2 = name_of(a[3], to);
	u64 dir2 = dir_of(a[1] >> 3 ^ a[3]);

	CALL(cx, 0, "rename", daxfs_rename(cx, dir_of(a[1]), from, len, dir2, to,
					   len2, flags[a[0] >> 7 | (a[1] >> 5 & 2)]));
}

static void op_link(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_stat st;
	char name[256];
	u32 len = name_of(a[2], name);

	CALL(cx, 0, "link", daxfs_link(cx, ino_of(a[3]), dir_of(a[1]), name, len,
				       &st));
}

static void op_lookup(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_stat st;
	char name[256];
	u32 len = name_of(a[2], name);

	CALL(cx, 0, "lookup", daxfs_lookup(cx, dir_of(a[1]), name, len, &st));
	CALL(cx, 0, "getattr", daxfs_getattr(cx, ino_of(a[3]), &st));
}

/* The handle of a call; opened if it is not. */
static struct daxfs_file *file_of(struct daxfs_cx *cx, const u8 *a)
{
	u32 i = a[1] % (FILES - 1);

	if (!s.open[i])
		s.open[i] = !CALL(cx, 0, "open", daxfs_open(cx, ino_of(a[1] >> 2), 0,
							   &s.held.file[i]));
	return s.open[i] ? &s.held.file[i] : NULL;
}

static void op_close(struct daxfs_cx *cx, const u8 *a)
{
	u32 i = a[1] % (FILES - 1);

	if (s.open[i])
		CALL(cx, 0, "close", daxfs_close(cx, s.held.file[i].ino));
	s.open[i] = 0;
}

static u64 offset_of(u32 n)
{
	static const u64 at[] = { 0, 1, 4095, 4096, 9000, 65536, 3ull << 20,
				  1ull << 33, (1ull << 44) - 5, 1ull << 44 };

	return at[n % 10] + (n >> 4);
}

static void op_write(struct daxfs_cx *cx, const u8 *a)
{
	static const u64 lens[] = { 1, 60, 4096, 5000, 20000, 100000, 250000, 8192 };
	struct daxfs_file *f = file_of(cx, a);
	u64 len = lens[a[3] % 8];

	if (!f)
		return;
	if (a[3] & 8)
		CALL(cx, len, "append", daxfs_append(cx, f, buf, len, NULL));
	else
		CALL(cx, len, "write", daxfs_write(cx, f, offset_of(a[2]), buf, len));
}

static void op_truncate(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_file *f = file_of(cx, a);

	if (f)
		CALL(cx, 0, "truncate", daxfs_truncate(cx, f, offset_of(a[2])));
}

static void op_space(struct daxfs_cx *cx, const u8 *a)
{
	static const u64 lens[] = { 1, 4096, 5000, 60000, 3ull << 20, 1ull << 33,
				    1ull << 44, 0 };
	static const u32 modes[] = {
		0, DAXFS_KEEP_SIZE, DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE,
		DAXFS_ZERO_RANGE, DAXFS_ZERO_RANGE | DAXFS_KEEP_SIZE,
		DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE, DAXFS_PUNCH_HOLE, 64,
	};
	struct daxfs_file *f = file_of(cx, a);

	if (f)
		CALL(cx, 0, "fallocate",
		     daxfs_fallocate(cx, f, modes[a[3] % 8], offset_of(a[2]),
				     lens[a[3] / 8 % 8]));
}

static void op_seek(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_file *f = file_of(cx, a);

	if (f)
		CALL(cx, DAXFS_MAX_FILE, "seek",
		     daxfs_seek(cx, f, offset_of(a[2]), a[3] & 1));
}

static void op_copy(struct daxfs_cx *cx, const u8 *a)
{
	const u8 other[4] = { a[0], a[3] };
	struct daxfs_file *f = file_of(cx, a), *to = file_of(cx, other);
	u64 len = a[2] & 1 ? 1ull << 40 : 70000;

	if (f && to)
		CALL(cx, len, "copy_range",
		     daxfs_copy_range(cx, f, offset_of(a[2]), to,
				      offset_of(a[3]), len));
}

static void op_read(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_file *f = file_of(cx, a);
	struct daxfs_stat st;

	if (!f)
		return;
	CALL(cx, 0, "fgetattr", daxfs_fgetattr(cx, f, &st));
	look_at_runs(cx, f, offset_of(a[2]));
	read_some(cx, f, offset_of(a[2]), a[3] & 1 ? 200000 : 5000);
}

static void op_pin(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_file *f = file_of(cx, a);
	u64 epoch;

	if (!f)
		return;
	if (a[3] & 1) {
		CALL(cx, 0, "map_begin", daxfs_map_begin(cx, f, &epoch));
		daxfs_map_epoch(cx->rg, epoch);
	} else {
		begin(cx);
		daxfs_map_end(cx, f);
		daxfs_map_epoch(cx->rg, 0);
		done("map_end", 0, 0);
	}
}

static void op_xattr(struct daxfs_cx *cx, const u8 *a)
{
	static const char *const names[] = {
		"user.long", "user.short", "trusted.t", "security.capability",
		"system.posix_acl_access", "system.posix_acl_default",
		"user.x", "system.other",
	};
	static const u64 lens[] = { 0, 5, 100, 250, 1000, 5000, 30000, 65536 };
	static const u8 acl[] = {
		2, 0, 0, 0, 0x01, 0, 7, 0, 255, 255, 255, 255,
		0x02, 0, 6, 0, 5, 0, 0, 0, 0x04, 0, 5, 0, 255, 255, 255, 255,
		0x10, 0, 7, 0, 255, 255, 255, 255, 0x20, 0, 4, 0, 255, 255,
		255, 255,
	};
	const char *name = names[a[2] & 7];
	u32 len = (u32)strlen(name);
	u64 ino = a[2] & 8 ? dir_of(a[1]) : ino_of(a[1]);

	if (a[3] & 1)
		CALL(cx, 0, "removexattr", daxfs_removexattr(cx, ino, name, len));
	else if (strstr(name, "acl"))
		CALL(cx, 0, "setxattr", daxfs_setxattr(cx, ino, name, len, acl,
						       sizeof(acl), a[3] >> 6));
	else
		CALL(cx, 0, "setxattr", daxfs_setxattr(cx, ino, name, len, buf,
						       lens[a[3] >> 1 & 7],
						       a[3] >> 6));
	look_at_xattrs(cx, ino);
}

/* Of three owners and few places, so that they meet, split and join. */
static void op_lock(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_file *f = file_of(cx, a);
	struct daxfs_lock want = {
		.type = a[3] % 3, .kind = a[3] >> 2 & 1, .owner = a[3] >> 4 & 3,
		.start = a[2] & 15, .end = (a[2] & 15) + (a[2] >> 4) * 3,
	}, found;
	s64 r;

	if (!f)
		return;
	CALL(cx, 0, "lock test", daxfs_lock_test(cx, f, &want, &found));
	begin(cx);
	r = daxfs_lock(cx, f, &want, &found);
	done("lock", r == -EAGAIN ? 0 : r, 0);
}

static void op_setattr(struct daxfs_cx *cx, const u8 *a)
{
	struct daxfs_setattr sa = { .set = a[2] & 63, .mode = a[3], .uid = a[3] };
	struct daxfs_stat st;

	if (with_xattrs() && a[2] & 192) {
		op_xattr(cx, a);
		return;
	}
	CALL(cx, 0, "setattr", daxfs_setattr(cx, ino_of(a[1]), &sa, &st));
}

static struct daxfs_branch_info infos;

/* A branch by the number of its entry; 0: main, or none is there. */
static u64 branch_of(struct daxfs_cx *cx, u32 n)
{
	return CALL(cx, 0, "branch_info", daxfs_branch_info(cx, n % 8, &infos)) ? 0 :
	       infos.id;
}

static void op_branch(struct daxfs_cx *cx, const u8 *a)
{
	u64 id = branch_of(cx, a[1]), made;
	char name[256];

	name[name_of(a[3], name)] = 0;
	switch (a[2] & 7) {
	case 0:
		CALL(cx, 0, "branch_create", daxfs_branch_create(cx, id, name, a[2] >> 7,
								 &made));
		break;
	case 1:
		CALL(cx, 0, "branch_commit", daxfs_branch_commit(cx, id, 0));
		break;
	case 2:
		CALL(cx, 0, "branch_abort", daxfs_branch_abort(cx, id));
		break;
	case 3:
		CALL(cx, 0, "checkpoint", daxfs_branch_checkpoint(cx, id, name));
		break;
	case 4:
		CALL(cx, 0, "rollback", daxfs_branch_rollback(cx, id, "point"));
		break;
	case 5:
		if (cx->sh)
			CALL(cx, 0, "branch_leave", daxfs_branch_leave(cx));
		break;
	case 6:
		CALL(cx, 1, "tidy", daxfs_tidy(cx));
		break;
	default:
		CALL(cx, 0, "branch_mount", daxfs_branch_mount(cx, id));
	}
}

/* A slot that we may fill; its page lies in the region. */
static void end_fill(struct daxfs_cx *cx, const struct daxfs_fill *f, u32 how)
{
	u64 off = daxfs_off(cx->rg, f->page);

	if (off > fuzz_mem.len || DAXFS_PAGE_SIZE > fuzz_mem.len - off)
		fuzz_fail("a page of the cache outside the region");
	port_copy_to(f->page, buf, DAXFS_PAGE_SIZE);
	switch (how & 3) {
	case 0:
		CALL(cx, 0, "cache_failed", daxfs_cache_failed(cx, f));
		break;
	case 1:
		CALL(cx, 0, "cache_give_up", daxfs_cache_give_up(cx, f));
		break;
	default:
		CALL(cx, 0, "cache_filled", daxfs_cache_filled(cx, f));
	}
}

static void op_cache(struct daxfs_cx *cx, const u8 *a)
{
	static struct daxfs_cache_stat st;
	u64 addr = (u64)a[1] << DAXFS_PAGE_SHIFT, slot, off, seen = 0;
	struct daxfs_fill f;
	u32 filler;

	switch (a[2] & 7) {
	case 0: case 1:
		if (CALL(cx, 6, "cache_claim", daxfs_cache_claim(cx, addr % (8 << 12),
								 &f)) ==
		    DAXFS_CACHE_OURS)
			end_fill(cx, &f, a[3]);
		break;
	case 2:
		CALL(cx, 6, "cache_ask", daxfs_cache_ask(cx, addr % (8 << 12), a[3] & 1));
		break;
	case 3:
		if (CALL(cx, 6, "cache_serve", daxfs_cache_serve(cx, &seen, &f)) ==
		    DAXFS_CACHE_OURS)
			end_fill(cx, &f, a[3]);
		break;
	case 4:
		CALL(cx, 6, "cache_state", daxfs_cache_state(cx, addr, &filler));
		daxfs_cache_withdraw(cx, addr);
		break;
	case 5:
		if (!CALL(cx, 0, "cache_pin", daxfs_cache_pin(cx, addr % (8 << 12),
							      &slot, &off)) &&
		    (off > fuzz_mem.len || fuzz_mem.len - off < DAXFS_PAGE_SIZE))
			fuzz_fail("a pinned page outside the region");
		if (slot != DAXFS_NO_SLOT && a[3] & 1)
			daxfs_cache_unpin(cx, slot);
		break;
	case 6:
		daxfs_cache_unpin(cx, a[3]);
		break;
	default:
		daxfs_cache_stat(cx->rg, &st);
	}
}

static void op_recover(struct daxfs_cx *cx, const u8 *a)
{
	u32 slot = a[1] % 8;
	struct daxfs_host_info info;

	if (!daxfs_has_overlay(cx->rg))
		return;
	if (a[2] & 1 && slot != s.rg[0].host && slot != s.rg[1].host &&
	    !daxfs_host_info(cx->rg, slot, &info)) {
		s64 r = CALL(cx, 0, "mark_dead", daxfs_host_mark_dead(cx->rg, slot,
						info.incarnation));
		(void)r;
	}
	CALL(cx, 0, "recover", daxfs_host_recover(cx, slot));
}

static void op_reclaim(struct daxfs_cx *cx, const u8 *a)
{
	if (!cx->sh || daxfs_host_check(cx->rg))
		return;
	begin(cx);
	if (a[1] & 1)
		daxfs_reclaim(cx);
	else
		daxfs_index_compact(cx);
	done("reclaim", 0, 0);
}

static void op_look(struct daxfs_cx *cx, const u8 *a)
{
	switch (a[1] & 3) {
	case 0:
		check(cx, a[2] & 1);
		break;
	case 1:
		figures(cx);
		break;
	case 2:
		list_hosts(cx);
		break;
	default:
		s.nodes = NODES - 40;
		walk(cx, dir_of(a[2]), 4);
	}
}

static void op_patch(struct daxfs_cx *cx, const u8 *a)
{
	(void)cx;
	fuzz_patch_burst((u64)a[1] << 8 | a[2], a[3] % 32);
}

static void host_join(u32 h, u32 slot)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 500 + h,
				    .start_time = 5 };
	int r;

	s.now = &s.cx[0];
	fuzz_call_begin(limit());
	r = daxfs_host_join(&s.rg[h], &id);
	if (r && slot < DAXFS_HOSTS) {
		r = daxfs_host_take_over(&s.rg[h], &s.cx[2 * h], &id, slot);
	} else if (!r) {
		r = daxfs_cx_init(&s.cx[2 * h], &s.rg[h], 0);
		if (!r && !h)
			r = daxfs_cx_init(&s.cx[1], &s.rg[h], 1);
	}
	s.alive[h] = !r;
	done("join", r, 0);
}

static void host_leave(u32 h)
{
	if (!s.alive[h] || !s.cx[2 * h].sh)
		return;
	CALL(&s.cx[2 * h], 0, "leave", daxfs_host_leave(&s.cx[2 * h]));
	s.alive[h] = 0;
	if (!h)
		memset(s.open, 0, sizeof(s.open));
}

static void op_host(struct daxfs_cx *cx, const u8 *a)
{
	u32 h = a[1] & 1;

	(void)cx;
	if (!daxfs_has_overlay(&s.rg[0]) || !s.rg[h].writable)
		return;
	if (a[2] & 1)
		host_leave(h);
	else if (!s.alive[h])
		host_join(h, a[3] % 8);
	daxfs_host_beat(&s.rg[h]);
}

static void (*const ops[32])(struct daxfs_cx *, const u8 *) = {
	op_create, op_remove, op_rename, op_link, op_lookup, op_write, op_write,
	op_truncate, op_read, op_close, op_pin, op_setattr, op_recover, op_reclaim,
	op_look, op_patch, op_host, op_create, op_remove, op_rename,
	/* what was added later leaves the numbers of the rest */
	op_create, op_remove, op_rename, op_link, op_lookup, op_write, op_copy,
	op_space, op_seek, op_close, op_lock, op_setattr,
};

static struct daxfs_cx *context_of(u32 n)
{
	n %= CONTEXTS;
	if (n == 2 && !s.alive[1])
		n = 0;
	return &s.cx[n];
}

/* ---- the whole ---- */

static int open_all(u32 flags)
{
	char why[100] = "";
	u32 i;

	for (i = 0; i < 2; i++) {
		int r = daxfs_region_open(&s.rg[i], fuzz_mem.base, fuzz_mem.len,
					  !(flags & FUZZ_F_RDONLY), why,
					  sizeof(why));

		if (r && !is_known(r))
			fuzz_fail("open returned %d", r);
		if (r)
			return r;
	}
	for (i = 0; i < CONTEXTS; i++)
		if (daxfs_cx_init(&s.cx[i], &s.rg[i / 2], 0))
			fuzz_fail("a context without a host");
	if (daxfs_has_overlay(&s.rg[0]) && !(flags & FUZZ_F_RDONLY)) {
		host_join(0, 1);
		host_join(1, 2);
	}
	return 0;
}

static void run_ops(const u8 *script, u32 nr)
{
	for (u32 i = 0; i < nr; i++, script += FUZZ_OP_LEN) {
		u32 op = script[0] & 31;

		if (with_cache() && (ops[op] == op_lookup || ops[op] == op_pin))
			op_cache(context_of(script[0] >> 5), script);
		else if (with_layers() && (ops[op] == op_lookup || ops[op] == op_pin))
			op_branch(context_of(script[0] >> 5), script);
		else if (with_xattrs() && ops[op] == op_link && script[2] & 128)
			op_xattr(context_of(script[0] >> 5), script);
		else
			ops[op](context_of(script[0] >> 5), script);
	}
}

void fuzz_script(const u8 *script, u32 nr, u32 flags)
{
	memset(&s, 0, sizeof(s));
	s.meanwhile = !!(flags & (FUZZ_F_LIVE | FUZZ_F_THREAD));
	fuzz_mem.own = (u8 *)&s;	/* open files; contexts of who was declared dead */
	fuzz_mem.own_len = sizeof(s);
	if (open_all(flags))
		return;
	fuzz_stats.opened++;
	if (flags & FUZZ_F_CHECK) {
		check(&s.cx[0], 1);
		figures(&s.cx[0]);
		list_hosts(&s.cx[0]);
	}
	s.nodes = 0;
	walk(&s.cx[0], DAXFS_ROOT_INO, 0);
	run_ops(script, nr);
	s.nodes = NODES / 2;
	walk(&s.cx[0], DAXFS_ROOT_INO, 0);
	check(&s.cx[0], 0);
	account(&s.cx[0], 0);
	host_leave(1);
	if (s.alive[0])
		account(&s.cx[0], nr % 2 ? DAXFS_REPAIR_ALL : DAXFS_REPAIR_SAFE);
	for (u32 h = 0; h < 2; h++)
		host_leave(h);
}
