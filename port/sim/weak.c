// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loads that may be old: what a program with acquire, release and relaxed
 * accesses and full fences may observe.
 *
 * Notes: a view machine (Kang et al., POPL 2017) without promises. Each word
 * of 8 bytes that was stored in this run has its messages in modification
 * order, which is the order of execution. A load may see any message that is
 * not older than
 *   - the newest that happens before it,
 *   - the newest that a load has seen which happens before it (coherence).
 * Who happens before whom is kept in vector clocks: each host counts its
 * stores and those loads whose message does not happen before them anyway. A
 * release store carries the clock of its host; a relaxed one that of the
 * host's last full fence. An acquire load takes it over, a relaxed one at the
 * host's next fence. A read-modify-write acts on the newest message and adds
 * its clock to it (release sequence). Full fences go through one clock of all.
 * One behind an RMW does not give it the host's own stores since that RMW; one
 * before an RMW acts there, without the own stores since the fence: what both an
 * x86, where the RMW is the fence, and another machine, which has one, promise.
 *
 * Less than C11 allows, so a program may be wrong and yet never fail here:
 * no load sees a store that comes later (no load buffering), stores of two
 * hosts to a word take the order of their execution, a failed CAS sees the
 * newest, and of the messages the last HISTORY are on offer. Accesses past
 * the port see the newest, and what they store counts as part of the message
 * before. More than C11 allows: a relaxed store ends a release sequence also
 * if the same host headed it, as C++20 has it. No address or data dependency
 * orders anything, which C11 does not promise either.
 */
#include "sim.h"
#include "weak.h"

#define HISTORY		8u	/* messages of a word that can be seen */
#define SEEN_MAX	16u	/* loads of a word that are told apart */
#define PAGES		4096u	/* power of two: pages with such words */
#define PAGE_WORDS	512u
#define MESSAGES	(1u << 20)
#define CLOCKS		(1u << 18)
#define SEENS		(1u << 18)

struct clock {
	u32 seq[SIM_HOSTS];
};

struct message {
	u64 value;
	u32 prev;		/* 0: the first, from before the run */
	u32 clock;		/* what an acquire load takes over */
	u32 host, seq;		/* who stored it, as which of his stores */
	u32 pos;		/* in modification order */
};

struct seen {			/* that load happens before whom knows seq */
	u32 prev;
	u32 host, seq;
	u32 pos;		/* of the message */
};

struct word {
	u32 newest;		/* message; 0: never stored */
	u32 seen;
};

struct page {
	u64 nr;			/* of the address */
	u32 round;		/* it is valid in */
	struct word word[PAGE_WORDS];
};

struct host {
	struct clock now;
	struct clock pending;	/* of relaxed loads: comes with a fence */
	struct clock released;	/* what relaxed stores carry */
	u32 released_at;	/* the same as an entry of clock[], or 0 */
	u32 rmw;		/* own stores up to the last read-modify-write */
	u32 owed;		/* and up to a fence before the next one */
	int owes;
};

int sim_weak;

static struct {
	struct host host[SIM_HOSTS];
	struct clock fences;
	struct clock told;
	u32 stale;
	u64 rng;
	u64 old;		/* loads that did not see the newest */
	u32 round, pages, messages, clocks, seens;
} weak;

static struct page page[PAGES];
static struct message message[MESSAGES];
static struct clock clock[CLOCKS];	/* 0: nothing */
static struct seen seen[SEENS];

static struct host *self(void)
{
	return &weak.host[sim_self()];
}

static void join(struct clock *to, const struct clock *from)
{
	u32 i;

	for (i = 0; i < SIM_HOSTS; i++)
		if (to->seq[i] < from->seq[i])
			to->seq[i] = from->seq[i];
}

/* All messages: memory is what everybody sees. Clocks of hosts stay. */
static void forget(void)
{
	u32 i;

	weak.round++;
	weak.pages = 0;
	weak.messages = weak.clocks = weak.seens = 1;
	for (i = 0; i < SIM_HOSTS; i++)
		weak.host[i].released_at = 0;
}

/* Room for what one access may need. */
static void make_room(void)
{
	if (weak.messages + 2 > MESSAGES || weak.clocks + 2 > CLOCKS ||
	    weak.seens + 1 > SEENS || weak.pages + 1 > PAGES / 4 * 3)
		forget();
}

static u32 keep_clock(const struct clock *c)
{
	clock[weak.clocks] = *c;
	return weak.clocks++;
}

/* ---- words ---- */

