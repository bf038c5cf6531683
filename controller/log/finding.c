/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of findings.  Pointers to findings stay valid until they are settled away, so
 * that others may be open at the same time.
 */
#include "controller/log/finding.h"

#include <string.h>

#include "proto/text.h"

struct findings {
	struct finding **list;
	size_t n;
	unsigned number[SEVERITIES];
	uint64_t dropped;
};

struct finding *finding_new(void)
{
	struct finding *it = calloc(1, sizeof(*it));

	if (it)
		it->count = 1;
	return it;
}

void finding_free(struct finding *it)
{
	if (!it)
		return;
	free(it->class_name);
	free(it->title);
	free(it->first_line);
	buf_fini(&it->body);
	buf_fini(&it->decoded);
	json_decref(it->trace);
	free(it->func);
	free(it->file);
	free(it->modules);
	free(it->source);
	for (size_t i = 0; i < FINDING_SOURCES; i++)
		free(it->also[i]);
	free(it->phase);
	free(it);
}

int findings_new(struct findings **ret)
{
	struct findings *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*ret = f;
	return 0;
}

void findings_free(struct findings *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		finding_free(f->list[i]);
	free(f->list);
	free(f);
}

int findings_add(struct findings *f, struct finding *it, bool *ret_kept)
{
	struct finding **list;

	*ret_kept = false;
	if (f->number[it->severity] >= FINDINGS_MAX) {
		f->dropped++;
		finding_free(it);
		return 0;
	}
	list = reallocarray(f->list, f->n + 1, sizeof(struct finding *));
	if (!list) {
		finding_free(it);
		return -ENOMEM;
	}
	f->list = list;
	f->list[f->n++] = it;
	f->number[it->severity]++;
	*ret_kept = true;
	return 0;
}

/* In another source it is the same event, told twice. */
static bool same(const struct finding *a, const struct finding *b)
{
	if (strcmp(a->signature, b->signature) != 0 || a->severity != b->severity)
		return false;
	return strcmp(a->source, b->source) != 0 || a->boot == b->boot;
}

static void forget(struct findings *f, const struct finding *it, struct finding *other)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i]->follows == it)
			f->list[i]->follows = f->list[i] == other ? NULL : other;
	}
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i] != it)
			continue;
		f->n--;
		memmove(f->list + i, f->list + i + 1,
			(f->n - i) * sizeof(struct finding *));
		return;
	}
}

/* Another source tells it, too: its name is handed on. */
static void add_source(struct finding *it, char **source)
{
	for (size_t i = 0; strcmp(it->source, *source) != 0 && i < FINDING_SOURCES; i++) {
		if (!it->also[i])
			it->also[i] = TAKE_PTR(*source);
		else if (strcmp(it->also[i], *source) != 0)
			continue;
		return;
	}
}

struct finding *findings_settle(struct findings *f, struct finding *it)
{
	for (size_t i = 0; i < f->n && f->list[i] != it; i++) {
		struct finding *other = f->list[i];

		/* One that is still open has no signature yet. */
		if (!*other->signature || !same(other, it))
			continue;
		other->count += strcmp(other->source, it->source) == 0;
		forget(f, it, other);
		add_source(other, &it->source);
		f->number[it->severity]--;
		finding_free(it);
		return NULL;
	}
	return it;
}

size_t findings_count(const struct findings *f)
{
	return f->n;
}

const struct finding *findings_at(const struct findings *f, size_t i)
{
	return i < f->n ? f->list[i] : NULL;
}

struct finding *findings_get(struct findings *f, size_t i)
{
	return i < f->n ? f->list[i] : NULL;
}

struct finding *findings_before(const struct findings *f, const struct finding *it,
				enum severity least)
{
	struct finding *last = NULL;

	for (size_t i = 0; i < f->n && f->list[i] != it; i++) {
		if (f->list[i]->severity >= least && f->list[i]->boot == it->boot &&
		    strcmp(f->list[i]->source, it->source) == 0)
			last = f->list[i];
	}
	return last;
}

unsigned findings_number(const struct findings *f, enum severity s)
{
	return f->number[s];
}

uint64_t findings_dropped(const struct findings *f)
{
	return f->dropped;
}

const struct finding *findings_cause(const struct findings *f)
{
	const struct finding *worst = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (!worst || f->list[i]->severity > worst->severity)
			worst = f->list[i];
	}
	return worst && worst->follows ? worst->follows : worst;
}

void findings_mark_known(struct findings *f, const struct findings *baseline)
{
	for (size_t i = 0; i < f->n; i++) {
		for (size_t k = 0; k < baseline->n && !f->list[i]->known; k++)
			f->list[i]->known = strcmp(f->list[i]->signature,
						   baseline->list[k]->signature) == 0;
	}
}

/* --- JSON ----------------------------------------------------------------------- */

/* What is no text is shown as it would be on a terminal. */
static json_t *text_json(const char *s, size_t n)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, s, n, true) < 0 || !buf_str(&b))
		return json_string("?");
	return json_string(buf_str(&b));
}

static void set_text(json_t *j, const char *key, const char *s)
{
	if (s)
		json_object_set_new(j, key, text_json(s, strlen(s)));
}

static json_t *lines_json(const struct finding *it)
{
	const char *s = (const char *)buf_data(&it->body);
	size_t left = buf_len(&it->body);
	json_t *list = json_array();

	while (left > 0) {
		const char *nl = memchr(s, '\n', left);
		size_t n = nl ? (size_t)(nl - s) : left;

		json_array_append_new(list, text_json(s, n));
		n += nl != NULL;
		s += n;
		left -= n;
	}
	return list;
}

static json_t *sources_json(const struct finding *it)
{
	json_t *list = json_array();

	json_array_append_new(list, text_json(it->source, strlen(it->source)));
	for (size_t i = 0; i < FINDING_SOURCES && it->also[i]; i++)
		json_array_append_new(list, text_json(it->also[i], strlen(it->also[i])));
	return list;
}

json_t *finding_json(const struct finding *it, bool is_cause)
{
	json_t *j = json_object();

	set_text(j, "severity", severity_name(it->severity));
	set_text(j, "class", it->class_name);
	set_text(j, "title", it->title);
	set_text(j, "first_line", it->first_line);
	set_text(j, "signature", it->signature);
	set_text(j, "function", it->func);
	set_text(j, "file", it->file);
	if (it->line)
		json_object_set_new(j, "line", json_integer(it->line));
	set_text(j, "modules", it->modules);
	if (*it->taint)
		set_text(j, "taint", it->taint);
	set_text(j, "source", it->source);
	json_object_set_new(j, "sources", sources_json(it));
	set_text(j, "phase", it->phase);
	json_object_set_new(j, "boot", json_integer(it->boot));
	json_object_set_new(j, "source_line", json_integer((json_int_t)it->source_line));
	json_object_set_new(j, "usec", json_integer((json_int_t)it->usec));
	json_object_set_new(j, "count", json_integer(it->count));
	json_object_set_new(j, "cause", json_boolean(is_cause));
	json_object_set_new(j, "later", json_boolean(it->later));
	json_object_set_new(j, "known", json_boolean(it->known));
	if (it->follows)
		set_text(j, "follows", it->follows->signature);
	json_object_set_new(j, "body", lines_json(it));
	if (it->trace)
		json_object_set(j, "trace", it->trace);
	return j;
}

json_t *findings_json(const struct findings *f)
{
	const struct finding *cause = findings_cause(f);
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(list,
				      finding_json(f->list[i], f->list[i] == cause));
	return list;
}
