/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encoding and decoding.  Both ends are root on one machine; what arrives is checked all
 * the same, for the helper is as powerful as it gets.
 */
#include "agent/outside/request.h"

#include <string.h>

#define MAGIC	     0x6b666f31 /* "kfo1" */
#define ERRNO_MAX    4095
#define STATUS_MAX   0xffff
#define FIXED	     1 /* strings before the words: the directory */
#define MOUNT_FIELDS 3

struct head {
	size_t len, argv, env, mounts;
};

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, size_t v)
{
	put16(p, v >> 16 & 0xffff);
	put16(p + 2, v & 0xffff);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static bool counts_allowed(size_t argv, size_t env, size_t mounts)
{
	return argv > 0 && argv <= LIMIT_OUTSIDE_ARGV && env <= LIMIT_OUTSIDE_ENV &&
	       mounts <= LIMIT_OUTSIDE_MOUNTS;
}

/* --- what a request must be ------------------------------------------------------- */

static bool mount_valid(const struct outside_mount *m)
{
	switch (m->kind) {
	case OUTSIDE_TMPFS:
		return m->where[0] == '/';
	case OUTSIDE_BIND:
	case OUTSIDE_BIND_RO:
		return m->where[0] == '/' && m->what[0] == '/';
	}
	return false;
}

static bool valid(const struct outside_request *q)
{
	if (q->cwd[0] != '/' || !q->argv[0] || !*q->argv[0])
		return false;
	for (size_t i = 0; q->env[i]; i++) {
		const char *eq = strchr(q->env[i], '=');

		if (!eq || eq == q->env[i])
			return false;
	}
	for (size_t i = 0; i < q->n_mounts; i++)
		if (!mount_valid(&q->mounts[i]))
			return false;
	return true;
}

/* --- requests --------------------------------------------------------------------- */

static size_t count(const char *const *v)
{
	size_t n = 0;

	while (v[n])
		n++;
	return n;
}

static int put_string(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s) + 1);
}

static int put_strings(struct buf *b, const char *const *v)
{
	int r = 0;

	for (size_t i = 0; r == 0 && v[i]; i++)
		r = put_string(b, v[i]);
	return r;
}

static int put_body(struct buf *b, const struct outside_request *q)
{
	int r = put_string(b, q->cwd);

	if (r == 0)
		r = put_strings(b, q->argv);
	if (r == 0)
		r = put_strings(b, q->env);
	for (size_t i = 0; r == 0 && i < q->n_mounts; i++) {
		const char kind[] = {(char)q->mounts[i].kind, '\0'};

		r = put_string(b, kind);
		if (r == 0)
			r = put_string(b, q->mounts[i].what);
		if (r == 0)
			r = put_string(b, q->mounts[i].where);
	}
	return r;
}

int outside_request_encode(const struct outside_request *q, struct buf *b)
{
	_buf_ struct buf body = {.max = LIMIT_OUTSIDE};
	uint8_t head[OUTSIDE_HEAD] = {0};
	size_t argv = count(q->argv), env = count(q->env);
	int r;

	if (!valid(q))
		return -EINVAL;
	if (!counts_allowed(argv, env, q->n_mounts))
		return -E2BIG;
	r = put_body(&body, q);
	if (r < 0)
		return r == -EMSGSIZE ? -E2BIG : r;
	put32(head, MAGIC);
	put32(head + 4, buf_len(&body));
	put16(head + 8, argv);
	put16(head + 10, env);
	put16(head + 12, q->n_mounts);
	r = buf_append(b, head, sizeof(head));
	return r < 0 ? r : buf_append(b, buf_data(&body), buf_len(&body));
}

