/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --history keeps: a directory for each time, DATA/history/BOARD/KIND/N, N counting
 * up from 1, with the output and info.json.
 */
#ifndef KF_KEPT_H
#define KF_KEPT_H

#include <jansson.h>

#include "controller/config/config.h"

struct kept {
	char *dir; /* NULL: nothing is kept */
	int fd;	   /* of it */
};

#define KEPT_INIT                                                                        \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Make the next one.  kind is ours. */
int kept_open(const struct config *cfg, const char *board, const char *kind,
	      struct kept *ret, struct kf_error *err) _must_check_;
void kept_fini(struct kept *h);
#define _kept_ _cleanup_(kept_fini)

/* A new file in it: a descriptor. */
int kept_create(const struct kept *h, const char *name,
		struct kf_error *err) _must_check_;
/* info.json: takes info, and adds when it was written. */
int kept_tell(const struct kept *h, json_t *info, struct kf_error *err) _must_check_;

#endif