static struct page *page_find(u64 nr, int make)
{
	u32 i = (u32)(nr * 0x9e3779b97f4a7c15ull >> 40) % PAGES;

	for (; page[i].round == weak.round; i = (i + 1) % PAGES)
		if (page[i].nr == nr)
			return &page[i];
	if (!make)
		return NULL;
	memset(&page[i], 0, sizeof(page[i]));
	page[i].nr = nr;
	page[i].round = weak.round;
	weak.pages++;
	return &page[i];
}

static struct word *word_in(struct page *p, u64 at)
{
	return &p->word[at / 8 % PAGE_WORDS];
}

/* NULL: it was never stored, so memory is all that there is. */
static struct word *word_find(const void *w)
{
	u64 at = (u64)(uintptr_t)w;
	struct page *p = page_find(at >> 12, 0);

	return p && word_in(p, at)->newest ? word_in(p, at) : NULL;
}

static u32 message_add(struct word *x, u64 value, u32 host, u32 seq, u32 at)
{
	struct message *m = &message[weak.messages];

	m->value = value;
	m->prev = x->newest;
	m->clock = at;
	m->host = host;
	m->seq = seq;
	m->pos = m->prev ? message[m->prev].pos + 1 : 0;
	x->newest = weak.messages++;
	return x->newest;
}

/* The word, with a message for what is in memory. */
static struct word *word_make(const void *w, u64 in_memory)
{
	u64 at = (u64)(uintptr_t)w;
	struct word *x = word_in(page_find(at >> 12, 1), at);

	if (!x->newest)		/* known to everybody: nobody's number 0 */
		message_add(x, in_memory, 0, 0, 0);
	message[x->newest].value = in_memory;
	return x;
}

/* ---- what may be seen ---- */

static int happens_before(const struct host *h, const struct message *m)
{
	return m->seq <= h->now.seq[m->host];
}

/* A load has seen the message: whoever comes after it sees nothing older. */
static void note_seen(struct host *h, struct word *x, const struct message *m)
{
	u32 me = sim_self(), i, nr = 0;

	if (happens_before(h, m))
		return;
	for (i = x->seen; i; i = seen[i].prev, nr++) {
		if (seen[i].host != me)
			continue;
		if (seen[i].pos >= m->pos)
			return;
		if (nr >= SEEN_MAX) {	/* as if the older load had seen it */
			seen[i].pos = m->pos;
			return;
		}
	}
	seen[weak.seens] = (struct seen){ x->seen, me, ++h->now.seq[me], m->pos };
	x->seen = weak.seens++;
}

static u32 oldest_pos(const struct host *h, const struct word *x)
{
	u32 pos = 0, i;

	for (i = x->seen; i; i = seen[i].prev)
		if (seen[i].seq <= h->now.seq[seen[i].host] && seen[i].pos > pos)
			pos = seen[i].pos;
	return pos;
}

static u32 choose(const struct host *h, const struct word *x)
{
	u32 old[HISTORY], nr = 0, i, oldest;

	if ((sim_rand(&weak.rng) & 255) >= weak.stale)
		return x->newest;
	oldest = oldest_pos(h, x);
	for (i = x->newest; i && nr < HISTORY; i = message[i].prev) {
		old[nr++] = i;
		if (happens_before(h, &message[i]) || message[i].pos <= oldest)
			break;
	}
	if (nr == 1)
		return x->newest;
	weak.old++;
	return old[1 + sim_rand(&weak.rng) % (nr - 1)];
}

static u64 load(struct word *x, u64 in_memory, int acquire)
{
	struct host *h = self();
	struct message *m;

	make_room();
	message[x->newest].value = in_memory;
	m = &message[choose(h, x)];
	join(acquire ? &h->now : &h->pending, &clock[m->clock]);
	note_seen(h, x, m);
	return m->value;
}

u64 sim_weak_load(const struct daxfs_a64 *w, int acquire)
{
	struct word *x = word_find(w);

	return x ? load(x, w->raw, acquire) : w->raw;
}

/* ---- stores ---- */

static u32 released_clock(struct host *h)
{
	if (!h->released_at)
		h->released_at = keep_clock(&h->released);
	return h->released_at;
}

void sim_weak_store(struct daxfs_a64 *w, u64 v, int release)
{
	struct host *h = self();
	u32 me = sim_self();

	make_room();
	h->now.seq[me]++;
	message_add(word_make(w, w->raw), v, me, h->now.seq[me],
		    release ? keep_clock(&h->now) : released_clock(h));
	w->raw = v;
}

