// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One input is what some programs do at the control socket.
 *
 * Notes: an input is a list of steps. Bit 4 of a step's first byte leaves out the turn of the
 * daemon's loop behind it, so that several things come at once; its low bits say what
 * is done, by the table at step(). Bytes of the input are numbers, mostly small; what is
 * missing at its end is zero.
 *
 * What must hold: each frame that comes is one that a daemon may say, answers what this
 * program has asked and not answered before, and is the same when it is written again;
 * nobody is told of a lock that is another's; no two programs hold what excludes each
 * other; who asks as he may is not sent away; all questions are answered once there
 * is time; when the programs have gone nothing is held. Messages of the wire are the
 * other target's.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "node.h"

#define CALLERS		6u	/* more than the daemon lets in */
#define DIALS_MOST	32u
#define ASKED_MOST	4096u
#define LOCKS_MOST	4096u
#define NAMES		3u
#define ROUNDS		4000	/* until all is quiet */

struct asked {			/* and not answered */
	uint16_t type;
	uint64_t tag;
	struct mxfs_name name;
};

struct caller {
	int fd;			/* -1: not connected */
	uint64_t serial;	/* no other one has it */
	int reads, welcomed;
	int wild;		/* has sent what need not be answered */
	uint8_t sent[MXFS_CTL_FRAME], got[MXFS_CTL_FRAME];
	size_t sent_len, got_len;
	struct asked *asked;
	size_t asked_nr;
};

struct granted {
	uint64_t lkid, serial;
	uint8_t mode;		/* MXFS_NONE: not known to be held */
	struct mxfs_name name;
};

struct bed {
	const uint8_t *in;
	size_t left;
	struct conf *conf;
	struct loop *loop;
	struct engine *engine;
	struct clients *clients;
	struct caller caller[CALLERS];
	struct granted *lock;
	size_t lock_nr;
	uint64_t serial, tag;
	int any, heard;		/* something has come: at once, in this round */
};

static struct asked asked_room[CALLERS][ASKED_MOST];
static struct granted lock_room[LOCKS_MOST];
struct fuzz_sums fuzz_sums;

void fuzz_must(_Bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "fuzz: FAILED: %s\n", what);
	abort();
}

static uint8_t byte(struct bed *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->in++;
}

/* ---- who holds what ---- */

static struct granted *find(struct bed *b, uint64_t lkid)
{
	for (size_t i = 0; i < b->lock_nr; i++)
		if (b->lock[i].lkid == lkid)
			return &b->lock[i];
	return NULL;
}

/* Nothing that it holds is known any more. */
static void forget(struct bed *b, uint64_t serial)
{
	for (size_t i = 0; i < b->lock_nr; i++)
		if (b->lock[i].serial == serial)
			b->lock[i].mode = MXFS_NONE;
}

static void nobody_excluded(const struct bed *b)
{
	for (size_t i = 0; i < b->lock_nr; i++)
		for (size_t j = 0; j < i && b->lock[i].mode != MXFS_NONE; j++) {
			const struct granted *x = &b->lock[i], *y = &b->lock[j];

			fuzz_must(!mxfs_name_equal(&x->name, &y->name) ||
				  mxfs_mode_compatible(x->mode, y->mode),
				  "two hold what excludes each other");
		}
}

/* ---- what a caller hears ---- */

static void hang_up(struct bed *b, struct caller *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	forget(b, c->serial);
}

static int is_question(uint16_t type)
{
	return type >= MXFS_CTL_GET_STATUS && type < MXFS_CTL_REPLIES;
}

static struct asked *asked(struct caller *c, uint64_t tag, int question)
{
	for (size_t i = 0; i < c->asked_nr; i++)
		if (c->asked[i].tag == tag && is_question(c->asked[i].type) == question)
			return &c->asked[i];
	return NULL;
}

/* Of all that have this tag the type is known only if it is one. */
static int ambiguous(const struct caller *c, uint64_t tag)
{
	int n = 0;

	for (size_t i = 0; i < c->asked_nr; i++)
		n += c->asked[i].tag == tag && !is_question(c->asked[i].type);
	return n > 1;
}

static void answered(struct caller *c, struct asked *a)
{
	memmove(a, a + 1, (size_t)(c->asked + c->asked_nr - (a + 1)) * sizeof(*a));
	c->asked_nr--;
}

