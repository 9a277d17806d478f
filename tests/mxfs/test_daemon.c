// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Parts of mxfsd that need no network: configuration, state file, control frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "fence.h"
#include "ledger.h"
#include "store.h"
#include "world.h"

#define ROUNDS	20000

static const char text[] =
	"[node]\nid = 3\ncluster = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d\n"
	"listen = [fd00::3]:7601\nstate = /var/x\ncontrol = /run/x\n"
	"security = secret\nsecret = /etc/s\nold_secret = /etc/o\n"
	"fence = /sbin/off --now\n"
	"[peer 1]\naddress = 10.0.0.1\n[peer 64]\naddress = fd00::40\n"
	"[volume data]\nuuid = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3e\n"
	"device = /dev/sdb\n"
	"[timing]\nrenew_ms = 1000\nlease_ms = 3000\ntakeover_ms = 4000\n"
	"probe_ms = 500\n[logging]\nlevel = warning\nto = /var/log/x\n";

/* ---- configuration ---- */

static struct conf *parse(const char *what)
{
	struct conf *c;
	char err[400] = "";

	if (conf_parse(what, "conf", &c, err, sizeof(err)))
		fail_msg("%s", err);
	return c;
}

static void conf_all(void **state)
{
	struct conf *c = parse(text);

	(void)state;
	assert_int_equal(c->node, 3);
	assert_string_equal(c->listen.text, "[fd00::3]:7601");
	assert_true(c->voters == (1ull | 1ull << 2 | 1ull << 63));
	assert_int_equal(c->peer[63].sa.ss_family, AF_INET6);
	assert_int_equal(c->security, CONF_TLS_SECRET);
	assert_int_equal(c->fence, CONF_FENCE_AGENT);
	assert_string_equal(c->agent[0], "/sbin/off");
	assert_string_equal(c->agent[1], "--now");
	assert_null(c->agent[2]);
	assert_int_equal(c->volumes, 1);
	assert_string_equal(c->volume[0].name, "data");
	assert_true(c->renew_ns == 1000000000 && c->lease_ns == 3000000000 &&
		    c->takeover_ns == 4000000000 && c->probe_ns == 500000000);
	assert_int_equal(c->level, LOG_L_WARN);
	conf_free(c);
}

static void conf_addresses(void **state)
{
	static const struct {
		const char *text;
		int family, loopback;
	} right[] = {
		{ "10.0.0.1", AF_INET, 0 }, { "127.9.9.9:1", AF_INET, 1 },
		{ "::1", AF_INET6, 1 }, { "[::1]:65535", AF_INET6, 1 },
		{ "[fd00::1]", AF_INET6, 0 },
	};
	static const char *const wrong[] = {
		"", ":", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x",
		"[::1", "[::1]x", "::1]:5", "localhost", "10.0.0", "[]:5", "[10.0.0.1",
	};
	struct conf_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_int_equal(conf_address(right[i].text, &a), 0);
		assert_int_equal(a.sa.ss_family, right[i].family);
		assert_int_equal(!!conf_is_loopback(&a), right[i].loopback);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!conf_address(wrong[i], &a))
			fail_msg("'%s' is taken for an address", wrong[i]);
}

/* Each key, and each section's name, is missed when a letter of it changes. */
static void conf_misspelt(void **state)
{
	char copy[sizeof(text)], err[400];
	struct conf *c;

	(void)state;
	for (size_t i = 0; text[i]; i++) {
		const char *line = text + i, *equals;

		if (i && text[i - 1] != '\n')
			continue;
		equals = strchr(line, '=');
		if (*line != '[' && (!equals || equals > strchr(line, '\n')))
			continue;
		memcpy(copy, text, sizeof(text));
		copy[i + 1] = 'q';
		if (!conf_parse(copy, "conf", &c, err, sizeof(err)))
			fail_msg("taken: %.20s", copy + i);
	}
}

/*
 * What stands behind byte 199 of a line is neither a key of its own nor a comment: the line
 * is refused. head: what it begins with; tail: what would be a line.
 */
