/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole deploys on a scratch board: what is sent, made and changed. */
#include "tests/lib/scratch.h"

#include <string.h>

#include "agent/slot/slot.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static void test_full(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.extra = "quiet panic=3"};
	struct kernel k;
	_free_ char *image = NULL, *cmdline = NULL;
	char path[64];

	kernel_make(&k, 'a');
	if (scratch_deploy(s, &k, &t) < 0)
		fail_msg("%s", t.err.msg);
	assert_false(t.installed);
	assert_false(t.have_manifest);
	assert_int_equal(t.wanted, 4);
	assert_int_equal(scratch_state(s, k.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	image = scratch_read(s, kernel_path(&k, "slots", "boot/image"));
	assert_string_equal(image, "image a");
	assert_false(scratch_has(s, kernel_path(&k, "staging", "")));
	snprintf(path, sizeof(path), "firmware/cmdline-%s", k.id);
	cmdline = scratch_read(s, path);
	assert_non_null(strstr(cmdline, "root=/dev/vda1 quiet oops=panic"));
	assert_non_null(strstr(cmdline, " quiet panic=3 kferry.slot="));
	assert_null(strstr(cmdline, "BOOT_IMAGE"));
	assert_null(strstr(cmdline, "panic=10"));
	kernel_fini(&k);
}

static void test_modes(void **state)
{
	struct scratch *s = *state;
	struct kernel k;

	kernel_init(&k, "6.9.0-test", 'a');
	k.files[1].mode = 0755;
	kernel_finish(&k);
	scratch_install(s, &k);
	assert_int_equal(scratch_mode(s, SCRATCH_VAR), 0755);
	assert_int_equal(scratch_mode(s, SCRATCH_VAR "slots"), 0755);
	assert_int_equal(scratch_mode(s, SCRATCH_VAR "staging"), 0700);
	assert_int_equal(scratch_mode(s, SCRATCH_VAR "boots"), 0700);
	assert_int_equal(scratch_mode(s, SCRATCH_VAR "state"), 0600);
	assert_int_equal(scratch_mode(s, SCRATCH_VAR "lock"), 0600);
	assert_int_equal(scratch_mode(s, kernel_path(&k, "slots", "")), 0755);
	assert_int_equal(scratch_mode(s, kernel_path(&k, "slots", "manifest")), 0644);
	assert_int_equal(scratch_mode(s, kernel_path(&k, "slots", "slot.conf")), 0644);
	assert_int_equal(scratch_mode(s, kernel_path(&k, "slots", "boot/image")), 0755);
	assert_int_equal(scratch_mode(s, kernel_path(&k, "slots", "boot/config")), 0644);
	kernel_fini(&k);
}

static void test_incremental_links(void **state)
{
	struct scratch *s = *state;
	const char *same = "modules/6.9.0-test/kernel/a.ko";
	struct trip t = {0};
	struct kernel a, b;
	ino_t inode;

	kernel_make(&a, 'a');
	kernel_make(&b, 'b');
	scratch_install(s, &a);
	inode = scratch_inode(s, kernel_path(&a, "slots", same));
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 2); /* the image and b.ko */
	assert_int_equal(scratch_inode(s, kernel_path(&b, "slots", same)), inode);
	kernel_fini(&a);
	kernel_fini(&b);
}

/* Linking would give both slots one mode, and one of them the wrong one. */
static void test_other_mode_is_copied(void **state)
{
	struct scratch *s = *state;
	const char *same = "modules/6.9.0-test/kernel/a.ko";
	struct trip t = {0};
	struct kernel a, b;

	kernel_make(&a, 'a');
	kernel_init(&b, "6.9.0-test", 'b');
	b.files[2].mode = 0755;
	kernel_finish(&b);
	scratch_install(s, &a);
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 2);
	assert_int_equal(scratch_mode(s, kernel_path(&a, "slots", same)), 0644);
	assert_int_equal(scratch_mode(s, kernel_path(&b, "slots", same)), 0755);
	kernel_fini(&a);
	kernel_fini(&b);
}

static void test_wrong_size_in_slot_is_sent(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel a, b;

	kernel_make(&a, 'a');
	kernel_make(&b, 'b');
	scratch_install(s, &a);
	scratch_write(s, kernel_path(&a, "slots", "modules/6.9.0-test/kernel/a.ko"), "x",
		      1);
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 3);
	kernel_fini(&a);
	kernel_fini(&b);
}

