/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the reader (kernlog.c) and its followers (cursor.c): nobody else includes this.
 */
#ifndef KF_KERNLOG_STATE_H
#define KF_KERNLOG_STATE_H

#include "agent/log/kernfile.h"
#include "agent/log/kernlog.h"
#include "proto/base/buf.h"

#define KERNLOG_RECENT (256 * 1024) /* bytes of the log kept in memory, at most */

struct kernlog_cursor {
	struct kernlog *k;
	struct kernlog_cursor *next;
	uint64_t pos; /* in the stream: the first byte not looked at */
	uint64_t since_us;
	unsigned max_level;
	void (*wake)(void *arg);
	void *arg;
	struct kernlog_file *file; /* while it reads from the disk */
	struct buf part;	   /* unpacked, from pos on */
};

struct kernlog {
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_timer_t read_timer, sync_timer;
	uv_fs_t sync;
	unsigned refs; /* handles, and a sync under way */
	int fd, dir_fd;
	bool device, polling, stopping, syncing;
	bool dirty, urgent;
	bool lost; /* the kernel said so; how many the next record tells */
	bool any;
	uint64_t last_seq;
	uint64_t newest_us; /* of all records that were read, also those known before */
	int64_t synced_ms;
	uint64_t end;	   /* of the stream */
	struct buf recent; /* the stream's last bytes, whole records */
	struct buf input;  /* of a plain file: what is not a whole record yet */
	char *line;
	struct kernfile *file; /* NULL: nothing is kept */
	struct kernlog_cursor *cursors;
};

void kernlog_unref(struct kernlog *k);

#endif
