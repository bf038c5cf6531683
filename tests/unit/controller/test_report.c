// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reports: which phases a run had, and what each writer makes of it; hostile text in
 * every field comes out as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libxml/parser.h>
#include <string.h>

#include "controller/report/report.h"
#include "tests/lib/controller/results.h"

/* In every field that comes from outside. */
#define EVIL "a|b<c>&\"'\x1b[31m%,:]]>\xef\xbf\xbe\n## @all ::error::x"

static json_t *result(const char *json)
{
	json_error_t e;
	json_t *j = json_loads(json, 0, &e);

	if (!j)
		fail_msg("%s", e.text);
	return j;
}

#define KERNEL                                                                           \
	"'id': '0011223344556677', 'board': 'pc', 'profile': 'x86-64', "                 \
	"'started': '2026-11-30T09:00:00Z', 'took_ms': 31000, 'slot': 'k-0123abcd', "    \
	"'release': '6.18.0-rc3', 'arch': 'x86_64', 'build_id': 'abcd', "                \
	"'commit': '0123456789012345678901234567890123456789', 'branch': 'main', "       \
	"'dirty': false, 'mode': 'boot'"
#define INSTALLED "{'stage': 'install', 'took_ms': 900, 'chain': 'grub'}"
#define BOOTED	  INSTALLED ", {'stage': 'reboot', 'took_ms': 21000, 'matches': true}"
#define FELL_BACK INSTALLED ", {'stage': 'reboot', 'took_ms': 38000, 'matches': false}"

/* Single quotes for double ones. */
static void add(struct report *r, const char *text, struct report_run **ret)
{
	char *json = strdup(text);
	json_t *j;

	for (char *p = json; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	j = result(json);
	assert_int_equal(report_add(r, j, ret), 0);
	json_decref(j);
	free(json);
}

static void check_phases(const char *rest, const char *expected)
{
	_report_ struct report r = {0};
	_buf_ struct buf json = BUF_INIT, text = BUF_INIT;
	struct report_run *run;

	assert_int_equal(buf_printf(&json, "{%s, %s}", KERNEL, rest), 0);
	add(&r, buf_str(&json), &run);
	for (size_t i = 0; i < run->n_phases; i++) {
		const struct report_phase *p = &run->phase[i];

		assert_int_equal(buf_printf(&text, "%s%s %s%s", i ? ", " : "", p->name,
					    test_status_name(p->status),
					    p->tells ? "*" : ""),
				 0);
	}
	assert_string_equal(buf_str(&text), expected);
}

static void test_phases(void **state)
{
	(void)state;
	check_phases("'verdict': 'PASS', 'steps': [" BOOTED "]",
		     "boot PASS, health PASS*");
	/* It ran already. */
	check_phases("'verdict': 'PASS', 'steps': []", "boot PASS, health PASS*");
	check_phases("'verdict': 'FAIL', 'reason': 'unhealthy', 'steps': [" BOOTED "]",
		     "boot PASS, health FAIL*");
	check_phases("'verdict': 'FAIL', 'reason': 'fell-back', 'steps': [" FELL_BACK "]",
		     "boot FAIL*, health MISS");
	check_phases("'verdict': 'FAIL', 'reason': 'build'", "build FAIL*, boot MISS");
	check_phases("'verdict': 'ERROR', 'reason': 'unreachable'",
		     "boot MISS*, health MISS");
	check_phases("'verdict': 'ERROR', 'reason': 'timeout', 'steps': [" INSTALLED "]",
		     "boot ERROR*, health MISS");
	check_phases("'verdict': 'ERROR', 'reason': 'cancelled', 'steps': [" INSTALLED
		     "]",
		     "boot MISS*, health MISS");
	check_phases("'verdict': 'ERROR', 'reason': 'connection', 'steps': [" BOOTED "]",
		     "boot PASS, health ERROR*");
	/* The later step counts. */
	check_phases("'mode': 'install', 'verdict': null", "install PASS*");
	check_phases("'mode': 'install', 'verdict': 'ERROR'", "install ERROR*");
	check_phases("'mode': 'modules', 'verdict': 'FAIL'", "modules FAIL*");
	/* Killed before its end. */
	check_phases("'steps': [" INSTALLED "]", "boot ERROR*, health MISS");
}

/* A suite with one of each, named so. */
static void read_suite(struct suite_run *s, const char *name, const char *output)
{
	struct kf_error err = {0};
	struct reader *reader;

	assert_int_equal(reader_new(name, READER_KTAP, &reader), 0);
	assert_int_equal(reader_feed(reader, output, strlen(output)), 0);
	assert_int_equal(reader_end(reader, s, &err), 0);
	reader_free(reader);
}

static const char each[] =
	"KTAP version 1\n1..7\n    KTAP version 1\n    1..1\n"
	"    not ok 1 a\nnot ok 1 s\nok 2 b\nok 3 c # SKIP no\n"
	"not ok 4 d # ERROR e\nnot ok 5 f # XFAIL g\nok 6 h # XPASS i\n";

static struct report_run *add_failed(struct report *r)
{
	struct report_run *run;

	add(r,
	    "{" KERNEL ", 'verdict': 'FAIL', 'reason': 'unhealthy', 'text': 'oops', "
	    "'log': 'dmesg', 'steps': [" BOOTED "], 'findings': [{'severity': 'error', "
	    "'class': 'bug', 'title': 'kernel BUG at mm/slub.c:4049!', "
	    "'source': 'log', 'usec': 1, 'count': 2}]}",
	    &run);
	return run;
}

static void add_evil(struct report *r, struct suite_run *s)
{
	json_t *j = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s}]}", "board",
		"pc", "id", "00", "verdict", "FAIL", "reason", "fell-back", "text", EVIL,
		"release", EVIL, "branch", EVIL, "findings", "severity", "error", "class",
		EVIL, "title", EVIL, "source", EVIL);
	struct test_result *t;
	struct report_run *run;

	assert_non_null(j);
	assert_int_equal(report_add(r, j, &run), 0);
	json_decref(j);
	assert_int_equal(suite_init(s, EVIL, "ktap"), 0);
	assert_int_equal(suite_add(s, EVIL, strlen(EVIL), TEST_FAIL, &t), 0);
	assert_int_equal(suite_set_text(t, "%s", EVIL), 0);
	assert_int_equal(suite_set_output(s, t, EVIL "\0\xff", strlen(EVIL) + 2), 0);
	assert_int_equal(suite_problem(s, 1, true, "%s", EVIL), 0);
	assert_int_equal(suite_settle(s), 0);
	assert_int_equal(report_add_suite(run, s), 0);
	assert_int_equal(report_set_excerpt(run, EVIL, strlen(EVIL)), 0);
}

