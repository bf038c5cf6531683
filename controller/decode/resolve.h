/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From "function + offset" to file and line, by nm and addr2line: one process of each for
 * an object (and for each section of a module), with a deadline.  What they print is read
 * as it comes, so that of a vmlinux with all its symbols only those asked for are kept.
 */
#ifndef KF_DECODE_RESOLVE_H
#define KF_DECODE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define RESOLVE_SECTION 64u
#define RESOLVE_PLACES	16u /* functions inlined into each other */

/* Programs: names or paths.  GNU's know the section of an address in a module; llvm's do
 * not. */
struct resolve_tools {
	char *nm, *addr2line;
	bool llvm;
};

struct place {
	char *func, *file; /* file NULL: not told */
	unsigned line;
};

struct lookup {
	const char *func; /* the caller's */
	size_t func_n;
	uint64_t offset, size;
	bool exact;
	/* Found out: */
	unsigned matches; /* symbols of that name which may be meant */
	uint64_t address, slack;
	char section[RESOLVE_SECTION];
	struct place place[RESOLVE_PLACES]; /* the innermost first */
	size_t n_places;
};

void lookup_fini(struct lookup *l);

/* For a cross compiler's prefix (NULL: none) or LLVM='s value (NULL: gcc); those that are
 * not installed are replaced by this machine's. */
int resolve_tools(const char *cross, const char *llvm, struct resolve_tools *ret,
		  struct kf_error *err) _must_check_;
void resolve_tools_fini(struct resolve_tools *t);

/* What cannot be found stays without places; that is no error. */
int resolve(const struct resolve_tools *t, const char *object, bool is_module,
	    struct lookup *list, size_t n, struct kf_error *err) _must_check_;

#endif
