// SPDX-License-Identifier: GPL-2.0-or-later
/* The agent's socket: made, stale, taken, passed by systemd; and telling systemd. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/session/listen.h"
#include "proto/reason.h"
#include "tests/lib/scratch.h"

struct board {
	struct scratch s;
	char path[108];
};

static int setup(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	snprintf(b->path, sizeof(b->path), "%s/sock/agent.sock", b->s.root);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct board *b = *state;

	scratch_free(&b->s);
	free(b);
	return 0;
}

static int open_socket(struct board *b)
{
	struct kf_error err = {0};
	bool own;
	int fd;

	assert_int_equal(listen_open(&b->s.a, b->path, &fd, &own, &err), 0);
	assert_true(own);
	return fd;
}

static void makes_a_socket_for_the_group(void **state)
{
	struct board *b = *state;
	static const char group[] = "root:x:0:\nkferryd:x:7:\nkferry:x:4242:bob\n";
	struct kf_error err = {0};
	_close_ int fd = -1, c = -1;
	struct stat st;

	scratch_write(&b->s, "etc/group", group, sizeof(group) - 1);
	fd = open_socket(b);
	assert_int_equal(stat(b->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, 4242);
	assert_int_equal(listen_connect(b->path, &c, &err), 0);
}

static void replaces_a_stale_socket(void **state)
{
	struct board *b = *state;
	int fd = open_socket(b);

	close(fd); /* the file stays, as after SIGKILL */
	fd = open_socket(b);
	close(fd);
}

static void does_not_take_over_from_another(void **state)
{
	struct board *b = *state;
	_close_ int fd = open_socket(b), other = -1;
	struct kf_error err = {0};
	bool own;

	assert_int_equal(listen_open(&b->s.a, b->path, &other, &own, &err), -EADDRINUSE);
	assert_int_equal(err.reason, KF_REASON_EXISTS);
}

static void does_not_remove_what_is_no_socket(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	bool own;
	int fd;

	scratch_write(&b->s, "sock/agent.sock", "precious", 8);
	assert_true(listen_open(&b->s.a, b->path, &fd, &own, &err) < 0);
	assert_true(scratch_has(&b->s, "sock/agent.sock"));
	assert_non_null(strstr(err.msg, b->path));
}

static void a_path_that_is_too_long_is_said(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	char path[200];
	bool own;
	int fd;

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(listen_open(&b->s.a, path, &fd, &own, &err), -ENAMETOOLONG);
	assert_int_equal(listen_connect(path, &fd, &err), -ENAMETOOLONG);
}

static void no_permission_names_the_group(void **state)
{
	struct board *b = *state;
	_close_ int fd = open_socket(b);
	struct kf_error err = {0};
	int c, r;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(b->s.root, 0711), 0);
	assert_int_equal(chmod(b->path, 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	r = listen_connect(b->path, &c, &err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, -EACCES);
	assert_int_equal(err.reason, KF_REASON_PERMISSION);
	assert_non_null(strstr(err.msg, "group kferry"));
}

static void ignores_what_systemd_meant_for_others(void **state)
{
	struct board *b = *state;

	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	close(open_socket(b));
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

static void tells_systemd(void **state)
{
	struct board *b = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char got[32];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", b->s.root);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	listen_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
	assert_memory_equal(got, "READY=1", 7);
	listen_notify("READY=1"); /* nobody to tell: nothing happens */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_a_socket_for_the_group),
		TEST(replaces_a_stale_socket),
		TEST(does_not_take_over_from_another),
		TEST(does_not_remove_what_is_no_socket),
		TEST(a_path_that_is_too_long_is_said),
		TEST(no_permission_names_the_group),
		TEST(ignores_what_systemd_meant_for_others),
		TEST(tells_systemd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
