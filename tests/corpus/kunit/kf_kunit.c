// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Suites of KUnit that fail in each way that there is, as none of the kernel's own does.
 * For kernels of series 6.1.  The last one kills its test's thread.
 */
#include <kunit/test.h>
#include <linux/module.h>

static void kf_passes(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 6 * 7, 42);
}

static void kf_fails(struct kunit *test)
{
	int boards = 3;

	KUNIT_EXPECT_EQ_MSG(test, boards, 4, "one of %d is missing", 4);
	KUNIT_EXPECT_STREQ(test, "good", "bad");
}

static void kf_asserts(struct kunit *test)
{
	void *board = NULL;

	KUNIT_ASSERT_NOT_NULL(test, board);
	KUNIT_FAIL(test, "this is not reached");
}

static void kf_skips(struct kunit *test)
{
	kunit_skip(test, "no board: #3 of 4");
}

/* It failed before. */
static void kf_fails_and_skips(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, false);
	kunit_mark_skipped(test, "too late");
}

static const int kf_numbers[] = {1, 2, 3, 4};

static void kf_describe(const int *number, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "number %d", *number);
}

KUNIT_ARRAY_PARAM(kf_number, kf_numbers, kf_describe);

static void kf_params(struct kunit *test)
{
	const int *number = test->param_value;

	if (*number == 3)
		kunit_skip(test, "three is for others");
	KUNIT_EXPECT_NE(test, *number, 2);
}

static struct kunit_case kf_cases[] = {
	KUNIT_CASE(kf_passes),
	KUNIT_CASE(kf_fails),
	KUNIT_CASE(kf_asserts),
	KUNIT_CASE(kf_skips),
	KUNIT_CASE(kf_fails_and_skips),
	KUNIT_CASE_PARAM(kf_params, kf_number_gen_params),
	{},
};

static struct kunit_suite kf_suite = {
	.name = "kf_fails",
	.test_cases = kf_cases,
};

/* --- all of it skipped --- */

static struct kunit_case kf_skipped_cases[] = {
	KUNIT_CASE(kf_skips),
	{},
};

static struct kunit_suite kf_skipped = {
	.name = "kf_skipped",
	.test_cases = kf_skipped_cases,
};

/* --- nothing of it is run --- */

static int kf_no_suite(struct kunit_suite *suite)
{
	return -EIO;
}

static struct kunit_suite kf_broken = {
	.name = "kf_broken",
	.suite_init = kf_no_suite,
	.test_cases = kf_skipped_cases,
};

/* --- a test that does not come back --- */

static void kf_oopses(struct kunit *test)
{
	unsigned long at = 0x18;

	OPTIMIZER_HIDE_VAR(at);
	KUNIT_EXPECT_EQ(test, *(volatile int *)at, 0);
}

static struct kunit_case kf_deadly_cases[] = {
	KUNIT_CASE(kf_oopses),
	KUNIT_CASE(kf_passes),
	{},
};

static struct kunit_suite kf_deadly = {
	.name = "kf_deadly",
	.test_cases = kf_deadly_cases,
};

kunit_test_suites(&kf_suite, &kf_skipped, &kf_broken, &kf_deadly);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("tests that fail, for logs of them");
