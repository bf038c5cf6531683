/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory with the files of tracefs, as far as they are looked at. */
#ifndef KF_FAKETRACE_H
#define KF_FAKETRACE_H

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"

struct faketrace {
	char root[32]; /* a board's */
	int dir;       /* of tracefs in it */
};

static inline void faketrace_put(const struct faketrace *f, const char *file,
				 const char *text)
{
	int fd;

	assert_int_equal(fs_mkdirs_parent(f->dir, file), 0);
	fd = fs_open_beneath(f->dir, file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static inline void faketrace_is(const struct faketrace *f, const char *file,
				const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file(f->dir, file, 65536, &b), 0);
	assert_string_equal(buf_str(&b), text);
}

static inline void faketrace_make(struct faketrace *f)
{
	static const char *const empty[] = {
		"set_event",	      "set_ftrace_filter",	"set_ftrace_notrace",
		"set_ftrace_pid",     "set_ftrace_notrace_pid", "set_event_pid",
		"set_graph_function", "set_event_notrace_pid",	"trace",
		"trace_pipe",	      "events/irq/enable",	"events/irq/filter",
	};
	_close_ int root = -1;

	snprintf(f->root, sizeof(f->root), "/tmp/kf-trace-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	root = fs_open_dir(AT_FDCWD, f->root);
	assert_true(root >= 0);
	assert_int_equal(fs_mkdirs(root, "sys/kernel/tracing"), 0);
	f->dir = fs_open_dir(root, "sys/kernel/tracing");
	assert_true(f->dir >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		faketrace_put(f, empty[i], "");
	faketrace_put(f, "current_tracer", "nop\n");
	faketrace_put(f, "tracing_on", "1\n");
	faketrace_put(f, "buffer_size_kb", "7 (expanded: 1408)\n");
	faketrace_put(f, "available_tracers", "blk function_graph irqsoff nop\n");
	faketrace_put(f, "events/sched/sched_switch/enable", "0\n");
	faketrace_put(f, "events/sched/sched_switch/filter", "none\n");
	faketrace_put(f, "events/sched/enable", "0\n");
}

static inline void faketrace_remove(struct faketrace *f)
{
	_close_ int tmp = fs_open_dir(AT_FDCWD, "/tmp");

	close(f->dir);
	assert_int_equal(fs_remove_tree(tmp, f->root + strlen("/tmp/")), 0);
}

#endif
