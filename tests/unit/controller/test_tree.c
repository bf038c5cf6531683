/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel trees in a scratch directory: found from within, from their object tree, refused
 * elsewhere; the words for make; a makefile that answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static const char makefile[] =
	"kernelrelease:\n\t@echo $(if $(RELEASE),$(RELEASE),6.9.0-$(ARCH))\n"
	"image_name:\n\t@echo arch/$(ARCH)/boot/bzImage\n"
	"words:\n\t@echo $(MAKEFLAGS) cross=$(CROSS_COMPILE) llvm=$(LLVM) w=$(W)\n"
	"broken:\n\t@echo this is why >&2; exit 3\n";

static void write_text(const char *dir, const char *name, const char *text)
{
	_free_ char *path = strf("%s/%s", dir, name);

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

struct place {
	char dir[64];
	char *src, *obj;
	struct config *cfg;
};

static int setup(void **state)
{
	static const char *const files[] = {"Kbuild", "Kconfig", "scripts/Makefile.build",
					    "init/main.c"};
	struct place *p = calloc(1, sizeof(*p));
	_free_ char *link = NULL;

	snprintf(p->dir, sizeof(p->dir), "/tmp/kf-tree-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->src = strf("%s/linux", p->dir);
	p->obj = strf("%s/obj", p->dir);
	for (size_t i = 0; i < 4; i++)
		write_text(p->src, files[i], "");
	write_text(p->src, "Makefile", makefile);
	write_text(p->obj, ".config",
		   "#\n# Automatically generated file; DO NOT EDIT.\n"
		   "# Linux/x86 6.9.0 Kernel Configuration\n#\n"
		   "CONFIG_X86_64=y\nCONFIG_MODULES=y\n# CONFIG_FOO is not set\n");
	link = strf("%s/source", p->obj);
	if (symlink(p->src, link) < 0)
		return -1;
	setenv("KFERRY_CACHE", p->dir, 1);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	config_free(p->cfg);
	(void)!fs_remove_tree(AT_FDCWD, p->dir);
	free(p->src);
	free(p->obj);
	free(p);
	return 0;
}

static struct tree *open_tree(struct place *p, const char *dir, const char *const keys[],
			      struct kf_error *err)
{
	struct config_paths paths = {.user_file = "/nonexistent",
				     .tree_dir = dir,
				     .profile_dir = "/nonexistent"};
	struct tree *t = NULL;

	config_free(p->cfg);
	p->cfg = NULL;
	assert_int_equal(config_load(&paths, &p->cfg, err), 0);
	for (size_t i = 0; keys && keys[i]; i += 2)
		assert_int_equal(config_override(p->cfg, keys[i], keys[i + 1], err), 0);
	if (tree_open(p->cfg, NULL, &t, err) < 0)
		return NULL;
	return t;
}

static void test_found_from_within_and_from_the_objects(void **state)
{
	struct place *p = *state;
	_free_ char *within = strf("%s/scripts", p->src);
	_free_ char *src = NULL;
	_free_ char *obj = NULL;

	assert_true(tree_is_kernel(p->src));
	assert_false(tree_is_kernel(p->obj));
	assert_int_equal(tree_find(within, &src, &obj), 0);
	assert_string_equal(src, p->src);
	assert_string_equal(obj, p->src);
	free(src);
	free(obj);
	src = obj = NULL;
	assert_int_equal(tree_find(p->obj, &src, &obj), 0);
	assert_string_equal(src, p->src);
	assert_string_equal(obj, p->obj);
}

static void test_elsewhere_is_no_tree(void **state)
{
	struct place *p = *state;
	char *src, *obj;

	assert_int_equal(tree_find(p->dir, &src, &obj), -ENOENT);
	assert_int_equal(tree_find("/nonexistent", &src, &obj), -ENOENT);
}

static void test_not_configured_says_what_to_do(void **state)
{
	struct kf_error err = {0};
	struct tree *t = open_tree(*state, ((struct place *)*state)->src, NULL, &err);

	assert_non_null(t);
	assert_true(tree_check_config(t, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_CONFIG);
	assert_non_null(strstr(err.msg, ".config"));
	assert_non_null(strstr(err.msg, "defconfig"));
	tree_free(t);
}

static void test_words_for_make(void **state)
{
	struct place *p = *state;
	const char *const keys[] = {
		"build.output",	     p->obj,	   "build.cross_compile",
		"x86_64-linux-gnu-", "build.llvm", "1",
		"build.extra",	     "W=1 V=2",	   NULL};
	const char *const words[] = {"-j3", "bzImage", NULL};
	struct kf_error err = {0};
	struct tree *t = open_tree(p, p->src, keys, &err);
	_free_ char **argv = NULL;
	_free_ char *o = strf("O=%s", p->obj);
	const char *const want[] = {
		"make",	  o,	 "ARCH=x86", "CROSS_COMPILE=x86_64-linux-gnu-",
		"LLVM=1", "W=1", "V=2",	     "-j3",
		"bzImage"};

	assert_non_null(t);
	assert_string_equal(t->arch, "x86_64");
	assert_int_equal(tree_check_config(t, &err), 0);
	assert_true(tree_config_is_set(t, "CONFIG_MODULES"));
	assert_false(tree_config_is_set(t, "CONFIG_FOO"));
	assert_false(tree_config_is_set(t, "CONFIG_MOD"));
	argv = tree_argv(t, words);
	assert_non_null(argv);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(argv[i], want[i]);
	assert_null(argv[ARRAY_SIZE(want)]);
	tree_free(t);
}

static void test_another_architectures_config_is_refused(void **state)
{
	struct place *p = *state;
	const char *const keys[] = {"build.output", p->obj, "build.arch", "arm64", NULL};
	struct kf_error err = {0};

	assert_null(open_tree(p, p->src, keys, &err));
	assert_int_equal(err.reason, KF_REASON_CONFIG);
	assert_non_null(strstr(err.msg, "x86_64"));
	assert_non_null(strstr(err.msg, "arm64"));
}

static void test_the_makefile_answers(void **state)
{
	struct place *p = *state;
	struct kf_error err = {0};
	struct tree *t = open_tree(p, p->src, NULL, &err);
	_free_ char *release = NULL;
	_free_ char *image = NULL;

	assert_non_null(t);
	assert_int_equal(tree_release(t, &release, &err), 0);
	assert_string_equal(release, "6.9.0-x86");
	assert_true(tree_image(t, p->cfg, NULL, &image, &err) < 0);
	assert_non_null(strstr(err.msg, "arch/x86/boot/bzImage"));
	write_text(p->src, "arch/x86/boot/bzImage", "x");
	assert_int_equal(tree_image(t, p->cfg, NULL, &image, &err), 0);
	tree_free(t);
}

static void test_a_release_that_is_none(void **state)
{
	struct place *p = *state;
	const char *const keys[] = {"build.extra", "RELEASE=../../etc", NULL};
	struct kf_error err = {0};
	struct tree *t = open_tree(p, p->src, keys, &err);
	char *release;

	assert_non_null(t);
	assert_true(tree_release(t, &release, &err) < 0);
	assert_non_null(strstr(err.msg, "../../etc"));
	tree_free(t);
}

static void test_an_outer_makes_flags_stay_out(void **state)
{
	struct place *p = *state;
	const char *const words[] = {"-s", "words", NULL};
	struct kf_error err = {0};
	struct tree *t = open_tree(p, p->src, NULL, &err);
	_buf_ struct buf out = BUF_INIT;

	assert_non_null(t);
	setenv("MAKEFLAGS", "n -- CROSS_COMPILE=evil-", 1);
	assert_int_equal(tree_make(t, words, 30000, &out, &err), 0);
	unsetenv("MAKEFLAGS");
	assert_null(strstr(buf_str(&out), "evil"));
	assert_non_null(strstr(buf_str(&out), "cross="));
	tree_free(t);
}

static void test_failure_tells_the_last_line(void **state)
{
	struct place *p = *state;
	const char *const words[] = {"-s", "broken", NULL};
	struct kf_error err = {0};
	struct tree *t = open_tree(p, p->src, NULL, &err);
	_buf_ struct buf out = BUF_INIT;

	assert_non_null(t);
	assert_true(tree_make(t, words, 30000, &out, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_BUILD);
	tree_free(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found_from_within_and_from_the_objects),
		TEST(test_elsewhere_is_no_tree),
		TEST(test_not_configured_says_what_to_do),
		TEST(test_words_for_make),
		TEST(test_another_architectures_config_is_refused),
		TEST(test_the_makefile_answers),
		TEST(test_a_release_that_is_none),
		TEST(test_an_outer_makes_flags_stay_out),
		TEST(test_failure_tells_the_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
