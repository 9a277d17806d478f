// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A connection to mxfsd, and its locks.
 *
 * Notes: each lock has a place in conn->slot, and the tag of what is asked about it is
 * that place, with a bit that says whether it is an unlock: an answer finds its lock
 * without a search. A place is used again when the daemon has said the last word about
 * its lock: a lock that is lost, with a request on its way to the daemon, keeps its place
 * until that is answered, too, or the answer would be taken for that of the next lock
 * there. Tag 0 is that of questions.
 *
 * Callbacks run from mxfs_dispatch() alone, on frames that have been taken out of the
 * buffer before, so they may ask, wait and dispatch themselves.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mode.h"
#include "conn.h"

#define IN_FRAMES	256u
#define EAGER		65536u	/* bytes that are written without being told to */

struct mxfs_lk {
	struct mxfs_conn *conn;
	uint64_t lkid;		/* 0: not known yet */
	uint32_t slot;
	uint8_t mode, had;	/* held; before the request under way */
	int busy, unlocking, gone;
	int owed, freed;	/* an answer that nobody waits for; nobody uses lk, either */
	mxfs_done_fn done, unlock_done;
	void *done_arg, *unlock_arg;
	mxfs_bast_fn bast;
	void *bast_arg;
	uint8_t missed;		/* what was wanted before anybody asked to be told */
	struct mxfs_value value;
	struct mxfs_token token;
};

struct mxfs_conn {
	int fd, broken;
	int late;		/* somebody is to be told what he has missed */
	uint32_t node;
	struct mxfs_lk **slot;	/* [0] is not used */
	uint32_t slots, free_hint;
	uint8_t *out;
	size_t out_at, out_len, out_room, in_at, in_len;
	void (*item)(void *arg, const struct mxfs_ctl *m);	/* of a question */
	void *item_arg;
	int asking, refused;
	void (*event)(void *arg, const struct mxfs_ctl *m);
	void *event_arg;
	uint8_t in[IN_FRAMES * MXFS_CTL_FRAME];
};

_Static_assert(MXFS_MODE_NL == (int)MXFS_NL && MXFS_MODE_CR == (int)MXFS_CR &&
	       MXFS_MODE_CW == (int)MXFS_CW && MXFS_MODE_PR == (int)MXFS_PR &&
	       MXFS_MODE_PW == (int)MXFS_PW && MXFS_MODE_EX == (int)MXFS_EX,
	       "the public modes are those of the wire");
_Static_assert(MXFS_NOQUEUE == MXFS_R_NOQUEUE && MXFS_EXPEDITE == MXFS_R_EXPEDITE &&
	       MXFS_QUECVT == MXFS_R_QUECVT, "and so are the flags");
_Static_assert(MXFS_VALUE_LOST == (int)MXFS_LVB_LOST &&
	       MXFS_VALUE_VALID == (int)MXFS_LVB_VALID &&
	       MXFS_VALUE_BYTES == MXFS_LVB, "and the value blocks");

static int error_of(int32_t status)
{
	switch (status) {
	case MXFS_S_OK:
		return 0;
	case MXFS_S_BUSY:
		return -EAGAIN;
	case MXFS_S_DEADLOCK:
		return -EDEADLK;
	case MXFS_S_CANCELLED:
		return -ECANCELED;
	case MXFS_S_TIMEOUT:
		return -ETIMEDOUT;
	case MXFS_S_LOST:
		return -ESTALE;
	case MXFS_S_NO_MEMORY:
		return -ENOMEM;
	case MXFS_S_REFUSED:
	case MXFS_S_QUOTA:
		return -EPERM;
	case MXFS_S_NO_LOCK:
		return -ENOENT;
	default:
		return -EIO;
	}
}

/* ---- bytes ---- */

static int flush(struct mxfs_conn *c)
{
	ssize_t n;

	while (!c->broken && c->out_at < c->out_len) {
		n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			c->broken = 1;
		else
			c->out_at += (size_t)n;
	}
	c->out_at = c->out_len = 0;
	return c->broken ? -EPIPE : 0;
}

