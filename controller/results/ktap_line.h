/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of KTAP or TAP, without its indentation: what kind it is, and its parts. */
#ifndef KF_KTAP_LINE_H
#define KF_KTAP_LINE_H

#include "controller/results/suite.h"

enum ktap_kind {
	KTAP_OTHER,   /* none of the format's: a kernel's line, a program's output */
	KTAP_VERSION, /* "KTAP version 1", "TAP version 13" */
	KTAP_PLAN,    /* "1..4", "1..0 # SKIP why" */
	KTAP_RESULT,
	KTAP_DIAG,    /* "# ..." */
	KTAP_SUBTEST, /* "# Subtest: name" */
	KTAP_HEADER,  /* "selftests: collection: program", which is about to run */
	KTAP_BAIL,    /* "Bail out! why" */
	KTAP_YAML,    /* "---" */
};

struct ktap_line {
	enum ktap_kind kind;
	bool ktap;	 /* VERSION: of the kernel's own dialect */
	bool numbered;	 /* RESULT */
	uint64_t number; /* RESULT; PLAN: how many; UINT64_MAX: too large to be one */
	enum test_status status; /* RESULT */
	const char *name;	 /* RESULT's description, SUBTEST's and HEADER's name */
	size_t name_n;
	const char *text; /* why: a directive's reason, or what stands behind '#' */
	size_t text_n;
	bool timeout; /* RESULT */
};

/* line ends with a NUL; the parts point into it. */
void ktap_line_parse(const char *line, struct ktap_line *ret);
/* The name of a result as a path: "selftests: net: tls" is selftests.net.tls, and "\#" a
 * '#'.  dst has SUITE_NAME + 1 bytes; returns the length. */
size_t ktap_line_name(const struct ktap_line *l, char *dst);

#endif
