/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trials: every way from armed to confirmed or fallen back. */
#include "tests/lib/scratch.h"

#include <string.h>

#include "agent/boot/uboot/bootcount.h"
#include "agent/trial/trial.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "tests/unit/agent/uboot_env.h"

struct board {
	struct scratch s;
	struct kernel a, b;
};

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	kernel_init(&b->a, "6.9.0-a", 'a');
	kernel_finish(&b->a);
	kernel_init(&b->b, "6.9.0-b", 'b');
	kernel_finish(&b->b);
	scratch_install(&b->s, &b->a);
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

	if (trial_arm(&b->s.a, k->id, 120, text, &err) < 0)
		fail_msg("arm: %s", err.msg);
	assert_string_equal(text, "boots once through hook");
}

/* Reset into k, and what the agent then makes of it. */
static Kferry__Trial boot(struct board *b, const struct kernel *k)
{
	struct kf_error err = {0};

	scratch_boot(&b->s, k);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	return b->s.a.state.trial.phase;
}

static void firmware(struct board *b, const char *file, const char *content)
{
	char path[64];
	_free_ char *is = NULL;

	snprintf(path, sizeof(path), "firmware/%s", file);
	is = scratch_read(&b->s, path);
	assert_string_equal(is, content);
}

static void confirm(struct board *b, const struct kernel *k, bool make_default)
{
	struct kf_error err = {0};

	if (trial_confirm(&b->s.a, k->id, make_default, false, &err) < 0)
		fail_msg("confirm: %s", err.msg);
}

static void test_pass(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	firmware(b, "once", b->a.id);
	firmware(b, "default", "");
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_TRIAL);
	assert_int_equal(trial_left_ms(a), 0);
	/* An agent that restarts before the reboot changes nothing. */
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);

	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_string_equal(a->state.trial.boot_id, a->boot.boot_id);
	assert_true(trial_left_ms(a) > 60 * 1000 && trial_left_ms(a) <= 120 * 1000);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_RUNNING);

	confirm(b, &b->a, true);
	firmware(b, "default", b->a.id);
	assert_string_equal(a->state.default_slot, b->a.id);
	assert_string_equal(a->state.known_good, b->a.id);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
	assert_int_equal(trial_left_ms(a), 0);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_CONFIRMED);
}

static void test_once(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	boot(b, &b->a);
	scratch_write(&b->s, "firmware/once", "left", 4);
	confirm(b, &b->a, false);
	firmware(b, "default", "");
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_string_equal(b->s.a.state.known_good, FOREIGN);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
	/* The next boot is the board's own kernel: that is no fall back. */
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_CONFIRMED);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
}

/* A slot that is confirmed by hand while another is armed: that one stays armed. */
static void test_confirm_leaves_another_armed(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	scratch_install(&b->s, &b->b);
	arm(b, &b->b);
	assert_int_equal(trial_confirm(&b->s.a, b->a.id, false, true, &err), 0);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	firmware(b, "once", b->b.id);
}

static bool counts(struct board *b)
{
	struct kf_error err = {0};
	struct bootcount count;

	assert_int_equal(bootcount_read(&b->s.a, &count, &err), 0);
	return count.counting;
}

/* A boot stage that counts boots learns that the agent is up: in the trial, and after. */
static void test_count_ends_when_the_agent_is_up(void **state)
{
	static const char vars[] = "altbootcmd=run bootcmd\0bootlimit=3\0bootcount=1\0"
				   "upgrade_available=1\0kferry_trial=k-00000000\0";
	struct board *b = *state;
	struct kf_error err = {0};
	_close_ int root = fs_open_dir(AT_FDCWD, b->s.root);
	char conf[80];

	arm(b, &b->a);
	snprintf(conf, sizeof(conf), "var/lib/kferry/slots/%s/slot.conf", b->a.id);
	uboot_env_put(root, b->s.root, vars, sizeof(vars));
	assert_true(counts(b));
	uboot_env_write(root, conf, "chain uboot-extlinux\n", 21);
	scratch_boot(&b->s, &b->a);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_RUNNING);
	/* Not before the watch has begun: it runs programs. */
	assert_true(counts(b));
	trial_settle(&b->s.a);
	assert_false(counts(b));
	uboot_env_put(root, b->s.root, vars, sizeof(vars));
	b->s.a.state.trial.phase = KFERRY__TRIAL__TRIAL_CONFIRMED;
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_false(counts(b));
}

