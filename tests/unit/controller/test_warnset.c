/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one build warned of against the build before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/build/warnset.h"

/* A set of the output of a build. */
static struct warnset *of(const char *output)
{
	struct warnset *w = warnset_new("/src/linux");

	assert_non_null(w);
	while (*output) {
		size_t n = strcspn(output, "\n");

		assert_int_equal(warnset_line(w, buildlog_classify(output, n), output, n),
				 0);
		output += n + (output[n] == '\n');
	}
	return w;
}

/* Compare; now is kept in the place of before. */
static void build(struct warnset **before, const char *output, bool whole, size_t fresh,
		  size_t known, size_t fixed)
{
	struct warnset *now = of(output);
	struct warndiff d;

	assert_int_equal(warnset_compare(now, *before, whole, &d), 0);
	if (d.n_fresh != fresh || d.known != known || d.fixed != fixed)
		fail_msg("%zu new, %zu known, %zu fixed, not %zu, %zu, %zu, of:\n%s",
			 d.n_fresh, d.known, d.fixed, fresh, known, fixed, output);
	warndiff_fini(&d);
	warnset_free(*before);
	*before = now;
}

static void lines_that_moved_are_no_new_warnings(void **state)
{
	struct warnset *w = NULL;

	(void)state;
	build(&w, "  CC      a.o\na.c:1:2: warning: x\na.c:9:2: warning: x\n", true, 2, 0,
	      0);
	build(&w, "  CC      a.o\na.c:5:2: warning: x\na.c:13:2: warning: x\n", false, 0,
	      2, 0);
	build(&w,
	      "  CC      a.o\na.c:5:2: warning: x\na.c:7:1: warning: x\n"
	      "a.c:13:2: warning: x\n",
	      false, 1, 2, 0);
	build(&w, "  CC      a.o\na.c:5:2: warning: x\n", false, 0, 1, 2);
	build(&w, "  CC      a.o\n", false, 0, 0, 1);
	warnset_free(w);
}

static void of_several_alike_the_one_on_a_new_line_is_told(void **state)
{
	struct warnset *before = of("a.c:1:2: warning: x\na.c:9:2: warning: x\n");
	struct warnset *now = of("a.c:1:2: warning: x\na.c:4:2: warning: x\n"
				 "a.c:9:2: warning: x\n");
	struct warndiff d;

	(void)state;
	assert_int_equal(warnset_compare(now, before, false, &d), 0);
	assert_int_equal(d.n_fresh, 1);
	assert_string_equal(d.fresh[0], "a.c:4:2: warning: x");
	warndiff_fini(&d);
	warnset_free(before);
	warnset_free(now);
}

static void only_what_was_made_again_can_be_fixed(void **state)
{
	struct warnset *w = NULL;

	(void)state;
	build(&w,
	      "  CC      d/a.o\nd/a.c:1:2: warning: x\n  CC [M]  d/b.o\n"
	      "d/b.c:1:2: warning: y\n",
	      true, 2, 0, 0);
	build(&w, "  CC      d/c.o\n", false, 0, 2, 0);
	build(&w, "  CC [M]  d/b.o\n", false, 0, 1, 1);
	/* Through a file and back nothing is lost. */
	build(&w, "", false, 0, 1, 0);
	build(&w, "", true, 0, 0, 1);
	warnset_free(w);
}

static void paths_are_told_relative_to_the_tree(void **state)
{
	struct warnset *w = NULL;

	(void)state;
	build(&w, "/src/linux/d/a.c:1:2: warning: x\n", true, 1, 0, 0);
	build(&w, "../d/a.c:1:2: warning: x\n", false, 0, 1, 0);
	build(&w, "./d/a.c:1:2: warning: x\n  CC      d/a.o\n", false, 0, 1, 0);
	build(&w, "  CC      d/a.o\n", false, 0, 0, 1);
	warnset_free(w);
}

