// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is in a database may be anybody's: texts are made plain, and cut, as they are
 * read.
 */
#include "controller/history/tally.h"

#include <string.h>

#include "proto/text.h"

static const char *const kind_names[TALLY_KINDS] = {"build", "deploy", "boot", "test",
						    "bisect"};

static void plain(char *dst, size_t size, const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	*dst = '\0';
	/* Some more than has room: a character that this cuts is cut off below. */
	if (text && text_escape(&b, text, strnlen(text, size + 3), false) == 0 &&
	    buf_len(&b)) {
		const char *s = (const char *)buf_data(&b);

		snprintf(dst, size, "%.*s", (int)text_fit(s, buf_len(&b), size - 1), s);
	}
}

/* verdict as the history has it; took_ms < 0: not known. */
static int row_add(struct tally_row *r, const char *verdict, int64_t took_ms)
{
	if (r->n == r->size) {
		size_t size = r->size ? r->size * 2 : 16;
		int64_t *more = reallocarray(r->took, size, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->took = more;
		r->size = size;
	}
	if (took_ms < 0)
		took_ms = 0;
	r->took[r->n++] = took_ms;
	if (__builtin_add_overflow(r->total_ms, took_ms, &r->total_ms))
		r->total_ms = INT64_MAX;
	r->passed += strcmp(verdict, "PASS") == 0;
	r->failed += strcmp(verdict, "FAIL") == 0;
	r->errors += strcmp(verdict, "ERROR") == 0;
	return 0;
}

static int compare_ms(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void row_end(struct tally_row *r)
{
	if (r->n == 0)
		return;
	qsort(r->took, r->n, sizeof(*r->took), compare_ms);
	r->median_ms = r->took[r->n / 2];
}

static bool is_wanted(const struct tally *t, const char *board)
{
	if (!t->only)
		return true;
	for (size_t i = 0; board && t->only[i]; i++) {
		if (strcmp(t->only[i], board) == 0)
			return true;
	}
	return false;
}

static int kind_of(const char *kind)
{
	for (int i = 0; i < TALLY_KINDS; i++) {
		if (i != TALLY_BOOT && strcmp(kind, kind_names[i]) == 0)
			return i;
	}
	return -1;
}

/* Past TALLY_BOARDS they count together. */
static struct tally_row *board_row(struct tally *t, const char *board)
{
	struct tally_row *more;
	char name[48];

	plain(name, sizeof(name), t->n_boards < TALLY_BOARDS ? board : "others");
	for (size_t i = 0; i < t->n_boards; i++) {
		if (strcmp(t->boards[i].name, name) == 0)
			return &t->boards[i];
	}
	more = reallocarray(t->boards, t->n_boards + 1, sizeof(*more));
	if (!more)
		return NULL;
	t->boards = more;
	more += t->n_boards++;
	*more = (struct tally_row){.n = 0};
	memcpy(more->name, name, sizeof(name));
	return more;
}

/* The oldest gives way. */
static void add_trouble(struct tally *t, const struct history_event *e)
{
	struct tally_trouble *x = &t->troubles[t->n_troubles++ % TALLY_TROUBLES];

	x->when = e->started;
	plain(x->kind, sizeof(x->kind), e->kind);
	plain(x->board, sizeof(x->board), e->board);
	plain(x->verdict, sizeof(x->verdict), e->verdict);
	plain(x->reason, sizeof(x->reason), e->reason);
	plain(x->release, sizeof(x->release), e->release);
	plain(x->run, sizeof(x->run), e->run);
}

int tally_add(void *arg, const struct history_event *e)
{
	struct tally *t = arg;
	const struct span_part *part = span_find(t->span, e->started);
	int kind = kind_of(e->kind), rc;

	if (kind < 0 || !is_wanted(t, e->board))
		return 0;
	rc = row_add(&t->kinds[kind], e->verdict, e->took_ms);
	if (rc == 0 && kind == TALLY_DEPLOY && e->boot_ms >= 0)
		rc = row_add(&t->kinds[TALLY_BOOT], e->booted ? "PASS" : "FAIL",
			     e->boot_ms);
	if (rc == 0 && (kind == TALLY_DEPLOY || kind == TALLY_TEST) && e->board) {
		struct tally_row *row = board_row(t, e->board);

		rc = row ? row_add(row, e->verdict, e->took_ms) : -ENOMEM;
	}
	if (rc == 0 && kind != TALLY_BISECT && part)
		rc = row_add(&t->parts[part - t->span->parts], e->verdict, e->took_ms);
	if (kind != TALLY_BISECT &&
	    (strcmp(e->verdict, "FAIL") == 0 || strcmp(e->verdict, "ERROR") == 0))
		add_trouble(t, e);
	return rc;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct tally_row *)a)->name,
		      ((const struct tally_row *)b)->name);
}

