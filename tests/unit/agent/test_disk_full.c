/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system that fills up or turns read-only in the middle of a deploy (P8): refused
 * with its reason, and the old state is there and works.  Needs to mount a small tmpfs,
 * so it is for root: as root it fails where that does not work, and is skipped where it
 * is not allowed (tests/lib/mounted.h).
 */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "proto/base/fs.h"
#include "proto/reason.h"
#include "tests/lib/mounted.h"

#define STATE "/var/lib/kferry"

struct board {
	struct scratch s;
	char mount[128];
};

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));
	bool mounted;

	assert_non_null(b);
	scratch_new_off(&b->s);
	snprintf(b->mount, sizeof(b->mount), "%s" STATE, b->s.root);
	assert_int_equal(fs_mkdirs(AT_FDCWD, b->mount), 0);
	mounted = test_mount("none", b->mount, "tmpfs", 0, "size=1m");
	scratch_on(&b->s);
	if (!mounted)
		b->mount[0] = '\0';
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	cleanup_close(&b->s.a.state_fd);
	b->s.a.state_fd = -1;
	if (b->mount[0])
		assert_int_equal(umount2(b->mount, MNT_DETACH), 0);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void kernel(struct kernel *k, char seed, size_t size)
{
	kernel_init(k, "6.9.0-test", seed);
	k->files[3].size = size;
	kernel_finish(k);
}

static void still_works(struct board *b, const struct kernel *good)
{
	struct trip t = {0};

	scratch_boot(&b->s, NULL);
	assert_int_equal(b->s.a.state.n_slots, 1);
	assert_int_equal(scratch_deploy(&b->s, good, &t), 0);
	assert_true(t.installed);
}

static void test_full(void **state)
{
	struct board *b = *state;
	struct trip t = {.total_bytes = 1};
	struct kernel good, big;

	if (!b->mount[0])
		skip();
	kernel(&good, 'a', 100 * 1024);
	/* Nothing is kept free here, so what is announced too small fills the disk. */
	kernel(&big, 'b', 900 * 1024);
	scratch_install(&b->s, &good);
	assert_true(scratch_deploy(&b->s, &big, &t) < 0);
	if (t.err.reason != KF_REASON_SPACE)
		fail_msg("reason %d: %s", t.err.reason, t.err.msg);
	assert_non_null(strstr(t.err.msg, good.id)); /* what could be removed */
	still_works(b, &good);
	kernel_fini(&good);
	kernel_fini(&big);
}

/* Somebody else eats the space after the check. */
static void test_full_while_writing(void **state)
{
	struct board *b = *state;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	Kferry__Need need = KFERRY__NEED__INIT;
	Kferry__PlanRequest req;
	struct trip t = {0};
	struct kernel good, big;
	struct kf_error err = {0};
	struct deploy *d = NULL;
	struct stream stream;
	char *hog;
	size_t hog_size = 600 * 1024;

	if (!b->mount[0])
		skip();
	kernel(&good, 'a', 100 * 1024);
	kernel(&big, 'b', 500 * 1024);
	scratch_install(&b->s, &good);
	scratch_request(&big, &t, &req);
	assert_int_equal(deploy_begin(&b->s.a, &req, "t", &d, &plan, &err), 0);
	assert_int_equal(
		deploy_manifest(d, buf_data(&big.manifest), buf_len(&big.manifest), &err),
		0);
	assert_int_equal(deploy_need(d, &need, &err), 0);
	hog = calloc(1, hog_size);
	assert_non_null(hog);
	scratch_write(&b->s, STATE "/hog", hog, hog_size);
	free(hog);
	stream_init(&stream, &big, need.bitmap.data);
	assert_true(deploy_receive(d, stream_pull, &stream, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_SPACE);
	stream_fini(&stream);
	deploy_end(d);
	/* The disk is not left fuller than it was. */
	{
		char path[64];

		snprintf(path, sizeof(path), STATE "/staging/%s", big.id);
		assert_false(scratch_has(&b->s, path));
	}
	still_works(b, &good);
	kernel_fini(&good);
	kernel_fini(&big);
}

static void test_read_only(void **state)
{
	struct board *b = *state;
	struct trip t = {0};
	struct kernel good, other;
	struct kf_error err = {0};

	if (!b->mount[0])
		skip();
	kernel(&good, 'a', 100 * 1024);
	kernel(&other, 'b', 100 * 1024);
	scratch_install(&b->s, &good);
	/* An open lock file would keep the file system writable. */
	assert_int_equal(mount(NULL, b->mount, NULL, MS_REMOUNT | MS_RDONLY, "size=1m"),
			 0);
	assert_true(scratch_deploy(&b->s, &other, &t) < 0);
	assert_int_equal(t.err.reason, KF_REASON_READ_ONLY);
	assert_true(state_save(b->s.a.state_fd, &b->s.a.state, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_READ_ONLY);
	assert_int_equal(mount(NULL, b->mount, NULL, MS_REMOUNT, "size=1m"), 0);
	still_works(b, &good);
	kernel_fini(&good);
	kernel_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(test_full),
		T(test_full_while_writing),
		T(test_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
