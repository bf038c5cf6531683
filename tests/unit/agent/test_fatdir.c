/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of several FATs is taken, and when none is. */
#include "agent/boot/fatdir.h"

#include <sys/resource.h>

#include "agent/log/boots.h"
#include "agent/log/kernfile.h"
#include "tests/lib/board.h"

#define MOUNTS                                                                           \
	"30 25 65:129 / /gone rw - vfat /dev/sdy1 rw\n"                                  \
	"31 25 65:145 / /file rw - vfat /dev/sdz1 rw\n"                                  \
	"32 25 8:1 / /one rw - vfat /dev/sda1 rw\n"                                      \
	"33 25 8:17 / /two rw - vfat /dev/sdb1 rw\n"

static void fat_board(struct board *b)
{
	board_init(b);
	put_text(b, "proc/self/mountinfo", MOUNTS);
	put_text(b, "file", "bound from a FAT");
	put_text(b, "one/first", "");
	put_text(b, "two/second", "");
}

static int is_second(int fd)
{
	return fatdir_has(fd, "second");
}

static int is_any(int fd)
{
	(void)fd;
	return 1;
}

/* The one that is looked for, on a card that does not answer. */
static int first_fails(int fd)
{
	return fatdir_has(fd, "first") == 1 ? -EIO : 1;
}

static void passes_over_what_is_no_directory(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1}, e = {.fd = -1};
	struct board b;

	(void)state;
	fat_board(&b);
	assert_int_equal(fatdir_find(&b.a, is_any, &d), 0);
	assert_string_equal(d.path, "/one");
	assert_int_equal(fatdir_find(&b.a, is_second, &e), 0);
	assert_string_equal(e.path, "/two");
	board_fini(&b);
}

static void takes_no_other_for_one_that_fails(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1};
	struct board b;

	(void)state;
	fat_board(&b);
	assert_int_equal(fatdir_find(&b.a, first_fails, &d), -EIO);
	assert_int_equal(d.fd, -1);
	b.a.conf.boot_dir = (char *)"/one";
	assert_int_equal(fatdir_find(&b.a, first_fails, &d), -EIO);
	assert_int_equal(fatdir_find(&b.a, is_second, &d), -ENOENT);
	board_fini(&b);
}

static void takes_what_is_mounted_at_boot_dir(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1}, e = {.fd = -1};
	struct board b;

	(void)state;
	fat_board(&b);
	put_text(&b, "proc/self/mountinfo",
		 MOUNTS "34 25 8:1 / /my\\040boot rw - vfat /dev/sda1 rw\n"
			"35 25 8:2 / /my\\040boot rw - vfat /dev/sda2 ro\n"
			"36 25 8:3 / /my\\040boot/efi rw - vfat /dev/sda3 rw\n");
	put_text(&b, "my boot/x", "");
	b.a.conf.boot_dir = (char *)"/my boot/";
	assert_int_equal(fatdir_find(&b.a, is_any, &d), 0);
	assert_string_equal(d.path, "/my boot");
	assert_string_equal(d.device, "/dev/sda2"); /* the last hides the first */
	assert_true(d.read_only);
	/* Nothing is: the directory itself. */
	b.a.conf.boot_dir = (char *)"/two";
	put_text(&b, "proc/self/mountinfo", "");
	assert_int_equal(fatdir_find(&b.a, is_second, &e), 0);
	assert_null(e.device);
	board_fini(&b);
}

static void too_many_open_files_are_not_an_absent_fat(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1};
	struct rlimit was, now;
	struct board b;
	int next, r;

	(void)state;
	fat_board(&b);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	next = dup(b.fd);
	assert_true(next >= 0);
	close(next);
	now = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	r = fatdir_find(&b.a, is_any, &d);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(r, -EMFILE);
	board_fini(&b);
}

#define DIRTY                                                                            \
	"4,310,900000,-;FAT-fs (sda1): Volume was not properly unmounted. Some data "    \
	"may be corrupt. Please run fsck.\n"

/* The agent has kept the log up to this text, with so many bytes before it; the ring
 * begins later. */
static void keep_log(struct board *b, const char *text, size_t before)
{
	static const char said[] = "6,1,1,-;what else is said";
	struct kf_error err = {0};
	struct kernfile *f = NULL;
	_close_ int dir = -1;
	char line[200];

	assert_int_equal(boots_open(&b->a, &dir, &err), 0);
	assert_int_equal(kernfile_open(dir, &f), 0);
	while (before > 0) {
		size_t n = before < 2 * sizeof(line) ? before : sizeof(line);

		n = n > sizeof(line) ? n / 2 : n;
		memset(line, '.', n);
		memcpy(line, said, sizeof(said) - 1);
		line[n - 1] = '\n';
		assert_int_equal(kernfile_append(f, line, n), 0);
		before -= n;
	}
	assert_int_equal(kernfile_append(f, text, strlen(text)), 0);
	kernfile_close(f);
	put_text(b, "dev/kmsg", "6,90000,1900000,-;the ring begins here\n");
}

static void remembers_dirt_that_left_the_ring(void **state)
{
	/* The pieces that are read have 64 KiB: one ends inside the text. */
	static const size_t fillers[] = {0, 1000, 65536 - 40, 65536 - 16, 200000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
		_fatdir_ struct fatdir d = {.fd = -1};
		struct kf_error err = {0};
		struct board b;

		fat_board(&b);
		assert_int_equal(pthread_mutex_init(&b.a.state_lock, NULL), 0);
		snprintf(b.a.boot.boot_id, sizeof(b.a.boot.boot_id), "this-boot");
		assert_int_equal(fatdir_find(&b.a, is_any, &d), 0);
		assert_int_equal(fatdir_check(&b.a, &d, &err), 0);
		keep_log(&b, DIRTY, fillers[i]);
		assert_int_equal(fatdir_check(&b.a, &d, &err), -EUCLEAN);
		assert_non_null(strstr(err.msg, "/one (/dev/sda1)"));
		/* Another's, or of another boot. */
		free(d.device);
		d.device = strdup("/dev/sdb1");
		assert_int_equal(fatdir_check(&b.a, &d, &err), 0);
		free(d.device);
		d.device = strdup("/dev/sda1");
		/* The whole of a boot that has not said so. */
		put_text(&b, "dev/kmsg", "6,0,0,-;Linux version 6.9.0\n");
		assert_int_equal(fatdir_check(&b.a, &d, &err), 0);
		put_text(&b, "dev/kmsg", "");
		snprintf(b.a.boot.boot_id, sizeof(b.a.boot.boot_id), "the-next-boot");
		assert_int_equal(fatdir_check(&b.a, &d, &err), 0);
		pthread_mutex_destroy(&b.a.state_lock);
		board_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_over_what_is_no_directory),
		cmocka_unit_test(takes_no_other_for_one_that_fails),
		cmocka_unit_test(remembers_dirt_that_left_the_ring),
		cmocka_unit_test(takes_what_is_mounted_at_boot_dir),
		cmocka_unit_test(too_many_open_files_are_not_an_absent_fat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
