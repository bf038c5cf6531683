/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link: a byte stream to the agent of a board, and nothing else.
 *
 *	ssh    libssh; `<agent.path> stdio` in an exec channel       link_ssh.c
 *	exec   any argv whose stdin and stdout are the stream        link_exec.c
 *	unix   a socket on this machine                              link_unix.c
 *
 * Above, only link_fd() is seen: a stream socket, non-blocking.  The ssh link runs
 * threads: one connects and logs in, one pumps between channel and socketpair; only one
 * of them has the SSH session at any time.  Where a session (controller/session/) keeps a
 * connection to the same target open, the stream is a channel of that one, by way of
 * warm.h, and no such threads run.  libssh appears in link_ssh.c and in the files behind
 * ssh_*.h and carrier.h only.
 *
 * One link or runner is used by one thread.
 */
#ifndef KF_LINK_H
#define KF_LINK_H

#include <sys/socket.h>

#include "controller/config/config.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/err.h"

struct link;

/* Is its board.link one of the above?  Nothing is connected to. */
int link_check(const struct config *cfg, const char *board,
	       struct kf_error *err) _must_check_;
/* Connect to the board's agent by its board.link.  Errors: UNREACHABLE, HOST_KEY (with
 * both fingerprints and how to accept), AUTH, NO_AGENT (with what the far side's stderr
 * said), TIMEOUT. */
int link_open(const struct config *cfg, const char *board, deadline_ms deadline,
	      struct link **ret, struct kf_error *err) _must_check_;
int link_fd(const struct link *l);
const char *link_describe(const struct link *l); /* "ssh pi@rpi4.local:22" */
/* One line on how it was connected, for those who want to know more; "": nothing to say.
 */
const char *link_note(const struct link *l);
/* The far end's address, where the link is a TCP connection to an SSH server. */
bool link_peer(const struct link *l, struct sockaddr_storage *ret);
/* After the stream ended: say why, as the far side told (stderr, exit status).  Always an
 * error: KF_REASON_NO_AGENT where that is certain, else KF_REASON_CONNECTION.  Waits for
 * the far side's last words for a moment. */
int link_failure(struct link *l, struct kf_error *err);
void link_close(struct link *l);

/*
 * Run a command on a board that may have no agent (setup): over the ssh link a channel of
 * its own; over exec links the argv of `board.run`, with the command's words added.  The
 * words are quoted for the remote shell.  input may be NULL; in_fd > 0 is sent instead.
 * 0 when it ran: *ret_status.
 */
struct link_run {
	const char *const *argv;
	const void *input;
	size_t input_len;
	int input_fd;		   /* > 0: read to its end */
	struct buf *out, *err_out; /* limited by their max */
	deadline_ms deadline;
};
struct link_runner;
/* One connection for any number of commands. */
int link_runner_open(const struct config *cfg, const char *board, deadline_ms deadline,
		     struct link_runner **ret, struct kf_error *err) _must_check_;
/* -ENOTCONN and the like: the connection failed; -ETIMEDOUT, -ECANCELED; -EMSGSIZE when
 * out or err_out is full. */
int link_runner_run(struct link_runner *r, const struct link_run *run, int *ret_status,
		    struct kf_error *err) _must_check_;
void link_runner_close(struct link_runner *r);

/*
 * The host key of a board on the ssh link, as it is now and as it is known.  Nothing is
 * accepted here: that is done by writing `fingerprint` to board.host_key_sha256.
 */
enum host_key { HOST_KEY_GOOD, HOST_KEY_UNKNOWN, HOST_KEY_CHANGED };
struct link_host_key {
	enum host_key state;
	char type[32];
	char fingerprint[72]; /* "SHA256:..." */
	char known[72];	      /* with HOST_KEY_CHANGED */
};
/* Other links have no host key: HOST_KEY_GOOD, fingerprint "". */
int link_host_key(const struct config *cfg, const char *board, deadline_ms deadline,
		  struct link_host_key *ret, struct kf_error *err) _must_check_;

#endif
