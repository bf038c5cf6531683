/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Followers of the log: from memory while they keep up, from kmsg.zst while they do not,
 * with a note where neither has the records.
 */
#include <string.h>

#include "agent/log/kernlog_state.h"

#define CHUNK (16 * 1024) /* unpacked at once */

bool kernlog_wanted(const char *record, size_t n, uint64_t since_us, unsigned max_level)
{
	struct kmsg_record r;

	if (kmsg_parse(record, n, &r) < 0)
		return false;
	return r.usec >= since_us && (max_level == 0 || r.level < max_level);
}

static uint64_t recent_start(const struct kernlog *k)
{
	return k->end - buf_len(&k->recent);
}

/* Copy whole records that pass from data to dst; *ret_used: bytes of data done with. */
static size_t copy_records(const struct kernlog_cursor *c, const char *data, size_t n,
			   int end, char *dst, size_t size, size_t *ret_used)
{
	size_t at = 0, out = 0, len;

	while ((len = kmsg_record_len(data + at, n - at, end)) > 0) {
		if (kernlog_wanted(data + at, len, c->since_us, c->max_level)) {
			if (len > size - out)
				break;
			memcpy(dst + out, data + at, len);
			out += len;
		}
		at += len;
	}
	*ret_used = at;
	return out;
}

static size_t read_recent(struct kernlog_cursor *c, char *dst, size_t size)
{
	const struct kernlog *k = c->k;
	size_t skip = (size_t)(c->pos - recent_start(k)), used = 0, out;

	out = copy_records(c, (const char *)buf_data(&k->recent) + skip,
			   buf_len(&k->recent) - skip, 1, dst, size, &used);
	c->pos += used;
	return out;
}

static void leave_file(struct kernlog_cursor *c)
{
	kernlog_file_close(c->file);
	c->file = NULL;
	buf_fini(&c->part);
}

/* Open the file and pass over what this follower has had already. */
static int enter_file(struct kernlog_cursor *c)
{
	uint64_t at = 0;
	uint8_t *to;
	int r;

	if (c->k->file)
		(void)!kernfile_flush(c->k->file);
	r = kernlog_file_open(c->k->dir_fd, &c->file);
	while (r == 0 && at < c->pos) {
		size_t n = c->pos - at < CHUNK ? (size_t)(c->pos - at) : CHUNK;
		ssize_t got;

		r = buf_reserve(&c->part, n, &to);
		if (r < 0)
			break;
		got = kernlog_file_read(c->file, to, n);
		if (got <= 0)
			r = -ENODATA;
		else
			at += (uint64_t)got;
	}
	if (r < 0)
		leave_file(c);
	return r;
}

/* Neither memory nor disk has what comes next: go on where memory begins. */
static size_t skip_gap(struct kernlog_cursor *c, char *dst, size_t size)
{
	uint64_t start = recent_start(c->k);
	int n = snprintf(dst, size,
			 "28,0,0,-;kferryd: %llu bytes of the log are missing here\n",
			 (unsigned long long)(start - c->pos));

	leave_file(c);
	c->pos = start;
	return (size_t)n;
}

static size_t read_file(struct kernlog_cursor *c, char *dst, size_t size)
{
	size_t used = 0, out;
	uint8_t *at;
	ssize_t n;

	if (!c->file && enter_file(c) < 0)
		return skip_gap(c, dst, size);
	if (buf_reserve(&c->part, CHUNK, &at) < 0)
		return skip_gap(c, dst, size);
	n = kernlog_file_read(c->file, at, CHUNK);
	if (n > 0)
		buf_commit(&c->part, (size_t)n);
	out = copy_records(c, (const char *)buf_data(&c->part), buf_len(&c->part), n <= 0,
			   dst, size, &used);
	buf_consume(&c->part, used);
	c->pos += used;
	if (n <= 0 && used == 0 && c->pos < recent_start(c->k))
		return skip_gap(c, dst, size);
	return out;
}

ssize_t kernlog_cursor_read(struct kernlog_cursor *c, char *dst, size_t size)
{
	while (c->pos < c->k->end) {
		size_t n;

		if (c->pos >= recent_start(c->k)) {
			leave_file(c);
			n = read_recent(c, dst, size);
		} else {
			n = read_file(c, dst, size);
		}
		if (n > 0)
			return (ssize_t)n;
	}
	return 0;
}

int kernlog_cursor_new(struct kernlog *k, uint64_t since_us, unsigned max_level,
		       void (*wake)(void *arg), void *arg, struct kernlog_cursor **ret)
{
	struct kernlog_cursor *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	kernlog_flush(k);
	c->k = k;
	c->since_us = since_us;
	c->max_level = max_level;
	c->wake = wake;
	c->arg = arg;
	c->next = k->cursors;
	k->cursors = c;
	*ret = c;
	return 0;
}

void kernlog_cursor_free(struct kernlog_cursor *c)
{
	struct kernlog_cursor **at;

	if (!c)
		return;
	for (at = &c->k->cursors; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	leave_file(c);
	free(c);
}
