/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ktap.c (lines) and ktap_scope.c (plans and what they promise) share. */
#ifndef KF_KTAP_INTERNAL_H
#define KF_KTAP_INTERNAL_H

#include "controller/results/ktap.h"
#include "controller/results/ktap_line.h"

#define KTAP_INDENT 4 /* columns of a subtest's lines, in KUnit and TAP 14 */

/* Open a scope below the innermost; at the limit the innermost is returned. */
int ktap_open(struct ktap *k, unsigned indent, bool hash,
	      struct ktap_scope **ret) _must_check_;
/* A result with that number was seen; ENOMEM. */
int ktap_count(struct ktap *k, struct ktap_scope *s,
	       const struct ktap_line *l) _must_check_;
/* The innermost scope ends: what its plan promised and nobody saw becomes MISS.  Its
 * tests stay at the top, see suite_adopt(). */
int ktap_close(struct ktap *k) _must_check_;
/* The innermost scope ends without the result line that it belongs to: a group of its
 * own, ERROR, in its parent scope.  cut: the output has ended. */
int ktap_abandon(struct ktap *k, bool cut) _must_check_;
/* Innermost scopes end so, until only `depth` are open. */
int ktap_abandon_to(struct ktap *k, size_t depth) _must_check_;
/* The outermost scope ends, and with it all. */
int ktap_close_all(struct ktap *k, bool cut) _must_check_;
/* A test that did not end; the output since the last result is its. */
int ktap_unended(struct ktap *k, struct ktap_scope *s, const char *name, bool cut,
		 struct test_result **ret) _must_check_;

#endif
