/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modules of one release: names to files, and what they depend on, from modules.dep
 * and modules.builtin as depmod writes them.
 *
 * A module's name is its file's without directories and .ko, .ko.zst, .ko.xz, .ko.gz or
 * .ko.lz4; '-' and '_' are the same.
 */
#ifndef KF_MODDEP_H
#define KF_MODDEP_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/cleanup.h"

#define MODDEP_NAME 128 /* bytes of a name, terminator included */

struct moddep;

/* dirfd is modules/<release>.  -ENOENT: it has no modules.dep; -EBADMSG: not valid. */
int moddep_load(int dirfd, struct moddep **ret) _must_check_;
void moddep_free(struct moddep *m);

/* The name of a module's file; false when path is no module's. */
bool moddep_name(const char *path, char dst[static MODDEP_NAME]);

enum moddep_found { MODDEP_MISSING, MODDEP_BUILTIN, MODDEP_SELECTED };
/* Select a module by its name, with all that it depends on. */
enum moddep_found moddep_select(struct moddep *m, const char *name);
void moddep_select_all(struct moddep *m);
/* The selected files, relative to dirfd, in the order of their paths; *i starts at 0.
 * NULL at the end. */
const char *moddep_next(const struct moddep *m, size_t *i);

#endif
