// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mxfsd: a lock manager on each of several nodes.
 *
 * Notes: mxfsd(8) says what it does and how it ends. Exit: 0 it was told to end, or -t
 * and -i have succeeded; 1 it could not go on; 2 usage, or the configuration is wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "background.h"
#include "client.h"
#include "disk.h"
#include "engine.h"
#include "notify.h"

struct daemon {
	const char *path;	/* of the configuration */
	struct conf *conf;
	struct loop *loop;
	struct tls *tls;
	struct store *store;
	struct engine *engine;
	struct clients *clients;
	struct loop_watch signals;
	struct loop_timer dog;
	uint64_t dog_ns;
	int foreground;
};

static const char usage[] =
	"usage: mxfsd -c FILE [-f]   run; -f: in the foreground\n"
	"       mxfsd -c FILE -t     check the configuration\n"
	"       mxfsd -c FILE -i     make the state of a node that has never run\n"
	"       mxfsd -c FILE -v     make the voting disk of two nodes, on one of them\n";

/* ---- configuration that changes ---- */

/* NULL, or what cannot change while the daemon runs. */
static const char *fixed(const struct conf *a, const struct conf *b)
{
	if (a->node != b->node || memcmp(a->cluster, b->cluster, 16))
		return "id and cluster";
	if (strcmp(a->listen.text, b->listen.text))
		return "listen";
	if (a->voters != b->voters)
		return "which peers there are";
	if (strcmp(a->state, b->state) || strcmp(a->control, b->control) ||
	    a->has_group != b->has_group || a->group != b->group)
		return "state, control and group";
	if (a->security != b->security)
		return "security";
	if (strcmp(a->disk, b->disk))
		return "disk";
	if ((a->fence == CONF_FENCE_NONE) != (b->fence == CONF_FENCE_NONE))
		return "whether there is a fence";
	if (a->renew_ns != b->renew_ns || a->lease_ns != b->lease_ns ||
	    a->takeover_ns != b->takeover_ns || a->probe_ns != b->probe_ns)
		return "[timing]";
	return NULL;
}

static const char *log_target(const struct daemon *d, const struct conf *conf)
{
	return d->foreground && !strcmp(conf->log, "syslog") ? "stderr" : conf->log;
}

/* All of it, or nothing. */
static void reload(struct daemon *d)
{
	struct tls *tls = NULL;
	struct conf *conf;
	char err[400];
	const char *not;

	if (conf_load(d->path, &conf, err, sizeof(err))) {
		log_error("nothing is changed: %s", err);
		return;
	}
	not = fixed(d->conf, conf);
	if (not) {
		log_error("nothing is changed: %s cannot be while mxfsd runs", not);
		conf_free(conf);
		return;
	}
	if (conf->security != CONF_PLAIN) {
		tls = tls_new(conf, err, sizeof(err));
		if (!tls) {
			log_error("nothing is changed: %s", err);
			conf_free(conf);
			return;
		}
	}
	if (log_to(log_target(d, conf), conf->level))
		log_error("%s cannot be opened; the log stays where it is", conf->log);
	engine_reload(d->engine, conf, tls);
	tls_free(d->tls);
	conf_free(d->conf);
	d->tls = tls;
	d->conf = conf;
	log_info("%s: read again", d->path);
}

/* ---- signals ---- */

static void on_signal(void *arg, uint32_t events)
{
	struct daemon *d = arg;
	struct signalfd_siginfo s;

	(void)events;
	if (read(d->signals.fd, &s, sizeof(s)) != sizeof(s))
		return;
	if (s.ssi_signo == SIGHUP) {
		notify("RELOADING=1");
		reload(d);
		notify("READY=1");
		return;
	}
	log_info("ends: %s", strsignal((int)s.ssi_signo));
	notify("STOPPING=1");
	loop_stop(d->loop);
}

static sigset_t our_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

static void block_signals(void)
{
	sigset_t set = our_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int take_signals(struct daemon *d)
{
	sigset_t set = our_signals();

	block_signals();
	d->signals = (struct loop_watch){ .fn = on_signal, .arg = d,
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) };
	return d->signals.fd < 0 ? -errno : loop_add(d->loop, &d->signals, EPOLLIN);
}

static void bark(void *arg)
{
	struct daemon *d = arg;

	notify("WATCHDOG=1");
	loop_set(d->loop, &d->dog, loop_now() + d->dog_ns);
}

