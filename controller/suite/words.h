/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command line, put together one by one. */
#ifndef KF_WORDS_H
#define KF_WORDS_H

#include "proto/base/buf.h"

struct words {
	struct buf text; /* each word with its NUL */
	size_t n;
};

int words_add(struct words *w, const char *word) _must_check_;
/* list: NULL-terminated, or NULL. */
int words_add_all(struct words *w, char *const *list) _must_check_;
/* All of them as a NULL-terminated block for free(). */
int words_block(const struct words *w, char ***ret) _must_check_;

static inline void words_fini(struct words *w)
{
	buf_fini(&w->text);
}
#define _words_ _cleanup_(words_fini)

#endif
