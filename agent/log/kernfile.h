/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmsg.zst of the running boot, written as records come.
 *
 * One zstd frame for each run of the agent.  What was flushed can be read although the
 * frame has no end; a frame that an earlier run of this boot left open is closed first,
 * behind its last whole block.
 */
#ifndef KF_KERNFILE_H
#define KF_KERNFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

#define KERNFILE_NAME "kmsg.zst"
#define KERNFILE_MAX  (16 * 1024 * 1024) /* packed bytes; then a note, and no more */

struct kernfile;

int kernfile_open(int dir_fd, struct kernfile **ret) _must_check_;
/* Ends the frame, flushes and closes.  NULL is fine. */
void kernfile_close(struct kernfile *f);

/* Unpacked bytes in it, what is not flushed yet included. */
uint64_t kernfile_bytes(const struct kernfile *f);
/* Is there a record, and the last one's number. */
bool kernfile_last(const struct kernfile *f, uint64_t *ret_seq);

/* Whole records.  -EFBIG when it is full, or what writing failed with: for ever. */
int kernfile_append(struct kernfile *f, const char *data, size_t n) _must_check_;
/* To the file, not to the disk: fdatasync(kernfile_fd()) does that. */
int kernfile_flush(struct kernfile *f) _must_check_;
int kernfile_fd(const struct kernfile *f);

/* After everything was read.  0: the last frame has its end; 1: it has it with the n
 * bytes of `closing` behind it; -EBADMSG: it was cut inside a block. */
struct kernlog_file;
int kernlog_file_tail(struct kernlog_file *f, const void *closing, size_t n) _must_check_;
/* Of the first size bytes of fd, those up to the end of the last whole block. */
uint64_t kernlog_file_whole(int fd, uint64_t size);

#endif
