/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kferry test` for one board: the kernel that runs is tested, and nothing is deployed.
 */
#ifndef KF_TESTCALL_H
#define KF_TESTCALL_H

#include "controller/log/patterns.h"
#include "controller/suite/testplan.h"

struct run;

/* All of it: run gets what was found out, and the verdict.  Returns the exit status. */
int testcall(const struct config *cfg, struct ui *ui, const char *board,
	     const struct testplan *plan, const struct patterns *patterns,
	     struct run *run);

#endif
