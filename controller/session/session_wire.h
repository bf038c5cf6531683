/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a command and a session's process say to each other on the session's socket.  No
 * I/O is done here.
 *
 *	command                              session
 *	   |  RUN target, command  ----------->  |
 *	   |  <-----------  OPENED (a stream)    |	or REFUSED
 *	   |  <-------------------------  ENDED  |	when the stream has ended
 *
 *	   |  LOOK  --------------------------->  |
 *	   |  <------------------------  STATUS  |
 *
 *	   |  STOP  --------------------------->  |
 *	   |  <-----------------------  STOPPED  |	its socket is gone
 *
 * One request a connection.  The bytes of the command's stdin and stdout are not framed:
 * they go through the stream, a socket whose descriptor comes with OPENED.
 *
 * A frame is a header of eight bytes (u32 length of the body, u8 type, u8 version, u16
 * zero; little endian) and its body.  The length is checked against the type's maximum
 * before anything of the body is kept.
 */
#ifndef KF_SESSION_WIRE_H
#define KF_SESSION_WIRE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "proto/base/buf.h"
#include "proto/digest.h"

#define SESSION_VERSION 1
#define SESSION_HEADER	8

enum session_type {
	SESSION_RUN = 1,
	SESSION_LOOK,
	SESSION_STOP,
	SESSION_OPENED = 16,
	SESSION_REFUSED,
	SESSION_ENDED,
	SESSION_STATUS,
	SESSION_STOPPED,
};

/* Bytes of text, without a terminator. */
#define SESSION_COMMAND_MAX 4096
#define SESSION_WHO_MAX	    600
#define SESSION_ERROR_MAX   512
#define SESSION_WORDS_MAX   (64u * 1024) /* stderr of a command */
#define SESSION_STATUS_MAX  (8u * 1024)	 /* JSON */

struct session_frame {
	enum session_type type;
	const uint8_t *body; /* in the buffer that it was read from */
	size_t len;
};

struct session_run {
	struct digest target;
	const char *command; /* not terminated */
	size_t command_len;
};

struct session_opened {
	struct sockaddr_storage peer; /* ss_family 0: not known */
	char who[SESSION_WHO_MAX + 1];
};

struct session_ended {
	int status; /* -1: none came */
	char error[SESSION_ERROR_MAX + 1];
	const uint8_t *words;
	size_t words_len;
};

/* 1 and the frame that `in` begins with, 0: more is needed.  -EPROTONOSUPPORT: of another
 * version; -EBADMSG, -EMSGSIZE: it is no frame. */
int session_frame(const struct buf *in, struct session_frame *ret) _must_check_;
/* Drop it from the buffer: what it pointed to is gone. */
void session_frame_done(struct buf *in, const struct session_frame *f);

/* The body, checked: -EBADMSG. */
int session_take_run(const struct session_frame *f, struct session_run *ret) _must_check_;
int session_take_opened(const struct session_frame *f,
			struct session_opened *ret) _must_check_;
int session_take_ended(const struct session_frame *f,
		       struct session_ended *ret) _must_check_;
/* Of REFUSED: its text, made fit to show. */
int session_take_refused(const struct session_frame *f,
			 char ret[static SESSION_ERROR_MAX + 1]) _must_check_;

/* Append a frame.  -EMSGSIZE: a text is too long.  What is only told is cut instead. */
int session_put(struct buf *out, enum session_type type, const void *body,
		size_t n) _must_check_;
int session_put_run(struct buf *out, const struct digest *target,
		    const char *command) _must_check_;
int session_put_opened(struct buf *out, const struct sockaddr_storage *peer,
		       const char *who) _must_check_;
int session_put_refused(struct buf *out, const char *text) _must_check_;
int session_put_ended(struct buf *out, int status, const char *error, const void *words,
		      size_t words_len) _must_check_;

#endif
