/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TLS 1.3 between daemons, both ends shown to be who they say.
 *
 * Notes: with certificates, of one authority, that name the node in a URI
 * "mxfs:CLUSTER/NODE"; or with keys for each pair of nodes that both derive from one
 * secret of the cluster. A node is who the handshake has shown, never who it says.
 */
#ifndef MXFSD_TLS_H
#define MXFSD_TLS_H

#include "config.h"

struct tls;			/* keys of this node */
struct tls_conn;		/* one connection */

/* NULL, and err says why; also what is wrong with whom files belong to. */
struct tls *tls_new(const struct conf *conf, char *err, size_t size);
/* Connections keep it for as long as they are there. */
void tls_free(struct tls *t);

/* dialed: the peer that is meant, or 0 for who has connected. NULL: no memory. */
struct tls_conn *tls_begin(struct tls *t, int fd, uint32_t dialed);
void tls_end(struct tls_conn *c);

enum tls_result { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED };

enum tls_result tls_handshake(struct tls_conn *c);
/* After the handshake: who is there. */
uint32_t tls_node(const struct tls_conn *c);
/* What failed, as one line. */
const char *tls_why(const struct tls_conn *c);
/* Bytes; 0: closed; -EAGAIN; -EPROTO. */
/* Bytes of a record that has come already wait to be read. */
int tls_pending(struct tls_conn *c);
long tls_read(struct tls_conn *c, void *buf, size_t len);
long tls_write(struct tls_conn *c, const void *buf, size_t len);

#endif
