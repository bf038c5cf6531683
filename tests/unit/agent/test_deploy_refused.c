/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deploys that a board refuses: with what reason, and that nothing of them stays. */
#include "tests/lib/scratch.h"

#include <string.h>

#include "proto/reason.h"

static void refused(struct scratch *s, const struct kernel *k, struct trip *t, int reason)
{
	assert_true(scratch_deploy(s, k, t) < 0);
	if (t->err.reason != reason)
		fail_msg("reason %d: %s", t->err.reason, t->err.msg);
	assert_int_equal(s->a.state.n_slots, 0);
	assert_false(scratch_has(s, kernel_path(k, "slots", "")));
	assert_false(scratch_has(s, kernel_path(k, "staging", ".part")));
}

static void test_refused_at_once(void **state)
{
	struct scratch *s = *state;
	struct trip arch = {.arch = "riscv"}, kind = {.kind = "rpi4"},
		    space = {.total_bytes = UINT64_C(1) << 60},
		    words = {.extra = "-- single"};
	char longer[LIMIT_CMDLINE];
	struct trip too_long = {.cmdline = longer};
	struct kernel k;

	kernel_make(&k, 'a');
	refused(s, &k, &arch, KF_REASON_ARCH);
	refused(s, &k, &kind, KF_REASON_BOARD_KIND);
	refused(s, &k, &space, KF_REASON_SPACE);
	assert_non_null(strstr(space.err.msg, "/var/lib/kferry"));
	refused(s, &k, &words, KF_REASON_INVALID);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused(s, &k, &too_long, KF_REASON_INVALID);
	assert_false(scratch_has(s, kernel_path(&k, "staging", "")));
	kernel_fini(&k);
}

static void test_refused_chain(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0}, no_arm = {.no_arm = true};
	struct kernel k;

	kernel_make(&k, 'a');
	scratch_refuse(s, "probe", true);
	assert_true(scratch_deploy(s, &k, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_BOOT_CHAIN);
	assert_int_equal(scratch_deploy(s, &k, &no_arm), 0);
	/* Once the chain works the same deploy stages the slot for it. */
	scratch_refuse(s, "probe", false);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_false(t.installed);
	assert_int_equal(t.wanted, 0);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_true(t.installed);
	kernel_fini(&k);
}

static void test_wrong_bytes(void **state)
{
	struct scratch *s = *state;
	struct kernel k, other;
	struct trip t = {.send = &other};

	kernel_make(&k, 'a');
	kernel_init(&other, "6.9.0-test", 'b'); /* the same sizes */
	refused(s, &k, &t, KF_REASON_DIGEST);
	kernel_init(&other, "6.9.0-test", 'a');
	other.files[1].size = 20;
	refused(s, &k, &t, KF_REASON_PACKAGE);
	kernel_init(&other, "6.9.0-test", 'a');
	snprintf(other.files[1].path, sizeof(other.files[1].path), "%s", "boot/unknown");
	refused(s, &k, &t, KF_REASON_PACKAGE);
	kernel_init(&other, "6.9.0-test", 'a');
	other.n_files = 2;
	refused(s, &k, &t, KF_REASON_PACKAGE);
	t.send = NULL;
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	kernel_fini(&k);
}

/* The disk has other bytes than were written: nothing is installed, and what is wrong is
 * sent again. */
static void test_other_bytes_on_the_disk(void **state)
{
	const char *wrong = "modules/6.9.0-test/kernel/b.ko";
	struct scratch *s = *state;
	Kferry__Installed done = KFERRY__INSTALLED__INIT;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	Kferry__Need need = KFERRY__NEED__INIT;
	struct kf_error err = {0};
	_free_ char *data = NULL;
	Kferry__PlanRequest req;
	struct deploy *d = NULL;
	struct trip t = {0};
	struct kernel k;
	struct stream sent;

	kernel_make(&k, 'a');
	scratch_request(&k, &t, &req);
	assert_int_equal(deploy_begin(&s->a, &req, "t", &d, &plan, &err), 0);
	assert_int_equal(
		deploy_manifest(d, buf_data(&k.manifest), buf_len(&k.manifest), &err), 0);
	assert_int_equal(deploy_need(d, &need, &err), 0);
	stream_init(&sent, &k, need.bitmap.data);
	assert_int_equal(deploy_receive(d, stream_pull, &sent, &err), 0);
	stream_fini(&sent);
	data = scratch_read(s, kernel_path(&k, "staging", wrong));
	data[0] ^= 1;
	scratch_write(s, kernel_path(&k, "staging", wrong), data, strlen(data));
	assert_int_equal(deploy_install(d, &done, &err), -EIO);
	assert_int_equal(err.reason, KF_REASON_DIGEST);
	assert_non_null(strstr(err.msg, wrong));
	deploy_end(d);
	assert_false(scratch_has(s, kernel_path(&k, "slots", "")));
	assert_false(scratch_has(s, kernel_path(&k, "staging", wrong)));
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 1);
	kernel_fini(&k);
}

static void test_wrong_manifest(void **state)
{
	struct scratch *s = *state;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	Kferry__Need need = KFERRY__NEED__INIT;
	Kferry__Installed done = KFERRY__INSTALLED__INIT;
	Kferry__PlanRequest req;
	struct deploy *d = NULL;
	struct trip t = {0};
	struct kernel k, other;
	struct kf_error err = {0};

	kernel_make(&k, 'a');
	kernel_make(&other, 'b');
	scratch_request(&k, &t, &req);
	assert_int_equal(deploy_begin(&s->a, &req, "t", &d, &plan, &err), 0);
	assert_true(deploy_need(d, &need, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_PROTOCOL);
	assert_true(deploy_install(d, &done, &err) < 0);
	assert_true(deploy_manifest(d, buf_data(&other.manifest),
				    buf_len(&other.manifest), &err) < 0);
	assert_int_equal(err.reason, KF_REASON_DIGEST);
	deploy_end(d);
	/* Announced as another release than it is. */
	req.release = (char *)"5.4.0";
	assert_int_equal(deploy_begin(&s->a, &req, "t", &d, &plan, &err), 0);
	assert_true(deploy_manifest(d, buf_data(&k.manifest), buf_len(&k.manifest),
				    &err) < 0);
	assert_int_equal(err.reason, KF_REASON_MANIFEST);
	deploy_end(d);
	assert_false(scratch_has(s, kernel_path(&k, "staging", "manifest")));
	kernel_fini(&k);
	kernel_fini(&other);
}

/* Another package whose digest begins with the same 32 bits. */
static void test_collision(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;

	kernel_make(&k, 'a');
	scratch_install(s, &k);
	k.digest.b[DIGEST_SIZE - 1] ^= 1;
	assert_true(scratch_deploy(s, &k, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_EXISTS);
	assert_int_equal(s->a.state.n_slots, 1);
	kernel_fini(&k);
}

static void test_failed_stage_is_undone(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;

	kernel_make(&k, 'a');
	scratch_refuse(s, "stage", true);
	refused(s, &k, &t, KF_REASON_BOOT_CHAIN);
	assert_true(scratch_has(s, kernel_path(&k, "staging", "boot/image")));
	scratch_refuse(s, "stage", false);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 0);
	kernel_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)
		T(test_refused_at_once),
		T(test_refused_chain),
		T(test_wrong_bytes),
		T(test_other_bytes_on_the_disk),
		T(test_wrong_manifest),
		T(test_collision),
		T(test_failed_stage_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
