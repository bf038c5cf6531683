// SPDX-License-Identifier: GPL-2.0-or-later
/* Mails that are anybody's: fields, addresses, trailers; and who gets a series. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/send/mailtext.h"
#include "controller/send/recipients.h"
#include "proto/reason.h"

static const char mail[] = "From 0123 Mon Sep 17 00:00:00 2001\n"
			   "From: Ann <ann@example.org>\n"
			   "SUBJECT: [PATCH] demo:\n"
			   "  a long\n"
			   "\tsubject\n"
			   "To: \"Lee, Rev\" <rev@example.org>,\n"
			   " b@example.org\n"
			   "Cc: broken, c@example.org\n"
			   "\n"
			   "To: nobody@example.org\n"
			   "Reviewed-by: Rev <r@example.org>\n"
			   "Cc: <stable@example.org> # v6.1\n"
			   "Fixes: 0123 (\"x@y\")\n"
			   "Goodbye: x@example.org\n"
			   "Acked-by: <two@@example.org>\n"
			   "---\n"
			   "Tested-by: after@example.org\n"
			   "diff --git a/a b/a\n";

static void test_fields(void **state)
{
	char text[64], small[8];

	(void)state;
	assert_true(mailtext_field(mail, strlen(mail), "Subject", text, sizeof(text)));
	assert_string_equal(text, "[PATCH] demo: a long subject");
	assert_true(mailtext_field(mail, strlen(mail), "subject", small, sizeof(small)));
	assert_string_equal(small, "[PATCH]");
	assert_false(mailtext_field(mail, strlen(mail), "Reviewed-by", text, 64));
	assert_false(mailtext_field("", 0, "To", text, 64));
	assert_true(mailtext_field("A:", 2, "A", text, 64));
	assert_string_equal(text, "");
}

static void test_fields_are_taken_out_whole(void **state)
{
	static const char *const names[] = {"To", "Cc", NULL};
	_buf_ struct buf b = BUF_INIT;
	const char *text;

	(void)state;
	assert_int_equal(mailtext_without(mail, strlen(mail), names, &b), 0);
	text = buf_str(&b);
	assert_null(strstr(text, "rev@"));
	assert_null(strstr(text, " b@example"));
	assert_null(strstr(text, "c@example"));
	assert_non_null(strstr(text, "SUBJECT: [PATCH] demo:\n  a long\n"));
	assert_non_null(strstr(text, "\n\nTo: nobody@example.org\n"));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *address;
	} cases[] = {
		{" Ann <a@b.org> # why", "Ann <a@b.org>"},
		{"a@b.org # v6", "a@b.org"},
		{"\"Lee, Rev\" <r@b.org>", "\"Lee, Rev\" <r@b.org>"},
		{"a@b.org, c@d.org", "a@b.org"},
		{"Lee, Rev <r@b.org>", "<r@b.org>"},
		{"c@d.org, Ann <a@b.org>", NULL},
		{"c@d.org; Ann <a@b.org>", NULL},
		{"\"x\", c@d.org, \"y\" <a@b.org>", NULL},
		{"\"x\\\" y, c@d.org\" <a@b.org>", "\"x\\\" y, c@d.org\" <a@b.org>"},
		{"<a@b.org>", "<a@b.org>"},
		{"", NULL},
		{"a", NULL},
		{"@b", NULL},
		{"a@", NULL},
		{"a@b@c", NULL},
		{"<a b@c>", NULL},
		{"-a@b.org", NULL},
		{"--to=x <a@b.org>", NULL},
		{"x <-a@b.org>", NULL},
		{"A\x1b[31m <a@b.org>", NULL},
		{"x <a@b.org\n>", NULL},
		{"x <a,c@b.org>", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *at = NULL;
		size_t n = 0;
		bool ok = mailtext_address(cases[i].text, strlen(cases[i].text), &at, &n);

		if (ok != (cases[i].address != NULL))
			fail_msg("\"%s\" was %s", cases[i].text,
				 ok ? "taken" : "refused");
		if (ok && (n != strlen(cases[i].address) ||
			   memcmp(at, cases[i].address, n) != 0))
			fail_msg("\"%s\" gave \"%.*s\"", cases[i].text, (int)n, at);
	}
}

static void test_address_has_a_limit(void **state)
{
	char text[MAILTEXT_ADDRESS_MAX + 16];
	const char *at;
	size_t n;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + MAILTEXT_ADDRESS_MAX - 5, "@b.c", 4);
	assert_true(mailtext_address(text, MAILTEXT_ADDRESS_MAX - 1, &at, &n));
	assert_false(mailtext_address(text, MAILTEXT_ADDRESS_MAX, &at, &n));
}

static int note(void *arg, const char *role, const char *address, size_t n)
{
	assert_int_equal(buf_printf(arg, "%s=%.*s\n", role, (int)n, address), 0);
	return 0;
}

static void test_people_of_a_mail(void **state)
{
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(mailtext_people(mail, strlen(mail), note, &b), 0);
	assert_string_equal(buf_str(&b), "to=\"Lee, Rev\" <rev@example.org>\n"
					 "to=b@example.org\n"
					 "cc=c@example.org\n"
					 "author=Ann <ann@example.org>\n"
					 "Reviewed-by=Rev <r@example.org>\n"
					 "Cc=<stable@example.org>\n");
}

static int refuse(void *arg, const char *role, const char *address, size_t n)
{
	(void)arg;
	(void)role;
	(void)address;
	(void)n;
	return -ENOMEM;
}

static void test_reader_may_stop(void **state)
{
	(void)state;
	assert_int_equal(mailtext_people(mail, strlen(mail), refuse, NULL), -ENOMEM);
}

/* --- recipients ----------------------------------------------------------------------
 */

