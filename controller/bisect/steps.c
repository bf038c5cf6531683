/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/steps.h"

#include <string.h>

#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

void steps_fini(struct steps *s)
{
	json_decref(s->list);
	*s = (struct steps){0};
}

static bool is_text(const json_t *step, const char *key, bool may_be_null)
{
	const json_t *j = json_object_get(step, key);

	if (may_be_null && json_is_null(j))
		return true;
	return json_is_string(j) &&
	       text_is_plain(json_string_value(j), json_string_length(j), false);
}

static bool is_commit(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return n >= 40 && text_is_hex(s, n, 32);
}

static bool is_step(const json_t *step)
{
	const json_t *took = json_object_get(step, "took_ms");
	const json_t *attempts = json_object_get(step, "attempts");
	const char *verdict = json_string_value(json_object_get(step, "verdict"));
	enum judged j;

	return is_commit(json_string_value(json_object_get(step, "commit"))) &&
	       is_text(step, "subject", false) && is_text(step, "text", false) &&
	       is_text(step, "reason", true) && is_text(step, "board", true) &&
	       is_text(step, "run", true) && is_text(step, "ended", true) &&
	       json_is_integer(took) && json_integer_value(took) >= 0 &&
	       json_is_integer(attempts) && json_integer_value(attempts) > 0 &&
	       json_is_boolean(json_object_get(step, "end")) && verdict &&
	       judge_parse(verdict, &j) && j != JUDGED_STOPPED;
}

static int take_line(struct steps *s, const char *line, size_t n)
{
	json_t *step = n <= STEP_LINE_MAX ? json_loadb(line, n, 0, NULL) : NULL;

	if (!step || !is_step(step) || json_array_size(s->list) == STEPS_MAX) {
		json_decref(step);
		s->damaged++;
		return 0;
	}
	return json_array_append_new(s->list, step) < 0 ? -ENOMEM : 0;
}

int steps_parse(const char *text, size_t n, struct steps *ret)
{
	_steps_ struct steps s = {.list = json_array()};
	int rc = s.list ? 0 : -ENOMEM;

	while (rc == 0 && n > 0) {
		const char *nl = memchr(text, '\n', n);
		size_t len = nl ? (size_t)(nl - text) : n;

		if (len > 0)
			rc = take_line(&s, text, len);
		len += nl != NULL;
		text += len;
		n -= len;
	}
	if (rc < 0)
		return rc;
	*ret = s;
	s = (struct steps){0};
	return 0;
}

static int read_file(int dir, struct buf *b, struct kf_error *err)
{
	int rc = fs_read_file(dir, STEPS_FILE, STEPS_FILE_MAX, b);

	if (rc == -ENOENT)
		return 0;
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO,
			       "read the steps of the bisect (" STEPS_FILE "): %m")
		      : 0;
}

int steps_load(int dir, struct steps *ret, struct kf_error *err)
{
	_buf_ struct buf b = {.max = STEPS_FILE_MAX};
	int rc = read_file(dir, &b, err);

	if (rc < 0)
		return rc;
	rc = steps_parse((const char *)buf_data(&b), buf_len(&b), ret);
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory") : 0;
}

/* What is damaged stays in the file, for people to look at; only a line that was cut gets
 * its end, so that it takes no other with it. */
static int append(struct buf *b, const char *line)
{
	const char *data = (const char *)buf_data(b);
	int rc = 0;

	if (buf_len(b) > 0 && data[buf_len(b) - 1] != '\n')
		rc = buf_append(b, "\n", 1);
	if (rc == 0)
		rc = buf_printf(b, "%s\n", line);
	return rc;
}

int steps_add(int dir, struct steps *s, json_t *step, struct kf_error *err)
{
	_buf_ struct buf b = {.max = STEPS_FILE_MAX};
	_free_ char *line =
		step ? json_dumps(step, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	int rc = read_file(dir, &b, err);

	if (rc == 0 && (!line || append(&b, line) < 0))
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (rc == 0) {
		rc = fs_replace(dir, STEPS_FILE, buf_data(&b), buf_len(&b), 0644);
		if (rc < 0)
			kf_err(err, rc, KF_REASON_IO,
			       "write the step down (" STEPS_FILE "): %m");
	}
	if (rc < 0) {
		json_decref(step);
		return rc;
	}
	json_array_append_new(s->list, step);
	return 0;
}

size_t steps_count(const struct steps *s)
{
	return json_array_size(s->list);
}

const char *step_text(const json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));

	return text ? text : "";
}

enum judged step_verdict(const json_t *step)
{
	enum judged j = JUDGED_FAULT;

	return judge_parse(step_text(step, "verdict"), &j) ? j : JUDGED_FAULT;
}

int64_t step_took_ms(const json_t *step)
{
	return json_integer_value(json_object_get(step, "took_ms"));
}

bool step_is_end(const json_t *step)
{
	return json_is_true(json_object_get(step, "end"));
}

const json_t *steps_find(const struct steps *s, const char *commit, bool end)
{
	for (size_t i = steps_count(s); i-- > 0;) {
		const json_t *step = json_array_get(s->list, i);

		if (step_verdict(step) != JUDGED_FAULT && step_is_end(step) == end &&
		    strcmp(step_text(step, "commit"), commit) == 0)
			return step;
	}
	return NULL;
}

int64_t steps_usual_ms(const struct steps *s)
{
	int64_t sum = 0, n = 0;

	for (size_t i = 0; i < steps_count(s); i++) {
		const json_t *step = json_array_get(s->list, i);

		if (step_verdict(step) == JUDGED_FAULT ||
		    __builtin_add_overflow(sum, step_took_ms(step), &sum))
			continue;
		n++;
	}
	return n ? sum / n : -1;
}

unsigned steps_number(const struct steps *s, enum judged verdict)
{
	unsigned n = 0;

	for (size_t i = 0; i < steps_count(s); i++) {
		const json_t *step = json_array_get(s->list, i);

		n += step_verdict(step) == verdict && !step_is_end(step);
	}
	return n;
}
