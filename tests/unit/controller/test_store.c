/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store of configurations: whole or not there, and what is foreign is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kconfig/store.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static const char one[] = "# Linux/x86 6.9.0 Kernel Configuration\nCONFIG_A=y\n";
static const char two[] = "CONFIG_A=m\n";

struct place {
	char top[64];
	char *dir;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->top, sizeof(p->top), "/tmp/kf-store-XXXXXX");
	if (!mkdtemp(p->top))
		return -1;
	p->dir = strf("%s/data/kconfigs", p->top);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	int r = fs_remove_tree(AT_FDCWD, p->top);

	free(p->dir);
	free(p);
	return r;
}

static int save(struct place *p, const char *name, const char *text, bool replace,
		struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(buf_append(&b, text, strlen(text)), 0);
	assert_int_equal(kconf_parse(text, strlen(text), name, &k, err), 0);
	return store_save(p->dir, name, "what it is for", "/src/.config", &k, &b, replace,
			  err);
}

static void has(struct place *p, const char *name, const char *text)
{
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};

	if (store_get(p->dir, name, &b, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&b), text);
}

static void put(struct place *p, const char *name, const char *text)
{
	_free_ char *path = strf("%s/%s", p->dir, name);

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void test_saved_is_got_back(void **state)
{
	_cleanup_(store_list_fini) struct store_list l = {0};
	struct place *p = *state;
	struct kf_error err = {0};

	assert_int_equal(store_list(p->dir, &l, &err), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(save(p, "one", one, false, &err), 0);
	assert_int_equal(save(p, "b+2~x.y", two, false, &err), 0);
	has(p, "one", one);
	has(p, "b+2~x.y", two);
	assert_int_equal(store_list(p->dir, &l, &err), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.entries[0].name, "b+2~x.y");
	assert_string_equal(l.entries[1].name, "one");
	assert_string_equal(l.entries[1].description, "what it is for");
	assert_string_equal(l.entries[1].origin, "/src/.config");
	assert_string_equal(l.entries[1].arch, "x86");
	assert_string_equal(l.entries[1].release, "6.9.0");
	assert_int_equal(l.entries[1].bytes, strlen(one));
	assert_true(l.entries[1].saved > 0);
	assert_null(l.entries[1].trouble);
}

static void test_replaced_only_when_asked(void **state)
{
	_cleanup_(store_list_fini) struct store_list l = {0};
	struct place *p = *state;
	struct kf_error err = {0};

	assert_int_equal(save(p, "one", one, false, &err), 0);
	assert_int_equal(save(p, "one", two, false, &err), -EEXIST);
	assert_int_equal(err.reason, KF_REASON_EXISTS);
	has(p, "one", one);
	assert_int_equal(save(p, "one", two, true, &err), 0);
	has(p, "one", two);
	assert_int_equal(save(p, "new", two, true, &err), 0);
	assert_int_equal(store_list(p->dir, &l, &err), 0);
	/* Nothing of the one before is left. */
	assert_int_equal(l.n, 2);
}

static void test_removed(void **state)
{
	_cleanup_(store_list_fini) struct store_list l = {0};
	struct place *p = *state;
	struct kf_error err = {0};

	assert_int_equal(save(p, "one", one, false, &err), 0);
	assert_int_equal(save(p, "two", two, false, &err), 0);
	assert_int_equal(store_remove(p->dir, "one", &err), 0);
	assert_int_equal(store_remove(p->dir, "one", &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NOT_FOUND);
	assert_int_equal(store_list(p->dir, &l, &err), 0);
	assert_int_equal(l.n, 1);
	has(p, "two", two);
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"",
		".",
		"..",
		".hidden",
		"-f",
		"a/b",
		"../a",
		"a b",
		"a\nb",
		"a\x1b",
		"\xc3\xa4",
		"0123456789012345678901234567890123456789012345678901234567890123456"};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_buf_ struct buf b = BUF_INIT;
		struct kf_error err = {0};

		assert_int_equal(save(p, "x", one, true, &err), 0);
		assert_true(save(p, bad[i], one, false, &err) < 0);
		assert_int_equal(err.reason, KF_REASON_USAGE);
		assert_true(store_get(p->dir, bad[i], &b, &err) < 0);
		assert_true(store_remove(p->dir, bad[i], &err) < 0);
		assert_int_equal(err.reason, KF_REASON_USAGE);
		assert_false(shelf_has(p->dir, bad[i]));
	}
	has(p, "x", one);
}

static void test_descriptions(void **state)
{
	_free_ char *large = malloc(STORE_DESCRIPTION_MAX + 2);
	struct kf_error err = {0};

	(void)state;
	memset(large, 'x', STORE_DESCRIPTION_MAX + 1);
	large[STORE_DESCRIPTION_MAX + 1] = '\0';
	assert_true(store_check_description(large, &err) < 0);
	large[STORE_DESCRIPTION_MAX] = '\0';
	assert_int_equal(store_check_description(large, &err), 0);
	assert_true(store_check_description("two\nlines", &err) < 0);
	assert_true(store_check_description("\x1b[31m", &err) < 0);
	assert_int_equal(store_check_description("Grüße", &err), 0);
}

static void is_trouble(struct place *p, const char *name, const char *word)
{
	_cleanup_(store_list_fini) struct store_list l = {0};
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};
	bool seen = false;

	assert_int_equal(store_list(p->dir, &l, &err), 0);
	for (size_t i = 0; i < l.n; i++) {
		if (strcmp(l.entries[i].name, name) != 0)
			continue;
		seen = true;
		assert_non_null(l.entries[i].trouble);
		if (!strstr(l.entries[i].trouble, word))
			fail_msg("%s: %s", name, l.entries[i].trouble);
	}
	assert_true(seen);
	assert_true(store_get(p->dir, name, &b, &err) < 0);
}

