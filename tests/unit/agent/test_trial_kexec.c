/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trials that are started by kexec, on a board whose own chain is the hook. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/trial/reboot.h"
#include "agent/trial/trial.h"
#include "proto/reason.h"
#include "tests/lib/scratch.h"

struct board {
	struct scratch s;
	struct kernel a, b;
};

/* Of an image that kexec takes for arm64's. */
static void make_kernel(struct kernel *k, const char *release, char seed)
{
	char *image;

	kernel_init(k, release, seed);
	image = k->files[1].data;
	memset(image, seed, 0x38);
	memcpy(image + 0x38, "ARMd", sizeof("ARMd"));
	kernel_finish(k);
}

static void as_arm64(struct board *b)
{
	snprintf(b->s.a.boot.machine, sizeof(b->s.a.boot.machine), "aarch64");
}

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	make_kernel(&b->a, "6.9.0-a", 'a');
	make_kernel(&b->b, "6.9.0-b", 'b');
	scratch_install(&b->s, &b->a);
	scratch_install(&b->s, &b->b);
	scratch_write(&b->s, "sys/kernel/kexec_loaded", "0\n", 2);
	scratch_write(&b->s, "dev/console", "", 0);
	as_arm64(b);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	kernel_fini(&b->a);
	kernel_fini(&b->b);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void arm(struct board *b, const struct kernel *k)
{
	struct kf_error err = {0};
	char text[256];

	if (trial_arm_kexec(&b->s.a, k->id, 120, text, &err) < 0)
		fail_msg("arm: %s", err.msg);
	assert_string_equal(text, "boots once through kexec");
}

static bool loaded(struct board *b)
{
	_free_ char *text = scratch_read(&b->s, "sys/kernel/kexec_loaded");

	return text[0] == '1';
}

/* A reset loses what was loaded; k NULL: the board's own kernel. */
static Kferry__Trial boot(struct board *b, const struct kernel *k, bool kexec)
{
	struct kf_error err = {0};

	scratch_write(&b->s, "sys/kernel/kexec_loaded", "0\n", 2);
	scratch_boot(&b->s, k);
	as_arm64(b);
	b->s.a.boot.kexec = kexec;
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	return b->s.a.state.trial.phase;
}

static void only_kexec_is_armed(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	assert_true(loaded(b));
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_TRIAL);
}

static void one_way_at_a_time(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	char text[256];

	assert_int_equal(trial_arm(&b->s.a, b->a.id, 60, text, &err), 0);
	arm(b, &b->b);
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_true(loaded(b));
	assert_int_equal(trial_arm(&b->s.a, b->a.id, 60, text, &err), 0);
	assert_false(loaded(b));
	assert_true(scratch_has(&b->s, "firmware/once"));
	arm(b, &b->b);
	assert_int_equal(trial_rollback(&b->s.a, FOREIGN, &err), 0);
	assert_false(loaded(b));
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
}

/* What is armed and cannot be disarmed would start with nobody watching it. */
static void still_armed(struct board *b, const struct kernel *k)
{
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_string_equal(a->state.trial.slot, k->id);
	assert_int_equal(scratch_state(&b->s, k->id), KFERRY__SLOT_STATE__SLOT_TRIAL);
	/* And so it is on the disk. */
	scratch_off(&b->s);
	scratch_on(&b->s);
	as_arm64(b);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_string_equal(a->state.trial.slot, k->id);
}

