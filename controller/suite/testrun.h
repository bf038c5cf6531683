/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The suites of a plan on one board that is connected: one after the other, each pushed,
 * run (again where it failed), judged and recorded in the run's directory:
 *
 *	suites/1-NAME/output	what it printed; output.2 of the second attempt
 *	suites/1-NAME/files.tar	what results.fetch names
 *
 * A board that dies ends it: the test that ran has failed, and what was left is MISS.
 */
#ifndef KF_TESTRUN_H
#define KF_TESTRUN_H

#include "controller/deploy/deploy_internal.h"
#include "controller/suite/testplan.h"

/*
 * d is connected; d->classifier has what the kernel said before, and keeps it.  0: all
 * passed, text says what.  Negative: err has the reason, KF_REASON_TESTS where tests or
 * the kernel failed.  What ran is in d->run in any case.  d->client may be another one
 * then, also of another boot, or NULL.
 */
int testrun(struct deploy *d, const struct testplan *plan, char text[static 160],
	    struct kf_error *err) _must_check_;

#endif
