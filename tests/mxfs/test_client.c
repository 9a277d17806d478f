// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * libmxfs and a daemon that says what a test wants, in the order that it wants.
 *
 * Notes: the daemon is a child, so that who waits in the library has somebody to wait for.
 * Nothing depends on time: each side waits for what the other one says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conn.h"
#include "control.h"

#define NOT_YET	99

/* ---- the daemon; its exit status says what it did not understand ---- */

static void say(int fd, struct mxfs_ctl m)
{
	uint8_t buf[MXFS_CTL_FRAME];

	m.want = MXFS_NONE;
	mxfs_ctl_encode(&m, buf);
	if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) != sizeof(buf))
		_exit(1);
}

static struct mxfs_ctl hear(int fd, uint16_t type)
{
	uint8_t buf[MXFS_CTL_FRAME];
	struct mxfs_ctl m;

	if (recv(fd, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf) ||
	    mxfs_ctl_decode(&m, buf) || m.type != type)
		_exit(2);
	return m;
}

static void grant(int fd, const struct mxfs_ctl *to, uint64_t lkid)
{
	say(fd, (struct mxfs_ctl){ .type = MXFS_CTL_DONE, .tag = to->tag, .lkid = lkid,
				   .mode = to->mode });
}

static void lose(int fd, uint64_t lkid, uint64_t tag)
{
	say(fd, (struct mxfs_ctl){ .type = MXFS_CTL_LOST, .lkid = lkid, .tag = tag,
				   .mode = MXFS_NONE });
}

static void no_lock(int fd, const struct mxfs_ctl *to)
{
	say(fd, (struct mxfs_ctl){ .type = MXFS_CTL_DONE, .tag = to->tag,
				   .lkid = to->lkid, .mode = MXFS_NONE,
				   .status = MXFS_S_NO_LOCK });
}

/* The lock is lost while a request about it is on its way. */
static void crosses_convert(int fd)
{
	struct mxfs_ctl a = hear(fd, MXFS_CTL_LOCK), r, b;

	grant(fd, &a, 7);
	r = hear(fd, MXFS_CTL_CONVERT);
	lose(fd, 7, a.tag);
	b = hear(fd, MXFS_CTL_LOCK);
	no_lock(fd, &r);
	grant(fd, &b, 8);
	r = hear(fd, MXFS_CTL_UNLOCK);
	grant(fd, &r, 8);
}

static void crosses_unlock(int fd)
{
	struct mxfs_ctl a = hear(fd, MXFS_CTL_LOCK), r;

	grant(fd, &a, 7);
	r = hear(fd, MXFS_CTL_UNLOCK);
	lose(fd, 7, a.tag);
	no_lock(fd, &r);
}

/* ---- a test's two ends ---- */

struct ends {
	struct mxfs_conn *conn;
	pid_t daemon;
};

static void begin(struct ends *e, void (*script)(int fd))
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/test_client.XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_non_null(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	e->daemon = fork();
	if (!e->daemon) {
		fd = accept(fd, NULL, NULL);
		say(fd, (struct mxfs_ctl){ .type = MXFS_CTL_WELCOME, .node = 1,
					   .mode = MXFS_NONE });
		script(fd);
		_exit(0);
	}
	close(fd);
	assert_int_equal(mxfs_connect(&e->conn, sun.sun_path), 0);
	unlink(sun.sun_path);
	rmdir(dir);
}

static void end(struct ends *e)
{
	int status;

	mxfs_close(e->conn);
	assert_int_equal(waitpid(e->daemon, &status, 0), e->daemon);
	assert_int_equal(status, 0);
}

static void until(struct ends *e, const int *result)
{
	while (*result == NOT_YET) {
		assert_int_equal(mxfs_wait(e->conn, -1), 0);
		assert_int_equal(mxfs_dispatch(e->conn), 0);
	}
}

static void done(struct mxfs_lk *lk, int error, void *arg)
{
	int *result = arg;

	(void)lk;
	assert_int_equal(*result, NOT_YET);	/* once */
	*result = error;
}

static void told(struct mxfs_lk *lk, int wanted, void *arg)
{
	int *times = arg;

	(void)lk;
	assert_true(wanted < 0);
	++*times;
}

/* ---- tests ---- */

static void check_next(struct ends *e)
{
	struct mxfs_lk *b;
	int nr = NOT_YET;

	assert_int_equal(mxfs_lock_begin(e->conn, "b", 1, MXFS_MODE_EX, NULL, done, &nr,
					 &b), 0);
	until(e, &nr);
	assert_int_equal(nr, 0);
	assert_int_equal(mxfs_mode(b), MXFS_MODE_EX);
	assert_int_equal(mxfs_unlock(b, NULL), 0);
}

/* The answer about a lock that is gone is not taken for that of the next one. */
static void lost_while_converting(void **state)
{
	int converted = NOT_YET, times = 0;
	struct mxfs_lk *a;
	struct ends e;

	(void)state;
	begin(&e, crosses_convert);
	assert_int_equal(mxfs_lock(e.conn, "a", 1, MXFS_MODE_PR, NULL, &a), 0);
	mxfs_on_bast(a, told, &times);
	assert_int_equal(mxfs_convert_begin(a, MXFS_MODE_EX, NULL, NULL, done,
					    &converted), 0);
	until(&e, &converted);
	assert_int_equal(converted, -ESTALE);
	assert_int_equal(times, 1);
	assert_int_equal(mxfs_mode(a), -1);
	assert_int_equal(mxfs_unlock(a, NULL), -ESTALE);
	check_next(&e);
	end(&e);
}

static void give_up(struct mxfs_lk *lk, int error, void *arg)
{
	int *result = arg;

	*result = error;
	assert_int_equal(mxfs_unlock_begin(lk, NULL, NULL, NULL), -ESTALE);
}

/* As above, and it is freed by the one who is told first. */
static void freed_while_converting(void **state)
{
	int converted = NOT_YET, times = 0;
	struct mxfs_lk *a;
	struct ends e;

	(void)state;
	begin(&e, crosses_convert);
	assert_int_equal(mxfs_lock(e.conn, "a", 1, MXFS_MODE_PR, NULL, &a), 0);
	mxfs_on_bast(a, told, &times);
	assert_int_equal(mxfs_convert_begin(a, MXFS_MODE_EX, NULL, NULL, give_up,
					    &converted), 0);
	until(&e, &converted);
	assert_int_equal(converted, -ESTALE);
	assert_int_equal(times, 0);
	check_next(&e);
	end(&e);
}

static void lost_while_unlocking(void **state)
{
	struct mxfs_lk *a;
	struct ends e;
	int times = 0;

	(void)state;
	begin(&e, crosses_unlock);
	assert_int_equal(mxfs_lock(e.conn, "a", 1, MXFS_MODE_EX, NULL, &a), 0);
	mxfs_on_bast(a, told, &times);
	assert_int_equal(mxfs_unlock(a, NULL), -ESTALE);
	assert_int_equal(times, 0);
	end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_while_converting),
		cmocka_unit_test(freed_while_converting),
		cmocka_unit_test(lost_while_unlocking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