static void tools_besides_the_compiler(void **state)
{
	struct warnset *w = NULL;

	(void)state;
	build(&w,
	      "WARNING: modpost: vmlinux: section mismatch in reference: f+0x12 "
	      "(section)\n"
	      "vmlinux.o: warning: objtool: g+0x4: unreachable instruction\n"
	      "arch/arm64/boot/dts/a.dts:12.3-4: Warning (unit_address_vs_reg): z\n"
	      "x86_64-linux-gnu-ld: warning: orphan section `.foo'\n",
	      true, 4, 0, 0);
	build(&w,
	      "WARNING: modpost: vmlinux: section mismatch in reference: f+0x16 "
	      "(section)\n"
	      "vmlinux.o: warning: objtool: g+0x8: unreachable instruction\n"
	      "arch/arm64/boot/dts/a.dts:13.3-4: Warning (unit_address_vs_reg): z\n",
	      false, 0, 4, 0);
	build(&w, "  DTC     arch/arm64/boot/dts/a.dtb\n", false, 0, 3, 1);
	build(&w, "  MODPOST Module.symvers\n", false, 0, 0, 3);
	warnset_free(w);
}

static void a_headers_warning_goes_with_what_includes_it(void **state)
{
	struct warnset *w = NULL;

	(void)state;
	build(&w,
	      "In file included from ../include/b.h:3,\n"
	      "                 from ../d/a.c:10:\n"
	      "../include/x.h:5:2: warning: u\n../include/x.h:7:2: warning: v\n"
	      "../include/y.h:1:1: warning: of nobody\n",
	      true, 3, 0, 0);
	build(&w, "  CC      include/x.o\n  CC      d/b.o\n", false, 0, 3, 0);
	build(&w, "  CC      d/a.o\n", false, 0, 1, 2);
	build(&w, "", true, 0, 0, 1);
	warnset_free(w);
}

static void text_and_back(void **state)
{
	struct warnset *w =
		of("  CC      d/a.o\nd/a.c:1:2: warning: \"quoted\" \\ \xc3\xa4\n"
		   "d/b.c:1:2: warning: bad \xff byte\n");
	struct warnset *again = NULL;
	_buf_ struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(warnset_print(w, &text), 0);
	assert_int_equal(
		warnset_parse((const char *)buf_data(&text), buf_len(&text), &again), 0);
	build(&again, "d/a.c:1:2: warning: \"quoted\" \\ \xc3\xa4\n", false, 0, 1, 0);
	warnset_free(w);
	warnset_free(again);
}

static void what_is_no_text_of_ours(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"version\": 2, \"warnings\": []}",
		"{\"version\": 1, \"warnings\": {}}",
		"{\"version\": 1, \"warnings\": [3]}",
		"{\"version\": 1, \"warnings\": [[\"a\"]]}",
		"{\"version\": 1, \"warnings\": [[\"a\", 3]]}",
		"{\"version\": 1, \"warnings\": [",
	};
	struct warnset *w = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(warnset_parse(bad[i], strlen(bad[i]), &w), -EBADMSG);
	assert_null(w);
}

static void more_than_the_most_is_dropped(void **state)
{
	struct warnset *w = warnset_new("");
	_buf_ struct buf text = BUF_INIT;
	struct warnset *again = NULL;
	struct warndiff d;
	char line[64];

	(void)state;
	for (unsigned i = 0; i < WARNSET_MAX + 10; i++) {
		int n = snprintf(line, sizeof(line), "d/f%u.c:1:1: warning: x", i);

		assert_int_equal(warnset_line(w, BUILDLOG_WARNING, line, (size_t)n), 0);
	}
	assert_int_equal(warnset_compare(w, NULL, true, &d), 0);
	assert_int_equal(d.n_fresh, WARNSET_MAX);
	warndiff_fini(&d);
	assert_int_equal(warnset_print(w, &text), 0);
	assert_int_equal(
		warnset_parse((const char *)buf_data(&text), buf_len(&text), &again), 0);
	warnset_free(again);
	warnset_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_moved_are_no_new_warnings),
		cmocka_unit_test(of_several_alike_the_one_on_a_new_line_is_told),
		cmocka_unit_test(only_what_was_made_again_can_be_fixed),
		cmocka_unit_test(paths_are_told_relative_to_the_tree),
		cmocka_unit_test(tools_besides_the_compiler),
		cmocka_unit_test(a_headers_warning_goes_with_what_includes_it),
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(what_is_no_text_of_ours),
		cmocka_unit_test(more_than_the_most_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
