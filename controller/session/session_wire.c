// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both ends are programs of one user, so nothing here is a border of trust; but one may
 * be older than the other, or broken, and neither must break the other with it.
 */
#include "controller/session/session_wire.h"

#include <netinet/in.h>
#include <string.h>

#include "proto/base/le.h"
#include "proto/text.h"

#define PEER_SIZE 24 /* u8 family, u8 zero, u16 port, 16 address, u32 scope */
#define FAMILY_4  4
#define FAMILY_6  6
#define ENDED_MIN 6 /* i32 status, u16 length of the error */

static void put_le(uint8_t *p, uint32_t v, size_t n)
{
	for (; n; n--, v >>= 8)
		*p++ = (uint8_t)v;
}

static const struct {
	enum session_type type;
	size_t min, max;
} kinds[] = {
	{SESSION_RUN, DIGEST_SIZE + 1, DIGEST_SIZE + SESSION_COMMAND_MAX},
	{SESSION_LOOK, 0, 0},
	{SESSION_STOP, 0, 0},
	{SESSION_OPENED, PEER_SIZE, PEER_SIZE + SESSION_WHO_MAX},
	{SESSION_REFUSED, 0, SESSION_ERROR_MAX},
	{SESSION_ENDED, ENDED_MIN, ENDED_MIN + SESSION_ERROR_MAX + SESSION_WORDS_MAX},
	{SESSION_STATUS, 2, SESSION_STATUS_MAX},
	{SESSION_STOPPED, 0, 0},
};

static int check_size(unsigned type, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type != type)
			continue;
		if (n > kinds[i].max)
			return -EMSGSIZE;
		return n < kinds[i].min ? -EBADMSG : 0;
	}
	return -EBADMSG;
}

int session_frame(const struct buf *in, struct session_frame *ret)
{
	const uint8_t *head = buf_data(in);
	size_t n;
	int rc;

	if (buf_len(in) < SESSION_HEADER)
		return 0;
	n = le32(head);
	if (head[5] != SESSION_VERSION)
		return -EPROTONOSUPPORT;
	if (le16(head + 6))
		return -EBADMSG;
	rc = check_size(head[4], n);
	if (rc < 0)
		return rc;
	if (buf_len(in) - SESSION_HEADER < n)
		return 0;
	*ret = (struct session_frame){
		.type = head[4], .body = head + SESSION_HEADER, .len = n};
	return 1;
}

void session_frame_done(struct buf *in, const struct session_frame *f)
{
	buf_consume(in, SESSION_HEADER + f->len);
}

int session_take_run(const struct session_frame *f, struct session_run *ret)
{
	const char *command = (const char *)f->body + DIGEST_SIZE;
	size_t n = f->len - DIGEST_SIZE;

	if (f->type != SESSION_RUN || memchr(command, 0, n))
		return -EBADMSG;
	memcpy(ret->target.b, f->body, DIGEST_SIZE);
	ret->command = command;
	ret->command_len = n;
	return 0;
}

