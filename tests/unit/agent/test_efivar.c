/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EFI variables as files, and the strings in them. */
#include "agent/boot/efi/efivar.h"
#include "tests/lib/board.h"

#define NAME EFIVAR_LOADER("LoaderEntryOneShot")

static void writes_the_bytes_that_firmware_wants(void **state)
{
	static const uint8_t want[] = {7, 0,   0, 0,   't', 0,	 '.', 0, 'c',
				       0, 'o', 0, 'n', 0,   'f', 0,   0, 0};
	_buf_ struct buf raw = BUF_INIT;
	_free_ char *s = NULL;
	struct board b;

	(void)state;
	board_init(&b);
	assert_int_equal(efivar_write_string(b.fd, NAME, "a longer one.conf"), 0);
	assert_int_equal(efivar_write_string(b.fd, NAME, "t.conf"), 0);
	assert_int_equal(fs_read_file(b.fd, NAME, 1000, &raw), 0);
	assert_int_equal(buf_len(&raw), sizeof(want));
	assert_memory_equal(buf_data(&raw), want, sizeof(want));
	assert_int_equal(efivar_read_string(b.fd, NAME, &s), 0);
	assert_string_equal(s, "t.conf");
	assert_int_equal(efivar_remove(b.fd, NAME), 0);
	assert_int_equal(efivar_remove(b.fd, NAME), 0);
	assert_false(fs_exists(b.fd, NAME));
	board_fini(&b);
}

static void reads_attributes_apart(void **state)
{
	_buf_ struct buf v = BUF_INIT;
	uint32_t attrs = 0;
	struct board b;

	(void)state;
	board_init(&b);
	put_bytes(&b, "x", "\6\0\0\1ab", 6);
	assert_int_equal(efivar_read(b.fd, "x", &attrs, &v), 0);
	assert_int_equal(attrs, 0x01000006);
	assert_int_equal(buf_len(&v), 2);
	/* What a refused write leaves, and what nothing should. */
	put_bytes(&b, "empty", "", 0);
	assert_int_equal(efivar_read(b.fd, "empty", NULL, &v), -ENOENT);
	put_bytes(&b, "short", "\7\0\0", 3);
	assert_int_equal(efivar_read(b.fd, "short", NULL, &v), -EBADMSG);
	assert_int_equal(efivar_read(b.fd, "none", NULL, &v), -ENOENT);
	board_fini(&b);
}

static void refused_write_leaves_nothing(void **state)
{
	struct board b;
	_free_ char *big = calloc(1, EFIVAR_MAX);

	(void)state;
	board_init(&b);
	assert_int_equal(efivar_write(b.fd, NAME, 7, big, EFIVAR_MAX), -EINVAL);
	assert_int_equal(efivar_write(b.fd, NAME, 7, big, 0), -EINVAL);
	assert_int_equal(efivar_write_string(b.fd, NAME, "\xc3\xa4"), -EINVAL);
	assert_false(fs_exists(b.fd, NAME));
	/* A directory in its place: the write fails. */
	assert_int_equal(mkdirat(b.fd, "dir", 0755), 0);
	assert_true(efivar_write_string(b.fd, "dir", "x") < 0);
	board_fini(&b);
}

static void decode(const char *bytes, size_t n, int want, const char *text)
{
	_free_ char *s = NULL;

	assert_int_equal(efivar_utf16_decode(bytes, n, &s), want);
	if (want == 0)
		assert_string_equal(s, text);
	else
		assert_null(s);
}

static void decodes_utf16(void **state)
{
	(void)state;
	decode("a\0b\0", 4, 0, "ab");
	decode("a\0\0\0b\0", 6, 0, "a");
	decode("", 0, 0, "");
	decode("\xe4\0\xac\x20", 4, 0, "\xc3\xa4\xe2\x82\xac");
	decode("\x3d\xd8\x00\xde", 4, 0, "\xf0\x9f\x98\x80");
	decode("a\0b", 3, -EILSEQ, NULL);
	decode("\x3d\xd8", 2, -EILSEQ, NULL);
	decode("\x3d\xd8\x61\0", 4, -EILSEQ, NULL);
	decode("\x00\xde", 2, -EILSEQ, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_bytes_that_firmware_wants),
		cmocka_unit_test(reads_attributes_apart),
		cmocka_unit_test(refused_write_leaves_nothing),
		cmocka_unit_test(decodes_utf16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
