// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client against an agent's peer engine on a thread, over a unix socket: calls,
 * errors, data both ways, deadlines, and ends of connections.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "controller/client.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

struct agent {
	char top[64], user[96];
	int listener;
	pthread_t thread;
	struct peer *peer;
	int fd;
	size_t data_bytes; /* received */
	bool data_end;
	bool mute;	  /* accepts and says nothing */
	bool hang_up;	  /* closes after the request */
	bool refuse_data; /* an Error at the first DATA */
	unsigned empty;	  /* so many DATA of no bytes at the first */
	struct config *cfg;
};

static void answer(struct agent *a, uint32_t id, Kferry__Envelope env)
{
	env.id = id;
	assert_int_equal(peer_send(a->peer, &env), 0);
}

static void send_error(struct agent *a, uint32_t id)
{
	Kferry__Error m = KFERRY__ERROR__INIT;

	m.reason = KF_REASON_NO_SLOT;
	m.error_number = ENOENT;
	m.text = (char *)"there is no such slot";
	answer(a, id, CLIENT_ENVELOPE(ERROR, error, &m));
}

static void on_request(struct agent *a, const Kferry__Envelope *env)
{
	Kferry__Progress progress = KFERRY__PROGRESS__INIT;
	Kferry__Status status = KFERRY__STATUS__INIT;
	Kferry__Exit gone = KFERRY__EXIT__INIT;
	Kferry__Done done = KFERRY__DONE__INIT;

	switch (env->body_case) {
	case KFERRY__ENVELOPE__BODY_STATUS_REQUEST:
		/* An answer to nobody, then progress, then the answer. */
		answer(a, env->id + 7, CLIENT_ENVELOPE(DONE, done, &done));
		answer(a, env->id, CLIENT_ENVELOPE(PROGRESS, progress, &progress));
		status.release = (char *)"6.1.0";
		answer(a, env->id, CLIENT_ENVELOPE(STATUS, status, &status));
		break;
	case KFERRY__ENVELOPE__BODY_REMOVE_REQUEST:
		send_error(a, env->id);
		break;
	case KFERRY__ENVELOPE__BODY_SLOTS_REQUEST: /* the wrong answer */
		answer(a, env->id, CLIENT_ENVELOPE(DONE, done, &done));
		break;
	case KFERRY__ENVELOPE__BODY_EXEC_REQUEST: /* much before, and while, data comes */
		for (int i = 0; i < 100; i++)
			answer(a, env->id,
			       CLIENT_ENVELOPE(PROGRESS, progress, &progress));
		assert_int_equal(peer_send_data(a->peer, "abc", 3, FRAME_STDERR), 0);
		answer(a, env->id, CLIENT_ENVELOPE(EXIT, exit, &gone));
		break;
	default:
		break;
	}
}

static bool handle(struct agent *a)
{
	struct peer_event ev;

	while (peer_next(a->peer, &ev) == 0 && ev.type != PEER_NOTHING) {
		if (ev.type == PEER_ENVELOPE) {
			on_request(a, ev.env);
			if (a->hang_up)
				return false;
		} else if (ev.type == PEER_DATA) {
			if (a->refuse_data && !a->data_bytes)
				send_error(a, 1);
			for (; a->empty; a->empty--)
				assert_int_equal(peer_send_data(a->peer, NULL, 0, 0), 0);
			a->data_bytes += ev.len;
			a->data_end = a->data_end || (ev.flags & FRAME_END);
		}
	}
	return true;
}

