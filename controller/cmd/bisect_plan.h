/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How `bisect run` and `bisect step` test a commit: by what was told, or else by what the
 * call before was told. */
#ifndef KF_BISECT_PLAN_H
#define KF_BISECT_PLAN_H

#include "controller/bisect/drive.h"
#include "controller/cmd/cmd.h"
#include "controller/fleet/pick.h"
#include "controller/suite/testplan.h"

#define BISECT_PLAN_TESTS 32

/* Of the command line; a text is "" where there is to be none from now on, and NULL where
 * nothing is told. */
struct bisect_args {
	struct pick boards;
	const char *script, *exec, *expect;
	const char *tests[BISECT_PLAN_TESTS]; /* suites; one that is "": none */
	size_t n_tests;
	unsigned timeout_s, retries;
	bool timeout_told, retries_told, check_ends;
	const char *summary;
};

struct bisect_plan {
	char *boards, *script, *exec, *expect;
	struct testplan tests;
	struct drive_opts opts; /* refers to the others */
};

void bisect_plan_fini(struct bisect_plan *p);
#define _bisect_plan_ _cleanup_(bisect_plan_fini)

/* p: zero.  Keeps what was told where b has a state, and says what tests there are.  A
 * status of usage that was told, or a negative errno with err. */
int bisect_plan_make(struct cmd_env *env, struct bisect *b, struct bisect_args *a,
		     struct bisect_plan *p, struct kf_error *err) _must_check_;

#endif
