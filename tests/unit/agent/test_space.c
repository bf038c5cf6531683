/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room on a boot file system: a chain whose free space is a number that grows with each
 * slot that is parked. */
#include "agent/deploy/space.h"

#include <string.h>

#include "proto/reason.h"
#include "tests/lib/scratch.h"

#define SLOTS	  3
#define SLOT_SIZE (100u * 1024) /* of an image */

/* What the chain was asked for: backends have no memory of their own. */
static uint64_t free_now;
static char removed[8][SLOT_ID_SIZE];
static unsigned n_removed;

static int fake_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err)
{
	(void)a;
	(void)err;
	*ret_free = free_now;
	return 0;
}

static int fake_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	(void)a;
	(void)err;
	assert_true(n_removed < 8);
	snprintf(removed[n_removed++], SLOT_ID_SIZE, "%s", slot);
	free_now += SLOT_SIZE;
	return 0;
}

static const struct boot_chain fake = {
	.name = "hook",
	.space = fake_space,
	.remove = fake_remove,
};

struct board {
	struct scratch s;
	char ids[SLOTS][SLOT_ID_SIZE];
};

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	for (size_t i = 0; i < SLOTS; i++) {
		struct kernel k;

		kernel_init(&k, "6.9.0-test", (char)('a' + i));
		for (size_t f = 0; f < k.n_files; f++)
			if (strcmp(k.files[f].path, "boot/image") == 0)
				k.files[f].size = SLOT_SIZE;
		kernel_finish(&k);
		scratch_install(&b->s, &k);
		memcpy(b->ids[i], k.id, SLOT_ID_SIZE);
		kernel_fini(&k);
	}
	free_now = 0;
	n_removed = 0;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	scratch_free(&b->s);
	free(b);
	return 0;
}

static int check(struct board *b, const char *id, uint64_t bytes, struct kf_error *err)
{
	return space_check_boot(&b->s.a, &fake, id, bytes, err);
}

static void assert_staged(struct board *b, unsigned i, bool staged)
{
	_slot_ struct slot s = {.fd = -1};
	struct kf_error err = {0};

	assert_int_equal(slot_open(&b->s.a, b->ids[i], &s, &err), 0);
	assert_int_equal(s.conf.chain != NULL, staged);
}

static void parks_nothing_where_it_would_not_help(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	assert_int_equal(check(b, "k-00000000", SLOTS * SLOT_SIZE + 1, &err), -ENOSPC);
	assert_int_equal(err.reason, KF_REASON_SPACE);
	assert_int_equal(n_removed, 0);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_staged(b, i, true);
	/* One that is in use gives nothing. */
	memcpy(b->s.a.state.known_good, b->ids[1], SLOT_ID_SIZE);
	assert_int_equal(check(b, "k-00000000", 3 * SLOT_SIZE, &err), -ENOSPC);
	assert_int_equal(n_removed, 0);
	assert_int_equal(check(b, "k-00000000", 2 * SLOT_SIZE, &err), 0);
	assert_int_equal(n_removed, 2);
	assert_staged(b, 1, true);
}

static void parks_no_more_than_it_needs(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	assert_int_equal(check(b, "k-00000000", SLOT_SIZE, &err), 0);
	assert_int_equal(n_removed, 1);
	assert_string_equal(removed[0], b->ids[0]);
	assert_staged(b, 0, false);
	assert_staged(b, 1, true);
	/* What is parked cannot be counted again. */
	assert_int_equal(check(b, "k-00000000", 3 * SLOT_SIZE + 1, &err), -ENOSPC);
	assert_int_equal(n_removed, 1);
}

static void parks_confirmed_ones_late_and_the_deployed_one_last(void **state)
{
	struct board *b = *state;
	struct kf_error err = {0};

	state_find(&b->s.a.state, b->ids[1])->state = KFERRY__SLOT_STATE__SLOT_GOOD;
	state_find(&b->s.a.state, b->ids[2])->state = KFERRY__SLOT_STATE__SLOT_BAD;
	assert_int_equal(check(b, b->ids[0], 3 * SLOT_SIZE, &err), 0);
	assert_int_equal(n_removed, 3);
	assert_string_equal(removed[0], b->ids[2]);
	assert_string_equal(removed[1], b->ids[1]);
	assert_string_equal(removed[2], b->ids[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(parks_nothing_where_it_would_not_help),
		T(parks_no_more_than_it_needs),
		T(parks_confirmed_ones_late_and_the_deployed_one_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
