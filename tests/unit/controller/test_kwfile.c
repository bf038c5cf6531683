/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kw's files, and what its keys are here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/import/kwfile.h"
#include "controller/import/kwmap.h"
#include "proto/base/cleanup.h"
#include "proto/text.h"

static void settings(void **state)
{
	static const char text[] =
		"# a comment\n\narch=arm64\r\n  log_path = /tmp/a b=c \n"
		"quoted=\"x y\"\nempty=\nnonsense\n=x\nlast=1";
	static const struct kwline want[] = {
		{(char *)"arch", (char *)"arm64", NULL, 3},
		{(char *)"log_path", (char *)"/tmp/a b=c", NULL, 4},
		{(char *)"quoted", (char *)"x y", NULL, 5},
		{(char *)"empty", (char *)"", NULL, 6},
		{(char *)"", (char *)"nonsense", NULL, 7},
		{(char *)"", (char *)"=x", NULL, 8},
		{(char *)"last", (char *)"1", NULL, 9},
	};
	_kwfile_ struct kwfile f = {0};

	(void)state;
	assert_int_equal(kwfile_parse(text, sizeof(text) - 1, &f), 0);
	assert_int_equal(f.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < f.n; i++) {
		assert_string_equal(f.v[i].key, want[i].key);
		assert_string_equal(f.v[i].value, want[i].value);
		assert_int_equal(f.v[i].line, want[i].line);
		assert_null(f.v[i].host);
	}
}

static void remotes(void **state)
{
	static const char text[] =
		"#kw-default=pi\nPort 1\nHost pi\n  Hostname 10.0.0.2\n"
		"  Port=2222\n  USER root\n#x\nHost two words\n  Port\n";
	static const struct kwline want[] = {
		{(char *)"port", (char *)"1", (char *)"", 2},
		{(char *)"host", (char *)"pi", (char *)"pi", 3},
		{(char *)"hostname", (char *)"10.0.0.2", (char *)"pi", 4},
		{(char *)"port", (char *)"2222", (char *)"pi", 5},
		{(char *)"user", (char *)"root", (char *)"pi", 6},
		{(char *)"host", (char *)"two words", (char *)"two words", 8},
		{(char *)"", (char *)"Port", (char *)"two words", 9},
	};
	_kwfile_ struct kwfile f = {0};

	(void)state;
	assert_int_equal(kwfile_parse_remotes(text, sizeof(text) - 1, &f), 0);
	assert_string_equal(f.fallback, "pi");
	assert_int_equal(f.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < f.n; i++) {
		assert_string_equal(f.v[i].key, want[i].key);
		assert_string_equal(f.v[i].value, want[i].value);
		assert_string_equal(f.v[i].host, want[i].host);
		assert_int_equal(f.v[i].line, want[i].line);
	}
}

static void what_is_no_text(void **state)
{
	struct kwfile f;

	(void)state;
	assert_int_equal(kwfile_parse("a=\x1b[31m\n", 8, &f), -EBADMSG);
	assert_int_equal(kwfile_parse_remotes("Host \xff\n", 7, &f), -EBADMSG);
	assert_int_equal(kwfile_parse("a=b\0c\n", 6, &f), -EBADMSG);
}

static void values_are_one_line_of_whole_characters(void **state)
{
	_kwfile_ struct kwfile f = {0};
	char text[2 * KWFILE_VALUE] = "a=x\ty\nb=";
	size_t n = strlen(text);

	(void)state;
	text[n++] = 'x';
	while (n + 2 < sizeof(text)) {
		memcpy(text + n, "\xc3\xa4", 2);
		n += 2;
	}
	assert_int_equal(kwfile_parse(text, n, &f), 0);
	assert_string_equal(f.v[0].value, "x y");
	assert_int_equal(strlen(f.v[1].value), KWFILE_VALUE - 1);
	assert_true(text_is_plain(f.v[1].value, KWFILE_VALUE - 1, false));
}

static void more_lines_than_the_most(void **state)
{
	_kwfile_ struct kwfile f = {0};
	static char text[4 * (KWFILE_LINES + 1)];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "a=b\n", 4);
	assert_int_equal(kwfile_parse(text, sizeof(text), &f), 0);
	assert_int_equal(f.n, KWFILE_LINES);
	assert_true(f.cut);
}

static void is(const char *key, const char *value, const char *ours, const char *becomes)
{
	struct kwmeaning m;

	assert_int_equal(kwmap_setting("build", key, value, &m), 0);
	if (!ours) {
		assert_null(m.key);
		assert_non_null(m.why);
		return;
	}
	if (!m.key || !m.value || strcmp(m.key, ours) != 0 ||
	    strcmp(m.value, becomes) != 0)
		fail_msg("%s=%s is %s=%s, not %s=%s", key, value, m.key, m.value, ours,
			 becomes);
	/* Each of ours is one. */
	assert_non_null(config_find_key(m.key, NULL));
	free(m.value);
}

static void keys(void **state)
{
	(void)state;
	is("arch", "arm64", "build.arch", "arm64");
	is("kernel_img_name", "Image", "build.image", "Image");
	is("cross_compile", "aarch64-linux-gnu-", "build.cross_compile",
	   "aarch64-linux-gnu-");
	is("menu_config", "nconfig", "build.menu", "nconfig");
	is("doc_type", "pdfdocs", "build.doc", "pdfdocs");
	is("cpu_scaling_factor", "50", "build.cpus", "50");
	is("enable_ccache", "true", "build.ccache", "yes");
	is("enable_ccache", "no", "build.ccache", "no");
	is("use_llvm", "yes", "build.llvm", "1");
	is("use_llvm", "no", NULL, NULL);
	is("warning_level", "12", "build.warnings", "12");
	is("log_path", "/tmp/log", "build.log", "/tmp/log");
	is("strip_modules_debug_option", "yes", "kernel.strip", "yes");
	is("boot_into_new_kernel_once", "yes", "deploy.after_pass", "once");
	is("boot_into_new_kernel_once", "no", "deploy.after_pass", "default");
	is("dtb_copy_pattern", "", "build.dtbs", "yes");
	is("dtb_copy_pattern", "broadcom", "build.dtbs", "broadcom/*.dtb");
	is("dtb_copy_pattern", "broadcom/*,arm,rockchip/a.dtb", "build.dtbs",
	   "broadcom/*.dtb arm/*.dtb rockchip/a.dtb");
	is("arch", "", NULL, NULL);
	is("reboot_after_deploy", "no", NULL, NULL);
	is("qemu_path_image", "/x", NULL, NULL);
	is("no_such_key", "x", NULL, NULL);
}

static void hints(void **state)
{
	(void)state;
	assert_string_equal(kwmap_hint("device"), "kferry board info");
	assert_null(kwmap_hint("build"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings),
		cmocka_unit_test(remotes),
		cmocka_unit_test(what_is_no_text),
		cmocka_unit_test(values_are_one_line_of_whole_characters),
		cmocka_unit_test(more_lines_than_the_most),
		cmocka_unit_test(keys),
		cmocka_unit_test(hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