static void what_cannot_be_disarmed_stays_armed(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};
	char text[256];

	assert_int_equal(trial_arm(a, b->a.id, 60, text, &err), 0);
	scratch_refuse(&b->s, "disarm", true);
	assert_true(trial_arm_kexec(a, b->b.id, 60, text, &err) < 0);
	assert_non_null(strstr(err.msg, b->a.id));
	assert_false(loaded(b));
	assert_int_equal(scratch_state(&b->s, b->b.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	still_armed(b, &b->a);
	assert_true(trial_rollback(a, FOREIGN, &err) < 0);
	still_armed(b, &b->a);
	scratch_refuse(&b->s, "disarm", false);
	arm(b, &b->b);
	assert_false(scratch_has(&b->s, "firmware/once"));
}

static void what_cannot_be_unloaded_stays_armed(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};
	char text[256], path[128];

	arm(b, &b->b);
	/* The model cannot unlink this one. */
	snprintf(path, sizeof(path), "%s/dev/kexec", b->s.root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(trial_arm(a, b->a.id, 60, text, &err) < 0);
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	still_armed(b, &b->b);
	assert_true(trial_rollback(a, FOREIGN, &err) < 0);
	still_armed(b, &b->b);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(trial_rollback(a, FOREIGN, &err), 0);
	assert_false(loaded(b));
}

static void one_that_was_started_and_did_not_come_up_is_bad(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	assert_int_equal(trial_kexec_starts(&b->s.a, &err), 0);
	assert_int_equal(boot(b, NULL, false), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_BAD);
}

/* The power went between the arm and the reboot: nothing is known of the kernel. */
static void one_that_was_never_started_is_not_bad(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	assert_int_equal(boot(b, NULL, false), KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
}

static void an_agent_that_starts_again_keeps_it_armed(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_true(loaded(b));
	/* ... but not what somebody has unloaded meanwhile. */
	scratch_write(&b->s, "sys/kernel/kexec_loaded", "0\n", 2);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
}

static void does_not_confirm_without_a_real_boot(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	assert_int_equal(boot(b, &b->a, true), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(a) > 0);
	assert_true(trial_confirm(a, b->a.id, true, false, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_RUNNING);
	assert_non_null(strstr(err.msg, "--kexec-ok"));
	/* Nor by force: that is for slots that do not run. */
	assert_true(trial_confirm(a, b->a.id, true, true, &err) < 0);
	assert_true(trial_left_ms(a) > 0);

	assert_int_equal(trial_end(a, b->a.id, &err), 0);
	assert_int_equal(trial_left_ms(a), 0);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_string_equal(a->state.known_good, FOREIGN);
	assert_false(scratch_has(&b->s, "firmware/default"));
	/* The next reset: back, and no blame. */
	assert_int_equal(boot(b, NULL, false), KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_true(trial_end(a, b->a.id, &err) < 0);
}

static void confirms_where_that_has_to_do(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	boot(b, &b->a, true);
	assert_int_equal(trial_confirm_kexec(&b->s.a, b->a.id, true, false, &err), 0);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
	assert_string_equal(b->s.a.state.default_slot, b->a.id);
}

static void what_was_proved_before_is_good(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	char text[256];

	assert_int_equal(trial_arm(&b->s.a, b->a.id, 60, text, &err), 0);
	boot(b, &b->a, false);
	assert_int_equal(trial_confirm(&b->s.a, b->a.id, false, false, &err), 0);
	boot(b, NULL, false);
	arm(b, &b->a);
	boot(b, &b->a, true);
	assert_int_equal(trial_confirm(&b->s.a, b->a.id, false, false, &err), 0);
}

static void every_other_reboot_unloads(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	scratch_conf(&b->s, "reboot = /bin/true\n");
	boot(b, NULL, false);
	assert_int_equal(reboot_now(&b->s.a, KFERRY__REBOOT_MODE__REBOOT_KEXEC,
				    KFERRY__BOOT_END__BOOT_END_REBOOT, &err),
			 -EINVAL);
	arm(b, &b->a);
	assert_int_equal(reboot_now(&b->s.a, KFERRY__REBOOT_MODE__REBOOT_KEXEC,
				    KFERRY__BOOT_END__BOOT_END_REBOOT, &err),
			 0);
	assert_true(loaded(b));
	assert_int_equal(reboot_now(&b->s.a, KFERRY__REBOOT_MODE__REBOOT_NORMAL,
				    KFERRY__BOOT_END__BOOT_END_DEADLINE, &err),
			 0);
	assert_false(loaded(b));
}

/* A disk that hangs must not hold it up: the note is neither read nor removed. */
static void a_forced_reboot_leaves_the_note_alone(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	scratch_conf(&b->s, "reboot = /bin/true\n");
	boot(b, NULL, false);
	arm(b, &b->a);
	assert_int_equal(reboot_now(&b->s.a, KFERRY__REBOOT_MODE__REBOOT_FORCE,
				    KFERRY__BOOT_END__BOOT_END_DEADLINE, &err),
			 0);
	assert_false(loaded(b));
	assert_true(scratch_has(&b->s, "var/lib/kferry/kexec"));
	/* Whether or not it can be read. */
	arm(b, &b->a);
	scratch_write(&b->s, "var/lib/kferry/kexec", "", 0);
	assert_int_equal(reboot_now(&b->s.a, KFERRY__REBOOT_MODE__REBOOT_FORCE,
				    KFERRY__BOOT_END__BOOT_END_DEADLINE, &err),
			 0);
	assert_false(loaded(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(only_kexec_is_armed),
		T(one_way_at_a_time),
		T(what_cannot_be_disarmed_stays_armed),
		T(what_cannot_be_unloaded_stays_armed),
		T(one_that_was_started_and_did_not_come_up_is_bad),
		T(one_that_was_never_started_is_not_bad),
		T(an_agent_that_starts_again_keeps_it_armed),
		T(does_not_confirm_without_a_real_boot),
		T(confirms_where_that_has_to_do),
		T(what_was_proved_before_is_good),
		T(every_other_reboot_unloads),
		T(a_forced_reboot_leaves_the_note_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
