/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Extended attributes: what setattr asks of them.
 */
#ifndef DAXFS_XATTR_H
#define DAXFS_XATTR_H

#include "xset.h"

/*
 * Mode or owner became what at says and old did not: an access list follows the
 * mode, capabilities of a file go with its owner. at gets another set then,
 * which daxfs_attr_replace() takes or gives back.
 */
int daxfs_xattr_follow(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		       const struct daxfs_attr *old, struct daxfs_attr *at,
		       int owner);

#endif
