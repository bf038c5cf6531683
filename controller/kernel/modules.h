/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module tree, <base>/lib/modules/<release>. */
#ifndef KF_MODULES_H
#define KF_MODULES_H

#include "proto/base/err.h"

/* Where depmod is, the caller's; -ENOENT. */
int modules_find_depmod(char **ret) _must_check_;
/* Run it on the tree. */
int modules_depmod(const char *base, const char *release,
		   struct kf_error *err) _must_check_;

#endif