static int make_room(struct mxfs_conn *c)
{
	size_t room = c->out_room ? c->out_room * 2 : 64 * MXFS_CTL_FRAME;
	uint8_t *out;

	if (c->out_len + MXFS_CTL_FRAME <= c->out_room)
		return 0;
	out = realloc(c->out, room);
	if (!out)
		return -ENOMEM;
	c->out = out;
	c->out_room = room;
	return 0;
}

static int put(struct mxfs_conn *c, const struct mxfs_ctl *m)
{
	if (c->broken)
		return -EPIPE;
	if (make_room(c))
		return -ENOMEM;
	mxfs_ctl_encode(m, c->out + c->out_len);
	c->out_len += MXFS_CTL_FRAME;
	if (c->out_len - c->out_at >= EAGER)
		flush(c);
	return 0;
}

/* ---- locks of a connection ---- */

static int slot_grow(struct mxfs_conn *c)
{
	uint32_t slots = c->slots ? c->slots * 2 : 64;
	struct mxfs_lk **slot = realloc(c->slot, slots * sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	memset(slot + c->slots, 0, (slots - c->slots) * sizeof(*slot));
	c->free_hint = c->slots ? c->slots : 1;
	c->slot = slot;
	c->slots = slots;
	return 0;
}

static struct mxfs_lk *lk_new(struct mxfs_conn *c)
{
	struct mxfs_lk *lk = calloc(1, sizeof(*lk));

	while (lk && c->free_hint < c->slots && c->slot[c->free_hint])
		c->free_hint++;
	if (!lk || (c->free_hint >= c->slots && slot_grow(c))) {
		free(lk);
		return NULL;
	}
	lk->conn = c;
	lk->slot = c->free_hint;
	lk->mode = lk->missed = MXFS_NONE;
	c->slot[lk->slot] = lk;
	return lk;
}

static void lk_free(struct mxfs_lk *lk)
{
	struct mxfs_conn *c = lk->conn;

	c->slot[lk->slot] = NULL;
	if (lk->slot < c->free_hint)
		c->free_hint = lk->slot;
	free(lk);
}

static uint64_t tag_of(const struct mxfs_lk *lk, int unlock)
{
	return (uint64_t)lk->slot << 1 | (uint64_t)unlock;
}

static struct mxfs_lk *lk_of(const struct mxfs_conn *c, uint64_t tag)
{
	return tag >> 1 < c->slots ? c->slot[tag >> 1] : NULL;
}

/* ---- what comes ---- */

static void end_request(struct mxfs_lk *lk, int error)
{
	mxfs_done_fn done = lk->done;

	lk->busy = 0;
	lk->done = NULL;
	if (done)
		done(lk, error, lk->done_arg);
}

static void end_unlock(struct mxfs_lk *lk, int error)
{
	if (lk->unlock_done)
		lk->unlock_done(lk, error, lk->unlock_arg);
	lk_free(lk);
}

static void take_grant(struct mxfs_lk *lk, const struct mxfs_ctl *m)
{
	lk->lkid = m->lkid;
	lk->mode = m->mode;
	lk->value.version = m->lvb.version;
	lk->value.state = (enum mxfs_value_state)m->lvb.state;
	memcpy(lk->value.byte, m->lvb.byte, MXFS_LVB);
	if (!m->status)
		lk->token = (struct mxfs_token){ .epoch = m->mask, .nr = m->nr };
}

static void on_done(struct mxfs_conn *c, const struct mxfs_ctl *m)
{
	struct mxfs_lk *lk = lk_of(c, m->tag);
	int error = error_of(m->status), fresh;

	if (!lk)
		return;
	if (m->tag & 1) {
		lk->mode = MXFS_NONE;
		end_unlock(lk, lk->gone ? -ESTALE : error);
		return;
	}
	if (lk->owed) {
		lk->owed = 0;
		if (lk->freed)
			lk_free(lk);
		return;
	}
	fresh = !lk->lkid;
	if (m->status == MXFS_S_NO_LOCK)
		lk->mode = lk->had;
	else
		take_grant(lk, m);
	if (error == -ESTALE || (error && fresh)) {
		lk->gone = 1;
		lk->mode = MXFS_NONE;
	}
	end_request(lk, error);
	if (error && fresh)
		lk_free(lk);
}

static void on_lost(struct mxfs_lk *lk)
{
	lk->gone = 1;
	lk->mode = MXFS_NONE;
	if (lk->busy) {
		lk->owed = 1;
		end_request(lk, -ESTALE);
	}
	if (lk->bast && !lk->unlocking)
		lk->bast(lk, -1, lk->bast_arg);
}

static void on_bast(struct mxfs_lk *lk, uint8_t want)
{
	if (lk->unlocking)
		return;
	if (lk->bast)
		lk->bast(lk, want, lk->bast_arg);
	else
		lk->missed = want;
}

/* What came between a grant and mxfs_on_bast(). */
static void tell_late(struct mxfs_conn *c)
{
	c->late = 0;
	for (uint32_t i = 1; i < c->slots; i++) {
		struct mxfs_lk *lk = c->slot[i];
		uint8_t want = lk ? lk->missed : MXFS_NONE;

		if (!lk || !lk->bast || (want == MXFS_NONE && !lk->gone))
			continue;
		lk->missed = MXFS_NONE;
		lk->bast(lk, lk->gone ? -1 : want, lk->bast_arg);
	}
}

static void on_frame(struct mxfs_conn *c, const struct mxfs_ctl *m)
{
	struct mxfs_lk *lk = lk_of(c, m->tag);

	switch (m->type) {
	case MXFS_CTL_WELCOME:
		c->node = m->node;
		break;
	case MXFS_CTL_DONE:
		if (m->tag) {
			on_done(c, m);
		} else {
			c->refused = m->status;
			c->asking = 0;
		}
		break;
	case MXFS_CTL_BAST:
		if (lk && lk->lkid == m->lkid)
			on_bast(lk, m->want);
		break;
	case MXFS_CTL_LOST:
		if (lk && lk->lkid == m->lkid)
			on_lost(lk);
		break;
	case MXFS_CTL_EVENT:
		if (c->event)
			c->event(c->event_arg, m);
		break;
	default:
		if (c->item)
			c->item(c->item_arg, m);
		c->asking &= m->type != MXFS_CTL_END;
		break;
	}
}

static int fill(struct mxfs_conn *c)
{
	ssize_t n;

	memmove(c->in, c->in + c->in_at, c->in_len - c->in_at);
	c->in_len -= c->in_at;
	c->in_at = 0;
	do
		n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len,
			 MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		c->broken = 1;
		return 0;
	}
	c->in_len += (size_t)n;
	return 1;
}