static void release_all(struct host *h)
{
	h->released = h->now;
	h->released_at = 0;
}

/* A full fence, but for the stores of the host itself from number own on. */
static void fence_for(struct host *h, u32 own)
{
	u32 me = sim_self();
	struct clock given;

	join(&h->now, &h->pending);
	join(&h->now, &weak.fences);
	given = h->now;
	given.seq[me] = own;
	join(&weak.fences, &given);
	release_all(h);
}

static void pay_fence(struct host *h)
{
	if (h->owes)
		fence_for(h, h->owed);
	h->owes = 0;
}

static void rmw(struct host *h, const struct daxfs_a64 *w, u64 found, int stored,
		int ordered)
{
	u32 me = sim_self();
	struct clock c;
	struct word *x;

	make_room();
	x = stored ? word_make(w, found) : word_find(w);
	if (!x)
		return;
	message[x->newest].value = found;
	c = clock[message[x->newest].clock];
	join(ordered ? &h->now : &h->pending, &c);
	if (!stored) {
		note_seen(h, x, &message[x->newest]);
		return;
	}
	h->now.seq[me]++;
	join(&c, ordered ? &h->now : &h->released);
	message_add(x, w->raw, me, h->now.seq[me], keep_clock(&c));
}

void sim_weak_rmw(const struct daxfs_a64 *w, u64 found, int stored, int ordered)
{
	struct host *h = self();

	pay_fence(h);
	rmw(h, w, found, stored, ordered);
	h->rmw = h->now.seq[sim_self()];
}

/* ---- fences ---- */

void sim_weak_fence(int full)
{
	struct host *h = self();

	if (full)
		fence_for(h, h->now.seq[sim_self()]);
	else
		join(&h->now, &h->pending);
}

void sim_weak_release_fence(void)
{
	release_all(self());
}

void sim_weak_fence_after_rmw(void)
{
	struct host *h = self();

	fence_for(h, h->rmw);
}

void sim_weak_fence_before_rmw(void)
{
	struct host *h = self();

	h->owed = h->now.seq[sim_self()];
	h->owes = 1;
}

void sim_tell(void)
{
	struct host *h;

	if (!sim_weak)
		return;
	h = self();
	join(&h->now, &h->pending);
	join(&weak.told, &h->now);
	release_all(h);
}

void sim_listen(void)
{
	struct host *h;

	if (!sim_weak)
		return;
	h = self();
	join(&h->now, &weak.told);
	release_all(h);
}

void sim_learn(u32 host)
{
	struct host *h;

	if (!sim_weak)
		return;
	h = self();
	join(&h->now, &weak.host[host].now);
	release_all(h);
}

/* ---- bytes ---- */

static size_t in_word(u64 at, size_t len)
{
	size_t n = 8 - at % 8;

	return len < n ? len : n;
}

void sim_weak_read(void *to, const void *shared, size_t len)
{
	const u8 *from = shared;
	size_t done, n;

	for (done = 0; done < len; done += n) {
		u64 at = (u64)(uintptr_t)(from + done), v;
		const u8 *whole = from + done - at % 8;
		struct word *x;

		n = in_word(at, len - done);
		x = word_find(whole);
		memcpy(&v, whole, 8);
		if (x)
			v = load(x, v, 0);
		memcpy((u8 *)to + done, (u8 *)&v + at % 8, n);
	}
}

void sim_weak_write(void *shared, const void *from, size_t len)
{
	u8 *to = shared;
	size_t done, n;

	for (done = 0; done < len; done += n) {
		u64 at = (u64)(uintptr_t)(to + done), v;
		struct daxfs_a64 *w = (struct daxfs_a64 *)(to + done - at % 8);

		n = in_word(at, len - done);
		v = w->raw;
		memcpy((u8 *)&v + at % 8, (const u8 *)from + done, n);
		sim_weak_store(w, v, 0);
	}
}

/* ---- runs ---- */

void sim_weak_begin(u32 stale, u64 seed)
{
	u32 round = weak.round;

	weak.old = 0;
	sim_weak = stale != 0;
	if (!sim_weak)
		return;
	memset(&weak, 0, sizeof(weak));
	weak.round = round;
	weak.stale = stale;
	weak.rng = seed + 0x5851f42d4c957f2dull;
	forget();
}

void sim_weak_end(void)
{
	sim_weak = 0;
}

u64 sim_old_loads(void)
{
	return weak.old;
}
