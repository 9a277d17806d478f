// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-branch create and exec: a new branch, mounted if that is wanted.
 *
 * Notes: who gives up a branch that was just made unmounts it, or shows it and leaves
 * it: that takes it alone away, one step back. An abort would end all above it too.
 * What exec runs gets the branch as its working directory; who waits keeps the root
 * of the mount open, because that alone tells how the branch ended.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "branch.h"
#include "branch_list.h"
#include "fuse_mount.h"

int branch_make(const struct branch_access *a, const struct branch *br,
		const char *name, struct daxfs_ioc_branch *b)
{
	struct daxfs_ioc_branch parent;
	int status = branch_find(a, "make a child of", br->parent, &parent), r;

	if (status)
		return status;
	if (strlen(name) >= sizeof(b->name))
		return branch_failed(a, "make", name, -EINVAL);
	memset(b, 0, sizeof(*b));
	b->parent = parent.id;
	b->flags = br->keep ? DAXFS_IOC_BR_KEEP : 0;
	strcpy(b->name, name);
	r = branch_call(a, DAXFS_IOC_BRANCH_CREATE, b);
	return r ? branch_failed(a, "make", name, r) : BRANCH_OK;
}

/* Has it been aborted, or lost against another one, meanwhile? */
static int check_lost(const struct branch_access *a, u64 id)
{
	struct daxfs_ioc_branch b = { .id = id };
	int r = branch_call(a, DAXFS_IOC_BRANCH_INFO, &b);

	return !r && b.state == DAXFS_IOC_BR_STALE ? -ESTALE : r;
}

/* As if it had been mounted, and unmounted. */
static void give_up(const char *region, const char *name)
{
	struct daxfs_mount *m;
	char why[512] = "";
	int r = daxfs_mount_open(&m, region, 0, DAXFS_HOST_TOOL, why, sizeof(why));

	if (!r)
		r = daxfs_mount_show(m, name, why, sizeof(why));
	daxfs_mount_close(m);
	if (r)
		daxfs_tool_error("branch %s stays, because: %s", name, why);
}

static int is_directory(const char *dir)
{
	struct stat st;
	int r = stat(dir, &st);

	if (!r && S_ISDIR(st.st_mode))
		return 1;
	daxfs_tool_error("%s: cannot mount there: %s; make the directory first", dir,
			 r ? strerror(errno) : "not a directory");
	return 0;
}

static int mount_new(const struct branch *br, const struct branch_access *a,
		     const char *region)
{
	struct daxfs_ioc_branch b;
	int status = branch_make(a, br, br->name, &b);

	if (status)
		return status;
	if (br->mountpoint && branch_mount(region, br->mountpoint, br->name,
					   br->option)) {
		if (check_lost(a, b.id) == -ESTALE)
			return branch_failed(a, "mount", br->name, -ESTALE);
		if (!br->keep)
			give_up(region, br->name);
		daxfs_tool_error("%s: not mounted%s", br->mountpoint, br->keep ?
				 "; the branch is made" : ", so there is no branch");
		return BRANCH_FAILED;
	}
	if (br->json && br->mountpoint)
		branch_call(a, DAXFS_IOC_BRANCH_INFO, &b);	/* it is shown now */
	if (br->json)
		branch_print_json(&b, br->mountpoint);
	return BRANCH_OK;
}

int branch_create(const struct branch *br)
{
	struct branch_access a;
	char *region = NULL;
	int status;

	if (br->mountpoint && !is_directory(br->mountpoint))
		return BRANCH_FAILED;
	status = branch_open(&a, br, 0);
	if (status)
		return status;
	region = br->mountpoint ? branch_region(br) : NULL;
	if (br->mountpoint && !region)
		status = BRANCH_FAILED;
	else
		status = mount_new(br, &a, region);
	branch_close(&a);
	free(region);
	return status;
}

/* ---- exec ---- */

static volatile sig_atomic_t child;

static void pass_on(int sig)
{
	if (child > 0)
		kill((pid_t)child, sig);
}

