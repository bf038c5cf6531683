// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Days are the calendar's: mktime() knows which have 23 or 25 hours.
 */
#include "controller/history/span.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "proto/reason.h"

#define HOUR	 3600
#define DAY	 (24 * HOUR)
#define YEARS	 50
#define HOURS_UP (2 * DAY) /* to there in hours */

/* The midnight before `when`, some days on or back. */
static int64_t midnight(int64_t when, int days)
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return when / DAY * DAY;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday += days;
	tm.tm_isdst = -1;
	return mktime(&tm);
}

enum form { HOUR_OF_DAY, HOUR_OF_DATE, DAY_OF_WEEK, DATE };

static void label(struct span_part *p, enum form form)
{
	time_t t = (time_t)p->from;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return;
	if (form == HOUR_OF_DAY)
		strftime(p->label, sizeof(p->label), "%H:%M", &tm);
	else if (form == HOUR_OF_DATE)
		strftime(p->label, sizeof(p->label), "%m-%d %H:%M", &tm);
	else if (form == DAY_OF_WEEK)
		strftime(p->label, sizeof(p->label), "%m-%d %a", &tm);
	else
		strftime(p->label, sizeof(p->label), "%Y-%m-%d", &tm);
}

static void add(struct span *s, int64_t from, int64_t until, enum form form)
{
	struct span_part *p = &s->parts[s->n++];

	*p = (struct span_part){.from = from,
				.until = until < s->until ? until : s->until};
	label(p, form);
}

static void in_hours(struct span *s)
{
	for (int64_t at = s->from; at < s->until && s->n < SPAN_PARTS_MAX;) {
		int64_t next = (at / HOUR + 1) * HOUR;

		add(s, at, next,
		    s->until - s->from > DAY + HOUR ? HOUR_OF_DATE : HOUR_OF_DAY);
		at = next;
	}
}

static void in_days(struct span *s)
{
	int all = (int)((s->until - s->from) / DAY) + 2;
	int each = (all + SPAN_PARTS_MAX - 1) / SPAN_PARTS_MAX;

	for (int64_t at = s->from; at < s->until && s->n < SPAN_PARTS_MAX;) {
		int64_t next = midnight(at, each);

		add(s, at, next, each > 1 ? DATE : DAY_OF_WEEK);
		at = next;
	}
}

static void cut(struct span *s)
{
	if (s->until - s->from <= HOURS_UP)
		in_hours(s);
	else
		in_days(s);
}

void span_days(int days, int64_t now, struct span *ret)
{
	*ret = (struct span){.from = midnight(now, 1 - days), .until = now + 1};
	cut(ret);
}

/* 90m, 36h, 10d, 2w: seconds; -1: it is none. */
static int64_t parse_back(const char *text)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'m', 60}, {'h', HOUR}, {'d', DAY}, {'w', 7 * DAY}};
	int64_t n = 0;

	if (!isdigit((unsigned char)*text))
		return -1;
	for (; isdigit((unsigned char)*text); text++) {
		n = n * 10 + (*text - '0');
		if (n > YEARS * 366 * 24 * 60)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (text[0] == units[i].unit && !text[1])
			return n * units[i].seconds;
	}
	return -1;
}

static int64_t parse_date(const char *text)
{
	static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M",
					    "%Y-%m-%dT%H:%M"};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &tm);
		struct tm given = tm;
		time_t t;

		if (!end || *end)
			continue;
		t = mktime(&tm);
		/* There is no 31st of February. */
		return tm.tm_mday == given.tm_mday && tm.tm_mon == given.tm_mon
			       ? (int64_t)t
			       : -1;
	}
	return -1;
}

int span_since(const char *text, int64_t now, struct span *ret, struct kf_error *err)
{
	struct span s = {.until = now + 1};
	int64_t back = parse_back(text);

	s.from = back >= 0 ? now - back : parse_date(text);
	if (s.from < 0 || s.from < now - (int64_t)YEARS * 366 * DAY)
		return kf_err(
			err, -EINVAL, KF_REASON_USAGE,
			"\"%s\" is no time such as 2026-11-21, \"2026-11-21 14:30\", "
			"36h, 10d or 2w",
			text);
	if (s.from > now)
		return kf_err(err, -EINVAL, KF_REASON_USAGE, "%s is yet to come", text);
	cut(&s);
	*ret = s;
	return 0;
}

const struct span_part *span_find(const struct span *s, int64_t when)
{
	for (size_t i = 0; i < s->n; i++) {
		if (when >= s->parts[i].from && when < s->parts[i].until)
			return &s->parts[i];
	}
	return NULL;
}
