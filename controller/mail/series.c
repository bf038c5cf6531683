// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SOON_S 900 /* a series without threads is sent in this time */

/* While it is found out what belongs together: sets of mails, each a tree whose root is
 * its own leader. */
struct group {
	const struct posts *all;
	size_t *leader;
};

static size_t root_of(struct group *g, size_t i)
{
	while (g->leader[i] != i) {
		g->leader[i] = g->leader[g->leader[i]];
		i = g->leader[i];
	}
	return i;
}

static void unite(struct group *g, size_t a, size_t b)
{
	size_t x = root_of(g, a), y = root_of(g, b);

	if (x < y)
		g->leader[y] = x;
	else
		g->leader[x] = y;
}

static bool same_author(const struct post *a, const struct post *b)
{
	return strcasecmp(a->email, b->email) == 0 &&
	       (*a->email || strcmp(a->author, b->author) == 0);
}

static bool alike(const struct post *a, const struct post *b)
{
	return a->subject.version == b->subject.version &&
	       a->subject.total == b->subject.total && a->subject.numbered &&
	       b->subject.numbered && same_author(a, b);
}

static bool threaded(const struct post *a, const struct post *b)
{
	if (a->parent && strcmp(a->parent, b->id) == 0)
		return true;
	if (b->parent && strcmp(b->parent, a->id) == 0)
		return true;
	return a->parent && b->parent && strcmp(a->parent, b->parent) == 0;
}

static bool soon(const struct post *a, const struct post *b)
{
	int64_t apart = a->date - b->date;

	return !a->parent && !b->parent && a->subject.index != b->subject.index &&
	       apart < SOON_S && apart > -SOON_S;
}

static void unite_all(struct group *g)
{
	const struct posts *all = g->all;

	for (size_t i = 0; i < all->n; i++) {
		if (!subject_is_posting(&all->p[i].subject))
			continue;
		for (size_t k = 0; k < i; k++) {
			if (!subject_is_posting(&all->p[k].subject) ||
			    !alike(&all->p[i], &all->p[k]))
				continue;
			if (threaded(&all->p[i], &all->p[k]) ||
			    soon(&all->p[i], &all->p[k]))
				unite(g, i, k);
		}
	}
}

/* --- postings --------------------------------------------------------------------------
 */

static int by_index(const void *a, const void *b)
{
	const struct post *x = *(const struct post *const *)a;
	const struct post *y = *(const struct post *const *)b;

	if (x->subject.index != y->subject.index)
		return x->subject.index < y->subject.index ? -1 : 1;
	/* The later one first. */
	return x->date == y->date ? 0 : x->date > y->date ? -1 : 1;
}

static void finish(struct posting *p)
{
	size_t kept = 0;

	qsort(p->posts, p->n, sizeof(*p->posts), by_index);
	for (size_t i = 0; i < p->n; i++) {
		if (kept &&
		    p->posts[kept - 1]->subject.index == p->posts[i]->subject.index)
			continue;
		p->posts[kept++] = p->posts[i];
	}
	p->n = kept;
	p->first = p->posts[0];
	p->version = p->first->subject.version;
	p->total = p->first->subject.total;
	p->date = p->first->date;
	for (size_t i = 0; i < p->n; i++) {
		p->rfc = p->rfc || p->posts[i]->subject.rfc;
		p->resend = p->resend || p->posts[i]->subject.resend;
	}
}

/* How many mails are with i, their leader, which is the first of them. */
static size_t members(struct group *g, size_t i)
{
	size_t n = 0;

	for (size_t k = i; k < g->all->n; k++)
		n += subject_is_posting(&g->all->p[k].subject) && root_of(g, k) == i;
	return n;
}

static int gather(struct group *g, struct posting *postings, size_t *ret_n)
{
	const struct posts *all = g->all;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct posting *p = &postings[n];

		if (!subject_is_posting(&all->p[i].subject) || root_of(g, i) != i)
			continue;
		*p = (struct posting){.posts = calloc(members(g, i), sizeof(*p->posts))};
		if (!p->posts)
			return -ENOMEM;
		*ret_n = ++n;
		for (size_t k = i; k < all->n; k++) {
			if (subject_is_posting(&all->p[k].subject) && root_of(g, k) == i)
				p->posts[p->n++] = &all->p[k];
		}
		finish(p);
	}
	return 0;
}

