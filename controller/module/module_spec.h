/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module and its parameters, as a user names them: "NAME [param=value]...". */
#ifndef KF_MODULE_SPEC_H
#define KF_MODULE_SPEC_H

#include <stddef.h>

#include "proto/base/err.h"

struct module_spec {
	char *name;
	char **params;
	size_t n_params;
};

/* Of one text; quotes hold blanks together.  A file's name does for the module's:
 * "drivers/net/tun.ko" is tun.  KF_REASON_USAGE says what is wrong. */
int module_spec_parse(const char *text, struct module_spec *ret,
		      struct kf_error *err) _must_check_;
/*
 * Of words: each that has no '=' is a module, the others are parameters of the one
 * before. *ret: an array, the caller's, with each element's to module_spec_fini().
 */
int module_specs_of(char *const words[], size_t n, struct module_spec **ret,
		    size_t *ret_n, struct kf_error *err) _must_check_;
void module_spec_fini(struct module_spec *s);
#define _module_spec_ _cleanup_(module_spec_fini)

#endif