/* The terminal sends INT and QUIT to the child itself. */
static void wait_signals(void)
{
	static const int passed[] = { SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = SIG_IGN }, old;
	size_t i;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGQUIT, &sa, NULL);
	sa.sa_handler = pass_on;
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (!sigaction(passed[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(passed[i], &sa, NULL);
}

static _Noreturn void become(char **cmd, const char *dir, const char *name)
{
	if (chdir(dir) || setenv("DAXFS_BRANCH_DIR", dir, 1) ||
	    setenv("PWD", dir, 1) || setenv("DAXFS_BRANCH", name, 1))
		daxfs_tool_error("%s: %s", dir, strerror(errno));
	else
		execvp(cmd[0], cmd);
	daxfs_tool_error("cannot run %s: %s", cmd[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Did it end well? */
static int run(char **cmd, const char *dir, const char *name)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid)
		become(cmd, dir, name);
	if (pid < 0) {
		daxfs_tool_error("cannot start a process: %s", strerror(errno));
		return 0;
	}
	child = pid;
	wait_signals();
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	child = 0;
	if (WIFSIGNALED(status))
		daxfs_tool_error("%s: ended by signal %d", cmd[0], WTERMSIG(status));
	else if (WEXITSTATUS(status))
		daxfs_tool_error("%s: exit status %d", cmd[0], WEXITSTATUS(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static int run_and_commit(const struct branch *br, const struct branch_access *a,
			  const char *name)
{
	struct daxfs_ioc_branch_op op = { .id = DAXFS_IOC_BRANCH_SELF,
					  .if_head = br->if_head };
	int ok = run(br->cmd, a->where, name), r;

	r = check_lost(a, DAXFS_IOC_BRANCH_SELF);
	if (!r && ok && br->commit)
		r = branch_call(a, DAXFS_IOC_BRANCH_COMMIT, &op);
	if (r)
		return branch_failed(a, "commit", name, r);
	return ok ? BRANCH_OK : BRANCH_FAILED;
}

/* On a mount of the branch that is ours alone. */
static int exec_mounted(const struct branch *br, const char *dir, const char *name)
{
	struct daxfs_ioc_branch b = { .id = DAXFS_IOC_BRANCH_SELF };
	const struct branch at = { .mnt = dir };
	struct branch_access a;
	int status = branch_open(&a, &at, 0), r;

	if (!status) {
		r = branch_call(&a, DAXFS_IOC_BRANCH_INFO, &b);
		status = r ? branch_failed(&a, "look at", name, r) :
			     run_and_commit(br, &a, name);
		branch_close(&a);
	}
	if (fuse_unmount(dir, (pid_t)b.pid) && !status)
		status = BRANCH_FAILED;
	return status;
}

static int exec_in(const struct branch *br, const struct branch_access *a,
		   const char *region, const char *dir)
{
	struct daxfs_ioc_branch b;
	struct timespec now;
	char name[64];
	int status;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(name, sizeof(name), "exec-%ld-%llx", (long)getpid(),
		 (unsigned long long)now.tv_sec * 1000000000ull +
		 (unsigned long long)now.tv_nsec);
	status = branch_make(a, br, br->name ? br->name : name, &b);
	if (status)
		return status;
	if (branch_mount(region, dir, b.name, br->option)) {
		if (check_lost(a, b.id) == -ESTALE)
			return branch_failed(a, "mount", b.name, -ESTALE);
		give_up(region, b.name);
		return BRANCH_FAILED;
	}
	return exec_mounted(br, dir, b.name);
}

/* TMPDIR may be relative, and the command goes elsewhere. */
static int temp_dir(char *dir, size_t len)
{
	const char *tmp = getenv("TMPDIR");
	char *full = realpath(tmp && *tmp ? tmp : "/tmp", NULL);
	int n = full ? snprintf(dir, len, "%s/daxfs-branch.XXXXXX", full) : -1;

	if (full && n >= (int)len)
		errno = ENAMETOOLONG;
	free(full);
	if (n > 0 && n < (int)len && mkdtemp(dir))
		return 0;
	daxfs_tool_error("%s: cannot make a directory there: %s; set TMPDIR",
			 tmp && *tmp ? tmp : "/tmp", strerror(errno));
	return -1;
}

int branch_exec(const struct branch *br)
{
	struct branch_access a;
	char dir[PATH_MAX];
	char *region;
	int status = branch_open(&a, br, 0);

	if (status)
		return status;
	region = branch_region(br);
	status = BRANCH_FAILED;
	if (region && !temp_dir(dir, sizeof(dir))) {
		status = exec_in(br, &a, region, dir);
		rmdir(dir);
	}
	branch_close(&a);
	free(region);
	return status;
}
