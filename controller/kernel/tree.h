/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel source tree and where its objects are: found from the configuration, spoken
 * to through its own makefile, always with the same ARCH, CROSS_COMPILE and LLVM.
 *
 * The tree has a directory in the cache, named by source and object directory, for build
 * logs and staged files.
 */
#ifndef KF_TREE_H
#define KF_TREE_H

#include "controller/config/config.h"
#include "proto/base/proc.h"

struct tree {
	char *src;    /* real path of the sources */
	char *obj;    /* of the objects; equal to src when built in place */
	char *cache;  /* this tree's directory in the cache */
	char *arch;   /* in the manifest's words: "x86_64", "arm64" */
	char *cross;  /* CROSS_COMPILE, NULL: none */
	char *llvm;   /* value of LLVM=, NULL: none */
	char *cc;     /* CC where it goes through ccache, NULL: make's own */
	char *cflags; /* KCFLAGS, NULL: none */
	char **extra; /* further words of every make (build.extra), NULL: none */
};

/* Errors: KF_REASON_CONFIG, saying what is not there and what to do. */
int tree_open(const struct config *cfg, const char *board, struct tree **ret,
	      struct kf_error *err) _must_check_;
void tree_free(struct tree *t);

/* Has dir what only a kernel's source tree has? */
bool tree_is_kernel(const char *dir);
/* Up from start: a source tree, or an object tree made by O= (its "source" link leads
 * there). Both are the caller's; -ENOENT. */
int tree_find(const char *start, char **ret_src, char **ret_obj) _must_check_;

/* What makefiles and the directories below arch/ call it: "x86_64" -> "x86".  Others
 * stay as they are. */
const char *tree_make_arch(const char *arch);

/* Has the source tree that architecture (in either's words)?  KF_REASON_USAGE, with those
 * that it has. */
int tree_check_arch(const char *src, const char *arch, struct kf_error *err) _must_check_;

/* "make" with the tree's variables, then words; NULL-terminated, one block for free(). */
char **tree_argv(const struct tree *t, const char *const words[]);
/* Environment that keeps messages in English and an outer make's flags out. */
extern const char *const tree_env[];
/* Run it quietly; on failure err has the last line of output. */
int tree_make(const struct tree *t, const char *const words[], int timeout_ms,
	      struct buf *out, struct kf_error *err) _must_check_;

/* -ENOENT when it is not configured: KF_REASON_CONFIG. */
int tree_check_config(const struct tree *t, struct kf_error *err) _must_check_;
bool tree_config_is_set(const struct tree *t, const char *symbol); /* =y or =m */
/* `make kernelrelease`; checked to be a release. */
int tree_release(const struct tree *t, char **ret, struct kf_error *err) _must_check_;
/* The image that the board's profile wants (build.image), else `make image_name`. */
int tree_image(const struct tree *t, const struct config *cfg, const char *board,
	       char **ret, struct kf_error *err) _must_check_;
/* From t->obj. */
char *tree_path(const struct tree *t, const char *rel);

#endif
