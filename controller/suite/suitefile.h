/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suite files: what a test suite needs, how it is started on a board, and what it leaves,
 * as kferry-suites(5) has it.  A parser without I/O.
 *
 *	[run]
 *	command = ./run_kselftest.sh
 *	with_collection = -c {collection}
 *
 * Several files may be read on top of each other: a later one's keys take the place of an
 * earlier one's.
 */
#ifndef KF_SUITEFILE_H
#define KF_SUITEFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

#define SUITEFILE_BYTES	 (64u * 1024) /* of a file */
#define SUITEFILE_LINE	 2048	      /* bytes of a line */
#define SUITEFILE_VALUE	 4000	      /* bytes of a value, all its lines */
#define SUITEFILE_WORDS	 200	      /* of a command */
#define SUITEFILE_MS_MAX (INT64_C(7) * 24 * 3600 * 1000) /* of a time limit */

enum suitefile_key {
	SUITEFILE_DESCRIPTION,
	SUITEFILE_MAKE,		   /* targets and variables of the tree's make */
	SUITEFILE_MAKE_COLLECTION, /* ... added with a collection */
	SUITEFILE_PUSH_FROM,	   /* a directory on this side */
	SUITEFILE_PUSH_TO,	   /* the directory on the board */
	SUITEFILE_PROGRAMS,	   /* that the board must have */
	SUITEFILE_COMMAND,
	SUITEFILE_COMMAND_COLLECTION,
	SUITEFILE_COMMAND_LIMIT, /* words that pass limits.test on */
	SUITEFILE_RETRY,	 /* the command for {tests} alone */
	SUITEFILE_DIRECTORY,
	SUITEFILE_ENVIRONMENT,
	SUITEFILE_LIMIT,
	SUITEFILE_LIMIT_TEST,
	SUITEFILE_FORMAT,
	SUITEFILE_SKIP_STATUS,
	SUITEFILE_FETCH, /* files on the board that are kept with the run */
	SUITEFILE_CLEAN, /* a command when it has ended, however it did */
	SUITEFILE_KEYS
};

struct suitefile {
	char *value[SUITEFILE_KEYS]; /* NULL: not set */
};

/* What stands for the placeholders; NULL: there is none. */
struct suitefile_values {
	const char *collection;
	const char *dir;   /* where the suite is on the board */
	const char *out;   /* where it is built on this side */
	const char *tree;  /* the kernel's sources */
	const char *obj;   /* and objects */
	const char *limit; /* limits.test, in seconds */
	const char *const *tests;
	size_t n_tests;
};

/* Read text on top of what f has.  name is the file's: errors say name:line and why, and
 * leave f as far as it was read.  What is not known is an error. */
int suitefile_parse(struct suitefile *f, const char *text, size_t n, const char *name,
		    struct kf_error *err) _must_check_;
/* All files were read: is it whole?  suite is what it is called. */
int suitefile_check(const struct suitefile *f, const char *suite,
		    struct kf_error *err) _must_check_;
void suitefile_fini(struct suitefile *f);
#define _suitefile_ _cleanup_(suitefile_fini)

const char *suitefile_key_name(enum suitefile_key key); /* "run.command" */
/* A value as words, placeholders filled in; {tests} is as many words as there are.  One
 * block for free(), ended by NULL; a key that is not set has no words. */
int suitefile_words(const struct suitefile *f, enum suitefile_key key,
		    const struct suitefile_values *v, char ***ret) _must_check_;
/* A value as it is, placeholders filled in: the caller's, or NULL when not set. */
int suitefile_text(const struct suitefile *f, enum suitefile_key key,
		   const struct suitefile_values *v, char **ret) _must_check_;
/* A time limit; otherwise when it is not set. */
int64_t suitefile_ms(const struct suitefile *f, enum suitefile_key key,
		     int64_t otherwise);
/* "90", "90s", "2m", "1h": milliseconds, at least a second; -EINVAL, -ERANGE. */
int suitefile_parse_ms(const char *text, int64_t *ret) _must_check_;
/* limits of results.skip_status: -1 when not set. */
int suitefile_skip_status(const struct suitefile *f);
/* A name behind ':' that may stand in paths and arguments: letters, digits and
 * . _ + - / , = but no "..", at most 128. */
bool suitefile_is_collection(const char *s);

#endif
