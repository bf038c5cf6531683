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
#include <unistd.h>

#include <cmocka.h>

#include "controller/cancel.h"
#include "controller/deploy/parcel.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define STREAM	  (1024 * 1024 + 77)
#define PIECE	  10000
#define MANY	  8
#define MAKERS	  2 /* at a time */

#define GIVE_UP_S 60
#define NEVER_MS  (GIVE_UP_S * 1000)

/* A stream of known bytes. */
struct source {
	atomic_int made, released;
	size_t fail_at; /* 0: never */
	size_t stop_at; /* waits there for `go`; 0: does not */
	sem_t stopped, go;
	bool drips; /* from there on it waits for `go` before each piece */
	atomic_uint at_once, most;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13);
}

static int make_all(struct source *s, kernel_sink_fn sink, void *sink_arg, uint64_t *done,
		    struct kf_error *err)
{
	uint8_t piece[4000];
	bool first = atomic_fetch_add(&s->made, 1) == 0;

	for (size_t at = 0; at < STREAM;) {
		size_t n = STREAM - at < sizeof(piece) ? STREAM - at : sizeof(piece);
		int r;

		if (s->fail_at && at >= s->fail_at)
			return kf_err(err, -ESTALE, KF_REASON_DIGEST, "it changed");
		if (first && s->stop_at && at >= s->stop_at) {
			if (!s->drips)
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

static int make(const void *arg, kernel_sink_fn sink, void *sink_arg, uint64_t *done,
		struct kf_error *err)
{
	struct source *s = (struct source *)arg;
	unsigned now = atomic_fetch_add(&s->at_once, 1) + 1, most = atomic_load(&s->most);
	int r;

	while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
		;
	r = make_all(s, sink, sink_arg, done, err);
	atomic_fetch_sub(&s->at_once, 1);
	return r;
}

static void count_release(void *arg)
{
	atomic_fetch_add(&((struct source *)arg)->released, 1);
}

struct scene {
	char dir[64];
	struct parcels *ps;
	struct source source;
	struct source others[2]; /* of what is made before */
};

static void source_init(struct source *s)
{
	sem_init(&s->stopped, 0, 0);
	sem_init(&s->go, 0, 0);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->dir, sizeof(s->dir), "/tmp/kf-parcel-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(parcels_new(s->dir, &s->ps), 0);
	source_init(&s->source);
	source_init(&s->others[0]);
	source_init(&s->others[1]);
	*state = s;
	alarm(GIVE_UP_S);
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
	struct source *source; /* NULL: the scene's */
	const char *key;
	int64_t patience_ms, quiet_ms;
	sem_t *quiet; /* counts how often there was nothing to take; or NULL */
	sem_t *wait;  /* before it takes anything, and `reached` before that; or NULL */
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

	if (n == 0) {
		if (b->quiet)
			sem_post(b->quiet);
		return 0;
	}
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
	struct parcel_maker maker = {make, count_release, b->source};
	const struct parcel_taker taker = {
		.sink = take,
		.arg = b,
		.quiet_ms = b->quiet_ms,
		.patience_ms = b->patience_ms,
		.done = &b->done,
	};
	struct digest key;

	digest_bytes(b->key, strlen(b->key), &key);
	b->r = parcel_send(b->scene->ps, &key, &maker, &taker, &b->err);
	return NULL;
}

static void start(struct board *b, struct scene *s)
{
	b->scene = s;
	b->key = b->key ? b->key : "one";
	b->source = b->source ? b->source : &s->source;
	b->patience_ms = b->patience_ms ? b->patience_ms : NEVER_MS;
	b->quiet_ms = b->quiet_ms ? b->quiet_ms : NEVER_MS;
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
	assert_int_equal(b.err.reason, KF_REASON_IO);
	assert_in_range(b.got, 20000, STREAM - 1);
	sem_post(&s->source.go);
}

/* As many as may be made at a time stand still in their midst. */
static void occupy(struct scene *s, struct board boards[MAKERS])
{
	static const char *const keys[MAKERS] = {"before", "before that"};

	for (int i = 0; i < MAKERS; i++) {
		boards[i] = (struct board){.key = keys[i], .source = &s->others[i]};
		s->others[i].stop_at = 20000;
		start(&boards[i], s);
	}
	for (int i = 0; i < MAKERS; i++)
		sem_wait(&s->others[i].stopped);
}

static void let_go(struct scene *s, struct board boards[MAKERS])
{
	for (int i = 0; i < MAKERS; i++)
		sem_post(&s->others[i].go);
	for (int i = 0; i < MAKERS; i++)
		assert_whole(&boards[i]);
}

static void who_waits_for_others_tells_his_board(void **state)
{
	struct scene *s = *state;
	sem_t quiet;
	struct board before[MAKERS], b = {.quiet_ms = 5, .quiet = &quiet};

	sem_init(&quiet, 0, 0);
	occupy(s, before);
	start(&b, s);
	for (int i = 0; i < 3; i++)
		sem_wait(&quiet);
	assert_int_equal(atomic_load(&s->source.made), 0);
	let_go(s, before);
	assert_whole(&b);
}

/* Also in the midst of its own. */
static void who_waits_for_more_tells_his_board(void **state)
{
	struct scene *s = *state;
	sem_t quiet;
	struct board b = {.quiet_ms = 5, .quiet = &quiet};

	sem_init(&quiet, 0, 0);
	s->source.stop_at = 20000;
	start(&b, s);
	for (int i = 0; i < 3; i++)
		sem_wait(&quiet);
	sem_post(&s->source.go);
	assert_whole(&b);
}

/* It begins long after its patience would have been over. */
static void waiting_for_others_costs_no_patience(void **state)
{
	struct scene *s = *state;
	struct board before[MAKERS], b = {.patience_ms = 1000};

	s->others[0].drips = s->others[1].drips = true;
	occupy(s, before);
	start(&b, s);
	for (int i = 0; i < 32; i++) {
		usleep(50 * 1000);
		sem_post(&s->others[0].go);
	}
	assert_int_equal(atomic_load(&s->source.made), 0);
	for (int i = 0; i < MAKERS; i++)
		for (size_t at = 0; at < STREAM; at += 4000)
			sem_post(&s->others[i].go);
	for (int i = 0; i < MAKERS; i++)
		assert_whole(&before[i]);
	assert_whole(&b);
}

static void waiting_for_others_that_stand_still_does(void **state)
{
	struct scene *s = *state;
	struct board before[MAKERS], b = {.patience_ms = 50};

	occupy(s, before);
	start(&b, s);
	pthread_join(b.thread, NULL);
	assert_int_equal(b.r, -ETIMEDOUT);
	assert_int_equal(b.err.reason, KF_REASON_IO);
	assert_int_equal(b.got, 0);
	let_go(s, before);
}

/* No file can be made: each makes its own, and still not all at once. */
static void without_a_place_few_are_made_at_a_time(void **state)
{
	struct scene *s = *state;
	sem_t wait, reached, quiet;
	struct board boards[MANY] = {0};

	sem_init(&wait, 0, 0);
	sem_init(&reached, 0, 0);
	sem_init(&quiet, 0, 0);
	parcels_free(s->ps);
	assert_int_equal(parcels_new("/proc/none/of/it", &s->ps), 0);
	for (int i = 0; i < MANY; i++) {
		boards[i] = (struct board){.wait = &wait,
					   .reached = &reached,
					   .quiet_ms = 5,
					   .quiet = &quiet};
		start(&boards[i], s);
	}
	for (int i = 0; i < MAKERS; i++)
		sem_wait(&reached);
	for (int i = 0; i < 3 * MANY; i++)
		sem_wait(&quiet);
	for (int i = 0; i < MANY; i++)
		sem_post(&wait);
	for (int i = 0; i < MANY; i++)
		assert_whole(&boards[i]);
	assert_int_equal(atomic_load(&s->source.made), MANY);
	assert_int_equal(atomic_load(&s->source.most), MAKERS);
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
		cmocka_unit_test_setup_teardown(who_waits_for_others_tells_his_board,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_more_tells_his_board, setup,
						teardown),
		cmocka_unit_test_setup_teardown(waiting_for_others_costs_no_patience,
						setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_for_others_that_stand_still_does,
						setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_place_few_are_made_at_a_time,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_call_ends_all, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
