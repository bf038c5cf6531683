/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a .config: what is taken, what is refused, differences, changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/kconfig/fetch.h"
#include "controller/kconfig/kconf.h"
#include "controller/kconfig/merge.h"
#include "proto/reason.h"

static const char good[] = "#\n# Automatically generated file; DO NOT EDIT.\n"
			   "# Linux/arm64 6.12.0-rc1 Kernel Configuration\n#\n"
			   "CONFIG_B=m\nCONFIG_A=y\n# CONFIG_OFF is not set\n"
			   "CONFIG_NAME=\"a=b # c\"\n\nCONFIG_A_LONGER=y\n";

static struct kconf parsed(const char *text)
{
	struct kf_error err = {0};
	struct kconf k;

	if (kconf_parse(text, strlen(text), "x", &k, &err) < 0)
		fail_msg("%s", err.msg);
	return k;
}

static void test_symbols_and_head(void **state)
{
	_kconf_ struct kconf k = parsed(good);

	(void)state;
	assert_int_equal(k.n, 5);
	assert_string_equal(k.arch, "arm64");
	assert_string_equal(k.release, "6.12.0-rc1");
	assert_string_equal(kconf_value(&k, "CONFIG_A"), "y");
	assert_string_equal(kconf_value(&k, "CONFIG_B"), "m");
	assert_string_equal(kconf_value(&k, "CONFIG_OFF"), "n");
	assert_string_equal(kconf_value(&k, "CONFIG_NAME"), "\"a=b # c\"");
	assert_null(kconf_value(&k, "CONFIG_A_LONG"));
}

static void test_the_last_of_several_lines_counts(void **state)
{
	_kconf_ struct kconf k =
		parsed("CONFIG_A=y\nCONFIG_Z=y\n# CONFIG_A is not set\nCONFIG_A=m\n");

	(void)state;
	assert_int_equal(k.n, 2);
	assert_string_equal(kconf_value(&k, "CONFIG_A"), "m");
}

static void test_dos_lines_and_no_newline_at_the_end(void **state)
{
	_kconf_ struct kconf k = parsed("CONFIG_A=y\r\nCONFIG_B=\"x\"");

	(void)state;
	assert_string_equal(kconf_value(&k, "CONFIG_A"), "y");
	assert_string_equal(kconf_value(&k, "CONFIG_B"), "\"x\"");
}

static void refused(const void *data, size_t n, int code, const char *word)
{
	struct kf_error err = {0};
	struct kconf k;

	assert_int_equal(kconf_parse(data, n, "that file", &k, &err), code);
	assert_int_equal(err.reason, KF_REASON_INVALID);
	assert_non_null(strstr(err.msg, "that file"));
	if (!strstr(err.msg, word))
		fail_msg("\"%s\" is not in: %s", word, err.msg);
}

