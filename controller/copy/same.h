/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a copy that both sides have already: by mode, size and the second of their
 * last change, or by mode and content.  Paths are below the copy's top; the top itself,
 * where it is a file, is ".".  What the board says of its files is only compared: it can
 * leave out what is sent of its own, and nothing else.
 */
#ifndef KF_SAME_H
#define KF_SAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

struct same_file {
	char *path;
	uint64_t size;
	int64_t mtime;
	unsigned mode; /* with its type */
	bool alike;    /* by what stat says */
	bool same;
};

struct same {
	struct same_file *files; /* sorted by path once same_sort() was called */
	size_t n, room, n_same;
};

void same_fini(struct same *s);
#define _same_ _cleanup_(same_fini)

/* facts' path is copied, path[0..n). */
int same_add(struct same *s, const char *path, size_t n,
	     const struct same_file *facts) _must_check_;
void same_sort(struct same *s);
/* NULL: it is not there. */
struct same_file *same_find(const struct same *s, const char *path, size_t n);
bool same_has(const struct same *s, const char *path);
/* Can a line of text name it, to tar, too? */
bool same_is_nameable(const char *path);

/* "MODE SIZE MTIME PATH", MODE in hex: what `stat -c '%f %s %Y %n'` prints, a "./" in
 * front of the path left out.  *ret has no path. */
bool same_parse_stat(const char *line, size_t n, struct same_file *ret,
		     const char **ret_path, size_t *ret_n);
/* "DIGEST  PATH" of sha256sum; "-" is ".". */
bool same_parse_sum(const char *line, size_t n, uint8_t ret[static 32],
		    const char **ret_path, size_t *ret_n);
/* A whole line of digits; else 0. */
int64_t same_parse_time(const char *line, size_t n);
/* Each line of text, which need not end in one. */
bool same_next_line(const struct buf *text, size_t *at, const char **ret_line,
		    size_t *ret_n);

#endif
