// SPDX-License-Identifier: GPL-2.0-or-later
/* Mails of an mbox, the patch set of one, and the reply to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/mail/apply.h"
#include "controller/mail/patchset.h"
#include "controller/mail/reply.h"

#define FROM "From mboxrd@z Thu Jan  1 00:00:00 1970\n"

static const char thread[] =
	FROM "From: =?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <j@x>\n"
	     "To: demo@lists.example, \"Doe, J.\" <doe@x>\n"
	     "Cc: group: in@x, out@x;, Me <me@x>, -option@x, broken\n"
	     "Subject: =?utf-8?b?W1BBVENIIDEvMl0gYQ==?=\n"
	     "Date: Fri, 20 Nov 2026 12:00:00 +0200\n"
	     "Message-ID: <1@x>\n"
	     "References: <-1@x> no <0@x>\n"
	     "Content-Type: text/plain; charset=iso-8859-1\n"
	     "Content-Transfer-Encoding: quoted-printable\n"
	     "\n"
	     "Caf=E9 is good.\n"
	     ">From here on\n"
	     ">>From there on\n"
	     "\n"
	     "\n"
	     "Signed-off-by: J\n"
	     "---\n"
	     " a | 1 +\n" FROM "From: j@x\n"
	     "Subject: [PATCH 2/2]\n b\n"
	     "Message-ID: <2@x>\n"
	     "In-Reply-To: <0@x>\n"
	     "MIME-Version: 1.0\n"
	     "Content-Type: multipart/mixed; boundary=b\n"
	     "\n"
	     "--b\n\ntext\n---\n--b\nContent-Type: text/x-patch\n"
	     "Content-Transfer-Encoding: base64\n\nK3BhdGNoCg==\n--b\n"
	     "Content-Type: image/png\n\nPNG\n--b--\n" FROM "From: nobody\n"
	     "Subject: no id\n\nlost\n" FROM "From: r@x\nReply-To: R <list@x>\n"
	     "Subject: Re: [PATCH 1/2] a\nMessage-ID: <3@x>\nIn-Reply-To: <1@x>\n\nGood.";

static void read_text(const char *text, struct messages *ret)
{
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};

	assert_int_equal(buf_append(&b, text, strlen(text)), 0);
	assert_int_equal(messages_read(&b, ret, &err), 0);
	assert_int_equal(buf_len(&b), 0);
}

static void fields_and_texts(void **state)
{
	_messages_ struct messages all = {0};
	const struct message *m;

	(void)state;
	read_text(thread, &all);
	assert_int_equal(all.n, 3);
	m = messages_find(&all, "1@x");
	assert_string_equal(m->subject, "[PATCH 1/2] a");
	assert_string_equal(m->from.a[0].name, "J\xc3\xbcrgen Gro\xc3\x9f");
	assert_int_equal(m->to.n, 2);
	assert_string_equal(m->to.a[1].name, "Doe, J.");
	/* A group is its members; what could be an option is nobody. */
	assert_int_equal(m->cc.n, 3);
	assert_string_equal(m->cc.a[2].email, "me@x");
	assert_int_equal(m->n_refs, 2);
	assert_string_equal(m->parent, "0@x");
	assert_int_equal(m->date, 1795168800);
	assert_int_equal(m->zone, 120);
	assert_non_null(
		strstr(m->text, "Caf\xc3\xa9 is good.\nFrom here on\n>From there"));
	assert_int_equal(memcmp(m->raw, FROM, strlen(FROM)), 0);
	m = messages_find(&all, "2@x");
	assert_string_equal(m->subject, "[PATCH 2/2] b");
	assert_non_null(strstr(m->text, "text\n---\n"));
	assert_non_null(strstr(m->text, "+patch\n"));
	assert_null(strstr(m->text, "PNG"));
	assert_null(messages_find(&all, "4@x"));
}

static void what_is_no_mbox(void **state)
{
	static const char *const texts[] = {
		"", "x", "From", FROM, FROM FROM "\n", "Message-ID: <1@x>\n\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_buf_ struct buf b = BUF_INIT;
		struct messages all = {0};
		struct kf_error err = {0};

		assert_int_equal(buf_append(&b, texts[i], strlen(texts[i])), 0);
		assert_int_equal(messages_read(&b, &all, &err), -EBADMSG);
		assert_int_equal(all.n, 0);
	}
}

static void the_set_of_a_mail(void **state)
{
	static const char *const names[] = {"1@x", "2@x", "3@x"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		_messages_ struct messages all = {0};
		_patchset_ struct patchset p = {0};
		_buf_ struct buf mbox = BUF_INIT;
		struct kf_error err = {0};
		_free_ char *branch = NULL;

		read_text(thread, &all);
		assert_int_equal(patchset_find(&all, names[i], &p, &err), 0);
		assert_string_equal(p.mail->id, names[i]);
		assert_non_null(p.posting);
		assert_string_equal(p.posting->first->id, "1@x");
		assert_int_equal(patchset_check(&p, &err), 0);
		assert_int_equal(patchset_mbox(&p, &mbox), 0);
		assert_non_null(strstr(buf_str(&mbox), "Message-ID: <2@x>"));
		assert_null(strstr(buf_str(&mbox), "Message-ID: <3@x>"));
		branch = apply_branch(p.posting);
		assert_string_equal(branch, "patches/a-v1");
	}
}

