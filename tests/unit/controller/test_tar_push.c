/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tar of a push: readable whatever the level does meanwhile, patches among its files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kernel/contents.h"
#include "proto/base/fs.h"
#include "proto/package.h"
#include "proto/patch.h"

#define FILES 6
#define SMALL ((size_t)300 * 1024)
#define LARGE ((size_t)3 * 1024 * 1024) /* together they are worth several workers */

struct place {
	char dir[64];
	struct kernel *k;
	unsigned asked, patch_asked;
	size_t patched; /* index of the file that goes as a patch; FILES: none */
	bool fixed;
};

static void make(struct place *p, size_t size)
{
	_contents_ struct contents c = {0};
	_free_ char *data = malloc(size);
	struct kf_error err = {0};

	assert_non_null(data);
	assert_int_equal(kernel_new(&p->k, &err), 0);
	for (unsigned i = 0; i < FILES; i++) {
		char path[128], name[32];

		for (size_t j = 0; j < size; j++)
			data[j] = (char)('a' + (j * j / 7 + i * j) % 19);
		snprintf(path, sizeof(path), "%s/%u", p->dir, i);
		snprintf(name, sizeof(name), "boot/%u", i);
		assert_int_equal(fs_replace(AT_FDCWD, path, data, size, 0644), 0);
		assert_int_equal(contents_add(&c, name, path, &err), 0);
	}
	p->k->manifest.release = strdup("6.9.0");
	p->k->manifest.arch = strdup("x86_64");
	p->k->manifest.image = strdup("boot/0");
	if (contents_seal(&c, p->k, &err) < 0)
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/kf-tar-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->patched = FILES;
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	kernel_free(p->k);
	assert_int_equal(fs_remove_tree(AT_FDCWD, p->dir), 0);
	free(p);
	return 0;
}

static int level(void *arg)
{
	static const int levels[] = {3, -100, 7, 1, 19, -5};
	struct place *p = arg;

	return p->fixed ? 5 : levels[p->asked++ % ARRAY_SIZE(levels)];
}

static int patch(void *arg, size_t i, struct buf *out, struct kf_error *err)
{
	struct place *p = arg;

	(void)err;
	p->patch_asked++;
	if (i != p->patched)
		return 0;
	for (unsigned j = 0; j < 20000; j++)
		assert_int_equal(buf_append(out, &j, sizeof(j)), 0);
	return 1;
}

static int sink(void *arg, const void *data, size_t n)
{
	return buf_append(arg, data, n);
}

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct buf *b = arg;

	if (n > buf_len(b))
		n = buf_len(b);
	memcpy(data, buf_data(b), n);
	buf_consume(b, n);
	return (ssize_t)n;
}

/* Every wanted file is there, and is as its manifest says. */
static void check(struct place *p, struct buf *tar, const uint8_t *want)
{
	struct package_reader *r;
	struct package_entry e;
	struct kf_error err = {0};
	unsigned seen = 0, wanted = 0;
	int rc;

	assert_int_equal(package_reader_new(pull, tar, &r, &err), 0);
	while ((rc = package_next(r, &e, &err)) > 0) {
		bool is_patch = strncmp(e.path, PATCH_MEMBER, 6) == 0;
		ssize_t i = manifest_find(&p->k->manifest, e.path + (is_patch ? 6 : 0));
		_free_ uint8_t *data = malloc(e.size);
		struct digest d;
		uint64_t n = 0;
		ssize_t got;

		assert_true(i >= 0 && want[0] & 1u << i);
		assert_int_equal(is_patch, (size_t)i == p->patched);
		while ((got = package_read(r, data + n, e.size - n, &err)) > 0)
			n += (uint64_t)got;
		assert_int_equal(n, e.size);
		digest_bytes(data, n, &d);
		if (!is_patch)
			assert_true(digest_equal(&d, &p->k->manifest.files[i].digest));
		seen++;
	}
	if (rc < 0)
		fail_msg("%s", err.msg);
	package_reader_free(r);
	for (unsigned i = 0; i < FILES; i++)
		wanted += want[0] >> i & 1;
	assert_int_equal(seen, wanted);
}

static void write_and_check(struct place *p, uint8_t want)
{
	const struct kernel_push push = {.want = &want,
					 .patch = patch,
					 .level = level,
					 .adapts = !p->fixed,
					 .arg = p};
	_buf_ struct buf out = BUF_INIT;
	struct kf_error err = {0};
	uint64_t done = 0, bytes = 0;

	if (kernel_write_push(p->k, &push, sink, &out, &done, &err) < 0)
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < FILES; i++)
		bytes += want >> i & 1 ? p->k->manifest.files[i].size : 0;
	assert_int_equal(done, bytes);
	check(p, &out, &want);
}

static void the_level_may_change_all_the_time(void **state)
{
	static const size_t sizes[] = {SMALL, LARGE};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		kernel_free(p->k);
		make(p, sizes[i]);
		p->asked = 0;
		write_and_check(p, 0x3f);
		assert_true(p->asked > 5);
		write_and_check(p, 0x12);
	}
}

static void a_patch_stands_among_the_files(void **state)
{
	struct place *p = *state;

	make(p, SMALL);
	for (p->patched = 0; p->patched < FILES; p->patched++)
		write_and_check(p, 0x3f);
	p->patched = 2;
	p->fixed = true;
	write_and_check(p, 0x3f);
	p->patch_asked = 0;
	write_and_check(p, 0x04);
	assert_int_equal(p->patch_asked, 1);
}

static void a_file_that_changed_is_an_error(void **state)
{
	struct place *p = *state;
	const uint8_t want = 0x3f;
	const struct kernel_push push = {
		.want = &want, .patch = patch, .level = level, .arg = p};
	_buf_ struct buf out = BUF_INIT;
	struct kf_error err = {0};
	char path[128];

	make(p, SMALL);
	snprintf(path, sizeof(path), "%s/3", p->dir);
	assert_int_equal(truncate(path, 100), 0);
	assert_true(kernel_write_push(p->k, &push, sink, &out, NULL, &err) < 0);
	assert_non_null(strstr(err.msg, "changed while"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_level_may_change_all_the_time),
		T(a_patch_stands_among_the_files),
		T(a_file_that_changed_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
