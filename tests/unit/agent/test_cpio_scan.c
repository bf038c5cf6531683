/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in initramfs archives of every make, and damaged ones refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/initramfs/cpio_scan.h"
#include "agent/initramfs/decomp.h"
#include "tests/unit/agent/cpio_make.h"

static const char *const microcode[] = {"kernel/", "kernel/x86/",
					"kernel/x86/GenuineIntel.bin", NULL};
static const char *const first[] = {"usr/", "./usr/lib/a.ko", NULL};
static const char *const second[] = {"etc/passwd", NULL};

static int join(void *arg, const char *path)
{
	return buf_printf(arg, "%s ", path);
}

static int scan(const struct buf *b, size_t n, struct buf *names, unsigned *formats)
{
	int fd = cpio_fd(buf_data(b), n);
	int r = cpio_scan(fd, n, NULL, join, names, formats);

	close(fd);
	return r;
}

static void assert_names(const struct buf *b, const char *want, unsigned want_formats)
{
	_buf_ struct buf names = BUF_INIT;
	unsigned formats = 0;

	assert_int_equal(scan(b, buf_len(b), &names, &formats), 0);
	assert_string_equal(buf_str(&names), want);
	assert_int_equal(formats, want_formats);
}

static void reads_each_compression(void **state)
{
	static const struct {
		const char *name;
		unsigned format;
	} filters[] = {{"none", 0},
		       {"zstd", 1u << DECOMP_ZSTD},
		       {"gzip", 1u << DECOMP_GZIP},
		       {"xz", 1u << DECOMP_XZ}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_buf_ struct buf b = BUF_INIT;

		cpio_make(&b, filters[i].name, first);
		assert_names(&b, "usr usr/lib/a.ko ", filters[i].format);
	}
}

static void reads_what_boards_have(void **state)
{
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	/* Early microcode, padding, then compressed members right behind each other, then
	 * a graft: zeros up to a multiple of four and one more. */
	cpio_make(&b, "none", microcode);
	cpio_zeros(&b, 512);
	cpio_make(&b, "zstd", first);
	cpio_make(&b, "gzip", second);
	cpio_zeros(&b, (4 - buf_len(&b) % 4) % 4);
	cpio_make(&b, "xz", second);
	cpio_zeros(&b, 7);
	cpio_make(&b, "none", second);
	assert_names(&b,
		     "kernel kernel/x86 kernel/x86/GenuineIntel.bin usr usr/lib/a.ko "
		     "etc/passwd etc/passwd etc/passwd ",
		     1u << DECOMP_ZSTD | 1u << DECOMP_GZIP | 1u << DECOMP_XZ);
}

static void refuses_every_truncation(void **state)
{
	static const char *const filters[] = {"none", "zstd", "gzip", "xz"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_buf_ struct buf b = BUF_INIT;
		size_t whole, ends = 0;

		cpio_make(&b, filters[i], second);
		whole = buf_len(&b);
		for (size_t n = 1; n < whole; n++) {
			_buf_ struct buf names = BUF_INIT;
			int r = scan(&b, n, &names, NULL);

			ends += r == 0;
			assert_true(r == 0 || r == -EBADMSG);
		}
		/* A plain archive may end between members, or in the padding behind its
		 * last; a compressed one may not. */
		assert_true(i == 0 ? ends < 8 : ends == 0);
	}
}

static void refuses_what_is_no_initramfs(void **state)
{
	_buf_ struct buf names = BUF_INIT;
	_buf_ struct buf b = BUF_INIT, lz4 = BUF_INIT, member = BUF_INIT;
	unsigned formats = 0;
	struct archive *a;

	(void)state;
	assert_int_equal(buf_printf(&b, "hello"), 0);
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EBADMSG);
	buf_reset(&b);
	assert_int_equal(buf_printf(&b, "070701 and so on, which is no header"), 0);
	cpio_zeros(&b, 200);
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EBADMSG);
	assert_int_equal(buf_append(&lz4, "\x02\x21\x4c\x18more", 8), 0);
	assert_int_equal(scan(&lz4, buf_len(&lz4), &names, &formats), -EOPNOTSUPP);
	assert_int_equal(formats, 1u << DECOMP_LZ4);
	/* A compressed member that holds something else. */
	a = archive_write_new();
	archive_write_set_format_raw(a);
	archive_write_add_filter_zstd(a);
	archive_write_open(a, &member, NULL, cpio_make_write, NULL);
	{
		struct archive_entry *e = archive_entry_new();

		archive_entry_set_mode(e, S_IFREG | 0644);
		archive_entry_set_pathname(e, "x");
		archive_write_header(a, e);
		archive_write_data(a, "text", 4);
		archive_entry_free(e);
	}
	archive_write_close(a);
	archive_write_free(a);
	assert_int_equal(scan(&member, buf_len(&member), &names, NULL), -EBADMSG);
	assert_int_equal(buf_len(&names), 0);
	/* Nothing at all is an archive of nothing. */
	assert_int_equal(scan(&b, 0, &names, NULL), 0);
}

static void refuses_names_out_of_bounds(void **state)
{
	_buf_ struct buf names = BUF_INIT;
	_buf_ struct buf b = BUF_INIT;
	uint8_t *p;

	(void)state;
	cpio_make(&b, "none", second);
	p = (uint8_t *)buf_data(&b);
	memcpy(p + 94, "00002000", 8); /* the size of the name */
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EBADMSG);
	memcpy(p + 94, "00000000", 8);
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EBADMSG);
	memcpy(p + 94, "0000000A", 8); /* one short: no terminator */
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EBADMSG);
	memcpy(p + 94, "0000000b", 8);
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), 0);
	memcpy(p + 54, "fffffff0", 8); /* the size of the file */
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EBADMSG);
}

static void refuses_windows_beyond_its_memory(void **state)
{
	/* A frame header that asks for a window of 2^27 bytes. */
	static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00,
					0x88, 0x01, 0,	  0,	0};
	_buf_ struct buf names = BUF_INIT;
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_append(&b, frame, sizeof(frame)), 0);
	assert_int_equal(scan(&b, buf_len(&b), &names, NULL), -EMSGSIZE);
}

static int stop_at_usr(void *arg, const char *path)
{
	(void)arg;
	return strcmp(path, "usr") == 0 ? 42 : 0;
}

static void ends_when_told(void **state)
{
	const atomic_bool yes = true;
	_buf_ struct buf b = BUF_INIT;
	int fd;

	(void)state;
	cpio_make(&b, "zstd", first);
	fd = cpio_fd(buf_data(&b), buf_len(&b));
	assert_int_equal(cpio_scan(fd, buf_len(&b), NULL, stop_at_usr, NULL, NULL), 42);
	assert_int_equal(cpio_scan(fd, buf_len(&b), &yes, stop_at_usr, NULL, NULL),
			 -ECANCELED);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_compression),
		cmocka_unit_test(reads_what_boards_have),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_what_is_no_initramfs),
		cmocka_unit_test(refuses_names_out_of_bounds),
		cmocka_unit_test(refuses_windows_beyond_its_memory),
		cmocka_unit_test(ends_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
