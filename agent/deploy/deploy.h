/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receiving and installing a package: plan, manifest, need, files, install.
 *
 * One deploy at a time: deploy_begin() locks a file in the state directory (F_OFD_SETLK,
 * so it is gone with its holder) and refuses with KF_REASON_BUSY and the holder's name;
 * so it does while the board is being put in order (a->settling).
 * Blocking calls are marked [job]: the session runs them on a job thread.
 */
#ifndef KF_DEPLOY_H
#define KF_DEPLOY_H

#include <stdatomic.h>

#include "agent/agent.h"
#include "proto/package.h"

struct deploy;

/* Numbers that the session shows while a job runs; read from the loop thread. */
struct deploy_progress {
	_Atomic(const char *) stage; /* a string constant */
	atomic_uint_fast64_t done, total;
	void (*changed)(
		void *arg); /* called by the job thread after a change; may be NULL */
	void *arg;
};

/*
 * Check lease, architecture, board kind, space and boot chain; then hold the board.
 * *ret_plan's strings belong to the deploy.
 */
int deploy_begin(struct agent *a, const Kferry__PlanRequest *req, const char *holder,
		 struct deploy **ret, Kferry__Plan *ret_plan,
		 struct kf_error *err) _must_check_;
/* Take the manifest's bytes, or a patch that makes them; not called when
 * plan.have_manifest. */
int deploy_manifest(struct deploy *d, const void *data, size_t n,
		    struct kf_error *err) _must_check_;
/* [job] Find what the board has, by digest, in any slot and in an earlier staging; link
 * it there.  *ret: bitmap owned by the deploy. */
int deploy_need(struct deploy *d, Kferry__Need *ret, struct kf_error *err) _must_check_;
/* After it, where the request had `delta`: the table of older versions, which follows
 * Need; empty when there is none. */
const struct buf *deploy_bases(const struct deploy *d);
/* [job] Unpack the wanted files from a package stream, digesting what is written. */
int deploy_receive(struct deploy *d, package_pull_fn pull, void *arg,
		   struct kf_error *err) _must_check_;
/* [job] Flush, verify from disk, make the initramfs, stage the boot entry, journal. */
int deploy_install(struct deploy *d, Kferry__Installed *ret,
		   struct kf_error *err) _must_check_;

void deploy_set_progress(struct deploy *d, struct deploy_progress *p);
void deploy_set_cancel(struct deploy *d, const atomic_bool *cancel);
/* Release the board.  What was received stays in staging for a resume. */
void deploy_end(struct deploy *d);

/* Who holds the board: "" if nobody.  dst of LIMIT_STRING + 1 bytes. */
void deploy_holder(const struct agent *a, char *dst, size_t size);
/* At start-up, before anybody writes: temporary files that a crash left go. */
void deploy_clean(struct agent *a);
/* After it, before the first deploy: drop staging directories that nothing can resume,
 * finish or undo what a crash left (a slot directory without an entry in the state, a
 * boot entry without a slot).  Blocking, for as long as the boot chain's programs take;
 * takes chain_lock. */
int deploy_recover(struct agent *a, struct kf_error *err) _must_check_;

#endif
