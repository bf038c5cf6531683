// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JUnit XML, as GitLab and Jenkins read it: a suite for each phase and each test suite of
 * each board.  <failure> is the kernel's fault, <error> that nothing is known, <skipped>
 * what was not to be tested, not reached, or failed as expected.
 *
 * All text is valid XML 1.0: what came from outside is escaped by text_escape(), and what
 * XML still does not allow is replaced.
 */
#include <libxml/xmlwriter.h>
#include <string.h>

#include "controller/report/report.h"
#include "controller/strf.h"
#include "proto/text.h"

#define OUTPUT_MAX (16u << 20) /* bytes of output in one document */

struct junit {
	xmlTextWriterPtr w;
	bool failed; /* a call of the writer did; all that can is memory */
	size_t output;
};

struct sums {
	unsigned long long tests, failures, errors, skipped;
	int64_t took_ms;
};

/* U+FFFE and U+FFFF are valid UTF-8 and not allowed. */
static void replace_nonchars(char *s)
{
	for (; (s = strstr(s, "\xef\xbf")); s += 2) {
		if ((unsigned char)s[2] >= 0xbe)
			s[2] = '\xbd';
	}
}

/* NULL: no memory. */
static char *xml_text(const char *s)
{
	_buf_ struct buf b = BUF_INIT;
	char *text;

	if (text_escape(&b, s, strlen(s), true) < 0 || !buf_str(&b))
		return NULL;
	text = strdup(buf_str(&b));
	if (text)
		replace_nonchars(text);
	return text;
}

static void open_element(struct junit *j, const char *name)
{
	j->failed = xmlTextWriterStartElement(j->w, BAD_CAST name) < 0 || j->failed;
}

static void close_element(struct junit *j)
{
	j->failed = xmlTextWriterEndElement(j->w) < 0 || j->failed;
}

static void attribute(struct junit *j, const char *name, const char *value)
{
	_free_ char *text = xml_text(value);

	j->failed = !text ||
		    xmlTextWriterWriteAttribute(j->w, BAD_CAST name, BAD_CAST text) < 0 ||
		    j->failed;
}

static void number(struct junit *j, const char *name, unsigned long long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", n);
	attribute(j, name, text);
}

static void seconds(struct junit *j, int64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld.%03d", (long long)(ms / 1000),
		 (int)(ms % 1000));
	attribute(j, "time", ms < 0 ? "0" : text);
}

static void content(struct junit *j, const char *s)
{
	_free_ char *text = xml_text(s);

	j->failed =
		!text || xmlTextWriterWriteString(j->w, BAD_CAST text) < 0 || j->failed;
}

static void output(struct junit *j, const char *s)
{
	if (!s || !*s || j->output + strlen(s) > OUTPUT_MAX)
		return;
	j->output += strlen(s);
	open_element(j, "system-out");
	content(j, s);
	close_element(j);
}

static void property(struct junit *j, const char *name, const char *value)
{
	if (!*value)
		return;
	open_element(j, "property");
	attribute(j, "name", name);
	attribute(j, "value", value);
	close_element(j);
}

/* <failure>, <error> or <skipped>. */
static void outcome(struct junit *j, const char *element, const char *type,
		    const char *message)
{
	open_element(j, element);
	if (strcmp(element, "skipped") != 0)
		attribute(j, "type", type);
	attribute(j, "message", message);
	close_element(j);
}

static const char *element_of(enum test_status status)
{
	switch (status) {
	case TEST_FAIL:
		return "failure";
	case TEST_ERROR:
	case TEST_MISS:
		return "error";
	case TEST_SKIP:
	case TEST_XFAIL:
		return "skipped";
	default:
		return NULL;
	}
}

static void count(struct sums *s, const char *element, unsigned long long n)
{
	s->tests += n;
	if (!element)
		return;
	s->failures += strcmp(element, "failure") == 0 ? n : 0;
	s->errors += strcmp(element, "error") == 0 ? n : 0;
	s->skipped += strcmp(element, "skipped") == 0 ? n : 0;
}

static void open_suite(struct junit *j, const struct report_run *run, const char *name,
		       const struct sums *s)
{
	open_element(j, "testsuite");
	attribute(j, "name", name);
	number(j, "tests", s->tests);
	number(j, "failures", s->failures);
	number(j, "errors", s->errors);
	number(j, "skipped", s->skipped);
	seconds(j, s->took_ms);
	/* Without the zone, which the format has no place for: it is UTC. */
	if (strlen(run->started) >= 19) {
		char stamp[20];

		snprintf(stamp, sizeof(stamp), "%.19s", run->started);
		attribute(j, "timestamp", stamp);
	}
	if (run->board)
		attribute(j, "hostname", run->board);
	if (!*run->release && !*run->profile)
		return;
	open_element(j, "properties");
	property(j, "release", run->release);
	property(j, "build-id", run->build_id);
	property(j, "commit", run->commit);
	property(j, "branch", run->branch);
	property(j, "slot", run->slot);
	property(j, "profile", run->profile);
	if (run->dirty)
		property(j, "dirty", "true");
	close_element(j);
}

static void open_case(struct junit *j, const char *class_name, const char *name,
		      int64_t took_ms)
{
	open_element(j, "testcase");
	attribute(j, "classname", class_name);
	attribute(j, "name", name);
	seconds(j, took_ms);
}

