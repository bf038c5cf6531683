/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tree's own scripts may be given.  Both hand names of files, those in patches
 * too, to a shell, and cut them at blanks; checkpatch.pl does so with a licence.  A patch
 * comes from anywhere, so that what a shell would make something else of is found first.
 */
#ifndef KF_NAMES_H
#define KF_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Nothing in it that a shell or a split at blanks would change. */
bool names_is_plain(const char *name, size_t n);
/* The first name or licence of a patch that is not plain, as far as the scripts look:
 * true, and *ret_at and *ret_len are where it is. */
bool names_find_bad(const char *text, size_t n, size_t *ret_at, size_t *ret_len);

#endif
