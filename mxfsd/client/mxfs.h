/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libmxfs: locks of a cluster, by the mxfsd of this machine.
 *
 * Notes: a resource is a name of 1 to 64 bytes; a lock is held on it in one of six modes.
 * Whatever uses one connection is one thread, or under one mutex of the caller's: there
 * are no threads, signals or hidden state in here. Functions whose name ends in _begin
 * return at once, and done() is called from mxfs_dispatch(); the others wait. Errors are
 * negative errno values: -EAGAIN not granted at once (MXFS_NOQUEUE), -ETIMEDOUT,
 * -EDEADLK, -ECANCELED, -ESTALE the node's lease has run out and the lock is void,
 * -ENOMEM, -EPERM refused to this user or over a bound, -ENOENT no such lock or a request
 * of it under way, -EPIPE the daemon is gone and so are all locks.
 *
 * A process that ends, or closes its connection, gives back its locks. What it may have
 * been writing under MXFS_PW or MXFS_EX makes the value block LOST.
 */
#ifndef LIBMXFS_H
#define LIBMXFS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MXFS_VALUE_BYTES	64

enum mxfs_lock_mode {		/* weaker and stronger is a partial order */
	MXFS_MODE_NL,		/* null: goes with all */
	MXFS_MODE_CR,		/* concurrent read: with all but EX */
	MXFS_MODE_CW,		/* concurrent write: with NL, CR, CW */
	MXFS_MODE_PR,		/* protected read: with NL, CR, PR */
	MXFS_MODE_PW,		/* protected write: with NL, CR */
	MXFS_MODE_EX		/* exclusive: with NL */
};

enum mxfs_value_state { MXFS_VALUE_NONE, MXFS_VALUE_VALID, MXFS_VALUE_LOST };

struct mxfs_value {		/* the value block of a resource */
	uint64_t version;	/* writes so far */
	enum mxfs_value_state state;
	uint8_t byte[MXFS_VALUE_BYTES];
};

/*
 * A fencing token: (epoch, nr) of an exclusive grant is greater than that of all earlier
 * ones. Storage that takes no lower one than it has seen is safe from who is late.
 */
struct mxfs_token {
	uint64_t epoch, nr;
};

#define MXFS_NOQUEUE	0x01	/* deny rather than wait */
#define MXFS_EXPEDITE	0x02	/* NL that passes queues */
#define MXFS_QUECVT	0x04	/* convert behind other converters */

struct mxfs_options {
	unsigned int flags;	/* MXFS_NOQUEUE and the like */
	uint64_t timeout_ns;	/* 0: none */
	uint64_t owner;		/* whose deadlocks it takes part in; 0: nobody's. 44 bits */
};

struct mxfs_conn;
struct mxfs_lk;

/**
 * mxfs_connect - connect to the daemon
 * @conn: the new connection, NULL after an error; mxfs_close() frees it
 * @socket: its path, or NULL for that of the default configuration
 *
 * Return: 0; -ENOENT, -ECONNREFUSED no daemon is there; -EACCES; -EPROTO it is no mxfsd
 * of this version; other errors of connect(2).
 */
int mxfs_connect(struct mxfs_conn **conn, const char *socket);

/* Give back all locks and free them. */
void mxfs_close(struct mxfs_conn *conn);

/* ---- an event loop ---- */

/* To be polled for mxfs_poll_events(), which are POLLIN, or that and POLLOUT. */
int mxfs_fd(const struct mxfs_conn *conn);
short mxfs_poll_events(const struct mxfs_conn *conn);
/**
 * mxfs_dispatch - write what is asked for, take what has come, call whom it concerns
 *
 * Never waits. Callbacks may ask for more, and may free locks that are gone.
 *
 * Return: 0, or -EPIPE: done() of all that was asked has been called, bast() of all that
 * was held with wanted < 0.
 */
int mxfs_dispatch(struct mxfs_conn *conn);
/* Until there is something to dispatch, or for so long (-1: no bound). 0; -ETIME; errors. */
int mxfs_wait(struct mxfs_conn *conn, int timeout_ms);

/* ---- locks ---- */

typedef void (*mxfs_done_fn)(struct mxfs_lk *lk, int error, void *arg);
/* Somebody wants that mode, and lk is in the way. wanted < 0: the lock is void. */
typedef void (*mxfs_bast_fn)(struct mxfs_lk *lk, int wanted, void *arg);

