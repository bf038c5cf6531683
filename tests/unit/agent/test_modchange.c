/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading and unloading.  A scratch root has no kernel of its own:
 * tests/lib/fake-modprobe stands for modprobe and the kernel's loader; orders, refusals
 * and what is told are ours.
 */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/module/modchange.h"
#include "agent/module/modsource.h"
#include "agent/slot/shown.h"
#include "agent/trial/early.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define RELEASE "6.9.0-test"
#define DIR	"lib/modules/" RELEASE "/kernel/"

static void module(struct scratch *s, const char *name, const char *info, size_t n)
{
	char path[96];

	snprintf(path, sizeof(path), DIR "%s.ko", name);
	scratch_write(s, path, info, n);
}

static void put(struct scratch *s, const char *path, const char *text)
{
	scratch_write(s, path, text, strlen(text));
}

#define MODULE(s, name, info) module(s, name, info, sizeof(info))

static int set_up(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));
	_buf_ struct buf program = BUF_INIT;
	_free_ char *path = NULL;

	assert_non_null(s);
	scratch_new(s);
	assert_int_equal(
		fs_read_file(AT_FDCWD, "tests/lib/fake-modprobe", 1 << 20, &program), 0);
	scratch_write(s, "sbin/modprobe", buf_data(&program), buf_len(&program));
	path = agent_path(&s->a, "/sbin/modprobe");
	assert_int_equal(chmod(path, 0755), 0);
	put(s, "dev/kmsg", "");
	put(s, "proc/modules", "");
	*state = s;
	return 0;
}

/* low <- mid <- top, and low <- other */
static int set_up_tower(void **state)
{
	struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s;

	set_up(state);
	s = *state;
	MODULE(s, "low", "says=low comes\0srcversion=1");
	MODULE(s, "mid", "needs=low\0says=mid comes");
	MODULE(s, "top", "needs=mid");
	MODULE(s, "other", "needs=low");
	assert_int_equal(modchange_load(&s->a, "top", NULL, 0, &c, &err), 0);
	modchange_fini(&c);
	assert_int_equal(modchange_load(&s->a, "other", NULL, 0, &c, &err), 0);
	modchange_fini(&c);
	put(s, "fake/calls", "");
	return 0;
}

static int tear_down(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

static void expect_file(struct scratch *s, const char *path, const char *want)
{
	_free_ char *is = scratch_read(s, path);

	assert_string_equal(is, want);
}

static void expect_names(char **v, size_t n, const char *want)
{
	char text[256] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			 i ? " " : "", v[i]);
	assert_string_equal(text, want);
}

static void loads_with_parameters(void **state)
{
	static char *params[] = {(char *)"debug=1", (char *)"dyndbg=file a.c +p"};
	_modchange_ struct modchange c = {0}, again = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	MODULE(s, "low", "says=hello");
	MODULE(s, "my_mod", "needs=low\0says=hello");
	if (modchange_load(&s->a, "my-mod", params, 2, &c, &err) < 0)
		fail_msg("%s", err.msg);
	expect_names(c.loaded, c.n_loaded, "low my_mod");
	assert_int_equal(c.n_unloaded, 0);
	expect_file(s, "fake/calls", "my-mod debug=1 dyndbg=file a.c +p\n");
	/* What is there is there; other parameters need a reload. */
	assert_int_equal(modchange_load(&s->a, "my_mod", NULL, 0, &again, &err), 0);
	assert_int_equal(again.n_loaded, 0);
	assert_int_equal(modchange_load(&s->a, "my_mod", params, 1, &again, &err),
			 -EEXIST);
	assert_int_equal(err.reason, KF_REASON_EXISTS);
}

static void what_does_not_load(void **state)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;
	_free_ char *path = agent_path(&s->a, "/sbin/modprobe");

	MODULE(s, "bad", "fails=Unknown symbol in module");
	assert_true(modchange_load(&s->a, "bad", NULL, 0, &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_MODULE);
	assert_non_null(strstr(err.msg, "Unknown symbol in module"));
	assert_true(modchange_load(&s->a, "nosuch", NULL, 0, &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_FOUND);
	assert_non_null(strstr(err.msg, "nosuch not found"));
	assert_int_equal(unlink(path), 0);
	assert_true(modchange_load(&s->a, "bad", NULL, 0, &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_EXEC);
	assert_non_null(strstr(err.msg, "the board has no modprobe"));
}

static void unloads(void **state)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	assert_int_equal(modchange_unload(&s->a, "top", &c, &err), 0);
	expect_names(c.unloaded, c.n_unloaded, "top");
	expect_file(s, "fake/loaded", "other\nmid\nlow\n");
}

static void refuses_to_unload(struct scratch *s, const char *name, int reason,
			      const char *why)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	_free_ char *before = scratch_read(s, "fake/loaded"), *after = NULL;

	assert_true(modchange_unload(&s->a, name, &c, &err) < 0);
	assert_int_equal(err.reason, reason);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
	after = scratch_read(s, "fake/loaded");
	assert_string_equal(before, after);
}

static void says_why_not(void **state)
{
	struct scratch *s = *state;

	refuses_to_unload(s, "low", KF_REASON_MODULE_IN_USE, "it is used by");
	refuses_to_unload(s, "low", KF_REASON_MODULE_IN_USE, "mid");
	refuses_to_unload(s, "nosuch", KF_REASON_NOT_FOUND, "is not loaded");
	put(s, "sys/module/built_in/uevent", "");
	refuses_to_unload(s, "built-in", KF_REASON_NOT_FOUND, "built into the kernel");
	put(s, "fake/users-top", "2");
	put(s, "proc/modules",
	    "top 4096 2 - Live 0x0\nkeeps 4096 1 [permanent], Live 0x0\n"
	    "counts 4096 - - Live 0x0\n");
	refuses_to_unload(s, "top", KF_REASON_MODULE_IN_USE, "2 users");
	refuses_to_unload(s, "keeps", KF_REASON_MODULE_IN_USE, "no way to end");
	refuses_to_unload(s, "counts", KF_REASON_MODULE_IN_USE, "CONFIG_MODULE_UNLOAD");
	expect_file(s, "fake/calls", "");
}

