/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packages: what a tar writer makes is read; links, devices, odd bits, odd paths, cut and
 * trailing bytes are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

#include "proto/base/buf.h"
#include "proto/limits.h"
#include "proto/package.h"
#include "proto/reason.h"

#define BLOCK 512

/* --- making archives by hand ------------------------- */

struct spec {
	const char *name;
	char type;
	unsigned mode;
	const char *data;
	const char *link;
};

static void add_zeros(struct buf *b, size_t n)
{
	uint8_t *at;

	assert_int_equal(buf_reserve(b, n, &at), 0);
	memset(at, 0, n);
	buf_commit(b, n);
}

static void add_entry(struct buf *b, const struct spec *s)
{
	size_t size = s->data ? strlen(s->data) : 0;
	char h[BLOCK] = {0};
	unsigned sum = 0;

	snprintf(h, 100, "%s", s->name);
	snprintf(h + 100, 8, "%07o", s->mode);
	snprintf(h + 108, 8, "%07o", 0);
	snprintf(h + 116, 8, "%07o", 0);
	snprintf(h + 124, 12, "%011o", (unsigned)size);
	snprintf(h + 136, 12, "%011o", 0);
	memset(h + 148, ' ', 8);
	h[156] = s->type;
	if (s->link)
		snprintf(h + 157, 100, "%s", s->link);
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	assert_int_equal(buf_append(b, h, sizeof(h)), 0);
	if (size) {
		assert_int_equal(buf_append(b, s->data, size), 0);
		add_zeros(b, (BLOCK - size % BLOCK) % BLOCK);
	}
}

static const struct spec manifest = {"manifest", '0', 0644, "hello", NULL};
static const struct spec image = {"boot/image", '0', 0644, "kernel", NULL};
static const struct spec boot_dir = {"boot/", '5', 02755, NULL, NULL};

static void make_good(struct buf *b)
{
	add_entry(b, &manifest);
	add_entry(b, &boot_dir);
	add_entry(b, &image);
	add_zeros(b, 2 * BLOCK);
}

/* A frame with a checksum, so that damage at its end shows too. */
static void compress(const struct buf *in, struct buf *out)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n = ZSTD_compressBound(buf_len(in));
	uint8_t *at;

	assert_non_null(c);
	assert_int_equal(buf_reserve(out, n, &at), 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(c, at, n, buf_data(in), buf_len(in));
	assert_false(ZSTD_isError(n));
	buf_commit(out, n);
	ZSTD_freeCCtx(c);
}

/* --- reading them ------------------------- */

struct source {
	const uint8_t *p;
	size_t n, slice;
	int fail_at_end; /* instead of the end */
};

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct source *s = arg;

	if (s->n == 0 && s->fail_at_end)
		return s->fail_at_end;
	if (n > s->slice)
		n = s->slice;
	if (n > s->n)
		n = s->n;
	memcpy(data, s->p, n);
	s->p += n;
	s->n -= n;
	return (ssize_t)n;
}

/* Read all; the names and contents are appended to *ret_text as name=content; */
static int read_all(struct package_reader *r, struct buf *text, struct kf_error *err)
{
	struct package_entry e;
	char room[100];
	int rc;

	while ((rc = package_next(r, &e, err)) > 0) {
		uint64_t size = 0;
		ssize_t n;

		assert_int_equal(buf_printf(text, "%s=", e.path), 0);
		while ((n = package_read(r, room, sizeof(room), err)) > 0) {
			size += (uint64_t)n;
			assert_int_equal(buf_append(text, room, (size_t)n), 0);
		}
		if (n < 0)
			return (int)n;
		assert_int_equal(size, e.size);
		assert_int_equal(buf_append(text, ";", 1), 0);
	}
	if (rc < 0)
		assert_int_equal(package_next(r, &e, NULL), rc);
	else
		assert_int_equal(package_next(r, &e, NULL), 0);
	return rc;
}

static int read_bytes(const void *data, size_t n, size_t slice, struct buf *text,
		      struct kf_error *err)
{
	struct source s = {data, n, slice, 0};
	struct package_reader *r;
	int rc = package_reader_new(pull, &s, &r, err);

	if (rc < 0)
		return rc;
	rc = read_all(r, text, err);
	package_reader_free(r);
	if (rc == 0)
		assert_int_equal(s.n, 0);
	return rc;
}

