/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running kernel's log: one reader of /dev/kmsg on the loop, that keeps it on disk
 * (boots.h) and feeds any number of followers.
 */
#ifndef KF_KERNLOG_H
#define KF_KERNLOG_H

#include <stdbool.h>
#include <uv.h>

#include "agent/agent.h"
#include "proto/kmsg.h"

struct kernlog;

/* boot_dir_fd: where kmsg.zst goes (kept open by the kernlog, duplicated).  In a scratch
 * root /dev/kmsg is <root>/dev/kmsg, a plain file or FIFO made by the test. */
int kernlog_start(uv_loop_t *loop, struct agent *a, int boot_dir_fd, struct kernlog **ret,
		  struct kf_error *err) _must_check_;
/* Call after the last cursor is freed.  Closes handles; freed when the loop has run their
 * close callbacks. */
void kernlog_stop(struct kernlog *k);

/*
 * A cursor over this boot's log: records come in order, all of them since boot that the
 * kernel still has or the disk kept.  `wake` is called on the loop thread when there is
 * more.
 */
struct kernlog_cursor;
int kernlog_cursor_new(struct kernlog *k, uint64_t since_us, unsigned max_level,
		       void (*wake)(void *arg), void *arg,
		       struct kernlog_cursor **ret) _must_check_;
/* Copy whole records into dst (at least LIMIT_KMSG_RECORD); > 0 bytes, 0: none now. */
ssize_t kernlog_cursor_read(struct kernlog_cursor *c, char *dst, size_t size);
void kernlog_cursor_free(struct kernlog_cursor *c);
/* Everything the kernel has now goes to the file, so that kernlog_file_open() sees it,
 * and towards the disk. */
void kernlog_flush(struct kernlog *k);
/* The kernel's time of the newest record, 0 when there is none. */
uint64_t kernlog_newest_us(struct kernlog *k);
/* Does a record pass: since_us, and max_level as in LogRequest (0: all; else n+1). */
bool kernlog_wanted(const char *record, size_t n, uint64_t since_us, unsigned max_level);

/* An earlier boot's kept log, unpacked: pull gives bytes until 0. Blocking, for jobs. */
struct kernlog_file;
int kernlog_file_open(int boot_dir_fd, struct kernlog_file **ret) _must_check_;
ssize_t kernlog_file_read(struct kernlog_file *f, void *dst, size_t n);
void kernlog_file_close(struct kernlog_file *f);

#endif
