/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines: levels, the prefix, escapes and cutting, as a reader of stderr sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/base/log.h"

static int saved_stderr = -1;
static int reader = -1;

static int catch_stderr(void **state)
{
	int p[2];

	(void)state;
	if (pipe(p) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(p[1], STDERR_FILENO);
	close(p[1]);
	reader = p[0];
	return 0;
}

static int release_stderr(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	log_init(LOG_INFO, false);
	return 0;
}

/* What was logged so far; the pipe's writer is this process, so it is all there. */
static const char *logged(char line[static 4096])
{
	ssize_t n;

	assert_int_equal(write(STDERR_FILENO, "!", 1), 1);
	n = read(reader, line, 4095);
	assert_true(n >= 1);
	assert_int_equal(line[n - 1], '!');
	line[n - 1] = '\0';
	return line;
}

static void levels_above_the_limit_are_silent(void **state)
{
	char line[4096];

	(void)state;
	log_init(LOG_WARNING, false);
	log_info("a=1");
	log_debug("b=2");
	log_warn("c=3");
	log_err("d=4");
	assert_string_equal(logged(line), "c=3\nd=4\n");
}

static void prefix_is_the_syslog_level(void **state)
{
	char line[4096];

	(void)state;
	log_init(LOG_DEBUG, true);
	log_debug("x");
	log_err("y");
	assert_string_equal(logged(line), "<7>x\n<3>y\n");
}

static void control_characters_are_escaped(void **state)
{
	char line[4096];

	(void)state;
	log_init(LOG_INFO, false);
	log_info("a\nb\x1b[2J\x7f\xc2\x9b \xc3\xa9");
	assert_string_equal(logged(line), "a\\nb\\x1b[2J\\x7f\\x9b \xc3\xa9\n");
}

static void a_line_stays_one_line_when_long(void **state)
{
	char line[4096], big[3000];
	const char *got;

	(void)state;
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_init(LOG_INFO, false);
	log_info("%s", big);
	got = logged(line);
	assert_true(strlen(got) <= 2048);
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
	assert_non_null(strstr(got, "...\n"));
}

static void errno_survives(void **state)
{
	char line[4096];

	(void)state;
	errno = ENOTTY;
	log_err("x");
	assert_int_equal(errno, ENOTTY);
	logged(line);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, catch_stderr, release_stderr)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(levels_above_the_limit_are_silent),
		LOG_TEST(prefix_is_the_syslog_level),
		LOG_TEST(control_characters_are_escaped),
		LOG_TEST(a_line_stays_one_line_when_long),
		LOG_TEST(errno_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
