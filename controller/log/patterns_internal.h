/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of patterns share. */
#ifndef KF_PATTERNS_INTERNAL_H
#define KF_PATTERNS_INTERNAL_H

#include "controller/log/patterns.h"

struct patterns {
	struct pattern list[PATTERNS_MAX];
	size_t n;
	struct strings prefix; /* what subsystems put before a head */
	struct strings skip;   /* frames; a '*' at the end stands for anything */
	struct literals *literals;
	pcre2_match_context *limits;
};

int strings_add(struct strings *s, const char *text, size_t n) _must_check_;
void strings_fini(struct strings *s);
void pattern_fini(struct pattern *p);
/* Does one pattern, whatever stands before it in order, fit this text? */
bool pattern_fits(const struct patterns *ps, const struct pattern *p,
		  pcre2_match_data *data, const char *s, size_t n,
		  struct pattern_match *ret);

#endif
