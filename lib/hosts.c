// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who we are to other hosts, and which of them are gone from this machine.
 *
 * Notes: a host is confirmed dead only by a fact: it has our boot id, and its
 * process does not exist or is another one (start time). Process numbers mean
 * something in their own namespace alone, so a process outside the initial
 * pid or time namespace mixes that namespace into its boot id: it is then
 * judged by its neighbours in there and by nobody else. Hosts of another boot
 * id may be another machine; they are left alone, but for one case: in a
 * persistent region a host of this very installation (machine id and host
 * name) that has not beaten since the machine was started is gone. A kernel
 * has no process (pid 0), so nobody but that rule and its own machine's
 * administrator, who evicts it, ever declares it dead.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "mount_priv.h"

/* What the kernel numbers its first namespaces (include/linux/proc_ns.h). */
#define INIT_PID_NS	0xeffffffcull
#define INIT_TIME_NS	0xeffffffaull

static int read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	buf[n] = '\0';
	return 0;
}

struct proc_stat {
	char state;
	long threads;
	unsigned long long start;
};

/* Fields 3, 20 and 22 of stat; the name before them may hold anything. */
static int read_stat(const char *path, struct proc_stat *ps)
{
	char buf[1024];
	const char *p;
	int r = read_file(path, buf, sizeof(buf));

	if (r)
		return r;
	p = strrchr(buf, ')');
	if (!p || sscanf(p + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			 "%*s %*s %*s %*s %*s %*s %ld %*s %llu",
			 &ps->state, &ps->threads, &ps->start) != 3)
		return -EINVAL;
	return 0;
}

static u64 namespace_of(const char *path, u64 init)
{
	struct stat st;

	if (stat(path, &st) || st.st_ino == init)
		return 0;
	return (u64)st.st_ino * 0x9e3779b97f4a7c15ull;
}

/* 32 hexadecimal digits in a file, however they are grouped; else zeros. */
static void read_id(const char *path, u64 id[2])
{
	char text[64];
	char hex[33];
	size_t n = 0;

	id[0] = id[1] = 0;
	if (read_file(path, text, sizeof(text)))
		return;
	for (const char *p = text; *p && *p != '\n' && n < 32; p++)
		if (*p != '-')
			hex[n++] = *p;
	hex[n] = '\0';
	id[1] = strtoull(hex + (n > 16 ? 16 : n), NULL, 16);
	hex[n > 16 ? 16 : n] = '\0';
	id[0] = strtoull(hex, NULL, 16);
}

static void read_boot_id(u64 id[2])
{
	read_id("/proc/sys/kernel/random/boot_id", id);
	if (!id[0] && !id[1])
		return;
	id[1] ^= namespace_of("/proc/self/ns/pid", INIT_PID_NS);
	id[0] ^= namespace_of("/proc/self/ns/time", INIT_TIME_NS);
}

/*
 * Told by processes of the initial namespaces alone: in others the boot id is
 * not that of the machine, so it says nothing about a restart.
 */
static void machine_id(u64 id[2])
{
	id[0] = id[1] = 0;
	if (!namespace_of("/proc/self/ns/pid", INIT_PID_NS) &&
	    !namespace_of("/proc/self/ns/time", INIT_TIME_NS))
		read_id("/etc/machine-id", id);
}

/* The same for all of the process; fork() into a namespace changes it. */
static void boot_id(u64 id[2])
{
	static pid_t known;
	static u64 cached[2];

	pthread_mutex_lock(&daxfs_lib_lock);
	if (known != getpid()) {
		read_boot_id(cached);
		known = getpid();
	}
	id[0] = cached[0];
	id[1] = cached[1];
	pthread_mutex_unlock(&daxfs_lib_lock);
}

void daxfs_host_identify(struct daxfs_host_id *id, u32 kind)
{
	struct proc_stat ps = { .start = 0 };

	memset(id, 0, sizeof(*id));
	boot_id(id->boot_id);
	machine_id(id->machine_id);
	id->pid = (u32)getpid();
	if (!read_stat("/proc/self/stat", &ps))
		id->start_time = ps.start;
	id->kind = kind;
	if (gethostname(id->name, sizeof(id->name) - 1))
		id->name[0] = '\0';
}

/* Does /proc number processes as kill() does here? */
static int proc_is_ours(void)
{
	char link[32] = "";

	return readlink("/proc/self", link, sizeof(link) - 1) > 0 &&
	       strtol(link, NULL, 10) == (long)getpid();
}

enum daxfs_host_place daxfs_host_place(const struct daxfs_host_info *info)
{
	struct proc_stat ps;
	char path[48];
	u64 ours[2];

