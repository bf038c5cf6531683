/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole deploys on a scratch board: what works, what resumes, what is refused. */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/slot/slot.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static int set_up(void **state)
{
	struct scratch *s = malloc(sizeof(*s));

	assert_non_null(s);
	scratch_new(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

static void kernel(struct kernel *k, char seed)
{
	kernel_init(k, "6.9.0-test", seed);
	kernel_finish(k);
}

#define VAR "var/lib/kferry/"

static char *path_of(const struct kernel *k, const char *dir, const char *file)
{
	static char path[256]; /* one at a time is enough for a test */

	snprintf(path, sizeof(path), VAR "%s/%s/%s", dir, k->id, file);
	return path;
}

static void test_full(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.extra = "quiet panic=3"};
	struct kernel k;
	_free_ char *image = NULL, *cmdline = NULL;
	char path[64];

	kernel(&k, 'a');
	if (scratch_deploy(s, &k, &t) < 0)
		fail_msg("%s", t.err.msg);
	assert_false(t.installed);
	assert_false(t.have_manifest);
	assert_int_equal(t.wanted, 4);
	assert_int_equal(scratch_state(s, k.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	image = scratch_read(s, path_of(&k, "slots", "boot/image"));
	assert_string_equal(image, "image a");
	assert_false(scratch_has(s, path_of(&k, "staging", "")));
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
	assert_int_equal(scratch_mode(s, VAR), 0755);
	assert_int_equal(scratch_mode(s, VAR "slots"), 0755);
	assert_int_equal(scratch_mode(s, VAR "staging"), 0700);
	assert_int_equal(scratch_mode(s, VAR "boots"), 0700);
	assert_int_equal(scratch_mode(s, VAR "state"), 0600);
	assert_int_equal(scratch_mode(s, VAR "lock"), 0600);
	assert_int_equal(scratch_mode(s, path_of(&k, "slots", "")), 0755);
	assert_int_equal(scratch_mode(s, path_of(&k, "slots", "manifest")), 0644);
	assert_int_equal(scratch_mode(s, path_of(&k, "slots", "slot.conf")), 0644);
	assert_int_equal(scratch_mode(s, path_of(&k, "slots", "boot/image")), 0755);
	assert_int_equal(scratch_mode(s, path_of(&k, "slots", "boot/config")), 0644);
	kernel_fini(&k);
}

static void test_incremental_links(void **state)
{
	struct scratch *s = *state;
	const char *same = "modules/6.9.0-test/kernel/a.ko";
	struct trip t = {0};
	struct kernel a, b;
	ino_t inode;

	kernel(&a, 'a');
	kernel(&b, 'b');
	scratch_install(s, &a);
	inode = scratch_inode(s, path_of(&a, "slots", same));
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 2); /* the image and b.ko */
	assert_int_equal(scratch_inode(s, path_of(&b, "slots", same)), inode);
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

	kernel(&a, 'a');
	kernel_init(&b, "6.9.0-test", 'b');
	b.files[2].mode = 0755;
	kernel_finish(&b);
	scratch_install(s, &a);
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 2);
	assert_int_equal(scratch_mode(s, path_of(&a, "slots", same)), 0644);
	assert_int_equal(scratch_mode(s, path_of(&b, "slots", same)), 0755);
	kernel_fini(&a);
	kernel_fini(&b);
}

static void test_wrong_size_in_slot_is_sent(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel a, b;

	kernel(&a, 'a');
	kernel(&b, 'b');
	scratch_install(s, &a);
	scratch_write(s, path_of(&a, "slots", "modules/6.9.0-test/kernel/a.ko"), "x", 1);
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 3);
	kernel_fini(&a);
	kernel_fini(&b);
}

