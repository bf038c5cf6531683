/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing an agent up: what runs, a damaged state, the early-boot step. */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/trial/early.h"
#include "agent/trial/trial.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define VAR "var/lib/kferry/"

static void test_what_runs(void **state)
{
	struct scratch s;
	struct kernel k;

	(void)state;
	scratch_new(&s);
	assert_string_equal(s.a.boot.release, "6.1.0-foreign");
	assert_string_equal(s.a.boot.build_id, FOREIGN_ID);
	assert_string_equal(s.a.boot.cmdline, "BOOT_IMAGE=/old root=/dev/vda1 quiet");
	assert_string_equal(s.a.boot.slot, "");
	assert_string_equal(s.a.boot.boot_id, "00000000-0000-4000-8000-000000000001");
	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	scratch_install(&s, &k);
	scratch_boot(&s, &k);
	assert_string_equal(s.a.boot.slot, k.id);
	/* A chain that passes no mark: the build-id alone tells. */
	snprintf(k.id, sizeof(k.id), "%s", "");
	scratch_boot(&s, &k);
	assert_string_equal(s.a.boot.slot, s.a.state.slots[0].id);
	kernel_fini(&k);
	scratch_free(&s);
}

static void test_bad_conf(void **state)
{
	struct kf_error err = {0};
	struct scratch s;
	struct agent a;

	(void)state;
	scratch_new(&s);
	scratch_conf(&s, "wrong = 1\n");
	assert_true(agent_init(&a, s.root, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_CONFIG);
	scratch_free(&s);
}

static void test_damaged_state(void **state)
{
	struct kf_error err = {0};
	struct scratch s;
	struct kernel k;
	unsigned timeout_s;

	(void)state;
	scratch_new(&s);
	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	scratch_install(&s, &k);
	scratch_write(&s, VAR "boots/41/record", "x", 1);
	scratch_write(&s, VAR "state", "kferry-state 1\nnonsense\n", 24);
	scratch_boot(&s, &k);
	assert_true(scratch_has(&s, VAR "state.damaged"));
	assert_string_equal(s.a.state.known_good, FOREIGN);
	assert_int_equal(scratch_state(&s, k.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_string_equal(s.a.boot.slot, k.id);
	assert_int_equal(s.a.state.next_boot, 42);
	assert_int_equal(trial_boot(&s.a, &err), 0);
	assert_true(trial_timeout(&s.a, &timeout_s));
	/* Until somebody says that it is good. */
	assert_int_equal(trial_confirm(&s.a, k.id, false, false, &err), 0);
	assert_false(trial_timeout(&s.a, &timeout_s));
	kernel_fini(&k);
	scratch_free(&s);
}

/* Not a new board: what is installed must not be taken for half installed. */
static void test_lost_state(void **state)
{
	struct kf_error err = {0};
	struct scratch s;
	struct kernel k;

	(void)state;
	scratch_new(&s);
	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	scratch_install(&s, &k);
	assert_int_equal(unlinkat(s.a.state_fd, "state", 0), 0);
	scratch_boot(&s, &k);
	assert_int_equal(scratch_state(&s, k.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_string_equal(s.a.boot.slot, k.id);
	assert_int_equal(deploy_recover(&s.a, &err), 0);
	assert_int_equal(s.a.state.n_slots, 1);
	kernel_fini(&k);
	scratch_free(&s);
}

/* As kferry-deadline finds it: 1 when it reboots, 0 when it ends. */
static int deadline_runs_out(struct scratch *s)
{
	_free_ char *root = NULL, *program = agent_path(&s->a, "/reboot"), *reboot = NULL;
	const char *const argv[] = {"/bin/sh", "agent/units/kferry-deadline", NULL};
	const char *env[3] = {NULL, NULL, NULL};
	const struct proc_opts opts = {.env_extra = env, .timeout_ms = 20000};
	static const char text[] = "#!/bin/sh\n: >\"$KFERRY_ROOT/rebooted\"\n";
	int status;

	scratch_write(s, "reboot", text, strlen(text));
	assert_int_equal(chmod(program, 0755), 0);
	scratch_write(s, "proc/uptime", "9000.0 1.0\n", 11);
	scratch_write(s, "dev/kmsg", "", 0);
	assert_true(asprintf(&root, "KFERRY_ROOT=%s", s->root) > 0);
	assert_true(asprintf(&reboot, "KFERRY_REBOOT=%s", program) > 0);
	env[0] = root;
	env[1] = reboot;
	assert_int_equal(proc_run(argv, &opts, &status), 0);
	assert_int_equal(status, 0);
	return scratch_has(s, "rebooted");
}

/* A trial runs, it is up for a long time, and the state goes: nothing that ends a trial
 * may stop, and it must not end in the same instant either. */
static void test_lost_state_ends_no_deadline(void **state)
{
	const struct timespec ago[2] = {{.tv_sec = time(NULL) - 5000},
					{.tv_sec = time(NULL) - 5000}};
	_free_ char *id = NULL;
	struct kf_error err = {0};
	struct scratch s;
	struct kernel k;
	unsigned timeout_s;

	(void)state;
	scratch_new(&s);
	kernel_make(&k, 'a');
	scratch_install(&s, &k);
	scratch_boot(&s, &k);
	assert_int_equal(unlinkat(s.a.state_fd, "state", 0), 0);
	id = agent_path(&s.a, "/proc/sys/kernel/random/boot_id");
	assert_int_equal(utimensat(AT_FDCWD, id, ago, 0), 0);
	scratch_off(&s);
	scratch_on(&s);
	assert_int_equal(trial_boot(&s.a, &err), 0);
	assert_true(trial_timeout(&s.a, &timeout_s));
	assert_false(trial_is_over(&s.a));
	assert_true(trial_left_ms(&s.a) / 1000 <= s.a.conf.confirm_timeout_s);
	assert_int_equal(deadline_runs_out(&s), 1);
	/* It was the default after all: that has cost it one reboot. */
	scratch_boot(&s, &k);
	assert_int_equal(trial_boot(&s.a, &err), 0);
	assert_false(trial_timeout(&s.a, &timeout_s));
	kernel_fini(&k);
	scratch_free(&s);
}

static void test_early_makes_nothing(void **state)
{
	struct scratch s;

	(void)state;
	scratch_new_off(&s);
	assert_int_equal(early_run(s.root, false), 0);
	assert_false(scratch_has(&s, "var"));
	scratch_on(&s);
	scratch_free(&s);
}

static void test_early(void **state)
{
	_free_ char *log = NULL, *dog = NULL, *state_before = NULL, *state_after = NULL;
	struct kf_error err = {0};
	struct scratch s;
	struct kernel a, b;
	char text[256];

	(void)state;
	scratch_new(&s);
	scratch_conf(&s, "watchdog = /dev/dog\n");
	kernel_init(&a, "6.9.0-test", 'a');
	kernel_finish(&a);
	kernel_init(&b, "6.9.0-test", 'b');
	kernel_finish(&b);
	scratch_install(&s, &a);
	scratch_install(&s, &b);
	assert_int_equal(trial_arm(&s.a, b.id, 60, text, &err), 0);
	scratch_boot(&s, &b);
	scratch_write(&s, "dev/kmsg", "", 0);
	scratch_write(&s, "dev/dog", "", 0);
	state_before = scratch_read(&s, VAR "state");
	assert_int_equal(early_run(s.root, false), 0);
	state_after = scratch_read(&s, VAR "state");
	assert_string_equal(state_before, state_after);
	log = scratch_read(&s, "dev/kmsg");
	assert_non_null(strstr(log, b.id));
	/* Petted, and closed without the 'V' that would stop it. */
	dog = scratch_read(&s, "dev/dog");
	assert_string_equal(dog, "\n");
	assert_true(scratch_inode(&s, "lib/modules/6.9.0-test/kernel/b.ko") > 0);
	kernel_fini(&a);
	kernel_fini(&b);
	scratch_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_runs),
		cmocka_unit_test(test_bad_conf),
		cmocka_unit_test(test_damaged_state),
		cmocka_unit_test(test_lost_state),
		cmocka_unit_test(test_lost_state_ends_no_deadline),
		cmocka_unit_test(test_early_makes_nothing),
		cmocka_unit_test(test_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