static void test_falls_back_at_once(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_BAD);
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_string_equal(b->s.a.state.trial.slot, b->a.id);
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
	/* It may be tried again. */
	arm(b, &b->a);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_TRIAL);
}

static void test_falls_back_after_running(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_BAD);
}

/* The mark says the slot, but its build-id is not what runs. */
static void test_mark_without_the_kernel(void **state)
{
	struct board *b = *state;
	struct kernel fake = b->a;

	arm(b, &b->a);
	memset(fake.build_id, '0', 40);
	assert_int_equal(boot(b, &fake), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_string_equal(b->s.a.boot.slot, "");
}

/* Without being confirmed it boots again: the chain's default is not what it should be.
 */
static void test_runs_again_unconfirmed(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	boot(b, &b->a);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	firmware(b, "default", FOREIGN);
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
}

/* A trial of the default has nothing to fall back to; it must not reboot for ever. */
static void test_trial_of_the_default(void **state)
{
	struct board *b = *state;

	arm(b, &b->a);
	boot(b, &b->a);
	confirm(b, &b->a, true);
	arm(b, &b->a);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
	assert_int_equal(trial_left_ms(&b->s.a), 0);
}

static void test_arm_refused(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};
	char text[256];

	assert_int_equal(trial_arm(a, "k-00000000", 0, text, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
	scratch_refuse(&b->s, "arm", true);
	assert_true(trial_arm(a, b->a.id, 0, text, &err) < 0);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	scratch_refuse(&b->s, "arm", false);
	scratch_refuse(&b->s, "read-back", true);
	assert_true(trial_arm(a, b->a.id, 0, text, &err) < 0);
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_NONE);
}

/* The agent died between its note and the chain. */
static void test_half_armed(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	firmware(b, "once", b->a.id);

	scratch_write(&b->s, "firmware/once", "", 0);
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_NONE);
}

/* Another slot is armed while one runs unconfirmed: that one's deadline outlives an agent
 * that starts again, and ends with its confirmation. */
static void test_deadline_outlives_another_arm(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};
	char text[256];

	scratch_install(&b->s, &b->b);
	arm(b, &b->a);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_int_equal(trial_arm(a, b->b.id, 999, text, &err), 0);
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_true(trial_left_ms(a) > 0 && trial_left_ms(a) <= 120 * 1000);
	/* An arm that fails changes nothing of it, a third one neither. */
	scratch_refuse(&b->s, "arm", true);
	assert_true(trial_arm(a, b->b.id, 999, text, &err) < 0);
	scratch_refuse(&b->s, "arm", false);
	assert_true(trial_left_ms(a) > 0);
	arm(b, &b->b);
	assert_true(trial_left_ms(a) > 0 && trial_left_ms(a) <= 120 * 1000);
	confirm(b, &b->a, false);
	assert_int_equal(trial_left_ms(a), 0);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	firmware(b, "once", b->b.id);
	assert_int_equal(boot(b, &b->b), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(a) > 0);
}

/* What did not get confirmed ends with its boot. */
static void test_unconfirmed_ends_with_its_boot(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;

	scratch_install(&b->s, &b->b);
	arm(b, &b->a);
	boot(b, &b->a);
	arm(b, &b->b);
	assert_string_equal(a->state.unconfirmed.slot, b->a.id);
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_string_equal(a->state.unconfirmed.slot, "");
	assert_int_equal(trial_left_ms(a), 0);
}

/* A disk that is full or read-only in the new kernel must not stop the deadline. */
static void test_running_cannot_be_written(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	int fd;

	arm(b, &b->a);
	scratch_boot(&b->s, &b->a);
	fd = b->s.a.state_fd;
	b->s.a.state_fd = -1;
	assert_true(trial_boot(&b->s.a, &err) < 0);
	b->s.a.state_fd = fd;
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(&b->s.a) > 0);
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
}

