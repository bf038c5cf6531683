/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs and pattern files.  A log gives the same findings however it is split, within all
 * maxima, and what is told of them is plain text; a pattern file that is taken can be
 * used.  The first byte says which it is, the next two where a log is split.
 */
#include <assert.h>
#include <string.h>

#include "controller/log/classifier.h"
#include "controller/place.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct patterns *own(void)
{
	static struct patterns *ps;
	_free_ char *dir = NULL;
	struct kf_error err;

	if (!ps) {
		assert(place_find("controller/log/patterns", "patterns", &dir) == 0);
		assert(patterns_new(&ps) == 0 && patterns_read(ps, dir, &err) == 0);
		assert(patterns_build(ps, &err) == 0);
	}
	return ps;
}

static void check_finding(const struct finding *it)
{
	assert(it->class_name && it->title && it->first_line && it->source);
	assert(strlen(it->title) <= FINDING_TITLE_MAX);
	assert(buf_len(&it->body) <= FINDING_BODY_MAX);
	assert(it->lines <= PATTERN_LINES_MAX + 2);
	assert(it->count >= 1 && it->boot >= 1);
	assert(*it->signature && it->follows != it);
	for (const char *t = it->taint; *t; t++)
		assert(*t >= 'A' && *t <= 'Z');
}

static char *findings(const struct patterns *ps, const char *log, size_t n, size_t split)
{
	struct classifier *c;
	struct findings *f;
	json_t *j;
	char *text;

	assert(classifier_new(ps, &c) == 0);
	split = split < n ? split : n;
	assert(classifier_text(c, log, split) == 0);
	assert(classifier_text(c, log + split, n - split) == 0);
	assert(classifier_end(c) == 0);
	f = classifier_findings(c);
	for (size_t i = 0; i < findings_count(f); i++)
		check_finding(findings_at(f, i));
	for (int s = 0; s < SEVERITIES; s++)
		assert(findings_number(f, (enum severity)s) <= FINDINGS_MAX);
	assert(!findings_count(f) == !findings_cause(f));
	j = findings_json(f);
	text = json_dumps(j, JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	assert(text);
	json_decref(j);
	classifier_free(c);
	return text;
}

static void as_log(const uint8_t *data, size_t size)
{
	size_t split = size >= 2 ? data[0] | (size_t)data[1] << 8 : 0;
	const char *log = (const char *)data + (size >= 2 ? 2 : 0);
	size_t n = size >= 2 ? size - 2 : size;
	_free_ char *whole = findings(own(), log, n, n);
	_free_ char *parts = findings(own(), log, n, split);
	struct classifier *c;

	assert(strcmp(whole, parts) == 0);
	assert(classifier_new(own(), &c) == 0);
	assert(classifier_kmsg(c, log, n) == 0);
	assert(classifier_end(c) == 0);
	classifier_free(c);
}

static void as_patterns(const char *text, size_t n)
{
	struct patterns *ps;
	struct kf_error err = {0};

	assert(patterns_new(&ps) == 0);
	if (patterns_parse(ps, "fuzz", text, n, &err) < 0 ||
	    patterns_check(ps, 0, &err) < 0 || patterns_build(ps, &err) < 0) {
		assert(err.code < 0 && *err.msg);
	} else {
		/* Its own lines are a log, too. */
		free(findings(ps, text, n, n / 2));
	}
	patterns_free(ps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'P')
		as_patterns((const char *)data + 1, size - 1);
	else
		as_log(data + 1, size - 1);
	return 0;
}
