// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/message.h"

#include <gmime/gmime.h>
#include <string.h>
#include <strings.h>

#include "controller/mail/msgid.h"
#include "proto/reason.h"

#define ADDRESSES_MAX 1000
#define EMAIL_MAX     320

/* --- addresses -------------------------------------------------------------------------
 */

void addresses_fini(struct addresses *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->a[i].name);
		free(all->a[i].email);
	}
	free(all->a);
	*all = (struct addresses){0};
}

int addresses_add(struct addresses *all, const char *name, const char *email)
{
	struct address *more;
	char *n, *e;

	for (size_t i = 0; i < all->n; i++) {
		if (strcasecmp(all->a[i].email, email) == 0)
			return 0;
	}
	if (all->n == ADDRESSES_MAX)
		return -E2BIG;
	more = reallocarray(all->a, all->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	all->a = more;
	n = strdup(name ? name : "");
	e = strdup(email);
	if (!n || !e) {
		free(n);
		free(e);
		return -ENOMEM;
	}
	more[all->n++] = (struct address){.name = n, .email = e};
	return 0;
}

/* What could mean something else in a header, or to a program, is nobody's. */
static bool is_email(const char *s)
{
	const char *at = s ? strchr(s, '@') : NULL;

	if (!at || at == s || *s == '-' || strlen(s) > EMAIL_MAX)
		return false;
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~' || strchr("<>()\",;", *s))
			return false;
	}
	return true;
}

/* Encoded words may hold line breaks, which would begin a field of a header that is
 * written with it.  The caller's; NULL: no memory. */
static char *one_line(const char *text)
{
	char *line = strdup(text ? text : "");

	for (char *s = line; s && *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
	}
	return line;
}

static int add_mailbox(struct addresses *all, const char *name, const char *email)
{
	_free_ char *line = NULL;

	if (!is_email(email))
		return 0;
	line = one_line(name);
	return line ? addresses_add(all, line, email) : -ENOMEM;
}

/* Groups are descended, one level: what is deeper is nobody's address.  More than there
 * may be are left out. */
static int add_list(struct addresses *all, InternetAddressList *list, bool groups)
{
	int n = list ? internet_address_list_length(list) : 0, rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);

		if (INTERNET_ADDRESS_IS_MAILBOX(a)) {
			rc = add_mailbox(all, internet_address_get_name(a),
					 internet_address_mailbox_get_addr(
						 INTERNET_ADDRESS_MAILBOX(a)));
		} else if (groups && INTERNET_ADDRESS_IS_GROUP(a)) {
			rc = add_list(all,
				      internet_address_group_get_members(
					      INTERNET_ADDRESS_GROUP(a)),
				      false);
		}
	}
	return rc == -E2BIG ? 0 : rc;
}

/* --- one mail --------------------------------------------------------------------------
 */

static void message_fini(struct message *m)
{
	for (size_t i = 0; i < m->n_refs; i++)
		free(m->refs[i]);
	free(m->refs);
	free(m->id);
	free(m->parent);
	free(m->subject);
	addresses_fini(&m->from);
	addresses_fini(&m->reply_to);
	addresses_fini(&m->to);
	addresses_fini(&m->cc);
	free(m->text);
	*m = (struct message){0};
}

/* Each part is lines: the newline at its end may be a boundary's. */
static void add_text(GMimeObject *parent, GMimeObject *part, gpointer arg)
{
	struct buf *text = arg;
	char *s;

	(void)parent;
	if (!GMIME_IS_TEXT_PART(part))
		return;
	s = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
	/* Memory that runs out is seen when the text is taken. */
	if (s && (buf_append(text, s, strlen(s)) < 0 ||
		  (*s && s[strlen(s) - 1] != '\n' && buf_append(text, "\n", 1) < 0)))
		text->max = 1;
	g_free(s);
}

