/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress_fuse: several FUSE servers on one region, workers on their mounts, and
 * SIGKILL for a server at any moment.
 *
 * Notes: the parent alone starts, kills and mounts; it never works on a mount
 * that it may kill. Workers log intent and acknowledgement in memory that they
 * share with the parent (oracle.c, meet.c) and end when their server has died;
 * what they had done is then looked at through a mount that lives. An error on
 * a mount whose server was not killed ends the test. Time limits are signs of
 * failure only.
 */
#define _GNU_SOURCE
#include "region.h"
#include "word.h"
#include "meet.h"
#include "oracle.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MOUNTS_MAX	4u
#define STUCK_MS	120000u
#define FORCE_MS	10000u	/* a dead server is ended otherwise then */
#define CHAIN_MAX	3u	/* deaths in a row at the start of a server */
#define WORKER_DIED	3	/* exit status: its server has */

struct board {
	u32 dying[MOUNTS_MAX];	/* its server is killed, or about to be */
	u32 stop;
	u32 recheck, checked[MEET_WORKERS];
	u64 ops[MEET_WORKERS];
	u64 stale;
	struct meet meet;
	struct oracle oracle[MEET_WORKERS];
};

static const char *region, *dir;
static u64 seed, kills_wanted, seconds = 10, per_fsck = 40;
static u32 mounts = 2, per_mount = 2, workers;
static struct board *board;
static struct daxfs_mount *look;	/* at the host table */
static pid_t server[MOUNTS_MAX], worker[MEET_WORKERS];
static u64 forks;
static struct {
	u64 all, fresh, busy, record, recovering, together, leaving, forced, fscks;
} kills;

/* ---- paths ---- */

static void mount_path(char *to, u32 m)
{
	snprintf(to, 512, "%s/m%u", dir, m);
}

static void own_path(char *to, u32 m, u32 w)
{
	snprintf(to, 512, "%s/m%u/own%u", dir, m, w);
}

static void nap_us(u64 us)
{
	struct timespec ts = { (time_t)(us / 1000000),
			       (long)(us % 1000000 * 1000) };

	nanosleep(&ts, NULL);
}

/* ---- processes ---- */

static void end_process(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

/* Whatever is mounted on m is gone afterwards. */
static void detach(u32 m)
{
	char path[512], command[600];
	u32 i;

	mount_path(path, m);
	for (i = 0; i < 10; i++) {
		if (!umount2(path, MNT_DETACH))
			continue;
		if (errno != EPERM)
			return;
		snprintf(command, sizeof(command),
			 "fusermount3 -u -z '%s' 2>/dev/null", path);
		if (system(command))
			return;
	}
}

static void __attribute__((noreturn, format(printf, 1, 2)))
give_up(const char *fmt, ...)
{
	va_list ap;
	u32 i;

	printf("not ok ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (seed %llu)\n", (unsigned long long)seed);
	fflush(stdout);
	for (i = 0; i < mounts; i++)
		board->dying[i] = 1;
	for (i = 0; i < mounts; i++)
		end_process(&server[i]);
	for (i = 0; i < workers; i++)
		end_process(&worker[i]);
	for (i = 0; i < mounts; i++)
		detach(i);
	report(0, "given up after %llu kills", (unsigned long long)kills.all);
	exit(report_total());
}

/* In a child: nothing stays when the parent ends, by whatever signal. */
static pid_t begin_child(void)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	forks++;
	pid = fork();
	if (pid < 0)
		give_up("fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		random_seed(seed + 1000003 * forks);
	}
	return pid;
}

/* The exit status, or 128 and the signal. */
static int wait_for(pid_t pid, const char *what)
{
	u64 end = now_ms() + STUCK_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_ms() > end)
			give_up("%s does not end", what);
		nap_us(300);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	       WEXITSTATUS(status);
}

/* ---- workers ---- */

