/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kw calls things, and what they are here: its commands (`kferry help kw`), and the
 * keys of its files (`kferry import kw`).
 */
#ifndef KF_KWMAP_H
#define KF_KWMAP_H

#include "proto/base/buf.h"

struct kwcommand {
	const char *kw, *kferry;
};
extern const struct kwcommand kwmap_commands[]; /* ends with a NULL */
/* What a command of kw's, or its short form, is here; NULL: it is none, or has the same
 * name. */
const char *kwmap_hint(const char *command);

/* Of one setting: either key and value (the caller's) are set, or why (a constant) says
 * why there is no counterpart. */
struct kwmeaning {
	const char *key;
	char *value;
	const char *why;
};

/* file: "build", "deploy", ...: the name without ".config".  -ENOMEM. */
int kwmap_setting(const char *file, const char *key, const char *value,
		  struct kwmeaning *ret) _must_check_;
/* The same of a remote's key, in small letters: keys of a board. */
int kwmap_remote(const char *key, const char *value, struct kwmeaning *ret) _must_check_;

#endif
