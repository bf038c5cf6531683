// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/patchset.h"

#include <string.h>
#include <time.h>

#include "proto/reason.h"

#define UP_MAX 100 /* replies to replies */

void patchset_fini(struct patchset *p)
{
	series_fini(&p->series);
	posts_fini(&p->posts);
	messages_fini(&p->mails);
	p->posting = NULL;
	p->mail = NULL;
}

int patchset_find(struct messages *mails, const char *id, struct patchset *ret,
		  struct kf_error *err)
{
	const char *at = id;
	int rc;

	*ret = (struct patchset){.mails = *mails};
	*mails = (struct messages){0};
	rc = messages_posts(&ret->mails, &ret->posts);
	if (rc == 0)
		rc = series_group(&ret->posts, &ret->series);
	if (rc < 0) {
		patchset_fini(ret);
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	}
	ret->mail = messages_find(&ret->mails, id);
	for (unsigned up = 0; at && !ret->posting && up < UP_MAX; up++) {
		const struct message *m = messages_find(&ret->mails, at);

		ret->posting = series_find(&ret->series, at);
		at = m ? m->parent : NULL;
	}
	return 0;
}

int patchset_check(const struct patchset *p, struct kf_error *err)
{
	unsigned first = 0, missing;

	if (!p->posting)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "that mail (%.200s) is no patch, and replies to none",
			      p->mail ? p->mail->subject : "");
	missing = posting_missing(p->posting, &first);
	if (missing)
		return kf_err(
			err, -ENODATA, KF_REASON_INVALID,
			"the thread lacks %u of the %u patches of v%u, the first is "
			"%u/%u: nothing is applied",
			missing, p->posting->total, p->posting->version, first,
			p->posting->total);
	return 0;
}

int patchset_mbox(const struct patchset *p, struct buf *out)
{
	int rc = 0;

	for (size_t i = 0; i < p->posting->n && rc == 0; i++) {
		const struct post *post = p->posting->posts[i];
		const struct message *m = messages_find(&p->mails, post->id);

		if (!m || post->subject.index == 0)
			continue;
		rc = buf_append(out, m->raw, m->raw_len);
		if (rc == 0 && m->raw_len && m->raw[m->raw_len - 1] != '\n')
			rc = buf_append(out, "\n", 1);
	}
	return rc;
}

/* --- as text ---------------------------------------------------------------------------
 */

static int add_addresses(struct buf *out, const char *field, const struct addresses *all)
{
	int rc = 0;

	for (size_t i = 0; i < all->n && rc == 0; i++) {
		const struct address *a = &all->a[i];
		bool named = *a->name;

		rc = buf_printf(out, "%s%s%s%s%s", i ? ", " : field, a->name,
				named ? " <" : "", a->email, named ? ">" : "");
	}
	return rc == 0 && all->n ? buf_printf(out, "\n") : rc;
}

static int add_date(struct buf *out, const struct message *m)
{
	time_t at = m->date + m->zone * 60;
	int zone = m->zone < 0 ? -m->zone : m->zone;
	char text[64];
	struct tm tm;

	if (!m->date || !gmtime_r(&at, &tm) ||
	    !strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S", &tm))
		return 0;
	return buf_printf(out, "Date: %s %c%02d%02d\n", text, m->zone < 0 ? '-' : '+',
			  zone / 60, zone % 60);
}

static int add_mail(struct buf *out, const struct message *m)
{
	size_t n = strlen(m->text);
	int rc = buf_len(out) ? buf_printf(out, "\n") : 0;

	if (rc == 0)
		rc = add_addresses(out, "From: ", &m->from);
	if (rc == 0)
		rc = add_date(out, m);
	if (rc == 0)
		rc = buf_printf(out, "Subject: %s\n", m->subject);
	if (rc == 0)
		rc = add_addresses(out, "To: ", &m->to);
	if (rc == 0)
		rc = add_addresses(out, "Cc: ", &m->cc);
	if (rc == 0)
		rc = buf_printf(out, "Message-ID: <%s>\n\n%s%s", m->id, m->text,
				n && m->text[n - 1] != '\n' ? "\n" : "");
	return rc;
}

int patchset_text(const struct patchset *p, bool all, struct buf *out)
{
	int rc = 0;

	if (!all && !p->posting)
		return add_mail(out, p->mail);
	for (size_t i = 0; !all && i < p->posting->n && rc == 0; i++) {
		const struct message *m =
			messages_find(&p->mails, p->posting->posts[i]->id);

		rc = m ? add_mail(out, m) : 0;
	}
	for (size_t i = 0; all && i < p->mails.n && rc == 0; i++)
		rc = add_mail(out, &p->mails.m[i]);
	return rc;
}