static void test_what_is_no_configuration(void **state)
{
	static const char *const texts[] = {
		"CONFIG_A=y\nhello\n",	      "CONFIG_A=y\nCONFIG_B\n",
		"CONFIG_A=y\nconfig_b=y\n",   "CONFIG_A=y\nCONFIG_=y\n",
		"CONFIG_A=y\nCONFIG_B C=y\n", "CONFIG_A=y\nCONFIG_B=\"\x1b[2J\"\n"};
	_free_ char *large = calloc(1, KCONF_MAX + 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		refused(texts[i], strlen(texts[i]), -EINVAL, "line 2");
	refused("CONFIG_A=y\nCONFIG_B=\0\n", 22, -EINVAL, "line 2");
	refused("", 0, -EINVAL, "no line");
	refused("# only words\n", 13, -EINVAL, "no line");
	assert_non_null(large);
	refused(large, KCONF_MAX + 1, -EFBIG, "4 MiB");
}

static void test_a_head_that_is_none(void **state)
{
	_kconf_ struct kconf k = parsed("# Linux/../../etc 6 \nCONFIG_A=y\n");
	_kconf_ struct kconf l = parsed("# Linux/x86 $(reboot) \nCONFIG_A=y\n");

	(void)state;
	assert_string_equal(k.arch, "");
	assert_string_equal(l.arch, "x86");
	assert_string_equal(l.release, "");
}

static int collect(void *arg, const char *name, const char *from, const char *to)
{
	return buf_printf(arg, "%s:%s:%s ", name, from ? from : "-", to ? to : "-");
}

static void test_differences(void **state)
{
	_kconf_ struct kconf a = parsed("CONFIG_SAME=y\nCONFIG_GONE=m\nCONFIG_C=y\n"
					"CONFIG_D=\"x\"\n");
	_kconf_ struct kconf b = parsed("# CONFIG_C is not set\nCONFIG_SAME=y\n"
					"CONFIG_D=\"y\"\nCONFIG_NEW=7\n");
	_buf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(kconf_diff(&a, &b, collect, &out), 0);
	assert_string_equal(buf_str(&out), "GONE:m:- C:y:n D:\"x\":\"y\" NEW:-:7 ");
	buf_reset(&out);
	assert_int_equal(kconf_diff(&a, &a, collect, &out), 0);
	assert_int_equal(buf_len(&out), 0);
}

static void test_setting_a_symbol_leaves_the_others(void **state)
{
	static const char text[] = "# head\nCONFIG_A=y\nCONFIG_AB=y\n"
				   "# CONFIG_A is not set\nCONFIG_B=m";
	_buf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(kconf_set(&out, text, strlen(text), "CONFIG_A", "m"), 0);
	assert_string_equal(buf_str(&out),
			    "# head\nCONFIG_AB=y\nCONFIG_B=m\nCONFIG_A=m\n");
	buf_reset(&out);
	assert_int_equal(kconf_set(&out, text, strlen(text), "CONFIG_B", "n"), 0);
	assert_string_equal(buf_str(&out),
			    "# head\nCONFIG_A=y\nCONFIG_AB=y\n# CONFIG_A is not set\n"
			    "# CONFIG_B is not set\n");
}

static void test_tries_of_a_wanted_line(void **state)
{
	static const struct {
		const char *word;
		unsigned turn;
		const char *symbol, *value;
	} tries[] = {
		{"CONFIG_A", 0, "CONFIG_A", "y"},
		{"CONFIG_A=m", 0, "CONFIG_A", "m"},
		{"CONFIG_A=m", 1, "CONFIG_A", "y"},
		{"CONFIG_A=n", 0, "CONFIG_A", "n"},
		{"CONFIG_A=y|CONFIG_B=m|CONFIG_C=10", 1, "CONFIG_B", "m"},
		{"CONFIG_A=y|CONFIG_B=m|CONFIG_C=10", 2, "CONFIG_B", "y"},
		{"CONFIG_A=y|CONFIG_B=m|CONFIG_C=10", 3, "CONFIG_C", "10"},
	};
	char symbol[132], value[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		assert_int_equal(merge_try(tries[i].word, tries[i].turn, symbol, value),
				 0);
		assert_string_equal(symbol, tries[i].symbol);
		assert_string_equal(value, tries[i].value);
	}
	assert_int_equal(merge_try("CONFIG_A=m", 2, symbol, value), -ENOENT);
	assert_int_equal(merge_try("CONFIG_A|CONFIG_B", 2, symbol, value), -ENOENT);
	assert_int_equal(merge_try("FOO=y", 0, symbol, value), -EINVAL);
	assert_int_equal(merge_try("CONFIG_A=", 0, symbol, value), -EINVAL);
	assert_int_equal(merge_try("CONFIG_A||CONFIG_B", 1, symbol, value), -EINVAL);
}

/* gzip of 8 MiB of zeroes would be 8 KiB: what is not compressed is taken as it is, so
 * that is the bomb. */
static void test_unpacking_is_bounded(void **state)
{
	_free_ char *large = calloc(1, KCONF_MAX + (64 * 1024));
	_buf_ struct buf out = BUF_INIT, plain = BUF_INIT, odd = BUF_INIT;
	struct kf_error err = {0};

	(void)state;
	assert_non_null(large);
	assert_int_equal(fetch_unpack(large, KCONF_MAX + (64 * 1024), &out, &err),
			 -EFBIG);
	assert_int_equal(err.reason, KF_REASON_INVALID);
	assert_non_null(strstr(err.msg, "4 MiB"));
	assert_int_equal(fetch_unpack(good, strlen(good), &plain, &err), 0);
	assert_string_equal(buf_str(&plain), good);
	/* The head of a gzip stream, and nothing behind it. */
	assert_true(fetch_unpack("\x1f\x8b\x08\0\0\0\0\0\0\x03garbage", 17, &odd, &err) <
		    0);
	assert_int_equal(err.reason, KF_REASON_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols_and_head),
		cmocka_unit_test(test_the_last_of_several_lines_counts),
		cmocka_unit_test(test_dos_lines_and_no_newline_at_the_end),
		cmocka_unit_test(test_what_is_no_configuration),
		cmocka_unit_test(test_a_head_that_is_none),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_setting_a_symbol_leaves_the_others),
		cmocka_unit_test(test_tries_of_a_wanted_line),
		cmocka_unit_test(test_unpacking_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
