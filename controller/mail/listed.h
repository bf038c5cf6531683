/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patch sets of a list, as they are listed: fetched page by page, and printed. */
#ifndef KF_LISTED_H
#define KF_LISTED_H

#include <jansson.h>

#include "controller/mail/archive.h"
#include "controller/mail/series.h"
#include "controller/ui/ui.h"

struct listed {
	struct posts posts;
	struct series_list series;
};

/* Until there are `wanted` sets, the list has no more, or LISTED_PAGES were read.  query
 * NULL: the newest. */
#define LISTED_PAGES 5
int listed_fetch(struct mail_archive *a, const char *list, const char *query,
		 unsigned wanted, struct listed *ret, struct kf_error *err) _must_check_;
void listed_fini(struct listed *l);
#define _listed_ _cleanup_(listed_fini)

/* Two lines, or an event.  marks: bookmarks_load()'s. */
void listed_print(struct ui *ui, const char *list, const struct series *s,
		  const json_t *marks);
bool listed_marked(const struct series *s, const json_t *marks);
/* "v3, v1" of what is older than the newest; "" where there is none.  The caller's. */
char *listed_older(const struct series *s);
/* A text from outside as a JSON string, escaped; never NULL but for lack of memory. */
json_t *listed_json(const char *text);

#endif
