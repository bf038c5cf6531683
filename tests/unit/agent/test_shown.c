/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose modules are shown: for how long, what is refused, what a crash leaves. */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/slot/shown.h"
#include "agent/slot/slot_modules.h"
#include "agent/trial/early.h"
#include "agent/trial/trial.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define RELEASE "6.9.0-test"
#define LINK	"lib/modules/" RELEASE
#define B_KO	3 /* of a kernel's files */

struct board {
	struct scratch s;
	struct kernel a; /* runs */
};

/* The image of seed a, with another module b. */
static void variant(struct kernel *k, const char *b)
{
	kernel_init(k, RELEASE, 'a');
	snprintf(k->files[B_KO].data, sizeof(k->files[B_KO].data), "%s", b);
	kernel_finish(k);
}

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	kernel_init(&b->a, RELEASE, 'a');
	kernel_finish(&b->a);
	scratch_install(&b->s, &b->a);
	scratch_boot(&b->s, &b->a);
	assert_int_equal(early_run(b->s.root, false), 0);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	kernel_fini(&b->a);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void install(struct board *b, const struct kernel *k)
{
	struct trip t = {.modules_only = true};

	if (scratch_deploy(&b->s, k, &t) < 0)
		fail_msg("%s", t.err.msg);
}

static void change(struct board *b, const char *id, struct shown_change *c)
{
	struct kf_error err = {0};

	if (shown_switch(&b->s.a, id, c, &err) < 0)
		fail_msg("%s", err.msg);
}

/* What the kernel would load is the slot's, and the agent knows it. */
static void expect_shown(struct board *b, const struct kernel *k)
{
	_free_ char *ko = scratch_read(&b->s, LINK "/kernel/b.ko");
	char now[SLOT_ID_SIZE];

	shown_now(&b->s.a, now);
	assert_string_equal(now, k->id);
	assert_memory_equal(ko, k->files[B_KO].data, strlen(k->files[B_KO].data));
}

static void agent_restarts(struct board *b)
{
	scratch_off(&b->s);
	scratch_on(&b->s);
	shown_start(&b->s.a);
}

static void are_shown_until_the_next_boot(void **state)
{
	struct board *b = *state;
	struct shown_change c;
	struct kernel y;
	_free_ char *text = NULL;

	variant(&y, "module b changed");
	expect_shown(b, &b->a);
	install(b, &y);
	expect_shown(b, &b->a);
	change(b, y.id, &c);
	expect_shown(b, &y);
	assert_string_equal(c.slot, y.id);
	assert_string_equal(c.release, RELEASE);
	assert_int_equal(c.changed, 1);
	assert_int_equal(c.total, 2);
	assert_int_equal(c.n_names, 1);
	assert_string_equal(c.names[0], "b");
	assert_string_equal(b->s.a.boot.slot, b->a.id);
	/* The agent starts again, with its early step. */
	assert_int_equal(early_run(b->s.root, false), 0);
	agent_restarts(b);
	expect_shown(b, &y);
	/* A boot. */
	scratch_boot(&b->s, &b->a);
	assert_int_equal(early_run(b->s.root, false), 0);
	shown_start(&b->s.a);
	expect_shown(b, &b->a);
	assert_string_equal(b->s.a.state.modules.slot, "");
	text = scratch_read(&b->s, "var/lib/kferry/state");
	assert_null(strstr(text, "modules-"));
	assert_int_equal(scratch_state(&b->s, y.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	kernel_fini(&y);
}

/* keep = 3: one has to go, and only that one cannot boot. */
static void are_the_first_that_retention_removes(void **state)
{
	static const char seeds[] = "bcd";
	struct board *b = *state;
	struct kernel y, boots[3];

	variant(&y, "module b changed");
	for (size_t i = 0; i < 3; i++) {
		if (i == 2)
			install(b, &y);
		kernel_make(&boots[i], seeds[i]);
		scratch_install(&b->s, &boots[i]);
	}
	assert_null(state_find(&b->s.a.state, y.id));
	assert_false(scratch_has(&b->s, kernel_path(&y, "slots", "")));
	for (size_t i = 0; i < 3; i++) {
		assert_non_null(state_find(&b->s.a.state, boots[i].id));
		kernel_fini(&boots[i]);
	}
	assert_non_null(state_find(&b->s.a.state, b->a.id));
	kernel_fini(&y);
}

/* Shown, it is in use; then what is older goes, as ever. */
static void while_they_are_shown_retention_goes_by_age(void **state)
{
	static const char seeds[] = "bcde";
	struct board *b = *state;
	struct shown_change c;
	struct kernel y, boots[4];

	variant(&y, "module b changed");
	install(b, &y);
	change(b, y.id, &c);
	for (size_t i = 0; i < 4; i++) {
		kernel_make(&boots[i], seeds[i]);
		scratch_install(&b->s, &boots[i]);
	}
	assert_non_null(state_find(&b->s.a.state, y.id));
	expect_shown(b, &y);
	assert_null(state_find(&b->s.a.state, boots[0].id));
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			assert_non_null(state_find(&b->s.a.state, boots[i].id));
		kernel_fini(&boots[i]);
	}
	kernel_fini(&y);
}

static void own_ones_come_back(void **state)
{
	struct board *b = *state;
	struct shown_change c;
	struct kernel y;

	variant(&y, "module b changed");
	install(b, &y);
	change(b, y.id, &c);
	change(b, y.id, &c);
	assert_int_equal(c.changed, 0);
	change(b, "", &c);
	assert_string_equal(c.slot, b->a.id);
	assert_int_equal(c.changed, 1);
	expect_shown(b, &b->a);
	/* It was there for its modules only. */
	assert_int_equal(b->s.a.state.n_slots, 1);
	assert_string_equal(b->s.a.state.modules.slot, "");
	kernel_fini(&y);
}

static void the_one_before_is_dropped(void **state)
{
	struct board *b = *state;
	struct shown_change c;
	struct kernel y[3];
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(y); i++) {
		snprintf(text, sizeof(text), "module b, try %zu", i);
		variant(&y[i], text);
		install(b, &y[i]);
		change(b, y[i].id, &c);
		assert_int_equal(c.changed, 1);
		expect_shown(b, &y[i]);
		assert_int_equal(b->s.a.state.n_slots, 2);
	}
	for (size_t i = 0; i < ARRAY_SIZE(y); i++)
		kernel_fini(&y[i]);
}

