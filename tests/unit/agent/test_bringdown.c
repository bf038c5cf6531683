/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disks a system that goes down by hand still waits for. */
#include "tests/lib/scratch.h"

#include <string.h>
#include <unistd.h>

#include "agent/trial/bringdown.h"

#define PROC "21 1 0:20 / /proc rw,nosuid - proc proc rw\n"
#define TMP  "22 1 0:30 / /tmp rw,nosuid shared:5 - tmpfs tmpfs rw,size=1g\n"

static bool is_open(struct scratch *s, const char *mounts)
{
	scratch_write(s, "proc/self/mountinfo", mounts, strlen(mounts));
	return bringdown_is_open(&s->a);
}

static void a_disk_is_open_while_it_is_writable(void **state)
{
	struct scratch *s = *state;

	assert_true(is_open(s, PROC "25 1 254:2 / / rw,relatime - ext4 /dev/vda2 rw\n"));
	assert_true(is_open(s, "25 1 254:2 / / ro,relatime - ext4 /dev/vda2 ro\n" PROC
			       "30 25 254:1 / /boot rw - vfat /dev/vda1 rw,umask=22\n"));
	assert_true(is_open(s, "30 25 254:1 / /my\\040disk rw - vfat /dev/vda1 rw\n"));
}

/* The emergency remount changes the file system, and leaves its mounts as they were. */
static void what_cannot_be_written_is_not(void **state)
{
	struct scratch *s = *state;

	assert_false(is_open(s, ""));
	assert_false(is_open(s, PROC TMP));
	assert_false(is_open(s, "25 1 254:2 / / rw,relatime - ext4 /dev/vda2 ro,data=a\n"
				"30 25 254:1 / /boot ro - vfat /dev/vda1 rw\n" PROC TMP));
	assert_int_equal(unlinkat(s->a.state_fd, "../../../proc/self/mountinfo", 0), 0);
	assert_false(bringdown_is_open(&s->a));
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_disk_is_open_while_it_is_writable),
		T(what_cannot_be_written_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
