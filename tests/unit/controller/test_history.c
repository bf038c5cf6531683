// SPDX-License-Identifier: GPL-2.0-or-later
/* The history: made once by many, never overwritten, and what is counted of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "controller/history/chart.h"
#include "controller/history/note.h"
#include "controller/history/page.h"
#include "controller/history/tally.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

struct scene {
	char top[64], path[96];
	struct kf_error err;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->top, sizeof(s->top), "/tmp/kf-history-XXXXXX");
	assert_non_null(mkdtemp(s->top));
	snprintf(s->path, sizeof(s->path), "%s/sub/history.db", s->top);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	assert_int_equal(fs_remove_tree(AT_FDCWD, s->top), 0);
	free(s);
	return 0;
}

static struct history_event event(const char *kind, int64_t started, const char *verdict)
{
	return (struct history_event){.kind = kind,
				      .started = started,
				      .took_ms = 1000,
				      .boot_ms = -1,
				      .verdict = verdict,
				      .board = "pc"};
}

static void add(const char *path, const struct history_event *e)
{
	struct history *h;
	struct kf_error err = {0};

	if (history_open(path, true, &h, &err) < 0)
		fail_msg("%s", err.msg);
	if (history_add(h, e, &err) < 0)
		fail_msg("%s", err.msg);
	history_close(h);
}

static int count_one(void *arg, const struct history_event *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

static int count(const char *path)
{
	struct history *h;
	int n = 0;

	assert_int_equal(history_open(path, false, &h, NULL), 0);
	assert_int_equal(history_each(h, 0, INT64_MAX, count_one, &n, NULL), 0);
	history_close(h);
	return n;
}

static int keep(void *arg, const struct history_event *e)
{
	char *text = arg;

	snprintf(text, 256, "%s %lld %lld %lld %d %s %s %s %s %s %s", e->kind,
		 (long long)e->started, (long long)e->took_ms, (long long)e->boot_ms,
		 e->booted, e->verdict, e->reason ? e->reason : "-", e->board, e->tree,
		 e->release, e->run ? e->run : "-");
	return 0;
}

static void test_what_was_added_is_read(void **state)
{
	struct scene *s = *state;
	struct history_event e = event(HISTORY_DEPLOY, 1000, "PASS");
	struct history *h;
	struct stat st;
	char text[256] = "";

	e.boot_ms = 77;
	e.booted = true;
	e.tree = "/linux";
	e.release = "6.1";
	e.run = "";
	add(s->path, &e);
	assert_int_equal(history_open(s->path, false, &h, &s->err), 0);
	assert_int_equal(history_each(h, 1000, 1001, keep, text, &s->err), 0);
	assert_string_equal(text, "deploy 1000 1000 77 1 PASS - pc /linux 6.1 -");
	*text = '\0';
	assert_int_equal(history_each(h, 1001, 2000, keep, text, &s->err), 0);
	assert_int_equal(history_each(h, 0, 1000, keep, text, &s->err), 0);
	assert_string_equal(text, "");
	history_close(h);
	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int stop(void *arg, const struct history_event *e)
{
	(void)arg;
	(void)e;
	return -ECANCELED;
}

static void test_reader_may_stop(void **state)
{
	struct scene *s = *state;
	struct history_event e = event(HISTORY_BUILD, 5, "PASS");
	struct history *h;

	add(s->path, &e);
	assert_int_equal(history_open(s->path, false, &h, &s->err), 0);
	assert_int_equal(history_each(h, 0, 10, stop, NULL, &s->err), -ECANCELED);
	history_close(h);
}

static void test_none_is_told_apart(void **state)
{
	struct scene *s = *state;
	struct history *h;

	assert_int_equal(history_open(s->path, false, &h, &s->err), -ENOENT);
	assert_int_equal(s->err.reason, KF_REASON_NOT_FOUND);
}

#define WRITERS 8
#define EACH	25

/* The database itself, too, is made by all of them at once. */
static void test_many_processes_write_at_once(void **state)
{
	struct scene *s = *state;
	pid_t pids[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			int failures = 0;

			for (int k = 0; k < EACH; k++) {
				struct history_event e =
					event(HISTORY_BUILD, i * EACH + k, "PASS");
				struct history *h;

				if (history_open(s->path, true, &h, NULL) < 0) {
					failures++;
					continue;
				}
				failures += history_add(h, &e, NULL) < 0;
				history_close(h);
			}
			_exit(failures != 0);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = 1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count(s->path), WRITERS * EACH);
}

