/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots: opening, refusals of removal, retention, and the modules that are shown. */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/boot/boot.h"
#include "agent/slot/slot.h"
#include "agent/slot/slot_modules.h"
#include "agent/trial/trial.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "tests/lib/mounted.h"

#define VAR "var/lib/kferry/"

static void install(struct scratch *s, char seed, char id[SLOT_ID_SIZE])
{
	struct kernel k;

	kernel_init(&k, "6.9.0-test", seed);
	kernel_finish(&k);
	scratch_install(s, &k);
	memcpy(id, k.id, SLOT_ID_SIZE);
	kernel_fini(&k);
}

static void test_open(void **state)
{
	struct scratch *s = *state;
	_slot_ struct slot slot = {.fd = -1};
	struct kf_error err = {0};
	char id[SLOT_ID_SIZE], path[64];
	uint64_t bytes;

	assert_int_equal(slot_open(&s->a, "k-00000000", &slot, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
	assert_true(slot_open(&s->a, "../state", &slot, &err) < 0);
	install(s, 'a', id);
	assert_int_equal(slot_open(&s->a, id, &slot, &err), 0);
	assert_string_equal(slot.id, id);
	assert_string_equal(slot.manifest.release, "6.9.0-test");
	assert_string_equal(slot.conf.chain, "hook");
	assert_string_equal(slot.conf.initramfs, "none");
	assert_string_equal(slot.conf.base, "root=/dev/vda1 quiet");
	assert_int_equal(slot_bytes(&slot, &bytes), 0);
	assert_true(bytes > 200 * 1024);
	slot_close(&slot);
	snprintf(path, sizeof(path), VAR "slots/%s/manifest", id);
	scratch_write(s, path, "kferry-manifest 1\n", 18);
	assert_true(slot_open(&s->a, id, &slot, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_STATE);
}

static void refused(struct scratch *s, const char *id, const char *why)
{
	struct kf_error err = {0};

	assert_int_equal(slot_remove(&s->a, id, &err), -EBUSY);
	assert_int_equal(err.reason, KF_REASON_SLOT_IN_USE);
	assert_non_null(strstr(err.msg, why));
	assert_int_not_equal(scratch_state(s, id), KFERRY__SLOT_STATE__SLOT_GONE);
}

static void test_remove(void **state)
{
	struct scratch *s = *state;
	struct state *st = &s->a.state;
	struct kf_error err = {0};
	char id[SLOT_ID_SIZE], path[64];

	install(s, 'a', id);
	snprintf(st->known_good, sizeof(st->known_good), "%s", id);
	refused(s, id, "known-good");
	snprintf(st->known_good, sizeof(st->known_good), "%s", FOREIGN);
	snprintf(st->default_slot, sizeof(st->default_slot), "%s", id);
	refused(s, id, "default");
	snprintf(st->default_slot, sizeof(st->default_slot), "%s", FOREIGN);
	snprintf(st->trial.slot, sizeof(st->trial.slot), "%s", id);
	st->trial.phase = KFERRY__TRIAL__TRIAL_ARMED;
	refused(s, id, "trial");
	st->trial.phase = KFERRY__TRIAL__TRIAL_FELL_BACK;
	snprintf(s->a.boot.slot, sizeof(s->a.boot.slot), "%s", id);
	refused(s, id, "running");
	s->a.boot.slot[0] = '\0';
	assert_int_equal(slot_remove(&s->a, id, &err), 0);
	assert_int_equal(st->n_slots, 0);
	snprintf(path, sizeof(path), VAR "slots/%s", id);
	assert_false(scratch_has(s, path));
	snprintf(path, sizeof(path), "firmware/cmdline-%s", id);
	assert_false(scratch_has(s, path));
	assert_false(scratch_has(s, "lib/modules/6.9.0-test"));
	assert_int_equal(slot_remove(&s->a, id, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
}

/* The chain cannot forget it now: the slot is gone, and its removal goes on later. */
static void test_remove_fails(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	char id[SLOT_ID_SIZE];

	install(s, 'a', id);
	scratch_refuse(s, "remove", true);
	assert_true(slot_remove(&s->a, id, &err) < 0);
	assert_int_equal(scratch_state(s, id), KFERRY__SLOT_STATE__SLOT_GONE);
	scratch_boot(s, NULL);
	assert_int_equal(scratch_state(s, id), KFERRY__SLOT_STATE__SLOT_GONE);
	scratch_refuse(s, "remove", false);
	assert_int_equal(slot_remove(&s->a, id, &err), 0);
	assert_int_equal(s->a.state.n_slots, 0);
}

static void test_retention(void **state)
{
	struct scratch *s = *state;
	char ids[7][SLOT_ID_SIZE];

	install(s, 'a', ids[0]);
	snprintf(s->a.state.known_good, sizeof(s->a.state.known_good), "%s", ids[0]);
	install(s, 'b', ids[1]);
	snprintf(s->a.boot.slot, sizeof(s->a.boot.slot), "%s", ids[1]);
	for (size_t i = 2; i < 7; i++)
		install(s, (char)('a' + i), ids[i]);
	/* keep = 3, the known-good and the running one besides. */
	assert_int_equal(s->a.state.n_slots, 5);
	assert_non_null(state_find(&s->a.state, ids[0]));
	assert_non_null(state_find(&s->a.state, ids[1]));
	assert_null(state_find(&s->a.state, ids[2]));
	assert_null(state_find(&s->a.state, ids[3]));
	assert_non_null(state_find(&s->a.state, ids[6]));
}

/* The older one gets another command line: that deploy is about to arm it. */
static void test_retention_spares_what_is_staged_anew(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.extra = "debug"};
	struct kernel a, b;

	kernel_make(&a, 'a');
	kernel_make(&b, 'b');
	scratch_install(s, &a);
	scratch_install(s, &b);
	s->a.conf.keep = 1;
	assert_int_equal(scratch_deploy(s, &a, &t), 0);
	assert_non_null(state_find(&s->a.state, a.id));
	assert_null(state_find(&s->a.state, b.id));
	kernel_fini(&a);
	kernel_fini(&b);
}

static void test_retention_of_bad_ones(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	char ids[3][SLOT_ID_SIZE];

	for (size_t i = 0; i < 3; i++)
		install(s, (char)('a' + i), ids[i]);
	state_find(&s->a.state, ids[0])->state = KFERRY__SLOT_STATE__SLOT_BAD;
	state_find(&s->a.state, ids[2])->state = KFERRY__SLOT_STATE__SLOT_BAD;
	assert_int_equal(slot_retain(&s->a, &err), 0);
	assert_null(state_find(&s->a.state, ids[0]));
	assert_non_null(state_find(&s->a.state, ids[1]));
	assert_non_null(state_find(&s->a.state, ids[2]));
}

static void link_of(struct scratch *s, char dst[256])
{
	_free_ char *path = agent_path(&s->a, "/lib/modules/6.9.0-test");
	ssize_t n = readlink(path, dst, 255);

	assert_true(n > 0);
	dst[n] = '\0';
}

static int show(struct scratch *s, const char *id, struct kf_error *err)
{
	_slot_ struct slot slot = {.fd = -1};

	assert_int_equal(slot_open(&s->a, id, &slot, err), 0);
	return slot_show_modules(&s->a, &slot, err);
}

static void test_show_modules(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	char a[SLOT_ID_SIZE], b[SLOT_ID_SIZE], target[256];
	_free_ char *path = agent_path(&s->a, "/lib/modules/6.9.0-test");

	install(s, 'a', a);
	install(s, 'b', b);
	link_of(s, target); /* the first one's, as nothing was there */
	assert_non_null(strstr(target, a));
	assert_int_equal(show(s, b, &err), 0);
	link_of(s, target);
	assert_non_null(strstr(target, b));
	assert_true(scratch_has(s, "lib/modules/6.9.0-test/kernel/b.ko"));
	/* Somebody else's link, and a distribution's directory, stay. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(show(s, b, &err), -EEXIST);
	link_of(s, target);
	assert_string_equal(target, "/nowhere");
	assert_int_equal(unlink(path), 0);
	scratch_write(s, "lib/modules/6.9.0-test/modules.dep", "x", 1);
	assert_int_equal(show(s, b, &err), -ENOTSUP);
	assert_true(scratch_has(s, "lib/modules/6.9.0-test/modules.dep"));
	assert_false(scratch_has(s, "lib/modules/.kferry-new"));
}

/* Mounts of its own, and a /lib/modules in them that cannot be written; false: it is not
 * allowed to. */
static bool read_only_modules(struct scratch *s, const char *at)
{
	if (unshare(CLONE_NEWNS) < 0) {
		assert_int_equal(errno, EPERM);
		return false;
	}
	if (!test_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	scratch_write(s, "lib/modules/6.1.0-own/modules.dep", "x", 1);
	return test_mount(at, at, NULL, MS_BIND, NULL) &&
	       test_mount(NULL, at, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

static void test_show_modules_on_a_read_only_root(void **state)
{
	struct scratch *s = *state;
	_free_ char *at = agent_path(&s->a, "/lib/modules");
	_free_ char *own = agent_path(&s->a, "/run/kferry/modules-own");
	struct kf_error err = {0};
	char a[SLOT_ID_SIZE], b[SLOT_ID_SIZE], target[256];

	install(s, 'a', a);
	install(s, 'b', b);
	slot_forget_modules(&s->a, a);
	if (!read_only_modules(s, at))
		skip();
	s->a.scratch = false; /* mounts are private, and paths have the root in front */
	for (int again = 0; again < 2; again++) {
		if (show(s, b, &err) < 0)
			fail_msg("%s", err.msg);
		link_of(s, target);
		assert_non_null(strstr(target, b));
		assert_true(scratch_has(s, "lib/modules/6.9.0-test/kernel/b.ko"));
		assert_true(scratch_has(s, "lib/modules/6.1.0-own/modules.dep"));
	}
	assert_int_equal(show(s, a, &err), 0);
	link_of(s, target);
	assert_non_null(strstr(target, a));
	s->a.scratch = true;
	assert_int_equal(umount2(at, MNT_DETACH), 0);
	/* What was covered was not written to. */
	assert_false(scratch_has(s, "lib/modules/6.9.0-test"));
	assert_int_equal(umount2(at, MNT_DETACH), 0);
	assert_int_equal(umount2(own, MNT_DETACH), 0);
}

static void test_park(void **state)
{
	struct scratch *s = *state;
	_slot_ struct slot slot = {.fd = -1};
	struct kf_error err = {0};
	char id[SLOT_ID_SIZE], text[256];
	struct trip t = {0};
	struct kernel k;

	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	scratch_install(s, &k);
	memcpy(id, k.id, SLOT_ID_SIZE);
	assert_int_equal(trial_arm(&s->a, id, 0, text, &err), 0);
	assert_int_equal(slot_park(&s->a, &boot_hook, id, &err), -EBUSY);
	assert_int_equal(trial_rollback(&s->a, FOREIGN, &err), 0);
	assert_int_equal(slot_park(&s->a, &boot_hook, id, &err), 0);
	assert_int_equal(slot_park(&s->a, &boot_hook, id, &err), 0);
	assert_int_equal(slot_open(&s->a, id, &slot, &err), 0);
	assert_null(slot.conf.chain);
	assert_true(trial_arm(&s->a, id, 0, text, &err) < 0);
	assert_non_null(strstr(err.msg, "deploy it again"));
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 0);
	assert_int_equal(trial_arm(&s->a, id, 0, text, &err), 0);
	kernel_fini(&k);
}

/* What could not be taken away is not forgotten. */
static void test_park_fails(void **state)
{
	struct scratch *s = *state;
	_slot_ struct slot slot = {.fd = -1}, parked = {.fd = -1};
	struct kf_error err = {0};
	char id[SLOT_ID_SIZE];

	install(s, 'a', id);
	scratch_refuse(s, "remove", true);
	assert_true(slot_park(&s->a, &boot_hook, id, &err) < 0);
	assert_int_equal(slot_open(&s->a, id, &slot, &err), 0);
	assert_null(slot.conf.chain); /* nothing takes it for bootable */
	assert_string_equal(slot_left_at(&slot.conf), "hook");
	scratch_refuse(s, "remove", false);
	assert_int_equal(slot_park(&s->a, &boot_hook, id, &err), 0);
	assert_int_equal(slot_open(&s->a, id, &parked, &err), 0);
	assert_null(slot_left_at(&parked.conf));
}

static void test_conf(void **state)
{
	struct scratch *s = *state;
	struct slot_conf c = {.chain = (char *)"hook",
			      .cmdline = (char *)"a=\"b c\" d",
			      .initramfs = (char *)"graft",
			      .initrd_base = 12345};
	_slot_conf_ struct slot_conf back = {0};
	struct kf_error err = {0};

	assert_int_equal(slot_conf_save(s->a.state_fd, &c, &err), 0);
	assert_int_equal(slot_conf_load(s->a.state_fd, &back), 0);
	assert_string_equal(back.cmdline, c.cmdline);
	assert_null(back.base);
	assert_int_equal(back.initrd_base, 12345);
	c.cmdline = (char *)"quiet\nchain other";
	assert_int_equal(slot_conf_save(s->a.state_fd, &c, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)
		T(test_open),
		T(test_remove),
		T(test_remove_fails),
		T(test_retention),
		T(test_retention_spares_what_is_staged_anew),
		T(test_retention_of_bad_ones),
		T(test_show_modules),
		T(test_show_modules_on_a_read_only_root),
		T(test_park),
		T(test_park_fails),
		T(test_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
