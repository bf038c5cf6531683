/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One GET over HTTP, by libcurl, with a deadline and a limit of bytes. */
#ifndef KF_FETCH_H
#define KF_FETCH_H

#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

/*
 * The whole body into out (appended).  Proxies are those of the environment; redirections
 * are followed, to http and https only.  err is about url, and:
 *	-ENOENT		404: there is no such page; also 300, which names others
 *	-EOPNOTSUPP	501, 405: the server does not do that
 *	-EHOSTUNREACH	no connection, or a server that fails (5xx)
 *	-ETIMEDOUT, -ECANCELED
 *	-EFBIG		more than max bytes, decompressed
 *	-EIO		anything else
 */
int fetch(const char *url, size_t max, int timeout_ms, struct buf *out,
	  struct kf_error *err) _must_check_;

/* Decompress gzip to at most max bytes: -EFBIG, -EBADMSG (err says what is wrong). */
int fetch_gunzip(const struct buf *in, size_t max, struct buf *out,
		 struct kf_error *err) _must_check_;

#endif
