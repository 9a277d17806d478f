// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files as inputs of the fuzz targets, and random changes of them.
 *
 * Notes: an input is a function of the seed, its number and the files, in the order in which
 * they are given; a failure prints the first two, and the input is saved below TMPDIR. For
 * use with sanitizers.
 *
 * usage: fuzz_mxfsd conf|control [--inputs N] [--seed N] FILE|FOLDER...
 */
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "targets.h"

#define INPUT_MOST	4096u
#define FILES_MOST	1024u

struct file {
	uint8_t byte[INPUT_MOST];
	size_t len;
};

static struct file *file;
static size_t files;
static struct file input;
static uint64_t seed = 1, number, state;

static uint64_t below(uint64_t n)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

/* Also for the end by a sanitizer, which calls abort(). */
static void failed(int sig)
{
	const char *dir = getenv("TMPDIR");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/fuzz-mxfsd-%llu-%llu", dir ? dir : "/tmp",
		 (unsigned long long)seed, (unsigned long long)number);
	f = fopen(path, "wb");
	if (f) {
		fwrite(input.byte, 1, input.len, f);
		fclose(f);
	}
	fprintf(stderr, "fuzz_mxfsd: --seed %llu, input %llu, saved to %s\n",
		(unsigned long long)seed, (unsigned long long)number, path);
	signal(sig, SIG_DFL);
	raise(sig);
}

static int take_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		return 1;
	}
	if (files == FILES_MOST) {
		fprintf(stderr, "fuzz_mxfsd: more than %u files\n", FILES_MOST);
		exit(1);
	}
	file[files].len = fread(file[files].byte, 1, INPUT_MOST, f);
	files++;
	fclose(f);
	return 0;
}

static int take(const char *path)
{
	struct dirent **name;
	int n = scandir(path, &name, NULL, alphasort), bad = 0;
	char in[1024];

	if (n < 0)
		return take_file(path);
	for (int i = 0; i < n; i++) {
		snprintf(in, sizeof(in), "%s/%s", path, name[i]->d_name);
		if (name[i]->d_name[0] != '.')
			bad |= take_file(in);
		free(name[i]);
	}
	free(name);
	return bad;
}

/* A piece of another file, or of this one, in the middle. */
static void splice(void)
{
	const struct file *from = &file[below(files)];
	size_t at = below(input.len + 1), start = below(from->len + 1);
	size_t len = below(from->len - start + 1), room = INPUT_MOST - at;

	len = len < room ? len : room;
	memcpy(input.byte + at, from->byte + start, len);
	if (at + len > input.len)
		input.len = at + len;
}

static void cut_out(void)
{
	size_t at = below(input.len + 1), len = below(input.len - at + 1);

	memmove(input.byte + at, input.byte + at + len, input.len - at - len);
	input.len -= len;
}

static void make_input(void)
{
	state = seed << 40 ^ number;
	input = file[below(files)];
	for (uint64_t n = 1 + below(6); n; n--) {
		switch (below(6)) {
		case 0:
			splice();
			break;
		case 1:
			cut_out();
			break;
		case 2:
			if (input.len)
				input.byte[below(input.len)] ^= (uint8_t)(1 << below(8));
			break;
		default:
			if (input.len)
				input.byte[below(input.len)] =
					(uint8_t)below(below(2) ? 16 : 256);
		}
	}
}

static int usage(void)
{
	fputs("usage: fuzz_mxfsd conf|control [--inputs N] [--seed N] FILE|FOLDER...\n",
	      stderr);
	return 2;
}

static void run(int (*target)(const uint8_t *, size_t), uint64_t inputs)
{
	for (size_t i = 0; i < files; i++) {
		input = file[i];
		target(input.byte, input.len);
	}
	for (number = 0; number < inputs; number++) {
		make_input();
		target(input.byte, input.len);
	}
	printf("seed %llu: %llu inputs (%zu files), %llu taken, %llu refused, %llu "
	       "answers, %llu grants, %llu lost\n", (unsigned long long)seed,
	       (unsigned long long)fuzz_sums.inputs, files,
	       (unsigned long long)fuzz_sums.taken,
	       (unsigned long long)fuzz_sums.refused,
	       (unsigned long long)fuzz_sums.answers,
	       (unsigned long long)fuzz_sums.grants,
	       (unsigned long long)fuzz_sums.lost);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "inputs", 1, NULL, 'i' }, { "seed", 1, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t inputs = 0;
	int c, bad = 0, conf;

	if (argc < 2)
		return usage();
	conf = !strcmp(argv[1], "conf");
	if (!conf && strcmp(argv[1], "control"))
		return usage();
	for (optind = 2; (c = getopt_long(argc, argv, "", names, NULL)) != -1; ) {
		if (c == 'i')
			inputs = strtoull(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return usage();
	}
	file = calloc(FILES_MOST, sizeof(*file));
	while (file && optind < argc)
		bad |= take(argv[optind++]);
	if (!files)
		return usage();
	signal(SIGABRT, failed);
	signal(SIGSEGV, failed);
	run(conf ? fuzz_conf : fuzz_control, inputs);
	free(file);
	printf("%d passed, %d failed, 0 skipped\n", !bad, bad);
	return bad;
}
