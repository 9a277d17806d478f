// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking the content of a set of extended attributes, wherever it lies.
 *
 * Notes: a file of its own because the check of the base image, which every
 * front end offers, needs it and nothing else of the accounting.
 */
#include "acl.h"
#include "xset.h"

int daxfs_ck_xset(const struct daxfs_xset *set)
{
	struct daxfs_xentry e;
	struct daxfs_acl acl;
	u64 pos = 0;
	int r;

	while ((r = daxfs_xset_next(set, &pos, &e)) > 0) {
		static const char names[][sizeof(DAXFS_ACL_DEFAULT)] = {
			DAXFS_ACL_ACCESS, DAXFS_ACL_DEFAULT,
		};

		for (u32 i = 0; i < 2; i++)
			if (e.name_len < sizeof(names[i]) &&
			    !memcmp(e.name, names[i], e.name_len + 1) &&
			    daxfs_acl_read(set, &e, &acl))
				return -EUCLEAN;
	}
	return r;
}
