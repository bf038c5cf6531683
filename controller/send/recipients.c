// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/send/recipients.h"

#include <string.h>
#include <strings.h>

#include "controller/send/mailtext.h"
#include "controller/strf.h"
#include "proto/reason.h"

#define ROLE_TO "to" /* somebody said so */

void recipients_fini(struct recipients *r)
{
	people_fini(&r->all);
	people_fini(&r->blocked);
}

/* "@b.org" is all of that host. */
static bool is_blocked(const struct recipients *r, const char *email, size_t n)
{
	for (size_t i = 0; r->block && r->block[i]; i++) {
		const char *b = r->block[i];
		size_t m = strlen(b);

		if (*b == '@' ? n > m && strncasecmp(email + n - m, b, m) == 0
			      : n == m && strncasecmp(email, b, m) == 0)
			return true;
	}
	return false;
}

int recipients_add(struct recipients *r, const char *role, const char *address, size_t n,
		   struct kf_error *err)
{
	const char *at, *email;
	size_t len, email_n;
	_free_ char *line = NULL;
	int rc;

	if (!mailtext_address(address, n, &at, &len))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%.*s\" is no address such as a@b.org or \"Ann "
			      "<a@b.org>\"",
			      (int)(n < 80 ? n : 80), address);
	mailtext_email(at, len, &email, &email_n);
	if (r->self && strlen(r->self) == email_n &&
	    strncasecmp(r->self, email, email_n) == 0)
		return 0;
	line = strf("%.*s (%s)", (int)len, at, role);
	rc = line ? people_add(is_blocked(r, email, email_n) ? &r->blocked : &r->all,
			       line, strlen(line))
		  : -ENOMEM;
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "keep %.*s: %m", (int)len,
			       at)
		      : 0;
}

int recipients_add_people(struct recipients *r, const struct people *p,
			  struct kf_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < p->n && rc == 0; i++) {
		const struct person *x = &p->p[i];
		struct kf_error inner = {0};

		for (size_t k = 0; k < (x->n_roles ? x->n_roles : 1) && rc == 0; k++)
			rc = recipients_add(r, x->n_roles ? x->roles[k] : "cc",
					    x->address, strlen(x->address), &inner);
		/* What the script prints and is no address, nobody could send to. */
		if (rc == -EINVAL)
			rc = 0;
		if (rc < 0)
			*err = inner;
	}
	return rc;
}

static int add_named(void *arg, const char *role, const char *address, size_t n)
{
	/* They were looked at: no error but of memory is left. */
	return recipients_add(arg, role, address, n, NULL);
}

int recipients_add_series(struct recipients *r, const struct mails *s,
			  struct kf_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = mailtext_people((const char *)buf_data(&s->mails[i].text),
				     buf_len(&s->mails[i].text), add_named, r);
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory") : 0;
}

static bool has_role(const struct person *p, const char *role)
{
	for (size_t i = 0; i < p->n_roles; i++) {
		if (strncmp(p->roles[i], role, strlen(role)) == 0)
			return true;
	}
	return false;
}

static bool is_to(const struct person *p)
{
	static const char *const roles[] = {"maintainer", "supporter", "reviewer"};

	for (size_t i = 0; i < p->n_roles; i++) {
		if (strcmp(p->roles[i], ROLE_TO) == 0)
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(roles) && !p->list; i++) {
		if (has_role(p, roles[i]))
			return true;
	}
	return false;
}

/* Those of To first, each part in the order that it has. */
static int split(struct recipients *r)
{
	struct person *sorted = calloc(r->all.n, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < r->all.n; i++) {
		if (is_to(&r->all.p[i]))
			sorted[n++] = r->all.p[i];
	}
	r->n_to = n;
	for (size_t i = 0; i < r->all.n; i++) {
		if (!is_to(&r->all.p[i]))
			sorted[n++] = r->all.p[i];
	}
	free(r->all.p);
	r->all.p = sorted;
	return 0;
}

int recipients_end(struct recipients *r, struct kf_error *err)
{
	if (r->all.n == 0)
		return kf_err(err, -EDESTADDRREQ, KF_REASON_USAGE,
			      "nobody is to get it%s: name somebody with --to",
			      r->blocked.n ? " who is not blocked" : "");
	if (r->all.n > RECIPIENTS_MAX)
		return kf_err(err, -E2BIG, KF_REASON_USAGE,
			      "%zu people would get it; at most %d are taken", r->all.n,
			      RECIPIENTS_MAX);
	people_sort(&r->all);
	if (split(r) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	/* A mail has to go to somebody. */
	for (size_t i = 0; r->n_to == 0 && i < r->all.n; i++) {
		struct person list = r->all.p[i];

		if (!list.list)
			continue;
		memmove(&r->all.p[1], &r->all.p[0], i * sizeof(list));
		r->all.p[0] = list;
		r->n_to = 1;
	}
	if (r->n_to == 0)
		r->n_to = 1;
	return 0;
}