static int take_text(GMimeMessage *mail, char **ret)
{
	_buf_ struct buf text = BUF_INIT;

	g_mime_message_foreach(mail, add_text, &text);
	*ret = text.max ? NULL : strdup(buf_len(&text) ? buf_str(&text) : "");
	return *ret ? 0 : -ENOMEM;
}

/* The next "<...>" of a header's text that is a Message-ID: 1, and *at is behind it; 0:
 * there is no more.  (GMime's own reader changes those that are not as they should be,
 * and then they are nobody's.) */
static int next_id(const char **at, char **ret)
{
	const char *start, *end;

	while ((start = strchr(*at, '<')) && (end = strchr(start, '>'))) {
		_free_ char *id = strndup(start + 1, (size_t)(end - start) - 1);

		*at = end + 1;
		if (!id)
			return -ENOMEM;
		if (!msgid_is_id(id))
			continue;
		*ret = TAKE_PTR(id);
		return 1;
	}
	return 0;
}

/* The last MESSAGE_REFS of them. */
static int take_refs(struct message *m, const char *text)
{
	char *id = NULL;
	int rc = 1;

	m->refs = calloc(MESSAGE_REFS, sizeof(*m->refs));
	if (!m->refs)
		return -ENOMEM;
	while (text && (rc = next_id(&text, &id)) > 0) {
		if (m->n_refs == MESSAGE_REFS) {
			free(m->refs[0]);
			m->n_refs--;
			memmove(m->refs, m->refs + 1, m->n_refs * sizeof(*m->refs));
		}
		m->refs[m->n_refs++] = id;
	}
	return rc < 0 ? rc : 0;
}

/* In-Reply-To, or where that is not told the last of References. */
static int take_parent(struct message *m, const char *text)
{
	int rc = text ? next_id(&text, &m->parent) : 0;

	if (rc != 0 || m->n_refs == 0)
		return rc < 0 ? rc : 0;
	m->parent = strdup(m->refs[m->n_refs - 1]);
	return m->parent ? 0 : -ENOMEM;
}

static void take_date(struct message *m, GMimeMessage *mail)
{
	GDateTime *date = g_mime_message_get_date(mail);

	if (!date)
		return;
	m->date = g_date_time_to_unix(date);
	m->zone = (int)(g_date_time_get_utc_offset(date) / (60 * 1000000LL));
}

/* -ENOENT: it has no Message-ID. */
static int take_mail(struct message *m, GMimeMessage *mail)
{
	GMimeObject *o = GMIME_OBJECT(mail);
	const char *id = g_mime_message_get_message_id(mail);
	const char *subject = g_mime_message_get_subject(mail);
	int rc;

	if (!id || !msgid_is_id(id))
		return -ENOENT;
	m->id = strdup(id);
	m->subject = one_line(subject);
	rc = m->id && m->subject ? 0 : -ENOMEM;
	if (rc == 0)
		rc = add_list(&m->from, g_mime_message_get_from(mail), false);
	if (rc == 0)
		rc = add_list(&m->reply_to, g_mime_message_get_reply_to(mail), false);
	if (rc == 0)
		rc = add_list(&m->to, g_mime_message_get_to(mail), true);
	if (rc == 0)
		rc = add_list(&m->cc, g_mime_message_get_cc(mail), true);
	if (rc == 0)
		rc = take_refs(m, g_mime_object_get_header(o, "References"));
	if (rc == 0)
		rc = take_parent(m, g_mime_object_get_header(o, "In-Reply-To"));
	take_date(m, mail);
	return rc < 0 ? rc : take_text(mail, &m->text);
}

static int read_mail(const char *data, size_t n, struct message *m)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data, n);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *mail = g_mime_parser_construct_message(parser, NULL);
	int rc = mail ? take_mail(m, mail) : -ENOENT;

	if (mail)
		g_object_unref(mail);
	g_object_unref(parser);
	g_object_unref(stream);
	return rc;
}

/* --- the mbox --------------------------------------------------------------------------
 */

