/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration that a slot's kernel was built with: boot/config of its package. */
#ifndef KF_KCONFIG_H
#define KF_KCONFIG_H

#include "proto/base/cleanup.h"

/* 1: option ("CONFIG_RD_ZSTD") is built in, 0: it is not, -ENOENT: the package has no
 * configuration, or another negative errno. */
int kconfig_builtin(int slot_fd, const char *option) _must_check_;

#endif
