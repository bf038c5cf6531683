// SPDX-License-Identifier: GPL-2.0-or-later
/* What words mean. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "controller/patch/target.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define DIFF "--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-a\n+b\n"

static char tree[] = "/tmp/kf-target-XXXXXX";

static void put(const char *name, const char *text)
{
	assert_int_equal(fs_replace(AT_FDCWD, name, text, strlen(text), 0644), 0);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(tree));
	assert_int_equal(chdir(tree), 0);
	assert_int_equal(mkdir("drivers", 0755), 0);
	put("drivers/demo.c", "// SPDX-License-Identifier: GPL-2.0\nint x;\n");
	put("-dash.c", "int x;\n");
	put("HEAD", "a file\n");
	put("fix.patch", "");
	put("mail", "From: a@b\nSubject: x\n\ntext\n---\n" DIFF);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	return fs_remove_tree(AT_FDCWD, tree);
}

static void means(const char *word, enum target_kind kind, const char *path)
{
	_target_ struct target t = {0};
	struct kf_error err = {0};

	assert_int_equal(target_find(tree, word, &t, &err), 0);
	assert_int_equal(t.kind, kind);
	if (path)
		assert_string_equal(t.path, path);
}

static void refused(const char *word, const char *why)
{
	struct target t = {0};
	struct kf_error err = {0};

	assert_true(target_find(tree, word, &t, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_USAGE);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s", word, err.msg);
}

static void words(void **state)
{
	(void)state;
	means(NULL, TARGET_CHANGE, NULL);
	means("drivers/demo.c", TARGET_FILE, "drivers/demo.c");
	means("./drivers/../drivers/demo.c", TARGET_FILE, "drivers/demo.c");
	means("drivers/", TARGET_DIR, "drivers");
	means(".", TARGET_DIR, ".");
	means("-dash.c", TARGET_FILE, "-dash.c");
	means("HEAD", TARGET_FILE, "HEAD");
	means("fix.patch", TARGET_PATCH, NULL);
	means("mail", TARGET_PATCH, NULL);
	means("HEAD~3..", TARGET_RANGE, NULL);
	means("v6.1^{}", TARGET_COMMIT, NULL);
}

static void what_means_nothing(void **state)
{
	char longest[5000];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	refused("", "no file");
	refused("-x", "no file");
	refused("two words", "no file");
	refused("new\nline", "no file");
	refused("drivers/demo c", "the nearest is drivers/demo.c");
	refused("/", "not in the tree");
	refused("/dev/null", "neither");
	refused(longest, "at most 4096 bytes");
}

static void patch(const char *text, bool is)
{
	if (target_is_patch(text, strlen(text)) != is)
		fail_msg("%s: not %d", text, is);
}

static void patches_by_their_content(void **state)
{
	(void)state;
	patch(DIFF, true);
	patch("\n\ndiff --git a/a b/a\n", true);
	patch("From 0123 Mon Sep 17 00:00:00 2001\nFrom: a@b\n\n" DIFF, true);
	patch("X-Mailer: x\nSubject: y\n\n" DIFF, true);
	patch("", false);
	patch("int x;\n" DIFF, false);
	patch("# a script\ndiff --git a/a b/a\n", false);
	patch("Title: a text\n\nwithout a diff\n", false);
	patch("--- a\nbut no other\n", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(what_means_nothing),
		cmocka_unit_test(patches_by_their_content),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
