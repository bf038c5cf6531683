/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many literals looked for at once: a text is read once, byte by byte, whatever their
 * number (Aho and Corasick's automaton, as a table of states).  Built once, then only
 * read: a built one may be used by several threads.
 */
#ifndef KF_LITERALS_H
#define KF_LITERALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

#define LITERALS_MAX	   1024
#define LITERALS_BYTES_MAX 32768 /* of all of them */

/* Which of them a text holds. */
struct literal_set {
	uint64_t bits[LITERALS_MAX / 64];
	bool any;
};

static inline bool literal_set_has(const struct literal_set *s, unsigned id)
{
	return s->bits[id / 64] >> (id % 64) & 1;
}

struct literals;

int literals_new(struct literals **ret) _must_check_;
void literals_free(struct literals *l);
/* n >= 1 bytes, any but NUL.  The same bytes again are the same literal.  -E2BIG: more
 * than the maxima above.  Not after literals_build(). */
int literals_add(struct literals *l, const char *s, size_t n,
		 unsigned *ret_id) _must_check_;
int literals_build(struct literals *l) _must_check_;
/* Those in n bytes of s; *set is written anew, or left alone but for `any` when there are
 * none. */
void literals_scan(const struct literals *l, const char *s, size_t n,
		   struct literal_set *set);

#endif
