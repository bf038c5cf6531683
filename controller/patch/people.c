// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses with roles: "NAME <EMAIL> (ROLE)", "LIST (ROLE)". */
#include "controller/patch/people.h"

#include <string.h>
#include <strings.h>

#include "proto/base/cleanup.h"

void people_fini(struct people *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->p[i].address);
		free(all->p[i].email);
		for (size_t r = 0; r < all->p[i].n_roles; r++)
			free(all->p[i].roles[r]);
		free(all->p[i].roles);
	}
	free(all->p);
	*all = (struct people){0};
}

static struct person *find(const struct people *all, const char *email, size_t n)
{
	for (size_t i = 0; i < all->n; i++)
		if (strlen(all->p[i].email) == n &&
		    !strncasecmp(all->p[i].email, email, n))
			return &all->p[i];
	return NULL;
}

static int add_person(struct people *all, const char *line, size_t n, const char *email,
		      size_t email_n, struct person **ret)
{
	struct person *p = realloc(all->p, (all->n + 1) * sizeof(*p));

	if (!p)
		return -ENOMEM;
	all->p = p;
	p = &all->p[all->n];
	*p = (struct person){.address = strndup(line, n),
			     .email = strndup(email, email_n)};
	if (!p->address || !p->email) {
		free(p->address);
		free(p->email);
		return -ENOMEM;
	}
	all->n++;
	*ret = p;
	return 0;
}

static int add_role(struct person *p, const char *role, size_t n)
{
	char **roles;

	for (size_t i = 0; i < p->n_roles; i++)
		if (strlen(p->roles[i]) == n && !memcmp(p->roles[i], role, n))
			return 0;
	roles = realloc(p->roles, (p->n_roles + 1) * sizeof(*roles));
	if (!roles)
		return -ENOMEM;
	p->roles = roles;
	roles[p->n_roles] = strndup(role, n);
	if (!roles[p->n_roles])
		return -ENOMEM;
	p->n_roles++;
	/* "open list:DEMO", "moderated list:...", "subscriber list" */
	if (memmem(role, strcspn(role, ":)"), " list", 5))
		p->list = true;
	return 0;
}

static int add_line(struct people *all, const char *line, size_t n)
{
	const char *open = memchr(line, '<', n), *email = line, *role;
	const char *close = open ? memchr(open, '>', n - (size_t)(open - line)) : NULL;
	const char *end = close ? close + 1 : memchr(line, ' ', n);
	struct person *p;
	size_t address, email_n;
	int rc = 0;

	address = end ? (size_t)(end - line) : n;
	email_n = close ? (size_t)(close - open) - 1 : address;
	if (close)
		email = open + 1;
	if (!memchr(email, '@', email_n) || memchr(line, '\0', n))
		return -EBADMSG;
	p = find(all, email, email_n);
	if (!p)
		rc = add_person(all, line, address, email, email_n, &p);
	role = line + address;
	if (rc == 0 && n - address > 3 && !memcmp(role, " (", 2) && line[n - 1] == ')')
		rc = add_role(p, role + 2, n - address - 3);
	return rc;
}

int people_add(struct people *all, const char *text, size_t n)
{
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0;) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;

		if (len)
			rc = add_line(all, text + at, len);
		at += len + 1;
	}
	return rc;
}

static int rank(const struct person *p)
{
	int best = 2;

	if (p->list)
		return 3;
	for (size_t i = 0; i < p->n_roles; i++) {
		bool keeps = !strncmp(p->roles[i], "maintainer", 10) ||
			     !strncmp(p->roles[i], "supporter", 9);

		if (keeps)
			return 0;
		if (!strncmp(p->roles[i], "reviewer", 8))
			best = 1;
	}
	return best;
}

static int compare(const void *a, const void *b)
{
	const struct person *p = a, *q = b;
	int by_rank = rank(p) - rank(q);

	return by_rank ? by_rank : strcasecmp(p->address, q->address);
}

void people_sort(struct people *all)
{
	if (all->n)
		qsort(all->p, all->n, sizeof(*all->p), compare);
}
