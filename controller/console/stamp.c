// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/stamp.h"

#include <string.h>
#include <time.h>

#include "proto/text.h"

int64_t stamp_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void stamp_fini(struct stamp *s)
{
	buf_fini(&s->line);
}

static int put_time(int64_t ms, struct buf *out)
{
	time_t t = (time_t)(ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%FT%T", &tm))
		snprintf(text, sizeof(text), "0000-00-00T00:00:00");
	return buf_printf(out, "%s.%03dZ ", text, (int)(ms % 1000));
}

static void note_last(struct stamp *s, const char *line, size_t n)
{
	if (n == 0)
		return;
	if (n >= sizeof(s->last))
		n = sizeof(s->last) - 1;
	memcpy(s->last, line, n);
	s->last[n] = '\0';
	/* A NUL ends what is shown of it. */
}

static int put_line(struct stamp *s, struct buf *out)
{
	const char *line = (const char *)buf_data(&s->line);
	size_t n = buf_len(&s->line);
	int r;

	while (n > 0 && line[n - 1] == '\r')
		n--;
	note_last(s, line, n);
	r = put_time(s->began, out);
	if (r == 0 && n > 0)
		r = text_escape(out, line, n, false);
	if (r == 0)
		r = buf_append(out, "\n", 1);
	buf_reset(&s->line);
	return r;
}

int stamp_feed(struct stamp *s, int64_t now, const void *data, size_t n, struct buf *out)
{
	const char *at = data;
	int r = 0;

	while (n > 0 && r == 0) {
		size_t room = STAMP_LINE_MAX - buf_len(&s->line);
		size_t look = n < room ? n : room;
		const char *nl = memchr(at, '\n', look);
		size_t take = nl ? (size_t)(nl - at) : look;

		if (buf_len(&s->line) == 0)
			s->began = now;
		r = buf_append(&s->line, at, take);
		at += take + (nl != NULL);
		n -= take + (nl != NULL);
		if (r == 0 && (nl || buf_len(&s->line) >= STAMP_LINE_MAX))
			r = put_line(s, out);
	}
	return r;
}

int stamp_end(struct stamp *s, struct buf *out)
{
	return buf_len(&s->line) ? put_line(s, out) : 0;
}
