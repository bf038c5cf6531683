/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deploys that were cut short, on a scratch board: what resumes, and what a start cleans
 * up. */
#include "tests/lib/scratch.h"

#include <string.h>
#include <unistd.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

static void test_resume(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.cut = KERNEL_CUT};
	struct kernel k;

	kernel_make(&k, 'a');
	assert_true(scratch_deploy(s, &k, &t) < 0);
	assert_int_equal(s->a.state.n_slots, 0);
	assert_false(scratch_has(s, kernel_path(&k, "slots", "")));
	assert_true(scratch_has(s, kernel_path(&k, "staging", "boot/config")));
	assert_false(scratch_has(s, kernel_path(&k, "staging", ".part")));
	assert_false(scratch_has(s, SCRATCH_VAR "boot/.kf-tmp-4567"));
	t.cut = 0;
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_true(t.have_manifest);
	assert_int_equal(t.wanted, 1);
	kernel_fini(&k);
}

/* Bytes that lay in staging while nobody watched count only when they are right. */
static void test_resume_checks_what_is_there(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.cut = KERNEL_CUT};
	struct kernel k;

	kernel_make(&k, 'a');
	assert_true(scratch_deploy(s, &k, &t) < 0);
	scratch_write(s, kernel_path(&k, "staging", "boot/image"), "image b", 7);
	t.cut = 0;
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 2);
	kernel_fini(&k);
}

static void test_other_staging_is_used_and_dropped(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.cut = KERNEL_CUT};
	struct kernel a, b;

	kernel_make(&a, 'a');
	kernel_make(&b, 'b');
	assert_true(scratch_deploy(s, &a, &t) < 0);
	t.cut = 0;
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 2); /* the config and a.ko were there */
	assert_false(scratch_has(s, kernel_path(&a, "staging", "")));
	kernel_fini(&a);
	kernel_fini(&b);
}

