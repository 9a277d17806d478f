// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TLS 1.3 by OpenSSL.
 *
 * Notes: with a secret of the cluster, the key of a pair of nodes is HKDF-SHA256 of
 * it over the cluster and both numbers, the lower first, and is used as an external
 * pre-shared key (RFC 8446 4.2.11) with a Diffie-Hellman exchange. The identity is
 * "mxfs:CLUSTER/DIALER/DIALED/KEY", where KEY says which secret is meant. A client can
 * offer one key only, so while there are two secrets every other try has the old one.
 * Sessions are not resumed: each connection shows anew who is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls.h"

#define KEY		32u	/* bytes */
#define SECRET_LEAST	32u
#define SECRET_MOST	4096u
#define SUITE		"TLS_AES_128_GCM_SHA256"
#define IDENTITY	96

static const unsigned char context[4] = "mxfs";	/* OpenSSL wants one for each session */

struct secret {
	uint8_t key[MXFS_NODES][KEY];	/* with each node */
	char id[9];
	int there;
};

struct tls {
	unsigned int users;	/* who has it, and connections */
	SSL_CTX *ctx;
	uint32_t node;
	uint64_t voters;
	char cluster[37];
	struct secret secret[2];	/* new, old */
	unsigned int dials[MXFS_NODES];
};

struct tls_conn {
	struct tls *t;
	SSL *ssl;
	uint32_t node;		/* that is there, or dialed; 0: not known yet */
	unsigned int which;	/* secret, of who dials */
	char identity[IDENTITY];
	char why[160];
};

/* ---- keys ---- */

static int hkdf(const uint8_t *secret, size_t len, const char *info, uint8_t *out,
		size_t out_len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string("key", (void *)secret, len),
		OSSL_PARAM_construct_octet_string("info", (void *)info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	int ok = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? 0 : -1;
}

static int derive(struct tls *t, struct secret *s, const uint8_t *secret, size_t len)
{
	char info[96];
	uint8_t id[4];

	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		snprintf(info, sizeof(info), "mxfs pair %s/%u/%u", t->cluster,
			 n < t->node ? n : t->node, n < t->node ? t->node : n);
		if (hkdf(secret, len, info, s->key[n - 1], KEY))
			return -1;
	}
	if (hkdf(secret, len, "mxfs key id", id, sizeof(id)))
		return -1;
	snprintf(s->id, sizeof(s->id), "%02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
	s->there = 1;
	return 0;
}

/* Secrets are root's alone. -1, and err says why. */
static int open_secret(const char *path, char *err, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(err, size, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || (st.st_uid && st.st_uid != geteuid()) ||
		   st.st_mode & 077) {
		snprintf(err, size, "%s: must be a file that root alone can read: "
			 "chown root, chmod 600", path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int read_secret(struct tls *t, struct secret *s, const char *path, char *err,
		       size_t size)
{
	uint8_t buf[SECRET_MOST + 1];
	int fd, r = -1;
	ssize_t n;

	if (!path[0])
		return 0;
	fd = open_secret(path, err, size);
	if (fd < 0)
		return -1;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	if (n < (ssize_t)SECRET_LEAST || n > (ssize_t)SECRET_MOST)
		snprintf(err, size, "%s: must have %u to %u bytes: openssl rand -hex 32 makes one",
			 path, SECRET_LEAST, SECRET_MOST);
	else if (derive(t, s, buf, (size_t)n))
		snprintf(err, size, "%s: no key could be derived", path);
	else
		r = 0;
	OPENSSL_cleanse(buf, sizeof(buf));
	return r;
}

static SSL_SESSION *session_of(SSL *ssl, const uint8_t key[KEY])
{
	static const uint8_t suite[] = { 0x13, 0x01 };	/* SUITE */
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
	SSL_SESSION *s = cipher ? SSL_SESSION_new() : NULL;

	if (s && SSL_SESSION_set1_master_key(s, key, KEY) &&
	    SSL_SESSION_set_cipher(s, cipher) &&
	    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION) &&
	    SSL_SESSION_set1_id_context(s, context, sizeof(context)))
		return s;
	SSL_SESSION_free(s);
	return NULL;
}

static int offer(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *len,
		 SSL_SESSION **session)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	const struct secret *s = &c->t->secret[c->which];

	*session = NULL;
	if (md && !EVP_MD_is_a(md, "SHA256"))
		return 1;
	snprintf(c->identity, sizeof(c->identity), "mxfs:%s/%u/%u/%s", c->t->cluster,
		 c->t->node, c->node, s->id);
	*session = session_of(ssl, s->key[c->node - 1]);
	*id = (const unsigned char *)c->identity;
	*len = strlen(c->identity);
	return *session != NULL;
}

/* The whole identity is written anew from what it may be, and compared. */
static int find(SSL *ssl, const unsigned char *id, size_t len, SSL_SESSION **session)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	const struct tls *t = c->t;
	char may[IDENTITY];

	*session = NULL;
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		for (int i = 0; i < 2; i++) {
			if (!t->secret[i].there || !(t->voters & mxfs_bit(n)))
				continue;
			snprintf(may, sizeof(may), "mxfs:%s/%u/%u/%s", t->cluster, n,
				 t->node, t->secret[i].id);
			if (len != strlen(may) || memcmp(id, may, len))
				continue;
			c->node = n;
			*session = session_of(ssl, t->secret[i].key[n - 1]);
			return *session != NULL;
		}
	}
	snprintf(c->why, sizeof(c->why), "its key is of another secret, cluster or node");
	return 1;
}

