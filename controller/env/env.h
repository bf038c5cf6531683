/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Environments of a kernel tree: named sets of toolchain, board and object directory, one
 * of which may be in use.  They are files of the configuration's layer "env"
 * (config_env.c), on a shelf; the tree itself is never touched.
 *
 * An environment is a directory, NAME, with env.ini and, unless it was given another
 * place, the object directory obj: what is below it is the environment's, and goes with
 * it; what is elsewhere does not.
 */
#ifndef KF_ENV_H
#define KF_ENV_H

#include "controller/config/config.h"
#include "controller/shelf.h"

struct env_spec {
	const char *board, *arch, *cross_compile,
		*llvm;		  /* NULL: as the layers below say */
	const char *output;	  /* NULL: its own */
	const struct buf *config; /* becomes its .config; NULL: none */
};

struct env_entry {
	char *name;
	char *trouble; /* why it cannot be used; then nothing below is set */
	char *board, *arch, *output; /* board, arch: NULL where it does not say */
	bool own_output;	     /* it goes with the environment */
};

struct env_list {
	struct env_entry *entries; /* sorted by name */
	size_t n;
	char *current; /* the one in use, NULL: none */
	bool cut;      /* there was more than SHELF_MAX */
};

/* cfg was loaded plain, in a tree: else KF_REASON_CONFIG. */
int env_create(const struct config *cfg, const char *name, const struct env_spec *spec,
	       struct kf_error *err) _must_check_;
int env_use(const struct config *cfg, const char *name,
	    struct kf_error *err) _must_check_;
/* 1: none was in use. */
int env_exit(const struct config *cfg, struct kf_error *err) _must_check_;
int env_remove(const struct config *cfg, const char *name,
	       struct kf_error *err) _must_check_;
int env_list(const struct config *cfg, struct env_list *ret,
	     struct kf_error *err) _must_check_;
void env_list_fini(struct env_list *l);

#endif