/* A removal whose end failed, and an install whose undo did: nothing is sent again. */
static void test_goes_on_without_a_restart(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;
	uint64_t number;

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	state_drop(&s->a.state, k.id);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 0);
	number = state_find(&s->a.state, k.id)->number;
	state_find(&s->a.state, k.id)->state = KFERRY__SLOT_STATE__SLOT_GONE;
	t = (struct trip){0};
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 0);
	assert_int_equal(scratch_state(s, k.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_true(state_find(&s->a.state, k.id)->number > number);
	kernel_fini(&k);
}

/* The boot entry cannot be taken back: its slot stays where recovery looks for it. */
static void test_undo_that_fails(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct trip t = {0};
	struct kernel k;

	kernel_make(&k, 'a');
	scratch_refuse(s, "stage", true);
	scratch_refuse(s, "remove", true);
	assert_true(scratch_deploy(s, &k, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_BOOT_CHAIN);
	assert_int_equal(s->a.state.n_slots, 0);
	scratch_refuse(s, "stage", false);
	scratch_refuse(s, "remove", false);
	assert_true(scratch_has(s, kernel_path(&k, "slots", "boot/image")));
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_false(scratch_has(s, kernel_path(&k, "slots", "")));
	assert_true(scratch_has(s, kernel_path(&k, "staging", "boot/image")));
	kernel_fini(&k);
}

/* Power lost between the rename and the flip. */
static void test_recover_unflipped(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct trip t = {0};
	struct kernel k;
	char path[64];

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	state_drop(&s->a.state, k.id);
	assert_int_equal(state_save(s->a.state_fd, &s->a.state, &err), 0);
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_false(scratch_has(s, kernel_path(&k, "slots", "")));
	snprintf(path, sizeof(path), "firmware/cmdline-%s", k.id);
	assert_false(scratch_has(s, path));
	assert_int_equal(readlinkat(s->a.state_fd, "../../../lib/modules/6.9.0-test",
				    (char[4]){0}, 4),
			 -1);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 0);
	assert_true(scratch_has(s, path));
	kernel_fini(&k);
}

static void test_recover_keeps_no_temporaries(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct trip t = {.cut = KERNEL_CUT};
	struct kernel k;
	char path[96];

	kernel_make(&k, 'a');
	assert_true(scratch_deploy(s, &k, &t) < 0);
	snprintf(path, sizeof(path), SCRATCH_VAR "staging/%s/.kf-tmp-0123", k.id);
	scratch_write(s, path, "x", 1);
	snprintf(path, sizeof(path), SCRATCH_VAR "staging/%s/.part", k.id);
	scratch_write(s, path, "x", 1);
	scratch_write(s, SCRATCH_VAR "boot/.kf-tmp-4567", "x", 1);
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_true(scratch_has(s, kernel_path(&k, "staging", "manifest")));
	assert_false(scratch_has(s, kernel_path(&k, "staging", ".kf-tmp-0123")));
	assert_false(scratch_has(s, kernel_path(&k, "staging", ".part")));
	kernel_fini(&k);
}

static void test_recover_rest(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct kernel a, b, c;
	char path[64];

	kernel_make(&a, 'a');
	kernel_make(&b, 'b');
	kernel_make(&c, 'c');
	scratch_install(s, &a);
	scratch_install(s, &b);
	scratch_install(s, &c);
	/* a: removal was begun; b: its files are gone; c: whole. */
	state_find(&s->a.state, a.id)->state = KFERRY__SLOT_STATE__SLOT_GONE;
	assert_int_equal(state_save(s->a.state_fd, &s->a.state, &err), 0);
	snprintf(path, sizeof(path), "slots/%s", b.id);
	assert_int_equal(fs_remove_tree(s->a.state_fd, path), 0);
	scratch_write(s, SCRATCH_VAR "staging/k-00000000/boot/image", "no manifest", 11);
	scratch_write(s, SCRATCH_VAR "staging/junk", "x", 1);
	scratch_write(s, SCRATCH_VAR "slots/junk/file", "x", 1);
	scratch_write(s, SCRATCH_VAR ".kf-tmp-0123", "x", 1);
	scratch_write(s, SCRATCH_VAR "boots/3/.kf-tmp-0123", "x", 1);
	scratch_boot(s, NULL);
	deploy_clean(&s->a);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_int_equal(s->a.state.n_slots, 1);
	assert_int_equal(scratch_state(s, c.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_false(scratch_has(s, kernel_path(&a, "slots", "")));
	assert_false(scratch_has(s, SCRATCH_VAR "staging/k-00000000"));
	assert_false(scratch_has(s, SCRATCH_VAR "staging/junk"));
	assert_false(scratch_has(s, SCRATCH_VAR "slots/junk"));
	assert_false(scratch_has(s, SCRATCH_VAR ".kf-tmp-0123"));
	assert_false(scratch_has(s, SCRATCH_VAR "boots/3/.kf-tmp-0123"));
	assert_true(scratch_has(s, kernel_path(&c, "slots", "boot/image")));
	kernel_fini(&a);
	kernel_fini(&b);
	kernel_fini(&c);
}

/* The disk gives an error for a moment, when the agent starts: nothing is gone. */
static void test_what_cannot_be_looked_at_is_not_lost(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct kernel k;
	char path[64];

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	snprintf(path, sizeof(path), "slots/%s", k.id);
	assert_int_equal(renameat(s->a.state_fd, path, s->a.state_fd, "aside"), 0);
	assert_int_equal(symlinkat(k.id, s->a.state_fd, path), 0); /* ELOOP */
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_int_equal(scratch_state(s, k.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	snprintf(path, sizeof(path), "firmware/cmdline-%s", k.id);
	assert_true(scratch_has(s, path));
	kernel_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)
		T(test_resume),
		T(test_resume_checks_what_is_there),
		T(test_other_staging_is_used_and_dropped),
		T(test_goes_on_without_a_restart),
		T(test_undo_that_fails),
		T(test_recover_unflipped),
		T(test_recover_keeps_no_temporaries),
		T(test_recover_rest),
		T(test_what_cannot_be_looked_at_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