static void conf_long(void **state)
{
	static const struct {
		const char *head, *tail;
	} lines[] = {
		{ "# ", "level = debug" }, { "# ", "[logging]" }, { "to = /", "#x" },
		{ "to = /", "; x" }, { "", "" },
	};
	char copy[sizeof(text) + 300], err[400];
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int fits = (int)(198 - strlen(lines[i].head));

		/* "#" to fill: as a comment that just fits it is taken */
		snprintf(copy, sizeof(copy), "%s#%0197d\n", text, 0);
		conf_free(parse(copy));
		snprintf(copy, sizeof(copy), "%s%s%0*d%s\n", text, lines[i].head,
			 fits + 1, 0, lines[i].tail);
		assert_int_equal(conf_parse(copy, "conf", &c, err, sizeof(err)), -1);
		assert_null(c);
		assert_string_equal(err, "conf:26: this line is longer than 198 bytes");
	}
}

/* What would have no effect is refused, with what is wrong. */
static void conf_sections(void **state)
{
	static const struct {
		const char *more, *says;
	} lines[] = {
		{ "[peer 2]", "conf: [peer 2] needs an address" },
		{ "[peer 65]", "conf:26: [peer 65]: must be a number from 1 to 64" },
		{ "[volume x]", "conf: [volume x] needs uuid and device" },
		{ "[volume ]",
		  "conf:26: [volume ]: one without a name, or more than 64 volumes" },
		{ "[bogus]", "conf:26: there is no section [bogus]" },
		{ " [Node]", "conf:26: there is no section [Node]" },
		{ "[timing] lease_ms = 9", "conf:26: something stands behind [timing]" },
		{ "[timing]]", "conf:26: something stands behind [timing]" },
		/* inih cuts both names to that of one volume, and the third to peer 2 */
		{ "[volume 0123456789012345678901234567890123456789a]\n"
		  "uuid = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3e\n"
		  "[volume 0123456789012345678901234567890123456789abcd]\ndevice = /x",
		  "conf:28: the name of this section is longer than 49 bytes" },
		{ "[peer 00000000000000000000000000000000000000000002x]\naddress = ::2",
		  "conf:26: the name of this section is longer than 49 bytes" },
	};
	char copy[sizeof(text) + 300], err[400];
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(copy, sizeof(copy), "%s%s\n", text, lines[i].more);
		assert_int_equal(conf_parse(copy, "conf", &c, err, sizeof(err)), -1);
		assert_null(c);
		assert_string_equal(err, lines[i].says);
	}
	snprintf(copy, sizeof(copy), "\xef\xbb\xbf[bogus]\n%s", text);
	assert_int_equal(conf_parse(copy, "conf", &c, err, sizeof(err)), -1);
	snprintf(copy, sizeof(copy), "\xef\xbb\xbf%s[timing]; again\n", text);
	conf_free(parse(copy));
}

/* Bytes at random: an answer each time, and a line for each refusal. */
static void conf_noise(void **state)
{
	struct rng r = { 5 };
	int taken = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		char copy[2 * sizeof(text)], err[400] = "";
		size_t len = strlen(text);
		struct conf *c;

		memcpy(copy, text, sizeof(text));
		for (uint64_t n = 1 + rng_below(&r, 4); n; n--) {
			size_t at = rng_below(&r, len), from = rng_below(&r, len);

			if (rng_chance(&r, 50))
				copy[at] = (char)(1 + rng_below(&r, 255));
			else
				memcpy(copy + at, text + from,
				       rng_below(&r, len - (at > from ? at : from)));
		}
		if (conf_parse(copy, "conf", &c, err, sizeof(err))) {
			assert_null(c);
			assert_memory_equal(err, "conf:", 5);
		} else {
			taken++;
			conf_free(c);
		}
	}
	assert_true(taken > 0 && taken < ROUNDS);
}

/* ---- fencing ---- */

struct fenced {
	struct loop *loop;
	int ok, times;
};

static void on_fenced(void *arg, uint32_t node, uint64_t inc, int ok)
{
	struct fenced *f = arg;

	assert_int_equal(node, 2);
	assert_true(inc == 77);
	f->ok = ok;
	f->times++;
	if (ok)
		loop_stop(f->loop);
}

/* Without a descriptor to watch the agent by nothing is confirmed; the next time is right. */
static void fence_again(void **state)
{
	struct fenced f = { .loop = loop_new() };
	struct conf *c = parse(text);
	struct rlimit full, none;
	struct fence *fence;

	(void)state;
	free(c->agent[0]);
	c->agent[0] = strdup("/bin/true");
	fence = fence_new(f.loop, c, on_fenced, &f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &full), 0);
	none = full;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	fence_begin(fence, 2, 77);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
	assert_true(f.times == 1 && !f.ok && fence_waiting(fence) == 2);
	fence_begin(fence, 2, 77);
	assert_int_equal(loop_run(f.loop), 0);
	assert_true(f.times == 2 && f.ok && !fence_waiting(fence));
	fence_free(fence);
	loop_free(f.loop);
	conf_free(c);
}

