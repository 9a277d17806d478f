/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The single rounds of a benchmark: how many, and where they are kept.
 *
 * Notes: medians go to stdout, rounds to the file that $BENCH_ROUNDS names, if
 * it does: "question,round,ours,peer". $BENCH_COUNT says how many rounds there
 * are instead of the usual number.
 */
#ifndef DAXFS_BENCH_ROUNDS_H
#define DAXFS_BENCH_ROUNDS_H

/* The usual number, or that of $BENCH_COUNT, from 1 to max. */
int bench_count(int usual, int max);
/* Append a round, which counts from 0. Ends the process if it cannot. */
void bench_round(const char *question, int round, double ours, double peer);

#endif
