/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manifests: what parses is given back byte for byte; everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/manifest.h"
#include "proto/reason.h"

#define D1    "1111111111111111111111111111111111111111111111111111111111111111"
#define D2    "2222222222222222222222222222222222222222222222222222222222222222"
#define HEAD  "kferry-manifest 1\nrelease 6.18.0-rc3\narch x86_64\nimage boot/image\n"
#define IMAGE "file 0644 12345 " D1 " boot/image\n"
#define FULL                                                                             \
	HEAD "build-id 5f0c\nbanner Linux version 6.18.0-rc3 (me@desk) #1 SMP\n"         \
	     "config-digest " D2 "\ncommit 0123abcd\nbranch main/next\ndirty\n" IMAGE    \
	     "file 0755 0 " D2 " modules/6.18.0-rc3/a b.ko\n"                            \
	     "file 0644 4294967296 " D1 " modules/6.18.0-rc3/kernel/x.ko\n"

static int parse(const char *text, struct manifest *m, struct kf_error *err)
{
	return manifest_parse(text, strlen(text), m, err);
}

static void a_full_one_is_read(void **state)
{
	_manifest_ struct manifest m = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(parse(FULL, &m, &err), 0);
	assert_string_equal(m.release, "6.18.0-rc3");
	assert_string_equal(m.arch, "x86_64");
	assert_string_equal(m.image, "boot/image");
	assert_string_equal(m.build_id, "5f0c");
	assert_string_equal(m.banner, "Linux version 6.18.0-rc3 (me@desk) #1 SMP");
	assert_string_equal(m.commit, "0123abcd");
	assert_string_equal(m.branch, "main/next");
	assert_true(m.dirty && m.has_config_digest);
	assert_int_equal(m.config_digest.b[31], 0x22);
	assert_int_equal(m.n_files, 3);
	assert_int_equal(m.files[1].mode, 0755);
	assert_int_equal(m.files[2].size, 4294967296);
	assert_int_equal(m.total_size, 4294967296 + 12345);
	assert_int_equal(manifest_find(&m, "boot/image"), 0);
	assert_int_equal(manifest_find(&m, "modules/6.18.0-rc3/kernel/x.ko"), 2);
	assert_int_equal(manifest_find(&m, "boot/imag"), -1);
	assert_int_equal(manifest_find(&m, "boot/image2"), -1);
	assert_int_equal(manifest_find(&m, ""), -1);
}

static void what_parses_is_given_back(void **state)
{
	static const char *const texts[] = {FULL, HEAD IMAGE, HEAD "dirty\n" IMAGE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_manifest_ struct manifest m = {0};
		_buf_ struct buf b = BUF_INIT;
		struct kf_error err = {0};

		assert_int_equal(parse(texts[i], &m, &err), 0);
		assert_int_equal(manifest_emit(&m, &b, &err), 0);
		assert_string_equal(buf_str(&b), texts[i]);
	}
}

