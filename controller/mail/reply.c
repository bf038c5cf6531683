// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/reply.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "controller/strf.h"

#define QUOTE_MAX 200 /* lines */

const char *reply_tag_name(enum reply_tag tag)
{
	static const char *const names[] = {"Reviewed-by", "Tested-by", "Acked-by"};

	return names[tag];
}

/* --- who gets it -----------------------------------------------------------------------
 */

static bool has(const struct addresses *all, const char *email)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcasecmp(all->a[i].email, email) == 0)
			return true;
	}
	return false;
}

static int add_others(struct addresses *ret, const struct addresses *from,
		      const struct addresses *there, const struct address *me)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && rc == 0; i++) {
		const struct address *a = &from->a[i];

		if (strcasecmp(a->email, me->email) != 0 && !has(there, a->email))
			rc = addresses_add(ret, a->name, a->email);
	}
	return rc;
}

int reply_recipients(const struct message *to, const struct address *me,
		     struct addresses *ret_to, struct addresses *ret_cc)
{
	const struct addresses *author = to->reply_to.n ? &to->reply_to : &to->from;
	static const struct addresses nobody = {0};
	int rc;

	if (author->n == 0)
		return -EINVAL;
	/* To one's own patch one replies all the same. */
	rc = add_others(ret_to, author, &nobody, &(struct address){.email = (char *)""});
	if (rc == 0)
		rc = add_others(ret_cc, &to->from, ret_to, me);
	if (rc == 0)
		rc = add_others(ret_cc, &to->to, ret_to, me);
	if (rc == 0)
		rc = add_others(ret_cc, &to->cc, ret_to, me);
	return rc;
}

/* --- what it says ----------------------------------------------------------------------
 */

static int add_head(struct buf *b, const struct message *to)
{
	const struct address *a = &to->from.a[0];
	time_t at = to->date + to->zone * 60;
	char date[64] = "";
	struct tm tm;

	if (to->date && gmtime_r(&at, &tm))
		strftime(date, sizeof(date), "%a, %b %d, %Y at %H:%M", &tm);
	return buf_printf(b, "%s%s%s%s wrote:\n", *date ? "On " : "", date,
			  *date ? ", " : "", *a->name ? a->name : a->email);
}

/* Where the patch begins, of which nothing is quoted. */
static bool ends_text(const char *line, size_t n)
{
	return (n >= 3 && memcmp(line, "---", 3) == 0 && strspn(line, "- \r") >= n) ||
	       (n >= 11 && memcmp(line, "diff --git ", 11) == 0) ||
	       (n >= 3 && memcmp(line, "-- ", 3) == 0);
}

/* Blank lines at the end are left out. */
static int add_quote(struct buf *b, const char *text)
{
	unsigned lines = 0, blank = 0;
	int rc = 0;

	while (*text && rc == 0 && lines < QUOTE_MAX) {
		size_t n = strcspn(text, "\n"), len = n;

		if (ends_text(text, n))
			break;
		while (len > 0 && strchr(" \t\r", text[len - 1]))
			len--;
		if (len == 0) {
			blank++;
		} else {
			for (; blank > 0 && rc == 0; blank--)
				rc = buf_printf(b, ">\n");
			if (rc == 0)
				rc = buf_printf(b, "> %.*s\n", (int)len, text);
			lines++;
		}
		text += n + (text[n] == '\n');
	}
	return rc;
}

static int write_text(struct buf *b, const struct message *to,
		      const struct reply_opts *opts)
{
	int rc = add_head(b, to);

	if (rc == 0)
		rc = add_quote(b, to->text);
	if (rc == 0)
		rc = buf_printf(b, "\n");
	if (rc == 0 && opts->remark)
		rc = buf_printf(b, "%s\n\n", opts->remark);
	for (size_t i = 0; i < opts->n_tags && rc == 0; i++)
		rc = buf_printf(b, "%s: %s <%s>\n", reply_tag_name(opts->tags[i]),
				opts->me.name, opts->me.email);
	return rc;
}

static char *subject_of(const struct message *to)
{
	return strncasecmp(to->subject, "re:", 3) == 0 ? strdup(to->subject)
						       : strf("Re: %s", to->subject);
}

int reply_write(const struct message *to, const struct reply_opts *opts, char **ret)
{
	struct addresses ret_to = {0}, cc = {0};
	_free_ const char **refs = calloc(to->n_refs + 2, sizeof(*refs));
	_free_ char *subject = subject_of(to);
	_buf_ struct buf text = BUF_INIT;
	struct letter l = {.from = &opts->me,
			   .to = &ret_to,
			   .cc = &cc,
			   .subject = subject,
			   .id = opts->id,
			   .refs = refs};
	int rc = to->from.n && refs && subject
			 ? reply_recipients(to, &opts->me, &ret_to, &cc)
			 : (to->from.n ? -ENOMEM : -EINVAL);

	if (rc == 0)
		rc = write_text(&text, to, opts);
	if (rc == 0) {
		for (size_t i = 0; i < to->n_refs; i++)
			refs[l.n_refs++] = to->refs[i];
		/* A thread goes on also where the mail tells only what it replies to. */
		if (l.n_refs == 0 && to->parent)
			refs[l.n_refs++] = to->parent;
		refs[l.n_refs++] = to->id;
		l.text = buf_str(&text);
		*ret = l.text ? letter_write(&l) : NULL;
		rc = *ret ? 0 : -ENOMEM;
	}
	addresses_fini(&ret_to);
	addresses_fini(&cc);
	return rc;
}
