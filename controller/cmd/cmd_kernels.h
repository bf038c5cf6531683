/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of `kernels` share. */
#ifndef KF_CMD_KERNELS_H
#define KF_CMD_KERNELS_H

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/kernels/foreign.h"

struct kernels {
	struct cmd_env *env;
	const char *board;
	struct client *client;
	bool force, kexec_ok;
	bool all, regex, yes, dry_run; /* of rm */
};

/* What the board has; unpacked, and the caller's. */
struct kernels_found {
	Kferry__Status *status;
	Kferry__Slots *slots;
	struct foreign *own;
};

int kernels_find(struct kernels *k, struct kernels_found *ret,
		 struct kf_error *err) _must_check_;
void kernels_found_fini(struct kernels_found *f);
/* The release that runs, where that is one of the board's own kernels; else "". */
const char *kernels_own_running(const struct kernels_found *f);
/* "3d", "5h", "12m", "now"; "-": not known. */
const char *kernels_age(int64_t age_s, char text[static 16]);

/* A request that changes one slot; tells the step. */
int kernels_change(struct kernels *k, const Kferry__Envelope *request, const char *did,
		   const char *slot, struct kf_error *err) _must_check_;

int kernels_list(struct kernels *k, struct kf_error *err) _must_check_;
int kernels_rm(struct kernels *k, char *const names[], struct kf_error *err) _must_check_;

#endif
