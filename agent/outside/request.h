/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the agent asks of its helper outside of the sandbox, as bytes: the program to run
 * and the place to run it in.  No I/O here.
 *
 * On a connection, all numbers big-endian:
 *
 *	agent                               helper
 *	  head, body; with the first
 *	  byte, descriptors 0-2     ---->
 *	                                    runs it
 *	  shut down for writing     ---->   ends it: SIGTERM, later SIGKILL
 *	                            <----   reply, once it has ended
 *
 *	head   u32 magic, u32 bytes of the body, u16 words, u16 variables, u16 mounts, u16
 *0 body   strings with their NUL: directory, words, variables; each mount is a string
 *	       with its kind, what, where
 *	reply  u32 kind, u32 value, u32 index of the mount that failed
 */
#ifndef KF_OUTSIDE_REQUEST_H
#define KF_OUTSIDE_REQUEST_H

#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/limits.h"

#define OUTSIDE_HEAD  16
#define OUTSIDE_REPLY 12

enum outside_mount_kind {
	OUTSIDE_TMPFS = 't',   /* what: its options */
	OUTSIDE_BIND = 'b',    /* what: a file or directory, also seen at where */
	OUTSIDE_BIND_RO = 'r', /* read-only there */
};

/* Seen by the program only, made in order.  where is an absolute path; its last
 * component is made for a bind. */
struct outside_mount {
	enum outside_mount_kind kind;
	const char *what, *where;
};

/* All strings are somebody else's; the arrays too, but for a request that was decoded. */
struct outside_request {
	const char *cwd;
	const char *const *argv; /* the name is looked up in the PATH of env */
	const char *const *env;	 /* all of it: "K=V" */
	const struct outside_mount *mounts;
	size_t n_mounts;
	void *arrays; /* of a decoded one */
};

enum outside_reply_kind {
	OUTSIDE_ENDED = 1,  /* value: a status as of waitpid() */
	OUTSIDE_NOT_RUN,    /* value: an errno */
	OUTSIDE_NO_MOUNT,   /* value: an errno */
	OUTSIDE_REPLY_KINDS /* end */
};

struct outside_reply {
	enum outside_reply_kind kind;
	uint32_t value;
	uint32_t at; /* with OUTSIDE_NO_MOUNT */
};

/* Head and body, appended.  0, -E2BIG: more than the limits allow, -EINVAL, -ENOMEM. */
int outside_request_encode(const struct outside_request *q, struct buf *b) _must_check_;
/* How long the body is that follows: 0, -EBADMSG. */
int outside_request_body(const uint8_t head[OUTSIDE_HEAD], size_t *ret_len) _must_check_;
/* ret's strings point into body, of the length that head tells.  0, -EBADMSG, -ENOMEM. */
int outside_request_decode(const uint8_t head[OUTSIDE_HEAD], const uint8_t *body,
			   struct outside_request *ret) _must_check_;
/* Releases the arrays of a decoded one. */
void outside_request_fini(struct outside_request *q);
#define _outside_request_ _cleanup_(outside_request_fini)

void outside_reply_encode(const struct outside_reply *r, uint8_t ret[OUTSIDE_REPLY]);
/* 0, -EBADMSG */
int outside_reply_decode(const uint8_t p[OUTSIDE_REPLY],
			 struct outside_reply *ret) _must_check_;

#endif
