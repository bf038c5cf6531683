/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a board's kernels are meant to be removed.  An engine without I/O.
 *
 * A name is a slot or a release, exactly; or a pattern of either, as the shell's or,
 * where that is asked for, an extended regular expression that fits all of it.  A part of
 * a name is never enough: 6.1.0 is not 6.1.0-distro.
 */
#ifndef KF_CHOICE_H
#define KF_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"

struct choice_one {
	const char *slot; /* NULL: a kernel of the board's own */
	const char *release;
	const char *stays; /* why it is never removed; NULL: it may be */
	bool chosen;
};

struct choice {
	struct choice_one *v;
	size_t n;
	bool regex;			 /* names are regular expressions */
	bool foreign;			 /* the board's own, too */
	size_t passed_own, passed_stays; /* by a pattern that would have had them */
};

/* Is it more than one name? */
bool choice_is_pattern(const struct choice *c, const char *name);
/* KF_REASON_NOT_FOUND, with the nearest; KF_REASON_USAGE: which of several, or no
 * pattern; KF_REASON_INVALID: it may not be removed. */
int choice_take(struct choice *c, const char *name, struct kf_error *err) _must_check_;
/* All that may be removed; of the board's own only with `foreign`. */
void choice_take_all(struct choice *c);

#endif
