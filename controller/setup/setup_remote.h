/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts run on a board during setup, as the login or as root. */
#ifndef KF_SETUP_REMOTE_H
#define KF_SETUP_REMOTE_H

#include "controller/config/config.h"
#include "controller/link/link.h"
#include "controller/ui/ui.h"

struct remote;

int remote_open(const struct config *cfg, struct ui *ui, const char *board,
		struct remote **ret, struct kf_error *err) _must_check_;
void remote_close(struct remote *r);

/* Find out how to become root: at once, through sudo, or not at all (an error). */
int remote_become_root(struct remote *r, struct kf_error *err) _must_check_;

/*
 * Run `sh -c script` with args (NULL-terminated) as $1...; script is a constant of ours.
 * out gets its stdout.  A non-zero exit status is an error with the last line that it
 * printed to stderr; `doing` says what failed.
 */
int remote_sh(struct remote *r, const char *doing, const char *script,
	      const char *const args[], struct buf *out,
	      struct kf_error *err) _must_check_;
/* Likewise as root. */
int remote_root_sh(struct remote *r, const char *doing, const char *script,
		   const char *const args[], struct buf *out,
		   struct kf_error *err) _must_check_;

/* From now on remote_install() makes a read-only file system writable with the words of
 * unlock and read-only again with those of lock, on the board and in one script, so also
 * when the install fails or the connection goes.  Both stay the caller's; NULL: it
 * cannot. */
void remote_unlock_with(struct remote *r, const char *unlock, const char *lock);

/* Make path (absolute) hold the bytes with this mode, owned by root: uploaded beside,
 * flushed, renamed.  *ret_changed false: it did already. */
int remote_install(struct remote *r, const char *path, const char *mode, const void *data,
		   size_t len, bool *ret_changed, struct kf_error *err) _must_check_;

#endif