static xmlDocPtr parse(struct buf *b)
{
	xmlDocPtr doc = xmlReadMemory((const char *)buf_data(b), (int)buf_len(b), "j.xml",
				      NULL, XML_PARSE_NONET);

	assert_non_null(doc);
	return doc;
}

static void test_junit(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;
	struct report_run *run = add_failed(&r);
	const char *xml;

	(void)state;
	read_suite(&s, "unit", each);
	assert_int_equal(report_add_suite(run, &s), 0);
	assert_int_equal(report_junit(&r, &b), 0);
	xmlFreeDoc(parse(&b));
	xml = buf_str(&b);
	assert_non_null(strstr(xml, "<testsuite name=\"pc: boot\" tests=\"1\" "
				    "failures=\"0\" errors=\"0\" skipped=\"0\" "
				    "time=\"21.000\" timestamp=\"2026-11-30T09:00:00\" "
				    "hostname=\"pc\">"));
	assert_non_null(strstr(xml, "<failure type=\"unhealthy\" message=\"oops\"/>"));
	assert_non_null(strstr(xml, "error: bug: kernel BUG at mm/slub.c:4049! (log)"));
	/* The seventh has no result. */
	assert_non_null(strstr(xml, "<testsuite name=\"pc: unit\" tests=\"7\" "
				    "failures=\"1\" errors=\"2\" skipped=\"2\""));
	assert_non_null(strstr(xml, "<testcase classname=\"pc.unit.s\" name=\"a\""));
	assert_null(strstr(xml, "name=\"s\""));
}

static void test_junit_of_hostile_text(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	add_evil(&r, &s);
	assert_int_equal(report_junit(&r, &b), 0);
	xmlFreeDoc(parse(&b));
	assert_null(memmem(buf_data(&b), buf_len(&b), "\x1b", 1));
}

