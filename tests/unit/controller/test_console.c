// SPDX-License-Identifier: GPL-2.0-or-later
/* Consoles, opened: what waits, and what is told of their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "controller/console/console.h"
#include "proto/reason.h"

#define WAIT_MS 60000
#define SOON_MS 200

/* --- a resolver that says nothing until it is let go -------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool let_go;
	unsigned inside;
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* In the place of the C library's. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	(void)host;
	(void)port;
	(void)hints;
	(void)ret;
	pthread_mutex_lock(&resolver.lock);
	resolver.inside++;
	pthread_cond_broadcast(&resolver.changed);
	while (!resolver.let_go)
		pthread_cond_wait(&resolver.changed, &resolver.lock);
	resolver.inside--;
	pthread_cond_broadcast(&resolver.changed);
	pthread_mutex_unlock(&resolver.lock);
	return EAI_NONAME;
}

static int hold(void **state)
{
	(void)state;
	resolver.let_go = false;
	return 0;
}

static int let_go(void **state)
{
	(void)state;
	pthread_mutex_lock(&resolver.lock);
	resolver.let_go = true;
	pthread_cond_broadcast(&resolver.changed);
	while (resolver.inside > 0)
		pthread_cond_wait(&resolver.changed, &resolver.lock);
	pthread_mutex_unlock(&resolver.lock);
	return 0;
}

static int fails(const char *text, int limit_ms, int stop_fd, struct kf_error *err)
{
	_console_spec_ struct console_spec spec = {0};
	struct console *c;

	assert_int_equal(console_spec_parse(text, &spec, err), 0);
	return console_open(&spec, "a test", deadline_in(limit_ms), stop_fd, &c, err);
}

static void test_a_look_up_has_a_deadline(void **state)
{
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(fails("tcp:slow.test:1", SOON_MS, -1, &err), -ETIMEDOUT);
	assert_int_equal(err.reason, KF_REASON_UNREACHABLE);
	assert_non_null(strstr(err.msg, "look up the console's host slow.test"));
}

static void test_a_look_up_is_stopped(void **state)
{
	_close_ int stop = eventfd(1, EFD_CLOEXEC);
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(fails("tcp:slow.test:1", WAIT_MS, stop, &err), -ECANCELED);
	assert_int_equal(err.reason, KF_REASON_CANCELLED);
}

static void test_a_host_that_is_not_known(void **state)
{
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(fails("tcp:no.test:1", WAIT_MS, -1, &err), -EHOSTUNREACH);
	assert_non_null(strstr(err.msg, gai_strerror(EAI_NONAME)));
}

/* --- programs -------------------------------------------------------------------------
 */

/* Everything up to its end, which is the error. */
static void read_to_end(struct console *c, struct kf_error *err)
{
	deadline_ms end = deadline_in(WAIT_MS);
	struct console_data d;
	int r = -EAGAIN;

	while (r == 1 || r == -EAGAIN) {
		struct pollfd p = {.fd = console_fd(c), .events = POLLIN};

		assert_int_equal(poll(&p, 1, deadline_left(end)), 1);
		r = console_read(c, &d);
	}
	assert_int_equal(console_failure(c, r, err), -ECONNRESET);
}

static void test_last_words_after_many(void **state)
{
	static const char program[] =
		"exec:sh -c 'head -c 1200000 /dev/zero >&2; echo x; read go; "
		"echo why >&2; exit 3'";
	_console_spec_ struct console_spec spec = {0};
	struct pollfd p = {.events = POLLIN};
	struct kf_error err = {0};
	struct console_data d;
	struct console *c;

	(void)state;
	assert_int_equal(console_spec_parse(program, &spec, &err), 0);
	assert_int_equal(console_open(&spec, "", deadline_in(WAIT_MS), -1, &c, &err), 0);
	p.fd = console_fd(c);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(console_read(c, &d), 1);
	assert_int_equal(console_write(c, "\n", 1), 1);
	read_to_end(c, &err);
	console_close(c);
	assert_non_null(strstr(err.msg, "ended with exit status 3: why"));
}

/* --- what a loss is told as ------------------------------------------------------------
 */

static void test_a_far_side_that_is_gone_is_no_closed_output(void **state)
{
	_console_spec_ struct console_spec spec = {0};
	_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct kf_error err = {0};
	char name[64], text[80];
	struct console *c;

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	snprintf(text, sizeof(text), "serial:%s", name);
	assert_int_equal(console_spec_parse(text, &spec, &err), 0);
	assert_int_equal(console_open(&spec, "", deadline_in(WAIT_MS), -1, &c, &err), 0);
	assert_int_equal(console_failure(c, -EPIPE, &err), -ECONNRESET);
	assert_non_null(strstr(err.msg, "was lost: Broken pipe"));
	console_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_look_up_has_a_deadline, hold,
						let_go),
		cmocka_unit_test_setup_teardown(test_a_look_up_is_stopped, hold, let_go),
		cmocka_unit_test_setup_teardown(test_a_host_that_is_not_known, let_go,
						let_go),
		cmocka_unit_test(test_last_words_after_many),
		cmocka_unit_test(test_a_far_side_that_is_gone_is_no_closed_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
