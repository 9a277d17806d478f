// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random inputs for fuzz_target.c, and files with inputs of earlier findings.
 *
 * Notes: an input is a function of the seed and its number, which are printed with
 * a failure (and the input saved below TMPDIR). For use with sanitizers.
 *
 * usage: fuzz_mxfs [--inputs N] [--seed N] [FILE...]
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz_target.h"
#include "world.h"

#define INPUT_MOST	4096u

static uint8_t input[INPUT_MOST];
static size_t input_len;
static uint64_t seed = 1, number;

/* Also for the end by a sanitizer, which calls abort(). */
static void failed(int sig)
{
	char path[512];
	const char *dir = getenv("TMPDIR");
	FILE *f;

	snprintf(path, sizeof(path), "%s/fuzz-mxfs-%llu-%llu", dir ? dir : "/tmp",
		 (unsigned long long)seed, (unsigned long long)number);
	f = fopen(path, "wb");
	if (f) {
		fwrite(input, 1, input_len, f);
		fclose(f);
	}
	fprintf(stderr, "fuzz_mxfs: --seed %llu, input %llu, saved to %s\n",
		(unsigned long long)seed, (unsigned long long)number, path);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Mostly small numbers, which mean something; some that are anything. */
static void make_input(void)
{
	struct rng r = { seed << 40 ^ number };
	uint64_t wild = rng_below(&r, 8);

	input_len = 1 + rng_below(&r, INPUT_MOST - 1) / (1 + rng_below(&r, 8));
	for (size_t i = 0; i < input_len; i++)
		input[i] = (uint8_t)(rng_below(&r, 8) < wild ? rng_next(&r) :
				     rng_below(&r, 16));
}

static int take_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		return 1;
	}
	input_len = fread(input, 1, sizeof(input), f);
	fclose(f);
	LLVMFuzzerTestOneInput(input, input_len);
	return 0;
}

static void report(void)
{
	printf("seed %llu: %llu inputs (%llu as a member), %llu messages, %llu "
	       "accepted, %llu delivered, %llu calls answered\n",
	       (unsigned long long)seed, (unsigned long long)fuzz_sums.inputs,
	       (unsigned long long)fuzz_sums.resumed,
	       (unsigned long long)fuzz_sums.messages,
	       (unsigned long long)fuzz_sums.accepted,
	       (unsigned long long)fuzz_sums.delivered,
	       (unsigned long long)fuzz_sums.asts);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "inputs", 1, NULL, 'i' }, { "seed", 1, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t inputs = 0;
	int c, bad = 0;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'i') {
			inputs = strtoull(optarg, NULL, 0);
		} else if (c == 's') {
			seed = strtoull(optarg, NULL, 0);
		} else {
			fputs("usage: fuzz_mxfs [--inputs N] [--seed N] [FILE...]\n",
			      stderr);
			return 2;
		}
	}
	signal(SIGABRT, failed);
	signal(SIGSEGV, failed);
	while (optind < argc)
		bad |= take_file(argv[optind++]);
	for (number = 0; number < inputs; number++) {
		make_input();
		LLVMFuzzerTestOneInput(input, input_len);
	}
	report();
	printf("%d passed, %d failed, 0 skipped\n", !bad, bad);
	return bad;
}
