/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two forms of kw's files: "key=value" lines, and remote.config, which is a small
 * part of ssh_config's form with the default remote in a comment.  No I/O.
 */
#ifndef KF_KWFILE_H
#define KF_KWFILE_H

#include <stdbool.h>
#include <stddef.h>

#define KWFILE_MAX   (256u << 10) /* bytes of a file */
#define KWFILE_LINES 4096
#define KWFILE_VALUE 1024 /* bytes of a value */

struct kwline {
	char *key;   /* "" in what is no setting: then value is the whole line */
	char *value; /* plain text */
	char *host;  /* of a remote: whose it is; NULL in other files */
	unsigned line;
};

struct kwfile {
	struct kwline *v;
	size_t n;
	char *fallback; /* of remote.config: the default remote, or NULL */
	bool cut;	/* there was more than KWFILE_LINES */
};

void kwfile_fini(struct kwfile *f);
#define _kwfile_ _cleanup_(kwfile_fini)

/* -ENOMEM, or -EBADMSG: it is no text. */
int kwfile_parse(const char *text, size_t n, struct kwfile *ret);
/* The same of remote.config: keys are ssh_config's, in small letters. */
int kwfile_parse_remotes(const char *text, size_t n, struct kwfile *ret);

#endif
