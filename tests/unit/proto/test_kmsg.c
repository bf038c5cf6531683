/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of /dev/kmsg: fields, continuation lines, streams cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/kmsg.h"
#include "proto/limits.h"

static int parse(const char *s, struct kmsg_record *r)
{
	return kmsg_parse(s, strlen(s), r);
}

static void a_record_has_its_fields(void **state)
{
	struct kmsg_record r;

	(void)state;
	assert_int_equal(parse("30,140,5098,-;systemd: hello; x\n SUBSYSTEM=usb\n", &r),
			 0);
	assert_int_equal(r.level, 6);
	assert_int_equal(r.facility, 3);
	assert_int_equal(r.seq, 140);
	assert_int_equal(r.usec, 5098);
	assert_int_equal(r.text_len, strlen("systemd: hello; x"));
	assert_memory_equal(r.text, "systemd: hello; x", r.text_len);
}

static void unknown_fields_are_skipped(void **state)
{
	struct kmsg_record r;

	(void)state;
	assert_int_equal(parse("3,1,2,c,caller=T1,more;text", &r), 0);
	assert_int_equal(r.level, 3);
	assert_int_equal(r.text_len, 4);
	assert_int_equal(parse("3,1,2;", &r), 0);
	assert_int_equal(r.text_len, 0);
	assert_int_equal(parse("4,18446744073709551615,18446744073709551615,-;x", &r), 0);
	assert_true(r.seq == UINT64_MAX && r.usec == UINT64_MAX);
}

static void broken_records_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"x",
		"3",
		"3,",
		"3,1",
		"3,1,",
		"3,1,2",
		"3,1,2,-",
		",1,2,-;x",
		"3,,2,-;x",
		"3,1,,-;x",
		"-3,1,2,-;",
		"3;1,2,-",
		"3,1,2,-\n;x",
		"3,18446744073709551616,2,-;x",
		"4294967296,1,2,-;x",
	};
	static char large[LIMIT_KMSG_RECORD + 1] = "3,1,2,-;";
	struct kmsg_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &r), -EBADMSG);
	assert_int_equal(kmsg_parse("3,1\0,2,-;x", 10, &r), -EBADMSG);
	assert_int_equal(kmsg_parse(large, LIMIT_KMSG_RECORD, &r), 0);
	assert_int_equal(kmsg_parse(large, LIMIT_KMSG_RECORD + 1, &r), -EBADMSG);
}

static void a_record_is_whole_when_the_next_begins(void **state)
{
	static const char s[] = "3,1,2,-;a\n K=v\n4,2,3,-;b\n";
	size_t first = strlen("3,1,2,-;a\n K=v\n"), all = strlen(s);

	(void)state;
	for (size_t n = 0; n <= all; n++)
		assert_int_equal(kmsg_record_len(s, n, 0), n > first ? first : 0);
	assert_int_equal(kmsg_record_len(s, first, 1), first);
	assert_int_equal(kmsg_record_len(s, 5, 1), 5);
	assert_int_equal(kmsg_record_len(s + first, all - first, 0), 0);
	assert_int_equal(kmsg_record_len(s + first, all - first, 1), all - first);
	assert_int_equal(kmsg_record_len(s, 0, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_has_its_fields),
		cmocka_unit_test(unknown_fields_are_skipped),
		cmocka_unit_test(broken_records_are_refused),
		cmocka_unit_test(a_record_is_whole_when_the_next_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
