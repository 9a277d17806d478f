// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The control socket's frames, to bytes and back.
 *
 * Notes: pure. Decoding takes nothing that encoding would not make.
 */
#include <string.h>

#include "control.h"

#define MAGIC	0x4346584du	/* "MXFC" */

enum {				/* where fields are */
	AT_MAGIC = 0, AT_VERSION = 4, AT_TYPE = 6, AT_FLAGS = 8, AT_MODE = 10,
	AT_WANT = 11, AT_STATUS = 12, AT_TAG = 16, AT_LKID = 24, AT_OWNER = 32,
	AT_NR = 40, AT_MASK = 48, AT_TIME = 56, AT_NODE = 64, AT_QUEUE = 68,
	AT_LVB_STATE = 69, AT_NAME_LEN = 70, AT_ZERO = 71, AT_LVB_VERSION = 72,
	AT_LVB = 80, AT_NAME = 144, AT_TEXT = 208
};

_Static_assert(AT_LVB + MXFS_LVB == AT_NAME, "no hole");
_Static_assert(AT_NAME + MXFS_NAME_MAX == AT_TEXT, "no hole");
_Static_assert(AT_TEXT + MXFS_CTL_TEXT == MXFS_CTL_FRAME, "no hole");

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

void mxfs_ctl_encode(const struct mxfs_ctl *c, uint8_t buf[MXFS_CTL_FRAME])
{
	memset(buf, 0, MXFS_CTL_FRAME);
	put(buf + AT_MAGIC, MAGIC, 4);
	put(buf + AT_VERSION, MXFS_CTL_VERSION, 2);
	put(buf + AT_TYPE, c->type, 2);
	put(buf + AT_FLAGS, c->flags, 2);
	buf[AT_MODE] = c->mode;
	buf[AT_WANT] = c->want;
	put(buf + AT_STATUS, (uint32_t)c->status, 4);
	put(buf + AT_TAG, c->tag, 8);
	put(buf + AT_LKID, c->lkid, 8);
	put(buf + AT_OWNER, c->owner, 8);
	put(buf + AT_NR, c->nr, 8);
	put(buf + AT_MASK, c->mask, 8);
	put(buf + AT_TIME, c->time, 8);
	put(buf + AT_NODE, c->node, 4);
	buf[AT_QUEUE] = c->queue;
	buf[AT_LVB_STATE] = c->lvb.state;
	buf[AT_NAME_LEN] = c->name.len;
	put(buf + AT_LVB_VERSION, c->lvb.version, 8);
	memcpy(buf + AT_LVB, c->lvb.byte, MXFS_LVB);
	memcpy(buf + AT_NAME, c->name.byte, c->name.len);
	memcpy(buf + AT_TEXT, c->text, strnlen(c->text, MXFS_CTL_TEXT - 1));
}

static int mode_ok(uint8_t mode)
{
	return mode < MXFS_MODES || mode == MXFS_NONE;
}

static int zero_from(const uint8_t *at, size_t from, size_t len)
{
	for (; from < len; from++)
		if (at[from])
			return 0;
	return 1;
}

static int fields_ok(const struct mxfs_ctl *c, const uint8_t *buf)
{
	return mxfs_ctl_type_text(c->type) && c->flags <= MXFS_CTL_FLAGS &&
		mode_ok(c->mode) && mode_ok(c->want) && c->node <= MXFS_NODES &&
		c->queue < MXFS_EV_TYPES && c->lvb.state < MXFS_LVB_STATES &&
		c->name.len <= MXFS_NAME_MAX && !buf[AT_ZERO] &&
		zero_from(buf + AT_NAME, c->name.len, MXFS_NAME_MAX);
}

int mxfs_ctl_decode(struct mxfs_ctl *c, const uint8_t buf[MXFS_CTL_FRAME])
{
	size_t text = strnlen((const char *)buf + AT_TEXT, MXFS_CTL_TEXT);

	if (get(buf + AT_MAGIC, 4) != MAGIC ||
	    get(buf + AT_VERSION, 2) != MXFS_CTL_VERSION || text == MXFS_CTL_TEXT ||
	    !zero_from(buf + AT_TEXT, text, MXFS_CTL_TEXT))
		return -1;
	memset(c, 0, sizeof(*c));
	c->type = (uint16_t)get(buf + AT_TYPE, 2);
	c->flags = (uint16_t)get(buf + AT_FLAGS, 2);
	c->mode = buf[AT_MODE];
	c->want = buf[AT_WANT];
	c->status = (int32_t)get(buf + AT_STATUS, 4);
	c->tag = get(buf + AT_TAG, 8);
	c->lkid = get(buf + AT_LKID, 8);
	c->owner = get(buf + AT_OWNER, 8);
	c->nr = get(buf + AT_NR, 8);
	c->mask = get(buf + AT_MASK, 8);
	c->time = get(buf + AT_TIME, 8);
	c->node = (uint32_t)get(buf + AT_NODE, 4);
	c->queue = buf[AT_QUEUE];
	c->lvb.state = buf[AT_LVB_STATE];
	c->name.len = buf[AT_NAME_LEN];
	c->lvb.version = get(buf + AT_LVB_VERSION, 8);
	if (!fields_ok(c, buf))
		return -1;
	memcpy(c->lvb.byte, buf + AT_LVB, MXFS_LVB);
	memcpy(c->name.byte, buf + AT_NAME, c->name.len);
	memcpy(c->text, buf + AT_TEXT, text);
	return 0;
}

const char *mxfs_ctl_type_text(uint16_t type)
{
	switch (type) {
#define X(name, nr) case nr: return #name;
	MXFS_CTL_TYPES(X)
#undef X
	}
	return NULL;
}

const char *mxfs_ctl_status_text(int32_t status)
{
	if (status == MXFS_S_NO_LOCK)
		return "there is no such lock, or a request of it is under way";
	if (status == MXFS_S_REFUSED)
		return "refused: not allowed to this user, or more than a bound";
	return mxfs_status_text(status);
}
