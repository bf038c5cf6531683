/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a call of kferry has found out, for those who read reports: one or several runs,
 * each with its verdict, phases, findings and test suites.
 *
 * A run is a view of its result.json (kferry-result(5)), so that all reports say the
 * same. The writers (report_junit() and so on) do no I/O; each appends a whole document.
 */
#ifndef KF_REPORT_H
#define KF_REPORT_H

#include "controller/results/suite.h"
#include "proto/base/buf.h"

#define REPORT_EXCERPT 16384 /* bytes of a log's end; KCIDB takes no more */
#define REPORT_PHASES  3

struct report_finding {
	const char *severity; /* "info", "warn", "error", "fatal" */
	const char *class_name, *title, *source;
	const char *file; /* of the source, or NULL */
	int line;
	int count;
};

/* Build, boot, health and so on, in their order. */
struct report_phase {
	const char *name;
	enum test_status status; /* MISS: it was not reached */
	bool tells;		 /* its is the run's reason */
	int64_t took_ms;	 /* -1: not known */
};

/* Texts are of the JSON object; "" where it has none, unless told. */
struct report_run {
	json_t *result;
	const char *id, *board; /* board NULL: of no board, only suites */
	const char *profile, *arch, *release, *build_id, *commit, *branch, *slot;
	const char *verdict; /* PASS, FAIL, ERROR; "": none was to be reached */
	const char *reason, *text, *log, *started;
	bool dirty;
	int64_t took_ms; /* -1: not known */
	struct report_phase phase[REPORT_PHASES];
	size_t n_phases;
	struct report_finding *findings;
	size_t n_findings;
	const struct suite_run **suites; /* the caller's; alive as long as the report */
	size_t n_suites;
	char *excerpt; /* the end of the log that tells why, or NULL */
};

struct report {
	struct report_run *runs;
	size_t n;
};

void report_fini(struct report *r);
#define _report_ _cleanup_(report_fini)
/* Add a run; takes a reference of result.  *ret (may be NULL) is valid until the next. */
int report_add(struct report *r, json_t *result, struct report_run **ret) _must_check_;
int report_add_suite(struct report_run *run, const struct suite_run *s) _must_check_;
/* The last REPORT_EXCERPT bytes of a log, escaped. */
int report_set_excerpt(struct report_run *run, const void *data, size_t n) _must_check_;

/* "k-1234abcd" of release, with the commit: for people. */
int report_kernel_text(const struct report_run *run, struct buf *out) _must_check_;
/* What a phase has to say. */
const char *report_phase_text(const struct report_run *run, const struct report_phase *p);
/* "file.c:12" in a text: *ret_file and its length, the line number; false: there is none.
 */
bool report_source(const char *text, const char **ret_file, size_t *ret_n, int *ret_line);

int report_junit(const struct report *r, struct buf *out) _must_check_;
int report_ktap(const struct report *r, struct buf *out) _must_check_;
/* For a step's summary: GitHub's Markdown. */
int report_markdown(const struct report *r, struct buf *out) _must_check_;
/* Text from outside as one line of a cell, in which nothing is markup; max bytes of it.
 */
int report_markdown_cell(struct buf *out, const char *text, size_t max) _must_check_;
/* GitHub's workflow commands. */
int report_annotations(const struct report *r, struct buf *out) _must_check_;
/* KCIDB v5.3; origin: report_is_origin(). */
int report_kcidb(const struct report *r, const char *origin,
		 struct buf *out) _must_check_;
/* Lower-case letters, digits and '_'. */
bool report_is_origin(const char *s);

#endif