static void test_again_is_nothing(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;
	_free_ char *calls = NULL, *later = NULL;

	kernel(&k, 'a');
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

	kernel(&k, 'a');
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

	kernel(&k, 'a');
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

static void test_resume(void **state)
{
	struct scratch *s = *state;
	struct trip t = {.cut = KERNEL_CUT};
	struct kernel k;

	kernel(&k, 'a');
	assert_true(scratch_deploy(s, &k, &t) < 0);
	assert_int_equal(s->a.state.n_slots, 0);
	assert_false(scratch_has(s, path_of(&k, "slots", "")));
	assert_true(scratch_has(s, path_of(&k, "staging", "boot/config")));
	assert_false(scratch_has(s, path_of(&k, "staging", ".part")));
	assert_false(scratch_has(s, VAR "boot/.kf-tmp-4567"));
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

	kernel(&k, 'a');
	assert_true(scratch_deploy(s, &k, &t) < 0);
	scratch_write(s, path_of(&k, "staging", "boot/image"), "image b", 7);
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

	kernel(&a, 'a');
	kernel(&b, 'b');
	assert_true(scratch_deploy(s, &a, &t) < 0);
	t.cut = 0;
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_int_equal(t.wanted, 2); /* the config and a.ko were there */
	assert_false(scratch_has(s, path_of(&a, "staging", "")));
	kernel_fini(&a);
	kernel_fini(&b);
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

	kernel(&k, 'a');
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

static void refused(struct scratch *s, const struct kernel *k, struct trip *t, int reason)
{
	assert_true(scratch_deploy(s, k, t) < 0);
	if (t->err.reason != reason)
		fail_msg("reason %d: %s", t->err.reason, t->err.msg);
	assert_int_equal(s->a.state.n_slots, 0);
	assert_false(scratch_has(s, path_of(k, "slots", "")));
	assert_false(scratch_has(s, path_of(k, "staging", ".part")));
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

	kernel(&k, 'a');
	refused(s, &k, &arch, KF_REASON_ARCH);
	refused(s, &k, &kind, KF_REASON_BOARD_KIND);
	refused(s, &k, &space, KF_REASON_SPACE);
	assert_non_null(strstr(space.err.msg, "/var/lib/kferry"));
	refused(s, &k, &words, KF_REASON_INVALID);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused(s, &k, &too_long, KF_REASON_INVALID);
	assert_false(scratch_has(s, path_of(&k, "staging", "")));
	kernel_fini(&k);
}

static void test_refused_chain(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0}, no_arm = {.no_arm = true};
	struct kernel k;

	kernel(&k, 'a');
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

	kernel(&k, 'a');
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

	kernel(&k, 'a');
	kernel(&other, 'b');
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
	assert_false(scratch_has(s, path_of(&k, "staging", "manifest")));
	kernel_fini(&k);
	kernel_fini(&other);
}

/* Another package whose digest begins with the same 32 bits. */
static void test_collision(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;

	kernel(&k, 'a');
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

	kernel(&k, 'a');
	scratch_refuse(s, "stage", true);
	refused(s, &k, &t, KF_REASON_BOOT_CHAIN);
	assert_true(scratch_has(s, path_of(&k, "staging", "boot/image")));
	scratch_refuse(s, "stage", false);
	assert_int_equal(scratch_deploy(s, &k, &t), 0);
	assert_int_equal(t.wanted, 0);
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

	kernel(&k, 'a');
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

/* Power lost between the rename and the flip. */
static void test_recover_unflipped(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct trip t = {0};
	struct kernel k;
	char path[64];

	kernel(&k, 'a');
	scratch_install(s, &k);
	state_drop(&s->a.state, k.id);
	assert_int_equal(state_save(s->a.state_fd, &s->a.state, &err), 0);
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_false(scratch_has(s, path_of(&k, "slots", "")));
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

/* A removal whose end failed, and an install whose undo did: nothing is sent again. */
static void test_goes_on_without_a_restart(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel k;
	uint64_t number;

	kernel(&k, 'a');
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

	kernel(&k, 'a');
	scratch_refuse(s, "stage", true);
	scratch_refuse(s, "remove", true);
	assert_true(scratch_deploy(s, &k, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_BOOT_CHAIN);
	assert_int_equal(s->a.state.n_slots, 0);
	scratch_refuse(s, "stage", false);
	scratch_refuse(s, "remove", false);
	assert_true(scratch_has(s, path_of(&k, "slots", "boot/image")));
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_false(scratch_has(s, path_of(&k, "slots", "")));
	assert_true(scratch_has(s, path_of(&k, "staging", "boot/image")));
	kernel_fini(&k);
}

/* Not even a directory is made in a slot that lost one. */
static void test_sources_are_only_read(void **state)
{
	struct scratch *s = *state;
	struct trip t = {0};
	struct kernel a, b;
	char path[64];

	kernel(&a, 'a');
	kernel(&b, 'b');
	scratch_install(s, &a);
	snprintf(path, sizeof(path), "slots/%s/modules", a.id);
	assert_int_equal(fs_remove_tree(s->a.state_fd, path), 0);
	assert_int_equal(scratch_deploy(s, &b, &t), 0);
	assert_false(scratch_has(s, path_of(&a, "slots", "modules")));
	kernel_fini(&a);
	kernel_fini(&b);
}

static void test_recover_keeps_no_temporaries(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct trip t = {.cut = KERNEL_CUT};
	struct kernel k;
	char path[96];

	kernel(&k, 'a');
	assert_true(scratch_deploy(s, &k, &t) < 0);
	snprintf(path, sizeof(path), VAR "staging/%s/.kf-tmp-0123", k.id);
	scratch_write(s, path, "x", 1);
	snprintf(path, sizeof(path), VAR "staging/%s/.part", k.id);
	scratch_write(s, path, "x", 1);
	scratch_write(s, VAR "boot/.kf-tmp-4567", "x", 1);
	scratch_boot(s, NULL);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_true(scratch_has(s, path_of(&k, "staging", "manifest")));
	assert_false(scratch_has(s, path_of(&k, "staging", ".kf-tmp-0123")));
	assert_false(scratch_has(s, path_of(&k, "staging", ".part")));
	kernel_fini(&k);
}

static void test_recover_rest(void **state)
{
	struct scratch *s = *state;
	struct kf_error err = {0};
	struct kernel a, b, c;
	char path[64];

	kernel(&a, 'a');
	kernel(&b, 'b');
	kernel(&c, 'c');
	scratch_install(s, &a);
	scratch_install(s, &b);
	scratch_install(s, &c);
	/* a: removal was begun; b: its files are gone; c: whole. */
	state_find(&s->a.state, a.id)->state = KFERRY__SLOT_STATE__SLOT_GONE;
	assert_int_equal(state_save(s->a.state_fd, &s->a.state, &err), 0);
	snprintf(path, sizeof(path), "slots/%s", b.id);
	assert_int_equal(fs_remove_tree(s->a.state_fd, path), 0);
	scratch_write(s, VAR "staging/k-00000000/boot/image", "no manifest", 11);
	scratch_write(s, VAR "staging/junk", "x", 1);
	scratch_write(s, VAR "slots/junk/file", "x", 1);
	scratch_write(s, VAR ".kf-tmp-0123", "x", 1);
	scratch_write(s, VAR "boots/3/.kf-tmp-0123", "x", 1);
	scratch_boot(s, NULL);
	deploy_clean(&s->a);
	assert_int_equal(deploy_recover(&s->a, &err), 0);
	assert_int_equal(s->a.state.n_slots, 1);
	assert_int_equal(scratch_state(s, c.id), KFERRY__SLOT_STATE__SLOT_STAGED);
	assert_false(scratch_has(s, path_of(&a, "slots", "")));
	assert_false(scratch_has(s, VAR "staging/k-00000000"));
	assert_false(scratch_has(s, VAR "staging/junk"));
	assert_false(scratch_has(s, VAR "slots/junk"));
	assert_false(scratch_has(s, VAR ".kf-tmp-0123"));
	assert_false(scratch_has(s, VAR "boots/3/.kf-tmp-0123"));
	assert_true(scratch_has(s, path_of(&c, "slots", "boot/image")));
	kernel_fini(&a);
	kernel_fini(&b);
	kernel_fini(&c);
}

static void test_modules_link(void **state)
{
	struct scratch *s = *state;
	struct kernel k;

	kernel(&k, 'a');
	scratch_install(s, &k);
	assert_true(scratch_has(s, "lib/modules/6.9.0-test/kernel/a.ko"));
	kernel_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(test_full),
		T(test_modes),
		T(test_incremental_links),
		T(test_other_mode_is_copied),
		T(test_wrong_size_in_slot_is_sent),
		T(test_again_is_nothing),
		T(test_other_cmdline_restages),
		T(test_known_good_is_not_changed),
		T(test_resume),
		T(test_resume_checks_what_is_there),
		T(test_other_staging_is_used_and_dropped),
		T(test_busy),
		T(test_refused_at_once),
		T(test_refused_chain),
		T(test_wrong_bytes),
		T(test_wrong_manifest),
		T(test_collision),
		T(test_failed_stage_is_undone),
		T(test_cancel),
		T(test_recover_unflipped),
		T(test_goes_on_without_a_restart),
		T(test_undo_that_fails),
		T(test_sources_are_only_read),
		T(test_recover_keeps_no_temporaries),
		T(test_recover_rest),
		T(test_modules_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
