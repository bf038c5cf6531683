/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trials that did not begin or end as they should have, and boards with two boot chains.
 */
#include "tests/lib/scratch.h"

#include <string.h>

#include "agent/boot/boot.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct board {
	struct scratch s;
	struct kernel a, b;
};

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

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
}

static Kferry__Trial boot(struct board *b, const struct kernel *k)
{
	struct kf_error err = {0};

	scratch_boot(&b->s, k);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	return b->s.a.state.trial.phase;
}

static void put(struct board *b, const char *path, const char *text)
{
	scratch_write(&b->s, path, text, strlen(text));
}

static void set_chain(struct board *b, const struct kernel *k, const char *chain)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/slot.conf", k->id);
	snprintf(text, sizeof(text), "chain %s\n", chain);
	put(b, path, text);
}

#define FAT "boot/efi/"

/* b's slot moves to the chain uboot-extlinux: what a deploy after boot.chain was changed
 * leaves. */
static void put_on_uboot(struct board *b, const struct kernel *k)
{
	char path[128];

	put(b, "proc/self/mountinfo",
	    "30 25 179:1 / /boot/efi rw - vfat /dev/mmcblk0p1 rw\n");
	put(b, "proc/device-tree/chosen/u-boot,version", "2023.01");
	put(b, "boot/extlinux/extlinux.conf", "default l0\nlabel l0\n\tlinux /x\n");
	snprintf(path, sizeof(path), FAT "kferry/%s/image", k->id);
	put(b, path, "image");
	snprintf(path, sizeof(path), FAT "kferry/%s/extlinux.conf", k->id);
	put(b, path, "default x\n");
	set_chain(b, k, "uboot-extlinux");
}

/* The slot's kernel is the very build that the board has as its own: the trial dies, and
 * the board's own entry, which has no mark, comes up. */
static void fall_back_to_the_same_build_is_no_trial(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	put_on_uboot(b, &b->a);
	scratch_boot(&b->s, &b->a);
	put(b, "proc/cmdline", "BOOT_IMAGE=/old root=/dev/vda1 quiet\n");
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_string_equal(b->s.a.boot.slot, "");
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_true(trial_confirm(&b->s.a, b->a.id, true, false, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_RUNNING);
	assert_string_equal(b->s.a.state.default_slot, FOREIGN);
}

/* No mark: the slot is known by its kernel only where its chain may have left it out. */
static void the_mark_may_be_missing_where_the_chain_says_so(void **state)
{
	struct board *b = *state;
	unsigned may = 0;

	scratch_boot(&b->s, &b->a);
	put(b, "proc/cmdline", "root=/dev/vda1 quiet\n");
	for (size_t i = 0; boot_chains[i]; i++) {
		const struct boot_chain *chain = boot_chains[i];

		set_chain(b, &b->a, chain->name);
		scratch_off(&b->s);
		scratch_on(&b->s);
		assert_string_equal(b->s.a.boot.slot,
				    chain->may_lack_mark ? b->a.id : "");
		assert_false(b->s.a.boot.marked);
		may += chain->may_lack_mark;
	}
	assert_int_equal(may, 1);
	assert_true(boot_hook.may_lack_mark);
	/* A chain of another version. */
	set_chain(b, &b->a, "hook-2");
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_string_equal(b->s.a.boot.slot, "");
}

/* That another kernel runs must be known, not supposed: the deadline hangs on it. */
static void what_cannot_be_looked_at_is_a_trial(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;

	arm(b, &b->a);
	put(b, kernel_path(&b->a, "slots", "manifest"), "damaged");
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_string_equal(a->boot.slot, b->a.id);
	assert_true(trial_left_ms(a) > 0);
	/* Named by nobody it does not run. */
	assert_int_equal(boot(b, NULL), KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_string_equal(a->boot.slot, "");
}

/* A package with neither build-id nor banner. */
static void what_says_nothing_of_itself_is_a_trial(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kernel k, other;

	kernel_init(&k, "6.9.0-c", 'c');
	k.anonymous = true;
	kernel_finish(&k);
	scratch_install(&b->s, &k);
	arm(b, &k);
	assert_int_equal(boot(b, &k), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(a) > 0);
	/* Another release is another kernel, whatever the line says. */
	other = k;
	snprintf(other.release, sizeof(other.release), "6.9.0-d");
	assert_int_equal(boot(b, &other), KFERRY__TRIAL__TRIAL_FELL_BACK);
	/* And without the mark it is nothing. */
	snprintf(other.release, sizeof(other.release), "%s", k.release);
	snprintf(other.id, sizeof(other.id), "%s", "");
	boot(b, &other);
	assert_string_equal(a->boot.slot, "");
	kernel_fini(&k);
}

/* The board's own kernel is started, and the one-shot is not taken. */
static void pass_over(struct board *b)
{
	arm(b, &b->a);
	scratch_boot(&b->s, NULL);
	put(b, "firmware/once", b->a.id);
}

/* The boot stage did not take the one-shot: it is still there after the reboot. */
static void what_was_never_started_is_not_bad(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	pass_over(b);
	assert_int_equal(trial_boot(a, &err), 0);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_false(scratch_has(&b->s, "firmware/once"));
}

/* ... and cannot be taken away: then it may start any time, and must be watched. */
static void what_stays_armed_stays_a_trial(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	pass_over(b);
	scratch_refuse(&b->s, "disarm", true);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	scratch_refuse(&b->s, "disarm", false);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
}

static void move_hook(struct board *b, bool away)
{
	_free_ char *there = agent_path(&b->s.a, "/hook");
	_free_ char *gone = agent_path(&b->s.a, "/hook.away");

	assert_int_equal(rename(away ? there : gone, away ? gone : there), 0);
}

/* ... or nobody can say whether it is: the same, until somebody can. */
static void what_cannot_be_told_stays_a_trial(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	pass_over(b);
	move_hook(b, true);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	move_hook(b, false);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(a) > 0);
}

static void what_could_not_be_told_is_asked_for_again(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	scratch_boot(&b->s, NULL);
	move_hook(b, true);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	move_hook(b, false);
	/* The agent starts again, in the same boot. */
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_FELL_BACK);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_BAD);
}

