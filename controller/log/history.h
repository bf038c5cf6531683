/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --history keeps: a directory for each time, DATA/history/BOARD/KIND/N, N counting
 * up from 1, with the output and info.json.
 */
#ifndef KF_HISTORY_H
#define KF_HISTORY_H

#include <jansson.h>

#include "controller/config/config.h"

struct history {
	char *dir; /* NULL: nothing is kept */
	int fd;	   /* of it */
};

#define HISTORY_INIT                                                                     \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Make the next one.  kind is ours. */
int history_open(const struct config *cfg, const char *board, const char *kind,
		 struct history *ret, struct kf_error *err) _must_check_;
void history_fini(struct history *h);
#define _history_ _cleanup_(history_fini)

/* A new file in it: a descriptor. */
int history_create(const struct history *h, const char *name,
		   struct kf_error *err) _must_check_;
/* info.json: takes info, and adds when it was written. */
int history_tell(const struct history *h, json_t *info,
		 struct kf_error *err) _must_check_;

#endif
