/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a kernel as a tar: what is wanted of it, and only what its manifest promises.
 */
#include "tests/lib/controller/place.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/package.h"
#include "proto/reason.h"

struct stream {
	const uint8_t *data;
	size_t n;
};

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct stream *s = arg;

	if (n > s->n)
		n = s->n;
	memcpy(data, s->data, n);
	s->data += n;
	s->n -= n;
	return (ssize_t)n;
}

static void test_writing_only_what_is_wanted(void **state)
{
	struct place *p = *state;
	_buf_ struct buf deb = BUF_INIT, one = BUF_INIT, again = BUF_INIT;
	struct package_reader *reader;
	struct package_entry e;
	struct kf_error err = {0};
	struct kernel *k;
	struct stream s;
	uint64_t done = 0;
	uint8_t want[64] = {0};
	char data[64];
	ssize_t i;

	place_deb(p, &deb, CONTROL, place_good);
	place_save(p, buf_data(&deb), buf_len(&deb));
	k = place_take(p);
	i = manifest_find(&k->manifest, "modules/" REL "/kernel/a.ko");
	want[i / 8] = (uint8_t)(1u << (i % 8));
	assert_int_equal(
		kernel_write_tar(k, want, false, 1, place_sink, &one, &done, &err), 0);
	assert_int_equal(done, 8);
	assert_int_equal(
		kernel_write_tar(k, want, false, 1, place_sink, &again, NULL, &err), 0);
	assert_int_equal(buf_len(&one), buf_len(&again));
	assert_memory_equal(buf_data(&one), buf_data(&again), buf_len(&one));
	s = (struct stream){buf_data(&one), buf_len(&one)};
	assert_int_equal(package_reader_new(pull, &s, &reader, &err), 0);
	assert_int_equal(package_next(reader, &e, &err), 1);
	assert_string_equal(e.path, "modules/" REL "/kernel/a.ko");
	assert_int_equal(package_read(reader, data, sizeof(data), &err), 8);
	assert_memory_equal(data, "module a", 8);
	assert_int_equal(package_next(reader, &e, &err), 0);
	package_reader_free(reader);
	kernel_free(k);
}

static int stop(void *arg, const void *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
	return -EPIPE;
}

static void test_a_file_that_changed_meanwhile(void **state)
{
	struct place *p = *state;
	static const char *const now[] = {"module b", "module", "module and more"};
	_buf_ struct buf deb = BUF_INIT, out = BUF_INIT;
	struct kf_error err = {0};
	struct kernel *k;
	ssize_t i;

	place_deb(p, &deb, CONTROL, place_good);
	place_save(p, buf_data(&deb), buf_len(&deb));
	k = place_take(p);
	assert_int_equal(kernel_write_tar(k, NULL, true, 1, stop, NULL, NULL, &err),
			 -EPIPE);
	i = manifest_find(&k->manifest, "modules/" REL "/kernel/a.ko");
	for (size_t j = 0; j < 2; j++) {
		assert_int_equal(
			fs_replace(AT_FDCWD, k->source[i], now[j], strlen(now[j]), 0644),
			0);
		assert_true(kernel_write_tar(k, NULL, true, 1, place_sink, &out, NULL,
					     &err) < 0);
		assert_int_equal(err.reason, KF_REASON_DIGEST);
		assert_non_null(strstr(err.msg, "a.ko"));
	}
	kernel_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
		TEST(test_writing_only_what_is_wanted),
		TEST(test_a_file_that_changed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
