// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * POSIX ACLs of a tar archive in the binary form of Linux, version 2.
 *
 * Notes: as the system would have it: sorted by kind and number, one entry for
 * owner, group and others each, a mask where somebody else is named, and no
 * ACL at all where the mode says the same. Names without a number, which is
 * what GNU tar writes, are looked up in the user database of this machine, as
 * tar does when it extracts.
 */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "tar.h"

#define ACL_VERSION	2u
#define ACL_USER_OBJ	0x01u
#define ACL_USER	0x02u
#define ACL_GROUP_OBJ	0x04u
#define ACL_GROUP	0x08u
#define ACL_MASK	0x10u
#define ACL_OTHER	0x20u
#define NO_ID		0xffffffffu

struct item {			/* of the binary form, little-endian there */
	u16 tag, perm;
	u32 id;
};

struct acl {
	struct item item[TAR_ACL_MAX / sizeof(struct item) - 1];
	u32 nr;
	u32 seen;		/* tags */
	u32 mask;
};

static u32 tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	default:
		return 0;
	}
}

/* Number of a name that has none. 0 or -1. */
static int look_up(u32 tag, const char *name, u32 *id)
{
	const struct passwd *pw;
	const struct group *gr;

	if (!name || !*name)
		return -1;
	if (tag == ACL_USER) {
		pw = getpwnam(name);
		*id = pw ? pw->pw_uid : NO_ID;
	} else {
		gr = getgrnam(name);
		*id = gr ? gr->gr_gid : NO_ID;
	}
	return *id == NO_ID ? -1 : 0;
}

static int by_tag(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int add(struct tar_archive *a, const char *path, struct acl *acl,
	       const struct item *it)
{
	if (acl->nr == sizeof(acl->item) / sizeof(acl->item[0]))
		return tar_entry_error(a, path, "its ACL is too long; make the "
				       "archive without it");
	acl->item[acl->nr++] = *it;
	acl->seen |= it->tag;
	if (it->tag == ACL_MASK)
		acl->mask = it->perm;
	return 0;
}

static int collect(struct tar_archive *a, struct archive_entry *ae, int type,
		   struct acl *acl)
{
	const char *path = archive_entry_pathname(ae), *name;
	int got, perm, tag, id, one;

	while (!(got = archive_entry_acl_next(ae, type, &one, &perm, &tag, &id,
					      &name))) {
		struct item it = {
			.tag = (u16)tag_of(tag), .perm = (u16)(perm & 7),
			.id = NO_ID,
		};

		if (!it.tag)
			return tar_entry_error(a, path, "its ACL has an entry "
					       "of a kind that is not known; "
					       "make the archive without it");
		if (it.tag & (ACL_USER | ACL_GROUP)) {
			it.id = (u32)id;
			if (id == -1 && look_up(it.tag, name, &it.id))
				return tar_entry_error(a, path, "its ACL names "
					"\"%s\", whom this machine does not "
					"know; make the archive with "
					"--numeric-owner", name ? name : "");
		}
		if (add(a, path, acl, &it))
			return -1;
	}
	return got == ARCHIVE_EOF ? 0 : tar_no_memory(a);
}

/* What the system demands; each of the others there once. */
static int is_valid(const struct acl *acl)
{
	const u32 three = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER;
	u32 i;

	for (i = 1; i < acl->nr; i++)
		if (!by_tag(&acl->item[i - 1], &acl->item[i]))
			return 0;
	if ((acl->seen & (ACL_USER | ACL_GROUP)) && !(acl->seen & ACL_MASK))
		return 0;
	return (acl->seen & three) == three;
}

static void encode(const struct acl *acl, u8 *to, size_t *len)
{
	const u32 version = htole32(ACL_VERSION);
	u32 i;

	memcpy(to, &version, sizeof(version));
	to += sizeof(version);
	for (i = 0; i < acl->nr; i++, to += sizeof(struct item)) {
		const struct item it = {
			.tag = htole16(acl->item[i].tag),
			.perm = htole16(acl->item[i].perm),
			.id = htole32(acl->item[i].id),
		};

		memcpy(to, &it, sizeof(it));
	}
	*len = sizeof(version) + acl->nr * sizeof(struct item);
}

int tar_acl_read(struct tar_archive *a, struct archive_entry *ae, int type,
		 u8 *buf, size_t *len, u32 *mode)
{
	int access = type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS, err;
	struct acl *acl;

	*len = 0;
	if (!archive_entry_acl_reset(ae, type))
		return 0;
	acl = malloc(sizeof(*acl));
	if (!acl)
		return tar_no_memory(a);
	acl->nr = acl->seen = acl->mask = 0;
	err = collect(a, ae, type, acl);
	qsort(acl->item, acl->nr, sizeof(acl->item[0]), by_tag);
	if (!err && !is_valid(acl))
		err = tar_entry_error(a, archive_entry_pathname(ae), "its ACL "
				      "lacks something, or says it twice; make "
				      "the archive without it");
	if (!err && (!access || (acl->seen & ~(ACL_USER_OBJ | ACL_GROUP_OBJ |
					       ACL_OTHER))))
		encode(acl, buf, len);
	if (!err && access && (acl->seen & ACL_MASK))
		*mode = (*mode & ~(u32)070) | acl->mask << 3;
	free(acl);
	return err;
}
