/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose modules the running kernel finds in /lib/modules/<release>: those of the slot
 * that runs, or, for the rest of this boot, those of another slot with the same image.
 *
 * The state says whose they shall be (state.modules, counted in its boot only), and is
 * changed before the directory is; the early step and the agent's start make the
 * directory what the state says.  No slot's files are touched.
 */
#ifndef KF_SHOWN_H
#define KF_SHOWN_H

#include "agent/slot/slot.h"

#define SHOWN_NAMES 32 /* of changed modules that are told */

/* The modules of a slot against those that were shown. */
struct shown_change {
	char slot[SLOT_ID_SIZE];
	char release[LIMIT_RELEASE + 1];
	uint32_t changed, total;
	char names[SHOWN_NAMES][LIMIT_NAME + 1];
	size_t n_names;
};

/* Whose are shown, by looking; "": no slot's. */
void shown_now(const struct agent *a, char id[SLOT_ID_SIZE]);
/* Whose shall be: that of a record of this boot, else the running slot, "" if none runs.
 * a->state_lock is held, or nobody else runs. */
const char *shown_wanted(const struct agent *a);

/*
 * Are this package's modules for the kernel that runs?  Refused with
 * KF_REASON_NOT_RUNNING: none of ours runs, another release, another image; or (-ENOEXEC)
 * a module that differs from the running slot's was built for another kernel, by its
 * vermagic.  files_fd: the package's files; -1: they are not there yet.
 */
int shown_check(const struct agent *a, const struct manifest *m, int files_fd,
		struct kf_error *err) _must_check_;
/* The part of it that needs no manifest. */
int shown_check_release(const struct agent *a, const char *release,
			struct kf_error *err) _must_check_;

/* Blocking.  Show those of the slot id ("": the running one's own) from now on.  A slot
 * that was shown before, for its modules only, is removed.  Takes a->chain_lock. */
int shown_switch(struct agent *a, const char *id, struct shown_change *ret,
		 struct kf_error *err) _must_check_;
/* Has this boot seen others than the running slot's own?  Then what is loaded need not be
 * from what is shown. */
bool shown_has_changed(const struct agent *a);
/* Show what the state says; where that slot's cannot be, the running one's.  ret_id:
 * whose are shown.  For the early step, and the agent's helper outside of the sandbox. */
int shown_settle(const struct agent *a, char ret_id[SLOT_ID_SIZE],
		 struct kf_error *err) _must_check_;
/* At the agent's start: forget the record of an earlier boot, make that of this one true
 * where it is not (the early step has run before).  No programs are run; failures are
 * logged. */
void shown_start(struct agent *a);

#endif
