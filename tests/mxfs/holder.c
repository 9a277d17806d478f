// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client that has many locks, and holds them until it is killed.
 *
 * Notes: all are asked for at once. Says "held" when it has them all, and "lost" as soon
 * as one of them is.
 *
 * usage: holder SOCKET LOCKS
 */
#include <stdio.h>
#include <stdlib.h>

#include "mxfs.h"

static unsigned long granted, failed;

static void done(struct mxfs_lk *lk, int error, void *arg)
{
	(void)lk;
	(void)arg;
	granted += !error;
	failed += !!error;
}

static void lost(struct mxfs_lk *lk, int wanted, void *arg)
{
	(void)lk;
	(void)arg;
	failed += wanted < 0;
}

static void ask(struct mxfs_conn *conn, unsigned long nr)
{
	struct mxfs_lk *lk;
	char name[32];
	int len = snprintf(name, sizeof(name), "many/%lu", nr);

	if (mxfs_lock_begin(conn, name, (size_t)len, MXFS_MODE_PW, NULL, done, NULL, &lk))
		failed++;
	else
		mxfs_on_bast(lk, lost, NULL);
}

int main(int argc, char **argv)
{
	unsigned long locks = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct mxfs_conn *conn;
	int said = 0;

	if (!locks) {
		fprintf(stderr, "usage: holder SOCKET LOCKS\n");
		return 2;
	}
	if (mxfs_connect(&conn, argv[1])) {
		fprintf(stderr, "holder: %s: no daemon\n", argv[1]);
		return 1;
	}
	for (unsigned long i = 0; i < locks; i++)
		ask(conn, i);
	while (!failed && !mxfs_dispatch(conn)) {
		if (granted == locks && !said++) {
			puts("held");
			fflush(stdout);
		}
		mxfs_wait(conn, -1);
	}
	puts("lost");
	return 1;
}
