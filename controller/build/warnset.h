/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tree's builds warned of, so that the next build can tell what is new.  An engine
 * without I/O.
 *
 * A build that compiles three files says nothing of the others: a warning is gone only
 * when what it came from was made again without it, or when all was.  Lines move while
 * one edits, so that a warning is known by its file and text.
 */
#ifndef KF_WARNSET_H
#define KF_WARNSET_H

#include "controller/kernel/buildlog.h"

#define WARNSET_MAX 20000u /* warnings kept; more are counted by nobody */
/* Bytes of warnset_print() that warnset_parse() takes. */
#define WARNSET_TEXT (16u << 20)

struct warnset;

/* src: the directory that paths are shown relative to. NULL: no memory. */
struct warnset *warnset_new(const char *src);
void warnset_free(struct warnset *w);
static inline void warnset_freep(struct warnset **w)
{
	warnset_free(*w);
}

/* One line of a build's output, without its '\n'. */
int warnset_line(struct warnset *w, enum buildlog_kind kind, const char *line,
		 size_t n) _must_check_;

struct warndiff {
	const char **fresh; /* the lines, in their order; strings of the set */
	size_t n_fresh;
	size_t known; /* told again, or of what was not made again */
	size_t fixed;
};
void warndiff_fini(struct warndiff *d);

/* What the build of `now` changed.  before (may be NULL: nothing is known) was
 * warnset_parse()d or went through this; whole: all was made.  Afterwards `now` has what
 * the tree's code is known to be warned of. */
int warnset_compare(struct warnset *now, const struct warnset *before, bool whole,
		    struct warndiff *ret) _must_check_;

/* As text, and back: -EBADMSG when it is none. */
int warnset_print(const struct warnset *w, struct buf *out) _must_check_;
int warnset_parse(const char *text, size_t n, struct warnset **ret) _must_check_;

#endif
