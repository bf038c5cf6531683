/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines of trials: what is kept, what goes, what is added and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/deploy/cmdline.h"
#include "proto/reason.h"

#define ID "k-0123abcd"

static void check(const char *running, struct cmdline_ask ask, const char *want_base,
		  const char *want)
{
	struct agent a = {.conf.trial_cmdline = (char *)"panic=10 hung-task=1",
			  .boot.cmdline = (char *)running};
	_free_ char *base = NULL, *line = NULL;
	struct kf_error err = {0};

	ask.slot = ID;
	if (cmdline_make(&a, &ask, &base, &line, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(base, want_base);
	assert_string_equal(line, want);
}

static void test_running(void **state)
{
	(void)state;
	check("BOOT_IMAGE=/vmlinuz initrd=\\x.img root=/dev/a  quiet "
	      "kferry.slot=k-00000000",
	      (struct cmdline_ask){0}, "root=/dev/a quiet",
	      "root=/dev/a quiet panic=10 hung-task=1 kferry.slot=" ID);
	check("", (struct cmdline_ask){0}, "", "panic=10 hung-task=1 kferry.slot=" ID);
}

static void test_base_of_running_slot(void **state)
{
	(void)state;
	check("root=/dev/a panic=10 hung-task=1 old kferry.slot=k-00000000",
	      (struct cmdline_ask){.running_base = "root=/dev/a"}, "root=/dev/a",
	      "root=/dev/a panic=10 hung-task=1 kferry.slot=" ID);
}

static void test_asked(void **state)
{
	(void)state;
	check("root=/dev/a",
	      (struct cmdline_ask){.base = "initrd=\\mine root=/dev/b kferry.slot=k-1",
				   .running_base = "root=/dev/c"},
	      "initrd=\\mine root=/dev/b",
	      "initrd=\\mine root=/dev/b panic=10 hung-task=1 kferry.slot=" ID);
}

static void test_extra(void **state)
{
	(void)state;
	/* Only our own words give way, also when '-' is written '_'. */
	check("panic=5 console=ttyS0",
	      (struct cmdline_ask){.extra =
					   "panic=0 hung_task console=tty0 console=hvc0"},
	      "panic=5 console=ttyS0",
	      "panic=5 console=ttyS0 panic=0 hung_task console=tty0 console=hvc0 "
	      "kferry.slot=" ID);
	check("a=\"b  -- c\" d", (struct cmdline_ask){.extra = "x=\"y z\""},
	      "a=\"b  -- c\" d",
	      "a=\"b  -- c\" d panic=10 hung-task=1 x=\"y z\" kferry.slot=" ID);
	check("d", (struct cmdline_ask){.extra = "kferry.slot=k-ffffffff"}, "d",
	      "d panic=10 hung-task=1 kferry.slot=" ID);
}

static void test_words_for_init(void **state)
{
	(void)state;
	check("a -- single", (struct cmdline_ask){.extra = "b"}, "a -- single",
	      "a panic=10 hung-task=1 b kferry.slot=" ID " -- single");
}

static void test_refused(void **state)
{
	static const char *const extras[] = {"-- single", "tab\x01x", "\xc3\xa4",
					     "a=\"b c"};
	struct agent a = {.conf.trial_cmdline = (char *)"", .boot.cmdline = (char *)"r"};
	_free_ char *base = NULL, *line = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
		struct cmdline_ask ask = {.extra = extras[i], .slot = ID};
		struct kf_error err = {0};

		assert_int_equal(cmdline_make(&a, &ask, &base, &line, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_INVALID);
		assert_null(line);
	}
}

/* The kernel would take our words for a part of that one. */
static void test_open_quote(void **state)
{
	struct agent a = {.conf.trial_cmdline = (char *)"panic=10",
			  .boot.cmdline = (char *)"root=/dev/a b=\"c"};
	struct cmdline_ask ask = {.extra = "d=e\"", .slot = ID};
	_free_ char *base = NULL, *line = NULL;
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(cmdline_make(&a, &ask, &base, &line, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not closed"));
	ask.base = "root=/dev/a";
	ask.extra = "b=\"c d\"";
	assert_int_equal(cmdline_make(&a, &ask, &base, &line, &err), 0);
	assert_string_equal(line, "root=/dev/a panic=10 b=\"c d\" kferry.slot=" ID);
}

static void test_same_image(void **state)
{
	struct agent a = {.conf.image_words = (char *)"steamos.efi rd.lab"};
	_free_ char *word = NULL;

	(void)state;
	assert_true(
		cmdline_same_image(&a, "quiet steamos.efi=A", "steamos.efi=A x=1", NULL));
	assert_true(cmdline_same_image(&a, "", "quiet", &word));
	assert_null(word);
	assert_false(cmdline_same_image(&a, "steamos.efi=B", "steamos.efi=A", &word));
	assert_string_equal(word, "steamos.efi=A");
	free(TAKE_PTR(word));
	/* '-' is '_', the last one counts, and one that lacks is another. */
	assert_false(cmdline_same_image(&a, "rd.lab=1 rd.lab=2", "rd.lab=1", NULL));
	assert_false(cmdline_same_image(&a, "rd.lab=1", "quiet", &word));
	assert_string_equal(word, "");
	/* root= counts on every board. */
	a.conf.image_words = NULL;
	assert_false(cmdline_same_image(&a, "root=/dev/a", "root=/dev/b", NULL));
	assert_true(cmdline_same_image(&a, "root=/dev/a steamos.efi=A",
				       "root=/dev/a steamos.efi=B", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_base_of_running_slot),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_extra),
		cmocka_unit_test(test_words_for_init),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_open_quote),
		cmocka_unit_test(test_same_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