static bool is_from(const char *s, size_t n)
{
	return n >= 5 && memcmp(s, "From ", 5) == 0;
}

/* Where the next line begins: n is that of the last. */
static size_t next_line(const char *s, size_t n, size_t at)
{
	const char *end = at < n ? memchr(s + at, '\n', n - at) : NULL;

	return end ? (size_t)(end - s) + 1 : n;
}

/* What is behind the line "From ", with its texts' lines ">From " as they were. */
static int unquote(const char *s, size_t n, struct buf *out)
{
	int rc = 0;

	for (size_t at = next_line(s, n, 0); at < n && rc == 0;) {
		size_t end = next_line(s, n, at), quotes = 0;

		while (at + quotes < end && s[at + quotes] == '>')
			quotes++;
		if (quotes && is_from(s + at + quotes, end - at - quotes))
			at++;
		rc = buf_append(out, s + at, end - at);
		at = end;
	}
	return rc;
}

static int add_mail(struct messages *all, const char *s, size_t n)
{
	_buf_ struct buf plain = BUF_INIT;
	struct message *m;
	int rc = unquote(s, n, &plain);

	if (rc < 0)
		return rc;
	if (all->n == MESSAGE_MAX)
		return -E2BIG;
	if ((all->n & (all->n - 1)) == 0) {
		m = reallocarray(all->m, all->n ? all->n * 2 : 1, sizeof(*m));
		if (!m)
			return -ENOMEM;
		all->m = m;
	}
	m = &all->m[all->n];
	*m = (struct message){.raw = s, .raw_len = n};
	rc = buf_len(&plain)
		     ? read_mail((const char *)buf_data(&plain), buf_len(&plain), m)
		     : -ENOENT;
	if (rc < 0)
		message_fini(m);
	else
		all->n++;
	return rc == -ENOENT ? 0 : rc;
}

static int read_all(struct messages *all)
{
	const char *s = (const char *)buf_data(&all->mbox);
	size_t n = buf_len(&all->mbox), start = 0;
	int rc = 0;

	while (start < n && !is_from(s + start, n - start))
		start = next_line(s, n, start);
	while (start < n && rc == 0) {
		size_t end = next_line(s, n, start);

		while (end < n && !is_from(s + end, n - end))
			end = next_line(s, n, end);
		rc = add_mail(all, s + start, end - start);
		start = end;
	}
	return rc;
}

int messages_read(struct buf *mbox, struct messages *ret, struct kf_error *err)
{
	struct messages all = {.mbox = *mbox};
	int rc;

	*mbox = (struct buf)BUF_INIT;
	g_mime_init();
	rc = read_all(&all);
	if (rc == 0 && all.n > 0) {
		*ret = all;
		return 0;
	}
	messages_fini(&all);
	if (rc == -E2BIG)
		return kf_err(err, rc, KF_REASON_INVALID,
			      "the thread has more than %d mails", MESSAGE_MAX);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	return kf_err(err, -EBADMSG, KF_REASON_INVALID,
		      "what the archive sent is no mbox: there is no mail in it");
}

void messages_fini(struct messages *all)
{
	for (size_t i = 0; i < all->n; i++)
		message_fini(&all->m[i]);
	free(all->m);
	buf_fini(&all->mbox);
	*all = (struct messages){0};
}

const struct message *messages_find(const struct messages *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->m[i].id, id) == 0)
			return &all->m[i];
	}
	return NULL;
}

int messages_posts(const struct messages *all, struct posts *ret)
{
	int rc = 0;

	for (size_t i = 0; i < all->n && rc == 0; i++) {
		const struct message *m = &all->m[i];
		const struct post p = {
			.id = m->id,
			.parent = m->parent,
			.text = m->subject,
			.author = m->from.n ? m->from.a[0].name : NULL,
			.email = m->from.n ? m->from.a[0].email : NULL,
			.date = m->date,
		};

		rc = posts_add(ret, &p);
	}
	return rc;
}
