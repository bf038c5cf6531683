/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of lines of which some are on the screen: which one is chosen, which is the
 * first that is seen, and what keys make of that.  No terminal; memory for the lines
 * alone.
 */
#ifndef KF_PANE_H
#define KF_PANE_H

#include <stdbool.h>
#include <stddef.h>

struct pane {
	char **lines; /* fit for a terminal */
	char **names; /* what a line stands for, or NULL */
	size_t n;
	size_t chosen, top;
	bool reading; /* a text: moving scrolls, nothing is chosen */
};

enum pane_key {
	PANE_UP,
	PANE_DOWN,
	PANE_PAGE_UP,
	PANE_PAGE_DOWN,
	PANE_HOME,
	PANE_END,
};

void pane_fini(struct pane *p);
/* text is escaped; name may be NULL. */
int pane_add(struct pane *p, const char *text, const char *name)
	__attribute__((warn_unused_result));
/* Each line of a text; tabs are blanks then. */
int pane_add_text(struct pane *p, const char *text, size_t n)
	__attribute__((warn_unused_result));
/* rows: of the screen, at least 1. */
void pane_move(struct pane *p, enum pane_key key, size_t rows);
/* The screen has another size. */
void pane_fit(struct pane *p, size_t rows);
/* What is chosen stands for; NULL. */
const char *pane_name(const struct pane *p);

/* How many bytes of text fit into so many columns; whole characters.  Of what is wider
 * than the locale knows each is one column. */
size_t pane_cut(const char *text, size_t columns);
/* The text cut to so many columns, and blanks up to there; the caller's, NULL: no memory.
 */
char *pane_column(const char *text, size_t columns);

#endif
