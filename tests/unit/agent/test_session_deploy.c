/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deploys over a session: who holds the board, and what ends that. */
#include "tests/unit/agent/session_board.h"

#include "proto/base/clock.h"

static void one_slot_of(struct board *b, const char *id, Kferry__SlotState want)
{
	Kferry__SlotsRequest q = KFERRY__SLOTS_REQUEST__INIT;
	const Kferry__Slots *m;

	ask(b, &b->c, KFERRY__ENVELOPE__BODY_SLOTS_REQUEST, &q);
	m = answer(b, &b->c, KFERRY__ENVELOPE__BODY_SLOTS)->slots;
	assert_int_equal(m->n_slot, 1);
	assert_string_equal(m->slot[0]->id, id);
	assert_int_equal(m->slot[0]->state, want);
	assert_true(m->slot[0]->bytes > 0);
}

/* --- deploys -------------------------------------------------------------------- */

static void ask_plan(struct board *b, struct client *c, struct kernel *k)
{
	struct trip t = {.initramfs = KFERRY__INITRAMFS__INITRAMFS_NONE};
	Kferry__PlanRequest q = KFERRY__PLAN_REQUEST__INIT;

	scratch_request(k, &t, &q);
	ask(b, c, KFERRY__ENVELOPE__BODY_PLAN_REQUEST, &q);
}

/* To where the files are wanted; the bitmap in want. */
static void plan_to_need(struct board *b, struct client *c, struct kernel *k,
			 uint8_t want[static 2])
{
	const Kferry__Envelope *env;

	ask_plan(b, c, k);
	env = answer(b, c, KFERRY__ENVELOPE__BODY_PLAN);
	assert_string_equal(env->plan->slot, k->id);
	assert_false(env->plan->installed);
	if (!env->plan->have_manifest)
		send_all(b, c, buf_data(&k->manifest), buf_len(&k->manifest), FRAME_END);
	env = answer(b, c, KFERRY__ENVELOPE__BODY_NEED);
	assert_int_equal(env->need->files, k->n_files);
	memcpy(want, env->need->bitmap.data, env->need->bitmap.len);
}

static void deploys_holds_and_releases(void **state)
{
	struct board *b = *state;
	struct kernel k;
	struct stream s;
	uint8_t want[2] = {0};
	const Kferry__Envelope *env;

	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	plan_to_need(b, &b->c, &k, want);

	hello(b, &b->other);
	ask_plan(b, &b->other, &k);
	env = answer(b, &b->other, KFERRY__ENVELOPE__BODY_ERROR);
	assert_int_equal(env->error->reason, KF_REASON_BUSY);
	assert_string_equal(env->error->holder, "uid 1000 dev@desk");

	b->id = 1;
	stream_init(&s, &k, want);
	send_all(b, &b->c, buf_data(&s.tar), buf_len(&s.tar), FRAME_END);
	env = answer(b, &b->c, KFERRY__ENVELOPE__BODY_INSTALLED);
	assert_string_equal(env->installed->slot, k.id);
	assert_false(env->installed->already);
	one_slot_of(b, k.id, KFERRY__SLOT_STATE__SLOT_STAGED);

	/* The board is held until the connection ends; then everybody may have it. */
	ask_plan(b, &b->other, &k);
	assert_int_equal(expect_error(b, &b->other), KF_REASON_BUSY);
	client_close(&b->c);
	while (b->live > 1)
		uv_run(&b->loop, UV_RUN_ONCE);
	ask_plan(b, &b->other, &k);
	env = answer(b, &b->other, KFERRY__ENVELOPE__BODY_PLAN);
	assert_true(env->plan->installed);
	assert_true(answer(b, &b->other, KFERRY__ENVELOPE__BODY_INSTALLED)
			    ->installed->already);
	stream_fini(&s);
	kernel_fini(&k);
}

static void a_cut_push_releases_the_board_and_resumes(void **state)
{
	struct board *b = *state;
	struct kernel k;
	struct stream s;
	uint8_t want[2] = {0}, left[2] = {0};

	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	plan_to_need(b, &b->c, &k, want);
	stream_init(&s, &k, want);
	send_all(b, &b->c, buf_data(&s.tar), KERNEL_CUT, 0);
	client_close(&b->c);
	wait_no_sessions(b);
	assert_int_equal(b->s.a.state.n_slots, 0);

	hello(b, &b->other);
	plan_to_need(b, &b->other, &k, left);
	assert_true(__builtin_popcount(left[0]) < __builtin_popcount(want[0]));
	stream_fini(&s);
	stream_init(&s, &k, left);
	send_all(b, &b->other, buf_data(&s.tar), buf_len(&s.tar), FRAME_END);
	answer(b, &b->other, KFERRY__ENVELOPE__BODY_INSTALLED);
	stream_fini(&s);
	kernel_fini(&k);
}

