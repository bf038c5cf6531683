/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The peer engine: two of them talk in slices of any size; everything that breaks the
 * protocol ends the connection with a text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/peer.h"
#include "proto/reason.h"

static Kferry__Hello hello_of(const char *software)
{
	Kferry__Hello h = KFERRY__HELLO__INIT;

	h.protocol_min = PROTOCOL_MIN;
	h.protocol_max = PROTOCOL_MAX;
	h.software = (char *)software;
	return h;
}

static struct peer *make(enum peer_role role)
{
	Kferry__Hello h = hello_of(role == PEER_AGENT ? "kferryd" : "kferry");
	struct peer *p;

	assert_int_equal(peer_new(role, &h, &p), 0);
	return p;
}

/* Hand over what `from` has to say, n bytes at most. */
static void carry(struct peer *from, struct peer *to, size_t n)
{
	struct buf *b = peer_out(from);

	if (n > buf_len(b))
		n = buf_len(b);
	assert_int_equal(peer_feed(to, buf_data(b), n), 0);
	buf_consume(b, n);
}

static void expect_event(struct peer *p, enum peer_event_type type, struct peer_event *ev)
{
	assert_int_equal(peer_next(p, ev), 0);
	assert_int_equal(ev->type, type);
}

static void expect_failure(struct peer *p, int code, int reason, const char *text)
{
	struct peer_event ev;

	assert_int_equal(peer_next(p, &ev), code);
	assert_int_equal(peer_next(p, &ev), code);
	assert_int_equal(peer_error(p)->code, code);
	assert_int_equal(peer_error(p)->reason, reason);
	if (!strstr(peer_error(p)->msg, text))
		fail_msg("\"%s\" does not say \"%s\"", peer_error(p)->msg, text);
	assert_int_equal(peer_feed(p, "x", 1), code);
	assert_int_equal(peer_send_data(p, "x", 1, 0), code);
}

/* Both sides, past their Hellos. */
static void open_both(struct peer **c, struct peer **a)
{
	struct peer_event ev;

	*c = make(PEER_CONTROLLER);
	*a = make(PEER_AGENT);
	carry(*c, *a, SIZE_MAX);
	carry(*a, *c, SIZE_MAX);
	expect_event(*a, PEER_HELLO, &ev);
	assert_string_equal(ev.env->hello->software, "kferry");
	expect_event(*c, PEER_HELLO, &ev);
	assert_string_equal(ev.env->hello->software, "kferryd");
	expect_event(*c, PEER_NOTHING, &ev);
}

static void feed_frame(struct peer *p, Kferry__Envelope__BodyCase kind, void *body,
		       uint32_t id)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	_buf_ struct buf b = BUF_INIT;

	env.id = id;
	env.body_case = kind;
	env.ping = body; /* all members of the union are pointers */
	assert_int_equal(wire_pack(&b, &env), 0);
	assert_int_equal(peer_feed(p, buf_data(&b), buf_len(&b)), 0);
}

static int send_kind(struct peer *p, Kferry__Envelope__BodyCase kind, void *body,
		     uint32_t id)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;

	env.id = id;
	env.body_case = kind;
	env.ping = body;
	return peer_send(p, &env);
}

static void a_conversation_in_any_slices(void **state)
{
	(void)state;
	for (size_t slice = 1; slice < 60; slice += 3) {
		Kferry__StatusRequest req = KFERRY__STATUS_REQUEST__INIT;
		struct peer *c = make(PEER_CONTROLLER), *a = make(PEER_AGENT);
		struct peer_event ev;
		unsigned seen = 0;

		assert_int_equal(
			send_kind(c, KFERRY__ENVELOPE__BODY_STATUS_REQUEST, &req, 5), 0);
		assert_int_equal(peer_send_data(c, "hello", 5, FRAME_END), 0);
		while (buf_len(peer_out(c))) {
			carry(c, a, slice);
			for (;;) {
				assert_int_equal(peer_next(a, &ev), 0);
				if (ev.type == PEER_NOTHING)
					break;
				assert_int_equal(ev.type, PEER_HELLO + seen);
				if (ev.type == PEER_ENVELOPE)
					assert_int_equal(ev.env->id, 5);
				seen++;
			}
		}
		assert_int_equal(seen, 3);
		peer_free(c);
		peer_free(a);
	}
}