static void test_junit_is_bounded(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;
	char *output = malloc(SUITE_OUTPUT);
	struct report_run *run;

	(void)state;
	memset(output, '<', SUITE_OUTPUT);
	add(&r, "{'board': 'pc'}", &run);
	assert_int_equal(suite_init(&s, "big", "ktap"), 0);
	/* Somewhat more than is kept of all. */
	for (unsigned i = 0; i < SUITE_OUTPUTS / SUITE_OUTPUT + 100; i++) {
		struct test_result *t;

		assert_int_equal(suite_add(&s, "t", 1, TEST_FAIL, &t), 0);
		assert_int_equal(suite_set_output(&s, t, output, SUITE_OUTPUT), 0);
	}
	assert_int_equal(suite_settle(&s), 0);
	assert_int_equal(report_add_suite(run, &s), 0);
	assert_int_equal(report_junit(&r, &b), 0);
	/* "&lt;" is four bytes. */
	assert_true(buf_len(&b) < 5 * SUITE_OUTPUTS);
	free(output);
}

static void test_ktap_reads_back(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;
	struct report_run *run = add_failed(&r);

	(void)state;
	read_suite(&s, "unit", each);
	assert_int_equal(report_add_suite(run, &s), 0);
	add(&r, "{'board': 'shelf', 'verdict': 'PASS'}", NULL);
	assert_int_equal(report_ktap(&r, &b), 0);
	results_check(READER_KTAP, buf_str(&b),
		      "PASS pc.boot\nFAIL pc.health: oops\nFAIL pc.unit.s.a\n"
		      "PASS pc.unit.b\nSKIP pc.unit.c: no\nERROR pc.unit.d: e\n"
		      "XFAIL pc.unit.f: g\nXPASS pc.unit.h: i\n"
		      "ERROR pc.unit.test 7: it was running when the output ended\n"
		      "-FAIL pc.unit\n-FAIL pc: oops\nPASS shelf.boot\n"
		      "PASS shelf.health\n-PASS shelf\n= FAIL");
}

static void test_ktap_of_hostile_text(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;
	char *text;

	(void)state;
	add_evil(&r, &s);
	assert_int_equal(report_ktap(&r, &b), 0);
	text = results_read(READER_KTAP, buf_str(&b));
	/* Nothing in it was taken for a line of its own. */
	assert_null(strstr(text, "! "));
	assert_non_null(strstr(text, "FAIL pc.boot"));
	free(text);
}

static void test_markdown(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0}, evil = {0};
	_buf_ struct buf b = BUF_INIT;
	struct report_run *run = add_failed(&r);
	const char *text;

	(void)state;
	read_suite(&s, "unit", each);
	assert_int_equal(report_add_suite(run, &s), 0);
	assert_int_equal(report_markdown(&r, &b), 0);
	text = buf_str(&b);
	assert_non_null(strstr(text, "\n| pc | FAIL | 6.18.0-rc3, commit 012345678901 on "
				     "main | 31s | oops |\n"));
	assert_non_null(strstr(text,
			       "\n| error | bug | kernel BUG at mm/slub.c:4049! | 2 "
			       "|\n"));
	assert_non_null(strstr(text, "\n| FAIL | s.a |  |\n"));
	assert_null(strstr(text, "| PASS |"));
	buf_reset(&b);
	add_evil(&r, &evil);
	assert_int_equal(report_markdown(&r, &b), 0);
	text = buf_str(&b);
	assert_null(strstr(text, "<c>"));
	assert_null(strstr(text, "\n##  @all"));
	assert_null(strstr(text, "@all"));
	assert_null(strstr(text, "a|b"));
	suite_fini(&evil);
}

static void test_annotations(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;
	struct report_run *run = add_failed(&r);

	(void)state;
	read_suite(&s, "unit",
		   "KTAP version 1\n1..1\n# x: EXPECTATION FAILED at "
		   "lib/list-test.c:42\nnot ok 1 a,b:c\n");
	assert_int_equal(report_add_suite(run, &s), 0);
	assert_int_equal(report_annotations(&r, &b), 0);
	assert_string_equal(
		buf_str(&b),
		"::error title=pc FAIL::oops\n"
		"::error file=mm/slub.c,line=4049,title=pc bug::kernel BUG at "
		"mm/slub.c:4049!\n"
		"::error file=lib/list-test.c,line=42,title=pc a%2Cb%3Ac::FAIL\n");
}

static void test_annotations_of_hostile_text(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	_buf_ struct buf b = BUF_INIT;
	size_t lines = 0;

	(void)state;
	add_evil(&r, &s);
	assert_int_equal(report_annotations(&r, &b), 0);
	for (const char *p = buf_str(&b); *p; p++) {
		assert_int_equal(strncmp(p, "::error ", 8), 0);
		p = strchr(p, '\n');
		assert_non_null(p);
		lines++;
	}
	assert_int_equal(lines, 4);
	assert_non_null(strstr(buf_str(&b), "%25"));
}