static void expect(const struct buf *b, int code, const char *want)
{
	_buf_ struct buf text = BUF_INIT;
	struct kf_error err = {0};

	assert_int_equal(read_bytes(buf_data(b), buf_len(b), 1000, &text, &err), code);
	if (code == 0) {
		assert_string_equal(buf_str(&text), want);
	} else {
		assert_int_equal(err.code, code);
		assert_int_equal(err.reason, KF_REASON_PACKAGE);
		if (!strstr(err.msg, want))
			fail_msg("\"%s\" does not say \"%s\"", err.msg, want);
	}
}

/* --- tests ------------------------- */

static void plain_and_zstd_are_read(void **state)
{
	static const size_t slices[] = {1, 7, 511, 100000};
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT;
	struct kf_error err = {0};

	(void)state;
	make_good(&tar);
	compress(&tar, &packed);
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		_buf_ struct buf a = BUF_INIT, b = BUF_INIT;

		assert_int_equal(
			read_bytes(buf_data(&tar), buf_len(&tar), slices[i], &a, &err),
			0);
		assert_string_equal(buf_str(&a), "manifest=hello;boot/image=kernel;");
		assert_int_equal(read_bytes(buf_data(&packed), buf_len(&packed),
					    slices[i], &b, &err),
				 0);
		assert_string_equal(buf_str(&b), "manifest=hello;boot/image=kernel;");
	}
}

static void padding_is_fine_and_bytes_after_the_end_are_not(void **state)
{
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT;

	(void)state;
	make_good(&tar);
	add_zeros(&tar, 200 * 1024 + 3);
	expect(&tar, 0, "manifest=hello;boot/image=kernel;");
	compress(&tar, &packed);
	expect(&packed, 0, "manifest=hello;boot/image=kernel;");
	assert_int_equal(buf_append(&tar, "x", 1), 0);
	expect(&tar, -EBADMSG, "bytes follow its end");
	assert_int_equal(buf_append(&packed, "x", 1), 0);
	expect(&packed, -EBADMSG, "zstd data is damaged or cut off");
}

static void cut_anywhere_is_refused(void **state)
{
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT;

	(void)state;
	make_good(&tar);
	compress(&tar, &packed);
	for (size_t n = 0; n < buf_len(&tar); n++) {
		_buf_ struct buf text = BUF_INIT;
		struct kf_error err = {0};

		assert_true(read_bytes(buf_data(&tar), n, 4096, &text, &err) < 0);
		assert_int_equal(err.reason, KF_REASON_PACKAGE);
	}
	for (size_t n = 0; n < buf_len(&packed); n++) {
		_buf_ struct buf text = BUF_INIT;
		struct kf_error err = {0};

		assert_true(read_bytes(buf_data(&packed), n, 4096, &text, &err) < 0);
		assert_int_equal(err.reason, KF_REASON_PACKAGE);
	}
}

static void damaged_zstd_is_refused(void **state)
{
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT;
	unsigned refused = 0;

	(void)state;
	make_good(&tar);
	compress(&tar, &packed);
	for (size_t i = 0; i < buf_len(&packed); i++) {
		_buf_ struct buf text = BUF_INIT;
		struct kf_error err = {0};

		packed.data[packed.start + i] ^= 0x10;
		if (read_bytes(buf_data(&packed), buf_len(&packed), 4096, &text, &err) <
		    0)
			refused++;
		else
			assert_string_equal(buf_str(&text),
					    "manifest=hello;boot/image=kernel;");
		packed.data[packed.start + i] ^= 0x10;
	}
	assert_true(refused + 2 >= buf_len(&packed));
}