static void expect_refused(struct scene *s, int code, const char *words)
{
	struct history *h;
	int rc = history_open(s->path, true, &h, &s->err);

	if (rc == 0) {
		struct history_event e = event(HISTORY_BUILD, 1, "PASS");

		rc = history_add(h, &e, &s->err);
		history_close(h);
	}
	assert_int_equal(rc, code);
	if (!strstr(s->err.msg, words) || !strstr(s->err.msg, s->path))
		fail_msg("\"%s\" does not say \"%s\" of %s", s->err.msg, words, s->path);
}

static void read_all(const char *path, struct buf *b)
{
	assert_int_equal(fs_read_file(AT_FDCWD, path, 1 << 20, b), 0);
}

static void test_broken_one_is_told_and_left(void **state)
{
	static const char noise[] =
		"this is no database at all, whatever its name may be";
	struct scene *s = *state;
	_buf_ struct buf after = BUF_INIT;

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, s->path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, s->path, noise, sizeof(noise), 0600), 0);
	expect_refused(s, -EBADMSG, "broken");
	read_all(s->path, &after);
	assert_int_equal(buf_len(&after), sizeof(noise));
	assert_memory_equal(buf_data(&after), noise, sizeof(noise));
}

static void test_empty_file_is_no_history(void **state)
{
	struct scene *s = *state;

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, s->path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, s->path, "", 0, 0600), 0);
	expect_refused(s, -EBADMSG, "no history of kferry");
}

static void change(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_newer_one_is_told_and_left(void **state)
{
	struct scene *s = *state;
	struct history_event e = event(HISTORY_BUILD, 1, "PASS");

	add(s->path, &e);
	change(s->path, "PRAGMA user_version = 2");
	expect_refused(s, -EPROTONOSUPPORT, "newer kferry");
	change(s->path, "PRAGMA user_version = 1");
	assert_int_equal(count(s->path), 1);
}

static void test_another_programs_database_is_left(void **state)
{
	struct scene *s = *state;

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, s->path), 0);
	change(s->path, "CREATE TABLE events (a); PRAGMA user_version = 1");
	expect_refused(s, -EBADMSG, "no history of kferry");
}

static void test_without_its_table_it_is_an_error(void **state)
{
	struct scene *s = *state;
	struct history_event e = event(HISTORY_BUILD, 1, "PASS");

	add(s->path, &e);
	change(s->path, "DROP TABLE events");
	expect_refused(s, -EIO, "no such table");
}

/* --- notes ---------------------------------------------------------------------------
 */

static bool note(const char *text, struct history_event *ret, json_t **keep_alive)
{
	*keep_alive = json_loads(text, 0, NULL);
	assert_non_null(*keep_alive);
	return note_of_run(*keep_alive, ret);
}

static void test_run_becomes_an_event(void **state)
{
	struct history_event e;
	json_t *j;

	(void)state;
	assert_true(note("{\"mode\": \"boot\", \"verdict\": \"FAIL\", \"reason\": "
			 "\"tests\", \"board\": \"pc\", \"took_ms\": 9000, \"started\": "
			 "\"1970-01-01T00:02:00Z\", \"release\": \"6.1\", \"steps\": "
			 "[{\"stage\": \"push\", \"took_ms\": 1}, {\"stage\": "
			 "\"reboot\", \"took_ms\": 21, \"matches\": true}, {\"stage\": "
			 "\"reboot\", \"took_ms\": 99}]}",
			 &e, &j));
	assert_string_equal(e.kind, HISTORY_DEPLOY);
	assert_string_equal(e.verdict, "FAIL");
	assert_string_equal(e.reason, "tests");
	assert_int_equal(e.started, 120);
	assert_int_equal(e.took_ms, 9000);
	assert_int_equal(e.boot_ms, 21);
	assert_true(e.booted);
	json_decref(j);
}

