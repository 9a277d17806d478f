// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reading mxfsd.conf, strictly.
 *
 * Notes: the syntax is read by inih; what it means by the tables below. A section
 * or a key that is unknown, or given twice, is an error: a word that is misspelt
 * must not be a default that nobody asked for. Peers are sections "[peer ID]",
 * volumes "[volume NAME]".
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ini.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "config.h"
#include "dlm.h"

#define MS	1000000u
#define BOM	"\xef\xbb\xbf"	/* inih skips it */

struct reader {
	struct conf *c;
	char what[200];		/* is wrong; empty: nothing */
	uint32_t volume;	/* of the section */
	uint64_t seen;		/* keys, by their place in the table */
	uint64_t peer_named, peer_seen;	/* sections; addresses */
	uint64_t volume_seen[CONF_VOLUMES];
};

static int wrong(struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->what, sizeof(r->what), fmt, ap);
	va_end(ap);
	return 0;
}

/* ---- values ---- */

static int number(const char *text, uint64_t least, uint64_t most, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno &&
		*v >= least && *v <= most ? 0 : -1;
}

static int put_text(char *to, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= size)
		return -1;
	memcpy(to, text, len + 1);
	return 0;
}

static int put_path(char *to, size_t size, const char *text)
{
	return text[0] == '/' ? put_text(to, size, text) : -1;
}

static int choice(const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(text, names[i]))
			return i;
	return -1;
}

static int host_and_port(const char *text, char *host, size_t size, uint64_t *port)
{
	const char *colon = strrchr(text, ':'), *close = strchr(text, ']');
	size_t len = strlen(text);

	*port = MXFS_PORT;
	if (text[0] == '[') {
		if (!close || (close[1] && close[1] != ':'))
			return -1;
		colon = close[1] ? close + 1 : NULL;
		text++;
		len = (size_t)(close - text);
	} else if (colon && strchr(text, ':') == colon) {
		len = (size_t)(colon - text);
	} else {
		colon = NULL;	/* several colons: IPv6 without a port */
	}
	if (!len || len >= size || (colon && number(colon + 1, 1, 65535, port)))
		return -1;
	memcpy(host, text, len);
	host[len] = 0;
	return 0;
}

int conf_address(const char *text, struct conf_address *a)
{
	struct sockaddr_in6 *in6 = (void *)&a->sa;
	struct sockaddr_in *in = (void *)&a->sa;
	char host[INET6_ADDRSTRLEN];
	uint64_t port;

	memset(a, 0, sizeof(*a));
	if (put_text(a->text, sizeof(a->text), text) ||
	    host_and_port(text, host, sizeof(host), &port))
		return -1;
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		a->len = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		a->len = sizeof(*in6);
	}
	return a->len ? 0 : -1;
}