static void what_is_not_a_plain_file_is_refused(void **state)
{
	static const struct {
		struct spec s;
		const char *why;
	} cases[] = {
		{{"boot/l", '2', 0777, NULL, "/etc/passwd"}, "boot/l: it is a symbolic"},
		{{"boot/l", '1', 0644, NULL, "manifest"}, "boot/l: it is a hard link"},
		{{"boot/d", '3', 0644, NULL, NULL}, "boot/d: it is a device"},
		{{"boot/d", '4', 0644, NULL, NULL}, "boot/d: it is a device"},
		{{"boot/p", '6', 0644, NULL, NULL}, "boot/p: it is a device"},
		{{"boot/s", '0', 04755, "x", NULL}, "boot/s: it has setuid"},
		{{"boot/s", '0', 02755, "x", NULL}, "boot/s: it has setuid"},
		{{"boot/s", '0', 01755, "x", NULL}, "boot/s: it has setuid"},
		{{"/etc/x", '0', 0644, "x", NULL}, "/etc/x: the path is not allowed"},
		{{"../x", '0', 0644, "x", NULL}, "../x: the path is not allowed"},
		{{"a/../../x", '0', 0644, "x", NULL}, "the path is not allowed"},
		{{"boot/../x", '5', 0755, NULL, NULL}, "the path is not allowed"},
		{{"./boot", '5', 0755, NULL, NULL}, "the path is not allowed"},
		{{"a\033[2J", '0', 0644, "x", NULL}, "a\\x1b[2J: the path is not"},
		{{"a\\b", '0', 0644, "x", NULL}, "the path is not allowed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ struct buf tar = BUF_INIT;

		add_entry(&tar, &manifest);
		add_entry(&tar, &cases[i].s);
		add_zeros(&tar, 2 * BLOCK);
		expect(&tar, -EBADMSG, cases[i].why);
	}
}

/* As a whole program would write them: long names need pax or gnu headers. */
static void add_long(struct archive *a, const char *path, size_t size)
{
	struct archive_entry *e = archive_entry_new();

	assert_non_null(e);
	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)size);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(archive_write_data(a, "x", 1), 1);
	archive_entry_free(e);
}

static void write_long(bool gnu, const char *path, size_t size, struct buf *b)
{
	struct archive *a = archive_write_new();
	size_t used = 0, room = 64 * 1024;
	uint8_t *at;

	assert_non_null(a);
	assert_int_equal(buf_reserve(b, room, &at), 0);
	if (gnu)
		archive_write_set_format_gnutar(a);
	else
		archive_write_set_format_pax(a);
	assert_int_equal(archive_write_open_memory(a, at, room, &used), ARCHIVE_OK);
	add_long(a, path, size);
	add_long(a, "boot/last", 0);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	buf_commit(b, used);
}

static void long_names_work_up_to_the_limit(void **state)
{
	char path[LIMIT_PATH + 2];

	(void)state;
	memset(path, 'a', sizeof(path));
	for (size_t i = 50; i < sizeof(path); i += 51)
		path[i] = '/';
	for (unsigned gnu = 0; gnu < 2; gnu++) {
		_buf_ struct buf good = BUF_INIT, bad = BUF_INIT, want = BUF_INIT;

		path[LIMIT_PATH] = '\0';
		write_long(gnu, path, 3, &good);
		assert_int_equal(buf_printf(&want, "%s=xxx;boot/last=;", path), 0);
		expect(&good, 0, buf_str(&want));
		path[LIMIT_PATH] = 'a';
		path[LIMIT_PATH + 1] = '\0';
		write_long(gnu, path, 3, &bad);
		expect(&bad, -EBADMSG, "the path is not allowed");
	}
}

static void sparse_files_are_refused(void **state)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	_buf_ struct buf b = BUF_INIT;
	size_t used = 0, room = 128 * 1024;
	uint8_t *at;

	(void)state;
	assert_int_equal(buf_reserve(&b, room, &at), 0);
	archive_write_set_format_pax(a);
	archive_write_open_memory(a, at, room, &used);
	archive_entry_set_pathname(e, "boot/sparse");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, 65536);
	archive_entry_sparse_add_entry(e, 0, 512);
	archive_entry_sparse_add_entry(e, 32768, 512);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	for (unsigned i = 0; i < 65536; i++)
		assert_int_equal(archive_write_data(a, "x", 1), 1);
	archive_entry_free(e);
	archive_write_close(a);
	archive_write_free(a);
	buf_commit(&b, used);
	expect(&b, -EBADMSG, "boot/sparse: it is a sparse file");
}

static void a_large_file_is_refused_by_its_header(void **state)
{
	_buf_ struct buf tar = BUF_INIT;
	unsigned sum = 0;
	uint8_t *h;

	(void)state;
	add_entry(&tar, &image);
	h = tar.data + tar.start;
	memcpy(h + 124, "77777777777", 11); /* 8 GiB - 1 */
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	expect(&tar, -EBADMSG, "boot/image: it is too large");
}