static char *findings_text(const struct report_run *run)
{
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->n_findings; i++) {
		const struct report_finding *f = &run->findings[i];

		r = buf_printf(&b, "%s: %s: %s (%s)\n", f->severity, f->class_name,
			       f->title, f->source);
	}
	if (r == 0 && run->excerpt)
		r = buf_printf(&b, "%s%s", buf_len(&b) ? "\n" : "", run->excerpt);
	return r == 0 && buf_len(&b) && buf_str(&b) ? strdup(buf_str(&b)) : NULL;
}

static void phase(struct junit *j, const struct report_run *run,
		  const struct report_phase *p)
{
	_free_ char *name = strf("%s: %s", run->board, p->name);
	_free_ char *text = p->tells ? findings_text(run) : NULL;
	/* What was not reached is skipped: the phase before it tells why. */
	const char *element =
		p->status == TEST_MISS && !p->tells ? "skipped" : element_of(p->status);
	struct sums s = {.took_ms = p->took_ms};

	count(&s, element, 1);
	open_suite(j, run, name ? name : p->name, &s);
	open_case(j, run->board, p->name, p->took_ms);
	if (element)
		outcome(j, element, *run->reason ? run->reason : "unknown",
			report_phase_text(run, p));
	output(j, text);
	close_element(j);
	close_element(j);
}

static void test_case(struct junit *j, const char *prefix, const struct test_result *t)
{
	const char *element = element_of(t->status);
	_free_ char *class_name = NULL;
	/* A test that passed has no other place for it. */
	_free_ char *told = t->flaky && !element && t->text
				    ? strf("%s\n%s", t->text, t->output ? t->output : "")
				    : NULL;

	class_name = t->leaf > 0 ? strf("%s.%.*s", prefix, (int)t->leaf - 1, t->name)
				 : strdup(prefix);
	open_case(j, class_name ? class_name : prefix, t->name + t->leaf, t->took_ms);
	if (element)
		outcome(j, element, test_status_name(t->status),
			t->text ? t->text : test_status_name(t->status));
	output(j, told ? told : t->output);
	close_element(j);
}

/* What is wrong with the output itself is a test of its own. */
static void problems(struct junit *j, const char *prefix, const struct suite_run *s)
{
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_problems; i++)
		r = buf_printf(&b, "line %llu: %s\n",
			       (unsigned long long)s->problems[i].line,
			       s->problems[i].text);
	open_case(j, prefix, "output of the suite", -1);
	outcome(j, "error", "ERROR",
		s->n ? "it contradicts itself, or is not whole"
		     : "there is no test result in it");
	output(j, r == 0 && buf_len(&b) ? buf_str(&b) : NULL);
	close_element(j);
}

static void suite(struct junit *j, const struct report_run *run,
		  const struct suite_run *s)
{
	const char *name = s->name ? s->name : s->format;
	_free_ char *prefix = run->board ? strf("%s.%s", run->board, name) : strdup(name);
	_free_ char *title = run->board ? strf("%s: %s", run->board, name) : strdup(name);
	struct sums sums = {0};
	struct suite_counts c;

	suite_count(s, &c);
	for (size_t i = 0; i < s->n; i++) {
		if (!s->tests[i].counted)
			continue;
		count(&sums, element_of(s->tests[i].status), 1);
		sums.took_ms += s->tests[i].took_ms > 0 ? s->tests[i].took_ms : 0;
	}
	if (c.errors > 0 || c.all == 0)
		count(&sums, "error", 1);
	open_suite(j, run, title ? title : name, &sums);
	for (size_t i = 0; prefix && i < s->n; i++) {
		if (s->tests[i].counted)
			test_case(j, prefix, &s->tests[i]);
	}
	if (prefix && (c.errors > 0 || c.all == 0))
		problems(j, prefix, s);
	close_element(j);
}

static void document(struct junit *j, const struct report *r)
{
	j->failed = xmlTextWriterSetIndent(j->w, 1) < 0 ||
		    xmlTextWriterStartDocument(j->w, NULL, "UTF-8", NULL) < 0;
	open_element(j, "testsuites");
	attribute(j, "name", "kferry");
	for (size_t i = 0; i < r->n; i++) {
		const struct report_run *run = &r->runs[i];

		for (size_t k = 0; k < run->n_phases; k++)
			phase(j, run, &run->phase[k]);
		for (size_t k = 0; k < run->n_suites; k++)
			suite(j, run, run->suites[k]);
	}
	close_element(j);
	j->failed = xmlTextWriterEndDocument(j->w) < 0 || j->failed;
}

int report_junit(const struct report *r, struct buf *out)
{
	xmlBufferPtr xml = xmlBufferCreate();
	struct junit j = {.w = xml ? xmlNewTextWriterMemory(xml, 0) : NULL};
	int rc = -ENOMEM;

	if (j.w) {
		/* By itself it is copied for each few bytes that are added. */
		xmlBufferSetAllocationScheme(xml, XML_BUFFER_ALLOC_DOUBLEIT);
		document(&j, r);
		xmlFreeTextWriter(j.w);
	}
	if (j.w && !j.failed)
		rc = buf_append(out, xmlBufferContent(xml), (size_t)xmlBufferLength(xml));
	if (xml)
		xmlBufferFree(xml);
	return rc;
}