static int parse_head(const uint8_t p[OUTSIDE_HEAD], struct head *ret)
{
	const struct head h = {get32(p + 4), get16(p + 8), get16(p + 10), get16(p + 12)};

	if (get32(p) != MAGIC || get16(p + 14) != 0 || h.len > LIMIT_OUTSIDE ||
	    !counts_allowed(h.argv, h.env, h.mounts))
		return -EBADMSG;
	/* Each string has a NUL at least. */
	if (h.len < FIXED + h.argv + h.env + MOUNT_FIELDS * h.mounts)
		return -EBADMSG;
	*ret = h;
	return 0;
}

int outside_request_body(const uint8_t head[OUTSIDE_HEAD], size_t *ret_len)
{
	struct head h;
	int r = parse_head(head, &h);

	if (r == 0)
		*ret_len = h.len;
	return r;
}

/* The strings of the body, in turn; NULL past its end. */
struct reader {
	const char *at;
	size_t left;
};

static const char *next(struct reader *rd)
{
	const char *s = rd->at, *end = memchr(s, '\0', rd->left);

	if (!end)
		return NULL;
	rd->left -= (size_t)(end + 1 - s);
	rd->at = end + 1;
	return s;
}

static bool read_strings(struct reader *rd, size_t n, const char **v)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = next(rd);
		if (!v[i])
			return false;
	}
	return true;
}

static bool read_mount(struct reader *rd, struct outside_mount *m)
{
	const char *s[MOUNT_FIELDS];

	if (!read_strings(rd, MOUNT_FIELDS, s) || !s[0][0] || s[0][1])
		return false;
	*m = (struct outside_mount){(enum outside_mount_kind)s[0][0], s[1], s[2]};
	return true;
}

/* What a request that was decoded points to. */
struct arrays {
	const char *argv[LIMIT_OUTSIDE_ARGV + 1];
	const char *env[LIMIT_OUTSIDE_ENV + 1];
	struct outside_mount mounts[LIMIT_OUTSIDE_MOUNTS];
};

int outside_request_decode(const uint8_t head[OUTSIDE_HEAD], const uint8_t *body,
			   struct outside_request *ret)
{
	_free_ struct arrays *a = calloc(1, sizeof(*a));
	struct outside_request q = {0};
	struct reader rd;
	struct head h;
	bool ok;

	if (!a)
		return -ENOMEM;
	if (parse_head(head, &h) < 0)
		return -EBADMSG;
	rd = (struct reader){(const char *)body, h.len};
	ok = read_strings(&rd, 1, &q.cwd) && read_strings(&rd, h.argv, a->argv) &&
	     read_strings(&rd, h.env, a->env);
	for (size_t i = 0; ok && i < h.mounts; i++)
		ok = read_mount(&rd, &a->mounts[i]);
	q.argv = a->argv;
	q.env = a->env;
	q.mounts = a->mounts;
	q.n_mounts = h.mounts;
	if (!ok || rd.left > 0 || !valid(&q))
		return -EBADMSG;
	q.arrays = TAKE_PTR(a);
	*ret = q;
	return 0;
}

void outside_request_fini(struct outside_request *q)
{
	free(TAKE_PTR(q->arrays));
}

/* --- replies ---------------------------------------------------------------------- */

void outside_reply_encode(const struct outside_reply *r, uint8_t ret[OUTSIDE_REPLY])
{
	put32(ret, r->kind);
	put32(ret + 4, r->value);
	put32(ret + 8, r->at);
}

int outside_reply_decode(const uint8_t p[OUTSIDE_REPLY], struct outside_reply *ret)
{
	const uint32_t kind = get32(p), value = get32(p + 4), at = get32(p + 8);

	if (kind < OUTSIDE_ENDED || kind >= OUTSIDE_REPLY_KINDS)
		return -EBADMSG;
	if (kind == OUTSIDE_ENDED ? value > STATUS_MAX : value == 0 || value > ERRNO_MAX)
		return -EBADMSG;
	if (kind == OUTSIDE_NO_MOUNT ? at >= LIMIT_OUTSIDE_MOUNTS : at != 0)
		return -EBADMSG;
	*ret = (struct outside_reply){(enum outside_reply_kind)kind, value, at};
	return 0;
}
