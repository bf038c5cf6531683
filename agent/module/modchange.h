/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules of the running kernel, loaded and unloaded by the board's own modprobe, outside
 * of the sandbox: with the options and aliases of its modprobe.d, as a user of the board
 * would.
 */
#ifndef KF_MODCHANGE_H
#define KF_MODCHANGE_H

#include "agent/module/modlist.h"

/* What became of it: names, in the order in which it happened. */
struct modchange {
	char **unloaded, **loaded;
	size_t n_unloaded, n_loaded;
};

void modchange_fini(struct modchange *c);
#define _modchange_ _cleanup_(modchange_fini)

/*
 * All block.  Errors: KF_REASON_NOT_FOUND (no such module, or not loaded), EXISTS (it is
 * loaded, and parameters were given), MODULE_IN_USE (who uses it), MODULE (it did not
 * load, and modprobe's words), EXEC (no modprobe).
 */
int modchange_load(const struct agent *a, const char *name, char *const params[],
		   size_t n_params, struct modchange *ret,
		   struct kf_error *err) _must_check_;
int modchange_unload(const struct agent *a, const char *name, struct modchange *ret,
		     struct kf_error *err) _must_check_;
/*
 * Unload it and all that use it, load them again; one that is not loaded is only loaded.
 * Refused before anything is unloaded when one of them is in use by something else.  When
 * one cannot be unloaded all the same, what went is loaded again; when the module does
 * not load, those that use it stay out, and the error names them.
 */
int modchange_reload(const struct agent *a, const char *name, char *const params[],
		     size_t n_params, struct modchange *ret,
		     struct kf_error *err) _must_check_;

#endif
