// SPDX-License-Identifier: GPL-2.0-or-later
/* LTP's output: which test a line belongs to, and what the test comes to. */
#include "controller/results/ltp.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "controller/results/ltp_line.h"
#include "proto/text.h"

/* Bits of a test program's exit status. */
enum { EXIT_FAIL = 1, EXIT_BROK = 2, EXIT_WARN = 4, EXIT_CONF = 32 };

void ltp_init(struct ltp *l, struct suite_run *suite)
{
	*l = (struct ltp){.suite = suite};
	lines_init(&l->lines);
}

void ltp_fini(struct ltp *l)
{
	lines_fini(&l->lines);
	buf_fini(&l->output);
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static void begin(struct ltp *l)
{
	buf_reset(&l->output);
	l->in_test = true;
	l->in_summary = l->has_summary = false;
	l->name[0] = l->why[0] = '\0';
	l->lines_say = l->summary_says = (struct ltp_counts){0};
	l->took_ms = -1;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What both say, the worse of the two. */
static enum test_status judge(const struct ltp *l, const char **ret_why)
{
	const struct ltp_counts *a = &l->lines_say, *b = &l->summary_says;

	*ret_why = NULL;
	if (larger(a->fail, b->fail) > 0)
		return TEST_FAIL;
	if (*l->why) {
		*ret_why = l->why;
		return TEST_ERROR;
	}
	if (larger(a->broken, b->broken) > 0) {
		*ret_why = "TBROK: the test could not do its work";
		return TEST_ERROR;
	}
	if (larger(a->warn, b->warn) > 0) {
		*ret_why = "TWARN: the test doubts its own result";
		return TEST_ERROR;
	}
	if (larger(a->pass, b->pass) > 0)
		return TEST_PASS;
	if (larger(a->conf, b->conf) > 0) {
		*ret_why = "TCONF: not for this kernel or board";
		return TEST_SKIP;
	}
	*ret_why = "it printed no result";
	return TEST_ERROR;
}

/* A summary that contradicts its lines; lines that a console lost are no contradiction.
 */
static int check_summary(struct ltp *l)
{
	const struct ltp_counts *a = &l->lines_say, *b = &l->summary_says;

	if (!l->has_summary)
		return 0;
	if (a->fail > b->fail || a->broken > b->broken)
		return suite_problem(l->suite, l->lines.number, true,
				     "%s: the summary says less failed or broken than "
				     "the lines before it",
				     l->name);
	if (a->pass < b->pass || a->fail < b->fail)
		return suite_problem(l->suite, l->lines.number, false,
				     "%s: the summary counts more results than there "
				     "are lines",
				     l->name);
	return 0;
}

static int finish(struct ltp *l, bool ended)
{
	const char *why;
	enum test_status status = judge(l, &why);
	struct test_result *t;
	int r;

	if (!ended && status != TEST_FAIL) {
		status = TEST_ERROR;
		why = "it began, and did not end";
	}
	l->in_test = false;
	if (!*l->name)
		snprintf(l->name, sizeof(l->name), "a test without a name");
	r = suite_again(l->suite, l->name, strlen(l->name), status, &t);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	if (l->took_ms >= 0)
		t->took_ms = l->took_ms;
	if (why && !t->text)
		r = suite_set_text(t, "%s", why);
	if (r == 0 && status != TEST_PASS)
		r = suite_set_output(l->suite, t, buf_data(&l->output),
				     buf_len(&l->output));
	return r < 0 ? r : check_summary(l);
}

/* "duration=1 termination_type=exited termination_id=0 corefile=no" */
static void take_status(struct ltp *l, const char *line)
{
	size_t n, type_n, id_n;
	const char *took = ltp_line_field(line, "duration", &n);
	const char *type = ltp_line_field(line, "termination_type", &type_n);
	const char *id = ltp_line_field(line, "termination_id", &id_n);
	unsigned long exit = id_n ? strtoul(id, NULL, 10) : 0;

	if (n > 0 && n < 10)
		l->took_ms = (int64_t)strtoul(took, NULL, 10) * 1000;
	if (type_n > 0 && strncmp(type, "exited", type_n) != 0)
		snprintf(l->why, sizeof(l->why), "it was ended: %.*s %lu",
			 (int)(type_n < 32 ? type_n : 32), type, exit);
	else if (exit & EXIT_FAIL)
		l->lines_say.fail += l->lines_say.fail == 0;
	else if ((exit & (EXIT_BROK | EXIT_WARN)) || (exit & ~(unsigned long)EXIT_CONF))
		snprintf(l->why, sizeof(l->why), "exit status %lu", exit);
}

/* Lines of one program's block, or of one without a runner. */
static int in_block(struct ltp *l, const char *line, size_t len)
{
	size_t n;
	const char *tag = begins(line, "tag=") ? ltp_line_field(line, "tag", &n) : NULL;

	if (tag && !l->alone) {
		snprintf(l->name, sizeof(l->name), "%.*s",
			 (int)(n < SUITE_NAME ? n : SUITE_NAME), tag);
		return 0;
	}
	if (begins(line, "initiation_status=") &&
	    !begins(line, "initiation_status=\"ok\""))
		snprintf(l->why, sizeof(l->why), "it could not be started");
	if (begins(line, "duration="))
		take_status(l, line);
	if (begins(line, "Summary:")) {
		l->in_summary = l->has_summary = true;
		return 0;
	}
	if (l->in_summary && ltp_line_summary(line, &l->summary_says))
		return 0;
	l->in_summary = false;
	ltp_line_result(line, &l->lines_say, l->alone && !*l->name ? l->name : NULL);
	return lines_keep(&l->output, line, len, SUITE_OUTPUT);
}

static int add_row(struct ltp *l, const struct ltp_row *row)
{
	bool pass = strcmp(row->result, "PASS") == 0;
	enum test_status status = pass && row->exit == 0		     ? TEST_PASS
				  : strcmp(row->result, "CONF") == 0	     ? TEST_SKIP
				  : pass || strcmp(row->result, "FAIL") == 0 ? TEST_FAIL
									     : TEST_ERROR;
	struct test_result *t;
	int r = suite_again(l->suite, row->name, row->name_n, status, &t);

	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	if (pass && row->exit != 0)
		return suite_set_text(t, "it says PASS, with exit status %lu", row->exit);
	return status == TEST_PASS || t->text
		       ? 0
		       : suite_set_text(t, "%s, exit status %lu", row->result, row->exit);
}

static int add_kirk(struct ltp *l, const struct ltp_kirk *k)
{
	struct test_result *t;
	int r;

	if (k->runs) {
		snprintf(l->kirk, sizeof(l->kirk), "%.*s",
			 (int)(k->name_n < SUITE_NAME ? k->name_n : SUITE_NAME), k->name);
		return 0;
	}
	l->kirk[0] = '\0';
	r = suite_again(l->suite, k->name, k->name_n, k->status, &t);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	t->took_ms = k->took_ms;
	return k->why && !t->text ? suite_set_text(t, "%s", k->why) : 0;
}

/* "Total Tests: 3", "Total Run: 3": the runner's own count. */
static int check_total(struct ltp *l, const char *line)
{
	const char *colon = strchr(line, ':');
	unsigned long total = colon ? strtoul(colon + 1, NULL, 10) : 0;
	struct test_result *t;
	char name[64];
	int r;

	if (total <= l->suite->n || total > SUITE_PLAN)
		return 0;
	snprintf(name, sizeof(name), "%lu more tests", total - l->suite->n);
	r = suite_problem(l->suite, l->lines.number, true,
			  "the runner counts %lu tests, there are results of %zu", total,
			  l->suite->n);
	if (r == 0)
		r = suite_add(l->suite, name, strlen(name), TEST_MISS, &t);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	t->count = total - l->suite->n + 1;
	return suite_set_text(t, "counted by the runner, and there is no result");
}

static int between(struct ltp *l, const char *line)
{
	struct ltp_counts none = {0};
	struct ltp_kirk kirk;
	struct ltp_row row;

	if (begins(line, "Testcase ") && strstr(line, "Result")) {
		l->sure = l->in_table = true;
		return 0;
	}
	if (begins(line, "Starting suite: ")) {
		l->sure = true;
		return 0;
	}
	if (l->in_table && ltp_line_row(line, &row))
		return add_row(l, &row);
	if (l->sure && (strncasecmp(line, "total tests:", 12) == 0 ||
			strncasecmp(line, "total run", 9) == 0))
		return check_total(l, line);
	if (l->sure && !l->in_table && ltp_line_kirk(line, &kirk))
		return add_kirk(l, &kirk);
	/* One program by itself. */
	if (!l->sure && ltp_line_result(line, &none, NULL)) {
		l->sure = l->alone = true;
		begin(l);
	}
	return 0;
}

static int on_line(void *arg, const char *raw, size_t n, uint64_t number)
{
	struct ltp *l = arg;
	bool stamp;
	const char *line = lines_skip_stamps(raw, &stamp);
	int r = 0;

	(void)number;
	n -= (size_t)(line - raw);
	if (begins(line, "<<<test_start>>>")) {
		if (l->in_test)
			r = finish(l, l->alone);
		l->sure = true;
		l->alone = false;
		begin(l);
		return r;
	}
	if (l->in_test && begins(line, "<<<test_end>>>"))
		return finish(l, true);
	if (!l->in_test)
		r = between(l, line);
	return r == 0 && l->in_test ? in_block(l, line, n) : r;
}

int ltp_feed(struct ltp *l, const void *data, size_t n)
{
	return lines_feed(&l->lines, data, n, on_line, l);
}

/* What was running when the output ended. */
static int end_cut(struct ltp *l)
{
	struct test_result *t;
	int r;

	if (*l->kirk) {
		memcpy(l->name, l->kirk, sizeof(l->name));
		r = suite_again(l->suite, l->name, strlen(l->name), TEST_ERROR, &t);
		if (r == 0)
			r = suite_set_text(t, "it was running when the output ended");
	} else {
		r = finish(l, false);
		t = suite_find(l->suite, l->name);
	}
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	l->suite->cut = true;
	l->suite->running = t ? (size_t)(t - l->suite->tests) : SUITE_PARENT;
	return suite_problem(l->suite, 0, true, "the output ends within a test");
}

int ltp_end(struct ltp *l)
{
	int r = lines_end(&l->lines, on_line, l);

	/* A program by itself ends with its output. */
	if (r == 0 && l->in_test && l->alone)
		r = finish(l, true);
	else if (r == 0 && (l->in_test || *l->kirk))
		r = end_cut(l);
	if (r == 0 && l->suite->n == 0)
		r = suite_problem(l->suite, 0, true, "there is no test result in it");
	return r < 0 ? r : suite_settle(l->suite);
}
