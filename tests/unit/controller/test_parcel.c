/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams that several want: made once, complete for everybody, whoever is slow, whatever
 * fails.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "controller/cancel.h"
#include "controller/deploy/parcel.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define STREAM (1024 * 1024 + 77)
#define PIECE  10000
#define MANY   8

/* A stream of known bytes. */
struct source {
	atomic_int made, released;
	size_t fail_at; /* 0: never */
	size_t stop_at; /* waits there for `go`; 0: does not */
	sem_t stopped, go;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13);
}

static int make(const void *arg, kernel_sink_fn sink, void *sink_arg, uint64_t *done,
		struct kf_error *err)
{
	struct source *s = (struct source *)arg;
	uint8_t piece[4000];
	bool first = atomic_fetch_add(&s->made, 1) == 0;

	for (size_t at = 0; at < STREAM;) {
		size_t n = STREAM - at < sizeof(piece) ? STREAM - at : sizeof(piece);
		int r;

		if (s->fail_at && at >= s->fail_at)
			return kf_err(err, -ESTALE, KF_REASON_DIGEST, "it changed");
		if (first && s->stop_at && at >= s->stop_at) {
			s->stop_at = 0;
			sem_post(&s->stopped);
			sem_wait(&s->go);
		}
		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(at + i);
		*done += 2 * n;
		r = sink(sink_arg, piece, n);
		if (r)
			return r < 0 ? r : -ECANCELED;
		at += n;
	}
	return 0;
}

static void count_release(void *arg)
{
	atomic_fetch_add(&((struct source *)arg)->released, 1);
}

