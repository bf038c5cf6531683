/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run directories: never shared, complete after each change, closed to bad names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "controller/deploy/run.h"
#include "controller/strf.h"
#include "proto/base/fs.h"

struct place {
	char dir[64];
	struct config *cfg;
};

static int setup(void **state)
{
	struct config_paths paths = {.user_file = "/nonexistent",
				     .profile_dir = "/nonexistent"};
	struct place *p = calloc(1, sizeof(*p));
	struct kf_error err = {0};
	_free_ char *runs = NULL;

	snprintf(p->dir, sizeof(p->dir), "/tmp/kf-run-XXXXXX");
	if (!mkdtemp(p->dir) || config_load(&paths, &p->cfg, &err) < 0)
		return -1;
	runs = strf("%s/deep/runs", p->dir);
	*state = p;
	return config_override(p->cfg, "run.dir", runs, &err);
}

static int teardown(void **state)
{
	struct place *p = *state;

	config_free(p->cfg);
	(void)!fs_remove_tree(AT_FDCWD, p->dir);
	free(p);
	return 0;
}

static struct run *make_run(struct place *p)
{
	struct kf_error err = {0};
	struct run *r = NULL;

	if (run_new(p->cfg, "rpi4", &r, &err) < 0)
		fail_msg("%s", err.msg);
	return r;
}

static json_t *result(const struct run *r)
{
	_free_ char *path = strf("%s/result.json", run_dir(r));

	return json_load_file(path, 0, NULL);
}

static void test_no_two_share_one(void **state)
{
	struct run *a = make_run(*state), *b = make_run(*state);
	const char *base = strstr(run_dir(a), "/deep/runs/");

	assert_non_null(base);
	assert_string_not_equal(run_dir(a), run_dir(b));
	assert_non_null(strstr(run_dir(a), "-1/rpi4"));
	assert_non_null(strstr(run_dir(b), "-2/rpi4"));
	run_free(a);
	run_free(b);
}

static void test_numbers_go_on_after_a_gap(void **state)
{
	struct run *a = make_run(*state), *b;
	_free_ char *top = strndup(run_dir(a), strlen(run_dir(a)) - strlen("-1/rpi4"));
	_free_ char *ninth = strf("%s-9", top);

	assert_int_equal(fs_mkdirs(AT_FDCWD, ninth), 0);
	b = make_run(*state);
	assert_non_null(strstr(run_dir(b), "-10/rpi4"));
	run_free(a);
	run_free(b);
}

static void test_result_is_written_at_once(void **state)
{
	struct run *r = make_run(*state);
	json_t *j = result(r), *step;

	assert_string_equal(json_string_value(json_object_get(j, "board")), "rpi4");
	json_decref(j);
	run_step(r, "push", 900, json_pack("{s:i}", "files_sent", 3));
	run_set(r, "verdict", json_string("PASS"));
	j = result(r);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), "PASS");
	step = json_array_get(json_object_get(j, "steps"), 0);
	assert_string_equal(json_string_value(json_object_get(step, "stage")), "push");
	assert_int_equal(json_integer_value(json_object_get(step, "took_ms")), 900);
	assert_int_equal(json_integer_value(json_object_get(step, "files_sent")), 3);
	json_decref(j);
	run_free(r);
}

/* What a board said may be any bytes. */
static void test_a_text_that_is_no_utf8_is_kept(void **state)
{
	struct run *r = make_run(*state);

	run_set(r, "text", run_json_text("panic: \"\xfe\xc3\" \xc3\xa9"));
	assert_string_equal(run_text(r, "text"), "panic: \"\\xfe\\xc3\" \xc3\xa9");
	run_set(r, "text", run_json_text(""));
	assert_string_equal(run_text(r, "text"), "");
	run_free(r);
}

static void test_files_and_their_names(void **state)
{
	static const char *const bad[] = {"../x", "/x", "", "a//b", "a/../b", "a\nb"};
	struct run *r = make_run(*state);
	_free_ char *path = strf("%s/pstore/dmesg.txt", run_dir(r));
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};

	assert_int_equal(run_write(r, "pstore/dmesg.txt", "panic", 5, &err), 0);
	assert_int_equal(run_write(r, "pstore/dmesg.txt", "again", 5, &err), 0);
	assert_int_equal(fs_read_file(AT_FDCWD, path, 100, &b), 0);
	assert_string_equal(buf_str(&b), "again");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(run_write(r, bad[i], "x", 1, &err) < 0);
	run_free(r);
}

static void test_a_place_that_cannot_be_made(void **state)
{
	struct place *p = *state;
	struct kf_error err = {0};
	struct run *r;

	assert_int_equal(config_override(p->cfg, "run.dir", "/proc/nothing", &err), 0);
	assert_true(run_new(p->cfg, "rpi4", &r, &err) < 0);
	assert_non_null(strstr(err.msg, "/proc/nothing"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_two_share_one),
		TEST(test_numbers_go_on_after_a_gap),
		TEST(test_result_is_written_at_once),
		TEST(test_a_text_that_is_no_utf8_is_kept),
		TEST(test_files_and_their_names),
		TEST(test_a_place_that_cannot_be_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
