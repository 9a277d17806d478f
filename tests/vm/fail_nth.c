// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each operation of a mount with its first, second, ... allocation failing.
 *
 * Notes: for a kernel with fault injection: /proc/self/fail-nth makes one
 * allocation of this task fail, and says whether there were so many. An operation
 * that meets it succeeds or says ENOMEM (a lock: ENOLCK); what it was to do is then done without.
 * Exit: 0, 1 something else happened, 2 usage, 77 no such kernel.
 *
 * usage: fail_nth DIR OPTIONS [OPERATION]: mounts daxfs there with OPTIONS, and
 *        unmounts it
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#define MOST 300

static const char *dir, *options;
static int nth = -1;		/* /proc/self/fail-nth */
static unsigned int injected, failed;
static char buf[20000];

/* An ACL as the attribute has it: u::rw-, u:5:r--, g::r--, m::r--, o::--- */
static const unsigned char acl[] = {
	2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 5, 0, 0, 0,
	4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255,
	32, 0, 0, 0, 255, 255, 255, 255,
};

/* ---- operations; 0 or an errno ---- */

static int of(long r)
{
	return r < 0 ? errno : 0;
}

static void must(int r, const char *what)
{
	if (r < 0)
		err(1, "%s", what);
}

static int closed(int fd)
{
	int e = of(fd);

	if (fd >= 0)
		close(fd);
	return e;
}

static int do_create(void)
{
	return closed(open("new", O_RDWR | O_CREAT | O_EXCL, 0600));
}

static int do_mkdir(void)
{
	return of(mkdir("newdir", 0755));
}

static int do_symlink(void)
{
	return of(symlink("some/where/else", "newlink"));
}

static int do_mknod(void)
{
	return of(mknod("newpipe", S_IFIFO | 0600, 0));
}

static int do_link(void)
{
	return of(link("file", "other"));
}

static int do_rename(void)
{
	return of(rename("file2", "file3"));
}

static int do_rename_over(void)
{
	return of(rename("file2", "file4"));
}

static int do_unlink(void)
{
	return of(unlink("file5"));
}

static int do_rmdir(void)
{
	return of(rmdir("dir"));
}

static int do_open_unlinked(void)
{
	int fd = open("file5", O_RDWR), r = of(fd);

	if (!r)
		r = of(unlink("file5"));
	if (fd >= 0)
		close(fd);
	return r;
}

static int do_tmpfile(void)
{
	return closed(open(".", O_TMPFILE | O_RDWR, 0600));
}

static int with_file(int (*fn)(int fd))
{
	int fd = open("file", O_RDWR), r = of(fd);

	if (!r)
		r = fn(fd);
	if (fd >= 0)
		close(fd);
	return r;
}

static int fd_write(int fd)
{
	return of(pwrite(fd, buf, sizeof(buf), 3000000));
}

static int fd_append(int fd)
{
	return of(fcntl(fd, F_SETFL, O_APPEND)) ? errno : of(write(fd, buf, 5000));
}

static int fd_read(int fd)
{
	return of(pread(fd, buf, sizeof(buf), 0));
}

static int fd_truncate(int fd)
{
	return of(ftruncate(fd, 100)) ? errno : of(ftruncate(fd, 5000000));
}

static int fd_fallocate(int fd)
{
	return of(fallocate(fd, 0, 0, 3000000));
}

/* Without memory that fails, and the mapping stays: then again. */
static int unmap(char *p, size_t len)
{
	int r = of(munmap(p, len));

	if (r)
		must(munmap(p, len), "munmap");
	return r;
}

static int fd_map(int fd)
{
	char *p;

	if (ftruncate(fd, 4 << 20))
		return errno;
	p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return errno;
	for (size_t at = 0; at < 4 << 20; at += 1 << 20)
		p[at] = 1;
	return unmap(p, 4 << 20);
}

static int fd_lock(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 10, .l_len = 100 };
	int r = of(flock(fd, LOCK_EX | LOCK_NB));

	if (!r)
		r = of(fcntl(fd, F_SETLK, &fl));
	fl.l_start = 50;
	fl.l_len = 10;
	fl.l_type = F_UNLCK;
	return r ? r : of(fcntl(fd, F_SETLK, &fl));
}

static int fd_attributes(int fd)
{
	int r = of(fsetxattr(fd, "user.a", buf, 10000, 0));

	if (!r)
		r = of(fgetxattr(fd, "user.a", buf, 10000));
	if (!r)
		r = of(flistxattr(fd, buf, 10000));
	return r ? r : of(fremovexattr(fd, "user.a"));
}

static int fd_acl(int fd)
{
	int r = of(fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0));

	return r ? r : of(fgetxattr(fd, "system.posix_acl_access", buf, 100));
}

static int fd_dmabuf(int fd)
{
	int b = ioctl(fd, DAXFS_IOC_GET_DMABUF), r = of(b);
	char *p;

	if (r)
		return r;
	p = mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, b, 0);
	r = p == MAP_FAILED ? errno : 0;
	if (!r)
		buf[0] = p[4096];
	if (!r)
		r = unmap(p, 1 << 20);
	close(b);
	return r;
}

static int do_write(void)
{
	return with_file(fd_write);
}

static int do_append(void)
{
	return with_file(fd_append);
}

static int do_read(void)
{
	return with_file(fd_read);
}

static int do_truncate(void)
{
	return with_file(fd_truncate);
}

static int do_fallocate(void)
{
	return with_file(fd_fallocate);
}