static void work(u32 m, u32 w)
{
	struct oracle *o = &board->oracle[w];
	char own[512], top[512];
	u32 asked;
	int r;

	own_path(own, m, w);
	mount_path(top, m);
	r = meet_start(&board->meet, w, top);
	while (!r && !__atomic_load_n(&board->stop, __ATOMIC_SEQ_CST)) {
		asked = __atomic_load_n(&board->recheck, __ATOMIC_SEQ_CST);
		if (asked != board->checked[w]) {
			r = oracle_check(o, own);
			__atomic_store_n(&board->checked[w], asked,
					 __ATOMIC_SEQ_CST);
			continue;
		}
		r = below(3) ? oracle_step(o, own) : meet_step(top);
		__atomic_fetch_add(&board->ops[w], 1, __ATOMIC_RELAXED);
	}
	if (!r) {
		oracle_close(o);
		r = oracle_check(o, own);
	}
	if (!r)
		return;
	if (!__atomic_load_n(&board->dying[m], __ATOMIC_SEQ_CST))
		WRONG("%s on a mount whose server was not killed", strerror(-r));
	_exit(WORKER_DIED);
}

static void start_worker(u32 w)
{
	static char name[64];
	u32 m = w % mounts;

	worker[w] = begin_child();
	if (worker[w])
		return;
	snprintf(name, sizeof(name), "worker %u of mount %u", w, m);
	who = name;
	signal(SIGPIPE, SIG_DFL);
	work(m, w);
	_exit(0);
}

static void start_workers(u32 m)
{
	u32 w;

	for (w = m; w < workers; w += mounts) {
		if (!worker[w])
			start_worker(w);
	}
}

/* Those of a dead server see that by themselves. */
static void reap_workers(u32 m, int want)
{
	u32 w;
	int status;

	for (w = m; w < workers; w += mounts) {
		if (!worker[w])
			continue;
		status = wait_for(worker[w], "a worker");
		worker[w] = 0;
		if (status != want && status)
			give_up("worker %u ended with status %d", w, status);
	}
}

/* Has one ended that had no reason to, or does one not get on? */
static void look_after(void)
{
	static u64 last[MEET_WORKERS], since[MEET_WORKERS];
	u64 now = now_ms(), ops;
	int status;
	u32 w;

	for (w = 0; w < workers; w++) {
		if (!worker[w])
			continue;
		if (waitpid(worker[w], &status, WNOHANG) == worker[w]) {
			worker[w] = 0;
			give_up("worker %u ended early, status %x", w, status);
		}
		ops = __atomic_load_n(&board->ops[w], __ATOMIC_RELAXED);
		if (ops != last[w] || !since[w]) {
			last[w] = ops;
			since[w] = now;
		} else if (now - since[w] > STUCK_MS) {
			give_up("worker %u does not get on", w);
		}
	}
}

/* ---- what a dead server's workers left ---- */

static void resolve(u32 w, u32 through)
{
	char own[512];
	pid_t pid = begin_child();

	if (!pid) {
		who = "a look through the other mount";
		own_path(own, through, w);
		if (oracle_resolve(&board->oracle[w], own))
			WRONG("the server of mount %u has died", through);
		_exit(0);
	}
	if (wait_for(pid, "a look"))
		give_up("worker %u, seen through mount %u: see above", w,
			through);
}

static void resolve_workers(u32 m, u32 through)
{
	u32 w;

	for (w = m; w < workers; w += mounts)
		resolve(w, through);
}

/* All who live compare what is theirs, through their own mounts. */
static void recheck(void)
{
	u64 end = now_ms() + STUCK_MS;
	u32 asked = __atomic_add_fetch(&board->recheck, 1, __ATOMIC_SEQ_CST), w;

	for (w = 0; w < workers; w++) {
		while (worker[w] && __atomic_load_n(&board->checked[w],
						    __ATOMIC_SEQ_CST) != asked) {
			look_after();
			if (now_ms() > end)
				give_up("worker %u does not look", w);
			nap_us(300);
		}
		board->checked[w] = asked;
	}
}

/* ---- servers ---- */

static int is_mounted(u32 m)
{
	struct stat st, up;
	char path[512];

	mount_path(path, m);
	return !stat(dir, &up) && !stat(path, &st) && st.st_dev != up.st_dev;
}

static u64 host_state(u32 slot)
{
	struct daxfs_region *rg = daxfs_mount_region(look);

	return a64_load_acquire(&daxfs_host(rg, slot)->state);
}