static bool flush(struct agent *a)
{
	struct buf *out = peer_out(a->peer);

	while (buf_len(out)) {
		ssize_t n = send(a->fd, buf_data(out), buf_len(out), MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		buf_consume(out, (size_t)n);
	}
	return true;
}

static void *agent_thread(void *arg)
{
	Kferry__Hello hello = KFERRY__HELLO__INIT;
	struct agent *a = arg;
	static const size_t room = 65536;
	uint8_t *block = malloc(room);
	ssize_t n;

	a->fd = accept(a->listener, NULL, NULL);
	hello.protocol_min = PROTOCOL_MIN;
	hello.protocol_max = PROTOCOL_MAX;
	hello.software = (char *)"test 1";
	hello.boot_id = (char *)"b9d0ad4a-4b4a-4c7b-9a43-000000000001";
	hello.hostname = (char *)"scratch";
	if (a->fd >= 0 && peer_new(PEER_AGENT, &hello, &a->peer) == 0) {
		while ((a->mute || flush(a)) && (n = recv(a->fd, block, room, 0)) > 0)
			if (!a->mute &&
			    (peer_feed(a->peer, block, (size_t)n) < 0 || !handle(a)))
				break;
		peer_free(a->peer);
		close(a->fd);
	}
	free(block);
	return NULL;
}

static int setup(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct agent *a = calloc(1, sizeof(*a));
	struct config_paths paths = {a->user, "", a->top};
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};

	snprintf(a->top, sizeof(a->top), "/tmp/kf-client-XXXXXX");
	assert_non_null(mkdtemp(a->top));
	snprintf(a->user, sizeof(a->user), "%s/user.ini", a->top);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", a->top);
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(a->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(a->listener, 4), 0);
	assert_int_equal(buf_printf(&b, "[board b]\nlink = unix:%s\n", addr.sun_path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, a->user, buf_data(&b), buf_len(&b), 0644),
			 0);
	assert_int_equal(config_load(&paths, &a->cfg, &err), 0);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	close(a->listener);
	config_free(a->cfg);
	assert_int_equal(fs_remove_tree(AT_FDCWD, a->top), 0);
	free(a);
	return 0;
}

static void start(struct agent *a)
{
	assert_int_equal(pthread_create(&a->thread, NULL, agent_thread, a), 0);
}

static struct client *open_client(struct agent *a)
{
	struct kf_error err = {0};
	struct client *c = NULL;
	int rc;

	start(a);
	rc = client_open(a->cfg, "b", deadline_in(10000), &c, &err);
	if (rc < 0)
		print_message("%s\n", err.msg);
	assert_int_equal(rc, 0);
	return c;
}

static void close_client(struct agent *a, struct client *c)
{
	client_close(c);
	pthread_join(a->thread, NULL);
}

static int call_status(struct client *c, const Kferry__Envelope **ret,
		       struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);

	return client_call(c, &env, KFERRY__ENVELOPE__BODY_STATUS, deadline_in(10000),
			   ret, err);
}

static void hello_and_calls(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	const Kferry__Envelope *env;
	struct kf_error err = {0};

	assert_string_equal(client_hello(c)->hostname, "scratch");
	assert_int_equal(strncmp(client_describe(c), "unix /", 6), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(call_status(c, &env, &err), 0);
		assert_string_equal(env->status->release, "6.1.0");
	}
	assert_string_equal(client_hello(c)->software, "test 1");
	assert_true(client_bytes_sent(c) > 0);
	close_client(a, c);
}