/* 0: there is none. */
static int next_frame(struct mxfs_conn *c, struct mxfs_ctl *m)
{
	if (c->in_len - c->in_at < MXFS_CTL_FRAME)
		return 0;
	c->in_at += MXFS_CTL_FRAME;
	if (!mxfs_ctl_decode(m, c->in + c->in_at - MXFS_CTL_FRAME))
		return 1;
	c->broken = 1;
	c->in_at = c->in_len = 0;
	return 0;
}

/* The daemon is gone: everybody who waits or holds is told. */
static void all_lost(struct mxfs_conn *c)
{
	for (uint32_t i = 1; i < c->slots; i++) {
		struct mxfs_lk *lk = c->slot[i];

		if (!lk)
			continue;
		lk->mode = MXFS_NONE;
		if (lk->busy)
			end_request(lk, -EPIPE);
		lk = c->slot[i];
		if (lk && lk->unlocking)
			end_unlock(lk, -EPIPE);
		else if (lk && !lk->gone)
			on_lost(lk);
	}
	c->asking = 0;
}

int mxfs_dispatch(struct mxfs_conn *c)
{
	struct mxfs_ctl m;

	flush(c);
	if (c->late)
		tell_late(c);
	do {
		while (next_frame(c, &m))
			on_frame(c, &m);
	} while (!c->broken && fill(c) > 0);
	flush(c);
	if (!c->broken)
		return 0;
	all_lost(c);
	return -EPIPE;
}

int mxfs_fd(const struct mxfs_conn *c)
{
	return c->fd;
}

short mxfs_poll_events(const struct mxfs_conn *c)
{
	return c->out_at < c->out_len ? POLLIN | POLLOUT : POLLIN;
}

