/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a kernel was built into, and whether they are that kernel's. */
#ifndef KF_DECODE_OBJECTS_H
#define KF_DECODE_OBJECTS_H

#include "controller/decode/decode.h"
#include "controller/decode/resolve.h"

struct objects {
	char *vmlinux;
	char *obj; /* of the tree; "": there is none, modules cannot be found */
	char *src; /* "": not known */
	struct resolve_tools tools;
	time_t built_before;
};

int objects_find(const struct decode_of *of, struct objects *ret,
		 struct kf_error *err) _must_check_;
void objects_fini(struct objects *o);
/* A module's file; build_id (n digits; NULL: not told) as the log has it.  -ENOENT: it is
 * not there; -ESTALE: it is another build's. */
int objects_module(const struct objects *o, const char *name, size_t name_n,
		   const char *build_id, size_t n, char **ret) _must_check_;
/* A file's name as it is in the tree: the caller's; NULL: no memory. */
char *objects_short(const struct objects *o, const char *file);

#endif
