/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels from files: a .deb, a tarball and our own package made here are taken, and read
 * right. */
#include "tests/lib/controller/place.h"

#include <fcntl.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static void check_file(const struct kernel *k, const char *path, const char *data)
{
	ssize_t i = manifest_find(&k->manifest, path);
	_buf_ struct buf b = BUF_INIT;

	if (i < 0)
		fail_msg("%s is missing", path);
	if (!data)
		return;
	assert_int_equal(fs_read_file(AT_FDCWD, k->source[i], 1 << 20, &b), 0);
	assert_string_equal(buf_str(&b), data);
}

static void check_good(const struct kernel *k)
{
	assert_string_equal(k->manifest.release, REL);
	assert_string_equal(k->manifest.arch, "arm64");
	assert_string_equal(k->manifest.banner, BANNER);
	assert_string_equal(k->manifest.image, "boot/image");
	assert_int_equal(strspn(k->manifest.build_id, "ab"), 40);
	assert_true(k->manifest.has_config_digest);
	check_file(k, "boot/image", NULL);
	check_file(k, "boot/System.map", "0 T _text\n");
	check_file(k, "dtbs/vendor/board.dtb", "dtb");
	check_file(k, "modules/" REL "/kernel/a.ko", "module a");
	check_file(k, "modules/" REL "/modules.dep", NULL);
	assert_int_equal(manifest_find(&k->manifest, "modules/" REL "/build"), -1);
	for (size_t i = 0; i < k->manifest.n_files; i++) {
		assert_null(strstr(k->manifest.files[i].path, "doc"));
		assert_null(strstr(k->manifest.files[i].path, "etc"));
		assert_int_equal(k->manifest.files[i].mode, 0644);
	}
	assert_int_equal(k->boot_bytes, 1024 + 3);
}

static void test_deb(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	place_deb(p, &b, CONTROL, place_good);
	place_save(p, buf_data(&b), buf_len(&b));
	k = place_take(p);
	check_good(k);
	kernel_free(k);
	place_is_empty(p);
}

static void test_tarballs_by_each_compression(void **state)
{
	static const char *const filters[] = {"none", "gzip", "bzip2", "xz", "zstd"};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_buf_ struct buf b = BUF_INIT;
		struct kernel *k;

		place_tar(p, &b, filters[i], place_good);
		place_save(p, buf_data(&b), buf_len(&b));
		k = place_take(p);
		check_good(k);
		kernel_free(k);
	}
}

static void test_everything_below_usr_lib_modules(void **state)
{
	static const struct place_entry list[] = {
		{.path = "usr/lib/modules/" REL "/vmlinuz", .data = "IMAGE"},
		{.path = "usr/lib/modules/" REL "/kernel/a.ko", .data = "a"},
		{0},
	};
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	place_tar(p, &b, "zstd", list);
	place_save(p, buf_data(&b), buf_len(&b));
	k = place_take(p);
	check_file(k, "boot/image", NULL);
	assert_int_equal(manifest_find(&k->manifest, "modules/" REL "/vmlinuz"), -1);
	kernel_free(k);
}

/* A link into another place, then a file through it: the link is not made. */
static void test_a_link_is_not_followed(void **state)
{
	struct place *p = *state;
	_free_ char *target = strf("%s/outside", p->dir);
	_free_ char *through = strf("%s/outside/x", p->dir);
	const struct place_entry list[] = {
		{.path = "boot/vmlinuz-" REL, .data = "IMAGE"},
		{.path = "lib/modules/" REL "/kernel", .type = AE_IFLNK, .link = target},
		{.path = "lib/modules/" REL "/kernel/x", .data = "x"},
		{0},
	};
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_mkdirs(AT_FDCWD, target), 0);
	place_tar(p, &b, "zstd", list);
	place_save(p, buf_data(&b), buf_len(&b));
	kernel_free(place_take(p));
	assert_false(fs_exists(AT_FDCWD, through));
}

static void make_package(struct place *p, struct buf *out, char slot[SLOT_ID_SIZE])
{
	struct kf_error err = {0};
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	place_deb(p, &b, CONTROL, place_good);
	place_save(p, buf_data(&b), buf_len(&b));
	k = place_take(p);
	memcpy(slot, k->slot, SLOT_ID_SIZE);
	assert_int_equal(kernel_write_tar(k, NULL, true, 3, place_sink, out, NULL, &err),
			 0);
	kernel_free(k);
}

static void test_package_there_and_back(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	char slot[SLOT_ID_SIZE];
	struct kernel *k;

	make_package(p, &b, slot);
	place_save(p, buf_data(&b), buf_len(&b));
	k = place_take(p);
	check_good(k);
	assert_string_equal(k->slot, slot);
	kernel_free(k);
	place_is_empty(p);
}

/* What is wrong at its end is known only when the first files are on their way. */
static void test_cut_package_never_ends_a_push(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT, out = BUF_INIT;
	struct kf_error err = {0};
	struct kernel *k = NULL;
	char slot[SLOT_ID_SIZE];
	uint8_t want[64] = {1}; /* the first file */
	int r;

	make_package(p, &b, slot);
	place_save(p, buf_data(&b), buf_len(&b) - 1);
	r = kernel_from_file(p->cfg, p->ui, p->file, &k, &err);
	if (r == 0)
		r = kernel_write_tar(k, want, false, 1, place_sink, &out, NULL, &err);
	assert_true(r < 0);
	assert_int_equal(err.reason, KF_REASON_PACKAGE);
	assert_non_null(strstr(err.msg, p->file));
	kernel_free(k);
	place_is_empty(p);
}

static void test_package_cut_and_altered(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	char slot[SLOT_ID_SIZE];
	size_t n;

	make_package(p, &b, slot);
	n = buf_len(&b);
	for (size_t cut = 1; cut < n; cut += n / 23) {
		place_save(p, buf_data(&b), n - cut);
		place_refused(p, "", "");
	}
	for (size_t at = 0; at < n; at += 1 + n / 41) {
		struct kf_error err = {0};
		struct kernel *k = NULL;

		b.data[b.start + at] ^= 0x40;
		place_save(p, buf_data(&b), n);
		/* What is still taken is the same package, bit for bit. */
		if (kernel_from_file(p->cfg, p->ui, p->file, &k, &err) == 0 &&
		    kernel_whole(k, &err) == 0)
			assert_string_equal(k->slot, slot);
		kernel_free(k);
		b.data[b.start + at] ^= 0x40;
	}
	place_is_empty(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
		TEST(test_deb),
		TEST(test_tarballs_by_each_compression),
		TEST(test_everything_below_usr_lib_modules),
		TEST(test_a_link_is_not_followed),
		TEST(test_package_there_and_back),
		TEST(test_cut_package_never_ends_a_push),
		TEST(test_package_cut_and_altered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
