// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/traceset.h"

#include <stdbool.h>
#include <string.h>

#include "agent/oserr.h"
#include "agent/tracing/tracefs.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define SAID_MAX 400
#define FILE_MAX (2 * LIMIT_NAME + sizeof("events///filter"))

/* "events/SYSTEM[/EVENT]/FILE" */
static void event_file(const struct traceset_event *e, const char *file,
		       char dst[static FILE_MAX])
{
	snprintf(dst, FILE_MAX, "events/%s%s%s%s%s", e->system, e->event ? "/" : "",
		 e->event ? e->event : "", *file ? "/" : "", file);
}

static int no_event(const struct traceset_event *e, struct kf_error *err)
{
	if (!e->event)
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "this kernel has no system of events %s (is its module "
			      "loaded?)",
			      e->system);
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
		      "this kernel has no event %s:%s (is its module loaded?)", e->system,
		      e->event);
}

static int bad_filter(int r, const struct traceset_event *e, int dir, const char *file,
		      struct kf_error *err)
{
	char said[SAID_MAX];

	tracefs_said(dir, file, said, sizeof(said));
	return kf_err(err, r, KF_REASON_INVALID,
		      "the filter of %s%s%s is refused: the kernel says: %s", e->system,
		      e->event ? ":" : "", e->event ? e->event : "",
		      *said ? said : strerror(-r));
}

/* A name with * or ? in it. */
static int set_glob(const struct traceset_event *e, int dir, struct kf_error *err)
{
	char name[2 * LIMIT_NAME + 2];
	int r;

	snprintf(name, sizeof(name), "%s:%s", e->system, e->event);
	r = tracefs_write(dir, "set_event", name, true);
	if (r == -EINVAL || r == -ENOENT)
		return no_event(e, err);
	return r < 0 ? oserr(err, r, "switch the events %s on", name) : 0;
}

static int set_event(const struct traceset_event *e, int dir, struct kf_error *err)
{
	char file[FILE_MAX];
	int r = 0;

	if (e->event && strpbrk(e->event, "*?"))
		return set_glob(e, dir, err);
	event_file(e, "", file);
	if (!fs_exists(dir, file))
		return no_event(e, err);
	event_file(e, "filter", file);
	if (e->filter)
		r = tracefs_write(dir, file, e->filter, false);
	if (r < 0)
		return bad_filter(r, e, dir, file, err);
	event_file(e, "enable", file);
	r = tracefs_write(dir, file, "1", false);
	return r < 0 ? oserr(err, r, "switch on %s", file) : 0;
}

/* A word without an end is looked at when the file is closed, where nobody is told that
 * it fits nothing. */
static int set_function(int dir, const char *name, bool add)
{
	_free_ char *line = NULL;

	if (asprintf(&line, "%s\n", name) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return tracefs_write(dir, "set_ftrace_filter", line, add);
}

static int set_functions(const struct traceset *t, int dir, struct kf_error *err)
{
	for (size_t i = 0; i < t->n_functions; i++) {
		int r = set_function(dir, t->functions[i], i > 0);

		if (r == -EINVAL)
			return kf_err(
				err, r, KF_REASON_NOT_FOUND,
				"no function of this kernel that can be traced fits "
				"%s",
				t->functions[i]);
		if (r == -ENOENT || r == -ENODEV)
			return kf_err(err, r, KF_REASON_NOT_FOUND,
				      "this kernel cannot choose functions: it is built "
				      "without CONFIG_DYNAMIC_FTRACE");
		if (r < 0)
			return oserr(err, r, "trace the function %s", t->functions[i]);
	}
	return 0;
}

int traceset_check(const struct traceset *t, int dir, struct kf_error *err)
{
	_free_ char *have = NULL;

	if (!t->tracer || tracefs_has_word(dir, "available_tracers", t->tracer))
		return 0;
	have = tracefs_line(dir, "available_tracers");
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
		      "this kernel has no tracer %s; it has %s", t->tracer,
		      have && *have ? have : "none");
}

static int set_tracer(const struct traceset *t, int dir, struct kf_error *err)
{
	char said[SAID_MAX];
	int r = traceset_check(t, dir, err);

	if (r == 0)
		r = set_functions(t, dir, err);
	if (r < 0)
		return r;
	r = tracefs_write(dir, "current_tracer", t->tracer, false);
	if (r < 0) {
		tracefs_said(dir, "current_tracer", said, sizeof(said));
		return *said ? kf_err(err, r, KF_REASON_INVALID,
				      "the tracer %s is refused: the kernel says: %s",
				      t->tracer, said)
			     : oserr(err, r, "switch the tracer %s on", t->tracer);
	}
	return 0;
}

static int set_buffer(const struct traceset *t, int dir, struct kf_error *err)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%u", t->buffer_kib);
	r = tracefs_write(dir, "buffer_size_kb", text, false);
	return r < 0 ? oserr(err, r, "a buffer of %u KiB for each processor",
			     t->buffer_kib)
		     : 0;
}

/* Older kernels have no such files. */
static void leave_out(int dir, pid_t self)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)self);
	(void)!tracefs_write(dir, "set_event_notrace_pid", text, false);
	(void)!tracefs_write(dir, "set_ftrace_notrace_pid", text, false);
}

int traceset_apply(const struct traceset *t, int dir, pid_t self, struct kf_error *err)
{
	int r = tracefs_write(dir, "tracing_on", "0", false);

	if (r < 0)
		return oserr(err, r, "switch tracing off in tracefs");
	leave_out(dir, self);
	if (t->buffer_kib)
		r = set_buffer(t, dir, err);
	for (size_t i = 0; r == 0 && i < t->n_events; i++)
		r = set_event(&t->events[i], dir, err);
	if (r == 0 && t->tracer)
		r = set_tracer(t, dir, err);
	return r;
}
