// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/tracing/tracewords.h"

#include <assert.h>

#include "controller/strf.h"

void tracewords_fini(struct tracewords *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	*w = (struct tracewords){.n = 0};
}

/* Takes word; NULL: there was no memory for it. */
static int add(struct tracewords *w, char *word)
{
	assert(w->n < TRACEWORDS_MAX);
	if (!word)
		return -ENOMEM;
	w->v[w->n++] = word;
	return 0;
}

static int add_event(struct tracewords *w, const struct tracespec_event *e)
{
	int rc = add(w, e->event ? strf("--event=%s:%s", e->system, e->event)
				 : strf("--event=%s", e->system));

	return rc == 0 && e->filter ? add(w, strf("--filter=%s", e->filter)) : rc;
}

static int add_command(struct tracewords *w, const char *command)
{
	int rc = add(w, strf("--"));

	if (rc == 0)
		rc = add(w, strf("sh"));
	if (rc == 0)
		rc = add(w, strf("-c"));
	return rc == 0 ? add(w, strf("%s", command)) : rc;
}

int tracewords_make(const struct tracespec *spec, unsigned buffer_kib,
		    const char *command, struct tracewords *ret)
{
	struct tracewords *w = ret;
	int rc = add(w, strf("run"));

	for (size_t i = 0; rc == 0 && i < spec->n_events; i++)
		rc = add_event(w, &spec->events[i]);
	if (rc == 0 && spec->tracer)
		rc = add(w, strf("--tracer=%s", spec->tracer));
	for (size_t i = 0; rc == 0 && i < spec->n_functions; i++)
		rc = add(w, strf("--function=%s", spec->functions[i]));
	if (rc == 0 && buffer_kib)
		rc = add(w, strf("--buffer=%u", buffer_kib));
	if (rc == 0 && command)
		rc = add_command(w, command);
	if (rc < 0)
		tracewords_fini(w);
	return rc;
}
