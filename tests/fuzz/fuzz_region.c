// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The fuzz target: a golden region, changes of it, then operations.
 *
 * Notes: an input is
 *
 *   byte 0     golden region, modulo 4: 0 empty, 1 base image alone, 2 base
 *              image and a rich overlay with dead hosts, 3 full; from 240 on
 *              one in split mode
 *   byte 1     flags: 1 make the superblock's checksum right, 2 change words
 *              between accesses, 4 and by a second thread, 8 read-only,
 *              16 run the checks before, 32 a second burst in the middle,
 *              64 whatever byte 0 says, a golden region with extended
 *              attributes; some operations are about them then
 *   byte 2     number of patches
 *   byte 3, 4  seed of all that is random
 *   byte 5     size of a burst of random patches: 0 none, n: 2^(n modulo 13)
 *   byte 6     accesses between live changes: 2^(n modulo 12)
 *   byte 7     1: live changes are taken back after a few accesses
 *   patches of 8 bytes: class of structure, how, number in its class (u16),
 *              value (u32); see patch.c
 *   operations of 4 bytes, 64 at most: [4:0] operation, [7:5] context, three
 *              arguments; see script.c
 *
 * and all of it may be missing. What an input does follows from its bytes alone
 * (but for flag 4). What must hold is said in script.c.
 */
#include "fuzz.h"

#define HEAD		8u
#define OPS_MOST	64u

struct fuzz_stats fuzz_stats = { .most_call = "" };

extern enum fuzz_golden fuzz_golden_now;

static u32 burst_size(const u8 *head)
{
	return head[5] ? 1u << head[5] % 13 : 0;
}

struct parsed {
	u8 head[HEAD];
	const u8 *ops;
	u32 nr;
};

static void run(const struct parsed *in)
{
	const u8 *head = in->head;
	u64 seed = (u64)head[3] << 8 | head[4];
	u32 flags = head[1], half = flags & FUZZ_F_MIDWAY ? in->nr / 2 : in->nr;

	if (flags & FUZZ_F_LIVE)
		fuzz_live(seed, 1ull << head[6] % 12, head[7] & 1);
	if (flags & FUZZ_F_THREAD)
		fuzz_thread_begin(seed);
	fuzz_script(in->ops, half, flags);
	if (half < in->nr) {
		fuzz_patch_burst(seed + 1, burst_size(head));
		fuzz_script(in->ops + half * FUZZ_OP_LEN, in->nr - half, flags);
	}
	fuzz_thread_end();
	fuzz_live(0, 0, 0);
}

/* The golden region with all patches, but for those in the middle. */
static void prepare(const u8 *data, size_t size, struct parsed *in)
{
	u32 n = size < HEAD ? (u32)size : HEAD;
	struct fuzz_patch p;

	memset(in->head, 0, HEAD);
	memcpy(in->head, data, n);
	data += n;
	size -= n;
	fuzz_golden_now = in->head[0] >= FUZZ_SPLIT_FROM ? FUZZ_SPLIT :
			  in->head[1] & FUZZ_F_LAYERS ? FUZZ_LAYERS :
			  in->head[1] & FUZZ_F_XATTR ? FUZZ_XATTR :
			  (enum fuzz_golden)(in->head[0] % FUZZ_PLAIN);
	fuzz_mem_reset(fuzz_golden_now);
	for (u32 i = 0; i < in->head[2] && size >= FUZZ_PATCH_LEN; i++) {
		memcpy(&p, data, sizeof(p));
		fuzz_patch_apply(&p);
		data += FUZZ_PATCH_LEN;
		size -= FUZZ_PATCH_LEN;
	}
	fuzz_patch_burst((u64)in->head[3] << 8 | in->head[4], burst_size(in->head));
	if (in->head[1] & FUZZ_F_REPAIR)
		fuzz_super_repair();
	in->ops = data;
	in->nr = (u32)(size / FUZZ_OP_LEN);
	if (in->nr > OPS_MOST)
		in->nr = OPS_MOST;
}

void fuzz_patched(const u8 *data, size_t size)
{
	struct parsed in;

	prepare(data, size, &in);
}

void fuzz_input(const u8 *data, size_t size)
{
	struct parsed in;

	fuzz_mem.now = 1700000001000000000ull;
	fuzz_stats.inputs++;
	prepare(data, size, &in);
	run(&in);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_golden_make();
	fuzz_mem_make();
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	fuzz_input(data, size);
	return 0;
}