static void test_annotations_are_few(void **state)
{
	_report_ struct report r = {0};
	_buf_ struct buf b = BUF_INIT;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		add(&r, "{'board': 'pc', 'verdict': 'ERROR', 'text': 'gone'}", NULL);
	assert_int_equal(report_annotations(&r, &b), 0);
	for (const char *p = buf_str(&b); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 11);
	assert_non_null(strstr(buf_str(&b), "::20 more are in the report"));
}

static json_t *kcidb(const struct report *r)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(report_kcidb(r, "lab_1", &b), 0);
	return result(buf_str(&b));
}

static const char *text_at(const json_t *j, const char *list, size_t i, const char *key)
{
	const char *s = json_string_value(
		json_object_get(json_array_get(json_object_get(j, list), i), key));

	return s ? s : "";
}

static void test_kcidb(void **state)
{
	_report_ struct report r = {0};
	_suite_ struct suite_run s = {0};
	struct report_run *run = add_failed(&r);
	json_t *j;

	(void)state;
	read_suite(&s, "unit", each);
	assert_int_equal(report_add_suite(run, &s), 0);
	add(&r, "{" KERNEL ", 'board': 'shelf', 'verdict': 'PASS'}", NULL);
	j = kcidb(&r);
	/* One kernel for two boards. */
	assert_int_equal(json_array_size(json_object_get(j, "builds")), 1);
	assert_string_equal(text_at(j, "checkouts", 0, "git_commit_hash"),
			    "0123456789012345678901234567890123456789");
	assert_string_equal(text_at(j, "builds", 0, "id"), "lab_1:k-0123abcd-abcd");
	assert_string_equal(text_at(j, "tests", 0, "id"), "lab_1:0011223344556677-1");
	assert_string_equal(text_at(j, "tests", 1, "path"), "health");
	assert_string_equal(text_at(j, "tests", 1, "status"), "FAIL");
	assert_string_equal(text_at(j, "tests", 2, "path"), "unit.s.a");
	assert_string_equal(text_at(j, "tests", 6, "status"), "PASS");
	json_decref(j);
}

static void test_kcidb_claims_no_commit_for_a_dirty_tree(void **state)
{
	_report_ struct report r = {0};
	json_t *j;

	(void)state;
	add(&r, "{" KERNEL ", 'dirty': true, 'verdict': 'PASS'}", NULL);
	j = kcidb(&r);
	assert_string_equal(text_at(j, "checkouts", 0, "git_commit_hash"), "");
	json_decref(j);
}

static void test_origins(void **state)
{
	(void)state;
	assert_true(report_is_origin("kferry"));
	assert_true(report_is_origin("lab_2"));
	assert_false(report_is_origin(""));
	assert_false(report_is_origin("Lab"));
	assert_false(report_is_origin("a:b"));
	assert_false(report_is_origin("a-b"));
}

static void test_excerpt_is_the_end_in_whole_lines(void **state)
{
	_report_ struct report r = {0};
	_buf_ struct buf b = BUF_INIT;
	struct report_run *run;

	(void)state;
	add(&r, "{'board': 'pc'}", &run);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_printf(&b, "line %d\n", i), 0);
	assert_int_equal(report_set_excerpt(run, buf_data(&b), buf_len(&b)), 0);
	assert_true(strlen(run->excerpt) <= REPORT_EXCERPT);
	assert_int_equal(strncmp(run->excerpt, "line ", 5), 0);
	assert_non_null(strstr(run->excerpt, "line 4999\n"));
	/* Escaping makes it four times as long. */
	buf_reset(&b);
	for (int i = 0; i < REPORT_EXCERPT; i++)
		assert_int_equal(buf_append(&b, "\x01", 1), 0);
	assert_int_equal(report_set_excerpt(run, buf_data(&b), buf_len(&b)), 0);
	assert_true(strlen(run->excerpt) <= REPORT_EXCERPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_junit),
		cmocka_unit_test(test_junit_of_hostile_text),
		cmocka_unit_test(test_junit_is_bounded),
		cmocka_unit_test(test_ktap_reads_back),
		cmocka_unit_test(test_ktap_of_hostile_text),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_annotations_of_hostile_text),
		cmocka_unit_test(test_annotations_are_few),
		cmocka_unit_test(test_kcidb),
		cmocka_unit_test(test_kcidb_claims_no_commit_for_a_dirty_tree),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_excerpt_is_the_end_in_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