/* Does the host of that process recover another? */
static int is_recovering(pid_t pid)
{
	u32 i, by;
	u64 v;

	for (i = 0; i < DAXFS_HOSTS; i++) {
		v = host_state(i);
		by = host_recoverer(v);
		if (DAXFS_KIND(v) == DAXFS_H_RECOVERING && by < DAXFS_HOSTS &&
		    by != i && host_pid(host_state(by)) == (u32)pid)
			return 1;
	}
	return 0;
}

/* Slot of the host of that process; DAXFS_HOSTS: none. */
static u32 slot_of(pid_t pid)
{
	u32 i;
	u64 v;

	for (i = 0; i < DAXFS_HOSTS; i++) {
		v = host_state(i);
		if (DAXFS_KIND(v) == DAXFS_H_ALIVE && host_pid(v) == (u32)pid)
			break;
	}
	return i;
}

/* Is a context of that slot inside a section, or has it a record under way? */
static int is_busy(u32 slot, int record)
{
	struct daxfs_region *rg = daxfs_mount_region(look);
	struct daxfs_shared_ctx *sh;
	u32 i;

	for (i = 0; slot < DAXFS_HOSTS && i < DAXFS_CTXS; i++) {
		sh = daxfs_shared_ctx(rg, slot * DAXFS_CTXS + i);
		if (record ? status_state(a64_load_relaxed(&sh->status)) !=
			     DAXFS_S_IDLE : a64_load_relaxed(&sh->epoch) != 0)
			return 1;
	}
	return 0;
}

static void exec_server(u32 m)
{
	char path[512], program[512];
	const char *build = getenv("BUILD");

	mount_path(path, m);
	snprintf(program, sizeof(program), "%s/daxfs-fuse", build ? build : ".");
	execl(program, program, "-f", region, path, NULL);
	printf("%s: %s\n", program, strerror(errno));
	fflush(stdout);
	_exit(127);
}

static void start_server(u32 m)
{
	board->dying[m] = 0;
	server[m] = begin_child();
	if (!server[m])
		exec_server(m);
}

static void wait_mounted(u32 m)
{
	u64 end = now_ms() + STUCK_MS;

	while (!is_mounted(m)) {
		if (waitpid(server[m], NULL, WNOHANG) == server[m]) {
			server[m] = 0;
			give_up("the server of mount %u does not start", m);
		}
		if (now_ms() > end)
			give_up("mount %u does not answer", m);
		nap_us(500);
	}
}

/*
 * A server that dies while it tells the kernel to drop pages on which a read
 * waits that it has not answered stays until the mount is forced: the kernel
 * waits for the page without end, and keeps the connection open for that
 * thread (daxfs-fuse(8), "If the server is killed").
 */
