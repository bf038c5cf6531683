// SPDX-License-Identifier: GPL-2.0-or-later
/* Boot records: how boots follow each other, and whose a dump is. */
#include <fcntl.h>
#include <string.h>

#include "agent/log/boots.h"
#include "agent/trial/trial.h"
#include "tests/lib/scratch.h"

static const char dump[] = "Panic#1 Part1\n<0>Kernel panic - not syncing: x\n";

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	scratch_new(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

static void open_boot(struct scratch *s)
{
	struct kf_error err = {0};
	_close_ int fd = -1;

	assert_int_equal(boots_open(&s->a, &fd, &err), 0);
	assert_true(fd >= 0);
}

static void leave_dump(struct scratch *s)
{
	scratch_write(s, "sys/fs/pstore/dmesg-efi-170000000001001", dump,
		      sizeof(dump) - 1);
}

static size_t list(struct scratch *s, struct boot_record *ret)
{
	size_t n;

	assert_int_equal(boots_list(&s->a, ret, BOOTS_KEEP, &n), 0);
	return n;
}

static void a_restart_of_the_agent_is_no_boot(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];

	open_boot(s);
	open_boot(s);
	scratch_off(s);
	scratch_on(s);
	open_boot(s);
	assert_int_equal(list(s, r), 1);
	assert_string_equal(r[0].boot_id, s->a.boot.boot_id);
	assert_string_equal(r[0].slot, "");
	assert_string_equal(r[0].release, s->a.boot.release);
	assert_int_equal(r[0].end, KFERRY__BOOT_END__BOOT_END_UNSPECIFIED);
}

static void a_boot_without_an_end_is_lost(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];

	open_boot(s);
	scratch_boot(s, NULL);
	open_boot(s);
	assert_int_equal(list(s, r), 2);
	assert_true(r[0].number > r[1].number);
	assert_int_equal(r[0].end, KFERRY__BOOT_END__BOOT_END_UNSPECIFIED);
	assert_int_equal(r[1].end, KFERRY__BOOT_END__BOOT_END_LOST);
}

static void an_orderly_end_stays(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];

	open_boot(s);
	assert_int_equal(boots_set_end(&s->a, KFERRY__BOOT_END__BOOT_END_DEADLINE), 0);
	scratch_boot(s, NULL);
	open_boot(s);
	assert_int_equal(list(s, r), 2);
	assert_int_equal(r[1].end, KFERRY__BOOT_END__BOOT_END_DEADLINE);
}

static void a_dump_is_of_the_boot_before(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];
	char path[128];

	open_boot(s);
	scratch_boot(s, NULL);
	leave_dump(s);
	open_boot(s);
	assert_int_equal(list(s, r), 2);
	assert_int_equal(r[1].end, KFERRY__BOOT_END__BOOT_END_CRASH);
	snprintf(path, sizeof(path), "var/lib/kferry/boots/%u/pstore/dmesg.txt",
		 (unsigned)r[1].number);
	assert_true(scratch_has(s, path));
	assert_false(scratch_has(s, "sys/fs/pstore/dmesg-efi-170000000001001"));
}

/* The backend registers when its module loads: the dump is there only after a while. */
static void a_late_dump_changes_the_verdict(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];
	unsigned n;

	open_boot(s);
	scratch_boot(s, NULL);
	open_boot(s);
	assert_int_equal(boots_collect(&s->a, &n), 0);
	assert_int_equal(n, 0);
	leave_dump(s);
	assert_int_equal(boots_collect(&s->a, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list(s, r), 2);
	assert_int_equal(r[1].end, KFERRY__BOOT_END__BOOT_END_CRASH);
}

/* The first agent on a board finds a dump of nobody knows when: it is not touched. */
static void a_dump_from_before_the_agent_is_left(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];

	leave_dump(s);
	open_boot(s);
	assert_int_equal(list(s, r), 1);
	assert_true(scratch_has(s, "sys/fs/pstore/dmesg-efi-170000000001001"));
}

static void a_trial_that_died_unseen_has_its_record(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];
	struct kf_error err = {0};
	struct kernel k;
	char text[256];

	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	open_boot(s);
	scratch_install(s, &k);
	assert_int_equal(trial_arm(&s->a, k.id, 60, text, &err), 0);
	assert_int_equal(boots_set_end(&s->a, KFERRY__BOOT_END__BOOT_END_REBOOT), 0);

	scratch_boot(s, NULL); /* the trial panicked before its agent ran */
	leave_dump(s);
	assert_int_equal(trial_boot(&s->a, &err), 0);
	trial_settle(&s->a);
	open_boot(s);
	assert_int_equal(list(s, r), 3);
	assert_string_equal(r[0].boot_id, s->a.boot.boot_id);
	assert_string_equal(r[1].slot, k.id);
	assert_string_equal(r[1].release, "6.9.0-test");
	assert_int_equal(r[1].end, KFERRY__BOOT_END__BOOT_END_CRASH);
	assert_int_equal(strncmp(r[1].boot_id, "unseen-", 7), 0);
	assert_string_equal(r[2].slot, "");
	assert_int_equal(r[2].end, KFERRY__BOOT_END__BOOT_END_REBOOT);
	kernel_fini(&k);
}

static void old_records_go(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP], one;
	_close_ int fd = -1;

	for (int i = 0; i < BOOTS_KEEP + 5; i++) {
		open_boot(s);
		scratch_boot(s, NULL);
	}
	open_boot(s);
	assert_int_equal(list(s, r), BOOTS_KEEP);
	assert_string_equal(r[0].boot_id, s->a.boot.boot_id);
	assert_int_equal(boots_dir(&s->a, "", BOOTS_KEEP, &one, &fd), -ENOENT);
	assert_int_equal(boots_dir(&s->a, r[3].boot_id, 0, &one, &fd), 0);
	assert_int_equal(one.number, r[3].number);
}

static void numbers_go_on_after_a_lost_state(void **state)
{
	struct scratch *s = *state;
	struct boot_record r[BOOTS_KEEP];

	for (int i = 0; i < 3; i++) {
		open_boot(s);
		scratch_boot(s, NULL);
	}
	state_init(&s->a.state);
	open_boot(s);
	assert_int_equal(list(s, r), 4);
	assert_string_equal(r[0].boot_id, s->a.boot.boot_id);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_restart_of_the_agent_is_no_boot),
		TEST(a_boot_without_an_end_is_lost),
		TEST(an_orderly_end_stays),
		TEST(a_dump_is_of_the_boot_before),
		TEST(a_late_dump_changes_the_verdict),
		TEST(a_dump_from_before_the_agent_is_left),
		TEST(a_trial_that_died_unseen_has_its_record),
		TEST(old_records_go),
		TEST(numbers_go_on_after_a_lost_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
