/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is true until the next boot and must outlive the agent: a file in /run with the
 * boot_id, which counts in its boot only, also where /run outlives that.
 */
#ifndef KF_BOOTMARK_H
#define KF_BOOTMARK_H

#include "agent/agent.h"

#define BOOTMARK_MODULES  "/run/kferry/modules-changed"
#define BOOTMARK_RESTAGED "/run/kferry/restaged"

/* 0, or why it could not be left. */
int bootmark_leave(const struct agent *a, const char *path) _must_check_;
bool bootmark_is(const struct agent *a, const char *path);

#endif
