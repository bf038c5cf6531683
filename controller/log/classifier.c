/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine.  A line that has none of the literals is done with after one look, unless a
 * report is open to which it may belong: that is what makes a clean log fast.  For each
 * caller (printk's id; one for all where there is none) there is at most one open report.
 */
#include <string.h>

#include "controller/log/classifier_internal.h"
#include "controller/log/signature.h"

#define GAP_USEC     10000000u /* no report is silent for so long in its middle */
#define JOIN_USEC    500000u   /* what the kernel prints in one go */
#define GAP_LINES    1000u     /* of others */
#define BEFORE_LINES 4u	       /* a message between the cut mark and the head */
#define REPLAY_LINES 3u
#define HEAD_LINES   2u /* of a report of which nothing but its head is there */

int classifier_new(const struct patterns *ps, struct classifier **ret)
{
	struct classifier *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ps = ps;
	c->data = patterns_match_data();
	c->source = strdup("log");
	c->boot = 1;
	if (!c->data || !c->source || findings_new(&c->findings) < 0) {
		classifier_free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void classifier_free(struct classifier *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CALLERS; i++)
		buf_fini(&c->callers[i].before);
	findings_free(c->findings);
	pcre2_match_data_free(c->data);
	free(c->source);
	free(c->phase);
	free(c->banner);
	free(c);
}

struct findings *classifier_findings(struct classifier *c)
{
	return c->findings;
}

const char *classifier_banner(const struct classifier *c)
{
	return c->banner;
}

uint64_t classifier_lines(const struct classifier *c)
{
	return c->line;
}

/* --- callers -------------------------------------------------------------------- */

static int finish(struct classifier *c, struct unfinished *u)
{
	struct finding *it = u->it;
	int r;

	if (!it)
		return 0;
	u->it = NULL;
	r = report_end(&u->report, it);
	if (r < 0)
		return r;
	if (strpbrk(it->taint, "BDLMW"))
		it->later = true;
	r = signature_set(it);
	if (r == 0)
		findings_settle(c->findings, it);
	return r;
}

static int close_finding(struct classifier *c, struct caller *w)
{
	int r = finish(c, &w->now);

	return r < 0 ? r : finish(c, &w->outer);
}

static int release(struct classifier *c, struct caller *w)
{
	int r = close_finding(c, w);

	w->used = w->cut = false;
	w->before_n = 0;
	buf_reset(&w->before);
	c->busy--;
	return r;
}

int classifier_release(struct classifier *c)
{
	int r = 0;

	for (unsigned i = 0; i < CALLERS && r == 0; i++) {
		if (c->callers[i].used)
			r = release(c, &c->callers[i]);
	}
	return r;
}

/* Callers that say nothing any more. */
static int release_old(struct classifier *c, const struct logline *l)
{
	int r = 0;

	for (unsigned i = 0; i < CALLERS && r == 0; i++) {
		struct caller *w = &c->callers[i];
		bool late = l->has_time && w->usec && l->usec > w->usec + GAP_USEC;

		if (w->used && (late || c->line > w->line + GAP_LINES))
			r = release(c, w);
	}
	return r;
}

static struct caller *find_caller(struct classifier *c, uint64_t id)
{
	for (unsigned i = 0; i < CALLERS; i++) {
		if (c->callers[i].used && c->callers[i].id == id)
			return &c->callers[i];
	}
	return NULL;
}

/* A place for this one: where all are taken, that of who was silent longest. */
static int get_caller(struct classifier *c, const struct logline *l, struct caller **ret)
{
	struct caller *w = find_caller(c, l->caller), *old = &c->callers[0];
	int r = 0;

	for (unsigned i = 0; i < CALLERS && !w; i++) {
		if (!c->callers[i].used)
			w = &c->callers[i];
		else if (c->callers[i].line < old->line)
			old = &c->callers[i];
	}
	if (!w) {
		w = old;
		r = release(c, w);
	}
	c->busy += !w->used;
	w->used = true;
	w->id = l->caller;
	w->line = c->line;
	w->usec = l->has_time ? l->usec : 0;
	*ret = w;
	return r;
}

/* --- findings ------------------------------------------------------------------- */

static char *copy(const char *s, size_t n, size_t max)
{
	return s ? strndup(s, n < max ? n : max) : NULL;
}

/* What the head's regular expression has told. */
static int place(struct caller *w, const struct patterns *ps,
		 const struct pattern_match *m)
{
	struct finding *it = w->now.it;

	if (!it->file && m->file) {
		it->file = copy(m->file, m->file_n, FINDING_TITLE_MAX);
		if (!it->file)
			return -ENOMEM;
		for (size_t i = 0; m->line && i < m->line_n && i < 9; i++)
			it->line = it->line * 10 + (unsigned)(m->line[i] - '0') % 10;
	}
	return m->func ? report_func(&w->now.report, it, ps, m->func, m->func_n) : 0;
}

static int add_before(const struct classifier *c, struct caller *w)
{
	const char *s = (const char *)buf_data(&w->before);
	size_t left = buf_len(&w->before);
	int r = 0;

	while (left > 0 && r == 0) {
		const char *nl = memchr(s, '\n', left);
		size_t n = (size_t)(nl - s);

		r = report_line(&w->now.report, w->now.it, c->ps, s, n);
		s += n + 1;
		left -= n + 1;
	}
	return r;
}

static struct finding *make(const struct classifier *c, const struct logline *l,
			    const struct pattern_match *m)
{
	struct finding *it = finding_new();

	if (!it)
		return NULL;
	it->severity = m->p->severity;
	it->class_name = strdup(m->p->name);
	it->title = copy(m->title, m->title_n, FINDING_TITLE_MAX);
	it->first_line = copy(l->text, l->n, FINDING_LINE_MAX);
	it->source = strdup(c->source);
	it->phase = c->phase ? strdup(c->phase) : NULL;
	it->usec = l->usec;
	it->source_line = c->line;
	it->boot = c->boot;
	if (!it->class_name || !it->title || !it->first_line || !it->source ||
	    (c->phase && !it->phase)) {
		finding_free(it);
		return NULL;
	}
	return it;
}

/* The message that stands above its head. */
static int title_before(struct caller *w)
{
	const char *s = (const char *)buf_data(&w->before);
	const char *nl = w->before_n ? memchr(s, '\n', buf_len(&w->before)) : NULL;
	char *title = nl ? copy(s, (size_t)(nl - s), FINDING_TITLE_MAX) : NULL;

	if (!nl)
		return 0;
	if (!title)
		return -ENOMEM;
	free(w->now.it->title);
	w->now.it->title = title;
	return 0;
}

static int start(struct classifier *c, struct caller *w, const struct logline *l,
		 const struct pattern_match *m)
{
	struct finding *it = make(c, l, m);
	bool kept;
	int r = it ? findings_add(c->findings, it, &kept) : -ENOMEM;

	if (r < 0)
		return r;
	if (!kept)
		return release(c, w);
	w->now.it = it;
	w->now.p = m->p;
	w->now.report = (struct report){.lead = m->p->each ? strlen(m->p->each) : 0};
	it->later = findings_before(c->findings, it, SEVERITY_ERROR) != NULL;
	if (m->p->follows)
		it->follows = findings_before(c->findings, it, m->p->follows_from);
	if (m->p->title_before)
		r = title_before(w);
	if (r == 0)
		r = add_before(c, w);
	if (r == 0)
		r = place(w, c->ps, m);
	if (r == 0)
		r = report_line(&w->now.report, it, c->ps, l->text, l->n);
	w->cut = false;
	w->before_n = 0;
	buf_reset(&w->before);
	return r == 0 && m->p->lines == 0 ? release(c, w) : r;
}

static bool begins(const struct logline *l, const char *with)
{
	size_t n = strlen(with);

	return l->n >= n && memcmp(l->text, with, n) == 0;
}

/* Has the line in front what all lines of the report have? */
static bool has_lead(const struct unfinished *u, const struct logline *l)
{
	return !u->p->each || begins(l, u->p->each);
}

/* A ruler: what comes is of the next report.  That may be one of how this one is told,
 * which has hardly begun then: it goes on below. */
static int ruler(struct classifier *c, struct caller *w)
{
	bool begun = w->now.report.trace || w->now.it->lines > HEAD_LINES;

	if (begun || w->outer.it)
		return release(c, w);
	w->outer = w->now;
	w->now.it = NULL;
	return 0;
}

/* The machine is told once in a report, above its trace: is it told again, the one within
 * is over. */
static int go_on(struct classifier *c, struct caller *w, const struct logline *l)
{
	int r;

	if (!w->outer.it || !w->now.report.trace || !begins(l, "CPU: "))
		return 0;
	r = finish(c, &w->now);
	w->now = w->outer;
	w->outer.it = NULL;
	return r;
}

static int add_line(struct classifier *c, struct caller *w, const struct logline *l)
{
	bool end;
	int r = go_on(c, w, l);

	if (r < 0)
		return r;
	w->line = c->line;
	if (l->has_time)
		w->usec = l->usec;
	if (begins(l, "=========="))
		return ruler(c, w);
	if (!has_lead(&w->now, l))
		return release(c, w);
	end = begins(l, "---[ end ") ||
	      pattern_ends(c->ps, w->now.p, c->data, l->text, l->n);
	r = report_line(&w->now.report, w->now.it, c->ps, l->text, l->n);
	if (r == 0 &&
	    (end || w->now.it->lines > w->now.p->lines || report_is_over(&w->now.report)))
		r = release(c, w);
	return r;
}

/* Is it a part of what is open, as an oops is of the BUG() above it? */
static bool joins(const struct caller *w, const struct pattern *p,
		  const struct logline *l)
{
	bool late = l->has_time && w && w->usec && l->usec > w->usec + JOIN_USEC;

	return w && w->now.it && p != w->now.p && !late && has_lead(&w->now, l) &&
	       w->now.it->lines <= p->joins && w->now.it->severity >= p->severity;
}

static int head(struct classifier *c, struct caller *w, const struct logline *l,
		const struct pattern_match *m)
{
	int r = 0;

	if (joins(w, m->p, l)) {
		r = place(w, c->ps, m);
		return r < 0 ? r : add_line(c, w, l);
	}
	if (w && w->now.it)
		r = close_finding(c, w);
	if (r == 0)
		r = get_caller(c, l, &w);
	return r < 0 ? r : start(c, w, l, m);
}

/* --- starts of a kernel --------------------------------------------------------- */

static bool died(const struct classifier *c)
{
	for (size_t i = 0; i < findings_count(c->findings); i++) {
		const struct finding *it = findings_at(c->findings, i);

		if (it->severity == SEVERITY_FATAL && it->boot == c->boot &&
		    strcmp(it->source, c->source) == 0)
			return true;
	}
	return false;
}

static int started_again(struct classifier *c, const struct logline *l)
{
	static const struct pattern reboot = {.kind = PATTERN_FINDING,
					      .name = (char *)"reboot",
					      .severity = SEVERITY_FATAL};
	static const char title[] =
		"the kernel started again, and nothing had announced it";
	struct pattern_match m = {
		.p = &reboot, .title = title, .title_n = sizeof(title) - 1};
	struct caller *w;
	int r = get_caller(c, l, &w);

	return r < 0 ? r : start(c, w, l, &m);
}

/* Which kernel it is; what says "Booting Linux" says nothing of that. */
static int note_banner(struct classifier *c, const struct logline *l)
{
	char *text;

	if (!begins(l, "Linux version "))
		return 0;
	if (c->banner && strlen(c->banner) == l->n &&
	    memcmp(c->banner, l->text, l->n) == 0)
		return 0;
	text = c->banner ? strdup("") : strndup(l->text, l->n);
	if (!text)
		return -ENOMEM;
	free(c->banner);
	c->banner = text;
	return 0;
}

static int banner(struct classifier *c, const struct logline *l, bool loader)
{
	int r = note_banner(c, l);

	if (r < 0)
		return r;
	if (c->pending) {
		c->pending = loader;
		return 0;
	}
	if (c->replay_line && c->line - c->replay_line <= REPLAY_LINES)
		return 0;
	if (!c->started) {
		c->started = true;
		c->pending = loader;
		return 0;
	}
	r = classifier_release(c);
	if (r == 0 && !c->announced && !l->syslog && !died(c))
		r = started_again(c, l);
	c->boot++;
	c->announced = false;
	c->pending = loader;
	c->range = NULL;
	return r;
}

/* --- lines ---------------------------------------------------------------------- */

static int cut(struct classifier *c, struct caller *w, const struct logline *l)
{
	int r;

	/* A message that is a head itself may stand above the mark. */
	if (w && w->now.it && w->now.it->lines == 1)
		return add_line(c, w, l);
	r = w ? close_finding(c, w) : 0;
	if (r == 0)
		r = get_caller(c, l, &w);
	if (r < 0)
		return r;
	w->cut = true;
	w->before_n = 0;
	buf_reset(&w->before);
	return 0;
}

/* A line that announces nothing. */
static int plain_line(struct classifier *c, struct caller *w, const struct logline *l)
{
	size_t n = l->n < FINDING_LINE_MAX ? l->n : FINDING_LINE_MAX;
	int r;

	if (!w)
		return 0;
	if (w->now.it)
		return add_line(c, w, l);
	if (w->before_n >= BEFORE_LINES)
		return release(c, w);
	w->before_n++;
	w->line = c->line;
	r = buf_append(&w->before, l->text, n);
	return r < 0 ? r : buf_append(&w->before, "\n", 1);
}

/* Is the line to be passed over, as one that was expected? */
static bool in_range(struct classifier *c, const struct logline *l,
		     const struct pattern *found)
{
	if (!c->range)
		return false;
	if (found &&
	    (found->kind == PATTERN_BANNER || found->kind == PATTERN_LOADER ||
	     (found->kind == PATTERN_FINDING && found->severity == SEVERITY_FATAL)))
		return false;
	if (pattern_ends(c->ps, c->range, c->data, l->text, l->n) || --c->range_left == 0)
		c->range = NULL;
	return true;
}

int classifier_take(struct classifier *c, const struct logline *l)
{
	struct pattern_match m = {.p = NULL};
	struct caller *w;
	int r;

	if (l->foreign)
		return 0;
	r = c->busy ? release_old(c, l) : 0;
	if (r < 0)
		return r;
	if (!patterns_may_match(c->ps, l->text, l->n, &c->hits) ||
	    !patterns_find(c->ps, c->data, &c->hits, l->text, l->n, &m))
		m.p = NULL;
	if (in_range(c, l, m.p))
		return 0;
	w = find_caller(c, l->caller);
	switch (m.p ? m.p->kind : PATTERN_IGNORE) {
	case PATTERN_FINDING:
		return head(c, w, l, &m);
	case PATTERN_BANNER:
	case PATTERN_LOADER:
		return banner(c, l, m.p->kind == PATTERN_LOADER);
	case PATTERN_CUT:
		return cut(c, w, l);
	case PATTERN_RANGE:
		c->range = m.p;
		c->range_left = m.p->lines ? m.p->lines : 1;
		return w ? release(c, w) : 0;
	case PATTERN_RESTART:
		c->announced = true;
		break;
	case PATTERN_REPLAY:
		c->replay_line = c->line;
		break;
	case PATTERN_IGNORE:
		break;
	}
	return plain_line(c, w, l);
}

int classifier_source(struct classifier *c, const char *name, const char *phase)
{
	char *source = strdup(name), *of = phase ? strdup(phase) : NULL;
	int r = source && (of || !phase) ? classifier_end(c) : -ENOMEM;

	if (r < 0) {
		free(source);
		free(of);
		return r;
	}
	free(c->source);
	free(c->phase);
	c->source = source;
	c->phase = of;
	c->line = 0;
	c->boot = 1;
	c->started = c->pending = c->announced = false;
	c->range = NULL;
	c->replay_line = 0;
	return 0;
}
