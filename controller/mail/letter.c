// SPDX-License-Identifier: GPL-2.0-or-later
/* A mail that is written. */
#include <gmime/gmime.h>
#include <string.h>

#include "controller/mail/message.h"
#include "controller/strf.h"

static void add_all(GMimeMessage *mail, GMimeAddressType type,
		    const struct addresses *all)
{
	for (size_t i = 0; i < all->n; i++)
		g_mime_message_add_mailbox(mail, type,
					   *all->a[i].name ? all->a[i].name : NULL,
					   all->a[i].email);
}

/* As it is, with nothing changed: GMime would write odd Message-IDs in another way, and
 * the mail would be in no thread. */
static void set_raw(GMimeMessage *mail, const char *name, const char *raw)
{
	GMimeHeaderList *all = g_mime_object_get_header_list(GMIME_OBJECT(mail));

	g_mime_object_set_header(GMIME_OBJECT(mail), name, "", NULL);
	g_mime_header_set_raw_value(g_mime_header_list_get_header(all, name), raw);
}

/* One on each line: a list of Message-IDs is long. */
static int add_refs(GMimeMessage *mail, const struct letter *l)
{
	_buf_ struct buf refs = BUF_INIT;
	_free_ char *parent = NULL;
	int rc = 0;

	if (l->n_refs == 0)
		return 0;
	for (size_t i = 0; i < l->n_refs && rc == 0; i++)
		rc = buf_printf(&refs, "%s<%s>\n", i ? "\t" : " ", l->refs[i]);
	parent = strf(" <%s>\n", l->refs[l->n_refs - 1]);
	if (rc < 0 || !parent || !buf_str(&refs))
		return -ENOMEM;
	set_raw(mail, "In-Reply-To", parent);
	set_raw(mail, "References", buf_str(&refs));
	return 0;
}

static void add_text(GMimeMessage *mail, const char *text)
{
	GMimeTextPart *part = g_mime_text_part_new_with_subtype("plain");

	g_mime_text_part_set_charset(part, "utf-8");
	g_mime_text_part_set_text(part, text);
	g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_8BIT);
	g_mime_message_set_mime_part(mail, GMIME_OBJECT(part));
	g_object_unref(part);
}

char *letter_write(const struct letter *l)
{
	GMimeMessage *mail;
	GDateTime *now;
	char *text = NULL, *whole = NULL;

	g_mime_init();
	mail = g_mime_message_new(TRUE);
	add_all(mail, GMIME_ADDRESS_TYPE_FROM,
		&(struct addresses){.a = (struct address *)l->from, .n = 1});
	add_all(mail, GMIME_ADDRESS_TYPE_TO, l->to);
	add_all(mail, GMIME_ADDRESS_TYPE_CC, l->cc);
	g_mime_message_set_subject(mail, l->subject, "utf-8");
	g_mime_message_set_message_id(mail, l->id);
	now = g_date_time_new_now_local();
	g_mime_message_set_date(mail, now);
	g_date_time_unref(now);
	if (add_refs(mail, l) == 0) {
		add_text(mail, l->text);
		text = g_mime_object_to_string(GMIME_OBJECT(mail), NULL);
	}
	g_object_unref(mail);
	if (text)
		whole = strf("From %s Thu Jan  1 00:00:00 1970\n%s", l->from->email,
			     text);
	g_free(text);
	return whole;
}
