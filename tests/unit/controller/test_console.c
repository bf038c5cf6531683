// SPDX-License-Identifier: GPL-2.0-or-later
/* Consoles, opened: what waits for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_look_up_has_a_deadline, hold,
						let_go),
		cmocka_unit_test_setup_teardown(test_a_look_up_is_stopped, hold, let_go),
		cmocka_unit_test_setup_teardown(test_a_host_that_is_not_known, let_go,
						let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
