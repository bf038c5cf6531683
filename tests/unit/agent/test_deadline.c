/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The script kferry-deadline, on a scratch board: it reboots an unconfirmed trial, and
 * nothing else. */
#include "proto/base/proc.h"
#include "tests/lib/board.h"

#define SCRIPT	"agent/units/kferry-deadline"
#define BOOT_ID "11111111-2222-3333-4444-555555555555"
#define OTHER	"99999999-2222-3333-4444-555555555555"

static void put_state(struct board *b, const char *phase, const char *slot,
		      const char *armed, const char *ran)
{
	_free_ char *text = NULL;

	assert_true(asprintf(&text,
			     "kferry-state 1\nnext-number 2\nnext-boot 3\n"
			     "known-good foreign\ndefault foreign\ntrial %s\n"
			     "trial-slot %s\ntrial-timeout 100\ntrial-armed-boot %s\n"
			     "trial-boot %s\ndigest 0\n",
			     phase, slot, armed, ran) > 0);
	put_text(b, "var/lib/kferry/state", text);
}

/* 0: it ended, 1: it rebooted, 2: it still waits. */
static int run(struct board *b, const char *uptime, int timeout_ms)
{
	_free_ char *root = NULL, *reboot = NULL;
	const char *const argv[] = {"/bin/sh", SCRIPT, NULL};
	const char *env[4] = {NULL, NULL, "KFERRY_TICK=0.05", NULL};
	const struct proc_opts opts = {.env_extra = env, .timeout_ms = timeout_ms};
	int status, r;

	assert_int_equal(fs_remove_tree(b->fd, "rebooted"), 0);
	put_text(b, "proc/uptime", uptime);
	assert_true(asprintf(&root, "KFERRY_ROOT=%s", b->path) > 0);
	assert_true(asprintf(&reboot, "KFERRY_REBOOT=%s/reboot", b->path) > 0);
	env[0] = root;
	env[1] = reboot;
	r = proc_run(argv, &opts, &status);
	if (r == -ETIMEDOUT)
		return 2;
	assert_int_equal(r, 0);
	assert_int_equal(status, 0);
	return fs_exists(b->fd, "rebooted");
}

static void deadline_init(struct board *b, const char *cmdline)
{
	board_init(b);
	put_text(b, "proc/cmdline", cmdline);
	put_text(b, "proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	put_text(b, "dev/kmsg", "");
	put_program(b, "reboot", "#!/bin/sh\n: >\"$KFERRY_ROOT/rebooted\"\n");
}

#define LONG_MS	 20000
#define SHORT_MS 300
#define EARLY	 "99.5 1.0\n"
#define LATE	 "160.0 1.0\n" /* 100 s and a minute of grace */

static void reboots_a_trial_that_is_late(void **state)
{
	_free_ char *kmsg = NULL;
	struct board b;

	(void)state;
	deadline_init(&b, "quiet kferry.slot=" TEST_SLOT " panic=10\n");
	put_state(&b, "armed", TEST_SLOT, OTHER, "-");
	assert_int_equal(run(&b, EARLY, SHORT_MS), 2);
	assert_int_equal(run(&b, LATE, LONG_MS), 1);
	put_state(&b, "running", TEST_SLOT, OTHER, BOOT_ID);
	assert_int_equal(run(&b, LATE, LONG_MS), 1);
	/* Its chain boots it again, and nobody ever confirmed it. */
	put_state(&b, "running", TEST_SLOT, OTHER, OTHER);
	assert_int_equal(run(&b, LATE, LONG_MS), 1);
	kmsg = get_text(&b, "dev/kmsg");
	assert_non_null(strstr(kmsg, "the trial of " TEST_SLOT " was not confirmed"));
	board_fini(&b);
}

static void leaves_all_else_alone(void **state)
{
	struct board b;

	(void)state;
	deadline_init(&b, "quiet kferry.slot=" TEST_SLOT);
	put_state(&b, "confirmed", TEST_SLOT, OTHER, BOOT_ID);
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	put_state(&b, "fell-back", TEST_SLOT, OTHER, OTHER);
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	put_state(&b, "none", "-", "-", "-");
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	/* Another slot's trial; this one armed again while it runs. */
	put_state(&b, "armed", "k-00000000", OTHER, "-");
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	put_state(&b, "armed", TEST_SLOT, BOOT_ID, "-");
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	/* A foreign kernel, whatever the state says. */
	put_text(&b, "proc/cmdline", "quiet\n");
	put_state(&b, "running", TEST_SLOT, OTHER, BOOT_ID);
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	board_fini(&b);
}

/* Another slot was armed since: the deadline of the one that runs counts all the same. */
static void reboots_when_another_was_armed(void **state)
{
	static const char text[] =
		"kferry-state 1\nnext-number 2\nnext-boot 3\nknown-good foreign\n"
		"default foreign\ntrial armed\ntrial-slot k-00000000\n"
		"trial-timeout 9000\ntrial-armed-boot " BOOT_ID "\ntrial-boot -\n"
		"unconfirmed-slot " TEST_SLOT "\nunconfirmed-timeout 100\n"
		"unconfirmed-boot %s\ndigest 0\n";
	_free_ char *this = NULL, *other = NULL;
	struct board b;

	(void)state;
	assert_true(asprintf(&this, text, BOOT_ID) > 0);
	assert_true(asprintf(&other, text, OTHER) > 0);
	deadline_init(&b, "quiet kferry.slot=" TEST_SLOT " panic=10\n");
	put_text(&b, "var/lib/kferry/state", this);
	assert_int_equal(run(&b, EARLY, SHORT_MS), 2);
	assert_int_equal(run(&b, LATE, LONG_MS), 1);
	put_text(&b, "var/lib/kferry/state", other);
	assert_int_equal(run(&b, LATE, LONG_MS), 0);
	board_fini(&b);
}

static void lost_state_is_waited_for_and_then_counts(void **state)
{
	struct board b;

	(void)state;
	deadline_init(&b, "kferry.slot=" TEST_SLOT "\n");
	assert_int_equal(run(&b, LATE, SHORT_MS), 2);
	assert_int_equal(run(&b, "900.1 1.0\n", LONG_MS), 1);
	put_text(&b, "var/lib/kferry/state", "garbage\ntrial-timeout x\n");
	assert_int_equal(run(&b, LATE, SHORT_MS), 2);
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reboots_a_trial_that_is_late),
		cmocka_unit_test(leaves_all_else_alone),
		cmocka_unit_test(reboots_when_another_was_armed),
		cmocka_unit_test(lost_state_is_waited_for_and_then_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
