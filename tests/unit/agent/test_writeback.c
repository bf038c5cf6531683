/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files brought to the disk: whole and wrong ones, more than one batch, and a reader that
 * stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/deploy/writeback.h"
#include "proto/base/fs.h"

#define FILES 300

struct board {
	char dir[32];
	int fd;
	struct manifest m;
	uint8_t *data;
};

/* Sizes around what is read at once, what O_DIRECT aligns, and nothing. */
static size_t size_of(size_t i)
{
	static const size_t sizes[] = {0,      1,      511,    4096,  4097,
				       100000, 262144, 262145, 300007};

	return sizes[i % ARRAY_SIZE(sizes)];
}

static void write_file(struct board *b, const char *path, const void *data, size_t n)
{
	_close_ int fd = -1;

	assert_int_equal(fs_mkdirs_parent(b->fd, path), 0);
	fd = fs_open_beneath(b->fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
}

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	/* Not on a tmpfs if it can be: that has no O_DIRECT on old kernels. */
	snprintf(b->dir, sizeof(b->dir), "/var/tmp/kf-writeback-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->fd = fs_open_dir(AT_FDCWD, b->dir);
	assert_true(b->fd >= 0);
	b->data = malloc(size_of(8));
	assert_non_null(b->data);
	for (size_t i = 0; i < FILES; i++) {
		struct digest d;
		char path[64];

		memset(b->data, (int)(i % 251), size_of(i));
		snprintf(path, sizeof(path), "modules/d%zu/m%04zu.ko", i / 100, i);
		write_file(b, path, b->data, size_of(i));
		digest_bytes(b->data, size_of(i), &d);
		assert_int_equal(manifest_add(&b->m, path, 0644, size_of(i), &d), 0);
	}
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	close(b->fd);
	assert_int_equal(fs_remove_tree(AT_FDCWD, b->dir), 0);
	manifest_fini(&b->m);
	free(b->data);
	free(b);
	return 0;
}

static void count(void *arg, uint64_t n)
{
	*(uint64_t *)arg += n;
}

static void all_files_pass(void **state)
{
	struct board *b = *state;
	uint64_t done = 0, total = 0;
	struct writeback *s;
	size_t wrong = 0;

	assert_int_equal(writeback_new(b->fd, &b->m, NULL, &s), 0);
	for (size_t i = 0; i < FILES; i++) {
		writeback_add(s, i);
		total += size_of(i);
	}
	assert_int_equal(writeback_finish(s, count, &done, &wrong), 0);
	assert_int_equal(done, total);
	assert_int_equal(writeback_failed(s, &wrong), 0);
	writeback_free(s);
}

static void nothing_is_done_at_once(void **state)
{
	struct board *b = *state;
	struct writeback *s;
	size_t wrong = 0;

	assert_int_equal(writeback_new(b->fd, &b->m, NULL, &s), 0);
	assert_int_equal(writeback_finish(s, NULL, NULL, &wrong), 0);
	writeback_free(s);
	writeback_free(NULL);
}

static int writeback_all(struct board *b, size_t *ret_wrong)
{
	struct writeback *s;
	int rc;

	assert_int_equal(writeback_new(b->fd, &b->m, NULL, &s), 0);
	for (size_t i = 0; i < FILES; i++)
		writeback_add(s, i);
	rc = writeback_finish(s, NULL, NULL, ret_wrong);
	writeback_free(s);
	return rc;
}

/* Of one size, and not the bytes of the manifest. */
static void other_bytes_are_found(void **state)
{
	static const size_t at[] = {0, 17, 150, FILES - 1};
	struct board *b = *state;

	for (size_t k = 0; k < ARRAY_SIZE(at); k++) {
		size_t i = at[k] + (size_of(at[k]) == 0), wrong = FILES;

		memset(b->data, (int)(i % 251), size_of(i));
		b->data[size_of(i) - 1] ^= 1;
		write_file(b, b->m.files[i].path, b->data, size_of(i));
		assert_int_equal(writeback_all(b, &wrong), -EBADMSG);
		assert_int_equal(wrong, i);
		b->data[size_of(i) - 1] ^= 1;
		write_file(b, b->m.files[i].path, b->data, size_of(i));
	}
}

static void other_size_and_other_things_are_found(void **state)
{
	struct board *b = *state;
	const char *path = b->m.files[5].path;
	size_t wrong = FILES;

	write_file(b, path, b->data, size_of(5) - 1);
	assert_int_equal(writeback_all(b, &wrong), -EBADMSG);
	assert_int_equal(wrong, 5);
	assert_int_equal(unlinkat(b->fd, path, 0), 0);
	assert_int_equal(writeback_all(b, &wrong), -ENOENT);
	assert_int_equal(mkfifoat(b->fd, path, 0600), 0);
	assert_int_equal(writeback_all(b, &wrong), -EBADMSG);
	assert_int_equal(unlinkat(b->fd, path, 0), 0);
	assert_int_equal(symlinkat("m0006.ko", b->fd, path), 0);
	assert_int_equal(writeback_all(b, &wrong), -ELOOP);
}

/* What is wrong shows while others still come. */
static void failure_shows_before_the_end(void **state)
{
	struct board *b = *state;
	struct writeback *s;
	size_t wrong = FILES;
	int rc = 0;

	write_file(b, b->m.files[0].path, "x", 1);
	assert_int_equal(writeback_new(b->fd, &b->m, NULL, &s), 0);
	for (size_t i = 0; i < FILES; i++)
		writeback_add(s, i);
	while (rc == 0)
		rc = writeback_failed(s, &wrong);
	assert_int_equal(rc, -EBADMSG);
	assert_int_equal(wrong, 0);
	writeback_free(s);
}

static void cancel_ends_it(void **state)
{
	struct board *b = *state;
	atomic_bool cancel = true;
	struct writeback *s;
	size_t wrong = 0;

	assert_int_equal(writeback_new(b->fd, &b->m, &cancel, &s), 0);
	for (size_t i = 0; i < FILES; i++)
		writeback_add(s, i);
	assert_int_equal(writeback_finish(s, NULL, NULL, &wrong), -ECANCELED);
	writeback_free(s);
}

/* No thread may be left with files that are not there any more. */
static void freed_in_the_middle(void **state)
{
	struct board *b = *state;
	struct writeback *s;

	assert_int_equal(writeback_new(b->fd, &b->m, NULL, &s), 0);
	for (size_t i = 0; i < FILES; i++)
		writeback_add(s, i);
	writeback_free(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_files_pass),
		T(nothing_is_done_at_once),
		T(other_bytes_are_found),
		T(other_size_and_other_things_are_found),
		T(failure_shows_before_the_end),
		T(cancel_ends_it),
		T(freed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