/* ---- the state file ---- */

struct dir {
	char path[64], file[96];
	struct conf *c;
};

static int dir_begin(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	snprintf(d->path, sizeof(d->path), "/tmp/mxfsd-test.XXXXXX");
	assert_non_null(mkdtemp(d->path));
	snprintf(d->file, sizeof(d->file), "%s/state", d->path);
	d->c = parse(text);
	strcpy(d->c->state, d->file);
	*state = d;
	return 0;
}

static int dir_end(void **state)
{
	static const char *const names[] = { "state", "state.new", "state.lock" };
	struct dir *d = *state;
	char path[128];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", d->path, names[i]);
		unlink(path);
	}
	rmdir(d->path);
	conf_free(d->c);
	free(d);
	return 0;
}

static struct mxfsd_stable some_state(void)
{
	struct mxfsd_stable s;

	memset(&s, 0, sizeof(s));
	s.inc = 0x1122334455667788;
	s.vote_epoch = 9;
	s.vote_by = 64;
	mxfs_set_add(&s.vote, 1, 5);
	mxfs_set_add(&s.vote, 64, 6);
	mxfs_set_add(&s.pending, 3, 7);
	s.least[63] = 8;
	return s;
}

static void store_keeps(void **state)
{
	struct mxfsd_stable want = some_state(), got;
	struct dir *d = *state;
	struct store *s;
	char err[400];

	assert_null(store_open(d->c, &got, err, sizeof(err)));
	assert_int_equal(store_init(d->c, err, sizeof(err)), 0);
	assert_int_equal(store_init(d->c, err, sizeof(err)), -1);
	s = store_open(d->c, &got, err, sizeof(err));
	assert_non_null(s);
	assert_true(got.inc == 0 && got.vote_epoch == 0);
	assert_null(store_open(d->c, &got, err, sizeof(err)));	/* one at a time */
	assert_int_equal(store_save(s, &want), 0);
	store_close(s);
	memset(&got, 0x55, sizeof(got));
	s = store_open(d->c, &got, err, sizeof(err));
	assert_non_null(s);
	assert_true(got.inc == want.inc && got.vote_epoch == want.vote_epoch &&
		    got.vote_by == want.vote_by);
	assert_true(mxfs_set_equal(&got.vote, &want.vote));
	assert_true(mxfs_set_equal(&got.pending, &want.pending));
	assert_memory_equal(got.least, want.least, sizeof(got.least));
	store_close(s);
}

static size_t file_get(const char *path, uint8_t *buf, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t len;

	assert_non_null(f);
	len = fread(buf, 1, size, f);
	fclose(f);
	return len;
}

static void file_put(const char *path, const uint8_t *buf, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, len, f), len);
	fclose(f);
}

/* Nothing of a file that is short, long, or has a flipped bit is believed. */
static void store_damaged(void **state)
{
	struct mxfsd_stable stable = some_state();
	struct dir *d = *state;
	uint8_t good[8192], bad[8192];
	struct store *s;
	char err[400];
	size_t len;

	assert_int_equal(store_init(d->c, err, sizeof(err)), 0);
	s = store_open(d->c, &stable, err, sizeof(err));
	assert_non_null(s);
	stable = some_state();
	assert_int_equal(store_save(s, &stable), 0);
	store_close(s);
	len = file_get(d->file, good, sizeof(good));
	assert_true(len > 1000 && len < sizeof(good));
	for (size_t bit = 0; bit < 8 * len; bit += 7) {
		memcpy(bad, good, len);
		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		file_put(d->file, bad, len);
		assert_null(store_open(d->c, &stable, err, sizeof(err)));
	}
	for (size_t n = 0; n < len; n += 13) {
		file_put(d->file, good, n);
		assert_null(store_open(d->c, &stable, err, sizeof(err)));
	}
	good[len] = 0;
	file_put(d->file, good, len + 1);
	assert_null(store_open(d->c, &stable, err, sizeof(err)));
	file_put(d->file, good, len);
	s = store_open(d->c, &stable, err, sizeof(err));
	assert_non_null(s);
	store_close(s);
	d->c->node = 4;		/* of another node */
	assert_null(store_open(d->c, &stable, err, sizeof(err)));
}

/* ---- control frames ---- */

