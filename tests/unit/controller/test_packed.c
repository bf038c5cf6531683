/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A package file as it is: what follows the manifest is a tar of all files, and only a
 * file of that form is taken for one. */
#include "tests/lib/controller/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zstd.h>

#include "proto/base/fs.h"
#include "proto/package.h"
#include "proto/reason.h"

static void make_package(struct place *p, struct buf *out)
{
	struct kf_error err = {0};
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	place_deb(p, &b, CONTROL, place_good);
	place_save(p, buf_data(&b), buf_len(&b));
	k = place_take(p);
	assert_false(kernel_is_packed(k));
	assert_int_equal(kernel_write_tar(k, NULL, true, 3, place_sink, out, NULL, &err),
			 0);
	kernel_free(k);
}

static struct kernel *take(struct place *p, const struct buf *b)
{
	struct kf_error err = {0};
	struct kernel *k = NULL;

	place_save(p, buf_data(b), buf_len(b));
	assert_int_equal(kernel_from_file(p->cfg, p->ui, p->file, &k, &err), 0);
	return k;
}

struct source {
	const struct buf *b;
	size_t at;
};

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct source *s = arg;

	if (n > buf_len(s->b) - s->at)
		n = buf_len(s->b) - s->at;
	memcpy(data, (const uint8_t *)buf_data(s->b) + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* The tar has the manifest's files, each with its digest, and nothing else. */
static void check_tar(const struct manifest *m, const struct buf *b)
{
	struct package_reader *r = NULL;
	struct source s = {b, 0};
	struct package_entry e;
	struct kf_error err = {0};
	size_t seen = 0;

	assert_int_equal(package_reader_new(pull, &s, &r, &err), 0);
	while (package_next(r, &e, &err) > 0) {
		ssize_t i = manifest_find(m, e.path);
		uint8_t data[4096];
		struct digest d;
		ssize_t n = package_read(r, data, sizeof(data), &err);

		assert_true(i >= 0 && n >= 0 && (uint64_t)n == e.size);
		digest_bytes(data, (size_t)n, &d);
		assert_true(digest_equal(&d, &m->files[i].digest));
		seen++;
	}
	assert_int_equal(err.code, 0);
	assert_int_equal(seen, m->n_files);
	package_reader_free(r);
}

static void the_rest_is_a_tar_of_all_files(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT, out = BUF_INIT;
	struct kf_error err = {0};
	uint64_t done = 0;
	struct kernel *k;

	make_package(p, &b);
	k = take(p, &b);
	assert_true(kernel_is_packed(k));
	assert_int_equal(kernel_write_packed(k, place_sink, &out, &done, &err), 0);
	assert_true(buf_len(&out) > 0 && buf_len(&out) < buf_len(&b));
	assert_int_equal(done, k->manifest.total_size);
	check_tar(&k->manifest, &out);
	/* Nothing was unpacked for it. */
	for (size_t i = 0; i < k->manifest.n_files; i++)
		assert_null(k->source[i]);
	kernel_free(k);
	place_is_empty(p);
}

static void it_is_copied_and_linked_whole(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT, copy = BUF_INIT;
	struct kernel *k;
	char path[96];
	int fd;

	make_package(p, &b);
	k = take(p, &b);
	snprintf(path, sizeof(path), "%s/copy", p->dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(packed_copy(&k->packed, fd), 0);
	close(fd);
	assert_int_equal(packed_link(&k->packed, AT_FDCWD, path), -EEXIST);
	assert_int_equal(fs_read_file(AT_FDCWD, path, 1 << 20, &copy), 0);
	assert_int_equal(buf_len(&copy), buf_len(&b));
	assert_memory_equal(buf_data(&copy), buf_data(&b), buf_len(&b));
	strcat(path, "-2");
	assert_int_equal(packed_link(&k->packed, AT_FDCWD, path), 0);
	buf_reset(&copy);
	assert_int_equal(fs_read_file(AT_FDCWD, path, 1 << 20, &copy), 0);
	assert_memory_equal(buf_data(&copy), buf_data(&b), buf_len(&b));
	kernel_free(k);
}

/* As earlier versions wrote it: unpacked, and packed again. */
static void one_frame_is_not_sent_as_it_is(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT, one = BUF_INIT;
	static uint8_t room[1 << 20], squeezed[1 << 20];
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_outBuffer out = {room, sizeof(room), 0};
	ZSTD_inBuffer in;
	struct kernel *k;
	size_t n;

	make_package(p, &b);
	in = (ZSTD_inBuffer){buf_data(&b), buf_len(&b), 0};
	while (in.pos < in.size)
		assert_false(ZSTD_isError(ZSTD_decompressStream(z, &out, &in)));
	ZSTD_freeDStream(z);
	n = ZSTD_compress(squeezed, sizeof(squeezed), room, out.pos, 3);
	assert_false(ZSTD_isError(n));
	assert_int_equal(buf_append(&one, squeezed, n), 0);
	k = take(p, &one);
	assert_false(kernel_is_packed(k));
	kernel_free(k);
	/* Nor a tar that is not compressed. */
	buf_reset(&one);
	assert_int_equal(buf_append(&one, room, out.pos), 0);
	k = take(p, &one);
	assert_false(kernel_is_packed(k));
	kernel_free(k);
}

static int stop(void *arg, const void *data, size_t n)
{
	(void)data;
	(void)n;
	return ++*(int *)arg;
}

static void the_sink_ends_it_and_a_cut_file_is_told(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT, out = BUF_INIT;
	struct kf_error err = {0};
	struct kernel *k;
	int calls = 0;

	make_package(p, &b);
	k = take(p, &b);
	assert_int_equal(kernel_write_packed(k, stop, &calls, NULL, &err), -ECANCELED);
	assert_int_equal(calls, 1);
	assert_int_equal(truncate(p->file, (off_t)k->packed.end - 10), 0);
	assert_int_equal(kernel_write_packed(k, place_sink, &out, NULL, &err), -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_PACKAGE);
	kernel_free(k);
}

#define T(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_rest_is_a_tar_of_all_files),
		T(it_is_copied_and_linked_whole),
		T(one_frame_is_not_sent_as_it_is),
		T(the_sink_ends_it_and_a_cut_file_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