static void a_set_that_is_not_whole(void **state)
{
	_messages_ struct messages all = {0};
	_patchset_ struct patchset p = {0};
	struct kf_error err = {0};

	(void)state;
	read_text(FROM "From: a@x\nSubject: [PATCH 3/4] x\nMessage-ID: <3@x>\n\ntext\n",
		  &all);
	assert_int_equal(patchset_find(&all, "3@x", &p, &err), 0);
	assert_int_equal(patchset_check(&p, &err), -ENODATA);
	assert_non_null(strstr(err.msg, "lacks 3 of the 4"));
	assert_non_null(strstr(err.msg, "1/4"));
}

static const struct address me = {.name = (char *)"M\xc3\xbc", .email = (char *)"me@x"};

static void a_reply(void **state)
{
	_messages_ struct messages all = {0}, sent = {0};
	struct reply_opts opts = {.me = me,
				  .tags = {REPLY_REVIEWED, REPLY_TESTED},
				  .n_tags = 2,
				  .remark = "It works.",
				  .id = "new@x"};
	_free_ char *mail = NULL;
	const struct message *m;

	(void)state;
	read_text(thread, &all);
	assert_int_equal(reply_write(messages_find(&all, "1@x"), &opts, &mail), 0);
	read_text(mail, &sent);
	m = messages_find(&sent, "new@x");
	assert_string_equal(m->subject, "Re: [PATCH 1/2] a");
	assert_string_equal(m->parent, "1@x");
	assert_int_equal(m->n_refs, 3);
	assert_string_equal(m->refs[0], "-1@x");
	assert_string_equal(m->refs[2], "1@x");
	assert_string_equal(m->from.a[0].name, me.name);
	assert_int_equal(m->to.n, 1);
	assert_string_equal(m->to.a[0].email, "j@x");
	/* Everybody but me. */
	assert_int_equal(m->cc.n, 4);
	assert_string_equal(m->cc.a[0].email, "demo@lists.example");
	assert_string_equal(m->cc.a[1].name, "Doe, J.");
	assert_string_equal(
		m->text,
		"On Fri, Nov 20, 2026 at 12:00, J\xc3\xbcrgen Gro\xc3\x9f wrote:\n"
		"> Caf\xc3\xa9 is good.\n> From here on\n> >From there on\n>\n>\n"
		"> Signed-off-by: J\n\nIt works.\n\n"
		"Reviewed-by: M\xc3\xbc <me@x>\nTested-by: M\xc3\xbc <me@x>\n");
}

static void a_reply_goes_where_one_is_wanted(void **state)
{
	_messages_ struct messages all = {0}, sent = {0};
	struct reply_opts opts = {
		.me = me, .tags = {REPLY_ACKED}, .n_tags = 1, .id = "new@x"};
	_free_ char *mail = NULL;
	const struct message *m;

	(void)state;
	read_text(thread, &all);
	assert_int_equal(reply_write(messages_find(&all, "3@x"), &opts, &mail), 0);
	read_text(mail, &sent);
	m = messages_find(&sent, "new@x");
	assert_string_equal(m->subject, "Re: [PATCH 1/2] a");
	assert_string_equal(m->to.a[0].email, "list@x");
	assert_int_equal(m->cc.n, 1);
	assert_string_equal(m->cc.a[0].email, "r@x");
	/* It told no References. */
	assert_int_equal(m->n_refs, 2);
	assert_string_equal(m->refs[0], "1@x");
}

static void line_breaks_in_encoded_words_begin_no_field(void **state)
{
	_messages_ struct messages all = {0}, sent = {0};
	struct reply_opts opts = {
		.me = me, .tags = {REPLY_ACKED}, .n_tags = 1, .id = "new@x"};
	_free_ char *mail = NULL;

	(void)state;
	read_text(FROM "From: =?utf-8?q?J=0ACc=3A_more=40x?= <j@x>\nMessage-ID: <1@x>\n"
		       "Subject: =?utf-8?q?a=0D=0ACc=3A_more=40x?=\n\ntext\n",
		  &all);
	assert_null(strchr(all.m[0].subject, '\n'));
	assert_null(strchr(all.m[0].from.a[0].name, '\n'));
	assert_int_equal(reply_write(&all.m[0], &opts, &mail), 0);
	assert_null(strstr(mail, "\nCc:"));
	read_text(mail, &sent);
	assert_int_equal(sent.m[0].cc.n, 0);
}

static void without_a_sender_there_is_no_reply(void **state)
{
	_messages_ struct messages all = {0};
	struct reply_opts opts = {.me = me, .id = "new@x"};
	char *mail = NULL;

	(void)state;
	read_text(FROM "Message-ID: <1@x>\nSubject: a\n\ntext\n", &all);
	assert_int_equal(reply_write(&all.m[0], &opts, &mail), -EINVAL);
	assert_null(mail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_texts),
		cmocka_unit_test(what_is_no_mbox),
		cmocka_unit_test(the_set_of_a_mail),
		cmocka_unit_test(a_set_that_is_not_whole),
		cmocka_unit_test(a_reply),
		cmocka_unit_test(a_reply_goes_where_one_is_wanted),
		cmocka_unit_test(line_breaks_in_encoded_words_begin_no_field),
		cmocka_unit_test(without_a_sender_there_is_no_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
