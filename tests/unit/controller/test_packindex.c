/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of the pack cache: what is written is read, and each altered byte, each
 * missing one, is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "controller/kernel/pack/packindex.h"

static void fill(struct packindex *ix)
{
	struct packindex_file *f;
	struct digest key;

	ix->time = -5;
	snprintf(ix->boot, sizeof(ix->boot), "0f-1e");
	assert_int_equal(packindex_add(ix, "/obj/a b.ko", &f), 0);
	f->stamp = (struct stamp){UINT64_MAX, 7, INT64_MAX, -1};
	f->has_made = f->used = true;
	digest_bytes("made", 4, &f->made);
	assert_int_equal(packindex_add(ix, "/obj/System.map", &f), 0);
	f->stamp = (struct stamp){1, 0, 2, 3};
	f->has_digest = f->used = true;
	digest_bytes("map", 3, &f->digest);
	digest_bytes("key", 3, &key);
	assert_int_equal(packindex_set_memo(ix, "release", &key, "6.9.0 and more"), 0);
}

static void test_what_is_written_is_read(void **state)
{
	_packindex_ struct packindex ix = {0}, back = {0};
	_buf_ struct buf out = BUF_INIT, again = BUF_INIT;
	struct packindex_file *f;

	(void)state;
	fill(&ix);
	assert_int_equal(packindex_emit(&ix, &out), 0);
	assert_int_equal(packindex_parse(buf_data(&out), buf_len(&out), &back), 0);
	assert_int_equal(back.n_files, 2);
	assert_int_equal(back.time, -5);
	assert_string_equal(back.boot, "0f-1e");
	f = packindex_find(&back, "/obj/a b.ko");
	assert_non_null(f);
	assert_true(f->stamp.ino == UINT64_MAX && f->stamp.mtime == INT64_MAX &&
		    f->stamp.ctime == -1 && f->stamp.size == 7);
	assert_true(f->has_made && !f->has_digest && !f->used);
	assert_string_equal(packindex_memo(&back, "release")->text, "6.9.0 and more");
	assert_null(packindex_find(&back, "/obj/a"));
	/* Nothing of it was used: nothing of it is kept. */
	assert_int_equal(packindex_emit(&back, &again), 0);
	packindex_fini(&back);
	assert_int_equal(packindex_parse(buf_data(&again), buf_len(&again), &back), 0);
	assert_int_equal(back.n_files, 0);
	assert_int_equal(back.n_memos, 0);
}

static void test_each_altered_byte_is_seen(void **state)
{
	_packindex_ struct packindex ix = {0};
	_buf_ struct buf out = BUF_INIT;
	struct packindex back;

	(void)state;
	fill(&ix);
	assert_int_equal(packindex_emit(&ix, &out), 0);
	for (size_t i = 0; i < buf_len(&out); i++) {
		out.data[out.start + i] ^= 1;
		assert_int_equal(packindex_parse(buf_data(&out), buf_len(&out), &back),
				 -EBADMSG);
		out.data[out.start + i] ^= 1;
		assert_int_equal(packindex_parse(buf_data(&out), i, &back), -EBADMSG);
	}
}

/* As one who altered it and computed the digest anew could. */
static int parse_body(const char *body)
{
	_buf_ struct buf b = BUF_INIT;
	struct packindex ix;
	char hex[DIGEST_HEX];
	struct digest d;
	int r;

	digest_bytes(body, strlen(body), &d);
	digest_hex(&d, hex);
	assert_int_equal(buf_printf(&b, "%sdigest %s\n", body, hex), 0);
	r = packindex_parse(buf_data(&b), buf_len(&b), &ix);
	if (r == 0)
		packindex_fini(&ix);
	return r;
}

#define HEAD "kferry-pack-index 1\ntime 1\nboot x\n"
#define NONE "0000000000000000000000000000000000000000000000000000000000000000"

static void test_lines_that_are_none(void **state)
{
	static const char *const bad[] = {
		"kferry-pack-index 2\ntime 1\nboot x\n",
		"kferry-pack-index 1\n",
		"kferry-pack-index 1\ntime x\nboot x\n",
		"kferry-pack-index 1\ntime 1\nboot \n",
		HEAD "what 1\n",
		HEAD "file 1 2 3 4 - - \n",
		HEAD "file 1 2 3 4 - /a\n",
		HEAD "file 1 2 3 99999999999999999999 - - /a\n",
		HEAD "file 1 2 3 4 abcd - /a\n",
		HEAD "file 1 2 3 4 - - /a\nfile 1 2 3 4 - - /a\n",
		HEAD "memo a b c\n",
		HEAD "memo a " NONE " x\nmemo a " NONE " y\n",
		HEAD "\n",
	};

	(void)state;
	assert_int_equal(parse_body(HEAD "file 1 2 -3 4 - " NONE " /a\n"), 0);
	assert_int_equal(parse_body(HEAD "memo a " NONE " x\n"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse_body(bad[i]) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
}

static void test_many(void **state)
{
	_packindex_ struct packindex ix = {0};
	struct packindex_file *f;
	char path[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/obj/drivers/%d.ko", i);
		assert_int_equal(packindex_add(&ix, path, &f), 0);
		f->stamp.size = (uint64_t)i;
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/obj/drivers/%d.ko", i);
		assert_int_equal(packindex_find(&ix, path)->stamp.size, i);
	}
	assert_null(packindex_find(&ix, "/obj/drivers/5000.ko"));
	assert_int_equal(packindex_add(&ix, "/obj/a\nb", &f), -EINVAL);
	assert_int_equal(packindex_add(&ix, "", &f), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_each_altered_byte_is_seen),
		cmocka_unit_test(test_lines_that_are_none),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
