// SPDX-License-Identifier: GPL-2.0-or-later
/* The bridge between descriptors that the test holds the other ends of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/session/stdio.h"
#include "proto/base/fs.h"
#include "proto/peer.h"
#include "proto/reason.h"

#define MUCH 3000000

struct bridge {
	int in[2], out[2],
		sock[2]; /* the bridge's end is [0] of in and sock, [1] of out */
	const char *as;
	pthread_t thread;
	struct kf_error err;
	int result;
};

static void *run(void *arg)
{
	struct bridge *b = arg;

	b->result = stdio_bridge(b->in[0], b->out[1], b->sock[0], b->as, &b->err);
	close(b->in[0]);
	close(b->out[1]);
	close(b->sock[0]);
	return NULL;
}

static void start(struct bridge *b, const char *as)
{
	*b = (struct bridge){.as = as};
	assert_int_equal(pipe2(b->in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b->out, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->sock), 0);
	assert_int_equal(pthread_create(&b->thread, NULL, run, b), 0);
	alarm(60);
}

static int join(struct bridge *b)
{
	assert_int_equal(pthread_join(b->thread, NULL), 0);
	return b->result;
}

static size_t read_n(int fd, void *dst, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, (char *)dst + got, n - got);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

/* Take the Identity frame off the agent's end; the name in it. */
static void take_identity(struct bridge *b, char name[64])
{
	const Kferry__Envelope *env;
	struct wire_arena arena;
	uint8_t head[FRAME_HEADER], body[256];

	assert_int_equal(wire_arena_init(&arena), 0);
	assert_int_equal(read_n(b->sock[1], head, sizeof(head)), sizeof(head));
	assert_int_equal(head[4], FRAME_CONTROL);
	assert_int_equal(read_n(b->sock[1], body, head[0]), head[0]);
	assert_int_equal(wire_unpack(&arena, body, head[0], &env), 0);
	assert_int_equal(env->body_case, KFERRY__ENVELOPE__BODY_IDENTITY);
	snprintf(name, 64, "%s", env->identity->name);
	wire_arena_fini(&arena);
}

static void says_who_is_there(void **state)
{
	struct bridge b;
	char name[64];

	(void)state;
	start(&b, "alice");
	take_identity(&b, name);
	assert_string_equal(name, "alice");
	close(b.in[1]);
	close(b.sock[1]);
	assert_int_equal(join(&b), 0);
	close(b.out[0]);
}

static void takes_the_logins_name_only_if_it_is_one(void **state)
{
	struct bridge b;
	char name[64], want[64];

	(void)state;
	setenv("USER", "bad name\n", 1);
	setenv("LOGNAME", "bob", 1);
	start(&b, NULL);
	take_identity(&b, name);
	assert_string_equal(name, "bob");
	close(b.in[1]);
	close(b.sock[1]);
	assert_int_equal(join(&b), 0);
	close(b.out[0]);

	unsetenv("USER");
	unsetenv("LOGNAME");
	start(&b, NULL);
	take_identity(&b, name);
	snprintf(want, sizeof(want), "uid%u", (unsigned)getuid());
	assert_string_equal(name, want);
	close(b.in[1]);
	close(b.sock[1]);
	assert_int_equal(join(&b), 0);
	close(b.out[0]);
}

static void refuses_a_name_that_is_none(void **state)
{
	struct kf_error err = {0};

	(void)state;
	assert_true(stdio_bridge(-1, -1, -1, "a b", &err) < 0);
	assert_int_equal(err.reason, KF_REASON_USAGE);
}

struct writer {
	int fd;
	const char *data;
};

static void *write_much(void *arg)
{
	struct writer *w = arg;

	(void)!fs_write_all(w->fd, w->data, MUCH);
	close(w->fd);
	return NULL;
}

/* Much goes up, its end arrives, and then much still comes down. */
static void half_closes_and_loses_nothing(void **state)
{
	char *data = malloc(MUCH), *back = malloc(MUCH + 1), name[64];
	struct bridge b;
	struct writer w;
	pthread_t t;

	(void)state;
	for (size_t i = 0; i < MUCH; i++)
		data[i] = (char)(i * 7 + i / 251);
	start(&b, "alice");
	take_identity(&b, name);

	w = (struct writer){b.in[1], data};
	assert_int_equal(pthread_create(&t, NULL, write_much, &w), 0);
	assert_int_equal(read_n(b.sock[1], back, MUCH + 1), MUCH);
	assert_memory_equal(back, data, MUCH);
	pthread_join(t, NULL);

	w = (struct writer){b.sock[1], data};
	assert_int_equal(pthread_create(&t, NULL, write_much, &w), 0);
	assert_int_equal(read_n(b.out[0], back, MUCH + 1), MUCH);
	assert_memory_equal(back, data, MUCH);
	pthread_join(t, NULL);
	assert_int_equal(join(&b), 0);
	close(b.out[0]);
	free(data);
	free(back);
}

/* sshd is gone, though stdin was not closed: the agent must hear of it. */
static void ends_when_nobody_reads(void **state)
{
	struct bridge b;
	char name[64], any;

	(void)state;
	start(&b, "alice");
	take_identity(&b, name);
	close(b.out[0]);
	assert_true(join(&b) < 0);
	assert_int_equal(b.err.reason, KF_REASON_CONNECTION);
	assert_int_equal(read(b.sock[1], &any, 1), 0);
	close(b.sock[1]);
	close(b.in[1]);
}

static void ends_when_the_agent_does(void **state)
{
	struct bridge b;
	char name[64], back[8];

	(void)state;
	start(&b, "alice");
	take_identity(&b, name);
	assert_int_equal(write(b.sock[1], "bye", 3), 3);
	close(b.sock[1]);
	assert_int_equal(read_n(b.out[0], back, sizeof(back)), 3);
	assert_memory_equal(back, "bye", 3);
	assert_int_equal(join(&b), 0);
	close(b.in[1]);
	close(b.out[0]);
}

static void nobody_listens(void **state)
{
	struct kf_error err = {0};

	(void)state;
	assert_true(stdio_run("/tmp/kf-no-such-socket", NULL, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NO_AGENT);
	assert_non_null(strstr(err.msg, "/tmp/kf-no-such-socket"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_is_there),
		cmocka_unit_test(takes_the_logins_name_only_if_it_is_one),
		cmocka_unit_test(refuses_a_name_that_is_none),
		cmocka_unit_test(half_closes_and_loses_nothing),
		cmocka_unit_test(ends_when_nobody_reads),
		cmocka_unit_test(ends_when_the_agent_does),
		cmocka_unit_test(nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
