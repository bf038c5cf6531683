/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels on a board that kferry did not install: what is in its /boot and /lib/modules.
 * Asked by a script that the agent runs as a command, so that any agent will do; what it
 * says is believed as far as it is well formed.
 */
#ifndef KF_FOREIGN_H
#define KF_FOREIGN_H

#include "controller/client.h"
#include "proto/limits.h"

#define FOREIGN_MAX 256 /* kernels of a board */

struct foreign_one {
	char release[LIMIT_RELEASE + 1];
	uint64_t bytes;	  /* of /boot's files and modules */
	int64_t age_s;	  /* by the board's clock; -1: not known */
	char package[80]; /* that it belongs to, "": none */
};

struct foreign {
	struct foreign_one one[FOREIGN_MAX];
	size_t n;
	int64_t now; /* of the board's clock */
	struct {
		char slot[16];
		int64_t made;
	} made[FOREIGN_MAX]; /* when slots were installed, by the same clock */
	size_t n_made;
};

/* state_dir: of the agent, NULL for its own place. */
int foreign_list(struct client *c, const char *state_dir, deadline_ms deadline,
		 struct foreign *ret, struct kf_error *err) _must_check_;
/* The script's words; lines that are none of it are passed over. */
void foreign_parse(const char *text, size_t n, struct foreign *ret);
/* Of a slot by its id, in seconds; -1: not known. */
int64_t foreign_slot_age(const struct foreign *f, const char *slot);

/* Remove it: by the board's package manager where a package has it, else its files and
 * boot entry, by the distribution's own hooks.  Never the one that runs.  keep_modules: a
 * slot has the same release. */
int foreign_remove(struct client *c, const char *release, bool keep_modules,
		   struct kf_error *err) _must_check_;

#endif