static void an_error_is_the_agents_and_the_connection_lives(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	Kferry__RemoveRequest q = KFERRY__REMOVE_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(REMOVE_REQUEST, remove_request, &q);
	const Kferry__Envelope *ret;
	struct kf_error err = {0};

	q.slot = (char *)"k-01234567";
	assert_int_equal(client_call(c, &env, KFERRY__ENVELOPE__BODY_DONE,
				     deadline_in(10000), &ret, &err),
			 -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
	assert_non_null(strstr(err.msg, "there is no such slot"));
	assert_int_equal(call_status(c, &ret, &err), 0);
	close_client(a, c);
}

static void another_answer_is_a_breach(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	Kferry__SlotsRequest q = KFERRY__SLOTS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(SLOTS_REQUEST, slots_request, &q);
	const Kferry__Envelope *ret;
	struct kf_error err = {0};

	assert_int_equal(client_call(c, &env, KFERRY__ENVELOPE__BODY_SLOTS,
				     deadline_in(10000), &ret, &err),
			 -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_PROTOCOL);
	close_client(a, c);
}

static void data_goes_out_while_answers_come_in(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	static const size_t size = 5 * LIMIT_DATA + 17;
	char *word = (char *)"true";
	uint8_t *data = calloc(1, size);
	struct kf_error err = {0};
	struct peer_event ev;
	unsigned progress = 0;

	q.n_argv = 1;
	q.argv = &word;
	assert_int_equal(client_request(c, &env, deadline_in(10000), &err), 0);
	assert_int_equal(
		client_send_data(c, data, size, FRAME_END, deadline_in(10000), &err), 0);
	/* What came meanwhile is all there, in order. */
	for (;;) {
		assert_int_equal(client_next(c, deadline_in(10000), &ev, &err), 0);
		if (ev.type == PEER_DATA)
			break;
		assert_int_equal(ev.env->body_case, KFERRY__ENVELOPE__BODY_PROGRESS);
		progress++;
	}
	assert_int_equal(progress, 100);
	assert_int_equal(ev.len, 3);
	assert_memory_equal(ev.data, "abc", 3);
	assert_int_equal(ev.flags, FRAME_STDERR);
	assert_int_equal(client_next(c, deadline_in(10000), &ev, &err), 0);
	assert_int_equal(ev.env->body_case, KFERRY__ENVELOPE__BODY_EXIT);
	close_client(a, c);
	assert_int_equal(a->data_bytes, size);
	assert_true(a->data_end);
	free(data);
}

/* A frame waits while the next is made, but not when there is none for a while. */
static void an_empty_frame_takes_what_waits_along(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	char *word = (char *)"true";
	struct kf_error err = {0};
	uint64_t before;

	q.n_argv = 1;
	q.argv = &word;
	assert_int_equal(client_request(c, &env, deadline_in(10000), &err), 0);
	before = client_bytes_sent(c);
	assert_int_equal(client_send_data(c, "x", 1, 0, deadline_in(10000), &err), 0);
	assert_int_equal(client_bytes_sent(c), before);
	assert_int_equal(client_send_data(c, NULL, 0, 0, deadline_in(10000), &err), 0);
	assert_int_equal(client_bytes_sent(c), before + 2 * FRAME_HEADER + 1);
	close_client(a, c);
	assert_int_equal(a->data_bytes, 1);
	assert_false(a->data_end);
}

/* Send more than the agent takes: what that came to. */
static int send_in_vain(struct agent *a, struct kf_error *err)
{
	static const size_t size = 64u * 1024 * 1024;
	uint8_t *data = calloc(1, size);
	Kferry__RebootRequest q = KFERRY__REBOOT_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(REBOOT_REQUEST, reboot_request, &q);
	struct client *c = open_client(a);
	int rc;

	q.mode = KFERRY__REBOOT_MODE__REBOOT_NORMAL;
	assert_int_equal(client_request(c, &env, deadline_in(10000), err), 0);
	rc = client_send_data(c, data, size, FRAME_END, deadline_in(60000), err);
	assert_true(client_bytes_sent(c) < size);
	close_client(a, c);
	free(data);
	return rc;
}

static void an_error_ends_the_sending(void **state)
{
	struct agent *a = *state;
	struct kf_error err = {0};

	a->refuse_data = true;
	assert_int_equal(send_in_vain(a, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_NO_SLOT);
}

static void empty_answers_while_data_is_sent_have_an_end(void **state)
{
	struct agent *a = *state;
	struct kf_error err = {0};

	a->empty = 300 * 1000;
	assert_int_equal(send_in_vain(a, &err), -ENOBUFS);
	assert_non_null(strstr(err.msg, "too many answers"));
}

static void a_silent_agent_is_no_agent(void **state)
{
	struct agent *a = *state;
	struct kf_error err = {0};
	struct client *c = NULL;
	int64_t began = clock_now_ms();

	a->mute = true;
	start(a);
	assert_true(client_open(a->cfg, "b", deadline_in(200), &c, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NO_AGENT);
	assert_true(clock_now_ms() - began >= 200);
	assert_null(c);
	pthread_join(a->thread, NULL);
}

static void a_lost_connection_is_said(void **state)
{
	struct agent *a = *state;
	const Kferry__Envelope *env;
	struct kf_error err = {0};
	struct client *c;

	a->hang_up = true;
	c = open_client(a);
	assert_true(call_status(c, &env, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_CONNECTION);
	close_client(a, c);
}

static void a_deadline_ends_the_waiting(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	struct kf_error err = {0};
	struct peer_event ev;

	assert_int_equal(client_next(c, deadline_in(50), &ev, &err), -ETIMEDOUT);
	assert_int_equal(err.reason, KF_REASON_TIMEOUT);
	close_client(a, c);
}

static void an_agent_that_is_there_may_be_silent(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	struct kf_error err = {0};
	struct peer_event ev;

	client_watch(c, 100);
	assert_int_equal(client_next(c, deadline_in(1000), &ev, &err), -ETIMEDOUT);
	assert_int_equal(err.reason, KF_REASON_TIMEOUT);
	close_client(a, c);
}

static void an_agent_that_is_gone_is_noticed(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	struct kf_error err = {0};
	struct peer_event ev;

	a->mute = true;
	client_watch(c, 50);
	assert_int_equal(client_next(c, DEADLINE_NEVER, &ev, &err), -EHOSTDOWN);
	assert_int_equal(err.reason, KF_REASON_CONNECTION);
	assert_non_null(strstr(err.msg, "no sign of life"));
	close_client(a, c);
}

static void another_descriptor_wakes(void **state)
{
	struct agent *a = *state;
	struct client *c = open_client(a);
	struct kf_error err = {0};
	struct peer_event ev;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(client_next_or_fd(c, fds[0], deadline_in(10000), &ev, &err), 0);
	assert_int_equal(ev.type, PEER_NOTHING);
	close(fds[0]);
	close(fds[1]);
	close_client(a, c);
}

/* The agent sends its hundred answers in one piece. */
static void answers_do_not_starve_another_descriptor(void **state)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	struct agent *a = *state;
	struct client *c = open_client(a);
	char *word = (char *)"true";
	struct kf_error err = {0};
	struct peer_event ev;
	int fds[2];

	q.n_argv = 1;
	q.argv = &word;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(client_request(c, &request, deadline_in(10000), &err), 0);
	assert_int_equal(client_next(c, deadline_in(10000), &ev, &err), 0);
	assert_int_equal(ev.type, PEER_ENVELOPE);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(
			client_next_or_fd(c, fds[0], deadline_in(10000), &ev, &err), 0);
		assert_int_equal(ev.type, i % 2 ? PEER_ENVELOPE : PEER_NOTHING);
	}
	close(fds[0]);
	close(fds[1]);
	close_client(a, c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hello_and_calls),
		TEST(an_error_is_the_agents_and_the_connection_lives),
		TEST(another_answer_is_a_breach),
		TEST(data_goes_out_while_answers_come_in),
		TEST(an_empty_frame_takes_what_waits_along),
		TEST(an_error_ends_the_sending),
		TEST(empty_answers_while_data_is_sent_have_an_end),
		TEST(a_silent_agent_is_no_agent),
		TEST(a_lost_connection_is_said),
		TEST(a_deadline_ends_the_waiting),
		TEST(an_agent_that_is_there_may_be_silent),
		TEST(an_agent_that_is_gone_is_noticed),
		TEST(another_descriptor_wakes),
		TEST(answers_do_not_starve_another_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
