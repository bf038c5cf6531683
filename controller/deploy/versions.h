/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that were sent, kept by digest in the cache: what patches are made against
 * when they change.
 *
 * A store of bounded size (cache.versions), the least recently used goes first; shared by
 * all trees and boards, and safe with two kferry at once.  A file is whole or not there,
 * and its content is checked whenever it is used.  Nothing here is an error of a deploy:
 * where something fails (a full disk, a directory that cannot be written) it goes on
 * without.
 */
#ifndef KF_VERSIONS_H
#define KF_VERSIONS_H

#include "controller/config/config.h"
#include "controller/kernel/packed.h"
#include "proto/digest.h"

struct versions;

/* NULL: there is no store, which all functions here take. */
struct versions *versions_open(const struct config *cfg);
void versions_close(struct versions *v);

/* Open what has this digest, its content checked; -ENOENT. */
int versions_get(struct versions *v, const struct digest *d,
		 uint64_t *ret_size) _must_check_;
/* Keep the file at path, which has (or had) this digest.  ours: nobody but us writes it,
 * so that it may be linked. */
void versions_put_file(struct versions *v, const struct digest *d, const char *path,
		       bool ours);
void versions_put(struct versions *v, const struct digest *d, const void *data, size_t n);
/* Keep all files of a package whose manifest has this digest: the package is kept as it
 * is, and unpacked when one of them is asked for. */
void versions_put_package(struct versions *v, const struct digest *manifest,
			  const struct packed *p);
/* Remove what is too much, if something was added. */
void versions_trim(struct versions *v);

#endif