static int take_peer(const uint8_t *p, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	in_port_t port;

	*ret = (struct sockaddr_storage){0};
	memcpy(&port, p + 2, sizeof(port));
	switch (p[0]) {
	case 0:
		return 0;
	case FAMILY_4:
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		memcpy(&v4->sin_addr, p + 4, sizeof(v4->sin_addr));
		return 0;
	case FAMILY_6:
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		memcpy(&v6->sin6_addr, p + 4, sizeof(v6->sin6_addr));
		v6->sin6_scope_id = le32(p + 20);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void put_peer(uint8_t *p, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;

	memset(p, 0, PEER_SIZE);
	if (peer->ss_family == AF_INET) {
		p[0] = FAMILY_4;
		memcpy(p + 2, &v4->sin_port, sizeof(v4->sin_port));
		memcpy(p + 4, &v4->sin_addr, sizeof(v4->sin_addr));
	} else if (peer->ss_family == AF_INET6) {
		p[0] = FAMILY_6;
		memcpy(p + 2, &v6->sin6_port, sizeof(v6->sin6_port));
		memcpy(p + 4, &v6->sin6_addr, sizeof(v6->sin6_addr));
		put_le(p + 20, v6->sin6_scope_id, 4);
	}
}

/* Text that will be shown: one that is not fit is no text of ours. */
static int take_text(const uint8_t *text, size_t n, char *dst)
{
	if (!text_is_plain((const char *)text, n, true))
		return -EBADMSG;
	memcpy(dst, text, n);
	dst[n] = '\0';
	return 0;
}

int session_take_opened(const struct session_frame *f, struct session_opened *ret)
{
	if (f->type != SESSION_OPENED || take_peer(f->body, &ret->peer) < 0)
		return -EBADMSG;
	return take_text(f->body + PEER_SIZE, f->len - PEER_SIZE, ret->who);
}

int session_take_ended(const struct session_frame *f, struct session_ended *ret)
{
	size_t n;

	if (f->type != SESSION_ENDED)
		return -EBADMSG;
	n = le16(f->body + 4);
	if (n > SESSION_ERROR_MAX || n > f->len - ENDED_MIN ||
	    f->len - ENDED_MIN - n > SESSION_WORDS_MAX)
		return -EBADMSG;
	ret->status = (int)le32(f->body);
	ret->words = f->body + ENDED_MIN + n;
	ret->words_len = f->len - ENDED_MIN - n;
	return take_text(f->body + ENDED_MIN, n, ret->error);
}

int session_take_refused(const struct session_frame *f,
			 char ret[static SESSION_ERROR_MAX + 1])
{
	if (f->type != SESSION_REFUSED)
		return -EBADMSG;
	return take_text(f->body, f->len, ret);
}

static int put_head(struct buf *out, enum session_type type, size_t n)
{
	uint8_t head[SESSION_HEADER] = {0};
	int rc = check_size(type, n);

	if (rc < 0)
		return rc;
	put_le(head, (uint32_t)n, 4);
	head[4] = (uint8_t)type;
	head[5] = SESSION_VERSION;
	return buf_append(out, head, sizeof(head));
}

int session_put(struct buf *out, enum session_type type, const void *body, size_t n)
{
	int rc = put_head(out, type, n);

	return rc < 0 || !n ? rc : buf_append(out, body, n);
}

int session_put_run(struct buf *out, const struct digest *target, const char *command)
{
	size_t n = strlen(command);
	int rc = put_head(out, SESSION_RUN, DIGEST_SIZE + n);

	if (rc == 0)
		rc = buf_append(out, target->b, DIGEST_SIZE);
	return rc < 0 ? rc : buf_append(out, command, n);
}

int session_put_opened(struct buf *out, const struct sockaddr_storage *peer,
		       const char *who)
{
	uint8_t room[PEER_SIZE];
	size_t n = strlen(who);
	int rc = put_head(out, SESSION_OPENED, PEER_SIZE + n);

	put_peer(room, peer);
	if (rc == 0)
		rc = buf_append(out, room, sizeof(room));
	return rc < 0 ? rc : buf_append(out, who, n);
}

/* What others said, so that take_text() takes it: escaped, and cut between characters. */
static int fit(struct buf *dst, const char *text)
{
	int rc = text_escape(dst, text, strlen(text), true);

	if (rc == 0 && buf_len(dst))
		dst->end = dst->start + text_fit((const char *)buf_data(dst),
						 buf_len(dst), SESSION_ERROR_MAX);
	return rc;
}

int session_put_refused(struct buf *out, const char *text)
{
	_buf_ struct buf said = BUF_INIT;
	int rc = fit(&said, text);

	return rc < 0 ? rc
		      : session_put(out, SESSION_REFUSED, buf_data(&said),
				    buf_len(&said));
}

int session_put_ended(struct buf *out, int status, const char *error, const void *words,
		      size_t words_len)
{
	_buf_ struct buf said = BUF_INIT;
	uint8_t head[ENDED_MIN];
	size_t n;
	int rc = fit(&said, error);

	if (rc < 0)
		return rc;
	if (words_len > SESSION_WORDS_MAX)
		return -EMSGSIZE;
	n = buf_len(&said);
	put_le(head, (uint32_t)status, 4);
	put_le(head + 4, (uint16_t)n, 2);
	rc = put_head(out, SESSION_ENDED, ENDED_MIN + n + words_len);
	if (rc == 0)
		rc = buf_append(out, head, sizeof(head));
	if (rc == 0 && n)
		rc = buf_append(out, buf_data(&said), n);
	return rc < 0 || !words_len ? rc : buf_append(out, words, words_len);
}
