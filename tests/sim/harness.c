// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counting and reporting for the tests on the simulator.
 *
 * Notes: of many failures of one test the first few are printed, all count
 * as one.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "harness.h"

#define SHOWN_MAX	10u

static u32 shown;
static char covered[200];

int harness_fail(const char *file, int line, const char *format, ...)
{
	va_list ap;

	if (shown++ < SHOWN_MAX) {
		printf("  %s:%d: ", file, line);
		va_start(ap, format);
		vprintf(format, ap);
		va_end(ap);
		putchar('\n');
	}
	return -1;
}

void harness_covered(u64 nr, const char *what)
{
	size_t at = strlen(covered);

	snprintf(covered + at, sizeof(covered) - at, "%s%llu %s",
		 at ? ", " : "", (unsigned long long)nr, what);
}

static u64 from_env(const char *name, u64 fallback)
{
	const char *text = getenv(name);
	char *end;
	u64 v;

	if (!text)
		return fallback;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || *end || end == text || v == 0) {
		fprintf(stderr, "%s='%s': expected a number above 0\n", name,
			text);
		exit(2);
	}
	return v;
}

u64 harness_runs(u64 nr)
{
	return nr * from_env("SIM_RUNS", 1) * (getenv("SIM_LONG") ? 20 : 1);
}

u64 harness_seed(void)
{
	return from_env("SIM_SEED", 1);
}

static int run_one(const struct test *test)
{
	int failed;

	shown = 0;
	covered[0] = 0;
	failed = test->fn(test->arg) != 0;
	if (shown > SHOWN_MAX)
		printf("  and %u more\n", shown - SHOWN_MAX);
	printf("%s %s%s%s\n", failed ? "FAIL" : "ok  ", test->name,
	       covered[0] ? ": " : "", covered);
	fflush(stdout);
	return failed;
}

int harness_main(int argc, char **argv, const struct test *test, u32 nr)
{
	u32 passed = 0, failed = 0, i;

	if (argc > 2) {
		fprintf(stderr, "usage: %s [PART-OF-A-NAME]\n", argv[0]);
		return 2;
	}
	for (i = 0; i < nr; i++) {
		if (argc == 2 && !strstr(test[i].name, argv[1]))
			continue;
		if (run_one(&test[i]))
			failed++;
		else
			passed++;
	}
	if (passed + failed == 0) {
		fprintf(stderr, "%s: no test has '%s' in its name\n", argv[0],
			argv[1]);
		return 2;
	}
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed ? 1 : 0;
}