static void data_comes_as_it_was_sent(void **state)
{
	struct peer *c, *a;
	struct peer_event ev;

	(void)state;
	open_both(&c, &a);
	assert_int_equal(peer_send_data(a, "err", 3, FRAME_STDERR), 0);
	assert_int_equal(peer_send_data(a, NULL, 0, FRAME_END), 0);
	carry(a, c, SIZE_MAX);
	expect_event(c, PEER_DATA, &ev);
	assert_int_equal(ev.flags, FRAME_STDERR);
	assert_int_equal(ev.len, 3);
	assert_memory_equal(ev.data, "err", 3);
	expect_event(c, PEER_DATA, &ev);
	assert_int_equal(ev.flags, FRAME_END);
	assert_int_equal(ev.len, 0);
	assert_int_equal(peer_send_data(a, "x", 1, 0x80), -EINVAL);
	assert_int_equal(peer_send_data(a, "x", LIMIT_DATA + 1, 0), -EINVAL);
	peer_free(c);
	peer_free(a);
}

static void smaller_frames_are_made_for_who_wants_them(void **state)
{
	static uint8_t data[10000];
	Kferry__Hello h = hello_of("small");
	struct peer *small, *c = make(PEER_CONTROLLER);
	struct peer_event ev;
	size_t got = 0;

	(void)state;
	h.max_data = 4096;
	assert_int_equal(peer_new(PEER_AGENT, &h, &small), 0);
	carry(small, c, SIZE_MAX);
	expect_event(c, PEER_HELLO, &ev);
	assert_int_equal(peer_send_data(c, data, sizeof(data), FRAME_END), 0);
	carry(c, small, SIZE_MAX);
	expect_event(small, PEER_HELLO, &ev);
	for (unsigned i = 0; i < 3; i++) {
		expect_event(small, PEER_DATA, &ev);
		assert_true(ev.len <= 4096);
		assert_int_equal(ev.flags, i == 2 ? FRAME_END : 0);
		got += ev.len;
	}
	assert_int_equal(got, sizeof(data));
	peer_free(c);
	peer_free(small);
}

static void pings_are_answered_and_pongs_handed_out(void **state)
{
	Kferry__Ping ping = KFERRY__PING__INIT;
	struct peer *c, *a;
	struct peer_event ev;

	(void)state;
	open_both(&c, &a);
	assert_int_equal(send_kind(c, KFERRY__ENVELOPE__BODY_PING, &ping, 42), 0);
	carry(c, a, SIZE_MAX);
	expect_event(a, PEER_NOTHING, &ev);
	carry(a, c, SIZE_MAX);
	expect_event(c, PEER_ENVELOPE, &ev);
	assert_int_equal(ev.env->body_case, KFERRY__ENVELOPE__BODY_PONG);
	assert_int_equal(ev.env->id, 42);
	peer_free(c);
	peer_free(a);
}

static void a_flood_of_pings_ends(void **state)
{
	Kferry__Ping ping = KFERRY__PING__INIT;
	struct peer *c, *a;
	struct peer_event ev;
	int rc = 0;

	(void)state;
	open_both(&c, &a);
	for (unsigned i = 0; i < 200000 && rc == 0; i++) {
		feed_frame(a, KFERRY__ENVELOPE__BODY_PING, &ping, 7);
		rc = peer_next(a, &ev);
	}
	assert_int_equal(rc, -ENOBUFS);
	assert_true(buf_len(peer_out(a)) < 2 * LIMIT_OUT_QUEUE);
	peer_free(c);
	peer_free(a);
}

static void the_bridge_says_who_it_is(void **state)
{
	Kferry__Identity who = KFERRY__IDENTITY__INIT;
	struct peer *a = make(PEER_AGENT), *c = make(PEER_CONTROLLER);
	struct peer_event ev;

	(void)state;
	who.name = (char *)"alice";
	assert_null(peer_identity(a));
	feed_frame(a, KFERRY__ENVELOPE__BODY_IDENTITY, &who, 0);
	expect_event(a, PEER_NOTHING, &ev);
	carry(c, a, SIZE_MAX);
	expect_event(a, PEER_HELLO, &ev);
	assert_string_equal(peer_identity(a), "alice");
	peer_free(a);
	peer_free(c);
}

