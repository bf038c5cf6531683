/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What in a kernel's log is a finding: read from pattern files, kferry-patterns(5).
 *
 * A line is first looked at for the literals of all patterns at once; only those patterns
 * of which a literal is there are tried, in order: ignores first, then findings, and of
 * these the files that were read first.  Built once, then only read: one set may serve
 * several threads, each with its own match data.
 */
#ifndef KF_PATTERNS_H
#define KF_PATTERNS_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "controller/config/config.h"
#include "controller/log/literals.h"
#include "controller/log/severity.h"

#define PATTERNS_MAX	  512
#define PATTERN_FILE_MAX  (1024u * 1024)
#define PATTERN_LINE_MAX  4096u
#define PATTERN_TEXT_MIN  3u /* a shorter literal would be everywhere */
#define PATTERN_LINES_MAX 400u

enum pattern_kind {
	PATTERN_FINDING,
	PATTERN_IGNORE,	 /* a line that looks like a finding and is none */
	PATTERN_RANGE,	 /* of lines in which findings are expected */
	PATTERN_BANNER,	 /* a kernel starts */
	PATTERN_LOADER,	 /* what stands before that in the same boot */
	PATTERN_RESTART, /* the next start is no surprise */
	PATTERN_REPLAY,	 /* a console begins, and tells the log from its start again */
	PATTERN_CUT,	 /* a report begins: its head comes, or a message and its head */
};

struct strings {
	char **v;
	size_t n;
};

struct pattern {
	enum pattern_kind kind;
	char *name;  /* a finding's class */
	char *place; /* "file:line" where it begins */
	enum severity severity;
	bool anywhere;	   /* in the line, not only at its beginning */
	bool title_before; /* the kernel's own message stands above the head */
	bool follows;	   /* from a finding of at least this severity, above it: */
	enum severity follows_from;
	unsigned lines; /* of the body, at most */
	char *each;	/* what all of these have in front; NULL: they are as they are */
	unsigned joins; /* a finding that began so many lines above, or fewer */
	struct strings text, end, yes, no;
	unsigned *literal; /* one for each text */
	char *regex;
	pcre2_code *match;
	pcre2_code *until;    /* a range's end */
	int func, file, line; /* groups of match, 0: there is no such */
};

struct patterns;

struct pattern_match {
	const struct pattern *p;
	const char *title; /* from here on it is the finding's head */
	size_t title_n;
	const char *func, *file, *line; /* into the text, NULL: not told */
	size_t func_n, file_n, line_n;
};

int patterns_new(struct patterns **ret) _must_check_;
void patterns_free(struct patterns *ps);
static inline void patterns_freep(struct patterns **ps)
{
	patterns_free(*ps);
}
/* Read a file's n bytes; name is for messages.  What it has stands behind what was read
 * before.  On an error ps may have a part of it. */
int patterns_parse(struct patterns *ps, const char *name, const char *text, size_t n,
		   struct kf_error *err) _must_check_;
/* Likewise, a file or all *.patterns of a directory, by name. */
int patterns_read(struct patterns *ps, const char *path,
		  struct kf_error *err) _must_check_;
/* Every pattern of at least that index finds its own `yes` lines and none of its `no`
 * lines. */
int patterns_check(const struct patterns *ps, size_t from,
		   struct kf_error *err) _must_check_;
/* No more will be read. */
int patterns_build(struct patterns *ps, struct kf_error *err) _must_check_;

/*
 * All that counts for a board (NULL: for none): log.ignore and log.patterns, the user's
 * patterns.d, kferry's own.  Those that are not kferry's are checked, too.
 */
int patterns_load(const struct config *cfg, const char *board, struct patterns **ret,
		  struct kf_error *err) _must_check_;

size_t patterns_count(const struct patterns *ps);
const struct pattern *patterns_at(const struct patterns *ps, size_t i);

/* false: the line has no literal of ours and need not be looked at again. */
bool patterns_may_match(const struct patterns *ps, const char *s, size_t n,
			struct literal_set *hits);
/* The first that fits a line's text (as of logline_parse()) in which those literals are.
 * An ignore is returned as such. */
bool patterns_find(const struct patterns *ps, pcre2_match_data *data,
		   const struct literal_set *hits, const char *s, size_t n,
		   struct pattern_match *ret);
/* Does the line end what this one began? */
bool pattern_ends(const struct patterns *ps, const struct pattern *p,
		  pcre2_match_data *data, const char *s, size_t n);
pcre2_match_data *patterns_match_data(void);

/* Is this function one of those through which a report runs, not its subject? */
bool patterns_skip_frame(const struct patterns *ps, const char *func, size_t n);

#endif
