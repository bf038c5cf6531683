// SPDX-License-Identifier: GPL-2.0-or-later
/* Records of pstore, made as the backends make them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/log/boots.h"
#include "proto/base/fs.h"
#include "tests/lib/scratch.h"

struct board {
	struct scratch s;
	int root;
};

static int setup(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	scratch_write(&b->s, "to/x", "", 0);
	b->root = openat(AT_FDCWD, b->s.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->root >= 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct board *b = *state;

	close(b->root);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void put(struct board *b, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/fs/pstore/%s", name);
	scratch_write(&b->s, path, text, strlen(text));
}

static unsigned collect(struct board *b)
{
	_close_ int to = openat(b->root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned n;

	assert_int_equal(pstore_collect(&b->s.a, to, &n), 0);
	return n;
}

static bool crashed(struct board *b)
{
	_close_ int to = openat(b->root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return pstore_has_crash(to);
}

static void assert_text(struct board *b, const char *path, const char *want)
{
	_free_ char *text = scratch_read(&b->s, path);

	assert_string_equal(text, want);
}

/* id = time * 100000 + part * 1000 + count; Part1 is the newest. */
static void efi_parts_are_joined_oldest_first(void **state)
{
	struct board *b = *state;

	put(b, "dmesg-efi-170000000001001", "Panic#1 Part1\nnewest\n");
	put(b, "dmesg-efi-170000000010001", "Panic#1 Part10\noldest\n");
	put(b, "dmesg-efi-170000000102001", "Panic#1 Part2\nmiddle\n");
	assert_true(pstore_pending(&b->s.a));
	assert_int_equal(collect(b), 3);
	assert_text(b, "to/pstore/dmesg.txt", "oldest\nmiddle\nnewest\n");
	assert_text(b, "to/pstore/dmesg-efi-170000000001001", "Panic#1 Part1\nnewest\n");
	assert_false(pstore_pending(&b->s.a));
	assert_true(crashed(b));
}

static void dumps_are_kept_apart_in_the_order_of_time(void **state)
{
	struct board *b = *state;

	put(b, "dmesg-efi_pstore-170000000501002", "Panic#2 Part1\npanic end\n");
	put(b, "dmesg-efi_pstore-170000000502002", "Panic#2 Part2\npanic begin\n");
	put(b, "dmesg-efi_pstore-170000000401001", "Oops#1 Part1\noops end\n");
	put(b, "dmesg-efi_pstore-170000000402001", "Oops#1 Part2\noops begin\n");
	put(b, "dmesg-efi_pstore-169990000001001", "Oops#1 Part1\nlong ago\n");
	assert_int_equal(collect(b), 5);
	assert_text(b, "to/pstore/dmesg.txt",
		    "long ago\noops begin\noops end\npanic begin\npanic end\n");
}

static void ramoops_records_are_whole(void **state)
{
	struct board *b = *state;

	put(b, "dmesg-ramoops-0", "Panic#1 Part1\nall of it\n");
	put(b, "console-ramoops-0", "the console\n");
	assert_int_equal(collect(b), 2);
	assert_text(b, "to/pstore/dmesg.txt", "all of it\n");
	assert_text(b, "to/pstore/console-ramoops-0", "the console\n");
}

static void what_cannot_be_decoded_is_kept_as_it_is(void **state)
{
	struct board *b = *state;

	put(b, "dmesg-efi-170000000001001.enc.z", "\x78\x9c binary");
	assert_int_equal(collect(b), 1);
	assert_text(b, "to/pstore/dmesg-efi-170000000001001.enc.z", "\x78\x9c binary");
	assert_false(scratch_has(&b->s, "to/pstore/dmesg.txt"));
	assert_false(crashed(b));
}

static void an_orderly_dump_is_no_crash(void **state)
{
	struct board *b = *state;

	put(b, "dmesg-efi-170000000001001", "Shutdown#1 Part1\nreboot: Restarting\n");
	assert_int_equal(collect(b), 1);
	assert_false(crashed(b));
}