static void test_interrupted_run_has_no_verdict(void **state)
{
	struct history_event e;
	json_t *j;

	(void)state;
	assert_true(note("{\"mode\": \"test\", \"verdict\": \"ERROR\", \"reason\": "
			 "\"cancelled\", \"took_ms\": 1, \"started\": "
			 "\"2026-11-21T20:30:04Z\", \"steps\": []}",
			 &e, &j));
	assert_string_equal(e.kind, HISTORY_TEST);
	assert_string_equal(e.verdict, "NONE");
	assert_int_equal(e.boot_ms, -1);
	json_decref(j);
}

static void test_run_that_goes_on_is_none(void **state)
{
	struct history_event e;
	json_t *j;

	(void)state;
	assert_false(note("{\"started\": \"2026-11-21T20:30:04Z\"}", &e, &j));
	json_decref(j);
	assert_false(note("{\"started\": \"yesterday\", \"took_ms\": 1}", &e, &j));
	json_decref(j);
}

/* --- spans ---------------------------------------------------------------------------
 */

#define NOON 1795435200 /* 2026-11-23 12:00 UTC, a Monday */

static void utc(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void test_spans_of_days(void **state)
{
	struct span s;

	(void)state;
	utc("UTC");
	span_days(1, NOON, &s);
	assert_int_equal(s.from, NOON - 12 * 3600);
	assert_int_equal(s.n, 13);
	assert_string_equal(s.parts[12].label, "12:00");
	span_days(7, NOON, &s);
	assert_int_equal(s.n, 7);
	assert_string_equal(s.parts[0].label, "11-17 Tue");
	assert_ptr_equal(span_find(&s, NOON), &s.parts[6]);
	assert_null(span_find(&s, NOON + 1));
	assert_null(span_find(&s, s.from - 1));
}

static void test_day_of_25_hours_is_one_part(void **state)
{
	const int64_t now = 1793016000; /* 2026-10-26 12:00 UTC; the clock went back the
					   day before */
	struct span s;

	(void)state;
	utc("CET-1CEST,M3.5.0,M10.5.0/3");
	span_days(3, now, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.parts[1].until - s.parts[1].from, 25 * 3600);
	assert_string_equal(s.parts[1].label, "10-25 Sun");
	utc("UTC");
}

static void test_since(void **state)
{
	struct kf_error err = {0};
	struct span s;

	(void)state;
	utc("UTC");
	assert_int_equal(span_since("2026-11-21 14:30", NOON, &s, &err), 0);
	assert_int_equal(s.from, NOON - 2 * 86400 + 2 * 3600 + 1800);
	assert_string_equal(s.parts[0].label, "11-21 14:30");
	assert_int_equal(span_since("2w", NOON, &s, &err), 0);
	assert_int_equal(s.from, NOON - 14 * 86400);
	assert_int_equal(s.n, 15);
	assert_int_equal(span_since("2020-01-01", NOON, &s, &err), 0);
	assert_in_range(s.n, 2, SPAN_PARTS_MAX);
	assert_int_equal(s.parts[s.n - 1].until, NOON + 1);
	assert_non_null(span_find(&s, NOON));
	assert_string_equal(s.parts[0].label, "2020-01-01");
}

static void test_since_that_is_none(void **state)
{
	static const char *const wrong[] = {"",
					    "yesterday",
					    "10",
					    "10y",
					    "d",
					    "2026-02-31",
					    "2026-13-01",
					    "-5d",
					    "2026-11-21 25:00",
					    "2026-12-01",
					    "1900-01-01",
					    "2026-11-21x",
					    "99999999999999999999d"};

	(void)state;
	utc("UTC");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct kf_error err = {0};
		struct span s;

		if (span_since(wrong[i], NOON, &s, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_int_equal(err.reason, KF_REASON_USAGE);
	}
}

/* --- tallies -------------------------------------------------------------------------
 */

struct counted {
	struct span span;
	struct tally t;
};

static struct counted *counted_new(const char *const *only)
{
	struct counted *c = calloc(1, sizeof(*c));

	utc("UTC");
	span_days(7, NOON, &c->span);
	c->t = (struct tally){.span = &c->span, .only = only};
	return c;
}

static void counted_free(struct counted *c)
{
	tally_fini(&c->t);
	free(c);
}

static void take(struct counted *c, const char *kind, const char *verdict,
		 const char *board, int64_t took)
{
	struct history_event e = event(kind, NOON, verdict);

	e.board = board;
	e.took_ms = took;
	if (strcmp(kind, HISTORY_DEPLOY) == 0) {
		e.boot_ms = took / 2;
		e.booted = strcmp(verdict, "PASS") == 0;
	}
	assert_int_equal(tally_add(&c->t, &e), 0);
}

/* What is no UTF-8, JSON cannot have. */
static void test_long_names_are_cut_between_characters(void **state)
{
	static const char *const of[] = {"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\xa7",
					 "\xff"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		for (size_t ahead = 40; ahead < 50; ahead++) {
			struct counted *c = counted_new(NULL);
			char name[64];
			const char *kept;

			snprintf(name, sizeof(name), "%.*s%s%s", (int)ahead,
				 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				 of[i], of[i]);
			take(c, HISTORY_TEST, "PASS", name, 5);
			kept = c->t.boards[0].name;
			assert_true(text_is_plain(kept, strlen(kept), false));
			assert_true(strlen(kept) >= 44 || strlen(kept) >= strlen(name));
			assert_null(i < 3 ? strchr(kept, '\\') : NULL);
			counted_free(c);
		}
	}
}

static void test_tally(void **state)
{
	struct counted *c = counted_new(NULL);
	const struct tally *t = &c->t;

	(void)state;
	take(c, HISTORY_BUILD, "PASS", NULL, 100);
	take(c, HISTORY_BUILD, "FAIL", NULL, 300);
	take(c, HISTORY_BUILD, "NONE", NULL, 200);
	take(c, HISTORY_DEPLOY, "PASS", "pc", 1000);
	take(c, HISTORY_DEPLOY, "ERROR", "a", 10);
	take(c, HISTORY_TEST, "PASS", "pc", 5);
	take(c, HISTORY_BISECT, "FAIL", "pc", 50);
	take(c, "dance", "FAIL", "pc", 50);
	tally_end(&c->t);
	assert_int_equal(t->kinds[TALLY_BUILD].n, 3);
	assert_int_equal(t->kinds[TALLY_BUILD].median_ms, 200);
	assert_int_equal(t->kinds[TALLY_BUILD].total_ms, 600);
	assert_int_equal(tally_rate(&t->kinds[TALLY_BUILD]), 50);
	assert_int_equal(t->kinds[TALLY_BOOT].n, 2);
	assert_int_equal(t->kinds[TALLY_BOOT].passed, 1);
	assert_int_equal(t->kinds[TALLY_BOOT].total_ms, 505);
	assert_int_equal(t->kinds[TALLY_BISECT].n, 1);
	assert_int_equal(tally_rate(&t->parts[0]), -1);
	assert_int_equal(t->n_boards, 2);
	assert_string_equal(t->boards[0].name, "a");
	assert_int_equal(t->boards[1].n, 2);
	assert_int_equal(t->parts[6].n, 6); /* a bisect's are in it by themselves */
	assert_int_equal(t->n_troubles, 2);
	counted_free(c);
}

static void test_tally_of_some_boards(void **state)
{
	static const char *const only[] = {"b", "pc", NULL};
	struct counted *c = counted_new(only);

	(void)state;
	take(c, HISTORY_BUILD, "PASS", NULL, 1);
	take(c, HISTORY_DEPLOY, "PASS", "a", 1);
	take(c, HISTORY_DEPLOY, "PASS", "pc", 1);
	tally_end(&c->t);
	assert_int_equal(c->t.kinds[TALLY_BUILD].n, 0);
	assert_int_equal(c->t.n_boards, 1);
	assert_string_equal(c->t.boards[0].name, "pc");
	counted_free(c);
}

static void test_last_troubles_are_kept(void **state)
{
	struct counted *c = counted_new(NULL);

	(void)state;
	for (int i = 0; i < TALLY_TROUBLES + 5; i++) {
		struct history_event e = event(HISTORY_BUILD, NOON - 100 + i, "FAIL");

		assert_int_equal(tally_add(&c->t, &e), 0);
	}
	tally_end(&c->t);
	assert_int_equal(c->t.n_troubles, TALLY_TROUBLES + 5);
	assert_int_equal(c->t.troubles[0].when, NOON - 100 + 5);
	assert_int_equal(c->t.troubles[TALLY_TROUBLES - 1].when,
			 NOON - 100 + TALLY_TROUBLES + 4);
	counted_free(c);
}

static void test_many_boards_share_a_row(void **state)
{
	struct counted *c = counted_new(NULL);
	char name[16];

	(void)state;
	for (int i = 0; i < TALLY_BOARDS + 20; i++) {
		snprintf(name, sizeof(name), "b%04d", i);
		take(c, HISTORY_TEST, "PASS", name, 1);
	}
	tally_end(&c->t);
	assert_int_equal(c->t.n_boards, TALLY_BOARDS + 1);
	assert_string_equal(c->t.boards[TALLY_BOARDS].name, "others");
	assert_int_equal(c->t.boards[TALLY_BOARDS].n, 20);
	counted_free(c);
}

static void test_bars_show_the_least(void **state)
{
	struct tally_row r = {.n = 1002, .passed = 1000, .failed = 1, .errors = 1};
	struct chart_bar bar = chart_bar(&r, 1002, 50);

	(void)state;
	assert_int_equal(bar.passed, 49);
	assert_int_equal(bar.failed, 1);
	assert_int_equal(bar.errors, 1);
	assert_int_equal(bar.rest, 0);
	r = (struct tally_row){.n = 3, .passed = 2};
	bar = chart_bar(&r, 5, 50);
	assert_int_equal(bar.passed, 2);
	assert_int_equal(bar.rest, 1);
}

static void test_page_escapes_and_fetches_nothing(void **state)
{
	struct counted *c = counted_new(NULL);
	struct history_event e = event(HISTORY_DEPLOY, NOON, "FAIL");
	_buf_ struct buf page = BUF_INIT;
	const char *text;

	(void)state;
	e.board = "<script>alert(1)</script>\x1b";
	e.release = "\"&'";
	assert_int_equal(tally_add(&c->t, &e), 0);
	tally_end(&c->t);
	assert_int_equal(page_write(&c->t, &page), 0);
	text = buf_str(&page);
	assert_null(strstr(text, "<script"));
	assert_null(strchr(text, 0x1b));
	assert_non_null(strstr(text, "&lt;script&gt;"));
	assert_non_null(strstr(text, "&quot;&amp;"));
	assert_non_null(strstr(text, "class=\"failed\""));
	assert_null(strstr(text, "http:"));
	assert_null(strstr(text, "https:"));
	assert_null(strstr(text, "src="));
	assert_null(strstr(text, "href="));
	counted_free(c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_what_was_added_is_read),
		T(test_reader_may_stop),
		T(test_none_is_told_apart),
		T(test_many_processes_write_at_once),
		T(test_broken_one_is_told_and_left),
		T(test_empty_file_is_no_history),
		T(test_newer_one_is_told_and_left),
		T(test_another_programs_database_is_left),
		T(test_without_its_table_it_is_an_error),
		cmocka_unit_test(test_run_becomes_an_event),
		cmocka_unit_test(test_interrupted_run_has_no_verdict),
		cmocka_unit_test(test_run_that_goes_on_is_none),
		cmocka_unit_test(test_spans_of_days),
		cmocka_unit_test(test_day_of_25_hours_is_one_part),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_since_that_is_none),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_long_names_are_cut_between_characters),
		cmocka_unit_test(test_tally_of_some_boards),
		cmocka_unit_test(test_last_troubles_are_kept),
		cmocka_unit_test(test_many_boards_share_a_row),
		cmocka_unit_test(test_bars_show_the_least),
		cmocka_unit_test(test_page_escapes_and_fetches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