static int wait_killed(u32 m)
{
	u64 force = now_ms() + FORCE_MS;
	char path[512];
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (!waitid(P_PID, (id_t)server[m], &info,
			    WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
			break;
		if (now_ms() > force) {
			mount_path(path, m);
			umount2(path, MNT_FORCE);	/* EBUSY: aborted */
			kills.forced++;
			break;
		}
		nap_us(300);
	}
	return wait_for(server[m], "a killed server");
}

static void kill_server(u32 m)
{
	pid_t pid = server[m];
	u32 slot = slot_of(pid), tries = below(3) ? 20000 : 0;
	int status, record = (int)below(2);

	__atomic_store_n(&board->dying[m], 1, __ATOMIC_SEQ_CST);
	while (tries && !is_busy(slot, record))
		tries--;	/* most of them in an operation, if we can */
	kill(pid, SIGKILL);
	status = wait_killed(m);
	kills.busy += (u64)is_busy(slot, 0);
	kills.record += (u64)is_busy(slot, 1);
	if (status != 128 + SIGKILL)
		give_up("the server of mount %u had ended, status %d", m,
			status);
	server[m] = 0;
	kills.all++;
	kills.recovering += (u64)is_recovering(pid);
}

/* Its workers have seen it; the mount is cleaned up. */
static void bury(u32 m)
{
	reap_workers(m, WORKER_DIED);
	detach(m);
}

/* A server that has just been started dies: at any moment, or as it recovers. */
static void kill_at_start(u32 m)
{
	u64 naps = below(2) ? below(60) : 400, i;

	start_server(m);
	for (i = 0; i < naps; i++) {
		if (naps == 400 && is_recovering(server[m])) {
			nap_us(below(200));
			break;
		}
		nap_us(naps == 400 ? 50 : 500);
	}
	kill_server(m);
	kills.fresh++;
	detach(m);
}

static void restart_server(u32 m)
{
	u32 i;

	for (i = 0; i < CHAIN_MAX && !below(3); i++)
		kill_at_start(m);
	start_server(m);
	wait_mounted(m);
}

/* The heart of another finds the death within a second or so, and dies of it. */
static void kill_recoverer(u32 dead)
{
	u64 end = now_ms() + 3000;
	u32 m;

	while (now_ms() < end) {
		for (m = 0; m < mounts; m++) {
			if (m == dead || !is_recovering(server[m]))
				continue;
			nap_us(below(100));
			kill_server(m);
			return;
		}
		nap_us(20);
	}
}

static void kill_some(void)
{
	u32 first = (u32)below(mounts), m;

	kill_server(first);
	switch (below(16)) {
	case 0:
		kill_recoverer(first);
		return;
	case 1: case 2:
		nap_us(below(3000));
		for (m = 0; m < mounts; m++) {
			if (server[m])
				kill_server(m);
		}
		kills.together++;
	}
}

/* A mount that lives, or mounts. */
static u32 living(void)
{
	u32 m;

	for (m = 0; m < mounts && !server[m]; m++)
		;
	return m;
}

static void restart_dead(int resolved)
{
	u32 m, through;

	for (m = 0; m < mounts; m++) {
		if (server[m])
			continue;
		restart_server(m);
		through = living();
		if (!resolved)
			resolve_workers(m, through);
	}
	for (m = 0; m < mounts; m++)
		start_workers(m);
}

/* Some die; the others are looked at, and through them what the dead left. */
static void one_round(void)
{
	u32 m, through;
	int early;

	nap_us(below(60000));
	look_after();
	kill_some();
	for (m = 0; m < mounts; m++) {
		if (!server[m])
			bury(m);
	}
	through = living();
	early = through < mounts && below(2);
	for (m = 0; m < mounts && early; m++) {
		if (!server[m])
			resolve_workers(m, through);
	}
	recheck();
	restart_dead(early);
}

/* ---- nobody works ---- */

static void stop_workers(void)
{
	u32 m;

	__atomic_store_n(&board->stop, 1, __ATOMIC_SEQ_CST);
	for (m = 0; m < mounts; m++)
		reap_workers(m, 0);
	__atomic_store_n(&board->stop, 0, __ATOMIC_SEQ_CST);
}

static void verify_shared(u32 m)
{
	char top[512];
	pid_t pid = begin_child();

	if (!pid) {
		who = "a look at what all share";
		mount_path(top, m);
		meet_verify(&board->meet, top);
		_exit(0);
	}
	if (wait_for(pid, "a look at what all share"))
		give_up("what all share: see above");
}

/* A server that leaves the region on request is killed in the middle of it. */
static void kill_while_leaving(u32 m)
{
	pid_t pid = server[m];
	int status;

	kill(pid, SIGTERM);
	nap_us(below(4000));
	kill(pid, SIGKILL);
	status = wait_killed(m);
	server[m] = 0;
	detach(m);
	if (status && status != 128 + SIGKILL)
		give_up("a server that leaves ended with status %d", status);
	kills.all += status != 0;
	kills.leaving += status != 0;
	start_server(m);
	wait_mounted(m);
}

static void stop_servers(void)
{
	char path[512];
	int status;
	u32 m;

	for (m = 0; m < mounts; m++) {
		mount_path(path, m);
		if (below(2) || umount2(path, 0))
			kill(server[m], SIGTERM);
		status = wait_for(server[m], "a server");
		server[m] = 0;
		if (status)
			give_up("a server that unmounts ends with status %d",
				status);
		detach(m);
	}
}

static void start_servers(void)
{
	u32 m;

	for (m = 0; m < mounts; m++)
		start_server(m);
	for (m = 0; m < mounts; m++)
		wait_mounted(m);
}

/* fsck.daxfs -n has to find nothing. */
static void fsck(void)
{
	const char *build = getenv("BUILD");
	char program[512];
	pid_t pid = begin_child();
	int status;

	snprintf(program, sizeof(program), "%s/fsck.daxfs", build ? build : ".");
	if (!pid) {
		execl(program, program, "-n", region, NULL);
		_exit(127);
	}
	status = wait_for(pid, "fsck.daxfs");
	if (status)
		give_up("fsck.daxfs -n says %d after %llu kills", status,
			(unsigned long long)kills.all);
	kills.fscks++;
}

/* Each look is through a mount of another than who worked there. */
static void quiesce(void)
{
	u32 w;

	stop_workers();
	verify_shared((u32)below(mounts));
	for (w = 0; w < workers; w++)
		resolve(w, (w + 1) % mounts);
	kill_while_leaving((u32)below(mounts));
	stop_servers();
	fsck();
}

/* ---- before and after ---- */

static u64 pages_before(void)
{
	u64 nr, index;

	host_join(region);
	pages_usable();
	pages_free();
	nr = pages_besides_index(&index);
	host_part();
	return nr;
}

static void make_all(void)
{
	char path[512];
	pid_t pid;
	u32 w;

	start_servers();
	pid = begin_child();
	if (!pid) {
		mount_path(path, 0);
		meet_make(&board->meet, workers, path);
		for (w = 0; w < workers; w++) {
			own_path(path, 0, w);
			oracle_init(&board->oracle[w]);
			if (mkdir(path, 0755))
				WRONG("%s: %s", path, strerror(errno));
		}
		_exit(0);
	}
	if (wait_for(pid, "the beginning"))
		give_up("the beginning: see above");
}

static void say_what_was_done(void)
{
	u64 acked = 0, bytes = 0, synced = 0, doubt = 0, came = 0, ops = 0;
	struct oracle *o;
	u32 w;

	for (w = 0; w < workers; w++) {
		o = &board->oracle[w];
		ops += board->ops[w];
		acked += o->acked;
		bytes += o->bytes;
		synced += o->synced;
		doubt += o->in_doubt;
		came += o->came_true;
	}
	report(kills.all > 0 && kills.forced * 50 <= kills.all + 50,
	       "%llu kills of %u servers: %llu inside an "
	       "operation, %llu of them with a record under way, %llu as they "
	       "started, %llu as they recovered another, %llu times all at "
	       "once, %llu as they left; %llu mounts had to be forced",
	       (unsigned long long)kills.all, mounts,
	       (unsigned long long)kills.busy,
	       (unsigned long long)kills.record,
	       (unsigned long long)kills.fresh,
	       (unsigned long long)kills.recovering,
	       (unsigned long long)kills.together,
	       (unsigned long long)kills.leaving,
	       (unsigned long long)kills.forced);
	report(acked && bytes && synced, "%llu steps of %u workers; in their "
	       "own trees %llu acknowledged changes, %llu bytes, %llu fsyncs: "
	       "none lost", (unsigned long long)ops, workers,
	       (unsigned long long)acked, (unsigned long long)bytes,
	       (unsigned long long)synced);
	report(came <= doubt, "%llu changes in doubt: %llu came true, the "
	       "others not at all", (unsigned long long)doubt,
	       (unsigned long long)came);
	report(board->meet.records && board->meet.looks, "shared: %llu records "
	       "appended, %llu looks at a rename, %llu calls anew after ESTALE",
	       (unsigned long long)board->meet.records,
	       (unsigned long long)board->meet.looks,
	       (unsigned long long)board->stale);
	report(kills.fscks > 0, "%llu times unmounted and clean for fsck.daxfs",
	       (unsigned long long)kills.fscks);
}

/* Every page is back, to the last; the index may have another size. */
static void verify_memory(u64 before)
{
	struct daxfs_index_stat is;
	struct daxfs_statfs sf;
	struct walked walked;
	u64 now, index;

	host_join(region);
	verify_hosts();
	walk_verify(&walked);
	report(1, "tree: %llu directories, %llu files, %llu names",
	       (unsigned long long)walked.dirs, (unsigned long long)walked.files,
	       (unsigned long long)walked.names);
	check_pool();
	empty_dir(DAXFS_ROOT_INO);
	pages_usable();
	pages_free();
	now = pages_besides_index(&index);
	MUST(daxfs_index_stat(cx, &is));
	MUST(daxfs_statfs(cx, &sf));
	if (now != before)
		print_live_pages();
	report(now == before && is.inodes == 1 && !is.dirents,
	       "all deleted: %llu pages in use besides %llu of the index; "
	       "%llu before; %llu inodes, %llu names",
	       (unsigned long long)now, (unsigned long long)index,
	       (unsigned long long)before, (unsigned long long)is.inodes,
	       (unsigned long long)is.dirents);
	printf("# statfs says %llu pages in use\n",
	       (unsigned long long)(sf.pool_pages - sf.pages_free));
	check_index();
	check_pool();
	host_part();
}

static void run(void)
{
	u64 end = now_ms() + seconds * 1000, next = per_fsck;
	u32 m;

	for (m = 0; m < mounts; m++)
		start_workers(m);
	while (kills_wanted ? kills.all < kills_wanted : now_ms() < end) {
		one_round();
		if (kills.all < next)
			continue;
		next = kills.all + per_fsck;
		quiesce();
		printf("# %llu kills\n", (unsigned long long)kills.all);
		start_servers();
		for (m = 0; m < mounts; m++)
			start_workers(m);
	}
	quiesce();
}

static int usage(FILE *to)
{
	fputs("usage: stress_fuse [-m MOUNTS] [-w WORKERS] [-t SECONDS] "
	      "[-k KILLS] [-q KILLS] [-s SEED] REGION DIRECTORY\n"
	      "FUSE servers on an empty region, killed at random.\n"
	      "  -m  mounts, 2 to 4 (default 2)\n"
	      "  -w  workers on each (default 2)\n"
	      "  -t  seconds (default 10)\n"
	      "  -k  so many kills, however long that takes\n"
	      "  -q  unmount and run fsck.daxfs after so many (default 40)\n"
	      "  -s  seed (default: by the clock; it is printed)\n"
	      "Exit status: 0 all is well, 1 something is wrong, 2 not run.\n",
	      to);
	return 2;
}

static int options(int argc, char **argv)
{
	int c;

	seed = (u64)time(NULL) * 1000 + now_ms() % 1000;
	while ((c = getopt(argc, argv, "m:w:t:k:q:s:")) >= 0) {
		if (c == 'm')
			mounts = (u32)strtoul(optarg, NULL, 0);
		else if (c == 'w')
			per_mount = (u32)strtoul(optarg, NULL, 0);
		else if (c == 't')
			seconds = strtoull(optarg, NULL, 0);
		else if (c == 'k')
			kills_wanted = strtoull(optarg, NULL, 0);
		else if (c == 'q')
			per_fsck = strtoull(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	workers = mounts * per_mount;
	if (argc - optind != 2 || mounts < 2 || mounts > MOUNTS_MAX ||
	    !per_mount || workers > MEET_WORKERS || !per_fsck)
		return 2;
	region = argv[optind];
	dir = argv[optind + 1];
	return 0;
}

static void prepare(void)
{
	char path[512], text[512] = "";
	u32 m;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	oracle_stale = &board->stale;
	for (m = 0; m < mounts; m++) {
		mount_path(path, m);
		if (mkdir(path, 0755))
			give_up("%s: %s", path, strerror(errno));
	}
	if (daxfs_mount_open(&look, region, DAXFS_OPEN_NOHOST, DAXFS_HOST_LIB,
			     text, sizeof(text)))
		give_up("%s", text);
}

int main(int argc, char **argv)
{
	u64 before;

	if (options(argc, argv))
		return usage(stderr);
	printf("# stress_fuse: seed %llu\n", (unsigned long long)seed);
	random_seed(seed);
	prepare();
	before = pages_before();
	make_all();
	run();
	say_what_was_done();
	verify_memory(before);
	daxfs_mount_close(look);
	return report_total();
}
