/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * set_xattr: give a file an extended attribute, or print one (-g).
 *
 * Notes: so that the tests need no further package. Exit status: 0 done, 1
 * failed, 3 the file system has no such attributes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static int print_one(const char *path, const char *name)
{
	char value[65536];
	ssize_t n = lgetxattr(path, name, value, sizeof(value));

	if (n < 0)
		return -1;
	return fwrite(value, 1, (size_t)n, stdout) == (size_t)n ? 0 : -1;
}

int main(int argc, char **argv)
{
	int r;

	if (argc != 4) {
		fputs("usage: set_xattr FILE NAME VALUE\n"
		      "       set_xattr -g FILE NAME\n", stderr);
		return 2;
	}
	if (!strcmp(argv[1], "-g"))
		r = print_one(argv[2], argv[3]);
	else
		r = lsetxattr(argv[1], argv[2], argv[3], strlen(argv[3]), 0);
	if (!r)
		return 0;
	perror(argv[1]);
	return errno == EOPNOTSUPP ? 3 : 1;
}