static void a_panic_on_the_console_is_a_crash(void **state)
{
	struct board *b = *state;

	put(b, "console-ramoops-0", "[ 1.0] Kernel panic - not syncing: no init\n");
	assert_int_equal(collect(b), 1);
	assert_true(crashed(b));
}

static void bad_names_stay_where_they_are(void **state)
{
	struct board *b = *state;

	put(b, "dmesg efi", "x");
	put(b, ".hidden", "x");
	assert_false(pstore_pending(&b->s.a));
	assert_int_equal(collect(b), 0);
	assert_true(scratch_has(&b->s, "sys/fs/pstore/dmesg efi"));
}

/* A second look adds to the first, and the text is made of all. */
static void late_records_join_the_others(void **state)
{
	struct board *b = *state;

	put(b, "dmesg-efi-170000000002001", "Panic#1 Part2\nbegin\n");
	assert_int_equal(collect(b), 1);
	put(b, "dmesg-efi-170000000001001", "Panic#1 Part1\nend\n");
	assert_int_equal(collect(b), 1);
	assert_text(b, "to/pstore/dmesg.txt", "begin\nend\n");
}

/* Some systems take the records away and leave the agent a copy. */
static void copies_of_records_are_collected_too(void **state)
{
	static const char text[] = "Panic#1 Part1\nfrom ramoops\n";
	struct board *b = *state;

	scratch_write(&b->s, "var/lib/kferry/pstore/dmesg-ramoops-0", text,
		      sizeof(text) - 1);
	assert_true(pstore_pending(&b->s.a));
	/* It may be there as well. */
	put(b, "dmesg-ramoops-0", text);
	assert_int_equal(collect(b), 2);
	assert_text(b, "to/pstore/dmesg.txt", "from ramoops\n");
	assert_true(crashed(b));
	assert_false(pstore_pending(&b->s.a));
	assert_false(scratch_has(&b->s, "var/lib/kferry/pstore/dmesg-ramoops-0"));
}

static void a_record_that_cannot_be_saved_blocks_no_other(void **state)
{
	static const char text[] = "Panic#1 Part1\nof the spool\n";
	struct board *b = *state;

	scratch_write(&b->s, "sys/fs/pstore/dmesg-efi-1/no-file", "", 0);
	scratch_write(&b->s, "var/lib/kferry/pstore/dmesg-ramoops-0/no-file", "", 0);
	scratch_write(&b->s, "var/lib/kferry/pstore/dmesg-ramoops-1", text,
		      sizeof(text) - 1);
	scratch_write(&b->s, "var/lib/kferry/pstore/a-record", "x", 1);
	assert_int_equal(collect(b), 2);
	assert_text(b, "to/pstore/dmesg.txt", "of the spool\n");
	assert_true(crashed(b));
	assert_true(pstore_pending(&b->s.a));
}

static void a_record_that_cannot_be_saved_is_not_removed(void **state)
{
	struct board *b = *state;
	_close_ int to = openat(b->root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned n;

	scratch_write(&b->s, "to/pstore", "in the way", 10);
	put(b, "dmesg-efi-170000000001001", "Panic#1 Part1\nx\n");
	assert_true(pstore_collect(&b->s.a, to, &n) < 0);
	assert_true(pstore_pending(&b->s.a));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(efi_parts_are_joined_oldest_first),
		TEST(dumps_are_kept_apart_in_the_order_of_time),
		TEST(ramoops_records_are_whole),
		TEST(what_cannot_be_decoded_is_kept_as_it_is),
		TEST(an_orderly_dump_is_no_crash),
		TEST(a_panic_on_the_console_is_a_crash),
		TEST(bad_names_stay_where_they_are),
		TEST(late_records_join_the_others),
		TEST(copies_of_records_are_collected_too),
		TEST(a_record_that_cannot_be_saved_blocks_no_other),
		TEST(a_record_that_cannot_be_saved_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
