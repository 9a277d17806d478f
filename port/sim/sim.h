/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The simulator: several hosts in one thread, scheduled access by access.
 *
 * Notes: deterministic. The same hosts, schedule and memory give the same run,
 * so a failure is told by its seed or its points and repeated at will. One
 * run at a time, from one thread; a host must not call sim_run() itself.
 * Hosts that stopped keep their stack until the next run and no longer.
 */
#ifndef DAXFS_SIM_H
#define DAXFS_SIM_H

#include "port.h"

#define SIM_HOSTS	8u
#define SIM_NEVER	(~0ull)
#define SIM_STEP_NS	10ull		/* virtual time of a step */

enum sim_end {
	SIM_READY,		/* not finished: the run was given up */
	SIM_DONE,		/* fn returned */
	SIM_STOPPED,		/* by stop_after */
	SIM_ASLEEP,		/* by sleep_after: the run ended, nobody woke it */
};

struct sim_host {
	void (*fn)(void *arg);
	void *arg;
	u64 stop_after;		/* steps; SIM_NEVER: not stopped */
	u64 sleep_after;	/* steps; SIM_NEVER: never, or woken */
	/* out */
	enum sim_end end;
	u64 steps;
	u64 paused_ns;		/* virtual time in port_pause_ns() */
};

enum sim_policy {
	SIM_ROUND_ROBIN,	/* quantum steps each, in turn */
	SIM_RANDOM,		/* after each step with probability 1/quantum */
	SIM_POINTS,		/* at the given points alone, or at an end or pause */
};

struct sim_point {		/* before the step of that number of the run */
	u64 step;
	u32 host;		/* goes on from there */
};

struct sim_schedule {
	enum sim_policy policy;
	u64 seed;
	u32 quantum;		/* at least 1 */
	const struct sim_point *point;	/* by rising step */
	u32 point_nr;
	u32 stall;		/* of 256 pauses: those that let time pass while
				 * the others stand still */
	u64 max_steps;		/* of all hosts together: more is a hang */
	u32 stale;		/* of 256 loads: those that see an old value, if
				 * their order allows it; 0: memory is
				 * sequentially consistent */
	u32 noise;		/* of 65536 steps: those before which something
				 * changes in the range of sim_noise_range() */
};

/* All hosts as "fn(arg), not stopped". */
void sim_host_init(struct sim_host *host, void (*fn)(void *arg), void *arg);
/* The host stops for ever once it has made k steps. */
void sim_stop_after(struct sim_host *host, u64 k);
/*
 * The host stands still once it has made k steps, until another calls
 * sim_wake(); then it goes on exactly there. Before a run, or by the host
 * itself inside one.
 */
void sim_sleep_after(struct sim_host *host, u64 k);
/*
 * Run until each host has returned, stopped, or sleeps with nobody left to
 * wake it. Host 0 begins, but under
 * SIM_RANDOM. 0, -ETIMEDOUT after max_steps, -EINVAL for a schedule that
 * cannot be.
 */
int sim_run(struct sim_host *hosts, u32 nr, const struct sim_schedule *schedule);
/* One host alone, to its end; the same results as sim_run(). */
int sim_run_one(struct sim_host *host, u64 max_steps);

/*
 * Inside a run: host goes on from where it sleeps, when the schedule lets it.
 * 0, or -EINVAL: it does not sleep (not yet, or it has ended).
 */
int sim_wake(u32 host);
/* Does it stand still at present, until somebody wakes it? */
int sim_is_asleep(u32 host);

/*
 * Power. What is in memory now is on the medium; from here on stores wait in
 * the cache until they are written back and that is complete, or until the
 * line happens to be evicted. A new watch, or len 0: the old one is forgotten.
 */
void sim_power_watch(void *base, u64 len);

enum sim_cut {
	SIM_CUT_OLDEST,		/* of each line what is surely on the medium */
	SIM_CUT_NEWEST,		/* as if everything had been written back */
	SIM_CUT_RANDOM,		/* of each line any content since; by seed */
	SIM_CUT_ONE_NEW,	/* the newest of line number seed, else the oldest */
	SIM_CUT_ONE_OLD,	/* of the line of number seed[31:0] content number
				 * seed[63:32], 0 the oldest; else the newest */
	SIM_CUT_NR
};

/* Lines of which a cut could leave more than one content. */
u32 sim_power_lines(void);
/* A number for what that cut would leave: the same for the same content. */
u64 sim_power_look(enum sim_cut how, u64 seed);
/* Memory becomes what a cut now leaves of it; the watch ends. */
void sim_power_cut(enum sim_cut how, u64 seed);

/*
 * From here on fn() is called at each load of w inside a run, by the host that
 * sim_self() names, just before it. NULL: no more. fn() must make no step.
 */
void sim_watch(const struct daxfs_a64 *w, void (*fn)(void));

/* Inside a run: who runs, and the number of steps made by all. */
u32 sim_self(void);
u64 sim_now(void);
/*
 * Inside a run: the host that runs tells all that it knows to whoever listens
 * from then on; real time by other means. A test does so after and before each
 * operation if it demands that what has ended is seen by what begins.
 */
void sim_tell(void);
void sim_listen(void);
/*
 * The host that runs knows that the other makes no step any more, and so that
 * all it stored has arrived.
 */
void sim_learn(u32 host);
/* Loads of the last run that saw an old value. */
u64 sim_old_loads(void);
/* What noise changes, in all runs that come; len 0: nothing. */
void sim_noise_range(void *base, u64 len);
/* Words and bytes that it changed in the last run. */
u64 sim_noise_made(void);
/* Steps that a host of the last run made. */
u64 sim_steps(u32 host);
/* Set the virtual clock; a test does so before each case. */
void sim_clock_set(u64 ns);
/* Next number of a generator; the state is the caller's, never 0. */
u64 sim_rand(u64 *state);

#endif
