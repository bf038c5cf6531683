/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Build output: messages of every tool that a kernel build runs, lines that are none, and
 * output cut at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/kernel/buildlog.h"

static const struct {
	const char *line;
	enum buildlog_kind kind;
} lines[] = {
	{"  CC      init/main.o", BUILDLOG_STEP},
	{"  CC [M]  fs/ext4/super.o", BUILDLOG_STEP},
	{"  LD [M]  drivers/net/dummy.ko", BUILDLOG_STEP},
	{"  OBJCOPY arch/x86/boot/vmlinux.bin", BUILDLOG_STEP},
	{"drivers/foo.c:12:3: error: 'x' undeclared (first use in this function)",
	 BUILDLOG_ERROR},
	{"/src/linux/init/main.c:1:10: fatal error: foo.h: No such file or directory",
	 BUILDLOG_ERROR},
	{"drivers/foo.c:12:3: warning: unused variable 'x' [-Wunused-variable]",
	 BUILDLOG_WARNING},
	{"cc1: error: unrecognized command-line option '-mfoo'", BUILDLOG_ERROR},
	{"clang: error: unknown argument: '-mfoo'", BUILDLOG_ERROR},
	{"error: could not compile", BUILDLOG_ERROR},
	{"error[E0425]: cannot find value `x` in this scope", BUILDLOG_ERROR},
	{"arch/x86/entry/entry.S:12: Error: no such instruction: `foo'", BUILDLOG_ERROR},
	{"arch/x86/entry/entry.S:12: Warning: something", BUILDLOG_WARNING},
	{"ld: vmlinux.o: in function `start_kernel':", BUILDLOG_OTHER},
	{"main.c:(.text+0x12): undefined reference to `foo'", BUILDLOG_ERROR},
	{"ld: init/main.o:(.data+0x0): multiple definition of `x'; first defined here",
	 BUILDLOG_ERROR},
	{"aarch64-linux-gnu-ld: cannot find foo.o: No such file or directory",
	 BUILDLOG_ERROR},
	{"ld.lld: error: undefined symbol: foo", BUILDLOG_ERROR},
	{"x86_64-linux-gnu-ld: warning: orphan section `.foo'", BUILDLOG_WARNING},
	{"vmlinux.o: warning: objtool: foo+0x12: unreachable instruction",
	 BUILDLOG_WARNING},
	{"ERROR: modpost: \"foo\" [drivers/bar.ko] undefined!", BUILDLOG_ERROR},
	{"WARNING: modpost: vmlinux.o: section mismatch in reference", BUILDLOG_WARNING},
	{"arch/arm64/boot/dts/a.dts:12.3-4: Warning (unit_address_vs_reg): x",
	 BUILDLOG_WARNING},
	{"Error: arch/arm64/boot/dts/a.dts:12.3-4 syntax error", BUILDLOG_ERROR},
	{"FATAL ERROR: Unable to parse input tree", BUILDLOG_ERROR},
	{"Documentation/x.rst:3: WARNING: Title underline too short.", BUILDLOG_WARNING},
	{"Documentation/x.rst:3: ERROR: Unexpected indentation.", BUILDLOG_ERROR},
	{"/bin/sh: 1: flex: not found", BUILDLOG_ERROR},
	{"sh: line 1: bc: command not found", BUILDLOG_ERROR},
	{"make[2]: *** [scripts/Makefile.build:250: drivers/foo.o] Error 1",
	 BUILDLOG_FAILED},
	{"make: *** [Makefile:226: __sub-make] Error 2", BUILDLOG_FAILED},
	{"/src/scripts/gcc-version.sh: 12: nope-gcc: not found", BUILDLOG_ERROR},
	{"scripts/Kconfig.include:39: C compiler 'nope-gcc' not found", BUILDLOG_ERROR},
	{"make[1]: *** [include/config/auto.conf.cmd] Deleting file 'include/x'",
	 BUILDLOG_OTHER},
	{"make[1]: *** Waiting for unfinished jobs....", BUILDLOG_OTHER},
	{"make[1]: *** No rule to make target 'foo'.  Stop.", BUILDLOG_ERROR},
	{"Makefile:708: *** Compiler lacks asm-goto support..  Stop.", BUILDLOG_ERROR},
	{"*** Configuration file \".config\" not found!", BUILDLOG_ERROR},
	{"*** The source tree is not clean, please run 'make ARCH=x86 mrproper'",
	 BUILDLOG_ERROR},
	{"make[1]: Entering directory '/obj'", BUILDLOG_OTHER},
	{"   12 |         return error: x;", BUILDLOG_OTHER},
	{"drivers/foo.c: In function 'bar':", BUILDLOG_OTHER},
	{"drivers/foo.c:12:3: note: each undeclared identifier is reported once",
	 BUILDLOG_OTHER},
	{"Kernel: arch/x86/boot/bzImage is ready  (#2)", BUILDLOG_OTHER},
	{"  ", BUILDLOG_OTHER},
	{"", BUILDLOG_OTHER},
};

