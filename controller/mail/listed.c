// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/listed.h"

#include <string.h>
#include <time.h>

#include "controller/mail/bookmarks.h"
#include "controller/mail/pane.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define AUTHOR 24 /* columns */

void listed_fini(struct listed *l)
{
	series_fini(&l->series);
	posts_fini(&l->posts);
}

static int group(struct listed *l, struct kf_error *err)
{
	series_fini(&l->series);
	return series_group(&l->posts, &l->series) < 0
		       ? kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory")
		       : 0;
}

int listed_fetch(struct mail_archive *a, const char *list, const char *query,
		 unsigned wanted, struct listed *ret, struct kf_error *err)
{
	struct listed l = {0};
	size_t first = 0;
	int rc = 0;

	for (unsigned page = 0; page < LISTED_PAGES && rc == 0; page++) {
		size_t n = 0;

		rc = archive_find(a, list, query, first, &l.posts, &n, err);
		if (rc == 0)
			rc = group(&l, err);
		first += n;
		if (n < ARCHIVE_PAGE || l.series.n >= wanted)
			break;
	}
	if (rc < 0)
		listed_fini(&l);
	else
		*ret = l;
	return rc;
}

char *listed_older(const struct series *s)
{
	_buf_ struct buf b = BUF_INIT;
	int rc = 0;

	for (size_t i = 1; i < s->n && rc == 0; i++)
		rc = buf_printf(&b, "%sv%u", i > 1 ? ", " : "", s->postings[i].version);
	return rc == 0 ? strdup(buf_len(&b) ? buf_str(&b) : "") : NULL;
}

json_t *listed_json(const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, text, strlen(text), true) < 0)
		return NULL;
	return json_string(buf_len(&b) ? buf_str(&b) : "");
}

static json_t *versions(const struct series *s)
{
	json_t *all = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct posting *p = &s->postings[i];

		json_array_append_new(all,
				      json_pack("{s:s, s:i, s:i, s:I, s:b, s:b}", "id",
						p->first->id, "version", (int)p->version,
						"patches", (int)p->total, "date",
						(json_int_t)p->date, "rfc", p->rfc,
						"resend", p->resend));
	}
	return all;
}

static void print_json(struct ui *ui, const char *list, const struct series *s,
		       bool marked)
{
	const struct post *first = s->postings[0].first;
	_free_ char *id = strf("%s/%s", list, first->id);

	if (id)
		ui_json(ui, json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:o}", "event",
				      "patch-set", "id", id, "title",
				      listed_json(first->subject.title), "author",
				      listed_json(first->author), "email",
				      listed_json(first->email), "bookmark", marked,
				      "versions", versions(s)));
}

/* Any version that has a bookmark marks the set. */
bool listed_marked(const struct series *s, const json_t *marks)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->postings[i].n; k++) {
			if (bookmarks_has(marks, s->postings[i].posts[k]->id))
				return true;
		}
	}
	return false;
}

void listed_print(struct ui *ui, const char *list, const struct series *s,
		  const json_t *marks)
{
	const struct posting *p = &s->postings[0];
	const struct post *first = p->first;
	_free_ char *older = listed_older(s);
	_free_ char *who =
		pane_column(*first->author ? first->author : first->email, AUTHOR);
	bool marked = listed_marked(s, marks);
	char date[16] = "?";
	time_t at = p->date;
	struct tm tm;

	if (ui_is_json(ui)) {
		print_json(ui, list, s, marked);
		return;
	}
	if (at && localtime_r(&at, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	ui_out(ui, "%c %-10s  %3u patch%s  %s  %s%sv%u %s\n", marked ? '*' : ' ', date,
	       p->total, p->total == 1 ? "  " : "es", who ? who : "",
	       p->rfc ? "RFC " : "", p->resend ? "RESEND " : "", p->version,
	       first->subject.title);
	ui_out(ui, "              %s/%s%s%s%s\n", list, first->id,
	       older && *older ? "  (also " : "", older ? older : "",
	       older && *older ? ")" : "");
}
