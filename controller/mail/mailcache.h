/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was fetched of mail archives: a file for each address. */
#ifndef KF_MAILCACHE_H
#define KF_MAILCACHE_H

#include "controller/config/config.h"
#include "proto/base/buf.h"

/* -ENOENT: it is not there.  *ret_since: when it was fetched. */
int mailcache_read(const struct config *cfg, const char *url, size_t max, struct buf *out,
		   int64_t *ret_since) _must_check_;
/* Keep it, and forget the oldest where there are more than patches.cache MiB. */
int mailcache_write(const struct config *cfg, const char *url,
		    const struct buf *data) _must_check_;

#endif