static void hears_grant(struct bed *b, struct caller *c, const struct asked *a,
			const struct mxfs_ctl *m)
{
	struct granted *g = find(b, m->lkid);

	fuzz_must(!g, "a new lock has the number of another");
	fuzz_must(b->lock_nr < LOCKS_MOST, "an input is too long");
	b->lock[b->lock_nr++] = (struct granted){ .lkid = m->lkid, .serial = c->serial,
						  .mode = m->mode, .name = a->name };
	fuzz_sums.grants++;
}

static void hears_done(struct bed *b, struct caller *c, const struct mxfs_ctl *m)
{
	struct asked *a = asked(c, m->tag, 0);
	struct granted *g = find(b, m->lkid);

	fuzz_must(a != NULL, "an answer to what was not asked");
	if (ambiguous(c, m->tag)) {
		if (g && g->serial == c->serial)
			g->mode = MXFS_NONE;
	} else if (a->type == MXFS_CTL_LOCK && !m->status) {
		hears_grant(b, c, a, m);
	} else if ((a->type == MXFS_CTL_CONVERT || a->type == MXFS_CTL_UNLOCK) && g &&
		   m->status != MXFS_S_NO_LOCK && m->status != MXFS_S_REFUSED) {
		fuzz_must(g->serial == c->serial, "another's lock was touched");
		g->mode = a->type == MXFS_CTL_UNLOCK || m->status ? MXFS_NONE : m->mode;
	}
	answered(c, a);
	fuzz_sums.answers++;
}

static void hears_notice(struct bed *b, struct caller *c, const struct mxfs_ctl *m)
{
	struct granted *g = find(b, m->lkid);

	fuzz_must(!g || g->serial == c->serial, "a notice about another's lock");
	if (m->type == MXFS_CTL_LOST && g) {
		g->mode = MXFS_NONE;
		fuzz_sums.lost++;
	}
}

static void hears_item(struct caller *c, const struct mxfs_ctl *m)
{
	static const uint16_t item[] = {
		[MXFS_CTL_GET_STATUS] = MXFS_CTL_STATUS,
		[MXFS_CTL_GET_MEMBERS] = MXFS_CTL_MEMBER,
		[MXFS_CTL_GET_RESOURCES] = MXFS_CTL_RESOURCE,
		[MXFS_CTL_GET_LOCKS] = MXFS_CTL_HELD,
		[MXFS_CTL_GET_VOLUMES] = MXFS_CTL_VOLUME,
	};
	struct asked *a;
	int fits = m->type == MXFS_CTL_END;

	for (a = c->asked; a < c->asked + c->asked_nr && !fits; a++)
		fits = is_question(a->type) && a->tag == m->tag && item[a->type] == m->type;
	fuzz_must(fits, "an item of what was not asked");
	if (m->type != MXFS_CTL_END)
		return;
	a = asked(c, m->tag, 1);
	fuzz_must(a != NULL, "an end of what was not asked");
	answered(c, a);
	fuzz_sums.answers++;
}

static void hears(struct bed *b, struct caller *c, const uint8_t *frame)
{
	uint8_t again[MXFS_CTL_FRAME];
	struct mxfs_ctl m;

	fuzz_must(!mxfs_ctl_decode(&m, frame), "the daemon says what it would refuse");
	mxfs_ctl_encode(&m, again);
	fuzz_must(!memcmp(frame, again, sizeof(again)), "a frame changes on its way");
	fuzz_must((m.type == MXFS_CTL_WELCOME) == !c->welcomed, "first of all a welcome");
	c->welcomed = 1;
	switch (m.type) {
	case MXFS_CTL_WELCOME:
	case MXFS_CTL_EVENT:
		break;
	case MXFS_CTL_DONE:
		hears_done(b, c, &m);
		break;
	case MXFS_CTL_BAST:
	case MXFS_CTL_LOST:
		hears_notice(b, c, &m);
		break;
	default:
		fuzz_must(m.type > MXFS_CTL_REPLIES, "the daemon asks");
		hears_item(c, &m);
	}
}

/* Some bytes, or its end. */
static void listen_to(struct bed *b, struct caller *c)
{
	uint8_t buf[4 * MXFS_CTL_FRAME];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	b->any = 1;
	if (n <= 0) {
		/* One too many is sent away before it is welcome. */
		fuzz_must(c->wild || !c->welcomed, "a client was sent away");
		hang_up(b, c);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		c->got[c->got_len++] = buf[i];
		if (c->got_len < sizeof(c->got))
			continue;
		c->got_len = 0;
		hears(b, c, c->got);
	}
}