static const char *const bad[] = {
	"",
	"\n",
	"kferry-manifest 2\n",
	"kferry-manifest 1 \n",
	"kferry-manifest 1",
	HEAD,
	HEAD "file 0644 12345 " D1 " boot/image",
	HEAD IMAGE "\n",
	HEAD IMAGE "x",
	HEAD IMAGE IMAGE,
	HEAD IMAGE "dirty\n",
	HEAD "dirty \n" IMAGE,
	HEAD "dirty x\n" IMAGE,
	HEAD "dirty\ndirty\n" IMAGE,
	HEAD "colour red\n" IMAGE,
	HEAD "branch\n" IMAGE,
	HEAD "branch \n" IMAGE,
	HEAD "branch main \n" IMAGE,
	HEAD "branch ma\tin\n" IMAGE,
	HEAD "branch ma\377in\n" IMAGE,
	HEAD "branch main\ncommit ab\n" IMAGE,
	HEAD "build-id 5F\n" IMAGE,
	HEAD "build-id 5f0\n" IMAGE,
	HEAD "config-digest 11\n" IMAGE,
	HEAD "commit main\n" IMAGE,
	HEAD "file 0644 12345 " D1 " boot/other\n",
	HEAD IMAGE "file 0644 1 " D1 " boot/a\n",
	HEAD IMAGE "file 0644 1 " D1 " boot/image/x\n",
	HEAD IMAGE "file 0644 1 " D1 " boot/image-1\nfile 0644 1 " D1 " boot/image/x\n",
	HEAD IMAGE "file 0644 1 " D1 " bootx/a\n",
	HEAD IMAGE "file 0644 1 " D1 " etc/passwd\n",
	HEAD IMAGE "file 0644 1 " D1 " modules/6.18.0/a\n",
	HEAD IMAGE "file 0644 1 " D1 " modules/6.18.0-rc3\n",
	HEAD IMAGE "file 0644 1 " D1 " boot/../../x\n",
	HEAD IMAGE "file 0644 1 " D1 " /boot/x\n",
	HEAD IMAGE "file 0644 1 " D1 " boot/x \n",
	HEAD IMAGE "file 0644 1 " D1 " \n",
	HEAD IMAGE "file 0644 1 " D1 "\n",
	HEAD IMAGE "file 0644 01 " D1 " boot/x\n",
	HEAD IMAGE "file 0644 -1 " D1 " boot/x\n",
	HEAD IMAGE "file 0644  " D1 " boot/x\n",
	HEAD IMAGE "file 0644 4294967297 " D1 " boot/x\n",
	HEAD IMAGE "file 0644 18446744073709551617 " D1 " boot/x\n",
	HEAD IMAGE "file 4755 1 " D1 " boot/x\n",
	HEAD IMAGE "file 644 1 " D1 " boot/x\n",
	HEAD IMAGE "file 0644 1 1" D1 " boot/x\n",
	HEAD IMAGE "FILE 0644 1 " D1 " boot/x\n",
	"kferry-manifest 1\narch x86_64\nimage boot/image\n" IMAGE,
	"kferry-manifest 1\nrelease ../x\narch x86_64\nimage boot/image\n" IMAGE,
	"kferry-manifest 1\nrelease 6\narch x/y\nimage boot/image\n" IMAGE,
	"kferry-manifest 1\nrelease 6\nimage boot/image\narch arm\n" IMAGE,
	"kferry-manifest 1\nrelease 6\narch arm\nimage dtbs/x\nfile 0644 1 " D1
	" dtbs/x\n",
};

static void all_else_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct manifest m = {.n_files = 77};
		struct kf_error err = {0};

		assert_int_equal(parse(bad[i], &m, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_MANIFEST);
		assert_int_equal(m.n_files, 77);
	}
}

static void a_nul_is_refused_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < strlen(FULL); i++) {
		struct manifest m = {0};
		struct kf_error err;
		char text[] = FULL;

		text[i] = '\0';
		assert_int_equal(manifest_parse(text, strlen(FULL), &m, &err), -EINVAL);
	}
}

static void the_error_names_the_line(void **state)
{
	struct kf_error err = {0};
	struct manifest m = {0};

	(void)state;
	assert_int_equal(parse(HEAD IMAGE "file 0600 1 " D1 " boot/x\n", &m, &err),
			 -EINVAL);
	assert_string_equal(err.msg,
			    "manifest line 6: the mode is neither 0644 nor 0755");
	assert_int_equal(parse("kferry-manifest 1\nrelease 6\n", &m, &err), -EINVAL);
	assert_string_equal(err.msg, "manifest line 3: \"arch\" is missing");
}

static void too_many_bytes_are_refused(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct manifest m = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(buf_printf(&b, HEAD IMAGE), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			buf_printf(&b, "file 0644 4294967296 " D1 " boot/x%u\n", i), 0);
	assert_int_equal(manifest_parse(buf_data(&b), buf_len(&b), &m, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "line 9: the package is too large"));
}

/* A small valid one, ready to be emitted. */
static void build(struct manifest *m)
{
	struct digest d;

	memset(&d, 0x11, sizeof(d));
	*m = (struct manifest){
		.release = strdup("6.18.0-rc3"),
		.arch = strdup("x86_64"),
		.image = strdup("boot/image"),
	};
	assert_int_equal(manifest_add(m, "boot/image", 0644, 12345, &d), 0);
}

