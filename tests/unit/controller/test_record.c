// SPDX-License-Identifier: GPL-2.0-or-later
/* The recorder: what it keeps, counts and tells; consoles that are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "controller/console/record.h"
#include "tests/lib/controller/logs.h"

#define WAIT_MS 60000

static struct patterns *patterns;

struct told {
	pthread_mutex_t lock;
	unsigned n[RECORD_FULL + 1];
	char text[RECORD_FULL + 1][400]; /* the first of each */
};

struct fixture {
	struct told told;
	struct console_spec spec;
	struct record_opts opts;
	struct record *r;
};

static void note(void *arg, enum record_event event, const char *text)
{
	struct told *t = arg;

	pthread_mutex_lock(&t->lock);
	if (t->n[event]++ == 0)
		snprintf(t->text[event], sizeof(t->text[event]), "%s", text);
	pthread_mutex_unlock(&t->lock);
}

static unsigned told(struct fixture *f, enum record_event event)
{
	unsigned n;

	pthread_mutex_lock(&f->told.lock);
	n = f->told.n[event];
	pthread_mutex_unlock(&f->told.lock);
	return n;
}

static void wait_told(struct fixture *f, enum record_event event, unsigned n)
{
	deadline_ms end = deadline_in(WAIT_MS);

	while (told(f, event) < n) {
		assert_true(deadline_left(end) > 0);
		poll(NULL, 0, 5);
	}
}

static void start(struct fixture *f, const char *spec)
{
	struct kf_error err = {0};

	assert_int_equal(console_spec_parse(spec, &f->spec, &err), 0);
	f->opts.spec = &f->spec;
	assert_int_equal(record_start(&f->opts, &f->r), 0);
}

static struct record_stats stop(struct fixture *f)
{
	struct record_stats s;

	record_stop(f->r);
	record_stats(f->r, &s);
	return s;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	pthread_mutex_init(&f->told.lock, NULL);
	f->opts = (struct record_opts){.who = "a test",
				       .patterns = patterns,
				       .raw_fd = memfd_create("raw", MFD_CLOEXEC),
				       .text_fd = -1,
				       .log_fd = memfd_create("log", MFD_CLOEXEC),
				       .limit = 1 << 20,
				       .say = note,
				       .arg = &f->told};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	record_free(f->r);
	console_spec_fini(&f->spec);
	close(f->opts.raw_fd);
	close(f->opts.log_fd);
	pthread_mutex_destroy(&f->told.lock);
	free(f);
	return 0;
}

static void content(int fd, char *to, size_t size)
{
	ssize_t n = pread(fd, to, size - 1, 0);

	assert_true(n >= 0);
	to[n] = '\0';
}

static void a_panic_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	struct record_stats s;
	char raw[300], log[300];

	start(f, "exec:sh -c \"printf '[    1.0] Kernel panic - not syncing: x\\\\n> '; "
		 "exec sleep 600\"");
	assert_true(record_wait_open(f->r, deadline_in(WAIT_MS)));
	wait_told(f, RECORD_FATAL, 1);
	s = stop(f);
	content(f->opts.raw_fd, raw, sizeof(raw));
	assert_string_equal(raw, "[    1.0] Kernel panic - not syncing: x\n> ");
	content(f->opts.log_fd, log, sizeof(log));
	assert_non_null(strstr(log, "Z [    1.0] Kernel panic - not syncing: x\n"));
	/* The line that had no end is there. */
	assert_string_equal(log + strlen(log) - 5, "Z > \n");
	assert_string_equal(f->told.text[RECORD_FATAL],
			    "panic on the console: Kernel panic - not syncing: x");
	assert_int_equal(s.bytes, strlen(raw));
	assert_int_equal(s.text, strlen(raw));
	assert_int_equal(s.lost, 0);
	assert_false(s.full);
}

static void a_flood_is_counted(void **state)
{
	struct fixture *f = *state;
	struct record_stats s;

	f->opts.limit = 1000;
	start(f, "exec:cat /dev/zero");
	wait_told(f, RECORD_FULL, 1);
	do {
		poll(NULL, 0, 5);
		record_stats(f->r, &s);
	} while (s.bytes < 1000000);
	s = stop(f);
	assert_true(s.full);
	assert_int_equal(s.bytes - s.dropped, 1000);
	assert_int_equal(s.text, 1000);
	assert_int_equal(lseek(f->opts.raw_fd, 0, SEEK_END), 1000);
	assert_true(lseek(f->opts.log_fd, 0, SEEK_END) <= 1000);
	assert_int_equal(told(f, RECORD_FULL), 1);
}

static void one_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct record_stats s;

	start(f, "serial:/nonexistent/tty");
	assert_false(record_wait_open(f->r, deadline_in(WAIT_MS)));
	s = stop(f);
	assert_false(s.opened);
	assert_non_null(strstr(s.why, "/nonexistent/tty: No such file"));
	assert_int_equal(told(f, RECORD_LOST), 1);
	assert_int_equal(told(f, RECORD_OPEN), 0);
}

static void one_that_ends_again_and_again(void **state)
{
	struct fixture *f = *state;
	struct record_stats s;

	f->opts.silence_ms = 1;
	start(f, "exec:sh -c 'echo x; echo why >&2; exit 3'");
	wait_told(f, RECORD_BACK, 2);
	s = stop(f);
	assert_true(s.lost >= 2);
	assert_non_null(strstr(s.why, "sh ended with exit status 3: why"));
	assert_int_equal(told(f, RECORD_OPEN), 1);
	assert_true(told(f, RECORD_LOST) <= RECORD_TELL_MAX);
	/* Somebody answers. */
	assert_int_equal(told(f, RECORD_SILENT), 0);
}

static void silence_counts_while_nobody_answers(void **state)
{
	struct fixture *f = *state;
	struct record_stats s;

	f->opts.silence_ms = 50;
	start(f, "exec:sh -c 'echo the last words; exec sleep 600'");
	assert_true(record_wait_open(f->r, deadline_in(WAIT_MS)));
	record_away(f->r, true);
	wait_told(f, RECORD_SILENT, 1);
	record_away(f->r, false);
	s = stop(f);
	assert_true(s.silent);
	assert_true(s.silent_ms >= 50);
	assert_int_equal(told(f, RECORD_SILENT), 1);
}

static void stopping_does_not_wait(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_now_ms();

	/* An address of documentation: nobody answers. */
	start(f, "tcp:192.0.2.1:9");
	stop(f);
	assert_true(clock_now_ms() - began < RECORD_OPEN_MS);
}

static int load(void **state)
{
	(void)state;
	patterns = logs_patterns();
	return patterns ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	patterns_free(patterns);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_panic_is_told_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_ends_again_and_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(silence_counts_while_nobody_answers,
						setup, teardown),
		cmocka_unit_test_setup_teardown(stopping_does_not_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
