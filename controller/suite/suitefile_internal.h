/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What suitefile.c (lines) and suitefile_value.c (values) share. */
#ifndef KF_SUITEFILE_INTERNAL_H
#define KF_SUITEFILE_INTERNAL_H

#include "proto/base/cleanup.h"

enum suitefile_kind {
	SUITEFILE_IS_TEXT,
	SUITEFILE_IS_WORDS,    /* with quotes as in a shell */
	SUITEFILE_IS_SETTINGS, /* words NAME=VALUE */
	SUITEFILE_IS_PATH,     /* on this side */
	SUITEFILE_IS_PLACE,    /* an absolute path on the board, or {dir} and more */
	SUITEFILE_IS_TIME,
	SUITEFILE_IS_FORMAT,
	SUITEFILE_IS_STATUS
};

struct suitefile_entry {
	const char *name;
	enum suitefile_kind kind;
	const char *holders; /* placeholders that may stand in it */
};

/* -EINVAL, and why. */
int suitefile_check_value(const struct suitefile_entry *e, const char *text,
			  char why[static 256]) _must_check_;

#endif
