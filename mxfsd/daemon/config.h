/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration file: mxfsd.conf(5) describes it.
 */
#ifndef MXFSD_CONFIG_H
#define MXFSD_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "log.h"
#include "wire.h"

#define CONF_MOST	(1u << 20)	/* bytes of the file */
#define CONF_LINE	198u		/* bytes of a line: inih's INI_MAX_LINE less \n and NUL */
#define CONF_SECTION	49u		/* bytes of a section's name: inih cuts it there */
#define CONF_VOLUMES	64u
#define CONF_ARGS	16u		/* of a fence agent */

enum conf_security { CONF_TLS_CERTIFICATE, CONF_TLS_SECRET, CONF_PLAIN };
enum conf_fence { CONF_FENCE_NONE, CONF_FENCE_MANUAL, CONF_FENCE_AGENT };

struct conf_address {
	struct sockaddr_storage sa;
	socklen_t len;		/* 0: not given */
	char text[48];
};

struct conf_volume {
	char name[64], device[256];
	uint8_t uuid[16];
};

struct conf {
	uint32_t node;
	uint8_t cluster[16];
	char cluster_text[37];
	struct conf_address listen, peer[MXFS_NODES];	/* node id - 1 */
	uint64_t voters;	/* this node and its peers */
	char state[256], control[108];
	char disk[256];		/* that votes; empty: none */
	int has_group;
	gid_t group;		/* who may use the control socket, besides root */
	enum conf_security security;
	char certificate[256], key[256], ca[256];
	char secret[256], old_secret[256];
	enum conf_fence fence;
	char *agent[CONF_ARGS + 1];
	struct conf_volume volume[CONF_VOLUMES];
	uint32_t volumes;
	uint64_t renew_ns, lease_ns, takeover_ns, probe_ns;
	enum log_level level;
	char log[256];
};

/*
 * Read and check. 0, and *conf is to be freed by conf_free(); -1, and err says what is
 * wrong, where, and what to do.
 */
int conf_load(const char *path, struct conf **conf, char *err, size_t size);
/* The same of a text, of which no owner is asked. */
int conf_parse(const char *text, const char *name, struct conf **conf, char *err,
	       size_t size);
void conf_free(struct conf *conf);
/* "1.2.3.4", "1.2.3.4:7600", "[::1]:7600", "::1"; 0 or -1. */
int conf_address(const char *text, struct conf_address *a);
int conf_is_loopback(const struct conf_address *a);

#endif