static void listen_to_all(struct bed *b)
{
	struct pollfd p[CALLERS];

	do {
		b->any = 0;
		for (uint32_t n = 0; n < CALLERS; n++)
			p[n] = (struct pollfd){ b->caller[n].reads ? b->caller[n].fd : -1,
						POLLIN, 0 };
		if (poll(p, CALLERS, 0) <= 0)
			return;
		for (uint32_t n = 0; n < CALLERS; n++)
			if (p[n].revents)
				listen_to(b, &b->caller[n]);
		b->heard |= b->any;
	} while (b->any);
}

static void turn(struct bed *b)
{
	fuzz_turn(b->loop);
	fuzz_deliver(b->engine);
}

/* Until nobody hears anything new: what one is told may have freed another. */
static void settle(struct bed *b)
{
	int quiet = 0;

	for (int i = 0; quiet < 3; i++) {
		fuzz_must(i < ROUNDS, "it comes to an end");
		turn(b);
		b->heard = 0;
		listen_to_all(b);
		quiet = b->heard ? 0 : quiet + 1;
	}
	nobody_excluded(b);
}

/* ---- what a caller says ---- */

/* Whether the daemon may send away who says this. */
static int is_wild(const struct mxfs_ctl *m)
{
	return m->type >= MXFS_CTL_REPLIES ||
		(m->type == MXFS_CTL_LOCK && (!m->name.len || m->mode >= MXFS_MODES)) ||
		(m->type == MXFS_CTL_WATCH && !m->name.len);
}

static void gives_up(struct bed *b, const struct caller *c, const struct mxfs_ctl *m)
{
	struct granted *g = find(b, m->lkid);

	if (!g || g->serial != c->serial || g->mode == MXFS_NONE)
		return;
	if (m->type == MXFS_CTL_UNLOCK || m->mode >= MXFS_MODES)
		g->mode = MXFS_NONE;
	else if (m->type == MXFS_CTL_CONVERT)
		g->mode = mxfs_mode_meet(g->mode, m->mode);
}

/* A whole frame has gone. */
static void said(struct bed *b, struct caller *c)
{
	struct mxfs_ctl m;

	c->sent_len = 0;
	if (mxfs_ctl_decode(&m, c->sent)) {
		c->wild = 1;
		fuzz_sums.refused++;
		return;
	}
	fuzz_sums.taken++;
	c->wild |= is_wild(&m);
	if (m.type == MXFS_CTL_UNLOCK || m.type == MXFS_CTL_CONVERT)
		gives_up(b, c, &m);
	if (m.type == MXFS_CTL_CANCEL || m.type >= MXFS_CTL_REPLIES)
		return;		/* has no answer of its own */
	fuzz_must(c->asked_nr < ASKED_MOST, "an input is too long");
	c->asked[c->asked_nr++] = (struct asked){ .type = m.type, .tag = m.tag,
						  .name = m.name };
}

static void say(struct bed *b, struct caller *c, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	if (c->fd < 0)
		return;
	n = send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n != (ssize_t)len) {	/* it is full, or gone: the rest would not fit */
		c->wild = 1;
		hang_up(b, c);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		c->sent[c->sent_len++] = bytes[i];
		if (c->sent_len == sizeof(c->sent))
			said(b, c);
	}
}

/* As it is in the input: recorded from programs, or whatever has become of that. */
static void say_verbatim(struct bed *b, struct caller *c)
{
	uint8_t buf[MXFS_CTL_FRAME];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = byte(b);
	say(b, c, buf, sizeof(buf));
}

static void say_piece(struct bed *b, struct caller *c)
{
	uint8_t buf[64];
	size_t len = 1 + byte(b) % sizeof(buf);

	for (size_t i = 0; i < len; i++)
		buf[i] = byte(b);
	say(b, c, buf, len);
}

static uint64_t some_lock(struct bed *b)
{
	uint8_t n = byte(b);

	return b->lock_nr && n < 128 ? b->lock[b->lock_nr - 1 - n % b->lock_nr].lkid :
		n % 128;
}

static struct mxfs_name some_name(struct bed *b)
{
	struct mxfs_name name = { .len = 1 };
	uint8_t n = byte(b);