int conf_is_loopback(const struct conf_address *a)
{
	const struct sockaddr_in6 *in6 = (const void *)&a->sa;
	const struct sockaddr_in *in = (const void *)&a->sa;

	return a->sa.ss_family == AF_INET ?
		ntohl(in->sin_addr.s_addr) >> 24 == 127 :
		IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* ---- keys ---- */

static int set_id(struct conf *c, const char *v)
{
	uint64_t id;

	if (number(v, 1, MXFS_NODES, &id))
		return -1;
	c->node = (uint32_t)id;
	return 0;
}

static int set_cluster(struct conf *c, const char *v)
{
	return put_text(c->cluster_text, sizeof(c->cluster_text), v) ||
		uuid_parse(v, c->cluster) || uuid_is_null(c->cluster) ? -1 : 0;
}

static int set_listen(struct conf *c, const char *v)
{
	return conf_address(v, &c->listen);
}

static int set_state(struct conf *c, const char *v)
{
	return put_path(c->state, sizeof(c->state), v);
}

static int set_control(struct conf *c, const char *v)
{
	return put_path(c->control, sizeof(c->control), v);
}

static int set_disk(struct conf *c, const char *v)
{
	return put_path(c->disk, sizeof(c->disk), v);
}

static int set_group(struct conf *c, const char *v)
{
	struct group *g = getgrnam(v);

	if (!g)
		return -1;
	c->group = g->gr_gid;
	c->has_group = 1;
	return 0;
}

static int set_security(struct conf *c, const char *v)
{
	static const char *const names[] = { "certificate", "secret", "none", NULL };
	int i = choice(v, names);

	c->security = i < 0 ? CONF_TLS_CERTIFICATE : (enum conf_security)i;
	return i < 0 ? -1 : 0;
}

static int set_certificate(struct conf *c, const char *v)
{
	return put_path(c->certificate, sizeof(c->certificate), v);
}

static int set_key(struct conf *c, const char *v)
{
	return put_path(c->key, sizeof(c->key), v);
}

static int set_ca(struct conf *c, const char *v)
{
	return put_path(c->ca, sizeof(c->ca), v);
}

static int set_secret(struct conf *c, const char *v)
{
	return put_path(c->secret, sizeof(c->secret), v);
}

static int set_old_secret(struct conf *c, const char *v)
{
	return put_path(c->old_secret, sizeof(c->old_secret), v);
}

/* Words, by blanks: no shell ever sees them. */
static int set_agent(struct conf *c, const char *v)
{
	char *words = v[0] == '/' ? strdup(v) : NULL, *save = NULL, *w;
	uint32_t n = 0;

	if (!words)
		return -1;
	for (w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n == CONF_ARGS)
			break;
		c->agent[n++] = strdup(w);
	}
	free(words);
	c->fence = CONF_FENCE_AGENT;
	return w ? -1 : 0;
}

static int set_fence(struct conf *c, const char *v)
{
	static const char *const names[] = { "none", "manual", NULL };
	int i = choice(v, names);

	if (i < 0)
		return set_agent(c, v);
	c->fence = (enum conf_fence)i;
	return 0;
}

static int set_ms(uint64_t *ns, const char *v)
{
	if (number(v, 10, 3600000, ns))
		return -1;
	*ns *= MS;
	return 0;
}

static int set_renew(struct conf *c, const char *v)
{
	return set_ms(&c->renew_ns, v);
}

static int set_lease(struct conf *c, const char *v)
{
	return set_ms(&c->lease_ns, v);
}

static int set_takeover(struct conf *c, const char *v)
{
	return set_ms(&c->takeover_ns, v);
}

static int set_probe(struct conf *c, const char *v)
{
	return set_ms(&c->probe_ns, v);
}

static int set_level(struct conf *c, const char *v)
{
	static const char *const names[] = { "error", "warning", "info", "debug",
					     NULL };
	int i = choice(v, names);

	c->level = i < 0 ? LOG_L_INFO : (enum log_level)i;
	return i < 0 ? -1 : 0;
}

static int set_log(struct conf *c, const char *v)
{
	if (strcmp(v, "stderr") && strcmp(v, "syslog"))
		return put_path(c->log, sizeof(c->log), v);
	return put_text(c->log, sizeof(c->log), v);
}

static const struct key {
	const char *section, *name;
	int (*set)(struct conf *c, const char *value);
	const char *wants;
} keys[] = {
	{ "node", "id", set_id, "a number from 1 to 64" },
	{ "node", "cluster", set_cluster, "a UUID" },
	{ "node", "listen", set_listen, "ADDRESS or ADDRESS:PORT, as numbers" },
	{ "node", "state", set_state, "an absolute path" },
	{ "node", "control", set_control, "an absolute path of less than 108 bytes" },
	{ "node", "disk", set_disk, "an absolute path" },
	{ "node", "group", set_group, "a group of this machine" },
	{ "node", "security", set_security, "certificate, secret or none" },
	{ "node", "certificate", set_certificate, "an absolute path" },
	{ "node", "key", set_key, "an absolute path" },
	{ "node", "ca", set_ca, "an absolute path" },
	{ "node", "secret", set_secret, "an absolute path" },
	{ "node", "old_secret", set_old_secret, "an absolute path" },
	{ "node", "fence", set_fence, "none, manual, or an absolute path and up to 15 words" },
	{ "timing", "renew_ms", set_renew, "10 to 3600000 milliseconds" },
	{ "timing", "lease_ms", set_lease, "10 to 3600000 milliseconds" },
	{ "timing", "takeover_ms", set_takeover, "10 to 3600000 milliseconds" },
	{ "timing", "probe_ms", set_probe, "10 to 3600000 milliseconds" },
	{ "logging", "level", set_level, "error, warning, info or debug" },
	{ "logging", "to", set_log, "stderr, syslog or an absolute path" },
};

