/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory with things of the user's, each a directory by its name.  One is made under
 * a name that nobody asks for and renamed when it is whole, and removed by way of another
 * such name: whatever happens, it is whole or not there.  What else lies on the shelf is
 * left alone.
 */
#ifndef KF_SHELF_H
#define KF_SHELF_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"

#define SHELF_MAX 4096 /* names looked at */

struct shelf_names {
	char **names; /* sorted */
	size_t n;
	bool cut; /* there was more than SHELF_MAX */
};

/* Those of text_is_name(). */
int shelf_check_name(const char *name, struct kf_error *err) _must_check_;
bool shelf_has(const char *dir, const char *name);

/* A new directory on dir, which is made too; its path is the caller's, and to be ended
 * with shelf_drop() once shelf_place() was called, or will not be. */
int shelf_begin(const char *dir, char **ret_tmp) _must_check_;
/* -EEXIST: the name is taken, unless replace. */
int shelf_place(const char *dir, const char *tmp, const char *name,
		bool replace) _must_check_;
/* Remove what is under that name still: all of it, what was replaced, or nothing. */
void shelf_drop(const char *tmp);
int shelf_remove(const char *dir, const char *name) _must_check_;

/* All names, without "." and "..".  No such directory: none. */
int shelf_list(const char *dir, struct shelf_names *ret) _must_check_;
void shelf_names_fini(struct shelf_names *l);
/* Why nothing that was placed has this name; NULL: it may have. */
const char *shelf_odd_name(const char *name);

#endif
