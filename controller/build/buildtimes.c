/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/build/buildtimes.h"

#include <jansson.h>
#include <string.h>

#include "proto/text.h"

#define VERSION	 1
#define ALIKE	 5    /* builds whose median counts */
#define TRUST_MS 2000 /* shorter times tell nothing of this machine's speed today */
#define LONGEST	 (INT64_C(7) * 24 * 3600 * 1000)

/* When it had made so many files. */
static int64_t time_at(const struct buildtimes_one *b, unsigned steps)
{
	uint64_t sixteenths = (uint64_t)steps * BUILDTIMES_POINTS;
	unsigned i = (unsigned)(sixteenths / b->steps);
	int64_t from = i > 0 ? b->at_ms[i - 1] : 0;
	int64_t to = i < BUILDTIMES_POINTS ? b->at_ms[i] : b->took_ms;

	return from + (to - from) * (int64_t)(sixteenths % b->steps) / b->steps;
}

static int64_t left_of(const struct buildtimes_one *b, unsigned steps, int64_t elapsed)
{
	int64_t then = time_at(b, steps), left = b->took_ms - then;

	if (then < TRUST_MS || elapsed < TRUST_MS)
		return left;
	/* Slower or faster than then, but not without bounds: a pause is no speed. */
	if (elapsed > 2 * then)
		return 2 * left;
	return elapsed < then / 2 ? left / 2 : left * elapsed / then;
}

static void insert(int64_t *v, size_t n, int64_t one)
{
	while (n > 0 && v[n - 1] > one) {
		v[n] = v[n - 1];
		n--;
	}
	v[n] = one;
}

int64_t buildtimes_left(const struct buildtimes *h, const char *what, bool fresh,
			unsigned steps, int64_t elapsed_ms)
{
	int64_t left[ALIKE];
	size_t n = 0;

	for (size_t i = h->n; i > 0 && n < ALIKE; i--) {
		const struct buildtimes_one *b = &h->v[i - 1];

		if (b->fresh == fresh && b->steps > steps && strcmp(b->what, what) == 0)
			insert(left, n++, left_of(b, steps, elapsed_ms));
	}
	return n > 0 ? left[n / 2] : -1;
}

void buildtimes_points(struct buildtimes_one *b, const int32_t *times)
{
	for (unsigned i = 0; i < BUILDTIMES_POINTS; i++) {
		uint64_t step = (uint64_t)b->steps * (i + 1) / BUILDTIMES_POINTS;

		b->at_ms[i] = step < b->steps ? times[step] : b->took_ms;
	}
	/* The last files are begun long before the end: what comes then is the link. */
	if (b->steps > 0)
		b->at_ms[BUILDTIMES_POINTS - 1] = times[b->steps - 1];
}

void buildtimes_add(struct buildtimes *h, const struct buildtimes_one *b)
{
	if (h->n == BUILDTIMES_BUILDS)
		memmove(h->v, h->v + 1, --h->n * sizeof(*h->v));
	h->v[h->n++] = *b;
}

int buildtimes_print(const struct buildtimes *h, struct buf *out)
{
	json_t *list = json_array();
	json_t *all = json_pack("{s:i, s:o}", "version", VERSION, "builds", list);
	_free_ char *text = NULL;
	int r;

	for (size_t i = 0; i < h->n; i++) {
		const struct buildtimes_one *b = &h->v[i];
		json_t *at = json_array();

		for (size_t k = 0; k < BUILDTIMES_POINTS; k++)
			json_array_append_new(at, json_integer(b->at_ms[k]));
		json_array_append_new(list, json_pack("{s:s, s:b, s:I, s:I, s:o}", "what",
						      b->what, "fresh", (int)b->fresh,
						      "steps", (json_int_t)b->steps, "ms",
						      (json_int_t)b->took_ms, "at", at));
	}
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	r = text ? buf_printf(out, "%s\n", text) : -ENOMEM;
	json_decref(all);
	return r;
}

static bool take_points(const json_t *at, struct buildtimes_one *b)
{
	int64_t before = 0;

	if (json_array_size(at) != BUILDTIMES_POINTS)
		return false;
	for (size_t i = 0; i < BUILDTIMES_POINTS; i++) {
		const json_t *one = json_array_get(at, i);

		b->at_ms[i] = json_integer_value(one);
		if (!json_is_integer(one) || b->at_ms[i] < before ||
		    b->at_ms[i] > b->took_ms)
			return false;
		before = b->at_ms[i];
	}
	return true;
}

static bool take_build(const json_t *one, struct buildtimes_one *b)
{
	const char *what = json_string_value(json_object_get(one, "what"));
	json_int_t steps = json_integer_value(json_object_get(one, "steps"));

	if (!what || strlen(what) != sizeof(b->what) - 1 ||
	    !text_is_hex(what, strlen(what), sizeof(b->what) / 2) || steps < 1 ||
	    steps > BUILDTIMES_STEPS)
		return false;
	memcpy(b->what, what, sizeof(b->what));
	b->fresh = json_is_true(json_object_get(one, "fresh"));
	b->steps = (unsigned)steps;
	b->took_ms = json_integer_value(json_object_get(one, "ms"));
	return b->took_ms >= 0 && b->took_ms <= LONGEST &&
	       take_points(json_object_get(one, "at"), b);
}

int buildtimes_parse(const char *text, size_t n, struct buildtimes *h)
{
	json_t *all = n <= BUILDTIMES_TEXT ? json_loadb(text, n, 0, NULL) : NULL;
	json_t *list = json_object_get(all, "builds"), *one;
	bool good = json_is_array(list) &&
		    json_integer_value(json_object_get(all, "version")) == VERSION;
	size_t i;

	*h = (struct buildtimes){0};
	json_array_foreach(list, i, one)
	{
		struct buildtimes_one b = {.steps = 0};

		good = good && take_build(one, &b);
		if (good)
			buildtimes_add(h, &b);
	}
	json_decref(all);
	if (!good)
		*h = (struct buildtimes){0};
	return good ? 0 : -EBADMSG;
}
