/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board's running kernel was configured with, and which modules it has loaded. */
#ifndef KF_FETCH_H
#define KF_FETCH_H

#include "controller/client.h"
#include "controller/kconfig/kconf.h"

/*
 * From /proc/config.gz, else /boot/config-RELEASE: *ret_from (free it) says which.  text
 * is a configuration.  -ENOENT, without a word in err: the board has neither.  What is
 * there and is none is an error (KF_REASON_INVALID); then the client can only be closed.
 */
int fetch_config(struct client *c, deadline_ms deadline, struct buf *text,
		 char **ret_from, struct kf_error *err) _must_check_;
/* Unpack what /proc/config.gz gave; for tests. */
int fetch_unpack(const void *data, size_t n, struct buf *text,
		 struct kf_error *err) _must_check_;
/* The names of the modules that are loaded, one a line; *ret_n of them. */
int fetch_modules(struct client *c, const char *board, deadline_ms deadline,
		  struct buf *names, size_t *ret_n, struct kf_error *err) _must_check_;

#endif
