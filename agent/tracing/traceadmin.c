// SPDX-License-Identifier: GPL-2.0-or-later
/* What there is to trace, and switching all of it off. */
#include <fcntl.h>
#include <string.h>

#include "agent/oserr.h"
#include "agent/tracing/topstate.h"
#include "agent/tracing/trace.h"
#include "agent/tracing/tracefs.h"
#include "agent/tracing/traceout.h"
#include "agent/tracing/traceplace.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

static const struct {
	const char *what, *file;
	bool words; /* one line of them */
} lists[] = {
	{"events", "available_events", false},
	{"tracers", "available_tracers", true},
	{"functions", "available_filter_functions", false},
};

static int pass_list(int top, size_t which, struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(top, lists[which].file, O_RDONLY | O_CLOEXEC, 0);
	_free_ char *piece = malloc(LIMIT_TRACE_RECORD);
	ssize_t n = 1;
	int r = 0;

	if (!piece)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	if (fd == -ENOENT)
		return kf_err(err, fd, KF_REASON_NOT_FOUND,
			      "this kernel tells no %s (no %s in tracefs)",
			      lists[which].what, lists[which].file);
	if (fd < 0)
		return oserr(err, fd, "open %s in tracefs", lists[which].file);
	while (r == 0 && (n = read(fd, piece, LIMIT_TRACE_RECORD)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oserr(err, -errno, "read %s in tracefs",
				     lists[which].file);
		for (ssize_t i = 0; lists[which].words && i < n; i++)
			piece[i] = piece[i] == ' ' ? '\n' : piece[i];
		r = traceout(TRACEREC_TEXT, piece, (size_t)n);
	}
	return r < 0 ? oserr(err, r, "pass on a list") : 0;
}

int trace_list(const char *root, const char *what)
{
	struct kf_error err = {0};
	_close_ int top = tracefs_open(root, &err);
	int r = top < 0 ? top : -EINVAL;

	for (size_t i = 0; top >= 0 && i < ARRAY_SIZE(lists); i++)
		if (strcmp(what, lists[i].what) == 0)
			r = pass_list(top, i, &err);
	if (r < 0 && !err.code)
		kf_err(&err, r, KF_REASON_INVALID, "there is no list of %s", what);
	if (r < 0)
		return traceout_failed(&err);
	return traceout_end(0, 0, 0) < 0;
}

/* --- off ------------------------------------------------------------------------------
 */

static int reset_one(int dir, const char *name, unsigned *places, struct kf_error *err)
{
	_buf_ struct buf what = BUF_INIT;
	int r = topstate_reset(dir, &what, err);

	if (r < 0)
		return *name ? kf_err_wrap(err, "instance %s", name) : r;
	if (!buf_len(&what))
		return 0;
	++*places;
	return traceout_note("switched off%s%s: %s", *name ? " in the instance " : "",
			     name, buf_str(&what) ? buf_str(&what) : "");
}

static int reset_instances(int top, unsigned *places, struct kf_error *err)
{
	_closedir_ DIR *d = NULL;
	struct dirent *de;
	int r = 0;

	if (fs_dir_stream(fs_open_dir(top, "instances"), &d) < 0)
		return 0;
	while (r == 0 && (de = readdir(d))) {
		_close_ int dir = -1;
		char path[300];

		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "instances/%s", de->d_name);
		dir = fs_open_beneath(top, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (dir >= 0)
			r = reset_one(dir, de->d_name, places, err);
	}
	return r;
}

int trace_reset(const char *root)
{
	struct kf_error err = {0};
	_close_ int top = tracefs_open(root, &err);
	unsigned places = 0, gone = 0;
	int r = top;

	if (top >= 0) {
		gone = traceplace_sweep(top);
		r = reset_one(top, "", &places, &err);
	}
	if (r >= 0)
		r = reset_instances(top, &places, &err);
	if (r >= 0 && gone)
		r = traceout_note("removed %u of kferry's instances that were left",
				  gone);
	if (r >= 0 && !gone && !places)
		r = traceout_note("nothing was on");
	if (r < 0)
		return traceout_failed(&err);
	return traceout_end(0, 0, 0) < 0;
}
