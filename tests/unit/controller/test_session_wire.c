// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes over a session's socket comes out as it went in, or is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "controller/session/session_wire.h"

static const struct digest target = {.b = {1, 2, 3, 0, 255}};

/* The one frame that b holds; it must need every byte. */
static struct session_frame only(struct buf *b)
{
	struct session_frame f;
	size_t n = buf_len(b);

	for (b->end = b->start; b->end < b->start + n; b->end++)
		assert_int_equal(session_frame(b, &f), 0);
	assert_int_equal(session_frame(b, &f), 1);
	assert_int_equal(f.len + SESSION_HEADER, n);
	return f;
}

static void run_comes_through(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct session_frame f;
	struct session_run run;

	(void)state;
	assert_int_equal(session_put_run(&b, &target, "'a b' stdio"), 0);
	f = only(&b);
	assert_int_equal(session_take_run(&f, &run), 0);
	assert_true(digest_equal(&run.target, &target));
	assert_int_equal(run.command_len, 11);
	assert_memory_equal(run.command, "'a b' stdio", 11);
	session_frame_done(&b, &f);
	assert_int_equal(buf_len(&b), 0);
}

static void a_command_has_a_limit(void **state)
{
	char command[SESSION_COMMAND_MAX + 2];
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	memset(command, 'x', sizeof(command));
	command[SESSION_COMMAND_MAX + 1] = '\0';
	assert_int_equal(session_put_run(&b, &target, command), -EMSGSIZE);
	assert_int_equal(buf_len(&b), 0);
	command[SESSION_COMMAND_MAX] = '\0';
	assert_int_equal(session_put_run(&b, &target, command), 0);
	buf_reset(&b);
	assert_int_equal(session_put_run(&b, &target, ""), -EBADMSG);
}

static void opened(const struct sockaddr_storage *peer)
{
	_buf_ struct buf b = BUF_INIT;
	struct session_frame f;
	struct session_opened got;

	assert_int_equal(session_put_opened(&b, peer, "pi@rpi4:22"), 0);
	f = only(&b);
	assert_int_equal(session_take_opened(&f, &got), 0);
	assert_string_equal(got.who, "pi@rpi4:22");
	assert_memory_equal(&got.peer, peer, sizeof(*peer));
}

static void addresses_come_through(void **state)
{
	struct sockaddr_storage a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

	(void)state;
	opened(&a);
	v4->sin_family = AF_INET;
	v4->sin_port = htons(22);
	v4->sin_addr.s_addr = htonl(0xc0000201);
	opened(&a);
	a = (struct sockaddr_storage){0};
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(2222);
	v6->sin6_scope_id = 3;
	memset(&v6->sin6_addr, 0xfe, sizeof(v6->sin6_addr));
	opened(&a);
}

static void the_end_comes_through(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct session_frame f;
	struct session_ended end;

	(void)state;
	assert_int_equal(session_put_ended(&b, -1, "it was\x1b[31m lost", "oh\0no", 5),
			 0);
	f = only(&b);
	assert_int_equal(session_take_ended(&f, &end), 0);
	assert_int_equal(end.status, -1);
	assert_string_equal(end.error, "it was\\x1b[31m lost");
	assert_int_equal(end.words_len, 5);
	assert_memory_equal(end.words, "oh\0no", 5);
	buf_reset(&b);
	assert_int_equal(session_put_ended(&b, 127, "", NULL, 0), 0);
	f = only(&b);
	assert_int_equal(session_take_ended(&f, &end), 0);
	assert_int_equal(end.status, 127);
	assert_string_equal(end.error, "");
	assert_int_equal(end.words_len, 0);
}

static void long_text_is_cut_between_characters(void **state)
{
	char text[3 * SESSION_ERROR_MAX + 1], got[SESSION_ERROR_MAX + 1];
	_buf_ struct buf b = BUF_INIT;
	struct session_frame f;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	assert_int_equal(session_put_refused(&b, text), 0);
	f = only(&b);
	assert_int_equal(session_take_refused(&f, got), 0);
	assert_int_equal(strlen(got), SESSION_ERROR_MAX / 3 * 3);
}

static int frame_of(uint32_t n, uint8_t type, uint8_t version, uint8_t rest)
{
	uint8_t head[SESSION_HEADER] = {(uint8_t)n,
					(uint8_t)(n >> 8),
					(uint8_t)(n >> 16),
					(uint8_t)(n >> 24),
					type,
					version,
					0,
					rest};
	_buf_ struct buf b = BUF_INIT;
	struct session_frame f;

	assert_int_equal(buf_append(&b, head, sizeof(head)), 0);
	return session_frame(&b, &f);
}

static void bad_headers_are_refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(frame_of(0, SESSION_LOOK, SESSION_VERSION, 0), 1);
	assert_int_equal(frame_of(1, SESSION_LOOK, SESSION_VERSION, 0), -EMSGSIZE);
	assert_int_equal(frame_of(0, SESSION_LOOK, SESSION_VERSION, 1), -EBADMSG);
	assert_int_equal(frame_of(0, SESSION_LOOK, SESSION_VERSION + 1, 0),
			 -EPROTONOSUPPORT);
	assert_int_equal(frame_of(0, 99, SESSION_VERSION, 0), -EBADMSG);
	assert_int_equal(frame_of(UINT32_MAX, SESSION_RUN, SESSION_VERSION, 0),
			 -EMSGSIZE);
	assert_int_equal(frame_of(DIGEST_SIZE, SESSION_RUN, SESSION_VERSION, 0),
			 -EBADMSG);
	assert_int_equal(frame_of(5, SESSION_ENDED, SESSION_VERSION, 0), -EBADMSG);
}

static void bad_bodies_are_refused(void **state)
{
	uint8_t body[64] = {0};
	struct session_frame f = {SESSION_RUN, body, 40};
	char text[SESSION_ERROR_MAX + 1];
	struct session_run run;
	struct session_opened open;
	struct session_ended end;

	(void)state;
	assert_int_equal(session_take_run(&f, &run), -EBADMSG); /* a NUL in it */
	f.type = SESSION_OPENED;
	assert_int_equal(session_take_opened(&f, &open), -EBADMSG); /* likewise */
	body[0] = 5;
	f.len = 24;
	assert_int_equal(session_take_opened(&f, &open), -EBADMSG); /* no family */
	f.type = SESSION_ENDED;
	body[4] = 19; /* of an error, where 18 bytes are */
	assert_int_equal(session_take_ended(&f, &end), -EBADMSG);
	f = (struct session_frame){SESSION_REFUSED, (const uint8_t *)"a\x1b[2J", 5};
	assert_int_equal(session_take_refused(&f, text), -EBADMSG);
	assert_int_equal(session_take_run(&f, &run), -EBADMSG);
	assert_int_equal(session_take_opened(&f, &open), -EBADMSG);
	assert_int_equal(session_take_ended(&f, &end), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_comes_through),
		cmocka_unit_test(a_command_has_a_limit),
		cmocka_unit_test(addresses_come_through),
		cmocka_unit_test(the_end_comes_through),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(bad_headers_are_refused_at_once),
		cmocka_unit_test(bad_bodies_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
