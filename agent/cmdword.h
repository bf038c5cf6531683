/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel command line as words: blanks part them, but for those between two '"'
 * (the kernel's next_arg(), lib/cmdline.c).  A word's quotes stay where they are.
 */
#ifndef KF_CMDWORD_H
#define KF_CMDWORD_H

#include <stdbool.h>
#include <stddef.h>

/* Words that the agent puts there, or looks for. */
#define CMDWORD_SLOT  "kferry.slot=" /* the slot that this is the command line of */
#define CMDWORD_KEXEC "kferry.kexec" /* it was started by kexec */
#define CMDWORD_IMAGE "BOOT_IMAGE="  /* GRUB: the kernel that it started */

struct cmdword {
	const char *s; /* in the line */
	size_t n;
};

/* The next word, and *line behind it; false: there is none. */
bool cmdword_next(const char **line, struct cmdword *ret);
bool cmdword_is(const struct cmdword *w, const char *text);
bool cmdword_begins(const struct cmdword *w, const char *head);
/* Is what stands before their '=' the same?  '-' and '_' are, to the kernel. */
bool cmdword_same_key(const struct cmdword *a, const struct cmdword *b);
/* What stands behind '=', without quotes around it; n 0 when there is nothing. */
struct cmdword cmdword_value(const struct cmdword *w);

/* The first word that begins so.  line NULL: there is none. */
bool cmdword_find(const char *line, const char *head, struct cmdword *ret);
/* Is there a word that is this one? */
bool cmdword_has(const char *line, const char *word);

#endif