/* ---- beginning and end ---- */

static int begin(struct daemon *d, char *err, size_t size)
{
	struct mxfsd_stable stable;

	d->loop = loop_new();
	if (!d->loop || take_signals(d)) {
		snprintf(err, size, "no memory, or no descriptors");
		return -1;
	}
	if (d->conf->security != CONF_PLAIN) {
		d->tls = tls_new(d->conf, err, size);
		if (!d->tls)
			return -1;
	}
	d->store = store_open(d->conf, &stable, err, size);
	if (!d->store)
		return -1;
	d->engine = engine_new(d->loop, d->conf, d->store, &stable, d->tls, err, size);
	if (!d->engine)
		return -1;
	d->clients = clients_new(d->loop, d->engine, err, size);
	return d->clients ? 0 : -1;
}

static void end(struct daemon *d)
{
	clients_free(d->clients);
	engine_free(d->engine);
	store_close(d->store);
	tls_free(d->tls);
	loop_free(d->loop);
	conf_free(d->conf);
	d->conf = NULL;
}

static void nothing(void)
{
}

static int run(void *arg)
{
	struct daemon *d = arg;
	char err[400] = "";
	int r;

	signal(SIGPIPE, SIG_IGN);
	if (begin(d, err, sizeof(err))) {
		fprintf(stderr, "mxfsd: %s\n", err);
		end(d);
		return 1;
	}
	if (log_to(log_target(d, d->conf), d->conf->level)) {
		fprintf(stderr, "mxfsd: %s: %s\n", d->conf->log, strerror(errno));
		end(d);
		return 1;
	}
	log_info("node %u of cluster %s, at %s", d->conf->node, d->conf->cluster_text,
		 d->conf->listen.text);
	if (d->conf->security == CONF_PLAIN)
		log_warn("security = none: whoever reaches the loopback can be a peer, "
			 "and nothing is encrypted");
	daxfs_background_ready(nothing);
	notify("READY=1");
	d->dog = (struct loop_timer){ .fn = bark, .arg = d };
	d->dog_ns = notify_watchdog_ns();
	if (d->dog_ns)
		bark(d);
	r = loop_run(d->loop);
	if (r)
		log_error("%s", strerror(-r));
	end(d);
	return r ? 1 : 0;
}

static int make_state(const struct conf *conf)
{
	char err[400];

	if (!store_init(conf, err, sizeof(err)))
		return 0;
	fprintf(stderr, "mxfsd: %s\n", err);
	return 1;
}

static int make_disk(const struct conf *conf)
{
	char err[400] = "there is no disk in [node]";

	if (conf->disk[0] && !disk_format(conf, err, sizeof(err)))
		return 0;
	fprintf(stderr, "mxfsd: %s\n", err);
	return 1;
}

/* Also the keys: what is wrong with them is better known before than after. */
static int check(const struct conf *conf)
{
	struct tls *tls;
	char err[400];

	if (conf->security == CONF_PLAIN)
		return 0;
	tls = tls_new(conf, err, sizeof(err));
	if (!tls) {
		fprintf(stderr, "mxfsd: %s\n", err);
		return 2;
	}
	tls_free(tls);
	return 0;
}

int main(int argc, char **argv)
{
	struct daemon d = { .path = NULL };
	int opt, test = 0, init = 0, vote = 0, r;
	char err[400];

	while ((opt = getopt(argc, argv, "c:ftivh")) != -1) {
		if (opt == 'c') {
			d.path = optarg;
		} else if (opt == 'f') {
			d.foreground = 1;
		} else if (opt == 't') {
			test = 1;
		} else if (opt == 'i') {
			init = 1;
		} else if (opt == 'v') {
			vote = 1;
		} else {
			fputs(usage, opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	}
	if (!d.path || optind != argc || test + init + vote + d.foreground > 1) {
		fputs(usage, stderr);
		return 2;
	}
	if (conf_load(d.path, &d.conf, err, sizeof(err))) {
		fprintf(stderr, "mxfsd: %s\n", err);
		return 2;
	}
	if (d.foreground)
		r = run(&d);
	else if (!test && !init && !vote)
		r = daxfs_background("mxfsd", 1, block_signals, run, &d);
	else
		r = test ? check(d.conf) : init ? make_state(d.conf) : make_disk(d.conf);
	conf_free(d.conf);
	return r;
}
