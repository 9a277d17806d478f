// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mxfsctl: look at the lock manager of this machine, and use it from a shell.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "mode.h"

static const struct command {
	const char *name;
	int (*run)(struct ctl *c, int argc, char **argv);
} commands[] = {
	{ "status", ctl_status }, { "members", ctl_members },
	{ "resources", ctl_resources }, { "locks", ctl_locks },
	{ "volumes", ctl_volumes }, { "lock", ctl_lock }, { "watch", ctl_watch },
	{ "bench", ctl_bench }, { "fenced", ctl_fenced },
};

static const char usage[] =
	"usage: mxfsctl [-s SOCKET] status|members|resources|locks|volumes [--json]\n"
	"       mxfsctl lock RESOURCE MODE [--timeout S] [--noqueue] [--lvb-set HEX]\n"
	"                    [--json] [-- CMD...]\n"
	"       mxfsctl watch RESOURCE [--json]\n"
	"       mxfsctl bench [--depth N] [--seconds S] [--json]\n"
	"       mxfsctl fenced NODE\n"
	"RESOURCE: 1 to 64 bytes. MODE: NL CR CW PR PW EX.\n";

int ctl_usage(void)
{
	fputs(usage, stderr);
	return EXIT_USAGE;
}

int ctl_connect(struct ctl *c)
{
	const char *path = c->socket ? c->socket : MXFS_CTL_SOCKET;
	int r = mxfs_connect(&c->conn, c->socket);

	if (!r)
		return 0;
	if (r == -EPROTO)
		fprintf(stderr, "mxfsctl: %s: who answers is no mxfsd of this version\n",
			path);
	else
		fprintf(stderr, "mxfsctl: %s: %s%s\n", path, strerror(-r),
			r == -ENOENT || r == -ECONNREFUSED ?
			": is mxfsd running, and is that its socket (-s)?" : "");
	return EXIT_NO_DAEMON;
}

int ctl_failed(struct ctl *c, int error, const char *what)
{
	int denied = error == -EAGAIN || error == -ETIMEDOUT;

	(void)c;
	if (error == -EPERM)
		fprintf(stderr, "mxfsctl: %s: refused to this user, or over a bound\n", what);
	else if (error == -EPIPE)
		fprintf(stderr, "mxfsctl: %s: mxfsd is gone\n", what);
	else
		fprintf(stderr, "mxfsctl: %s: %s\n", what,
			error == -EAGAIN ? "not granted at once" :
			error == -ETIMEDOUT ? "not granted in time" :
			error == -ESTALE ? "the lock is void: the node's lease has run out" :
			strerror(-error));
	if (denied)
		return EXIT_DENIED;
	return error == -EPIPE ? EXIT_NO_DAEMON :
		error == -ESTALE ? EXIT_LOST : EXIT_FAILED;
}

int ctl_mode(const char *text)
{
	for (uint8_t m = 0; m < MXFS_MODES; m++)
		if (!strcasecmp(text, mxfs_mode_text(m)))
			return m;
	fprintf(stderr, "mxfsctl: %s is no mode: NL CR CW PR PW EX\n", text);
	return -1;
}

int ctl_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (*text && !*end && *seconds > 0 && *seconds <= 1e6)
		return 0;
	fprintf(stderr, "mxfsctl: %s: must be seconds, more than 0 and at most 1000000\n",
		text);
	return -1;
}

const char *ctl_name(const struct mxfs_name *name, char text[4 * MXFS_NAME_MAX + 1])
{
	char *to = text;

	for (uint8_t i = 0; i < name->len; i++) {
		uint8_t b = name->byte[i];

		if (b > ' ' && b < 127 && b != '\\')
			*to++ = (char)b;
		else
			to += sprintf(to, "\\x%02x", b);
	}
	*to = 0;
	return text;
}

void ctl_hex(const uint8_t *byte, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", byte[i]);
}

int main(int argc, char **argv)
{
	struct ctl c = { .socket = NULL };
	int opt, r;

	/* "+": what is behind the command is the command's. */
	while ((opt = getopt(argc, argv, "+s:h")) != -1) {
		if (opt == 's') {
			c.socket = optarg;
		} else if (opt == 'h') {
			fputs(usage, stdout);
			return 0;
		} else {
			return ctl_usage();
		}
	}
	argc -= optind;
	argv += optind;
	for (size_t i = 0; argc && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name))
			continue;
		optind = 0;	/* GNU: begin anew */
		r = commands[i].run(&c, argc, argv);
		mxfs_close(c.conn);
		return r;
	}
	return ctl_usage();
}
