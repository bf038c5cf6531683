/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults to order: each file has a table of them, ended by one without a name. */
#ifndef KF_FAULTS_H
#define KF_FAULTS_H

#include <linux/compiler.h>
#include <linux/kernel.h>

struct kf_fault {
	const char *name;
	void (*run)(void);
};

extern const struct kf_fault kf_oops_faults[], kf_warn_faults[], kf_lock_faults[],
	kf_time_faults[], kf_memory_faults[], kf_slab_faults[], kf_other_faults[];

/* The compiler must not know what p is. */
#define KF_HIDE(p) OPTIMIZER_HIDE_VAR(p)

#endif