static void an_identity_is_taken_once_and_first(void **state)
{
	Kferry__Identity who = KFERRY__IDENTITY__INIT;
	struct peer *c, *a = make(PEER_AGENT);

	(void)state;
	who.name = (char *)"alice";
	feed_frame(a, KFERRY__ENVELOPE__BODY_IDENTITY, &who, 0);
	feed_frame(a, KFERRY__ENVELOPE__BODY_IDENTITY, &who, 0);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "its identity where none belongs");
	peer_free(a);
	open_both(&c, &a);
	feed_frame(a, KFERRY__ENVELOPE__BODY_IDENTITY, &who, 0);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "its identity where none belongs");
	peer_free(a);
	peer_free(c);
	c = make(PEER_CONTROLLER);
	feed_frame(c, KFERRY__ENVELOPE__BODY_IDENTITY, &who, 0);
	expect_failure(c, -EPROTO, KF_REASON_PROTOCOL, "its identity where none belongs");
	peer_free(c);
}

static void nothing_comes_before_the_hello(void **state)
{
	Kferry__StatusRequest req = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Ping ping = KFERRY__PING__INIT;
	uint8_t data[FRAME_HEADER];
	struct peer *a = make(PEER_AGENT);

	(void)state;
	feed_frame(a, KFERRY__ENVELOPE__BODY_STATUS_REQUEST, &req, 1);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "before its Hello");
	peer_free(a);
	a = make(PEER_AGENT);
	feed_frame(a, KFERRY__ENVELOPE__BODY_PING, &ping, 1);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "before its Hello");
	peer_free(a);
	a = make(PEER_AGENT);
	frame_header(data, FRAME_DATA, 0, 0);
	assert_int_equal(peer_feed(a, data, sizeof(data)), 0);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "data before its Hello");
	peer_free(a);
}

static void versions_must_meet(void **state)
{
	Kferry__Hello h = hello_of("kferryd 9.0.0");
	struct peer *c = make(PEER_CONTROLLER), *a;

	(void)state;
	h.protocol_min = 5;
	h.protocol_max = 7;
	assert_int_equal(peer_new(PEER_AGENT, &h, &a), 0);
	carry(a, c, SIZE_MAX);
	expect_failure(c, -EPROTONOSUPPORT, KF_REASON_VERSION,
		       "kferryd 9.0.0 speaks protocol 5 to 7, this side 1 to 1");
	peer_free(a);
	peer_free(c);
}

static void a_second_hello_is_refused(void **state)
{
	Kferry__Hello h = hello_of("again");
	struct peer *c, *a;

	(void)state;
	open_both(&c, &a);
	feed_frame(a, KFERRY__ENVELOPE__BODY_HELLO, &h, 0);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "a second Hello");
	peer_free(a);
	peer_free(c);
}

static void each_side_keeps_to_its_part(void **state)
{
	Kferry__SlotsRequest req = KFERRY__SLOTS_REQUEST__INIT;
	Kferry__Slots slots = KFERRY__SLOTS__INIT;
	struct peer *c, *a;

	(void)state;
	open_both(&c, &a);
	feed_frame(a, KFERRY__ENVELOPE__BODY_SLOTS, &slots, 1);
	expect_failure(a, -EPROTO, KF_REASON_PROTOCOL, "slots, which is not its to send");
	feed_frame(c, KFERRY__ENVELOPE__BODY_SLOTS_REQUEST, &req, 1);
	expect_failure(c, -EPROTO, KF_REASON_PROTOCOL, "slots_request, which is not");
	peer_free(a);
	peer_free(c);
}