static int add(struct recipients *r, const char *role, const char *address)
{
	return recipients_add(r, role, address, strlen(address), NULL);
}

static void test_recipients(void **state)
{
	static const char *const block[] = {"gone@example.org", "@spam.org", NULL};
	_recipients_ struct recipients r = {.block = block, .self = "me@example.org"};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(add(&r, "open list:DEMO", "list@example.org"), 0);
	assert_int_equal(add(&r, "Acked-by", "Zoe <zoe@example.org>"), 0);
	assert_int_equal(add(&r, "maintainer:DEMO", "Ann <ann@example.org>"), 0);
	assert_int_equal(add(&r, "cc", "ANN@example.org"), 0);
	assert_int_equal(add(&r, "to", "me@EXAMPLE.org"), 0);
	assert_int_equal(add(&r, "maintainer:X", "Gone@Example.org"), 0);
	assert_int_equal(add(&r, "cc", "x@SPAM.org"), 0);
	assert_int_equal(add(&r, "cc", "x@notspam.org"), 0);
	assert_int_equal(add(&r, "to", "by-hand@example.org"), 0);
	assert_int_equal(add(&r, "cc", "nobody"), -EINVAL);
	assert_int_equal(recipients_end(&r, &err), 0);
	assert_int_equal(r.n_to, 2);
	assert_string_equal(r.all.p[0].address, "Ann <ann@example.org>");
	assert_string_equal(r.all.p[1].email, "by-hand@example.org");
	assert_int_equal(r.all.n, 5);
	assert_string_equal(r.all.p[4].email, "list@example.org");
	assert_int_equal(r.blocked.n, 2);
}

static void test_without_maintainers_the_list_is_written_to(void **state)
{
	_recipients_ struct recipients r = {.block = NULL};

	(void)state;
	assert_int_equal(add(&r, "Acked-by", "a@example.org"), 0);
	assert_int_equal(add(&r, "Acked-by", "b@example.org"), 0);
	assert_int_equal(add(&r, "open list", "list@example.org"), 0);
	assert_int_equal(recipients_end(&r, NULL), 0);
	assert_int_equal(r.n_to, 1);
	assert_string_equal(r.all.p[0].email, "list@example.org");
	assert_string_equal(r.all.p[1].email, "a@example.org");
	assert_string_equal(r.all.p[2].email, "b@example.org");
}

static void test_nobody_and_too_many(void **state)
{
	_recipients_ struct recipients none = {.block = NULL}, many = {.block = NULL};
	struct kf_error err = {0};
	char address[32];

	(void)state;
	assert_int_equal(recipients_end(&none, &err), -EDESTADDRREQ);
	for (int i = 0; i <= RECIPIENTS_MAX; i++) {
		snprintf(address, sizeof(address), "a%d@example.org", i);
		assert_int_equal(add(&many, "cc", address), 0);
	}
	assert_int_equal(recipients_end(&many, &err), -E2BIG);
	assert_int_equal(err.reason, KF_REASON_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_fields_are_taken_out_whole),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_has_a_limit),
		cmocka_unit_test(test_people_of_a_mail),
		cmocka_unit_test(test_reader_may_stop),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_without_maintainers_the_list_is_written_to),
		cmocka_unit_test(test_nobody_and_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
