/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is found in modules' files, wherever it stands and however they are packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <zstd.h>

#include "agent/module/modfile.h"
#include "proto/base/fs.h"

#define BIG (600 * 1024)

struct dir {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct dir *d = malloc(sizeof(*d));

	assert_non_null(d);
	snprintf(d->path, sizeof(d->path), "/tmp/kf-modfile-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	d->fd = fs_open_dir(AT_FDCWD, d->path);
	assert_true(d->fd >= 0);
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct dir *d = *state;

	close(d->fd);
	assert_int_equal(fs_remove_tree(AT_FDCWD, d->path), 0);
	free(d);
	return 0;
}

static void put(struct dir *d, const char *name, const void *data, size_t n)
{
	assert_int_equal(fs_replace(d->fd, name, data, n, 0644), 0);
}

static void reads_a_value(void **state)
{
	static const char ko[] =
		"\177ELF license=GPL\0vermagic=6.9.0 SMP mod_unload \0x=y";
	char text[MODFILE_TEXT];
	struct dir *d = *state;

	put(d, "a.ko", ko, sizeof(ko));
	assert_int_equal(modfile_text(d->fd, "a.ko", "vermagic=", text), 0);
	assert_string_equal(text, "6.9.0 SMP mod_unload ");
	assert_int_equal(modfile_text(d->fd, "a.ko", "srcversion=", text), -ENODATA);
	assert_int_equal(modfile_text(d->fd, "b.ko", "vermagic=", text), -ENOENT);
	put(d, "empty.ko", "", 0);
	assert_int_equal(modfile_text(d->fd, "empty.ko", "vermagic=", text), -ENODATA);
	assert_true(modfile_has(d->fd, "a.ko", "x=y", 3));
	assert_false(modfile_has(d->fd, "a.ko", "x=z", 3));
	assert_false(modfile_has(d->fd, "b.ko", "x", 1));
	assert_false(modfile_has(d->fd, "a.ko", "", 0));
}

static void a_value_without_an_end_is_cut(void **state)
{
	_free_ char *ko = malloc(2 * MODFILE_TEXT);
	char text[MODFILE_TEXT];
	struct dir *d = *state;

	assert_non_null(ko);
	memset(ko, 'v', 2 * MODFILE_TEXT);
	memcpy(ko, "key=", 4);
	put(d, "a.ko", ko, 2 * MODFILE_TEXT);
	assert_int_equal(modfile_text(d->fd, "a.ko", "key=", text), 0);
	assert_int_equal(strlen(text), MODFILE_TEXT - 1);
	put(d, "a.ko", "key=at the end", 14);
	assert_int_equal(modfile_text(d->fd, "a.ko", "key=", text), 0);
	assert_string_equal(text, "at the end");
}

/* At every offset around the borders of what is read and kept at once. */
static void finds_it_across_borders(void **state)
{
	static const char value[] = "vermagic=here";
	static const size_t borders[] = {64 * 1024, 128 * 1024, 256 * 1024, BIG - 64};
	_free_ char *ko = malloc(BIG);
	char text[MODFILE_TEXT];
	struct dir *d = *state;

	assert_non_null(ko);
	for (size_t i = 0; i < ARRAY_SIZE(borders); i++) {
		for (size_t at = borders[i] - 16; at < borders[i] + 3; at++) {
			memset(ko, 'x', BIG);
			memcpy(ko + at, value, sizeof(value));
			put(d, "a.ko", ko, BIG);
			assert_int_equal(modfile_text(d->fd, "a.ko", "vermagic=", text),
					 0);
			assert_string_equal(text, "here");
			assert_true(modfile_has(d->fd, "a.ko", value, sizeof(value)));
		}
	}
}

static void unpacks(void **state)
{
	_free_ char *ko = malloc(BIG), *packed = malloc(BIG);
	char text[MODFILE_TEXT];
	struct dir *d = *state;
	size_t n;

	assert_non_null(ko);
	assert_non_null(packed);
	for (size_t i = 0; i < BIG; i++)
		ko[i] = (char)(i * i >> 3);
	memcpy(ko + BIG - 5000, "vermagic=packed", 16);
	n = ZSTD_compress(packed, BIG, ko, BIG, 1);
	assert_false(ZSTD_isError(n));
	put(d, "a.ko.zst", packed, n);
	assert_int_equal(modfile_text(d->fd, "a.ko.zst", "vermagic=", text), 0);
	assert_string_equal(text, "packed");
	put(d, "a.ko.zst", packed, n / 2);
	assert_int_equal(modfile_text(d->fd, "a.ko.zst", "vermagic=", text), -EBADMSG);
	put(d, "a.ko.lz4", "\002\041\114\030 vermagic=x", 16);
	assert_int_equal(modfile_text(d->fd, "a.ko.lz4", "vermagic=", text), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(reads_a_value),
		T(a_value_without_an_end_is_cut),
		T(finds_it_across_borders),
		T(unpacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
