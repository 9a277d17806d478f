// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tar_odd make: a tar archive on stdout from a list of entries on stdin, also
 * such as no tar program would write. tar_odd mutate SEED FILE: the archive
 * with some bytes changed, most of them in headers whose checksum is set right.
 *
 * Notes: a line is a command and words; \xHH in a word is a byte.
 *   set mode|uid|gid|mtime|major|minor VALUE   of the entries that follow
 *   pax KEY VALUE         before the next entry
 *   entry TYPE NAME [LINK] [CONTENT]   TYPE as in the header: 0 5 1 2 3 4 6 ...
 *   claim TYPE NAME SIZE  an entry that is said to have SIZE bytes and has none
 *   end                   two blocks of zeros
 * "-" stands for an empty word. Exit 2: wrong usage.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK	512u
#define LINE	70000u
#define WORDS	4

static char pax[4 * LINE];
static size_t pax_len;
static unsigned long long mode = 0644, uid, gid, mtime = 1000000000, major,
	minor;

static void die(const char *what)
{
	fprintf(stderr, "tar_odd: %s\n", what);
	exit(2);
}

/* ---- writing ---- */

static void put_octal(char *to, size_t len, unsigned long long n)
{
	snprintf(to, len, "%0*llo", (int)len - 1, n);
}

static void put_checksum(char *h)
{
	unsigned int sum = 0, i;

	memset(h + 148, ' ', 8);
	for (i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

static void put_header(char type, const char *name, const char *link,
		       unsigned long long size)
{
	char h[BLOCK] = { 0 };

	if (strlen(name) > 100 || strlen(link) > 100)
		die("a name is longer than 100 bytes: say it by pax path");
	memcpy(h, name, strlen(name));
	put_octal(h + 100, 8, mode);
	put_octal(h + 108, 8, uid);
	put_octal(h + 116, 8, gid);
	put_octal(h + 124, 12, size);
	put_octal(h + 136, 12, mtime);
	h[156] = type;
	memcpy(h + 157, link, strlen(link));
	memcpy(h + 257, "ustar\00000", 8);
	put_octal(h + 329, 8, major);
	put_octal(h + 337, 8, minor);
	put_checksum(h);
	fwrite(h, 1, BLOCK, stdout);
}

static void put_content(const char *data, size_t len)
{
	static const char zeros[BLOCK];

	fwrite(data, 1, len, stdout);
	if (len % BLOCK)
		fwrite(zeros, 1, BLOCK - len % BLOCK, stdout);
}

static void put_pax(void)
{
	if (!pax_len)
		return;
	put_header('x', "PaxHeaders/x", "", pax_len);
	put_content(pax, pax_len);
	pax_len = 0;
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void add_pax(const char *key, const char *value, size_t len)
{
	size_t body = strlen(key) + len + 3, total = body, digits = 0;
	char text[32];

	while (digits + body != total || !digits) {
		digits = (size_t)snprintf(text, sizeof(text), "%zu", total);
		if (digits + body == total)
			break;
		total = digits + body;
	}
	if (pax_len + total > sizeof(pax))
		die("the extended header is too long");
	pax_len += (size_t)sprintf(pax + pax_len, "%zu %s=", total, key);
	memcpy(pax + pax_len, value, len);
	pax_len += len;
	pax[pax_len++] = '\n';
}

/* ---- the list ---- */

/* \xHH becomes a byte, in place; the length. */
static size_t unescape(char *s)
{
	char *to = s, *from = s;

	if (!strcmp(s, "-")) {
		*s = 0;
		return 0;
	}
	while (*from) {
		unsigned int byte;

		if (from[0] == '\\' && from[1] == 'x' &&
		    sscanf(from + 2, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return (size_t)(to - s);
}

static void set(const char *what, const char *value)
{
	const int base = strcmp(what, "mode") ? 10 : 8;
	const struct {
		const char *name;
		unsigned long long *to;
	} all[] = {
		{ "mode", &mode }, { "uid", &uid }, { "gid", &gid },
		{ "mtime", &mtime }, { "major", &major }, { "minor", &minor },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(what, all[i].name)) {
			*all[i].to = strtoull(value, NULL, base);
			return;
		}
	die(what);
}

static void command(char *cmd, char *word[WORDS], const size_t len[WORDS])
{
	static const char zeros[2 * BLOCK];

	if (!strcmp(cmd, "set")) {
		set(word[0], word[1]);
	} else if (!strcmp(cmd, "pax")) {
		add_pax(word[0], word[1], len[1]);
	} else if (!strcmp(cmd, "entry")) {
		put_pax();
		put_header(word[0][0], word[1], word[2], len[3]);
		put_content(word[3], len[3]);
	} else if (!strcmp(cmd, "claim")) {
		put_pax();
		put_header(word[0][0], word[1], "",
			   strtoull(word[2], NULL, 10));
	} else if (!strcmp(cmd, "end")) {
		fwrite(zeros, 1, sizeof(zeros), stdout);
	} else {
		die(cmd);
	}
}

static void make(void)
{
	static char line[LINE];

	while (fgets(line, sizeof(line), stdin)) {
		static char none[] = "";
		char *word[WORDS] = { none, none, none, none };
		size_t len[WORDS] = { 0 };
		char *cmd = strtok(line, " \n"), *p;
		int i;

		if (!cmd)
			continue;
		for (i = 0; i < WORDS && (p = strtok(NULL, " \n")); i++) {
			word[i] = p;
			len[i] = unescape(p);
		}
		command(cmd, word, len);
	}
}

/* ---- mutating ---- */

static uint64_t state;

static uint64_t any(uint64_t below)
{
	state += 0x9e3779b97f4a7c15ull;
	uint64_t z = state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (z ^ z >> 31) % below;
}

static int is_header(const char *block)
{
	return !memcmp(block + 257, "ustar", 5);
}

static void mutate(char *data, size_t len)
{
	uint64_t n = 1 + any(6), blocks = len / BLOCK;

	while (n--) {
		char *block = data + any(blocks) * BLOCK;
		char *at = block + any(BLOCK);

		switch (any(4)) {
		case 0:
			*at = (char)any(256);
			break;
		case 1:
			*at ^= (char)(1 << any(8));
			break;
		case 2:		/* a digit where digits are */
			*at = (char)('0' + any(10));
			break;
		default:	/* one block over another */
			memcpy(block, data + any(blocks) * BLOCK, BLOCK);
		}
		if (is_header(block) && any(8))
			put_checksum(block);
	}
}

static void mutate_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	static char data[1 << 22];
	size_t len;

	if (!f)
		die(path);
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	if (len < BLOCK)
		die("too short");
	mutate(data, len);
	if (!any(8))
		len = any(len);
	fwrite(data, 1, len, stdout);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "make")) {
		make();
	} else if (argc == 4 && !strcmp(argv[1], "mutate")) {
		state = strtoull(argv[2], NULL, 0);
		mutate_file(argv[3]);
	} else {
		die("usage: tar_odd make <LIST | tar_odd mutate SEED FILE");
	}
	return fflush(stdout) ? 1 : 0;
}