static void other_formats_are_refused(void **state)
{
	static const char *const odd[] = {"!<arch>\ndebian-binary", "070701",
					  "PK\003\004"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		_buf_ struct buf b = BUF_INIT;

		assert_int_equal(buf_append(&b, odd[i], strlen(odd[i])), 0);
		add_zeros(&b, 4096);
		expect(&b, -EBADMSG, "the package is refused");
	}
}

static void a_zstd_window_over_the_limit_is_refused(void **state)
{
	/* A frame header that asks for a window of 2^27 bytes. */
	static const uint8_t head[] = {0x28, 0xb5,	     0x2f, 0xfd,
				       0x00, (27 - 10) << 3, 0,	   0};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_append(&b, head, sizeof(head)), 0);
	add_zeros(&b, 100);
	expect(&b, -EBADMSG, "over 32 MiB of memory");
}

static void the_failure_of_the_source_is_passed_on(void **state)
{
	static const struct {
		int code, reason;
	} cases[] = {{-EIO, KF_REASON_IO}, {-ECANCELED, KF_REASON_CANCELLED}};
	_buf_ struct buf tar = BUF_INIT;

	(void)state;
	make_good(&tar);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t n = 0; n <= buf_len(&tar); n += 100) {
			struct source s = {buf_data(&tar), n, 100, cases[i].code};
			_buf_ struct buf text = BUF_INIT;
			struct package_reader *r;
			struct kf_error err = {0};
			int rc = package_reader_new(pull, &s, &r, &err);

			if (rc == 0) {
				rc = read_all(r, &text, &err);
				package_reader_free(r);
			}
			assert_int_equal(rc, cases[i].code);
			assert_int_equal(err.code, cases[i].code);
			assert_int_equal(err.reason, cases[i].reason);
		}
	}
}

static void entries_may_be_left_unread(void **state)
{
	_buf_ struct buf tar = BUF_INIT;
	struct package_reader *r;
	struct package_entry e;
	struct kf_error err = {0};
	struct source s;

	(void)state;
	make_good(&tar);
	s = (struct source){buf_data(&tar), buf_len(&tar), 512, 0};
	assert_int_equal(package_reader_new(pull, &s, &r, &err), 0);
	assert_int_equal(package_read(r, &e, 1, &err), 0);
	assert_int_equal(package_next(r, &e, &err), 1);
	assert_int_equal(package_next(r, &e, &err), 1);
	assert_string_equal(e.path, "boot/image");
	assert_int_equal(package_next(r, &e, &err), 0);
	assert_int_equal(package_read(r, &e, 1, &err), 0);
	package_reader_free(r);
}

static void a_descriptor_is_read(void **state)
{
	_buf_ struct buf tar = BUF_INIT, text = BUF_INIT;
	struct package_reader *r;
	struct kf_error err = {0};
	int fd = memfd_create("package", MFD_CLOEXEC);

	(void)state;
	make_good(&tar);
	assert_int_equal(write(fd, buf_data(&tar), buf_len(&tar)), buf_len(&tar));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(package_reader_open_fd(fd, &r, &err), 0);
	assert_int_equal(read_all(r, &text, &err), 0);
	package_reader_free(r);
	assert_string_equal(buf_str(&text), "manifest=hello;boot/image=kernel;");
	assert_int_equal(lseek(fd, 0, SEEK_SET), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_and_zstd_are_read),
		cmocka_unit_test(padding_is_fine_and_bytes_after_the_end_are_not),
		cmocka_unit_test(cut_anywhere_is_refused),
		cmocka_unit_test(damaged_zstd_is_refused),
		cmocka_unit_test(what_is_not_a_plain_file_is_refused),
		cmocka_unit_test(long_names_work_up_to_the_limit),
		cmocka_unit_test(sparse_files_are_refused),
		cmocka_unit_test(a_large_file_is_refused_by_its_header),
		cmocka_unit_test(other_formats_are_refused),
		cmocka_unit_test(a_zstd_window_over_the_limit_is_refused),
		cmocka_unit_test(the_failure_of_the_source_is_passed_on),
		cmocka_unit_test(entries_may_be_left_unread),
		cmocka_unit_test(a_descriptor_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