/* ---- certificates ---- */

static uint32_t node_of_uri(const struct tls *t, const ASN1_STRING *uri)
{
	const char *text = (const char *)ASN1_STRING_get0_data(uri);
	int len = ASN1_STRING_length(uri);
	char may[64];

	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		snprintf(may, sizeof(may), "mxfs:%s/%u", t->cluster, n);
		if (len == (int)strlen(may) && !memcmp(text, may, (size_t)len))
			return n;
	}
	return 0;
}

/* Of the first name that is one of this cluster. 0: there is none. */
static uint32_t node_of_certificate(const struct tls *t, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	uint32_t node = 0;

	for (int i = 0; !node && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_URI)
			node = node_of_uri(t, g->d.uniformResourceIdentifier);
	}
	GENERAL_NAMES_free(names);
	return node;
}

static const char *openssl_says(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	return why ? why : "no reason given";
}

static int use_certificate(struct tls *t, const struct conf *conf, char *err,
			   size_t size)
{
	int fd = open_secret(conf->key, err, size);

	if (fd < 0)
		return -1;
	close(fd);
	if (SSL_CTX_use_certificate_chain_file(t->ctx, conf->certificate) != 1)
		snprintf(err, size, "%s: no certificate: %s", conf->certificate,
			 openssl_says());
	else if (SSL_CTX_use_PrivateKey_file(t->ctx, conf->key, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(t->ctx) != 1)
		snprintf(err, size, "%s: not the key of the certificate: %s", conf->key,
			 openssl_says());
	else if (SSL_CTX_load_verify_file(t->ctx, conf->ca) != 1)
		snprintf(err, size, "%s: no certificate of an authority: %s", conf->ca,
			 openssl_says());
	else if (node_of_certificate(t, SSL_CTX_get0_certificate(t->ctx)) != conf->node)
		snprintf(err, size, "%s: must name this node by the URI mxfs:%s/%u",
			 conf->certificate, t->cluster, conf->node);
	else
		return 0;
	return -1;
}

/* ---- the keys of a node ---- */

static int set_up(struct tls *t, const struct conf *conf, char *err, size_t size)
{
	if (!t->ctx || !SSL_CTX_set_min_proto_version(t->ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_num_tickets(t->ctx, 0) ||
	    !SSL_CTX_set_session_id_context(t->ctx, context, sizeof(context))) {
		snprintf(err, size, "OpenSSL: %s", openssl_says());
		return -1;
	}
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	if (conf->security == CONF_TLS_CERTIFICATE)
		return use_certificate(t, conf, err, size);
	SSL_CTX_set_ciphersuites(t->ctx, SUITE);
	SSL_CTX_set_psk_use_session_callback(t->ctx, offer);
	SSL_CTX_set_psk_find_session_callback(t->ctx, find);
	return read_secret(t, &t->secret[0], conf->secret, err, size) ||
		read_secret(t, &t->secret[1], conf->old_secret, err, size) ? -1 : 0;
}

struct tls *tls_new(const struct conf *conf, char *err, size_t size)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	t->users = 1;
	t->node = conf->node;
	t->voters = conf->voters;
	memcpy(t->cluster, conf->cluster_text, sizeof(t->cluster));
	ERR_clear_error();
	t->ctx = SSL_CTX_new(TLS_method());
	if (!set_up(t, conf, err, size))
		return t;
	tls_free(t);
	return NULL;
}

void tls_free(struct tls *t)
{
	if (!t || --t->users)
		return;
	SSL_CTX_free(t->ctx);
	OPENSSL_cleanse(t->secret, sizeof(t->secret));
	free(t);
}

/* ---- connections ---- */

struct tls_conn *tls_begin(struct tls *t, int fd, uint32_t dialed)
{
	struct tls_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->t = t;
	t->users++;
	c->node = dialed;
	c->ssl = SSL_new(t->ctx);
	if (!c->ssl || !SSL_set_fd(c->ssl, fd)) {
		tls_end(c);
		return NULL;
	}
	SSL_set_app_data(c->ssl, c);
	if (dialed) {
		c->which = t->secret[1].there && t->dials[dialed - 1]++ & 1;
		SSL_set_connect_state(c->ssl);
	} else {
		SSL_set_accept_state(c->ssl);
	}
	return c;
}

void tls_end(struct tls_conn *c)
{
	if (!c)
		return;
	SSL_free(c->ssl);
	tls_free(c->t);
	free(c);
}

static void remember_why(struct tls_conn *c)
{
	long verify = SSL_get_verify_result(c->ssl);

	if (c->why[0])
		return;
	if (!c->t->secret[0].there && verify != X509_V_OK)
		snprintf(c->why, sizeof(c->why), "its certificate: %s",
			 X509_verify_cert_error_string(verify));
	else
		snprintf(c->why, sizeof(c->why), "%s", ERR_peek_error() ? openssl_says() :
			 "the connection ended");
}

/* Who is there has been shown: by a key, or by a certificate. */
static enum tls_result identify(struct tls_conn *c)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);

	if (c->t->secret[0].there) {
		if (SSL_session_reused(c->ssl) && c->node)
			return TLS_DONE;
		snprintf(c->why, sizeof(c->why), "it has shown no key");
		return TLS_FAILED;
	}
	c->node = cert ? node_of_certificate(c->t, cert) : 0;
	if (c->node)
		return TLS_DONE;
	snprintf(c->why, sizeof(c->why), "its certificate names no node of this cluster");
	return TLS_FAILED;
}

static enum tls_result wants(struct tls_conn *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	default:
		remember_why(c);
		return TLS_FAILED;
	}
}

enum tls_result tls_handshake(struct tls_conn *c)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	return r == 1 ? identify(c) : wants(c, r);
}

uint32_t tls_node(const struct tls_conn *c)
{
	return c->node;
}

const char *tls_why(const struct tls_conn *c)
{
	return c->why;
}

int tls_pending(struct tls_conn *c)
{
	return SSL_has_pending(c->ssl);
}

static long moved(struct tls_conn *c, int r, size_t n)
{
	if (r == 1)
		return (long)n;
	if (SSL_get_error(c->ssl, r) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return wants(c, r) == TLS_FAILED ? -EPROTO : -EAGAIN;
}

long tls_read(struct tls_conn *c, void *buf, size_t len)
{
	size_t n = 0;
	int r;

	ERR_clear_error();
	r = SSL_read_ex(c->ssl, buf, len, &n);
	return moved(c, r, n);
}

long tls_write(struct tls_conn *c, const void *buf, size_t len)
{
	size_t n = 0;
	int r;

	ERR_clear_error();
	r = SSL_write_ex(c->ssl, buf, len, &n);
	return moved(c, r, n);
}
