/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules of a board's running kernel: what is asked of its agent.  Answers are valid
 * until the next use of the client. */
#ifndef KF_MODULE_CALL_H
#define KF_MODULE_CALL_H

#include <jansson.h>

#include "controller/client.h"
#include "controller/module/module_spec.h"

/* KF_REASON_UNSUPPORTED: the agent is too old for all of this. */
int module_call_check(struct client *c, const char *board,
		      struct kf_error *err) _must_check_;
/* Of those names; none: all that are loaded. */
int module_call_list(struct client *c, char *const names[], size_t n,
		     deadline_ms deadline, const Kferry__Modules **ret,
		     struct kf_error *err) _must_check_;
/* A board that says nothing meanwhile, as a dead one does, is a lost connection. */
int module_call_change(struct client *c, Kferry__ModuleAction action,
		       const struct module_spec *spec, deadline_ms deadline,
		       const Kferry__ModuleChange **ret,
		       struct kf_error *err) _must_check_;
/* slot "": the running one's own. */
int module_call_show(struct client *c, const char *slot, deadline_ms deadline,
		     const Kferry__ModulesShown **ret, struct kf_error *err) _must_check_;

/* "loaded tun", "unloaded and loaded again a (with b, c)": for a person; the caller's,
 * NULL: no memory. */
char *module_call_text(const char *name, const Kferry__ModuleChange *m);
/* The same as fields of an event: action, name, unloaded, loaded. */
json_t *module_call_json(const char *action, const char *name,
			 const Kferry__ModuleChange *m);

#endif
