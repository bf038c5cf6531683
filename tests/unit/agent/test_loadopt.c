/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Load options, against bytes that OVMF has started a kernel from. */
#include "agent/boot/efi/loadopt.h"
#include "tests/lib/board.h"

/* clang-format off */
static const uint8_t option[] = {
	1, 0, 0, 0, 70, 0, 'k', 0, 0, 0,
	4, 1, 42, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0,
	0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
	0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b, 2, 2,
	4, 4, 24, 0, '\\', 0, 'v', 0, 'm', 0, 'l', 0, 'i', 0, 'n', 0, 'u', 0, 'z', 0,
	'-', 0, 0, 0,
	0x7f, 0xff, 4, 0,
	'r', 0, 'o', 0, 0, 0,
};
/* clang-format on */

static void decodes(void **state)
{
	_loadopt_ struct loadopt o = {0};

	(void)state;
	assert_int_equal(loadopt_decode(option, sizeof(option), &o), 0);
	assert_int_equal(o.attributes, LOADOPT_ACTIVE);
	assert_string_equal(o.description, "k");
	assert_string_equal(o.file, "\\vmlinuz-");
	assert_true(o.has_partition && o.partition.gpt);
	assert_int_equal(o.partition.number, 1);
	assert_int_equal(o.partition.start, 2048);
	assert_int_equal(o.partition.size, 0x20000);
	assert_memory_equal(o.partition.id, option + 34, 16);
	assert_int_equal(o.n_data, 6);
}

static void encodes_the_same(void **state)
{
	_loadopt_ struct loadopt o = {0};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(loadopt_decode(option, sizeof(option), &o), 0);
	assert_int_equal(loadopt_encode(&o, &b), 0);
	assert_int_equal(buf_len(&b), sizeof(option));
	assert_memory_equal(buf_data(&b), option, sizeof(option));
}

static void refuses_lengths_that_cannot_be(void **state)
{
	uint8_t bad[sizeof(option)];

	(void)state;
	for (size_t n = 0; n < sizeof(option); n++) {
		_loadopt_ struct loadopt o = {0};
		int r = loadopt_decode(option, n, &o);

		/* Only the optional data may be shorter. */
		assert_int_equal(r, n < sizeof(option) - 6 ? -EBADMSG : 0);
	}
	memcpy(bad, option, sizeof(bad));
	bad[12] = 3; /* a node shorter than its head */
	assert_int_equal(loadopt_decode(bad, sizeof(bad), &(struct loadopt){0}),
			 -EBADMSG);
	bad[12] = 200; /* and one beyond the path's end */
	assert_int_equal(loadopt_decode(bad, sizeof(bad), &(struct loadopt){0}),
			 -EBADMSG);
}

static void refuses_what_cannot_be_said(void **state)
{
	struct loadopt o = {
		.description = (char *)"d", .file = (char *)"\\x", .has_partition = true};
	_buf_ struct buf b = BUF_INIT;
	uint8_t *much = calloc(1, LOADOPT_MAX);

	(void)state;
	o.file = (char *)"\\\xc3\xa4";
	assert_int_equal(loadopt_encode(&o, &b), -EINVAL);
	o.file = (char *)"\\x";
	o.data = much;
	o.n_data = LOADOPT_MAX;
	assert_int_equal(loadopt_encode(&o, &b), -EINVAL);
	o.has_partition = false;
	assert_int_equal(loadopt_encode(&o, &b), -EINVAL);
	assert_int_equal(buf_len(&b), 0);
	free(much);
}

static void tells_partitions_apart(void **state)
{
	struct partition a = {.gpt = true, .id = {1}}, b = a;

	(void)state;
	b.number = 7;
	assert_true(loadopt_same_partition(&a, &b));
	b.id[15] = 1;
	assert_false(loadopt_same_partition(&a, &b));
	/* An MBR's signature is the disk's. */
	a.gpt = false;
	b = a;
	assert_true(loadopt_same_partition(&a, &b));
	b.number = 7;
	assert_false(loadopt_same_partition(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(encodes_the_same),
		cmocka_unit_test(refuses_lengths_that_cannot_be),
		cmocka_unit_test(refuses_what_cannot_be_said),
		cmocka_unit_test(tells_partitions_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
