/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the parts that come with the program are: an environment variable, else the
 * source tree that the program was built in (two levels above build/<variant>/kferry),
 * else where `make install` put them.
 */
#ifndef KF_PATHS_H
#define KF_PATHS_H

#include "proto/base/cleanup.h"

/* The first of $env, <source tree>/in_tree and installed that exists; the caller's to
 * free. -ENOENT: none does. env may be NULL. */
int paths_find(const char *env, const char *in_tree, const char *installed,
	       char **ret) _must_check_;

#endif