/**
 * mxfs_lock - ask for a new lock
 * @name, @len: the resource, 1 to 64 bytes
 * @mode: enum mxfs_lock_mode
 * @o: options, or NULL for none
 * @lk: the lock. After an error NULL from mxfs_lock(); one that mxfs_lock_begin() has
 *      given is gone when done() has been told of an error, and freed behind it
 *
 * Return: 0; -EINVAL a bad name or mode; errors of above. mxfs_lock_begin(): 0, -EINVAL,
 * -ENOMEM, -EPIPE.
 */
int mxfs_lock(struct mxfs_conn *conn, const void *name, size_t len, int mode,
	      const struct mxfs_options *o, struct mxfs_lk **lk);
int mxfs_lock_begin(struct mxfs_conn *conn, const void *name, size_t len, int mode,
		    const struct mxfs_options *o, mxfs_done_fn done, void *arg,
		    struct mxfs_lk **lk);

/**
 * mxfs_convert - another mode
 * @value: what the value block is set to if that gives back PW or EX; or NULL
 *
 * From now on the holder may use only what the old and the new mode have in common. After
 * -EAGAIN, -ETIMEDOUT, -EDEADLK and -ECANCELED mxfs_mode() says what is held.
 */
int mxfs_convert(struct mxfs_lk *lk, int mode, const struct mxfs_options *o,
		 const void *value);
int mxfs_convert_begin(struct mxfs_lk *lk, int mode, const struct mxfs_options *o,
		       const void *value, mxfs_done_fn done, void *arg);

/**
 * mxfs_unlock - give it back
 * @value: as for mxfs_convert()
 *
 * Also while it waits. lk is freed when that is done; after an error, too.
 */
int mxfs_unlock(struct mxfs_lk *lk, const void *value);
int mxfs_unlock_begin(struct mxfs_lk *lk, const void *value, mxfs_done_fn done,
		      void *arg);
/* The request under way. Its done() says whether this came in time. */
int mxfs_cancel(struct mxfs_lk *lk);

/* Whom to tell, also of what came before; called from mxfs_dispatch() only. */
void mxfs_on_bast(struct mxfs_lk *lk, mxfs_bast_fn bast, void *arg);
/* What is held: enum mxfs_lock_mode, or -1: nothing. */
int mxfs_mode(const struct mxfs_lk *lk);
/* The value block as it came with the last grant. */
void mxfs_value(const struct mxfs_lk *lk, struct mxfs_value *value);
void mxfs_token(const struct mxfs_lk *lk, struct mxfs_token *token);

/* ---- locks that are kept ---- */

/*
 * A cache keeps locks that nobody uses until somebody else wants them, or there are too
 * many. To use one that is kept costs no message. What others want is seen by
 * mxfs_dispatch(), which using a lock calls now and then by itself.
 */
struct mxfs_cache;
struct mxfs_cached;

/* most: locks that are kept though nobody uses them, 1 to 2^20. NULL without memory. */
struct mxfs_cache *mxfs_cache_new(struct mxfs_conn *conn, unsigned int most);
/* Before the connection is closed. Nobody uses one of its locks. */
void mxfs_cache_free(struct mxfs_cache *cache);
/**
 * mxfs_use - use a lock of the cache
 * @used: the lock; to be given back by mxfs_unuse() with the same mode
 *
 * Several may use one at once, if their modes go together. Waits if the cluster has to be
 * asked. -EBUSY: it is used in a mode that does not go with this one.
 */
int mxfs_use(struct mxfs_cache *cache, const void *name, size_t len, int mode,
	     const struct mxfs_options *o, struct mxfs_cached **used);
/* value: set the value block, of PW and EX; or NULL. 0, or an error: the lock was void. */
int mxfs_unuse(struct mxfs_cached *used, int mode, const void *value);
/* The lock behind it, for mxfs_value() and mxfs_token(). */
const struct mxfs_lk *mxfs_cached_lk(const struct mxfs_cached *used);

struct mxfs_cache_counts {
	uint64_t uses, hits;	/* hits: no message */
	uint64_t basts, evicted;
	unsigned int kept;	/* now, that nobody uses */
};

void mxfs_cache_counts(const struct mxfs_cache *cache, struct mxfs_cache_counts *n);

#ifdef __cplusplus
}
#endif

#endif