	name.byte[0] = (uint8_t)('a' + n % NAMES);
	if (n >= 252)
		name.len = 0;
	else if (n >= 248)
		memset(name.byte, 'x', name.len = MXFS_NAME_MAX);
	return name;
}

static uint64_t some_tag(struct bed *b)
{
	uint8_t n = byte(b);

	return n < 200 ? ++b->tag : b->tag - n % 4;
}

/* A request that is right but for what the input says of it. In pieces: a first one alone. */
static void say_request(struct bed *b, struct caller *c, int in_pieces)
{
	static const uint16_t types[] = {
		MXFS_CTL_LOCK, MXFS_CTL_CONVERT, MXFS_CTL_UNLOCK, MXFS_CTL_CANCEL,
		MXFS_CTL_LOCK, MXFS_CTL_WATCH, MXFS_CTL_FENCED, MXFS_CTL_GET_STATUS,
		MXFS_CTL_GET_MEMBERS, MXFS_CTL_GET_RESOURCES, MXFS_CTL_GET_LOCKS,
		MXFS_CTL_GET_VOLUMES, MXFS_CTL_DONE,
	};
	uint8_t buf[MXFS_CTL_FRAME], mode, first = in_pieces ? byte(b) : 0;
	struct mxfs_ctl m = { .want = MXFS_NONE };

	m.type = types[byte(b) % (sizeof(types) / sizeof(types[0]))];
	m.tag = some_tag(b);
	m.lkid = some_lock(b);
	m.name = some_name(b);
	mode = byte(b);
	m.mode = mode < 250 ? mode % MXFS_MODES : MXFS_NONE;
	m.flags = byte(b) & MXFS_CTL_FLAGS;
	m.owner = byte(b) % 4;
	m.nr = m.owner;
	m.node = m.owner;
	m.time = byte(b) * 10 * MS;
	memset(m.lvb.byte, (int)m.tag, m.flags & MXFS_R_WRITE ? MXFS_LVB : 0);
	mxfs_ctl_encode(&m, buf);
	if (first) {
		say(b, c, buf, first);
		settle(b);
	}
	say(b, c, buf + first, sizeof(buf) - first);
}

/* ---- steps ---- */

static void dial(struct bed *b, struct caller *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (b->serial == DIALS_MOST)
		return;		/* zeros would be nothing but this */
	hang_up(b, c);
	memcpy(sun.sun_path, b->conf->control, sizeof(sun.sun_path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fuzz_must(c->fd >= 0 && !connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)),
		  "the socket is there");
	c->serial = ++b->serial;
	c->reads = 1;
	c->welcomed = c->wild = 0;
	c->sent_len = c->got_len = c->asked_nr = 0;
	fuzz_uid = byte(b) % 8 == 7 ? 65533 : geteuid();
	turn(b);		/* whose process it is, is looked at now */
}

/* Who does not read may be dropped for it, and what he is told is not known. */
static void stop_reading(struct bed *b, struct caller *c)
{
	c->reads = 0;
	c->wild = 1;
	forget(b, c->serial);
}

static void pass(struct bed *b)
{
	uint64_t ns = byte(b) * 10 * MS;

	for (uint64_t t = 0; t < ns; t += 100 * MS)
		fuzz_pass(b->engine, 100 * MS);
}

static void elsewhere(struct bed *b)
{
	struct mxfs_name name = some_name(b);
	uint8_t mode = byte(b) % (MXFS_MODES + 1);

	if (name.len)
		fuzz_elsewhere(b->engine, &name, mode == MXFS_MODES ? MXFS_NONE : mode);
}

static void end_of_speech(struct caller *c)
{
	if (c->fd >= 0)
		shutdown(c->fd, SHUT_WR);
	c->wild = 1;
}

static void step(struct bed *b)
{
	uint8_t what = byte(b);
	struct caller *c;

	if (what >= 224) {
		elsewhere(b);
	} else {
		c = &b->caller[byte(b) % CALLERS];
		switch (what & 15) {
		case 0:
			dial(b, c);
			break;
		case 1:
			hang_up(b, c);
			break;
		case 2:
			say_verbatim(b, c);
			break;
		case 3:
			say_piece(b, c);
			break;
		case 4:
			stop_reading(b, c);
			break;
		case 5:
			c->reads = 1;
			break;
		case 6:
			pass(b);
			break;
		case 7:
			fuzz_cut(b->engine, byte(b) & 1);
			break;
		case 8:
			end_of_speech(c);
			break;
		default:
			if (c->fd < 0)
				dial(b, c);
			say_request(b, c, (what & 15) == 9);
		}
	}
	if (!(what & 16))
		settle(b);
}

