/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels from files that are hostile, damaged or wrong: each is refused with its own
 * words, and nothing is left behind. */
#include "tests/lib/controller/place.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

static void refused_deb(struct place *p, const char *control,
			const struct place_entry *list, const char *word,
			const char *word2)
{
	_buf_ struct buf b = BUF_INIT;

	place_deb(p, &b, control, list);
	place_save(p, buf_data(&b), buf_len(&b));
	place_refused(p, word, word2);
}

static void refused_tar(struct place *p, const struct place_entry *list, const char *word,
			const char *word2)
{
	_buf_ struct buf b = BUF_INIT;

	place_tar(p, &b, "zstd", list);
	place_save(p, buf_data(&b), buf_len(&b));
	place_refused(p, word, word2);
}

#define IMAGE_ENTRY                                                                      \
	{                                                                                \
		.path = "boot/vmlinuz-" REL, .data = "IMAGE"                             \
	}

static void test_hostile_entries(void **state)
{
	static const struct {
		struct place_entry e;
		const char *word, *word2;
	} cases[] = {
		{{.path = "../evil", .data = "x"}, "../evil", "path"},
		{{.path = "./lib/modules/../../../evil", .data = "x"}, "evil", "path"},
		{{.path = "/etc/evil", .data = "x"}, "/etc/evil", "path"},
		{{.path = "boot/a\nb", .data = "x"}, "path", ""},
		{{.path = "dev/null", .type = AE_IFCHR}, "dev/null", "device"},
		{{.path = "boot/fifo", .type = AE_IFIFO}, "boot/fifo", "device"},
		{{.path = "usr/bin/su", .data = "x", .perm = 04755},
		 "usr/bin/su",
		 "setuid"},
		{{.path = "usr/bin/wall", .data = "x", .perm = 02755},
		 "usr/bin/wall",
		 "setgid"},
		{{.path = "boot/config-" REL, .hardlink = "boot/vmlinuz-" REL},
		 "boot/config-" REL,
		 "hard link"},
		{{.path = "boot/vmlinuz-6.8.0-other", .data = "IMAGE"},
		 "two kernels",
		 "6.8.0-other"},
		{{.path = "lib/modules/6.8.0-other/a.ko", .data = "x"},
		 "two kernels",
		 "6.8.0-other"},
		{{.path = "lib/modules/-rf/a.ko", .data = "x"}, "-rf", "release"},
		{{.path = "boot/vmlinuz-" REL, .data = "IMAGE"}, "twice", "vmlinuz"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct place_entry list[] = {IMAGE_ENTRY, cases[i].e, {0}};

		refused_tar(*state, list, cases[i].word, cases[i].word2);
		refused_deb(*state, CONTROL, list, cases[i].word, cases[i].word2);
	}
	assert_false(fs_exists(AT_FDCWD, "/tmp/evil"));
}

static void test_no_kernel_in_it(void **state)
{
	static const struct place_entry modules[] = {
		{.path = "lib/modules/" REL "/a.ko", .data = "x"}, {0}};
	static const struct place_entry nothing[] = {
		{.path = "usr/share/doc/x", .data = "x"}, {0}};

	refused_tar(*state, modules, "no kernel", "");
	refused_tar(*state, nothing, "no kernel", "");
	refused_deb(*state, CONTROL, nothing, "no kernel", "linux-image");
	refused_deb(*state, "Package: linux-headers-6.9\nArchitecture: amd64\n", nothing,
		    "kernel headers", "linux-image");
	refused_deb(*state, "Package: linux-image-6.9-dbg\nArchitecture: amd64\n",
		    modules, "debug information", "linux-image");
	refused_deb(*state,
		    "Package: linux-image-amd64\nArchitecture: amd64\n"
		    "Depends: linux-image-6.9-amd64 (= 6.9)\n",
		    nothing, "metapackage", "linux-image-6.9-amd64");
}

static void test_what_does_not_fit_together(void **state)
{
	static const struct place_entry no_modules[] = {
		IMAGE_ENTRY,
		{.path = "boot/config-" REL, .data = "CONFIG_A=y\nCONFIG_MODULES=y\n"},
		{0},
	};
	static const struct place_entry other[] = {
		{.path = "boot/vmlinuz-6.8.0-other", .data = "IMAGE"}, {0}};
	static const struct place_entry no_image[] = {
		{.path = "boot/vmlinuz-" REL, .data = "this is no kernel"}, {0}};
	static const struct place_entry image[] = {IMAGE_ENTRY, {0}};

	refused_tar(*state, no_modules, "no modules", "");
	refused_tar(*state, other, "two kernels", "6.8.0-other");
	refused_tar(*state, no_image, "not a kernel image", "");
	refused_deb(*state, "Package: linux-image-x\nArchitecture: amd64\n", image,
		    "x86_64", "arm64");
}

static void test_cut_debs_and_tarballs(void **state)
{
	struct place *p = *state;
	_buf_ struct buf deb = BUF_INIT, tar = BUF_INIT;

	place_deb(p, &deb, CONTROL, place_good);
	for (size_t n = 1; n < buf_len(&deb); n += 97) {
		place_save(p, buf_data(&deb), n);
		place_refused(p, "", "");
	}
	place_tar(p, &tar, "none", place_good);
	for (size_t n = 512; n <= buf_len(&tar) - 1024; n += 512) {
		place_save(p, buf_data(&tar), n);
		place_refused(p, "", "");
	}
}

static void test_altered_deb(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	uint8_t *at;

	place_deb(p, &b, CONTROL, place_good);
	at = memmem(buf_data(&b), buf_len(&b), "7zXZ", 4);
	assert_non_null(at);
	at[100] ^= 1;
	place_save(p, buf_data(&b), buf_len(&b));
	place_refused(p, "truncated or altered", "");
}

static void test_what_is_no_archive(void **state)
{
	struct place *p = *state;
	struct kf_error err = {0};
	struct kernel *k;

	place_save(p, "", 0);
	place_refused(p, "not a kernel package", "");
	place_save(p, "just text", 9);
	place_refused(p, "not a kernel package", "");
	place_save(p, "\355\253\356\333\003", 5);
	place_refused(p, "RPM", "");
	assert_true(kernel_from_file(p->cfg, p->ui, "/nonexistent/x.deb", &k, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_FOUND);
	assert_true(kernel_from_file(p->cfg, p->ui, p->dir, &k, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
		TEST(test_hostile_entries),
		TEST(test_no_kernel_in_it),
		TEST(test_what_does_not_fit_together),
		TEST(test_cut_debs_and_tarballs),
		TEST(test_altered_deb),
		TEST(test_what_is_no_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
