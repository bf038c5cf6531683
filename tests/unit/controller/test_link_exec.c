// SPDX-License-Identifier: GPL-2.0-or-later
/* The exec link: a stream through a program, and what is said when the program fails. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "controller/link/link.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static char top[64], user[96];

static int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/kf-link-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(user, sizeof(user), "%s/user.ini", top);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(AT_FDCWD, top);
}

/* A configuration whose board "b" has this section. */
static struct config *with_board(const char *body)
{
	struct config_paths paths = {user, "", top};
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};
	struct config *c = NULL;

	assert_int_equal(buf_printf(&b, "[board b]\n%s\n", body), 0);
	assert_int_equal(fs_replace(AT_FDCWD, user, buf_data(&b), buf_len(&b), 0644), 0);
	assert_int_equal(config_load(&paths, &c, &err), 0);
	return c;
}

static void read_all(int fd, char *dst, size_t n)
{
	deadline_ms deadline = deadline_in(10000);
	size_t at = 0;

	while (at < n) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		assert_int_equal(poll(&p, 1, deadline_left(deadline)), 1);
		got = recv(fd, dst + at, n - at, 0);
		assert_true(got > 0);
		at += (size_t)got;
	}
}

static void bytes_go_through(void **state)
{
	struct config *c = with_board("link = exec:cat");
	struct kf_error err = {0};
	struct link *l;
	char back[12];

	(void)state;
	assert_int_equal(link_open(c, "b", deadline_in(10000), &l, &err), 0);
	assert_string_equal(link_describe(l), "exec cat");
	assert_true(fcntl(link_fd(l), F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(link_fd(l), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(send(link_fd(l), "hello\0world", 12, 0), 12);
	read_all(link_fd(l), back, 12);
	assert_memory_equal(back, "hello\0world", 12);
	link_close(l);
	config_free(c);
}

static void wait_end(struct link *l)
{
	struct pollfd p = {.fd = link_fd(l), .events = POLLIN};
	char byte;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(recv(link_fd(l), &byte, 1, 0) <= 0);
}

static void last_words_and_status_are_told(void **state)
{
	static const struct {
		const char *link, *says;
		int reason;
	} cases[] = {
		{"link = exec:sh -c 'echo first >&2; echo \"no such host\" >&2; exit "
		 "255'",
		 "exit status 255: no such host", KF_REASON_CONNECTION},
		{"link = exec:sh -c 'echo \"sh: kferryd: not found\" >&2; exit 127'",
		 "kferryd: not found", KF_REASON_NO_AGENT},
		{"link = exec:sh -c 'kill -9 $$'", "exit status 137",
		 KF_REASON_CONNECTION},
		{"link = exec:true", "true ended with exit status 0",
		 KF_REASON_CONNECTION},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *c = with_board(cases[i].link);
		struct kf_error err = {0};
		struct link *l;

		assert_int_equal(link_open(c, "b", deadline_in(10000), &l, &err), 0);
		wait_end(l);
		assert_true(link_failure(l, &err) < 0);
		if (!strstr(err.msg, cases[i].says))
			print_message("%s\n", err.msg);
		assert_non_null(strstr(err.msg, cases[i].says));
		assert_int_equal(err.reason, cases[i].reason);
		link_close(l);
		config_free(c);
	}
}

static void a_program_that_talks_a_lot_does_not_block(void **state)
{
	struct config *c = with_board(
		"link = exec:sh -c 'head -c 1000000 /dev/zero >&2; echo done; cat'");
	struct kf_error err = {0};
	struct link *l;
	char back[5];

	(void)state;
	assert_int_equal(link_open(c, "b", deadline_in(10000), &l, &err), 0);
	read_all(link_fd(l), back, 5);
	assert_memory_equal(back, "done\n", 5);
	link_close(l);
	config_free(c);
}

static void a_program_that_does_not_end_is_ended(void **state)
{
	struct config *c = with_board("link = exec:sh -c 'exec sleep 1000 <&- >&-'");
	int64_t began = clock_now_ms();
	struct kf_error err = {0};
	struct link *l;

	(void)state;
	assert_int_equal(link_open(c, "b", deadline_in(10000), &l, &err), 0);
	link_close(l);
	assert_true(clock_now_ms() - began < 10000);
	config_free(c);
}

static void links_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *body, *says;
		int reason;
	} cases[] = {
		{"link = exec:/nonexistent/program", "/nonexistent/program",
		 KF_REASON_EXEC},
		{"link = exec:", "no words", KF_REASON_CONFIG},
		{"link = exec:'open", "", KF_REASON_CONFIG},
		{"link = carrier-pigeon", "board.link is", KF_REASON_CONFIG},
		{"link = sshx", "board.link is", KF_REASON_CONFIG},
		{"link = unix:relative", "absolute", KF_REASON_CONFIG},
		{"link = unix:/nonexistent/socket", "/nonexistent/socket",
		 KF_REASON_NO_AGENT},
		{"profile =", "board.host is not set", KF_REASON_CONFIG},
		{"host = -oProxyCommand=x", "no host name", KF_REASON_CONFIG},
		{"host = a;b", "no host name", KF_REASON_CONFIG},
		{"host = a\nuser = `id`", "no login name", KF_REASON_CONFIG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *c = with_board(cases[i].body);
		struct kf_error err = {0};
		struct link *l = NULL;

		assert_true(link_open(c, "b", deadline_in(5000), &l, &err) < 0);
		assert_null(l);
		if (!strstr(err.msg, cases[i].says))
			print_message("%s\n", err.msg);
		assert_non_null(strstr(err.msg, cases[i].says));
		assert_int_equal(err.reason, cases[i].reason);
		config_free(c);
	}
}

static void an_unknown_board_is_said(void **state)
{
	struct config *c = with_board("link = exec:cat");
	struct kf_error err = {0};
	struct link *l = NULL;

	(void)state;
	assert_int_equal(link_open(c, "other", deadline_in(1000), &l, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NOT_FOUND);
	config_free(c);
}

static void runners_run_commands_through_board_run(void **state)
{
	struct config *c =
		with_board("link = exec:cat\nrun = sh -c 'exec sh -c \"$*\"' remote");
	const char *argv[] = {"sh", "-c",      "cat; echo \"$1\" >&2; exit 3",
			      "sh", "it's $x", NULL};
	_buf_ struct buf out = {.max = 4096}, said = {.max = 4096};
	struct link_run run = {.argv = argv,
			       .input = "input",
			       .input_len = 5,
			       .out = &out,
			       .err_out = &said,
			       .deadline = deadline_in(10000)};
	struct kf_error err = {0};
	struct link_runner *r;
	int status = -1;

	(void)state;
	assert_int_equal(link_runner_open(c, "b", deadline_in(1000), &r, &err), 0);
	assert_int_equal(link_runner_run(r, &run, &status, &err), 0);
	assert_int_equal(status, 3);
	assert_string_equal(buf_str(&out), "input");
	assert_string_equal(buf_str(&said), "it's $x\n");
	link_runner_close(r);
	config_free(c);
	c = with_board("link = exec:cat");
	assert_true(link_runner_open(c, "b", deadline_in(1000), &r, &err) < 0);
	assert_non_null(strstr(err.msg, "board.run"));
	config_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_through),
		TEST(last_words_and_status_are_told),
		TEST(a_program_that_talks_a_lot_does_not_block),
		TEST(a_program_that_does_not_end_is_ended),
		TEST(links_that_cannot_be_are_refused),
		TEST(an_unknown_board_is_said),
		TEST(runners_run_commands_through_board_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