static int compare_troubles(const void *a, const void *b)
{
	const struct tally_trouble *x = a, *y = b;

	return (x->when > y->when) - (x->when < y->when);
}

void tally_end(struct tally *t)
{
	size_t kept = t->n_troubles < TALLY_TROUBLES ? t->n_troubles : TALLY_TROUBLES;

	for (int i = 0; i < TALLY_KINDS; i++) {
		snprintf(t->kinds[i].name, sizeof(t->kinds[i].name), "%s", kind_names[i]);
		row_end(&t->kinds[i]);
	}
	for (size_t i = 0; i < t->n_boards; i++)
		row_end(&t->boards[i]);
	for (size_t i = 0; i < t->span->n; i++) {
		snprintf(t->parts[i].name, sizeof(t->parts[i].name), "%s",
			 t->span->parts[i].label);
		row_end(&t->parts[i]);
	}
	if (t->n_boards > 0)
		qsort(t->boards, t->n_boards, sizeof(*t->boards), compare_rows);
	qsort(t->troubles, kept, sizeof(*t->troubles), compare_troubles);
}

int tally_read(const char *path, const struct span *span, const char *const *only,
	       struct tally *ret, struct kf_error *err)
{
	_cleanup_(history_closep) struct history *h = NULL;
	int rc = history_open(path, false, &h, err);

	*ret = (struct tally){.span = span, .only = only};
	if (rc == 0)
		rc = history_each(h, span->from, span->until, tally_add, ret, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	tally_end(ret);
	return 0;
}

void tally_fini(struct tally *t)
{
	for (int i = 0; i < TALLY_KINDS; i++)
		free(t->kinds[i].took);
	for (size_t i = 0; i < t->n_boards; i++)
		free(t->boards[i].took);
	for (size_t i = 0; i < SPAN_PARTS_MAX; i++)
		free(t->parts[i].took);
	free(t->boards);
	*t = (struct tally){.span = NULL};
}

int tally_rate(const struct tally_row *r)
{
	uint64_t judged = r->passed + r->failed + r->errors;

	return judged ? (int)(r->passed * 100 / judged) : -1;
}

/* --- JSON ----------------------------------------------------------------------------
 */

static json_t *row_json(const struct tally_row *r)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", r->name, "number",
			 (json_int_t)r->n, "passed", (json_int_t)r->passed, "failed",
			 (json_int_t)r->failed, "errors", (json_int_t)r->errors,
			 "took_ms", (json_int_t)r->total_ms, "median_ms",
			 (json_int_t)r->median_ms);
}

static json_t *rows_json(const struct tally_row *rows, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, row_json(&rows[i]));
	return all;
}

static json_t *troubles_json(const struct tally *t)
{
	json_t *all = json_array();

	for (size_t i = 0; i < t->n_troubles && i < TALLY_TROUBLES; i++) {
		const struct tally_trouble *x = &t->troubles[i];

		json_array_append_new(
			all, json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "when",
				       (json_int_t)x->when, "kind", x->kind, "board",
				       x->board, "verdict", x->verdict, "reason",
				       x->reason, "release", x->release, "run", x->run));
	}
	return all;
}

json_t *tally_json(const struct tally *t)
{
	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "event", "report",
			 "since", (json_int_t)t->span->from, "until",
			 (json_int_t)t->span->until, "kinds",
			 rows_json(t->kinds, TALLY_KINDS), "boards",
			 rows_json(t->boards, t->n_boards), "parts",
			 rows_json(t->parts, t->span->n), "troubles", troubles_json(t));
}