/* Not even a directory is made in a slot that lost one. */
static void test_sources_are_only_read(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel a, b;
	char path[64];

	kernel_make(&a, 'a');
	kernel_make(&b, 'b');
	scratch_install(s, &a);
	snprintf(path, sizeof(path), "slots/%s/modules", a.id);
	assert_int_equal(fs_remove_tree(s->a.state_fd, path), 0);
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_false(scratch_has(s, kernel_path(&a, "slots", "modules")));
	kernel_fini(&a);
	kernel_fini(&b);
}

static void test_again_is_nothing(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;
	_free_ char *calls = NULL, *later = NULL;

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	calls = scratch_read(s, "firmware/calls");
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_true(t.installed);
	assert_true(t.already);
	later = scratch_read(s, "firmware/calls");
	assert_string_equal(later + strlen(calls), "probe\n");
	/* The slot's own kernel runs: its base is still the one it was made from. */
	scratch_boot(s, &k);
	assert_string_equal(s->a.boot.slot, k.id);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_true(t.installed);
	kernel_fini(&k);
}

static void test_other_cmdline_restages(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.extra = "debug"};
	struct kernel k;
	_free_ char *cmdline = NULL;
	char path[64];

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_false(t.installed);
	assert_false(t.already);
	assert_true(t.have_manifest);
	assert_int_equal(t.wanted, 0);
	snprintf(path, sizeof(path), "firmware/cmdline-%s", k.id);
	cmdline = scratch_read(s, path);
	assert_non_null(strstr(cmdline, " debug "));
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_true(t.installed);
	assert_int_equal(s->a.state.n_slots, 1);
	kernel_fini(&k);
}

static void test_known_good_is_not_changed(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.extra = "debug"};
	struct kernel k;

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	snprintf(s->a.state.known_good, sizeof(s->a.state.known_good), "%s", k.id);
	assert_int_equal(scratch_deploy(s, &k, &t), -EBUSY);
	assert_int_equal(t.err.reason, KF_REASON_SLOT_IN_USE);
	/* Nothing particular was asked for: it is as it should be. */
	t.extra = NULL;
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_true(t.installed);
	kernel_fini(&k);
}

static void test_modules_link(void **state)
{
	struct scratch *s = *state;
	struct kernel k;

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	assert_true(scratch_has(s, "lib/modules/6.9.0-test/kernel/a.ko"));
	kernel_fini(&k);
}

static void test_busy(void **state)
{
	struct scratch *s = *state;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	Kferry__PlanRequest req;
	struct deploy *d = NULL;
	struct trip t = {0};
	struct kernel k;
	struct kf_error err = {0};
	char holder[LIMIT_STRING + 1];

	kernel_make(&k, 'a');
	deploy_holder(&s->a, holder, sizeof(holder));
	assert_string_equal(holder, "");
	scratch_request(&k, &t, &req);
	assert_int_equal(deploy_begin(&s->a, &req, "alice@desk", &d, &plan, &err), 0);
	deploy_holder(&s->a, holder, sizeof(holder));
	assert_string_equal(holder, "alice@desk");
	assert_int_equal(scratch_deploy(s, &k, &t), -EBUSY);
	assert_int_equal(t.err.reason, KF_REASON_BUSY);
	assert_non_null(strstr(t.err.msg, "alice@desk"));
	deploy_end(d);
	deploy_holder(&s->a, holder, sizeof(holder));
	assert_string_equal(holder, "");
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	kernel_fini(&k);
}

static void test_cancel(void **state)
{
	struct scratch *s = *state;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	Kferry__Need need = KFERRY__NEED__INIT;
	atomic_bool cancel = true;
	Kferry__PlanRequest req;
	struct deploy *d = NULL;
	struct trip t = {0};
	struct kernel k;
	struct kf_error err = {0};

	kernel_make(&k, 'a');
	scratch_request(&k, &t, &req);
	assert_int_equal(deploy_begin(&s->a, &req, "t", &d, &plan, &err), 0);
	assert_int_equal(
		deploy_manifest(d, buf_data(&k.manifest), buf_len(&k.manifest), &err), 0);
	deploy_set_cancel(d, &cancel);
	assert_int_equal(deploy_need(d, &need, &err), -ECANCELED);
	assert_int_equal(err.reason, KF_REASON_CANCELLED);
	deploy_end(d);
	kernel_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)
		T(test_full),
		T(test_modes),
		T(test_incremental_links),
		T(test_other_mode_is_copied),
		T(test_wrong_size_in_slot_is_sent),
		T(test_sources_are_only_read),
		T(test_again_is_nothing),
		T(test_other_cmdline_restages),
		T(test_known_good_is_not_changed),
		T(test_modules_link),
		T(test_busy),
		T(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