struct scene {
	char dir[64];
	struct parcels *ps;
	struct source source;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->dir, sizeof(s->dir), "/tmp/kf-parcel-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(parcels_new(s->dir, &s->ps), 0);
	sem_init(&s->source.stopped, 0, 0);
	sem_init(&s->source.go, 0, 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	parcels_free(s->ps);
	(void)!fs_remove_tree(AT_FDCWD, s->dir);
	free(s);
	return 0;
}

/* One board. */
struct board {
	struct scene *scene;
	const char *key;
	int64_t patience_ms;
	sem_t *wait; /* before it takes anything, and `reached` before that; or NULL */
	sem_t *reached;
	size_t refuse_at; /* 0: it takes all */
	size_t got;
	bool wrong;
	uint64_t done;
	struct kf_error err;
	int r;
	pthread_t thread;
};

static int take(void *arg, const void *data, size_t n)
{
	struct board *b = arg;
	const uint8_t *p = data;

	if (b->wait && b->got == 0) {
		sem_post(b->reached);
		sem_wait(b->wait);
	}
	for (size_t i = 0; i < n; i++)
		b->wrong = b->wrong || p[i] != byte_at(b->got + i);
	b->got += n;
	if (b->refuse_at && b->got >= b->refuse_at)
		return kf_err(&b->err, -EPIPE, KF_REASON_CONNECTION, "gone");
	return 0;
}

static void *be_board(void *arg)
{
	struct board *b = arg;
	struct parcel_maker maker = {make, count_release, &b->scene->source};
	struct digest key;

	digest_bytes(b->key, strlen(b->key), &key);
	b->r = parcel_send(b->scene->ps, &key, &maker, b->patience_ms, take, b, &b->done,
			   &b->err);
	return NULL;
}

static void start(struct board *b, struct scene *s)
{
	b->scene = s;
	b->key = b->key ? b->key : "one";
	b->patience_ms = b->patience_ms ? b->patience_ms : 60000;
	assert_int_equal(pthread_create(&b->thread, NULL, be_board, b), 0);
}

static void assert_whole(struct board *b)
{
	pthread_join(b->thread, NULL);
	assert_int_equal(b->r, 0);
	assert_int_equal(b->got, STREAM);
	assert_false(b->wrong);
	assert_int_equal(b->done, 2 * STREAM);
}

static void many_follow_one_maker(void **state)
{
	struct scene *s = *state;
	struct board boards[MANY] = {0};

	for (int i = 0; i < MANY; i++)
		start(&boards[i], s);
	for (int i = 0; i < MANY; i++)
		assert_whole(&boards[i]);
	assert_int_equal(atomic_load(&s->source.made), 1);
	assert_int_equal(atomic_load(&s->source.released), MANY - 1);
	/* One that comes late finds it whole. */
	boards[0] = (struct board){0};
	start(&boards[0], s);
	assert_whole(&boards[0]);
	assert_int_equal(atomic_load(&s->source.made), 1);
	parcels_free(s->ps);
	s->ps = NULL;
	assert_int_equal(atomic_load(&s->source.released), MANY + 1);
}

static void another_key_is_another_stream(void **state)
{
	struct scene *s = *state;
	struct board a = {.key = "a"}, b = {.key = "b"};

	start(&a, s);
	start(&b, s);
	assert_whole(&a);
	assert_whole(&b);
	assert_int_equal(atomic_load(&s->source.made), 2);
}

static void a_slow_board_holds_up_nobody(void **state)
{
	struct scene *s = *state;
	sem_t wait, reached;
	struct board slow = {.wait = &wait, .reached = &reached}, quick = {0};

	sem_init(&wait, 0, 0);
	sem_init(&reached, 0, 0);
	start(&slow, s);
	sem_wait(&reached);
	start(&quick, s);
	assert_whole(&quick);
	sem_post(&wait);
	assert_whole(&slow);
}

static void one_that_leaves_ends_it_for_nobody(void **state)
{
	struct scene *s = *state;
	struct board first = {.refuse_at = 5000}, second = {0};

	s->source.stop_at = 20000;
	start(&first, s);
	sem_wait(&s->source.stopped);
	pthread_join(first.thread, NULL);
	assert_int_equal(first.r, -EPIPE);
	start(&second, s);
	sem_post(&s->source.go);
	assert_whole(&second);
	assert_int_equal(atomic_load(&s->source.made), 1);
}

static void the_makers_error_is_everybodys(void **state)
{
	struct scene *s = *state;
	struct board boards[3] = {0};

	s->source.fail_at = 300000;
	for (int i = 0; i < 3; i++)
		start(&boards[i], s);
	for (int i = 0; i < 3; i++) {
		pthread_join(boards[i].thread, NULL);
		assert_int_equal(boards[i].r, -ESTALE);
		assert_int_equal(boards[i].err.reason, KF_REASON_DIGEST);
		assert_string_equal(boards[i].err.msg, "it changed");
		assert_false(boards[i].wrong);
	}
}

static void without_a_place_each_makes_its_own(void **state)
{
	struct scene *s = *state;
	struct board a = {0}, b = {0};

	parcels_free(s->ps);
	assert_int_equal(parcels_new("/proc/none/of/it", &s->ps), 0);
	start(&a, s);
	start(&b, s);
	assert_whole(&a);
	assert_whole(&b);
	assert_int_equal(atomic_load(&s->source.made), 2);
}

static void a_disk_that_gets_full_is_noticed_by_nobody(void **state)
{
	struct scene *s = *state;
	struct board boards[3] = {0};
	struct rlimit old, small;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){.rlim_cur = 400000, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 3; i++)
		start(&boards[i], s);
	for (int i = 0; i < 3; i++)
		assert_whole(&boards[i]);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(atomic_load(&s->source.made), 4);
}

static void patience_ends(void **state)
{
	struct scene *s = *state;
	struct board b = {.patience_ms = 50};

	s->source.stop_at = 20000;
	start(&b, s);
	sem_wait(&s->source.stopped);
	pthread_join(b.thread, NULL);
	assert_int_equal(b.r, -ETIMEDOUT);
	assert_int_equal(b.err.reason, KF_REASON_TIMEOUT);
	assert_in_range(b.got, 20000, STREAM - 1);
	sem_post(&s->source.go);
}

/* The last: nothing undoes it. */
static void a_cancelled_call_ends_all(void **state)
{
	struct scene *s = *state;
	struct board b = {0};

	s->source.stop_at = 20000;
	start(&b, s);
	sem_wait(&s->source.stopped);
	assert_int_equal(cancel_init(), 0);
	raise(SIGTERM);
	pthread_join(b.thread, NULL);
	assert_int_equal(b.r, -ECANCELED);
	assert_int_equal(b.err.reason, KF_REASON_CANCELLED);
	sem_post(&s->source.go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_follow_one_maker, setup, teardown),
		cmocka_unit_test_setup_teardown(another_key_is_another_stream, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_slow_board_holds_up_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_that_leaves_ends_it_for_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_makers_error_is_everybodys, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_a_place_each_makes_its_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_disk_that_gets_full_is_noticed_by_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(patience_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_call_ends_all, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