static void built_ones_are_sorted(void **state)
{
	static const char want[] =
		HEAD "file 0644 1 " D1 " boot/a\n" IMAGE "file 0755 1 " D1 " dtbs/z\n";
	_manifest_ struct manifest m;
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};
	struct digest d;

	(void)state;
	memset(&d, 0x11, sizeof(d));
	build(&m);
	assert_int_equal(manifest_add(&m, "dtbs/z", 0755, 1, &d), 0);
	assert_int_equal(manifest_add(&m, "boot/a", 0644, 1, &d), 0);
	assert_int_equal(m.total_size, 12347);
	assert_int_equal(manifest_emit(&m, &b, &err), 0);
	assert_string_equal(buf_str(&b), want);
}

static void emit_refuses_what_parse_would(void **state)
{
	static const char *const odd_branches[] = {"main\ndirty", "", "x ", "\001"};
	struct digest d = {{0}};
	struct kf_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_branches); i++) {
		_manifest_ struct manifest m;
		_buf_ struct buf b = BUF_INIT;

		build(&m);
		m.branch = strdup(odd_branches[i]);
		assert_int_equal(manifest_emit(&m, &b, &err), -EINVAL);
		assert_int_equal(buf_len(&b), 0);
	}
	for (unsigned i = 0; i < 5; i++) {
		static const char *const paths[] = {"boot/image", "boot/image/x",
						    "boot/a\nb", "etc/x", "boot/y"};
		_manifest_ struct manifest m;
		_buf_ struct buf b = BUF_INIT;

		build(&m);
		assert_int_equal(manifest_add(&m, paths[i], i == 4 ? 0600 : 0644, 1, &d),
				 0);
		assert_int_equal(manifest_emit(&m, &b, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_MANIFEST);
	}
}

static void one_without_a_head_or_files_is_not_emitted(void **state)
{
	_manifest_ struct manifest m;
	struct manifest none = {0};
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err;

	(void)state;
	assert_int_equal(manifest_emit(&none, &b, &err), -EINVAL);
	build(&m);
	free(m.image);
	m.image = strdup("boot/else");
	assert_int_equal(manifest_emit(&m, &b, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "boot/else is not among its files"));
}

static void additions_have_limits(void **state)
{
	_manifest_ struct manifest m = {0};
	struct digest d = {{0}};

	(void)state;
	assert_int_equal(manifest_add(&m, "boot/a", 0644, LIMIT_PACKAGE_SIZE, &d), 0);
	assert_int_equal(manifest_add(&m, "boot/b", 0644, 1, &d), -EFBIG);
	assert_int_equal(manifest_add(&m, "boot/b", 0644, UINT64_MAX, &d), -EFBIG);
	for (unsigned i = 1; i < LIMIT_FILES; i++)
		assert_int_equal(manifest_add(&m, "boot/c", 0644, 0, &d), 0);
	assert_int_equal(manifest_add(&m, "boot/c", 0644, 0, &d), -E2BIG);
}

static void slots_and_machines_have_names(void **state)
{
	struct digest d = {{0x3f, 0x9a, 0x1c, 0x2b, 0x99}};
	char id[SLOT_ID_SIZE];

	(void)state;
	manifest_slot_id(&d, id);
	assert_string_equal(id, "k-3f9a1c2b");
	assert_string_equal(manifest_arch_of_machine("aarch64"), "arm64");
	assert_string_equal(manifest_arch_of_machine("armv7l"), "arm");
	assert_string_equal(manifest_arch_of_machine("x86_64"), "x86_64");
	assert_string_equal(manifest_arch_of_machine("i686"), "i386");
	assert_string_equal(manifest_arch_of_machine("riscv64"), "riscv");
	assert_string_equal(manifest_arch_of_machine("loongarch64"), "loongarch64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_one_is_read),
		cmocka_unit_test(what_parses_is_given_back),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(a_nul_is_refused_everywhere),
		cmocka_unit_test(the_error_names_the_line),
		cmocka_unit_test(too_many_bytes_are_refused),
		cmocka_unit_test(built_ones_are_sorted),
		cmocka_unit_test(emit_refuses_what_parse_would),
		cmocka_unit_test(one_without_a_head_or_files_is_not_emitted),
		cmocka_unit_test(additions_have_limits),
		cmocka_unit_test(slots_and_machines_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