static void assert_not_held(struct board *b)
{
	char holder[LIMIT_PERSON + 1];

	deploy_holder(&b->s.a, holder, sizeof(holder));
	assert_string_equal(holder, "");
}

/* The other side is there and says nothing: the network in between is gone. */
static void a_silent_push_releases_the_board(void **state)
{
	struct board *b = *state;
	struct kernel k;
	struct stream s;
	uint8_t want[2] = {0};

	b->env.stall_ms = 50;
	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	plan_to_need(b, &b->c, &k, want);
	stream_init(&s, &k, want);
	send_all(b, &b->c, buf_data(&s.tar), KERNEL_CUT, 0);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_TIMEOUT);
	wait_no_sessions(b);
	assert_not_held(b);
	stream_fini(&s);
	kernel_fini(&k);
}

/* Whoever has no bytes yet says so: an empty frame now and then, for longer than silence
 * is borne. */
static void an_empty_frame_is_a_sign_of_life(void **state)
{
	struct board *b = *state;
	struct kernel k;
	struct stream s;
	uint8_t want[2] = {0};
	deadline_ms next_ms = 0, end;

	b->env.stall_ms = 1000;
	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	plan_to_need(b, &b->c, &k, want);
	stream_init(&s, &k, want);
	end = deadline_in(2500);
	while (deadline_left(end) > 0) {
		struct peer_event ev;

		if (!deadline_left(next_ms)) {
			assert_int_equal(peer_send_data(b->c.peer, NULL, 0, 0), 0);
			next_ms = deadline_in(50);
		}
		turn(b, &b->c);
		assert_int_equal(peer_next(b->c.peer, &ev), 0);
		assert_true(ev.type == PEER_NOTHING ||
			    ev.env->body_case == KFERRY__ENVELOPE__BODY_PROGRESS);
		assert_false(b->c.ended);
	}
	send_all(b, &b->c, buf_data(&s.tar), buf_len(&s.tar), FRAME_END);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_INSTALLED);
	stream_fini(&s);
	kernel_fini(&k);
}

static void a_silent_holder_releases_the_board(void **state)
{
	struct board *b = *state;
	struct kernel k;
	struct stream s;
	uint8_t want[2] = {0};

	b->env.held_ms = 50;
	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	plan_to_need(b, &b->c, &k, want);
	stream_init(&s, &k, want);
	send_all(b, &b->c, buf_data(&s.tar), buf_len(&s.tar), FRAME_END);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_INSTALLED);
	wait_no_sessions(b);
	stream_fini(&s);
	assert_not_held(b);
	kernel_fini(&k);
}

static void a_failed_push_leaves_the_connection_usable(void **state)
{
	static char noise[600000];
	struct board *b = *state;
	struct kernel k;
	uint8_t want[2] = {0};

	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	plan_to_need(b, &b->c, &k, want);
	memset(noise, 'x', sizeof(noise));
	send_all(b, &b->c, noise, sizeof(noise), FRAME_END);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_PACKAGE);
	ask_status(b, &b->c);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS);
	kernel_fini(&k);
}

static void a_manifest_over_its_size_is_refused(void **state)
{
	struct board *b = *state;
	struct kernel k;
	char more[200];

	kernel_init(&k, "6.9.0-test", 'a');
	kernel_finish(&k);
	hello(b, &b->c);
	ask_plan(b, &b->c, &k);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_PLAN);
	send_all(b, &b->c, buf_data(&k.manifest), buf_len(&k.manifest), 0);
	memset(more, 'y', sizeof(more));
	send_all(b, &b->c, more, sizeof(more), FRAME_END);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_MANIFEST);
	kernel_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(deploys_holds_and_releases),
		TEST(a_cut_push_releases_the_board_and_resumes),
		TEST(a_silent_push_releases_the_board),
		TEST(an_empty_frame_is_a_sign_of_life),
		TEST(a_silent_holder_releases_the_board),
		TEST(a_failed_push_leaves_the_connection_usable),
		TEST(a_manifest_over_its_size_is_refused),
	};

	signal(SIGPIPE, SIG_IGN); /* as the server does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