static void an_unknown_kind_is_handed_out(void **state)
{
	static const uint8_t bytes[] = {7,    0,    0,	  0,	FRAME_CONTROL,
					0,    0,    0,	  0x08, 0x07,
					0xc2, 0x3e, 0x02, 0x08, 0x01};
	struct peer *c, *a;
	struct peer_event ev;

	(void)state;
	open_both(&c, &a);
	assert_int_equal(peer_feed(a, bytes, sizeof(bytes)), 0);
	expect_event(a, PEER_ENVELOPE, &ev);
	assert_int_equal(ev.env->id, 7);
	assert_int_equal(ev.env->body_case, KFERRY__ENVELOPE__BODY__NOT_SET);
	peer_free(a);
	peer_free(c);
}

static void noise_is_explained(void **state)
{
	static const char noise[] = "bash: kferryd: command not found\n";
	static const uint8_t bad[] = {5, 0,    0,    0,	   FRAME_CONTROL, 0,   0,
				      0, 0x12, 0x03, 0x0a, 0x01,	  '\n'};
	struct peer *c = make(PEER_CONTROLLER), *a = make(PEER_AGENT);

	(void)state;
	assert_int_equal(peer_feed(c, noise, strlen(noise)), 0);
	expect_failure(c, -EBADMSG, KF_REASON_PROTOCOL, "a program printed");
	assert_int_equal(peer_feed(a, bad, sizeof(bad)), 0);
	expect_failure(a, -EBADMSG, KF_REASON_PROTOCOL, "not valid (name)");
	peer_free(c);
	peer_free(a);
}

static void what_cannot_be_sent_does_not_end_it(void **state)
{
	Kferry__RemoveRequest req = KFERRY__REMOVE_REQUEST__INIT;
	struct peer *c, *a;
	struct peer_event ev;

	(void)state;
	open_both(&c, &a);
	req.slot = (char *)"../x";
	assert_int_equal(send_kind(c, KFERRY__ENVELOPE__BODY_REMOVE_REQUEST, &req, 1),
			 -EINVAL);
	assert_string_equal(peer_error(c)->msg,
			    "remove_request cannot be sent: its slot is not valid");
	assert_int_equal(buf_len(peer_out(c)), 0);
	req.slot = (char *)"k-3f9a1c2b";
	assert_int_equal(send_kind(c, KFERRY__ENVELOPE__BODY_REMOVE_REQUEST, &req, 1), 0);
	carry(c, a, SIZE_MAX);
	expect_event(a, PEER_ENVELOPE, &ev);
	peer_free(a);
	peer_free(c);
}

static void any_error_text_can_be_sent(void **state)
{
	struct kf_error err = {.code = -ENOSPC, .reason = KF_REASON_SPACE}, got = {0};
	struct peer *c, *a;
	struct peer_event ev;

	(void)state;
	open_both(&c, &a);
	memset(err.msg, 0xff, sizeof(err.msg) - 1);
	assert_int_equal(peer_send_error(a, 9, &err, "bob"), 0);
	carry(a, c, SIZE_MAX);
	expect_event(c, PEER_ENVELOPE, &ev);
	assert_int_equal(ev.env->id, 9);
	assert_string_equal(ev.env->error->holder, "bob");
	assert_int_equal(wire_error(ev.env->error, &got), -ENOSPC);
	assert_int_equal(got.reason, KF_REASON_SPACE);
	assert_memory_equal(got.msg, "\\xff\\xff", 8);
	peer_free(a);
	peer_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_in_any_slices),
		cmocka_unit_test(data_comes_as_it_was_sent),
		cmocka_unit_test(smaller_frames_are_made_for_who_wants_them),
		cmocka_unit_test(pings_are_answered_and_pongs_handed_out),
		cmocka_unit_test(a_flood_of_pings_ends),
		cmocka_unit_test(the_bridge_says_who_it_is),
		cmocka_unit_test(an_identity_is_taken_once_and_first),
		cmocka_unit_test(nothing_comes_before_the_hello),
		cmocka_unit_test(versions_must_meet),
		cmocka_unit_test(a_second_hello_is_refused),
		cmocka_unit_test(each_side_keeps_to_its_part),
		cmocka_unit_test(an_unknown_kind_is_handed_out),
		cmocka_unit_test(noise_is_explained),
		cmocka_unit_test(what_cannot_be_sent_does_not_end_it),
		cmocka_unit_test(any_error_text_can_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