int mxfs_wait(struct mxfs_conn *c, int timeout_ms)
{
	struct pollfd p = { .fd = c->fd };
	int n;

	flush(c);
	if (c->broken || c->late || c->in_len - c->in_at >= MXFS_CTL_FRAME)
		return 0;
	p.events = mxfs_poll_events(c);
	n = poll(&p, 1, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIME;
}

/* ---- asking ---- */

int mxfs_lock_begin(struct mxfs_conn *c, const void *name, size_t len, int mode,
		    const struct mxfs_options *o, mxfs_done_fn done, void *arg,
		    struct mxfs_lk **lkp)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_LOCK, .want = MXFS_NONE };
	struct mxfs_lk *lk;
	int r;

	*lkp = NULL;
	if (!len || len > MXFS_NAME_MAX || mode < 0 || mode >= (int)MXFS_MODES)
		return -EINVAL;
	lk = lk_new(c);
	if (!lk)
		return -ENOMEM;
	m.tag = tag_of(lk, 0);
	m.mode = (uint8_t)mode;
	m.name.len = (uint8_t)len;
	memcpy(m.name.byte, name, len);
	if (o) {
		m.flags = o->flags & (MXFS_NOQUEUE | MXFS_EXPEDITE | MXFS_QUECVT);
		m.time = o->timeout_ns;
		m.owner = o->owner;
	}
	r = put(c, &m);
	if (r) {
		lk_free(lk);
		return r;
	}
	lk->busy = 1;
	lk->done = done;
	lk->done_arg = arg;
	*lkp = lk;
	return 0;
}

static void set_value(struct mxfs_ctl *m, const void *value)
{
	if (!value)
		return;
	m->flags |= MXFS_R_WRITE;
	memcpy(m->lvb.byte, value, MXFS_LVB);
}

int mxfs_convert_begin(struct mxfs_lk *lk, int mode, const struct mxfs_options *o,
		       const void *value, mxfs_done_fn done, void *arg)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_CONVERT, .want = MXFS_NONE,
			      .tag = tag_of(lk, 0), .lkid = lk->lkid };
	int r;

	if (mode < 0 || mode >= (int)MXFS_MODES)
		return -EINVAL;
	if (lk->gone)
		return -ESTALE;
	if (lk->busy || lk->unlocking)
		return -ENOENT;
	m.mode = (uint8_t)mode;
	if (o) {
		m.flags = o->flags & (MXFS_NOQUEUE | MXFS_QUECVT);
		m.time = o->timeout_ns;
		m.owner = o->owner;
	}
	set_value(&m, value);
	r = put(lk->conn, &m);
	if (r)
		return r;
	lk->busy = 1;
	lk->done = done;
	lk->done_arg = arg;
	lk->had = lk->mode;
	lk->mode = mxfs_mode_meet(lk->mode, (uint8_t)mode);
	return 0;
}

int mxfs_cancel(struct mxfs_lk *lk)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_CANCEL, .mode = MXFS_NONE,
			      .want = MXFS_NONE, .tag = tag_of(lk, 0),
			      .lkid = lk->lkid };

	return lk->busy && !lk->gone ? put(lk->conn, &m) : -ENOENT;
}

/* What waits for a number is cancelled: its answer frees it. */
int mxfs_unlock_begin(struct mxfs_lk *lk, const void *value, mxfs_done_fn done,
		      void *arg)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_UNLOCK, .mode = MXFS_NONE,
			      .want = MXFS_NONE, .tag = tag_of(lk, 1),
			      .lkid = lk->lkid };
	int r;

	if (lk->unlocking)
		return -ENOENT;
	if (lk->gone || lk->conn->broken) {
		r = lk->conn->broken ? -EPIPE : -ESTALE;
		lk->freed = 1;
		lk->bast = NULL;
		if (!lk->owed || lk->conn->broken)
			lk_free(lk);
		return r;
	}
	if (!lk->lkid)
		return -ENOENT;	/* mxfs_cancel() */
	set_value(&m, value);
	r = put(lk->conn, &m);
	if (r)
		return r;
	lk->unlocking = 1;
	lk->unlock_done = done;
	lk->unlock_arg = arg;
	lk->mode = MXFS_NONE;
	return 0;
}

/* ---- waiting ---- */

struct waiter {
	int over, error;
};

