/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each profile of boards/ says what a board's kernel needs, and the lab's has it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/config/config.h"
#include "controller/kernel/require.h"
#include "proto/base/fs.h"

#define PROFILES "boards" /* tests run in the top directory */
#define LAB	 "tests/lab/small-vm"
#define MAX	 (1u << 20)

static struct config *config;

static int load(void **state)
{
	const struct config_paths paths = {"/nonexistent", "", PROFILES};
	struct kf_error err = {0};

	(void)state;
	if (config_load(&paths, &config, &err) < 0)
		fail_msg("%s", err.msg);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

/* Calls check() with the option words of each line of kernel.require. */
static unsigned each_line(const char *profile, bool (*check)(const char *word, void *arg),
			  void *arg)
{
	_free_ char *lines = config_profile_value(config, profile, "kernel.require");
	char *rest = lines;
	unsigned n = 0;

	if (!lines)
		fail_msg("%s has no kernel.require", profile);
	for (char *line; (line = strsep(&rest, "\n"));) {
		_free_ char **words = NULL;

		assert_int_equal(config_words(line, &words), 0);
		if (!words[0])
			continue;
		if (!words[1])
			fail_msg("%s: %s: what for?", profile, line);
		n += check(words[0], arg);
	}
	return n;
}

/* All alternatives are built in, and have one of the endings. */
static bool built_in(const char *word, void *arg)
{
	_free_ char *copy = strdup(word);
	const char *const *ends = arg;
	char *rest = copy;

	for (char *one; (one = strsep(&rest, "|"));) {
		bool fits = false;

		for (size_t i = 0; ends[i]; i++) {
			size_t n = strlen(ends[i]), len = strlen(one);

			fits = fits || (len > n && strcmp(one + len - n, ends[i]) == 0);
		}
		if (!fits)
			return false;
	}
	return true;
}

static bool reads(const char *word, void *arg)
{
	char why[200];

	(void)arg;
	if (require_line(word, "", why) == -EINVAL)
		fail_msg("%s cannot be read", word);
	return true;
}

static void each_says_what_a_kernel_needs(void **state)
{
	static const char *const keys[] = {
		"profile.description", "build.arch",	  "build.image",
		"watchdog.device",     "watchdog.starts", "timeout.reboot",
		"timeout.confirm",     "timeout.install", "kernel.initramfs",
	};
	const char *const watchdogs[] = {"_WDT=y", "_WATCHDOG=y", "_TCO=y", NULL};
	const char *const pstores[] = {"_PSTORE=y", "_PSTORE_RAM=y", NULL};
	_free_ char **names = NULL;

	(void)state;
	assert_int_equal(config_profiles(config, &names), 0);
	assert_non_null(names[0]);
	for (char **p = names; *p; p++) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			_free_ char *v = config_profile_value(config, *p, keys[i]);

			if (!v)
				fail_msg("%s does not say %s", *p, keys[i]);
		}
		assert_true(each_line(*p, reads, NULL) > 0);
		if (each_line(*p, built_in, (void *)watchdogs) == 0)
			fail_msg("%s requires no watchdog's driver built in", *p);
		if (each_line(*p, built_in, (void *)pstores) == 0)
			fail_msg("%s requires no pstore built in", *p);
	}
}

static bool holds(const char *word, void *arg)
{
	char why[200];
	int r = require_line(word, arg, why);

	if (r != 0)
		fail_msg("%s: %s", word, r == -ENOENT ? why : "cannot be read");
	return true;
}

static void the_labs_kernel_has_it(void **state)
{
	static const struct {
		const char *profile, *fragment;
	} lab[] = {{"qemu-x86-64", LAB ".x86_64.config"},
		   {"qemu-arm64", LAB ".arm64.config"},
		   {"x86-64", LAB ".x86_64.config"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lab); i++) {
		_buf_ struct buf text = BUF_INIT;

		assert_int_equal(fs_read_file(AT_FDCWD, LAB ".config", MAX, &text), 0);
		assert_int_equal(fs_read_file(AT_FDCWD, lab[i].fragment, MAX, &text), 0);
		assert_true(each_line(lab[i].profile, holds, (void *)buf_str(&text)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_says_what_a_kernel_needs),
		cmocka_unit_test(the_labs_kernel_has_it),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
