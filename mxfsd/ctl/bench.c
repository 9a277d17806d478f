// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mxfsctl bench: lock and unlock names that nobody else uses, as fast as it goes.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define DEPTH_MOST	4096u
#define SAMPLES		(1u << 20)

struct bench;

struct lane {			/* one lock at a time */
	struct bench *b;
	struct mxfs_lk *lk;
	uint64_t begun, turn;
	uint32_t nr;
};

struct bench {
	struct ctl *c;
	uint64_t until, locks;
	uint32_t depth, busy;
	double seconds;
	int error;
	uint32_t *sample;	/* ns from asking to the grant */
	struct lane lane[DEPTH_MOST];
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void begin(struct lane *l);

static void unlocked(struct mxfs_lk *lk, int error, void *arg)
{
	struct lane *l = arg;

	(void)lk;
	l->b->busy--;
	if (error)
		l->b->error = error;
	else if (now() < l->b->until)
		begin(l);
}

static void granted(struct mxfs_lk *lk, int error, void *arg)
{
	struct lane *l = arg;
	uint64_t took = now() - l->begun;

	if (!error)
		error = mxfs_unlock_begin(lk, NULL, unlocked, l);
	if (error) {
		l->b->busy--;
		l->b->error = error;
		return;
	}
	l->b->sample[l->b->locks++ % SAMPLES] =
		took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}

static void begin(struct lane *l)
{
	char name[MXFS_NAME_MAX];
	int len = snprintf(name, sizeof(name), "bench/%d/%u/%llu", (int)getpid(), l->nr,
			   (unsigned long long)(l->turn++ % 64));
	int r;

	l->begun = now();
	r = mxfs_lock_begin(l->b->c->conn, name, (size_t)len, MXFS_MODE_EX, NULL, granted,
			    l, &l->lk);
	if (r)
		l->b->error = r;
	else
		l->b->busy++;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void report(struct bench *b, double took)
{
	uint64_t n = b->locks < SAMPLES ? b->locks : SAMPLES;
	double p50, p99;
	struct json_object *o;

	qsort(b->sample, n, sizeof(*b->sample), by_size);
	p50 = n ? b->sample[n / 2] / 1e3 : 0;
	p99 = n ? b->sample[n - 1 - n / 100] / 1e3 : 0;
	if (!b->c->json) {
		printf("depth %u: %.0f locks/s (with their unlocks), p50 %.1f us, p99 %.1f us\n",
		       b->depth, (double)b->locks / took, p50, p99);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "depth", json_object_new_int((int)b->depth));
	json_object_object_add(o, "seconds", json_object_new_double(took));
	json_object_object_add(o, "locks", json_object_new_uint64(b->locks));
	json_object_object_add(o, "p50_us", json_object_new_double(p50));
	json_object_object_add(o, "p99_us", json_object_new_double(p99));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static int run(struct bench *b)
{
	uint64_t start = now();
	int r = 0;

	b->until = start + (uint64_t)(b->seconds * 1e9);
	for (uint32_t i = 0; i < b->depth; i++) {
		b->lane[i] = (struct lane){ .b = b, .nr = i };
		begin(&b->lane[i]);
	}
	while (b->busy && !r) {
		r = mxfs_wait(b->c->conn, -1);
		if (!r)
			r = mxfs_dispatch(b->c->conn);
	}
	r = r ? r : b->error;
	if (!r)
		report(b, (double)(now() - start) / 1e9);
	return r ? ctl_failed(b->c, r, "bench") : 0;
}

static int depth_of(const char *text, uint32_t *depth)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '1' || *text > '9' || *end || v > DEPTH_MOST) {
		fprintf(stderr, "mxfsctl: --depth %s: must be 1 to %u\n", text, DEPTH_MOST);
		return -1;
	}
	*depth = (uint32_t)v;
	return 0;
}

static int words(struct bench *b, int argc, char **argv)
{
	static const struct option known[] = {
		{ "depth", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'd' ? depth_of(optarg, &b->depth) :
		    opt == 's' ? ctl_seconds(optarg, &b->seconds) : 0)
			return EXIT_USAGE;
		if (opt == 'j')
			b->c->json = 1;
		else if (opt == '?')
			return ctl_usage();
	}
	return argc == optind ? 0 : ctl_usage();
}

int ctl_bench(struct ctl *c, int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	int r = EXIT_FAILED;

	if (b)
		b->sample = malloc(SAMPLES * sizeof(*b->sample));
	if (!b || !b->sample) {
		fprintf(stderr, "mxfsctl: no memory\n");
	} else {
		b->c = c;
		b->depth = 1;
		b->seconds = 3;
		r = words(b, argc, argv);
		if (!r)
			r = ctl_connect(c);
		if (!r)
			r = run(b);
		free(b->sample);
	}
	free(b);
	return r;
}