static int do_map(void)
{
	return with_file(fd_map);
}

static int do_lock(void)
{
	return with_file(fd_lock);
}

static int do_attributes(void)
{
	return with_file(fd_attributes);
}

static int do_acl(void)
{
	return with_file(fd_acl);
}

static int do_dmabuf(void)
{
	return with_file(fd_dmabuf);
}


static int do_list(void)
{
	DIR *d = opendir(".");
	int r = d ? 0 : errno;

	errno = 0;
	while (d && readdir(d))
		;
	if (!r)
		r = errno;
	if (d)
		closedir(d);
	return r;
}

static int do_look(void)
{
	struct statfs fs;
	struct stat st;
	int r = of(stat("dir2/deep/file", &st));

	if (!r)
		r = of(readlink("link", buf, 100));
	return r ? r : of(statfs(".", &fs));
}

static int do_chmod(void)
{
	return of(chmod("file", 0640)) ? errno : of(chown("file", 1, 2));
}

static const struct {
	const char *name;
	int (*run)(void);
} ops[] = {
	{ "create", do_create }, { "mkdir", do_mkdir }, { "symlink", do_symlink },
	{ "mknod", do_mknod }, { "link", do_link }, { "rename", do_rename },
	{ "rename over another", do_rename_over }, { "unlink", do_unlink },
	{ "unlink while open", do_open_unlinked }, { "rmdir", do_rmdir },
	{ "a file without a name", do_tmpfile }, { "write", do_write },
	{ "append", do_append }, { "read", do_read }, { "truncate", do_truncate },
	{ "fallocate", do_fallocate }, { "mmap", do_map }, { "locks", do_lock },
	{ "extended attributes", do_attributes }, { "an ACL", do_acl },
	{ "the dma-buf", do_dmabuf }, { "listing", do_list }, { "stat", do_look },
	{ "chmod and chown", do_chmod },
};

/* ---- around them ---- */

static void wipe(void)
{
	static const char *const names[] = { "new", "newlink", "newpipe", "other", "file",
		"file2", "file3", "file4", "file5", "link", "dir2/deep/file" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(names[i]);
	rmdir("newdir");
	rmdir("dir");
	rmdir("dir2/deep");
	rmdir("dir2");
}

static void touch(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	must(fd, name);
	must((int)write(fd, buf, 9000), name);
	close(fd);
}

/* What operations work on; nothing of it is in the caches. */
static void make(void)
{
	wipe();
	touch("file");
	touch("file2");
	touch("file4");
	touch("file5");
	must(mkdir("dir", 0755), "dir");
	must(mkdir("dir2", 0755), "dir2");
	must(mkdir("dir2/deep", 0755), "dir2/deep");
	touch("dir2/deep/file");
	must(symlink("file", "link"), "link");
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	must(fd, "drop_caches");
	must((int)write(fd, "2", 1), "drop_caches");
	close(fd);
}

static void arm(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	must((int)pwrite(nth, text, (size_t)len, 0), "fail-nth");
}

/* Was an allocation failed? It is not armed any more. */
static int was_injected(void)
{
	char text[16] = "";

	must((int)pread(nth, text, sizeof(text) - 1, 0), "fail-nth");
	arm(0);
	return atoi(text) == 0;
}

/* ENOLCK is what fcntl(2) has for it. */
static int count(const char *name, int n, int r, int hit)
{
	injected += (unsigned int)hit;
	if ((r && r != ENOMEM && r != ENOLCK) || (r && !hit) || n == MOST) {
		printf("not ok %s, allocation %d: %s\n", name, n, strerror(r));
		failed++;
		return 0;
	}
	return hit;
}

static void sweep(const char *name, int (*run)(void))
{
	int n = 1, r, hit;

	do {
		make();
		drop_caches();
		arm(n);
		r = run();
		hit = was_injected();
	} while (count(name, n++, r, hit));
}

static int do_mount(void)
{
	return of(mount("none", dir, "daxfs", 0, options));
}

static void sweep_mount(void)
{
	int n = 1, r, hit;

	do {
		arm(n);
		r = do_mount();
		hit = was_injected();
		if (!r && hit)
			must(umount(dir), "umount");
	} while (count("mount", n++, r, hit));
	if (r)
		errx(1, "not mounted: no more to do");
}

static void sweep_umount(void)
{
	int n = 1, r, hit;

	do {
		must(-do_mount(), "mount");
		must(chdir(dir), dir);
		make();
		must(chdir("/"), "/");
		arm(n);
		r = of(umount(dir));
		hit = was_injected();
		if (r)
			umount(dir);
	} while (count("umount", n++, r, hit));
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4)
		errx(2, "usage: fail_nth DIR OPTIONS [OPERATION]");
	setlinebuf(stdout);
	dir = argv[1];
	options = argv[2];
	nth = open("/proc/self/fail-nth", O_RDWR);
	if (nth < 0)
		errx(77, "this kernel has no fault injection");
	if (mlockall(MCL_CURRENT))	/* its own pages are not to be looked for */
		err(1, "mlockall");
	if (argc == 4)
		must(-do_mount(), "mount");
	else
		sweep_mount();
	must(chdir(dir), dir);
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (argc == 3 || !strcmp(ops[i].name, argv[3]))
			sweep(ops[i].name, ops[i].run);
	wipe();
	must(chdir("/"), "/");
	must(umount(dir), "umount");
	if (argc == 3)
		sweep_umount();
	printf("%u allocations failed, %u times a wrong answer\n", injected, failed);
	return failed != 0;
}