static void wake(struct mxfs_lk *lk, int error, void *arg)
{
	struct waiter *w = arg;

	(void)lk;
	w->over = 1;
	w->error = error;
}

static int wait_for(struct mxfs_conn *c, struct waiter *w)
{
	int r = 0;

	while (!w->over && !r) {
		r = mxfs_wait(c, -1);
		if (!r)
			mxfs_dispatch(c);
	}
	return w->over ? w->error : r;
}

int mxfs_lock(struct mxfs_conn *c, const void *name, size_t len, int mode,
	      const struct mxfs_options *o, struct mxfs_lk **lk)
{
	struct waiter w = { .over = 0 };
	int r = mxfs_lock_begin(c, name, len, mode, o, wake, &w, lk);

	if (!r)
		r = wait_for(c, &w);
	if (r)
		*lk = NULL;
	return r;
}

int mxfs_convert(struct mxfs_lk *lk, int mode, const struct mxfs_options *o,
		 const void *value)
{
	struct waiter w = { .over = 0 };
	int r = mxfs_convert_begin(lk, mode, o, value, wake, &w);

	return r ? r : wait_for(lk->conn, &w);
}

int mxfs_unlock(struct mxfs_lk *lk, const void *value)
{
	struct mxfs_conn *c = lk->conn;
	struct waiter w = { .over = 0 };
	int r = mxfs_unlock_begin(lk, value, wake, &w);

	return r ? r : wait_for(c, &w);
}

/* ---- what is known of a lock ---- */

void mxfs_on_bast(struct mxfs_lk *lk, mxfs_bast_fn bast, void *arg)
{
	lk->bast = bast;
	lk->bast_arg = arg;
	lk->conn->late |= bast && (lk->gone || lk->missed != MXFS_NONE);
}

int mxfs_mode(const struct mxfs_lk *lk)
{
	return lk->mode == MXFS_NONE ? -1 : lk->mode;
}

void mxfs_value(const struct mxfs_lk *lk, struct mxfs_value *value)
{
	*value = lk->value;
}

void mxfs_token(const struct mxfs_lk *lk, struct mxfs_token *token)
{
	*token = lk->token;
}

/* ---- questions ---- */

uint32_t mxfs_conn_node(const struct mxfs_conn *c)
{
	return c->node;
}

int mxfs_ask(struct mxfs_conn *c, const struct mxfs_ctl *question,
	     void (*fn)(void *arg, const struct mxfs_ctl *m), void *arg)
{
	int r = put(c, question);

	c->item = fn;
	c->item_arg = arg;
	c->refused = 0;
	for (c->asking = !r; c->asking && !r; ) {
		r = mxfs_wait(c, -1);
		if (!r)
			r = mxfs_dispatch(c);
	}
	c->item = NULL;
	return r ? r : error_of(c->refused);
}

int mxfs_watch(struct mxfs_conn *c, const void *name, size_t len,
	       void (*fn)(void *arg, const struct mxfs_ctl *m), void *arg)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_WATCH, .mode = MXFS_NONE,
			      .want = MXFS_NONE };

	if (!len || len > MXFS_NAME_MAX)
		return -EINVAL;
	m.name.len = (uint8_t)len;
	memcpy(m.name.byte, name, len);
	c->event = fn;
	c->event_arg = arg;
	return mxfs_ask(c, &m, NULL, NULL);
}

/* ---- connections ---- */

static int open_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int mxfs_connect(struct mxfs_conn **conn, const char *socket)
{
	struct mxfs_conn *c = calloc(1, sizeof(*c));

	*conn = NULL;
	if (!c)
		return -ENOMEM;
	c->fd = open_socket(socket ? socket : MXFS_CTL_SOCKET);
	if (c->fd < 0) {
		int r = c->fd;

		free(c);
		return r;
	}
	while (!c->node) {
		if (mxfs_wait(c, 5000) || mxfs_dispatch(c)) {
			mxfs_close(c);
			return -EPROTO;
		}
	}
	*conn = c;
	return 0;
}

void mxfs_close(struct mxfs_conn *c)
{
	if (!c)
		return;
	for (uint32_t i = 1; i < c->slots; i++)
		free(c->slot[i]);
	close(c->fd);
	free(c->slot);
	free(c->out);
	free(c);
}
