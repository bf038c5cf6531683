/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connectors of a board's displays, as /sys/class/drm has them. */
#ifndef KF_DRMLIST_H
#define KF_DRMLIST_H

#include <stddef.h>

#include "controller/config/config.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

#define DRMLIST_MAX   64   /* connectors of a board */
#define DRMLIST_MODES 1024 /* of a connector */

struct drmlist_connector {
	char *id;				/* "card1-HDMI-A-1" */
	const char *name;			/* of id: "HDMI-A-1" */
	char *status, *enabled, *dpms, *driver; /* NULL: not told */
	char **modes; /* "1920x1080", the preferred one first; one more for each rate */
	size_t n_modes;
};

struct drmlist {
	struct drmlist_connector *v;
	size_t n;
};

void drmlist_fini(struct drmlist *l);
#define _drmlist_ _cleanup_(drmlist_fini)

/* Ask a board.  *ret is empty before. */
int drmlist_ask(const struct config *cfg, const char *board, struct drmlist *ret,
		struct kf_error *err) _must_check_;
/* What it answers: lines of a word and a value, "connector ID" before those that are of
 * it.  Unknown words are passed over.  An engine without I/O. */
int drmlist_parse(const char *text, struct drmlist *ret,
		  struct kf_error *err) _must_check_;

#endif