static void test_half_written_and_foreign_are_told(void **state)
{
	struct place *p = *state;
	struct kf_error err = {0};
	_free_ char *path = NULL, *fifo = NULL, *link = NULL;

	assert_int_equal(save(p, "good", one, false, &err), 0);
	put(p, "only-config/config", one);
	put(p, "a-file", "hello");
	put(p, ".new-abc123/config", one);
	put(p, "odd name/config", one);
	put(p, "no-json/config", one);
	put(p, "no-json/info.json", "{\"version\": 1, \"digest\": ");
	put(p, "other-json/config", one);
	put(p, "other-json/info.json", "{\"version\": 1, \"digest\": 7}");
	assert_int_equal(save(p, "cut", one, false, &err), 0);
	put(p, "cut/config", "CONFIG_");
	assert_int_equal(save(p, "no-config", one, false, &err), 0);
	path = strf("%s/no-config/config", p->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(save(p, "fifo", one, false, &err), 0);
	fifo = strf("%s/fifo/config", p->dir);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	link = strf("%s/link", p->dir);
	assert_int_equal(symlink("good", link), 0);

	is_trouble(p, "only-config", "info.json");
	is_trouble(p, "a-file", "directory");
	is_trouble(p, "link", "directory");
	is_trouble(p, ".new-abc123", "interrupted");
	is_trouble(p, "odd name", "name");
	is_trouble(p, "no-json", "half there");
	is_trouble(p, "other-json", "half there");
	is_trouble(p, "cut", "not the one that was saved");
	is_trouble(p, "no-config", "no file config");
	is_trouble(p, "fifo", "no file config");
	has(p, "good", one);
	/* And those that have a name can be removed. */
	assert_int_equal(store_remove(p->dir, "cut", &err), 0);
	assert_int_equal(store_remove(p->dir, "only-config", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_saved_is_got_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced_only_when_asked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test(test_descriptions),
		cmocka_unit_test_setup_teardown(test_half_written_and_foreign_are_told,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
