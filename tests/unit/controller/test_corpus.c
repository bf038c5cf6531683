/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The logs of tests/corpus in the shapes in which logs come: in pieces, through a
 * terminal, with noise of the line, from other collectors.  What is found must not depend
 * on it. What must be found in them, tests/integration/test_corpus.py says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "controller/log/classifier.h"
#include "proto/base/fs.h"
#include "tests/lib/controller/logs.h"

#define LOG_MAX	   (1024u * 1024)
#define LOGS_LEAST 30u /* else something is wrong with the paths */

static struct patterns *ps;
static glob_t logs;

static int set_up(void **state)
{
	(void)state;
	ps = logs_patterns();
	assert_int_equal(glob("tests/corpus/logs/*/*.log", 0, NULL, &logs), 0);
	assert_int_equal(glob("tests/corpus/logs/*/*.dmesg", GLOB_APPEND, NULL, &logs),
			 0);
	assert_int_equal(glob("tests/corpus/clean/*.log", GLOB_APPEND, NULL, &logs), 0);
	assert_true(logs.gl_pathc >= LOGS_LEAST);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	globfree(&logs);
	patterns_free(ps);
	return 0;
}

/* --- shapes ------------------------------------------------------------------------- */

struct line {
	const char *s;
	size_t n;
	unsigned number, since_cut; /* lines since a report's cut mark */
};

/* What becomes of one line, with its end; others may be put around it. */
typedef void shape(struct buf *out, const struct line *l);

static void put(struct buf *out, const char *s, size_t n)
{
	assert_int_equal(buf_append(out, s, n), 0);
}

static void say(struct buf *out, const char *s)
{
	put(out, s, strlen(s));
}

static void with_lf(struct buf *out, const struct line *l)
{
	put(out, l->s, l->n);
	say(out, "\n");
}

static void with_crlf(struct buf *out, const struct line *l)
{
	put(out, l->s, l->n);
	say(out, "\r\n");
}

static void in_colour(struct buf *out, const struct line *l)
{
	say(out, "\033[0;32m");
	put(out, l->s, l->n);
	say(out, "\033[0m\r\n");
}

/* Length of the time in brackets that the line begins with, and the blank behind. */
static size_t time_of(const struct line *l)
{
	const char *end = l->n && *l->s == '[' ? memchr(l->s, ']', l->n) : NULL;
	size_t n = end && memchr(l->s, '.', (size_t)(end - l->s))
			   ? (size_t)(end - l->s) + 1
			   : 0;

	return n && n < l->n && l->s[n] == ' ' ? n + 1 : n;
}

static void without_time(struct buf *out, const struct line *l)
{
	size_t skip = time_of(l);

	put(out, l->s + skip, l->n - skip);
	say(out, "\n");
}

static void with_nuls(struct buf *out, const struct line *l)
{
	size_t at = l->n / 2;

	put(out, "\0", 1);
	put(out, l->s, at);
	put(out, "\0\0", 2);
	put(out, l->s + at, l->n - at);
	put(out, "\0\n", 2);
}

/* A report's first lines belong together: what stands between them is a part of it. */
static void with_noise(struct buf *out, const struct line *l)
{
	if (l->number % 5 == 0 && l->since_cut > 3)
		say(out, "\x80\xff\xc3 \xfe\xed\xa0\x80\n");
	with_lf(out, l);
}

static void of_syslog(struct buf *out, const struct line *l)
{
	say(out, "Nov 21 10:00:00 board kernel: ");
	with_lf(out, l);
}

static void with_host_time(struct buf *out, const struct line *l)
{
	say(out, "[2026-11-21 10:00:00.123] ");
	with_lf(out, l);
}

/* With printk's callers, and another processor that has nothing bad to tell. */
static void interleaved(struct buf *out, const struct line *l)
{
	size_t skip = time_of(l);

	say(out, "[   T42] ");
	put(out, l->s + skip, l->n - skip);
	say(out, "\n[    C7] eth0: link is up\n");
}

/* --- what is found ------------------------------------------------------------------ */

static void reshape(const struct buf *log, shape *f, struct buf *out)
{
	const char *s = (const char *)buf_data(log);
	struct line l = {.since_cut = 100};
	size_t left = buf_len(log);

	while (left > 0) {
		const char *nl = memchr(s, '\n', left);
		size_t n = nl ? (size_t)(nl - s) : left;

		l.s = s;
		l.n = n;
		while (l.n > 0 && s[l.n - 1] == '\r')
			l.n--;
		l.number++;
		l.since_cut++;
		if (memmem(s, n, "cut here", 8))
			l.since_cut = 0;
		f(out, &l);
		n += nl != NULL;
		s += n;
		left -= n;
	}
}

static void read_log(const char *path, struct buf *out)
{
	assert_int_equal(fs_read_file(AT_FDCWD, path, LOG_MAX, out), 0);
	assert_true(buf_len(out) > 0);
}

static char *found(const struct buf *log, size_t piece)
{
	struct classifier *c =
		logs_classify(ps, (const char *)buf_data(log), buf_len(log), piece);
	char *told = logs_tell(classifier_findings(c));

	classifier_free(c);
	return told;
}

static void same_in_shape(const char *path, shape *f)
{
	_buf_ struct buf log = BUF_INIT, shaped = BUF_INIT;
	_free_ char *want = NULL, *got = NULL;

	read_log(path, &log);
	reshape(&log, f, &shaped);
	want = found(&log, SIZE_MAX);
	got = found(&shaped, SIZE_MAX);
	if (strcmp(got, want) != 0)
		print_error("%s\n", path);
	assert_string_equal(got, want);
}

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), len = strlen(with);

	return n >= len && strcmp(path + n - len, with) == 0;
}

static void all_in_shape(shape *f, const char *but_not)
{
	for (size_t i = 0; i < logs.gl_pathc; i++) {
		if (!but_not || !ends(logs.gl_pathv[i], but_not))
			same_in_shape(logs.gl_pathv[i], f);
	}
}

static void test_ends_of_lines(void **state)
{
	(void)state;
	all_in_shape(with_lf, NULL);
	all_in_shape(with_crlf, NULL);
}

static void test_colours(void **state)
{
	(void)state;
	all_in_shape(in_colour, NULL);
}

static void test_no_time(void **state)
{
	(void)state;
	all_in_shape(without_time, NULL);
}

static void test_nuls(void **state)
{
	(void)state;
	all_in_shape(with_nuls, NULL);
}

static void test_noise(void **state)
{
	(void)state;
	all_in_shape(with_noise, NULL);
}

/* The records of a dmesg have been through a collector. */
static void test_other_collectors(void **state)
{
	(void)state;
	all_in_shape(of_syslog, ".dmesg");
	all_in_shape(with_host_time, ".dmesg");
}

static void test_another_processor_in_between(void **state)
{
	(void)state;
	all_in_shape(interleaved, ".dmesg");
}

static void test_pieces(void **state)
{
	static const size_t sizes[] = {1, 7, 4096};

	(void)state;
	for (size_t i = 0; i < logs.gl_pathc; i++) {
		_buf_ struct buf log = BUF_INIT;
		_free_ char *want = NULL;

		read_log(logs.gl_pathv[i], &log);
		want = found(&log, SIZE_MAX);
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			_free_ char *got = found(&log, sizes[k]);

			assert_string_equal(got, want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_of_lines),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_nuls),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_other_collectors),
		cmocka_unit_test(test_another_processor_in_between),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