static struct mxfs_ctl some_frame(void)
{
	struct mxfs_ctl c = {
		.type = MXFS_CTL_DONE, .flags = MXFS_R_WRITE, .mode = MXFS_EX,
		.want = MXFS_NONE, .queue = 2, .status = -5, .tag = 1, .lkid = 2,
		.owner = 3, .nr = 4, .mask = 5, .time = 6, .node = 64,
		.name = { 3, "abc" }, .lvb = { 7, MXFS_LVB_VALID, "value" },
		.text = "some text",
	};

	return c;
}

static void control_same(void **state)
{
	struct mxfs_ctl c = some_frame(), got;
	uint8_t buf[MXFS_CTL_FRAME], again[MXFS_CTL_FRAME];

	(void)state;
	mxfs_ctl_encode(&c, buf);
	assert_int_equal(mxfs_ctl_decode(&got, buf), 0);
	assert_true(got.status == -5 && got.node == 64 && got.time == 6);
	assert_string_equal(got.text, c.text);
	mxfs_ctl_encode(&got, again);
	assert_memory_equal(buf, again, sizeof(buf));
}

/* What is taken is the same when it is written again: no bit is without meaning. */
static void control_noise(void **state)
{
	struct rng r = { 6 };
	int taken = 0;

	(void)state;
	for (int i = 0; i < 10 * ROUNDS; i++) {
		struct mxfs_ctl c = some_frame(), got;
		uint8_t buf[MXFS_CTL_FRAME], again[MXFS_CTL_FRAME];

		mxfs_ctl_encode(&c, buf);
		for (uint64_t n = 1 + rng_below(&r, 3); n; n--)
			buf[rng_below(&r, sizeof(buf))] ^=
				(uint8_t)(1 << rng_below(&r, 8));
		if (mxfs_ctl_decode(&got, buf))
			continue;
		taken++;
		mxfs_ctl_encode(&got, again);
		assert_memory_equal(buf, again, sizeof(buf));
	}
	assert_true(taken > 0);
}

/* ---- the journal's ledger ---- */

#define OWNERS	4

/*
 * A world that knows more than the ledger: who could still write, and what was left in
 * the journal by whom. Nodes take, die, come back, replay, put down, at random.
 */
struct journal {
	struct ledger l;
	struct ledger_owner owner[OWNERS];	/* as each believes */
	int can_write[OWNERS];	/* it believes that the volume is its own */
	int left;		/* something has to be replayed */
	uint64_t epoch, last_nr;
};

static void journal_take(struct journal *j, struct rng *r, uint32_t n)
{
	struct ledger_owner who = { .node = n + 1, .inc = j->owner[n].inc };
	int others = 0, fenced, was = j->l.state;

	who.epoch = rng_chance(r, 80) ? ++j->epoch : rng_below(r, j->epoch + 1);
	for (uint32_t i = 0; i < OWNERS; i++)
		others |= j->can_write[i];
	fenced = rng_chance(r, 50);
	if (fenced && others) {
		memset(j->can_write, 0, sizeof(j->can_write));
		others = 0;
	}
	if (ledger_take(&j->l, &who, fenced))
		return;
	assert_false(others);		/* nobody else could write */
	assert_int_equal(j->l.state, was == LEDGER_CLEAN ? LEDGER_DIRTY :
			 LEDGER_REPLAYING);
	assert_true(j->l.state == LEDGER_REPLAYING || !j->left);
	j->owner[n] = who;
	j->can_write[n] = 1;
	j->left = 1;
}

static void journal_step(struct journal *j, struct rng *r)
{
	uint32_t n = (uint32_t)rng_below(r, OWNERS);
	struct ledger_owner *who = &j->owner[n];
	int r2;

	switch (rng_below(r, 5)) {
	case 0:
		journal_take(j, r, n);
		break;
	case 1:			/* it dies, and comes back as another */
		j->can_write[n] = 0;
		who->inc++;
		break;
	case 2:
		r2 = ledger_recovered(&j->l, who);
		assert_true(r2 || j->l.owner == n + 1);
		break;
	case 3:
		ledger_use(&j->l, who);
		break;
	case 4:
		if (j->can_write[n] && !ledger_put_down(&j->l, who)) {
			j->can_write[n] = 0;
			j->left = 0;
		}
		break;
	}
}

