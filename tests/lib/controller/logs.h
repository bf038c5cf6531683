/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel logs with faults, and what the classifier makes of logs. */
#ifndef KF_TEST_LOGS_H
#define KF_TEST_LOGS_H

#include "controller/log/classifier.h"

extern const char log_x86_oops[]; /* with the panic that follows */
extern const char log_arm64_oops[];
extern const char log_refcount[];
extern const char log_list_bug[];
extern const char log_kasan[];
extern const char log_lockdep[];
extern const char log_soft_lockup[];
extern const char log_rcu_stall[];
extern const char log_hung_task[];   /* with the panic that follows */
extern const char log_interleaved[]; /* two warnings at once, with callers */

/* kferry's own. */
struct patterns *logs_patterns(void);
/* In pieces of that size; SIZE_MAX: in one. */
struct classifier *logs_classify(const struct patterns *ps, const char *log, size_t n,
				 size_t piece);
/* One line for each: "warn warning FUNC FILE:LINE [bootN ]xCOUNT[ later]: TITLE". */
char *logs_tell(const struct findings *f);
char *logs_json(const struct findings *f);

#endif