#define KEYS	(sizeof(keys) / sizeof(keys[0]))
_Static_assert(KEYS <= 64, "reader.seen has a bit for each");

static int plain_key(struct reader *r, const char *section, const char *name,
		     const char *value)
{
	int section_known = 0;

	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section))
			continue;
		section_known = 1;
		if (strcmp(keys[i].name, name))
			continue;
		if (r->seen >> i & 1)
			return wrong(r, "%s is given twice in [%s]", name, section);
		r->seen |= (uint64_t)1 << i;
		if (keys[i].set(r->c, value))
			return wrong(r, "%s = %.60s: must be %s", name, value,
				     keys[i].wants);
		return 1;
	}
	if (!section_known)
		return wrong(r, "there is no section [%.60s]", section);
	return wrong(r, "there is no key %.60s in [%s]", name, section);
}

static int peer_id(struct reader *r, const char *id, uint64_t *n)
{
	return !number(id, 1, MXFS_NODES, n) ||
		wrong(r, "[peer %.20s]: must be a number from 1 to 64", id);
}

static int peer_key(struct reader *r, const char *id, const char *name,
		    const char *value)
{
	uint64_t n;

	if (!peer_id(r, id, &n))
		return 0;
	if (strcmp(name, "address"))
		return wrong(r, "there is no key %.60s in [peer %s]", name, id);
	if (r->peer_seen & mxfs_bit((uint32_t)n))
		return wrong(r, "[peer %s] has two addresses", id);
	r->peer_seen |= mxfs_bit((uint32_t)n);
	if (conf_address(value, &r->c->peer[n - 1]))
		return wrong(r, "address = %.60s: must be ADDRESS or ADDRESS:PORT, as numbers",
			     value);
	return 1;
}

/* NULL, and that is said: there are too many. */
static struct conf_volume *volume_of(struct reader *r, const char *name)
{
	struct conf *c = r->c;

	for (r->volume = 0; r->volume < c->volumes; r->volume++)
		if (!strcmp(c->volume[r->volume].name, name))
			return &c->volume[r->volume];
	if (c->volumes == CONF_VOLUMES ||
	    put_text(c->volume[c->volumes].name, sizeof(c->volume[0].name), name)) {
		wrong(r, "[volume %.60s]: one without a name, or more than %u volumes",
		      name, CONF_VOLUMES);
		return NULL;
	}
	return &c->volume[c->volumes++];
}

static int volume_key(struct reader *r, const char *volume, const char *name,
		      const char *value)
{
	struct conf_volume *v = volume_of(r, volume);
	int is_uuid = !strcmp(name, "uuid"), is_device = !strcmp(name, "device");
	uint64_t bit = is_uuid ? 1 : 2;

	if (!v)
		return 0;
	if (!is_uuid && !is_device)
		return wrong(r, "there is no key %.60s in [volume %s]", name, volume);
	if (r->volume_seen[r->volume] & bit)
		return wrong(r, "%s is given twice in [volume %s]", name, volume);
	r->volume_seen[r->volume] |= bit;
	if (is_uuid ? uuid_parse(value, v->uuid) :
		      put_path(v->device, sizeof(v->device), value))
		return wrong(r, "%s = %.60s: must be %s", name, value,
			     is_uuid ? "a UUID" : "an absolute path");
	return 1;
}

