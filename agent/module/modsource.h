/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From which slot's file was a loaded module?  Of the running slot and the one whose
 * modules are shown in its place, by the module's build-id (else its srcversion), which
 * the kernel and the file have.  Blocking.
 */
#ifndef KF_MODSOURCE_H
#define KF_MODSOURCE_H

#include "agent/agent.h"

struct modsource;

/* No slot runs: a source that knows nothing. */
int modsource_new(const struct agent *a, struct modsource **ret) _must_check_;
void modsource_free(struct modsource *s);
/* The slot's id, "" when it is not known: built in, another's, loaded from a file that is
 * gone. */
const char *modsource_of(const struct modsource *s, const char *name);

#endif