static void arm_fails(struct board *b, const struct kernel *k, const char *says)
{
	struct kf_error err = {0};
	char text[256];

	assert_true(trial_arm(&b->s.a, k->id, 120, text, &err) < 0);
	if (!strstr(err.msg, says))
		fail_msg("\"%s\" is not in \"%s\"", says, err.msg);
}

/* Arming has failed half way, and what was done cannot be taken back. */
static void an_arm_that_stays_is_a_trial(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;

	scratch_refuse(&b->s, "read-back", true);
	scratch_refuse(&b->s, "disarm", true);
	arm_fails(b, &b->a, "cannot be disarmed: a slot may still start");
	assert_true(scratch_has(&b->s, "firmware/once"));
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(a) > 0);
}

/* Then the one that was armed before may still be. */
static void an_arm_that_changed_nothing_leaves_the_one_before(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;

	scratch_install(&b->s, &b->b);
	arm(b, &b->a);
	scratch_refuse(&b->s, "arm", true);
	scratch_refuse(&b->s, "disarm", true);
	arm_fails(b, &b->b, "cannot be disarmed");
	assert_string_equal(a->state.trial.slot, b->a.id);
	assert_int_equal(scratch_state(&b->s, b->b.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
}

/* Whoever comes before the settling does it himself. */
static void an_arm_settles_what_was_left(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	scratch_boot(&b->s, NULL);
	assert_int_equal(trial_boot(a, &err), 0);
	scratch_install(&b->s, &b->b);
	arm(b, &b->b);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_BAD);
	trial_settle(a);
	assert_int_equal(a->state.trial.phase, KFERRY__TRIAL__TRIAL_ARMED);
	assert_string_equal(a->state.trial.slot, b->b.id);
	assert_true(scratch_has(&b->s, "firmware/once"));
}

/* The deadline has passed, the reboot is under way: no confirmation any more. */
static void no_confirmation_after_the_deadline(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	b->s.a.boot.start_ms -= 121 * 1000;
	assert_int_equal(trial_left_ms(&b->s.a), 1);
	assert_int_not_equal(trial_confirm(&b->s.a, b->a.id, false, false, &err), 0);
}

static void rollback_keeps_the_deadline_of_what_runs(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	arm(b, &b->a);
	assert_int_equal(boot(b, &b->a), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_true(trial_left_ms(&b->s.a) > 0);
	assert_int_equal(trial_rollback(&b->s.a, FOREIGN, &err), 0);
	assert_true(trial_left_ms(&b->s.a) > 0);
}

static int restage(struct board *b, const char *extra)
{
	struct trip t = {.extra = extra};

	return scratch_deploy(&b->s, &b->a, &t);
}

/* A deploy without a reboot changes the line of the slot that runs. */
static void a_line_that_was_never_booted_is_not_confirmed(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	boot(b, &b->a);
	assert_int_equal(restage(b, "root=/dev/typo"), 0);
	for (int force = 0; force < 2; force++) {
		assert_int_equal(trial_confirm(a, b->a.id, true, force, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_NOT_RUNNING);
	}
	/* An agent that has started again knows it, too. */
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_true(trial_confirm(a, b->a.id, false, false, &err) < 0);
	assert_false(scratch_has(&b->s, "firmware/default"));
	assert_string_equal(a->state.known_good, FOREIGN);
	/* Booted with it, it is as good as any. */
	arm(b, &b->a);
	boot(b, &b->a);
	assert_int_equal(trial_confirm(a, b->a.id, true, false, &err), 0);
	assert_true(scratch_has(&b->s, "firmware/default"));
}

/* Whether another one's is changed says nothing of what runs. */
static void what_runs_is_confirmed_when_another_is_restaged(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	scratch_install(&b->s, &b->b);
	arm(b, &b->b);
	boot(b, &b->b);
	assert_int_equal(restage(b, "debug"), 0);
	assert_int_equal(trial_confirm(&b->s.a, b->b.id, true, false, &err), 0);
}

/* Confirmed between the plan of another's deploy and its install. */
static void what_became_the_default_meanwhile_is_not_restaged(void **state)
{
	struct board *b = *state;
	struct trip t = {.extra = "debug"};
	Kferry__Installed done = KFERRY__INSTALLED__INIT;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	_free_ char *before = NULL, *after = NULL;
	struct kf_error err = {0};
	Kferry__PlanRequest req;
	struct deploy *d = NULL;
	char path[64];

	snprintf(path, sizeof(path), "firmware/cmdline-%s", b->a.id);
	arm(b, &b->a);
	boot(b, &b->a);
	before = scratch_read(&b->s, path);
	scratch_request(&b->a, &t, &req);
	assert_int_equal(deploy_begin(&b->s.a, &req, "t", &d, &plan, &err), 0);
	assert_false(plan.installed);
	assert_int_equal(trial_confirm(&b->s.a, b->a.id, true, false, &err), 0);
	assert_int_equal(deploy_install(d, &done, &err), -EBUSY);
	assert_int_equal(err.reason, KF_REASON_SLOT_IN_USE);
	deploy_end(d);
	after = scratch_read(&b->s, path);
	assert_string_equal(before, after);
	assert_int_equal(scratch_state(&b->s, b->a.id), KFERRY__SLOT_STATE__SLOT_GOOD);
}

static void make_default(struct board *b, const struct kernel *k)
{
	struct kf_error err = {0};

	arm(b, k);
	boot(b, k);
	assert_int_equal(trial_confirm(&b->s.a, k->id, true, false, &err), 0);
}

static void assert_default(struct board *b, const char *slot)
{
	_free_ char *chain = scratch_read(&b->s, "firmware/default");
	_free_ char *text = scratch_read(&b->s, SCRATCH_VAR "state");

	assert_string_equal(chain, slot);
	assert_string_equal(b->s.a.state.default_slot, slot);
	assert_null(strstr(text, "next-default"));
}

/* The agent dies, or the disk fails, between the chain's default and the state's. */
static void half_a_rollback_is_undone(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct trip t = {.extra = "debug"};
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	struct kf_error err = {0};
	Kferry__PlanRequest req;
	struct deploy *d = NULL;

	make_default(b, &b->a);
	scratch_install(&b->s, &b->b);
	make_default(b, &b->b);
	assert_default(b, b->b.id);
	boot(b, &b->b);
	assert_int_equal(trial_commit(a, b->a.id, &err), 0);
	/* Until it is put right the board may need it, whatever the state says. */
	scratch_refuse(&b->s, "commit", true);
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_boot(a, &err), 0);
	trial_settle(a);
	pthread_mutex_lock(&a->state_lock);
	assert_int_equal(slot_check_unused(a, b->a.id, &err), -EBUSY);
	pthread_mutex_unlock(&a->state_lock);
	scratch_request(&b->a, &t, &req);
	assert_int_equal(deploy_begin(a, &req, "t", &d, &plan, &err), -EBUSY);
	assert_int_equal(err.reason, KF_REASON_SLOT_IN_USE);
	scratch_refuse(&b->s, "commit", false);
	trial_settle(a); /* the next who uses the chain does it */
	assert_default(b, b->b.id);
	pthread_mutex_lock(&a->state_lock);
	assert_int_equal(slot_check_unused(a, b->a.id, &err), 0);
	pthread_mutex_unlock(&a->state_lock);
}

static unsigned calls_of(struct board *b, const char *what)
{
	_free_ char *calls = scratch_read(&b->s, "firmware/calls");
	unsigned n = 0;

	for (const char *p = calls; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* What the user has set by other means since is his business. */
static void a_whole_default_is_left_alone(void **state)
{
	struct board *b = *state;
	_free_ char *def = NULL;
	unsigned before;

	make_default(b, &b->a);
	assert_default(b, b->a.id);
	before = calls_of(b, "commit ");
	put(b, "firmware/default", "the user's");
	boot(b, &b->a);
	boot(b, NULL);
	assert_int_equal(calls_of(b, "commit "), before);
	def = scratch_read(&b->s, "firmware/default");
	assert_string_equal(def, "the user's");
}

/* --- two chains: hook, and U-Boot on a FAT -------------------------------------- */

static void a_default_of_another_chain_is_given_up(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};
	_free_ char *def = NULL;
	int r;

	/* a is the default, through hook. */
	arm(b, &b->a);
	boot(b, &b->a);
	assert_int_equal(trial_confirm(a, b->a.id, true, false, &err), 0);
	/* b becomes the default, through U-Boot's script. */
	scratch_install(&b->s, &b->b);
	put_on_uboot(b, &b->b);
	arm(b, &b->b);
	boot(b, &b->b);
	r = trial_confirm(a, b->b.id, true, false, &err);
	if (r < 0)
		fail_msg("confirm: %s", err.msg);
	assert_true(scratch_has(&b->s, FAT "kferry/good.conf"));
	/* Back to a: reported as done. */
	assert_int_equal(trial_rollback(a, b->a.id, &err), 0);
	assert_string_equal(a->state.default_slot, b->a.id);
	def = scratch_read(&b->s, "firmware/default");
	assert_string_equal(def, b->a.id);
	assert_false(scratch_has(&b->s, FAT "kferry/good.conf"));
}

/* commit went through, the state could not be saved (or power went): next boot. */
static void runs_again_goes_back_over_chains(void **state)
{
	struct board *b = *state;
	struct agent *a = &b->s.a;
	struct kf_error err = {0};

	arm(b, &b->a);
	boot(b, &b->a);
	assert_int_equal(trial_confirm(a, b->a.id, true, false, &err), 0);
	scratch_install(&b->s, &b->b);
	put_on_uboot(b, &b->b);
	arm(b, &b->b);
	boot(b, &b->b);
	assert_int_equal(boot_uboot.commit(a, b->b.id, &err), 0); /* power cut */
	assert_int_equal(boot(b, &b->b), KFERRY__TRIAL__TRIAL_RUNNING);
	assert_false(scratch_has(&b->s, FAT "kferry/good.conf"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(fall_back_to_the_same_build_is_no_trial),
		T(the_mark_may_be_missing_where_the_chain_says_so),
		T(what_cannot_be_looked_at_is_a_trial),
		T(what_says_nothing_of_itself_is_a_trial),
		T(what_was_never_started_is_not_bad),
		T(what_stays_armed_stays_a_trial),
		T(what_cannot_be_told_stays_a_trial),
		T(what_could_not_be_told_is_asked_for_again),
		T(an_arm_that_stays_is_a_trial),
		T(an_arm_that_changed_nothing_leaves_the_one_before),
		T(an_arm_settles_what_was_left),
		T(no_confirmation_after_the_deadline),
		T(rollback_keeps_the_deadline_of_what_runs),
		T(a_line_that_was_never_booted_is_not_confirmed),
		T(what_runs_is_confirmed_when_another_is_restaged),
		T(what_became_the_default_meanwhile_is_not_restaged),
		T(half_a_rollback_is_undone),
		T(a_whole_default_is_left_alone),
		T(a_default_of_another_chain_is_given_up),
		T(runs_again_goes_back_over_chains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