static int on_key(void *arg, const char *section, const char *name,
		  const char *value)
{
	struct reader *r = arg;

	if (r->what[0])
		return 0;
	if (!strncmp(section, "peer ", 5))
		return peer_key(r, section + 5, name, value);
	if (!strncmp(section, "volume ", 7))
		return volume_key(r, section + 7, name, value);
	return plain_key(r, section, name, value);
}

/* ---- lines ---- */

/* Also one that has no keys: a peer without an address must not be no peer. */
static int see_section(struct reader *r, const char *name)
{
	uint64_t n;

	if (!strncmp(name, "volume ", 7))
		return volume_of(r, name + 7) != NULL;
	if (!strncmp(name, "peer ", 5)) {
		if (!peer_id(r, name + 5, &n))
			return 0;
		r->peer_named |= mxfs_bit((uint32_t)n);
		return 1;
	}
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].section, name))
			return 1;
	return wrong(r, "there is no section [%.60s]", name);
}

/*
 * What inih says nothing about: it takes a longer name for the one that it begins with,
 * does not look behind the bracket, and does not tell of a section without keys.
 */
static int section_line(struct reader *r, const char *line, size_t len)
{
	const char *close = memchr(line, ']', len);
	size_t name = close ? (size_t)(close - line) - 1 : 0;
	char text[CONF_SECTION + 1];

	if (!close)
		return 1;	/* inih refuses it */
	if (name > CONF_SECTION)
		return wrong(r, "the name of this section is longer than %u bytes",
			     CONF_SECTION);
	memcpy(text, line + 1, name);
	text[name] = 0;
	for (close++; close < line + len && isspace((unsigned char)*close); close++)
		;
	if (close < line + len && *close != ';')
		return wrong(r, "something stands behind [%s]", text);
	return see_section(r, text);
}

