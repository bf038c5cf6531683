// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/netconsole.h"

#include <string.h>

#include "proto/kmsg.h"

#define FRAGMENT "ncfrag="

struct header {
	struct kmsg_record rec;
	bool fragment;
	size_t at, total; /* of the fragment */
};

static size_t digits(const char *s, size_t n, size_t *ret)
{
	size_t i = 0;

	*ret = 0;
	for (; i < n && i < 7 && s[i] >= '0' && s[i] <= '9'; i++)
		*ret = *ret * 10 + (size_t)(s[i] - '0');
	return i;
}

/* ",ncfrag=<offset>/<of>" in the n bytes of a header. */
static bool find_fragment(const char *s, size_t n, struct header *h)
{
	const char *at = memmem(s, n, "," FRAGMENT, strlen(FRAGMENT) + 1);
	size_t left, have;

	if (!at)
		return true;
	at += strlen(FRAGMENT) + 1;
	left = n - (size_t)(at - s);
	have = digits(at, left, &h->at);
	if (have == 0 || have >= left || at[have] != '/')
		return false;
	at += have + 1;
	left -= have + 1;
	have = digits(at, left, &h->total);
	if (have == 0 || h->total > NETCONSOLE_RECORD_MAX || h->at >= h->total)
		return false;
	h->fragment = true;
	return true;
}

/* "6.4.0," in front of it. */
static size_t release_len(const char *s, size_t n)
{
	const char *comma = memchr(s, ',', n);
	size_t len = comma ? (size_t)(comma - s) : 0;

	return len && memchr(s, '.', len) ? len + 1 : 0;
}

static bool is_extended(const char *s, size_t n, struct header *h)
{
	const char *end = memchr(s, ';', n);
	size_t skip;

	if (!end || n > NETCONSOLE_RECORD_MAX)
		return false;
	skip = release_len(s, (size_t)(end - s));
	s += skip;
	n -= skip;
	return kmsg_parse(s, n, &h->rec) == 0 && find_fragment(s, (size_t)(end - s), h);
}

static int end_line(struct netconsole *nc, struct buf *out)
{
	if (!nc->in_line)
		return 0;
	nc->in_line = false;
	return buf_append(out, "\n", 1);
}

/* Its text, without the " KEY=value" lines.  One record may have several lines. */
static int put_text(struct netconsole *nc, const struct kmsg_record *rec, struct buf *out)
{
	static const char newline[] = "\\x0a";
	const char *s = rec->text;
	size_t left = rec->text_len;
	int r = 0;

	nc->in_line = true;
	while (r == 0) {
		const char *end = left ? memmem(s, left, newline, strlen(newline)) : NULL;
		size_t n = end ? (size_t)(end - s) : left;

		r = buf_append(out, s, n);
		if (!end)
			break;
		if (r == 0)
			r = buf_append(out, "\n", 1);
		s += n + strlen(newline);
		left -= n + strlen(newline);
	}
	return r;
}

static int put_head(struct netconsole *nc, const struct kmsg_record *rec, struct buf *out)
{
	int r = end_line(nc, out);

	nc->in_line = true;
	return r < 0 ? r
		     : buf_printf(out, "<%u>[%5llu.%06llu] ",
				  rec->facility * 8 + rec->level,
				  (unsigned long long)(rec->usec / 1000000),
				  (unsigned long long)(rec->usec % 1000000));
}

/* body: what stands behind the header.  The text's own end is in one of the fragments;
 * behind it are KEY=value lines. */
static int feed_fragment(struct netconsole *nc, const struct header *h, const char *body,
			 size_t size, struct buf *out)
{
	bool goes_on = nc->open && h->rec.seq == nc->seq && h->at == nc->next;
	bool of_text = !goes_on || nc->in_line;
	int r = goes_on ? 0 : put_head(nc, &h->rec, out);

	if (r == 0 && of_text)
		r = put_text(nc, &h->rec, out);
	nc->seq = h->rec.seq;
	nc->next = h->at + size;
	nc->open = nc->next < h->total;
	if (r == 0 && (!nc->open || memchr(body, '\n', size)))
		r = end_line(nc, out);
	return r;
}

static int feed_basic(struct netconsole *nc, const char *s, size_t n, struct buf *out)
{
	int r = nc->open ? end_line(nc, out) : 0;

	nc->open = false;
	if (r < 0 || n == 0)
		return r;
	nc->in_line = s[n - 1] != '\n';
	return buf_append(out, s, n);
}

int netconsole_feed(struct netconsole *nc, const void *data, size_t size, struct buf *out)
{
	const char *s = data;
	struct header h = {0};
	int r;

	if (!is_extended(s, size, &h))
		return feed_basic(nc, s, size, out);
	if (h.fragment) {
		const char *body = memchr(s, ';', size);

		body++;
		return feed_fragment(nc, &h, body, size - (size_t)(body - s), out);
	}
	nc->open = false;
	r = put_head(nc, &h.rec, out);
	if (r == 0)
		r = put_text(nc, &h.rec, out);
	return r < 0 ? r : end_line(nc, out);
}
