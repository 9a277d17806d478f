// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An owner that is killed after each instruction of an append.
 *
 * Notes: a process appends under ptrace(2), one instruction at a time, and gets
 * SIGKILL after the first, then after the second, and so on to the last. Each time
 * clients, in processes of their own, replay: the entry is there as a whole or
 * not at all; and the next command of the owner goes on, without waiting for the
 * lock of the dead. Prints how many instructions were tried.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tools/common.h"
#include "famfs.h"
#include "image.h"

static char dir[] = "/dev/shm/test_famfs.XXXXXX";
static char file[64], uuid_file[64], client_file[64];
static u64 before, after;	/* kills that left nothing, and an entry */

static int fail(const char *what, u64 step)
{
	printf("FAILED after %llu instructions: %s\n", (unsigned long long)step, what);
	return 1;
}

/* ---- the owner that dies ---- */

static void prepare(const struct famfs_fs *fs, struct famfs_log_entry *e)
{
	struct famfs_rec rec = { .type = FAMFS_LOG_MKDIR, .index = fs->played,
				 .f.mode = 0755 };

	snprintf(rec.f.path, sizeof(rec.f.path), "dir%llu",
		 (unsigned long long)fs->played);
	famfs_entry_encode(&rec, e);
}

static _Noreturn void victim(void)
{
	struct famfs_log_entry e;
	struct famfs_fs *fs;

	if (famfs_open(&fs, file, FAMFS_LOG, NULL) || famfs_replay(fs))
		_exit(3);
	prepare(fs, &e);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(4);
	raise(SIGSTOP);
	famfs_log_append(&fs->log, fs->played, &e);
	raise(SIGSTOP);
	_exit(5);
}

/* 1: dead after so many instructions; 0: it has done before that; -1: trouble. */
static int kill_after(u64 instructions)
{
	pid_t pid = fork();
	int status, r = 1;
	u64 i;

	if (!pid)
		victim();
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	for (i = 0; i < instructions && r == 1; i++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return -1;
		if (WSTOPSIG(status) == SIGSTOP)
			r = 0;
		else if (WSTOPSIG(status) != SIGTRAP)
			return -1;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return r;
}

/* ---- those who stay ---- */

static int in_child(int (*fn)(u64 sure), u64 sure)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn(sure));
	return pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ?
	       99 : WEXITSTATUS(status);
}

/* 0: nothing new; 1: one entry; else wrong. */
static int client(u64 sure)
{
	struct famfs_fs *fs;
	int r = 2;

	setenv("FAMFS_SYSTEM_UUID", client_file, 1);
	if (!famfs_open(&fs, file, FAMFS_READ, NULL) && fs->role == FAMFS_CLIENT &&
	    !famfs_replay(fs))
		r = fs->played == sure ? 0 : fs->played == sure + 1 ? 1 : 3;
	return r;
}

static int next_command(u64 sure)
{
	struct famfs_rec rec = { .type = FAMFS_LOG_MKDIR, .f.mode = 0755 };
	struct famfs_fs *fs;

	if (famfs_open(&fs, file, FAMFS_LOG, NULL) || famfs_replay(fs) ||
	    fs->played != sure)
		return 1;
	snprintf(rec.f.path, sizeof(rec.f.path), "dir%llu", (unsigned long long)sure);
	return famfs_append(fs, &rec) != 0;
}

/* One step; *sure counts the entries. 0 on, 1 the end, 2 wrong. */
static int one(u64 step, u64 *sure)
{
	int dead = kill_after(step), seen;

	if (dead < 0)
		return fail("the owner cannot be stepped", step) + 1;
	seen = in_child(client, *sure);
	if (seen > 1 || in_child(client, *sure) != seen)
		return fail("a client sees neither the whole entry nor nothing", step) + 1;
	if (seen == 0 && !dead)
		return fail("it was appended, and is not there", step) + 1;
	*(seen ? &after : &before) += 1;
	*sure += (u64)seen;
	if (in_child(next_command, *sure))
		return fail("the next command does not go on", step) + 1;
	*sure += 1;
	return !dead;
}

static int make(void)
{
	char *path[] = { file };
	struct famfs_mkfs how = { .log_len = 8 * MIB, .path = path, .nr = 1 };
	FILE *f = fopen(file, "w");

	if (!f || ftruncate(fileno(f), 16 * MIB))
		return 1;
	fclose(f);
	return famfs_mkfs(&how);
}

int main(void)
{
	u64 step, sure = 0;
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(file, sizeof(file), "%s/device", dir);
	snprintf(uuid_file, sizeof(uuid_file), "%s/system", dir);
	snprintf(client_file, sizeof(client_file), "%s/client", dir);
	setenv("FAMFS_SYSTEM_UUID", uuid_file, 1);
	daxfs_tool_init("test_famfs_kill");
	r = make() ? 2 : 0;
	for (step = 0; !r; step++)
		r = one(step, &sure);
	/* The entry must have been missing for some and there for some. */
	if (r == 1 && (before < 20 || after < 20))
		r = fail("too few instructions before or behind the counters", step) + 1;
	unlink(file);
	unlink(uuid_file);
	unlink(client_file);
	rmdir(dir);
	if (r == 1)
		printf("ok %llu kills of an owner: %llu left nothing, %llu an entry\n",
		       (unsigned long long)(before + after), (unsigned long long)before,
		       (unsigned long long)after);
	return r != 1;
}
