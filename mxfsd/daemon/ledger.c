// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who may replay a journal.
 *
 * Notes: every change is allowed by (owner, incarnation, epoch) together: a node that
 * was taken for dead and comes back has another incarnation, or finds a later epoch.
 */
#include <string.h>

#include "ledger.h"
#include "wire.h"

static const uint8_t magic[8] = "MXFSLEDG";

enum {				/* where fields of a record are */
	AT_VOLUME = 8, AT_NR = 24, AT_EPOCH = 32, AT_INC = 40, AT_OWNER = 48,
	AT_STATE = 52, AT_CRC = LEDGER_BYTES - 4
};

void ledger_init(struct ledger *l, const uint8_t volume[16])
{
	memset(l, 0, sizeof(*l));
	memcpy(l->volume, volume, sizeof(l->volume));
	l->nr = 1;
}

static int is_owner(const struct ledger *l, const struct ledger_owner *who)
{
	return l->owner == who->node && l->inc == who->inc && l->epoch == who->epoch;
}

enum ledger_error ledger_take(struct ledger *l, const struct ledger_owner *who,
			      int fenced)
{
	if (who->epoch <= l->epoch)
		return LEDGER_OLD;
	if (l->state != LEDGER_CLEAN && !fenced)
		return LEDGER_NOT_FENCED;
	l->state = l->state == LEDGER_CLEAN ? LEDGER_DIRTY : LEDGER_REPLAYING;
	l->owner = who->node;
	l->inc = who->inc;
	l->epoch = who->epoch;
	l->nr++;
	return LEDGER_OK;
}

static enum ledger_error change(struct ledger *l, const struct ledger_owner *who,
				unsigned int from, enum ledger_state to)
{
	if (!is_owner(l, who))
		return LEDGER_NOT_YOURS;
	if (!(from >> l->state & 1))
		return LEDGER_NOT_NOW;
	l->state = to;
	l->nr++;
	return LEDGER_OK;
}

enum ledger_error ledger_recovered(struct ledger *l, const struct ledger_owner *who)
{
	return change(l, who, 1u << LEDGER_REPLAYING, LEDGER_RECOVERED);
}

enum ledger_error ledger_use(struct ledger *l, const struct ledger_owner *who)
{
	return change(l, who, 1u << LEDGER_RECOVERED, LEDGER_DIRTY);
}

enum ledger_error ledger_put_down(struct ledger *l, const struct ledger_owner *who)
{
	return change(l, who, 1u << LEDGER_DIRTY | 1u << LEDGER_RECOVERED, LEDGER_CLEAN);
}

/* ---- records ---- */

static void put(uint8_t *at, uint64_t v, int n)
{
	for (; n--; v >>= 8)
		*at++ = (uint8_t)v;
}

static uint64_t get(const uint8_t *at, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | at[n];
	return v;
}

void ledger_encode(const struct ledger *l, uint8_t buf[LEDGER_BYTES])
{
	memset(buf, 0, LEDGER_BYTES);
	memcpy(buf, magic, sizeof(magic));
	memcpy(buf + AT_VOLUME, l->volume, sizeof(l->volume));
	put(buf + AT_NR, l->nr, 8);
	put(buf + AT_EPOCH, l->epoch, 8);
	put(buf + AT_INC, l->inc, 8);
	put(buf + AT_OWNER, l->owner, 4);
	put(buf + AT_STATE, l->state, 4);
	put(buf + AT_CRC, mxfs_crc32c(buf, AT_CRC), 4);
}

int ledger_decode(struct ledger *l, const uint8_t buf[LEDGER_BYTES])
{
	uint64_t state = get(buf + AT_STATE, 4), owner = get(buf + AT_OWNER, 4);

	if (memcmp(buf, magic, sizeof(magic)) ||
	    get(buf + AT_CRC, 4) != mxfs_crc32c(buf, AT_CRC) ||
	    state >= LEDGER_STATES || owner > MXFS_NODES)
		return -1;
	memcpy(l->volume, buf + AT_VOLUME, sizeof(l->volume));
	l->nr = get(buf + AT_NR, 8);
	l->epoch = get(buf + AT_EPOCH, 8);
	l->inc = get(buf + AT_INC, 8);
	l->owner = (uint32_t)owner;
	l->state = (enum ledger_state)state;
	return 0;
}

int ledger_newest(struct ledger *l, const uint8_t two[2][LEDGER_BYTES], int *place)
{
	struct ledger one[2];
	int whole[2];

	for (int i = 0; i < 2; i++)
		whole[i] = !ledger_decode(&one[i], two[i]);
	if (!whole[0] && !whole[1])
		return -1;
	*place = !whole[0] || (whole[1] && one[1].nr > one[0].nr);
	*l = one[*place];
	return 0;
}

const char *ledger_text(enum ledger_state state)
{
	static const char *const text[] = { "clean", "dirty", "replaying", "recovered" };

	return state < LEDGER_STATES ? text[state] : "?";
}
