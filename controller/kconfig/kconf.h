/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a kernel configuration (.config): is it one, what does it set, and how do
 * two differ.  No I/O but kconf_read_file(); the text may come from a board.
 */
#ifndef KF_KCONF_H
#define KF_KCONF_H

#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/limits.h"

#define KCONF_MAX (4u * 1024 * 1024) /* bytes; those of distributions have 300 KiB */

struct kconf_symbol {
	const char *name;  /* "CONFIG_X" */
	const char *value; /* as it stands in the file; "n": "is not set" */
};

struct kconf {
	char *text; /* what the symbols lie in */
	struct kconf_symbol *symbols;
	size_t n; /* sorted by name, each once: of several lines the last counts */
	/* Of the head line, "" where it is not there: */
	char arch[32]; /* the directory below arch/: "x86", "arm64" */
	char release[LIMIT_RELEASE + 1];
};

/* KF_REASON_INVALID, with what the text is instead; `from` names it. */
int kconf_parse(const void *data, size_t n, const char *from, struct kconf *ret,
		struct kf_error *err) _must_check_;
void kconf_fini(struct kconf *k);
/* A file into text (appended), and parsed. */
int kconf_read_file(const char *path, struct buf *text, struct kconf *ret,
		    struct kf_error *err) _must_check_;

/* NULL: no line is about it. */
const char *kconf_value(const struct kconf *k, const char *symbol);
/* "CONFIG_" and letters, digits or _, at most 128 bytes. */
bool kconf_is_symbol(const char *s, size_t n);

/* What leads from a to b: symbols that b has no more (to is NULL), then those that
 * changed, then those that a has not (from is NULL), each in the order of their names,
 * which come without CONFIG_.  A fn that returns non-zero ends it, and that is returned.
 */
typedef int (*kconf_diff_fn)(void *arg, const char *name, const char *from,
			     const char *to);
int kconf_diff(const struct kconf *a, const struct kconf *b, kconf_diff_fn fn,
	       void *arg) _must_check_;
/* Append text with the symbol set to value ("n": not set) and nothing else changed. */
int kconf_set(struct buf *out, const char *text, size_t n, const char *symbol,
	      const char *value) _must_check_;

#define _kconf_ _cleanup_(kconf_fini)

#endif