static void test_each_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		enum buildlog_kind k =
			buildlog_classify(lines[i].line, strlen(lines[i].line));

		if (k != lines[i].kind)
			fail_msg("kind %d, not %d: %s", k, lines[i].kind, lines[i].line);
	}
}

static const char output[] = "  CC      a.o\n"
			     "a.c:1:1: warning: w\n"
			     "  CC [M]  dir/b.o\n"
			     "b.c:2:1: error: first\r\n"
			     "b.c:3:1: error: second\n"
			     "a.c:1:1: warning: w\n"
			     "make[1]: *** [Makefile:1: b.o] Error 1\n"
			     "make: *** [Makefile:2: all] Error 2";

static void check_output(const struct buildlog *b)
{
	assert_int_equal(b->errors, 2);
	assert_int_equal(b->warnings, 1);
	assert_int_equal(b->steps, 2);
	assert_string_equal(b->current, "dir/b.o");
	assert_string_equal(b->error[0], "b.c:2:1: error: first");
	assert_string_equal(b->failed, "make[1]: *** [Makefile:1: b.o] Error 1");
	assert_string_equal(buildlog_first_error(b), "b.c:2:1: error: first");
}

static void test_cut_anywhere(void **state)
{
	size_t n = sizeof(output) - 1;

	(void)state;
	for (size_t at = 0; at <= n; at++) {
		struct buildlog b;

		buildlog_init(&b);
		assert_int_equal(buildlog_feed(&b, output, at), 0);
		assert_int_equal(buildlog_feed(&b, output + at, n - at), 0);
		assert_int_equal(buildlog_end(&b), 0);
		check_output(&b);
		buildlog_fini(&b);
	}
}

static void test_a_failed_recipe_counts_when_nothing_else_is_known(void **state)
{
	static const char text[] = "gibberish\nmake: *** [Makefile:2: all] Error 2\n";
	struct buildlog b;

	(void)state;
	buildlog_init(&b);
	assert_null(buildlog_first_error(&b));
	assert_int_equal(buildlog_feed(&b, text, sizeof(text) - 1), 0);
	assert_int_equal(b.errors, 0);
	assert_string_equal(buildlog_first_error(&b),
			    "make: *** [Makefile:2: all] Error 2");
	buildlog_fini(&b);
}

static void test_many_messages_are_counted_and_bounded(void **state)
{
	struct buildlog b;
	char text[64];

	(void)state;
	buildlog_init(&b);
	for (int i = 0; i < 200; i++) {
		int n = snprintf(text, sizeof(text), "a.c:%d:1: warning: w\n", i);

		assert_int_equal(buildlog_feed(&b, text, (size_t)n), 0);
	}
	assert_int_equal(b.warnings, 200);
	assert_string_equal(b.warning[BUILDLOG_KEEP - 1], "a.c:49:1: warning: w");
	buildlog_fini(&b);
}

static void test_a_line_without_end(void **state)
{
	_free_ char *long_line = malloc(100000);
	struct buildlog b;

	(void)state;
	assert_non_null(long_line);
	memset(long_line, 'x', 100000);
	buildlog_init(&b);
	for (int i = 0; i < 20; i++)
		assert_int_equal(buildlog_feed(&b, long_line, 100000), 0);
	assert_int_equal(buildlog_feed(&b, "\na.c:1:1: error: e\n", 19), 0);
	assert_int_equal(b.errors, 1);
	buildlog_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_line),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_a_failed_recipe_counts_when_nothing_else_is_known),
		cmocka_unit_test(test_many_messages_are_counted_and_bounded),
		cmocka_unit_test(test_a_line_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
