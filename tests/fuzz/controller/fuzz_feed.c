/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atom, a manifest or a page of an archive: whatever is taken of it is named well. */
#include <assert.h>
#include <string.h>

#include "controller/mail/feed.h"
#include "controller/mail/msgid.h"
#include "controller/mail/series.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_listing(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		assert(msgid_is_list(l->names[i]) && l->texts[i]);
		assert(i == 0 || strcmp(l->names[i - 1], l->names[i]) < 0);
	}
	listing_fini(l);
}

static void check_series(const struct posts *all)
{
	_series_ struct series_list l = {0};

	if (series_group(all, &l) < 0)
		return;
	for (size_t i = 0; i < l.n; i++) {
		assert(l.s[i].n > 0);
		for (size_t k = 0; k < l.s[i].n; k++) {
			const struct posting *p = &l.s[i].postings[k];
			unsigned first = 0;

			assert(p->n > 0 && p->total > 0 && p->version > 0);
			assert(posting_missing(p, &first) <= p->total);
			assert(series_find(&l, p->first->id) == p);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf b = BUF_INIT;
	_posts_ struct posts all = {0};
	struct listing l = {0};
	struct kf_error err = {0};
	size_t n = 0;

	if (size == 0 || buf_append(&b, data + 1, size - 1) < 0)
		return 0;
	if (data[0] == 'j') {
		if (listing_read_manifest(&b, &l, &err) == 0)
			check_listing(&l);
	} else if (data[0] == 'h') {
		if (listing_read_page(&b, &l, &err) == 0)
			check_listing(&l);
	} else if (feed_read(&b, &all, &n, &err) == 0) {
		assert(all.n <= n);
	}
	for (size_t i = 0; i < all.n; i++)
		assert(msgid_is_id(all.p[i].id));
	check_series(&all);
	return 0;
}