static void test_arm_another(void **state)
{
	struct board *b = *state;

	scratch_install(&b->s, &b->b);
	arm(b, &b->a);
	arm(b, &b->b);
	firmware(b, "once", b->b.id);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_int_equal(boot(b, &b->b), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_int_equal(b->s.a.state.trial.confirm_timeout_s, 120);
}

static void test_confirm_refused(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	assert_true(trial_confirm(a, b->a.id, true, false, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_RUNNING);
	assert_true(trial_confirm(a, "k-00000000", true, true, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
	scratch_refuse(&b->s, "commit", true);
	assert_true(trial_confirm(a, b->a.id, true, true, &err) < 0);
	assert_string_equal(a->state.default_slot, FOREIGN);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	scratch_refuse(&b->s, "commit", false);
	assert_int_equal(trial_confirm(a, b->a.id, true, true, &err), 0);
	firmware(b, "default", b->a.id);
}

/* Not the board's fault: the controller counts KF_REASON_TIMEOUT as one. */
static void test_confirm_comes_too_late(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	a->boot.start_ms -= 121 * 1000;
	assert_true(trial_confirm(a, b->a.id, true, false, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_BUSY);
	assert_non_null(strstr(err.msg, "trial is up"));
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_RUNNING);
	firmware(b, "default", "");
}

static void test_rollback(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	assert_true(trial_rollback(a, b->a.id, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_INVALID);
	assert_true(trial_rollback(a, "k-00000000", &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
	arm(b, &b->a);
	assert_int_equal(trial_rollback(a, FOREIGN, &err), 0);
	assert_false(scratch_has(&b->s, "firmware/once"));
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);

	arm(b, &b->a);
	boot(b, &b->a);
	confirm(b, &b->a, true);
	assert_int_equal(trial_rollback(a, "", &err), 0);
	firmware(b, "default", FOREIGN);
	assert_string_equal(a->state.known_good, FOREIGN);
	assert_int_equal(trial_rollback(a, b->a.id, &err), 0);
	assert_string_equal(a->state.default_slot, b->a.id);
	firmware(b, "default", b->a.id);
}

/* An update switched to the other system image in between. */
static void test_installed_under_another_image(void **state)
{
	static const char other[] = "root=/dev/vda1 set=B quiet\n";
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct trip t = {.cmdline = NULL};
	struct kf_error err = {0};
	char text[256];

	arm(b, &b->a);
	boot(b, &b->a);
	confirm(b, &b->a, false);
	boot(b, NULL);
	scratch_conf(&b->s, "image_words = set\n");
	scratch_write(&b->s, "proc/cmdline", other, sizeof(other) - 1);
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_arm(a, b->a.id, 0, text, &err), -ESTALE);
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	assert_non_null(strstr(err.msg, "deploy it again"));
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_CONFIRMED);
	assert_int_equal(trial_rollback(a, b->a.id, &err), -ESTALE);
	assert_string_equal(a->state.default_slot, FOREIGN);
	/* The default is never changed. */
	memcpy(a->state.default_slot, b->a.id, SLOT_ID_SIZE);
	assert_int_equal(scratch_deploy(&b->s, &b->a, &t), -EBUSY);
	memcpy(a->state.default_slot, FOREIGN, sizeof(FOREIGN));
	/* Deployed again it follows, and nothing is sent. */
	assert_int_equal(scratch_deploy(&b->s, &b->a, &t), 0);
	assert_int_equal(t.wanted, 0);
	arm(b, &b->a);
	/* A root that was asked for is nobody else's matter. */
	t = (struct trip){.cmdline = "root=/dev/vdz"};
	assert_int_equal(scratch_deploy(&b->s, &b->b, &t), 0);
	arm(b, &b->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(test_pass),
		T(test_once),
		T(test_confirm_leaves_another_armed),
		T(test_count_ends_when_the_agent_is_up),
		T(test_falls_back_at_once),
		T(test_falls_back_after_running),
		T(test_mark_without_the_kernel),
		T(test_runs_again_unconfirmed),
		T(test_trial_of_the_default),
		T(test_arm_refused),
		T(test_arm_another),
		T(test_half_armed),
		T(test_deadline_outlives_another_arm),
		T(test_unconfirmed_ends_with_its_boot),
		T(test_running_cannot_be_written),
		T(test_confirm_refused),
		T(test_confirm_comes_too_late),
		T(test_rollback),
		T(test_installed_under_another_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
