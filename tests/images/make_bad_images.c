// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Write the good and all bad handmade images into a directory, for tests of
 * the tools: NAME.img, and a line "NAME ERRNO MESSAGE" each on stdout.
 *
 * Notes: ERRNO is what opening answers, 0 where only the check finds it. The
 * good image has the line "good 0 -".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "handmade.h"

static int write_image(const char *dir, const char *name, const uint8_t *buf,
		       size_t len)
{
	char path[4096];
	FILE *f;
	int bad;

	snprintf(path, sizeof(path), "%s/%s.img", dir, name);
	f = fopen(path, "wb");
	bad = !f || fwrite(buf, 1, len, f) != len;
	if (f && fclose(f))
		bad = 1;
	if (bad)
		fprintf(stderr, "make_bad_images: %s: %s\n", path,
			strerror(errno));
	return bad;
}

int main(int argc, char **argv)
{
	static uint8_t buf[HANDMADE_LEN];
	size_t i, len;

	if (argc != 2) {
		fprintf(stderr, "usage: make_bad_images DIRECTORY\n");
		return 2;
	}
	handmade_good(buf);
	if (write_image(argv[1], "good", buf, HANDMADE_LEN))
		return 1;
	printf("good 0 -\n");
	for (i = 0; i < handmade_bad_nr; i++) {
		const struct handmade *h = &handmade_bad[i];

		len = handmade_make(h, buf);
		if (write_image(argv[1], h->name, buf, len))
			return 1;
		printf("%s %d %s\n", h->name, -h->open_err, h->says);
	}
	return fflush(stdout) != 0;
}
