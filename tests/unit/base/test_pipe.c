/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded pipe: its limit, its end, its abort, and both sides at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "proto/base/pipe.h"

static void count(void *arg)
{
	(*(int *)arg)++;
}

static void takes_no_more_than_fits(void **state)
{
	struct pipe *p;
	int rooms = 0;
	char out[16];

	(void)state;
	assert_int_equal(pipe_new(0, NULL, NULL, &p), -EINVAL);
	assert_int_equal(pipe_new(8, count, &rooms, &p), 0);
	assert_false(pipe_full(p));
	assert_int_equal(pipe_push(p, "abcdef", 6), 6);
	assert_int_equal(pipe_push(p, "ghijkl", 6), 2);
	assert_int_equal(pipe_push(p, "x", 1), 0);
	assert_true(pipe_full(p));
	assert_int_equal(pipe_pull(p, out, 3), 3);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(rooms, 0);
	assert_int_equal(pipe_pull(p, out, 1), 1);
	assert_int_equal(rooms, 1);
	/* Wraps round the end of the ring. */
	assert_int_equal(pipe_push(p, "mnop", 4), 4);
	assert_int_equal(pipe_pull(p, out, sizeof(out)), 8);
	assert_memory_equal(out, "efghmnop", 8);
	assert_int_equal(rooms, 1);
	pipe_free(p);
	pipe_free(NULL);
}

static void end_comes_after_the_last_byte(void **state)
{
	struct pipe *p;
	char out[4];

	(void)state;
	assert_int_equal(pipe_new(8, NULL, NULL, &p), 0);
	assert_int_equal(pipe_push(p, "ab", 2), 2);
	pipe_finish(p);
	assert_int_equal(pipe_pull(p, out, 4), 2);
	assert_int_equal(pipe_pull(p, out, 4), 0);
	assert_int_equal(pipe_pull(p, out, 4), 0);
	pipe_free(p);
}

static void abort_beats_bytes_and_wakes_the_loop(void **state)
{
	struct pipe *p;
	int rooms = 0;
	char out[4];

	(void)state;
	assert_int_equal(pipe_new(2, count, &rooms, &p), 0);
	assert_int_equal(pipe_push(p, "abc", 3), 2);
	pipe_abort(p, -ECANCELED);
	pipe_abort(p, -EIO);
	assert_int_equal(rooms, 1);
	assert_int_equal(pipe_pull(p, out, 4), -ECANCELED);
	assert_false(pipe_full(p));
	assert_int_equal(pipe_push(p, "abc", 3), 3);
	pipe_free(p);
}

static void *pull_once(void *arg)
{
	char c;

	return (void *)(intptr_t)pipe_pull(arg, &c, 1);
}

static void abort_wakes_a_waiting_job(void **state)
{
	struct pipe *p;
	pthread_t t;
	void *result;

	(void)state;
	assert_int_equal(pipe_new(2, NULL, NULL, &p), 0);
	assert_int_equal(pthread_create(&t, NULL, pull_once, p), 0);
	pipe_abort(p, -ECONNRESET);
	assert_int_equal(pthread_join(t, &result), 0);
	assert_int_equal((intptr_t)result, -ECONNRESET);
	pipe_free(p);
}

static void finish_wakes_a_waiting_job(void **state)
{
	struct pipe *p;
	pthread_t t;
	void *result;

	(void)state;
	assert_int_equal(pipe_new(2, NULL, NULL, &p), 0);
	assert_int_equal(pthread_create(&t, NULL, pull_once, p), 0);
	pipe_finish(p);
	assert_int_equal(pthread_join(t, &result), 0);
	assert_int_equal((intptr_t)result, 0);
	pipe_free(p);
}

#define STREAM_BYTES (1024 * 1024)

struct stream {
	struct pipe *p;
	sem_t room;
	unsigned long wrong;
	size_t got;
};

static void post(void *arg)
{
	sem_post(arg);
}

static void *pull_all(void *arg)
{
	struct stream *s = arg;
	uint8_t step[777];
	ssize_t n;

	while ((n = pipe_pull(s->p, step, 1 + s->got % sizeof(step))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			s->wrong += step[i] != (uint8_t)((s->got + (size_t)i) * 31 >> 3);
		s->got += (size_t)n;
	}
	s->wrong += n != 0;
	return NULL;
}

/* A lost on_room would leave the loop side waiting: the deadline makes it a failure. */
static void a_stream_passes_whole(void **state)
{
	struct stream s = {0};
	struct timespec until;
	size_t sent = 0;
	pthread_t t;

	(void)state;
	assert_int_equal(sem_init(&s.room, 0, 0), 0);
	assert_int_equal(pipe_new(4096, post, &s.room, &s.p), 0);
	assert_int_equal(pthread_create(&t, NULL, pull_all, &s), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	while (sent < STREAM_BYTES) {
		uint8_t step[1000];
		size_t n = STREAM_BYTES - sent < 1000 ? STREAM_BYTES - sent : 1000, took;

		for (size_t i = 0; i < n; i++)
			step[i] = (uint8_t)((sent + i) * 31 >> 3);
		took = pipe_push(s.p, step, n);
		sent += took;
		if (took < n)
			assert_int_equal(sem_timedwait(&s.room, &until), 0);
	}
	pipe_finish(s.p);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(s.got, STREAM_BYTES);
	assert_int_equal(s.wrong, 0);
	pipe_free(s.p);
	sem_destroy(&s.room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_no_more_than_fits),
		cmocka_unit_test(end_comes_after_the_last_byte),
		cmocka_unit_test(abort_beats_bytes_and_wakes_the_loop),
		cmocka_unit_test(abort_wakes_a_waiting_job),
		cmocka_unit_test(finish_wakes_a_waiting_job),
		cmocka_unit_test(a_stream_passes_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