/* ---- beginning and end ---- */

static const char alone[] =
	"[node]\nid = 1\ncluster = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3d\n"
	"listen = 127.0.0.1\nsecurity = none\nfence = manual\ncontrol = %s\n"
	"[timing]\nrenew_ms = 300\nlease_ms = 1000\n[volume one]\ndevice = /dev/one\n"
	"uuid = 6f1e5dd6-8f0a-4a5c-9f8c-0d6f7a1c2b3e\n";
static const char others[] =
	"[peer 2]\naddress = 127.0.0.2\n[peer 3]\naddress = 127.0.0.3\n";

static char place[64], sock[80];

static void remove_place(void)
{
	unlink(sock);
	rmdir(place);
}

static void make_place(void)
{
	const char *dir = getenv("TMPDIR");

	if (place[0])
		return;
	snprintf(place, sizeof(place), "%s/fuzz.XXXXXX",
		 dir && strlen(dir) < 40 ? dir : "/tmp");
	fuzz_must(mkdtemp(place) != NULL, "a folder for the socket");
	snprintf(sock, sizeof(sock), "%s/socket", place);
	fuzz_must(!log_to("/dev/null", LOG_L_ERROR), "a log of nothing");
	atexit(remove_place);
}

static void bed_begin(struct bed *b, int with_others)
{
	char text[1024], err[400] = "";
	int len;

	make_place();
	len = snprintf(text, sizeof(text), alone, sock);
	snprintf(text + len, sizeof(text) - (size_t)len, "%s", with_others ? others : "");
	fuzz_must(!conf_parse(text, "conf", &b->conf, err, sizeof(err)), err);
	fuzz_now = 1000 * MS;
	b->loop = loop_new();
	b->engine = fuzz_engine_new(b->conf, with_others);
	b->lock = lock_room;
	fuzz_must(b->loop != NULL, "no memory");
	b->clients = clients_new(b->loop, b->engine, err, sizeof(err));
	fuzz_must(b->clients != NULL, err);
	for (uint32_t n = 0; n < CALLERS; n++) {
		b->caller[n].fd = -1;
		b->caller[n].asked = asked_room[n];
	}
}

static int is_waiting(const struct bed *b)
{
	for (uint32_t n = 0; n < CALLERS; n++) {
		const struct caller *c = &b->caller[n];

		for (size_t i = 0; i < c->asked_nr && c->fd >= 0 && !c->wild; i++)
			if (is_question(c->asked[i].type))
				return 1;
	}
	return 0;
}

/* Of who has asked as he may each question is answered: of some, one in each turn. */
static void all_answered(struct bed *b)
{
	for (uint32_t n = 0; n < CALLERS; n++)
		b->caller[n].reads = 1;
	settle(b);
	for (int i = 0; is_waiting(b); i++) {
		fuzz_must(i < ROUNDS, "a question is not answered");
		settle(b);
	}
}

static void nothing_left(struct bed *b)
{
	for (uint32_t n = 0; n < CALLERS; n++)
		hang_up(b, &b->caller[n]);
	fuzz_cut(b->engine, 0);
	for (int i = 0; fuzz_clients_nr(b->clients) || fuzz_clients_locks(b->clients); i++) {
		fuzz_must(i < 600, "something is left of clients that are gone");
		for (uint32_t n = 1; n <= MXFS_NODES; n++)
			engine_fenced(b->engine, n);
		turn(b);
		fuzz_pass(b->engine, 100 * MS);
	}
}

static void bed_end(struct bed *b)
{
	struct mxfsd_state s;

	mxfsd_dlm_state(engine_dlm(b->engine), &s);
	fuzz_must(!s.locks, "the lock manager has locks of nobody");
	clients_free(b->clients);
	engine_free(b->engine);
	loop_free(b->loop);
	conf_free(b->conf);
}

int fuzz_control(const uint8_t *data, size_t size)
{
	struct bed b = { .in = data, .left = size };

	fuzz_sums.inputs++;
	bed_begin(&b, byte(&b) & 1);
	while (b.left)
		step(&b);
	all_answered(&b);
	nothing_left(&b);
	bed_end(&b);
	return 0;
}
