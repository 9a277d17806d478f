// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * libdaxfs in split mode: reading, pins, writing, hosts without the file.
 *
 * Notes: mkdaxfs of the same build makes the region, of two files that are each
 * larger than the cache of 64 pages. Two handles are two hosts: `host' has the
 * backing file, `spawn' has not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <daxfs/daxfs.h>

#define FILE_LEN	(3u << 20)
#define PAGE		4096u
#define OPS		1500u
#define RUNS		64u

static char dir[64], region[96], backing[96];
static unsigned char *content[2];	/* of the files a and b */
static struct daxfs *host, *spawn;

/* ---- making it ---- */

static void put_file(const char *name, unsigned char *bytes)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/tree/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, FILE_LEN), FILE_LEN);
	close(fd);
}

static int mkdaxfs(void)
{
	char tool[512] = "", tree[96];
	ssize_t n = readlink("/proc/self/exe", tool, sizeof(tool) - 16);
	int status;
	pid_t pid;

	assert_true(n > 0);
	strcpy(strrchr(tool, '/'), "/mkdaxfs");
	snprintf(tree, sizeof(tree), "%s/tree", dir);
	pid = fork();
	if (!pid) {
		execl(tool, "mkdaxfs", "-q", "-f", "-d", tree, "-r", region, "-o",
		      backing, "-C", "64", "-O", "8M", "--prewarm", "none", NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int setup(void **state)
{
	char tree[96];

	(void)state;
	strcpy(dir, "/dev/shm/daxfs-split.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(region, sizeof(region), "%s/r", dir);
	snprintf(backing, sizeof(backing), "%s/back", dir);
	snprintf(tree, sizeof(tree), "%s/tree", dir);
	assert_int_equal(mkdir(tree, 0755), 0);
	srandom(1);
	for (int f = 0; f < 2; f++) {
		content[f] = malloc(FILE_LEN);
		assert_non_null(content[f]);
		for (unsigned int i = 0; i < FILE_LEN; i++)
			content[f][i] = (unsigned char)random();
		put_file(f ? "b" : "a", content[f]);
	}
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	free(content[0]);
	free(content[1]);
	return system(command);
}

static int open_both(void **state)
{
	char why[512] = "";

	(void)state;
	assert_int_equal(mkdaxfs(), 0);
	if (daxfs_fs_open_backing(&host, region, NULL, backing, 0, why, sizeof(why)))
		fail_msg("%s", why);
	if (daxfs_fs_open(&spawn, region, 0, why, sizeof(why)))
		fail_msg("%s", why);
	return 0;
}

static int close_both(void **state)
{
	(void)state;
	assert_int_equal(daxfs_fs_close(host), 0);
	assert_int_equal(daxfs_fs_close(spawn), 0);
	host = spawn = NULL;
	return 0;
}

static struct daxfs_fd *open_file(struct daxfs *fs, const char *name, int flags)
{
	struct daxfs_fd *fd;

	assert_int_equal(daxfs_fd_open(fs, NULL, name, flags, 0, &fd), 0);
	return fd;
}

static void read_all(struct daxfs *fs, int f)
{
	struct daxfs_fd *fd = open_file(fs, f ? "b" : "a", O_RDONLY);
	unsigned char *buf = malloc(FILE_LEN);

	assert_int_equal(daxfs_fd_pread(fd, buf, FILE_LEN, 0), FILE_LEN);
	assert_memory_equal(buf, content[f], FILE_LEN);
	free(buf);
	daxfs_fd_close(fd);
}

/* ---- tests ---- */

static void test_read(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		read_all(host, 0);
		read_all(spawn, 1);
		read_all(spawn, 0);
	}
}

static void compare_runs(const struct daxfs_pin_run *run, int nr)
{
	for (int i = 0; i < nr; i++) {
		assert_non_null(run[i].ptr);
		assert_memory_equal(run[i].ptr, content[0] + run[i].off, run[i].len);
	}
}

/* What is pinned stays while the rest of the cache turns over. */
static void test_pin(void **state)
{
	struct daxfs_fd *fd = open_file(spawn, "a", O_RDONLY);
	struct daxfs_pin_run run[RUNS];
	struct daxfs_pin *pin;
	int nr;

	(void)state;
	assert_int_equal(daxfs_pin_begin(fd, &pin), 0);
	nr = daxfs_pin_runs(pin, 5000, 30 * PAGE, run, RUNS);
	assert_true(nr > 0);
	assert_int_equal(run[0].off, 5000);
	assert_int_equal(run[nr - 1].off + run[nr - 1].len, 5000 + 30 * PAGE);
	/* The same again is the same memory, and pins nothing more. */
	for (int i = 0; i < 300; i++) {
		struct daxfs_pin_run again[RUNS];

		assert_int_equal(daxfs_pin_runs(pin, 5000, 30 * PAGE, again, RUNS), nr);
		assert_ptr_equal(again[nr - 1].ptr, run[nr - 1].ptr);
	}
	for (int i = 0; i < 3; i++) {
		read_all(host, 1);
		compare_runs(run, nr);
		read_all(spawn, 1);
		compare_runs(run, nr);
	}
	daxfs_fd_close(fd);
	daxfs_pin_end(pin);
	read_all(host, 1);
}

/* All of the cache is pinned: others read past it, and get it back. */
static void test_pin_all(void **state)
{
	struct daxfs_fd *fd = open_file(host, "a", O_RDONLY);
	static struct daxfs_pin_run run[1024];
	struct daxfs_pin *pin;
	size_t sum = 0;
	int nr;

	(void)state;
	assert_int_equal(daxfs_pin_begin(fd, &pin), 0);
	for (unsigned int off = 0; off < FILE_LEN; off += 16 * PAGE) {
		nr = daxfs_pin_runs(pin, off, 16 * PAGE, run, 1024);
		if (nr < 0) {
			assert_int_equal(nr, -EBUSY);
			continue;
		}
		compare_runs(run, nr);
		for (int i = 0; i < nr; i++)
			sum += run[i].len;
	}
	assert_int_equal(sum, 64 * PAGE);
	read_all(host, 1);
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	read_all(spawn, 1);
}

/* Random reads and writes by both hosts, beside a copy in memory. */
static void test_random(void **state)
{
	struct daxfs_fd *fd[2] = { open_file(host, "b", O_RDWR),
				   open_file(spawn, "b", O_RDWR) };
	static unsigned char buf[20000];
	unsigned char *model = malloc(FILE_LEN);

	(void)state;
	memcpy(model, content[1], FILE_LEN);
	for (unsigned int i = 0; i < OPS; i++) {
		unsigned int len = 1 + (unsigned int)random() % sizeof(buf);
		unsigned int off = (unsigned int)random() % (FILE_LEN - len);
		struct daxfs_fd *by = fd[random() & 1];

		if (random() % 3) {
			assert_int_equal(daxfs_fd_pread(by, buf, len, off), len);
			assert_memory_equal(buf, model + off, len);
			continue;
		}
		memset(buf, (int)random(), len);
		assert_int_equal(daxfs_fd_pwrite(by, buf, len, off), len);
		memcpy(model + off, buf, len);
	}
	free(model);
	daxfs_fd_close(fd[0]);
	daxfs_fd_close(fd[1]);
}

/* Inside the region, out of a backing file. */
static void test_copy(void **state)
{
	struct daxfs_fd *from = open_file(spawn, "a", O_RDONLY), *to;
	unsigned char *buf = malloc(200000);
	ssize_t n, done = 0;

	(void)state;
	assert_int_equal(daxfs_fd_open(spawn, NULL, "new", O_RDWR | O_CREAT, 0644, &to),
			 0);
	while (done < 200000 && (n = daxfs_fd_copy(from, 777 + done, to, done,
						   (size_t)(200000 - done))) > 0)
		done += n;
	assert_int_equal(done, 200000);
	assert_int_equal(daxfs_fd_pread(to, buf, 200000, 0), 200000);
	assert_memory_equal(buf, content[0] + 777, 200000);
	free(buf);
	daxfs_fd_close(from);
	daxfs_fd_close(to);
}

/* Nobody has the file: an error for what is not here, and only for that. */
static void test_nobody(void **state)
{
	char why[512] = "", byte;
	struct daxfs_fd *fd;

	(void)state;
	assert_int_equal(mkdaxfs(), 0);
	assert_int_equal(daxfs_fs_open(&spawn, region, 0, why, sizeof(why)), 0);
	fd = open_file(spawn, "a", O_RDWR);
	assert_int_equal(daxfs_fd_pread(fd, &byte, 1, 0), -EIO);
	assert_int_equal(daxfs_fd_pwrite(fd, "x", 1, 10000), -EIO);
	assert_int_equal(daxfs_fd_pwrite(fd, content[1], PAGE, PAGE), PAGE);
	assert_int_equal(daxfs_fd_pread(fd, &byte, 1, PAGE), 1);
	assert_int_equal((unsigned char)byte, content[1][0]);
	if (daxfs_fs_open_backing(&host, region, NULL, backing, 0, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(daxfs_fd_pread(fd, &byte, 1, 0), 1);
	assert_int_equal((unsigned char)byte, content[0][0]);
	daxfs_fd_close(fd);
	close_both(NULL);
}

static void test_refusals(void **state)
{
	char why[512] = "";

	(void)state;
	assert_int_equal(daxfs_fs_open_backing(&host, region, NULL, region, 0, why,
					       sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "not a backing file"));
	assert_int_equal(daxfs_fs_open_backing(&host, region, NULL, "/nowhere", 0, why,
					       sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/nowhere"));
	assert_null(host);
}

/* io_uring_setup(2) says EPERM to this process from here on. */
static int forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* Without it the same is done by one read at a time. */
static void test_no_io_uring(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (forbid_io_uring() ||
		    syscall(__NR_io_uring_setup, 1, NULL) != -1 || errno != EPERM)
			_exit(1);
		open_both(NULL);
		read_all(spawn, 0);
		read_all(host, 1);
		close_both(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, open_both, close_both),
		cmocka_unit_test_setup_teardown(test_pin, open_both, close_both),
		cmocka_unit_test_setup_teardown(test_pin_all, open_both, close_both),
		cmocka_unit_test_setup_teardown(test_random, open_both, close_both),
		cmocka_unit_test_setup_teardown(test_copy, open_both, close_both),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_io_uring),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