	boot_id(ours);
	if ((!ours[0] && !ours[1]) || info->id.boot_id[0] != ours[0] ||
	    info->id.boot_id[1] != ours[1])
		return DAXFS_HOST_ELSEWHERE;
	if (!info->id.pid)
		return DAXFS_HOST_HERE;	/* the kernel that runs us */
	if (kill((pid_t)info->id.pid, 0) && errno == ESRCH)
		return DAXFS_HOST_GONE;
	/* While it joins or takes a slot over, the start time may still be its
	 * predecessor's. */
	if (info->state == DAXFS_H_JOINING || info->state == DAXFS_H_RECOVERING)
		return DAXFS_HOST_HERE;
	snprintf(path, sizeof(path), "/proc/%u/stat", info->id.pid);
	if (!proc_is_ours() || read_stat(path, &ps))
		return DAXFS_HOST_HERE;
	if (info->id.start_time && ps.start != info->id.start_time)
		return DAXFS_HOST_GONE;
	/* A zombie stores nothing more; its other threads would. */
	if ((ps.state == 'Z' || ps.state == 'X') && ps.threads <= 1)
		return DAXFS_HOST_GONE;
	return ps.state == 'T' ? DAXFS_HOST_STOPPED : DAXFS_HOST_HERE;
}

int daxfs_host_is_gone(const struct daxfs_host_info *info)
{
	return daxfs_host_place(info) == DAXFS_HOST_GONE;
}

/* When this machine was started, by its wall clock. */
static u64 started_ns(void)
{
	struct timespec now, up;

	if (clock_gettime(CLOCK_REALTIME, &now) ||
	    clock_gettime(CLOCK_BOOTTIME, &up))
		return 0;
	return (u64)(now.tv_sec - up.tv_sec) * 1000000000ull;
}

int daxfs_host_lost_power(const struct daxfs_host_info *info,
			  const struct daxfs_host_id *us)
{
	/* A copy of this installation that runs elsewhere, under the same name,
	 * has beaten since. */
	if (info->heartbeat_ns >= started_ns())
		return 0;
	if (info->state != DAXFS_H_ALIVE || (!us->boot_id[0] && !us->boot_id[1]) ||
	    (!us->machine_id[0] && !us->machine_id[1]))
		return 0;
	return info->id.machine_id[0] == us->machine_id[0] &&
	       info->id.machine_id[1] == us->machine_id[1] &&
	       !strncmp(info->id.name, us->name, sizeof(us->name)) &&
	       (info->id.boot_id[0] != us->boot_id[0] ||
		info->id.boot_id[1] != us->boot_id[1]);
}

/* A fact, of this machine: the process has ended, or the machine has. */
static int is_gone(const struct daxfs_mount *m, const struct daxfs_host_info *info)
{
	struct daxfs_host_id us;

	if (daxfs_host_is_gone(info))
		return 1;
	if (!daxfs_is_persistent(&m->rg))
		return 0;
	daxfs_host_identify(&us, m->kind);
	return daxfs_host_lost_power(info, &us);
}

static int other_host(const struct daxfs_mount *m, u32 slot,
		      struct daxfs_host_info *info)
{
	if (m->rg.joined && slot == m->rg.host)
		return 0;
	return !daxfs_host_info(&m->rg, slot, info) &&
	       info->state != DAXFS_H_FREE;
}

void daxfs_hosts_reap(struct daxfs_mount *m, struct daxfs_cx *cx)
{
	struct daxfs_host_info info;
	u32 slot;

	for (slot = 0; slot < DAXFS_HOSTS; slot++) {
		int dead;

		if (!other_host(m, slot, &info))
			continue;
		dead = info.state == DAXFS_H_DEAD ||
		       info.state == DAXFS_H_RECOVERING;
		/* Also one that died while it took the slot over. */
		if (info.state != DAXFS_H_DEAD && is_gone(m, &info))
			dead |= !daxfs_host_mark_dead(&m->rg, slot,
						      info.incarnation);
		/* -EBUSY: another host does it. It is tried again anyway. */
		if (dead && cx)
			daxfs_host_recover(cx, slot);
	}
}

static void say_in_use(const struct daxfs_mount *m,
		       const struct daxfs_host_info *info, char *why,
		       size_t why_len)
{
	char who[32] = "the kernel of";

	if (info->id.pid)
		snprintf(who, sizeof(who), "process %u on", info->id.pid);
	daxfs_why(why, why_len, "%s: in use by %s %.63s (host %u); unmount it "
		  "there first; if that machine is off, daxfs-inspect evict %u "
		  "says so", m->path, who,
		  info->id.name[0] ? info->id.name : "?", info->slot,
		  info->slot);
}

int daxfs_hosts_none(struct daxfs_mount *m, char *why, size_t why_len)
{
	struct daxfs_host_info info;
	u32 slot;

	for (slot = 0; slot < DAXFS_HOSTS; slot++) {
		if (!other_host(m, slot, &info) || info.state == DAXFS_H_DEAD)
			continue;
		if (info.state > DAXFS_H_RECOVERING)
			continue;	/* damage: no host has such a state */
		if (is_gone(m, &info))
			continue;
		say_in_use(m, &info, why, why_len);
		return -EBUSY;
	}
	return 0;
}