static int line_ok(struct reader *r, const char *line, size_t len)
{
	if (len > CONF_LINE)
		/* inih takes it for two, of which the second might look like a key */
		return wrong(r, "this line is longer than %u bytes", CONF_LINE);
	while (len && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	return !len || *line != '[' || section_line(r, line, len);
}

/* The number of the first line that is wrong by itself. 0: there is none. */
static int wrong_line(struct reader *r, const char *text)
{
	if (!strncmp(text, BOM, strlen(BOM)))
		text += strlen(BOM);
	for (int line = 1; *text; line++) {
		size_t len = strcspn(text, "\n");

		if (!line_ok(r, text, len))
			return line;
		text += len + (text[len] == '\n');
	}
	return 0;
}

/* ---- the whole ---- */

static int check_security(struct reader *r)
{
	const struct conf *c = r->c;

	if (c->security == CONF_TLS_CERTIFICATE &&
	    (!c->certificate[0] || !c->key[0] || !c->ca[0]))
		return wrong(r, "security = certificate needs certificate, key and ca in [node]");
	if (c->security == CONF_TLS_SECRET && !c->secret[0])
		return wrong(r, "security = secret needs secret in [node]");
	if (c->security != CONF_PLAIN)
		return 1;
	if (!conf_is_loopback(&c->listen))
		return wrong(r, "security = none is for the loopback only, and listen = "
				"%s is not there",
			     c->listen.text);
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (c->peer[n - 1].len && !conf_is_loopback(&c->peer[n - 1]))
			return wrong(r, "security = none is for the loopback only, and "
					"[peer %u] is not there",
				     n);
	return 1;
}

static int check_timing(struct reader *r)
{
	struct conf *c = r->c;

	if (!c->takeover_ns)
		c->takeover_ns = MXFSD_TAKEOVER(c->lease_ns);
	if (c->lease_ns < 2 * c->renew_ns)
		return wrong(r, "lease_ms must be at least twice renew_ms, or one delay "
				"costs a lease");
	if (c->takeover_ns < MXFSD_TAKEOVER(c->lease_ns))
		return wrong(r, "takeover_ms must be at least lease_ms * 1.05 + 500");
	return 1;
}

static int check_volumes(struct reader *r)
{
	for (uint32_t i = 0; i < r->c->volumes; i++)
		if (r->volume_seen[i] != 3)
			return wrong(r, "[volume %s] needs uuid and device",
				     r->c->volume[i].name);
	return 1;
}

static int check(struct reader *r)
{
	struct conf *c = r->c;

	if (!c->node || !c->cluster_text[0] || !c->listen.len)
		return wrong(r, "[node] needs id, cluster and listen");
	if (r->peer_named & ~r->peer_seen)
		return wrong(r, "[peer %d] needs an address",
			     __builtin_ctzll(r->peer_named & ~r->peer_seen) + 1);
	if (r->peer_seen & mxfs_bit(c->node))
		return wrong(r, "[peer %u] is this node itself", c->node);
	c->voters = r->peer_seen | mxfs_bit(c->node);
	if (c->disk[0] && __builtin_popcountll(c->voters) != 2)
		return wrong(r, "disk is for two nodes: with more of them a majority decides");
	return check_security(r) && check_timing(r) && check_volumes(r);
}

static void defaults(struct conf *c)
{
	strcpy(c->state, "/var/lib/mxfsd/state");
	strcpy(c->control, "/run/mxfsd/control");
	strcpy(c->log, "syslog");
	c->level = LOG_L_INFO;
	c->renew_ns = 2000ull * MS;
	c->lease_ns = 5000ull * MS;
	c->probe_ns = 1000ull * MS;
}

int conf_parse(const char *text, const char *name, struct conf **conf, char *err,
	       size_t size)
{
	struct reader r = { .c = calloc(1, sizeof(*r.c)) };
	int line;

	*conf = NULL;
	if (!r.c) {
		snprintf(err, size, "%s: no memory", name);
		return -1;
	}
	defaults(r.c);
	line = wrong_line(&r, text);
	if (!line)
		line = ini_parse_string(text, on_key, &r);
	if (!line && check(&r)) {
		*conf = r.c;
		return 0;
	}
	conf_free(r.c);
	if (!r.what[0])
		strcpy(r.what, "this is neither [section] nor key = value");
	if (line > 0)
		snprintf(err, size, "%s:%d: %s", name, line, r.what);
	else
		snprintf(err, size, "%s: %s", name, r.what);
	return -1;
}

static int is_safe(int fd, const char *path, char *err, size_t size)
{
	struct stat st;

	if (fstat(fd, &st)) {
		snprintf(err, size, "%s: %s", path, strerror(errno));
		return 0;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > CONF_MOST) {
		snprintf(err, size, "%s: must be a file of at most 1 MiB", path);
		return 0;
	}
	if ((st.st_uid && st.st_uid != geteuid()) || st.st_mode & 022) {
		snprintf(err, size, "%s: must be root's, and writable by nobody else: "
				    "chown root, chmod 640",
			 path);
		return 0;
	}
	return 1;
}

static char *read_all(int fd)
{
	char *text = malloc(CONF_MOST + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (text && len < CONF_MOST && n > 0) {
		n = read(fd, text + len, CONF_MOST - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (text && (n < 0 || memchr(text, 0, len))) {
		free(text);
		return NULL;
	}
	if (text)
		text[len] = 0;
	return text;
}

int conf_load(const char *path, struct conf **conf, char *err, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = -1;
	char *text;

	*conf = NULL;
	if (fd < 0) {
		snprintf(err, size, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (is_safe(fd, path, err, size)) {
		text = read_all(fd);
		if (text)
			r = conf_parse(text, path, conf, err, size);
		else
			snprintf(err, size, "%s: cannot be read, or is no text", path);
		free(text);
	}
	close(fd);
	return r;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < CONF_ARGS; i++)
		free(c->agent[i]);
	free(c);
}
