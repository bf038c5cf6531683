// SPDX-License-Identifier: GPL-2.0-or-later
/* Which part of a console is of which boot, and which of them is the trial's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "controller/console/boots.h"
#include "proto/base/fs.h"
#include "tests/lib/controller/logs.h"

#define OURS	      "Linux version 6.9.0-test (dev@desk) (gcc 12) #1 SMP"
#define OLD	      "Linux version 6.1.0 (board@factory) #1 SMP"
#define BYE	      "[ 5000.100000] reboot: Restarting system\r\n"
#define PANIC	      "[    1.500000] Kernel panic - not syncing: x\r\n"
#define U_BOOT	      "\r\nU-Boot SPL 2024.01 (Jan 01 2024)\r\nU-Boot 2024.01\r\nHit any key\r\n"
#define START(banner) "[    0.000000] " banner "\r\n[    0.100000] Command line: x\r\n"

static struct patterns *patterns;

static int setup(void **state)
{
	(void)state;
	patterns = logs_patterns();
	return patterns ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	patterns_free(patterns);
	return 0;
}

static int text_file(const char *text)
{
	int fd = memfd_create("console", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	return fd;
}

/* The text of the trial's part; NULL: there is none. */
static char *trial_text(const char *text, bool fell_back, const char *banner,
			struct boots_trial *t)
{
	_close_ int fd = text_file(text);
	struct boots b;
	const struct boot_part *p;

	assert_int_equal(boots_find(fd, 0, patterns, banner, &b), 0);
	assert_int_equal(b.part[0].from, 0);
	for (unsigned i = 1; i < b.n; i++)
		assert_true(b.part[i].from >= b.part[i - 1].to);
	assert_int_equal(b.part[b.n - 1].to, strlen(text));
	if (!boots_trial(&b, fell_back, banner != NULL, t))
		return NULL;
	p = &b.part[t->part];
	return strndup(text + p->from, p->to - p->from);
}

static void is_trial(const char *text, bool fell_back, const char *banner,
		     const char *expected, bool sure, unsigned extra)
{
	struct boots_trial t;
	_free_ char *got = trial_text(text, fell_back, banner, &t);

	if (!expected) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, expected);
	assert_int_equal(t.sure, sure);
	assert_int_equal(t.extra, extra);
}

static void the_trial_says_its_banner(void **state)
{
	(void)state;
	is_trial("old words\r\n" BYE U_BOOT START(OURS) PANIC U_BOOT START(OLD), true,
		 OURS, U_BOOT START(OURS) PANIC "\r\n", true, 0);
	is_trial("old words\r\n" BYE START(OURS) "[    3.000000] up\r\n", false, OURS,
		 START(OURS) "[    3.000000] up\r\n", true, 0);
}

/* Without any line that announces a restart, and without times. */
static void a_banner_alone_does(void **state)
{
	(void)state;
	is_trial("words\n" OURS "\nKernel panic - not syncing: x\n" OLD "\nup\n", true,
		 OURS, OURS "\nKernel panic - not syncing: x\n", true, 0);
}

/* What the old kernel says on its way down is not the trial's. */
static void last_words_are_the_old_kernels(void **state)
{
	(void)state;
	is_trial("[ 5000.000000] WARNING: old\r\n" BYE
		 "[ 5000.200000] reboot: machine restart\r\n" START(OURS),
		 false, OURS, START(OURS), true, 0);
}

static void a_quiet_trial_is_found_by_its_clock(void **state)
{
	(void)state;
	is_trial("[ 5000.000000] old\r\n" PANIC START(OLD), true, OURS, PANIC, false, 0);
	is_trial("[ 5000.000000] old\r\n" BYE PANIC START(OLD), true, OURS, PANIC, false,
		 0);
	is_trial("[ 5000.000000] old\r\n" BYE PANIC, true, OURS, PANIC, false, 0);
}

static void a_banner_that_is_not_known_is_the_first(void **state)
{
	(void)state;
	is_trial("old\r\n" START("Linux version 7.0") PANIC START(OLD), true, NULL,
		 START("Linux version 7.0") PANIC, false, 0);
}

static void another_kernels_words_are_not_the_trials(void **state)
{
	(void)state;
	is_trial("old\r\n" START(OLD) "[    3.000000] up\r\n", true, OURS, NULL, false,
		 0);
	/* A kernel that runs healthy has not said the old one's. */
	is_trial("WARNING: of the old kernel\r\n", false, OURS, NULL, false, 0);
	is_trial("Kernel panic - not syncing: x\r\n", true, OURS,
		 "Kernel panic - not syncing: x\r\n", false, 0);
	is_trial("", true, OURS, NULL, false, 0);
}

static void starts_that_nothing_explains(void **state)
{
	(void)state;
	is_trial("old\r\n" BYE START(OURS) START(OURS) START(OLD), true, OURS,
		 START(OURS), true, 1);
	is_trial("old\r\n" BYE START(OURS) START(OLD) START(OLD) START(OLD), true, OURS,
		 START(OURS), true, 2);
	is_trial("old\r\n" BYE START(OURS) START(OURS), false, OURS, START(OURS), true,
		 1);
	/* A loader that is a kernel itself stands before it. */
	is_trial("old\r\n" BYE START("Linux version 5.4 (petitboot)") START(OURS), false,
		 OURS, START(OURS), true, 0);
}

static void a_log_that_is_told_again_is_one_boot(void **state)
{
	static const char again[] =
		START(OURS) "[    1.100000] printk: console [ttyS0] enabled\r\n" START(
			OURS) "[    1.200000] up\r\n";
	_free_ char *text = NULL;

	(void)state;
	assert_true(asprintf(&text, "old\r\n" BYE "%s", again) > 0);
	is_trial(text, false, OURS, again, true, 0);
}

static void a_board_that_boots_in_a_loop(void **state)
{
	_buf_ struct buf text = BUF_INIT;
	struct boots_trial t;
	_free_ char *got = NULL;

	(void)state;
	assert_int_equal(buf_printf(&text, BYE), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(buf_printf(&text, START(OURS)), 0);
	got = trial_text(buf_str(&text), true, OURS, &t);
	assert_string_equal(got, START(OURS));
	assert_int_equal(t.extra, 998);
}

static void garbage_is_one_part(void **state)
{
	_free_ char *text = malloc(300001);
	struct boots b;

	(void)state;
	for (unsigned i = 0; i < 300000; i++)
		text[i] = (char)(i * 2654435761u >> 24 | 1);
	text[300000] = '\0';
	{
		_close_ int fd = text_file(text);

		assert_int_equal(boots_find(fd, 100, patterns, OURS, &b), 0);
	}
	assert_int_equal(b.part[0].from, 100);
	assert_int_equal(b.part[b.n - 1].to, strlen(text));
	assert_int_equal(b.starts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_trial_says_its_banner),
		cmocka_unit_test(a_banner_alone_does),
		cmocka_unit_test(last_words_are_the_old_kernels),
		cmocka_unit_test(a_quiet_trial_is_found_by_its_clock),
		cmocka_unit_test(a_banner_that_is_not_known_is_the_first),
		cmocka_unit_test(another_kernels_words_are_not_the_trials),
		cmocka_unit_test(starts_that_nothing_explains),
		cmocka_unit_test(a_log_that_is_told_again_is_one_boot),
		cmocka_unit_test(a_board_that_boots_in_a_loop),
		cmocka_unit_test(garbage_is_one_part),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
