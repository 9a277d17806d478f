/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a resource is mastered: a keyed hash, and rendezvous.
 */
#ifndef MXFSD_PLACE_H
#define MXFSD_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4: names that are chosen on purpose do not meet in one place. */
uint64_t mxfsd_hash(const uint8_t key[16], const void *data, size_t len);
/*
 * The member with the highest draw for this hash; 0 if there is no member. A
 * member that joins or leaves moves its own share of the resources alone.
 */
uint32_t mxfsd_place(uint64_t hash, uint64_t members);

#endif
