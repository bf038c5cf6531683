// SPDX-License-Identifier: GPL-2.0-or-later
/* What subjects of patches say, and how messages are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/mail/msgid.h"
#include "controller/mail/subject.h"
#include "proto/reason.h"

static void words_in_brackets(void **state)
{
	static const struct {
		const char *text, *title;
		bool patch, rfc, resend, reply, numbered;
		unsigned version, index, total;
	} cases[] = {
		{"[PATCH] a: b", "a: b", true, false, false, false, false, 1, 1, 1},
		{"[PATCH v3 2/7] a", "a", true, false, false, false, true, 3, 2, 7},
		{"[PATCH net-next 00/12] a", "a", true, false, false, false, true, 1, 0,
		 12},
		{"[RFC PATCH v2 1/1] a", "a", true, true, false, false, true, 2, 1, 1},
		{"[RFC v2] a", "a", true, true, false, false, false, 2, 1, 1},
		{"[PATCHv4,RESEND] a", "a", true, false, true, false, false, 4, 1, 1},
		{"[RFC/PATCH 1/2] a", "a", true, true, false, false, true, 1, 1, 2},
		{"[demo] [patch 5.10 001/200] a", "a", true, false, false, false, true, 1,
		 1, 200},
		{"Re: [PATCH v2 1/2] a", "a", true, false, false, true, true, 2, 1, 2},
		{"re: Aw: [PATCH] a", "a", true, false, false, true, false, 1, 1, 1},
		{"[GIT PULL] a", "a", false, false, false, false, false, 1, 1, 1},
		{"[PATCH 3/2] a", "a", true, false, false, false, false, 1, 1, 1},
		{"[PATCH 1/0] a", "a", true, false, false, false, false, 1, 1, 1},
		{"[PATCH 1/1000] a", "a", true, false, false, false, false, 1, 1, 1},
		{"[PATCH v0] a", "a", true, false, false, false, false, 1, 1, 1},
		{"[PATCHES] a", "a", false, false, false, false, false, 1, 1, 1},
		{"[PATCH a", "[PATCH a", false, false, false, false, false, 1, 1, 1},
		{"the [PATCH] a", "the [PATCH] a", false, false, false, false, false, 1,
		 1, 1},
		{"[PATCH]", "", true, false, false, false, false, 1, 1, 1},
		{"", "", false, false, false, false, false, 1, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct subject s;

		print_message("%s\n", cases[i].text);
		subject_parse(cases[i].text, &s);
		assert_string_equal(s.title, cases[i].title);
		assert_int_equal(s.patch, cases[i].patch);
		assert_int_equal(s.rfc, cases[i].rfc);
		assert_int_equal(s.resend, cases[i].resend);
		assert_int_equal(s.reply, cases[i].reply);
		assert_int_equal(s.numbered, cases[i].numbered);
		assert_int_equal(s.version, cases[i].version);
		assert_int_equal(s.index, cases[i].index);
		assert_int_equal(s.total, cases[i].total);
		assert_int_equal(subject_is_posting(&s),
				 cases[i].patch && !cases[i].reply);
	}
}

static void names_of_messages(void **state)
{
	static const struct {
		const char *text, *list, *id;
	} cases[] = {
		{"a@b", NULL, "a@b"},
		{"<a@b>", NULL, "a@b"},
		{"demo/a@b", "demo", "a@b"},
		{"linux-gpio/a/b@c", "linux-gpio", "a/b@c"},
		{"<a/b@c>", NULL, "a/b@c"},
		{"https://lore.example/demo/a@b/", "demo", "a@b"},
		{"https://lore.example/demo/a@b/T/#u", "demo", "a@b"},
		{"https://lore.example/x/demo/a%2Bc@b/raw", "demo", "a+c@b"},
		{"https://lore.example/demo/a%2Fc@b/?x=y", "demo", "a/c@b"},
	};
	static const char *const none[] = {
		"",	  "a",	     "demo/a",	    "../a@b",	       "a@",
		"@b",	  "a b@c",   "a@b\n",	    "a\"@b",	       "<a@b",
		"-x/a@b", "a@b\x1b", "https://a@b", "https://x/a@b/c", "https://"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_msgid_ struct msgid m = {0};
		struct kf_error err = {0};

		print_message("%s\n", cases[i].text);
		assert_int_equal(msgid_parse(cases[i].text, &m, &err), 0);
		assert_string_equal(m.id, cases[i].id);
		assert_true(!m.list == !cases[i].list);
		if (m.list)
			assert_string_equal(m.list, cases[i].list);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		struct msgid m = {0};
		struct kf_error err = {0};

		print_message("%s\n", none[i]);
		assert_int_equal(msgid_parse(none[i], &m, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_USAGE);
		assert_null(m.id);
	}
}

static void names_in_addresses(void **state)
{
	_free_ char *s = msgid_escape("a+b/c?d&e=f g@h-1.2_~");

	(void)state;
	assert_string_equal(s, "a%2Bb%2Fc%3Fd%26e%3Df%20g@h-1.2_~");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_in_brackets),
		cmocka_unit_test(names_of_messages),
		cmocka_unit_test(names_in_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
