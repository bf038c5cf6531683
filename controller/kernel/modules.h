/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module tree, <base>/lib/modules/<release>. */
#ifndef KF_MODULES_H
#define KF_MODULES_H

#include "proto/base/err.h"

/* Run depmod on it. */
int modules_depmod(const char *base, const char *release,
		   struct kf_error *err) _must_check_;

#endif