/* --- versions --------------------------------------------------------------------------
 */

static bool same_title(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " \t");
		b += strspn(b, " \t");
		if (!*a || !*b)
			return *a == *b;
		if (strncasecmp(a, b, 1) != 0)
			return false;
		a++;
		b++;
	}
}

static bool same_series(const struct posting *a, const struct posting *b)
{
	return same_author(a->first, b->first) &&
	       same_title(a->first->subject.title, b->first->subject.title);
}

static int newest_version(const void *a, const void *b)
{
	const struct posting *x = a, *y = b;

	if (x->version != y->version)
		return x->version > y->version ? -1 : 1;
	return x->date == y->date ? 0 : x->date > y->date ? -1 : 1;
}

static int64_t newest_date(const struct series *s)
{
	int64_t date = s->postings[0].date;

	for (size_t i = 1; i < s->n; i++)
		date = s->postings[i].date > date ? s->postings[i].date : date;
	return date;
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = newest_date(a), y = newest_date(b);

	return x == y ? 0 : x > y ? -1 : 1;
}

/* Takes p, also when it fails. */
static int add_posting(struct series_list *l, struct posting *p)
{
	struct series *s = NULL;
	struct posting *more;

	for (size_t i = 0; i < l->n && !s; i++) {
		if (same_series(&l->s[i].postings[0], p))
			s = &l->s[i];
	}
	if (!s)
		s = &l->s[l->n];
	more = reallocarray(s->postings, s->n + 1, sizeof(*more));
	if (!more) {
		free(p->posts);
		return -ENOMEM;
	}
	s->postings = more;
	if (s->n == 0)
		l->n++;
	more[s->n++] = *p;
	return 0;
}

static int make_series(struct posting *postings, size_t n, struct series_list *l)
{
	int rc = 0;

	l->s = calloc(n + 1, sizeof(*l->s));
	for (size_t i = 0; i < n; i++) {
		if (l->s && rc == 0)
			rc = add_posting(l, &postings[i]);
		else
			free(postings[i].posts);
	}
	if (!l->s || rc < 0)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		qsort(l->s[i].postings, l->s[i].n, sizeof(*l->s[i].postings),
		      newest_version);
	qsort(l->s, l->n, sizeof(*l->s), newest_first);
	return 0;
}

int series_group(const struct posts *all, struct series_list *ret)
{
	_free_ size_t *leader = calloc(all->n + 1, sizeof(*leader));
	_free_ struct posting *postings = calloc(all->n + 1, sizeof(*postings));
	struct group g = {.all = all, .leader = leader};
	struct series_list l = {0};
	size_t n = 0;
	int rc;

	if (!leader || !postings)
		return -ENOMEM;
	for (size_t i = 0; i < all->n; i++)
		leader[i] = i;
	unite_all(&g);
	rc = gather(&g, postings, &n);
	if (rc < 0) {
		for (size_t i = 0; i < n; i++)
			free(postings[i].posts);
		return rc;
	}
	rc = make_series(postings, n, &l);
	if (rc < 0) {
		series_fini(&l);
		return rc;
	}
	*ret = l;
	return 0;
}

void series_fini(struct series_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->s[i].n; k++)
			free(l->s[i].postings[k].posts);
		free(l->s[i].postings);
	}
	free(l->s);
	*l = (struct series_list){0};
}

const struct posting *series_find(const struct series_list *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->s[i].n; k++) {
			const struct posting *p = &l->s[i].postings[k];

			for (size_t m = 0; m < p->n; m++) {
				if (strcmp(p->posts[m]->id, id) == 0)
					return p;
			}
		}
	}
	return NULL;
}

unsigned posting_missing(const struct posting *p, unsigned *ret_first)
{
	unsigned missing = 0;
	size_t at = 0;

	for (unsigned i = 1; i <= p->total; i++) {
		while (at < p->n && p->posts[at]->subject.index < i)
			at++;
		if (at < p->n && p->posts[at]->subject.index == i)
			continue;
		if (missing++ == 0)
			*ret_first = i;
	}
	return missing;
}