static void what_is_shown_is_not_removed(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	struct shown_change c;
	struct kernel y, other;

	b->s.a.conf.keep = 0;
	variant(&y, "module b changed");
	install(b, &y);
	change(b, y.id, &c);
	assert_int_equal(slot_remove(&b->s.a, y.id, &err), -EBUSY);
	assert_int_equal(err.reason, KF_REASON_SLOT_IN_USE);
	assert_non_null(strstr(err.msg, "module restore"));
	kernel_init(&other, "6.9.1-test", 'o');
	kernel_finish(&other);
	scratch_install(&b->s, &other);
	assert_int_equal(slot_retain(&b->s.a, &err), 0);
	expect_shown(b, &y);
	assert_int_equal(b->s.a.state.n_slots, 2);
	/* Of an earlier boot it is a slot like any other. */
	scratch_boot(&b->s, &b->a);
	assert_int_equal(early_run(b->s.root, false), 0);
	assert_int_equal(slot_remove(&b->s.a, y.id, &err), 0);
	expect_shown(b, &b->a);
	agent_restarts(b);
	assert_int_equal(b->s.a.state.n_slots, 1);
	kernel_fini(&y);
	kernel_fini(&other);
}

static void refused(struct board *b, const struct kernel *k, int reason, const char *why)
{
	struct trip t = {.modules_only = true};
	struct shown_change c;
	struct kf_error err = {0};
	char before[SLOT_ID_SIZE], now[SLOT_ID_SIZE];
	unsigned slots = b->s.a.state.n_slots;

	shown_now(&b->s.a, before);
	assert_true(scratch_deploy(&b->s, k, &t) < 0);
	assert_int_equal(t.err.reason, reason);
	if (!strstr(t.err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", t.err.msg, why);
	assert_int_equal(b->s.a.state.n_slots, slots);
	/* Installed some other way it is refused as well. */
	t.modules_only = false;
	if (scratch_deploy(&b->s, k, &t) < 0)
		fail_msg("%s", t.err.msg);
	assert_true(shown_switch(&b->s.a, k->id, &c, &err) < 0);
	assert_int_equal(err.reason, reason);
	assert_non_null(strstr(err.msg, why));
	shown_now(&b->s.a, now);
	assert_string_equal(now, before);
	assert_string_equal(b->s.a.state.modules.slot, "");
}

static void another_image_is_refused(void **state)
{
	struct board *b = *state;
	struct kernel k;

	kernel_init(&k, RELEASE, 'b');
	kernel_finish(&k);
	refused(b, &k, KF_REASON_NOT_RUNNING, "the image has changed");
	kernel_fini(&k);
}

static void another_release_is_refused(void **state)
{
	struct board *b = *state;
	struct trip t = {.modules_only = true};
	struct kernel k;

	kernel_init(&k, "6.9.1-test", 'a');
	kernel_finish(&k);
	assert_true(scratch_deploy(&b->s, &k, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_NOT_RUNNING);
	assert_non_null(strstr(t.err.msg, "6.9.1-test is another release"));
	kernel_fini(&k);
}

static void a_foreign_kernels_are_left_alone(void **state)
{
	struct board *b = *state;
	struct kernel y;

	variant(&y, "module b changed");
	scratch_boot(&b->s, NULL);
	refused(b, &y, KF_REASON_NOT_RUNNING, "kferry did not boot");
	/* The same image without our mark: whose it is nobody can tell. */
	scratch_boot(&b->s, &b->a);
	scratch_write(&b->s, "proc/cmdline", "root=/dev/vda1\n", 15);
	agent_restarts(b);
	assert_true(b->s.a.boot.slot[0]);
	refused(b, &y, KF_REASON_NOT_RUNNING, "kferry did not boot");
	kernel_fini(&y);
}

static void another_vermagic_is_refused(void **state)
{
	struct board *b = *state;
	struct shown_change c;
	struct kernel good, same, wrong;

	kernel_fini(&b->a);
	variant(&b->a, "b1 vermagic=" RELEASE " SMP");
	scratch_install(&b->s, &b->a);
	scratch_boot(&b->s, &b->a);
	assert_int_equal(early_run(b->s.root, false), 0);
	variant(&good, "no vermagic at all");
	variant(&same, "b2 vermagic=" RELEASE " SMP");
	variant(&wrong, "b2 vermagic=" RELEASE " SMP preempt");
	/* The dots that fill the files up stand behind what the text is. */
	refused(b, &wrong, KF_REASON_NOT_RUNNING, "SMP preempt");
	install(b, &good);
	change(b, good.id, &c);
	install(b, &same);
	change(b, same.id, &c);
	expect_shown(b, &same);
	kernel_fini(&good);
	kernel_fini(&same);
	kernel_fini(&wrong);
}

/* A new module has nothing of its own name to be compared with. */
static void a_new_modules_vermagic_counts(void **state)
{
	struct board *b = *state;
	struct trip t = {.modules_only = true};
	struct kernel k;

	kernel_fini(&b->a);
	variant(&b->a, "b1 vermagic=" RELEASE " SMP");
	scratch_install(&b->s, &b->a);
	scratch_boot(&b->s, &b->a);
	variant(&k, "b1 vermagic=" RELEASE " SMP");
	k.files[k.n_files] = k.files[B_KO];
	snprintf(k.files[k.n_files].path, sizeof(k.files[0].path),
		 "modules/" RELEASE "/kernel/c.ko");
	snprintf(k.files[k.n_files].data, sizeof(k.files[0].data),
		 "vermagic=6.9.0-other");
	k.n_files++;
	kernel_finish(&k);
	assert_true(scratch_deploy(&b->s, &k, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_NOT_RUNNING);
	assert_non_null(strstr(t.err.msg, "kernel/c.ko"));
	kernel_fini(&k);
}

/* The agent dies between the record and the link. */
static void a_crash_in_between_is_finished(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};
	struct kernel y;

	variant(&y, "module b changed");
	install(b, &y);
	memcpy(b->s.a.state.modules.slot, y.id, SLOT_ID_SIZE);
	snprintf(b->s.a.state.modules.boot_id, sizeof(b->s.a.state.modules.boot_id), "%s",
		 b->s.a.boot.boot_id);
	assert_int_equal(state_save(b->s.a.state_fd, &b->s.a.state, &err), 0);
	expect_shown(b, &b->a);
	agent_restarts(b);
	expect_shown(b, &y);
	/* Or the board does: then it was for nothing. */
	scratch_boot(&b->s, &b->a);
	assert_int_equal(early_run(b->s.root, false), 0);
	shown_start(&b->s.a);
	expect_shown(b, &b->a);
	kernel_fini(&y);
}

static void a_record_without_files_shows_the_own_ones(void **state)
{
	struct board *b = *state;
	struct shown_change c;
	struct kernel y;
	char path[64];

	variant(&y, "module b changed");
	install(b, &y);
	change(b, y.id, &c);
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/manifest", y.id);
	scratch_write(&b->s, path, "x", 1);
	assert_int_equal(early_run(b->s.root, false), 0);
	expect_shown(b, &b->a);
	kernel_fini(&y);
}

static void what_cannot_be_shown_is_undone(void **state)
{
	struct board *b = *state;
	_free_ char *path = agent_path(&b->s.a, "/" LINK);
	struct kf_error err = {0};
	struct shown_change c;
	struct kernel y;

	variant(&y, "module b changed");
	install(b, &y);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(shown_switch(&b->s.a, y.id, &c, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "not kferry's"));
	assert_string_equal(b->s.a.state.modules.slot, "");
	agent_restarts(b);
	assert_string_equal(b->s.a.state.modules.slot, "");
	kernel_fini(&y);
}

/* Later the same package is deployed for good. */
static void it_can_still_become_bootable(void **state)
{
	struct board *b = *state;
	_slot_ struct slot before = {.fd = -1}, after = {.fd = -1};
	struct kf_error err = {0};
	struct shown_change c;
	struct trip t = {0};
	struct kernel y;
	char text[256];

	variant(&y, "module b changed");
	install(b, &y);
	change(b, y.id, &c);
	assert_int_equal(slot_open(&b->s.a, y.id, &before, &err), 0);
	assert_true(before.conf.modules_only);
	assert_null(before.conf.chain);
	assert_true(trial_arm(&b->s.a, y.id, 0, text, &err) < 0);
	if (scratch_deploy(&b->s, &y, &t) < 0)
		fail_msg("%s", t.err.msg);
	assert_int_equal(t.wanted, 0);
	assert_int_equal(slot_open(&b->s.a, y.id, &after, &err), 0);
	assert_false(after.conf.modules_only);
	assert_string_equal(after.conf.chain, "hook");
	expect_shown(b, &y);
	assert_int_equal(trial_arm(&b->s.a, y.id, 0, text, &err), 0);
	scratch_boot(&b->s, &y);
	assert_int_equal(early_run(b->s.root, false), 0);
	shown_start(&b->s.a);
	expect_shown(b, &y);
	assert_string_equal(b->s.a.boot.slot, y.id);
	/* The other way round it is not dropped any more. */
	change(b, b->a.id, &c);
	expect_shown(b, &b->a);
	assert_int_equal(b->s.a.state.n_slots, 2);
	kernel_fini(&y);
}

static unsigned mounts_at(const char *at)
{
	_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, at) != NULL;
	return n;
}

/* A distribution's directory stands there: covered, and never by more than one mount. */
static void over_a_directory_by_a_mount(void **state)
{
	struct board *b = *state;
	_free_ char *at = agent_path(&b->s.a, "/" LINK);
	struct shown_change c;
	struct kernel y, z;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();
	variant(&y, "module b changed");
	variant(&z, "module b changed again");
	assert_int_equal(unlink(at), 0);
	scratch_write(&b->s, LINK "/modules.dep", "distribution's", 14);
	b->s.a.scratch = false; /* mounts are private, and paths have the root in front */
	install(b, &y);
	change(b, y.id, &c);
	expect_shown(b, &y);
	install(b, &z);
	change(b, z.id, &c);
	expect_shown(b, &z);
	change(b, "", &c);
	expect_shown(b, &b->a);
	assert_int_equal(mounts_at(at), 1);
	assert_int_equal(umount2(at, MNT_DETACH), 0);
	assert_true(scratch_has(&b->s, LINK "/modules.dep"));
	b->s.a.scratch = true;
	kernel_fini(&y);
	kernel_fini(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(are_shown_until_the_next_boot),
		T(are_the_first_that_retention_removes),
		T(while_they_are_shown_retention_goes_by_age),
		T(own_ones_come_back),
		T(the_one_before_is_dropped),
		T(what_is_shown_is_not_removed),
		T(another_image_is_refused),
		T(another_release_is_refused),
		T(a_foreign_kernels_are_left_alone),
		T(another_vermagic_is_refused),
		T(a_new_modules_vermagic_counts),
		T(a_crash_in_between_is_finished),
		T(a_record_without_files_shows_the_own_ones),
		T(what_cannot_be_shown_is_undone),
		T(it_can_still_become_bootable),
		T(over_a_directory_by_a_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
