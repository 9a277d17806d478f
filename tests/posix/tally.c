/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the suite has asserted: how much, of which rows, with which deviations.
 *
 * Notes: the cases are processes, so the tally is memory that they share. An
 * assertion is known by its line and its label, so that one in a loop counts
 * once, unless each round is about something else and says so by its label.
 */
#include "posix_test.h"

#include <grp.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#define SLOTS	(1u << 15)
#define LINES	20		/* of failures that one process prints */

struct tally {
	_Atomic uint64_t key[SLOTS];	/* open addressing */
	atomic_int nr, successes;
	atomic_int deviations[DEVIATIONS_END];
};

/* docs/posix.md says more of each. */
static const struct {
	const char *name, *why;
	long magic;		/* of the file system that deviates */
} deviation_table[] = {
	[HELD_BY_OPEN_ALONE] = {
		"held by open alone",
		"an inode without names stays for those who have it open, not "
		"for an O_PATH descriptor or a working directory",
		FUSE_SUPER_MAGIC
	},
	[POSITIONS_ARE_COUNTS] = {
		"positions are counts",
		"tmpfs before Linux 6.6 counts the names before a position of "
		"a listing, so it moves when one of them goes",
		TMPFS_MAGIC
	},
};

unsigned int label_nr = 1;
int soft_failures;

static struct tally *tally;
static char label_text[256];
static long fs_magic;

void label(const char *fmt, ...)
{
	va_list ap;

	label_nr++;
	label_text[0] = 0;
	if (!fmt)
		return;
	va_start(ap, fmt);
	vsnprintf(label_text, sizeof(label_text), fmt, ap);
	va_end(ap);
}

void where_of(char *buf, size_t len, const char *file, int line)
{
	const char *base = strrchr(file, '/');

	snprintf(buf, len, "%s:%d: %s%s", base ? base + 1 : file, line,
		 label_text, label_text[0] ? ": " : "");
}

/* ---- counting ---- */

static uint64_t hash_of(uint64_t h, const char *s)
{
	while (*s)
		h = (h ^ (unsigned char)*s++) * 0x100000001b3ull;
	return h;
}

void count_assertion(const char *file, int line, int success)
{
	uint64_t key = hash_of(0xcbf29ce484222325ull, file), none;
	unsigned int i, at;

	key = hash_of((key ^ line) * 0x100000001b3ull, label_text) | 1;
	for (i = 0; i < SLOTS; i++) {
		at = (key + i) % SLOTS;
		none = 0;
		if (atomic_compare_exchange_strong(&tally->key[at], &none,
						   key)) {
			tally->nr++;
			tally->successes += success;
			return;
		}
		if (none == key)
			return;
	}
	FAIL("more than %u assertions: make the table larger", SLOTS);
}

int deviates(enum deviation d)
{
	if (deviation_table[d].magic != fs_magic)
		return 0;
	tally->deviations[d]++;
	return 1;
}

/* ---- assertions after which the case goes on ---- */

static void __attribute__((format(printf, 3, 4)))
soft_fail_at(const char *file, int line, const char *fmt, ...)
{
	char where[512];
	va_list ap;

	if (++soft_failures > LINES)
		return;
	where_of(where, sizeof(where), file, line);
	va_start(ap, fmt);
	print_failure("not ok", where, fmt, ap);
	va_end(ap);
	if (soft_failures == LINES)
		printf("# and perhaps more, not printed\n");
}

static const char *name_of(int err)
{
	const char *name = err ? strerrorname_np(err) : "success";

	return name ? name : "?";
}

int want_at(const char *file, int line, const char *call, long long value,
	    int error, int err, int err2)
{
	int have = value < 0 ? error : 0;

	if (have == err || have == err2)
		return 1;
	if (err == err2)
		soft_fail_at(file, line, "%s: %s, not %s", call, name_of(have),
			     name_of(err));
	else
		soft_fail_at(file, line, "%s: %s, not %s or %s", call,
			     name_of(have), name_of(err), name_of(err2));
	return 0;
}

int want_eq_at(const char *file, int line, const char *what, long long have,
	       long long want)
{
	if (have == want)
		return 1;
	soft_fail_at(file, line, "%s is %lld (0%llo), not %lld (0%llo)", what,
		     have, have, want, want);
	return 0;
}

/* ---- identities ---- */

static void be_groups(uid_t uid, gid_t gid, int nr, const gid_t *groups)
{
	if (seteuid(0) || setgroups(nr, groups) || setegid(gid) ||
	    seteuid(uid))
		FAIL("cannot become %u:%u: %s", uid, gid, strerror(errno));
}

void be(uid_t uid, gid_t gid)
{
	be_groups(uid, gid, 0, NULL);
}

void be_member(uid_t uid, gid_t gid, gid_t group)
{
	be_groups(uid, gid, 1, &group);
}

/* ---- begin and end ---- */

void tally_begin(const char *dir)
{
	struct statfs st;

	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED || statfs(dir, &st)) {
		perror("posix_test: cannot begin");
		exit(2);
	}
	fs_magic = st.f_type;
}

void tally_end(void)
{
	int i;

	for (i = 0; i < DEVIATIONS_END; i++) {
		if (tally->deviations[i])
			printf("deviation: %s: %s (%d times)\n",
			       deviation_table[i].name, deviation_table[i].why,
			       tally->deviations[i]);
	}
	printf("%d assertions, %d of them that a call succeeds\n", tally->nr,
	       tally->successes);
}
