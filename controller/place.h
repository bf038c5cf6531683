/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where kferry's own files are: beside the program while it runs from the tree that it
 * was built in, else where `make install` put them.
 */
#ifndef KF_PLACE_H
#define KF_PLACE_H

#include "proto/base/cleanup.h"

/*
 * in_tree is relative to the top of the source tree, in_data to the data directory
 * ($PREFIX/share/kferry); either may be NULL.  0 and *ret (free it), or -ENOENT.
 */
int place_find(const char *in_tree, const char *in_data, char **ret) _must_check_;
/* As place_find(), below $PREFIX/libexec/kferry. */
int place_find_program(const char *in_tree, const char *in_libexec,
		       char **ret) _must_check_;

#endif