static void reloads_with_what_uses_it(void **state)
{
	static char *params[] = {(char *)"debug=1"};
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	if (modchange_reload(&s->a, "low", params, 1, &c, &err) < 0)
		fail_msg("%s", err.msg);
	expect_file(s, "fake/calls",
		    "-r other\n-r top\n-r mid\n-r low\nlow debug=1\nmid\ntop\nother\n");
	assert_int_equal(c.n_unloaded, 4);
	expect_names(c.loaded, c.n_loaded, "low mid top other");
	expect_file(s, "fake/loaded", "other\ntop\nmid\nlow\n");
}

static void reload_of_what_is_not_loaded_loads(void **state)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	MODULE(s, "low", "says=hello");
	assert_int_equal(modchange_reload(&s->a, "low", NULL, 0, &c, &err), 0);
	assert_int_equal(c.n_unloaded, 0);
	expect_names(c.loaded, c.n_loaded, "low");
}

/* Somebody far up is busy: nothing is unloaded at all. */
static void a_reload_that_cannot_be_is_not_begun(void **state)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	put(s, "proc/modules",
	    "other 1 0 - Live 0x0\ntop 1 1 - Live 0x0\n"
	    "mid 1 1 top, Live 0x0\nlow 1 2 mid,other, Live 0x0\n");
	assert_true(modchange_reload(&s->a, "low", NULL, 0, &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_MODULE_IN_USE);
	assert_non_null(strstr(err.msg, "top cannot be unloaded"));
	assert_non_null(strstr(err.msg, "1 user:"));
	expect_file(s, "fake/calls", "");
}

static void a_reload_that_stops_is_taken_back(void **state)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	put(s, "fake/stuck-mid", "");
	assert_true(modchange_reload(&s->a, "low", NULL, 0, &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_MODULE_IN_USE);
	assert_non_null(strstr(err.msg, "unload mid: "));
	assert_non_null(strstr(err.msg, "is in use"));
	assert_null(strstr(err.msg, "not loaded any more"));
	expect_file(s, "fake/loaded", "other\ntop\nmid\nlow\n");
}

static void a_new_one_that_does_not_load(void **state)
{
	_modchange_ struct modchange c = {0};
	struct kf_error err = {0};
	struct scratch *s = *state;

	MODULE(s, "low", "fails=Exec format error");
	assert_true(modchange_reload(&s->a, "low", NULL, 0, &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_MODULE);
	assert_non_null(strstr(err.msg, "Exec format error"));
	assert_non_null(strstr(err.msg, "not loaded any more: other, top, mid, low"));
}

/* --- whose file it was -------------------------------------------------------------- */

static void kernel_with(struct kernel *k, const char *version)
{
	kernel_init(k, RELEASE, 'a');
	snprintf(k->files[3].data, sizeof(k->files[3].data), "srcversion=%s", version);
	k->files[3].size = 0;
	kernel_finish(k);
}

static void expect_source(struct scratch *s, const char *name, const char *want)
{
	struct modsource *src = NULL;

	assert_int_equal(modsource_new(&s->a, &src), 0);
	assert_string_equal(modsource_of(src, name), want);
	modsource_free(src);
}

static void knows_whose_file_it_was(void **state)
{
	struct trip t = {.modules_only = true};
	struct shown_change c;
	struct kf_error err = {0};
	struct scratch *s = *state;
	struct kernel x, y;
	char note[36] = "\4\0\0\0\24\0\0\0\3\0\0\0GNU\0";

	expect_source(s, "b", "");
	kernel_with(&x, "AAAA");
	kernel_with(&y, "BBBB");
	scratch_install(s, &x);
	scratch_boot(s, &x);
	assert_int_equal(early_run(s->root, false), 0);
	expect_source(s, "b", x.id);
	expect_source(s, "c", "");
	assert_int_equal(scratch_deploy(s, &y, &t), 0);
	assert_int_equal(shown_switch(&s->a, y.id, &c, &err), 0);
	put(s, "sys/module/b/srcversion", "AAAA\n");
	expect_source(s, "a", x.id);
	expect_source(s, "b", x.id);
	put(s, "sys/module/b/srcversion", "BBBB\n");
	expect_source(s, "b", y.id);
	put(s, "sys/module/b/srcversion", "CCCC\n");
	expect_source(s, "b", "");
	/* A build-id says more. */
	memcpy(note + 16, "srcversion=BBBB", 15);
	scratch_write(s, "sys/module/b/notes/.note.gnu.build-id", note, 31);
	expect_source(s, "b", y.id);
	kernel_fini(&x);
	kernel_fini(&y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define U(f) cmocka_unit_test_setup_teardown(f, set_up_tower, tear_down)
		T(loads_with_parameters),
		T(what_does_not_load),
		U(unloads),
		U(says_why_not),
		U(reloads_with_what_uses_it),
		T(reload_of_what_is_not_loaded_loads),
		U(a_reload_that_cannot_be_is_not_begun),
		U(a_reload_that_stops_is_taken_back),
		U(a_new_one_that_does_not_load),
		T(knows_whose_file_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