static void ledger_at_random(void **state)
{
	static const uint8_t volume[16] = "volume";
	struct rng r = { 8 };
	int seen[LEDGER_STATES] = { 0 };

	(void)state;
	for (int run = 0; run < 200; run++) {
		struct journal j;

		memset(&j, 0, sizeof(j));
		ledger_init(&j.l, volume);
		for (int i = 0; i < 200; i++) {
			struct ledger before = j.l;
			int writers = 0;

			journal_step(&j, &r);
			for (uint32_t n = 0; n < OWNERS; n++)
				writers += j.can_write[n];
			assert_true(writers <= 1);
			assert_true(j.l.epoch >= before.epoch);
			assert_true(j.l.nr > before.nr ||
				    !memcmp(&j.l, &before, sizeof(before)));
			seen[j.l.state]++;
		}
	}
	for (int s = 0; s < LEDGER_STATES; s++)
		assert_true(seen[s] > 100);
}

static void ledger_rules(void **state)
{
	static const uint8_t volume[16] = "volume";
	struct ledger_owner a = { .node = 1, .inc = 1, .epoch = 5 };
	struct ledger_owner b = { .node = 2, .inc = 1, .epoch = 6 };
	struct ledger_owner reborn = { .node = 1, .inc = 2, .epoch = 5 };
	struct ledger l;

	(void)state;
	ledger_init(&l, volume);
	assert_int_equal(ledger_take(&l, &a, 0), LEDGER_OK);
	assert_int_equal(l.state, LEDGER_DIRTY);
	assert_int_equal(ledger_take(&l, &b, 0), LEDGER_NOT_FENCED);
	assert_int_equal(ledger_put_down(&l, &reborn), LEDGER_NOT_YOURS);
	assert_int_equal(ledger_recovered(&l, &a), LEDGER_NOT_NOW);
	assert_int_equal(ledger_take(&l, &b, 1), LEDGER_OK);
	assert_int_equal(l.state, LEDGER_REPLAYING);
	assert_int_equal(ledger_put_down(&l, &a), LEDGER_NOT_YOURS);	/* too late */
	assert_int_equal(ledger_put_down(&l, &b), LEDGER_NOT_NOW);
	assert_int_equal(ledger_use(&l, &b), LEDGER_NOT_NOW);
	assert_int_equal(ledger_take(&l, &a, 1), LEDGER_OLD);
	assert_int_equal(ledger_recovered(&l, &b), LEDGER_OK);
	assert_int_equal(ledger_use(&l, &b), LEDGER_OK);
	assert_int_equal(ledger_put_down(&l, &b), LEDGER_OK);
	assert_int_equal(l.state, LEDGER_CLEAN);
}

/* Written by turns: whatever becomes of the one that is written, a record is there. */
static void ledger_torn(void **state)
{
	static const uint8_t volume[16] = "volume";
	uint8_t two[2][LEDGER_BYTES] = { { 0 } }, next[LEDGER_BYTES];
	struct ledger_owner a = { .node = 3, .inc = 9, .epoch = 1 };
	struct ledger l, got;
	int place;

	(void)state;
	assert_int_equal(ledger_newest(&got, two, &place), -1);
	ledger_init(&l, volume);
	ledger_encode(&l, two[0]);
	for (int i = 0; i < 20; i++, a.epoch++) {
		assert_int_equal(ledger_newest(&got, two, &place), 0);
		assert_memory_equal(&got, &l, sizeof(l));
		assert_int_equal(ledger_take(&l, &a, 1), LEDGER_OK);
		ledger_encode(&l, next);
		for (size_t n = 0; n < LEDGER_BYTES; n++) {
			uint8_t torn[2][LEDGER_BYTES];
			struct ledger seen;
			int where;

			memcpy(torn, two, sizeof(two));
			memcpy(torn[!place], next, n);
			assert_int_equal(ledger_newest(&seen, torn, &where), 0);
			assert_true(seen.nr == got.nr || seen.nr == l.nr);
		}
		memcpy(two[!place], next, sizeof(next));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conf_all), cmocka_unit_test(conf_addresses),
		cmocka_unit_test(conf_misspelt), cmocka_unit_test(conf_noise),
		cmocka_unit_test(conf_long), cmocka_unit_test(conf_sections),
		cmocka_unit_test(fence_again),
		cmocka_unit_test_setup_teardown(store_keeps, dir_begin, dir_end),
		cmocka_unit_test_setup_teardown(store_damaged, dir_begin, dir_end),
		cmocka_unit_test(control_same), cmocka_unit_test(control_noise),
		cmocka_unit_test(ledger_rules), cmocka_unit_test(ledger_at_random),
		cmocka_unit_test(ledger_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
