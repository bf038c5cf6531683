// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/rows.h"

#include <string.h>
#include <time.h>

#include "controller/mail/bookmarks.h"
#include "controller/strf.h"

int rows_lists(struct pane *p, const struct listing *l)
{
	int rc = pane_add(p, "* bookmarks", ROWS_MARKS);

	for (size_t i = 0; i < l->n && rc == 0; i++) {
		_free_ char *line = strf("  %-28s  %s", l->names[i], l->texts[i]);

		rc = line ? pane_add(p, line, l->names[i]) : -ENOMEM;
	}
	return rc;
}

int rows_sets(struct pane *p, const char *list, const struct series_list *l,
	      const json_t *marks)
{
	int rc = 0;

	for (size_t i = 0; i < l->n && rc == 0; i++) {
		const struct posting *set = &l->s[i].postings[0];
		const char *author =
			*set->first->author ? set->first->author : set->first->email;
		time_t at = set->date;
		char date[16] = "";
		struct tm tm;
		_free_ char *line = NULL, *name = NULL;
		_free_ char *who = pane_column(author, 20);

		if (localtime_r(&at, &tm))
			strftime(date, sizeof(date), "%m-%d", &tm);
		line = strf("%c %-5s %s %sv%-2u %3u  %s",
			    listed_marked(&l->s[i], marks) ? '*' : ' ', date,
			    who ? who : author, set->rfc ? "RFC " : "", set->version,
			    set->total, set->first->subject.title);
		name = strf("%s/%s", list, set->first->id);
		rc = line && name ? pane_add(p, line, name) : -ENOMEM;
	}
	return rc;
}

int rows_marks(struct pane *p, const json_t *marks)
{
	const json_t *e;
	size_t i;
	int rc = 0;

	json_array_foreach(marks, i, e)
	{
		_free_ char *line =
			strf("* %s  (%s)", json_string_value(json_object_get(e, "title")),
			     json_string_value(json_object_get(e, "author")));

		rc = line ? pane_add(p, line, json_string_value(json_object_get(e, "id")))
			  : -ENOMEM;
		if (rc < 0)
			break;
	}
	return rc;
}

int rows_mails(struct pane *p, const struct patchset *set)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = patchset_text(set, false, &text);

	p->reading = true;
	if (rc == 0)
		rc = pane_add_text(p, (const char *)buf_data(&text), buf_len(&text));
	return rc;
}
